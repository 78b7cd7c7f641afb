/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* H13: two ParRequests share six attempts for each of three keys. Each has the requests of a key one
 * after the other, so to keep all keys busy is to pass over those whose key is full. */

#include "acceptance.h"

#define N_RUNS 2
#define N_KEYS 3
#define N_PER_KEY 300
#define LIMIT 6

static Backend backend = { .kind = BACKEND_STEADY };

typedef struct
{
  guint n_started;
  guint n_out;
  guint n_most;
  gint64 since_us;       /* the last change */
  gint64 until_us;       /* the last start */
  gint64 idle_us;        /* until then */
  double out_us;         /* the time of all attempts, until then */
} KeyFigures;

static void
follow (KeyFigures  *self,
        const Event *event)
{
  if (self->n_started > 0 && self->n_started < N_RUNS * N_PER_KEY)
    {
      /* Threads may note what they do in another order. */
      gint64 passed_us = MAX (event->when_us - self->since_us, 0);

      self->out_us += (double) passed_us * self->n_out;
      self->idle_us += self->n_out == 0 ? passed_us : 0;
    }
  self->since_us = MAX (self->since_us, event->when_us);

  if (event->type == EVENT_START)
    {
      self->until_us = event->when_us;
      self->n_started++;
      self->n_out++;
      self->n_most = MAX (self->n_most, self->n_out);
    }
  else
    {
      self->n_out--;
    }
}

static void
check (Acceptance     *acceptance,
       SimulationMode  mode)
{
  static const char *names[N_KEYS] = { "one", "two", "three" };
  g_autoptr(ParLimiter) limiter = g_object_new (PAR_TYPE_LIMITER,
                                                "concurrency", LIMIT, "per-key", TRUE, NULL);
  g_autoptr(Simulation) simulation = simulation_new (mode, simulation_serve, &backend);
  Trace *trace = simulation_get_trace (simulation);
  KeyFigures keys[N_KEYS] = { { 0 } };

  for (guint run = 0; run < N_RUNS; run++)
    {
      par_requests_set_limiter (simulation_get_requests (simulation, run), limiter);
      for (guint i = 0; i < N_KEYS * N_PER_KEY; i++)
        simulation_add_key (simulation, run, names[i / N_PER_KEY]);
    }
  simulation_run (simulation, NULL);
  acceptance_keep (acceptance, simulation);

  for (guint i = 0; i < trace->events->len; i++)
    {
      const Event *event = &g_array_index (trace->events, Event, i);

      if (event->type == EVENT_START || event->type == EVENT_RETURN)
        follow (&keys[event->index / N_PER_KEY], event);
    }

  acceptance_title (acceptance, mode, "H13: two runs of %d requests, %d at a time for each key",
                    N_KEYS * N_PER_KEY, LIMIT);
  for (guint i = 0; i < N_KEYS; i++)
    {
      g_print ("  key %s\n", names[i]);
      acceptance_equal (acceptance, "requests", keys[i].n_started, N_RUNS * N_PER_KEY);
      acceptance_at_most (acceptance, "attempts at once", keys[i].n_most, LIMIT);
      acceptance_at_most (acceptance, "with none, ms", keys[i].idle_us / 1000.0,
                          acceptance->real ? 2 : 0);
      acceptance_between (acceptance, "attempts, on average",
                          keys[i].out_us / (keys[i].until_us - simulation_get_start (simulation)),
                          5, LIMIT);
    }
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
