/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-trace-private.h"

#ifdef HAVE_SYSPROF

#include <sysprof-capture.h>

gboolean
par_trace_is_wanted (void)
{
  return sysprof_collector_is_active ();
}

/* Marks what has just ended and took @duration_us. */
void
par_trace_mark (gint64      duration_us,
                const char *name,
                const char *format,
                ...)
{
  gint64 duration_ns = duration_us * 1000;
  va_list args;

  va_start (args, format);
  sysprof_collector_mark_vprintf (SYSPROF_CAPTURE_CURRENT_TIME - duration_ns, duration_ns,
                                  "Par", name, format, args);
  va_end (args);
}

#else

gboolean
par_trace_is_wanted (void)
{
  return FALSE;
}

void
par_trace_mark (gint64      duration_us,
                const char *name,
                const char *format,
                ...)
{
}

#endif
