/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <par/par.h>

#include "acceptance/backend.h"
#include "fake-host.h"
#include "gate.h"
#include "par-hedge-private.h"

#define MSEC G_GINT64_CONSTANT (1000)
#define SECOND (1000 * MSEC)

/* As late as the monotonic clock may be. */
#define START (1000 * 24 * 3600 * SECOND)

typedef struct
{
  ParHedge *hedge;
  GString *log;   /* of what both hosts were told */
  FakeHost *a;
  FakeHost *b;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->hedge = par_hedge_new ();
  fixture->log = g_string_new (NULL);
  fixture->a = fake_host_new ('A', fixture->log);
  fixture->b = fake_host_new ('B', fixture->log);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  if (fixture->hedge != NULL)
    g_assert_finalize_object (fixture->hedge);
  fake_host_free (fixture->a);
  fake_host_free (fixture->b);
  g_string_free (fixture->log, TRUE);
}

static void
observe (ParHedge *hedge,
         guint     n,
         gint64    latency_us,
         gint64    now_us)
{
  for (guint i = 0; i < n; i++)
    par_hedge_observe (hedge, latency_us, FALSE, now_us);
}

/* Leaves nothing in the budget. */
static void
spend_all (ParHedge *hedge)
{
  while (par_hedge_spend (hedge))
    ;
}

static void
properties_have_defaults (Fixture       *fixture,
                          gconstpointer  data)
{
  g_test_summary ("As they are documented.");

  g_assert_cmpuint (par_hedge_get_delay (fixture->hedge), ==, 0);
  g_assert_cmpfloat (par_hedge_get_percentile (fixture->hedge), ==, 95);
  g_assert_cmpuint (par_hedge_get_min_delay (fixture->hedge), ==, 1);
  g_assert_cmpuint (par_hedge_get_max_delay (fixture->hedge), ==, 0);
  g_assert_cmpuint (par_hedge_get_min_samples (fixture->hedge), ==, 50);
  g_assert_cmpuint (par_hedge_get_window (fixture->hedge), ==, 30000);
  g_assert_cmpuint (par_hedge_get_max_hedges (fixture->hedge), ==, 2);
  g_assert_cmpfloat (par_hedge_get_max_extra_load (fixture->hedge), ==, 0.1);
  g_assert_cmpuint (par_hedge_get_burst (fixture->hedge), ==, 10);
  g_assert_cmpfloat (par_hedge_get_current_delay (fixture->hedge), ==, -1);
  g_assert_cmpuint (par_hedge_get_n_sent (fixture->hedge), ==, 0);
  g_assert_cmpuint (par_hedge_get_n_won (fixture->hedge), ==, 0);
  g_assert_cmpuint (par_hedge_get_n_refused (fixture->hedge), ==, 0);
  g_assert_cmpfloat (par_hedge_get_extra_load (fixture->hedge), ==, 0);
}

static void
defaults_are_those_of_the_class (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n;

  g_test_summary ("What introspection tells, and no maximum is out of the reach of an int.");

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (fixture->hedge), &n);
  g_assert_cmpuint (n, ==, 14);
  for (guint i = 0; i < n; i++)
    {
      g_auto(GValue) value = G_VALUE_INIT;

      g_object_get_property (G_OBJECT (fixture->hedge), pspecs[i]->name, &value);
      g_assert_true (g_param_value_defaults (pspecs[i], &value));
      if (G_IS_PARAM_SPEC_UINT (pspecs[i]))
        g_assert_cmpuint (G_PARAM_SPEC_UINT (pspecs[i])->maximum, <=, G_MAXINT);
    }
}

static void
properties_can_be_constructed (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr(ParHedge) hedge = NULL;
  guint delay, min_delay, max_delay, min_samples, window, max_hedges, burst;
  double percentile, max_extra_load;

  g_test_summary ("All of them, as other languages do; and the budget is full.");

  hedge = g_object_new (PAR_TYPE_HEDGE, "delay", 1, "percentile", 99.5, "min-delay", 2,
                        "max-delay", 3, "min-samples", 4, "window", 5, "max-hedges", 6,
                        "max-extra-load", 7.5, "burst", 80, NULL);
  g_object_get (hedge, "delay", &delay, "percentile", &percentile, "min-delay", &min_delay,
                "max-delay", &max_delay, "min-samples", &min_samples, "window", &window,
                "max-hedges", &max_hedges, "max-extra-load", &max_extra_load, "burst", &burst,
                NULL);
  g_assert_cmpuint (delay, ==, 1);
  g_assert_cmpfloat (percentile, ==, 99.5);
  g_assert_cmpuint (min_delay, ==, 2);
  g_assert_cmpuint (max_delay, ==, 3);
  g_assert_cmpuint (min_samples, ==, 4);
  g_assert_cmpuint (window, ==, 5);
  g_assert_cmpuint (max_hedges, ==, 6);
  g_assert_cmpfloat (max_extra_load, ==, 7.5);
  g_assert_cmpuint (burst, ==, 80);

  for (guint i = 0; i < 80; i++)
    g_assert_true (par_hedge_spend (hedge));
  g_assert_false (par_hedge_spend (hedge));
}

static void
bad_values_are_refused (Fixture       *fixture,
                        gconstpointer  data)
{
  const double nan = g_strtod ("nan", NULL);
  ParHedge *hedge = fixture->hedge;

  g_test_summary ("A critical each, and nothing is changed.");

#define refuse(call, text) \
  g_test_expect_message ("Par", G_LOG_LEVEL_CRITICAL, text); \
  call
  refuse (par_hedge_set_delay (hedge, -1), "*delay*");
  refuse (par_hedge_set_percentile (hedge, 49.9), "*percentile*");
  refuse (par_hedge_set_percentile (hedge, 100), "*percentile*");
  refuse (par_hedge_set_percentile (hedge, nan), "*percentile*");
  refuse (par_hedge_set_min_delay (hedge, -1), "*min_delay*");
  refuse (par_hedge_set_max_delay (hedge, -1), "*max_delay*");
  refuse (par_hedge_set_min_samples (hedge, 0), "*min_samples*");
  refuse (par_hedge_set_min_samples (hedge, -1), "*min_samples*");
  refuse (par_hedge_set_window (hedge, 0), "*window*");
  refuse (par_hedge_set_window (hedge, -1), "*window*");
  refuse (par_hedge_set_max_hedges (hedge, 0), "*max_hedges*");
  refuse (par_hedge_set_max_hedges (hedge, 10), "*max_hedges*");
  refuse (par_hedge_set_max_extra_load (hedge, -0.1), "*max_extra_load*");
  refuse (par_hedge_set_max_extra_load (hedge, 9.1), "*max_extra_load*");
  refuse (par_hedge_set_max_extra_load (hedge, nan), "*max_extra_load*");
  refuse (par_hedge_set_burst (hedge, 0), "*burst*");
  refuse (par_hedge_set_burst (hedge, -1), "*burst*");
  refuse (par_hedge_set_delay (NULL, 1), "*PAR_IS_HEDGE*");
  refuse (g_assert_cmpuint (par_hedge_get_burst (NULL), ==, 0), "*PAR_IS_HEDGE*");
#undef refuse
  g_test_assert_expected_messages ();

  properties_have_defaults (fixture, data);
}

static void
count_cb (ParHedge   *hedge,
          GParamSpec *pspec,
          guint      *n_notified)
{
  *n_notified += 1;
}

static void
settings_notify_once (Fixture       *fixture,
                      gconstpointer  data)
{
  guint n_notified = 0;

  g_test_summary ("At once, and not when nothing changes.");

  g_signal_connect (fixture->hedge, "notify", G_CALLBACK (count_cb), &n_notified);
  par_hedge_set_percentile (fixture->hedge, 99);
  g_assert_cmpuint (n_notified, ==, 1);
  par_hedge_set_percentile (fixture->hedge, 99);
  g_assert_cmpuint (n_notified, ==, 1);
  par_hedge_set_burst (fixture->hedge, 3);
  g_assert_cmpuint (n_notified, ==, 2);
}

static void
delay_is_unknown_with_few_samples (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_test_summary ("Not zero: there is no hedge before enough calls were seen.");

  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START), ==, -1);
  observe (fixture->hedge, 49, 10 * MSEC, START);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START), ==, -1);
  g_assert_cmpfloat (par_hedge_get_current_delay (fixture->hedge), ==, -1);
  observe (fixture->hedge, 1, 10 * MSEC, START);
  g_assert_cmpfloat_with_epsilon (par_hedge_get_delay_us (fixture->hedge, START), 10 * MSEC, 100);
  g_assert_cmpfloat_with_epsilon (par_hedge_get_current_delay (fixture->hedge), 10, 0.1);

  par_hedge_set_min_samples (fixture->hedge, 51);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START), ==, -1);
  g_assert_cmpfloat (par_hedge_get_current_delay (fixture->hedge), ==, -1);
}

static void
delay_is_the_percentile (Fixture       *fixture,
                         gconstpointer  data)
{
  static const struct
  {
    guint min_delay;
    guint max_delay;
    double percentile;
    double expected_ms;
  } rows[] = {
    { 1, 0, 95, 950 },
    { 1, 0, 50, 500 },
    { 1, 0, 99.9, 999 },
    { 0, 0, 75, 750 },
    { 960, 0, 95, 960 },
    { 1, 100, 95, 100 },
    { 960, 100, 95, 100 },
    { 1, 2000, 95, 950 },
  };

  g_test_summary ("Of 1 to 1000 ms, between the two bounds; a change of either counts at once.");

  for (guint i = 1; i <= 1000; i++)
    par_hedge_observe (fixture->hedge, i * MSEC, FALSE, START);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      par_hedge_set_min_delay (fixture->hedge, rows[i].min_delay);
      par_hedge_set_max_delay (fixture->hedge, rows[i].max_delay);
      par_hedge_set_percentile (fixture->hedge, rows[i].percentile);
      g_assert_cmpfloat_with_epsilon (par_hedge_get_current_delay (fixture->hedge),
                                      rows[i].expected_ms, rows[i].expected_ms / 100);
      g_assert_cmpfloat_with_epsilon (par_hedge_get_delay_us (fixture->hedge, START) / 1000.0,
                                      rows[i].expected_ms, rows[i].expected_ms / 100);
    }
}

static void
delay_is_never_zero (Fixture       *fixture,
                     gconstpointer  data)
{
  g_test_summary ("Though calls take no time and the shortest delay allowed is none.");

  par_hedge_set_min_delay (fixture->hedge, 0);
  observe (fixture->hedge, 100, 0, START);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START), ==, 1);
  par_hedge_set_min_delay (fixture->hedge, 1);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START), ==, MSEC);
}

static void
fixed_delay_learns_nothing (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("It is known from the start, and forgotten when it is taken back.");

  par_hedge_set_delay (fixture->hedge, 20);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START), ==, 20 * MSEC);
  observe (fixture->hedge, 100, 10 * MSEC, START);
  par_hedge_set_min_delay (fixture->hedge, 30);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START), ==, 20 * MSEC);
  par_hedge_set_delay (fixture->hedge, 0);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START), ==, -1);
  par_hedge_set_delay (fixture->hedge, G_MAXINT);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START), ==, G_MAXINT * MSEC);
}

static void
learned_delay_is_forgotten (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("When the window has passed, or has become shorter.");

  observe (fixture->hedge, 100, 10 * MSEC, START);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START + 20 * SECOND), >, 0);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START + 30 * SECOND), ==, -1);

  observe (fixture->hedge, 100, 20 * MSEC, START + 60 * SECOND);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START + 80 * SECOND), >, 0);
  par_hedge_set_window (fixture->hedge, 1000);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START + 80 * SECOND), ==, -1);
  g_assert_cmpfloat (par_hedge_get_current_delay (fixture->hedge), ==, -1);
}

static void
jumping_clock_does_no_harm (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("Backwards it stands still, forwards all is old.");

  observe (fixture->hedge, 100, 10 * MSEC, START);
  observe (fixture->hedge, 100, 10 * MSEC, START - 3600 * SECOND);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START - 3600 * SECOND), >, 0);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, START), >, 0);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, 100 * START), ==, -1);
  observe (fixture->hedge, 50, -SECOND, 100 * START);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, 100 * START), ==, MSEC);
}

static void
calls_cut_short_count_as_longer (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_test_summary ("A tenth of calls ends at 40 ms, because their hedges won; nobody knows more.");

  observe (fixture->hedge, 900, 10 * MSEC, START);
  for (guint i = 0; i < 100; i++)
    par_hedge_observe (fixture->hedge, 40 * MSEC, TRUE, START);
  g_assert_cmpfloat_with_epsilon (par_hedge_get_delay_us (fixture->hedge, START), 40 * MSEC, 400);
  par_hedge_set_percentile (fixture->hedge, 89);
  g_assert_cmpfloat_with_epsilon (par_hedge_get_delay_us (fixture->hedge, START), 10 * MSEC, 100);
}

static void
delay_is_unknown_while_most_are_in_flight (Fixture       *fixture,
                                           gconstpointer  data)
{
  const gint64 later = START + 10 * MSEC;

  g_test_summary ("The first to end are the quick ones. The longest delay allowed counts, if any.");

  for (guint i = 0; i < 120; i++)
    g_assert_cmpint (par_hedge_deposit (fixture->hedge, START), ==, -1);
  observe (fixture->hedge, 60, 10 * MSEC, later);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, later), ==, -1);
  par_hedge_set_max_delay (fixture->hedge, 20);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, later), ==, 20 * MSEC);
  par_hedge_set_max_delay (fixture->hedge, 0);
  g_assert_cmpint (par_hedge_get_delay_us (fixture->hedge, later), ==, -1);

  for (guint i = 0; i < 60; i++)
    par_hedge_ignore (fixture->hedge, 12 * MSEC, START + 12 * MSEC);
  g_assert_cmpfloat_with_epsilon (par_hedge_get_delay_us (fixture->hedge, START + 12 * MSEC),
                                  10 * MSEC, 100);
  g_assert_cmpint (par_hedge_deposit (fixture->hedge, START + 12 * MSEC),
                   ==, par_hedge_get_delay_us (fixture->hedge, START + 12 * MSEC));
}

static void
hedges_are_a_share_of_first_attempts (Fixture       *fixture,
                                      gconstpointer  data)
{
  guint n_sent = 0;

  g_test_summary ("One in ten, after the ten that there are at first.");

  for (guint i = 0; i < 1000; i++)
    {
      par_hedge_deposit (fixture->hedge, START);
      if (par_hedge_spend (fixture->hedge))
        {
          par_hedge_count_sent (fixture->hedge);
          n_sent++;
        }
    }
  g_assert_cmpuint (n_sent, ==, 10 + 99);
  g_assert_cmpuint (par_hedge_get_n_sent (fixture->hedge), ==, n_sent);
  g_assert_cmpuint (par_hedge_get_n_refused (fixture->hedge), ==, 1000 - n_sent);
  g_assert_cmpfloat (par_hedge_get_extra_load (fixture->hedge), ==, n_sent / 1000.0);

  par_hedge_count_won (fixture->hedge);
  g_assert_cmpuint (par_hedge_get_n_won (fixture->hedge), ==, 1);
}

static void
no_extra_load_no_hedge (Fixture       *fixture,
                        gconstpointer  data)
{
  g_test_summary ("Not one, until some is allowed: then at once those that wait.");

  par_hedge_set_max_extra_load (fixture->hedge, 0);
  for (guint i = 0; i < 100; i++)
    {
      par_hedge_deposit (fixture->hedge, START);
      g_assert_false (par_hedge_spend (fixture->hedge));
    }
  par_hedge_wait (fixture->hedge, &fixture->a->parent, 1);
  par_hedge_deposit (fixture->hedge, START);
  g_assert_false (par_hedge_has_granted (fixture->hedge));
  g_assert_cmpuint (par_hedge_get_n_refused (fixture->hedge), ==, 100);

  par_hedge_set_max_extra_load (fixture->hedge, 0.1);
  g_assert_cmpstr (fixture->log->str, ==, "A1 ");
}

static void
hedges_wait_for_the_budget (Fixture       *fixture,
                            gconstpointer  data)
{
  g_test_summary ("Those of two hosts in one line, each paid for by ten first attempts of either.");

  spend_all (fixture->hedge);
  par_hedge_wait (fixture->hedge, &fixture->a->parent, 7);
  par_hedge_wait (fixture->hedge, &fixture->b->parent, 7);
  par_hedge_wait (fixture->hedge, &fixture->b->parent, 3);
  par_hedge_wait (fixture->hedge, &fixture->a->parent, 5);

  for (guint i = 0; i < 50; i++)
    {
      par_hedge_deposit (fixture->hedge, START);
      g_assert_true (par_hedge_has_granted (fixture->hedge) == (i < 40 && i % 10 == 9));
      par_hedge_deliver (fixture->hedge);
      g_assert_false (par_hedge_has_granted (fixture->hedge));
    }
  g_assert_cmpstr (fixture->log->str, ==, "A7 B7 B3 A5 ");

  /* The last ten deposits are there for the next. */
  g_assert_true (par_hedge_spend (fixture->hedge));
  g_assert_false (par_hedge_spend (fixture->hedge));
}

static void
nobody_waits_twice (Fixture       *fixture,
                    gconstpointer  data)
{
  g_test_summary ("Neither while it waits nor after it was paid for.");

  spend_all (fixture->hedge);
  par_hedge_wait (fixture->hedge, &fixture->a->parent, 1);
  par_hedge_wait (fixture->hedge, &fixture->a->parent, 1);
  for (guint i = 0; i < 10; i++)
    par_hedge_deposit (fixture->hedge, START);
  par_hedge_wait (fixture->hedge, &fixture->a->parent, 1);
  for (guint i = 0; i < 10; i++)
    par_hedge_deposit (fixture->hedge, START);
  par_hedge_deliver (fixture->hedge);
  g_assert_cmpstr (fixture->log->str, ==, "A1 ");

  par_hedge_wait (fixture->hedge, &fixture->a->parent, 1);
  par_hedge_forget (fixture->hedge, &fixture->a->parent, 1);
}

static void
forgotten_tickets_are_passed_over (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_test_summary ("Their requests have settled; the token pays for the next in line.");

  spend_all (fixture->hedge);
  for (guint64 i = 0; i < 5; i++)
    par_hedge_wait (fixture->hedge, &fixture->a->parent, i);
  par_hedge_forget (fixture->hedge, &fixture->a->parent, 0);
  par_hedge_forget (fixture->hedge, &fixture->a->parent, 3);
  par_hedge_forget (fixture->hedge, &fixture->b->parent, 1);
  par_hedge_forget (fixture->hedge, &fixture->a->parent, 99);

  for (guint i = 0; i < 10; i++)
    par_hedge_deposit (fixture->hedge, START);
  g_assert_true (par_hedge_has_granted (fixture->hedge));
  /* Settled between the payment and the news of it. */
  par_hedge_forget (fixture->hedge, &fixture->a->parent, 1);
  g_assert_true (par_hedge_has_granted (fixture->hedge));
  par_hedge_deliver (fixture->hedge);
  g_assert_cmpstr (fixture->log->str, ==, "A2 ");

  for (guint i = 0; i < 10; i++)
    par_hedge_deposit (fixture->hedge, START);
  par_hedge_forget (fixture->hedge, &fixture->a->parent, 4);
  g_assert_false (par_hedge_has_granted (fixture->hedge));
  g_assert_true (par_hedge_spend (fixture->hedge));
  g_assert_false (par_hedge_spend (fixture->hedge));
}

static void
refund (FakeHost *host,
        gpointer  hedge,
        guint64   index,
        gpointer  data)
{
  par_hedge_refund (hedge);
}

static void
refunded_tokens_go_on_in_line (Fixture       *fixture,
                               gconstpointer  data)
{
  g_test_summary ("By the host itself, which is told that its hedge is paid for, and needs none.");

  fake_host_react (fixture->a, refund, NULL);
  spend_all (fixture->hedge);
  par_hedge_wait (fixture->hedge, &fixture->a->parent, 1);
  par_hedge_wait (fixture->hedge, &fixture->a->parent, 2);
  par_hedge_wait (fixture->hedge, &fixture->b->parent, 3);
  par_hedge_wait (fixture->hedge, &fixture->b->parent, 4);
  for (guint i = 0; i < 10; i++)
    par_hedge_deposit (fixture->hedge, START);
  par_hedge_deliver (fixture->hedge);
  g_assert_cmpstr (fixture->log->str, ==, "A1 A2 B3 ");
  par_hedge_forget (fixture->hedge, &fixture->b->parent, 4);
}

static void
large_deposits_pay_for_several (Fixture       *fixture,
                                gconstpointer  data)
{
  g_test_summary ("2.5 hedges for each first attempt, though only one fits into the budget.");

  par_hedge_set_max_extra_load (fixture->hedge, 2.5);
  par_hedge_set_burst (fixture->hedge, 1);
  spend_all (fixture->hedge);
  for (guint64 i = 0; i < 5; i++)
    par_hedge_wait (fixture->hedge, &fixture->b->parent, i);
  par_hedge_deposit (fixture->hedge, START);
  par_hedge_deliver (fixture->hedge);
  g_assert_cmpstr (fixture->log->str, ==, "B0 B1 ");
  par_hedge_deposit (fixture->hedge, START);
  par_hedge_deliver (fixture->hedge);
  g_assert_cmpstr (fixture->log->str, ==, "B0 B1 B2 B3 B4 ");
}

static void
last_reference_lets_go_of_hosts (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_test_summary ("With tickets that wait, and some that are paid for: nobody is told.");

  spend_all (fixture->hedge);
  for (guint64 i = 0; i < 5; i++)
    {
      par_hedge_wait (fixture->hedge, &fixture->a->parent, i);
      par_hedge_wait (fixture->hedge, &fixture->b->parent, i);
    }
  for (guint i = 0; i < 30; i++)
    par_hedge_deposit (fixture->hedge, START);
  g_assert_finalize_object (g_steal_pointer (&fixture->hedge));
  g_assert_cmpstr (fixture->log->str, ==, "");
}

static gpointer
change_figures (gpointer data)
{
  ParHedge *hedge = data;

  observe (hedge, 100, 10 * MSEC, START);
  par_hedge_deposit (hedge, START);
  par_hedge_get_delay_us (hedge, START);
  par_hedge_spend (hedge);
  par_hedge_count_sent (hedge);
  par_hedge_count_won (hedge);
  spend_all (hedge);
  par_hedge_set_percentile (hedge, 90);

  return NULL;
}

static void
note_cb (ParHedge   *hedge,
         GParamSpec *pspec,
         Fixture    *fixture)
{
  g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  g_string_append_printf (fixture->log, "%s ", pspec->name);
}

static void
figures_notify_at_home (Fixture       *fixture,
                        gconstpointer  data)
{
  g_auto(GStrv) names = NULL;

  g_test_summary ("Whichever thread changes them, once each, in the context of who made it.");

  g_signal_connect (fixture->hedge, "notify", G_CALLBACK (note_cb), fixture);
  g_thread_join (g_thread_new ("figures", change_figures, fixture->hedge));
  g_assert_cmpstr (fixture->log->str, ==, "");
  while (g_main_context_iteration (NULL, FALSE))
    ;

  names = g_strsplit (fixture->log->str, " ", -1);
  g_assert_cmpuint (g_strv_length (names), ==, 6 + 1);
  g_assert_true (g_strv_contains ((const char **) names, "current-delay"));
  g_assert_true (g_strv_contains ((const char **) names, "n-sent"));
  g_assert_true (g_strv_contains ((const char **) names, "n-won"));
  g_assert_true (g_strv_contains ((const char **) names, "n-refused"));
  g_assert_true (g_strv_contains ((const char **) names, "extra-load"));
  g_assert_true (g_strv_contains ((const char **) names, "percentile"));
}

/* What threads that share a hedge do, and what they count themselves. */
typedef struct
{
  ParHedge *hedge;
  FakeHost *host;
  guint64 first_index;
  int n_granted;   /* atomic: whichever thread tells of it */
  guint n_spent;
} Sharer;

#define N_SHARED 20000

static void
count_granted (FakeHost *host,
               gpointer  hedge,
               guint64   index,
               gpointer  data)
{
  Sharer *sharer = data;

  g_atomic_int_inc (&sharer->n_granted);
  par_hedge_count_sent (hedge);
}

static gpointer
share (gpointer data)
{
  Sharer *sharer = data;

  for (guint64 i = 0; i < N_SHARED; i++)
    {
      guint64 index = sharer->first_index + i;

      par_host_lock (&sharer->host->parent);
      par_hedge_deposit (sharer->hedge, START + i);
      par_hedge_get_delay_us (sharer->hedge, START + i);
      par_hedge_observe (sharer->hedge, i, i % 20 == 0, START + i);
      if (par_hedge_spend (sharer->hedge))
        {
          sharer->n_spent++;
          par_hedge_count_sent (sharer->hedge);
        }
      else
        {
          par_hedge_wait (sharer->hedge, &sharer->host->parent, index);
        }
      if (i >= 500)
        par_hedge_forget (sharer->hedge, &sharer->host->parent, index - 500);
      par_host_unlock (&sharer->host->parent);
      par_hedge_deliver (sharer->hedge);
    }

  for (guint64 i = N_SHARED - 500; i < N_SHARED; i++)
    par_hedge_forget (sharer->hedge, &sharer->host->parent, sharer->first_index + i);
  par_hedge_deliver (sharer->hedge);

  return NULL;
}

static gpointer
watch_figures (gpointer data)
{
  ParHedge *hedge = data;
  guint64 n_sent = 0, n_refused = 0;

  while (n_sent + n_refused < 2 * N_SHARED)
    {
      guint64 now_sent = par_hedge_get_n_sent (hedge);
      guint64 now_refused = par_hedge_get_n_refused (hedge);

      g_assert_cmpuint (now_sent, >=, n_sent);
      g_assert_cmpuint (now_refused, >=, n_refused);
      n_sent = now_sent;
      n_refused = now_refused;
      g_thread_yield ();
    }

  return NULL;
}

static void
two_threads_can_share (Fixture       *fixture,
                       gconstpointer  data)
{
  Sharer a = { fixture->hedge, fixture->a, 0, 0, 0 };
  Sharer b = { fixture->hedge, fixture->b, 1000000, 0, 0 };
  GThread *watching, *other;
  guint n_sent;

  g_test_summary ("Each under its host's lock; no token is lost, and the figures add up.");

  /* A full budget would lose what is deposited. */
  spend_all (fixture->hedge);
  fixture->a->log = fixture->b->log = NULL;
  fake_host_react (fixture->a, count_granted, &a);
  fake_host_react (fixture->b, count_granted, &b);
  watching = g_thread_new ("watching", watch_figures, fixture->hedge);
  other = g_thread_new ("b", share, &b);
  share (&a);
  g_thread_join (other);
  g_thread_join (watching);
  par_hedge_deliver (fixture->hedge);

  n_sent = par_hedge_get_n_sent (fixture->hedge);
  g_assert_cmpuint (n_sent, ==, a.n_spent + b.n_spent + a.n_granted + b.n_granted);
  g_assert_cmpuint (par_hedge_get_n_refused (fixture->hedge),
                    ==, 1 + 2 * N_SHARED - a.n_spent - b.n_spent);
  g_assert_cmpfloat (par_hedge_get_extra_load (fixture->hedge), ==, n_sent / (2.0 * N_SHARED));

  /* One for ten first attempts; what is left is still there. */
  while (par_hedge_spend (fixture->hedge))
    n_sent++;
  g_assert_cmpuint (n_sent, ==, 2 * N_SHARED / 10);
}

/* A small engine: so many requests in flight, on a backend, with hedges. */
typedef struct
{
  gint64 started_us;
  gint64 last_us;     /* when its last attempt started */
  guint n_attempts;
  gint64 latency_us;  /* once it has settled */
} Call;

typedef struct
{
  gint64 when_us;
  guint index;
  guint number;  /* of the attempt that ends; 0: a hedge is due */
} Event;

typedef struct
{
  ParHedge *hedge;
  FakeHost *host;
  Backend backend;
  Call *calls;
  guint n_calls;
  guint n_started;
  GSequence *events;
  GQueue undecided;   /* calls whose last attempt started when the delay was not known */
  gint64 now_us;
} Engine;

static int
compare_events (gconstpointer a,
                gconstpointer b,
                gpointer      data)
{
  const Event *left = a, *right = b;

  return (left->when_us > right->when_us) - (left->when_us < right->when_us);
}

static void
plan (Engine *engine,
      gint64  delay_us,
      guint   index,
      guint   number)
{
  const Event event = { engine->now_us + delay_us, index, number };

  g_sequence_insert_sorted (engine->events, g_memdup2 (&event, sizeof event), compare_events, NULL);
}

/* Plans the next hedge of a call, or of all calls that waited for the delay to be known. */
static void
plan_hedge (Engine *engine,
            guint   index)
{
  gint64 delay_us = par_hedge_get_delay_us (engine->hedge, engine->now_us);

  g_queue_push_tail (&engine->undecided, GUINT_TO_POINTER (index));
  while (delay_us > 0 && engine->undecided.length > 0)
    {
      guint next = GPOINTER_TO_UINT (g_queue_pop_head (&engine->undecided));
      gint64 left_us = engine->calls[next].last_us + delay_us - engine->now_us;

      plan (engine, MAX (left_us, 0), next, 0);
    }
}

static void
start_attempt (Engine *engine,
               guint   index)
{
  Call *call = &engine->calls[index];

  call->n_attempts++;
  call->last_us = engine->now_us;
  plan (engine, backend_get_latency (&engine->backend, index, call->n_attempts), index,
        call->n_attempts);
  if (call->n_attempts <= par_hedge_get_max_hedges (engine->hedge))
    plan_hedge (engine, index);
}

static void
send_hedge (FakeHost *host,
            gpointer  hedge,
            guint64   index,
            gpointer  data)
{
  par_hedge_count_sent (hedge);
  start_attempt (data, index);
}

static void
start_call (Engine *engine)
{
  if (engine->n_started == engine->n_calls)
    return;

  engine->calls[engine->n_started].started_us = engine->now_us;
  par_hedge_deposit (engine->hedge, engine->now_us);
  start_attempt (engine, engine->n_started++);
  par_hedge_deliver (engine->hedge);
}

static void
hedge_is_due (Engine *engine,
              guint   index)
{
  if (par_hedge_spend (engine->hedge))
    send_hedge (engine->host, engine->hedge, index, engine);
  else
    par_hedge_wait (engine->hedge, &engine->host->parent, index);
}

static void
end_attempt (Engine *engine,
             guint   index,
             guint   number)
{
  Call *call = &engine->calls[index];

  call->latency_us = engine->now_us - call->started_us;
  par_hedge_observe (engine->hedge, call->latency_us, number > 1, engine->now_us);
  if (number > 1)
    par_hedge_count_won (engine->hedge);
  par_hedge_forget (engine->hedge, &engine->host->parent, index);
  start_call (engine);
}

static int
compare_calls (gconstpointer a,
               gconstpointer b)
{
  const Call *left = a, *right = b;

  return (left->latency_us > right->latency_us) - (left->latency_us < right->latency_us);
}

/* Leaves the calls sorted by how long they took. */
static void
run_engine (Engine *engine,
            guint   n_in_flight)
{
  engine->now_us = START;
  engine->events = g_sequence_new (g_free);
  engine->calls = g_new0 (Call, engine->n_calls);
  fake_host_react (engine->host, send_hedge, engine);
  engine->host->log = NULL;

  for (guint i = 0; i < n_in_flight; i++)
    start_call (engine);
  while (!g_sequence_is_empty (engine->events))
    {
      GSequenceIter *first = g_sequence_get_begin_iter (engine->events);
      const Event event = *(Event *) g_sequence_get (first);

      g_sequence_remove (first);
      engine->now_us = event.when_us;
      if (engine->calls[event.index].latency_us > 0)
        continue;
      if (event.number == 0)
        hedge_is_due (engine, event.index);
      else
        end_attempt (engine, event.index, event.number);
    }

  qsort (engine->calls, engine->n_calls, sizeof (Call), compare_calls);
  g_sequence_free (engine->events);
  g_queue_clear (&engine->undecided);
}

static double
get_msec (Engine *engine,
          double  percentile)
{
  return engine->calls[(guint) (engine->n_calls * percentile / 100)].latency_us / 1000.0;
}

static void
slowest_calls_become_quick (Fixture       *fixture,
                            gconstpointer  data)
{
  Engine engine = { fixture->hedge, fixture->a, { BACKEND_TAILED, 1 }, .n_calls = 50000 };

  g_test_summary ("A long tail, 256 in flight, at most one hedge for ten calls.");

  par_hedge_set_percentile (fixture->hedge, 90);
  run_engine (&engine, 256);

  g_test_message ("p50 %.0f ms, p99 %.0f, p99.9 %.0f, extra load %.3f, %u sent, %u won, %u refused",
                  get_msec (&engine, 50), get_msec (&engine, 99), get_msec (&engine, 99.9),
                  par_hedge_get_extra_load (fixture->hedge),
                  (guint) par_hedge_get_n_sent (fixture->hedge),
                  (guint) par_hedge_get_n_won (fixture->hedge),
                  (guint) par_hedge_get_n_refused (fixture->hedge));
  g_assert_cmpfloat (get_msec (&engine, 99), <=, 175);
  g_assert_cmpfloat (get_msec (&engine, 99.9), <=, 330);
  g_assert_cmpfloat (par_hedge_get_extra_load (fixture->hedge), <=, 0.1 + 10 / 50000.0);
  g_free (engine.calls);
}

static void
assert_all_told_of (ParRequests *requests,
                    ParHedge    *hedge,
                    gboolean     expected)
{
  g_assert_true (par_requests_do (requests, NULL, NULL) == expected);
  g_assert_cmpuint (par_hedge_get_n_in_flight (hedge), ==, 0);
}

static void
first_attempts_are_told_of (Fixture       *fixture,
                            gconstpointer  data)
{
  ParRequests *requests = par_requests_new ();
  Gate gate;

  g_test_summary ("By the engine, once each, whether they succeed, fail, lose, or are too late.");

  gate_init (&gate);
  g_object_set (requests, "hedge", fixture->hedge, NULL);
  for (guint i = 0; i < 60; i++)
    par_requests_add_thread (requests, succeed, NULL, NULL);
  assert_all_told_of (requests, fixture->hedge, TRUE);
  g_assert_cmpfloat (par_hedge_get_current_delay (fixture->hedge), >, 0);

  for (guint i = 0; i < 10; i++)
    par_requests_add_thread (requests, fail, NULL, NULL);
  assert_all_told_of (requests, fixture->hedge, FALSE);

  par_requests_set_redundancy (requests, 3);
  for (guint i = 0; i < 10; i++)
    par_requests_add_thread (requests, i % 2 == 0 ? succeed : fail, NULL, NULL);
  assert_all_told_of (requests, fixture->hedge, FALSE);

  par_requests_set_attempt_timeout (requests, 1);
  par_requests_add_thread (requests, pass_gate, &gate, NULL);
  assert_all_told_of (requests, fixture->hedge, FALSE);
  par_requests_set_attempt_timeout (requests, 0);
  par_requests_set_request_timeout (requests, 1);
  par_requests_add_thread (requests, pass_gate_deaf, &gate, NULL);
  assert_all_told_of (requests, fixture->hedge, FALSE);
  par_requests_set_request_timeout (requests, 0);
  par_requests_set_timeout (requests, 1);
  par_requests_add_thread (requests, pass_gate, &gate, NULL);
  assert_all_told_of (requests, fixture->hedge, FALSE);

  gate_open (&gate);
  wait_for_attempts (requests);
  g_assert_cmpuint (par_hedge_get_n_in_flight (fixture->hedge), ==, 0);
  g_assert_finalize_object (requests);
  gate_clear (&gate);
}

static double
measure_hedges (BackendKind kind,
                double      percentile,
                guint       n_in_flight,
                FakeHost   *host)
{
  g_autoptr(ParHedge) hedge = par_hedge_new ();
  Engine engine = { hedge, host, { kind, 3 }, .n_calls = 50000 };

  par_hedge_set_percentile (hedge, percentile);
  par_hedge_set_max_extra_load (hedge, 9);
  par_hedge_set_max_hedges (hedge, 1);
  run_engine (&engine, n_in_flight);
  g_free (engine.calls);

  return 100 * par_hedge_get_extra_load (hedge);
}

static void
hedges_are_as_many_as_wanted (Fixture       *fixture,
                              gconstpointer  data)
{
  static const BackendKind kinds[] = { BACKEND_TAILED, BACKEND_SPREAD, BACKEND_EXPONENTIAL };
  static const guint n_in_flight[] = { 64, 500 };

  g_test_summary ("However many are in flight, from the first on, as if there were no budget.");

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      for (guint k = 0; k < G_N_ELEMENTS (n_in_flight); k++)
        {
          double five = measure_hedges (kinds[i], 95, n_in_flight[k], fixture->a);
          double one = measure_hedges (kinds[i], 99, n_in_flight[k], fixture->a);

          g_test_message ("%u in flight: %.2f %% and %.2f %%", n_in_flight[k], five, one);
          g_assert_cmpfloat_with_epsilon (five, 5, 0.7);
          g_assert_cmpfloat_with_epsilon (one, 1, 0.3);
        }
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/hedge/" name, Fixture, NULL, set_up, func, tear_down)
  add ("properties-have-defaults", properties_have_defaults);
  add ("defaults-are-those-of-the-class", defaults_are_those_of_the_class);
  add ("properties-can-be-constructed", properties_can_be_constructed);
  add ("bad-values-are-refused", bad_values_are_refused);
  add ("settings-notify-once", settings_notify_once);
  add ("delay-is-unknown-with-few-samples", delay_is_unknown_with_few_samples);
  add ("delay-is-the-percentile", delay_is_the_percentile);
  add ("delay-is-never-zero", delay_is_never_zero);
  add ("fixed-delay-learns-nothing", fixed_delay_learns_nothing);
  add ("learned-delay-is-forgotten", learned_delay_is_forgotten);
  add ("jumping-clock-does-no-harm", jumping_clock_does_no_harm);
  add ("calls-cut-short-count-as-longer", calls_cut_short_count_as_longer);
  add ("delay-is-unknown-while-most-are-in-flight", delay_is_unknown_while_most_are_in_flight);
  add ("hedges-are-a-share-of-first-attempts", hedges_are_a_share_of_first_attempts);
  add ("no-extra-load-no-hedge", no_extra_load_no_hedge);
  add ("hedges-wait-for-the-budget", hedges_wait_for_the_budget);
  add ("nobody-waits-twice", nobody_waits_twice);
  add ("forgotten-tickets-are-passed-over", forgotten_tickets_are_passed_over);
  add ("refunded-tokens-go-on-in-line", refunded_tokens_go_on_in_line);
  add ("large-deposits-pay-for-several", large_deposits_pay_for_several);
  add ("last-reference-lets-go-of-hosts", last_reference_lets_go_of_hosts);
  add ("figures-notify-at-home", figures_notify_at_home);
  add ("two-threads-can-share", two_threads_can_share);
  add ("first-attempts-are-told-of", first_attempts_are_told_of);
  add ("slowest-calls-become-quick", slowest_calls_become_quick);
  add ("hedges-are-as-many-as-wanted", hedges_are_as_many_as_wanted);
#undef add

  return g_test_run ();
}
