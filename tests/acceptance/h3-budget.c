/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H3: calls of 50 ms, one in twenty of which take ten times as long. What hedges gain that may make
 * a tenth of the load. The best published peer, scaled, has 170 ms, 594 ms and 0.089. */

#include "acceptance.h"

static Backend backend = { .kind = BACKEND_TAILED };

int
main (int   argc,
      char *argv[])
{
  g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE,
                                            "percentile", 90.0, "max-hedges", 2,
                                            "max-extra-load", 0.1, NULL);
  g_autoptr(Simulation) simulation = NULL;
  ParRequests *requests;
  Acceptance acceptance;
  Figures figures;

  acceptance_init (&acceptance, argc, argv, FALSE);
  backend.seed = acceptance.seed;

  simulation = simulation_new (SIMULATION_CLOCK, simulation_serve, &backend);
  requests = simulation_get_requests (simulation, 0);
  par_requests_set_concurrency (requests, 256);
  par_requests_set_hedge (requests, hedge);
  simulation_add (simulation, 0, 50000);
  simulation_run (simulation, NULL);
  trace_get_figures (simulation_get_trace (simulation), 0, G_MAXINT64, &figures);
  acceptance_keep (&acceptance, simulation);

  acceptance_title (&acceptance, SIMULATION_CLOCK, "H3: 50000 requests, 256 in flight, percentile 90");
  acceptance_at_most (&acceptance, "99 percent, ms", figures_get_msec (&figures, 99), 175);
  acceptance_at_most (&acceptance, "99.9 percent, ms", figures_get_msec (&figures, 99.9), 330);
  acceptance_at_most (&acceptance, "extra load",
                      figures_get_extra (&figures, PAR_ATTEMPT_KIND_HEDGE), 0.1);
  acceptance_equal (&acceptance, "succeeded", figures.n_states[PAR_REQUEST_STATE_SUCCEEDED], 50000);
  acceptance_equal (&acceptance, "hedges of settled requests", figures.n_late, 0);
  figures_clear (&figures);

  return acceptance_end (&acceptance);
}
