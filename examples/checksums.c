/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>

#include <par/par.h>

static char *
compute_checksum (const char    *path,
                  GCancellable  *cancellable,
                  GError       **error)
{
  g_autoptr(GFile) file = g_file_new_for_path (path);
  g_autoptr(GFileInputStream) stream = g_file_read (file, cancellable, error);
  g_autoptr(GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guchar buffer[64 * 1024];
  gssize n_read;

  if (stream == NULL)
    return NULL;

  while ((n_read = g_input_stream_read (G_INPUT_STREAM (stream), buffer, sizeof buffer,
                                        cancellable, error)) > 0)
    g_checksum_update (checksum, buffer, n_read);

  return n_read == 0 ? g_strdup (g_checksum_get_string (checksum)) : NULL;
}

static void
checksum_request (ParAttempt  *attempt,
                  gpointer     user_data,
                  GError     **error)
{
  g_autofree char *checksum = NULL;

  checksum = compute_checksum (user_data, par_attempt_get_cancellable (attempt), error);
  if (checksum != NULL)
    par_attempt_return_string (attempt, checksum);
}

/* What a program has that has used g_task_run_in_thread() until now. */
static void
checksum_task (GTask        *task,
               gpointer      source_object,
               gpointer      task_data,
               GCancellable *cancellable)
{
  GError *error = NULL;
  char *checksum = compute_checksum (task_data, cancellable, &error);

  if (checksum != NULL)
    g_task_return_pointer (task, checksum, g_free);
  else
    g_task_return_error (task, error);
}

static void
add_task (ParRequests *requests,
          char        *path)
{
  g_autoptr(GTask) task = g_task_new (NULL, NULL, NULL, NULL);

  g_task_set_task_data (task, path, NULL);
  par_requests_add_task (requests, task, checksum_task);
}

static char *
take_checksum (ParRequest  *request,
               GError     **error)
{
  const GValue *value = par_request_get_value (request);

  if (value != NULL && G_VALUE_HOLDS (value, G_TYPE_TASK))
    return g_task_propagate_pointer (g_value_get_object (value), error);
  if (value != NULL)
    return g_value_dup_string (value);

  g_propagate_error (error, g_error_copy (par_request_get_error (request)));

  return NULL;
}

/* Adds the path of every file below @folder to @paths, in no order. */
static gboolean
find_files (const char  *folder,
            GList      **paths)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = g_dir_open (folder, 0, &error);
  const char *name;
  gboolean found_all = dir != NULL;

  if (dir == NULL)
    g_printerr ("checksums: %s\n", error->message);

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_SYMLINK))
        continue;
      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        found_all &= find_files (path, paths);
      else if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
        *paths = g_list_prepend (*paths, g_steal_pointer (&path));
    }

  return found_all;
}

static gboolean
interrupted_cb (gpointer user_data)
{
  g_cancellable_cancel (user_data);

  return G_SOURCE_CONTINUE;
}

static void
progress_cb (ParRequests *requests)
{
  fprintf (stderr, "\r%3.0f %% of %" G_GUINT64_FORMAT " files",
           100 * par_requests_get_progress (requests), par_requests_get_n_requests (requests));
}

static void
run_done_cb (GObject      *source_object,
             GAsyncResult *result,
             gpointer      user_data)
{
  GAsyncResult **run_result = user_data;

  *run_result = g_object_ref (result);
}

static gboolean
run (ParRequests  *requests,
     GError      **error)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  gboolean on_terminal = isatty (STDERR_FILENO);

  g_unix_signal_add (SIGINT, interrupted_cb, cancellable);
  if (on_terminal)
    g_signal_connect (requests, "notify::progress", G_CALLBACK (progress_cb), NULL);

  par_requests_do_async (requests, cancellable, run_done_cb, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  if (on_terminal)
    fprintf (stderr, "\r\033[K");

  return par_requests_do_finish (requests, result, error);
}

static void
print_checksum (const char *path,
                ParRequest *request)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *checksum = take_checksum (request, &error);

  if (checksum != NULL)
    printf ("%s  %s\n", checksum, path);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_printerr ("checksums: %s\n", error->message);
}

int
main (int    argc,
      char **argv)
{
  int concurrency = g_get_num_processors ();
  gboolean as_tasks = FALSE;
  const GOptionEntry entries[] = {
    { "concurrency", 0, 0, G_OPTION_ARG_INT, &concurrency, "Files at once; 0: all", "N" },
    { "task", 0, 0, G_OPTION_ARG_NONE, &as_tasks, "Make a GTask of each file", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(GOptionContext) context = g_option_context_new ("FOLDER");
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(GError) error = NULL;
  GList *paths = NULL;
  guint64 index = 0;
  gboolean succeeded;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 2 || concurrency < 0)
    {
      g_printerr ("checksums: %s\n", error != NULL ? error->message : "see --help");
      return 2;
    }

  succeeded = find_files (argv[1], &paths);
  paths = g_list_sort (paths, (GCompareFunc) strcmp);

  par_requests_set_concurrency (requests, concurrency);
  /* The paths and the tasks' results are looked at after the run. */
  par_requests_set_wait_for_attempts (requests, TRUE);
  for (GList *path = paths; path != NULL; path = path->next)
    {
      if (as_tasks)
        add_task (requests, path->data);
      else
        par_requests_add_thread (requests, checksum_request, path->data, NULL);
    }

  succeeded &= run (requests, &error);

  for (GList *path = paths; path != NULL; path = path->next)
    {
      g_autoptr(ParRequest) request = par_requests_get_request (requests, index++);

      print_checksum (path->data, request);
    }
  if (error != NULL)
    g_printerr ("checksums: %s\n", error->message);
  g_list_free_full (paths, g_free);

  return succeeded ? EXIT_SUCCESS : EXIT_FAILURE;
}
