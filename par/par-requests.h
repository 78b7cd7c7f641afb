/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_INSIDE) && !defined (PAR_COMPILATION)
# error "Only <par/par.h> can be included directly."
#endif

#include <gio/gio.h>

#include <par/par-attempt.h>
#include <par/par-hedge.h>
#include <par/par-limiter.h>
#include <par/par-request.h>
#include <par/par-retry.h>
#include <par/par-stats.h>
#include <par/par-version.h>

G_BEGIN_DECLS

#define PAR_TYPE_REQUESTS (par_requests_get_type ())

PAR_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (ParRequests, par_requests, PAR, REQUESTS, GObject)

/**
 * ParRequestsPullFunc:
 * @requests: the requests
 * @user_data: what was given to [method@Requests.set_source]
 * @error: return location for an error, which ends the run
 *
 * Adds more requests, in the owner context.
 *
 * Returns: `TRUE` if more are to come, `FALSE` if these were the last
 *
 * Since: 0.1
 */
typedef gboolean (*ParRequestsPullFunc) (ParRequests  *requests,
                                         gpointer      user_data,
                                         GError      **error);

/**
 * ParInvokeFunc:
 * @user_data: what was given to [method@Requests.invoke]
 *
 * Does something in the owner context.
 *
 * Since: 0.1
 */
typedef void (*ParInvokeFunc) (gpointer user_data);

/**
 * ParWorkerFunc:
 * @user_data: what was given to [method@Requests.set_worker_func]
 *
 * Surrounds what a worker thread does: calls [func@Requests.work], once.
 *
 * Since: 0.1
 */
typedef void (*ParWorkerFunc) (gpointer user_data);

PAR_AVAILABLE_IN_ALL
ParRequests *par_requests_new                    (void) G_GNUC_WARN_UNUSED_RESULT;

PAR_AVAILABLE_IN_ALL
guint        par_requests_get_concurrency        (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_concurrency        (ParRequests          *self,
                                                  guint                 concurrency);
PAR_AVAILABLE_IN_ALL
guint        par_requests_get_redundancy         (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_redundancy         (ParRequests          *self,
                                                  guint                 redundancy);
PAR_AVAILABLE_IN_ALL
guint        par_requests_get_timeout            (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_timeout            (ParRequests          *self,
                                                  guint                 timeout);
PAR_AVAILABLE_IN_ALL
guint        par_requests_get_request_timeout    (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_request_timeout    (ParRequests          *self,
                                                  guint                 request_timeout);
PAR_AVAILABLE_IN_ALL
guint        par_requests_get_attempt_timeout    (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_attempt_timeout    (ParRequests          *self,
                                                  guint                 attempt_timeout);
PAR_AVAILABLE_IN_ALL
int          par_requests_get_max_failures       (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_max_failures       (ParRequests          *self,
                                                  int                   max_failures);
PAR_AVAILABLE_IN_ALL
guint        par_requests_get_min_successes      (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_min_successes      (ParRequests          *self,
                                                  guint                 min_successes);
PAR_AVAILABLE_IN_ALL
gboolean     par_requests_get_wait_for_attempts  (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_wait_for_attempts  (ParRequests          *self,
                                                  gboolean              wait_for_attempts);
PAR_AVAILABLE_IN_ALL
gboolean     par_requests_get_keep_completed     (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_keep_completed     (ParRequests          *self,
                                                  gboolean              keep_completed);
PAR_AVAILABLE_IN_ALL
gboolean     par_requests_get_paused             (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_paused             (ParRequests          *self,
                                                  gboolean              paused);

PAR_AVAILABLE_IN_ALL
ParHedge *   par_requests_get_hedge              (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_hedge              (ParRequests          *self,
                                                  ParHedge             *hedge);
PAR_AVAILABLE_IN_ALL
ParRetry *   par_requests_get_retry              (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_retry              (ParRequests          *self,
                                                  ParRetry             *retry);
PAR_AVAILABLE_IN_ALL
ParLimiter * par_requests_get_limiter            (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_limiter            (ParRequests          *self,
                                                  ParLimiter           *limiter);

PAR_AVAILABLE_IN_ALL
guint64      par_requests_get_n_requests         (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
guint64      par_requests_get_n_queued           (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
guint64      par_requests_get_n_running          (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
guint64      par_requests_get_n_succeeded        (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
guint64      par_requests_get_n_failed           (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
guint64      par_requests_get_n_cancelled        (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
guint64      par_requests_get_n_attempts_running (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
double       par_requests_get_progress           (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
gboolean     par_requests_is_running             (ParRequests          *self);

PAR_AVAILABLE_IN_ALL
guint64      par_requests_add_thread             (ParRequests          *self,
                                                  ParRequestFunc        function,
                                                  gpointer              user_data,
                                                  GDestroyNotify        destroy);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_function           (ParRequests          *self,
                                                  ParArgumentFunc       function,
                                                  gpointer              user_data,
                                                  GDestroyNotify        destroy);
PAR_AVAILABLE_IN_ALL
guint64      par_requests_add_argument           (ParRequests          *self,
                                                  const GValue         *argument);
PAR_AVAILABLE_IN_ALL
guint64      par_requests_add_async              (ParRequests          *self,
                                                  ParRequestFunc        function,
                                                  gpointer              user_data,
                                                  GDestroyNotify        destroy);
PAR_AVAILABLE_IN_ALL
guint64      par_requests_add_task               (ParRequests          *self,
                                                  GTask                *task,
                                                  GTaskThreadFunc       function);
PAR_AVAILABLE_IN_ALL
guint64      par_requests_add                    (ParRequests          *self,
                                                  ParRequest           *request);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_source             (ParRequests          *self,
                                                  ParRequestsPullFunc   function,
                                                  gpointer              user_data,
                                                  GDestroyNotify        destroy);
PAR_AVAILABLE_IN_ALL
ParRequest  *par_requests_get_request            (ParRequests          *self,
                                                  guint64               index);
PAR_AVAILABLE_IN_ALL
void         par_requests_hold                   (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_release                (ParRequests          *self);
PAR_AVAILABLE_IN_ALL
void         par_requests_invoke                 (ParRequests          *self,
                                                  ParInvokeFunc         function,
                                                  gpointer              user_data);
PAR_AVAILABLE_IN_ALL
void         par_requests_set_worker_func        (ParRequests          *self,
                                                  ParWorkerFunc         function,
                                                  gpointer              user_data,
                                                  GDestroyNotify        destroy);
PAR_AVAILABLE_IN_ALL
void         par_requests_work                   (void);

PAR_AVAILABLE_IN_ALL
gboolean     par_requests_do                     (ParRequests          *self,
                                                  GCancellable         *cancellable,
                                                  GError              **error);
PAR_AVAILABLE_IN_ALL
void         par_requests_do_async               (ParRequests          *self,
                                                  GCancellable         *cancellable,
                                                  GAsyncReadyCallback   callback,
                                                  gpointer              user_data);
PAR_AVAILABLE_IN_ALL
gboolean     par_requests_do_finish              (ParRequests          *self,
                                                  GAsyncResult         *result,
                                                  GError              **error);
PAR_AVAILABLE_IN_ALL
ParRequest  *par_requests_next                   (ParRequests          *self,
                                                  GCancellable         *cancellable,
                                                  GError              **error);
PAR_AVAILABLE_IN_ALL
void         par_requests_next_async             (ParRequests          *self,
                                                  GCancellable         *cancellable,
                                                  GAsyncReadyCallback   callback,
                                                  gpointer              user_data);
PAR_AVAILABLE_IN_ALL
ParRequest  *par_requests_next_finish            (ParRequests          *self,
                                                  GAsyncResult         *result,
                                                  GError              **error);

PAR_AVAILABLE_IN_ALL
ParStats    *par_requests_get_stats              (ParRequests          *self);

G_END_DECLS
