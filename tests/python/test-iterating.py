#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""as_completed() and map()."""

import gc
import itertools
import threading
import weakref

from support import Gate, Gio, GLib, Par, TestCase, main


def fail(error):
    raise error


class AsCompletedTest(TestCase):
    def test_gives_requests_as_they_end(self):
        gates = [Gate() for _ in range(4)]
        for number, gate in enumerate(gates):
            self.requests.add(gate.go_through, number)
        order = [2, 0, 3, 1]
        gates[order[0]].open()
        ended = []
        for request in self.requests.as_completed():
            ended.append(request.result())
            if len(ended) < len(order):
                gates[order[len(ended)]].open()
        self.assertEqual(ended, order)
        self.assertFalse(self.requests.props.running)

    def test_is_empty_without_requests(self):
        self.assertEqual(list(self.requests.as_completed()), [])

    def test_gives_failed_and_cancelled_ones_and_does_not_raise(self):
        self.requests.add(fail, ValueError())
        self.requests.add(abs, -1)
        self.requests.add(Gate().go_through)
        requests = {}
        for request in self.requests.as_completed():
            requests[request.get_index()] = request
            self.requests[2].cancel()
        self.assertIsInstance(requests[0].exception, ValueError)
        self.assertEqual(requests[1].result(), 1)
        self.assert_io_error(requests[2].exception, Gio.IOErrorEnum.CANCELLED)

    def test_gives_what_is_added_meanwhile(self):
        def visit(depth):
            # From a worker, while the loop waits.
            if depth % 2:
                self.requests.add(visit, depth - 1)
            return depth

        self.requests.add(visit, 99)
        seen = []
        for request in self.requests.as_completed():
            depth = request.result()
            seen.append(depth)
            # In the loop.
            if depth > 0 and depth % 2 == 0:
                self.requests.add(visit, depth - 1)
        self.assertEqual(sorted(seen), list(range(100)))

    def test_raises_what_ends_the_run(self):
        gate = Gate()
        self.requests.props.timeout = 20
        self.requests.add(abs, -1)
        self.requests.add(gate.go_through)
        requests = []

        def collect():
            for request in self.requests.as_completed():
                requests.append(request)

        self.assert_run_fails(Gio.IOErrorEnum.TIMED_OUT, collect)
        self.assertEqual([request.props.state for request in requests],
                         [Par.RequestState.SUCCEEDED, Par.RequestState.CANCELLED])

    def test_takes_a_cancellable(self):
        gate = Gate()
        cancellable = Gio.Cancellable()
        for _ in range(3):
            self.requests.add(gate.go_through)
        self.requests.connect('started', lambda *_: cancellable.cancel())
        self.assert_run_fails(Gio.IOErrorEnum.CANCELLED, list,
                              self.requests.as_completed(cancellable))
        self.assertEqual(self.requests.props.n_cancelled, 3)

    def test_leaving_early_cancels_the_rest(self):
        for n_deaf in (0, 1):
            gate = Gate()
            requests = Par.Requests(concurrency=3)
            requests.add(abs, -1)
            for _ in range(n_deaf):
                requests.add(gate.go_through_deaf)
            for _ in range(100000):
                requests.add(gate.go_through)
            for request in requests.as_completed():
                break
            self.assertEqual(request.result(), 1)
            self.assertFalse(requests.props.running)
            self.assertEqual(requests.props.n_cancelled, 100000 + n_deaf)
            self.assertIsNotNone(requests[50000].exception)
            gate.open()

            # It goes on with what comes next.
            requests.add(abs, -2)
            self.assertEqual([request.result() for request in requests.as_completed()], [2])

    def test_raising_in_the_loop_cancels_the_rest(self):
        gate = Gate()
        self.requests.add(abs, -1)
        self.requests.add(gate.go_through)
        with self.assertRaises(KeyError):
            for request in self.requests.as_completed():
                raise KeyError
        self.assertEqual(self.requests.props.n_cancelled, 1)

    def test_closing_cancels_the_rest(self):
        gate = Gate()
        for add_first in (True, False):
            requests = Par.Requests()
            requests.add(abs, -1)
            requests.add(gate.go_through)
            iterator = requests.as_completed()
            next(iterator)
            if add_first:
                iterator.close()
            del iterator
            gc.collect()
            self.assertEqual(requests.props.n_cancelled, 1)
            self.assertFalse(requests.props.running)

    def test_one_that_was_never_begun_does_nothing(self):
        self.requests.add(abs, -1)
        self.requests.as_completed().close()
        self.assertEqual(self.requests.props.n_queued, 1)
        self.assertTrue(self.requests.do())

    def test_dropping_the_requests_in_the_loop_is_fine(self):
        requests = Par.Requests()
        for number in range(10):
            requests.add(abs, number)
        iterator = requests.as_completed()
        reference = weakref.ref(requests)
        del requests
        self.assertEqual(sorted(request.result() for request in iterator), list(range(10)))
        self.assertIsNone(reference())

    def test_results_that_nobody_fetched_hold_the_source_back(self):
        pulled = itertools.count()
        n_pulled = 0

        def add_one(requests):
            nonlocal n_pulled
            n_pulled = next(pulled) + 1
            requests.add(abs, n_pulled)
            return n_pulled < 1000

        self.requests.props.concurrency = 2
        self.requests.set_source(add_one)
        for n_fetched, request in enumerate(self.requests.as_completed(), 1):
            # It is a bound of its own, not one of the length.
            self.assertLessEqual(n_pulled - n_fetched, 8)
        self.assertEqual((n_fetched, n_pulled), (1000, 1000))

    def test_never_iterates_the_main_context(self):
        calls = []
        source = GLib.idle_add(lambda: calls.append(True) or True)
        for number in range(100):
            self.requests.add(abs, number)
        for request in self.requests.as_completed():
            pass
        self.assertEqual(list(Par.Requests.map(abs, range(100), concurrency=3)), list(range(100)))
        GLib.source_remove(source)
        self.assertEqual(calls, [])

    def test_works_in_a_thread(self):
        gate = Gate()

        def run():
            requests = Par.Requests(concurrency=2)
            requests.add(abs, -1)
            requests.add(gate.go_through)
            for request in requests.as_completed():
                break
            results.append((request.result(), requests.props.n_cancelled))
            results.append(list(Par.Requests.map(abs, [-1, -2])))

        results = []
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        self.assertEqual(results, [(1, 1), [1, 2]])

    def test_works_inside_a_request(self):
        def find():
            return [request.result() for request in self.abs_of(range(5)).as_completed()]

        self.assertEqual(sorted(self.do_one(find).result()), list(range(5)))

    def abs_of(self, numbers):
        requests = Par.Requests(concurrency=1)
        for number in numbers:
            requests.add(abs, number)
        return requests

    def test_loops_go_on_side_by_side(self):
        pairs = zip(self.abs_of(range(50)).as_completed(), self.abs_of(range(50)).as_completed())
        self.assertEqual([(a.result(), b.result()) for a, b in pairs],
                         [(number, number) for number in range(50)])

    def test_a_loop_in_a_loop_of_the_same_is_pending_in_another_thread(self):
        self.requests.add(abs, -1)
        self.requests.add(lambda: self.assert_run_fails(
            Gio.IOErrorEnum.PENDING, list, self.requests.as_completed()))
        self.assertEqual([request.exception for request in self.requests.as_completed()],
                         [None, None])

    def test_gives_those_of_a_run_of_do_async(self):
        for number in range(10):
            self.requests.add(abs, number)
        results = []
        self.requests.do_async(None, lambda requests, result:
                               results.append(requests.do_finish(result)))
        for request in self.requests.as_completed():
            break
        # Leaving the loop has not ended that run.
        while not results:
            GLib.MainContext.default().iteration(True)
        self.assertEqual(results, [True])
        self.assertEqual(self.requests.props.n_succeeded, 10)


class MapTest(TestCase):
    def test_gives_results_in_order(self):
        gates = [Gate() for _ in range(8)]

        def go_through(number):
            gates[number].go_through()
            if number > 0:
                gates[number - 1].open()
            return number

        # The last ends first.
        gates[7].open()
        self.assertEqual(list(Par.Requests.map(go_through, range(8), concurrency=8)), list(range(8)))

    def test_takes_as_many_iterables_as_the_function_arguments(self):
        self.assertEqual(list(Par.Requests.map(pow, [2, 3, 4], (5, 2))), [32, 9])
        self.assertEqual(list(Par.Requests.map(lambda a, b, c: a + b + c, 'ab', 'cd', 'ef')),
                         ['ace', 'bdf'])
        self.assertEqual(list(Par.Requests.map(abs, [])), [])

    def test_results_are_any_objects(self):
        values = [2**70, None, 'x', [], ValueError()]
        for result, value in zip(Par.Requests.map(lambda value: value, values), values):
            self.assertIs(result, value)

    def test_refuses_what_it_cannot_do(self):
        with self.assertRaises(TypeError):
            Par.Requests.map(abs)
        with self.assertRaises(TypeError):
            Par.Requests.map(3, [1])
        with self.assertRaises(TypeError):
            Par.Requests.map(abs, 3)
        with self.assertRaises(TypeError):
            Par.Requests.map(abs, [], speed=3)
        with self.assertRaises(TypeError):
            Par.Requests.map(abs, [], keep_completed=True)
        with self.assertRaisesRegex(ValueError, 'bound'):
            Par.Requests.map(abs, [], concurrency=0)

    def test_pulls_no_more_than_it_needs(self):
        def count():
            for number in itertools.count():
                pulled.append(number)
                yield number

        pulled = []
        iterator = Par.Requests.map(abs, count(), concurrency=3)
        self.assertEqual(pulled, [])
        for n_given in range(1, 1000):
            self.assertEqual(next(iterator), n_given - 1)
            self.assertLessEqual(len(pulled) - n_given, 6)
        iterator.close()
        self.assertLess(len(pulled), 1010)

    def test_slow_head_holds_the_rest_back(self):
        gate = Gate()
        pulled = []

        def head_is_slow(number):
            pulled.append(number)
            if number == 7:
                gate.open()
            if number == 0:
                gate.go_through()
            return number

        self.assertEqual(list(Par.Requests.map(head_is_slow, range(200), concurrency=4)),
                         list(range(200)))
        self.assertEqual(sorted(pulled), list(range(200)))

    def test_raises_what_the_function_raises(self):
        def fail_at_three(number):
            if number == 3:
                raise error
            return number

        error = KeyError(3)
        results = []
        with self.assertRaises(KeyError) as raised:
            for result in Par.Requests.map(fail_at_three, itertools.count(), concurrency=4):
                results.append(result)
        self.assertIs(raised.exception, error)
        self.assertEqual(results, [0, 1, 2])

    def test_raises_what_the_iterable_raises(self):
        def raise_at_three():
            yield from range(3)
            raise LookupError('three')

        with self.assertRaisesRegex(LookupError, 'three'):
            list(Par.Requests.map(abs, raise_at_three(), concurrency=1))

    def test_timeout_ends_it(self):
        gate = Gate()
        self.assert_run_fails(Gio.IOErrorEnum.TIMED_OUT, list,
                              Par.Requests.map(gate.go_through, range(9), timeout=20))

    def test_settings_are_those_of_requests(self):
        def fail_but_for_the_second(barrier):
            barrier.wait(60)
            if Par.current_attempt().get_number() == 1:
                raise ValueError
            return 'second'

        self.assertEqual(list(Par.Requests.map(fail_but_for_the_second, [threading.Barrier(2)],
                                               redundancy=2)), ['second'])

    def test_leaving_early_cancels_the_rest(self):
        gate = Gate()
        cancelled = threading.Event()

        def wait_unless_first(number):
            if number == 0:
                return number
            try:
                gate.go_through()
            except GLib.Error:
                cancelled.set()
                raise

        for _ in Par.Requests.map(wait_unless_first, itertools.count(), concurrency=2):
            gate.wait_arrived(1)
            break
        self.assertTrue(cancelled.wait(60))

    def test_results_are_dropped_when_they_have_been_given(self):
        class Payload:
            pass

        references = []
        for payload in Par.Requests.map(lambda _: Payload(), range(100), concurrency=2):
            references.append(weakref.ref(payload))
            del payload
            self.assertLessEqual(sum(reference() is not None for reference in references), 1)

    def test_functions_run_in_the_context_of_whoever_calls(self):
        self.assertEqual(len(set(Par.Requests.map(lambda _: threading.get_ident(), range(20)))
                             & {threading.get_ident()}), 0)


main()
