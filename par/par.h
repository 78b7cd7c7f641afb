/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#define PAR_INSIDE
#include <par/par-attempt.h>
#include <par/par-enum-types.h>
#include <par/par-enums.h>
#include <par/par-hedge.h>
#include <par/par-limiter.h>
#include <par/par-request.h>
#include <par/par-requests-error.h>
#include <par/par-requests.h>
#include <par/par-retry.h>
#include <par/par-stats.h>
#include <par/par-version.h>
#undef PAR_INSIDE
