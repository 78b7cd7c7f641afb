#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a request costs that does nothing, from Python: microseconds each, the least of some rounds,
beside concurrent.futures in the same run; and how soon Ctrl-C ends a run that has many queued.

Usage: overhead.py [REQUESTS [ROUNDS]]
"""

import collections
import gc
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import gi

gi.require_version('Par', '1')
from gi.repository import Par

N_REQUESTS = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
N_ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 10


def do_nothing(number):
    return number


def add(bound):
    requests = Par.Requests(concurrency=bound)
    for number in range(N_REQUESTS):
        requests.add(do_nothing, number)
    return requests


def add_and_do(bound):
    add(bound).do()


def read_results(bound):
    requests = add(bound)
    requests.do()
    for request in requests:
        request.result()


def as_completed(bound):
    for request in add(bound).as_completed():
        request.result()


def run_map(bound):
    for _ in Par.Requests.map(do_nothing, range(N_REQUESTS), concurrency=bound):
        pass


def run_executor(bound):
    with ThreadPoolExecutor(bound) as executor:
        for _ in executor.map(do_nothing, range(N_REQUESTS)):
            pass


WAYS = {
    'add, do': add_and_do,
    'and result()': read_results,
    'as_completed()': as_completed,
    'map()': run_map,
    'ThreadPoolExecutor.map()': run_executor,
}


def measure(run, bound):
    gc.collect()
    start = time.perf_counter()
    run(bound)
    return (time.perf_counter() - start) / N_REQUESTS * 1e6


print('bound' + ''.join(f' | {name:>14}' for name in WAYS))
for bound in 1, 2, 8, 64:
    least = collections.defaultdict(lambda: float('inf'))
    for _ in range(N_ROUNDS):
        for name, run in WAYS.items():
            least[name] = min(least[name], measure(run, bound))
    print(f'{bound:5}' + ''.join(f' | {least[name]:{max(len(name), 14)}.1f}' for name in WAYS),
          flush=True)


def interrupt(n_queued):
    """Returns the milliseconds after which do() is over, with all that is queued cancelled."""
    is_over = threading.Event()
    interrupted = []

    def press_keys():
        interrupted.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)
        is_over.wait()

    requests = Par.Requests(concurrency=1)
    requests.add(press_keys)
    for number in range(n_queued):
        requests.add(do_nothing, number)
    try:
        requests.do()
    except KeyboardInterrupt:
        taken = time.perf_counter() - interrupted[0]
    is_over.set()
    assert requests.props.n_cancelled == n_queued + 1
    return taken * 1000


print(f'Ctrl-C, of {5 * N_REQUESTS} queued: {interrupt(5 * N_REQUESTS):.0f} ms')
