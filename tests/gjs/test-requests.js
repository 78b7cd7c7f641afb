// SPDX-License-Identifier: LGPL-2.1-or-later

// Par.Requests: settings, adding, runs, signals, the list model and the figures.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Par from 'gi://Par?version=1';

import {complains, equal, Gate, idle, matches, ok, OUT_OF_RANGE, rejects, run, test, throws, until,
    untilCancelled} from './harness.js';

const {QUEUED, RUNNING, SUCCEEDED, CANCELLED} = Par.RequestState;

// name, default, another value, and one that is out of range
const SETTINGS = [
    ['concurrency', 0, 3, -1],
    ['redundancy', 1, 64, 65],
    ['timeout', 0, 250, -1],
    ['request_timeout', 0, 20, -1],
    ['attempt_timeout', 0, 10, 2 ** 31],
    ['max_failures', -1, 0, -2],
    ['min_successes', 0, 2, -1],
    ['wait_for_attempts', false, true],
    ['keep_completed', true, false],
    ['paused', false, true],
];

function camelCase(name) {
    return name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
}

function getStates(requests) {
    return [...requests].map(request => request.get_state());
}

function getCounters(requests) {
    const properties = [requests.n_requests, requests.n_queued, requests.n_running,
        requests.n_succeeded, requests.n_failed, requests.n_cancelled, requests.n_attempts_running];

    equal([requests.get_n_requests(), requests.get_n_queued(), requests.get_n_running(),
        requests.get_n_succeeded(), requests.get_n_failed(), requests.get_n_cancelled(),
        requests.get_n_attempts_running()], properties, 'what the getters give');
    equal(requests.nRequests, requests.n_requests);
    equal(properties.slice(1, 6).reduce((a, b) => a + b), properties[0], 'the sum of the counters');

    return properties;
}

// Adds requests that wait until they are cancelled, and returns the cancellables they are given.
function addWaiting(requests, n) {
    const cancellables = [];

    for (let i = 0; i < n; i++) {
        requests.add(cancellable => {
            cancellables.push(cancellable);
            return untilCancelled(cancellable);
        });
    }
    return cancellables;
}

for (const [name, initial, other, outOfRange] of SETTINGS) {
    test(`the setting ${name} is a property`, () => {
        const requests = new Par.Requests();
        const dashed = name.replaceAll('_', '-');
        let nNotified = 0;

        requests.connect(`notify::${dashed}`, () => nNotified++);
        equal(requests[name], initial);
        requests[name] = other;
        equal(requests[name], other);
        equal(requests[camelCase(name)], other);
        equal(requests[`get_${name}`](), other);
        requests[`set_${name}`](initial);
        requests[`set_${name}`](initial);
        equal(requests[name], initial);
        equal(nNotified, 2, 'the number of notifications');

        for (const key of [name, camelCase(name), dashed])
            equal(new Par.Requests({[key]: other})[name], other, `${key} of the constructor`);
        if (outOfRange !== undefined) {
            complains('GLib-GObject', OUT_OF_RANGE, '*out of range*', () => {
                requests[name] = outOfRange;
            });
            equal(requests[name], initial);
        }
    });
}

test('add() gives running numbers', () => {
    const requests = new Par.Requests();

    equal(requests.add(() => {}), 0);
    equal(requests.add(async () => {}), 1);
    equal(requests.add_async(() => {}), 2);
    equal(requests.add_thread(() => {}), 3);
    equal(requests.add(Par.Request.new_async(() => {})), 4);
    equal(requests.add(() => {}, {label: 'five'}), 5);
    equal(requests.n_requests, 6);
});

test('add() refuses what is no request', () => {
    const requests = new Par.Requests();

    for (const what of [undefined, null, 7, 'text', {}, Promise.resolve(), new Gio.Cancellable()])
        ok(throws(() => requests.add(what)) instanceof TypeError, 'a TypeError');
    ok(throws(() => requests.add()).message.includes('takes a function'), 'the message');
    equal(requests.n_requests, 0);
});

test('add() refuses properties that are not there or are out of place', () => {
    const requests = new Par.Requests();

    ok(throws(() => requests.add(() => {}, {n_attempts: 3})) !== null, 'a read-only property');
    equal(requests.n_requests, 0);
});

test('add() refuses a request that has been added', () => {
    const requests = new Par.Requests();
    const request = Par.Request.new_async(() => {});

    requests.add(request);
    // The second complaint is about the index that stands for none, G_MAXUINT64.
    complains('Par', GLib.LogLevelFlags.LEVEL_CRITICAL, '*has been added already*', () =>
        complains('Gjs', GLib.LogLevelFlags.LEVEL_WARNING, '*18446744073709551615*', () =>
            requests.add(request)));
    equal(requests.n_requests, 1);
});

test('the function is given a cancellable and its attempt', async () => {
    const requests = new Par.Requests();
    let given;

    requests.add((...args) => {
        given = args;
        equal(args[0], args[1].get_cancellable());
    });
    await requests.do_async(null);
    ok(given[0] instanceof Gio.Cancellable, 'a cancellable');
    ok(given[1] instanceof Par.Attempt, 'an attempt');
    equal(given.length, 2);
});

test('no more than concurrency are called at once', async () => {
    const requests = new Par.Requests({concurrency: 3});
    let nRunning = 0, peak = 0;

    for (let i = 0; i < 20; i++) {
        requests.add(async () => {
            peak = Math.max(peak, ++nRunning);
            await idle();
            nRunning--;
        });
    }
    await requests.do_async(null);
    equal(peak, 3);
    equal(requests.n_succeeded, 20);
});

test('concurrency may be raised during a run', async () => {
    const requests = new Par.Requests({concurrency: 1});
    const gate = new Gate();
    let nStarted = 0;

    for (let i = 0; i < 4; i++) {
        requests.add(() => {
            if (++nStarted === 4)
                gate.open();
            return gate.opened;
        });
    }
    const done = requests.do_async(null);
    requests.concurrency = 4;
    ok(await done, 'all four had to run at once');
});

test('a paused run starts nothing until it goes on', async () => {
    const requests = new Par.Requests({paused: true});
    let nCalled = 0;

    requests.add(() => nCalled++);
    const done = requests.do_async(null);
    for (let i = 0; i < 5; i++)
        await idle();
    equal(nCalled, 0);
    requests.paused = false;
    await done;
    equal(nCalled, 1);
});

test('do_async() of nothing succeeds', async () => {
    ok(await new Par.Requests().do_async(), 'without a cancellable');
    ok(await new Par.Requests().do_async(null), 'with null');
});

test('do_async() with a callback returns nothing and calls it', async () => {
    const requests = new Par.Requests();
    const called = new Gate();

    requests.add(() => 7);
    equal(requests.do_async(null, (source, result) => called.open([source, result])), undefined);
    const [source, result] = await called.opened;
    equal(source, requests);
    equal(requests.do_finish(result), true);
    equal(requests.get_request(0).result(), 7);
});

test('do_finish() throws the error of the run', async () => {
    const requests = new Par.Requests();
    const called = new Gate();

    requests.add(() => {
        throw new Error('no');
    });
    requests.do_async(null, (_source, result) => called.open(result));
    const result = await called.opened;
    matches(throws(() => requests.do_finish(result)), Par.RequestsError, Par.RequestsError.FAILED);
});

test('the promise of do_async() tells where it was made', async function whereItWasMade() {
    const requests = new Par.Requests({timeout: 1});

    requests.hold();
    const error = await rejects(requests.do_async(null));
    matches(error, Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    ok(error.stack.includes('whereItWasMade'), error.stack);
});

test('do() and next() say what to write instead', () => {
    const requests = new Par.Requests();

    ok(throws(() => requests.do()).message.includes('await requests.do_async('), 'do()');
    ok(throws(() => requests.do(null)).message.includes('await requests.do_async('), 'do(null)');
    ok(throws(() => requests.next(null)).message.includes('for await ('), 'next()');
    equal(requests.running, false);
});

test('a second run meanwhile is pending', async () => {
    const requests = new Par.Requests();
    const gate = new Gate();

    requests.add(() => gate.opened);
    const done = requests.do_async(null);
    matches(await rejects(requests.do_async(null)), Gio.IOErrorEnum, Gio.IOErrorEnum.PENDING);
    gate.open();
    ok(await done, 'the first goes on');
});

test('the next run takes what is new', async () => {
    const requests = new Par.Requests();
    const called = [];

    requests.add(() => called.push('a'));
    await requests.do_async(null);
    requests.add(() => called.push('b'));
    await requests.do_async(null);
    equal(called, ['a', 'b']);
    equal([...requests].map(request => request.result()), [1, 2]);
});

test('what is added while running is run', async () => {
    const requests = new Par.Requests({concurrency: 2});
    const called = [];

    function addMore(n) {
        requests.add(async () => {
            called.push(n);
            if (n < 5)
                addMore(n + 1);
            await idle();
        });
    }
    addMore(0);
    requests.connect('completed', (_requests, request) => {
        if (request.index === 0)
            requests.add(() => called.push('from a handler'));
    });
    await requests.do_async(null);
    equal(called.filter(n => n !== 'from a handler'), [0, 1, 2, 3, 4, 5]);
    equal(requests.n_succeeded, 7);
});

test('a handler of finished may run what it adds', async () => {
    const requests = new Par.Requests();
    const called = [];
    let second = null;

    requests.connect('finished', () => {
        if (second !== null)
            return;
        requests.add(() => called.push('second'));
        second = requests.do_async(null);
    });
    requests.add(() => called.push('first'));
    await requests.do_async(null);
    await second;
    equal(called, ['first', 'second']);
});

test('hold() keeps a run open until release()', async () => {
    const requests = new Par.Requests();
    let over = false;

    requests.hold();
    const done = requests.do_async(null).then(() => {
        over = true;
    });
    for (let i = 0; i < 5; i++)
        await idle();
    ok(!over, 'the run is held');
    requests.add(() => 'late');
    requests.release();
    await done;
    equal(requests.get_request(0).result(), 'late');
});

test('invoke() calls a function soon, and once', async () => {
    const requests = new Par.Requests();
    const called = new Gate();
    let nCalled = 0;

    requests.invoke(() => {
        nCalled++;
        called.open('called');
    });
    equal(nCalled, 0);
    equal(await called.opened, 'called');
    requests.add(() => requests.invoke(() => nCalled++));
    await requests.do_async(null);
    await until(() => nCalled === 2, 'the second is called');
});

test('a run that is too late ends', async () => {
    const requests = new Par.Requests({timeout: 5});
    const cancellables = addWaiting(requests, 3);

    const error = await rejects(requests.do_async(null));
    matches(error, Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    ok(error.message.startsWith('timed out after 5 ms: 0 of 3 requests succeeded'), error.message);
    equal(getStates(requests), [CANCELLED, CANCELLED, CANCELLED]);
    ok(cancellables.every(cancellable => cancellable.is_cancelled()), 'all are told');
    for (const request of requests) {
        equal(request.get_cancel_reason(), Par.CancelReason.TIMED_OUT);
        matches(throws(() => request.result()), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    }
});

test('a run that is cancelled ends', async () => {
    const requests = new Par.Requests({concurrency: 2});
    const cancellable = new Gio.Cancellable();
    const cancellables = addWaiting(requests, 3);

    requests.connect('started', () => cancellable.cancel());
    const error = await rejects(requests.do_async(cancellable));
    matches(error, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    equal(cancellables.length, 2, 'what was called');
    ok(cancellables.every(each => each.is_cancelled()), 'they are told');
    for (const request of requests) {
        equal(request.get_cancel_reason(), Par.CancelReason.CANCELLED);
        matches(request.exception, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    }
});

test('a run that was cancelled before calls nothing', async () => {
    const requests = new Par.Requests();
    const cancellable = new Gio.Cancellable();

    cancellable.cancel();
    requests.add(() => ok(false, 'not called'));
    matches(await rejects(requests.do_async(cancellable)),
        Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    equal(requests.n_cancelled, 1);
});

test('too many failures end a run', async () => {
    const requests = new Par.Requests({max_failures: 1, concurrency: 1});

    for (let i = 0; i < 5; i++) {
        requests.add(async () => {
            throw new Error(`failure ${i}`);
        });
    }
    const error = await rejects(requests.do_async(null));
    matches(error, Par.RequestsError, Par.RequestsError.FAILED);
    ok(error.message.includes('request 0: Error: failure 0'), error.message);
    equal([requests.n_failed, requests.n_cancelled], [2, 3]);
    equal(requests.get_request(4).get_cancel_reason(), Par.CancelReason.FAILURES);
});

test('enough successes end a run', async () => {
    const requests = new Par.Requests({min_successes: 2});

    addWaiting(requests, 2);
    requests.add(() => 1);
    requests.add(() => 2);
    ok(await requests.do_async(null), 'it succeeds');
    equal([requests.n_succeeded, requests.n_cancelled], [2, 2]);
    equal(requests.get_request(0).get_cancel_reason(), Par.CancelReason.ENOUGH);
});

test('copies that lose are cancelled, the winner is not', async () => {
    const requests = new Par.Requests({redundancy: 3});
    const cancellables = [];

    requests.add((cancellable, attempt) => {
        cancellables.push(cancellable);
        return attempt.get_number() === 2 ? Promise.resolve('won') : untilCancelled(cancellable);
    });
    await requests.do_async(null);
    await idle();
    equal(cancellables.map(cancellable => cancellable.is_cancelled()), [true, false, true]);
    equal(requests.get_request(0).result(), 'won');
    equal(requests.get_request(0).get_n_attempts(), 3);
});

test('wait-for-attempts waits for those that lost', async () => {
    const requests = new Par.Requests({redundancy: 2, wait_for_attempts: true});
    let nEnded = 0;

    requests.add(async (cancellable, attempt) => {
        if (attempt.get_number() === 1)
            await new Promise(resolve => cancellable.connect(() => resolve()));
        nEnded++;
    });
    await requests.do_async(null);
    equal(nEnded, 2);
    equal(requests.n_attempts_running, 0);
});

test('signals come in order, and the counters with them', async () => {
    const requests = new Par.Requests({concurrency: 1});
    const events = [];

    requests.connect('started', (source, request, number, kind) => {
        equal(source, requests);
        equal([number, kind], [1, Par.AttemptKind.FIRST]);
        events.push(`started ${request.index}`);
    });
    requests.connect('completed', (_source, request) => {
        events.push(`completed ${request.index}: ${request.result()}`);
        getCounters(requests);
    });
    requests.connect('notify::running', () => events.push(`running ${requests.running}`));
    requests.connect('finished', () => {
        events.push('finished');
        equal(requests.is_running(), false);
    });
    requests.add(() => 'a');
    requests.add(async () => 'b');
    equal(getCounters(requests), [2, 2, 0, 0, 0, 0, 0]);
    await requests.do_async(null);
    equal(getCounters(requests), [2, 0, 0, 2, 0, 0, 0]);
    equal(events, ['running true', 'started 0', 'completed 0: a', 'started 1', 'completed 1: b',
        'running false', 'finished']);
});

test('counters and progress are told of', async () => {
    const requests = new Par.Requests();
    const gate = new Gate();
    const notified = new Set();
    const progress = [];

    requests.connect('notify', (_requests, pspec) => notified.add(pspec.get_name()));
    requests.connect('notify::progress', () => progress.push(requests.progress));
    equal([requests.get_progress(), requests.running], [0, false]);
    requests.add(() => gate.opened);
    requests.add(() => {
        throw new Error('fails');
    });
    requests.add(() => 'succeeds');
    const done = requests.do_async(null);
    await until(() => requests.n_failed + requests.n_succeeded === 2, 'two have settled');
    equal(getCounters(requests), [3, 0, 1, 1, 1, 0, 1]);
    requests.get_request(0).cancel();
    await rejects(done);
    equal(getCounters(requests).slice(0, 6), [3, 0, 0, 1, 1, 1]);
    for (const name of ['n-requests', 'n-queued', 'n-running', 'n-succeeded', 'n-failed',
        'n-cancelled', 'n-attempts-running', 'progress', 'running'])
        ok(notified.has(name), `notify::${name}`);
    equal(progress.at(-1), 1);
    equal(requests.get_progress(), 1);
    gate.open();
});

test('it is a list model', async () => {
    const requests = new Par.Requests();
    const changes = [];

    ok(requests instanceof Gio.ListModel, 'by its type');
    equal(requests.get_item_type(), Par.Request.$gtype);
    equal([requests.get_n_items(), requests.get_item(0), requests.get_request(0)], [0, null, null]);
    requests.connect('items-changed', (_model, ...change) => changes.push(change));
    requests.add(() => 'a');
    requests.add(() => 'b', {label: 'the second'});
    equal(changes, [[0, 0, 1], [1, 0, 1]]);
    equal(requests.get_n_items(), 2);
    equal(requests.get_item(1), requests.get_request(1));
    equal(requests.get_item(1).label, 'the second');
    await requests.do_async(null);
    equal(requests.get_item(0).result(), 'a');
    equal(requests.get_request(2), null);
});

test('keep-completed FALSE empties the model', async () => {
    const requests = new Par.Requests({keep_completed: false, concurrency: 2});
    const results = [];
    const kept = [];

    requests.connect('completed', (_requests, request) => {
        results.push(request.result().i);
        if (results.length === 1)
            kept.push(request);
    });
    for (let i = 0; i < 10; i++)
        requests.add(async () => ({i}));
    await requests.do_async(null);
    equal(results.sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    equal([requests.get_n_items(), requests.n_succeeded], [0, 10]);
    equal(requests.get_request(3), null);
    equal(kept[0].result().i, kept[0].index, 'what was kept');
});

test('a result is there wherever C hands its request on', async () => {
    const requests = new Par.Requests();
    const store = new Gio.ListStore();

    requests.add(() => ({city: 'Oakland'}));
    await requests.do_async(null);
    // C takes the item out and puts it in elsewhere.
    store.append(requests.get_item(0));
    equal(store.get_item(0).result().city, 'Oakland');
});

test('a set of requests may be run inside another', async () => {
    const outer = new Par.Requests();

    for (let i = 0; i < 3; i++) {
        outer.add(async cancellable => {
            const inner = new Par.Requests({concurrency: 2});

            for (let j = 0; j < 4; j++)
                inner.add(async () => 10 * i + j);
            await inner.do_async(cancellable);
            return [...inner].map(request => request.result());
        });
    }
    await outer.do_async(null);
    equal(outer.get_request(2).result(), [20, 21, 22, 23]);
});

test('the figures tell all', async () => {
    const requests = new Par.Requests({redundancy: 2, concurrency: 4});

    requests.add((cancellable, attempt) =>
        attempt.get_number() === 1 ? untilCancelled(cancellable) : Promise.resolve());
    requests.add(() => {
        throw new Error('fails');
    });
    requests.add(() => 'not run');
    requests.get_request(2).cancel();
    await rejects(requests.do_async(null));

    const stats = requests.get_stats();
    const copy = stats.copy();
    ok(stats instanceof Par.Stats, 'a Par.Stats');
    for (const each of [stats, copy]) {
        equal([each.get_n_requests(), each.get_n_queued(), each.get_n_running(),
            each.get_n_succeeded(), each.get_n_failed(), each.get_n_cancelled()],
        [3, 0, 0, 1, 1, 1], 'requests');
        equal([each.get_n_attempts(), each.get_n_copies(), each.get_n_attempts_won(),
            each.get_n_attempts_failed()], [4, 2, 1, 2], 'attempts');
        equal(each.get_n_attempts_lost() + each.get_n_attempts_running(), 1, 'the other');
        ok(each.get_peak_attempts() >= 1 && each.get_peak_attempts() <= 4, 'the peak');
        ok(each.get_elapsed() >= 0, 'the time');
        ok(each.get_latency(50) >= 0 && each.get_latency(99) >= each.get_latency(1), 'latencies');
    }
    equal(new Par.Requests().get_stats().get_latency(50), -1);
});

test('the state of each request can be followed', async () => {
    const requests = new Par.Requests({concurrency: 1});
    const gate = new Gate();

    requests.add(() => gate.opened);
    requests.add(() => {});
    equal(getStates(requests), [QUEUED, QUEUED]);
    requests.connect('started', () => {});
    const done = requests.do_async(null);
    await until(() => requests.n_running === 1, 'one runs');
    equal(getStates(requests), [RUNNING, QUEUED]);
    gate.open();
    await done;
    equal(getStates(requests), [SUCCEEDED, SUCCEEDED]);
});

run();
