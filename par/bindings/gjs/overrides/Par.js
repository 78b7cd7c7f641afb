// SPDX-License-Identifier: LGPL-2.1-or-later

// Makes Par at home in GJS. docs/javascript.md says what there is; here is how and why.
//
// This is a script of the old kind, as overrides are, for programs of both kinds. JavaScript may
// not run off the main thread, so all of it is about async requests, and the owner context of a
// program is its main one.

/* exported _init */

const {Gio, GLib, GObject} = imports.gi;

let Par;

// What the attempts at a request came to, where a GValue or a GError cannot hold it.
//
// It is a property of the request's wrapper, which makes GJS keep that wrapper for as long as
// somebody in C has the request; and the ParRequests has it until it leaves the model. A table
// beside them would be cheaper, but to find it from a request, and to drop from it what is no
// longer wanted, every way would have to be watched by which requests come to a program and leave
// it, that through a Gtk.ListView too. So the request gets an object, though nobody has asked for
// one, if there is something to be kept, and only then.
const outcomes = Symbol('outcomes');

function keep(attempt, outcome) {
    const request = attempt.get_request();

    // There is none for an attempt that is too late.
    if (request === null)
        return;

    request[outcomes] ??= [];
    request[outcomes].push(outcome);
}

// Whether C gives a string back as it was.
function isText(string) {
    return !/[\0\p{Surrogate}]/u.test(string);
}

function succeed(attempt, value) {
    if (value === undefined) {
        attempt.return_value(null);
    } else if (typeof value === 'boolean') {
        attempt.return_boolean(value);
    } else if (typeof value === 'number') {
        attempt.return_double(value);
    } else if (typeof value === 'string' && isText(value)) {
        attempt.return_string(value);
    } else if (value instanceof GObject.Object) {
        attempt.return_object(value);
    } else {
        keep(attempt, {number: attempt.get_number(), value});
        attempt.return_value(null);
    }
}

function describe(exception) {
    try {
        return String(exception);
    } catch {
        return 'something was thrown that cannot be told in words';
    }
}

// Which exceptions are worth another attempt: a function that says so, or nothing.
const retryOn = Symbol('retryOn');

// A class of errors can be called like a function, and would find everything worth it.
function isClass(call) {
    return [Error, GLib.Error].some(base => call === base || call.prototype instanceof base);
}

// Whether an exception is worth one, or what was thrown instead of saying so.
function judge(exception, isWorthIt) {
    try {
        return [exception, isWorthIt === null || isWorthIt(exception)];
    } catch (other) {
        return [other, false];
    }
}

function fail(attempt, thrown, isWorthIt = null) {
    const [exception, isToBeRetried] = judge(thrown, isWorthIt);
    const error = exception instanceof GLib.Error
        ? exception
        : new GLib.Error(Par.RequestsError, Par.RequestsError.FAILED, describe(exception));

    keep(attempt, {error, exception});
    if (isToBeRetried)
        attempt.return_error(error);
    else
        attempt.return_fatal_error(error);
}

function start(attempt, call, isWorthIt) {
    try {
        const result = call(attempt.get_cancellable(), attempt);

        if (typeof result?.then === 'function') {
            Promise.resolve(result)
                .then(value => succeed(attempt, value))
                .catch(exception => fail(attempt, exception, isWorthIt));
        } else {
            succeed(attempt, result);
        }
    } catch (exception) {
        fail(attempt, exception, isWorthIt);
    }
}

function getException(request) {
    const error = request.get_error();

    // The error need not be that of an attempt: the request may have timed out. Par writes the
    // number of attempts before the message.
    const thrown = error === null ? undefined : request[outcomes]?.filter(outcome =>
        outcome.error?.matches(error.domain, error.code) &&
        error.message.endsWith(outcome.error.message)).pop();

    return thrown === undefined ? error : thrown.exception;
}

function getResult(request) {
    switch (request.get_state()) {
    case Par.RequestState.SUCCEEDED: {
        const won = request[outcomes]?.find(({number}) => number === request.get_winner());

        return won === undefined ? request.get_value() ?? undefined : won.value;
    }
    case Par.RequestState.FAILED:
    case Par.RequestState.CANCELLED:
        throw getException(request);
    default:
        throw new Error(`request ${request.get_index()} has not settled: wait for its ` +
            "'completed' signal, or for the end of the run");
    }
}

// Waits for the next request to settle: null at the end of the run.
async function nextCompleted(requests, cancellable) {
    try {
        return await requests.next_async(cancellable);
    } catch (error) {
        // Those that failed have been given.
        if (error.matches(Par.RequestsError, Par.RequestsError.FAILED))
            return null;
        throw error;
    }
}

// Takes what nobody wants of the run, until it is over or the cancellable ends the waiting.
async function drain(requests, cancellable) {
    try {
        while (await requests.next_async(cancellable) !== null)
            ;
    } catch {
        // It was cancelled, or else it is for do_async() to tell.
    }
}

// What goes on of a loop that was left during a run of do_async(): requests that nobody took would
// keep the source from being asked for more.
const leftLoop = Symbol('leftLoop');

async function* iterateCompleted(requests) {
    const cancellable = new Gio.Cancellable();

    requests[leftLoop]?.cancellable.cancel();
    await requests[leftLoop]?.ended;

    const onlyLooks = requests.is_running();
    let request;

    while ((request = await nextCompleted(requests, cancellable)) !== null) {
        let goesOn = false;

        try {
            yield request;
            goesOn = true;
        } finally {
            if (!goesOn && onlyLooks) {
                requests[leftLoop] = {cancellable, ended: drain(requests, cancellable)};
            } else if (!goesOn) {
                cancellable.cancel();
                await drain(requests, cancellable);
            }
        }
    }
}

// Has an asynchronous method return a promise when it is given no callback.
function promisify(prototype, name, finishName) {
    Gio._promisify(prototype, name, finishName);

    const method = prototype[name];
    prototype[name] = function (cancellable = null, ...callback) {
        return method.call(this, cancellable, ...callback);
    };
}

// GJS 1.80 and older block a function of JavaScript that a worker calls, newer ones crash. So none
// gets there; what it comes to is the same.
function failThread() {
    throw new GLib.Error(Par.RequestsError, Par.RequestsError.NO_RESULT,
        'JavaScript cannot run in a worker thread: give add() an async function');
}

function refuse(prototype, name, why) {
    prototype[name] = function () {
        throw new Error(`Par.Requests.${name}() ${why}`);
    };
}

function _init() {
    Par = this;

    const request = Par.Request.prototype;
    const requests = Par.Requests.prototype;
    const {_init: init, add} = requests;

    request.result = function () {
        return getResult(this);
    };
    Object.defineProperty(request, 'exception', {
        get() {
            return getException(this);
        },
        configurable: true,
    });

    requests._init = function (properties) {
        const {retry_on: isWorthIt, ...others} = properties ?? {};

        init.call(this, others);
        if (isWorthIt !== undefined)
            this.retry_on = isWorthIt;
    };
    Object.defineProperty(requests, 'retry_on', {
        get() {
            return this[retryOn] ?? null;
        },
        set(isWorthIt) {
            if (isWorthIt !== null && (typeof isWorthIt !== 'function' || isClass(isWorthIt))) {
                throw new TypeError('retry_on is a function that is given what was thrown, such ' +
                    'as error => error instanceof RangeError, or null');
            }
            this[retryOn] = isWorthIt;
        },
        configurable: true,
    });

    requests.add = function (what, properties) {
        const isCall = typeof what === 'function';
        const isWorthIt = this.retry_on;

        if (!isCall && !(what instanceof Par.Request))
            throw new TypeError('Par.Requests.add() takes a function, or a Par.Request');
        if (isCall && properties === undefined)
            return this.add_async(attempt => start(attempt, what, isWorthIt));

        const added = isCall
            ? Par.Request.new_async(attempt => start(attempt, what, isWorthIt))
            : what;
        return add.call(this, Object.assign(added, properties));
    };

    requests.add_thread = function () {
        return this.add_async(failThread);
    };
    Par.Request.new_thread = () => Par.Request.new_async(failThread);

    // A class that has both virtual functions is started, not run, and is not asked.
    Par.Request._classInit = function (klass) {
        const own = Object.getOwnPropertyNames(klass.prototype);

        if (own.includes('vfunc_run') && !own.includes('vfunc_start'))
            klass.prototype.vfunc_start = failThread;
        delete klass.prototype.vfunc_is_async;

        return GObject.Object._classInit(klass);
    };

    promisify(requests, 'do_async', 'do_finish');
    promisify(requests, 'next_async', 'next_finish');
    refuse(requests, 'do', 'would block the main loop, by which promises are kept; write ' +
        '"await requests.do_async(cancellable)" instead');
    refuse(requests, 'next', 'would block the main loop, by which promises are kept; write ' +
        '"for await (const request of requests)" instead');
    refuse(requests, 'set_worker_func', 'is for worker threads, in which JavaScript cannot run');
    refuse(requests, 'set_function', 'is for worker threads, in which JavaScript cannot run; give ' +
        'add() an async function for each request');
    refuse(requests, 'add_argument', 'is for worker threads, in which JavaScript cannot run; give ' +
        'add() an async function for each request');

    requests[Symbol.iterator] = function* () {
        for (let i = 0, item; (item = this.get_item(i)) !== null; i++)
            yield item;
    };
    requests[Symbol.asyncIterator] = function () {
        return iterateCompleted(this);
    };
}
