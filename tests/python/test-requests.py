#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Par.Requests and Par.Request: the model, settings, signals, and the ways to run."""

import gc
import threading

from support import Gate, Gio, GLib, Par, TestCase, main
from gi.repository import GObject


def fail(error):
    raise error


class ModelTest(TestCase):
    def test_add_returns_the_index(self):
        self.assertEqual([self.requests.add(abs, 1), self.requests.add(Par.Request.new(abs, 2)),
                          self.requests.add_thread(abs), self.requests.add_async(abs),
                          self.requests.add(abs, 3)], [0, 1, 2, 3, 4])

    def test_empty_requests_are_true(self):
        self.assertEqual(len(self.requests), 0)
        self.assertTrue(self.requests)
        self.assertEqual(list(self.requests), [])

    def test_requests_are_a_sequence(self):
        for number in range(5):
            self.requests.add(abs, number)
        self.assertEqual(len(self.requests), 5)
        self.assertEqual([request.get_index() for request in self.requests], [0, 1, 2, 3, 4])
        self.assertEqual(self.requests[2].get_index(), 2)
        self.assertEqual(self.requests[-1].get_index(), 4)
        self.assertEqual([request.get_index() for request in self.requests[1:4:2]], [1, 3])
        self.assertIs(self.requests[1], self.requests.get_request(1))
        self.assertIs(self.requests[1], self.requests.get_item(1))
        for index in (5, -6):
            with self.assertRaises(IndexError):
                self.requests[index]
        with self.assertRaises(TypeError):
            self.requests['x']
        self.assertIsNone(self.requests.get_request(5))
        self.assertIsNone(self.requests.get_item(5))
        self.assertEqual(self.requests.get_n_items(), 5)
        self.assertEqual(self.requests.get_item_type(), Par.Request.__gtype__)

    def test_contains_asks_by_index(self):
        other = Par.Requests()
        for requests in (self.requests, other):
            requests.add(abs, 1)
        self.assertIn(self.requests[0], self.requests)
        self.assertNotIn(other[0], self.requests)
        self.assertNotIn(Par.Request.new(abs, 1), self.requests)
        self.assertNotIn('request', self.requests)

    def test_iterating_sees_what_is_added_meanwhile(self):
        self.requests.add(abs, 0)
        for request in self.requests:
            if len(self.requests) < 5:
                self.requests.add(abs, 0)
        self.assertEqual(request.get_index(), 4)

    def test_model_empties_without_keep_completed(self):
        changes = []
        self.requests.props.keep_completed = False
        self.requests.connect('items-changed', lambda requests, *change: changes.append(change))
        for number in range(3):
            self.requests.add(abs, number)
        self.requests.do()
        self.assertEqual(len(self.requests), 0)
        self.assertIsNone(self.requests.get_request(0))
        self.assertEqual(sum(added - removed for _, removed, added in changes), 0)
        self.assertEqual(self.requests.props.n_succeeded, 3)

    def test_request_is_added_only_once(self):
        request = Par.Request.new(abs, -1)
        self.requests.add(request)
        with self.assertRaisesRegex(ValueError, 'request 0 has been added already'):
            self.requests.add(request)
        with self.assertRaisesRegex(ValueError, 'added already'):
            Par.Requests().add(request)
        self.requests.do()
        self.assertEqual(request.result(), 1)

    def test_add_works_from_inside_a_request(self):
        def visit(depth):
            if depth < 6:
                self.requests.add(visit, depth + 1)
                self.requests.add(visit, depth + 1)
            return depth

        self.requests.props.concurrency = 4
        self.requests.add(visit, 0)
        self.requests.do()
        self.assertEqual(sorted(request.result() for request in self.requests),
                         sorted(depth for depth in range(7) for _ in range(2**depth)))

    def test_add_works_from_many_threads(self):
        def add_many():
            for _ in range(200):
                self.requests.add(abs, -1)
            self.requests.release()

        threads = [threading.Thread(target=add_many) for _ in range(4)]
        for thread in threads:
            self.requests.hold()
            thread.start()
        self.requests.do()
        for thread in threads:
            thread.join()
        self.assertEqual(sum(request.result() for request in self.requests), 800)


class SettingsTest(TestCase):
    def test_requests_have_defaults_and_take_keywords(self):
        for name, default, value in (
            ('concurrency', 0, 5),
            ('redundancy', 1, 64),
            ('timeout', 0, 250),
            ('request_timeout', 0, 2**31 - 1),
            ('attempt_timeout', 0, 30),
            ('max_failures', -1, 0),
            ('min_successes', 0, 3),
            ('wait_for_attempts', False, True),
            ('keep_completed', True, False),
            ('paused', False, True),
        ):
            with self.subTest(name=name):
                requests = Par.Requests()
                self.assertEqual(getattr(requests.props, name), default)
                self.assertEqual(getattr(requests, 'get_' + name)(), default)
                setattr(requests.props, name, value)
                self.assertEqual(getattr(requests.props, name), value)
                getattr(requests, 'set_' + name)(default)
                self.assertEqual(requests.get_property(name.replace('_', '-')), default)
                self.assertEqual(getattr(Par.Requests(**{name: value}).props, name), value)
                self.assertTrue(Par.Requests.find_property(name.replace('_', '-')))

    def test_new_is_the_constructor(self):
        requests = Par.Requests.new()
        self.assertIsInstance(requests, Par.Requests)
        self.assertTrue(requests)

    def test_odd_settings_are_refused(self):
        for name in ('concurrency', 'redundancy', 'timeout', 'request_timeout', 'attempt_timeout',
                     'min_successes'):
            with self.subTest(name=name):
                with self.assertRaises((OverflowError, ValueError, TypeError)):
                    Par.Requests(**{name: -1})
                with self.assertRaises((OverflowError, ValueError, TypeError)):
                    setattr(self.requests.props, name, -1)
                with self.assertRaises((OverflowError, ValueError)):
                    getattr(self.requests, 'set_' + name)(-1)
        with self.assertRaises(TypeError):
            Par.Requests(speed=3)

    def test_every_property_is_tested(self):
        tested = {'concurrency', 'redundancy', 'timeout', 'request-timeout', 'attempt-timeout',
                  'max-failures', 'min-successes', 'wait-for-attempts', 'keep-completed', 'paused',
                  'n-requests', 'n-queued', 'n-running', 'n-succeeded', 'n-failed', 'n-cancelled',
                  'n-attempts-running', 'progress', 'running',
                  'hedge', 'limiter', 'retry'}  # by test-policies.py
        self.assertEqual({pspec.name for pspec in Par.Requests.list_properties()}, tested)
        self.assertEqual({pspec.name for pspec in Par.Request.list_properties()},
                         {'label', 'key', 'priority', 'idempotent', 'index', 'state', 'n-attempts',
                          'winner', 'cancel-reason', 'queued-time', 'elapsed'})
        self.assertEqual({pspec.name for pspec in Par.Attempt.list_properties()},
                         {'number', 'kind', 'request', 'deadline'})

    def test_concurrency_bounds_and_may_be_raised(self):
        gate = Gate()
        self.requests.props.concurrency = 2
        for number in range(6):
            self.requests.add(gate.go_through, number)

        def raise_it():
            gate.wait_arrived(2)
            peak = self.requests.get_stats().get_n_attempts_running()
            self.requests.props.concurrency = 6
            gate.wait_arrived(6)
            gate.open()
            peaks.append(peak)

        peaks = []
        thread = threading.Thread(target=raise_it)
        thread.start()
        self.requests.do()
        thread.join()
        self.assertEqual(peaks, [2])
        self.assertEqual(self.requests.get_stats().get_peak_attempts(), 6)

    def test_timeouts_end_what_is_late(self):
        gate = Gate()
        self.requests.props.timeout = 20
        self.requests.add(gate.go_through)
        self.assert_run_fails(Gio.IOErrorEnum.TIMED_OUT, self.requests.do)
        self.assertEqual(self.requests[0].props.cancel_reason, Par.CancelReason.TIMED_OUT)

        for name in ('request_timeout', 'attempt_timeout'):
            requests = Par.Requests(**{name: 20})
            requests.add(gate.go_through)
            self.do_failing(requests)
            self.assert_io_error(requests[0].exception, Gio.IOErrorEnum.TIMED_OUT)
            self.assertEqual(requests[0].props.state, Par.RequestState.FAILED)

    def test_max_failures_cancels_the_rest(self):
        requests = Par.Requests(concurrency=1, max_failures=0)
        for number in range(5):
            requests.add(fail, ValueError(number))
        self.do_failing(requests)
        self.assertEqual((requests.props.n_failed, requests.props.n_cancelled), (1, 4))
        self.assertEqual(requests[4].props.cancel_reason, Par.CancelReason.FAILURES)

    def test_min_successes_are_enough(self):
        requests = Par.Requests(concurrency=1, min_successes=2)
        for number in range(5):
            requests.add(abs, number)
        self.assertTrue(requests.do())
        self.assertEqual((requests.props.n_succeeded, requests.props.n_cancelled), (2, 3))
        self.assertEqual(requests[4].props.cancel_reason, Par.CancelReason.ENOUGH)

    def test_paused_starts_nothing(self):
        self.requests.props.paused = True
        self.requests.add(abs, -1)
        self.requests.props.timeout = 10
        self.assert_run_fails(Gio.IOErrorEnum.TIMED_OUT, self.requests.do)
        self.assertEqual(self.requests.get_stats().get_n_attempts(), 0)

    def test_wait_for_attempts_waits_for_the_deaf(self):
        gate = Gate()
        returned = []

        def be_deaf():
            gate.go_through_deaf()
            returned.append(True)

        requests = Par.Requests(request_timeout=1, wait_for_attempts=True)
        requests.connect('completed', lambda *_: gate.open())
        requests.add(be_deaf)
        self.do_failing(requests)
        self.assertEqual(returned, [True])

    def test_hold_keeps_a_run_open(self):
        def release():
            self.requests.add(abs, -3)
            self.requests.release()

        self.requests.hold()
        thread = threading.Thread(target=release)
        thread.start()
        self.requests.do()
        thread.join()
        self.assertEqual(self.requests[0].result(), 3)

    def test_worker_func_can_be_another(self):
        local = threading.local()
        calls = []

        def work(name):
            local.name = name
            calls.append(name)
            Par.Requests.work()
            calls.append('end')

        self.requests.set_worker_func(work, 'Oakland')
        for _ in range(100):
            self.requests.add(lambda: local.name)
        self.requests.do()
        self.assertEqual({request.result() for request in self.requests}, {'Oakland'})
        self.assertLess(calls.count('Oakland'), 100)

        # Workers that have come already go on as they are while there is work for them.
        self.requests.set_worker_func(None)
        index = self.requests.add(lambda: hasattr(local, 'name'))
        self.requests.do()
        while self.requests[index].result():
            index = self.requests.add(lambda: hasattr(local, 'name'))
            self.requests.do()

    def test_invoke_calls_in_the_owner(self):
        def report(number):
            self.requests.invoke(lambda *args: calls.append((threading.get_ident(), *args)),
                                 number, 'done')

        calls = []
        for number in range(10):
            self.requests.add(report, number)
        self.requests.do()
        self.assertEqual(sorted(calls), [(threading.get_ident(), number, 'done')
                                         for number in range(10)])


class RequestTest(TestCase):
    def test_properties_take_keywords_and_are_fixed_later(self):
        class Labelled(Par.Request):
            def do_run(self, attempt):
                attempt.return_value(self.props.label)

        request = Labelled(label='one', key='host', priority=-5, idempotent=False)
        self.assertEqual((request.get_label(), request.get_key(), request.get_priority(),
                          request.get_idempotent()), ('one', 'host', -5, False))
        request.set_key('other')
        request.set_priority(7)
        request.set_idempotent(True)
        request.set_label('two')
        self.assertEqual((request.props.label, request.props.key, request.props.priority,
                          request.props.idempotent), ('two', 'other', 7, True))
        self.requests.add(request)
        request.set_label('three')
        self.requests.do()
        self.assertEqual(request.result(), 'three')

    def test_request_tells_what_became_of_it(self):
        request = Par.Request.new(abs, -1)
        self.assertEqual(request.props.index, GLib.MAXUINT64)
        self.requests.add(request)
        self.assertEqual(request.props.state, Par.RequestState.QUEUED)
        states = []
        request.connect('notify::state', lambda request, _: states.append(request.props.state))
        self.requests.do()
        self.assertEqual(states[-1], Par.RequestState.SUCCEEDED)
        self.assertEqual((request.get_index(), request.get_n_attempts(), request.get_winner()),
                         (0, 1, 1))
        self.assertEqual((request.props.index, request.props.n_attempts, request.props.winner),
                         (0, 1, 1))
        self.assertEqual(request.get_cancel_reason(), Par.CancelReason.NONE)
        self.assertEqual(request.get_state(), Par.RequestState.SUCCEEDED)
        self.assertGreaterEqual(request.get_queued_time(), 0)
        self.assertGreaterEqual(request.get_elapsed(), 0)
        self.assertEqual(request.get_elapsed(), request.props.elapsed)
        self.assertEqual(request.get_queued_time(), request.props.queued_time)
        self.assertEqual(request.get_attempt_errors(), [])

    def test_priority_goes_first(self):
        order = []
        self.requests.props.concurrency = 1
        for priority in (5, 0, -5):
            request = Par.Request.new(order.append, priority)
            request.props.priority = priority
            self.requests.add(request)
        self.requests.do()
        self.assertEqual(order, [-5, 0, 5])

    def test_only_idempotent_requests_are_copied(self):
        requests = Par.Requests(redundancy=3)
        barrier = threading.Barrier(3)
        requests.add(barrier.wait, 60)
        request = Par.Request.new(abs, -1)
        request.props.idempotent = False
        requests.add(request)
        requests.do()
        self.assertEqual(requests[0].props.n_attempts, 3)
        self.assertEqual(requests[1].props.n_attempts, 1)

    def test_cancel_ends_one(self):
        gate = Gate()
        self.requests.connect('started', lambda requests, request, *_:
                              request.get_index() == 1 and request.cancel())
        for number in range(3):
            self.requests.add(gate.go_through if number == 1 else abs, number)
        self.do_failing(self.requests)
        self.assertEqual([request.props.state for request in self.requests],
                         [Par.RequestState.SUCCEEDED, Par.RequestState.CANCELLED,
                          Par.RequestState.SUCCEEDED])


class RunTest(TestCase):
    def test_signals_come_in_order(self):
        events = []
        self.requests.props.concurrency = 1
        self.requests.connect('started', lambda requests, request, number, kind:
                              events.append(('started', request.get_index(), number, kind)))
        self.requests.connect('completed', lambda requests, request:
                              events.append(('completed', request.result())))
        self.requests.connect('finished', lambda requests:
                              events.append(('finished', requests.props.running)))
        for number in (10, 20):
            self.requests.add(abs, number)
        self.requests.do()
        self.assertEqual(events, [
            ('started', 0, 1, Par.AttemptKind.FIRST), ('completed', 10),
            ('started', 1, 1, Par.AttemptKind.FIRST), ('completed', 20),
            ('finished', False)])
        self.assertEqual(set(GObject.signal_list_names(Par.Requests)),
                         {'started', 'completed', 'finished'})

    def test_counters_add_up(self):
        names = []
        self.requests.connect('notify', lambda requests, pspec: names.append(pspec.name))
        for number in range(3):
            self.requests.add(abs, number)
        self.requests.add(fail, ValueError())
        self.requests.add(abs, 0)
        self.requests[4].cancel()
        self.assertEqual(self.requests.props.n_queued, 5)
        self.do_failing(self.requests)
        props = self.requests.props
        self.assertEqual((props.n_requests, props.n_queued, props.n_running, props.n_succeeded,
                          props.n_failed, props.n_cancelled, props.n_attempts_running,
                          props.progress, props.running), (5, 0, 0, 3, 1, 1, 0, 1.0, False))
        requests = self.requests
        self.assertEqual((requests.get_n_requests(), requests.get_n_queued(),
                          requests.get_n_running(), requests.get_n_succeeded(),
                          requests.get_n_failed(), requests.get_n_cancelled(),
                          requests.get_n_attempts_running(), requests.get_progress(),
                          requests.is_running()), (5, 0, 0, 3, 1, 1, 0, 1.0, False))
        self.assertLessEqual({'n-requests', 'n-succeeded', 'n-failed', 'progress', 'running'},
                             set(names))

    def test_stats_add_up(self):
        for error in (None, ValueError(), None):
            self.requests.add(fail if error else abs, error or -1)
        self.do_failing(self.requests)
        stats = self.requests.get_stats()
        self.assertEqual((stats.get_n_requests(), stats.get_n_queued(), stats.get_n_running(),
                          stats.get_n_succeeded(), stats.get_n_failed(), stats.get_n_cancelled(),
                          stats.get_n_attempts(), stats.get_n_copies(),
                          stats.get_n_attempts_running(), stats.get_n_attempts_won(),
                          stats.get_n_attempts_failed(), stats.get_n_attempts_lost()),
                         (3, 0, 0, 2, 1, 0, 3, 0, 0, 2, 1, 0))
        self.assertGreaterEqual(stats.get_peak_attempts(), 1)
        self.assertGreater(stats.get_elapsed(), 0)
        self.assertGreaterEqual(stats.get_latency(99), stats.get_latency(50))
        self.assertEqual(stats.copy().get_n_requests(), 3)

    def test_do_returns_true_or_raises(self):
        self.assertIs(self.requests.do(), True)
        self.requests.add(abs, -1)
        self.assertIs(self.requests.do(None), True)
        self.requests.add(fail, ValueError())
        with self.assertRaises(GLib.Error) as raised:
            self.requests.do()
        self.assert_error(raised.exception, Par.RequestsError.quark(), Par.RequestsError.FAILED)
        self.assertEqual(Par.RequestsError.quark(), Par.requests_error_quark())
        self.requests.add(abs, -1)
        self.assertIs(self.requests.do(), True)

    def test_cancellable_ends_do(self):
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        self.requests.add(abs, -1)
        self.assert_run_fails(Gio.IOErrorEnum.CANCELLED, self.requests.do, cancellable)

        gate = Gate()
        cancellable = Gio.Cancellable()
        self.requests.add(gate.go_through)
        self.requests.connect('started', lambda *_: cancellable.cancel())
        self.assert_run_fails(Gio.IOErrorEnum.CANCELLED, self.requests.do, cancellable)
        self.assertEqual(self.requests.props.n_cancelled, 2)

    def test_given_cancellable_is_left_alone(self):
        cancellable = Gio.Cancellable()
        self.requests.add(abs, -1)
        self.requests.do(cancellable)
        self.requests.add(abs, -1)
        for _ in self.requests.as_completed(cancellable):
            pass
        self.assertFalse(cancellable.is_cancelled())
        self.assertEqual(cancellable.__grefcount__, 1)

    def test_second_run_is_pending(self):
        self.requests.connect('completed', lambda requests, _:
                              self.assert_run_fails(Gio.IOErrorEnum.PENDING, requests.do))
        self.requests.add(lambda: self.assert_run_fails(Gio.IOErrorEnum.PENDING, self.requests.do))
        self.requests.do()
        self.assertIsNone(self.requests[0].exception)

    def test_do_runs_in_a_thread_with_its_own_context(self):
        def run():
            context = GLib.MainContext()
            context.push_thread_default()
            try:
                requests = Par.Requests(concurrency=2)
                requests.connect('completed', lambda *_: idents.add(threading.get_ident()))
                for number in range(20):
                    requests.add(abs, number)
                requests.add_async(lambda attempt: GLib.Timeout(1).attach(context)
                                   and attempt.return_value('async'))
                requests.do()
                results.extend(request.result() for request in requests)
                results.extend(request.result() for request in self.add_abs(requests, 3))
            finally:
                context.pop_thread_default()

        idents, results = set(), []
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        self.assertEqual(idents, {thread.ident})
        self.assertEqual(results, [*range(20), 'async', 3])

    def add_abs(self, requests, number):
        requests.add(abs, number)
        return requests.as_completed()

    def test_do_runs_inside_a_worker(self):
        def sum_inside(numbers):
            inner = Par.Requests(concurrency=2)
            for number in numbers:
                inner.add(abs, number)
            inner.do(Par.current_attempt().get_cancellable())
            return sum(request.result() for request in inner)

        self.requests.props.concurrency = 4
        for number in range(20):
            self.requests.add(sum_inside, range(number))
        self.requests.do()
        self.assertEqual([request.result() for request in self.requests],
                         [sum(range(number)) for number in range(20)])

    def test_do_runs_inside_handlers(self):
        def run_another(requests, request):
            inner = Par.Requests()
            inner.add(abs, -request.result())
            inner.do()
            results.append(inner[0].result())

        results = []
        for number in range(5):
            self.requests.add(abs, number)
        self.requests.connect('completed', run_another)
        self.requests.do()
        self.assertEqual(sorted(results), [0, 1, 2, 3, 4])

    def test_do_async_calls_back(self):
        def done(requests, result, loop, data):
            results.append((requests.do_finish(result), data))
            loop.quit()

        results = []
        loop = GLib.MainLoop()
        for _ in range(10):
            self.requests.add(abs, -1)
        self.requests.do_async(None, done, loop, 'data')
        loop.run()
        self.assertEqual(results, [(True, 'data')])
        self.assertEqual(self.requests.props.n_succeeded, 10)

    def test_do_finish_raises(self):
        def done(requests, result):
            with self.assertRaises(GLib.Error) as raised:
                requests.do_finish(result)
            errors.append(raised.exception)
            loop.quit()

        errors = []
        loop = GLib.MainLoop()
        self.requests.add(fail, ValueError('x'))
        self.requests.do_async(None, done)
        loop.run()
        self.assert_error(errors[0], Par.RequestsError.quark(), Par.RequestsError.FAILED)

    def test_next_gives_all(self):
        for number in range(5):
            self.requests.add(abs, number)
        results = []
        while (request := self.requests.next()) is not None:
            results.append(request.result())
        self.assertEqual(sorted(results), [0, 1, 2, 3, 4])
        self.assertIsNone(self.requests.next(None))

    def test_next_raises_at_the_end(self):
        self.requests.add(fail, ValueError())
        self.assertIsInstance(self.requests.next().exception, ValueError)
        with self.assertRaises(GLib.Error):
            self.requests.next()

    def test_next_async_calls_back(self):
        def fetched(requests, result, loop):
            request = requests.next_finish(result)
            if request is None:
                loop.quit()
            else:
                results.append(request.result())
                requests.next_async(None, fetched, loop)

        results = []
        loop = GLib.MainLoop()
        for number in range(5):
            self.requests.add(abs, number)
        self.requests.next_async(None, fetched, loop)
        loop.run()
        self.assertEqual(sorted(results), [0, 1, 2, 3, 4])

    def test_source_adds_as_needed(self):
        def add_more(requests, numbers, step):
            for _ in range(step):
                number = next(numbers, None)
                if number is None:
                    return False
                requests.add(abs, number)
            return True

        self.requests.props.concurrency = 2
        self.requests.set_source(add_more, iter(range(100)), 3)
        self.requests.do()
        self.assertEqual([request.result() for request in self.requests], list(range(100)))

    def test_source_that_raises_ends_the_run(self):
        def add_and_raise(requests, error):
            requests.add(abs, -1)
            raise error

        for error in (ValueError('x'), SystemExit(3), GLib.Error('own', 'own', 5)):
            for run in (lambda: self.requests.do(), lambda: list(self.requests.as_completed()),
                        self.do_by_loop, self.do_by_next, self.do_by_next_async):
                with self.subTest(error=error, run=run):
                    self.requests = Par.Requests()
                    self.requests.set_source(add_and_raise, error)
                    with self.assertRaises(type(error)) as raised:
                        run()
                    self.assertIs(raised.exception, error)
                    self.assertIn(self.requests[0].props.state,
                                  (Par.RequestState.SUCCEEDED, Par.RequestState.CANCELLED))

    def do_by_loop(self):
        return self.wait_async(self.requests.do_async, self.requests.do_finish)

    def do_by_next(self):
        while self.requests.next() is not None:
            pass

    def do_by_next_async(self):
        while self.wait_async(self.requests.next_async, self.requests.next_finish) is not None:
            pass

    def wait_async(self, start, finish):
        results = []
        start(None, lambda requests, result: results.append(result))
        while not results:
            GLib.MainContext.default().iteration(True)
        return finish(results[0])

    def test_later_run_does_not_raise_what_a_source_has_raised(self):
        self.requests.set_source(fail)
        self.assertRaises(TypeError, self.requests.do)
        self.requests.add(fail, ValueError())
        self.do_failing(self.requests)

    def test_source_may_be_taken_away(self):
        self.requests.set_source(lambda requests: True)
        self.requests.set_source(None)
        self.assertTrue(self.requests.do())


class NamesTest(TestCase):
    def test_enumerations_have_their_values(self):
        self.assertEqual([int(value) for value in (
            Par.RequestState.QUEUED, Par.RequestState.RUNNING, Par.RequestState.SUCCEEDED,
            Par.RequestState.FAILED, Par.RequestState.CANCELLED)], [0, 1, 2, 3, 4])
        self.assertEqual([int(value) for value in (
            Par.AttemptKind.FIRST, Par.AttemptKind.COPY, Par.AttemptKind.HEDGE,
            Par.AttemptKind.RETRY)], [0, 1, 2, 3])
        self.assertEqual([int(value) for value in (
            Par.CancelReason.NONE, Par.CancelReason.CANCELLED, Par.CancelReason.TIMED_OUT,
            Par.CancelReason.FAILURES, Par.CancelReason.ENOUGH)], [0, 1, 2, 3, 4])
        self.assertEqual([int(value) for value in (
            Par.RequestsError.FAILED, Par.RequestsError.NO_RESULT)], [0, 1])

    def test_version_is_there(self):
        self.assertEqual((Par.MAJOR_VERSION, Par.MINOR_VERSION, Par.MICRO_VERSION), (0, 1, 0))
        self.assertEqual(Par._version, '1')

    def test_wrappers_come_and_go(self):
        self.requests.add(abs, -7)
        self.requests.do()
        for _ in range(100):
            gc.collect(0)
            self.assertEqual(self.requests[0].result(), 7)


main()
