/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-call-private.h"

ParSoupCall *
par_soup_call_new (const char *method,
                   GUri       *uri)
{
  ParSoupCall *self = g_atomic_rc_box_new0 (ParSoupCall);

  self->method = g_intern_string (method);
  self->uri = g_uri_ref (uri);

  return self;
}

ParSoupCall *
par_soup_call_ref (ParSoupCall *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
clear (gpointer data)
{
  ParSoupCall *self = data;

  g_uri_unref (self->uri);
  g_clear_pointer (&self->replicas, g_ptr_array_unref);
  g_clear_pointer (&self->headers, g_ptr_array_unref);
  g_free (self->user_agent);
  g_clear_pointer (&self->body, g_bytes_unref);
  g_free (self->content_type);
  g_free (self->accept_status);
}

void
par_soup_call_unref (ParSoupCall *self)
{
  g_atomic_rc_box_release_full (self, clear);
}

/* Headers remember what was asked of them, so those of the program may not be read in another
 * thread. */
void
par_soup_call_copy_headers (ParSoupCall        *self,
                            SoupMessageHeaders *headers)
{
  SoupMessageHeadersIter iter;
  const char *name, *value;

  soup_message_headers_iter_init (&iter, headers);
  while (soup_message_headers_iter_next (&iter, &name, &value))
    {
      if (self->headers == NULL)
        self->headers = g_ptr_array_new_with_free_func (g_free);
      g_ptr_array_add (self->headers, g_strdup (name));
      g_ptr_array_add (self->headers, g_strdup (value));
    }
}
