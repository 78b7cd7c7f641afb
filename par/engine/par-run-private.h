/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <par/par-enums.h>
#include <par/par-hedge.h>
#include <par/par-limiter.h>
#include <par/par-retry.h>

#include "base/par-counts-private.h"

G_BEGIN_DECLS

/* What ends a run before all of its requests have settled. */
typedef enum
{
  PAR_RUN_CAUSE_NONE,
  PAR_RUN_CAUSE_CANCELLED,
  PAR_RUN_CAUSE_TIMED_OUT,
  PAR_RUN_CAUSE_FAILURES,
  PAR_RUN_CAUSE_ENOUGH,
  PAR_RUN_CAUSE_BROKEN,
} ParRunCause;

typedef struct
{
  guint redundancy;
  guint timeout;
  guint request_timeout;
  guint attempt_timeout;
  int max_failures;
  guint min_successes;
  gboolean wait_for_attempts;
  gboolean keep_completed;
  ParHedge *hedge;      /* these are owned by whoever has the settings */
  ParRetry *retry;
  ParLimiter *limiter;
} ParRunSettings;

/* One do(): what it was asked for, how far it has come, why it ends. Guarded by the host's lock
 * while it goes on. */
typedef struct
{
  ParRunSettings settings;
  gint64 started_us;
  gint64 deadline_us;  /* 0 for none */
  GCancellable *cancellable;  /* owned */

  /* The requests of this run. None is running when it starts. */
  ParCounts counts;

  ParRunCause cause;  /* the first there was */
  GError *broken;     /* with that cause */
  gboolean was_held;  /* so that not all that was to come has come */

  /* The first in the order of completion that did not succeed by itself. */
  guint64 first_index;
  GError *first_error;

  guint64 n_out;        /* of its attempts */
  gboolean is_dropped;  /* only they have it */
} ParRun;

ParRun         *par_run_new        (const ParRunSettings  *settings,
                                    GCancellable          *cancellable,
                                    gint64                 now_us);
void            par_run_free       (gpointer               self);
void            par_run_end        (ParRun                *self,
                                    ParRunCause            cause);
void            par_run_settled    (ParRun                *self,
                                    guint64                index,
                                    ParRequestState        from,
                                    ParRequestState        to,
                                    const GError          *error);
ParCancelReason par_run_get_reason (const ParRun          *self);
GError         *par_run_new_reason (const ParRun          *self,
                                    ParCancelReason        reason);
gboolean        par_run_judge      (const ParRun          *self,
                                    GError               **error);

G_END_DECLS
