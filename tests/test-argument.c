/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

/* Requests that share one function, each with its argument. */
typedef struct
{
  ParRequests *requests;
  GThread *owner;
  guint n_destroyed;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->requests = par_requests_new ();
  fixture->owner = g_thread_self ();
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_assert_finalize_object (fixture->requests);
}

static void
count_destroy (gpointer data)
{
  Fixture *fixture = data;

  g_assert_true (g_thread_self () == fixture->owner);
  fixture->n_destroyed++;
}

static void
give_back (ParAttempt    *attempt,
           const GValue  *argument,
           gpointer       user_data,
           GError       **error)
{
  Fixture *fixture = user_data;

  g_assert_true (g_thread_self () != fixture->owner);
  par_attempt_return_value (attempt, argument);
}

static void
fail_always (ParAttempt    *attempt,
             const GValue  *argument,
             gpointer       user_data,
             GError       **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, g_value_get_string (argument));
}

static guint64
add_string (ParRequests *requests,
            const char  *string)
{
  g_auto(GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_STRING);
  g_value_set_string (&value, string);

  return par_requests_add_argument (requests, &value);
}

static void
assert_result (ParRequests *requests,
               guint64      index,
               const char  *expected)
{
  g_autoptr(ParRequest) request = par_requests_get_request (requests, index);

  g_assert_cmpstr (g_value_get_string (par_request_get_value (request)), ==, expected);
}

static void
function_gets_each_argument (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("Each request has its own, and all copies of it the same.");

  par_requests_set_function (fixture->requests, give_back, fixture, count_destroy);
  par_requests_set_redundancy (fixture->requests, 3);
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *string = g_strdup_printf ("%u", i);

      g_assert_cmpuint (add_string (fixture->requests, string), ==, i);
    }
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *string = g_strdup_printf ("%u", i);

      assert_result (fixture->requests, i, string);
    }
  g_assert_cmpuint (fixture->n_destroyed, ==, 0);
  wait_for_attempts (fixture->requests);
}

static void
error_is_that_of_the_request (Fixture       *fixture,
                              gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("As with any other function.");

  par_requests_set_function (fixture->requests, fail_always, NULL, NULL);
  add_string (fixture->requests, "no such city");
  g_assert_false (par_requests_do (fixture->requests, NULL, NULL));
  request = par_requests_get_request (fixture->requests, 0);
  g_assert_cmpstr (par_request_get_error (request)->message, ==, "no such city");
}

static void
argument_is_freed_when_it_has_settled (Fixture       *fixture,
                                       gconstpointer  data)
{
  GObject *object = g_object_new (G_TYPE_OBJECT, NULL);
  g_auto(GValue) value = G_VALUE_INIT;

  g_test_summary ("It is copied when it is added, and freed in the owner's thread.");

  g_object_add_weak_pointer (object, (gpointer *) &object);
  g_value_init (&value, G_TYPE_OBJECT);
  g_value_take_object (&value, object);
  par_requests_set_function (fixture->requests, fail_always, NULL, NULL);
  par_requests_set_function (fixture->requests, give_back, fixture, NULL);
  par_requests_set_keep_completed (fixture->requests, FALSE);
  par_requests_add_argument (fixture->requests, &value);
  g_value_unset (&value);
  g_assert_nonnull (object);

  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_null (object);
}

static void
function_may_be_replaced (Fixture       *fixture,
                          gconstpointer  data)
{
  g_test_summary ("Requests keep the function with which they were added, until they settle.");

  par_requests_set_function (fixture->requests, give_back, fixture, count_destroy);
  add_string (fixture->requests, "first");
  par_requests_set_function (fixture->requests, fail_always, fixture, count_destroy);
  g_assert_cmpuint (fixture->n_destroyed, ==, 0);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  assert_result (fixture->requests, 0, "first");
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);

  par_requests_set_function (fixture->requests, NULL, NULL, NULL);
  g_assert_cmpuint (fixture->n_destroyed, ==, 2);
}

static void
function_is_freed_with_the_requests (Fixture       *fixture,
                                     gconstpointer  data)
{
  g_test_summary ("Also when its requests have never been run.");

  par_requests_set_function (fixture->requests, give_back, fixture, count_destroy);
  add_string (fixture->requests, "never");
  g_assert_finalize_object (fixture->requests);
  g_assert_cmpuint (fixture->n_destroyed, ==, 1);

  fixture->requests = par_requests_new ();
}

static void
argument_without_function_is_refused (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_test_summary ("It is a mistake of the program.");

  g_test_expect_message ("Par", G_LOG_LEVEL_CRITICAL, "*set one with par_requests_set_function()*");
  g_assert_cmpuint (add_string (fixture->requests, "none"), ==, G_MAXUINT64);
  g_test_assert_expected_messages ();
  g_assert_cmpuint (par_requests_get_n_requests (fixture->requests), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) \
  g_test_add ("/par/argument/" name, Fixture, NULL, set_up, func, tear_down)
  add ("function-gets-each-argument", function_gets_each_argument);
  add ("error-is-that-of-the-request", error_is_that_of_the_request);
  add ("argument-is-freed-when-it-has-settled", argument_is_freed_when_it_has_settled);
  add ("function-may-be-replaced", function_may_be_replaced);
  add ("function-is-freed-with-the-requests", function_is_freed_with_the_requests);
  add ("argument-without-function-is-refused", argument_without_function_is_refused);
#undef add

  return g_test_run ();
}
