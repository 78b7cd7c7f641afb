/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When calls that block have started, how long ten thousand of them take, and how quickly a
 * hundred thousand that are queued are cancelled. */

#include <stdlib.h>

#include <par/par.h>

#define N_BLOCKED 64

static GMutex lock;
static GCond cond;

/* Guarded by the lock. */
static guint n_started;
static gint64 first_us;
static gint64 last_us;

/* Returns when all are there, so each has a thread to itself. */
static void
block (void)
{
  g_mutex_lock (&lock);
  last_us = g_get_monotonic_time () - first_us;
  if (++n_started == N_BLOCKED)
    g_cond_broadcast (&cond);
  while (n_started < N_BLOCKED)
    g_cond_wait (&cond, &lock);
  g_mutex_unlock (&lock);
}

static void
block_request (ParAttempt  *attempt,
               gpointer     user_data,
               GError     **error)
{
  block ();
  par_attempt_return_boolean (attempt, TRUE);
}

static void
block_task (GTask        *task,
            gpointer      source,
            gpointer      data,
            GCancellable *cancellable)
{
  block ();
  g_task_return_boolean (task, TRUE);
}

static void
task_done (GObject      *source,
           GAsyncResult *result,
           gpointer      n_left)
{
  --*(guint *) n_left;
}

static void
start (void)
{
  n_started = 0;
  first_us = g_get_monotonic_time ();
}

static void
report (const char *what)
{
  g_print ("%-52s %10.1f ms\n", what, last_us / 1000.0);
}

static void
sleep_request (ParAttempt  *attempt,
               gpointer     user_data,
               GError     **error)
{
  g_usleep (100000);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
sleep_many (guint n)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParStats) stats = NULL;
  g_autofree char *what = g_strdup_printf ("%u requests that sleep 100 ms, unbounded", n);

  start ();
  for (guint i = 0; i < n; i++)
    par_requests_add_thread (requests, sleep_request, NULL, NULL);
  par_requests_do (requests, NULL, NULL);
  last_us = g_get_monotonic_time () - first_us;
  report (what);

  stats = par_requests_get_stats (requests);
  g_print ("%-52s %10" G_GUINT64_FORMAT "\n", "  of which at once", par_stats_get_peak_attempts (stats));
}

static void
cancel_many (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(ParRequests) requests = par_requests_new ();

  g_cancellable_cancel (cancellable);
  for (guint i = 0; i < 100000; i++)
    par_requests_add_thread (requests, block_request, NULL, NULL);
  start ();
  par_requests_do (requests, cancellable, NULL);
  last_us = g_get_monotonic_time () - first_us;
  report ("cancel 100000 queued requests");
}

int
main (int   argc,
      char *argv[])
{
  guint n_sleepers = argc > 1 ? atoi (argv[1]) : 10000;
  gboolean with_gtask = argc <= 2;
  g_autoptr(ParRequests) requests = par_requests_new ();
  guint n_left = N_BLOCKED;

  par_requests_set_concurrency (requests, N_BLOCKED);
  start ();
  for (guint i = 0; i < N_BLOCKED; i++)
    par_requests_add_thread (requests, block_request, NULL, NULL);
  par_requests_do (requests, NULL, NULL);
  report ("64 requests that block: the last starts after");

  start ();
  for (guint i = 0; i < N_BLOCKED; i++)
    {
      g_autoptr(GTask) task = g_task_new (NULL, NULL, task_done, &n_left);

      par_requests_add_task (requests, task, block_task);
    }
  par_requests_do (requests, NULL, NULL);
  while (n_left > 0)
    g_main_context_iteration (NULL, TRUE);
  report ("64 tasks by par_requests_add_task()");

  if (with_gtask)
    {
      n_left = N_BLOCKED;
      start ();
      for (guint i = 0; i < N_BLOCKED; i++)
        {
          g_autoptr(GTask) task = g_task_new (NULL, NULL, task_done, &n_left);

          g_task_run_in_thread (task, block_task);
        }
      while (n_left > 0)
        g_main_context_iteration (NULL, TRUE);
      report ("64 tasks by g_task_run_in_thread()");
    }

  cancel_many ();
  sleep_many (n_sleepers);

  return 0;
}
