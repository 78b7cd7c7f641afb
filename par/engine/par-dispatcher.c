/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-dispatcher-private.h"

#include <par/par-attempt-private.h>

/* Gives the host's lock back, and does what could not be done under it. */
void
par_dispatcher_unlock (ParHost                   *host,
                       const ParDispatcherClient *client)
{
  gboolean has_chores = host->has_chores;

  host->has_chores = FALSE;
  par_host_unlock (host);

  if (G_UNLIKELY (has_chores))
    client->do_chores (host);
}

/* Makes @attempt, whose function has returned, fit for another call, with the host's lock held on
 * entry and return. One that may not be used again is dropped for a new one. */
void
par_dispatcher_renew (ParHost     *host,
                      ParAttempt **attempt)
{
  GCancellable *cancellable = NULL;

  if (G_UNLIKELY (!par_attempt_end (*attempt, &cancellable)))
    {
      ParAttempt *fresh;

      par_host_unlock (host);
      /* The old one may hold the last reference to the host but for the new one's. */
      fresh = par_attempt_new (host, (*attempt)->is_async);
      if (par_attempt_get_current () == *attempt)
        par_attempt_set_current (fresh);
      g_object_unref (*attempt);
      *attempt = fresh;
      par_host_lock (host);
    }
  else if (cancellable != NULL)
    {
      par_host_unlock (host);
      g_object_unref (cancellable);
      par_host_lock (host);
    }
}
