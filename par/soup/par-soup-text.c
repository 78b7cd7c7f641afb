/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-text-private.h"

#include <string.h>

#include <libsoup/soup.h>

#define EXCERPT_SIZE 200

/* The charset that a Content-Type declares, or UTF-8. */
static char *
get_charset (const char *content_type)
{
  g_autoptr(GHashTable) parameters = NULL;
  const char *charset = NULL;

  if (content_type != NULL && strchr (content_type, ';') != NULL)
    {
      parameters = soup_header_parse_semi_param_list (strchr (content_type, ';') + 1);
      charset = g_hash_table_lookup (parameters, "charset");
    }

  return g_strdup (charset != NULL ? charset : "UTF-8");
}

/* The text in UTF-8, whatever it takes: what cannot be decoded is replaced. */
char *
par_soup_text_decode (GBytes     *body,
                      const char *content_type)
{
  g_autofree char *charset = get_charset (content_type);
  gsize length;
  const char *text = g_bytes_get_data (body, &length);
  char *decoded = NULL;

  if (length == 0)
    return g_strdup ("");

  if (g_ascii_strcasecmp (charset, "UTF-8") != 0 && g_ascii_strcasecmp (charset, "UTF8") != 0)
    decoded = g_convert_with_fallback (text, length, "UTF-8", charset, NULL, NULL, NULL, NULL);

  return decoded != NULL ? decoded : g_utf8_make_valid (text, length);
}

static gboolean
is_text (const char *content_type)
{
  return content_type != NULL
         && (g_ascii_strncasecmp (content_type, "text/", 5) == 0
             || strstr (content_type, "json") != NULL
             || strstr (content_type, "xml") != NULL
             || g_ascii_strncasecmp (content_type, "application/x-www-form", 22) == 0);
}

/* The first bytes of a text in one line, for an error message, or NULL if it is no text. */
char *
par_soup_text_excerpt (GBytes     *body,
                       const char *content_type)
{
  g_autoptr(GBytes) beginning = NULL;
  char *text;

  if (g_bytes_get_size (body) == 0 || !is_text (content_type))
    return NULL;

  beginning = g_bytes_new_from_bytes (body, 0, MIN (g_bytes_get_size (body), EXCERPT_SIZE));
  text = par_soup_text_decode (beginning, content_type);
  for (char *character = text; *character != '\0'; character++)
    if (g_ascii_iscntrl (*character))
      *character = ' ';

  return g_strstrip (text);
}
