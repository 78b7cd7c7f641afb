/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Called from any thread, with no lock held: the program may have set a log writer of its own. */
gboolean par_soup_debug_is_wanted (void);
void     par_soup_debug           (const char *message);

G_END_DECLS
