/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_SOUP_INSIDE) && !defined (PAR_SOUP_COMPILATION)
# error "Only <par/soup/par-soup.h> can be included directly."
#endif

#include <libsoup/soup.h>
#include <par/par.h>

G_BEGIN_DECLS

/* ParSoupSession is a layer above. */
typedef struct _ParSoupSession ParSoupSession;

#define PAR_SOUP_TYPE_REQUEST (par_soup_request_get_type ())

PAR_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (ParSoupRequest, par_soup_request, PAR_SOUP, REQUEST, ParRequest)

PAR_AVAILABLE_IN_ALL
ParSoupRequest     *par_soup_request_new                   (const char          *method,
                                                            const char          *uri,
                                                            GError             **error)
                                                            G_GNUC_WARN_UNUSED_RESULT;

PAR_AVAILABLE_IN_ALL
const char         *par_soup_request_get_method            (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
const char         *par_soup_request_get_uri               (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
ParSoupSession     *par_soup_request_get_session           (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
void                par_soup_request_set_session           (ParSoupRequest      *self,
                                                            ParSoupSession      *session);
PAR_AVAILABLE_IN_ALL
SoupMessageHeaders *par_soup_request_get_headers           (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
GBytes             *par_soup_request_get_body              (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
void                par_soup_request_set_body              (ParSoupRequest      *self,
                                                            GBytes              *body);
PAR_AVAILABLE_IN_ALL
const char         *par_soup_request_get_content_type      (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
void                par_soup_request_set_content_type      (ParSoupRequest      *self,
                                                            const char          *content_type);
PAR_AVAILABLE_IN_ALL
const char * const *par_soup_request_get_replicas          (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
void                par_soup_request_set_replicas          (ParSoupRequest      *self,
                                                            const char * const  *replicas);
PAR_AVAILABLE_IN_ALL
const char         *par_soup_request_get_accept_status     (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
void                par_soup_request_set_accept_status     (ParSoupRequest      *self,
                                                            const char          *accept_status);
PAR_AVAILABLE_IN_ALL
gint64              par_soup_request_get_max_body_size     (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
void                par_soup_request_set_max_body_size     (ParSoupRequest      *self,
                                                            gint64               max_body_size);
PAR_AVAILABLE_IN_ALL
gboolean            par_soup_request_get_follow_redirects  (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
void                par_soup_request_set_follow_redirects  (ParSoupRequest      *self,
                                                            gboolean             follow_redirects);
PAR_AVAILABLE_IN_ALL
gboolean            par_soup_request_get_cross_origins     (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
void                par_soup_request_set_cross_origins     (ParSoupRequest      *self,
                                                            gboolean             cross_origins);
PAR_AVAILABLE_IN_ALL
gboolean            par_soup_request_get_streaming         (ParSoupRequest      *self);
PAR_AVAILABLE_IN_ALL
void                par_soup_request_set_streaming         (ParSoupRequest      *self,
                                                            gboolean             streaming);

G_END_DECLS
