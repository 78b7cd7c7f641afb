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
  g_mutex_clear (&self->host.lock);
}

gboolean
par_scheduler_is_open (ParScheduler *self)
{
  return self->run != NULL && !self->sweeping;
}

/* What async attempts leave is the owner's to destroy, always. Where nobody can be the owner any
 * more, it is destroyed in the owner's context. */
static void
throw_away (ParScheduler   *self,
            ParRecord      *record,
            GValue         *value,
            gpointer        data,
            GDestroyNotify  destroy)
{
  gboolean is_litter = self->owner.has_left && !record->is_async;

  par_mailbox_add_trash (&self->mailbox, is_litter, value, data, destroy);

  if (is_litter || self->is_closed)
    self->host.has_chores = TRUE;
  else
    par_scheduler_wake (self, TRUE);
}

/* Has the owner look at @when_us whether the request, or this attempt, is too late. */
static ParAlarm *
add_alarm (ParScheduler *self,
           guint64       index,
           ParAttempt   *attempt,
           gint64        when_us)
{
  ParAlarm *alarm = par_alarms_add (&self->alarms, index, attempt, when_us);

  if (par_alarms_get_first (&self->alarms) == alarm)
    par_scheduler_wake (self, TRUE);

  return alarm;
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

static ParQueue *
queue_of (ParScheduler *self,
          ParRecord    *record)
{
  return record->is_async ? &self->async_queue : &self->thread_queue;
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

/* Has the attempts at a request that wait for the owner give their slots back. */
static void
take_back (ParScheduler *self,
           guint64       index)
{
  GList *next;

  for (GList *link = self->handed.head; link != NULL; link = next)
    {
      ParTurn *turn = link->data;

      next = link->next;
      if (turn->index == index)
        {
          g_free (turn);
          g_queue_delete_link (&self->handed, link);
        }
    }
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
        dismiss (self, record, record->attempts);
      if (G_UNLIKELY (record->detail != NULL))
        par_alarm_remove (g_steal_pointer (&record->detail->timeout));
    }

  /* Of a request that runs, only copies may wait. */
  if (G_UNLIKELY (self->handed.length > 0) && record->is_async
      && (from == PAR_REQUEST_STATE_QUEUED || self->run->settings.redundancy > 1))
    take_back (self, index);

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
wants_copies (ParScheduler *self,
              ParRecord    *record)
{
  return record->n_attempts < self->run->settings.redundancy
         && (record->detail == NULL || !record->detail->once)
         && self->run->cause == PAR_RUN_CAUSE_NONE;
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

/* Notes that an attempt, retired by now, has failed, and that its request has when nothing else
 * can save it. @outcome is an error. */
static void
fail_attempt (ParScheduler *self,
              ParRecord    *record,
              guint64       index,
              GValue       *outcome,
              gint64        now_us)
{
  GError *error = g_value_get_boxed (outcome);

  if (record->n_attempts > 1 || wants_copies (self, record))
    keep_error (record, error);

  if (record->attempts != NULL || wants_copies (self, record))
    {
      g_value_unset (outcome);
      return;
    }

  if (record->n_attempts > 1)
    g_prefix_error (&error, "after %u attempts: ", record->n_attempts);
  settle (self, record, index, PAR_REQUEST_STATE_FAILED, outcome, now_us);
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
             || (count_free_slots (self) > 0 && !par_queue_is_empty (&self->async_queue)
                 && is_turn_of (self, &self->async_queue, &self->thread_queue)));
}

static void
wake_for_async (ParScheduler *self)
{
  if (G_UNLIKELY (par_scheduler_has_async_work (self)))
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
 * are. */
gboolean
par_scheduler_wants_pull (ParScheduler *self,
                          gboolean      pulling)
{
  guint64 n_queued = self->figures.counts.n_queued;

  return may_pull (self)
         && (n_queued <= get_ahead (self) / 2 || (pulling && n_queued < get_ahead (self)));
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

  *(attempt->previous != NULL ? &attempt->previous->next : &self->oldest) = attempt->next;
  *(attempt->next != NULL ? &attempt->next->previous : &self->newest) = attempt->previous;
  self->n_out--;
  self->n_async_out -= record->is_async;
  record->n_out--;

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
          fail_attempt (self, record, attempt->index, &outcome, now_us);
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

static gint64
earlier (gint64 left_us,
         gint64 right_us)
{
  return left_us == 0 || (right_us != 0 && right_us < left_us) ? right_us : left_us;
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
      attempt->timeout = add_alarm (self, attempt->index, attempt, when_us);
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
    par_queue_copy (queue_of (self, record), index, self->run->settings.redundancy - 1);
  if (request_timeout > 0)
    par_record_get_detail (record)->timeout =
      add_alarm (self, index, NULL, now_us + (gint64) request_timeout * 1000);
  if (G_UNLIKELY (par_scheduler_wants_pull (self, FALSE)))
    par_scheduler_wake (self, TRUE);
}

static void
start_attempt (ParScheduler   *self,
               ParAttempt     *attempt,
               ParRecord      *record,
               guint64         index,
               ParAttemptKind  kind,
               gint64          now_us)
{
  if (kind == PAR_ATTEMPT_KIND_FIRST)
    start_request (self, record, index, now_us);
  else
    self->figures.n_copies++;

  record->n_attempts++;
  record->n_out++;
  par_attempt_begin (attempt, index, record->n_attempts, kind, now_us);

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
  if (G_UNLIKELY (self->debug))
    {
      par_debug_queue ("request: %" REQUEST, index);
      self->host.has_chores = TRUE;
    }
}

guint64
par_scheduler_count_waiting_threads (ParScheduler *self)
{
  if (!par_scheduler_may_start (self))
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
            guint64         index,
            ParAttemptKind  kind,
            gint64          now_us,
            ParRequestFunc *function,
            gpointer       *user_data)
{
  ParRecord *record = par_records_get (&self->records, index);

  *function = record->function;
  *user_data = record->data;
  start_attempt (self, attempt, record, index, kind, now_us);
}

/* Gives the async attempt whose turn it is a slot, so that those after it need not wait for an
 * owner who is busy. */
static gboolean
hand_over (ParScheduler *self)
{
  ParTurn turn = { 0 };

  if (!par_queue_take (&self->async_queue, TRUE, &turn.index, &turn.kind))
    return FALSE;

  g_queue_push_tail (&self->handed, g_memdup2 (&turn, sizeof turn));
  par_scheduler_wake (self, TRUE);

  return TRUE;
}

gboolean
par_scheduler_take_for_thread (ParHost        *host,
                               ParAttempt     *attempt,
                               gint64          now_us,
                               ParRequestFunc *function,
                               gpointer       *user_data)
{
  ParScheduler *self = (ParScheduler *) host;
  ParAttemptKind kind;
  guint64 index;

  if (par_queue_count_waiting (&self->thread_queue) == 0 || count_free_slots (self) == 0
      || !may_take (self, now_us))
    return FALSE;

  while (G_UNLIKELY (!is_turn_of (self, &self->thread_queue, &self->async_queue)))
    {
      if (!hand_over (self) || count_free_slots (self) == 0)
        return FALSE;
    }

  if (!par_queue_take (&self->thread_queue, self->concurrency > 0, &index, &kind))
    return FALSE;

  start_turn (self, attempt, index, kind, now_us, function, user_data);
  /* It may be the turn of an async one now. */
  wake_for_async (self);

  return TRUE;
}

/* Takes an attempt that has its slot already. */
static gboolean
take_handed (ParScheduler   *self,
             guint64        *index,
             ParAttemptKind *kind)
{
  g_autofree ParTurn *turn = g_queue_pop_head (&self->handed);

  if (turn == NULL)
    return FALSE;

  *index = turn->index;
  *kind = turn->kind;

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
  ParAttemptKind kind;
  guint64 index;

  if (!par_scheduler_has_async_work (self) || !may_take (self, now_us))
    return FALSE;

  if (!take_handed (self, &index, &kind)
      && !par_queue_take (&self->async_queue, self->concurrency > 0, &index, &kind))
    return FALSE;

  start_turn (self, attempt, index, kind, now_us, function, user_data);

  return TRUE;
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
      g_queue_clear_full (&self->handed, g_free);

      for (ParAttempt *attempt = self->oldest; attempt != NULL; attempt = attempt->next)
        {
          if (attempt->live)
            settle_cancelled (self, attempt->record, attempt->index, reason, now_us);
        }
    }

  for (guint i = 0; i < SWEEP_SIZE && self->sweep_index < self->sweep_end; i++)
    cancel_open (self, self->sweep_index++, reason, now_us);
}

static gboolean
is_sweeping (ParScheduler *self)
{
  return self->sweeping && self->sweep_index < self->sweep_end;
}

static GError *
new_timeout_error (guint64 index,
                   guint   timeout)
{
  return g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                      "request %" REQUEST " timed out after %u ms", index, timeout);
}

static void
expire (ParScheduler *self,
        ParAlarm     *alarm,
        gint64        now_us)
{
  const ParRunSettings *settings = &self->run->settings;
  ParAttempt *attempt = alarm->attempt;
  guint64 index = alarm->index;
  ParRecord *record = par_records_get (&self->records, index);
  GValue outcome = G_VALUE_INIT;

  if (attempt != NULL)
    {
      par_value_take_error (&outcome, new_timeout_error (index, settings->attempt_timeout));
      attempt->expired = TRUE;
      dismiss (self, record, attempt);
      fail_attempt (self, record, index, &outcome, now_us);
      return;
    }

  par_value_take_error (&outcome, new_timeout_error (index, settings->request_timeout));
  for (attempt = record->attempts; attempt != NULL; attempt = attempt->next_of_record)
    attempt->expired = TRUE;
  if (record->n_attempts > 1)
    keep_error (record, g_value_get_boxed (&outcome));
  settle (self, record, index, PAR_REQUEST_STATE_FAILED, &outcome, now_us);
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

  while (!self->sweeping && (alarm = par_alarms_get_first (&self->alarms)) != NULL
         && alarm->when_us <= now_us)
    expire (self, alarm, now_us);

  if (!check_run (self, now_us))
    sweep (self, now_us);
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
  if (self->debug)
    log_end (self);
}
