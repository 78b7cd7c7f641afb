// SPDX-License-Identifier: LGPL-2.1-or-later

// JavaScript may not run off the main thread, so a thread request that it adds fails.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Par from 'gi://Par?version=1';
import System from 'system';

import {complains, equal, matches, ok, rejects, run, runFile, test, throws} from './harness.js';

const BLOCKED = /Gjs-CRITICAL.*(JS callback on a different thread|offending callback was)/;

function mustNotBeCalled() {
    printerr('a thread function was called');
    System.exit(1);
}

function checkNoResult(request) {
    equal(request.get_state(), Par.RequestState.FAILED);
    matches(request.exception, Par.RequestsError, Par.RequestsError.NO_RESULT);
    ok(request.exception.message.includes('add()'), 'it says what to write instead');
}

test('a thread request fails with no result', async () => {
    const requests = new Par.Requests({concurrency: 2});
    const completed = [];

    requests.connect('completed', (_requests, request) => completed.push(request.index));
    for (let i = 0; i < 10; i++)
        equal(requests.add_thread(mustNotBeCalled), i);
    const error = await rejects(requests.do_async(null));
    matches(error, Par.RequestsError, Par.RequestsError.FAILED);
    ok(error.message.startsWith('10 of 10 requests failed; request 0: '), error.message);
    equal(completed.sort((a, b) => a - b), [...Array(10).keys()]);
    [...requests].forEach(checkNoResult);
});

test('so do its copies', async () => {
    const requests = new Par.Requests({redundancy: 3});

    requests.add_thread(mustNotBeCalled);
    await rejects(requests.do_async(null));
    equal(requests.get_request(0).get_attempt_errors().length, 3);
    checkNoResult(requests.get_request(0));
});

test('so does a prepared one', async () => {
    const requests = new Par.Requests();

    requests.add(Par.Request.new_thread(mustNotBeCalled), {label: 'prepared'});
    await rejects(requests.do_async(null));
    checkNoResult(requests.get_request(0));
    equal(requests.get_request(0).label, 'prepared');
});

test('async requests beside them succeed', async () => {
    const requests = new Par.Requests({concurrency: 3});

    for (let i = 0; i < 10; i++) {
        requests.add_thread(mustNotBeCalled);
        requests.add(async () => i);
    }
    await rejects(requests.do_async(null));
    equal([requests.n_succeeded, requests.n_failed], [10, 10]);
    equal(requests.get_request(7).result(), 3);
});

test('a loop gives them', async () => {
    const requests = new Par.Requests();

    requests.add_thread(mustNotBeCalled);
    for await (const request of requests)
        checkNoResult(request);
});

test('they may be cancelled, and dropped', async () => {
    const requests = new Par.Requests({concurrency: 1});
    const cancellable = new Gio.Cancellable();

    for (let i = 0; i < 100; i++)
        requests.add_thread(mustNotBeCalled);
    cancellable.cancel();
    await rejects(requests.do_async(cancellable));
    equal(requests.n_cancelled, 100);

    (() => {
        const dropped = new Par.Requests();

        for (let i = 0; i < 10; i++)
            dropped.add_thread(mustNotBeCalled);
    })();
    System.gc();
});

test('workers cannot share a function', () => {
    const requests = new Par.Requests();

    ok(throws(() => requests.set_function(mustNotBeCalled)).message.includes('add()'),
        'it says what to write instead');
    ok(throws(() => requests.add_argument(1)).message.includes('add()'),
        'it says what to write instead');
    equal(requests.n_requests, 0);
});

test('workers cannot be surrounded', () => {
    ok(throws(() => new Par.Requests().set_worker_func(mustNotBeCalled)).message.includes('worker'),
        'it says why');
    complains('Par', GLib.LogLevelFlags.LEVEL_CRITICAL, '*has_worked*', () => Par.Requests.work());
});

test('a class that can only run in a worker has no result', async () => {
    const Greeting = GObject.registerClass(class Greeting extends Par.Request {
        vfunc_run() {
            mustNotBeCalled();
        }
    });
    const requests = new Par.Requests();

    requests.add(new Greeting());
    await rejects(requests.do_async(null));
    checkNoResult(requests.get_request(0));
});

test('a class that can do both is started', async () => {
    const EitherGreeting = GObject.registerClass(class EitherGreeting extends Par.Request {
        vfunc_is_async() {
            mustNotBeCalled();
            return false;
        }

        vfunc_run() {
            mustNotBeCalled();
        }

        vfunc_start(attempt) {
            attempt.return_string('started');
        }
    });
    const requests = new Par.Requests();

    requests.add(new EitherGreeting());
    await requests.do_async(null);
    equal(requests.get_request(0).result(), 'started');
});

test('without the override, GJS blocks the call', async () => {
    // Newer ones crash, which only the override prevents.
    if (System.version >= 18190)
        return;

    const {status, output, errors} = await runFile('without-override.js',
        {GJS_PATH: '/nonexistent', XDG_DATA_DIRS: '/nonexistent'});

    ok(status === 0, `${output}${errors}`);
    equal(output, 'no thread function was called\n');
    const others = errors.split('\n').filter(line => line !== '' && !BLOCKED.test(line));
    equal(others, []);
    ok(BLOCKED.test(errors), 'GJS tells of it');
});

run();
