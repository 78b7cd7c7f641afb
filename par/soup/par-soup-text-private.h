/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

char    *par_soup_text_decode  (GBytes     *body,
                                const char *content_type);
char    *par_soup_text_excerpt (GBytes     *body,
                                const char *content_type);

G_END_DECLS
