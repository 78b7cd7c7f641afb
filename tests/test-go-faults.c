/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

/* None of the faults of the Go library that Par comes from, by their numbers in
 * docs/coming-from-go.md. Those of its HTTP helper are tested by test-weather.py. */
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
  wait_for_attempts (fixture->requests);
  g_assert_finalize_object (fixture->requests);
  g_clear_error (&fixture->error);
  gate_clear (&fixture->gate);
}

static void
a_request_that_fails_ends (Fixture       *fixture,
                           gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;
  g_autoptr(GPtrArray) errors = NULL;

  g_test_summary ("1: Every attempt fails: the run ends, says so, and keeps every error.");

  par_requests_set_redundancy (fixture->requests, 3);
  par_requests_add_thread (fixture->requests, fail, NULL, NULL);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_assert_false (par_requests_do (fixture->requests, NULL, &fixture->error));
  g_assert_error (fixture->error, PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_FAILED);

  request = par_requests_get_request (fixture->requests, 0);
  g_assert_true (g_error_matches (par_request_get_error (request),
                                  G_IO_ERROR, G_IO_ERROR_NOT_FOUND));
  g_assert_cmpstr (par_request_get_error (request)->message, ==,
                   "after 3 attempts: no such city");
  errors = par_request_get_attempt_errors (request);
  g_assert_cmpuint (errors->len, ==, 3);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 1);
}

static void
win_if_second (ParAttempt  *attempt,
               gpointer     gate,
               GError     **error)
{
  if (par_attempt_get_number (attempt) == 2)
    par_attempt_return_boolean (attempt, TRUE);
  else
    pass_gate (attempt, gate, error);
}

static void
losers_are_cancelled (Fixture       *fixture,
                      gconstpointer  data)
{
  g_test_summary ("2: 500 requests made twice leave no attempt behind.");

  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  for (guint i = 0; i < 500; i++)
    par_requests_add_thread (fixture->requests, win_if_second, &fixture->gate, NULL);

  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_cmpuint (par_requests_get_n_attempts_running (fixture->requests), ==, 0);
  g_assert_false (fixture->gate.open);
}

static void
count_request (ParRequests *requests,
               ParRequest  *request,
               guint       *counts)
{
  counts[par_request_get_index (request)]++;
}

static void
no_copy_of_what_is_won (Fixture       *fixture,
                        gconstpointer  data)
{
  g_autoptr(ParStats) stats = NULL;
  guint counts[40] = { 0 };

  g_test_summary ("3: With a bound of one, each first attempt wins before its copy could start.");

  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_set_redundancy (fixture->requests, 2);
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (count_request), counts);

  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  stats = par_requests_get_stats (fixture->requests);
  g_assert_cmpuint (par_stats_get_n_attempts (stats), ==, G_N_ELEMENTS (counts));
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    g_assert_cmpuint (counts[i], ==, 1);
}

static void
must_not_be_called (ParAttempt  *attempt,
                    gpointer     user_data,
                    GError     **error)
{
  g_assert_not_reached ();
}

static void
cancelled_before_starts_nothing (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();

  g_test_summary ("4: A cancellable that is cancelled already starts no call, 2000 times.");

  g_cancellable_cancel (cancellable);
  for (guint i = 0; i < 2000; i++)
    {
      g_autoptr(GError) error = NULL;

      par_requests_add_thread (fixture->requests, must_not_be_called, NULL, NULL);
      g_assert_false (par_requests_do (fixture->requests, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
  g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, 2000);
}

static void
cancel_and_succeed (ParAttempt  *attempt,
                    gpointer     cancellable,
                    GError     **error)
{
  par_attempt_return_boolean (attempt, TRUE);
  g_cancellable_cancel (cancellable);
}

static void
success_in_the_same_instant_wins (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("4: What has succeeded when the cancel is looked at is no cancelled run, or it "
                  "is cancelled in whole: never a lie.");

  for (guint i = 0; i < 500; i++)
    {
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();
      guint64 n_succeeded = par_requests_get_n_succeeded (fixture->requests);
      gboolean success;

      par_requests_add_thread (fixture->requests, cancel_and_succeed, cancellable, NULL);
      success = par_requests_do (fixture->requests, cancellable, NULL);
      g_assert_cmpint (success, ==,
                       par_requests_get_n_succeeded (fixture->requests) == n_succeeded + 1);
    }
}

static void
settings_are_checked (Fixture       *fixture,
                      gconstpointer  data)
{
  g_test_summary ("5: A redundancy of 0 is refused, and the run ends as ever.");

  g_test_expect_message ("Par", G_LOG_LEVEL_CRITICAL, "*redundancy*");
  par_requests_set_redundancy (fixture->requests, 0);
  g_test_assert_expected_messages ();
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
}

static gpointer
add_after_the_first (gpointer data)
{
  Fixture *fixture = data;

  /* The first is at work before the others are there. */
  gate_wait_arrived (&fixture->gate, 1);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  gate_open (&fixture->gate);
  par_requests_release (fixture->requests);

  return NULL;
}

static void
requests_start_as_they_come (Fixture       *fixture,
                             gconstpointer  data)
{
  GThread *thread = g_thread_new ("add", add_after_the_first, fixture);

  g_test_summary ("6: The first starts before the last is there; a deadline ends the wait.");

  par_requests_hold (fixture->requests);
  par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_thread_join (thread);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 2);

  par_requests_hold (fixture->requests);
  par_requests_set_timeout (fixture->requests, 1);
  g_assert_false (par_requests_do (fixture->requests, NULL, &fixture->error));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  par_requests_release (fixture->requests);
}

static void
second_run_runs_what_is_new (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("7: Each run runs what was added since, and nothing twice.");

  for (guint64 i = 1; i <= 10; i++)
    {
      par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
      g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
      g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, i);
    }
}

static void
unbounded_has_no_slots (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("8: More than 16 384 requests, with no bound.");

  for (guint i = 0; i < 40000; i++)
    par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 40000);
}

static void
copies_help_the_straggler (Fixture       *fixture,
                           gconstpointer  data)
{
  g_autoptr(ParRequest) straggler = NULL;

  g_test_summary ("9: With a bound the copy of a request that hangs goes before all new ones.");

  par_requests_set_concurrency (fixture->requests, 2);
  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_add_thread (fixture->requests, win_if_second, &fixture->gate, NULL);
  for (guint i = 0; i < 10; i++)
    par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));

  straggler = par_requests_get_request (fixture->requests, 0);
  g_assert_cmpuint (par_request_get_winner (straggler), ==, 2);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/go-faults/" name, Fixture, NULL, set_up, func, tear_down)
  add ("1-a-request-that-fails-ends", a_request_that_fails_ends);
  add ("2-losers-are-cancelled", losers_are_cancelled);
  add ("3-no-copy-of-what-is-won", no_copy_of_what_is_won);
  add ("4-cancelled-before-starts-nothing", cancelled_before_starts_nothing);
  add ("4-success-in-the-same-instant-wins", success_in_the_same_instant_wins);
  add ("5-settings-are-checked", settings_are_checked);
  add ("6-requests-start-as-they-come", requests_start_as_they_come);
  add ("7-second-run-runs-what-is-new", second_run_runs_what_is_new);
  add ("8-unbounded-has-no-slots", unbounded_has_no_slots);
  add ("9-copies-help-the-straggler", copies_help_the_straggler);
#undef add

  return g_test_run ();
}
