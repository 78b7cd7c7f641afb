#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that end while attempts are out: they do end, and first those do that listen."""

import signal
import textwrap

from support import TestCase, main

# Every child begins with this. While the interpreter ends, it ends each thread that wants to go on
# in Python; one in Gate.listen() is nearly always in GLib then, with its lock of all cancellables.
PRELUDE = '''
import atexit, os, select, signal, sys, threading, warnings

# What is registered before Par comes after it.
at_last = []
atexit.register(lambda: [function() for function in at_last])

import gi
gi.require_version('Par', '1')
from gi.repository import Gio, GLib, Par
from support import Gate

override = sys.modules['gi.overrides.Par']
gate = Gate()


def fill(function=gate.listen, n=8):
    requests = Par.Requests(concurrency=8)
    requests.add(abs, -1)
    for _ in range(n):
        requests.add(function)
    return requests


def begin(*args):
    """Begins a run that nobody ends, with eight attempts out."""
    requests = fill(*args)
    requests.next()
    gate.wait_arrived(8)
    return requests


def run(function, *args, daemon=True):
    thread = threading.Thread(target=function, args=args, daemon=daemon)
    thread.start()
    return thread


def write(text):
    os.write(1, text.encode())


def get_cancellable():
    return Par.current_attempt().get_cancellable()


def wait_cancelled():
    """Returns when its attempt is cancelled. Nothing calls back into Python."""
    cancellable = get_cancellable()
    gate.arrive()
    select.select([cancellable.get_fd()], [], [])


never = threading.Event()
'''


class ExitTest(TestCase):
    def run_child(self, script, status=0, stderr=''):
        process = self.run_script(PRELUDE + textwrap.dedent(script))
        self.assertEqual(process.returncode, status, process.stderr)
        self.assertEqual(process.stderr.strip().rpartition('\n')[2], stderr)
        return process.stdout

    def test_every_kind_of_run_ends(self):
        for kind, script in {
            'next': 'requests = begin()',
            'next, many queued': 'requests = begin(gate.listen, 10000)',
            'next, in another thread': '''
                kept = []
                run(lambda: kept.append(begin())).join()
            ''',
            'as_completed': '''
                requests = fill()
                iterator = requests.as_completed()
                next(iterator)
                gate.wait_arrived(8)
            ''',
            'map': '''
                iterator = Par.Requests.map(lambda i: i and gate.listen(), range(99), concurrency=9)
                next(iterator)
                gate.wait_arrived(8)
            ''',
            'do, in a daemon thread': '''
                run(fill().do)
                gate.wait_arrived(8)
            ''',
            'as_completed, in a daemon thread': '''
                run(lambda: [request.result() for request in fill().as_completed()])
                gate.wait_arrived(8)
            ''',
            'do_async': '''
                fill().do_async(None, print)
                gate.wait_arrived(8)
            ''',
            'of prepared requests': '''
                class Listener(Par.Request):
                    def do_run(self, attempt):
                        gate.listen()

                requests = fill(n=0)
                for _ in range(8):
                    requests.add(Listener())
                requests.next()
                gate.wait_arrived(8)
            ''',
            'freed': '''
                requests = begin(gate.go_through)
                del requests
            ''',
        }.items():
            with self.subTest(kind=kind):
                # Another to be freed has them meet in the lock of all cancellables.
                self.assertEqual(self.run_child('other = begin()\ngate.n_arrived = 0\n'
                                                + textwrap.dedent(script)), '')

    def test_every_kind_of_exit(self):
        for script, status, stderr in (
            ('sys.exit(3)', 3, ''),
            ('raise ValueError("so")', 1, 'ValueError: so'),
            ('signal.raise_signal(signal.SIGINT)', -signal.SIGINT, 'KeyboardInterrupt'),
            ('os._exit(4)', 4, ''),
        ):
            with self.subTest(script=script):
                self.run_child('requests = begin()\n' + script, status, stderr)

    def test_those_that_listen_have_ended_before(self):
        written = self.run_child('''
            def end():
                wait_cancelled()
                write('ended ')

            at_last.append(lambda: write('exit'))
            requests = begin(end)
        ''')
        self.assertEqual(written, 8 * 'ended ' + 'exit')

    def test_the_deaf_are_left_behind(self):
        for has_cancellable in False, True:
            with self.subTest(has_cancellable=has_cancellable):
                self.run_child(f'''
                    def be_deaf():
                        if {has_cancellable}:
                            get_cancellable()
                        gate.arrive()
                        never.wait()

                    override._LONGEST_END = 0.1
                    requests = begin(be_deaf)
                ''')

    def test_ctrl_c_ends_the_wait(self):
        self.run_child('''
            def be_deaf():
                wait_cancelled()
                os.kill(os.getpid(), signal.SIGINT)
                never.wait()

            override._LONGEST_END = 1000
            requests = begin(be_deaf)
        ''')

    def test_threads_that_are_no_daemons_go_on(self):
        written = self.run_child('''
            def go_on():
                gate.wait_arrived(8)
                threading.main_thread().join()
                gate.open()

            def do():
                requests = fill(gate.go_through)
                requests.do()
                write(f'{requests.props.n_succeeded}')

            run(do, daemon=False)
            run(go_on, daemon=False)
        ''')
        self.assertEqual(written, '9')

    def test_threads_that_go_on_adding(self):
        self.run_child('''
            def add():
                while True:
                    requests = fill()
                    while requests.props.n_requests < 1000:
                        requests.add(gate.listen)
                    requests.do()

            run(add)
            requests = begin()
        ''')

    def test_cancellable_comes_too_late(self):
        written = self.run_child('''
            def ask():
                gate.go_through_deaf()
                try:
                    get_cancellable()
                except RuntimeError as error:
                    write(f'{error}')
                asked.set()

            def let_ask():
                wait_cancelled()
                gate.open()
                asked.wait()

            asked = threading.Event()
            requests = Par.Requests()
            requests.add(abs, -1)
            requests.add(ask)
            requests.add(let_ask)
            requests.next()
            gate.wait_arrived(2)
        ''')
        self.assertEqual(written, 'the interpreter ends, and this attempt with it')

    def test_handlers_of_the_program_may_run_more(self):
        written = self.run_child('''
            def run_more():
                requests.add(write, 'more ')
                gate.open()
                requests.do()

            def run_others():
                requests = Par.Requests()
                requests.add(write, 'others')
                requests.do()

            atexit.register(run_more)
            at_last.append(run_others)
            requests = begin(gate.go_through)
        ''')
        self.assertEqual(written, 'more others')

    def test_fork_has_no_workers(self):
        written = self.run_child('''
            # Those in listen() would be in the lock, in the child for ever.
            requests = begin(gate.go_through)
            override._LONGEST_END = 1000
            # Python 3.12 and later warn of threads.
            warnings.simplefilter('ignore')
            child = os.fork()
            if child == 0:
                sys.exit(5)
            write(f'{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}')
        ''')
        self.assertEqual(written, '5')


if __name__ == '__main__':
    main()
