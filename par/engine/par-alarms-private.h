/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-attempt.h>

G_BEGIN_DECLS

/* Something is to happen to a request, or to one attempt at it, if nothing else happens first. */
typedef struct
{
  gint64 when_us;
  guint64 index;
  ParAttempt *attempt;  /* NULL: the request */
  GSequenceIter *iter;
} ParAlarm;

/* All alarms, by their time. Guarded by the host's lock. */
typedef struct
{
  GSequence *alarms;
} ParAlarms;

void      par_alarms_init      (ParAlarms  *self);
void      par_alarms_clear     (ParAlarms  *self);
ParAlarm *par_alarms_add       (ParAlarms  *self,
                                guint64     index,
                                ParAttempt *attempt,
                                gint64      when_us);
ParAlarm *par_alarms_get_first (ParAlarms  *self);

void      par_alarm_remove     (ParAlarm   *self);

G_END_DECLS
