/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H9: hedges cut short the very calls from which their delay is learned, and yet as many are made
 * as the percentile says, whatever the latencies are like. */

#include "acceptance.h"
#include "backend.h"

#define N_REQUESTS 100000

static void
serve (guint64   index,
       guint     number,
       gint64    since_us,
       Reply    *reply,
       gpointer  backend)
{
  reply->latency_us = backend_get_latency (backend, index, number);
}

static void
check (Acceptance  *acceptance,
       BackendKind  kind,
       const char  *name,
       double       percentile,
       double       tolerance)
{
  Backend backend = { kind, acceptance->seed };
  g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE,
                                            "percentile", percentile, "max-hedges", 1,
                                            "max-extra-load", 9.0, NULL);
  g_autoptr(Simulation) simulation = simulation_new (SIMULATION_CLOCK, serve, &backend);
  ParRequests *requests = simulation_get_requests (simulation, 0);
  Figures figures;

  par_requests_set_concurrency (requests, 256);
  par_requests_set_hedge (requests, hedge);
  simulation_add (simulation, 0, N_REQUESTS);
  simulation_run (simulation, NULL);
  trace_get_figures (simulation_get_trace (simulation), 0, G_MAXINT64, &figures);
  acceptance_keep (acceptance, simulation);

  acceptance_title (acceptance, SIMULATION_CLOCK, "H9: %u requests, %s, percentile %g", N_REQUESTS,
                    name, percentile);
  acceptance_between (acceptance, "hedges, percent",
                      100 * figures_get_extra (&figures, PAR_ATTEMPT_KIND_HEDGE),
                      100 - percentile - tolerance, 100 - percentile + tolerance);
  acceptance_equal (acceptance, "succeeded", figures.n_states[PAR_REQUEST_STATE_SUCCEEDED],
                    N_REQUESTS);
  figures_clear (&figures);
}

int
main (int   argc,
      char *argv[])
{
  Acceptance acceptance;

  acceptance_init (&acceptance, argc, argv, FALSE);

  for (guint i = 0; i < 2; i++)
    {
      double percentile = i == 0 ? 95 : 99;
      double tolerance = i == 0 ? 0.7 : 0.3;

      check (&acceptance, BACKEND_TAILED, "lognormal with a tail", percentile, tolerance);
      check (&acceptance, BACKEND_SPREAD, "lognormal with sigma 1", percentile, tolerance);
      check (&acceptance, BACKEND_EXPONENTIAL, "exponential", percentile, tolerance);
    }

  return acceptance_end (&acceptance);
}
