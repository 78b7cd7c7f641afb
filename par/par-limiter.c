/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-limiter-private.h"

#include "base/par-notifier-private.h"
#include "policy/par-limit-private.h"

/* With so many keys, it is looked for those that need not be remembered. */
#define MIN_KEYS_SWEPT 64

/* All permits of a key are one: nobody asks which. */
struct _ParPermit
{
  ParLimit limit;
  char *key;  /* (owned) NULL for what is common to all */
};

/* What a host is to be told: that its turn has come for a key. */
typedef struct
{
  gpointer host;  /* (owned) */
  char *key;      /* (owned) or NULL for what is common to all */
} Call;

/**
 * ParLimiter:
 *
 * Holds calls back that would be too many at once, or too many a second.
 *
 * [property@Requests:concurrency] bounds what one [class@Requests] does. A limiter bounds what
 * several of them do together: choose it for a service that all parts of a program share, and that
 * allows so many connections, [property@Limiter:concurrency], or so many calls in a second,
 * [property@Limiter:rate]. With [property@Limiter:per-key] each [property@Request:key] has the
 * limit to itself: six connections to each host, say. A request whose key has come to its limit
 * waits, and others go before it. A [class@Requests] gets its turn however many requests another
 * has.
 *
 * Every attempt counts, copies, hedges and retries as well, from its start until its function has
 * returned, also one that has been cancelled and does not care.
 *
 * ```c
 * g_autoptr(ParLimiter) limiter = par_limiter_new ();
 *
 * par_limiter_set_concurrency (limiter, 6);
 * par_limiter_set_per_key (limiter, TRUE);
 * ```
 *
 * ## Threads
 *
 * A `ParLimiter` may be used in any thread. Its figures, and settings that other threads change,
 * are notified in the main context that was the thread-default one where it was made, when nothing
 * more urgent is to be done there, once for any number of changes.
 *
 * Since: 0.1
 */
struct _ParLimiter
{
  GObject parent_instance;

  GMutex lock;

  /* Guarded by the lock. */
  guint concurrency;
  double rate;
  guint burst;
  gboolean per_key;
  ParPermit common;    /* of all, or, per key, of those that have none */
  GHashTable *permits; /* (owned) of ParPermit, by their key */
  guint sweep_at;      /* how many there may be before it is looked for idle ones */
  GQueue called;       /* of Call (owned) */
  guint64 n_running;
  guint64 n_waiting;
  gint64 now_us;       /* the latest time there was */
  ParNotifier notifier;

  int n_called;        /* atomic: how many of these there are */
};

typedef enum
{
  PROP_CONCURRENCY = 1,
  PROP_RATE,
  PROP_BURST,
  PROP_PER_KEY,
  PROP_N_RUNNING,
  PROP_N_WAITING,
} ParLimiterProperty;

static GParamSpec *properties[PROP_N_WAITING + 1];

G_DEFINE_FINAL_TYPE (ParLimiter, par_limiter, G_TYPE_OBJECT)

static void
permit_free (gpointer data)
{
  ParPermit *permit = data;

  par_limit_clear (&permit->limit);
  g_free (permit->key);
  g_free (permit);
}

static void
count_running (ParLimiter *self,
               int         change)
{
  self->n_running += change;
  par_notifier_queue (&self->notifier, PROP_N_RUNNING);
}

static void
count_waiting (ParLimiter *self,
               int         change)
{
  self->n_waiting += change;
  par_notifier_queue (&self->notifier, PROP_N_WAITING);
}

/* Calls a host, of which this consumes a reference. */
static void
call (ParLimiter *self,
      ParPermit  *permit,
      gpointer    host)
{
  Call *news = g_new (Call, 1);

  *news = (Call) { host, g_strdup (permit->key) };
  g_queue_push_tail (&self->called, news);
  g_atomic_int_inc (&self->n_called);
}

static void
call_free (gpointer data)
{
  Call *news = data;

  par_host_unref (news->host);
  g_free (news->key);
  g_free (news);
}

static void
call_all_whose_turn_it_is (ParLimiter *self,
                           ParPermit  *permit)
{
  gpointer host;

  while ((host = par_limit_call (&permit->limit, self->now_us)) != NULL)
    call (self, permit, par_host_ref (host));
}

/* Has all who wait look again: what they were told when they were refused is not true any more. */
static void
dismiss_all (ParLimiter *self,
             ParPermit  *permit)
{
  gpointer host;

  while ((host = par_limit_dismiss (&permit->limit)) != NULL)
    {
      count_waiting (self, -1);
      call (self, permit, host);
    }
}

static gboolean
is_idle (gpointer key,
         gpointer permit,
         gpointer self)
{
  return par_limit_is_idle (&((ParPermit *) permit)->limit, ((ParLimiter *) self)->now_us);
}

/* Forgets keys that need not be remembered, now and then, so that they are never more than twice
 * those that must be. */
static void
sweep (ParLimiter *self)
{
  if (g_hash_table_size (self->permits) < self->sweep_at)
    return;

  g_hash_table_foreach_remove (self->permits, is_idle, self);
  self->sweep_at = MAX (2 * g_hash_table_size (self->permits), MIN_KEYS_SWEPT);
}

static void
drop_if_idle (ParLimiter *self,
              ParPermit  *permit)
{
  if (permit->key != NULL && par_limit_is_idle (&permit->limit, self->now_us))
    g_hash_table_remove (self->permits, permit->key);
}

static ParPermit *
find_permit (ParLimiter *self,
             const char *key,
             gboolean    add)
{
  ParPermit *permit;

  if (!self->per_key || key == NULL)
    return &self->common;

  permit = g_hash_table_lookup (self->permits, key);
  if (permit == NULL && add)
    {
      sweep (self);
      permit = g_new (ParPermit, 1);
      par_limit_init (&permit->limit);
      par_limit_set (&permit->limit, self->concurrency, self->rate, self->burst, self->now_us);
      permit->key = g_strdup (key);
      g_hash_table_insert (self->permits, permit->key, permit);
    }

  return permit;
}

/* A clock that goes backwards is taken to stand still. */
static void
note_time (ParLimiter *self,
           gint64      now_us)
{
  self->now_us = MAX (self->now_us, now_us);
}

static void
apply_to_permit (ParLimiter *self,
                 ParPermit  *permit)
{
  par_limit_set (&permit->limit, self->concurrency, self->rate, self->burst, self->now_us);
  dismiss_all (self, permit);
}

/* All settings take effect together, with the lock held. */
static void
apply_settings (ParLimiter *self)
{
  GHashTableIter iter;
  gpointer permit;

  apply_to_permit (self, &self->common);
  g_hash_table_iter_init (&iter, self->permits);
  while (g_hash_table_iter_next (&iter, NULL, &permit))
    apply_to_permit (self, permit);
}

static void
par_limiter_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  ParLimiter *self = PAR_LIMITER (object);

  switch ((ParLimiterProperty) prop_id)
    {
    case PROP_CONCURRENCY:
      g_value_set_uint (value, par_limiter_get_concurrency (self));
      break;

    case PROP_RATE:
      g_value_set_double (value, par_limiter_get_rate (self));
      break;

    case PROP_BURST:
      g_value_set_uint (value, par_limiter_get_burst (self));
      break;

    case PROP_PER_KEY:
      g_value_set_boolean (value, par_limiter_get_per_key (self));
      break;

    case PROP_N_RUNNING:
      g_value_set_uint64 (value, par_limiter_get_n_running (self));
      break;

    case PROP_N_WAITING:
      g_value_set_uint64 (value, par_limiter_get_n_waiting (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_limiter_set_property (GObject      *object,
                          guint         prop_id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  ParLimiter *self = PAR_LIMITER (object);

  switch ((ParLimiterProperty) prop_id)
    {
    case PROP_CONCURRENCY:
      par_limiter_set_concurrency (self, g_value_get_uint (value));
      break;

    case PROP_RATE:
      par_limiter_set_rate (self, g_value_get_double (value));
      break;

    case PROP_BURST:
      par_limiter_set_burst (self, g_value_get_uint (value));
      break;

    case PROP_PER_KEY:
      par_limiter_set_per_key (self, g_value_get_boolean (value));
      break;

    case PROP_N_RUNNING:
    case PROP_N_WAITING:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
par_limiter_finalize (GObject *object)
{
  ParLimiter *self = PAR_LIMITER (object);
  GHashTableIter iter;
  gpointer permit;

  /* Those who wait are let go of, and not told. */
  dismiss_all (self, &self->common);
  g_hash_table_iter_init (&iter, self->permits);
  while (g_hash_table_iter_next (&iter, NULL, &permit))
    dismiss_all (self, permit);
  g_queue_clear_full (&self->called, call_free);

  par_notifier_clear (&self->notifier);
  g_hash_table_unref (self->permits);
  par_limit_clear (&self->common.limit);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (par_limiter_parent_class)->finalize (object);
}

static void
par_limiter_class_init (ParLimiterClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = par_limiter_get_property;
  object_class->set_property = par_limiter_set_property;
  object_class->finalize = par_limiter_finalize;

  /**
   * ParLimiter:concurrency: (getter get_concurrency) (setter set_concurrency)
   *
   * How many attempts may run at once.
   *
   * If 0, there is no bound. Lowering it ends nothing.
   *
   * Since: 0.1
   */
  properties[PROP_CONCURRENCY] =
    g_param_spec_uint ("concurrency", NULL, NULL,
                       0, G_MAXINT, 0,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParLimiter:rate: (getter get_rate) (setter set_rate)
   *
   * How many attempts may start in a second.
   *
   * If 0, there is no bound. One every minute is 1/60. The bound holds for any second, not for
   * those of the clock only: no more start in it than this and [property@Limiter:burst].
   *
   * Since: 0.1
   */
  properties[PROP_RATE] =
    g_param_spec_double ("rate", NULL, NULL,
                         0, G_MAXINT, 0,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParLimiter:burst: (getter get_burst) (setter set_burst)
   *
   * How many attempts may start at once after a time in which there were few.
   *
   * It matters with a [property@Limiter:rate] only. So many may start at first, too.
   *
   * Since: 0.1
   */
  properties[PROP_BURST] =
    g_param_spec_uint ("burst", NULL, NULL,
                       1, G_MAXINT, 1,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParLimiter:per-key: (getter get_per_key) (setter set_per_key)
   *
   * Whether each [property@Request:key] has the limit to itself.
   *
   * Requests without a key share it. Attempts that run when this is changed do not count against
   * those that start from then on.
   *
   * Since: 0.1
   */
  properties[PROP_PER_KEY] =
    g_param_spec_boolean ("per-key", NULL, NULL,
                          FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * ParLimiter:n-running: (getter get_n_running)
   *
   * How many attempts run, of all keys.
   *
   * Since: 0.1
   */
  properties[PROP_N_RUNNING] =
    g_param_spec_uint64 ("n-running", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * ParLimiter:n-waiting: (getter get_n_waiting)
   *
   * How many wait in line.
   *
   * That is one for each [class@Requests] and key for which it could start something now but for
   * this limit, however many requests it has.
   *
   * Since: 0.1
   */
  properties[PROP_N_WAITING] =
    g_param_spec_uint64 ("n-waiting", NULL, NULL,
                         0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
par_limiter_init (ParLimiter *self)
{
  g_mutex_init (&self->lock);
  self->burst = 1;
  par_limit_init (&self->common.limit);
  self->permits = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, permit_free);
  self->sweep_at = MIN_KEYS_SWEPT;
  g_queue_init (&self->called);
  par_notifier_init (&self->notifier, self, &self->lock, properties);
}

/**
 * par_limiter_new:
 *
 * Makes a limiter that has no limit yet.
 *
 * Returns: (transfer full): a limiter
 *
 * Since: 0.1
 */
ParLimiter *
par_limiter_new (void)
{
  return g_object_new (PAR_TYPE_LIMITER, NULL);
}

/**
 * par_limiter_get_concurrency: (get-property concurrency)
 * @self: a limiter
 *
 * Gets how many attempts may run at once.
 *
 * Returns: the setting, or 0 if there is no bound
 *
 * Since: 0.1
 */
guint
par_limiter_get_concurrency (ParLimiter *self)
{
  guint concurrency;

  g_return_val_if_fail (PAR_IS_LIMITER (self), 0);

  g_mutex_lock (&self->lock);
  concurrency = self->concurrency;
  g_mutex_unlock (&self->lock);

  return concurrency;
}

/**
 * par_limiter_set_concurrency: (set-property concurrency)
 * @self: a limiter
 * @concurrency: how many attempts may run at once
 *
 * Sets how many attempts may run at once.
 *
 * If 0, there is no bound. Lowering it ends nothing.
 *
 * Since: 0.1
 */
void
par_limiter_set_concurrency (ParLimiter *self,
                             guint       concurrency)
{
  gboolean changed;

  g_return_if_fail (PAR_IS_LIMITER (self));
  g_return_if_fail (concurrency <= G_MAXINT);

  g_mutex_lock (&self->lock);
  changed = self->concurrency != concurrency;
  self->concurrency = concurrency;
  if (changed)
    apply_settings (self);
  g_mutex_unlock (&self->lock);

  par_limiter_deliver (self);
  if (changed)
    par_notifier_tell (&self->notifier, PROP_CONCURRENCY);
}

/**
 * par_limiter_get_rate: (get-property rate)
 * @self: a limiter
 *
 * Gets how many attempts may start in a second.
 *
 * Returns: the setting, or 0 if there is no bound
 *
 * Since: 0.1
 */
double
par_limiter_get_rate (ParLimiter *self)
{
  double rate;

  g_return_val_if_fail (PAR_IS_LIMITER (self), 0);

  g_mutex_lock (&self->lock);
  rate = self->rate;
  g_mutex_unlock (&self->lock);

  return rate;
}

/**
 * par_limiter_set_rate: (set-property rate)
 * @self: a limiter
 * @rate: how many attempts may start in a second
 *
 * Sets how many attempts may start in a second.
 *
 * If 0, there is no bound. One every minute is 1/60. The bound holds for any second, not for those
 * of the clock only: no more start in it than this and [property@Limiter:burst].
 *
 * Since: 0.1
 */
void
par_limiter_set_rate (ParLimiter *self,
                      double      rate)
{
  gboolean changed;

  g_return_if_fail (PAR_IS_LIMITER (self));
  g_return_if_fail (rate >= 0 && rate <= G_MAXINT);

  g_mutex_lock (&self->lock);
  changed = self->rate != rate;
  self->rate = rate;
  if (changed)
    apply_settings (self);
  g_mutex_unlock (&self->lock);

  par_limiter_deliver (self);
  if (changed)
    par_notifier_tell (&self->notifier, PROP_RATE);
}

/**
 * par_limiter_get_burst: (get-property burst)
 * @self: a limiter
 *
 * Gets how many attempts may start at once after a time in which there were few.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
guint
par_limiter_get_burst (ParLimiter *self)
{
  guint burst;

  g_return_val_if_fail (PAR_IS_LIMITER (self), 0);

  g_mutex_lock (&self->lock);
  burst = self->burst;
  g_mutex_unlock (&self->lock);

  return burst;
}

/**
 * par_limiter_set_burst: (set-property burst)
 * @self: a limiter
 * @burst: how many attempts may start at once, at least 1
 *
 * Sets how many attempts may start at once after a time in which there were few.
 *
 * It matters with a [property@Limiter:rate] only. So many may start at first, too.
 *
 * Since: 0.1
 */
void
par_limiter_set_burst (ParLimiter *self,
                       guint       burst)
{
  gboolean changed;

  g_return_if_fail (PAR_IS_LIMITER (self));
  g_return_if_fail (burst >= 1 && burst <= G_MAXINT);

  g_mutex_lock (&self->lock);
  changed = self->burst != burst;
  self->burst = burst;
  if (changed)
    apply_settings (self);
  g_mutex_unlock (&self->lock);

  par_limiter_deliver (self);
  if (changed)
    par_notifier_tell (&self->notifier, PROP_BURST);
}

/**
 * par_limiter_get_per_key: (get-property per-key)
 * @self: a limiter
 *
 * Gets whether each [property@Request:key] has the limit to itself.
 *
 * Returns: the setting
 *
 * Since: 0.1
 */
gboolean
par_limiter_get_per_key (ParLimiter *self)
{
  gboolean per_key;

  g_return_val_if_fail (PAR_IS_LIMITER (self), FALSE);

  g_mutex_lock (&self->lock);
  per_key = self->per_key;
  g_mutex_unlock (&self->lock);

  return per_key;
}

/**
 * par_limiter_set_per_key: (set-property per-key)
 * @self: a limiter
 * @per_key: whether each key has the limit to itself
 *
 * Sets whether each [property@Request:key] has the limit to itself.
 *
 * Requests without a key share it. Attempts that run when this is changed do not count against
 * those that start from then on.
 *
 * Since: 0.1
 */
void
par_limiter_set_per_key (ParLimiter *self,
                         gboolean    per_key)
{
  gboolean changed;

  g_return_if_fail (PAR_IS_LIMITER (self));

  per_key = !!per_key;

  g_mutex_lock (&self->lock);
  changed = self->per_key != per_key;
  self->per_key = per_key;
  if (changed)
    apply_settings (self);
  g_mutex_unlock (&self->lock);

  par_limiter_deliver (self);
  if (changed)
    par_notifier_tell (&self->notifier, PROP_PER_KEY);
}

/**
 * par_limiter_get_n_running: (get-property n-running)
 * @self: a limiter
 *
 * Gets how many attempts run, of all keys.
 *
 * Returns: the number of attempts
 *
 * Since: 0.1
 */
guint64
par_limiter_get_n_running (ParLimiter *self)
{
  guint64 n_running;

  g_return_val_if_fail (PAR_IS_LIMITER (self), 0);

  g_mutex_lock (&self->lock);
  n_running = self->n_running;
  g_mutex_unlock (&self->lock);

  return n_running;
}

/**
 * par_limiter_get_n_waiting: (get-property n-waiting)
 * @self: a limiter
 *
 * Gets how many wait in line.
 *
 * That is one for each [class@Requests] and key for which it could start something now but for
 * this limit, however many requests it has.
 *
 * Returns: the number of those who wait
 *
 * Since: 0.1
 */
guint64
par_limiter_get_n_waiting (ParLimiter *self)
{
  guint64 n_waiting;

  g_return_val_if_fail (PAR_IS_LIMITER (self), 0);

  g_mutex_lock (&self->lock);
  n_waiting = self->n_waiting;
  g_mutex_unlock (&self->lock);

  return n_waiting;
}

/* Takes all that an attempt with this key, or NULL, needs to start, or nothing. Returns NULL if it
 * is refused: then the host stands in line, and @retry_at_us is the time at which it is to ask
 * again, or -1 if it will be called. A NULL host stands in no line, and will not be called. */
ParPermit *
par_limiter_acquire (ParLimiter *self,
                     ParHost    *host,
                     const char *key,
                     gint64      now_us,
                     gint64     *retry_at_us)
{
  ParPermit *permit;
  guint n_waiting;
  gboolean is_taken;

  g_mutex_lock (&self->lock);
  note_time (self, now_us);
  permit = find_permit (self, key, TRUE);
  n_waiting = permit->limit.waiting.length;
  is_taken = par_limit_take (&permit->limit, host, self->now_us, retry_at_us);
  if (is_taken)
    count_running (self, 1);

  /* Each place in a line holds a reference. */
  if (permit->limit.waiting.length > n_waiting)
    {
      par_host_ref (host);
      count_waiting (self, 1);
    }
  else if (permit->limit.waiting.length < n_waiting)
    {
      par_host_unref (host);
      count_waiting (self, -1);
    }

  /* Those in the line whose time came by itself may have nothing to start any more. */
  call_all_whose_turn_it_is (self, permit);
  if (!is_taken)
    drop_if_idle (self, permit);
  g_mutex_unlock (&self->lock);

  return is_taken ? permit : NULL;
}

/* The function of an attempt has returned. */
void
par_limiter_release (ParLimiter *self,
                     ParPermit  *permit,
                     gint64      now_us)
{
  g_mutex_lock (&self->lock);
  note_time (self, now_us);
  par_limit_release (&permit->limit);
  count_running (self, -1);
  call_all_whose_turn_it_is (self, permit);
  drop_if_idle (self, permit);
  g_mutex_unlock (&self->lock);
}

/* What was acquired was not used: nothing has started. */
void
par_limiter_put_back (ParLimiter *self,
                      ParPermit  *permit,
                      gint64      now_us)
{
  g_mutex_lock (&self->lock);
  note_time (self, now_us);
  par_limit_put_back (&permit->limit, self->now_us);
  count_running (self, -1);
  call_all_whose_turn_it_is (self, permit);
  drop_if_idle (self, permit);
  g_mutex_unlock (&self->lock);
}

/* An attempt waits for others that may need its permit. */
void
par_limiter_lend (ParLimiter *self,
                  ParPermit  *permit,
                  gint64      now_us)
{
  g_mutex_lock (&self->lock);
  note_time (self, now_us);
  par_limit_lend (&permit->limit);
  count_running (self, -1);
  call_all_whose_turn_it_is (self, permit);
  g_mutex_unlock (&self->lock);
}

/* It goes on, at once. Were it to wait for a permit it might be for ever; so there may be one more
 * than the limit for a moment, until it or another ends. */
void
par_limiter_take_back (ParLimiter *self,
                       ParPermit  *permit)
{
  g_mutex_lock (&self->lock);
  par_limit_take_back (&permit->limit);
  count_running (self, 1);
  g_mutex_unlock (&self->lock);
}

/* How many attempts with this key the host could start now. */
guint
par_limiter_count_free (ParLimiter *self,
                        ParHost    *host,
                        const char *key,
                        gint64      now_us)
{
  ParPermit *permit;
  guint n_free;

  g_mutex_lock (&self->lock);
  note_time (self, now_us);
  permit = find_permit (self, key, FALSE);
  if (permit != NULL)
    n_free = par_limit_count_free (&permit->limit, host, self->now_us);
  else
    n_free = MIN (self->concurrency > 0 ? self->concurrency : G_MAXUINT,
                  self->rate > 0 ? self->burst : G_MAXUINT);
  g_mutex_unlock (&self->lock);

  return n_free;
}

static void
leave_line (ParLimiter *self,
            ParPermit  *permit,
            ParHost    *host,
            gboolean    if_called)
{
  if (!par_limit_leave (&permit->limit, host, if_called))
    return;

  par_host_unref (host);
  count_waiting (self, -1);
  call_all_whose_turn_it_is (self, permit);
}

/* The host has been called for a key, and has looked, or cannot look now: if it has not asked,
 * somebody else's turn comes. If it was refused again it keeps its place. */
void
par_limiter_pass (ParLimiter *self,
                  ParHost    *host,
                  const char *key,
                  gint64      now_us)
{
  ParPermit *permit;

  g_mutex_lock (&self->lock);
  note_time (self, now_us);
  permit = find_permit (self, key, FALSE);
  if (permit != NULL)
    leave_line (self, permit, host, TRUE);
  g_mutex_unlock (&self->lock);
}

/* The host has nothing more to start. */
void
par_limiter_leave (ParLimiter *self,
                   ParHost    *host,
                   gint64      now_us)
{
  GHashTableIter iter;
  gpointer permit;

  g_mutex_lock (&self->lock);
  note_time (self, now_us);
  if (self->n_waiting > 0)
    {
      leave_line (self, &self->common, host, FALSE);
      g_hash_table_iter_init (&iter, self->permits);
      while (g_hash_table_iter_next (&iter, NULL, &permit))
        leave_line (self, permit, host, FALSE);
    }
  g_mutex_unlock (&self->lock);
}

/* Whether there are hosts to be told that their turn has come: who sees that after any of these
 * calls, with or without its lock, calls par_limiter_deliver() as soon as it holds none. */
gboolean
par_limiter_has_called (ParLimiter *self)
{
  return g_atomic_int_get (&self->n_called) > 0;
}

/* Tells the hosts whose turn has come, with no lock held. */
void
par_limiter_deliver (ParLimiter *self)
{
  while (par_limiter_has_called (self))
    {
      Call *news;
      ParHost *host;

      g_mutex_lock (&self->lock);
      news = g_queue_pop_head (&self->called);
      if (news != NULL)
        g_atomic_int_add (&self->n_called, -1);
      g_mutex_unlock (&self->lock);

      /* Another thread may have been faster. */
      if (news == NULL)
        return;

      host = news->host;
      host->klass->limiter_freed (host, self, news->key);
      call_free (news);
    }
}

guint
par_limiter_count_keys (ParLimiter *self)
{
  guint n_keys;

  g_mutex_lock (&self->lock);
  n_keys = g_hash_table_size (self->permits);
  g_mutex_unlock (&self->lock);

  return n_keys;
}
