/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How many threads this process has, and how many it may have. */
guint count_own_threads (void);
void  limit_threads     (guint n_more);
void  unlimit_threads   (void);

G_END_DECLS
