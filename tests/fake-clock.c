/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fake-clock.h"

#include "par-requests-private.h"

struct _FakeClock
{
  ParClock parent;

  GMutex lock;
  GCond changed;

  /* Guarded by the lock. */
  gint64 now_us;
  GPtrArray *sleepers;
  GHashTable *armed;  /* of GSource to gint64 */
  GPtrArray *engines; /* (owned) that read the clock */
};

typedef struct
{
  GCond *cond;
  GMutex *lock;
} Sleeper;

static gint64
fake_now (ParClock *clock)
{
  FakeClock *self = (FakeClock *) clock;
  gint64 now_us;

  g_mutex_lock (&self->lock);
  now_us = self->now_us;
  g_mutex_unlock (&self->lock);

  return now_us;
}

static void
fake_wait (ParClock *clock,
           GCond    *cond,
           GMutex   *lock,
           gint64    until)
{
  FakeClock *self = (FakeClock *) clock;
  Sleeper sleeper = { cond, lock };
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
fake_arm (ParClock *clock,
          GSource  *source,
          gint64    when)
{
  FakeClock *self = (FakeClock *) clock;
  gboolean is_time;

  g_mutex_lock (&self->lock);
  is_time = when != PAR_CLOCK_NEVER && when <= self->now_us;
  if (when == PAR_CLOCK_NEVER || is_time)
    g_hash_table_remove (self->armed, source);
  else
    g_hash_table_insert (self->armed, g_source_ref (source), g_memdup2 (&when, sizeof when));
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
  self->armed = g_hash_table_new_full (NULL, NULL, (GDestroyNotify) g_source_unref, g_free);

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

  g_hash_table_unref (self->armed);
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

void
fake_clock_advance (FakeClock *self,
                    gint64     msec)
{
  g_autoptr(GPtrArray) sleepers = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer source, when;

  g_mutex_lock (&self->lock);
  self->now_us += msec * 1000;
  for (guint i = 0; i < self->sleepers->len; i++)
    g_ptr_array_add (sleepers, g_memdup2 (self->sleepers->pdata[i], sizeof (Sleeper)));
  g_hash_table_iter_init (&iter, self->armed);
  while (g_hash_table_iter_next (&iter, &source, &when))
    {
      if (*(gint64 *) when <= self->now_us)
        {
          g_source_set_ready_time (source, 0);
          g_hash_table_iter_remove (&iter);
        }
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

/* Waits until an owner in a do() has nothing left to do. */
void
fake_clock_wait_for_sleeper (FakeClock *self)
{
  g_mutex_lock (&self->lock);
  while (self->sleepers->len == 0)
    g_cond_wait (&self->changed, &self->lock);
  g_mutex_unlock (&self->lock);
}
