#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stubs agree with the typelib and the override, and type checkers find and understand them."""

import ast
import inspect
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

from support import PATIENCE, Par, TestCase, main
from gi.repository import GObject

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'par' / 'bindings' / 'python'
STUB = FOLDER / 'gi' / 'repository' / 'Par.pyi'
BUILD = pathlib.Path(os.environ['G_TEST_BUILDDIR']).parent


def get_names(body):
    """What a module or a class of the stub has, by name."""
    names = {}
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.setdefault(node.name, node)
        elif isinstance(node, ast.AnnAssign):
            names[node.target.id] = node
    return names


def is_public(name):
    return not name.startswith('_')


class AgreementTest(TestCase):
    def setUp(self):
        super().setUp()
        self.stub = get_names(ast.parse(STUB.read_text(encoding='utf-8')).body)

    def test_module_has_the_same_names(self):
        self.assertEqual(set(self.stub), set(filter(is_public, dir(Par))))

    def test_classes_have_the_same_methods(self):
        for name, node in self.stub.items():
            if not isinstance(node, ast.ClassDef):
                continue
            with self.subTest(name=name):
                cls = getattr(Par, name)
                info = cls.__info__
                names = {method.get_name() for method in getattr(info, 'get_methods', list)()}
                if hasattr(info, 'get_values'):
                    names |= {value.get_name().upper() for value in info.get_values()}
                if issubclass(cls, GObject.Object):
                    names.add('props')
                    names |= {f'do_{vfunc.get_name()}' for vfunc in info.get_vfuncs()}
                    names |= set(filter(is_public, vars(cls)))
                if name == 'Requests':
                    # Of the GListModel that it is.
                    names.add('get_item')
                self.assertEqual(set(filter(is_public, get_names(node.body))), names)

    def test_classes_have_the_same_properties(self):
        for name in 'Attempt', 'Hedge', 'Limiter', 'Request', 'Requests', 'Retry':
            properties = {pspec.name.replace('-', '_'): pspec
                          for pspec in getattr(Par, name).list_properties()}
            names = get_names(self.stub[name].body)
            self.assertEqual(set(get_names(names['_Props'].body)), set(properties))

            if '__init__' in names:
                keywords = {argument.arg for argument in names['__init__'].args.kwonlyargs}
                self.assertEqual(keywords - {'retry_on'}, {
                    property for property, pspec in properties.items()
                    if pspec.flags & GObject.ParamFlags.WRITABLE})

    def test_methods_of_the_override_have_the_same_parameters(self):
        for name in 'Attempt', 'Request', 'Requests':
            names = get_names(self.stub[name].body)
            for method, function in vars(getattr(Par, name)).items():
                function = getattr(function, '__func__', function)
                if not inspect.isfunction(function) or method not in names:
                    continue
                # These take what has a type of its own in the stub.
                if method in ('__init__', 'map'):
                    continue
                # Of overloaded functions the last takes all.
                node = [node for node in self.stub[name].body
                        if isinstance(node, ast.FunctionDef) and node.name == method][-1]
                with self.subTest(method=f'{name}.{method}'):
                    arguments = node.args
                    given = [argument.arg for argument in
                             arguments.posonlyargs + arguments.args + [arguments.vararg]
                             if argument is not None]
                    expected = [parameter.name for parameter in
                                inspect.signature(function).parameters.values()
                                if parameter.kind not in (inspect.Parameter.KEYWORD_ONLY,
                                                          inspect.Parameter.VAR_KEYWORD)]
                    self.assertEqual(given, expected)


@unittest.skipIf(shutil.which('mypy') is None, 'mypy is not installed')
class CheckerTest(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cache = tempfile.mkdtemp()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.cache)

    def check(self, *arguments, path=FOLDER):
        environment = {**os.environ, 'MYPYPATH': str(path)} if path else dict(os.environ)
        if not path:
            environment.pop('MYPYPATH', None)
        process = subprocess.run(
            ['mypy', '--strict', '--cache-dir', self.cache, *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding='utf-8', timeout=PATIENCE, cwd=self.cache, env=environment)
        return process.returncode, process.stdout

    def test_examples_and_stub_pass(self):
        examples = sorted((ROOT / 'examples').glob('*.py'))
        self.assertGreaterEqual(len(examples), 2)
        self.assertEqual(self.check(*examples, STUB)[0], 0, self.check(*examples, STUB)[1])

    def write_program(self, text):
        path = pathlib.Path(self.cache) / 'program.py'
        path.write_text(textwrap.dedent(text), encoding='utf-8')
        return path

    def test_types_are_told(self):
        status, output = self.check(self.write_program('''
            from gi.repository import Gio, GLib, Par

            def get_length(text: str) -> int:
                return len(text)

            requests = Par.Requests(concurrency=3, timeout=250)
            reveal_type(requests.add(get_length, 'text'))
            reveal_type(requests.do(Gio.Cancellable()))
            reveal_type(requests[0].props.state)
            reveal_type(requests[0:1])
            reveal_type(requests.get_request(0))
            for request in requests.as_completed():
                reveal_type(request)
            for request in requests:
                reveal_type(request.exception)
            for length in Par.Requests.map(get_length, ['text']):
                reveal_type(length)
            reveal_type(Par.current_attempt().get_number())
            requests.connect('completed', print)
        '''))
        self.assertEqual(status, 0, output)
        types = [line.split('"')[1] for line in output.splitlines() if 'Revealed type' in line]
        self.assertEqual([re.sub(r'\w+\.', '', type) for type in types],
                         ['int', 'bool', 'RequestState', 'list[Request]', 'Union[Request, None]',
                          'Request', 'Union[BaseException, None]', 'int', 'int'])

    def test_mistakes_are_found(self):
        mistakes = ('Par.Requests(speed=3)', "Par.Requests(concurrency='3')",
                    'Par.Requests().add(3)', 'Par.Requests.map(len, [3])',
                    'Par.current_attempt().number', 'Par.Request(priority=None)',
                    'Par.Requests().do(3, 4)', 'Par.Nothing')
        status, output = self.check(self.write_program(
            'from gi.repository import Par\n' + '\n'.join(mistakes)))
        self.assertEqual(status, 1)
        found = {int(line.split(':')[1]) for line in output.splitlines() if 'error:' in line}
        # Where PyGObject has no stubs, the base class may have any attribute.
        self.assertLessEqual(set(range(2, 10)) - {6}, found, output)

    def test_installed_stubs_are_found(self):
        plan = json.loads(subprocess.run(
            ['meson', 'introspect', '--install-plan', BUILD], stdout=subprocess.PIPE, check=True,
            timeout=PATIENCE, encoding='utf-8').stdout)
        installed = [(source, pathlib.Path(file['destination']))
                     for files in plan.values() for source, file in files.items()
                     if 'bindings/python' in source]
        self.assertIn('Par.py', {path.name for _, path in installed})
        overrides = next(path for _, path in installed if path.name == 'Par.py').parent
        site = overrides.parents[1]
        self.assertEqual(overrides.parts[-2:], ('gi', 'overrides'))

        venv = pathlib.Path(self.cache) / 'venv'
        subprocess.run([sys.executable, '-m', 'venv', '--without-pip', '--system-site-packages',
                        venv], check=True, timeout=PATIENCE)
        folder, = venv.glob('lib/python*/site-packages')
        for source, path in installed:
            place = folder / path.relative_to(site)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place)

        status, output = self.check('--python-executable', venv / 'bin' / 'python',
                                    ROOT / 'examples' / 'weather.py', path=None)
        self.assertEqual(status, 0, output)

        # The override is found too, among those of PyGObject.
        environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
        process = subprocess.run(
            [venv / 'bin' / 'python', '-c', 'import gi; gi.require_version("Par", "1")\n'
             'from gi.repository import Gio, Par; print(Par.current_attempt.__module__)\n'
             'print(Gio.ListModel.__module__)'],
            env=environment, stdout=subprocess.PIPE, encoding='utf-8', timeout=PATIENCE)
        self.assertEqual(process.stdout.split(), ['gi.overrides.Par', 'gi.overrides.Gio'])


main()
