/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-attempt.h>
#include <par/par-enums.h>

#include "par-alarms-private.h"

G_BEGIN_DECLS

/* What few records need. Guarded by the host's lock. */
typedef struct
{
  gpointer object;    /* (owned) the ParRequest, once somebody has asked for it */
  const char *key;    /* the object's */
  int priority;
  guint winner;       /* if it was not the first */
  ParAlarm *timeout;  /* when the request is too late */
  GPtrArray *errors;  /* (owned) of all attempts that failed, if there may be several */

  ParAlarm *backoff;      /* until its next retry */
  gint64 not_before_us;   /* no attempt may start: one that failed has said so */
  guint n_retries;
  guint n_hedges;
  guint once : 1;         /* one attempt only */
  guint has_ticket : 1;   /* a hedge waits for the budget */
  guint hedge_is_due : 1; /* one is in the queue */

  /* The queue's. */
  guint is_ready : 1;     /* a retry is in the queue */
  guint is_parked : 1;
} ParRecordDetail;

/* One request as the engine keeps it. There may be millions, so it is one line of cache long. */
typedef struct
{
  union
  {
    /* Until it has settled. */
    struct
    {
      ParRequestFunc function;
      ParAttempt *attempts;  /* whose outcome still counts, newest first */
      gint64 since_us;       /* QUEUED: when it was added, 0 before the run; RUNNING: its start */
    };
    /* Since: the value or the error. */
    GValue outcome;
  };
  gpointer data;
  GDestroyNotify destroy;
  ParRecordDetail *detail;

  guint32 next;  /* the low half of the index of the record that settled after this one */
  float queued_us;
  float elapsed_us;  /* a float is exact to 16 seconds and to a millisecond for hours */

  /* Guarded by the host's lock. */
  guint8 state : 3;
  guint8 reason : 3;
  guint8 is_async : 1;   /* its function is called in the owner context */
  guint8 collected : 1;  /* the owner has seen that it settled */
  guint8 : 0;            /* the owner reads those above when others may change these */
  guint8 n_out : 7;      /* functions that have not returned, live or not */
  guint8 removed : 1;    /* no row of the model any more */
  guint16 n_attempts;
} ParRecord;

G_STATIC_ASSERT (GLIB_SIZEOF_VOID_P != 8 || sizeof (ParRecord) == 64);

#define PAR_RECORDS_CHUNK_SIZE 256

typedef struct
{
  guint n_rows;  /* not removed */
  guint n_kept;  /* not removed, or still in the hands of an attempt */
  ParRecord records[PAR_RECORDS_CHUNK_SIZE];
} ParChunk;

/* All records of a ParRequests, by index, in chunks that do not move. Those that are done with
 * go when their whole chunk is. */
typedef struct
{
  GPtrArray *chunks;  /* NULL where a chunk has gone */
  guint64 first;      /* the index of the first record of the first chunk */
  guint64 end;        /* the index of the next record to be added */
  guint64 n_rows;     /* records that are not removed */
} ParRecords;

void             par_records_init         (ParRecords      *self);
void             par_records_clear        (ParRecords      *self);
ParRecord       *par_records_add          (ParRecords      *self);
void             par_records_remove       (ParRecords      *self,
                                           guint64          index);
void             par_records_release      (ParRecords      *self,
                                           guint64          index);
guint64          par_records_get_position (ParRecords      *self,
                                           guint64          index);
gboolean         par_records_find_row     (ParRecords      *self,
                                           guint64          position,
                                           guint64         *index);

ParRecordDetail *par_record_get_detail    (ParRecord       *self);

/* Returns NULL for an index that never was, or whose chunk has gone. */
static inline ParRecord *
par_records_get (ParRecords *self,
                 guint64     index)
{
  ParChunk *chunk;

  if (G_UNLIKELY (index < self->first || index >= self->end))
    return NULL;

  chunk = g_ptr_array_index (self->chunks, (index - self->first) / PAR_RECORDS_CHUNK_SIZE);

  return G_LIKELY (chunk != NULL) ? &chunk->records[index % PAR_RECORDS_CHUNK_SIZE] : NULL;
}

static inline gboolean
par_record_has_settled (const ParRecord *self)
{
  return self->state > PAR_REQUEST_STATE_RUNNING;
}

G_END_DECLS
