/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "par-soup-call-private.h"

G_BEGIN_DECLS

/* Where an attempt goes, and how, from one redirection to the next. */
typedef struct
{
  const char *method;    /* interned */
  GUri *uri;             /* as the service gets it */
  char *credentials;     /* the value of an Authorization header, or NULL */
  guint replica;
  gboolean has_body;
  gboolean is_abroad;    /* at another origin than that it began at */
  guint n_redirections;
} ParSoupTarget;

void         par_soup_target_init        (ParSoupTarget  *self,
                                          ParSoupCall    *call,
                                          guint           attempt);
void         par_soup_target_clear       (ParSoupTarget  *self);
SoupMessage *par_soup_target_new_message (ParSoupTarget  *self,
                                          ParSoupCall    *call,
                                          gboolean       *decodes);
gboolean     par_soup_target_is_redirect (guint           status);
gboolean     par_soup_target_redirect    (ParSoupTarget  *self,
                                          ParSoupCall    *call,
                                          guint           status,
                                          const char     *location,
                                          GError        **error);

G_END_DECLS
