/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "par-publisher-private.h"

G_BEGIN_DECLS

/* Adds more requests to those it is given; TRUE if more are to come. */
typedef gboolean (*ParDriverPullFunc) (gpointer   requests,
                                       gpointer   user_data,
                                       GError   **error);

/* What the driver asks for and tells, always in the owner context and with no lock held. */
typedef struct
{
  void (*get_settings) (gpointer        requests,
                        ParRunSettings *settings);
  void (*started_run)  (gpointer        requests);
  void (*ended_run)    (gpointer        requests);
  void (*finished)     (gpointer        requests);
} ParDriverClient;

typedef struct _ParPull ParPull;

/* Runs requests: starts a run, waits for it in one of four ways, and ends it. Between and in runs
 * it looks after the news, by a source in the owner context. */
typedef struct
{
  GObject *requests;           /* whose it is */
  ParEngine *engine;
  const ParDriverClient *client;

  /* Atomic: whether a run is on, from its start until it is told that it is not. */
  int claimed;

  /* The owner's. */
  ParPublisher publisher;
  ParPull *pull;               /* what more requests come from, or NULL */
  ParPull *called;             /* the one that is being called, or NULL */
  GMainContext *context;       /* (owned) the constructor's */
  GThread *thread;             /* who iterates it, as far as is known */
  GMainContext *source_context;  /* (owned) where the source is */
  ParRun *run;
  gulong cancelled_handler;
  GTask *do_task;              /* of do_async() */
  GTask *next_task;            /* of next_async() */
  gulong next_cancelled_handler;
  gboolean blocking;           /* in do() or next() */
  GMainContext *held_context;  /* (owned) acquired by that call, which iterates it */
  ParAttempt *lender;          /* (owned) in which that call waits, and whose permit is lent */
  gboolean is_over;            /* what the source has found out for that call */
  gboolean fetching;           /* in next() */
  gboolean pulled;             /* the run goes on by next() alone */
  GThread *pulled_owner;       /* who was the owner before that run */
  gboolean at_end;             /* next() has yet to tell of the end of the run */
  GError *end_error;           /* which it ended with */
} ParDriver;

void        par_driver_init       (ParDriver                 *self,
                                   GObject                   *requests,
                                   ParEngine                 *engine,
                                   const ParDriverClient     *client,
                                   const ParPublisherClient  *publisher_client);
void        par_driver_clear      (ParDriver                 *self);
gboolean    par_driver_is_claimed (ParDriver                 *self);
void        par_driver_set_source (ParDriver                 *self,
                                   ParDriverPullFunc          function,
                                   gpointer                   user_data,
                                   GDestroyNotify             destroy);
gboolean    par_driver_do         (ParDriver                 *self,
                                   GCancellable              *cancellable,
                                   GError                   **error);
void        par_driver_do_async   (ParDriver                 *self,
                                   GTask                     *task);
ParRequest *par_driver_next       (ParDriver                 *self,
                                   GCancellable              *cancellable,
                                   GError                   **error);
void        par_driver_next_async (ParDriver                 *self,
                                   GTask                     *task);

G_END_DECLS
