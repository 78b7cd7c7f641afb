#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

import collections
import random

import gi

gi.require_version('Par', '1')
from gi.repository import Par


def toss_coin(attempt, sides):
    attempt.return_string(random.choice(sides))


requests = Par.Requests()
for _ in range(10):
    requests.add_thread(toss_coin, ('heads', 'tails'))
requests.do(None)

sides = collections.Counter(request.get_value() for request in requests)
print(f'{sides["heads"]} heads, {sides["tails"]} tails')
