/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "par-bucket-private.h"

G_BEGIN_DECLS

/* A bound on what may run at once, and on how often something may start. There are several who
 * start things, and who is refused stands in a line: it is let through before those behind it, and
 * before whoever comes later, so nobody is starved by another who is quicker. Who has been called,
 * because its turn has come, either takes it or leaves. */
typedef struct
{
  guint concurrency;  /* 0: no bound */
  ParBucket bucket;
  guint n_running;
  guint n_lent;       /* permits of those who run, but wait for others */
  GQueue waiting;     /* of ParWaiter */
} ParLimit;

void     par_limit_init       (ParLimit   *self);
void     par_limit_clear      (ParLimit   *self);
void     par_limit_set        (ParLimit   *self,
                               guint       concurrency,
                               double      rate,
                               guint       burst,
                               gint64      now_us);

gboolean par_limit_take       (ParLimit   *self,
                               gpointer    owner,
                               gint64      now_us,
                               gint64     *retry_at_us);
void     par_limit_release    (ParLimit   *self);
void     par_limit_put_back   (ParLimit   *self,
                               gint64      now_us);
void     par_limit_lend       (ParLimit   *self);
void     par_limit_take_back  (ParLimit   *self);

gpointer par_limit_call       (ParLimit   *self,
                               gint64      now_us);
gpointer par_limit_dismiss    (ParLimit   *self);
gboolean par_limit_leave      (ParLimit   *self,
                               gpointer    owner,
                               gboolean    if_called);

guint    par_limit_count_free (ParLimit   *self,
                               gpointer    owner,
                               gint64      now_us);
gboolean par_limit_is_idle    (ParLimit   *self,
                               gint64      now_us);

G_END_DECLS
