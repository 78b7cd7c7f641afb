/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

#define PAR_SOUP_TYPE_BODY (par_soup_body_get_type ())

/* The body of an answer: a pollable stream that tells a whole body from one that was cut short,
 * uncompresses it, and ends at a limit. */
G_DECLARE_FINAL_TYPE (ParSoupBody, par_soup_body, PAR_SOUP, BODY, GInputStream)

typedef void (*ParSoupBodyClosedFunc) (gpointer user_data);

ParSoupBody *par_soup_body_new                 (SoupMessage            *message,
                                                GInputStream           *stream,
                                                gboolean                decodes,
                                                gint64                  max_size);
void         par_soup_body_set_closed_func     (ParSoupBody            *self,
                                                ParSoupBodyClosedFunc   function,
                                                gpointer                user_data);
gint64       par_soup_body_get_expected_length (ParSoupBody            *self);

G_END_DECLS
