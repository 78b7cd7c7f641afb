/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/par-queue-private.h"

/* A queue, and of the engine above it what the queue relies on: the states of the records. */
typedef struct
{
  ParRecords records;
  ParQueue queue;
  guint64 n_retries;
  GString *taken;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  par_records_init (&fixture->records);
  par_queue_init (&fixture->queue, &fixture->records, FALSE);
  fixture->taken = g_string_new (NULL);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  for (guint64 index = fixture->records.first; index < fixture->records.end; index++)
    {
      ParRecord *record = par_records_get (&fixture->records, index);

      if (record != NULL)
        g_free (record->detail);
    }
  par_queue_clear (&fixture->queue);
  par_records_clear (&fixture->records);
  g_string_free (fixture->taken, TRUE);
}

static void
add_request (Fixture *fixture,
             int      priority)
{
  guint64 index = fixture->records.end;
  ParRecord *record = par_records_add (&fixture->records);

  if (priority != 0)
    par_record_get_detail (record)->priority = priority;
  par_queue_add (&fixture->queue, index, priority);
}

static void
add_requests (Fixture *fixture,
              guint    n_requests)
{
  for (guint i = 0; i < n_requests; i++)
    add_request (fixture, 0);
}

static void
settle (Fixture         *fixture,
        guint64          index,
        ParRequestState  state)
{
  par_records_get (&fixture->records, index)->state = state;
}

/* Takes the next, as the engine does, and notes its index: of a copy with a star, a retry with an
 * r, a hedge with an h, or an H if it is paid. */
static gboolean
take (Fixture  *fixture,
      gboolean  bounded,
      guint     redundancy)
{
  ParTurn turn;

  if (!par_queue_peek (&fixture->queue, bounded, &turn))
    return FALSE;

  par_queue_pop (&fixture->queue, bounded, &turn);

  if (fixture->taken->len > 0)
    g_string_append_c (fixture->taken, ' ');
  g_string_append_printf (fixture->taken, "%" G_GUINT64_FORMAT "%s", turn.index,
                          turn.kind == PAR_ATTEMPT_KIND_COPY ? "*"
                          : turn.kind == PAR_ATTEMPT_KIND_RETRY ? "r"
                          : turn.kind != PAR_ATTEMPT_KIND_HEDGE ? ""
                          : turn.paid ? "H" : "h");

  if (turn.kind == PAR_ATTEMPT_KIND_FIRST)
    {
      g_assert_cmpint (par_records_get (&fixture->records, turn.index)->state,
                       ==, PAR_REQUEST_STATE_QUEUED);
      settle (fixture, turn.index, PAR_REQUEST_STATE_RUNNING);
      fixture->queue.n_queued--;
      if (redundancy > 1)
        par_queue_add_copies (&fixture->queue, turn.index, redundancy - 1);
    }

  return TRUE;
}

static void
take_all (Fixture  *fixture,
          gboolean  bounded,
          guint     redundancy)
{
  while (take (fixture, bounded, redundancy))
    ;
}

#define assert_taken(expected) g_assert_cmpstr (fixture->taken->str, ==, expected)

static void
nothing_is_taken_from_an_empty_queue (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_test_summary ("Bounded or not.");

  g_assert_false (take (fixture, FALSE, 1));
  g_assert_false (take (fixture, TRUE, 1));
  g_assert_cmpuint (fixture->queue.copies.length, ==, 0);
}

static void
requests_come_in_the_order_added (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("Without priorities, the index decides.");

  add_requests (fixture, 5);
  take_all (fixture, TRUE, 1);
  assert_taken ("0 1 2 3 4");
}

static void
priority_decides_before_the_index (Fixture       *fixture,
                                   gconstpointer  data)
{
  static const int priorities[] = { 0, 5, -5, 0, G_MAXINT, G_MININT, 5, -5, 0, 1, -1 };

  g_test_summary ("Lower first, as everywhere in GLib; among equals, the one added first.");

  for (guint i = 0; i < G_N_ELEMENTS (priorities); i++)
    add_request (fixture, priorities[i]);
  take_all (fixture, TRUE, 1);
  assert_taken ("5 2 7 10 0 3 8 9 1 6 4");
}

static void
bounded_copies_come_together (Fixture       *fixture,
                              gconstpointer  data)
{
  g_test_summary ("With a bound, copies that waited for other requests could not help.");

  add_requests (fixture, 3);
  take_all (fixture, TRUE, 3);
  assert_taken ("0 0* 0* 1 1* 1* 2 2* 2*");
}

static void
bounded_copies_go_before_urgent_requests (Fixture       *fixture,
                                          gconstpointer  data)
{
  g_test_summary ("What runs is finished before even the lowest priority is begun.");

  add_requests (fixture, 1);
  g_assert_true (take (fixture, TRUE, 3));
  add_request (fixture, G_MININT);
  take_all (fixture, TRUE, 3);
  assert_taken ("0 0* 0* 1 1* 1*");
}

static void
unbounded_copies_come_round_by_round (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_test_summary ("Without a bound, every first before any second, every second before any third.");

  add_requests (fixture, 3);
  take_all (fixture, FALSE, 3);
  assert_taken ("0 1 2 0* 1* 2* 0* 1* 2*");
}

static void
unbounded_copies_come_after_late_requests (Fixture       *fixture,
                                           gconstpointer  data)
{
  g_test_summary ("Even a request of the last priority goes before a copy.");

  add_requests (fixture, 2);
  g_assert_true (take (fixture, FALSE, 2));
  g_assert_true (take (fixture, FALSE, 2));
  g_assert_true (take (fixture, FALSE, 2));
  add_request (fixture, G_MAXINT);
  take_all (fixture, FALSE, 2);
  assert_taken ("0 1 0* 2 1* 2*");
}

static void
copies_of_settled_requests_are_dropped (Fixture       *fixture,
                                        gconstpointer  data)
{
  gboolean bounded = GPOINTER_TO_INT (data);

  g_test_summary ("However the request has settled, a copy of it would be for nothing.");

  add_requests (fixture, 4);
  while (!g_str_has_suffix (fixture->taken->str, "3"))
    g_assert_true (take (fixture, FALSE, 4));
  assert_taken ("0 1 2 3");

  settle (fixture, 0, PAR_REQUEST_STATE_SUCCEEDED);
  settle (fixture, 1, PAR_REQUEST_STATE_FAILED);
  settle (fixture, 3, PAR_REQUEST_STATE_CANCELLED);
  take_all (fixture, bounded, 4);
  assert_taken ("0 1 2 3 2* 2* 2*");
  g_assert_cmpuint (fixture->queue.copies.length, ==, 0);
}

static void
success_between_copies_drops_the_rest (Fixture       *fixture,
                                       gconstpointer  data)
{
  g_test_summary ("The second copy wins before the third is started.");

  add_requests (fixture, 2);
  g_assert_true (take (fixture, TRUE, 4));
  g_assert_true (take (fixture, TRUE, 4));
  settle (fixture, 0, PAR_REQUEST_STATE_SUCCEEDED);
  take_all (fixture, TRUE, 4);
  assert_taken ("0 0* 1 1* 1* 1*");
}

static void
cancelled_requests_are_skipped (Fixture       *fixture,
                                gconstpointer  data)
{
  static const int priorities[] = { 0, 0, -1, -1, 1, 1, 0 };

  g_test_summary ("A queued request that was cancelled is not started, whatever its priority.");

  for (guint i = 0; i < G_N_ELEMENTS (priorities); i++)
    add_request (fixture, priorities[i]);
  settle (fixture, 0, PAR_REQUEST_STATE_CANCELLED);
  settle (fixture, 2, PAR_REQUEST_STATE_CANCELLED);
  settle (fixture, 4, PAR_REQUEST_STATE_CANCELLED);
  take_all (fixture, TRUE, 1);
  assert_taken ("3 1 6 5");
}

static void
all_cancelled_is_an_empty_queue (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_test_summary ("A queue of nothing but cancelled requests ends; what comes later is taken.");

  for (guint i = 0; i < 1000; i++)
    {
      add_request (fixture, (int) (i % 3) - 1);
      settle (fixture, i, PAR_REQUEST_STATE_CANCELLED);
    }
  g_assert_false (take (fixture, TRUE, 2));
  g_assert_false (take (fixture, FALSE, 2));

  add_request (fixture, 0);
  take_all (fixture, TRUE, 2);
  assert_taken ("1000 1000*");
}

static void
removed_records_are_skipped (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("The records of a long run are gone when the next is looked for.");

  for (guint i = 0; i < 600; i++)
    {
      add_requests (fixture, 1);
      settle (fixture, i, PAR_REQUEST_STATE_CANCELLED);
    }
  for (guint i = 0; i < 600; i++)
    par_records_remove (&fixture->records, i);
  g_assert_null (par_records_get (&fixture->records, 0));

  add_requests (fixture, 2);
  take_all (fixture, TRUE, 1);
  assert_taken ("600 601");
}

static void
bound_may_come_and_go (Fixture       *fixture,
                       gconstpointer  data)
{
  guint n_firsts[20] = { 0 };
  guint n_copies[20] = { 0 };
  gboolean bounded = FALSE;
  ParTurn turn;

  g_test_summary ("Set or cleared between any two, each attempt is still made, and made once.");

  add_requests (fixture, G_N_ELEMENTS (n_firsts));
  while (par_queue_peek (&fixture->queue, bounded, &turn))
    {
      par_queue_pop (&fixture->queue, bounded, &turn);
      if (turn.kind == PAR_ATTEMPT_KIND_FIRST)
        {
          n_firsts[turn.index]++;
          settle (fixture, turn.index, PAR_REQUEST_STATE_RUNNING);
          par_queue_add_copies (&fixture->queue, turn.index, 4);
        }
      else
        {
          n_copies[turn.index]++;
        }
      bounded = g_test_rand_int_range (0, 2);
    }

  for (guint i = 0; i < G_N_ELEMENTS (n_firsts); i++)
    {
      g_assert_cmpuint (n_firsts[i], ==, 1);
      g_assert_cmpuint (n_copies[i], ==, 4);
    }
}

static void
bound_takes_effect_at_once (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("Unbounded, bounded, unbounded: the bound of the moment chooses.");

  add_requests (fixture, 4);
  g_assert_true (take (fixture, FALSE, 3));
  g_assert_true (take (fixture, FALSE, 3));
  g_assert_true (take (fixture, TRUE, 3));
  g_assert_true (take (fixture, TRUE, 3));
  g_assert_true (take (fixture, TRUE, 3));
  take_all (fixture, FALSE, 3);
  assert_taken ("0 1 0* 0* 1* 2 3 1* 2* 3* 2* 3*");
}

static void
requests_added_later_are_taken (Fixture       *fixture,
                                gconstpointer  data)
{
  g_test_summary ("The queue was empty, and is not any more.");

  add_requests (fixture, 2);
  take_all (fixture, TRUE, 1);
  add_requests (fixture, 1);
  add_request (fixture, 3);
  add_request (fixture, -3);
  take_all (fixture, TRUE, 1);
  add_requests (fixture, 1);
  take_all (fixture, TRUE, 1);
  assert_taken ("0 1 4 2 3 5");
}

static void
add_retry (Fixture *fixture,
           guint64  index)
{
  par_queue_add_retry (&fixture->queue, index, fixture->n_retries++);
}

/* Has all requests run that have been added, as if their first attempts had started. */
static void
start_all (Fixture *fixture)
{
  take_all (fixture, TRUE, 1);
  g_string_truncate (fixture->taken, 0);
}

/* Settles a request as the engine does, which has plans for it. */
static void
settle_planned (Fixture         *fixture,
                guint64          index,
                ParRequestState  state)
{
  settle (fixture, index, state);
  par_queue_forget (&fixture->queue, par_records_get (&fixture->records, index));
}

static void
hedges_go_before_all_else (Fixture       *fixture,
                           gconstpointer  data)
{
  gboolean bounded = GPOINTER_TO_INT (data);

  g_test_summary ("Before copies, retries, and what is most urgent; among themselves, as they came.");

  add_requests (fixture, 4);
  start_all (fixture);
  par_queue_add_copies (&fixture->queue, 2, 1);
  add_retry (fixture, 3);
  add_request (fixture, G_MININT);
  par_queue_add_hedge (&fixture->queue, 1, FALSE);
  par_queue_add_hedge (&fixture->queue, 0, TRUE);
  g_assert_cmpuint (par_queue_count_waiting (&fixture->queue), ==, 5);
  take_all (fixture, bounded, 1);
  assert_taken (bounded ? "1h 0H 2* 4 3r" : "1h 0H 4 3r 2*");
  g_assert_cmpuint (fixture->queue.n_retries, ==, 0);
}

static void
hedges_of_settled_requests_are_found (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_test_summary ("Since somebody may have paid for them, who wants that back.");

  add_requests (fixture, 2);
  start_all (fixture);
  par_queue_add_hedge (&fixture->queue, 0, TRUE);
  par_queue_add_hedge (&fixture->queue, 1, FALSE);
  settle (fixture, 0, PAR_REQUEST_STATE_SUCCEEDED);
  take_all (fixture, TRUE, 1);
  assert_taken ("0H 1h");
}

static void
retries_join_the_tail (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("After what is there of their priority, before what comes later.");

  add_request (fixture, 0);
  add_request (fixture, -5);
  add_request (fixture, 5);
  start_all (fixture);
  add_request (fixture, 0);
  add_request (fixture, -5);
  add_request (fixture, 5);
  for (guint64 index = 0; index < 3; index++)
    add_retry (fixture, index);
  add_request (fixture, 0);
  add_request (fixture, -5);
  add_request (fixture, 5);
  g_assert_cmpuint (fixture->queue.n_retries, ==, 3);
  take_all (fixture, TRUE, 1);
  assert_taken ("4 1r 7 3 0r 6 5 2r 8");
  g_assert_cmpuint (fixture->queue.n_retries, ==, 0);
}

static void
retries_come_in_the_order_they_became_ready (Fixture       *fixture,
                                             gconstpointer  data)
{
  g_test_summary ("Whatever their indexes, and whether a request has come between them or not.");

  add_requests (fixture, 5);
  start_all (fixture);
  add_retry (fixture, 3);
  add_retry (fixture, 1);
  add_retry (fixture, 2);
  add_requests (fixture, 1);
  add_retry (fixture, 4);
  add_retry (fixture, 0);
  take_all (fixture, TRUE, 1);
  assert_taken ("3r 1r 2r 5 4r 0r");
}

static void
retries_may_be_queued_again (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("When the one before has failed too.");

  add_requests (fixture, 2);
  start_all (fixture);
  add_retry (fixture, 0);
  g_assert_true (take (fixture, TRUE, 1));
  add_retry (fixture, 1);
  add_retry (fixture, 0);
  take_all (fixture, TRUE, 1);
  assert_taken ("0r 1r 0r");
  g_assert_cmpuint (fixture->queue.n_retries, ==, 0);
}

static void
forgotten_retries_are_skipped (Fixture       *fixture,
                               gconstpointer  data)
{
  g_test_summary ("Their requests have been cancelled, or have come to a result another way.");

  add_requests (fixture, 3);
  start_all (fixture);
  for (guint64 index = 0; index < 3; index++)
    add_retry (fixture, index);
  settle_planned (fixture, 0, PAR_REQUEST_STATE_CANCELLED);
  settle_planned (fixture, 2, PAR_REQUEST_STATE_SUCCEEDED);
  g_assert_cmpuint (fixture->queue.n_retries, ==, 1);
  take_all (fixture, TRUE, 1);
  assert_taken ("1r");
}

/* Takes the next out, and puts it aside for a key. */
static void
park (Fixture    *fixture,
      const char *key)
{
  ParTurn turn;

  g_assert_true (par_queue_peek (&fixture->queue, TRUE, &turn));
  par_queue_pop (&fixture->queue, TRUE, &turn);
  par_queue_park (&fixture->queue, &turn, key);
}

static void
parked_requests_do_not_wait (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("Others pass them; each time their key is free, the first of them is back in its "
                  "place.");

  add_requests (fixture, 6);
  park (fixture, "x");
  park (fixture, "x");
  park (fixture, "y");
  g_assert_true (take (fixture, TRUE, 1));
  g_assert_cmpuint (fixture->queue.n_parked, ==, 3);
  par_queue_unpark (&fixture->queue, "z");
  g_assert_true (take (fixture, TRUE, 1));
  par_queue_unpark (&fixture->queue, "x");
  take_all (fixture, TRUE, 1);
  assert_taken ("3 4 0 5");

  par_queue_unpark (&fixture->queue, "y");
  take_all (fixture, TRUE, 1);
  par_queue_unpark (&fixture->queue, "x");
  take_all (fixture, TRUE, 1);
  assert_taken ("3 4 0 5 2 1");
  g_assert_cmpuint (fixture->queue.n_parked, ==, 0);
  g_assert_cmpuint (g_hash_table_size (fixture->queue.parked), ==, 0);
}

static void
parked_requests_keep_their_order (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("By priority first, whenever they were parked; retries among them.");

  add_request (fixture, 0);
  start_all (fixture);
  add_request (fixture, 5);
  add_request (fixture, 0);
  park (fixture, NULL);
  add_retry (fixture, 0);
  park (fixture, NULL);
  g_assert_cmpuint (fixture->queue.n_retries, ==, 1);
  add_request (fixture, -5);
  park (fixture, NULL);
  park (fixture, NULL);
  g_assert_false (take (fixture, TRUE, 1));
  g_assert_cmpuint (par_queue_count_waiting (&fixture->queue), ==, 0);

  for (guint i = 0; i < 4; i++)
    {
      par_queue_unpark (&fixture->queue, NULL);
      g_assert_true (take (fixture, TRUE, 1));
      g_assert_false (take (fixture, TRUE, 1));
    }
  assert_taken ("3 2 0r 1");
}

static void
later_ones_are_behind_parked_ones (Fixture       *fixture,
                                   gconstpointer  data)
{
  ParTurn turn;

  g_test_summary ("Of the same key only, and unless they are more urgent.");

  add_requests (fixture, 2);
  add_request (fixture, -1);
  take (fixture, TRUE, 1);
  park (fixture, "x");
  g_assert_true (par_queue_peek (&fixture->queue, TRUE, &turn));
  g_assert_cmpuint (turn.index, ==, 1);
  g_assert_true (par_queue_is_behind (&fixture->queue, &turn, "x"));
  g_assert_false (par_queue_is_behind (&fixture->queue, &turn, "y"));
  turn.priority = -1;
  g_assert_false (par_queue_is_behind (&fixture->queue, &turn, "x"));

  settle_planned (fixture, 0, PAR_REQUEST_STATE_CANCELLED);
  turn.priority = 0;
  g_assert_false (par_queue_is_behind (&fixture->queue, &turn, "x"));
}

static void
forgotten_parked_requests_are_skipped (Fixture       *fixture,
                                       gconstpointer  data)
{
  g_test_summary ("The next of their key has their turn.");

  add_requests (fixture, 4);
  for (guint i = 0; i < 4; i++)
    park (fixture, "x");
  settle_planned (fixture, 0, PAR_REQUEST_STATE_CANCELLED);
  settle_planned (fixture, 1, PAR_REQUEST_STATE_CANCELLED);
  g_assert_cmpuint (fixture->queue.n_parked, ==, 2);
  par_queue_unpark (&fixture->queue, "x");
  take_all (fixture, TRUE, 1);
  assert_taken ("2");

  settle_planned (fixture, 3, PAR_REQUEST_STATE_CANCELLED);
  par_queue_unpark (&fixture->queue, "x");
  g_assert_false (take (fixture, TRUE, 1));
  g_assert_cmpuint (fixture->queue.n_parked, ==, 0);
}

static void
parked_retries_are_not_lost (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("They wait, are counted, come back and can be forgotten like others.");

  add_requests (fixture, 2);
  start_all (fixture);
  add_retry (fixture, 0);
  add_retry (fixture, 1);
  park (fixture, "x");
  park (fixture, "x");
  g_assert_cmpuint (fixture->queue.n_retries, ==, 2);
  g_assert_cmpuint (fixture->queue.n_parked, ==, 2);
  settle_planned (fixture, 0, PAR_REQUEST_STATE_CANCELLED);
  par_queue_unpark (&fixture->queue, "x");
  take_all (fixture, TRUE, 1);
  assert_taken ("1r");
  g_assert_cmpuint (fixture->queue.n_retries, ==, 0);
  g_assert_cmpuint (fixture->queue.n_parked, ==, 0);
}

static void
unpark_all_frees_one_of_each_key (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("Since no more of them might pass; whoever passes frees the next.");

  add_requests (fixture, 6);
  park (fixture, "x");
  park (fixture, "y");
  park (fixture, "x");
  park (fixture, NULL);
  park (fixture, "y");
  park (fixture, NULL);
  par_queue_unpark_all (&fixture->queue);
  take_all (fixture, TRUE, 1);
  assert_taken ("0 1 3");
  par_queue_unpark_all (&fixture->queue);
  take_all (fixture, TRUE, 1);
  assert_taken ("0 1 3 2 4 5");
  g_assert_cmpuint (g_hash_table_size (fixture->queue.parked), ==, 0);
}

static void
stalled_hedges_and_copies_come_back (Fixture       *fixture,
                                     gconstpointer  data)
{
  g_test_summary ("With the next permit, whatever its key: ahead of those that are queued, in their "
                  "order, and with what they have paid.");

  add_requests (fixture, 4);
  start_all (fixture);
  par_queue_add_hedge (&fixture->queue, 0, TRUE);
  par_queue_add_hedge (&fixture->queue, 1, FALSE);
  par_queue_add_copies (&fixture->queue, 2, 2);
  for (guint i = 0; i < 4; i++)
    park (fixture, "x");
  g_assert_false (take (fixture, TRUE, 1));
  g_assert_cmpuint (fixture->queue.n_parked, ==, 0);
  par_queue_add_hedge (&fixture->queue, 3, FALSE);
  par_queue_add_copies (&fixture->queue, 3, 1);
  par_queue_unpark (&fixture->queue, "another");
  take_all (fixture, TRUE, 1);
  assert_taken ("0H 1h 3h 2* 2* 3*");
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/queue/" name, Fixture, NULL, set_up, func, tear_down)
#define add_with(name, data, func) \
  g_test_add ("/par/queue/" name, Fixture, GINT_TO_POINTER (data), set_up, func, tear_down)
  add ("nothing-is-taken-from-an-empty-queue", nothing_is_taken_from_an_empty_queue);
  add ("requests-come-in-the-order-added", requests_come_in_the_order_added);
  add ("priority-decides-before-the-index", priority_decides_before_the_index);
  add ("bounded-copies-come-together", bounded_copies_come_together);
  add ("bounded-copies-go-before-urgent-requests", bounded_copies_go_before_urgent_requests);
  add ("unbounded-copies-come-round-by-round", unbounded_copies_come_round_by_round);
  add ("unbounded-copies-come-after-late-requests", unbounded_copies_come_after_late_requests);
  add_with ("copies-of-settled-requests-are-dropped/bounded", TRUE,
            copies_of_settled_requests_are_dropped);
  add_with ("copies-of-settled-requests-are-dropped/unbounded", FALSE,
            copies_of_settled_requests_are_dropped);
  add ("success-between-copies-drops-the-rest", success_between_copies_drops_the_rest);
  add ("cancelled-requests-are-skipped", cancelled_requests_are_skipped);
  add ("all-cancelled-is-an-empty-queue", all_cancelled_is_an_empty_queue);
  add ("removed-records-are-skipped", removed_records_are_skipped);
  add ("bound-may-come-and-go", bound_may_come_and_go);
  add ("bound-takes-effect-at-once", bound_takes_effect_at_once);
  add ("requests-added-later-are-taken", requests_added_later_are_taken);
  add_with ("hedges-go-before-all-else/bounded", TRUE, hedges_go_before_all_else);
  add_with ("hedges-go-before-all-else/unbounded", FALSE, hedges_go_before_all_else);
  add ("hedges-of-settled-requests-are-found", hedges_of_settled_requests_are_found);
  add ("retries-join-the-tail", retries_join_the_tail);
  add ("retries-come-in-the-order-they-became-ready",
       retries_come_in_the_order_they_became_ready);
  add ("retries-may-be-queued-again", retries_may_be_queued_again);
  add ("forgotten-retries-are-skipped", forgotten_retries_are_skipped);
  add ("parked-requests-do-not-wait", parked_requests_do_not_wait);
  add ("parked-requests-keep-their-order", parked_requests_keep_their_order);
  add ("later-ones-are-behind-parked-ones", later_ones_are_behind_parked_ones);
  add ("forgotten-parked-requests-are-skipped", forgotten_parked_requests_are_skipped);
  add ("parked-retries-are-not-lost", parked_retries_are_not_lost);
  add ("unpark-all-frees-one-of-each-key", unpark_all_frees_one_of_each_key);
  add ("stalled-hedges-and-copies-come-back", stalled_hedges_and_copies_come_back);
#undef add_with
#undef add

  return g_test_run ();
}
