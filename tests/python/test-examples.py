#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples, against the weather service whose path is the first argument, if there is one."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest
import urllib.request

from support import PATIENCE, main

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'examples'
SERVICE = sys.argv.pop(1) if len(sys.argv) > 1 and os.path.exists(sys.argv[1]) else None
CITIES = ['San Francisco', 'Oakland', 'Berkeley']


def run_example(name, *arguments):
    environment = {**os.environ, 'no_proxy': '127.0.0.1', 'DEBUG': 'par', 'PYTHONUTF8': '1'}
    environment.pop('OPENWEATHERMAP_API_KEY', None)
    return subprocess.run([sys.executable, EXAMPLES / name, *arguments], env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, encoding='utf-8',
                          timeout=PATIENCE)


class CoinTossTest(unittest.TestCase):
    def test_ten_tosses_come(self):
        process = run_example('coin-toss.py')
        heads, tails = re.fullmatch(r'(\d+) heads, (\d+) tails\n', process.stdout).groups()
        self.assertEqual(int(heads) + int(tails), 10)


@unittest.skipIf(SERVICE is None, 'there is no weather service')
class WeatherTest(unittest.TestCase):
    @contextlib.contextmanager
    def service(self, *options):
        process = subprocess.Popen([SERVICE, *options], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, encoding='utf-8')
        try:
            yield process.stdout.readline().strip()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.communicate()

    def get_stats(self, uri):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(uri + '/stats', timeout=PATIENCE) as response:
            return json.load(response)

    def ask(self, uri, *options):
        """Returns the exit status, the cities there is weather of, the other rows, and errors."""
        process = run_example('weather.py', '--service', uri, *options)
        header, *rows, duration = process.stdout.splitlines()
        self.assertEqual(header.split(), ['City', 'Temperature', 'Conditions', 'Attempts'])
        self.assertRegex(duration, r'^the run took \d+\.\d ms$')
        with_weather = [row for row in rows
                        if re.fullmatch(r'[\w ]+ +-?\d+\.\d °C  \w[\w ]*\w +\d+', row)]
        errors = [line for line in process.stderr.splitlines() if line.startswith('weather: ')]
        self.messages = [line.split(' - ', 1)[1] for line in process.stderr.splitlines()
                         if ' par - ' in line]
        return (process.returncode, [row[:16].strip() for row in with_weather],
                [row for row in rows if row not in with_weather], ''.join(errors))

    def test_all_cities_come(self):
        for concurrency in ('1', '3', '0'):
            with self.service('--latency', '10') as uri:
                self.assertEqual(self.ask(uri, '--concurrency', concurrency), (0, CITIES, [], ''))
                stats = self.get_stats(uri)
            self.assertEqual((stats['calls'], stats['answered']), (3, 3))
            self.assertEqual(sorted(self.messages), sorted(
                [f'{what}{number}' for what in ('request: ', 'received - ') for number in range(3)]
                + ['finished']))

    def test_cities_can_be_given(self):
        with self.service() as uri:
            self.assertEqual(self.ask(uri, 'Oakland', 'Tromsø'), (0, ['Oakland', 'Tromsø'], [], ''))

    def test_timeout_keeps_what_has_come(self):
        with self.service('--latency', '10000') as uri:
            status, cities, others, error = self.ask(uri, '--timeout', '50')
        self.assertEqual((status, cities), (1, []))
        self.assertEqual([row[:16].strip() for row in others], CITIES)
        self.assertTrue(all('timed out' in row for row in others), others)
        self.assertTrue(error.startswith('weather: timed out after 50 ms: 0 of 3 requests'), error)

    def test_copies_help_against_slow_calls(self):
        # With this seed the first call is slow, and no other.
        with self.service('--latency', '10', '--slow', '0.1:30000', '--seed', '8') as uri:
            self.assertEqual(self.ask(uri, '--redundancy', '2'), (0, CITIES, [], ''))

    def test_failures_are_told(self):
        with self.service('--fail', '1') as uri:
            status, cities, others, error = self.ask(uri, 'Oakland')
        self.assertEqual((status, cities), (1, []))
        self.assertRegex(others[0], '^Oakland .*HTTP Error 500')
        self.assertIn('1 of 1 requests failed; request 0: HTTPError', error)

    def test_bad_options_are_refused(self):
        for options in (['--concurrency', '-1'], ['--redundancy', '0'], ['--redundancy', '65'],
                        ['--timeout', 'x'], ['--timeout', str(2**31)], ['--odd']):
            process = run_example('weather.py', '--service', 'http://127.0.0.1:1', *options)
            self.assertEqual((process.returncode, process.stdout), (2, ''), options)
        self.assertEqual(run_example('weather.py').returncode, 2)


main()
