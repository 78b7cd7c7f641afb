/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-publisher-private.h"

#include "par-request-private.h"

#include <par/par-attempt-private.h>

void
par_publisher_init (ParPublisher             *self,
                    ParEngine                *engine,
                    const ParPublisherClient *client,
                    gpointer                  user_data)
{
  self->engine = engine;
  self->client = client;
  self->user_data = user_data;
  self->keep_completed = TRUE;
  g_queue_init (&self->fetched);
  self->starts = g_array_new (FALSE, FALSE, sizeof (ParStart));
  self->news.starts = g_array_new (FALSE, FALSE, sizeof (ParStart));
  self->news.trash = par_trash_new ();
  self->news.cancellables = par_cancellables_new ();
}

void
par_publisher_clear (ParPublisher *self)
{
  g_queue_clear_full (&self->fetched, g_object_unref);
  g_clear_pointer (&self->starts, g_array_unref);
  g_clear_pointer (&self->news.starts, g_array_unref);
  g_clear_pointer (&self->news.trash, g_array_unref);
  g_clear_pointer (&self->news.cancellables, g_ptr_array_unref);
  g_clear_object (&self->spare);
}

guint64
par_publisher_get_n_rows (ParPublisher *self)
{
  return par_engine_get_n_published (self->engine) - self->n_removed;
}

void
par_publisher_get_counts (ParPublisher *self,
                          ParCounts    *counts)
{
  *counts = self->settled;
  counts->n_requests = par_engine_get_n_published (self->engine);
  counts->n_running = self->n_running;
  counts->n_queued = counts->n_requests - counts->n_running - par_counts_settled (counts);
}

/* Between two looks at the engine it is not known which requests were running: what has not
 * settled was, but for those that are queued by now, and as many as ever ran at once at most. */
static void
estimate_running (ParPublisher *self)
{
  guint64 n_left = self->news.n_published - par_counts_settled (&self->settled);
  guint64 n_started = n_left > self->news.n_queued ? n_left - self->news.n_queued : 0;

  self->n_running = MIN (n_started, self->news.peak_running);
}

static void
tell_counts (ParPublisher *self)
{
  if (self->client != NULL)
    self->client->counts_changed (self->user_data);
}

static void
tell_rows (ParPublisher *self,
           guint64       n_added)
{
  if (n_added > 0 && self->client != NULL)
    self->client->rows_changed (self->user_data, par_publisher_get_n_rows (self) - n_added,
                                0, n_added);
}

/* Tells of rows that the owner has just added. */
void
par_publisher_add_rows (ParPublisher *self,
                        guint64       n_added)
{
  tell_rows (self, n_added);
  tell_counts (self);
}

static gboolean
is_spare (ParPublisher *self,
          guint64       index)
{
  return self->spare_is_lent && self->spare_index == index;
}

static void
publish_outcome (ParRequest *request,
                 ParRecord  *record)
{
  ParRecordDetail *detail = record->detail;
  ParReport report = {
    .state = record->state,
    .reason = record->reason,
    .n_attempts = record->n_attempts,
    .queued_us = record->queued_us,
    .elapsed_us = record->elapsed_us,
    .outcome = &record->outcome,
  };

  if (record->state == PAR_REQUEST_STATE_SUCCEEDED)
    report.winner = detail != NULL && detail->winner > 0 ? detail->winner : 1;
  if (detail != NULL)
    report.errors = g_steal_pointer (&detail->errors);

  par_request_publish (request, &report);
}

/* Whether a request that has settled has not been told of. */
static gboolean
is_news (ParPublisher *self,
         guint64       index)
{
  for (guint i = self->n_done; i < self->news.n_settled; i++)
    {
      if (self->news.settled[i] == index)
        return TRUE;
    }

  return FALSE;
}

/* Gets the ParRequest of an index, with a reference, in the state that is published. */
ParRequest *
par_publisher_get_request (ParPublisher *self,
                           guint64       index)
{
  ParRecord *settled;
  ParRequest *request;

  if (is_spare (self, index))
    return g_object_ref (self->spare);

  request = par_engine_get_object (self->engine, index, &settled);

  /* It had settled before there was an object. */
  if (settled != NULL && par_request_get_state (request) <= PAR_REQUEST_STATE_RUNNING
      && !is_news (self, index))
    publish_outcome (request, settled);

  return request;
}

/* Asking for each request would cost as much as telling it. */
static void
look_for_listeners (ParPublisher *self)
{
  self->wants_completed = self->keep_fetched
                          || (self->client != NULL
                              && self->client->wants_completed (self->user_data));
}

static void
tell_start (ParPublisher   *self,
            const ParStart *start)
{
  g_autoptr(ParRequest) request = par_publisher_get_request (self, start->index);

  if (request == NULL)
    return;

  par_request_publish_start (request, start->number);
  if (self->client != NULL)
    self->client->started (self->user_data, request, start->number, start->kind);
  look_for_listeners (self);
}

/* Tells of the attempts that were started before the next request settled. */
static void
tell_starts (ParPublisher *self)
{
  while (self->n_starts_done < self->starts->len)
    {
      ParStart start = g_array_index (self->starts, ParStart, self->n_starts_done);

      if (start.n_settled > self->n_settled)
        return;

      self->n_starts_done++;
      tell_start (self, &start);
    }

  g_array_set_size (self->starts, 0);
  self->n_starts_done = 0;
}

static void
tell_completed (ParPublisher *self,
                ParRequest   *request)
{
  if (self->keep_fetched)
    g_queue_push_tail (&self->fetched, g_object_ref (request));
  if (self->client != NULL)
    self->client->completed (self->user_data, request);
}

/* Lends one object to one request after the other, for as long as nobody keeps it: to make a new
 * one for each would cost more than all the rest. */
static void
complete_with_spare (ParPublisher *self,
                     ParRecord    *record,
                     guint64       index)
{
  if (self->spare_is_lent)
    {
      /* A handler that was lent it has more told. */
      g_autoptr(ParRequest) request = par_publisher_get_request (self, index);

      tell_completed (self, request);
      return;
    }

  if (self->spare == NULL)
    self->spare = par_request_make (NULL, index, PAR_REQUEST_STATE_QUEUED, 0);

  par_request_reuse (self->spare, index);
  publish_outcome (self->spare, record);
  self->spare_index = index;
  self->spare_is_lent = TRUE;
  tell_completed (self, self->spare);
  self->spare_is_lent = FALSE;

  if (par_request_is_reusable (self->spare))
    par_request_take_outcome (self->spare, &record->outcome);
  else
    par_engine_keep_object (self->engine, record, g_steal_pointer (&self->spare));
}

static void
remove_row (ParPublisher *self,
            guint64       index)
{
  guint64 position = par_engine_remove (self->engine, index);

  self->n_removed++;
  if (self->client != NULL)
    self->client->rows_changed (self->user_data, position, 1, 0);
}

static void
tell_settled (ParPublisher *self,
              guint64       index,
              ParRecord    *record,
              gboolean      is_out)
{
  ParCounts *counts = &self->settled;

  if (record->state == PAR_REQUEST_STATE_SUCCEEDED)
    counts->n_succeeded++;
  else if (record->state == PAR_REQUEST_STATE_FAILED)
    counts->n_failed++;
  else
    counts->n_cancelled++;
  self->n_settled++;
  estimate_running (self);

  /* Errors of several attempts, and an object that was asked for, are in the detail; an attempt
   * that is still out may ask for one at any time. */
  if (is_out || record->detail != NULL)
    {
      g_autoptr(ParRequest) request = par_publisher_get_request (self, index);

      tell_completed (self, request);
    }
  else if (self->wants_completed)
    {
      complete_with_spare (self, record, index);
    }

  if (!is_out && record->destroy != NULL)
    {
      GDestroyNotify destroy = g_steal_pointer (&record->destroy);

      destroy (record->data);
    }

  if (!self->keep_completed)
    {
      par_value_clear (&record->outcome);
      remove_row (self, index);
    }
}

/* Has the engine note starts, if somebody listens. */
void
par_publisher_want_starts (ParPublisher *self)
{
  if (self->client != NULL)
    par_engine_want_starts (self->engine, self->client->wants_started (self->user_data));
}

static void
collect (ParPublisher *self,
         guint         max_settled)
{
  ParNews *news = &self->news;

  par_publisher_want_starts (self);
  if (self->client != NULL)
    par_engine_want_counts (self->engine, self->client->wants_counts (self->user_data));
  par_engine_collect (self->engine, news, max_settled);
  self->n_done = 0;

  g_array_append_vals (self->starts, news->starts->data, news->starts->len);
  g_array_set_size (news->starts, 0);
  self->n_attempts_running = news->n_attempts_running;

  estimate_running (self);
  tell_rows (self, news->n_new);
}

static void
cancel_attempts (ParPublisher *self)
{
  /* A handler of theirs may have more news collected. */
  g_autoptr(GPtrArray) cancellables = par_cancellables_steal (&self->news.cancellables);

  if (cancellables != NULL)
    par_cancellables_cancel (cancellables);
}

static void
tell_deferred (ParPublisher *self)
{
  guint deferred = self->news.deferred;

  self->news.deferred = 0;
  if (deferred != 0 && self->client != NULL)
    self->client->deferred (self->user_data, deferred);
}

static void
destroy_trash (ParPublisher *self)
{
  g_autoptr(GArray) trash = NULL;

  if (self->news.trash->len == 0)
    return;

  trash = g_steal_pointer (&self->news.trash);
  self->news.trash = par_trash_new ();
}

/* Tells what has happened, until @until_us (0: all of the news, which are no more than
 * @max_settled requests). Returns whether the run is over; it has been told to the engine that
 * this is known. */
gboolean
par_publisher_dispatch (ParPublisher *self,
                        guint         max_settled,
                        gint64        until_us)
{
  ParNews *news = &self->news;

  if (self->n_done == news->n_settled)
    collect (self, max_settled);

  cancel_attempts (self);
  if (self->n_done < news->n_settled)
    look_for_listeners (self);
  tell_starts (self);
  while (self->n_done < news->n_settled)
    {
      guint i = self->n_done++;

      tell_settled (self, news->settled[i], news->records[i], news->is_out[i]);
      if (self->starts->len > 0)
        tell_starts (self);
      if (until_us > 0 && self->n_done % 16 == 0 && par_engine_now (self->engine) >= until_us)
        break;
    }

  destroy_trash (self);
  tell_counts (self);
  tell_deferred (self);

  if (!news->over)
    return FALSE;

  news->over = FALSE;
  par_engine_finish (self->engine);

  return TRUE;
}

/* Whether the next dispatch has something to tell for sure. */
gboolean
par_publisher_has_more (ParPublisher *self)
{
  return self->n_done < self->news.n_settled || self->news.more;
}
