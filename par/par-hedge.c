/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-hedge-private.h"

#include "base/par-notifier-private.h"
#include "policy/par-budget-private.h"
#include "policy/par-tickets-private.h"
#include "policy/par-window-private.h"

/* What is shorter is no delay. */
#define MIN_DELAY_US 1

/**
 * ParHedge:
 *
 * Makes a call again when it is slow.
 *
 * Most calls to a service are quick, and a few take very long, for reasons that have nothing to do
 * with what is asked. A request whose attempts have not ended after a while gets another attempt, a
 * *hedge*, and the first success is its result. Choose it for calls that may be made twice and
 * whose slowest few in a hundred matter: for the price of a few calls more it does to them what
 * redundancy does for the price of all calls again. It does nothing for calls that are all slow
 * alike, and nothing for those that fail before they are slow: for these see [class@Retry].
 *
 * The delay is [property@Hedge:delay], or is learned: so long that of all calls a share of
 * [property@Hedge:percentile] ends sooner. It is learned from first attempts that succeeded, and
 * from those that were cut short because a hedge won, as from calls that would have taken longer.
 * As long as it cannot be told, since few calls have ended, there are no hedges.
 *
 * Hedges have a budget. Every first attempt adds [property@Hedge:max-extra-load] of a hedge to it,
 * up to [property@Hedge:burst] hedges, so a service that has become slow for all is not asked twice
 * as much. A hedge that is refused waits for the budget, those that have waited longest first,
 * while its request runs.
 *
 * One `ParHedge` may be shared by several [class@Requests], which then have one budget and learn
 * from each other's calls. It knows what it has learned from one run to the next.
 *
 * ```c
 * g_autoptr(ParHedge) hedge = par_hedge_new ();
 *
 * par_hedge_set_percentile (hedge, 90);
 * par_hedge_set_max_extra_load (hedge, 0.15);
 * ```
 *
 * ## Threads
 *
 * A `ParHedge` may be used in any thread. Its figures, and settings that other threads change, are
 * notified in the main context that was the thread-default one where it was made, when nothing
 * more urgent is to be done there, once for any number of changes.
 *
 * Since: 0.1
 */
struct _ParHedge
{
  GObject parent_instance;

  GMutex lock;

  /* Guarded by the lock. */
  guint delay;
  double percentile;
  guint min_delay;
  guint max_delay;
  guint min_samples;
  guint window;
  guint max_hedges;
  double max_extra_load;
  guint burst;
  ParWindow *samples;    /* (owned) once there is one */
  gint64 current_us;     /* -1 if it is unknown */
  guint64 n_first;
  guint64 n_sent;
  guint64 n_won;
  guint64 n_refused;
  ParBudget budget;
  ParTickets waiting;    /* by their host, which is owned, and the index of their request */
  ParTickets granted;    /* the same, paid for */
  ParNotifier notifier;

  int n_granted;         /* atomic: tickets that are granted */
};

typedef enum
{
  PROP_DELAY = 1,
  PROP_PERCENTILE,
  PROP_MIN_DELAY,
  PROP_MAX_DELAY,
  PROP_MIN_SAMPLES,
  PROP_WINDOW,
  PROP_MAX_HEDGES,
  PROP_MAX_EXTRA_LOAD,
  PROP_BURST,
  PROP_CURRENT_DELAY,
  PROP_N_SENT,
  PROP_N_WON,
  PROP_N_REFUSED,
  PROP_EXTRA_LOAD,
} ParHedgeProperty;

static GParamSpec *properties[PROP_EXTRA_LOAD + 1];

G_DEFINE_FINAL_TYPE (ParHedge, par_hedge, G_TYPE_OBJECT)

static gint64
find_delay (ParHedge *self)
{
  const gint64 msec = 1000;
  gint64 delay_us;

  if (self->delay > 0)
    return self->delay * msec;
  if (self->samples == NULL || par_window_get_n (self->samples) < self->min_samples)
    return -1;

  /* If so many calls are in flight for so long that it is not known, it is long. */
  delay_us = par_window_estimate (self->samples, self->percentile / 100);
  if (delay_us < 0 && self->max_delay == 0)
    return -1;

  delay_us = delay_us < 0 ? G_MAXINT64 : MAX (delay_us, self->min_delay * msec);
  if (self->max_delay > 0)
    delay_us = MIN (delay_us, self->max_delay * msec);

  return MAX (delay_us, MIN_DELAY_US);
}

/* Finds the delay as of the latest time that the samples know of. */
static void
update_delay (ParHedge *self)
{
  gint64 delay_us = find_delay (self);

  if (delay_us == self->current_us)
    return;

  self->current_us = delay_us;
  par_notifier_queue (&self->notifier, PROP_CURRENT_DELAY);
}

/* Of those that wait, the first @n_paid have been paid for. */
static void
grant (ParHedge *self,
       guint     n_paid)
{
  for (guint i = 0; i < n_paid; i++)
    {
      gpointer host;
      guint64 index;

      par_tickets_pop (&self->waiting, &host, &index);
      par_tickets_push (&self->granted, host, index);
    }
  g_atomic_int_add (&self->n_granted, n_paid);
}

static void
pay (ParHedge *self)
{
  grant (self, par_budget_pay (&self->budget, par_tickets_get_n (&self->waiting)));
}

static void
refund (ParHedge *self)
{
  grant (self, par_budget_refund (&self->budget, par_tickets_get_n (&self->waiting)));
}

static double
get_load (ParHedge *self)
{
  return self->n_first == 0 ? 0 : (double) self->n_sent / self->n_first;
}

static guint
get_uint (ParHedge *self,
          guint    *setting)
{
  guint value;

  g_mutex_lock (&self->lock);
  value = *setting;
  g_mutex_unlock (&self->lock);

  return value;
}

static double
get_double (ParHedge *self,
            double   *setting)
{
  double value;

  g_mutex_lock (&self->lock);
  value = *setting;
  g_mutex_unlock (&self->lock);

  return value;
}

static guint64
get_figure (ParHedge *self,
            guint64  *figure)
{
  guint64 value;

  g_mutex_lock (&self->lock);
  value = *figure;
  g_mutex_unlock (&self->lock);

  return value;
}

/* All settings take effect together, with the lock held. */
static void
apply_settings (ParHedge *self)
{
  if (self->samples != NULL)
    par_window_set_length (self->samples, self->window * G_GINT64_CONSTANT (1000));
  par_budget_set (&self->budget, self->max_extra_load, self->burst);
  pay (self);
  update_delay (self);
}

static void
set_uint (ParHedge         *self,
          guint            *setting,
          guint             value,
          ParHedgeProperty  property)
{
  gboolean changed;

  g_mutex_lock (&self->lock);
  changed = *setting != value;
  *setting = value;
  apply_settings (self);
  g_mutex_unlock (&self->lock);

  par_hedge_deliver (self);
  if (changed)
    par_notifier_tell (&self->notifier, property);
}

static void
set_double (ParHedge         *self,
            double           *setting,
            double            value,
            ParHedgeProperty  property)
{
  gboolean changed;

  g_mutex_lock (&self->lock);
  changed = *setting != value;
  *setting = value;
  apply_settings (self);
  g_mutex_unlock (&self->lock);

  par_hedge_deliver (self);
  if (changed)
    par_notifier_tell (&self->notifier, property);
}

static void
par_hedge_get_property (GObject    *object,
                        guint       prop_id,
                        GValue     *value,
                        GParamSpec *pspec)
{
  ParHedge *self = PAR_HEDGE (object);

  switch ((ParHedgeProperty) prop_id)
    {
    case PROP_DELAY:
      g_value_set_uint (value, par_hedge_get_delay (self));
      break;

    case PROP_PERCENTILE:
      g_value_set_double (value, par_hedge_get_percentile (self));
      break;

    case PROP_MIN_DELAY:
      g_value_set_uint (value, par_hedge_get_min_delay (self));
      break;

    case PROP_MAX_DELAY:
      g_value_set_uint (value, par_hedge_get_max_delay (self));
      break;

    case PROP_MIN_SAMPLES:
      g_value_set_uint (value, par_hedge_get_min_samples (self));
      break;

    case PROP_WINDOW:
      g_value_set_uint (value, par_hedge_get_window (self));
      break;

    case PROP_MAX_HEDGES:
      g_value_set_uint (value, par_hedge_get_max_hedges (self));
      break;

    case PROP_MAX_EXTRA_LOAD:
      g_value_set_double (value, par_hedge_get_max_extra_load (self));
      break;

    case PROP_BURST:
      g_value_set_uint (value, par_hedge_get_burst (self));
      break;

    case PROP_CURRENT_DELAY:
      g_value_set_double (value, par_hedge_get_current_delay (self));
      break;

    case PROP_N_SENT:
      g_value_set_uint64 (value, par_hedge_get_n_sent (self));
      break;

    case PROP_N_WON:
      g_value_set_uint64 (value, par_hedge_get_n_won (self));
      break;

    case PROP_N_REFUSED:
      g_value_set_uint64 (value, par_hedge_get_n_refused (self));
      break;

    case PROP_EXTRA_LOAD:
      g_value_set_double (value, par_hedge_get_extra_load (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_hedge_set_property (GObject      *object,
                        guint         prop_id,
                        const GValue *value,
                        GParamSpec   *pspec)
{
  ParHedge *self = PAR_HEDGE (object);

  switch ((ParHedgeProperty) prop_id)
    {
    case PROP_DELAY:
      par_hedge_set_delay (self, g_value_get_uint (value));
      break;

    case PROP_PERCENTILE:
      par_hedge_set_percentile (self, g_value_get_double (value));
      break;

    case PROP_MIN_DELAY:
      par_hedge_set_min_delay (self, g_value_get_uint (value));
      break;

    case PROP_MAX_DELAY:
      par_hedge_set_max_delay (self, g_value_get_uint (value));
      break;

    case PROP_MIN_SAMPLES:
      par_hedge_set_min_samples (self, g_value_get_uint (value));
      break;

    case PROP_WINDOW:
      par_hedge_set_window (self, g_value_get_uint (value));
      break;

    case PROP_MAX_HEDGES:
      par_hedge_set_max_hedges (self, g_value_get_uint (value));
      break;

    case PROP_MAX_EXTRA_LOAD:
      par_hedge_set_max_extra_load (self, g_value_get_double (value));
      break;

    case PROP_BURST:
      par_hedge_set_burst (self, g_value_get_uint (value));
      break;

    case PROP_CURRENT_DELAY:
    case PROP_N_SENT:
    case PROP_N_WON:
    case PROP_N_REFUSED:
    case PROP_EXTRA_LOAD:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
clear_tickets (ParTickets *tickets)
{
  gpointer host;
  guint64 index;

  while (par_tickets_pop (tickets, &host, &index))
    par_host_unref (host);
  par_tickets_clear (tickets);
}

static void
par_hedge_finalize (GObject *object)
{
  ParHedge *self = PAR_HEDGE (object);

  clear_tickets (&self->waiting);
  clear_tickets (&self->granted);
  par_notifier_clear (&self->notifier);
  g_free (self->samples);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (par_hedge_parent_class)->finalize (object);
}

static void
par_hedge_class_init (ParHedgeClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = par_hedge_get_property;
  object_class->set_property = par_hedge_set_property;
  object_class->finalize = par_hedge_finalize;

  /**
   * ParHedge:delay: (getter get_delay) (setter set_delay)
   *
   * How long to wait for the attempts so far before a hedge is made, in milliseconds.
   *
   * If 0, the delay is learned. While it is not 0, nothing is learned.
   *
   * Since: 0.1
   */
  properties[PROP_DELAY] =
    g_param_spec_uint ("delay", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:percentile: (getter get_percentile) (setter set_percentile)
   *
   * How many percent of all calls the learned delay is to let pass without a hedge.
   *
   * Calls are measured from the start of their first attempt. With 95, one call in twenty gets a
   * hedge.
   *
   * Since: 0.1
   */
  properties[PROP_PERCENTILE] =
    g_param_spec_double ("percentile", NULL, NULL,
                         50, 99.9, 95,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:min-delay: (getter get_min_delay) (setter set_min_delay)
   *
   * The shortest delay that is learned, in milliseconds.
   *
   * Since: 0.1
   */
  properties[PROP_MIN_DELAY] =
    g_param_spec_uint ("min-delay", NULL, NULL,
                       0, G_MAXINT, 1,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:max-delay: (getter get_max_delay) (setter set_max_delay)
   *
   * The longest delay that is learned, in milliseconds.
   *
   * If 0, there is none. It goes before [property@Hedge:min-delay]. After a time in which all calls
   * were slow it makes hedges useful again at once, not when the slow calls have been forgotten.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_DELAY] =
    g_param_spec_uint ("max-delay", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:min-samples: (getter get_min_samples) (setter set_min_samples)
   *
   * How many calls must have been seen within [property@Hedge:window] for a delay to be learned.
   *
   * Until then there are no hedges.
   *
   * Since: 0.1
   */
  properties[PROP_MIN_SAMPLES] =
    g_param_spec_uint ("min-samples", NULL, NULL,
                       1, G_MAXINT, 50,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:window: (getter get_window) (setter set_window)
   *
   * For how long a call counts for what is learned, in milliseconds.
   *
   * A program that makes few calls needs a longer window, or fewer
   * [property@Hedge:min-samples], else no delay is ever learned.
   *
   * Since: 0.1
   */
  properties[PROP_WINDOW] =
    g_param_spec_uint ("window", NULL, NULL,
                       1, G_MAXINT, 30000,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:max-hedges: (getter get_max_hedges) (setter set_max_hedges)
   *
   * How many hedges one request may have.
   *
   * Each is made when the delay has passed since the last.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_HEDGES] =
    g_param_spec_uint ("max-hedges", NULL, NULL,
                       1, 9, 2,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:max-extra-load: (getter get_max_extra_load) (setter set_max_extra_load)
   *
   * How many hedges there may be for each first attempt.
   *
   * With 0.1, there is one hedge for ten requests at most, and a few more at the start: see
   * [property@Hedge:burst]. If 0, there is never a hedge.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_EXTRA_LOAD] =
    g_param_spec_double ("max-extra-load", NULL, NULL,
                         0, 9, 0.1,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:burst: (getter get_burst) (setter set_burst)
   *
   * For how many hedges the budget is saved up while none is needed.
   *
   * So many there may be from the start.
   *
   * Since: 0.1
   */
  properties[PROP_BURST] =
    g_param_spec_uint ("burst", NULL, NULL,
                       1, G_MAXINT, 10,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:current-delay: (getter get_current_delay)
   *
   * The delay after which a hedge is made, in milliseconds.
   *
   * It is that of the attempt started last, and -1 if it is not known yet.
   *
   * Since: 0.1
   */
  properties[PROP_CURRENT_DELAY] =
    g_param_spec_double ("current-delay", NULL, NULL,
                         -1, G_MAXDOUBLE, -1,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:n-sent: (getter get_n_sent)
   *
   * How many hedges have been made.
   *
   * Since: 0.1
   */
  properties[PROP_N_SENT] =
    g_param_spec_uint64 ("n-sent", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:n-won: (getter get_n_won)
   *
   * How many hedges have made their request succeed.
   *
   * Since: 0.1
   */
  properties[PROP_N_WON] =
    g_param_spec_uint64 ("n-won", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:n-refused: (getter get_n_refused)
   *
   * For how many hedges the budget had nothing left when they were due.
   *
   * One that was made later all the same is in [property@Hedge:n-sent] too.
   *
   * Since: 0.1
   */
  properties[PROP_N_REFUSED] =
    g_param_spec_uint64 ("n-refused", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParHedge:extra-load: (getter get_extra_load)
   *
   * How many hedges have been made for each first attempt.
   *
   * Since: 0.1
   */
  properties[PROP_EXTRA_LOAD] =
    g_param_spec_double ("extra-load", NULL, NULL,
                         0, G_MAXDOUBLE, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
par_hedge_init (ParHedge *self)
{
  g_mutex_init (&self->lock);
  self->percentile = 95;
  self->min_delay = 1;
  self->min_samples = 50;
  self->window = 30000;
  self->max_hedges = 2;
  self->max_extra_load = 0.1;
  self->burst = 10;
  self->current_us = -1;
  par_budget_set (&self->budget, self->max_extra_load, self->burst);
  par_tickets_init (&self->waiting);
  par_tickets_init (&self->granted);
  par_notifier_init (&self->notifier, self, &self->lock, properties);
}

/**
 * par_hedge_new:
 *
 * Makes a hedge that learns its delay.
 *
 * Returns: (transfer full): a hedge
 *
 * Since: 0.1
 */
ParHedge *
par_hedge_new (void)
{
  return g_object_new (PAR_TYPE_HEDGE, NULL);
}

/**
 * par_hedge_get_delay: (get-property delay)
 * @self: a hedge
 *
 * Gets how long to wait for the attempts so far before a hedge is made.
 *
 * Returns: the delay in milliseconds, or 0 if it is learned
 *
 * Since: 0.1
 */
guint
par_hedge_get_delay (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_uint (self, &self->delay);
}

/**
 * par_hedge_set_delay: (set-property delay)
 * @self: a hedge
 * @delay: how long to wait for the attempts so far, in milliseconds
 *
 * Sets how long to wait for the attempts so far before a hedge is made.
 *
 * If 0, the delay is learned. While it is not 0, nothing is learned.
 *
 * Since: 0.1
 */
void
par_hedge_set_delay (ParHedge *self,
                     guint     delay)
{
  g_return_if_fail (PAR_IS_HEDGE (self));
  g_return_if_fail (delay <= G_MAXINT);

  set_uint (self, &self->delay, delay, PROP_DELAY);
}

/**
 * par_hedge_get_percentile: (get-property percentile)
 * @self: a hedge
 *
 * Gets how many percent of all calls the learned delay is to let pass without a hedge.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
double
par_hedge_get_percentile (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_double (self, &self->percentile);
}

/**
 * par_hedge_set_percentile: (set-property percentile)
 * @self: a hedge
 * @percentile: how many percent of all calls to let pass, from 50 to 99.9
 *
 * Sets how many percent of all calls the learned delay is to let pass without a hedge.
 *
 * Since: 0.1
 */
void
par_hedge_set_percentile (ParHedge *self,
                          double    percentile)
{
  g_return_if_fail (PAR_IS_HEDGE (self));
  g_return_if_fail (percentile >= 50 && percentile <= 99.9);

  set_double (self, &self->percentile, percentile, PROP_PERCENTILE);
}

/**
 * par_hedge_get_min_delay: (get-property min-delay)
 * @self: a hedge
 *
 * Gets the shortest delay that is learned.
 *
 * Returns: the setting in milliseconds
 *
 * Since: 0.1
 */
guint
par_hedge_get_min_delay (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_uint (self, &self->min_delay);
}

/**
 * par_hedge_set_min_delay: (set-property min-delay)
 * @self: a hedge
 * @min_delay: the shortest delay that is learned, in milliseconds
 *
 * Sets the shortest delay that is learned.
 *
 * Since: 0.1
 */
void
par_hedge_set_min_delay (ParHedge *self,
                         guint     min_delay)
{
  g_return_if_fail (PAR_IS_HEDGE (self));
  g_return_if_fail (min_delay <= G_MAXINT);

  set_uint (self, &self->min_delay, min_delay, PROP_MIN_DELAY);
}

/**
 * par_hedge_get_max_delay: (get-property max-delay)
 * @self: a hedge
 *
 * Gets the longest delay that is learned.
 *
 * Returns: the setting in milliseconds, or 0 if there is none
 *
 * Since: 0.1
 */
guint
par_hedge_get_max_delay (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_uint (self, &self->max_delay);
}

/**
 * par_hedge_set_max_delay: (set-property max-delay)
 * @self: a hedge
 * @max_delay: the longest delay that is learned, in milliseconds
 *
 * Sets the longest delay that is learned.
 *
 * If 0, there is none. It goes before [property@Hedge:min-delay].
 *
 * Since: 0.1
 */
void
par_hedge_set_max_delay (ParHedge *self,
                         guint     max_delay)
{
  g_return_if_fail (PAR_IS_HEDGE (self));
  g_return_if_fail (max_delay <= G_MAXINT);

  set_uint (self, &self->max_delay, max_delay, PROP_MAX_DELAY);
}

/**
 * par_hedge_get_min_samples: (get-property min-samples)
 * @self: a hedge
 *
 * Gets how many calls must have been seen for a delay to be learned.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_hedge_get_min_samples (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_uint (self, &self->min_samples);
}

/**
 * par_hedge_set_min_samples: (set-property min-samples)
 * @self: a hedge
 * @min_samples: how many calls must have been seen, at least 1
 *
 * Sets how many calls must have been seen for a delay to be learned.
 *
 * Until then there are no hedges.
 *
 * Since: 0.1
 */
void
par_hedge_set_min_samples (ParHedge *self,
                           guint     min_samples)
{
  g_return_if_fail (PAR_IS_HEDGE (self));
  g_return_if_fail (min_samples >= 1 && min_samples <= G_MAXINT);

  set_uint (self, &self->min_samples, min_samples, PROP_MIN_SAMPLES);
}

/**
 * par_hedge_get_window: (get-property window)
 * @self: a hedge
 *
 * Gets for how long a call counts for what is learned.
 *
 * Returns: the setting in milliseconds
 *
 * Since: 0.1
 */
guint
par_hedge_get_window (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_uint (self, &self->window);
}

/**
 * par_hedge_set_window: (set-property window)
 * @self: a hedge
 * @window: for how long a call counts, in milliseconds, at least 1
 *
 * Sets for how long a call counts for what is learned.
 *
 * Since: 0.1
 */
void
par_hedge_set_window (ParHedge *self,
                      guint     window)
{
  g_return_if_fail (PAR_IS_HEDGE (self));
  g_return_if_fail (window >= 1 && window <= G_MAXINT);

  set_uint (self, &self->window, window, PROP_WINDOW);
}

/**
 * par_hedge_get_max_hedges: (get-property max-hedges)
 * @self: a hedge
 *
 * Gets how many hedges one request may have.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_hedge_get_max_hedges (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_uint (self, &self->max_hedges);
}

/**
 * par_hedge_set_max_hedges: (set-property max-hedges)
 * @self: a hedge
 * @max_hedges: how many hedges one request may have, from 1 to 9
 *
 * Sets how many hedges one request may have.
 *
 * Since: 0.1
 */
void
par_hedge_set_max_hedges (ParHedge *self,
                          guint     max_hedges)
{
  g_return_if_fail (PAR_IS_HEDGE (self));
  g_return_if_fail (max_hedges >= 1 && max_hedges <= 9);

  set_uint (self, &self->max_hedges, max_hedges, PROP_MAX_HEDGES);
}

/**
 * par_hedge_get_max_extra_load: (get-property max-extra-load)
 * @self: a hedge
 *
 * Gets how many hedges there may be for each first attempt.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
double
par_hedge_get_max_extra_load (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_double (self, &self->max_extra_load);
}

/**
 * par_hedge_set_max_extra_load: (set-property max-extra-load)
 * @self: a hedge
 * @max_extra_load: how many hedges there may be for each first attempt, from 0 to 9
 *
 * Sets how many hedges there may be for each first attempt.
 *
 * If 0, there is never a hedge.
 *
 * Since: 0.1
 */
void
par_hedge_set_max_extra_load (ParHedge *self,
                              double    max_extra_load)
{
  g_return_if_fail (PAR_IS_HEDGE (self));
  g_return_if_fail (max_extra_load >= 0 && max_extra_load <= 9);

  set_double (self, &self->max_extra_load, max_extra_load, PROP_MAX_EXTRA_LOAD);
}

/**
 * par_hedge_get_burst: (get-property burst)
 * @self: a hedge
 *
 * Gets for how many hedges the budget is saved up while none is needed.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_hedge_get_burst (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_uint (self, &self->burst);
}

/**
 * par_hedge_set_burst: (set-property burst)
 * @self: a hedge
 * @burst: for how many hedges the budget is saved up, at least 1
 *
 * Sets for how many hedges the budget is saved up while none is needed.
 *
 * Since: 0.1
 */
void
par_hedge_set_burst (ParHedge *self,
                     guint     burst)
{
  g_return_if_fail (PAR_IS_HEDGE (self));
  g_return_if_fail (burst >= 1 && burst <= G_MAXINT);

  set_uint (self, &self->burst, burst, PROP_BURST);
}

/**
 * par_hedge_get_current_delay: (get-property current-delay)
 * @self: a hedge
 *
 * Gets the delay after which a hedge is made.
 *
 * It is that of the attempt started last.
 *
 * Returns: the delay in milliseconds, or -1 if it is not known yet
 *
 * Since: 0.1
 */
double
par_hedge_get_current_delay (ParHedge *self)
{
  gint64 current_us;

  g_return_val_if_fail (PAR_IS_HEDGE (self), -1);

  g_mutex_lock (&self->lock);
  current_us = self->current_us;
  g_mutex_unlock (&self->lock);

  return current_us < 0 ? -1 : current_us / 1000.0;
}

/**
 * par_hedge_get_n_sent: (get-property n-sent)
 * @self: a hedge
 *
 * Gets how many hedges have been made.
 *
 * Returns: the number of hedges
 *
 * Since: 0.1
 */
guint64
par_hedge_get_n_sent (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_figure (self, &self->n_sent);
}

/**
 * par_hedge_get_n_won: (get-property n-won)
 * @self: a hedge
 *
 * Gets how many hedges have made their request succeed.
 *
 * Returns: the number of hedges
 *
 * Since: 0.1
 */
guint64
par_hedge_get_n_won (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_figure (self, &self->n_won);
}

/**
 * par_hedge_get_n_refused: (get-property n-refused)
 * @self: a hedge
 *
 * Gets for how many hedges the budget had nothing left when they were due.
 *
 * Returns: the number of hedges
 *
 * Since: 0.1
 */
guint64
par_hedge_get_n_refused (ParHedge *self)
{
  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  return get_figure (self, &self->n_refused);
}

/**
 * par_hedge_get_extra_load: (get-property extra-load)
 * @self: a hedge
 *
 * Gets how many hedges have been made for each first attempt.
 *
 * Returns: the share, or 0 if there was no attempt yet
 *
 * Since: 0.1
 */
double
par_hedge_get_extra_load (ParHedge *self)
{
  double load;

  g_return_val_if_fail (PAR_IS_HEDGE (self), 0);

  g_mutex_lock (&self->lock);
  load = get_load (self);
  g_mutex_unlock (&self->lock);

  return load;
}

static ParWindow *
get_samples (ParHedge *self)
{
  if (self->samples == NULL)
    self->samples = par_window_new (self->window * G_GINT64_CONSTANT (1000));

  return self->samples;
}

/* The first attempt of a request starts. It may pay for hedges that wait. Returns what
 * par_hedge_get_delay_us() does. */
gint64
par_hedge_deposit (ParHedge *self,
                   gint64    now_us)
{
  gint64 delay_us;

  g_mutex_lock (&self->lock);
  self->n_first++;
  grant (self, par_budget_deposit (&self->budget, par_tickets_get_n (&self->waiting)));
  if (self->delay == 0)
    par_window_begin (get_samples (self), now_us);
  if (self->n_sent > 0)
    par_notifier_queue (&self->notifier, PROP_EXTRA_LOAD);
  update_delay (self);
  delay_us = self->current_us;
  g_mutex_unlock (&self->lock);

  return delay_us;
}

/* The first attempt of a request has succeeded after so long, or, as a lower bound, was cut short
 * because another one has. */
void
par_hedge_observe (ParHedge *self,
                   gint64    latency_us,
                   gboolean  is_lower_bound,
                   gint64    now_us)
{
  g_mutex_lock (&self->lock);
  if (self->delay == 0)
    {
      par_window_end (get_samples (self), latency_us, now_us);
      par_window_add (self->samples, latency_us, is_lower_bound, now_us);
    }
  g_mutex_unlock (&self->lock);
}

/* The first attempt of a request has failed after so long, or was cancelled with its request: this
 * tells nothing of how long calls take. */
void
par_hedge_ignore (ParHedge *self,
                  gint64    latency_us,
                  gint64    now_us)
{
  g_mutex_lock (&self->lock);
  if (self->delay == 0)
    par_window_end (get_samples (self), latency_us, now_us);
  g_mutex_unlock (&self->lock);
}

/* The time that must have passed since the last attempt of a request started for a hedge of it to
 * be due; -1 if it is not known. */
gint64
par_hedge_get_delay_us (ParHedge *self,
                        gint64    now_us)
{
  gint64 delay_us;

  g_mutex_lock (&self->lock);
  if (self->samples != NULL)
    par_window_advance (self->samples, now_us);
  update_delay (self);
  delay_us = self->current_us;
  g_mutex_unlock (&self->lock);

  return delay_us;
}

/* Takes a token for a hedge, if there is one. */
gboolean
par_hedge_spend (ParHedge *self)
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

/* Gives back a token that was spent or granted, and not used. It may pay for a hedge that waits. */
void
par_hedge_refund (ParHedge *self)
{
  g_mutex_lock (&self->lock);
  refund (self);
  g_mutex_unlock (&self->lock);
}

/* A hedge that was paid for has started. */
void
par_hedge_count_sent (ParHedge *self)
{
  g_mutex_lock (&self->lock);
  self->n_sent++;
  par_notifier_queue (&self->notifier, PROP_N_SENT);
  par_notifier_queue (&self->notifier, PROP_EXTRA_LOAD);
  g_mutex_unlock (&self->lock);
}

/* A hedge has made its request succeed. */
void
par_hedge_count_won (ParHedge *self)
{
  g_mutex_lock (&self->lock);
  self->n_won++;
  par_notifier_queue (&self->notifier, PROP_N_WON);
  g_mutex_unlock (&self->lock);
}

/* Has a hedge of a request, which was refused, wait until it is paid for, behind all that wait
 * already. To ask twice changes nothing. */
void
par_hedge_wait (ParHedge *self,
                ParHost  *host,
                guint64   index)
{
  g_mutex_lock (&self->lock);
  if (!par_tickets_contains (&self->granted, host, index)
      && par_tickets_push (&self->waiting, host, index))
    par_host_ref (host);
  g_mutex_unlock (&self->lock);
}

/* A request needs no hedge any more. If one was granted meanwhile, its token pays for another. The
 * caller has a reference to the host, so the one that is given back here is not the last. */
void
par_hedge_forget (ParHedge *self,
                  ParHost  *host,
                  guint64   index)
{
  g_mutex_lock (&self->lock);
  if (par_tickets_remove (&self->waiting, host, index))
    {
      par_host_unref (host);
    }
  else if (par_tickets_remove (&self->granted, host, index))
    {
      par_host_unref (host);
      g_atomic_int_add (&self->n_granted, -1);
      refund (self);
    }
  g_mutex_unlock (&self->lock);
}

/* Whether hedges that waited have been paid for, by any engine: who sees that here, with or without
 * its lock, calls par_hedge_deliver() as soon as it holds none. */
gboolean
par_hedge_has_granted (ParHedge *self)
{
  return g_atomic_int_get (&self->n_granted) > 0;
}

/* Tells the engines whose hedges have been paid for, with no lock held. */
void
par_hedge_deliver (ParHedge *self)
{
  while (par_hedge_has_granted (self))
    {
      gpointer data;
      ParHost *host;
      guint64 index;
      gboolean is_granted;

      g_mutex_lock (&self->lock);
      is_granted = par_tickets_pop (&self->granted, &data, &index);
      if (is_granted)
        g_atomic_int_add (&self->n_granted, -1);
      g_mutex_unlock (&self->lock);

      /* Another thread may have been faster. */
      if (!is_granted)
        return;

      host = data;
      host->klass->hedge_granted (host, self, index);
      par_host_unref (host);
    }
}

guint64
par_hedge_get_n_in_flight (ParHedge *self)
{
  guint64 n;

  g_mutex_lock (&self->lock);
  n = self->samples != NULL ? par_flight_get_n (&self->samples->flight) : 0;
  g_mutex_unlock (&self->lock);

  return n;
}
