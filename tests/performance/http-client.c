/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* http-client KIND URI CONCURRENCY REQUESTS: gets URI so often, and prints how often in a second.
 * http has the kinds beside each other. */

#include <stdlib.h>

#include <par/soup/par-soup.h>

/* A loop of libsoup's own as one writes it by hand: in one context, with one session. */
typedef struct
{
  SoupSession *session;
  const char *uri;
  guint n_left;     /* to be sent */
  guint n_running;
} Loop;

static void
check (SoupMessage *message,
       GBytes      *body,
       GError      *error)
{
  g_assert_no_error (error);
  g_assert_cmpuint (soup_message_get_status (message), ==, 200);
  g_assert_cmpuint (g_bytes_get_size (body), >, 0);
}

static void send_next (Loop *loop);

static void
answered_cb (GObject      *session,
             GAsyncResult *result,
             gpointer      user_data)
{
  Loop *loop = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) body = soup_session_send_and_read_finish (loop->session, result, &error);

  check (soup_session_get_async_result_message (loop->session, result), body, error);
  loop->n_running--;
  send_next (loop);
}

static void
send_next (Loop *loop)
{
  g_autoptr(SoupMessage) message = NULL;

  if (loop->n_left == 0)
    return;

  loop->n_left--;
  loop->n_running++;
  message = soup_message_new ("GET", loop->uri);
  soup_session_send_and_read_async (loop->session, message, G_PRIORITY_DEFAULT, NULL, answered_cb,
                                    loop);
}

static SoupSession *
new_session (guint n_connections)
{
  return soup_session_new_with_options ("max-conns", n_connections,
                                        "max-conns-per-host", n_connections, NULL);
}

static void
run_loop (gpointer    session,
          const char *uri,
          guint       concurrency,
          guint       n_requests)
{
  Loop loop = { session, uri, n_requests, 0 };

  for (guint i = 0; i < concurrency; i++)
    send_next (&loop);
  while (loop.n_running > 0)
    g_main_context_iteration (NULL, TRUE);
}

/* Threads of libsoup's own as one writes them by hand: with a session each. */
typedef struct
{
  SoupSession *session;
  const char *uri;
  int *n_left;
} Worker;

static gpointer
work (gpointer data)
{
  Worker *worker = data;

  while (g_atomic_int_add (worker->n_left, -1) > 0)
    {
      g_autoptr(SoupMessage) message = soup_message_new ("GET", worker->uri);
      g_autoptr(GError) error = NULL;
      g_autoptr(GBytes) body = soup_session_send_and_read (worker->session, message, NULL, &error);

      check (message, body, error);
    }

  return NULL;
}

static void
run_threads (gpointer    sessions,
             const char *uri,
             guint       concurrency,
             guint       n_requests)
{
  g_autofree Worker *workers = g_new (Worker, concurrency);
  g_autofree GThread **threads = g_new (GThread *, concurrency);
  int n_left = n_requests;

  for (guint i = 0; i < concurrency; i++)
    {
      workers[i] = (Worker) { g_ptr_array_index ((GPtrArray *) sessions, i), uri, &n_left };
      threads[i] = g_thread_new ("client", work, &workers[i]);
    }
  for (guint i = 0; i < concurrency; i++)
    g_thread_join (threads[i]);
}

static void
run_par (gpointer    session,
         const char *uri,
         guint       concurrency,
         guint       n_requests)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(GError) error = NULL;

  par_requests_set_concurrency (requests, concurrency);
  par_requests_set_keep_completed (requests, FALSE);
  for (guint i = 0; i < n_requests; i++)
    par_soup_session_get (session, requests, uri, NULL);
  par_requests_do (requests, NULL, &error);
  g_assert_no_error (error);
}

/* What was connected and allocated at first is not counted. */
static double
measure (void       (*run) (gpointer    session,
                            const char *uri,
                            guint       concurrency,
                            guint       n_requests),
         gpointer    session,
         const char *uri,
         guint       concurrency,
         guint       n_requests)
{
  gint64 started_us;

  run (session, uri, concurrency, 4 * concurrency);
  started_us = g_get_monotonic_time ();
  run (session, uri, concurrency, n_requests);

  return n_requests * 1e6 / (g_get_monotonic_time () - started_us);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(SoupSession) session = NULL;
  g_autoptr(GPtrArray) sessions = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr(ParSoupSession) par_session = NULL;
  guint concurrency, n_requests;
  double rate;

  if (argc != 5)
    {
      g_printerr ("Usage: http-client libsoup-loop|libsoup-threads|par URI CONCURRENCY REQUESTS\n");
      return 2;
    }

  concurrency = strtoul (argv[3], NULL, 10);
  n_requests = strtoul (argv[4], NULL, 10);
  if (g_str_equal (argv[1], "libsoup-loop"))
    {
      session = new_session (concurrency);
      rate = measure (run_loop, session, argv[2], concurrency, n_requests);
    }
  else if (g_str_equal (argv[1], "libsoup-threads"))
    {
      for (guint i = 0; i < concurrency; i++)
        g_ptr_array_add (sessions, new_session (1));
      rate = measure (run_threads, sessions, argv[2], concurrency, n_requests);
    }
  else
    {
      par_session = g_object_new (PAR_SOUP_TYPE_SESSION, "connections-per-host", concurrency, NULL);
      rate = measure (run_par, par_session, argv[2], concurrency, n_requests);
    }
  g_print ("%.0f\n", rate);

  return 0;
}
