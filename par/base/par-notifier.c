/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-notifier-private.h"

typedef struct
{
  GSource source;
  GWeakRef object;
  ParNotifier *notifier;  /* as long as the object is there */
} ParNotifierSource;

static gboolean
par_notifier_source_dispatch (GSource     *source,
                              GSourceFunc  callback,
                              gpointer     user_data)
{
  g_autoptr(GObject) object = g_weak_ref_get (&((ParNotifierSource *) source)->object);
  ParNotifier *self = ((ParNotifierSource *) source)->notifier;
  guint changed;

  g_source_set_ready_time (source, -1);

  /* It is being finalized in another thread, which destroys the source. */
  if (object == NULL)
    return G_SOURCE_CONTINUE;

  g_mutex_lock (self->lock);
  changed = self->changed;
  self->changed = 0;
  g_mutex_unlock (self->lock);

  g_object_freeze_notify (object);
  for (guint property = 1; changed >> property > 0; property++)
    {
      if (changed & (1u << property))
        g_object_notify_by_pspec (object, self->properties[property]);
    }
  g_object_thaw_notify (object);

  return G_SOURCE_CONTINUE;
}

static void
par_notifier_source_finalize (GSource *source)
{
  g_weak_ref_clear (&((ParNotifierSource *) source)->object);
}

static GSourceFuncs source_funcs = {
  .dispatch = par_notifier_source_dispatch,
  .finalize = par_notifier_source_finalize,
};

/* @properties are those of @object, of which it tells, by their ids; @lock is the object's. */
void
par_notifier_init (ParNotifier  *self,
                   gpointer      object,
                   GMutex       *lock,
                   GParamSpec  **properties)
{
  self->object = object;
  self->lock = lock;
  self->properties = properties;
  self->context = g_main_context_ref_thread_default ();
  self->thread = g_thread_self ();
  self->signal = g_signal_lookup ("notify", G_TYPE_OBJECT);
  self->source = NULL;
  self->changed = 0;
}

void
par_notifier_clear (ParNotifier *self)
{
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
}

static void
attach_source (ParNotifier *self)
{
  ParNotifierSource *source;

  self->source = g_source_new (&source_funcs, sizeof (ParNotifierSource));
  source = (ParNotifierSource *) self->source;
  g_weak_ref_init (&source->object, self->object);
  source->notifier = self;
  g_source_set_static_name (self->source, "[Par] notifier");
  g_source_set_priority (self->source, G_PRIORITY_DEFAULT_IDLE);
  g_source_attach (self->source, self->context);
}

/* Whether anybody listens to any property: g_signal_has_handler_pending() would see those only who
 * listen to one, or only those who listen to all. */
static gboolean
is_heard (ParNotifier *self)
{
  return g_signal_handler_find (self->object, G_SIGNAL_MATCH_ID, self->signal, 0, NULL, NULL, NULL)
         != 0;
}

/* Notes, with the lock held, that a property has changed, if anybody listens. */
void
par_notifier_queue (ParNotifier *self,
                    guint        property)
{
  gboolean is_armed = self->changed != 0;

  if ((self->changed & (1u << property)) != 0 || !is_heard (self))
    return;

  self->changed |= 1u << property;
  if (self->source == NULL)
    attach_source (self);
  if (!is_armed)
    g_source_set_ready_time (self->source, 0);
}

/* Tells, with no lock held, that a property has been set: at once in the thread that made the
 * object, since who sets it there expects no less. */
void
par_notifier_tell (ParNotifier *self,
                   guint        property)
{
  if (g_thread_self () == self->thread)
    {
      g_object_notify_by_pspec (self->object, self->properties[property]);
      return;
    }

  g_mutex_lock (self->lock);
  par_notifier_queue (self, property);
  g_mutex_unlock (self->lock);
}
