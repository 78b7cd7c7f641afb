/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How many requests there are, by state: the sum of the last five is the first. */
typedef struct
{
  guint64 n_requests;
  guint64 n_queued;
  guint64 n_running;
  guint64 n_succeeded;
  guint64 n_failed;
  guint64 n_cancelled;
} ParCounts;

static inline guint64
par_counts_settled (const ParCounts *self)
{
  return self->n_succeeded + self->n_failed + self->n_cancelled;
}

G_END_DECLS
