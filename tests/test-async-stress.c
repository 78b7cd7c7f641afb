/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

/* Runs of thread and async requests mixed at random: results from everywhere, in the call, later,
 * too late or never; runs inside runs, sources, cancels, timeouts, last references. In the end every
 * request has settled once, and what it had was destroyed once, where it should be. */
#define N_CHAOS 2
#define N_RETURNERS 2
#define SECONDS 8
#define MAX_LEFT 200
#define MAGIC 0x5ca1ab1e

/* What a request has as its data. */
typedef struct
{
  guint magic;
  guint what;
  gboolean is_async;
  ParRequests *requests;  /* not owned */
} Data;

typedef enum
{
  THREAD_OWNER,     /* or one that may become it */
  THREAD_WORKER,
  THREAD_RETURNER,
} ThreadKind;

static GPrivate thread_kind;
static GPrivate depth;  /* of runs inside runs, in this thread */

static GAsyncQueue *returns;  /* of attempts, or the queue itself to end */
static gint64 until_us;
static int is_stopped;    /* since it is later than that */

static int n_added;
static int n_destroyed;
static int n_called;
static int n_completed;
static int n_values;
static int n_values_freed;
static guint n_runs;

static GMutex run_lock;
static GCancellable *run_cancellable;  /* guarded by the lock */

static gboolean
is_thread_of (ThreadKind kind)
{
  return g_private_get (&thread_kind) == GUINT_TO_POINTER (kind);
}

static void
set_thread_of (ThreadKind kind)
{
  g_private_set (&thread_kind, GUINT_TO_POINTER (kind));
}

static int
n_left (void)
{
  return g_atomic_int_get (&n_added) - g_atomic_int_get (&n_destroyed);
}

/* A number that a request is given says all it does, so that a seed says all that is done. */
static guint
mix (guint what,
     guint salt)
{
  guint32 hash = (what + salt * 0x9e3779b9u) * 0x85ebca6bu;

  hash ^= hash >> 13;
  hash *= 0xc2b2ae35u;

  return hash ^ hash >> 16;
}

static void
destroy_data (gpointer user_data)
{
  Data *data = user_data;

  g_assert_cmpuint (data->magic, ==, MAGIC);
  if (data->is_async)
    g_assert_true (is_thread_of (THREAD_OWNER));
  data->magic = 0;
  g_free (data);
  g_atomic_int_inc (&n_destroyed);
}

static void
free_value (gpointer value)
{
  g_free (value);
  g_atomic_int_inc (&n_values_freed);
}

/* Ends @attempt, in any thread. */
static void
return_something (ParAttempt *attempt,
                  guint       what)
{
  switch (what % 6)
    {
    case 0:
      par_attempt_return_string (attempt, "a string");
      break;

    case 1:
      par_attempt_return_new_error (attempt, G_IO_ERROR, G_IO_ERROR_FAILED, "bad luck");
      break;

    case 2:
      g_atomic_int_inc (&n_values);
      par_attempt_return_pointer (attempt, g_malloc (8), free_value);
      break;

    case 3:
      par_attempt_return_object (attempt, G_OBJECT (par_attempt_get_cancellable (attempt)));
      break;

    default:
      par_attempt_return_int64 (attempt, what);
    }
}

static void
look_at (ParAttempt *attempt,
         guint       what)
{
  g_autoptr(ParRequest) request = NULL;

  switch (what % 8)
    {
    case 0:
      request = par_attempt_get_request (attempt);
      if (request != NULL && what % 3 == 0)
        par_request_cancel (request);
      break;

    case 1:
      g_cancellable_is_cancelled (par_attempt_get_cancellable (attempt));
      break;

    default:
      break;
    }
}

static gpointer
return_all (gpointer data)
{
  GRand *rand = data;
  g_autoptr(GPtrArray) late = g_ptr_array_new_with_free_func (g_object_unref);
  gpointer attempt;

  set_thread_of (THREAD_RETURNER);
  while ((attempt = g_async_queue_timeout_pop (returns, 5000)) != returns)
    {
      guint what = g_rand_int (rand);

      if (attempt == NULL)
        {
          /* Somebody may be waiting for these. */
          g_ptr_array_set_size (late, 0);
          continue;
        }

      look_at (attempt, what / 64);
      if (what % 16 == 0)
        {
          /* Until long after its run, perhaps. */
          g_ptr_array_add (late, attempt);
        }
      else
        {
          if (what % 16 < 14)
            return_something (attempt, what / 16);
          g_object_unref (attempt);
        }

      while (late->len > 0 && (late->len > 20 || what % 64 == 1))
        {
          return_something (late->pdata[0], what);
          g_ptr_array_remove_index (late, 0);
        }
      if (what % 32 == 2)
        g_usleep (what / 32 % 500);
    }

  g_async_queue_push (returns, returns);

  return NULL;
}

static gboolean
return_in_loop (gpointer attempt)
{
  return_something (attempt, par_attempt_get_number (attempt));

  return G_SOURCE_REMOVE;
}

/* Returns the result in the loop that calls the functions now, of whichever thread it is. */
static void
return_later (ParAttempt *attempt,
              int         priority,
              guint       msec)
{
  g_autoptr(GSource) source = g_timeout_source_new (msec);

  g_source_set_priority (source, priority);
  g_source_set_callback (source, return_in_loop, g_object_ref (attempt), g_object_unref);
  g_source_attach (source, g_main_context_get_thread_default ());
}

static void call_in_thread (ParAttempt *attempt, gpointer user_data, GError **error);
static void call_in_loop (ParAttempt *attempt, gpointer user_data, GError **error);

static guint64
add_one (ParRequests *requests,
         guint        what)
{
  Data *data = g_new (Data, 1);
  g_autoptr(ParRequest) request = NULL;
  gboolean is_async = what % 2;

  *data = (Data) { MAGIC, mix (what, 1), is_async, requests };
  g_atomic_int_inc (&n_added);
  if (mix (what, 2) % 4 > 0)
    return is_async ? par_requests_add_async (requests, call_in_loop, data, destroy_data)
                    : par_requests_add_thread (requests, call_in_thread, data, destroy_data);

  request = is_async ? par_request_new_async (call_in_loop, data, destroy_data)
                     : par_request_new_thread (call_in_thread, data, destroy_data);
  par_request_set_priority (request, (int) (mix (what, 3) % 5) - 2);
  par_request_set_idempotent (request, mix (what, 4) % 2);
  par_requests_add (requests, request);
  if (mix (what, 5) % 6 == 0)
    par_request_cancel (request);

  return par_request_get_index (request);
}

/* Runs other requests, and so, if some are async, iterates the context. */
static void
run_others (guint    what,
            gboolean with_async)
{
  g_autoptr(ParRequests) others = NULL;
  guint level = GPOINTER_TO_UINT (g_private_get (&depth));

  if (level >= 3)
    return;

  g_private_set (&depth, GUINT_TO_POINTER (level + 1));
  others = par_requests_new ();
  par_requests_set_concurrency (others, what % 4);
  for (guint i = 0; i < 4; i++)
    {
      /* They are not among those that are counted. */
      par_requests_add_thread (others, succeed, NULL, NULL);
      if (with_async)
        par_requests_add_async (others, succeed, NULL, NULL);
    }
  par_requests_do (others, NULL, NULL);
  g_private_set (&depth, GUINT_TO_POINTER (level));
}

static void
call_in_thread (ParAttempt  *attempt,
                gpointer     user_data,
                GError     **error)
{
  Data *data = user_data;
  guint what = data->what;

  set_thread_of (THREAD_WORKER);
  g_assert_cmpuint (data->magic, ==, MAGIC);
  g_assert_false (data->is_async);
  g_atomic_int_inc (&n_called);

  look_at (attempt, mix (what, 6));
  for (guint i = mix (what, 7) % 8 == 0 ? mix (what, 8) % 200 : 0; i > 0; i--)
    g_thread_yield ();

  switch (mix (what, 9) % 32)
    {
    case 0:
      return;

    case 1:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "bad luck");
      return;

    case 2:
      run_others (what, FALSE);
      break;

    case 3:
      /* Before its function has returned. */
      g_async_queue_push (returns, g_object_ref (attempt));
      return;

    default:
      break;
    }
  return_something (attempt, mix (what, 10));
}

static void
call_in_loop (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  Data *data = user_data;
  guint what = data->what;
  guint number = par_attempt_get_number (attempt);

  g_assert_true (is_thread_of (THREAD_OWNER));
  if (g_main_context_get_thread_default () == NULL)
    g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  else
    g_assert_true (g_main_context_is_owner (g_main_context_get_thread_default ()));
  g_assert_cmpuint (data->magic, ==, MAGIC);
  g_assert_true (data->is_async);
  g_atomic_int_inc (&n_called);
  look_at (attempt, mix (what, 11));

  switch (mix (what, 12 + number) % 16)
    {
    case 0:
      return;

    case 1:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "bad luck");
      break;

    case 2:
      return_later (attempt, G_PRIORITY_HIGH_IDLE, 0);
      break;

    case 3:
      return_later (attempt, G_PRIORITY_DEFAULT, mix (what, 13) % 3);
      break;

    case 4:
      /* The other thread may return the result before or after this function has returned. */
      g_async_queue_push (returns, g_object_ref (attempt));
      for (guint i = mix (what, 14) % 20; i > 0; i--)
        g_thread_yield ();
      break;

    case 5:
    case 6:
    case 7:
      g_async_queue_push (returns, g_object_ref (attempt));
      break;

    case 8:
      if (mix (what, 15) % 16 == 0)
        run_others (what, mix (what, 16) % 2);
      return_something (attempt, what);
      break;

    case 9:
      if (mix (what, 17) % 2 == 0 && n_left () < MAX_LEFT)
        add_one (data->requests, mix (what, 18));
      return_something (attempt, what);
      break;

    case 10:
      {
        g_autoptr(GError) own_error = NULL;

        g_assert_false (par_requests_do (data->requests, NULL, &own_error));
        g_assert_error (own_error, G_IO_ERROR, G_IO_ERROR_PENDING);
        return_something (attempt, what);
      }
      break;

    default:
      return_something (attempt, mix (what, 19));
    }
}

static gboolean
has_open_requests (ParRequests *requests)
{
  g_autoptr(ParStats) stats = par_requests_get_stats (requests);

  return par_stats_get_n_queued (stats) + par_stats_get_n_running (stats) > 0;
}

/* Adds a few, or none while there are others to wait for, and comes to its end or fails. */
static gboolean
add_few (ParRequests  *requests,
         gpointer      user_data,
         GError      **error)
{
  GRand *rand = user_data;
  guint what = g_rand_int (rand);

  g_assert_true (is_thread_of (THREAD_OWNER));
  if (g_atomic_int_get (&is_stopped))
    return FALSE;
  if (what % 64 == 0)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the source has run dry");
  if (what % 8 == 0 && has_open_requests (requests))
    return TRUE;
  for (guint i = what % 4 + 1; i > 0; i--)
    add_one (requests, mix (what, i));
  if (what % 16 == 1)
    par_requests_set_source (requests, add_few, g_rand_copy (rand), (GDestroyNotify) g_rand_free);

  return what % 128 != 2;
}

static void
completed_cb (ParRequests *requests,
              ParRequest  *request,
              gpointer     user_data)
{
  guint what = mix (par_request_get_index (request), 20);

  g_assert_true (is_thread_of (THREAD_OWNER));
  g_assert_cmpint (par_request_get_state (request), >, PAR_REQUEST_STATE_RUNNING);
  g_assert_true ((par_request_get_error (request) != NULL)
                 == (par_request_get_state (request) != PAR_REQUEST_STATE_SUCCEEDED));
  g_atomic_int_inc (&n_completed);

  if (what % 64 == 0 && !g_atomic_int_get (&is_stopped) && n_left () < MAX_LEFT)
    par_requests_set_source (requests, add_few, g_rand_new_with_seed (what),
                             (GDestroyNotify) g_rand_free);
  if (what % 256 == 1)
    run_others (what, what / 256 % 2);
}

static void
notify_cb (ParRequests *requests,
           GParamSpec  *pspec,
           gpointer     user_data)
{
  g_assert_cmpuint (par_requests_get_n_requests (requests), ==,
                    par_requests_get_n_queued (requests) + par_requests_get_n_running (requests)
                    + par_requests_get_n_succeeded (requests)
                    + par_requests_get_n_failed (requests)
                    + par_requests_get_n_cancelled (requests));
}

static guint
seldom (GRand *rand,
        guint  limit,
        guint  none)
{
  return g_rand_int_range (rand, 0, 8) == 0 ? (guint) g_rand_int_range (rand, 0, limit) : none;
}

static void
change_settings (ParRequests *requests,
                 GRand       *rand)
{
  par_requests_set_redundancy (requests, g_rand_int_range (rand, 1, 4));
  par_requests_set_keep_completed (requests, g_rand_boolean (rand));
  par_requests_set_wait_for_attempts (requests, g_rand_boolean (rand));
  par_requests_set_timeout (requests, seldom (rand, 8, 0));
  par_requests_set_request_timeout (requests, seldom (rand, 4, 0));
  par_requests_set_attempt_timeout (requests, seldom (rand, 3, 0));
  par_requests_set_max_failures (requests, (int) seldom (rand, 50, G_MAXUINT));
  par_requests_set_min_successes (requests, seldom (rand, 300, 0));
}

static void
reset_settings (ParRequests *requests)
{
  par_requests_set_timeout (requests, 0);
  par_requests_set_request_timeout (requests, 0);
  par_requests_set_attempt_timeout (requests, 0);
  par_requests_set_max_failures (requests, -1);
  par_requests_set_min_successes (requests, 0);
  par_requests_set_wait_for_attempts (requests, TRUE);
  par_requests_set_paused (requests, FALSE);
}

typedef struct
{
  ParRequests *requests;
  GRand *rand;
  int has_ended;  /* atomic */
} Chaos;

static gpointer
cause_chaos (gpointer data)
{
  Chaos *chaos = data;
  ParRequests *requests = chaos->requests;
  GRand *rand = chaos->rand;
  g_autoptr(GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  while (g_get_monotonic_time () < until_us)
    {
      switch (g_rand_int_range (rand, 0, 32))
        {
        case 0:
          par_requests_set_paused (requests, TRUE);
          g_thread_yield ();
          par_requests_set_paused (requests, FALSE);
          break;

        case 1:
          par_requests_set_concurrency (requests, g_rand_int_range (rand, 0, 8));
          break;

        case 2:
          change_settings (requests, rand);
          break;

        case 3:
          par_requests_hold (requests);
          add_one (requests, g_rand_int (rand));
          par_requests_release (requests);
          break;

        case 4:
          g_mutex_lock (&run_lock);
          if (g_rand_int_range (rand, 0, 8) == 0)
            g_cancellable_cancel (run_cancellable);
          g_mutex_unlock (&run_lock);
          break;

        case 5:
        case 6:
        case 7:
          /* Long enough for a run to end by itself. */
          g_usleep (g_rand_int_range (rand, 0, 10000));
          break;

        case 8:
          /* Mostly refused, but between two runs this thread becomes the owner, in its own
           * context. */
          par_requests_do (requests, NULL, NULL);
          break;

        default:
          for (int i = g_rand_int_range (rand, 0, 10); i > 0 && n_left () < MAX_LEFT; i--)
            add_one (requests, g_rand_int (rand));
          g_usleep (g_rand_int_range (rand, 0, 500));
        }

      /* Attempts of such runs may be waiting for it. */
      g_main_context_iteration (context, FALSE);
    }

  g_atomic_int_set (&is_stopped, TRUE);
  g_main_context_pop_thread_default (context);
  g_atomic_int_set (&chaos->has_ended, TRUE);

  return NULL;
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static gboolean
next_by_loop (ParRequests  *requests,
              GError      **error)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(ParRequest) request = NULL;

  par_requests_next_async (requests, run_cancellable, take_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  request = par_requests_next_finish (requests, result, error);

  return request != NULL;
}

static gboolean
next_by_waiting (ParRequests  *requests,
                 GError      **error)
{
  g_autoptr(ParRequest) request = par_requests_next (requests, run_cancellable, error);

  return request != NULL;
}

static void
run_once (ParRequests *requests,
          guint        way)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  g_mutex_lock (&run_lock);
  g_set_object (&run_cancellable, NULL);
  run_cancellable = g_cancellable_new ();
  g_mutex_unlock (&run_lock);
  n_runs++;

  switch (way % 5)
    {
    case 0:
      par_requests_do (requests, run_cancellable, &error);
      break;

    case 1:
      while (next_by_waiting (requests, &error))
        ;
      break;

    case 2:
      while (next_by_loop (requests, &error))
        ;
      break;

    default:
      par_requests_do_async (requests, run_cancellable, take_result, &result);
      while (result == NULL)
        {
          g_main_context_iteration (NULL, TRUE);
          /* What was once fetched is to be fetched to the end, since it holds the source back. */
          while (way % 5 == 3 && result == NULL && next_by_waiting (requests, NULL))
            ;
        }
      par_requests_do_finish (requests, result, &error);
    }

  /* Another thread does a run. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PENDING))
    g_usleep (1000);
}

/* Ends all attempts that others have. */
static void
end_returns (GThread **returners,
             GRand   **rands)
{
  g_async_queue_push (returns, returns);
  for (guint i = 0; i < N_RETURNERS; i++)
    {
      g_thread_join (returners[i]);
      g_rand_free (rands[i]);
    }
  g_async_queue_unref (returns);
}

static void
begin_returns (GThread **returners,
               GRand   **rands)
{
  returns = g_async_queue_new ();
  for (guint i = 0; i < N_RETURNERS; i++)
    {
      rands[i] = g_rand_new_with_seed (g_test_rand_int ());
      returners[i] = g_thread_new ("return", return_all, rands[i]);
    }
  until_us = g_get_monotonic_time () + SECONDS * G_USEC_PER_SEC;
  g_atomic_int_set (&is_stopped, FALSE);
  n_added = n_destroyed = n_called = n_completed = n_values = n_values_freed = 0;
  n_runs = 0;
}

static void
invariants_survive_chaos (void)
{
  ParRequests *requests = par_requests_new ();
  GThread *threads[N_CHAOS], *returners[N_RETURNERS];
  GRand *rands[N_RETURNERS];
  Chaos chaos[N_CHAOS];
  g_autoptr(GRand) rand = g_rand_new_with_seed (g_test_rand_int ());

  g_test_summary ("Every request settles once and is destroyed once, and the numbers add up.");

  begin_returns (returners, rands);
  g_signal_connect (requests, "completed", G_CALLBACK (completed_cb), NULL);
  g_signal_connect (requests, "notify", G_CALLBACK (notify_cb), NULL);
  for (guint i = 0; i < N_CHAOS; i++)
    {
      chaos[i] = (Chaos) { requests, g_rand_new_with_seed (g_test_rand_int ()), FALSE };
      threads[i] = g_thread_new ("chaos", cause_chaos, &chaos[i]);
    }

  while (g_get_monotonic_time () < until_us)
    {
      for (int i = g_rand_int_range (rand, 0, 40); i > 0 && n_left () < MAX_LEFT; i--)
        add_one (requests, g_rand_int (rand));
      run_once (requests, g_rand_int (rand));
    }

  for (guint i = 0; i < N_CHAOS; i++)
    {
      /* A thread may be in a run, which waits for attempts that this loop is to end. */
      while (!g_atomic_int_get (&chaos[i].has_ended))
        run_once (requests, 4);
      g_thread_join (threads[i]);
      g_rand_free (chaos[i].rand);
    }

  par_requests_set_source (requests, NULL, NULL, NULL);
  reset_settings (requests);
  run_once (requests, 4);
  end_returns (returners, rands);

  g_test_message ("%u runs of %d requests, %d calls", n_runs, n_added, n_called);
  g_assert_cmpuint (par_requests_get_n_requests (requests), ==, n_added);
  g_assert_cmpuint (par_requests_get_n_queued (requests), ==, 0);
  g_assert_cmpuint (par_requests_get_n_running (requests), ==, 0);
  g_assert_cmpuint (par_requests_get_n_attempts_running (requests), ==, 0);
  g_assert_cmpint (n_completed, ==, n_added);
  g_assert_finalize_object (requests);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (n_destroyed, ==, n_added);
  g_assert_cmpint (n_values_freed, ==, n_values);
  g_clear_object (&run_cancellable);
}

static void
count_finalized (gpointer  n_finalized,
                 GObject  *requests)
{
  ++*(guint *) n_finalized;
}

/* Drops the reference that the loop below has left to a handler, if it has. */
static void
drop_cb (ParRequests *requests)
{
  if (g_object_steal_data (G_OBJECT (requests), "to-be-dropped") != NULL)
    g_object_unref (requests);
}

static gboolean
add_and_drop (ParRequests  *requests,
              gpointer      user_data,
              GError      **error)
{
  gboolean more = add_few (requests, user_data, error);

  drop_cb (requests);

  return more;
}

static void
next_and_drop_cb (GObject      *requests,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  guint n = GPOINTER_TO_UINT (user_data);
  g_autoptr(ParRequest) request = NULL;

  request = par_requests_next_finish (PAR_REQUESTS (requests), result, NULL);
  if (request != NULL && n > 0)
    par_requests_next_async (PAR_REQUESTS (requests), NULL, next_and_drop_cb,
                             GUINT_TO_POINTER (n - 1));
  else
    drop_cb (PAR_REQUESTS (requests));
}

/* Begins something, and leaves the only reference to what ends it, or drops it here. */
static void
begin_and_drop (ParRequests *requests,
                GRand       *rand)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  guint n = g_rand_int_range (rand, 0, 6);

  switch (g_rand_int_range (rand, 0, 8))
    {
    case 0:
      break;

    case 1:
      while (n-- > 0 && next_by_waiting (requests, NULL))
        ;
      break;

    case 2:
      while (n-- > 0 && next_by_loop (requests, NULL))
        ;
      break;

    case 3:
      g_object_set_data (G_OBJECT (requests), "to-be-dropped", requests);
      par_requests_next_async (requests, NULL, next_and_drop_cb, GUINT_TO_POINTER (n));
      return;

    case 4:
      g_object_set_data (G_OBJECT (requests), "to-be-dropped", requests);
      g_signal_connect (requests, g_rand_boolean (rand) ? "finished" : "completed",
                        G_CALLBACK (drop_cb), NULL);
      par_requests_do_async (requests, NULL, NULL, NULL);
      /* The empty run has no "completed". */
      add_one (requests, g_rand_int (rand));
      return;

    case 5:
      g_object_set_data (G_OBJECT (requests), "to-be-dropped", requests);
      par_requests_set_source (requests, add_and_drop, g_rand_copy (rand),
                               (GDestroyNotify) g_rand_free);
      par_requests_do_async (requests, NULL, NULL, NULL);
      return;

    case 6:
      par_requests_do_async (requests, cancellable, NULL, NULL);
      for (guint i = 0; i < n; i++)
        g_main_context_iteration (NULL, FALSE);
      g_cancellable_cancel (cancellable);
      break;

    default:
      par_requests_do_async (requests, NULL, NULL, NULL);
    }

  g_object_unref (requests);
}

static void
last_references_go_anywhere (void)
{
  GThread *returners[N_RETURNERS];
  GRand *rands[N_RETURNERS];
  g_autoptr(GRand) rand = g_rand_new_with_seed (g_test_rand_int ());
  guint n_finalized = 0;

  g_test_summary ("Requests that are dropped at any time, in any callback, are freed, and all they "
                  "had is destroyed once.");

  begin_returns (returners, rands);
  run_cancellable = g_cancellable_new ();
  while (g_get_monotonic_time () < until_us)
    {
      ParRequests *requests = par_requests_new ();

      g_object_weak_ref (G_OBJECT (requests), count_finalized, &n_finalized);
      par_requests_set_concurrency (requests, g_rand_int_range (rand, 0, 5));
      par_requests_set_redundancy (requests, g_rand_int_range (rand, 1, 4));
      par_requests_set_keep_completed (requests, g_rand_boolean (rand));
      par_requests_set_request_timeout (requests, seldom (rand, 3, 0));
      for (int i = g_rand_int_range (rand, 0, 12); i > 0; i--)
        add_one (requests, g_rand_int (rand));
      begin_and_drop (requests, rand);
      n_runs++;

      while (g_main_context_iteration (NULL, FALSE) || n_left () > MAX_LEFT)
        ;
    }

  /* What is left comes to its end in the loop. */
  g_atomic_int_set (&is_stopped, TRUE);
  while (n_finalized < n_runs || n_left () > 0)
    {
      g_main_context_iteration (NULL, FALSE);
      g_thread_yield ();
    }
  end_returns (returners, rands);

  g_test_message ("%u times, %d requests, %d calls", n_runs, n_added, n_called);
  g_assert_cmpint (n_destroyed, ==, n_added);
  g_assert_cmpuint (n_finalized, ==, n_runs);
  g_clear_object (&run_cancellable);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/par/async-stress/invariants-survive-chaos", invariants_survive_chaos);
  g_test_add_func ("/par/async-stress/last-references-go-anywhere", last_references_go_anywhere);

  return g_test_run ();
}
