/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-attempt-private.h"

#include "par-enum-types.h"
#include "par-requests-error.h"

/**
 * ParAttempt:
 *
 * One try at a request.
 *
 * The function of a request is given its attempt and returns its result through it, by one of
 * the return methods or by its `error` parameter. The first that is returned counts: what is
 * returned twice is dropped with a warning, what comes after the attempt has ended is dropped
 * without one.
 *
 * The attempt of a thread request ends when its function has returned, not before. That of an
 * async request ends when it returns its result, during the call of its function or later, from
 * any thread; the function keeps a reference until then. When the last reference is dropped and
 * there was no result, it has failed with [NO_RESULT][error@Par.RequestsError.NO_RESULT].
 *
 * All methods may be called from any thread. The program may keep an attempt that has ended,
 * but there is little to be had from it: it has let go of its request.
 *
 * ```c
 * static void
 * read_file (ParAttempt *attempt, gpointer user_data, GError **error)
 * {
 *   GFile *file = user_data;
 *   GBytes *bytes = g_file_load_bytes (file, par_attempt_get_cancellable (attempt), NULL, error);
 *
 *   if (bytes != NULL)
 *     par_attempt_return_bytes (attempt, bytes);
 *   g_clear_pointer (&bytes, g_bytes_unref);
 * }
 * ```
 *
 * Since: 0.1
 */

typedef enum
{
  PROP_NUMBER = 1,
  PROP_KIND,
  PROP_REQUEST,
  PROP_DEADLINE,
} ParAttemptProperty;

static GParamSpec *properties[PROP_DEADLINE + 1];

/* The attempt whose function the thread is in, the innermost. */
static GPrivate current;

/* Kept, since to initialize one takes as long as all the rest of returning it. */
static GValue boolean_value;

G_DEFINE_FINAL_TYPE (ParAttempt, par_attempt, G_TYPE_OBJECT)

static void
par_attempt_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  ParAttempt *self = PAR_ATTEMPT (object);

  switch ((ParAttemptProperty) prop_id)
    {
    case PROP_NUMBER:
      g_value_set_uint (value, par_attempt_get_number (self));
      break;

    case PROP_KIND:
      g_value_set_enum (value, par_attempt_get_kind (self));
      break;

    case PROP_REQUEST:
      g_value_take_object (value, par_attempt_get_request (self));
      break;

    case PROP_DEADLINE:
      g_value_set_int64 (value, par_attempt_get_deadline (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_attempt_dispose (GObject *object)
{
  ParAttempt *self = PAR_ATTEMPT (object);

  /* Nobody is left who could return a result. */
  if (self->is_async)
    self->host->klass->returned (self->host, self);

  G_OBJECT_CLASS (par_attempt_parent_class)->dispose (object);
}

static void
par_attempt_finalize (GObject *object)
{
  ParAttempt *self = PAR_ATTEMPT (object);

  par_value_clear (&self->value);
  g_clear_object (&self->cancellable);
  par_host_unref (self->host);

  G_OBJECT_CLASS (par_attempt_parent_class)->finalize (object);
}

static void
par_attempt_class_init (ParAttemptClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = par_attempt_get_property;
  object_class->dispose = par_attempt_dispose;
  object_class->finalize = par_attempt_finalize;

  /**
   * ParAttempt:number: (getter get_number)
   *
   * Which attempt at its request this is, from 1.
   *
   * Since: 0.1
   */
  properties[PROP_NUMBER] =
    g_param_spec_uint ("number", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParAttempt:kind: (getter get_kind)
   *
   * Why this attempt is made.
   *
   * Since: 0.1
   */
  properties[PROP_KIND] =
    g_param_spec_enum ("kind", NULL, NULL,
                       PAR_TYPE_ATTEMPT_KIND, PAR_ATTEMPT_KIND_FIRST,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParAttempt:request: (getter get_request)
   *
   * The request this is an attempt at, until it has ended.
   *
   * Since: 0.1
   */
  properties[PROP_REQUEST] =
    g_param_spec_object ("request", NULL, NULL,
                         par_request_get_type (),
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParAttempt:deadline: (getter get_deadline)
   *
   * When this attempt is cancelled for being too late, in microseconds of
   * [func@GLib.get_monotonic_time]; 0 for never.
   *
   * Since: 0.1
   */
  properties[PROP_DEADLINE] =
    g_param_spec_int64 ("deadline", NULL, NULL,
                        0, G_MAXINT64, 0,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);

  g_value_init (&boolean_value, G_TYPE_BOOLEAN);
}

static void
par_attempt_init (ParAttempt *self)
{
  self->ended = TRUE;
  self->outcome = PAR_OUTCOME_ENDED;
}

ParAttempt *
par_attempt_new (ParHost  *host,
                 gboolean  is_async)
{
  ParAttempt *self = g_object_new (PAR_TYPE_ATTEMPT, NULL);

  self->host = par_host_ref (host);
  self->is_async = is_async;

  return self;
}

/* Makes a new attempt, or one that has ended and that nobody else has, the next one. */
void
par_attempt_begin (ParAttempt     *self,
                   guint64         index,
                   guint           number,
                   ParAttemptKind  kind,
                   gint64          started_us)
{
  self->index = index;
  self->number = number;
  self->kind = kind;
  self->started_us = started_us;
  self->deadline_us = 0;
  self->cancelled = FALSE;
  self->ended = FALSE;
  self->is_fatal = FALSE;
  self->retry_after_ms = 0;
  self->in_call = self->is_async;
  g_atomic_int_set (&self->outcome, PAR_OUTCOME_NONE);
}

ParAttempt *
par_attempt_get_current (void)
{
  return g_private_get (&current);
}

void
par_attempt_set_current (ParAttempt *self)
{
  g_private_set (&current, self);
}

/* Returns whether the caller may write the value now, and must. */
static inline gboolean
claim (ParAttempt *self)
{
  if (G_LIKELY (g_atomic_int_compare_and_exchange (&self->outcome, PAR_OUTCOME_NONE,
                                                   PAR_OUTCOME_RETURNING)))
    return TRUE;

  if (g_atomic_int_get (&self->outcome) != PAR_OUTCOME_ENDED)
    g_warning ("Attempt %u at request %" G_GUINT64_FORMAT " returned a second result, which is "
               "dropped: return only once", self->number, self->index);

  return FALSE;
}

/* Makes what was written the outcome. That ends an async attempt, unless its function is still
 * being called: then its caller, who looks after that, ends it. */
static inline void
set_outcome (ParAttempt *self,
             ParOutcome  outcome)
{
  g_atomic_int_set (&self->outcome, outcome);
  if (self->is_async && !g_atomic_int_get (&self->in_call))
    self->host->klass->returned (self->host, self);
}

static void
return_value_of_type (ParAttempt    *self,
                      GType          type,
                      gconstpointer  data)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, type);
  if (G_VALUE_HOLDS_STRING (&value))
    g_value_set_string (&value, data);
  else if (G_VALUE_HOLDS_OBJECT (&value))
    g_value_set_object (&value, (gpointer) data);
  else if (G_VALUE_HOLDS_VARIANT (&value))
    g_value_set_variant (&value, (gpointer) data);
  else
    g_value_set_boxed (&value, data);

  if (claim (self))
    {
      self->value = value;
      set_outcome (self, PAR_OUTCOME_VALUE);
    }
  else
    {
      par_value_clear (&value);
    }
}

/* Fails the attempt with what its function left in its error parameter. */
void
par_attempt_set_error (ParAttempt *self,
                       GError     *error)
{
  if (par_attempt_has_returned (self))
    {
      g_warning ("Attempt %u at request %" G_GUINT64_FORMAT " returned a result and then set an "
                 "error, which is dropped: %s", self->number, self->index, error->message);
      g_error_free (error);
      return;
    }

  par_attempt_return_error (self, error);
}

/* Whether there is a result to be taken. */
gboolean
par_attempt_has_returned (ParAttempt *self)
{
  int outcome = g_atomic_int_get (&self->outcome);

  return outcome == PAR_OUTCOME_VALUE || outcome == PAR_OUTCOME_ERROR;
}

/* Moves the outcome out, with the host's lock held: returns whether it is a value, else it is an
 * error. From now on it is too late to return anything. */
gboolean
par_attempt_take_outcome (ParAttempt *self,
                          GValue     *value)
{
  int outcome = g_atomic_int_get (&self->outcome);

  if (G_LIKELY (outcome == PAR_OUTCOME_VALUE))
    {
      *value = self->value;
      self->value = (GValue) G_VALUE_INIT;
      return TRUE;
    }

  if (g_atomic_int_compare_and_exchange (&self->outcome, PAR_OUTCOME_NONE, PAR_OUTCOME_ENDED))
    {
      par_value_take_error (value, g_error_new (PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_NO_RESULT,
                                                "request %" G_GUINT64_FORMAT " returned neither "
                                                "a value nor an error", self->index));
      return FALSE;
    }

  /* Another thread is between claiming the outcome and having written it, a few instructions. */
  while ((outcome = g_atomic_int_get (&self->outcome)) == PAR_OUTCOME_RETURNING)
    g_thread_yield ();

  *value = self->value;
  self->value = (GValue) G_VALUE_INIT;

  return outcome == PAR_OUTCOME_VALUE;
}

/* Cancels the attempt, with the host's lock held. The cancellable that is returned, if somebody
 * has asked for one, is to be cancelled with no lock held. */
GCancellable *
par_attempt_cancel (ParAttempt *self)
{
  if (self->cancelled || self->ended)
    return NULL;

  self->cancelled = TRUE;

  return self->cancellable != NULL ? g_object_ref (self->cancellable) : NULL;
}

/* Ends the attempt, with the host's lock held: nothing of Par's cancels it any more. Returns
 * whether it may be used again, since nobody else has it and nothing is attached to it; its
 * cancellable, which somebody may still have, is then the caller's to drop. */
gboolean
par_attempt_end (ParAttempt    *self,
                 GCancellable **cancellable)
{
  GObject *object = &self->parent_instance;

  self->ended = TRUE;
  /* Signal handlers are not looked for: no property of an attempt is ever notified of, and all
   * workers would fight with the owner for GLib's one lock of signals (150 ns a call). */
  if (g_atomic_int_get (&object->ref_count) != 1 || object->qdata != NULL)
    {
      /* Who returns a second result from an async attempt is still told so. */
      if (!self->is_async)
        g_atomic_int_set (&self->outcome, PAR_OUTCOME_ENDED);
      return FALSE;
    }

  *cancellable = g_steal_pointer (&self->cancellable);

  return TRUE;
}

/**
 * par_attempt_get_number: (get-property number)
 * @self: an attempt
 *
 * Gets which attempt at its request this is, from 1.
 *
 * Returns: the number
 *
 * Since: 0.1
 */
guint
par_attempt_get_number (ParAttempt *self)
{
  g_return_val_if_fail (PAR_IS_ATTEMPT (self), 0);

  return self->number;
}

/**
 * par_attempt_get_kind: (get-property kind)
 * @self: an attempt
 *
 * Gets why this attempt is made.
 *
 * Returns: the kind
 *
 * Since: 0.1
 */
ParAttemptKind
par_attempt_get_kind (ParAttempt *self)
{
  g_return_val_if_fail (PAR_IS_ATTEMPT (self), PAR_ATTEMPT_KIND_FIRST);

  return self->kind;
}

/**
 * par_attempt_get_request: (get-property request)
 * @self: an attempt
 *
 * Gets the request this is an attempt at.
 *
 * For a request that was added as a function, this makes the object. Its `label`, `key`,
 * `priority`, `idempotent` and `index` may be read here; the rest of it belongs to the owner
 * context.
 *
 * Returns: (transfer full) (nullable): the request, or `NULL` if the attempt has ended or the
 *   request has left the model
 *
 * Since: 0.1
 */
ParRequest *
par_attempt_get_request (ParAttempt *self)
{
  g_return_val_if_fail (PAR_IS_ATTEMPT (self), NULL);

  return self->host->klass->get_request (self->host, self);
}

/**
 * par_attempt_get_deadline: (get-property deadline)
 * @self: an attempt
 *
 * Gets when this attempt is cancelled for being too late.
 *
 * That is the earliest of what [property@Requests:timeout],
 * [property@Requests:request-timeout] and [property@Requests:attempt-timeout] ask for.
 *
 * Returns: the time in microseconds of [func@GLib.get_monotonic_time], or 0 for never
 *
 * Since: 0.1
 */
gint64
par_attempt_get_deadline (ParAttempt *self)
{
  g_return_val_if_fail (PAR_IS_ATTEMPT (self), 0);

  return self->deadline_us;
}

/**
 * par_attempt_get_cancellable:
 * @self: an attempt
 *
 * Gets what tells the function that its result is no longer wanted.
 *
 * It is cancelled when another attempt at the request has succeeded, when the attempt, the
 * request or the run is too late, and when the request or the run is cancelled. It is this
 * attempt's own, made when first asked for; Par never cancels that of the attempt that succeeded.
 *
 * Returns: (transfer none): the cancellable
 *
 * Since: 0.1
 */
GCancellable *
par_attempt_get_cancellable (ParAttempt *self)
{
  g_autoptr(GCancellable) fresh = NULL;
  GCancellable *cancellable;
  gboolean cancelled;

  g_return_val_if_fail (PAR_IS_ATTEMPT (self), NULL);

  par_host_lock (self->host);
  cancellable = self->cancellable;
  par_host_unlock (self->host);

  if (cancellable != NULL)
    return cancellable;

  fresh = g_cancellable_new ();

  par_host_lock (self->host);
  if (self->cancellable == NULL)
    self->cancellable = g_steal_pointer (&fresh);
  cancellable = self->cancellable;
  cancelled = self->cancelled;
  par_host_unlock (self->host);

  /* It was too late before anybody could have listened. */
  if (cancelled)
    g_cancellable_cancel (cancellable);

  return cancellable;
}

/**
 * par_attempt_return_value:
 * @self: an attempt
 * @value: (nullable): the result, which is copied, or `NULL` for a success without one
 *
 * Ends the attempt with success and a value of any type.
 *
 * A value of a JavaScript object is refused, since nothing would keep that object alive.
 *
 * Since: 0.1
 */
void
par_attempt_return_value (ParAttempt   *self,
                          const GValue *value)
{
  GValue copy = G_VALUE_INIT;

  g_return_if_fail (PAR_IS_ATTEMPT (self));
  g_return_if_fail (value == NULL || G_IS_VALUE (value));
  g_return_if_fail (value == NULL || g_strcmp0 (G_VALUE_TYPE_NAME (value), "JSObject") != 0);

  if (value != NULL)
    {
      g_value_init (&copy, G_VALUE_TYPE (value));
      g_value_copy (value, &copy);
    }

  if (claim (self))
    {
      self->value = copy;
      set_outcome (self, PAR_OUTCOME_VALUE);
    }
  else
    {
      par_value_clear (&copy);
    }
}

/**
 * par_attempt_return_boolean:
 * @self: an attempt
 * @value: the result
 *
 * Ends the attempt with success and a boolean.
 *
 * `FALSE` is a success too: to fail, return an error.
 *
 * Since: 0.1
 */
void
par_attempt_return_boolean (ParAttempt *self,
                            gboolean    value)
{
  g_return_if_fail (PAR_IS_ATTEMPT (self));

  if (claim (self))
    {
      self->value = boolean_value;
      self->value.data[0].v_int = !!value;
      set_outcome (self, PAR_OUTCOME_VALUE);
    }
}

/**
 * par_attempt_return_int64:
 * @self: an attempt
 * @value: the result
 *
 * Ends the attempt with success and an integer.
 *
 * Since: 0.1
 */
void
par_attempt_return_int64 (ParAttempt *self,
                          gint64      value)
{
  g_return_if_fail (PAR_IS_ATTEMPT (self));

  if (claim (self))
    {
      g_value_init (&self->value, G_TYPE_INT64);
      g_value_set_int64 (&self->value, value);
      set_outcome (self, PAR_OUTCOME_VALUE);
    }
}

/**
 * par_attempt_return_double:
 * @self: an attempt
 * @value: the result
 *
 * Ends the attempt with success and a floating point number.
 *
 * Since: 0.1
 */
void
par_attempt_return_double (ParAttempt *self,
                           double      value)
{
  g_return_if_fail (PAR_IS_ATTEMPT (self));

  if (claim (self))
    {
      g_value_init (&self->value, G_TYPE_DOUBLE);
      g_value_set_double (&self->value, value);
      set_outcome (self, PAR_OUTCOME_VALUE);
    }
}

/**
 * par_attempt_return_string:
 * @self: an attempt
 * @value: (nullable): the result, which is copied
 *
 * Ends the attempt with success and a string.
 *
 * Since: 0.1
 */
void
par_attempt_return_string (ParAttempt *self,
                           const char *value)
{
  g_return_if_fail (PAR_IS_ATTEMPT (self));

  return_value_of_type (self, G_TYPE_STRING, value);
}

/**
 * par_attempt_return_object:
 * @self: an attempt
 * @value: (nullable): the result, to which a reference is added
 *
 * Ends the attempt with success and an object.
 *
 * Since: 0.1
 */
void
par_attempt_return_object (ParAttempt *self,
                           GObject    *value)
{
  g_return_if_fail (PAR_IS_ATTEMPT (self));
  g_return_if_fail (value == NULL || G_IS_OBJECT (value));

  return_value_of_type (self, value != NULL ? G_OBJECT_TYPE (value) : G_TYPE_OBJECT, value);
}

/**
 * par_attempt_return_bytes:
 * @self: an attempt
 * @value: (nullable): the result, to which a reference is added
 *
 * Ends the attempt with success and bytes.
 *
 * Since: 0.1
 */
void
par_attempt_return_bytes (ParAttempt *self,
                          GBytes     *value)
{
  g_return_if_fail (PAR_IS_ATTEMPT (self));

  return_value_of_type (self, G_TYPE_BYTES, value);
}

/**
 * par_attempt_return_variant:
 * @self: an attempt
 * @value: (nullable): the result, to which a reference is added; a floating one is consumed
 *
 * Ends the attempt with success and a variant.
 *
 * Since: 0.1
 */
void
par_attempt_return_variant (ParAttempt *self,
                            GVariant   *value)
{
  g_return_if_fail (PAR_IS_ATTEMPT (self));

  return_value_of_type (self, G_TYPE_VARIANT, value);
}

/**
 * par_attempt_return_pointer: (skip)
 * @self: an attempt
 * @value: (nullable): the result
 * @destroy: (nullable): frees @value
 *
 * Ends the attempt with success and a pointer.
 *
 * The pointer is the request's from now on, and read by [method@GObject.Value.get_pointer] from
 * [method@Request.get_value]. @destroy is called when the request is freed or the result is not
 * used, in the owner context, or in the worker where that has been left; or in the caller's
 * thread if it is too late to return anything.
 *
 * Since: 0.1
 */
void
par_attempt_return_pointer (ParAttempt     *self,
                            gpointer        value,
                            GDestroyNotify  destroy)
{
  g_return_if_fail (PAR_IS_ATTEMPT (self));

  if (claim (self))
    {
      g_value_init (&self->value, G_TYPE_POINTER);
      self->value.data[0].v_pointer = value;
      self->value.data[1].v_pointer = destroy;
      set_outcome (self, PAR_OUTCOME_VALUE);
    }
  else if (destroy != NULL)
    {
      destroy (value);
    }
}

static void
return_error (ParAttempt *self,
              GError     *error,
              gboolean    is_fatal)
{
  if (claim (self))
    {
      par_value_take_error (&self->value, error);
      self->is_fatal = is_fatal;
      set_outcome (self, PAR_OUTCOME_ERROR);
    }
  else
    {
      g_error_free (error);
    }
}

/**
 * par_attempt_return_error:
 * @self: an attempt
 * @error: (transfer full): why it failed
 *
 * Ends the attempt with failure.
 *
 * The request has failed when all of its attempts have, and no more are to be made: see
 * [property@Requests:redundancy], [property@Requests:hedge] and [property@Requests:retry].
 *
 * Since: 0.1
 */
void
par_attempt_return_error (ParAttempt *self,
                          GError     *error)
{
  g_return_if_fail (PAR_IS_ATTEMPT (self));
  g_return_if_fail (error != NULL);

  return_error (self, error, FALSE);
}

/**
 * par_attempt_return_fatal_error:
 * @self: an attempt
 * @error: (transfer full): why it failed
 *
 * Ends the attempt with a failure that no other attempt would be spared.
 *
 * The request has failed at once: its other attempts are cancelled, and no more are made.
 *
 * Since: 0.1
 */
void
par_attempt_return_fatal_error (ParAttempt *self,
                                GError     *error)
{
  g_return_if_fail (PAR_IS_ATTEMPT (self));
  g_return_if_fail (error != NULL);

  return_error (self, error, TRUE);
}

/**
 * par_attempt_set_retry_after:
 * @self: an attempt
 * @msec: how long to wait, in milliseconds
 *
 * Has no other attempt at the request start for a while, if this one fails.
 *
 * This is for a service that says when to come back, and is called before the error is returned.
 * The time counts from the end of the attempt. If that is past the deadline of the request or of
 * the run, the request fails at once, with the error of this attempt.
 *
 * Since: 0.1
 */
void
par_attempt_set_retry_after (ParAttempt *self,
                             guint       msec)
{
  g_return_if_fail (PAR_IS_ATTEMPT (self));
  g_return_if_fail (msec <= G_MAXINT);

  g_atomic_int_set (&self->retry_after_ms, msec);
}

/**
 * par_attempt_return_new_error: (skip)
 * @self: an attempt
 * @domain: an error domain
 * @code: an error code
 * @format: a message in the style of printf
 * @...: what goes into @format
 *
 * Ends the attempt with failure and a new error.
 *
 * See [method@Attempt.return_error].
 *
 * Since: 0.1
 */
void
par_attempt_return_new_error (ParAttempt *self,
                              GQuark      domain,
                              int         code,
                              const char *format,
                              ...)
{
  va_list args;

  g_return_if_fail (PAR_IS_ATTEMPT (self));
  g_return_if_fail (domain != 0);
  g_return_if_fail (format != NULL);

  va_start (args, format);
  par_attempt_return_error (self, g_error_new_valist (domain, code, format, args));
  va_end (args);
}

void
par_value_clear (GValue *value)
{
  if (G_VALUE_TYPE (value) == G_TYPE_POINTER && value->data[1].v_pointer != NULL)
    ((GDestroyNotify) value->data[1].v_pointer) (value->data[0].v_pointer);

  if (G_VALUE_TYPE (value) != G_TYPE_INVALID)
    g_value_unset (value);
}

/* Makes @value, which holds nothing, an error. */
void
par_value_take_error (GValue *value,
                      GError *error)
{
  *value = (GValue) G_VALUE_INIT;
  g_value_init (value, G_TYPE_ERROR);
  g_value_take_boxed (value, error);
}
