/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

GSource *par_soup_bridge_new (GMainContext *context);

G_END_DECLS
