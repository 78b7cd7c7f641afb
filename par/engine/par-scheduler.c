/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-scheduler-private.h"

#include <par/par-attempt-private.h>

#include "base/par-debug-private.h"
#include "base/par-trace-private.h"

/* How far ahead a source is pulled at most. */
#define MAX_AHEAD 64

/* How many queued requests are cancelled in one go under the lock. */
#define SWEEP_SIZE 4096

/* How many attempts at one request may be out: the record counts no further. */
#define MAX_OUT 127

#define REQUEST G_GUINT64_FORMAT

void
par_scheduler_init (ParScheduler       *self,
                    const ParHostClass *klass)
{
  par_host_init (&self->host, klass);
  self->clock = par_clock_get_system ();
  par_owner_init (&self->owner, &self->host, &self->clock);
  par_records_init (&self->records);
  par_queue_init (&self->thread_queue, &self->records, FALSE);
  par_queue_init (&self->async_queue, &self->records, TRUE);
  par_alarms_init (&self->alarms);
  par_mailbox_init (&self->mailbox, &self->records);
  self->called_keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

void
par_scheduler_clear (ParScheduler *self)
{
  par_owner_clear (&self->owner);
  par_queue_clear (&self->thread_queue);
  par_queue_clear (&self->async_queue);
  g_queue_clear_full (&self->handed, g_free);
  par_records_clear (&self->records);
  par_alarms_clear (&self->alarms);
  par_mailbox_clear (&self->mailbox);
  g_hash_table_unref (self->called_keys);
  g_mutex_clear (&self->host.lock);
}

gboolean
par_scheduler_is_open (ParScheduler *self)
{
  return self->run != NULL && !self->sweeping;
}

/* Has something destroyed: by the owner, or in its context where nobody can be the owner any more;
 * as litter by whoever comes first. */
void
par_scheduler_discard (ParScheduler   *self,
                       gboolean        is_litter,
                       GValue         *value,
                       gpointer        data,
                       GDestroyNotify  destroy)
{
  par_mailbox_add_trash (&self->mailbox, is_litter, value, data, destroy);

  if (is_litter || self->is_closed)
    self->host.has_chores = TRUE;
  else
    par_scheduler_wake (self, TRUE);
}

/* What async attempts leave is the owner's to destroy, always. */
static void
throw_away (ParScheduler   *self,
            ParRecord      *record,
            GValue         *value,
            gpointer        data,
            GDestroyNotify  destroy)
{
  par_scheduler_discard (self, self->owner.has_left && !record->is_async, value, data, destroy);
}

/* Has the owner look at @when_us. */
static ParAlarm *
add_alarm (ParScheduler *self,
           ParAlarmKind  kind,
           guint64       index,
           ParAttempt   *attempt,
           gint64        when_us)
{
  ParAlarm *alarm = par_alarms_add (&self->alarms, kind, index, attempt, when_us);

  if (par_alarms_get_first (&self->alarms) == alarm)
    par_scheduler_wake (self, TRUE);

  return alarm;
}

static ParQueue *
queue_of (ParScheduler *self,
          ParRecord    *record)
{
  return record->is_async ? &self->async_queue : &self->thread_queue;
}

static const char *
get_key (ParRecord *record)
{
  return record->detail != NULL ? record->detail->key : NULL;
}

/* The limiter may have called others, who are told with no lock held. */
static void
note_calls (ParScheduler *self,
            ParLimiter   *limiter)
{
  if (!par_limiter_has_called (limiter))
    return;

  if (self->calling_limiter == NULL)
    self->calling_limiter = g_object_ref (limiter);
  self->host.has_chores = TRUE;
}

/* Has what a limiter has refused of @key, or of none, try again. */
static void
unblock (ParScheduler *self,
         const char   *key)
{
  self->is_blocked = FALSE;
  par_queue_unpark (&self->thread_queue, key);
  par_queue_unpark (&self->async_queue, key);
}

static void
unblock_all (ParScheduler *self)
{
  self->is_blocked = FALSE;
  par_queue_unpark_all (&self->thread_queue);
  par_queue_unpark_all (&self->async_queue);
}

/* A permit for requests of the key of @record has been given back. */
static void
after_release (ParScheduler *self,
               ParLimiter   *limiter,
               ParRecord    *record)
{
  note_calls (self, limiter);
  unblock (self, get_key (record));
}

/* Frees a turn, and gives back what it has. */
static void
give_back (ParScheduler *self,
           ParTurn      *turn,
           gint64        now_us)
{
  const ParRunSettings *settings = &self->run->settings;

  if (turn->paid)
    par_hedge_refund (settings->hedge);
  if (turn->permit != NULL)
    {
      par_limiter_put_back (settings->limiter, turn->permit, now_us);
      after_release (self, settings->limiter, par_records_get (&self->records, turn->index));
    }
  g_free (turn);
}

/* A request has settled: its attempts that wait for the owner do not start. */
static void
take_back (ParScheduler *self,
           guint64       index,
           gint64        now_us)
{
  GList *next;

  for (GList *link = self->handed.head; link != NULL; link = next)
    {
      ParTurn *turn = link->data;

      next = link->next;
      if (turn->index == index)
        {
          g_queue_delete_link (&self->handed, link);
          give_back (self, turn, now_us);
        }
    }
}

static void
clear_turns (ParScheduler *self,
             GQueue       *turns,
             gint64        now_us)
{
  while (!g_queue_is_empty (turns))
    give_back (self, g_queue_pop_head (turns), now_us);
}

/* Takes an attempt from those whose outcome counts. */
static void
retire (ParRecord  *record,
        ParAttempt *attempt)
{
  ParAttempt **link = &record->attempts;

  while (*link != attempt)
    link = &(*link)->next_of_record;
  *link = attempt->next_of_record;

  attempt->live = FALSE;
  par_alarm_remove (g_steal_pointer (&attempt->timeout));
}

/* Cancels an attempt whose outcome does not count any more, as soon as the owner gets to it. */
static void
dismiss (ParScheduler *self,
         ParRecord    *record,
         ParAttempt   *attempt)
{
  GCancellable *cancellable = par_attempt_cancel (attempt);

  retire (record, attempt);
  if (cancellable != NULL)
    g_ptr_array_add (self->mailbox.cancellables, cancellable);
  par_scheduler_wake (self, TRUE);
}

static void
count_settled (ParScheduler    *self,
               ParRecord       *record,
               guint64          index,
               ParRequestState  from,
               const GError    *error)
{
  ParCounts *counts = &self->figures.counts;
  ParRequestState to = record->state;

  if (from == PAR_REQUEST_STATE_QUEUED)
    {
      counts->n_queued--;
      queue_of (self, record)->n_queued--;
    }
  else
    {
      counts->n_running--;
      self->n_async_running -= record->is_async;
    }

  if (to == PAR_REQUEST_STATE_SUCCEEDED)
    counts->n_succeeded++;
  else if (to == PAR_REQUEST_STATE_FAILED)
    counts->n_failed++;
  else
    counts->n_cancelled++;

  if (self->run != NULL && (!self->sweeping || index < self->sweep_end))
    {
      par_run_settled (self->run, index, from, to, error);
      if (G_UNLIKELY (self->run->cause != PAR_RUN_CAUSE_NONE))
        par_scheduler_wake (self, TRUE);
    }
}

static void
log_settled (ParScheduler    *self,
             guint64          index,
             ParRequestState  state,
             const GError    *error)
{
  if (state == PAR_REQUEST_STATE_SUCCEEDED)
    par_debug_queue ("received - %" REQUEST, index);
  else if (state == PAR_REQUEST_STATE_FAILED)
    par_debug_queue ("failed - %" REQUEST ": %s", index, error->message);
  else
    par_debug_queue ("cancelled - %" REQUEST, index);
  self->host.has_chores = TRUE;
}

/* Tells the hedge how long a first attempt has taken; others say nothing of how long one takes
 * that nobody helps. */
static void
observe (ParScheduler *self,
         ParAttempt   *attempt,
         gboolean      is_lower_bound,
         gint64        now_us)
{
  const ParRun *run = attempt->run;
  ParHedge *hedge = run->settings.hedge;

  if (G_UNLIKELY (hedge != NULL) && attempt->kind == PAR_ATTEMPT_KIND_FIRST)
    par_hedge_observe (hedge, now_us - attempt->started_us, is_lower_bound, now_us);
}

/* Tells the hedge that a first attempt has ended without saying how long one takes. */
static void
ignore (ParScheduler *self,
        ParAttempt   *attempt,
        gint64        now_us)
{
  const ParRun *run = attempt->run;
  ParHedge *hedge = run->settings.hedge;

  if (G_UNLIKELY (hedge != NULL) && attempt->kind == PAR_ATTEMPT_KIND_FIRST)
    par_hedge_ignore (hedge, now_us - attempt->started_us, now_us);
}

/* No more attempts will be made at a request: it has settled. */
static void
forget_plans (ParScheduler *self,
              ParRecord    *record,
              guint64       index)
{
  ParRecordDetail *detail = record->detail;

  par_alarm_remove (g_steal_pointer (&detail->timeout));
  if (detail->backoff != NULL || detail->is_ready)
    par_retry_refund (self->run->settings.retry);
  par_alarm_remove (g_steal_pointer (&detail->backoff));
  par_queue_forget (queue_of (self, record), record);
  if (detail->has_ticket)
    par_hedge_forget (self->run->settings.hedge, &self->host, index);
  detail->has_ticket = FALSE;
}

/* Settles a request with @outcome, which becomes the record's. Its other attempts are cancelled
 * by the owner, and not waited for. */
static void
settle (ParScheduler    *self,
        ParRecord       *record,
        guint64          index,
        ParRequestState  state,
        GValue          *outcome,
        gint64           now_us)
{
  ParRequestState from = record->state;
  const GError *error = NULL;

  if (from == PAR_REQUEST_STATE_RUNNING)
    {
      record->elapsed_us = now_us - record->since_us;
      while (G_UNLIKELY (record->attempts != NULL))
        {
          /* A first attempt that lost is known to have taken at least this long. */
          if (state == PAR_REQUEST_STATE_SUCCEEDED)
            observe (self, record->attempts, TRUE, now_us);
          else
            ignore (self, record->attempts, now_us);
          dismiss (self, record, record->attempts);
        }
    }
  if (G_UNLIKELY (record->detail != NULL))
    forget_plans (self, record, index);

  if (G_UNLIKELY (self->handed.length > 0) && record->is_async)
    take_back (self, index, now_us);

  record->state = state;
  record->outcome = *outcome;
  if (state != PAR_REQUEST_STATE_SUCCEEDED)
    error = g_value_get_boxed (&record->outcome);

  par_mailbox_add_settled (&self->mailbox, index);

  if (G_UNLIKELY (self->debug))
    log_settled (self, index, state, error);
  count_settled (self, record, index, from, error);
  self->source_rests = FALSE;
  if (!self->held_back)
    par_scheduler_wake (self, self->figures.counts.n_queued == 0);
}

static void
settle_cancelled (ParScheduler    *self,
                  ParRecord       *record,
                  guint64          index,
                  ParCancelReason  reason,
                  gint64           now_us)
{
  GValue outcome = G_VALUE_INIT;

  par_value_take_error (&outcome, par_run_new_reason (self->run, reason));
  record->reason = reason;
  settle (self, record, index, PAR_REQUEST_STATE_CANCELLED, &outcome, now_us);
}

static gboolean
may_have_more (ParScheduler *self,
               ParRecord    *record)
{
  return self->run->cause == PAR_RUN_CAUSE_NONE
         && (record->detail == NULL || !record->detail->once);
}

/* Whether copies of a request are still to be started. */
static gboolean
wants_copies (ParScheduler *self,
              ParRecord    *record)
{
  return record->n_attempts < self->run->settings.redundancy && may_have_more (self, record)
         && (record->detail == NULL || record->detail->not_before_us == 0);
}

static gboolean
has_hedge_left (ParScheduler *self,
                ParRecord    *record)
{
  ParHedge *hedge = self->run->settings.hedge;
  guint n_hedges = record->detail != NULL ? record->detail->n_hedges : 0;

  return hedge != NULL && may_have_more (self, record) && record->n_out < MAX_OUT
         && n_hedges < par_hedge_get_max_hedges (hedge);
}

static void
keep_error (ParRecord    *record,
            const GError *error)
{
  ParRecordDetail *detail = par_record_get_detail (record);

  if (detail->errors == NULL)
    detail->errors = g_ptr_array_new_with_free_func ((GDestroyNotify) g_error_free);
  g_ptr_array_add (detail->errors, g_error_copy (error));
}

/* Whether a hedge may be due of a request of which something runs. */
static gboolean
may_be_hedged (ParScheduler *self,
               ParRecord    *record,
               gint64        now_us)
{
  const ParRecordDetail *detail = record->detail;

  return has_hedge_left (self, record) && !wants_copies (self, record)
         && (detail == NULL || (!detail->hedge_is_due && !detail->has_ticket
                                && detail->not_before_us <= now_us));
}

/* Queues a hedge, ahead of all else. */
static void
queue_hedge (ParScheduler *self,
             ParRecord    *record,
             guint64       index,
             gboolean      paid)
{
  ParRecordDetail *detail = par_record_get_detail (record);

  if (detail->has_ticket)
    par_hedge_forget (self->run->settings.hedge, &self->host, index);
  detail->has_ticket = FALSE;
  detail->hedge_is_due = TRUE;
  par_queue_add_hedge (queue_of (self, record), index, paid);
}

static gint64
earlier (gint64 left_us,
         gint64 right_us)
{
  return left_us == 0 || (right_us != 0 && right_us < left_us) ? right_us : left_us;
}

/* When a request is too late, by itself or with its run; 0 for never. */
static gint64
get_deadline (ParScheduler *self,
              ParRecord    *record)
{
  ParAlarm *timeout = record->detail != NULL ? record->detail->timeout : NULL;

  return earlier (self->run->deadline_us, timeout != NULL ? timeout->when_us : 0);
}

/* The budget has nothing left for another attempt at a request. */
static void
log_refused (ParScheduler *self,
             guint64       index)
{
  if (G_LIKELY (!self->debug))
    return;

  par_debug_queue ("refused: %" REQUEST, index);
  self->host.has_chores = TRUE;
}

static gboolean
pay_for_hedge (ParScheduler *self,
               guint64       index)
{
  if (par_hedge_spend (self->run->settings.hedge))
    return TRUE;

  self->figures.n_hedges_refused++;
  log_refused (self, index);

  return FALSE;
}

static gboolean
pay_for_retry (ParScheduler *self,
               guint64       index)
{
  if (par_retry_spend (self->run->settings.retry))
    return TRUE;

  log_refused (self, index);

  return FALSE;
}

static gboolean
plan_retry (ParScheduler *self,
            ParRecord    *record,
            guint64       index,
            gint64        now_us)
{
  ParRetry *retry = self->run->settings.retry;
  ParRecordDetail *detail = par_record_get_detail (record);
  gint64 deadline_us = get_deadline (self, record);
  gint64 when_us;

  if (retry == NULL || !may_have_more (self, record) || record->n_out >= MAX_OUT
      || record->n_attempts == G_MAXUINT16
      || detail->n_retries >= par_retry_get_max_retries (retry)
      || (deadline_us > 0 && detail->not_before_us >= deadline_us)
      || !pay_for_retry (self, index))
    return FALSE;

  if (detail->has_ticket)
    par_hedge_forget (self->run->settings.hedge, &self->host, index);
  detail->has_ticket = FALSE;

  when_us = now_us + par_retry_get_delay_us (retry, ++detail->n_retries);
  when_us = MAX (when_us, detail->not_before_us);
  detail->backoff = add_alarm (self, PAR_ALARM_RETRY, index, NULL, when_us);

  if (G_UNLIKELY (self->debug))
    {
      par_debug_queue ("retry: %" REQUEST " (%u) in %" G_GINT64_FORMAT "ms", index,
                       record->n_attempts + 1, (when_us - now_us + 500) / 1000);
      self->host.has_chores = TRUE;
    }

  return TRUE;
}

/* Nothing of a request runs any more: a hedge that is left and can be paid starts at once, or else
 * it is tried again later. Returns FALSE if it has failed. */
static gboolean
try_again (ParScheduler *self,
           ParRecord    *record,
           guint64       index,
           gint64        now_us)
{
  ParRecordDetail *detail = record->detail;
  gboolean may_start_now = detail == NULL || detail->not_before_us <= now_us;

  /* Whether one that waits in the queue can be paid is seen when there is a slot for it. */
  if (detail != NULL && (detail->backoff != NULL || detail->is_ready || detail->hedge_is_due))
    return TRUE;

  if (may_start_now && has_hedge_left (self, record) && pay_for_hedge (self, index))
    {
      queue_hedge (self, record, index, TRUE);
      return TRUE;
    }

  return plan_retry (self, record, index, now_us);
}

/* All attempts have failed, the last with @outcome. */
static void
settle_failed (ParScheduler *self,
               ParRecord    *record,
               guint64       index,
               GValue       *outcome,
               gint64        now_us)
{
  GError *error = g_value_get_boxed (outcome);

  if (record->n_attempts > 1)
    g_prefix_error (&error, "after %u attempts: ", record->n_attempts);
  settle (self, record, index, PAR_REQUEST_STATE_FAILED, outcome, now_us);
}

/* Notes that an attempt, retired by now, has failed, and that its request has when nothing else
 * can save it. @outcome is an error; @is_fatal says that no other attempt would do better. */
static void
fail_attempt (ParScheduler *self,
              ParRecord    *record,
              guint64       index,
              gboolean      is_fatal,
              GValue       *outcome,
              gint64        now_us)
{
  const ParRunSettings *settings = &self->run->settings;
  GError *error = g_value_get_boxed (outcome);

  if (record->n_attempts > 1 || wants_copies (self, record)
      || ((settings->hedge != NULL || settings->retry != NULL) && may_have_more (self, record)))
    keep_error (record, error);

  if (!is_fatal && (record->attempts != NULL || wants_copies (self, record)))
    {
      /* There is one less to wait for, so help need not wait either. */
      if (record->attempts != NULL && may_be_hedged (self, record, now_us))
        queue_hedge (self, record, index, FALSE);
      g_value_unset (outcome);
      return;
    }

  if (!is_fatal && try_again (self, record, index, now_us))
    g_value_unset (outcome);
  else
    settle_failed (self, record, index, outcome, now_us);
}

/* No attempt at a request may start before @not_before_us, which one that failed has asked for. */
static void
put_off (ParRecord *record,
         gint64     not_before_us)
{
  ParRecordDetail *detail = par_record_get_detail (record);

  detail->not_before_us = MAX (detail->not_before_us, not_before_us);
}

static void
succeed_attempt (ParScheduler *self,
                 ParRecord    *record,
                 ParAttempt   *attempt,
                 GValue       *outcome,
                 gint64        now_us)
{
  self->figures.n_attempts_won++;
  par_latency_add (&self->figures.latency, now_us - attempt->started_us);
  observe (self, attempt, FALSE, now_us);
  if (G_UNLIKELY (attempt->kind == PAR_ATTEMPT_KIND_HEDGE))
    {
      self->figures.n_hedges_won++;
      par_hedge_count_won (self->run->settings.hedge);
    }
  if (attempt->number > 1)
    par_record_get_detail (record)->winner = attempt->number;
  settle (self, record, attempt->index, PAR_REQUEST_STATE_SUCCEEDED, outcome, now_us);
}

static guint64
count_free_slots (ParScheduler *self)
{
  guint64 n_taken = self->n_out + self->handed.length;

  if (self->concurrency == 0)
    return G_MAXUINT64;

  return self->concurrency > n_taken ? self->concurrency - n_taken : 0;
}

gboolean
par_scheduler_may_start (ParScheduler *self)
{
  return par_scheduler_is_open (self) && self->run->cause == PAR_RUN_CAUSE_NONE && !self->paused;
}

/* Whether what is to start may have to wait for async attempts, of requests that have settled too:
 * they may have all the slots or permits. To end they may need the owner's context. */
gboolean
par_scheduler_waits_for_async (ParScheduler *self)
{
  return self->n_async_out > 0 && par_scheduler_is_open (self)
         && self->run->cause == PAR_RUN_CAUSE_NONE
         && (self->run->settings.limiter != NULL
             || (self->concurrency > 0 && self->n_async_out >= self->concurrency));
}

/* With a bound, thread requests and async ones have one order. */
static gboolean
is_turn_of (ParScheduler *self,
            ParQueue     *queue,
            ParQueue     *other)
{
  return self->concurrency == 0 || par_queue_count_waiting (other) == 0
         || par_queue_is_before (queue, other);
}

/* Whether the owner has async attempts to start. */
gboolean
par_scheduler_has_async_work (ParScheduler *self)
{
  if (G_LIKELY (par_queue_count_waiting (&self->async_queue) == 0 && self->handed.length == 0))
    return FALSE;

  return par_scheduler_may_start (self)
         && (self->handed.length > 0
             || (!self->is_blocked && count_free_slots (self) > 0
                 && !par_queue_is_empty (&self->async_queue)
                 && is_turn_of (self, &self->async_queue, &self->thread_queue)));
}

static void
wake_for_async (ParScheduler *self)
{
  if (self->owner.state != PAR_OWNER_BUSY && G_UNLIKELY (par_scheduler_has_async_work (self)))
    par_scheduler_wake (self, TRUE);
}

/* How far ahead of what is started the source is pulled: far enough to keep that many busy. */
static guint
get_ahead (ParScheduler *self)
{
  return self->concurrency > 0 ? MIN (self->concurrency, MAX_AHEAD) : MAX_AHEAD;
}

static gboolean
may_pull (ParScheduler *self)
{
  return self->has_source && !self->pulling && !self->source_rests && !self->held_back
         && par_scheduler_is_open (self) && self->run->cause == PAR_RUN_CAUSE_NONE;
}

/* Whether the source is to be pulled: since few requests are queued, or, @pulling, until enough
 * are. Those that have settled meanwhile count, else a source slower than the requests would be
 * pulled to its end before any is told of. */
gboolean
par_scheduler_wants_pull (ParScheduler *self,
                          gboolean      pulling)
{
  guint64 n_ahead = self->figures.counts.n_queued + self->mailbox.n_unseen;

  return may_pull (self)
         && (n_ahead <= get_ahead (self) / 2 || (pulling && n_ahead < get_ahead (self)));
}

/* @attempt waits for others: if it has a permit of @limiter, they may have that meanwhile. */
gboolean
par_scheduler_lend (ParScheduler *self,
                    ParAttempt   *attempt,
                    ParLimiter   *limiter,
                    gint64        now_us)
{
  const ParRun *run = attempt->run;

  if (attempt->ended || attempt->lent || attempt->permit == NULL
      || run->settings.limiter != limiter)
    return FALSE;

  attempt->lent = TRUE;
  par_limiter_lend (limiter, attempt->permit, now_us);
  after_release (self, limiter, attempt->record);

  return TRUE;
}

void
par_scheduler_take_back (ParScheduler *self,
                         ParAttempt   *attempt)
{
  const ParRun *run = attempt->run;

  if (!attempt->lent)
    return;

  attempt->lent = FALSE;
  par_limiter_take_back (run->settings.limiter, attempt->permit);
}

/* Takes an attempt, whose function has returned, out of the lists. Its run is freed with the last
 * of them. */
static void
remove_attempt (ParScheduler *self,
                ParAttempt   *attempt,
                gint64        now_us)
{
  ParRecord *record = attempt->record;
  ParRun *run = attempt->run;

  if (self->hedge_next == attempt)
    self->hedge_next = attempt->next;
  *(attempt->previous != NULL ? &attempt->previous->next : &self->oldest) = attempt->next;
  *(attempt->next != NULL ? &attempt->next->previous : &self->newest) = attempt->previous;
  self->n_out--;
  self->n_async_out -= record->is_async;
  record->n_out--;

  if (G_UNLIKELY (attempt->permit != NULL))
    {
      par_scheduler_take_back (self, attempt);
      par_limiter_release (run->settings.limiter, attempt->permit, now_us);
      after_release (self, run->settings.limiter, record);
    }
  if (--run->n_out == 0 && run->is_dropped)
    throw_away (self, record, NULL, run, par_run_free);
}

/* The function of an attempt has returned. */
void
par_scheduler_end (ParHost    *host,
                   ParAttempt *attempt,
                   gint64      now_us)
{
  ParScheduler *self = (ParScheduler *) host;
  ParRecord *record = attempt->record;
  GValue outcome = G_VALUE_INIT;
  gboolean is_value = par_attempt_take_outcome (attempt, &outcome);

  remove_attempt (self, attempt, now_us);

  if (G_UNLIKELY (self->trace))
    par_trace_mark (now_us - attempt->started_us, "attempt", "request %" REQUEST ", attempt %u",
                    attempt->index, attempt->number);

  if (G_LIKELY (attempt->live))
    {
      retire (record, attempt);
      if (is_value)
        {
          succeed_attempt (self, record, attempt, &outcome, now_us);
        }
      else
        {
          self->figures.n_attempts_failed++;
          ignore (self, attempt, now_us);
          if (G_UNLIKELY (attempt->retry_after_ms > 0))
            put_off (record, now_us + (gint64) attempt->retry_after_ms * 1000);
          fail_attempt (self, record, attempt->index, attempt->is_fatal, &outcome, now_us);
        }
      wake_for_async (self);
      return;
    }

  if (attempt->expired)
    self->figures.n_attempts_failed++;
  else
    self->figures.n_attempts_lost++;
  if (G_VALUE_TYPE (&outcome) != G_TYPE_INVALID)
    throw_away (self, record, &outcome, NULL, NULL);
  if (record->n_out == 0 && record->collected)
    {
      throw_away (self, record, NULL, record->data, g_steal_pointer (&record->destroy));
      if (record->removed)
        par_records_release (&self->records, attempt->index);
    }
  /* Only the end of a run that waits for its attempts, and who watches their number, care. */
  par_scheduler_wake (self, self->n_out == 0);
  wake_for_async (self);
}

static void
set_deadline (ParScheduler *self,
              ParRecord    *record,
              ParAttempt   *attempt)
{
  guint attempt_timeout = self->run->settings.attempt_timeout;

  attempt->deadline_us = self->run->deadline_us;
  if (G_UNLIKELY (record->detail != NULL && record->detail->timeout != NULL))
    attempt->deadline_us = earlier (attempt->deadline_us, record->detail->timeout->when_us);
  if (G_UNLIKELY (attempt_timeout > 0))
    {
      gint64 when_us = attempt->started_us + (gint64) attempt_timeout * 1000;

      attempt->deadline_us = earlier (attempt->deadline_us, when_us);
      attempt->timeout = add_alarm (self, PAR_ALARM_ATTEMPT_TIMEOUT, attempt->index, attempt,
                                    when_us);
    }
}

static void
note_start (ParScheduler *self,
            ParAttempt   *attempt)
{
  ParStart start = { attempt->index, self->mailbox.n_settled, attempt->number, attempt->kind };

  g_array_append_val (self->mailbox.starts, start);
  par_scheduler_wake (self, FALSE);
}

/* Whether the owner is to know soon how many requests run. One that blocks reads no counts while
 * it waits, so it is woken only if somebody listens to them. */
static gboolean
follows_starts (ParScheduler *self)
{
  return !self->owner.in_call || self->wants_counts;
}

static void
start_request (ParScheduler *self,
               ParRecord    *record,
               guint64       index,
               gint64        now_us)
{
  guint request_timeout = self->run->settings.request_timeout;
  ParCounts *counts = &self->figures.counts;

  record->state = PAR_REQUEST_STATE_RUNNING;
  record->queued_us = now_us - (record->since_us > 0 ? record->since_us : self->run->started_us);
  record->since_us = now_us;

  counts->n_queued--;
  counts->n_running++;
  queue_of (self, record)->n_queued--;
  self->n_async_running += record->is_async;
  self->peak_running = MAX (self->peak_running, counts->n_running);
  self->run->counts.n_queued--;
  self->run->counts.n_running++;

  if (self->run->settings.redundancy > 1 && wants_copies (self, record))
    par_queue_add_copies (queue_of (self, record), index, self->run->settings.redundancy - 1);
  if (request_timeout > 0)
    par_record_get_detail (record)->timeout =
      add_alarm (self, PAR_ALARM_REQUEST_TIMEOUT, index, NULL,
                 now_us + (gint64) request_timeout * 1000);
  if (G_UNLIKELY (par_scheduler_wants_pull (self, FALSE)))
    par_scheduler_wake (self, TRUE);
  else if (follows_starts (self))
    par_scheduler_wake (self, FALSE);
}

/* Pays what a first attempt earns for later ones. */
static void
deposit (ParScheduler *self,
         gint64        now_us)
{
  const ParRunSettings *settings = &self->run->settings;

  if (G_UNLIKELY (settings->retry != NULL))
    par_retry_deposit (settings->retry);
  if (G_UNLIKELY (settings->hedge != NULL))
    {
      par_hedge_deposit (settings->hedge, now_us);
      if (par_hedge_has_granted (settings->hedge))
        {
          if (self->granting_hedge == NULL)
            self->granting_hedge = g_object_ref (settings->hedge);
          self->host.has_chores = TRUE;
        }
    }
}

static void
count_kind (ParScheduler   *self,
            ParRecord      *record,
            ParAttemptKind  kind,
            gint64          now_us)
{
  switch (kind)
    {
    case PAR_ATTEMPT_KIND_FIRST:
      deposit (self, now_us);
      break;

    case PAR_ATTEMPT_KIND_COPY:
      self->figures.n_copies++;
      break;

    case PAR_ATTEMPT_KIND_HEDGE:
      self->figures.n_hedges++;
      record->detail->n_hedges++;
      record->detail->hedge_is_due = FALSE;
      par_hedge_count_sent (self->run->settings.hedge);
      break;

    case PAR_ATTEMPT_KIND_RETRY:
      self->figures.n_retries++;
      par_retry_count_sent (self->run->settings.retry);
      break;

    default:
      g_assert_not_reached ();
    }
}

static void
log_start (ParScheduler *self,
           ParAttempt   *attempt)
{
  if (attempt->kind == PAR_ATTEMPT_KIND_HEDGE)
    par_debug_queue ("hedge: %" REQUEST " (%u)", attempt->index, attempt->number);
  else if (attempt->kind == PAR_ATTEMPT_KIND_RETRY)
    par_debug_queue ("retry: %" REQUEST " (%u)", attempt->index, attempt->number);
  else
    par_debug_queue ("request: %" REQUEST, attempt->index);
  self->host.has_chores = TRUE;
}

/* Has the owner look in time whether @attempt, which starts, wants a hedge. It looks at the oldest
 * first, so there is nothing to be done if that is another one. */
static void
plan_hedge (ParScheduler *self,
            ParAttempt   *attempt)
{
  if (self->hedge_next != NULL)
    return;

  self->hedge_next = attempt;
  if (self->hedge_delay_us >= 0)
    par_owner_expect (&self->owner, attempt->started_us + self->hedge_delay_us);
}

static void
start_attempt (ParScheduler   *self,
               ParAttempt     *attempt,
               ParRecord      *record,
               guint64         index,
               ParAttemptKind  kind,
               gpointer        permit,
               gint64          now_us)
{
  if (kind == PAR_ATTEMPT_KIND_FIRST)
    start_request (self, record, index, now_us);
  count_kind (self, record, kind, now_us);

  record->n_attempts++;
  record->n_out++;
  par_attempt_begin (attempt, index, record->n_attempts, kind, now_us);

  attempt->run = self->run;
  attempt->permit = permit;
  self->run->n_out++;

  attempt->record = record;
  attempt->live = TRUE;
  attempt->expired = FALSE;
  attempt->next_of_record = record->attempts;
  record->attempts = attempt;

  attempt->next = NULL;
  attempt->previous = self->newest;
  *(self->newest != NULL ? &self->newest->next : &self->oldest) = attempt;
  self->newest = attempt;

  self->n_out++;
  self->n_async_out += record->is_async;
  self->figures.n_attempts++;
  self->figures.peak_attempts = MAX (self->figures.peak_attempts, self->n_out);

  set_deadline (self, record, attempt);
  if (G_UNLIKELY (self->wants_starts || (record->detail != NULL && record->detail->object != NULL)))
    note_start (self, attempt);
  if (G_UNLIKELY (self->run->settings.hedge != NULL))
    plan_hedge (self, attempt);
  if (G_UNLIKELY (self->debug))
    log_start (self, attempt);
}

guint64
par_scheduler_count_waiting_threads (ParScheduler *self)
{
  if (!par_scheduler_may_start (self) || self->is_blocked)
    return 0;

  return MIN (par_queue_count_waiting (&self->thread_queue), count_free_slots (self));
}

/* Whether there is anything left that a deadline or a cancel could cut short. */
static gboolean
has_open_requests (ParScheduler *self)
{
  return self->run->counts.n_queued > 0 || self->run->counts.n_running > 0 || self->n_holds > 0
         || self->has_source;
}

/* Looks whether the run may go on, since nothing may start that is cancelled or too late. All that
 * there is having settled wins over both. */
static gboolean
check_run (ParScheduler *self,
           gint64        now_us)
{
  ParRun *run = self->run;

  if (run->cause != PAR_RUN_CAUSE_NONE)
    return FALSE;

  if (!has_open_requests (self))
    return TRUE;

  if (run->cancellable != NULL && g_cancellable_is_cancelled (run->cancellable))
    par_run_end (run, PAR_RUN_CAUSE_CANCELLED);
  else if (run->deadline_us > 0 && now_us >= run->deadline_us)
    par_run_end (run, PAR_RUN_CAUSE_TIMED_OUT);
  else
    return TRUE;

  return FALSE;
}

/* Queues a request that has just been added. */
void
par_scheduler_add (ParScheduler *self,
                   ParRecord    *record,
                   guint64       index,
                   int           priority)
{
  par_queue_add (queue_of (self, record), index, priority);
  self->figures.counts.n_requests++;
  self->figures.counts.n_queued++;

  if (!par_scheduler_is_open (self))
    return;

  record->since_us = par_clock_now (self->clock);
  self->run->counts.n_requests++;
  self->run->counts.n_queued++;
}

/* Whether anything may start now. */
static gboolean
may_take (ParScheduler *self,
          gint64        now_us)
{
  if (!par_scheduler_may_start (self))
    return FALSE;

  if (check_run (self, now_us))
    return TRUE;

  par_scheduler_wake (self, TRUE);

  return FALSE;
}

static void
start_turn (ParScheduler   *self,
            ParAttempt     *attempt,
            const ParTurn  *turn,
            gint64          now_us,
            ParRequestFunc *function,
            gpointer       *user_data)
{
  ParRecord *record = par_records_get (&self->records, turn->index);

  *function = record->function;
  *user_data = record->data;
  start_attempt (self, attempt, record, turn->index, turn->kind, turn->permit, now_us);
}

/* The hedge on which a request relied cannot be made. */
static void
do_without_hedge (ParScheduler *self,
                  ParRecord    *record,
                  guint64       index,
                  gint64        now_us)
{
  GPtrArray *errors = record->detail->errors;
  GValue outcome = G_VALUE_INIT;

  if (plan_retry (self, record, index, now_us))
    return;

  par_value_take_error (&outcome, g_error_copy (g_ptr_array_index (errors, errors->len - 1)));
  settle_failed (self, record, index, &outcome, now_us);
}

/* The budget has refused a hedge: it waits for the deposit that pays for it. */
static void
wait_for_budget (ParScheduler *self,
                 ParRecord    *record,
                 guint64       index)
{
  record->detail->has_ticket = TRUE;
  par_hedge_wait (self->run->settings.hedge, &self->host, index);
}

/* Whether a hedge whose turn it is may still start, and is paid for. If not it leaves the queue. */
static gboolean
may_hedge (ParScheduler *self,
           ParQueue     *queue,
           ParTurn      *turn,
           gint64        now_us)
{
  ParHedge *hedge = self->run->settings.hedge;
  ParRecord *record = par_records_get (&self->records, turn->index);
  gboolean is_open = record != NULL && record->state == PAR_REQUEST_STATE_RUNNING;
  gboolean is_early = is_open && record->detail->not_before_us > now_us;

  if (is_open && !is_early && (turn->paid || pay_for_hedge (self, turn->index)))
    {
      turn->paid = TRUE;
      ((ParTurn *) g_queue_peek_head (&queue->hedges))->paid = TRUE;
      return TRUE;
    }

  par_queue_pop (queue, TRUE, turn);
  if (turn->paid)
    par_hedge_refund (hedge);
  if (!is_open)
    return FALSE;

  record->detail->hedge_is_due = FALSE;
  if (record->attempts == NULL)
    do_without_hedge (self, record, turn->index, now_us);
  else if (!is_early)
    wait_for_budget (self, record, turn->index);

  return FALSE;
}

/* Has the owner look when the rate lets something pass. */
static void
expect_limiter (ParScheduler *self,
                gint64        when_us)
{
  if (self->limiter_alarm != NULL && self->limiter_alarm->when_us <= when_us)
    return;

  par_alarm_remove (self->limiter_alarm);
  self->limiter_alarm = add_alarm (self, PAR_ALARM_LIMITER, 0, NULL, when_us);
}

/* Whether the limiter lets an attempt start, which then has its permit. If not, it is put aside
 * until its key is free; or where there is one limit for all, nothing starts until then. */
static gboolean
may_pass (ParScheduler *self,
          ParQueue     *queue,
          ParTurn      *turn,
          gint64        now_us)
{
  ParLimiter *limiter = self->run->settings.limiter;
  const char *key = get_key (par_records_get (&self->records, turn->index));
  gboolean is_behind = par_queue_is_behind (queue, turn, key);
  gboolean per_key = is_behind && par_limiter_get_per_key (limiter);
  gint64 retry_at_us = 0;

  if (!per_key)
    turn->permit = par_limiter_acquire (limiter, &self->host, key, now_us, &retry_at_us);
  note_calls (self, limiter);

  if (turn->permit != NULL)
    return TRUE;

  if (!is_behind)
    per_key = par_limiter_get_per_key (limiter);
  if (retry_at_us > 0)
    expect_limiter (self, retry_at_us);
  if (per_key)
    {
      par_queue_pop (queue, self->concurrency > 0, turn);
      par_queue_park (queue, turn, key);
    }
  else
    {
      self->is_blocked = TRUE;
    }

  return FALSE;
}

static gboolean
is_put_off (ParScheduler  *self,
            const ParTurn *turn,
            gint64         now_us)
{
  ParRecord *record = par_records_get (&self->records, turn->index);

  return record->detail != NULL && record->detail->not_before_us > now_us;
}

/* Whether anything is to be started that the limiter may let pass. */
static gboolean
has_work (ParScheduler *self)
{
  return par_scheduler_count_waiting_threads (self) > 0 || par_scheduler_has_async_work (self);
}

/* The limiter has told that it is this engine's turn, which keeps others from starting anything:
 * what is not used is passed on. */
void
par_scheduler_pass_turn (ParScheduler *self,
                         gint64        now_us)
{
  ParLimiter *limiter = self->run != NULL ? self->run->settings.limiter : NULL;

  if (!par_scheduler_is_called (self) || has_work (self))
    return;

  if (limiter != NULL)
    {
      GHashTableIter iter;
      gpointer key;

      if (self->is_called)
        par_limiter_pass (limiter, &self->host, NULL, now_us);
      g_hash_table_iter_init (&iter, self->called_keys);
      while (g_hash_table_iter_next (&iter, &key, NULL))
        par_limiter_pass (limiter, &self->host, key, now_us);
      note_calls (self, limiter);
    }
  self->is_called = FALSE;
  g_hash_table_remove_all (self->called_keys);
}

/* Takes the attempt of a queue that is to start now, with its permit. */
static gboolean
take_turn (ParScheduler *self,
           ParQueue     *queue,
           gint64        now_us,
           ParTurn      *turn)
{
  gboolean bounded = self->concurrency > 0;
  gboolean is_limited = self->run->settings.limiter != NULL;

  while (!self->is_blocked && par_queue_peek (queue, bounded, turn))
    {
      if (turn->kind == PAR_ATTEMPT_KIND_HEDGE && !may_hedge (self, queue, turn, now_us))
        continue;
      if (turn->kind == PAR_ATTEMPT_KIND_COPY && is_put_off (self, turn, now_us))
        {
          par_queue_pop (queue, bounded, turn);
          continue;
        }
      if (is_limited && !may_pass (self, queue, turn, now_us))
        continue;

      par_queue_pop (queue, bounded, turn);
      /* There may be another permit for the next of this key. */
      if (is_limited)
        par_queue_unpark (queue, get_key (par_records_get (&self->records, turn->index)));
      return TRUE;
    }

  return FALSE;
}

/* Gives the async attempt whose turn it is a slot, so that those after it need not wait for an
 * owner who is busy. */
static gboolean
hand_over (ParScheduler *self,
           gint64        now_us)
{
  ParTurn turn;

  if (!take_turn (self, &self->async_queue, now_us, &turn))
    return FALSE;

  g_queue_push_tail (&self->handed, g_memdup2 (&turn, sizeof turn));
  par_scheduler_wake (self, TRUE);

  return TRUE;
}

static gboolean
take_thread_turn (ParScheduler *self,
                  gint64        now_us,
                  ParTurn      *turn)
{
  if (par_queue_count_waiting (&self->thread_queue) == 0 || count_free_slots (self) == 0
      || !may_take (self, now_us))
    return FALSE;

  while (G_UNLIKELY (!is_turn_of (self, &self->thread_queue, &self->async_queue)))
    {
      if (!hand_over (self, now_us) || count_free_slots (self) == 0)
        return FALSE;
    }

  return take_turn (self, &self->thread_queue, now_us, turn);
}

gboolean
par_scheduler_take_for_thread (ParHost        *host,
                               ParAttempt     *attempt,
                               gint64          now_us,
                               ParRequestFunc *function,
                               gpointer       *user_data)
{
  ParScheduler *self = (ParScheduler *) host;
  ParTurn turn;

  if (!take_thread_turn (self, now_us, &turn))
    {
      par_scheduler_pass_turn (self, now_us);
      return FALSE;
    }

  start_turn (self, attempt, &turn, now_us, function, user_data);
  /* It may be the turn of an async one now. */
  wake_for_async (self);

  return TRUE;
}

/* Takes an attempt that has its slot and its permit already. */
static gboolean
take_handed (ParScheduler *self,
             ParTurn      *turn)
{
  g_autofree ParTurn *handed = g_queue_pop_head (&self->handed);

  if (handed == NULL)
    return FALSE;

  *turn = *handed;

  return TRUE;
}

gboolean
par_scheduler_take_for_loop (ParHost        *host,
                             ParAttempt     *attempt,
                             gint64          now_us,
                             ParRequestFunc *function,
                             gpointer       *user_data)
{
  ParScheduler *self = (ParScheduler *) host;
  ParTurn turn;

  if (!may_take (self, now_us))
    return FALSE;

  if (!take_handed (self, &turn)
      && (count_free_slots (self) == 0
          || !is_turn_of (self, &self->async_queue, &self->thread_queue)
          || !take_turn (self, &self->async_queue, now_us, &turn)))
    {
      par_scheduler_pass_turn (self, now_us);
      return FALSE;
    }

  start_turn (self, attempt, &turn, now_us, function, user_data);

  return TRUE;
}

/* The ParHedge has paid for a hedge that waited for that. */
void
par_scheduler_grant (ParScheduler *self,
                     ParHedge     *hedge,
                     guint64       index)
{
  ParRecord *record = par_records_get (&self->records, index);

  if (record == NULL || !par_scheduler_is_open (self) || self->run->settings.hedge != hedge
      || record->state != PAR_REQUEST_STATE_RUNNING || !record->detail->has_ticket)
    {
      par_hedge_refund (hedge);
      return;
    }

  record->detail->has_ticket = FALSE;
  queue_hedge (self, record, index, TRUE);
}

/* @limiter may let something of @key pass that it has refused. Async attempts take their permits
 * now, since their owner may be busy. */
void
par_scheduler_look_at_limiter (ParScheduler *self,
                               ParLimiter   *limiter,
                               const char   *key,
                               gint64        now_us)
{
  if (self->run == NULL || self->run->settings.limiter != limiter)
    {
      par_limiter_leave (limiter, &self->host, now_us);
      note_calls (self, limiter);
      return;
    }

  if (key == NULL)
    self->is_called = TRUE;
  else
    g_hash_table_add (self->called_keys, g_strdup (key));
  unblock (self, key);
  while (par_queue_count_waiting (&self->async_queue) > 0 && par_scheduler_has_async_work (self)
         && hand_over (self, now_us))
    ;
}

/* The run has been judged. Returns whether it is to be freed now; else it is when the last of its
 * attempts has ended. */
gboolean
par_scheduler_drop_run (ParScheduler *self,
                        ParRun       *run)
{
  run->is_dropped = TRUE;

  return run->n_out == 0;
}

/* Ends the run with @error, which is consumed. */
void
par_scheduler_break (ParScheduler *self,
                     GError       *error)
{
  if (par_scheduler_is_open (self) && self->run->cause == PAR_RUN_CAUSE_NONE)
    {
      self->run->broken = error;
      par_run_end (self->run, PAR_RUN_CAUSE_BROKEN);
      par_scheduler_wake (self, TRUE);
    }
  else
    {
      g_error_free (error);
    }
}

/* Starts a run. None may be on. */
void
par_scheduler_begin (ParScheduler *self,
                     ParRun       *run)
{
  self->run = run;
  self->sweeping = FALSE;
  self->source_rests = FALSE;
  self->owner.has_left = FALSE;
  self->debug = par_debug_is_wanted ();
  self->trace = par_trace_is_wanted ();
  self->is_blocked = FALSE;
  self->hedge_next = NULL;
  self->hedge_delay_us = -1;
  if (run->settings.hedge != NULL)
    self->hedge_delay_us = par_hedge_get_delay_us (run->settings.hedge, run->started_us);
  run->counts.n_requests = self->figures.counts.n_queued;
  run->counts.n_queued = self->figures.counts.n_queued;
  check_run (self, run->started_us);
}

static void
cancel_open (ParScheduler    *self,
             guint64          index,
             ParCancelReason  reason,
             gint64           now_us)
{
  ParRecord *record = par_records_get (&self->records, index);

  if (record != NULL && !par_record_has_settled (record))
    settle_cancelled (self, record, index, reason, now_us);
}

/* Cancels one request, if it has not settled. */
void
par_scheduler_cancel (ParScheduler *self,
                      guint64       index,
                      gint64        now_us)
{
  cancel_open (self, index, PAR_CANCEL_REASON_CANCELLED, now_us);
  par_scheduler_wake (self, TRUE);
}

/* Cancels all that has not settled. */
void
par_scheduler_cancel_all (ParScheduler *self,
                          gint64        now_us)
{
  if (self->run != NULL)
    {
      par_run_end (self->run, PAR_RUN_CAUSE_CANCELLED);
      return;
    }

  for (guint64 index = self->records.first; index < self->records.end; index++)
    cancel_open (self, index, PAR_CANCEL_REASON_CANCELLED, now_us);
}

/* Cancels what the run has left, a part of it at a time. */
static void
sweep (ParScheduler *self,
       gint64        now_us)
{
  ParCancelReason reason = par_run_get_reason (self->run);

  if (!self->sweeping)
    {
      self->sweeping = TRUE;
      self->sweep_end = self->records.end;
      self->sweep_index = self->records.first;
      clear_turns (self, &self->handed, now_us);

      for (ParAttempt *attempt = self->oldest; attempt != NULL; attempt = attempt->next)
        {
          if (attempt->live)
            settle_cancelled (self, attempt->record, attempt->index, reason, now_us);
        }
    }

  for (guint i = 0; i < SWEEP_SIZE && self->sweep_index < self->sweep_end; i++)
    cancel_open (self, self->sweep_index++, reason, now_us);
}

/* Cancels what the run has out, now, and what is queued when the owner looks, if it ever does. */
void
par_scheduler_stop (ParScheduler *self,
                    gint64        now_us)
{
  if (!has_open_requests (self))
    return;

  par_run_end (self->run, PAR_RUN_CAUSE_CANCELLED);
  sweep (self, now_us);
  par_scheduler_wake (self, TRUE);
}

/* A run may be over before all records have been looked at. */
static gboolean
is_sweeping (ParScheduler *self)
{
  return self->run != NULL && self->sweeping && self->sweep_index < self->sweep_end;
}

static GError *
new_timeout_error (guint64 index,
                   guint   timeout)
{
  return g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                      "request %" REQUEST " timed out after %u ms", index, timeout);
}

static void
expire_attempt (ParScheduler *self,
                ParAttempt   *attempt,
                gint64        now_us)
{
  guint64 index = attempt->index;
  GValue outcome = G_VALUE_INIT;

  par_value_take_error (&outcome,
                        new_timeout_error (index, self->run->settings.attempt_timeout));
  attempt->expired = TRUE;
  ignore (self, attempt, now_us);
  dismiss (self, attempt->record, attempt);
  fail_attempt (self, attempt->record, index, FALSE, &outcome, now_us);
}

static void
expire_request (ParScheduler *self,
                ParRecord    *record,
                guint64       index,
                gint64        now_us)
{
  GValue outcome = G_VALUE_INIT;

  par_value_take_error (&outcome,
                        new_timeout_error (index, self->run->settings.request_timeout));
  for (ParAttempt *attempt = record->attempts; attempt != NULL; attempt = attempt->next_of_record)
    attempt->expired = TRUE;
  if (record->n_attempts > 1)
    keep_error (record, g_value_get_boxed (&outcome));
  settle (self, record, index, PAR_REQUEST_STATE_FAILED, &outcome, now_us);
}

/* Does what an alarm was set for, which is gone afterwards. */
static void
ring (ParScheduler *self,
      ParAlarm     *alarm,
      gint64        now_us)
{
  ParRecord *record = par_records_get (&self->records, alarm->index);

  switch (alarm->kind)
    {
    case PAR_ALARM_ATTEMPT_TIMEOUT:
      expire_attempt (self, alarm->attempt, now_us);
      break;

    case PAR_ALARM_REQUEST_TIMEOUT:
      expire_request (self, record, alarm->index, now_us);
      break;

    case PAR_ALARM_RETRY:
      record->detail->backoff = NULL;
      par_queue_add_retry (queue_of (self, record), alarm->index, self->n_retries_ready++);
      par_alarm_remove (alarm);
      break;

    case PAR_ALARM_LIMITER:
      self->limiter_alarm = NULL;
      unblock_all (self);
      par_alarm_remove (alarm);
      break;

    default:
      g_assert_not_reached ();
    }
}

/* The oldest attempt that may want a hedge, or NULL. */
static ParAttempt *
find_hedgeable (ParScheduler *self,
                gint64        now_us)
{
  while (self->hedge_next != NULL)
    {
      ParAttempt *attempt = self->hedge_next;
      ParRecord *record = attempt->record;

      /* Each later attempt at the same request is in the list itself. */
      if (attempt->live && record->attempts == attempt && may_be_hedged (self, record, now_us))
        return attempt;

      self->hedge_next = attempt->next;
    }

  return NULL;
}

/* Queues the hedges of attempts that have been out for long enough. */
static void
look_at_hedges (ParScheduler *self,
                gint64        now_us)
{
  ParAttempt *attempt;

  self->hedge_delay_us = par_hedge_get_delay_us (self->run->settings.hedge, now_us);
  if (self->hedge_delay_us < 0)
    return;

  while ((attempt = find_hedgeable (self, now_us)) != NULL
         && attempt->started_us + self->hedge_delay_us <= now_us)
    {
      self->hedge_next = attempt->next;
      queue_hedge (self, attempt->record, attempt->index, FALSE);
    }
}

static gboolean
run_is_over (ParScheduler *self)
{
  const ParRun *run = self->run;

  if (run == NULL || run->counts.n_queued > 0 || run->counts.n_running > 0)
    return FALSE;
  if (run->cause == PAR_RUN_CAUSE_NONE && (self->n_holds > 0 || self->has_source))
    return FALSE;

  return !run->settings.wait_for_attempts || self->n_out == 0;
}

/* When the owner has to look though nothing has happened. */
gint64
par_scheduler_get_next_time (ParScheduler *self)
{
  ParAlarm *alarm = par_alarms_get_first (&self->alarms);
  gint64 next_us;

  if (!par_scheduler_is_open (self) || !has_open_requests (self))
    return PAR_CLOCK_NEVER;

  next_us = earlier (self->run->deadline_us, alarm != NULL ? alarm->when_us : 0);
  if (G_UNLIKELY (self->run->settings.hedge != NULL && self->hedge_delay_us >= 0))
    {
      ParAttempt *attempt = find_hedgeable (self, self->looked_us);

      if (attempt != NULL)
        next_us = earlier (next_us, attempt->started_us + self->hedge_delay_us);
    }

  return next_us > 0 ? next_us : PAR_CLOCK_NEVER;
}

/* Whether there is something that cannot wait for the end of a nap. */
gboolean
par_scheduler_has_urgent_news (ParScheduler *self)
{
  const ParRun *run = self->run;

  if (self->poked || self->mailbox.cancellables->len > 0 || is_sweeping (self)
      || (run_is_over (self) && !self->held_back) || par_scheduler_has_async_work (self)
      || par_scheduler_wants_pull (self, FALSE))
    return TRUE;
  if (!par_scheduler_is_open (self))
    return self->n_out != self->seen_out;

  return run->cause != PAR_RUN_CAUSE_NONE
         || (run->cancellable != NULL && has_open_requests (self)
             && g_cancellable_is_cancelled (run->cancellable));
}

gboolean
par_scheduler_has_news (ParScheduler *self)
{
  return (self->mailbox.n_unseen > 0 && !self->held_back) || self->mailbox.starts->len > 0
         || self->mailbox.trash->len > 0
         || (self->figures.counts.n_running != self->seen_running && follows_starts (self))
         || self->n_published != self->records.end || self->mailbox.deferred != 0
         || par_scheduler_has_urgent_news (self);
}

static void
log_end (ParScheduler *self)
{
  g_autoptr(GError) error = NULL;

  par_run_judge (self->run, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    par_debug_queue ("timeout");
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    par_debug_queue ("cancelled");
  else
    par_debug_queue ("finished");
}

/* Looks what time has done: attempts and requests that are too late, and the run. */
static void
look_at_time (ParScheduler *self,
              gint64        now_us)
{
  ParAlarm *alarm;

  if (self->run == NULL)
    return;

  self->looked_us = now_us;
  while (!self->sweeping && (alarm = par_alarms_get_first (&self->alarms)) != NULL
         && alarm->when_us <= now_us)
    ring (self, alarm, now_us);
  if (!self->sweeping && self->run->settings.hedge != NULL)
    look_at_hedges (self, now_us);

  if (!check_run (self, now_us))
    sweep (self, now_us);
}

static void
empty_queue (ParScheduler *self,
             ParQueue     *queue,
             gint64        now_us)
{
  clear_turns (self, &queue->hedges, now_us);
  clear_turns (self, &queue->stalled, now_us);
  g_hash_table_remove_all (queue->parked);
}

/* All requests of the run have settled, and what was planned for them gives back what it has. */
static void
drop_plans (ParScheduler *self,
            gint64        now_us)
{
  ParLimiter *limiter = self->run->settings.limiter;

  empty_queue (self, &self->thread_queue, now_us);
  empty_queue (self, &self->async_queue, now_us);
  par_alarm_remove (g_steal_pointer (&self->limiter_alarm));
  if (limiter == NULL)
    return;

  par_limiter_leave (limiter, &self->host, now_us);
  note_calls (self, limiter);
}

/* The owner takes what has happened, as far as @max_settled requests. The arrays of @news are
 * empty. */
void
par_scheduler_collect (ParScheduler *self,
                       ParNews      *news,
                       guint         max_settled,
                       gint64        now_us)
{
  self->owner.state = PAR_OWNER_BUSY;
  self->poked = FALSE;
  look_at_time (self, now_us);

  par_mailbox_collect (&self->mailbox, news, max_settled);
  news->more = self->mailbox.n_unseen > 0 || is_sweeping (self);
  self->seen_out = self->n_out;
  self->seen_running = self->figures.counts.n_running;

  news->n_queued = self->figures.counts.n_queued;
  news->peak_running = self->peak_running;
  self->peak_running = self->figures.counts.n_running;
  news->n_attempts_running = self->n_out;
  news->n_new = self->records.end - self->n_published;
  self->n_published = self->records.end;
  news->n_published = self->n_published;

  /* What is added from here on waits for the next run. */
  news->over = max_settled > 0 && self->mailbox.n_unseen == 0 && news->n_settled == 0
               && run_is_over (self);
  if (!news->over)
    return;

  if (!self->sweeping)
    {
      self->sweeping = TRUE;
      self->sweep_index = self->records.end;
      self->sweep_end = self->records.end;
    }
  self->run->was_held = self->n_holds > 0 || self->has_source;
  drop_plans (self, now_us);
  if (self->debug)
    log_end (self);
}
