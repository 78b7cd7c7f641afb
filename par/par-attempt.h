/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_INSIDE) && !defined (PAR_COMPILATION)
# error "Only <par/par.h> can be included directly."
#endif

#include <gio/gio.h>

#include <par/par-enums.h>
#include <par/par-version.h>

G_BEGIN_DECLS

/* ParRequest is a layer above. */
typedef struct _ParRequest ParRequest;

#define PAR_TYPE_ATTEMPT (par_attempt_get_type           ())
  
  PAR_AVAILABLE_IN_ALL
  G_DECLARE_FINAL_TYPE (ParAttempt, par_attempt, PAR, ATTEMPT, GObject)
  
  /**
   * ParRequestFunc:
   * @attempt: this try at the request
   * @user_data: the data given with the function
   * @error: return location for an error
   *
   * Makes one attempt at a request.
   *
   * A *thread* function is called **in a worker thread**, several at once, and once for each
   * attempt at its request: what it uses of @user_data must be safe for that. An *async* function
   * is called in the owner context, must not block, and may keep @attempt to return its result
   * later.
   *
   * It returns its result by one of the return methods of @attempt, such as
   * [method@Attempt.return_string]; or it fails by setting @error or by
   * [method@Attempt.return_error]. The first counts. A thread function that has returned and done
   * neither, and an async one whose attempt is dropped, has failed with
   * [NO_RESULT][error@Par.RequestsError.NO_RESULT].
   *
   * Whatever may take long should be given [method@Attempt.get_cancellable].
   *
   * Since: 0.1
   */
  typedef void (*ParRequestFunc) (ParAttempt  *attempt,
                                  gpointer     user_data,
                                  GError     **error);

/**
 * ParArgumentFunc:
 * @attempt: this try at the request
 * @argument: what was added
 * @user_data: the data given with the function
 * @error: return location for an error
 *
 * Makes one attempt at a request that was added as an argument, **in a worker thread**.
 *
 * It ends like a [callback@RequestFunc].
 *
 * Since: 0.1
 */
typedef void (*ParArgumentFunc) (ParAttempt    *attempt,
                                 const GValue  *argument,
                                 gpointer       user_data,
                                 GError       **error);

PAR_AVAILABLE_IN_ALL
guint          par_attempt_get_number         (ParAttempt     *self);
PAR_AVAILABLE_IN_ALL
ParAttemptKind par_attempt_get_kind           (ParAttempt     *self);
PAR_AVAILABLE_IN_ALL
ParRequest    *par_attempt_get_request        (ParAttempt     *self);
PAR_AVAILABLE_IN_ALL
gint64         par_attempt_get_deadline       (ParAttempt     *self);
PAR_AVAILABLE_IN_ALL
GCancellable  *par_attempt_get_cancellable    (ParAttempt     *self);

PAR_AVAILABLE_IN_ALL
void           par_attempt_return_value       (ParAttempt     *self,
                                               const GValue   *value);
PAR_AVAILABLE_IN_ALL
void           par_attempt_return_boolean     (ParAttempt     *self,
                                               gboolean        value);
PAR_AVAILABLE_IN_ALL
void           par_attempt_return_int64       (ParAttempt     *self,
                                               gint64          value);
PAR_AVAILABLE_IN_ALL
void           par_attempt_return_double      (ParAttempt     *self,
                                               double          value);
PAR_AVAILABLE_IN_ALL
void           par_attempt_return_string      (ParAttempt     *self,
                                               const char     *value);
PAR_AVAILABLE_IN_ALL
void           par_attempt_return_object      (ParAttempt     *self,
                                               GObject        *value);
PAR_AVAILABLE_IN_ALL
void           par_attempt_return_bytes       (ParAttempt     *self,
                                               GBytes         *value);
PAR_AVAILABLE_IN_ALL
void           par_attempt_return_variant     (ParAttempt     *self,
                                               GVariant       *value);
PAR_AVAILABLE_IN_ALL
void           par_attempt_return_pointer     (ParAttempt     *self,
                                               gpointer        value,
                                               GDestroyNotify  destroy);
PAR_AVAILABLE_IN_ALL
void           par_attempt_return_error       (ParAttempt     *self,
                                               GError         *error);
PAR_AVAILABLE_IN_ALL
void           par_attempt_return_new_error   (ParAttempt     *self,
                                               GQuark          domain,
                                               int             code,
                                               const char     *format,
                                               ...) G_GNUC_PRINTF (4, 5);
PAR_AVAILABLE_IN_ALL
void           par_attempt_return_fatal_error (ParAttempt *self,
                                               GError         *error);
PAR_AVAILABLE_IN_ALL
void           par_attempt_set_retry_after    (ParAttempt     *self,
                                               guint           msec);

G_END_DECLS
