/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A histogram of durations whose buckets grow with the value: 64 to each power of two, so a
 * quantile is within 1 % of a value that was really seen, from one microsecond to days. */
#define PAR_LATENCY_N_BUCKETS 2240

typedef struct
{
  guint64 n_values;
  guint64 buckets[PAR_LATENCY_N_BUCKETS];
} ParLatency;

void   par_latency_add          (ParLatency       *self,
                                 gint64            duration_us);
void   par_latency_join         (ParLatency       *self,
                                 const ParLatency *other);
void   par_latency_remove       (ParLatency       *self,
                                 const ParLatency *other);
gint64 par_latency_get_quantile (const ParLatency *self,
                                 double            share);
guint  par_latency_get_bucket   (gint64            duration_us);
gint64 par_latency_get_middle   (guint             bucket);

G_END_DECLS
