/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-hedge.h>

#include "engine/par-host-private.h"

G_BEGIN_DECLS

/* What an engine asks and tells. All but par_hedge_deliver() may be called with the host's lock
 * held: they take a few lines' time, call nobody and free nothing of anybody else's.
 *
 * A token is spent, or granted to somebody who waited for one. From then on it is in the hands of
 * the engine, which either starts a hedge and counts it as sent, or refunds the token. */

gint64   par_hedge_get_delay_us (ParHedge *self,
                                 gint64    now_us);
void     par_hedge_observe      (ParHedge *self,
                                 gint64    latency_us,
                                 gboolean  is_lower_bound,
                                 gint64    now_us);

void     par_hedge_deposit      (ParHedge *self);
gboolean par_hedge_spend        (ParHedge *self);
void     par_hedge_refund       (ParHedge *self);
void     par_hedge_count_sent   (ParHedge *self);
void     par_hedge_count_won    (ParHedge *self);

void     par_hedge_wait         (ParHedge *self,
                                 ParHost  *host,
                                 guint64   index);
void     par_hedge_forget       (ParHedge *self,
                                 ParHost  *host,
                                 guint64   index);
gboolean par_hedge_has_granted  (ParHedge *self);
void     par_hedge_deliver      (ParHedge *self);

G_END_DECLS
