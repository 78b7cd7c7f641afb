/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "acceptance.h"
#include "backend.h"

G_BEGIN_DECLS

/* 200 requests a second, for a service that is well for 20 seconds, slow for 20 seconds, and well
 * again, and so on. */
#define OUTAGE_INTERVAL_US 5000
#define OUTAGE_PHASE_US (20 * G_USEC_PER_SEC)
#define OUTAGE_N_PER_PHASE (OUTAGE_PHASE_US / OUTAGE_INTERVAL_US)

Simulation *outage_run (gint64    seed,
                        ParHedge *hedge,
                        guint     n_phases);

G_END_DECLS
