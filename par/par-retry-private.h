/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-retry.h>

G_BEGIN_DECLS

/* What an engine asks and tells. All may be called with the host's lock held: they take a few
 * lines' time, and call nobody.
 *
 * A token that was spent is in the hands of the engine, which either starts a retry and counts it
 * as sent, or refunds the token. */

gint64   par_retry_get_delay_us (ParRetry *self,
                                 guint     n_failed);

void     par_retry_deposit      (ParRetry *self);
gboolean par_retry_spend        (ParRetry *self);
void     par_retry_refund       (ParRetry *self);
void     par_retry_count_sent   (ParRetry *self);

/* For the tests: the same seed gives the same delays. */
void     par_retry_set_seed     (ParRetry *self,
                                 guint32   seed);

G_END_DECLS
