/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#define OPENWEATHERMAP_URI "https://api.openweathermap.org"
#define OPENWEATHERMAP_API_KEY "OPENWEATHERMAP_API_KEY"

/* Asks @service for the weather in @city and waits for the answer. Any thread may call this,
 * several at once too.
 *
 * Returns: (transfer full): the city, the temperature in °C and the conditions, as "(sds)" */
GVariant *openweathermap_find (const char    *service,
                               const char    *city,
                               GCancellable  *cancellable,
                               GError       **error);
