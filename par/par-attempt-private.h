/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-attempt.h>

#include "engine/par-host-private.h"

G_BEGIN_DECLS

/* ParRequest is a layer above. */
GType par_request_get_type (void);

typedef enum
{
  PAR_OUTCOME_NONE,       /* nothing returned yet */
  PAR_OUTCOME_RETURNING,  /* some thread is writing the outcome */
  PAR_OUTCOME_VALUE,
  PAR_OUTCOME_ERROR,
  PAR_OUTCOME_ENDED,      /* taken, or never given: whatever is returned now is too late */
} ParOutcome;

struct _ParAttempt
{
  GObject parent_instance;

  ParHost *host;  /* owned */

  /* Set when the attempt starts, and not changed while anybody else knows of it. */
  guint64 index;
  guint number;
  ParAttemptKind kind;
  gint64 started_us;
  gint64 deadline_us;

  /* A ParOutcome, atomic. The value is written by the thread that moved it from NONE to
   * RETURNING, and read by the one that ends the attempt. */
  int outcome;
  GValue value;
  gboolean is_fatal;   /* the error is one that no other attempt would do better with */
  int retry_after_ms;  /* atomic */

  /* Set when the object is made: its function is called in the owner context, and it ends when it
   * returns its result or is dropped, else when its function returns. */
  gboolean is_async;
  int in_call;  /* atomic: that function has not returned */

  /* Guarded by the host's lock. */
  GCancellable *cancellable;
  guint cancelled : 1;
  guint ended : 1;

  /* The engine's, guarded by the host's lock. */
  gpointer record;
  gpointer run;         /* of which it is */
  gpointer permit;      /* of the run's limiter */
  ParAttempt *next_of_record;
  ParAttempt *previous;
  ParAttempt *next;
  gpointer timeout;
  guint live : 1;     /* its outcome still counts for the request */
  guint expired : 1;  /* it was too late, and so has failed */
  guint lent : 1;     /* its permit, while it waits for others */
};

ParAttempt   *par_attempt_new           (ParHost        *host,
                                         gboolean        is_async);
void          par_attempt_begin         (ParAttempt     *self,
                                         guint64         index,
                                         guint           number,
                                         ParAttemptKind  kind,
                                         gint64          started_us);
ParAttempt   *par_attempt_get_current   (void);
void          par_attempt_set_current   (ParAttempt     *self);
void          par_attempt_set_error     (ParAttempt     *self,
                                         GError         *error);
gboolean      par_attempt_has_returned  (ParAttempt     *self);
gboolean      par_attempt_take_outcome  (ParAttempt     *self,
                                         GValue         *value);
GCancellable *par_attempt_cancel        (ParAttempt     *self);
gboolean      par_attempt_end           (ParAttempt     *self,
                                         GCancellable  **cancellable);

/* A value as the engine keeps it: like any other, but a G_TYPE_POINTER may carry its destroy
 * notify in the half that GLib leaves unused. */
void          par_value_clear           (GValue         *value);
void          par_value_take_error      (GValue         *value,
                                         GError         *error);

G_END_DECLS
