/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-attempt.h>

G_BEGIN_DECLS

typedef enum
{
  PAR_ALARM_ATTEMPT_TIMEOUT,
  PAR_ALARM_REQUEST_TIMEOUT,
  PAR_ALARM_RETRY,            /* the backoff of a request ends */
  PAR_ALARM_LIMITER,          /* the rate lets something pass */
} ParAlarmKind;

/* Something is to happen to a request, or to one attempt at it, if nothing else happens first. */
typedef struct
{
  ParAlarmKind kind;
  gint64 when_us;
  guint64 index;
  ParAttempt *attempt;
  GSequenceIter *iter;
} ParAlarm;

/* All alarms, by their time. Guarded by the host's lock. */
typedef struct
{
  GSequence *alarms;
} ParAlarms;

void      par_alarms_init      (ParAlarms    *self);
void      par_alarms_clear     (ParAlarms    *self);
ParAlarm *par_alarms_add       (ParAlarms    *self,
                                ParAlarmKind  kind,
                                guint64       index,
                                ParAttempt   *attempt,
                                gint64        when_us);
ParAlarm *par_alarms_get_first (ParAlarms    *self);

void      par_alarm_remove     (ParAlarm     *self);

G_END_DECLS
