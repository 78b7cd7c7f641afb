/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define PAR_FLIGHT_MAX_GROUPS 256

/* Calls that began within a time. */
typedef struct
{
  gint64 since_us;
  gint64 until_us;
  guint64 n;
} ParFlightGroup;

/* How long the calls in flight have lasted, in a memory that is bounded: the older calls are, the
 * more of them are put together, so that what is known of each is within an eighth. */
typedef struct
{
  guint n_groups;
  ParFlightGroup groups[PAR_FLIGHT_MAX_GROUPS];  /* oldest first */
} ParFlight;

void    par_flight_begin  (ParFlight       *self,
                           gint64           now_us);
void    par_flight_end    (ParFlight       *self,
                           gint64           begun_us);
void    par_flight_forget (ParFlight       *self,
                           gint64           before_us);
guint64 par_flight_get_n  (const ParFlight *self);

G_END_DECLS
