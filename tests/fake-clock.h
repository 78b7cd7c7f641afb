/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <par/par.h>

#include "base/par-clock-private.h"

G_BEGIN_DECLS

/* A clock that stands still until the test moves it. */
typedef struct _FakeClock FakeClock;

FakeClock *fake_clock_new              (void);
void       fake_clock_free             (FakeClock    *self);
void       fake_clock_give             (FakeClock    *self,
                                        ParRequests  *requests);
gint64     fake_clock_get_time         (FakeClock    *self);
gint64     fake_clock_get_next_time    (FakeClock    *self);
void       fake_clock_set_time         (FakeClock    *self,
                                        gint64        now_us);
void       fake_clock_advance          (FakeClock    *self,
                                        gint64        msec);
void       fake_clock_run              (FakeClock    *self,
                                        GMainContext *context,
                                        gint64        until_us);
void       fake_clock_wait_for_sleeper (FakeClock    *self);

G_END_DECLS
