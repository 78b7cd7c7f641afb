/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "simulation.h"

G_BEGIN_DECLS

/* One program's checks: each prints a figure beside its bounds, and the program fails if one of
 * them is missed. */
typedef struct
{
  gboolean real;        /* in real time, through both dispatchers */
  gint64 seed;
  char *trace;          /* (owned) where the trace of the last simulation goes, or NULL */
  guint n_missed;
} Acceptance;

void        acceptance_init      (Acceptance     *self,
                                  int             argc,
                                  char           *argv[],
                                  gboolean        has_real);
int         acceptance_end       (Acceptance     *self);

gboolean    acceptance_next_mode (Acceptance     *self,
                                  SimulationMode *mode);
void        acceptance_title     (Acceptance     *self,
                                  SimulationMode  mode,
                                  const char     *format,
                                  ...) G_GNUC_PRINTF (3, 4);
void        acceptance_between   (Acceptance     *self,
                                  const char     *what,
                                  double          figure,
                                  double          least,
                                  double          most);
void        acceptance_at_most   (Acceptance     *self,
                                  const char     *what,
                                  double          figure,
                                  double          most);
void        acceptance_equal     (Acceptance     *self,
                                  const char     *what,
                                  guint64         figure,
                                  guint64         wanted);
void        acceptance_keep      (Acceptance     *self,
                                  Simulation     *simulation);

G_END_DECLS
