// SPDX-License-Identifier: LGPL-2.1-or-later

// Par.Hedge, Par.Retry and Par.Limiter, as JavaScript has them.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Par from 'gi://Par?version=1';

import {equal, matches, ok, rejects, run, test, throws, untilCancelled} from './harness.js';

const HEDGE = {
    delay: [0, 20], percentile: [95, 99], min_delay: [1, 2], max_delay: [0, 100],
    min_samples: [50, 10], window: [30000, 1000], max_hedges: [2, 1], max_extra_load: [0.1, 0.5],
    burst: [10, 3],
};
const RETRY = {
    max_retries: [3, 5], initial_delay: [100, 1], max_delay: [10000, 10], multiplier: [2, 1.5],
    jitter: [1, 0], max_extra_load: [0.2, 1], burst: [100, 7],
};
const LIMITER = {concurrency: [0, 6], rate: [0, 100], burst: [1, 5], per_key: [false, true]};

for (const [name, settings] of Object.entries({Hedge: HEDGE, Retry: RETRY, Limiter: LIMITER})) {
    test(`the settings of Par.${name} are properties`, () => {
        const policy = new Par[name]();
        const others = {};

        for (const [setting, [initial, other]] of Object.entries(settings)) {
            equal(policy[setting], initial, setting);
            equal(policy[`get_${setting}`](), initial, setting);
            policy[`set_${setting}`](other);
            equal(policy[setting], other, setting);
            policy[setting] = initial;
            equal(policy[setting], initial, setting);
            others[setting] = other;
        }

        const changed = new Par[name](others);
        for (const setting of Object.keys(settings))
            equal(changed[setting], others[setting], `${setting} of the constructor`);
    });
}

test('a policy is a property of requests, and may be shared', () => {
    for (const [property, Policy] of [['hedge', Par.Hedge], ['retry', Par.Retry],
        ['limiter', Par.Limiter]]) {
        const policy = new Policy();
        const requests = new Par.Requests({[property]: policy});
        const others = new Par.Requests();

        equal(requests[property], policy);
        equal(others[property], null);
        others[`set_${property}`](policy);
        equal(others[`get_${property}`](), policy);
        requests[property] = null;
        equal(requests[property], null);
    }
    equal(new Par.Requests({hedge: Par.Hedge.new()}).hedge.n_sent, 0);
});

test('a failed attempt is made again', async () => {
    const retry = new Par.Retry({initial_delay: 1, jitter: 0});
    const requests = new Par.Requests({retry});
    const kinds = [];

    requests.add(async (_cancellable, attempt) => {
        kinds.push(attempt.get_kind());
        if (kinds.length < 3)
            throw new Error(`number ${kinds.length}`);
        return {number: attempt.get_number()};
    });
    await requests.do_async(null);
    equal(kinds, [Par.AttemptKind.FIRST, Par.AttemptKind.RETRY, Par.AttemptKind.RETRY]);
    equal(requests.get_request(0).result().number, 3);
    equal(requests.get_request(0).exception, null);
    equal(requests.get_request(0).get_attempt_errors().length, 2);
    equal([retry.n_sent, retry.get_n_sent(), retry.n_refused, retry.get_n_refused()], [2, 2, 0, 0]);
    equal(requests.get_stats().get_n_retries(), 2);
});

test('the last exception is that of the last attempt', async () => {
    const requests = new Par.Requests({
        retry: new Par.Retry({max_retries: 2, initial_delay: 0, jitter: 0}),
    });
    const thrown = [];

    requests.add(async () => {
        thrown.push(new RangeError('the same words'));
        throw thrown.at(-1);
    });
    await rejects(requests.do_async(null));
    equal(thrown.length, 3);
    equal(requests.get_request(0).exception, thrown[2]);
});

test('one may say what is worth another attempt', async () => {
    const isNetwork = error => error instanceof GLib.Error &&
        error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.NETWORK_UNREACHABLE);
    const unreachable = new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.NETWORK_UNREACHABLE, 'x');
    const mistake = new TypeError('x is not a function');
    const broken = new Error('of the function that should say');

    for (const [isWorthIt, thrown, nAttempts, exception] of [
        [isNetwork, unreachable, 3, unreachable],
        [isNetwork, mistake, 1, mistake],
        [error => error instanceof RangeError, mistake, 1, mistake],
        [error => !(error instanceof RangeError), mistake, 3, mistake],
        [null, mistake, 3, mistake],
        [() => {
            throw broken;
        }, mistake, 1, broken],
    ]) {
        const requests = new Par.Requests({
            retry: new Par.Retry({max_retries: 2, initial_delay: 0}),
            retry_on: isWorthIt,
        });

        equal(requests.retry_on, isWorthIt);
        requests.add(async () => {
            await null;
            throw thrown;
        });
        requests.add(() => {
            throw thrown;
        }, {label: 'at once'});
        await rejects(requests.do_async(null));
        for (const request of requests) {
            equal(request.get_n_attempts(), nAttempts);
            equal(request.exception, exception);
        }
    }
});

test('what is worth another attempt counts for functions added later', async () => {
    const requests = new Par.Requests({retry: new Par.Retry({initial_delay: 0})});
    const fail = () => {
        throw new Error('again');
    };

    equal(requests.retry_on, null);
    requests.retry_on = () => false;
    requests.add(fail);
    requests.retry_on = null;
    requests.add(fail);
    await rejects(requests.do_async(null));
    equal([...requests].map(request => request.get_n_attempts()), [1, 4]);
    for (const odd of [Error, RangeError, GLib.Error, [RangeError], 'RangeError', undefined, 3]) {
        const error = throws(() => {
            requests.retry_on = odd;
        }, String(odd));

        ok(error instanceof TypeError, `${odd} is a TypeError`);
    }
    ok(throws(() => new Par.Requests({retry_on: 3})) instanceof TypeError, '3 is a TypeError');
    equal(new Par.Requests(null).retry_on, null);
    equal(Par.Requests.new().retry_on, null);
});

test('a fatal error is not tried again, and one may say when', async () => {
    const retry = new Par.Retry({initial_delay: 60000});
    const requests = new Par.Requests({retry});
    const fatal = new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND, 'gone for good');
    let nCalled = 0;

    requests.add_async(attempt => attempt.return_fatal_error(fatal));
    requests.add(async (_cancellable, attempt) => {
        attempt.set_retry_after(1);
        if (nCalled++ === 0)
            throw new Error('come back soon');
        return 'came back';
    });
    retry.initial_delay = 0;
    await rejects(requests.do_async(null));
    matches(requests.get_request(0).exception, Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
    equal(requests.get_request(0).get_n_attempts(), 1);
    equal(requests.get_request(1).result(), 'came back');
});

test('a slow attempt is hedged', async () => {
    const hedge = new Par.Hedge({delay: 1, max_extra_load: 1, max_hedges: 1});
    const requests = new Par.Requests({hedge});

    requests.add((cancellable, attempt) => attempt.get_kind() === Par.AttemptKind.FIRST
        ? untilCancelled(cancellable)
        : Promise.resolve(['hedged']));
    await requests.do_async(null);
    equal(requests.get_request(0).result(), ['hedged']);
    equal([hedge.n_sent, hedge.n_won, hedge.n_refused], [1, 1, 0]);
    equal([hedge.get_n_sent(), hedge.get_n_won(), hedge.get_n_refused()], [1, 1, 0]);
    equal([hedge.current_delay, hedge.extra_load],
        [hedge.get_current_delay(), hedge.get_extra_load()]);
    equal(hedge.current_delay, 1);
    ok(hedge.extra_load > 0, 'an extra load');

    const stats = requests.get_stats();
    equal([stats.get_n_hedges(), stats.get_n_hedges_won(), stats.get_n_hedges_refused()],
        [1, 1, 0]);
});

test('a limiter bounds two sets of requests together', async () => {
    const limiter = new Par.Limiter({concurrency: 1});
    let nRunning = 0, peak = 0, nWaiting = 0;

    const runs = [1, 2].map(() => {
        const requests = new Par.Requests({limiter});

        for (let i = 0; i < 5; i++) {
            requests.add(async () => {
                peak = Math.max(peak, ++nRunning);
                equal(limiter.n_running, limiter.get_n_running());
                nWaiting = Math.max(nWaiting, limiter.n_waiting, limiter.get_n_waiting());
                await null;
                nRunning--;
            });
        }
        return requests.do_async(null);
    });
    await Promise.all(runs);
    equal(peak, 1);
    ok(nWaiting >= 1, 'some had to wait');
});

run();
