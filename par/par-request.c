/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-request-private.h"

#include <par/par-attempt-private.h>

#include "par-enum-types.h"

#define NOT_ADDED G_MAXUINT64

/**
 * ParRequest:
 *
 * One thing that a program wants done.
 *
 * A request settles exactly once: it succeeds, fails or is cancelled. A program meets requests
 * in the signals and in the model of a [class@Requests], or makes one itself: from a function
 * with [ctor@Request.new_thread] or [ctor@Request.new_async], or of a class of its own that
 * implements [vfunc@Request.run] or [vfunc@Request.start]. A request added as a plain function
 * has no object until somebody asks for it.
 *
 * Set its properties before it is added. From then on all but `label` are fixed, and its state,
 * result and errors are to be read in the owner context. [method@Request.cancel] may be called
 * from any thread.
 *
 * ```c
 * static void
 * completed_cb (ParRequests *requests, ParRequest *request, gpointer user_data)
 * {
 *   if (par_request_get_state (request) == PAR_REQUEST_STATE_SUCCEEDED)
 *     g_print ("%s\n", g_value_get_string (par_request_get_value (request)));
 *   else
 *     g_printerr ("%s\n", par_request_get_error (request)->message);
 * }
 * ```
 *
 * Since: 0.1
 */
typedef struct
{
  char *label;
  char *key;
  int priority;
  gboolean idempotent;
  gboolean is_async;
  ParRequestFunc function;
  gpointer user_data;
  GDestroyNotify destroy;

  GMutex lock;

  /* Guarded by the lock. */
  gboolean claimed;
  ParHost *host;  /* (owned) until it has settled */
  guint64 index;

  /* The owner's. */
  ParRequestState state;
  ParCancelReason reason;
  guint n_attempts;
  guint winner;
  gint64 queued_us;
  gint64 elapsed_us;
  GValue value;
  GError *error;
  GPtrArray *errors;
} ParRequestPrivate;

typedef enum
{
  PROP_LABEL = 1,
  PROP_KEY,
  PROP_PRIORITY,
  PROP_IDEMPOTENT,
  PROP_INDEX,
  PROP_STATE,
  PROP_N_ATTEMPTS,
  PROP_WINNER,
  PROP_CANCEL_REASON,
  PROP_QUEUED_TIME,
  PROP_ELAPSED,
} ParRequestProperty;

static GParamSpec *properties[PROP_ELAPSED + 1];

G_DEFINE_TYPE_WITH_PRIVATE (ParRequest, par_request, G_TYPE_OBJECT)

static ParRequestPrivate *
get_private (ParRequest *self)
{
  return par_request_get_instance_private (self);
}

static void
par_request_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  ParRequest *self = PAR_REQUEST (object);

  switch ((ParRequestProperty) prop_id)
    {
    case PROP_LABEL:
      g_value_set_string (value, par_request_get_label (self));
      break;

    case PROP_KEY:
      g_value_set_string (value, par_request_get_key (self));
      break;

    case PROP_PRIORITY:
      g_value_set_int (value, par_request_get_priority (self));
      break;

    case PROP_IDEMPOTENT:
      g_value_set_boolean (value, par_request_get_idempotent (self));
      break;

    case PROP_INDEX:
      g_value_set_uint64 (value, par_request_get_index (self));
      break;

    case PROP_STATE:
      g_value_set_enum (value, par_request_get_state (self));
      break;

    case PROP_N_ATTEMPTS:
      g_value_set_uint (value, par_request_get_n_attempts (self));
      break;

    case PROP_WINNER:
      g_value_set_uint (value, par_request_get_winner (self));
      break;

    case PROP_CANCEL_REASON:
      g_value_set_enum (value, par_request_get_cancel_reason (self));
      break;

    case PROP_QUEUED_TIME:
      g_value_set_int64 (value, par_request_get_queued_time (self));
      break;

    case PROP_ELAPSED:
      g_value_set_int64 (value, par_request_get_elapsed (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_request_set_property (GObject      *object,
                          guint         prop_id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  ParRequest *self = PAR_REQUEST (object);

  switch ((ParRequestProperty) prop_id)
    {
    case PROP_LABEL:
      par_request_set_label (self, g_value_get_string (value));
      break;

    case PROP_KEY:
      par_request_set_key (self, g_value_get_string (value));
      break;

    case PROP_PRIORITY:
      par_request_set_priority (self, g_value_get_int (value));
      break;

    case PROP_IDEMPOTENT:
      par_request_set_idempotent (self, g_value_get_boolean (value));
      break;

    case PROP_INDEX:
    case PROP_STATE:
    case PROP_N_ATTEMPTS:
    case PROP_WINNER:
    case PROP_CANCEL_REASON:
    case PROP_QUEUED_TIME:
    case PROP_ELAPSED:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

/* Frees what is only needed for attempts. */
static void
drop_function (ParRequestPrivate *priv)
{
  GDestroyNotify destroy = g_steal_pointer (&priv->destroy);

  if (destroy != NULL)
    destroy (priv->user_data);
}

static void
par_request_finalize (GObject *object)
{
  ParRequestPrivate *priv = get_private (PAR_REQUEST (object));

  drop_function (priv);
  g_clear_pointer (&priv->host, par_host_unref);
  g_free (priv->label);
  g_free (priv->key);
  par_value_clear (&priv->value);
  g_clear_error (&priv->error);
  g_clear_pointer (&priv->errors, g_ptr_array_unref);
  g_mutex_clear (&priv->lock);

  G_OBJECT_CLASS (par_request_parent_class)->finalize (object);
}

static void
par_request_real_run (ParRequest  *self,
                      ParAttempt  *attempt,
                      GError     **error)
{
  ParRequestPrivate *priv = get_private (self);

  priv->function (attempt, priv->user_data, error);
}

static void
par_request_real_start (ParRequest  *self,
                        ParAttempt  *attempt,
                        GError     **error)
{
  par_request_real_run (self, attempt, error);
}

static void
par_request_class_init (ParRequestClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = par_request_get_property;
  object_class->set_property = par_request_set_property;
  object_class->finalize = par_request_finalize;

  klass->run = par_request_real_run;
  klass->start = par_request_real_start;

  /**
   * ParRequest:label: (getter get_label) (setter set_label)
   *
   * What to call this request before a person.
   *
   * Par itself does not use it. It may be changed at any time, in the owner context.
   *
   * Since: 0.1
   */
  properties[PROP_LABEL] =
    g_param_spec_string ("label", NULL, NULL,
                         NULL,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequest:key: (getter get_key) (setter set_key)
   *
   * What this request has in common with others, such as the host it asks.
   *
   * Since: 0.1
   */
  properties[PROP_KEY] =
    g_param_spec_string ("key", NULL, NULL,
                         NULL,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequest:priority: (getter get_priority) (setter set_priority)
   *
   * When this request is started among those that are queued: lower first.
   *
   * With a bound, copies of running requests go before new ones of any priority.
   *
   * Since: 0.1
   */
  properties[PROP_PRIORITY] =
    g_param_spec_int ("priority", NULL, NULL,
                      G_MININT, G_MAXINT, G_PRIORITY_DEFAULT,
                      G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequest:idempotent: (getter get_idempotent) (setter set_idempotent)
   *
   * Whether this request may be attempted more than once.
   *
   * If `FALSE`, it gets one attempt, whatever [class@Requests] asks for.
   *
   * Since: 0.1
   */
  properties[PROP_IDEMPOTENT] =
    g_param_spec_boolean ("idempotent", NULL, NULL,
                          TRUE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequest:index: (getter get_index)
   *
   * The running number of this request in its [class@Requests].
   *
   * `G_MAXUINT64` if it has not been added.
   *
   * Since: 0.1
   */
  properties[PROP_INDEX] =
    g_param_spec_uint64 ("index", NULL, NULL,
                         0, G_MAXUINT64, NOT_ADDED,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequest:state: (getter get_state)
   *
   * How far this request has come.
   *
   * Since: 0.1
   */
  properties[PROP_STATE] =
    g_param_spec_enum ("state", NULL, NULL,
                       PAR_TYPE_REQUEST_STATE, PAR_REQUEST_STATE_QUEUED,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequest:n-attempts: (getter get_n_attempts)
   *
   * How many attempts have been started.
   *
   * Since: 0.1
   */
  properties[PROP_N_ATTEMPTS] =
    g_param_spec_uint ("n-attempts", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequest:winner: (getter get_winner)
   *
   * The number of the attempt that succeeded, or 0.
   *
   * Since: 0.1
   */
  properties[PROP_WINNER] =
    g_param_spec_uint ("winner", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequest:cancel-reason: (getter get_cancel_reason)
   *
   * Why this request was cancelled.
   *
   * Since: 0.1
   */
  properties[PROP_CANCEL_REASON] =
    g_param_spec_enum ("cancel-reason", NULL, NULL,
                       PAR_TYPE_CANCEL_REASON, PAR_CANCEL_REASON_NONE,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequest:queued-time: (getter get_queued_time)
   *
   * How long this request waited for its first attempt, in microseconds.
   *
   * It counts from the start of the run, or from when the request was added during it.
   *
   * Since: 0.1
   */
  properties[PROP_QUEUED_TIME] =
    g_param_spec_int64 ("queued-time", NULL, NULL,
                        0, G_MAXINT64, 0,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRequest:elapsed: (getter get_elapsed)
   *
   * How long this request took from the start of its first attempt, in microseconds.
   *
   * Known when it has settled; 0 until then.
   *
   * Since: 0.1
   */
  properties[PROP_ELAPSED] =
    g_param_spec_int64 ("elapsed", NULL, NULL,
                        0, G_MAXINT64, 0,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
par_request_init (ParRequest *self)
{
  ParRequestPrivate *priv = get_private (self);

  g_mutex_init (&priv->lock);
  priv->idempotent = TRUE;
  priv->index = NOT_ADDED;
}

/* Makes the object of a request that was added as a function; with no host, one that is to be
 * published at once. */
gpointer
par_request_make (ParHost         *host,
                  guint64          index,
                  ParRequestState  state,
                  guint            n_attempts)
{
  ParRequest *self = g_object_new (PAR_TYPE_REQUEST, NULL);
  ParRequestPrivate *priv = get_private (self);

  priv->claimed = TRUE;
  priv->state = state;
  priv->n_attempts = n_attempts;
  if (host != NULL)
    par_request_adopt (self, host, index);

  return self;
}

/* Returns FALSE if the request has been added somewhere already. */
gboolean
par_request_claim (ParRequest *self)
{
  ParRequestPrivate *priv = get_private (self);
  gboolean claimed;

  g_mutex_lock (&priv->lock);
  claimed = !priv->claimed;
  priv->claimed = TRUE;
  g_mutex_unlock (&priv->lock);

  return claimed;
}

/* Called with the host's lock held, before any attempt starts. */
void
par_request_adopt (gpointer  object,
                   ParHost  *host,
                   guint64   index)
{
  ParRequestPrivate *priv = get_private (object);

  g_mutex_lock (&priv->lock);
  priv->host = par_host_ref (host);
  priv->index = index;
  g_mutex_unlock (&priv->lock);
}

/* Whether its attempts are started in the owner context. */
gboolean
par_request_can_start (ParRequest *self)
{
  ParRequestClass *klass = PAR_REQUEST_GET_CLASS (self);

  if (klass->start == par_request_real_start)
    return get_private (self)->is_async;
  if (klass->is_async != NULL && klass->run != par_request_real_run)
    return klass->is_async (self);

  return klass->start != NULL;
}

/* Whether there is anything to call for an attempt in a worker. */
gboolean
par_request_can_run (ParRequest *self)
{
  ParRequestClass *klass = PAR_REQUEST_GET_CLASS (self);

  if (klass->run == par_request_real_run)
    return get_private (self)->function != NULL && !get_private (self)->is_async;

  return klass->run != NULL;
}

/* Drops the reference that attempts needed, and the function with it. */
void
par_request_release (gpointer object)
{
  drop_function (get_private (object));
  g_object_unref (object);
}

void
par_request_publish_start (ParRequest *self,
                           guint       n_attempts)
{
  ParRequestPrivate *priv = get_private (self);
  GObject *object = G_OBJECT (self);

  g_object_freeze_notify (object);
  if (priv->n_attempts < n_attempts)
    {
      priv->n_attempts = n_attempts;
      g_object_notify_by_pspec (object, properties[PROP_N_ATTEMPTS]);
    }
  if (priv->state == PAR_REQUEST_STATE_QUEUED)
    {
      priv->state = PAR_REQUEST_STATE_RUNNING;
      g_object_notify_by_pspec (object, properties[PROP_STATE]);
    }
  g_object_thaw_notify (object);
}

void
par_request_publish (ParRequest      *self,
                     const ParReport *report)
{
  ParRequestPrivate *priv = get_private (self);
  GObject *object = G_OBJECT (self);
  ParHost *host;

  priv->state = report->state;
  priv->reason = report->reason;
  priv->n_attempts = report->n_attempts;
  priv->winner = report->winner;
  priv->queued_us = report->queued_us;
  priv->elapsed_us = report->elapsed_us;
  priv->errors = report->errors;

  if (report->state == PAR_REQUEST_STATE_SUCCEEDED)
    {
      priv->value = *report->outcome;
    }
  else
    {
      priv->error = g_value_dup_boxed (report->outcome);
      g_value_unset (report->outcome);
    }
  *report->outcome = (GValue) G_VALUE_INIT;

  if (PAR_REQUEST_GET_CLASS (self)->settled != NULL)
    PAR_REQUEST_GET_CLASS (self)->settled (self);

  /* Without a host it was made just now, and nobody listens yet. */
  if (priv->host == NULL)
    return;

  g_mutex_lock (&priv->lock);
  host = g_steal_pointer (&priv->host);
  g_mutex_unlock (&priv->lock);
  par_host_unref (host);
  g_object_freeze_notify (object);
  g_object_notify_by_pspec (object, properties[PROP_STATE]);
  g_object_notify_by_pspec (object, properties[PROP_N_ATTEMPTS]);
  g_object_notify_by_pspec (object, properties[PROP_WINNER]);
  g_object_notify_by_pspec (object, properties[PROP_CANCEL_REASON]);
  g_object_notify_by_pspec (object, properties[PROP_QUEUED_TIME]);
  g_object_notify_by_pspec (object, properties[PROP_ELAPSED]);
  g_object_thaw_notify (object);
}

/* Whether nobody else has the object, and has left nothing on it. */
gboolean
par_request_is_reusable (ParRequest *self)
{
  GObject *object = G_OBJECT (self);

  return g_atomic_int_get (&object->ref_count) == 1 && object->qdata == NULL
         && get_private (self)->label == NULL
         && g_signal_handler_find (self, G_SIGNAL_MATCH_UNBLOCKED, 0, 0, NULL, NULL, NULL) == 0;
}

/* Makes an object that nobody else has that of another request, which is published next. */
void
par_request_reuse (ParRequest *self,
                   guint64     index)
{
  get_private (self)->index = index;
}

/* Moves out what was published, so that the object can be used again. */
void
par_request_take_outcome (ParRequest *self,
                          GValue     *outcome)
{
  ParRequestPrivate *priv = get_private (self);

  *outcome = priv->value;
  priv->value = (GValue) G_VALUE_INIT;
  if (priv->error != NULL)
    par_value_take_error (outcome, g_steal_pointer (&priv->error));
  g_clear_pointer (&priv->errors, g_ptr_array_unref);
}

/* For a class whose requests have a value though they failed. */
void
par_request_set_value (ParRequest *self,
                       GObject    *value)
{
  ParRequestPrivate *priv = get_private (self);

  par_value_clear (&priv->value);
  g_value_init (&priv->value, G_OBJECT_TYPE (value));
  g_value_set_object (&priv->value, value);
}

static ParRequest *
new_from_function (gboolean       is_async,
                   ParRequestFunc function,
                   gpointer       user_data,
                   GDestroyNotify destroy)
{
  ParRequest *self = g_object_new (PAR_TYPE_REQUEST, NULL);
  ParRequestPrivate *priv = get_private (self);

  priv->is_async = is_async;
  priv->function = function;
  priv->user_data = user_data;
  priv->destroy = destroy;

  return self;
}

/**
 * par_request_new_thread: (constructor)
 * @function: (scope notified) (closure user_data) (destroy destroy): makes one attempt, **in a
 *   worker thread**
 * @user_data: data for @function
 * @destroy: frees @user_data
 *
 * Creates a request from a function that is called **in a worker thread**.
 *
 * Once it is added, @destroy is called when that of [method@Requests.add_thread] would be; before,
 * when the request is freed, by the thread that drops the last reference.
 *
 * JavaScript may not run off the main thread: there the request fails with
 * [NO_RESULT][error@Par.RequestsError.NO_RESULT].
 *
 * Returns: (transfer full): a request to be added with [method@Requests.add]
 *
 * Since: 0.1
 */
ParRequest *
par_request_new_thread (ParRequestFunc function,
                        gpointer       user_data,
                        GDestroyNotify destroy)
{
  g_return_val_if_fail (function != NULL, NULL);

  return new_from_function (FALSE, function, user_data, destroy);
}

/**
 * par_request_new_async: (constructor)
 * @function: (scope notified) (closure user_data) (destroy destroy): starts one attempt, in the
 *   owner context
 * @user_data: data for @function
 * @destroy: frees @user_data
 *
 * Creates a request from a function that is called in the owner context.
 *
 * See [method@Requests.add_async] for what the function does. Once the request is added, @destroy
 * is called when that of [method@Requests.add_async] would be; before, when the request is freed.
 *
 * Returns: (transfer full): a request to be added with [method@Requests.add]
 *
 * Since: 0.1
 */
ParRequest *
par_request_new_async (ParRequestFunc function,
                       gpointer       user_data,
                       GDestroyNotify destroy)
{
  g_return_val_if_fail (function != NULL, NULL);

  return new_from_function (TRUE, function, user_data, destroy);
}

/* Complains if the request has been added. */
static gboolean
is_fixed (ParRequest *self,
          const char *property)
{
  ParRequestPrivate *priv = get_private (self);
  gboolean fixed;

  g_mutex_lock (&priv->lock);
  fixed = priv->claimed;
  g_mutex_unlock (&priv->lock);

  if (fixed)
    g_critical ("The %s of a request is fixed once it has been added: set it before", property);

  return fixed;
}

/**
 * par_request_get_label: (get-property label)
 * @self: a request
 *
 * Gets what to call this request before a person.
 *
 * Returns: (nullable): the label
 *
 * Since: 0.1
 */
const char *
par_request_get_label (ParRequest *self)
{
  g_return_val_if_fail (PAR_IS_REQUEST (self), NULL);

  return get_private (self)->label;
}

/**
 * par_request_set_label: (set-property label)
 * @self: a request
 * @label: (nullable): the label
 *
 * Sets what to call this request before a person.
 *
 * Since: 0.1
 */
void
par_request_set_label (ParRequest *self,
                       const char *label)
{
  ParRequestPrivate *priv;

  g_return_if_fail (PAR_IS_REQUEST (self));

  priv = get_private (self);
  if (g_strcmp0 (priv->label, label) == 0)
    return;

  g_free (priv->label);
  priv->label = g_strdup (label);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_LABEL]);
}

/**
 * par_request_get_key: (get-property key)
 * @self: a request
 *
 * Gets what this request has in common with others.
 *
 * Returns: (nullable): the key
 *
 * Since: 0.1
 */
const char *
par_request_get_key (ParRequest *self)
{
  g_return_val_if_fail (PAR_IS_REQUEST (self), NULL);

  return get_private (self)->key;
}

/**
 * par_request_set_key: (set-property key)
 * @self: a request
 * @key: (nullable): the key
 *
 * Sets what this request has in common with others.
 *
 * It is fixed once the request has been added.
 *
 * Since: 0.1
 */
void
par_request_set_key (ParRequest *self,
                     const char *key)
{
  ParRequestPrivate *priv;

  g_return_if_fail (PAR_IS_REQUEST (self));
  if (is_fixed (self, "key"))
    return;

  priv = get_private (self);
  if (g_strcmp0 (priv->key, key) == 0)
    return;

  g_free (priv->key);
  priv->key = g_strdup (key);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_KEY]);
}

/**
 * par_request_get_priority: (get-property priority)
 * @self: a request
 *
 * Gets when this request is started among those that are queued.
 *
 * Returns: the priority, lower first
 *
 * Since: 0.1
 */
int
par_request_get_priority (ParRequest *self)
{
  g_return_val_if_fail (PAR_IS_REQUEST (self), 0);

  return get_private (self)->priority;
}

/**
 * par_request_set_priority: (set-property priority)
 * @self: a request
 * @priority: the priority, lower first
 *
 * Sets when this request is started among those that are queued.
 *
 * It is fixed once the request has been added.
 *
 * Since: 0.1
 */
void
par_request_set_priority (ParRequest *self,
                          int         priority)
{
  ParRequestPrivate *priv;

  g_return_if_fail (PAR_IS_REQUEST (self));
  if (is_fixed (self, "priority"))
    return;

  priv = get_private (self);
  if (priv->priority == priority)
    return;

  priv->priority = priority;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PRIORITY]);
}

/**
 * par_request_get_idempotent: (get-property idempotent)
 * @self: a request
 *
 * Gets whether this request may be attempted more than once.
 *
 * Returns: `TRUE` if it may
 *
 * Since: 0.1
 */
gboolean
par_request_get_idempotent (ParRequest *self)
{
  g_return_val_if_fail (PAR_IS_REQUEST (self), FALSE);

  return get_private (self)->idempotent;
}

/**
 * par_request_set_idempotent: (set-property idempotent)
 * @self: a request
 * @idempotent: whether it may be attempted more than once
 *
 * Sets whether this request may be attempted more than once.
 *
 * It is fixed once the request has been added.
 *
 * Since: 0.1
 */
void
par_request_set_idempotent (ParRequest *self,
                            gboolean    idempotent)
{
  ParRequestPrivate *priv;

  g_return_if_fail (PAR_IS_REQUEST (self));
  if (is_fixed (self, "idempotent"))
    return;

  priv = get_private (self);
  if (priv->idempotent == !!idempotent)
    return;

  priv->idempotent = !!idempotent;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_IDEMPOTENT]);
}

/**
 * par_request_get_index: (get-property index)
 * @self: a request
 *
 * Gets the running number of this request in its [class@Requests].
 *
 * Returns: the index, or `G_MAXUINT64` if it has not been added
 *
 * Since: 0.1
 */
guint64
par_request_get_index (ParRequest *self)
{
  ParRequestPrivate *priv;
  guint64 index;

  g_return_val_if_fail (PAR_IS_REQUEST (self), NOT_ADDED);

  priv = get_private (self);
  g_mutex_lock (&priv->lock);
  index = priv->index;
  g_mutex_unlock (&priv->lock);

  return index;
}

/**
 * par_request_get_state: (get-property state)
 * @self: a request
 *
 * Gets how far this request has come.
 *
 * Returns: the state
 *
 * Since: 0.1
 */
ParRequestState
par_request_get_state (ParRequest *self)
{
  g_return_val_if_fail (PAR_IS_REQUEST (self), PAR_REQUEST_STATE_QUEUED);

  return get_private (self)->state;
}

/**
 * par_request_get_n_attempts: (get-property n-attempts)
 * @self: a request
 *
 * Gets how many attempts have been started.
 *
 * Returns: the number of attempts
 *
 * Since: 0.1
 */
guint
par_request_get_n_attempts (ParRequest *self)
{
  g_return_val_if_fail (PAR_IS_REQUEST (self), 0);

  return get_private (self)->n_attempts;
}

/**
 * par_request_get_winner: (get-property winner)
 * @self: a request
 *
 * Gets the number of the attempt that succeeded.
 *
 * Returns: the number, or 0 if none has
 *
 * Since: 0.1
 */
guint
par_request_get_winner (ParRequest *self)
{
  g_return_val_if_fail (PAR_IS_REQUEST (self), 0);

  return get_private (self)->winner;
}

/**
 * par_request_get_cancel_reason: (get-property cancel-reason)
 * @self: a request
 *
 * Gets why this request was cancelled.
 *
 * Returns: the reason
 *
 * Since: 0.1
 */
ParCancelReason
par_request_get_cancel_reason (ParRequest *self)
{
  g_return_val_if_fail (PAR_IS_REQUEST (self), PAR_CANCEL_REASON_NONE);

  return get_private (self)->reason;
}

/**
 * par_request_get_queued_time: (get-property queued-time)
 * @self: a request
 *
 * Gets how long this request waited for its first attempt.
 *
 * Returns: the time in microseconds, known when it has settled
 *
 * Since: 0.1
 */
gint64
par_request_get_queued_time (ParRequest *self)
{
  g_return_val_if_fail (PAR_IS_REQUEST (self), 0);

  return get_private (self)->queued_us;
}

/**
 * par_request_get_elapsed: (get-property elapsed)
 * @self: a request
 *
 * Gets how long this request took from the start of its first attempt.
 *
 * Returns: the time in microseconds, known when it has settled
 *
 * Since: 0.1
 */
gint64
par_request_get_elapsed (ParRequest *self)
{
  g_return_val_if_fail (PAR_IS_REQUEST (self), 0);

  return get_private (self)->elapsed_us;
}

/**
 * par_request_get_value:
 * @self: a request
 *
 * Gets the result, once the request has succeeded.
 *
 * A request that succeeded with no value at all has none. One that was added as a task has the
 * task for its value, whether it succeeded or not.
 *
 * Returns: (transfer none) (nullable): the value, or `NULL` if there is none
 *
 * Since: 0.1
 */
const GValue *
par_request_get_value (ParRequest *self)
{
  ParRequestPrivate *priv;

  g_return_val_if_fail (PAR_IS_REQUEST (self), NULL);

  priv = get_private (self);

  return G_VALUE_TYPE (&priv->value) != G_TYPE_INVALID ? &priv->value : NULL;
}

/**
 * par_request_get_error:
 * @self: a request
 *
 * Gets why this request has failed or was cancelled.
 *
 * It is the error of the last attempt that failed, with its domain and code. Where there were
 * several attempts, the message begins with their number. One that was cancelled has
 * `G_IO_ERROR_CANCELLED`, or `G_IO_ERROR_TIMED_OUT` if the run was too late.
 *
 * Returns: (transfer none) (nullable): the error, or `NULL` if there is none
 *
 * Since: 0.1
 */
const GError *
par_request_get_error (ParRequest *self)
{
  g_return_val_if_fail (PAR_IS_REQUEST (self), NULL);

  return get_private (self)->error;
}

/**
 * par_request_get_attempt_errors:
 * @self: a request
 *
 * Gets the errors of all attempts that have failed, once the request has settled.
 *
 * A request that succeeded may have some too. The errors belong to the request, and the array to
 * the caller.
 *
 * Returns: (transfer container) (element-type GError): the errors, in the order in which they came
 *
 * Since: 0.1
 */
GPtrArray *
par_request_get_attempt_errors (ParRequest *self)
{
  GPtrArray *errors = g_ptr_array_new ();
  ParRequestPrivate *priv;

  g_return_val_if_fail (PAR_IS_REQUEST (self), errors);

  priv = get_private (self);
  if (priv->errors != NULL)
    g_ptr_array_extend (errors, priv->errors, NULL, NULL);
  else if (priv->state == PAR_REQUEST_STATE_FAILED)
    g_ptr_array_add (errors, priv->error);

  return errors;
}

/**
 * par_request_cancel:
 * @self: a request
 *
 * Cancels this request alone.
 *
 * If it has not been started, it will not be; if it has, its attempts are cancelled and not
 * waited for. Nothing happens if it has settled, or was not added yet. It may be called from
 * any thread.
 *
 * Since: 0.1
 */
void
par_request_cancel (ParRequest *self)
{
  ParRequestPrivate *priv;
  ParHost *host = NULL;

  g_return_if_fail (PAR_IS_REQUEST (self));

  priv = get_private (self);
  g_mutex_lock (&priv->lock);
  if (priv->host != NULL)
    host = par_host_ref (priv->host);
  g_mutex_unlock (&priv->lock);

  if (host == NULL)
    return;

  host->klass->cancel (host, priv->index);
  par_host_unref (host);
}
