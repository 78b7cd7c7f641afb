/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-attempt.h>

#include "par-host-private.h"

G_BEGIN_DECLS

/* What the engine gives a dispatcher, which calls functions somewhere: in threads of its own, or
 * in a main context. All but the last are called with the host's lock held. */
typedef struct
{
  /* How many attempts the engine would start now, and how many may run at once (0: any number). */
  guint64  (*count_waiting) (ParHost         *host);
  guint    (*get_bound)     (ParHost         *host);

  /* Starts the next attempt, if there is one to be started now: @attempt is it from here on. */
  gboolean (*take)          (ParHost         *host,
                             ParAttempt      *attempt,
                             gint64           now_us,
                             ParRequestFunc  *function,
                             gpointer        *user_data);

  /* The function of @attempt has returned. */
  void     (*end)           (ParHost         *host,
                             ParAttempt      *attempt,
                             gint64           now_us);

  /* Nothing can be called any more. NULL where that cannot be. */
  void     (*fail)          (ParHost         *host,
                             const GError    *error);

  /* Has the owner destroy something. NULL where there is nothing. */
  void     (*discard)       (ParHost         *host,
                             gpointer         data,
                             GDestroyNotify   destroy);

  /* To be called with no lock held when the host has chores. */
  void     (*do_chores)     (ParHost         *host);
} ParDispatcherClient;

void par_dispatcher_unlock (ParHost                    *host,
                            const ParDispatcherClient  *client);
void par_dispatcher_renew  (ParHost                    *host,
                            ParAttempt                **attempt);

G_END_DECLS
