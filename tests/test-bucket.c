/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/par-bucket-private.h"

#define SECOND G_GINT64_CONSTANT (1000000)
#define HOUR (3600 * SECOND)

/* As late as the monotonic clock may be, so that sums of large numbers are seen too. */
#define START (1000 * 24 * HOUR)

/* Takes a token as soon as there is one. Returns when that was. */
static gint64
take_next (ParBucket *bucket,
           gint64     now_us)
{
  gint64 when_us = par_bucket_get_time (bucket, 1, now_us);

  if (when_us > now_us)
    g_assert_false (par_bucket_take (bucket, 1, when_us - 1));
  g_assert_true (par_bucket_take (bucket, 1, when_us));

  return when_us;
}

static void
full_at_the_start (void)
{
  ParBucket bucket = { 0 };

  g_test_summary ("A burst may be taken at once, and no more.");

  par_bucket_set (&bucket, 2, 5, START);
  g_assert_true (par_bucket_is_full (&bucket, START));
  g_assert_cmpuint (par_bucket_count (&bucket, START), ==, 5);

  for (guint i = 0; i < 5; i++)
    g_assert_true (par_bucket_take (&bucket, 1, START));
  g_assert_false (par_bucket_take (&bucket, 1, START));
  g_assert_cmpuint (par_bucket_count (&bucket, START), ==, 0);
  g_assert_false (par_bucket_is_full (&bucket, START));
}

static void
tokens_come_to_the_microsecond (void)
{
  static const struct
  {
    double rate;
    guint n_tokens;
    gint64 expected_us;
  } rows[] = {
    /* Token k of an empty bucket comes when k / rate has passed, rounded up. */
    { 1, 1, SECOND },
    { 1, 7200, 2 * HOUR },
    { 3, 1, 333334 },
    { 3, 2, 666667 },
    { 3, 3, SECOND },
    { 3, 3 * 3600 * 24, 24 * HOUR },
    { 7, 7 * 3600 * 10, 10 * HOUR },
    { 0.3, 3, 10 * SECOND },
    { 0.3, 3 * 360, HOUR },
    { 0.001, 1, 1000 * SECOND },
    { 0.001, 36, 10 * HOUR },
    { 0.07, 7 * 36, HOUR },
    { 1000, 3600 * 1000, HOUR },
    { 1.1, 11 * 360, HOUR },
  };

  g_test_summary ("Each at its time, not a microsecond earlier or later, for hours.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      ParBucket bucket = { 0 };
      gint64 now_us = START;

      par_bucket_set (&bucket, rows[i].rate, 1, START);
      g_assert_true (par_bucket_take (&bucket, 1, START));
      for (guint k = 0; k < rows[i].n_tokens; k++)
        now_us = take_next (&bucket, now_us);
      g_assert_cmpint (now_us - START, ==, rows[i].expected_us);
    }
}

static void
rates_hold_for_any_window (void)
{
  ParBucket bucket = { 0 };
  gint64 starts[2000];
  gint64 now_us = START;

  g_test_summary ("50 a second and a burst of 5: no second has more than 55, wherever it begins.");

  par_bucket_set (&bucket, 50, 5, START);
  for (guint i = 0; i < G_N_ELEMENTS (starts); i++)
    {
      /* Now and then nobody wants any. */
      if (g_test_rand_int_range (0, 20) == 0)
        now_us += g_test_rand_int_range (0, 300000);
      now_us = starts[i] = take_next (&bucket, now_us);
    }

  for (guint i = 55; i < G_N_ELEMENTS (starts); i++)
    g_assert_cmpint (starts[i] - starts[i - 55], >=, SECOND);
}

static void
idle_time_is_kept_up_to_the_burst (void)
{
  static const struct
  {
    gint64 idle_us;
    guint expected;
  } rows[] = {
    { 0, 0 },
    { 99999, 0 },
    { 100000, 1 },
    { 199999, 1 },
    { 250000, 2 },
    { 399999, 3 },
    { 400000, 4 },
    { HOUR, 4 },
    { 24 * HOUR, 4 },
  };

  g_test_summary ("What comes to a full bucket is lost.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      ParBucket bucket = { 0 };
      gint64 then_us = START + rows[i].idle_us;

      par_bucket_set (&bucket, 10, 4, START);
      g_assert_true (par_bucket_take (&bucket, 4, START));
      g_assert_cmpuint (par_bucket_count (&bucket, then_us), ==, rows[i].expected);
      g_assert_true (par_bucket_is_full (&bucket, then_us) == (rows[i].expected == 4));
      for (guint k = 0; k < rows[i].expected; k++)
        g_assert_true (par_bucket_take (&bucket, 1, then_us));
      g_assert_false (par_bucket_take (&bucket, 1, then_us));
    }
}

static void
all_or_nothing (void)
{
  ParBucket bucket = { 0 };

  g_test_summary ("Two of three wanted tokens are left where they are.");

  par_bucket_set (&bucket, 1, 3, START);
  g_assert_true (par_bucket_take (&bucket, 1, START));
  g_assert_false (par_bucket_take (&bucket, 3, START));
  g_assert_cmpuint (par_bucket_count (&bucket, START), ==, 2);
  g_assert_cmpint (par_bucket_get_time (&bucket, 3, START), ==, START + SECOND);
  g_assert_true (par_bucket_take (&bucket, 3, START + SECOND));
  g_assert_false (par_bucket_take (&bucket, 4, START + HOUR));
}

static void
time_of_what_does_not_fit_is_known (void)
{
  ParBucket bucket = { 0 };

  g_test_summary ("The third in a line before a bucket of one waits for the third token.");

  par_bucket_set (&bucket, 4, 1, START);
  g_assert_cmpint (par_bucket_get_time (&bucket, 1, START), ==, START);
  g_assert_cmpint (par_bucket_get_time (&bucket, 3, START), ==, START + SECOND / 2);
  g_assert_true (par_bucket_take (&bucket, 1, START));
  g_assert_cmpint (par_bucket_get_time (&bucket, 3, START), ==, START + 3 * SECOND / 4);
}

static void
no_rate_is_no_limit (void)
{
  ParBucket bucket = { 0 };

  g_test_summary ("A rate of 0: as many as wanted, at once.");

  g_assert_true (par_bucket_take (&bucket, G_MAXUINT, START));
  g_assert_true (par_bucket_take (&bucket, G_MAXUINT, START));
  g_assert_cmpuint (par_bucket_count (&bucket, START), ==, G_MAXUINT);
  g_assert_cmpint (par_bucket_get_time (&bucket, G_MAXUINT, START), ==, START);
  g_assert_true (par_bucket_is_full (&bucket, START));
}

static void
changed_rate_counts_from_now (void)
{
  ParBucket bucket = { 0 };

  g_test_summary ("The half of a token that there is stays; the other half comes at the new rate.");

  par_bucket_set (&bucket, 1, 2, START);
  g_assert_true (par_bucket_take (&bucket, 2, START));
  par_bucket_set (&bucket, 10, 2, START + SECOND / 2);
  g_assert_cmpint (par_bucket_get_time (&bucket, 1, START + SECOND / 2),
                   ==, START + SECOND / 2 + 50000);
  par_bucket_set (&bucket, 0.001, 2, START + SECOND / 2 + 50000);
  g_assert_true (par_bucket_take (&bucket, 1, START + SECOND / 2 + 50000));
  g_assert_cmpint (par_bucket_get_time (&bucket, 1, START + SECOND / 2 + 50000),
                   ==, START + SECOND / 2 + 50000 + 1000 * SECOND);
}

static void
changed_burst_keeps_what_fits (void)
{
  ParBucket bucket = { 0 };

  g_test_summary ("A full bucket stays full, another keeps its tokens.");

  par_bucket_set (&bucket, 1, 2, START);
  par_bucket_set (&bucket, 1, 10, START);
  g_assert_cmpuint (par_bucket_count (&bucket, START), ==, 10);
  g_assert_true (par_bucket_take (&bucket, 4, START));
  par_bucket_set (&bucket, 1, 20, START);
  g_assert_cmpuint (par_bucket_count (&bucket, START), ==, 6);
  par_bucket_set (&bucket, 1, 5, START);
  g_assert_cmpuint (par_bucket_count (&bucket, START), ==, 5);
  par_bucket_set (&bucket, 0, 5, START);
  g_assert_true (par_bucket_take (&bucket, 100, START));
  par_bucket_set (&bucket, 1, 3, START);
  g_assert_cmpuint (par_bucket_count (&bucket, START), ==, 3);
}

static void
tokens_can_be_put_back (void)
{
  ParBucket bucket = { 0 };

  g_test_summary ("And the bucket does not run over.");

  par_bucket_set (&bucket, 1, 3, START);
  g_assert_true (par_bucket_take (&bucket, 3, START));
  par_bucket_put_back (&bucket, 2, START);
  g_assert_cmpuint (par_bucket_count (&bucket, START), ==, 2);
  par_bucket_put_back (&bucket, 2, START + 5 * SECOND);
  g_assert_cmpuint (par_bucket_count (&bucket, START + 5 * SECOND), ==, 3);
  g_assert_true (par_bucket_take (&bucket, 3, START + 5 * SECOND));
  g_assert_cmpint (par_bucket_get_time (&bucket, 1, START + 5 * SECOND),
                   ==, START + 6 * SECOND);
}

static void
time_that_goes_backwards_gives_nothing (void)
{
  ParBucket bucket = { 0 };

  g_test_summary ("Nor does it take anything away.");

  par_bucket_set (&bucket, 1, 3, START);
  g_assert_cmpuint (par_bucket_count (&bucket, START - HOUR), ==, 3);
  g_assert_true (par_bucket_take (&bucket, 1, START - HOUR));
  g_assert_cmpuint (par_bucket_count (&bucket, START - HOUR), ==, 2);
  g_assert_true (par_bucket_take (&bucket, 2, START));
  g_assert_false (par_bucket_take (&bucket, 1, START - HOUR));
  g_assert_cmpint (par_bucket_get_time (&bucket, 1, START - HOUR), ==, START + SECOND);
}

static void
far_times_do_not_overflow (void)
{
  ParBucket bucket = { 0 };

  g_test_summary ("Two billion tokens at one in a thousand seconds, or in far more.");

  par_bucket_set (&bucket, 0.001, G_MAXINT, START);
  g_assert_true (par_bucket_take (&bucket, G_MAXINT, START));
  g_assert_cmpint (par_bucket_get_time (&bucket, G_MAXINT, START),
                   ==, START + 1000 * SECOND * G_MAXINT);
  par_bucket_set (&bucket, 1e-300, 1, START);
  g_assert_cmpint (par_bucket_get_time (&bucket, 1, START), >, START + 100000 * 24 * HOUR);
  g_assert_false (par_bucket_take (&bucket, 1, START + 100000 * 24 * HOUR));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/par/bucket/" name, func)
  add ("full-at-the-start", full_at_the_start);
  add ("tokens-come-to-the-microsecond", tokens_come_to_the_microsecond);
  add ("rates-hold-for-any-window", rates_hold_for_any_window);
  add ("idle-time-is-kept-up-to-the-burst", idle_time_is_kept_up_to_the_burst);
  add ("all-or-nothing", all_or_nothing);
  add ("time-of-what-does-not-fit-is-known", time_of_what_does_not_fit_is_known);
  add ("no-rate-is-no-limit", no_rate_is_no_limit);
  add ("changed-rate-counts-from-now", changed_rate_counts_from_now);
  add ("changed-burst-keeps-what-fits", changed_burst_keeps_what_fits);
  add ("tokens-can-be-put-back", tokens_can_be_put_back);
  add ("time-that-goes-backwards-gives-nothing", time_that_goes_backwards_gives_nothing);
  add ("far-times-do-not-overflow", far_times_do_not_overflow);
#undef add

  return g_test_run ();
}
