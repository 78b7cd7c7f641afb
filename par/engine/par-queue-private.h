/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "par-record-private.h"

G_BEGIN_DECLS

/* The one place that decides what starts next. Guarded by the host's lock. */
typedef struct
{
  ParRecords *records;
  guint64 cursor;      /* every record of priority 0 before it has left the queue */
  GSequence *ordered;  /* of those with another priority */
  gboolean has_ordered;
  GQueue copies;       /* of requests that want more copies */
} ParQueue;

void     par_queue_init  (ParQueue       *self,
                          ParRecords     *records);
void     par_queue_clear (ParQueue       *self);
void     par_queue_add   (ParQueue       *self,
                          guint64         index,
                          int             priority);
void     par_queue_copy  (ParQueue       *self,
                          guint64         index,
                          guint           n_copies);
gboolean par_queue_take  (ParQueue       *self,
                          gboolean        bounded,
                          guint64        *index,
                          ParAttemptKind *kind);
guint64  par_queue_get_n_copies (ParQueue *self);

G_END_DECLS
