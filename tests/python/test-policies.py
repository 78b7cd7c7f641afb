#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hedges, retries and limiters."""

import threading

from support import GLib, PATIENCE, Par, TestCase, main


def fail(error):
    raise error


class PolicyTest(TestCase):
    def assert_figures(self, stats, **figures):
        for name, figure in figures.items():
            self.assertEqual(getattr(stats, 'get_' + name)(), figure, name)

    def test_policies_take_keywords(self):
        for policy, settings, figures in (
            (Par.Hedge, {'delay': 20, 'percentile': 99.0, 'min_delay': 2, 'max_delay': 100,
                         'min_samples': 10, 'window': 1000, 'max_hedges': 3,
                         'max_extra_load': 0.5, 'burst': 4},
             {'current_delay', 'n_sent', 'n_won', 'n_refused', 'extra_load'}),
            (Par.Retry, {'max_retries': 5, 'initial_delay': 10, 'max_delay': 1000,
                         'multiplier': 1.5, 'jitter': 0.5, 'max_extra_load': 0.1, 'burst': 20},
             {'n_sent', 'n_refused'}),
            (Par.Limiter, {'concurrency': 6, 'rate': 50.0, 'burst': 5, 'per_key': True},
             {'n_running', 'n_waiting'}),
        ):
            with self.subTest(policy=policy.__name__):
                made = policy(**settings)
                for name, value in settings.items():
                    self.assertEqual(getattr(made.props, name), value)
                    self.assertEqual(getattr(made, 'get_' + name)(), value)
                    getattr(made, 'set_' + name)(value)
                for name in figures:
                    self.assertEqual(getattr(made.props, name), getattr(made, 'get_' + name)())
                self.assertEqual({pspec.name.replace('-', '_')
                                  for pspec in policy.list_properties()},
                                 set(settings) | figures)
                self.assertIsInstance(policy.new(), policy)

    def test_requests_take_policies(self):
        for name, policy in (('hedge', Par.Hedge()), ('retry', Par.Retry()),
                             ('limiter', Par.Limiter())):
            with self.subTest(name=name):
                requests = Par.Requests(**{name: policy})
                self.assertIs(getattr(requests.props, name), policy)
                self.assertIs(getattr(requests, 'get_' + name)(), policy)
                getattr(requests, 'set_' + name)(None)
                self.assertIsNone(getattr(requests.props, name))

    def test_failures_are_tried_again(self):
        def find_weather():
            if Par.current_attempt().get_number() < 3:
                raise ConnectionError('try again')
            return 'sunny'

        started = []
        retry = Par.Retry(initial_delay=1)
        requests = Par.Requests(retry=retry)
        requests.connect('started', lambda _, request, number, kind: started.append(kind))
        requests.add(find_weather)
        requests.do()
        self.assertEqual(requests[0].result(), 'sunny')
        self.assertEqual(started, [Par.AttemptKind.FIRST, Par.AttemptKind.RETRY,
                                   Par.AttemptKind.RETRY])
        self.assert_figures(requests.get_stats(), n_retries=2)
        self.assertEqual(retry.props.n_sent, 2)

    def test_last_exception_is_the_result(self):
        def fail():
            raise ConnectionError(Par.current_attempt().get_number())

        requests = Par.Requests(retry=Par.Retry(max_retries=2, initial_delay=1))
        requests.add(fail)
        self.do_failing(requests)
        self.assertEqual(requests[0].exception.args, (3,))
        self.assertEqual(len(requests[0].get_attempt_errors()), 3)

    def test_fatal_error_is_not_tried_again(self):
        error = ValueError('no such city')

        def fail(attempt):
            attempt.return_fatal_error(error)

        requests = Par.Requests(retry=Par.Retry(initial_delay=1))
        requests.add_thread(fail)
        self.do_failing(requests)
        self.assertIs(requests[0].exception, error)
        self.assertEqual(requests[0].get_n_attempts(), 1)

    def test_retry_on_names_what_is_worth_it(self):
        for retry_on, error, n_attempts in (
            ((ConnectionError, TimeoutError), ConnectionResetError('x'), 2),
            ((ConnectionError, TimeoutError), TypeError('x'), 1),
            (OSError, FileNotFoundError('x'), 2),
            (OSError, SystemExit(3), 1),
            ((), ValueError('x'), 1),
            (None, TypeError('x'), 2),
            (GLib.Error, GLib.Error('x', 'own', 3), 2),
        ):
            requests = Par.Requests(retry=Par.Retry(initial_delay=1, max_retries=1),
                                    retry_on=retry_on)
            self.assertIs(requests.retry_on, retry_on)
            requests.add(fail, error)
            self.do_failing(requests)
            self.assertEqual(requests[0].props.n_attempts, n_attempts)
            self.assertIs(requests[0].exception, error)

    def test_retry_on_may_be_set_later_and_not_to_anything(self):
        requests = Par.Requests(retry=Par.Retry(initial_delay=1))
        self.assertIsNone(requests.retry_on)
        requests.retry_on = (ConnectionError,)
        requests.add(fail, TypeError())
        requests.retry_on = None
        requests.add(fail, TypeError())
        self.do_failing(requests)
        self.assertEqual([request.props.n_attempts for request in requests], [1, 4])
        for odd in (3, 'ConnectionError', (ConnectionError, 3)):
            with self.assertRaises(TypeError):
                requests.retry_on = odd
            with self.assertRaises(TypeError):
                Par.Requests(retry_on=odd)

    def test_retry_on_counts_for_map(self):
        retry = Par.Retry(initial_delay=1)
        with self.assertRaises(TypeError):
            list(Par.Requests.map(fail, [TypeError()], retry=retry, retry_on=OSError))
        self.assertEqual(retry.props.n_sent, 0)

    def test_retry_after_is_waited_for(self):
        def fail_once():
            if Par.current_attempt().get_number() == 1:
                Par.current_attempt().set_retry_after(30)
                raise ConnectionError
            return GLib.get_monotonic_time()

        requests = Par.Requests(retry=Par.Retry(initial_delay=1))
        requests.add(fail_once)
        start = GLib.get_monotonic_time()
        requests.do()
        self.assertGreaterEqual(requests[0].result() - start, 30000)

    def test_retry_after_the_deadline_fails_at_once(self):
        def fail():
            Par.current_attempt().set_retry_after(3600000)
            raise ConnectionError('come back in an hour')

        requests = Par.Requests(retry=Par.Retry(), timeout=PATIENCE * 1000)
        requests.add(fail)
        self.do_failing(requests)
        self.assertIsInstance(requests[0].exception, ConnectionError)

    def test_slow_call_is_helped(self):
        helped = threading.Event()

        def find_weather():
            number = Par.current_attempt().get_number()
            if number == 1:
                helped.wait(PATIENCE)
            return number

        hedge = Par.Hedge(delay=10)
        requests = Par.Requests(hedge=hedge)
        requests.connect('completed', lambda *_: helped.set())
        requests.add(find_weather)
        requests.do()
        self.assertEqual(requests[0].result(), 2)
        self.assertEqual((hedge.props.n_sent, hedge.props.n_won), (1, 1))
        self.assert_figures(requests.get_stats(), n_hedges=1, n_hedges_won=1, n_hedges_refused=0)

    def test_limiter_is_shared(self):
        limiter = Par.Limiter(concurrency=2)
        lock = threading.Lock()
        running = []
        peaks = []

        def work():
            with lock:
                running.append(None)
                peaks.append(len(running))
            with lock:
                running.pop()

        def run():
            requests = Par.Requests(limiter=limiter)
            for _ in range(100):
                requests.add(work)
            requests.do()

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(peaks), 300)
        self.assertLessEqual(max(peaks), 2)
        self.assertEqual(limiter.props.n_waiting, 0)

    def test_nested_runs_share_a_limiter(self):
        limiter = Par.Limiter(concurrency=1)

        def ask_three():
            requests = Par.Requests(limiter=limiter)
            for number in range(3):
                requests.add(lambda number=number: number)
            requests.do()
            return [request.result() for request in requests]

        requests = Par.Requests(limiter=limiter)
        for _ in range(5):
            requests.add(ask_three)
        requests.do()
        self.assertEqual([request.result() for request in requests], [[0, 1, 2]] * 5)


main()
