/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H12: fifty starts a second are fifty in any second, and no second is lost. */

#include "acceptance.h"

#define N_REQUESTS 200
#define RATE 50
#define BURST 5

static void
serve (guint64   index,
       guint     number,
       gint64    since_us,
       Reply    *reply,
       gpointer  user_data)
{
  reply->latency_us = 10000;
}

/* The most starts that are within a second of each other. */
static guint
count_in_a_second (const GArray *starts)
{
  guint n_most = 0;

  for (guint first = 0, last = 0; last < starts->len; last++)
    {
      while (g_array_index (starts, gint64, last) - g_array_index (starts, gint64, first)
             >= G_USEC_PER_SEC)
        first++;
      n_most = MAX (n_most, last - first + 1);
    }

  return n_most;
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr(ParLimiter) limiter = g_object_new (PAR_TYPE_LIMITER,
                                                "rate", (double) RATE, "burst", BURST, NULL);
  g_autoptr(Simulation) simulation = NULL;
  g_autoptr(GArray) starts = NULL;
  Acceptance acceptance;
  double ideal = (N_REQUESTS - BURST) / (double) RATE;
  double took;

  acceptance_init (&acceptance, argc, argv, FALSE);
  simulation = simulation_new (SIMULATION_CLOCK, serve, NULL);
  par_requests_set_limiter (simulation_get_requests (simulation, 0), limiter);
  simulation_add (simulation, 0, N_REQUESTS);
  simulation_run (simulation, NULL);
  starts = trace_get_times (simulation_get_trace (simulation), EVENT_START);
  took = (g_array_index (starts, gint64, starts->len - 1) - simulation_get_start (simulation)) / 1e6;
  acceptance_keep (&acceptance, simulation);

  acceptance_title (&acceptance, SIMULATION_CLOCK, "H12: %d requests, %d a second, burst %d",
                    N_REQUESTS, RATE, BURST);
  acceptance_equal (&acceptance, "starts", starts->len, N_REQUESTS);
  acceptance_at_most (&acceptance, "in any second", count_in_a_second (starts), 55);
  acceptance_between (&acceptance, "seconds in all", took, ideal * 0.98, ideal * 1.02);

  return acceptance_end (&acceptance);
}
