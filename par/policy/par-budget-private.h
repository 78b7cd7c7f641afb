/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What attempts beyond the first are paid from. Each first attempt deposits some part of a token,
 * which fits while there are no more than a burst of them; an extra attempt costs one. It is full
 * at the start. All is counted in billionths of a token, so that ten deposits of 0.1 pay for one.
 * All zero is a budget that never pays. */
typedef struct
{
  gint64 deposit;
  gint64 burst;
  gint64 level;
} ParBudget;

void     par_budget_set     (ParBudget *self,
                             double     max_extra_load,
                             guint      burst);
guint    par_budget_deposit (ParBudget *self,
                             guint      n_wanted);
guint    par_budget_pay     (ParBudget *self,
                             guint      n_wanted);
guint    par_budget_refund  (ParBudget *self,
                             guint      n_wanted);

G_END_DECLS
