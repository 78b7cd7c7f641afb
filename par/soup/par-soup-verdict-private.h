/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  PAR_SOUP_VERDICT_SUCCESS,
  PAR_SOUP_VERDICT_FAILURE,  /* another attempt may succeed */
  PAR_SOUP_VERDICT_FATAL,    /* no other attempt would */
} ParSoupVerdict;

gboolean       par_soup_verdict_is_valid_accept (const char *accept);
ParSoupVerdict par_soup_verdict_of_status       (guint       status,
                                                 const char *accept);
gboolean       par_soup_verdict_get_retry_after (const char *header,
                                                 gint64      now_s,
                                                 guint      *msec);

G_END_DECLS
