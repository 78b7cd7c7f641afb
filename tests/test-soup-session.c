/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include <par/soup/par-soup.h>

#include "server.h"

static Server server;

typedef struct
{
  ParSoupSession *session;
  ParRequests *requests;
  GError *error;
  GThread *thread;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->session = par_soup_session_new ();
  fixture->requests = par_requests_new ();
  fixture->thread = g_thread_self ();
}

/* Drops the last reference but for those of attempts that have lost, whose ends are told in the
 * owner context. */
static void
drop (gpointer object)
{
  gint64 until_us = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  g_object_add_weak_pointer (object, &object);
  g_object_unref (object);
  while (object != NULL)
    {
      g_main_context_iteration (NULL, FALSE);
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
    }
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  drop (fixture->requests);
  drop (fixture->session);
  g_clear_error (&fixture->error);
  server_wait_closed (&server);
}

static void
do_all (Fixture *fixture)
{
  g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
  g_assert_no_error (fixture->error);
}

/* The response to request @index, which lives as long as the requests. */
static ParSoupResponse *
get_response (Fixture *fixture,
              guint64  index)
{
  g_autoptr(ParRequest) request = par_requests_get_request (fixture->requests, index);

  g_assert_no_error (par_request_get_error (request));

  return g_value_get_object (par_request_get_value (request));
}

static const GError *
get_error (Fixture *fixture,
           guint64  index)
{
  g_autoptr(ParRequest) request = par_requests_get_request (fixture->requests, index);

  g_assert_nonnull (par_request_get_error (request));

  return par_request_get_error (request);
}

static ParSoupRequest *
new_request (const char *method,
             const char *path)
{
  g_autoptr(GError) error = NULL;
  ParSoupRequest *request = par_soup_request_new (method, server_at (&server, path), &error);

  g_assert_no_error (error);

  return request;
}

static gint64
get (Fixture    *fixture,
     const char *path)
{
  gint64 index = par_soup_session_get (fixture->session, fixture->requests,
                                        server_at (&server, path), &fixture->error);

  g_assert_no_error (fixture->error);

  return index;
}

static void
responses_tell_everything (Fixture       *fixture,
                           gconstpointer  data)
{
  ParSoupResponse *response;
  gsize length;

  g_test_summary ("A response has status, headers, body and where it came from.");

  get (fixture, "/status?status=201+Made&body=caf%C3%A9");
  do_all (fixture);
  response = get_response (fixture, 0);
  g_assert_cmpuint (par_soup_response_get_status (response), ==, 201);
  g_assert_cmpstr (par_soup_response_get_reason (response), ==, "Made");
  g_assert_cmpstr (soup_message_headers_get_one (par_soup_response_get_headers (response),
                                                 "content-type"), ==, "text/plain");
  g_assert_cmpstr (g_bytes_get_data (par_soup_response_get_body (response), &length), !=, NULL);
  g_assert_cmpuint (length, ==, 5);
  g_assert_cmpstr (par_soup_response_get_text (response), ==, "caf\303\251");
  g_assert_null (par_soup_response_get_stream (response));
  g_assert_cmpstr (par_soup_response_get_uri (response), ==,
                   server_at (&server, "/status?status=201+Made&body=caf%C3%A9"));
  g_assert_cmpuint (par_soup_response_get_replica (response), ==, 0);
  g_assert_cmpint (par_soup_response_get_http_version (response), ==, SOUP_HTTP_1_1);
  g_assert_cmpint (par_soup_response_get_elapsed (response), >, 0);
}

static void
properties_of_a_response_can_be_read (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_autofree char *reason = NULL;
  g_autofree char *text = NULL;
  g_autofree char *uri = NULL;
  g_autoptr(SoupMessageHeaders) headers = NULL;
  g_autoptr(GBytes) body = NULL;
  g_autoptr(GInputStream) stream = NULL;
  guint status, replica;
  SoupHTTPVersion version;
  gint64 elapsed_us;

  g_test_summary ("What can be got can be got as a property.");

  get (fixture, "/ok");
  do_all (fixture);
  g_object_get (get_response (fixture, 0), "status", &status, "reason", &reason, "text", &text,
                "uri", &uri, "headers", &headers, "body", &body, "stream", &stream,
                "replica", &replica, "http-version", &version, "elapsed", &elapsed_us, NULL);
  g_assert_cmpuint (status, ==, 200);
  g_assert_cmpstr (reason, ==, "OK");
  g_assert_cmpstr (text, ==, "{\"answer\": 42}");
  g_assert_cmpstr (uri, ==, server_at (&server, "/ok"));
  g_assert_cmpuint (g_bytes_get_size (body), ==, strlen (text));
  g_assert_nonnull (headers);
  g_assert_null (stream);
  g_assert_cmpuint (replica, ==, 0);
  g_assert_cmpint (version, ==, SOUP_HTTP_1_1);
  g_assert_cmpint (elapsed_us, >, 0);
}

static void
methods_send_what_they_say (Fixture       *fixture,
                            gconstpointer  data)
{
  g_autoptr(GBytes) body = g_bytes_new_static ("a body", 6);
  g_autoptr(ParSoupRequest) request = new_request ("PUT", "/echo");
  const char *text;

  g_test_summary ("get, head, post and send add what they are named for.");

  g_assert_cmpint (get (fixture, "/echo"), ==, 0);
  g_assert_cmpint (par_soup_session_head (fixture->session, fixture->requests,
                                          server_at (&server, "/echo"), NULL), ==, 1);
  g_assert_cmpint (par_soup_session_post (fixture->session, fixture->requests,
                                          server_at (&server, "/echo"), "text/plain", body,
                                          NULL), ==, 2);
  soup_message_headers_append (par_soup_request_get_headers (request), "X-One", "1");
  soup_message_headers_append (par_soup_request_get_headers (request), "X-Two", "2");
  par_soup_request_set_body (request, body);
  g_assert_cmpint (par_soup_session_send (fixture->session, fixture->requests, request), ==, 3);
  do_all (fixture);

  text = par_soup_response_get_text (get_response (fixture, 0));
  g_assert_true (g_str_has_prefix (text, "GET /echo\r\n"));
  g_assert_nonnull (strstr (text, "User-Agent: Par/"));
  g_assert_nonnull (strstr (text, "Accept-Encoding: gzip\r\n"));

  g_assert_cmpstr (par_soup_response_get_text (get_response (fixture, 1)), ==, "");

  text = par_soup_response_get_text (get_response (fixture, 2));
  g_assert_true (g_str_has_prefix (text, "POST /echo\r\n"));
  g_assert_nonnull (strstr (text, "Content-Type: text/plain\r\n"));
  g_assert_nonnull (strstr (text, "Content-Length: 6\r\n"));
  g_assert_true (g_str_has_suffix (text, "\r\n\r\na body"));

  text = par_soup_response_get_text (get_response (fixture, 3));
  g_assert_true (g_str_has_prefix (text, "PUT /echo\r\n"));
  g_assert_nonnull (strstr (text, "X-One: 1\r\nX-Two: 2\r\n"));
}

static void
user_agent_can_be_set (Fixture       *fixture,
                       gconstpointer  data)
{
  g_autoptr(ParSoupRequest) request = new_request ("GET", "/echo");

  g_test_summary ("The session says who asks, unless the request does.");

  par_soup_session_set_user_agent (fixture->session, "Test/1");
  g_assert_cmpstr (par_soup_session_get_user_agent (fixture->session), ==, "Test/1");
  get (fixture, "/echo");
  soup_message_headers_append (par_soup_request_get_headers (request), "User-Agent", "Other/2");
  par_soup_session_send (fixture->session, fixture->requests, request);
  do_all (fixture);
  g_assert_nonnull (strstr (par_soup_response_get_text (get_response (fixture, 0)),
                            "User-Agent: Test/1\r\n"));
  g_assert_nonnull (strstr (par_soup_response_get_text (get_response (fixture, 1)),
                            "User-Agent: Other/2\r\n"));
}

static void
session_need_not_be_given (Fixture       *fixture,
                           gconstpointer  data)
{
  g_autoptr(ParSoupRequest) request = NULL;
  Server own = { 0 };

  g_test_summary ("A request can be added like any other, and is sent by the default session.");

  /* Which keeps its connection. */
  server_start_hosts (&own);
  g_assert_true (par_soup_session_get_default () == par_soup_session_get_default ());
  request = par_soup_request_new ("GET", server_at (&own, "/ok"), NULL);
  par_requests_add (fixture->requests, PAR_REQUEST (request));
  do_all (fixture);
  g_assert_cmpuint (par_soup_response_get_status (get_response (fixture, 0)), ==, 200);
  server_stop (&own);
}

static void
wrong_uris_are_refused (Fixture       *fixture,
                        gconstpointer  data)
{
  g_autoptr(ParSoupRequest) request = NULL;
  const char *replicas[] = { "http://127.0.0.1", "nowhere", NULL };

  g_test_summary ("A URI that is none of HTTP, and a method that cannot be sent, are errors at "
                  "once, or where a property was set, of the request.");

  g_assert_null (par_soup_request_new ("GET", "nowhere", &fixture->error));
  g_assert_error (fixture->error, G_URI_ERROR, G_URI_ERROR_FAILED);
  g_clear_error (&fixture->error);
  g_assert_null (par_soup_request_new ("G E T", "http://a/", &fixture->error));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&fixture->error);
  g_assert_null (par_soup_request_new ("CONNECT", "http://a/", &fixture->error));
  g_assert_error (fixture->error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&fixture->error);
  g_assert_cmpint (par_soup_session_get (fixture->session, fixture->requests, "ftp://a/",
                                         &fixture->error), ==, -1);
  g_assert_error (fixture->error, G_URI_ERROR, G_URI_ERROR_BAD_SCHEME);
  g_clear_error (&fixture->error);
  g_assert_cmpuint (par_requests_get_n_requests (fixture->requests), ==, 0);

  request = g_object_new (PAR_SOUP_TYPE_REQUEST, "uri", "nowhere", NULL);
  par_soup_session_send (fixture->session, fixture->requests, request);
  g_clear_object (&request);
  request = g_object_new (PAR_SOUP_TYPE_REQUEST, NULL);
  par_soup_session_send (fixture->session, fixture->requests, request);
  g_clear_object (&request);
  request = new_request ("GET", "/ok");
  par_soup_request_set_replicas (request, replicas);
  par_soup_session_send (fixture->session, fixture->requests, request);

  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_cmpuint (par_requests_get_n_failed (fixture->requests), ==, 3);
  g_assert_true (g_str_has_prefix (get_error (fixture, 2)->message, "replica 1: "));
}

static void
count_notify_cb (GObject    *object,
                 GParamSpec *pspec,
                 guint      *n_notified)
{
  ++*n_notified;
}

static void
properties_of_a_request_can_be_set (Fixture       *fixture,
                                    gconstpointer  data)
{
  g_autoptr(ParSoupRequest) request = new_request ("GET", "/ok");
  g_autoptr(GBytes) body = g_bytes_new_static ("a", 1);
  g_autoptr(GBytes) body_got = NULL;
  g_autoptr(ParSoupSession) session_got = NULL;
  g_autofree char *method = NULL, *uri = NULL, *content_type = NULL, *accept_status = NULL;
  g_auto(GStrv) replicas_got = NULL;
  const char *replicas[] = { "http://a", "http://b", NULL };
  gboolean follows, crosses, streams;
  gint64 max_body_size;
  guint n_notified = 0;

  g_test_summary ("What is set is got, and notified of once.");

  g_object_get (request, "max-body-size", &max_body_size, "follow-redirects", &follows,
                "cross-origins", &crosses, "streaming", &streams, NULL);
  g_assert_cmpint (max_body_size, ==, 64 * 1024 * 1024);
  g_assert_true (follows && !crosses && !streams);

  g_signal_connect (request, "notify", G_CALLBACK (count_notify_cb), &n_notified);
  for (guint round = 0; round < 2; round++)
    g_object_set (request, "session", fixture->session, "body", body, "content-type", "text/plain",
                  "accept-status", "200,404", "max-body-size", (gint64) 7,
                  "follow-redirects", FALSE, "cross-origins", TRUE, "streaming", TRUE, NULL);
  g_object_set (request, "replicas", replicas, NULL);
  g_assert_cmpuint (n_notified, ==, 9);

  g_object_get (request, "method", &method, "uri", &uri, "session", &session_got,
                "body", &body_got, "content-type", &content_type, "replicas", &replicas_got,
                "accept-status", &accept_status, "max-body-size", &max_body_size,
                "follow-redirects", &follows, "cross-origins", &crosses, "streaming", &streams,
                NULL);
  g_assert_cmpstr (method, ==, "GET");
  g_assert_cmpstr (uri, ==, server_at (&server, "/ok"));
  g_assert_true (session_got == fixture->session);
  g_assert_true (body_got == body);
  g_assert_cmpstr (content_type, ==, "text/plain");
  g_assert_cmpstrv (replicas_got, replicas);
  g_assert_cmpstr (accept_status, ==, "200,404");
  g_assert_cmpint (max_body_size, ==, 7);
  g_assert_true (!follows && crosses && streams);
}

static void
added_request_is_fixed (Fixture       *fixture,
                        gconstpointer  data)
{
  g_autoptr(ParSoupRequest) request = new_request ("GET", "/ok");

  g_test_summary ("What has been added is not changed any more.");

  par_soup_session_send (fixture->session, fixture->requests, request);
  g_test_expect_message ("ParSoup", G_LOG_LEVEL_CRITICAL, "*streaming of a request is fixed*");
  par_soup_request_set_streaming (request, TRUE);
  g_test_assert_expected_messages ();
  g_assert_false (par_soup_request_get_streaming (request));
  do_all (fixture);
}

static void
key_is_the_host (Fixture       *fixture,
                 gconstpointer  data)
{
  g_autoptr(ParSoupRequest) request = par_soup_request_new ("GET", "https://Example.org/a", NULL);
  g_autoptr(ParSoupRequest) other = NULL;

  g_test_summary ("Limiters see the host and port, unless the program says something else.");

  other = g_object_new (PAR_SOUP_TYPE_REQUEST, "uri", "https://example.org/", "key", "mine", NULL);
  g_assert_cmpstr (par_request_get_key (PAR_REQUEST (request)), ==, "example.org:443");
  g_assert_cmpstr (par_request_get_key (PAR_REQUEST (other)), ==, "mine");
}

static void
post_gets_one_attempt (Fixture       *fixture,
                       gconstpointer  data)
{
  const struct
  {
    const char *method;
    gboolean idempotent;
  } rows[] = { { "GET", TRUE }, { "HEAD", TRUE }, { "PUT", TRUE }, { "DELETE", TRUE },
               { "OPTIONS", TRUE }, { "POST", FALSE }, { "PATCH", FALSE } };
  g_autoptr(ParSoupRequest) wanted = new_request ("POST", "/slow?ms=50");

  g_test_summary ("Methods that are not idempotent get one attempt, unless the request says "
                  "otherwise.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(ParSoupRequest) request = new_request (rows[i].method, "/ok");

      g_assert_cmpint (par_request_get_idempotent (PAR_REQUEST (request)), ==,
                       rows[i].idempotent);
    }

  par_requests_set_redundancy (fixture->requests, 3);
  par_soup_session_post (fixture->session, fixture->requests, server_at (&server, "/slow?ms=50"),
                         NULL, NULL, NULL);
  par_request_set_idempotent (PAR_REQUEST (wanted), TRUE);
  par_soup_session_send (fixture->session, fixture->requests, wanted);
  do_all (fixture);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(ParRequest) request = par_requests_get_request (fixture->requests, i);

      g_assert_cmpuint (par_request_get_n_attempts (request), ==, i == 0 ? 1 : 3);
    }
}

static void
statuses_can_be_accepted (Fixture       *fixture,
                          gconstpointer  data)
{
  g_autoptr(ParSoupRequest) found = new_request ("GET", "/status?status=404+Not+Found");
  g_autoptr(ParSoupRequest) good = new_request ("GET", "/ok");

  g_test_summary ("accept-status says what is a success, and what is not.");

  g_test_expect_message ("ParSoup", G_LOG_LEVEL_CRITICAL, "*is_valid_accept*");
  par_soup_request_set_accept_status (found, "2xx");
  g_test_assert_expected_messages ();

  par_soup_request_set_accept_status (found, "404");
  par_soup_request_set_accept_status (good, "404");
  par_soup_session_send (fixture->session, fixture->requests, found);
  par_soup_session_send (fixture->session, fixture->requests, good);
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_cmpuint (par_soup_response_get_status (get_response (fixture, 0)), ==, 404);
  g_assert_cmpstr (par_soup_response_get_text (get_response (fixture, 0)), ==, "as told");
  g_assert_error (get_error (fixture, 1), PAR_SOUP_ERROR, 200);
}

static void
redirections_can_be_left_alone (Fixture       *fixture,
                                gconstpointer  data)
{
  g_autoptr(ParSoupRequest) request = new_request ("GET", "/redirect?to=/ok");
  g_autoptr(ParSoupRequest) accepting = new_request ("GET", "/redirect?to=/ok");

  g_test_summary ("A redirection is an answer like any other if it is not followed.");

  par_soup_request_set_follow_redirects (request, FALSE);
  par_soup_request_set_accept_status (accepting, "200-399");
  par_soup_session_send (fixture->session, fixture->requests, request);
  par_soup_session_send (fixture->session, fixture->requests, accepting);
  get (fixture, "/redirect?to=/ok");
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_error (get_error (fixture, 0), PAR_SOUP_ERROR, 302);
  g_assert_cmpuint (par_soup_response_get_status (get_response (fixture, 1)), ==, 302);
  g_assert_cmpstr (par_soup_response_get_uri (get_response (fixture, 2)), ==,
                   server_at (&server, "/ok"));
}

/* The same server under another address. */
static char *
get_elsewhere (const char *path)
{
  return g_strdup_printf ("http://127.0.0.2%s%s", strrchr (server.uri, ':'), path);
}

static void
credentials_do_not_cross_origins (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_autofree char *elsewhere = get_elsewhere ("/echo");
  g_autofree char *path = g_strconcat ("/redirect?to=", elsewhere, NULL);
  g_autofree char *uri = g_strdup_printf ("http://user:pass@%s%s", server.uri + strlen ("http://"),
                                          path);
  g_autoptr(ParSoupRequest) refused = par_soup_request_new ("GET", uri, NULL);
  g_autoptr(ParSoupRequest) allowed = par_soup_request_new ("GET", uri, NULL);
  const char *text;

  g_test_summary ("Another origin is refused; where it is allowed it sees no credentials.");

  soup_message_headers_append (par_soup_request_get_headers (allowed), "Cookie", "secret");
  soup_message_headers_append (par_soup_request_get_headers (allowed), "X-Api-Key", "secret");
  soup_message_headers_append (par_soup_request_get_headers (allowed), "Accept", "text/plain");
  par_soup_request_set_cross_origins (allowed, TRUE);
  par_soup_session_send (fixture->session, fixture->requests, refused);
  par_soup_session_send (fixture->session, fixture->requests, allowed);
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));

  g_assert_error (get_error (fixture, 0), PAR_SOUP_ERROR, PAR_SOUP_ERROR_REDIRECTED);
  g_assert_nonnull (strstr (get_error (fixture, 0)->message, elsewhere));
  g_assert_null (strstr (get_error (fixture, 0)->message, "pass"));

  g_assert_cmpstr (par_soup_response_get_uri (get_response (fixture, 1)), ==, elsewhere);
  text = par_soup_response_get_text (get_response (fixture, 1));
  g_assert_null (strstr (text, "secret"));
  g_assert_null (strstr (text, "Authorization"));
  g_assert_nonnull (strstr (text, "Accept: text/plain"));
}

static void
connections_are_used_again (Fixture       *fixture,
                            gconstpointer  data)
{
  ServerStats before = server_get_stats (&server), after;

  g_test_summary ("One request after another needs one connection, chunks, compression, errors "
                  "and redirections included.");

  par_requests_set_concurrency (fixture->requests, 1);
  for (guint round = 0; round < 3; round++)
    {
      get (fixture, "/ok");
      get (fixture, "/chunks");
      get (fixture, "/status?status=404+Not+Found");
      get (fixture, "/redirect?to=/chunks");
      get (fixture, "/gzip-nothing");
    }
  par_requests_do (fixture->requests, NULL, NULL);
  after = server_get_stats (&server);
  g_assert_cmpuint (after.n_requests - before.n_requests, ==, 18);
  g_assert_cmpuint (after.n_connections - before.n_connections, ==, 1);
  g_assert_cmpuint (par_requests_get_n_failed (fixture->requests), ==, 3);
}

static void
hosts_get_six_connections (Fixture       *fixture,
                           gconstpointer  data)
{
  Server own = { 0 };
  ServerStats stats;

  g_test_summary ("However many attempts are out, a host sees six at once.");

  server_start_hosts (&own);
  for (guint i = 0; i < 60; i++)
    par_soup_session_get (fixture->session, fixture->requests, server_at (&own, "/slow?ms=20"),
                          NULL);
  do_all (fixture);
  stats = server_get_stats (&own);
  g_assert_cmpuint (stats.n_peak, ==, 6);
  /* That of the owner, who has the first, goes for one of a thread. */
  g_assert_cmpuint (stats.n_connections, <=, 7);
  g_assert_cmpuint (stats.n_requests, ==, 60);
  server_stop (&own);
}

static void
copies_ask_different_replicas (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autofree char *elsewhere = get_elsewhere ("");
  const char *replicas[] = { server.uri, elsewhere, NULL };
  guint n_answers[2] = { 0, 0 };

  g_test_summary ("Requests begin with one replica after the other, and their copies go on.");

  for (guint i = 0; i < 10; i++)
    {
      g_autoptr(ParSoupRequest) request = par_soup_request_new ("GET", "http://service/echo", NULL);

      par_soup_request_set_replicas (request, replicas);
      par_soup_session_send (fixture->session, fixture->requests, request);
    }
  do_all (fixture);

  for (guint i = 0; i < 10; i++)
    {
      ParSoupResponse *response = get_response (fixture, i);
      guint replica = par_soup_response_get_replica (response);

      n_answers[replica]++;
      g_assert_true (g_str_has_prefix (par_soup_response_get_uri (response), replicas[replica]));
    }
  g_assert_cmpuint (n_answers[0], ==, 5);
  g_assert_cmpuint (n_answers[1], ==, 5);
}

static void
other_replica_answers_for_a_deaf_one (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_autoptr(GSocketAddress) wanted = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GSocket) socket = NULL;
  g_autofree char *deaf = NULL;
  const char *replicas[] = { NULL, server.uri, NULL };

  g_test_summary ("With two copies a replica that does not answer is not missed.");

  /* Nobody accepts what comes here. */
  socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_assert_true (g_socket_bind (socket, wanted, FALSE, NULL) && g_socket_listen (socket, NULL));
  address = g_socket_get_local_address (socket, NULL);
  deaf = g_strdup_printf ("http://127.0.0.1:%u",
                          g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
  replicas[0] = deaf;

  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr(ParSoupRequest) request = par_soup_request_new ("GET", "http://service/ok", NULL);

      par_soup_request_set_replicas (request, replicas);
      par_soup_session_send (fixture->session, fixture->requests, request);
    }
  do_all (fixture);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (par_soup_response_get_replica (get_response (fixture, i)), ==, 1);
}

static gint64
stream (Fixture    *fixture,
        const char *path,
        gint64      max_body_size)
{
  g_autoptr(ParSoupRequest) request = new_request ("GET", path);

  par_soup_request_set_streaming (request, TRUE);
  if (max_body_size > 0)
    par_soup_request_set_max_body_size (request, max_body_size);

  return par_soup_session_send (fixture->session, fixture->requests, request);
}

static void
streams_are_read_after_the_win (Fixture       *fixture,
                                gconstpointer  data)
{
  const char *paths[] = { "/ok", "/chunks", "/gzip", "/old" };

  g_test_summary ("A body that is left as a stream is read when the run is over, copies and all.");

  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    stream (fixture, paths[i], 0);
  do_all (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      GInputStream *body = par_soup_response_get_stream (get_response (fixture, i));
      char buffer[100];
      gsize length;

      g_assert_cmpuint (g_bytes_get_size (par_soup_response_get_body (get_response (fixture, i))),
                        ==, 0);
      g_assert_true (g_input_stream_read_all (body, buffer, 100, &length, NULL, &fixture->error));
      g_assert_no_error (fixture->error);
      g_assert_cmpmem (buffer, length, i == 0 ? "{\"answer\": 42}" : "the beginning",
                       i == 0 ? 14 : 13);
      g_assert_true (g_input_stream_close (body, NULL, NULL));
    }
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static void
streams_are_read_asynchronously (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autoptr(GOutputStream) text = g_memory_output_stream_new_resizable ();
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("The loop reads a stream, and closes it, in the thread of the owner.");

  stream (fixture, "/chunks", 0);
  do_all (fixture);
  g_output_stream_splice_async (text, par_soup_response_get_stream (get_response (fixture, 0)),
                                G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE, G_PRIORITY_DEFAULT, NULL,
                                take_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (g_output_stream_splice_finish (text, result, &fixture->error), ==, 13);
  g_assert_no_error (fixture->error);
}

static void
streams_tell_what_goes_wrong (Fixture       *fixture,
                              gconstpointer  data)
{
  const struct
  {
    const char *path;
    gint64 max_body_size;
    GQuark domain;
    int code;
  } rows[] = {
    { "/close-in-body", 0, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT },
    { "/close-between-chunks", 0, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT },
    { "/bad-chunk-size", 0, G_IO_ERROR, G_IO_ERROR_INVALID_DATA },
    { "/endless-body", 100000, PAR_SOUP_ERROR, PAR_SOUP_ERROR_TOO_LARGE },
    { "/gzip-zeros?megabytes=10", 100000, PAR_SOUP_ERROR, PAR_SOUP_ERROR_TOO_LARGE },
  };
  g_autofree char *buffer = g_malloc (1000000);

  g_test_summary ("What goes wrong after the headers is told by the stream.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    stream (fixture, rows[i].path, rows[i].max_body_size);
  do_all (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      GInputStream *body = par_soup_response_get_stream (get_response (fixture, i));
      g_autoptr(GError) error = NULL;
      gsize length;

      g_assert_false (g_input_stream_read_all (body, buffer, 1000000, &length, NULL, &error));
      g_assert_error (error, rows[i].domain, rows[i].code);
    }
}

static void
streams_that_are_dropped_are_closed (Fixture       *fixture,
                                     gconstpointer  data)
{
  g_test_summary ("A stream that nobody reads holds its connection until it is dropped.");

  stream (fixture, "/drip", 0);
  stream (fixture, "/endless-body", 0);
  do_all (fixture);
  g_assert_cmpuint (server_get_stats (&server).n_open, ==, 2);
  g_clear_object (&fixture->requests);
  server_wait_closed (&server);
  fixture->requests = par_requests_new ();
}

static void
streams_hold_their_place (Fixture       *fixture,
                          gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("A host's connections are counted while they have a stream open.");

  g_clear_object (&fixture->session);
  fixture->session = g_object_new (PAR_SOUP_TYPE_SESSION, "connections-per-host", 1, NULL);
  stream (fixture, "/ok", 0);
  do_all (fixture);

  get (fixture, "/ok");
  par_requests_do_async (fixture->requests, NULL, take_result, &result);
  while (par_requests_get_n_attempts_running (fixture->requests) == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (result);
  g_input_stream_close (par_soup_response_get_stream (get_response (fixture, 0)), NULL, NULL);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (par_requests_do_finish (fixture->requests, result, NULL));
}

static void
note_thread_cb (SoupSession *session,
                SoupMessage *message,
                Fixture     *fixture)
{
  g_assert_true (g_thread_self () == fixture->thread);
}

static void
session_of_the_program_is_used_by_the_owner (Fixture       *fixture,
                                             gconstpointer  data)
{
  g_autoptr(SoupSession) session = soup_session_new ();
  g_autoptr(SoupSessionFeature) jar = SOUP_SESSION_FEATURE (soup_cookie_jar_new ());
  g_autofree char *agent = NULL;

  g_test_summary ("A session that the program has set up is used as it is, in the owner's thread.");

  soup_session_set_user_agent (session, "Mine/1");
  soup_session_add_feature (session, jar);
  g_signal_connect (session, "request-queued", G_CALLBACK (note_thread_cb), fixture);
  g_signal_connect (session, "request-unqueued", G_CALLBACK (note_thread_cb), fixture);

  g_clear_object (&fixture->session);
  fixture->session = par_soup_session_new_for_session (session);
  g_assert_true (par_soup_session_get_session (fixture->session) == session);
  g_assert_cmpuint (par_soup_session_get_connections_per_host (fixture->session), ==, 2);
  g_object_get (fixture->session, "user-agent", &agent, NULL);
  g_assert_null (agent);

  for (guint i = 0; i < 20; i++)
    get (fixture, "/echo");
  do_all (fixture);
  g_assert_nonnull (strstr (par_soup_response_get_text (get_response (fixture, 19)),
                            "User-Agent: Mine/1\r\n"));
  g_signal_handlers_disconnect_by_data (session, fixture);
}

static gpointer
run_in_thread (gpointer data)
{
  ParSoupSession *session = data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ParRequests) requests = NULL;

  g_main_context_push_thread_default (context);
  requests = par_requests_new ();
  for (guint round = 0; round < 10; round++)
    {
      for (guint i = 0; i < 10; i++)
        par_soup_session_get (session, requests, server_at (&server, "/ok"), NULL);
      g_assert_true (par_requests_do (requests, NULL, NULL));
    }
  g_clear_object (&requests);
  g_main_context_pop_thread_default (context);

  return NULL;
}

static void
threads_may_share_a_session (Fixture       *fixture,
                             gconstpointer  data)
{
  GThread *threads[8];

  g_test_summary ("A session is used by several threads at once, each with a context of its own "
                  "that is gone when the thread is.");

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new (NULL, run_in_thread, fixture->session);
  run_in_thread (fixture->session);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

static void
session_closes_all_when_it_goes (Fixture       *fixture,
                                 gconstpointer  data)
{
  guint n_descriptors, n_threads;

  g_test_summary ("With the session go its threads and its connections, before that returns.");

  get (fixture, "/ok");
  do_all (fixture);
  g_clear_object (&fixture->requests);
  g_clear_object (&fixture->session);
  n_descriptors = count_descriptors ();
  n_threads = count_threads ();

  set_up (fixture, NULL);
  for (guint i = 0; i < 20; i++)
    get (fixture, "/ok");
  do_all (fixture);
  g_assert_cmpuint (count_sockets (), >, 0);
  g_clear_object (&fixture->requests);
  g_clear_object (&fixture->session);
  g_assert_cmpuint (count_descriptors (), ==, n_descriptors);
  wait_for_threads (n_threads);

  set_up (fixture, NULL);
}

#define add(name, function) \
  g_test_add ("/par-soup/session/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start_hosts (&server);

  add ("responses-tell-everything", responses_tell_everything);
  add ("properties-of-a-response-can-be-read", properties_of_a_response_can_be_read);
  add ("methods-send-what-they-say", methods_send_what_they_say);
  add ("user-agent-can-be-set", user_agent_can_be_set);
  add ("session-need-not-be-given", session_need_not_be_given);
  add ("wrong-uris-are-refused", wrong_uris_are_refused);
  add ("properties-of-a-request-can-be-set", properties_of_a_request_can_be_set);
  add ("added-request-is-fixed", added_request_is_fixed);
  add ("key-is-the-host", key_is_the_host);
  add ("post-gets-one-attempt", post_gets_one_attempt);
  add ("statuses-can-be-accepted", statuses_can_be_accepted);
  add ("redirections-can-be-left-alone", redirections_can_be_left_alone);
  add ("credentials-do-not-cross-origins", credentials_do_not_cross_origins);
  add ("connections-are-used-again", connections_are_used_again);
  add ("hosts-get-six-connections", hosts_get_six_connections);
  add ("copies-ask-different-replicas", copies_ask_different_replicas);
  add ("other-replica-answers-for-a-deaf-one", other_replica_answers_for_a_deaf_one);
  add ("streams-are-read-after-the-win", streams_are_read_after_the_win);
  add ("streams-are-read-asynchronously", streams_are_read_asynchronously);
  add ("streams-tell-what-goes-wrong", streams_tell_what_goes_wrong);
  add ("streams-that-are-dropped-are-closed", streams_that_are_dropped_are_closed);
  add ("streams-hold-their-place", streams_hold_their_place);
  add ("session-of-the-program-is-used-by-the-owner", session_of_the_program_is_used_by_the_owner);
  add ("threads-may-share-a-session", threads_may_share_a_session);
  add ("session-closes-all-when-it-goes", session_closes_all_when_it_goes);

  status = g_test_run ();
  server_stop (&server);

  return status;
}
