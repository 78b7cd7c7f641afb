/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "openweathermap.h"

#include <stdio.h>
#include <string.h>

#include <json-glib/json-glib.h>
#include <libsoup/soup.h>

#define NAME "openweathermap"

static GMutex debug_lock;

/* Guarded by the lock. */
static gint64 last_line_us;

static gboolean
debug_is_wanted (void)
{
  const char *debug = g_getenv ("DEBUG");
  g_auto(GStrv) names = g_strsplit (debug != NULL ? debug : "", ",", -1);

  for (guint i = 0; names[i] != NULL; i++)
    {
      g_strstrip (names[i]);
      if (strcmp (names[i], "*") == 0 || strcmp (names[i], NAME) == 0)
        return TRUE;
    }

  return FALSE;
}

static char *
format_duration (gint64 duration_us)
{
  if (duration_us < 1000)
    return g_strdup_printf ("%" G_GINT64_FORMAT "us", duration_us);
  if (duration_us < G_USEC_PER_SEC)
    return g_strdup_printf ("%" G_GINT64_FORMAT "ms", duration_us / 1000);

  return g_strdup_printf ("%" G_GINT64_FORMAT "s", duration_us / G_USEC_PER_SEC);
}

/* Prints a line as Par does under DEBUG. Par's last line cannot be seen from here, so both times
 * are those since the last line of this name. */
static void
debug (const char *message)
{
  g_autoptr(GMutexLocker) locker = NULL;
  g_autoptr(GDateTime) now = NULL;
  g_autofree char *time = NULL;
  g_autofree char *since_last = NULL;
  gint64 now_us;

  if (!debug_is_wanted ())
    return;

  locker = g_mutex_locker_new (&debug_lock);
  now_us = g_get_monotonic_time ();
  now = g_date_time_new_now_utc ();
  time = g_date_time_format (now, "%H:%M:%S");
  since_last = format_duration (now_us - last_line_us);
  last_line_us = now_us;

  fprintf (stderr, "%s.%03d %-6s %-6s " NAME " - http - %s\n", time,
           g_date_time_get_microsecond (now) / 1000, since_last, since_last, message);
}

/* One session for all threads, so that a connection is used again by whichever comes next:
 * since 3.2 libsoup lets every thread send. */
static SoupSession *
get_session (void)
{
  static gsize session = 0;

  if (g_once_init_enter (&session))
    {
      /* A message that would be one too many for a session waits where its cancellable does not
       * reach it. Par has the bound; the session must not have a lower one. */
      SoupSession *new_session = soup_session_new_with_options ("max-conns", G_MAXINT,
                                                                "max-conns-per-host", G_MAXINT,
                                                                NULL);

      g_mutex_lock (&debug_lock);
      last_line_us = g_get_monotonic_time ();
      g_mutex_unlock (&debug_lock);

      g_once_init_leave (&session, (gsize) new_session);
    }

  return (SoupSession *) session;
}

static SoupMessage *
new_message (const char  *service,
             const char  *city,
             GError     **error)
{
  const char *api_key = g_getenv (OPENWEATHERMAP_API_KEY);
  g_autofree char *query = soup_form_encode ("q", city, "units", "metric",
                                             api_key != NULL ? "appid" : NULL, api_key, NULL);
  g_autoptr(GUri) base = g_uri_parse (service, SOUP_HTTP_URI_FLAGS, error);
  g_autoptr(GUri) uri = NULL;

  if (base == NULL)
    return NULL;
  if (g_uri_get_host (base) == NULL || *g_uri_get_host (base) == '\0')
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' names no host", service);
      return NULL;
    }

  uri = soup_uri_copy (base, SOUP_URI_PATH, "/data/2.5/weather", SOUP_URI_QUERY, query,
                       SOUP_URI_NONE);

  return soup_message_new_from_uri (SOUP_METHOD_GET, uri);
}

static GBytes *
fetch (const char    *service,
       const char    *city,
       GCancellable  *cancellable,
       GError       **error)
{
  g_autoptr(SoupMessage) message = new_message (service, city, error);
  g_autoptr(GBytes) body = NULL;
  g_autoptr(GError) local_error = NULL;
  g_autofree char *status = NULL;

  if (message == NULL)
    return NULL;

  body = soup_session_send_and_read (get_session (), message, cancellable, &local_error);
  if (body == NULL)
    {
      gboolean cancelled = g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

      debug (cancelled ? "cancelled" : local_error->message);
      g_propagate_error (error, g_steal_pointer (&local_error));
      return NULL;
    }

  if (!SOUP_STATUS_IS_SUCCESSFUL (soup_message_get_status (message)))
    {
      status = g_strdup_printf ("%u", soup_message_get_status (message));
      debug (status);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The service answered %s %s",
                   status, soup_message_get_reason_phrase (message));
      return NULL;
    }

  debug ("ok");

  return g_steal_pointer (&body);
}

/* The value that @path selects below @root, or NULL if that is nothing of @type. */
static JsonNode *
find_value (JsonNode   *root,
            const char *path,
            GType       type)
{
  g_autoptr(JsonNode) matches = json_path_query (path, root, NULL);
  JsonArray *array = json_node_get_array (matches);
  JsonNode *node;
  GType found;

  if (json_array_get_length (array) != 1)
    return NULL;

  node = json_array_get_element (array, 0);
  found = json_node_get_value_type (node);
  if (found != type && !(type == G_TYPE_DOUBLE && found == G_TYPE_INT64))
    return NULL;

  return json_node_ref (node);
}

static GVariant *
parse (GBytes  *body,
       GError **error)
{
  g_autoptr(JsonParser) parser = json_parser_new ();
  g_autoptr(JsonNode) name = NULL;
  g_autoptr(JsonNode) temperature = NULL;
  g_autoptr(JsonNode) conditions = NULL;
  JsonNode *root;
  gsize size;
  const char *text = g_bytes_get_data (body, &size);

  if (!json_parser_load_from_data (parser, size > 0 ? text : "", size, error))
    return NULL;

  root = json_parser_get_root (parser);
  if (root != NULL)
    {
      name = find_value (root, "$.name", G_TYPE_STRING);
      temperature = find_value (root, "$.main.temp", G_TYPE_DOUBLE);
      conditions = find_value (root, "$.weather[0].description", G_TYPE_STRING);
    }

  if (name == NULL || temperature == NULL || conditions == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "The answer tells no weather");
      return NULL;
    }

  return g_variant_ref_sink (g_variant_new ("(sds)", json_node_get_string (name),
                                            json_node_get_double (temperature),
                                            json_node_get_string (conditions)));
}

GVariant *
openweathermap_find (const char    *service,
                     const char    *city,
                     GCancellable  *cancellable,
                     GError       **error)
{
  g_autoptr(GBytes) body = fetch (service, city, cancellable, error);
  g_autoptr(GVariant) weather = body != NULL ? parse (body, error) : NULL;

  if (weather == NULL)
    g_prefix_error (error, "%s: ", city);

  return g_steal_pointer (&weather);
}
