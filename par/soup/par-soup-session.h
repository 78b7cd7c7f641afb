/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_SOUP_INSIDE) && !defined (PAR_SOUP_COMPILATION)
# error "Only <par/soup/par-soup.h> can be included directly."
#endif

#include <libsoup/soup.h>
#include <par/par.h>
#include <par/soup/par-soup-request.h>

G_BEGIN_DECLS

#define PAR_SOUP_TYPE_SESSION (par_soup_session_get_type ())

PAR_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (ParSoupSession, par_soup_session, PAR_SOUP, SESSION, GObject)

PAR_AVAILABLE_IN_ALL
ParSoupSession *par_soup_session_new                      (void) G_GNUC_WARN_UNUSED_RESULT;
PAR_AVAILABLE_IN_ALL
ParSoupSession *par_soup_session_new_for_session          (SoupSession     *session)
                                                           G_GNUC_WARN_UNUSED_RESULT;
PAR_AVAILABLE_IN_ALL
ParSoupSession *par_soup_session_get_default              (void);

PAR_AVAILABLE_IN_ALL
SoupSession    *par_soup_session_get_session              (ParSoupSession  *self);
PAR_AVAILABLE_IN_ALL
guint           par_soup_session_get_connections_per_host (ParSoupSession  *self);
PAR_AVAILABLE_IN_ALL
ParLimiter     *par_soup_session_get_limiter              (ParSoupSession  *self);
PAR_AVAILABLE_IN_ALL
GTlsDatabase   *par_soup_session_get_tls_database         (ParSoupSession  *self);
PAR_AVAILABLE_IN_ALL
const char     *par_soup_session_get_user_agent           (ParSoupSession  *self);
PAR_AVAILABLE_IN_ALL
void            par_soup_session_set_user_agent           (ParSoupSession  *self,
                                                           const char      *user_agent);

PAR_AVAILABLE_IN_ALL
gint64          par_soup_session_get                      (ParSoupSession  *self,
                                                           ParRequests     *requests,
                                                           const char      *uri,
                                                           GError         **error);
PAR_AVAILABLE_IN_ALL
gint64          par_soup_session_head                     (ParSoupSession  *self,
                                                           ParRequests     *requests,
                                                           const char      *uri,
                                                           GError         **error);
PAR_AVAILABLE_IN_ALL
gint64          par_soup_session_post                     (ParSoupSession  *self,
                                                           ParRequests     *requests,
                                                           const char      *uri,
                                                           const char      *content_type,
                                                           GBytes          *body,
                                                           GError         **error);
PAR_AVAILABLE_IN_ALL
gint64          par_soup_session_send                     (ParSoupSession  *self,
                                                           ParRequests     *requests,
                                                           ParSoupRequest  *request);

G_END_DECLS
