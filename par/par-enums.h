/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_INSIDE) && !defined (PAR_COMPILATION)
# error "Only <par/par.h> can be included directly."
#endif

#include <glib.h>

#include <par/par-version.h>

G_BEGIN_DECLS

/**
 * ParRequestState:
 * @PAR_REQUEST_STATE_QUEUED: no attempt has been started
 * @PAR_REQUEST_STATE_RUNNING: an attempt has been started, and the request has not settled
 * @PAR_REQUEST_STATE_SUCCEEDED: an attempt has succeeded
 * @PAR_REQUEST_STATE_FAILED: every attempt has failed, or the request has timed out
 * @PAR_REQUEST_STATE_CANCELLED: the request was cancelled, alone or with its run
 *
 * How far a request has come.
 *
 * The last three are final: a request that has reached one of them has *settled*.
 *
 * Since: 0.1
 */
typedef enum
{
  PAR_REQUEST_STATE_QUEUED,
  PAR_REQUEST_STATE_RUNNING,
  PAR_REQUEST_STATE_SUCCEEDED,
  PAR_REQUEST_STATE_FAILED,
  PAR_REQUEST_STATE_CANCELLED,
} ParRequestState;

/**
 * ParAttemptKind:
 * @PAR_ATTEMPT_KIND_FIRST: the first attempt at its request
 * @PAR_ATTEMPT_KIND_COPY: made at once beside the first, see [property@Requests:redundancy]
 * @PAR_ATTEMPT_KIND_HEDGE: made because the attempts before it are slow
 * @PAR_ATTEMPT_KIND_RETRY: made because the attempts before it have failed
 *
 * Why an attempt is made.
 *
 * Since: 0.1
 */
typedef enum
{
  PAR_ATTEMPT_KIND_FIRST,
  PAR_ATTEMPT_KIND_COPY,
  PAR_ATTEMPT_KIND_HEDGE,
  PAR_ATTEMPT_KIND_RETRY,
} ParAttemptKind;

/**
 * ParCancelReason:
 * @PAR_CANCEL_REASON_NONE: not cancelled
 * @PAR_CANCEL_REASON_CANCELLED: the program cancelled the request or its run
 * @PAR_CANCEL_REASON_TIMED_OUT: the run took longer than [property@Requests:timeout]
 * @PAR_CANCEL_REASON_FAILURES: more requests failed than [property@Requests:max-failures]
 *   allows, or the run could not go on
 * @PAR_CANCEL_REASON_ENOUGH: [property@Requests:min-successes] others had succeeded
 *
 * Why a request was cancelled.
 *
 * Since: 0.1
 */
typedef enum
{
  PAR_CANCEL_REASON_NONE,
  PAR_CANCEL_REASON_CANCELLED,
  PAR_CANCEL_REASON_TIMED_OUT,
  PAR_CANCEL_REASON_FAILURES,
  PAR_CANCEL_REASON_ENOUGH,
} ParCancelReason;

G_END_DECLS
