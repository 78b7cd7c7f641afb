/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "par-soup-pool-private.h"

#include <unistd.h>

#include "thread-limit.h"
#include "par-soup-uri-private.h"

#define N_GUESTS 12

/* What holds a connection until it is told to leave. */
typedef struct
{
  ParSoupTicket ticket;
  ParSoupTurn leave;
  ParSoupPool *pool;
  gboolean shares;
  gboolean unties;

  /* Atomic. */
  GThread *thread;
  int n_runs;
  int n_left;
} Guest;

typedef struct
{
  ParSoupPool *pool;
  Guest guests[N_GUESTS];
} Fixture;

static void
leave_cb (ParSoupTurn *turn)
{
  Guest *guest = (Guest *) ((guint8 *) turn - G_STRUCT_OFFSET (Guest, leave));

  par_soup_pool_leave (guest->pool, &guest->ticket);
  g_atomic_int_inc (&guest->n_left);
}

static void
run_cb (ParSoupTicket *ticket)
{
  Guest *guest = (Guest *) ticket;

  if (guest->shares)
    par_soup_ticket_share (ticket);
  if (guest->unties)
    par_soup_ticket_untie (ticket);
  g_atomic_pointer_set (&guest->thread, g_thread_self ());
  g_atomic_int_inc (&guest->n_runs);
}

static void
set_up_with (Fixture     *fixture,
             SoupSession *session)
{
  fixture->pool = par_soup_pool_new (session, NULL, 2);
  for (guint i = 0; i < N_GUESTS; i++)
    {
      Guest *guest = &fixture->guests[i];

      guest->pool = fixture->pool;
      par_soup_ticket_init (&guest->ticket, run_cb);
      guest->ticket.owner = session != NULL ? g_main_context_default () : NULL;
      guest->ticket.may_reuse = TRUE;
      guest->leave.function = leave_cb;
    }
}

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  set_up_with (fixture, NULL);
}

static void
set_up_callers (Fixture       *fixture,
                gconstpointer  data)
{
  g_autoptr(SoupSession) session = soup_session_new_with_options ("max-conns", 3,
                                                                  "max-conns-per-host", 2, NULL);

  set_up_with (fixture, session);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  par_soup_pool_close (fixture->pool);
  par_soup_pool_unref (fixture->pool);
  for (guint i = 0; i < N_GUESTS; i++)
    par_soup_ticket_clear (&fixture->guests[i].ticket);
}

static void
enter (Guest      *guest,
       const char *host)
{
  g_autoptr(GUri) uri = par_soup_uri_parse (host, NULL);

  /* As in the owner context, which is being iterated. */
  g_assert_true (g_main_context_acquire (NULL));
  g_assert_true (par_soup_pool_enter (guest->pool, &guest->ticket, uri));
  g_main_context_release (NULL);
}

static void
wait_for (int *count)
{
  gint64 until_us = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  while (g_atomic_int_get (count) == 0)
    {
      g_main_context_iteration (NULL, FALSE);
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
    }
}

/* Has it leave in its lane. */
static void
leave (Guest *guest)
{
  wait_for (&guest->n_runs);
  g_assert_cmpint (par_soup_pool_withdraw (guest->pool, &guest->ticket, &guest->leave), ==,
                   PAR_SOUP_TICKET_RUNNING);
  wait_for (&guest->n_left);
}

static gboolean
has_run (Guest *guest)
{
  return g_atomic_int_get (&guest->n_runs) > 0;
}

static void
workers_send_by_what_is_untied (Fixture       *fixture,
                                gconstpointer  data)
{
  Guest *guests = fixture->guests;
  GCancellable *cancellable;

  g_test_summary ("A connection is made in a thread of the pool. When it is untied, it is for the "
                  "worker of the next ticket, unless that may not use it.");

  guests[0].unties = TRUE;
  enter (&guests[0], "http://a/");
  leave (&guests[0]);
  g_assert_true (guests[0].thread != g_thread_self ());

  for (guint i = 1; i < 3; i++)
    {
      enter (&guests[i], "http://a/");
      g_assert_true (par_soup_pool_wait (fixture->pool, &guests[i].ticket));
      cancellable = guests[i].ticket.cancellable;
      g_assert_nonnull (cancellable);
      if (i == 1)
        par_soup_pool_leave (fixture->pool, &guests[i].ticket);
    }
  g_assert_false (has_run (&guests[1]) || has_run (&guests[2]));

  guests[3].ticket.may_reuse = FALSE;
  enter (&guests[3], "http://a/");
  leave (&guests[3]);

  /* What was cancelled is not given to another. */
  g_object_ref (cancellable);
  g_assert_cmpint (par_soup_pool_withdraw (fixture->pool, &guests[2].ticket, &guests[2].leave), ==,
                   PAR_SOUP_TICKET_BLOCKING);
  g_assert_true (g_cancellable_is_cancelled (cancellable));
  g_object_unref (cancellable);
  par_soup_pool_leave (fixture->pool, &guests[2].ticket);
  enter (&guests[4], "http://a/");
  leave (&guests[4]);
}

static void
waiting_ends (Fixture       *fixture,
              gconstpointer  data)
{
  Guest *guests = fixture->guests;

  g_test_summary ("A worker waits until its ticket is finished.");

  enter (&guests[0], "http://a/");
  leave (&guests[0]);
  par_soup_pool_finish (fixture->pool, &guests[0].ticket);
  g_assert_false (par_soup_pool_wait (fixture->pool, &guests[0].ticket));
}

static void
workers_send_where_there_is_no_thread (Fixture       *fixture,
                                       gconstpointer  data)
{
  Guest *guests = fixture->guests;

  g_test_summary ("If the system has no thread for a connection, the worker makes it itself, and "
                  "it is not kept.");

  if (geteuid () != 0)
    {
      g_test_skip ("only root can become a user with no other process");
      return;
    }

  if (g_test_subprocess ())
    {
      limit_threads (0);
      for (guint i = 0; i < 2; i++)
        {
          enter (&guests[i], "http://a/");
          g_assert_true (par_soup_pool_wait (fixture->pool, &guests[i].ticket));
          g_assert_nonnull (par_soup_ticket_get_session (&guests[i].ticket));
          par_soup_ticket_share (&guests[i].ticket);
          g_assert_false (par_soup_ticket_is_shared (&guests[i].ticket));
          par_soup_pool_leave (fixture->pool, &guests[i].ticket);
        }

      unlimit_threads ();
      enter (&guests[2], "http://a/");
      leave (&guests[2]);
      g_assert_true (guests[2].thread != g_thread_self ());
      return;
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

static void
connections_to_a_host_are_bounded (Fixture       *fixture,
                                   gconstpointer  data)
{
  Guest *guests = fixture->guests;

  g_test_summary ("No more than so many are at one host, and the others come in order.");

  for (guint i = 0; i < 5; i++)
    enter (&guests[i], "http://a/");
  wait_for (&guests[1].n_runs);
  g_assert_false (has_run (&guests[2]));

  leave (&guests[1]);
  wait_for (&guests[2].n_runs);
  g_assert_false (has_run (&guests[3]));
  leave (&guests[0]);
  wait_for (&guests[3].n_runs);
  g_assert_false (has_run (&guests[4]));
  for (guint i = 2; i < 5; i++)
    leave (&guests[i]);
}

static void
hosts_do_not_wait_for_each_other (Fixture       *fixture,
                                  gconstpointer  data)
{
  const char *hosts[] = { "http://b/", "http://a:81/", "https://a/" };
  Guest *guests = fixture->guests;

  g_test_summary ("Where one host has all it may, another is served.");

  for (guint i = 0; i < 3; i++)
    enter (&guests[i], "http://a/");
  for (guint i = 0; i < 3; i++)
    {
      enter (&guests[3 + i], hosts[i]);
      wait_for (&guests[3 + i].n_runs);
    }
  g_assert_false (has_run (&guests[2]));

  for (guint i = 3; i < 6; i++)
    leave (&guests[i]);
  for (guint i = 0; i < 3; i++)
    leave (&guests[i]);
}

static void
withdrawn_tickets_are_not_run (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr(GUri) uri = par_soup_uri_parse ("http://a/", NULL);
  Guest *guests = fixture->guests;

  g_test_summary ("What is withdrawn while it waits, or before it comes, is never run.");

  for (guint i = 0; i < 3; i++)
    enter (&guests[i], "http://a/");
  g_assert_cmpint (par_soup_pool_withdraw (fixture->pool, &guests[2].ticket, &guests[2].leave), ==,
                   PAR_SOUP_TICKET_WAITING);
  g_assert_cmpint (par_soup_pool_withdraw (fixture->pool, &guests[3].ticket, &guests[3].leave), ==,
                   PAR_SOUP_TICKET_NOWHERE);
  g_assert_false (par_soup_pool_enter (fixture->pool, &guests[3].ticket, uri));

  leave (&guests[0]);
  leave (&guests[1]);
  g_assert_false (has_run (&guests[2]));
  g_assert_false (has_run (&guests[3]));
}

static void
some_stay_with_the_owner (Fixture       *fixture,
                          gconstpointer  data)
{
  Guest *guests = fixture->guests;

  g_test_summary ("A stream's connection is the owner's, even if one of another has to go for it.");

  /* Leaves an idle connection of a thread, and one that is in use. */
  enter (&guests[0], "http://a/");
  enter (&guests[1], "http://a/");
  leave (&guests[1]);

  guests[2].ticket.owner = g_main_context_default ();
  enter (&guests[2], "http://a/");
  g_assert_true (has_run (&guests[2]));
  g_assert_true (guests[2].thread == g_thread_self ());
  leave (&guests[0]);
  leave (&guests[2]);
}

static void
shared_connections_have_room (Fixture       *fixture,
                              gconstpointer  data)
{
  Guest *guests = fixture->guests;

  g_test_summary ("A connection that is found to be of HTTP/2 serves those who wait.");

  guests[0].shares = TRUE;
  for (guint i = 1; i < N_GUESTS; i++)
    enter (&guests[i], "https://a/");
  g_assert_false (has_run (&guests[N_GUESTS - 1]));

  leave (&guests[1]);
  leave (&guests[2]);
  for (guint i = 3; i < N_GUESTS; i++)
    leave (&guests[i]);

  /* From now on one is enough. */
  enter (&guests[0], "https://a/");
  for (guint i = 1; i < N_GUESTS; i++)
    {
      guests[i].n_runs = guests[i].n_left = 0;
      guests[i].ticket.is_withdrawn = FALSE;
      enter (&guests[i], "https://a/");
      wait_for (&guests[i].n_runs);
    }
  for (guint i = 0; i < N_GUESTS; i++)
    leave (&guests[i]);
}

static void
limits_of_a_session_are_kept (Fixture       *fixture,
                              gconstpointer  data)
{
  Guest *guests = fixture->guests;

  g_test_summary ("A session of the program's has its own limits, and all is sent by the owner.");

  for (guint i = 0; i < 3; i++)
    enter (&guests[i], "http://a/");
  for (guint i = 3; i < 5; i++)
    enter (&guests[i], "http://b/");
  g_assert_true (has_run (&guests[0]) && has_run (&guests[1]) && has_run (&guests[3]));
  g_assert_false (has_run (&guests[2]));
  g_assert_false (has_run (&guests[4]));

  /* One has the place of one at the other host. */
  leave (&guests[3]);
  g_assert_true (has_run (&guests[4]));
  g_assert_false (has_run (&guests[2]));
  leave (&guests[0]);
  g_assert_true (has_run (&guests[2]));
  for (guint i = 0; i < 5; i++)
    {
      g_assert_true (guests[i].thread == g_thread_self ());
      if (guests[i].n_left == 0)
        leave (&guests[i]);
    }
}

#define add(name, function, set_up) \
  g_test_add ("/par-soup/pool/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("workers-send-by-what-is-untied", workers_send_by_what_is_untied, set_up);
  add ("waiting-ends", waiting_ends, set_up);
  add ("workers-send-where-there-is-no-thread", workers_send_where_there_is_no_thread, set_up);
  add ("connections-to-a-host-are-bounded", connections_to_a_host_are_bounded, set_up);
  add ("hosts-do-not-wait-for-each-other", hosts_do_not_wait_for_each_other, set_up);
  add ("withdrawn-tickets-are-not-run", withdrawn_tickets_are_not_run, set_up);
  add ("some-stay-with-the-owner", some_stay_with_the_owner, set_up);
  add ("shared-connections-have-room", shared_connections_have_room, set_up);
  add ("limits-of-a-session-are-kept", limits_of_a_session_are_kept, set_up_callers);

  return g_test_run ();
}
