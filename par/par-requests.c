/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-requests-private.h"

#include "par-argument-private.h"
#include "par-driver-private.h"
#include "par-enum-types.h"
#include "par-request-private.h"
#include "par-requests-error.h"
#include "par-stats-private.h"
#include "par-task-request-private.h"

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
  ParFunction *function;       /* of requests that are added as arguments */

  /* The owner's. */
  ParDriver driver;
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
  PROP_HEDGE,
  PROP_RETRY,
  PROP_LIMITER,
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

/* Of one property or of all: g_signal_has_handler_pending() would look for one of them. */
static gboolean
wants_counts (gpointer self)
{
  return g_signal_handler_find (self, G_SIGNAL_MATCH_ID | G_SIGNAL_MATCH_UNBLOCKED,
                                signals[SIGNAL_NOTIFY], 0, NULL, NULL, NULL) != 0;
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

  par_publisher_get_counts (&self->driver.publisher, &counts);
  if (self->running)
    {
      guint64 n_total = counts.n_requests - self->n_settled_before;

      self->progress = n_total == 0 ? 0
                       : (double) (par_counts_settled (&counts) - self->n_settled_before) / n_total;
    }

  self->told = counts;
  self->told_attempts_running = self->driver.publisher.n_attempts_running;

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
  if (self->driver.publisher.n_attempts_running != told_attempts_running)
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
  .wants_counts = wants_counts,
  .rows_changed = rows_changed_cb,
  .started = started_cb,
  .completed = completed_cb,
  .counts_changed = counts_changed_cb,
  .deferred = deferred_cb,
};

static void
ref_if_set (gpointer object)
{
  if (object != NULL)
    g_object_ref (object);
}

static void
get_settings_cb (gpointer        user_data,
                 ParRunSettings *settings)
{
  ParRequests *self = user_data;

  par_host_lock (&self->engine->scheduler.host);
  *settings = self->settings;
  ref_if_set (settings->hedge);
  ref_if_set (settings->retry);
  ref_if_set (settings->limiter);
  par_host_unlock (&self->engine->scheduler.host);
}

static void
started_run_cb (gpointer user_data)
{
  ParRequests *self = user_data;

  self->n_settled_before = par_counts_settled (&self->driver.publisher.settled);
  self->progress = 0;
  self->running = TRUE;
  tell (self, PROP_RUNNING);
}

static void
ended_run_cb (gpointer user_data)
{
  ParRequests *self = user_data;

  self->progress = 1;
  self->running = FALSE;
  counts_changed_cb (self);
  tell (self, PROP_RUNNING);
}

static void
finished_cb (gpointer user_data)
{
  g_signal_emit (user_data, signals[SIGNAL_FINISHED], 0);
}

static const ParDriverClient driver_client = {
  .get_settings = get_settings_cb,
  .started_run = started_run_cb,
  .ended_run = ended_run_cb,
  .finished = finished_cb,
};

static GType
par_requests_get_item_type (GListModel *model)
{
  return PAR_TYPE_REQUEST;
}

static guint
par_requests_get_n_items (GListModel *model)
{
  return MIN (par_publisher_get_n_rows (&PAR_REQUESTS (model)->driver.publisher), G_MAXUINT);
}

static gpointer
par_requests_get_item (GListModel *model,
                       guint       position)
{
  ParRequests *self = PAR_REQUESTS (model);
  guint64 index;

  if (!par_engine_find_row (self->engine, position, &index))
    return NULL;

  return par_publisher_get_request (&self->driver.publisher, index);
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

    case PROP_HEDGE:
      g_value_take_object (value, par_requests_get_hedge (self));
      break;

    case PROP_RETRY:
      g_value_take_object (value, par_requests_get_retry (self));
      break;

    case PROP_LIMITER:
      g_value_take_object (value, par_requests_get_limiter (self));
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

    case PROP_HEDGE:
      par_requests_set_hedge (self, g_value_get_object (value));
      break;

    case PROP_RETRY:
      par_requests_set_retry (self, g_value_get_object (value));
      break;

    case PROP_LIMITER:
      par_requests_set_limiter (self, g_value_get_object (value));
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

/* Whoever disposes of requests that are in a run, as a language may have to when it ends, ends it
 * at once, from any thread. */
static void
par_requests_dispose (GObject *object)
{
  ParRequests *self = PAR_REQUESTS (object);

  par_engine_stop (self->engine);

  G_OBJECT_CLASS (par_requests_parent_class)->dispose (object);
}

static void
par_requests_finalize (GObject *object)
{
  ParRequests *self = PAR_REQUESTS (object);

  par_thread_dispatcher_surround (&self->engine->threads, NULL, NULL, NULL);
  par_driver_clear (&self->driver);
  par_host_unref (self->engine);
  g_clear_object (&self->settings.hedge);
  g_clear_object (&self->settings.retry);
  g_clear_object (&self->settings.limiter);
  g_clear_pointer (&self->function, par_function_unref);

  G_OBJECT_CLASS (par_requests_parent_class)->finalize (object);
}

static void
par_requests_class_init (ParRequestsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = par_requests_get_property;
  object_class->set_property = par_requests_set_property;
  object_class->dispose = par_requests_dispose;
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
   * ParRequests:hedge: (getter get_hedge) (setter set_hedge)
   *
   * What makes another attempt at a request that takes long.
   *
   * Each request may then have attempts beyond its first, as the [class@Hedge] says. It may be
   * shared by several [class@Requests], and learns from all of them.
   *
   * Read when a run starts.
   *
   * Since: 0.1
   */
  properties[PROP_HEDGE] =
    g_param_spec_object ("hedge", NULL, NULL,
                         PAR_TYPE_HEDGE,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:retry: (getter get_retry) (setter set_retry)
   *
   * What makes another attempt at a request that has failed.
   *
   * A request that waits for its next attempt counts as running, but has neither a slot nor a
   * permit. It may be shared by several [class@Requests].
   *
   * Read when a run starts.
   *
   * Since: 0.1
   */
  properties[PROP_RETRY] =
    g_param_spec_object ("retry", NULL, NULL,
                         PAR_TYPE_RETRY,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequests:limiter: (getter get_limiter) (setter set_limiter)
   *
   * What limits how many attempts run at once, or start in a second.
   *
   * It may be shared by several [class@Requests], which then have the limit together.
   *
   * Read when a run starts.
   *
   * Since: 0.1
   */
  properties[PROP_LIMITER] =
    g_param_spec_object ("limiter", NULL, NULL,
                         PAR_TYPE_LIMITER,
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
  par_driver_init (&self->driver, G_OBJECT (self), self->engine, &driver_client, &publisher_client);
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

/* Gets a policy, which the engine's lock guards, with a reference. */
static gpointer
get_policy (ParRequests *self,
            gpointer     policy)
{
  GObject **object = policy;
  gpointer value;

  par_host_lock (&self->engine->scheduler.host);
  value = *object;
  ref_if_set (value);
  par_host_unlock (&self->engine->scheduler.host);

  return value;
}

static void
set_policy (ParRequests         *self,
            gpointer             policy,
            gpointer             value,
            ParRequestsProperty  property)
{
  GObject **object = policy;
  gpointer old;

  ref_if_set (value);
  par_host_lock (&self->engine->scheduler.host);
  old = *object;
  *object = value;
  par_host_unlock (&self->engine->scheduler.host);

  if (old != value)
    notify_set (self, property);
  g_clear_object (&old);
}

/**
 * par_requests_get_hedge: (get-property hedge)
 * @self: the requests
 *
 * Gets what makes another attempt at a request that takes long.
 *
 * Returns: (transfer full) (nullable): the policy
 *
 * Since: 0.1
 */
ParHedge *
par_requests_get_hedge (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), NULL);

  return get_policy (self, &self->settings.hedge);
}

/**
 * par_requests_set_hedge: (set-property hedge)
 * @self: the requests
 * @hedge: (nullable): the policy
 *
 * Sets what makes another attempt at a request that takes long.
 *
 * Each request may then have attempts beyond its first, as the [class@Hedge] says. It may be
 * shared by several [class@Requests], and learns from all of them.
 *
 * Read when a run starts.
 *
 * Since: 0.1
 */
void
par_requests_set_hedge (ParRequests *self,
                        ParHedge    *hedge)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (hedge == NULL || PAR_IS_HEDGE (hedge));

  set_policy (self, &self->settings.hedge, hedge, PROP_HEDGE);
}

/**
 * par_requests_get_retry: (get-property retry)
 * @self: the requests
 *
 * Gets what makes another attempt at a request that has failed.
 *
 * Returns: (transfer full) (nullable): the policy
 *
 * Since: 0.1
 */
ParRetry *
par_requests_get_retry (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), NULL);

  return get_policy (self, &self->settings.retry);
}

/**
 * par_requests_set_retry: (set-property retry)
 * @self: the requests
 * @retry: (nullable): the policy
 *
 * Sets what makes another attempt at a request that has failed.
 *
 * A request that waits for its next attempt counts as running, but has neither a slot nor a
 * permit. It may be shared by several [class@Requests].
 *
 * Read when a run starts.
 *
 * Since: 0.1
 */
void
par_requests_set_retry (ParRequests *self,
                        ParRetry    *retry)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (retry == NULL || PAR_IS_RETRY (retry));

  set_policy (self, &self->settings.retry, retry, PROP_RETRY);
}

/**
 * par_requests_get_limiter: (get-property limiter)
 * @self: the requests
 *
 * Gets what limits how many attempts run at once, or start in a second.
 *
 * Returns: (transfer full) (nullable): the policy
 *
 * Since: 0.1
 */
ParLimiter *
par_requests_get_limiter (ParRequests *self)
{
  g_return_val_if_fail (PAR_IS_REQUESTS (self), NULL);

  return get_policy (self, &self->settings.limiter);
}

/**
 * par_requests_set_limiter: (set-property limiter)
 * @self: the requests
 * @limiter: (nullable): the policy
 *
 * Sets what limits how many attempts run at once, or start in a second.
 *
 * It may be shared by several [class@Requests], which then have the limit together.
 *
 * Read when a run starts.
 *
 * Since: 0.1
 */
void
par_requests_set_limiter (ParRequests *self,
                          ParLimiter  *limiter)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (limiter == NULL || PAR_IS_LIMITER (limiter));

  set_policy (self, &self->settings.limiter, limiter, PROP_LIMITER);
}

static ParCounts
get_counts (ParRequests *self)
{
  ParCounts counts;

  par_publisher_get_counts (&self->driver.publisher, &counts);

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

  return self->driver.publisher.n_attempts_running;
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
         || wants_counts (self);
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
  const char *key = object != NULL ? par_request_get_key (object) : NULL;
  guint64 *n_heard = NULL;
  guint64 n_new = 0;
  guint64 index;

  if (has_handlers (self))
    {
      /* During a run it may start before the owner looks. */
      if (par_driver_is_claimed (&self->driver) && wants_started (self))
        par_engine_want_starts (self->engine, TRUE);
      if (wants_rows (self))
        n_heard = &n_new;
    }

  index = par_engine_add (self->engine, is_async, function, user_data, destroy, object, key, priority,
                          once, n_heard);
  if (n_new > 0)
    {
      par_publisher_add_rows (&self->driver.publisher, n_new);
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
 * par_requests_set_function:
 * @self: the requests
 * @function: (nullable) (scope notified) (closure user_data) (destroy destroy): makes one attempt,
 *   **in a worker thread**
 * @user_data: data for @function
 * @destroy: frees @user_data
 *
 * Sets the function of requests that are added by [method@Requests.add_argument].
 *
 * For a language in which every callback costs something, this is the way to add many requests: one
 * function for all. Those that have been added already keep the function they have. @destroy is
 * called like those of thread requests, when the last such request has settled and the requests
 * have been freed or another function has taken its place.
 *
 * This may be called from any thread.
 *
 * Since: 0.1
 */
void
par_requests_set_function (ParRequests     *self,
                           ParArgumentFunc  function,
                           gpointer         user_data,
                           GDestroyNotify   destroy)
{
  ParFunction *old;

  g_return_if_fail (PAR_IS_REQUESTS (self));

  par_host_lock (&self->engine->scheduler.host);
  old = self->function;
  self->function = function != NULL ? par_function_new (function, user_data, destroy) : NULL;
  par_host_unlock (&self->engine->scheduler.host);

  if (old != NULL)
    par_function_unref (old);
}

/**
 * par_requests_add_argument:
 * @self: the requests
 * @argument: what the function is to be given, which is copied
 *
 * Adds a request that calls the function of [method@Requests.set_function] **in a worker thread**.
 *
 * This may be called from any thread, also during a run, and from inside an attempt. The copy of
 * @argument is freed as the data of thread requests are.
 *
 * Returns: the index of the request, or `G_MAXUINT64` if it was refused
 *
 * Since: 0.1
 */
guint64
par_requests_add_argument (ParRequests  *self,
                           const GValue *argument)
{
  ParFunction *function;

  g_return_val_if_fail (PAR_IS_REQUESTS (self), G_MAXUINT64);
  g_return_val_if_fail (G_IS_VALUE (argument), G_MAXUINT64);

  par_host_lock (&self->engine->scheduler.host);
  function = self->function != NULL ? par_function_ref (self->function) : NULL;
  par_host_unlock (&self->engine->scheduler.host);

  if (function == NULL)
    {
      g_critical ("There is no function for the argument: set one with "
                  "par_requests_set_function() before");
      return G_MAXUINT64;
    }

  return add_record (self, FALSE, par_argument_run, par_argument_new (function, argument),
                     par_argument_free, NULL);
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
  g_return_if_fail (PAR_IS_REQUESTS (self));

  par_driver_set_source (&self->driver, (ParDriverPullFunc) function, user_data, destroy);
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

  return par_publisher_get_request (&self->driver.publisher, index);
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
 * par_requests_invoke:
 * @self: the requests
 * @function: (scope async) (closure user_data): what to call
 * @user_data: data for @function
 *
 * Calls a function in the owner context, soon and once.
 *
 * This may be called from any thread, and is a way to tell of progress from inside an attempt: it
 * works while [method@Requests.do] or [method@Requests.next] blocks, and also while neither does
 * and the owner context is iterated. What has not been called by then is called when the requests
 * are freed.
 *
 * ```c
 * par_requests_invoke (requests, show_progress, g_strdup (city));
 * ```
 *
 * Since: 0.1
 */
void
par_requests_invoke (ParRequests   *self,
                     ParInvokeFunc  function,
                     gpointer       user_data)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (function != NULL);

  par_engine_invoke (self->engine, function, user_data);
}

/**
 * par_requests_set_worker_func:
 * @self: the requests
 * @function: (nullable) (scope notified) (closure user_data) (destroy destroy): called by every
 *   worker, **in its thread**, or `NULL`
 * @user_data: data for @function
 * @destroy: frees @user_data
 *
 * Surrounds what each worker thread does by a function.
 *
 * A worker comes when there are thread requests to be attempted, attempts one after the other, and
 * leaves when none has waited for a tenth of a second; its thread may be used again for another.
 * The function is called when it has come, and attempts are made while it is in
 * [func@Requests.work]. So it can give the thread what costs too much to be made for each attempt:
 * a connection, or what the runtime of a language wants to know of every thread.
 *
 * ```c
 * static void
 * work_with_database (gpointer path)
 * {
 *   Database *database = database_open (path);
 *
 *   g_private_set (&thread_database, database);
 *   par_requests_work ();
 *   g_private_set (&thread_database, NULL);
 *   database_close (database);
 * }
 * ```
 *
 * This may be called from any thread. Workers that have come already go on as they are while there
 * is work for them. @destroy is called like those of thread requests, when no worker is in @function
 * any more and the requests have been freed or another function has taken its place.
 *
 * Since: 0.1
 */
void
par_requests_set_worker_func (ParRequests    *self,
                              ParWorkerFunc   function,
                              gpointer        user_data,
                              GDestroyNotify  destroy)
{
  g_return_if_fail (PAR_IS_REQUESTS (self));

  par_thread_dispatcher_surround (&self->engine->threads, function, user_data, destroy);
}

/**
 * par_requests_work:
 *
 * Makes the attempts for which a worker has come.
 *
 * To be called by a [callback@WorkerFunc], once. If it does not, the attempts are made when it has
 * returned.
 *
 * Since: 0.1
 */
void
par_requests_work (void)
{
  gboolean has_worked = par_thread_dispatcher_work ();

  g_return_if_fail (has_worked);
}

/**
 * par_requests_do:
 * @self: the requests
 * @cancellable: (nullable): ends the run early
 * @error: return location for an error
 *
 * Runs all queued requests, and those that are added meanwhile, until they have settled.
 *
 * If [method@Requests.next] has begun a run in the caller's thread, this runs the rest of it.
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
  g_return_val_if_fail (PAR_IS_REQUESTS (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return par_driver_do (&self->driver, cancellable, error);
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

  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, par_requests_do_async);
  par_driver_do_async (&self->driver, task);
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
  g_return_val_if_fail (PAR_IS_REQUESTS (self), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return par_driver_next (&self->driver, cancellable, error);
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

  g_return_if_fail (PAR_IS_REQUESTS (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, par_requests_next_async);
  par_driver_next_async (&self->driver, task);
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
