/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-limit-private.h"

typedef struct
{
  gpointer owner;
  gboolean is_called;  /* its turn has come, and it has been told */
} ParWaiter;

/* There is no bound at first. */
void
par_limit_init (ParLimit *self)
{
  *self = (ParLimit) { 0 };
  g_queue_init (&self->waiting);
}

void
par_limit_clear (ParLimit *self)
{
  g_queue_clear_full (&self->waiting, g_free);
}

/* Lowering the bound takes no permit back. */
void
par_limit_set (ParLimit *self,
               guint     concurrency,
               double    rate,
               guint     burst,
               gint64    now_us)
{
  self->concurrency = concurrency;
  par_bucket_set (&self->bucket, rate, burst, now_us);
}

static guint
count_permits (ParLimit *self)
{
  if (self->concurrency == 0)
    return G_MAXUINT;

  return self->concurrency > self->n_running ? self->concurrency - self->n_running : 0;
}

/* How much may start now, whoever it is. */
static guint
count_free (ParLimit *self,
            gint64    now_us)
{
  return MIN (count_permits (self), par_bucket_count (&self->bucket, now_us));
}

/* How many are before @owner, and its place in the line, if it stands there. */
static guint
find (ParLimit  *self,
      gpointer   owner,
      GList    **place)
{
  guint n_before = 0;

  for (*place = self->waiting.head; *place != NULL; *place = (*place)->next, n_before++)
    {
      if (((ParWaiter *) (*place)->data)->owner == owner)
        break;
    }

  return n_before;
}

static gpointer
take_out (ParLimit *self,
          GList    *place)
{
  ParWaiter *waiter = place->data;
  gpointer owner = waiter->owner;

  g_free (waiter);
  g_queue_delete_link (&self->waiting, place);

  return owner;
}

/* Takes a permit and a token, or nothing. @owner, if refused, keeps its place in the line, or gets
 * one at the end, and @retry_at_us is the time at which to come again, or -1 if it will be called.
 * NULL stands in no line and goes behind all who do. */
gboolean
par_limit_take (ParLimit *self,
                gpointer  owner,
                gint64    now_us,
                gint64   *retry_at_us)
{
  GList *place;
  guint n_before = find (self, owner, &place);

  *retry_at_us = -1;
  if (count_free (self, now_us) > n_before)
    {
      if (place != NULL)
        take_out (self, place);
      par_bucket_take (&self->bucket, 1, now_us);
      self->n_running++;

      return TRUE;
    }

  if (count_permits (self) > n_before)
    *retry_at_us = par_bucket_get_time (&self->bucket, n_before + 1, now_us);

  if (place != NULL)
    {
      ((ParWaiter *) place->data)->is_called = FALSE;
    }
  else if (owner != NULL)
    {
      ParWaiter *waiter = g_new0 (ParWaiter, 1);

      waiter->owner = owner;
      g_queue_push_tail (&self->waiting, waiter);
    }

  return FALSE;
}

/* Gives a permit back. */
void
par_limit_release (ParLimit *self)
{
  self->n_running--;
}

/* Gives a permit and a token back: nothing has been started with them. */
void
par_limit_put_back (ParLimit *self,
                    gint64    now_us)
{
  self->n_running--;
  par_bucket_put_back (&self->bucket, 1, now_us);
}

/* Lends a permit to others, who may be those that its holder waits for. */
void
par_limit_lend (ParLimit *self)
{
  self->n_running--;
  self->n_lent++;
}

/* Takes back a permit that was lent, at once: its holder runs, whether there is room or not. */
void
par_limit_take_back (ParLimit *self)
{
  self->n_lent--;
  self->n_running++;
}

/* Calls the first one whose turn has come, and who has not been called. Returns NULL if there is
 * none. */
gpointer
par_limit_call (ParLimit *self,
                gint64    now_us)
{
  guint n_free;

  if (G_LIKELY (self->waiting.length == 0))
    return NULL;

  n_free = count_free (self, now_us);
  for (GList *place = self->waiting.head; place != NULL && n_free > 0; place = place->next)
    {
      ParWaiter *waiter = place->data;

      if (!waiter->is_called)
        {
          waiter->is_called = TRUE;
          return waiter->owner;
        }
      n_free--;
    }

  return NULL;
}

/* Sends the first one in the line away. Returns NULL if there is nobody. */
gpointer
par_limit_dismiss (ParLimit *self)
{
  return self->waiting.length > 0 ? take_out (self, self->waiting.head) : NULL;
}

/* Leaves the line, or only @if_called does so. Returns whether it stood there. */
gboolean
par_limit_leave (ParLimit *self,
                 gpointer  owner,
                 gboolean  if_called)
{
  GList *place;

  find (self, owner, &place);
  if (place == NULL || (if_called && !((ParWaiter *) place->data)->is_called))
    return FALSE;

  take_out (self, place);

  return TRUE;
}

/* How much @owner could start now. */
guint
par_limit_count_free (ParLimit *self,
                      gpointer  owner,
                      gint64    now_us)
{
  GList *place;
  guint n_before = find (self, owner, &place);
  guint n_free = count_free (self, now_us);

  return n_free > n_before ? n_free - n_before : 0;
}

/* Whether there is nothing to remember: what comes next would find the same in a new one. */
gboolean
par_limit_is_idle (ParLimit *self,
                   gint64    now_us)
{
  return self->n_running == 0 && self->n_lent == 0 && self->waiting.length == 0
         && par_bucket_is_full (&self->bucket, now_us);
}
