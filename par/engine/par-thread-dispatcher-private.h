/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/par-clock-private.h"
#include "par-dispatcher-private.h"

G_BEGIN_DECLS

/* What surrounds the work of each worker. Workers that are inside it keep it alive. */
typedef struct
{
  void (*function) (gpointer user_data);
  gpointer user_data;
  GDestroyNotify destroy;

  /* Guarded by the host's lock. */
  guint n_users;
  guint n_lingering;  /* workers that would take more work */
  guint n_invited;    /* that are arriving, and have lingered */
  GCond invitation;
} ParSurrounding;

/* Calls blocking functions in a GThreadPool of its own. */
typedef struct
{
  ParHost *host;
  const ParDispatcherClient *client;
  ParClock **clock;

  GMutex pool_lock;  /* may be held when the host's is taken, not the other way round */
  GThreadPool *pool;  /* guarded by the pool's lock */

  /* Guarded by the host's lock. */
  guint n_workers;   /* in their loop */
  guint n_arriving;  /* asked for, and not yet in their loop */
  guint n_blocked;   /* milliseconds in which nothing has ended though work waited */
  guint duration;    /* of recent calls, in 1/16 us */
  int long_calls;    /* how many of the recent calls were, up to 1024 */
  guint64 n_ended;
  gboolean watching; /* one of the workers does */
  gconstpointer runner;  /* the one worker that works while calls are short */
  gboolean dismissed;  /* nobody lingers */
  ParSurrounding *surrounding;
} ParThreadDispatcher;

void     par_thread_dispatcher_init     (ParThreadDispatcher        *self,
                                         ParHost                    *host,
                                         const ParDispatcherClient  *client,
                                         ParClock                  **clock);
void     par_thread_dispatcher_clear    (ParThreadDispatcher        *self);
guint    par_thread_dispatcher_ask      (ParThreadDispatcher        *self);
void     par_thread_dispatcher_push     (ParThreadDispatcher        *self,
                                         guint                       n_workers);
void     par_thread_dispatcher_surround (ParThreadDispatcher        *self,
                                         void                      (*function) (gpointer user_data),
                                         gpointer                    user_data,
                                         GDestroyNotify              destroy);
gboolean par_thread_dispatcher_work     (void);
void     par_thread_dispatcher_dismiss  (ParThreadDispatcher        *self);

G_END_DECLS
