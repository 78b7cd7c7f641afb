/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What functions of both kinds return and throw, and what becomes of it. */

using GLib;
using Par;

delegate void AddFunc (Requests requests, owned RequestFunc function);

void add_to_thread (Requests requests, owned RequestFunc function) {
    requests.add_thread ((owned) function);
}

void add_to_loop (Requests requests, owned RequestFunc function) {
    requests.add_async ((owned) function);
}

/* Runs one request, and returns it. */
Request run_one (AddFunc add, owned RequestFunc function) {
    var requests = new Requests ();

    add (requests, (owned) function);
    try {
        requests.do ();
    } catch (Error error) {
        assert_true (error is RequestsError.FAILED);
    }

    return requests.get_request (0);
}

void check_results (AddFunc add) {
    var cancellable = new Cancellable ();

    assert_true (run_one (add, (attempt) => attempt.return_boolean (true))
        .get_value ().get_boolean ());
    assert_false (run_one (add, (attempt) => attempt.return_boolean (false))
        .get_value ().get_boolean ());
    assert_true (run_one (add, (attempt) => attempt.return_int64 (int64.MIN))
        .get_value ().get_int64 () == int64.MIN);
    assert_true (run_one (add, (attempt) => attempt.return_double (2.5))
        .get_value ().get_double () == 2.5);
    assert_cmpstr (run_one (add, (attempt) => attempt.return_string ("Berkeley ☀"))
        .get_value ().get_string (), EQ, "Berkeley ☀");
    assert_null (run_one (add, (attempt) => attempt.return_string (null))
        .get_value ().get_string ());
    assert_true (run_one (add, (attempt) => attempt.return_object (cancellable))
        .get_value ().get_object () == cancellable);
    assert_null (run_one (add, (attempt) => attempt.return_object (null))
        .get_value ().get_object ());
    /* By what the vapi of GObject says, get_variant() would free it. */
    assert_cmpstr (run_one (add, (attempt) =>
        attempt.return_variant (new Variant ("(si)", "Oakland", 17)))
        .get_value ().dup_variant ().print (false), EQ, "('Oakland', 17)");

    var request = run_one (add, (attempt) => attempt.return_bytes (new Bytes ({ 1, 0, 2 })));
    unowned var bytes = (Bytes) request.get_value ().get_boxed ();
    assert_cmpint (bytes.length, EQ, 3);

    request = run_one (add, (attempt) => attempt.return_value (Value (typeof (Cancellable))));
    assert_true (request.get_value ().holds (typeof (Cancellable)));

    request = run_one (add, (attempt) => {
        string[] cities = { "San Francisco", "Oakland" };
        attempt.return_value (cities);
    });
    unowned var cities = (string[]) request.get_value ().get_boxed ();
    assert_cmpstr (cities[1], EQ, "Oakland");

    request = run_one (add, (attempt) => attempt.return_value (null));
    assert_true (request.get_value () == null);
    assert_true (request.state == SUCCEEDED);
}

void check_errors (AddFunc add) {
    var request = run_one (add, (attempt) => {
        throw new IOError.NOT_FOUND ("no such city");
    });
    assert_true (request.state == FAILED);
    assert_true (request.get_error () is IOError.NOT_FOUND);
    assert_cmpstr (request.get_error ().message, EQ, "no such city");
    assert_cmpuint (request.get_attempt_errors ().length, EQ, 1);
    assert_true (request.get_attempt_errors ()[0] is IOError.NOT_FOUND);
    assert_true (request.get_value () == null);

    request = run_one (add, (attempt) => attempt.return_error (new IOError.BUSY ("returned")));
    assert_true (request.get_error () is IOError.BUSY);

    request = run_one (add, (attempt) => {
        try {
            Process.spawn_command_line_sync ("/nonexistent/program");
        } catch (SpawnError error) {
            attempt.return_error (error);
        }
    });
    assert_true (request.get_error () is SpawnError.NOENT);

    request = run_one (add, (attempt) => {
        uint8[] contents;

        FileUtils.get_data ("/nonexistent/file", out contents);
        attempt.return_bytes (new Bytes (contents));
    });
    assert_true (request.get_error () is FileError.NOENT);

    request = run_one (add, (attempt) => {});
    assert_true (request.get_error () is RequestsError.NO_RESULT);
}

void check_warnings (AddFunc add) {
    Test.expect_message ("Par", LEVEL_WARNING, "*returned a second result*");
    var request = run_one (add, (attempt) => {
        attempt.return_string ("first");
        attempt.return_string ("second");
    });
    Test.assert_expected_messages ();
    assert_cmpstr (request.get_value ().get_string (), EQ, "first");

    Test.expect_message ("Par", LEVEL_WARNING, "*and then set an error*");
    request = run_one (add, (attempt) => {
        attempt.return_string ("first");
        throw new IOError.FAILED ("too late");
    });
    Test.assert_expected_messages ();
    assert_true (request.state == SUCCEEDED);
}

void several_attempts_may_fail () {
    var requests = new Requests () { redundancy = 3, concurrency = 1 };

    requests.add_async ((attempt) => {
        throw new IOError.FAILED ("number %u", attempt.get_number ());
    });
    try {
        requests.do ();
        assert_not_reached ();
    } catch (Error error) {
        assert_cmpstr (error.message, EQ,
            "1 of 1 requests failed; request 0: after 3 attempts: number 3");
    }

    var errors = requests.get_request (0).get_attempt_errors ();
    assert_cmpuint (errors.length, EQ, 3);
    assert_cmpstr (errors[0].message, EQ, "number 1");
}

class Data : Object {
    public static int n_alive;

    public Data () {
        AtomicInt.inc (ref n_alive);
    }

    ~Data () {
        AtomicInt.add (ref n_alive, -1);
    }
}

/* What a lambda has captured, and what it returns, is freed once. */
void check_freed (AddFunc add) {
    for (uint i = 0; i < 10; i++) {
        var data = new Data ();
        var request = run_one (add, (attempt) => {
            assert_nonnull (data);
            attempt.return_object (new Data ());
        });

        data = null;
        assert_true (request.get_value ().get_object () is Data);
        assert_cmpint (AtomicInt.get (ref Data.n_alive), EQ, 1);
    }
    assert_cmpint (AtomicInt.get (ref Data.n_alive), EQ, 0);
}

async void return_later (Attempt attempt, string? city) {
    Idle.add (return_later.callback);
    yield;
    if (city != null) {
        attempt.return_string (city);
    } else {
        attempt.return_error (new IOError.NOT_FOUND ("no city"));
    }
}

void async_methods_return_later () {
    var requests = new Requests () { concurrency = 2 };
    string?[] cities = { "San Francisco", null, "Oakland" };

    foreach (unowned var city in cities) {
        string? copy = city;
        requests.add_async ((attempt) => return_later.begin (attempt, copy));
    }
    try {
        requests.do ();
        assert_not_reached ();
    } catch (Error error) {
        assert_true (error is RequestsError.FAILED);
    }

    assert_cmpstr (requests.get_request (0).get_value ().get_string (), EQ, "San Francisco");
    assert_true (requests.get_request (1).get_error () is IOError.NOT_FOUND);
    assert_cmpstr (requests.get_request (2).get_value ().get_string (), EQ, "Oakland");
}

async void drop (Attempt attempt) {
    Idle.add (drop.callback);
    yield;
}

void dropped_attempts_are_no_result () {
    var request = run_one (add_to_loop, (attempt) => drop.begin (attempt));

    assert_true (request.get_error () is RequestsError.NO_RESULT);
}

void functions_run_where_they_should () {
    unowned var owner = Thread.self<void*> ();

    assert_false (run_one (add_to_thread, (attempt) =>
        attempt.return_boolean (Thread.self<void*> () == owner)).get_value ().get_boolean ());
    assert_true (run_one (add_to_loop, (attempt) =>
        attempt.return_boolean (Thread.self<void*> () == owner)).get_value ().get_boolean ());
}

int main (string[] args) {
    Test.init (ref args);

    Test.add_func ("/par/vala/thread/results", () => check_results (add_to_thread));
    Test.add_func ("/par/vala/thread/errors", () => check_errors (add_to_thread));
    Test.add_func ("/par/vala/thread/warnings", () => check_warnings (add_to_thread));
    Test.add_func ("/par/vala/async/results", () => check_results (add_to_loop));
    Test.add_func ("/par/vala/async/errors", () => check_errors (add_to_loop));
    Test.add_func ("/par/vala/async/warnings", () => check_warnings (add_to_loop));
    Test.add_func ("/par/vala/async/methods-return-later", async_methods_return_later);
    Test.add_func ("/par/vala/async/dropped-attempts-are-no-result", dropped_attempts_are_no_result);
    Test.add_func ("/par/vala/several-attempts-may-fail", several_attempts_may_fail);
    Test.add_func ("/par/vala/thread/captured-data-is-freed", () => check_freed (add_to_thread));
    Test.add_func ("/par/vala/async/captured-data-is-freed", () => check_freed (add_to_loop));
    Test.add_func ("/par/vala/functions-run-where-they-should", functions_run_where_they_should);

    return Test.run ();
}
