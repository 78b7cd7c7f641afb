/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/par-debug-private.h"
#include "fake-clock.h"
#include "gate.h"

static const char *program;

/* Runs a test in a process of its own, with another environment. */
static void
run_in_process (const char *path,
                const char *debug,
                const char *par_debug,
                const char *messages_debug)
{
  static const char *names[] = { "DEBUG", "PAR_DEBUG", "G_MESSAGES_DEBUG" };
  const char *values[] = { debug, par_debug, messages_debug };
  const char *arguments[] = { program, "--GTestSubprocess", "-p", path, NULL };
  g_auto(GStrv) environment = g_get_environ ();
  g_autofree char *output = NULL;
  g_autoptr(GError) error = NULL;
  int status;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      if (values[i] != NULL)
        environment = g_environ_setenv (environment, names[i], values[i], TRUE);
      else
        environment = g_environ_unsetenv (environment, names[i]);
    }

  g_spawn_sync (NULL, (char **) arguments, environment, G_SPAWN_DEFAULT, NULL, NULL,
                &output, NULL, &status, &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);
  /* A test that is not there would succeed. */
  g_assert_nonnull (strstr (output, path));
}

typedef struct
{
  int saved;
  int file;
} Capture;

static void
capture_begin (Capture *self)
{
  g_autofree char *path = NULL;
  g_autoptr(GError) error = NULL;

  self->file = g_file_open_tmp (NULL, &path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (unlink (path), ==, 0);
  fflush (stderr);
  self->saved = dup (STDERR_FILENO);
  g_assert_cmpint (dup2 (self->file, STDERR_FILENO), ==, STDERR_FILENO);
}

static char *
capture_end (Capture *self)
{
  GString *text = g_string_new (NULL);
  char buffer[4096];
  ssize_t n_read;

  fflush (stderr);
  g_assert_cmpint (dup2 (self->saved, STDERR_FILENO), ==, STDERR_FILENO);
  g_assert_cmpint (lseek (self->file, 0, SEEK_SET), ==, 0);
  while ((n_read = read (self->file, buffer, sizeof buffer)) > 0)
    g_string_append_len (text, buffer, n_read);
  close (self->saved);
  close (self->file);

  return g_string_free (text, FALSE);
}

/* Asserts that each line of @text has the format of the Go library, and that the messages are
 * those of @expected, one in each line. */
static void
assert_lines (const char *text,
              const char *expected)
{
  g_autoptr(GString) messages = g_string_new (NULL);
  g_autoptr(GRegex) regex = NULL;
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);

  regex = g_regex_new ("^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3} "
                       "(?=.{14})[0-9]{1,3}(us|ms|s) +[0-9]{1,3}(us|ms|s) +par - (.*)$",
                       0, 0, NULL);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autoptr(GMatchInfo) match = NULL;
      g_autofree char *message = NULL;

      if (lines[i][0] == '\0' && lines[i + 1] == NULL)
        break;
      if (!g_regex_match (regex, lines[i], 0, &match))
        g_error ("not in the format: %s", lines[i]);
      /* The columns stand below one another. */
      g_assert_cmpmem (lines[i] + 26, 6, " par -", 6);
      message = g_match_info_fetch (match, 4);
      g_string_append_printf (messages, "%s\n", message);
    }

  g_assert_cmpstr (messages->str, ==, expected);
}

typedef void (*Scenario) (void);

static char *
capture_lines (Scenario scenario)
{
  Capture capture;

  capture_begin (&capture);
  scenario ();

  return capture_end (&capture);
}

static void
run_two (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();

  par_requests_set_concurrency (requests, 1);
  par_requests_add_thread (requests, succeed, NULL, NULL);
  par_requests_add_thread (requests, fail, NULL, NULL);
  par_requests_do (requests, NULL, NULL);
}

static void
run_nothing (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();

  par_requests_do (requests, NULL, NULL);
}

static void
run_copies (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();

  par_requests_set_concurrency (requests, 1);
  par_requests_set_redundancy (requests, 2);
  par_requests_add_thread (requests, fail, NULL, NULL);
  par_requests_add_thread (requests, succeed, NULL, NULL);
  par_requests_do (requests, NULL, NULL);
}

static void
stop_at_a_failure (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();

  par_requests_set_concurrency (requests, 1);
  par_requests_set_max_failures (requests, 0);
  par_requests_add_thread (requests, fail, NULL, NULL);
  par_requests_add_thread (requests, succeed, NULL, NULL);
  par_requests_do (requests, NULL, NULL);
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      place)
{
  *(GAsyncResult **) place = g_object_ref (result);
}

/* Runs two requests of which one is at a gate, and ends the run by the clock or by a cancel. */
static void
run_to_the_gate (gboolean cancel)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  FakeClock *clock = fake_clock_new ();
  ParRequests *requests = par_requests_new ();
  Gate gate;

  gate_init (&gate);
  fake_clock_give (clock, requests);
  par_requests_set_concurrency (requests, 1);
  par_requests_set_timeout (requests, 250);
  par_requests_add_thread (requests, pass_gate, &gate, NULL);
  par_requests_add_thread (requests, succeed, NULL, NULL);

  par_requests_do_async (requests, cancellable, take_result, &result);
  gate_wait_arrived (&gate, 1);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  if (cancel)
    g_cancellable_cancel (cancellable);
  else
    fake_clock_advance (clock, 250);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  gate_open (&gate);
  wait_for_attempts (requests);
  g_clear_object (&result);
  g_assert_finalize_object (requests);
  gate_clear (&gate);
  fake_clock_free (clock);
}

static void
time_out (void)
{
  run_to_the_gate (FALSE);
}

static void
cancel (void)
{
  run_to_the_gate (TRUE);
}

static void
cancel_one (void)
{
  g_autoptr(ParRequests) requests = par_requests_new ();
  g_autoptr(ParRequest) request = NULL;

  par_requests_add_thread (requests, succeed, NULL, NULL);
  par_requests_add_thread (requests, succeed, NULL, NULL);
  request = par_requests_get_request (requests, 0);
  par_request_cancel (request);
  par_requests_do (requests, NULL, NULL);
}

/* Async attempts that are held until the test lets them go. */
typedef struct
{
  FakeClock *clock;
  ParRequests *requests;
  GPtrArray *held;  /* (owned) */
  GAsyncResult *result;
} Stage;

static void
hold (ParAttempt  *attempt,
      gpointer     data,
      GError     **error)
{
  Stage *stage = data;

  g_ptr_array_add (stage->held, g_object_ref (attempt));
}

static void
fail_twice (ParAttempt  *attempt,
            gpointer     data,
            GError     **error)
{
  if (par_attempt_get_number (attempt) < 3)
    fail (attempt, data, error);
  else
    succeed (attempt, data, error);
}

static void
pass (Stage  *stage,
      gint64  msec)
{
  fake_clock_run (stage->clock, NULL, fake_clock_get_time (stage->clock) + msec * 1000);
}

static void
begin (Stage *stage)
{
  fake_clock_give (stage->clock, stage->requests);
  par_requests_do_async (stage->requests, NULL, take_result, &stage->result);
  pass (stage, 0);
}

static void
let_go (Stage *stage,
        guint  i)
{
  par_attempt_return_boolean (stage->held->pdata[i], TRUE);
  pass (stage, 0);
}

static void
end (Stage *stage)
{
  g_assert_nonnull (stage->result);
  g_object_unref (stage->result);
  g_ptr_array_unref (stage->held);
  pass (stage, 0);
  g_assert_finalize_object (stage->requests);
  fake_clock_free (stage->clock);
}

static Stage
new_stage (void)
{
  return (Stage) { fake_clock_new (), par_requests_new (),
                   g_ptr_array_new_with_free_func (g_object_unref), NULL };
}

/* Two hedges are due, of which one can be paid. */
static void
run_hedges (void)
{
  g_autoptr(ParHedge) hedge = g_object_new (PAR_TYPE_HEDGE, "delay", 20, "max-hedges", 1,
                                            "max-extra-load", 0.01, "burst", 1, NULL);
  Stage stage = new_stage ();

  par_requests_set_hedge (stage.requests, hedge);
  par_requests_add_async (stage.requests, hold, &stage, NULL);
  par_requests_add_async (stage.requests, hold, &stage, NULL);
  begin (&stage);
  pass (&stage, 20);
  let_go (&stage, 2);
  let_go (&stage, 1);
  end (&stage);
}

static void
run_retries (void)
{
  g_autoptr(ParRetry) retry = g_object_new (PAR_TYPE_RETRY, "initial-delay", 100, "jitter", 0.0,
                                            NULL);
  Stage stage = new_stage ();

  par_requests_set_retry (stage.requests, retry);
  par_requests_add_async (stage.requests, fail_twice, NULL, NULL);
  begin (&stage);
  pass (&stage, 300);
  end (&stage);
}

/* Two retries are wanted, of which one can be paid. */
static void
run_out_of_retries (void)
{
  g_autoptr(ParRetry) retry = g_object_new (PAR_TYPE_RETRY, "initial-delay", 100, "jitter", 0.0,
                                            "max-retries", 1, "max-extra-load", 0.01, "burst", 1,
                                            NULL);
  Stage stage = new_stage ();

  par_requests_set_retry (stage.requests, retry);
  par_requests_add_async (stage.requests, fail, NULL, NULL);
  par_requests_add_async (stage.requests, fail, NULL, NULL);
  begin (&stage);
  pass (&stage, 100);
  end (&stage);
}

static const struct
{
  const char *path;
  const char *debug;
  const char *par_debug;
  const char *messages_debug;
  gboolean is_wanted;
} settings[] = {
  { "unset", NULL, NULL, NULL, FALSE },
  { "par", "par", NULL, NULL, TRUE },
  { "star", "*", NULL, NULL, TRUE },
  { "first-of-a-list", "par,openweathermap", NULL, NULL, TRUE },
  { "last-of-a-list", "openweathermap,par", NULL, NULL, TRUE },
  { "star-in-a-list", "openweathermap,*", NULL, NULL, TRUE },
  { "list-with-spaces", "openweathermap, par , http", NULL, NULL, TRUE },
  { "empty", "", NULL, NULL, FALSE },
  { "commas", ",,", NULL, NULL, FALSE },
  { "another-name", "openweathermap", NULL, NULL, FALSE },
  { "longer-name", "par-soup", NULL, NULL, FALSE },
  { "part-of-a-name", "pa", NULL, NULL, FALSE },
  { "case", "PAR", NULL, NULL, FALSE },
  { "one", NULL, "1", NULL, TRUE },
  { "zero", NULL, "0", NULL, FALSE },
  { "empty-own", NULL, "", NULL, FALSE },
  { "own-beside-another-name", "openweathermap", "1", NULL, TRUE },
  { "zero-does-not-take-back", "par", "0", NULL, TRUE },
  { "log-domain", NULL, NULL, "Par", TRUE },
  { "log-all", NULL, NULL, "all", TRUE },
  { "log-list", NULL, NULL, "Gtk Par", TRUE },
  { "log-another-domain", NULL, NULL, "Gtk", FALSE },
};

static void
environment_is_heeded (void)
{
  g_test_summary ("Which values of DEBUG, PAR_DEBUG and G_MESSAGES_DEBUG turn the lines on.");

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      g_test_message ("%s", settings[i].path);
      run_in_process (settings[i].is_wanted ? "/par/debug/subprocess/is-wanted"
                                            : "/par/debug/subprocess/is-not-wanted",
                      settings[i].debug, settings[i].par_debug, settings[i].messages_debug);
    }
}

static void
is_wanted (void)
{
  g_assert_true (par_debug_is_wanted ());
}

static void
is_not_wanted (void)
{
  g_autofree char *text = NULL;

  g_assert_false (par_debug_is_wanted ());

  text = capture_lines (run_two);
  g_assert_cmpstr (text, ==, "");
}

static void
nothing_is_printed_when_off (void)
{
  g_test_summary ("Not for any way in which a run can end.");

  run_in_process ("/par/debug/subprocess/off", NULL, NULL, NULL);
}

static void
off (void)
{
  static const Scenario scenarios[] =
    { run_two, run_nothing, run_copies, run_hedges, run_retries, run_out_of_retries,
      stop_at_a_failure, time_out, cancel, cancel_one };

  for (guint i = 0; i < G_N_ELEMENTS (scenarios); i++)
    {
      g_autofree char *text = capture_lines (scenarios[i]);

      g_assert_cmpstr (text, ==, "");
    }
}

static const struct
{
  Scenario scenario;
  const char *messages;
} runs[] = {
  { run_nothing, "finished\n" },
  { run_two,
    "request: 0\n"
    "received - 0\n"
    "request: 1\n"
    "failed - 1: no such city\n"
    "finished\n" },
  { run_copies,
    "request: 0\n"
    "request: 0\n"
    "failed - 0: after 2 attempts: no such city\n"
    "request: 1\n"
    "received - 1\n"
    "finished\n" },
  { run_hedges,
    "request: 0\n"
    "request: 1\n"
    "hedge: 0 (2)\n"
    "refused: 1\n"
    "received - 0\n"
    "received - 1\n"
    "finished\n" },
  { run_retries,
    "request: 0\n"
    "retry: 0 (2) in 100ms\n"
    "retry: 0 (2)\n"
    "retry: 0 (3) in 200ms\n"
    "retry: 0 (3)\n"
    "received - 0\n"
    "finished\n" },
  { run_out_of_retries,
    "request: 0\n"
    "retry: 0 (2) in 100ms\n"
    "request: 1\n"
    "refused: 1\n"
    "failed - 1: no such city\n"
    "retry: 0 (2)\n"
    "failed - 0: after 2 attempts: no such city\n"
    "finished\n" },
  { stop_at_a_failure,
    "request: 0\n"
    "failed - 0: no such city\n"
    "cancelled - 1\n"
    "finished\n" },
  { time_out,
    "request: 0\n"
    "cancelled - 0\n"
    "cancelled - 1\n"
    "timeout\n" },
  { cancel,
    "request: 0\n"
    "cancelled - 0\n"
    "cancelled - 1\n"
    "cancelled\n" },
};

static void
lines_tell_of_a_run (void)
{
  g_test_summary ("What has happened, in its order, in the format of the Go library.");

  run_in_process ("/par/debug/subprocess/lines", "par", NULL, NULL);
}

static void
lines (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    {
      g_autofree char *text = capture_lines (runs[i].scenario);

      assert_lines (text, runs[i].messages);
    }
}

static void
log_gets_the_same_messages (void)
{
  g_test_summary ("By G_MESSAGES_DEBUG, as structured messages of level debug, and no lines.");

  run_in_process ("/par/debug/subprocess/log", NULL, NULL, "Par");
}

static void
both_get_the_same_messages (void)
{
  g_test_summary ("DEBUG and G_MESSAGES_DEBUG at once: each has its own.");

  run_in_process ("/par/debug/subprocess/both", "*", NULL, "Par");
}

static const char *
find_field (const GLogField *fields,
            gsize            n_fields,
            const char      *key)
{
  for (gsize i = 0; i < n_fields; i++)
    {
      if (g_str_equal (fields[i].key, key))
        return fields[i].value;
    }

  return NULL;
}

static GLogWriterOutput
collect_message (GLogLevelFlags   level,
                 const GLogField *fields,
                 gsize            n_fields,
                 gpointer         user_data)
{
  g_assert_cmpint (level, ==, G_LOG_LEVEL_DEBUG);
  g_assert_cmpstr (find_field (fields, n_fields, "GLIB_DOMAIN"), ==, "Par");
  g_string_append_printf (user_data, "%s\n", find_field (fields, n_fields, "MESSAGE"));

  return G_LOG_WRITER_HANDLED;
}

static void
collect_messages (gboolean has_lines)
{
  g_autoptr(GString) messages = g_string_new (NULL);

  g_log_set_writer_func (collect_message, messages, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    {
      g_autofree char *text = NULL;

      g_string_truncate (messages, 0);
      text = capture_lines (runs[i].scenario);
      g_assert_cmpstr (messages->str, ==, runs[i].messages);
      assert_lines (text, has_lines ? runs[i].messages : "");
    }
}

static void
log_messages (void)
{
  collect_messages (FALSE);
}

static void
lines_and_log_messages (void)
{
  collect_messages (TRUE);
}

static void
writer_may_use_par (void)
{
  g_test_summary ("A log writer that runs requests of its own does not hang.");

  run_in_process ("/par/debug/subprocess/writer", NULL, NULL, "Par");
}

static GLogWriterOutput
run_once_in_writer (GLogLevelFlags   level,
                    const GLogField *fields,
                    gsize            n_fields,
                    gpointer         user_data)
{
  int *n_messages = user_data;

  if (g_atomic_int_add (n_messages, 1) == 0)
    run_two ();

  return G_LOG_WRITER_HANDLED;
}

static void
writer (void)
{
  int n_messages = 0;

  g_log_set_writer_func (run_once_in_writer, &n_messages, NULL);
  run_two ();
  /* What is logged inside a writer GLib gives to its own, and not to this one again. */
  g_assert_cmpint (g_atomic_int_get (&n_messages), >=, 5);
}

static void
format_is_that_of_the_go_library (void)
{
  static const gint64 ms = 1000, s = G_USEC_PER_SEC;
  const gint64 evening = (22 * 3600 + 7) * s + 800 * ms;
  const struct
  {
    gint64 real_time_us, since_any_us, since_own_us;
    const char *name, *message, *line;
  } rows[] = {
    { evening, 349, 349, "par", "request: 0",
      "22:00:07.800 349us  349us  par - request: 0" },
    { evening + 593 * ms, 593 * ms, 593 * ms, "par", "received - 0",
      "22:00:08.393 593ms  593ms  par - received - 0" },
    { evening + 593 * ms, 3, 3, "par", "request: 1",
      "22:00:08.393 3us    3us    par - request: 1" },
    { evening + 1069 * ms, 5, 5, "par", "finished",
      "22:00:08.869 5us    5us    par - finished" },
    { evening, 593 * ms, 3, "par-soup", "http - ok",
      "22:00:07.800 593ms  3us    par-soup - http - ok" },

    { 0, 0, 0, "par", "finished", "00:00:00.000 0us    0us    par - finished" },
    { 24 * 3600 * s - 1, 999, 1000, "par", "timeout",
      "23:59:59.999 999us  1ms    par - timeout" },
    { 24 * 3600 * s, 1999, 999999, "par", "timeout",
      "00:00:00.000 1ms    999ms  par - timeout" },
    { 1, 1 * s, 60 * s, "par", "cancelled",
      "00:00:00.000 1s     60s    par - cancelled" },
    { 1999, 3600 * s, 100000 * s, "par", "failed - 3: 100 %s",
      "00:00:00.001 3600s  100000s par - failed - 3: 100 %s" },
  };

  g_test_summary ("UTC to the millisecond, the two times, the name, the message.");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *line = par_debug_format (rows[i].real_time_us, rows[i].since_any_us,
                                                rows[i].since_own_us, rows[i].name,
                                                rows[i].message);

      g_assert_cmpstr (line, ==, rows[i].line);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  program = argv[0];

#define add(name, func) g_test_add_func ("/par/debug/" name, func)
  add ("format-is-that-of-the-go-library", format_is_that_of_the_go_library);
  add ("environment-is-heeded", environment_is_heeded);
  add ("subprocess/is-wanted", is_wanted);
  add ("subprocess/is-not-wanted", is_not_wanted);
  add ("nothing-is-printed-when-off", nothing_is_printed_when_off);
  add ("subprocess/off", off);
  add ("lines-tell-of-a-run", lines_tell_of_a_run);
  add ("subprocess/lines", lines);
  add ("log-gets-the-same-messages", log_gets_the_same_messages);
  add ("subprocess/log", log_messages);
  add ("both-get-the-same-messages", both_get_the_same_messages);
  add ("subprocess/both", lines_and_log_messages);
  add ("writer-may-use-par", writer_may_use_par);
  add ("subprocess/writer", writer);
#undef add

  return g_test_run ();
}
