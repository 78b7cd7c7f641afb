/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-tickets-private.h"

typedef struct
{
  gpointer owner;
  guint64 number;
} ParTicket;

static guint
hash_ticket (gconstpointer data)
{
  const ParTicket *ticket = data;

  return g_direct_hash (ticket->owner) ^ g_int64_hash (&ticket->number);
}

static gboolean
equal_tickets (gconstpointer a,
               gconstpointer b)
{
  const ParTicket *left = a, *right = b;

  return left->owner == right->owner && left->number == right->number;
}

void
par_tickets_init (ParTickets *self)
{
  g_queue_init (&self->queue);
  self->links = g_hash_table_new (hash_ticket, equal_tickets);
}

void
par_tickets_clear (ParTickets *self)
{
  g_clear_pointer (&self->links, g_hash_table_unref);
  g_queue_clear_full (&self->queue, g_free);
}

/* Puts somebody at the end of the line. Returns FALSE for one who stands in it. */
gboolean
par_tickets_push (ParTickets *self,
                  gpointer    owner,
                  guint64     number)
{
  ParTicket *ticket;

  if (par_tickets_contains (self, owner, number))
    return FALSE;

  ticket = g_new (ParTicket, 1);
  *ticket = (ParTicket) { owner, number };
  g_queue_push_tail (&self->queue, ticket);
  g_hash_table_insert (self->links, ticket, self->queue.tail);

  return TRUE;
}

gboolean
par_tickets_contains (ParTickets *self,
                      gpointer    owner,
                      guint64     number)
{
  const ParTicket ticket = { owner, number };

  return g_hash_table_contains (self->links, &ticket);
}

static void
take_out (ParTickets *self,
          GList      *link)
{
  g_hash_table_remove (self->links, link->data);
  g_free (link->data);
  g_queue_delete_link (&self->queue, link);
}

/* Returns FALSE for one who does not stand in the line. */
gboolean
par_tickets_remove (ParTickets *self,
                    gpointer    owner,
                    guint64     number)
{
  const ParTicket ticket = { owner, number };
  GList *link = g_hash_table_lookup (self->links, &ticket);

  if (link == NULL)
    return FALSE;

  take_out (self, link);

  return TRUE;
}

/* Takes out the one who came first. Returns FALSE if there is nobody. */
gboolean
par_tickets_pop (ParTickets *self,
                 gpointer   *owner,
                 guint64    *number)
{
  GList *link = self->queue.head;
  ParTicket *ticket;

  if (link == NULL)
    return FALSE;

  ticket = link->data;
  *owner = ticket->owner;
  *number = ticket->number;
  take_out (self, link);

  return TRUE;
}

guint
par_tickets_get_n (ParTickets *self)
{
  return self->queue.length;
}
