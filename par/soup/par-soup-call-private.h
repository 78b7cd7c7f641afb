/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* What a request asks for, as it was when its first attempt started. It is not changed after that,
 * so attempts in any thread may read it. */
typedef struct
{
  const char *method;    /* interned */
  GUri *uri;
  GPtrArray *replicas;   /* (element-type GUri), or NULL */
  guint first_replica;
  GPtrArray *headers;    /* (element-type utf8): names and values in turn, or NULL */
  char *user_agent;
  GBytes *body;
  char *content_type;
  char *accept_status;
  gint64 max_body_size;  /* 0 for any */
  gboolean follows_redirects;
  gboolean crosses_origins;
  gboolean is_streaming;
  gboolean is_idempotent;
} ParSoupCall;

ParSoupCall *par_soup_call_new          (const char         *method,
                                         GUri               *uri);
ParSoupCall *par_soup_call_ref          (ParSoupCall        *self);
void         par_soup_call_unref        (ParSoupCall        *self);
void         par_soup_call_copy_headers (ParSoupCall        *self,
                                         SoupMessageHeaders *headers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ParSoupCall, par_soup_call_unref)

G_END_DECLS
