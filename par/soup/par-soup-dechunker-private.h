/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  PAR_SOUP_DECHUNKER_SIZE,      /* in the line that has the size of a chunk */
  PAR_SOUP_DECHUNKER_DATA,
  PAR_SOUP_DECHUNKER_DATA_END,  /* in the line that ends a chunk, which is empty */
  PAR_SOUP_DECHUNKER_TRAILERS,
  PAR_SOUP_DECHUNKER_DONE,
} ParSoupDechunkerState;

/* Takes the chunks of a body apart. */
typedef struct
{
  ParSoupDechunkerState state;
  guint64 left;       /* of a chunk's data */
  guint n_digits;
  guint line_length;  /* so far */
  guint trailers_length;
  gboolean in_extension;
  gboolean seen_return;
} ParSoupDechunker;

gboolean par_soup_dechunker_run (ParSoupDechunker  *self,
                                 const guint8     **in,
                                 const guint8      *in_end,
                                 guint8           **out,
                                 const guint8      *out_end,
                                 GError           **error);

G_END_DECLS
