/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The peak resident memory of a run of so many requests that come from a source, and that of ten
 * thousand, each in a process of its own.
 *
 * Usage: memory [REQUESTS] */

#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>

#include <par/par.h>

static guint64 n_left;

static void
do_nothing (ParAttempt  *attempt,
            gpointer     user_data,
            GError     **error)
{
  par_attempt_return_boolean (attempt, TRUE);
}

static gboolean
add_one (ParRequests  *requests,
         gpointer      is_async,
         GError      **error)
{
  if (n_left == 0)
    return FALSE;

  if (GPOINTER_TO_INT (is_async))
    par_requests_add_async (requests, do_nothing, NULL, NULL);
  else
    par_requests_add_thread (requests, do_nothing, NULL, NULL);

  return --n_left > 0;
}

/* Runs them, and prints the memory and the time this took. */
static void
run (gboolean is_async)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(GError) error = NULL;
  guint64 n_requests = n_left;
  gint64 start_us = g_get_monotonic_time ();
  struct rusage usage;

  par_requests_set_concurrency (requests, 64);
  par_requests_set_keep_completed (requests, FALSE);
  par_requests_set_source (requests, add_one, GINT_TO_POINTER (is_async), NULL);
  par_requests_do (requests, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (par_requests_get_n_succeeded (requests), ==, n_requests);

  getrusage (RUSAGE_SELF, &usage);
  g_print ("%6s %10" G_GUINT64_FORMAT " requests: %6ld KiB at the peak, %5.0f ns for each\n",
           is_async ? "async" : "thread", n_requests, usage.ru_maxrss,
           (g_get_monotonic_time () - start_us) * 1000.0 / n_requests);
}

static void
run_alone (const char *program,
           const char *kind,
           const char *n_requests)
{
  const char *arguments[] = { program, n_requests, kind, NULL };
  g_autoptr(GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **) arguments, NULL, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL,
                NULL, &status, &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);
}

int
main (int    argc,
      char **argv)
{
  const char *kinds[] = { "thread", "async" };

  n_left = argc > 1 ? strtoull (argv[1], NULL, 10) : 10000000;
  if (argc > 2)
    {
      run (strcmp (argv[2], "async") == 0);
      return EXIT_SUCCESS;
    }

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *n_requests = g_strdup_printf ("%" G_GUINT64_FORMAT, n_left);

      run_alone (argv[0], kinds[i], "10000");
      run_alone (argv[0], kinds[i], n_requests);
    }

  return EXIT_SUCCESS;
}
