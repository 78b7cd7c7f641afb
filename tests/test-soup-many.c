/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* With -m slow the numbers are those that the library promises; else a few seconds are enough. */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <par/soup/par-soup.h>

#include "server.h"

/* What a session keeps open for later. */
#define MAX_IDLE 64

static Server server;
static guint n_descriptors;

static void
do_all (ParRequests *requests)
{
  g_autoptr(GError) error = NULL;

  par_requests_do (requests, NULL, &error);
  g_assert_no_error (error);
}

static void
note_sockets_cb (ParRequests *requests,
                 ParRequest  *request,
                 guint       *n_sockets)
{
  if (par_request_get_index (request) % 100 == 0)
    *n_sockets = MAX (*n_sockets, count_sockets ());
}

static void
check_closed (void)
{
  server_wait_closed (&server);
  wait_for_descriptors (n_descriptors);
}

static void
thousand_hosts_are_asked (void)
{
  guint n_hosts = g_test_slow () ? 1000 : 250;
  const guint concurrency = 500;
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = par_soup_session_new ();
  gint64 started_us = g_get_monotonic_time ();
  guint n_sockets = 0;

  g_test_summary ("Six requests to each of many hosts, 500 at once, leave no more open than are in "
                  "flight or kept for later.");

  par_requests_set_concurrency (requests, concurrency);
  par_requests_set_keep_completed (requests, FALSE);
  g_signal_connect (requests, "completed", G_CALLBACK (note_sockets_cb), &n_sockets);
  for (guint i = 0; i < 6 * n_hosts; i++)
    {
      guint host = i % n_hosts;
      g_autofree char *uri = g_strdup_printf ("http://127.0.%u.%u%s/ok", host / 250 + 1,
                                              host % 250 + 1, strrchr (server.uri, ':'));

      par_soup_session_get (session, requests, uri, NULL);
    }
  do_all (requests);

  g_test_message ("%u hosts: %.2f s, %u sockets at most", n_hosts,
                  (g_get_monotonic_time () - started_us) / 1e6, n_sockets);
  g_assert_cmpuint (par_requests_get_n_succeeded (requests), ==, 6 * n_hosts);
  g_assert_cmpuint (n_sockets, <=, concurrency + MAX_IDLE);
  wait_for_sockets (MAX_IDLE);
  g_clear_object (&requests);
  g_assert_finalize_object (g_steal_pointer (&session));
  check_closed ();
}

static void
memory_stays_flat (void)
{
  guint n_requests = g_test_slow () ? 10000 : 1000;
  guint concurrency = g_test_slow () ? 500 : 100;
  g_autoptr(ParSoupSession) session = NULL;
  size_t n_bytes[10], most_bytes[2] = { 0 };
  guint n_open[10];

  g_test_summary ("Round after round of many requests leaves neither memory nor descriptors "
                  "behind.");

  session = g_object_new (PAR_SOUP_TYPE_SESSION, "connections-per-host", concurrency, NULL);
  for (guint round = 0; round < 10; round++)
    {
      g_autoptr(ParRequests) requests = par_requests_new ();
      gint64 started_us = g_get_monotonic_time ();

      par_requests_set_concurrency (requests, concurrency);
      par_requests_set_keep_completed (requests, FALSE);
      for (guint i = 0; i < n_requests; i++)
        par_soup_session_get (session, requests, server_at (&server, "/ok"), NULL);
      do_all (requests);
      g_assert_cmpuint (par_requests_get_n_succeeded (requests), ==, n_requests);
      g_clear_object (&requests);

      /* Threads close what is too much for later. */
      wait_for_sockets (MAX_IDLE);
      n_bytes[round] = mallinfo2 ().uordblks;
      n_open[round] = count_descriptors ();
      g_test_message ("%u requests, %u at once: %.2f s, %zu bytes, %u descriptors", n_requests,
                      concurrency, (g_get_monotonic_time () - started_us) / 1e6, n_bytes[round],
                      n_open[round]);
    }

  /* What idle connections and workers have kept for later differs from round to round, but the most
   * of it does not grow: no more than a hundred bytes of each request are left. */
  for (guint round = 0; round < 10; round++)
    {
      gsize *most = &most_bytes[round / 5];

      *most = MAX (*most, n_bytes[round]);
      g_assert_cmpuint (n_open[round], <, n_descriptors + MAX_IDLE + 16);
    }
  g_assert_cmpuint (most_bytes[1], <, most_bytes[0] + 5 * n_requests * 100);
  g_assert_finalize_object (g_steal_pointer (&session));
  check_closed ();
}

static int
compare_times (gconstpointer a,
               gconstpointer b)
{
  gint64 first = *(const gint64 *) a, second = *(const gint64 *) b;

  return (first > second) - (first < second);
}

/* The time in which 99 of 100 requests have been answered, in milliseconds. */
static double
measure_p99 (guint redundancy)
{
  const guint n_requests = g_test_slow () ? 2000 : 200;
  g_autofree char *stalling = g_strconcat (server.uri, "/some-slowly", NULL);
  g_autofree char *steady = g_strdup_printf ("http://127.0.0.2%s/ok", strrchr (server.uri, ':'));
  const char *replicas[] = { stalling, steady, NULL };
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autofree gint64 *times = g_new (gint64, n_requests);
  ParSoupSession *session;
  gint64 ended_us;

  session = g_object_new (PAR_SOUP_TYPE_SESSION, "connections-per-host", 64, NULL);
  par_requests_set_concurrency (requests, 32);
  par_requests_set_redundancy (requests, redundancy);
  for (guint i = 0; i < n_requests; i++)
    {
      g_autoptr(ParSoupRequest) request = par_soup_request_new ("GET", "http://service", NULL);

      par_soup_request_set_replicas (request, replicas);
      par_soup_session_send (session, requests, request);
    }
  do_all (requests);

  /* Nobody waits for the calls that were stalled: they take a second. */
  ended_us = g_get_monotonic_time ();
  while (server_get_stats (&server).n_answering > 0)
    g_assert_cmpint (g_get_monotonic_time () - ended_us, <, 500000);

  for (guint i = 0; i < n_requests; i++)
    {
      g_autoptr(ParRequest) request = par_requests_get_request (requests, i);

      times[i] = par_request_get_elapsed (request);
    }
  qsort (times, n_requests, sizeof *times, compare_times);
  g_test_message ("redundancy %u: p50 %.1f ms, p99 %.1f ms", redundancy,
                  times[n_requests / 2] / 1000.0, times[n_requests * 99 / 100] / 1000.0);
  g_clear_object (&requests);
  drop_and_wait (session);
  check_closed ();

  return times[n_requests * 99 / 100] / 1000.0;
}

static void
copies_pass_by_a_stalling_replica (void)
{
  g_test_summary ("Of two replicas one stalls one call in ten for a second: with a copy for each "
                  "request nobody waits for that.");

  g_assert_cmpfloat (measure_p99 (1), >=, 1000);
  g_assert_cmpfloat (measure_p99 (2), <, 500);
}

static void
allow_many_connections (void)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  limit.rlim_cur = limit.rlim_max;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
}

static void
warm_up (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = par_soup_session_new ();

  for (guint i = 0; i < 3; i++)
    par_soup_session_get (session, requests, server_at (&server, "/ok"), NULL);
  do_all (requests);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  allow_many_connections ();
  server_start_hosts (&server);

  /* GLib opens some for itself when they are first needed. */
  warm_up ();
  server_wait_closed (&server);
  n_descriptors = count_descriptors ();

  g_test_add_func ("/par-soup/many/thousand-hosts-are-asked", thousand_hosts_are_asked);
  g_test_add_func ("/par-soup/many/memory-stays-flat", memory_stays_flat);
  g_test_add_func ("/par-soup/many/copies-pass-by-a-stalling-replica",
                   copies_pass_by_a_stalling_replica);

  status = g_test_run ();
  server_stop (&server);

  return status;
}
