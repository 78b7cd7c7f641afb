// SPDX-License-Identifier: LGPL-2.1-or-later

// All that is public is used by some test in this folder: a new name without a test fails here.

import Gio from 'gi://Gio';
import GIRepository from 'gi://GIRepository?version=2.0';
import 'gi://Par?version=1';

import {equal, ok, run, test} from './harness.js';

const {InfoType} = GIRepository;

// GJS frees by itself.
const LEFT_OUT = ['Stats.free'];

function readTests() {
    const folder = Gio.File.new_for_uri(import.meta.url).get_parent();
    const texts = [];

    for (const info of folder.enumerate_children('standard::name', 0, null)) {
        if (/^test-(?!names).*\.js$/.test(info.get_name())) {
            const [, contents] = folder.get_child(info.get_name()).load_contents(null);
            texts.push(new TextDecoder().decode(contents));
        }
    }
    ok(texts.length > 5, 'there are tests');
    return texts.join('\n');
}

function collect(n, get) {
    return Array.from({length: n}, (_, i) => get(i));
}

// The names that an info of Par makes public, each with a pattern for its use.
function listNames(info) {
    const owner = info.get_name();
    const method = name => [`${owner}.${name}`, `\\.${name}\\b`];
    const word = name => [`${owner}.${name}`, `(\\.|'|\\b)${name}\\b`];

    switch (info.get_type()) {
    case InfoType.OBJECT: {
        const properties = collect(GIRepository.object_info_get_n_properties(info), i =>
            GIRepository.object_info_get_property(info, i).get_name());
        const methods = collect(GIRepository.object_info_get_n_methods(info), i =>
            GIRepository.object_info_get_method(info, i).get_name());
        const signals = collect(GIRepository.object_info_get_n_signals(info), i =>
            GIRepository.object_info_get_signal(info, i).get_name());

        // The tests of a setting call its getter and its setter by a name that they put together.
        return [
            ...properties.map(name => word(name.replaceAll('-', '_'))),
            ...methods.map(name => {
                const property = name.replace(/^(get|set)_/, '').replaceAll('_', '-');
                return properties.includes(property) && methods.includes(`set_${property
                    .replaceAll('-', '_')}`) ? word(property.replaceAll('-', '_')) : method(name);
            }),
            ...signals.map(name => [`${owner}::${name}`, `'${name}'`]),
        ];
    }
    case InfoType.STRUCT:
        return GIRepository.struct_info_is_gtype_struct(info) ? [] : collect(
            GIRepository.struct_info_get_n_methods(info), i =>
                method(GIRepository.struct_info_get_method(info, i).get_name()));
    case InfoType.ENUM:
        return collect(GIRepository.enum_info_get_n_values(info), i => {
            const name = GIRepository.enum_info_get_value(info, i).get_name().toUpperCase();
            return [`${owner}.${name}`, `Par\\.${owner}\\.${name}\\b`];
        });
    case InfoType.FUNCTION:
    case InfoType.CONSTANT:
        return [[owner, `Par\\.${owner}\\b`]];
    case InfoType.CALLBACK:
        return [];
    default:
        throw new Error(`nothing is known of ${owner}`);
    }
}

test('every public name is used by a test', () => {
    const tests = readTests();
    const repository = GIRepository.Repository.get_default();
    const names = collect(repository.get_n_infos('Par'), i => repository.get_info('Par', i))
        .flatMap(listNames)
        .filter(([name]) => !LEFT_OUT.includes(name));

    ok(names.length > 120, `${names.length} names are known`);
    equal(names.filter(([, pattern]) => !new RegExp(pattern).test(tests)).map(([name]) => name),
        [], 'the names without a test');
});

test('every virtual function is implemented by a test', () => {
    const tests = readTests();
    const repository = GIRepository.Repository.get_default();
    const info = repository.find_by_name('Par', 'Request');
    const names = collect(GIRepository.object_info_get_n_vfuncs(info), i =>
        GIRepository.object_info_get_vfunc(info, i).get_name());

    equal(names.filter(name => !tests.includes(`vfunc_${name}(`)), [], 'those without');
});

test('what the override adds is used by a test', () => {
    const tests = readTests();

    for (const use of ['.result()', '.exception', 'requests.add(', 'await requests.do_async(null)',
        'for await (const request of requests)', 'of requests)', 'requests.do()',
        'Symbol.asyncIterator'])
        ok(tests.includes(use), use);
});

run();
