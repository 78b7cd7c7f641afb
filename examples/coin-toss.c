/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>

#include <par/par.h>

static void
toss_coin (ParAttempt  *attempt,
           gpointer     user_data,
           GError     **error)
{
  par_attempt_return_string (attempt, g_random_boolean () ? "heads" : "tails");
}

int
main (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(GError) error = NULL;
  guint n_heads = 0, n_tails = 0;

  for (guint i = 0; i < 10; i++)
    par_requests_add_thread (requests, toss_coin, NULL, NULL);

  if (!par_requests_do (requests, NULL, &error))
    {
      g_printerr ("coin-toss: %s\n", error->message);
      return EXIT_FAILURE;
    }

  for (guint i = 0; i < 10; i++)
    {
      g_autoptr(ParRequest) request = par_requests_get_request (requests, i);

      if (g_str_equal (g_value_get_string (par_request_get_value (request)), "heads"))
        n_heads++;
      else
        n_tails++;
    }
  g_print ("%u heads, %u tails\n", n_heads, n_tails);

  return EXIT_SUCCESS;
}
