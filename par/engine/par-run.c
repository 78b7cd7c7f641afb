/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-run-private.h"

#include "par-requests-error.h"

/* The policies of @settings are consumed. */
ParRun *
par_run_new (const ParRunSettings *settings,
             GCancellable         *cancellable,
             gint64                now_us)
{
  ParRun *self = g_new0 (ParRun, 1);

  self->settings = *settings;
  self->started_us = now_us;
  if (settings->timeout > 0)
    self->deadline_us = now_us + (gint64) settings->timeout * 1000;
  g_set_object (&self->cancellable, cancellable);

  return self;
}

void
par_run_free (gpointer data)
{
  ParRun *self = data;

  g_clear_object (&self->settings.hedge);
  g_clear_object (&self->settings.retry);
  g_clear_object (&self->settings.limiter);
  g_clear_object (&self->cancellable);
  g_clear_error (&self->broken);
  g_clear_error (&self->first_error);
  g_free (self);
}

/* Ends the run early, unless something else does already. */
void
par_run_end (ParRun      *self,
             ParRunCause  cause)
{
  if (self->cause == PAR_RUN_CAUSE_NONE)
    self->cause = cause;
}

static void
count (ParCounts       *counts,
       ParRequestState  state,
       int              step)
{
  switch (state)
    {
    case PAR_REQUEST_STATE_QUEUED:
      counts->n_queued += step;
      break;

    case PAR_REQUEST_STATE_RUNNING:
      counts->n_running += step;
      break;

    case PAR_REQUEST_STATE_SUCCEEDED:
      counts->n_succeeded += step;
      break;

    case PAR_REQUEST_STATE_FAILED:
      counts->n_failed += step;
      break;

    case PAR_REQUEST_STATE_CANCELLED:
      counts->n_cancelled += step;
      break;

    default:
      g_assert_not_reached ();
    }
}

/* Notes that a request has settled, and whether that ends the run. */
void
par_run_settled (ParRun          *self,
                 guint64          index,
                 ParRequestState  from,
                 ParRequestState  to,
                 const GError    *error)
{
  count (&self->counts, from, -1);
  count (&self->counts, to, 1);

  /* A failure tells more than a request that was cancelled. */
  if ((to == PAR_REQUEST_STATE_FAILED && self->counts.n_failed == 1)
      || (to == PAR_REQUEST_STATE_CANCELLED && self->first_error == NULL))
    {
      g_clear_error (&self->first_error);
      self->first_index = index;
      self->first_error = g_error_copy (error);
    }

  if (to == PAR_REQUEST_STATE_FAILED && self->settings.max_failures >= 0
      && self->counts.n_failed > (guint64) self->settings.max_failures)
    par_run_end (self, PAR_RUN_CAUSE_FAILURES);

  if (to == PAR_REQUEST_STATE_SUCCEEDED && self->settings.min_successes > 0
      && self->counts.n_succeeded >= self->settings.min_successes)
    par_run_end (self, PAR_RUN_CAUSE_ENOUGH);
}

/* Why the requests that are left are cancelled. */
ParCancelReason
par_run_get_reason (const ParRun *self)
{
  switch (self->cause)
    {
    case PAR_RUN_CAUSE_TIMED_OUT:
      return PAR_CANCEL_REASON_TIMED_OUT;

    case PAR_RUN_CAUSE_FAILURES:
    case PAR_RUN_CAUSE_BROKEN:
      return PAR_CANCEL_REASON_FAILURES;

    case PAR_RUN_CAUSE_ENOUGH:
      return PAR_CANCEL_REASON_ENOUGH;

    case PAR_RUN_CAUSE_NONE:
    case PAR_RUN_CAUSE_CANCELLED:
    default:
      return PAR_CANCEL_REASON_CANCELLED;
    }
}

/* The error of a request that was cancelled. The run is NULL if there was none. */
GError *
par_run_new_reason (const ParRun    *self,
                    ParCancelReason  reason)
{
  switch (reason)
    {
    case PAR_CANCEL_REASON_TIMED_OUT:
      return g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                          "the run timed out after %u ms", self->settings.timeout);

    case PAR_CANCEL_REASON_FAILURES:
      return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                  "cancelled, since the run has failed");

    case PAR_CANCEL_REASON_ENOUGH:
      return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                  "cancelled, since enough requests had succeeded");

    case PAR_CANCEL_REASON_NONE:
    case PAR_CANCEL_REASON_CANCELLED:
    default:
      return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
    }
}

#define COUNT G_GUINT64_FORMAT

/* Returns whether the run has succeeded. Every request a success wins over a deadline or a cancel
 * in the same instant. */
gboolean
par_run_judge (const ParRun  *self,
               GError       **error)
{
  const ParCounts *counts = &self->counts;
  guint64 n_not = counts->n_failed + counts->n_cancelled;

  if (self->cause == PAR_RUN_CAUSE_ENOUGH)
    return TRUE;

  if (self->cause == PAR_RUN_CAUSE_BROKEN)
    {
      g_propagate_error (error, g_error_copy (self->broken));
      return FALSE;
    }

  if (counts->n_succeeded == counts->n_requests && !self->was_held)
    return TRUE;

  switch (self->cause)
    {
    case PAR_RUN_CAUSE_CANCELLED:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                   "cancelled: %" COUNT " of %" COUNT " requests succeeded, %" COUNT " failed",
                   counts->n_succeeded, counts->n_requests, counts->n_failed);
      break;

    case PAR_RUN_CAUSE_TIMED_OUT:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                   "timed out after %u ms: %" COUNT " of %" COUNT " requests succeeded, "
                   "%" COUNT " failed", self->settings.timeout,
                   counts->n_succeeded, counts->n_requests, counts->n_failed);
      break;

    case PAR_RUN_CAUSE_NONE:
    case PAR_RUN_CAUSE_FAILURES:
    case PAR_RUN_CAUSE_ENOUGH:
    case PAR_RUN_CAUSE_BROKEN:
    default:
      g_set_error (error, PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_FAILED,
                   "%" COUNT " of %" COUNT " requests %s; request %" COUNT ": %s",
                   counts->n_failed > 0 ? counts->n_failed : n_not, counts->n_requests,
                   counts->n_failed > 0 ? "failed" : "were cancelled",
                   self->first_index, self->first_error->message);
    }

  return FALSE;
}
