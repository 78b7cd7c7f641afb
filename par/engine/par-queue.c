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
                ParRecords *records)
{
  self->records = records;
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
take_first (ParQueue *self,
            guint64  *index)
{
  ParPlace *place = self->has_ordered ? peek_ordered (self) : NULL;

  if (place != NULL && place->priority < 0)
    {
      *index = place->index;
      g_sequence_remove (g_sequence_get_begin_iter (self->ordered));
      return TRUE;
    }

  for (self->cursor = MAX (self->cursor, self->records->first);
       self->cursor < self->records->end;
       self->cursor++)
    {
      ParRecord *record = par_records_get (self->records, self->cursor);

      if (record != NULL && record->state == PAR_REQUEST_STATE_QUEUED
          && (record->detail == NULL || record->detail->priority == 0))
        {
          *index = self->cursor++;
          return TRUE;
        }
    }

  if (place == NULL)
    return FALSE;

  *index = place->index;
  g_sequence_remove (g_sequence_get_begin_iter (self->ordered));

  return TRUE;
}

/* With a bound the copies of one request come together, else they could not help it; without one
 * they come round by round, every second attempt before any third. */
static gboolean
take_copy (ParQueue *self,
           gboolean  bounded,
           guint64  *index)
{
  while (!g_queue_is_empty (&self->copies))
    {
      ParCopies *copies = g_queue_peek_head (&self->copies);
      ParRecord *record = par_records_get (self->records, copies->index);

      if (record == NULL || record->state != PAR_REQUEST_STATE_RUNNING)
        {
          g_free (g_queue_pop_head (&self->copies));
          continue;
        }

      *index = copies->index;
      if (--copies->n_left == 0)
        g_free (g_queue_pop_head (&self->copies));
      else if (!bounded)
        g_queue_push_tail (&self->copies, g_queue_pop_head (&self->copies));

      return TRUE;
    }

  return FALSE;
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

/* How many requests want copies; some may have settled since. */
guint64
par_queue_get_n_copies (ParQueue *self)
{
  return self->copies.length;
}
