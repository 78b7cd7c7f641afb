/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

typedef struct
{
  ParRequests *requests;
  Gate gate;
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

typedef struct
{
  guint64 n_requests, n_queued, n_running, n_succeeded, n_failed, n_cancelled;
  guint64 n_attempts, n_copies, n_attempts_running, n_won, n_attempts_failed, n_lost;
} Figures;

static void
assert_figures (const ParStats *stats,
                Figures         expected)
{
  g_assert_cmpuint (par_stats_get_n_requests (stats), ==, expected.n_requests);
  g_assert_cmpuint (par_stats_get_n_queued (stats), ==, expected.n_queued);
  g_assert_cmpuint (par_stats_get_n_running (stats), ==, expected.n_running);
  g_assert_cmpuint (par_stats_get_n_succeeded (stats), ==, expected.n_succeeded);
  g_assert_cmpuint (par_stats_get_n_failed (stats), ==, expected.n_failed);
  g_assert_cmpuint (par_stats_get_n_cancelled (stats), ==, expected.n_cancelled);
  g_assert_cmpuint (par_stats_get_n_attempts (stats), ==, expected.n_attempts);
  g_assert_cmpuint (par_stats_get_n_copies (stats), ==, expected.n_copies);
  g_assert_cmpuint (par_stats_get_n_attempts_running (stats), ==, expected.n_attempts_running);
  g_assert_cmpuint (par_stats_get_n_attempts_won (stats), ==, expected.n_won);
  g_assert_cmpuint (par_stats_get_n_attempts_failed (stats), ==, expected.n_attempts_failed);
  g_assert_cmpuint (par_stats_get_n_attempts_lost (stats), ==, expected.n_lost);
}

static void
nothing_is_zero (Fixture       *fixture,
                 gconstpointer  data)
{
  g_autoptr(ParStats) stats = par_requests_get_stats (fixture->requests);

  g_test_summary ("Before there is a request, and with no success there is no latency.");

  assert_figures (stats, (Figures) { 0 });
  g_assert_cmpuint (par_stats_get_peak_attempts (stats), ==, 0);
  g_assert_cmpint (par_stats_get_elapsed (stats), ==, 0);
  g_assert_cmpint (par_stats_get_latency (stats, 50), ==, -1);
}

static void
requests_are_counted_by_state (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr(ParStats) before = NULL;
  g_autoptr(ParStats) after = NULL;
  g_autoptr(ParRequest) last = NULL;

  g_test_summary ("Queued, then seven succeeded, two failed, one cancelled.");

  add_many (fixture, 7, succeed);
  add_many (fixture, 2, fail);
  add_many (fixture, 1, succeed);
  before = par_requests_get_stats (fixture->requests);
  last = par_requests_get_request (fixture->requests, 9);
  par_request_cancel (last);
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
  after = par_requests_get_stats (fixture->requests);

  assert_figures (before, (Figures) { .n_requests = 10, .n_queued = 10 });
  assert_figures (after, (Figures) {
    .n_requests = 10, .n_succeeded = 7, .n_failed = 2, .n_cancelled = 1,
    .n_attempts = 9, .n_won = 7, .n_attempts_failed = 2,
  });
  g_assert_cmpuint (par_stats_get_peak_attempts (after), >=, 1);
  g_assert_cmpuint (par_stats_get_peak_attempts (after), <=, 9);
  g_assert_cmpint (par_stats_get_elapsed (after), >, 0);
}

static void
runs_add_up (Fixture       *fixture,
             gconstpointer  data)
{
  g_autoptr(ParStats) stats = NULL;

  g_test_summary ("The figures concern the whole life of the requests.");

  for (guint i = 0; i < 5; i++)
    {
      add_many (fixture, 3, succeed);
      add_many (fixture, 1, fail);
      g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
    }
  stats = par_requests_get_stats (fixture->requests);
  assert_figures (stats, (Figures) {
    .n_requests = 20, .n_succeeded = 15, .n_failed = 5,
    .n_attempts = 20, .n_won = 15, .n_attempts_failed = 5,
  });
}

static void
copies_that_fail_are_counted (Fixture       *fixture,
                              gconstpointer  data)
{
  g_autoptr(ParStats) stats = NULL;

  g_test_summary ("Each is a failed attempt, of one failed request.");

  par_requests_set_redundancy (fixture->requests, 3);
  add_many (fixture, 4, fail);
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
  stats = par_requests_get_stats (fixture->requests);
  assert_figures (stats, (Figures) {
    .n_requests = 4, .n_failed = 4, .n_attempts = 12, .n_copies = 8, .n_attempts_failed = 12,
  });
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
losers_are_counted (Fixture       *fixture,
                    gconstpointer  data)
{
  g_autoptr(ParStats) stats = NULL;

  g_test_summary ("The copy wins, and the first attempt, which is cancelled, is lost, not failed.");

  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  add_many (fixture, 5, win_if_second);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  stats = par_requests_get_stats (fixture->requests);
  assert_figures (stats, (Figures) {
    .n_requests = 5, .n_succeeded = 5, .n_attempts = 10, .n_copies = 5, .n_won = 5, .n_lost = 5,
  });
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static void
figures_are_live (Fixture       *fixture,
                  gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(ParStats) running = NULL;
  g_autoptr(ParStats) end = NULL;

  g_test_summary ("They are true at once, though the properties wait for the owner's loop.");

  par_requests_set_concurrency (fixture->requests, 3);
  add_many (fixture, 8, pass_gate);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  gate_wait_arrived (&fixture->gate, 3);
  running = par_requests_get_stats (fixture->requests);
  gate_open (&fixture->gate);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  end = par_requests_get_stats (fixture->requests);

  assert_figures (running, (Figures) {
    .n_requests = 8, .n_queued = 5, .n_running = 3, .n_attempts = 3, .n_attempts_running = 3,
  });
  g_assert_cmpuint (par_stats_get_peak_attempts (running), ==, 3);
  assert_figures (end, (Figures) {
    .n_requests = 8, .n_succeeded = 8, .n_attempts = 8, .n_won = 8,
  });
  g_assert_cmpuint (par_stats_get_peak_attempts (end), ==, 3);
  g_assert_cmpint (par_stats_get_elapsed (end), >=, par_stats_get_elapsed (running));
}

static void
attempts_left_behind_are_running (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(ParStats) stats = NULL;

  g_test_summary ("Deaf ones are counted until they return.");

  add_many (fixture, 2, pass_gate_deaf);
  par_requests_do_async (fixture->requests, cancellable, take_result, &result);
  gate_wait_arrived (&fixture->gate, 2);
  g_cancellable_cancel (cancellable);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  stats = par_requests_get_stats (fixture->requests);
  assert_figures (stats, (Figures) {
    .n_requests = 2, .n_cancelled = 2, .n_attempts = 2, .n_attempts_running = 2,
  });
}

static gpointer
get_stats (gpointer requests)
{
  return par_requests_get_stats (requests);
}

static void
any_thread_may_ask (Fixture       *fixture,
                    gconstpointer  data)
{
  g_autoptr(ParStats) stats = NULL;

  g_test_summary ("And read the figures in yet another.");

  add_many (fixture, 3, succeed);
  stats = g_thread_join (g_thread_new ("stats", get_stats, fixture->requests));
  assert_figures (stats, (Figures) { .n_requests = 3, .n_queued = 3 });
}

static void
a_copy_is_the_same (Fixture       *fixture,
                    gconstpointer  data)
{
  const Figures three = { .n_requests = 3, .n_succeeded = 3, .n_attempts = 3, .n_won = 3 };
  ParStats *stats;
  ParStats *copy;
  ParStats *boxed;

  g_test_summary ("It outlives the original, and does not follow the requests.");

  add_many (fixture, 3, succeed);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  stats = par_requests_get_stats (fixture->requests);
  copy = par_stats_copy (stats);
  g_assert_true (copy != stats);
  g_assert_cmpint (par_stats_get_latency (copy, 50), ==, par_stats_get_latency (stats, 50));
  g_assert_cmpint (par_stats_get_elapsed (copy), ==, par_stats_get_elapsed (stats));
  par_stats_free (stats);

  add_many (fixture, 5, succeed);
  assert_figures (copy, three);
  boxed = g_boxed_copy (PAR_TYPE_STATS, copy);
  par_stats_free (copy);
  assert_figures (boxed, three);
  g_boxed_free (PAR_TYPE_STATS, boxed);
}

static void
latencies_grow_with_the_percentile (Fixture       *fixture,
                                    gconstpointer  data)
{
  g_autoptr(ParStats) stats = NULL;
  gint64 last = 0;

  g_test_summary ("Any percentile from 0 to 100.");

  add_many (fixture, 500, succeed);
  add_many (fixture, 500, fail);
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
  stats = par_requests_get_stats (fixture->requests);

  for (guint i = 0; i <= 1000; i++)
    {
      gint64 latency = par_stats_get_latency (stats, i / 10.0);

      g_assert_cmpint (latency, >=, last);
      last = latency;
    }
}

static void
failures_have_no_latency (Fixture       *fixture,
                          gconstpointer  data)
{
  g_autoptr(ParStats) stats = NULL;

  g_test_summary ("Only attempts that succeeded are measured.");

  add_many (fixture, 10, fail);
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
  stats = par_requests_get_stats (fixture->requests);
  g_assert_cmpint (par_stats_get_latency (stats, 50), ==, -1);
}

static void
percentile_out_of_range_is_refused (Fixture       *fixture,
                                    gconstpointer  data)
{
  static const double percentiles[] = { -0.1, 100.1, -G_MAXDOUBLE, G_MAXDOUBLE };
  g_autoptr(ParStats) stats = NULL;

  g_test_summary ("A critical, and -1; not a number too.");

  add_many (fixture, 1, succeed);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  stats = par_requests_get_stats (fixture->requests);

  for (guint i = 0; i < G_N_ELEMENTS (percentiles); i++)
    {
      g_test_expect_message ("Par", G_LOG_LEVEL_CRITICAL, "*percentile*");
      g_assert_cmpint (par_stats_get_latency (stats, percentiles[i]), ==, -1);
    }
  g_test_expect_message ("Par", G_LOG_LEVEL_CRITICAL, "*percentile*");
  g_assert_cmpint (par_stats_get_latency (stats, g_strtod ("nan", NULL)), ==, -1);
  g_test_expect_message ("Par", G_LOG_LEVEL_CRITICAL, "*self*");
  g_assert_cmpuint (par_stats_get_n_requests (NULL), ==, 0);
  g_test_assert_expected_messages ();
}

static void
fail_first (ParAttempt  *attempt,
            gpointer     gate,
            GError     **error)
{
  if (par_attempt_get_kind (attempt) == PAR_ATTEMPT_KIND_FIRST)
    fail (attempt, NULL, error);
  else
    succeed (attempt, NULL, error);
}

static void
hang_first (ParAttempt  *attempt,
            gpointer     gate,
            GError     **error)
{
  if (par_attempt_get_kind (attempt) == PAR_ATTEMPT_KIND_FIRST)
    pass_gate (attempt, gate, error);
  else
    succeed (attempt, NULL, error);
}

static void
assert_kinds (Fixture *fixture,
              guint    n_copies,
              guint    n_hedges,
              guint    n_hedges_won,
              guint    n_hedges_refused,
              guint    n_retries)
{
  g_autoptr(ParStats) stats = par_requests_get_stats (fixture->requests);

  g_assert_cmpuint (par_stats_get_n_copies (stats), ==, n_copies);
  g_assert_cmpuint (par_stats_get_n_hedges (stats), ==, n_hedges);
  g_assert_cmpuint (par_stats_get_n_hedges_won (stats), ==, n_hedges_won);
  g_assert_cmpuint (par_stats_get_n_hedges_refused (stats), ==, n_hedges_refused);
  g_assert_cmpuint (par_stats_get_n_retries (stats), ==, n_retries);
}

static void
kinds_are_told_apart (Fixture       *fixture,
                      gconstpointer  data)
{
  g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE, "delay", 1, "max-hedges", 1,
                                            "max-extra-load", 0.01, "burst", 3, NULL);
  g_autoptr(ParRetry) retry = g_object_new (PAR_TYPE_RETRY, "initial-delay", 1, NULL);

  g_test_summary ("Copies, hedges that were made, that won, that could not be paid, and retries.");

  par_requests_set_redundancy (fixture->requests, 2);
  add_many (fixture, 2, fail);
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
  par_requests_set_redundancy (fixture->requests, 1);
  assert_kinds (fixture, 2, 0, 0, 0, 0);

  par_requests_set_hedge (fixture->requests, hedge);
  add_many (fixture, 2, hang_first);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  assert_kinds (fixture, 2, 2, 2, 0, 0);
  wait_for_attempts (fixture->requests);

  /* There is one left. What makes hedges due from here on is that the first attempt has failed, not
   * that it takes its time. */
  par_hedge_set_delay (hedge, 60000);
  add_many (fixture, 2, fail_first);
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
  assert_kinds (fixture, 2, 3, 3, 1, 0);
  g_assert_cmpuint (par_hedge_get_n_refused (hedge), ==, 1);

  par_requests_set_retry (fixture->requests, retry);
  add_many (fixture, 2, fail_first);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  assert_kinds (fixture, 2, 3, 3, 3, 2);
  g_assert_cmpuint (par_hedge_get_n_refused (hedge), ==, 3);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/stats/" name, Fixture, NULL, set_up, func, tear_down)
  add ("nothing-is-zero", nothing_is_zero);
  add ("requests-are-counted-by-state", requests_are_counted_by_state);
  add ("runs-add-up", runs_add_up);
  add ("copies-that-fail-are-counted", copies_that_fail_are_counted);
  add ("losers-are-counted", losers_are_counted);
  add ("figures-are-live", figures_are_live);
  add ("attempts-left-behind-are-running", attempts_left_behind_are_running);
  add ("any-thread-may-ask", any_thread_may_ask);
  add ("a-copy-is-the-same", a_copy_is_the_same);
  add ("latencies-grow-with-the-percentile", latencies_grow_with_the_percentile);
  add ("failures-have-no-latency", failures_have_no_latency);
  add ("percentile-out-of-range-is-refused", percentile_out_of_range_is_refused);
  add ("kinds-are-told-apart", kinds_are_told_apart);
#undef add

  return g_test_run ();
}
