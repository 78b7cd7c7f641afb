/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/par-clock-private.h"
#include "par-dispatcher-private.h"

G_BEGIN_DECLS

/* Calls functions that do not block, in the thread of its caller, the owner. */
typedef struct
{
  ParHost *host;
  const ParDispatcherClient *client;
  ParClock **clock;
} ParLoopDispatcher;

void par_loop_dispatcher_init     (ParLoopDispatcher         *self,
                                   ParHost                   *host,
                                   const ParDispatcherClient *client,
                                   ParClock                 **clock);
void par_loop_dispatcher_dispatch (ParLoopDispatcher         *self,
                                   guint                      max_starts,
                                   gint64                     until_us);

G_END_DECLS
