/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "par-soup-text-private.h"

#include <string.h>

static void
text_is_decoded (void)
{
  const char *rows[][3] = {
    { "plain", NULL, "plain" },
    { "", "text/plain; charset=utf-16", "" },
    { "caf\303\251", "text/plain", "caf\303\251" },
    { "caf\303\251", "text/plain; charset=UTF-8", "caf\303\251" },
    { "caf\351", "text/plain; charset=iso-8859-1", "caf\303\251" },
    { "caf\351", "text/plain; charset=\"ISO-8859-1\"; format=flowed", "caf\303\251" },
    { "caf\351", "text/plain", "caf\357\277\275" },
    { "caf\351", "text/plain; charset=utf-8", "caf\357\277\275" },
    { "caf\351", "text/plain; charset=no-such-thing", "caf\357\277\275" },
  };

  g_test_summary ("Text is decoded by its charset, and whatever it is becomes text.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GBytes) body = g_bytes_new_static (rows[i][0], strlen (rows[i][0]));
      g_autofree char *text = par_soup_text_decode (body, rows[i][1]);

      g_test_message ("%s", rows[i][1]);
      g_assert_cmpstr (text, ==, rows[i][2]);
    }
}

static void
excerpts_are_short_lines (void)
{
  const char *rows[][3] = {
    { "\nfirst\r\nsecond\n", "text/plain", "first  second" },
    { "{\"a\": 1}", "application/json", "{\"a\": 1}" },
    { "<a/>", "application/atom+xml", "<a/>" },
    { "no text", "image/png", NULL },
    { "no type", NULL, NULL },
    { "", "text/plain", NULL },
  };
  g_autofree char *much = g_strnfill (1000, 'x');
  g_autoptr(GBytes) body = g_bytes_new_static (much, 1000);
  g_autofree char *excerpt = par_soup_text_excerpt (body, "text/plain");

  g_test_summary ("Of a text, an error message has the beginning in one line.");

  g_assert_cmpuint (strlen (excerpt), ==, 200);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GBytes) row = g_bytes_new_static (rows[i][0], strlen (rows[i][0]));
      g_autofree char *text = par_soup_text_excerpt (row, rows[i][1]);

      g_assert_cmpstr (text, ==, rows[i][2]);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/par-soup/text/text-is-decoded", text_is_decoded);
  g_test_add_func ("/par-soup/text/excerpts-are-short-lines", excerpts_are_short_lines);

  return g_test_run ();
}
