/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* Tells of properties that change in any thread: in the main context that was the thread-default
 * one where the object was made, when nothing more urgent is to be done there, and once for any
 * number of changes. Who does not listen costs a look whether anybody does. */
typedef struct
{
  GObject *object;
  GMutex *lock;             /* the object's */
  GParamSpec **properties;
  GMainContext *context;    /* owned */
  GThread *thread;
  guint signal;

  /* Guarded by the lock. */
  GSource *source;          /* (owned) once it has been needed */
  guint changed;            /* by their ids, as bits */
} ParNotifier;

void par_notifier_init  (ParNotifier  *self,
                         gpointer      object,
                         GMutex       *lock,
                         GParamSpec  **properties);
void par_notifier_clear (ParNotifier  *self);
void par_notifier_queue (ParNotifier  *self,
                         guint         property);
void par_notifier_tell  (ParNotifier  *self,
                         guint         property);

G_END_DECLS
