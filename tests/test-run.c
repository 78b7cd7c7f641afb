/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/par-run-private.h"

#include <par/par-requests-error.h>

/* A run with no engine: the test says what has happened. */
typedef struct
{
  ParRun *run;
  GError *why;
  GError *error;
} Fixture;

static const ParRunSettings defaults = {
  .redundancy = 1,
  .timeout = 250,
  .max_failures = -1,
  .keep_completed = TRUE,
};

static void
begin (Fixture *fixture,
       guint    n_requests)
{
  fixture->run->counts.n_requests = n_requests;
  fixture->run->counts.n_queued = n_requests;
}

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->run = par_run_new (&defaults, NULL, 1000);
  fixture->why = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no such city");
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_clear_pointer (&fixture->run, par_run_free);
  g_clear_error (&fixture->why);
  g_clear_error (&fixture->error);
}

static void
settle (Fixture         *fixture,
        guint64          index,
        ParRequestState  state)
{
  const GError *error = state != PAR_REQUEST_STATE_SUCCEEDED ? fixture->why : NULL;

  par_run_settled (fixture->run, index, PAR_REQUEST_STATE_QUEUED, state, error);
}

static void
settle_many (Fixture         *fixture,
             guint            n_requests,
             ParRequestState  state)
{
  const ParCounts *counts = &fixture->run->counts;

  for (guint i = 0; i < n_requests; i++)
    settle (fixture, counts->n_requests - counts->n_queued, state);
}

#define FAILED PAR_REQUESTS_ERROR_FAILED

static void
verdict_is_as_documented (Fixture       *fixture,
                          gconstpointer  data)
{
  static const struct
  {
    ParRunCause cause;
    guint n_succeeded, n_failed, n_cancelled;
    gboolean was_held;
    const char *message;  /* NULL for success */
  } rows[] = {
    { PAR_RUN_CAUSE_NONE, 0, 0, 0, FALSE, NULL },
    { PAR_RUN_CAUSE_NONE, 10, 0, 0, FALSE, NULL },
    { PAR_RUN_CAUSE_NONE, 0, 1, 0, FALSE, "1 of 1 requests failed; request 0: no such city" },
    { PAR_RUN_CAUSE_NONE, 3, 2, 0, FALSE, "2 of 5 requests failed; request 3: no such city" },
    { PAR_RUN_CAUSE_NONE, 3, 2, 5, FALSE, "2 of 10 requests failed; request 3: no such city" },
    { PAR_RUN_CAUSE_NONE, 3, 0, 1, FALSE,
      "1 of 4 requests were cancelled; request 3: no such city" },
    { PAR_RUN_CAUSE_FAILURES, 0, 1, 100, FALSE,
      "1 of 101 requests failed; request 0: no such city" },
    { PAR_RUN_CAUSE_FAILURES, 7, 2, 0, FALSE, "2 of 9 requests failed; request 7: no such city" },
    { PAR_RUN_CAUSE_ENOUGH, 2, 0, 0, FALSE, NULL },
    { PAR_RUN_CAUSE_ENOUGH, 2, 1, 7, FALSE, NULL },
    { PAR_RUN_CAUSE_ENOUGH, 2, 1, 7, TRUE, NULL },

    { PAR_RUN_CAUSE_TIMED_OUT, 7, 1, 2, FALSE,
      "timed out after 250 ms: 7 of 10 requests succeeded, 1 failed" },
    { PAR_RUN_CAUSE_TIMED_OUT, 0, 0, 3, FALSE,
      "timed out after 250 ms: 0 of 3 requests succeeded, 0 failed" },
    { PAR_RUN_CAUSE_TIMED_OUT, 3, 0, 0, TRUE,
      "timed out after 250 ms: 3 of 3 requests succeeded, 0 failed" },
    { PAR_RUN_CAUSE_TIMED_OUT, 0, 0, 0, TRUE,
      "timed out after 250 ms: 0 of 0 requests succeeded, 0 failed" },
    { PAR_RUN_CAUSE_TIMED_OUT, 2, 1, 0, FALSE,
      "timed out after 250 ms: 2 of 3 requests succeeded, 1 failed" },
    { PAR_RUN_CAUSE_TIMED_OUT, 3, 0, 0, FALSE, NULL },
    { PAR_RUN_CAUSE_TIMED_OUT, 0, 0, 0, FALSE, NULL },

    { PAR_RUN_CAUSE_CANCELLED, 7, 1, 2, FALSE,
      "cancelled: 7 of 10 requests succeeded, 1 failed" },
    { PAR_RUN_CAUSE_CANCELLED, 0, 0, 3, FALSE,
      "cancelled: 0 of 3 requests succeeded, 0 failed" },
    { PAR_RUN_CAUSE_CANCELLED, 3, 0, 0, TRUE,
      "cancelled: 3 of 3 requests succeeded, 0 failed" },
    { PAR_RUN_CAUSE_CANCELLED, 3, 0, 0, FALSE, NULL },
    { PAR_RUN_CAUSE_CANCELLED, 0, 0, 0, FALSE, NULL },
  };

  g_test_summary ("Cause by cause: success or not, and the whole message.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      gboolean success;

      tear_down (fixture, NULL);
      set_up (fixture, NULL);
      begin (fixture, rows[i].n_succeeded + rows[i].n_failed + rows[i].n_cancelled);
      settle_many (fixture, rows[i].n_succeeded, PAR_REQUEST_STATE_SUCCEEDED);
      settle_many (fixture, rows[i].n_failed, PAR_REQUEST_STATE_FAILED);
      settle_many (fixture, rows[i].n_cancelled, PAR_REQUEST_STATE_CANCELLED);
      par_run_end (fixture->run, rows[i].cause);
      fixture->run->was_held = rows[i].was_held;

      success = par_run_judge (fixture->run, &fixture->error);
      g_assert_cmpint (success, ==, rows[i].message == NULL);
      g_assert_cmpstr (fixture->error != NULL ? fixture->error->message : NULL,
                       ==, rows[i].message);
      if (success)
        continue;

      if (rows[i].cause == PAR_RUN_CAUSE_TIMED_OUT)
        g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      else if (rows[i].cause == PAR_RUN_CAUSE_CANCELLED)
        g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      else
        g_assert_error (fixture->error, PAR_REQUESTS_ERROR, FAILED);
    }
}

static void
every_verdict_is_clear (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("Whatever ends a run however far it has come: success without an error, or one.");

  for (int cause = PAR_RUN_CAUSE_NONE; cause <= PAR_RUN_CAUSE_ENOUGH; cause++)
    for (guint n_succeeded = 0; n_succeeded < 3; n_succeeded++)
      for (guint n_failed = 0; n_failed < 3; n_failed++)
        for (guint n_cancelled = 0; n_cancelled < 3; n_cancelled++)
          {
            gboolean all = n_failed + n_cancelled == 0;
            gboolean expected = all || cause == PAR_RUN_CAUSE_ENOUGH;

            tear_down (fixture, NULL);
            set_up (fixture, NULL);
            begin (fixture, n_succeeded + n_failed + n_cancelled);
            settle_many (fixture, n_succeeded, PAR_REQUEST_STATE_SUCCEEDED);
            settle_many (fixture, n_cancelled, PAR_REQUEST_STATE_CANCELLED);
            settle_many (fixture, n_failed, PAR_REQUEST_STATE_FAILED);
            par_run_end (fixture->run, cause);

            g_assert_cmpint (par_run_judge (fixture->run, &fixture->error), ==, expected);
            g_assert_cmpint (fixture->error == NULL, ==, expected);
            /* Nobody need ask for the reason. */
            g_assert_cmpint (par_run_judge (fixture->run, NULL), ==, expected);
          }
}

static void
the_first_failure_is_the_one_told (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_test_summary ("In order of completion, not of index; and not a request that was cancelled.");

  begin (fixture, 10);
  settle (fixture, 1, PAR_REQUEST_STATE_CANCELLED);
  settle (fixture, 5, PAR_REQUEST_STATE_SUCCEEDED);
  settle (fixture, 7, PAR_REQUEST_STATE_FAILED);
  g_clear_error (&fixture->why);
  fixture->why = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "another reason");
  settle (fixture, 3, PAR_REQUEST_STATE_FAILED);
  settle (fixture, 2, PAR_REQUEST_STATE_CANCELLED);

  g_assert_false (par_run_judge (fixture->run, &fixture->error));
  g_assert_error (fixture->error, PAR_REQUESTS_ERROR, FAILED);
  g_assert_cmpstr (fixture->error->message, ==,
                   "2 of 10 requests failed; request 7: no such city");
}

static void
broken_run_has_the_error_of_the_system (Fixture       *fixture,
                                        gconstpointer  data)
{
  g_test_summary ("No thread to be had: domain, code and message are kept.");

  begin (fixture, 1);
  fixture->run->broken = g_error_new_literal (G_THREAD_ERROR, G_THREAD_ERROR_AGAIN, "no thread");
  par_run_end (fixture->run, PAR_RUN_CAUSE_BROKEN);
  settle (fixture, 0, PAR_REQUEST_STATE_CANCELLED);

  g_assert_false (par_run_judge (fixture->run, &fixture->error));
  g_assert_error (fixture->error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN);
  g_assert_cmpstr (fixture->error->message, ==, "no thread");
}

static void
the_first_cause_decides (Fixture       *fixture,
                         gconstpointer  data)
{
  g_test_summary ("Each cause, followed by each other: the other changes nothing.");

  for (int first = PAR_RUN_CAUSE_CANCELLED; first <= PAR_RUN_CAUSE_BROKEN; first++)
    for (int second = PAR_RUN_CAUSE_CANCELLED; second <= PAR_RUN_CAUSE_BROKEN; second++)
      {
        fixture->run->cause = PAR_RUN_CAUSE_NONE;
        par_run_end (fixture->run, first);
        par_run_end (fixture->run, second);
        g_assert_cmpint (fixture->run->cause, ==, first);
      }
}

static void
max_failures_are_allowed (Fixture       *fixture,
                          gconstpointer  data)
{
  static const int rows[] = { 0, 1, 2, 5 };

  g_test_summary ("So many failures do not end the run, one more does.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      tear_down (fixture, NULL);
      set_up (fixture, NULL);
      begin (fixture, 100);
      fixture->run->settings.max_failures = rows[i];

      settle_many (fixture, 10, PAR_REQUEST_STATE_SUCCEEDED);
      settle_many (fixture, 10, PAR_REQUEST_STATE_CANCELLED);
      settle_many (fixture, rows[i], PAR_REQUEST_STATE_FAILED);
      g_assert_cmpint (fixture->run->cause, ==, PAR_RUN_CAUSE_NONE);
      settle_many (fixture, 1, PAR_REQUEST_STATE_FAILED);
      g_assert_cmpint (fixture->run->cause, ==, PAR_RUN_CAUSE_FAILURES);
    }
}

static void
any_number_of_failures_is_allowed (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_test_summary ("With -1 the run goes on though all have failed.");

  begin (fixture, 1000);
  settle_many (fixture, 1000, PAR_REQUEST_STATE_FAILED);
  g_assert_cmpint (fixture->run->cause, ==, PAR_RUN_CAUSE_NONE);
}

static void
min_successes_are_enough (Fixture       *fixture,
                          gconstpointer  data)
{
  static const guint rows[] = { 1, 2, 5 };

  g_test_summary ("So many end the run, with success; one less does not.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      tear_down (fixture, NULL);
      set_up (fixture, NULL);
      begin (fixture, 100);
      fixture->run->settings.min_successes = rows[i];

      settle_many (fixture, 10, PAR_REQUEST_STATE_FAILED);
      settle_many (fixture, rows[i] - 1, PAR_REQUEST_STATE_SUCCEEDED);
      g_assert_cmpint (fixture->run->cause, ==, PAR_RUN_CAUSE_NONE);
      settle_many (fixture, 1, PAR_REQUEST_STATE_SUCCEEDED);
      g_assert_cmpint (fixture->run->cause, ==, PAR_RUN_CAUSE_ENOUGH);

      settle_many (fixture, 50, PAR_REQUEST_STATE_CANCELLED);
      g_assert_true (par_run_judge (fixture->run, &fixture->error));
      g_assert_no_error (fixture->error);
    }
}

static void
too_few_successes_fail (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("Fewer than min-successes, and some have failed.");

  begin (fixture, 4);
  fixture->run->settings.min_successes = 3;
  settle_many (fixture, 2, PAR_REQUEST_STATE_SUCCEEDED);
  settle_many (fixture, 2, PAR_REQUEST_STATE_FAILED);

  g_assert_false (par_run_judge (fixture->run, &fixture->error));
  g_assert_error (fixture->error, PAR_REQUESTS_ERROR, FAILED);
}

static void
all_successes_are_enough (Fixture       *fixture,
                          gconstpointer  data)
{
  g_test_summary ("There are fewer requests than min-successes, and every one has succeeded.");

  begin (fixture, 2);
  fixture->run->settings.min_successes = 3;
  settle_many (fixture, 2, PAR_REQUEST_STATE_SUCCEEDED);

  g_assert_true (par_run_judge (fixture->run, &fixture->error));
  g_assert_no_error (fixture->error);
}

static void
failures_and_successes_race (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("Of max-failures and min-successes, what is reached first decides.");

  begin (fixture, 10);
  fixture->run->settings.max_failures = 0;
  fixture->run->settings.min_successes = 1;
  settle_many (fixture, 1, PAR_REQUEST_STATE_SUCCEEDED);
  settle_many (fixture, 1, PAR_REQUEST_STATE_FAILED);
  settle_many (fixture, 8, PAR_REQUEST_STATE_CANCELLED);
  g_assert_true (par_run_judge (fixture->run, NULL));

  tear_down (fixture, NULL);
  set_up (fixture, NULL);
  begin (fixture, 10);
  fixture->run->settings.max_failures = 0;
  fixture->run->settings.min_successes = 1;
  settle_many (fixture, 1, PAR_REQUEST_STATE_FAILED);
  settle_many (fixture, 1, PAR_REQUEST_STATE_SUCCEEDED);
  settle_many (fixture, 8, PAR_REQUEST_STATE_CANCELLED);
  g_assert_false (par_run_judge (fixture->run, NULL));
}

static void
counts_add_up (Fixture       *fixture,
               gconstpointer  data)
{
  const ParCounts *counts = &fixture->run->counts;

  g_test_summary ("A request leaves one state and is in another.");

  begin (fixture, 6);
  fixture->run->counts.n_queued -= 3;
  fixture->run->counts.n_running += 3;
  par_run_settled (fixture->run, 0, PAR_REQUEST_STATE_RUNNING, PAR_REQUEST_STATE_SUCCEEDED, NULL);
  par_run_settled (fixture->run, 1, PAR_REQUEST_STATE_RUNNING, PAR_REQUEST_STATE_FAILED,
                   fixture->why);
  par_run_settled (fixture->run, 2, PAR_REQUEST_STATE_RUNNING, PAR_REQUEST_STATE_CANCELLED,
                   fixture->why);
  par_run_settled (fixture->run, 3, PAR_REQUEST_STATE_QUEUED, PAR_REQUEST_STATE_CANCELLED,
                   fixture->why);

  g_assert_cmpuint (counts->n_queued, ==, 2);
  g_assert_cmpuint (counts->n_running, ==, 0);
  g_assert_cmpuint (counts->n_succeeded, ==, 1);
  g_assert_cmpuint (counts->n_failed, ==, 1);
  g_assert_cmpuint (counts->n_cancelled, ==, 2);
  g_assert_cmpuint (counts->n_requests, ==, counts->n_queued + par_counts_settled (counts));
}

static void
deadline_counts_from_the_start (Fixture       *fixture,
                                gconstpointer  data)
{
  static const struct
  {
    guint timeout;
    gint64 deadline_us;
  } rows[] = {
    { 0, 0 },
    { 1, 2000 },
    { 250, 251000 },
    { G_MAXINT, 1000 + (gint64) G_MAXINT * 1000 },
  };

  g_test_summary ("In microseconds, from milliseconds; 0 is none.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      ParRunSettings settings = defaults;

      settings.timeout = rows[i].timeout;
      par_run_free (fixture->run);
      fixture->run = par_run_new (&settings, NULL, 1000);
      g_assert_cmpint (fixture->run->started_us, ==, 1000);
      g_assert_cmpint (fixture->run->deadline_us, ==, rows[i].deadline_us);
    }
}

static void
cancellable_is_kept_for_the_run (Fixture       *fixture,
                                 gconstpointer  data)
{
  GCancellable *cancellable = g_cancellable_new ();

  g_test_summary ("It has a reference for as long as the run needs it.");

  par_run_free (fixture->run);
  fixture->run = par_run_new (&defaults, cancellable, 1000);
  g_assert_true (fixture->run->cancellable == cancellable);
  par_run_free (g_steal_pointer (&fixture->run));
  g_assert_finalize_object (cancellable);
}

static void
what_is_left_has_a_reason (Fixture       *fixture,
                           gconstpointer  data)
{
  static const struct
  {
    ParRunCause cause;
    ParCancelReason reason;
    int code;
    const char *message;
  } rows[] = {
    { PAR_RUN_CAUSE_CANCELLED, PAR_CANCEL_REASON_CANCELLED, G_IO_ERROR_CANCELLED, "cancelled" },
    { PAR_RUN_CAUSE_TIMED_OUT, PAR_CANCEL_REASON_TIMED_OUT, G_IO_ERROR_TIMED_OUT,
      "the run timed out after 250 ms" },
    { PAR_RUN_CAUSE_FAILURES, PAR_CANCEL_REASON_FAILURES, G_IO_ERROR_CANCELLED,
      "cancelled, since the run has failed" },
    { PAR_RUN_CAUSE_BROKEN, PAR_CANCEL_REASON_FAILURES, G_IO_ERROR_CANCELLED,
      "cancelled, since the run has failed" },
    { PAR_RUN_CAUSE_ENOUGH, PAR_CANCEL_REASON_ENOUGH, G_IO_ERROR_CANCELLED,
      "cancelled, since enough requests had succeeded" },
  };

  g_test_summary ("A request that is cancelled with its run can say why.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GError) error = NULL;

      fixture->run->cause = rows[i].cause;
      g_assert_cmpint (par_run_get_reason (fixture->run), ==, rows[i].reason);
      error = par_run_new_reason (fixture->run, rows[i].reason);
      g_assert_error (error, G_IO_ERROR, rows[i].code);
      g_assert_cmpstr (error->message, ==, rows[i].message);
    }
}

static void
cancelled_outside_a_run_has_a_reason (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_test_summary ("There need be no run for a request to be cancelled.");

  fixture->error = par_run_new_reason (NULL, PAR_CANCEL_REASON_CANCELLED);
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/run/" name, Fixture, NULL, set_up, func, tear_down)
  add ("verdict-is-as-documented", verdict_is_as_documented);
  add ("every-verdict-is-clear", every_verdict_is_clear);
  add ("the-first-failure-is-the-one-told", the_first_failure_is_the_one_told);
  add ("broken-run-has-the-error-of-the-system", broken_run_has_the_error_of_the_system);
  add ("the-first-cause-decides", the_first_cause_decides);
  add ("max-failures-are-allowed", max_failures_are_allowed);
  add ("any-number-of-failures-is-allowed", any_number_of_failures_is_allowed);
  add ("min-successes-are-enough", min_successes_are_enough);
  add ("too-few-successes-fail", too_few_successes_fail);
  add ("all-successes-are-enough", all_successes_are_enough);
  add ("failures-and-successes-race", failures_and_successes_race);
  add ("counts-add-up", counts_add_up);
  add ("deadline-counts-from-the-start", deadline_counts_from_the_start);
  add ("cancellable-is-kept-for-the-run", cancellable_is_kept_for_the_run);
  add ("what-is-left-has-a-reason", what_is_left_has_a_reason);
  add ("cancelled-outside-a-run-has-a-reason", cancelled_outside_a_run_has_a_reason);
#undef add

  return g_test_run ();
}
