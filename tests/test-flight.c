/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/par-flight-private.h"

#define SECOND G_GINT64_CONSTANT (1000000)
#define START (1000 * 24 * 3600 * SECOND)

/* That groups are in order, and that none spans more than an eighth of its age: but for those that
 * are so many and so young that there is no room for each. */
static void
assert_groups (const ParFlight *flight,
               gint64           now_us)
{
  g_assert_cmpuint (flight->n_groups, <=, PAR_FLIGHT_MAX_GROUPS);
  for (guint i = 0; i < flight->n_groups; i++)
    {
      const ParFlightGroup *group = &flight->groups[i];

      g_assert_cmpint (group->since_us, <=, group->until_us);
      g_assert_cmpint (group->until_us, <=, now_us);
      if (i > 0)
        g_assert_cmpint (group->since_us, >, flight->groups[i - 1].until_us);
    }
}

static void
calls_end_in_any_order (void)
{
  g_autofree ParFlight *flight = g_new0 (ParFlight, 1);

  g_test_summary ("And each ends once.");

  par_flight_begin (flight, START);
  par_flight_begin (flight, START);
  par_flight_begin (flight, START + 10);
  par_flight_begin (flight, START + 20);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 4);

  par_flight_end (flight, START + 10);
  par_flight_end (flight, START + 10);
  par_flight_end (flight, START + 5);
  par_flight_end (flight, START - 5);
  par_flight_end (flight, START + 25);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 3);
  par_flight_end (flight, START);
  par_flight_end (flight, START + 20);
  par_flight_end (flight, START);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 0);
  g_assert_cmpuint (flight->n_groups, ==, 0);
  par_flight_end (flight, START);
}

static void
ages_are_within_an_eighth (void)
{
  g_autofree ParFlight *flight = g_new0 (ParFlight, 1);
  gint64 now_us = START;

  g_test_summary ("100 000 calls in flight, one a millisecond, none of which ends.");

  for (guint i = 0; i < 100000; i++)
    {
      par_flight_begin (flight, now_us);
      now_us += 1000;
    }

  assert_groups (flight, now_us);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 100000);
  for (guint i = 0; i < flight->n_groups; i++)
    {
      const ParFlightGroup *group = &flight->groups[i];

      g_assert_cmpint (group->until_us - group->since_us, <=, (now_us - group->until_us) / 8);
    }
}

static void
any_number_fits (void)
{
  g_autofree ParFlight *flight = g_new0 (ParFlight, 1);
  g_autoptr(GArray) begun = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 now_us = START;

  g_test_summary ("At any distance, with ends in between at random, none is lost.");

  for (guint i = 0; i < 200000; i++)
    {
      now_us += (gint64) g_test_rand_int_range (0, 1 << 20) >> g_test_rand_int_range (0, 20);
      par_flight_begin (flight, now_us);
      g_array_append_val (begun, now_us);
      if (begun->len > 1000)
        {
          guint k = g_test_rand_int_range (0, begun->len);

          par_flight_end (flight, g_array_index (begun, gint64, k));
          g_array_remove_index_fast (begun, k);
        }
    }
  assert_groups (flight, now_us);
  g_assert_cmpuint (par_flight_get_n (flight), ==, begun->len);

  for (guint i = 0; i < begun->len; i++)
    par_flight_end (flight, g_array_index (begun, gint64, i));
  g_assert_cmpuint (par_flight_get_n (flight), ==, 0);
}

static void
many_at_once_fit_too (void)
{
  g_autofree ParFlight *flight = g_new0 (ParFlight, 1);

  g_test_summary ("A million calls, one each microsecond, when none is old enough to be joined.");

  for (gint64 i = 0; i < 1000000; i++)
    par_flight_begin (flight, START + i);
  assert_groups (flight, START + 1000000);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 1000000);
}

static void
old_calls_are_forgotten (void)
{
  g_autofree ParFlight *flight = g_new0 (ParFlight, 1);

  g_test_summary ("And may end afterwards.");

  for (gint64 i = 0; i < 100; i++)
    par_flight_begin (flight, START + i * SECOND);
  par_flight_forget (flight, START + 40 * SECOND);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 60);
  par_flight_end (flight, START + 39 * SECOND);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 60);
  par_flight_end (flight, START + 40 * SECOND);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 59);
  par_flight_forget (flight, START + 1000 * SECOND);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 0);
}

static void
time_that_goes_backwards_does_no_harm (void)
{
  g_autofree ParFlight *flight = g_new0 (ParFlight, 1);

  g_test_summary ("It stands still.");

  par_flight_begin (flight, START);
  par_flight_begin (flight, START - SECOND);
  assert_groups (flight, START);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 2);
  par_flight_end (flight, START - SECOND);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 2);
  par_flight_end (flight, START);
  par_flight_end (flight, START);
  g_assert_cmpuint (par_flight_get_n (flight), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/par/flight/" name, func)
  add ("calls-end-in-any-order", calls_end_in_any_order);
  add ("ages-are-within-an-eighth", ages_are_within_an_eighth);
  add ("any-number-fits", any_number_fits);
  add ("many-at-once-fit-too", many_at_once_fit_too);
  add ("old-calls-are-forgotten", old_calls_are_forgotten);
  add ("time-that-goes-backwards-does-no-harm", time_that_goes_backwards_does_no_harm);
#undef add

  return g_test_run ();
}
