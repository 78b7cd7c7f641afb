/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fake-clock.h"

#include "par-requests-private.h"

struct _FakeClock
{
  ParClock parent;

  _Atomic gint64 now_us;

  GMutex lock;
  GCond changed;

  /* Guarded by the lock. */
  GPtrArray *sleepers;
  GArray *armed;      /* of Armed: a few, one for each engine that waits by a source */
  GPtrArray *engines; /* (owned) that read the clock */
};

typedef struct
{
  GCond *cond;
  GMutex *lock;
  gint64 until_us;
} Sleeper;

typedef struct
{
  GSource *source;  /* (owned) */
  gint64 when_us;
} Armed;

static gint64
fake_now (ParClock *clock)
{
  return ((FakeClock *) clock)->now_us;
}

static void
fake_wait (ParClock *clock,
           GCond    *cond,
           GMutex   *lock,
           gint64    until)
{
  FakeClock *self = (FakeClock *) clock;
  Sleeper sleeper = { cond, lock, until };
  gboolean is_time;

  g_mutex_lock (&self->lock);
  is_time = until != PAR_CLOCK_NEVER && until <= self->now_us;
  if (!is_time)
    {
      g_ptr_array_add (self->sleepers, &sleeper);
      g_cond_broadcast (&self->changed);
    }
  g_mutex_unlock (&self->lock);

  if (is_time)
    return;

  g_cond_wait (cond, lock);

  g_mutex_lock (&self->lock);
  g_ptr_array_remove (self->sleepers, &sleeper);
  g_mutex_unlock (&self->lock);
}

static void
disarm (gpointer data)
{
  g_source_unref (((Armed *) data)->source);
}

static void
fake_arm (ParClock *clock,
          GSource  *source,
          gint64    when)
{
  FakeClock *self = (FakeClock *) clock;
  gboolean is_time;
  guint i;

  g_mutex_lock (&self->lock);
  is_time = when != PAR_CLOCK_NEVER && when <= self->now_us;
  for (i = 0; i < self->armed->len; i++)
    {
      if (g_array_index (self->armed, Armed, i).source == source)
        break;
    }
  if (when != PAR_CLOCK_NEVER && !is_time)
    {
      if (i == self->armed->len)
        g_array_append_val (self->armed, ((Armed) { g_source_ref (source), 0 }));
      g_array_index (self->armed, Armed, i).when_us = when;
    }
  else if (i < self->armed->len)
    {
      g_array_remove_index_fast (self->armed, i);
    }
  g_mutex_unlock (&self->lock);

  g_source_set_ready_time (source, is_time ? 0 : -1);
}

FakeClock *
fake_clock_new (void)
{
  FakeClock *self = g_new0 (FakeClock, 1);

  self->parent = (ParClock) { fake_now, fake_wait, fake_arm };
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->now_us = G_USEC_PER_SEC;
  self->sleepers = g_ptr_array_new ();
  self->engines = g_ptr_array_new_with_free_func (par_host_unref);
  self->armed = g_array_new (FALSE, FALSE, sizeof (Armed));
  g_array_set_clear_func (self->armed, disarm);

  return self;
}

/* A worker may read the clock until it has let go of its engine. */
void
fake_clock_free (FakeClock *self)
{
  for (guint i = 0; i < self->engines->len; i++)
    {
      ParHost *host = self->engines->pdata[i];

      while (!g_atomic_ref_count_compare (&host->ref_count, 1))
        g_thread_yield ();
    }
  g_ptr_array_unref (self->engines);

  g_array_unref (self->armed);
  g_ptr_array_unref (self->sleepers);
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* The clock must be freed after the requests. */
void
fake_clock_give (FakeClock   *self,
                 ParRequests *requests)
{
  ParEngine *engine = par_requests_get_engine (requests);

  engine->scheduler.clock = &self->parent;
  g_ptr_array_add (self->engines, par_host_ref (engine));
}

gint64
fake_clock_get_time (FakeClock *self)
{
  return fake_now (&self->parent);
}

static gint64
earlier (gint64 left_us,
         gint64 right_us)
{
  return left_us == PAR_CLOCK_NEVER || (right_us != PAR_CLOCK_NEVER && right_us < left_us)
         ? right_us : left_us;
}

/* When somebody wants to be woken next; PAR_CLOCK_NEVER if nobody waits for a time. */
gint64
fake_clock_get_next_time (FakeClock *self)
{
  gint64 next_us = PAR_CLOCK_NEVER;

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->armed->len; i++)
    {
      Armed *armed = &g_array_index (self->armed, Armed, i);

      if (!g_source_is_destroyed (armed->source))
        next_us = earlier (next_us, armed->when_us);
    }
  for (guint i = 0; i < self->sleepers->len; i++)
    next_us = earlier (next_us, ((Sleeper *) self->sleepers->pdata[i])->until_us);
  g_mutex_unlock (&self->lock);

  return next_us;
}

/* Moves the clock, and wakes those who wait for a time until then. It may be moved back. */
void
fake_clock_set_time (FakeClock *self,
                     gint64     now_us)
{
  g_autoptr(GPtrArray) sleepers = g_ptr_array_new_with_free_func (g_free);

  g_mutex_lock (&self->lock);
  self->now_us = now_us;
  for (guint i = 0; i < self->sleepers->len; i++)
    g_ptr_array_add (sleepers, g_memdup2 (self->sleepers->pdata[i], sizeof (Sleeper)));
  for (guint i = self->armed->len; i-- > 0;)
    {
      if (g_array_index (self->armed, Armed, i).when_us > now_us)
        continue;

      g_source_set_ready_time (g_array_index (self->armed, Armed, i).source, 0);
      g_array_remove_index_fast (self->armed, i);
    }
  g_mutex_unlock (&self->lock);

  /* Everybody who sleeps looks at the time again. With its lock held, nobody is between having
   * looked and sleeping. */
  for (guint i = 0; i < sleepers->len; i++)
    {
      Sleeper *sleeper = sleepers->pdata[i];

      g_mutex_lock (sleeper->lock);
      g_cond_broadcast (sleeper->cond);
      g_mutex_unlock (sleeper->lock);
    }
}

void
fake_clock_advance (FakeClock *self,
                    gint64     msec)
{
  fake_clock_set_time (self, fake_clock_get_time (self) + msec * 1000);
}

/* Waits until an owner in a do() has nothing left to do. */
void
fake_clock_wait_for_sleeper (FakeClock *self)
{
  g_mutex_lock (&self->lock);
  while (self->sleepers->len == 0)
    g_cond_wait (&self->changed, &self->lock);
  g_mutex_unlock (&self->lock);
}

/* Has @context do all it has to do, now and at every time until @until_us for which somebody waits
 * by a source of it; that is the time then. */
void
fake_clock_run (FakeClock    *self,
                GMainContext *context,
                gint64        until_us)
{
  while (TRUE)
    {
      gint64 next_us;

      while (g_main_context_iteration (context, FALSE))
        ;

      if (fake_clock_get_time (self) >= until_us)
        return;

      next_us = earlier (fake_clock_get_next_time (self), until_us);
      fake_clock_set_time (self, MIN (next_us, until_us));
    }
}
