/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An HTTP server that misbehaves as the path says: something for the tests to suffer from. It
 * prints its URI, and after that its URI by https if it is given a certificate. It ends when its
 * standard input does, and so with whoever has started it. */

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <gio/gio.h>
#include <gio/gunixinputstream.h>

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

typedef struct
{
  GIOStream *stream;
  GSocket *socket;
  GDataInputStream *in;
  GOutputStream *out;
  guint n_requests;

  char *method;
  char *path;
  GHashTable *query;
  GString *headers;   /* as they came */
  char *body;
  gboolean keeps_open;
} Client;

typedef struct
{
  const char *path;
  void (*answer) (Client *client);
} Behaviour;

/* Atomic. */
static int n_open;
static int n_connections;
static int n_requests;
static int n_answering;
static int n_peak;       /* of those that were being answered */
static int n_stallable;

static GTlsCertificate *certificate;

static gboolean
send_bytes (Client     *client,
            const void *bytes,
            gsize       length)
{
  return g_output_stream_write_all (client->out, bytes, length, NULL, NULL, NULL);
}

static gboolean
send_text (Client     *client,
           const char *text)
{
  return send_bytes (client, text, strlen (text));
}

/* A proper answer, in one piece, after which the connection can be used again. */
static void
send_answer (Client     *client,
             const char *status,
             const char *headers,
             const char *body)
{
  g_autofree char *answer = g_strdup_printf ("HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s",
                                             status, strlen (body), headers,
                                             g_str_equal (client->method, "HEAD") ? "" : body);

  client->keeps_open = send_text (client, answer);
}

static const char *
get_parameter (Client     *client,
               const char *name,
               const char *otherwise)
{
  const char *value = g_hash_table_lookup (client->query, name);

  return value != NULL ? value : otherwise;
}

/* Returns when the client has left, or after @msec (-1 for never). */
static gboolean
wait_for_client (Client *client,
                 gint64  msec)
{
  return g_socket_condition_timed_wait (client->socket, G_IO_IN | G_IO_HUP,
                                        msec >= 0 ? msec * 1000 : -1, NULL, NULL);
}

static void
answer_ok (Client *client)
{
  send_answer (client, "200 OK", "Content-Type: application/json\r\n", "{\"answer\": 42}");
}

/* No more than once by one connection, as of a service that has just closed those that were idle. */
static void
answer_first (Client *client)
{
  if (client->n_requests == 1)
    answer_ok (client);
}

/* What came, header by header, with the body. */
static void
answer_echo (Client *client)
{
  g_autofree char *text = g_strdup_printf ("%s %s\r\n%s\r\n%s", client->method, client->path,
                                           client->headers->str, client->body);

  send_answer (client, "200 OK", "Content-Type: text/plain\r\n", text);
}

static void
answer_status (Client *client)
{
  const char *retry_after = get_parameter (client, "retry-after", NULL);
  const char *type = get_parameter (client, "type", "text/plain");
  g_autofree char *headers = g_strdup_printf ("Content-Type: %s\r\n%s%s%s", type,
                                              retry_after != NULL ? "Retry-After: " : "",
                                              retry_after != NULL ? retry_after : "",
                                              retry_after != NULL ? "\r\n" : "");

  send_answer (client, get_parameter (client, "status", "200 OK"), headers,
               get_parameter (client, "body", "as told"));
}

static void
answer_never (Client *client)
{
  wait_for_client (client, -1);
}

static void
answer_by_closing (Client *client)
{
}

static void
answer_garbage (Client *client)
{
  send_text (client, "What do you mean?\r\n\r\n");
}

static void
answer_slowly (Client *client)
{
  if (!wait_for_client (client, g_ascii_strtoll (get_parameter (client, "ms", "100"), NULL, 10)))
    answer_ok (client);
}

/* One call in so many, or in ten, waits for a second before it is answered. */
static void
answer_some_slowly (Client *client)
{
  gint64 in = g_ascii_strtoll (get_parameter (client, "in", "10"), NULL, 10);

  if (g_atomic_int_add (&n_stallable, 1) % in != in - 1 || !wait_for_client (client, 1000))
    answer_ok (client);
}

static void
close_in_body (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthe beginning");
}

/* libsoup has an eye on such servers, and closes the other. */
static void
close_in_last_body (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n"
                     "the beginning");
}

static void
close_in_chunk (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "64\r\nthe beginning");
}

static void
close_between_chunks (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "d\r\nthe beginning\r\n");
}

static void
send_bad_chunk_size (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "d\r\nthe beginning\r\nsix\r\nsecond\r\n0\r\n\r\n");
  wait_for_client (client, -1);
}

static void
send_bad_chunk_end (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nthe beginning\r\n0\r\n\r\n");
  wait_for_client (client, -1);
}

static void
send_chunks (Client *client)
{
  client->keeps_open = send_text (client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                       && send_text (client, "4;name=value\r\nthe \r\n00009  \r\nbeginning\r\n")
                       && send_text (client, "0\r\nTrailer: too\r\n\r\n");
}

/* What is too much must not be taken for the next answer. */
static void
send_more_than_said (Client *client)
{
  client->keeps_open = send_text (client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                                          "the beginning");
}

static void
send_two_lengths (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 1000\r\n\r\n"
                     "the beginning");
}

static void
send_body_without_end (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\n\r\n");
  while (send_text (client, ZEROS ZEROS ZEROS ZEROS))
    ;
}

static void
send_chunks_without_end (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  while (send_text (client, "40\r\n" ZEROS "\r\n"))
    ;
}

static void
send_headers_without_end (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\n");
  while (send_text (client, "More: " ZEROS "\r\n"))
    ;
}

static void
send_news_without_end (Client *client)
{
  while (send_text (client, "HTTP/1.1 102 Processing\r\n\r\n"))
    ;
}

static void
drip_body (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
  while (send_text (client, ".") && !wait_for_client (client, 10))
    ;
}

static void
drip_headers (Client *client)
{
  send_text (client, "HTTP/1.1 200 OK\r\nDrip: ");
  while (send_text (client, ".") && !wait_for_client (client, 10))
    ;
}

static void
redirect (Client *client)
{
  g_autofree char *header = g_strdup_printf ("Location: %s\r\n",
                                             get_parameter (client, "to", "/redirect"));

  send_answer (client, get_parameter (client, "status", "302 Found"), header, "elsewhere");
}

static void
redirect_nowhere (Client *client)
{
  send_answer (client, "302 Found", "Content-Type: text/plain\r\n", "nowhere");
}

static void
send_compressed (Client     *client,
                 const char *bytes,
                 gsize       length,
                 guint       times)
{
  g_autoptr(GConverter) compressor = NULL;
  g_autoptr(GOutputStream) compressed = NULL;

  compressor = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 1));
  send_text (client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                     "Content-Encoding: gzip\r\nConnection: close\r\n\r\n");
  compressed = g_converter_output_stream_new (client->out, compressor);
  g_filter_output_stream_set_close_base_stream (G_FILTER_OUTPUT_STREAM (compressed), FALSE);
  for (guint i = 0; i < times; i++)
    if (!g_output_stream_write_all (compressed, bytes, length, NULL, NULL, NULL))
      return;
  g_output_stream_close (compressed, NULL, NULL);
}

static void
send_compressed_text (Client *client)
{
  send_compressed (client, "the beginning", strlen ("the beginning"), 1);
}

static void
send_compressed_zeros (Client *client)
{
  guint megabytes = atoi (get_parameter (client, "megabytes", "100"));
  g_autofree char *zeros = g_malloc0 (1024 * 1024);

  send_compressed (client, zeros, 1024 * 1024, megabytes);
}

static void
send_half_compressed (Client *client)
{
  static const guint8 beginning[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x2b, 0xc9, 0x48 };

  send_text (client, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 13\r\n\r\n");
  client->keeps_open = send_bytes (client, beginning, sizeof beginning);
}

static void
send_wrongly_compressed (Client *client)
{
  send_answer (client, "200 OK", "Content-Encoding: gzip\r\n", "the beginning");
}

static void
send_nothing_compressed (Client *client)
{
  send_answer (client, "200 OK", "Content-Encoding: gzip\r\n", "");
}

static void
answer_as_of_old (Client *client)
{
  send_text (client, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nthe beginning");
}

static void
send_latin1 (Client *client)
{
  send_answer (client, "200 OK", "Content-Type: text/plain; charset=iso-8859-1\r\n", "caf\xe9");
}

static void
send_stats (Client *client)
{
  g_autofree char *text = g_strdup_printf ("%d open, %d connections, %d requests, %d now, %d at once",
                                           g_atomic_int_get (&n_open),
                                           g_atomic_int_get (&n_connections),
                                           g_atomic_int_get (&n_requests),
                                           g_atomic_int_get (&n_answering),
                                           g_atomic_int_get (&n_peak));

  send_answer (client, "200 OK", "Content-Type: text/plain\r\n", text);
}

static const Behaviour behaviours[] = {
  { "/ok", answer_ok },
  { "/first", answer_first },
  { "/echo", answer_echo },
  { "/status", answer_status },
  { "/slow", answer_slowly },
  { "/some-slowly", answer_some_slowly },
  { "/chunks", send_chunks },
  { "/old", answer_as_of_old },
  { "/latin1", send_latin1 },
  { "/gzip", send_compressed_text },
  { "/gzip-nothing", send_nothing_compressed },
  { "/redirect", redirect },
  { "/stats", send_stats },

  { "/never", answer_never },
  { "/close", answer_by_closing },
  { "/garbage", answer_garbage },
  { "/close-in-body", close_in_body },
  { "/close-in-last-body", close_in_last_body },
  { "/close-in-chunk", close_in_chunk },
  { "/close-between-chunks", close_between_chunks },
  { "/bad-chunk-size", send_bad_chunk_size },
  { "/bad-chunk-end", send_bad_chunk_end },
  { "/more-than-said", send_more_than_said },
  { "/two-lengths", send_two_lengths },
  { "/endless-body", send_body_without_end },
  { "/endless-chunks", send_chunks_without_end },
  { "/endless-headers", send_headers_without_end },
  { "/endless-news", send_news_without_end },
  { "/drip", drip_body },
  { "/drip-headers", drip_headers },
  { "/redirect-nowhere", redirect_nowhere },
  { "/gzip-zeros", send_compressed_zeros },
  { "/gzip-half", send_half_compressed },
  { "/gzip-wrong", send_wrongly_compressed },
};

static gboolean
read_body (Client *client,
           gsize   length)
{
  client->body = g_malloc0 (length + 1);

  return g_input_stream_read_all (G_INPUT_STREAM (client->in), client->body, length, NULL, NULL,
                                  NULL);
}

static gboolean
read_request (Client *client)
{
  g_autofree char *line = g_data_input_stream_read_line (client->in, NULL, NULL, NULL);
  g_auto(GStrv) parts = line != NULL ? g_strsplit (line, " ", 3) : NULL;
  gsize length = 0;

  if (parts == NULL || g_strv_length (parts) != 3)
    return FALSE;

  client->method = g_strdup (parts[0]);
  client->path = g_strdup (parts[1]);
  if (strchr (client->path, '?') != NULL)
    client->query = g_uri_parse_params (strchr (client->path, '?') + 1, -1, "&",
                                        G_URI_PARAMS_WWW_FORM, NULL);
  if (client->query == NULL)
    client->query = g_hash_table_new (g_str_hash, g_str_equal);
  client->headers = g_string_new (NULL);

  for (;;)
    {
      g_autofree char *header = g_data_input_stream_read_line (client->in, NULL, NULL, NULL);

      if (header == NULL)
        return FALSE;
      if (*header == '\0')
        break;
      g_string_append_printf (client->headers, "%s\r\n", header);
      if (g_ascii_strncasecmp (header, "Content-Length:", 15) == 0)
        length = g_ascii_strtoull (g_strchug (header + 15), NULL, 10);
    }

  return read_body (client, length);
}

static void
clear_request (Client *client)
{
  g_clear_pointer (&client->method, g_free);
  g_clear_pointer (&client->path, g_free);
  g_clear_pointer (&client->query, g_hash_table_unref);
  g_clear_pointer (&client->body, g_free);
  if (client->headers != NULL)
    g_string_free (g_steal_pointer (&client->headers), TRUE);
  client->keeps_open = FALSE;
}

static void
note_peak (int n)
{
  int peak;

  do
    peak = g_atomic_int_get (&n_peak);
  while (n > peak && !g_atomic_int_compare_and_exchange (&n_peak, peak, n));
}

static void
answer (Client *client)
{
  gsize length = strcspn (client->path, "?");

  /* As of a service that has this path. */
  if (length > 1 && client->path[length - 1] == '/')
    length--;

  for (guint i = 0; i < G_N_ELEMENTS (behaviours); i++)
    if (strlen (behaviours[i].path) == length
        && strncmp (behaviours[i].path, client->path, length) == 0)
      {
        behaviours[i].answer (client);
        return;
      }

  send_answer (client, "404 Not Found", "Content-Type: text/plain\r\n", "there is no such path");
}

static gboolean
run_cb (GThreadedSocketService *service,
        GSocketConnection      *connection,
        GObject                *by_tls,
        gpointer                user_data)
{
  Client client = { .socket = g_socket_connection_get_socket (connection) };
  gboolean more = TRUE;

  g_atomic_int_inc (&n_open);
  g_atomic_int_inc (&n_connections);

  client.stream = g_object_ref (G_IO_STREAM (connection));
  if (by_tls != NULL)
    {
      GIOStream *secured = g_tls_server_connection_new (client.stream, certificate, NULL);

      g_object_unref (client.stream);
      client.stream = secured;
    }
  client.in = g_data_input_stream_new (g_io_stream_get_input_stream (client.stream));
  g_data_input_stream_set_newline_type (client.in, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
  client.out = g_io_stream_get_output_stream (client.stream);

  while (more && read_request (&client))
    {
      client.n_requests++;
      g_atomic_int_inc (&n_requests);
      note_peak (g_atomic_int_add (&n_answering, 1) + 1);
      answer (&client);
      g_atomic_int_add (&n_answering, -1);
      more = client.keeps_open;
      clear_request (&client);
    }
  clear_request (&client);

  g_object_unref (client.in);
  g_io_stream_close (client.stream, NULL, NULL);
  g_object_unref (client.stream);
  g_io_stream_close (G_IO_STREAM (connection), NULL, NULL);
  g_atomic_int_add (&n_open, -1);

  return TRUE;
}

static void
listen_at (GSocketService *service,
           const char     *host,
           const char     *scheme,
           GObject        *source)
{
  g_autoptr(GSocketAddress) wanted = g_inet_socket_address_new_from_string (host, 0);
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GError) error = NULL;

  if (!g_socket_listener_add_address (G_SOCKET_LISTENER (service), wanted, G_SOCKET_TYPE_STREAM,
                                      G_SOCKET_PROTOCOL_TCP, source, &address, &error))
    g_error ("%s", error->message);

  g_print ("%s://127.0.0.1:%u\n", scheme,
           g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
}

static void
allow_many_connections (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      setrlimit (RLIMIT_NOFILE, &limit);
    }
}

static void
input_ended_cb (GObject      *input,
                GAsyncResult *result,
                gpointer      user_data)
{
  exit (0);
}

int
main (int    argc,
      char **argv)
{
  gboolean at_all_hosts = FALSE;
  g_autofree char *certificate_path = NULL;
  g_autofree char *key_path = NULL;
  const GOptionEntry entries[] = {
    { "all-hosts", 0, 0, G_OPTION_ARG_NONE, &at_all_hosts, "Answer for all of 127.0.0.0/8", NULL },
    { "certificate", 0, 0, G_OPTION_ARG_FILENAME, &certificate_path, "Answer https too", "FILE" },
    { "key", 0, 0, G_OPTION_ARG_FILENAME, &key_path, "The key of that", "FILE" },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autoptr(GSocketService) service = g_threaded_socket_service_new (-1);
  g_autoptr(GInputStream) input = g_unix_input_stream_new (0, FALSE);
  g_autoptr(GObject) tls = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr(GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);

  allow_many_connections ();
  g_socket_listener_set_backlog (G_SOCKET_LISTENER (service), 4096);
  g_signal_connect (service, "run", G_CALLBACK (run_cb), NULL);
  g_socket_service_start (service);

  listen_at (service, at_all_hosts ? "0.0.0.0" : "127.0.0.1", "http", NULL);
  if (certificate_path != NULL)
    {
      certificate = g_tls_certificate_new_from_files (certificate_path, key_path, &error);
      if (certificate == NULL)
        g_error ("%s", error->message);
      listen_at (service, "127.0.0.1", "https", tls);
    }

  g_input_stream_skip_async (input, 1, G_PRIORITY_DEFAULT, NULL, input_ended_cb, NULL);
  for (;;)
    g_main_context_iteration (NULL, TRUE);
}
