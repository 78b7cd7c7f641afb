/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-target-private.h"

#include <string.h>

#include "par-soup-error.h"
#include "par-soup-uri-private.h"

#define MAX_REDIRECTIONS 20

/* What another origin may see. Any other header may be a credential. */
static const char * const travelling_headers[] = {
  "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Cache-Control",
  "Content-Language", "Content-Type", "If-Match", "If-Modified-Since", "If-None-Match",
  "If-Range", "If-Unmodified-Since", "Pragma", "Range", "User-Agent",
};

/* Attempts, of which @attempt is one counted from 1, go to the replicas in turn. */
void
par_soup_target_init (ParSoupTarget *self,
                      ParSoupCall   *call,
                      guint          attempt)
{
  g_autoptr(GUri) uri = NULL;

  memset (self, 0, sizeof *self);
  if (call->replicas == NULL)
    {
      uri = g_uri_ref (call->uri);
    }
  else
    {
      self->replica = (call->first_replica + attempt - 1) % call->replicas->len;
      uri = par_soup_uri_rebase (call->uri, g_ptr_array_index (call->replicas, self->replica));
    }

  self->method = call->method;
  self->uri = par_soup_uri_strip (uri);
  self->credentials = par_soup_uri_get_credentials (uri);
  self->has_body = call->body != NULL;
}

void
par_soup_target_clear (ParSoupTarget *self)
{
  g_clear_pointer (&self->uri, g_uri_unref);
  g_clear_pointer (&self->credentials, g_free);
}

static gboolean
may_travel (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (travelling_headers); i++)
    if (g_ascii_strcasecmp (travelling_headers[i], name) == 0)
      return TRUE;

  return FALSE;
}

/* Makes a message for one exchange. @decodes tells whether the body is to be uncompressed: it is
 * if the program has not said itself what it accepts. */
SoupMessage *
par_soup_target_new_message (ParSoupTarget *self,
                             ParSoupCall   *call,
                             gboolean      *decodes)
{
  SoupMessage *message = soup_message_new_from_uri (self->method, self->uri);
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);
  guint flags = SOUP_MESSAGE_NO_REDIRECT;

  for (guint i = 0; call->headers != NULL && i < call->headers->len; i += 2)
    if (!self->is_abroad || may_travel (g_ptr_array_index (call->headers, i)))
      soup_message_headers_append (headers, g_ptr_array_index (call->headers, i),
                                   g_ptr_array_index (call->headers, i + 1));

  if (self->has_body)
    soup_message_set_request_body_from_bytes (message, call->content_type, call->body);
  if (self->credentials != NULL && soup_message_headers_get_one (headers, "Authorization") == NULL)
    soup_message_headers_replace (headers, "Authorization", self->credentials);
  if (call->user_agent != NULL && soup_message_headers_get_one (headers, "User-Agent") == NULL)
    soup_message_headers_replace (headers, "User-Agent", call->user_agent);

  *decodes = soup_message_headers_get_list (headers, "Accept-Encoding") == NULL;
  if (*decodes)
    soup_message_headers_replace (headers, "Accept-Encoding", "gzip");

  /* It would wait for a body that is uncompressed and looked at in ways that hide how much of it
   * has come. */
  soup_message_disable_feature (message, SOUP_TYPE_CONTENT_DECODER);
  soup_message_disable_feature (message, SOUP_TYPE_CONTENT_SNIFFER);

  /* Else libsoup opens a connection for each message that must not be sent twice. */
  if (call->is_idempotent)
    flags |= SOUP_MESSAGE_IDEMPOTENT;
  soup_message_add_flags (message, flags);

  return message;
}

gboolean
par_soup_target_is_redirect (guint status)
{
  return status == SOUP_STATUS_MOVED_PERMANENTLY || status == SOUP_STATUS_FOUND
         || status == SOUP_STATUS_SEE_OTHER || status == SOUP_STATUS_TEMPORARY_REDIRECT
         || status == SOUP_STATUS_PERMANENT_REDIRECT;
}

static GUri *
find_location (ParSoupTarget  *self,
               const char     *location,
               GError        **error)
{
  g_autoptr(GUri) uri = g_uri_parse_relative (self->uri, location, SOUP_HTTP_URI_FLAGS, NULL);
  g_autofree char *text = uri != NULL ? g_uri_to_string (uri) : NULL;
  GUri *found = text != NULL ? par_soup_uri_parse (text, NULL) : NULL;

  if (found == NULL)
    g_set_error_literal (error, PAR_SOUP_ERROR, PAR_SOUP_ERROR_REDIRECTED,
                         "redirected to what is no URI of HTTP");

  return found;
}

/* What a browser does: a form that was sent is answered by something to get. */
static void
change_method (ParSoupTarget *self,
               guint          status)
{
  gboolean is_post = g_str_equal (self->method, "POST");

  if (g_str_equal (self->method, "HEAD"))
    return;

  if (status == SOUP_STATUS_SEE_OTHER
      || (is_post && (status == SOUP_STATUS_MOVED_PERMANENTLY || status == SOUP_STATUS_FOUND)))
    {
      self->method = g_intern_static_string ("GET");
      self->has_body = FALSE;
    }
}

/* Goes where an answer sends the attempt, if that may go there. */
gboolean
par_soup_target_redirect (ParSoupTarget  *self,
                          ParSoupCall    *call,
                          guint           status,
                          const char     *location,
                          GError        **error)
{
  g_autoptr(GUri) uri = find_location (self, location, error);

  if (uri == NULL)
    return FALSE;

  if (self->n_redirections == MAX_REDIRECTIONS)
    {
      g_set_error (error, PAR_SOUP_ERROR, PAR_SOUP_ERROR_REDIRECTED,
                   "redirected more than %d times", MAX_REDIRECTIONS);
      return FALSE;
    }

  if (!par_soup_uri_is_same_origin (self->uri, uri))
    {
      if (!call->crosses_origins && !par_soup_uri_is_upgrade (self->uri, uri))
        {
          g_autofree char *elsewhere = par_soup_uri_describe (uri);

          g_set_error (error, PAR_SOUP_ERROR, PAR_SOUP_ERROR_REDIRECTED,
                       "redirected to %s, which is another origin: ask there, or allow it by "
                       "cross-origins", elsewhere);
          return FALSE;
        }
      self->is_abroad = TRUE;
      g_clear_pointer (&self->credentials, g_free);
    }

  g_uri_unref (self->uri);
  self->uri = par_soup_uri_strip (uri);
  self->n_redirections++;
  change_method (self, status);

  return TRUE;
}
