/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate.h"

typedef struct
{
  ParRequests *requests;
  ParRequest *request;
  ParAttempt *attempt;
  GCancellable *cancellable;
  GThread *owner;
  Gate gate;
  int n_destroyed;
  int n_attempts;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->requests = par_requests_new ();
  fixture->owner = g_thread_self ();
  gate_init (&fixture->gate);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  gate_open (&fixture->gate);
  if (fixture->requests != NULL)
    wait_for_attempts (fixture->requests);
  gate_wait_passed (&fixture->gate, fixture->gate.n_arrived);
  g_clear_object (&fixture->request);
  g_clear_object (&fixture->attempt);
  g_clear_object (&fixture->cancellable);
  g_clear_object (&fixture->requests);
  gate_clear (&fixture->gate);
}

/* Runs one request whose function gets @user_data. */
static gboolean
do_one_with (Fixture        *fixture,
             ParRequestFunc  function,
             gpointer        user_data)
{
  guint64 index = par_requests_add_thread (fixture->requests, function, user_data, NULL);
  gboolean success = par_requests_do (fixture->requests, NULL, NULL);

  g_clear_object (&fixture->request);
  fixture->request = par_requests_get_request (fixture->requests, index);

  return success;
}

static gboolean
do_one (Fixture        *fixture,
        ParRequestFunc  function)
{
  return do_one_with (fixture, function, fixture);
}

static const GValue *
get_value (Fixture *fixture)
{
  g_assert_cmpint (par_request_get_state (fixture->request), ==, PAR_REQUEST_STATE_SUCCEEDED);
  g_assert_null (par_request_get_error (fixture->request));

  return par_request_get_value (fixture->request);
}

static const GError *
get_error (Fixture *fixture)
{
  g_assert_cmpint (par_request_get_state (fixture->request), ==, PAR_REQUEST_STATE_FAILED);
  g_assert_null (par_request_get_value (fixture->request));

  return par_request_get_error (fixture->request);
}

#define assert_fails_with(domain, code) \
  g_assert_true (g_error_matches (get_error (fixture), domain, code))

static void
return_true (ParAttempt  *attempt,
             gpointer     user_data,
             GError     **error)
{
  par_attempt_return_boolean (attempt, TRUE);
}

static void
return_false (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  par_attempt_return_boolean (attempt, FALSE);
}

static void
booleans_are_returned (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("FALSE is a success too.");

  g_assert_true (do_one (fixture, return_true));
  g_assert_true (g_value_get_boolean (get_value (fixture)));
  g_assert_true (do_one (fixture, return_false));
  g_assert_false (g_value_get_boolean (get_value (fixture)));
}

static void
return_int64 (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  par_attempt_return_int64 (attempt, *(gint64 *) user_data);
}

static void
integers_are_returned (Fixture       *fixture,
                       gconstpointer  data)
{
  static gint64 values[] = { 0, -1, 4711, G_MININT64, G_MAXINT64 };

  g_test_summary ("All 64 bits of them.");

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_assert_true (do_one_with (fixture, return_int64, &values[i]));
      g_assert_cmpint (g_value_get_int64 (get_value (fixture)), ==, values[i]);
    }
}

static void
return_double (ParAttempt  *attempt,
               gpointer     user_data,
               GError     **error)
{
  par_attempt_return_double (attempt, 2.5);
}

static void
doubles_are_returned (Fixture       *fixture,
                      gconstpointer  data)
{
  g_test_summary ("Bit by bit.");

  g_assert_true (do_one (fixture, return_double));
  g_assert_cmpfloat (g_value_get_double (get_value (fixture)), ==, 2.5);
}

static void
return_string (ParAttempt  *attempt,
               gpointer     user_data,
               GError     **error)
{
  char text[] = "Berkeley";

  par_attempt_return_string (attempt, text);
  text[0] = 'b';
}

static void
strings_are_copied (Fixture       *fixture,
                    gconstpointer  data)
{
  g_test_summary ("What becomes of the caller's string does not matter.");

  g_assert_true (do_one (fixture, return_string));
  g_assert_cmpstr (g_value_get_string (get_value (fixture)), ==, "Berkeley");
}

static void
return_object (ParAttempt  *attempt,
               gpointer     object,
               GError     **error)
{
  par_attempt_return_object (attempt, object);
}

static void
objects_get_a_reference (Fixture       *fixture,
                         gconstpointer  data)
{
  GObject *object = G_OBJECT (g_cancellable_new ());

  g_test_summary ("It has their own type, and is given back with the request.");

  g_assert_true (do_one_with (fixture, return_object, object));
  g_assert_true (G_VALUE_HOLDS (get_value (fixture), G_TYPE_CANCELLABLE));
  g_assert_true (g_value_get_object (get_value (fixture)) == object);

  g_clear_object (&fixture->request);
  g_clear_object (&fixture->requests);
  g_assert_finalize_object (object);
}

static void
return_bytes (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  g_autoptr(GBytes) bytes = g_bytes_new_static ("abc", 4);

  par_attempt_return_bytes (attempt, bytes);
}

static void
bytes_are_returned (Fixture       *fixture,
                    gconstpointer  data)
{
  g_test_summary ("They live on after the caller has dropped them.");

  g_assert_true (do_one (fixture, return_bytes));
  g_assert_true (G_VALUE_HOLDS (get_value (fixture), G_TYPE_BYTES));
  g_assert_cmpstr (g_bytes_get_data (g_value_get_boxed (get_value (fixture)), NULL), ==, "abc");
}

static void
return_floating_variant (ParAttempt  *attempt,
                         gpointer     user_data,
                         GError     **error)
{
  par_attempt_return_variant (attempt, g_variant_new ("(si)", "Oakland", 17));
}

static void
return_owned_variant (ParAttempt  *attempt,
                      gpointer     user_data,
                      GError     **error)
{
  g_autoptr(GVariant) variant = g_variant_ref_sink (g_variant_new_int32 (18));

  par_attempt_return_variant (attempt, variant);
}

static void
variants_are_returned (Fixture       *fixture,
                       gconstpointer  data)
{
  g_autofree char *text = NULL;

  g_test_summary ("A floating one is taken over, of another there is a reference.");

  g_assert_true (do_one (fixture, return_floating_variant));
  text = g_variant_print (g_value_get_variant (get_value (fixture)), FALSE);
  g_assert_cmpstr (text, ==, "('Oakland', 17)");
  g_assert_false (g_variant_is_floating (g_value_get_variant (get_value (fixture))));

  g_assert_true (do_one (fixture, return_owned_variant));
  g_assert_cmpint (g_variant_get_int32 (g_value_get_variant (get_value (fixture))), ==, 18);
}

static void
return_value (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  par_attempt_return_value (attempt, user_data);
}

static void
values_are_copied (Fixture       *fixture,
                   gconstpointer  data)
{
  static const char *cities[] = { "San Francisco", "Oakland", "Berkeley", NULL };
  GValue value = G_VALUE_INIT;
  const char **copy;

  g_test_summary ("A value of any type, of which the caller keeps its own.");

  g_value_init (&value, G_TYPE_STRV);
  g_value_set_boxed (&value, cities);
  g_assert_true (do_one_with (fixture, return_value, &value));
  g_assert_true (G_VALUE_HOLDS (get_value (fixture), G_TYPE_STRV));
  copy = g_value_get_boxed (get_value (fixture));
  g_assert_true (copy != g_value_get_boxed (&value));
  g_assert_true (g_strv_equal (copy, cities));
  g_value_unset (&value);

  g_value_init (&value, G_TYPE_UINT);
  g_value_set_uint (&value, G_MAXUINT);
  g_assert_true (do_one_with (fixture, return_value, &value));
  g_assert_cmpuint (g_value_get_uint (get_value (fixture)), ==, G_MAXUINT);
  g_value_unset (&value);
}

static void
no_value_is_a_success (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("The request has succeeded, and there is nothing to be read.");

  g_assert_true (do_one_with (fixture, return_value, NULL));
  g_assert_null (get_value (fixture));
}

static void
return_null_string (ParAttempt  *attempt,
                    gpointer     user_data,
                    GError     **error)
{
  par_attempt_return_string (attempt, NULL);
}

static void
return_null_bytes (ParAttempt  *attempt,
                   gpointer     user_data,
                   GError     **error)
{
  par_attempt_return_bytes (attempt, NULL);
}

static void
return_null_variant (ParAttempt  *attempt,
                     gpointer     user_data,
                     GError     **error)
{
  par_attempt_return_variant (attempt, NULL);
}

static void
return_null_pointer (ParAttempt  *attempt,
                     gpointer     user_data,
                     GError     **error)
{
  par_attempt_return_pointer (attempt, NULL, NULL);
}

static void
null_is_a_result (Fixture       *fixture,
                  gconstpointer  data)
{
  g_test_summary ("A value that holds NULL, of the type that was asked for.");

  g_assert_true (do_one (fixture, return_null_string));
  g_assert_true (G_VALUE_HOLDS_STRING (get_value (fixture)));
  g_assert_null (g_value_get_string (get_value (fixture)));

  g_assert_true (do_one_with (fixture, return_object, NULL));
  g_assert_true (G_VALUE_HOLDS_OBJECT (get_value (fixture)));
  g_assert_null (g_value_get_object (get_value (fixture)));

  g_assert_true (do_one (fixture, return_null_bytes));
  g_assert_true (G_VALUE_HOLDS (get_value (fixture), G_TYPE_BYTES));
  g_assert_null (g_value_get_boxed (get_value (fixture)));

  g_assert_true (do_one (fixture, return_null_variant));
  g_assert_true (G_VALUE_HOLDS_VARIANT (get_value (fixture)));
  g_assert_null (g_value_get_variant (get_value (fixture)));

  g_assert_true (do_one (fixture, return_null_pointer));
  g_assert_true (G_VALUE_HOLDS_POINTER (get_value (fixture)));
  g_assert_null (g_value_get_pointer (get_value (fixture)));
}

/* A destroy notify that belongs in the owner context. */
static void
destroyed_by_owner (gpointer data)
{
  Fixture *fixture = data;

  g_assert_true (g_thread_self () == fixture->owner);
  fixture->n_destroyed++;
}

static void
return_pointer (ParAttempt  *attempt,
                gpointer     user_data,
                GError     **error)
{
  par_attempt_return_pointer (attempt, user_data, destroyed_by_owner);
}

static void
pointers_are_destroyed_with_the_request (Fixture       *fixture,
                                         gconstpointer  data)
{
  g_test_summary ("Once, in the owner context, and not while it can be read.");

  g_assert_true (do_one (fixture, return_pointer));
  g_assert_true (g_value_get_pointer (get_value (fixture)) == fixture);
  g_clear_object (&fixture->requests);
  g_assert_cmpint (fixture->n_destroyed, ==, 0);
  g_assert_true (g_value_get_pointer (get_value (fixture)) == fixture);
  g_clear_object (&fixture->request);
  g_assert_cmpint (fixture->n_destroyed, ==, 1);
}

static void
pointers_nobody_reads_are_destroyed (Fixture       *fixture,
                                     gconstpointer  data)
{
  g_test_summary ("With the requests, or as soon as the request has left them.");

  par_requests_add_thread (fixture->requests, return_pointer, fixture, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_cmpint (fixture->n_destroyed, ==, 0);

  par_requests_set_keep_completed (fixture->requests, FALSE);
  par_requests_add_thread (fixture->requests, return_pointer, fixture, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_cmpint (fixture->n_destroyed, ==, 1);

  g_clear_object (&fixture->requests);
  g_assert_cmpint (fixture->n_destroyed, ==, 2);
}

static void
lose_with_pointer (ParAttempt  *attempt,
                   gpointer     user_data,
                   GError     **error)
{
  Fixture *fixture = user_data;

  if (par_attempt_get_number (attempt) == 1)
    {
      gate_pass (&fixture->gate, par_attempt_get_cancellable (attempt));
      par_attempt_return_pointer (attempt, fixture, destroyed_by_owner);
    }
  else
    {
      gate_wait_arrived (&fixture->gate, 1);
      par_attempt_return_boolean (attempt, TRUE);
    }
}

static void
pointers_of_losers_are_destroyed (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("A second success is not used; the run that waits for it destroys it.");

  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  g_assert_true (do_one (fixture, lose_with_pointer));
  g_assert_true (G_VALUE_HOLDS_BOOLEAN (get_value (fixture)));
  g_assert_cmpuint (par_request_get_winner (fixture->request), ==, 2);
  g_assert_cmpint (fixture->n_destroyed, ==, 1);
}

static void
set_error (ParAttempt  *attempt,
           gpointer     user_data,
           GError     **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no such city");
}

static void
return_error (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  par_attempt_return_error (attempt, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                                                          "no such city"));
}

static void
return_new_error (ParAttempt  *attempt,
                  gpointer     user_data,
                  GError     **error)
{
  par_attempt_return_new_error (attempt, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                                "no %s %s", "such", "city");
}

static void
errors_fail_the_request (Fixture       *fixture,
                         gconstpointer  data)
{
  static const ParRequestFunc functions[] = { set_error, return_error, return_new_error };

  g_test_summary ("In any of the three ways, domain, code and message arrive.");

  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    {
      g_assert_false (do_one (fixture, functions[i]));
      assert_fails_with (G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
      g_assert_cmpstr (get_error (fixture)->message, ==, "no such city");
    }
}

static void
return_nothing (ParAttempt  *attempt,
                gpointer     user_data,
                GError     **error)
{
}

static void
nothing_returned_is_no_result (Fixture       *fixture,
                               gconstpointer  data)
{
  g_test_summary ("Never a success, never a hang.");

  g_assert_false (do_one (fixture, return_nothing));
  assert_fails_with (PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_NO_RESULT);
}

#define expect_second_result() \
  g_test_expect_message ("Par", G_LOG_LEVEL_WARNING, "*second result*return only once*")

static void
return_twice (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  par_attempt_return_string (attempt, "first");
  par_attempt_return_string (attempt, "second");
}

static void
return_value_then_pointer (ParAttempt  *attempt,
                           gpointer     user_data,
                           GError     **error)
{
  Fixture *fixture = user_data;

  par_attempt_return_string (attempt, "first");
  fixture->owner = g_thread_self ();
  par_attempt_return_pointer (attempt, fixture, destroyed_by_owner);
}

static void
return_value_then_error (ParAttempt  *attempt,
                         gpointer     user_data,
                         GError     **error)
{
  par_attempt_return_string (attempt, "first");
  return_error (attempt, user_data, error);
}

static void
return_value_then_variant (ParAttempt  *attempt,
                           gpointer     user_data,
                           GError     **error)
{
  par_attempt_return_string (attempt, "first");
  return_floating_variant (attempt, user_data, error);
}

static void
first_result_counts (Fixture       *fixture,
                     gconstpointer  data)
{
  static const ParRequestFunc functions[] =
    { return_twice, return_value_then_pointer, return_value_then_error, return_value_then_variant };

  g_test_summary ("The second is freed, with a warning that says which request it was.");

  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    {
      expect_second_result ();
      g_assert_true (do_one (fixture, functions[i]));
      g_test_assert_expected_messages ();
      g_assert_cmpstr (g_value_get_string (get_value (fixture)), ==, "first");
    }
  g_assert_cmpint (fixture->n_destroyed, ==, 1);
}

static void
return_error_then_value (ParAttempt  *attempt,
                         gpointer     user_data,
                         GError     **error)
{
  return_error (attempt, user_data, error);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
first_error_counts (Fixture       *fixture,
                    gconstpointer  data)
{
  g_test_summary ("A success after it does not take it back.");

  expect_second_result ();
  g_assert_false (do_one (fixture, return_error_then_value));
  g_test_assert_expected_messages ();
  assert_fails_with (G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
return_value_and_set_error (ParAttempt  *attempt,
                            gpointer     user_data,
                            GError     **error)
{
  par_attempt_return_string (attempt, "first");
  set_error (attempt, user_data, error);
}

static void
value_wins_over_the_error_set (Fixture       *fixture,
                               gconstpointer  data)
{
  g_test_summary ("The first counts; the warning has the message that is dropped.");

  g_test_expect_message ("Par", G_LOG_LEVEL_WARNING, "*returned a result*no such city*");
  g_assert_true (do_one (fixture, return_value_and_set_error));
  g_test_assert_expected_messages ();
  g_assert_cmpstr (g_value_get_string (get_value (fixture)), ==, "first");
}

static void
return_and_set_error (ParAttempt  *attempt,
                      gpointer     user_data,
                      GError     **error)
{
  return_error (attempt, user_data, error);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "something else");
}

static void
error_returned_wins_over_the_error_set (Fixture       *fixture,
                                        gconstpointer  data)
{
  g_test_summary ("Of two errors the first counts too.");

  g_test_expect_message ("Par", G_LOG_LEVEL_WARNING, "*something else*");
  g_assert_false (do_one (fixture, return_and_set_error));
  g_test_assert_expected_messages ();
  assert_fails_with (G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static gpointer
return_in_thread (gpointer attempt)
{
  par_attempt_return_string (attempt, "from another thread");

  return NULL;
}

static void
return_by_another_thread (ParAttempt  *attempt,
                          gpointer     user_data,
                          GError     **error)
{
  g_thread_join (g_thread_new ("return", return_in_thread, attempt));
}

static void
any_thread_may_return (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("As long as the function has not returned.");

  g_assert_true (do_one (fixture, return_by_another_thread));
  g_assert_cmpstr (g_value_get_string (get_value (fixture)), ==, "from another thread");
}

static void
return_before_the_end (ParAttempt  *attempt,
                       gpointer     user_data,
                       GError     **error)
{
  Fixture *fixture = user_data;

  par_attempt_return_boolean (attempt, TRUE);
  gate_pass (&fixture->gate, NULL);
  g_atomic_int_inc (&fixture->n_attempts);
}

static gpointer
open_when_arrived (gpointer data)
{
  Fixture *fixture = data;

  gate_wait_arrived (&fixture->gate, 1);
  gate_open (&fixture->gate);

  return NULL;
}

static void
attempt_ends_when_its_function_does (Fixture       *fixture,
                                     gconstpointer  data)
{
  GThread *thread = g_thread_new ("open", open_when_arrived, fixture);

  g_test_summary ("Not when it returns its result.");

  g_assert_true (do_one (fixture, return_before_the_end));
  g_assert_cmpint (fixture->n_attempts, ==, 1);
  g_thread_join (thread);
}

static void
keep_attempt (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  Fixture *fixture = user_data;

  fixture->attempt = g_object_ref (attempt);
}

static void
late_results_are_dropped (Fixture       *fixture,
                          gconstpointer  data)
{
  g_test_summary ("An attempt that was kept returns when it has ended: freed, and not a word.");

  g_assert_false (do_one (fixture, keep_attempt));
  assert_fails_with (PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_NO_RESULT);

  par_attempt_return_pointer (fixture->attempt, fixture, destroyed_by_owner);
  g_assert_cmpint (fixture->n_destroyed, ==, 1);
  par_attempt_return_pointer (fixture->attempt, fixture, destroyed_by_owner);
  g_assert_cmpint (fixture->n_destroyed, ==, 2);
  par_attempt_return_pointer (fixture->attempt, fixture, NULL);
  par_attempt_return_string (fixture->attempt, "late");
  par_attempt_return_variant (fixture->attempt, g_variant_new_string ("late"));
  return_error (fixture->attempt, NULL, NULL);

  assert_fails_with (PAR_REQUESTS_ERROR, PAR_REQUESTS_ERROR_NO_RESULT);
}

static void
late_results_after_the_requests_are_dropped (Fixture       *fixture,
                                             gconstpointer  data)
{
  g_test_summary ("The requests are gone, the attempt is not.");

  g_assert_false (do_one (fixture, keep_attempt));
  g_clear_object (&fixture->request);
  g_assert_finalize_object (fixture->requests);
  fixture->requests = NULL;

  par_attempt_return_pointer (fixture->attempt, fixture, destroyed_by_owner);
  g_assert_cmpint (fixture->n_destroyed, ==, 1);
  g_assert_null (par_attempt_get_request (fixture->attempt));
}

static void
look_around (ParAttempt  *attempt,
             gpointer     user_data,
             GError     **error)
{
  g_autoptr(ParRequest) request = par_attempt_get_request (attempt);
  g_autoptr(ParRequest) same = NULL;
  ParAttemptKind kind;
  gint64 deadline_us;
  guint number;

  g_assert_true (PAR_IS_REQUEST (request));
  g_assert_cmpuint (par_request_get_index (request), ==, 1);
  g_assert_cmpuint (par_attempt_get_number (attempt), ==, 1);
  g_assert_cmpint (par_attempt_get_kind (attempt), ==, PAR_ATTEMPT_KIND_FIRST);
  g_assert_cmpint (par_attempt_get_deadline (attempt), ==, 0);

  g_object_get (attempt, "request", &same, "number", &number, "kind", &kind,
                "deadline", &deadline_us, NULL);
  g_assert_true (same == request);
  g_assert_cmpuint (number, ==, 1);
  g_assert_cmpint (kind, ==, PAR_ATTEMPT_KIND_FIRST);
  g_assert_cmpint (deadline_us, ==, 0);

  keep_attempt (attempt, user_data, error);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
attempt_knows_its_request (Fixture       *fixture,
                           gconstpointer  data)
{
  g_autoptr(ParRequest) request = NULL;

  g_test_summary ("Inside the function; once it has ended it has let go of it.");

  g_assert_true (do_one (fixture, return_true));
  g_assert_true (do_one (fixture, look_around));

  g_assert_null (par_attempt_get_request (fixture->attempt));
  g_object_get (fixture->attempt, "request", &request, NULL);
  g_assert_null (request);
  g_assert_cmpuint (par_attempt_get_number (fixture->attempt), ==, 1);
  g_assert_cmpint (par_attempt_get_kind (fixture->attempt), ==, PAR_ATTEMPT_KIND_FIRST);
}

static void
note_numbers (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  Fixture *fixture = user_data;
  guint number = par_attempt_get_number (attempt);

  g_atomic_int_or (&fixture->n_attempts, 1 << number);
  g_assert_cmpint (par_attempt_get_kind (attempt), ==,
                   number == 1 ? PAR_ATTEMPT_KIND_FIRST : PAR_ATTEMPT_KIND_COPY);
}

static void
attempts_are_numbered (Fixture       *fixture,
                       gconstpointer  data)
{
  g_test_summary ("From 1; all but the first are copies.");

  par_requests_set_redundancy (fixture->requests, 4);
  g_assert_false (do_one (fixture, note_numbers));
  g_assert_cmpuint (par_request_get_n_attempts (fixture->request), ==, 4);
  g_assert_cmphex (fixture->n_attempts, ==, 0x1e);
}

static void
ask_twice (ParAttempt  *attempt,
           gpointer     user_data,
           GError     **error)
{
  Fixture *fixture = user_data;

  fixture->cancellable = g_object_ref (par_attempt_get_cancellable (attempt));
  g_assert_true (par_attempt_get_cancellable (attempt) == fixture->cancellable);
  g_assert_false (g_cancellable_is_cancelled (fixture->cancellable));
  par_attempt_return_boolean (attempt, TRUE);
}

static void
cancellable_of_a_winner_is_left_alone (Fixture       *fixture,
                                       gconstpointer  data)
{
  g_test_summary ("It is the same on second asking, and never cancelled by Par.");

  g_assert_true (do_one (fixture, ask_twice));
  g_assert_false (g_cancellable_is_cancelled (fixture->cancellable));
  par_request_cancel (fixture->request);
  g_clear_object (&fixture->request);
  g_clear_object (&fixture->requests);
  g_assert_false (g_cancellable_is_cancelled (fixture->cancellable));
}

static void
cancellables_of_losers_are_cancelled (Fixture       *fixture,
                                      gconstpointer  data)
{
  g_test_summary ("It waits at a gate that nobody opens.");

  par_requests_set_redundancy (fixture->requests, 2);
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);

  g_assert_true (do_one (fixture, lose_with_pointer));
  g_assert_false (fixture->gate.open);
}

static void
ask_too_late (ParAttempt  *attempt,
              gpointer     user_data,
              GError     **error)
{
  Fixture *fixture = user_data;

  gate_pass (&fixture->gate, NULL);
  g_assert_true (g_cancellable_is_cancelled (par_attempt_get_cancellable (attempt)));
}

static gpointer
cancel_when_arrived (gpointer data)
{
  Fixture *fixture = data;

  gate_wait_arrived (&fixture->gate, 1);
  g_cancellable_cancel (fixture->cancellable);

  return NULL;
}

static void
cancellable_is_cancelled_when_asked_for_late (Fixture       *fixture,
                                              gconstpointer  data)
{
  GThread *thread;

  g_test_summary ("It is made on first asking, and tells what has happened before.");

  fixture->cancellable = g_cancellable_new ();
  par_requests_set_wait_for_attempts (fixture->requests, TRUE);
  par_requests_add_thread (fixture->requests, ask_too_late, fixture, NULL);
  g_signal_connect_swapped (fixture->requests, "completed", G_CALLBACK (gate_open), &fixture->gate);
  thread = g_thread_new ("cancel", cancel_when_arrived, fixture);
  g_assert_false (par_requests_do (fixture->requests, fixture->cancellable, NULL));
  g_thread_join (thread);
}

/* Of the attempts that one worker makes one after the other, the first has something done to it,
 * which none of the others may show. */
typedef void (*Mark) (Fixture    *fixture,
                      ParAttempt *attempt);

typedef struct
{
  Fixture *fixture;
  Mark mark;
  Mark check;
} Reuse;

static void
mark_first_check_others (ParAttempt  *attempt,
                         gpointer     user_data,
                         GError     **error)
{
  Reuse *reuse = user_data;

  if (g_atomic_int_add (&reuse->fixture->n_attempts, 1) == 0)
    reuse->mark (reuse->fixture, attempt);
  else
    reuse->check (reuse->fixture, attempt);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
do_marked (Fixture *fixture,
           Mark     mark,
           Mark     check)
{
  Reuse reuse = { fixture, mark, check };

  par_requests_set_concurrency (fixture->requests, 1);
  for (guint i = 0; i < 100; i++)
    par_requests_add_thread (fixture->requests, mark_first_check_others, &reuse, NULL);
  g_assert_true (par_requests_do (fixture->requests, NULL, NULL));
  g_assert_cmpint (fixture->n_attempts, ==, 100);
}

static void
mark_with_data (Fixture    *fixture,
                ParAttempt *attempt)
{
  g_object_set_data (G_OBJECT (attempt), "mark", attempt);
}

static void
check_no_data (Fixture    *fixture,
               ParAttempt *attempt)
{
  g_assert_null (g_object_get_data (G_OBJECT (attempt), "mark"));
}

static void
data_stays_with_its_attempt (Fixture       *fixture,
                             gconstpointer  data)
{
  g_test_summary ("A worker uses an attempt again, but none that had data set on it.");

  do_marked (fixture, mark_with_data, check_no_data);
}

static void
mark_with_reference (Fixture    *fixture,
                     ParAttempt *attempt)
{
  fixture->attempt = g_object_ref (attempt);
}

static void
check_is_another (Fixture    *fixture,
                  ParAttempt *attempt)
{
  g_assert_true (attempt != fixture->attempt);
}

static void
kept_attempts_are_not_used_again (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("Nor one that somebody has a reference to.");

  do_marked (fixture, mark_with_reference, check_is_another);
  g_assert_null (par_attempt_get_request (fixture->attempt));
}

/* A worker may drop its reference when the next attempt has begun in another. */
static int n_gone;

static void
count_gone (gpointer  data,
            GObject  *object)
{
  g_atomic_int_inc (&n_gone);
}

static void
mark_with_weak_reference (Fixture    *fixture,
                          ParAttempt *attempt)
{
  g_object_weak_ref (G_OBJECT (attempt), count_gone, NULL);
  g_object_set_data (G_OBJECT (fixture->requests), "marked", attempt);
}

static void
check_is_gone_or_another (Fixture    *fixture,
                          ParAttempt *attempt)
{
  g_assert_true (g_atomic_int_get (&n_gone) == 1
                 || attempt != g_object_get_data (G_OBJECT (fixture->requests), "marked"));
}

static void
weak_references_end_with_their_attempt (Fixture       *fixture,
                                        gconstpointer  data)
{
  g_test_summary ("Who waits for an attempt to go is told, and does not wait for another.");

  n_gone = 0;
  do_marked (fixture, mark_with_weak_reference, check_is_gone_or_another);
}

static GWeakRef weak_ref;

static void
mark_with_gweakref (Fixture    *fixture,
                    ParAttempt *attempt)
{
  g_weak_ref_init (&weak_ref, attempt);
}

static void
check_is_not_in_gweakref (Fixture    *fixture,
                          ParAttempt *attempt)
{
  g_autoptr(ParAttempt) marked = g_weak_ref_get (&weak_ref);

  g_assert_true (marked != attempt);
}

static void
gweakrefs_end_with_their_attempt (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_test_summary ("The other kind too.");

  do_marked (fixture, mark_with_gweakref, check_is_not_in_gweakref);
  g_weak_ref_clear (&weak_ref);
}

static void
mark_with_cancellable (Fixture    *fixture,
                       ParAttempt *attempt)
{
  fixture->cancellable = g_object_ref (par_attempt_get_cancellable (attempt));
}

static void
check_is_another_cancellable (Fixture    *fixture,
                              ParAttempt *attempt)
{
  g_assert_true (par_attempt_get_cancellable (attempt) != fixture->cancellable);
  g_assert_false (g_cancellable_is_cancelled (fixture->cancellable));
}

static void
cancellables_are_not_used_again (Fixture       *fixture,
                                 gconstpointer  data)
{
  g_test_summary ("Each attempt has its own.");

  do_marked (fixture, mark_with_cancellable, check_is_another_cancellable);
}

static void
mark_with_cancelled (Fixture    *fixture,
                     ParAttempt *attempt)
{
  g_cancellable_cancel (par_attempt_get_cancellable (attempt));
}

static void
check_not_cancelled (Fixture    *fixture,
                     ParAttempt *attempt)
{
  g_assert_false (g_cancellable_is_cancelled (par_attempt_get_cancellable (attempt)));
}

static void
cancelled_does_not_spread (Fixture       *fixture,
                           gconstpointer  data)
{
  g_test_summary ("One that its function has cancelled itself does not cancel the next attempt.");

  do_marked (fixture, mark_with_cancelled, check_not_cancelled);
}

static void
ask_for_request_late (ParAttempt  *attempt,
                      gpointer     user_data,
                      GError     **error)
{
  Fixture *fixture = user_data;

  gate_pass (&fixture->gate, NULL);
  fixture->request = par_attempt_get_request (attempt);
}

static void
return_late_with_data (ParAttempt  *attempt,
                       gpointer     user_data,
                       GError     **error)
{
  Fixture *fixture = user_data;

  gate_pass (&fixture->gate, NULL);
  g_object_set_data (G_OBJECT (attempt), "mark", fixture);
  par_attempt_return_boolean (attempt, TRUE);
}

static void
count_freed (gpointer data)
{
  Fixture *fixture = data;

  g_atomic_int_inc (&fixture->n_destroyed);
  gate_pass (&fixture->gate, NULL);
}

/* Cancels a run whose one attempt is deaf, frees the requests, and only then lets it go on. */
static void
leave_attempt_behind (Fixture        *fixture,
                      ParRequestFunc  function)
{
  GThread *thread;

  fixture->cancellable = g_cancellable_new ();
  par_requests_add_thread (fixture->requests, function, fixture, count_freed);
  thread = g_thread_new ("cancel", cancel_when_arrived, fixture);
  g_assert_false (par_requests_do (fixture->requests, fixture->cancellable, NULL));
  g_thread_join (thread);
  g_assert_finalize_object (fixture->requests);
  fixture->requests = NULL;

  /* The second to pass is the destroy notify, called by the worker when the attempt has ended. */
  gate_open (&fixture->gate);
  gate_wait_passed (&fixture->gate, 2);
  g_assert_cmpint (fixture->n_destroyed, ==, 1);
}

static void
attempts_may_outlive_the_requests (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_test_summary ("It is the last that holds what is left of them, and cannot be used again.");

  leave_attempt_behind (fixture, return_late_with_data);
}

static void
request_asked_for_too_late_does_not_leak (Fixture       *fixture,
                                          gconstpointer  data)
{
  g_test_summary ("By an attempt that is deaf, when the requests are gone.");

  leave_attempt_behind (fixture, ask_for_request_late);
  if (fixture->request != NULL)
    g_assert_finalize_object (g_steal_pointer (&fixture->request));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add ("/par/attempt/" name, Fixture, NULL, set_up, func, tear_down)
  add ("booleans-are-returned", booleans_are_returned);
  add ("integers-are-returned", integers_are_returned);
  add ("doubles-are-returned", doubles_are_returned);
  add ("strings-are-copied", strings_are_copied);
  add ("objects-get-a-reference", objects_get_a_reference);
  add ("bytes-are-returned", bytes_are_returned);
  add ("variants-are-returned", variants_are_returned);
  add ("values-are-copied", values_are_copied);
  add ("no-value-is-a-success", no_value_is_a_success);
  add ("null-is-a-result", null_is_a_result);
  add ("pointers-are-destroyed-with-the-request", pointers_are_destroyed_with_the_request);
  add ("pointers-nobody-reads-are-destroyed", pointers_nobody_reads_are_destroyed);
  add ("pointers-of-losers-are-destroyed", pointers_of_losers_are_destroyed);
  add ("errors-fail-the-request", errors_fail_the_request);
  add ("nothing-returned-is-no-result", nothing_returned_is_no_result);
  add ("first-result-counts", first_result_counts);
  add ("first-error-counts", first_error_counts);
  add ("value-wins-over-the-error-set", value_wins_over_the_error_set);
  add ("error-returned-wins-over-the-error-set", error_returned_wins_over_the_error_set);
  add ("any-thread-may-return", any_thread_may_return);
  add ("attempt-ends-when-its-function-does", attempt_ends_when_its_function_does);
  add ("late-results-are-dropped", late_results_are_dropped);
  add ("late-results-after-the-requests-are-dropped", late_results_after_the_requests_are_dropped);
  add ("attempt-knows-its-request", attempt_knows_its_request);
  add ("attempts-are-numbered", attempts_are_numbered);
  add ("cancellable-of-a-winner-is-left-alone", cancellable_of_a_winner_is_left_alone);
  add ("cancellables-of-losers-are-cancelled", cancellables_of_losers_are_cancelled);
  add ("cancellable-is-cancelled-when-asked-for-late",
       cancellable_is_cancelled_when_asked_for_late);
  add ("data-stays-with-its-attempt", data_stays_with_its_attempt);
  add ("kept-attempts-are-not-used-again", kept_attempts_are_not_used_again);
  add ("weak-references-end-with-their-attempt", weak_references_end_with_their_attempt);
  add ("gweakrefs-end-with-their-attempt", gweakrefs_end_with_their_attempt);
  add ("cancellables-are-not-used-again", cancellables_are_not_used_again);
  add ("cancelled-does-not-spread", cancelled_does_not_spread);
  add ("attempts-may-outlive-the-requests", attempts_may_outlive_the_requests);
  add ("request-asked-for-too-late-does-not-leak", request_asked_for_too_late_does_not_leak);
#undef add

  return g_test_run ();
}
