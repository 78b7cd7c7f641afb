/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-requests-private.h"

#include "par-enum-types.h"
#include "par-publisher-private.h"
#include "par-request-private.h"
#include "par-requests-error.h"
#include "par-stats-private.h"
#include "par-task-request-private.h"

/* What pours in is told at this priority, below that at which GTK draws, so that a user interface
 * stays alive; and for so long at a time. */
#define FLOOD_PRIORITY 150
#define FLOOD_TIME_US 4000

typedef struct
{
  ParRequestsPullFunc function;
  gpointer user_data;
  GDestroyNotify destroy;
} ParPull;

/**
 * ParRequests:
 *
 * Runs requests in parallel.
 *
 * Fill it with requests, say how many may be in flight, how long it may take and how often each
 * may be tried, and run it with [method@Requests.do], [method@Requests.do_async] or
 * [method@Requests.next]:
 *
 * ```c
 * static void
 * find_weather (ParAttempt *attempt, gpointer user_data, GError **error)
 * {
 *   g_autofree char *weather = ask_service (user_data, par_attempt_get_cancellable (attempt), error);
 *
 *   if (weather != NULL)
 *     par_attempt_return_string (attempt, weather);
 * }
 *
 * g_autoptr(ParRequests) requests = par_requests_new ();
 * g_autoptr(GError) error = NULL;
 *
 * par_requests_set_concurrency (requests, 3);
 * par_requests_set_timeout (requests, 250);
 * for (guint i = 0; cities[i] != NULL; i++)
 *   par_requests_add_thread (requests, find_weather, g_strdup (cities[i]), g_free);
 *
 * if (!par_requests_do (requests, NULL, &error))
 *   g_printerr ("%s\n", error->message);
 * ```
 *
 * The results come with [signal@Requests::completed], as items of the list model that this is,
 * or from [method@Requests.next]. After a run requests may be added and run again: every run
 * takes the new ones.
 *
 * ## Threads
 *
 * The *owner context* is the thread-default [struct@GLib.MainContext] of the caller of
 * [ctor@Requests.new]; during a run, that of the caller of [method@Requests.do] or its kin. All
 * signals are emitted there, functions' data are freed there, and there the model and the
 * properties that tell of the requests are to be read. Requests may be added, and `concurrency`
 * and `paused` be set, in any thread, also during a run and from inside an attempt.
 *
 * Every `ParRequests` has its own worker threads, so one may be run inside an attempt of another.
 *
 * Since: 0.1
 */
struct _ParRequests
{
  GObject parent_instance;

  ParEngine *engine;

  /* Guarded by the engine's lock. */
  ParRunSettings settings;

  /* Atomic: whether a run is on, from its start until it is told that it is not. */
  int claimed;

  /* The owner's. */
  ParPublisher publisher;
  ParPull *pull;               /* what more requests come from, or NULL */
  gboolean pulling;
  GMainContext *context;       /* the constructor's */
  GThread *thread;             /* who iterates it, as far as is known */
  GMainContext *source_context;  /* (owned) where the source is */
  ParRun *run;
  gulong cancelled_handler;
  GTask *do_task;              /* of do_async() */
  GTask *next_task;            /* of next_async() */
  gulong next_cancelled_handler;
  gboolean blocking;           /* in do() or next() */
  GMainContext *held_context;  /* (owned) acquired by that call, which iterates it */
  gboolean is_over;            /* what the source has found out for that call */
  gboolean fetching;           /* in next() */
  gboolean pulled;             /* the run goes on by next() alone */
  GThread *pulled_owner;       /* who was the owner before that run */
  gboolean at_end;             /* next() has yet to tell of the end of the run */
  GError *end_error;           /* which it ended with */
  gboolean running;
  guint64 n_settled_before;    /* the run */
  double progress;

  /* What was notified last, the owner's too. */
  ParCounts told;
  guint64 told_attempts_running;
  double told_progress;
};

typedef enum
{
  PROP_CONCURRENCY = 1,
  PROP_REDUNDANCY,
  PROP_TIMEOUT,
  PROP_REQUEST_TIMEOUT,
  PROP_ATTEMPT_TIMEOUT,
  PROP_MAX_FAILURES,
  PROP_MIN_SUCCESSES,
  PROP_WAIT_FOR_ATTEMPTS,
  PROP_KEEP_COMPLETED,
  PROP_PAUSED,
  PROP_N_REQUESTS,
  PROP_N_QUEUED,
  PROP_N_RUNNING,
  PROP_N_SUCCEEDED,
  PROP_N_FAILED,
  PROP_N_CANCELLED,
  PROP_N_ATTEMPTS_RUNNING,
  PROP_PROGRESS,
  PROP_RUNNING,
} ParRequestsProperty;

static GParamSpec *properties[PROP_RUNNING + 1];

typedef enum
{
  SIGNAL_STARTED,
  SIGNAL_COMPLETED,
  SIGNAL_FINISHED,
  SIGNAL_ITEMS_CHANGED,  /* of GListModel */
  SIGNAL_NOTIFY,         /* of GObject */
} ParRequestsSignal;

static guint signals[SIGNAL_NOTIFY + 1];

static void par_requests_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ParRequests, par_requests, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL,
                                                      par_requests_list_model_init))

static gboolean
wants_started (gpointer self)
{
  return g_signal_has_handler_pending (self, signals[SIGNAL_STARTED], 0, TRUE);
}

static gboolean
wants_completed (gpointer self)
{
  return g_signal_has_handler_pending (self, signals[SIGNAL_COMPLETED], 0, TRUE);
}

static void
rows_changed_cb (gpointer self,
                 guint64  position,
                 guint64  n_removed,
                 guint64  n_added)
{
  g_list_model_items_changed (self, position, n_removed, n_added);
}

static void
started_cb (gpointer        self,
            ParRequest     *request,
            guint           number,
            ParAttemptKind  kind)
{
  g_signal_emit (self, signals[SIGNAL_STARTED], 0, request, number, kind);
}

static void
completed_cb (gpointer    self,
              ParRequest *request)
{
  g_signal_emit (self, signals[SIGNAL_COMPLETED], 0, request);
}

static void
tell (ParRequests         *self,
      ParRequestsProperty  property)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

static void
counts_changed_cb (gpointer user_data)
{
  ParRequests *self = user_data;
  ParCounts told = self->told;
  guint64 told_attempts_running = self->told_attempts_running;
  ParCounts counts;

  par_publisher_get_counts (&self->publisher, &counts);
  if (self->running)
    {
      guint64 n_total = counts.n_requests - self->n_settled_before;

      self->progress = n_total == 0 ? 0
                       : (double) (par_counts_settled (&counts) - self->n_settled_before) / n_total;
    }

  self->told = counts;
  self->told_attempts_running = self->publisher.n_attempts_running;

  if (counts.n_requests != told.n_requests)
    tell (self, PROP_N_REQUESTS);
  if (counts.n_queued != told.n_queued)
    tell (self, PROP_N_QUEUED);
  if (counts.n_running != told.n_running)
    tell (self, PROP_N_RUNNING);
  if (counts.n_succeeded != told.n_succeeded)
    tell (self, PROP_N_SUCCEEDED);
  if (counts.n_failed != told.n_failed)
    tell (self, PROP_N_FAILED);
  if (counts.n_cancelled != told.n_cancelled)
    tell (self, PROP_N_CANCELLED);
  if (self->publisher.n_attempts_running != told_attempts_running)
    tell (self, PROP_N_ATTEMPTS_RUNNING);
  if (self->progress != self->told_progress)
    {
      self->told_progress = self->progress;
      tell (self, PROP_PROGRESS);
    }
}

static void
deferred_cb (gpointer self,
             guint    bits)
{
  for (guint property = 1; property <= PROP_RUNNING; property++)
    {
      if (bits & (1u << property))
        tell (self, property);
    }
}

static const ParPublisherClient publisher_client = {
  .wants_started = wants_started,
  .wants_completed = wants_completed,
  .rows_changed = rows_changed_cb,
  .started = started_cb,
  .completed = completed_cb,
  .counts_changed = counts_changed_cb,
  .deferred = deferred_cb,
};

static void
wake_cb (GCancellable *cancellable,
         gpointer      engine)
{
  par_engine_wake (engine);
}

/* Has the owner look at @cancellable as soon as it is cancelled. One that is cancelled already is
 * looked at anyway; and were this its handler, to disconnect from it would wait for itself. */
static gulong
watch_cancellable (ParRequests  *self,
                   GCancellable *cancellable)
{
  if (cancellable == NULL || g_cancellable_is_cancelled (cancellable))
    return 0;

  return g_cancellable_connect (cancellable, G_CALLBACK (wake_cb),
                                par_host_ref (self->engine), par_host_unref);
}

static gboolean
has_answer (ParRequests *self)
{
  return !g_queue_is_empty (&self->publisher.fetched) || self->at_end;
}

static gboolean
is_fetching (ParRequests *self)
{
  return self->next_task != NULL || (self->fetching && !has_answer (self));
}

static gboolean finish_run (ParRequests  *self,
                            gboolean      is_told,
                            GError      **error);
static void answer_next (ParRequests *self);
static void end_next (ParRequests *self);

static void
free_pull (ParPull *pull)
{
  if (pull->destroy != NULL)
    pull->destroy (pull->user_data);
  g_free (pull);
}

static void
set_pull (ParRequests *self,
          ParPull     *pull)
{
  ParPull *old = self->pull;

  self->pull = pull;
  par_engine_set_source (self->engine, pull != NULL);

  /* One that is being called is freed when it has returned. */
  if (old != NULL && !self->pulling)
    free_pull (old);
}

/* Has the source add requests, if few are queued. */
static void
pull (ParRequests *self,
      gint64       until_us)
{
  ParPull *pull = self->pull;
  GError *error = NULL;
  gboolean more = TRUE;
  guint64 n_settled;

  if (pull == NULL || self->pulling)
    return;

  /* take_answer() has it pulled again. */
  if (!g_queue_is_empty (&self->publisher.fetched))
    {
      par_engine_rest_source (self->engine, FALSE, 0);
      return;
    }

  self->pulling = TRUE;
  for (gboolean again = FALSE;
       more && pull == self->pull && par_engine_wants_pull (self->engine, again, &n_settled);
       again = TRUE)
    {
      guint64 n_before = par_engine_get_n_published (self->engine);

      more = pull->function (self, pull->user_data, &error);
      if (error != NULL)
        more = FALSE;
      else if (more && par_engine_get_n_published (self->engine) == n_before)
        par_engine_rest_source (self->engine, TRUE, n_settled);
      if (until_us > 0 && g_get_monotonic_time () >= until_us)
        break;
    }
  self->pulling = FALSE;

  if (pull != self->pull)
    free_pull (pull);
  else if (!more)
    set_pull (self, NULL);
  if (error != NULL)
    par_engine_break (self->engine, error);
}

/* Tells what has happened, has the source add more, and starts what is started in the owner
 * context. Returns whether there is more of that to be started. */
static gboolean
look (ParRequests *self,
      guint        max_settled,
      gint64       until_us,
      gboolean    *is_over)
{
  *is_over = par_publisher_dispatch (&self->publisher, max_settled, until_us);
  if (*is_over)
    return FALSE;

  pull (self, until_us);
  /* A call that does not have the context yet gets it first. */
  if (self->blocking && self->held_context == NULL)
    return FALSE;

  return par_engine_start_async (self->engine, until_us);
}

typedef struct
{
  GSource source;
  GWeakRef requests;
} ParRequestsSource;

static gboolean
par_requests_source_dispatch (GSource     *source,
                              GSourceFunc  callback,
                              gpointer     user_data)
{
  g_autoptr(ParRequests) self = g_weak_ref_get (&((ParRequestsSource *) source)->requests);
  guint max_settled = PAR_NEWS_MAX_SETTLED;
  gboolean is_over = FALSE;
  gboolean more;
  int priority;

  /* It is being finalized in another thread, which destroys the source. */
  if (self == NULL)
    return G_SOURCE_CONTINUE;

  if (!par_engine_start_dispatch (self->engine, source))
    return G_SOURCE_CONTINUE;

  if (self->source_context == self->context)
    self->thread = g_thread_self ();
  if (self->pulled)
    max_settled = is_fetching (self) ? 1 : 0;
  more = look (self, max_settled, g_get_monotonic_time () + FLOOD_TIME_US, &is_over);
  if (self->blocking)
    self->is_over |= is_over;
  else if (is_over)
    end_next (self);
  answer_next (self);

  /* A callback may have asked for the next request, and there may be one. */
  more = more
         || (par_publisher_has_more (&self->publisher) && (!self->pulled || is_fetching (self)))
         || (self->next_task != NULL && has_answer (self));
  priority = more ? FLOOD_PRIORITY : G_PRIORITY_DEFAULT;
  if (g_source_get_priority (source) != priority && !g_source_is_destroyed (source))
    g_source_set_priority (source, priority);
  par_engine_end_dispatch (self->engine, more);

  return G_SOURCE_CONTINUE;
}

static void
par_requests_source_finalize (GSource *source)
{
  g_weak_ref_clear (&((ParRequestsSource *) source)->requests);
}

static GSourceFuncs source_funcs = {
  .dispatch = par_requests_source_dispatch,
  .finalize = par_requests_source_finalize,
};

/* Waits for news in @context from now on, where @thread is the owner. */
static void
attach_source (ParRequests  *self,
               GMainContext *context,
               GThread      *thread)
{
  GSource *source;

  if (context == self->source_context)
    return;

  g_clear_pointer (&self->source_context, g_main_context_unref);
  self->source_context = g_main_context_ref (context);
  source = g_source_new (&source_funcs, sizeof (ParRequestsSource));
  g_weak_ref_init (&((ParRequestsSource *) source)->requests, self);
  g_source_set_static_name (source, "[Par] requests");
  g_source_attach (source, context);
  par_engine_set_waker (self->engine, source, thread);
}

/* Acquires the caller's main context for a call that blocks. */
static gboolean
hold_context (ParRequests  *self,
              GError      **error)
{
  g_autoptr(GMainContext) context = g_main_context_ref_thread_default ();

  if (!g_main_context_acquire (context))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                           "async requests need the main context of the thread that waits for "
                           "them, which another thread has; give this thread one of its own, by "
                           "g_main_context_push_thread_default(), or run them without blocking");
      return FALSE;
    }

  /* A source that is being dispatched is not dispatched again meanwhile, so this call gets one of
   * its own. */
  if (g_main_depth () > 0)
    g_clear_pointer (&self->source_context, g_main_context_unref);
  self->held_context = g_steal_pointer (&context);

  return TRUE;
}

static void
release_context (ParRequests *self)
{
  if (self->held_context == NULL)
    return;

  g_main_context_release (self->held_context);
  g_clear_pointer (&self->held_context, g_main_context_unref);
}

/* Looks and waits, in a call that blocks, until there is something new. */
static void
look_and_wait (ParRequests *self,
               guint        max_settled,
               gboolean     may_nap)
{
  gboolean needs_context = par_engine_needs_context (self->engine);
  gboolean is_over, more;

  if (needs_context && self->held_context == NULL)
    {
      GError *error = NULL;

      if (!hold_context (self, &error))
        par_engine_break (self->engine, error);
    }
  if (self->held_context != NULL)
    attach_source (self, self->held_context, g_thread_self ());

  more = look (self, max_settled, 0, &is_over);
  self->is_over |= is_over;
  if (self->is_over || more || par_publisher_has_more (&self->publisher)
      || (self->fetching && has_answer (self)))
    return;

  if (needs_context && self->held_context != NULL)
    par_engine_wait_in (self->engine, self->held_context);
  else
    par_engine_wait (self->engine, may_nap);
}

static void
begin_blocking (ParRequests *self)
{
  self->blocking = TRUE;
  self->is_over = FALSE;
}

static void
end_blocking (ParRequests *self)
{
  self->blocking = FALSE;
  release_context (self);
}

static void
set_pending (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING,
                       "these requests are being run already; wait for the end of that run, or "
                       "add to it");
}

static gboolean
claim (ParRequests  *self,
       GError      **error)
{
  if (g_atomic_int_compare_and_exchange (&self->claimed, FALSE, TRUE))
    return TRUE;

  set_pending (error);

  return FALSE;
}

/* Whether the caller may fetch requests of the run that is on. */
static gboolean
may_fetch (ParRequests *self)
{
  return par_engine_is_owner (self->engine) && self->next_task == NULL && !self->fetching
         && (self->pulled || self->do_task != NULL);
}

/* Whether there is something for the caller that was fetched before. */
static gboolean
may_take_answer (ParRequests *self)
{
  return par_engine_is_owner (self->engine) && self->next_task == NULL && !self->fetching
         && has_answer (self);
}

/* Tells all there is to tell. Returns whether the run is over. */
static gboolean
drain (ParRequests *self)
{
  gboolean is_over = FALSE;

  do
    is_over |= par_publisher_dispatch (&self->publisher, PAR_NEWS_MAX_SETTLED, 0);
  while (par_publisher_has_more (&self->publisher));

  return is_over;
}

/* Starts a run, which has been claimed, and of which the caller is the owner. */
static void
begin_run (ParRequests  *self,
           GCancellable *cancellable)
{
  ParRunSettings settings;

  /* What has happened before the run is not part of it. */
  drain (self);

  g_queue_clear_full (&self->publisher.fetched, g_object_unref);
  g_clear_error (&self->end_error);
  self->at_end = FALSE;

  par_host_lock (&self->engine->scheduler.host);
  settings = self->settings;
  par_host_unlock (&self->engine->scheduler.host);

  self->publisher.keep_completed = settings.keep_completed;
  self->publisher.keep_fetched = FALSE;
  self->n_settled_before = par_counts_settled (&self->publisher.settled);
  self->progress = 0;
  self->running = TRUE;
  tell (self, PROP_RUNNING);

  self->run = g_new (ParRun, 1);
  par_run_init (self->run, &settings, cancellable, par_clock_now (self->engine->scheduler.clock));
  par_engine_want_starts (self->engine, wants_started (self));
  par_engine_begin (self->engine, self->run);
  self->cancelled_handler = watch_cancellable (self, cancellable);
}

/* Ends the run, which is over. Handlers of "finished" may start the next, so whoever waits for the
 * end of this one has been told, or gets @error, or else is told by the next next(). */
static gboolean
finish_run (ParRequests  *self,
            gboolean      is_told,
            GError      **error)
{
  ParRun *run = g_steal_pointer (&self->run);
  g_autoptr(GTask) task = g_steal_pointer (&self->do_task);
  g_autoptr(GError) own_error = NULL;
  gboolean success = par_run_judge (run, &own_error);

  g_cancellable_disconnect (run->cancellable, self->cancelled_handler);
  par_run_clear (run);
  g_free (run);

  if (self->publisher.keep_fetched && !is_told)
    {
      self->at_end = TRUE;
      self->end_error = own_error != NULL ? g_error_copy (own_error) : NULL;
    }
  self->pulled = FALSE;
  par_engine_hold_back (self->engine, FALSE);
  attach_source (self, self->context, self->thread);

  self->progress = 1;
  self->running = FALSE;
  counts_changed_cb (self);
  tell (self, PROP_RUNNING);
  g_atomic_int_set (&self->claimed, FALSE);
  g_signal_emit (self, signals[SIGNAL_FINISHED], 0);

  if (task != NULL && success)
    g_task_return_boolean (task, TRUE);
  else if (task != NULL)
    g_task_return_error (task, g_error_copy (own_error));
  if (!success)
    g_propagate_error (error, g_steal_pointer (&own_error));

  return success;
}

/* Ends a run that went on by the source, and tells who waits in next_async(). */
static void
end_next (ParRequests *self)
{
  g_autoptr(GTask) task = NULL;
  GError *error = NULL;

  if (g_queue_is_empty (&self->publisher.fetched))
    task = g_steal_pointer (&self->next_task);
  if (task != NULL)
    g_cancellable_disconnect (g_task_get_cancellable (task), self->next_cancelled_handler);

  finish_run (self, task != NULL, &error);

  if (task != NULL && error != NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else if (task != NULL)
    g_task_return_pointer (task, NULL, NULL);
  g_clear_error (&error);
}

/* Takes the next request that was fetched; NULL, with the error of the run, is the end. */
static ParRequest *
take_answer (ParRequests  *self,
             GError      **error)
{
  ParRequest *request = g_queue_pop_head (&self->publisher.fetched);

  if (request != NULL && self->pull != NULL && g_queue_is_empty (&self->publisher.fetched))
    par_engine_set_source (self->engine, TRUE);

  if (request == NULL)
    {
      self->at_end = FALSE;
      if (self->end_error != NULL)
        g_propagate_error (error, g_steal_pointer (&self->end_error));
    }

  return request;
}

/* Gives who waits in next_async() what there is. */
static void
answer_next (ParRequests *self)
{
  g_autoptr(GTask) task = NULL;
  GError *error = NULL;
  ParRequest *request = NULL;
  GCancellable *cancellable;
  gboolean cancelled;

  if (self->next_task == NULL)
    return;

  cancellable = g_task_get_cancellable (self->next_task);
  cancelled = cancellable != NULL && g_cancellable_is_cancelled (cancellable);
  if (cancelled && self->pulled)
    par_engine_cancel (self->engine);
  if (!has_answer (self) && (!cancelled || self->pulled))
    return;

  task = g_steal_pointer (&self->next_task);
  g_cancellable_disconnect (cancellable, self->next_cancelled_handler);
  if (self->pulled)
    par_engine_hold_back (self->engine, TRUE);

  if (has_answer (self))
    request = take_answer (self, &error);
  else
    g_cancellable_set_error_if_cancelled (cancellable, &error);

  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, request, g_object_unref);
}

static GType
par_requests_get_item_type (GListModel *model)
{
  return PAR_TYPE_REQUEST;
}

static guint
par_requests_get_n_items (GListModel *model)
{
  return MIN (par_publisher_get_n_rows (&PAR_REQUESTS (model)->publisher), G_MAXUINT);
}

static gpointer
par_requests_get_item (GListModel *model,
                       guint       position)
{
  ParRequests *self = PAR_REQUESTS (model);
  guint64 index;

  if (!par_engine_find_row (self->engine, position, &index))
    return NULL;

  return par_publisher_get_request (&self->publisher, index);
}

static void
par_requests_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = par_requests_get_item_type;
  iface->get_n_items = par_requests_get_n_items;
  iface->get_item = par_requests_get_item;
}

static void
par_requests_get_property (GObject    *object,
                           guint       prop_id,
                           GValue     *value,
                           GParamSpec *pspec)
{
  ParRequests *self = PAR_REQUESTS (object);

  switch ((ParRequestsProperty) prop_id)
    {
    case PROP_CONCURRENCY:
      g_value_set_uint (value, par_requests_get_concurrency (self));
      break;

    case PROP_REDUNDANCY:
      g_value_set_uint (value, par_requests_get_redundancy (self));
      break;

    case PROP_TIMEOUT:
      g_value_set_uint (value, par_requests_get_timeout (self));
      break;

    case PROP_REQUEST_TIMEOUT:
      g_value_set_uint (value, par_requests_get_request_timeout (self));
      break;

    case PROP_ATTEMPT_TIMEOUT:
      g_value_set_uint (value, par_requests_get_attempt_timeout (self));
      break;

    case PROP_MAX_FAILURES:
      g_value_set_int (value, par_requests_get_max_failures (self));
      break;

    case PROP_MIN_SUCCESSES:
      g_value_set_uint (value, par_requests_get_min_successes (self));
      break;

    case PROP_WAIT_FOR_ATTEMPTS:
      g_value_set_boolean (value, par_requests_get_wait_for_attempts (self));
      break;

    case PROP_KEEP_COMPLETED:
      g_value_set_boolean (value, par_requests_get_keep_completed (self));
      break;

    case PROP_PAUSED:
      g_value_set_boolean (value, par_requests_get_paused (self));
      break;

    case PROP_N_REQUESTS:
      g_value_set_uint64 (value, par_requests_get_n_requests (self));
      break;

    case PROP_N_QUEUED:
      g_value_set_uint64 (value, par_requests_get_n_queued (self));
      break;

    case PROP_N_RUNNING:
      g_value_set_uint64 (value, par_requests_get_n_running (self));
      break;

    case PROP_N_SUCCEEDED:
      g_value_set_uint64 (value, par_requests_get_n_succeeded (self));
      break;

    case PROP_N_FAILED:
      g_value_set_uint64 (value, par_requests_get_n_failed (self));
      break;

    case PROP_N_CANCELLED:
      g_value_set_uint64 (value, par_requests_get_n_cancelled (self));
      break;

    case PROP_N_ATTEMPTS_RUNNING:
      g_value_set_uint64 (value, par_requests_get_n_attempts_running (self));
      break;

    case PROP_PROGRESS:
      g_value_set_double (value, par_requests_get_progress (self));
      break;

    case PROP_RUNNING:
      g_value_set_boolean (value, par_requests_is_running (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_requests_set_property (GObject      *object,
                           guint         prop_id,
                           const GValue *value,
                           GParamSpec   *pspec)
{
  ParRequests *self = PAR_REQUESTS (object);

  switch ((ParRequestsProperty) prop_id)
    {
    case PROP_CONCURRENCY:
      par_requests_set_concurrency (self, g_value_get_uint (value));
      break;

    case PROP_REDUNDANCY:
      par_requests_set_redundancy (self, g_value_get_uint (value));
      break;

    case PROP_TIMEOUT:
      par_requests_set_timeout (self, g_value_get_uint (value));
      break;

    case PROP_REQUEST_TIMEOUT:
      par_requests_set_request_timeout (self, g_value_get_uint (value));
      break;

    case PROP_ATTEMPT_TIMEOUT:
      par_requests_set_attempt_timeout (self, g_value_get_uint (value));
      break;

    case PROP_MAX_FAILURES:
      par_requests_set_max_failures (self, g_value_get_int (value));
      break;

    case PROP_MIN_SUCCESSES:
      par_requests_set_min_successes (self, g_value_get_uint (value));
      break;

    case PROP_WAIT_FOR_ATTEMPTS:
      par_requests_set_wait_for_attempts (self, g_value_get_boolean (value));
      break;

    case PROP_KEEP_COMPLETED:
      par_requests_set_keep_completed (self, g_value_get_boolean (value));
      break;

    case PROP_PAUSED:
      par_requests_set_paused (self, g_value_get_boolean (value));
      break;

    case PROP_N_REQUESTS:
    case PROP_N_QUEUED:
    case PROP_N_RUNNING:
    case PROP_N_SUCCEEDED:
    case PROP_N_FAILED:
    case PROP_N_CANCELLED:
    case PROP_N_ATTEMPTS_RUNNING:
    case PROP_PROGRESS:
    case PROP_RUNNING:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_requests_finalize (GObject *object)
{
  ParRequests *self = PAR_REQUESTS (object);

  /* Nobody listens any more, but a request that somebody kept is to settle. Only a run that went
   * on by next() can still be on, since all others have a reference. */
  self->publisher.client = NULL;
  par_engine_enter (self->engine);
  par_engine_cancel (self->engine);
  if (self->run != NULL)
    {
      par_engine_hold_back (self->engine, FALSE);
      if (!drain (self))
        par_engine_finish (self->engine);
      g_cancellable_disconnect (self->run->cancellable, self->cancelled_handler);
      par_run_clear (self->run);
      g_free (self->run);
      par_engine_cancel (self->engine);
    }
  drain (self);
  par_engine_close (self->engine);
  par_publisher_clear (&self->publisher);
  par_host_unref (self->engine);
  g_clear_pointer (&self->pull, free_pull);
  g_clear_error (&self->end_error);
  g_main_context_unref (self->source_context);
  g_main_context_unref (self->context);

  G_OBJECT_CLASS (par_requests_parent_class)->finalize (object);
}

static void
par_requests_class_init (ParRequestsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = par_requests_get_property;
  object_class->set_property = par_requests_set_property;
  object_class->finalize = par_requests_finalize;

  /**
   * ParRequests:concurrency: (getter get_concurrency) (setter set_concurrency)
   *
   * How many attempts may be in flight at once.
   *
   * If 0, there is no bound. **Unbounded thread requests suit hundreds, not millions, that block:**
   * each needs a thread for as long as it does.
   *
   * It may be changed during a run: raising it takes effect at once, lowering it ends nothing.
   *
   * Since: 0.1
   */
  properties[PROP_CONCURRENCY] =
    g_param_spec_uint ("concurrency", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:redundancy: (getter get_redundancy) (setter set_redundancy)
   *
   * How many copies of every request are made at once.
   *
   * The first success is the result, and the other attempts are cancelled. Without a bound every
   * first attempt is started before any second; with one, the copies of a running request go before
   * new requests, since they could not help it later. A copy of a settled request is not started.
   *
   * Read when a run starts.
   *
   * Since: 0.1
   */
  properties[PROP_REDUNDANCY] =
    g_param_spec_uint ("redundancy", NULL, NULL,
                       1, 64, 1,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:timeout: (getter get_timeout) (setter set_timeout)
   *
   * How long a run may take, in milliseconds.
   *
   * Then it fails with `G_IO_ERROR_TIMED_OUT` and what has not settled is cancelled. If 0, there is
   * no limit.
   *
   * Read when a run starts.
   *
   * Since: 0.1
   */
  properties[PROP_TIMEOUT] =
    g_param_spec_uint ("timeout", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:request-timeout: (getter get_request_timeout) (setter set_request_timeout)
   *
   * How long one request may take, in milliseconds.
   *
   * It counts from the start of the first attempt and for all attempts together. Then the request
   * has failed with `G_IO_ERROR_TIMED_OUT`. If 0, there is no limit.
   *
   * Read when a run starts.
   *
   * Since: 0.1
   */
  properties[PROP_REQUEST_TIMEOUT] =
    g_param_spec_uint ("request-timeout", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:attempt-timeout: (getter get_attempt_timeout) (setter set_attempt_timeout)
   *
   * How long one attempt may take, in milliseconds.
   *
   * Then the attempt has failed with `G_IO_ERROR_TIMED_OUT` and its cancellable is cancelled. If 0,
   * there is no limit.
   *
   * Read when a run starts.
   *
   * Since: 0.1
   */
  properties[PROP_ATTEMPT_TIMEOUT] =
    g_param_spec_uint ("attempt-timeout", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:max-failures: (getter get_max_failures) (setter set_max_failures)
   *
   * How many requests may fail before the rest is cancelled.
   *
   * If 0, the first failure ends the run; if -1, there is no limit.
   *
   * Read when a run starts.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_FAILURES] =
    g_param_spec_int ("max-failures", NULL, NULL,
                      -1, G_MAXINT, -1,
                      G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:min-successes: (getter get_min_successes) (setter set_min_successes)
   *
   * How many requests must succeed for the run to succeed.
   *
   * When so many have, the rest is cancelled. If 0, all requests are wanted.
   *
   * Read when a run starts.
   *
   * Since: 0.1
   */
  properties[PROP_MIN_SUCCESSES] =
    g_param_spec_uint ("min-successes", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:wait-for-attempts: (getter get_wait_for_attempts) (setter set_wait_for_attempts)
   *
   * Whether a run waits for attempts whose outcome does not count any more.
   *
   * If `FALSE`, a run is over as soon as all requests have settled, also when it timed out or was
   * cancelled, though losing or deaf attempts still run; what they use lives until they return. If
   * `TRUE`, it is over when every attempt has returned.
   *
   * Read when a run starts.
   *
   * Since: 0.1
   */
  properties[PROP_WAIT_FOR_ATTEMPTS] =
    g_param_spec_boolean ("wait-for-attempts", NULL, NULL,
                          FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:keep-completed: (getter get_keep_completed) (setter set_keep_completed)
   *
   * Whether requests stay in the model after they have completed.
   *
   * If `FALSE`, each is removed after its [signal@Requests::completed], so that a run of any length
   * needs no more memory.
   *
   * Read when a run starts.
   *
   * Since: 0.1
   */
  properties[PROP_KEEP_COMPLETED] =
    g_param_spec_boolean ("keep-completed", NULL, NULL,
                          TRUE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:paused: (getter get_paused) (setter set_paused)
   *
   * Whether nothing new is started.
   *
   * What runs goes on, and so do deadlines. It may be changed during a run.
   *
   * Since: 0.1
   */
  properties[PROP_PAUSED] =
    g_param_spec_boolean ("paused", NULL, NULL,
                          FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:n-requests: (getter get_n_requests)
   *
   * How many requests have been added.
   *
   * They are the sum of those that are queued, that run, and that have succeeded, failed or were
   * cancelled.
   *
   * Since: 0.1
   */
  properties[PROP_N_REQUESTS] =
    g_param_spec_uint64 ("n-requests", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:n-queued: (getter get_n_queued)
   *
   * How many requests have not been started.
   *
   * Since: 0.1
   */
  properties[PROP_N_QUEUED] =
    g_param_spec_uint64 ("n-queued", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:n-running: (getter get_n_running)
   *
   * How many requests have been started and have not settled.
   *
   * Since: 0.1
   */
  properties[PROP_N_RUNNING] =
    g_param_spec_uint64 ("n-running", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:n-succeeded: (getter get_n_succeeded)
   *
   * How many requests have succeeded.
   *
   * Since: 0.1
   */
  properties[PROP_N_SUCCEEDED] =
    g_param_spec_uint64 ("n-succeeded", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:n-failed: (getter get_n_failed)
   *
   * How many requests have failed.
   *
   * Since: 0.1
   */
  properties[PROP_N_FAILED] =
    g_param_spec_uint64 ("n-failed", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:n-cancelled: (getter get_n_cancelled)
   *
   * How many requests were cancelled.
   *
   * Since: 0.1
   */
  properties[PROP_N_CANCELLED] =
    g_param_spec_uint64 ("n-cancelled", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:n-attempts-running: (getter get_n_attempts_running)
   *
   * How many attempts have not returned.
   *
   * Since: 0.1
   */
  properties[PROP_N_ATTEMPTS_RUNNING] =
    g_param_spec_uint64 ("n-attempts-running", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:progress: (getter get_progress)
   *
   * Which share of the requests of the run has settled.
   *
   * It is 0 before the first run, and stays 1 after one.
   *
   * Since: 0.1
   */
  properties[PROP_PROGRESS] =
    g_param_spec_double ("progress", NULL, NULL,
                         0, 1, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:running: (getter is_running)
   *
   * Whether a run is on.
   *
   * Since: 0.1
   */
  properties[PROP_RUNNING] =
    g_param_spec_boolean ("running", NULL, NULL,
                          FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);

  /**
   * ParRequests::started:
   * @self: the requests
   * @request: a request
   * @number: which attempt at it this is, from 1
   * @kind: why it is made
   *
   * An attempt has been started.
   *
   * Emitted in the owner context, where it may come after the attempt has ended, but always
   * before the request's [signal@Requests::completed].
   *
   * Since: 0.1
   */
  signals[SIGNAL_STARTED] =
    g_signal_new ("started",
                  G_TYPE_FROM_CLASS (klass),
                  G_SIGNAL_RUN_LAST,
                  0, NULL, NULL, NULL,
                  G_TYPE_NONE, 3,
                  PAR_TYPE_REQUEST, G_TYPE_UINT, PAR_TYPE_ATTEMPT_KIND);

  /**
   * ParRequests::completed:
   * @self: the requests
   * @request: a request
   *
   * A request has settled: it has succeeded, failed or was cancelled.
   *
   * Emitted once for every request, in the owner context, in the order in which they settled.
   *
   * Since: 0.1
   */
  signals[SIGNAL_COMPLETED] =
    g_signal_new ("completed",
                  G_TYPE_FROM_CLASS (klass),
                  G_SIGNAL_RUN_LAST,
                  0, NULL, NULL,
                  g_cclosure_marshal_VOID__OBJECT,
                  G_TYPE_NONE, 1,
                  PAR_TYPE_REQUEST);
  g_signal_set_va_marshaller (signals[SIGNAL_COMPLETED], G_TYPE_FROM_CLASS (klass),
                              g_cclosure_marshal_VOID__OBJECTv);

  /**
   * ParRequests::finished:
   * @self: the requests
   *
   * A run is over.
   *
   * Emitted in the owner context, after the last [signal@Requests::completed] and before the
   * run's caller gets its answer. A handler may start the next run.
   *
   * Since: 0.1
   */
  signals[SIGNAL_FINISHED] =
    g_signal_new ("finished",
                  G_TYPE_FROM_CLASS (klass),
                  G_SIGNAL_RUN_LAST,
                  0, NULL, NULL, NULL,
                  G_TYPE_NONE, 0);

  signals[SIGNAL_ITEMS_CHANGED] = g_signal_lookup ("items-changed", G_TYPE_LIST_MODEL);
  signals[SIGNAL_NOTIFY] = g_signal_lookup ("notify", G_TYPE_OBJECT);
}

static void
par_requests_init (ParRequests *self)
{
  self->settings.redundancy = 1;
  self->settings.max_failures = -1;
  self->settings.keep_completed = TRUE;
  self->engine = par_engine_new (par_request_make, par_request_adopt);
  self->context = g_main_context_ref_thread_default ();
  par_publisher_init (&self->publisher, self->engine, &publisher_client, self);
  self->thread = g_thread_self ();
  attach_source (self, self->context, self->thread);
}

/**
 * par_requests_new:
 *
 * Creates an empty set of requests.
 *
 * Returns: (transfer full): the requests
 *
 * Since: 0.1
 */
ParRequests *
par_requests_new (void)
{
  return g_object_new (PAR_TYPE_REQUESTS, NULL);
}

/* Has the source answer @task. */
static void
begin_next (ParRequests *self,
            GTask       *task)
{
  self->next_task = g_object_ref (task);
  self->next_cancelled_handler = watch_cancellable (self, g_task_get_cancellable (task));
  self->publisher.keep_fetched = TRUE;
  par_engine_hold_back (self->engine, FALSE);
}

/* Starts a run that tells of its requests in the context of @task, which is the caller's. All is
 * in place before anybody else may become the owner. */
static void
begin_async (ParRequests *self,
             GTask       *task,
             gboolean     pulled)
{
  GThread *owner = par_engine_enter (self->engine);

  begin_run (self, g_task_get_cancellable (task));
  self->pulled = pulled;
  if (pulled)
    begin_next (self, task);
  else
    self->do_task = g_object_ref (task);
  if (g_task_get_context (task) != self->context)
    {
      attach_source (self, g_task_get_context (task), NULL);
      owner = g_thread_self ();
    }
  self->pulled_owner = owner;
  par_engine_exit (self->engine, owner, FALSE);
}

/* Notifies of a property that was set, in the owner context. */
static void
notify_set (ParRequests         *self,
            ParRequestsProperty  property)
{
  if (!par_engine_defer (self->engine, property))
    tell (self, property);
}

/* Sets a setting, which the engine's lock guards. */
static void
set_setting (ParRequests         *self,
             int                 *setting,
             int                  value,
             ParRequestsProperty  property)
{
  gboolean changed;

  par_host_lock (&self->engine->scheduler.host);
  changed = *setting != value;
  *setting = value;
  par_host_unlock (&self->engine->scheduler.host);

  if (changed)
    notify_set (self, property);
}

static int
get_setting (ParRequests *self,
             int         *setting)
{
  int value;

  par_host_lock (&self->engine->scheduler.host);
  value = *setting;
  par_host_unlock (&self->engine->scheduler.host);

  return value;
}

/**
 * par_requests_get_concurrency: (get-property concurrency)
 * @self: the requests
 *
 * Gets how many attempts may be in flight at once.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_requests_get_concurrency (ParRequests *self)
{
  guint concurrency;

  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  par_host_lock (&self->engine->scheduler.host);
  concurrency = self->engine->scheduler.concurrency;
  par_host_unlock (&self->engine->scheduler.host);

  return concurrency;
}

/**
 * par_requests_set_concurrency: (set-property concurrency)
 * @self: the requests
 * @concurrency: how many attempts may be in flight at once
 *
 * Sets how many attempts may be in flight at once.
 *
 * If 0, there is no bound. **Unbounded thread requests suit hundreds, not millions, that block:**
 * each needs a thread for as long as it does.
 *
 * It may be changed during a run: raising it takes effect at once, lowering it ends nothing.
 *
 * Since: 0.1
 */
void
par_requests_set_concurrency (ParRequests *self,
                              guint        concurrency)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (concurrency <= G_MAXINT);

  if (par_engine_set_concurrency (self->engine, concurrency))
    notify_set (self, PROP_CONCURRENCY);
}

/**
 * par_requests_get_redundancy: (get-property redundancy)
 * @self: the requests
 *
 * Gets how many copies of every request are made at once.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_requests_get_redundancy (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return get_setting (self, (int *) &self->settings.redundancy);
}

/**
 * par_requests_set_redundancy: (set-property redundancy)
 * @self: the requests
 * @redundancy: how many copies of every request are made at once
 *
 * Sets how many copies of every request are made at once.
 *
 * The first success is the result, and the other attempts are cancelled. Without a bound every
 * first attempt is started before any second; with one, the copies of a running request go before
 * new requests, since they could not help it later. A copy of a settled request is not started.
 *
 * Read when a run starts.
 *
 * Since: 0.1
 */
void
par_requests_set_redundancy (ParRequests *self,
                             guint        redundancy)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (redundancy >= 1 && redundancy <= 64);

  set_setting (self, (int *) &self->settings.redundancy, redundancy, PROP_REDUNDANCY);
}

/**
 * par_requests_get_timeout: (get-property timeout)
 * @self: the requests
 *
 * Gets how long a run may take, in milliseconds.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_requests_get_timeout (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return get_setting (self, (int *) &self->settings.timeout);
}

/**
 * par_requests_set_timeout: (set-property timeout)
 * @self: the requests
 * @timeout: how long a run may take, in milliseconds
 *
 * Sets how long a run may take, in milliseconds.
 *
 * Then it fails with `G_IO_ERROR_TIMED_OUT` and what has not settled is cancelled. If 0, there is
 * no limit.
 *
 * Read when a run starts.
 *
 * Since: 0.1
 */
void
par_requests_set_timeout (ParRequests *self,
                          guint        timeout)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (timeout <= G_MAXINT);

  set_setting (self, (int *) &self->settings.timeout, timeout, PROP_TIMEOUT);
}

/**
 * par_requests_get_request_timeout: (get-property request-timeout)
 * @self: the requests
 *
 * Gets how long one request may take, in milliseconds.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_requests_get_request_timeout (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return get_setting (self, (int *) &self->settings.request_timeout);
}

/**
 * par_requests_set_request_timeout: (set-property request-timeout)
 * @self: the requests
 * @request_timeout: how long one request may take, in milliseconds
 *
 * Sets how long one request may take, in milliseconds.
 *
 * It counts from the start of the first attempt and for all attempts together. Then the request
 * has failed with `G_IO_ERROR_TIMED_OUT`. If 0, there is no limit.
 *
 * Read when a run starts.
 *
 * Since: 0.1
 */
void
par_requests_set_request_timeout (ParRequests *self,
                                  guint        request_timeout)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (request_timeout <= G_MAXINT);

  set_setting (self, (int *) &self->settings.request_timeout, request_timeout, PROP_REQUEST_TIMEOUT);
}

/**
 * par_requests_get_attempt_timeout: (get-property attempt-timeout)
 * @self: the requests
 *
 * Gets how long one attempt may take, in milliseconds.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_requests_get_attempt_timeout (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return get_setting (self, (int *) &self->settings.attempt_timeout);
}

/**
 * par_requests_set_attempt_timeout: (set-property attempt-timeout)
 * @self: the requests
 * @attempt_timeout: how long one attempt may take, in milliseconds
 *
 * Sets how long one attempt may take, in milliseconds.
 *
 * Then the attempt has failed with `G_IO_ERROR_TIMED_OUT` and its cancellable is cancelled. If 0,
 * there is no limit.
 *
 * Read when a run starts.
 *
 * Since: 0.1
 */
void
par_requests_set_attempt_timeout (ParRequests *self,
                                  guint        attempt_timeout)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (attempt_timeout <= G_MAXINT);

  set_setting (self, (int *) &self->settings.attempt_timeout, attempt_timeout, PROP_ATTEMPT_TIMEOUT);
}

/**
 * par_requests_get_max_failures: (get-property max-failures)
 * @self: the requests
 *
 * Gets how many requests may fail before the rest is cancelled.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
int
par_requests_get_max_failures (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), -1);

  return get_setting (self, &self->settings.max_failures);
}

/**
 * par_requests_set_max_failures: (set-property max-failures)
 * @self: the requests
 * @max_failures: how many requests may fail before the rest is cancelled
 *
 * Sets how many requests may fail before the rest is cancelled.
 *
 * If 0, the first failure ends the run; if -1, there is no limit.
 *
 * Read when a run starts.
 *
 * Since: 0.1
 */
void
par_requests_set_max_failures (ParRequests *self,
                               int          max_failures)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (max_failures >= -1);

  set_setting (self, &self->settings.max_failures, max_failures, PROP_MAX_FAILURES);
}

/**
 * par_requests_get_min_successes: (get-property min-successes)
 * @self: the requests
 *
 * Gets how many requests must succeed for the run to succeed.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_requests_get_min_successes (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return get_setting (self, (int *) &self->settings.min_successes);
}

/**
 * par_requests_set_min_successes: (set-property min-successes)
 * @self: the requests
 * @min_successes: how many requests must succeed for the run to succeed
 *
 * Sets how many requests must succeed for the run to succeed.
 *
 * When so many have, the rest is cancelled. If 0, all requests are wanted.
 *
 * Read when a run starts.
 *
 * Since: 0.1
 */
void
par_requests_set_min_successes (ParRequests *self,
                                guint        min_successes)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (min_successes <= G_MAXINT);

  set_setting (self, (int *) &self->settings.min_successes, min_successes, PROP_MIN_SUCCESSES);
}

/**
 * par_requests_get_wait_for_attempts: (get-property wait-for-attempts)
 * @self: the requests
 *
 * Gets whether a run waits for attempts whose outcome does not count any more.
 *
 * Returns: `TRUE` if so
 *
 * Since: 0.1
 */
gboolean
par_requests_get_wait_for_attempts (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), FALSE);

  return get_setting (self, &self->settings.wait_for_attempts);
}

/**
 * par_requests_set_wait_for_attempts: (set-property wait-for-attempts)
 * @self: the requests
 * @wait_for_attempts: whether a run waits for attempts whose outcome does not count any more
 *
 * Sets whether a run waits for attempts whose outcome does not count any more.
 *
 * If `FALSE`, a run is over as soon as all requests have settled, also when it timed out or was
 * cancelled, though losing or deaf attempts still run; what they use lives until they return. If
 * `TRUE`, it is over when every attempt has returned.
 *
 * Read when a run starts.
 *
 * Since: 0.1
 */
void
par_requests_set_wait_for_attempts (ParRequests *self,
                                    gboolean     wait_for_attempts)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));

  set_setting (self, &self->settings.wait_for_attempts, !!wait_for_attempts, PROP_WAIT_FOR_ATTEMPTS);
}

/**
 * par_requests_get_keep_completed: (get-property keep-completed)
 * @self: the requests
 *
 * Gets whether requests stay in the model after they have completed.
 *
 * Returns: `TRUE` if so
 *
 * Since: 0.1
 */
gboolean
par_requests_get_keep_completed (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), FALSE);

  return get_setting (self, &self->settings.keep_completed);
}

/**
 * par_requests_set_keep_completed: (set-property keep-completed)
 * @self: the requests
 * @keep_completed: whether requests stay in the model after they have completed
 *
 * Sets whether requests stay in the model after they have completed.
 *
 * If `FALSE`, each is removed after its [signal@Requests::completed], so that a run of any length
 * needs no more memory.
 *
 * Read when a run starts.
 *
 * Since: 0.1
 */
void
par_requests_set_keep_completed (ParRequests *self,
                                 gboolean     keep_completed)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));

  set_setting (self, &self->settings.keep_completed, !!keep_completed, PROP_KEEP_COMPLETED);
}

/**
 * par_requests_get_paused: (get-property paused)
 * @self: the requests
 *
 * Gets whether nothing new is started.
 *
 * Returns: `TRUE` if so
 *
 * Since: 0.1
 */
gboolean
par_requests_get_paused (ParRequests *self)
{
  gboolean paused;

  g_return_val_if_fail (PAR_IS_REQUESTS (self), FALSE);

  par_host_lock (&self->engine->scheduler.host);
  paused = self->engine->scheduler.paused;
  par_host_unlock (&self->engine->scheduler.host);

  return paused;
}

/**
 * par_requests_set_paused: (set-property paused)
 * @self: the requests
 * @paused: whether nothing new is started
 *
 * Sets whether nothing new is started.
 *
 * What runs goes on, and so do deadlines. It may be changed during a run.
 *
 * Since: 0.1
 */
void
par_requests_set_paused (ParRequests *self,
                         gboolean     paused)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));

  if (par_engine_set_paused (self->engine, !!paused))
    notify_set (self, PROP_PAUSED);
}

static ParCounts
get_counts (ParRequests *self)
{
  ParCounts counts;

  par_publisher_get_counts (&self->publisher, &counts);

  return counts;
}

/**
 * par_requests_get_n_requests: (get-property n-requests)
 * @self: the requests
 *
 * Gets how many requests have been added.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_requests_get_n_requests (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return get_counts (self).n_requests;
}

/**
 * par_requests_get_n_queued: (get-property n-queued)
 * @self: the requests
 *
 * Gets how many requests have not been started.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_requests_get_n_queued (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return get_counts (self).n_queued;
}

/**
 * par_requests_get_n_running: (get-property n-running)
 * @self: the requests
 *
 * Gets how many requests have been started and have not settled.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_requests_get_n_running (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return get_counts (self).n_running;
}

/**
 * par_requests_get_n_succeeded: (get-property n-succeeded)
 * @self: the requests
 *
 * Gets how many requests have succeeded.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_requests_get_n_succeeded (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return get_counts (self).n_succeeded;
}

/**
 * par_requests_get_n_failed: (get-property n-failed)
 * @self: the requests
 *
 * Gets how many requests have failed.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_requests_get_n_failed (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return get_counts (self).n_failed;
}

/**
 * par_requests_get_n_cancelled: (get-property n-cancelled)
 * @self: the requests
 *
 * Gets how many requests were cancelled.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
par_requests_get_n_cancelled (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return get_counts (self).n_cancelled;
}

/**
 * par_requests_get_n_attempts_running: (get-property n-attempts-running)
 * @self: the requests
 *
 * Gets how many attempts have not returned.
 *
 * Returns: the number of attempts
 *
 * Since: 0.1
 */
guint64
par_requests_get_n_attempts_running (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return self->publisher.n_attempts_running;
}

/**
 * par_requests_get_progress: (get-property progress)
 * @self: the requests
 *
 * Gets which share of the requests of the run has settled.
 *
 * Returns: the share, from 0 to 1
 *
 * Since: 0.1
 */
double
par_requests_get_progress (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), 0);

  return self->progress;
}

/**
 * par_requests_is_running: (get-property running)
 * @self: the requests
 *
 * Gets whether a run is on.
 *
 * Returns: `TRUE` from the start of a run until just before [signal@Requests::finished]
 *
 * Since: 0.1
 */
gboolean
par_requests_is_running (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), FALSE);

  return self->running;
}

/* To emit signals nobody hears would cost more than all the rest of adding a request. Mostly there
 * are no handlers at all, which is known soonest. */
static gboolean
has_handlers (ParRequests *self)
{
  return g_signal_handler_find (self, G_SIGNAL_MATCH_UNBLOCKED, 0, 0, NULL, NULL, NULL) != 0;
}

static gboolean
wants_rows (ParRequests *self)
{
  return g_signal_has_handler_pending (self, signals[SIGNAL_ITEMS_CHANGED], 0, TRUE)
         || g_signal_has_handler_pending (self, signals[SIGNAL_NOTIFY], 0, TRUE);
}

static guint64
add_record (ParRequests    *self,
            gboolean        is_async,
            ParRequestFunc  function,
            gpointer        user_data,
            GDestroyNotify  destroy,
            ParRequest     *object)
{
  int priority = object != NULL ? par_request_get_priority (object) : 0;
  gboolean once = object != NULL && !par_request_get_idempotent (object);
  guint64 *n_heard = NULL;
  guint64 n_new = 0;
  guint64 index;

  if (has_handlers (self))
    {
      /* During a run it may start before the owner looks. */
      if (g_atomic_int_get (&self->claimed) && wants_started (self))
        par_engine_want_starts (self->engine, TRUE);
      if (wants_rows (self))
        n_heard = &n_new;
    }

  index = par_engine_add (self->engine, is_async, function, user_data, destroy, object, priority,
                          once, n_heard);
  if (n_new > 0)
    {
      par_publisher_add_rows (&self->publisher, n_new);
      par_engine_end_publish (self->engine);
    }

  return index;
}

/**
 * par_requests_add_thread:
 * @self: the requests
 * @function: (scope notified) (closure user_data) (destroy destroy): makes one attempt, **in a
 *   worker thread**
 * @user_data: data for @function
 * @destroy: frees @user_data
 *
 * Adds a request whose function is called **in a worker thread**.
 *
 * This may be called from any thread, also during a run, and from inside an attempt. @destroy is
 * called in the owner context as soon as the request has settled and all of its attempts have
 * returned; if that is after a blocking run has returned, by the worker.
 *
 * JavaScript may not run off the main thread: there the request fails with
 * [NO_RESULT][error@Par.RequestsError.NO_RESULT].
 *
 * Returns: the index of the request, a running number, or `G_MAXUINT64` if it was refused
 *
 * Since: 0.1
 */
guint64
par_requests_add_thread (ParRequests    *self,
                         ParRequestFunc  function,
                         gpointer        user_data,
                         GDestroyNotify  destroy)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), G_MAXUINT64);
  g_return_val_if_fail (function != NULL, G_MAXUINT64);

  return add_record (self, FALSE, function, user_data, destroy, NULL);
}

/**
 * par_requests_add_async:
 * @self: the requests
 * @function: (scope notified) (closure user_data) (destroy destroy): starts one attempt, in the
 *   owner context
 * @user_data: data for @function
 * @destroy: frees @user_data
 *
 * Adds a request whose function is called in the owner context.
 *
 * The function must not block: it starts something, keeps a reference to its [class@Attempt], and
 * returns the result through that, at once or later, from any thread:
 *
 * ```c
 * static void
 * loaded_cb (GObject *file, GAsyncResult *result, gpointer data)
 * {
 *   g_autoptr(ParAttempt) attempt = data;
 *   g_autoptr(GError) error = NULL;
 *   g_autoptr(GBytes) bytes = g_file_load_bytes_finish (G_FILE (file), result, NULL, &error);
 *
 *   if (bytes != NULL)
 *     par_attempt_return_bytes (attempt, bytes);
 *   else
 *     par_attempt_return_error (attempt, g_steal_pointer (&error));
 * }
 *
 * static void
 * load_file (ParAttempt *attempt, gpointer file, GError **error)
 * {
 *   g_file_load_bytes_async (file, par_attempt_get_cancellable (attempt), loaded_cb,
 *                            g_object_ref (attempt));
 * }
 * ```
 *
 * If the attempt is dropped without a result the request has failed with
 * [NO_RESULT][error@Par.RequestsError.NO_RESULT].
 *
 * This may be called from any thread, also during a run, and from inside an attempt. @destroy is
 * called in the owner context as soon as the request has settled and all of its attempts have
 * ended.
 *
 * Returns: the index of the request, a running number, or `G_MAXUINT64` if it was refused
 *
 * Since: 0.1
 */
guint64
par_requests_add_async (ParRequests    *self,
                        ParRequestFunc  function,
                        gpointer        user_data,
                        GDestroyNotify  destroy)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), G_MAXUINT64);
  g_return_val_if_fail (function != NULL, G_MAXUINT64);

  return add_record (self, TRUE, function, user_data, destroy, NULL);
}

/**
 * par_requests_add_task: (skip)
 * @self: the requests
 * @task: a task of the caller's
 * @function: what would be given to [method@Gio.Task.run_in_thread]
 *
 * Adds a task to be run **in a worker thread** of these requests.
 *
 * This takes the place of [method@Gio.Task.run_in_thread]: the task returns to its own callback.
 * The cancellable that @function is given is cancelled with the task's own, and also when Par
 * does not want the result any more. There is one attempt. If the run ends before it has been
 * started, the task returns the error of the request.
 *
 * The request has failed if the task had an error. Its value is the task, either way.
 *
 * Returns: the index of the request, or `G_MAXUINT64` if it was refused
 *
 * Since: 0.1
 */
guint64
par_requests_add_task (ParRequests     *self,
                       GTask           *task,
                       GTaskThreadFunc  function)
{
  g_autoptr(ParRequest) request = NULL;

  g_return_val_if_fail (PAR_IS_REQUESTS (self), G_MAXUINT64);
  g_return_val_if_fail (G_IS_TASK (task), G_MAXUINT64);
  g_return_val_if_fail (function != NULL, G_MAXUINT64);

  request = par_task_request_new (task, function);

  return par_requests_add (self, request);
}

static void
run_request (ParAttempt  *attempt,
             gpointer     request,
             GError     **error)
{
  PAR_REQUEST_GET_CLASS (request)->run (request, attempt, error);
}

static void
start_request (ParAttempt  *attempt,
               gpointer     request,
               GError     **error)
{
  PAR_REQUEST_GET_CLASS (request)->start (request, attempt, error);
}

/**
 * par_requests_add:
 * @self: the requests
 * @request: a request that has not been added anywhere
 *
 * Adds a prepared request.
 *
 * Its `key`, `priority` and `idempotent` are fixed from here on. This may be called from any
 * thread, also during a run.
 *
 * Returns: the index of the request, or `G_MAXUINT64` if it was refused
 *
 * Since: 0.1
 */
guint64
par_requests_add (ParRequests *self,
                  ParRequest  *request)
{
  gboolean is_async;

  g_return_val_if_fail (PAR_IS_REQUESTS (self), G_MAXUINT64);
  g_return_val_if_fail (PAR_IS_REQUEST (request), G_MAXUINT64);

  is_async = par_request_can_start (request);
  if (!is_async && !par_request_can_run (request))
    {
      g_critical ("A %s has nothing to run: make it with par_request_new_thread() or "
                  "par_request_new_async(), or implement run() or start() in its class",
                  G_OBJECT_TYPE_NAME (request));
      return G_MAXUINT64;
    }
  if (!par_request_claim (request))
    {
      g_critical ("Request %" G_GUINT64_FORMAT " has been added already: make a new request for "
                  "each time it is to be run", par_request_get_index (request));
      return G_MAXUINT64;
    }

  return add_record (self, is_async, is_async ? start_request : run_request,
                     g_object_ref (request), par_request_release, g_object_ref (request));
}

/**
 * par_requests_set_source:
 * @self: the requests
 * @function: (nullable) (scope notified) (closure user_data) (destroy destroy): adds more requests
 * @user_data: data for @function
 * @destroy: frees @user_data
 *
 * Has requests added while a run goes on, when few are queued.
 *
 * The function is called in the owner context, when there are no more requests queued than half
 * of those that may be in flight, and until there are as many as may be, but no more than 64; so
 * many also where there is no bound. It adds some, and returns `TRUE` while more are to come. If it
 * adds none though it returns `TRUE`, it is called again when another request has settled. When it
 * has returned `FALSE`, it is dropped, and the run ends when all requests have settled. An error
 * ends the run, with that error.
 *
 * It is not called while requests that [method@Requests.next] should fetch are waiting, nor once
 * the run has timed out, was cancelled, or has had enough failures or successes. It then stays,
 * for the next run. Without a bound all that comes is started at once, so set
 * [property@Requests:concurrency]; and for a run of any length in constant memory, set
 * [property@Requests:keep-completed] to `FALSE`:
 *
 * ```c
 * static gboolean
 * add_line (ParRequests *requests, gpointer stream, GError **error)
 * {
 *   char *line = g_data_input_stream_read_line_utf8 (stream, NULL, NULL, error);
 *
 *   if (line != NULL)
 *     par_requests_add_thread (requests, handle_line, line, g_free);
 *
 *   return line != NULL;
 * }
 *
 * par_requests_set_source (requests, add_line, g_object_ref (stream), g_object_unref);
 * ```
 *
 * To be called in the owner context. There is one source: another takes its place.
 *
 * Since: 0.1
 */
void
par_requests_set_source (ParRequests         *self,
                         ParRequestsPullFunc  function,
                         gpointer             user_data,
                         GDestroyNotify       destroy)
{
  ParPull *pull = NULL;

  g_return_if_fail (PAR_IS_REQUESTS (self));

  if (function != NULL)
    {
      pull = g_new (ParPull, 1);
      *pull = (ParPull) { function, user_data, destroy };
    }
  set_pull (self, pull);
}

/**
 * par_requests_get_request:
 * @self: the requests
 * @index: an index
 *
 * Gets a request by its index.
 *
 * To be called in the owner context.
 *
 * Returns: (transfer full) (nullable): the request, or `NULL` if there is none of that index or it
 *   was removed after it completed
 *
 * Since: 0.1
 */
ParRequest *
par_requests_get_request (ParRequests *self,
                          guint64      index)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), NULL);

  return par_publisher_get_request (&self->publisher, index);
}

/**
 * par_requests_hold:
 * @self: the requests
 *
 * Keeps a run open though nothing is queued or running.
 *
 * Holds add up; each wants a [method@Requests.release]. They do not keep a run that timed out,
 * was cancelled, or has had enough failures or successes. This may be called from any thread.
 *
 * Since: 0.1
 */
void
par_requests_hold (ParRequests *self)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));

  par_engine_hold (self->engine);
}

/**
 * par_requests_release:
 * @self: the requests
 *
 * Takes back one [method@Requests.hold].
 *
 * This may be called from any thread.
 *
 * Since: 0.1
 */
void
par_requests_release (ParRequests *self)
{
  gboolean held;

  g_return_if_fail (PAR_IS_REQUESTS (self));

  held = par_engine_release (self->engine);
  g_return_if_fail (held);
}

/**
 * par_requests_do:
 * @self: the requests
 * @cancellable: (nullable): ends the run early
 * @error: return location for an error
 *
 * Runs all queued requests, and those that are added meanwhile, until they have settled.
 *
 * This blocks, and emits the signals in the caller's thread. With thread requests only, it
 * dispatches nothing else of the caller's main context. With async requests, also such that are
 * added meanwhile, it iterates the caller's thread-default main context, and so dispatches all
 * that is ready there; if another thread has that context, it fails with
 * `G_IO_ERROR_NOT_SUPPORTED`.
 *
 * It fails with [FAILED][error@Par.RequestsError.FAILED] if a request did not succeed, with
 * `G_IO_ERROR_TIMED_OUT` after [property@Requests:timeout], with `G_IO_ERROR_CANCELLED`, with
 * `G_IO_ERROR_PENDING` if a run is on, from inside an attempt too, and with the error of
 * [ctor@GLib.Thread.try_new] if there is not a single thread to be had. Whatever has succeeded by
 * then can be read.
 *
 * Returns: `TRUE` if every request has succeeded, or [property@Requests:min-successes] of them
 *
 * Since: 0.1
 */
gboolean
par_requests_do (ParRequests   *self,
                 GCancellable  *cancellable,
                 GError       **error)
{
  GThread *owner;
  gboolean success;

  g_return_val_if_fail (PAR_IS_REQUESTS (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!claim (self, error))
    return FALSE;

  if (par_engine_needs_context (self->engine) && !hold_context (self, error))
    {
      g_atomic_int_set (&self->claimed, FALSE);
      return FALSE;
    }

  /* A handler may drop the last reference there is. */
  g_object_ref (self);
  owner = par_engine_enter (self->engine);
  begin_run (self, cancellable);
  begin_blocking (self);
  while (!self->is_over)
    look_and_wait (self, PAR_NEWS_MAX_SETTLED, TRUE);
  end_blocking (self);
  success = finish_run (self, TRUE, error);
  par_engine_exit (self->engine, owner, TRUE);
  g_object_unref (self);

  return success;
}

/**
 * par_requests_do_async:
 * @self: the requests
 * @cancellable: (nullable): ends the run early
 * @callback: (scope async) (closure user_data): called when the run is over
 * @user_data: data for @callback
 *
 * Runs all queued requests, and those that are added meanwhile, without blocking.
 *
 * The signals are emitted and @callback is called in the thread-default main context of the
 * caller. See [method@Requests.do].
 *
 * Since: 0.1
 */
void
par_requests_do_async (ParRequests         *self,
                       GCancellable        *cancellable,
                       GAsyncReadyCallback  callback,
                       gpointer             user_data)
{
  g_autoptr(GTask) task = NULL;
  GError *error = NULL;

  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, par_requests_do_async);
  /* A run that has succeeded is not to be turned into a cancelled one. */
  g_task_set_check_cancellable (task, FALSE);

  if (!claim (self, &error))
    {
      g_task_return_error (task, error);
      return;
    }

  begin_async (self, task, FALSE);
}

/**
 * par_requests_do_finish:
 * @self: the requests
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets how a run ended that was started with [method@Requests.do_async].
 *
 * Returns: `TRUE` if every request has succeeded, or [property@Requests:min-successes] of them
 *
 * Since: 0.1
 */
gboolean
par_requests_do_finish (ParRequests   *self,
                        GAsyncResult  *result,
                        GError       **error)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * par_requests_next:
 * @self: the requests
 * @cancellable: (nullable): ends the run early, or the waiting
 * @error: return location for an error
 *
 * Waits for the next request to settle.
 *
 * This starts a run if none is on, and gives its requests in the order in which they settle,
 * cancelled ones too, then `NULL`. Requests may be added all the while: the run is over when this
 * returns `NULL`. The error, if the run ended with one, comes with that `NULL`.
 *
 * Such a run tells of its requests only while this is being called, and only then, or when the
 * owner context is iterated, are attempts that are too late or have lost cancelled. The caller's
 * thread is the owner until the run is over. If a run of
 * [method@Requests.do_async] is on, its requests are given from the first call on, and
 * @cancellable ends only the waiting. While another thread runs the requests, this fails with
 * `G_IO_ERROR_PENDING`.
 *
 * Returns: (transfer full) (nullable): a request that has settled, or `NULL` at the end
 *
 * Since: 0.1
 */
ParRequest *
par_requests_next (ParRequests   *self,
                   GCancellable  *cancellable,
                   GError       **error)
{
  ParRequest *request = NULL;
  gulong handler;

  g_return_val_if_fail (PAR_IS_REQUESTS (self), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (may_take_answer (self))
    return take_answer (self, error);

  if (claim (self, NULL))
    {
      g_object_ref (self);
      self->pulled_owner = par_engine_enter (self->engine);
      begin_run (self, cancellable);
      self->pulled = TRUE;
    }
  else if (may_fetch (self))
    {
      g_object_ref (self);
      par_engine_enter (self->engine);
    }
  else
    {
      set_pending (error);
      return NULL;
    }

  self->fetching = TRUE;
  self->publisher.keep_fetched = TRUE;
  par_engine_hold_back (self->engine, FALSE);
  handler = watch_cancellable (self, cancellable);

  begin_blocking (self);
  while (!has_answer (self) && !self->is_over)
    {
      if (cancellable != NULL && g_cancellable_is_cancelled (cancellable))
        {
          if (!self->pulled)
            break;
          par_engine_cancel (self->engine);
        }
      look_and_wait (self, 1, FALSE);
    }
  end_blocking (self);

  g_cancellable_disconnect (cancellable, handler);
  self->fetching = FALSE;

  if (self->is_over)
    {
      gboolean was_pulled = self->pulled;
      gboolean is_told = g_queue_is_empty (&self->publisher.fetched);
      GThread *owner = was_pulled ? self->pulled_owner : g_thread_self ();

      finish_run (self, is_told, is_told ? error : NULL);
      if (!is_told)
        request = take_answer (self, error);
      par_engine_exit (self->engine, owner, was_pulled);
      g_object_unref (self);
      return request;
    }

  if (has_answer (self))
    request = take_answer (self, error);
  else
    g_cancellable_set_error_if_cancelled (cancellable, error);

  /* Between two calls the caller stays the owner. */
  if (self->pulled)
    par_engine_hold_back (self->engine, TRUE);
  par_engine_exit (self->engine, g_thread_self (), FALSE);
  g_object_unref (self);

  return request;
}

/**
 * par_requests_next_async:
 * @self: the requests
 * @cancellable: (nullable): ends the run early, or the waiting
 * @callback: (scope async) (closure user_data): called when a request has settled
 * @user_data: data for @callback
 *
 * Waits for the next request to settle, without blocking.
 *
 * Only one such call may be pending; a second one fails with `G_IO_ERROR_PENDING`. See
 * [method@Requests.next].
 *
 * Since: 0.1
 */
void
par_requests_next_async (ParRequests         *self,
                         GCancellable        *cancellable,
                         GAsyncReadyCallback  callback,
                         gpointer             user_data)
{
  g_autoptr(GTask) task = NULL;
  GError *error = NULL;

  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, par_requests_next_async);
  g_task_set_check_cancellable (task, FALSE);

  if (!may_take_answer (self) && claim (self, NULL))
    {
      begin_async (self, task, TRUE);
    }
  else if (may_take_answer (self) || may_fetch (self))
    {
      begin_next (self, task);
      par_engine_wake (self->engine);
    }
  else
    {
      set_pending (&error);
      g_task_return_error (task, error);
    }
}

/**
 * par_requests_next_finish:
 * @self: the requests
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets the request for which [method@Requests.next_async] waited.
 *
 * Returns: (transfer full) (nullable): a request that has settled, or `NULL` at the end
 *
 * Since: 0.1
 */
ParRequest *
par_requests_next_finish (ParRequests   *self,
                          GAsyncResult  *result,
                          GError       **error)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * par_requests_get_stats:
 * @self: the requests
 *
 * Gets figures of these requests, all of one instant.
 *
 * This may be called from any thread.
 *
 * Returns: (transfer full): the figures
 *
 * Since: 0.1
 */
ParStats *
par_requests_get_stats (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), NULL);

  return par_stats_new (self->engine);
}

ParEngine *
par_requests_get_engine (ParRequests *self)
{
  return self->engine;
}
