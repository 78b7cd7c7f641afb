#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

import argparse
import json
import os
import sys
import urllib.parse

import gi

gi.require_version('Par', '1')
gi.require_version('ParSoup', '1')
from gi.repository import GLib, Par, ParSoup

KEY = os.getenv('OPENWEATHERMAP_API_KEY')


def natural(text: str) -> int:
    if not 0 <= int(text) < 2**31:
        raise ValueError
    return int(text)


parser = argparse.ArgumentParser()
parser.add_argument('--concurrency', type=natural, default=0, metavar='N', help='calls at once')
parser.add_argument('--redundancy', type=int, choices=range(1, 65), default=1, metavar='N')
parser.add_argument('--timeout', type=natural, default=0, metavar='MS', help='most time to take')
parser.add_argument('--service', default=KEY and 'https://api.openweathermap.org', metavar='URI',
                    required=not KEY, help='where to ask')
parser.add_argument('city', nargs='*', default=['San Francisco', 'Oakland', 'Berkeley'])
options = parser.parse_args()

requests = Par.Requests(concurrency=options.concurrency, redundancy=options.redundancy,
                        timeout=options.timeout)
session = ParSoup.Session()
for city in options.city:
    query = urllib.parse.urlencode({'q': city, 'units': 'metric', 'appid': KEY or ''})
    session.get(requests, f'{options.service}/data/2.5/weather?{query}')
failure = ''
try:
    requests.do()
except GLib.Error as error:
    failure = f'weather: {error.message}\n'

print(f'{"City":<16} {"Temperature":>11}  {"Conditions":<20} {"Attempts":>8}')
for city, request in zip(options.city, requests):
    if (reason := request.get_error()) is not None:
        print(f'{city:<16} {reason.message}')
    else:
        weather = json.loads(request.result().props.text)
        print(f'{weather["name"]:<16} {weather["main"]["temp"]:8.1f} °C  '
              f'{weather["weather"][0]["description"]:<20} {request.props.n_attempts:>8}')
print(f'the run took {requests.get_stats().get_elapsed() / 1000:.1f} ms')
# In one piece: with DEBUG set, workers that are told of the end print lines, too.
sys.stderr.write(failure)
sys.exit(failure != '')
