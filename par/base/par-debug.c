/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-debug-private.h"

#include <stdio.h>
#include <string.h>

#define NAME "par"

typedef struct
{
  char *line;     /* for standard error, or NULL */
  char *message;  /* for GLib's log, or NULL */
} Entry;

static GMutex lock;
static GCond printed;

/* Guarded by the lock. */
static GQueue entries = G_QUEUE_INIT;
static gint64 last_line_us;
static GThread *printer;  /* one at a time, so that lines come out in order */

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

/* Whether anybody reads the lines. Runs ask once, when they start. */
gboolean
par_debug_is_wanted (void)
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

char *
par_debug_format (gint64      real_time_us,
                  gint64      since_any_us,
                  gint64      since_own_us,
                  const char *name,
                  const char *message)
{
  g_autoptr(GDateTime) seconds = g_date_time_new_from_unix_utc (real_time_us / G_USEC_PER_SEC);
  g_autofree char *time = g_date_time_format (seconds, "%H:%M:%S");
  g_autofree char *since_any = format_duration (since_any_us);
  g_autofree char *since_own = format_duration (since_own_us);

  return g_strdup_printf ("%s.%03d %-6s %-6s %s - %s", time,
                          (int) (real_time_us % G_USEC_PER_SEC / 1000),
                          since_any, since_own, name, message);
}

void
par_debug_queue (const char *format,
                 ...)
{
  gboolean to_stderr = stderr_is_wanted ();
  gboolean to_log = log_is_wanted ();
  g_autofree char *message = NULL;
  gint64 now_us;
  Entry *entry;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);

  entry = g_new0 (Entry, 1);

  g_mutex_lock (&lock);
  now_us = g_get_monotonic_time ();
  if (last_line_us == 0)
    last_line_us = now_us;
  /* Par has one name, so the last line of any name and of this one are the same. */
  if (to_stderr)
    entry->line = par_debug_format (g_get_real_time (), now_us - last_line_us,
                                    now_us - last_line_us, NAME, message);
  if (to_log)
    entry->message = g_steal_pointer (&message);
  last_line_us = now_us;
  g_queue_push_tail (&entries, entry);
  g_mutex_unlock (&lock);
}

static void
print_entry (Entry *entry)
{
  if (entry->line != NULL)
    fprintf (stderr, "%s\n", entry->line);
  if (entry->message != NULL)
    g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG, "MESSAGE", "%s", entry->message);
  g_free (entry->line);
  g_free (entry->message);
  g_free (entry);
}

/* Prints what is queued. If another thread is about it, this waits for it, or leaves it to that
 * one: its log writer may be waiting for a worker. */
void
par_debug_print (gboolean wait)
{
  GThread *outer;
  Entry *entry;

  g_mutex_lock (&lock);

  while (printer != NULL && printer != g_thread_self ())
    {
      if (!wait)
        {
          g_mutex_unlock (&lock);
          return;
        }
      g_cond_wait (&printed, &lock);
    }

  /* It is this thread if the program's log writer uses Par. */
  outer = printer;
  printer = g_thread_self ();
  while ((entry = g_queue_pop_head (&entries)) != NULL)
    {
      g_mutex_unlock (&lock);
      print_entry (entry);
      g_mutex_lock (&lock);
    }
  printer = outer;
  g_cond_broadcast (&printed);

  g_mutex_unlock (&lock);
}
