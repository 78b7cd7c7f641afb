// SPDX-License-Identifier: LGPL-2.1-or-later

// for and for await over Par.Requests, next_async(), and requests from a source.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Par from 'gi://Par?version=1';

import {equal, Gate, idle, matches, ok, rejects, run, test, untilCancelled} from './harness.js';

function addNumbers(requests, n) {
    for (let i = 0; i < n; i++)
        requests.add(async () => i);
}

async function collect(requests) {
    const collected = [];

    for await (const request of requests)
        collected.push(request);
    return collected;
}

test('for goes through the model', async () => {
    const requests = new Par.Requests();

    equal([...requests], []);
    addNumbers(requests, 3);
    await requests.do_async(null);
    equal([...requests].map(request => request.result()), [0, 1, 2]);
    for (const request of requests) {
        if (request.index < 5)
            addNumbers(requests, 1);
    }
    equal(requests.get_n_items(), 8, 'what was added meanwhile is seen too');
});

test('for await gives requests as they complete', async () => {
    const requests = new Par.Requests();
    const gates = [new Gate(), new Gate(), new Gate()];
    const order = [];

    for (const gate of gates)
        requests.add(() => gate.opened);
    gates[1].open('b');
    for await (const request of requests) {
        order.push(request.result());
        gates[order.length === 1 ? 2 : 0].open('ac'[2 - order.length]);
    }
    equal(order, ['b', 'c', 'a']);
    equal(requests.running, false);
});

test('for await gives those that fail and then ends', async () => {
    const requests = new Par.Requests();
    const error = new Error('fails');

    addNumbers(requests, 1);
    requests.add(() => {
        throw error;
    });
    equal((await collect(requests)).length, 2);
    equal(requests.get_request(0).result(), 0);
    equal(requests.get_request(1).exception, error);
});

test('for await of nothing ends', async () => {
    equal(await collect(new Par.Requests()), []);
});

test('for await gives what is added in the loop', async () => {
    const requests = new Par.Requests({concurrency: 1});
    const results = [];

    addNumbers(requests, 1);
    for await (const request of requests) {
        results.push(request.index);
        if (request.index < 4)
            addNumbers(requests, 1);
    }
    equal(results, [0, 1, 2, 3, 4]);
});

test('for await throws what ended the run early', async () => {
    const requests = new Par.Requests({timeout: 5});
    const given = [];

    requests.add(untilCancelled);
    const error = await rejects((async () => {
        for await (const request of requests)
            given.push(request);
    })());
    matches(error, Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    equal(given.map(request => request.get_state()), [Par.RequestState.CANCELLED]);
});

test('too many failures end the loop', async () => {
    const requests = new Par.Requests({max_failures: 0, concurrency: 1});

    requests.add(async () => {
        throw new Error('fails');
    });
    addNumbers(requests, 2);
    equal((await collect(requests)).map(request => request.get_state()), [Par.RequestState.FAILED,
        Par.RequestState.CANCELLED, Par.RequestState.CANCELLED]);
});

for (const [how, leave] of [['break', async requests => {
    for await (const request of requests) {
        ok(request !== null);
        break;
    }
}], ['return', requests => (async () => {
    for await (const request of requests)
        return request;
    return null;
})()], ['throw', async requests => {
    const error = new Error('the body throws');

    equal(await rejects((async () => {
        for await (const request of requests) {
            ok(request !== null);
            throw error;
        }
    })()), error);
}]]) {
    test(`leaving for await by ${how} cancels the rest`, async () => {
        const requests = new Par.Requests({concurrency: 3});
        const cancellables = [];
        let nFinished = 0;

        requests.connect('finished', () => nFinished++);
        requests.add(async () => 'first');
        for (let i = 0; i < 4; i++) {
            requests.add(cancellable => {
                cancellables.push(cancellable);
                return untilCancelled(cancellable);
            });
        }
        await leave(requests);
        equal([requests.running, nFinished], [false, 1], 'the run is over');
        equal([requests.n_succeeded, requests.n_cancelled], [1, 4]);
        ok(cancellables.length >= 2 && cancellables.every(each => each.is_cancelled()), 'all told');

        addNumbers(requests, 1);
        equal((await collect(requests)).length, 1, 'the next loop');
    });
}

test('leaving at the last request leaves no run behind', async () => {
    const requests = new Par.Requests();

    addNumbers(requests, 1);
    for await (const request of requests) {
        equal(request.result(), 0);
        break;
    }
    equal(requests.running, false);
    equal(await collect(requests), []);
});

test('a loop beside do_async() only looks on', async () => {
    const requests = new Par.Requests({concurrency: 1});
    const seen = [];

    addNumbers(requests, 5);
    const done = requests.do_async(null);
    for await (const request of requests) {
        seen.push(request.result());
        if (seen.length === 2)
            break;
    }
    ok(await done, 'the run goes on');
    equal(seen, [0, 1]);
    equal(requests.n_succeeded, 5);
});

test('a loop beside do_async() that was left keeps no source back', async () => {
    const requests = new Par.Requests({concurrency: 1});
    const seen = [];
    let nAdded = 0;

    requests.set_source(() => {
        const i = nAdded++;
        requests.add(async () => i);
        return nAdded < 200;
    });
    const done = requests.do_async(null);
    for (let n = 1; n <= 3; n++) {
        for await (const request of requests) {
            seen.push(request.result());
            if (seen.length === 2 * n)
                break;
        }
    }
    ok(await done, 'the run goes on');
    equal([nAdded, requests.n_succeeded, seen.length], [200, 200, 6]);
    ok(seen.every((number, i) => i === 0 || number > seen[i - 1]), 'they come in order');
});

test('a loop beside do_async() sees all of its requests', async () => {
    const requests = new Par.Requests({concurrency: 2});

    addNumbers(requests, 20);
    const done = requests.do_async(null);
    equal((await collect(requests)).map(request => request.result()).sort((a, b) => a - b),
        [...Array(20).keys()]);
    ok(await done, 'do_async() ends too');
});

test('a second loop meanwhile is pending', async () => {
    const requests = new Par.Requests();
    const gate = new Gate();

    requests.add(() => gate.opened);
    const first = collect(requests);
    matches(await rejects(collect(requests)), Gio.IOErrorEnum, Gio.IOErrorEnum.PENDING);
    gate.open('one');
    equal((await first)[0].result(), 'one');
});

test('next_async() gives a promise, or calls back', async () => {
    const requests = new Par.Requests();
    const called = new Gate();

    addNumbers(requests, 2);
    equal((await requests.next_async()).result(), 0);
    equal(requests.next_async(null, (source, result) => called.open([source, result])), undefined);
    const [source, result] = await called.opened;
    equal(source, requests);
    equal(requests.next_finish(result).result(), 1);
    equal(await requests.next_async(null), null);
});

test('next_async() throws the error of the run at its end', async () => {
    const requests = new Par.Requests();

    requests.add(() => {
        throw new Error('fails');
    });
    equal((await requests.next_async(null)).get_state(), Par.RequestState.FAILED);
    matches(await rejects(requests.next_async(null)),
        Par.RequestsError, Par.RequestsError.FAILED);
});

test('a cancelled next_async() ends the run', async () => {
    const requests = new Par.Requests();
    const cancellable = new Gio.Cancellable();

    requests.add(untilCancelled);
    const next = requests.next_async(cancellable);
    cancellable.cancel();
    equal((await next).get_cancel_reason(), Par.CancelReason.CANCELLED);
    matches(await rejects(requests.next_async(null)), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
});

test('a source is asked for more when few are queued', async () => {
    const requests = new Par.Requests({concurrency: 2, keep_completed: false});
    let nAdded = 0, nEnded = 0, furthest = 0;

    requests.set_source(source => {
        equal(source, requests);
        furthest = Math.max(furthest, nAdded - nEnded);
        if (nAdded === 100)
            return false;
        const i = nAdded++;
        requests.add(async () => i);
        return true;
    });
    const results = [];
    for await (const request of requests) {
        nEnded++;
        results.push(request.result());
    }
    equal(results.sort((a, b) => a - b), [...Array(100).keys()]);
    ok(furthest <= 6, `pulled ${furthest} ahead`);
});

test('a loop that does not go on holds the source back', async () => {
    const requests = new Par.Requests({concurrency: 1});
    let nAdded = 0;

    requests.set_source(() => {
        const i = nAdded++;
        requests.add(() => i);
        return true;
    });
    for await (const request of requests) {
        equal(request.result(), request.index);
        for (let i = 0; i < 20; i++)
            await idle();
        ok(nAdded <= request.index + 4, `${nAdded} were added at request ${request.index}`);
        if (request.index === 10)
            break;
    }
    equal(requests.running, false);
});

test('an error of a source ends the run with it', async () => {
    const requests = new Par.Requests();

    requests.set_source(() => {
        throw new Gio.IOErrorEnum({code: Gio.IOErrorEnum.NOT_FOUND, message: 'no list'});
    });
    const error = await rejects(collect(requests));
    matches(error, Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
    equal(error.message, 'no list');
    ok(await requests.do_async(null), 'the source is gone');
});

test('a source may be replaced and taken away', async () => {
    const requests = new Par.Requests();
    const called = [];

    requests.set_source(() => {
        called.push('a');
        requests.set_source(() => {
            called.push('b');
            return false;
        });
        return true;
    });
    await requests.do_async(null);
    requests.set_source(() => called.push('c'));
    requests.set_source(null);
    await requests.do_async(null);
    equal(called, ['a', 'b']);
});

test('a generator may be the source', async () => {
    const requests = new Par.Requests({concurrency: 3, keep_completed: false});
    const cities = (function* () {
        yield* ['San Francisco', 'Oakland', 'Berkeley'];
    })();

    requests.set_source(() => {
        const {value, done} = cities.next();
        if (!done)
            requests.add(async () => value.length);
        return !done;
    });
    equal((await collect(requests)).map(request => request.result()).sort(), [13, 7, 8]);
});

test('the loop stays alive for others', async () => {
    const requests = new Par.Requests({concurrency: 1});
    let nTicks = 0;

    const id = GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
        nTicks++;
        return GLib.SOURCE_CONTINUE;
    });
    requests.set_source(() => {
        requests.add(async () => {});
        return nTicks < 100;
    });
    for await (const request of requests)
        request.result();
    GLib.Source.remove(id);
    ok(nTicks >= 100, 'a source of default priority was dispatched');
});

run();
