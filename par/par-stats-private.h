/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-stats.h>

#include "engine/par-engine-private.h"

G_BEGIN_DECLS

ParStats *par_stats_new (ParEngine *engine);

G_END_DECLS
