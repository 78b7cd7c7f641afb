/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-queue-private.h"

typedef struct
{
  int priority;
  guint64 index;
} ParPlace;

typedef struct
{
  guint64 index;
  guint n_left;
} ParCopies;

void
par_queue_init (ParQueue   *self,
                ParRecords *records,
                gboolean    is_async)
{
  self->records = records;
  self->is_async = is_async;
  self->ordered = g_sequence_new (g_free);
  g_queue_init (&self->copies);
}

void
par_queue_clear (ParQueue *self)
{
  g_clear_pointer (&self->ordered, g_sequence_free);
  g_queue_clear_full (&self->copies, g_free);
}

static int
compare_places (gconstpointer a,
                gconstpointer b,
                gpointer      data)
{
  const ParPlace *left = a;
  const ParPlace *right = b;

  if (left->priority != right->priority)
    return left->priority < right->priority ? -1 : 1;
  if (left->index != right->index)
    return left->index < right->index ? -1 : 1;

  return 0;
}

/* Queues a record that has just been added. Those of priority 0 need no place of their own: they
 * are started in the order of their indexes. */
void
par_queue_add (ParQueue *self,
               guint64   index,
               int       priority)
{
  ParPlace *place;

  self->n_queued++;
  if (priority == 0)
    return;

  place = g_new (ParPlace, 1);
  place->priority = priority;
  place->index = index;
  g_sequence_insert_sorted (self->ordered, place, compare_places, NULL);
  self->has_ordered = TRUE;
}

/* Queues copies of a request whose first attempt starts now. */
void
par_queue_copy (ParQueue *self,
                guint64   index,
                guint     n_copies)
{
  ParCopies *copies = g_new (ParCopies, 1);

  copies->index = index;
  copies->n_left = n_copies;
  g_queue_push_tail (&self->copies, copies);
}

static gboolean
is_queued (ParQueue *self,
           guint64   index)
{
  ParRecord *record = par_records_get (self->records, index);

  return record != NULL && record->state == PAR_REQUEST_STATE_QUEUED;
}

/* The best of those with a priority, or NULL. Requests that were cancelled leave here. */
static ParPlace *
peek_ordered (ParQueue *self)
{
  while (!g_sequence_is_empty (self->ordered))
    {
      GSequenceIter *iter = g_sequence_get_begin_iter (self->ordered);
      ParPlace *place = g_sequence_get (iter);

      if (is_queued (self, place->index))
        return place;

      g_sequence_remove (iter);
    }

  self->has_ordered = FALSE;

  return NULL;
}

static gboolean
is_mine (ParQueue  *self,
         ParRecord *record)
{
  return record != NULL && record->state == PAR_REQUEST_STATE_QUEUED
         && record->is_async == self->is_async
         && (record->detail == NULL || record->detail->priority == 0);
}

/* Finds the first attempt that is due. */
static gboolean
peek_first (ParQueue *self,
            ParTurn  *turn)
{
  ParPlace *place = self->has_ordered ? peek_ordered (self) : NULL;

  turn->kind = PAR_ATTEMPT_KIND_FIRST;
  if (place == NULL || place->priority > 0)
    {
      for (self->cursor = MAX (self->cursor, self->records->first);
           self->cursor < self->records->end;
           self->cursor++)
        {
          if (is_mine (self, par_records_get (self->records, self->cursor)))
            {
              turn->priority = 0;
              turn->index = self->cursor;
              return TRUE;
            }
        }
    }

  if (place == NULL)
    return FALSE;

  turn->priority = place->priority;
  turn->index = place->index;

  return TRUE;
}

static gboolean
take_first (ParQueue *self,
            guint64  *index)
{
  ParTurn turn;

  if (!peek_first (self, &turn))
    return FALSE;

  *index = turn.index;
  if (turn.priority == 0)
    self->cursor++;
  else
    g_sequence_remove (g_sequence_get_begin_iter (self->ordered));

  return TRUE;
}

/* The copies that are due; those of requests that have settled leave here. */
static ParCopies *
peek_copies (ParQueue *self)
{
  while (!g_queue_is_empty (&self->copies))
    {
      ParCopies *copies = g_queue_peek_head (&self->copies);
      ParRecord *record = par_records_get (self->records, copies->index);

      if (record != NULL && record->state == PAR_REQUEST_STATE_RUNNING)
        return copies;

      g_free (g_queue_pop_head (&self->copies));
    }

  return NULL;
}

/* With a bound the copies of one request come together, else they could not help it; without one
 * they come round by round, every second attempt before any third. */
static gboolean
take_copy (ParQueue *self,
           gboolean  bounded,
           guint64  *index)
{
  ParCopies *copies = peek_copies (self);

  if (copies == NULL)
    return FALSE;

  *index = copies->index;
  if (--copies->n_left == 0)
    g_free (g_queue_pop_head (&self->copies));
  else if (!bounded)
    g_queue_push_tail (&self->copies, g_queue_pop_head (&self->copies));

  return TRUE;
}

/* Finds what is due next where there is a bound, or whether anything is where there is none. */
static gboolean
peek_bounded (ParQueue *self,
              ParTurn  *turn)
{
  ParCopies *copies = self->copies.length > 0 ? peek_copies (self) : NULL;

  if (copies == NULL)
    return peek_first (self, turn);

  *turn = (ParTurn) { PAR_ATTEMPT_KIND_COPY, 0, copies->index };

  return TRUE;
}

/* Whether no attempt waits. */
gboolean
par_queue_is_empty (ParQueue *self)
{
  ParTurn turn;

  return !peek_bounded (self, &turn);
}

/* Whether what is due next here, where there is a bound, is due before what is due there. */
gboolean
par_queue_is_before (ParQueue *self,
                     ParQueue *other)
{
  ParTurn left, right;

  if (!peek_bounded (self, &left))
    return FALSE;
  if (!peek_bounded (other, &right))
    return TRUE;

  if (left.kind != right.kind)
    return left.kind == PAR_ATTEMPT_KIND_COPY;
  if (left.priority != right.priority)
    return left.priority < right.priority;

  return left.index < right.index;
}

/* Takes the request to be attempted next. Bounded, copies of running requests go before the
 * first attempts of new ones; unbounded, after them. */
gboolean
par_queue_take (ParQueue       *self,
                gboolean        bounded,
                guint64        *index,
                ParAttemptKind *kind)
{
  *kind = PAR_ATTEMPT_KIND_COPY;
  if (bounded && self->copies.length > 0 && take_copy (self, bounded, index))
    return TRUE;

  *kind = PAR_ATTEMPT_KIND_FIRST;
  if (take_first (self, index))
    return TRUE;

  *kind = PAR_ATTEMPT_KIND_COPY;

  return !bounded && take_copy (self, bounded, index);
}
