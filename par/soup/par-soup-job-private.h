/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par.h>

#include "par-soup-call-private.h"
#include "par-soup-pool-private.h"

G_BEGIN_DECLS

void par_soup_job_start (ParSoupPool *pool,
                         ParSoupCall *call,
                         ParAttempt  *attempt);
void par_soup_job_run   (ParSoupPool *pool,
                         ParSoupCall *call,
                         ParAttempt  *attempt);

G_END_DECLS
