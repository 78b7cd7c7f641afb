/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

/* A consumer of the model that trusts nothing but "items-changed", as GtkSortListModel does, and
 * looks at the counts at every signal there is. */
typedef struct
{
  ParRequests *requests;
  GPtrArray *items;
  gboolean *has_started;
  gboolean *has_completed;
  guint64 n_completed;
  guint64 n_signals;
  guint64 last_settled;
  Gate gate;
} Fixture;

static void
check_counts (Fixture *fixture)
{
  ParRequests *requests = fixture->requests;
  guint64 n_settled = par_requests_get_n_succeeded (requests)
                      + par_requests_get_n_failed (requests)
                      + par_requests_get_n_cancelled (requests);

  g_assert_cmpuint (par_requests_get_n_requests (requests), ==,
                    par_requests_get_n_queued (requests) + par_requests_get_n_running (requests)
                    + n_settled);
  g_assert_cmpuint (n_settled, >=, fixture->last_settled);
  if (par_requests_get_concurrency (requests) > 0)
    g_assert_cmpuint (par_requests_get_n_running (requests), <=,
                      par_requests_get_concurrency (requests));
  g_assert_cmpfloat (par_requests_get_progress (requests), >=, 0);
  g_assert_cmpfloat (par_requests_get_progress (requests), <=, 1);
  fixture->last_settled = n_settled;
  fixture->n_signals++;
}

static void
notify_cb (ParRequests *requests,
           GParamSpec  *pspec,
           Fixture     *fixture)
{
  check_counts (fixture);
}

static void
items_changed_cb (GListModel *model,
                  guint       position,
                  guint       n_removed,
                  guint       n_added,
                  Fixture    *fixture)
{
  g_assert_cmpuint (position + n_removed, <=, fixture->items->len);
  for (guint i = 0; i < n_removed; i++)
    {
      g_assert_cmpint (par_request_get_state (fixture->items->pdata[position]), >,
                       PAR_REQUEST_STATE_RUNNING);
      g_ptr_array_remove_index (fixture->items, position);
    }
  for (guint i = 0; i < n_added; i++)
    {
      ParRequest *item = g_list_model_get_item (model, position + i);

      g_assert_nonnull (item);
      g_ptr_array_insert (fixture->items, position + i, item);
    }

  g_assert_cmpuint (g_list_model_get_n_items (model), ==, fixture->items->len);
  g_assert_null (g_list_model_get_item (model, fixture->items->len));
  if (fixture->items->len > 0)
    {
      guint any = g_test_rand_int_range (0, fixture->items->len);
      g_autoptr(ParRequest) item = g_list_model_get_item (model, any);

      g_assert_true (item == fixture->items->pdata[any]);
    }
  check_counts (fixture);
}

static void
started_cb (ParRequests    *requests,
            ParRequest     *request,
            guint           number,
            ParAttemptKind  kind,
            Fixture        *fixture)
{
  guint64 index = par_request_get_index (request);

  g_assert_cmpuint (number, >=, 1);
  g_assert_cmpint (kind, ==, number == 1 ? PAR_ATTEMPT_KIND_FIRST : PAR_ATTEMPT_KIND_COPY);
  g_assert_true (number > 1 || !fixture->has_completed[index]);
  fixture->has_started[index] = TRUE;
  check_counts (fixture);
}

static void
completed_cb (ParRequests *requests,
              ParRequest  *request,
              Fixture     *fixture)
{
  guint64 index = par_request_get_index (request);

  g_assert_false (fixture->has_completed[index]);
  fixture->has_completed[index] = TRUE;
  fixture->n_completed++;
  g_assert_cmpint (par_request_get_state (request), >, PAR_REQUEST_STATE_RUNNING);
  g_assert_true (fixture->has_started[index]
                 || par_request_get_state (request) == PAR_REQUEST_STATE_CANCELLED);
  check_counts (fixture);
  g_assert_cmpuint (fixture->n_completed, ==, fixture->last_settled);
}

#define N_MAX 20000

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->requests = par_requests_new ();
  fixture->items = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->has_started = g_new0 (gboolean, N_MAX);
  fixture->has_completed = g_new0 (gboolean, N_MAX);
  gate_init (&fixture->gate);

  g_signal_connect (fixture->requests, "notify", G_CALLBACK (notify_cb), fixture);
  g_signal_connect (fixture->requests, "items-changed", G_CALLBACK (items_changed_cb), fixture);
  g_signal_connect (fixture->requests, "started", G_CALLBACK (started_cb), fixture);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (completed_cb), fixture);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_clear_pointer (&fixture->items, g_ptr_array_unref);
  g_assert_finalize_object (fixture->requests);
  g_free (fixture->has_started);
  g_free (fixture->has_completed);
  gate_clear (&fixture->gate);
}

static void
add_some (ParAttempt  *attempt,
          gpointer     requests,
          GError     **error)
{
  for (guint i = 0; i < 3; i++)
    par_requests_add_thread (requests, i < 2 ? succeed : fail, NULL, NULL);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
run_and_check (Fixture  *fixture,
               gboolean  keep_completed,
               guint     concurrency)
{
  par_requests_set_keep_completed (fixture->requests, keep_completed);
  par_requests_set_concurrency (fixture->requests, concurrency);
  for (guint i = 0; i < 300; i++)
    {
      par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
      par_requests_add_thread (fixture->requests, fail, NULL, NULL);
      par_requests_add_thread (fixture->requests, add_some, fixture->requests, NULL);
    }
  par_requests_do (fixture->requests, NULL, NULL);
  g_assert_cmpuint (fixture->n_completed, ==, 1800);
  g_assert_cmpuint (fixture->items->len, ==, keep_completed ? 1800 : 0);
}

static void
rows_and_counts_are_consistent (Fixture       *fixture,
                                gconstpointer  data)
{
  g_test_summary ("At every signal of a run to which attempts add, the numbers add up.");

  run_and_check (fixture, TRUE, GPOINTER_TO_UINT (data));
}

static void
removed_rows_are_consistent (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("The same while completed requests leave the model.");

  run_and_check (fixture, FALSE, GPOINTER_TO_UINT (data));
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static void
copies_are_consistent (Fixture       *fixture,
                       gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("The same with copies, losers that are still out, and a run by the loop.");

  par_requests_set_redundancy (fixture->requests, 3);
  par_requests_set_keep_completed (fixture->requests, FALSE);
  for (guint i = 0; i < 500; i++)
    par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (par_requests_do_finish (fixture->requests, result, NULL));
  g_assert_cmpuint (fixture->n_completed, ==, 500);
  g_assert_cmpuint (fixture->items->len, ==, 0);

  while (par_requests_get_n_attempts_running (fixture->requests) > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
cancelled_rows_are_consistent (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();

  g_test_summary ("The same when all are cancelled.");

  for (guint i = 0; i < 10000; i++)
    par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_cancellable_cancel (cancellable);
  g_assert_false (par_requests_do (fixture->requests, cancellable, NULL));
  g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, 10000);
}

static void
count_cb (ParRequests *requests,
          GParamSpec  *pspec,
          guint       *n_told)
{
  ++*n_told;
}

static void
one_property_is_told_of (Fixture       *fixture,
                         gconstpointer  data)
{
  guint n_told = 0;

  g_test_summary ("Who listens to one property only is told of requests as they are added.");

  g_signal_handlers_disconnect_by_data (fixture->requests, fixture);
  g_signal_connect (fixture->requests, "notify::n-requests", G_CALLBACK (count_cb), &n_told);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_assert_cmpuint (n_told, ==, 1);
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_assert_cmpuint (n_told, ==, 2);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
}

/* Opens the gate if three requests run. Returns whether they do. */
static gboolean
open_when_three_run (Fixture *fixture)
{
  if (par_requests_get_n_running (fixture->requests) < 3)
    return FALSE;

  gate_open (&fixture->gate);

  return TRUE;
}

static void
open_when_three_run_cb (ParRequests *requests,
                        GParamSpec  *pspec,
                        Fixture     *fixture)
{
  open_when_three_run (fixture);
}

static void
starts_are_counted (Fixture       *fixture,
                    gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("Requests that have been started are counted before any of them settles.");

  /* Whoever listens to starts is told of them anyway. */
  g_signal_handlers_disconnect_by_data (fixture->requests, fixture);
  par_requests_set_concurrency (fixture->requests, 3);
  for (guint i = 0; i < 5; i++)
    par_requests_add_thread (fixture->requests, pass_gate, &fixture->gate, NULL);

  if (data != NULL)
    {
      g_signal_connect (fixture->requests, "notify::n-running",
                        G_CALLBACK (open_when_three_run_cb), fixture);
      g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
      return;
    }

  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  while (!open_when_three_run (fixture))
    g_main_context_iteration (NULL, TRUE);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, data, func) \
  g_test_add ("/par/publisher/" name, Fixture, GUINT_TO_POINTER (data), set_up, func, tear_down)
  add ("rows-and-counts-are-consistent/1", 1, rows_and_counts_are_consistent);
  add ("rows-and-counts-are-consistent/4", 4, rows_and_counts_are_consistent);
  add ("rows-and-counts-are-consistent/unbounded", 0, rows_and_counts_are_consistent);
  add ("removed-rows-are-consistent/1", 1, removed_rows_are_consistent);
  add ("removed-rows-are-consistent/4", 4, removed_rows_are_consistent);
  add ("removed-rows-are-consistent/unbounded", 0, removed_rows_are_consistent);
  add ("copies-are-consistent", 0, copies_are_consistent);
  add ("cancelled-rows-are-consistent", 0, cancelled_rows_are_consistent);
  add ("one-property-is-told-of", 0, one_property_is_told_of);
  add ("starts-are-counted/do-async", 0, starts_are_counted);
  add ("starts-are-counted/do", 1, starts_are_counted);
#undef add

  return g_test_run ();
}
