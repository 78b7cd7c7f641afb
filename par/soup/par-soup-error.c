/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-error.h"

/**
 * par_soup_error_quark:
 *
 * Gets the error domain of ParSoup.
 *
 * Returns: the error domain
 *
 * Since: 0.1
 */
G_DEFINE_QUARK (par-soup-error-quark, par_soup_error)
