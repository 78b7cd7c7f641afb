/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/par-window-private.h"

#include "acceptance/backend.h"

#include <math.h>

#define SECOND G_GINT64_CONSTANT (1000000)
#define MINUTE (60 * SECOND)

/* As late as the monotonic clock may be. */
#define START (1000 * 24 * 60 * MINUTE)

typedef struct
{
  ParWindow *window;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->window = par_window_new (30 * SECOND);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_free (fixture->window);
}

static void
assert_within_one_percent (gint64 actual,
                           gint64 expected)
{
  g_assert_cmpfloat_with_epsilon ((double) actual, (double) expected, expected / 100.0);
}

static void
no_samples_have_no_quantile (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("-1 is no duration.");

  g_assert_cmpuint (par_window_get_n (fixture->window), ==, 0);
  g_assert_cmpint (par_window_get_quantile (fixture->window, 0.5), ==, -1);
  par_window_advance (fixture->window, START);
  g_assert_cmpint (par_window_get_quantile (fixture->window, 0.999), ==, -1);
}

static int
compare_durations (gconstpointer a,
                   gconstpointer b)
{
  const gint64 *left = a, *right = b;

  return (*left > *right) - (*left < *right);
}

static void
quantiles_are_within_one_percent (Fixture       *fixture,
                                  gconstpointer  data)
{
  static const double shares[] = { 0.5, 0.75, 0.9, 0.95, 0.99, 0.999 };
  gint64 durations[20000];

  g_test_summary ("Of what was really seen, for any distribution and number of samples.");

  for (BackendKind kind = BACKEND_ONE_IN_TEN; kind <= BACKEND_STEADY; kind++)
    {
      const Backend backend = { kind, 1 };
      g_autofree ParWindow *window = par_window_new (30 * SECOND);
      guint n = 0;

      for (guint n_wanted = 1; n_wanted <= G_N_ELEMENTS (durations); n_wanted *= 3)
        {
          for (; n < n_wanted; n++)
            {
              durations[n] = backend_get_latency (&backend, n, 1);
              par_window_add (window, durations[n], FALSE, START);
            }
          qsort (durations, n, sizeof *durations, compare_durations);

          for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
            {
              guint rank = CLAMP (ceil (shares[i] * (n + 1) - 0.5), 1, n);

              assert_within_one_percent (par_window_get_quantile (window, shares[i]),
                                         durations[rank - 1]);
            }
        }
    }
}

static void
old_samples_leave (Fixture       *fixture,
                   gconstpointer  data)
{
  static const struct
  {
    gint64 age_us;
    gboolean is_known;
  } rows[] = {
    { 0, TRUE },
    { 10 * SECOND, TRUE },
    { 26 * SECOND, TRUE },
    { 30 * SECOND, FALSE },
    { 31 * SECOND, FALSE },
    { 61 * SECOND, FALSE },
    { 60 * MINUTE, FALSE },
    { 10000 * 60 * MINUTE, FALSE },
  };

  g_test_summary ("Not before seven eighths of the window, and all when it has passed.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      /* Whenever they come. */
      for (gint64 offset_us = 0; offset_us < 60 * SECOND; offset_us += 1234567)
        {
          g_autofree ParWindow *window = par_window_new (30 * SECOND);
          guint64 n_changes;

          par_window_add (window, 1000, FALSE, START + offset_us);
          par_window_add (window, 2000, TRUE, START + offset_us);
          n_changes = window->n_changes;
          par_window_advance (window, START + offset_us + rows[i].age_us);

          g_assert_cmpuint (par_window_get_n (window), ==, rows[i].is_known ? 2 : 0);
          g_assert_true ((window->n_changes == n_changes) == rows[i].is_known);
        }
    }
}

static void
newer_samples_remain (Fixture       *fixture,
                      gconstpointer  data)
{
  gint64 now_us = START;

  g_test_summary ("The estimate follows what changes, and nothing is left behind.");

  for (guint i = 0; i < 600; i++, now_us += SECOND / 10)
    par_window_add (fixture->window, 10000, FALSE, now_us);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 0.95), 10000);

  for (guint i = 0; i < 300; i++, now_us += SECOND / 10)
    par_window_add (fixture->window, 40000, FALSE, now_us);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 0.95), 40000);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 0.01), 40000);
  g_assert_cmpuint (par_window_get_n (fixture->window), <=, 300);
  g_assert_cmpuint (par_window_get_n (fixture->window), >=, 260);
}

static void
time_that_goes_backwards_does_no_harm (Fixture       *fixture,
                                       gconstpointer  data)
{
  g_test_summary ("What comes then is taken to come now.");

  par_window_add (fixture->window, 1000, FALSE, START);
  par_window_add (fixture->window, 1000, FALSE, START - 60 * MINUTE);
  g_assert_cmpuint (par_window_get_n (fixture->window), ==, 2);
  par_window_advance (fixture->window, START + 25 * SECOND);
  g_assert_cmpuint (par_window_get_n (fixture->window), ==, 2);
  par_window_advance (fixture->window, START + 30 * SECOND);
  g_assert_cmpuint (par_window_get_n (fixture->window), ==, 0);
}

static void
changed_length_keeps_what_is_young_enough (Fixture       *fixture,
                                           gconstpointer  data)
{
  static const struct
  {
    gint64 length_us;
    guint min_n;
    guint max_n;
  } rows[] = {
    { SECOND, 0, 10 },
    { 8 * SECOND, 40, 80 },
    { 30 * SECOND, 260, 300 },
    { 600 * SECOND, 260, 300 },
  };

  g_test_summary ("And it leaves when it is too old for the new length.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree ParWindow *window = par_window_new (30 * SECOND);
      guint64 n_changes;

      for (guint k = 0; k < 300; k++)
        par_window_add (window, 1000, k % 2, START + k * SECOND / 10);
      n_changes = window->n_changes;

      par_window_set_length (window, rows[i].length_us);
      g_assert_cmpuint (par_window_get_n (window), >=, rows[i].min_n);
      g_assert_cmpuint (par_window_get_n (window), <=, rows[i].max_n);
      g_assert_true ((window->n_changes > n_changes) == (rows[i].length_us != 30 * SECOND));
      if (rows[i].min_n > 0)
        assert_within_one_percent (par_window_get_quantile (window, 0.1), 1000);

      par_window_advance (window, START + 30 * SECOND + rows[i].length_us);
      g_assert_cmpuint (par_window_get_n (window), ==, 0);
    }
}

static void
what_was_cut_short_lasted_as_long (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_test_summary ("By hand: 10 calls, 4 end at 100, 2 are cut at 150, 2 end at 200, 2 at 300.");

  for (guint i = 0; i < 10; i++)
    par_window_add (fixture->window, i < 4 ? 100 : i < 6 ? 150 : i < 8 ? 200 : 300,
                    i == 4 || i == 5, START);

  /* After 100 there are 6 of 10 left, after 200 half of these, after 300 none. */
  assert_within_one_percent (par_window_get_quantile (fixture->window, 4.4 / 11), 100);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 4.6 / 11), 200);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 7.4 / 11), 200);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 7.6 / 11), 300);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 1), 300);
}

static void
unknown_tail_is_the_longest_seen (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("Of 100 calls, 10 were cut short at 500 and none has lasted longer.");

  for (guint i = 0; i < 100; i++)
    par_window_add (fixture->window, i < 90 ? 100 : 500, i >= 90, START);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 0.8), 100);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 0.95), 500);
}

static void
calls_in_flight_count (Fixture       *fixture,
                       gconstpointer  data)
{
  gint64 now_us = START;

  g_test_summary ("Of 100 calls that began together 80 have ended: nobody knows the other 20.");

  for (guint i = 0; i < 100; i++)
    par_window_begin (fixture->window, START);
  for (guint i = 1; i <= 80; i++)
    {
      now_us = START + i * 1000;
      par_window_end (fixture->window, i * 1000, now_us);
      par_window_add (fixture->window, i * 1000, FALSE, now_us);
    }
  assert_within_one_percent (par_window_get_quantile (fixture->window, 0.5), 50000);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 0.75), 76000);
  g_assert_cmpint (par_window_get_quantile (fixture->window, 0.9), ==, -1);

  /* Ten of them fail, which tells nothing but that there are fewer. */
  for (guint i = 0; i < 10; i++)
    par_window_end (fixture->window, 90000, START + 90000);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 0.5), 45000);
  g_assert_cmpint (par_window_get_quantile (fixture->window, 0.9), ==, -1);

  /* The others will never end, and are forgotten in the end. */
  par_window_advance (fixture->window, START + 20 * SECOND);
  g_assert_cmpint (par_window_get_quantile (fixture->window, 0.9), ==, -1);
  now_us = START + 31 * SECOND;
  for (guint i = 0; i < 100; i++)
    par_window_add (fixture->window, 1000, FALSE, now_us);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 0.999), 1000);
}

static void
younger_calls_in_flight_do_not_count (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_test_summary ("They tell nothing of what takes longer than they have lasted.");

  for (guint i = 1; i <= 100; i++)
    par_window_add (fixture->window, i * 1000, FALSE, START);
  for (guint i = 0; i < 1000; i++)
    par_window_begin (fixture->window, START);
  par_window_advance (fixture->window, START + 500);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 0.5), 50000);
  assert_within_one_percent (par_window_get_quantile (fixture->window, 0.95), 95000);
}

static void
estimates_keep_up (Fixture       *fixture,
                   gconstpointer  data)
{
  g_test_summary ("They are no more than one or two samples in a hundred behind.");

  g_assert_cmpint (par_window_estimate (fixture->window, 0.5), ==, -1);
  for (gint64 i = 1; i <= 100000; i++)
    {
      gint64 estimate_us;

      par_window_add (fixture->window, i, FALSE, START + i);
      estimate_us = par_window_estimate (fixture->window, 0.9);
      g_assert_cmpfloat_with_epsilon (estimate_us, 0.9 * i, 0.03 * i + 1);
    }

  g_assert_cmpint (par_window_estimate (fixture->window, 0.5),
                   ==, par_window_get_quantile (fixture->window, 0.5));
  par_window_advance (fixture->window, START + MINUTE);
  g_assert_cmpint (par_window_estimate (fixture->window, 0.5), ==, -1);
}

/* A call in flight. */
typedef struct
{
  gint64 ends_us;
  gint64 duration_us;
  gboolean is_cut_short;
} Call;

static int
compare_calls (gconstpointer a,
               gconstpointer b,
               gpointer      data)
{
  const Call *left = a, *right = b;

  return (left->ends_us > right->ends_us) - (left->ends_us < right->ends_us);
}

static void
end_calls (GSequence *calls,
           ParWindow *window,
           gint64     now_us,
           gboolean   count_cut_short)
{
  while (!g_sequence_is_empty (calls))
    {
      GSequenceIter *first = g_sequence_get_begin_iter (calls);
      const Call *call = g_sequence_get (first);

      if (call->ends_us > now_us)
        break;

      par_window_end (window, call->duration_us, call->ends_us);
      if (count_cut_short || !call->is_cut_short)
        par_window_add (window, call->duration_us, call->is_cut_short, call->ends_us);
      g_sequence_remove (first);
    }
}

/* What hedging does to what is measured: a call that has not ended after the percentile gets a
 * hedge, and whichever ends first cuts the other short. Returns the share of calls with a hedge. */
static double
measure_hedges (BackendKind kind,
                double      percentile,
                guint       rate,
                gboolean    count_cut_short)
{
  const guint n_calls = 100000;
  const Backend backend = { kind, 11 };
  g_autofree ParWindow *window = par_window_new (30 * SECOND);
  g_autoptr(GSequence) calls = g_sequence_new (g_free);
  guint n_hedges = 0;

  for (guint i = 0; i < n_calls; i++)
    {
      gint64 now_us = START + i * SECOND / rate;
      gint64 first_us = backend_get_latency (&backend, i, 1);
      gint64 delay_us = G_MAXINT64;
      Call call = { now_us + first_us, first_us, FALSE };

      end_calls (calls, window, now_us, count_cut_short);
      par_window_begin (window, now_us);
      if (par_window_get_n (window) >= 50)
        delay_us = par_window_estimate (window, percentile / 100);
      if (delay_us < 0)
        delay_us = G_MAXINT64;

      if (first_us > delay_us)
        {
          gint64 hedged_us = delay_us + backend_get_latency (&backend, i, 2);

          n_hedges++;
          if (hedged_us < first_us)
            call = (Call) { now_us + hedged_us, hedged_us, TRUE };
        }
      g_sequence_insert_sorted (calls, g_memdup2 (&call, sizeof call), compare_calls, NULL);
    }

  return 100.0 * n_hedges / n_calls;
}

static void
hedges_are_as_many_as_wanted (void)
{
  static const struct
  {
    BackendKind kind;
    const char *name;
  } rows[] = {
    { BACKEND_TAILED, "tailed" },
    { BACKEND_SPREAD, "sigma 1" },
    { BACKEND_EXPONENTIAL, "exponential" },
  };
  static const guint rates[] = { 20, 200, 5000 };

  g_test_summary ("Though they cut short the very calls that tell how long calls take.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      for (guint k = 0; k < G_N_ELEMENTS (rates); k++)
        {
          double five = measure_hedges (rows[i].kind, 95, rates[k], TRUE);
          double one = measure_hedges (rows[i].kind, 99, rates[k], TRUE);

          g_test_message ("%s, %u a second: %.2f %% and %.2f %%", rows[i].name, rates[k], five,
                          one);
          g_assert_cmpfloat_with_epsilon (five, 5, 0.7);
          g_assert_cmpfloat_with_epsilon (one, 1, 0.3);
        }
    }
}

static void
hedges_are_too_many_without_those_cut_short (void)
{
  double share = measure_hedges (BACKEND_EXPONENTIAL, 95, 200, FALSE);

  g_test_summary ("What the promise above would be worth otherwise.");

  g_test_message ("%.2f %%", share);
  g_assert_cmpfloat (share, >, 8);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/window/" name, Fixture, NULL, set_up, func, tear_down)
  add ("no-samples-have-no-quantile", no_samples_have_no_quantile);
  add ("quantiles-are-within-one-percent", quantiles_are_within_one_percent);
  add ("old-samples-leave", old_samples_leave);
  add ("newer-samples-remain", newer_samples_remain);
  add ("time-that-goes-backwards-does-no-harm", time_that_goes_backwards_does_no_harm);
  add ("changed-length-keeps-what-is-young-enough", changed_length_keeps_what_is_young_enough);
  add ("what-was-cut-short-lasted-as-long", what_was_cut_short_lasted_as_long);
  add ("calls-in-flight-count", calls_in_flight_count);
  add ("younger-calls-in-flight-do-not-count", younger_calls_in_flight_do_not_count);
  add ("estimates-keep-up", estimates_keep_up);
  add ("unknown-tail-is-the-longest-seen", unknown_tail_is_the_longest_seen);
#undef add
  g_test_add_func ("/par/window/hedges-are-as-many-as-wanted", hedges_are_as_many_as_wanted);
  g_test_add_func ("/par/window/hedges-are-too-many-without-those-cut-short",
                   hedges_are_too_many_without_those_cut_short);

  return g_test_run ();
}
