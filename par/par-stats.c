/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-stats-private.h"

/**
 * ParStats:
 *
 * Figures of a [class@Requests], all of one instant.
 *
 * They concern the whole life of the object, but for [method@Stats.get_elapsed]. Unlike its
 * properties, which follow the signals, they are what is true at the moment of
 * [method@Requests.get_stats].
 *
 * A `ParStats` does not change and may be used in any thread.
 *
 * ```c
 * g_autoptr(ParStats) stats = par_requests_get_stats (requests);
 *
 * g_print ("half of the calls took less than %.1f ms\n", par_stats_get_latency (stats, 50) / 1000.0);
 * ```
 *
 * Since: 0.1
 */
struct _ParStats
{
  ParFigures figures;
};

G_DEFINE_BOXED_TYPE (ParStats, par_stats, par_stats_copy, par_stats_free)

ParStats *
par_stats_new (ParEngine *engine)
{
  ParStats *self = g_new (ParStats, 1);

  par_engine_get_figures (engine, &self->figures);

  return self;
}

/**
 * par_stats_copy:
 * @self: some figures
 *
 * Copies the figures.
 *
 * Returns: (transfer full): the copy
 *
 * Since: 0.1
 */
ParStats *
par_stats_copy (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return g_memdup2 (self, sizeof (ParStats));
}

/**
 * par_stats_free:
 * @self: (transfer full): some figures
 *
 * Frees the figures.
 *
 * Since: 0.1
 */
void
par_stats_free (ParStats *self)
{
  g_free (self);
}

/**
 * par_stats_get_n_requests:
 * @self: some figures
 *
 * Gets how many requests there have been.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_requests (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.counts.n_requests;
}

/**
 * par_stats_get_n_queued:
 * @self: some figures
 *
 * Gets how many requests have not been started.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_queued (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.counts.n_queued;
}

/**
 * par_stats_get_n_running:
 * @self: some figures
 *
 * Gets how many requests have been started and not settled.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_running (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.counts.n_running;
}

/**
 * par_stats_get_n_succeeded:
 * @self: some figures
 *
 * Gets how many requests have succeeded.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_succeeded (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.counts.n_succeeded;
}

/**
 * par_stats_get_n_failed:
 * @self: some figures
 *
 * Gets how many requests have failed.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_failed (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.counts.n_failed;
}

/**
 * par_stats_get_n_cancelled:
 * @self: some figures
 *
 * Gets how many requests were cancelled.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_cancelled (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.counts.n_cancelled;
}

/**
 * par_stats_get_n_attempts:
 * @self: some figures
 *
 * Gets how many attempts have been started.
 *
 * Returns: the number of attempts
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_attempts (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.n_attempts;
}

/**
 * par_stats_get_n_copies:
 * @self: some figures
 *
 * Gets how many of the attempts were copies.
 *
 * Returns: the number of attempts
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_copies (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.n_copies;
}

/**
 * par_stats_get_n_hedges:
 * @self: a snapshot
 *
 * Gets how many hedges have been started.
 *
 * Returns: the number of attempts made because those before took long
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_hedges (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.n_hedges;
}

/**
 * par_stats_get_n_hedges_won:
 * @self: a snapshot
 *
 * Gets how many requests have the value of a hedge.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_hedges_won (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.n_hedges_won;
}

/**
 * par_stats_get_n_hedges_refused:
 * @self: a snapshot
 *
 * Gets for how many hedges the budget of the [class@Hedge] had nothing left when they were due.
 *
 * Returns: the number of hedges
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_hedges_refused (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.n_hedges_refused;
}

/**
 * par_stats_get_n_retries:
 * @self: a snapshot
 *
 * Gets how many retries have been started.
 *
 * Returns: the number of attempts made because all before them had failed
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_retries (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.n_retries;
}

/**
 * par_stats_get_n_attempts_running:
 * @self: some figures
 *
 * Gets how many attempts have not returned.
 *
 * Returns: the number of attempts
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_attempts_running (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.n_attempts_running;
}

/**
 * par_stats_get_n_attempts_won:
 * @self: some figures
 *
 * Gets how many attempts made their request succeed.
 *
 * Returns: the number of attempts
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_attempts_won (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.n_attempts_won;
}

/**
 * par_stats_get_n_attempts_failed:
 * @self: some figures
 *
 * Gets how many attempts have failed, or were too late.
 *
 * Returns: the number of attempts
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_attempts_failed (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.n_attempts_failed;
}

/**
 * par_stats_get_n_attempts_lost:
 * @self: some figures
 *
 * Gets how many attempts returned when their outcome did not count any more.
 *
 * Returns: the number of attempts
 *
 * Since: 0.1
 */
guint64
par_stats_get_n_attempts_lost (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.n_attempts_lost;
}

/**
 * par_stats_get_peak_attempts:
 * @self: some figures
 *
 * Gets how many attempts have been in flight at once at most.
 *
 * Returns: the number of attempts
 *
 * Since: 0.1
 */
guint64
par_stats_get_peak_attempts (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.peak_attempts;
}

/**
 * par_stats_get_elapsed:
 * @self: some figures
 *
 * Gets how long the run that was on has taken so far, or else the last one in all.
 *
 * Returns: the time in microseconds
 *
 * Since: 0.1
 */
gint64
par_stats_get_elapsed (const ParStats *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->figures.elapsed_us;
}

/**
 * par_stats_get_latency:
 * @self: some figures
 * @percentile: a share of the attempts, from 0 to 100
 *
 * Gets how long attempts took that succeeded: so many percent of them no longer than this.
 *
 * It is within 1 % of a time that was measured. Attempts whose outcome did not count any more
 * are left out.
 *
 * Returns: the time in microseconds, or -1 if no attempt has succeeded
 *
 * Since: 0.1
 */
gint64
par_stats_get_latency (const ParStats *self,
                       double          percentile)
{
  g_return_val_if_fail (self != NULL, -1);
  g_return_val_if_fail (percentile >= 0 && percentile <= 100, -1);

  return par_latency_get_quantile (&self->figures.latency, percentile / 100);
}
