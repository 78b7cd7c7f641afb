/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  BACKEND_ONE_IN_TEN,   /* 90 % uniform from 8 to 12 ms, 10 % uniform from 480 to 520 */
  BACKEND_TAILED,       /* lognormal, mean 50 ms, deviation 20 ms; 5 % of them times ten */
  BACKEND_SPREAD,       /* lognormal, median 50 ms, sigma 1 */
  BACKEND_EXPONENTIAL,  /* mean 50 ms */
  BACKEND_STEADY,       /* uniform from 8 to 12 ms, 2 % take 300 */
} BackendKind;

/* A service that takes as long as it has been told to. How long an attempt takes depends on the
 * seed, the request and the attempt's number, and on nothing else: so neither the order in which
 * they are asked for nor the thread matters. Attempts are independent of each other. */
typedef struct
{
  BackendKind kind;
  guint64 seed;
} Backend;

gint64 backend_get_latency (const Backend *self,
                            guint64        index,
                            guint          number);

G_END_DECLS
