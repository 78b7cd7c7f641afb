#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is kept, for how long, and how much memory that takes."""

import contextvars
import gc
import resource
import threading
import weakref

from support import Gate, Gio, GLib, Par, TestCase, main

VARIABLE = contextvars.ContextVar('payload', default=None)


class Payload:
    """Has to be gone when the test is over."""

    living = weakref.WeakSet()

    def __init__(self):
        self.living.add(self)

    def __call__(self, *args, **kwargs):
        return self

    def fail(self, *args):
        raise PayloadError(self)


class PayloadError(Exception):
    pass


class MethodRequest(Par.Request):
    def do_run(self, attempt):
        attempt.return_value(self.payload)


def get_memory():
    """What this process has in memory, in KiB."""
    with open('/proc/self/statm', encoding='ascii') as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


class LeakTest(TestCase):
    def setUp(self):
        super().setUp()
        # What a test before this has left, since it failed, is not this one's.
        Payload.living = weakref.WeakSet()

    def assert_all_gone(self):
        # Workers may be on their way out of a function whose result nobody wanted.
        for _ in range(10000):
            if not Payload.living:
                break
            gc.collect()
            threading.Event().wait(0.001)
        self.assertEqual(len(Payload.living), 0)

    def add_all_kinds(self, requests):
        requests.add(Payload(), Payload(), keyword=Payload())
        requests.add(Payload().fail, Payload())
        requests.add(lambda payload=Payload(): payload)
        VARIABLE.set(Payload())
        requests.add(VARIABLE.get)
        VARIABLE.set(None)
        requests.add_thread(lambda attempt, payload: attempt.return_value(payload), Payload())
        requests.add_thread(lambda attempt, payload: payload.fail(), Payload())
        requests.add_async(lambda attempt, payload: attempt.return_value(payload), Payload())
        requests.add_async(lambda attempt, payload: attempt.return_error(PayloadError(payload)),
                           Payload())
        request = Par.Request.new(Payload())
        request.payload = Payload()
        requests.add(request)
        request = MethodRequest()
        request.payload = Payload()
        requests.add(request)

    def test_nothing_is_left_of_a_thousand_runs(self):
        for _ in range(100):
            requests = Par.Requests(concurrency=2)
            self.add_all_kinds(requests)
            self.do_failing(requests)
            self.assertIsInstance(requests[0].result(), Payload)
            self.assertIsInstance(requests[1].exception.args[0], Payload)
        del requests
        self.assert_all_gone()

        requests = Par.Requests(concurrency=2, keep_completed=False)
        for _ in range(1000):
            requests.add(Payload(), Payload())
            requests.add(Payload().fail, Payload())
            self.do_failing(requests)
        self.assert_all_gone()

    def test_arguments_are_gone_when_the_request_has_settled(self):
        requests = Par.Requests()
        for _ in range(100):
            requests.add(lambda *args: None, Payload(), Payload())
        requests.do()
        self.assert_all_gone()

    def test_results_stay_as_long_as_the_request(self):
        requests = Par.Requests()
        requests.add(Payload())
        requests.add(Payload().fail)
        self.do_failing(requests)
        gc.collect()
        self.assertEqual(len(Payload.living), 2)
        kept = list(requests)
        del requests
        gc.collect()
        self.assertEqual(len(Payload.living), 2)
        del kept
        self.assert_all_gone()

    def test_nothing_is_left_of_queued_requests(self):
        requests = Par.Requests()
        for _ in range(100):
            self.add_all_kinds(requests)
        gc.collect()
        self.assertGreater(len(Payload.living), 100)
        del requests
        self.assert_all_gone()

    def test_nothing_is_left_of_a_run_that_was_cancelled(self):
        for _ in range(100):
            requests = Par.Requests(concurrency=2)
            # Else all might be over before the owner hears that any has started.
            requests.add(Gate().go_through, Payload())
            self.add_all_kinds(requests)
            cancellable = Gio.Cancellable()
            requests.connect('started', lambda *_: cancellable.cancel())
            self.assert_run_fails(Gio.IOErrorEnum.CANCELLED, requests.do, cancellable)
        del requests
        self.assert_all_gone()

    def test_nothing_is_left_of_loops(self):
        for n_given in (0, 1, 3, 100):
            for _ in range(50):
                requests = Par.Requests(concurrency=2)
                for _ in range(3):
                    self.add_all_kinds(requests)
                for number, request in enumerate(requests.as_completed()):
                    if number == n_given:
                        break
                for number, payload in enumerate(Par.Requests.map(Payload(), [Payload()] * 5)):
                    if number == n_given:
                        break
                    del payload
        del requests, request
        payload = None
        self.assert_all_gone()

    def test_nothing_is_left_of_attempts_that_are_late(self):
        gate = Gate()
        for _ in range(20):
            requests = Par.Requests(concurrency=2, timeout=1)
            requests.add(gate.go_through_deaf, Payload())
            requests.add(lambda payload: gate.go_through_deaf() or payload.fail(), Payload())
            self.assert_run_fails(Gio.IOErrorEnum.TIMED_OUT, requests.do)
        del requests
        gc.collect()
        gate.open()
        self.assert_all_gone()

    def test_nothing_is_left_of_sources_workers_and_calls(self):
        def add_some(requests, payload, numbers):
            requests.add(lambda: requests.invoke(lambda payload: None, payload))
            return next(numbers) < 10

        for _ in range(100):
            requests = Par.Requests(concurrency=2)
            requests.set_source(add_some, Payload(), iter(range(100)))
            requests.set_worker_func(lambda payload: Par.Requests.work(), Payload())
            requests.invoke(Payload(), Payload())
            requests.do()
            requests.set_source(Payload().fail)
            self.assertRaises(PayloadError, requests.do)
        del requests
        self.assert_all_gone()

    def test_nothing_is_left_of_do_async(self):
        def run(number):
            requests = Par.Requests(concurrency=2)
            self.add_all_kinds(requests)
            results = []
            requests.do_async(None, lambda requests, result, payload: results.append(result),
                              Payload())
            while not results:
                GLib.MainContext.default().iteration(True)

        for number in range(100):
            run(number)
        self.assert_all_gone()

    def test_requests_are_gone_with_their_last_reference(self):
        for start in (lambda requests: requests.do(), lambda requests: list(requests.as_completed()),
                      lambda requests: next(requests.as_completed())):
            requests = Par.Requests()
            requests.add(Payload())
            start(requests)
            reference = requests.weak_ref()
            del requests
            gc.collect()
            self.assertIsNone(reference())
        self.assert_all_gone()

    def test_exception_that_has_its_requests_is_gone_with_its_row(self):
        def visit(requests, payload):
            # The traceback has this frame, and this has the requests.
            payload.fail()

        for _ in range(100):
            requests = Par.Requests(keep_completed=False)
            requests.add(visit, requests, Payload())
            self.do_failing(requests)
        del requests
        self.assert_all_gone()

    def test_memory_stays_flat(self):
        def run(n_runs):
            for _ in range(n_runs):
                requests = Par.Requests(concurrency=2)
                self.add_all_kinds(requests)
                self.do_failing(requests)
                for request in requests:
                    request.exception
                for request in Par.Requests.map(Payload(), range(10), concurrency=2):
                    break
                self.requests.add(abs, -1)
                for request in self.requests.as_completed():
                    pass
                self.requests = Par.Requests()
            gc.collect()
            return get_memory()

        before = run(300)
        self.assertLess(run(1000) - before, 2000)


main()
