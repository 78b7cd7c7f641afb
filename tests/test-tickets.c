/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/par-tickets-private.h"

typedef struct
{
  ParTickets tickets;
  char one, two;  /* owners */
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  par_tickets_init (&fixture->tickets);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  par_tickets_clear (&fixture->tickets);
}

static void
assert_next (Fixture *fixture,
             gpointer expected_owner,
             guint64  expected_number)
{
  gpointer owner;
  guint64 number;

  g_assert_true (par_tickets_pop (&fixture->tickets, &owner, &number));
  g_assert_true (owner == expected_owner);
  g_assert_cmpuint (number, ==, expected_number);
}

static void
assert_empty (Fixture *fixture)
{
  gpointer owner;
  guint64 number;

  g_assert_cmpuint (par_tickets_get_n (&fixture->tickets), ==, 0);
  g_assert_false (par_tickets_pop (&fixture->tickets, &owner, &number));
}

static void
first_come_first_served (Fixture       *fixture,
                         gconstpointer  data)
{
  g_test_summary ("Whoever owns the ticket, and whatever its number.");

  g_assert_true (par_tickets_push (&fixture->tickets, &fixture->two, 7));
  g_assert_true (par_tickets_push (&fixture->tickets, &fixture->one, 7));
  g_assert_true (par_tickets_push (&fixture->tickets, &fixture->two, G_MAXUINT64));
  g_assert_true (par_tickets_push (&fixture->tickets, &fixture->two, 0));
  g_assert_cmpuint (par_tickets_get_n (&fixture->tickets), ==, 4);

  assert_next (fixture, &fixture->two, 7);
  assert_next (fixture, &fixture->one, 7);
  assert_next (fixture, &fixture->two, G_MAXUINT64);
  assert_next (fixture, &fixture->two, 0);
  assert_empty (fixture);
}

static void
nobody_stands_in_line_twice (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("The second time changes nothing, until it has been served.");

  g_assert_true (par_tickets_push (&fixture->tickets, &fixture->one, 1));
  g_assert_true (par_tickets_push (&fixture->tickets, &fixture->one, 2));
  g_assert_false (par_tickets_push (&fixture->tickets, &fixture->one, 1));
  assert_next (fixture, &fixture->one, 1);
  g_assert_true (par_tickets_push (&fixture->tickets, &fixture->one, 1));
  assert_next (fixture, &fixture->one, 2);
  assert_next (fixture, &fixture->one, 1);
  assert_empty (fixture);
}

static void
any_place_can_be_left (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("The first, the last, one between; and only one's own.");

  for (guint64 i = 0; i < 5; i++)
    g_assert_true (par_tickets_push (&fixture->tickets, &fixture->one, i));

  g_assert_false (par_tickets_remove (&fixture->tickets, &fixture->two, 2));
  g_assert_false (par_tickets_remove (&fixture->tickets, &fixture->one, 5));
  g_assert_true (par_tickets_remove (&fixture->tickets, &fixture->one, 2));
  g_assert_true (par_tickets_remove (&fixture->tickets, &fixture->one, 0));
  g_assert_true (par_tickets_remove (&fixture->tickets, &fixture->one, 4));
  g_assert_false (par_tickets_remove (&fixture->tickets, &fixture->one, 4));
  g_assert_true (par_tickets_contains (&fixture->tickets, &fixture->one, 1));
  g_assert_false (par_tickets_contains (&fixture->tickets, &fixture->one, 2));
  g_assert_false (par_tickets_contains (&fixture->tickets, &fixture->two, 1));

  assert_next (fixture, &fixture->one, 1);
  assert_next (fixture, &fixture->one, 3);
  assert_empty (fixture);
}

static void
long_lines_are_left_quickly (Fixture       *fixture,
                             gconstpointer  data)
{
  const guint64 n = 200000;

  g_test_summary ("Without a walk along it: 200 000 leave from its middle outwards.");

  for (guint64 i = 0; i < n; i++)
    g_assert_true (par_tickets_push (&fixture->tickets, &fixture->one, i));
  for (guint64 i = 0; i < n / 2; i++)
    {
      g_assert_true (par_tickets_remove (&fixture->tickets, &fixture->one, n / 2 + i));
      g_assert_true (par_tickets_remove (&fixture->tickets, &fixture->one, n / 2 - 1 - i));
    }
  assert_empty (fixture);
}

static void
what_is_left_is_freed (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("With the line itself; a leak checker sees it.");

  for (guint64 i = 0; i < 100; i++)
    par_tickets_push (&fixture->tickets, &fixture->one, i);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/tickets/" name, Fixture, NULL, set_up, func, tear_down)
  add ("first-come-first-served", first_come_first_served);
  add ("nobody-stands-in-line-twice", nobody_stands_in_line_twice);
  add ("any-place-can-be-left", any_place_can_be_left);
  add ("long-lines-are-left-quickly", long_lines_are_left_quickly);
  add ("what-is-left-is-freed", what_is_left_is_freed);
#undef add

  return g_test_run ();
}
