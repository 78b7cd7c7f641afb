/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/par-latency-private.h"

typedef struct
{
  ParLatency *latency;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->latency = g_new0 (ParLatency, 1);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_free (fixture->latency);
}

static void
assert_within_one_percent (gint64 actual,
                           gint64 expected)
{
  g_assert_cmpfloat_with_epsilon ((double) actual, (double) expected, expected / 100.0);
}

static void
quantiles_are_within_one_percent (Fixture       *fixture,
                                  gconstpointer  data)
{
  static const struct
  {
    double share;
    gint64 expected;
  } rows[] = {
    { 0.0, 1 },
    { 0.00001, 1 },
    { 0.001, 100 },
    { 0.01, 1000 },
    { 0.25, 25000 },
    { 0.5, 50000 },
    { 0.75, 75000 },
    { 0.9, 90000 },
    { 0.95, 95000 },
    { 0.99, 99000 },
    { 0.999, 99900 },
    { 1.0, 100000 },
  };

  g_test_summary ("Of each value from 1 to 100000, the quantile is where it belongs.");

  /* The order in which they come must not matter: 7 is prime to their number. */
  for (gint64 i = 0; i < 100000; i++)
    par_latency_add (fixture->latency, i * 7 % 100000 + 1);

  g_assert_cmpuint (fixture->latency->n_values, ==, 100000);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    assert_within_one_percent (par_latency_get_quantile (fixture->latency, rows[i].share),
                               rows[i].expected);
}

static void
one_value_is_every_quantile (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("From a microsecond to twelve days, a value comes back within 1 %.");

  for (gint64 value = 1; value < (G_GINT64_CONSTANT (1) << 40); value += value / 50 + 1)
    {
      ParLatency *latency = g_new0 (ParLatency, 1);

      par_latency_add (latency, value);
      assert_within_one_percent (par_latency_get_quantile (latency, 0), value);
      assert_within_one_percent (par_latency_get_quantile (latency, 0.5), value);
      assert_within_one_percent (par_latency_get_quantile (latency, 1), value);
      g_free (latency);
    }
}

static void
small_values_are_exact (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("Where 1 % is less than a microsecond, nothing is rounded.");

  for (gint64 value = 0; value < 128; value++)
    par_latency_add (fixture->latency, value);
  for (gint64 value = 0; value < 128; value++)
    g_assert_cmpint (par_latency_get_quantile (fixture->latency, (value + 0.5) / 128), ==, value);
}

static void
rare_slow_values_are_found (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("One call in ten takes 500 ms: the ninetieth percentile does not show it.");

  for (guint i = 0; i < 900; i++)
    par_latency_add (fixture->latency, 20000);
  for (guint i = 0; i < 100; i++)
    par_latency_add (fixture->latency, 500000);

  assert_within_one_percent (par_latency_get_quantile (fixture->latency, 0.5), 20000);
  assert_within_one_percent (par_latency_get_quantile (fixture->latency, 0.9), 20000);
  assert_within_one_percent (par_latency_get_quantile (fixture->latency, 0.901), 500000);
  assert_within_one_percent (par_latency_get_quantile (fixture->latency, 1), 500000);
}

static void
no_values_have_no_quantile (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("-1 is no duration.");

  g_assert_cmpint (par_latency_get_quantile (fixture->latency, 0), ==, -1);
  g_assert_cmpint (par_latency_get_quantile (fixture->latency, 0.5), ==, -1);
  g_assert_cmpint (par_latency_get_quantile (fixture->latency, 1), ==, -1);
}

static void
negative_values_count_as_zero (Fixture       *fixture,
                               gconstpointer  data)
{
  g_test_summary ("A clock that goes backwards does no harm.");

  par_latency_add (fixture->latency, 0);
  par_latency_add (fixture->latency, -1);
  par_latency_add (fixture->latency, G_MININT64);

  g_assert_cmpuint (fixture->latency->n_values, ==, 3);
  g_assert_cmpint (par_latency_get_quantile (fixture->latency, 0), ==, 0);
  g_assert_cmpint (par_latency_get_quantile (fixture->latency, 1), ==, 0);
}

static void
huge_values_are_the_largest (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("What is too large for a bucket of its own is at least longer than a week.");

  par_latency_add (fixture->latency, 1000);
  par_latency_add (fixture->latency, G_GINT64_CONSTANT (1) << 41);
  par_latency_add (fixture->latency, G_MAXINT64);

  g_assert_cmpuint (fixture->latency->n_values, ==, 3);
  assert_within_one_percent (par_latency_get_quantile (fixture->latency, 0.3), 1000);
  g_assert_cmpint (par_latency_get_quantile (fixture->latency, 0.6), >, 7 * G_TIME_SPAN_DAY);
  g_assert_cmpint (par_latency_get_quantile (fixture->latency, 1), >, 7 * G_TIME_SPAN_DAY);
}

static void
quantiles_grow_with_the_share (Fixture       *fixture,
                               gconstpointer  data)
{
  gint64 last = 0;

  g_test_summary ("A larger share of values is never below a smaller one.");

  for (guint i = 0; i < 5000; i++)
    par_latency_add (fixture->latency,
                     (gint64) g_test_rand_int_range (0, G_MAXINT) >> g_test_rand_int_range (0, 31));

  for (guint i = 0; i <= 1000; i++)
    {
      gint64 quantile = par_latency_get_quantile (fixture->latency, i / 1000.0);

      g_assert_cmpint (quantile, >=, last);
      last = quantile;
    }
}

static void
joined_values_can_be_taken_away (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autofree ParLatency *others = g_new0 (ParLatency, 1);
  g_autofree ParLatency *before = g_new0 (ParLatency, 1);

  g_test_summary ("What is left is what there was.");

  for (gint64 i = 1; i <= 1000; i++)
    {
      par_latency_add (fixture->latency, i);
      par_latency_add (others, 1000 * i);
    }
  *before = *fixture->latency;

  par_latency_join (fixture->latency, others);
  g_assert_cmpuint (fixture->latency->n_values, ==, 2000);
  assert_within_one_percent (par_latency_get_quantile (fixture->latency, 0.5), 1000);
  assert_within_one_percent (par_latency_get_quantile (fixture->latency, 1), 1000000);

  par_latency_remove (fixture->latency, others);
  g_assert_cmpmem (fixture->latency, sizeof *before, before, sizeof *before);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/latency/" name, Fixture, NULL, set_up, func, tear_down)
  add ("quantiles-are-within-one-percent", quantiles_are_within_one_percent);
  add ("one-value-is-every-quantile", one_value_is_every_quantile);
  add ("small-values-are-exact", small_values_are_exact);
  add ("rare-slow-values-are-found", rare_slow_values_are_found);
  add ("no-values-have-no-quantile", no_values_have_no_quantile);
  add ("negative-values-count-as-zero", negative_values_count_as_zero);
  add ("huge-values-are-the-largest", huge_values_are_the_largest);
  add ("quantiles-grow-with-the-share", quantiles_grow_with_the_share);
  add ("joined-values-can-be-taken-away", joined_values_can_be_taken_away);
#undef add

  return g_test_run ();
}
