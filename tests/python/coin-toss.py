#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ten coin tosses through add_thread: fails unless each has come."""

import random
import sys

import gi

gi.require_version('Par', '1')
from gi.repository import Par

N_TOSSES = 10


def toss_coin(attempt, sides):
    attempt.return_string(random.choice(sides))


sides = ('heads', 'tails')
requests = Par.Requests(concurrency=3)
for _ in range(N_TOSSES):
    requests.add_thread(toss_coin, sides)
requests.do(None)

tosses = [request.get_value() for request in requests]
heads, tails = (tosses.count(side) for side in sides)
print(f'{heads} heads, {tails} tails')
sys.exit(heads + tails != N_TOSSES)
