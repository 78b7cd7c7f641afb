// SPDX-License-Identifier: LGPL-2.1-or-later

// What functions return and throw, and what becomes of it.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Par from 'gi://Par?version=1';
import System from 'system';

import {collectUntil, complains, equal, Gate, matches, ok, rejects, run, test, throws}
    from './harness.js';

const {FAILED, NO_RESULT} = Par.RequestsError;

const VALUES = [
    undefined, null, true, false,
    0, -0, 17, -1.5, NaN, Infinity, Number.MAX_SAFE_INTEGER,
    '', 'Berkeley ☀', 'a\0b', '\ud800', '𝄞',
    0n, 10n, 2n ** 70n, -(2n ** 63n),
    [1, [2]], new Map([['a', 1]]), new Set([1]), new Date(0), new Uint8Array([1, 0, 2]),
    new ArrayBuffer(4), {a: {b: 1}}, Object.create(null), /x/u, Symbol('s'), () => 3, class {},
    new Error('returned, not thrown'), new Gio.Cancellable(), new GLib.Variant('(si)', ['a', 1]),
    new GLib.Bytes('abc'), GLib.DateTime.new_now_utc(), new GObject.Object(),
];

// What makes an attempt return in C, and what C then shows.
const RETURNS = [
    [attempt => attempt.return_boolean(true), true],
    [attempt => attempt.return_boolean(false), false],
    [attempt => attempt.return_int64(-(2 ** 53) + 1), -(2 ** 53) + 1],
    [attempt => attempt.return_double(2.5), 2.5],
    [attempt => attempt.return_string('Oakland'), 'Oakland'],
    [attempt => attempt.return_string(null), null],
    [attempt => attempt.return_object(null), null],
    [attempt => attempt.return_bytes(null), null],
    [attempt => attempt.return_variant(null), null],
    [attempt => attempt.return_value(null), null],
    [attempt => attempt.return_value(7), 7],
    [attempt => attempt.return_value('x'), 'x'],
];

async function runOne(add, properties) {
    const requests = new Par.Requests(properties);

    add(requests);
    await requests.do_async(null).catch(() => {});
    return requests.get_request(0);
}

for (const [kind, wrap] of [['a function', value => () => value],
    ['an async function', value => async () => value],
    ['an async function that waits', value => async () => {
        await null;
        return value;
    }]]) {
    test(`what ${kind} returns is the result`, async () => {
        const requests = new Par.Requests({concurrency: 3});

        VALUES.forEach(value => requests.add(wrap(value)));
        ok(await requests.do_async(null), 'do_async() gives true');
        System.gc();

        VALUES.forEach((value, i) => {
            const request = requests.get_request(i);
            equal(request.result(), value, `result ${i}`);
            equal(request.exception, null, `exception ${i}`);
            equal(request.get_state(), Par.RequestState.SUCCEEDED);
        });
    });
}

test('C sees what it can hold', async () => {
    const object = new Gio.Cancellable();
    const requests = new Par.Requests();

    [true, 2.5, 'text', object, undefined, null, [1], 1n, 'a\0b'].forEach(value =>
        requests.add(() => value));
    await requests.do_async(null);
    equal([...requests].map(request => request.get_value()),
        [true, 2.5, 'text', object, null, null, null, null, null]);
});

test('values of C are results', async () => {
    const requests = new Par.Requests();

    RETURNS.forEach(([call]) => requests.add_async(call));
    await requests.do_async(null);
    RETURNS.forEach(([, expected], i) => {
        equal(requests.get_request(i).get_value(), expected, `value ${i}`);
        equal(requests.get_request(i).result(), expected ?? undefined, `result ${i}`);
    });
});

test('bytes, variants and objects of C are results', async () => {
    const object = new Gio.Cancellable();
    const requests = new Par.Requests();

    requests.add_async(attempt => attempt.return_bytes(new GLib.Bytes('abc')));
    requests.add_async(attempt => attempt.return_variant(new GLib.Variant('i', 7)));
    requests.add_async(attempt => attempt.return_object(object));
    await requests.do_async(null);
    equal(requests.get_request(0).result().get_size(), 3);
    equal(requests.get_request(1).result().deepUnpack(), 7);
    equal(requests.get_request(2).result(), object);
});

test('an object keeps what JavaScript has put on it', async () => {
    const request = await runOne(requests => requests.add(() =>
        Object.assign(new Gio.Cancellable(), {city: 'Oakland'})));

    System.gc();
    equal(request.result().city, 'Oakland');
});

test('a value that is not rooted is refused', async () => {
    const request = await runOne(requests => requests.add_async(attempt => {
        const value = new GObject.Value();

        value.init(GObject.TYPE_JSOBJECT);
        complains('Par', GLib.LogLevelFlags.LEVEL_CRITICAL, '*JSObject*',
            () => attempt.return_value(value));
        attempt.return_boolean(true);
    }));

    equal(request.result(), true);
});

test('a thenable is waited for', async () => {
    const request = await runOne(requests => requests.add(() => ({
        then(resolve) {
            resolve('later');
        },
    })));

    equal(request.result(), 'later');
});

test('what cannot be asked whether it is a promise fails its request', async () => {
    const error = new Error('no question, please');
    const request = await runOne(requests => requests.add(() => ({
        get then() {
            throw error;
        },
    })));

    equal(request.exception, error);
});

test('a request that has not settled has no result', async () => {
    const requests = new Par.Requests();
    const gate = new Gate();

    requests.add(() => gate.opened);
    const request = requests.get_request(0);
    ok(throws(() => request.result()).message.startsWith('request 0 has not settled'), 'queued');
    equal(request.exception, null);
    const done = requests.do_async(null);
    throws(() => request.result());
    gate.open('now');
    await done;
    equal(request.result(), 'now');
});

for (const [kind, wrap] of [['a function', error => () => {
    throw error;
}], ['an async function', error => async () => {
    throw error;
}], ['a function that is given a promise', error => () => Promise.reject(error)]]) {
    test(`what ${kind} throws is kept as it was`, async () => {
        const thrown = [new Error('plain'), new TypeError('of a type'), 'text', 7, null, undefined,
            {toString: null}, Symbol('s'), new Gio.IOErrorEnum({code: 1, message: 'not there'})];
        const {stack} = thrown[0];
        const requests = new Par.Requests();

        thrown.forEach(error => requests.add(wrap(error)));
        const error = await rejects(requests.do_async(null));
        System.gc();

        matches(error, Par.RequestsError, FAILED);
        equal(error.message, '9 of 9 requests failed; request 0: Error: plain');
        thrown.forEach((value, i) => {
            const request = requests.get_request(i);
            equal(request.exception, value, `exception ${i}`);
            equal(throws(() => request.result()), value, `what result ${i} throws`);
            equal(request.get_state(), Par.RequestState.FAILED);
            equal(request.get_attempt_errors().length, 1);
        });
        equal(thrown[0].stack, stack, 'the stack');
    });
}

test('C sees an error in words, and one of C as it is', async () => {
    const requests = new Par.Requests();

    requests.add(() => {
        throw new TypeError('no such city');
    });
    requests.add(() => {
        throw new Gio.IOErrorEnum({code: Gio.IOErrorEnum.NOT_FOUND, message: 'not there'});
    });
    await rejects(requests.do_async(null));
    matches(requests.get_request(0).get_error(), Par.RequestsError, FAILED);
    equal(requests.get_request(0).get_error().message, 'TypeError: no such city');
    matches(requests.get_request(1).get_error(), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
    equal(requests.get_request(1).get_error().message, 'not there');
});

test('errors of functions for C arrive too', async () => {
    const requests = new Par.Requests();

    requests.add_async(() => {
        throw new Gio.IOErrorEnum({code: Gio.IOErrorEnum.BUSY, message: 'thrown'});
    });
    requests.add_async(attempt => attempt.return_error(
        new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.BUSY, 'returned')));
    requests.add_async(() => {
        throw new TypeError('of JavaScript');
    });
    await rejects(requests.do_async(null));
    equal([...requests].map(request => request.exception.message),
        ['thrown', 'returned', 'of JavaScript']);
    matches(requests.get_request(0).exception, Gio.IOErrorEnum, Gio.IOErrorEnum.BUSY);
    matches(throws(() => requests.get_request(1).result()),
        Gio.IOErrorEnum, Gio.IOErrorEnum.BUSY);
});

// An attempt is dropped by JavaScript when its garbage is collected.
test('neither a value nor an error is no result, and neither is a lost promise', async () => {
    const requests = new Par.Requests();
    let over = false;

    requests.add_async(() => {});
    requests.add(() => new Promise(() => {}));
    requests.add(async (_cancellable, attempt) => {
        await new Promise(() => {});
        attempt.return_boolean(true);
    });
    requests.do_async(null).catch(() => {}).finally(() => {
        over = true;
    });
    await collectUntil(() => over, 'the run is over');
    for (const request of requests)
        matches(request.exception, Par.RequestsError, NO_RESULT);
});

test('a second result is dropped with a warning', async () => {
    const request = await runOne(requests => requests.add((_cancellable, attempt) => {
        attempt.return_string('first');
        GLib.test_expect_message('Par', GLib.LogLevelFlags.LEVEL_WARNING, '*second result*');
        return 'second';
    }));

    GLib.test_assert_expected_messages_internal('Par', 'test-results.js', 0, '');
    equal(request.result(), 'first');
});

test('of several attempts the last error counts', async () => {
    const thrown = [];
    const request = await runOne(requests => requests.add((_cancellable, attempt) => {
        thrown.push(new Error(`number ${attempt.get_number()}`));
        throw thrown.at(-1);
    }), {redundancy: 3});

    equal(thrown.length, 3);
    equal(request.exception, thrown[2]);
    equal(request.get_error().message, 'after 3 attempts: Error: number 3');
    equal(request.get_attempt_errors().map(error => error.message),
        ['Error: number 1', 'Error: number 2', 'Error: number 3']);
});

test('the result is that of the attempt that won', async () => {
    const gates = [new Gate(), new Gate()];
    const requests = new Par.Requests({redundancy: 2, wait_for_attempts: true});
    let nStarted = 0;

    requests.add((_cancellable, attempt) => {
        if (++nStarted === 2)
            gates[1].open(['second']);
        return gates[attempt.get_number() - 1].opened;
    });
    requests.connect('completed', () => gates[0].open(['first']));
    await requests.do_async(null);

    const request = requests.get_request(0);
    System.gc();
    equal(request.get_winner(), 2);
    equal(request.result(), ['second']);
});

test('an attempt may fail where another wins', async () => {
    const request = await runOne(requests => requests.add(async (_cancellable, attempt) => {
        if (attempt.get_number() === 1)
            throw new Error('the first');
        await null;
        return ['the second'];
    }), {redundancy: 2});

    equal(request.result(), ['the second']);
    equal(request.exception, null);
    equal(request.get_attempt_errors().map(error => error.message), ['Error: the first']);
});

test('what comes too late is dropped', async () => {
    const gate = new Gate();
    const request = await runOne(requests => requests.add(() => gate.opened), {request_timeout: 1});

    gate.open({late: true});
    await gate.opened;
    matches(request.exception, Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    matches(throws(() => request.result()), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
});

test('an attempt that timed out has that for its error', async () => {
    const gate = new Gate();
    const request = await runOne(requests => requests.add(async (_cancellable, attempt) => {
        if (attempt.get_number() === 1)
            throw new Error('the first');
        await gate.opened;
    }), {redundancy: 2, attempt_timeout: 1});

    matches(request.exception, Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    equal(request.get_attempt_errors().length, 2);
    gate.open();
});

run();
