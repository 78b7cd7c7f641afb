/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-job-private.h"

#include "par-soup-debug-private.h"
#include "par-soup-error.h"
#include "par-soup-exchange-private.h"
#include "par-soup-response-private.h"
#include "par-soup-target-private.h"
#include "par-soup-text-private.h"
#include "par-soup-uri-private.h"
#include "par-soup-verdict-private.h"

/* One attempt: it asks the pool for a connection, has a message exchanged there, follows where it
 * is sent, and returns what comes of that. It begins in the owner context or a worker, and goes on
 * in the lane of its connection, for which the worker waits, or in the worker; only the withdrawal
 * comes from elsewhere meanwhile. */
typedef struct
{
  ParSoupTicket ticket;  /* first, so that a ticket is a job */
  ParSoupTurn cancel;

  ParSoupPool *pool;
  ParSoupCall *call;
  ParAttempt *attempt;   /* until it has returned */
  GCancellable *cancellable;  /* the attempt's, if there is a worker */
  gulong handler;             /* while that is connected to this job */
  gboolean debug;

  ParSoupTarget target;
  ParSoupExchange exchange;
  gboolean is_exchanging;
  gboolean is_redirected;
  ParSoupVerdict verdict;
  gint64 started_us;
} ParSoupJob;

static void
clear_job (gpointer data)
{
  ParSoupJob *self = data;

  par_soup_target_clear (&self->target);
  par_soup_ticket_clear (&self->ticket);
  par_soup_call_unref (self->call);
  g_clear_object (&self->cancellable);
  par_soup_pool_unref (self->pool);
}

static void
unref_job (gpointer self)
{
  g_atomic_rc_box_release_full (self, clear_job);
}

/* Nothing is done any more. */
static void
finish (ParSoupJob *self)
{
  par_soup_pool_finish (self->pool, &self->ticket);
  unref_job (self);
}

static void
debug_error (ParAttempt   *attempt,
             const GError *error)
{
  g_autofree char *line = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)
      && g_cancellable_is_cancelled (par_attempt_get_cancellable (attempt)))
    line = g_strdup ("http - cancelled");
  else if (error->domain == PAR_SOUP_ERROR && error->code >= 100)
    line = g_strdup_printf ("http - %d", error->code);
  else
    line = g_strdup_printf ("http - %s", error->message);

  par_soup_debug (line);
}

/* Fails the attempt, and says which request it was. */
static void
fail (ParSoupJob     *self,
      ParSoupVerdict  verdict,
      GError         *error)
{
  g_autoptr(ParAttempt) attempt = g_steal_pointer (&self->attempt);

  if (attempt == NULL)
    {
      g_error_free (error);
      return;
    }

  if (self->debug)
    debug_error (attempt, error);

  if (self->target.uri != NULL)
    {
      g_autofree char *where = par_soup_uri_describe (self->target.uri);

      g_prefix_error (&error, "%s %s: ", self->target.method, where);
    }
  if (verdict == PAR_SOUP_VERDICT_FATAL)
    par_attempt_return_fatal_error (attempt, error);
  else
    par_attempt_return_error (attempt, error);
}

static void
fail_as_cancelled (ParSoupJob *self)
{
  fail (self, PAR_SOUP_VERDICT_FAILURE,
        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled"));
}

static void cancelled_cb (GCancellable *cancellable,
                          gpointer      user_data);

static GError *
new_status_error (ParSoupJob *self,
                  GBytes     *body)
{
  SoupMessage *message = self->exchange.message;
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  guint status = soup_message_get_status (message);
  const char *reason = soup_message_get_reason_phrase (message);
  g_autofree char *excerpt = NULL;
  g_autoptr(GString) text = g_string_new (NULL);
  guint retry_after;

  g_string_printf (text, "%u", status);
  if (reason != NULL && *reason != '\0')
    g_string_append_printf (text, " %s", reason);
  if (par_soup_verdict_get_retry_after (soup_message_headers_get_one (headers, "Retry-After"),
                                        g_get_real_time () / G_USEC_PER_SEC, &retry_after))
    {
      g_string_append_printf (text, " (to be tried again after %u s)", retry_after / 1000);
      if (self->attempt != NULL)
        par_attempt_set_retry_after (self->attempt, retry_after);
    }
  excerpt = par_soup_text_excerpt (body, soup_message_headers_get_one (headers, "Content-Type"));
  if (excerpt != NULL)
    g_string_append_printf (text, ": %s", excerpt);

  return g_error_new_literal (PAR_SOUP_ERROR, status, text->str);
}

/* Asks for a connection to the target. */
static void
enter (ParSoupJob *self)
{
  if (self->cancellable != NULL)
    self->handler = g_cancellable_connect (self->cancellable, G_CALLBACK (cancelled_cb),
                                           g_atomic_rc_box_acquire (self), unref_job);

  if (!par_soup_pool_enter (self->pool, &self->ticket, self->target.uri))
    {
      fail_as_cancelled (self);
      finish (self);
    }
}

/* Waits for a withdrawal that is going on. */
static void
ignore_cancellable (ParSoupJob *self)
{
  g_cancellable_disconnect (self->cancellable, self->handler);
  self->handler = 0;
}

static void
leave (ParSoupJob *self)
{
  /* What is cancelled from a worker's side is the connection, which is about to be another's. */
  if (self->cancellable != NULL)
    ignore_cancellable (self);
  par_soup_exchange_clear (&self->exchange);
  par_soup_pool_leave (self->pool, &self->ticket);
}

/* The connection is given back before anybody can see the result. */
static void
end_with_error (ParSoupJob     *self,
                ParSoupVerdict  verdict,
                GError         *error)
{
  leave (self);
  fail (self, verdict, error);
  finish (self);
}

static void
stream_closed_cb (gpointer user_data)
{
  ParSoupJob *self = user_data;

  leave (self);
  finish (self);
}

static void
end_with_response (ParSoupJob *self)
{
  gboolean is_streaming = self->call->is_streaming;
  g_autoptr(ParSoupResponse) response = NULL;
  g_autoptr(ParAttempt) attempt = g_steal_pointer (&self->attempt);
  GInputStream *stream = NULL;
  GBytes *bytes = NULL;

  if (is_streaming)
    {
      ParSoupBody *body = par_soup_exchange_take_body (&self->exchange);

      par_soup_body_set_closed_func (body, stream_closed_cb, self);
      stream = G_INPUT_STREAM (body);
    }
  else
    {
      bytes = par_soup_exchange_take_bytes (&self->exchange);
    }

  response = par_soup_response_new (self->exchange.message, bytes, stream, self->target.replica,
                                    g_get_monotonic_time () - self->started_us);
  if (!is_streaming)
    leave (self);

  if (attempt != NULL)
    {
      if (self->debug)
        par_soup_debug ("http - ok");
      par_attempt_return_object (attempt, G_OBJECT (response));
    }

  if (!is_streaming)
    finish (self);
}

static void
follow (ParSoupJob *self)
{
  SoupMessage *message = self->exchange.message;
  const char *location;
  GError *error = NULL;

  location = soup_message_headers_get_one (soup_message_get_response_headers (message), "Location");
  if (!par_soup_target_redirect (&self->target, self->call, soup_message_get_status (message),
                                 location, &error))
    {
      end_with_error (self, PAR_SOUP_VERDICT_FATAL, error);
      return;
    }

  leave (self);
  enter (self);
}

static ParSoupRead
answered (gpointer user_data)
{
  ParSoupJob *self = user_data;
  SoupMessage *message = self->exchange.message;
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  guint status = soup_message_get_status (message);

  if (soup_message_get_http_version (message) == SOUP_HTTP_2_0)
    par_soup_ticket_share (&self->ticket);
  else
    par_soup_ticket_untie (&self->ticket);

  self->verdict = par_soup_verdict_of_status (status, self->call->accept_status);
  self->is_redirected = self->call->follows_redirects
                        && self->verdict != PAR_SOUP_VERDICT_SUCCESS
                        && par_soup_target_is_redirect (status)
                        && soup_message_headers_get_one (headers, "Location") != NULL;

  if (self->verdict != PAR_SOUP_VERDICT_SUCCESS)
    return PAR_SOUP_READ_EXCERPT;

  return self->call->is_streaming ? PAR_SOUP_READ_NOTHING : PAR_SOUP_READ_ALL;
}

static void
ended (gpointer  user_data,
       GError   *error)
{
  ParSoupJob *self = user_data;

  self->is_exchanging = FALSE;
  if (self->exchange.is_stale)
    {
      g_clear_error (&error);
      leave (self);
      enter (self);
    }
  else if (error != NULL)
    {
      end_with_error (self,
                      error->domain == PAR_SOUP_ERROR ? PAR_SOUP_VERDICT_FATAL
                                                      : PAR_SOUP_VERDICT_FAILURE,
                      error);
    }
  else if (self->is_redirected)
    {
      follow (self);
    }
  else if (self->verdict == PAR_SOUP_VERDICT_SUCCESS)
    {
      end_with_response (self);
    }
  else
    {
      g_autoptr(GBytes) excerpt = par_soup_exchange_take_bytes (&self->exchange);

      end_with_error (self, self->verdict, new_status_error (self, excerpt));
    }
}

static const ParSoupExchangeClient exchange_client = { answered, ended };

static void
run (ParSoupTicket *ticket)
{
  ParSoupJob *self = (ParSoupJob *) ticket;
  gboolean decodes;
  SoupMessage *message = par_soup_target_new_message (&self->target, self->call, &decodes);

  /* A message that must not be sent twice would wait for a connection of its own, which the pool
   * does not know of. */
  if (par_soup_ticket_is_shared (ticket))
    soup_message_add_flags (message, SOUP_MESSAGE_IDEMPOTENT);

  if (self->started_us == 0)
    self->started_us = g_get_monotonic_time ();
  self->is_exchanging = TRUE;
  par_soup_exchange_init (&self->exchange, par_soup_ticket_get_session (ticket), message, decodes,
                          self->call->max_body_size, &exchange_client, self);
  if (ticket->cancellable != NULL)
    par_soup_exchange_run (&self->exchange, ticket->cancellable,
                           par_soup_ticket_may_connect (ticket));
  else
    par_soup_exchange_start (&self->exchange);
}

static void
cancel (ParSoupTurn *turn)
{
  ParSoupJob *self = (ParSoupJob *) ((guint8 *) turn - G_STRUCT_OFFSET (ParSoupJob, cancel));

  if (self->is_exchanging)
    {
      par_soup_exchange_cancel (&self->exchange);
      /* libsoup does not hear while a message waits for one that the program itself has sent. */
      if (par_soup_pool_is_callers (self->pool))
        fail_as_cancelled (self);
    }

  unref_job (self);
}

/* Called in the owner context, or in any thread while a worker is about it. */
static void
cancelled_cb (GCancellable *cancellable,
              gpointer      user_data)
{
  ParSoupJob *self = g_atomic_rc_box_acquire (user_data);

  switch (par_soup_pool_withdraw (self->pool, &self->ticket, &self->cancel))
    {
    case PAR_SOUP_TICKET_RUNNING:
      break;

    case PAR_SOUP_TICKET_WAITING:
      fail_as_cancelled (self);
      finish (self);
      unref_job (self);
      break;

    case PAR_SOUP_TICKET_BLOCKING:
    case PAR_SOUP_TICKET_NOWHERE:
    default:
      unref_job (self);
    }
}

static ParSoupJob *
new_job (ParSoupPool *pool,
         ParSoupCall *call,
         ParAttempt  *attempt)
{
  ParSoupJob *self = g_atomic_rc_box_new0 (ParSoupJob);

  self->pool = par_soup_pool_ref (pool);
  self->call = par_soup_call_ref (call);
  self->attempt = g_object_ref (attempt);
  self->debug = par_soup_debug_is_wanted ();
  par_soup_target_init (&self->target, call, par_attempt_get_number (attempt));
  par_soup_ticket_init (&self->ticket, run);
  self->cancel.function = cancel;

  return self;
}

/* Makes an attempt at what @call says, in the owner context. */
void
par_soup_job_start (ParSoupPool *pool,
                    ParSoupCall *call,
                    ParAttempt  *attempt)
{
  ParSoupJob *self = new_job (pool, call, attempt);
  g_autoptr(GMainContext) owner = g_main_context_ref_thread_default ();

  self->ticket.owner = owner;

  /* The connection to the cancellable goes when the attempt does. */
  g_cancellable_connect (par_attempt_get_cancellable (attempt), G_CALLBACK (cancelled_cb),
                         g_atomic_rc_box_acquire (self), unref_job);
  enter (self);
}

/* Makes an attempt at what @call says, in a worker. */
void
par_soup_job_run (ParSoupPool *pool,
                  ParSoupCall *call,
                  ParAttempt  *attempt)
{
  ParSoupJob *self = new_job (pool, call, attempt);

  self->cancellable = g_object_ref (par_attempt_get_cancellable (attempt));
  self->ticket.may_reuse = call->is_idempotent;

  g_atomic_rc_box_acquire (self);
  enter (self);
  while (par_soup_pool_wait (pool, &self->ticket))
    run (&self->ticket);
  ignore_cancellable (self);
  unref_job (self);
}
