/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_SOUP_INSIDE) && !defined (PAR_SOUP_COMPILATION)
# error "Only <par/soup/par-soup.h> can be included directly."
#endif

#include <libsoup/soup.h>
#include <par/par.h>

G_BEGIN_DECLS

#define PAR_SOUP_TYPE_RESPONSE (par_soup_response_get_type ())

PAR_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (ParSoupResponse, par_soup_response, PAR_SOUP, RESPONSE, GObject)

PAR_AVAILABLE_IN_ALL
guint               par_soup_response_get_status       (ParSoupResponse *self);
PAR_AVAILABLE_IN_ALL
const char         *par_soup_response_get_reason       (ParSoupResponse *self);
PAR_AVAILABLE_IN_ALL
SoupMessageHeaders *par_soup_response_get_headers      (ParSoupResponse *self);
PAR_AVAILABLE_IN_ALL
GBytes             *par_soup_response_get_body         (ParSoupResponse *self);
PAR_AVAILABLE_IN_ALL
const char         *par_soup_response_get_text         (ParSoupResponse *self);
PAR_AVAILABLE_IN_ALL
GInputStream       *par_soup_response_get_stream       (ParSoupResponse *self);
PAR_AVAILABLE_IN_ALL
const char         *par_soup_response_get_uri          (ParSoupResponse *self);
PAR_AVAILABLE_IN_ALL
guint               par_soup_response_get_replica      (ParSoupResponse *self);
PAR_AVAILABLE_IN_ALL
SoupHTTPVersion     par_soup_response_get_http_version (ParSoupResponse *self);
PAR_AVAILABLE_IN_ALL
gint64              par_soup_response_get_elapsed      (ParSoupResponse *self);

G_END_DECLS
