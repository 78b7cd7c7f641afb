/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "par-soup-bridge-private.h"

#include <fcntl.h>
#include <unistd.h>

#include <glib-unix.h>

typedef struct
{
  GMainContext *outer;
  GMainContext *inner;
  GSource *bridge;
  guint n_called;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->outer = g_main_context_new ();
  fixture->inner = g_main_context_new_with_flags (G_MAIN_CONTEXT_FLAGS_OWNERLESS_POLLING);
  fixture->bridge = par_soup_bridge_new (fixture->inner);
  g_source_attach (fixture->bridge, fixture->outer);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_source_destroy (fixture->bridge);
  g_source_unref (fixture->bridge);
  g_main_context_unref (fixture->inner);
  g_main_context_unref (fixture->outer);
}

static gboolean
count_cb (gpointer data)
{
  Fixture *fixture = data;

  g_assert_true (g_main_context_get_thread_default () == fixture->inner);
  fixture->n_called++;

  return G_SOURCE_REMOVE;
}

static gboolean
count_input_cb (int           fd,
                GIOCondition  condition,
                gpointer      data)
{
  char byte;

  g_assert_cmpint (read (fd, &byte, 1), ==, 1);
  count_cb (data);

  return G_SOURCE_CONTINUE;
}

static void
attach (Fixture     *fixture,
        GSource     *source,
        GSourceFunc  function)
{
  g_source_set_callback (source, function, fixture, NULL);
  g_source_attach (source, fixture->inner);
  g_source_unref (source);
}

static void
iterate_until (Fixture *fixture,
               guint    n_called)
{
  while (fixture->n_called < n_called)
    g_main_context_iteration (fixture->outer, TRUE);
}

static void
inner_sources_are_dispatched (Fixture       *fixture,
                              gconstpointer  data)
{
  int fds[2];

  g_test_summary ("Idle sources, timers and descriptors of the inner context go off when the "
                  "outer one is iterated, in the inner one.");

  g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  attach (fixture, g_idle_source_new (), count_cb);
  iterate_until (fixture, 1);

  attach (fixture, g_timeout_source_new (5), count_cb);
  iterate_until (fixture, 2);

  attach (fixture, g_unix_fd_source_new (fds[0], G_IO_IN), G_SOURCE_FUNC (count_input_cb));
  g_assert_false (g_main_context_iteration (fixture->outer, FALSE));
  g_assert_cmpint (write (fds[1], "ab", 2), ==, 2);
  iterate_until (fixture, 4);
  g_assert_null (g_main_context_get_thread_default ());

  close (fds[0]);
  close (fds[1]);
}

static gpointer
attach_from_thread (gpointer data)
{
  attach (data, g_idle_source_new (), count_cb);

  return NULL;
}

static gboolean
start_thread_cb (gpointer data)
{
  g_thread_unref (g_thread_new (NULL, attach_from_thread, data));

  return G_SOURCE_REMOVE;
}

static void
other_threads_wake_the_outer_loop (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_autoptr(GSource) source = g_idle_source_new ();

  g_test_summary ("What another thread attaches to the inner context wakes who polls the outer.");

  g_source_set_callback (source, start_thread_cb, fixture, NULL);
  g_source_attach (source, fixture->outer);
  iterate_until (fixture, 1);
}

static gboolean
attach_three_cb (gpointer data)
{
  Fixture *fixture = data;

  count_cb (fixture);
  if (fixture->n_called < 3)
    attach (fixture, g_idle_source_new (), attach_three_cb);

  return G_SOURCE_REMOVE;
}

static void
what_follows_at_once_is_dispatched_at_once (Fixture       *fixture,
                                            gconstpointer  data)
{
  g_test_summary ("A few things in a row need only one iteration of the outer loop.");

  attach (fixture, g_idle_source_new (), attach_three_cb);
  g_assert_true (g_main_context_iteration (fixture->outer, FALSE));
  g_assert_cmpuint (fixture->n_called, ==, 3);
}

static gpointer
acquire (gpointer context)
{
  g_assert_true (g_main_context_acquire (context));

  return NULL;
}

static void
taken_context_is_left_alone (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("While another thread has the inner context the outer one goes on without.");

  attach (fixture, g_idle_source_new (), count_cb);
  g_thread_join (g_thread_new (NULL, acquire, fixture->inner));
  g_assert_false (g_main_context_iteration (fixture->outer, FALSE));
  g_assert_cmpuint (fixture->n_called, ==, 0);
}

#define add(name, function) \
  g_test_add ("/par-soup/bridge/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("inner-sources-are-dispatched", inner_sources_are_dispatched);
  add ("other-threads-wake-the-outer-loop", other_threads_wake_the_outer_loop);
  add ("what-follows-at-once-is-dispatched-at-once", what_follows_at_once_is_dispatched_at_once);
  add ("taken-context-is-left-alone", taken_context_is_left_alone);

  return g_test_run ();
}
