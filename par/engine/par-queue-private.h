/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "par-record-private.h"

G_BEGIN_DECLS

/* An attempt that waits. */
typedef struct
{
  ParAttemptKind kind;
  gboolean paid;     /* HEDGE: its token has been spent */
  int priority;      /* FIRST and RETRY: what it comes by, */
  guint64 number;    /* and then by this: its index, or for a retry the end of the records then */
  guint64 order;     /* RETRY: and then by this, in which they became ready */
  guint64 index;
  gpointer permit;   /* that it has while it waits for the owner */
} ParTurn;

/* The one place that decides what starts next: of the thread requests, or of the async ones.
 * Guarded by the host's lock. */
typedef struct
{
  ParRecords *records;
  gboolean is_async;
  guint64 n_queued;    /* requests that have not been started; kept by the scheduler */
  guint64 cursor;      /* every record of priority 0 before it has left the queue */
  GSequence *ordered;  /* of ParTurn: those with another priority, and retries */
  gboolean has_ordered;
  guint64 n_retries;   /* of those that still wait */
  GQueue copies;       /* of requests that want more copies */
  GQueue hedges;       /* of ParTurn: hedges that are due */

  /* What a limiter has refused. */
  GHashTable *parked;  /* from a key to a GSequence of ParTurn: first attempts and retries */
  guint64 n_parked;    /* of those that still wait */
  GQueue stalled;      /* of ParTurn: hedges and copies */
} ParQueue;

void     par_queue_init       (ParQueue      *self,
                              ParRecords    *records,
                              gboolean       is_async);
void     par_queue_clear      (ParQueue      *self);
void     par_queue_add        (ParQueue      *self,
                              guint64        index,
                              int            priority);
void     par_queue_add_retry  (ParQueue      *self,
                              guint64        index,
                              guint64        order);
void     par_queue_add_copies (ParQueue      *self,
                              guint64        index,
                              guint          n_copies);
void     par_queue_add_hedge  (ParQueue      *self,
                              guint64        index,
                              gboolean       paid);
void     par_queue_forget     (ParQueue      *self,
                              ParRecord     *record);

gboolean par_queue_peek       (ParQueue      *self,
                              gboolean       bounded,
                              ParTurn       *turn);
void     par_queue_pop        (ParQueue      *self,
                              gboolean       bounded,
                              const ParTurn *turn);
gboolean par_queue_is_empty   (ParQueue      *self);
gboolean par_queue_is_before  (ParQueue      *self,
                              ParQueue      *other);

void     par_queue_park       (ParQueue      *self,
                              const ParTurn *turn,
                              const char    *key);
gboolean par_queue_is_behind  (ParQueue      *self,
                              const ParTurn *turn,
                              const char    *key);
void     par_queue_unpark     (ParQueue      *self,
                              const char    *key);
void     par_queue_unpark_all (ParQueue      *self);

/* How many attempts wait that may start; of the copies and hedges some may be of requests that
 * have settled since. */
static inline guint64
par_queue_count_waiting (const ParQueue *self)
{
  return self->n_queued + self->n_retries + self->copies.length + self->hedges.length
         - self->n_parked;
}

G_END_DECLS
