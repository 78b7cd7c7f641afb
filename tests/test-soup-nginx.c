/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include <par/soup/par-soup.h>

#include "server.h"

#define BIG_SIZE (1024 * 1024)

static Server server;

typedef struct
{
  ParSoupSession *session;
  ParRequests *requests;
  GError *error;
} Fixture;

static GTlsDatabase *
new_database (void)
{
  g_autoptr(GError) error = NULL;
  GTlsDatabase *database = g_tls_file_database_new (server.authority, &error);

  g_assert_no_error (error);

  return database;
}

/* Sessions of its own, or one of the program's. */
static void
set_up (Fixture       *fixture,
        gconstpointer  callers)
{
  g_autoptr(GTlsDatabase) database = new_database ();

  if (callers)
    {
      g_autoptr(SoupSession) session = soup_session_new_with_options ("max-conns-per-host", 6,
                                                                      NULL);

      soup_session_set_tls_database (session, database);
      fixture->session = par_soup_session_new_for_session (session);
    }
  else
    {
      fixture->session = g_object_new (PAR_SOUP_TYPE_SESSION, "tls-database", database, NULL);
    }

  fixture->requests = par_requests_new ();
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  callers)
{
  g_assert_finalize_object (fixture->requests);
  g_assert_finalize_object (fixture->session);
  g_clear_error (&fixture->error);

  /* libsoup says goodbye to HTTP/2 first, where the session was made. */
  while (callers && count_sockets () > 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (count_sockets (), ==, 0);
}

static void
get (Fixture    *fixture,
     const char *uri)
{
  par_soup_session_get (fixture->session, fixture->requests, uri, &fixture->error);
  g_assert_no_error (fixture->error);
}

static void
do_all (Fixture *fixture)
{
  g_assert_true (par_requests_do (fixture->requests, NULL, &fixture->error));
  g_assert_no_error (fixture->error);
}

static ParSoupResponse *
get_response (Fixture *fixture,
              guint64  index)
{
  g_autoptr(ParRequest) request = par_requests_get_request (fixture->requests, index);

  g_assert_no_error (par_request_get_error (request));

  return g_value_get_object (par_request_get_value (request));
}

static void
check_big (ParSoupResponse *response)
{
  gsize length;
  const char *text = g_bytes_get_data (par_soup_response_get_body (response), &length);

  g_assert_cmpuint (length, ==, BIG_SIZE);
  for (gsize i = 0; i < length; i++)
    if (text[i] != (i % 64 == 63 ? '\n' : (char) ('a' + i % 26)))
      g_error ("byte %zu is wrong", i);
}

static void
everything_comes_whole (Fixture       *fixture,
                        gconstpointer  callers)
{
  const struct
  {
    const char *uri;
    SoupHTTPVersion version;
  } rows[] = {
    { server_at (&server, ""), SOUP_HTTP_1_1 },
    { server_tls_at (&server, ""), SOUP_HTTP_2_0 },
  };

  g_test_summary ("Small, big and compressed bodies come whole by HTTP/1.1, and by HTTP/2 over "
                  "TLS.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    for (guint j = 0; j < 10; j++)
      {
        g_autofree char *json = g_strconcat (rows[i].uri, "/json", NULL);
        g_autofree char *big = g_strconcat (rows[i].uri, "/big.txt", NULL);
        g_autofree char *compressed = g_strconcat (rows[i].uri, "/gzip/big.txt", NULL);

        get (fixture, json);
        get (fixture, big);
        get (fixture, compressed);
      }
  do_all (fixture);

  for (guint i = 0; i < 2 * 30; i++)
    {
      ParSoupResponse *response = get_response (fixture, i);

      g_assert_cmpint (par_soup_response_get_http_version (response), ==, rows[i / 30].version);
      if (i % 3 == 0)
        g_assert_cmpstr (par_soup_response_get_text (response), ==, "{\"answer\": 42}");
      else
        check_big (response);
      if (i % 3 == 2)
        g_assert_cmpstr (soup_message_headers_get_one (par_soup_response_get_headers (response),
                                                       "Content-Encoding"), ==, "gzip");
    }
}

static void
methods_are_sent (Fixture       *fixture,
                  gconstpointer  callers)
{
  const char *uris[] = { server_at (&server, "/method"), server_tls_at (&server, "/method") };
  g_autoptr(GBytes) body = g_bytes_new_static ("a body", 6);

  g_test_summary ("Bodies go out, and HEAD brings none back.");

  for (guint round = 0; round < 5; round++)
    for (guint i = 0; i < G_N_ELEMENTS (uris); i++)
      {
        par_soup_session_post (fixture->session, fixture->requests, uris[i], "text/plain", body,
                               NULL);
        par_soup_session_head (fixture->session, fixture->requests, uris[i], NULL);
      }
  do_all (fixture);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpstr (par_soup_response_get_text (get_response (fixture, i)), ==,
                     i % 2 == 0 ? "POST text/plain 6" : "");
}

static void
authority_is_asked_for (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = par_soup_session_new ();
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("A certificate of an authority that is not known is not accepted.");

  par_soup_session_get (session, requests, server_tls_at (&server, "/json"), NULL);
  g_assert_false (par_requests_do (requests, NULL, NULL));
  request = par_requests_get_request (requests, 0);
  g_assert_error (par_request_get_error (request), G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
}

static void
upgrade_is_followed (Fixture       *fixture,
                     gconstpointer  callers)
{
  g_autofree char *uri = g_strdup_printf ("http://user:pass@%s/upgrade",
                                          server.uri + strlen ("http://"));
  g_autoptr(ParSoupRequest) request = par_soup_request_new ("GET", uri, NULL);

  g_test_summary ("From http to https on the same host a redirection is followed, and credentials "
                  "that were sent in the clear are not sent on.");

  soup_message_headers_append (par_soup_request_get_headers (request), "Accept", "text/plain");
  par_soup_session_send (fixture->session, fixture->requests, request);
  do_all (fixture);
  g_assert_cmpstr (par_soup_response_get_uri (get_response (fixture, 0)), ==,
                   server_tls_at (&server, "/headers"));
  g_assert_true (g_str_has_prefix (par_soup_response_get_text (get_response (fixture, 0)),
                                   "|text/plain|"));
}

static void
add_slow (Fixture *fixture,
          guint    n,
          gboolean streams)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr(ParSoupRequest) request = NULL;

      request = par_soup_request_new ("GET", i % 2 == 0 ? server_at (&server, "/slow/big.txt")
                                                        : server_tls_at (&server, "/slow/big.txt"),
                                      NULL);
      par_soup_request_set_streaming (request, streams);
      par_soup_session_send (fixture->session, fixture->requests, request);
    }
}

static void
slow_bodies_are_left (Fixture       *fixture,
                      gconstpointer  callers)
{
  g_test_summary ("Bodies that take too long are left, again and again, by HTTP/2 too, and others "
                  "by the same connection are not.");

  /* So that what is left is not the handshake. */
  get (fixture, server_tls_at (&server, "/json"));
  do_all (fixture);

  for (guint round = 0; round < 20; round++)
    {
      guint64 n_succeeded = par_requests_get_n_succeeded (fixture->requests);

      add_slow (fixture, 6, FALSE);
      for (guint i = 0; i < 6; i++)
        get (fixture, i % 2 == 0 ? server_at (&server, "/json") : server_tls_at (&server, "/json"));
      par_requests_set_attempt_timeout (fixture->requests, 40 + round);
      g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
      g_test_message ("%" G_GUINT64_FORMAT " of 6",
                      par_requests_get_n_succeeded (fixture->requests) - n_succeeded);
    }

  /* They have left nothing that would be in the way. */
  par_requests_set_attempt_timeout (fixture->requests, 0);
  for (guint i = 0; i < 10; i++)
    get (fixture, i % 2 == 0 ? server_at (&server, "/json") : server_tls_at (&server, "/json"));
  do_all (fixture);
}

static void
slow_streams_are_dropped (Fixture       *fixture,
                          gconstpointer  callers)
{
  g_test_summary ("Streams that nobody reads are dropped, by HTTP/2 too.");

  add_slow (fixture, 6, TRUE);
  do_all (fixture);
  for (guint i = 0; i < 6; i++)
    {
      GInputStream *stream = par_soup_response_get_stream (get_response (fixture, i));
      char buffer[100];

      g_assert_cmpint (g_input_stream_read (stream, buffer, 100, NULL, NULL), >, 0);
      g_assert_true (g_input_stream_close (stream, NULL, NULL));
    }
}

/* Adds a test of sessions of its own, and of a session of the program's. */
static void
add_both (const char *name,
          void        (*function) (Fixture *, gconstpointer))
{
  g_autofree char *own = g_strdup_printf ("/par-soup/nginx/%s/own-sessions", name);
  g_autofree char *callers = g_strdup_printf ("/par-soup/nginx/%s/callers-session", name);

  g_test_add (own, Fixture, NULL, set_up, function, tear_down);
  g_test_add (callers, Fixture, "callers", set_up, function, tear_down);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  if (g_getenv ("PAR_TEST_NGINX") == NULL)
    {
      g_print ("1..0 # SKIP there is no nginx\n");
      return 0;
    }
  server_start_nginx (&server);

  add_both ("everything-comes-whole", everything_comes_whole);
  add_both ("methods-are-sent", methods_are_sent);
  add_both ("upgrade-is-followed", upgrade_is_followed);
  add_both ("slow-bodies-are-left", slow_bodies_are_left);
  add_both ("slow-streams-are-dropped", slow_streams_are_dropped);
  g_test_add_func ("/par-soup/nginx/authority-is-asked-for", authority_is_asked_for);

  status = g_test_run ();
  server_stop (&server);

  return status;
}
