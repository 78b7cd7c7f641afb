/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H4: a service becomes slow, every call of it. Hedges make it no worse, and help again as soon as
 * it is well. */

#include "outage.h"

static void
get_figures (Simulation *simulation,
             guint       phase,
             Figures    *figures)
{
  gint64 from_us = simulation_get_start (simulation) + phase * OUTAGE_PHASE_US;

  trace_get_figures (simulation_get_trace (simulation), from_us, from_us + OUTAGE_PHASE_US, figures);
}

/* How many hedges started while the service was slow. */
static guint
count_hedges (Simulation *simulation)
{
  gint64 from_us = simulation_get_start (simulation) + OUTAGE_PHASE_US;

  return trace_count (simulation_get_trace (simulation), EVENT_START, PAR_ATTEMPT_KIND_HEDGE,
                      from_us, from_us + OUTAGE_PHASE_US);
}

static void
check (Acceptance *acceptance,
       guint       max_delay)
{
  g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE,
                                            "max-extra-load", 0.1, "max-delay", max_delay, NULL);
  g_autoptr(Simulation) simulation = outage_run (acceptance->seed, hedge, 3);
  Figures during, after;

  get_figures (simulation, 1, &during);
  get_figures (simulation, 2, &after);
  acceptance_keep (acceptance, simulation);

  acceptance_title (acceptance, SIMULATION_CLOCK, "H4: an outage of 20 s, max-delay %u", max_delay);
  acceptance_at_most (acceptance, "hedges during it", count_hedges (simulation),
                      0.105 * during.n_requests + 10);
  acceptance_at_most (acceptance, "in flight", during.peak_attempts, 540);
  if (max_delay > 0)
    acceptance_at_most (acceptance, "99 percent after it, ms", figures_get_msec (&after, 99), 120);
  acceptance_equal (acceptance, "succeeded after it", after.n_states[PAR_REQUEST_STATE_SUCCEEDED],
                    OUTAGE_N_PER_PHASE);
  figures_clear (&during);
  figures_clear (&after);
}

int
main (int   argc,
      char *argv[])
{
  Acceptance acceptance;

  acceptance_init (&acceptance, argc, argv, FALSE);
  check (&acceptance, 0);
  check (&acceptance, 100);

  return acceptance_end (&acceptance);
}
