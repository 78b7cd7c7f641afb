/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-queue-private.h"

typedef struct
{
  guint64 index;
  guint n_left;
} ParCopies;

static void
free_sequence (gpointer sequence)
{
  g_sequence_free (sequence);
}

void
par_queue_init (ParQueue   *self,
                ParRecords *records,
                gboolean    is_async)
{
  self->records = records;
  self->is_async = is_async;
  self->ordered = g_sequence_new (g_free);
  self->parked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_sequence);
}

void
par_queue_clear (ParQueue *self)
{
  g_clear_pointer (&self->ordered, g_sequence_free);
  g_clear_pointer (&self->parked, g_hash_table_unref);
  g_queue_clear_full (&self->copies, g_free);
  g_queue_clear_full (&self->hedges, g_free);
  g_queue_clear_full (&self->stalled, g_free);
}

static int
compare_turns (gconstpointer a,
               gconstpointer b,
               gpointer      data)
{
  const ParTurn *left = a;
  const ParTurn *right = b;

  if (left->priority != right->priority)
    return left->priority < right->priority ? -1 : 1;
  if (left->number != right->number)
    return left->number < right->number ? -1 : 1;
  /* Retries, and the request that was added after they had become ready. */
  if (left->kind != right->kind)
    return left->kind == PAR_ATTEMPT_KIND_RETRY ? -1 : 1;
  if (left->order != right->order)
    return left->order < right->order ? -1 : 1;
  if (left->index != right->index)
    return left->index < right->index ? -1 : 1;

  return 0;
}

static void
insert (GSequence     *sequence,
        const ParTurn *turn)
{
  g_sequence_insert_sorted (sequence, g_memdup2 (turn, sizeof *turn), compare_turns, NULL);
}

static void
add_ordered (ParQueue      *self,
             const ParTurn *turn)
{
  insert (self->ordered, turn);
  self->has_ordered = TRUE;
}

/* Queues a record that has just been added. Those of priority 0 need no place of their own: they
 * are started in the order of their indexes. */
void
par_queue_add (ParQueue *self,
               guint64   index,
               int       priority)
{
  self->n_queued++;
  if (priority != 0)
    add_ordered (self, &(ParTurn) { .kind = PAR_ATTEMPT_KIND_FIRST, .priority = priority,
                                    .number = index, .index = index });
}

/* Queues another attempt at a request all of whose attempts have failed, after those of its
 * priority that are there already: of the retries, those of a lower @order. */
void
par_queue_add_retry (ParQueue *self,
                     guint64   index,
                     guint64   order)
{
  ParRecordDetail *detail = par_record_get_detail (par_records_get (self->records, index));

  detail->is_ready = TRUE;
  self->n_retries++;
  add_ordered (self, &(ParTurn) { .kind = PAR_ATTEMPT_KIND_RETRY, .priority = detail->priority,
                                  .number = self->records->end, .order = order,
                                  .index = index });
}

/* Queues copies of a request whose first attempt starts now. */
void
par_queue_add_copies (ParQueue *self,
                      guint64   index,
                      guint     n_copies)
{
  ParCopies *copies = g_new (ParCopies, 1);

  copies->index = index;
  copies->n_left = n_copies;
  g_queue_push_tail (&self->copies, copies);
}

/* Queues a hedge that is due. */
void
par_queue_add_hedge (ParQueue *self,
                     guint64   index,
                     gboolean  paid)
{
  ParTurn *turn = g_new0 (ParTurn, 1);

  turn->kind = PAR_ATTEMPT_KIND_HEDGE;
  turn->paid = paid;
  turn->index = index;
  g_queue_push_tail (&self->hedges, turn);
}

/* A request has settled, and does not wait any more. */
void
par_queue_forget (ParQueue  *self,
                  ParRecord *record)
{
  ParRecordDetail *detail = record->detail;

  self->n_retries -= detail->is_ready;
  self->n_parked -= detail->is_parked;
  detail->is_ready = FALSE;
  detail->is_parked = FALSE;
}

/* Whether a request is still there that had its place in the order. */
static gboolean
still_waits (ParQueue      *self,
             const ParTurn *turn)
{
  ParRecord *record = par_records_get (self->records, turn->index);

  if (record == NULL)
    return FALSE;
  if (turn->kind == PAR_ATTEMPT_KIND_RETRY)
    return record->detail != NULL && record->detail->is_ready;

  return record->state == PAR_REQUEST_STATE_QUEUED;
}

/* The first that still waits, or NULL; the others leave. */
static ParTurn *
peek_sequence (ParQueue  *self,
               GSequence *sequence)
{
  while (!g_sequence_is_empty (sequence))
    {
      GSequenceIter *iter = g_sequence_get_begin_iter (sequence);
      ParTurn *turn = g_sequence_get (iter);

      if (still_waits (self, turn))
        return turn;

      g_sequence_remove (iter);
    }

  return NULL;
}

static ParTurn *
peek_ordered (ParQueue *self)
{
  ParTurn *turn = peek_sequence (self, self->ordered);

  self->has_ordered = turn != NULL;

  return turn;
}

static gboolean
is_mine (ParQueue  *self,
         ParRecord *record)
{
  return record != NULL && record->state == PAR_REQUEST_STATE_QUEUED
         && record->is_async == self->is_async
         && (record->detail == NULL || record->detail->priority == 0);
}

/* Moves the cursor to the first record whose place it is. */
static gboolean
find_by_cursor (ParQueue *self)
{
  for (self->cursor = MAX (self->cursor, self->records->first);
       self->cursor < self->records->end;
       self->cursor++)
    {
      if (is_mine (self, par_records_get (self->records, self->cursor)))
        return TRUE;
    }

  return FALSE;
}

/* Finds the first attempt, or the retry, that is due. */
static gboolean
peek_first (ParQueue *self,
            ParTurn  *turn)
{
  ParTurn *ordered = self->has_ordered ? peek_ordered (self) : NULL;

  if ((ordered == NULL || ordered->priority >= 0) && find_by_cursor (self)
      && (ordered == NULL || ordered->priority > 0 || ordered->number > self->cursor))
    {
      *turn = (ParTurn) { .kind = PAR_ATTEMPT_KIND_FIRST, .number = self->cursor,
                          .index = self->cursor };
      return TRUE;
    }

  if (ordered == NULL)
    return FALSE;

  *turn = *ordered;

  return TRUE;
}

/* Finds the copy that is due; those of requests that have settled leave here. */
static gboolean
peek_copy (ParQueue *self,
           ParTurn  *turn)
{
  while (!g_queue_is_empty (&self->copies))
    {
      ParCopies *copies = g_queue_peek_head (&self->copies);
      ParRecord *record = par_records_get (self->records, copies->index);

      if (record != NULL && record->state == PAR_REQUEST_STATE_RUNNING)
        {
          *turn = (ParTurn) { .kind = PAR_ATTEMPT_KIND_COPY, .index = copies->index };
          return TRUE;
        }

      g_free (g_queue_pop_head (&self->copies));
    }

  return FALSE;
}

/* Finds what is due next. Hedges go before all else; bounded, copies of running requests go before
 * the first attempts of new ones; unbounded, after them. Hedges of requests that have settled are
 * found too, since somebody may have paid for them. */
gboolean
par_queue_peek (ParQueue *self,
                gboolean  bounded,
                ParTurn  *turn)
{
  if (self->hedges.length > 0)
    {
      *turn = *(ParTurn *) g_queue_peek_head (&self->hedges);
      return TRUE;
    }

  if (bounded && self->copies.length > 0 && peek_copy (self, turn))
    return TRUE;

  return peek_first (self, turn) || (!bounded && peek_copy (self, turn));
}

/* With a bound the copies of one request come together, else they could not help it; without one
 * they come round by round, every second attempt before any third. */
static void
pop_copy (ParQueue *self,
          gboolean  bounded)
{
  ParCopies *copies = g_queue_peek_head (&self->copies);

  if (--copies->n_left == 0)
    g_free (g_queue_pop_head (&self->copies));
  else if (!bounded)
    g_queue_push_tail (&self->copies, g_queue_pop_head (&self->copies));
}

/* Takes out what par_queue_peek() has found. */
void
par_queue_pop (ParQueue      *self,
               gboolean       bounded,
               const ParTurn *turn)
{
  if (turn->kind == PAR_ATTEMPT_KIND_HEDGE)
    {
      g_free (g_queue_pop_head (&self->hedges));
    }
  else if (turn->kind == PAR_ATTEMPT_KIND_COPY)
    {
      pop_copy (self, bounded);
    }
  else if (turn->kind == PAR_ATTEMPT_KIND_FIRST && turn->priority == 0
           && turn->index == self->cursor)
    {
      self->cursor++;
    }
  else
    {
      g_sequence_remove (g_sequence_get_begin_iter (self->ordered));
      if (turn->kind == PAR_ATTEMPT_KIND_RETRY)
        {
          par_records_get (self->records, turn->index)->detail->is_ready = FALSE;
          self->n_retries--;
        }
    }
}

/* Whether no attempt waits. */
gboolean
par_queue_is_empty (ParQueue *self)
{
  ParTurn turn;

  return !par_queue_peek (self, TRUE, &turn);
}

static int
get_rank (const ParTurn *turn)
{
  return turn->kind == PAR_ATTEMPT_KIND_HEDGE ? 0 : turn->kind == PAR_ATTEMPT_KIND_COPY ? 1 : 2;
}

/* Whether what is due next here, where there is a bound, is due before what is due there. */
gboolean
par_queue_is_before (ParQueue *self,
                     ParQueue *other)
{
  ParTurn left, right;

  if (!par_queue_peek (self, TRUE, &left))
    return FALSE;
  if (!par_queue_peek (other, TRUE, &right))
    return TRUE;

  if (get_rank (&left) != get_rank (&right))
    return get_rank (&left) < get_rank (&right);

  return compare_turns (&left, &right, NULL) < 0;
}

static const char *
name_of (const char *key)
{
  return key != NULL ? key : "";
}

/* Puts what was found, and is taken out, aside until its key is free. First attempts and retries
 * keep their order; hedges and copies just wait. */
void
par_queue_park (ParQueue      *self,
                const ParTurn *turn,
                const char    *key)
{
  GSequence *sequence = g_hash_table_lookup (self->parked, name_of (key));
  ParRecordDetail *detail;

  if (turn->kind == PAR_ATTEMPT_KIND_HEDGE || turn->kind == PAR_ATTEMPT_KIND_COPY)
    {
      g_queue_push_tail (&self->stalled, g_memdup2 (turn, sizeof *turn));
      return;
    }

  if (sequence == NULL)
    {
      sequence = g_sequence_new (g_free);
      g_hash_table_insert (self->parked, g_strdup (name_of (key)), sequence);
    }
  insert (sequence, turn);

  detail = par_record_get_detail (par_records_get (self->records, turn->index));
  detail->is_parked = TRUE;
  self->n_parked++;
  if (turn->kind == PAR_ATTEMPT_KIND_RETRY)
    {
      detail->is_ready = TRUE;
      self->n_retries++;
    }
}

/* Whether others of this key are parked that come before. */
gboolean
par_queue_is_behind (ParQueue      *self,
                     const ParTurn *turn,
                     const char    *key)
{
  GSequence *sequence = NULL;
  ParTurn *first = NULL;

  if (self->n_parked > 0)
    sequence = g_hash_table_lookup (self->parked, name_of (key));
  if (sequence != NULL)
    first = peek_sequence (self, sequence);

  return first != NULL && compare_turns (first, turn, NULL) < 0;
}

/* Puts the first that is parked for a key back in the order. */
static void
unpark_first (ParQueue  *self,
              GSequence *sequence)
{
  ParTurn *turn = peek_sequence (self, sequence);

  if (turn == NULL)
    return;

  par_records_get (self->records, turn->index)->detail->is_parked = FALSE;
  self->n_parked--;
  add_ordered (self, turn);
  g_sequence_remove (g_sequence_get_begin_iter (sequence));
}

static void
unstall (ParQueue *self)
{
  ParTurn *turn;

  while ((turn = g_queue_pop_tail (&self->stalled)) != NULL)
    {
      if (turn->kind == PAR_ATTEMPT_KIND_HEDGE)
        {
          g_queue_push_head (&self->hedges, turn);
          continue;
        }
      par_queue_add_copies (self, turn->index, 1);
      g_queue_push_head (&self->copies, g_queue_pop_tail (&self->copies));
      g_free (turn);
    }
}

/* A permit of @key is free: what waits for it may try again. */
void
par_queue_unpark (ParQueue   *self,
                  const char *key)
{
  GSequence *sequence;

  unstall (self);
  if (G_LIKELY (self->n_parked == 0))
    return;

  sequence = g_hash_table_lookup (self->parked, name_of (key));
  if (sequence == NULL)
    return;

  unpark_first (self, sequence);
  if (g_sequence_is_empty (sequence))
    g_hash_table_remove (self->parked, name_of (key));
}

/* All keys may be free. */
void
par_queue_unpark_all (ParQueue *self)
{
  GHashTableIter iter;
  gpointer sequence;

  unstall (self);
  g_hash_table_iter_init (&iter, self->parked);
  while (g_hash_table_iter_next (&iter, NULL, &sequence))
    {
      unpark_first (self, sequence);
      if (g_sequence_is_empty (sequence))
        g_hash_table_iter_remove (&iter);
    }
}
