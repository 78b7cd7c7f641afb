/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/par-limit-private.h"

#define SECOND G_GINT64_CONSTANT (1000000)
#define START (1000 * 24 * 3600 * SECOND)

/* Three who start things, by their names. */
static char a[] = "a", b[] = "b", c[] = "c";

typedef struct
{
  ParLimit limit;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  par_limit_init (&fixture->limit);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  par_limit_clear (&fixture->limit);
}

static gboolean
take (Fixture  *fixture,
      gpointer  owner,
      gint64    now_us)
{
  gint64 retry_at_us = 0;
  gboolean is_taken = par_limit_take (&fixture->limit, owner, now_us, &retry_at_us);

  g_assert_true (retry_at_us == -1 || (!is_taken && retry_at_us > now_us));

  return is_taken;
}

static gint64
get_retry_time (Fixture  *fixture,
                gpointer  owner,
                gint64    now_us)
{
  gint64 retry_at_us = 0;

  g_assert_false (par_limit_take (&fixture->limit, owner, now_us, &retry_at_us));

  return retry_at_us;
}

static void
assert_called (Fixture    *fixture,
               const char *expected,
               gint64      now_us)
{
  g_autoptr(GString) called = g_string_new (NULL);
  const char *owner;

  while ((owner = par_limit_call (&fixture->limit, now_us)) != NULL)
    g_string_append (called, owner);
  g_assert_cmpstr (called->str, ==, expected);
}

static void
no_bound_at_first (Fixture       *fixture,
                   gconstpointer  data)
{
  g_test_summary ("Everything may start, and is counted.");

  g_assert_true (par_limit_is_idle (&fixture->limit, START));
  for (guint i = 0; i < 1000; i++)
    g_assert_true (take (fixture, a, START));
  g_assert_cmpuint (fixture->limit.n_running, ==, 1000);
  g_assert_cmpuint (par_limit_count_free (&fixture->limit, b, START), ==, G_MAXUINT);
  g_assert_false (par_limit_is_idle (&fixture->limit, START));
  for (guint i = 0; i < 1000; i++)
    par_limit_release (&fixture->limit);
  g_assert_true (par_limit_is_idle (&fixture->limit, START));
}

static void
concurrency_bounds_what_runs (Fixture       *fixture,
                              gconstpointer  data)
{
  g_test_summary ("The third of two is refused until one is released, and is called then.");

  par_limit_set (&fixture->limit, 2, 0, 1, START);
  g_assert_true (take (fixture, a, START));
  g_assert_true (take (fixture, a, START));
  g_assert_cmpint (get_retry_time (fixture, a, START), ==, -1);
  assert_called (fixture, "", START);
  par_limit_release (&fixture->limit);
  assert_called (fixture, "a", START);
  assert_called (fixture, "", START);
  g_assert_true (take (fixture, a, START));
  g_assert_false (take (fixture, a, START));
  g_assert_cmpuint (fixture->limit.n_running, ==, 2);
}

static void
lowered_bound_takes_nothing_back (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("What runs over it ends first.");

  par_limit_set (&fixture->limit, 5, 0, 1, START);
  for (guint i = 0; i < 5; i++)
    g_assert_true (take (fixture, a, START));
  par_limit_set (&fixture->limit, 1, 0, 1, START);
  for (guint i = 0; i < 4; i++)
    {
      g_assert_false (take (fixture, a, START));
      par_limit_release (&fixture->limit);
    }
  g_assert_false (take (fixture, a, START));
  assert_called (fixture, "", START);
  par_limit_release (&fixture->limit);
  assert_called (fixture, "a", START);
  g_assert_true (take (fixture, a, START));
}

static void
rate_bounds_what_starts (Fixture       *fixture,
                         gconstpointer  data)
{
  g_test_summary ("Who is refused learns when to come again, and is right to come then.");

  par_limit_set (&fixture->limit, 0, 4, 2, START);
  g_assert_true (take (fixture, a, START));
  g_assert_true (take (fixture, a, START));
  g_assert_cmpint (get_retry_time (fixture, a, START), ==, START + SECOND / 4);
  g_assert_false (take (fixture, a, START + SECOND / 4 - 1));
  g_assert_true (take (fixture, a, START + SECOND / 4));
  par_limit_release (&fixture->limit);
  g_assert_false (take (fixture, a, START + SECOND / 4));
}

static void
all_that_is_needed_or_nothing (Fixture       *fixture,
                               gconstpointer  data)
{
  g_test_summary ("No permit is held by who waits for a token, and no token by who has no permit.");

  par_limit_set (&fixture->limit, 1, 1, 1, START);
  g_assert_true (take (fixture, a, START));
  for (gint64 i = 1; i <= 5; i++)
    g_assert_cmpint (get_retry_time (fixture, b, START + i * SECOND), ==, -1);
  g_assert_cmpuint (fixture->limit.n_running, ==, 1);
  par_limit_release (&fixture->limit);
  assert_called (fixture, "b", START + 5 * SECOND);
  g_assert_true (take (fixture, b, START + 5 * SECOND));
  par_limit_release (&fixture->limit);
  g_assert_cmpint (get_retry_time (fixture, b, START + 5 * SECOND), ==, START + 6 * SECOND);
  g_assert_cmpuint (fixture->limit.n_running, ==, 0);
}

static void
nobody_is_starved (Fixture       *fixture,
                   gconstpointer  data)
{
  g_autoptr(GString) order = g_string_new (NULL);
  const char *next = a;

  g_test_summary ("Two who always want more take turns, though one is at it already.");

  par_limit_set (&fixture->limit, 1, 0, 1, START);
  g_assert_true (take (fixture, a, START));
  g_assert_false (take (fixture, b, START));
  for (guint i = 0; i < 6; i++)
    {
      /* It releases, and wants the next at once, before anybody else can. */
      par_limit_release (&fixture->limit);
      g_assert_false (take (fixture, (char *) next, START));
      next = par_limit_call (&fixture->limit, START);
      g_assert_nonnull (next);
      g_assert_true (take (fixture, (char *) next, START));
      g_string_append (order, next);
    }
  g_assert_cmpstr (order->str, ==, "bababa");
}

static void
tokens_go_in_turns_too (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("Each in the line is told its own time, and who comes earlier does not push in.");

  par_limit_set (&fixture->limit, 0, 1, 1, START);
  g_assert_true (take (fixture, a, START));
  g_assert_cmpint (get_retry_time (fixture, b, START), ==, START + SECOND);
  g_assert_cmpint (get_retry_time (fixture, c, START), ==, START + 2 * SECOND);
  g_assert_cmpint (get_retry_time (fixture, a, START), ==, START + 3 * SECOND);

  g_assert_cmpint (get_retry_time (fixture, a, START + SECOND), ==, START + 3 * SECOND);
  g_assert_true (take (fixture, b, START + SECOND));
  g_assert_cmpint (get_retry_time (fixture, b, START + SECOND), ==, START + 4 * SECOND);
  g_assert_true (take (fixture, c, START + 2 * SECOND));
  g_assert_true (take (fixture, a, START + 3 * SECOND));
  g_assert_true (take (fixture, b, START + 4 * SECOND));
}

static void
who_is_called_takes_it_or_leaves (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("The next one is called when it leaves; who was not called keeps its place.");

  par_limit_set (&fixture->limit, 1, 0, 1, START);
  g_assert_true (take (fixture, a, START));
  g_assert_false (take (fixture, b, START));
  g_assert_false (take (fixture, c, START));
  g_assert_false (par_limit_leave (&fixture->limit, b, TRUE));
  par_limit_release (&fixture->limit);
  assert_called (fixture, "b", START);
  g_assert_false (take (fixture, c, START));
  g_assert_false (par_limit_leave (&fixture->limit, c, TRUE));
  g_assert_true (par_limit_leave (&fixture->limit, b, TRUE));
  g_assert_false (par_limit_leave (&fixture->limit, b, TRUE));
  assert_called (fixture, "c", START);
  g_assert_true (take (fixture, c, START));

  g_assert_false (take (fixture, b, START));
  g_assert_true (par_limit_leave (&fixture->limit, b, FALSE));
  g_assert_cmpuint (fixture->limit.waiting.length, ==, 0);
}

static void
as_many_are_called_as_may_start (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_test_summary ("When the bound is raised, or the rate.");

  par_limit_set (&fixture->limit, 1, 0, 1, START);
  g_assert_true (take (fixture, a, START));
  g_assert_false (take (fixture, a, START));
  g_assert_false (take (fixture, b, START));
  g_assert_false (take (fixture, c, START));
  par_limit_set (&fixture->limit, 3, 0, 1, START);
  g_assert_cmpuint (par_limit_count_free (&fixture->limit, a, START), ==, 2);
  g_assert_cmpuint (par_limit_count_free (&fixture->limit, b, START), ==, 1);
  g_assert_cmpuint (par_limit_count_free (&fixture->limit, c, START), ==, 0);
  g_assert_cmpuint (par_limit_count_free (&fixture->limit, NULL, START), ==, 0);
  assert_called (fixture, "ab", START);
  par_limit_set (&fixture->limit, 0, 0, 1, START);
  assert_called (fixture, "c", START);
  g_assert_cmpuint (par_limit_count_free (&fixture->limit, NULL, START), >, 1000);
}

static void
nobody_in_particular_goes_last (Fixture       *fixture,
                                gconstpointer  data)
{
  g_test_summary ("And stands in no line.");

  par_limit_set (&fixture->limit, 2, 0, 1, START);
  g_assert_true (take (fixture, NULL, START));
  g_assert_true (take (fixture, NULL, START));
  g_assert_false (take (fixture, NULL, START));
  g_assert_cmpuint (fixture->limit.waiting.length, ==, 0);
  g_assert_false (take (fixture, a, START));
  par_limit_release (&fixture->limit);
  g_assert_false (take (fixture, NULL, START));
  g_assert_true (take (fixture, a, START));
}

static void
what_was_not_used_can_be_put_back (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_test_summary ("The permit and the token.");

  par_limit_set (&fixture->limit, 1, 1, 1, START);
  g_assert_true (take (fixture, a, START));
  g_assert_false (take (fixture, b, START));
  par_limit_put_back (&fixture->limit, START);
  assert_called (fixture, "b", START);
  g_assert_true (take (fixture, b, START));
}

static void
permits_can_be_lent (Fixture       *fixture,
                     gconstpointer  data)
{
  g_test_summary ("And are taken back though there is no room, which the next one waits for.");

  par_limit_set (&fixture->limit, 1, 0, 1, START);
  g_assert_true (take (fixture, a, START));
  g_assert_false (take (fixture, b, START));
  par_limit_lend (&fixture->limit);
  assert_called (fixture, "b", START);
  g_assert_true (take (fixture, b, START));
  par_limit_take_back (&fixture->limit);
  g_assert_cmpuint (fixture->limit.n_running, ==, 2);
  par_limit_release (&fixture->limit);
  g_assert_false (take (fixture, b, START));
  par_limit_release (&fixture->limit);
  g_assert_true (take (fixture, b, START));

  par_limit_lend (&fixture->limit);
  g_assert_false (par_limit_is_idle (&fixture->limit, START));
}

static void
idle_is_as_good_as_new (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("Not before the bucket is full again.");

  par_limit_set (&fixture->limit, 1, 0.5, 1, START);
  g_assert_true (par_limit_is_idle (&fixture->limit, START));
  g_assert_true (take (fixture, a, START));
  g_assert_false (par_limit_is_idle (&fixture->limit, START + 3 * SECOND));
  par_limit_release (&fixture->limit);
  g_assert_false (par_limit_is_idle (&fixture->limit, START + 2 * SECOND - 1));
  g_assert_true (par_limit_is_idle (&fixture->limit, START + 2 * SECOND));
  g_assert_false (take (fixture, a, START));
  g_assert_false (par_limit_is_idle (&fixture->limit, START + 2 * SECOND));
  g_assert_true (par_limit_dismiss (&fixture->limit) == a);
  g_assert_null (par_limit_dismiss (&fixture->limit));
  g_assert_true (par_limit_is_idle (&fixture->limit, START + 2 * SECOND));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/limit/" name, Fixture, NULL, set_up, func, tear_down)
  add ("no-bound-at-first", no_bound_at_first);
  add ("concurrency-bounds-what-runs", concurrency_bounds_what_runs);
  add ("lowered-bound-takes-nothing-back", lowered_bound_takes_nothing_back);
  add ("rate-bounds-what-starts", rate_bounds_what_starts);
  add ("all-that-is-needed-or-nothing", all_that_is_needed_or_nothing);
  add ("nobody-is-starved", nobody_is_starved);
  add ("tokens-go-in-turns-too", tokens_go_in_turns_too);
  add ("who-is-called-takes-it-or-leaves", who_is_called_takes_it_or_leaves);
  add ("as-many-are-called-as-may-start", as_many_are_called_as_may_start);
  add ("nobody-in-particular-goes-last", nobody_in_particular_goes_last);
  add ("what-was-not-used-can-be-put-back", what_was_not_used_can_be_put_back);
  add ("permits-can-be-lent", permits_can_be_lent);
  add ("idle-is-as-good-as-new", idle_is_as_good_as_new);
#undef add

  return g_test_run ();
}
