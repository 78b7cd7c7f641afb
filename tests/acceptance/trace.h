/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par.h>

G_BEGIN_DECLS

typedef enum
{
  EVENT_START,   /* of an attempt; the detail is its kind */
  EVENT_CANCEL,  /* of an attempt that has been told that it is not wanted any more */
  EVENT_RETURN,  /* of an attempt's function; the detail is whether it succeeded */
  EVENT_SETTLE,  /* of a request; the detail is its state */
} EventType;

typedef struct
{
  gint64 when_us;
  guint32 index;
  guint8 run;     /* which of the ParRequests */
  guint8 type;    /* EventType */
  guint8 number;  /* of the attempt */
  guint8 detail;
} Event;

/* All that has happened, in the order in which it did. */
typedef struct
{
  gboolean has_threads;  /* by which it is used */
  GMutex lock;
  GArray *events;  /* of Event */
} Trace;

void     trace_init          (Trace          *self,
                              gboolean        has_threads);
void     trace_clear         (Trace          *self);
void     trace_add           (Trace          *self,
                              gint64          when_us,
                              guint           run,
                              guint64         index,
                              EventType       type,
                              guint           number,
                              guint           detail);
guint64  trace_hash          (Trace          *self);
guint    trace_count         (Trace          *self,
                              EventType       type,
                              guint           detail,
                              gint64          from_us,
                              gint64          until_us);
GArray  *trace_get_times     (Trace          *self,
                              EventType       type);
gboolean trace_write         (Trace          *self,
                              const char     *path,
                              GError        **error);

/* Figures of the first ParRequests. A time is from the start of its first attempt to its
 * settlement; of the requests whose first attempt started in a part of the time. */
typedef struct
{
  guint64 n_requests;
  guint64 n_kinds[PAR_ATTEMPT_KIND_RETRY + 1];  /* attempts, by their kind */
  guint64 n_states[PAR_REQUEST_STATE_CANCELLED + 1];
  guint64 n_late;          /* attempts that started though their request had settled */
  guint64 n_unsettled;
  guint peak_attempts;     /* how many there were at once, of all */
  guint n_left;            /* how many had not returned at the end, of all */
  gint64 *times_us;        /* (owned) of those that settled, in order */
  guint64 n_times;
} Figures;

void     trace_get_figures   (Trace          *self,
                              gint64          from_us,
                              gint64          until_us,
                              Figures        *figures);
void     figures_clear       (Figures        *self);
double   figures_get_msec    (const Figures  *self,
                              double          percentile);
double   figures_get_share   (const Figures  *self,
                              gint64          longer_than_us);
double   figures_get_extra   (const Figures  *self,
                              ParAttemptKind  kind);

G_END_DECLS
