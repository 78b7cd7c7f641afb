/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "par-flight-private.h"
#include "par-latency-private.h"

G_BEGIN_DECLS

/* How many parts a window has. With each that ends, the oldest is forgotten: so what is known of
 * the past reaches back for seven eighths of the window at least, and for all of it at most. */
#define PAR_WINDOW_N_PARTS 8

/* Durations, and what is known of those that were cut short: that they were longer than this. */
typedef struct
{
  ParLatency values;
  ParLatency bounds;
} ParSamples;

/* The durations of the recent past, and of the calls that are in flight. It takes some 300 KB, most
 * of which is never touched, and no more, whatever comes. */
typedef struct
{
  gint64 length_us;
  gint64 part_us;     /* how long a part is */
  gint64 part;        /* the current one, counted from the beginning of time */
  guint64 n_changes;  /* how many samples have come or gone, and calls have ended, ever */

  /* The last estimate: of which share, and after how many changes. */
  double share;
  gint64 estimate_us;
  guint64 n_changes_estimated;

  gint64 now_us;      /* the latest time there was */
  ParFlight flight;
  ParSamples all;
  ParSamples parts[PAR_WINDOW_N_PARTS];  /* by their number, modulo */
} ParWindow;

ParWindow *par_window_new          (gint64           length_us);
void       par_window_set_length   (ParWindow       *self,
                                    gint64           length_us);
void       par_window_advance      (ParWindow       *self,
                                    gint64           now_us);
void       par_window_begin        (ParWindow       *self,
                                    gint64           now_us);
void       par_window_end          (ParWindow       *self,
                                    gint64           duration_us,
                                    gint64           now_us);
void       par_window_add          (ParWindow       *self,
                                    gint64           duration_us,
                                    gboolean         is_lower_bound,
                                    gint64           now_us);
guint64    par_window_get_n        (const ParWindow *self);
gint64     par_window_get_quantile (const ParWindow *self,
                                    double           share);
gint64     par_window_estimate     (ParWindow       *self,
                                    double           share);

G_END_DECLS
