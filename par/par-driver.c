/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-driver-private.h"

#include <par/par-attempt-private.h>

/* What pours in is told at this priority, below that at which GTK draws, so that a user interface
 * stays alive; and for so long at a time. */
#define FLOOD_PRIORITY 150
#define FLOOD_TIME_US 4000

struct _ParPull
{
  ParDriverPullFunc function;
  gpointer user_data;
  GDestroyNotify destroy;
};

typedef struct
{
  ParOwnerSource parent;
  GWeakRef requests;
  ParDriver *driver;  /* for as long as there is a reference to the requests */
} ParDriverSource;

static void
wake_cb (GCancellable *cancellable,
         gpointer      engine)
{
  par_engine_wake (engine);
}

/* Has the owner look at @cancellable as soon as it is cancelled. One that is cancelled already is
 * looked at anyway; and were this its handler, to disconnect from it would wait for itself. */
static gulong
watch_cancellable (ParDriver    *self,
                   GCancellable *cancellable)
{
  if (cancellable == NULL || g_cancellable_is_cancelled (cancellable))
    return 0;

  return g_cancellable_connect (cancellable, G_CALLBACK (wake_cb),
                                par_host_ref (self->engine), par_host_unref);
}

static gboolean
has_answer (ParDriver *self)
{
  return !g_queue_is_empty (&self->publisher.fetched) || self->at_end;
}

static gboolean
is_fetching (ParDriver *self)
{
  return self->next_task != NULL || (self->fetching && !has_answer (self));
}

static void
free_pull (ParPull *pull)
{
  if (pull->destroy != NULL)
    pull->destroy (pull->user_data);
  g_free (pull);
}

static void
set_pull (ParDriver *self,
          ParPull   *pull)
{
  ParPull *old = self->pull;

  self->pull = pull;
  par_engine_set_source (self->engine, pull != NULL);

  /* One that is being called is freed when it has returned. */
  if (old != NULL && old != self->called)
    free_pull (old);
}

/* Whether the source is to be called now, or @again. */
static gboolean
begin_pull (ParDriver *self,
            gboolean   again)
{
  /* What is to be fetched goes before; take_answer() has the source called again. */
  if (!g_queue_is_empty (&self->publisher.fetched))
    {
      par_engine_rest_source (self->engine);
      return FALSE;
    }

  return par_engine_begin_pull (self->engine, again, self->publisher.keep_fetched);
}

/* Has the source add requests, if few are queued. */
static void
pull_more (ParDriver *self,
           gint64     until_us)
{
  ParPull *pull = self->pull;
  GError *error = NULL;
  gboolean again = FALSE;
  gboolean more = TRUE;

  if (pull == NULL || self->called != NULL)
    return;

  self->called = pull;
  while (more && pull == self->pull && begin_pull (self, again))
    {
      more = pull->function (self->requests, pull->user_data, &error) && error == NULL;
      par_engine_end_pull (self->engine, pull == self->pull);
      again = TRUE;
      if (until_us > 0 && par_engine_now (self->engine) >= until_us)
        break;
    }
  self->called = NULL;

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
look (ParDriver *self,
      guint      max_settled,
      gint64     until_us,
      gboolean  *is_over)
{
  *is_over = par_publisher_dispatch (&self->publisher, max_settled, until_us);
  if (*is_over)
    return FALSE;

  pull_more (self, until_us);
  /* A call that does not have the context yet gets it first. */
  if (self->blocking && self->held_context == NULL)
    return FALSE;

  return par_engine_start_async (self->engine, until_us);
}

/* Forward: ends of runs attach the source anew. */
static void answer_next (ParDriver *self);
static void end_next (ParDriver *self);

static gboolean
source_dispatch (GSource     *source,
                 GSourceFunc  callback,
                 gpointer     user_data)
{
  g_autoptr(GObject) requests = g_weak_ref_get (&((ParDriverSource *) source)->requests);
  ParDriver *self = ((ParDriverSource *) source)->driver;
  guint max_settled = PAR_NEWS_MAX_SETTLED;
  GThread *owner = g_thread_self ();
  gboolean is_over = FALSE;
  gboolean more;
  int priority;

  /* It is being finalized in another thread, which destroys the source. */
  if (requests == NULL)
    return G_SOURCE_CONTINUE;

  if (!par_engine_start_dispatch (self->engine, source))
    return G_SOURCE_CONTINUE;

  if (self->source_context == self->context)
    self->thread = g_thread_self ();
  if (self->pulled)
    max_settled = is_fetching (self) ? 1 : 0;
  more = look (self, max_settled, par_engine_now (self->engine) + FLOOD_TIME_US, &is_over);
  if (self->blocking)
    self->is_over |= is_over;
  else if (is_over)
    end_next (self);
  answer_next (self);

  /* next() has what it waits for; until it returns there is nothing to be done with the rest. */
  if (self->pulled && self->fetching && has_answer (self))
    par_engine_hold_back (self->engine, TRUE);

  /* A callback may have asked for the next request, and there may be one. */
  more = more
         || (par_publisher_has_more (&self->publisher) && (!self->pulled || is_fetching (self)))
         || (self->next_task != NULL && has_answer (self));
  priority = more ? FLOOD_PRIORITY : G_PRIORITY_DEFAULT;
  if (g_source_get_priority (source) != priority && !g_source_is_destroyed (source))
    g_source_set_priority (source, priority);
  /* After a run in another context the constructor's thread is the owner again. */
  if (self->run == NULL && self->source_context == self->context)
    owner = self->thread;
  par_engine_end_dispatch (self->engine, more, owner);

  return G_SOURCE_CONTINUE;
}

static void
source_finalize (GSource *source)
{
  g_weak_ref_clear (&((ParDriverSource *) source)->requests);
}

static GSourceFuncs source_funcs = {
  .prepare = par_owner_prepare,
  .dispatch = source_dispatch,
  .finalize = source_finalize,
};

/* Waits for news in @context from now on, where @thread is the owner. */
static void
attach_source (ParDriver    *self,
               GMainContext *context,
               GThread      *thread)
{
  GSource *source;

  if (context == self->source_context)
    return;

  g_clear_pointer (&self->source_context, g_main_context_unref);
  self->source_context = g_main_context_ref (context);
  source = g_source_new (&source_funcs, sizeof (ParDriverSource));
  g_weak_ref_init (&((ParDriverSource *) source)->requests, self->requests);
  ((ParDriverSource *) source)->driver = self;
  g_source_set_static_name (source, "[Par] requests");
  g_source_attach (source, context);
  par_engine_set_waker (self->engine, source, thread);
}

/* Acquires the caller's main context for a call that blocks. */
static gboolean
hold_context (ParDriver  *self,
              GError    **error)
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
release_context (ParDriver *self)
{
  if (self->held_context == NULL)
    return;

  g_main_context_release (self->held_context);
  g_clear_pointer (&self->held_context, g_main_context_unref);
}

/* Looks and waits, in a call that blocks, until there is something new. */
static void
look_and_wait (ParDriver *self,
               guint      max_settled,
               gboolean   may_nap)
{
  gboolean is_over, more;

  if (self->held_context == NULL && par_engine_needs_context (self->engine))
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

  /* Async requests may have been started just now. */
  if (self->held_context != NULL && par_engine_needs_context (self->engine))
    par_engine_wait_in (self->engine, self->held_context);
  else
    par_engine_wait (self->engine, may_nap);
}

/* A call that waits inside an attempt, which may have what these requests need: a permit of the
 * limiter that both share. */
static void
begin_blocking (ParDriver *self)
{
  ParAttempt *attempt = par_attempt_get_current ();

  self->blocking = TRUE;
  self->is_over = FALSE;
  if (attempt != NULL && self->run->settings.limiter != NULL
      && attempt->host->klass->lend (attempt->host, attempt, self->run->settings.limiter))
    self->lender = g_object_ref (attempt);
}

static void
end_blocking (ParDriver *self)
{
  self->blocking = FALSE;
  release_context (self);
  if (self->lender != NULL)
    self->lender->host->klass->take_back (self->lender->host, self->lender);
  g_clear_object (&self->lender);
}

static void
set_pending (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING,
                       "these requests are being run already; wait for the end of that run, or "
                       "add to it");
}

static gboolean
claim (ParDriver  *self,
       GError    **error)
{
  if (g_atomic_int_compare_and_exchange (&self->claimed, FALSE, TRUE))
    return TRUE;

  set_pending (error);

  return FALSE;
}

/* Whether the caller may fetch requests of the run that is on. Inside an attempt of that run it
 * would wait for itself. */
static gboolean
may_fetch (ParDriver *self)
{
  ParAttempt *attempt = par_attempt_get_current ();

  return par_engine_is_owner (self->engine) && self->next_task == NULL && !self->fetching
         && (self->pulled || self->do_task != NULL)
         && (attempt == NULL || attempt->host != &self->engine->scheduler.host);
}

/* Makes a run that next() has begun one that tells of all its requests. */
static void
stop_fetching (ParDriver *self)
{
  self->pulled = FALSE;
  self->publisher.keep_fetched = FALSE;
  g_queue_clear_full (&self->publisher.fetched, g_object_unref);
  par_engine_hold_back (self->engine, FALSE);
  if (self->pull != NULL)
    par_engine_set_source (self->engine, TRUE);
}

/* Whether there is something for the caller that was fetched before. */
static gboolean
may_take_answer (ParDriver *self)
{
  return par_engine_is_owner (self->engine) && self->next_task == NULL && !self->fetching
         && has_answer (self);
}

/* Tells all there is to tell. Returns whether the run is over. */
static gboolean
drain (ParDriver *self)
{
  gboolean is_over = FALSE;

  do
    is_over |= par_publisher_dispatch (&self->publisher, PAR_NEWS_MAX_SETTLED, 0);
  while (par_publisher_has_more (&self->publisher));

  return is_over;
}

/* Starts a run, which has been claimed, and of which the caller is the owner. */
static void
begin_run (ParDriver    *self,
           GCancellable *cancellable)
{
  ParRunSettings settings;

  /* What has happened before the run is not part of it. */
  drain (self);

  g_queue_clear_full (&self->publisher.fetched, g_object_unref);
  g_clear_error (&self->end_error);
  self->at_end = FALSE;

  self->client->get_settings (self->requests, &settings);
  self->publisher.keep_completed = settings.keep_completed;
  self->publisher.keep_fetched = FALSE;
  self->client->started_run (self->requests);

  self->run = par_run_new (&settings, cancellable, par_engine_now (self->engine));
  par_publisher_want_starts (&self->publisher);
  par_engine_begin (self->engine, self->run);
  self->cancelled_handler = watch_cancellable (self, cancellable);
}

/* Ends the run, which is over. Handlers of "finished" may start the next, so whoever waits for the
 * end of this one has been told, or gets @error, or else is told by the next next(). */
static gboolean
finish_run (ParDriver  *self,
            gboolean    is_told,
            GError    **error)
{
  ParRun *run = g_steal_pointer (&self->run);
  g_autoptr(GTask) task = g_steal_pointer (&self->do_task);
  g_autoptr(GError) own_error = NULL;
  gboolean success = par_run_judge (run, &own_error);

  g_cancellable_disconnect (run->cancellable, self->cancelled_handler);
  par_engine_drop_run (self->engine, run);

  if (self->publisher.keep_fetched && !is_told)
    {
      self->at_end = TRUE;
      self->end_error = own_error != NULL ? g_error_copy (own_error) : NULL;
    }
  self->pulled = FALSE;
  par_engine_hold_back (self->engine, FALSE);
  /* The caller stays the owner until all has been told. */
  attach_source (self, self->context, NULL);

  self->client->ended_run (self->requests);
  g_atomic_int_set (&self->claimed, FALSE);
  self->client->finished (self->requests);

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
end_next (ParDriver *self)
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
take_answer (ParDriver  *self,
             GError    **error)
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
answer_next (ParDriver *self)
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

/* Has the source answer @task. */
static void
begin_next (ParDriver *self,
            GTask     *task)
{
  self->next_task = g_object_ref (task);
  self->next_cancelled_handler = watch_cancellable (self, g_task_get_cancellable (task));
  self->publisher.keep_fetched = TRUE;
  par_engine_hold_back (self->engine, FALSE);
}

/* Starts a run that tells of its requests in the context of @task, which is the caller's. All is
 * in place before anybody else may become the owner. */
static void
begin_async (ParDriver *self,
             GTask     *task,
             gboolean   pulled)
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

void
par_driver_init (ParDriver                *self,
                 GObject                  *requests,
                 ParEngine                *engine,
                 const ParDriverClient    *client,
                 const ParPublisherClient *publisher_client)
{
  self->requests = requests;
  self->engine = engine;
  self->client = client;
  self->context = g_main_context_ref_thread_default ();
  self->thread = g_thread_self ();
  par_publisher_init (&self->publisher, engine, publisher_client, requests);
  attach_source (self, self->context, self->thread);
}

/* The requests are being finalized. */
void
par_driver_clear (ParDriver *self)
{
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
      par_engine_drop_run (self->engine, g_steal_pointer (&self->run));
      par_engine_cancel (self->engine);
    }
  drain (self);
  par_engine_close (self->engine);
  par_publisher_clear (&self->publisher);
  g_clear_pointer (&self->pull, free_pull);
  g_clear_error (&self->end_error);
  g_main_context_unref (self->source_context);
  g_main_context_unref (self->context);
}

/* Whether a run is on; from any thread. */
gboolean
par_driver_is_claimed (ParDriver *self)
{
  return g_atomic_int_get (&self->claimed);
}

void
par_driver_set_source (ParDriver         *self,
                       ParDriverPullFunc  function,
                       gpointer           user_data,
                       GDestroyNotify     destroy)
{
  ParPull *pull = NULL;

  if (function != NULL)
    {
      pull = g_new (ParPull, 1);
      *pull = (ParPull) { function, user_data, destroy };
    }
  set_pull (self, pull);
}

gboolean
par_driver_do (ParDriver     *self,
               GCancellable  *cancellable,
               GError       **error)
{
  gboolean goes_on = may_fetch (self) && self->pulled;
  gulong handler = 0;
  GThread *owner;
  gboolean success;

  if (!goes_on && !claim (self, error))
    return FALSE;

  if (par_engine_needs_context (self->engine) && !hold_context (self, error))
    {
      if (!goes_on)
        g_atomic_int_set (&self->claimed, FALSE);
      return FALSE;
    }

  /* A handler may drop the last reference there is. */
  g_object_ref (self->requests);
  owner = par_engine_enter (self->engine);
  if (goes_on)
    {
      owner = self->pulled_owner;
      stop_fetching (self);
      handler = watch_cancellable (self, cancellable);
    }
  else
    {
      begin_run (self, cancellable);
    }

  begin_blocking (self);
  while (!self->is_over)
    {
      if (goes_on && cancellable != NULL && g_cancellable_is_cancelled (cancellable))
        par_engine_cancel (self->engine);
      look_and_wait (self, PAR_NEWS_MAX_SETTLED, TRUE);
    }
  end_blocking (self);

  g_cancellable_disconnect (cancellable, handler);
  success = finish_run (self, TRUE, error);
  par_engine_exit (self->engine, owner, TRUE);
  g_object_unref (self->requests);

  return success;
}

void
par_driver_do_async (ParDriver *self,
                     GTask     *task)
{
  GError *error = NULL;

  /* A run that has succeeded is not to be turned into a cancelled one. */
  g_task_set_check_cancellable (task, FALSE);

  if (claim (self, &error))
    begin_async (self, task, FALSE);
  else
    g_task_return_error (task, error);
}

ParRequest *
par_driver_next (ParDriver     *self,
                 GCancellable  *cancellable,
                 GError       **error)
{
  ParRequest *request = NULL;
  gulong handler;

  if (may_take_answer (self))
    return take_answer (self, error);

  if (claim (self, NULL))
    {
      g_object_ref (self->requests);
      self->pulled_owner = par_engine_enter (self->engine);
      begin_run (self, cancellable);
      self->pulled = TRUE;
    }
  else if (may_fetch (self))
    {
      g_object_ref (self->requests);
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
      g_object_unref (self->requests);
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
  g_object_unref (self->requests);

  return request;
}

void
par_driver_next_async (ParDriver *self,
                       GTask     *task)
{
  GError *error = NULL;

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
