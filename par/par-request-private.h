/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-request.h>

#include "engine/par-host-private.h"

G_BEGIN_DECLS

/* How a request has settled. */
typedef struct
{
  ParRequestState state;
  ParCancelReason reason;
  guint n_attempts;
  guint winner;
  gint64 queued_us;
  gint64 elapsed_us;
  GValue *outcome;    /* moved */
  GPtrArray *errors;  /* (owned) of its attempts, or NULL */
} ParReport;

gpointer par_request_make          (ParHost         *host,
                                    guint64          index,
                                    ParRequestState  state,
                                    guint            n_attempts);
gboolean par_request_claim         (ParRequest      *self);
void     par_request_adopt         (gpointer         object,
                                    ParHost         *host,
                                    guint64          index);
gboolean par_request_can_run       (ParRequest      *self);
gboolean par_request_can_start     (ParRequest      *self);
void     par_request_release       (gpointer         object);

/* The owner's part. */
void     par_request_publish_start (ParRequest      *self,
                                    guint            n_attempts);
void     par_request_publish       (ParRequest      *self,
                                    const ParReport *report);
gboolean par_request_is_reusable   (ParRequest      *self);
void     par_request_reuse         (ParRequest      *self,
                                    guint64          index);
void     par_request_take_outcome  (ParRequest      *self,
                                    GValue          *outcome);
void     par_request_set_value     (ParRequest      *self,
                                    GObject         *value);

G_END_DECLS
