// SPDX-License-Identifier: LGPL-2.1-or-later

// Par.Request, prepared by a program or of a class of its own, and Par.Attempt.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Par from 'gi://Par?version=1';

import {complains, equal, idle, matches, ok, rejects, run, test, throws, untilCancelled}
    from './harness.js';

// Answers at once, later, or not at all.
const Greeting = GObject.registerClass({
    Properties: {
        'name': GObject.ParamSpec.string('name', null, null, GObject.ParamFlags.READWRITE, ''),
    },
}, class Greeting extends Par.Request {
    vfunc_start(attempt) {
        if (this.name === 'nobody')
            throw new Gio.IOErrorEnum({code: Gio.IOErrorEnum.NOT_FOUND, message: 'nobody is here'});
        if (this.name === 'at once')
            attempt.return_string('hello');
        else
            this.greet(attempt).catch(error => attempt.return_error(error));
    }

    async greet(attempt) {
        await null;
        if (this.name === 'late')
            throw new Gio.IOErrorEnum({code: Gio.IOErrorEnum.BUSY, message: 'too busy'});
        attempt.return_string(`hello ${this.name}`);
    }
});

function newRequest(properties) {
    return Object.assign(Par.Request.new_async(attempt => attempt.return_boolean(true)),
        properties);
}

test('properties are set before a request is added', () => {
    const request = newRequest();
    const notified = [];

    equal([request.label, request.key, request.priority, request.idempotent],
        [null, null, 0, true]);
    request.connect('notify', (_request, pspec) => notified.push(pspec.get_name()));
    request.label = 'a label';
    request.key = 'a key';
    request.priority = -1;
    request.idempotent = false;
    equal([request.get_label(), request.get_key(), request.get_priority(),
        request.get_idempotent()], ['a label', 'a key', -1, false]);
    request.set_label('b');
    request.set_key('c');
    request.set_priority(2);
    request.set_idempotent(true);
    equal([request.label, request.key, request.priority, request.idempotent], ['b', 'c', 2, true]);
    equal(notified, ['label', 'key', 'priority', 'idempotent', 'label', 'key', 'priority',
        'idempotent']);
});

test('add() sets the properties it is given', async () => {
    const requests = new Par.Requests();
    const properties = {label: 'a label', key: 'a key', priority: 3, idempotent: false};

    requests.add(cancellable => cancellable !== null, properties);
    requests.add(async () => 'b', {label: 'b'});
    requests.add(newRequest(), {label: 'c'});
    for (const [name, value] of Object.entries(properties))
        equal(requests.get_request(0)[name], value, name);
    await requests.do_async(null);
    equal([...requests].map(request => request.result()), [true, 'b', true]);
    equal([...requests].map(request => request.label), ['a label', 'b', 'c']);
});

test('all but the label are fixed once it has been added', () => {
    const requests = new Par.Requests();
    const request = newRequest({key: 'a'});

    requests.add(request);
    for (const [name, value] of [['key', 'b'], ['priority', 1], ['idempotent', false]]) {
        const before = request[name];
        complains('Par', GLib.LogLevelFlags.LEVEL_CRITICAL, `*${name} of a request is fixed*`,
            () => {
                request[name] = value;
            });
        equal(request[name], before, name);
    }
    request.label = 'may change';
    equal(request.label, 'may change');
});

test('it tells what has become of it', async () => {
    const requests = new Par.Requests();
    const request = newRequest();

    equal([request.get_state(), request.get_winner(), request.get_n_attempts(),
        request.get_cancel_reason(), request.get_value(), request.get_error()],
    [Par.RequestState.QUEUED, 0, 0, Par.CancelReason.NONE, null, null], 'before');
    requests.add(request);
    equal(request.get_index(), 0);
    await requests.do_async(null);
    equal([request.get_state(), request.get_winner(), request.get_n_attempts(),
        request.get_cancel_reason(), request.get_value(), request.get_error()],
    [Par.RequestState.SUCCEEDED, 1, 1, Par.CancelReason.NONE, true, null], 'after');
    equal([request.state, request.winner, request.n_attempts, request.cancel_reason,
        request.index], [Par.RequestState.SUCCEEDED, 1, 1, Par.CancelReason.NONE, 0], 'properties');
    ok(request.get_queued_time() >= 0 && request.queued_time === request.get_queued_time(),
        'queued-time');
    ok(request.get_elapsed() >= 0 && request.elapsed === request.get_elapsed(), 'elapsed');
    equal(request.get_attempt_errors(), []);
    equal(requests.get_request(0), request, 'the object');
});

test('a request of more urgency goes first', async () => {
    const requests = new Par.Requests({concurrency: 1});
    const called = [];

    for (const priority of [0, 10, -10, 0])
        requests.add(() => called.push(priority), {priority});
    await requests.do_async(null);
    equal(called, [-10, 0, 0, 10]);
});

test('one that is not idempotent gets one attempt', async () => {
    const requests = new Par.Requests({redundancy: 3});
    let nCalled = 0;

    requests.add(async () => nCalled++, {idempotent: false});
    await requests.do_async(null);
    equal([nCalled, requests.get_request(0).get_n_attempts()], [1, 1]);
});

test('one alone may be cancelled', async () => {
    const requests = new Par.Requests();
    let cancelled = null;

    requests.add(cancellable => {
        cancelled = cancellable;
        return untilCancelled(cancellable);
    });
    requests.add(async () => 'goes on');
    requests.connect('started', (_requests, request) => {
        if (request.index === 0)
            request.cancel();
    });
    const error = await rejects(requests.do_async(null));
    matches(error, Par.RequestsError, Par.RequestsError.FAILED);
    const request = requests.get_request(0);
    equal([request.get_state(), request.get_cancel_reason()],
        [Par.RequestState.CANCELLED, Par.CancelReason.CANCELLED]);
    matches(throws(() => request.result()), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    equal(cancelled.is_cancelled(), true);
    equal(requests.get_request(1).result(), 'goes on');
});

test('a class of its own starts attempts', async () => {
    const requests = new Par.Requests();

    for (const name of ['at once', 'Oakland', 'nobody', 'late'])
        requests.add(new Greeting({name, label: name}));
    await rejects(requests.do_async(null));
    equal(requests.get_request(0).result(), 'hello');
    equal(requests.get_request(1).result(), 'hello Oakland');
    matches(requests.get_request(2).exception, Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
    matches(throws(() => requests.get_request(3).result()),
        Gio.IOErrorEnum, Gio.IOErrorEnum.BUSY);
    equal([...requests].map(request => [request.name, request.label, request.constructor]),
        ['at once', 'Oakland', 'nobody', 'late'].map(name => [name, name, Greeting]));
});

test('a class that starts nothing is refused', () => {
    const Nothing = GObject.registerClass(class Nothing extends Par.Request {});
    const requests = new Par.Requests();

    complains('Par', GLib.LogLevelFlags.LEVEL_CRITICAL, '*has nothing to run*', () =>
        complains('Gjs', GLib.LogLevelFlags.LEVEL_WARNING, '*18446744073709551615*', () =>
            requests.add(new Nothing())));
    equal(requests.n_requests, 0);
});

test('an attempt knows what it is', async () => {
    const requests = new Par.Requests({redundancy: 2, attempt_timeout: 60000});
    const before = GLib.get_monotonic_time();
    const seen = [];

    requests.add(async (cancellable, attempt) => {
        const request = attempt.get_request();

        equal([attempt.number, attempt.kind, attempt.deadline, attempt.request],
            [attempt.get_number(), attempt.get_kind(), attempt.get_deadline(), request]);
        equal(attempt.get_cancellable(), cancellable);
        ok(attempt.get_deadline() > before + 30e6, 'the deadline');
        seen.push([attempt.get_number(), attempt.get_kind(), request.get_index()]);
        await idle();
    });
    await requests.do_async(null);
    equal(seen, [[1, Par.AttemptKind.FIRST, 0], [2, Par.AttemptKind.COPY, 0]]);
});

test('an attempt that has ended has let go of its request', async () => {
    const requests = new Par.Requests();
    let attempt;

    requests.add((_cancellable, given) => {
        attempt = given;
        equal(given.get_deadline(), 0);
        ok(given.get_request() !== null, 'it has one');
    });
    await requests.do_async(null);
    equal(attempt.get_request(), null);
    complains('Par', GLib.LogLevelFlags.LEVEL_WARNING, '*second result*', () =>
        attempt.return_string('once more'));
    equal(requests.get_request(0).result(), undefined);
});

test('an attempt is told when it is too late, and the next one is not', async () => {
    const requests = new Par.Requests({attempt_timeout: 1, concurrency: 1});
    const cancellables = [];

    requests.add(cancellable => {
        cancellables.push(cancellable);
        return untilCancelled(cancellable);
    });
    requests.add(cancellable => cancellables.push(cancellable));
    await rejects(requests.do_async(null));
    equal(cancellables.map(cancellable => cancellable.is_cancelled()), [true, false]);
    matches(requests.get_request(0).exception, Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
});

test('what listens to its cancellable is called', async () => {
    const requests = new Par.Requests({request_timeout: 1});
    const called = [];

    requests.add(cancellable => new Promise((_resolve, reject) => {
        cancellable.connect(() => {
            called.push('cancelled');
            reject(new Error('stopped'));
        });
    }));
    await rejects(requests.do_async(null));
    await idle();
    equal(called, ['cancelled']);
    matches(requests.get_request(0).exception, Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
});

test('asynchronous calls of GIO may be cancelled by it', async () => {
    Gio._promisify(Gio.File.prototype, 'load_contents_async', 'load_contents_finish');
    const requests = new Par.Requests();
    const [file, stream] = Gio.File.new_tmp('par-XXXXXX');

    stream.get_output_stream().write_all('Oakland', null);
    stream.close(null);
    requests.add(async cancellable => {
        const [contents] = await file.load_contents_async(cancellable);
        return new TextDecoder().decode(contents);
    });
    requests.add(async (cancellable, attempt) => {
        attempt.get_request().cancel();
        await idle();
        await file.load_contents_async(cancellable);
    });
    await rejects(requests.do_async(null));
    file.delete(null);
    equal(requests.get_request(0).result(), 'Oakland');
    matches(requests.get_request(1).exception, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
});

test('the names of Par are there', () => {
    equal([Par.MAJOR_VERSION, Par.MINOR_VERSION, Par.MICRO_VERSION].map(Number.isInteger),
        [true, true, true]);
    equal(Par.requests_error_quark(), Par.RequestsError.quark());
    equal(GLib.quark_to_string(Par.RequestsError.quark()), 'par-requests-error-quark');
    equal([Par.AttemptKind.FIRST, Par.AttemptKind.COPY, Par.AttemptKind.HEDGE,
        Par.AttemptKind.RETRY], [0, 1, 2, 3]);
    equal([Par.CancelReason.NONE, Par.CancelReason.CANCELLED, Par.CancelReason.TIMED_OUT,
        Par.CancelReason.FAILURES, Par.CancelReason.ENOUGH], [0, 1, 2, 3, 4]);
    equal([Par.RequestState.QUEUED, Par.RequestState.RUNNING, Par.RequestState.SUCCEEDED,
        Par.RequestState.FAILED, Par.RequestState.CANCELLED], [0, 1, 2, 3, 4]);
    equal([Par.RequestsError.FAILED, Par.RequestsError.NO_RESULT], [0, 1]);
    equal(Par.Requests.new().concurrency, 0);
});

run();
