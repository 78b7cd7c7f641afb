/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "par-soup-body-private.h"

G_BEGIN_DECLS

/* What is to be done with a body. */
typedef enum
{
  PAR_SOUP_READ_ALL,
  PAR_SOUP_READ_EXCERPT,  /* its beginning at least; it need not be whole */
  PAR_SOUP_READ_NOTHING,  /* it is left as a stream */
} ParSoupRead;

typedef struct
{
  /* The headers of an answer have come. */
  ParSoupRead (*answered) (gpointer      user_data);

  /* It is over, with an error or without. The exchange may be cleared. */
  void        (*ended)    (gpointer      user_data,
                           GError       *error);
} ParSoupExchangeClient;

/* One message that is sent, and what comes back: all of it in one main context, or all of it in one
 * call. */
typedef struct
{
  const ParSoupExchangeClient *client;
  gpointer user_data;

  SoupSession *session;
  SoupMessage *message;
  gboolean decodes;
  gint64 max_size;
  GCancellable *cancellable;
  gboolean blocks;
  gboolean has_headers;    /* but libsoup has yet to tell so */
  GSource *cancel_source;
  gboolean is_stale;       /* the connection had been closed before it was sent */
  guint n_news;

  ParSoupBody *body;
  ParSoupRead read;
  guint8 *bytes;
  gsize length;
  gsize room;
  GSource *source;
} ParSoupExchange;

void         par_soup_exchange_init       (ParSoupExchange             *self,
                                           SoupSession                 *session,
                                           SoupMessage                 *message,
                                           gboolean                     decodes,
                                           gint64                       max_size,
                                           const ParSoupExchangeClient *client,
                                           gpointer                     user_data);
void         par_soup_exchange_start      (ParSoupExchange             *self);
void         par_soup_exchange_run        (ParSoupExchange             *self,
                                           GCancellable                *cancellable,
                                           gboolean                     may_connect);
void         par_soup_exchange_cancel     (ParSoupExchange             *self);
void         par_soup_exchange_clear      (ParSoupExchange             *self);
GBytes      *par_soup_exchange_take_bytes (ParSoupExchange             *self);
ParSoupBody *par_soup_exchange_take_body  (ParSoupExchange             *self);

G_END_DECLS
