/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-window-private.h"

#include <string.h>

static guint64
count (const ParSamples *samples)
{
  return samples->values.n_values + samples->bounds.n_values;
}

static ParSamples *
get_part (ParWindow *self,
          gint64     part)
{
  return &self->parts[part % PAR_WINDOW_N_PARTS];
}

static void
set_length (ParWindow *self,
            gint64     length_us)
{
  self->length_us = length_us;
  self->part_us = MAX (length_us / PAR_WINDOW_N_PARTS, 1);
}

ParWindow *
par_window_new (gint64 length_us)
{
  ParWindow *self = g_new0 (ParWindow, 1);

  set_length (self, length_us);

  return self;
}

static void
forget (ParWindow  *self,
        ParSamples *part)
{
  if (count (part) == 0)
    return;

  self->n_changes += count (part);
  par_latency_remove (&self->all.values, &part->values);
  par_latency_remove (&self->all.bounds, &part->bounds);
  memset (part, 0, sizeof *part);
}

/* Changes how far back the window reaches. What is too old by then is forgotten. */
void
par_window_set_length (ParWindow *self,
                       gint64     length_us)
{
  g_autofree ParWindow *old = NULL;

  if (length_us == self->length_us)
    return;

  old = g_memdup2 (self, sizeof *self);
  memset (self, 0, sizeof *self);
  set_length (self, length_us);
  self->now_us = old->now_us;
  self->flight = old->flight;
  self->part = self->now_us / self->part_us;
  self->n_changes = old->n_changes + count (&old->all);

  for (gint64 i = MAX (old->part - PAR_WINDOW_N_PARTS + 1, 0); i <= old->part; i++)
    {
      ParSamples *samples = get_part (old, i);
      gint64 part = i * old->part_us / self->part_us;

      if (part <= self->part - PAR_WINDOW_N_PARTS || count (samples) == 0)
        continue;

      par_latency_join (&get_part (self, part)->values, &samples->values);
      par_latency_join (&get_part (self, part)->bounds, &samples->bounds);
      par_latency_join (&self->all.values, &samples->values);
      par_latency_join (&self->all.bounds, &samples->bounds);
    }
}

/* Forgets what is too old. A clock that goes backwards is taken to stand still. */
void
par_window_advance (ParWindow *self,
                    gint64     now_us)
{
  gint64 part = now_us / self->part_us;

  self->now_us = MAX (self->now_us, now_us);
  if (G_LIKELY (part <= self->part))
    return;

  par_flight_forget (&self->flight, now_us - self->length_us);
  for (gint64 i = MAX (self->part + 1, part - PAR_WINDOW_N_PARTS + 1); i <= part; i++)
    forget (self, get_part (self, i));
  self->part = part;
}

/* A call begins. */
void
par_window_begin (ParWindow *self,
                  gint64     now_us)
{
  par_window_advance (self, now_us);
  par_flight_begin (&self->flight, self->now_us);
}

/* A call that began so long ago has ended, in whatever way. */
void
par_window_end (ParWindow *self,
                gint64     duration_us,
                gint64     now_us)
{
  par_window_advance (self, now_us);
  par_flight_end (&self->flight, now_us - duration_us);
  self->n_changes++;
}

/* Adds a duration that was seen just now: or, as a lower bound, one that was cut short and would
 * have been longer. */
void
par_window_add (ParWindow *self,
                gint64     duration_us,
                gboolean   is_lower_bound,
                gint64     now_us)
{
  ParSamples *part;

  par_window_advance (self, now_us);
  part = get_part (self, self->part);
  par_latency_add (is_lower_bound ? &part->bounds : &part->values, duration_us);
  par_latency_add (is_lower_bound ? &self->all.bounds : &self->all.values, duration_us);
  self->n_changes++;
}

/* How many samples there are, of both kinds. */
guint64
par_window_get_n (const ParWindow *self)
{
  return count (&self->all);
}

/* Counts the calls in flight that have not lasted for as long as what is in @bucket, of the first
 * @n_groups, from which it takes them. All of a group are taken to be as old as its oldest: were
 * they taken to be younger, the longest samples would look as if nothing had lasted longer. */
static guint64
count_younger (const ParWindow *self,
               guint            bucket,
               guint           *n_groups)
{
  guint64 n = 0;

  while (*n_groups > 0)
    {
      const ParFlightGroup *group = &self->flight.groups[*n_groups - 1];

      if (par_latency_get_bucket (self->now_us - group->since_us) >= bucket)
        break;

      n += group->n;
      *n_groups -= 1;
    }

  return n;
}

/* The duration that this share of all, from 0 to 1, will not exceed. -1 if it is not known: there
 * are no samples, or so many calls are in flight that have lasted longer than any sample.
 *
 * This is the estimate of Kaplan and Meier: of those that have lasted for so long, whatever became
 * of them, some share ends just then; what is left of all is the product of what each such moment
 * leaves. One that was cut short is among those that lasted, for as long as it did, and so is one
 * in flight. To leave these out would be to count fast calls only, and to take them for durations
 * would be as wrong: either makes hedges too early, those cut more calls short, and so on.
 *
 * Where so many were cut short that the tail is not known, it is at least as long as the longest
 * of them. */
gint64
par_window_get_quantile (const ParWindow *self,
                         double           share)
{
  const ParLatency *values = &self->all.values;
  const ParLatency *bounds = &self->all.bounds;
  guint64 n_seen = count (&self->all);
  guint64 n_lasting = n_seen + par_flight_get_n (&self->flight);
  guint n_groups = self->flight.n_groups;
  double left = 1;
  double wanted;
  gint64 longest_us = -1;

  if (n_seen == 0)
    return -1;

  /* The next call falls into any of the n + 1 gaps between n that were seen. So it is gaps that
   * are counted, and to the nearest one, else few samples would give too many or too few calls
   * that exceed the quantile. */
  wanted = 1 - (share * (n_seen + 1) - 0.5) / n_seen;

  for (guint i = 0; i < PAR_LATENCY_N_BUCKETS && n_lasting > 0; i++)
    {
      guint64 n_ended = values->buckets[i];
      guint64 n_cut_short = bounds->buckets[i];

      if (n_ended + n_cut_short == 0)
        continue;

      longest_us = par_latency_get_middle (i);
      n_lasting -= count_younger (self, i, &n_groups);
      left *= 1 - n_ended / (double) n_lasting;
      /* What should be equal may come out a little above. */
      if (n_ended > 0 && left <= wanted + 1e-9)
        return longest_us;

      n_lasting -= n_ended + n_cut_short;
    }

  return n_lasting > 0 ? -1 : longest_us;
}

/* The same, in a time that does not matter: as it was a few samples ago, of each hundred one or
 * two, since to look through all buckets takes some microseconds. */
gint64
par_window_estimate (ParWindow *self,
                     double     share)
{
  guint64 n_changes = self->n_changes - self->n_changes_estimated;

  if (share != self->share || n_changes > par_window_get_n (self) / 64)
    {
      self->share = share;
      self->estimate_us = par_window_get_quantile (self, share);
      self->n_changes_estimated = self->n_changes;
    }

  return self->estimate_us;
}
