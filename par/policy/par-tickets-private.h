/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A line in which the one who came first is served first. Who stands in it is known by an owner and
 * a number, stands there once, and may leave from any place. */
typedef struct
{
  GQueue queue;      /* of ParTicket */
  GHashTable *links; /* (owned) from a ParTicket to its place */
} ParTickets;

void     par_tickets_init     (ParTickets *self);
void     par_tickets_clear    (ParTickets *self);
gboolean par_tickets_push     (ParTickets *self,
                               gpointer    owner,
                               guint64     number);
gboolean par_tickets_contains (ParTickets *self,
                               gpointer    owner,
                               guint64     number);
gboolean par_tickets_remove   (ParTickets *self,
                               gpointer    owner,
                               guint64     number);
gboolean par_tickets_pop      (ParTickets *self,
                               gpointer   *owner,
                               guint64    *number);
guint    par_tickets_get_n    (ParTickets *self);

G_END_DECLS
