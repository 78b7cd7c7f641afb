/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-budget-private.h"

#include <math.h>

#define TOKEN G_GINT64_CONSTANT (1000000000)

/* Changes how much each first attempt deposits, and how many tokens fit. Of the tokens there are,
 * those that still fit remain; what is full remains full. */
void
par_budget_set (ParBudget *self,
                double     max_extra_load,
                guint      burst)
{
  gboolean is_full = self->level == self->burst;

  self->deposit = llround (max_extra_load * TOKEN);
  self->burst = burst * TOKEN;
  self->level = is_full ? self->burst : MIN (self->level, self->burst);
}

/* Pays for up to so many extra attempts. Returns for how many; none if no first attempt deposits
 * anything. */
guint
par_budget_pay (ParBudget *self,
                guint      n_wanted)
{
  guint n_paid = self->deposit > 0 ? MIN (self->level / TOKEN, n_wanted) : 0;

  self->level -= n_paid * TOKEN;

  return n_paid;
}

/* Those that wait are paid for before anything overflows: a deposit may be of nine tokens. */
static guint
add (ParBudget *self,
     gint64     amount,
     guint      n_wanted)
{
  guint n_paid;

  self->level += amount;
  n_paid = par_budget_pay (self, n_wanted);
  self->level = MIN (self->level, self->burst);

  return n_paid;
}

/* Deposits for a first attempt, and pays for up to so many extra attempts that wait. Returns for
 * how many. */
guint
par_budget_deposit (ParBudget *self,
                    guint      n_wanted)
{
  return add (self, self->deposit, n_wanted);
}

/* Takes back a token that was paid and not used, and pays as above. */
guint
par_budget_refund (ParBudget *self,
                   guint      n_wanted)
{
  return add (self, TOKEN, n_wanted);
}
