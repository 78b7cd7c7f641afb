/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "trace.h"

#include <stdio.h>

void
trace_init (Trace    *self,
            gboolean  has_threads)
{
  self->has_threads = has_threads;
  g_mutex_init (&self->lock);
  self->events = g_array_new (FALSE, FALSE, sizeof (Event));
}

G_STATIC_ASSERT (sizeof (Event) == 2 * sizeof (guint64));

void
trace_clear (Trace *self)
{
  g_array_unref (self->events);
  g_mutex_clear (&self->lock);
}

void
trace_add (Trace     *self,
           gint64     when_us,
           guint      run,
           guint64    index,
           EventType  type,
           guint      number,
           guint      detail)
{
  Event event = { when_us, index, run, type, number, detail };

  if (self->has_threads)
    g_mutex_lock (&self->lock);
  g_array_append_val (self->events, event);
  if (self->has_threads)
    g_mutex_unlock (&self->lock);
}

/* By Fowler, Noll and Vo, of words instead of bytes. Any other event, or order, gives another hash. */
guint64
trace_hash (Trace *self)
{
  const guint64 *words = (const guint64 *) self->events->data;
  guint n_words = self->events->len * sizeof (Event) / sizeof *words;
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (guint i = 0; i < n_words; i++)
    hash = (hash ^ words[i]) * G_GUINT64_CONSTANT (0x100000001b3);

  return hash;
}

/* How many events there were, from @from_us on and before @until_us. */
guint
trace_count (Trace     *self,
             EventType  type,
             guint      detail,
             gint64     from_us,
             gint64     until_us)
{
  guint n_events = 0;

  for (guint i = 0; i < self->events->len; i++)
    {
      const Event *event = &g_array_index (self->events, Event, i);

      n_events += event->type == type && event->detail == detail && event->when_us >= from_us
                  && event->when_us < until_us;
    }

  return n_events;
}

/* When all events of @type were, as gint64. */
GArray *
trace_get_times (Trace     *self,
                 EventType  type)
{
  GArray *times = g_array_new (FALSE, FALSE, sizeof (gint64));

  for (guint i = 0; i < self->events->len; i++)
    {
      const Event *event = &g_array_index (self->events, Event, i);

      if (event->type == type)
        g_array_append_val (times, event->when_us);
    }

  return times;
}

static const char *
describe (const Event *event)
{
  static const char *kinds[] = { "first", "copy", "hedge", "retry" };
  static const char *states[] = { "queued", "running", "succeeded", "failed", "cancelled" };

  switch ((EventType) event->type)
    {
    case EVENT_START:
      return kinds[event->detail];

    case EVENT_CANCEL:
      return "cancel";

    case EVENT_RETURN:
      return event->detail ? "value" : "error";

    case EVENT_SETTLE:
      return states[event->detail];

    default:
      g_return_val_if_reached ("?");
    }
}

/* Writes a line for each event: the time in microseconds, the ParRequests, the request, the number
 * of the attempt or 0, and what has become of them. */
gboolean
trace_write (Trace       *self,
             const char  *path,
             GError     **error)
{
  g_autoptr(GString) text = g_string_new (NULL);

  for (guint i = 0; i < self->events->len; i++)
    {
      Event *event = &g_array_index (self->events, Event, i);

      g_string_append_printf (text, "%" G_GINT64_FORMAT " %u %u %u %s\n", event->when_us, event->run,
                              event->index, event->number, describe (event));
    }

  return g_file_set_contents (path, text->str, text->len, error);
}

static int
compare_times (gconstpointer a,
               gconstpointer b)
{
  const gint64 *left = a, *right = b;

  return (*left > *right) - (*left < *right);
}

/* When the first attempt of each request started, and when it settled; -1 for not. */
typedef struct
{
  gint64 started_us;
  gint64 settled_us;
} Life;

static void
count_event (Figures     *self,
             const Life  *life,
             const Event *event)
{
  switch ((EventType) event->type)
    {
    case EVENT_START:
      self->n_kinds[event->detail]++;
      self->n_late += life->settled_us >= 0 && event->when_us > life->settled_us;
      break;

    case EVENT_SETTLE:
      self->n_states[event->detail]++;
      self->times_us[self->n_times++] = event->when_us - life->started_us;
      break;

    case EVENT_CANCEL:
    case EVENT_RETURN:
    default:
      break;
    }
}

/* Threads note their events in any order, so this needs a look of its own. */
static Life *
find_lives (const Event *events,
            guint        n_events)
{
  guint n_lives = 0;
  Life *lives;

  for (guint i = 0; i < n_events; i++)
    n_lives = MAX (n_lives, events[i].index + 1);

  lives = g_new (Life, n_lives);
  for (guint i = 0; i < n_lives; i++)
    lives[i] = (Life) { -1, -1 };

  for (guint i = 0; i < n_events; i++)
    {
      const Event *event = &events[i];

      if (event->run > 0)
        continue;
      if (event->type == EVENT_START && event->number == 1)
        lives[event->index].started_us = event->when_us;
      else if (event->type == EVENT_SETTLE)
        lives[event->index].settled_us = event->when_us;
    }

  return lives;
}

/* Counts what became of the requests whose first attempt started from @from_us on, and before
 * @until_us. The caller clears @figures. */
void
trace_get_figures (Trace   *self,
                   gint64   from_us,
                   gint64   until_us,
                   Figures *figures)
{
  const Event *events = (const Event *) self->events->data;
  g_autofree Life *lives = find_lives (events, self->events->len);
  guint n_out = 0;

  *figures = (Figures) { 0 };
  figures->times_us = g_new (gint64, self->events->len);

  for (guint i = 0; i < self->events->len; i++)
    {
      const Event *event = &events[i];
      const Life *life = &lives[event->index];

      n_out += event->type == EVENT_START;
      n_out -= event->type == EVENT_RETURN;
      figures->peak_attempts = MAX (figures->peak_attempts, n_out);

      if (event->run > 0 || life->started_us < from_us || life->started_us >= until_us)
        continue;
      figures->n_requests += event->type == EVENT_START && event->number == 1;
      count_event (figures, life, event);
    }

  figures->n_left = n_out;
  figures->n_unsettled = figures->n_requests - figures->n_times;
  qsort (figures->times_us, figures->n_times, sizeof *figures->times_us, compare_times);
}

void
figures_clear (Figures *self)
{
  g_clear_pointer (&self->times_us, g_free);
}

/* The time that this share of the requests did not exceed, in milliseconds. */
double
figures_get_msec (const Figures *self,
                  double         percentile)
{
  guint64 n_faster = percentile / 100 * self->n_times;

  g_return_val_if_fail (self->n_times > 0, 0);

  return self->times_us[MIN (n_faster, self->n_times - 1)] / 1000.0;
}

/* Which share of the requests took longer. */
double
figures_get_share (const Figures *self,
                   gint64         longer_than_us)
{
  guint64 n_faster = 0;

  while (n_faster < self->n_times && self->times_us[n_faster] <= longer_than_us)
    n_faster++;

  return (self->n_times - n_faster) / (double) self->n_times;
}

/* How many attempts of @kind there were for each request. */
double
figures_get_extra (const Figures  *self,
                   ParAttemptKind  kind)
{
  return self->n_kinds[kind] / (double) self->n_requests;
}
