/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "par-soup-target-private.h"

#include "par-soup-error.h"
#include "par-soup-uri-private.h"

typedef struct
{
  ParSoupCall *call;
  ParSoupTarget target;
  GError *error;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  method)
{
  g_autoptr(GUri) uri = par_soup_uri_parse ("http://user:pass@a/one?q#there", NULL);
  g_autoptr(SoupMessageHeaders) headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);

  soup_message_headers_append (headers, "Accept", "text/plain");
  soup_message_headers_append (headers, "X-Api-Key", "secret");
  soup_message_headers_append (headers, "Cookie", "secret");

  fixture->call = par_soup_call_new (method, uri);
  fixture->call->body = g_bytes_new_static ("body", 4);
  fixture->call->content_type = g_strdup ("text/plain");
  par_soup_call_copy_headers (fixture->call, headers);
  par_soup_target_init (&fixture->target, fixture->call, 1);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  method)
{
  par_soup_target_clear (&fixture->target);
  par_soup_call_unref (fixture->call);
  g_clear_error (&fixture->error);
}

static const char *
get_header (Fixture    *fixture,
            const char *name)
{
  g_autoptr(SoupMessage) message = NULL;
  gboolean decodes;

  message = par_soup_target_new_message (&fixture->target, fixture->call, &decodes);

  return g_intern_string (soup_message_headers_get_list (soup_message_get_request_headers (message),
                                                         name));
}

static gboolean
redirect (Fixture    *fixture,
          guint       status,
          const char *location)
{
  return par_soup_target_redirect (&fixture->target, fixture->call, status, location,
                                   &fixture->error);
}

static void
assert_at (Fixture    *fixture,
           const char *uri)
{
  g_autofree char *text = g_uri_to_string (fixture->target.uri);

  g_assert_cmpstr (text, ==, uri);
}

static void
messages_have_what_was_asked_for (Fixture       *fixture,
                                  gconstpointer  method)
{
  g_test_summary ("A message has the headers of its request, its credentials and its body, and no "
                  "password in its URI.");

  assert_at (fixture, "http://a/one?q");
  g_assert_cmpstr (get_header (fixture, "Authorization"), ==, "Basic dXNlcjpwYXNz");
  g_assert_cmpstr (get_header (fixture, "X-Api-Key"), ==, "secret");
  g_assert_cmpstr (get_header (fixture, "Content-Type"), ==, "text/plain");
  g_assert_cmpstr (get_header (fixture, "Content-Length"), ==, "4");
  g_assert_cmpstr (get_header (fixture, "Accept-Encoding"), ==, "gzip");
}

static void
credentials_stay_within_the_origin (Fixture       *fixture,
                                    gconstpointer  method)
{
  g_test_summary ("What may be secret goes along to the same origin, and to no other, ever again.");

  fixture->call->crosses_origins = TRUE;
  g_assert_true (redirect (fixture, 307, "/two"));
  assert_at (fixture, "http://a/two");
  g_assert_cmpstr (get_header (fixture, "Authorization"), ==, "Basic dXNlcjpwYXNz");
  g_assert_cmpstr (get_header (fixture, "Cookie"), ==, "secret");

  g_assert_true (redirect (fixture, 307, "http://other:word@b/three"));
  assert_at (fixture, "http://b/three");
  g_assert_null (get_header (fixture, "Authorization"));
  g_assert_null (get_header (fixture, "Cookie"));
  g_assert_null (get_header (fixture, "X-Api-Key"));
  g_assert_cmpstr (get_header (fixture, "Accept"), ==, "text/plain");

  g_assert_true (redirect (fixture, 307, "http://a/four"));
  g_assert_null (get_header (fixture, "Authorization"));
  g_assert_null (get_header (fixture, "X-Api-Key"));
}

static void
upgrades_are_followed_without_credentials (Fixture       *fixture,
                                           gconstpointer  method)
{
  g_test_summary ("The same host by https is another origin, but may be gone to.");

  g_assert_true (redirect (fixture, 301, "https://a/one"));
  assert_at (fixture, "https://a/one");
  g_assert_null (get_header (fixture, "Authorization"));
}

static void
other_origins_are_refused (Fixture       *fixture,
                           gconstpointer  method)
{
  const char *elsewhere[] = { "http://b/", "http://a:81/", "https://b/", "//b/" };

  g_test_summary ("No other origin is gone to unless that is allowed.");

  for (guint i = 0; i < G_N_ELEMENTS (elsewhere); i++)
    {
      g_assert_false (redirect (fixture, 302, elsewhere[i]));
      g_assert_error (fixture->error, PAR_SOUP_ERROR, PAR_SOUP_ERROR_REDIRECTED);
      g_clear_error (&fixture->error);
    }
  assert_at (fixture, "http://a/one?q");
}

static void
downgrades_are_refused (Fixture       *fixture,
                        gconstpointer  method)
{
  g_test_summary ("From https, http is another origin like any.");

  g_assert_true (redirect (fixture, 301, "https://a/one"));
  g_assert_false (redirect (fixture, 301, "http://a/one"));
  g_assert_error (fixture->error, PAR_SOUP_ERROR, PAR_SOUP_ERROR_REDIRECTED);
}

static void
locations_must_be_http (Fixture       *fixture,
                        gconstpointer  method)
{
  const char *bad[] = { "ftp://a/", "http://", "mailto:a@b", "http://a:x/" };

  g_test_summary ("A location that is none of HTTP is an error.");

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (redirect (fixture, 302, bad[i]));
      g_assert_error (fixture->error, PAR_SOUP_ERROR, PAR_SOUP_ERROR_REDIRECTED);
      g_clear_error (&fixture->error);
    }
}

static void
loops_end (Fixture       *fixture,
           gconstpointer  method)
{
  g_test_summary ("Twenty redirections are enough.");

  for (guint i = 0; i < 20; i++)
    g_assert_true (redirect (fixture, 302, "/one"));
  g_assert_false (redirect (fixture, 302, "/one"));
  g_assert_error (fixture->error, PAR_SOUP_ERROR, PAR_SOUP_ERROR_REDIRECTED);
}

static void
methods_change_as_in_browsers (void)
{
  const struct
  {
    const char *method;
    guint status;
    const char *becomes;
    gboolean has_body;
  } rows[] = {
    { "GET", 301, "GET", TRUE },
    { "HEAD", 303, "HEAD", TRUE },
    { "POST", 301, "GET", FALSE },
    { "POST", 302, "GET", FALSE },
    { "POST", 303, "GET", FALSE },
    { "POST", 307, "POST", TRUE },
    { "POST", 308, "POST", TRUE },
    { "PUT", 302, "PUT", TRUE },
    { "PUT", 303, "GET", FALSE },
  };

  g_test_summary ("A form that was sent is answered by something to get; else the method stays.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      Fixture fixture = { 0 };

      set_up (&fixture, rows[i].method);
      g_assert_true (redirect (&fixture, rows[i].status, "/two"));
      g_assert_cmpstr (fixture.target.method, ==, rows[i].becomes);
      g_assert_cmpint (fixture.target.has_body, ==, rows[i].has_body);
      tear_down (&fixture, NULL);
    }
}

static void
attempts_go_to_replicas_in_turn (void)
{
  g_autoptr(GUri) uri = par_soup_uri_parse ("http://user:pass@a/one", NULL);
  g_autoptr(ParSoupCall) call = par_soup_call_new ("GET", uri);
  const char *hosts[] = { "r1", "r2", "r0", "r1" };

  g_test_summary ("Attempt n goes to replica n, from where the request begins.");

  call->first_replica = 1;
  call->replicas = g_ptr_array_new_with_free_func ((GDestroyNotify) g_uri_unref);
  g_ptr_array_add (call->replicas, par_soup_uri_parse ("http://r0", NULL));
  g_ptr_array_add (call->replicas, par_soup_uri_parse ("http://me:word@r1", NULL));
  g_ptr_array_add (call->replicas, par_soup_uri_parse ("http://r2", NULL));

  for (guint i = 0; i < G_N_ELEMENTS (hosts); i++)
    {
      ParSoupTarget target;

      par_soup_target_init (&target, call, i + 1);
      g_assert_cmpstr (g_uri_get_host (target.uri), ==, hosts[i]);
      g_assert_cmpuint (target.replica, ==, (i + 1) % 3);
      /* Whose credentials are whose is never mixed up. */
      g_assert_cmpstr (target.credentials, ==, i % 3 == 0 ? "Basic bWU6d29yZA==" : NULL);
      par_soup_target_clear (&target);
    }
}

static void
what_the_program_accepts_is_left_alone (Fixture       *fixture,
                                        gconstpointer  method)
{
  g_autoptr(SoupMessage) message = NULL;
  gboolean decodes;

  g_test_summary ("A program that says what it accepts gets what it asks for.");

  g_ptr_array_add (fixture->call->headers, g_strdup ("Accept-Encoding"));
  g_ptr_array_add (fixture->call->headers, g_strdup ("br"));
  g_ptr_array_add (fixture->call->headers, g_strdup ("Authorization"));
  g_ptr_array_add (fixture->call->headers, g_strdup ("Bearer token"));
  message = par_soup_target_new_message (&fixture->target, fixture->call, &decodes);
  g_assert_false (decodes);
  g_assert_cmpstr (get_header (fixture, "Accept-Encoding"), ==, "br");
  g_assert_cmpstr (get_header (fixture, "Authorization"), ==, "Bearer token");
}

#define add(name, function) \
  g_test_add ("/par-soup/target/" name, Fixture, "POST", set_up, function, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("messages-have-what-was-asked-for", messages_have_what_was_asked_for);
  add ("what-the-program-accepts-is-left-alone", what_the_program_accepts_is_left_alone);
  add ("credentials-stay-within-the-origin", credentials_stay_within_the_origin);
  add ("upgrades-are-followed-without-credentials", upgrades_are_followed_without_credentials);
  add ("other-origins-are-refused", other_origins_are_refused);
  add ("downgrades-are-refused", downgrades_are_refused);
  add ("locations-must-be-http", locations_must_be_http);
  add ("loops-end", loops_end);
  g_test_add_func ("/par-soup/target/methods-change-as-in-browsers",
                   methods_change_as_in_browsers);
  g_test_add_func ("/par-soup/target/attempts-go-to-replicas-in-turn",
                   attempts_go_to_replicas_in_turn);

  return g_test_run ();
}
