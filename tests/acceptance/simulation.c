/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "simulation.h"

#include "fake-clock.h"
#include "par-attempt-private.h"

#define MAX_RUNS 2

typedef struct
{
  Simulation *simulation;
  ParRequests *requests;
  guint number;
  GCancellable *cancellable;
  gboolean is_over;
} Run;

/* An attempt that has its reply coming. */
typedef struct
{
  gint64 when_us;
  guint64 order;        /* in which they started */
  Run *run;
  ParAttempt *attempt;  /* (owned) NULL once it has returned */
  GCancellable *cancellable;
  gulong handler;
  gboolean fails;
  gboolean is_deaf;
} Call;

struct _Simulation
{
  SimulationMode mode;
  SimulationServeFunc serve;
  gpointer user_data;

  FakeClock *clock;       /* (owned) or NULL in real time */
  GMainContext *context;  /* (owned) */
  Run runs[MAX_RUNS];
  guint n_runs;
  Trace trace;
  gint64 started_us;

  GPtrArray *calls;       /* (owned) a heap of Call: the first to return on top */
  guint64 n_calls;
  GSource *replies;       /* (owned) in real time, what returns them */

  guint n_arriving;       /* requests that come one after the other */
  guint n_arrived;
  gint64 interval_us;

  int n_made;             /* atomic: results */
  int n_freed;            /* atomic: results that were destroyed */

  GMutex lock;
  GCond changed;
  guint n_in_threads;     /* functions that threads have not left; guarded by the lock */
};

gint64
simulation_get_time (Simulation *self)
{
  return self->clock != NULL ? fake_clock_get_time (self->clock) : g_get_monotonic_time ();
}

static gboolean
is_before (const Call *left,
           const Call *right)
{
  return left->when_us < right->when_us
         || (left->when_us == right->when_us && left->order < right->order);
}

static void
push_call (GPtrArray *calls,
           Call      *call)
{
  guint i = calls->len;

  g_ptr_array_add (calls, call);
  for (; i > 0 && is_before (call, calls->pdata[(i - 1) / 2]); i = (i - 1) / 2)
    calls->pdata[i] = calls->pdata[(i - 1) / 2];
  calls->pdata[i] = call;
}

static Call *
pop_call (GPtrArray *calls)
{
  Call *first = calls->pdata[0];
  Call *last = calls->pdata[--calls->len];
  guint i = 0;

  while (2 * i + 1 < calls->len)
    {
      guint child = 2 * i + 1;

      if (child + 1 < calls->len && is_before (calls->pdata[child + 1], calls->pdata[child]))
        child++;
      if (!is_before (calls->pdata[child], last))
        break;
      calls->pdata[i] = calls->pdata[child];
      i = child;
    }
  calls->pdata[i] = last;

  return first;
}

static void
note (Run        *run,
      ParAttempt *attempt,
      gint64      when_us,
      EventType   type,
      guint       detail)
{
  trace_add (&run->simulation->trace, when_us, run->number, attempt->index, type, attempt->number,
             detail);
}

static void
note_now (Run        *run,
          ParAttempt *attempt,
          EventType   type,
          guint       detail)
{
  note (run, attempt, simulation_get_time (run->simulation), type, detail);
}

static void
get_reply (Run        *run,
           ParAttempt *attempt,
           Reply      *reply)
{
  Simulation *self = run->simulation;

  note (run, attempt, attempt->started_us, EVENT_START, attempt->kind);
  *reply = (Reply) { 0 };
  self->serve (attempt->index, attempt->number, attempt->started_us - self->started_us, reply,
               self->user_data);
}

static void
count_freed (gpointer data)
{
  g_atomic_int_inc ((int *) data);
}

static void
return_reply (Simulation *self,
              ParAttempt *attempt,
              gboolean    cancelled,
              gboolean    fails)
{
  if (!cancelled && !fails)
    {
      g_atomic_int_inc (&self->n_made);
      par_attempt_return_pointer (attempt, &self->n_freed, count_freed);
    }
  else if (cancelled)
    par_attempt_return_error (attempt, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                                            "not wanted any more"));
  else
    par_attempt_return_error (attempt, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED,
                                                            "the service is down"));
}

/* Returns what an attempt has come to. */
static void
end_call (Call     *call,
          gboolean  cancelled)
{
  g_autoptr(ParAttempt) attempt = g_steal_pointer (&call->attempt);

  g_signal_handler_disconnect (call->cancellable, call->handler);
  note_now (call->run, attempt, EVENT_RETURN, !cancelled && !call->fails);
  return_reply (call->run->simulation, attempt, cancelled, call->fails);
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      data)
{
  Call *call = data;

  note_now (call->run, call->attempt, EVENT_CANCEL, 0);
  if (!call->is_deaf)
    end_call (call, TRUE);
}

/* Nothing comes from outside, so there is nothing to ask the kernel for. */
static int
poll_nothing (GPollFD *fds,
              guint    n_fds,
              int      timeout)
{
  return 0;
}

/* When the next call returns, or G_MAXINT64. Those that were cancelled leave here. */
static gint64
get_next_reply (Simulation *self)
{
  while (self->calls->len > 0)
    {
      Call *call = self->calls->pdata[0];

      if (call->attempt != NULL)
        return call->when_us;

      g_free (pop_call (self->calls));
    }

  return G_MAXINT64;
}

static void
return_replies (Simulation *self)
{
  gint64 now_us = simulation_get_time (self);

  while (get_next_reply (self) <= now_us)
    {
      Call *call = pop_call (self->calls);

      end_call (call, FALSE);
      g_free (call);
    }
}

static void
arm_replies (Simulation *self)
{
  gint64 next_us = get_next_reply (self);

  g_source_set_ready_time (self->replies, next_us < G_MAXINT64 ? next_us : -1);
}

static gboolean
replies_dispatch (GSource     *source,
                  GSourceFunc  callback,
                  gpointer     user_data)
{
  callback (user_data);

  return G_SOURCE_CONTINUE;
}

static gboolean
replies_cb (gpointer data)
{
  return_replies (data);
  arm_replies (data);

  return G_SOURCE_CONTINUE;
}

static GSourceFuncs replies_funcs = { .dispatch = replies_dispatch };

static void
call_async (ParAttempt  *attempt,
            gpointer     data,
            GError     **error)
{
  Run *run = data;
  Simulation *self = run->simulation;
  Call *call = g_new (Call, 1);
  Reply reply;

  get_reply (run, attempt, &reply);
  *call = (Call) {
    .when_us = attempt->started_us + reply.latency_us,
    .order = self->n_calls++,
    .run = run,
    .attempt = g_object_ref (attempt),
    .cancellable = par_attempt_get_cancellable (attempt),
    .fails = reply.fails,
    .is_deaf = reply.is_deaf,
  };
  call->handler = g_signal_connect (call->cancellable, "cancelled", G_CALLBACK (cancelled_cb), call);
  push_call (self->calls, call);
  if (self->replies != NULL)
    arm_replies (self);
}

typedef struct
{
  GMutex lock;
  GCond cond;
} Sleep;

static void
end_sleep (GCancellable *cancellable,
           gpointer      data)
{
  Sleep *sleep = data;

  g_mutex_lock (&sleep->lock);
  g_cond_signal (&sleep->cond);
  g_mutex_unlock (&sleep->lock);
}

static void
count_in_threads (Simulation *self,
                  int         change)
{
  g_mutex_lock (&self->lock);
  self->n_in_threads += change;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
}

static void
call_in_thread (ParAttempt  *attempt,
                gpointer     data,
                GError     **error)
{
  Run *run = data;
  GCancellable *cancellable = par_attempt_get_cancellable (attempt);
  gboolean cancelled = FALSE;
  gulong handler;
  gint64 when_us;
  Reply reply;
  Sleep sleep;

  count_in_threads (run->simulation, 1);
  get_reply (run, attempt, &reply);
  when_us = attempt->started_us + reply.latency_us;

  g_mutex_init (&sleep.lock);
  g_cond_init (&sleep.cond);
  handler = g_cancellable_connect (cancellable, G_CALLBACK (end_sleep), &sleep, NULL);
  g_mutex_lock (&sleep.lock);
  while (!cancelled && g_get_monotonic_time () < when_us)
    {
      g_cond_wait_until (&sleep.cond, &sleep.lock, when_us);
      if (reply.is_deaf || !g_cancellable_is_cancelled (cancellable))
        continue;

      note_now (run, attempt, EVENT_CANCEL, 0);
      cancelled = TRUE;
    }
  g_mutex_unlock (&sleep.lock);
  g_cancellable_disconnect (cancellable, handler);
  g_cond_clear (&sleep.cond);
  g_mutex_clear (&sleep.lock);

  note_now (run, attempt, EVENT_RETURN, !cancelled && !reply.fails);
  return_reply (run->simulation, attempt, cancelled, reply.fails);
  count_in_threads (run->simulation, -1);
}

static void
completed_cb (ParRequests *requests,
              ParRequest  *request,
              gpointer     data)
{
  Run *run = data;

  trace_add (&run->simulation->trace, simulation_get_time (run->simulation), run->number,
             par_request_get_index (request), EVENT_SETTLE, 0, par_request_get_state (request));
}

void
simulation_serve (guint64   index,
                  guint     number,
                  gint64    since_us,
                  Reply    *reply,
                  gpointer  backend)
{
  reply->latency_us = backend_get_latency (backend, index, number);
}

Simulation *
simulation_new (SimulationMode      mode,
                SimulationServeFunc serve,
                gpointer            user_data)
{
  Simulation *self = g_new0 (Simulation, 1);

  self->mode = mode;
  self->serve = serve;
  self->user_data = user_data;
  self->context = g_main_context_new ();
  g_main_context_push_thread_default (self->context);
  /* Else each request would write to it to wake it up. */
  g_main_context_acquire (self->context);
  self->calls = g_ptr_array_new ();
  trace_init (&self->trace, mode == SIMULATION_THREADS);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  if (mode == SIMULATION_CLOCK)
    {
      self->clock = fake_clock_new ();
      g_main_context_set_poll_func (self->context, poll_nothing);
    }
  if (mode == SIMULATION_LOOP)
    {
      self->replies = g_source_new (&replies_funcs, sizeof (GSource));
      g_source_set_callback (self->replies, replies_cb, self, NULL);
      g_source_attach (self->replies, self->context);
    }

  return self;
}

/* Gets the first ParRequests, or the next, which is then made. */
ParRequests *
simulation_get_requests (Simulation *self,
                         guint       run)
{
  for (; self->n_runs <= run; self->n_runs++)
    {
      ParRequests *requests = par_requests_new ();

      self->runs[self->n_runs] = (Run) { self, requests, self->n_runs, NULL, FALSE };
      g_signal_connect (requests, "completed", G_CALLBACK (completed_cb),
                        &self->runs[self->n_runs]);
      if (self->clock != NULL)
        fake_clock_give (self->clock, requests);
    }

  return self->runs[run].requests;
}

Trace *
simulation_get_trace (Simulation *self)
{
  return &self->trace;
}

/* When the run started. */
gint64
simulation_get_start (Simulation *self)
{
  return self->started_us;
}

static void
add_request (Simulation *self,
             Run        *run)
{
  if (self->mode == SIMULATION_THREADS)
    par_requests_add_thread (run->requests, call_in_thread, run, NULL);
  else
    par_requests_add_async (run->requests, call_async, run, NULL);
}

void
simulation_add (Simulation *self,
                guint       run,
                guint       n_requests)
{
  simulation_get_requests (self, run);
  for (guint i = 0; i < n_requests; i++)
    add_request (self, &self->runs[run]);
}

/* Adds a request with a key. */
void
simulation_add_key (Simulation *self,
                    guint       run,
                    const char *key)
{
  ParRequests *requests = simulation_get_requests (self, run);
  g_autoptr(ParRequest) request = NULL;

  if (self->mode == SIMULATION_THREADS)
    request = par_request_new_thread (call_in_thread, &self->runs[run], NULL);
  else
    request = par_request_new_async (call_async, &self->runs[run], NULL);
  par_request_set_key (request, key);
  par_requests_add (requests, request);
}

/* Has requests come one after the other while the run goes on, under the test clock. */
void
simulation_arrive (Simulation *self,
                   guint       n_requests,
                   gint64      interval_us)
{
  g_return_if_fail (self->mode == SIMULATION_CLOCK);

  self->n_arriving = n_requests;
  self->interval_us = interval_us;
  par_requests_hold (simulation_get_requests (self, 0));
}

static gint64
get_next_arrival (Simulation *self)
{
  return self->n_arrived < self->n_arriving
         ? self->started_us + self->n_arrived * self->interval_us : G_MAXINT64;
}

static void
add_arrivals (Simulation *self)
{
  gint64 now_us = fake_clock_get_time (self->clock);

  while (get_next_arrival (self) <= now_us)
    {
      add_request (self, &self->runs[0]);
      if (++self->n_arrived == self->n_arriving)
        par_requests_release (self->runs[0].requests);
    }
}

static void
done_cb (GObject      *requests,
         GAsyncResult *result,
         gpointer      data)
{
  Run *run = data;

  /* Whether all have succeeded is seen in the trace. */
  par_requests_do_finish (PAR_REQUESTS (requests), result, NULL);
  run->is_over = TRUE;
}

static gboolean
is_over (Simulation *self)
{
  for (guint i = 0; i < self->n_runs; i++)
    {
      if (!self->runs[i].is_over)
        return FALSE;
    }

  return TRUE;
}

/* How many attempts have not returned. */
guint64
simulation_count_out (Simulation *self)
{
  guint64 n_out = 0;

  for (guint i = 0; i < self->n_runs; i++)
    {
      g_autoptr(ParStats) stats = par_requests_get_stats (self->runs[i].requests);

      n_out += par_stats_get_n_attempts_running (stats);
    }

  return n_out;
}

/* Does all that is to be done now. */
static void
settle_down (Simulation *self)
{
  while (g_main_context_iteration (self->context, FALSE))
    ;
}

/* Moves the clock on to when something is next, but no further than to @until_us, and does that. */
static void
step (Simulation *self,
      gint64      until_us)
{
  gint64 next_us = MIN (MIN (get_next_reply (self), get_next_arrival (self)), until_us);
  gint64 armed_us = fake_clock_get_next_time (self->clock);

  if (armed_us != PAR_CLOCK_NEVER)
    next_us = MIN (next_us, armed_us);
  if (next_us == G_MAXINT64)
    g_error ("what goes on waits for nothing");

  fake_clock_set_time (self->clock, MAX (next_us, fake_clock_get_time (self->clock)));
  return_replies (self);
  add_arrivals (self);
  settle_down (self);
}

static gpointer
do_in_thread (gpointer data)
{
  Run *run = data;

  /* Whether all have succeeded is seen in the trace. */
  par_requests_do (run->requests, run->cancellable, NULL);
  run->is_over = TRUE;

  return NULL;
}

/* Starts all ParRequests, and returns when their runs are over. */
void
simulation_run (Simulation   *self,
                GCancellable *cancellable)
{
  GThread *threads[MAX_RUNS];

  self->started_us = simulation_get_time (self);
  for (guint i = 0; i < self->n_runs; i++)
    {
      self->runs[i].cancellable = cancellable;
      self->runs[i].is_over = FALSE;
      if (self->mode == SIMULATION_THREADS)
        threads[i] = g_thread_new ("run", do_in_thread, &self->runs[i]);
      else
        par_requests_do_async (self->runs[i].requests, cancellable, done_cb,
                               &self->runs[i]);
    }

  if (self->mode == SIMULATION_THREADS)
    {
      for (guint i = 0; i < self->n_runs; i++)
        g_thread_join (threads[i]);
    }
  else if (self->mode == SIMULATION_CLOCK)
    {
      add_arrivals (self);
      settle_down (self);
      while (!is_over (self))
        step (self, G_MAXINT64);
    }
  else
    {
      while (!is_over (self))
        g_main_context_iteration (self->context, TRUE);
    }
}

static gboolean
note_time (gpointer data)
{
  *(gboolean *) data = TRUE;

  return G_SOURCE_REMOVE;
}

/* Lets so much time pass. */
void
simulation_pass (Simulation *self,
                 gint64      duration_us)
{
  gint64 until_us = simulation_get_time (self) + duration_us;
  gboolean is_time = FALSE;

  if (self->mode == SIMULATION_CLOCK)
    {
      while (fake_clock_get_time (self->clock) < until_us)
        step (self, until_us);
    }
  else
    {
      g_autoptr(GSource) source = g_timeout_source_new (duration_us / 1000);

      g_source_set_callback (source, note_time, &is_time, NULL);
      g_source_attach (source, self->context);
      while (!is_time)
        g_main_context_iteration (self->context, TRUE);
    }
}

/* How many results there were. */
guint
simulation_get_n_made (Simulation *self)
{
  return g_atomic_int_get (&self->n_made);
}

/* How many of them have been destroyed. */
guint
simulation_get_n_freed (Simulation *self)
{
  return g_atomic_int_get (&self->n_freed);
}

/* Waits until all attempts have returned. */
void
simulation_finish (Simulation *self)
{
  g_mutex_lock (&self->lock);
  while (self->n_in_threads > 0)
    g_cond_wait (&self->changed, &self->lock);
  g_mutex_unlock (&self->lock);

  while (simulation_count_out (self) > 0)
    {
      if (self->mode == SIMULATION_CLOCK)
        step (self, G_MAXINT64);
      else if (self->mode == SIMULATION_LOOP)
        g_main_context_iteration (self->context, TRUE);
      else
        g_thread_yield ();
    }
}

/* Waits for that too, and drops the ParRequests: all results must have been destroyed then. */
void
simulation_close (Simulation *self)
{
  simulation_finish (self);
  for (guint i = 0; i < self->n_runs; i++)
    g_object_unref (self->runs[i].requests);
  self->n_runs = 0;
}

void
simulation_free (Simulation *self)
{
  simulation_close (self);
  while (get_next_reply (self) < G_MAXINT64)
    g_assert_not_reached ();
  g_ptr_array_unref (self->calls);
  if (self->replies != NULL)
    {
      g_source_destroy (self->replies);
      g_source_unref (self->replies);
    }
  g_main_context_release (self->context);
  g_main_context_pop_thread_default (self->context);
  g_main_context_unref (self->context);
  if (self->clock != NULL)
    fake_clock_free (self->clock);
  trace_clear (&self->trace);
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->lock);
  g_free (self);
}
