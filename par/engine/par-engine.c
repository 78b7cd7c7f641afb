/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-engine-private.h"

#include <par/par-attempt-private.h>

#include "base/par-debug-private.h"

/* While work is queued, the owner is woken at most once in this time. */
#define NAP_US 1000

/* How many async attempts are started before the owner looks at the news again. */
#define MAX_STARTS 256

/* Forward: the tables that name the functions below. */
static const ParHostClass host_class;
static const ParDispatcherClient thread_client;
static const ParDispatcherClient loop_client;

static ParEngine *
engine_of (ParHost *host)
{
  return (ParEngine *) host;
}

static ParHost *
host_of (ParEngine *self)
{
  return &self->scheduler.host;
}

ParEngine *
par_engine_new (ParMakeObjectFunc  make_object,
                ParAdoptObjectFunc adopt_object)
{
  ParEngine *self = g_new0 (ParEngine, 1);

  par_scheduler_init (&self->scheduler, &host_class);
  self->make_object = make_object;
  self->adopt_object = adopt_object;
  par_thread_dispatcher_init (&self->threads, host_of (self), &thread_client,
                              &self->scheduler.clock);
  par_loop_dispatcher_init (&self->loop, host_of (self), &loop_client, &self->scheduler.clock);

  return self;
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
  g_autoptr(ParHedge) hedge = NULL;
  g_autoptr(ParLimiter) limiter = NULL;
  GArray *trash = NULL;
  guint n_workers;

  par_host_lock (host);
  n_workers = self->n_asked;
  self->n_asked = 0;
  litter = par_trash_steal (&self->scheduler.mailbox.litter);
  if (self->scheduler.is_closed)
    trash = par_trash_steal (&self->scheduler.mailbox.trash);
  hedge = g_steal_pointer (&self->scheduler.granting_hedge);
  limiter = g_steal_pointer (&self->scheduler.calling_limiter);
  par_host_unlock (host);

  if (n_workers > 0)
    par_thread_dispatcher_push (&self->threads, n_workers);
  if (trash != NULL)
    destroy_in (self->context, trash);
  if (hedge != NULL)
    par_hedge_deliver (hedge);
  if (limiter != NULL)
    par_limiter_deliver (limiter);
  par_debug_print (FALSE);
}

static void
engine_free (ParHost *host)
{
  ParEngine *self = engine_of (host);

  par_thread_dispatcher_clear (&self->threads);
  par_scheduler_clear (&self->scheduler);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self);
}

static guint64
count_waiting_threads (ParHost *host)
{
  return par_scheduler_count_waiting_threads (&engine_of (host)->scheduler);
}

static guint64
count_waiting_async (ParHost *host)
{
  return par_scheduler_has_async_work (&engine_of (host)->scheduler) ? 1 : 0;
}

static guint
get_bound (ParHost *host)
{
  return engine_of (host)->scheduler.concurrency;
}

static void
fail_run (ParHost      *host,
          const GError *error)
{
  if (count_waiting_threads (host) > 0)
    par_scheduler_break (&engine_of (host)->scheduler, g_error_copy (error));
}

/* What workers have used. */
static void
discard (ParHost        *host,
         gpointer        data,
         GDestroyNotify  destroy)
{
  ParScheduler *scheduler = &engine_of (host)->scheduler;

  par_scheduler_discard (scheduler, scheduler->owner.has_left, NULL, data, destroy);
}

static gpointer
ref_object (ParEngine *self,
            ParRecord *record,
            guint64    index)
{
  ParRecordDetail *detail;

  if (record == NULL || record->removed || self->scheduler.is_closed)
    return NULL;

  detail = par_record_get_detail (record);
  /* What the owner has not been told yet is not to be seen. */
  if (detail->object == NULL)
    detail->object = self->make_object (host_of (self), index,
                                        MIN (record->state, PAR_REQUEST_STATE_RUNNING),
                                        record->n_attempts);

  return g_object_ref (detail->object);
}

static gpointer
get_request (ParHost  *host,
             gpointer  attempt_data)
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
  gboolean has_chores;
  guint n_workers;

  if (G_UNLIKELY (par_scheduler_is_called (&self->scheduler)))
    par_scheduler_pass_turn (&self->scheduler, par_engine_now (self));
  has_chores = self->scheduler.host.has_chores;
  self->scheduler.host.has_chores = FALSE;
  if (par_scheduler_has_async_work (&self->scheduler)
      || par_scheduler_waits_for_async (&self->scheduler))
    par_scheduler_wake (&self->scheduler, TRUE);
  n_workers = par_thread_dispatcher_ask (&self->threads);

  par_host_unlock (host_of (self));
  if (n_workers > 0)
    par_thread_dispatcher_push (&self->threads, n_workers);
  if (has_chores)
    do_chores (host_of (self));
}

static void
cancel_request (ParHost *host,
                guint64  index)
{
  ParEngine *self = engine_of (host);

  par_host_lock (host);
  par_scheduler_cancel (&self->scheduler, index, par_engine_now (self));
  start_and_unlock (self);
}

/* An async attempt has a result, or has been dropped without one: it has ended. */
static void
attempt_returned (ParHost  *host,
                  gpointer  attempt_data)
{
  ParEngine *self = engine_of (host);
  ParAttempt *attempt = attempt_data;

  par_host_lock (host);
  if (attempt->ended)
    {
      par_host_unlock (host);
      return;
    }

  par_scheduler_end (host, attempt, par_engine_now (self));
  attempt->ended = TRUE;
  start_and_unlock (self);
}

/* An attempt waits for others that may need its permit of @limiter. Returns whether it has lent
 * one. */
static gboolean
lend (ParHost  *host,
      gpointer  attempt,
      gpointer  limiter)
{
  ParEngine *self = engine_of (host);
  gint64 now_us = par_engine_now (self);
  gboolean lent;

  par_host_lock (host);
  lent = par_scheduler_lend (&self->scheduler, attempt, limiter, now_us);
  start_and_unlock (self);

  return lent;
}

static void
take_back (ParHost  *host,
           gpointer  attempt)
{
  par_host_lock (host);
  par_scheduler_take_back (&engine_of (host)->scheduler, attempt);
  par_host_unlock (host);
}

static gboolean
take_for_loop (ParHost        *host,
               ParAttempt     *attempt,
               gint64          now_us,
               ParRequestFunc *function,
               gpointer       *user_data)
{
  ParEngine *self = engine_of (host);

  if (!par_scheduler_take_for_loop (host, attempt, now_us, function, user_data))
    return FALSE;

  /* The function, or one after it, may take long, so workers come now. */
  if (G_UNLIKELY (par_queue_count_waiting (&self->scheduler.thread_queue) > 0))
    {
      self->n_asked += par_thread_dispatcher_ask (&self->threads);
      host->has_chores |= self->n_asked > 0;
    }

  return TRUE;
}

static void
hedge_granted (ParHost  *host,
               gpointer  hedge,
               guint64   index)
{
  ParEngine *self = engine_of (host);

  par_host_lock (host);
  par_scheduler_grant (&self->scheduler, hedge, index);
  start_and_unlock (self);
}

static void
limiter_freed (ParHost    *host,
               gpointer    limiter,
               const char *key)
{
  ParEngine *self = engine_of (host);

  par_host_lock (host);
  par_scheduler_look_at_limiter (&self->scheduler, limiter, key, par_engine_now (self));
  start_and_unlock (self);
}

static const ParHostClass host_class =
  { get_request, attempt_returned, cancel_request, lend, take_back, engine_free, hedge_granted,
    limiter_freed };
static const ParDispatcherClient thread_client =
  { count_waiting_threads, get_bound, par_scheduler_take_for_thread, par_scheduler_end, fail_run,
    discard, do_chores };
static const ParDispatcherClient loop_client =
  { count_waiting_async, get_bound, take_for_loop, par_scheduler_end, NULL, NULL, do_chores };

static guint64
publish_rows (ParEngine *self)
{
  guint64 n_new = self->scheduler.records.end - self->scheduler.n_published;

  self->scheduler.n_published = self->scheduler.records.end;

  return n_new;
}

/* Adds a request. @object, which is consumed, is the ParRequest if there is one already, and has
 * the key. For the
 * owner its row is published. @n_new, if given, says how many are new to it; what is not 0 is told
 * before par_engine_end_publish(). */
guint64
par_engine_add (ParEngine      *self,
                gboolean        is_async,
                ParRequestFunc  function,
                gpointer        user_data,
                GDestroyNotify  destroy,
                gpointer        object,
                const char     *key,
                int             priority,
                gboolean        once,
                guint64        *n_new)
{
  ParRecord *record;
  guint64 index;

  par_host_lock (host_of (self));

  index = self->scheduler.records.end;
  record = par_records_add (&self->scheduler.records);
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
      detail->key = key;
      if (object != NULL)
        self->adopt_object (object, host_of (self), index);
    }
  par_scheduler_add (&self->scheduler, record, index, priority);

  if (!par_owner_is_caller (&self->scheduler.owner))
    {
      par_scheduler_wake (&self->scheduler, FALSE);
    }
  else if (n_new != NULL)
    {
      *n_new = publish_rows (self);
      g_atomic_int_inc (&self->scheduler.owner.n_publishing);
    }
  else
    {
      self->scheduler.n_published = self->scheduler.records.end;
    }

  if (!par_scheduler_is_open (&self->scheduler))
    {
      par_host_unlock (host_of (self));
      return index;
    }

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

  par_host_lock (host_of (self));
  record = par_records_get (&self->scheduler.records, index);
  object = ref_object (self, record, index);
  *settled = object != NULL && record->collected ? record : NULL;
  par_host_unlock (host_of (self));

  return object;
}

/* Gives a record, which no attempt has any more, an object, which is consumed. */
void
par_engine_keep_object (ParEngine *self,
                        ParRecord *record,
                        gpointer   object)
{
  par_host_lock (host_of (self));
  par_record_get_detail (record)->object = object;
  par_host_unlock (host_of (self));
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

  par_host_lock (host_of (self));
  found = par_records_find_row (&self->scheduler.records, position, index)
          && *index < self->scheduler.n_published;
  par_host_unlock (host_of (self));

  return found;
}

/* How many rows the owner has seen, those that were removed included. */
guint64
par_engine_get_n_published (ParEngine *self)
{
  guint64 n_published;

  par_host_lock (host_of (self));
  n_published = self->scheduler.n_published;
  par_host_unlock (host_of (self));

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

  par_host_lock (host_of (self));
  record = par_records_get (&self->scheduler.records, index);
  detail = g_steal_pointer (&record->detail);
  position = par_records_get_position (&self->scheduler.records, index);
  par_records_remove (&self->scheduler.records, index);
  par_host_unlock (host_of (self));

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

  par_host_lock (host_of (self));
  changed = self->scheduler.concurrency != concurrency;
  self->scheduler.concurrency = concurrency;
  start_and_unlock (self);

  return changed;
}

/* Returns whether it is a change. */
gboolean
par_engine_set_paused (ParEngine *self,
                       gboolean   paused)
{
  gboolean changed;

  par_host_lock (host_of (self));
  changed = self->scheduler.paused != paused;
  self->scheduler.paused = paused;
  start_and_unlock (self);

  return changed;
}

void
par_engine_hold (ParEngine *self)
{
  par_host_lock (host_of (self));
  self->scheduler.n_holds++;
  par_host_unlock (host_of (self));
}

/* Returns FALSE if nothing was held. */
gboolean
par_engine_release (ParEngine *self)
{
  gboolean held;

  par_host_lock (host_of (self));
  held = self->scheduler.n_holds > 0;
  if (held && --self->scheduler.n_holds == 0)
    par_scheduler_wake (&self->scheduler, TRUE);
  par_host_unlock (host_of (self));

  return held;
}

/* Cancels all that has not settled. */
void
par_engine_cancel (ParEngine *self)
{
  gint64 now_us = par_engine_now (self);

  par_host_lock (host_of (self));
  par_scheduler_cancel_all (&self->scheduler, now_us);
  par_host_unlock (host_of (self));
}

/* Ends the run that is on, if it is, and tells its attempts at once: from any thread, though the
 * owner may never look again. */
void
par_engine_stop (ParEngine *self)
{
  g_autoptr(GPtrArray) cancellables = NULL;

  par_host_lock (host_of (self));
  par_thread_dispatcher_dismiss (&self->threads);
  if (self->scheduler.run != NULL)
    {
      par_scheduler_stop (&self->scheduler, par_engine_now (self));
      cancellables = par_cancellables_steal (&self->scheduler.mailbox.cancellables);
    }
  start_and_unlock (self);

  if (cancellables != NULL)
    par_cancellables_cancel (cancellables);
}

/* Notes that a property was set, and returns FALSE if the caller is the owner, who may tell so
 * at once. */
gboolean
par_engine_defer (ParEngine *self,
                  guint      bit)
{
  gboolean deferred;

  par_host_lock (host_of (self));
  deferred = !par_owner_is_caller (&self->scheduler.owner);
  if (deferred)
    {
      self->scheduler.mailbox.deferred |= 1u << bit;
      par_scheduler_wake (&self->scheduler, FALSE);
    }
  par_host_unlock (host_of (self));

  return deferred;
}

/* Ends the run that is on, if it is, with @error, which is consumed. */
void
par_engine_break (ParEngine *self,
                  GError    *error)
{
  par_host_lock (host_of (self));
  par_scheduler_break (&self->scheduler, error);
  par_host_unlock (host_of (self));
}

void
par_engine_wake (ParEngine *self)
{
  par_host_lock (host_of (self));
  self->scheduler.poked = TRUE;
  par_scheduler_wake (&self->scheduler, TRUE);
  par_host_unlock (host_of (self));
}

/* Has @function called by the owner. */
void
par_engine_invoke (ParEngine *self,
                   void     (*function) (gpointer user_data),
                   gpointer   user_data)
{
  par_host_lock (host_of (self));
  par_scheduler_discard (&self->scheduler, FALSE, NULL, user_data, function);
  par_host_unlock (host_of (self));
}

void
par_engine_get_figures (ParEngine  *self,
                        ParFigures *figures)
{
  par_host_lock (host_of (self));
  *figures = self->scheduler.figures;
  figures->n_attempts_running = self->scheduler.n_out;
  if (self->scheduler.run != NULL)
    figures->elapsed_us = par_engine_now (self) - self->scheduler.run->started_us;
  par_host_unlock (host_of (self));
}

/* Starts a run. None may be on. */
void
par_engine_begin (ParEngine *self,
                  ParRun    *run)
{
  par_host_lock (host_of (self));
  par_scheduler_begin (&self->scheduler, run);
  start_and_unlock (self);
}

/* The owner has been told that the run is over. */
void
par_engine_finish (ParEngine *self)
{
  gint64 now_us = par_engine_now (self);

  par_host_lock (host_of (self));
  self->scheduler.figures.elapsed_us = now_us - self->scheduler.run->started_us;
  self->scheduler.run = NULL;
  par_host_unlock (host_of (self));
}

/* Frees a run that has been judged, when the last of its attempts has ended. */
void
par_engine_drop_run (ParEngine *self,
                     ParRun    *run)
{
  gboolean is_free;

  par_host_lock (host_of (self));
  is_free = par_scheduler_drop_run (&self->scheduler, run);
  par_host_unlock (host_of (self));

  if (is_free)
    par_run_free (run);
}

/* Whether starts are of interest that concern requests nobody has asked for. */
void
par_engine_want_starts (ParEngine *self,
                        gboolean   wanted)
{
  par_host_lock (host_of (self));
  self->scheduler.wants_starts = wanted;
  par_host_unlock (host_of (self));
}

#define SWAP(a, b) G_STMT_START { gpointer swap_ = (a); (a) = (b); (b) = swap_; } G_STMT_END

/* Whether the owner is to be woken for the number of requests that run. */
void
par_engine_want_counts (ParEngine *self,
                        gboolean   wanted)
{
  par_host_lock (host_of (self));
  self->scheduler.wants_counts = wanted;
  par_host_unlock (host_of (self));
}

/* Takes what has happened, as far as @max_settled requests. The arrays of @news are empty. */
void
par_engine_collect (ParEngine *self,
                    ParNews   *news,
                    guint      max_settled)
{
  gint64 now_us = par_engine_now (self);

  par_host_lock (host_of (self));
  par_scheduler_collect (&self->scheduler, news, max_settled, now_us);
  self->has_news_poured = news->n_settled > 0;
  /* Requests that were too late may have given slots back. */
  start_and_unlock (self);

  if (self->scheduler.debug)
    par_debug_print (TRUE);
}

/* Whether the owner should not look for a while: where news pour in, looking costs more than they
 * are worth. Time that tests move has no naps. */
static gboolean
is_nap_due (ParEngine *self)
{
  ParScheduler *scheduler = &self->scheduler;

  return self->has_news_poured && par_scheduler_may_start (scheduler)
         && scheduler->run->counts.n_queued > 0 && !scheduler->held_back
         && !par_scheduler_has_urgent_news (scheduler) && scheduler->clock == par_clock_get_system ();
}

static gint64
get_nap_end (ParEngine *self)
{
  gint64 nap_us = par_engine_now (self) + NAP_US;
  gint64 next_us = par_scheduler_get_next_time (&self->scheduler);

  return next_us == PAR_CLOCK_NEVER ? nap_us : MIN (nap_us, next_us);
}

/* Arms the source by which the owner waits, if it does. @more says that there is something to
 * tell for sure. */
static void
rest (ParEngine *self,
      gboolean   more)
{
  if (!more && is_nap_due (self))
    par_owner_rest (&self->scheduler.owner, PAR_OWNER_NAPPING, get_nap_end (self));
  else if (more || par_scheduler_has_news (&self->scheduler))
    par_owner_rest (&self->scheduler.owner, PAR_OWNER_BUSY, 0);
  else
    par_owner_rest (&self->scheduler.owner, PAR_OWNER_ASLEEP,
                    par_scheduler_get_next_time (&self->scheduler));
}

/* Makes the caller the owner, who waits for news by par_engine_wait() until par_engine_exit().
 * Returns the owner there was. */
GThread *
par_engine_enter (ParEngine *self)
{
  GThread *owner;

  par_host_lock (host_of (self));
  owner = par_owner_enter (&self->scheduler.owner);
  par_host_unlock (host_of (self));

  return owner;
}

/* The owner has told what it has added. */
void
par_engine_end_publish (ParEngine *self)
{
  g_atomic_int_add (&self->scheduler.owner.n_publishing, -1);
}

gboolean
par_engine_is_owner (ParEngine *self)
{
  gboolean is_owner;

  par_host_lock (host_of (self));
  is_owner = par_owner_is_caller (&self->scheduler.owner);
  par_host_unlock (host_of (self));

  return is_owner;
}

/* Called by the source. Returns FALSE if somebody else is the owner now. */
gboolean
par_engine_start_dispatch (ParEngine *self,
                           GSource   *source)
{
  gboolean is_free;

  par_host_lock (host_of (self));
  /* Requests that are held back belong to the thread that fetches them. */
  is_free = par_owner_start_dispatch (&self->scheduler.owner, source, self->scheduler.held_back);
  par_host_unlock (host_of (self));

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

  par_host_lock (host_of (self));
  par_owner_exit (&self->scheduler.owner, owner);
  self->scheduler.owner.has_left = has_left && self->scheduler.run == NULL;
  if (self->scheduler.owner.has_left)
    trash = par_trash_steal (&self->scheduler.mailbox.trash);
  rest (self, FALSE);
  par_host_unlock (host_of (self));

  do_chores (host_of (self));
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

  par_host_lock (host_of (self));
  old = self->scheduler.owner.source;
  self->scheduler.owner.source = source;
  if (source != NULL)
    {
      context = self->context;
      self->context = g_main_context_ref (g_source_get_context (source));
    }
  if (owner != NULL)
    self->scheduler.owner.thread = owner;
  rest (self, FALSE);
  par_host_unlock (host_of (self));

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
  par_host_lock (host_of (self));
  self->scheduler.held_back = held_back;
  if (!held_back && self->scheduler.owner.state != PAR_OWNER_BUSY
      && par_scheduler_has_news (&self->scheduler))
    par_scheduler_wake (&self->scheduler, TRUE);
  par_host_unlock (host_of (self));
}

/* Waits for news, in a do(); or not, if the caller's context is needed now. */
void
par_engine_wait (ParEngine *self,
                 gboolean   may_nap)
{
  par_host_lock (host_of (self));
  if (may_nap && is_nap_due (self))
    par_owner_wait (&self->scheduler.owner, PAR_OWNER_NAPPING, get_nap_end (self));
  else if (!par_scheduler_has_news (&self->scheduler)
           && !par_scheduler_waits_for_async (&self->scheduler))
    par_owner_wait (&self->scheduler.owner, PAR_OWNER_ASLEEP,
                    par_scheduler_get_next_time (&self->scheduler));
  par_host_unlock (host_of (self));
}

/* Waits for news, in a do() of requests that need the caller's context, where the source is:
 * whatever is ready there is dispatched too. */
void
par_engine_wait_in (ParEngine    *self,
                    GMainContext *context)
{
  par_host_lock (host_of (self));
  par_owner_exit (&self->scheduler.owner, g_thread_self ());
  rest (self, FALSE);
  par_host_unlock (host_of (self));

  g_main_context_iteration (context, TRUE);

  par_engine_enter (self);
}

/* Whether there are requests that only come to an end if the owner's context is iterated: async
 * ones, or any that wait for what async attempts have. */
gboolean
par_engine_needs_context (ParEngine *self)
{
  ParScheduler *scheduler = &self->scheduler;
  gboolean needed;

  par_host_lock (host_of (self));
  needed = scheduler->async_queue.n_queued > 0 || scheduler->n_async_running > 0
           || par_scheduler_waits_for_async (scheduler)
           || (scheduler->n_async_out > 0 && scheduler->run != NULL
               && scheduler->run->settings.wait_for_attempts);
  par_host_unlock (host_of (self));

  return needed;
}

/* Calls the functions of async requests that may start, until @until_us (0: some of them). Returns
 * whether there are more. */
gboolean
par_engine_start_async (ParEngine *self,
                        gint64     until_us)
{
  gboolean has_work;

  par_host_lock (host_of (self));
  has_work = par_scheduler_has_async_work (&self->scheduler);
  par_host_unlock (host_of (self));

  if (G_LIKELY (!has_work))
    return FALSE;

  par_loop_dispatcher_dispatch (&self->loop, MAX_STARTS, until_us);

  par_host_lock (host_of (self));
  has_work = par_scheduler_has_async_work (&self->scheduler);
  start_and_unlock (self);

  return has_work;
}

/* Says whether more requests may come from a source. */
void
par_engine_set_source (ParEngine *self,
                       gboolean   has_source)
{
  par_host_lock (host_of (self));
  self->scheduler.has_source = has_source;
  self->scheduler.source_rests = FALSE;
  par_scheduler_wake (&self->scheduler, TRUE);
  par_host_unlock (host_of (self));
}

/* Whether the source is to be called: since few are queued, or, @again, until enough are. Where
 * requests are fetched, what has settled goes before. par_engine_end_pull() is to follow. */
gboolean
par_engine_begin_pull (ParEngine *self,
                       gboolean   again,
                       gboolean   is_fetched)
{
  ParScheduler *scheduler = &self->scheduler;
  gboolean wanted;

  par_host_lock (host_of (self));
  wanted = par_scheduler_wants_pull (scheduler, again)
           && !(is_fetched && scheduler->mailbox.n_unseen > 0);
  scheduler->pulling |= wanted;
  scheduler->pull_published = scheduler->n_published;
  scheduler->pull_settled = scheduler->mailbox.n_settled;
  par_host_unlock (host_of (self));

  return wanted;
}

/* The source has been called. If it had nothing to add, no request has settled since, and it is
 * still the same, it rests until a request has settled. */
void
par_engine_end_pull (ParEngine *self,
                     gboolean   is_same)
{
  ParScheduler *scheduler = &self->scheduler;

  par_host_lock (host_of (self));
  scheduler->pulling = FALSE;
  if (is_same && scheduler->n_published == scheduler->pull_published
      && scheduler->mailbox.n_settled == scheduler->pull_settled)
    scheduler->source_rests = TRUE;
  par_host_unlock (host_of (self));
}

/* Has the source not be called until a request has settled, or it is set. */
void
par_engine_rest_source (ParEngine *self)
{
  par_host_lock (host_of (self));
  self->scheduler.source_rests = TRUE;
  par_host_unlock (host_of (self));
}

/* Arms the source, at the end of its dispatch. @more says that there is something to tell; @owner
 * is the owner from here on. */
void
par_engine_end_dispatch (ParEngine *self,
                         gboolean   more,
                         GThread   *owner)
{
  par_host_lock (host_of (self));
  self->scheduler.owner.thread = owner;
  g_atomic_int_add (&self->scheduler.owner.n_publishing, -1);
  rest (self, more);
  par_host_unlock (host_of (self));
}

/* Frees all records, when nobody can ask for them any more. What the last attempts have of them
 * they free themselves. */
void
par_engine_close (ParEngine *self)
{
  ParRecords *records = &self->scheduler.records;

  par_engine_set_waker (self, NULL, NULL);

  par_host_lock (host_of (self));
  self->scheduler.is_closed = TRUE;
  self->scheduler.owner.has_left = TRUE;
  par_host_unlock (host_of (self));

  for (guint64 index = records->first; index < records->end; index++)
    {
      ParTrash trash = { G_VALUE_INIT, NULL, NULL };
      ParRecordDetail *detail = NULL;
      ParRecord *record;

      par_host_lock (host_of (self));
      record = par_records_get (records, index);
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
      par_host_unlock (host_of (self));

      par_trash_clear (&trash);
      if (detail != NULL)
        free_detail (detail);
    }

  do_chores (host_of (self));
}
