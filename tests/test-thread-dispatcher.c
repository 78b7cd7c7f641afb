/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"
#include "thread-limit.h"

#include <unistd.h>

typedef struct
{
  ParRequests *requests;
  Gate gate;
  GError *error;
  GCancellable *cancellable;  /* of the run */
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->requests = par_requests_new ();
  gate_init (&fixture->gate);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_assert_finalize_object (fixture->requests);
  g_clear_error (&fixture->error);
  gate_clear (&fixture->gate);
}

static gpointer
open_when_all_are_there (gpointer data)
{
  Fixture *fixture = data;

  gate_wait_arrived (&fixture->gate, 64);
  gate_open (&fixture->gate);

  return NULL;
}

static void
blocking_requests_all_run (Fixture       *fixture,
                           gconstpointer  data)
{
  GThread *thread = g_thread_new ("open", open_when_all_are_there, fixture);

  g_test_summary ("64 requests that wait for each other, with a bound of 64, do not wait for ever.");

  par_requests_set_concurrency (fixture->requests, 64);
  for (guint i = 0; i < 64; i++)
    par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_thread_join (thread);
}

static void
blocking_requests_after_short_ones (Fixture       *fixture,
                                    gconstpointer  data)
{
  GThread *thread = g_thread_new ("open", open_when_all_are_there, fixture);

  g_test_summary ("The same when one worker alone has run a thousand short calls before them.");

  par_requests_set_concurrency (fixture->requests, GPOINTER_TO_UINT (data));
  for (guint i = 0; i < 1000; i++)
    par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  for (guint i = 0; i < 64; i++)
    par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_thread_join (thread);
}

static void
pass_gate_task (GTask        *task,
                gpointer      source,
                gpointer      gate,
                GCancellable *cancellable)
{
  gate_pass (gate, cancellable);
  g_task_return_boolean (task, TRUE);
}

static void
count_task (GObject      *source,
            GAsyncResult *result,
            gpointer      n_done)
{
  g_assert_true (g_task_propagate_boolean (G_TASK (result), NULL));
  ++*(guint *) n_done;
}

static void
blocking_tasks_all_run (Fixture       *fixture,
                        gconstpointer  data)
{
  GThread *thread = g_thread_new ("open", open_when_all_are_there, fixture);
  guint n_done = 0;

  g_test_summary ("The same with tasks, of which the pool that GTask shares would start ten.");

  par_requests_set_concurrency (fixture->requests, 64);
  for (guint i = 0; i < 64; i++)
    {
      g_autoptr(GTask) task = g_task_new (NULL, NULL, count_task, &n_done);

      g_task_set_task_data (task, &fixture->gate, NULL);
      par_requests_add_task (fixture->requests, task, pass_gate_task);
    }
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_thread_join (thread);
  while (n_done < 64)
    g_main_context_iteration (NULL, TRUE);
}

static int n_calls;
static int peak_threads;

/* Looks now and then how many threads there are, whatever they do. */
static void
count_threads (ParAttempt  *attempt,
               gpointer     user_data,
               GError     **error)
{
  if (g_atomic_int_add (&n_calls, 1) % 5000 == 0)
    {
      int n_threads = count_own_threads ();

      if (n_threads > g_atomic_int_get (&peak_threads))
        g_atomic_int_set (&peak_threads, n_threads);
    }
  par_attempt_return_boolean (attempt, TRUE);
}

static void
tiny_calls_use_few_threads (Fixture       *fixture,
                            gconstpointer  data)
{
  g_autoptr(ParStats) stats = NULL;

  g_test_summary ("A million of them with no bound do not make a million threads.");

  /* Here there may be idle threads that other tests have left. */
  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }

  for (guint i = 0; i < 1000000; i++)
    par_requests_add_thread (fixture->requests, count_threads, NULL, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));

  stats = par_requests_get_stats (fixture->requests);
  g_test_message ("%d threads, %" G_GUINT64_FORMAT " calls at once", peak_threads,
                  par_stats_get_peak_attempts (stats));
  g_assert_cmpint (peak_threads, <=, 64);
  g_assert_cmpuint (par_stats_get_peak_attempts (stats), <=, 64);
}

static int n_refused;

static gpointer
do_nothing (gpointer data)
{
  return NULL;
}

static void
never_called (gpointer item,
              gpointer data)
{
  g_assert_not_reached ();
}

/* From 2.75.3 on, GLib has a thread of its own from the first pool that is made. */
static void
make_first_pool (void)
{
  g_thread_pool_free (g_thread_pool_new (never_called, NULL, 1, FALSE, NULL), TRUE, FALSE);
}

/* Waits for the other that can be there, then tries to have one thread more. */
static void
try_thread (ParAttempt  *attempt,
            gpointer     gate,
            GError     **error)
{
  GThread *thread;

  gate_pass (gate, NULL);
  thread = g_thread_try_new ("try", do_nothing, NULL, NULL);
  if (thread != NULL)
    g_thread_join (thread);
  else
    g_atomic_int_inc (&n_refused);
  par_attempt_return_boolean (attempt, TRUE);
}

static gpointer
open_when_two_are_there (gpointer data)
{
  Fixture *fixture = data;

  gate_wait_arrived (&fixture->gate, 2);
  gate_open (&fixture->gate);

  return NULL;
}

static void
goes_on_with_fewer_threads (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("A system that gives three threads gets all of 200 requests done, 16 at once "
                  "asked for.");

  if (geteuid () != 0)
    {
      g_test_skip ("only root can become a user with no other process");
      return;
    }

  if (g_test_subprocess ())
    {
      GThread *thread;

      make_first_pool ();
      limit_threads (3);
      thread = g_thread_new ("open", open_when_two_are_there, fixture);
      par_requests_set_concurrency (fixture->requests, 16);
      for (guint i = 0; i < 200; i++)
        par_requests_add_thread (fixture->requests, try_thread, &fixture->gate, NULL);
      g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
      g_assert_no_error (fixture->error);
      g_thread_join (thread);
      g_assert_cmpint (g_atomic_int_get (&n_refused), >, 0);
      unlimit_threads ();
      return;
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

static void
fails_with_no_thread_at_all (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("Where no thread is to be had the run fails with that error; later it works.");

  if (geteuid () != 0)
    {
      g_test_skip ("only root can become a user with no other process");
      return;
    }

  if (g_test_subprocess ())
    {
      if (GPOINTER_TO_UINT (data) > 0)
        make_first_pool ();
      limit_threads (0);
      for (guint round = 0; round < 3; round++)
        {
          for (guint i = 0; i < 10; i++)
            par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
          g_assert_false (par_requests_do (fixture->requests, NULL, &fixture->error));
          g_assert_error (fixture->error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN);
          g_clear_error (&fixture->error);
        }
      g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, 30);

      unlimit_threads ();
      par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
      g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
      g_assert_no_error (fixture->error);
      return;
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static void
cancel_when_arrived (ParAttempt  *attempt,
                     gpointer     user_data,
                     GError     **error)
{
  Fixture *fixture = user_data;

  gate_wait_arrived (&fixture->gate, 1);
  g_cancellable_cancel (fixture->cancellable);
  par_attempt_return_boolean (attempt, TRUE);
}

static GPrivate surrounding;
static int n_workers;
static int n_destroyed;

static void
work_in_surrounding (gpointer user_data)
{
  g_assert_null (g_private_get (&surrounding));
  g_private_set (&surrounding, user_data);
  g_atomic_int_inc (&n_workers);
  par_requests_work ();
  g_private_set (&surrounding, NULL);
}

static void
forget_to_work (gpointer user_data)
{
  g_atomic_int_inc (&n_workers);
}

static void
count_destroy (gpointer data)
{
  g_atomic_int_inc (&n_destroyed);
}

/* Succeeds if its worker is surrounded with the data. */
static void
look_around (ParAttempt  *attempt,
             gpointer     user_data,
             GError     **error)
{
  if (g_private_get (&surrounding) == user_data)
    par_attempt_return_boolean (attempt, TRUE);
  else
    par_attempt_return_new_error (attempt, G_IO_ERROR, G_IO_ERROR_FAILED, "not surrounded");
}

static void
worker_func_surrounds_attempts (Fixture       *fixture,
                                gconstpointer  data)
{
  g_test_summary ("Every attempt is made inside it, also those of a later run; it is called for a "
                  "worker, not for an attempt, and freed with the requests.");

  n_workers = n_destroyed = 0;
  par_requests_set_worker_func (fixture->requests, work_in_surrounding, fixture, count_destroy);
  for (guint round = 0; round < 2; round++)
    {
      for (guint i = 0; i < 10000; i++)
        par_requests_add_thread (fixture->requests, look_around, fixture, NULL);
      g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
      g_assert_no_error (fixture->error);
    }
  g_assert_cmpint (g_atomic_int_get (&n_workers), >=, 1);
  g_assert_cmpint (g_atomic_int_get (&n_workers), <, 5000);

  /* The last worker may be on its way out of the function. */
  g_assert_cmpint (g_atomic_int_get (&n_destroyed), ==, 0);
  g_assert_finalize_object (fixture->requests);
  while (g_atomic_int_get (&n_destroyed) == 0)
    g_thread_yield ();
  g_assert_cmpint (g_atomic_int_get (&n_destroyed), ==, 1);

  fixture->requests = par_requests_new ();
}

static void
surrounded_worker_stays_for_more (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("Many short runs, one after the other, do not call it for each.");

  n_workers = 0;
  par_requests_set_worker_func (fixture->requests, work_in_surrounding, fixture, NULL);
  for (guint round = 0; round < 1000; round++)
    {
      par_requests_add_thread (fixture->requests, look_around, fixture, NULL);
      g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
      g_assert_no_error (fixture->error);
    }
  g_assert_cmpint (g_atomic_int_get (&n_workers), <, 500);
}

static void
surrounded_worker_leaves_disposed_requests (Fixture       *fixture,
                                            gconstpointer  data)
{
  g_test_summary ("It does not stay for more, though more may come.");

  n_workers = 0;
  par_requests_set_worker_func (fixture->requests, work_in_surrounding, fixture, NULL);
  for (guint round = 0; round < 100; round++)
    {
      g_object_run_dispose (G_OBJECT (fixture->requests));
      par_requests_add_thread (fixture->requests, look_around, fixture, NULL);
      g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
      g_assert_no_error (fixture->error);
    }
  g_assert_cmpint (g_atomic_int_get (&n_workers), ==, 100);
}

static void
worker_func_need_not_work (Fixture       *fixture,
                           gconstpointer  data)
{
  g_test_summary ("What it does not call is done when it has returned.");

  n_workers = 0;
  par_requests_set_worker_func (fixture->requests, forget_to_work, NULL, NULL);
  for (guint i = 0; i < 100; i++)
    par_requests_add_thread (fixture->requests, look_around, NULL, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
  g_assert_no_error (fixture->error);
  g_assert_cmpint (g_atomic_int_get (&n_workers), >=, 1);
}

static void
worker_func_lives_while_it_is_used (Fixture       *fixture,
                                    gconstpointer  data)
{
  ParRequests *requests = g_object_ref (fixture->requests);
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("The data of one that is replaced are kept until its worker has left.");

  n_destroyed = 0;
  par_requests_set_concurrency (requests, 1);
  par_requests_set_worker_func (requests, work_in_surrounding, fixture, count_destroy);
  par_requests_add_thread (requests, pass_gate, &fixture->gate, NULL);
  par_requests_do_async (requests, NULL, take_result, &result);
  gate_wait_arrived (&fixture->gate, 1);

  par_requests_set_worker_func (requests, NULL, NULL, NULL);
  while (g_main_context_iteration (NULL, FALSE));
  g_assert_cmpint (g_atomic_int_get (&n_destroyed), ==, 0);

  gate_open (&fixture->gate);
  while (result == NULL || g_atomic_int_get (&n_destroyed) == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (par_requests_do_finish (requests, result, NULL));

  par_requests_add_thread (requests, look_around, NULL, NULL);
  g_assert_true (par_requests_do (requests, NULL, NULL));
  g_object_unref (requests);
}

static void
worker_func_outlives_the_requests (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();

  g_test_summary ("A worker whose attempt is deaf frees it, when all else is gone.");

  n_destroyed = 0;
  par_requests_set_worker_func (fixture->requests, work_in_surrounding, fixture, count_destroy);
  par_requests_add_thread (fixture->requests, pass_gate_deaf, &fixture->gate, NULL);
  par_requests_add_thread (fixture->requests, cancel_when_arrived, fixture, NULL);
  fixture->cancellable = cancellable;
  g_assert_false (par_requests_do (fixture->requests, cancellable, NULL));
  g_assert_finalize_object (fixture->requests);
  g_assert_cmpint (g_atomic_int_get (&n_destroyed), ==, 0);

  gate_open (&fixture->gate);
  while (g_atomic_int_get (&n_destroyed) == 0)
    g_thread_yield ();

  fixture->requests = par_requests_new ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, data, func) \
  g_test_add ("/par/thread-dispatcher/" name, Fixture, GUINT_TO_POINTER (data), set_up, func, tear_down)
  add ("blocking-requests-all-run", 0, blocking_requests_all_run);
  add ("blocking-requests-after-short-ones/64", 64, blocking_requests_after_short_ones);
  add ("blocking-requests-after-short-ones/100", 100, blocking_requests_after_short_ones);
  add ("blocking-requests-after-short-ones/unbounded", 0, blocking_requests_after_short_ones);
  add ("blocking-tasks-all-run", 0, blocking_tasks_all_run);
  add ("tiny-calls-use-few-threads", 0, tiny_calls_use_few_threads);
  add ("goes-on-with-fewer-threads", 0, goes_on_with_fewer_threads);
  add ("fails-with-no-thread-at-all/first-pool", 0, fails_with_no_thread_at_all);
  add ("fails-with-no-thread-at-all/later-pool", 1, fails_with_no_thread_at_all);
  add ("worker-func-surrounds-attempts", 0, worker_func_surrounds_attempts);
  add ("surrounded-worker-stays-for-more", 0, surrounded_worker_stays_for_more);
  add ("surrounded-worker-leaves-disposed-requests", 0,
       surrounded_worker_leaves_disposed_requests);
  add ("worker-func-need-not-work", 0, worker_func_need_not_work);
  add ("worker-func-lives-while-it-is-used", 0, worker_func_lives_while_it_is_used);
  add ("worker-func-outlives-the-requests", 0, worker_func_outlives_the_requests);
#undef add

  return g_test_run ();
}
