// SPDX-License-Identifier: LGPL-2.1-or-later

// Programs that end while something is on, and one of the old kind.

import {equal, ok, run, runFile, runScript, test} from './harness.js';

async function endsQuietly(script, expected = 'end\n') {
    const {status, output, errors} = await runScript(script);

    equal(errors, '', 'what it prints to standard error');
    equal(output, expected, 'what it prints');
    equal(status, 0, 'its status');
}

test('a program may end while requests are queued', () => endsQuietly(`
const {Par} = imports.gi;
const requests = new Par.Requests();

for (let i = 0; i < 100; i++)
    requests.add(async () => ({i}));
print('end');
`));

test('a program may end while a run is on', () => endsQuietly(`
const {Gio, GLib, Par} = imports.gi;
const loop = new GLib.MainLoop(null, false);
const requests = new Par.Requests({concurrency: 3});
const never = new Promise(() => {});

for (let i = 0; i < 5; i++) {
    requests.add(async cancellable => {
        cancellable.connect(() => print('not called'));
        await never;
    });
}
requests.add(async () => ({}));
requests.connect('finished', () => print('not called'));
requests.do_async(null);
GLib.idle_add(GLib.PRIORITY_LOW, () => loop.quit());
loop.run();
print('end');
`));

test('a program may end while a loop is on', () => endsQuietly(`
const {GLib, Par} = imports.gi;
const loop = new GLib.MainLoop(null, false);
const requests = new Par.Requests();
const never = new Promise(() => {});

requests.add(async () => ({first: true}));
requests.add(() => never);
(async () => {
    for await (const request of requests) {
        print(request.result().first);
        GLib.idle_add(GLib.PRIORITY_LOW, () => loop.quit());
    }
})();
loop.run();
print('end');
`, 'true\nend\n'));

test('a function may end the program', () => endsQuietly(`
const {GLib, Par} = imports.gi;
const loop = new GLib.MainLoop(null, false);
const requests = new Par.Requests();

requests.add(async () => ({}));
requests.add(async () => {
    print('end');
    imports.system.exit(0);
});
requests.do_async(null);
loop.run();
`));

test('results may outlive the program', () => endsQuietly(`
const {GLib, Par} = imports.gi;
const loop = new GLib.MainLoop(null, false);
const requests = new Par.Requests();

for (let i = 0; i < 100; i++) {
    requests.add(async () => ({requests}));
    requests.add(async () => {
        throw new Error('fails');
    });
}
requests.do_async(null).catch(error => print(error.message)).finally(() => loop.quit());
loop.run();
print('end');
`, '100 of 200 requests failed; request 1: Error: fails\nend\n'));

test('an error of a run that nobody handles is told by GJS', async () => {
    const {status, errors} = await runScript(`
const {GLib, Par} = imports.gi;
const loop = new GLib.MainLoop(null, false);
const requests = new Par.Requests();

requests.add(() => {
    throw new Error('fails');
});
requests.connect('finished', () => GLib.idle_add(GLib.PRIORITY_LOW, () => loop.quit()));
requests.do_async(null);
loop.run();
`);

    equal(status, 0);
    ok(errors.includes('Unhandled promise rejection'), errors);
});

test('a script of the old kind does the same', async () => {
    const {status, output, errors} = await runFile('legacy.js');

    equal(errors, '');
    equal(output, 'Berkeley Oakland San Francisco\n');
    equal(status, 0);
});

test('the override is found where GJS looks', async () => {
    const {output} = await runScript(`print(imports.overrides.Par.__file__);`);

    ok(output.trim().endsWith('overrides/Par.js'), output);
});

run();
