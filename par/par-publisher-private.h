/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-request.h>

#include "engine/par-engine-private.h"

G_BEGIN_DECLS

/* What the publisher tells, always in the owner context and with no lock held. */
typedef struct
{
  gboolean (*wants_started)   (gpointer        user_data);
  gboolean (*wants_completed) (gpointer        user_data);
  gboolean (*wants_counts)    (gpointer        user_data);

  void     (*rows_changed)    (gpointer        user_data,
                               guint64         position,
                               guint64         n_removed,
                               guint64         n_added);
  void     (*started)         (gpointer        user_data,
                               ParRequest     *request,
                               guint           number,
                               ParAttemptKind  kind);
  void     (*completed)       (gpointer        user_data,
                               ParRequest     *request);
  void     (*counts_changed)  (gpointer        user_data);
  void     (*deferred)        (gpointer        user_data,
                               guint           bits);
} ParPublisherClient;

/* The state that the program sees: it follows the engine's, one event after the other, so that
 * the owner never meets numbers that do not add up or a row that is not there. All of it is the
 * owner's. */
typedef struct
{
  ParEngine *engine;
  const ParPublisherClient *client;  /* NULL once nobody is to be told */
  gpointer user_data;

  guint64 n_removed;
  ParCounts settled;          /* of which the first three are not used */
  guint64 n_running;
  guint64 n_attempts_running;

  gboolean keep_completed;
  gboolean wants_completed;   /* somebody listens, as of this dispatch */
  gboolean keep_fetched;      /* somebody fetches the requests that complete */
  GQueue fetched;             /* (owned) ParRequests */

  ParNews news;
  guint n_done;               /* of the settled requests in the news */
  GArray *starts;             /* not told yet */
  guint n_starts_done;
  guint64 n_settled;          /* ever told */

  ParRequest *spare;          /* (owned) lent to requests that nobody keeps */
  guint64 spare_index;
  gboolean spare_is_lent;
} ParPublisher;

void        par_publisher_init          (ParPublisher             *self,
                                         ParEngine                *engine,
                                         const ParPublisherClient *client,
                                         gpointer                  user_data);
void        par_publisher_clear         (ParPublisher             *self);
void        par_publisher_add_rows      (ParPublisher             *self,
                                         guint64                   n_added);
guint64     par_publisher_get_n_rows    (ParPublisher             *self);
void        par_publisher_get_counts    (ParPublisher             *self,
                                         ParCounts                *counts);
void        par_publisher_want_starts   (ParPublisher             *self);
gboolean    par_publisher_dispatch      (ParPublisher             *self,
                                         guint                     max_settled,
                                         gint64                    until_us);
gboolean    par_publisher_has_more      (ParPublisher             *self);
ParRequest *par_publisher_get_request   (ParPublisher             *self,
                                         guint64                   index);

G_END_DECLS
