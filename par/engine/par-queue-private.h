/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "par-record-private.h"

G_BEGIN_DECLS

/* Where an attempt comes in the order of those that wait. */
typedef struct
{
  ParAttemptKind kind;
  int priority;
  guint64 index;
} ParTurn;

/* The one place that decides what starts next: of the thread requests, or of the async ones.
 * Guarded by the host's lock. */
typedef struct
{
  ParRecords *records;
  gboolean is_async;
  guint64 n_queued;    /* requests that have not been started; kept by the engine */
  guint64 cursor;      /* every record of priority 0 before it has left the queue */
  GSequence *ordered;  /* of those with another priority */
  gboolean has_ordered;
  GQueue copies;       /* of requests that want more copies */
} ParQueue;

void     par_queue_init      (ParQueue       *self,
                             ParRecords     *records,
                             gboolean        is_async);
void     par_queue_clear     (ParQueue       *self);
void     par_queue_add       (ParQueue       *self,
                             guint64         index,
                             int             priority);
void     par_queue_copy      (ParQueue       *self,
                             guint64         index,
                             guint           n_copies);
gboolean par_queue_is_empty  (ParQueue       *self);
gboolean par_queue_is_before (ParQueue       *self,
                             ParQueue       *other);
gboolean par_queue_take      (ParQueue       *self,
                             gboolean        bounded,
                             guint64        *index,
                             ParAttemptKind *kind);

/* How many attempts may wait; of the copies some may be of requests that have settled since. */
static inline guint64
par_queue_count_waiting (const ParQueue *self)
{
  return self->n_queued + self->copies.length;
}

G_END_DECLS
