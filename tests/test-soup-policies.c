/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the policies of Par make of requests by HTTP, against real servers. */

#include <string.h>

#include <par/soup/par-soup.h>

#include "server.h"

static Server server;

static void
do_all (ParRequests *requests)
{
  g_autoptr(GError) error = NULL;

  par_requests_do (requests, NULL, &error);
  g_assert_no_error (error);
}

static ParSoupSession *
new_session (guint connections_per_host)
{
  return g_object_new (PAR_SOUP_TYPE_SESSION, "connections-per-host", connections_per_host, NULL);
}

static gboolean
has_limiter (ParRequests *requests,
             ParLimiter  *expected)
{
  g_autoptr(ParLimiter) limiter = par_requests_get_limiter (requests);

  return limiter == expected;
}

static void
session_holds_requests_back_before_they_begin (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = new_session (1);
  g_autofree char *elsewhere = g_strdup_printf ("http://127.0.0.2%s/ok", strrchr (server.uri, ':'));
  g_autoptr(ParRequest) last = NULL;
  g_autoptr(ParRequest) other = NULL;
  ParLimiter *limiter = par_soup_session_get_limiter (session);

  g_test_summary ("What waits for its host has not begun, so it has all of its time left, and what "
                  "is for another host goes before it.");

  g_assert_cmpuint (par_limiter_get_concurrency (limiter), ==, 1);
  g_assert_true (par_limiter_get_per_key (limiter));

  /* All eight take 1600 ms. */
  par_requests_set_concurrency (requests, 2);
  par_requests_set_attempt_timeout (requests, 1000);
  for (guint i = 0; i < 8; i++)
    par_soup_session_get (session, requests, server_at (&server, "/slow?ms=200"), NULL);
  par_soup_session_get (session, requests, elsewhere, NULL);
  g_assert_true (has_limiter (requests, limiter));
  do_all (requests);

  last = par_requests_get_request (requests, 7);
  other = par_requests_get_request (requests, 8);
  g_assert_cmpint (par_request_get_queued_time (last), >, 1000000);
  g_assert_cmpint (par_request_get_queued_time (other), <, par_request_get_queued_time (last));
}

static void
own_limiter_is_kept (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = par_soup_session_new ();
  g_autoptr(ParLimiter) limiter = par_limiter_new ();

  g_test_summary ("Requests that have a limiter keep it.");

  par_requests_set_limiter (requests, limiter);
  par_soup_session_get (session, requests, server_at (&server, "/ok"), NULL);
  g_assert_true (has_limiter (requests, limiter));
  do_all (requests);
}

static void
retry_comes_when_the_service_says (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = par_soup_session_new ();
  g_autoptr(ParRetry) retry = par_retry_new ();
  g_autoptr(ParRequest) request = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("Retry-After goes before the delay that a ParRetry would choose.");

  par_retry_set_max_retries (retry, 1);
  par_retry_set_initial_delay (retry, 1);
  par_requests_set_retry (requests, retry);
  par_soup_session_get (session, requests,
                        server_at (&server, "/status?status=503+Busy&retry-after=1"), NULL);
  g_assert_false (par_requests_do (requests, NULL, &error));

  request = par_requests_get_request (requests, 0);
  g_assert_error (par_request_get_error (request), PAR_SOUP_ERROR, 503);
  g_assert_cmpuint (par_request_get_n_attempts (request), ==, 2);
  g_test_message ("the second attempt ended after %.1f ms",
                  par_request_get_elapsed (request) / 1000.0);
  g_assert_cmpint (par_request_get_elapsed (request), >=, 1000000);
}

static void
what_failed_for_good_is_not_retried (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = par_soup_session_new ();
  g_autoptr(ParRetry) retry = par_retry_new ();
  const char *paths[] = { "/status?status=404+Gone", "/status?status=500+Broken", "/close" };
  const guint n_attempts[] = { 1, 3, 3 };

  g_test_summary ("What another attempt may mend is tried again, and nothing else.");

  par_retry_set_max_retries (retry, 2);
  par_retry_set_initial_delay (retry, 1);
  par_requests_set_retry (requests, retry);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    par_soup_session_get (session, requests, server_at (&server, paths[i]), NULL);
  g_assert_false (par_requests_do (requests, NULL, NULL));

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr(ParRequest) request = par_requests_get_request (requests, i);

      g_assert_cmpuint (par_request_get_n_attempts (request), ==, n_attempts[i]);
    }
}

static void
stalled_replica_is_hedged_to_another (void)
{
  const guint n_requests = 40;
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = par_soup_session_new ();
  g_autoptr(ParHedge) hedge = par_hedge_new ();
  g_autofree char *stalled = g_strconcat (server.uri, "/never", NULL);
  g_autofree char *healthy = g_strdup_printf ("http://127.0.0.2%s/ok", strrchr (server.uri, ':'));
  const char *replicas[] = { stalled, healthy, NULL };
  guint n_hedged = 0;

  g_test_summary ("Where one of two replicas answers nothing, the other one answers all, though "
                  "more attempts are stalled than a host gets at once.");

  par_hedge_set_delay (hedge, 20);
  par_hedge_set_burst (hedge, 2 * n_requests);
  par_requests_set_hedge (requests, hedge);
  par_requests_set_wait_for_attempts (requests, TRUE);
  for (guint i = 0; i < n_requests; i++)
    {
      g_autoptr(ParSoupRequest) request = par_soup_request_new ("GET", "http://service", NULL);

      par_soup_request_set_replicas (request, replicas);
      par_soup_session_send (session, requests, request);
    }
  do_all (requests);

  for (guint i = 0; i < n_requests; i++)
    {
      g_autoptr(ParRequest) request = par_requests_get_request (requests, i);
      ParSoupResponse *response = g_value_get_object (par_request_get_value (request));

      g_assert_cmpuint (par_soup_response_get_replica (response), ==, 1);
      n_hedged += par_request_get_winner (request) > 1;
    }
  g_test_message ("%u of %u requests were won by a hedge", n_hedged, n_requests);
  g_assert_cmpuint (n_hedged, >=, n_requests / 2);

  /* The calls that were stalled are gone, and so are their connections. */
  g_assert_cmpuint (server_get_stats (&server).n_answering, ==, 0);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start_hosts (&server);

  g_test_add_func ("/par-soup/policies/session-holds-requests-back-before-they-begin",
                   session_holds_requests_back_before_they_begin);
  g_test_add_func ("/par-soup/policies/own-limiter-is-kept", own_limiter_is_kept);
  g_test_add_func ("/par-soup/policies/retry-comes-when-the-service-says",
                   retry_comes_when_the_service_says);
  g_test_add_func ("/par-soup/policies/what-failed-for-good-is-not-retried",
                   what_failed_for_good_is_not_retried);
  g_test_add_func ("/par-soup/policies/stalled-replica-is-hedged-to-another",
                   stalled_replica_is_hedged_to_another);

  status = g_test_run ();
  server_stop (&server);

  return status;
}
