/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

/* The source that adds requests while a run goes on: when it is pulled, how it ends, and that its
 * data is destroyed once, in the owner context. */
typedef struct
{
  ParRequests *requests;
  Gate gate;
  GThread *owner;
  GPtrArray *kept;          /* (owned) attempts */
  GCancellable *cancellable;
  GAsyncResult *result;
  GError *error;

  ParRequestFunc function;  /* of what the source adds */
  gboolean is_async;        /* in the owner context, else in threads */
  guint n_in_source;        /* requests it has left to add */
  guint n_at_once;          /* how many of them it adds in one call */
  guint max_queued;         /* it is not called when so many are queued; 0: any number */
  guint n_pulls;
  guint n_added;
  guint n_completed;
  guint n_destroyed;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->requests = par_requests_new ();
  fixture->owner = g_thread_self ();
  fixture->kept = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->cancellable = g_cancellable_new ();
  fixture->function = succeed;
  fixture->n_at_once = 1;
  gate_init (&fixture->gate);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  gate_open (&fixture->gate);
  g_ptr_array_unref (fixture->kept);
  g_clear_object (&fixture->result);
  if (fixture->requests != NULL)
    {
      wait_for_attempts (fixture->requests);
      g_assert_finalize_object (fixture->requests);
    }
  g_object_unref (fixture->cancellable);
  g_clear_error (&fixture->error);
  gate_clear (&fixture->gate);
}

static void
count_destroyed (gpointer data)
{
  Fixture *fixture = data;

  g_assert_true (g_thread_self () == fixture->owner);
  fixture->n_destroyed++;
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
return_kept (Fixture *fixture)
{
  ParAttempt *attempt = g_ptr_array_steal_index (fixture->kept, 0);

  par_attempt_return_boolean (attempt, TRUE);
  g_object_unref (attempt);
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

static guint64
count_queued (ParRequests *requests)
{
  g_autoptr(ParStats) stats = par_requests_get_stats (requests);

  return par_stats_get_n_queued (stats);
}

static guint64
count_settled (ParRequests *requests)
{
  g_autoptr(ParStats) stats = par_requests_get_stats (requests);

  return par_stats_get_n_succeeded (stats) + par_stats_get_n_failed (stats)
         + par_stats_get_n_cancelled (stats);
}

static void
add_one (Fixture *fixture)
{
  if (fixture->is_async)
    par_requests_add_async (fixture->requests, fixture->function, fixture, NULL);
  else
    par_requests_add_thread (fixture->requests, fixture->function, fixture, NULL);
  fixture->n_added++;
}

/* The source of most tests. */
static gboolean
add_some (ParRequests  *requests,
          gpointer      user_data,
          GError      **error)
{
  Fixture *fixture = user_data;

  g_assert_true (requests == fixture->requests);
  g_assert_true (g_thread_self () == fixture->owner);
  g_assert_null (*error);
  g_assert_cmpuint (fixture->n_destroyed, ==, 0);
  if (fixture->max_queued > 0)
    g_assert_cmpuint (count_queued (requests), <, fixture->max_queued);

  fixture->n_pulls++;
  for (guint i = 0; i < fixture->n_at_once && fixture->n_in_source > 0; i++)
    {
      fixture->n_in_source--;
      add_one (fixture);
    }

  return fixture->n_in_source > 0;
}

static void
set_source (Fixture *fixture,
            guint    n_in_source)
{
  fixture->n_in_source = n_in_source;
  par_requests_set_source (fixture->requests, add_some, fixture, count_destroyed);
}

static gboolean
do_all (Fixture *fixture)
{
  g_clear_error (&fixture->error);

  return par_requests_do (fixture->requests, NULL, &fixture->error);
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static void
begin (Fixture *fixture)
{
  g_cancellable_reset (fixture->cancellable);
  par_requests_do_async (fixture->requests, fixture->cancellable, take_result, &fixture->result);
}

static gboolean
finish (Fixture *fixture)
{
  while (fixture->result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_clear_error (&fixture->error);

  return par_requests_do_finish (PAR_REQUESTS (fixture->requests), fixture->result,
                                 &fixture->error);
}

static gboolean
finish_and_forget (Fixture *fixture)
{
  gboolean success = finish (fixture);

  g_clear_object (&fixture->result);

  return success;
}

/* Lets the loop do what there is to do, which is not without an end. */
static void
drain (void)
{
  for (guint n = 0; g_main_context_iteration (NULL, FALSE); n++)
    g_assert_cmpuint (n, <, 1000);
}

static void
adds_all_there_is (Fixture       *fixture,
                   gconstpointer  data)
{
  g_test_summary ("A run takes all that the source has, in threads or in the loop, and it is gone.");

  fixture->is_async = GPOINTER_TO_UINT (data) & 1;
  fixture->function = fixture->is_async ? return_later : succeed;
  fixture->n_at_once = 3;
  par_requests_set_concurrency (fixture->requests, 4);

  set_source (fixture, 100);
  if (GPOINTER_TO_UINT (data) & 2)
    {
      begin (fixture);
      g_assert_true (finish (fixture));
    }
  else
    {
      g_assert_true (do_all (fixture));
    }

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 100);
  g_assert_cmpuint (fixture->n_pulls, ==, 34);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
}

static void
no_more_than_may_run_are_queued (Fixture       *fixture,
                                 gconstpointer  data)
{
  static const struct
  {
    guint concurrency, n_at_once, n_running, n_queued;
  } rows[] = {
    { 1, 1, 1, 1 },
    { 2, 1, 2, 2 },
    { 5, 1, 5, 5 },
    { 64, 1, 64, 64 },
    { 1000, 1, 64, 64 },
    { 0, 1, 64, 64 },
    { 4, 3, 4, 6 },  /* the call with which the bound is reached may go beyond it */
    { 1, 10, 1, 10 },
  };

  g_test_summary ("While nothing may start, the source is called until as many are queued as may run "
                  "at once, but no more than 64, and then no more.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      fixture->n_added = 0;
      fixture->n_destroyed = 0;
      fixture->n_at_once = rows[i].n_at_once;
      fixture->max_queued = rows[i].n_queued;
      par_requests_set_concurrency (fixture->requests, rows[i].concurrency);
      par_requests_set_paused (fixture->requests, TRUE);

      set_source (fixture, 1000);
      begin (fixture);
      drain ();
      g_assert_cmpuint (par_requests_get_n_queued (fixture->requests), ==, fixture->n_added);
      /* On a busy machine it is not called for long at a time, so it may end before the bound. */
      g_assert_cmpuint (fixture->n_added, <=, rows[i].n_queued);
      g_assert_cmpuint (fixture->n_added, >, rows[i].n_running / 2);

      par_requests_set_paused (fixture->requests, FALSE);
      g_assert_true (finish_and_forget (fixture));
      g_assert_cmpuint (fixture->n_added, ==, 1000);
    }
}

static void
is_pulled_when_half_are_left (Fixture       *fixture,
                              gconstpointer  data)
{
  g_test_summary ("The source is called again when no more are queued than half of those that may "
                  "run.");

  fixture->is_async = TRUE;
  fixture->function = keep;
  fixture->max_queued = 4;
  par_requests_set_concurrency (fixture->requests, 4);
  set_source (fixture, 50);
  begin (fixture);
  drain ();
  while (fixture->result == NULL)
    {
      guint64 n_queued = count_queued (fixture->requests);
      guint n_added = fixture->n_added;

      /* One of those that are queued takes its place. */
      return_kept (fixture);
      drain ();
      if (fixture->n_destroyed == 0)
        g_assert_cmpuint (fixture->kept->len, ==, 4);
      if (n_queued > 3)
        g_assert_cmpuint (fixture->n_added, ==, n_added);
      else if (n_added < 50)
        g_assert_cmpuint (fixture->n_added, >, n_added);
    }
  g_assert_true (finish (fixture));
  g_assert_cmpuint (fixture->n_added, ==, 50);
}

static void
is_pulled_when_queued_are_cancelled (Fixture       *fixture,
                                     gconstpointer  data)
{
  guint n_added;

  g_test_summary ("Requests that are cancelled before they start make room for others.");

  par_requests_set_concurrency (fixture->requests, 4);
  par_requests_set_paused (fixture->requests, TRUE);
  set_source (fixture, 10);
  begin (fixture);
  drain ();
  n_added = fixture->n_added;
  g_assert_cmpuint (n_added, >, 0);

  for (guint i = 0; i < n_added; i++)
    {
      g_autoptr(ParRequest) request = par_requests_get_request (fixture->requests, i);

      par_request_cancel (request);
    }
  drain ();
  g_assert_cmpuint (fixture->n_added, >, n_added);

  par_requests_set_paused (fixture->requests, FALSE);
  g_assert_false (finish (fixture));
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 10 - n_added);
}

static void
goes_when_it_has_ended (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("A source that has no more is dropped at once, and the run waits for what it has "
                  "added.");

  fixture->is_async = TRUE;
  fixture->function = keep;
  fixture->n_at_once = 3;
  set_source (fixture, 3);
  begin (fixture);
  drain ();
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
  g_assert_cmpuint (fixture->kept->len, ==, 3);
  g_assert_null (fixture->result);

  while (fixture->kept->len > 0)
    return_kept (fixture);
  g_assert_true (finish (fixture));
}

static gboolean
add_none (ParRequests  *requests,
          gpointer      user_data,
          GError      **error)
{
  Fixture *fixture = user_data;

  fixture->n_pulls++;

  return fixture->n_in_source > 0;
}

static void
empty_source_ends_the_run (Fixture       *fixture,
                           gconstpointer  data)
{
  g_test_summary ("A run to which the source adds nothing has succeeded.");

  par_requests_set_source (fixture->requests, add_none, fixture, count_destroyed);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (fixture->n_pulls, ==, 1);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
}

static void
source_with_none_now_is_asked_later (Fixture       *fixture,
                                     gconstpointer  data)
{
  g_test_summary ("One that has none to add now, but will, is called again when a request has "
                  "settled, and not before.");

  par_requests_set_concurrency (fixture->requests, 4);
  for (guint i = 0; i < 3; i++)
    par_requests_add_async (fixture->requests, keep, fixture, NULL);
  fixture->n_in_source = 1;
  par_requests_set_source (fixture->requests, add_none, fixture, count_destroyed);
  begin (fixture);
  drain ();
  g_assert_cmpuint (fixture->n_pulls, ==, 1);
  drain ();
  g_assert_cmpuint (fixture->n_pulls, ==, 1);

  return_kept (fixture);
  drain ();
  g_assert_cmpuint (fixture->n_pulls, ==, 2);

  return_kept (fixture);
  return_kept (fixture);
  drain ();
  g_assert_cmpuint (fixture->n_pulls, >, 2);
  g_assert_null (fixture->result);

  /* One that comes from elsewhere does as well. */
  fixture->n_in_source = 0;
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_assert_true (finish (fixture));
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
}

static gboolean
fail_at_last (ParRequests  *requests,
              gpointer      user_data,
              GError      **error)
{
  Fixture *fixture = user_data;

  if (add_some (requests, user_data, error) && fixture->n_in_source > 1)
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "no more lines to be had");

  return fixture->n_in_source == 1;
}

static void
error_ends_the_run (Fixture       *fixture,
                    gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("An error of the source ends the run with it, and what is left is cancelled, "
                  "whatever it returns.");

  fixture->function = keep;
  fixture->is_async = TRUE;
  fixture->n_in_source = GPOINTER_TO_UINT (data);
  par_requests_set_concurrency (fixture->requests, 2);
  par_requests_set_source (fixture->requests, fail_at_last, fixture, count_destroyed);
  g_assert_false (do_all (fixture));

  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE);
  g_assert_cmpstr (fixture->error->message, ==, "no more lines to be had");
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
  g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, fixture->n_added);
  request = par_requests_get_request (fixture->requests, 0);
  g_assert_cmpint (par_request_get_cancel_reason (request), ==, PAR_CANCEL_REASON_FAILURES);

  /* It is gone. */
  g_assert_true (do_all (fixture));
}

static gboolean
cancel_and_fail (ParRequests  *requests,
                 gpointer      user_data,
                 GError      **error)
{
  Fixture *fixture = user_data;

  g_cancellable_cancel (fixture->cancellable);
  fixture->n_pulls++;

  return fail_at_last (requests, user_data, error);
}

static void
error_of_source_that_cancels (Fixture       *fixture,
                              gconstpointer  data)
{
  g_test_summary ("A source that cancels its run and then fails has that noticed, whichever comes "
                  "first, and is not called again.");

  fixture->n_in_source = 1;
  par_requests_set_source (fixture->requests, cancel_and_fail, fixture, count_destroyed);
  begin (fixture);
  g_assert_false (finish (fixture));

  g_assert_cmpint (fixture->error->domain, ==, G_IO_ERROR);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
  g_assert_cmpuint (fixture->n_added, ==, 1);
}

static void
cancel_after_twenty (ParAttempt  *attempt,
                     gpointer     user_data,
                     GError     **error)
{
  Fixture *fixture = user_data;

  if (fixture->n_added >= 20)
    g_cancellable_cancel (fixture->cancellable);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
stays_for_the_next_run (Fixture       *fixture,
                        gconstpointer  data)
{
  guint n_added;

  g_test_summary ("A run that is cancelled does not pull the source any more; the next one goes on "
                  "with it.");

  fixture->is_async = TRUE;
  fixture->function = cancel_after_twenty;
  par_requests_set_concurrency (fixture->requests, 4);
  set_source (fixture, 100);
  begin (fixture);
  g_assert_false (finish_and_forget (fixture));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  n_added = fixture->n_added;
  g_assert_cmpuint (n_added, >=, 20);
  g_assert_cmpuint (n_added, <=, 24);
  g_assert_cmpuint (fixture->n_destroyed, ==, 0);

  /* Nor is it between runs, or by a run that is cancelled before it starts. */
  drain ();
  g_assert_false (par_requests_do (fixture->requests, fixture->cancellable, NULL));
  g_assert_cmpuint (fixture->n_added, ==, n_added);

  g_assert_true (do_all (fixture));
  g_assert_cmpuint (fixture->n_added, ==, 100);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
}

static void
fail_one (ParAttempt  *attempt,
          gpointer     user_data,
          GError     **error)
{
  fail (attempt, NULL, error);
}

static void
stops_when_enough_have_failed (Fixture       *fixture,
                               gconstpointer  data)
{
  g_test_summary ("The run ends with more than max-failures, though the source has more.");

  fixture->is_async = GPOINTER_TO_UINT (data);
  fixture->function = fail_one;
  par_requests_set_concurrency (fixture->requests, 2);
  par_requests_set_max_failures (fixture->requests, 10);
  set_source (fixture, 1000);
  g_assert_false (do_all (fixture));

  g_assert_error (fixture->error, PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_FAILED);
  /* Those that ended in the same moment count too. */
  g_assert_cmpuint (par_requests_get_n_failed (fixture->requests), >=, 11);
  g_assert_cmpuint (par_requests_get_n_failed (fixture->requests), <=, 12);
  g_assert_cmpuint (fixture->n_added, <, 1000);
  g_assert_cmpuint (fixture->n_destroyed, ==, 0);
}

static void
stops_when_enough_have_succeeded (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("The run ends with min-successes, though the source has more.");

  fixture->is_async = GPOINTER_TO_UINT (data);
  par_requests_set_concurrency (fixture->requests, 2);
  par_requests_set_min_successes (fixture->requests, 10);
  set_source (fixture, 1000);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), >=, 10);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), <=, 11);
  g_assert_cmpuint (fixture->n_added, <, 1000);
  g_assert_cmpuint (fixture->n_destroyed, ==, 0);
}

static void
wait_until_settled (Fixture *fixture,
                    guint64  n_settled)
{
  while (count_settled (fixture->requests) < n_settled)
    g_thread_yield ();
}

static void
waits_for_next (Fixture       *fixture,
                gconstpointer  data)
{
  ParRequest *request;
  guint n_fetched = 0;

  g_test_summary ("What next() has not fetched holds the source back.");

  par_requests_set_concurrency (fixture->requests, 2);
  set_source (fixture, 100);
  while ((request = par_requests_next (fixture->requests, NULL, &fixture->error)) != NULL)
    {
      guint n_pulls = fixture->n_pulls;

      g_object_unref (request);
      n_fetched++;

      /* All that was added goes on to its end meanwhile. */
      wait_until_settled (fixture, fixture->n_added);
      drain ();
      g_assert_cmpuint (fixture->n_pulls, ==, n_pulls);
      g_assert_cmpuint (fixture->n_added, <=, n_fetched + 2 + 2 + 1);
    }
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (n_fetched, ==, 100);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
}

static ParRequest *
next_by_loop (Fixture *fixture)
{
  ParRequest *request;

  par_requests_next_async (fixture->requests, NULL, take_result, &fixture->result);
  while (fixture->result == NULL)
    g_main_context_iteration (NULL, TRUE);
  request = par_requests_next_finish (fixture->requests, fixture->result, &fixture->error);
  g_clear_object (&fixture->result);

  return request;
}

static void
waits_for_next_async (Fixture       *fixture,
                      gconstpointer  data)
{
  ParRequest *request;
  guint n_fetched = 0;

  g_test_summary ("So does what next_async() has not fetched, with the loop asleep.");

  fixture->is_async = TRUE;
  fixture->function = return_later;
  par_requests_set_concurrency (fixture->requests, 2);
  set_source (fixture, 50);
  while ((request = next_by_loop (fixture)) != NULL)
    {
      guint n_pulls = fixture->n_pulls;

      g_object_unref (request);
      n_fetched++;
      drain ();
      g_assert_cmpuint (fixture->n_pulls, ==, n_pulls);
      g_assert_cmpuint (fixture->n_added, <=, n_fetched + 2 + 2 + 1);
    }
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (n_fetched, ==, 50);
}

static void
run_of_do_async_waits_for_next (Fixture       *fixture,
                                gconstpointer  data)
{
  ParRequest *request;
  guint n_fetched = 1;

  g_test_summary ("In a run of do_async() too, from the first call of next() on.");

  par_requests_set_concurrency (fixture->requests, 2);
  set_source (fixture, 50);
  begin (fixture);
  request = par_requests_next (fixture->requests, NULL, &fixture->error);
  g_assert_nonnull (request);
  g_object_unref (request);

  wait_until_settled (fixture, fixture->n_added);
  drain ();
  wait_until_settled (fixture, fixture->n_added);
  drain ();
  g_assert_cmpuint (fixture->n_added, <, 50);
  g_assert_null (fixture->result);

  while ((request = par_requests_next (fixture->requests, NULL, &fixture->error)) != NULL)
    {
      g_object_unref (request);
      n_fetched++;
    }
  g_assert_true (finish (fixture));
  g_assert_cmpuint (fixture->n_added, ==, 50);
  g_assert_cmpuint (n_fetched, ==, 50);
}

static void
another_takes_its_place (Fixture       *fixture,
                         gconstpointer  data)
{
  g_test_summary ("Outside a call of it, a source that is replaced or removed is destroyed at once.");

  set_source (fixture, 10);
  par_requests_set_source (fixture->requests, NULL, NULL, NULL);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
  g_assert_true (do_all (fixture));
  g_assert_cmpuint (fixture->n_pulls, ==, 0);

  set_source (fixture, 10);
  set_source (fixture, 10);
  g_assert_cmpuint (fixture->n_destroyed, ==, 2);
  fixture->n_destroyed = 0;
  g_assert_true (do_all (fixture));
  g_assert_cmpuint (fixture->n_added, ==, 10);

  /* One that was never called is destroyed with the requests. */
  set_source (fixture, 10);
  g_assert_finalize_object (g_steal_pointer (&fixture->requests));
  g_assert_cmpuint (fixture->n_destroyed, ==, 2);
}

/* What the source does in its first call, then it adds some. */
typedef enum
{
  REMOVE = 1 << 0,   /* itself */
  REPLACE = 1 << 1,  /* itself */
  AGAIN = 1 << 2,    /* with another one */
  END = 1 << 3,
  FAIL = 1 << 4,
  NONE = 1 << 5,     /* adds none */
} Act;

typedef struct
{
  Fixture *fixture;
  Act act;
} Actor;

static gboolean
act_and_add (ParRequests  *requests,
             gpointer      user_data,
             GError      **error)
{
  Actor *actor = user_data;
  Fixture *fixture = actor->fixture;

  g_assert_cmpuint (fixture->n_pulls, ==, 0);
  fixture->n_pulls++;
  if (actor->act & REMOVE)
    par_requests_set_source (requests, NULL, NULL, NULL);
  if (actor->act & REPLACE)
    par_requests_set_source (requests, add_some, fixture, count_destroyed);
  /* Only those that are not being called go. */
  g_assert_cmpuint (fixture->n_destroyed, ==, 0);
  if (actor->act & AGAIN)
    {
      par_requests_set_source (requests, add_some, fixture, count_destroyed);
      g_assert_cmpuint (fixture->n_destroyed, ==, 1);
      fixture->n_destroyed = 0;
    }
  if (actor->act & FAIL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "no more lines");

  if (!(actor->act & NONE))
    add_one (fixture);

  return (actor->act & (END | FAIL)) == 0;
}

static void
free_actor (gpointer data)
{
  Actor *actor = data;

  actor->fixture->n_destroyed++;
  actor->act = 0;
  g_free (actor);
}

static void
is_replaced_in_its_own_call (Fixture       *fixture,
                             gconstpointer  data)
{
  Act act = GPOINTER_TO_UINT (data);
  Actor *actor = g_new (Actor, 1);

  g_test_summary ("A source that removes or replaces itself is destroyed once, when it has returned, "
                  "and whatever it returned then is of no account, but an error.");

  *actor = (Actor) { fixture, act };
  fixture->n_in_source = 10;
  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_set_source (fixture->requests, act_and_add, actor, free_actor);
  begin (fixture);
  while (fixture->n_pulls == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (fixture->n_destroyed, >=, 1);
  fixture->n_destroyed--;

  if (act & FAIL)
    {
      g_assert_false (finish (fixture));
      g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE);
      g_assert_cmpuint (fixture->n_added, ==, 1);
      g_assert_cmpuint (fixture->n_destroyed, ==, 0);
    }
  else
    {
      g_assert_true (finish (fixture));
      g_assert_cmpuint (fixture->n_added, ==,
                        (act & REPLACE ? 10 : 0) + (act & NONE ? 0 : 1));
      g_assert_cmpuint (fixture->n_destroyed, ==, act & REPLACE ? 1 : 0);
    }
}

static void
set_source_at_last_cb (ParRequests *requests,
                       ParRequest  *request,
                       Fixture     *fixture)
{
  if (par_request_get_index (request) == 4)
    set_source (fixture, 5);
}

static void
may_come_during_a_run (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("A source that is set when the last request is told to have completed is pulled in "
                  "the same run.");

  g_signal_connect (fixture->requests, "completed", G_CALLBACK (set_source_at_last_cb), fixture);
  for (guint i = 0; i < 5; i++)
    add_one (fixture);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 10);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
}

static gpointer
do_in_thread (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  fixture->owner = g_thread_self ();
  g_assert_true (do_all (fixture));
  g_main_context_pop_thread_default (context);

  return NULL;
}

static void
is_pulled_where_the_run_is (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("The source is called and destroyed in the thread that does the run.");

  fixture->is_async = GPOINTER_TO_UINT (data);
  par_requests_set_concurrency (fixture->requests, 4);
  set_source (fixture, 100);
  g_thread_join (g_thread_new ("do", do_in_thread, fixture));

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 100);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
  fixture->owner = g_thread_self ();
}

static gboolean
drop_and_add (ParRequests  *requests,
              gpointer      user_data,
              GError      **error)
{
  Fixture *fixture = user_data;

  add_some (requests, user_data, error);
  g_object_unref (g_steal_pointer (&fixture->requests));

  return FALSE;
}

static void
may_drop_the_requests (Fixture       *fixture,
                       gconstpointer  data)
{
  ParRequests *gone = fixture->requests;

  g_test_summary ("The source may drop the last reference there is but for the run's own.");

  g_object_add_weak_pointer (G_OBJECT (gone), (gpointer *) &gone);
  fixture->n_in_source = 1;
  par_requests_set_source (fixture->requests, drop_and_add, fixture, count_destroyed);
  par_requests_do_async (fixture->requests, NULL, NULL, NULL);
  while (gone != NULL)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
}

static gboolean
do_and_add (ParRequests  *requests,
            gpointer      user_data,
            GError      **error)
{
  g_autoptr(GError) own_error = NULL;

  g_assert_false (par_requests_do (requests, NULL, &own_error));
  g_assert_error (own_error, G_IO_ERROR, G_IO_ERROR_PENDING);

  return add_some (requests, user_data, error);
}

static void
may_not_run_the_requests (Fixture       *fixture,
                          gconstpointer  data)
{
  g_test_summary ("A run is on while the source is called.");

  fixture->n_in_source = 3;
  par_requests_set_source (fixture->requests, do_and_add, fixture, count_destroyed);
  g_assert_true (do_all (fixture));
  g_assert_cmpuint (fixture->n_added, ==, 3);
}

static gboolean
fetch_and_add (ParRequests  *requests,
               gpointer      user_data,
               GError      **error)
{
  Fixture *fixture = user_data;

  /* The first has something to do until the loop has come round, in which no source is called. */
  if (fixture->n_added > 0)
    {
      g_autoptr(ParRequest) request = par_requests_next (requests, NULL, error);

      g_assert_nonnull (request);
    }

  return add_some (requests, user_data, error);
}

static void
may_fetch_the_requests (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("A source may wait for a request to settle before it adds another.");

  fixture->is_async = TRUE;
  fixture->function = return_later;
  fixture->n_in_source = 10;
  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_set_source (fixture->requests, fetch_and_add, fixture, count_destroyed);
  begin (fixture);
  g_assert_true (finish (fixture));

  g_assert_cmpuint (fixture->n_added, ==, 10);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
}

static void
hold_outlasts_the_source (Fixture       *fixture,
                          gconstpointer  data)
{
  g_test_summary ("A run that is held goes on when the source has ended.");

  par_requests_hold (fixture->requests);
  set_source (fixture, 10);
  begin (fixture);
  while (par_requests_get_n_succeeded (fixture->requests) < 10)
    g_main_context_iteration (NULL, TRUE);
  drain ();
  g_assert_null (fixture->result);

  add_one (fixture);
  par_requests_release (fixture->requests);
  g_assert_true (finish (fixture));
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 11);
}

static gboolean
add_both (ParRequests  *requests,
          gpointer      user_data,
          GError      **error)
{
  Fixture *fixture = user_data;

  fixture->is_async = fixture->n_in_source % 3 != 0;
  fixture->function = fixture->is_async && fixture->n_in_source % 2 == 0 ? return_later : succeed;

  return add_some (requests, user_data, error);
}

static void
adds_both_kinds (Fixture       *fixture,
                 gconstpointer  data)
{
  g_test_summary ("A source may add thread requests and async ones as it likes.");

  fixture->n_in_source = 500;
  par_requests_set_concurrency (fixture->requests, GPOINTER_TO_UINT (data));
  par_requests_set_source (fixture->requests, add_both, fixture, count_destroyed);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 500);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
}

static void
copies_do_not_count_as_queued (Fixture       *fixture,
                               gconstpointer  data)
{
  g_test_summary ("With redundancy the source is pulled for requests, not for attempts.");

  fixture->is_async = TRUE;
  fixture->function = keep;
  par_requests_set_concurrency (fixture->requests, 4);
  par_requests_set_redundancy (fixture->requests, 2);
  set_source (fixture, 20);
  begin (fixture);
  drain ();
  g_assert_cmpuint (fixture->kept->len, ==, 4);
  g_assert_cmpuint (fixture->n_added, >=, 2 + 3);
  g_assert_cmpuint (fixture->n_added, <=, 2 + 4);

  while (fixture->result == NULL)
    {
      return_kept (fixture);
      drain ();
    }
  g_assert_true (finish (fixture));
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 20);
}

static gboolean
add_and_wait (ParRequests  *requests,
              gpointer      user_data,
              GError      **error)
{
  Fixture *fixture = user_data;
  gboolean more = add_some (requests, user_data, error);

  wait_until_settled (fixture, fixture->n_added);

  return more;
}

static void
count_completed (ParRequests *requests,
                 ParRequest  *request,
                 Fixture     *fixture)
{
  fixture->n_completed++;
  g_assert_cmpuint (fixture->n_added - fixture->n_completed, <, 300);
}

static void
lets_the_owner_tell (Fixture       *fixture,
                     gconstpointer  data)
{
  g_test_summary ("What has settled is told before more is added, also where all settles as fast as "
                  "it is added.");

  fixture->n_in_source = 3000;
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (count_completed), fixture);
  par_requests_set_concurrency (fixture->requests, 4);
  par_requests_set_source (fixture->requests, add_and_wait, fixture, count_destroyed);
  g_assert_true (do_all (fixture));
  g_assert_cmpuint (fixture->n_completed, ==, 3000);
}

static void
lets_next_fetch (Fixture       *fixture,
                 gconstpointer  data)
{
  ParRequest *request;
  guint n_fetched = 0;

  g_test_summary ("What next() may fetch is fetched before more is added.");

  fixture->n_in_source = 100;
  par_requests_set_concurrency (fixture->requests, 4);
  par_requests_set_source (fixture->requests, add_and_wait, fixture, count_destroyed);
  while ((request = par_requests_next (fixture->requests, NULL, &fixture->error)) != NULL)
    {
      g_object_unref (request);
      n_fetched++;
      g_assert_cmpuint (fixture->n_added, ==, n_fetched);
    }
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (n_fetched, ==, 100);
}

/* Checks that what has been added is told soon, so that it does not pile up. */
static gboolean
add_if_told (ParRequests  *requests,
             gpointer      user_data,
             GError      **error)
{
  Fixture *fixture = user_data;
  guint64 n_told = par_requests_get_n_succeeded (requests);

  g_assert_cmpuint (fixture->n_added - n_told, <=, 1000);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (requests)), <=, 1000);

  return add_some (requests, user_data, error);
}

static void
needs_constant_memory (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("With keep-completed FALSE a long run has few requests at any time, however fast "
                  "they are.");

  fixture->is_async = GPOINTER_TO_UINT (data);
  fixture->n_in_source = 100000;
  par_requests_set_concurrency (fixture->requests, 4);
  par_requests_set_keep_completed (fixture->requests, FALSE);
  par_requests_set_source (fixture->requests, add_if_told, fixture, count_destroyed);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 100000);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (fixture->requests)), ==, 0);
}

#define ADD_WITH(name, data, function) \
  g_test_add ("/par/source/" name, Fixture, GUINT_TO_POINTER (data), set_up, function, tear_down)
#define ADD(name, function) ADD_WITH (name, 0, function)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD_WITH ("adds-all-there-is/thread", 0, adds_all_there_is);
  ADD_WITH ("adds-all-there-is/async", 1, adds_all_there_is);
  ADD_WITH ("adds-all-there-is/thread-do-async", 2, adds_all_there_is);
  ADD_WITH ("adds-all-there-is/async-do-async", 3, adds_all_there_is);
  ADD ("no-more-than-may-run-are-queued", no_more_than_may_run_are_queued);
  ADD ("is-pulled-when-half-are-left", is_pulled_when_half_are_left);
  ADD ("is-pulled-when-queued-are-cancelled", is_pulled_when_queued_are_cancelled);
  ADD ("goes-when-it-has-ended", goes_when_it_has_ended);
  ADD ("empty-source-ends-the-run", empty_source_ends_the_run);
  ADD ("source-with-none-now-is-asked-later", source_with_none_now_is_asked_later);
  ADD_WITH ("error-ends-the-run/at-once", 1, error_ends_the_run);
  ADD_WITH ("error-ends-the-run/later", 4, error_ends_the_run);
  ADD ("error-of-source-that-cancels", error_of_source_that_cancels);
  ADD ("stays-for-the-next-run", stays_for_the_next_run);
  ADD_WITH ("stops-when-enough-have-failed/thread", 0, stops_when_enough_have_failed);
  ADD_WITH ("stops-when-enough-have-failed/async", 1, stops_when_enough_have_failed);
  ADD_WITH ("stops-when-enough-have-succeeded/thread", 0, stops_when_enough_have_succeeded);
  ADD_WITH ("stops-when-enough-have-succeeded/async", 1, stops_when_enough_have_succeeded);
  ADD ("waits-for-next", waits_for_next);
  ADD ("waits-for-next-async", waits_for_next_async);
  ADD ("run-of-do-async-waits-for-next", run_of_do_async_waits_for_next);
  ADD ("another-takes-its-place", another_takes_its_place);
  ADD_WITH ("is-replaced-in-its-own-call/removed", REMOVE, is_replaced_in_its_own_call);
  ADD_WITH ("is-replaced-in-its-own-call/removed-at-its-end", REMOVE | END,
            is_replaced_in_its_own_call);
  ADD_WITH ("is-replaced-in-its-own-call/replaced", REPLACE, is_replaced_in_its_own_call);
  ADD_WITH ("is-replaced-in-its-own-call/replaced-at-its-end", REPLACE | END,
            is_replaced_in_its_own_call);
  ADD_WITH ("is-replaced-in-its-own-call/removed-and-replaced", REMOVE | REPLACE,
            is_replaced_in_its_own_call);
  ADD_WITH ("is-replaced-in-its-own-call/replaced-twice", REPLACE | AGAIN,
            is_replaced_in_its_own_call);
  ADD_WITH ("is-replaced-in-its-own-call/replaced-with-none-added", REPLACE | NONE,
            is_replaced_in_its_own_call);
  ADD_WITH ("is-replaced-in-its-own-call/replaced-with-error", REPLACE | FAIL,
            is_replaced_in_its_own_call);
  ADD ("may-come-during-a-run", may_come_during_a_run);
  ADD_WITH ("is-pulled-where-the-run-is/thread", 0, is_pulled_where_the_run_is);
  ADD_WITH ("is-pulled-where-the-run-is/async", 1, is_pulled_where_the_run_is);
  ADD ("may-drop-the-requests", may_drop_the_requests);
  ADD ("may-not-run-the-requests", may_not_run_the_requests);
  ADD ("may-fetch-the-requests", may_fetch_the_requests);
  ADD ("hold-outlasts-the-source", hold_outlasts_the_source);
  ADD_WITH ("adds-both-kinds/bounded", 3, adds_both_kinds);
  ADD_WITH ("adds-both-kinds/unbounded", 0, adds_both_kinds);
  ADD ("copies-do-not-count-as-queued", copies_do_not_count_as_queued);
  ADD ("lets-the-owner-tell", lets_the_owner_tell);
  ADD ("lets-next-fetch", lets_next_fetch);
  ADD_WITH ("needs-constant-memory/thread", 0, needs_constant_memory);
  ADD_WITH ("needs-constant-memory/async", 1, needs_constant_memory);

  return g_test_run ();
}
