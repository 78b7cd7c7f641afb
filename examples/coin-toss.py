#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

import collections
import random

import gi

gi.require_version('Par', '1')
from gi.repository import Par

requests = Par.Requests()
for _ in range(10):
    requests.add(random.choice, ('heads', 'tails'))
requests.do()

sides = collections.Counter(request.result() for request in requests)
print(f'{sides["heads"]} heads, {sides["tails"]} tails')
