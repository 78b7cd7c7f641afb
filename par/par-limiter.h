/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_INSIDE) && !defined (PAR_COMPILATION)
# error "Only <par/par.h> can be included directly."
#endif

#include <glib-object.h>

#include <par/par-version.h>

G_BEGIN_DECLS

#define PAR_TYPE_LIMITER (par_limiter_get_type ())

PAR_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (ParLimiter, par_limiter, PAR, LIMITER, GObject)

PAR_AVAILABLE_IN_ALL
ParLimiter *par_limiter_new             (void) G_GNUC_WARN_UNUSED_RESULT;

PAR_AVAILABLE_IN_ALL
guint       par_limiter_get_concurrency (ParLimiter *self);
PAR_AVAILABLE_IN_ALL
void        par_limiter_set_concurrency (ParLimiter *self,
                                         guint       concurrency);
PAR_AVAILABLE_IN_ALL
double      par_limiter_get_rate        (ParLimiter *self);
PAR_AVAILABLE_IN_ALL
void        par_limiter_set_rate        (ParLimiter *self,
                                         double      rate);
PAR_AVAILABLE_IN_ALL
guint       par_limiter_get_burst       (ParLimiter *self);
PAR_AVAILABLE_IN_ALL
void        par_limiter_set_burst       (ParLimiter *self,
                                         guint       burst);
PAR_AVAILABLE_IN_ALL
gboolean    par_limiter_get_per_key     (ParLimiter *self);
PAR_AVAILABLE_IN_ALL
void        par_limiter_set_per_key     (ParLimiter *self,
                                         gboolean    per_key);

PAR_AVAILABLE_IN_ALL
guint64     par_limiter_get_n_running   (ParLimiter *self);
PAR_AVAILABLE_IN_ALL
guint64     par_limiter_get_n_waiting   (ParLimiter *self);

G_END_DECLS
