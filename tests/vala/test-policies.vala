/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hedges, retries and limiters, and what workers do. */

using GLib;
using Par;

void settings_are_properties () {
    var hedge = new Hedge () {
        delay = 20, percentile = 99, min_delay = 2, max_delay = 100, min_samples = 10,
        window = 1000, max_hedges = 1, max_extra_load = 0.5, burst = 3
    };
    assert_cmpuint (hedge.get_delay (), EQ, 20);
    assert_cmpfloat (hedge.get_percentile (), EQ, 99);
    assert_cmpuint (hedge.get_min_delay (), EQ, 2);
    assert_cmpuint (hedge.get_max_delay (), EQ, 100);
    assert_cmpuint (hedge.get_min_samples (), EQ, 10);
    assert_cmpuint (hedge.get_window (), EQ, 1000);
    assert_cmpuint (hedge.get_max_hedges (), EQ, 1);
    assert_cmpfloat (hedge.get_max_extra_load (), EQ, 0.5);
    assert_cmpuint (hedge.get_burst (), EQ, 3);
    hedge.set_delay (0);
    hedge.set_percentile (95);
    hedge.set_min_delay (1);
    hedge.set_max_delay (0);
    hedge.set_min_samples (50);
    hedge.set_window (30000);
    hedge.set_max_hedges (2);
    hedge.set_max_extra_load (0.1);
    hedge.set_burst (10);
    assert_cmpuint (hedge.delay, EQ, 0);
    assert_cmpfloat (hedge.current_delay, EQ, -1);

    var retry = new Retry () {
        max_retries = 5, initial_delay = 1, max_delay = 10, multiplier = 1.5, jitter = 0,
        max_extra_load = 1, burst = 7
    };
    assert_cmpuint (retry.get_max_retries (), EQ, 5);
    assert_cmpuint (retry.get_initial_delay (), EQ, 1);
    assert_cmpuint (retry.get_max_delay (), EQ, 10);
    assert_cmpfloat (retry.get_multiplier (), EQ, 1.5);
    assert_cmpfloat (retry.get_jitter (), EQ, 0);
    assert_cmpfloat (retry.get_max_extra_load (), EQ, 1);
    assert_cmpuint (retry.get_burst (), EQ, 7);
    retry.set_max_retries (3);
    retry.set_initial_delay (100);
    retry.set_max_delay (10000);
    retry.set_multiplier (2);
    retry.set_jitter (1);
    retry.set_max_extra_load (0.2);
    retry.set_burst (100);
    assert_cmpuint (retry.max_retries, EQ, 3);

    var limiter = new Limiter () { concurrency = 6, rate = 100, burst = 5, per_key = true };
    assert_cmpuint (limiter.get_concurrency (), EQ, 6);
    assert_cmpfloat (limiter.get_rate (), EQ, 100);
    assert_cmpuint (limiter.get_burst (), EQ, 5);
    assert_true (limiter.get_per_key ());
    limiter.set_concurrency (0);
    limiter.set_rate (0);
    limiter.set_burst (1);
    limiter.set_per_key (false);
    assert_false (limiter.per_key);
    assert_true (limiter.n_running == 0 && limiter.get_n_waiting () == 0 && limiter.n_waiting == 0);

    var requests = new Requests () { hedge = hedge, retry = retry, limiter = limiter };
    assert_true (requests.get_hedge () == hedge);
    assert_true (requests.get_retry () == retry);
    assert_true (requests.get_limiter () == limiter);
    requests.set_hedge (null);
    requests.set_retry (null);
    requests.set_limiter (null);
    assert_null (requests.hedge);
}

void failed_attempts_are_made_again () {
    var requests = new Requests () {
        retry = new Retry () { initial_delay = 0 }
    };

    requests.add_thread ((attempt) => {
        if (attempt.number < 3) {
            attempt.set_retry_after (1);
            throw new IOError.BUSY ("try again");
        }
        assert_true (attempt.kind == AttemptKind.RETRY);
        attempt.return_int64 (attempt.number);
    });
    requests.add_async ((attempt) =>
        attempt.return_fatal_error (new IOError.NOT_FOUND ("gone for good")));
    try {
        requests.do ();
        assert_not_reached ();
    } catch (Error error) {
        assert_true (error is RequestsError.FAILED);
    }

    assert_true (requests.get_request (0).get_value ().get_int64 () == 3);
    assert_cmpuint (requests.get_request (1).n_attempts, EQ, 1);
    assert_true (requests.get_request (1).get_error () is IOError.NOT_FOUND);
    assert_true (requests.retry.n_sent == 2 && requests.retry.get_n_sent () == 2);
    assert_true (requests.retry.n_refused == 0 && requests.retry.get_n_refused () == 0);
    assert_true (requests.get_stats ().get_n_retries () == 2);
}

void slow_attempts_are_hedged () {
    var hedge = new Hedge () { delay = 1, max_extra_load = 1 };
    var requests = new Requests () { hedge = hedge };
    Attempt? slow = null;

    requests.add_async ((attempt) => {
        if (attempt.kind == AttemptKind.HEDGE) {
            attempt.return_string ("hedged");
        } else {
            slow = attempt;
        }
    });
    try {
        assert_true (requests.do ());
    } catch (Error error) {
        assert_not_reached ();
    }

    assert_cmpstr (requests.get_request (0).get_value ().get_string (), EQ, "hedged");
    assert_true (slow.get_cancellable ().is_cancelled ());
    /* Else the lambda would keep the attempt, and the attempt the lambda. */
    slow = null;
    while (MainContext.default ().iteration (false));
    assert_true (hedge.n_sent == 1 && hedge.get_n_sent () == 1);
    assert_true (hedge.n_won == 1 && hedge.get_n_won () == 1);
    assert_true (hedge.n_refused == 0 && hedge.get_n_refused () == 0);
    assert_cmpfloat (hedge.get_current_delay (), EQ, 1);
    assert_true (hedge.extra_load > 0 && hedge.get_extra_load () == hedge.extra_load);
    assert_true (requests.get_stats ().get_n_hedges () == 1);
    assert_true (requests.get_stats ().get_n_hedges_won () == 1);
    assert_true (requests.get_stats ().get_n_hedges_refused () == 0);
}

void a_limiter_bounds () {
    var limiter = new Limiter () { concurrency = 1 };
    var requests = new Requests () { limiter = limiter };
    int n_running = 0;

    for (uint i = 0; i < 20; i++) {
        requests.add_thread ((attempt) => {
            assert_cmpint (AtomicInt.add (ref n_running, 1), EQ, 0);
            AtomicInt.add (ref n_running, -1);
            attempt.return_boolean (true);
        });
    }
    try {
        assert_true (requests.do ());
    } catch (Error error) {
        assert_not_reached ();
    }
    assert_true (limiter.get_n_running () == 0);
}

Private current_city;

/* What a worker has around its attempts is there in all of them; and an attempt may tell of its
 * progress. */
void workers_are_surrounded () {
    var requests = new Requests () { concurrency = 2 };
    unowned var owner = Thread.self<void*> ();
    int n_surrounded = 0;
    uint n_invoked = 0;

    requests.set_worker_func (() => {
        AtomicInt.inc (ref n_surrounded);
        current_city.set ((void*) "Oakland");
        Requests.work ();
        current_city.set (null);
    });
    for (uint i = 0; i < 10; i++) {
        requests.add_thread ((attempt) => {
            requests.invoke (() => {
                assert_true (Thread.self<void*> () == owner);
                n_invoked++;
            });
            attempt.return_string ((string) current_city.get ());
        });
    }
    try {
        assert_true (requests.do ());
    } catch (Error error) {
        assert_not_reached ();
    }
    while (n_invoked < 10) {
        MainContext.default ().iteration (true);
    }

    assert_true (AtomicInt.get (ref n_surrounded) >= 1);
    for (uint i = 0; i < 10; i++) {
        assert_cmpstr (requests.get_request (i).get_value ().get_string (), EQ, "Oakland");
    }
    requests.set_worker_func (null);
}

/* Requests that differ in their data only share one function. */
void arguments_are_given () {
    var requests = new Requests () { concurrency = 2 };

    requests.set_function ((attempt, argument) => {
        if (argument.get_int64 () == 3) {
            throw new IOError.NOT_FOUND ("no such city");
        }
        attempt.return_int64 (argument.get_int64 () * 10);
    });
    for (int64 i = 0; i < 5; i++) {
        var argument = Value (typeof (int64));
        argument.set_int64 (i);
        assert_true (requests.add_argument (argument) == i);
    }
    try {
        requests.do ();
        assert_not_reached ();
    } catch (Error error) {
        assert_true (error is RequestsError.FAILED);
    }
    assert_true (requests.get_request (4).get_value ().get_int64 () == 40);
    assert_true (requests.get_request (3).get_error () is IOError.NOT_FOUND);
}

int main (string[] args) {
    Test.init (ref args);

    current_city = new Private ();
    Test.add_func ("/par/vala/settings-of-policies-are-properties", settings_are_properties);
    Test.add_func ("/par/vala/failed-attempts-are-made-again", failed_attempts_are_made_again);
    Test.add_func ("/par/vala/slow-attempts-are-hedged", slow_attempts_are_hedged);
    Test.add_func ("/par/vala/a-limiter-bounds", a_limiter_bounds);
    Test.add_func ("/par/vala/workers-are-surrounded", workers_are_surrounded);
    Test.add_func ("/par/vala/arguments-are-given", arguments_are_given);

    return Test.run ();
}
