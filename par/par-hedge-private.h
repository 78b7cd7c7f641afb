/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-hedge.h>

#include "engine/par-host-private.h"

G_BEGIN_DECLS

/* What an engine asks and tells. All but par_hedge_deliver() may be called with the host's lock
 * held: they take a few lines' time, call nobody and free nothing of anybody else's.
 *
 * For each request that starts there is one deposit, and later, as soon as the outcome of its first
 * attempt does not matter any more, one that says how long that attempt took: observe or ignore.
 * The delay may be unknown when an attempt starts, and known while it runs.
 *
 * A token is spent, or granted to somebody who waited for one. From then on it is in the hands of
 * the engine, which either starts a hedge and counts it as sent, or refunds the token. */

gint64   par_hedge_deposit      (ParHedge *self,
                                 gint64    now_us);
void     par_hedge_observe      (ParHedge *self,
                                 gint64    latency_us,
                                 gboolean  is_lower_bound,
                                 gint64    now_us);
void     par_hedge_ignore       (ParHedge *self,
                                 gint64    latency_us,
                                 gint64    now_us);

gint64   par_hedge_get_delay_us (ParHedge *self,
                                 gint64    now_us);
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

/* For the tests: first attempts that have started, and have not been told of since. */
guint64  par_hedge_get_n_in_flight (ParHedge *self);

G_END_DECLS
