/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-argument-private.h"

struct _ParFunction
{
  gatomicrefcount ref_count;
  ParArgumentFunc function;
  gpointer user_data;
  GDestroyNotify destroy;
};

struct _ParArgument
{
  ParFunction *function;
  GValue value;
};

ParFunction *
par_function_new (ParArgumentFunc function,
                  gpointer        user_data,
                  GDestroyNotify  destroy)
{
  ParFunction *self = g_new (ParFunction, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->function = function;
  self->user_data = user_data;
  self->destroy = destroy;

  return self;
}

ParFunction *
par_function_ref (ParFunction *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
par_function_unref (ParFunction *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  if (self->destroy != NULL)
    self->destroy (self->user_data);
  g_free (self);
}

/* Makes the data of a request, of which par_argument_run() is the function. It takes the reference
 * to @function. */
ParArgument *
par_argument_new (ParFunction  *function,
                  const GValue *value)
{
  ParArgument *self = g_new (ParArgument, 1);

  self->function = function;
  self->value = (GValue) G_VALUE_INIT;
  g_value_init (&self->value, G_VALUE_TYPE (value));
  g_value_copy (value, &self->value);

  return self;
}

void
par_argument_free (gpointer data)
{
  ParArgument *self = data;

  g_value_unset (&self->value);
  par_function_unref (self->function);
  g_free (self);
}

void
par_argument_run (ParAttempt  *attempt,
                  gpointer     data,
                  GError     **error)
{
  ParArgument *self = data;

  self->function->function (attempt, &self->value, self->function->user_data, error);
}
