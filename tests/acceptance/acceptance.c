/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "acceptance.h"

#include <stdlib.h>

/* Reads the command line; @has_real says that the program can be run in real time. */
void
acceptance_init (Acceptance *self,
                 int         argc,
                 char       *argv[],
                 gboolean    has_real)
{
  const GOptionEntry entries[] = {
    { "seed", 0, 0, G_OPTION_ARG_INT64, &self->seed, "Of the service: 1 if not given", "NUMBER" },
    { "trace", 0, 0, G_OPTION_ARG_FILENAME, &self->trace, "Write what happened last", "FILE" },
    { "real", 0, 0, G_OPTION_ARG_NONE, &self->real, "In real time, through both dispatchers", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autoptr(GError) error = NULL;

  *self = (Acceptance) { .seed = 1 };
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);
  if (self->real && !has_real)
    g_error ("this has nothing that is measured in real time");
}

/* The status with which the program exits. */
int
acceptance_end (Acceptance *self)
{
  g_free (self->trace);

  return self->n_missed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Goes through the ways in which all is to be checked; @mode is -1 at first. */
gboolean
acceptance_next_mode (Acceptance     *self,
                      SimulationMode *mode)
{
  if ((int) *mode == -1)
    *mode = self->real ? SIMULATION_LOOP : SIMULATION_CLOCK;
  else if (*mode == SIMULATION_LOOP)
    *mode = SIMULATION_THREADS;
  else
    return FALSE;

  return TRUE;
}

/* Says what the figures that follow are of. */
void
acceptance_title (Acceptance     *self,
                  SimulationMode  mode,
                  const char     *format,
                  ...)
{
  static const char *modes[] = { "test clock", "real time, async", "real time, threads" };
  g_autofree char *title = NULL;
  va_list args;

  va_start (args, format);
  title = g_strdup_vprintf (format, args);
  va_end (args);

  g_print ("%s (%s)\n", title, modes[mode]);
}

static void
judge (Acceptance *self,
       gboolean    is_met)
{
  g_print ("  %s\n", is_met ? "ok" : "MISSED");
  self->n_missed += !is_met;
}

void
acceptance_between (Acceptance *self,
                    const char *what,
                    double      figure,
                    double      least,
                    double      most)
{
  g_print ("  %-36s %10.4f  %g to %g", what, figure, least, most);
  judge (self, figure >= least && figure <= most);
}

void
acceptance_at_most (Acceptance *self,
                    const char *what,
                    double      figure,
                    double      most)
{
  g_print ("  %-36s %10.4f  at most %g", what, figure, most);
  judge (self, figure <= most);
}

void
acceptance_equal (Acceptance *self,
                  const char *what,
                  guint64     figure,
                  guint64     wanted)
{
  g_print ("  %-36s %10" G_GUINT64_FORMAT "  exactly %" G_GUINT64_FORMAT, what, figure, wanted);
  judge (self, figure == wanted);
}

/* Writes the trace of a simulation, if it was asked for. */
void
acceptance_keep (Acceptance *self,
                 Simulation *simulation)
{
  g_autoptr(GError) error = NULL;

  if (self->trace != NULL
      && !trace_write (simulation_get_trace (simulation), self->trace, &error))
    g_error ("%s", error->message);
}
