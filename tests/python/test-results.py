#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What functions return and raise, and where they run."""

import contextvars
import functools
import gc
import os
import sys
import threading
import traceback

from support import Gate, Gio, GLib, Hidden, Par, TestCase, main
from gi.repository import GObject

CITY = contextvars.ContextVar('city', default='nowhere')


class OddError(Exception):
    def __str__(self):
        raise ValueError('this error cannot even say what it is')


class Interrupted(BaseException):
    pass


def fail(error):
    raise error


def fail_deep(error):
    secret = 'local'
    fail(error)
    return secret


class ResultsTest(TestCase):
    def test_results_of_every_kind_are_the_same_objects(self):
        def generate():
            yield 1

        for value in (
            'Berkeley ☀', '', 'a\0b', '\ud800', b'a\0b', bytearray(b'x'), 0, -1, 2**31, 2**63, -2**100,
            1.5, float('inf'), 1j, True, False, None, ..., NotImplemented, [], [1, 'a', None], (), (2, 3),
            {}, {'a': [1]}, {1, 2}, frozenset(), range(3), object(), object, ValueError, ValueError('value'),
            KeyboardInterrupt(), GLib.Error('value'), len, lambda: 1, generate(), gc, threading.Lock(),
            Gio.Cancellable(), GObject.Object, GLib.Bytes.new(b'1'), GLib.Variant('s', 'x'),
            GObject.Value(int, 3), Par.RequestState.FAILED, Par.Requests(), Par.Request(),
            sys.stdin, memoryview(b'12'), type(self), self,
        ):
            with self.subTest(value=value):
                request = self.do_one(lambda: value)
                gc.collect()
                self.assertIs(request.result(), value)
                self.assertIs(request.get_value(), value)
                self.assertIs(request.result(), value)
                self.assertIsNone(request.exception)
                self.assertIsNone(request.get_error())
                self.assertEqual(request.props.state, Par.RequestState.SUCCEEDED)

    def test_arguments_are_given(self):
        def take(*args, **kwargs):
            return args, kwargs

        self.assertEqual(self.do_one(take).result(), ((), {}))
        self.assertEqual(self.do_one(take, 1, None, self=2, function=3).result(),
                         ((1, None), {'self': 2, 'function': 3}))

    def test_callables_of_every_kind_are_called(self):
        class Callable:
            def __call__(self, x):
                return x + 1

            def method(self, x):
                return x + 2

            @staticmethod
            def static(x):
                return x + 3

            @classmethod
            def of_class(cls, x):
                return x + 4

        for function, result in ((Callable(), 11), (Callable().method, 12), (Callable.static, 13),
                                 (Callable.of_class, 14), (functools.partial(max, 20), 20),
                                 (abs, 10), (int, 10), ([].__contains__, False)):
            with self.subTest(function=function):
                self.assertEqual(self.do_one(function, 10).result(), result)

    def test_what_cannot_be_called_is_refused(self):
        for function in (None, 3, 'function', []):
            for add in (self.requests.add, self.requests.add_thread, self.requests.add_async,
                        Par.Request.new, Par.Request.new_thread, Par.Request.new_async):
                with self.subTest(function=function, add=add):
                    with self.assertRaisesRegex(TypeError, 'expected a function'):
                        add(function)
        self.assertEqual(len(self.requests), 0)
        with self.assertRaises(TypeError):
            self.requests.add()
        with self.assertRaises(TypeError):
            self.requests.add(Par.Request.new(abs, -1), 'more')

    def test_exceptions_are_kept_as_they_were(self):
        for error in (
            ValueError('no such city'), KeyError(3), OSError(2, 'no', 'file'), StopIteration(4),
            OddError(), UnicodeDecodeError('utf-8', b'\xff', 0, 1, 'odd'), Exception(),
            Exception('a\0b'), Exception('\ud800'), Exception('x' * 100000),
            Interrupted('base'), SystemExit(3), SystemExit(), KeyboardInterrupt(), GeneratorExit(),
            GLib.Error('own', 'own-domain', 7), GLib.Error('own'),
            GLib.Error.new_literal(Gio.io_error_quark(), 'gone', Gio.IOErrorEnum.NOT_FOUND),
        ):
            with self.subTest(error=type(error)):
                error.payload = self
                request = self.do_one(fail_deep, error)
                gc.collect()
                self.assertEqual(request.props.state, Par.RequestState.FAILED)
                self.assertIs(request.exception, error)
                for _ in range(3):
                    with self.assertRaises(type(error)) as raised:
                        request.result()
                    self.assertIs(raised.exception, error)
                self.assertIs(request.exception.payload, self)
                self.assertIsInstance(request.get_error(), GLib.Error)

    def test_tracebacks_are_of_the_function(self):
        request = self.do_one(fail_deep, ValueError('deep'))
        names = [frame.name for frame in traceback.extract_tb(request.exception.__traceback__)]
        self.assertEqual(names, ['fail_deep', 'fail'])
        locals_ = request.exception.__traceback__.tb_frame.f_locals
        self.assertEqual(locals_['secret'], 'local')

        for _ in range(3):
            try:
                request.result()
            except ValueError as error:
                text = ''.join(traceback.format_exception(type(error), error, error.__traceback__))
        self.assertEqual(text.count('in result\n'), 1, text)
        self.assertLess(text.index('in result\n'), text.index('in fail_deep\n'))

    def test_causes_are_kept(self):
        def chain():
            try:
                fail(KeyError('first'))
            except KeyError as error:
                raise ValueError('second') from error

        self.assertIsInstance(self.do_one(chain).exception.__cause__, KeyError)

    def test_wrong_arguments_fail_the_request(self):
        self.assertIsInstance(self.do_one(lambda x: x).exception, TypeError)

    def test_errors_tell_of_the_exception(self):
        request = self.do_one(fail, ValueError('no such city'))
        self.assertEqual(request.get_error().message, 'ValueError: no such city')
        self.assertEqual([error.message for error in request.get_attempt_errors()],
                         ['ValueError: no such city'])
        self.assertEqual(self.do_one(fail, Exception('a\0b\ud800')).get_error().message,
                         r'Exception: a\0b\ud800')
        self.assertEqual(self.do_one(fail, OddError()).get_error().message, 'OddError')

        self.requests.add(fail, ValueError('no such city'))
        with self.assertRaises(GLib.Error) as raised:
            self.requests.do()
        self.assertEqual(raised.exception.message,
                         '1 of 1 requests failed; request 0: ValueError: no such city')

    def test_glib_errors_keep_domain_and_code(self):
        error = GLib.Error.new_literal(Gio.io_error_quark(), 'gone', Gio.IOErrorEnum.NOT_FOUND)
        request = self.do_one(fail, error)
        self.assert_io_error(request.get_error(), Gio.IOErrorEnum.NOT_FOUND)
        self.assertEqual(request.get_error().message, 'gone')

    def test_errors_of_par_itself_are_glib_errors(self):
        gate = Gate()
        requests = Par.Requests(request_timeout=1)
        requests.add(gate.go_through)
        self.do_failing(requests)
        self.assert_io_error(requests[0].exception, Gio.IOErrorEnum.TIMED_OUT)
        with self.assertRaises(GLib.Error):
            requests[0].result()

        self.requests.add(abs, -1)
        self.requests[0].cancel()
        self.do_failing(self.requests)
        self.assert_io_error(self.requests[0].exception, Gio.IOErrorEnum.CANCELLED)
        self.assertEqual(self.requests[0].props.cancel_reason, Par.CancelReason.CANCELLED)
        with self.assertRaises(GLib.Error):
            self.requests[0].result()

    def test_request_that_has_not_settled_has_no_result(self):
        self.requests.add(abs, -1)
        with self.assertRaisesRegex(RuntimeError, 'request 0 has not settled'):
            self.requests[0].result()
        self.assertIsNone(self.requests[0].exception)
        with self.assertRaisesRegex(RuntimeError, 'has not settled'):
            Par.Request.new(abs, -1).result()

    def test_thousand_exceptions_are_there_without_wrappers(self):
        errors = [ValueError(number) for number in range(1000)]
        self.requests.props.concurrency = 8
        for error in errors:
            self.requests.add(fail, error)
        self.do_failing(self.requests)
        for _ in range(3):
            gc.collect()
        for request, error in zip(self.requests, errors):
            self.assertIs(request.exception, error)
            self.assertTrue(error.__traceback__)

    def test_request_outlives_the_requests(self):
        result, error = object(), ValueError('kept')
        succeeded, failed = self.do_one(lambda: result), self.do_one(fail, error)
        gc.collect()
        self.assertIs(succeeded.result(), result)
        self.assertIs(failed.exception, error)

    def test_exit_in_a_worker_fails_its_request_only(self):
        for add in (self.requests.add, lambda function: self.requests.add_thread(
                lambda attempt: attempt.return_value(function()))):
            for _ in range(3):
                add(sys.exit)
                add(lambda: 'fine')
        self.do_failing(self.requests)
        self.assertEqual([request.props.state == Par.RequestState.SUCCEEDED
                          for request in self.requests], [False, True] * 6)
        self.assertTrue(all(isinstance(request.exception, SystemExit)
                            for request in self.requests[::2]))

    def test_copies_of_a_request_do_not_mix_up_their_exceptions(self):
        def fail_by_turns(condition, errors, turn):
            number = Par.current_attempt().get_number()
            error = ValueError(number)
            with condition:
                errors[number] = error
                condition.notify_all()
                # All are out before any fails, and they fail in the order that is wanted.
                condition.wait_for(lambda: len(errors) == 4 and turn[-1] == number, 60)
                turn.pop()
                condition.notify_all()
            raise error

        for order in ([1, 2, 3, 4], [4, 3, 2, 1], [2, 4, 1, 3]):
            errors = {}
            requests = Par.Requests(redundancy=4)
            requests.add(fail_by_turns, threading.Condition(), errors, list(reversed(order)))
            self.do_failing(requests)
            request = requests[0]
            number = request.exception.args[0]
            self.assertIs(request.exception, errors[number])
            self.assertTrue(request.get_error().message.endswith(f'ValueError: {number}'))
            self.assertIn('after 4 attempts: ', request.get_error().message)
            self.assertEqual(len(request.get_attempt_errors()), 4)

    def test_glib_error_of_the_last_of_several_attempts_is_found(self):
        def fail_once_all_are_there(barrier):
            barrier.wait(60)
            raise GLib.Error(f'attempt {Par.current_attempt().get_number()}', 'own', 5)

        requests = Par.Requests(redundancy=3)
        requests.add(fail_once_all_are_there, threading.Barrier(3))
        self.do_failing(requests)
        self.assertIn(requests[0].exception.message, requests[0].get_error().message)
        self.assertTrue(requests[0].exception.__traceback__)

    def test_first_success_counts(self):
        def fail_but_for_the_second(gate):
            if Par.current_attempt().get_number() == 2:
                return 'second'
            raise ValueError('not the second')

        requests = Par.Requests(redundancy=2)
        requests.add(fail_but_for_the_second, Gate())
        requests.do()
        self.assertEqual(requests[0].result(), 'second')
        self.assertEqual(requests[0].props.winner, 2)
        self.assertIsNone(requests[0].exception)

    def test_late_exception_is_not_that_of_the_request(self):
        gate = Gate()

        def fail_deaf():
            gate.go_through_deaf()
            raise ValueError('too late')

        requests = Par.Requests(request_timeout=1, wait_for_attempts=True)
        requests.connect('completed', lambda *_: gate.open())
        requests.add(fail_deaf)
        self.do_failing(requests)
        self.assert_io_error(requests[0].exception, Gio.IOErrorEnum.TIMED_OUT)


class ContextTest(TestCase):
    def test_function_runs_in_another_thread(self):
        self.assertNotEqual(self.do_one(threading.get_ident).result(), threading.get_ident())

    def test_context_is_that_of_the_adder(self):
        for city in ('Oakland', 'Berkeley'):
            CITY.set(city)
            self.requests.add(CITY.get)
        CITY.set('San Francisco')
        request = Par.Request.new(CITY.get)
        CITY.set('nowhere')
        self.requests.add(request)
        self.requests.do()
        self.assertEqual([request.result() for request in self.requests],
                         ['Oakland', 'Berkeley', 'San Francisco'])

    def test_what_attempts_set_they_keep_for_themselves(self):
        barrier = threading.Barrier(3)

        def set_city():
            number = Par.current_attempt().get_number()
            before = CITY.get()
            CITY.set(number)
            barrier.wait(60)
            return before, CITY.get() == number

        requests = Par.Requests(redundancy=3)
        requests.add(set_city)
        requests.do()
        self.assertEqual(requests[0].result(), ('nowhere', True))

        self.requests.props.concurrency = 1
        for _ in range(100):
            self.requests.add(lambda: (CITY.get(), CITY.set('dirty'))[0])
        self.requests.do()
        self.assertEqual({request.result() for request in self.requests}, {'nowhere'})
        self.assertEqual(CITY.get(), 'nowhere')

    def test_current_attempt_is_that_of_the_function(self):
        def look():
            attempt = Par.current_attempt()
            return (attempt.get_number(), attempt.get_kind(), attempt.get_request().get_index(),
                    attempt.props.deadline, attempt.get_cancellable().is_cancelled())

        for _ in range(3):
            self.requests.add(look)
        self.requests.do()
        self.assertEqual([request.result() for request in self.requests],
                         [(1, Par.AttemptKind.FIRST, index, 0, False) for index in range(3)])

        requests = Par.Requests(timeout=100000)
        requests.add(look)
        before = GLib.get_monotonic_time()
        requests.do()
        self.assertGreaterEqual(requests[0].result()[3], before + 100000000)

    def test_current_attempt_is_there_for_functions_as_in_c(self):
        class Greeting(Par.Request):
            def do_run(self, attempt):
                attempt.return_value(Par.current_attempt() is attempt)

        def look(attempt):
            attempt.return_value(Par.current_attempt() is attempt)

        self.requests.add(Greeting())
        self.requests.add_thread(look)
        self.requests.add(Par.Request.new_thread(look))
        self.requests.add_async(look)
        self.requests.add(Par.Request.new_async(look))
        self.requests.do()
        self.assertEqual([request.result() for request in self.requests], [True] * 5)

    def test_no_attempt_outside_a_request(self):
        with self.assertRaisesRegex(RuntimeError, 'no attempt here'):
            Par.current_attempt()
        self.do_one(abs, -1)
        with self.assertRaises(RuntimeError):
            Par.current_attempt()

    def test_inner_run_has_its_own_attempt(self):
        def look():
            return Par.current_attempt().get_request().get_index()

        def run_inside():
            inner = Par.Requests()
            inner.add(abs, -1)
            inner.add(look)
            inner.do(Par.current_attempt().get_cancellable())
            return inner[1].result(), look()

        self.requests.add(run_inside)
        self.requests.do()
        self.assertEqual(self.requests[0].result(), (1, 0))

    def test_kept_attempt_lets_go_of_its_request(self):
        attempt = self.do_one(Par.current_attempt).result()
        self.assertIsNone(attempt.get_request())
        self.assertEqual(attempt.get_number(), 1)
        # Both are too late.
        attempt.return_value(3)
        attempt.return_error(ValueError())

    def test_cancellable_ends_the_function(self):
        gate = Gate()
        cancellable = Gio.Cancellable()

        def cancel_others():
            gate.wait_arrived(2)
            cancellable.cancel()

        self.requests.props.wait_for_attempts = True
        for function in (gate.go_through, gate.go_through, cancel_others):
            self.requests.add(function)
        self.assert_run_fails(Gio.IOErrorEnum.CANCELLED, self.requests.do, cancellable)
        self.assertEqual(self.requests.props.n_attempts_running, 0)


class BareTest(TestCase):
    """Functions that are given their attempt, as in C."""

    def do_bare(self, function, *data):
        requests = Par.Requests()
        requests.add_thread(function, *data)
        return self.do_failing(requests)[0]

    def test_values_of_every_kind_are_returned(self):
        for value in (2**70, 'x', None, [1], object(), Gio.Cancellable(), 1.5, True):
            request = self.do_bare(lambda attempt: attempt.return_value(value))
            self.assertIs(request.result(), value)
        self.assertIsNone(self.do_bare(lambda attempt: attempt.return_value()).result())

    def test_values_of_c_are_returned(self):
        value = GObject.Value(GObject.TYPE_STRV, ['Oakland', 'Berkeley'])
        request = self.do_bare(lambda attempt: attempt.return_value(value))
        self.assertEqual(list(request.result()), ['Oakland', 'Berkeley'])
        for name, value in (('boolean', True), ('double', 1.5), ('int64', 2**62), ('string', 'a'),
                            ('object', self.requests), ('bytes', None), ('variant', None)):
            request = self.do_bare(lambda attempt: getattr(attempt, 'return_' + name)(value))
            self.assertEqual(request.result(), value)
        request = self.do_bare(lambda attempt: attempt.return_bytes(GLib.Bytes.new(b'a\0b')))
        self.assertEqual(request.result().get_data(), b'a\0b')
        request = self.do_bare(lambda attempt: attempt.return_variant(GLib.Variant('(si)', ('a', 1))))
        self.assertEqual(request.result().unpack(), ('a', 1))

    def test_errors_of_every_kind_are_returned(self):
        for error in (ValueError('x'), SystemExit(), GLib.Error('own', 'own', 3)):
            self.assertIs(self.do_bare(lambda attempt: attempt.return_error(error)).exception, error)
            self.assertIs(self.do_bare(lambda attempt: fail(error)).exception, error)

    def test_data_are_given(self):
        request = self.do_bare(lambda attempt, *data: attempt.return_value(data), 1, None, 'x')
        self.assertEqual(request.result(), (1, None, 'x'))

    def test_nothing_returned_is_no_result(self):
        request = self.do_bare(lambda attempt: 3)
        self.assert_error(request.exception, Par.RequestsError.quark(), Par.RequestsError.NO_RESULT)

    def test_second_result_is_dropped_with_a_warning(self):
        script = '''if True:
            import gi
            gi.require_version('Par', '1')
            from gi.repository import Par

            def return_twice(attempt):
                attempt.return_value(1)
                attempt.return_value(2)

            requests = Par.Requests()
            requests.add_thread(return_twice)
            requests.do()
            print(requests[0].result())
        '''
        process = self.run_script(script, env={**os.environ, 'G_DEBUG': ''})
        self.assertEqual(process.stdout, '1\n', process.stderr)
        self.assertIn('second result', process.stderr)

    def test_subclasses_run_and_raise(self):
        class Greeting(Par.Request):
            def do_run(self, attempt):
                if self.props.label is None:
                    raise ValueError('whom?')
                attempt.return_value(f'hello {self.props.label}')

        class Politer(Greeting):
            def do_run(self, attempt):
                super().do_run(attempt)

        class Starting(Par.Request):
            def do_start(self, attempt):
                raise SystemExit(self.props.label)

        self.requests.add(Greeting(label='Oakland'))
        self.requests.add(Greeting())
        self.requests.add(Politer())
        self.requests.add(Starting(label='x'))
        self.do_failing(self.requests)
        self.assertEqual(self.requests[0].result(), 'hello Oakland')
        self.assertEqual([type(request.exception) for request in self.requests],
                         [type(None), ValueError, ValueError, SystemExit])

    def test_subclasses_may_run_or_start(self):
        class Either(Par.Request):
            def do_is_async(self):
                return self.props.label == 'start'

            def do_run(self, attempt):
                attempt.return_value(threading.current_thread())

            do_start = do_run

        self.requests.add(Either(label='run'))
        self.requests.add(Either(label='start'))
        self.requests.do()
        self.assertEqual([request.result() is threading.main_thread() for request in self.requests],
                         [False, True])

    def test_async_functions_end_later_and_from_any_thread(self):
        def end_later(attempt, threads):
            self.assertIs(threading.current_thread(), threading.main_thread())
            threads.append(threading.Thread(target=attempt.return_value, args=(2**64,)))
            threads[-1].start()

        def fail_later(attempt):
            GLib.idle_add(lambda: attempt.return_error(ValueError('later')))

        threads = []
        self.requests.add_async(end_later, threads)
        self.requests.add_async(fail_later)
        self.requests.add(Par.Request.new_async(end_later, threads))
        self.requests.add(abs, -5)
        self.do_failing(self.requests)
        for thread in threads:
            thread.join()
        self.assertEqual(self.requests[0].result(), 2**64)
        self.assertIsInstance(self.requests[1].exception, ValueError)
        self.assertEqual(self.requests[2].result(), 2**64)
        self.assertEqual(self.requests[3].result(), 5)

    def test_async_function_that_drops_its_attempt_has_no_result(self):
        self.requests.add_async(lambda attempt: None)
        self.do_failing(self.requests)
        self.assert_error(self.requests[0].exception, Par.RequestsError.quark(),
                          Par.RequestsError.NO_RESULT)


class CoroutineTest(TestCase):
    """Without an event loop: the rest is in test-coroutines.py."""

    def test_coroutines_want_an_event_loop(self):
        async def find():
            pass

        class Callable:
            async def __call__(self):
                pass

        for function in (find, functools.partial(find), Callable()):
            for add in (self.requests.add, Par.Request.new):
                with self.assertRaisesRegex(TypeError, 'is a coroutine function, for which'):
                    add(function)
        with self.assertRaisesRegex(TypeError, 'cannot await'):
            Par.Requests.map(find, [1])
        with self.assertRaisesRegex(TypeError, 'add the coroutine function'):
            self.requests.add(find())


main()
