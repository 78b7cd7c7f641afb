#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Coroutine functions, in an event loop that is part of GLib's: with PyGObject 3.50 and later."""

import asyncio
import contextvars
import functools
import gc
import unittest
import weakref

from support import Gio, GLib, Par, TestCase, main

try:
    from gi.events import GLibEventLoopPolicy
except ImportError:
    GLibEventLoopPolicy = None

CITY = contextvars.ContextVar('city', default='nowhere')


async def double(number):
    await asyncio.sleep(0.001)
    return number * 2


async def fail(error):
    await asyncio.sleep(0)
    raise error


@unittest.skipIf(GLibEventLoopPolicy is None, 'PyGObject has no event loop')
class CoroutinesTest(TestCase):
    def setUp(self):
        super().setUp()
        asyncio.set_event_loop_policy(GLibEventLoopPolicy())

    def tearDown(self):
        super().tearDown()
        asyncio.set_event_loop_policy(None)

    def run_in_loop(self, coroutine):
        return asyncio.get_event_loop_policy().get_event_loop().run_until_complete(coroutine)

    async def do_failing_async(self, requests):
        with self.assertRaises(GLib.Error) as raised:
            await requests.do_async()
        self.assert_error(raised.exception, Par.RequestsError.quark(), Par.RequestsError.FAILED)

    def test_do_async_can_be_awaited(self):
        async def run():
            self.requests.add(abs, -1)
            self.assertIs(await self.requests.do_async(), True)
            self.requests.add(abs, 'x')
            await self.do_failing_async(self.requests)

        self.run_in_loop(run())
        self.assertIsInstance(self.requests[1].exception, TypeError)

    def test_next_async_can_be_awaited(self):
        async def run():
            for number in range(5):
                self.requests.add(double, number)
            results = []
            while (request := await self.requests.next_async()) is not None:
                results.append(request.result())
            return sorted(results)

        self.assertEqual(self.run_in_loop(run()), [0, 2, 4, 6, 8])

    def test_coroutine_functions_are_awaited_within_the_bound(self):
        n_out = peak = 0

        async def count(number):
            nonlocal n_out, peak
            n_out += 1
            peak = max(peak, n_out)
            await asyncio.sleep(0.001)
            n_out -= 1
            return number

        async def run():
            self.requests.props.concurrency = 3
            for number in range(50):
                self.requests.add(count, number)
                self.requests.add(abs, number)
            await self.requests.do_async()

        self.run_in_loop(run())
        self.assertEqual([request.result() for request in self.requests],
                         [number for number in range(50) for _ in range(2)])
        self.assertLessEqual(peak, 3)

    def test_kinds_of_coroutine_functions(self):
        class Callable:
            async def __call__(self, number):
                return number + 1

            async def method(self, number):
                return number + 2

        async def run():
            for function in (Callable(), Callable().method, functools.partial(double)):
                self.requests.add(function, 10)
            self.requests.add(Par.Request.new(double, number=7))
            await self.requests.do_async()

        self.run_in_loop(run())
        self.assertEqual([request.result() for request in self.requests], [11, 12, 20, 14])

    def test_exceptions_are_kept(self):
        errors = [ValueError('x'), KeyError(3), GLib.Error('own', 'own', 3)]

        async def run():
            for error in errors:
                self.requests.add(fail, error)
            await self.do_failing_async(self.requests)

        self.run_in_loop(run())
        gc.collect()
        for request, error in zip(self.requests, errors):
            self.assertIs(request.exception, error)
            self.assertEqual(request.exception.__traceback__.tb_frame.f_code.co_name, 'fail')

    def test_context_and_attempt_are_seen(self):
        async def look():
            before = Par.current_attempt()
            await asyncio.sleep(0.001)
            return CITY.get(), Par.current_attempt() is before, before.get_number()

        async def run():
            CITY.set('Oakland')
            self.requests.add(look)
            CITY.set('Berkeley')
            await self.requests.do_async()

        self.run_in_loop(run())
        self.assertEqual(self.requests[0].result(), ('Oakland', True, 1))

    def test_late_and_cancelled_ones_are_cancelled(self):
        cancelled = []

        async def wait_for_ever(number):
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled.append(number)
                raise

        async def run():
            requests = Par.Requests(timeout=20)
            requests.add(wait_for_ever, 0)
            with self.assertRaises(GLib.Error) as raised:
                await requests.do_async()
            self.assert_io_error(raised.exception, Gio.IOErrorEnum.TIMED_OUT)

            requests = Par.Requests(redundancy=2)
            requests.add(wait_for_ever_but_once)
            await requests.do_async()
            self.assertEqual(requests[0].result(), 2)

            requests = Par.Requests()
            requests.add(wait_for_ever, 1)
            requests.connect('started', lambda requests, request, *_: request.cancel())
            await self.do_failing_async(requests)
            await asyncio.sleep(0.01)

        async def wait_for_ever_but_once():
            number = Par.current_attempt().get_number()
            if number == 1:
                await wait_for_ever('copy')
            return number

        self.run_in_loop(run())
        self.assertEqual(cancelled, [0, 'copy', 1])

    def test_run_that_blocks_the_loop_fails_instead_of_hanging(self):
        async def run():
            for start in (lambda: self.do_failing(self.requests),
                          lambda: list(self.requests.as_completed())):
                self.requests = Par.Requests()
                self.requests.add(double, 1)
                start()
                self.assertIsInstance(self.requests[0].exception, RuntimeError)
                self.assertIn('await do_async()', str(self.requests[0].exception))
            # What needs no loop may block it.
            self.requests.add(abs, -1)
            self.requests.do()

        self.run_in_loop(run())

    def test_another_loop_is_refused(self):
        async def run():
            with self.assertRaisesRegex(TypeError, "GLib's event loop must run"):
                self.requests.add(double, 1)

        asyncio.set_event_loop_policy(None)
        asyncio.run(run())
        with self.assertRaisesRegex(TypeError, "GLib's event loop must run"):
            self.requests.add(double, 1)

    def test_nothing_is_left(self):
        class Payload:
            pass

        async def give_back(payload):
            await asyncio.sleep(0)
            return payload

        async def fail_with(payload):
            raise KeyError(payload)

        async def run():
            for _ in range(50):
                requests = Par.Requests(concurrency=2)
                payload = Payload()
                references.append(weakref.ref(payload))
                requests.add(give_back, payload)
                requests.add(fail_with, payload)
                del payload
                await self.do_failing_async(requests)

        references = []
        self.run_in_loop(run())
        gc.collect()
        self.assertEqual([reference() for reference in references], [None] * 50)


main()
