/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Marks for sysprof. Both do nothing where Par was built without its capture library. */
gboolean par_trace_is_wanted (void);
void     par_trace_mark      (gint64      duration_us,
                              const char *name,
                              const char *format,
                              ...) G_GNUC_PRINTF (3, 4);

G_END_DECLS
