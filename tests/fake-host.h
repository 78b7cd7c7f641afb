/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "engine/par-host-private.h"

G_BEGIN_DECLS

/* What policy objects know of an engine: it notes what they tell it. */
typedef struct _FakeHost FakeHost;

typedef void (*FakeHostFunc) (FakeHost *self,
                              gpointer  policy,
                              guint64   index,
                              gpointer  user_data);

struct _FakeHost
{
  ParHost parent;
  char name;
  GString *log;         /* the test's */
  FakeHostFunc react;   /* to what it is told, with its lock held */
  gpointer user_data;
};

FakeHost *fake_host_new   (char      name,
                           GString  *log);
void      fake_host_react (FakeHost     *self,
                           FakeHostFunc  react,
                           gpointer      user_data);
void      fake_host_free  (FakeHost *self);

G_END_DECLS
