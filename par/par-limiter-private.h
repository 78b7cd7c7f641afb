/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-limiter.h>

#include "engine/par-host-private.h"

G_BEGIN_DECLS

/* What an attempt holds from its start until its function has returned. */
typedef struct _ParPermit ParPermit;

/* What an engine asks and tells. All but par_limiter_deliver() may be called with the host's lock
 * held: they take a few lines' time, call nobody and free nothing of anybody else's.
 *
 * A host that was refused stands in a line for its key. When its turn has come it is called, by
 * limiter_freed(), and looks at what it could start of that key. Its turn keeps others from
 * starting anything, so having looked, or if it cannot look, it passes on what it has not used. */

ParPermit *par_limiter_acquire    (ParLimiter *self,
                                   ParHost    *host,
                                   const char *key,
                                   gint64      now_us,
                                   gint64     *retry_at_us);
void       par_limiter_release    (ParLimiter *self,
                                   ParPermit  *permit,
                                   gint64      now_us);
void       par_limiter_put_back   (ParLimiter *self,
                                   ParPermit  *permit,
                                   gint64      now_us);
void       par_limiter_lend       (ParLimiter *self,
                                   ParPermit  *permit,
                                   gint64      now_us);
void       par_limiter_take_back  (ParLimiter *self,
                                   ParPermit  *permit);
guint      par_limiter_count_free (ParLimiter *self,
                                   ParHost    *host,
                                   const char *key,
                                   gint64      now_us);

void       par_limiter_pass       (ParLimiter *self,
                                   ParHost    *host,
                                   const char *key,
                                   gint64      now_us);
void       par_limiter_leave      (ParLimiter *self,
                                   ParHost    *host,
                                   gint64      now_us);
gboolean   par_limiter_has_called (ParLimiter *self);
void       par_limiter_deliver    (ParLimiter *self);

/* For the tests. */
guint      par_limiter_count_keys (ParLimiter *self);

G_END_DECLS
