#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""test-weather.py SERVICE WEATHER...: runs a weather example against the real service."""

import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

SERVICE, *WEATHER = sys.argv[1:]
CITIES = ['San Francisco', 'Oakland', 'Berkeley']

# For what should take much less: a busy machine is not a failure.
PATIENCE = 60

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Run = collections.namedtuple('Run', 'status lines messages error rows duration')


class Service:
    def __init__(self, uri):
        self.uri = uri

    def get(self, path, **query):
        uri = self.uri + path + ('?' + urllib.parse.urlencode(query) if query else '')
        try:
            with OPENER.open(uri, timeout=PATIENCE) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def stats(self):
        return self.get('/stats')[1]

    def wait_until_idle(self):
        start = time.monotonic()
        while (stats := self.stats())['in_flight'] > 0:
            assert time.monotonic() - start < PATIENCE, stats
            time.sleep(0.001)
        return stats, time.monotonic() - start

    def ask_weather(self, *options):
        environment = os.environ | {'DEBUG': '*', 'no_proxy': '127.0.0.1'}
        environment.pop('OPENWEATHERMAP_API_KEY', None)
        environment.pop('PAR_DEBUG', None)
        process = subprocess.run([*WEATHER, '--service', self.uri, *options], env=environment,
                                 stdin=subprocess.DEVNULL, capture_output=True,
                                 encoding='utf-8', timeout=PATIENCE)
        return parse_run(process)


@contextlib.contextmanager
def weather_service(*options):
    # libsoup 3.2 never frees the connection of a client that has gone: not this test's leak.
    sanitizer = ':'.join(filter(None, [os.environ.get('ASAN_OPTIONS'), 'detect_leaks=0']))
    process = subprocess.Popen([SERVICE, *options], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, encoding='utf-8',
                               env=os.environ | {'ASAN_OPTIONS': sanitizer})
    try:
        uri = process.stdout.readline()
        assert re.fullmatch(r'http://127\.0\.0\.1:\d+\n', uri), f'the service printed {uri!r}'
        yield Service(uri.strip())
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=PATIENCE)
        assert rest == '', f'the service printed {rest!r} as well'
        assert process.returncode == 0, f'the service ended with {process.returncode}'
    finally:
        process.kill()
        process.communicate()


def parse_run(process):
    lines, errors = [], []
    for line in process.stderr.splitlines():
        if line.startswith('weather: '):
            errors.append(line)
        else:
            lines.append(parse_line(line))
    assert len(errors) == (process.returncode != 0), process.stderr

    header, *rows, duration = process.stdout.splitlines()
    assert header.split() == ['City', 'Temperature', 'Conditions', 'Attempts'], process.stdout
    duration = float(re.fullmatch(r'the run took (\d+\.\d) ms', duration)[1])

    return Run(process.returncode, lines, [(name, message) for _, name, message in lines],
               ''.join(errors), rows, duration)


def parse_line(line):
    match = re.fullmatch(r'(\d\d:\d\d:\d\d\.\d{3}) (\d+(?:us|ms|s)) +(\d+(?:us|ms|s)) +'
                         r'(par|par-soup) - (.+)', line)
    assert match, f'not a line of the Go library: {line!r}'
    at, since_any, since_own, name, message = match.groups()
    assert line == f'{at} {since_any:<6} {since_own:<6} {name} - {message}', line

    return since_own, name, message


def http_messages(*messages):
    return [('par-soup', f'http - {message}') for message in messages]


def par_messages(run):
    return [message for name, message in run.messages if name == 'par']


def cities_with_weather(run):
    return [city for row in run.rows for city in CITIES
            if re.fullmatch(rf'{city} +-?\d+\.\d °C  \w[\w ]*\w +\d+', row)]


def diagnose(text):
    for line in str(text).splitlines():
        print('#', line, flush=True)


def first_in_time(attempt):
    """Runs attempt(scale) with all its times made longer until the machine keeps up."""
    for scale in 1, 2, 4, 8:
        if (result := attempt(scale)) is not None:
            return result
        diagnose(f'the machine was too slow at scale {scale}')
    raise AssertionError('the machine was too slow')


def service_answers_as_openweathermap():
    with weather_service('--latency', '0') as service:
        status, report = service.get('/data/2.5/weather', q='Oakland', units='metric', appid='x')
        assert status == 200, status
        assert report['name'] == 'Oakland' and report['cod'] == 200, report
        assert report['main'].keys() >= {'temp', 'feels_like', 'temp_min', 'temp_max',
                                         'pressure', 'humidity'}, report
        assert report['weather'][0].keys() == {'id', 'main', 'description', 'icon'}, report
        assert report.keys() >= {'coord', 'wind', 'dt', 'id', 'timezone'}, report

        kelvin = service.get('/data/2.5/weather', q='Oakland')[1]['main']['temp']
        assert abs(kelvin - report['main']['temp'] - 273.15) < 0.02, kelvin

        status, report = service.get('/data/2.5/weather')
        assert status == 400, status
        assert report == {'cod': '400', 'message': 'Nothing to geocode'}, report

        assert service.stats() == {'calls': 3, 'answered': 2, 'failed': 1, 'dropped': 0,
                                   'in_flight': 0, 'cities': {'Oakland': 2}}, service.stats()


def service_refuses_bad_options():
    for option in ('--latency=x', '--latency=9-1', '--latency=-1', '--slow=0.1', '--slow=2:100',
                   '--fail=1.1', '--fail=nan', '--seed=x', '--port=65536', '--bad', 'extra'):
        process = subprocess.run([SERVICE, option], capture_output=True, encoding='utf-8',
                                 timeout=PATIENCE)
        assert process.returncode == 2, (option, process)
        assert process.stdout == '', (option, process)
        assert process.stderr.startswith('weather-service: '), (option, process)


def way_1_takes_one_city_after_another():
    with weather_service('--latency', '40-80', '--seed', '1') as service:
        run = service.ask_weather('--concurrency', '1')

    expected = []
    for index in range(3):
        expected += [('par', f'request: {index}'), *http_messages('ok'),
                     ('par', f'received - {index}')]
    expected.append(('par', 'finished'))
    assert run.messages == expected, run
    assert run.status == 0, run
    assert cities_with_weather(run) == CITIES, run
    assert run.duration >= 120, run


def way_2_starts_three_cities_at_once():
    with weather_service('--latency', '300-400', '--seed', '1') as service:
        run = service.ask_weather('--concurrency', '3')

    messages = par_messages(run)
    assert messages[:3] == ['request: 0', 'request: 1', 'request: 2'], run
    assert sorted(messages[3:6]) == ['received - 0', 'received - 1', 'received - 2'], run
    assert messages[6:] == ['finished'], run
    assert [message for message in run.messages if message[0] != 'par'] == \
        http_messages('ok', 'ok', 'ok'), run
    assert run.status == 0, run
    assert cities_with_weather(run) == CITIES, run


def way_3_keeps_two_results_when_the_third_is_late():
    def attempt(scale):
        with weather_service('--latency', f'{140 * scale}-{150 * scale}') as service:
            run = service.ask_weather('--concurrency', '2', '--timeout', str(250 * scale))
        # All three in spite of the deadline: nobody had looked at the clock when the last came. Or
        # no third call: the deadline had passed when the first answer came.
        in_time = len(cities_with_weather(run)) == 2 and 'request: 2' in par_messages(run)
        return (run, 250 * scale) if in_time else None

    run, timeout = first_in_time(attempt)
    diagnose(f'a timeout of {timeout} ms ended the run after {run.duration} ms')

    messages = par_messages(run)
    assert messages[:2] == ['request: 0', 'request: 1'], run
    assert messages[2] in ('received - 0', 'received - 1'), run
    assert sorted(messages[3:5]) in (['received - 0', 'request: 2'],
                                     ['received - 1', 'request: 2']), run
    assert messages[5:] == ['cancelled - 2', 'timeout'], run
    assert run.status == 1, run
    assert run.error.startswith(f'weather: timed out after {timeout} ms: '
                                '2 of 3 requests succeeded'), run
    assert cities_with_weather(run) == ['San Francisco', 'Oakland'], run
    assert run.rows[2].startswith('Berkeley ') and 'timed out' in run.rows[2], run
    assert run.duration >= timeout, run


def way_4_counts_each_city_once():
    def attempt(scale):
        # With this seed the first call is slow, and no other.
        with weather_service('--latency', f'{60 * scale}-{90 * scale}',
                             '--slow', f'0.1:{500 * scale}', '--seed', '8') as service:
            run = service.ask_weather('--redundancy', '2', '--timeout', str(200 * scale))
            stats, idle_after = service.wait_until_idle()
        return None if 'timed out' in run.error else (run, stats, idle_after)

    run, stats, idle_after = first_in_time(attempt)
    diagnose(f'the service was idle {idle_after * 1000:.0f} ms after the run: {stats}')
    diagnose('from the answer that won to the end of the call that lost: ' + ', '.join(
        since for since, name, message in run.lines if message == 'http - cancelled'))

    messages = par_messages(run)
    assert messages[:3] == ['request: 0', 'request: 1', 'request: 2'], run
    assert 3 <= sum(message.startswith('request: ') for message in messages) <= 6, run
    assert sorted(message for message in messages if message.startswith('received')) == \
        ['received - 0', 'received - 1', 'received - 2'], run
    assert messages[-1] == 'finished', run
    assert run.status == 0, run
    assert cities_with_weather(run) == CITIES, run

    assert stats['dropped'] > 0, stats
    assert stats['failed'] == 0, stats
    assert stats['answered'] + stats['dropped'] == stats['calls'] <= 6, stats
    assert set(stats['cities']) == set(CITIES), stats


def copies_of_a_city_already_won_are_not_started():
    with weather_service('--latency', '20') as service:
        run = service.ask_weather('--concurrency', '1', '--redundancy', '2')
        stats = service.stats()

    assert run.status == 0, run
    assert cities_with_weather(run) == CITIES, run
    assert [message for message in par_messages(run) if message.startswith('request: ')] == \
        ['request: 0', 'request: 1', 'request: 2'], run
    assert stats['cities'] == dict.fromkeys(CITIES, 1), stats
    assert stats['calls'] == stats['answered'] == 3, stats


def losers_connections_are_dropped_while_the_run_goes_on():
    # With this seed the third call is slow, and no other: at concurrency 2 that is the first try
    # at the second city, whose copy wins.
    with weather_service('--latency', '100', '--slow', '0.1:20000', '--seed', '7') as service:
        run = service.ask_weather('--concurrency', '2', '--redundancy', '2')
        stats, _ = service.wait_until_idle()

    assert run.status == 0, run
    assert cities_with_weather(run) == CITIES, run
    assert run.duration < 20000, run
    assert set(http_messages('cancelled')) <= set(run.messages), run
    assert stats['dropped'] >= 1, stats


def calls_still_out_at_the_timeout_are_dropped_at_once():
    with weather_service('--latency', '10000') as service:
        run = service.ask_weather('--timeout', '100')
        stats, idle_after = service.wait_until_idle()

    diagnose(f'a timeout of 100 ms ended the run after {run.duration} ms, and the service was '
             f'idle {idle_after * 1000:.1f} ms after that')
    assert run.status == 1, run
    assert 'timed out after 100 ms: 0 of 3 requests succeeded' in run.error, run
    assert cities_with_weather(run) == [], run
    assert 100 <= run.duration < 5000, run
    assert idle_after < 2, idle_after
    assert stats['answered'] == 0 and stats['dropped'] == stats['calls'], stats


def a_failing_service_is_reported():
    with weather_service('--latency', '20', '--fail', '1') as service:
        run = service.ask_weather('Oakland')

    assert run.status == 1, run
    assert run.messages[:-2] == [('par', 'request: 0'), *http_messages('500')], run
    assert re.match(r'failed - 0: GET .*q=Oakland', par_messages(run)[1]), run
    assert '1 of 1 requests failed' in run.error, run
    assert re.match(r'Oakland +.*Oakland.* 500 ', run.rows[0]), run


def policies_are_options():
    with weather_service('--latency', '1', '--fail', '0.5', '--seed', '3') as service:
        run = service.ask_weather('--retries', '20', '--rate', '100', '--hedge')
        stats = service.stats()

    assert run.status == 0, run
    assert cities_with_weather(run) == CITIES, run
    assert stats['calls'] > 3, stats
    assert any(message.startswith('retry: ') for message in par_messages(run)), run
    assert refuses('--retries', '101') and refuses('--rate', '-1')


def refuses(*options):
    process = subprocess.run([*WEATHER, '--service', 'http://127.0.0.1:1', *options],
                             stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    return process.returncode == 2


def main():
    tests = [
        service_answers_as_openweathermap,
        service_refuses_bad_options,
        way_1_takes_one_city_after_another,
        way_2_starts_three_cities_at_once,
        way_3_keeps_two_results_when_the_third_is_late,
        way_4_counts_each_city_once,
        copies_of_a_city_already_won_are_not_started,
        losers_connections_are_dropped_while_the_run_goes_on,
        calls_still_out_at_the_timeout_are_dropped_at_once,
        a_failing_service_is_reported,
    ]
    if os.path.basename(WEATHER[-1]) == 'weather':  # that in C has more options
        tests.append(policies_are_options)

    print(f'1..{len(tests)}', flush=True)
    for number, test in enumerate(tests, 1):
        name = '/par/weather/' + test.__name__.replace('_', '-')
        try:
            test()
        except Exception:
            # Meson shows what a test that has failed wrote to standard error.
            traceback.print_exc()
            print(f'not ok {number} {name}', flush=True)
        else:
            print(f'ok {number} {name}', flush=True)


main()
