/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-exchange-private.h"

#include "par-soup-error.h"
#include "par-soup-sockets-private.h"

/* What is allocated on the word of a service, which may be wrong. */
#define MAX_ROOM_AHEAD (1024 * 1024)
#define FIRST_ROOM 4096

/* How much is read before others get their turn. */
#define MAX_AT_ONCE (256 * 1024)

/* How many answers may say that the answer is still to come. */
#define MAX_NEWS 100

/* An excerpt ends when it would have to be waited for, and has this. */
#define EXCERPT_SIZE 200
#define MAX_EXCERPT (64 * 1024)

static void
network_event_cb (SoupMessage        *message,
                  GSocketClientEvent  event,
                  GIOStream          *connection,
                  ParSoupExchange    *self)
{
  if (event == G_SOCKET_CLIENT_COMPLETE)
    par_soup_sockets_note (self->session, message, connection);
}

/* While news come faster than they are read, libsoup reads nothing else. In a main context it hears
 * nothing, then: what ends that is the end of the connection. */
static void
got_news_cb (SoupMessage     *message,
             ParSoupExchange *self)
{
  if (++self->n_news <= MAX_NEWS)
    return;

  if (self->blocks)
    g_cancellable_cancel (self->cancellable);
  else
    par_soup_sockets_shut_down (self->session, message);
}

static void
end (ParSoupExchange *self,
     GError          *error)
{
  if (error != NULL && self->n_news > MAX_NEWS)
    {
      g_clear_error (&error);
      error = g_error_new (G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           "more than %d answers said that the answer was to come", MAX_NEWS);
    }

  /* An error leaves a body that is not whole, and its connection is closed. */
  if (self->body != NULL && self->read != PAR_SOUP_READ_NOTHING)
    g_input_stream_close (G_INPUT_STREAM (self->body), NULL, NULL);

  self->client->ended (self->user_data, error);
}

static void
make_room (ParSoupExchange *self)
{
  gint64 expected = par_soup_body_get_expected_length (self->body);

  if (self->room > 0)
    self->room *= 2;
  else if (expected >= 0)
    self->room = MIN (expected, MAX_ROOM_AHEAD) + 1;  /* for the end, too */
  else
    self->room = FIRST_ROOM;

  self->bytes = g_realloc (self->bytes, self->room);
}

static gboolean read_ready_cb (GObject  *stream,
                               gpointer  user_data);

static void
wait (ParSoupExchange *self)
{
  g_autoptr(GSource) source = NULL;

  source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (self->body),
                                                  self->cancellable);
  g_source_set_static_name (source, "[ParSoup] body");
  g_source_set_callback (source, G_SOURCE_FUNC (read_ready_cb), self, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  self->source = g_steal_pointer (&source);
}

static gboolean
is_enough (ParSoupExchange *self,
           gboolean         would_block)
{
  return self->read == PAR_SOUP_READ_EXCERPT
         && (self->length >= MAX_EXCERPT || (would_block && self->length >= EXCERPT_SIZE));
}

/* Stays in the call only where the whole exchange does. */
static gssize
read_some (ParSoupExchange  *self,
           GError          **error)
{
  gsize room = self->room - self->length;
  gssize n_read;

  n_read = g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (self->body),
                                                     self->bytes + self->length, room,
                                                     self->cancellable, error);
  if (n_read >= 0 || !self->blocks || is_enough (self, TRUE)
      || !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return n_read;

  g_clear_error (error);

  return g_input_stream_read (G_INPUT_STREAM (self->body), self->bytes + self->length, room,
                              self->cancellable, error);
}

static void
read_on (ParSoupExchange *self)
{
  gsize limit = self->blocks ? G_MAXSIZE : self->length + MAX_AT_ONCE;

  while (self->length < limit && !is_enough (self, FALSE))
    {
      GError *error = NULL;
      gssize n_read;

      if (self->length == self->room)
        make_room (self);
      n_read = read_some (self, &error);
      if (n_read > 0)
        {
          self->length += n_read;
          continue;
        }
      if (n_read == 0)
        {
          end (self, NULL);
          return;
        }

      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          g_error_free (error);
          if (is_enough (self, TRUE))
            break;
          wait (self);
          return;
        }

      /* An excerpt of what has come is better than the reason why there is not more. */
      if (self->read == PAR_SOUP_READ_EXCERPT
          && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_clear_error (&error);
      end (self, error);
      return;
    }

  if (is_enough (self, TRUE))
    end (self, NULL);
  else
    wait (self);
}

static gboolean
read_ready_cb (GObject  *stream,
               gpointer  user_data)
{
  ParSoupExchange *self = user_data;

  g_clear_pointer (&self->source, g_source_unref);
  read_on (self);

  return G_SOURCE_REMOVE;
}

static gboolean
is_too_large (ParSoupExchange  *self,
              GError          **error)
{
  gint64 expected = par_soup_body_get_expected_length (self->body);

  if (self->max_size == 0 || expected <= self->max_size)
    return FALSE;

  g_set_error (error, PAR_SOUP_ERROR, PAR_SOUP_ERROR_TOO_LARGE,
               "the body has %" G_GINT64_FORMAT " bytes, more than %" G_GINT64_FORMAT ": raise "
               "max-body-size if that is wanted", expected, self->max_size);

  return TRUE;
}

/* What @stream gives is to be read, if there is one. Takes over both. */
static void
read_answer (ParSoupExchange *self,
             GInputStream    *stream,
             GError          *error)
{
  if (stream == NULL)
    {
      end (self, error);
      return;
    }

  self->body = par_soup_body_new (self->message, stream, self->decodes, self->max_size);
  self->read = self->client->answered (self->user_data);
  if (self->read != PAR_SOUP_READ_EXCERPT && is_too_large (self, &error))
    {
      self->read = PAR_SOUP_READ_ALL;
      end (self, error);
    }
  else if (self->read == PAR_SOUP_READ_NOTHING)
    {
      end (self, NULL);
    }
  else
    {
      read_on (self);
    }
}

static void
sent_cb (GObject      *session,
         GAsyncResult *result,
         gpointer      user_data)
{
  ParSoupExchange *self = user_data;
  GError *error = NULL;
  GInputStream *stream = soup_session_send_finish (SOUP_SESSION (session), result, &error);

  self->has_headers = FALSE;
  read_answer (self, stream, error);
}

/* Prepares to send @message by @session. The message is taken over. */
void
par_soup_exchange_init (ParSoupExchange             *self,
                        SoupSession                 *session,
                        SoupMessage                 *message,
                        gboolean                     decodes,
                        gint64                       max_size,
                        const ParSoupExchangeClient *client,
                        gpointer                     user_data)
{
  *self = (ParSoupExchange) {
    .client = client,
    .user_data = user_data,
    .session = g_object_ref (session),
    .message = message,
    .decodes = decodes,
    .max_size = max_size,
  };

  g_signal_connect (message, "got-informational", G_CALLBACK (got_news_cb), self);
}

static void
got_headers_cb (SoupMessage     *message,
                ParSoupExchange *self)
{
  self->has_headers = TRUE;
}

static void
sent_again_cb (SoupMessage     *message,
               ParSoupExchange *self)
{
  self->has_headers = FALSE;
}

/* Has it sent in the thread-default main context of the caller. */
void
par_soup_exchange_start (ParSoupExchange *self)
{
  self->cancellable = g_cancellable_new ();
  g_signal_connect (self->message, "network-event", G_CALLBACK (network_event_cb), self);
  g_signal_connect (self->message, "got-headers", G_CALLBACK (got_headers_cb), self);
  g_signal_connect (self->message, "restarted", G_CALLBACK (sent_again_cb), self);
  soup_session_send_async (self->session, self->message, G_PRIORITY_DEFAULT, self->cancellable,
                           sent_cb, self);
}

/* libsoup has found the connection closed, and is about to make another: here, where an address
 * that does not answer would keep it from the next one. */
static void
connecting_cb (SoupMessage        *message,
               GSocketClientEvent  event,
               GIOStream          *connection,
               ParSoupExchange    *self)
{
  if (g_cancellable_is_cancelled (self->cancellable))
    return;

  self->is_stale = TRUE;
  g_cancellable_cancel (self->cancellable);
}

/* Sends it, by the connection that there is unless it @may_connect, and has ended when this
 * returns. With @cancellable cancelled, that connection cannot be used again. */
void
par_soup_exchange_run (ParSoupExchange *self,
                       GCancellable    *cancellable,
                       gboolean         may_connect)
{
  GError *error = NULL;
  GInputStream *stream;

  self->blocks = TRUE;
  self->cancellable = g_object_ref (cancellable);
  if (!may_connect)
    g_signal_connect (self->message, "network-event", G_CALLBACK (connecting_cb), self);
  stream = soup_session_send (self->session, self->message, self->cancellable, &error);
  read_answer (self, stream, error);
}

static gboolean
cancel_cb (gpointer user_data)
{
  ParSoupExchange *self = user_data;

  g_clear_pointer (&self->cancel_source, g_source_unref);
  g_cancellable_cancel (self->cancellable);

  return G_SOURCE_REMOVE;
}

/* libsoup 3.6 uses what it has freed, if it is cancelled when it knows that the headers have come,
 * but has not told itself so by a GTask. That is told first if it is waited for. */
static void
cancel_soon (ParSoupExchange *self)
{
  if (self->cancel_source != NULL)
    return;

  self->cancel_source = g_idle_source_new ();
  g_source_set_priority (self->cancel_source, G_PRIORITY_DEFAULT + 1);
  g_source_set_static_name (self->cancel_source, "[ParSoup] cancel");
  g_source_set_callback (self->cancel_source, cancel_cb, self, NULL);
  g_source_attach (self->cancel_source, g_main_context_get_thread_default ());
}

/* Has it end with G_IO_ERROR_CANCELLED, later. Called in the context where it was started. */
void
par_soup_exchange_cancel (ParSoupExchange *self)
{
  if (self->has_headers)
    cancel_soon (self);
  else
    g_cancellable_cancel (self->cancellable);
}

void
par_soup_exchange_clear (ParSoupExchange *self)
{
  if (self->cancel_source != NULL)
    {
      g_source_destroy (self->cancel_source);
      g_clear_pointer (&self->cancel_source, g_source_unref);
    }
  g_clear_object (&self->body);
  if (self->message != NULL)
    g_signal_handlers_disconnect_by_data (self->message, self);
  g_clear_object (&self->message);
  g_clear_object (&self->session);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->bytes, g_free);
}

/* What has been read. */
GBytes *
par_soup_exchange_take_bytes (ParSoupExchange *self)
{
  self->bytes = g_realloc (self->bytes, self->length);

  return g_bytes_new_take (g_steal_pointer (&self->bytes), self->length);
}

ParSoupBody *
par_soup_exchange_take_body (ParSoupExchange *self)
{
  return g_steal_pointer (&self->body);
}
