/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/soup/par-soup-response.h>

G_BEGIN_DECLS

ParSoupResponse *par_soup_response_new (SoupMessage  *message,
                                        GBytes       *body,
                                        GInputStream *stream,
                                        guint         replica,
                                        gint64        elapsed_us);

G_END_DECLS
