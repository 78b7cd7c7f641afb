/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H11: what is cancelled before it begins starts nothing. */

#include "acceptance.h"

#define N_TIMES 10000

static void
serve (guint64   index,
       guint     number,
       gint64    since_us,
       Reply    *reply,
       gpointer  user_data)
{
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  SimulationMode mode = -1;
  Acceptance acceptance;

  acceptance_init (&acceptance, argc, argv, TRUE);
  g_cancellable_cancel (cancellable);

  while (acceptance_next_mode (&acceptance, &mode))
    {
      g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE, "delay", 1, NULL);
      g_autoptr(ParRetry) retry = par_retry_new ();
      g_autoptr(Simulation) simulation = simulation_new (mode, serve, NULL);
      ParRequests *requests = simulation_get_requests (simulation, 0);
      g_autoptr(GArray) starts = NULL;

      par_requests_set_redundancy (requests, 2);
      par_requests_set_hedge (requests, hedge);
      par_requests_set_retry (requests, retry);
      for (guint i = 0; i < N_TIMES; i++)
        {
          simulation_add (simulation, 0, 1);
          simulation_run (simulation, cancellable);
        }
      starts = trace_get_times (simulation_get_trace (simulation), EVENT_START);
      acceptance_keep (&acceptance, simulation);

      acceptance_title (&acceptance, mode, "H11: cancelled before do(), %u times", N_TIMES);
      acceptance_equal (&acceptance, "starts", starts->len, 0);
      acceptance_equal (&acceptance, "cancelled",
                        trace_count (simulation_get_trace (simulation), EVENT_SETTLE,
                                     PAR_REQUEST_STATE_CANCELLED, 0, G_MAXINT64), N_TIMES);
    }

  return acceptance_end (&acceptance);
}
