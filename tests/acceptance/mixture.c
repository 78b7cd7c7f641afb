/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All at once: two runs with copies, hedges and retries that share their policies, under a limiter
 * by key and time, with attempts that are too late. Whatever there is by chance comes from the seed:
 * test-trace.py has this run again and again, and compares what happened. */

#include "acceptance.h"
#include "par-retry-private.h"

static Backend backend = { .kind = BACKEND_TAILED };
static Backend failures = { .kind = BACKEND_ONE_IN_TEN };

static void
serve (guint64   index,
       guint     number,
       gint64    since_us,
       Reply    *reply,
       gpointer  user_data)
{
  simulation_serve (index, number, since_us, reply, &backend);
  /* One in ten attempts fails, sooner than it would have succeeded. */
  reply->fails = backend_get_latency (&failures, index, number) > 100000;
  if (reply->fails)
    reply->latency_us /= 3;
}

static void
add (Simulation *simulation,
     guint       run,
     guint       n_requests)
{
  static const char *keys[] = { "one", "two", "three", "four", NULL };

  for (guint i = 0; i < n_requests; i++)
    simulation_add_key (simulation, run, keys[i % G_N_ELEMENTS (keys)]);
}

static void
check_kind (Acceptance     *acceptance,
            Simulation     *simulation,
            const char     *name,
            ParAttemptKind  kind)
{
  guint n_started = trace_count (simulation_get_trace (simulation), EVENT_START, kind, 0,
                                 G_MAXINT64);

  acceptance_between (acceptance, name, n_started, 10, 4000);
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE, "percentile", 90.0, "burst", 2, NULL);
  g_autoptr(ParRetry) retry = par_retry_new ();
  g_autoptr(ParLimiter) limiter = g_object_new (PAR_TYPE_LIMITER, "concurrency", 8, "rate", 100.0,
                                                "burst", 5, "per-key", TRUE, NULL);
  g_autoptr(Simulation) simulation = NULL;
  Acceptance acceptance;
  guint n_settled = 0;

  acceptance_init (&acceptance, argc, argv, FALSE);
  backend.seed = acceptance.seed;
  failures.seed = acceptance.seed + 1;
  par_retry_set_seed (retry, acceptance.seed);

  simulation = simulation_new (SIMULATION_CLOCK, serve, NULL);
  for (guint run = 0; run < 2; run++)
    {
      g_object_set (simulation_get_requests (simulation, run),
                    "hedge", hedge, "retry", retry, "limiter", limiter, "concurrency", 32,
                    "redundancy", run + 1, "attempt-timeout", 400, NULL);
      add (simulation, run, 1000);
    }
  simulation_run (simulation, NULL);
  simulation_finish (simulation);
  acceptance_keep (&acceptance, simulation);

  acceptance_title (&acceptance, SIMULATION_CLOCK, "all policies: two runs of 1000 requests");
  check_kind (&acceptance, simulation, "copies", PAR_ATTEMPT_KIND_COPY);
  check_kind (&acceptance, simulation, "hedges", PAR_ATTEMPT_KIND_HEDGE);
  check_kind (&acceptance, simulation, "retries", PAR_ATTEMPT_KIND_RETRY);
  for (ParRequestState state = 0; state <= PAR_REQUEST_STATE_CANCELLED; state++)
    n_settled += trace_count (simulation_get_trace (simulation), EVENT_SETTLE, state, 0, G_MAXINT64);
  acceptance_equal (&acceptance, "settled", n_settled, 2000);
  acceptance_equal (&acceptance, "permits that were not given back",
                    par_limiter_get_n_running (limiter) + par_limiter_get_n_waiting (limiter), 0);

  return acceptance_end (&acceptance);
}
