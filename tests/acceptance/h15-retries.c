/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H15: a service fails, every call of it, for 20 seconds of 60. Retries make it no worse, help as soon
 * as it is well, and do not come all at once. */

#include "acceptance.h"
#include "par-retry-private.h"

#include <math.h>

#define INTERVAL_US 5000
#define PHASE_US (20 * G_USEC_PER_SEC)
#define N_PER_PHASE (PHASE_US / INTERVAL_US)
#define LATENCY_US 10000
#define MAX_RETRIES 3
#define INITIAL_US 100000

static void
serve (guint64   index,
       guint     number,
       gint64    since_us,
       Reply    *reply,
       gpointer  user_data)
{
  reply->latency_us = LATENCY_US;
  reply->fails = since_us / PHASE_US == 1;
}

/* What becomes of requests of the outage. */
typedef struct
{
  gint64 failed_us;  /* its last attempt, or 0 */
} Request;

typedef struct
{
  guint n_requests;
  guint n_calls;
  GArray *delays;           /* (owned) of double: in backoffs of their own, from 0 to 1 */
  gint64 first_success_us;  /* of a request that had failed, after the outage */
} Figures15;

static void
look (Simulation *simulation,
      Figures15  *figures)
{
  Trace *trace = simulation_get_trace (simulation);
  gint64 from_us = simulation_get_start (simulation) + PHASE_US;
  gint64 until_us = from_us + PHASE_US;
  g_autofree Request *requests = g_new0 (Request, 3 * N_PER_PHASE);

  *figures = (Figures15) { .delays = g_array_new (FALSE, FALSE, sizeof (double)) };
  for (guint i = 0; i < trace->events->len; i++)
    {
      const Event *event = &g_array_index (trace->events, Event, i);
      Request *request = &requests[event->index];
      gboolean is_during = event->when_us >= from_us && event->when_us < until_us;

      if (event->type == EVENT_RETURN && !event->detail)
        request->failed_us = event->when_us;
      if (event->type == EVENT_START && is_during)
        {
          figures->n_calls++;
          figures->n_requests += event->number == 1;
        }
      if (event->type == EVENT_START && event->number > 1)
        {
          double backoff_us = ldexp (INITIAL_US, event->number - 2);
          double delay = (event->when_us - request->failed_us) / backoff_us;

          g_array_append_val (figures->delays, delay);
        }
      if (event->type == EVENT_RETURN && event->detail && request->failed_us > 0
          && figures->first_success_us == 0)
        figures->first_success_us = event->when_us - until_us;
    }
}

static int
compare_doubles (gconstpointer a,
                 gconstpointer b)
{
  const double *left = a, *right = b;

  return (*left > *right) - (*left < *right);
}

/* The largest distance from what is spread evenly from 0 to 1, in units of what Kolmogorov and
 * Smirnov allow at 1 %. */
static double
measure_distance (GArray *delays)
{
  double distance = 0;

  g_array_sort (delays, compare_doubles);
  for (guint i = 0; i < delays->len; i++)
    {
      double delay = g_array_index (delays, double, i);

      distance = MAX (distance, fabs ((i + 1.0) / delays->len - delay));
      distance = MAX (distance, fabs (i / (double) delays->len - delay));
    }

  return distance * sqrt (delays->len) / 1.628;
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr(ParRetry) retry = g_object_new (PAR_TYPE_RETRY,
                                            "max-retries", MAX_RETRIES,
                                            "initial-delay", INITIAL_US / 1000, NULL);
  g_autoptr(Simulation) simulation = NULL;
  Acceptance acceptance;
  Figures15 figures;
  Figures after;
  gint64 well_us;

  acceptance_init (&acceptance, argc, argv, FALSE);
  par_retry_set_seed (retry, acceptance.seed);

  simulation = simulation_new (SIMULATION_CLOCK, serve, NULL);
  par_requests_set_retry (simulation_get_requests (simulation, 0), retry);
  simulation_arrive (simulation, 3 * N_PER_PHASE, INTERVAL_US);
  simulation_run (simulation, NULL);
  look (simulation, &figures);
  well_us = simulation_get_start (simulation) + 2 * PHASE_US;
  trace_get_figures (simulation_get_trace (simulation), well_us, G_MAXINT64, &after);
  acceptance_keep (&acceptance, simulation);

  acceptance_title (&acceptance, SIMULATION_CLOCK, "H15: an outage of 20 s, %d retries",
                    MAX_RETRIES);
  acceptance_equal (&acceptance, "requests during it", figures.n_requests, N_PER_PHASE);
  acceptance_at_most (&acceptance, "calls during it", figures.n_calls,
                      1.2 * figures.n_requests + 100);
  acceptance_between (&acceptance, "first saved by a retry after, ms",
                      figures.first_success_us / 1000.0, 0, INITIAL_US / 1000);
  acceptance_equal (&acceptance, "succeeded after it", after.n_states[PAR_REQUEST_STATE_SUCCEEDED],
                    N_PER_PHASE);
  acceptance_at_most (&acceptance, "retries after it, for each request",
                      figures_get_extra (&after, PAR_ATTEMPT_KIND_RETRY), 0);
  acceptance_at_most (&acceptance, "delays, from full jitter", measure_distance (figures.delays), 1);
  g_array_unref (figures.delays);
  figures_clear (&after);

  return acceptance_end (&acceptance);
}
