/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-lane-private.h"

#include "par-soup-bridge-private.h"

/* How often a context is iterated to have what was cancelled end. */
#define MAX_ITERATIONS 16

typedef struct
{
  GSource source;
  ParSoupLane *lane;
} ParSoupLaneSource;

/* Whether there is something to do, with the lock held; else when. */
static gboolean
is_due (ParSoupLane *self,
        int         *timeout)
{
  gint64 wait_us;

  *timeout = -1;
  if (self->first != NULL)
    return TRUE;
  if (self->alarm_us == 0)
    return FALSE;

  wait_us = self->alarm_us - g_get_monotonic_time ();
  if (wait_us > 0)
    *timeout = MIN ((wait_us + 999) / 1000, G_MAXINT);

  return wait_us <= 0;
}

static gboolean
lane_source_prepare (GSource *source,
                     int     *timeout)
{
  ParSoupLane *self = ((ParSoupLaneSource *) source)->lane;
  gboolean due;

  g_mutex_lock (&self->lock);
  due = is_due (self, timeout);
  g_mutex_unlock (&self->lock);

  return due;
}

static gboolean
lane_source_check (GSource *source)
{
  int timeout;

  return lane_source_prepare (source, &timeout);
}

static ParSoupTurn *
pop (ParSoupLane *self)
{
  ParSoupTurn *turn;

  g_mutex_lock (&self->lock);
  turn = self->first;
  if (turn != NULL)
    {
      self->first = turn->next;
      if (self->first == NULL)
        self->last = NULL;
      turn->next = NULL;
      turn->is_queued = FALSE;
    }
  g_mutex_unlock (&self->lock);

  return turn;
}

static ParSoupTurn *
take_alarm (ParSoupLane *self)
{
  ParSoupTurn *turn = NULL;

  g_mutex_lock (&self->lock);
  if (self->alarm_us > 0 && self->alarm_us <= g_get_monotonic_time ())
    {
      self->alarm_us = 0;
      turn = self->alarm;
    }
  g_mutex_unlock (&self->lock);

  return turn;
}

static void
run_turns (ParSoupLane *self)
{
  ParSoupTurn *turn;

  while ((turn = pop (self)) != NULL)
    turn->function (turn);
}

static gboolean
lane_source_dispatch (GSource     *source,
                      GSourceFunc  callback,
                      gpointer     user_data)
{
  ParSoupLane *self = ((ParSoupLaneSource *) source)->lane;
  ParSoupTurn *alarm = take_alarm (self);

  run_turns (self);
  if (alarm != NULL)
    alarm->function (alarm);

  return G_SOURCE_CONTINUE;
}

/* The source is kept while it is dispatched, and so is the lane. */
static void
lane_source_finalize (GSource *source)
{
  par_soup_lane_unref (((ParSoupLaneSource *) source)->lane);
}

static GSourceFuncs lane_source_funcs = {
  .prepare = lane_source_prepare,
  .check = lane_source_check,
  .dispatch = lane_source_dispatch,
  .finalize = lane_source_finalize,
};

static ParSoupLane *
new_lane (GMainContextFlags flags,
          GDestroyNotify    freed,
          gpointer          freed_data)
{
  ParSoupLane *self = g_new0 (ParSoupLane, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->freed = freed;
  self->freed_data = freed_data;
  self->context = g_main_context_new_with_flags (flags);
  self->source = g_source_new (&lane_source_funcs, sizeof (ParSoupLaneSource));
  ((ParSoupLaneSource *) self->source)->lane = par_soup_lane_ref (self);
  g_source_set_static_name (self->source, "[ParSoup] turns");
  g_source_set_can_recurse (self->source, TRUE);
  g_source_attach (self->source, self->context);

  return self;
}

static gpointer
run_thread (gpointer data)
{
  ParSoupLane *self = data;

  g_atomic_pointer_set (&self->runner, g_thread_self ());
  g_main_context_push_thread_default (self->context);
  while (!g_atomic_int_get (&self->quitting))
    g_main_context_iteration (self->context, TRUE);
  par_soup_lane_settle (self);
  g_main_context_pop_thread_default (self->context);

  par_soup_lane_unref (self);

  return NULL;
}

/* @freed is called last thing, in any thread. Returns NULL if the system has no thread. */
ParSoupLane *
par_soup_lane_new_thread (GDestroyNotify freed,
                          gpointer       freed_data)
{
  ParSoupLane *self = new_lane (G_MAIN_CONTEXT_FLAGS_NONE, freed, freed_data);

  self->thread = g_thread_try_new ("par-soup", run_thread, par_soup_lane_ref (self), NULL);
  if (self->thread == NULL)
    {
      par_soup_lane_unref (self);
      par_soup_lane_close (self);
      return NULL;
    }

  return self;
}

ParSoupLane *
par_soup_lane_new_owner (GMainContext   *owner,
                         GDestroyNotify  freed,
                         gpointer        freed_data)
{
  /* Nobody owns it while the owner polls in its stead, who is to be woken all the same. */
  ParSoupLane *self = new_lane (G_MAIN_CONTEXT_FLAGS_OWNERLESS_POLLING, freed, freed_data);

  self->owner = owner;
  self->bridge = par_soup_bridge_new (self->context);
  g_source_attach (self->bridge, owner);

  return self;
}

ParSoupLane *
par_soup_lane_ref (ParSoupLane *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
par_soup_lane_unref (ParSoupLane *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_clear_pointer (&self->bridge, g_source_unref);
  g_clear_pointer (&self->thread, g_thread_unref);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->lock);
  self->freed (self->freed_data);
  g_free (self);
}

/* Has the thread of an I/O lane end. */
void
par_soup_lane_quit (ParSoupLane *self)
{
  g_atomic_int_set (&self->quitting, TRUE);
  g_main_context_wakeup (self->context);
}

void
par_soup_lane_join (ParSoupLane *self)
{
  g_thread_join (g_steal_pointer (&self->thread));
}

/* Nothing is called any more. Takes the caller's reference. */
void
par_soup_lane_close (ParSoupLane *self)
{
  if (self->bridge != NULL)
    g_source_destroy (self->bridge);
  g_source_destroy (self->source);
  g_source_unref (self->source);
  par_soup_lane_unref (self);
}

/* Whether the owner context of this lane is gone. */
gboolean
par_soup_lane_is_dead (ParSoupLane *self)
{
  return self->bridge != NULL && g_source_is_destroyed (self->bridge);
}

/* Has @turn called in this lane, from any thread; once, if it is queued already. */
void
par_soup_lane_push (ParSoupLane *self,
                    ParSoupTurn *turn)
{
  gboolean was_idle = FALSE;

  g_mutex_lock (&self->lock);
  if (!turn->is_queued)
    {
      was_idle = self->first == NULL;
      turn->is_queued = TRUE;
      if (was_idle)
        self->first = turn;
      else
        self->last->next = turn;
      self->last = turn;
    }
  g_mutex_unlock (&self->lock);

  if (was_idle && !par_soup_lane_is_here (self))
    g_main_context_wakeup (self->context);
}

/* Has @turn called at @time_us, unless an earlier alarm is set. */
void
par_soup_lane_set_alarm (ParSoupLane *self,
                         ParSoupTurn *turn,
                         gint64       time_us)
{
  gboolean is_new;

  g_mutex_lock (&self->lock);
  is_new = self->alarm_us == 0 || time_us < self->alarm_us;
  if (is_new)
    {
      self->alarm_us = time_us;
      self->alarm = turn;
    }
  g_mutex_unlock (&self->lock);

  if (is_new && !par_soup_lane_is_here (self))
    g_main_context_wakeup (self->context);
}

/* Whether the caller may run this lane. */
gboolean
par_soup_lane_is_here (ParSoupLane *self)
{
  /* To ask the context takes its lock, which its thread needs all the time. */
  if (self->owner == NULL)
    return g_atomic_pointer_get (&self->runner) == g_thread_self ();

  return !par_soup_lane_is_dead (self) && g_main_context_is_owner (self->owner);
}

/* Makes the caller the one who iterates this lane, unless another thread is about it. */
gboolean
par_soup_lane_enter (ParSoupLane *self)
{
  if (!g_main_context_acquire (self->context))
    return FALSE;

  g_main_context_push_thread_default (self->context);

  return TRUE;
}

void
par_soup_lane_leave (ParSoupLane *self)
{
  g_main_context_pop_thread_default (self->context);
  g_main_context_release (self->context);
}

/* Calls what is queued, without waiting for the loop. */
void
par_soup_lane_run (ParSoupLane *self)
{
  if (!par_soup_lane_enter (self))
    return;

  run_turns (self);
  par_soup_lane_leave (self);
}

/* Has what was cancelled end. Nothing else of an owner is dispatched. */
void
par_soup_lane_settle (ParSoupLane *self)
{
  GSource *current = g_main_current_source ();

  /* It is being iterated, and libsoup may be in the middle of something. */
  if (current != NULL && !g_source_is_destroyed (current)
      && g_source_get_context (current) == self->context)
    return;

  if (!par_soup_lane_enter (self))
    return;

  for (guint i = 0; i < MAX_ITERATIONS && g_main_context_iteration (self->context, FALSE); i++)
    ;
  par_soup_lane_leave (self);
}
