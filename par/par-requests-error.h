/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_INSIDE) && !defined (PAR_COMPILATION)
# error "Only <par/par.h> can be included directly."
#endif

#include <glib.h>

#include <par/par-version.h>

G_BEGIN_DECLS

#define PAR_REQUESTS_ERROR (par_requests_error_quark ())

/**
 * ParRequestsError:
 * @PAR_REQUESTS_ERROR_FAILED: some requests of a run did not succeed, or a task had an error
 * @PAR_REQUESTS_ERROR_NO_RESULT: the function of a request returned neither a value nor an error
 *
 * The ways in which Par itself can fail.
 *
 * What is cancelled fails with `G_IO_ERROR_CANCELLED` and what is too late with
 * `G_IO_ERROR_TIMED_OUT`. New values may be added.
 *
 * Since: 0.1
 */
typedef enum
{
  PAR_REQUESTS_ERROR_FAILED,
  PAR_REQUESTS_ERROR_NO_RESULT,
} ParRequestsError;

PAR_AVAILABLE_IN_ALL
GQuark par_requests_error_quark (void);

G_END_DECLS
