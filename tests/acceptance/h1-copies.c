/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H1: one call in ten is slow. How many requests are still slow with one copy, two and three. */

#include "acceptance.h"

static Backend backend = { .kind = BACKEND_ONE_IN_TEN };

/* Shares in percent, and how far off they may be; with three copies, the most there may be. */
static const double shares[] = { 10, 1, 0 };
static const double tolerances[] = { 0.7, 0.2, 0.2 };

/* Without a bound, there are only so many blocked threads at a time as suit a machine. */
#define N_REQUESTS_UNBOUNDED_THREADS 100

static guint
get_batch (Acceptance     *acceptance,
           SimulationMode  mode,
           guint           concurrency)
{
  if (mode == SIMULATION_THREADS && concurrency == 0)
    return N_REQUESTS_UNBOUNDED_THREADS;

  return acceptance->real ? 2000 : 20000;
}

static void
check (Acceptance     *acceptance,
       SimulationMode  mode,
       guint           concurrency,
       guint           redundancy)
{
  g_autoptr(Simulation) simulation = simulation_new (mode, simulation_serve, &backend);
  ParRequests *requests = simulation_get_requests (simulation, 0);
  double tolerance = tolerances[redundancy - 1] * (acceptance->real ? 3 : 1);
  guint n_requests = acceptance->real ? 2000 : 20000;
  guint batch = get_batch (acceptance, mode, concurrency);
  Figures figures;

  par_requests_set_concurrency (requests, concurrency);
  par_requests_set_redundancy (requests, redundancy);
  for (guint i = 0; i < n_requests; i += batch)
    {
      simulation_add (simulation, 0, batch);
      simulation_run (simulation, NULL);
    }
  trace_get_figures (simulation_get_trace (simulation), 0, G_MAXINT64, &figures);
  acceptance_keep (acceptance, simulation);

  acceptance_title (acceptance, mode, "H1: %u requests, concurrency %u, redundancy %u", n_requests,
                    concurrency, redundancy);
  acceptance_between (acceptance, "over 100 ms, percent", 100 * figures_get_share (&figures, 100000),
                      MAX (shares[redundancy - 1] - tolerance, 0),
                      shares[redundancy - 1] + tolerance);
  acceptance_equal (acceptance, "succeeded", figures.n_states[PAR_REQUEST_STATE_SUCCEEDED],
                    n_requests);
  acceptance_equal (acceptance, "copies of settled requests", figures.n_late, 0);
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
    {
      for (guint redundancy = 1; redundancy <= 3; redundancy++)
        {
          check (&acceptance, mode, 0, redundancy);
          check (&acceptance, mode, 64, redundancy);
        }
    }

  return acceptance_end (&acceptance);
}
