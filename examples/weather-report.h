/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <json-glib/json-glib.h>

/* What OpenWeatherMap would say of @city, made up, but the same at every call. Temperatures are
 * in Kelvin unless @units is "metric" or "imperial". */
JsonNode *weather_report_new       (const char *city,
                                    const char *units);

/* What OpenWeatherMap says when it has no weather to tell. */
JsonNode *weather_report_new_error (guint       status,
                                    const char *reason);
