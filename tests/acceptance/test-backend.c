/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "backend.h"

#include <math.h>

#define N_DRAWS 100000

static double
uniform_share (double x,
               double low,
               double high)
{
  return CLAMP ((x - low) / (high - low), 0, 1);
}

static double
lognormal_share (double x,
                 double mu,
                 double sigma)
{
  return 0.5 * erfc (-(log (x) - mu) / (sigma * G_SQRT2));
}

/* The share of attempts that take no longer than @msec, as the distributions are defined. */
static double
expected_share (BackendKind kind,
                double      msec)
{
  switch (kind)
    {
    case BACKEND_ONE_IN_TEN:
      return 0.9 * uniform_share (msec, 8, 12) + 0.1 * uniform_share (msec, 480, 520);

    case BACKEND_TAILED:
      {
        double sigma = sqrt (log (1 + 20.0 * 20.0 / (50.0 * 50.0)));
        double mu = log (50) - sigma * sigma / 2;

        return 0.95 * lognormal_share (msec, mu, sigma)
               + 0.05 * lognormal_share (msec, mu + log (10), sigma);
      }

    case BACKEND_SPREAD:
      return lognormal_share (msec, log (50), 1);

    case BACKEND_EXPONENTIAL:
      return 1 - exp (-msec / 50);

    case BACKEND_STEADY:
      return 0.98 * uniform_share (msec, 8, 12) + (msec >= 300 ? 0.02 : 0);

    default:
      g_return_val_if_reached (0);
    }
}

static int
compare_latencies (gconstpointer a,
                   gconstpointer b)
{
  const gint64 *left = a, *right = b;

  return (*left > *right) - (*left < *right);
}

/* The largest distance between what is drawn and what is expected of @kind. */
static double
measure_distance (const Backend *backend,
                  guint          number,
                  BackendKind    kind)
{
  g_autofree gint64 *latencies = g_new (gint64, N_DRAWS);
  double distance = 0;

  for (guint i = 0; i < N_DRAWS; i++)
    latencies[i] = backend_get_latency (backend, i, number);
  qsort (latencies, N_DRAWS, sizeof *latencies, compare_latencies);

  /* Only where the next one is another: 300 ms stands for many. They are whole microseconds. */
  for (guint i = 0; i < N_DRAWS; i++)
    {
      if (i + 1 < N_DRAWS && latencies[i + 1] == latencies[i])
        continue;

      distance = MAX (distance, fabs ((i + 1.0) / N_DRAWS
                                      - expected_share (kind, (latencies[i] + 0.5) / 1000)));
    }

  return distance;
}

/* What Kolmogorov and Smirnov allow at 1 %. */
static const double max_distance = 1.628 / 316.2;  /* the root of N_DRAWS */

static void
latencies_are_as_defined (gconstpointer data)
{
  const Backend backend = { GPOINTER_TO_INT (data), 1 };

  g_test_summary ("Whichever number an attempt has, and as no other kind is.");

  for (guint number = 1; number <= 4; number++)
    g_assert_cmpfloat (measure_distance (&backend, number, backend.kind), <, max_distance);

  for (BackendKind kind = BACKEND_ONE_IN_TEN; kind <= BACKEND_STEADY; kind++)
    {
      if (kind != backend.kind)
        g_assert_cmpfloat (measure_distance (&backend, 1, kind), >, 4 * max_distance);
    }
}

static void
latencies_do_not_depend_on_order (void)
{
  const Backend backend = { BACKEND_TAILED, 7 };
  g_autofree gint64 *latencies = g_new (gint64, 1000);

  g_test_summary ("Forwards, backwards and again, each attempt takes as long as it does.");

  for (guint i = 0; i < 1000; i++)
    latencies[i] = backend_get_latency (&backend, i / 4, i % 4 + 1);
  for (guint i = 1000; i-- > 0;)
    g_assert_cmpint (backend_get_latency (&backend, i / 4, i % 4 + 1), ==, latencies[i]);
}

static void
seeds_differ (void)
{
  const Backend one = { BACKEND_SPREAD, 1 };
  const Backend two = { BACKEND_SPREAD, 2 };
  guint n_same = 0;

  g_test_summary ("Another seed, other latencies.");

  for (guint i = 0; i < 1000; i++)
    n_same += backend_get_latency (&one, i, 1) == backend_get_latency (&two, i, 1);
  g_assert_cmpuint (n_same, <, 5);
}

/* How often both are slower than the ninetieth percentile, per pair. */
static double
measure_pairs (guint64 index_step,
               guint   number_step)
{
  const Backend backend = { BACKEND_EXPONENTIAL, 3 };
  const gint64 slow_us = llround (50000 * log (10));
  guint n_pairs = 0;

  for (guint i = 0; i < N_DRAWS; i++)
    n_pairs += backend_get_latency (&backend, i, 1) > slow_us
               && backend_get_latency (&backend, i + index_step, 1 + number_step) > slow_us;

  return n_pairs / (double) N_DRAWS;
}

static void
attempts_are_independent (void)
{
  g_test_summary ("One attempt in ten is slow, so one pair in a hundred, however they are paired.");

  g_assert_cmpfloat_with_epsilon (measure_pairs (0, 1), 0.01, 0.001);
  g_assert_cmpfloat_with_epsilon (measure_pairs (0, 2), 0.01, 0.001);
  g_assert_cmpfloat_with_epsilon (measure_pairs (1, 0), 0.01, 0.001);
  g_assert_cmpfloat_with_epsilon (measure_pairs (1, 1), 0.01, 0.001);
  g_assert_cmpfloat_with_epsilon (measure_pairs (1000, 0), 0.01, 0.001);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func, kind) \
  g_test_add_data_func ("/backend/" name, GINT_TO_POINTER (kind), func)
  add ("one-in-ten-is-as-defined", latencies_are_as_defined, BACKEND_ONE_IN_TEN);
  add ("tailed-is-as-defined", latencies_are_as_defined, BACKEND_TAILED);
  add ("spread-is-as-defined", latencies_are_as_defined, BACKEND_SPREAD);
  add ("exponential-is-as-defined", latencies_are_as_defined, BACKEND_EXPONENTIAL);
  add ("steady-is-as-defined", latencies_are_as_defined, BACKEND_STEADY);
#undef add
  g_test_add_func ("/backend/latencies-do-not-depend-on-order", latencies_do_not_depend_on_order);
  g_test_add_func ("/backend/seeds-differ", seeds_differ);
  g_test_add_func ("/backend/attempts-are-independent", attempts_are_independent);

  return g_test_run ();
}
