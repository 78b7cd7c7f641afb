/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can go wrong around hedges, retries and limiters, each through a whole run. What they do
 * when all is well is in the tests of each, and in the acceptance. */

#include "fake-clock.h"
#include "gate.h"
#include "par-hedge-private.h"
#include "wall-clock.h"

#define HOURS (3600 * 1000)

/* Async attempts, under a clock that only the tests move. */
typedef struct
{
  FakeClock *clock;
  gint64 begin_us;
  ParRequests *requests;
  GCancellable *cancellable;
  GPtrArray *held;   /* (owned) attempts that have started and not returned, oldest first */
  GString *started;  /* each attempt: its request and kind, and in which ms of the test */
  GAsyncResult *result;
  GError *error;
} Fixture;

static void
note_start (ParRequests    *requests,
            ParRequest     *request,
            guint           number,
            ParAttemptKind  kind,
            gpointer        data)
{
  static const char *kinds[] = { "", "copy", "hedge", "retry" };
  Fixture *fixture = data;

  g_string_append_printf (fixture->started, "%s%" G_GUINT64_FORMAT "%s@%" G_GINT64_FORMAT,
                          fixture->started->len > 0 ? " " : "", par_request_get_index (request),
                          kinds[kind], (fake_clock_get_time (fixture->clock) - fixture->begin_us) / 1000);
}

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->clock = fake_clock_new ();
  fixture->begin_us = fake_clock_get_time (fixture->clock);
  fixture->requests = par_requests_new ();
  fixture->cancellable = g_cancellable_new ();
  fixture->held = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->started = g_string_new (NULL);
  fake_clock_give (fixture->clock, fixture->requests);
  g_signal_connect (fixture->requests, "started", G_CALLBACK (note_start), fixture);
}

static void
settle_down (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_ptr_array_unref (fixture->held);
  settle_down ();
  g_clear_object (&fixture->result);
  g_clear_error (&fixture->error);
  wait_for_attempts (fixture->requests);
  g_assert_finalize_object (fixture->requests);
  g_assert_finalize_object (fixture->cancellable);
  g_string_free (fixture->started, TRUE);
  fake_clock_free (fixture->clock);
}

/* Deaf to its cancellable: it returns when the test lets it. */
static void
hold (ParAttempt  *attempt,
      gpointer     data,
      GError     **error)
{
  Fixture *fixture = data;

  g_ptr_array_add (fixture->held, g_object_ref (attempt));
}

/* Has the oldest attempt that is held succeed. */
static void
let_go (Fixture *fixture)
{
  g_autoptr(ParAttempt) attempt = g_ptr_array_steal_index (fixture->held, 0);

  par_attempt_return_boolean (attempt, TRUE);
}

/* Has it fail. */
static void
let_fail (Fixture *fixture)
{
  g_autoptr(ParAttempt) attempt = g_ptr_array_steal_index (fixture->held, 0);

  par_attempt_return_new_error (attempt, G_IO_ERROR, G_IO_ERROR_BUSY, "too busy");
}

static void
add (Fixture        *fixture,
     ParRequestFunc  function,
     guint           n_requests)
{
  for (guint i = 0; i < n_requests; i++)
    par_requests_add_async (fixture->requests, function, fixture, NULL);
}

static void
take_result (GObject      *requests,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static void
begin (Fixture *fixture)
{
  par_requests_do_async (fixture->requests, fixture->cancellable, take_result, &fixture->result);
  settle_down ();
}

/* Lets so much time pass, and all be done that is due by then, in its time. */
static void
pass (Fixture *fixture,
      gint64   msec)
{
  fake_clock_run (fixture->clock, NULL, fake_clock_get_time (fixture->clock) + msec * 1000);
}

/* Moves the clock by so much all at once. */
static void
jump (Fixture *fixture,
      gint64   msec)
{
  fake_clock_advance (fixture->clock, msec);
  settle_down ();
}

static gboolean
is_over (Fixture *fixture)
{
  return fixture->result != NULL;
}

/* The run must be over by now. */
static gboolean
finish (Fixture *fixture)
{
  g_assert_true (is_over (fixture));

  return par_requests_do_finish (fixture->requests, fixture->result, &fixture->error);
}

/* Has all attempts succeed that there are, and will be, until the run is over. */
static void
let_all_go (Fixture *fixture)
{
  while (!is_over (fixture))
    {
      if (fixture->held->len > 0)
        {
          let_go (fixture);
          settle_down ();
        }
      else
        {
          g_assert_cmpint (fake_clock_get_next_time (fixture->clock), !=, PAR_CLOCK_NEVER);
          fake_clock_run (fixture->clock, NULL, fake_clock_get_next_time (fixture->clock));
        }
    }
}

static ParStats *
get_stats (Fixture *fixture)
{
  return par_requests_get_stats (fixture->requests);
}

#define assert_started(expected) g_assert_cmpstr (fixture->started->str, ==, expected)

static void
assert_error_of (Fixture    *fixture,
                 guint64     index,
                 GQuark      domain,
                 int         code,
                 const char *message)
{
  g_autoptr(ParRequest) request = par_requests_get_request (fixture->requests, index);
  const GError *error = par_request_get_error (request);

  g_assert_error (error, domain, code);
  g_assert_cmpstr (error->message, ==, message);
}

/* A clock that jumps. */

static void
jump_lets_no_more_pass (Fixture       *fixture,
                        gconstpointer  data)
{
  g_autoptr(ParLimiter) limiter = par_limiter_new ();

  g_test_summary ("After hours in which nothing could start no more do at once than after seconds.");

  par_limiter_set_rate (limiter, 1);
  par_limiter_set_burst (limiter, 2);
  par_requests_set_limiter (fixture->requests, limiter);
  add (fixture, hold, 6);
  begin (fixture);
  assert_started ("0@0 1@0");
  jump (fixture, 5 * HOURS);
  assert_started ("0@0 1@0 2@18000000 3@18000000");
  pass (fixture, 999);
  assert_started ("0@0 1@0 2@18000000 3@18000000");
  pass (fixture, 1);
  assert_started ("0@0 1@0 2@18000000 3@18000000 4@18001000");
  let_all_go (fixture);
  g_assert_true (finish (fixture));
}

static void
jump_makes_one_hedge (Fixture       *fixture,
                      gconstpointer  data)
{
  g_autoptr(ParHedge) hedge = par_hedge_new ();

  g_test_summary ("Time for a thousand has passed, but the second waits for the first.");

  par_hedge_set_delay (hedge, 20);
  par_requests_set_hedge (fixture->requests, hedge);
  add (fixture, hold, 2);
  begin (fixture);
  jump (fixture, 5 * HOURS);
  assert_started ("0@0 1@0 0hedge@18000000 1hedge@18000000");
  pass (fixture, 19);
  assert_started ("0@0 1@0 0hedge@18000000 1hedge@18000000");
  let_all_go (fixture);
  g_assert_true (finish (fixture));
}

static void
jump_makes_one_retry (Fixture       *fixture,
                      gconstpointer  data)
{
  g_autoptr(ParRetry) retry = g_object_new (PAR_TYPE_RETRY, "jitter", 0.0, NULL);

  g_test_summary ("Time for all of them has passed, but each waits for the one before.");

  par_requests_set_retry (fixture->requests, retry);
  add (fixture, fail, 1);
  begin (fixture);
  jump (fixture, 5 * HOURS);
  assert_started ("0@0 0retry@18000000");
  pass (fixture, 199);
  assert_started ("0@0 0retry@18000000");
  pass (fixture, 1);
  assert_started ("0@0 0retry@18000000 0retry@18000200");
  pass (fixture, 400);
  g_assert_false (finish (fixture));
  g_assert_cmpuint (par_retry_get_n_sent (retry), ==, 3);
}

static void
jump_forgets_what_was_learned (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr(ParHedge) hedge = par_hedge_new ();

  g_test_summary ("All samples are older than the window: the delay is unknown, not zero.");

  par_requests_set_hedge (fixture->requests, hedge);
  add (fixture, hold, 61);
  begin (fixture);
  pass (fixture, 10);
  for (guint i = 0; i < 60; i++)
    let_go (fixture);
  settle_down ();
  g_assert_cmpfloat_with_epsilon (par_hedge_get_current_delay (hedge), 10, 0.1);
  pass (fixture, 1);
  g_assert_cmpuint (par_hedge_get_n_sent (hedge), ==, 1);
  jump (fixture, 5 * HOURS);
  g_assert_cmpfloat (par_hedge_get_current_delay (hedge), ==, -1);
  pass (fixture, HOURS);
  g_assert_cmpuint (par_hedge_get_n_sent (hedge), ==, 1);
  let_all_go (fixture);
  g_assert_true (finish (fixture));
}

static void
jump_past_the_deadline_starts_nothing (Fixture       *fixture,
                                       gconstpointer  data)
{
  g_autoptr(ParHedge) hedge = par_hedge_new ();
  g_autoptr(ParRetry) retry = par_retry_new ();
  g_autoptr(ParLimiter) limiter = par_limiter_new ();

  g_test_summary ("A hedge, a retry and a token of the rate are due, and the run is too late.");

  par_hedge_set_delay (hedge, 20);
  par_limiter_set_rate (limiter, 1);
  par_limiter_set_burst (limiter, 2);
  g_object_set (fixture->requests, "hedge", hedge, "retry", retry, "limiter", limiter,
                "timeout", 250, NULL);
  par_hedge_set_max_hedges (hedge, 1);
  add (fixture, hold, 3);
  begin (fixture);
  let_fail (fixture);
  settle_down ();
  assert_started ("0@0 1@0");
  jump (fixture, 5 * HOURS);
  assert_started ("0@0 1@0");
  g_assert_false (finish (fixture));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, 3);
  g_assert_cmpuint (par_limiter_get_n_waiting (limiter), ==, 0);
}

static void
jump_back_does_no_harm (Fixture       *fixture,
                        gconstpointer  data)
{
  g_autoptr(ParHedge) hedge = par_hedge_new ();
  g_autoptr(ParRetry) retry = g_object_new (PAR_TYPE_RETRY, "jitter", 0.0, NULL);
  g_autoptr(ParLimiter) limiter = par_limiter_new ();

  g_test_summary ("As no monotonic clock does: all waits for the time it waited for.");

  par_hedge_set_delay (hedge, 20);
  par_hedge_set_max_hedges (hedge, 1);
  par_limiter_set_rate (limiter, 10);
  par_limiter_set_burst (limiter, 3);
  g_object_set (fixture->requests, "hedge", hedge, "retry", retry, "limiter", limiter, NULL);
  add (fixture, hold, 2);
  add (fixture, fail, 1);
  begin (fixture);
  assert_started ("0@0 1@0 2@0");
  jump (fixture, -5 * HOURS);
  pass (fixture, 5 * HOURS - 1);
  assert_started ("0@0 1@0 2@0");
  let_all_go (fixture);
  g_assert_false (finish (fixture));
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 2);
  g_assert_cmpuint (par_requests_get_n_failed (fixture->requests), ==, 1);
  g_assert_cmpuint (par_limiter_get_n_running (limiter), ==, fixture->held->len);
}

typedef struct
{
  Gate gate;
  gint64 step_us;   /* by which the wall clock jumps with each attempt */
  int n_failed;     /* atomic */
} Office;

/* The first attempt at an even request hangs until it is cancelled, that at an odd one fails. */
static void
work_to_rule (ParAttempt  *attempt,
              gpointer     data,
              GError     **error)
{
  Office *office = data;

  wall_clock_jump (office->step_us);
  if (par_attempt_get_number (attempt) > 1)
    {
      par_attempt_return_boolean (attempt, TRUE);
    }
  else if (g_atomic_int_add (&office->n_failed, 1) % 2 == 1)
    {
      par_attempt_set_retry_after (attempt, 1);
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "too busy");
    }
  else
    {
      pass_gate (attempt, &office->gate, error);
    }
}

static void
wall_clock_does_not_matter (Fixture       *fixture,
                            gconstpointer  data)
{
  g_autoptr(ParHedge) hedge = par_hedge_new ();
  g_autoptr(ParRetry) retry = par_retry_new ();
  g_autoptr(ParLimiter) limiter = par_limiter_new ();
  ParRequests *requests = par_requests_new ();
  g_autoptr(GError) error = NULL;
  gint64 hours = GPOINTER_TO_INT (data);
  Office office = { .step_us = hours * HOURS * 1000 };
  gint64 real_us = g_get_real_time ();

  g_test_summary ("Somebody sets it, by hours: nothing is due sooner for that, nor waits for ever.");

  gate_init (&office.gate);
  par_hedge_set_delay (hedge, 1);
  par_hedge_set_max_extra_load (hedge, 9);
  par_hedge_set_max_hedges (hedge, 1);
  par_retry_set_initial_delay (retry, 1);
  par_limiter_set_rate (limiter, 1000);
  par_limiter_set_concurrency (limiter, 8);
  g_object_set (requests, "hedge", hedge, "retry", retry, "limiter", limiter, "timeout", HOURS,
                "request-timeout", HOURS, "attempt-timeout", HOURS, NULL);
  for (guint i = 0; i < 20; i++)
    par_requests_add_thread (requests, work_to_rule, &office, NULL);
  par_requests_do (requests, NULL, &error);
  g_assert_no_error (error);

  /* It has been set, and those who look at it have seen that. */
  g_assert_cmpint (ABS (g_get_real_time () - real_us), >, HOURS * G_GINT64_CONSTANT (1000));
  gate_open (&office.gate);
  wait_for_attempts (requests);
  g_assert_finalize_object (requests);
  gate_clear (&office.gate);
}

/* A limiter changed to 1 while a hundred wait. */

static void
limiter_becomes_one_for_a_run (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr(ParLimiter) limiter = par_limiter_new ();

  g_test_summary ("What runs goes on; then one at a time, in order, and none is lost.");

  par_limiter_set_concurrency (limiter, 10);
  par_requests_set_limiter (fixture->requests, limiter);
  add (fixture, hold, 110);
  begin (fixture);
  g_assert_cmpuint (fixture->held->len, ==, 10);
  g_assert_cmpuint (par_requests_get_n_queued (fixture->requests), ==, 100);

  par_limiter_set_concurrency (limiter, 1);
  settle_down ();
  for (guint n_left = 9; n_left > 0; n_left--)
    {
      let_go (fixture);
      settle_down ();
      g_assert_cmpuint (fixture->held->len, ==, n_left);
    }
  for (guint n_done = 9; n_done < 110; n_done++)
    {
      g_assert_cmpuint (fixture->held->len, ==, 1);
      g_assert_cmpuint (par_limiter_get_n_running (limiter), ==, 1);
      g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, n_done);
      let_go (fixture);
      settle_down ();
    }
  g_assert_true (finish (fixture));
  g_assert_true (g_str_has_suffix (fixture->started->str, " 108@0 109@0"));
}

static void
limiter_becomes_one_for_many_runs (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_autoptr(ParLimiter) limiter = par_limiter_new ();
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func (g_object_unref);
  GAsyncResult *results[110] = { NULL };

  g_test_summary ("Each with a request of its own: the line for the limiter gets shorter by one "
                  "each time, and nobody in it is forgotten.");

  par_limiter_set_concurrency (limiter, 10);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      ParRequests *requests = par_requests_new ();

      g_ptr_array_add (all, requests);
      fake_clock_give (fixture->clock, requests);
      par_requests_set_limiter (requests, limiter);
      par_requests_add_async (requests, hold, fixture, NULL);
      par_requests_do_async (requests, NULL, take_result, &results[i]);
    }
  settle_down ();
  g_assert_cmpuint (par_limiter_get_n_running (limiter), ==, 10);
  g_assert_cmpuint (par_limiter_get_n_waiting (limiter), ==, 100);

  par_limiter_set_concurrency (limiter, 1);
  settle_down ();
  for (guint n_left = 110; n_left > 0; n_left--)
    {
      guint n_running = MAX (n_left, 101) - 100;

      g_assert_cmpuint (fixture->held->len, ==, n_running);
      g_assert_cmpuint (par_limiter_get_n_running (limiter), ==, n_running);
      g_assert_cmpuint (par_limiter_get_n_waiting (limiter), ==, n_left - n_running);
      let_go (fixture);
      settle_down ();
    }

  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_assert_nonnull (results[i]);
      g_assert_true (par_requests_do_finish (all->pdata[i], results[i], NULL));
      g_object_unref (results[i]);
    }
}

/* A hedge shared by two threads' runs. */

#define N_SHARED 500

typedef struct
{
  ParHedge *hedge;
  guint64 n_hedges;
  guint64 n_won;
} Sharer;

/* One first attempt in ten hangs until its hedge has won. */
static void
hang_sometimes (ParAttempt  *attempt,
                gpointer     data,
                GError     **error)
{
  Gate *gate = data;
  g_autoptr(ParRequest) request = par_attempt_get_request (attempt);

  if (par_attempt_get_number (attempt) == 1 && par_request_get_index (request) % 10 == 0)
    pass_gate (attempt, gate, error);
  else
    par_attempt_return_boolean (attempt, TRUE);
}

static gpointer
run_with_hedge (gpointer data)
{
  Sharer *sharer = data;
  ParRequests *requests = par_requests_new ();
  g_autoptr(ParStats) stats = NULL;
  g_autoptr(GError) error = NULL;
  Gate gate;

  gate_init (&gate);
  /* Hedges need a slot beside those that hang. */
  par_requests_set_concurrency (requests, N_SHARED / 10 + 4);
  par_requests_set_hedge (requests, sharer->hedge);
  for (guint i = 0; i < N_SHARED; i++)
    par_requests_add_thread (requests, hang_sometimes, &gate, NULL);
  par_requests_do (requests, NULL, &error);
  g_assert_no_error (error);

  wait_for_attempts (requests);
  stats = par_requests_get_stats (requests);
  sharer->n_hedges = par_stats_get_n_hedges (stats);
  sharer->n_won = par_stats_get_n_hedges_won (stats);
  g_assert_finalize_object (requests);
  gate_clear (&gate);

  return NULL;
}

static void
hedge_is_shared_by_two_threads (Fixture       *fixture,
                                gconstpointer  data)
{
  ParHedge *hedge = par_hedge_new ();
  Sharer a = { hedge, 0, 0 }, b = { hedge, 0, 0 };
  GThread *other;

  g_test_summary ("One set of figures for both, to which each hedge of each is added once.");

  /* Each that hangs can be paid for, and each that is quick too. */
  par_hedge_set_delay (hedge, 1);
  par_hedge_set_max_hedges (hedge, 1);
  par_hedge_set_burst (hedge, 2 * N_SHARED);
  other = g_thread_new ("other", run_with_hedge, &b);
  run_with_hedge (&a);
  g_thread_join (other);

  g_assert_cmpuint (a.n_won, >=, N_SHARED / 10);
  g_assert_cmpuint (b.n_won, >=, N_SHARED / 10);
  g_assert_cmpuint (par_hedge_get_n_won (hedge), ==, a.n_won + b.n_won);
  g_assert_cmpuint (par_hedge_get_n_sent (hedge), ==, a.n_hedges + b.n_hedges);
  g_assert_cmpfloat (par_hedge_get_extra_load (hedge),
                     ==, (a.n_hedges + b.n_hedges) / (2.0 * N_SHARED));
  g_assert_cmpuint (par_hedge_get_n_in_flight (hedge), ==, 0);
  g_assert_finalize_object (hedge);
}

/* The last reference to a policy dropped during a run. */

typedef struct
{
  ParHedge *hedge;
  ParRetry *retry;
  ParLimiter *limiter;
} Policies;

/* Of which the requests have the only references; what is returned becomes NULL with them. */
static void
give_policies (ParRequests *requests,
               Policies    *policies)
{
  g_autoptr(ParHedge) hedge = par_hedge_new ();
  g_autoptr(ParRetry) retry = g_object_new (PAR_TYPE_RETRY, "jitter", 0.0, NULL);
  g_autoptr(ParLimiter) limiter = par_limiter_new ();

  par_hedge_set_delay (hedge, 20);
  par_hedge_set_max_hedges (hedge, 1);
  par_limiter_set_concurrency (limiter, 2);
  g_object_set (requests, "hedge", hedge, "retry", retry, "limiter", limiter, NULL);
  *policies = (Policies) { hedge, retry, limiter };
  g_object_add_weak_pointer (G_OBJECT (hedge), (gpointer *) &policies->hedge);
  g_object_add_weak_pointer (G_OBJECT (retry), (gpointer *) &policies->retry);
  g_object_add_weak_pointer (G_OBJECT (limiter), (gpointer *) &policies->limiter);
}

static void
drop_policies (ParRequests *requests)
{
  g_object_set (requests, "hedge", NULL, "retry", NULL, "limiter", NULL, NULL);
}

static void
assert_policies_are_gone (Policies *policies)
{
  g_assert_null (policies->hedge);
  g_assert_null (policies->retry);
  g_assert_null (policies->limiter);
}

static void
run_keeps_its_policies (Fixture       *fixture,
                        gconstpointer  data)
{
  Policies policies;

  g_test_summary ("Though nobody else has them, hedge, retry and limit go on; then they are gone.");

  give_policies (fixture->requests, &policies);
  add (fixture, hold, 3);
  begin (fixture);
  drop_policies (fixture->requests);
  assert_started ("0@0 1@0");
  pass (fixture, 20);
  let_fail (fixture);
  settle_down ();
  assert_started ("0@0 1@0 0hedge@20");
  let_go (fixture);
  let_fail (fixture);
  settle_down ();
  pass (fixture, 100);
  assert_started ("0@0 1@0 0hedge@20 2@20 2hedge@40");
  let_go (fixture);
  settle_down ();
  assert_started ("0@0 1@0 0hedge@20 2@20 2hedge@40 0retry@120");
  let_all_go (fixture);
  g_assert_true (finish (fixture));
  g_ptr_array_set_size (fixture->held, 0);
  settle_down ();
  g_clear_object (&fixture->result);
  assert_policies_are_gone (&policies);
}

static void
attempt_keeps_its_limiter (Fixture       *fixture,
                           gconstpointer  data)
{
  Policies policies;

  g_test_summary ("One that its run has left behind has its permit still, and gives it back to "
                  "nobody's limiter.");

  give_policies (fixture->requests, &policies);
  add (fixture, hold, 2);
  begin (fixture);
  drop_policies (fixture->requests);
  g_cancellable_cancel (fixture->cancellable);
  settle_down ();
  g_assert_false (finish (fixture));
  g_clear_object (&fixture->result);
  g_assert_nonnull (policies.limiter);
  g_assert_cmpuint (par_limiter_get_n_running (policies.limiter), ==, 2);
  let_go (fixture);
  settle_down ();
  g_assert_cmpuint (par_limiter_get_n_running (policies.limiter), ==, 1);
  let_go (fixture);
  settle_down ();
  assert_policies_are_gone (&policies);
}

static void
drop_in_a_worker (ParAttempt  *attempt,
                  gpointer     data,
                  GError     **error)
{
  drop_policies (data);
  if (par_attempt_get_number (attempt) <= 2)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "too busy");
  else
    par_attempt_return_boolean (attempt, TRUE);
}

static void
worker_may_drop_the_policies (Fixture       *fixture,
                              gconstpointer  data)
{
  ParRequests *requests = par_requests_new ();
  g_autoptr(ParStats) stats = NULL;
  g_autoptr(GError) error = NULL;
  Policies policies;

  g_test_summary ("Of the run that is on: its hedge and its retry come all the same.");

  give_policies (requests, &policies);
  par_requests_add_thread (requests, drop_in_a_worker, requests, NULL);
  par_requests_do (requests, NULL, &error);
  g_assert_no_error (error);
  stats = par_requests_get_stats (requests);
  g_assert_cmpuint (par_stats_get_n_hedges (stats), ==, 1);
  g_assert_cmpuint (par_stats_get_n_retries (stats), ==, 1);
  wait_for_attempts (requests);
  g_assert_finalize_object (requests);
  assert_policies_are_gone (&policies);
}

/* A rate of 0.001 a second with a deadline. */

static void
slow_rate_ends_at_the_deadline (Fixture       *fixture,
                                gconstpointer  data)
{
  g_autoptr(ParLimiter) limiter = par_limiter_new ();

  g_test_summary ("The next start is a quarter of an hour off: the run ends at its time, and not "
                  "before.");

  par_limiter_set_rate (limiter, 0.001);
  par_requests_set_limiter (fixture->requests, limiter);
  par_requests_set_timeout (fixture->requests, 250);
  par_requests_add_async (fixture->requests, succeed, NULL, NULL);
  add (fixture, hold, 2);
  begin (fixture);
  pass (fixture, 249);
  g_assert_false (is_over (fixture));
  pass (fixture, 1);
  g_assert_false (finish (fixture));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpstr (fixture->error->message, ==,
                   "timed out after 250 ms: 1 of 3 requests succeeded, 0 failed");
  assert_started ("0@0");
  g_assert_cmpuint (par_limiter_get_n_waiting (limiter), ==, 0);
}

static void
slow_rate_ends_a_call_that_blocks (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_autoptr(ParLimiter) limiter = par_limiter_new ();
  ParRequests *requests = par_requests_new ();
  g_autoptr(GError) error = NULL;

  g_test_summary ("With threads, and in real time.");

  par_limiter_set_rate (limiter, 0.001);
  par_requests_set_limiter (requests, limiter);
  par_requests_set_timeout (requests, 50);
  for (guint i = 0; i < 3; i++)
    par_requests_add_thread (requests, succeed, NULL, NULL);
  g_assert_false (par_requests_do (requests, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpuint (par_requests_get_n_succeeded (requests), ==, 1);
  g_assert_cmpuint (par_requests_get_n_cancelled (requests), ==, 2);
  g_assert_finalize_object (requests);
}

static void
slow_rate_is_kept_between_runs (Fixture       *fixture,
                                gconstpointer  data)
{
  g_autoptr(ParLimiter) limiter = par_limiter_new ();

  g_test_summary ("The token of the last run is spent, so the next does nothing until its deadline.");

  par_limiter_set_rate (limiter, 0.001);
  par_requests_set_limiter (fixture->requests, limiter);
  par_requests_set_timeout (fixture->requests, 250);
  add (fixture, hold, 1);
  begin (fixture);
  let_all_go (fixture);
  g_assert_true (finish (fixture));
  g_clear_object (&fixture->result);

  add (fixture, hold, 1);
  begin (fixture);
  pass (fixture, 250);
  g_assert_false (finish (fixture));
  assert_started ("0@0");
}

/* max-extra-load 0. */

static void
no_extra_load_no_hedge (Fixture       *fixture,
                        gconstpointer  data)
{
  g_autoptr(ParHedge) hedge = par_hedge_new ();
  g_autoptr(ParStats) stats = NULL;

  g_test_summary ("Neither when it is due, nor after a failure; and nothing waits for it.");

  par_hedge_set_delay (hedge, 20);
  par_hedge_set_max_extra_load (hedge, 0);
  par_requests_set_hedge (fixture->requests, hedge);
  add (fixture, hold, 20);
  begin (fixture);
  pass (fixture, 1000);
  let_fail (fixture);
  let_all_go (fixture);
  g_assert_false (finish (fixture));
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 19);
  assert_error_of (fixture, 0, G_IO_ERROR, G_IO_ERROR_BUSY, "too busy");
  stats = get_stats (fixture);
  g_assert_cmpuint (par_stats_get_n_attempts (stats), ==, 20);
  g_assert_cmpuint (par_hedge_get_n_sent (hedge), ==, 0);
  g_assert_cmpuint (par_hedge_get_n_refused (hedge), >=, 20);
}

static void
no_extra_load_no_retry (Fixture       *fixture,
                        gconstpointer  data)
{
  g_autoptr(ParRetry) retry = par_retry_new ();

  g_test_summary ("The first failure is the last, at once.");

  par_retry_set_max_extra_load (retry, 0);
  par_requests_set_retry (fixture->requests, retry);
  add (fixture, fail, 20);
  begin (fixture);
  g_assert_false (finish (fixture));
  g_assert_cmpuint (par_requests_get_n_failed (fixture->requests), ==, 20);
  assert_error_of (fixture, 0, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no such city");
  g_assert_cmpuint (par_retry_get_n_sent (retry), ==, 0);
  g_assert_cmpuint (par_retry_get_n_refused (retry), ==, 20);
}

/* A percentile with no samples. */

static void
no_samples_no_hedge (Fixture       *fixture,
                     gconstpointer  data)
{
  g_autoptr(ParHedge) hedge = par_hedge_new ();

  g_test_summary ("Nobody knows what is slow, however long it takes; but a failure is one.");

  par_hedge_set_percentile (hedge, 99.9);
  par_requests_set_hedge (fixture->requests, hedge);
  add (fixture, hold, 2);
  begin (fixture);
  pass (fixture, HOURS);
  assert_started ("0@0 1@0");
  g_assert_cmpfloat (par_hedge_get_current_delay (hedge), ==, -1);
  let_fail (fixture);
  settle_down ();
  assert_started ("0@0 1@0 0hedge@3600000");
  let_all_go (fixture);
  g_assert_true (finish (fixture));
  g_assert_cmpuint (par_hedge_get_n_refused (hedge), ==, 0);
}

/* Retry-after longer than the deadline. */

static void
ask_for_an_hour (ParAttempt  *attempt,
                 gpointer     data,
                 GError     **error)
{
  par_attempt_set_retry_after (attempt, HOURS);
  par_attempt_return_new_error (attempt, G_IO_ERROR, G_IO_ERROR_BUSY, "closed for lunch");
}

static void
retry_after_past_the_deadline_fails_at_once (Fixture       *fixture,
                                             gconstpointer  data)
{
  g_autoptr(ParHedge) hedge = par_hedge_new ();
  g_autoptr(ParRetry) retry = par_retry_new ();

  g_test_summary ("With its own error, not that of the deadline; neither retry nor hedge is made.");

  g_object_set (fixture->requests, "hedge", hedge, "retry", retry, data, HOURS, NULL);
  add (fixture, ask_for_an_hour, 1);
  begin (fixture);
  g_assert_false (finish (fixture));
  g_assert_error (fixture->error, PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_FAILED);
  assert_error_of (fixture, 0, G_IO_ERROR, G_IO_ERROR_BUSY, "closed for lunch");
  assert_started ("0@0");
  g_assert_cmpuint (par_retry_get_n_sent (retry), ==, 0);
  /* What was not made has cost nothing: there was one deposit, and the budget is full. */
  g_assert_cmpuint (par_retry_get_n_refused (retry), ==, 0);
}

static void
retry_after_before_the_deadline_is_waited_for (Fixture       *fixture,
                                               gconstpointer  data)
{
  g_autoptr(ParRetry) retry = g_object_new (PAR_TYPE_RETRY, "max-retries", 1, NULL);

  g_test_summary ("A millisecond of it is left: the retry is made in time.");

  g_object_set (fixture->requests, "retry", retry, data, HOURS + 1, NULL);
  add (fixture, ask_for_an_hour, 1);
  begin (fixture);
  pass (fixture, HOURS - 1);
  assert_started ("0@0");
  pass (fixture, 1);
  assert_started ("0@0 0retry@3600000");
  g_assert_false (finish (fixture));
  assert_error_of (fixture, 0, G_IO_ERROR, G_IO_ERROR_BUSY, "after 2 attempts: closed for lunch");
}

/* All attempts fatal. */

static void
fail_for_good (ParAttempt  *attempt,
               gpointer     data,
               GError     **error)
{
  par_attempt_return_fatal_error (attempt, g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                                                        "no such city"));
}

static void
fatal_error_is_the_end (Fixture       *fixture,
                        gconstpointer  data)
{
  g_autoptr(ParHedge) hedge = par_hedge_new ();
  g_autoptr(ParRetry) retry = par_retry_new ();

  g_test_summary ("Of each request, after one attempt: no copy, no hedge, no retry is made.");

  par_hedge_set_delay (hedge, 20);
  g_object_set (fixture->requests, "hedge", hedge, "retry", retry, "redundancy", 3,
                "concurrency", 1, NULL);
  add (fixture, fail_for_good, 2);
  begin (fixture);
  g_assert_false (finish (fixture));
  assert_started ("0@0 1@0");
  assert_error_of (fixture, 0, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no such city");
  g_assert_cmpuint (par_hedge_get_n_sent (hedge), ==, 0);
  g_assert_cmpuint (par_retry_get_n_sent (retry), ==, 0);
}

static void
fail_for_good_together (ParAttempt  *attempt,
                        gpointer     gate,
                        GError     **error)
{
  gate_pass (gate, NULL);
  fail_for_good (attempt, NULL, error);
}

static void
note_completed (ParRequests *requests,
                ParRequest  *request,
                gpointer     n_completed)
{
  ++*(guint *) n_completed;
}

static void
fatal_errors_at_once_settle_once (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_autoptr(ParRetry) retry = par_retry_new ();
  ParRequests *requests = par_requests_new ();
  g_autoptr(GAsyncResult) result = NULL;
  guint n_completed = 0;
  Gate gate;

  g_test_summary ("Eight copies in as many threads, all fatal in the same moment.");

  gate_init (&gate);
  g_signal_connect (requests, "completed", G_CALLBACK (note_completed), &n_completed);
  g_object_set (requests, "retry", retry, "redundancy", 8, "wait-for-attempts", TRUE, NULL);
  par_requests_add_thread (requests, fail_for_good_together, &gate, NULL);
  par_requests_do_async (requests, NULL, take_result, &result);
  gate_wait_arrived (&gate, 8);
  gate_open (&gate);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (par_requests_do_finish (requests, result, NULL));
  g_assert_cmpuint (n_completed, ==, 1);
  g_assert_cmpuint (par_requests_get_n_failed (requests), ==, 1);
  g_assert_cmpuint (par_retry_get_n_sent (retry), ==, 0);
  g_clear_object (&result);
  wait_for_attempts (requests);
  g_assert_finalize_object (requests);
  gate_clear (&gate);
}

/* Cancellation during backoff. */

/* Starts a run of a request that waits for its retry, and one that is held. */
static void
begin_backoff (Fixture  *fixture,
               ParRetry *retry)
{
  par_requests_set_retry (fixture->requests, retry);
  add (fixture, fail, 1);
  add (fixture, hold, 1);
  begin (fixture);
  pass (fixture, 50);
  assert_started ("0@0 1@0");
  g_assert_cmpuint (par_requests_get_n_running (fixture->requests), ==, 2);
}

/* It has been cancelled for @reason, and its retry, which was paid for, has cost nothing. */
static void
assert_backoff_was_cancelled (Fixture         *fixture,
                              ParRetry        *retry,
                              ParCancelReason  reason)
{
  g_autoptr(ParRequest) request = par_requests_get_request (fixture->requests, 0);

  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_CANCELLED);
  g_assert_cmpint (par_request_get_cancel_reason (request), ==, reason);
  g_assert_cmpuint (par_request_get_n_attempts (request), ==, 1);
  pass (fixture, HOURS);
  assert_started ("0@0 1@0");
  g_assert_cmpuint (par_retry_get_n_sent (retry), ==, 0);
}

static ParRetry *
new_retry (void)
{
  return g_object_new (PAR_TYPE_RETRY, "jitter", 0.0, "burst", 1, "max-extra-load", 0.01, NULL);
}

static void
request_is_cancelled_during_backoff (Fixture       *fixture,
                                     gconstpointer  data)
{
  g_autoptr(ParRetry) retry = new_retry ();
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("It alone: the run goes on, and what the retry would have cost is there for "
                  "another.");

  begin_backoff (fixture, retry);
  request = par_requests_get_request (fixture->requests, 0);
  par_request_cancel (request);
  settle_down ();
  g_assert_false (is_over (fixture));
  assert_backoff_was_cancelled (fixture, retry, PAR_CANCEL_REASON_CANCELLED);

  let_fail (fixture);
  settle_down ();
  pass (fixture, 100);
  g_assert_cmpuint (par_retry_get_n_sent (retry), ==, 1);
  let_all_go (fixture);
  g_assert_false (finish (fixture));
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 1);
}

static void
run_is_cancelled_during_backoff (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autoptr(ParRetry) retry = new_retry ();

  g_test_summary ("By its cancellable, and is over at once.");

  begin_backoff (fixture, retry);
  g_cancellable_cancel (fixture->cancellable);
  settle_down ();
  g_assert_false (finish (fixture));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_backoff_was_cancelled (fixture, retry, PAR_CANCEL_REASON_CANCELLED);
}

static void
run_times_out_during_backoff (Fixture       *fixture,
                              gconstpointer  data)
{
  g_autoptr(ParRetry) retry = new_retry ();

  g_test_summary ("Before the retry is due.");

  par_requests_set_timeout (fixture->requests, 99);
  begin_backoff (fixture, retry);
  pass (fixture, 49);
  g_assert_false (finish (fixture));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  assert_backoff_was_cancelled (fixture, retry, PAR_CANCEL_REASON_TIMED_OUT);
}

static gpointer
cancel_when_failed (gpointer data)
{
  Fixture *fixture = data;

  fake_clock_wait_for_sleeper (fixture->clock);
  g_cancellable_cancel (fixture->cancellable);

  return NULL;
}

static void
next_is_cancelled_during_backoff (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_autoptr(ParRetry) retry = new_retry ();
  g_autoptr(ParRequest) request = NULL;
  GThread *thread = g_thread_new ("cancel", cancel_when_failed, fixture);

  g_test_summary ("A call that blocks for the next to settle: it gives the one that is cancelled.");

  par_requests_set_retry (fixture->requests, retry);
  par_requests_add_thread (fixture->requests, fail, NULL, NULL);
  request = par_requests_next (fixture->requests, fixture->cancellable, &fixture->error);
  g_thread_join (thread);
  g_assert_no_error (fixture->error);
  g_assert_nonnull (request);
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_CANCELLED);
  g_assert_null (par_requests_next (fixture->requests, fixture->cancellable, &fixture->error));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (par_retry_get_n_sent (retry), ==, 0);
}

static void
last_reference_goes_during_backoff (Fixture       *fixture,
                                    gconstpointer  data)
{
  g_autoptr(ParRetry) retry = new_retry ();
  ParRequests *requests = par_requests_new ();
  GAsyncResult *result = NULL;

  g_test_summary ("Of the requests: the run keeps them, makes its retry, and lets go of them.");

  fake_clock_give (fixture->clock, requests);
  g_object_add_weak_pointer (G_OBJECT (requests), (gpointer *) &requests);
  par_retry_set_max_retries (retry, 1);
  par_requests_set_retry (requests, retry);
  par_requests_add_async (requests, fail, NULL, NULL);
  par_requests_do_async (requests, NULL, take_result, &result);
  settle_down ();
  g_object_unref (requests);
  g_assert_nonnull (requests);
  pass (fixture, 100);
  g_assert_cmpuint (par_retry_get_n_sent (retry), ==, 1);
  g_assert_nonnull (result);
  g_object_unref (result);
  settle_down ();
  g_assert_null (requests);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define test(name, func) g_test_add ("/par/policies/" name, Fixture, NULL, set_up, func, tear_down)
#define test_with(name, data, func) \
  g_test_add ("/par/policies/" name, Fixture, data, set_up, func, tear_down)
  test ("clock-jumps/lets-no-more-pass", jump_lets_no_more_pass);
  test ("clock-jumps/makes-one-hedge", jump_makes_one_hedge);
  test ("clock-jumps/makes-one-retry", jump_makes_one_retry);
  test ("clock-jumps/forgets-what-was-learned", jump_forgets_what_was_learned);
  test ("clock-jumps/past-the-deadline-starts-nothing", jump_past_the_deadline_starts_nothing);
  test ("clock-jumps/back-does-no-harm", jump_back_does_no_harm);
  test_with ("clock-jumps/wall-clock-forward", GINT_TO_POINTER (10), wall_clock_does_not_matter);
  test_with ("clock-jumps/wall-clock-back", GINT_TO_POINTER (-10), wall_clock_does_not_matter);
  test ("limiter-becomes-one-while-a-hundred-wait/of-a-run", limiter_becomes_one_for_a_run);
  test ("limiter-becomes-one-while-a-hundred-wait/of-many-runs",
        limiter_becomes_one_for_many_runs);
  test ("hedge-is-shared-by-two-threads", hedge_is_shared_by_two_threads);
  test ("last-reference-is-dropped/run-keeps-its-policies", run_keeps_its_policies);
  test ("last-reference-is-dropped/attempt-keeps-its-limiter", attempt_keeps_its_limiter);
  test ("last-reference-is-dropped/in-a-worker", worker_may_drop_the_policies);
  test ("slow-rate/ends-at-the-deadline", slow_rate_ends_at_the_deadline);
  test ("slow-rate/ends-a-call-that-blocks", slow_rate_ends_a_call_that_blocks);
  test ("slow-rate/is-kept-between-runs", slow_rate_is_kept_between_runs);
  test ("no-extra-load/no-hedge", no_extra_load_no_hedge);
  test ("no-extra-load/no-retry", no_extra_load_no_retry);
  test ("no-samples-no-hedge", no_samples_no_hedge);
  test_with ("retry-after/past-the-deadline-fails-at-once/of-the-run", "timeout",
             retry_after_past_the_deadline_fails_at_once);
  test_with ("retry-after/past-the-deadline-fails-at-once/of-the-request", "request-timeout",
             retry_after_past_the_deadline_fails_at_once);
  test_with ("retry-after/before-the-deadline-is-waited-for/of-the-run", "timeout",
             retry_after_before_the_deadline_is_waited_for);
  test_with ("retry-after/before-the-deadline-is-waited-for/of-the-request", "request-timeout",
             retry_after_before_the_deadline_is_waited_for);
  test ("all-attempts-fatal/is-the-end", fatal_error_is_the_end);
  test ("all-attempts-fatal/at-once-settle-once", fatal_errors_at_once_settle_once);
  test ("cancelled-during-backoff/request", request_is_cancelled_during_backoff);
  test ("cancelled-during-backoff/run", run_is_cancelled_during_backoff);
  test ("cancelled-during-backoff/run-times-out", run_times_out_during_backoff);
  test ("cancelled-during-backoff/next", next_is_cancelled_during_backoff);
  test ("cancelled-during-backoff/last-reference-goes", last_reference_goes_during_backoff);
#undef test_with
#undef test

  return g_test_run ();
}
