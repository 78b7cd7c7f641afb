#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stubs agree with typelibs and override, and type checkers find and understand them."""

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

import gi

from support import PATIENCE, Par, TestCase, main
from gi.repository import GObject

try:
    gi.require_version('ParSoup', '1')
    from gi.repository import ParSoup
except ValueError:
    ParSoup = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'par' / 'bindings' / 'python'
STUBS = [FOLDER / 'gi' / 'repository' / name for name in ('Par.pyi', 'ParSoup.pyi')]
BUILD = pathlib.Path(os.environ['G_TEST_BUILDDIR']).parent


def get_names(body):
    """What a module or a class of the stub has, by name.

    Of overloaded functions it is the last, which takes all.
    """
    names = {}
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            names[node.target.id] = node
    return names


def is_public(name):
    return not name.startswith('_')


def is_optional(annotation):
    return ast.unparse(annotation).startswith(('Any', 'Optional['))


class AgreementTest(TestCase):
    module, path = Par, STUBS[0]

    def setUp(self):
        super().setUp()
        self.stub = get_names(ast.parse(self.path.read_text(encoding='utf-8')).body)
        # What the stub says each class has, and the class.
        self.classes = [(get_names(node.body), getattr(self.module, name))
                        for name, node in self.stub.items() if isinstance(node, ast.ClassDef)]

    def test_module_has_the_same_names(self):
        self.assertEqual(set(self.stub), set(filter(is_public, dir(self.module))))

    def test_classes_have_the_same_methods(self):
        for stub, cls in self.classes:
            with self.subTest(cls=cls):
                info = cls.__info__
                names = {method.get_name() for method in getattr(info, 'get_methods', list)()}
                if hasattr(info, 'get_values'):
                    names |= {value.get_name().upper() for value in info.get_values()}
                if issubclass(cls, GObject.Object):
                    names.add('props')
                    names |= {f'do_{vfunc.get_name()}' for vfunc in info.get_vfuncs()}
                    names |= set(filter(is_public, vars(cls)))
                if cls.__name__ == 'Requests':
                    # Of the GListModel that it is.
                    names.add('get_item')
                self.assertEqual(set(filter(is_public, stub)), names)

    def test_classes_have_the_same_properties(self):
        for stub, cls in self.classes:
            if not issubclass(cls, GObject.Object):
                continue
            with self.subTest(cls=cls):
                properties = {pspec.name.replace('-', '_'): pspec
                              for pspec in cls.list_properties()}
                own = get_names(stub['_Props'].body)
                self.assertEqual(set(own), {name for name, pspec in properties.items()
                                            if pspec.owner_type == cls.__gtype__})
                for name, node in own.items():
                    getter = stub.get(f'get_{name}') or stub[f'is_{name}']
                    self.assertEqual(ast.unparse(node.annotation), ast.unparse(getter.returns),
                                     name)

                if '__init__' in stub:
                    keywords = {argument.arg: is_optional(argument.annotation)
                                for argument in stub['__init__'].args.kwonlyargs}
                    self.assertEqual(set(keywords) - {'retry_on'}, {
                        name for name, pspec in properties.items()
                        if pspec.flags & GObject.ParamFlags.WRITABLE})
                    for name in set(own) & set(keywords):
                        self.assertEqual(keywords[name], is_optional(own[name].annotation), name)

    def test_methods_have_the_same_parameters(self):
        for stub, cls in self.classes:
            for name, node in stub.items():
                function = getattr(cls, name, None)
                # These take what has a type of its own in the stub.
                if name in ('__init__', 'map') or not callable(function):
                    continue
                arguments = [*node.args.posonlyargs, *node.args.args, node.args.vararg]
                given = {argument.arg: argument.annotation for argument in arguments
                         if argument is not None and argument.arg not in ('self', 'cls')}
                with self.subTest(cls=cls, name=name):
                    if hasattr(function, 'get_arguments'):
                        self.check_types(given, node.returns, function)
                    else:
                        expected = [parameter.name for parameter in
                                    inspect.signature(function).parameters.values()
                                    if parameter.kind not in (inspect.Parameter.KEYWORD_ONLY,
                                                              inspect.Parameter.VAR_KEYWORD)]
                        self.assertEqual(list(given), [name for name in expected
                                                       if name != 'self'])

    def check_types(self, given, returned, info):
        """Compares with the typelib which arguments there are, and what may be None."""
        arguments = info.get_arguments()
        # Where a function is taken, what goes with it is not as in C.
        if not any(argument.get_closure() >= 0 for argument in arguments):
            self.assertEqual(
                {name: is_optional(annotation) for name, annotation in given.items()},
                {argument.get_name(): argument.may_be_null() for argument in arguments})
        self.assertEqual(is_optional(returned), info.may_return_null())


@unittest.skipIf(ParSoup is None, 'ParSoup is not built')
class SoupAgreementTest(AgreementTest):
    module, path = ParSoup, STUBS[1]


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

    def test_examples_and_stubs_pass(self):
        examples = sorted((ROOT / 'examples').glob('*.py'))
        self.assertGreaterEqual(len(examples), 2)
        status, output = self.check(*examples, *STUBS)
        self.assertEqual(status, 0, output)

    def write_program(self, text):
        path = pathlib.Path(self.cache) / 'program.py'
        path.write_text(textwrap.dedent(text), encoding='utf-8')
        return path

    def test_types_are_told(self):
        status, output = self.check(self.write_program('''
            from gi.repository import Gio, GLib, Par, ParSoup

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

            session = ParSoup.Session(user_agent='Test/1')
            reveal_type(session.get(requests, 'http://example.org/'))
            reveal_type(session.get_user_agent())
            reveal_type(session.props.limiter)
            request = ParSoup.Request(method='GET', uri='http://example.org/', idempotent=True)
            reveal_type(request.props.replicas)
            reveal_type(request.props.state)
            reveal_type(ParSoup.Request.new('GET', 'http://example.org/'))
            reveal_type(requests.add(request))
            response: ParSoup.Response = request.result()
            reveal_type(response.props.text)
        '''))
        self.assertEqual(status, 0, output)
        types = [line.split('"')[1] for line in output.splitlines() if 'Revealed type' in line]
        self.assertEqual([re.sub(r'\w+\.', '', type) for type in types],
                         ['int', 'bool', 'RequestState', 'list[Request]', 'Union[Request, None]',
                          'Request', 'Union[BaseException, None]', 'int', 'int',
                          'int', 'Union[str, None]', 'Limiter', 'Union[list[str], None]',
                          'RequestState', 'Request', 'int', 'str'])

    def test_mistakes_are_found(self):
        mistakes = ('Par.Requests(speed=3)', "Par.Requests(concurrency='3')",
                    'Par.Requests().add(3)', 'Par.Requests.map(len, [3])',
                    'Par.current_attempt().number', 'Par.Request(priority=None)',
                    'Par.Requests().do(3, 4)', 'Par.Nothing',
                    "ParSoup.Session(agent='Test/1')", 'ParSoup.Session().props.connections',
                    "ParSoup.Session().get('http://example.org/')",
                    'ParSoup.Session().get(Par.Requests(), 3)',
                    "ParSoup.Request(replicas='http://example.org/')",
                    'ParSoup.Request().get_uri().split()', 'ParSoup.Nothing')
        status, output = self.check(self.write_program(
            'from gi.repository import Par, ParSoup\n' + '\n'.join(mistakes)))
        self.assertEqual(status, 1)
        found = {int(line.split(':')[1]) for line in output.splitlines() if 'error:' in line}
        # Where PyGObject has no stubs, the base class may have any attribute.
        self.assertLessEqual(set(range(2, 2 + len(mistakes))) - {6}, found, output)

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

        # Newer checkers reveal nothing after the end of a program.
        session = 'session = ParSoup.Session()\n'
        example = (ROOT / 'examples' / 'weather.py').read_text(encoding='utf-8').replace(
            session, f'{session}reveal_type(requests)\nreveal_type(session)\n')
        status, output = self.check('--python-executable', venv / 'bin' / 'python',
                                    self.write_program(example), path=None)
        self.assertEqual(status, 0, output)
        self.assertIn('"gi.repository.Par.Requests"', output)
        self.assertIn('"gi.repository.ParSoup.Session"' if ParSoup else '"Any"', output)

        # The override is found too, among those of PyGObject.
        environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
        process = subprocess.run(
            [venv / 'bin' / 'python', '-c', 'import gi; gi.require_version("Par", "1")\n'
             'from gi.repository import Gio, Par; print(Par.current_attempt.__module__)\n'
             'print(Gio.ListModel.__module__)'],
            env=environment, stdout=subprocess.PIPE, encoding='utf-8', timeout=PATIENCE)
        self.assertEqual(process.stdout.split(), ['gi.overrides.Par', 'gi.overrides.Gio'])


main()
