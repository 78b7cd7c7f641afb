/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

/* Who tells of the requests: which thread it is, that it comes and goes, and that it rests. */
typedef struct
{
  ParRequests *requests;
  Gate gate;
  GError *error;

  GThread *owner;
  guint n_completed;
  guint n_destroyed;
  guint n_finished;
  guint n_invoked;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->requests = par_requests_new ();
  fixture->owner = g_thread_self ();
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

/* The first attempt succeeds when its copy is at the gate, which is deaf to its cancellable. */
static void
lose_to_first (ParAttempt  *attempt,
               gpointer     user_data,
               GError     **error)
{
  Fixture *fixture = user_data;

  if (par_attempt_get_number (attempt) > 1)
    pass_gate_deaf (attempt, &fixture->gate, error);
  else
    {
      gate_wait_arrived (&fixture->gate, 1);
      par_attempt_return_boolean (attempt, TRUE);
    }
}

static void
count_destroy (gpointer data)
{
  Fixture *fixture = data;

  g_assert_true (g_thread_self () == fixture->owner);
  fixture->n_destroyed++;
}

static void
count_completed (ParRequests *requests,
                 ParRequest  *request,
                 Fixture     *fixture)
{
  g_assert_true (g_thread_self () == fixture->owner);
  fixture->n_completed++;
}

static void
count_finished (ParRequests *requests,
                Fixture     *fixture)
{
  g_assert_true (g_thread_self () == fixture->owner);
  fixture->n_finished++;
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static gboolean
finish_do (Fixture       *fixture,
           GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);

  return par_requests_do_finish (fixture->requests, *result, &fixture->error);
}

static ParRequest *
next_by_loop (Fixture *fixture)
{
  g_autoptr(GAsyncResult) result = NULL;

  par_requests_next_async (fixture->requests, NULL, take_result, &result);
  while (result == NULL)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);

  return par_requests_next_finish (fixture->requests, result, &fixture->error);
}

static ParRequest *
next_by_waiting (Fixture *fixture)
{
  return par_requests_next (fixture->requests, NULL, &fixture->error);
}

/* Fetches to the end, by either of them. */
static guint
count_next (Fixture      *fixture,
            ParRequest *(*next) (Fixture *fixture))
{
  ParRequest *request;
  guint n = 0;

  while ((request = next (fixture)) != NULL)
    {
      g_assert_no_error (fixture->error);
      g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_SUCCEEDED);
      g_object_unref (request);
      n++;
    }

  return n;
}

/* Waits, as the owner does not, until so many requests have succeeded. */
static void
wait_for_successes (Fixture *fixture,
                    guint    n_succeeded)
{
  for (;;)
    {
      g_autoptr(ParStats) stats = par_requests_get_stats (fixture->requests);

      if (par_stats_get_n_succeeded (stats) == n_succeeded)
        return;
      g_thread_yield ();
    }
}

/* Checks that the loop would sleep until somebody wakes it. */
static void
assert_rests (void)
{
  GMainContext *context = g_main_context_default ();
  GPollFD fds[16];
  int priority, timeout, n_fds;

  /* What is under way by now may come. */
  for (guint n = 0; g_main_context_iteration (context, FALSE); n++)
    g_assert_cmpuint (n, <, 1000);
  for (guint i = 0; i < 100; i++)
    g_assert_false (g_main_context_iteration (context, FALSE));

  g_assert_true (g_main_context_acquire (context));
  g_main_context_prepare (context, &priority);
  n_fds = g_main_context_query (context, priority, &timeout, fds, G_N_ELEMENTS (fds));
  g_main_context_check (context, priority, fds, n_fds);
  g_main_context_release (context);
  g_assert_cmpint (timeout, ==, -1);
}

static void
next_can_be_left_before_the_end (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("To drop the requests with only the final NULL left to fetch is no mistake.");

  par_requests_add_thread (fixture->requests, succeed, fixture, count_destroy);
  request = next_by_waiting (fixture);
  g_assert_no_error (fixture->error);
  g_assert_finalize_object (g_steal_pointer (&fixture->requests));

  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_SUCCEEDED);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
}

static void
added_to_a_cancelled_run_settles (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(ParRequest) first = NULL;
  g_autoptr(ParRequest) last = NULL;

  g_test_summary ("What came too late for the run is cancelled when the requests are dropped.");

  add_many (fixture, 5, succeed);
  g_cancellable_cancel (cancellable);
  first = par_requests_next (fixture->requests, cancellable, &fixture->error);
  g_assert_no_error (fixture->error);
  g_assert_cmpint (par_request_get_state (first), ==, PAR_REQUEST_STATE_CANCELLED);

  par_requests_add_thread (fixture->requests, succeed, fixture, count_destroy);
  last = par_requests_get_request (fixture->requests, 5);
  g_assert_finalize_object (g_steal_pointer (&fixture->requests));

  g_assert_cmpint (par_request_get_state (last), ==, PAR_REQUEST_STATE_CANCELLED);
  g_assert_true (g_error_matches (par_request_get_error (last),
                                  G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);
}

static gboolean
add_one_and_wait (ParRequests  *requests,
                  gpointer      user_data,
                  GError      **error)
{
  Fixture *fixture = user_data;
  guint64 n_added = par_requests_add_thread (requests, succeed, NULL, NULL) + 1;

  for (;;)
    {
      g_autoptr(ParStats) stats = par_requests_get_stats (requests);

      if (par_stats_get_n_succeeded (stats) == n_added)
        break;
      g_thread_yield ();
    }
  g_assert_cmpuint (n_added - fixture->n_completed, <=, 4);

  return n_added < 100;
}

static void
source_is_not_pulled_ahead_of_what_is_told (Fixture       *fixture,
                                            gconstpointer  data)
{
  g_test_summary ("A source that is slower than its requests, so that none is ever queued, is not "
                  "pulled to its end before any is told of.");

  par_requests_set_concurrency (fixture->requests, 4);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (count_completed), fixture);
  par_requests_set_source (fixture->requests, add_one_and_wait, fixture, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_cmpuint (fixture->n_completed, ==, 100);
}

static void
do_goes_on_after_next (Fixture       *fixture,
                       gconstpointer  data)
{
  g_autoptr(ParRequest) first = NULL;

  g_test_summary ("do() runs the rest of what next() has begun, and next() then has no more.");

  g_signal_connect (fixture->requests, "completed", G_CALLBACK (count_completed), fixture);
  g_signal_connect (fixture->requests, "finished", G_CALLBACK (count_finished), fixture);
  add_many (fixture, 50, succeed);
  first = next_by_waiting (fixture);
  g_assert_no_error (fixture->error);
  add_many (fixture, 50, succeed);
  g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (fixture->n_completed, ==, 100);
  g_assert_cmpuint (fixture->n_finished, ==, 1);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 100);
  g_assert_false (par_requests_is_running (fixture->requests));

  g_assert_cmpuint (count_next (fixture, next_by_waiting), ==, 0);
  add_many (fixture, 3, succeed);
  g_assert_cmpuint (count_next (fixture, next_by_waiting), ==, 3);
}

static void
do_ends_what_next_has_begun (Fixture       *fixture,
                             gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(ParRequest) first = NULL;

  g_test_summary ("With a cancellable that is cancelled it is the way to leave a loop of next().");

  par_requests_set_concurrency (fixture->requests, 1);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (count_completed), fixture);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  add_many (fixture, 1000, pass_gate);
  first = next_by_waiting (fixture);
  g_assert_no_error (fixture->error);

  g_cancellable_cancel (cancellable);
  g_assert_false (par_requests_do (fixture->requests, cancellable, &fixture->error));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (fixture->n_completed, ==, 1001);
  g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, 1000);
  g_assert_false (par_requests_is_running (fixture->requests));
}

static void
invoked_cb (gpointer data)
{
  Fixture *fixture = data;

  g_assert_true (g_thread_self () == fixture->owner);
  fixture->n_invoked++;
}

static void
invoke_thrice (ParAttempt  *attempt,
               gpointer     user_data,
               GError     **error)
{
  Fixture *fixture = user_data;

  for (guint i = 0; i < 3; i++)
    par_requests_invoke (fixture->requests, invoked_cb, fixture);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
invoke_calls_in_the_owner (Fixture       *fixture,
                           gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("From a worker, in the thread that waits in do(), in next() or by its loop.");

  par_requests_add_thread (fixture->requests, invoke_thrice, fixture, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_cmpuint (fixture->n_invoked, ==, 3);

  par_requests_add_thread (fixture->requests, invoke_thrice, fixture, NULL);
  g_assert_cmpuint (count_next (fixture, next_by_waiting), ==, 1);
  g_assert_cmpuint (fixture->n_invoked, ==, 6);

  par_requests_add_thread (fixture->requests, invoke_thrice, fixture, NULL);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  g_assert_true (finish_do (fixture, &result));
  g_assert_cmpuint (fixture->n_invoked, ==, 9);
}

static void
open_gate (gpointer data)
{
  gate_open (data);
}

static gpointer
invoke_when_arrived (gpointer data)
{
  Fixture *fixture = data;

  gate_wait_arrived (&fixture->gate, 1);
  par_requests_invoke (fixture->requests, open_gate, &fixture->gate);

  return NULL;
}

static void
invoke_wakes_who_waits (Fixture       *fixture,
                        gconstpointer  data)
{
  GThread *thread = g_thread_new ("invoke", invoke_when_arrived, fixture);

  g_test_summary ("Nothing else happens in the run until the function has been called.");

  add_many (fixture, 1, pass_gate);
  if (data != NULL)
    g_assert_cmpuint (count_next (fixture, next_by_waiting), ==, 1);
  else
    g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_thread_join (thread);
}

static void
invoke_works_without_a_run (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("By the loop, or when the requests are freed.");

  par_requests_invoke (fixture->requests, invoked_cb, fixture);
  g_assert_cmpuint (fixture->n_invoked, ==, 0);
  while (fixture->n_invoked == 0)
    g_main_context_iteration (NULL, TRUE);

  par_requests_invoke (fixture->requests, invoked_cb, fixture);
  g_assert_finalize_object (g_steal_pointer (&fixture->requests));
  g_assert_cmpuint (fixture->n_invoked, ==, 2);
}

#define N_ROUNDS 500

typedef struct
{
  Fixture *fixture;
  int done;
} OtherThread;

static gpointer
do_async_rounds (gpointer data)
{
  OtherThread *self = data;
  Fixture *fixture = self->fixture;
  g_autoptr(GMainContext) context = g_main_context_new ();

  fixture->owner = g_thread_self ();
  g_main_context_push_thread_default (context);
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      g_autoptr(GAsyncResult) result = NULL;

      add_many (fixture, 3, succeed);
      par_requests_do_async (fixture->requests, NULL, take_result, &result);
      g_assert_true (finish_do (fixture, &result));
      g_assert_no_error (fixture->error);
    }
  g_main_context_pop_thread_default (context);

  g_atomic_int_set (&self->done, TRUE);
  g_main_context_wakeup (NULL);

  return NULL;
}

static gboolean
stay_busy (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
do_async_belongs_to_its_thread (Fixture       *fixture,
                                gconstpointer  data)
{
  OtherThread other = { fixture, FALSE };
  GThread *thread;
  guint busy;

  g_test_summary ("The loop of the constructor, which runs, takes nothing of a run of another.");

  par_requests_set_keep_completed (fixture->requests, FALSE);
  g_signal_connect (fixture->requests, "finished", G_CALLBACK (count_finished), fixture);
  busy = g_idle_add (stay_busy, NULL);
  thread = g_thread_new ("rounds", do_async_rounds, &other);
  while (!g_atomic_int_get (&other.done))
    g_main_context_iteration (NULL, TRUE);
  g_thread_join (thread);
  g_source_remove (busy);

  g_assert_cmpuint (fixture->n_finished, ==, N_ROUNDS);
}

typedef struct
{
  Fixture *fixture;
  guint n_fetched;
  gboolean at_end;
} Chain;

static void
next_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      data)
{
  Chain *chain = data;
  Fixture *fixture = chain->fixture;
  g_autoptr(ParRequest) request = NULL;

  request = par_requests_next_finish (fixture->requests, result, &fixture->error);
  g_assert_no_error (fixture->error);
  chain->at_end = request == NULL;
  if (request == NULL)
    return;

  chain->n_fetched++;
  par_requests_next_async (fixture->requests, NULL, next_cb, chain);
}

static void
next_async_gives_all_of_do_async (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;
  Chain chain = { fixture, 0, FALSE };

  g_test_summary ("The callback of each call makes the next, with all settled before the loop came "
                  "to it.");

  add_many (fixture, 5, succeed);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  par_requests_next_async (fixture->requests, NULL, next_cb, &chain);
  wait_for_successes (fixture, 5);
  while (!chain.at_end)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpuint (chain.n_fetched, ==, 5);
  g_assert_true (finish_do (fixture, &result));
}

static void
do_once_again (ParRequests *requests,
               Fixture     *fixture)
{
  if (fixture->n_finished++ > 0)
    return;

  add_many (fixture, 1, succeed);
  g_assert_true (par_requests_do (requests, NULL, &fixture->error));
}

static void
finished_of_next_may_do (Fixture       *fixture,
                         gconstpointer  data)
{
  g_test_summary ("A run inside the end of another; next() ends with its own.");

  g_signal_connect (fixture->requests, "finished", G_CALLBACK (do_once_again), fixture);
  add_many (fixture, 2, succeed);
  g_assert_cmpuint (count_next (fixture, next_by_waiting), ==, 2);
  g_assert_no_error (fixture->error);

  g_assert_cmpuint (fixture->n_finished, ==, 2);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 3);
  g_assert_false (par_requests_is_running (fixture->requests));

  /* This thread is still the owner. */
  add_many (fixture, 1, succeed);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (fixture->requests)), ==, 4);
  g_assert_cmpuint (count_next (fixture, next_by_waiting), ==, 1);
}

typedef struct
{
  Fixture *fixture;
  GAsyncResult *result;
} Again;

static void
do_async_once_again (ParRequests *requests,
                     Again       *again)
{
  if (again->fixture->n_finished++ > 0)
    return;

  add_many (again->fixture, 1, succeed);
  par_requests_do_async (requests, NULL, take_result, &again->result);
}

static void
finished_of_next_async_may_do_async (Fixture       *fixture,
                                     gconstpointer  data)
{
  Again again = { fixture, NULL };

  g_test_summary ("Who waits for the end of the first run is told of it, and not of the second.");

  g_signal_connect (fixture->requests, "finished", G_CALLBACK (do_async_once_again), &again);
  g_assert_null (next_by_loop (fixture));
  g_assert_no_error (fixture->error);
  g_assert_true (finish_do (fixture, &again.result));

  g_assert_cmpuint (fixture->n_finished, ==, 2);
  g_assert_cmpuint (par_requests_get_n_succeeded (fixture->requests), ==, 1);
  g_object_unref (again.result);
}

static void
next_within (ParRequests *requests,
             ParRequest  *request,
             Fixture     *fixture)
{
  g_autoptr(GError) error = NULL;

  fixture->n_completed++;
  g_assert_null (par_requests_next (requests, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
}

static void
next_inside_next_is_pending (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("The inner one is refused, and takes nothing from the outer.");

  g_signal_connect (fixture->requests, "completed", G_CALLBACK (next_within), fixture);
  add_many (fixture, 4, succeed);
  g_assert_cmpuint (count_next (fixture, next_by_waiting), ==, 4);
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (fixture->n_completed, ==, 4);
}

static void
context_of_next_async_may_go (Fixture       *fixture,
                              gconstpointer  data)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("After a run in a context that is gone, the constructor's serves again.");

  add_many (fixture, 1, succeed);
  g_main_context_push_thread_default (context);
  g_assert_cmpuint (count_next (fixture, next_by_loop), ==, 1);
  g_assert_no_error (fixture->error);
  g_main_context_pop_thread_default (context);
  g_clear_pointer (&context, g_main_context_unref);

  add_many (fixture, 1, succeed);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  g_assert_true (finish_do (fixture, &result));
  g_assert_false (par_requests_is_running (fixture->requests));
}

static gpointer
next_thread (gpointer data)
{
  return GUINT_TO_POINTER (count_next (data, next_by_waiting));
}

static void
next_in_another_thread_gives_all (Fixture       *fixture,
                                  gconstpointer  data)
{
  GThread *thread;

  g_test_summary ("Between two calls the caller stays the owner, not the constructor's thread.");

  add_many (fixture, 3, succeed);
  thread = g_thread_new ("next", next_thread, fixture);
  g_assert_cmpuint (GPOINTER_TO_UINT (g_thread_join (thread)), ==, 3);
  g_assert_no_error (fixture->error);

  /* Then this one is again. */
  add_many (fixture, 1, succeed);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (fixture->requests)), ==, 4);
  g_assert_cmpuint (count_next (fixture, next_by_waiting), ==, 1);
}

static gpointer
do_async_thread (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GAsyncResult) result = NULL;

  g_main_context_push_thread_default (context);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  g_assert_true (finish_do (fixture, &result));
  g_main_context_pop_thread_default (context);

  return NULL;
}

static void
constructor_owns_after_another (Fixture       *fixture,
                                gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("After a do_async() in a thread that is gone, rows and next_async() work here.");

  add_many (fixture, 1, succeed);
  g_thread_join (g_thread_new ("do", do_async_thread, fixture));

  add_many (fixture, 1, succeed);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (fixture->requests)), ==, 2);
  request = next_by_loop (fixture);
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (par_request_get_index (request), ==, 1);
  g_assert_null (next_by_loop (fixture));
  g_assert_no_error (fixture->error);
}

static void
add_async_one (Fixture *fixture)
{
  par_requests_add_async (fixture->requests, succeed, fixture, count_destroy);
}

static void
do_twice_more_cb (ParRequests *requests,
                  Fixture     *fixture)
{
  g_assert_true (g_thread_self () == fixture->owner);
  if (++fixture->n_finished > 2)
    return;

  add_async_one (fixture);
  g_assert_cmpuint (par_requests_get_n_requests (requests), ==, fixture->n_finished + 1);
  g_assert_true (par_requests_do (requests, NULL, &fixture->error));
}

static gpointer
do_by_loop_thread (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GAsyncResult) result = NULL;

  fixture->owner = g_thread_self ();
  g_main_context_push_thread_default (context);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  g_assert_true (finish_do (fixture, &result));
  g_main_context_pop_thread_default (context);

  return NULL;
}

static gpointer
do_blocking_thread (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr(GMainContext) context = g_main_context_new ();

  fixture->owner = g_thread_self ();
  g_main_context_push_thread_default (context);
  g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
  g_main_context_pop_thread_default (context);

  return NULL;
}

static void
finished_is_told_by_the_owner (Fixture       *fixture,
                               gconstpointer  data)
{
  g_test_summary ("In a thread with a context of its own, handlers of \"finished\" may add requests "
                  "and run them; then the constructor's thread is the owner again.");

  g_signal_connect (fixture->requests, "finished", G_CALLBACK (do_twice_more_cb), fixture);
  add_async_one (fixture);
  g_thread_join (g_thread_new ("do", data != NULL ? do_by_loop_thread : do_blocking_thread,
                               fixture));
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (fixture->n_finished, ==, 3);
  g_assert_cmpuint (fixture->n_destroyed, ==, 3);

  fixture->owner = g_thread_self ();
  add_many (fixture, 1, succeed);
  g_assert_cmpuint (par_requests_get_n_requests (fixture->requests), ==, 4);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
}

static void
cancel_when_started (ParRequests    *requests,
                     ParRequest     *request,
                     guint           number,
                     ParAttemptKind  kind,
                     GCancellable   *cancellable)
{
  g_cancellable_cancel (cancellable);
}

static void
cancel_while_next_is_busy_counts (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(ParRequest) first = NULL;
  g_autoptr(ParRequest) second = NULL;

  g_test_summary ("A handler cancels a later next()'s own cancellable: nothing else would end it.");

  par_requests_set_concurrency (fixture->requests, 1);
  add_many (fixture, 1, succeed);
  first = next_by_waiting (fixture);
  g_assert_no_error (fixture->error);

  g_signal_connect (fixture->requests, "started", G_CALLBACK (cancel_when_started), cancellable);
  add_many (fixture, 1, pass_gate);
  second = par_requests_next (fixture->requests, cancellable, &fixture->error);
  g_assert_no_error (fixture->error);
  g_assert_cmpint (par_request_get_state (second), ==, PAR_REQUEST_STATE_CANCELLED);

  g_assert_null (par_requests_next (fixture->requests, cancellable, &fixture->error));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
do_async_held (ParRequests *requests,
               Again       *again)
{
  if (again->fixture->n_finished++ > 0)
    return;

  par_requests_hold (requests);
  par_requests_add_thread (requests, lose_to_first, again->fixture, count_destroy);
  par_requests_do_async (requests, NULL, take_result, &again->result);
}

static void
do_async_in_finished_destroys_in_the_owner (Fixture       *fixture,
                                            gconstpointer  data)
{
  Again again = { fixture, NULL };

  g_test_summary ("The end of the blocking run does not give to workers what the next one frees.");

  par_requests_set_redundancy (fixture->requests, 2);
  g_signal_connect (fixture->requests, "finished", G_CALLBACK (do_async_held), &again);
  par_requests_add_thread (fixture->requests, succeed, fixture, count_destroy);
  g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));

  /* The request has settled, and its copy is still out. */
  while (par_requests_get_n_succeeded (fixture->requests) < 2)
    g_main_context_iteration (NULL, TRUE);
  gate_open (&fixture->gate);
  wait_for_attempts (fixture->requests);
  while (fixture->n_destroyed < 2)
    g_main_context_iteration (NULL, TRUE);

  par_requests_release (fixture->requests);
  g_assert_true (finish_do (fixture, &again.result));
  g_object_unref (again.result);
}

static void
label_first (ParRequests *requests,
             ParRequest  *request,
             Fixture     *fixture)
{
  g_assert_null (par_request_get_label (request));
  if (par_request_get_index (request) == 0)
    par_request_set_label (request, "Berlin");
  fixture->n_completed++;
}

static void
label_stays_with_its_request (Fixture       *fixture,
                              gconstpointer  data)
{
  g_autoptr(ParRequest) first = NULL;
  g_autoptr(ParRequest) second = NULL;

  g_test_summary ("One that a handler sets is kept, and is not that of the next request.");

  par_requests_set_concurrency (fixture->requests, 1);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (label_first), fixture);
  add_many (fixture, 3, succeed);
  g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
  g_assert_cmpuint (fixture->n_completed, ==, 3);

  first = par_requests_get_request (fixture->requests, 0);
  g_assert_cmpstr (par_request_get_label (first), ==, "Berlin");
  second = par_requests_get_request (fixture->requests, 1);
  g_assert_null (par_request_get_label (second));
}

static void
held_run_rests (Fixture       *fixture,
                gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("With all settled and told, the loop sleeps until the run is released.");

  par_requests_hold (fixture->requests);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (count_completed), fixture);
  add_many (fixture, 3, succeed);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  wait_for_successes (fixture, 3);
  wait_for_attempts (fixture->requests);
  while (fixture->n_completed < 3)
    g_main_context_iteration (NULL, TRUE);
  assert_rests ();
  g_assert_null (result);

  par_requests_release (fixture->requests);
  g_assert_true (finish_do (fixture, &result));
}

static void
pulled_run_rests (Fixture       *fixture,
                  gconstpointer  data)
{
  g_autoptr(ParRequest) first = NULL;

  g_test_summary ("What has settled waits to be fetched, with the loop asleep.");

  add_many (fixture, 3, succeed);
  first = next_by_loop (fixture);
  g_assert_no_error (fixture->error);
  wait_for_successes (fixture, 3);
  wait_for_attempts (fixture->requests);
  assert_rests ();

  g_assert_cmpuint (count_next (fixture, next_by_loop), ==, 2);
  g_assert_no_error (fixture->error);
  assert_rests ();
}

static void
cancelled_pulled_run_rests (Fixture       *fixture,
                            gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  ParRequest *request;
  guint n = 0;

  g_test_summary ("Also when it is cancelled between two calls, with all or some settled.");

  par_requests_set_concurrency (fixture->requests, 1);
  add_many (fixture, 2, succeed);
  add_many (fixture, GPOINTER_TO_UINT (data), pass_gate_deaf);
  par_requests_next_async (fixture->requests, cancellable, take_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  request = par_requests_next_finish (fixture->requests, result, &fixture->error);
  g_assert_no_error (fixture->error);
  g_object_unref (request);

  wait_for_successes (fixture, 2);
  if (data != NULL)
    gate_wait_arrived (&fixture->gate, 1);
  else
    wait_for_attempts (fixture->requests);
  g_cancellable_cancel (cancellable);
  assert_rests ();

  while ((request = par_requests_next (fixture->requests, NULL, &fixture->error)) != NULL)
    {
      g_assert_cmpint (par_request_get_state (request), ==,
                       n == 0 ? PAR_REQUEST_STATE_SUCCEEDED : PAR_REQUEST_STATE_CANCELLED);
      g_object_unref (request);
      n++;
    }
  g_assert_cmpuint (n, ==, 1 + GPOINTER_TO_UINT (data));
  if (data != NULL)
    g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  else
    g_assert_no_error (fixture->error);
}

static void
cancel_when_completed (ParRequests  *requests,
                       ParRequest   *request,
                       GCancellable *cancellable)
{
  g_cancellable_cancel (cancellable);
}

static void
cancelled_run_that_waits_rests (Fixture       *fixture,
                                gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("A run cancelled after its last request, that waits for a copy, lets the loop "
                  "sleep.");

  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  g_signal_connect (fixture->requests, "completed",
                    G_CALLBACK (cancel_when_completed), cancellable);
  par_requests_add_thread (fixture->requests, lose_to_first, fixture, NULL);
  par_requests_do_async (fixture->requests, cancellable, take_result, &result);
  while (!g_cancellable_is_cancelled (cancellable))
    g_main_context_iteration (NULL, TRUE);
  assert_rests ();
  g_assert_null (result);

  gate_open (&fixture->gate);
  g_assert_true (finish_do (fixture, &result));
  g_assert_no_error (fixture->error);
}

static void
rests_after_a_cancelled_run (Fixture       *fixture,
                             gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();

  g_test_summary ("Among many requests that had settled before, those that are cancelled are found; "
                  "then the loop sleeps, and the next run comes to its end.");

  add_many (fixture, 20000, succeed);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));

  g_cancellable_cancel (cancellable);
  add_many (fixture, 1, succeed);
  g_assert_false (par_requests_do (fixture->requests, cancellable, NULL));
  assert_rests ();

  add_many (fixture, 1, pass_gate_deaf);
  g_signal_connect_swapped (fixture->requests, "started", G_CALLBACK (g_cancellable_cancel),
                            cancellable);
  g_cancellable_reset (cancellable);
  g_assert_false (par_requests_do (fixture->requests, cancellable, NULL));
  gate_open (&fixture->gate);
  wait_for_attempts (fixture->requests);
  assert_rests ();

  add_many (fixture, 1, succeed);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
}

static void
keep (ParAttempt  *attempt,
      gpointer     user_data,
      GError     **error)
{
  GPtrArray *kept = user_data;

  g_ptr_array_add (kept, g_object_ref (attempt));
}

/* Has all three settle, and then is a nested loop. */
static gboolean
return_all_and_drain (gpointer data)
{
  GPtrArray *kept = data;

  if (kept->len < 3)
    return G_SOURCE_CONTINUE;

  for (guint i = 0; i < 3; i++)
    par_attempt_return_boolean (kept->pdata[i], TRUE);
  for (guint n = 0; g_main_context_iteration (NULL, FALSE); n++)
    g_assert_cmpuint (n, <, 1000);

  return G_SOURCE_REMOVE;
}

static void
next_that_has_its_request_rests (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func (g_object_unref);

  g_test_summary ("With more settled than next() is to return, a loop inside another callback of the "
                  "context that it iterates sleeps.");

  for (guint i = 0; i < 3; i++)
    par_requests_add_async (fixture->requests, keep, kept, NULL);
  g_idle_add_full (G_PRIORITY_DEFAULT, return_all_and_drain, kept, NULL);
  g_assert_cmpuint (count_next (fixture, next_by_waiting), ==, 3);
  g_assert_no_error (fixture->error);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add_with(name, data, func) \
  g_test_add ("/par/owner/" name, Fixture, GUINT_TO_POINTER (data), set_up, func, tear_down)
#define add(name, func) add_with (name, 0, func)
  add ("next-can-be-left-before-the-end", next_can_be_left_before_the_end);
  add ("added-to-a-cancelled-run-settles", added_to_a_cancelled_run_settles);
  add ("source-is-not-pulled-ahead-of-what-is-told", source_is_not_pulled_ahead_of_what_is_told);
  add ("do-goes-on-after-next", do_goes_on_after_next);
  add ("do-ends-what-next-has-begun", do_ends_what_next_has_begun);
  add ("invoke-calls-in-the-owner", invoke_calls_in_the_owner);
  add_with ("invoke-wakes-who-waits/do", 0, invoke_wakes_who_waits);
  add_with ("invoke-wakes-who-waits/next", 1, invoke_wakes_who_waits);
  add ("invoke-works-without-a-run", invoke_works_without_a_run);
  add ("do-async-belongs-to-its-thread", do_async_belongs_to_its_thread);
  add ("next-async-gives-all-of-do-async", next_async_gives_all_of_do_async);
  add ("finished-of-next-may-do", finished_of_next_may_do);
  add ("finished-of-next-async-may-do-async", finished_of_next_async_may_do_async);
  add ("next-inside-next-is-pending", next_inside_next_is_pending);
  add ("context-of-next-async-may-go", context_of_next_async_may_go);
  add ("next-in-another-thread-gives-all", next_in_another_thread_gives_all);
  add ("constructor-owns-after-another", constructor_owns_after_another);
  add ("cancel-while-next-is-busy-counts", cancel_while_next_is_busy_counts);
  add ("do-async-in-finished-destroys-in-the-owner", do_async_in_finished_destroys_in_the_owner);
  add ("label-stays-with-its-request", label_stays_with_its_request);
  add ("held-run-rests", held_run_rests);
  add ("pulled-run-rests", pulled_run_rests);
  add_with ("cancelled-pulled-run-rests/all-settled", 0, cancelled_pulled_run_rests);
  add_with ("cancelled-pulled-run-rests/some-settled", 1, cancelled_pulled_run_rests);
  add ("cancelled-run-that-waits-rests", cancelled_run_that_waits_rests);
  add_with ("finished-is-told-by-the-owner/do", 0, finished_is_told_by_the_owner);
  add_with ("finished-is-told-by-the-owner/do-async", 1, finished_is_told_by_the_owner);
  add ("rests-after-a-cancelled-run", rests_after_a_cancelled_run);
  add ("next-that-has-its-request-rests", next_that_has_its_request_rests);
#undef add
#undef add_with

  return g_test_run ();
}
