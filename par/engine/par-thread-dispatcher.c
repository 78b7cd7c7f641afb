/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-thread-dispatcher-private.h"

#include <par/par-attempt-private.h>

/* So many workers come at once where calls take their time; more of them only when nothing ends
 * for a millisecond, so that a million tiny calls without a bound do not make a million threads,
 * yet ten thousand that block do get ten thousand. */
#define N_WORKERS_BOUNDED 64
#define N_WORKERS_UNBOUNDED 16

/* Threads are made one after the other anyway, so a few pushes at a time keep up with the
 * system, and let those that turn out not to be needed be few. */
#define N_ARRIVING 8

/* Calls shorter than this cost more in fights for the lock than a second worker gains. */
#define SHORT_CALL (2 * 16)

/* Half of the recent calls took a millisecond or more. */
#define MANY_LONG_CALLS 512

/* How long a worker that is surrounded stays for more work. */
#define LINGER_US 100000

/* After so many milliseconds without an end, threads are made as fast as the system can. */
#define N_BLOCKED_FOR_ALL 10

void
par_thread_dispatcher_init (ParThreadDispatcher        *self,
                            ParHost                    *host,
                            const ParDispatcherClient  *client,
                            ParClock                  **clock)
{
  self->host = host;
  self->client = client;
  self->clock = clock;
  self->duration = SHORT_CALL;
  self->long_calls = MANY_LONG_CALLS;
  g_mutex_init (&self->pool_lock);
}

void
par_thread_dispatcher_clear (ParThreadDispatcher *self)
{
  /* This may be the last worker of the pool, so it cannot wait for it. */
  if (self->pool != NULL)
    g_thread_pool_free (self->pool, TRUE, FALSE);
  g_mutex_clear (&self->pool_lock);
}

static gboolean
calls_are_short (ParThreadDispatcher *self)
{
  return self->duration < SHORT_CALL;
}

/* How many workers there may be before work has waited in vain. */
static guint
get_easy_limit (ParThreadDispatcher *self)
{
  if (self->n_blocked >= N_BLOCKED_FOR_ALL)
    return G_MAXUINT;

  return self->client->get_bound (self->host) > 0 ? N_WORKERS_BOUNDED : N_WORKERS_UNBOUNDED;
}

/* Whether @worker should let the others work. While calls are short that is any but the runner:
 * one that has a short call behind it, and so is not one of those that are blocked. */
static gboolean
is_crowded (ParThreadDispatcher *self,
            gconstpointer        worker)
{
  if (calls_are_short (self))
    return self->runner != NULL && self->runner != worker;

  return self->n_workers > get_easy_limit (self);
}

static gboolean
may_work (ParThreadDispatcher *self,
          gconstpointer        worker)
{
  /* Who came because all the others seemed to be blocked leaves when they turn out not to be;
   * but calls that do block want all the workers there are. */
  if (!calls_are_short (self))
    return self->long_calls >= MANY_LONG_CALLS || self->n_workers <= get_easy_limit (self);

  if (self->runner == NULL)
    self->runner = worker;

  return self->runner == worker;
}

/* Has workers come: those that linger first. Returns how many are to be pushed. */
static guint
arrive (ParThreadDispatcher *self,
        guint                n_workers)
{
  ParSurrounding *surrounding = self->surrounding;
  guint n_invited = 0;

  self->n_arriving += n_workers;
  if (surrounding != NULL)
    {
      n_invited = MIN (n_workers, surrounding->n_lingering);
      surrounding->n_lingering -= n_invited;
      surrounding->n_invited += n_invited;
      for (guint i = 0; i < n_invited; i++)
        g_cond_signal (&surrounding->invitation);
    }

  return n_workers - n_invited;
}

/* How many workers are to be pushed now, with the host's lock held; the caller pushes them with
 * no lock held. Where more work waits than workers may come for, one comes to watch. */
guint
par_thread_dispatcher_ask (ParThreadDispatcher *self)
{
  gboolean is_run_by_one = calls_are_short (self) && self->runner != NULL;
  guint n_here = self->n_workers + self->n_arriving;
  guint64 n_waiting;
  guint limit;

  if (is_run_by_one && self->watching)
    return 0;

  n_waiting = self->client->count_waiting (self->host);
  if (n_waiting <= self->n_arriving || self->n_arriving >= N_ARRIVING)
    return 0;

  limit = get_easy_limit (self);
  if (n_here >= limit || is_run_by_one)
    return arrive (self, !self->watching && self->n_arriving == 0 ? 1 : 0);

  return arrive (self, MIN (MIN (n_waiting - self->n_arriving, limit - n_here),
                            N_ARRIVING - self->n_arriving));
}

static gboolean
is_work_waiting (ParThreadDispatcher *self)
{
  return self->client->count_waiting (self->host) > self->n_arriving;
}

/* Watches the others for as long as there is more to do than they may begin, and has more workers
 * come when nothing ends. The owner could not: its loop may be blocked. */
static void
watch (ParThreadDispatcher *self,
       gconstpointer        worker)
{
  GCond tick;

  g_cond_init (&tick);
  self->watching = TRUE;

  while (is_crowded (self, worker) && is_work_waiting (self))
    {
      guint64 n_ended = self->n_ended;
      guint n_workers;

      g_cond_wait_until (&tick, &self->host->lock, g_get_monotonic_time () + 1000);

      if (self->n_ended != n_ended)
        continue;

      /* Who was the runner is blocked. */
      self->n_blocked++;
      self->runner = NULL;
      self->duration = MAX (self->duration, SHORT_CALL);
      n_workers = MIN (self->client->count_waiting (self->host), N_ARRIVING);
      n_workers = arrive (self, n_workers - MIN (n_workers, self->n_arriving));
      par_host_unlock (self->host);
      par_thread_dispatcher_push (self, n_workers);
      par_host_lock (self->host);
    }

  self->watching = FALSE;
  g_cond_clear (&tick);
}

/* One call that took long, or in which the thread was not running, says little: none counts for
 * more than eight microseconds. */
static void
note_end (ParThreadDispatcher *self,
          gint64               duration_us)
{
  self->n_ended++;
  self->n_blocked = 0;
  self->duration += ((int) MIN (duration_us * 16, 4 * SHORT_CALL) - (int) self->duration) / 8;
  self->long_calls += ((duration_us >= 1000 ? 2 * MANY_LONG_CALLS : 0) - self->long_calls) / 8;
}

/* Calls functions for as long as there are some to be called, with the host's lock held on entry
 * and return. */
static void
work_off (ParThreadDispatcher  *self,
          ParAttempt          **attempt)
{
  ParTimer timer = { .clock = *self->clock };
  gint64 started_us = par_timer_now (&timer);
  ParRequestFunc function;
  gpointer user_data;

  while (may_work (self, attempt)
         && self->client->take (self->host, *attempt, started_us, &function, &user_data))
    {
      guint n_workers = par_thread_dispatcher_ask (self);
      GError *error = NULL;
      gint64 duration_us;
      gint64 ended_us;

      par_dispatcher_unlock (self->host, self->client);
      if (n_workers > 0)
        par_thread_dispatcher_push (self, n_workers);

      function (*attempt, user_data, &error);
      if (G_UNLIKELY (error != NULL))
        par_attempt_set_error (*attempt, error);
      ended_us = par_timer_now (&timer);
      duration_us = ended_us - started_us;

      started_us = ended_us;
      if (!par_host_try_lock (self->host))
        {
          /* A fight for the lock is not to look like a long call, which would bring more
           * fighters. */
          g_mutex_lock (&self->host->lock);
          started_us = par_timer_now (&timer);
        }
      note_end (self, duration_us);
      self->client->end (self->host, *attempt, ended_us);
      par_dispatcher_renew (self->host, attempt);
    }

  if (self->runner == attempt)
    self->runner = NULL;
}

/* A worker until it has worked. */
typedef struct
{
  ParThreadDispatcher *dispatcher;
  ParAttempt *attempt;
  ParSurrounding *surrounding;
  gboolean has_worked;
} ParWorker;

/* The worker whose surrounding the calling thread is in. */
static GPrivate current_worker;

/* With the host's lock held on entry and return. */
static void
work_once (ParThreadDispatcher  *self,
           ParAttempt          **attempt)
{
  par_attempt_set_current (*attempt);
  self->n_arriving--;
  self->n_workers++;

  /* Those that came for nothing leave, but for one that watches. */
  do
    {
      if (is_crowded (self, attempt) && !self->watching)
        watch (self, attempt);
      work_off (self, attempt);
    }
  while (is_crowded (self, attempt) && !self->watching && is_work_waiting (self));

  par_attempt_set_current (NULL);
  self->n_workers--;
}

/* Waits for more work, with the host's lock held on entry and return: to come again would cost a
 * worker more where it is surrounded. Returns FALSE if there is none for some time. */
static gboolean
linger (ParThreadDispatcher *self,
        ParSurrounding      *surrounding)
{
  gint64 until_us = g_get_monotonic_time () + LINGER_US;

  surrounding->n_lingering++;
  while (surrounding->n_invited == 0)
    {
      if (self->dismissed || self->surrounding != surrounding
          || !g_cond_wait_until (&surrounding->invitation, &self->host->lock, until_us))
        break;
    }

  /* Whoever is there takes an invitation: those that are invited do not linger any more. */
  if (surrounding->n_invited == 0)
    {
      surrounding->n_lingering--;
      return FALSE;
    }

  surrounding->n_invited--;

  return TRUE;
}

/* Does the work of the worker whose surrounding calls this. Returns FALSE if that is nobody, or
 * one that has worked. */
gboolean
par_thread_dispatcher_work (void)
{
  ParWorker *worker = g_private_get (&current_worker);
  ParThreadDispatcher *self;

  if (worker == NULL || worker->has_worked)
    return FALSE;

  self = worker->dispatcher;
  worker->has_worked = TRUE;
  par_host_lock (self->host);
  do
    {
      work_once (self, &worker->attempt);
      par_dispatcher_unlock (self->host, self->client);
      par_host_lock (self->host);
    }
  while (linger (self, worker->surrounding));
  par_dispatcher_unlock (self->host, self->client);

  return TRUE;
}

/* Drops what surrounds workers, or has surrounded one, with the host's lock held. */
static void
unuse_surrounding (ParThreadDispatcher *self,
                   ParSurrounding      *surrounding)
{
  if (--surrounding->n_users > 0)
    return;

  if (surrounding->destroy != NULL)
    self->client->discard (self->host, surrounding->user_data, surrounding->destroy);
  g_cond_clear (&surrounding->invitation);
  g_free (surrounding);
}

static void
work (gpointer item,
      gpointer data)
{
  ParThreadDispatcher *self = data;
  ParWorker worker = { .dispatcher = self, .attempt = item };

  par_host_lock (self->host);
  worker.surrounding = self->surrounding;
  if (worker.surrounding != NULL)
    {
      worker.surrounding->n_users++;
      par_host_unlock (self->host);

      g_private_set (&current_worker, &worker);
      worker.surrounding->function (worker.surrounding->user_data);
      g_private_set (&current_worker, NULL);

      par_host_lock (self->host);
      unuse_surrounding (self, worker.surrounding);
    }

  if (!worker.has_worked)
    work_once (self, &worker.attempt);
  par_dispatcher_unlock (self->host, self->client);

  /* The attempt may hold the last reference to the host, and so to this dispatcher. */
  g_object_unref (worker.attempt);
}

/* Surrounds the work of workers that come from now on: @function, or none, is called by each, and
 * calls par_thread_dispatcher_work(). */
void
par_thread_dispatcher_surround (ParThreadDispatcher  *self,
                                void                (*function) (gpointer user_data),
                                gpointer              user_data,
                                GDestroyNotify        destroy)
{
  ParSurrounding *surrounding = NULL;
  ParSurrounding *old;

  if (function != NULL)
    {
      surrounding = g_new (ParSurrounding, 1);
      *surrounding = (ParSurrounding) { function, user_data, destroy, .n_users = 1 };
      g_cond_init (&surrounding->invitation);
    }

  par_host_lock (self->host);
  old = self->surrounding;
  self->surrounding = surrounding;
  if (old != NULL)
    {
      g_cond_broadcast (&old->invitation);
      unuse_surrounding (self, old);
    }
  par_dispatcher_unlock (self->host, self->client);
}

/* Has workers that linger leave, and others not linger any more, with the host's lock held. */
void
par_thread_dispatcher_dismiss (ParThreadDispatcher *self)
{
  self->dismissed = TRUE;
  if (self->surrounding != NULL)
    g_cond_broadcast (&self->surrounding->invitation);
}

static gpointer
do_nothing (gpointer data)
{
  return NULL;
}

/* From 2.75.3 on, GLib makes a thread of its own with the first pool of the process. Up to 2.84 it
 * does not survive that there is none to be had: it aborts, or has every later pool wait for that
 * thread. So the first pool waits until the system gives one. */
static gboolean
may_have_pool (GError **error)
{
  static gboolean had_thread;

  if (!g_atomic_int_get (&had_thread))
    {
      GThread *thread = g_thread_try_new ("par-first", do_nothing, NULL, error);

      if (thread == NULL)
        return FALSE;

      g_thread_join (thread);
      g_atomic_int_set (&had_thread, TRUE);
    }

  return TRUE;
}

/* Has workers come, with no lock held. */
void
par_thread_dispatcher_push (ParThreadDispatcher *self,
                            guint                n_workers)
{
  g_autoptr(GError) error = NULL;
  ParAttempt *attempt = NULL;
  guint n_pushed = 0;

  g_mutex_lock (&self->pool_lock);

  /* The pool has no bound of its own: the engine's is the one that counts. */
  if (self->pool == NULL && n_workers > 0 && may_have_pool (&error))
    self->pool = g_thread_pool_new (work, self, -1, FALSE, &error);

  /* The attempt is made here, since the first thing allocated costs a thread 9 KB. */
  while (n_pushed < n_workers && error == NULL)
    {
      attempt = par_attempt_new (self->host, FALSE);
      g_thread_pool_push (self->pool, attempt, &error);
      n_pushed++;
    }

  if (error != NULL)
    {
      /* What could not get a thread is in the pool's queue all the same, and any thread that is
       * there takes it when it is free. With none there, nothing ever would. */
      if (self->pool != NULL && g_thread_pool_get_num_threads (self->pool) == 0)
        {
          g_thread_pool_free (g_steal_pointer (&self->pool), TRUE, FALSE);
          g_object_unref (attempt);
          n_pushed--;
        }

      par_host_lock (self->host);
      self->n_arriving -= n_workers - n_pushed;
      if (self->pool == NULL)
        self->client->fail (self->host, error);
      par_host_unlock (self->host);
    }

  g_mutex_unlock (&self->pool_lock);
}
