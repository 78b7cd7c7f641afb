// SPDX-License-Identifier: LGPL-2.1-or-later

// A program of the old kind, with imports.

imports.gi.versions.Par = '1';

const {GLib, Par} = imports.gi;

const loop = new GLib.MainLoop(null, false);
const requests = new Par.Requests({concurrency: 2});

async function main() {
    for (const city of ['San Francisco', 'Oakland', 'Berkeley'])
        requests.add(async () => ({city}));

    const cities = [];
    for await (const request of requests)
        cities.push(request.result().city);
    print(cities.sort().join(' '));
}

main().catch(logError).finally(() => loop.quit());
loop.run();
