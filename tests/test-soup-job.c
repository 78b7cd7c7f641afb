/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <par/soup/par-soup.h>

#include "server.h"

/* A server that goes on for ever is left after this. */
#define DEADLINE_MS 300

/* What must not take long on a busy machine takes this at most. */
#define PATIENCE_US (30 * G_USEC_PER_SEC)

static Server server;
static guint n_descriptors;

typedef struct
{
  const char *path;
  GQuark (*domain) (void);  /* of the error, or NULL for a success */
  int code;
  const char *text;         /* in the error or in the answer */
  gint64 max_body_size;     /* or 0 for the default */
} Row;

/* In libsoup's words or in GLib's where the text is empty. */
static const Row rows[] = {
  { "/never", g_io_error_quark, G_IO_ERROR_TIMED_OUT, "", 0 },
  { "/close", g_io_error_quark, G_IO_ERROR_PARTIAL_INPUT, "", 0 },
  { "/garbage", soup_session_error_quark, SOUP_SESSION_ERROR_PARSING, "", 0 },
  { "/close-in-body", g_io_error_quark, G_IO_ERROR_PARTIAL_INPUT, "", 0 },
  { "/close-in-last-body", g_io_error_quark, G_IO_ERROR_PARTIAL_INPUT,
    "closed before the whole body", 0 },
  { "/close-in-chunk", g_io_error_quark, G_IO_ERROR_PARTIAL_INPUT,
    "closed before the whole body", 0 },
  { "/close-between-chunks", g_io_error_quark, G_IO_ERROR_PARTIAL_INPUT,
    "closed before the whole body", 0 },
  { "/bad-chunk-size", g_io_error_quark, G_IO_ERROR_INVALID_DATA, "bad chunk", 0 },
  { "/bad-chunk-end", g_io_error_quark, G_IO_ERROR_INVALID_DATA, "bad chunk", 0 },
  { "/endless-body", par_soup_error_quark, PAR_SOUP_ERROR_TOO_LARGE, "larger than 100000 bytes",
    100000 },
  { "/endless-chunks", par_soup_error_quark, PAR_SOUP_ERROR_TOO_LARGE, "larger than 100000 bytes",
    100000 },
  { "/two-lengths", g_io_error_quark, G_IO_ERROR_PARTIAL_INPUT, "", 0 },
  { "/endless-headers", g_io_error_quark, G_IO_ERROR_PARTIAL_INPUT, "", 0 },
  { "/endless-news", g_io_error_quark, G_IO_ERROR_INVALID_DATA, "more than 100 answers", 0 },
  { "/drip", g_io_error_quark, G_IO_ERROR_TIMED_OUT, "", 0 },
  { "/drip-headers", g_io_error_quark, G_IO_ERROR_TIMED_OUT, "", 0 },
  { "/drip", par_soup_error_quark, PAR_SOUP_ERROR_TOO_LARGE, "has 100000 bytes", 99999 },
  { "/redirect", par_soup_error_quark, PAR_SOUP_ERROR_REDIRECTED, "more than 20 times", 0 },
  { "/redirect-nowhere", par_soup_error_quark, 302, "302 Found: nowhere", 0 },
  { "/redirect?to=ftp://a/", par_soup_error_quark, PAR_SOUP_ERROR_REDIRECTED, "no URI of HTTP", 0 },
  { "/gzip-zeros", par_soup_error_quark, PAR_SOUP_ERROR_TOO_LARGE, "larger than 67108864", 0 },
  { "/gzip-half", g_io_error_quark, G_IO_ERROR_PARTIAL_INPUT, "not properly compressed", 0 },
  { "/gzip-wrong", g_io_error_quark, G_IO_ERROR_INVALID_DATA, "not properly compressed", 0 },
  { "/status?status=404+Not+Found&body=no+such+city", par_soup_error_quark, 404,
    "404 Not Found: no such city", 0 },
  { "/status?status=500+Oh&body=first%0Asecond", par_soup_error_quark, 500,
    "500 Oh: first second", 0 },
  { "/status?status=503+Busy&retry-after=7", par_soup_error_quark, 503,
    "503 Busy (to be tried again after 7 s): as told", 0 },
  { "/status?status=418+Teapot&type=image/png&token=secret", par_soup_error_quark, 418,
    "418 Teapot", 0 },

  { "/ok", NULL, 0, "{\"answer\": 42}", 0 },
  { "/old", NULL, 0, "the beginning", 0 },
  { "/chunks", NULL, 0, "the beginning", 0 },
  { "/gzip", NULL, 0, "the beginning", 0 },
  { "/gzip-nothing", NULL, 0, "", 0 },
  { "/latin1", NULL, 0, "caf\303\251", 0 },
  { "/more-than-said", NULL, 0, "the b", 0 },
  { "/redirect?to=/ok", NULL, 0, "{\"answer\": 42}", 0 },
};

typedef enum
{
  OWN,       /* sessions of its own */
  CALLERS,   /* a session of the program's */
} Mode;

static ParSoupSession *
new_session (Mode mode)
{
  g_autoptr(SoupSession) session = NULL;

  if (mode == OWN)
    return par_soup_session_new ();

  session = soup_session_new_with_options ("max-conns-per-host", 8, NULL);

  return par_soup_session_new_for_session (session);
}

static void
add_request (ParRequests    *requests,
             ParSoupSession *session,
             const char     *uri,
             gint64          max_body_size)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(ParSoupRequest) request = par_soup_request_new ("GET", uri, &error);

  g_assert_no_error (error);
  if (max_body_size > 0)
    par_soup_request_set_max_body_size (request, max_body_size);
  par_soup_session_send (session, requests, request);
}

/* Nothing is left open, here or there. */
static void
check_closed (void)
{
  server_wait_closed (&server);
  wait_for_descriptors (n_descriptors);
}

static void
check_error (const Row  *row,
             ParRequest *request)
{
  const GError *error = par_request_get_error (request);

  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_error (error, row->domain (), row->code);
  g_assert_nonnull (strstr (error->message, row->text));
  g_assert_null (strstr (error->message, "secret"));
  /* Only a text is quoted. */
  if (strstr (row->path, "image/png") != NULL)
    g_assert_true (g_str_has_suffix (error->message, row->text));
  /* Par says itself what is too late. */
  if (row->code != G_IO_ERROR_TIMED_OUT)
    g_assert_true (g_str_has_prefix (error->message, "GET http://127.0.0.1:"));
}

static void
check_answer (const Row  *row,
              ParRequest *request)
{
  ParSoupResponse *response;

  g_assert_no_error (par_request_get_error (request));
  response = g_value_get_object (par_request_get_value (request));
  g_assert_cmpuint (par_soup_response_get_status (response), ==, 200);
  g_assert_cmpstr (par_soup_response_get_text (response), ==, row->text);
}

static void
check_row (const Row *row,
           Mode       mode)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = new_session (mode);
  g_autofree char *uri = g_strconcat (server.uri, row->path, NULL);
  gint64 started_us = g_get_monotonic_time ();

  g_test_message ("%s", row->path);
  par_requests_set_wait_for_attempts (requests, TRUE);
  if (row->code == G_IO_ERROR_TIMED_OUT)
    par_requests_set_request_timeout (requests, DEADLINE_MS);

  /* One is sent by the owner, where there are threads, and the others are not. */
  for (guint i = 0; i < 3; i++)
    add_request (requests, session, uri, row->max_body_size);
  par_requests_do (requests, NULL, NULL);
  g_assert_cmpint (g_get_monotonic_time () - started_us, <, PATIENCE_US);

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr(ParRequest) request = par_requests_get_request (requests, i);

      if (row->domain != NULL)
        check_error (row, request);
      else
        check_answer (row, request);
    }

  g_clear_object (&requests);
  g_assert_finalize_object (g_steal_pointer (&session));
  check_closed ();
}

static void
each_misbehaviour_is_a_clear_error (gconstpointer mode)
{
  g_test_summary ("Whatever a server does ends as an error that tells of it, in time, and leaves "
                  "nothing open.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    check_row (&rows[i], GPOINTER_TO_INT (mode));
}

static void
add_many (ParRequests    *requests,
          ParSoupSession *session,
          const char     *uri,
          guint           n)
{
  for (guint i = 0; i < n; i++)
    add_request (requests, session, uri, 0);
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

static void
iterate_until_answering (guint n)
{
  gint64 until_us = g_get_monotonic_time () + PATIENCE_US;

  while (server_get_stats (&server).n_answering < n)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      while (g_main_context_iteration (NULL, FALSE))
        ;
    }
}

static void
do_three (ParSoupSession *session)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(GError) error = NULL;

  add_many (requests, session, server_at (&server, "/ok"), 3);
  par_requests_do (requests, NULL, &error);
  g_assert_no_error (error);
}

/* Cancels three attempts that have been sent, by connections that have sent something before if
 * @reuses, and one that waits for a connection, which the limiter of the session would not let
 * begin. Returns how long it takes until the run is over and nothing is open, in microseconds. */
static gint64
time_cancel (Mode     mode,
             gboolean reuses)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(ParLimiter) limiter = par_limiter_new ();
  g_autoptr(ParSoupSession) session = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  gint64 cancelled_us, over_us;
  guint n_requests;

  if (mode == OWN)
    {
      session = g_object_new (PAR_SOUP_TYPE_SESSION, "connections-per-host", 3, NULL);
    }
  else
    {
      g_autoptr(SoupSession) callers = soup_session_new_with_options ("max-conns-per-host", 3,
                                                                      NULL);

      session = par_soup_session_new_for_session (callers);
    }

  if (reuses)
    do_three (session);
  n_requests = server_get_stats (&server).n_requests;

  par_requests_set_limiter (requests, limiter);
  add_many (requests, session, server_at (&server, "/never"), 4);
  par_requests_do_async (requests, cancellable, take_result, &result);
  iterate_until_answering (3);

  cancelled_us = g_get_monotonic_time ();
  g_cancellable_cancel (cancellable);
  while (result == NULL || count_sockets () > 0
         || par_requests_get_n_attempts_running (requests) > 0)
    {
      g_main_context_iteration (NULL, FALSE);
      g_assert_cmpint (g_get_monotonic_time () - cancelled_us, <, PATIENCE_US);
    }
  over_us = g_get_monotonic_time () - cancelled_us;
  g_assert_cmpuint (server_get_stats (&server).n_requests, ==, n_requests + 3);

  g_assert_false (par_requests_do_finish (requests, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&result);
  g_clear_object (&requests);
  g_assert_finalize_object (g_steal_pointer (&session));
  check_closed ();

  return over_us;
}

static void
check_cancel (Mode     mode,
              gboolean reuses)
{
  gint64 least_us = G_MAXINT64;

  /* A machine that is busy with something else may take longer now and then. */
  for (guint i = 0; i < 20 && least_us > 20000; i++)
    least_us = MIN (least_us, time_cancel (mode, reuses));
  g_test_message ("%.1f ms", least_us / 1000.0);
  g_assert_cmpint (least_us, <=, 20000);
}

static void
cancelling_closes_connections (gconstpointer mode)
{
  g_test_summary ("20 ms after it was cancelled a run is over and its connections are closed. What "
                  "waited for one of them is not sent.");

  check_cancel (GPOINTER_TO_INT (mode), FALSE);
}

static void
cancelling_closes_used_connections (gconstpointer mode)
{
  g_test_summary ("So it is with connections that have sent something before, and nothing is sent "
                  "again.");

  check_cancel (GPOINTER_TO_INT (mode), TRUE);
}

static void
closed_connections_are_replaced (gconstpointer mode)
{
  g_autoptr(ParSoupSession) session = new_session (GPOINTER_TO_INT (mode));

  g_test_summary ("A service may close a connection after an answer, or just when something is "
                  "sent by it: that is sent by another.");

  for (guint i = 0; i < 10; i++)
    {
      g_autoptr(ParRequests) requests = par_requests_new ();
      g_autoptr(GError) error = NULL;

      add_many (requests, session, server_at (&server, i % 3 == 0 ? "/old" : "/first"), 3);
      par_requests_do (requests, NULL, &error);
      g_assert_no_error (error);
    }

  g_assert_finalize_object (g_steal_pointer (&session));
  check_closed ();
}

static void
blocking_run_leaves_nothing_open (gconstpointer mode)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = new_session (GPOINTER_TO_INT (mode));
  g_autoptr(GError) error = NULL;

  g_test_summary ("When do() has given up, the connection is closed though nobody iterates the "
                  "owner context any more.");

  par_requests_set_timeout (requests, 100);
  add_request (requests, session, server_at (&server, "/never"), 0);
  g_assert_false (par_requests_do (requests, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  server_wait_closed (&server);

  g_clear_object (&requests);
  drop_and_wait (g_steal_pointer (&session));
  check_closed ();
}

static void
one_request_can_be_cancelled (gconstpointer mode)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = new_session (GPOINTER_TO_INT (mode));
  g_autoptr(ParRequest) request = NULL;
  g_autoptr(GAsyncResult) result = NULL;

  g_test_summary ("One of two requests is cancelled, and the other goes on.");

  add_request (requests, session, server_at (&server, "/slow?ms=500"), 0);
  add_request (requests, session, server_at (&server, "/never"), 0);
  par_requests_do_async (requests, NULL, take_result, &result);
  iterate_until_answering (2);

  request = par_requests_get_request (requests, 1);
  par_request_cancel (request);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_CANCELLED);
  g_assert_cmpuint (par_requests_get_n_succeeded (requests), ==, 1);
  g_clear_object (&request);
  g_clear_object (&result);
  g_clear_object (&requests);
  g_assert_finalize_object (g_steal_pointer (&session));
  check_closed ();
}

static void
do_and_expect (const char *uri,
               GQuark      domain,
               int         code)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = par_soup_session_new ();
  g_autoptr(ParRequest) request = NULL;

  if (code == G_IO_ERROR_TIMED_OUT)
    par_requests_set_request_timeout (requests, DEADLINE_MS);
  par_requests_set_wait_for_attempts (requests, TRUE);
  add_request (requests, session, uri, 0);
  g_assert_false (par_requests_do (requests, NULL, NULL));
  request = par_requests_get_request (requests, 0);
  g_test_message ("%s", par_request_get_error (request)->message);
  g_assert_error (par_request_get_error (request), domain, code);

  g_clear_object (&request);
  g_clear_object (&requests);
  g_assert_finalize_object (g_steal_pointer (&session));
  check_closed ();
}

static void
bad_certificate_is_refused (void)
{
  g_test_summary ("A certificate that nobody has signed is not accepted.");

  do_and_expect (server_tls_at (&server, "/ok"), G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
}

static void
deaf_handshake_ends_in_time (void)
{
  g_autofree char *uri = g_strdup_printf ("https%s/ok", server.uri + strlen ("http"));

  g_test_summary ("A server that does not answer a handshake is left.");

  do_and_expect (uri, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

static void
refused_connection_is_an_error (void)
{
  g_autoptr(GSocket) socket = NULL;
  g_autoptr(GSocketAddress) wanted = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr(GSocketAddress) address = NULL;
  g_autofree char *uri = NULL;

  g_test_summary ("There may be nobody at all.");

  /* A port that is taken, but not listened at. */
  socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_assert_true (g_socket_bind (socket, wanted, FALSE, NULL));
  address = g_socket_get_local_address (socket, NULL);
  uri = g_strdup_printf ("http://127.0.0.1:%u/",
                         g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
  n_descriptors++;
  do_and_expect (uri, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  n_descriptors--;
}

static void
session_may_go_first (gconstpointer mode)
{
  ParRequests *requests = par_requests_new ();
  ParSoupSession *session = new_session (GPOINTER_TO_INT (mode));

  g_test_summary ("Requests and session are dropped while attempts are out, which end.");

  add_many (requests, session, server_at (&server, "/never"), 3);
  par_requests_set_timeout (requests, 50);
  par_requests_do (requests, NULL, NULL);
  g_object_unref (requests);
  drop_and_wait (session);
  check_closed ();
}

static void
warm_up (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = new_session (OWN);
  g_autoptr(ParSoupSession) callers = new_session (CALLERS);
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 3; i++)
    {
      add_request (requests, session, server_at (&server, "/ok"), 0);
      add_request (requests, callers, server_at (&server, "/ok"), 0);
    }
  par_requests_do (requests, NULL, &error);
  g_assert_no_error (error);
}

/* Adds a test of sessions of its own, and of a session of the program's. */
static void
add_both (const char       *name,
          GTestDataFunc     function)
{
  g_autofree char *own = g_strdup_printf ("/par-soup/job/%s/own-sessions", name);
  g_autofree char *callers = g_strdup_printf ("/par-soup/job/%s/callers-session", name);

  g_test_add_data_func (own, GINT_TO_POINTER (OWN), function);
  g_test_add_data_func (callers, GINT_TO_POINTER (CALLERS), function);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start_bad (&server);

  /* GLib opens some for itself when they are first needed. */
  warm_up ();
  server_wait_closed (&server);
  n_descriptors = count_descriptors ();

  add_both ("each-misbehaviour-is-a-clear-error", each_misbehaviour_is_a_clear_error);
  add_both ("cancelling-closes-connections", cancelling_closes_connections);
  add_both ("cancelling-closes-used-connections", cancelling_closes_used_connections);
  add_both ("closed-connections-are-replaced", closed_connections_are_replaced);
  add_both ("blocking-run-leaves-nothing-open", blocking_run_leaves_nothing_open);
  add_both ("one-request-can-be-cancelled", one_request_can_be_cancelled);
  add_both ("session-may-go-first", session_may_go_first);
  g_test_add_func ("/par-soup/job/bad-certificate-is-refused", bad_certificate_is_refused);
  g_test_add_func ("/par-soup/job/deaf-handshake-ends-in-time", deaf_handshake_ends_in_time);
  g_test_add_func ("/par-soup/job/refused-connection-is-an-error",
                   refused_connection_is_an_error);

  status = g_test_run ();
  server_stop (&server);

  return status;
}
