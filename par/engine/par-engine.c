/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-engine-private.h"

#include <par/par-attempt-private.h>

#include "base/par-debug-private.h"
#include "base/par-trace-private.h"

/* While work is queued, the owner is woken at most once in this time. */
#define NAP_US 1000

/* How many async attempts are started before the owner looks at the news again. */
#define MAX_STARTS 256

/* How far ahead a source is pulled at most. */
#define MAX_AHEAD 64

/* How many queued requests are cancelled in one go under the lock. */
#define SWEEP_SIZE 4096

#define REQUEST G_GUINT64_FORMAT

/* Forward: the tables that name the functions below. */
static const ParHostClass host_class;
static const ParDispatcherClient thread_client;
static const ParDispatcherClient loop_client;

static ParEngine *
engine_of (ParHost *host)
{
  return (ParEngine *) host;
}

static void
clear_trash (gpointer data)
{
  ParTrash *trash = data;

  if (trash->destroy != NULL)
    trash->destroy (trash->data);
  par_value_clear (&trash->value);
}

/* Clearing the array destroys what is in it. */
GArray *
par_engine_new_trash (void)
{
  GArray *trash = g_array_new (FALSE, FALSE, sizeof (ParTrash));

  g_array_set_clear_func (trash, clear_trash);

  return trash;
}

ParEngine *
par_engine_new (ParMakeObjectFunc  make_object,
                ParAdoptObjectFunc adopt_object)
{
  ParEngine *self = g_new0 (ParEngine, 1);

  par_host_init (&self->host, &host_class);
  self->make_object = make_object;
  self->adopt_object = adopt_object;
  self->clock = par_clock_get_system ();
  par_thread_dispatcher_init (&self->threads, &self->host, &thread_client, &self->clock);
  par_loop_dispatcher_init (&self->loop, &self->host, &loop_client, &self->clock);
  par_owner_init (&self->owner, &self->host, &self->clock);
  par_records_init (&self->records);
  par_queue_init (&self->thread_queue, &self->records, FALSE);
  par_queue_init (&self->async_queue, &self->records, TRUE);
  self->timeouts = g_sequence_new (NULL);
  self->starts = g_array_new (FALSE, FALSE, sizeof (ParStart));
  self->trash = par_engine_new_trash ();
  self->litter = par_engine_new_trash ();
  self->cancellables = g_ptr_array_new_with_free_func (g_object_unref);

  return self;
}

static void
engine_free (ParHost *host)
{
  ParEngine *self = engine_of (host);

  par_thread_dispatcher_clear (&self->threads);
  par_owner_clear (&self->owner);
  par_queue_clear (&self->thread_queue);
  par_queue_clear (&self->async_queue);
  g_queue_clear_full (&self->handed, g_free);
  par_records_clear (&self->records);
  g_sequence_free (self->timeouts);
  g_array_unref (self->starts);
  g_array_unref (self->trash);
  g_array_unref (self->litter);
  g_ptr_array_unref (self->cancellables);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_mutex_clear (&self->host.lock);
  g_free (self);
}

static void
wake (ParEngine *self,
      gboolean   urgent)
{
  par_owner_wake (&self->owner, urgent);
}

static gboolean
run_is_open (ParEngine *self)
{
  return self->run != NULL && !self->sweeping;
}

/* What async attempts leave is the owner's to destroy, always. Where nobody can be the owner any
 * more, it is destroyed in the owner's context. */
static void
throw_away (ParEngine      *self,
            ParRecord      *record,
            GValue         *value,
            gpointer        data,
            GDestroyNotify  destroy)
{
  gboolean is_litter = self->owner.has_left && !record->is_async;
  ParTrash trash = { G_VALUE_INIT, data, destroy };

  if (value != NULL)
    trash.value = *value;
  g_array_append_val (is_litter ? self->litter : self->trash, trash);

  if (is_litter || self->is_closed)
    self->host.has_chores = TRUE;
  else
    wake (self, TRUE);
}

static gboolean
keep_trash (gpointer trash)
{
  return G_SOURCE_REMOVE;
}

/* Has the trash destroyed when @context is iterated. It is not destroyed here even if nobody
 * iterates it now, since this may be any thread. */
static void
destroy_in (GMainContext *context,
            GArray       *trash)
{
  g_autoptr(GSource) source = g_idle_source_new ();

  g_source_set_static_name (source, "[Par] late results");
  g_source_set_callback (source, keep_trash, trash, (GDestroyNotify) g_array_unref);
  g_source_attach (source, context);
}

/* What could not be done under the lock: called with no lock held, by a worker, or by whoever
 * ended an async attempt. */
static void
do_chores (ParHost *host)
{
  ParEngine *self = engine_of (host);
  g_autoptr(GArray) litter = NULL;
  GArray *trash = NULL;

  par_host_lock (host);
  if (self->litter->len > 0)
    {
      litter = self->litter;
      self->litter = par_engine_new_trash ();
    }
  if (self->is_closed && self->trash->len > 0)
    {
      trash = self->trash;
      self->trash = par_engine_new_trash ();
    }
  par_host_unlock (host);

  if (trash != NULL)
    destroy_in (self->context, trash);
  par_debug_print (FALSE);
}

static int
compare_timeouts (gconstpointer a,
                  gconstpointer b,
                  gpointer      data)
{
  gint64 left = ((const ParTimeout *) a)->when_us;
  gint64 right = ((const ParTimeout *) b)->when_us;

  return (left > right) - (left < right);
}

/* Has the owner look at @when_us whether the request, or this attempt, is too late. */
static ParTimeout *
add_timeout (ParEngine  *self,
             guint64     index,
             ParAttempt *attempt,
             gint64      when_us)
{
  ParTimeout *timeout = g_new (ParTimeout, 1);

  *timeout = (ParTimeout) { when_us, index, attempt, NULL };
  timeout->iter = g_sequence_insert_sorted (self->timeouts, timeout, compare_timeouts, NULL);
  if (g_sequence_iter_is_begin (timeout->iter))
    wake (self, TRUE);

  return timeout;
}

static void
remove_timeout (ParTimeout *timeout)
{
  if (G_LIKELY (timeout == NULL))
    return;

  g_sequence_remove (timeout->iter);
  g_free (timeout);
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
  remove_timeout (g_steal_pointer (&attempt->timeout));
}

/* Cancels an attempt whose outcome does not count any more, as soon as the owner gets to it. */
static void
dismiss (ParEngine  *self,
         ParRecord  *record,
         ParAttempt *attempt)
{
  GCancellable *cancellable = par_attempt_cancel (attempt);

  retire (record, attempt);
  if (cancellable != NULL)
    g_ptr_array_add (self->cancellables, cancellable);
  wake (self, TRUE);
}

static ParQueue *
queue_of (ParEngine *self,
          ParRecord *record)
{
  return record->is_async ? &self->async_queue : &self->thread_queue;
}

static void
count_settled (ParEngine       *self,
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
        wake (self, TRUE);
    }
}

static void
log_settled (ParEngine       *self,
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

/* Settles a request with @outcome, which becomes the record's. Its other attempts are cancelled
 * by the owner, and not waited for. */
static void
settle (ParEngine       *self,
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
        remove_timeout (g_steal_pointer (&record->detail->timeout));
    }

  record->state = state;
  record->outcome = *outcome;
  if (state != PAR_REQUEST_STATE_SUCCEEDED)
    error = g_value_get_boxed (&record->outcome);

  if (self->n_unseen++ == 0)
    self->first_unseen = index;
  else
    par_records_get (&self->records, self->last_unseen)->next = (guint32) index;
  self->last_unseen = index;
  self->n_settled++;

  if (G_UNLIKELY (self->debug))
    log_settled (self, index, state, error);
  count_settled (self, record, index, from, error);
  self->source_rests = FALSE;
  if (!self->held_back)
    wake (self, self->figures.counts.n_queued == 0);
}

static void
settle_cancelled (ParEngine       *self,
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
wants_copies (ParEngine *self,
              ParRecord *record)
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
fail_attempt (ParEngine *self,
              ParRecord *record,
              guint64    index,
              GValue    *outcome,
              gint64     now_us)
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
succeed_attempt (ParEngine  *self,
                 ParRecord  *record,
                 ParAttempt *attempt,
                 GValue     *outcome,
                 gint64      now_us)
{
  self->figures.n_attempts_won++;
  par_latency_add (&self->figures.latency, now_us - attempt->started_us);
  if (attempt->number > 1)
    par_record_get_detail (record)->winner = attempt->number;
  settle (self, record, attempt->index, PAR_REQUEST_STATE_SUCCEEDED, outcome, now_us);
}

static guint64
count_free_slots (ParEngine *self)
{
  guint64 n_taken = self->n_out + self->handed.length;

  if (self->concurrency == 0)
    return G_MAXUINT64;

  return self->concurrency > n_taken ? self->concurrency - n_taken : 0;
}

static gboolean
may_start (ParEngine *self)
{
  return run_is_open (self) && self->run->cause == PAR_RUN_CAUSE_NONE && !self->paused;
}

/* With a bound, thread requests and async ones have one order. */
static gboolean
is_turn_of (ParEngine *self,
            ParQueue  *queue,
            ParQueue  *other)
{
  return self->concurrency == 0 || par_queue_count_waiting (other) == 0
         || par_queue_is_before (queue, other);
}

/* Whether the owner has async attempts to start. */
static gboolean
has_async_work (ParEngine *self)
{
  if (G_LIKELY (par_queue_count_waiting (&self->async_queue) == 0 && self->handed.length == 0))
    return FALSE;

  return may_start (self)
         && (self->handed.length > 0
             || (count_free_slots (self) > 0
                 && is_turn_of (self, &self->async_queue, &self->thread_queue)));
}

static void
wake_for_async (ParEngine *self)
{
  if (G_UNLIKELY (has_async_work (self)))
    wake (self, TRUE);
}

/* How far ahead of what is started the source is pulled: far enough to keep that many busy. */
static guint
get_ahead (ParEngine *self)
{
  return self->concurrency > 0 ? MIN (self->concurrency, MAX_AHEAD) : MAX_AHEAD;
}

static gboolean
may_pull (ParEngine *self)
{
  return self->has_source && !self->source_rests && !self->held_back && run_is_open (self)
         && self->run->cause == PAR_RUN_CAUSE_NONE;
}

/* Whether the source is to be pulled, since few requests are queued. */
static gboolean
wants_pull (ParEngine *self)
{
  return may_pull (self) && self->figures.counts.n_queued <= get_ahead (self) / 2;
}

/* The function of an attempt has returned. */
static void
end_attempt (ParHost    *host,
             ParAttempt *attempt,
             gint64      now_us)
{
  ParEngine *self = engine_of (host);
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
  wake (self, self->n_out == 0);
  wake_for_async (self);
}

static gint64
earlier (gint64 left_us,
         gint64 right_us)
{
  return left_us == 0 || (right_us != 0 && right_us < left_us) ? right_us : left_us;
}

static void
set_deadline (ParEngine  *self,
              ParRecord  *record,
              ParAttempt *attempt)
{
  guint attempt_timeout = self->run->settings.attempt_timeout;

  attempt->deadline_us = self->run->deadline_us;
  if (G_UNLIKELY (record->detail != NULL && record->detail->timeout != NULL))
    attempt->deadline_us = earlier (attempt->deadline_us, record->detail->timeout->when_us);
  if (G_UNLIKELY (attempt_timeout > 0))
    {
      gint64 when_us = attempt->started_us + (gint64) attempt_timeout * 1000;

      attempt->deadline_us = earlier (attempt->deadline_us, when_us);
      attempt->timeout = add_timeout (self, attempt->index, attempt, when_us);
    }
}

static void
note_start (ParEngine  *self,
            ParAttempt *attempt)
{
  ParStart start = { attempt->index, self->n_settled, attempt->number, attempt->kind };

  g_array_append_val (self->starts, start);
  wake (self, FALSE);
}

static void
start_request (ParEngine *self,
               ParRecord *record,
               guint64    index,
               gint64     now_us)
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
      add_timeout (self, index, NULL, now_us + (gint64) request_timeout * 1000);
  if (G_UNLIKELY (wants_pull (self)))
    wake (self, TRUE);
}

static void
start_attempt (ParEngine      *self,
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

static guint64
count_waiting_threads (ParHost *host)
{
  ParEngine *self = engine_of (host);

  if (!may_start (self))
    return 0;

  return MIN (par_queue_count_waiting (&self->thread_queue), count_free_slots (self));
}

static guint64
count_waiting_async (ParHost *host)
{
  return has_async_work (engine_of (host)) ? 1 : 0;
}

static guint
get_bound (ParHost *host)
{
  return engine_of (host)->concurrency;
}

/* Whether there is anything left that a deadline or a cancel could cut short. */
static gboolean
has_open_requests (ParEngine *self)
{
  return self->run->counts.n_queued > 0 || self->run->counts.n_running > 0 || self->n_holds > 0
         || self->has_source;
}

/* Looks whether the run may go on, since nothing may start that is cancelled or too late. All that
 * there is having settled wins over both. */
static gboolean
check_run (ParEngine *self,
           gint64     now_us)
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

/* Whether anything may start now. */
static gboolean
may_take (ParEngine *self,
          gint64     now_us)
{
  if (!may_start (self))
    return FALSE;

  if (check_run (self, now_us))
    return TRUE;

  wake (self, TRUE);

  return FALSE;
}

static void
start_turn (ParEngine      *self,
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
static void
hand_over (ParEngine *self)
{
  ParTurn turn = { 0 };

  if (par_queue_take (&self->async_queue, TRUE, &turn.index, &turn.kind))
    g_queue_push_tail (&self->handed, g_memdup2 (&turn, sizeof turn));
  wake (self, TRUE);
}

static gboolean
take_for_thread (ParHost        *host,
                 ParAttempt     *attempt,
                 gint64          now_us,
                 ParRequestFunc *function,
                 gpointer       *user_data)
{
  ParEngine *self = engine_of (host);
  ParAttemptKind kind;
  guint64 index;

  if (count_free_slots (self) == 0 || !may_take (self, now_us))
    return FALSE;

  while (G_UNLIKELY (!is_turn_of (self, &self->thread_queue, &self->async_queue)))
    {
      hand_over (self);
      if (count_free_slots (self) == 0)
        return FALSE;
    }

  if (!par_queue_take (&self->thread_queue, self->concurrency > 0, &index, &kind))
    return FALSE;

  start_turn (self, attempt, index, kind, now_us, function, user_data);

  return TRUE;
}

/* Takes an attempt that has its slot already; those of requests that have settled give it back. */
static gboolean
take_handed (ParEngine      *self,
             guint64        *index,
             ParAttemptKind *kind)
{
  ParTurn *turn;

  while ((turn = g_queue_pop_head (&self->handed)) != NULL)
    {
      ParRecord *record = par_records_get (&self->records, turn->index);
      gboolean is_open = record != NULL && !par_record_has_settled (record);

      *index = turn->index;
      *kind = turn->kind;
      g_free (turn);
      if (is_open)
        return TRUE;
    }

  return FALSE;
}

static gboolean
take_for_loop (ParHost        *host,
               ParAttempt     *attempt,
               gint64          now_us,
               ParRequestFunc *function,
               gpointer       *user_data)
{
  ParEngine *self = engine_of (host);
  ParAttemptKind kind;
  guint64 index;

  if (!has_async_work (self) || !may_take (self, now_us))
    return FALSE;

  if (!take_handed (self, &index, &kind)
      && (!has_async_work (self)
          || !par_queue_take (&self->async_queue, self->concurrency > 0, &index, &kind)))
    return FALSE;

  start_turn (self, attempt, index, kind, now_us, function, user_data);

  return TRUE;
}

/* Ends the run with @error, which is consumed. */
static void
break_run (ParEngine *self,
           GError    *error)
{
  if (run_is_open (self) && self->run->cause == PAR_RUN_CAUSE_NONE)
    {
      self->run->broken = error;
      par_run_end (self->run, PAR_RUN_CAUSE_BROKEN);
      wake (self, TRUE);
    }
  else
    {
      g_error_free (error);
    }
}

static void
fail_run (ParHost      *host,
          const GError *error)
{
  if (count_waiting_threads (host) > 0)
    break_run (engine_of (host), g_error_copy (error));
}

static void
cancel_request (ParHost *host,
                guint64  index)
{
  ParEngine *self = engine_of (host);
  ParRecord *record;

  par_host_lock (host);
  record = par_records_get (&self->records, index);
  if (record != NULL && !par_record_has_settled (record))
    {
      settle_cancelled (self, record, index, PAR_CANCEL_REASON_CANCELLED,
                        par_clock_now (self->clock));
      wake (self, TRUE);
    }
  par_host_unlock (host);

  par_debug_print (FALSE);
}

static gpointer
ref_object (ParEngine *self,
            ParRecord *record,
            guint64    index)
{
  ParRecordDetail *detail;

  if (record == NULL || record->removed || self->is_closed)
    return NULL;

  detail = par_record_get_detail (record);
  /* What the owner has not been told yet is not to be seen. */
  if (detail->object == NULL)
    detail->object = self->make_object (&self->host, index,
                                        MIN (record->state, PAR_REQUEST_STATE_RUNNING),
                                        record->n_attempts);

  return g_object_ref (detail->object);
}

static gpointer
get_request (ParHost *host,
             gpointer attempt_data)
{
  ParEngine *self = engine_of (host);
  ParAttempt *attempt = attempt_data;
  gpointer object = NULL;

  par_host_lock (host);
  if (!attempt->ended)
    object = ref_object (self, attempt->record, attempt->index);
  par_host_unlock (host);

  return object;
}

/* Has workers come for what may start, and the owner, with the lock held, which is then given
 * back. */
static void
start_and_unlock (ParEngine *self)
{
  gboolean has_chores = self->host.has_chores;
  guint n_workers;

  self->host.has_chores = FALSE;
  wake_for_async (self);
  n_workers = par_thread_dispatcher_ask (&self->threads);

  par_host_unlock (&self->host);
  if (n_workers > 0)
    par_thread_dispatcher_push (&self->threads, n_workers);
  if (has_chores)
    do_chores (&self->host);
}

/* An async attempt has a result, or has been dropped without one: it has ended. */
static void
attempt_returned (ParHost *host,
                  gpointer attempt_data)
{
  ParEngine *self = engine_of (host);
  ParAttempt *attempt = attempt_data;

  par_host_lock (host);
  if (!attempt->ended)
    {
      end_attempt (host, attempt, par_clock_now (self->clock));
      attempt->ended = TRUE;
    }
  start_and_unlock (self);
}

static const ParHostClass host_class =
  { get_request, attempt_returned, cancel_request, engine_free };
static const ParDispatcherClient thread_client =
  { count_waiting_threads, get_bound, take_for_thread, end_attempt, fail_run, do_chores };
static const ParDispatcherClient loop_client =
  { count_waiting_async, get_bound, take_for_loop, end_attempt, NULL, do_chores };

static guint64
publish_rows (ParEngine *self)
{
  guint64 n_new = self->records.end - self->n_published;

  self->n_published = self->records.end;

  return n_new;
}

/* Adds a request. @object, which is consumed, is the ParRequest if there is one already. For the
 * owner its row is published. @n_new, if given, says how many are new to it; what is not 0 is told
 * before par_engine_end_publish(). */
guint64
par_engine_add (ParEngine      *self,
                gboolean        is_async,
                ParRequestFunc  function,
                gpointer        user_data,
                GDestroyNotify  destroy,
                gpointer        object,
                int             priority,
                gboolean        once,
                guint64        *n_new)
{
  ParRecord *record;
  guint64 index;

  par_host_lock (&self->host);

  index = self->records.end;
  record = par_records_add (&self->records);
  record->function = function;
  record->data = user_data;
  record->destroy = destroy;
  record->is_async = is_async;
  if (object != NULL || priority != 0 || once)
    {
      ParRecordDetail *detail = par_record_get_detail (record);

      detail->object = object;
      detail->priority = priority;
      detail->once = once;
      if (object != NULL)
        self->adopt_object (object, &self->host, index);
    }
  par_queue_add (queue_of (self, record), index, priority);
  self->figures.counts.n_requests++;
  self->figures.counts.n_queued++;

  if (!par_owner_is_caller (&self->owner))
    {
      wake (self, FALSE);
    }
  else if (n_new != NULL)
    {
      *n_new = publish_rows (self);
      g_atomic_int_inc (&self->owner.n_publishing);
    }
  else
    {
      self->n_published = self->records.end;
    }

  if (!run_is_open (self))
    {
      par_host_unlock (&self->host);
      return index;
    }

  record->since_us = par_clock_now (self->clock);
  self->run->counts.n_requests++;
  self->run->counts.n_queued++;
  start_and_unlock (self);

  return index;
}

/* Gets the ParRequest of a record, with a reference; it is made on the first asking. If the owner
 * knows by now that it has settled, @settled is the record. */
gpointer
par_engine_get_object (ParEngine  *self,
                       guint64     index,
                       ParRecord **settled)
{
  gpointer object;
  ParRecord *record;

  par_host_lock (&self->host);
  record = par_records_get (&self->records, index);
  object = ref_object (self, record, index);
  *settled = object != NULL && record->collected ? record : NULL;
  par_host_unlock (&self->host);

  return object;
}

/* Gives a record, which no attempt has any more, an object, which is consumed. */
void
par_engine_keep_object (ParEngine *self,
                        ParRecord *record,
                        gpointer   object)
{
  par_host_lock (&self->host);
  par_record_get_detail (record)->object = object;
  par_host_unlock (&self->host);
}

static void
free_detail (ParRecordDetail *detail)
{
  g_clear_object (&detail->object);
  g_clear_pointer (&detail->errors, g_ptr_array_unref);
  g_free (detail);
}

/* Finds a row, of those that are published. */
gboolean
par_engine_find_row (ParEngine *self,
                     guint64    position,
                     guint64   *index)
{
  gboolean found;

  par_host_lock (&self->host);
  found = par_records_find_row (&self->records, position, index) && *index < self->n_published;
  par_host_unlock (&self->host);

  return found;
}

/* How many rows the owner has seen, those that were removed included. */
guint64
par_engine_get_n_published (ParEngine *self)
{
  guint64 n_published;

  par_host_lock (&self->host);
  n_published = self->n_published;
  par_host_unlock (&self->host);

  return n_published;
}

/* Takes a settled request out of the model. Returns where it was. */
guint64
par_engine_remove (ParEngine *self,
                   guint64    index)
{
  ParRecordDetail *detail;
  ParRecord *record;
  guint64 position;

  par_host_lock (&self->host);
  record = par_records_get (&self->records, index);
  detail = g_steal_pointer (&record->detail);
  position = par_records_get_position (&self->records, index);
  par_records_remove (&self->records, index);
  par_host_unlock (&self->host);

  if (detail != NULL)
    free_detail (detail);

  return position;
}

/* Returns whether it is a change. */
gboolean
par_engine_set_concurrency (ParEngine *self,
                            guint      concurrency)
{
  gboolean changed;

  par_host_lock (&self->host);
  changed = self->concurrency != concurrency;
  self->concurrency = concurrency;
  start_and_unlock (self);

  return changed;
}

/* Returns whether it is a change. */
gboolean
par_engine_set_paused (ParEngine *self,
                       gboolean   paused)
{
  gboolean changed;

  par_host_lock (&self->host);
  changed = self->paused != paused;
  self->paused = paused;
  start_and_unlock (self);

  return changed;
}

void
par_engine_hold (ParEngine *self)
{
  par_host_lock (&self->host);
  self->n_holds++;
  par_host_unlock (&self->host);
}

/* Returns FALSE if nothing was held. */
gboolean
par_engine_release (ParEngine *self)
{
  gboolean held;

  par_host_lock (&self->host);
  held = self->n_holds > 0;
  if (held && --self->n_holds == 0)
    wake (self, TRUE);
  par_host_unlock (&self->host);

  return held;
}

/* Cancels all that has not settled. */
void
par_engine_cancel (ParEngine *self)
{
  gint64 now_us = par_clock_now (self->clock);

  par_host_lock (&self->host);
  if (self->run != NULL)
    {
      par_run_end (self->run, PAR_RUN_CAUSE_CANCELLED);
    }
  else
    {
      for (guint64 index = self->records.first; index < self->records.end; index++)
        {
          ParRecord *record = par_records_get (&self->records, index);

          if (record != NULL && !par_record_has_settled (record))
            settle_cancelled (self, record, index, PAR_CANCEL_REASON_CANCELLED, now_us);
        }
    }
  par_host_unlock (&self->host);
}

/* Notes that a property was set, and returns FALSE if the caller is the owner, who may tell so
 * at once. */
gboolean
par_engine_defer (ParEngine *self,
                  guint      bit)
{
  gboolean deferred;

  par_host_lock (&self->host);
  deferred = !par_owner_is_caller (&self->owner);
  if (deferred)
    {
      self->deferred |= 1u << bit;
      wake (self, FALSE);
    }
  par_host_unlock (&self->host);

  return deferred;
}

/* Ends the run that is on, if it is, with @error, which is consumed. */
void
par_engine_break (ParEngine *self,
                  GError    *error)
{
  par_host_lock (&self->host);
  break_run (self, error);
  par_host_unlock (&self->host);
}

void
par_engine_wake (ParEngine *self)
{
  par_host_lock (&self->host);
  self->poked = TRUE;
  wake (self, TRUE);
  par_host_unlock (&self->host);
}

void
par_engine_get_figures (ParEngine  *self,
                        ParFigures *figures)
{
  par_host_lock (&self->host);
  *figures = self->figures;
  figures->n_attempts_running = self->n_out;
  if (self->run != NULL)
    figures->elapsed_us = par_clock_now (self->clock) - self->run->started_us;
  par_host_unlock (&self->host);
}

/* Starts a run. None may be on. */
void
par_engine_begin (ParEngine *self,
                  ParRun    *run)
{
  par_host_lock (&self->host);

  self->run = run;
  self->sweeping = FALSE;
  self->source_rests = FALSE;
  self->owner.has_left = FALSE;
  self->debug = par_debug_is_wanted ();
  self->trace = par_trace_is_wanted ();
  run->counts.n_requests = self->figures.counts.n_queued;
  run->counts.n_queued = self->figures.counts.n_queued;
  check_run (self, run->started_us);

  start_and_unlock (self);
}

/* The owner has been told that the run is over. */
void
par_engine_finish (ParEngine *self)
{
  par_host_lock (&self->host);
  self->figures.elapsed_us = par_clock_now (self->clock) - self->run->started_us;
  self->run = NULL;
  par_host_unlock (&self->host);
}

/* Whether starts are of interest that concern requests nobody has asked for. */
void
par_engine_want_starts (ParEngine *self,
                        gboolean   wanted)
{
  par_host_lock (&self->host);
  self->wants_starts = wanted;
  par_host_unlock (&self->host);
}

/* Cancels what the run has left, a part of it at a time. */
static void
sweep (ParEngine *self,
       gint64     now_us)
{
  ParCancelReason reason = par_run_get_reason (self->run);

  if (!self->sweeping)
    {
      self->sweeping = TRUE;
      self->sweep_end = self->records.end;
      self->sweep_index = self->records.first;

      for (ParAttempt *attempt = self->oldest; attempt != NULL; attempt = attempt->next)
        {
          if (attempt->live)
            settle_cancelled (self, attempt->record, attempt->index, reason, now_us);
        }
    }

  for (guint i = 0; i < SWEEP_SIZE && self->sweep_index < self->sweep_end; i++)
    {
      guint64 index = self->sweep_index++;
      ParRecord *record = par_records_get (&self->records, index);

      if (record != NULL && !par_record_has_settled (record))
        settle_cancelled (self, record, index, reason, now_us);
    }
}

static gboolean
is_sweeping (ParEngine *self)
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
expire (ParEngine  *self,
        ParTimeout *timeout,
        gint64      now_us)
{
  const ParRunSettings *settings = &self->run->settings;
  ParAttempt *attempt = timeout->attempt;
  guint64 index = timeout->index;
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

static ParTimeout *
get_first_timeout (ParEngine *self)
{
  GSequenceIter *first = g_sequence_get_begin_iter (self->timeouts);

  return g_sequence_iter_is_end (first) ? NULL : g_sequence_get (first);
}

static gboolean
run_is_over (ParEngine *self)
{
  const ParRun *run = self->run;

  if (run == NULL || run->counts.n_queued > 0 || run->counts.n_running > 0)
    return FALSE;
  if (run->cause == PAR_RUN_CAUSE_NONE && (self->n_holds > 0 || self->has_source))
    return FALSE;

  return !run->settings.wait_for_attempts || self->n_out == 0;
}

/* When the owner has to look though nothing has happened. */
static gint64
get_next_time (ParEngine *self)
{
  ParTimeout *timeout = get_first_timeout (self);
  gint64 next_us;

  if (!run_is_open (self) || !has_open_requests (self))
    return PAR_CLOCK_NEVER;

  next_us = earlier (self->run->deadline_us, timeout != NULL ? timeout->when_us : 0);

  return next_us > 0 ? next_us : PAR_CLOCK_NEVER;
}

/* Whether there is something that cannot wait for the end of a nap. */
static gboolean
has_urgent_news (ParEngine *self)
{
  const ParRun *run = self->run;

  if (self->poked || self->cancellables->len > 0 || is_sweeping (self)
      || (run_is_over (self) && !self->held_back) || has_async_work (self) || wants_pull (self))
    return TRUE;
  if (!run_is_open (self))
    return self->n_out != self->seen_out;

  return run->cause != PAR_RUN_CAUSE_NONE
         || (run->cancellable != NULL && has_open_requests (self)
             && g_cancellable_is_cancelled (run->cancellable));
}

static gboolean
has_news (ParEngine *self)
{
  return (self->n_unseen > 0 && !self->held_back) || self->starts->len > 0
         || self->trash->len > 0
         || self->n_published != self->records.end || self->deferred != 0
         || has_urgent_news (self);
}

static void
collect_settled (ParEngine *self,
                 ParNews   *news,
                 guint      max_settled)
{
  while (self->n_unseen > 0 && news->n_settled < max_settled)
    {
      guint64 index = self->first_unseen;
      ParRecord *record = par_records_get (&self->records, index);

      /* The list knows the low half of an index; it is never four milliards from the last. */
      self->first_unseen = self->last_unseen + (gint32) (record->next - (guint32) self->last_unseen);
      self->n_unseen--;
      record->collected = TRUE;
      news->settled[news->n_settled] = index;
      news->records[news->n_settled] = record;
      news->is_out[news->n_settled] = record->n_out > 0;
      news->n_settled++;
    }
}

static void
log_end (ParEngine *self)
{
  g_autoptr(GError) error = NULL;

  if (par_run_judge (self->run, &error) || self->run->cause == PAR_RUN_CAUSE_NONE)
    par_debug_queue ("finished");
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    par_debug_queue ("timeout");
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    par_debug_queue ("cancelled");
  else
    par_debug_queue ("finished");
}

#define SWAP(a, b) G_STMT_START { gpointer swap_ = (a); (a) = (b); (b) = swap_; } G_STMT_END

/* Takes what has happened, as far as @max_settled requests. The arrays of @news are empty. */
void
par_engine_collect (ParEngine *self,
                    ParNews   *news,
                    guint      max_settled)
{
  gint64 now_us = par_clock_now (self->clock);

  par_host_lock (&self->host);

  self->owner.state = PAR_OWNER_BUSY;
  self->poked = FALSE;

  if (self->run != NULL)
    {
      ParTimeout *timeout;

      while (!self->sweeping && (timeout = get_first_timeout (self)) != NULL
             && timeout->when_us <= now_us)
        expire (self, timeout, now_us);

      if (!check_run (self, now_us))
        sweep (self, now_us);
    }

  news->n_settled = 0;
  collect_settled (self, news, MIN (max_settled, PAR_NEWS_MAX_SETTLED));
  news->more = self->n_unseen > 0 || is_sweeping (self);
  self->has_news_poured = news->n_settled > 0;
  self->seen_out = self->n_out;

  SWAP (self->starts, news->starts);
  SWAP (self->trash, news->trash);
  SWAP (self->cancellables, news->cancellables);
  news->n_queued = self->figures.counts.n_queued;
  news->peak_running = self->peak_running;
  self->peak_running = self->figures.counts.n_running;
  news->n_attempts_running = self->n_out;
  news->deferred = self->deferred;
  self->deferred = 0;
  news->n_new = publish_rows (self);
  news->n_published = self->n_published;

  /* What is added from here on waits for the next run. */
  news->over = max_settled > 0 && self->n_unseen == 0 && news->n_settled == 0
               && run_is_over (self);
  if (news->over)
    {
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

  par_host_unlock (&self->host);

  if (self->debug)
    par_debug_print (TRUE);
}

/* Whether the owner should not look for a while: where news pour in, looking costs more than they
 * are worth. Time that tests move has no naps. */
static gboolean
is_nap_due (ParEngine *self)
{
  return self->has_news_poured && may_start (self) && self->run->counts.n_queued > 0
         && !self->held_back && !has_urgent_news (self)
         && self->clock == par_clock_get_system ();
}

static gint64
get_nap_end (ParEngine *self)
{
  gint64 nap_us = par_clock_now (self->clock) + NAP_US;
  gint64 next_us = get_next_time (self);

  return next_us == PAR_CLOCK_NEVER ? nap_us : MIN (nap_us, next_us);
}

/* Arms the source by which the owner waits, if it does. @more says that there is something to
 * tell for sure. */
static void
rest (ParEngine *self,
      gboolean   more)
{
  if (!more && is_nap_due (self))
    par_owner_rest (&self->owner, PAR_OWNER_NAPPING, get_nap_end (self));
  else if (more || has_news (self))
    par_owner_rest (&self->owner, PAR_OWNER_BUSY, 0);
  else
    par_owner_rest (&self->owner, PAR_OWNER_ASLEEP, get_next_time (self));
}

/* Makes the caller the owner, who waits for news by par_engine_wait() until par_engine_exit().
 * Returns the owner there was. */
GThread *
par_engine_enter (ParEngine *self)
{
  GThread *owner;

  par_host_lock (&self->host);
  owner = par_owner_enter (&self->owner);
  par_host_unlock (&self->host);

  return owner;
}

/* The owner has told what it has added. */
void
par_engine_end_publish (ParEngine *self)
{
  g_atomic_int_add (&self->owner.n_publishing, -1);
}

gboolean
par_engine_is_owner (ParEngine *self)
{
  gboolean is_owner;

  par_host_lock (&self->host);
  is_owner = par_owner_is_caller (&self->owner);
  par_host_unlock (&self->host);

  return is_owner;
}

/* Called by the source. Returns FALSE if somebody else is the owner now. */
gboolean
par_engine_start_dispatch (ParEngine *self,
                           GSource   *source)
{
  gboolean is_free;

  par_host_lock (&self->host);
  /* Requests that are held back belong to the thread that fetches them. */
  is_free = par_owner_start_dispatch (&self->owner, source, self->held_back);
  par_host_unlock (&self->host);

  return is_free;
}

/* Has @owner, by its source, look after the news again. @has_left says that it may never get to
 * it: then what late attempts leave is destroyed by their workers. */
void
par_engine_exit (ParEngine *self,
                 GThread   *owner,
                 gboolean   has_left)
{
  g_autoptr(GArray) trash = NULL;

  par_host_lock (&self->host);
  par_owner_exit (&self->owner, owner);
  self->owner.has_left = has_left && self->run == NULL;
  if (self->owner.has_left && self->trash->len > 0)
    {
      trash = self->trash;
      self->trash = par_engine_new_trash ();
    }
  rest (self, FALSE);
  par_host_unlock (&self->host);

  do_chores (&self->host);
}

/* Changes the source by which the owner waits for news when it is not in a do(). The source, which
 * is consumed, may be NULL; @owner is whose it is, or NULL for who is the owner. */
void
par_engine_set_waker (ParEngine *self,
                      GSource   *source,
                      GThread   *owner)
{
  GMainContext *context = NULL;
  GSource *old;

  par_host_lock (&self->host);
  old = self->owner.source;
  self->owner.source = source;
  if (source != NULL)
    {
      context = self->context;
      self->context = g_main_context_ref (g_source_get_context (source));
    }
  if (owner != NULL)
    self->owner.thread = owner;
  rest (self, FALSE);
  par_host_unlock (&self->host);

  g_clear_pointer (&context, g_main_context_unref);
  if (old != NULL)
    {
      g_source_destroy (old);
      g_source_unref (old);
    }
}

/* Keeps requests that have settled back from the owner, or no longer. */
void
par_engine_hold_back (ParEngine *self,
                      gboolean   held_back)
{
  par_host_lock (&self->host);
  self->held_back = held_back;
  if (!held_back && self->owner.state != PAR_OWNER_BUSY && has_news (self))
    wake (self, TRUE);
  par_host_unlock (&self->host);
}

/* Waits for news, in a do(). */
void
par_engine_wait (ParEngine *self,
                 gboolean   may_nap)
{
  par_host_lock (&self->host);
  if (may_nap && is_nap_due (self))
    par_owner_wait (&self->owner, PAR_OWNER_NAPPING, get_nap_end (self));
  else if (!has_news (self))
    par_owner_wait (&self->owner, PAR_OWNER_ASLEEP, get_next_time (self));
  par_host_unlock (&self->host);
}

/* Waits for news, in a do() of requests that need the caller's context, where the source is:
 * whatever is ready there is dispatched too. */
void
par_engine_wait_in (ParEngine    *self,
                    GMainContext *context)
{
  par_host_lock (&self->host);
  par_owner_exit (&self->owner, g_thread_self ());
  rest (self, FALSE);
  par_host_unlock (&self->host);

  g_main_context_iteration (context, TRUE);

  par_engine_enter (self);
}

/* Whether there are requests that only come to an end if the owner's context is iterated. */
gboolean
par_engine_needs_context (ParEngine *self)
{
  gboolean needed;

  par_host_lock (&self->host);
  needed = self->async_queue.n_queued > 0 || self->n_async_running > 0
           || (self->n_async_out > 0 && self->run != NULL && self->run->settings.wait_for_attempts);
  par_host_unlock (&self->host);

  return needed;
}

/* Calls the functions of async requests that may start, until @until_us (0: some of them). Returns
 * whether there are more. */
gboolean
par_engine_start_async (ParEngine *self,
                        gint64     until_us)
{
  gboolean has_work;

  par_host_lock (&self->host);
  has_work = has_async_work (self);
  par_host_unlock (&self->host);

  if (G_LIKELY (!has_work))
    return FALSE;

  par_loop_dispatcher_dispatch (&self->loop, MAX_STARTS, until_us);

  par_host_lock (&self->host);
  has_work = has_async_work (self);
  start_and_unlock (self);

  return has_work;
}

/* Says whether more requests may come from a source. */
void
par_engine_set_source (ParEngine *self,
                       gboolean   has_source)
{
  par_host_lock (&self->host);
  self->has_source = has_source;
  self->source_rests = FALSE;
  wake (self, TRUE);
  par_host_unlock (&self->host);
}

/* Whether the source is to be pulled: since few are queued, or, @pulling, until enough are.
 * @n_settled is for par_engine_rest_source(). */
gboolean
par_engine_wants_pull (ParEngine *self,
                       gboolean   pulling,
                       guint64   *n_settled)
{
  gboolean wanted;

  par_host_lock (&self->host);
  wanted = wants_pull (self)
           || (pulling && may_pull (self) && self->figures.counts.n_queued < get_ahead (self));
  *n_settled = self->n_settled;
  par_host_unlock (&self->host);

  return wanted;
}

/* Has the source not be pulled until another request has settled; with @looked, only if none has
 * since there were @n_settled. */
void
par_engine_rest_source (ParEngine *self,
                        gboolean   looked,
                        guint64    n_settled)
{
  par_host_lock (&self->host);
  self->source_rests = !looked || self->n_settled == n_settled;
  par_host_unlock (&self->host);
}

/* Arms the source, at the end of its dispatch. @more says that there is something to tell. */
void
par_engine_end_dispatch (ParEngine *self,
                         gboolean   more)
{
  par_host_lock (&self->host);
  g_atomic_int_add (&self->owner.n_publishing, -1);
  rest (self, more);
  par_host_unlock (&self->host);
}

/* Frees all records, when nobody can ask for them any more. What the last attempts have of them
 * they free themselves. */
void
par_engine_close (ParEngine *self)
{
  par_engine_set_waker (self, NULL, NULL);

  par_host_lock (&self->host);
  self->is_closed = TRUE;
  self->owner.has_left = TRUE;
  par_host_unlock (&self->host);

  for (guint64 index = self->records.first; index < self->records.end; index++)
    {
      ParTrash trash = { G_VALUE_INIT, NULL, NULL };
      ParRecordDetail *detail = NULL;
      ParRecord *record;

      par_host_lock (&self->host);
      record = par_records_get (&self->records, index);
      if (record != NULL && !record->removed)
        {
          g_assert (par_record_has_settled (record));
          detail = g_steal_pointer (&record->detail);
          trash.value = record->outcome;
          record->outcome = (GValue) G_VALUE_INIT;
          if (record->n_out == 0)
            {
              trash.data = record->data;
              trash.destroy = g_steal_pointer (&record->destroy);
            }
        }
      par_host_unlock (&self->host);

      clear_trash (&trash);
      if (detail != NULL)
        free_detail (detail);
    }

  do_chores (&self->host);
}
