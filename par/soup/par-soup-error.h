/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_SOUP_INSIDE) && !defined (PAR_SOUP_COMPILATION)
# error "Only <par/soup/par-soup.h> can be included directly."
#endif

#include <par/par.h>

G_BEGIN_DECLS

#define PAR_SOUP_ERROR (par_soup_error_quark ())

/**
 * ParSoupError:
 * @PAR_SOUP_ERROR_TOO_LARGE: the body is larger than [property@Request:max-body-size]
 * @PAR_SOUP_ERROR_REDIRECTED: the service sent the request elsewhere, and it may not go there
 *
 * The ways in which an answer is no result.
 *
 * A code from 100 on is the status of an answer that was not accepted, such as 404: see
 * [property@Request:accept-status].
 *
 * What comes of the network keeps its own domain and code, such as
 * `G_IO_ERROR_CONNECTION_REFUSED`, `G_IO_ERROR_PARTIAL_INPUT` for a body that ends too early, and
 * `G_TLS_ERROR_BAD_CERTIFICATE`. New values may be added.
 *
 * Since: 0.1
 */
typedef enum
{
  PAR_SOUP_ERROR_TOO_LARGE,
  PAR_SOUP_ERROR_REDIRECTED,
} ParSoupError;

PAR_AVAILABLE_IN_ALL
GQuark par_soup_error_quark (void);

G_END_DECLS
