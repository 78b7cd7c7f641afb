/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-retry-private.h"

#include "base/par-notifier-private.h"
#include "policy/par-backoff-private.h"
#include "policy/par-budget-private.h"

/* A record counts its attempts in eight bits. */
#define MAX_RETRIES 100

/**
 * ParRetry:
 *
 * Makes a call again when it has failed.
 *
 * A request all of whose attempts have failed gets another attempt after a while, a *retry*. Choose
 * it for calls that may be made twice and that fail for a moment now and then: a connection that
 * was reset, a service that is being restarted or has too much to do. It does nothing for calls
 * that are slow, see [class@Hedge], and only harm for those whose error will be the same next time:
 * end these with [method@Attempt.return_fatal_error].
 *
 * The first retry comes after [property@Retry:initial-delay] at most, each further one after a
 * delay that is [property@Retry:multiplier] times as long, up to [property@Retry:max-delay]. How
 * much of the delay is waited is left to chance, so that those who failed together do not come back
 * together: see [property@Retry:jitter]. While a request waits, its place among those in flight is
 * free for another.
 *
 * Retries have a budget. Every first attempt adds [property@Retry:max-extra-load] of a retry to it,
 * up to [property@Retry:burst] retries, so a service that is down is not asked four times as often.
 * A request that has failed when the budget has nothing left gets no retry. A small script never
 * notices.
 *
 * One `ParRetry` may be shared by several [class@Requests], which then have one budget.
 *
 * ```c
 * g_autoptr(ParRetry) retry = par_retry_new ();
 *
 * par_retry_set_max_retries (retry, 5);
 * par_retry_set_initial_delay (retry, 50);
 * ```
 *
 * ## Threads
 *
 * A `ParRetry` may be used in any thread. Its figures, and settings that other threads change, are
 * notified in the main context that was the thread-default one where it was made, when nothing
 * more urgent is to be done there, once for any number of changes.
 *
 * Since: 0.1
 */
struct _ParRetry
{
  GObject parent_instance;

  GMutex lock;

  /* Guarded by the lock. */
  guint max_retries;
  guint initial_delay;
  guint max_delay;
  double multiplier;
  double jitter;
  double max_extra_load;
  guint burst;
  guint64 n_sent;
  guint64 n_refused;
  ParBudget budget;
  GRand *random;         /* owned */
  ParNotifier notifier;
};

typedef enum
{
  PROP_MAX_RETRIES = 1,
  PROP_INITIAL_DELAY,
  PROP_MAX_DELAY,
  PROP_MULTIPLIER,
  PROP_JITTER,
  PROP_MAX_EXTRA_LOAD,
  PROP_BURST,
  PROP_N_SENT,
  PROP_N_REFUSED,
} ParRetryProperty;

static GParamSpec *properties[PROP_N_REFUSED + 1];

G_DEFINE_FINAL_TYPE (ParRetry, par_retry, G_TYPE_OBJECT)

static guint
get_uint (ParRetry *self,
          guint    *setting)
{
  guint value;

  g_mutex_lock (&self->lock);
  value = *setting;
  g_mutex_unlock (&self->lock);

  return value;
}

static double
get_double (ParRetry *self,
            double   *setting)
{
  double value;

  g_mutex_lock (&self->lock);
  value = *setting;
  g_mutex_unlock (&self->lock);

  return value;
}

static guint64
get_figure (ParRetry *self,
            guint64  *figure)
{
  guint64 value;

  g_mutex_lock (&self->lock);
  value = *figure;
  g_mutex_unlock (&self->lock);

  return value;
}

static void
set_uint (ParRetry         *self,
          guint            *setting,
          guint             value,
          ParRetryProperty  property)
{
  gboolean changed;

  g_mutex_lock (&self->lock);
  changed = *setting != value;
  *setting = value;
  par_budget_set (&self->budget, self->max_extra_load, self->burst);
  g_mutex_unlock (&self->lock);

  if (changed)
    par_notifier_tell (&self->notifier, property);
}

static void
set_double (ParRetry         *self,
            double           *setting,
            double            value,
            ParRetryProperty  property)
{
  gboolean changed;

  g_mutex_lock (&self->lock);
  changed = *setting != value;
  *setting = value;
  par_budget_set (&self->budget, self->max_extra_load, self->burst);
  g_mutex_unlock (&self->lock);

  if (changed)
    par_notifier_tell (&self->notifier, property);
}

static void
par_retry_get_property (GObject    *object,
                        guint       prop_id,
                        GValue     *value,
                        GParamSpec *pspec)
{
  ParRetry *self = PAR_RETRY (object);

  switch ((ParRetryProperty) prop_id)
    {
    case PROP_MAX_RETRIES:
      g_value_set_uint (value, par_retry_get_max_retries (self));
      break;

    case PROP_INITIAL_DELAY:
      g_value_set_uint (value, par_retry_get_initial_delay (self));
      break;

    case PROP_MAX_DELAY:
      g_value_set_uint (value, par_retry_get_max_delay (self));
      break;

    case PROP_MULTIPLIER:
      g_value_set_double (value, par_retry_get_multiplier (self));
      break;

    case PROP_JITTER:
      g_value_set_double (value, par_retry_get_jitter (self));
      break;

    case PROP_MAX_EXTRA_LOAD:
      g_value_set_double (value, par_retry_get_max_extra_load (self));
      break;

    case PROP_BURST:
      g_value_set_uint (value, par_retry_get_burst (self));
      break;

    case PROP_N_SENT:
      g_value_set_uint64 (value, par_retry_get_n_sent (self));
      break;

    case PROP_N_REFUSED:
      g_value_set_uint64 (value, par_retry_get_n_refused (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_retry_set_property (GObject      *object,
                        guint         prop_id,
                        const GValue *value,
                        GParamSpec   *pspec)
{
  ParRetry *self = PAR_RETRY (object);

  switch ((ParRetryProperty) prop_id)
    {
    case PROP_MAX_RETRIES:
      par_retry_set_max_retries (self, g_value_get_uint (value));
      break;

    case PROP_INITIAL_DELAY:
      par_retry_set_initial_delay (self, g_value_get_uint (value));
      break;

    case PROP_MAX_DELAY:
      par_retry_set_max_delay (self, g_value_get_uint (value));
      break;

    case PROP_MULTIPLIER:
      par_retry_set_multiplier (self, g_value_get_double (value));
      break;

    case PROP_JITTER:
      par_retry_set_jitter (self, g_value_get_double (value));
      break;

    case PROP_MAX_EXTRA_LOAD:
      par_retry_set_max_extra_load (self, g_value_get_double (value));
      break;

    case PROP_BURST:
      par_retry_set_burst (self, g_value_get_uint (value));
      break;

    case PROP_N_SENT:
    case PROP_N_REFUSED:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_retry_finalize (GObject *object)
{
  ParRetry *self = PAR_RETRY (object);

  par_notifier_clear (&self->notifier);
  g_rand_free (self->random);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (par_retry_parent_class)->finalize (object);
}

static void
par_retry_class_init (ParRetryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = par_retry_get_property;
  object_class->set_property = par_retry_set_property;
  object_class->finalize = par_retry_finalize;

  /**
   * ParRetry:max-retries: (getter get_max_retries) (setter set_max_retries)
   *
   * How many retries one request may have.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_RETRIES] =
    g_param_spec_uint ("max-retries", NULL, NULL,
                       0, MAX_RETRIES, 3,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRetry:initial-delay: (getter get_initial_delay) (setter set_initial_delay)
   *
   * How long to wait before the first retry, in milliseconds.
   *
   * If 0, no retry waits.
   *
   * Since: 0.1
   */
  properties[PROP_INITIAL_DELAY] =
    g_param_spec_uint ("initial-delay", NULL, NULL,
                       0, G_MAXINT, 100,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRetry:max-delay: (getter get_max_delay) (setter set_max_delay)
   *
   * How long to wait before any retry at most, in milliseconds.
   *
   * If 0, there is no such bound.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_DELAY] =
    g_param_spec_uint ("max-delay", NULL, NULL,
                       0, G_MAXINT, 10000,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRetry:multiplier: (getter get_multiplier) (setter set_multiplier)
   *
   * How many times as long as the last delay the next one is.
   *
   * Since: 0.1
   */
  properties[PROP_MULTIPLIER] =
    g_param_spec_double ("multiplier", NULL, NULL,
                         1, G_MAXINT, 2,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRetry:jitter: (getter get_jitter) (setter set_jitter)
   *
   * The share of each delay that is left to chance.
   *
   * If 1, anything from no delay to all of it is waited, and each is as likely. If 0, always all of
   * it. If 0.2, from four fifths of it to all of it.
   *
   * Since: 0.1
   */
  properties[PROP_JITTER] =
    g_param_spec_double ("jitter", NULL, NULL,
                         0, 1, 1,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRetry:max-extra-load: (getter get_max_extra_load) (setter set_max_extra_load)
   *
   * How many retries there may be for each first attempt.
   *
   * With 0.2, there is one retry for five requests at most, and as many more as
   * [property@Retry:burst] says. If 0, there is never a retry.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_EXTRA_LOAD] =
    g_param_spec_double ("max-extra-load", NULL, NULL,
                         0, 9, 0.2,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRetry:burst: (getter get_burst) (setter set_burst)
   *
   * For how many retries the budget is saved up while none is needed.
   *
   * So many there may be from the start.
   *
   * Since: 0.1
   */
  properties[PROP_BURST] =
    g_param_spec_uint ("burst", NULL, NULL,
                       1, G_MAXINT, 100,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParRetry:n-sent: (getter get_n_sent)
   *
   * How many retries have been made.
   *
   * Since: 0.1
   */
  properties[PROP_N_SENT] =
    g_param_spec_uint64 ("n-sent", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParRetry:n-refused: (getter get_n_refused)
   *
   * For how many retries the budget had nothing left.
   *
   * Since: 0.1
   */
  properties[PROP_N_REFUSED] =
    g_param_spec_uint64 ("n-refused", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
par_retry_init (ParRetry *self)
{
  g_mutex_init (&self->lock);
  self->max_retries = 3;
  self->initial_delay = 100;
  self->max_delay = 10000;
  self->multiplier = 2;
  self->jitter = 1;
  self->max_extra_load = 0.2;
  self->burst = 100;
  self->random = g_rand_new ();
  par_budget_set (&self->budget, self->max_extra_load, self->burst);
  par_notifier_init (&self->notifier, self, &self->lock, properties);
}

/**
 * par_retry_new:
 *
 * Makes a retry with a budget that a small program never notices.
 *
 * Returns: (transfer full): a retry
 *
 * Since: 0.1
 */
ParRetry *
par_retry_new (void)
{
  return g_object_new (PAR_TYPE_RETRY, NULL);
}

/**
 * par_retry_get_max_retries: (get-property max-retries)
 * @self: a retry
 *
 * Gets how many retries one request may have.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_retry_get_max_retries (ParRetry *self)
{
  g_return_val_if_fail (PAR_IS_RETRY (self), 0);

  return get_uint (self, &self->max_retries);
}

/**
 * par_retry_set_max_retries: (set-property max-retries)
 * @self: a retry
 * @max_retries: how many retries one request may have, from 0 to 100
 *
 * Sets how many retries one request may have.
 *
 * Since: 0.1
 */
void
par_retry_set_max_retries (ParRetry *self,
                           guint     max_retries)
{
  g_return_if_fail (PAR_IS_RETRY (self));
  g_return_if_fail (max_retries <= MAX_RETRIES);

  set_uint (self, &self->max_retries, max_retries, PROP_MAX_RETRIES);
}

/**
 * par_retry_get_initial_delay: (get-property initial-delay)
 * @self: a retry
 *
 * Gets how long to wait before the first retry.
 *
 * Returns: the delay in milliseconds
 *
 * Since: 0.1
 */
guint
par_retry_get_initial_delay (ParRetry *self)
{
  g_return_val_if_fail (PAR_IS_RETRY (self), 0);

  return get_uint (self, &self->initial_delay);
}

/**
 * par_retry_set_initial_delay: (set-property initial-delay)
 * @self: a retry
 * @initial_delay: how long to wait before the first retry, in milliseconds
 *
 * Sets how long to wait before the first retry.
 *
 * If 0, no retry waits.
 *
 * Since: 0.1
 */
void
par_retry_set_initial_delay (ParRetry *self,
                             guint     initial_delay)
{
  g_return_if_fail (PAR_IS_RETRY (self));
  g_return_if_fail (initial_delay <= G_MAXINT);

  set_uint (self, &self->initial_delay, initial_delay, PROP_INITIAL_DELAY);
}

/**
 * par_retry_get_max_delay: (get-property max-delay)
 * @self: a retry
 *
 * Gets how long to wait before any retry at most.
 *
 * Returns: the delay in milliseconds, or 0 if there is no bound
 *
 * Since: 0.1
 */
guint
par_retry_get_max_delay (ParRetry *self)
{
  g_return_val_if_fail (PAR_IS_RETRY (self), 0);

  return get_uint (self, &self->max_delay);
}

/**
 * par_retry_set_max_delay: (set-property max-delay)
 * @self: a retry
 * @max_delay: how long to wait before any retry at most, in milliseconds
 *
 * Sets how long to wait before any retry at most.
 *
 * If 0, there is no such bound.
 *
 * Since: 0.1
 */
void
par_retry_set_max_delay (ParRetry *self,
                         guint     max_delay)
{
  g_return_if_fail (PAR_IS_RETRY (self));
  g_return_if_fail (max_delay <= G_MAXINT);

  set_uint (self, &self->max_delay, max_delay, PROP_MAX_DELAY);
}

/**
 * par_retry_get_multiplier: (get-property multiplier)
 * @self: a retry
 *
 * Gets how many times as long as the last delay the next one is.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
double
par_retry_get_multiplier (ParRetry *self)
{
  g_return_val_if_fail (PAR_IS_RETRY (self), 0);

  return get_double (self, &self->multiplier);
}

/**
 * par_retry_set_multiplier: (set-property multiplier)
 * @self: a retry
 * @multiplier: how many times as long as the last delay the next one is, at least 1
 *
 * Sets how many times as long as the last delay the next one is.
 *
 * Since: 0.1
 */
void
par_retry_set_multiplier (ParRetry *self,
                          double    multiplier)
{
  g_return_if_fail (PAR_IS_RETRY (self));
  g_return_if_fail (multiplier >= 1 && multiplier <= G_MAXINT);

  set_double (self, &self->multiplier, multiplier, PROP_MULTIPLIER);
}

/**
 * par_retry_get_jitter: (get-property jitter)
 * @self: a retry
 *
 * Gets the share of each delay that is left to chance.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
double
par_retry_get_jitter (ParRetry *self)
{
  g_return_val_if_fail (PAR_IS_RETRY (self), 0);

  return get_double (self, &self->jitter);
}

/**
 * par_retry_set_jitter: (set-property jitter)
 * @self: a retry
 * @jitter: the share of each delay that is left to chance, from 0 to 1
 *
 * Sets the share of each delay that is left to chance.
 *
 * If 1, anything from no delay to all of it is waited, and each is as likely. If 0, always all of
 * it. If 0.2, from four fifths of it to all of it.
 *
 * Since: 0.1
 */
void
par_retry_set_jitter (ParRetry *self,
                      double    jitter)
{
  g_return_if_fail (PAR_IS_RETRY (self));
  g_return_if_fail (jitter >= 0 && jitter <= 1);

  set_double (self, &self->jitter, jitter, PROP_JITTER);
}

/**
 * par_retry_get_max_extra_load: (get-property max-extra-load)
 * @self: a retry
 *
 * Gets how many retries there may be for each first attempt.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
double
par_retry_get_max_extra_load (ParRetry *self)
{
  g_return_val_if_fail (PAR_IS_RETRY (self), 0);

  return get_double (self, &self->max_extra_load);
}

/**
 * par_retry_set_max_extra_load: (set-property max-extra-load)
 * @self: a retry
 * @max_extra_load: how many retries there may be for each first attempt, from 0 to 9
 *
 * Sets how many retries there may be for each first attempt.
 *
 * With 0.2, there is one retry for five requests at most, and as many more as
 * [property@Retry:burst] says. If 0, there is never a retry.
 *
 * Since: 0.1
 */
void
par_retry_set_max_extra_load (ParRetry *self,
                              double    max_extra_load)
{
  g_return_if_fail (PAR_IS_RETRY (self));
  g_return_if_fail (max_extra_load >= 0 && max_extra_load <= 9);

  set_double (self, &self->max_extra_load, max_extra_load, PROP_MAX_EXTRA_LOAD);
}

/**
 * par_retry_get_burst: (get-property burst)
 * @self: a retry
 *
 * Gets for how many retries the budget is saved up while none is needed.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_retry_get_burst (ParRetry *self)
{
  g_return_val_if_fail (PAR_IS_RETRY (self), 0);

  return get_uint (self, &self->burst);
}

/**
 * par_retry_set_burst: (set-property burst)
 * @self: a retry
 * @burst: for how many retries the budget is saved up, at least 1
 *
 * Sets for how many retries the budget is saved up while none is needed.
 *
 * So many there may be from the start.
 *
 * Since: 0.1
 */
void
par_retry_set_burst (ParRetry *self,
                     guint     burst)
{
  g_return_if_fail (PAR_IS_RETRY (self));
  g_return_if_fail (burst >= 1 && burst <= G_MAXINT);

  set_uint (self, &self->burst, burst, PROP_BURST);
}

/**
 * par_retry_get_n_sent: (get-property n-sent)
 * @self: a retry
 *
 * Gets how many retries have been made.
 *
 * Returns: the number of retries
 *
 * Since: 0.1
 */
guint64
par_retry_get_n_sent (ParRetry *self)
{
  g_return_val_if_fail (PAR_IS_RETRY (self), 0);

  return get_figure (self, &self->n_sent);
}

/**
 * par_retry_get_n_refused: (get-property n-refused)
 * @self: a retry
 *
 * Gets for how many retries the budget had nothing left.
 *
 * Returns: the number of retries
 *
 * Since: 0.1
 */
guint64
par_retry_get_n_refused (ParRetry *self)
{
  g_return_val_if_fail (PAR_IS_RETRY (self), 0);

  return get_figure (self, &self->n_refused);
}

/* How long to wait, in microseconds, after a request has failed so often, which is once at first:
 * a random delay, another one each time. */
gint64
par_retry_get_delay_us (ParRetry *self,
                        guint     n_failed)
{
  const gint64 msec = 1000;
  ParBackoff backoff;
  gint64 delay_us;

  g_mutex_lock (&self->lock);
  backoff = (ParBackoff) {
    .initial_us = self->initial_delay * msec,
    .max_us = (self->max_delay > 0 ? self->max_delay : G_MAXINT) * msec,
    .multiplier = self->multiplier,
    .jitter = self->jitter,
  };
  delay_us = par_backoff_get_delay (&backoff, n_failed, self->random);
  g_mutex_unlock (&self->lock);

  return delay_us;
}

/* A first attempt has started. */
void
par_retry_deposit (ParRetry *self)
{
  g_mutex_lock (&self->lock);
  par_budget_deposit (&self->budget, 0);
  g_mutex_unlock (&self->lock);
}

/* Takes a token for a retry, if there is one. */
gboolean
par_retry_spend (ParRetry *self)
{
  gboolean is_paid;

  g_mutex_lock (&self->lock);
  is_paid = par_budget_pay (&self->budget, 1) > 0;
  if (!is_paid)
    {
      self->n_refused++;
      par_notifier_queue (&self->notifier, PROP_N_REFUSED);
    }
  g_mutex_unlock (&self->lock);

  return is_paid;
}

/* Gives back a token that was spent and not used: the request was cancelled while it waited. */
void
par_retry_refund (ParRetry *self)
{
  g_mutex_lock (&self->lock);
  par_budget_refund (&self->budget, 0);
  g_mutex_unlock (&self->lock);
}

/* A retry that was paid for has started. */
void
par_retry_count_sent (ParRetry *self)
{
  g_mutex_lock (&self->lock);
  self->n_sent++;
  par_notifier_queue (&self->notifier, PROP_N_SENT);
  g_mutex_unlock (&self->lock);
}

void
par_retry_set_seed (ParRetry *self,
                    guint32   seed)
{
  g_mutex_lock (&self->lock);
  g_rand_set_seed (self->random, seed);
  g_mutex_unlock (&self->lock);
}
