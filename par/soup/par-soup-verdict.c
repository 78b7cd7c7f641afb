/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-verdict-private.h"

#include <libsoup/soup.h>

/* Reads one status, or two with a dash between, from *@text on. */
static gboolean
parse_range (const char **text,
             guint       *first,
             guint       *last)
{
  guint *bounds[] = { first, last };

  for (guint i = 0; i < 2; i++)
    {
      char *end;
      guint64 status;

      while (**text == ' ')
        ++*text;
      if (!g_ascii_isdigit (**text))
        return FALSE;
      status = g_ascii_strtoull (*text, &end, 10);
      if (status < 100 || status > 599)
        return FALSE;
      *bounds[i] = status;
      *text = end;

      while (**text == ' ')
        ++*text;
      if (i == 0 && **text != '-')
        {
          *last = *first;
          return TRUE;
        }
      if (i == 0)
        ++*text;
    }

  return *first <= *last;
}

gboolean
par_soup_verdict_is_valid_accept (const char *accept)
{
  guint first, last;

  while (parse_range (&accept, &first, &last))
    {
      if (*accept == '\0')
        return TRUE;
      if (*accept++ != ',')
        return FALSE;
    }

  return FALSE;
}

static gboolean
accepts (const char *accept,
         guint       status)
{
  guint first, last;

  if (accept == NULL)
    return SOUP_STATUS_IS_SUCCESSFUL (status);

  while (parse_range (&accept, &first, &last))
    {
      if (status >= first && status <= last)
        return TRUE;
      if (*accept++ != ',')
        break;
    }

  return FALSE;
}

ParSoupVerdict
par_soup_verdict_of_status (guint       status,
                            const char *accept)
{
  if (accepts (accept, status))
    return PAR_SOUP_VERDICT_SUCCESS;

  switch (status)
    {
    case SOUP_STATUS_REQUEST_TIMEOUT:
    case 429:  /* Too Many Requests, for which libsoup has no name */
    case SOUP_STATUS_INTERNAL_SERVER_ERROR:
    case SOUP_STATUS_BAD_GATEWAY:
    case SOUP_STATUS_SERVICE_UNAVAILABLE:
    case SOUP_STATUS_GATEWAY_TIMEOUT:
      return PAR_SOUP_VERDICT_FAILURE;

    default:
      return PAR_SOUP_VERDICT_FATAL;
    }
}

/* Reads a Retry-After header, which has seconds or a date. */
gboolean
par_soup_verdict_get_retry_after (const char *header,
                                  gint64      now_s,
                                  guint      *msec)
{
  guint64 seconds;

  if (header == NULL)
    return FALSE;

  if (!g_ascii_string_to_unsigned (header, 10, 0, G_MAXUINT64, &seconds, NULL))
    {
      g_autoptr(GDateTime) date = soup_date_time_new_from_http_string (header);

      if (date == NULL)
        return FALSE;
      seconds = MAX (g_date_time_to_unix (date) - now_s, 0);
    }

  *msec = MIN (seconds, G_MAXINT / 1000) * 1000;

  return TRUE;
}
