#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signals while the main thread waits: Ctrl-C, handlers of the program's, and those before them."""

import json
import signal
import textwrap

from support import TestCase, main

# In seconds.
LONGEST_DELAY = 0.1

# Every child begins with this.
PRELUDE = '''
import asyncio, json, os, signal, socket, sys, threading, time
import gi
gi.require_version('Par', '1')
from gi.repository import Gio, GLib, Par
from support import Gate

report = {}
gate = Gate()


def send(number=signal.SIGINT, n_arrived=1):
    """Sends a signal to this process when so many have arrived at the gate."""
    def kill():
        gate.wait_arrived(n_arrived)
        sender.sent = time.monotonic()
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=kill, daemon=True)
    sender.start()
    return sender


def note_delay(sender):
    report['delay'] = time.monotonic() - sender.sent


def note_end(error, requests):
    report['error'] = type(error).__name__
    report['running'] = requests.props.running
    report['n_cancelled'] = requests.props.n_cancelled
    report['handler'] = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    report['wakeup_fd'] = signal.set_wakeup_fd(-1)


def fill(n=1000, function=gate.go_through):
    requests = Par.Requests(concurrency=4)
    for _ in range(n):
        requests.add(function)
    return requests


def consume(iterator):
    for _ in iterator:
        pass


def check_cancelled(n=4):
    """All that were in the gate have seen it, in their own time."""
    deadline = time.monotonic() + 60
    while left[0] < n and time.monotonic() < deadline:
        time.sleep(0.001)
    report['left'] = left[0]

left = [0]

def go_through():
    try:
        gate.go_through()
    finally:
        left[0] += 1
'''


class SignalsTest(TestCase):
    def run_child(self, script):
        """Runs it, once more if the machine was busy with something else, and reads its report."""
        for _ in range(5):
            process = self.run_script(PRELUDE + textwrap.dedent(script)
                                      + '\nprint(json.dumps(report))\n')
            self.assertEqual(process.returncode, 0, process.stderr)
            self.stderr = process.stderr
            report = json.loads(process.stdout)
            if report.get('delay', 0) < LONGEST_DELAY:
                break
        return report

    def assert_interrupted(self, report, n_cancelled=1000):
        """It has ended in time, has cancelled all, and has put everything back."""
        self.assertLess(report['delay'], LONGEST_DELAY, report)
        self.assertEqual(report['error'], 'KeyboardInterrupt')
        self.assertFalse(report['running'])
        self.assertEqual(report['n_cancelled'], n_cancelled)
        self.assertTrue(report['handler'])
        self.assertEqual(report['wakeup_fd'], -1)

    def test_ctrl_c_ends_every_call(self):
        for call in ('requests.do()', 'requests.do(cancellable)', 'requests.next()',
                     'consume(requests.as_completed())',
                     'consume(requests.as_completed(cancellable))'):
            with self.subTest(call=call):
                report = self.run_child(f'''
                    requests = fill(function=go_through)
                    cancellable = Gio.Cancellable()
                    sender = send(n_arrived=4)
                    try:
                        {call}
                    except KeyboardInterrupt as error:
                        note_delay(sender)
                        if 'next' in {call!r}:
                            # It has begun a run, which is for others to end.
                            try:
                                requests.do()
                            except GLib.Error:
                                pass
                        note_end(error, requests)
                    check_cancelled()
                    report['given'] = cancellable.is_cancelled()
                ''')
                self.assert_interrupted(report)
                self.assertEqual(report['left'], 4)
                self.assertFalse(report['given'])

    def test_ctrl_c_ends_map(self):
        report = self.run_child('''
            requests = Par.Requests()
            sender = send(n_arrived=4)
            try:
                consume(Par.Requests.map(lambda _: go_through(), range(10**9), concurrency=4))
            except KeyboardInterrupt as error:
                note_delay(sender)
                note_end(error, requests)
            check_cancelled()
        ''')
        self.assert_interrupted(report, 0)
        self.assertEqual(report['left'], 4)

    def test_ctrl_c_does_not_wait_for_the_deaf(self):
        report = self.run_child('''
            requests = fill(function=gate.go_through_deaf)
            sender = send(n_arrived=4)
            try:
                requests.do()
            except KeyboardInterrupt as error:
                note_delay(sender)
                note_end(error, requests)
            # Neither does the end of the process.
        ''')
        self.assert_interrupted(report)

    def test_ctrl_c_with_many_queued(self):
        report = self.run_child('''
            requests = fill(10000)
            sender = send(n_arrived=4)
            try:
                consume(requests.as_completed())
            except KeyboardInterrupt as error:
                note_delay(sender)
                note_end(error, requests)
        ''')
        self.assert_interrupted(report, 10000)

    def test_ctrl_c_in_a_handler_is_not_lost(self):
        report = self.run_child('''
            def be_busy(requests, request):
                if request.get_index() == 0:
                    gate.arrive()
                    while not hasattr(sender, 'sent'):
                        pass
                    # The signal is handled here, where what it raises would be printed.
                    for _ in range(100000):
                        pass
                    ends.append(True)

            ends = []
            requests = fill(0)
            requests.add(abs, -1)
            for _ in range(999):
                requests.add(gate.go_through)
            requests.connect('completed', be_busy)
            sender = send(n_arrived=5)
            try:
                requests.do()
            except KeyboardInterrupt as error:
                note_delay(sender)
                note_end(error, requests)
            report['ends'] = len(ends)
        ''')
        self.assert_interrupted(report, 999)
        self.assertEqual(report['ends'], 1)
        self.assertNotIn('Traceback', self.stderr)

    def test_nested_runs_all_end(self):
        report = self.run_child('''
            def run_inside(requests, request):
                if request.get_index() > 0:
                    return
                try:
                    inner.do()
                except KeyboardInterrupt:
                    report['inner'] = [inner.props.running, inner.props.n_cancelled]

            inner = fill(100)
            requests = fill(0)
            requests.add(abs, -1)
            for _ in range(100):
                requests.add(gate.go_through)
            requests.connect('completed', run_inside)
            sender = send(n_arrived=7)
            try:
                requests.do()
            except KeyboardInterrupt as error:
                note_delay(sender)
                note_end(error, requests)
        ''')
        self.assert_interrupted(report, 100)
        self.assertEqual(report['inner'], [False, 100])

    def test_run_inside_a_worker_ends_with_the_outer_one(self):
        report = self.run_child('''
            def run_inside():
                inner = fill(100, go_through)
                inners.append(inner)
                inner.do(Par.current_attempt().get_cancellable())

            inners = []
            requests = fill(2, run_inside)
            sender = send(n_arrived=8)
            try:
                requests.do()
            except KeyboardInterrupt as error:
                note_delay(sender)
                note_end(error, requests)
            check_cancelled(8)
        ''')
        self.assert_interrupted(report, 2)
        self.assertEqual(report['left'], 8)

    def test_loop_of_pygobject_ends_after_the_run(self):
        report = self.run_child('''
            def run_inside():
                try:
                    requests.do()
                except KeyboardInterrupt as error:
                    note_delay(sender)
                    report['inner'] = True

            requests = fill()
            loop = GLib.MainLoop()
            GLib.idle_add(run_inside)
            sender = send(n_arrived=4)
            try:
                loop.run()
            except KeyboardInterrupt as error:
                note_end(error, requests)
        ''')
        self.assert_interrupted(report)
        self.assertTrue(report['inner'])

    def test_loop_of_pygobject_inside_a_run_ends(self):
        report = self.run_child('''
            def run_loop(requests, request):
                if request.get_index() == 0:
                    GLib.idle_add(gate.arrive)
                    GLib.MainLoop().run()

            requests = fill(0)
            requests.add(abs, -1)
            for _ in range(1000):
                requests.add(gate.go_through)
            requests.connect('completed', run_loop)
            sender = send(n_arrived=5)
            try:
                requests.do()
            except KeyboardInterrupt as error:
                note_delay(sender)
                note_end(error, requests)
        ''')
        self.assert_interrupted(report)

    def test_main_thread_is_interrupted_though_another_waits(self):
        report = self.run_child('''
            def run():
                try:
                    requests.do(cancellable)
                except GLib.Error as error:
                    report['in thread'] = error.matches(Gio.io_error_quark(),
                                                        Gio.IOErrorEnum.CANCELLED)

                ended.set()

            cancellable = Gio.Cancellable()
            ended = threading.Event()
            requests = fill()
            sender = send(n_arrived=4)
            threading.Thread(target=run).start()
            try:
                ended.wait()
            except KeyboardInterrupt as error:
                note_delay(sender)
                cancellable.cancel()
                ended.wait()
                note_end(error, requests)
        ''')
        self.assert_interrupted(report)
        self.assertTrue(report['in thread'])

    def test_handlers_of_the_program_run_at_once_and_the_run_goes_on(self):
        for call in ('requests.do()', 'consume(requests.as_completed())', 'requests.next()'):
            with self.subTest(call=call):
                report = self.run_child(f'''
                    def handle(number, frame):
                        note_delay(sender)
                        report['thread'] = threading.current_thread().name
                        gate.open()

                    for number in signal.SIGINT, signal.SIGUSR1:
                        signal.signal(number, handle)
                        requests = fill(4)
                        gate = Gate()
                        for _ in range(4):
                            requests.add(gate.go_through)
                        requests[0].cancel(), requests[1].cancel()
                        requests[2].cancel(), requests[3].cancel()
                        sender = send(number, n_arrived=4)
                        {call}
                    report['n_succeeded'] = requests.get_stats().get_n_succeeded()
                    report['handler'] = signal.getsignal(signal.SIGINT) is handle
                ''')
                self.assertLess(report['delay'], LONGEST_DELAY, report)
                self.assertEqual(report['thread'], 'MainThread')
                self.assertGreater(report['n_succeeded'], 0)
                self.assertTrue(report['handler'])

    def test_what_a_handler_raises_ends_the_run(self):
        for call in ('requests.do()', 'consume(requests.as_completed())',
                     'consume(Par.Requests.map(lambda _: go_through(), range(9), concurrency=4))'):
            with self.subTest(call=call):
                report = self.run_child(f'''
                    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
                    requests = fill()
                    sender = send(signal.SIGTERM, n_arrived=4)
                    try:
                        {call}
                    except SystemExit as error:
                        note_delay(sender)
                        note_end(error, requests)
                        report['code'] = error.code
                ''')
                self.assertLess(report['delay'], LONGEST_DELAY, report)
                self.assertEqual(report['code'], 3)
                self.assertFalse(report['running'])

    def test_do_works_in_a_signal_handler(self):
        report = self.run_child('''
            def handle(number, frame):
                inner = Par.Requests(concurrency=2)
                for number in range(20):
                    inner.add(abs, -number)
                inner.do()
                report['inner'] = sum(request.result() for request in inner)
                report['fetched'] = sum(Par.Requests.map(abs, range(20), concurrency=2))
                gate.open()

            signal.signal(signal.SIGUSR1, handle)
            # Outside of any call, and inside one.
            os.kill(os.getpid(), signal.SIGUSR1)
            report['outside'] = report.pop('inner')
            gate = Gate()
            requests = fill(0)
            for _ in range(10):
                requests.add(gate.go_through)
            send(signal.SIGUSR1, n_arrived=4)
            requests.do()
            report['n_succeeded'] = requests.props.n_succeeded
        ''')
        self.assertEqual(report, {'outside': 190, 'inner': 190, 'fetched': 190, 'n_succeeded': 10})

    def test_wakeup_fd_of_the_program_gets_its_signals(self):
        report = self.run_child('''
            reader, writer = socket.socketpair()
            reader.settimeout(60)
            writer.setblocking(False)
            signal.set_wakeup_fd(writer.fileno())
            signal.signal(signal.SIGUSR1, lambda *_: gate.open())
            requests = fill(4)
            sender = send(signal.SIGUSR1, n_arrived=4)
            requests.do()
            report['byte'] = reader.recv(10)[0]
            report['restored'] = signal.set_wakeup_fd(-1) == writer.fileno()
        ''')
        self.assertEqual(report, {'byte': signal.SIGUSR1, 'restored': True})

    def test_wakeup_fd_that_a_handler_sets_stays(self):
        report = self.run_child('''
            reader, writer = socket.socketpair()
            writer.setblocking(False)
            requests = fill(0)
            requests.add(abs, -1)
            requests.connect('completed', lambda *_: signal.set_wakeup_fd(writer.fileno()))
            requests.do()
            report['stays'] = signal.set_wakeup_fd(-1) == writer.fileno()
        ''')
        self.assertTrue(report['stays'])

    def test_handler_that_a_handler_sets_stays(self):
        report = self.run_child('''
            def handle(*_):
                pass

            requests = fill(0)
            requests.add(abs, -1)
            requests.connect('completed', lambda *_: signal.signal(signal.SIGINT, handle))
            requests.do()
            report['stays'] = signal.getsignal(signal.SIGINT) is handle
        ''')
        self.assertTrue(report['stays'])

    def test_asyncio_gets_its_signals(self):
        report = self.run_child('''
            async def run():
                handled = asyncio.Event()
                asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, handled.set)
                signal.signal(signal.SIGUSR2, lambda *_: gate.open())
                requests = fill(4)
                send(signal.SIGUSR1, n_arrived=4).join()
                send(signal.SIGUSR2, n_arrived=4)
                # It is a mistake to block a loop, but not one to be punished like this.
                requests.do()
                await asyncio.wait_for(handled.wait(), 60)
                report['handled'] = True

            gate.n_arrived = 4
            asyncio.run(run())
        ''')
        self.assertEqual(report, {'handled': True})

    def test_ctrl_c_ends_a_run_that_blocks_asyncio(self):
        report = self.run_child('''
            async def run():
                requests.do()

            def go_on_sending():
                # The first asks asyncio to cancel the task, from Python 3.11 on.
                sender.join()
                while 'error' not in report:
                    time.sleep(0.02)
                    sender.sent = time.monotonic()
                    os.kill(os.getpid(), signal.SIGINT)

            requests = fill()
            sender = send(n_arrived=4)
            threading.Thread(target=go_on_sending, daemon=True).start()
            try:
                asyncio.run(run())
            except KeyboardInterrupt as error:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                note_delay(sender)
                note_end(error, requests)
        ''')
        self.assertLess(report['delay'], LONGEST_DELAY, report)
        self.assertEqual(report['error'], 'KeyboardInterrupt')
        self.assertEqual(report['n_cancelled'], 1000)

    def test_no_signal_is_lost_or_kept_whenever_it_comes(self):
        report = self.run_child('''
            class Sender(threading.Thread):
                def run(self):
                    for number in range(200):
                        wanted.wait()
                        wanted.clear()
                        time.sleep((number * 37 % 100) / 50000)
                        os.kill(os.getpid(), signal.SIGINT)

            wanted = threading.Event()
            sender = Sender(daemon=True)
            sender.start()
            requests = Par.Requests(concurrency=2, keep_completed=False)
            n_interrupts = 0
            while n_interrupts < 200:
                try:
                    wanted.set()
                    while True:
                        for _ in range(5):
                            requests.add(abs, -1)
                        if n_interrupts % 2:
                            requests.do()
                        else:
                            consume(requests.as_completed())
                except KeyboardInterrupt:
                    n_interrupts += 1
            # A late one would end this.
            for _ in range(50):
                requests.add(abs, -1)
                requests.do()
            report['n_interrupts'] = n_interrupts
            report['handler'] = signal.getsignal(signal.SIGINT) is signal.default_int_handler
            report['wakeup_fd'] = signal.set_wakeup_fd(-1)
        ''')
        self.assertEqual(report, {'n_interrupts': 200, 'handler': True, 'wakeup_fd': -1})


main()
