/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/par-clock-private.h"
#include "par-loop-dispatcher-private.h"
#include "par-owner-private.h"
#include "par-queue-private.h"
#include "par-run-private.h"
#include "par-thread-dispatcher-private.h"
#include "policy/par-latency-private.h"

G_BEGIN_DECLS

#define PAR_NEWS_MAX_SETTLED 256

/* An attempt that has been started, for those who listen. */
typedef struct
{
  guint64 index;
  guint64 n_settled;  /* requests that had settled before it started */
  guint number;
  ParAttemptKind kind;
} ParStart;

/* What is to be destroyed in the owner context. */
typedef struct
{
  GValue value;
  gpointer data;
  GDestroyNotify destroy;
} ParTrash;

/* What has happened since the owner last looked. The owner keeps it and hands it in again, so
 * that its arrays are made once. */
typedef struct
{
  guint n_settled;
  guint64 settled[PAR_NEWS_MAX_SETTLED];
  ParRecord *records[PAR_NEWS_MAX_SETTLED];
  guint8 is_out[PAR_NEWS_MAX_SETTLED];  /* some attempt still has its data */
  gboolean more;           /* that did not fit */

  GArray *starts;          /* of ParStart */
  GArray *trash;           /* of ParTrash */
  GPtrArray *cancellables; /* (owned) to be cancelled */

  guint64 n_new;           /* rows */
  guint64 n_published;     /* rows, with those */
  guint64 n_queued;        /* now */
  guint64 peak_running;    /* since the last news */
  guint64 n_attempts_running;
  guint deferred;          /* properties set in another thread, as bits */
  gboolean over;           /* the run has ended, and par_engine_finish() is called next */
} ParNews;

/* Figures for ParStats. */
typedef struct
{
  ParCounts counts;
  guint64 n_attempts;
  guint64 n_copies;
  guint64 n_attempts_running;
  guint64 n_attempts_won;
  guint64 n_attempts_failed;
  guint64 n_attempts_lost;
  guint64 peak_attempts;
  gint64 elapsed_us;
  ParLatency latency;
} ParFigures;

typedef gpointer (*ParMakeObjectFunc) (ParHost         *host,
                                       guint64          index,
                                       ParRequestState  state,
                                       guint            n_attempts);

typedef void (*ParAdoptObjectFunc) (gpointer  object,
                                    ParHost  *host,
                                    guint64   index);

/* The engine starts attempts, settles requests and keeps what the owner is to be told. It lives
 * for as long as a ParRequests or an attempt does. */
typedef struct
{
  ParHost host;
  ParMakeObjectFunc make_object;
  ParAdoptObjectFunc adopt_object;
  ParClock *clock;
  ParThreadDispatcher threads;
  ParLoopDispatcher loop;

  /* All that follows is guarded by the host's lock. */
  ParOwner owner;
  ParRecords records;
  ParQueue thread_queue;
  ParQueue async_queue;
  GQueue handed;          /* of ParTurn: attempts that have a slot, and wait for the owner only */
  guint concurrency;
  gboolean paused;
  guint n_holds;
  gboolean has_source;    /* more requests come when few are queued */
  gboolean source_rests;  /* it had none to add, and is asked again when a request has settled */
  gboolean is_closed;     /* nobody can ask for a request any more */
  gboolean debug;
  gboolean trace;

  /* The run that is on. */
  ParRun *run;
  gboolean sweeping;      /* what is left is being cancelled; what is added now is not in the run */
  guint64 sweep_index;
  guint64 sweep_end;
  GSequence *timeouts;    /* of ParTimeout, by their time */

  /* Attempts whose function has not returned, oldest first. */
  ParAttempt *oldest;
  ParAttempt *newest;
  guint64 n_out;
  guint64 n_async_out;    /* of those, async ones */
  guint64 n_async_running;  /* async requests */
  guint64 seen_out;       /* by the owner */

  /* What the owner has not seen. */
  guint64 n_published;    /* rows it has seen */
  guint64 n_settled;      /* ever */
  guint64 n_unseen;       /* settled, in a list through the records */
  guint64 first_unseen;
  guint64 last_unseen;
  guint64 peak_running;
  gboolean wants_starts;
  GArray *starts;
  GArray *trash;
  GArray *litter;         /* trash that does not need the owner, who has left */
  GPtrArray *cancellables;
  guint deferred;

  gboolean has_news_poured; /* when the owner looked last */
  gboolean poked;         /* it is to look, whatever it finds */
  gboolean held_back;     /* it does not want to know who has settled */
  GMainContext *context;  /* (owned) where the source is */

  ParFigures figures;
} ParEngine;

ParEngine *par_engine_new             (ParMakeObjectFunc      make_object,
                                       ParAdoptObjectFunc     adopt_object);
GArray    *par_engine_new_trash       (void);
void       par_engine_close           (ParEngine             *self);

guint64    par_engine_add             (ParEngine             *self,
                                       gboolean               is_async,
                                       ParRequestFunc         function,
                                       gpointer               user_data,
                                       GDestroyNotify         destroy,
                                       gpointer               object,
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
gboolean   par_engine_defer           (ParEngine             *self,
                                       guint                  bit);
void       par_engine_break           (ParEngine             *self,
                                       GError                *error);
void       par_engine_wake            (ParEngine             *self);
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
void       par_engine_want_starts     (ParEngine             *self,
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
gboolean   par_engine_wants_pull      (ParEngine             *self,
                                       gboolean               pulling,
                                       guint64               *n_settled);
void       par_engine_rest_source     (ParEngine             *self,
                                       gboolean               looked,
                                       guint64                n_settled);
gboolean   par_engine_start_dispatch  (ParEngine             *self,
                                       GSource               *source);
void       par_engine_end_dispatch    (ParEngine             *self,
                                       gboolean               more);
void       par_engine_end_publish     (ParEngine             *self);
gboolean   par_engine_is_owner        (ParEngine             *self);

G_END_DECLS
