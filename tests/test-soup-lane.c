/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "par-soup-lane-private.h"

typedef struct
{
  ParSoupTurn turn;
  GThread *thread;
  GMainContext *context;
  int n_called;  /* atomic */
} Visit;

static void
visit_cb (ParSoupTurn *turn)
{
  Visit *visit = (Visit *) turn;

  visit->thread = g_thread_self ();
  visit->context = g_main_context_get_thread_default ();
  g_atomic_int_inc (&visit->n_called);
}

static void
count_freed (gpointer n_freed)
{
  g_atomic_int_inc ((int *) n_freed);
}

static void
wait_for (Visit *visit,
          int    n_called)
{
  while (g_atomic_int_get (&visit->n_called) < n_called)
    g_thread_yield ();
}

static void
thread_calls_turns (void)
{
  Visit visit = { .turn.function = visit_cb };
  int n_freed = 0;
  ParSoupLane *lane = par_soup_lane_new_thread (count_freed, &n_freed);

  g_test_summary ("An I/O lane calls turns and alarms in its thread, and is freed when that ends.");

  g_assert_nonnull (lane);
  par_soup_lane_push (lane, &visit.turn);
  wait_for (&visit, 1);
  g_assert_true (visit.thread != g_thread_self ());
  g_assert_true (visit.context == lane->context);
  g_assert_false (par_soup_lane_is_here (lane));
  g_assert_false (par_soup_lane_enter (lane));

  par_soup_lane_set_alarm (lane, &visit.turn, g_get_monotonic_time () + 1000);
  wait_for (&visit, 2);

  par_soup_lane_quit (lane);
  par_soup_lane_join (lane);
  g_assert_cmpint (n_freed, ==, 0);
  par_soup_lane_close (lane);
  g_assert_cmpint (n_freed, ==, 1);
}

static void
owner_calls_turns (void)
{
  Visit visit = { .turn.function = visit_cb };
  g_autoptr(GMainContext) owner = g_main_context_new ();
  int n_freed = 0;
  ParSoupLane *lane = par_soup_lane_new_owner (owner, count_freed, &n_freed);

  g_test_summary ("An owner's lane calls turns when the owner context is iterated, or when it is "
                  "run by who has that.");

  par_soup_lane_push (lane, &visit.turn);
  par_soup_lane_push (lane, &visit.turn);
  g_assert_cmpint (visit.n_called, ==, 0);
  g_assert_true (g_main_context_iteration (owner, FALSE));
  g_assert_cmpint (visit.n_called, ==, 1);
  g_assert_true (visit.context == lane->context);

  g_assert_false (par_soup_lane_is_here (lane));
  g_assert_true (g_main_context_acquire (owner));
  g_assert_true (par_soup_lane_is_here (lane));
  par_soup_lane_push (lane, &visit.turn);
  par_soup_lane_run (lane);
  g_assert_cmpint (visit.n_called, ==, 2);
  g_main_context_release (owner);

  par_soup_lane_set_alarm (lane, &visit.turn, g_get_monotonic_time () + 1000);
  while (visit.n_called < 3)
    g_main_context_iteration (owner, TRUE);

  par_soup_lane_close (lane);
  g_assert_cmpint (n_freed, ==, 1);
}

static void
lane_of_a_lost_owner_is_dead (void)
{
  GMainContext *owner = g_main_context_new ();
  int n_freed = 0;
  ParSoupLane *lane = par_soup_lane_new_owner (owner, count_freed, &n_freed);

  g_test_summary ("A lane does not keep its owner context, and knows when that is gone.");

  g_assert_false (par_soup_lane_is_dead (lane));
  g_main_context_unref (owner);
  g_assert_true (par_soup_lane_is_dead (lane));
  g_assert_false (par_soup_lane_is_here (lane));

  par_soup_lane_close (lane);
  g_assert_cmpint (n_freed, ==, 1);
}

static void
settling_calls_what_is_due (void)
{
  Visit visit = { .turn.function = visit_cb };
  g_autoptr(GMainContext) owner = g_main_context_new ();
  int n_freed = 0;
  ParSoupLane *lane = par_soup_lane_new_owner (owner, count_freed, &n_freed);

  g_test_summary ("What is due is called without the owner context, which may never be iterated "
                  "again.");

  par_soup_lane_push (lane, &visit.turn);
  par_soup_lane_settle (lane);
  g_assert_cmpint (visit.n_called, ==, 1);

  par_soup_lane_close (lane);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/par-soup/lane/thread-calls-turns", thread_calls_turns);
  g_test_add_func ("/par-soup/lane/owner-calls-turns", owner_calls_turns);
  g_test_add_func ("/par-soup/lane/lane-of-a-lost-owner-is-dead", lane_of_a_lost_owner_is_dead);
  g_test_add_func ("/par-soup/lane/settling-calls-what-is-due", settling_calls_what_is_due);

  return g_test_run ();
}
