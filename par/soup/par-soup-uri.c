/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-uri-private.h"

#include <libsoup/soup.h>

/* Parameters whose values are for the service only. */
static const char * const secret_parameters[] = {
  "access_token", "api-key", "api_key", "apikey", "appid", "auth", "key", "passwd", "password",
  "secret", "sig", "signature", "token",
};

GUri *
par_soup_uri_parse (const char  *text,
                    GError     **error)
{
  g_autoptr(GUri) uri = g_uri_parse (text, SOUP_HTTP_URI_FLAGS, error);
  const char *scheme, *host;

  if (uri == NULL)
    return NULL;

  scheme = g_uri_get_scheme (uri);
  host = g_uri_get_host (uri);
  if (!g_str_equal (scheme, "http") && !g_str_equal (scheme, "https"))
    g_set_error (error, G_URI_ERROR, G_URI_ERROR_BAD_SCHEME,
                 "'%s' is not a scheme of HTTP: use http or https", scheme);
  else if (host == NULL || *host == '\0')
    g_set_error_literal (error, G_URI_ERROR, G_URI_ERROR_BAD_HOST, "the URI names no host");
  else
    return g_steal_pointer (&uri);

  return NULL;
}

/* What connections are counted by. */
char *
par_soup_uri_get_host_key (GUri *uri)
{
  g_autofree char *host = g_ascii_strdown (g_uri_get_host (uri), -1);
  gboolean is_ip_v6 = strchr (host, ':') != NULL;

  return g_strdup_printf (is_ip_v6 ? "[%s]:%d" : "%s:%d", host, g_uri_get_port (uri));
}

/* The URI as a service gets it. */
GUri *
par_soup_uri_strip (GUri *uri)
{
  return soup_uri_copy (uri, SOUP_URI_USER, NULL, SOUP_URI_PASSWORD, NULL,
                        SOUP_URI_AUTH_PARAMS, NULL, SOUP_URI_FRAGMENT, NULL, SOUP_URI_NONE);
}

static gboolean
is_secret (const char *name,
           gsize       length)
{
  for (guint i = 0; i < G_N_ELEMENTS (secret_parameters); i++)
    if (strlen (secret_parameters[i]) == length
        && g_ascii_strncasecmp (secret_parameters[i], name, length) == 0)
      return TRUE;

  return FALSE;
}

static char *
hide_secrets (const char *query)
{
  g_auto(GStrv) parameters = g_strsplit (query, "&", -1);

  for (guint i = 0; parameters[i] != NULL; i++)
    {
      char *value = strchr (parameters[i], '=');

      if (value != NULL && is_secret (parameters[i], value - parameters[i]))
        {
          char *hidden = g_strdup_printf ("%.*s=...", (int) (value - parameters[i]), parameters[i]);

          g_free (parameters[i]);
          parameters[i] = hidden;
        }
    }

  return g_strjoinv ("&", parameters);
}

/* The URI as it may be shown to anybody. */
char *
par_soup_uri_describe (GUri *uri)
{
  g_autoptr(GUri) stripped = par_soup_uri_strip (uri);
  g_autofree char *query = NULL;

  if (g_uri_get_query (uri) != NULL)
    {
      g_autoptr(GUri) shown = NULL;

      query = hide_secrets (g_uri_get_query (uri));
      shown = soup_uri_copy (stripped, SOUP_URI_QUERY, query, SOUP_URI_NONE);
      return g_uri_to_string (shown);
    }

  return g_uri_to_string (stripped);
}

/* The user and password of the URI as the value of an Authorization header, or NULL. */
char *
par_soup_uri_get_credentials (GUri *uri)
{
  const char *user = g_uri_get_user (uri);
  const char *password = g_uri_get_password (uri);
  g_autofree char *pair = NULL;
  g_autofree char *encoded = NULL;

  if (user == NULL)
    return NULL;

  pair = g_strdup_printf ("%s:%s", user, password != NULL ? password : "");
  encoded = g_base64_encode ((const guchar *) pair, strlen (pair));

  return g_strconcat ("Basic ", encoded, NULL);
}

/* The path and query of @uri, below @base. */
GUri *
par_soup_uri_rebase (GUri *uri,
                     GUri *base)
{
  const char *below = g_uri_get_path (base);
  gsize length = strlen (below);
  g_autofree char *path = NULL;

  while (length > 0 && below[length - 1] == '/')
    length--;
  path = g_strdup_printf ("%.*s%s", (int) length, below, g_uri_get_path (uri));

  return soup_uri_copy (base, SOUP_URI_PATH, path, SOUP_URI_QUERY, g_uri_get_query (uri),
                        SOUP_URI_FRAGMENT, NULL, SOUP_URI_NONE);
}

static gboolean
is_same_host (GUri *uri,
              GUri *other)
{
  return g_ascii_strcasecmp (g_uri_get_host (uri), g_uri_get_host (other)) == 0;
}

gboolean
par_soup_uri_is_same_origin (GUri *uri,
                             GUri *other)
{
  return g_str_equal (g_uri_get_scheme (uri), g_uri_get_scheme (other))
         && g_uri_get_port (uri) == g_uri_get_port (other) && is_same_host (uri, other);
}

/* Whether @to is the same host as @from, by https instead of http. */
gboolean
par_soup_uri_is_upgrade (GUri *from,
                         GUri *to)
{
  return g_str_equal (g_uri_get_scheme (from), "http")
         && g_str_equal (g_uri_get_scheme (to), "https") && is_same_host (from, to);
}
