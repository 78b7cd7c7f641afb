/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What copies and hedges do to the latencies of a service with a long tail, and what they cost: a
 * table of comma-separated values, of which plot-latency.py makes the plot of the manual. */

#include "acceptance.h"

static const double percentiles[] =
  { 50, 60, 70, 75, 80, 85, 90, 92, 94, 95, 96, 97, 98, 98.5, 99, 99.3, 99.5, 99.7, 99.8, 99.9 };

static Backend backend = { .kind = BACKEND_TAILED };

static void
measure (Acceptance *acceptance,
         const char *name,
         guint       redundancy,
         double      percentile)
{
  g_autoptr(ParHedge) hedge = NULL;
  SimulationMode mode = acceptance->real ? SIMULATION_LOOP : SIMULATION_CLOCK;
  g_autoptr(Simulation) simulation = simulation_new (mode, simulation_serve, &backend);
  ParRequests *requests = simulation_get_requests (simulation, 0);
  Figures figures;

  par_requests_set_concurrency (requests, 256);
  par_requests_set_redundancy (requests, redundancy);
  if (percentile > 0)
    hedge = g_object_new (PAR_TYPE_HEDGE, "percentile", percentile, NULL);
  par_requests_set_hedge (requests, hedge);
  simulation_add (simulation, 0, 50000);
  simulation_run (simulation, NULL);
  trace_get_figures (simulation_get_trace (simulation), 0, G_MAXINT64, &figures);

  g_print ("%s,%.4f", name, figures_get_extra (&figures, PAR_ATTEMPT_KIND_COPY)
                            + figures_get_extra (&figures, PAR_ATTEMPT_KIND_HEDGE));
  for (guint i = 0; i < G_N_ELEMENTS (percentiles); i++)
    g_print (",%.1f", figures_get_msec (&figures, percentiles[i]));
  g_print ("\n");
  figures_clear (&figures);
}

int
main (int   argc,
      char *argv[])
{
  Acceptance acceptance;

  acceptance_init (&acceptance, argc, argv, TRUE);
  backend.seed = acceptance.seed;

  g_print ("setting,extra");
  for (guint i = 0; i < G_N_ELEMENTS (percentiles); i++)
    g_print (",%g", percentiles[i]);
  g_print ("\n");
  measure (&acceptance, "none", 1, 0);
  measure (&acceptance, "copies", 2, 0);
  measure (&acceptance, "hedges-95", 1, 95);
  measure (&acceptance, "hedges-90", 1, 90);

  return acceptance_end (&acceptance);
}
