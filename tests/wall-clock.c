/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The functions of the C library that tell the time of day, instead of its own: for all that is in
 * the process. Clocks that nobody sets are as they were. */

#include "wall-clock.h"

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static _Atomic gint64 offset_us;

void
wall_clock_jump (gint64 step_us)
{
  offset_us += step_us;
}

int
clock_gettime (clockid_t        clock,
               struct timespec *now)
{
  int result = syscall (SYS_clock_gettime, clock, now);
  gint64 now_us;

  if (result != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
    return result;

  now_us = now->tv_sec * G_USEC_PER_SEC + now->tv_nsec / 1000 + offset_us;
  now->tv_sec = now_us / G_USEC_PER_SEC;
  now->tv_nsec = now_us % G_USEC_PER_SEC * 1000;

  return 0;
}

int
gettimeofday (struct timeval *now,
              void           *zone)
{
  struct timespec precise;

  clock_gettime (CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;

  return 0;
}

time_t
time (time_t *place)
{
  struct timespec precise;

  clock_gettime (CLOCK_REALTIME, &precise);
  if (place != NULL)
    *place = precise.tv_sec;

  return precise.tv_sec;
}
