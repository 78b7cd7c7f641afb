/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Settings, runs, signals, the list model, the source and the figures. */

using GLib;
using Par;

/* Runs an async test in a loop of its own. */
delegate void Begin (AsyncReadyCallback callback);

void run_async (Begin begin) {
    var loop = new MainLoop ();

    begin (() => loop.quit ());
    loop.run ();
}

void add_numbers (Requests requests, uint n) {
    for (uint i = 0; i < n; i++) {
        int64 number = i;
        requests.add_thread ((attempt) => attempt.return_int64 (number));
        requests.add_async ((attempt) => attempt.return_int64 (number));
    }
}

void settings_are_properties () {
    var requests = new Requests () {
        concurrency = 3,
        redundancy = 2,
        timeout = 60000,
        request_timeout = 50000,
        attempt_timeout = 40000,
        max_failures = 5,
        min_successes = 4,
        wait_for_attempts = true,
        keep_completed = false,
        paused = true
    };
    uint n_notified = 0;

    requests.notify["concurrency"].connect (() => n_notified++);
    assert_cmpuint (requests.get_concurrency (), EQ, 3);
    assert_cmpuint (requests.get_redundancy (), EQ, 2);
    assert_cmpuint (requests.get_timeout (), EQ, 60000);
    assert_cmpuint (requests.get_request_timeout (), EQ, 50000);
    assert_cmpuint (requests.get_attempt_timeout (), EQ, 40000);
    assert_cmpint (requests.get_max_failures (), EQ, 5);
    assert_cmpuint (requests.get_min_successes (), EQ, 4);
    assert_true (requests.get_wait_for_attempts ());
    assert_false (requests.get_keep_completed ());
    assert_true (requests.get_paused ());

    requests.set_concurrency (0);
    requests.set_redundancy (1);
    requests.set_timeout (0);
    requests.set_request_timeout (0);
    requests.set_attempt_timeout (0);
    requests.set_max_failures (-1);
    requests.set_min_successes (0);
    requests.set_wait_for_attempts (false);
    requests.set_keep_completed (true);
    requests.set_paused (false);
    assert_cmpuint (requests.concurrency, EQ, 0);
    assert_cmpint (requests.max_failures, EQ, -1);
    assert_cmpuint (n_notified, EQ, 1);
}

void both_kinds_share_a_run () {
    var requests = new Requests () { concurrency = 2 };

    add_numbers (requests, 10);
    try {
        assert_true (requests.do ());
    } catch (Error error) {
        assert_not_reached ();
    }
    for (uint i = 0; i < 20; i++) {
        assert_true (requests.get_request (i).get_value ().get_int64 () == i / 2);
    }
    assert_true (requests.get_n_requests () == 20);
    assert_true (requests.get_n_succeeded () == 20);
}

async void yield_do () {
    var requests = new Requests () { concurrency = 4 };

    add_numbers (requests, 10);
    try {
        assert_true (yield requests.do_async (null));
        add_numbers (requests, 1);
        assert_true (yield requests.do_async ());
    } catch (Error error) {
        assert_not_reached ();
    }
    assert_true (requests.n_succeeded == 22);
}

async void yield_do_throws () {
    var requests = new Requests ();

    requests.add_thread (() => {
        throw new IOError.NOT_FOUND ("no such city");
    });
    requests.add_async ((attempt) => attempt.return_boolean (true));
    try {
        yield requests.do_async (null);
        assert_not_reached ();
    } catch (RequestsError.FAILED error) {
        assert_cmpstr (error.message, EQ, "1 of 2 requests failed; request 0: no such city");
    } catch (Error error) {
        assert_not_reached ();
    }
    assert_true (requests.n_failed == 1);
}

async void yield_next () {
    var requests = new Requests () { concurrency = 2 };
    uint n = 0;
    Request? request;

    add_numbers (requests, 5);
    try {
        while ((request = yield requests.next_async ()) != null) {
            assert_true (request.state == SUCCEEDED);
            if (++n == 5) {
                requests.add_async ((attempt) => attempt.return_boolean (true));
            }
        }
    } catch (Error error) {
        assert_not_reached ();
    }
    assert_cmpuint (n, EQ, 11);
}

async void yield_next_throws () {
    var requests = new Requests ();

    requests.add_async (() => {
        throw new IOError.BUSY ("too busy");
    });
    try {
        var request = yield requests.next_async (null);
        assert_true (request.get_error () is IOError.BUSY);
        yield requests.next_async (null);
        assert_not_reached ();
    } catch (Error error) {
        assert_true (error is RequestsError.FAILED);
    }
}

async void wait_until_cancelled (Attempt attempt) {
    var cancellable = attempt.get_cancellable ();

    if (!cancellable.is_cancelled ()) {
        /* Not disconnected here, since that waits for the handler, which calls this. */
        cancellable.cancelled.connect (() => Idle.add (wait_until_cancelled.callback));
        yield;
    }
    attempt.return_error (new IOError.CANCELLED ("stopped"));
}

async void cancelled_runs_end () {
    var requests = new Requests ();
    var cancellable = new Cancellable ();

    requests.add_async ((attempt) => wait_until_cancelled.begin (attempt));
    requests.add_thread ((attempt) => {
        var told = new AsyncQueue<string> ();

        attempt.get_cancellable ().cancelled.connect (() => told.push ("stop"));
        if (!attempt.get_cancellable ().is_cancelled ()) {
            told.pop ();
        }
        attempt.get_cancellable ().set_error_if_cancelled ();
    });
    requests.started.connect (() => cancellable.cancel ());
    try {
        yield requests.do_async (cancellable);
        assert_not_reached ();
    } catch (IOError.CANCELLED error) {
        assert_true (requests.n_cancelled == 2);
    } catch (Error error) {
        assert_not_reached ();
    }
    assert_true (requests.get_request (0).cancel_reason == CANCELLED);
}

async void late_runs_end () {
    var requests = new Requests () { timeout = 5 };

    requests.add_async ((attempt) => wait_until_cancelled.begin (attempt));
    try {
        yield requests.do_async (null);
        assert_not_reached ();
    } catch (IOError.TIMED_OUT error) {
        assert_true (requests.get_request (0).cancel_reason == CancelReason.TIMED_OUT);
    } catch (Error error) {
        assert_not_reached ();
    }
}

void enough_is_enough () {
    var requests = new Requests () { concurrency = 1, min_successes = 1 };

    add_numbers (requests, 1);
    assert_true (requests.get_request (1).state == RequestState.QUEUED);
    requests.started.connect ((request) => assert_true (request.state == RequestState.RUNNING));
    try {
        assert_true (requests.do ());
    } catch (Error error) {
        assert_not_reached ();
    }
    assert_true (requests.get_request (1).cancel_reason == CancelReason.ENOUGH);
}

void one_failure_is_enough () {
    var requests = new Requests () { concurrency = 1, max_failures = 0 };

    requests.add_async (() => {
        throw new IOError.FAILED ("fails");
    });
    add_numbers (requests, 1);
    try {
        requests.do ();
        assert_not_reached ();
    } catch (Error error) {
        assert_true (error.domain == RequestsError.quark ());
    }
    assert_true (requests.get_request (2).cancel_reason == CancelReason.FAILURES);
}

async void a_second_run_is_pending () {
    var requests = new Requests ();

    requests.hold ();
    requests.do_async.begin (null, (object, result) => {
        try {
            assert_true (requests.do_async.end (result));
        } catch (Error error) {
            assert_not_reached ();
        }
        a_second_run_is_pending.callback ();
    });
    assert_true (requests.running && requests.is_running ());
    try {
        requests.do ();
        assert_not_reached ();
    } catch (IOError.PENDING error) {
        requests.release ();
    } catch (Error error) {
        assert_not_reached ();
    }
    yield;
}

void next_gives_requests () {
    var requests = new Requests ();
    Request? request;
    uint n = 0;

    add_numbers (requests, 3);
    try {
        while ((request = requests.next ()) != null) {
            assert_true (request.state == SUCCEEDED);
            n++;
        }
    } catch (Error error) {
        assert_not_reached ();
    }
    assert_cmpuint (n, EQ, 6);
}

void signals_come_in_order () {
    var requests = new Requests () { concurrency = 1 };
    var order = new StringBuilder ();

    requests.started.connect ((request, number, kind) => {
        assert_cmpuint (number, EQ, 1);
        assert_true (kind == AttemptKind.FIRST);
        order.append ("s%llu ".printf (request.index));
    });
    requests.completed.connect ((request) => {
        assert_true (request.state == SUCCEEDED);
        order.append ("c%llu ".printf (request.index));
    });
    requests.finished.connect (() => {
        assert_false (requests.running);
        assert_true (requests.progress == 1);
        order.append ("f");
    });
    add_numbers (requests, 1);
    try {
        requests.do ();
    } catch (Error error) {
        assert_not_reached ();
    }
    assert_cmpstr (order.str, EQ, "s0 c0 s1 c1 f");
}

void it_is_a_list_model () {
    var requests = new Requests ();
    ListModel model = requests;
    uint n_added = 0;

    requests.items_changed.connect ((position, removed, added) => n_added += added);
    assert_true (model.get_item_type () == typeof (Request));
    add_numbers (requests, 2);
    assert_cmpuint (n_added, EQ, 4);
    assert_cmpuint (model.get_n_items (), EQ, 4);
    assert_true (model.get_item (3) == requests.get_request (3));
    assert_null (model.get_item (4));
    assert_null (requests.get_request (4));
}

void sources_give_more () {
    var requests = new Requests () { concurrency = 2, keep_completed = false };
    int64 sum = 0;
    int64 n = 0;

    requests.completed.connect ((request) => sum += request.get_value ().get_int64 ());
    requests.set_source ((source) => {
        int64 number = n++;

        source.add_async ((attempt) => attempt.return_int64 (number));
        return number < 99;
    });
    try {
        requests.do ();
    } catch (Error error) {
        assert_not_reached ();
    }
    assert_true (sum == 4950);
    assert_cmpuint (requests.get_n_items (), EQ, 0);

    requests.set_source (() => {
        throw new IOError.NOT_FOUND ("no list");
    });
    try {
        requests.do ();
        assert_not_reached ();
    } catch (Error error) {
        assert_true (error is IOError.NOT_FOUND);
    }
    requests.set_source (() => false);
    requests.set_source (null);
}

void figures_tell_all () {
    var requests = new Requests ();

    add_numbers (requests, 2);
    requests.add_async (() => {
        throw new IOError.FAILED ("fails");
    });
    requests.add_async (() => {});
    requests.get_request (5).cancel ();
    assert_true (requests.get_n_queued () + requests.get_n_cancelled () == 6);
    try {
        requests.do ();
        assert_not_reached ();
    } catch (Error error) {
        assert_true (error is RequestsError.FAILED);
    }

    var stats = requests.get_stats ();
    var copy = stats.copy ();
    assert_true (copy.get_n_requests () == 6);
    assert_true (copy.get_n_queued () == 0);
    assert_true (copy.get_n_running () == 0);
    assert_true (copy.get_n_succeeded () == 4);
    assert_true (copy.get_n_failed () == 1);
    assert_true (copy.get_n_cancelled () == 1);
    assert_true (copy.get_n_attempts () == 5);
    assert_true (copy.get_n_copies () == 0);
    assert_true (copy.get_n_attempts_running () == 0);
    assert_true (copy.get_n_attempts_won () == 4);
    assert_true (copy.get_n_attempts_failed () == 1);
    assert_true (copy.get_n_attempts_lost () == 0);
    assert_true (copy.get_peak_attempts () >= 1);
    assert_true (copy.get_elapsed () >= 0);
    assert_true (copy.get_latency (50) >= 0);

    assert_true (requests.n_queued == 0 && requests.get_n_running () == 0 && requests.n_running == 0);
    assert_true (requests.get_n_failed () == 1 && requests.n_cancelled == 1);
    assert_true (requests.n_requests == 6 && requests.get_progress () == 1);
    assert_true (requests.get_n_attempts_running () == requests.n_attempts_running);
}

async void tasks_may_be_added () {
    var requests = new Requests ();
    unowned var owner = Thread.self<void*> ();

    var task = new Task (requests, null, (object, task) => {
        assert_true (Thread.self<void*> () == owner);
        try {
            assert_true (task.propagate_int () == 17);
        } catch (Error error) {
            assert_not_reached ();
        }
        tasks_may_be_added.callback ();
    });
    assert_true (requests.add_task (task, (task) => task.return_int (17)) == 0);
    requests.do_async.begin (null);
    yield;
}

int main (string[] args) {
    Test.init (ref args);

    Test.add_func ("/par/vala/settings-are-properties", settings_are_properties);
    Test.add_func ("/par/vala/both-kinds-share-a-run", both_kinds_share_a_run);
    Test.add_func ("/par/vala/yield-do", () => run_async ((cb) => yield_do.begin (cb)));
    Test.add_func ("/par/vala/yield-do-throws", () =>
        run_async ((cb) => yield_do_throws.begin (cb)));
    Test.add_func ("/par/vala/yield-next", () => run_async ((cb) => yield_next.begin (cb)));
    Test.add_func ("/par/vala/yield-next-throws", () =>
        run_async ((cb) => yield_next_throws.begin (cb)));
    Test.add_func ("/par/vala/cancelled-runs-end", () =>
        run_async ((cb) => cancelled_runs_end.begin (cb)));
    Test.add_func ("/par/vala/late-runs-end", () => run_async ((cb) => late_runs_end.begin (cb)));
    Test.add_func ("/par/vala/enough-is-enough", enough_is_enough);
    Test.add_func ("/par/vala/one-failure-is-enough", one_failure_is_enough);
    Test.add_func ("/par/vala/a-second-run-is-pending", () =>
        run_async ((cb) => a_second_run_is_pending.begin (cb)));
    Test.add_func ("/par/vala/next-gives-requests", next_gives_requests);
    Test.add_func ("/par/vala/signals-come-in-order", signals_come_in_order);
    Test.add_func ("/par/vala/it-is-a-list-model", it_is_a_list_model);
    Test.add_func ("/par/vala/sources-give-more", sources_give_more);
    Test.add_func ("/par/vala/figures-tell-all", figures_tell_all);
    Test.add_func ("/par/vala/tasks-may-be-added", () =>
        run_async ((cb) => tasks_may_be_added.begin (cb)));

    return Test.run ();
}
