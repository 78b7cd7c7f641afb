/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "par-alarms-private.h"
#include "par-mailbox-private.h"
#include "par-owner-private.h"
#include "par-queue-private.h"
#include "par-run-private.h"
#include "policy/par-latency-private.h"

#include <par/par-hedge-private.h>
#include <par/par-limiter-private.h>
#include <par/par-retry-private.h>

G_BEGIN_DECLS

/* Figures for ParStats. */
typedef struct
{
  ParCounts counts;
  guint64 n_attempts;
  guint64 n_copies;
  guint64 n_hedges;
  guint64 n_hedges_won;
  guint64 n_hedges_refused;
  guint64 n_retries;
  guint64 n_attempts_running;
  guint64 n_attempts_won;
  guint64 n_attempts_failed;
  guint64 n_attempts_lost;
  guint64 peak_attempts;
  gint64 elapsed_us;
  ParLatency latency;
} ParFigures;

/* Decides what starts, what becomes of each attempt and request, and what the owner is to be told
 * of it. It calls nobody, so all of its calls are made with the host's lock held. */
typedef struct
{
  ParHost host;
  ParClock *clock;

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
  gboolean pulling;       /* it is being called */
  guint64 pull_published;  /* before that */
  guint64 pull_settled;
  gboolean is_closed;     /* nobody can ask for a request any more */
  gboolean debug;
  gboolean trace;

  /* The run that is on. */
  ParRun *run;
  gboolean sweeping;      /* what is left is being cancelled; what is added now is not in the run */
  guint64 sweep_index;
  guint64 sweep_end;
  ParAlarms alarms;
  gint64 looked_us;       /* when the owner looked at the time last */

  /* The policies of the run. */
  ParAttempt *hedge_next; /* which may want a hedge next, if its request lives so long */
  gint64 hedge_delay_us;  /* -1: not known */
  gboolean is_blocked;    /* the limiter lets nothing pass */
  gboolean is_called;     /* by the limiter, since it is this engine's turn; for no key */
  GHashTable *called_keys;  /* (owned) for which it is */
  ParAlarm *limiter_alarm;  /* when the rate lets something pass */
  guint64 n_retries_ready;  /* so far, by which they have their order */

  /* Owned: policies that have something to tell other engines, with no lock held. */
  ParHedge *granting_hedge;
  ParLimiter *calling_limiter;

  /* Attempts whose function has not returned, oldest first. */
  ParAttempt *oldest;
  ParAttempt *newest;
  guint64 n_out;
  guint64 n_async_out;    /* of those, async ones */
  guint64 n_async_running;  /* async requests */

  /* What the owner has not seen. */
  ParMailbox mailbox;
  guint64 n_published;    /* rows it has seen */
  guint64 seen_out;       /* attempts out when it looked last */
  guint64 seen_running;   /* requests that ran then */
  guint64 peak_running;
  gboolean wants_starts;
  gboolean wants_counts;
  gboolean poked;         /* it is to look, whatever it finds */
  gboolean held_back;     /* it does not want to know who has settled */

  ParFigures figures;
} ParScheduler;

void      par_scheduler_init                  (ParScheduler       *self,
                                               const ParHostClass *klass);
void      par_scheduler_clear                 (ParScheduler       *self);

void      par_scheduler_add                   (ParScheduler       *self,
                                               ParRecord          *record,
                                               guint64             index,
                                               int                 priority);
guint64   par_scheduler_count_waiting_threads (ParScheduler       *self);
gboolean  par_scheduler_has_async_work        (ParScheduler       *self);
gboolean  par_scheduler_take_for_thread       (ParHost            *host,
                                               ParAttempt         *attempt,
                                               gint64              now_us,
                                               ParRequestFunc     *function,
                                               gpointer           *user_data);
gboolean  par_scheduler_take_for_loop         (ParHost            *host,
                                               ParAttempt         *attempt,
                                               gint64              now_us,
                                               ParRequestFunc     *function,
                                               gpointer           *user_data);
void      par_scheduler_end                   (ParHost            *host,
                                               ParAttempt         *attempt,
                                               gint64              now_us);

void      par_scheduler_discard               (ParScheduler       *self,
                                               gboolean            is_litter,
                                               GValue             *value,
                                               gpointer            data,
                                               GDestroyNotify      destroy);
void      par_scheduler_begin                 (ParScheduler       *self,
                                               ParRun             *run);
void      par_scheduler_break                 (ParScheduler       *self,
                                               GError             *error);
void      par_scheduler_cancel                (ParScheduler       *self,
                                               guint64             index,
                                               gint64              now_us);
void      par_scheduler_cancel_all            (ParScheduler       *self,
                                               gint64              now_us);
void      par_scheduler_stop                  (ParScheduler       *self,
                                               gint64              now_us);
void      par_scheduler_collect               (ParScheduler       *self,
                                               ParNews            *news,
                                               guint               max_settled,
                                               gint64              now_us);

void      par_scheduler_grant                 (ParScheduler       *self,
                                               ParHedge           *hedge,
                                               guint64             index);
void      par_scheduler_look_at_limiter       (ParScheduler       *self,
                                               ParLimiter         *limiter,
                                               const char         *key,
                                               gint64              now_us);
gboolean  par_scheduler_lend                  (ParScheduler       *self,
                                               ParAttempt         *attempt,
                                               ParLimiter         *limiter,
                                               gint64              now_us);
void      par_scheduler_take_back             (ParScheduler       *self,
                                               ParAttempt         *attempt);
void      par_scheduler_pass_turn             (ParScheduler       *self,
                                               gint64              now_us);
gboolean  par_scheduler_drop_run              (ParScheduler       *self,
                                               ParRun             *run);

gboolean  par_scheduler_is_open               (ParScheduler       *self);
gboolean  par_scheduler_waits_for_async       (ParScheduler       *self);
gboolean  par_scheduler_may_start             (ParScheduler       *self);
gboolean  par_scheduler_wants_pull            (ParScheduler       *self,
                                               gboolean            pulling);
gint64    par_scheduler_get_next_time         (ParScheduler       *self);
gboolean  par_scheduler_has_urgent_news       (ParScheduler       *self);
gboolean  par_scheduler_has_news              (ParScheduler       *self);

/* Whether the limiter waits for what becomes of this engine's turn. */
static inline gboolean
par_scheduler_is_called (ParScheduler *self)
{
  return self->is_called || g_hash_table_size (self->called_keys) > 0;
}

static inline void
par_scheduler_wake (ParScheduler *self,
                    gboolean      urgent)
{
  par_owner_wake (&self->owner, urgent);
}

G_END_DECLS
