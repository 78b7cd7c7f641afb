/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fetches the URIs that are listed in files or on standard input, and saves each below a folder, as
 * HOST/PATH. What is there already is skipped, so that the same command goes on where it stopped. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gio/gunixinputstream.h>
#include <glib-unix.h>

#include <par/soup/par-soup.h>

typedef struct
{
  int concurrency;
  int per_host;
  int retries;
  int timeout;
  double rate;
  gboolean hedge;
  char *folder;

  GPtrArray *uris;
  guint n_fetched;
  guint n_skipped;
  guint n_failed;
  guint64 n_bytes;
  gint64 started_us;
  gboolean has_terminal;
} Fetch;

/* The name of one part of a path, which is the same for no other, and none of the system's. */
static char *
escape (const char *part)
{
  if (strcmp (part, ".") == 0 || strcmp (part, "..") == 0)
    return g_strconcat ("%2E", part + 1, NULL);
  if (strlen (part) > 200)
    {
      g_autofree char *checksum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, part, -1);

      return g_strdup_printf ("%.100s-%s", part, checksum);
    }

  return g_strdup (*part != '\0' ? part : "index.html");
}

/* Where @text is saved, or NULL if it cannot be fetched. */
static char *
choose_path (const char  *folder,
             const char  *text,
             GError     **error)
{
  g_autoptr(GUri) uri = g_uri_parse (text, SOUP_HTTP_URI_FLAGS, error);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_auto(GStrv) parts = NULL;
  const char *query;
  int port;

  if (uri == NULL)
    return NULL;
  if (g_uri_get_host (uri) == NULL)
    {
      g_set_error (error, G_URI_ERROR, G_URI_ERROR_BAD_HOST, "'%s' names no host", text);
      return NULL;
    }

  g_ptr_array_add (names, g_strdup (folder));
  port = g_uri_get_port (uri);
  if (port == 80 || port == 443)
    g_ptr_array_add (names, escape (g_uri_get_host (uri)));
  else
    g_ptr_array_add (names, g_strdup_printf ("%s:%d", g_uri_get_host (uri), port));

  query = g_uri_get_query (uri);
  parts = g_strsplit (g_uri_get_path (uri), "/", -1);
  for (guint i = 1; parts[i] != NULL; i++)
    {
      g_autofree char *part = NULL;

      if (*parts[i] == '\0' && parts[i + 1] != NULL)
        continue;
      if (parts[i + 1] == NULL && query != NULL)
        part = g_strdelimit (g_strconcat (parts[i], "?", query, NULL), "/", '+');
      g_ptr_array_add (names, escape (part != NULL ? part : parts[i]));
    }
  g_ptr_array_add (names, NULL);

  return g_build_filenamev ((char **) names->pdata);
}

static void
complain (Fetch      *fetch,
          const char *message)
{
  fetch->n_failed++;
  g_printerr ("%sfetch: %s\n", fetch->has_terminal ? "\r\033[K" : "", message);
}

static void
print_progress (Fetch *fetch)
{
  guint n_done = fetch->n_fetched + fetch->n_skipped + fetch->n_failed;
  double seconds = (g_get_monotonic_time () - fetch->started_us) / 1e6;
  double rate = (fetch->n_fetched + fetch->n_failed) / MAX (seconds, 0.001);
  char bar[31];

  if (!fetch->has_terminal)
    return;

  for (guint i = 0; i < 30; i++)
    bar[i] = i * fetch->uris->len < n_done * 30 ? '#' : '.';
  bar[30] = '\0';
  g_printerr ("\r\033[K[%s] %u of %u, %.1f/s, %.1f MB/s", bar, n_done, fetch->uris->len, rate,
              fetch->n_bytes / 1e6 / MAX (seconds, 0.001));
  if (rate > 0 && n_done < fetch->uris->len)
    g_printerr (", %.0f s left", (fetch->uris->len - n_done) / rate);
}

static gboolean
progress_cb (gpointer fetch)
{
  print_progress (fetch);

  return G_SOURCE_CONTINUE;
}

/* Nothing is ever there by the name of a file but the whole of it. */
static gboolean
save (const char  *path,
      GBytes      *body,
      GError     **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  gsize length;
  const char *bytes = g_bytes_get_data (body, &length);

  g_mkdir_with_parents (folder, 0777);

  return g_file_set_contents_full (path, bytes != NULL ? bytes : "", length,
                                   G_FILE_SET_CONTENTS_CONSISTENT, 0666, error);
}

static void
completed_cb (ParRequests *requests,
              ParRequest  *request,
              Fetch       *fetch)
{
  const GValue *value = par_request_get_value (request);
  g_autoptr(GError) error = NULL;

  /* What was interrupted is not complained of one by one. */
  if (par_request_get_state (request) == PAR_REQUEST_STATE_CANCELLED)
    return;

  if (value == NULL)
    {
      complain (fetch, par_request_get_error (request)->message);
    }
  else
    {
      GBytes *body = par_soup_response_get_body (g_value_get_object (value));

      if (save (par_request_get_label (request), body, &error))
        {
          fetch->n_fetched++;
          fetch->n_bytes += g_bytes_get_size (body);
        }
      else
        {
          complain (fetch, error->message);
        }
    }
}

static gboolean
read_uris (Fetch         *fetch,
           GInputStream  *input,
           GError       **error)
{
  g_autoptr(GDataInputStream) lines = g_data_input_stream_new (input);
  g_autoptr(GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  char *line;

  while ((line = g_data_input_stream_read_line (lines, NULL, NULL, error)) != NULL)
    {
      g_strstrip (line);
      if (*line != '\0' && *line != '#' && g_hash_table_add (seen, line))
        g_ptr_array_add (fetch->uris, line);
      else
        g_free (line);
    }

  return *error == NULL;
}

static gboolean
read_lists (Fetch   *fetch,
            char   **paths,
            GError **error)
{
  g_autoptr(GInputStream) input = NULL;

  if (paths[0] == NULL)
    {
      input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
      return read_uris (fetch, input, error);
    }

  for (guint i = 0; paths[i] != NULL; i++)
    {
      g_autoptr(GFile) file = g_file_new_for_commandline_arg (paths[i]);
      g_autoptr(GFileInputStream) stream = g_file_read (file, NULL, error);

      if (stream == NULL || !read_uris (fetch, G_INPUT_STREAM (stream), error))
        return FALSE;
    }

  return TRUE;
}

static void
add_request (Fetch          *fetch,
             ParRequests    *requests,
             ParSoupSession *session,
             const char     *uri)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = choose_path (fetch->folder, uri, &error);
  g_autoptr(ParSoupRequest) request = NULL;

  if (path != NULL && g_file_test (path, G_FILE_TEST_EXISTS))
    {
      fetch->n_skipped++;
      return;
    }

  if (path != NULL)
    request = par_soup_request_new ("GET", uri, &error);
  if (request == NULL)
    {
      g_prefix_error (&error, "%s: ", uri);
      complain (fetch, error->message);
      return;
    }

  par_request_set_label (PAR_REQUEST (request), path);
  par_soup_request_set_cross_origins (request, TRUE);
  par_soup_request_set_max_body_size (request, 0);
  par_soup_session_send (session, requests, request);
}

static void
set_policies (Fetch       *fetch,
              ParRequests *requests)
{
  g_autoptr(ParRetry) retry = par_retry_new ();

  par_requests_set_concurrency (requests, fetch->concurrency);
  par_requests_set_attempt_timeout (requests, fetch->timeout * 1000);
  par_retry_set_max_retries (retry, fetch->retries);
  par_requests_set_retry (requests, retry);
  if (fetch->hedge)
    {
      g_autoptr(ParHedge) hedge = par_hedge_new ();

      par_requests_set_hedge (requests, hedge);
    }
  if (fetch->rate > 0)
    {
      g_autoptr(ParLimiter) limiter = par_limiter_new ();

      par_limiter_set_rate (limiter, fetch->rate);
      par_requests_set_limiter (requests, limiter);
    }
}

static gboolean
interrupt_cb (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);

  return G_SOURCE_CONTINUE;
}

static gboolean
run (Fetch *fetch)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = NULL;
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();

  session = g_object_new (PAR_SOUP_TYPE_SESSION, "connections-per-host", fetch->per_host, NULL);
  set_policies (fetch, requests);
  par_requests_set_keep_completed (requests, FALSE);
  g_signal_connect (requests, "completed", G_CALLBACK (completed_cb), fetch);
  g_unix_signal_add (SIGINT, interrupt_cb, cancellable);
  g_timeout_add (100, progress_cb, fetch);

  fetch->started_us = g_get_monotonic_time ();
  for (guint i = 0; i < fetch->uris->len; i++)
    add_request (fetch, requests, session, g_ptr_array_index (fetch->uris, i));

  /* Each failure is told of as it comes. */
  par_requests_do (requests, cancellable, NULL);

  print_progress (fetch);
  if (fetch->has_terminal)
    g_printerr ("\n");
  printf ("%u fetched (%.1f MB in %.1f s), %u skipped, %u failed\n", fetch->n_fetched,
          fetch->n_bytes / 1e6, (g_get_monotonic_time () - fetch->started_us) / 1e6,
          fetch->n_skipped, fetch->n_failed);

  return fetch->n_failed == 0 && !g_cancellable_is_cancelled (cancellable);
}

static gboolean
parse_options (Fetch    *fetch,
               int      *argc,
               char   ***argv,
               GError  **error)
{
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &fetch->folder, "Save below this", "FOLDER" },
    { "concurrency", 0, 0, G_OPTION_ARG_INT, &fetch->concurrency, "Calls at once (64)", "N" },
    { "per-host", 0, 0, G_OPTION_ARG_INT, &fetch->per_host, "Of those to one host (6)", "N" },
    { "retries", 0, 0, G_OPTION_ARG_INT, &fetch->retries, "Further attempts at each (3)", "N" },
    { "timeout", 0, 0, G_OPTION_ARG_INT, &fetch->timeout, "Most time for each (60)", "SECONDS" },
    { "rate", 0, 0, G_OPTION_ARG_DOUBLE, &fetch->rate, "Calls a second; 0: any", "N" },
    { "hedge", 0, 0, G_OPTION_ARG_NONE, &fetch->hedge, "Ask again where an answer is slow", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(GOptionContext) context = g_option_context_new ("[LIST...]");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;

  if (fetch->concurrency >= 0 && fetch->per_host > 0 && fetch->retries >= 0 && fetch->retries <= 100
      && fetch->timeout >= 0 && fetch->timeout <= 1000000 && fetch->rate >= 0)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "--per-host is from 1 on, --retries from 0 to 100, and nothing else is negative");

  return FALSE;
}

int
main (int    argc,
      char **argv)
{
  Fetch fetch = { .concurrency = 64, .per_host = 6, .retries = 3, .timeout = 60 };
  g_autoptr(GError) error = NULL;
  int status = EXIT_SUCCESS;

  fetch.uris = g_ptr_array_new_with_free_func (g_free);
  fetch.has_terminal = isatty (STDERR_FILENO);
  if (!parse_options (&fetch, &argc, &argv, &error))
    {
      status = 2;
    }
  else
    {
      if (fetch.folder == NULL)
        fetch.folder = g_strdup (".");
      if (!read_lists (&fetch, argv + 1, &error) || !run (&fetch))
        status = EXIT_FAILURE;
    }

  if (error != NULL)
    g_printerr ("fetch: %s\n", error->message);
  g_ptr_array_unref (fetch.uris);
  g_free (fetch.folder);

  return status;
}
