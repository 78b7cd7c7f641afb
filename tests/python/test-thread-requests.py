#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Thread requests from Python, by the bare bindings."""

import gc
import os
import sys
import tempfile
import threading
import unittest

import gi

gi.require_version('Par', '1')
from gi.repository import Gio, GLib, GObject, Par


class Hidden:
    """Keeps what is written to standard error from it, and for the test to read."""

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


def succeed(attempt):
    attempt.return_boolean(True)


def fail(attempt):
    raise GLib.Error.new_literal(Gio.io_error_quark(), 'no such city', Gio.IOErrorEnum.NOT_FOUND)


class ThreadRequestsTest(unittest.TestCase):
    def setUp(self):
        self.requests = Par.Requests()

    def tearDown(self):
        del self.requests
        gc.collect()

    def do_one(self, function, *data):
        """Runs a request of its own, and returns it."""
        requests = Par.Requests()
        requests.add_thread(function, *data)
        try:
            requests.do(None)
        except GLib.Error:
            pass
        return requests[0]

    def test_results_of_every_kind_arrive(self):
        cancellable = Gio.Cancellable()
        for method, value in (
            ('return_boolean', True),
            ('return_boolean', False),
            ('return_int64', 2**62),
            ('return_int64', -2**62),
            ('return_double', 2.5),
            ('return_string', 'Berkeley ☀'),
            ('return_string', None),
            ('return_object', cancellable),
            ('return_object', None),
            ('return_bytes', None),
            ('return_variant', None),
        ):
            with self.subTest(method=method, value=value):
                request = self.do_one(lambda attempt: getattr(attempt, method)(value))
                self.assertEqual(request.get_state(), Par.RequestState.SUCCEEDED)
                self.assertEqual(request.get_value(), value)
                self.assertIsNone(request.get_error())

    def test_bytes_and_variants_arrive(self):
        request = self.do_one(lambda attempt: attempt.return_bytes(GLib.Bytes.new(b'a\0b')))
        self.assertEqual(request.get_value().get_data(), b'a\0b')
        request = self.do_one(
            lambda attempt: attempt.return_variant(GLib.Variant('(si)', ('Oakland', 17))))
        self.assertEqual(request.get_value().unpack(), ('Oakland', 17))

    def test_values_of_any_type_arrive(self):
        value = GObject.Value(GObject.TYPE_STRV, ['Oakland', 'Berkeley'])
        request = self.do_one(lambda attempt: attempt.return_value(value))
        self.assertEqual(list(request.get_value()), ['Oakland', 'Berkeley'])

        result = {'city': 'Oakland'}
        value = GObject.Value(GObject.TYPE_PYOBJECT, result)
        request = self.do_one(lambda attempt: attempt.return_value(value))
        self.assertIs(request.get_value(), result)

    def test_no_value_is_a_success(self):
        request = self.do_one(lambda attempt: attempt.return_value(None))
        self.assertEqual(request.get_state(), Par.RequestState.SUCCEEDED)
        self.assertIsNone(request.get_value())

    def test_function_gets_its_data(self):
        request = self.do_one(
            lambda attempt, city, degrees: attempt.return_string(f'{city}: {degrees}'),
            'Oakland', 17)
        self.assertEqual(request.get_value(), 'Oakland: 17')

    def test_function_runs_in_another_thread(self):
        request = self.do_one(
            lambda attempt: attempt.return_boolean(
                threading.get_ident() == threading.main_thread().ident))
        self.assertIs(request.get_value(), False)

    def test_attempt_knows_its_request(self):
        def look_around(attempt, seen):
            seen.append((attempt.get_number(), attempt.get_kind(), attempt.get_request()))
            attempt.return_boolean(attempt.get_cancellable().is_cancelled())

        seen = []
        request = self.do_one(look_around, seen)
        self.assertEqual(seen, [(1, Par.AttemptKind.FIRST, request)])
        self.assertIs(request.get_value(), False)

    def test_glib_errors_keep_domain_and_code(self):
        request = self.do_one(fail)
        self.assertEqual(request.get_state(), Par.RequestState.FAILED)
        self.assertTrue(
            request.get_error().matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND))
        self.assertEqual(request.get_error().message, 'no such city')
        self.assertEqual([error.message for error in request.get_attempt_errors()],
                         ['no such city'])

    def test_errors_may_be_returned(self):
        error = GLib.Error.new_literal(Gio.io_error_quark(), 'gone', Gio.IOErrorEnum.NOT_FOUND)
        request = self.do_one(lambda attempt: attempt.return_error(error))
        self.assertEqual(request.get_error().message, 'gone')

    def test_other_exceptions_are_no_result(self):
        with Hidden() as hidden:
            request = self.do_one(lambda attempt: 1 / 0)
        self.assertIn('ZeroDivisionError', hidden.text)
        self.assertEqual(request.get_state(), Par.RequestState.FAILED)
        self.assertTrue(
            request.get_error().matches(Par.RequestsError.quark(), Par.RequestsError.NO_RESULT))

    def test_nothing_returned_is_no_result(self):
        request = self.do_one(lambda attempt: None)
        self.assertTrue(
            request.get_error().matches(Par.RequestsError.quark(), Par.RequestsError.NO_RESULT))

    def test_do_raises(self):
        self.requests.props.concurrency = 1
        for function in (succeed, fail, succeed, fail):
            self.requests.add_thread(function)
        with self.assertRaises(GLib.Error) as raised:
            self.requests.do(None)
        self.assertTrue(
            raised.exception.matches(Par.RequestsError.quark(), Par.RequestsError.FAILED))
        self.assertEqual(raised.exception.message,
                         '2 of 4 requests failed; request 1: no such city')

    def test_timeout_raises(self):
        self.requests.props.timeout = 1
        self.requests.hold()
        with self.assertRaises(GLib.Error) as raised:
            self.requests.do(None)
        self.assertTrue(raised.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT))

    def test_model_is_a_sequence(self):
        self.assertEqual(len(self.requests), 0)
        self.assertEqual(self.requests.get_item_type(), Par.Request.__gtype__)
        for _ in range(3):
            self.requests.add_thread(succeed)
        self.assertEqual(len(self.requests), 3)
        self.assertEqual([request.get_index() for request in self.requests], [0, 1, 2])
        self.assertEqual(self.requests[2].get_index(), 2)
        self.assertIs(self.requests[1], self.requests.get_request(1))
        with self.assertRaises(IndexError):
            self.requests[3]
        self.assertIsNone(self.requests.get_request(3))
        self.requests.do(None)
        self.assertTrue(all(request.get_value() for request in self.requests))

    def test_signals_come_in_order(self):
        events = []

        def note_completed(requests, request):
            self.assertIs(threading.current_thread(), threading.main_thread())
            events.append(('completed', request.get_index(), request.get_value()))

        self.requests.props.concurrency = 1
        self.requests.connect('started', lambda requests, request, number, kind:
                              events.append(('started', request.get_index(), number, kind)))
        self.requests.connect('completed', note_completed)
        self.requests.connect('finished', lambda requests: events.append(('finished',)))
        for _ in range(2):
            self.requests.add_thread(succeed)
        self.requests.do(None)

        self.assertEqual(events, [
            ('started', 0, 1, Par.AttemptKind.FIRST),
            ('completed', 0, True),
            ('started', 1, 1, Par.AttemptKind.FIRST),
            ('completed', 1, True),
            ('finished',),
        ])

    def test_properties_have_defaults_and_ranges(self):
        for name, default, value in (
            ('concurrency', 0, 5),
            ('redundancy', 1, 64),
            ('timeout', 0, 250),
            ('request-timeout', 0, 2**31 - 1),
            ('attempt-timeout', 0, 30),
            ('max-failures', -1, 0),
            ('min-successes', 0, 3),
            ('wait-for-attempts', False, True),
            ('keep-completed', True, False),
            ('paused', False, True),
        ):
            with self.subTest(name=name):
                self.assertEqual(self.requests.get_property(name), default)
                self.requests.set_property(name, value)
                self.assertEqual(self.requests.get_property(name), value)
                self.assertEqual(Par.Requests(**{name.replace('-', '_'): value})
                                 .get_property(name), value)

    def test_minus_one_is_refused(self):
        for name in ('concurrency', 'redundancy', 'timeout', 'request-timeout',
                     'attempt-timeout', 'min-successes'):
            with self.subTest(name=name):
                before = self.requests.get_property(name)
                with self.assertRaises((OverflowError, ValueError)):
                    self.requests.set_property(name, -1)
                with self.assertRaises((OverflowError, ValueError)):
                    getattr(self.requests, 'set_' + name.replace('-', '_'))(-1)
                self.assertEqual(self.requests.get_property(name), before)

    def test_notify_tells_of_changes(self):
        names = []
        self.requests.connect('notify', lambda requests, pspec: names.append(pspec.name))
        self.requests.props.concurrency = 4
        self.requests.add_thread(succeed)
        self.requests.do(None)
        for name in ('concurrency', 'n-requests', 'n-succeeded', 'progress', 'running'):
            self.assertIn(name, names)
        self.assertEqual(self.requests.props.progress, 1)

    def test_stats_add_up(self):
        for function in (succeed, succeed, fail):
            self.requests.add_thread(function)
        with self.assertRaises(GLib.Error):
            self.requests.do(None)
        stats = self.requests.get_stats()
        self.assertEqual((stats.get_n_requests(), stats.get_n_succeeded(), stats.get_n_failed()),
                         (3, 2, 1))
        self.assertEqual(stats.get_n_attempts(), 3)
        self.assertGreaterEqual(stats.get_latency(50), 0)
        self.assertGreater(stats.get_elapsed(), 0)
        self.assertEqual(stats.copy().get_n_requests(), 3)

    def test_next_gives_all(self):
        self.requests.props.concurrency = 4
        for _ in range(50):
            self.requests.add_thread(succeed)
        indexes = set()
        while (request := self.requests.next(None)) is not None:
            self.assertIs(request.get_value(), True)
            indexes.add(request.get_index())
            gc.collect(0)
        self.assertEqual(indexes, set(range(50)))

    def test_next_ends_with_the_error(self):
        self.requests.add_thread(fail)
        self.assertEqual(self.requests.next(None).get_error().message, 'no such city')
        with self.assertRaises(GLib.Error):
            self.requests.next(None)

    def test_do_async_calls_back(self):
        def done(requests, result, loop):
            results.append(requests.do_finish(result))
            loop.quit()

        results = []
        loop = GLib.MainLoop()
        for _ in range(10):
            self.requests.add_thread(succeed)
        self.requests.do_async(None, done, loop)
        loop.run()
        self.assertEqual(results, [True])
        self.assertEqual(self.requests.props.n_succeeded, 10)

    def test_cancellable_reaches_the_function(self):
        def wait_for_cancel(attempt, cancellable):
            source = attempt.get_cancellable()
            is_cancelled = threading.Event()
            source.connect(is_cancelled.set)
            cancellable.cancel()
            attempt.return_boolean(is_cancelled.wait(30))

        cancellable = Gio.Cancellable()
        self.requests.props.wait_for_attempts = True
        self.requests.add_thread(wait_for_cancel, cancellable)
        with self.assertRaises(GLib.Error) as raised:
            self.requests.do(cancellable)
        self.assertTrue(raised.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED))
        self.assertEqual(self.requests[0].get_cancel_reason(), Par.CancelReason.CANCELLED)

    def test_subclass_runs(self):
        class Greeting(Par.Request):
            def do_run(self, attempt):
                attempt.return_string('hello ' + self.get_label())

        request = Greeting(label='Oakland')
        self.assertEqual(self.requests.add(request), 0)
        self.requests.do(None)
        self.assertEqual(request.get_value(), 'hello Oakland')

    def test_thousand_requests_with_collections(self):
        def work(attempt, number):
            if number % 100 == 0:
                gc.collect()
            elif number % 3 == 0:
                fail(attempt)
            attempt.return_int64(number)

        self.requests.props.concurrency = 8
        self.requests.connect('completed', lambda requests, request:
                              request.get_index() % 250 or gc.collect())
        for number in range(1000):
            self.requests.add_thread(work, number)
        with self.assertRaises(GLib.Error):
            self.requests.do(None)
        gc.collect()
        for number, request in enumerate(self.requests):
            if number % 3 == 0 and number % 100 != 0:
                self.assertEqual(request.get_error().message, 'no such city')
            else:
                self.assertEqual(request.get_value(), number)

    def test_data_are_freed(self):
        class Data:
            n_freed = 0

            def __del__(self):
                Data.n_freed += 1

        for _ in range(100):
            self.requests.add_thread(lambda attempt, data: attempt.return_boolean(True), Data())
        self.requests.do(None)
        gc.collect()
        self.assertEqual(Data.n_freed, 100)


if __name__ == '__main__':
    unittest.main()
