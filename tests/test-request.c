/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

/* A request of a class of its own, which returns its label and counts its attempts. */
#define TEST_TYPE_REQUEST (test_request_get_type ())
G_DECLARE_FINAL_TYPE (TestRequest, test_request, TEST, REQUEST, ParRequest)

struct _TestRequest
{
  ParRequest parent_instance;

  int n_attempts;
  GString *order;
};

G_DEFINE_FINAL_TYPE (TestRequest, test_request, PAR_TYPE_REQUEST)

static void
test_request_run (ParRequest  *request,
                  ParAttempt  *attempt,
                  GError     **error)
{
  TestRequest *self = TEST_REQUEST (request);

  g_atomic_int_inc (&self->n_attempts);
  if (self->order != NULL)
    g_string_append (self->order, par_request_get_label (request));
  par_attempt_return_string (attempt, par_request_get_label (request));
}

static void
test_request_class_init (TestRequestClass *klass)
{
  PAR_REQUEST_CLASS (klass)->run = test_request_run;
}

static void
test_request_init (TestRequest *self)
{
}

/* One whose class forgot to say what to do. */
#define TEST_TYPE_EMPTY_REQUEST (test_empty_request_get_type ())
G_DECLARE_FINAL_TYPE (TestEmptyRequest, test_empty_request, TEST, EMPTY_REQUEST, ParRequest)

struct _TestEmptyRequest
{
  ParRequest parent_instance;
};

G_DEFINE_FINAL_TYPE (TestEmptyRequest, test_empty_request, PAR_TYPE_REQUEST)

static void
test_empty_request_class_init (TestEmptyRequestClass *klass)
{
}

static void
test_empty_request_init (TestEmptyRequest *self)
{
}

/* One that is run or started as it says, and returns which thread that was in. */
#define TEST_TYPE_EITHER_REQUEST (test_either_request_get_type ())
G_DECLARE_FINAL_TYPE (TestEitherRequest, test_either_request, TEST, EITHER_REQUEST, ParRequest)

struct _TestEitherRequest
{
  ParRequest parent_instance;
  gboolean is_async;
  guint n_asked;
};

G_DEFINE_FINAL_TYPE (TestEitherRequest, test_either_request, PAR_TYPE_REQUEST)

static void
return_thread (ParRequest  *request,
               ParAttempt  *attempt,
               GError     **error)
{
  par_attempt_return_pointer (attempt, g_thread_self (), NULL);
}

static gboolean
test_either_request_is_async (ParRequest *request)
{
  TestEitherRequest *self = TEST_EITHER_REQUEST (request);

  self->n_asked++;

  return self->is_async;
}

static void
test_either_request_class_init (TestEitherRequestClass *klass)
{
  PAR_REQUEST_CLASS (klass)->run = return_thread;
  PAR_REQUEST_CLASS (klass)->start = return_thread;
  PAR_REQUEST_CLASS (klass)->is_async = test_either_request_is_async;
}

static void
test_either_request_init (TestEitherRequest *self)
{
}

typedef struct
{
  ParRequests *requests;
  Gate gate;
  GString *order;
  guint n_notified;
  int n_destroyed;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->requests = par_requests_new ();
  fixture->order = g_string_new (NULL);
  gate_init (&fixture->gate);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  gate_open (&fixture->gate);
  wait_for_attempts (fixture->requests);
  g_assert_finalize_object (fixture->requests);
  g_string_free (fixture->order, TRUE);
  gate_clear (&fixture->gate);
}

static gboolean
do_all (Fixture *fixture)
{
  return par_requests_do (fixture->requests, NULL, NULL);
}

#define critical(text) g_test_expect_message ("Par", G_LOG_LEVEL_CRITICAL, "*" text "*")

static void
subclass_runs (Fixture       *fixture,
               gconstpointer  data)
{
  g_autoptr(TestRequest) request = g_object_new (TEST_TYPE_REQUEST, "label", "Oakland", NULL);

  g_test_summary ("Its run() makes the attempt, and it is the object that the signals tell of.");

  g_assert_cmpuint (par_requests_add (fixture->requests, PAR_REQUEST (request)), ==, 0);
  g_assert_true (do_all (fixture));
  g_assert_cmpint (request->n_attempts, ==, 1);
  g_assert_cmpint (par_request_get_state (PAR_REQUEST (request)), ==, PAR_REQUEST_STATE_SUCCEEDED);
  g_assert_cmpstr (g_value_get_string (par_request_get_value (PAR_REQUEST (request))),
                   ==, "Oakland");
}

static void
subclass_is_kept_by_its_requests (Fixture       *fixture,
                                  gconstpointer  data)
{
  TestRequest *request = g_object_new (TEST_TYPE_REQUEST, "label", "Oakland", NULL);
  g_autoptr(ParRequest) found = NULL;

  g_test_summary ("The program need not keep it.");

  par_requests_add (fixture->requests, PAR_REQUEST (request));
  g_object_unref (request);
  g_assert_true (do_all (fixture));
  found = par_requests_get_request (fixture->requests, 0);
  g_assert_true (PAR_REQUEST (request) == found);
}

static void
count_destroyed (gpointer data)
{
  Fixture *fixture = data;

  fixture->n_destroyed++;
}

static void
succeed_with_data (ParAttempt  *attempt,
                   gpointer     data,
                   GError     **error)
{
  Fixture *fixture = data;

  g_assert_cmpint (fixture->n_destroyed, ==, 0);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
function_request_runs (Fixture       *fixture,
                       gconstpointer  data)
{
  ParRequest *request = par_request_new_thread (succeed_with_data, fixture, count_destroyed);

  g_test_summary ("Made from a function, whose data are freed when it has settled, once.");

  par_requests_add (fixture->requests, request);
  g_assert_true (do_all (fixture));
  g_assert_true (g_value_get_boolean (par_request_get_value (request)));
  g_assert_cmpint (fixture->n_destroyed, ==, 1);
  g_assert_finalize_object (fixture->requests);
  g_assert_finalize_object (request);
  g_assert_cmpint (fixture->n_destroyed, ==, 1);

  fixture->requests = par_requests_new ();
}

static void
request_never_added_is_freed (Fixture       *fixture,
                              gconstpointer  data)
{
  ParRequest *request = par_request_new_thread (succeed, fixture, count_destroyed);

  g_test_summary ("With its data.");

  g_assert_finalize_object (request);
  g_assert_cmpint (fixture->n_destroyed, ==, 1);
}

static void
class_may_have_both (Fixture       *fixture,
                     gconstpointer  data)
{
  TestEitherRequest *requests[2];
  g_autoptr(GError) error = NULL;

  g_test_summary ("A class that can be run and started is asked once, when a request is added.");

  par_requests_set_redundancy (fixture->requests, 2);
  for (guint i = 0; i < 2; i++)
    {
      requests[i] = g_object_new (TEST_TYPE_EITHER_REQUEST, NULL);
      requests[i]->is_async = i == 1;
      par_requests_add (fixture->requests, PAR_REQUEST (requests[i]));
      requests[i]->is_async = FALSE;
      g_assert_cmpuint (requests[i]->n_asked, ==, 1);
    }
  par_requests_do (fixture->requests, NULL, &error);
  g_assert_no_error (error);

  for (guint i = 0; i < 2; i++)
    {
      const GValue *thread = par_request_get_value (PAR_REQUEST (requests[i]));

      g_assert_true ((g_value_get_pointer (thread) == g_thread_self ()) == (i == 1));
      g_assert_cmpuint (requests[i]->n_asked, ==, 1);
      g_object_unref (requests[i]);
    }
}

static void
nothing_to_run_is_refused (Fixture       *fixture,
                           gconstpointer  data)
{
  g_autoptr(ParRequest) plain = g_object_new (PAR_TYPE_REQUEST, NULL);
  g_autoptr(ParRequest) empty = g_object_new (TEST_TYPE_EMPTY_REQUEST, NULL);

  g_test_summary ("No function and no run(): a critical, and nothing is added.");

  critical ("ParRequest has nothing to run*par_request_new_thread*run()");
  g_assert_cmpuint (par_requests_add (fixture->requests, plain), ==, G_MAXUINT64);
  critical ("TestEmptyRequest has nothing to run");
  g_assert_cmpuint (par_requests_add (fixture->requests, empty), ==, G_MAXUINT64);
  critical ("function");
  g_assert_null (par_request_new_thread (NULL, NULL, NULL));
  g_test_assert_expected_messages ();

  g_assert_cmpuint (par_requests_get_n_requests (fixture->requests), ==, 0);
  g_assert_cmpuint (par_request_get_index (empty), ==, G_MAXUINT64);
  par_request_set_priority (empty, 3);
  g_assert_cmpint (par_request_get_priority (empty), ==, 3);
}

static void
added_twice_is_refused (Fixture       *fixture,
                        gconstpointer  data)
{
  g_autoptr(ParRequest) request = par_request_new_thread (succeed, NULL, NULL);

  g_test_summary ("The first addition stays as it was, before and after the run.");

  g_assert_cmpuint (par_requests_add (fixture->requests, request), ==, 0);
  critical ("Request 0 has been added already");
  g_assert_cmpuint (par_requests_add (fixture->requests, request), ==, G_MAXUINT64);
  g_test_assert_expected_messages ();
  g_assert_cmpuint (par_requests_get_n_requests (fixture->requests), ==, 1);
  g_assert_true (do_all (fixture));
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_SUCCEEDED);

  critical ("Request 0 has been added already");
  g_assert_cmpuint (par_requests_add (fixture->requests, request), ==, G_MAXUINT64);
  g_test_assert_expected_messages ();
  g_assert_cmpuint (par_requests_get_n_requests (fixture->requests), ==, 1);
}

static void
added_to_two_is_refused (Fixture       *fixture,
                         gconstpointer  data)
{
  g_autoptr(ParRequests) others = par_requests_new ();
  g_autoptr(ParRequest) request = par_request_new_thread (succeed, NULL, NULL);

  g_test_summary ("It belongs to the first, whose run it is part of.");

  par_requests_add_thread (others, succeed, NULL, NULL);
  g_assert_cmpuint (par_requests_add (fixture->requests, request), ==, 0);
  critical ("Request 0 has been added already");
  g_assert_cmpuint (par_requests_add (others, request), ==, G_MAXUINT64);
  g_test_assert_expected_messages ();

  g_assert_true (par_requests_do (others, NULL, NULL));
  g_assert_cmpuint (par_requests_get_n_requests (others), ==, 1);
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_QUEUED);
  g_assert_true (do_all (fixture));
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_SUCCEEDED);
}

static void
properties_begin_at_their_defaults (Fixture       *fixture,
                                    gconstpointer  data)
{
  g_autoptr(ParRequest) request = par_request_new_thread (succeed, NULL, NULL);
  g_autoptr(GPtrArray) errors = par_request_get_attempt_errors (request);

  g_test_summary ("Of a request that has not been added.");

  g_assert_null (par_request_get_label (request));
  g_assert_null (par_request_get_key (request));
  g_assert_cmpint (par_request_get_priority (request), ==, G_PRIORITY_DEFAULT);
  g_assert_true (par_request_get_idempotent (request));
  g_assert_cmpuint (par_request_get_index (request), ==, G_MAXUINT64);
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_QUEUED);
  g_assert_cmpuint (par_request_get_n_attempts (request), ==, 0);
  g_assert_cmpuint (par_request_get_winner (request), ==, 0);
  g_assert_cmpint (par_request_get_cancel_reason (request), ==, PAR_CANCEL_REASON_NONE);
  g_assert_cmpint (par_request_get_queued_time (request), ==, 0);
  g_assert_cmpint (par_request_get_elapsed (request), ==, 0);
  g_assert_null (par_request_get_value (request));
  g_assert_null (par_request_get_error (request));
  g_assert_cmpuint (errors->len, ==, 0);
}

static void
count_notified (Fixture *fixture)
{
  fixture->n_notified++;
}

static void
setters_notify_of_changes (Fixture       *fixture,
                           gconstpointer  data)
{
  g_autoptr(ParRequest) request = par_request_new_thread (succeed, NULL, NULL);

  g_test_summary ("And only of changes.");

  g_signal_connect_swapped (request, "notify", G_CALLBACK (count_notified), fixture);
  for (guint i = 0; i < 2; i++)
    {
      par_request_set_label (request, "Oakland");
      par_request_set_key (request, "example.org");
      par_request_set_priority (request, -10);
      par_request_set_idempotent (request, FALSE);
    }
  g_assert_cmpuint (fixture->n_notified, ==, 4);
  g_object_set (request, "label", NULL, "key", NULL, "priority", 0, "idempotent", TRUE, NULL);
  g_assert_cmpuint (fixture->n_notified, ==, 8);

  g_assert_null (par_request_get_label (request));
  g_assert_true (par_request_get_idempotent (request));
}

static void
properties_are_fixed_once_added (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autoptr(ParRequest) request = par_request_new_thread (succeed, NULL, NULL);

  g_test_summary ("All but the label: a critical, and they are what they were.");

  g_object_set (request, "key", "example.org", "priority", 5, "idempotent", FALSE, NULL);
  par_requests_add (fixture->requests, request);

  critical ("key*fixed once it has been added");
  par_request_set_key (request, "example.com");
  critical ("priority*fixed once it has been added");
  par_request_set_priority (request, 6);
  critical ("idempotent*fixed once it has been added");
  par_request_set_idempotent (request, TRUE);
  g_test_assert_expected_messages ();
  par_request_set_label (request, "Oakland");

  g_assert_cmpstr (par_request_get_key (request), ==, "example.org");
  g_assert_cmpint (par_request_get_priority (request), ==, 5);
  g_assert_false (par_request_get_idempotent (request));
  g_assert_cmpstr (par_request_get_label (request), ==, "Oakland");
}

static void
properties_of_functions_are_fixed (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("A request that was added as a function has a label, and no more to be set.");

  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  request = par_requests_get_request (fixture->requests, 0);
  critical ("priority*fixed once it has been added");
  par_request_set_priority (request, -1);
  g_test_assert_expected_messages ();
  par_request_set_label (request, "Oakland");
  g_assert_true (do_all (fixture));
  g_assert_cmpint (par_request_get_priority (request), ==, 0);
  g_assert_cmpstr (par_request_get_label (request), ==, "Oakland");
}

static void
add_labelled (Fixture    *fixture,
              const char *label,
              int         priority)
{
  g_autoptr(TestRequest) request = g_object_new (TEST_TYPE_REQUEST,
                                                 "label", label, "priority", priority, NULL);

  request->order = fixture->order;
  par_requests_add (fixture->requests, PAR_REQUEST (request));
}

static void
append_plain (ParAttempt  *attempt,
              gpointer     order,
              GError     **error)
{
  g_string_append_c (order, '-');
  par_attempt_return_boolean (attempt, TRUE);
}

static void
priority_is_the_order (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("Lower first, then in the order added; functions have priority 0.");

  par_requests_set_concurrency (fixture->requests, 1);
  add_labelled (fixture, "a", 0);
  add_labelled (fixture, "b", 200);
  add_labelled (fixture, "c", -100);
  par_requests_add_thread (fixture->requests, append_plain, fixture->order, NULL);
  add_labelled (fixture, "d", G_MININT);
  add_labelled (fixture, "e", 0);
  add_labelled (fixture, "f", G_MAXINT);
  add_labelled (fixture, "g", 200);
  add_labelled (fixture, "h", -100);
  g_assert_true (do_all (fixture));
  g_assert_cmpstr (fixture->order->str, ==, "dcha-ebgf");
}

static void
idempotent_false_is_one_attempt (Fixture       *fixture,
                                 gconstpointer  data)
{
  gboolean bounded = GPOINTER_TO_INT (data);
  g_autoptr(ParRequest) request = par_request_new_thread (fail, NULL, NULL);
  g_autoptr(ParRequest) other = par_request_new_thread (fail, NULL, NULL);
  g_autoptr(GPtrArray) errors = NULL;

  g_test_summary ("Whatever the redundancy is; the others get their copies.");

  par_requests_set_concurrency (fixture->requests, bounded ? 1 : 0);
  par_requests_set_redundancy (fixture->requests, 3);
  par_request_set_idempotent (request, FALSE);
  par_requests_add (fixture->requests, request);
  par_requests_add (fixture->requests, other);
  g_assert_false (do_all (fixture));

  g_assert_cmpuint (par_request_get_n_attempts (request), ==, 1);
  g_assert_cmpstr (par_request_get_error (request)->message, ==, "no such city");
  errors = par_request_get_attempt_errors (request);
  g_assert_cmpuint (errors->len, ==, 1);
  g_assert_cmpuint (par_request_get_n_attempts (other), ==, 3);
}

static void
fail_with_number (ParAttempt  *attempt,
                  gpointer     user_data,
                  GError     **error)
{
  guint number = par_attempt_get_number (attempt);

  g_set_error (error, G_IO_ERROR, number == 3 ? G_IO_ERROR_BUSY : G_IO_ERROR_FAILED,
               "attempt %u", number);
}

static void
errors_of_all_attempts_are_kept (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;
  g_autoptr(GPtrArray) errors = NULL;

  g_test_summary ("The request has that of the last, prefixed; the others are as they were.");

  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_set_redundancy (fixture->requests, 3);
  par_requests_add_thread (fixture->requests, fail_with_number, NULL, NULL);
  g_assert_false (do_all (fixture));

  request = par_requests_get_request (fixture->requests, 0);
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_FAILED);
  g_assert_cmpuint (par_request_get_n_attempts (request), ==, 3);
  g_assert_cmpuint (par_request_get_winner (request), ==, 0);
  g_assert_true (g_error_matches (par_request_get_error (request), G_IO_ERROR, G_IO_ERROR_BUSY));
  g_assert_cmpstr (par_request_get_error (request)->message, ==, "after 3 attempts: attempt 3");

  errors = par_request_get_attempt_errors (request);
  g_assert_cmpuint (errors->len, ==, 3);
  for (guint i = 0; i < 3; i++)
    {
      const GError *error = g_ptr_array_index (errors, i);
      g_autofree char *expected = g_strdup_printf ("attempt %u", i + 1);

      g_assert_cmpstr (error->message, ==, expected);
    }
}

static void
succeed_if_third (ParAttempt  *attempt,
                  gpointer     user_data,
                  GError     **error)
{
  if (par_attempt_get_number (attempt) == 3)
    par_attempt_return_boolean (attempt, TRUE);
  else
    fail (attempt, user_data, error);
}

static void
winner_is_the_attempt_that_succeeded (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;
  g_autoptr(GPtrArray) errors = NULL;

  g_test_summary ("The errors of those before it can be read too.");

  par_requests_set_concurrency (fixture->requests, 1);
  par_requests_set_redundancy (fixture->requests, 5);
  par_requests_add_thread (fixture->requests, succeed_if_third, NULL, NULL);
  g_assert_true (do_all (fixture));

  request = par_requests_get_request (fixture->requests, 0);
  g_assert_cmpuint (par_request_get_winner (request), ==, 3);
  g_assert_cmpuint (par_request_get_n_attempts (request), ==, 3);
  g_assert_null (par_request_get_error (request));
  errors = par_request_get_attempt_errors (request);
  g_assert_cmpuint (errors->len, ==, 2);
}

static void
assert_cancelled (ParRequest *request)
{
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_CANCELLED);
  g_assert_cmpint (par_request_get_cancel_reason (request), ==, PAR_CANCEL_REASON_CANCELLED);
  g_assert_true (g_error_matches (par_request_get_error (request),
                                  G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_assert_null (par_request_get_value (request));
  g_assert_cmpuint (par_request_get_winner (request), ==, 0);
}

static void
queued_request_can_be_cancelled (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_autoptr(TestRequest) request = g_object_new (TEST_TYPE_REQUEST, "label", "a", NULL);
  g_autoptr(ParRequest) other = par_request_new_thread (succeed, NULL, NULL);

  g_test_summary ("It alone: it is not run, and the other is. Twice does nothing more.");

  par_requests_add (fixture->requests, PAR_REQUEST (request));
  par_requests_add (fixture->requests, other);
  par_request_cancel (PAR_REQUEST (request));
  par_request_cancel (PAR_REQUEST (request));
  g_assert_true (do_all (fixture));

  assert_cancelled (PAR_REQUEST (request));
  g_assert_cmpint (request->n_attempts, ==, 0);
  g_assert_cmpuint (par_request_get_n_attempts (PAR_REQUEST (request)), ==, 0);
  g_assert_cmpint (par_request_get_state (other), ==, PAR_REQUEST_STATE_SUCCEEDED);
  g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, 1);
}

static gpointer
cancel_when_arrived (gpointer request)
{
  Gate *gate = g_object_get_data (request, "gate");

  gate_wait_arrived (gate, 3);
  par_request_cancel (request);

  return NULL;
}

static void
running_request_can_be_cancelled (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_autoptr(ParRequest) request = par_request_new_thread (pass_gate, &fixture->gate, NULL);
  g_autoptr(ParRequest) other = par_request_new_thread (succeed, NULL, NULL);
  GThread *thread;

  g_test_summary ("From another thread; all of its attempts are, and not the other request.");

  par_requests_set_redundancy (fixture->requests, 3);
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  par_requests_add (fixture->requests, request);
  par_requests_add (fixture->requests, other);
  g_object_set_data (G_OBJECT (request), "gate", &fixture->gate);
  thread = g_thread_new ("cancel", cancel_when_arrived, request);
  g_assert_false (do_all (fixture));
  g_thread_join (thread);

  assert_cancelled (request);
  g_assert_cmpuint (par_request_get_n_attempts (request), ==, 3);
  g_assert_cmpuint (fixture->gate.n_passed, ==, 3);
  g_assert_false (fixture->gate.open);
  g_assert_cmpint (par_request_get_state (other), ==, PAR_REQUEST_STATE_SUCCEEDED);
}

static void
settled_request_stays_as_it_is (Fixture       *fixture,
                                gconstpointer  data)
{
  g_autoptr(ParRequest) request = par_request_new_thread (succeed, NULL, NULL);
  g_autoptr(ParRequest) failed = NULL;

  g_test_summary ("To cancel it is too late.");

  par_requests_add (fixture->requests, request);
  par_requests_add_thread (fixture->requests, fail, NULL, NULL);
  g_assert_false (do_all (fixture));
  failed = par_requests_get_request (fixture->requests, 1);
  par_request_cancel (request);
  par_request_cancel (failed);

  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_SUCCEEDED);
  g_assert_true (g_value_get_boolean (par_request_get_value (request)));
  g_assert_cmpint (par_request_get_state (failed), ==, PAR_REQUEST_STATE_FAILED);
  g_assert_cmpuint (par_requests_get_n_cancelled (fixture->requests), ==, 0);
}

static void
request_not_added_is_not_cancelled (Fixture       *fixture,
                                    gconstpointer  data)
{
  g_autoptr(ParRequest) request = par_request_new_thread (succeed, NULL, NULL);

  g_test_summary ("Nothing happens, and it can be added and run.");

  par_request_cancel (request);
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_QUEUED);
  par_requests_add (fixture->requests, request);
  g_assert_true (do_all (fixture));
  g_assert_cmpint (par_request_get_state (request), ==, PAR_REQUEST_STATE_SUCCEEDED);
}

static void
kept_request_outlives_its_requests (Fixture       *fixture,
                                    gconstpointer  data)
{
  ParRequest *queued;
  ParRequest *done;

  g_test_summary ("What was queued has been cancelled; results stay readable.");

  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_assert_true (do_all (fixture));
  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  done = par_requests_get_request (fixture->requests, 0);
  queued = par_requests_get_request (fixture->requests, 1);
  g_assert_finalize_object (fixture->requests);
  fixture->requests = par_requests_new ();

  assert_cancelled (queued);
  g_assert_true (g_value_get_boolean (par_request_get_value (done)));
  par_request_cancel (queued);
  par_request_cancel (done);
  g_assert_finalize_object (queued);
  g_assert_finalize_object (done);
}

static void
same_object_while_it_is_held (Fixture       *fixture,
                              gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;
  g_autoptr(ParRequest) again = NULL;
  g_autoptr(ParRequest) row = NULL;

  g_test_summary ("Whenever and however it is asked for, and with what was set on it.");

  par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  request = par_requests_get_request (fixture->requests, 0);
  g_object_set_data (G_OBJECT (request), "mark", fixture);
  par_request_set_label (request, "Oakland");
  g_assert_true (do_all (fixture));

  again = par_requests_get_request (fixture->requests, 0);
  row = g_list_model_get_item (G_LIST_MODEL (fixture->requests), 0);
  g_assert_true (again == request);
  g_assert_true (row == request);
  g_assert_true (g_object_get_data (G_OBJECT (again), "mark") == fixture);
  g_assert_cmpstr (par_request_get_label (again), ==, "Oakland");
}

static void
keep_every_tenth (ParRequests *requests,
                  ParRequest  *request,
                  GPtrArray   *kept)
{
  g_assert_null (g_object_get_data (G_OBJECT (request), "mark"));
  if (par_request_get_index (request) % 10 != 0)
    return;

  g_object_set_data (G_OBJECT (request), "mark", kept);
  g_ptr_array_add (kept, g_object_ref (request));
}

static void
kept_by_a_handler_is_the_same (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func (g_object_unref);

  g_test_summary ("What a handler of completed keeps is no other request's object.");

  for (guint i = 0; i < 1000; i++)
    par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (keep_every_tenth), kept);
  g_assert_true (do_all (fixture));

  g_assert_cmpuint (kept->len, ==, 100);
  for (guint i = 0; i < kept->len; i++)
    {
      g_autoptr(ParRequest) request = NULL;
      guint64 index = par_request_get_index (kept->pdata[i]);

      request = par_requests_get_request (fixture->requests, index);
      g_assert_true (request == kept->pdata[i]);
    }
}

static void
set_data_on_first (ParRequests *requests,
                   ParRequest  *request,
                   Fixture     *fixture)
{
  gpointer expected = par_request_get_index (request) == 0 ? fixture : NULL;

  if (expected != NULL)
    g_object_set_data (G_OBJECT (request), "mark", fixture);
  g_assert_true (g_object_get_data (G_OBJECT (request), "mark") == expected);
}

static void
data_set_by_a_handler_stays (Fixture       *fixture,
                             gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("With its request, though the handler did not keep it.");

  for (guint i = 0; i < 100; i++)
    par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_set_concurrency (fixture->requests, 1);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (set_data_on_first), fixture);
  g_assert_true (do_all (fixture));
  request = par_requests_get_request (fixture->requests, 0);
  g_assert_true (g_object_get_data (G_OBJECT (request), "mark") == fixture);
}

static void
label_first (ParRequests *requests,
             ParRequest  *request,
             Fixture     *fixture)
{
  if (par_request_get_index (request) == 0)
    par_request_set_label (request, "Oakland");
  else
    g_assert_null (par_request_get_label (request));
}

static void
label_set_by_a_handler_stays (Fixture       *fixture,
                              gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("With its request, and is not that of the next.");

  for (guint i = 0; i < 100; i++)
    par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_set_concurrency (fixture->requests, 1);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (label_first), fixture);
  g_assert_true (do_all (fixture));
  request = par_requests_get_request (fixture->requests, 0);
  g_assert_cmpstr (par_request_get_label (request), ==, "Oakland");
}

static void
connect_to_first (ParRequests *requests,
                  ParRequest  *request,
                  Fixture     *fixture)
{
  if (par_request_get_index (request) == 0)
    g_signal_connect_swapped (request, "notify", G_CALLBACK (count_notified), fixture);
  else
    g_assert_cmpuint (g_signal_handler_find (request, G_SIGNAL_MATCH_DATA, 0, 0, NULL, NULL,
                                             fixture), ==, 0);
}

static void
handler_connected_by_a_handler_stays (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("With its request: it hears of nothing that happens to another.");

  for (guint i = 0; i < 100; i++)
    par_requests_add_thread (fixture->requests, succeed, NULL, NULL);
  par_requests_set_concurrency (fixture->requests, 1);
  g_signal_connect (fixture->requests, "completed", G_CALLBACK (connect_to_first), fixture);
  g_assert_true (do_all (fixture));
  request = par_requests_get_request (fixture->requests, 0);
  par_request_set_label (request, "Oakland");
  g_assert_cmpuint (fixture->n_notified, ==, 1);
}

static void
note_states (ParRequest *request,
             GParamSpec *pspec,
             Fixture    *fixture)
{
  g_string_append_printf (fixture->order, "%d", par_request_get_state (request));
}

static void
state_is_told_step_by_step (Fixture       *fixture,
                            gconstpointer  data)
{
  g_autoptr(ParRequest) request = par_request_new_thread (succeed, NULL, NULL);
  g_autofree char *expected = g_strdup_printf ("%d%d", PAR_REQUEST_STATE_RUNNING,
                                               PAR_REQUEST_STATE_SUCCEEDED);

  g_test_summary ("A notify for running, and one for the end.");

  g_signal_connect (request, "notify::state", G_CALLBACK (note_states), fixture);
  par_requests_add (fixture->requests, request);
  g_assert_true (do_all (fixture));
  g_assert_cmpstr (fixture->order->str, ==, expected);
}

static void
times_are_known_at_the_end (Fixture       *fixture,
                            gconstpointer  data)
{
  g_autoptr(ParRequest) first = par_request_new_thread (succeed, NULL, NULL);
  g_autoptr(ParRequest) cancelled = par_request_new_thread (succeed, NULL, NULL);

  g_test_summary ("Neither is negative, nor longer than the run.");

  par_requests_add (fixture->requests, first);
  par_requests_add (fixture->requests, cancelled);
  par_request_cancel (cancelled);
  g_assert_true (do_all (fixture));
  g_assert_cmpint (par_request_get_queued_time (first), >=, 0);
  g_assert_cmpint (par_request_get_elapsed (first), >=, 0);
  g_assert_cmpint (par_request_get_elapsed (first), <, 60 * G_USEC_PER_SEC);
  g_assert_cmpint (par_request_get_elapsed (cancelled), ==, 0);
}

static void
properties_can_be_read_by_name (Fixture       *fixture,
                                gconstpointer  data)
{
  g_autoptr(ParRequest) request = par_request_new_thread (succeed, NULL, NULL);
  g_autofree char *label = NULL;
  g_autofree char *key = NULL;
  ParRequestState state;
  ParCancelReason reason;
  guint n_attempts, winner;
  gint64 queued_us, elapsed_us;
  gboolean idempotent;
  guint64 index;
  int priority;

  g_test_summary ("As bindings do.");

  g_object_set (request, "label", "Oakland", "key", "example.org", "priority", 7,
                "idempotent", FALSE, NULL);
  par_requests_add (fixture->requests, request);
  g_assert_true (do_all (fixture));
  g_object_get (request, "label", &label, "key", &key, "priority", &priority,
                "idempotent", &idempotent, "index", &index, "state", &state,
                "n-attempts", &n_attempts, "winner", &winner, "cancel-reason", &reason,
                "queued-time", &queued_us, "elapsed", &elapsed_us, NULL);
  g_assert_cmpstr (label, ==, "Oakland");
  g_assert_cmpstr (key, ==, "example.org");
  g_assert_cmpint (priority, ==, 7);
  g_assert_false (idempotent);
  g_assert_cmpuint (index, ==, 0);
  g_assert_cmpint (state, ==, PAR_REQUEST_STATE_SUCCEEDED);
  g_assert_cmpuint (n_attempts, ==, 1);
  g_assert_cmpuint (winner, ==, 1);
  g_assert_cmpint (reason, ==, PAR_CANCEL_REASON_NONE);
  g_assert_cmpint (queued_us, ==, par_request_get_queued_time (request));
  g_assert_cmpint (elapsed_us, ==, par_request_get_elapsed (request));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/request/" name, Fixture, NULL, set_up, func, tear_down)
#define add_with(name, data, func) \
  g_test_add ("/par/request/" name, Fixture, GINT_TO_POINTER (data), set_up, func, tear_down)
  add ("subclass-runs", subclass_runs);
  add ("subclass-is-kept-by-its-requests", subclass_is_kept_by_its_requests);
  add ("function-request-runs", function_request_runs);
  add ("request-never-added-is-freed", request_never_added_is_freed);
  add ("class-may-have-both", class_may_have_both);
  add ("nothing-to-run-is-refused", nothing_to_run_is_refused);
  add ("added-twice-is-refused", added_twice_is_refused);
  add ("added-to-two-is-refused", added_to_two_is_refused);
  add ("properties-begin-at-their-defaults", properties_begin_at_their_defaults);
  add ("setters-notify-of-changes", setters_notify_of_changes);
  add ("properties-are-fixed-once-added", properties_are_fixed_once_added);
  add ("properties-of-functions-are-fixed", properties_of_functions_are_fixed);
  add ("priority-is-the-order", priority_is_the_order);
  add_with ("idempotent-false-is-one-attempt/bounded", TRUE, idempotent_false_is_one_attempt);
  add_with ("idempotent-false-is-one-attempt/unbounded", FALSE, idempotent_false_is_one_attempt);
  add ("errors-of-all-attempts-are-kept", errors_of_all_attempts_are_kept);
  add ("winner-is-the-attempt-that-succeeded", winner_is_the_attempt_that_succeeded);
  add ("queued-request-can-be-cancelled", queued_request_can_be_cancelled);
  add ("running-request-can-be-cancelled", running_request_can_be_cancelled);
  add ("settled-request-stays-as-it-is", settled_request_stays_as_it_is);
  add ("request-not-added-is-not-cancelled", request_not_added_is_not_cancelled);
  add ("kept-request-outlives-its-requests", kept_request_outlives_its_requests);
  add ("same-object-while-it-is-held", same_object_while_it_is_held);
  add ("kept-by-a-handler-is-the-same", kept_by_a_handler_is_the_same);
  add ("data-set-by-a-handler-stays", data_set_by_a_handler_stays);
  add ("label-set-by-a-handler-stays", label_set_by_a_handler_stays);
  add ("handler-connected-by-a-handler-stays", handler_connected_by_a_handler_stays);
  add ("state-is-told-step-by-step", state_is_told_step_by_step);
  add ("times-are-known-at-the-end", times_are_known_at_the_end);
  add ("properties-can-be-read-by-name", properties_can_be_read_by_name);
#undef add_with
#undef add

  return g_test_run ();
}
