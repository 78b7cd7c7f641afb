/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-requests-error.h"

/**
 * par_requests_error_quark:
 *
 * Gets the error domain of Par.
 *
 * Returns: the error domain
 *
 * Since: 0.1
 */
G_DEFINE_QUARK (par-requests-error-quark, par_requests_error)
