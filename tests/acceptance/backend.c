/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "backend.h"

#include <math.h>

/* Spreads every bit of @x over all bits of what it returns. */
static guint64
mix (guint64 x)
{
  x = (x ^ x >> 32) * G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  x = (x ^ x >> 32) * G_GUINT64_CONSTANT (0xd6e8feb86659fd93);

  return x ^ x >> 32;
}

/* The next of the random numbers that belong to @state, from 0 to 1, but neither of them. */
static double
draw (guint64 *state)
{
  *state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  return ((mix (*state) >> 12) + 0.5) / (G_GUINT64_CONSTANT (1) << 52);
}

static double
draw_uniform (guint64 *state,
              double   low,
              double   high)
{
  return low + draw (state) * (high - low);
}

/* By Box and Muller. */
static double
draw_normal (guint64 *state)
{
  double radius = sqrt (-2 * log (draw (state)));

  return radius * cos (2 * G_PI * draw (state));
}

static double
draw_msec (BackendKind  kind,
           guint64     *state)
{
  switch (kind)
    {
    case BACKEND_ONE_IN_TEN:
      return draw (state) < 0.1 ? draw_uniform (state, 480, 520) : draw_uniform (state, 8, 12);

    case BACKEND_TAILED:
      {
        double variance = log1p (0.4 * 0.4);
        double factor = draw (state) < 0.05 ? 10 : 1;

        return factor * 50 * exp (sqrt (variance) * draw_normal (state) - variance / 2);
      }

    case BACKEND_SPREAD:
      return 50 * exp (draw_normal (state));

    case BACKEND_EXPONENTIAL:
      return -50 * log (draw (state));

    case BACKEND_STEADY:
      return draw (state) < 0.02 ? 300 : draw_uniform (state, 8, 12);

    default:
      g_return_val_if_reached (0);
    }
}

/* How long an attempt takes, in microseconds: the one of this number of the request of this index.
 * */
gint64
backend_get_latency (const Backend *self,
                     guint64        index,
                     guint          number)
{
  guint64 state = mix (mix (mix (self->seed) + index) + number);

  return MAX (llround (1000 * draw_msec (self->kind, &state)), 1);
}
