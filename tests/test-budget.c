/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/par-budget-private.h"

static void
full_at_the_start (void)
{
  ParBudget budget = { 0 };

  g_test_summary ("A burst is paid before the first deposit, and no more.");

  par_budget_set (&budget, 0.1, 10);
  for (guint i = 0; i < 10; i++)
    g_assert_cmpuint (par_budget_pay (&budget, 1), ==, 1);
  g_assert_cmpuint (par_budget_pay (&budget, 1), ==, 0);
}

static void
extra_load_is_the_share_of_first_attempts (void)
{
  static const struct
  {
    double max_extra_load;
    guint n_first;
    guint expected;
  } rows[] = {
    { 0.1, 9, 0 },
    { 0.1, 10, 1 },
    { 0.1, 100000, 10000 },
    { 0.05, 100000, 5000 },
    { 0.001, 999, 0 },
    { 0.001, 1000, 1 },
    { 1.0 / 3, 2, 0 },
    { 0.2, 7, 1 },
    { 0.7, 1000, 700 },
    { 1, 1000, 1000 },
    { 2.5, 1000, 2500 },
    { 9, 1000, 9000 },
  };

  g_test_summary ("To the token, however many deposits of a tenth of one there were.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      ParBudget budget = { 0 };
      guint n_paid = 0;

      par_budget_set (&budget, rows[i].max_extra_load, 10);
      g_assert_cmpuint (par_budget_pay (&budget, 100), ==, 10);
      for (guint k = 0; k < rows[i].n_first; k++)
        {
          g_assert_cmpuint (par_budget_deposit (&budget, 0), ==, 0);
          n_paid += par_budget_pay (&budget, 100);
        }
      g_assert_cmpuint (n_paid, ==, rows[i].expected);
    }
}

static void
zero_never_pays (void)
{
  ParBudget budget = { 0 };

  g_test_summary ("Not what there is from the start, nor after any number of deposits.");

  par_budget_set (&budget, 0, 10);
  for (guint i = 0; i < 1000; i++)
    {
      g_assert_cmpuint (par_budget_deposit (&budget, 1), ==, 0);
      g_assert_cmpuint (par_budget_pay (&budget, 1), ==, 0);
    }
}

static void
deposits_stop_at_the_burst (void)
{
  ParBudget budget = { 0 };

  g_test_summary ("An hour with no need is worth a burst.");

  par_budget_set (&budget, 0.5, 7);
  for (guint i = 0; i < 1000; i++)
    par_budget_deposit (&budget, 0);
  g_assert_cmpuint (par_budget_pay (&budget, 100), ==, 7);
}

static void
those_that_wait_are_paid_first (void)
{
  ParBudget budget = { 0 };

  g_test_summary ("Nine tokens for nine that wait, though only two fit.");

  par_budget_set (&budget, 9, 2);
  g_assert_cmpuint (par_budget_pay (&budget, 100), ==, 2);
  g_assert_cmpuint (par_budget_deposit (&budget, 100), ==, 9);
  g_assert_cmpuint (par_budget_deposit (&budget, 8), ==, 8);
  g_assert_cmpuint (par_budget_pay (&budget, 100), ==, 1);
  g_assert_cmpuint (par_budget_deposit (&budget, 5), ==, 5);
  g_assert_cmpuint (par_budget_pay (&budget, 100), ==, 2);
}

static void
refunds_are_spent_again (void)
{
  ParBudget budget = { 0 };

  g_test_summary ("At once, if somebody waits, and never beyond the burst.");

  par_budget_set (&budget, 0.1, 3);
  g_assert_cmpuint (par_budget_pay (&budget, 2), ==, 2);
  g_assert_cmpuint (par_budget_refund (&budget, 1), ==, 1);
  g_assert_cmpuint (par_budget_refund (&budget, 0), ==, 0);
  g_assert_cmpuint (par_budget_refund (&budget, 0), ==, 0);
  g_assert_cmpuint (par_budget_pay (&budget, 100), ==, 3);
}

static void
changes_keep_what_fits (void)
{
  ParBudget budget = { 0 };

  g_test_summary ("What is full stays full, else no token comes or goes that has room.");

  par_budget_set (&budget, 0.1, 10);
  par_budget_set (&budget, 0.1, 20);
  g_assert_cmpuint (par_budget_pay (&budget, 15), ==, 15);
  par_budget_set (&budget, 0.1, 100);
  g_assert_cmpuint (par_budget_pay (&budget, 1), ==, 1);
  par_budget_set (&budget, 0.1, 2);
  par_budget_set (&budget, 0, 2);
  g_assert_cmpuint (par_budget_pay (&budget, 1), ==, 0);
  par_budget_set (&budget, 0.1, 2);
  g_assert_cmpuint (par_budget_pay (&budget, 100), ==, 2);
}

static void
extremes_do_not_overflow (void)
{
  ParBudget budget = { 0 };

  g_test_summary ("Two billion tokens, nine for each attempt.");

  par_budget_set (&budget, 9, G_MAXINT);
  g_assert_cmpuint (par_budget_deposit (&budget, G_MAXUINT), ==, (guint) G_MAXINT + 9);
  g_assert_cmpuint (par_budget_pay (&budget, G_MAXUINT), ==, 0);
  g_assert_cmpuint (par_budget_deposit (&budget, 0), ==, 0);
  g_assert_cmpuint (par_budget_pay (&budget, G_MAXUINT), ==, 9);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/par/budget/" name, func)
  add ("full-at-the-start", full_at_the_start);
  add ("extra-load-is-the-share-of-first-attempts", extra_load_is_the_share_of_first_attempts);
  add ("zero-never-pays", zero_never_pays);
  add ("deposits-stop-at-the-burst", deposits_stop_at_the_burst);
  add ("those-that-wait-are-paid-first", those_that_wait_are_paid_first);
  add ("refunds-are-spent-again", refunds_are_spent_again);
  add ("changes-keep-what-fits", changes_keep_what_fits);
  add ("extremes-do-not-overflow", extremes_do_not_overflow);
#undef add

  return g_test_run ();
}
