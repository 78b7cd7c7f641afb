/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-loop-dispatcher-private.h"

#include <par/par-attempt-private.h>

void
par_loop_dispatcher_init (ParLoopDispatcher          *self,
                          ParHost                    *host,
                          const ParDispatcherClient  *client,
                          ParClock                  **clock)
{
  self->host = host;
  self->client = client;
  self->clock = clock;
}

/* The function of *@attempt has been called, and the host's lock is held, on return too. If there
 * is a result the attempt has ended; else it is in the hands of whoever kept it, and ends when
 * that returns one, or drops it: then *@attempt is a new one, or NULL if none is needed now. */
static void
end_call (ParLoopDispatcher  *self,
          ParAttempt        **attempt,
          gint64              now_us)
{
  ParAttempt *called = *attempt;
  gboolean has_more;

  /* Who returns a result in another thread sees this, or is seen here. */
  g_atomic_int_set (&called->in_call, FALSE);
  if (par_attempt_has_returned (called))
    {
      if (!called->ended)
        self->client->end (self->host, called, now_us);
      par_dispatcher_renew (self->host, attempt);
      return;
    }

  has_more = self->client->count_waiting (self->host) > 0;
  par_host_unlock (self->host);
  *attempt = has_more ? par_attempt_new (self->host, TRUE) : NULL;
  par_attempt_set_current (*attempt);
  g_object_unref (called);
  par_host_lock (self->host);
}

/* Calls the functions that may be called now, no more than @max_starts of them, and until
 * @until_us (0: all of those). */
void
par_loop_dispatcher_dispatch (ParLoopDispatcher *self,
                              guint              max_starts,
                              gint64             until_us)
{
  ParTimer timer = { .clock = *self->clock };
  ParAttempt *attempt = par_attempt_new (self->host, TRUE);
  ParAttempt *outer = par_attempt_get_current ();
  gint64 now_us = par_timer_now (&timer);
  ParRequestFunc function;
  gpointer user_data;

  par_attempt_set_current (attempt);
  par_host_lock (self->host);
  for (guint i = 0; i < max_starts && attempt != NULL; i++)
    {
      GError *error = NULL;

      if (!self->client->take (self->host, attempt, now_us, &function, &user_data))
        break;
      par_dispatcher_unlock (self->host, self->client);

      function (attempt, user_data, &error);
      if (G_UNLIKELY (error != NULL))
        par_attempt_set_error (attempt, error);
      now_us = par_timer_now (&timer);

      par_host_lock (self->host);
      end_call (self, &attempt, now_us);
      if (until_us > 0 && i % 16 == 15 && par_clock_now (*self->clock) >= until_us)
        break;
    }
  par_dispatcher_unlock (self->host, self->client);
  par_attempt_set_current (outer);

  g_clear_object (&attempt);
}
