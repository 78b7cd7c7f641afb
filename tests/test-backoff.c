/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/par-backoff-private.h"

#include <math.h>

static void
delays_grow_up_to_the_cap (void)
{
  static const struct
  {
    ParBackoff backoff;
    guint n_failed;
    gint64 expected_us;
  } rows[] = {
    { { 100000, 10000000, 2, 0 }, 1, 100000 },
    { { 100000, 10000000, 2, 0 }, 2, 200000 },
    { { 100000, 10000000, 2, 0 }, 3, 400000 },
    { { 100000, 10000000, 2, 0 }, 7, 6400000 },
    { { 100000, 10000000, 2, 0 }, 8, 10000000 },
    { { 100000, 10000000, 2, 0 }, 9, 10000000 },
    { { 100000, 10000000, 2, 0 }, 0, 100000 },
    { { 100000, 10000000, 1, 0 }, 50, 100000 },
    { { 100000, 10000000, 1.5, 0 }, 3, 225000 },
    { { 100000, 50000, 2, 0 }, 1, 50000 },
    { { 100000, 0, 2, 0 }, 5, 0 },
    { { 0, 10000000, 2, 0 }, 1, 0 },
    { { 0, 10000000, 2, 0 }, G_MAXUINT, 0 },
    /* Far beyond what any number holds. */
    { { 100000, 10000000, 2, 0 }, G_MAXUINT, 10000000 },
    { { 1, G_MAXINT * 1000ll, 1e9, 0 }, G_MAXUINT, G_MAXINT * 1000ll },
    { { G_MAXINT * 1000ll, G_MAXINT * 1000ll, 1e9, 0 }, 2, G_MAXINT * 1000ll },
  };
  g_autoptr(GRand) random = g_rand_new_with_seed (1);

  g_test_summary ("With no jitter each delay is the last one times the multiplier.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpint (par_backoff_get_delay (&rows[i].backoff, rows[i].n_failed, random),
                     ==, rows[i].expected_us);
}

static int
compare_delays (gconstpointer a,
                gconstpointer b)
{
  const gint64 *left = a, *right = b;

  return (*left > *right) - (*left < *right);
}

static void
jitter_is_uniform (void)
{
  static const struct
  {
    double jitter;
    gint64 low_us;
    gint64 high_us;
  } rows[] = {
    { 1, 0, 400000 },
    { 0.5, 200000, 400000 },
    { 0.1, 360000, 400000 },
  };
  g_autofree gint64 *delays = g_new (gint64, 10000);
  g_autoptr(GRand) random = g_rand_new_with_seed (1);

  g_test_summary ("Between what is not left to chance and all, by Kolmogorov and Smirnov at 1 %.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const ParBackoff backoff = { 100000, 10000000, 2, rows[i].jitter };
      double distance = 0;

      for (guint k = 0; k < 10000; k++)
        delays[k] = par_backoff_get_delay (&backoff, 3, random);
      qsort (delays, 10000, sizeof *delays, compare_delays);
      g_assert_cmpint (delays[0], >=, rows[i].low_us);
      g_assert_cmpint (delays[9999], <=, rows[i].high_us);
      for (guint k = 0; k < 10000; k++)
        {
          double share = (delays[k] - rows[i].low_us) / (double) (rows[i].high_us - rows[i].low_us);

          distance = MAX (distance, fabs ((k + 0.5) / 10000 - share));
        }
      g_assert_cmpfloat (distance, <, 1.628 / 100);
    }
}

static void
same_seed_same_delays (void)
{
  const ParBackoff backoff = { 100000, 10000000, 2, 1 };
  g_autoptr(GRand) one = g_rand_new_with_seed (42);
  g_autoptr(GRand) two = g_rand_new_with_seed (42);
  g_autoptr(GRand) other = g_rand_new_with_seed (43);
  guint n_same = 0;

  g_test_summary ("And another seed, others.");

  for (guint i = 0; i < 1000; i++)
    {
      gint64 delay_us = par_backoff_get_delay (&backoff, i % 5 + 1, one);

      g_assert_cmpint (par_backoff_get_delay (&backoff, i % 5 + 1, two), ==, delay_us);
      n_same += par_backoff_get_delay (&backoff, i % 5 + 1, other) == delay_us;
    }
  g_assert_cmpuint (n_same, <, 10);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/par/backoff/" name, func)
  add ("delays-grow-up-to-the-cap", delays_grow_up_to_the_cap);
  add ("jitter-is-uniform", jitter_is_uniform);
  add ("same-seed-same-delays", same_seed_same_delays);
#undef add

  return g_test_run ();
}
