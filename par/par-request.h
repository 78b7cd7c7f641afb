/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_INSIDE) && !defined (PAR_COMPILATION)
# error "Only <par/par.h> can be included directly."
#endif

#include <gio/gio.h>

#include <par/par-attempt.h>
#include <par/par-enums.h>
#include <par/par-version.h>

G_BEGIN_DECLS

#define PAR_TYPE_REQUEST (par_request_get_type ())

PAR_AVAILABLE_IN_ALL
G_DECLARE_DERIVABLE_TYPE (ParRequest, par_request, PAR, REQUEST, GObject)

/**
 * ParRequestClass:
 * @run: makes one attempt **in a worker thread**, as a [callback@RequestFunc] does
 * @start: starts one attempt in the owner context, as the function of
 *   [method@Requests.add_async] does
 * @is_async: whether @start is called, not @run
 *
 * The class of a request, which has @run or @start; of a class that has both, @start is called
 * unless @is_async says otherwise.
 *
 * Since: 0.1
 */
struct _ParRequestClass
{
  GObjectClass parent_class;

  /**
   * ParRequestClass::run:
   * @self: a request
   * @attempt: this try at the request
   * @error: return location for an error
   *
   * Makes one attempt **in a worker thread**, as a [callback@RequestFunc] does.
   *
   * Since: 0.1
   */
  void (*run) (ParRequest  *self,
               ParAttempt  *attempt,
               GError     **error);

  /**
   * ParRequestClass::start:
   * @self: a request
   * @attempt: this try at the request
   * @error: return location for an error
   *
   * Starts one attempt in the owner context, as the function of [method@Requests.add_async] does.
   *
   * Since: 0.1
   */
  void (*start) (ParRequest  *self,
                 ParAttempt  *attempt,
                 GError     **error);

  /**
   * ParRequestClass::is_async:
   * @self: a request of a class that has both `run` and `start`
   *
   * Tells which of the two makes the attempts at this request.
   *
   * It is asked once, when the request is added, in the thread that adds it.
   *
   * Returns: whether it is `start`
   *
   * Since: 0.1
   */
  gboolean (*is_async) (ParRequest *self);

  /*< private >*/

  /**
   * ParRequestClass::settled: (skip)
   * @self: a request
   *
   * Par's own.
   */
  void (*settled) (ParRequest *self);

  gpointer padding[7];
};

PAR_AVAILABLE_IN_ALL
ParRequest      *par_request_new_thread         (ParRequestFunc  function,
                                                 gpointer        user_data,
                                                 GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;
PAR_AVAILABLE_IN_ALL
ParRequest      *par_request_new_async          (ParRequestFunc  function,
                                                 gpointer        user_data,
                                                 GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;

PAR_AVAILABLE_IN_ALL
const char      *par_request_get_label          (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
void             par_request_set_label          (ParRequest     *self,
                                                 const char     *label);
PAR_AVAILABLE_IN_ALL
const char      *par_request_get_key            (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
void             par_request_set_key            (ParRequest     *self,
                                                 const char     *key);
PAR_AVAILABLE_IN_ALL
int              par_request_get_priority       (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
void             par_request_set_priority       (ParRequest     *self,
                                                 int             priority);
PAR_AVAILABLE_IN_ALL
gboolean         par_request_get_idempotent     (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
void             par_request_set_idempotent     (ParRequest     *self,
                                                 gboolean        idempotent);

PAR_AVAILABLE_IN_ALL
guint64          par_request_get_index          (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
ParRequestState  par_request_get_state          (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
guint            par_request_get_n_attempts     (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
guint            par_request_get_winner         (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
ParCancelReason  par_request_get_cancel_reason  (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
gint64           par_request_get_queued_time    (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
gint64           par_request_get_elapsed        (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
const GValue    *par_request_get_value          (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
const GError    *par_request_get_error          (ParRequest     *self);
PAR_AVAILABLE_IN_ALL
GPtrArray       *par_request_get_attempt_errors (ParRequest     *self);

PAR_AVAILABLE_IN_ALL
void             par_request_cancel             (ParRequest     *self);

G_END_DECLS
