/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-alarms-private.h"

void
par_alarms_init (ParAlarms *self)
{
  self->alarms = g_sequence_new (g_free);
}

void
par_alarms_clear (ParAlarms *self)
{
  g_clear_pointer (&self->alarms, g_sequence_free);
}

static int
compare (gconstpointer a,
         gconstpointer b,
         gpointer      data)
{
  gint64 left = ((const ParAlarm *) a)->when_us;
  gint64 right = ((const ParAlarm *) b)->when_us;

  return (left > right) - (left < right);
}

ParAlarm *
par_alarms_add (ParAlarms    *self,
                ParAlarmKind  kind,
                guint64       index,
                ParAttempt   *attempt,
                gint64        when_us)
{
  ParAlarm *alarm = g_new (ParAlarm, 1);

  *alarm = (ParAlarm) { kind, when_us, index, attempt, NULL };
  alarm->iter = g_sequence_insert_sorted (self->alarms, alarm, compare, NULL);

  return alarm;
}

/* Returns the alarm that is due first, or NULL. */
ParAlarm *
par_alarms_get_first (ParAlarms *self)
{
  GSequenceIter *first = g_sequence_get_begin_iter (self->alarms);

  return g_sequence_iter_is_end (first) ? NULL : g_sequence_get (first);
}

/* Removes and frees an alarm, which may be NULL. */
void
par_alarm_remove (ParAlarm *self)
{
  if (G_UNLIKELY (self != NULL))
    g_sequence_remove (self->iter);
}
