/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fake-host.h"

static void
fake_host_destroy (ParHost *host)
{
  g_mutex_clear (&host->lock);
  g_free (host);
}

/* Whoever tells it something holds no lock, neither its own nor the policy's, which it may ask. */
static void
hear (ParHost    *host,
      gpointer    policy,
      guint64     index,
      const char *news)
{
  FakeHost *self = (FakeHost *) host;

  par_host_lock (host);
  if (self->log != NULL)
    g_string_append_printf (self->log, "%s ", news);
  if (self->react != NULL)
    self->react (self, policy, index, self->user_data);
  par_host_unlock (host);
}

static void
fake_host_hedge_granted (ParHost  *host,
                         gpointer  hedge,
                         guint64   index)
{
  FakeHost *self = (FakeHost *) host;
  g_autofree char *news = g_strdup_printf ("%c%" G_GUINT64_FORMAT, self->name, index);

  hear (host, hedge, index, news);
}

static void
fake_host_limiter_freed (ParHost    *host,
                         gpointer    limiter,
                         const char *key)
{
  const char news[] = { ((FakeHost *) host)->name, '\0' };

  hear (host, limiter, 0, news);
}

static const ParHostClass host_class = {
  .free = fake_host_destroy,
  .hedge_granted = fake_host_hedge_granted,
  .limiter_freed = fake_host_limiter_freed,
};

/* @log is where it notes what it is told, under its name, or NULL. */
FakeHost *
fake_host_new (char     name,
               GString *log)
{
  FakeHost *self = g_new0 (FakeHost, 1);

  par_host_init (&self->parent, &host_class);
  self->name = name;
  self->log = log;

  return self;
}

void
fake_host_react (FakeHost     *self,
                 FakeHostFunc  react,
                 gpointer      user_data)
{
  self->react = react;
  self->user_data = user_data;
}

/* Nobody else may have a reference. */
void
fake_host_free (FakeHost *self)
{
  g_assert_true (g_atomic_ref_count_compare (&self->parent.ref_count, 1));
  par_host_unref (self);
}
