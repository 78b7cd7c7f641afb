/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether a user interface stays alive: the largest gap of a source that ticks every 16 ms at the
 * priority at which GTK draws, in the owner context, while many instant requests are told of. */

#include <stdlib.h>

#include <par/par.h>

#define TICK_MS 16
#define DRAW_PRIORITY (G_PRIORITY_HIGH_IDLE + 20)

typedef struct
{
  gint64 last_us;
  gint64 largest_us;
  guint n_ticks;
} Beat;

static gboolean
tick (gpointer data)
{
  Beat *beat = data;
  gint64 now_us = g_get_monotonic_time ();

  beat->largest_us = MAX (beat->largest_us, now_us - beat->last_us);
  beat->last_us = now_us;
  beat->n_ticks++;

  return G_SOURCE_CONTINUE;
}

static void
succeed (ParAttempt  *attempt,
         gpointer     user_data,
         GError     **error)
{
  par_attempt_return_boolean (attempt, TRUE);
}

static void
completed_cb (ParRequests *requests,
              ParRequest  *request,
              guint       *n_completed)
{
  ++*n_completed;
}

static void
done_cb (GObject      *requests,
         GAsyncResult *result,
         gpointer      loop)
{
  if (!par_requests_do_finish (PAR_REQUESTS (requests), result, NULL))
    g_error ("a request failed");
  g_main_loop_quit (loop);
}

static void
measure (const char *title,
         guint64   (*add) (ParRequests *, ParRequestFunc, gpointer, GDestroyNotify),
         guint       n_requests)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(ParRequests) requests = par_requests_new ();
  guint n_completed = 0;
  Beat beat = { 0 };
  gint64 started_us;
  guint source;

  g_signal_connect (requests, "completed", G_CALLBACK (completed_cb), &n_completed);
  for (guint i = 0; i < n_requests; i++)
    add (requests, succeed, NULL, NULL);

  source = g_timeout_add_full (DRAW_PRIORITY, TICK_MS, tick, &beat, NULL);
  started_us = beat.last_us = g_get_monotonic_time ();
  par_requests_do_async (requests, NULL, done_cb, loop);
  g_main_loop_run (loop);
  g_source_remove (source);

  /* The last gap has no tick at its end. */
  tick (&beat);
  if (n_completed != n_requests)
    g_error ("%u of %u requests were told of", n_completed, n_requests);
  g_print ("| %s | %.1f | %u | %.1f |\n", title, (beat.last_us - started_us) / 1000.0,
           beat.n_ticks, beat.largest_us / 1000.0);
}

int
main (int   argc,
      char *argv[])
{
  guint n_requests = argc > 1 ? atoi (argv[1]) : 100000;

  g_print ("%u instant requests with a handler, beside a tick every %u ms\n\n"
           "| | in all, ms | ticks | largest gap, ms |\n| --- | ---: | ---: | ---: |\n",
           n_requests, TICK_MS);
  measure ("async", par_requests_add_async, n_requests);
  measure ("thread", par_requests_add_thread, n_requests);

  return 0;
}
