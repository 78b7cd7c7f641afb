#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The peak resident memory of a run of so many requests that come from a generator, in KiB, and that
of ten thousand, in processes of their own.

Usage: memory.py [REQUESTS]
"""

import resource
import subprocess
import sys

import gi

gi.require_version('Par', '1')
from gi.repository import Par


def make_text(number):
    return f'{number:>1000}'


def run_map(numbers):
    return sum(1 for _ in Par.Requests.map(make_text, numbers, concurrency=4))


def make_requests(numbers):
    def add_one(requests):
        number = next(numbers, None)
        if number is not None:
            requests.add(make_text, number)
        return number is not None

    requests = Par.Requests(concurrency=4, keep_completed=False)
    requests.set_source(add_one)
    return requests


def run_as_completed(numbers):
    return sum(1 for _ in make_requests(numbers).as_completed())


def run_do(numbers):
    requests = make_requests(numbers)
    requests.do()
    return requests.props.n_succeeded


WAYS = {'map': run_map, 'as_completed': run_as_completed, 'do': run_do}


def get_peak(way, n_requests):
    process = subprocess.run([sys.executable, __file__, str(n_requests), way],
                             stdout=subprocess.PIPE, check=True)
    return int(process.stdout)


n_requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
if len(sys.argv) > 2:
    assert WAYS[sys.argv[2]](iter(range(n_requests))) == n_requests
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
else:
    for way in WAYS:
        print(f'{way + "()":>14}: {get_peak(way, 10000)} of 10000, {get_peak(way, n_requests)} of '
              f'{n_requests}', flush=True)
