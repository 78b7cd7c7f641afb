/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fake-clock.h"
#include "gate.h"

/* Runs under a clock that only the tests move. */
typedef struct
{
  FakeClock *clock;
  ParRequests *requests;
  Gate gate;
  GThread *thread;
  gint64 advance;
  GError *error;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->clock = fake_clock_new ();
  fixture->requests = par_requests_new ();
  fake_clock_give (fixture->clock, fixture->requests);
  gate_init (&fixture->gate);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  gate_open (&fixture->gate);
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

static gpointer
advance_when_stuck (gpointer data)
{
  Fixture *fixture = data;

  gate_wait_arrived (&fixture->gate, 1);
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

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/engine/" name, Fixture, NULL, set_up, func, tear_down)
  add ("timeout-ends-the-run-at-its-time", timeout_ends_the_run_at_its_time);
  add ("request-timeout-fails-the-request", request_timeout_fails_the_request);
  add ("attempt-timeout-fails-the-attempt", attempt_timeout_fails_the_attempt);
  add ("deadline-is-the-earliest", deadline_is_the_earliest);
  add ("hold-does-not-outlast-the-timeout", hold_does_not_outlast_the_timeout);
  add ("paused-run-still-times-out", paused_run_still_times_out);
  add ("async-run-times-out", async_run_times_out);
#undef add

  return g_test_run ();
}
