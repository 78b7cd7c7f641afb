/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Lines are written in two steps: queued in the order in which things happen, which may be
 * done under a lock, and printed later with no lock held, since the program may have set a
 * log writer of its own. */
gboolean par_debug_is_wanted (void);
void     par_debug_queue     (const char *format,
                              ...) G_GNUC_PRINTF (1, 2);
void     par_debug_print     (gboolean    wait);

/* For the tests. */
char    *par_debug_format    (gint64      real_time_us,
                              gint64      since_any_us,
                              gint64      since_own_us,
                              const char *name,
                              const char *message);

G_END_DECLS
