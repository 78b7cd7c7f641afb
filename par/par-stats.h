/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_INSIDE) && !defined (PAR_COMPILATION)
# error "Only <par/par.h> can be included directly."
#endif

#include <glib-object.h>

#include <par/par-version.h>

G_BEGIN_DECLS

#define PAR_TYPE_STATS (par_stats_get_type ())

typedef struct _ParStats ParStats;

PAR_AVAILABLE_IN_ALL
GType     par_stats_get_type                (void) G_GNUC_CONST;

PAR_AVAILABLE_IN_ALL
ParStats *par_stats_copy                    (const ParStats *self);
PAR_AVAILABLE_IN_ALL
void      par_stats_free                    (ParStats       *self);

PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_requests          (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_queued            (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_running           (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_succeeded         (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_failed            (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_cancelled         (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_attempts          (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_copies            (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_hedges            (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_hedges_won        (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_hedges_refused    (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_retries           (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_attempts_running  (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_attempts_won      (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_attempts_failed   (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_n_attempts_lost     (const ParStats *self);
PAR_AVAILABLE_IN_ALL
guint64   par_stats_get_peak_attempts       (const ParStats *self);
PAR_AVAILABLE_IN_ALL
gint64    par_stats_get_elapsed             (const ParStats *self);
PAR_AVAILABLE_IN_ALL
gint64    par_stats_get_latency             (const ParStats *self,
                                             double          percentile);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ParStats, par_stats_free)

G_END_DECLS
