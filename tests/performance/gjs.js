// SPDX-License-Identifier: LGPL-2.1-or-later

// gjs -m gjs.js [REQUESTS [ROUNDS]]: prints what one async request costs in GJS that does nothing,
// adding it included: by the bare bindings, and by the override.

import GLib from 'gi://GLib';
import Par from 'gi://Par?version=1';
import System from 'system';

const [nRequests, nRounds] = [...ARGV.map(Number), 10000, 5].slice(0, 2);

const WAYS = [
    ['add_async(attempt => attempt.return_boolean(true))',
        requests => requests.add_async(attempt => attempt.return_boolean(true))],
    ['add(() => {})', requests => requests.add(() => {})],
    ['add(async () => {})', requests => requests.add(async () => {})],
    ['add(async () => i)', (requests, i) => requests.add(async () => i)],
    ['add(async () => ({i}))', (requests, i) => requests.add(async () => ({i}))],
    ['add(async () => { throw … })', requests => requests.add(async () => {
        throw new Error('fails');
    })],
];

async function measure(add) {
    const requests = new Par.Requests({concurrency: 8});
    const start = GLib.get_monotonic_time();

    for (let i = 0; i < nRequests; i++)
        add(requests, i);
    await requests.do_async(null).catch(() => {});
    const duration = GLib.get_monotonic_time() - start;

    if (requests.n_succeeded + requests.n_failed !== nRequests)
        throw new Error('not all requests have settled');
    return duration / nRequests;
}

// GJS takes the longer for each object the more there are: let none be left of the last round. What
// C has held is garbage only after what held it was collected.
async function collectGarbage() {
    for (let i = 0; i < 3; i++) {
        System.gc();
        await new Promise(resolve => GLib.idle_add(GLib.PRIORITY_LOW, () => resolve()));
    }
}

async function main() {
    print(`${nRequests} requests, 8 at once, the least of ${nRounds} rounds, us a request:`);
    for (const [name, add] of WAYS) {
        let least = Infinity;

        for (let i = 0; i < nRounds; i++) {
            await collectGarbage();
            least = Math.min(least, await measure(add));
        }
        print(`${least.toFixed(1).padStart(6)}  ${name}`);
    }
}

const loop = new GLib.MainLoop(null, false);
let status = 0;

main().catch(error => {
    logError(error);
    status = 1;
}).finally(() => loop.quit());
loop.run();
System.exit(status);
