/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-dechunker-private.h"

#include <string.h>

#define MAX_DIGITS 15
#define MAX_LINE 4096
#define MAX_TRAILERS 65536

/* Why there is one beside that of libsoup: until 3.6.5 that takes whatever it cannot read as a size
 * for the size 0, which ends the body, and so it takes the end of the connection, too. A body that
 * was cut short is a success there. This goes when libsoup 3.6.5 is what is required. */

static void
start_line (ParSoupDechunker      *self,
            ParSoupDechunkerState  state)
{
  self->state = state;
  self->line_length = 0;
  self->seen_return = FALSE;
  if (state == PAR_SOUP_DECHUNKER_SIZE)
    {
      self->left = 0;
      self->n_digits = 0;
      self->in_extension = FALSE;
    }
}

/* A line ends with a line feed, which a carriage return goes before. */
static gboolean
end_line (ParSoupDechunker *self)
{
  switch (self->state)
    {
    case PAR_SOUP_DECHUNKER_SIZE:
      if (self->n_digits == 0)
        return FALSE;
      if (self->left > 0)
        self->state = PAR_SOUP_DECHUNKER_DATA;
      else
        start_line (self, PAR_SOUP_DECHUNKER_TRAILERS);
      return TRUE;

    case PAR_SOUP_DECHUNKER_DATA_END:
      start_line (self, PAR_SOUP_DECHUNKER_SIZE);
      return TRUE;

    case PAR_SOUP_DECHUNKER_TRAILERS:
      /* An empty line is the end. */
      start_line (self, self->line_length == 0 ? PAR_SOUP_DECHUNKER_DONE
                                               : PAR_SOUP_DECHUNKER_TRAILERS);
      return TRUE;

    case PAR_SOUP_DECHUNKER_DATA:
    case PAR_SOUP_DECHUNKER_DONE:
    default:
      g_return_val_if_reached (FALSE);
    }
}

static gboolean
take_byte_of_size (ParSoupDechunker *self,
                   guint8            byte)
{
  int digit = g_ascii_xdigit_value (byte);

  if (self->in_extension)
    return TRUE;

  /* Some servers pad the size with spaces. */
  if (byte == ';' || byte == ' ' || byte == '\t')
    {
      self->in_extension = TRUE;
      return TRUE;
    }

  if (digit < 0 || self->n_digits == MAX_DIGITS)
    return FALSE;
  self->n_digits++;
  self->left = self->left * 16 + digit;

  return TRUE;
}

static gboolean
take_byte_of_line (ParSoupDechunker *self,
                   guint8            byte)
{
  if (byte == '\n')
    return end_line (self);

  /* Only a line feed may follow a carriage return. */
  if (self->seen_return)
    return FALSE;
  if (byte == '\r')
    {
      self->seen_return = TRUE;
      return TRUE;
    }

  if (++self->line_length > MAX_LINE)
    return FALSE;

  switch (self->state)
    {
    case PAR_SOUP_DECHUNKER_SIZE:
      return take_byte_of_size (self, byte);

    case PAR_SOUP_DECHUNKER_TRAILERS:
      return ++self->trailers_length <= MAX_TRAILERS;

    case PAR_SOUP_DECHUNKER_DATA_END:
    case PAR_SOUP_DECHUNKER_DATA:
    case PAR_SOUP_DECHUNKER_DONE:
    default:
      return FALSE;
    }
}

/* Moves the data of the chunks from *@in to *@out, as much as there is of one and room in the
 * other, and no further than the end of the body. */
gboolean
par_soup_dechunker_run (ParSoupDechunker  *self,
                        const guint8     **in,
                        const guint8      *in_end,
                        guint8           **out,
                        const guint8      *out_end,
                        GError           **error)
{
  while (*in < in_end && self->state != PAR_SOUP_DECHUNKER_DONE)
    {
      if (self->state == PAR_SOUP_DECHUNKER_DATA)
        {
          gsize length = MIN (self->left, (guint64) MIN (in_end - *in, out_end - *out));

          if (length == 0)
            break;
          memcpy (*out, *in, length);
          *in += length;
          *out += length;
          self->left -= length;
          if (self->left == 0)
            start_line (self, PAR_SOUP_DECHUNKER_DATA_END);
        }
      else if (!take_byte_of_line (self, *(*in)++))
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                               "the body has a bad chunk");
          return FALSE;
        }
    }

  return TRUE;
}
