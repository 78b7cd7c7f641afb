# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the override have in common."""

import gc
import os
import subprocess
import sys
import tempfile
import threading
import unittest

import gi

gi.require_version('Par', '1')
from gi.repository import Gio, GLib, Par

# For what should take much less: a busy machine is not a failure.
PATIENCE = 60


class Gate:
    """Where functions in workers meet the test, with no sleeping."""

    def __init__(self):
        self.condition = threading.Condition()
        self.n_arrived = 0
        self.is_open = False

    def arrive(self):
        with self.condition:
            self.n_arrived += 1
            self.condition.notify_all()

    def go_through(self, value=None):
        """Waits until the gate is open, or the attempt is cancelled."""
        cancellable = Par.current_attempt().get_cancellable()
        handler = cancellable.connect(self.look)
        try:
            self.arrive()
            with self.condition:
                if not self.condition.wait_for(
                        lambda: self.is_open or cancellable.is_cancelled(), PATIENCE):
                    raise TimeoutError('nobody has opened the gate')
            cancellable.set_error_if_cancelled()
            return value
        finally:
            cancellable.disconnect(handler)

    def go_through_deaf(self, value=None):
        self.arrive()
        with self.condition:
            if not self.condition.wait_for(lambda: self.is_open, PATIENCE):
                raise TimeoutError('nobody has opened the gate')
        return value

    def listen(self):
        """Connects to the cancellable over and over, until the attempt is cancelled."""
        self.arrive()
        cancellable = Par.current_attempt().get_cancellable()
        while not cancellable.is_cancelled():
            cancellable.disconnect(cancellable.connect(self.look))

    def look(self, *_):
        with self.condition:
            self.condition.notify_all()

    def wait_arrived(self, n_arrived):
        with self.condition:
            if not self.condition.wait_for(lambda: self.n_arrived >= n_arrived, PATIENCE):
                raise TimeoutError(f'{self.n_arrived} of {n_arrived} have arrived')

    def open(self):
        with self.condition:
            self.is_open = True
            self.condition.notify_all()


class Hidden:
    """Keeps what is written to standard error from it, for the test to read."""

    def __enter__(self):
        sys.stderr.flush()
        self.file = tempfile.TemporaryFile('w+')
        self.saved = os.dup(2)
        os.dup2(self.file.fileno(), 2)
        return self

    def __exit__(self, *error):
        sys.stderr.flush()
        os.dup2(self.saved, 2)
        os.close(self.saved)
        self.file.seek(0)
        self.text = self.file.read()
        self.file.close()


class TestCase(unittest.TestCase):
    def setUp(self):
        self.requests = Par.Requests()

    def tearDown(self):
        del self.requests
        gc.collect()

    def do_one(self, function, /, *args, **kwargs):
        """Runs a request of its own, and returns it."""
        requests = Par.Requests()
        requests.add(function, *args, **kwargs)
        return self.do_failing(requests)[0]

    def do_failing(self, requests):
        try:
            requests.do()
        except GLib.Error as error:
            self.assert_error(error, Par.RequestsError.quark(), Par.RequestsError.FAILED)
        return requests

    def assert_error(self, error, quark, code):
        self.assertIsInstance(error, GLib.Error)
        self.assertTrue(error.matches(quark, code), error)

    def assert_io_error(self, error, code):
        self.assert_error(error, Gio.io_error_quark(), code)

    def assert_run_fails(self, code, run, *args):
        with self.assertRaises(GLib.Error) as raised:
            run(*args)
        self.assert_io_error(raised.exception, code)
        return raised.exception

    def run_script(self, script, *args, **options):
        """Runs a program of Python in a process of its own."""
        return subprocess.run([sys.executable, '-c', script, *map(str, args)],
                              stdin=subprocess.DEVNULL, capture_output=True, encoding='utf-8',
                              timeout=PATIENCE, cwd=os.path.dirname(__file__), **options)


def main():
    unittest.main(module='__main__')
