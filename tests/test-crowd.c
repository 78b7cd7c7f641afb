/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a great many requests of a great many keys cost under a limiter: the work for each must not
 * grow with how many there are. Work is counted, in looks at what waits and questions to the
 * limiter; time would tell of the machine. */

#include "fake-clock.h"
#include "gate.h"
#include "par-limiter-private.h"

/* The linker has the library call these. */
gpointer   __wrap_g_sequence_get         (GSequenceIter   *iter);
gpointer   __real_g_sequence_get         (GSequenceIter   *iter);
gboolean   __wrap_g_hash_table_iter_next (GHashTableIter  *iter,
                                          gpointer        *key,
                                          gpointer        *value);
gboolean   __real_g_hash_table_iter_next (GHashTableIter  *iter,
                                          gpointer        *key,
                                          gpointer        *value);
ParPermit *__wrap_par_limiter_acquire    (ParLimiter      *self,
                                          ParHost         *host,
                                          const char      *key,
                                          gint64           now_us,
                                          gint64          *retry_at_us);
ParPermit *__real_par_limiter_acquire    (ParLimiter      *self,
                                          ParHost         *host,
                                          const char      *key,
                                          gint64           now_us,
                                          gint64          *retry_at_us);

static guint64 n_steps;

gpointer
__wrap_g_sequence_get (GSequenceIter *iter)
{
  n_steps++;

  return __real_g_sequence_get (iter);
}

gboolean
__wrap_g_hash_table_iter_next (GHashTableIter *iter,
                               gpointer       *key,
                               gpointer       *value)
{
  n_steps++;

  return __real_g_hash_table_iter_next (iter, key, value);
}

ParPermit *
__wrap_par_limiter_acquire (ParLimiter *self,
                            ParHost    *host,
                            const char *key,
                            gint64      now_us,
                            gint64     *retry_at_us)
{
  n_steps++;

  return __real_par_limiter_acquire (self, host, key, now_us, retry_at_us);
}

typedef struct
{
  FakeClock *clock;
  ParRequests *requests;
  ParLimiter *limiter;
  GQueue held;  /* of ParAttempt (owned) */
  gboolean is_over;
} Crowd;

static void
hold (ParAttempt  *attempt,
      gpointer     data,
      GError     **error)
{
  Crowd *crowd = data;

  g_queue_push_tail (&crowd->held, g_object_ref (attempt));
}

static void
done_cb (GObject      *requests,
         GAsyncResult *result,
         gpointer      data)
{
  Crowd *crowd = data;

  g_assert_true (par_requests_do_finish (PAR_REQUESTS (requests), result, NULL));
  crowd->is_over = TRUE;
}

static void
settle_down (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* Runs requests, each of the next key, and has them succeed in the order in which they start.
 * Returns how many steps each took. */
static double
run_crowd (ParLimiter *limiter,
           guint       n_keys,
           guint       n_requests)
{
  Crowd crowd = { fake_clock_new (), par_requests_new (), limiter, G_QUEUE_INIT, FALSE };

  fake_clock_give (crowd.clock, crowd.requests);
  par_requests_set_limiter (crowd.requests, limiter);
  for (guint i = 0; i < n_requests; i++)
    {
      g_autoptr(ParRequest) request = par_request_new_async (hold, &crowd, NULL);
      g_autofree char *key = g_strdup_printf ("%u", i % n_keys);

      par_request_set_key (request, key);
      par_requests_add (crowd.requests, request);
    }

  n_steps = 0;
  par_requests_do_async (crowd.requests, NULL, done_cb, &crowd);
  settle_down ();
  while (!crowd.is_over)
    {
      if (crowd.held.length > 0)
        {
          ParAttempt *attempt = g_queue_pop_head (&crowd.held);

          par_attempt_return_boolean (attempt, TRUE);
          g_object_unref (attempt);
        }
      else
        {
          fake_clock_set_time (crowd.clock, fake_clock_get_next_time (crowd.clock));
        }
      settle_down ();
    }

  g_assert_finalize_object (crowd.requests);
  fake_clock_free (crowd.clock);
  g_test_message ("%u requests of %u keys: %.2f steps each", n_requests, n_keys,
                  (double) n_steps / n_requests);

  return (double) n_steps / n_requests;
}

/* A quadratic one would be ten times, or a hundred. */
static void
assert_does_not_grow (ParLimiter *limiter)
{
  double few = run_crowd (limiter, 1000, 10000);

  g_assert_cmpfloat (run_crowd (limiter, 1000, 100000), <, 1.25 * few);
  g_assert_cmpfloat (run_crowd (limiter, 10, 10000), >, few / 1.25);
}

static void
concurrency_of_many_keys (void)
{
  g_autoptr(ParLimiter) limiter = par_limiter_new ();

  g_test_summary ("Neither with ten times the requests, nor with a hundred times the keys.");

  par_limiter_set_per_key (limiter, TRUE);
  par_limiter_set_concurrency (limiter, 1);
  assert_does_not_grow (limiter);
}

static void
rate_of_many_keys (void)
{
  g_autoptr(ParLimiter) limiter = par_limiter_new ();

  g_test_summary ("The same, where it is time that frees them.");

  par_limiter_set_per_key (limiter, TRUE);
  par_limiter_set_rate (limiter, 10);
  assert_does_not_grow (limiter);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/par/crowd/" name, func)
  add ("concurrency-of-many-keys", concurrency_of_many_keys);
  add ("rate-of-many-keys", rate_of_many_keys);
#undef add

  return g_test_run ();
}
