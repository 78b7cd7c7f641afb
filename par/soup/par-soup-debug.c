/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-debug-private.h"

#include <stdio.h>
#include <string.h>

#define NAME "par-soup"

static GMutex lock;

/* Guarded by the lock. */
static gint64 last_line_us;

static gboolean
stderr_is_wanted (void)
{
  const char *debug = g_getenv ("DEBUG");
  g_auto(GStrv) names = NULL;

  if (g_strcmp0 (g_getenv ("PAR_DEBUG"), "1") == 0)
    return TRUE;
  if (debug == NULL)
    return FALSE;

  names = g_strsplit (debug, ",", -1);
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_strstrip (names[i]);
      if (strcmp (names[i], NAME) == 0 || strcmp (names[i], "*") == 0)
        return TRUE;
    }

  return FALSE;
}

static gboolean
log_is_wanted (void)
{
  return !g_log_writer_default_would_drop (G_LOG_LEVEL_DEBUG, G_LOG_DOMAIN);
}

/* Whether anybody reads the lines. */
gboolean
par_soup_debug_is_wanted (void)
{
  return stderr_is_wanted () || log_is_wanted ();
}

static char *
format_duration (gint64 duration_us)
{
  if (duration_us < 1000)
    return g_strdup_printf ("%" G_GINT64_FORMAT "us", duration_us);
  if (duration_us < G_USEC_PER_SEC)
    return g_strdup_printf ("%" G_GINT64_FORMAT "ms", duration_us / 1000);

  return g_strdup_printf ("%" G_GINT64_FORMAT "s", duration_us / G_USEC_PER_SEC);
}

/* Prints a line as Par does. Par's last line cannot be seen from here, so both times are those
 * since the last line of this name. */
static void
print_line (const char *message)
{
  g_autoptr(GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *time = g_date_time_format (now, "%H:%M:%S");
  g_autofree char *since_last = NULL;
  gint64 now_us;

  g_mutex_lock (&lock);
  now_us = g_get_monotonic_time ();
  since_last = format_duration (last_line_us > 0 ? now_us - last_line_us : 0);
  last_line_us = now_us;
  fprintf (stderr, "%s.%03d %-6s %-6s " NAME " - %s\n", time,
           g_date_time_get_microsecond (now) / 1000, since_last, since_last, message);
  g_mutex_unlock (&lock);
}

void
par_soup_debug (const char *message)
{
  if (stderr_is_wanted ())
    print_line (message);
  if (log_is_wanted ())
    g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG, "MESSAGE", "%s", message);
}
