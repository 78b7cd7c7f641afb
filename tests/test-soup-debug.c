/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "par-soup-debug-private.h"

static void
forget_switches (void)
{
  g_unsetenv ("DEBUG");
  g_unsetenv ("PAR_DEBUG");
  g_unsetenv ("G_MESSAGES_DEBUG");
}

static void
switches_are_those_of_par (void)
{
  const char *on[] = { "par-soup", "*", "express,par-soup", "a, *" };
  const char *off[] = { "", "par", "par-soup-x" };

  g_test_summary ("Debug lines are asked for as Par's are, under a name of their own.");

  forget_switches ();
  g_assert_false (par_soup_debug_is_wanted ());
  for (guint i = 0; i < G_N_ELEMENTS (on); i++)
    {
      g_setenv ("DEBUG", on[i], TRUE);
      g_assert_true (par_soup_debug_is_wanted ());
    }
  for (guint i = 0; i < G_N_ELEMENTS (off); i++)
    {
      g_setenv ("DEBUG", off[i], TRUE);
      g_assert_false (par_soup_debug_is_wanted ());
    }

  forget_switches ();
  g_setenv ("PAR_DEBUG", "1", TRUE);
  g_assert_true (par_soup_debug_is_wanted ());
}

static void
switch_of_glib_is_heard (void)
{
  g_test_summary ("G_MESSAGES_DEBUG, of which newer GLib takes note once, does it too.");

  if (g_test_subprocess ())
    {
      forget_switches ();
      g_setenv ("G_MESSAGES_DEBUG", "ParSoup", TRUE);
      g_assert_true (par_soup_debug_is_wanted ());
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
}

static void
lines_look_as_those_of_par (void)
{
  g_test_summary ("A line has the time, what has passed since the last one, name and message.");

  if (g_test_subprocess ())
    {
      forget_switches ();
      g_setenv ("DEBUG", "par-soup", TRUE);
      par_soup_debug ("http - ok");
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("??:??:??.??? 0us    0us    par-soup - http - ok\n");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/par-soup/debug/switches-are-those-of-par", switches_are_those_of_par);
  g_test_add_func ("/par-soup/debug/switch-of-glib-is-heard", switch_of_glib_is_heard);
  g_test_add_func ("/par-soup/debug/lines-look-as-those-of-par", lines_look_as_those_of_par);

  return g_test_run ();
}
