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

#if defined (__x86_64__)

#include <cpuid.h>
#include <x86intrin.h>

/* Less than a microsecond on every processor that is still in use. */
#define FEW_TICKS 1000

/* Whether the processor ticks at one rate, asleep or not. */
static gboolean
ticks_are_steady (void)
{
  static gsize steady;

  if (g_once_init_enter (&steady))
    {
      guint a, b, c, d = 0;

      g_once_init_leave (&steady, __get_cpuid (0x80000007, &a, &b, &c, &d) && (d & 1 << 8) ? 1 : 2);
    }

  return steady == 1;
}

/* The clock in microseconds. To read it takes 25 ns, a third of all that a short call costs, so
 * it is not read again while the processor has ticked but a few times. */
gint64
par_timer_now (ParTimer *self)
{
  guint64 ticks;

  if (self->clock->now != system_now || !ticks_are_steady ())
    return par_clock_now (self->clock);

  ticks = __rdtsc ();
  if (self->now_us == 0 || ticks - self->ticks > FEW_TICKS)
    {
      self->ticks = ticks;
      self->now_us = par_clock_now (self->clock);
    }

  return self->now_us;
}

#else

gint64
par_timer_now (ParTimer *self)
{
  return par_clock_now (self->clock);
}

#endif
