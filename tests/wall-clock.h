/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sets the wall clock of this process on by so much, or back. */
void wall_clock_jump (gint64 step_us);

G_END_DECLS
