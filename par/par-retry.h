/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (PAR_INSIDE) && !defined (PAR_COMPILATION)
# error "Only <par/par.h> can be included directly."
#endif

#include <glib-object.h>

#include <par/par-version.h>

G_BEGIN_DECLS

#define PAR_TYPE_RETRY (par_retry_get_type ())

PAR_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (ParRetry, par_retry, PAR, RETRY, GObject)

PAR_AVAILABLE_IN_ALL
ParRetry *par_retry_new                (void) G_GNUC_WARN_UNUSED_RESULT;

PAR_AVAILABLE_IN_ALL
guint     par_retry_get_max_retries    (ParRetry *self);
PAR_AVAILABLE_IN_ALL
void      par_retry_set_max_retries    (ParRetry *self,
                                        guint     max_retries);
PAR_AVAILABLE_IN_ALL
guint     par_retry_get_initial_delay  (ParRetry *self);
PAR_AVAILABLE_IN_ALL
void      par_retry_set_initial_delay  (ParRetry *self,
                                        guint     initial_delay);
PAR_AVAILABLE_IN_ALL
guint     par_retry_get_max_delay      (ParRetry *self);
PAR_AVAILABLE_IN_ALL
void      par_retry_set_max_delay      (ParRetry *self,
                                        guint     max_delay);
PAR_AVAILABLE_IN_ALL
double    par_retry_get_multiplier     (ParRetry *self);
PAR_AVAILABLE_IN_ALL
void      par_retry_set_multiplier     (ParRetry *self,
                                        double    multiplier);
PAR_AVAILABLE_IN_ALL
double    par_retry_get_jitter         (ParRetry *self);
PAR_AVAILABLE_IN_ALL
void      par_retry_set_jitter         (ParRetry *self,
                                        double    jitter);
PAR_AVAILABLE_IN_ALL
double    par_retry_get_max_extra_load (ParRetry *self);
PAR_AVAILABLE_IN_ALL
void      par_retry_set_max_extra_load (ParRetry *self,
                                        double    max_extra_load);
PAR_AVAILABLE_IN_ALL
guint     par_retry_get_burst          (ParRetry *self);
PAR_AVAILABLE_IN_ALL
void      par_retry_set_burst          (ParRetry *self,
                                        guint     burst);

PAR_AVAILABLE_IN_ALL
guint64   par_retry_get_n_sent         (ParRetry *self);
PAR_AVAILABLE_IN_ALL
guint64   par_retry_get_n_refused      (ParRetry *self);

G_END_DECLS
