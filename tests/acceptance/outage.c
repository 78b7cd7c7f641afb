/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "outage.h"

static void
serve (guint64   index,
       guint     number,
       gint64    since_us,
       Reply    *reply,
       gpointer  seed)
{
  const Backend backend = { BACKEND_STEADY, *(gint64 *) seed };

  if (since_us / OUTAGE_PHASE_US % 2 == 0)
    reply->latency_us = backend_get_latency (&backend, index, number);
  else
    reply->latency_us = 2 * G_USEC_PER_SEC;
}

/* Runs that under the test clock. */
Simulation *
outage_run (gint64    seed,
            ParHedge *hedge,
            guint     n_phases)
{
  Simulation *simulation = simulation_new (SIMULATION_CLOCK, serve, &seed);
  ParRequests *requests = simulation_get_requests (simulation, 0);

  par_requests_set_hedge (requests, hedge);
  simulation_arrive (simulation, n_phases * OUTAGE_N_PER_PHASE, OUTAGE_INTERVAL_US);
  simulation_run (simulation, NULL);
  simulation_finish (simulation);

  return simulation;
}
