/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_INSIDE) && !defined (PAR_COMPILATION)
# error "Only <par/par.h> can be included directly."
#endif

#include <glib-object.h>

#include <par/par-version.h>

G_BEGIN_DECLS

#define PAR_TYPE_HEDGE (par_hedge_get_type ())

PAR_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (ParHedge, par_hedge, PAR, HEDGE, GObject)

PAR_AVAILABLE_IN_ALL
ParHedge *par_hedge_new                (void) G_GNUC_WARN_UNUSED_RESULT;

PAR_AVAILABLE_IN_ALL
guint     par_hedge_get_delay          (ParHedge *self);
PAR_AVAILABLE_IN_ALL
void      par_hedge_set_delay          (ParHedge *self,
                                        guint     delay);
PAR_AVAILABLE_IN_ALL
double    par_hedge_get_percentile     (ParHedge *self);
PAR_AVAILABLE_IN_ALL
void      par_hedge_set_percentile     (ParHedge *self,
                                        double    percentile);
PAR_AVAILABLE_IN_ALL
guint     par_hedge_get_min_delay      (ParHedge *self);
PAR_AVAILABLE_IN_ALL
void      par_hedge_set_min_delay      (ParHedge *self,
                                        guint     min_delay);
PAR_AVAILABLE_IN_ALL
guint     par_hedge_get_max_delay      (ParHedge *self);
PAR_AVAILABLE_IN_ALL
void      par_hedge_set_max_delay      (ParHedge *self,
                                        guint     max_delay);
PAR_AVAILABLE_IN_ALL
guint     par_hedge_get_min_samples    (ParHedge *self);
PAR_AVAILABLE_IN_ALL
void      par_hedge_set_min_samples    (ParHedge *self,
                                        guint     min_samples);
PAR_AVAILABLE_IN_ALL
guint     par_hedge_get_window         (ParHedge *self);
PAR_AVAILABLE_IN_ALL
void      par_hedge_set_window         (ParHedge *self,
                                        guint     window);
PAR_AVAILABLE_IN_ALL
guint     par_hedge_get_max_hedges     (ParHedge *self);
PAR_AVAILABLE_IN_ALL
void      par_hedge_set_max_hedges     (ParHedge *self,
                                        guint     max_hedges);
PAR_AVAILABLE_IN_ALL
double    par_hedge_get_max_extra_load (ParHedge *self);
PAR_AVAILABLE_IN_ALL
void      par_hedge_set_max_extra_load (ParHedge *self,
                                        double    max_extra_load);
PAR_AVAILABLE_IN_ALL
guint     par_hedge_get_burst          (ParHedge *self);
PAR_AVAILABLE_IN_ALL
void      par_hedge_set_burst          (ParHedge *self,
                                        guint     burst);

PAR_AVAILABLE_IN_ALL
double    par_hedge_get_current_delay  (ParHedge *self);
PAR_AVAILABLE_IN_ALL
guint64   par_hedge_get_n_sent         (ParHedge *self);
PAR_AVAILABLE_IN_ALL
guint64   par_hedge_get_n_won          (ParHedge *self);
PAR_AVAILABLE_IN_ALL
guint64   par_hedge_get_n_refused      (ParHedge *self);
PAR_AVAILABLE_IN_ALL
double    par_hedge_get_extra_load     (ParHedge *self);

G_END_DECLS
