/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "backend.h"
#include "trace.h"

G_BEGIN_DECLS

typedef enum
{
  SIMULATION_CLOCK,    /* async requests under the test clock: the same trace each time */
  SIMULATION_LOOP,     /* async requests, in real time */
  SIMULATION_THREADS,  /* thread requests, in real time */
} SimulationMode;

/* What becomes of one attempt. */
typedef struct
{
  gint64 latency_us;
  gboolean fails;
  gboolean is_deaf;  /* it ignores its cancellable */
} Reply;

/* The service: says what becomes of the attempt of this number at the request of this index, which
 * starts @since_us after the run. Called from any thread. */
typedef void (*SimulationServeFunc) (guint64   index,
                                     guint     number,
                                     gint64    since_us,
                                     Reply    *reply,
                                     gpointer  user_data);

/* One or more ParRequests whose calls take as long as a service says, and a trace of what they do. */
typedef struct _Simulation Simulation;

/* A service that takes as long as the Backend says that is its data. */
void         simulation_serve        (guint64              index,
                                      guint                number,
                                      gint64               since_us,
                                      Reply               *reply,
                                      gpointer             backend);

Simulation  *simulation_new          (SimulationMode       mode,
                                      SimulationServeFunc  serve,
                                      gpointer             user_data);
void         simulation_free         (Simulation          *self);
ParRequests *simulation_get_requests (Simulation          *self,
                                      guint                run);
Trace       *simulation_get_trace    (Simulation          *self);
gint64       simulation_get_start    (Simulation          *self);
gint64       simulation_get_time     (Simulation          *self);
void         simulation_add          (Simulation          *self,
                                      guint                run,
                                      guint                n_requests);
void         simulation_add_key      (Simulation          *self,
                                      guint                run,
                                      const char          *key);
void         simulation_arrive       (Simulation          *self,
                                      guint                n_requests,
                                      gint64               interval_us);
void         simulation_run          (Simulation          *self,
                                      GCancellable        *cancellable);
void         simulation_pass         (Simulation          *self,
                                      gint64               duration_us);
void         simulation_finish       (Simulation          *self);
void         simulation_close        (Simulation          *self);
guint64      simulation_count_out    (Simulation          *self);
guint        simulation_get_n_made   (Simulation          *self);
guint        simulation_get_n_freed  (Simulation          *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Simulation, simulation_free)

G_END_DECLS
