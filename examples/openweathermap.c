/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "openweathermap.h"

#include <json-glib/json-glib.h>

ParSoupRequest *
openweathermap_new_request (const char  *service,
                            const char  *city,
                            GError     **error)
{
  const char *api_key = g_getenv (OPENWEATHERMAP_API_KEY);
  g_autofree char *query = soup_form_encode ("q", city, "units", "metric",
                                             api_key != NULL ? "appid" : NULL, api_key, NULL);
  g_autofree char *uri = g_strdup_printf ("%s/data/2.5/weather?%s", service, query);

  return par_soup_request_new ("GET", uri, error);
}

/* The value that @path selects below @root, or NULL if that is nothing of @type. */
static JsonNode *
find_value (JsonNode   *root,
            const char *path,
            GType       type)
{
  g_autoptr(JsonNode) matches = json_path_query (path, root, NULL);
  JsonArray *array = json_node_get_array (matches);
  JsonNode *node;
  GType found;

  if (json_array_get_length (array) != 1)
    return NULL;

  node = json_array_get_element (array, 0);
  found = json_node_get_value_type (node);
  if (found != type && !(type == G_TYPE_DOUBLE && found == G_TYPE_INT64))
    return NULL;

  return json_node_ref (node);
}

GVariant *
openweathermap_parse (ParSoupResponse  *response,
                      GError          **error)
{
  g_autoptr(JsonParser) parser = json_parser_new ();
  g_autoptr(JsonNode) name = NULL;
  g_autoptr(JsonNode) temperature = NULL;
  g_autoptr(JsonNode) conditions = NULL;
  JsonNode *root;

  if (!json_parser_load_from_data (parser, par_soup_response_get_text (response), -1, error))
    return NULL;

  root = json_parser_get_root (parser);
  if (root != NULL)
    {
      name = find_value (root, "$.name", G_TYPE_STRING);
      temperature = find_value (root, "$.main.temp", G_TYPE_DOUBLE);
      conditions = find_value (root, "$.weather[0].description", G_TYPE_STRING);
    }

  if (name == NULL || temperature == NULL || conditions == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "The answer tells no weather");
      return NULL;
    }

  return g_variant_ref_sink (g_variant_new ("(sds)", json_node_get_string (name),
                                            json_node_get_double (temperature),
                                            json_node_get_string (conditions)));
}
