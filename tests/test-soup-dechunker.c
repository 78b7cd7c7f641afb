/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "par-soup-dechunker-private.h"

#include <string.h>

typedef struct
{
  const char *in;
  const char *out;
  gboolean done;
  gboolean bad;
} Row;

static const Row rows[] = {
  { "5\r\nhello\r\n0\r\n\r\n", "hello", TRUE, FALSE },
  { "5\nhello\n0\n\n", "hello", TRUE, FALSE },
  { "0005;name=\"value\"\r\nhello\r\n6 \r\n world\r\n0\r\n\r\n", "hello world", TRUE, FALSE },
  { "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", TRUE, FALSE },
  { "0\r\nTrailer: a\r\nOther: b\r\n\r\n", "", TRUE, FALSE },
  { "5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK", "hello", TRUE, FALSE },
  { "5\r\nhel", "hel", FALSE, FALSE },
  { "5\r\nhello\r\n", "hello", FALSE, FALSE },
  { "5\r\nhello\r\n0\r\n", "hello", FALSE, FALSE },
  { "\r\n", "", FALSE, TRUE },
  { " 5\r\nhello\r\n0\r\n\r\n", "", FALSE, TRUE },
  { "-1\r\n", "", FALSE, TRUE },
  { "0x5\r\nhello", "", FALSE, TRUE },
  { "5\rhello", "", FALSE, TRUE },
  { "1000000000000000\r\n", "", FALSE, TRUE },
  { "5\r\nhello world\r\n0\r\n\r\n", "hello", FALSE, TRUE },
  { "5\r\nhello\r\nsix\r\n", "hello", FALSE, TRUE },
};

/* Feeds @row in pieces of @n_in bytes, into room for @n_out. */
static void
check_row (const Row *row,
           gsize      n_in,
           gsize      n_out)
{
  ParSoupDechunker dechunker = { 0 };
  g_autoptr(GString) out = g_string_new (NULL);
  const guint8 *in = (const guint8 *) row->in;
  const guint8 *end = in + strlen (row->in);
  gboolean bad = FALSE;

  while (in < end && !bad && dechunker.state != PAR_SOUP_DECHUNKER_DONE)
    {
      const guint8 *piece_end = MIN (in + n_in, end);

      while (in < piece_end && !bad && dechunker.state != PAR_SOUP_DECHUNKER_DONE)
        {
          g_autoptr(GError) error = NULL;
          guint8 room[32];
          guint8 *to = room;

          bad = !par_soup_dechunker_run (&dechunker, &in, piece_end, &to, room + n_out, &error);
          if (bad)
            g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
          g_string_append_len (out, (char *) room, to - room);
        }
    }

  g_assert_cmpint (bad, ==, row->bad);
  g_assert_cmpint (dechunker.state == PAR_SOUP_DECHUNKER_DONE, ==, row->done);
  g_assert_cmpstr (out->str, ==, row->out);
}

static void
chunks_are_taken_apart (void)
{
  g_test_summary ("Chunks are taken apart the same, wherever what comes is cut, and bad ones are "
                  "seen.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    for (gsize n_in = 1; n_in < 8; n_in++)
      for (gsize n_out = 1; n_out <= 32; n_out *= 2)
        check_row (&rows[i], n_in, n_out);
}

static void
nothing_is_taken_after_the_end (void)
{
  ParSoupDechunker dechunker = { 0 };
  const char *text = "0\r\n\r\nmore";
  const guint8 *in = (const guint8 *) text;
  guint8 room[8];
  guint8 *out = room;

  g_test_summary ("What comes after the body is left.");

  g_assert_true (par_soup_dechunker_run (&dechunker, &in, in + strlen (text), &out, room + 8,
                                         NULL));
  g_assert_cmpstr ((const char *) in, ==, "more");
}

static void
lines_end_some_time (void)
{
  ParSoupDechunker dechunker = { 0 };
  g_autoptr(GString) text = g_string_new ("5;");
  const guint8 *in;
  guint8 room[8];
  guint8 *out = room;

  g_test_summary ("A line without an end is bad.");

  for (guint i = 0; i < 10000; i++)
    g_string_append_c (text, 'x');
  in = (const guint8 *) text->str;
  g_assert_false (par_soup_dechunker_run (&dechunker, &in, in + text->len, &out, room + 8, NULL));
}

static void
trailers_end_some_time (void)
{
  ParSoupDechunker dechunker = { 0 };
  g_autoptr(GString) text = g_string_new ("0\r\n");
  const guint8 *in;
  guint8 room[8];
  guint8 *out = room;

  g_test_summary ("Trailers without an end are bad.");

  for (guint i = 0; i < 10000; i++)
    g_string_append (text, "More: trailers\r\n");
  in = (const guint8 *) text->str;
  g_assert_false (par_soup_dechunker_run (&dechunker, &in, in + text->len, &out, room + 8, NULL));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/par-soup/dechunker/chunks-are-taken-apart", chunks_are_taken_apart);
  g_test_add_func ("/par-soup/dechunker/nothing-is-taken-after-the-end",
                   nothing_is_taken_after_the_end);
  g_test_add_func ("/par-soup/dechunker/lines-end-some-time", lines_end_some_time);
  g_test_add_func ("/par-soup/dechunker/trailers-end-some-time", trailers_end_some_time);

  return g_test_run ();
}
