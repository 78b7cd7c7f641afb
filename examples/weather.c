/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "openweathermap.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct
{
  int concurrency;
  int redundancy;
  int timeout;
  int retries;
  double rate;
  gboolean hedge;
  char *service;
} Settings;

static void
print_row (const char *city,
           ParRequest *request)
{
  const GValue *value = par_request_get_value (request);
  g_autoptr(GVariant) weather = NULL;
  g_autoptr(GError) error = NULL;
  const char *name, *conditions;
  double temperature;

  if (value == NULL)
    {
      printf ("%-16s %s\n", city, par_request_get_error (request)->message);
      return;
    }

  weather = openweathermap_parse (g_value_get_object (value), &error);
  if (weather == NULL)
    {
      printf ("%-16s %s\n", city, error->message);
      return;
    }

  g_variant_get (weather, "(&sd&s)", &name, &temperature, &conditions);
  printf ("%-16s %8.1f °C  %-20s %8u\n", name, temperature, conditions,
          par_request_get_n_attempts (request));
}

static void
set_policies (const Settings *settings,
              ParRequests    *requests,
              ParSoupSession *session)
{
  g_autoptr(ParHedge) hedge = settings->hedge ? par_hedge_new () : NULL;
  g_autoptr(ParRetry) retry = par_retry_new ();

  par_retry_set_max_retries (retry, settings->retries);
  par_limiter_set_rate (par_soup_session_get_limiter (session), settings->rate);
  par_requests_set_hedge (requests, hedge);
  par_requests_set_retry (requests, retry);
}

static gboolean
run (const Settings  *settings,
     char           **cities,
     GError         **error)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParSoupSession) session = par_soup_session_new ();
  gint64 start_us, duration_us;
  gboolean succeeded;

  par_requests_set_concurrency (requests, settings->concurrency);
  par_requests_set_redundancy (requests, settings->redundancy);
  par_requests_set_timeout (requests, settings->timeout);
  set_policies (settings, requests, session);
  /* Else main() may return while a call that is too late still loads GIO's modules: a library that
   * is loaded during exit() has GObject initialized a second time, which aborts. */
  par_requests_set_wait_for_attempts (requests, TRUE);
  for (guint i = 0; cities[i] != NULL; i++)
    {
      g_autoptr(ParSoupRequest) request = NULL;

      request = openweathermap_new_request (settings->service, cities[i], error);
      if (request == NULL)
        return FALSE;
      par_soup_session_send (session, requests, request);
    }

  start_us = g_get_monotonic_time ();
  succeeded = par_requests_do (requests, NULL, error);
  duration_us = g_get_monotonic_time () - start_us;

  printf ("%-16s %11s  %-20s %8s\n", "City", "Temperature", "Conditions", "Attempts");
  for (guint i = 0; cities[i] != NULL; i++)
    {
      g_autoptr(ParRequest) request = par_requests_get_request (requests, i);

      print_row (cities[i], request);
    }
  printf ("the run took %.1f ms\n", duration_us / 1000.0);

  return succeeded;
}

static gboolean
parse_options (Settings   *settings,
               int        *argc,
               char     ***argv,
               GError    **error)
{
  const GOptionEntry entries[] = {
    { "concurrency", 0, 0, G_OPTION_ARG_INT, &settings->concurrency, "Calls at once; 0: all", "N" },
    { "redundancy", 0, 0, G_OPTION_ARG_INT, &settings->redundancy, "Calls for each city", "N" },
    { "timeout", 0, 0, G_OPTION_ARG_INT, &settings->timeout, "Most time to take; 0: any", "MS" },
    { "hedge", 0, 0, G_OPTION_ARG_NONE, &settings->hedge, "Ask again where it is slow", NULL },
    { "retries", 0, 0, G_OPTION_ARG_INT, &settings->retries, "Further calls after failures", "N" },
    { "rate", 0, 0, G_OPTION_ARG_DOUBLE, &settings->rate, "Most calls a second; 0: any", "N" },
    { "service", 0, 0, G_OPTION_ARG_STRING, &settings->service, "Where to ask", "URI" },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(GOptionContext) context = g_option_context_new ("[CITY...]");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;

  if (settings->concurrency < 0 || settings->timeout < 0 || settings->rate < 0
      || settings->redundancy < 1 || settings->redundancy > 64
      || settings->retries < 0 || settings->retries > 100)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "--redundancy is from 1 to 64, --retries from 0 to 100, nothing else is negative");
  else if (settings->service == NULL && g_getenv (OPENWEATHERMAP_API_KEY) == NULL)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                 "give --service URI or set " OPENWEATHERMAP_API_KEY);
  else
    return TRUE;

  return FALSE;
}

int
main (int    argc,
      char **argv)
{
  char *three_cities[] = { "San Francisco", "Oakland", "Berkeley", NULL };
  Settings settings = { .redundancy = 1 };
  g_autoptr(GError) error = NULL;
  int status = EXIT_SUCCESS;

  if (!parse_options (&settings, &argc, &argv, &error))
    {
      status = 2;
    }
  else
    {
      if (settings.service == NULL)
        settings.service = g_strdup (OPENWEATHERMAP_URI);
      if (!run (&settings, argc > 1 ? argv + 1 : three_cities, &error))
        status = EXIT_FAILURE;
    }

  if (error != NULL)
    g_printerr ("weather: %s\n", error->message);
  g_free (settings.service);

  return status;
}
