/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "par-soup-verdict-private.h"

static void
statuses_are_judged (void)
{
  const struct
  {
    guint status;
    const char *accept;
    ParSoupVerdict verdict;
  } rows[] = {
    { 200, NULL, PAR_SOUP_VERDICT_SUCCESS },
    { 299, NULL, PAR_SOUP_VERDICT_SUCCESS },
    { 301, NULL, PAR_SOUP_VERDICT_FATAL },
    { 304, NULL, PAR_SOUP_VERDICT_FATAL },
    { 400, NULL, PAR_SOUP_VERDICT_FATAL },
    { 404, NULL, PAR_SOUP_VERDICT_FATAL },
    { 408, NULL, PAR_SOUP_VERDICT_FAILURE },
    { 429, NULL, PAR_SOUP_VERDICT_FAILURE },
    { 500, NULL, PAR_SOUP_VERDICT_FAILURE },
    { 501, NULL, PAR_SOUP_VERDICT_FATAL },
    { 502, NULL, PAR_SOUP_VERDICT_FAILURE },
    { 503, NULL, PAR_SOUP_VERDICT_FAILURE },
    { 504, NULL, PAR_SOUP_VERDICT_FAILURE },
    { 505, NULL, PAR_SOUP_VERDICT_FATAL },
    { 404, "200-299, 404", PAR_SOUP_VERDICT_SUCCESS },
    { 250, "200-299, 404", PAR_SOUP_VERDICT_SUCCESS },
    { 403, "200-299, 404", PAR_SOUP_VERDICT_FATAL },
    { 200, "404", PAR_SOUP_VERDICT_FATAL },
    { 503, "500 - 599", PAR_SOUP_VERDICT_SUCCESS },
  };

  g_test_summary ("A status is a success, or a failure that may be mended, or one for good.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_test_message ("%u of %s", rows[i].status, rows[i].accept);
      g_assert_cmpint (par_soup_verdict_of_status (rows[i].status, rows[i].accept), ==,
                       rows[i].verdict);
    }
}

static void
accepted_statuses_are_checked (void)
{
  const char *good[] = { "200", "200-299", "200,404", " 200 - 299 , 404 ", "100-599" };
  const char *bad[] = { "", ",", "200,", "x", "2xx", "20", "99", "600", "299-200", "200-", "-200",
                        "200 404", "200;404", "18446744073709551815" };

  g_test_summary ("A list of statuses has an order, and nothing else in it.");

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (par_soup_verdict_is_valid_accept (good[i]));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_test_message ("'%s'", bad[i]);
      g_assert_false (par_soup_verdict_is_valid_accept (bad[i]));
    }
}

static void
retry_after_is_seconds_or_a_date (void)
{
  /* Sun, 06 Nov 1994 08:49:37 GMT */
  const gint64 now_s = 784111777;
  const struct
  {
    const char *header;
    gboolean valid;
    guint msec;
  } rows[] = {
    { NULL, FALSE, 0 },
    { "soon", FALSE, 0 },
    { "-1", FALSE, 0 },
    { "0", TRUE, 0 },
    { "120", TRUE, 120000 },
    { "99999999999999", TRUE, G_MAXINT / 1000 * 1000 },
    { "Sun, 06 Nov 1994 08:50:07 GMT", TRUE, 30000 },
    { "Sun, 06 Nov 1994 08:49:07 GMT", TRUE, 0 },
  };

  g_test_summary ("Retry-After is read as the standard has it.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      guint msec = 0;

      g_assert_cmpint (par_soup_verdict_get_retry_after (rows[i].header, now_s, &msec), ==,
                       rows[i].valid);
      g_assert_cmpuint (msec, ==, rows[i].msec);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/par-soup/verdict/statuses-are-judged", statuses_are_judged);
  g_test_add_func ("/par-soup/verdict/accepted-statuses-are-checked",
                   accepted_statuses_are_checked);
  g_test_add_func ("/par-soup/verdict/retry-after-is-seconds-or-a-date",
                   retry_after_is_seconds_or_a_date);

  return g_test_run ();
}
