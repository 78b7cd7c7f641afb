/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par.h>

G_BEGIN_DECLS

/* Where functions in workers meet the test that runs them, with no sleeping. */
typedef struct
{
  GMutex lock;
  GCond cond;
  guint n_arrived;
  guint n_passed;
  gboolean open;
} Gate;

void     gate_init         (Gate         *self);
void     gate_clear        (Gate         *self);
void     gate_open         (Gate         *self);
gboolean gate_pass         (Gate         *self,
                            GCancellable *cancellable);
void     gate_wait_arrived (Gate         *self,
                            guint         n_arrived);
void     gate_wait_passed  (Gate         *self,
                            guint         n_passed);

/* Waits until every function has returned, also those that have not come to their gate yet. */
void     wait_for_attempts (ParRequests  *requests);

/* A request function: arrives at the gate it has as data, and returns its index when that is
 * open, or fails when it is cancelled. */
void     pass_gate         (ParAttempt   *attempt,
                            gpointer      gate,
                            GError      **error);
/* The same, but deaf to its cancellable. */
void     pass_gate_deaf    (ParAttempt   *attempt,
                            gpointer      gate,
                            GError      **error);
/* Return at once. */
void     succeed           (ParAttempt   *attempt,
                            gpointer      user_data,
                            GError      **error);
void     fail              (ParAttempt   *attempt,
                            gpointer      user_data,
                            GError      **error);

G_END_DECLS
