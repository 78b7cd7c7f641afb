/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ParSoupLane ParSoupLane;
typedef struct _ParSoupTurn ParSoupTurn;

/* What is to be called in a lane. */
struct _ParSoupTurn
{
  void (*function) (ParSoupTurn *turn);
  ParSoupTurn *next;
  gboolean is_queued;
};

/* A main context in which messages are sent: an I/O thread's, or one that an owner context is
 * iterated with. */
struct _ParSoupLane
{
  gatomicrefcount ref_count;

  GMainContext *context;
  GSource *source;

  GThread *thread;             /* of an I/O lane */
  GThread *runner;             /* atomic: that, as it says itself when it runs */
  GMainContext *owner;         /* (unowned) of an owner's lane */
  GSource *bridge;             /* destroyed when that is freed */

  GMutex lock;

  /* Guarded by the lock. */
  ParSoupTurn *first;
  ParSoupTurn *last;
  gint64 alarm_us;             /* or 0 */
  ParSoupTurn *alarm;

  gboolean quitting;           /* atomic */

  GDestroyNotify freed;
  gpointer freed_data;

  /* The pool's. */
  guint n_connections;
};

ParSoupLane *par_soup_lane_new_thread (GDestroyNotify   freed,
                                       gpointer         freed_data);
ParSoupLane *par_soup_lane_new_owner  (GMainContext    *owner,
                                       GDestroyNotify   freed,
                                       gpointer         freed_data);
ParSoupLane *par_soup_lane_ref        (ParSoupLane     *self);
void         par_soup_lane_unref      (ParSoupLane     *self);
void         par_soup_lane_quit       (ParSoupLane     *self);
void         par_soup_lane_join       (ParSoupLane     *self);
void         par_soup_lane_close      (ParSoupLane     *self);
gboolean     par_soup_lane_is_dead    (ParSoupLane     *self);

void         par_soup_lane_push       (ParSoupLane     *self,
                                       ParSoupTurn     *turn);
void         par_soup_lane_set_alarm  (ParSoupLane     *self,
                                       ParSoupTurn     *turn,
                                       gint64           time_us);
gboolean     par_soup_lane_is_here    (ParSoupLane     *self);
gboolean     par_soup_lane_enter      (ParSoupLane     *self);
void         par_soup_lane_leave      (ParSoupLane     *self);
void         par_soup_lane_run        (ParSoupLane     *self);
void         par_soup_lane_settle     (ParSoupLane     *self);

G_END_DECLS
