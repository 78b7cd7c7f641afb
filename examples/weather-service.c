/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Answers as OpenWeatherMap does, as slowly and as badly as it is told to: something for the
 * weather example to talk to that needs neither a key nor the Internet. */

#include "weather-report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <glib-unix.h>
#include <libsoup/soup.h>

typedef struct
{
  guint16 port;
  guint min_latency_ms;
  guint max_latency_ms;
  double slow_share;
  guint slow_latency_ms;
  double fail_share;

  GRand *rand;
  GMainLoop *loop;

  GHashTable *calls_in_flight;
  GHashTable *calls_by_city;
  guint64 n_calls;
  guint64 n_answered;
  guint64 n_failed;
  guint64 n_dropped;
} Service;

typedef struct
{
  Service *service;
  SoupServerMessage *message;
  GSource *timer;
  GSource *hangup_watch;

  guint status;
  JsonNode *body;
} Call;

static void
set_response (SoupServerMessage *message,
              guint              status,
              JsonNode          *body)
{
  char *text = json_to_string (body, FALSE);

  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, "application/json; charset=utf-8",
                                    SOUP_MEMORY_TAKE, text, strlen (text));
}

static void
destroy_source (GSource *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static void
free_call (gpointer data)
{
  Call *call = data;

  g_clear_pointer (&call->timer, destroy_source);
  g_clear_pointer (&call->hangup_watch, destroy_source);
  g_clear_pointer (&call->body, json_node_unref);
  g_object_unref (call->message);
  g_free (call);
}

static gboolean
answer_cb (gpointer user_data)
{
  Call *call = user_data;
  Service *service = call->service;
  g_autoptr(SoupServerMessage) message = g_object_ref (call->message);

  if (call->status == SOUP_STATUS_OK)
    service->n_answered++;
  else
    service->n_failed++;

  set_response (message, call->status, call->body);
  g_hash_table_remove (service->calls_in_flight, call);
  soup_server_message_unpause (message);

  return G_SOURCE_REMOVE;
}

/* A paused message does not read its socket, so nobody but this watch sees the client go. */
static gboolean
socket_readable_cb (GSocket      *socket,
                    GIOCondition  condition,
                    gpointer      user_data)
{
  Call *call = user_data;
  Service *service = call->service;
  char byte;
  GInputVector vector = { &byte, sizeof byte };
  int flags = G_SOCKET_MSG_PEEK;
  g_autoptr(SoupServerMessage) message = NULL;
  g_autoptr(GError) error = NULL;
  gssize n_read;

  n_read = g_socket_receive_message (socket, NULL, &vector, 1, NULL, NULL, &flags, NULL, &error);

  /* The client has sent its next request already. It is libsoup's to read, and as long as it
   * waits there the end of the connection cannot be seen. */
  if (n_read > 0)
    return G_SOURCE_REMOVE;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return G_SOURCE_CONTINUE;

  message = g_object_ref (call->message);
  service->n_dropped++;
  g_hash_table_remove (service->calls_in_flight, call);

  /* libsoup takes note of the end of a paused message only when it writes, and 3.2 never closes
   * a connection that the client has left and that may be used again. */
  soup_server_message_set_status (message, SOUP_STATUS_SERVICE_UNAVAILABLE, NULL);
  soup_message_headers_replace (soup_server_message_get_response_headers (message),
                                "Connection", "close");
  soup_server_message_unpause (message);

  return G_SOURCE_REMOVE;
}

/* Draws as often for every call, so that one option does not change what another one does. */
static guint
draw_latency (Service *service)
{
  gboolean slow = g_rand_double (service->rand) < service->slow_share;
  double share = g_rand_double (service->rand);
  guint spread_ms = service->max_latency_ms - service->min_latency_ms;

  return slow ? service->slow_latency_ms
              : service->min_latency_ms + (guint) (share * (spread_ms + 1.0));
}

static gboolean
draw_failure (Service *service)
{
  return g_rand_double (service->rand) < service->fail_share;
}

static void
count_city (Service    *service,
            const char *city)
{
  guint n_calls = GPOINTER_TO_UINT (g_hash_table_lookup (service->calls_by_city, city));

  g_hash_table_replace (service->calls_by_city, g_strdup (city), GUINT_TO_POINTER (n_calls + 1));
}

static void
weather_cb (SoupServer        *server,
            SoupServerMessage *message,
            const char        *path,
            GHashTable        *query,
            gpointer           user_data)
{
  Service *service = user_data;
  const char *city = query != NULL ? g_hash_table_lookup (query, "q") : NULL;
  guint latency_ms = draw_latency (service);
  gboolean fails = draw_failure (service);
  Call *call;

  service->n_calls++;

  if (city == NULL || *city == '\0')
    {
      g_autoptr(JsonNode) body = NULL;

      body = weather_report_new_error (SOUP_STATUS_BAD_REQUEST, "Nothing to geocode");
      service->n_failed++;
      set_response (message, SOUP_STATUS_BAD_REQUEST, body);
      return;
    }

  count_city (service, city);

  call = g_new0 (Call, 1);
  call->service = service;
  call->message = g_object_ref (message);
  call->status = fails ? SOUP_STATUS_INTERNAL_SERVER_ERROR : SOUP_STATUS_OK;
  call->body = fails ? weather_report_new_error (call->status, "Internal server error")
                     : weather_report_new (city, g_hash_table_lookup (query, "units"));
  g_hash_table_add (service->calls_in_flight, call);

  call->timer = g_timeout_source_new (latency_ms);
  g_source_set_callback (call->timer, answer_cb, call, NULL);
  g_source_attach (call->timer, NULL);

  call->hangup_watch = g_socket_create_source (soup_server_message_get_socket (message),
                                               G_IO_IN, NULL);
  g_source_set_callback (call->hangup_watch, G_SOURCE_FUNC (socket_readable_cb), call, NULL);
  g_source_attach (call->hangup_watch, NULL);

  soup_server_message_pause (message);
}

static void
add_count (JsonBuilder *builder,
           const char  *name,
           guint64      count)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, count);
}

static void
stats_cb (SoupServer        *server,
          SoupServerMessage *message,
          const char        *path,
          GHashTable        *query,
          gpointer           user_data)
{
  Service *service = user_data;
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) body = NULL;
  GHashTableIter iter;
  gpointer city, n_calls;

  json_builder_begin_object (builder);
  add_count (builder, "calls", service->n_calls);
  add_count (builder, "answered", service->n_answered);
  add_count (builder, "failed", service->n_failed);
  add_count (builder, "dropped", service->n_dropped);
  add_count (builder, "in_flight", g_hash_table_size (service->calls_in_flight));
  json_builder_set_member_name (builder, "cities");
  json_builder_begin_object (builder);
  g_hash_table_iter_init (&iter, service->calls_by_city);
  while (g_hash_table_iter_next (&iter, &city, &n_calls))
    add_count (builder, city, GPOINTER_TO_UINT (n_calls));
  json_builder_end_object (builder);
  json_builder_end_object (builder);

  body = json_builder_get_root (builder);
  set_response (message, SOUP_STATUS_OK, body);
}

static void
not_found_cb (SoupServer        *server,
              SoupServerMessage *message,
              const char        *path,
              GHashTable        *query,
              gpointer           user_data)
{
  g_autoptr(JsonNode) body = weather_report_new_error (SOUP_STATUS_NOT_FOUND, "Internal error");

  set_response (message, SOUP_STATUS_NOT_FOUND, body);
}

static gboolean
quit_cb (gpointer user_data)
{
  Service *service = user_data;

  g_main_loop_quit (service->loop);

  return G_SOURCE_CONTINUE;
}

static gboolean
refuse_value (const char  *option,
              const char  *value,
              const char  *wanted,
              GError     **error)
{
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "%s takes %s, not '%s'", option, wanted, value);

  return FALSE;
}

static gboolean
parse_msec (const char *text,
            guint      *msec)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT, &number, NULL))
    return FALSE;
  *msec = number;

  return TRUE;
}

static gboolean
parse_share (const char *text,
             double     *share)
{
  char *end;

  *share = g_ascii_strtod (text, &end);

  return end != text && *end == '\0' && *share >= 0 && *share <= 1;
}

static gboolean
parse_latency (const char  *option,
               const char  *value,
               gpointer     data,
               GError     **error)
{
  Service *service = data;
  g_auto(GStrv) limits = g_strsplit (value, "-", 2);
  const char *min = limits[0] != NULL ? limits[0] : "";
  const char *max = limits[0] != NULL && limits[1] != NULL ? limits[1] : min;

  if (parse_msec (min, &service->min_latency_ms)
      && parse_msec (max, &service->max_latency_ms)
      && service->min_latency_ms <= service->max_latency_ms)
    return TRUE;

  return refuse_value (option, value, "milliseconds such as 200 or 176-593", error);
}

static gboolean
parse_slow (const char  *option,
            const char  *value,
            gpointer     data,
            GError     **error)
{
  Service *service = data;
  g_auto(GStrv) parts = g_strsplit (value, ":", 2);

  if (g_strv_length (parts) == 2
      && parse_share (parts[0], &service->slow_share)
      && parse_msec (parts[1], &service->slow_latency_ms))
    return TRUE;

  return refuse_value (option, value, "a share from 0 to 1 and milliseconds, such as 0.1:500",
                       error);
}

static gboolean
parse_fail (const char  *option,
            const char  *value,
            gpointer     data,
            GError     **error)
{
  Service *service = data;

  if (parse_share (value, &service->fail_share))
    return TRUE;

  return refuse_value (option, value, "a share from 0 to 1, such as 0.05", error);
}

static gboolean
parse_port (const char  *option,
            const char  *value,
            gpointer     data,
            GError     **error)
{
  Service *service = data;
  guint64 port;

  if (!g_ascii_string_to_unsigned (value, 10, 0, G_MAXUINT16, &port, NULL))
    return refuse_value (option, value, "a number from 0 to 65535", error);
  service->port = port;

  return TRUE;
}

static gboolean
parse_seed (const char  *option,
            const char  *value,
            gpointer     data,
            GError     **error)
{
  Service *service = data;
  guint64 seed;

  if (!g_ascii_string_to_unsigned (value, 10, 0, G_MAXUINT32, &seed, NULL))
    return refuse_value (option, value, "a number from 0 to 4294967295", error);
  g_rand_set_seed (service->rand, seed);

  return TRUE;
}

static gboolean
parse_options (Service   *service,
               int       *argc,
               char    ***argv,
               GError   **error)
{
  const GOptionEntry entries[] = {
    { "port", 0, 0, G_OPTION_ARG_CALLBACK, parse_port,
      "Listen on this port; 0, the default, takes a free one", "N" },
    { "latency", 0, 0, G_OPTION_ARG_CALLBACK, parse_latency,
      "Answer after so many milliseconds (default 176-593)", "MIN[-MAX]" },
    { "slow", 0, 0, G_OPTION_ARG_CALLBACK, parse_slow,
      "Let this share of the calls take so many milliseconds", "SHARE:MS" },
    { "fail", 0, 0, G_OPTION_ARG_CALLBACK, parse_fail,
      "Answer this share of the calls with status 500", "SHARE" },
    { "seed", 0, 0, G_OPTION_ARG_CALLBACK, parse_seed,
      "Take the same chances in every run", "N" },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  GOptionGroup *group = g_option_group_new ("weather-service", NULL, NULL, service, NULL);

  g_option_context_set_summary (context, "Answers /data/2.5/weather?q=CITY as OpenWeatherMap "
                                         "does. /stats tells what it was asked.");
  g_option_group_add_entries (group, entries);
  g_option_context_set_main_group (context, group);

  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                   "There is no use for '%s'", (*argv)[1]);
      return FALSE;
    }

  return TRUE;
}

/* Each call in flight is an open file, and libsoup 3.2 does not close one that was left idle by
 * its client. The usual limit of 1024 is there for select(), which nothing here uses. */
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

static gboolean
listen_and_print_uri (SoupServer  *server,
                      guint16      port,
                      GError     **error)
{
  g_autoptr(GSocketAddress) wanted = g_inet_socket_address_new_from_string ("127.0.0.1", port);
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GSocket) socket = NULL;

  socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);
  if (socket == NULL)
    return FALSE;

  /* The default, ten, makes many clients that connect at once wait a second to try again. */
  g_socket_set_listen_backlog (socket, 4096);
  if (!g_socket_bind (socket, wanted, TRUE, error)
      || !g_socket_listen (socket, error)
      || !soup_server_listen_socket (server, socket, 0, error))
    return FALSE;

  address = g_socket_get_local_address (socket, error);
  if (address == NULL)
    return FALSE;

  g_print ("http://127.0.0.1:%u\n",
           g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));

  return TRUE;
}

int
main (int    argc,
      char **argv)
{
  Service service = { .min_latency_ms = 176, .max_latency_ms = 593 };
  g_autoptr(SoupServer) server = soup_server_new (NULL, NULL);
  g_autoptr(GError) error = NULL;
  int status = EXIT_SUCCESS;

  service.rand = g_rand_new ();
  service.loop = g_main_loop_new (NULL, FALSE);
  service.calls_in_flight = g_hash_table_new_full (NULL, NULL, free_call, NULL);
  service.calls_by_city = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  soup_server_add_handler (server, NULL, not_found_cb, &service, NULL);
  soup_server_add_handler (server, "/data/2.5/weather", weather_cb, &service, NULL);
  soup_server_add_handler (server, "/stats", stats_cb, &service, NULL);

  if (!parse_options (&service, &argc, &argv, &error))
    {
      status = 2;
    }
  else
    {
      /* Before the URI is printed: whoever reads it may stop the service at once. */
      g_unix_signal_add (SIGTERM, quit_cb, &service);
      g_unix_signal_add (SIGINT, quit_cb, &service);
      allow_many_connections ();
      if (listen_and_print_uri (server, service.port, &error))
        g_main_loop_run (service.loop);
      else
        status = EXIT_FAILURE;
    }

  if (error != NULL)
    g_printerr ("weather-service: %s\n", error->message);

  g_hash_table_unref (service.calls_in_flight);
  g_hash_table_unref (service.calls_by_city);
  g_main_loop_unref (service.loop);
  g_rand_free (service.rand);

  return status;
}
