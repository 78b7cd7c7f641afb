/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

typedef struct
{
  ParRequests *requests;
  Gate gate;
  GError *error;
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
  gate_open (&fixture->gate);
  if (fixture->requests != NULL)
    {
      wait_for_attempts (fixture->requests);
      g_assert_finalize_object (fixture->requests);
    }
  g_clear_error (&fixture->error);
  gate_clear (&fixture->gate);
}

static void
add_many (Fixture        *fixture,
          guint           n,
          ParRequestFunc  function)
{
  for (guint i = 0; i < n; i++)
    par_requests_add_thread (fixture->requests, function, &fixture->gate, NULL);
}

static gboolean
do_all (Fixture *fixture)
{
  return par_requests_do (fixture->requests, NULL, &fixture->error);
}

static void
no_requests_is_success (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("A run of nothing succeeds, and does not wait.");

  g_assert_true (do_all (fixture));
  g_assert_no_error (fixture->error);
  g_assert_cmpfloat (par_requests_get_progress (fixture->requests), ==, 1);
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static void
do_async_of_nothing_calls_back_later (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("The callback never comes from inside the call.");

  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  g_assert_null (result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (par_requests_do_finish (fixture->requests, result, NULL));
}

static void
one_request_succeeds (Fixture       *fixture,
                      gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("The smallest run there is.");

  g_assert_cmpuint (par_requests_add_thread (fixture->requests, succeed, NULL, NULL), ==, 0);
  g_assert_true (do_all (fixture));

  request = par_requests_get_request (fixture->requests, 0);
  g_assert_true (g_value_get_boolean (par_request_get_value (request)));
  g_assert_null (par_request_get_error (request));
  g_assert_cmpuint (par_request_get_winner (request), ==, 1);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 1);
}

static void
failures_are_told (Fixture       *fixture,
                   gconstpointer  data)
{
  g_test_summary ("The error says how many failed, and why the first of them did.");

  par_requests_set_concurrency (fixture->requests, 1);
  add_many (fixture, 3, succeed);
  add_many (fixture, 2, fail);
  add_many (fixture, 5, succeed);

  g_assert_false (do_all (fixture));
  g_assert_error (fixture->error, PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_FAILED);
  g_assert_cmpstr (fixture->error->message, ==,
                   "2 of 10 requests failed; request 3: no such city");
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 8);
  g_assert_cmpuint (par_requests_get_n_failed (fixture->requests), ==, 2);
}

static void
max_failures_stops_the_run (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("With 0 the first failure cancels the rest.");

  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_set_max_failures (fixture->requests, 0);
  add_many (fixture, 1, fail);
  add_many (fixture, 100, succeed);

  g_assert_false (do_all (fixture));
  g_assert_cmpstr (fixture->error->message, ==,
                   "1 of 101 requests failed; request 0: no such city");
  g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, 100);
}

static void
min_successes_is_enough (Fixture       *fixture,
                         gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("When so many have succeeded the run has, and the rest is cancelled.");

  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_set_min_successes (fixture->requests, 2);
  add_many (fixture, 1, fail);
  add_many (fixture, 2, succeed);
  add_many (fixture, 10, succeed);

  g_assert_true (do_all (fixture));
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 2);

  request = par_requests_get_request (fixture->requests, 12);
  g_assert_cmpint (par_request_get_cancel_reason (request), ==, PAR_CANCEL_REASON_ENOUGH);
}

static void
concurrency_is_a_bound (Fixture       *fixture,
                        gconstpointer  data)
{
  g_autoptr(ParStats) stats = NULL;
  guint bound = GPOINTER_TO_UINT (data);

  g_test_summary ("No more attempts are out at once than that.");

  par_requests_set_concurrency (fixture->requests, bound);
  add_many (fixture, 1000, succeed);
  g_assert_true (do_all (fixture));

  stats = par_requests_get_stats (fixture->requests);
  g_assert_cmpuint (par_stats_get_n_succeeded (stats), ==, 1000);
  if (bound > 0)
    g_assert_cmpuint (par_stats_get_peak_attempts (stats), <=, bound);
}

static void
redundancy_of_64_counts_once (Fixture       *fixture,
                              gconstpointer  data)
{
  g_test_summary ("Each request has one result, however many attempts were made.");

  par_requests_set_redundancy (fixture->requests, 64);
  add_many (fixture, 20, succeed);
  g_assert_true (do_all (fixture));
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 20);
}

/* Runs do_all() in a thread, so that the test may play with the run. */
static gpointer
do_thread (gpointer data)
{
  Fixture *fixture = data;

  return GINT_TO_POINTER (do_all (fixture));
}

static void
concurrency_can_be_raised (Fixture       *fixture,
                           gconstpointer  data)
{
  GThread *thread;

  g_test_summary ("Raised during a run, it takes effect at once.");

  par_requests_set_concurrency (fixture->requests, 1);
  add_many (fixture, 10, pass_gate);
  thread = g_thread_new ("do", do_thread, fixture);

  gate_wait_arrived (&fixture->gate, 1);
  par_requests_set_concurrency (fixture->requests, 4);
  gate_wait_arrived (&fixture->gate, 4);
  par_requests_set_concurrency (fixture->requests, 0);
  gate_wait_arrived (&fixture->gate, 10);
  gate_open (&fixture->gate);

  g_assert_true (GPOINTER_TO_INT (g_thread_join (thread)));
}

static void
lower_and_open (ParAttempt  *attempt,
                gpointer     user_data,
                GError     **error)
{
  Fixture *fixture = user_data;

  par_requests_set_concurrency (fixture->requests, 1);
  gate_open (&fixture->gate);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
concurrency_can_be_lowered (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("Lowered during a run, it ends nothing, and all is done.");

  par_requests_set_concurrency (fixture->requests, 8);
  add_many (fixture, 7, pass_gate);
  par_requests_add_thread (fixture->requests, lower_and_open, fixture, NULL);
  add_many (fixture, 100, pass_gate);
  g_assert_true (do_all (fixture));
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 108);
}

static void
pause_while_running (ParAttempt  *attempt,
                     gpointer     user_data,
                     GError     **error)
{
  par_requests_set_paused (user_data, TRUE);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
resume_cb (ParRequests *requests,
           ParRequest  *request,
           guint       *n_completed)
{
  /* Nothing else was started, so this is the only one. */
  if (++*n_completed == 1)
    {
      g_assert_true (par_requests_get_paused (requests));
      g_assert_cmpuint (par_requests_get_n_running (requests), ==, 0);
      par_requests_set_paused (requests, FALSE);
    }
}

static void
paused_starts_nothing (Fixture       *fixture,
                       gconstpointer  data)
{
  guint n_completed = 0;

  g_test_summary ("Paused from inside an attempt, resumed by a handler.");

  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_add_thread (fixture->requests, pause_while_running, fixture->requests, NULL);
  add_many (fixture, 10, succeed);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (resume_cb), &n_completed);

  g_assert_true (do_all (fixture));
  g_assert_cmpuint (n_completed, ==, 11);
}

static void
add_ten_more (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  for (guint i = 0; i < 10; i++)
    par_requests_add_thread (user_data, succeed, NULL, NULL);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
attempts_may_add (Fixture       *fixture,
                  gconstpointer  data)
{
  g_test_summary ("What is added from inside an attempt belongs to the run.");

  for (guint i = 0; i < 100; i++)
    par_requests_add_thread (fixture->requests, add_ten_more, fixture->requests, NULL);
  g_assert_true (do_all (fixture));
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 1100);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (fixture->requests)), ==, 1100);
}

static gpointer
add_thread (gpointer data)
{
  Fixture *fixture = data;

  gate_wait_arrived (&fixture->gate, 1);
  add_many (fixture, 1000, succeed);
  gate_open (&fixture->gate);

  return NULL;
}

static void
other_threads_may_add (Fixture       *fixture,
                       gconstpointer  data)
{
  GThread *thread = g_thread_new ("add", add_thread, fixture);

  g_test_summary ("What another thread adds during a run belongs to it.");

  add_many (fixture, 1, pass_gate);
  g_assert_true (do_all (fixture));
  g_thread_join (thread);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 1001);
}

static void
other_threads_rows_come_by_the_loop (Fixture       *fixture,
                                     gconstpointer  data)
{
  GListModel *model = G_LIST_MODEL (fixture->requests);
  GThread *thread;

  g_test_summary ("Outside a run, the owner's loop shows what another thread has added.");

  fixture->gate.n_arrived = 1;
  thread = g_thread_new ("add", add_thread, fixture);
  g_thread_join (thread);
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, 0);
  while (g_list_model_get_n_items (model) == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, 1000);
}

static void
do_again (ParAttempt  *attempt,
          gpointer     user_data,
          GError     **error)
{
  if (par_requests_do (user_data, NULL, error))
    par_attempt_return_boolean (attempt, TRUE);
}

static void
do_in_an_attempt_of_the_same_is_pending (Fixture       *fixture,
                                         gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("It does not hang.");

  par_requests_add_thread (fixture->requests, do_again, fixture->requests, NULL);
  g_assert_false (do_all (fixture));
  request = par_requests_get_request (fixture->requests, 0);
  g_assert_true (g_error_matches (par_request_get_error (request),
                                  G_IO_ERROR, G_IO_ERROR_PENDING));
}

static void
do_in_an_attempt_of_another_works (Fixture       *fixture,
                                   gconstpointer  data)
{
  ParRequests *others[8];

  g_test_summary ("Every ParRequests has its own workers.");

  par_requests_set_concurrency (fixture->requests, 2);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      others[i] = par_requests_new ();
      par_requests_set_concurrency (others[i], 1);
      for (guint j = 0; j < 10; j++)
        par_requests_add_thread (others[i], succeed, NULL, NULL);
      par_requests_add_thread (fixture->requests, do_again, others[i], NULL);
    }

  g_assert_true (do_all (fixture));
  g_assert_no_error (fixture->error);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_assert_cmpuint (par_requests_get_n_succeeded (others[i]), ==, 10);
      g_assert_finalize_object (others[i]);
    }
}

static void
do_from_finished (ParRequests *requests,
                  guint       *n_runs)
{
  g_assert_false (par_requests_is_running (requests));
  if (++*n_runs == 5)
    return;

  par_requests_add_thread (requests, succeed, NULL, NULL);
  g_assert_true (par_requests_do (requests, NULL, NULL));
}

static void
finished_may_do_again (Fixture       *fixture,
                       gconstpointer  data)
{
  guint n_runs = 0;

  g_test_summary ("A handler of finished runs the next, five deep.");

  g_signal_connect (fixture->requests, "finished", G_CALLBACK (do_from_finished), &n_runs);
  add_many (fixture, 1, succeed);
  g_assert_true (do_all (fixture));
  g_assert_cmpuint (n_runs, ==, 5);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 5);
}

static void
add_when_settled (ParRequests *requests,
                  GParamSpec  *pspec,
                  guint       *n_added)
{
  if (par_requests_get_progress (requests) == 1 && *n_added == 0)
    {
      ++*n_added;
      par_requests_add_thread (requests, succeed, NULL, NULL);
    }
}

static void
added_at_the_end_waits_for_the_next_run (Fixture       *fixture,
                                         gconstpointer  data)
{
  guint n_added = 0;

  g_test_summary ("What is added while a run ends is not lost, and not run by it.");

  add_many (fixture, 1, fail);
  par_requests_set_max_failures (fixture->requests, 0);
  g_signal_connect (fixture->requests, "notify::running", G_CALLBACK (add_when_settled), &n_added);
  g_assert_false (do_all (fixture));
  g_assert_cmpuint (n_added, ==, 1);
  g_assert_cmpuint (par_requests_get_n_queued (fixture->requests), ==, 1);

  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 1);
}

static void
deaf_attempts_keep_their_slots (Fixture       *fixture,
                                gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  GThread *thread;

  g_test_summary ("Attempts of a run that was cancelled count in the next, while they are out.");

  par_requests_set_concurrency (fixture->requests, 3);
  add_many (fixture, 2, pass_gate_deaf);
  par_requests_do_async (fixture->requests, cancellable, take_result, &result);
  gate_wait_arrived (&fixture->gate, 2);
  g_cancellable_cancel (cancellable);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (par_requests_get_n_attempts_running (fixture->requests), ==, 2);

  add_many (fixture, 50, succeed);
  g_assert_true (do_all (fixture));
  g_assert_cmpuint (par_requests_get_n_attempts_running (fixture->requests), ==, 2);

  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  add_many (fixture, 1, pass_gate);
  thread = g_thread_new ("do", do_thread, fixture);
  gate_wait_arrived (&fixture->gate, 3);
  gate_open (&fixture->gate);
  g_assert_true (GPOINTER_TO_INT (g_thread_join (thread)));
  g_assert_cmpuint (par_requests_get_n_attempts_running (fixture->requests), ==, 0);
}

static void
wait_for_attempts_waits (Fixture       *fixture,
                         gconstpointer  data)
{
  g_test_summary ("The run is over when also the losers have returned.");

  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  par_requests_set_redundancy (fixture->requests, 4);
  add_many (fixture, 20, succeed);
  g_assert_true (do_all (fixture));
  g_assert_cmpuint (par_requests_get_n_attempts_running (fixture->requests), ==, 0);
}

static void
add_and_cancel_cb (ParRequests *requests,
                   ParRequest  *request,
                   gpointer     user_data)
{
  g_autoptr(ParRequest) last = NULL;

  if (par_request_get_index (request) != 0)
    return;

  last = par_requests_get_request (requests, par_requests_get_n_requests (requests) - 1);
  par_request_cancel (last);
  par_requests_add_thread (requests, succeed, NULL, NULL);
}

static void
handlers_may_add_and_cancel (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("A handler cancels a queued request and adds another.");

  par_requests_set_concurrency (fixture->requests, 1);
  add_many (fixture, 1, succeed);
  add_many (fixture, 1, pass_gate);
  add_many (fixture, 1, succeed);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (add_and_cancel_cb), NULL);
  g_signal_connect_swapped (fixture->requests, "completed", G_CALLBACK (gate_open), &fixture->gate);

  g_assert_false (do_all (fixture));
  g_assert_cmpstr (fixture->error->message, ==,
                   "1 of 4 requests were cancelled; request 2: cancelled");
  g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, 1);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 3);
}

static void
drop_cb (ParRequests *requests,
         ParRequest  *request,
         Fixture     *fixture)
{
  g_clear_object (&fixture->requests);
}

static void
handlers_may_drop_the_last_reference (Fixture       *fixture,
                                      gconstpointer  data)
{
  ParRequests *requests = fixture->requests;
  gpointer watch = requests;

  g_test_summary ("The run goes on to its end without one.");

  g_object_add_weak_pointer (G_OBJECT (requests), &watch);
  add_many (fixture, 100, succeed);
  g_signal_connect (requests, "completed", G_CALLBACK (drop_cb), fixture);
  g_assert_true (par_requests_do (requests, NULL, NULL));
  g_assert_null (watch);
}

static void
async_run_keeps_itself_alive (Fixture       *fixture,
                              gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("do_async() with no other reference completes.");

  add_many (fixture, 100, succeed);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  g_clear_object (&fixture->requests);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
}

static void
hold_keeps_a_run_open (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("A run that is held ends when it is released.");

  par_requests_hold (fixture->requests);
  add_many (fixture, 1, succeed);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (par_requests_release), NULL);
  g_assert_true (do_all (fixture));
}

static void
cancel_ends_a_run (Fixture       *fixture,
                   gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("What runs and what is queued is cancelled.");

  par_requests_set_concurrency (fixture->requests, 2);
  add_many (fixture, 10, pass_gate);
  par_requests_do_async (fixture->requests, cancellable, take_result, &result);
  gate_wait_arrived (&fixture->gate, 2);
  g_cancellable_cancel (cancellable);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  g_assert_false (par_requests_do_finish (fixture->requests, result, &fixture->error));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, 10);
  gate_wait_passed (&fixture->gate, 2);
  g_assert_cmpuint (fixture->gate.n_arrived, ==, 2);
}

static void
must_not_be_called (ParAttempt  *attempt,
                    gpointer     user_data,
                    GError     **error)
{
  g_assert_not_reached ();
}

static GThread *owner;
static guint n_destroyed;

static void
count_destroy (gpointer data)
{
  g_assert_true (g_thread_self () == owner);
  n_destroyed++;
}

typedef struct
{
  GCancellable *cancellable;
  Gate *gate;
  gint64 cancelled_us;
} Cancelling;

static gpointer
cancel_thread (gpointer data)
{
  Cancelling *cancelling = data;

  gate_wait_arrived (cancelling->gate, 1);
  cancelling->cancelled_us = g_get_monotonic_time ();
  g_cancellable_cancel (cancelling->cancellable);

  return NULL;
}

static void
cancel_of_many_is_quick (Fixture       *fixture,
                         gconstpointer  data)
{
  Cancelling cancelling = { .cancellable = g_cancellable_new () };
  GThread *thread;
  gint64 returned_us;

  g_test_summary ("Of 100 000 queued requests none is called, and each is destroyed once.");

  par_requests_set_concurrency (fixture->requests, 1);
  add_many (fixture, 1, pass_gate);
  for (guint i = 0; i < 100000; i++)
    par_requests_add_thread (fixture->requests, must_not_be_called, NULL, count_destroy);
  owner = g_thread_self ();
  n_destroyed = 0;

  cancelling.gate = &fixture->gate;
  thread = g_thread_new ("cancel", cancel_thread, &cancelling);
  g_assert_false (par_requests_do (fixture->requests, cancelling.cancellable, &fixture->error));
  returned_us = g_get_monotonic_time ();
  g_thread_join (thread);

  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (n_destroyed, ==, 100000);
  g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, 100001);
  g_test_message ("do() returned %.1f ms after the cancel",
                  (returned_us - cancelling.cancelled_us) / 1000.0);
  g_object_unref (cancelling.cancellable);
}

static void
next_gives_all_in_order (Fixture       *fixture,
                         gconstpointer  data)
{
  guint64 expected = 0;
  ParRequest *request;

  g_test_summary ("next() runs the requests, and ends with NULL; then it starts over.");

  par_requests_set_concurrency (fixture->requests, 1);
  add_many (fixture, 100, succeed);
  while ((request = par_requests_next (fixture->requests, NULL, &fixture->error)) != NULL)
    {
      g_assert_cmpuint (par_request_get_index (request), ==, expected++);
      /* A program that follows links adds what it finds. */
      if (expected <= 10)
        add_many (fixture, 1, succeed);
      g_object_unref (request);
    }
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (expected, ==, 110);
  g_assert_false (par_requests_is_running (fixture->requests));

  g_assert_null (par_requests_next (fixture->requests, NULL, &fixture->error));
  g_assert_no_error (fixture->error);
}

static void
next_ends_with_the_error (Fixture       *fixture,
                          gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("The error of the run comes with the NULL.");

  add_many (fixture, 1, fail);
  request = par_requests_next (fixture->requests, NULL, &fixture->error);
  g_assert_no_error (fixture->error);
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_FAILED);
  g_assert_null (par_requests_next (fixture->requests, NULL, &fixture->error));
  g_assert_error (fixture->error, PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_FAILED);
}

static void
next_can_be_left (Fixture       *fixture,
                  gconstpointer  data)
{
  g_autoptr(ParRequest) first = NULL;
  g_autoptr(ParRequest) last = NULL;

  g_test_summary ("To drop the requests in the middle of it cancels what is left.");

  par_requests_set_concurrency (fixture->requests, 2);
  add_many (fixture, 1, succeed);
  add_many (fixture, 10, pass_gate);
  first = par_requests_next (fixture->requests, NULL, NULL);
  last = par_requests_get_request (fixture->requests, 10);
  gate_wait_arrived (&fixture->gate, 2);
  g_assert_finalize_object (fixture->requests);
  fixture->requests = NULL;

  g_assert_cmpint (par_request_get_state (last), ==, PAR_REQUEST_STATE_CANCELLED);
  gate_wait_passed (&fixture->gate, 2);
}

static gpointer
dispose_thread (gpointer requests)
{
  g_object_run_dispose (requests);

  return NULL;
}

static void
dispose_ends_the_run (Fixture       *fixture,
                      gconstpointer  data)
{
  g_autoptr(ParRequest) first = NULL;
  ParRequest *request;
  guint n_cancelled = 0;

  g_test_summary ("Functions hear of it before the owner does, which may never look again.");

  par_requests_set_concurrency (fixture->requests, 2);
  add_many (fixture, 1, succeed);
  add_many (fixture, 10000, pass_gate);
  first = par_requests_next (fixture->requests, NULL, NULL);
  gate_wait_arrived (&fixture->gate, 2);
  g_thread_join (g_thread_new ("disposer", dispose_thread, fixture->requests));
  gate_wait_passed (&fixture->gate, 2);

  while ((request = par_requests_next (fixture->requests, NULL, &fixture->error)) != NULL)
    {
      n_cancelled += par_request_get_state (request) == PAR_REQUEST_STATE_CANCELLED;
      g_object_unref (request);
    }
  g_assert_cmpuint (n_cancelled, ==, 10000);
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (fixture->gate.n_arrived, ==, 2);
}

static void
next_is_cancelled (Fixture       *fixture,
                   gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  ParRequest *request;
  guint n_cancelled = 0;

  g_test_summary ("Its cancellable ends the run; the rest comes as cancelled.");

  par_requests_set_concurrency (fixture->requests, 1);
  add_many (fixture, 1, succeed);
  add_many (fixture, 10, pass_gate);
  request = par_requests_next (fixture->requests, cancellable, NULL);
  g_object_unref (request);
  g_cancellable_cancel (cancellable);
  while ((request = par_requests_next (fixture->requests, cancellable, &error)) != NULL)
    {
      g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_CANCELLED);
      n_cancelled++;
      g_object_unref (request);
    }
  g_assert_cmpuint (n_cancelled, ==, 10);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
next_async_gives_all (Fixture       *fixture,
                      gconstpointer  data)
{
  guint n = 0;

  g_test_summary ("The same, without blocking.");

  par_requests_set_concurrency (fixture->requests, 4);
  add_many (fixture, 100, succeed);
  for (;;)
    {
      g_autoptr(GAsyncResult) result = NULL;
      g_autoptr(ParRequest) request = NULL;

      par_requests_next_async (fixture->requests, NULL, take_result, &result);
      while (result == NULL)
        g_main_context_iteration (NULL, TRUE);
      request = par_requests_next_finish (fixture->requests, result, &fixture->error);
      g_assert_no_error (fixture->error);
      if (request == NULL)
        break;
      n++;
    }
  g_assert_cmpuint (n, ==, 100);
  g_assert_false (par_requests_is_running (fixture->requests));
}

static void
next_during_do_async (Fixture       *fixture,
                      gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;
  ParRequest *request;
  guint n = 0;

  g_test_summary ("next() gives the requests of a run that another call has started.");

  add_many (fixture, 50, succeed);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  while ((request = par_requests_next (fixture->requests, NULL, &fixture->error)) != NULL)
    {
      n++;
      g_object_unref (request);
    }
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (n, ==, 50);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (par_requests_do_finish (fixture->requests, result, NULL));
}

static void
second_run_is_pending (Fixture       *fixture,
                       gconstpointer  data)
{
  g_autoptr(GAsyncResult) first = NULL;
  g_autoptr(GAsyncResult) second = NULL;

  g_test_summary ("While one run is on, another is refused, and does it no harm.");

  add_many (fixture, 1, pass_gate);
  par_requests_do_async (fixture->requests, NULL, take_result, &first);
  gate_wait_arrived (&fixture->gate, 1);

  g_assert_false (do_all (fixture));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&fixture->error);
  par_requests_do_async (fixture->requests, NULL, take_result, &second);
  while (second == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (par_requests_do_finish (fixture->requests, second, &fixture->error));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_PENDING);

  gate_open (&fixture->gate);
  while (first == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (par_requests_do_finish (fixture->requests, first, NULL));
}

static void
keep_completed_false_empties_the_model (Fixture       *fixture,
                                        gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("Requests leave the model when they have completed; the counts stay.");

  par_requests_set_keep_completed (fixture->requests, FALSE);
  add_many (fixture, 10000, succeed);
  g_assert_true (do_all (fixture));
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (fixture->requests)), ==, 0);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 10000);
  request = par_requests_get_request (fixture->requests, 5);
  g_assert_null (request);
}

static void
bad_input_changes_nothing (Fixture       *fixture,
                           gconstpointer  data)
{
  g_test_summary ("A mistake of the program is a critical, and the state is as before.");

#define critical(text) g_test_expect_message ("Par", G_LOG_LEVEL_CRITICAL, "*" text "*")
  critical ("redundancy");
  par_requests_set_redundancy (fixture->requests, 0);
  critical ("redundancy");
  par_requests_set_redundancy (fixture->requests, 65);
  g_assert_cmpuint (par_requests_get_redundancy (fixture->requests), ==, 1);

  critical ("max_failures");
  par_requests_set_max_failures (fixture->requests, -2);
  g_assert_cmpint (par_requests_get_max_failures (fixture->requests), ==, -1);

  critical ("G_MAXINT");
  par_requests_set_concurrency (fixture->requests, G_MAXUINT);
  g_assert_cmpuint (par_requests_get_concurrency (fixture->requests), ==, 0);

  critical ("G_MAXINT");
  par_requests_set_timeout (fixture->requests, G_MAXUINT);
  g_assert_cmpuint (par_requests_get_timeout (fixture->requests), ==, 0);

  critical ("function");
  g_assert_cmpuint (par_requests_add_thread (fixture->requests, NULL, NULL, NULL), ==, G_MAXUINT64);
  critical ("G_IS_TASK");
  g_assert_cmpuint (par_requests_add_task (fixture->requests, NULL, NULL), ==, G_MAXUINT64);
  critical ("PAR_IS_REQUEST");
  g_assert_cmpuint (par_requests_add (fixture->requests, NULL), ==, G_MAXUINT64);
  critical ("held");
  par_requests_release (fixture->requests);
  g_test_assert_expected_messages ();
#undef critical

  g_assert_null (par_requests_get_request (fixture->requests, 0));
  g_assert_null (par_requests_get_request (fixture->requests, G_MAXUINT64));
  g_assert_null (g_list_model_get_item (G_LIST_MODEL (fixture->requests), 0));
  g_assert_cmpuint (par_requests_get_n_requests (fixture->requests), ==, 0);
}

static gpointer
set_thread (gpointer requests)
{
  par_requests_set_paused (requests, TRUE);
  par_requests_set_timeout (requests, 5);
  par_requests_set_concurrency (requests, 2);

  return NULL;
}

static void
setters_in_other_threads_notify_the_owner (Fixture       *fixture,
                                           gconstpointer  data)
{
  g_test_summary ("The notify comes in the owner's loop.");

  owner = g_thread_self ();
  n_destroyed = 0;
  g_signal_connect_swapped (fixture->requests, "notify", G_CALLBACK (count_destroy), NULL);
  g_thread_join (g_thread_new ("set", set_thread, fixture->requests));
  g_assert_cmpuint (n_destroyed, ==, 0);
  while (n_destroyed < 3)
    g_main_context_iteration (NULL, TRUE);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/requests/" name, Fixture, NULL, set_up, func, tear_down)
#define add_with(name, data, func) \
  g_test_add ("/par/requests/" name, Fixture, GUINT_TO_POINTER (data), set_up, func, tear_down)
  add ("no-requests-is-success", no_requests_is_success);
  add ("do-async-of-nothing-calls-back-later", do_async_of_nothing_calls_back_later);
  add ("one-request-succeeds", one_request_succeeds);
  add ("failures-are-told", failures_are_told);
  add ("max-failures-stops-the-run", max_failures_stops_the_run);
  add ("min-successes-is-enough", min_successes_is_enough);
  add_with ("concurrency-is-a-bound/0", 0, concurrency_is_a_bound);
  add_with ("concurrency-is-a-bound/1", 1, concurrency_is_a_bound);
  add_with ("concurrency-is-a-bound/7", 7, concurrency_is_a_bound);
  add ("redundancy-of-64-counts-once", redundancy_of_64_counts_once);
  add ("concurrency-can-be-raised", concurrency_can_be_raised);
  add ("concurrency-can-be-lowered", concurrency_can_be_lowered);
  add ("paused-starts-nothing", paused_starts_nothing);
  add ("attempts-may-add", attempts_may_add);
  add ("other-threads-may-add", other_threads_may_add);
  add ("other-threads-rows-come-by-the-loop", other_threads_rows_come_by_the_loop);
  add ("do-in-an-attempt-of-the-same-is-pending", do_in_an_attempt_of_the_same_is_pending);
  add ("do-in-an-attempt-of-another-works", do_in_an_attempt_of_another_works);
  add ("finished-may-do-again", finished_may_do_again);
  add ("added-at-the-end-waits-for-the-next-run", added_at_the_end_waits_for_the_next_run);
  add ("deaf-attempts-keep-their-slots", deaf_attempts_keep_their_slots);
  add ("wait-for-attempts-waits", wait_for_attempts_waits);
  add ("handlers-may-add-and-cancel", handlers_may_add_and_cancel);
  add ("handlers-may-drop-the-last-reference", handlers_may_drop_the_last_reference);
  add ("async-run-keeps-itself-alive", async_run_keeps_itself_alive);
  add ("hold-keeps-a-run-open", hold_keeps_a_run_open);
  add ("cancel-ends-a-run", cancel_ends_a_run);
  add ("cancel-of-many-is-quick", cancel_of_many_is_quick);
  add ("next-gives-all-in-order", next_gives_all_in_order);
  add ("next-ends-with-the-error", next_ends_with_the_error);
  add ("next-can-be-left", next_can_be_left);
  add ("dispose-ends-the-run", dispose_ends_the_run);
  add ("next-is-cancelled", next_is_cancelled);
  add ("next-async-gives-all", next_async_gives_all);
  add ("next-during-do-async", next_during_do_async);
  add ("second-run-is-pending", second_run_is_pending);
  add ("keep-completed-false-empties-the-model", keep_completed_false_empties_the_model);
  add ("bad-input-changes-nothing", bad_input_changes_nothing);
  add ("setters-in-other-threads-notify-the-owner", setters_in_other_threads_notify_the_owner);
#undef add_with
#undef add

  return g_test_run ();
}
