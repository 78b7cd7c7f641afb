// SPDX-License-Identifier: LGPL-2.1-or-later

// What the tests in GJS have in common. A file declares its tests and calls run(), which prints TAP.
// With PAR_TEST_GC in the environment all of it goes on under a garbage collection every millisecond.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

const tests = [];

export function test(name, body) {
    tests.push({name, body});
}

class Failure extends Error {}

function show(value) {
    if (typeof value === 'string')
        return JSON.stringify(value);
    return Array.isArray(value) ? `[${value.map(show).join(', ')}]` : String(value);
}

function fail(what) {
    throw new Failure(what);
}

export function ok(condition, what) {
    if (!condition)
        fail(what);
}

function isSame(actual, expected) {
    if (Array.isArray(expected) && Array.isArray(actual)) {
        return actual.length === expected.length &&
            expected.every((value, i) => isSame(actual[i], value));
    }
    return Object.is(actual, expected);
}

// The same value; or an array of the same values.
export function equal(actual, expected, what = 'a value') {
    if (!isSame(actual, expected))
        fail(`${what} is ${show(actual)}, not ${show(expected)}`);
}

export function matches(error, domain, code, what = 'an error') {
    ok(error instanceof GLib.Error && error.matches(domain, code),
        `${what} is ${error}, not of code ${code}`);
}

export function throws(body, what = 'a call') {
    try {
        body();
    } catch (error) {
        return error;
    }
    return fail(`${what} has not thrown`);
}

export async function rejects(promise, what = 'a promise') {
    try {
        await promise;
    } catch (error) {
        return error;
    }
    return fail(`${what} was kept`);
}

// How GLib complains of a property that is out of range.
export const OUT_OF_RANGE = GLib.check_version(2, 76, 0) === null
    ? GLib.LogLevelFlags.LEVEL_CRITICAL
    : GLib.LogLevelFlags.LEVEL_WARNING;

// Fails unless the body makes C print this and nothing else of its like.
export function complains(domain, level, pattern, body) {
    GLib.test_expect_message(domain, level, pattern);
    try {
        return body();
    } finally {
        GLib.test_assert_expected_messages_internal(domain, 'harness.js', 0, pattern);
    }
}

// Something to wait at, and to open for those who do.
export class Gate {
    constructor() {
        this.opened = new Promise(resolve => {
            this.open = resolve;
        });
    }
}

// Ends when the main loop has nothing more urgent to do.
export function idle() {
    return new Promise(resolve => {
        GLib.idle_add(GLib.PRIORITY_LOW, () => {
            resolve();
            return GLib.SOURCE_REMOVE;
        });
    });
}

export async function until(condition, what) {
    for (let i = 0; !condition(); i++) {
        ok(i < 100000, `it never came about that ${what}`);
        await idle();
    }
}

// What a function does that stops when it is told to.
export function untilCancelled(cancellable) {
    return new Promise((_resolve, reject) => {
        cancellable.connect(() => reject(new Error('stopped')));
    });
}

// Collects garbage until the condition holds.
export async function collectUntil(condition, what) {
    for (let i = 0; !condition(); i++) {
        ok(i < 1000, `it never came about that ${what}`);
        System.gc();
        await idle();
    }
}

async function runGjs(args, environment = {}) {
    const launcher = new Gio.SubprocessLauncher({
        flags: Gio.SubprocessFlags.STDOUT_PIPE | Gio.SubprocessFlags.STDERR_PIPE,
    });

    // What a program complains of is to be read, not to end it.
    launcher.unsetenv('G_DEBUG');
    for (const [name, value] of Object.entries(environment))
        launcher.setenv(name, value, true);
    const process = launcher.spawnv(['gjs', ...args]);
    const [, output, errors] = await new Promise(resolve =>
        process.communicate_utf8_async(null, null, (_process, result) =>
            resolve(process.communicate_utf8_finish(result))));

    return {status: process.get_exit_status(), output, errors};
}

// Runs a script of the old kind, and tells its exit status and what it has printed.
export function runScript(script) {
    return runGjs(['-c', `imports.gi.versions.Par = '1';\n${script}`]);
}

// The same for a file beside this one.
export function runFile(name, environment) {
    const file = Gio.File.new_for_uri(import.meta.url).get_parent().get_child(name);

    return runGjs([file.get_path()], environment);
}

// As a timeout of GLib's would be ready at once where a collection takes more than a millisecond,
// and nothing of a lower priority would ever be dispatched, each is added when the last has ended.
function collectGarbage() {
    System.gc();
    GLib.timeout_add(GLib.PRIORITY_DEFAULT, 1, () => {
        collectGarbage();
        return GLib.SOURCE_REMOVE;
    });
}

async function runAll() {
    let nFailed = 0;

    print(`1..${tests.length}`);
    for (const [i, {name, body}] of tests.entries()) {
        try {
            await body();
            print(`ok ${i + 1} ${name}`);
        } catch (error) {
            nFailed++;
            `${error}\n${error?.stack}`.split('\n').forEach(line => print(`# ${line}`));
            print(`not ok ${i + 1} ${name}`);
        }
        System.gc();
    }
    return nFailed;
}

export function run() {
    const loop = new GLib.MainLoop(null, false);
    let nFailed = 1;

    if (GLib.getenv('PAR_TEST_GC') !== null)
        collectGarbage();
    runAll().then(n => {
        nFailed = n;
    }).finally(() => loop.quit());
    loop.run();
    if (nFailed > 0)
        System.exit(1);
}
