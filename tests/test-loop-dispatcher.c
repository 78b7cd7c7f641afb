/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

/* Async requests: where their functions are called, how they end, and how they share a bound with
 * those that run in threads. */
typedef struct
{
  ParRequests *requests;
  Gate gate;
  GThread *owner;
  GPtrArray *kept;  /* (owned) attempts, oldest first */
  GString *order;
  guint n_destroyed;
  guint n_cancelled;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->requests = par_requests_new ();
  fixture->owner = g_thread_self ();
  fixture->kept = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->order = g_string_new (NULL);
  gate_init (&fixture->gate);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  gate_open (&fixture->gate);
  g_ptr_array_unref (fixture->kept);
  if (fixture->requests != NULL)
    {
      wait_for_attempts (fixture->requests);
      g_assert_finalize_object (fixture->requests);
    }
  g_string_free (fixture->order, TRUE);
  gate_clear (&fixture->gate);
}

static void
count_destroyed (gpointer data)
{
  Fixture *fixture = data;

  g_assert_true (g_thread_self () == fixture->owner);
  fixture->n_destroyed++;
}

static guint64
add_async (Fixture        *fixture,
           ParRequestFunc  function)
{
  return par_requests_add_async (fixture->requests, function, fixture, count_destroyed);
}

static gboolean
do_all (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;

  par_requests_do (fixture->requests, NULL, &error);
  g_assert_no_error (error);

  return TRUE;
}

static void
return_number (ParAttempt  *attempt,
               gpointer     user_data,
               GError     **error)
{
  Fixture *fixture = user_data;

  g_assert_true (g_thread_self () == fixture->owner);
  par_attempt_return_int64 (attempt, par_attempt_get_number (attempt));
}

static void
keep (ParAttempt  *attempt,
      gpointer     user_data,
      GError     **error)
{
  Fixture *fixture = user_data;

  g_ptr_array_add (fixture->kept, g_object_ref (attempt));
}

static gboolean
return_in_loop (gpointer attempt)
{
  par_attempt_return_boolean (attempt, TRUE);

  return G_SOURCE_REMOVE;
}

static void
return_later (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  g_idle_add_full (G_PRIORITY_DEFAULT, return_in_loop, g_object_ref (attempt), g_object_unref);
}

static gpointer
return_in_thread (gpointer attempt)
{
  par_attempt_return_boolean (attempt, TRUE);
  g_object_unref (attempt);

  return NULL;
}

static void
return_from_thread (ParAttempt  *attempt,
                    gpointer     user_data,
                    GError     **error)
{
  g_thread_unref (g_thread_new ("return", return_in_thread, g_object_ref (attempt)));
}

static gpointer
drop_in_thread (gpointer attempt)
{
  g_object_unref (attempt);

  return NULL;
}

static void
drop_from_thread (ParAttempt  *attempt,
                  gpointer     user_data,
                  GError     **error)
{
  g_thread_unref (g_thread_new ("drop", drop_in_thread, g_object_ref (attempt)));
}

static void
drop (ParAttempt  *attempt,
      gpointer     user_data,
      GError     **error)
{
}

static void
returns_at_once (Fixture       *fixture,
                 gconstpointer  data)
{
  g_test_summary ("A function may return its result while it is being called, in the owner's thread.");

  for (guint i = 0; i < 1000; i++)
    add_async (fixture, return_number);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 1000);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1000);
}

static void
returns_later (Fixture       *fixture,
               gconstpointer  data)
{
  const ParRequestFunc functions[] = { return_later, return_from_thread, return_number };

  g_test_summary ("It may return it when it has been called, in the owner's thread or another.");

  for (guint i = 0; i < 30; i++)
    add_async (fixture, functions[i % 3]);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 30);
  g_assert_cmpuint (par_requests_get_n_attempts_running (fixture->requests), ==, 0);
  g_assert_cmpuint (fixture->n_destroyed, ==, 30);
}

static void
dropped_attempt_has_failed (Fixture       *fixture,
                            gconstpointer  data)
{
  const ParRequestFunc functions[] = { drop, drop_from_thread };

  g_test_summary ("No result and nobody left to return one is an error, never a hang.");

  for (guint i = 0; i < 20; i++)
    add_async (fixture, functions[i % 2]);
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));

  g_assert_cmpuint (par_requests_get_n_failed (fixture->requests), ==, 20);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr(ParRequest) request = par_requests_get_request (fixture->requests, i);

      g_assert_error (par_request_get_error (request), PAR_REQUESTS_ERROR,
                      PAR_REQUESTS_ERROR_NO_RESULT);
    }
  g_assert_cmpuint (fixture->n_destroyed, ==, 20);
}

static void
keep_and_fail (ParAttempt  *attempt,
               gpointer     user_data,
               GError     **error)
{
  keep (attempt, user_data, error);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "not today");
}

static void
error_parameter_ends_attempt (Fixture       *fixture,
                              gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("An error that the function sets is its result, and what comes later is a second "
                  "one.");

  add_async (fixture, keep_and_fail);
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));

  request = par_requests_get_request (fixture->requests, 0);
  g_assert_error (par_request_get_error (request), G_IO_ERROR, G_IO_ERROR_BUSY);
  g_test_expect_message ("Par", G_LOG_LEVEL_WARNING, "*returned a second result*");
  par_attempt_return_boolean (fixture->kept->pdata[0], TRUE);
  g_test_assert_expected_messages ();
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_FAILED);
}

static void
note_attempt (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  Fixture *fixture = user_data;

  /* Only the place is noted: a reference would keep it from being used again. */
  g_ptr_array_add (fixture->kept, attempt);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
attempt_is_used_again (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("The object of an attempt that nobody has kept is that of the next one too.");

  g_ptr_array_set_free_func (fixture->kept, NULL);
  for (guint i = 0; i < 3; i++)
    add_async (fixture, note_attempt);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (fixture->kept->len, ==, 3);
  g_assert_true (fixture->kept->pdata[0] == fixture->kept->pdata[1]);
  g_assert_true (fixture->kept->pdata[1] == fixture->kept->pdata[2]);
}

static gboolean
count_kept (gpointer data)
{
  Fixture *fixture = data;
  ParAttempt *attempt;

  g_assert_cmpuint (fixture->kept->len, <=, 3);
  if (fixture->kept->len == 0)
    return G_SOURCE_CONTINUE;

  attempt = g_ptr_array_steal_index (fixture->kept, 0);
  par_attempt_return_boolean (attempt, TRUE);
  g_object_unref (attempt);

  return G_SOURCE_CONTINUE;
}

static void
bound_holds (Fixture       *fixture,
             gconstpointer  data)
{
  guint source = g_idle_add_full (G_PRIORITY_DEFAULT, count_kept, fixture, NULL);

  g_test_summary ("No more are in flight than concurrency says.");

  par_requests_set_concurrency (fixture->requests, 3);
  for (guint i = 0; i < 50; i++)
    add_async (fixture, keep);
  g_assert_true (do_all (fixture));
  g_source_remove (source);

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 50);
}

static void
note_order (ParAttempt  *attempt,
            gpointer     user_data,
            GError     **error)
{
  Fixture *fixture = user_data;
  g_autoptr(ParRequest) request = par_attempt_get_request (attempt);

  /* With a bound of one, two threads never append at once. */
  g_string_append_printf (fixture->order, "%" G_GUINT64_FORMAT " ", par_request_get_index (request));
  par_attempt_return_boolean (attempt, TRUE);
}

static void
note_order_later (ParAttempt  *attempt,
                  gpointer     user_data,
                  GError     **error)
{
  Fixture *fixture = user_data;
  g_autoptr(ParRequest) request = par_attempt_get_request (attempt);

  g_string_append_printf (fixture->order, "%" G_GUINT64_FORMAT " ", par_request_get_index (request));
  return_later (attempt, fixture, error);
}

static void
threads_and_loop_have_one_order (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_test_summary ("One after the other means so for both kinds together.");

  par_requests_set_concurrency (fixture->requests, 1);
  for (guint i = 0; i < 3; i++)
    {
      par_requests_add_thread (fixture->requests, note_order, fixture, NULL);
      par_requests_add_async (fixture->requests, note_order_later, fixture, NULL);
      par_requests_add_async (fixture->requests, note_order, fixture, NULL);
    }
  g_assert_true (do_all (fixture));

  g_assert_cmpstr (fixture->order->str, ==, "0 1 2 3 4 5 6 7 8 ");
}

static void
priority_goes_across_kinds (Fixture       *fixture,
                            gconstpointer  data)
{
  const int priorities[] = { 5, 0, -5, 5, 0, -5 };

  g_test_summary ("Lower priorities go first, in threads or in the loop.");

  par_requests_set_concurrency (fixture->requests, 1);
  for (guint i = 0; i < G_N_ELEMENTS (priorities); i++)
    {
      g_autoptr(ParRequest) request = i % 2 == 0
        ? par_request_new_thread (note_order, fixture, NULL)
        : par_request_new_async (note_order, fixture, NULL);

      par_request_set_priority (request, priorities[i]);
      par_requests_add (fixture->requests, request);
    }
  g_assert_true (do_all (fixture));

  g_assert_cmpstr (fixture->order->str, ==, "2 5 1 4 0 3 ");
}

static void
wait_for_gate_cb (ParRequests *requests,
                  ParRequest  *request,
                  Fixture     *fixture)
{
  if (par_request_get_index (request) == 0)
    gate_wait_passed (&fixture->gate, 1);
}

static void
busy_owner_holds_no_thread_back (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_test_summary ("A thread request goes past async ones that wait for an owner who is busy, if "
                  "there is a slot for it.");

  /* The handler waits for a request that comes after async ones in the order. */
  gate_open (&fixture->gate);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (wait_for_gate_cb), fixture);
  par_requests_set_concurrency (fixture->requests, 2);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_add_async (fixture->requests, return_number, fixture, NULL);
  par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);
  par_requests_add_async (fixture->requests, return_number, fixture, NULL);
  g_assert_true (do_all (fixture));
}

static guint64
count_succeeded (ParRequests *requests)
{
  g_autoptr(ParStats) stats = par_requests_get_stats (requests);

  return par_stats_get_n_succeeded (stats);
}

static void
wait_for_two_cb (ParRequests *requests,
                 ParRequest  *request,
                 gpointer     user_data)
{
  if (par_request_get_index (request) != 0)
    return;

  while (count_succeeded (requests) < 2)
    g_thread_yield ();
}

static void
worker_without_work_leaves (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("A worker that finds nothing but async requests leaves them to the owner, and "
                  "gives the lock back.");

  /* The owner is busy until the worker has done all it could. */
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (wait_for_two_cb), NULL);
  par_requests_set_concurrency (fixture->requests, 4);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_add_async (fixture->requests, return_number, fixture, NULL);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_add_async (fixture->requests, return_number, fixture, NULL);
  g_assert_true (do_all (fixture));
}

static void
open_gate (ParAttempt  *attempt,
           gpointer     user_data,
           GError     **error)
{
  Fixture *fixture = user_data;

  gate_open (&fixture->gate);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

/* Ends a run of do_async(). */
static void
finish (Fixture       *fixture,
        GAsyncResult **result,
        GError       **error)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  par_requests_do_finish (fixture->requests, *result, error);
  g_clear_object (result);
}

static void
dispatch_all_that_is_ready (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
owner_is_woken_for_its_turn (Fixture       *fixture,
                             gconstpointer  data)
{
  GAsyncResult *result = NULL;

  g_test_summary ("An async request is started as soon as the thread request before it has been, "
                  "also when that blocks.");

  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_add_thread (fixture->requests, pass_gate_deaf, &fixture->gate, NULL);
  par_requests_add_thread (fixture->requests, pass_gate_deaf, &fixture->gate, NULL);
  par_requests_add_async (fixture->requests, open_gate, fixture, NULL);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  gate_wait_arrived (&fixture->gate, 1);
  dispatch_all_that_is_ready ();

  par_requests_set_concurrency (fixture->requests, 3);
  dispatch_all_that_is_ready ();
  gate_wait_arrived (&fixture->gate, 2);
  /* If it was not called just now. */
  g_assert_true (fixture->gate.open || g_main_context_pending (NULL));
  finish (fixture, &result, NULL);
}

/* Begins a run with a bound of one that has a thread request, an async one and another thread one,
 * and lets the first end while the owner does not look: then the slot is the async one's. */
static void
begin_and_hand_over (Fixture       *fixture,
                     GCancellable  *cancellable,
                     GAsyncResult **result)
{
  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);
  add_async (fixture, return_number);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_do_async (fixture->requests, cancellable, take_result, result);
  gate_wait_arrived (&fixture->gate, 1);
  dispatch_all_that_is_ready ();

  gate_open (&fixture->gate);
  while (count_succeeded (fixture->requests) < 1)
    g_thread_yield ();
}

static void
cancelled_request_gives_its_slot_back (Fixture       *fixture,
                                       gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;
  GAsyncResult *result = NULL;

  g_test_summary ("A thread request takes the slot of an async one that is cancelled before the "
                  "owner has got to it.");

  begin_and_hand_over (fixture, NULL, &result);
  request = par_requests_get_request (fixture->requests, 1);
  par_request_cancel (request);
  while (count_succeeded (fixture->requests) < 2)
    g_thread_yield ();

  finish (fixture, &result, NULL);
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_CANCELLED);
}

/* Ends in the loop some time after its request has settled. */
static void
cancel_and_return_later (ParAttempt  *attempt,
                         gpointer     user_data,
                         GError     **error)
{
  g_autoptr(ParRequest) request = par_attempt_get_request (attempt);

  par_request_cancel (request);
  return_later (attempt, user_data, error);
}

static guint64
count_cancelled (ParRequests *requests)
{
  g_autoptr(ParStats) stats = par_requests_get_stats (requests);

  return par_stats_get_n_cancelled (stats);
}

static void
slot_of_cancelled_request_is_waited_for (Fixture       *fixture,
                                         gconstpointer  data)
{
  g_autoptr(GError) error = NULL;

  g_test_summary ("do() iterates the context for an attempt that is only in the way.");

  par_requests_set_concurrency (fixture->requests, 1);
  add_async (fixture, cancel_and_return_later);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_assert_false (par_requests_do (fixture->requests, NULL, &error));
  g_assert_error (error, PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_FAILED);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 1);
}

/* Leaves all slots to the async attempt that is out. */
static gpointer
take_slot (gpointer requests)
{
  while (count_cancelled (requests) == 0)
    g_thread_yield ();
  par_requests_set_concurrency (requests, 1);
  par_requests_set_paused (requests, FALSE);

  return NULL;
}

static void
cancel_and_pause (ParAttempt  *attempt,
                  gpointer     user_data,
                  GError     **error)
{
  Fixture *fixture = user_data;

  par_requests_set_paused (fixture->requests, TRUE);
  par_requests_set_concurrency (fixture->requests, 2);
  cancel_and_return_later (attempt, user_data, error);
}

static void
slot_is_waited_for_when_it_becomes_the_last (Fixture       *fixture,
                                             gconstpointer  data)
{
  GThread *thread;

  g_test_summary ("So it does when the bound is lowered while it sleeps.");

  par_requests_set_concurrency (fixture->requests, 1);
  add_async (fixture, cancel_and_pause);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  thread = g_thread_new ("slot", take_slot, fixture->requests);
  par_requests_do (fixture->requests, NULL, NULL);
  g_thread_join (thread);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 1);
}

static void
permit_of_cancelled_request_is_waited_for (Fixture       *fixture,
                                           gconstpointer  data)
{
  g_autoptr(ParLimiter) limiter = par_limiter_new ();

  g_test_summary ("So it does for an attempt that has the only permit.");

  par_limiter_set_concurrency (limiter, 1);
  par_requests_set_limiter (fixture->requests, limiter);
  par_requests_set_concurrency (fixture->requests, 2);
  add_async (fixture, cancel_and_return_later);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_do (fixture->requests, NULL, NULL);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 1);
}

static void
cancelled_run_leaves_all_slots (Fixture       *fixture,
                                gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  GAsyncResult *result = NULL;

  g_test_summary ("The next run has the slots of async requests that were cancelled before the owner "
                  "had got to them.");

  begin_and_hand_over (fixture, cancellable, &result);
  g_cancellable_cancel (cancellable);
  finish (fixture, &result, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_assert_true (do_all (fixture));
}

static void
add_async_from_worker (ParAttempt  *attempt,
                       gpointer     user_data,
                       GError     **error)
{
  Fixture *fixture = user_data;

  add_async (fixture, return_later);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
added_during_run_of_threads (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("A run of thread requests iterates the context as soon as it has an async one.");

  for (guint i = 0; i < 10; i++)
    par_requests_add_thread (fixture->requests, add_async_from_worker, fixture, NULL);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 20);
}

static void
add_next_cb (ParRequests *requests,
             ParRequest  *request,
             Fixture     *fixture)
{
  if (par_request_get_index (request) < 9)
    add_async (fixture, return_later);
}

static void
added_when_last_has_completed (Fixture       *fixture,
                               gconstpointer  data)
{
  g_test_summary ("A run goes on iterating the context for an async request that is added when the "
                  "last one is told to have completed.");

  g_signal_connect (fixture->requests, "completed", G_CALLBACK (add_next_cb), fixture);
  add_async (fixture, return_later);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 10);
}

static gpointer
do_in_thread (gpointer data)
{
  Fixture *fixture = data;
  GError *error = NULL;

  fixture->owner = g_thread_self ();
  g_assert_false (par_requests_do (fixture->requests, NULL, &error));

  return error;
}

/* What the error of do() is in another thread, while this one has the context. */
static GError *
do_without_context (Fixture *fixture)
{
  GMainContext *context = g_main_context_default ();
  GError *error;

  g_assert_true (g_main_context_acquire (context));
  error = g_thread_join (g_thread_new ("do", do_in_thread, fixture));
  g_main_context_release (context);
  fixture->owner = g_thread_self ();

  return error;
}

static void
context_of_another_thread_is_refused (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_autoptr(GError) error = NULL;

  g_test_summary ("A run whose context another thread has fails before anything starts.");

  add_async (fixture, return_number);
  error = do_without_context (fixture);

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_cmpuint (par_requests_get_n_queued (fixture->requests), ==, 1);
  g_assert_true (do_all (fixture));
}

static void
async_added_without_context_ends_run (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_autoptr(GError) error = NULL;

  g_test_summary ("Where an async request comes during a run, and another thread has the context, "
                  "the run ends with an error.");

  par_requests_add_thread (fixture->requests, add_async_from_worker, fixture, NULL);
  error = do_without_context (fixture);

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
}

static gpointer
do_in_own_context (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ParRequests) requests = NULL;
  g_autoptr(GError) error = NULL;

  g_main_context_push_thread_default (context);
  fixture->owner = g_thread_self ();
  requests = par_requests_new ();
  for (guint i = 0; i < 10; i++)
    par_requests_add_async (requests, return_from_thread, fixture, count_destroyed);
  par_requests_do (requests, NULL, &error);
  g_assert_no_error (error);
  g_clear_object (&requests);
  g_main_context_pop_thread_default (context);

  return NULL;
}

static void
thread_with_context_may_do (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("A thread with a context of its own runs async requests in it.");

  g_thread_join (g_thread_new ("do", do_in_own_context, fixture));
  fixture->owner = g_thread_self ();

  g_assert_cmpuint (fixture->n_destroyed, ==, 10);
}

static gboolean
do_in_callback (gpointer data)
{
  Fixture *fixture = data;

  add_async (fixture, return_later);
  add_async (fixture, return_from_thread);
  g_assert_true (do_all (fixture));
  g_string_append (fixture->order, "done");

  return G_SOURCE_REMOVE;
}

static void
do_in_callback_of_loop (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("A run may be started by a callback of the context that it iterates.");

  g_idle_add (do_in_callback, fixture);
  while (fixture->order->len == 0)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 2);
}

static void
do_again_cb (ParRequests *requests,
             Fixture     *fixture)
{
  if (par_requests_get_n_requests (requests) < 6)
    do_in_callback (fixture);
}

static void
done_cb (GObject      *requests,
         GAsyncResult *result,
         gpointer      is_done)
{
  g_assert_true (par_requests_do_finish (PAR_REQUESTS (requests), result, NULL));
  *(gboolean *) is_done = TRUE;
}

static void
do_in_finished (Fixture       *fixture,
                gconstpointer  data)
{
  gboolean is_done = FALSE;

  g_test_summary ("Also by a handler of \"finished\", which the run's own source calls.");

  g_signal_connect (fixture->requests, "finished", G_CALLBACK (do_again_cb), fixture);
  add_async (fixture, return_later);
  par_requests_do_async (fixture->requests, NULL, done_cb, &is_done);
  while (!is_done)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==,
                    par_requests_get_n_requests (fixture->requests));
  g_assert_cmpuint (par_requests_get_n_requests (fixture->requests), >=, 6);
}

static void
do_other (ParAttempt  *attempt,
          gpointer     user_data,
          GError     **error)
{
  g_autoptr(ParRequests) other = par_requests_new ();

  par_requests_add_async (other, return_later, NULL, NULL);
  par_requests_add_thread (other, succeed, NULL, NULL);
  if (par_requests_do (other, NULL, error))
    par_attempt_return_boolean (attempt, TRUE);
}

static void
do_of_others_inside_attempt (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("The function of an async request may run other requests.");

  for (guint i = 0; i < 5; i++)
    add_async (fixture, do_other);
  g_assert_true (do_all (fixture));
}

static void
next_gives_async_requests (Fixture       *fixture,
                           gconstpointer  data)
{
  const ParRequestFunc functions[] = { return_later, return_from_thread, return_number };
  g_autoptr(GError) error = NULL;
  ParRequest *request;
  guint n = 0;

  g_test_summary ("next() iterates the context while it waits for them.");

  par_requests_set_concurrency (fixture->requests, 4);
  for (guint i = 0; i < 30; i++)
    add_async (fixture, functions[i % 3]);
  while ((request = par_requests_next (fixture->requests, NULL, &error)) != NULL)
    {
      g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_SUCCEEDED);
      g_object_unref (request);
      n++;
    }

  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, 30);
}

static void
run_own (ParAttempt  *attempt,
         gpointer     user_data,
         GError     **error)
{
  Fixture *fixture = user_data;
  g_autoptr(GError) do_error = NULL;
  g_autoptr(GError) next_error = NULL;

  g_assert_false (par_requests_do (fixture->requests, NULL, &do_error));
  g_assert_error (do_error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_assert_null (par_requests_next (fixture->requests, NULL, &next_error));
  g_assert_error (next_error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_string_append_c (fixture->order, 'r');
  par_attempt_return_boolean (attempt, TRUE);
}

static void
run_of_next_is_on_inside_attempt (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("A function that is called between two next() cannot wait for its own run.");

  par_requests_hold (fixture->requests);
  add_async (fixture, return_number);
  request = par_requests_next (fixture->requests, NULL, NULL);
  g_assert_nonnull (request);
  add_async (fixture, run_own);
  while (fixture->order->len == 0)
    g_main_context_iteration (NULL, TRUE);
  par_requests_release (fixture->requests);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 2);
}

static void
next_cb (GObject      *requests,
         GAsyncResult *result,
         gpointer      data)
{
  Fixture *fixture = data;
  g_autoptr(ParRequest) request = NULL;

  request = par_requests_next_finish (PAR_REQUESTS (requests), result, NULL);
  g_string_append_c (fixture->order, request != NULL ? 'r' : '.');
  if (request != NULL)
    par_requests_next_async (PAR_REQUESTS (requests), NULL, next_cb, fixture);
}

static void
next_async_gives_async_requests (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_test_summary ("So does next_async().");

  par_requests_set_concurrency (fixture->requests, 2);
  for (guint i = 0; i < 4; i++)
    add_async (fixture, return_later);
  par_requests_next_async (fixture->requests, NULL, next_cb, fixture);
  while (!g_str_has_suffix (fixture->order->str, "."))
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpstr (fixture->order->str, ==, "rrrr.");
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      data)
{
  Fixture *fixture = data;

  g_assert_true (g_thread_self () == fixture->owner);
  fixture->n_cancelled++;
}

static void
keep_and_watch (ParAttempt  *attempt,
                gpointer     user_data,
                GError     **error)
{
  g_cancellable_connect (par_attempt_get_cancellable (attempt), G_CALLBACK (cancelled_cb),
                         user_data, NULL);
  keep (attempt, user_data, error);
}

static gpointer
cancel_when_kept (gpointer data)
{
  Fixture *fixture = ((gpointer *) data)[0];

  gate_wait_arrived (&fixture->gate, 1);
  g_cancellable_cancel (((gpointer *) data)[1]);

  return NULL;
}

static void
cancelled_in_owner_context (Fixture       *fixture,
                            gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  gpointer both[] = { fixture, cancellable };
  GThread *thread = g_thread_new ("cancel", cancel_when_kept, both);

  g_test_summary ("Cancelled from another thread, async attempts hear of it in the owner's; what "
                  "they return then is too late.");

  gate_open (&fixture->gate);
  for (guint i = 0; i < 5; i++)
    add_async (fixture, keep_and_watch);
  par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);
  g_assert_false (par_requests_do (fixture->requests, cancellable, &error));
  g_thread_join (thread);

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (fixture->n_cancelled, ==, fixture->kept->len);
  for (guint i = 0; i < fixture->kept->len; i++)
    {
      g_autofree gpointer result = g_malloc (1);

      par_attempt_return_pointer (fixture->kept->pdata[i], g_steal_pointer (&result), g_free);
    }
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (fixture->n_destroyed, ==, 5);
}

static void
first_wins (ParAttempt  *attempt,
            gpointer     user_data,
            GError     **error)
{
  Fixture *fixture = user_data;

  keep_and_watch (attempt, fixture, error);
  if (par_attempt_get_number (attempt) == 3)
    par_attempt_return_int64 (attempt, 3);
}

static void
copies_are_raced (Fixture       *fixture,
                  gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("The first copy that succeeds wins; the others are cancelled, and what they "
                  "return is freed in the owner's context.");

  par_requests_set_redundancy (fixture->requests, 3);
  add_async (fixture, first_wins);
  g_assert_true (do_all (fixture));

  request = par_requests_get_request (fixture->requests, 0);
  g_assert_cmpuint (par_request_get_winner (request), ==, 3);
  g_assert_cmpuint (fixture->n_cancelled, ==, 2);
  g_assert_cmpuint (fixture->n_destroyed, ==, 0);

  for (guint i = 0; i < 2; i++)
    par_attempt_return_pointer (fixture->kept->pdata[i], fixture, count_destroyed);
  while (fixture->n_destroyed < 3)
    g_main_context_iteration (NULL, TRUE);
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (par_requests_get_n_attempts_running (fixture->requests), ==, 0);
}

static void
late_end_is_cleaned_up_in_context (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_test_summary ("What an attempt leaves that ends in another thread after its requests have been "
                  "freed is destroyed in the owner's context all the same.");

  par_requests_set_redundancy (fixture->requests, 3);
  add_async (fixture, first_wins);
  g_assert_true (do_all (fixture));
  g_assert_finalize_object (g_steal_pointer (&fixture->requests));

  for (guint i = 0; i < 2; i++)
    g_thread_join (g_thread_new ("return", return_in_thread,
                                 g_object_ref (fixture->kept->pdata[i])));
  g_assert_cmpuint (fixture->n_destroyed, ==, 0);
  while (fixture->n_destroyed < 1)
    g_main_context_iteration (NULL, TRUE);
}

static void
waits_for_attempts_if_asked (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("With wait-for-attempts the losers' end is waited for, by iterating the context.");

  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  for (guint i = 0; i < 10; i++)
    add_async (fixture, i % 2 == 0 ? return_later : return_from_thread);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (par_requests_get_n_attempts_running (fixture->requests), ==, 0);
}

#define TEST_TYPE_BOTH (test_both_get_type ())
G_DECLARE_FINAL_TYPE (TestBoth, test_both, TEST, BOTH, ParRequest)

struct _TestBoth
{
  ParRequest parent_instance;
};

G_DEFINE_FINAL_TYPE (TestBoth, test_both, PAR_TYPE_REQUEST)

static void
test_both_run (ParRequest  *request,
               ParAttempt  *attempt,
               GError     **error)
{
  g_assert_not_reached ();
}

static void
test_both_start (ParRequest  *request,
                 ParAttempt  *attempt,
                 GError     **error)
{
  par_attempt_return_string (attempt, "started");
}

static void
test_both_class_init (TestBothClass *klass)
{
  PAR_REQUEST_CLASS (klass)->run = test_both_run;
  PAR_REQUEST_CLASS (klass)->start = test_both_start;
}

static void
test_both_init (TestBoth *self)
{
}

static void
class_with_both_is_started (Fixture       *fixture,
                            gconstpointer  data)
{
  g_autoptr(ParRequest) request = g_object_new (TEST_TYPE_BOTH, NULL);

  g_test_summary ("Of a class that has run() and start(), start() is called.");

  par_requests_add (fixture->requests, request);
  g_assert_true (do_all (fixture));

  g_assert_cmpstr (g_value_get_string (par_request_get_value (request)), ==, "started");
}

static gboolean
return_all (gpointer data)
{
  Fixture *fixture = data;

  if (fixture->kept->len < 100000)
    return G_SOURCE_CONTINUE;

  for (guint i = 0; i < fixture->kept->len; i++)
    par_attempt_return_boolean (fixture->kept->pdata[i], TRUE);
  g_ptr_array_set_size (fixture->kept, 0);

  return G_SOURCE_REMOVE;
}

static void
many_are_in_flight (Fixture       *fixture,
                    gconstpointer  data)
{
  g_autoptr(ParStats) stats = NULL;

  g_test_summary ("A hundred thousand in flight at once are fine.");

  for (guint i = 0; i < 100000; i++)
    add_async (fixture, keep);
  g_idle_add (return_all, fixture);
  g_assert_true (do_all (fixture));

  stats = par_requests_get_stats (fixture->requests);
  g_assert_cmpuint (par_stats_get_peak_attempts (stats), ==, 100000);
  g_assert_cmpuint (fixture->n_destroyed, ==, 100000);
}

#define ADD(name, function) \
  g_test_add ("/par/loop-dispatcher/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("returns-at-once", returns_at_once);
  ADD ("returns-later", returns_later);
  ADD ("dropped-attempt-has-failed", dropped_attempt_has_failed);
  ADD ("error-parameter-ends-attempt", error_parameter_ends_attempt);
  ADD ("attempt-is-used-again", attempt_is_used_again);
  ADD ("bound-holds", bound_holds);
  ADD ("threads-and-loop-have-one-order", threads_and_loop_have_one_order);
  ADD ("priority-goes-across-kinds", priority_goes_across_kinds);
  ADD ("busy-owner-holds-no-thread-back", busy_owner_holds_no_thread_back);
  ADD ("worker-without-work-leaves", worker_without_work_leaves);
  ADD ("owner-is-woken-for-its-turn", owner_is_woken_for_its_turn);
  ADD ("cancelled-request-gives-its-slot-back", cancelled_request_gives_its_slot_back);
  ADD ("slot-of-cancelled-request-is-waited-for", slot_of_cancelled_request_is_waited_for);
  ADD ("slot-is-waited-for-when-it-becomes-the-last",
       slot_is_waited_for_when_it_becomes_the_last);
  ADD ("permit-of-cancelled-request-is-waited-for", permit_of_cancelled_request_is_waited_for);
  ADD ("cancelled-run-leaves-all-slots", cancelled_run_leaves_all_slots);
  ADD ("added-during-run-of-threads", added_during_run_of_threads);
  ADD ("added-when-last-has-completed", added_when_last_has_completed);
  ADD ("context-of-another-thread-is-refused", context_of_another_thread_is_refused);
  ADD ("async-added-without-context-ends-run", async_added_without_context_ends_run);
  ADD ("thread-with-context-may-do", thread_with_context_may_do);
  ADD ("do-in-callback-of-loop", do_in_callback_of_loop);
  ADD ("do-in-finished", do_in_finished);
  ADD ("do-of-others-inside-attempt", do_of_others_inside_attempt);
  ADD ("next-gives-async-requests", next_gives_async_requests);
  ADD ("run-of-next-is-on-inside-attempt", run_of_next_is_on_inside_attempt);
  ADD ("next-async-gives-async-requests", next_async_gives_async_requests);
  ADD ("cancelled-in-owner-context", cancelled_in_owner_context);
  ADD ("copies-are-raced", copies_are_raced);
  ADD ("late-end-is-cleaned-up-in-context", late_end_is_cleaned_up_in_context);
  ADD ("waits-for-attempts-if-asked", waits_for_attempts_if_asked);
  ADD ("class-with-both-is-started", class_with_both_is_started);
  ADD ("many-are-in-flight", many_are_in_flight);

  return g_test_run ();
}
