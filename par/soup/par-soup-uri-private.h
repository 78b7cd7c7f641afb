/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

GUri     *par_soup_uri_parse           (const char  *text,
                                        GError     **error);
char     *par_soup_uri_get_host_key    (GUri        *uri);
GUri     *par_soup_uri_strip           (GUri        *uri);
char     *par_soup_uri_describe        (GUri        *uri);
char     *par_soup_uri_get_credentials (GUri        *uri);
GUri     *par_soup_uri_rebase          (GUri        *uri,
                                        GUri        *base);
gboolean  par_soup_uri_is_same_origin  (GUri        *uri,
                                        GUri        *other);
gboolean  par_soup_uri_is_upgrade      (GUri        *from,
                                        GUri        *to);

G_END_DECLS
