/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H14: an hour in which the service is slow every other 20 seconds, within five seconds; and the same
 * to the last event, twenty times.
 *
 * Among other tests five seconds of the processor are what counts, and a minute is what is done
 * twenty times; with --real it is five seconds of a clock, and the hour. A processor that others use
 * takes longer for the same, so it is the least of a few times that tells. */

#include "outage.h"

#include <time.h>

#define N_PHASES_HOUR (3600 / 20)
#define N_PHASES_MINUTE 3
#define N_TIMES 20
#define N_HOURS 3

static double
get_seconds (Acceptance *acceptance)
{
  return acceptance->real ? g_get_monotonic_time () / 1e6 : clock () / (double) CLOCKS_PER_SEC;
}

/* Runs it so often as @n_times. Returns how many of the traces were the same as the first. */
static guint
repeat (Acceptance *acceptance,
        guint       n_phases,
        guint       n_times,
        double     *least)
{
  guint64 first = 0;
  guint n_same = 0;

  *least = G_MAXDOUBLE;
  for (guint i = 0; i < n_times; i++)
    {
      g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE, "max-extra-load", 0.1, NULL);
      double started = get_seconds (acceptance);
      g_autoptr(Simulation) simulation = outage_run (acceptance->seed, hedge, n_phases);
      guint64 hash = trace_hash (simulation_get_trace (simulation));

      *least = MIN (*least, get_seconds (acceptance) - started);
      first = i == 0 ? hash : first;
      n_same += hash == first
                && trace_count (simulation_get_trace (simulation), EVENT_SETTLE,
                                PAR_REQUEST_STATE_SUCCEEDED, 0, G_MAXINT64)
                   == n_phases * OUTAGE_N_PER_PHASE;
      acceptance_keep (acceptance, simulation);
    }

  return n_same;
}

int
main (int   argc,
      char *argv[])
{
  Acceptance acceptance;
  double minute, hour = G_MAXDOUBLE;
  guint n_same;

  acceptance_init (&acceptance, argc, argv, TRUE);

  acceptance_title (&acceptance, SIMULATION_CLOCK, "H14: one hour, %d requests",
                    N_PHASES_HOUR * OUTAGE_N_PER_PHASE);
  if (acceptance.real)
    n_same = repeat (&acceptance, N_PHASES_HOUR, N_TIMES, &hour);
  else
    n_same = repeat (&acceptance, N_PHASES_MINUTE, N_TIMES, &minute);
  acceptance_equal (&acceptance, "the same trace", n_same, N_TIMES);
  for (guint i = 0; !acceptance.real && i < N_HOURS && hour > 5; i++)
    {
      double once;

      repeat (&acceptance, N_PHASES_HOUR, 1, &once);
      hour = MIN (hour, once);
    }
  acceptance_at_most (&acceptance, acceptance.real ? "seconds" : "seconds of the processor", hour, 5);

  return acceptance_end (&acceptance);
}
