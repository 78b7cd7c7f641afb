/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "par-loop-dispatcher-private.h"
#include "par-scheduler-private.h"
#include "par-thread-dispatcher-private.h"

G_BEGIN_DECLS

typedef gpointer (*ParMakeObjectFunc) (ParHost         *host,
                                       guint64          index,
                                       ParRequestState  state,
                                       guint            n_attempts);

typedef void (*ParAdoptObjectFunc) (gpointer  object,
                                    ParHost  *host,
                                    guint64   index);

/* All there is below one ParRequests: what decides, what calls functions, and the waiting of the
 * owner. It lives for as long as a ParRequests or an attempt does. */
typedef struct
{
  ParScheduler scheduler;
  ParThreadDispatcher threads;
  ParLoopDispatcher loop;
  ParMakeObjectFunc make_object;
  ParAdoptObjectFunc adopt_object;

  /* Guarded by the host's lock. */
  guint n_asked;            /* workers that are to be pushed as a chore */
  gboolean has_news_poured; /* when the owner looked last */
  GMainContext *context;    /* (owned) where the source is */
} ParEngine;

ParEngine *par_engine_new             (ParMakeObjectFunc      make_object,
                                       ParAdoptObjectFunc     adopt_object);
void       par_engine_close           (ParEngine             *self);

guint64    par_engine_add             (ParEngine             *self,
                                       gboolean               is_async,
                                       ParRequestFunc         function,
                                       gpointer               user_data,
                                       GDestroyNotify         destroy,
                                       gpointer               object,
                                       const char            *key,
                                       int                    priority,
                                       gboolean               once,
                                       guint64               *n_new);
gpointer   par_engine_get_object      (ParEngine             *self,
                                       guint64                index,
                                       ParRecord            **settled);
void       par_engine_keep_object     (ParEngine             *self,
                                       ParRecord             *record,
                                       gpointer               object);
gboolean   par_engine_find_row        (ParEngine             *self,
                                       guint64                position,
                                       guint64               *index);
guint64    par_engine_get_n_published (ParEngine             *self);
guint64    par_engine_remove          (ParEngine             *self,
                                       guint64                index);

gboolean   par_engine_set_concurrency (ParEngine             *self,
                                       guint                  concurrency);
gboolean   par_engine_set_paused      (ParEngine             *self,
                                       gboolean               paused);
void       par_engine_hold            (ParEngine             *self);
gboolean   par_engine_release         (ParEngine             *self);
void       par_engine_cancel          (ParEngine             *self);
void       par_engine_stop            (ParEngine             *self);
gboolean   par_engine_defer           (ParEngine             *self,
                                       guint                  bit);
void       par_engine_break           (ParEngine             *self,
                                       GError                *error);
void       par_engine_wake            (ParEngine             *self);
void       par_engine_invoke          (ParEngine             *self,
                                       void                 (*function) (gpointer user_data),
                                       gpointer               user_data);
void       par_engine_get_figures     (ParEngine             *self,
                                       ParFigures            *figures);

/* The owner's part. */
GThread   *par_engine_enter           (ParEngine             *self);
void       par_engine_exit            (ParEngine             *self,
                                       GThread               *owner,
                                       gboolean               has_left);
void       par_engine_set_waker       (ParEngine             *self,
                                       GSource               *source,
                                       GThread               *owner);
void       par_engine_hold_back       (ParEngine             *self,
                                       gboolean               held_back);
void       par_engine_begin           (ParEngine             *self,
                                       ParRun                *run);
void       par_engine_finish          (ParEngine             *self);
void       par_engine_drop_run        (ParEngine             *self,
                                       ParRun                *run);
void       par_engine_want_starts     (ParEngine             *self,
                                       gboolean               wanted);
void       par_engine_want_counts     (ParEngine             *self,
                                       gboolean               wanted);
void       par_engine_collect         (ParEngine             *self,
                                       ParNews               *news,
                                       guint                  max_settled);
void       par_engine_wait            (ParEngine             *self,
                                       gboolean               may_nap);
void       par_engine_wait_in         (ParEngine             *self,
                                       GMainContext          *context);
gboolean   par_engine_needs_context   (ParEngine             *self);
gboolean   par_engine_start_async     (ParEngine             *self,
                                       gint64                 until_us);
void       par_engine_set_source      (ParEngine             *self,
                                       gboolean               has_source);
gboolean   par_engine_begin_pull      (ParEngine             *self,
                                       gboolean               again,
                                       gboolean               is_fetched);
void       par_engine_end_pull        (ParEngine             *self,
                                       gboolean               is_same);
void       par_engine_rest_source     (ParEngine             *self);
gboolean   par_engine_start_dispatch  (ParEngine             *self,
                                       GSource               *source);
void       par_engine_end_dispatch    (ParEngine             *self,
                                       gboolean               more,
                                       GThread               *owner);
void       par_engine_end_publish     (ParEngine             *self);
gboolean   par_engine_is_owner        (ParEngine             *self);

/* The time by the clock of the engine, which tests may move. */
static inline gint64
par_engine_now (ParEngine *self)
{
  return par_clock_now (self->scheduler.clock);
}

G_END_DECLS
