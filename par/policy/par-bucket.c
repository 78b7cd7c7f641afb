/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-bucket-private.h"

#include <math.h>

/* A hundred thousand years, which can be added to any time there is. */
#define FOREVER_US 4e18

/* When there will have been so many tokens, as if the bucket never overflowed. It alone decides
 * whether there are, so that who comes at the time that it was told finds them. */
static gint64
get_time (const ParBucket *self,
          guint            n_tokens)
{
  double n_missing = n_tokens + (double) self->n_taken - self->n_had;
  double wait_us;

  if (n_missing <= 0)
    return G_MININT64;

  /* What should be a whole number may come out a little above it. */
  wait_us = ceil (n_missing * G_USEC_PER_SEC / self->rate - 1e-3);

  return self->since_us + (gint64) MIN (wait_us, FOREVER_US);
}

static gboolean
has (const ParBucket *self,
     guint            n_tokens,
     gint64           now_us)
{
  return get_time (self, n_tokens) <= now_us;
}

static double
get_level (const ParBucket *self,
           gint64           now_us)
{
  return self->n_had - self->n_taken
         + MAX (now_us - self->since_us, 0) * self->rate / G_USEC_PER_SEC;
}

/* What has overflowed by now is lost. Not so what has in this very microsecond: who comes at the
 * time that it was told, which has been rounded up, is not late. */
static void
overflow (ParBucket *self,
          gint64     now_us)
{
  if (self->rate > 0 && has (self, self->burst, now_us - 1))
    {
      self->since_us = MAX (self->since_us, now_us);
      self->n_had = self->burst;
      self->n_taken = 0;
    }
}

/* Changes the rate and the burst. Of the tokens there are, those that still fit remain; a full
 * bucket remains full. */
void
par_bucket_set (ParBucket *self,
                double     rate,
                guint      burst,
                gint64     now_us)
{
  double level = par_bucket_is_full (self, now_us) ? burst : get_level (self, now_us);

  self->rate = rate;
  self->burst = burst;
  self->since_us = MAX (self->since_us, now_us);
  self->n_had = MIN (level, burst);
  self->n_taken = 0;
}

/* Takes so many tokens, or none if there are not so many. */
gboolean
par_bucket_take (ParBucket *self,
                 guint      n_tokens,
                 gint64     now_us)
{
  if (self->rate == 0)
    return TRUE;

  overflow (self, now_us);
  if (n_tokens > self->burst || !has (self, n_tokens, now_us))
    return FALSE;

  self->n_taken += n_tokens;

  return TRUE;
}

/* Puts back what was taken and not needed. */
void
par_bucket_put_back (ParBucket *self,
                     guint      n_tokens,
                     gint64     now_us)
{
  self->n_had += n_tokens;
  overflow (self, now_us);
}

/* How many tokens there are. */
guint
par_bucket_count (const ParBucket *self,
                  gint64           now_us)
{
  guint n_tokens;

  if (self->rate == 0)
    return G_MAXUINT;
  if (has (self, self->burst, now_us))
    return self->burst;

  n_tokens = get_level (self, now_us);

  /* It may be a little more or less than a whole number. */
  if (n_tokens > 0 && !has (self, n_tokens, now_us))
    return n_tokens - 1;

  return has (self, n_tokens + 1, now_us) ? n_tokens + 1 : n_tokens;
}

/* From when on there are so many tokens, or, if they do not fit in the bucket, when the last of
 * them comes if the others are taken in time. */
gint64
par_bucket_get_time (const ParBucket *self,
                     guint            n_tokens,
                     gint64           now_us)
{
  ParBucket later = *self;

  if (self->rate == 0)
    return now_us;

  overflow (&later, now_us);

  return MAX (get_time (&later, n_tokens), now_us);
}

gboolean
par_bucket_is_full (const ParBucket *self,
                    gint64           now_us)
{
  return self->rate == 0 || has (self, self->burst, now_us);
}
