/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

/* Four threads add, cancel, pause and resize at random while the main loop has one run after the
 * other. In the end every request has settled once, and its data was destroyed once. */
#define N_THREADS 4
#define SECONDS 20

typedef struct
{
  ParRequests *requests;
  GRand *rand;
  int *stopped;
} Chaos;

static int n_added;
static int n_destroyed;
static int n_called;
static int n_completed;
static guint64 n_runs;

static GMutex run_lock;
static GCancellable *run_cancellable;  /* guarded by the lock */

static int
n_left (void)
{
  return g_atomic_int_get (&n_added) - g_atomic_int_get (&n_completed);
}

static void
destroy (gpointer data)
{
  g_atomic_int_inc (&n_destroyed);
  g_assert_cmpint (GPOINTER_TO_INT (data) & 0xff, ==, 0x5a);
}

static void
call (ParAttempt  *attempt,
      gpointer     data,
      GError     **error)
{
  int what = GPOINTER_TO_INT (data) >> 8;

  g_atomic_int_inc (&n_called);
  for (int i = 0; i < what % 50 * 100 && what % 3 == 0; i++)
    g_thread_yield ();

  if (what % 7 == 0)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "bad luck");
  else if (what % 7 == 1)
    return;
  else if (what % 7 == 2)
    par_attempt_return_string (attempt, "a string");
  else if (what % 7 == 3)
    {
      g_autoptr(ParRequest) request = par_attempt_get_request (attempt);

      if (what % 2 == 0 && request != NULL)
        par_request_cancel (request);
      par_attempt_return_boolean (attempt, TRUE);
    }
  else if (what % 7 == 4
           && g_cancellable_set_error_if_cancelled (par_attempt_get_cancellable (attempt), error))
    return;
  else
    par_attempt_return_int64 (attempt, what);
}

static void
add_one (Chaos *chaos)
{
  gpointer data = GINT_TO_POINTER (g_rand_int_range (chaos->rand, 0, 10000) << 8 | 0x5a);

  g_atomic_int_inc (&n_added);
  if (g_rand_int_range (chaos->rand, 0, 4) > 0)
    {
      par_requests_add_thread (chaos->requests, call, data, destroy);
    }
  else
    {
      g_autoptr(ParRequest) request = par_request_new_thread (call, data, destroy);

      par_request_set_priority (request, g_rand_int_range (chaos->rand, -2, 3));
      par_request_set_idempotent (request, g_rand_boolean (chaos->rand));
      par_requests_add (chaos->requests, request);
      if (g_rand_int_range (chaos->rand, 0, 4) == 0)
        par_request_cancel (request);
    }
}

/* Mostly what leaves the run alone. */
static int
seldom (Chaos *chaos,
        int    limit,
        int    none)
{
  return g_rand_int_range (chaos->rand, 0, 8) == 0 ? g_rand_int_range (chaos->rand, 0, limit) : none;
}

static void
act (Chaos *chaos)
{
  switch (g_rand_int_range (chaos->rand, 0, 40))
    {
    case 0:
      par_requests_set_paused (chaos->requests, TRUE);
      g_thread_yield ();
      par_requests_set_paused (chaos->requests, FALSE);
      break;

    case 1:
      par_requests_set_concurrency (chaos->requests, g_rand_int_range (chaos->rand, 0, 12));
      break;

    case 2:
      par_requests_set_redundancy (chaos->requests, g_rand_int_range (chaos->rand, 1, 4));
      par_requests_set_keep_completed (chaos->requests, g_rand_boolean (chaos->rand));
      break;

    case 3:
      par_requests_set_timeout (chaos->requests, seldom (chaos, 5, 0));
      par_requests_set_request_timeout (chaos->requests, seldom (chaos, 4, 0));
      par_requests_set_attempt_timeout (chaos->requests, seldom (chaos, 3, 0));
      break;

    case 4:
      par_requests_set_max_failures (chaos->requests, seldom (chaos, 50, -1));
      par_requests_set_min_successes (chaos->requests, seldom (chaos, 300, 0));
      par_requests_set_wait_for_attempts (chaos->requests, g_rand_boolean (chaos->rand));
      break;

    case 5:
      par_requests_hold (chaos->requests);
      add_one (chaos);
      par_requests_release (chaos->requests);
      break;

    case 6:
      g_mutex_lock (&run_lock);
      if (g_rand_int_range (chaos->rand, 0, 100) == 0)
        g_cancellable_cancel (run_cancellable);
      g_mutex_unlock (&run_lock);
      break;

    case 7:
      /* Mostly refused, but between two runs this thread becomes the owner. */
      par_requests_do (chaos->requests, NULL, NULL);
      break;

    default:
      /* No more than can be done by the time that all is to end. */
      for (int i = g_rand_int_range (chaos->rand, 0, 20); i > 0 && n_left () < 2000; i--)
        add_one (chaos);
      g_usleep (g_rand_int_range (chaos->rand, 0, 500));
    }
}

static gpointer
cause_chaos (gpointer data)
{
  Chaos *chaos = data;

  while (!g_atomic_int_get (chaos->stopped))
    act (chaos);

  return NULL;
}

static void
completed_cb (ParRequests *requests,
              ParRequest  *request,
              gpointer     user_data)
{
  g_assert_cmpint (par_request_get_state (request), >, PAR_REQUEST_STATE_RUNNING);
  g_assert_true ((par_request_get_error (request) != NULL)
                 == (par_request_get_state (request) != PAR_REQUEST_STATE_SUCCEEDED));
  g_atomic_int_inc (&n_completed);
}

static void
notify_cb (ParRequests *requests,
           GParamSpec  *pspec,
           gpointer     user_data)
{
  g_assert_cmpuint (par_requests_get_n_requests (requests), ==,
                    par_requests_get_n_queued (requests) + par_requests_get_n_running (requests)
                    + par_requests_get_n_succeeded (requests)
                    + par_requests_get_n_failed (requests)
                    + par_requests_get_n_cancelled (requests));
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static void
run_once (ParRequests *requests)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_mutex_lock (&run_lock);
  g_set_object (&run_cancellable, NULL);
  run_cancellable = g_cancellable_new ();
  g_mutex_unlock (&run_lock);

  par_requests_do_async (requests, run_cancellable, take_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  par_requests_do_finish (requests, result, NULL);
  n_runs++;
}

static void
invariants_survive_chaos (void)
{
  ParRequests *requests = par_requests_new ();
  GThread *threads[N_THREADS];
  Chaos chaos[N_THREADS];
  gint64 until_us = g_get_monotonic_time () + SECONDS * G_USEC_PER_SEC;
  int stopped = FALSE;

  g_test_summary ("Every request settles once and is destroyed once, and the numbers add up.");

  g_signal_connect (requests, "completed", G_CALLBACK (completed_cb), NULL);
  g_signal_connect (requests, "notify", G_CALLBACK (notify_cb), NULL);
  for (guint i = 0; i < N_THREADS; i++)
    {
      chaos[i] = (Chaos) { requests, g_rand_new_with_seed (g_test_rand_int ()), &stopped };
      threads[i] = g_thread_new ("chaos", cause_chaos, &chaos[i]);
    }

  while (g_get_monotonic_time () < until_us)
    run_once (requests);

  g_atomic_int_set (&stopped, TRUE);
  for (guint i = 0; i < N_THREADS; i++)
    {
      /* A thread may be on its way out of a hold that only it releases. */
      run_once (requests);
      g_thread_join (threads[i]);
      g_rand_free (chaos[i].rand);
    }

  par_requests_set_timeout (requests, 0);
  par_requests_set_max_failures (requests, -1);
  par_requests_set_min_successes (requests, 0);
  par_requests_set_wait_for_attempts (requests, TRUE);
  par_requests_set_paused (requests, FALSE);
  run_once (requests);

  g_test_message ("%" G_GUINT64_FORMAT " runs of %d requests, %d calls", n_runs, n_added, n_called);
  g_assert_cmpuint (par_requests_get_n_requests (requests), ==, n_added);
  g_assert_cmpuint (par_requests_get_n_queued (requests), ==, 0);
  g_assert_cmpuint (par_requests_get_n_running (requests), ==, 0);
  g_assert_cmpuint (par_requests_get_n_attempts_running (requests), ==, 0);
  g_assert_cmpuint (n_completed, ==, n_added);
  g_assert_finalize_object (requests);
  g_assert_cmpint (n_destroyed, ==, n_added);
  g_clear_object (&run_cancellable);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/par/stress/invariants-survive-chaos", invariants_survive_chaos);

  return g_test_run ();
}
