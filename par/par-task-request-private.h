/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par-request.h>

G_BEGIN_DECLS

#define PAR_TYPE_TASK_REQUEST (par_task_request_get_type ())

G_DECLARE_FINAL_TYPE (ParTaskRequest, par_task_request, PAR, TASK_REQUEST, ParRequest)

ParRequest *par_task_request_new (GTask           *task,
                                  GTaskThreadFunc  function);

G_END_DECLS
