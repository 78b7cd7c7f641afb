/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-attempt.h>

G_BEGIN_DECLS

/* The one function of many requests. */
typedef struct _ParFunction ParFunction;

/* What it is given for one of them. */
typedef struct _ParArgument ParArgument;

ParFunction *par_function_new   (ParArgumentFunc   function,
                                 gpointer          user_data,
                                 GDestroyNotify    destroy);
ParFunction *par_function_ref   (ParFunction      *self);
void         par_function_unref (ParFunction      *self);

ParArgument *par_argument_new   (ParFunction      *function,
                                 const GValue     *value);
void         par_argument_free  (gpointer          self);
void         par_argument_run   (ParAttempt       *attempt,
                                 gpointer          self,
                                 GError          **error);

G_END_DECLS
