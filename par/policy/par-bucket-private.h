/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A token bucket: it holds up to a burst of tokens, is full at the start, and gains some each
 * second. A bucket whose rate is 0 has all the tokens there are. All zero is such a bucket. */
typedef struct
{
  double rate;        /* tokens a second */
  guint burst;

  /* What there was at some time, and what has been taken since. A level that is counted from there
   * is exact however many tokens there were; one that is carried on from token to token is not. */
  gint64 since_us;
  double n_had;
  guint64 n_taken;
} ParBucket;

void     par_bucket_set      (ParBucket       *self,
                              double           rate,
                              guint            burst,
                              gint64           now_us);
gboolean par_bucket_take     (ParBucket       *self,
                              guint            n_tokens,
                              gint64           now_us);
void     par_bucket_put_back (ParBucket       *self,
                              guint            n_tokens,
                              gint64           now_us);
guint    par_bucket_count    (const ParBucket *self,
                              gint64           now_us);
gint64   par_bucket_get_time (const ParBucket *self,
                              guint            n_tokens,
                              gint64           now_us);
gboolean par_bucket_is_full  (const ParBucket *self,
                              gint64           now_us);

G_END_DECLS
