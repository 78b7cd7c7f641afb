/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H2: one call in ten is slow. A hedge after 20 ms, and another after 40, help as much as two
 * copies, at a tenth of the load. */

#include "acceptance.h"

static Backend backend = { .kind = BACKEND_ONE_IN_TEN };

static void
check (Acceptance     *acceptance,
       SimulationMode  mode)
{
  g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE,
                                            "delay", 20, "max-hedges", 2, "max-extra-load", 9.0,
                                            NULL);
  g_autoptr(Simulation) simulation = simulation_new (mode, simulation_serve, &backend);
  ParRequests *requests = simulation_get_requests (simulation, 0);
  guint n_requests = acceptance->real ? 2000 : 20000;
  double tolerance = acceptance->real ? 0.03 : 0.01;
  double late_ms = acceptance->real ? 2 : 0;
  Figures figures;

  par_requests_set_concurrency (requests, 64);
  par_requests_set_hedge (requests, hedge);
  simulation_add (simulation, 0, n_requests);
  simulation_run (simulation, NULL);
  trace_get_figures (simulation_get_trace (simulation), 0, G_MAXINT64, &figures);
  acceptance_keep (acceptance, simulation);

  acceptance_title (acceptance, mode, "H2: %u requests, hedges after 20 and 40 ms", n_requests);
  acceptance_at_most (acceptance, "over 100 ms, percent", 100 * figures_get_share (&figures, 100000),
                      0.2);
  acceptance_at_most (acceptance, "99 percent, ms", figures_get_msec (&figures, 99), 52 + late_ms);
  acceptance_between (acceptance, "extra load", figures_get_extra (&figures, PAR_ATTEMPT_KIND_HEDGE),
                      0.11 - tolerance, 0.11 + tolerance);
  acceptance_equal (acceptance, "succeeded", figures.n_states[PAR_REQUEST_STATE_SUCCEEDED],
                    n_requests);
  acceptance_equal (acceptance, "hedges of settled requests", figures.n_late, 0);
  figures_clear (&figures);
}

int
main (int   argc,
      char *argv[])
{
  SimulationMode mode = -1;
  Acceptance acceptance;

  acceptance_init (&acceptance, argc, argv, TRUE);
  backend.seed = acceptance.seed;

  while (acceptance_next_mode (&acceptance, &mode))
    check (&acceptance, mode);

  return acceptance_end (&acceptance);
}
