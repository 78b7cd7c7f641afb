/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "weather-report.h"

#include <math.h>

static const struct
{
  int id;
  const char *main;
  const char *description;
  const char *icon;
} conditions[] = {
  { 800, "Clear", "clear sky", "01d" },
  { 801, "Clouds", "few clouds", "02d" },
  { 802, "Clouds", "scattered clouds", "03d" },
  { 804, "Clouds", "overcast clouds", "04d" },
  { 500, "Rain", "light rain", "10d" },
  { 701, "Mist", "mist", "50d" },
  { 741, "Fog", "fog", "50d" },
};

/* A number from @min to @max that is the same whenever @city is asked for @what. */
static double
invent (const char *city,
        const char *what,
        double      min,
        double      max)
{
  g_autofree char *both = g_strconcat (what, " in ", city, NULL);
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, both, -1);
  double share;

  digest[8] = '\0';
  share = (double) g_ascii_strtoull (digest, NULL, 16) / G_MAXUINT32;

  return round ((min + share * (max - min)) * 100) / 100;
}

static double
convert_temperature (double      celsius,
                     const char *units)
{
  if (g_strcmp0 (units, "metric") == 0)
    return celsius;
  if (g_strcmp0 (units, "imperial") == 0)
    return round ((celsius * 9 / 5 + 32) * 100) / 100;

  return round ((celsius + 273.15) * 100) / 100;
}

static void
add_double (JsonBuilder *builder,
            const char  *name,
            double       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

static void
add_int (JsonBuilder *builder,
         const char  *name,
         gint64       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_string (JsonBuilder *builder,
            const char  *name,
            const char  *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
begin_object (JsonBuilder *builder,
              const char  *name)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
}

JsonNode *
weather_report_new (const char *city,
                    const char *units)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  double temperature = invent (city, "temperature", -5, 32);
  guint condition = invent (city, "conditions", 0, G_N_ELEMENTS (conditions) - 0.01);

  json_builder_begin_object (builder);

  begin_object (builder, "coord");
  add_double (builder, "lon", invent (city, "longitude", -180, 180));
  add_double (builder, "lat", invent (city, "latitude", -60, 70));
  json_builder_end_object (builder);

  json_builder_set_member_name (builder, "weather");
  json_builder_begin_array (builder);
  json_builder_begin_object (builder);
  add_int (builder, "id", conditions[condition].id);
  add_string (builder, "main", conditions[condition].main);
  add_string (builder, "description", conditions[condition].description);
  add_string (builder, "icon", conditions[condition].icon);
  json_builder_end_object (builder);
  json_builder_end_array (builder);

  add_string (builder, "base", "stations");

  begin_object (builder, "main");
  add_double (builder, "temp", convert_temperature (temperature, units));
  add_double (builder, "feels_like", convert_temperature (temperature - 1.2, units));
  add_double (builder, "temp_min", convert_temperature (temperature - 2.5, units));
  add_double (builder, "temp_max", convert_temperature (temperature + 2.5, units));
  add_int (builder, "pressure", invent (city, "pressure", 990, 1035));
  add_int (builder, "humidity", invent (city, "humidity", 25, 95));
  json_builder_end_object (builder);

  add_int (builder, "visibility", 10000);

  begin_object (builder, "wind");
  add_double (builder, "speed", invent (city, "wind speed", 0, 12));
  add_int (builder, "deg", invent (city, "wind direction", 0, 359));
  json_builder_end_object (builder);

  begin_object (builder, "clouds");
  add_int (builder, "all", invent (city, "clouds", 0, 100));
  json_builder_end_object (builder);

  add_int (builder, "dt", g_get_real_time () / G_USEC_PER_SEC);
  add_int (builder, "timezone", 3600 * (int) invent (city, "timezone", -11, 12));
  add_int (builder, "id", invent (city, "id", 1000000, 9999999));
  add_string (builder, "name", city);
  add_int (builder, "cod", 200);

  json_builder_end_object (builder);

  return json_builder_get_root (builder);
}

JsonNode *
weather_report_new_error (guint       status,
                          const char *reason)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autofree char *code = g_strdup_printf ("%u", status);

  json_builder_begin_object (builder);
  /* OpenWeatherMap gives the code of an error as a string, that of a success as a number. */
  add_string (builder, "cod", code);
  add_string (builder, "message", reason);
  json_builder_end_object (builder);

  return json_builder_get_root (builder);
}
