/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H5: three attempts that fail. H6: one that fails long before a hedge would be due. H16: many that
 * fail where few hedges can be paid. No request waits for anything in vain. */

#include "acceptance.h"

static void
fail_in_5_ms (guint64   index,
              guint     number,
              gint64    since_us,
              Reply    *reply,
              gpointer  user_data)
{
  reply->latency_us = 5000;
  reply->fails = TRUE;
}

static void
fail_first_in_2_ms (guint64   index,
                    guint     number,
                    gint64    since_us,
                    Reply    *reply,
                    gpointer  user_data)
{
  reply->latency_us = number == 1 ? 2000 : 10000;
  reply->fails = number == 1;
}

static void
fail_first_at_once (guint64   index,
                    guint     number,
                    gint64    since_us,
                    Reply    *reply,
                    gpointer  user_data)
{
  reply->latency_us = number == 1 ? 0 : 10000;
  reply->fails = number == 1;
}

static void
check_retries (Acceptance *acceptance)
{
  g_autoptr(ParRetry) retry = g_object_new (PAR_TYPE_RETRY,
                                            "initial-delay", 0, "max-retries", 2, NULL);
  g_autoptr(Simulation) simulation = simulation_new (SIMULATION_CLOCK, fail_in_5_ms, NULL);
  ParRequests *requests = simulation_get_requests (simulation, 0);
  g_autoptr(GPtrArray) errors = NULL;
  g_autoptr(ParRequest) request = NULL;
  Figures figures;

  par_requests_set_retry (requests, retry);
  simulation_add (simulation, 0, 1);
  simulation_run (simulation, NULL);
  trace_get_figures (simulation_get_trace (simulation), 0, G_MAXINT64, &figures);
  acceptance_keep (acceptance, simulation);
  request = par_requests_get_request (requests, 0);
  errors = par_request_get_attempt_errors (request);

  acceptance_title (acceptance, SIMULATION_CLOCK, "H5: three attempts that fail after 5 ms");
  acceptance_at_most (acceptance, "settled within, ms", figures_get_msec (&figures, 100), 25);
  acceptance_equal (acceptance, "failed", figures.n_states[PAR_REQUEST_STATE_FAILED], 1);
  acceptance_equal (acceptance, "errors", errors->len, 3);
  acceptance_equal (acceptance, "left running", simulation_count_out (simulation), 0);
  figures_clear (&figures);
}

static void
check_hedge (Acceptance *acceptance)
{
  g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE, "delay", 1000, NULL);
  g_autoptr(Simulation) simulation = simulation_new (SIMULATION_CLOCK, fail_first_in_2_ms, NULL);
  Figures figures;

  par_requests_set_hedge (simulation_get_requests (simulation, 0), hedge);
  simulation_add (simulation, 0, 1);
  simulation_run (simulation, NULL);
  trace_get_figures (simulation_get_trace (simulation), 0, G_MAXINT64, &figures);
  acceptance_keep (acceptance, simulation);

  acceptance_title (acceptance, SIMULATION_CLOCK, "H6: fails after 2 ms, hedge delay 1000 ms");
  acceptance_at_most (acceptance, "settled within, ms", figures_get_msec (&figures, 100), 20);
  acceptance_equal (acceptance, "succeeded", figures.n_states[PAR_REQUEST_STATE_SUCCEEDED], 1);
  figures_clear (&figures);
}

static void
check_budget (Acceptance *acceptance)
{
  g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE,
                                            "delay", 1000, "max-extra-load", 0.1, "burst", 5, NULL);
  g_autoptr(Simulation) simulation = simulation_new (SIMULATION_CLOCK, fail_first_at_once, NULL);
  Figures figures;

  par_requests_set_hedge (simulation_get_requests (simulation, 0), hedge);
  simulation_add (simulation, 0, 50);
  simulation_run (simulation, NULL);
  trace_get_figures (simulation_get_trace (simulation), 0, G_MAXINT64, &figures);
  acceptance_keep (acceptance, simulation);

  acceptance_title (acceptance, SIMULATION_CLOCK, "H16: 50 that fail at once, hedges for 5");
  acceptance_at_most (acceptance, "settled within, ms", figures_get_msec (&figures, 100), 50);
  acceptance_equal (acceptance, "settled", figures.n_times, 50);
  acceptance_equal (acceptance, "hedges", figures.n_kinds[PAR_ATTEMPT_KIND_HEDGE], 5);
  acceptance_equal (acceptance, "succeeded", figures.n_states[PAR_REQUEST_STATE_SUCCEEDED], 5);
  figures_clear (&figures);
}

int
main (int   argc,
      char *argv[])
{
  Acceptance acceptance;

  acceptance_init (&acceptance, argc, argv, FALSE);
  check_retries (&acceptance);
  check_hedge (&acceptance);
  check_budget (&acceptance);

  return acceptance_end (&acceptance);
}
