/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* No time: a wait without an end, a source that is not to be woken. */
#define PAR_CLOCK_NEVER G_GINT64_CONSTANT (-1)

typedef struct _ParClock ParClock;

/* All that the engine knows of time, in microseconds that never go backwards. Tests put in a
 * clock that stands still until they move it, so waiting belongs to the clock too. */
struct _ParClock
{
  gint64 (*now)  (ParClock *self);

  /* Waits on @cond, with @lock held, until it is signalled or it is @until. */
  void   (*wait) (ParClock *self,
                  GCond    *cond,
                  GMutex   *lock,
                  gint64    until);

  /* Makes @source ready at @when instead of any time set before. */
  void   (*arm)  (ParClock *self,
                  GSource  *source,
                  gint64    when);
};

ParClock *par_clock_get_system (void);

/* Reads a clock often, for one thread. */
typedef struct
{
  ParClock *clock;
  guint64 ticks;   /* of the processor, when the clock was read */
  gint64 now_us;
} ParTimer;

gint64    par_timer_now        (ParTimer *self);

static inline gint64
par_clock_now (ParClock *self)
{
  return self->now (self);
}

static inline void
par_clock_wait (ParClock *self,
                GCond    *cond,
                GMutex   *lock,
                gint64    until)
{
  self->wait (self, cond, lock, until);
}

static inline void
par_clock_arm (ParClock *self,
               GSource  *source,
               gint64    when)
{
  self->arm (self, source, when);
}

G_END_DECLS
