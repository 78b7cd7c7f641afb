/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H10: losers of 10 s, a hundred thousand of them at once, leave nothing behind. Nor does memory
 * grow in ten runs: of as many requests in real time, of fewer among other tests. */

#include "acceptance.h"

#include <stdio.h>
#include <unistd.h>

#define N_REQUESTS 100000
#define N_REQUESTS_TEST 20000
#define N_RUNS 10

/* After how many runs malloc has as many pages as it needs, and how far memory may be from that
 * after the others, in percent. Sixteen bytes left of each request would be three times as much. */
#define N_FIRST_RUNS 3
#define FLAT 2

/* Whether resident memory is that of the program. What the thread sanitizer remembers of each
 * address comes and goes, 170 to 210 MB after one run or another. */
#define MEMORY_TELLS TRUE
#ifdef __has_feature
# if __has_feature (thread_sanitizer)
#  undef MEMORY_TELLS
#  define MEMORY_TELLS FALSE
# endif
#endif

/* Long enough for all copies to have started, in real time too. */
#define WIN_US (2 * G_USEC_PER_SEC)

static void
lose_in_10_s (guint64   index,
              guint     number,
              gint64    since_us,
              Reply    *reply,
              gpointer  user_data)
{
  reply->latency_us = number == 1 ? WIN_US : 10 * G_USEC_PER_SEC;
}

static double
get_resident_mb (void)
{
  unsigned long size = 0, resident = 0;
  FILE *file = fopen ("/proc/self/statm", "r");

  if (file == NULL || fscanf (file, "%lu %lu", &size, &resident) != 2)
    g_error ("/proc/self/statm cannot be read");
  fclose (file);

  return resident * (sysconf (_SC_PAGESIZE) / 1e6);
}

static void
run (Acceptance     *acceptance,
     SimulationMode  mode,
     guint           number,
     guint           n_requests)
{
  g_autoptr(Simulation) simulation = simulation_new (mode, lose_in_10_s, NULL);
  ParRequests *requests = simulation_get_requests (simulation, 0);
  g_autoptr(GArray) cancels = NULL;
  guint64 n_out;

  par_requests_set_redundancy (requests, 2);
  simulation_add (simulation, 0, n_requests);
  simulation_run (simulation, NULL);
  simulation_pass (simulation, 50000);
  n_out = simulation_count_out (simulation);
  cancels = trace_get_times (simulation_get_trace (simulation), EVENT_CANCEL);
  acceptance_keep (acceptance, simulation);
  simulation_close (simulation);

  acceptance_title (acceptance, mode, "H10: run %u, %u requests with losers of 10 s", number,
                    n_requests);
  acceptance_equal (acceptance, "losers", cancels->len, n_requests);
  acceptance_equal (acceptance, "running after 50 ms", n_out, 0);
  acceptance_equal (acceptance, "results", simulation_get_n_made (simulation), n_requests);
  acceptance_equal (acceptance, "of which were freed", simulation_get_n_freed (simulation),
                    n_requests);
}

int
main (int   argc,
      char *argv[])
{
  SimulationMode mode;
  Acceptance acceptance;
  double first_mb = 0, last_mb = 0;

  acceptance_init (&acceptance, argc, argv, TRUE);
  mode = acceptance.real ? SIMULATION_LOOP : SIMULATION_CLOCK;

  for (guint i = 1; i <= N_RUNS; i++)
    {
      run (&acceptance, mode, i, acceptance.real ? N_REQUESTS : N_REQUESTS_TEST);
      last_mb = get_resident_mb ();
      g_print ("  %-36s %10.4f\n", "memory, MB", last_mb);
      if (i == N_FIRST_RUNS)
        first_mb = last_mb;
    }

  if (!acceptance.real)
    run (&acceptance, mode, N_RUNS + 1, N_REQUESTS);

  if (MEMORY_TELLS)
    {
      acceptance_title (&acceptance, mode, "H10: memory, in megabytes");
      acceptance_between (&acceptance, "after ten runs", last_mb, 0, first_mb * (1 + FLAT / 100.0));
    }

  return acceptance_end (&acceptance);
}
