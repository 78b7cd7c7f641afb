/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

void par_soup_sockets_note      (SoupSession *session,
                                 SoupMessage *message,
                                 GIOStream   *connection);
void par_soup_sockets_shut_down (SoupSession *session,
                                 SoupMessage *message);

G_END_DECLS
