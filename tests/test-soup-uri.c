/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "par-soup-uri-private.h"

static GUri *
parse (const char *text)
{
  g_autoptr(GError) error = NULL;
  GUri *uri = par_soup_uri_parse (text, &error);

  g_assert_no_error (error);

  return uri;
}

static void
only_http_is_parsed (void)
{
  const struct
  {
    const char *text;
    int code;
  } rows[] = {
    { "", G_URI_ERROR_FAILED },
    { "example.org", G_URI_ERROR_FAILED },
    { "/path", G_URI_ERROR_FAILED },
    { "ftp://example.org/", G_URI_ERROR_BAD_SCHEME },
    { "http:///path", G_URI_ERROR_BAD_HOST },
    { "http:path", G_URI_ERROR_BAD_HOST },
    { "http://example.org:port/", G_URI_ERROR_BAD_PORT },
  };

  g_test_summary ("What cannot be sent by HTTP is an error.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GError) error = NULL;

      g_test_message ("%s", rows[i].text);
      g_assert_null (par_soup_uri_parse (rows[i].text, &error));
      g_assert_error (error, G_URI_ERROR, rows[i].code);
    }
}

static void
hosts_have_keys (void)
{
  const char *rows[][2] = {
    { "http://Example.org/a", "example.org:80" },
    { "https://example.org/b", "example.org:443" },
    { "https://user:pass@example.org:8080/b", "example.org:8080" },
    { "http://[::1]:81/", "[::1]:81" },
  };

  g_test_summary ("Connections are counted by host and port.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GUri) uri = parse (rows[i][0]);
      g_autofree char *key = par_soup_uri_get_host_key (uri);

      g_assert_cmpstr (key, ==, rows[i][1]);
    }
}

static void
secrets_are_not_shown (void)
{
  const char *rows[][2] = {
    { "http://user:pass@example.org/a#there", "http://example.org/a" },
    { "http://example.org/?q=Oakland&appid=secret", "http://example.org/?q=Oakland&appid=..." },
    { "http://example.org/?Token=secret&keys=2&a", "http://example.org/?Token=...&keys=2&a" },
    { "http://example.org", "http://example.org/" },
  };

  g_test_summary ("A URI is shown without password and keys.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GUri) uri = parse (rows[i][0]);
      g_autofree char *shown = par_soup_uri_describe (uri);

      g_assert_cmpstr (shown, ==, rows[i][1]);
    }
}

static void
credentials_are_basic (void)
{
  const char *rows[][2] = {
    { "http://example.org/", NULL },
    { "http://Aladdin:open%20sesame@example.org/", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" },
    { "http://user@example.org/", "Basic dXNlcjo=" },
  };

  g_test_summary ("User and password become a header.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GUri) uri = parse (rows[i][0]);
      g_autofree char *credentials = par_soup_uri_get_credentials (uri);

      g_assert_cmpstr (credentials, ==, rows[i][1]);
    }
}

static void
replicas_keep_path_and_query (void)
{
  const char *rows[][3] = {
    { "http://a/data?q=1#there", "https://b:81", "https://b:81/data?q=1" },
    { "http://a/data", "http://user:pass@b/v1/", "http://user:pass@b/v1/data" },
    { "http://a/%2F?x=%26", "http://b/v1", "http://b/v1/%2F?x=%26" },
    { "http://a", "http://b/?ignored", "http://b/" },
  };

  g_test_summary ("At a replica it is the same path and query.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GUri) uri = parse (rows[i][0]);
      g_autoptr(GUri) base = parse (rows[i][1]);
      g_autoptr(GUri) rebased = par_soup_uri_rebase (uri, base);
      g_autofree char *text = g_uri_to_string (rebased);

      g_assert_cmpstr (text, ==, rows[i][2]);
    }
}

static void
origins_are_compared (void)
{
  const struct
  {
    const char *from;
    const char *to;
    gboolean is_same;
    gboolean is_upgrade;
  } rows[] = {
    { "http://a/", "http://A:80/other", TRUE, FALSE },
    { "http://a/", "http://b/", FALSE, FALSE },
    { "http://a/", "http://a:81/", FALSE, FALSE },
    { "http://a/", "https://a/", FALSE, TRUE },
    { "http://a:8080/", "https://A:8443/", FALSE, TRUE },
    { "https://a/", "http://a/", FALSE, FALSE },
    { "http://a/", "https://a.b/", FALSE, FALSE },
  };

  g_test_summary ("An origin is scheme, host and port, and an upgrade goes from http to https.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GUri) from = parse (rows[i].from);
      g_autoptr(GUri) to = parse (rows[i].to);

      g_assert_cmpint (par_soup_uri_is_same_origin (from, to), ==, rows[i].is_same);
      g_assert_cmpint (par_soup_uri_is_upgrade (from, to), ==, rows[i].is_upgrade);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/par-soup/uri/only-http-is-parsed", only_http_is_parsed);
  g_test_add_func ("/par-soup/uri/hosts-have-keys", hosts_have_keys);
  g_test_add_func ("/par-soup/uri/secrets-are-not-shown", secrets_are_not_shown);
  g_test_add_func ("/par-soup/uri/credentials-are-basic", credentials_are_basic);
  g_test_add_func ("/par-soup/uri/replicas-keep-path-and-query", replicas_keep_path_and_query);
  g_test_add_func ("/par-soup/uri/origins-are-compared", origins_are_compared);

  return g_test_run ();
}
