/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-requests.h>

#include "engine/par-engine-private.h"

G_BEGIN_DECLS

/* For the tests, which put in a clock of their own before the first run. */
ParEngine *par_requests_get_engine (ParRequests *self);

G_END_DECLS
