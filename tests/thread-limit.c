/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "thread-limit.h"

#include <sys/resource.h>
#include <unistd.h>

guint
count_own_threads (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

static gpointer
do_nothing (gpointer data)
{
  return NULL;
}

/* Becomes a user of whom there is no other process, who may have @n_more threads. */
void
limit_threads (guint n_more)
{
  struct rlimit limit;
  guint uid = 60000 + getpid () % 5000;

  /* A sanitizer has its own thread from the first that is made. */
  g_thread_join (g_thread_new ("first", do_nothing, NULL));

  g_assert_cmpint (getrlimit (RLIMIT_NPROC, &limit), ==, 0);
  limit.rlim_cur = count_own_threads () + n_more;
  g_assert_cmpint (setrlimit (RLIMIT_NPROC, &limit), ==, 0);
  if (geteuid () == 0)
    g_assert_cmpint (setuid (uid), ==, 0);
}

/* A sanitizer looks for leaks by a process of its own at the end. */
void
unlimit_threads (void)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_NPROC, &limit), ==, 0);
  limit.rlim_cur = limit.rlim_max;
  g_assert_cmpint (setrlimit (RLIMIT_NPROC, &limit), ==, 0);
}
