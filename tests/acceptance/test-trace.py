#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same seed gives the same events, in the same order and microsecond, run after run.

Usage: test-trace.py PROGRAM
"""

import pathlib
import subprocess
import sys
import tempfile

N_TIMES = 20


def run(folder, seed):
    """Runs the program in a process of its own, and returns what has happened, a line each."""
    trace = pathlib.Path(folder, 'trace')
    subprocess.run([sys.argv[1], f'--seed={seed}', f'--trace={trace}'], check=True,
                   stdout=subprocess.DEVNULL)
    return trace.read_text(encoding='utf-8').splitlines()


def show_difference(first, other):
    for number, pair in enumerate(zip(first, other)):
        if pair[0] != pair[1]:
            return f'event {number}: "{pair[0]}", then "{pair[1]}"'
    return f'{len(first)} events, then {len(other)}'


with tempfile.TemporaryDirectory() as folder:
    first = run(folder, 1)
    assert len(first) > 4000, f'only {len(first)} events'
    for _ in range(N_TIMES - 1):
        other = run(folder, 1)
        assert other == first, show_difference(first, other)
    assert run(folder, 2) != first, 'another seed gives the same'

print(f'{N_TIMES} times the same {len(first)} events')
