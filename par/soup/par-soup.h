/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#define PAR_SOUP_INSIDE
#include <par/soup/par-soup-enum-types.h>
#include <par/soup/par-soup-error.h>
#include <par/soup/par-soup-request.h>
#include <par/soup/par-soup-response.h>
#include <par/soup/par-soup-session.h>
#undef PAR_SOUP_INSIDE
