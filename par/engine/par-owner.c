/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-owner-private.h"

/* How long who finds the owner telling something waits until it looks again. */
#define HANDOVER_US 1000

void
par_owner_init (ParOwner  *self,
                ParHost   *host,
                ParClock **clock)
{
  self->host = host;
  self->clock = clock;
  self->thread = g_thread_self ();
  self->state = PAR_OWNER_ASLEEP;
  self->until_us = PAR_CLOCK_NEVER;
  g_cond_init (&self->cond);
  g_cond_init (&self->handover);
}

void
par_owner_clear (ParOwner *self)
{
  g_cond_clear (&self->cond);
  g_cond_clear (&self->handover);
}

/* Makes the caller the owner, who waits by par_owner_wait() until par_owner_exit(). Returns the
 * owner there was. */
GThread *
par_owner_enter (ParOwner *self)
{
  GThread *thread;

  /* The owner there was may be telling something. That is rare, and short, so nobody signals the
   * end of it. */
  while (!par_owner_is_caller (self) && g_atomic_int_get (&self->n_publishing) > 0)
    g_cond_wait_until (&self->handover, &self->host->lock, g_get_monotonic_time () + HANDOVER_US);

  thread = self->thread;
  self->thread = g_thread_self ();
  self->in_call = TRUE;
  self->state = PAR_OWNER_BUSY;
  g_atomic_int_inc (&self->n_publishing);

  return thread;
}

/* Makes @thread the owner, who waits by the source. */
void
par_owner_exit (ParOwner *self,
                GThread  *thread)
{
  self->in_call = FALSE;
  self->thread = thread;
  g_atomic_int_add (&self->n_publishing, -1);
}

/* Waits, in a call, until the owner is woken or it is @until_us. */
void
par_owner_wait (ParOwner      *self,
                ParOwnerState  state,
                gint64         until_us)
{
  self->state = state;
  self->until_us = until_us;
  par_clock_wait (*self->clock, &self->cond, &self->host->lock, until_us);
  self->state = PAR_OWNER_BUSY;
}

/* Arms the source by which the owner waits, if it does. */
void
par_owner_rest (ParOwner      *self,
                ParOwnerState  state,
                gint64         until_us)
{
  if (self->in_call || self->source == NULL)
    return;

  self->state = state;
  self->until_us = until_us;
  if (state == PAR_OWNER_BUSY)
    g_source_set_ready_time (self->source, 0);
  else
    par_clock_arm (*self->clock, self->source, until_us);
}

/* Has the source dispatched. In the thread that iterates its context, it is asked before that thread
 * sleeps; to set its time would write to a file each time to wake the thread, which takes longer
 * than all the rest of a short async call. */
void
par_owner_ready_source (ParOwner *self)
{
  if (g_main_context_is_owner (g_source_get_context (self->source)))
    g_atomic_int_set (&((ParOwnerSource *) self->source)->is_due, TRUE);
  else
    g_source_set_ready_time (self->source, 0);
}

/* Of the source. */
gboolean
par_owner_prepare (GSource *source,
                   int     *timeout)
{
  *timeout = -1;

  return g_atomic_int_get (&((ParOwnerSource *) source)->is_due);
}

/* Called by the source. Returns FALSE if somebody else is the owner now; with @is_bound no other
 * thread than the owner there is may become it. */
gboolean
par_owner_start_dispatch (ParOwner *self,
                          GSource  *source,
                          gboolean  is_bound)
{
  g_atomic_int_set (&((ParOwnerSource *) source)->is_due, FALSE);
  if (self->source != source)
    return FALSE;

  if (self->in_call || (!par_owner_is_caller (self)
                        && (is_bound || g_atomic_int_get (&self->n_publishing) > 0)))
    {
      /* Who waits looks by itself, and has this source woken at its end. */
      g_source_set_ready_time (source, self->in_call || is_bound
                                       ? -1 : g_get_monotonic_time () + HANDOVER_US);
      return FALSE;
    }

  self->thread = g_thread_self ();
  self->state = PAR_OWNER_BUSY;
  g_atomic_int_inc (&self->n_publishing);

  return TRUE;
}
