/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a request costs that does nothing: nanoseconds each, adding included, the least of some
 * rounds, beside the same calls through GLib's own pools. */

#include <malloc.h>
#include <stdlib.h>

#include <par/par.h>

static const guint bounds[] = { 1, 2, 8, 64, 0 };

static guint n_requests = 1000000;
static guint n_rounds = 5;

static void
do_nothing (ParAttempt  *attempt,
            gpointer     user_data,
            GError     **error)
{
  par_attempt_return_boolean (attempt, TRUE);
}

static void
completed_cb (ParRequests *requests,
              ParRequest  *request,
              guint64     *n_completed)
{
  ++*n_completed;
}

static gint64
time_par (guint    bound,
          gboolean with_handler)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  gint64 started_us = g_get_monotonic_time ();
  guint64 n_completed = 0;

  if (with_handler)
    g_signal_connect (requests, "completed", G_CALLBACK (completed_cb), &n_completed);
  par_requests_set_concurrency (requests, bound);
  for (guint i = 0; i < n_requests; i++)
    par_requests_add_thread (requests, do_nothing, NULL, NULL);
  if (!par_requests_do (requests, NULL, NULL))
    g_error ("a request failed");

  return g_get_monotonic_time () - started_us;
}

static gint64
time_async (guint    bound,
            gboolean with_handler)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  gint64 started_us = g_get_monotonic_time ();
  guint64 n_completed = 0;

  if (with_handler)
    g_signal_connect (requests, "completed", G_CALLBACK (completed_cb), &n_completed);
  par_requests_set_concurrency (requests, bound);
  for (guint i = 0; i < n_requests; i++)
    par_requests_add_async (requests, do_nothing, NULL, NULL);
  if (!par_requests_do (requests, NULL, NULL))
    g_error ("a request failed");

  return g_get_monotonic_time () - started_us;
}

/* With all policies set, none of which acts. */
static gint64
time_policies (guint    bound,
               gboolean unused)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParHedge) hedge = par_hedge_new ();
  g_autoptr(ParRetry) retry = par_retry_new ();
  g_autoptr(ParLimiter) limiter = par_limiter_new ();
  gint64 started_us = g_get_monotonic_time ();

  /* No call takes as long as that, and none waits for that many others. */
  par_hedge_set_delay (hedge, 60000);
  par_limiter_set_concurrency (limiter, 1000000);
  par_requests_set_hedge (requests, hedge);
  par_requests_set_retry (requests, retry);
  par_requests_set_limiter (requests, limiter);
  par_requests_set_concurrency (requests, bound);
  for (guint i = 0; i < n_requests; i++)
    par_requests_add_thread (requests, do_nothing, NULL, NULL);
  if (!par_requests_do (requests, NULL, NULL))
    g_error ("a request failed");

  return g_get_monotonic_time () - started_us;
}

static void
count_down (gpointer data,
            gpointer n_left)
{
  g_atomic_int_add ((int *) n_left, -1);
}

static gint64
time_pool (guint    bound,
           gboolean unused)
{
  gint64 started_us = g_get_monotonic_time ();
  int n_left = n_requests;
  GThreadPool *pool = g_thread_pool_new (count_down, &n_left, bound > 0 ? (int) bound : -1,
                                         FALSE, NULL);

  for (guint i = 0; i < n_requests; i++)
    g_thread_pool_push (pool, pool, NULL);
  g_thread_pool_free (pool, FALSE, TRUE);

  return g_get_monotonic_time () - started_us;
}

static void
run_task (GTask        *task,
          gpointer      source,
          gpointer      data,
          GCancellable *cancellable)
{
  g_task_return_boolean (task, TRUE);
}

static void
task_done (GObject      *source,
           GAsyncResult *result,
           gpointer      n_left)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
  --*(guint *) n_left;
}

static gint64
time_task (guint    bound,
           gboolean unused)
{
  gint64 started_us = g_get_monotonic_time ();
  guint n_left = n_requests;

  for (guint i = 0; i < n_requests; i++)
    {
      g_autoptr(GTask) task = g_task_new (NULL, NULL, task_done, &n_left);

      g_task_run_in_thread (task, run_task);
    }
  while (n_left > 0)
    g_main_context_iteration (NULL, TRUE);

  return g_get_monotonic_time () - started_us;
}

static double
measure (gint64  (*time) (guint bound, gboolean with_handler),
         guint     bound,
         gboolean  with_handler)
{
  gint64 least_us = G_MAXINT64;

  for (guint i = 0; i < n_rounds; i++)
    least_us = MIN (least_us, time (bound, with_handler));

  return least_us * 1000.0 / n_requests;
}

static double
measure_bytes (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  size_t before = mallinfo2 ().uordblks + mallinfo2 ().hblkhd;

  for (guint i = 0; i < n_requests; i++)
    par_requests_add_thread (requests, do_nothing, NULL, NULL);

  return (double) (mallinfo2 ().uordblks + mallinfo2 ().hblkhd - before) / n_requests;
}

typedef struct
{
  GPtrArray *attempts;
  size_t before;
  size_t bytes;
} Flight;

static void
take_off (ParAttempt  *attempt,
          gpointer     user_data,
          GError     **error)
{
  Flight *flight = user_data;

  g_ptr_array_add (flight->attempts, g_object_ref (attempt));
  if (flight->attempts->len < n_requests)
    return;

  flight->bytes = mallinfo2 ().uordblks + mallinfo2 ().hblkhd - flight->before;
  for (guint i = 0; i < n_requests; i++)
    par_attempt_return_boolean (flight->attempts->pdata[i], TRUE);
}

/* Of an async attempt that is in flight: its record and its object. */
static double
measure_bytes_in_flight (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  Flight flight = { g_ptr_array_new_full (n_requests, g_object_unref), 0, 0 };

  flight.before = mallinfo2 ().uordblks + mallinfo2 ().hblkhd;
  for (guint i = 0; i < n_requests; i++)
    par_requests_add_async (requests, take_off, &flight, NULL);
  if (!par_requests_do (requests, NULL, NULL))
    g_error ("a request failed");
  g_ptr_array_unref (flight.attempts);

  return (double) flight.bytes / n_requests;
}

typedef struct
{
  GMutex lock;
  GCond cond;
  gboolean done;
} Trip;

static void
end_trip (gpointer data,
          gpointer trip_data)
{
  Trip *trip = trip_data;

  g_mutex_lock (&trip->lock);
  trip->done = TRUE;
  g_cond_signal (&trip->cond);
  g_mutex_unlock (&trip->lock);
}

/* The least time of one call, there and back, in microseconds. */
static double
measure_pool_trip (guint n_trips)
{
  Trip trip = { 0 };
  GThreadPool *pool = g_thread_pool_new (end_trip, &trip, 1, FALSE, NULL);
  gint64 started_us = g_get_monotonic_time ();

  for (guint i = 0; i < n_trips; i++)
    {
      g_mutex_lock (&trip.lock);
      trip.done = FALSE;
      g_thread_pool_push (pool, pool, NULL);
      while (!trip.done)
        g_cond_wait (&trip.cond, &trip.lock);
      g_mutex_unlock (&trip.lock);
    }
  g_thread_pool_free (pool, FALSE, TRUE);

  return (double) (g_get_monotonic_time () - started_us) / n_trips;
}

static double
measure_par_trip (guint n_trips)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  gint64 started_us = g_get_monotonic_time ();

  for (guint i = 0; i < n_trips; i++)
    {
      par_requests_add_thread (requests, do_nothing, NULL, NULL);
      par_requests_do (requests, NULL, NULL);
    }

  return (double) (g_get_monotonic_time () - started_us) / n_trips;
}

int
main (int   argc,
      char *argv[])
{
  guint n_trips;
  double pool_trip = G_MAXDOUBLE, par_trip = G_MAXDOUBLE;

  if (argc > 1)
    n_requests = atoi (argv[1]);
  if (argc > 2)
    n_rounds = atoi (argv[2]);
  n_trips = MAX (n_requests / 100, 1);

  /* Memory that was freed is kept, as in a program that has run for a while: else the kernel's
   * clearing of fresh pages is a fifth of what is measured. The first round has it all the same. */
  mallopt (M_TRIM_THRESHOLD, G_MAXINT);

  g_print ("ns for each of %u requests that do nothing, least of %u rounds\n\n", n_requests, n_rounds);
  g_print ("| bound | Par | with a handler | with policies | async | with a handler | GThreadPool "
           "| g_task_run_in_thread() |\n");
  g_print ("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
  for (guint i = 0; i < G_N_ELEMENTS (bounds); i++)
    {
      g_autofree char *bound = bounds[i] > 0 ? g_strdup_printf ("%u", bounds[i])
                                             : g_strdup ("unbounded");

      g_print ("| %s | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | ", bound,
               measure (time_par, bounds[i], FALSE), measure (time_par, bounds[i], TRUE),
               measure (time_policies, bounds[i], FALSE), measure (time_async, bounds[i], FALSE),
               measure (time_async, bounds[i], TRUE), measure (time_pool, bounds[i], FALSE));
      /* It has one bound, that of the process. */
      if (bounds[i] == 0)
        g_print ("%.0f |\n", measure (time_task, 0, FALSE));
      else
        g_print (" |\n");
    }

  for (guint i = 0; i < n_rounds; i++)
    {
      pool_trip = MIN (pool_trip, measure_pool_trip (n_trips));
      par_trip = MIN (par_trip, measure_par_trip (n_trips));
    }
  g_print ("\nbytes for each queued request: %.1f; for each async attempt in flight: %.1f\n",
           measure_bytes (), measure_bytes_in_flight ());
  g_print ("one do() of one request: %.1f us; one round trip of a GThreadPool: %.1f us\n",
           par_trip, pool_trip);

  return 0;
}
