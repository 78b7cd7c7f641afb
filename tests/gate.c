/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

void
gate_init (Gate *self)
{
  *self = (Gate) { 0 };
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
}

void
gate_clear (Gate *self)
{
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->cond);
}

void
gate_open (Gate *self)
{
  g_mutex_lock (&self->lock);
  self->open = TRUE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static void
cancelled_cb (GCancellable *cancellable,
              Gate         *self)
{
  g_mutex_lock (&self->lock);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

/* Returns whether the gate was open before @cancellable was cancelled. */
gboolean
gate_pass (Gate         *self,
           GCancellable *cancellable)
{
  gulong handler = 0;
  gboolean passed;

  if (cancellable != NULL)
    handler = g_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb), self, NULL);

  g_mutex_lock (&self->lock);
  self->n_arrived++;
  g_cond_broadcast (&self->cond);
  while (!self->open && !g_cancellable_is_cancelled (cancellable))
    g_cond_wait (&self->cond, &self->lock);
  passed = self->open;
  g_mutex_unlock (&self->lock);

  g_cancellable_disconnect (cancellable, handler);

  g_mutex_lock (&self->lock);
  self->n_passed++;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);

  return passed;
}

void
gate_wait_arrived (Gate *self,
                   guint n_arrived)
{
  g_mutex_lock (&self->lock);
  while (self->n_arrived < n_arrived)
    g_cond_wait (&self->cond, &self->lock);
  g_mutex_unlock (&self->lock);
}

/* Waits until so many have left the gate, open or not. */
void
gate_wait_passed (Gate *self,
                  guint n_passed)
{
  g_mutex_lock (&self->lock);
  while (self->n_passed < n_passed)
    g_cond_wait (&self->cond, &self->lock);
  g_mutex_unlock (&self->lock);
}

void
wait_for_attempts (ParRequests *requests)
{
  for (;;)
    {
      g_autoptr(ParStats) stats = par_requests_get_stats (requests);

      if (par_stats_get_n_attempts_running (stats) == 0)
        return;
      g_thread_yield ();
    }
}

void
pass_gate (ParAttempt  *attempt,
           gpointer     gate,
           GError     **error)
{
  GCancellable *cancellable = par_attempt_get_cancellable (attempt);

  if (gate_pass (gate, cancellable))
    par_attempt_return_boolean (attempt, TRUE);
  else
    g_cancellable_set_error_if_cancelled (cancellable, error);
}

void
pass_gate_deaf (ParAttempt  *attempt,
                gpointer     gate,
                GError     **error)
{
  gate_pass (gate, NULL);
  par_attempt_return_boolean (attempt, TRUE);
}

void
succeed (ParAttempt  *attempt,
         gpointer     user_data,
         GError     **error)
{
  par_attempt_return_boolean (attempt, TRUE);
}

void
fail (ParAttempt  *attempt,
      gpointer     user_data,
      GError     **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no such city");
}
