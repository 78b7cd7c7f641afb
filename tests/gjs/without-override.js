// SPDX-License-Identifier: LGPL-2.1-or-later

// A program of the old kind that has only what GJS makes of the typelib, run by test-threads.js.
// JavaScript may not run off the main thread: where it adds a thread function after all it meets an
// error, not a crash or a hang.

imports.gi.versions.Par = '1';

const {GLib, GObject, Par} = imports.gi;
const System = imports.system;

// GJS tells of each call that it blocks by a critical, which is not to end the tests.
GLib.log_set_always_fatal(GLib.LogLevelFlags.LEVEL_ERROR);

function check(what, condition) {
    if (condition)
        return;

    printerr(`failed: ${what}`);
    System.exit(1);
}

function getError(function_) {
    try {
        function_();
        return null;
    } catch (error) {
        return error;
    }
}

function mustNotBeCalled() {
    printerr('failed: a function was called off the main thread');
    System.exit(1);
}

function checkProperties() {
    const requests = new Par.Requests({concurrency: 3, maxFailures: 0, 'request-timeout': 20});

    check('properties at construction', requests.concurrency === 3);
    check('properties in camel case', requests.maxFailures === 0);
    check('properties with a dash', requests.request_timeout === 20);
    requests.redundancy = 64;
    requests.keepCompleted = false;
    requests.set_timeout(250);
    check('properties set', requests.redundancy === 64 && !requests.keep_completed);
    check('setters', requests.timeout === 250);
    check('counters', requests.n_requests === 0 && requests.nSucceeded === 0);
    check('progress', requests.progress === 0 && !requests.running);
}

function checkEmptyRun() {
    const requests = new Par.Requests();
    let nFinished = 0;

    requests.connect('finished', () => nFinished++);
    check('a run of nothing', requests.do(null) && nFinished === 1);
    check('its figures', requests.get_stats().get_n_requests() === 0);
    check('next', requests.next(null) === null);
    check('no request', requests.get_request(0) === null && requests.get_item(0) === null);
}

function checkNoResult(request) {
    check('the request has failed', request.get_state() === Par.RequestState.FAILED);
    check('the request has no result',
        request.get_error().matches(Par.RequestsError, Par.RequestsError.NO_RESULT));
    check('nor a value', request.get_value() === null);
}

function checkBlockingRun() {
    const requests = new Par.Requests({concurrency: 2});
    const completed = [];

    for (let i = 0; i < 10; i++)
        requests.add_thread(mustNotBeCalled);
    requests.connect('completed', (_, request) => completed.push(request.get_index()));
    const error = getError(() => requests.do(null));

    check('a run of thread functions fails',
        error.matches(Par.RequestsError, Par.RequestsError.FAILED));
    check('the error says why', error.message.includes('10 of 10 requests failed'));
    check('each has completed', completed.sort((a, b) => a - b).join() === '0,1,2,3,4,5,6,7,8,9');
    for (let i = 0; i < 10; i++)
        checkNoResult(requests.get_request(i));
}

function checkAsyncRun() {
    const requests = new Par.Requests({redundancy: 3});
    const loop = new GLib.MainLoop(null, false);
    let error = null;

    requests.add_thread(mustNotBeCalled);
    requests.do_async(null, (_, result) => {
        error = getError(() => requests.do_finish(result));
        loop.quit();
    });
    loop.run();

    check('a run in the loop fails too',
        error.matches(Par.RequestsError, Par.RequestsError.FAILED));
    checkNoResult(requests.get_item(0));
    check('after all attempts', requests.get_item(0).get_n_attempts() === 3);
    check('with the error of each', requests.get_item(0).get_attempt_errors().length === 3);
}

function checkOtherRequests() {
    const Greeting = GObject.registerClass(class Greeting extends Par.Request {
        vfunc_run() {
            mustNotBeCalled();
        }
    });
    const requests = new Par.Requests();

    requests.add(Par.Request.new_thread(mustNotBeCalled));
    requests.add(new Greeting({label: 'hello', priority: -1}));
    check('a run of request objects fails', getError(() => requests.do(null)) !== null);
    checkNoResult(requests.get_request(0));
    checkNoResult(requests.get_request(1));
    check('the object is the same', requests.get_request(1).label === 'hello');
}

function checkGarbage() {
    for (let i = 0; i < 5; i++) {
        const requests = new Par.Requests();

        for (let j = 0; j < 20; j++)
            requests.add_thread(mustNotBeCalled);
        getError(() => requests.do(null));
        System.gc();
    }
}

checkProperties();
checkEmptyRun();
checkBlockingRun();
checkAsyncRun();
checkOtherRequests();
checkGarbage();
System.gc();
print('no thread function was called');
