// SPDX-License-Identifier: LGPL-2.1-or-later

// What must outlive a garbage collection, and what must not.

import Gio from 'gi://Gio';
import GObject from 'gi://GObject';
import Par from 'gi://Par?version=1';
import System from 'system';

import {collectUntil, equal, Gate, idle, ok, run, test} from './harness.js';

// Kept, since a promise that nobody can keep any more ends its request.
const never = new Gate();

async function doAndForget(requests) {
    await requests.do_async(null).catch(() => {});
}

// Counts the marks there are in the heap.
function countMarks() {
    const [file, stream] = Gio.File.new_tmp('par-XXXXXX.heap');

    System.gc();
    System.dumpHeap(file.get_path());
    const heap = new TextDecoder().decode(file.load_contents(null)[1]);
    stream.close(null);
    file.delete(null);

    return heap.match(/^\S+ \S+ Function markOfTheTest$/gm)?.length ?? 0;
}

// Tells how many of some objects are still there. (Weak references would not do: GJS never lets go
// of what they were asked for.)
class Watch {
    constructor() {
        this.nBefore = countMarks();
        this.nAdded = 0;
    }

    add(object) {
        this.nAdded++;
        object.mark = function markOfTheTest() {};
        return object;
    }

    count() {
        return countMarks() - this.nBefore;
    }
}

test('results and exceptions are there though no wrapper was kept', async () => {
    const requests = new Par.Requests({concurrency: 8});
    const n = 1000;

    for (let i = 0; i < n; i++) {
        requests.add(async () => ({i}));
        requests.add(async () => {
            throw Object.assign(new TypeError(`error ${i}`), {i});
        });
    }
    await doAndForget(requests);
    for (let i = 0; i < 3; i++) {
        System.gc();
        await idle();
    }
    for (let i = 0; i < n; i++) {
        equal(requests.get_request(2 * i).result().i, i);
        const {exception} = requests.get_request(2 * i + 1);
        ok(exception instanceof TypeError, 'its type');
        equal([exception.i, exception.message], [i, `error ${i}`]);
        ok(exception.stack.includes('test-garbage.js'), exception.stack);
    }
});

test('a request outlives its requests, with its result', async () => {
    const request = await (async () => {
        const requests = new Par.Requests();

        requests.add(async () => ({city: 'Oakland'}));
        await requests.do_async(null);
        return requests.get_request(0);
    })();

    System.gc();
    await idle();
    System.gc();
    equal(request.result().city, 'Oakland');
});

test('do_async() needs no other reference', async () => {
    const done = (() => {
        const requests = new Par.Requests({concurrency: 2});

        for (let i = 0; i < 10; i++)
            requests.add(async () => idle());
        requests.connect('completed', () => System.gc());
        return requests.do_async(null);
    })();

    System.gc();
    ok(await done, 'it has succeeded');
});

test('do_async() whose promise nobody keeps goes on too', async () => {
    const gate = new Gate();

    (() => {
        const requests = new Par.Requests();

        requests.add(async () => {
            await idle();
            System.gc();
            gate.open('called');
        });
        requests.do_async(null);
    })();
    System.gc();
    equal(await gate.opened, 'called');
});

test('functions are freed when their requests have settled', async () => {
    const requests = new Par.Requests();
    const watch = new Watch();

    (() => {
        for (let i = 0; i < 20; i++) {
            const function_ = async () => i;
            requests.add(watch.add(function_), i % 2 === 0 ? undefined : {label: 'prepared'});
        }
    })();
    equal(watch.count(), 20);
    await doAndForget(requests);
    await collectUntil(() => watch.count() === 0, 'all functions are freed');
    equal(requests.get_request(3).result(), 3);
});

test('attempts and their cancellables are freed', async () => {
    const requests = new Par.Requests({redundancy: 2});
    const watch = new Watch();

    for (let i = 0; i < 10; i++) {
        requests.add(async (cancellable, attempt) => {
            watch.add(cancellable);
            watch.add(attempt);
            await idle();
        });
    }
    await doAndForget(requests);
    equal(watch.nAdded, 40);
    await collectUntil(() => watch.count() === 0, 'all attempts are freed');
    equal(requests.n_succeeded, 10);
});

test('results are freed with their requests', async () => {
    const watch = new Watch();

    for (let i = 0; i < 20; i++) {
        const requests = new Par.Requests({concurrency: 4});

        for (let j = 0; j < 20; j++) {
            requests.add(async () => watch.add({j}));
            requests.add(async () => {
                throw watch.add(new Error('fails'));
            });
            requests.add(async () => watch.add(new Gio.Cancellable()));
        }
        await doAndForget(requests);
    }
    equal(watch.nAdded, 1200);
    await collectUntil(() => watch.count() === 0, 'all results are freed');
});

test('results are freed once they have left the model', async () => {
    const requests = new Par.Requests({keep_completed: false, concurrency: 4});
    const watch = new Watch();
    let nAdded = 0, most = 0;

    requests.set_source(() => {
        const i = nAdded++;
        requests.add(async () => watch.add({i}));
        return nAdded < 300;
    });
    for await (const request of requests) {
        ok(request.result().i >= 0);
        if (request.index % 50 === 49) {
            System.gc();
            await idle();
            System.gc();
            most = Math.max(most, watch.count());
        }
    }
    ok(most < 100, `${most} were there at once`);
    await collectUntil(() => watch.count() === 0, 'all results are freed');
});

test('requests that never ran may be dropped', async () => {
    const watch = new Watch();

    (() => {
        for (let i = 0; i < 10; i++) {
            const requests = watch.add(new Par.Requests());

            for (let j = 0; j < 20; j++)
                requests.add(async () => j, j % 2 === 0 ? undefined : {priority: j});
            requests.get_request(3);
        }
    })();
    await collectUntil(() => watch.count() === 0, 'all are freed');
});

test('a loop that was given up takes its run with it', async () => {
    const watch = new Watch();
    const gate = new Gate();
    let nStarted = 0;

    await (async () => {
        const requests = watch.add(new Par.Requests());

        requests.add(async () => 'first');
        for (let i = 0; i < 3; i++) {
            requests.add(async () => {
                nStarted++;
                await gate.opened;
            });
        }
        const iterator = requests[Symbol.asyncIterator]();
        equal((await iterator.next()).value.result(), 'first');
    })();
    await collectUntil(() => watch.count() === 0, 'the requests are freed');
    equal(nStarted, 3);
    gate.open();
    await idle();
});

test('the last reference may be dropped by a handler', async () => {
    let requests = new Par.Requests();
    const gate = new Gate();

    requests.add(async () => 'a');
    requests.add(async () => ['b']);
    requests.connect('completed', () => {
        requests = null;
        System.gc();
    });
    requests.connect('finished', () => {
        System.gc();
        gate.open('finished');
    });
    requests.do_async(null);
    equal(await gate.opened, 'finished');
});

test('garbage is collected in every callback', async () => {
    const requests = new Par.Requests({concurrency: 2, redundancy: 2});
    const Collecting = GObject.registerClass(class Collecting extends Par.Request {
        vfunc_start(attempt) {
            System.gc();
            attempt.return_string('collected');
        }
    });

    for (const signal of ['started', 'completed', 'finished', 'items-changed', 'notify'])
        requests.connect(signal, () => System.gc());
    for (let i = 0; i < 4; i++) {
        requests.add(() => {
            System.gc();
            return {i};
        });
        requests.add(async cancellable => {
            cancellable.connect(() => System.gc());
            System.gc();
            await idle();
            System.gc();
            throw new Error(`error ${i}`);
        });
        requests.add(new Collecting());
    }
    await doAndForget(requests);
    for (let i = 0; i < 4; i++) {
        equal(requests.get_request(3 * i).result().i, i);
        equal(requests.get_request(3 * i + 1).exception.message, `error ${i}`);
        equal(requests.get_request(3 * i + 2).result(), 'collected');
    }
});

test('attempts that are out at the end of a run harm nobody', async () => {
    const watch = new Watch();

    for (let i = 0; i < 10; i++) {
        const requests = watch.add(new Par.Requests({min_successes: 1}));

        requests.add(async () => 'won');
        for (let j = 0; j < 5; j++) {
            requests.add(async cancellable => {
                await new Promise(resolve => cancellable.connect(() => resolve()));
                await idle();
                return {late: j};
            });
        }
        ok(await requests.do_async(null), 'one was enough');
    }
    await collectUntil(() => watch.count() === 0, 'all are freed');
});

test('an attempt that is never answered does not keep its requests', async () => {
    const watch = new Watch();

    await (async () => {
        const requests = watch.add(new Par.Requests({request_timeout: 1}));

        requests.add(() => never.opened);
        await doAndForget(requests);
        equal(requests.n_failed, 1);
    })();
    await collectUntil(() => watch.count() === 0, 'they are freed');
});

run();
