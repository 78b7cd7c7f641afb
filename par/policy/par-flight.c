/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-flight-private.h"

#include <string.h>

static gboolean
may_join (const ParFlightGroup *older,
          const ParFlightGroup *younger,
          gint64                now_us)
{
  return younger->until_us - older->since_us <= (now_us - younger->until_us) / 8;
}

/* Joins neighbours, or @all pairs of them, and drops groups in which no call is left. */
static void
join_groups (ParFlight *self,
             gboolean   all,
             gint64     now_us)
{
  guint n_groups = 0;

  for (guint i = 0; i < self->n_groups; i++)
    {
      ParFlightGroup *group = &self->groups[i];
      ParFlightGroup *last = n_groups > 0 ? &self->groups[n_groups - 1] : NULL;

      if (group->n == 0)
        continue;

      if (last != NULL && (all ? i % 2 == 1 : may_join (last, group, now_us)))
        {
          last->until_us = group->until_us;
          last->n += group->n;
        }
      else
        {
          self->groups[n_groups++] = *group;
        }
    }
  self->n_groups = n_groups;
}

/* A call begins. A clock that goes backwards is taken to stand still. */
void
par_flight_begin (ParFlight *self,
                  gint64     now_us)
{
  ParFlightGroup *last = self->n_groups > 0 ? &self->groups[self->n_groups - 1] : NULL;

  if (last != NULL && now_us <= last->until_us)
    {
      last->n++;
      return;
    }

  if (self->n_groups == PAR_FLIGHT_MAX_GROUPS)
    {
      join_groups (self, FALSE, now_us);
      /* Enough room, lest this be done again for the next few calls. */
      if (self->n_groups > PAR_FLIGHT_MAX_GROUPS * 3 / 4)
        join_groups (self, TRUE, now_us);
    }
  self->groups[self->n_groups++] = (ParFlightGroup) { now_us, now_us, 1 };
}

/* A call that began then has ended. One that is not known has been forgotten. */
void
par_flight_end (ParFlight *self,
                gint64     begun_us)
{
  guint low = 0, high = self->n_groups;

  /* The first group that begins later. */
  while (low < high)
    {
      guint middle = (low + high) / 2;

      if (self->groups[middle].since_us <= begun_us)
        low = middle + 1;
      else
        high = middle;
    }

  if (low > 0 && begun_us <= self->groups[low - 1].until_us && self->groups[low - 1].n > 0)
    self->groups[low - 1].n--;

  /* Most calls end soon, and in this order. */
  while (self->n_groups > 0 && self->groups[self->n_groups - 1].n == 0)
    self->n_groups--;
}

/* Forgets calls that began too long ago: nobody knows whether they will ever end. */
void
par_flight_forget (ParFlight *self,
                   gint64     before_us)
{
  guint n_old = 0;

  while (n_old < self->n_groups && self->groups[n_old].until_us < before_us)
    n_old++;

  if (n_old > 0)
    {
      self->n_groups -= n_old;
      memmove (self->groups, self->groups + n_old, self->n_groups * sizeof *self->groups);
    }
}

guint64
par_flight_get_n (const ParFlight *self)
{
  guint64 n = 0;

  for (guint i = 0; i < self->n_groups; i++)
    n += self->groups[i].n;

  return n;
}
