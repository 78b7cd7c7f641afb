/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-record-private.h"

#define CHUNK_SIZE PAR_RECORDS_CHUNK_SIZE

void
par_records_init (ParRecords *self)
{
  self->chunks = g_ptr_array_new ();
}

/* The records themselves must have been emptied. */
void
par_records_clear (ParRecords *self)
{
  for (guint i = 0; i < self->chunks->len; i++)
    g_free (g_ptr_array_index (self->chunks, i));
  g_clear_pointer (&self->chunks, g_ptr_array_unref);
}

static ParChunk **
chunk_of (ParRecords *self,
          guint64     index)
{
  return (ParChunk **) &g_ptr_array_index (self->chunks, (index - self->first) / CHUNK_SIZE);
}

/* Adds a record, whose index is the end before. */
ParRecord *
par_records_add (ParRecords *self)
{
  guint64 index = self->end++;
  ParChunk *chunk;
  ParRecord *record;

  if (index % CHUNK_SIZE == 0)
    {
      chunk = g_malloc (sizeof (ParChunk));
      chunk->n_rows = 0;
      chunk->n_kept = 0;
      if (self->chunks->len == 0)
        self->first = index;
      g_ptr_array_add (self->chunks, chunk);
    }

  chunk = *chunk_of (self, index);
  chunk->n_rows++;
  chunk->n_kept++;
  self->n_rows++;

  record = &chunk->records[index % CHUNK_SIZE];
  *record = (ParRecord) { .state = PAR_REQUEST_STATE_QUEUED };

  return record;
}

/* Lets go of a removed record that no attempt has any more. */
void
par_records_release (ParRecords *self,
                     guint64     index)
{
  ParChunk **chunk = chunk_of (self, index);
  guint n_gone = 0;

  /* The chunk that is being filled stays. */
  if (--(*chunk)->n_kept > 0 || self->end - (index - index % CHUNK_SIZE) < CHUNK_SIZE)
    return;

  g_clear_pointer (chunk, g_free);

  while (n_gone < self->chunks->len && g_ptr_array_index (self->chunks, n_gone) == NULL)
    n_gone++;
  /* Moving the array only when half of it has gone costs each chunk one move. */
  if (n_gone > self->chunks->len / 2)
    {
      g_ptr_array_remove_range (self->chunks, 0, n_gone);
      self->first += (guint64) n_gone * CHUNK_SIZE;
    }
}

/* Takes a row out. Its record stays for as long as attempts are out. */
void
par_records_remove (ParRecords *self,
                    guint64     index)
{
  ParRecord *record = par_records_get (self, index);

  record->removed = TRUE;
  self->n_rows--;
  (*chunk_of (self, index))->n_rows--;
  if (record->n_out == 0)
    par_records_release (self, index);
}

/* The number of rows before a record. */
guint64
par_records_get_position (ParRecords *self,
                          guint64     index)
{
  guint64 start = index - index % CHUNK_SIZE;
  ParChunk *last = *chunk_of (self, index);
  guint64 position = 0;

  /* Nothing was ever removed, so rows are indexes. */
  if (self->n_rows == self->end)
    return index;

  for (guint64 at = self->first; at < start; at += CHUNK_SIZE)
    {
      ParChunk *chunk = *chunk_of (self, at);

      if (chunk != NULL)
        position += chunk->n_rows;
    }
  for (guint64 at = start; at < index; at++)
    position += !last->records[at % CHUNK_SIZE].removed;

  return position;
}

/* Finds the index of a row of the model. */
gboolean
par_records_find_row (ParRecords *self,
                      guint64     position,
                      guint64    *index)
{
  if (position >= self->n_rows)
    return FALSE;

  if (self->n_rows == self->end)
    {
      *index = position;
      return TRUE;
    }

  for (guint64 start = self->first; start < self->end; start += CHUNK_SIZE)
    {
      ParChunk *chunk = *chunk_of (self, start);

      if (chunk == NULL)
        continue;
      if (position >= chunk->n_rows)
        {
          position -= chunk->n_rows;
          continue;
        }
      for (guint64 at = start; at < self->end; at++)
        {
          if (!chunk->records[at % CHUNK_SIZE].removed && position-- == 0)
            {
              *index = at;
              return TRUE;
            }
        }
    }

  g_return_val_if_reached (FALSE);
}

ParRecordDetail *
par_record_get_detail (ParRecord *self)
{
  if (self->detail == NULL)
    self->detail = g_new0 (ParRecordDetail, 1);

  return self->detail;
}
