#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples, as far as they need no service; test-weather.py does the rest."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

from support import PATIENCE, main

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'examples'


def run_example(name, *arguments):
    environment = dict(os.environ)
    environment.pop('OPENWEATHERMAP_API_KEY', None)
    return subprocess.run([sys.executable, EXAMPLES / name, *arguments], env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, encoding='utf-8',
                          timeout=PATIENCE)


class ExamplesTest(unittest.TestCase):
    def test_ten_tosses_come(self):
        process = run_example('coin-toss.py')
        heads, tails = re.fullmatch(r'(\d+) heads, (\d+) tails\n', process.stdout).groups()
        self.assertEqual(int(heads) + int(tails), 10)
        self.assertEqual((process.returncode, process.stderr), (0, ''))

    def test_weather_refuses_bad_options(self):
        for options in (['--concurrency', '-1'], ['--redundancy', '0'], ['--redundancy', '65'],
                        ['--timeout', 'x'], ['--timeout', str(2**31)], ['--odd']):
            process = run_example('weather.py', '--service', 'http://127.0.0.1:1', *options)
            self.assertEqual((process.returncode, process.stdout), (2, ''), options)
        self.assertEqual(run_example('weather.py').returncode, 2)


main()
