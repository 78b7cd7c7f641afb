/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "par-soup-bridge-private.h"

#include <string.h>

/* Has one main context iterated as part of another. What is sent in an owner's name has a context
 * of its own, so that it can be brought to an end without dispatching anything else of the
 * owner's: who cancels it may not iterate the owner context ever again. */
typedef struct
{
  GSource source;
  GMainContext *context;

  int max_priority;
  GArray *wanted;      /* (element-type GPollFD): what the context wants polled */
  GHashTable *polled;  /* (element-type int GPollFD): what is polled in its stead */
} ParSoupBridge;

/* How often the context is iterated for one dispatch: libsoup leaves the end of a message, and so
 * that of a connection, to the next iteration. */
#define MAX_ITERATIONS 4

static void
query (ParSoupBridge *self,
       int           *timeout)
{
  int n_wanted;

  for (;;)
    {
      n_wanted = g_main_context_query (self->context, self->max_priority, timeout,
                                       (GPollFD *) (gpointer) self->wanted->data,
                                       self->wanted->len);
      if (n_wanted <= (int) self->wanted->len)
        break;
      g_array_set_size (self->wanted, n_wanted);
    }

  g_array_set_size (self->wanted, n_wanted);
}

static gboolean
is_wanted (ParSoupBridge *self,
           int            fd)
{
  for (guint i = 0; i < self->wanted->len; i++)
    if (g_array_index (self->wanted, GPollFD, i).fd == fd)
      return TRUE;

  return FALSE;
}

static void
poll_what_is_wanted (ParSoupBridge *self)
{
  GHashTableIter iter;
  gpointer value;

  for (guint i = 0; i < self->wanted->len; i++)
    {
      GPollFD *wanted = &g_array_index (self->wanted, GPollFD, i);
      GPollFD *polled = g_hash_table_lookup (self->polled, GINT_TO_POINTER (wanted->fd));

      if (polled == NULL)
        {
          polled = g_new0 (GPollFD, 1);
          polled->fd = wanted->fd;
          g_hash_table_insert (self->polled, GINT_TO_POINTER (wanted->fd), polled);
          g_source_add_poll (&self->source, polled);
        }
      polled->events = wanted->events;
      polled->revents = 0;
    }

  if (g_hash_table_size (self->polled) == self->wanted->len)
    return;

  g_hash_table_iter_init (&iter, self->polled);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      GPollFD *polled = value;

      if (!is_wanted (self, polled->fd))
        {
          g_source_remove_poll (&self->source, polled);
          g_hash_table_iter_remove (&iter);
        }
    }
}

static gboolean
par_soup_bridge_prepare (GSource *source,
                         int     *timeout)
{
  ParSoupBridge *self = (ParSoupBridge *) source;
  gboolean ready;

  if (!g_main_context_acquire (self->context))
    return FALSE;

  ready = g_main_context_prepare (self->context, &self->max_priority);
  query (self, timeout);
  poll_what_is_wanted (self);
  g_main_context_release (self->context);

  return ready;
}

static gboolean
par_soup_bridge_check (GSource *source)
{
  ParSoupBridge *self = (ParSoupBridge *) source;
  gboolean ready;

  if (!g_main_context_acquire (self->context))
    return FALSE;

  for (guint i = 0; i < self->wanted->len; i++)
    {
      GPollFD *wanted = &g_array_index (self->wanted, GPollFD, i);
      GPollFD *polled = g_hash_table_lookup (self->polled, GINT_TO_POINTER (wanted->fd));

      wanted->revents = polled->revents;
    }
  ready = g_main_context_check (self->context, self->max_priority,
                                (GPollFD *) (gpointer) self->wanted->data, self->wanted->len);
  g_main_context_release (self->context);

  return ready;
}

static gboolean
par_soup_bridge_dispatch (GSource     *source,
                          GSourceFunc  callback,
                          gpointer     user_data)
{
  ParSoupBridge *self = (ParSoupBridge *) source;

  if (!g_main_context_acquire (self->context))
    return G_SOURCE_CONTINUE;

  g_main_context_push_thread_default (self->context);
  for (guint i = 0; i < MAX_ITERATIONS && g_main_context_iteration (self->context, FALSE); i++)
    ;
  g_main_context_pop_thread_default (self->context);
  g_main_context_release (self->context);

  return G_SOURCE_CONTINUE;
}

static void
par_soup_bridge_finalize (GSource *source)
{
  ParSoupBridge *self = (ParSoupBridge *) source;

  g_main_context_unref (self->context);
  g_array_unref (self->wanted);
  g_hash_table_unref (self->polled);
}

static GSourceFuncs par_soup_bridge_funcs = {
  .prepare = par_soup_bridge_prepare,
  .check = par_soup_bridge_check,
  .dispatch = par_soup_bridge_dispatch,
  .finalize = par_soup_bridge_finalize,
};

GSource *
par_soup_bridge_new (GMainContext *context)
{
  GSource *source = g_source_new (&par_soup_bridge_funcs, sizeof (ParSoupBridge));
  ParSoupBridge *self = (ParSoupBridge *) source;

  g_source_set_static_name (source, "[ParSoup] bridge");
  g_source_set_can_recurse (source, TRUE);
  self->context = g_main_context_ref (context);
  self->wanted = g_array_new (FALSE, TRUE, sizeof (GPollFD));
  self->polled = g_hash_table_new_full (NULL, NULL, NULL, g_free);

  return source;
}
