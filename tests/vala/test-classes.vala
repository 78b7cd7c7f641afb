/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prepared requests, classes of requests, and attempts. */

using GLib;
using Par;

class Greeting : Request {
    public string name { get; construct; }

    public Greeting (string name) {
        Object (name: name, label: "greet " + name);
    }

    public override void run (Attempt attempt) throws Error {
        if (name == "") {
            throw new IOError.INVALID_ARGUMENT ("nobody to greet");
        }
        attempt.return_string ("hello " + name);
    }
}

class LateGreeting : Request {
    public string name { get; construct; }

    public LateGreeting (string name, int priority) {
        Object (name: name, priority: priority);
    }

    public override void start (Attempt attempt) throws Error {
        if (name == "") {
            throw new IOError.INVALID_ARGUMENT ("nobody to greet");
        }
        greet.begin (attempt);
    }

    async void greet (Attempt attempt) {
        Idle.add (greet.callback);
        yield;
        attempt.return_string ("hello " + name);
    }
}

/* Either, by what it is told. */
class EitherGreeting : Request {
    public bool starts { get; construct; }

    public EitherGreeting (bool starts) {
        Object (starts: starts);
    }

    public override bool is_async () {
        return starts;
    }

    public override void run (Attempt attempt) throws Error {
        attempt.return_string ("run");
    }

    public override void start (Attempt attempt) throws Error {
        attempt.return_string ("started");
    }
}

/* Expects that some requests fail. */
void do_all (Requests requests) {
    try {
        requests.do ();
    } catch (Error error) {
        assert_true (error is RequestsError.FAILED);
    }
}

void classes_run_or_start () {
    var requests = new Requests () { concurrency = 2 };

    requests.add (new Greeting ("Oakland"));
    requests.add (new Greeting (""));
    requests.add (new LateGreeting ("Berkeley", 0));
    requests.add (new LateGreeting ("", 0));
    do_all (requests);

    assert_cmpstr (requests.get_request (0).get_value ().get_string (), EQ, "hello Oakland");
    assert_cmpstr (requests.get_request (0).label, EQ, "greet Oakland");
    assert_true (requests.get_request (1).get_error () is IOError.INVALID_ARGUMENT);
    assert_cmpstr (requests.get_request (2).get_value ().get_string (), EQ, "hello Berkeley");
    assert_true (requests.get_request (3).get_error () is IOError.INVALID_ARGUMENT);
    assert_cmpstr (((LateGreeting) requests.get_request (2)).name, EQ, "Berkeley");
}

void more_urgent_ones_go_first () {
    var requests = new Requests () { concurrency = 1 };
    var order = new StringBuilder ();

    requests.started.connect ((request) => order.append (((LateGreeting) request).name));
    requests.add (new LateGreeting ("b", 0));
    requests.add (new LateGreeting ("c", 10));
    requests.add (new LateGreeting ("a", -10));
    do_all (requests);
    assert_cmpstr (order.str, EQ, "abc");
}

void requests_are_prepared () {
    var requests = new Requests () { redundancy = 2 };
    int n_called = 0;
    var request = new Request.thread ((attempt) => {
        AtomicInt.inc (ref n_called);
        attempt.return_boolean (true);
    });

    assert_null (request.label);
    assert_null (request.get_key ());
    request.set_label ("a label");
    request.set_key ("a key");
    request.set_priority (3);
    request.set_idempotent (false);
    assert_cmpstr (request.get_label (), EQ, "a label");
    assert_cmpstr (request.key, EQ, "a key");
    assert_cmpint (request.get_priority (), EQ, 3);
    assert_false (request.get_idempotent ());
    requests.add (request);
    requests.add (new Request.async ((attempt) => attempt.return_string ("async")));
    do_all (requests);

    assert_cmpint (AtomicInt.get (ref n_called), EQ, 1);
    assert_true (request.get_state () == RequestState.SUCCEEDED);
    assert_true (request.get_index () == 0);
    assert_cmpuint (request.get_n_attempts (), EQ, 1);
    assert_cmpuint (request.n_attempts, EQ, 1);
    assert_cmpuint (request.get_winner (), EQ, 1);
    assert_cmpuint (request.winner, EQ, 1);
    assert_true (request.get_cancel_reason () == CancelReason.NONE);
    assert_true (request.get_queued_time () >= 0 && request.queued_time >= 0);
    assert_true (request.get_elapsed () >= 0 && request.elapsed >= 0);
    assert_true (request.get_error () == null);
    assert_false (request.idempotent);
    assert_true (requests.get_request (1).get_value ().get_string () == "async");
}

void one_request_is_cancelled () {
    var requests = new Requests ();

    requests.add_async ((attempt) => {
        attempt.get_request ().cancel ();
        assert_true (attempt.get_cancellable ().is_cancelled ()
                     || attempt.get_request () != null);
    });
    requests.add_async ((attempt) => attempt.return_boolean (true));
    do_all (requests);
    assert_true (requests.get_request (0).cancel_reason == CancelReason.CANCELLED);
    assert_true (requests.get_request (0).get_error () is IOError.CANCELLED);
    assert_true (requests.get_request (1).state == RequestState.SUCCEEDED);
}

void attempts_know_what_they_are () {
    var requests = new Requests () { redundancy = 2, concurrency = 1, attempt_timeout = 60000 };
    uint n_seen = 0;

    requests.add_async ((attempt) => {
        n_seen++;
        assert_cmpuint (attempt.get_number (), EQ, n_seen);
        assert_cmpuint (attempt.number, EQ, n_seen);
        assert_true (attempt.get_kind () == (n_seen == 1 ? AttemptKind.FIRST : AttemptKind.COPY));
        assert_true (attempt.kind == attempt.get_kind ());
        assert_true (attempt.kind != AttemptKind.HEDGE && attempt.kind != AttemptKind.RETRY);
        assert_true (attempt.get_deadline () > get_monotonic_time ());
        assert_true (attempt.deadline == attempt.get_deadline ());
        assert_true (attempt.request == attempt.get_request ());
        assert_true (attempt.request.index == 0);
        throw new IOError.FAILED ("again");
    });
    do_all (requests);
    assert_cmpuint (n_seen, EQ, 2);
}

void classes_may_do_both () {
    var requests = new Requests ();

    requests.add (new EitherGreeting (false));
    requests.add (new EitherGreeting (true));
    do_all (requests);
    assert_cmpstr (requests.get_request (0).get_value ().get_string (), EQ, "run");
    assert_cmpstr (requests.get_request (1).get_value ().get_string (), EQ, "started");
}

void ended_attempts_let_go () {
    var requests = new Requests ();
    Attempt? kept = null;

    requests.add_async ((attempt) => {
        kept = attempt;
        attempt.return_boolean (true);
    });
    do_all (requests);
    assert_null (kept.get_request ());
    assert_null (kept.request);
}

int main (string[] args) {
    Test.init (ref args);

    Test.add_func ("/par/vala/classes-run-or-start", classes_run_or_start);
    Test.add_func ("/par/vala/classes-may-do-both", classes_may_do_both);
    Test.add_func ("/par/vala/more-urgent-ones-go-first", more_urgent_ones_go_first);
    Test.add_func ("/par/vala/requests-are-prepared", requests_are_prepared);
    Test.add_func ("/par/vala/one-request-is-cancelled", one_request_is_cancelled);
    Test.add_func ("/par/vala/attempts-know-what-they-are", attempts_know_what_they_are);
    Test.add_func ("/par/vala/ended-attempts-let-go", ended_attempts_let_go);

    return Test.run ();
}
