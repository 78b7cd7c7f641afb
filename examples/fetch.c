/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fetches the URIs that files, or standard input, list one a line, and saves each below a folder as
 * HOST/PATH. What is there already is skipped, so the same command goes on where it was stopped. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>

#include <par/soup/par-soup.h>

#define ATTEMPT_TIMEOUT 60000 /* milliseconds */
#define MAX_SIZE (1024 * 1024 * 1024)

typedef struct
{
  char *folder;
  int concurrency;
  int per_host;
  int retries;
  double rate;
  gboolean hedge;

  guint n_uris;
  guint n_fetched;
  guint n_skipped;
  guint n_failed;
  guint64 n_bytes;
  gint64 started_us;
  gboolean has_terminal;
} Fetch;

/* Where @uri is saved: always below the folder, whatever is in it. */
static char *
choose_path (const char *folder,
             GUri       *uri)
{
  g_autofree char *text = g_uri_to_string_partial (uri, G_URI_HIDE_USERINFO | G_URI_HIDE_FRAGMENT);
  g_auto(GStrv) parts = g_strsplit (strstr (text, "://") + strlen ("://"), "/", -1);
  g_autoptr(GString) path = g_string_new (folder != NULL ? folder : ".");

  for (guint i = 0; parts[i] != NULL; i++)
    {
      gboolean is_last = parts[i + 1] == NULL;

      if (*parts[i] == '\0' && !is_last)
        continue;
      g_string_append_c (path, G_DIR_SEPARATOR);
      if (strcmp (parts[i], ".") == 0 || strcmp (parts[i], "..") == 0)
        g_string_append_printf (path, "%%2E%s", parts[i] + 1);
      else
        g_string_append (path, *parts[i] != '\0' ? parts[i] : "index.html");
    }

  return g_string_free (g_steal_pointer (&path), FALSE);
}

static void
complain (Fetch      *self,
          const char *message)
{
  self->n_failed++;
  g_printerr ("%sfetch: %s\n", self->has_terminal ? "\r\033[K" : "", message);
}

static gboolean
show_progress_cb (gpointer user_data)
{
  Fetch *self = user_data;
  guint n_done = self->n_fetched + self->n_skipped + self->n_failed;
  double seconds = MAX (g_get_monotonic_time () - self->started_us, 1) / 1e6;
  double rate = (n_done - self->n_skipped) / seconds;
  char bar[] = "..............................";

  memset (bar, '#', self->n_uris > 0 ? strlen (bar) * n_done / self->n_uris : 0);
  g_printerr ("\r\033[K[%s] %u of %u, %.1f/s, %.1f MB/s", bar, n_done, self->n_uris, rate,
              self->n_bytes / 1e6 / seconds);
  if (rate > 0 && n_done < self->n_uris)
    g_printerr (", %.0f s left", (self->n_uris - n_done) / rate);

  return G_SOURCE_CONTINUE;
}

/* Nothing ever has the name of a file but the whole of it. */
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
              Fetch       *self)
{
  const GValue *value = par_request_get_value (request);
  g_autoptr(GError) error = NULL;
  GBytes *body;

  /* What Ctrl-C has cancelled is not complained of one by one. */
  if (par_request_get_state (request) == PAR_REQUEST_STATE_CANCELLED)
    return;

  if (value == NULL)
    {
      complain (self, par_request_get_error (request)->message);
      return;
    }

  body = par_soup_response_get_body (g_value_get_object (value));
  if (!save (par_request_get_label (request), body, &error))
    {
      complain (self, error->message);
      return;
    }

  self->n_fetched++;
  self->n_bytes += g_bytes_get_size (body);
}

static void
add (Fetch          *self,
     ParRequests    *requests,
     ParSoupSession *session,
     const char     *text)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GUri) uri = NULL;
  g_autoptr(ParSoupRequest) request = par_soup_request_new ("GET", text, &error);
  g_autofree char *path = NULL;

  self->n_uris++;
  if (request == NULL)
    {
      g_prefix_error (&error, "%s: ", text);
      complain (self, error->message);
      return;
    }

  uri = g_uri_parse (text, SOUP_HTTP_URI_FLAGS, NULL);
  path = choose_path (self->folder, uri);
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    {
      self->n_skipped++;
      return;
    }

  par_request_set_label (PAR_REQUEST (request), path);
  par_soup_request_set_cross_origins (request, TRUE);
  par_soup_request_set_max_body_size (request, MAX_SIZE);
  par_soup_session_send (session, requests, request);
}

static gboolean
add_list (Fetch           *self,
          ParRequests     *requests,
          ParSoupSession  *session,
          const char      *path,
          GError         **error)
{
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, error))
    return FALSE;

  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (*g_strstrip (lines[i]) != '\0' && *lines[i] != '#')
      add (self, requests, session, lines[i]);

  return TRUE;
}

static ParRequests *
new_requests (Fetch          *self,
              ParSoupSession *session)
{
  ParRequests *requests = par_requests_new ();
  g_autoptr(ParRetry) retry = par_retry_new ();
  g_autoptr(ParHedge) hedge = self->hedge ? par_hedge_new () : NULL;

  par_retry_set_max_retries (retry, self->retries);
  par_limiter_set_rate (par_soup_session_get_limiter (session), self->rate);
  par_requests_set_retry (requests, retry);
  par_requests_set_hedge (requests, hedge);
  par_requests_set_concurrency (requests, self->concurrency);
  par_requests_set_attempt_timeout (requests, ATTEMPT_TIMEOUT);
  par_requests_set_keep_completed (requests, FALSE);
  g_signal_connect (requests, "completed", G_CALLBACK (completed_cb), self);

  return requests;
}

static gboolean
interrupt_cb (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);

  return G_SOURCE_CONTINUE;
}

/* What has failed was told when it did. */
static void
over_cb (GObject      *requests,
         GAsyncResult *result,
         gpointer      loop)
{
  par_requests_do_finish (PAR_REQUESTS (requests), result, NULL);
  g_main_loop_quit (loop);
}

static gboolean
run (Fetch       *self,
     const char **lists,
     GError     **error)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(ParSoupSession) session = NULL;
  g_autoptr(ParRequests) requests = NULL;

  session = g_object_new (PAR_SOUP_TYPE_SESSION, "connections-per-host", self->per_host, NULL);
  requests = new_requests (self, session);
  self->started_us = g_get_monotonic_time ();
  self->has_terminal = isatty (STDERR_FILENO);
  for (guint i = 0; lists[i] != NULL; i++)
    if (!add_list (self, requests, session, lists[i], error))
      return FALSE;

  g_unix_signal_add (SIGINT, interrupt_cb, cancellable);
  if (self->has_terminal)
    g_timeout_add (100, show_progress_cb, self);

  par_requests_do_async (requests, cancellable, over_cb, loop);
  g_main_loop_run (loop);

  if (self->has_terminal)
    {
      show_progress_cb (self);
      g_printerr ("\n");
    }
  printf ("%u fetched (%.1f MB in %.1f s), %u skipped, %u failed\n", self->n_fetched,
          self->n_bytes / 1e6, (g_get_monotonic_time () - self->started_us) / 1e6,
          self->n_skipped, self->n_failed);

  return self->n_failed == 0 && !g_cancellable_is_cancelled (cancellable);
}

static gboolean
parse_options (Fetch    *self,
               int      *argc,
               char   ***argv,
               GError  **error)
{
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->folder, "Save below this", "FOLDER" },
    { "concurrency", 0, 0, G_OPTION_ARG_INT, &self->concurrency, "Calls at once (64)", "N" },
    { "per-host", 0, 0, G_OPTION_ARG_INT, &self->per_host, "Of those to one host (6)", "N" },
    { "rate", 0, 0, G_OPTION_ARG_DOUBLE, &self->rate, "Calls a second to one host", "N" },
    { "retries", 0, 0, G_OPTION_ARG_INT, &self->retries, "Further attempts at each (3)", "N" },
    { "hedge", 0, 0, G_OPTION_ARG_NONE, &self->hedge, "Ask again where an answer is slow", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(GOptionContext) context = g_option_context_new ("[LIST...]");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;

  if (self->concurrency >= 0 && self->per_host > 0 && self->rate >= 0 && self->retries >= 0
      && self->retries <= 100)
    return TRUE;

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "--per-host is from 1 on, --retries from 0 to 100, and nothing else is negative");
  return FALSE;
}

int
main (int    argc,
      char **argv)
{
  Fetch self = { .concurrency = 64, .per_host = 6, .retries = 3 };
  const char *standard_input[] = { "/dev/stdin", NULL };
  g_autoptr(GError) error = NULL;
  int status = 2;

  if (parse_options (&self, &argc, &argv, &error))
    status = run (&self, argc > 1 ? (const char **) argv + 1 : standard_input, &error)
               ? EXIT_SUCCESS : EXIT_FAILURE;

  if (error != NULL)
    g_printerr ("fetch: %s\n", error->message);
  g_free (self.folder);

  return status;
}
