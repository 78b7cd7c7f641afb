/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How long to wait before the next try: longer after each failure, and at random, so that those
 * who failed together do not come back together. */
typedef struct
{
  gint64 initial_us;
  gint64 max_us;
  double multiplier;
  double jitter;      /* the share of the delay that is left to chance: 0 none, 1 all of it */
} ParBackoff;

gint64 par_backoff_get_delay (const ParBackoff *self,
                              guint             n_failed,
                              GRand            *random);

G_END_DECLS
