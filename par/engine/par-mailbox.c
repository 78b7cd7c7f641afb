/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-mailbox-private.h"

#include <par/par-attempt-private.h>

void
par_trash_clear (gpointer data)
{
  ParTrash *trash = data;

  if (trash->destroy != NULL)
    trash->destroy (trash->data);
  par_value_clear (&trash->value);
}

/* Clearing the array destroys what is in it. */
GArray *
par_trash_new (void)
{
  GArray *trash = g_array_new (FALSE, FALSE, sizeof (ParTrash));

  g_array_set_clear_func (trash, par_trash_clear);

  return trash;
}

/* Takes what there is, which may be nothing, to be destroyed with no lock held. */
GArray *
par_trash_steal (GArray **trash)
{
  GArray *stolen = *trash;

  if (stolen->len == 0)
    return NULL;

  *trash = par_trash_new ();

  return stolen;
}

void
par_mailbox_init (ParMailbox *self,
                  ParRecords *records)
{
  self->records = records;
  self->starts = g_array_new (FALSE, FALSE, sizeof (ParStart));
  self->trash = par_trash_new ();
  self->litter = par_trash_new ();
  self->cancellables = par_cancellables_new ();
}

void
par_mailbox_clear (ParMailbox *self)
{
  g_clear_pointer (&self->starts, g_array_unref);
  g_clear_pointer (&self->trash, g_array_unref);
  g_clear_pointer (&self->litter, g_array_unref);
  g_clear_pointer (&self->cancellables, g_ptr_array_unref);
}

GPtrArray *
par_cancellables_new (void)
{
  return g_ptr_array_new_with_free_func (g_object_unref);
}

/* Takes what there is; NULL if there is nothing. */
GPtrArray *
par_cancellables_steal (GPtrArray **cancellables)
{
  GPtrArray *stolen = *cancellables;

  if (stolen->len == 0)
    return NULL;

  *cancellables = par_cancellables_new ();

  return stolen;
}

/* Tells attempts of their end, with no lock held: those of the last requests first. They may wait
 * for what others have, would be given it, and begin for nothing. */
void
par_cancellables_cancel (GPtrArray *cancellables)
{
  for (guint i = cancellables->len; i > 0; i--)
    g_cancellable_cancel (g_ptr_array_index (cancellables, i - 1));
}

/* A request has settled. */
void
par_mailbox_add_settled (ParMailbox *self,
                         guint64     index)
{
  if (self->n_unseen++ == 0)
    self->first_unseen = index;
  else
    par_records_get (self->records, self->last_unseen)->next = (guint32) index;
  self->last_unseen = index;
  self->n_settled++;
}

/* Has @value, which is moved and may be NULL, and @data destroyed. */
void
par_mailbox_add_trash (ParMailbox     *self,
                       gboolean        is_litter,
                       GValue         *value,
                       gpointer        data,
                       GDestroyNotify  destroy)
{
  ParTrash trash = { G_VALUE_INIT, data, destroy };

  if (value != NULL)
    trash.value = *value;
  g_array_append_val (is_litter ? self->litter : self->trash, trash);
}

static void
collect_settled (ParMailbox *self,
                 ParNews    *news,
                 guint       max_settled)
{
  news->n_settled = 0;
  while (self->n_unseen > 0 && news->n_settled < max_settled)
    {
      guint64 index = self->first_unseen;
      ParRecord *record = par_records_get (self->records, index);

      /* The list knows the low half of an index; it is never four milliards from the last. */
      self->first_unseen = self->last_unseen
                           + (gint32) (record->next - (guint32) self->last_unseen);
      self->n_unseen--;
      record->collected = TRUE;
      news->settled[news->n_settled] = index;
      news->records[news->n_settled] = record;
      news->is_out[news->n_settled] = record->n_out > 0;
      news->n_settled++;
    }
}

#define SWAP(a, b) G_STMT_START { gpointer swap_ = (a); (a) = (b); (b) = swap_; } G_STMT_END

/* Takes what there is, as far as @max_settled requests. The arrays of @news are empty. */
void
par_mailbox_collect (ParMailbox *self,
                     ParNews    *news,
                     guint       max_settled)
{
  collect_settled (self, news, MIN (max_settled, PAR_NEWS_MAX_SETTLED));

  SWAP (self->starts, news->starts);
  SWAP (self->trash, news->trash);
  SWAP (self->cancellables, news->cancellables);
  news->deferred = self->deferred;
  self->deferred = 0;
}
