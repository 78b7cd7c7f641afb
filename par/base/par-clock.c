/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-clock-private.h"

static gint64
system_now (ParClock *self)
{
  return g_get_monotonic_time ();
}

static void
system_wait (ParClock *self,
             GCond    *cond,
             GMutex   *lock,
             gint64    until)
{
  if (until == PAR_CLOCK_NEVER)
    g_cond_wait (cond, lock);
  else
    g_cond_wait_until (cond, lock, until);
}

static void
system_arm (ParClock *self,
            GSource  *source,
            gint64    when)
{
  g_source_set_ready_time (source, when);
}

/* The clock of every program: GLib's monotonic time. */
ParClock *
par_clock_get_system (void)
{
  static ParClock clock = { system_now, system_wait, system_arm };

  return &clock;
}
