/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-latency-private.h"

#include <math.h>

#define SUB_BITS 6
#define SUB_COUNT (1 << SUB_BITS)

void
par_latency_add (ParLatency *self,
                 gint64      duration_us)
{
  self->n_values++;
  self->buckets[par_latency_get_bucket (duration_us)]++;
}

/* Adds all the values of @other. */
void
par_latency_join (ParLatency       *self,
                  const ParLatency *other)
{
  self->n_values += other->n_values;
  for (guint i = 0; i < PAR_LATENCY_N_BUCKETS; i++)
    self->buckets[i] += other->buckets[i];
}

/* Takes away all the values of @other, which must have been added. */
void
par_latency_remove (ParLatency       *self,
                    const ParLatency *other)
{
  self->n_values -= other->n_values;
  for (guint i = 0; i < PAR_LATENCY_N_BUCKETS; i++)
    self->buckets[i] -= other->buckets[i];
}

/* The duration that a share of all values, from 0 to 1, did not exceed; -1 with no values. */
gint64
par_latency_get_quantile (const ParLatency *self,
                          double            share)
{
  /* What should be a whole number may come out a little above it. */
  guint64 rank = MAX (ceil (share * self->n_values - 1e-6), 1);
  guint64 seen = 0;

  if (self->n_values == 0)
    return -1;

  for (guint i = 0; i < PAR_LATENCY_N_BUCKETS; i++)
    {
      seen += self->buckets[i];
      if (seen >= rank)
        return par_latency_get_middle (i);
    }

  g_return_val_if_reached (-1);
}

/* Values below 128 have a bucket of their own; above, the seven leading bits name the bucket. */
guint
par_latency_get_bucket (gint64 duration_us)
{
  guint64 value = MAX (duration_us, 0);
  int shift = (int) g_bit_storage (value) - (SUB_BITS + 1);

  if (shift <= 0)
    return value;

  return MIN (shift * SUB_COUNT + (value >> shift), PAR_LATENCY_N_BUCKETS - 1);
}

/* The duration in the middle of a bucket, which stands for all in it. */
gint64
par_latency_get_middle (guint bucket)
{
  guint shift;
  gint64 low;

  if (bucket < 2 * SUB_COUNT)
    return bucket;

  shift = bucket / SUB_COUNT - 1;
  low = (gint64) (bucket % SUB_COUNT + SUB_COUNT) << shift;

  return low + (((gint64) 1 << shift) >> 1);
}
