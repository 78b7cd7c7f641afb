/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <par/par.h>

#include "fake-host.h"
#include "par-limiter-private.h"

#define MSEC G_GINT64_CONSTANT (1000)
#define SECOND (1000 * MSEC)

/* As late as the monotonic clock may be. */
#define START (1000 * 24 * 3600 * SECOND)

typedef struct
{
  ParLimiter *limiter;
  GString *log;   /* of what the hosts were told */
  FakeHost *a;
  FakeHost *b;
  FakeHost *c;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->limiter = par_limiter_new ();
  fixture->log = g_string_new (NULL);
  fixture->a = fake_host_new ('A', fixture->log);
  fixture->b = fake_host_new ('B', fixture->log);
  fixture->c = fake_host_new ('C', fixture->log);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  if (fixture->limiter != NULL)
    g_assert_finalize_object (fixture->limiter);
  fake_host_free (fixture->a);
  fake_host_free (fixture->b);
  fake_host_free (fixture->c);
  g_string_free (fixture->log, TRUE);
}

static ParPermit *
acquire (Fixture    *fixture,
         FakeHost   *host,
         const char *key)
{
  gint64 retry_at_us;

  return par_limiter_acquire (fixture->limiter, (ParHost *) host, key, START, &retry_at_us);
}

static void
release (Fixture   *fixture,
         ParPermit *permit)
{
  par_limiter_release (fixture->limiter, permit, START);
}

/* Asserts who is told now that its turn has come. */
static void
assert_told (Fixture    *fixture,
             const char *expected)
{
  par_limiter_deliver (fixture->limiter);
  g_assert_cmpstr (fixture->log->str, ==, expected);
  g_string_truncate (fixture->log, 0);
}

static void
assert_figures (Fixture *fixture,
                guint    n_running,
                guint    n_waiting)
{
  g_assert_cmpuint (par_limiter_get_n_running (fixture->limiter), ==, n_running);
  g_assert_cmpuint (par_limiter_get_n_waiting (fixture->limiter), ==, n_waiting);
}

static void
properties_have_defaults (Fixture       *fixture,
                          gconstpointer  data)
{
  g_test_summary ("As they are documented.");

  g_assert_cmpuint (par_limiter_get_concurrency (fixture->limiter), ==, 0);
  g_assert_cmpfloat (par_limiter_get_rate (fixture->limiter), ==, 0);
  g_assert_cmpuint (par_limiter_get_burst (fixture->limiter), ==, 1);
  g_assert_false (par_limiter_get_per_key (fixture->limiter));
  assert_figures (fixture, 0, 0);
}

static void
defaults_are_those_of_the_class (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n;

  g_test_summary ("What introspection tells, and no maximum is out of the reach of an int.");

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (fixture->limiter), &n);
  g_assert_cmpuint (n, ==, 6);
  for (guint i = 0; i < n; i++)
    {
      g_auto(GValue) value = G_VALUE_INIT;

      g_object_get_property (G_OBJECT (fixture->limiter), pspecs[i]->name, &value);
      g_assert_true (g_param_value_defaults (pspecs[i], &value));
      if (G_IS_PARAM_SPEC_UINT (pspecs[i]))
        g_assert_cmpuint (G_PARAM_SPEC_UINT (pspecs[i])->maximum, <=, G_MAXINT);
      if (G_IS_PARAM_SPEC_DOUBLE (pspecs[i]))
        g_assert_cmpfloat (G_PARAM_SPEC_DOUBLE (pspecs[i])->maximum, <=, G_MAXINT);
    }
}

static void
properties_can_be_constructed (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr(ParLimiter) limiter = NULL;
  guint concurrency, burst;
  double rate;
  gboolean per_key;

  g_test_summary ("All of them, as other languages do.");

  limiter = g_object_new (PAR_TYPE_LIMITER, "concurrency", 6, "rate", 0.5, "burst", 7, "per-key",
                          TRUE, NULL);
  g_object_get (limiter, "concurrency", &concurrency, "rate", &rate, "burst", &burst, "per-key",
                &per_key, NULL);
  g_assert_cmpuint (concurrency, ==, 6);
  g_assert_cmpfloat (rate, ==, 0.5);
  g_assert_cmpuint (burst, ==, 7);
  g_assert_true (per_key);
}

static void
bad_values_are_refused (Fixture       *fixture,
                        gconstpointer  data)
{
  const double nan = g_strtod ("nan", NULL);
  ParLimiter *limiter = fixture->limiter;

  g_test_summary ("A critical each, and nothing is changed.");

#define refuse(call, text) \
  g_test_expect_message ("Par", G_LOG_LEVEL_CRITICAL, text); \
  call
  refuse (par_limiter_set_concurrency (limiter, -1), "*concurrency*");
  refuse (par_limiter_set_rate (limiter, -1), "*rate*");
  refuse (par_limiter_set_rate (limiter, nan), "*rate*");
  refuse (par_limiter_set_rate (limiter, G_MAXDOUBLE), "*rate*");
  refuse (par_limiter_set_burst (limiter, 0), "*burst*");
  refuse (par_limiter_set_burst (limiter, -1), "*burst*");
  refuse (par_limiter_set_per_key (NULL, TRUE), "*PAR_IS_LIMITER*");
  refuse (g_assert_cmpuint (par_limiter_get_n_running (NULL), ==, 0), "*PAR_IS_LIMITER*");
#undef refuse
  g_test_assert_expected_messages ();

  properties_have_defaults (fixture, data);
}

static void
no_limit_holds_nothing_back (Fixture       *fixture,
                             gconstpointer  data)
{
  ParPermit *permits[100];

  g_test_summary ("But attempts are counted.");

  for (guint i = 0; i < 100; i++)
    {
      permits[i] = acquire (fixture, fixture->a, i % 2 == 0 ? NULL : "key");
      g_assert_nonnull (permits[i]);
    }
  assert_figures (fixture, 100, 0);
  for (guint i = 0; i < 100; i++)
    release (fixture, permits[i]);
  assert_figures (fixture, 0, 0);
  assert_told (fixture, "");
}

static void
concurrency_is_common_to_all (Fixture       *fixture,
                              gconstpointer  data)
{
  ParPermit *one, *two;

  g_test_summary ("To both hosts and all keys; who is refused is told when there is room.");

  par_limiter_set_concurrency (fixture->limiter, 2);
  one = acquire (fixture, fixture->a, "x");
  two = acquire (fixture, fixture->b, "y");
  g_assert_null (acquire (fixture, fixture->b, "z"));
  g_assert_null (acquire (fixture, fixture->a, NULL));
  assert_figures (fixture, 2, 2);
  assert_told (fixture, "");

  release (fixture, one);
  g_assert_true (par_limiter_has_called (fixture->limiter));
  assert_told (fixture, "B ");
  g_assert_false (par_limiter_has_called (fixture->limiter));
  one = acquire (fixture, fixture->b, "z");
  g_assert_nonnull (one);
  assert_figures (fixture, 2, 1);

  release (fixture, two);
  release (fixture, one);
  assert_told (fixture, "A ");
  par_limiter_pass (fixture->limiter, &fixture->a->parent, NULL, START);
  assert_figures (fixture, 0, 0);
}

static void
each_key_can_have_the_limit (Fixture       *fixture,
                             gconstpointer  data)
{
  ParPermit *x[2], *y[2], *none;

  g_test_summary ("A full key holds no other back, and those without a key are one.");

  par_limiter_set_concurrency (fixture->limiter, 2);
  par_limiter_set_per_key (fixture->limiter, TRUE);
  for (guint i = 0; i < 2; i++)
    {
      x[i] = acquire (fixture, fixture->a, "x");
      y[i] = acquire (fixture, fixture->b, "y");
      g_assert_nonnull (x[i]);
      g_assert_nonnull (y[i]);
    }
  none = acquire (fixture, fixture->a, NULL);
  g_assert_nonnull (none);
  g_assert_cmpuint (par_limiter_count_free (fixture->limiter, &fixture->a->parent, "x", START),
                    ==, 0);
  g_assert_cmpuint (par_limiter_count_free (fixture->limiter, &fixture->a->parent, NULL, START),
                    ==, 1);
  g_assert_cmpuint (par_limiter_count_free (fixture->limiter, &fixture->a->parent, "z", START),
                    ==, 2);
  g_assert_null (acquire (fixture, fixture->a, "x"));
  g_assert_null (acquire (fixture, fixture->a, "y"));
  g_assert_null (acquire (fixture, fixture->b, "y"));
  assert_figures (fixture, 5, 3);

  /* The other key's room is not its. */
  release (fixture, x[0]);
  assert_told (fixture, "A ");
  release (fixture, y[0]);
  assert_told (fixture, "A ");
  /* It has something for x, and nothing for y any more. */
  x[0] = acquire (fixture, fixture->a, "x");
  g_assert_nonnull (x[0]);
  par_limiter_pass (fixture->limiter, &fixture->a->parent, "x", START);
  assert_told (fixture, "");
  par_limiter_pass (fixture->limiter, &fixture->a->parent, "y", START);
  assert_told (fixture, "B ");
  y[0] = acquire (fixture, fixture->b, "y");
  g_assert_nonnull (y[0]);
  assert_figures (fixture, 5, 0);

  for (guint i = 0; i < 2; i++)
    {
      release (fixture, x[i]);
      release (fixture, y[i]);
    }
  release (fixture, none);
  g_assert_cmpuint (par_limiter_count_keys (fixture->limiter), ==, 0);
}

static void
hosts_take_turns (Fixture       *fixture,
                  gconstpointer  data)
{
  ParPermit *permit;
  FakeHost *running = fixture->a;

  g_test_summary ("Though who ends an attempt asks for the next one at once.");

  par_limiter_set_concurrency (fixture->limiter, 1);
  permit = acquire (fixture, fixture->a, NULL);
  g_assert_null (acquire (fixture, fixture->b, NULL));
  for (guint i = 0; i < 10; i++)
    {
      FakeHost *other = running == fixture->a ? fixture->b : fixture->a;

      release (fixture, permit);
      g_assert_null (acquire (fixture, running, NULL));
      assert_told (fixture, other == fixture->a ? "A " : "B ");
      permit = acquire (fixture, other, NULL);
      g_assert_nonnull (permit);
      running = other;
    }
  release (fixture, permit);
}

static void
rate_tells_when_to_come_again (Fixture       *fixture,
                               gconstpointer  data)
{
  gint64 retry_at_us;

  g_test_summary ("Once in a thousand seconds, after the first.");

  par_limiter_set_rate (fixture->limiter, 0.001);
  g_assert_nonnull (acquire (fixture, fixture->a, NULL));
  g_assert_null (par_limiter_acquire (fixture->limiter, &fixture->a->parent, NULL, START,
                                      &retry_at_us));
  g_assert_cmpint (retry_at_us, ==, START + 1000 * SECOND);
  g_assert_null (par_limiter_acquire (fixture->limiter, &fixture->a->parent, NULL,
                                      retry_at_us - 1, &retry_at_us));
  g_assert_cmpint (retry_at_us, ==, START + 1000 * SECOND);
  assert_figures (fixture, 1, 1);
  g_assert_nonnull (par_limiter_acquire (fixture->limiter, &fixture->a->parent, NULL, retry_at_us,
                                         &retry_at_us));
  assert_figures (fixture, 2, 0);
}

static void
who_does_not_come_for_a_token_is_told (Fixture       *fixture,
                                       gconstpointer  data)
{
  gint64 retry_at_us;

  g_test_summary ("By the next in line, whose time it is: it leaves, and that one is let through.");

  par_limiter_set_rate (fixture->limiter, 1);
  g_assert_nonnull (acquire (fixture, fixture->a, NULL));
  g_assert_null (acquire (fixture, fixture->b, NULL));
  g_assert_null (par_limiter_acquire (fixture->limiter, &fixture->c->parent, NULL, START,
                                      &retry_at_us));
  g_assert_cmpint (retry_at_us, ==, START + 2 * SECOND);

  g_assert_null (par_limiter_acquire (fixture->limiter, &fixture->c->parent, NULL, retry_at_us,
                                      &retry_at_us));
  assert_told (fixture, "B ");
  par_limiter_pass (fixture->limiter, &fixture->b->parent, NULL, START + 2 * SECOND);
  assert_told (fixture, "C ");
  g_assert_nonnull (par_limiter_acquire (fixture->limiter, &fixture->c->parent, NULL,
                                         START + 2 * SECOND, &retry_at_us));
  assert_figures (fixture, 2, 0);
}

static void
no_window_holds_more_than_the_rate (Fixture       *fixture,
                                    gconstpointer  data)
{
  gint64 starts[200];
  gint64 now_us = START;

  g_test_summary ("200 starts at 50 a second and a burst of 5, in the time that it takes.");

  par_limiter_set_rate (fixture->limiter, 50);
  par_limiter_set_burst (fixture->limiter, 5);
  for (guint i = 0; i < G_N_ELEMENTS (starts); i++)
    {
      gint64 retry_at_us;

      while (par_limiter_acquire (fixture->limiter, &fixture->a->parent, NULL, now_us,
                                  &retry_at_us) == NULL)
        now_us = retry_at_us;
      starts[i] = now_us;
    }
  for (guint i = 55; i < G_N_ELEMENTS (starts); i++)
    g_assert_cmpint (starts[i] - starts[i - 55], >=, SECOND);
  g_assert_cmpint (now_us - START, ==, 195 * SECOND / 50);
}

static void
changes_take_effect_at_once (Fixture       *fixture,
                             gconstpointer  data)
{
  gint64 retry_at_us;

  g_test_summary ("All who wait look again, since what they were told is not true any more.");

  par_limiter_set_concurrency (fixture->limiter, 1);
  g_assert_nonnull (acquire (fixture, fixture->a, NULL));
  g_assert_null (acquire (fixture, fixture->a, NULL));
  g_assert_null (acquire (fixture, fixture->b, NULL));
  par_limiter_set_concurrency (fixture->limiter, 2);
  assert_told (fixture, "A B ");
  assert_figures (fixture, 1, 0);
  g_assert_nonnull (acquire (fixture, fixture->a, NULL));
  g_assert_null (acquire (fixture, fixture->b, NULL));

  par_limiter_set_concurrency (fixture->limiter, 0);
  assert_told (fixture, "B ");
  par_limiter_set_rate (fixture->limiter, 0.001);
  g_assert_nonnull (acquire (fixture, fixture->b, NULL));
  g_assert_null (par_limiter_acquire (fixture->limiter, &fixture->b->parent, NULL, START,
                                      &retry_at_us));
  g_assert_cmpint (retry_at_us, ==, START + 1000 * SECOND);
  par_limiter_set_rate (fixture->limiter, 1);
  assert_told (fixture, "B ");
  g_assert_null (par_limiter_acquire (fixture->limiter, &fixture->b->parent, NULL, START,
                                      &retry_at_us));
  g_assert_cmpint (retry_at_us, ==, START + SECOND);

  par_limiter_set_per_key (fixture->limiter, TRUE);
  assert_told (fixture, "B ");
  g_assert_nonnull (acquire (fixture, fixture->b, "x"));
  g_assert_nonnull (acquire (fixture, fixture->b, "y"));
  assert_figures (fixture, 5, 0);
}

static void
lowered_concurrency_ends_nothing (Fixture       *fixture,
                                  gconstpointer  data)
{
  ParPermit *permits[100];

  g_test_summary ("From a hundred to one: nothing starts before all have ended.");

  par_limiter_set_concurrency (fixture->limiter, 100);
  for (guint i = 0; i < 100; i++)
    permits[i] = acquire (fixture, fixture->a, NULL);
  par_limiter_set_concurrency (fixture->limiter, 1);
  assert_figures (fixture, 100, 0);
  for (guint i = 0; i < 100; i++)
    {
      g_assert_null (acquire (fixture, fixture->b, NULL));
      assert_told (fixture, "");
      release (fixture, permits[i]);
    }
  assert_told (fixture, "B ");
  permits[0] = acquire (fixture, fixture->b, NULL);
  g_assert_nonnull (permits[0]);
  g_assert_null (acquire (fixture, fixture->b, NULL));
  release (fixture, permits[0]);
}

static void
a_hundred_wait_for_one (Fixture       *fixture,
                        gconstpointer  data)
{
  FakeHost *hosts[100];
  ParPermit *permit;

  g_test_summary ("They are let through in the order in which they came, one at a time.");

  par_limiter_set_concurrency (fixture->limiter, 1);
  permit = acquire (fixture, fixture->a, NULL);
  for (guint i = 0; i < 100; i++)
    {
      hosts[i] = fake_host_new ('a' + i % 26, fixture->log);
      g_assert_null (acquire (fixture, hosts[i], NULL));
    }
  assert_figures (fixture, 1, 100);

  for (guint i = 0; i < 100; i++)
    {
      const char expected[] = { hosts[i]->name, ' ', '\0' };

      release (fixture, permit);
      assert_told (fixture, expected);
      for (guint k = i + 1; k < 100; k++)
        g_assert_null (acquire (fixture, hosts[k], NULL));
      permit = acquire (fixture, hosts[i], NULL);
      g_assert_nonnull (permit);
      assert_figures (fixture, 1, 99 - i);
    }
  release (fixture, permit);
  for (guint i = 0; i < 100; i++)
    fake_host_free (hosts[i]);
}

static void
hosts_can_leave (Fixture       *fixture,
                 gconstpointer  data)
{
  ParPermit *x, *y;

  g_test_summary ("All lines, whether it is their turn or not; others move up.");

  par_limiter_set_concurrency (fixture->limiter, 1);
  par_limiter_set_per_key (fixture->limiter, TRUE);
  x = acquire (fixture, fixture->a, "x");
  y = acquire (fixture, fixture->a, "y");
  g_assert_null (acquire (fixture, fixture->b, "x"));
  g_assert_null (acquire (fixture, fixture->b, "y"));
  g_assert_null (acquire (fixture, fixture->c, "x"));
  release (fixture, x);
  assert_told (fixture, "B ");
  par_limiter_pass (fixture->limiter, &fixture->c->parent, "x", START);
  assert_figures (fixture, 1, 3);
  par_limiter_leave (fixture->limiter, &fixture->b->parent, START);
  assert_figures (fixture, 1, 1);
  assert_told (fixture, "C ");
  par_limiter_leave (fixture->limiter, &fixture->c->parent, START);
  release (fixture, y);
  assert_told (fixture, "");
  assert_figures (fixture, 0, 0);
}

static void
permits_can_be_lent (Fixture       *fixture,
                     gconstpointer  data)
{
  ParPermit *outer, *inner;

  g_test_summary ("To the attempts that its holder waits for, which need the same limiter.");

  par_limiter_set_concurrency (fixture->limiter, 1);
  par_limiter_set_per_key (fixture->limiter, TRUE);
  outer = acquire (fixture, fixture->a, "x");
  g_assert_null (acquire (fixture, fixture->b, "x"));
  par_limiter_lend (fixture->limiter, outer, START);
  assert_told (fixture, "B ");
  inner = acquire (fixture, fixture->b, "x");
  g_assert_nonnull (inner);
  assert_figures (fixture, 1, 0);
  release (fixture, inner);
  assert_figures (fixture, 0, 0);
  g_assert_cmpuint (par_limiter_count_keys (fixture->limiter), ==, 1);

  par_limiter_take_back (fixture->limiter, outer);
  assert_figures (fixture, 1, 0);
  g_assert_null (acquire (fixture, fixture->b, "x"));
  release (fixture, outer);
  assert_told (fixture, "B ");
  par_limiter_leave (fixture->limiter, &fixture->b->parent, START);
}

static void
what_was_not_used_can_be_put_back (Fixture       *fixture,
                                   gconstpointer  data)
{
  ParPermit *permit;

  g_test_summary ("With its token.");

  par_limiter_set_rate (fixture->limiter, 1);
  par_limiter_set_concurrency (fixture->limiter, 1);
  permit = acquire (fixture, fixture->a, NULL);
  g_assert_null (acquire (fixture, fixture->b, NULL));
  par_limiter_put_back (fixture->limiter, permit, START);
  assert_told (fixture, "B ");
  g_assert_nonnull (acquire (fixture, fixture->b, NULL));
  assert_figures (fixture, 1, 0);
}

static void
nobody_in_particular_is_not_told (Fixture       *fixture,
                                  gconstpointer  data)
{
  gint64 retry_at_us;
  ParPermit *permit;

  g_test_summary ("And goes behind all who wait.");

  par_limiter_set_concurrency (fixture->limiter, 1);
  permit = acquire (fixture, NULL, NULL);
  g_assert_nonnull (permit);
  g_assert_null (acquire (fixture, NULL, NULL));
  g_assert_null (acquire (fixture, fixture->a, NULL));
  release (fixture, permit);
  g_assert_null (par_limiter_acquire (fixture->limiter, NULL, NULL, START, &retry_at_us));
  g_assert_cmpint (retry_at_us, ==, -1);
  assert_told (fixture, "A ");
  par_limiter_pass (fixture->limiter, &fixture->a->parent, NULL, START);
  assert_told (fixture, "");
  permit = acquire (fixture, NULL, NULL);
  g_assert_nonnull (permit);
  release (fixture, permit);
}

static void
idle_keys_are_forgotten (Fixture       *fixture,
                         gconstpointer  data)
{
  gint64 now_us = START;

  g_test_summary ("A million keys one after the other, of which few must be remembered at a time.");

  par_limiter_set_per_key (fixture->limiter, TRUE);
  par_limiter_set_concurrency (fixture->limiter, 6);
  for (guint i = 0; i < 1000000; i++)
    {
      char key[16];
      gint64 retry_at_us;
      ParPermit *permit;

      /* For the last of them it is a hundred seconds until their bucket is full again. */
      if (i == 900000)
        par_limiter_set_rate (fixture->limiter, 0.01);
      g_snprintf (key, sizeof key, "%u", i);
      now_us += SECOND;
      permit = par_limiter_acquire (fixture->limiter, &fixture->a->parent, key, now_us,
                                    &retry_at_us);
      g_assert_nonnull (permit);
      par_limiter_release (fixture->limiter, permit, now_us);
      g_assert_cmpuint (par_limiter_count_keys (fixture->limiter), <=, i < 900000 ? 0 : 202);
    }
  assert_figures (fixture, 0, 0);
}

static void
last_reference_lets_go_of_hosts (Fixture       *fixture,
                                 gconstpointer  data)
{
  ParPermit *x;

  g_test_summary ("Those who wait, and those whose turn has come: nobody is told.");

  par_limiter_set_concurrency (fixture->limiter, 1);
  par_limiter_set_per_key (fixture->limiter, TRUE);
  x = acquire (fixture, fixture->a, "x");
  g_assert_nonnull (acquire (fixture, fixture->a, NULL));
  g_assert_null (acquire (fixture, fixture->a, "x"));
  g_assert_null (acquire (fixture, fixture->b, "x"));
  g_assert_null (acquire (fixture, fixture->b, NULL));
  release (fixture, x);
  g_assert_finalize_object (g_steal_pointer (&fixture->limiter));
  g_assert_cmpstr (fixture->log->str, ==, "");
}

static void
jumping_clock_does_no_harm (Fixture       *fixture,
                            gconstpointer  data)
{
  gint64 retry_at_us;

  g_test_summary ("Backwards it stands still, forwards the bucket is full, and no fuller.");

  par_limiter_set_rate (fixture->limiter, 1);
  par_limiter_set_burst (fixture->limiter, 2);
  g_assert_nonnull (acquire (fixture, fixture->a, NULL));
  g_assert_nonnull (par_limiter_acquire (fixture->limiter, &fixture->a->parent, NULL,
                                         START - 3600 * SECOND, &retry_at_us));
  g_assert_null (par_limiter_acquire (fixture->limiter, &fixture->a->parent, NULL,
                                      START - 3600 * SECOND, &retry_at_us));
  g_assert_cmpint (retry_at_us, ==, START + SECOND);
  for (guint i = 0; i < 2; i++)
    g_assert_nonnull (par_limiter_acquire (fixture->limiter, &fixture->a->parent, NULL, 100 * START,
                                           &retry_at_us));
  g_assert_null (par_limiter_acquire (fixture->limiter, &fixture->a->parent, NULL, 100 * START,
                                      &retry_at_us));
  g_assert_cmpint (retry_at_us, ==, 100 * START + SECOND);
}

static gpointer
change_figures (gpointer data)
{
  Fixture *fixture = data;

  par_limiter_set_concurrency (fixture->limiter, 1);
  release (fixture, acquire (fixture, fixture->a, NULL));
  acquire (fixture, fixture->a, NULL);
  acquire (fixture, fixture->a, NULL);

  return NULL;
}

static void
note_cb (ParLimiter *limiter,
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

  g_signal_connect (fixture->limiter, "notify", G_CALLBACK (note_cb), fixture);
  g_thread_join (g_thread_new ("figures", change_figures, fixture));
  g_assert_cmpstr (fixture->log->str, ==, "");
  while (g_main_context_iteration (NULL, FALSE))
    ;

  names = g_strsplit (fixture->log->str, " ", -1);
  g_assert_cmpuint (g_strv_length (names), ==, 3 + 1);
  g_assert_true (g_strv_contains ((const char **) names, "n-running"));
  g_assert_true (g_strv_contains ((const char **) names, "n-waiting"));
  g_assert_true (g_strv_contains ((const char **) names, "concurrency"));
}

/* What threads that share a limiter do: each starts calls whenever it is told to look, as an engine
 * does, and ends them. */
typedef struct
{
  ParLimiter *limiter;
  FakeHost *host;
  GMutex lock;
  GCond told;
  gboolean is_told;
  int *n_running;   /* atomic, of all */
  gint64 *now_us;   /* guarded by the lock that follows */
  GMutex *clock;
} Sharer;

#define N_SHARED 5000

static void
wake_sharer (FakeHost *host,
             gpointer  limiter,
             guint64   index,
             gpointer  data)
{
  Sharer *sharer = data;

  g_mutex_lock (&sharer->lock);
  sharer->is_told = TRUE;
  g_cond_signal (&sharer->told);
  g_mutex_unlock (&sharer->lock);
}

static gint64
read_clock (Sharer *sharer)
{
  gint64 now_us;

  g_mutex_lock (sharer->clock);
  now_us = ++*sharer->now_us;
  g_mutex_unlock (sharer->clock);

  return now_us;
}

static ParPermit *
wait_for_permit (Sharer *sharer)
{
  for (;;)
    {
      gint64 retry_at_us;
      ParPermit *permit;

      par_host_lock (&sharer->host->parent);
      permit = par_limiter_acquire (sharer->limiter, &sharer->host->parent, "key",
                                    read_clock (sharer), &retry_at_us);
      par_host_unlock (&sharer->host->parent);
      par_limiter_deliver (sharer->limiter);
      if (permit != NULL)
        return permit;

      g_assert_cmpint (retry_at_us, ==, -1);
      g_mutex_lock (&sharer->lock);
      while (!sharer->is_told)
        g_cond_wait (&sharer->told, &sharer->lock);
      sharer->is_told = FALSE;
      g_mutex_unlock (&sharer->lock);
    }
}

static gpointer
share (gpointer data)
{
  Sharer *sharer = data;

  for (guint i = 0; i < N_SHARED; i++)
    {
      ParPermit *permit = wait_for_permit (sharer);

      g_assert_cmpint (g_atomic_int_add (sharer->n_running, 1), <, 2);
      if (i % 7 == 0)
        g_thread_yield ();
      g_atomic_int_add (sharer->n_running, -1);

      par_host_lock (&sharer->host->parent);
      par_limiter_release (sharer->limiter, permit, read_clock (sharer));
      par_host_unlock (&sharer->host->parent);
      par_limiter_deliver (sharer->limiter);
    }

  par_limiter_leave (sharer->limiter, &sharer->host->parent, read_clock (sharer));
  par_limiter_deliver (sharer->limiter);

  return NULL;
}

static void
threads_can_share (Fixture       *fixture,
                   gconstpointer  data)
{
  FakeHost *hosts[] = { fixture->a, fixture->b, fixture->c };
  Sharer sharers[3];
  GThread *threads[3];
  GMutex clock;
  gint64 now_us = START;
  int n_running = 0;

  g_test_summary ("Three want two permits; nobody waits for ever, and no third one is out.");

  par_limiter_set_concurrency (fixture->limiter, 2);
  par_limiter_set_per_key (fixture->limiter, TRUE);
  g_mutex_init (&clock);
  for (guint i = 0; i < 3; i++)
    {
      sharers[i] = (Sharer) {
        .limiter = fixture->limiter, .host = hosts[i], .n_running = &n_running, .now_us = &now_us,
        .clock = &clock,
      };
      g_mutex_init (&sharers[i].lock);
      g_cond_init (&sharers[i].told);
      hosts[i]->log = NULL;
      fake_host_react (hosts[i], wake_sharer, &sharers[i]);
    }
  for (guint i = 0; i < 3; i++)
    threads[i] = g_thread_new ("share", share, &sharers[i]);
  for (guint i = 0; i < 3; i++)
    g_thread_join (threads[i]);

  assert_figures (fixture, 0, 0);
  for (guint i = 0; i < 3; i++)
    {
      g_mutex_clear (&sharers[i].lock);
      g_cond_clear (&sharers[i].told);
    }
  g_mutex_clear (&clock);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/limiter/" name, Fixture, NULL, set_up, func, tear_down)
  add ("properties-have-defaults", properties_have_defaults);
  add ("defaults-are-those-of-the-class", defaults_are_those_of_the_class);
  add ("properties-can-be-constructed", properties_can_be_constructed);
  add ("bad-values-are-refused", bad_values_are_refused);
  add ("no-limit-holds-nothing-back", no_limit_holds_nothing_back);
  add ("concurrency-is-common-to-all", concurrency_is_common_to_all);
  add ("each-key-can-have-the-limit", each_key_can_have_the_limit);
  add ("hosts-take-turns", hosts_take_turns);
  add ("rate-tells-when-to-come-again", rate_tells_when_to_come_again);
  add ("who-does-not-come-for-a-token-is-told", who_does_not_come_for_a_token_is_told);
  add ("no-window-holds-more-than-the-rate", no_window_holds_more_than_the_rate);
  add ("changes-take-effect-at-once", changes_take_effect_at_once);
  add ("lowered-concurrency-ends-nothing", lowered_concurrency_ends_nothing);
  add ("a-hundred-wait-for-one", a_hundred_wait_for_one);
  add ("hosts-can-leave", hosts_can_leave);
  add ("permits-can-be-lent", permits_can_be_lent);
  add ("what-was-not-used-can-be-put-back", what_was_not_used_can_be_put_back);
  add ("nobody-in-particular-is-not-told", nobody_in_particular_is_not_told);
  add ("idle-keys-are-forgotten", idle_keys_are_forgotten);
  add ("last-reference-lets-go-of-hosts", last_reference_lets_go_of_hosts);
  add ("jumping-clock-does-no-harm", jumping_clock_does_no_harm);
  add ("figures-notify-at-home", figures_notify_at_home);
  add ("threads-can-share", threads_can_share);
#undef add

  return g_test_run ();
}
