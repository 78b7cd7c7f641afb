/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/soup/par-soup.h>

#define OPENWEATHERMAP_URI "https://api.openweathermap.org"
#define OPENWEATHERMAP_API_KEY "OPENWEATHERMAP_API_KEY"

/* A request that asks @service for the weather in @city.
 *
 * Returns: (transfer full) */
ParSoupRequest *openweathermap_new_request (const char       *service,
                                            const char       *city,
                                            GError          **error);

/* What @response tells: the city, the temperature in °C and the conditions, as "(sds)".
 *
 * Returns: (transfer full) */
GVariant       *openweathermap_parse       (ParSoupResponse  *response,
                                            GError          **error);
