/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fake-clock.h"
#include "gate.h"
#include "par-requests-private.h"

/* Runs under a clock that only the tests move. */
typedef struct
{
  FakeClock *clock;
  ParRequests *requests;
  Gate gate;
  GThread *thread;
  gint64 advance;
  guint64 n_before;  /* have succeeded before it is moved */
  GPtrArray *kept;   /* (owned) attempts */
  GError *error;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->clock = fake_clock_new ();
  fixture->requests = par_requests_new ();
  fake_clock_give (fixture->clock, fixture->requests);
  fixture->kept = g_ptr_array_new_with_free_func (g_object_unref);
  gate_init (&fixture->gate);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  gate_open (&fixture->gate);
  g_ptr_array_unref (fixture->kept);
  wait_for_attempts (fixture->requests);
  g_assert_finalize_object (fixture->requests);
  g_clear_error (&fixture->error);
  gate_clear (&fixture->gate);
  fake_clock_free (fixture->clock);
}

static gint64
get_elapsed (Fixture *fixture)
{
  g_autoptr(ParStats) stats = par_requests_get_stats (fixture->requests);

  return par_stats_get_elapsed (stats);
}

static ParRequestState
get_state (Fixture *fixture,
           guint64  index)
{
  g_autoptr(ParRequest) request = par_requests_get_request (fixture->requests, index);

  return par_request_get_state (request);
}

static guint64
count_succeeded (Fixture *fixture)
{
  g_autoptr(ParStats) stats = par_requests_get_stats (fixture->requests);

  return par_stats_get_n_succeeded (stats);
}

static gpointer
advance_when_stuck (gpointer data)
{
  Fixture *fixture = data;

  gate_wait_arrived (&fixture->gate, 1);
  while (count_succeeded (fixture) < fixture->n_before)
    g_thread_yield ();
  fake_clock_wait_for_sleeper (fixture->clock);
  fake_clock_advance (fixture->clock, fixture->advance - 1);
  fake_clock_wait_for_sleeper (fixture->clock);
  fake_clock_advance (fixture->clock, 1);

  return NULL;
}

/* Runs the requests, and moves the clock on by @advance ms when one of them is at the gate. */
static gboolean
do_and_advance (Fixture *fixture,
                gint64   advance)
{
  gboolean success;

  fixture->advance = advance;
  fixture->thread = g_thread_new ("advance", advance_when_stuck, fixture);
  success = par_requests_do (fixture->requests, NULL, &fixture->error);
  g_thread_join (fixture->thread);

  return success;
}

static void
timeout_ends_the_run_at_its_time (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("Two of three have come when the time is up: their results can be read.");

  fixture->n_before = 2;
  par_requests_set_concurrency (fixture->requests, 2);
  par_requests_set_timeout (fixture->requests, 250);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);

  g_assert_false (do_and_advance (fixture, 250));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpstr (fixture->error->message, ==,
                   "timed out after 250 ms: 2 of 3 requests succeeded, 0 failed");
  g_assert_cmpint (get_elapsed (fixture), ==, 250000);
  g_assert_cmpint (get_state (fixture, 0), ==, PAR_REQUEST_STATE_SUCCEEDED);
  g_assert_cmpint (get_state (fixture, 1), ==, PAR_REQUEST_STATE_SUCCEEDED);
  g_assert_cmpint (get_state (fixture, 2), ==, PAR_REQUEST_STATE_CANCELLED);
}

static void
request_timeout_fails_the_request (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("A request that is too late has failed; the run goes on.");

  par_requests_set_request_timeout (fixture->requests, 40);
  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);

  g_assert_false (do_and_advance (fixture, 40));
  g_assert_error (fixture->error, PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_FAILED);
  g_assert_cmpint (get_elapsed (fixture), ==, 40000);

  request = par_requests_get_request (fixture->requests, 0);
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_FAILED);
  g_assert_true (g_error_matches (par_request_get_error (request),
                                  G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
  g_assert_cmpint (par_request_get_elapsed (request), ==, 40000);
}

static void
pass_gate_if_first (ParAttempt  *attempt,
                    gpointer     gate,
                    GError     **error)
{
  if (par_attempt_get_number (attempt) == 1)
    pass_gate (attempt, gate, error);
  else
    par_attempt_return_boolean (attempt, TRUE);
}

static void
attempt_timeout_fails_the_attempt (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;
  g_autoptr(GPtrArray) errors = NULL;

  g_test_summary ("A copy that waits for the slot of a late attempt gets it, and succeeds.");

  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_attempt_timeout (fixture->requests, 30);
  par_requests_add_thread (fixture->requests, pass_gate_if_first, &fixture->gate, NULL);

  g_assert_true (do_and_advance (fixture, 30));
  g_assert_no_error (fixture->error);

  request = par_requests_get_request (fixture->requests, 0);
  errors = par_request_get_attempt_errors (request);
  g_assert_cmpuint (par_request_get_winner (request), ==, 2);
  g_assert_cmpuint (errors->len, ==, 1);
  g_assert_true (g_error_matches (errors->pdata[0], G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
}

static void
read_deadline (ParAttempt  *attempt,
               gpointer     user_data,
               GError     **error)
{
  par_attempt_return_int64 (attempt, par_attempt_get_deadline (attempt));
}

static void
deadline_is_the_earliest (Fixture       *fixture,
                          gconstpointer  data)
{
  static const struct
  {
    guint timeout, request_timeout, attempt_timeout;
    gint64 deadline_us;
  } rows[] = {
    { 0, 0, 0, 0 },
    { 50, 0, 0, 1050000 },
    { 0, 60, 0, 1060000 },
    { 0, 0, 70, 1070000 },
    { 50, 60, 70, 1050000 },
    { 90, 80, 70, 1070000 },
    { 90, 60, 70, 1060000 },
  };

  g_test_summary ("An attempt can read until when its result is wanted.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(ParRequest) request = NULL;
      guint64 index;

      par_requests_set_timeout (fixture->requests, rows[i].timeout);
      par_requests_set_request_timeout (fixture->requests, rows[i].request_timeout);
      par_requests_set_attempt_timeout (fixture->requests, rows[i].attempt_timeout);
      index = par_requests_add_thread (fixture->requests, read_deadline, NULL, NULL);
      g_assert_true (par_requests_do (fixture->requests, NULL, NULL));

      request = par_requests_get_request (fixture->requests, index);
      g_assert_cmpint (g_value_get_int64 (par_request_get_value (request)), ==,
                       rows[i].deadline_us);
    }
}

static void
hold_does_not_outlast_the_timeout (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_test_summary ("A run that is held open, with all there is done, ends at its time, and says so.");

  par_requests_hold (fixture->requests);
  par_requests_set_timeout (fixture->requests, 20);
  gate_open (&fixture->gate);
  par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);
  fixture->n_before = 1;

  g_assert_false (do_and_advance (fixture, 20));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (get_state (fixture, 0), ==, PAR_REQUEST_STATE_SUCCEEDED);

  par_requests_release (fixture->requests);
}

static void
paused_run_still_times_out (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("Deadlines go on while nothing new is started.");

  par_requests_set_paused (fixture->requests, TRUE);
  par_requests_set_timeout (fixture->requests, 20);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  fixture->gate.n_arrived = 1;

  g_assert_false (do_and_advance (fixture, 20));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (get_state (fixture, 0), ==, PAR_REQUEST_STATE_CANCELLED);
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static void
async_run_times_out (Fixture       *fixture,
                     gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("The source of a run that does not block has its timers too.");

  par_requests_set_timeout (fixture->requests, 250);
  par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  gate_wait_arrived (&fixture->gate, 1);

  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (result);
  fake_clock_advance (fixture->clock, 249);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (result);
  fake_clock_advance (fixture->clock, 1);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  g_assert_false (par_requests_do_finish (fixture->requests, result, &fixture->error));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (get_elapsed (fixture), ==, 250000);
}

/* Tells what there is to tell at this time. */
static void
drain (void)
{
  for (guint n = 0; g_main_context_iteration (NULL, FALSE); n++)
    g_assert_cmpuint (n, <, 1000);
}

/* Checks that request 0, of which the only attempt so far has failed, fails 100 ms after its start
 * and not before, and that the run is over then. */
static void
assert_times_out_at_100_ms (Fixture       *fixture,
                            GAsyncResult **result)
{
  g_autoptr(ParRequest) request = NULL;

  g_assert_null (*result);
  fake_clock_advance (fixture->clock, 49);
  drain ();
  g_assert_null (*result);
  g_assert_cmpint (get_elapsed (fixture), ==, 99000);
  fake_clock_advance (fixture->clock, 1);
  drain ();
  g_assert_nonnull (*result);

  g_assert_false (par_requests_do_finish (fixture->requests, *result, &fixture->error));
  g_assert_error (fixture->error, PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_FAILED);
  g_assert_cmpint (get_elapsed (fixture), ==, 100000);

  request = par_requests_get_request (fixture->requests, 0);
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_FAILED);
  g_assert_true (g_error_matches (par_request_get_error (request),
                                  G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
  g_assert_cmpint (par_request_get_elapsed (request), ==, 100000);
  g_assert_cmpuint (par_request_get_n_attempts (request), ==, 1);
}

static void
request_timeout_comes_while_a_copy_waits (Fixture       *fixture,
                                          gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("A deaf attempt that is too late keeps the only slot: nothing else would end the "
                  "request.");

  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_attempt_timeout (fixture->requests, 50);
  par_requests_set_request_timeout (fixture->requests, 100);
  par_requests_add_thread (fixture->requests, pass_gate_deaf, &fixture->gate, NULL);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  gate_wait_arrived (&fixture->gate, 1);
  drain ();

  fake_clock_advance (fixture->clock, 50);
  drain ();
  assert_times_out_at_100_ms (fixture, &result);
}

static void
pause_and_fail (ParAttempt  *attempt,
                gpointer     user_data,
                GError     **error)
{
  par_requests_set_paused (user_data, TRUE);
  fail (attempt, NULL, error);
}

static void
request_timeout_comes_while_paused (Fixture       *fixture,
                                    gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("The first attempt has failed at once, and its copy may not start.");

  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_request_timeout (fixture->requests, 100);
  par_requests_set_timeout (fixture->requests, 2000);
  par_requests_add_thread (fixture->requests, pause_and_fail, fixture->requests, NULL);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  for (;;)
    {
      g_autoptr(ParStats) stats = par_requests_get_stats (fixture->requests);

      if (par_stats_get_n_attempts_failed (stats) == 1)
        break;
      g_thread_yield ();
    }
  drain ();

  fake_clock_advance (fixture->clock, 50);
  drain ();
  assert_times_out_at_100_ms (fixture, &result);
}

/* Checks that every attempt is counted once. */
static void
assert_attempts (Fixture *fixture,
                 guint64  n_won,
                 guint64  n_failed,
                 guint64  n_lost,
                 guint64  n_running)
{
  g_autoptr(ParStats) stats = par_requests_get_stats (fixture->requests);

  g_assert_cmpuint (par_stats_get_n_attempts_won (stats), ==, n_won);
  g_assert_cmpuint (par_stats_get_n_attempts_failed (stats), ==, n_failed);
  g_assert_cmpuint (par_stats_get_n_attempts_lost (stats), ==, n_lost);
  g_assert_cmpuint (par_stats_get_n_attempts_running (stats), ==, n_running);
  g_assert_cmpuint (par_stats_get_n_attempts (stats), ==, n_won + n_failed + n_lost + n_running);
}

static void
expired_attempts_count_once (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("One that is too late runs until it returns, then has failed, and is not lost.");

  if (data != NULL)
    par_requests_set_attempt_timeout (fixture->requests, 50);
  else
    par_requests_set_request_timeout (fixture->requests, 50);
  /* One after the other, so that those that answer have when the time goes on. */
  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_add_thread (fixture->requests, fail, NULL, NULL);
  par_requests_add_thread (fixture->requests, pass_gate_deaf, &fixture->gate, NULL);

  g_assert_false (do_and_advance (fixture, 50));
  assert_attempts (fixture, 1, 1, 0, 1);

  gate_open (&fixture->gate);
  wait_for_attempts (fixture->requests);
  assert_attempts (fixture, 1, 2, 0, 0);
}

/* Checks that the loop would sleep until somebody wakes it: time it does not wait for either. */
static void
assert_rests (void)
{
  drain ();
  for (guint i = 0; i < 100; i++)
    g_assert_false (g_main_context_iteration (NULL, FALSE));
}

static void
pass_gate_if_copy (ParAttempt  *attempt,
                   gpointer     gate,
                   GError     **error)
{
  if (par_attempt_get_number (attempt) > 1)
    {
      pass_gate_deaf (attempt, gate, error);
    }
  else
    {
      gate_wait_arrived (gate, 1);
      par_attempt_return_boolean (attempt, TRUE);
    }
}

static void
run_that_waits_rests_past_its_time (Fixture       *fixture,
                                    gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("A deadline after all has settled neither ends the run nor keeps it busy.");

  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  par_requests_set_timeout (fixture->requests, 200);
  par_requests_add_thread (fixture->requests, pass_gate_if_copy, &fixture->gate, NULL);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  while (par_requests_get_n_succeeded (fixture->requests) < 1)
    g_main_context_iteration (NULL, TRUE);

  fake_clock_advance (fixture->clock, 300);
  assert_rests ();
  g_assert_null (result);

  gate_open (&fixture->gate);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (par_requests_do_finish (fixture->requests, result, &fixture->error));
  g_assert_no_error (fixture->error);
}

static void
pulled_run_rests_past_its_time (Fixture       *fixture,
                                gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;
  ParRequest *request;
  guint n = 1;

  g_test_summary ("What had settled in time is fetched after it, as it is.");

  par_requests_set_timeout (fixture->requests, 100);
  for (guint i = 0; i < 3; i++)
    par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_next_async (fixture->requests, NULL, take_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  request = par_requests_next_finish (fixture->requests, result, &fixture->error);
  g_assert_no_error (fixture->error);
  g_object_unref (request);

  for (;;)
    {
      g_autoptr(ParStats) stats = par_requests_get_stats (fixture->requests);

      if (par_stats_get_n_succeeded (stats) == 3)
        break;
      g_thread_yield ();
    }
  fake_clock_advance (fixture->clock, 200);
  assert_rests ();

  while ((request = par_requests_next (fixture->requests, NULL, &fixture->error)) != NULL)
    {
      g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_SUCCEEDED);
      g_object_unref (request);
      n++;
    }
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (n, ==, 3);
}

static void
keep (ParAttempt  *attempt,
      gpointer     user_data,
      GError     **error)
{
  Fixture *fixture = user_data;

  g_ptr_array_add (fixture->kept, g_object_ref (attempt));
}

static void
add_once (Fixture        *fixture,
          ParRequestFunc  function)
{
  g_autoptr(ParRequest) request = par_request_new_thread (function, &fixture->gate, NULL);

  par_request_set_idempotent (request, FALSE);
  par_requests_add (fixture->requests, request);
}

static void
late_request_gives_its_slot_back (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("A thread request gets the slot of a copy that waits for the owner when the request "
                  "of that is too late.");

  par_requests_set_concurrency (fixture->requests, 2);
  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_request_timeout (fixture->requests, 50);
  add_once (fixture, pass_gate);
  par_requests_add_async (fixture->requests, keep, fixture, NULL);
  add_once (fixture, succeed);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  gate_wait_arrived (&fixture->gate, 1);
  drain ();
  g_assert_cmpuint (fixture->kept->len, ==, 1);

  /* The slot of the first goes to the copy. */
  gate_open (&fixture->gate);
  while (count_succeeded (fixture) < 1)
    g_thread_yield ();
  fake_clock_advance (fixture->clock, 50);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  g_assert_false (par_requests_do_finish (fixture->requests, result, NULL));
  g_assert_cmpint (get_state (fixture, 1), ==, PAR_REQUEST_STATE_FAILED);
  g_assert_cmpint (get_state (fixture, 2), ==, PAR_REQUEST_STATE_SUCCEEDED);
  assert_attempts (fixture, 2, 0, 0, 1);
}

/* Returns when a worker has given the other slot away, and left. */
static void
return_when_workers_have_left (ParAttempt  *attempt,
                               gpointer     user_data,
                               GError     **error)
{
  Fixture *fixture = user_data;
  ParEngine *engine = par_requests_get_engine (fixture->requests);
  gboolean have_left = FALSE;

  while (!have_left)
    {
      g_thread_yield ();
      par_host_lock (&engine->scheduler.host);
      have_left = engine->scheduler.handed.length == 1 && engine->threads.n_workers == 0;
      par_host_unlock (&engine->scheduler.host);
    }
  par_attempt_return_boolean (attempt, TRUE);
}

static void
wait_for_thread (ParAttempt  *attempt,
                 gpointer     user_data,
                 GError     **error)
{
  Fixture *fixture = user_data;

  gate_wait_arrived (&fixture->gate, 1);
  gate_open (&fixture->gate);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
workers_come_while_functions_are_called (Fixture       *fixture,
                                         gconstpointer  data)
{
  g_test_summary ("A thread request gets the slot of an async one that has ended, though the owner "
                  "has gone on to the next, which takes long.");

  par_requests_set_concurrency (fixture->requests, 2);
  par_requests_add_async (fixture->requests, return_when_workers_have_left, fixture, NULL);
  par_requests_add_async (fixture->requests, wait_for_thread, fixture, NULL);
  par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);

  g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
  g_assert_no_error (fixture->error);
}

static gpointer
open_when_asleep (gpointer data)
{
  Fixture *fixture = data;

  gate_wait_arrived (&fixture->gate, 1);
  fake_clock_wait_for_sleeper (fixture->clock);
  gate_open (&fixture->gate);

  return NULL;
}

/* Checks that the owner of a blocking run sleeps while its only request, in a thread, does not
 * return. */
static void
assert_sleeps_for_a_thread (Fixture *fixture)
{
  GThread *thread = g_thread_new ("open", open_when_asleep, fixture);

  par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
  g_assert_no_error (fixture->error);
  g_thread_join (thread);
}

static void
copies_of_async_requests_do_not_outlast_their_run (Fixture       *fixture,
                                                   gconstpointer  data)
{
  g_test_summary ("Copies that were not started when enough had succeeded do not keep the owner of "
                  "the next run awake, which has no use for a main context.");

  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_min_successes (fixture->requests, 1);
  par_requests_add_async (fixture->requests, succeed, NULL, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));

  par_requests_set_redundancy (fixture->requests, 1);
  par_requests_set_concurrency (fixture->requests, GPOINTER_TO_UINT (data));
  assert_sleeps_for_a_thread (fixture);
}

static gboolean
add_and_fetch (ParRequests  *requests,
               gpointer      user_data,
               GError      **error)
{
  Fixture *fixture = user_data;
  g_autoptr(ParRequest) request = NULL;

  if (fixture->n_before == 0)
    {
      fixture->n_before = par_requests_add_thread (requests, pass_gate, &fixture->gate, NULL) + 1;
      return TRUE;
    }

  request = par_requests_next (requests, NULL, error);
  g_assert_nonnull (request);

  return FALSE;
}

static void
source_that_fetches_sleeps (Fixture       *fixture,
                            gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;
  GThread *thread = g_thread_new ("open", open_when_asleep, fixture);

  g_test_summary ("While the source is called it is not asked for more, so a next() in it sleeps.");

  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_set_source (fixture->requests, add_and_fetch, fixture, NULL);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_thread_join (thread);
  g_assert_true (par_requests_do_finish (fixture->requests, result, &fixture->error));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/engine/" name, Fixture, NULL, set_up, func, tear_down)
#define add_with(name, data, func) \
  g_test_add ("/par/engine/" name, Fixture, GUINT_TO_POINTER (data), set_up, func, tear_down)
  add ("timeout-ends-the-run-at-its-time", timeout_ends_the_run_at_its_time);
  add ("request-timeout-fails-the-request", request_timeout_fails_the_request);
  add ("attempt-timeout-fails-the-attempt", attempt_timeout_fails_the_attempt);
  add ("deadline-is-the-earliest", deadline_is_the_earliest);
  add ("hold-does-not-outlast-the-timeout", hold_does_not_outlast_the_timeout);
  add ("paused-run-still-times-out", paused_run_still_times_out);
  add ("async-run-times-out", async_run_times_out);
  add ("request-timeout-comes-while-a-copy-waits", request_timeout_comes_while_a_copy_waits);
  add ("request-timeout-comes-while-paused", request_timeout_comes_while_paused);
  add_with ("expired-attempts-count-once/request-timeout", 0, expired_attempts_count_once);
  add_with ("expired-attempts-count-once/attempt-timeout", 1, expired_attempts_count_once);
  add ("run-that-waits-rests-past-its-time", run_that_waits_rests_past_its_time);
  add ("pulled-run-rests-past-its-time", pulled_run_rests_past_its_time);
  add_with ("copies-of-async-requests-do-not-outlast-their-run/bounded", 4,
            copies_of_async_requests_do_not_outlast_their_run);
  add_with ("copies-of-async-requests-do-not-outlast-their-run/unbounded", 0,
            copies_of_async_requests_do_not_outlast_their_run);
  add ("late-request-gives-its-slot-back", late_request_gives_its_slot_back);
  add ("workers-come-while-functions-are-called", workers_come_while_functions_are_called);
  add ("source-that-fetches-sleeps", source_that_fetches_sleeps);
#undef add_with
#undef add

  return g_test_run ();
}
