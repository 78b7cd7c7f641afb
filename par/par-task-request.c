/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-task-request-private.h"

#include "par-request-private.h"
#include "par-requests-error.h"

/* A request that is somebody's GTask: it runs the function meant for g_task_run_in_thread(). */
struct _ParTaskRequest
{
  ParRequest parent_instance;

  GTask *task;
  GTaskThreadFunc function;
};

G_DEFINE_FINAL_TYPE (ParTaskRequest, par_task_request, PAR_TYPE_REQUEST)

static void
par_task_request_finalize (GObject *object)
{
  ParTaskRequest *self = PAR_TASK_REQUEST (object);

  g_clear_object (&self->task);

  G_OBJECT_CLASS (par_task_request_parent_class)->finalize (object);
}

static void
task_cancelled_cb (GCancellable *cancellable,
                   gpointer      attempt_cancellable)
{
  g_cancellable_cancel (attempt_cancellable);
}

static void
par_task_request_run (ParRequest  *request,
                      ParAttempt  *attempt,
                      GError     **error)
{
  ParTaskRequest *self = PAR_TASK_REQUEST (request);
  GCancellable *cancellable = par_attempt_get_cancellable (attempt);
  GCancellable *own = g_task_get_cancellable (self->task);
  gulong handler = 0;

  if (own != NULL)
    handler = g_cancellable_connect (own, G_CALLBACK (task_cancelled_cb),
                                     g_object_ref (cancellable), g_object_unref);
  self->function (self->task, g_task_get_source_object (self->task),
                  g_task_get_task_data (self->task), cancellable);
  g_cancellable_disconnect (own, handler);

  /* The error itself is the task's, to be had once, by its callback. */
  if (g_task_had_error (self->task))
    g_set_error_literal (error, PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_FAILED,
                         "the task returned an error");
  else
    par_attempt_return_object (attempt, G_OBJECT (self->task));
}

static void
par_task_request_settled (ParRequest *request)
{
  ParTaskRequest *self = PAR_TASK_REQUEST (request);

  par_request_set_value (request, G_OBJECT (self->task));

  /* Nobody else would: the function was not called. */
  if (par_request_get_n_attempts (request) == 0)
    g_task_return_error (self->task, g_error_copy (par_request_get_error (request)));
}

static void
par_task_request_class_init (ParTaskRequestClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  ParRequestClass *request_class = PAR_REQUEST_CLASS (klass);

  object_class->finalize = par_task_request_finalize;

  request_class->run = par_task_request_run;
  request_class->settled = par_task_request_settled;
}

static void
par_task_request_init (ParTaskRequest *self)
{
}

ParRequest *
par_task_request_new (GTask           *task,
                      GTaskThreadFunc  function)
{
  ParTaskRequest *self = g_object_new (PAR_TYPE_TASK_REQUEST, "idempotent", FALSE, NULL);

  self->task = g_object_ref (task);
  self->function = function;

  return PAR_REQUEST (self);
}
