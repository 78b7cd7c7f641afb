/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/par-clock-private.h"
#include "par-host-private.h"

G_BEGIN_DECLS

typedef enum
{
  PAR_OWNER_BUSY,     /* looks at the news before it sleeps */
  PAR_OWNER_NAPPING,  /* looks within a millisecond */
  PAR_OWNER_ASLEEP,   /* must be woken */
} ParOwnerState;

/* The source by which an owner waits that is not in a call. */
typedef struct
{
  GSource parent;
  int is_due;  /* atomic: it is to be dispatched, whatever time it is */
} ParOwnerSource;

/* Whom the engine tells what has happened: a thread that waits in a call, or by a source of a
 * main context. All calls are made with the host's lock held. */
typedef struct
{
  ParHost *host;
  ParClock **clock;

  /* Guarded by the host's lock. */
  GThread *thread;
  ParOwnerState state;
  gint64 until_us;    /* when it looks though nobody has woken it; or PAR_CLOCK_NEVER */
  gboolean in_call;   /* it waits on the condition, else by the source */
  gboolean has_left;  /* a do() has returned, and nobody may be looking */
  GCond cond;
  GSource *source;    /* a ParOwnerSource */
  GCond handover;

  int n_publishing;   /* atomic: the owner is telling something */
} ParOwner;

void     par_owner_init           (ParOwner      *self,
                                   ParHost       *host,
                                   ParClock     **clock);
void     par_owner_clear          (ParOwner      *self);
GThread *par_owner_enter          (ParOwner      *self);
void     par_owner_exit           (ParOwner      *self,
                                   GThread       *thread);
void     par_owner_wait           (ParOwner      *self,
                                   ParOwnerState  state,
                                   gint64         until_us);
void     par_owner_rest           (ParOwner      *self,
                                   ParOwnerState  state,
                                   gint64         until_us);
gboolean par_owner_prepare        (GSource       *source,
                                   int           *timeout);
gboolean par_owner_start_dispatch (ParOwner      *self,
                                   GSource       *source,
                                   gboolean       is_bound);
void     par_owner_ready_source   (ParOwner      *self);

/* Has the owner look. While work is queued that can wait for the end of its nap, unless it is
 * @urgent. */
static inline void
par_owner_wake (ParOwner *self,
                gboolean  urgent)
{
  if (G_LIKELY (self->state == PAR_OWNER_BUSY
                || (self->state == PAR_OWNER_NAPPING && !urgent)))
    return;

  self->state = PAR_OWNER_BUSY;
  if (self->in_call)
    g_cond_signal (&self->cond);
  else if (self->source != NULL)
    par_owner_ready_source (self);
}

/* Has the owner look at @when_us, if it would not by then. */
static inline void
par_owner_expect (ParOwner *self,
                  gint64    when_us)
{
  if (self->state != PAR_OWNER_BUSY
      && (self->until_us == PAR_CLOCK_NEVER || when_us < self->until_us))
    par_owner_wake (self, TRUE);
}

static inline gboolean
par_owner_is_caller (ParOwner *self)
{
  return self->thread == g_thread_self ();
}

G_END_DECLS
