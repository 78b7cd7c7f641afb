/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H7: a hedge that fails does not harm the attempt that succeeds later. H8: a loser that is deaf to
 * its cancellable holds up nobody, and keeps its slot. */

#include "acceptance.h"

static void
fail_hedges (guint64   index,
             guint     number,
             gint64    since_us,
             Reply    *reply,
             gpointer  user_data)
{
  reply->latency_us = number == 1 ? 100000 : 5000;
  reply->fails = number > 1;
}

/* How long it took from the success of the attempt of this number to the settlement of its request,
 * for the one of all requests for which it took longest. */
static gint64
get_longest_wait (Simulation *simulation,
                  guint       number)
{
  Trace *trace = simulation_get_trace (simulation);
  g_autoptr(GArray) returned = g_array_new (FALSE, TRUE, sizeof (gint64));
  gint64 longest_us = -1;

  for (guint i = 0; i < trace->events->len; i++)
    {
      const Event *event = &g_array_index (trace->events, Event, i);

      if (event->index >= returned->len)
        g_array_set_size (returned, event->index + 1);
      if (event->type == EVENT_RETURN && event->number == number && event->detail)
        g_array_index (returned, gint64, event->index) = event->when_us;
      else if (event->type == EVENT_SETTLE)
        longest_us = MAX (longest_us,
                          event->when_us - g_array_index (returned, gint64, event->index));
    }

  return longest_us;
}

/* Together, more threads would keep a machine of few processors from being in time. */
#define N_TOGETHER 20

static void
check_failing_hedges (Acceptance     *acceptance,
                      SimulationMode  mode)
{
  g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE,
                                            "delay", 20, "max-hedges", 1, "max-extra-load", 9.0,
                                            "burst", 1000, NULL);
  g_autoptr(Simulation) simulation = simulation_new (mode, fail_hedges, NULL);
  Figures figures;

  par_requests_set_hedge (simulation_get_requests (simulation, 0), hedge);
  for (guint i = 0; i < 1000 / N_TOGETHER; i++)
    {
      simulation_add (simulation, 0, N_TOGETHER);
      simulation_run (simulation, NULL);
    }
  trace_get_figures (simulation_get_trace (simulation), 0, G_MAXINT64, &figures);
  acceptance_keep (acceptance, simulation);

  acceptance_title (acceptance, mode, "H7: 1000 requests whose hedges fail");
  acceptance_equal (acceptance, "hedges", figures.n_kinds[PAR_ATTEMPT_KIND_HEDGE], 1000);
  acceptance_equal (acceptance, "succeeded", figures.n_states[PAR_REQUEST_STATE_SUCCEEDED], 1000);
  acceptance_between (acceptance, "the first after, ms", figures_get_msec (&figures, 0), 95, 105);
  /* In real time the service is late where the machine is. */
  acceptance_between (acceptance, "the last after, without lateness, ms",
                      100 + get_longest_wait (simulation, 1) / 1000.0, 95, 105);
  figures_clear (&figures);
}

#define WIN_US 10000
#define DEAF_US (5 * G_USEC_PER_SEC)

static void
have_deaf_loser (guint64   index,
                 guint     number,
                 gint64    since_us,
                 Reply    *reply,
                 gpointer  user_data)
{
  reply->is_deaf = index == 0 && number == 2;
  reply->latency_us = reply->is_deaf ? DEAF_US : WIN_US;
}

/* When the first attempt at the first request succeeded. */
static gint64
get_success (Simulation *simulation)
{
  Trace *trace = simulation_get_trace (simulation);

  for (guint i = 0; i < trace->events->len; i++)
    {
      const Event *event = &g_array_index (trace->events, Event, i);

      if (event->type == EVENT_RETURN && event->number == 1 && event->index == 0)
        return event->when_us;
    }

  g_return_val_if_reached (0);
}

static void
check_deaf_loser (Acceptance     *acceptance,
                  SimulationMode  mode)
{
  g_autoptr(Simulation) simulation = simulation_new (mode, have_deaf_loser, NULL);
  ParRequests *requests = simulation_get_requests (simulation, 0);
  gint64 started_us, waited_us, others_us;
  Figures figures;
  guint n_late;

  par_requests_set_concurrency (requests, 2);
  par_requests_set_redundancy (requests, 2);
  simulation_add (simulation, 0, 1);
  simulation_run (simulation, NULL);
  started_us = simulation_get_start (simulation);
  waited_us = simulation_get_time (simulation) - get_success (simulation);

  acceptance_title (acceptance, mode, "H8: a loser that is deaf for 5 s");
  acceptance_between (acceptance, "do() has returned after, ms", waited_us / 1000.0, 0, 15);
  acceptance_equal (acceptance, "n-attempts-running",
                    par_requests_get_n_attempts_running (requests), 1);

  /* One slot is left for these, as long as it is deaf. */
  par_requests_set_redundancy (requests, 1);
  simulation_add (simulation, 0, 20);
  simulation_run (simulation, NULL);
  others_us = simulation_get_time (simulation) - simulation_get_start (simulation);
  acceptance_between (acceptance, "20 others, one by one, ms", others_us / 1000.0,
                      20 * WIN_US / 1000, DEAF_US / 1000);

  simulation_finish (simulation);
  trace_get_figures (simulation_get_trace (simulation), 0, G_MAXINT64, &figures);
  n_late = trace_count (simulation_get_trace (simulation), EVENT_RETURN, TRUE,
                        started_us + DEAF_US, G_MAXINT64);
  acceptance_keep (acceptance, simulation);
  acceptance_equal (acceptance, "attempts at once", figures.peak_attempts, 2);
  acceptance_equal (acceptance, "returned after 5 s", n_late, 1);
  acceptance_equal (acceptance, "left running", simulation_count_out (simulation), 0);
  figures_clear (&figures);

  simulation_close (simulation);
  acceptance_equal (acceptance, "results", simulation_get_n_made (simulation), 22);
  acceptance_equal (acceptance, "of which were freed", simulation_get_n_freed (simulation), 22);
}

int
main (int   argc,
      char *argv[])
{
  SimulationMode mode = -1;
  Acceptance acceptance;

  acceptance_init (&acceptance, argc, argv, TRUE);
  while (acceptance_next_mode (&acceptance, &mode))
    {
      check_failing_hedges (&acceptance, mode);
      check_deaf_loser (&acceptance, mode);
    }

  return acceptance_end (&acceptance);
}
