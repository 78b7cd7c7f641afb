/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-backoff-private.h"

#include <math.h>

/* The delay in microseconds after so many failures, the first of which is 1. */
gint64
par_backoff_get_delay (const ParBackoff *self,
                       guint             n_failed,
                       GRand            *random)
{
  double delay_us = self->initial_us * pow (self->multiplier, MAX (n_failed, 1) - 1.0);

  /* The power may be infinite, and not a number where nothing is multiplied by it. */
  if (self->initial_us == 0)
    delay_us = 0;
  delay_us = MIN (delay_us, self->max_us);

  /* Drawn in any case, so that the trace for a seed does not hang on a setting. */
  return delay_us * (1 - self->jitter * g_rand_double (random));
}
