/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-engine-private.h"

#include <par/par-attempt-private.h>

#include "base/par-debug-private.h"
#include "base/par-trace-private.h"

/* While work is queued, the owner is woken at most once in this time. */
#define NAP_US 1000

/* How many queued requests are cancelled in one go under the lock. */
#define SWEEP_SIZE 4096

#define REQUEST G_GUINT64_FORMAT

/* Forward: the tables that name the functions below. */
static const ParHostClass host_class;
static const ParDispatcherClient client;

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
  par_thread_dispatcher_init (&self->threads, &self->host, &client, &self->clock);
  par_records_init (&self->records);
  par_queue_init (&self->queue, &self->records);
  self->timeouts = g_sequence_new (NULL);
  self->starts = g_array_new (FALSE, FALSE, sizeof (ParStart));
  self->trash = par_engine_new_trash ();
  self->cancellables = g_ptr_array_new_with_free_func (g_object_unref);
  self->owner = g_thread_self ();
  self->owner_state = PAR_OWNER_ASLEEP;
  g_cond_init (&self->cond);
  g_cond_init (&self->handover);

  return self;
}

static void
engine_free (ParHost *host)
{
  ParEngine *self = engine_of (host);

  par_thread_dispatcher_clear (&self->threads);
  par_queue_clear (&self->queue);
  par_records_clear (&self->records);
  g_sequence_free (self->timeouts);
  g_array_unref (self->starts);
  g_array_unref (self->trash);
  g_ptr_array_unref (self->cancellables);
  g_cond_clear (&self->cond);
  g_cond_clear (&self->handover);
  g_mutex_clear (&self->host.lock);
  g_free (self);
}

/* Has the owner look, with the lock held. While work is queued that can wait for the end of its
 * nap, unless it is @urgent. */
static void
wake (ParEngine *self,
      gboolean   urgent)
{
  if (G_LIKELY (self->owner_state == PAR_OWNER_BUSY
                || (self->owner_state == PAR_OWNER_NAPPING && !urgent)))
    return;

  self->owner_state = PAR_OWNER_BUSY;
  if (self->in_do)
    g_cond_signal (&self->cond);
  else if (self->source != NULL)
    g_source_set_ready_time (self->source, 0);
}

static gboolean
run_is_open (ParEngine *self)
{
  return self->run != NULL && !self->sweeping;
}

static void
throw_away (ParEngine      *self,
            GValue         *value,
            gpointer        data,
            GDestroyNotify  destroy)
{
  ParTrash trash = { G_VALUE_INIT, data, destroy };

  if (value != NULL)
    trash.value = *value;
  g_array_append_val (self->trash, trash);

  if (self->has_left)
    self->host.has_chores = TRUE;
  else
    wake (self, TRUE);
}

/* What could not be done under the lock: called with no lock held, by a worker. */
static void
do_chores (ParHost *host)
{
  ParEngine *self = engine_of (host);
  g_autoptr(GArray) trash = NULL;

  par_host_lock (host);
  if (self->has_left && self->trash->len > 0)
    {
      trash = self->trash;
      self->trash = par_engine_new_trash ();
    }
  par_host_unlock (host);

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

static void
count_settled (ParEngine       *self,
               guint64          index,
               ParRequestState  from,
               ParRequestState  to,
               const GError    *error)
{
  ParCounts *counts = &self->figures.counts;

  if (from == PAR_REQUEST_STATE_QUEUED)
    counts->n_queued--;
  else
    counts->n_running--;

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
  count_settled (self, index, from, state, error);
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
      return;
    }

  if (attempt->expired)
    self->figures.n_attempts_failed++;
  else
    self->figures.n_attempts_lost++;
  if (G_VALUE_TYPE (&outcome) != G_TYPE_INVALID)
    throw_away (self, &outcome, NULL, NULL);
  if (record->n_out == 0 && record->collected)
    {
      throw_away (self, NULL, record->data, g_steal_pointer (&record->destroy));
      if (record->removed)
        par_records_release (&self->records, attempt->index);
    }
  /* Only the end of a run that waits for its attempts, and who watches their number, care. */
  wake (self, self->n_out == 0);
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
  self->peak_running = MAX (self->peak_running, counts->n_running);
  self->run->counts.n_queued--;
  self->run->counts.n_running++;

  if (self->run->settings.redundancy > 1 && wants_copies (self, record))
    par_queue_copy (&self->queue, index, self->run->settings.redundancy - 1);
  if (request_timeout > 0)
    par_record_get_detail (record)->timeout =
      add_timeout (self, index, NULL, now_us + (gint64) request_timeout * 1000);
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
count_free_slots (ParEngine *self)
{
  if (self->concurrency == 0)
    return G_MAXUINT64;

  return self->concurrency > self->n_out ? self->concurrency - self->n_out : 0;
}

static gboolean
may_start (ParEngine *self)
{
  return run_is_open (self) && self->run->cause == PAR_RUN_CAUSE_NONE && !self->paused;
}

static guint64
count_waiting (ParHost *host)
{
  ParEngine *self = engine_of (host);

  if (!may_start (self))
    return 0;

  return MIN (self->run->counts.n_queued + par_queue_get_n_copies (&self->queue),
              count_free_slots (self));
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
  return self->run->counts.n_queued > 0 || self->run->counts.n_running > 0 || self->n_holds > 0;
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

static gboolean
take (ParHost        *host,
      ParAttempt     *attempt,
      gint64          now_us,
      ParRequestFunc *function,
      gpointer       *user_data)
{
  ParEngine *self = engine_of (host);
  ParAttemptKind kind;
  ParRecord *record;
  guint64 index;

  if (!may_start (self) || count_free_slots (self) == 0)
    return FALSE;

  if (!check_run (self, now_us))
    {
      wake (self, TRUE);
      return FALSE;
    }

  if (!par_queue_take (&self->queue, self->concurrency > 0, &index, &kind))
    return FALSE;

  record = par_records_get (&self->records, index);
  *function = record->function;
  *user_data = record->data;
  start_attempt (self, attempt, record, index, kind, now_us);

  return TRUE;
}

static void
fail_run (ParHost      *host,
          const GError *error)
{
  ParEngine *self = engine_of (host);

  if (count_waiting (host) == 0)
    return;

  self->run->broken = g_error_copy (error);
  par_run_end (self->run, PAR_RUN_CAUSE_BROKEN);
  wake (self, TRUE);
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

static const ParHostClass host_class = { get_request, cancel_request, engine_free };
static const ParDispatcherClient client =
  { count_waiting, get_bound, take, end_attempt, fail_run, do_chores };

/* Has workers come for what may start, with the lock held, which is then given back. */
static void
start_and_unlock (ParEngine *self)
{
  guint n_workers = par_thread_dispatcher_ask (&self->threads);

  par_host_unlock (&self->host);
  if (n_workers > 0)
    par_thread_dispatcher_push (&self->threads, n_workers);
}

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
  if (object != NULL || priority != 0 || once)
    {
      ParRecordDetail *detail = par_record_get_detail (record);

      detail->object = object;
      detail->priority = priority;
      detail->once = once;
      if (object != NULL)
        self->adopt_object (object, &self->host, index);
    }
  par_queue_add (&self->queue, index, priority);
  self->figures.counts.n_requests++;
  self->figures.counts.n_queued++;

  if (self->owner != g_thread_self ())
    {
      wake (self, FALSE);
    }
  else if (n_new != NULL)
    {
      *n_new = publish_rows (self);
      g_atomic_int_inc (&self->n_publishing);
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
  deferred = self->owner != g_thread_self ();
  if (deferred)
    {
      self->deferred |= 1u << bit;
      wake (self, FALSE);
    }
  par_host_unlock (&self->host);

  return deferred;
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
  self->has_left = FALSE;
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
  if (run->cause == PAR_RUN_CAUSE_NONE && self->n_holds > 0)
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
      || (run_is_over (self) && !self->held_back))
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
         || (self->trash->len > 0 && !self->has_left)
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

  self->owner_state = PAR_OWNER_BUSY;
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
      self->run->was_held = self->n_holds > 0;
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
  if (self->in_do || self->source == NULL)
    return;

  if (!more && is_nap_due (self))
    {
      self->owner_state = PAR_OWNER_NAPPING;
      par_clock_arm (self->clock, self->source, get_nap_end (self));
    }
  else if (more || has_news (self))
    {
      self->owner_state = PAR_OWNER_BUSY;
      g_source_set_ready_time (self->source, 0);
    }
  else
    {
      self->owner_state = PAR_OWNER_ASLEEP;
      par_clock_arm (self->clock, self->source, get_next_time (self));
    }
}

/* Makes the caller the owner, who waits for news by par_engine_wait() until par_engine_exit().
 * Returns the owner there was. */
GThread *
par_engine_enter (ParEngine *self)
{
  GThread *owner;

  par_host_lock (&self->host);

  /* The owner there was may be telling something. That is rare, and short, so nobody signals the
   * end of it. */
  while (self->owner != g_thread_self () && g_atomic_int_get (&self->n_publishing) > 0)
    g_cond_wait_until (&self->handover, &self->host.lock, g_get_monotonic_time () + 1000);

  owner = self->owner;
  self->owner = g_thread_self ();
  self->in_do = TRUE;
  self->owner_state = PAR_OWNER_BUSY;
  g_atomic_int_inc (&self->n_publishing);
  par_host_unlock (&self->host);

  return owner;
}

/* The owner has told what it has added. */
void
par_engine_end_publish (ParEngine *self)
{
  g_atomic_int_add (&self->n_publishing, -1);
}

gboolean
par_engine_is_owner (ParEngine *self)
{
  gboolean is_owner;

  par_host_lock (&self->host);
  is_owner = self->owner == g_thread_self ();
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
  if (self->source != source)
    {
      par_host_unlock (&self->host);
      return FALSE;
    }

  /* Requests that are held back belong to the thread that fetches them. */
  is_free = !self->in_do && (self->owner == g_thread_self ()
                             || (g_atomic_int_get (&self->n_publishing) == 0
                                 && !self->held_back));
  if (is_free)
    {
      self->owner = g_thread_self ();
      self->owner_state = PAR_OWNER_BUSY;
      g_atomic_int_inc (&self->n_publishing);
    }
  else
    {
      /* Who waits looks by itself, and has this source woken at its end. */
      g_source_set_ready_time (source, self->in_do || self->held_back
                                       ? -1 : g_get_monotonic_time () + NAP_US);
    }
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
  par_host_lock (&self->host);
  self->in_do = FALSE;
  self->owner = owner;
  self->has_left = has_left && self->run == NULL;
  g_atomic_int_add (&self->n_publishing, -1);
  rest (self, FALSE);
  par_host_unlock (&self->host);

  do_chores (&self->host);
}

/* Changes the source by which the owner waits for news when it is not in a do(). The source, which
 * is consumed, may be NULL; @owner is whose it is, or NULL for who is the owner. */
void
par_engine_set_source (ParEngine *self,
                       GSource   *source,
                       GThread   *owner)
{
  GSource *old;

  par_host_lock (&self->host);
  old = self->source;
  self->source = source;
  if (owner != NULL)
    self->owner = owner;
  rest (self, FALSE);
  par_host_unlock (&self->host);

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
  if (!held_back && self->owner_state != PAR_OWNER_BUSY && has_news (self))
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
    {
      self->owner_state = PAR_OWNER_NAPPING;
      par_clock_wait (self->clock, &self->cond, &self->host.lock, get_nap_end (self));
    }
  else if (!has_news (self))
    {
      self->owner_state = PAR_OWNER_ASLEEP;
      par_clock_wait (self->clock, &self->cond, &self->host.lock, get_next_time (self));
    }
  self->owner_state = PAR_OWNER_BUSY;
  par_host_unlock (&self->host);
}

/* Arms the source, at the end of its dispatch. @more says that there is something to tell. */
void
par_engine_end_dispatch (ParEngine *self,
                         gboolean   more)
{
  par_host_lock (&self->host);
  g_atomic_int_add (&self->n_publishing, -1);
  rest (self, more);
  par_host_unlock (&self->host);
}

/* Frees all records, when nobody can ask for them any more. What the last attempts have of them
 * they free themselves. */
void
par_engine_close (ParEngine *self)
{
  par_engine_set_source (self, NULL, NULL);

  par_host_lock (&self->host);
  self->is_closed = TRUE;
  self->has_left = TRUE;
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
