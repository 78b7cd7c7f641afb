/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <par/par.h>

#include "par-retry-private.h"

#define MSEC G_GINT64_CONSTANT (1000)

typedef struct
{
  ParRetry *retry;
  GString *told;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->retry = par_retry_new ();
  fixture->told = g_string_new (NULL);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_assert_finalize_object (fixture->retry);
  g_string_free (fixture->told, TRUE);
}

static guint
spend_all (ParRetry *retry)
{
  guint n_spent = 0;

  while (par_retry_spend (retry))
    n_spent++;

  return n_spent;
}

static void
properties_have_defaults (Fixture       *fixture,
                          gconstpointer  data)
{
  g_test_summary ("As they are documented.");

  g_assert_cmpuint (par_retry_get_max_retries (fixture->retry), ==, 3);
  g_assert_cmpuint (par_retry_get_initial_delay (fixture->retry), ==, 100);
  g_assert_cmpuint (par_retry_get_max_delay (fixture->retry), ==, 10000);
  g_assert_cmpfloat (par_retry_get_multiplier (fixture->retry), ==, 2);
  g_assert_cmpfloat (par_retry_get_jitter (fixture->retry), ==, 1);
  g_assert_cmpfloat (par_retry_get_max_extra_load (fixture->retry), ==, 0.2);
  g_assert_cmpuint (par_retry_get_burst (fixture->retry), ==, 100);
  g_assert_cmpuint (par_retry_get_n_sent (fixture->retry), ==, 0);
  g_assert_cmpuint (par_retry_get_n_refused (fixture->retry), ==, 0);
}

static void
defaults_are_those_of_the_class (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n;

  g_test_summary ("What introspection tells, and no maximum is out of the reach of an int.");

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (fixture->retry), &n);
  g_assert_cmpuint (n, ==, 9);
  for (guint i = 0; i < n; i++)
    {
      g_auto(GValue) value = G_VALUE_INIT;

      g_object_get_property (G_OBJECT (fixture->retry), pspecs[i]->name, &value);
      g_assert_true (g_param_value_defaults (pspecs[i], &value));
      if (G_IS_PARAM_SPEC_UINT (pspecs[i]))
        g_assert_cmpuint (G_PARAM_SPEC_UINT (pspecs[i])->maximum, <=, G_MAXINT);
    }
}

static void
properties_can_be_constructed (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr(ParRetry) retry = NULL;
  guint max_retries, initial_delay, max_delay, burst;
  double multiplier, jitter, max_extra_load;

  g_test_summary ("All of them, as other languages do; and the budget is full.");

  retry = g_object_new (PAR_TYPE_RETRY, "max-retries", 1, "initial-delay", 2, "max-delay", 3,
                        "multiplier", 4.5, "jitter", 0.5, "max-extra-load", 6.5, "burst", 700,
                        NULL);
  g_object_get (retry, "max-retries", &max_retries, "initial-delay", &initial_delay, "max-delay",
                &max_delay, "multiplier", &multiplier, "jitter", &jitter, "max-extra-load",
                &max_extra_load, "burst", &burst, NULL);
  g_assert_cmpuint (max_retries, ==, 1);
  g_assert_cmpuint (initial_delay, ==, 2);
  g_assert_cmpuint (max_delay, ==, 3);
  g_assert_cmpfloat (multiplier, ==, 4.5);
  g_assert_cmpfloat (jitter, ==, 0.5);
  g_assert_cmpfloat (max_extra_load, ==, 6.5);
  g_assert_cmpuint (burst, ==, 700);
  g_assert_cmpuint (spend_all (retry), ==, 700);
}

static void
bad_values_are_refused (Fixture       *fixture,
                        gconstpointer  data)
{
  const double nan = g_strtod ("nan", NULL);
  ParRetry *retry = fixture->retry;

  g_test_summary ("A critical each, and nothing is changed.");

#define refuse(call, text) \
  g_test_expect_message ("Par", G_LOG_LEVEL_CRITICAL, text); \
  call
  refuse (par_retry_set_max_retries (retry, 101), "*max_retries*");
  refuse (par_retry_set_max_retries (retry, -1), "*max_retries*");
  refuse (par_retry_set_initial_delay (retry, -1), "*initial_delay*");
  refuse (par_retry_set_max_delay (retry, -1), "*max_delay*");
  refuse (par_retry_set_multiplier (retry, 0.99), "*multiplier*");
  refuse (par_retry_set_multiplier (retry, G_MAXDOUBLE), "*multiplier*");
  refuse (par_retry_set_multiplier (retry, nan), "*multiplier*");
  refuse (par_retry_set_jitter (retry, -0.1), "*jitter*");
  refuse (par_retry_set_jitter (retry, 1.1), "*jitter*");
  refuse (par_retry_set_jitter (retry, nan), "*jitter*");
  refuse (par_retry_set_max_extra_load (retry, -0.1), "*max_extra_load*");
  refuse (par_retry_set_max_extra_load (retry, 9.1), "*max_extra_load*");
  refuse (par_retry_set_max_extra_load (retry, nan), "*max_extra_load*");
  refuse (par_retry_set_burst (retry, 0), "*burst*");
  refuse (par_retry_set_burst (retry, -1), "*burst*");
  refuse (par_retry_set_burst (NULL, 1), "*PAR_IS_RETRY*");
  refuse (g_assert_cmpfloat (par_retry_get_jitter (NULL), ==, 0), "*PAR_IS_RETRY*");
#undef refuse
  g_test_assert_expected_messages ();

  properties_have_defaults (fixture, data);
}

static void
delays_grow_and_are_capped (Fixture       *fixture,
                            gconstpointer  data)
{
  static const gint64 expected_ms[] = { 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };

  g_test_summary ("With no jitter, to the microsecond; a change counts for the next.");

  par_retry_set_jitter (fixture->retry, 0);
  for (guint i = 0; i < G_N_ELEMENTS (expected_ms); i++)
    g_assert_cmpint (par_retry_get_delay_us (fixture->retry, i + 1), ==, expected_ms[i] * MSEC);
  g_assert_cmpint (par_retry_get_delay_us (fixture->retry, G_MAXUINT), ==, 10000 * MSEC);

  par_retry_set_max_delay (fixture->retry, 150);
  g_assert_cmpint (par_retry_get_delay_us (fixture->retry, 2), ==, 150 * MSEC);
  par_retry_set_max_delay (fixture->retry, 0);
  g_assert_cmpint (par_retry_get_delay_us (fixture->retry, 11), ==, 102400 * MSEC);
  g_assert_cmpint (par_retry_get_delay_us (fixture->retry, G_MAXUINT), ==, G_MAXINT * MSEC);
  par_retry_set_multiplier (fixture->retry, 1);
  g_assert_cmpint (par_retry_get_delay_us (fixture->retry, 11), ==, 100 * MSEC);
  par_retry_set_initial_delay (fixture->retry, 0);
  g_assert_cmpint (par_retry_get_delay_us (fixture->retry, 1), ==, 0);
}

static void
same_seed_same_delays (Fixture       *fixture,
                       gconstpointer  data)
{
  g_autoptr(ParRetry) other = par_retry_new ();
  guint n_same = 0;

  g_test_summary ("Whichever object has it; without one, no two are alike.");

  for (guint i = 0; i < 100; i++)
    n_same += par_retry_get_delay_us (fixture->retry, 5) == par_retry_get_delay_us (other, 5);
  g_assert_cmpuint (n_same, <, 5);

  par_retry_set_seed (fixture->retry, 1234);
  par_retry_set_seed (other, 1234);
  for (guint i = 0; i < 100; i++)
    g_assert_cmpint (par_retry_get_delay_us (fixture->retry, i % 5 + 1),
                     ==, par_retry_get_delay_us (other, i % 5 + 1));
}

static void
jitter_spreads_delays (Fixture       *fixture,
                       gconstpointer  data)
{
  guint n[10] = { 0 };

  g_test_summary ("Over all of the delay: each tenth of it as often as the others.");

  par_retry_set_seed (fixture->retry, 1);
  for (guint i = 0; i < 10000; i++)
    {
      gint64 delay_us = par_retry_get_delay_us (fixture->retry, 1);

      g_assert_cmpint (delay_us, >=, 0);
      g_assert_cmpint (delay_us, <=, 100 * MSEC);
      n[MIN (delay_us / (10 * MSEC), 9)]++;
    }
  for (guint i = 0; i < 10; i++)
    g_assert_cmpfloat_with_epsilon (n[i], 1000, 120);
}

static void
retries_are_a_share_of_first_attempts (Fixture       *fixture,
                                       gconstpointer  data)
{
  guint n_sent = 0;

  g_test_summary ("All calls fail: one retry for five requests, after the hundred that there are.");

  for (guint i = 0; i < 1000; i++)
    {
      par_retry_deposit (fixture->retry);
      for (guint k = 0; k < 3 && par_retry_spend (fixture->retry); k++)
        {
          par_retry_count_sent (fixture->retry);
          n_sent++;
        }
    }
  g_assert_cmpuint (n_sent, >=, 100 + 190);
  g_assert_cmpuint (n_sent, <=, 100 + 200);
  g_assert_cmpuint (par_retry_get_n_sent (fixture->retry), ==, n_sent);
  g_assert_cmpuint (par_retry_get_n_refused (fixture->retry), >, 0);
}

static void
small_scripts_do_not_notice (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("33 requests that all need three retries get them.");

  for (guint i = 0; i < 33; i++)
    {
      par_retry_deposit (fixture->retry);
      for (guint k = 0; k < 3; k++)
        g_assert_true (par_retry_spend (fixture->retry));
    }
  g_assert_cmpuint (par_retry_get_n_refused (fixture->retry), ==, 0);
}

static void
refunds_are_spent_again (Fixture       *fixture,
                         gconstpointer  data)
{
  g_test_summary ("A retry that was cancelled while it waited has cost nothing, and was not sent.");

  g_assert_cmpuint (spend_all (fixture->retry), ==, 100);
  par_retry_refund (fixture->retry);
  par_retry_refund (fixture->retry);
  g_assert_cmpuint (spend_all (fixture->retry), ==, 2);
  g_assert_cmpuint (par_retry_get_n_sent (fixture->retry), ==, 0);
  g_assert_cmpuint (par_retry_get_n_refused (fixture->retry), ==, 2);
}

static void
no_extra_load_no_retry (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("Not one, until some is allowed.");

  par_retry_set_max_extra_load (fixture->retry, 0);
  for (guint i = 0; i < 100; i++)
    {
      par_retry_deposit (fixture->retry);
      g_assert_false (par_retry_spend (fixture->retry));
    }
  g_assert_cmpuint (par_retry_get_n_refused (fixture->retry), ==, 100);
  par_retry_set_max_extra_load (fixture->retry, 0.1);
  g_assert_true (par_retry_spend (fixture->retry));
}

static gpointer
use (gpointer data)
{
  ParRetry *retry = data;
  guint n_spent = 0;

  for (guint i = 0; i < 20000; i++)
    {
      par_retry_deposit (retry);
      g_assert_cmpint (par_retry_get_delay_us (retry, i % 4), >=, 0);
      if (par_retry_spend (retry))
        {
          if (i % 3 == 0)
            {
              par_retry_refund (retry);
              continue;
            }
          par_retry_count_sent (retry);
          n_spent++;
        }
    }

  return GUINT_TO_POINTER (n_spent);
}

static void
threads_can_share (Fixture       *fixture,
                   gconstpointer  data)
{
  GThread *other;
  guint n_sent;

  g_test_summary ("No token is lost, and the figures add up.");

  /* A full budget would lose what is deposited. */
  spend_all (fixture->retry);
  other = g_thread_new ("use", use, fixture->retry);
  n_sent = GPOINTER_TO_UINT (use (fixture->retry));
  n_sent += GPOINTER_TO_UINT (g_thread_join (other));
  g_assert_cmpuint (par_retry_get_n_sent (fixture->retry), ==, n_sent);
  g_assert_cmpuint (n_sent + spend_all (fixture->retry), ==, 40000 / 5);
}

static gpointer
change_figures (gpointer data)
{
  ParRetry *retry = data;

  spend_all (retry);
  par_retry_count_sent (retry);
  par_retry_count_sent (retry);
  par_retry_set_max_retries (retry, 7);

  return NULL;
}

static void
note_cb (ParRetry   *retry,
         GParamSpec *pspec,
         Fixture    *fixture)
{
  g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  g_string_append_printf (fixture->told, "%s ", pspec->name);
}

static void
figures_notify_at_home (Fixture       *fixture,
                        gconstpointer  data)
{
  g_auto(GStrv) names = NULL;

  g_test_summary ("Whichever thread changes them, once each, in the context of who made it.");

  g_signal_connect (fixture->retry, "notify", G_CALLBACK (note_cb), fixture);
  g_thread_join (g_thread_new ("figures", change_figures, fixture->retry));
  g_assert_cmpstr (fixture->told->str, ==, "");
  while (g_main_context_iteration (NULL, FALSE))
    ;

  names = g_strsplit (fixture->told->str, " ", -1);
  g_assert_cmpuint (g_strv_length (names), ==, 3 + 1);
  g_assert_true (g_strv_contains ((const char **) names, "n-sent"));
  g_assert_true (g_strv_contains ((const char **) names, "n-refused"));
  g_assert_true (g_strv_contains ((const char **) names, "max-retries"));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/retry/" name, Fixture, NULL, set_up, func, tear_down)
  add ("properties-have-defaults", properties_have_defaults);
  add ("defaults-are-those-of-the-class", defaults_are_those_of_the_class);
  add ("properties-can-be-constructed", properties_can_be_constructed);
  add ("bad-values-are-refused", bad_values_are_refused);
  add ("delays-grow-and-are-capped", delays_grow_and_are_capped);
  add ("same-seed-same-delays", same_seed_same_delays);
  add ("jitter-spreads-delays", jitter_spreads_delays);
  add ("retries-are-a-share-of-first-attempts", retries_are_a_share_of_first_attempts);
  add ("small-scripts-do-not-notice", small_scripts_do_not_notice);
  add ("refunds-are-spent-again", refunds_are_spent_again);
  add ("no-extra-load-no-retry", no_extra_load_no_retry);
  add ("threads-can-share", threads_can_share);
  add ("figures-notify-at-home", figures_notify_at_home);
#undef add

  return g_test_run ();
}
