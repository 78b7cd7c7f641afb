#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""test-fetch.py SERVER FETCH: runs the fetch example against the server that misbehaves."""

import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

SERVER, FETCH = sys.argv[1:3]

# For what should take much less: a busy machine is not a failure.
PATIENCE = 60

ANSWER = '{"answer": 42}'


class FetchTest(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
        self.addCleanup(self.server.communicate)
        self.uri = self.server.stdout.readline().strip()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.below = self.folder / self.uri.removeprefix('http://')

    def make_list(self, paths):
        return ''.join(f'{self.uri}{path}\n' for path in paths)

    def fetch(self, text, *options):
        return subprocess.run([FETCH, '--output', self.folder, *options], input=text, text=True,
                              capture_output=True, timeout=PATIENCE,
                              env=os.environ | {'no_proxy': '127.0.0.0/8'})

    def files(self):
        return {str(path.relative_to(self.below)): path.read_text()
                for path in self.below.rglob('*') if path.is_file()}

    def count_requests(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f'{self.uri}/stats', timeout=PATIENCE) as response:
            return int(re.search(rb'(\d+) requests', response.read())[1]) - 1

    def test_each_is_saved_by_its_name(self):
        process = self.fetch('# a list\n\n' + self.make_list(
            ['/ok', '/status?body=by/query', '/gzip/', '/redirect?to=/chunks']))
        self.assertEqual(process.returncode, 0, process)
        self.assertEqual(process.stderr, '')
        self.assertTrue(process.stdout.startswith('4 fetched ('), process.stdout)
        self.assertEqual(self.files(), {
            'ok': ANSWER, 'status?body=by/query': 'by/query', 'gzip/index.html': 'the beginning',
            'redirect?to=/chunks': 'the beginning'})

    def test_lists_may_be_files(self):
        lists = []
        for name, path in ('a', '/ok'), ('b', '/chunks'):
            lists.append(self.folder / name)
            lists[-1].write_text(self.make_list([path]))
        process = self.fetch('', *lists)
        self.assertEqual(process.returncode, 0, process)
        self.assertEqual(set(self.files()), {'ok', 'chunks'})

    def test_what_is_there_is_skipped(self):
        text = self.make_list(['/ok', '/chunks'])
        self.assertEqual(self.fetch(text).returncode, 0)
        (self.below / 'ok').write_text('what was there')
        (self.below / 'chunks').unlink()
        process = self.fetch(text)
        self.assertEqual(process.returncode, 0, process)
        self.assertRegex(process.stdout, r'^1 fetched \(.*\), 1 skipped, 0 failed\n$')
        self.assertEqual(self.files(), {'ok': 'what was there', 'chunks': 'the beginning'})

    def test_failures_are_told_and_leave_nothing(self):
        process = self.fetch(self.make_list(
            ['/ok', '/status?status=404+Gone', '/close-in-body', '/close-between-chunks']) +
            'ftp://example.org/\nnowhere\n', '--retries', '1')
        self.assertEqual(process.returncode, 1, process)
        self.assertIn(f'fetch: GET {self.uri}/status?status=404+Gone: 404 Gone', process.stderr)
        self.assertIn(f'GET {self.uri}/close-in-body: ', process.stderr)
        self.assertIn('fetch: after 2 attempts: ', process.stderr)
        self.assertIn('fetch: ftp://example.org/: ', process.stderr)
        self.assertEqual(len(process.stderr.splitlines()), 5, process.stderr)
        self.assertRegex(process.stdout, r'1 fetched .* 5 failed')
        self.assertEqual(self.files(), {'ok': ANSWER})

    def test_no_name_leads_out_of_the_folder(self):
        process = self.fetch(self.make_list(['/../../ok', '/./ok', '//ok']))
        self.assertEqual(process.returncode, 1, process)
        outside = [path for path in self.folder.parent.glob('ok*')]
        self.assertEqual(outside, [])

    def test_an_interrupted_run_is_resumed(self):
        text = self.make_list(f'/slow?ms=50&number={number}' for number in range(100))
        process = subprocess.Popen([FETCH, '--output', self.folder], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdin.write(text)
        process.stdin.close()
        start = time.monotonic()
        while not self.below.exists() or len(list(self.below.iterdir())) < 10:
            self.assertLess(time.monotonic() - start, PATIENCE)
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertRegex(process.stdout.read(), r'^\d+ fetched .* 0 failed\n$')
        self.assertEqual(process.stderr.read(), '')
        process.stdout.close()
        process.stderr.close()

        fetched = self.files()
        self.assertLess(len(fetched), 100)
        self.assertEqual(set(fetched.values()), {ANSWER})

        process = self.fetch(text)
        self.assertEqual(process.returncode, 0, process)
        self.assertIn(f' {len(fetched)} skipped, 0 failed', process.stdout)
        self.assertEqual(len(self.files()), 100)
        self.assertEqual(set(self.files().values()), {ANSWER})

    def test_a_failure_is_retried_when_the_service_says(self):
        start = time.monotonic()
        process = self.fetch(self.make_list(['/status?status=503+Busy&retry-after=1']),
                             '--retries', '1')
        self.assertGreaterEqual(time.monotonic() - start, 1)
        self.assertEqual(process.returncode, 1, process)
        self.assertIn('fetch: after 2 attempts: ', process.stderr)

    def test_a_rate_is_kept(self):
        start = time.monotonic()
        process = self.fetch(self.make_list(f'/ok?{number}' for number in range(6)),
                             '--rate', '10')
        self.assertGreaterEqual(time.monotonic() - start, 0.5)
        self.assertEqual(process.returncode, 0, process)

    def test_a_slow_answer_is_asked_for_again(self):
        # One in fifty is slow, for a second. So may the first of each connection be, on a busy
        # machine: they are less than one in twenty only when some hundreds have been seen.
        process = self.fetch(self.make_list(f'/some-slowly?in=50&number={number}'
                                            for number in range(500)), '--hedge')
        self.assertEqual(process.returncode, 0, process)
        self.assertGreater(self.count_requests(), 500)

    def test_a_terminal_shows_progress(self):
        text = self.make_list(f'/slow?ms=50&number={number}' for number in range(40))
        (self.folder / 'list').write_text(text)
        terminal, other = pty.openpty()
        process = subprocess.Popen([FETCH, '--output', self.folder, self.folder / 'list'],
                                   stdout=subprocess.PIPE, stderr=other)
        os.close(other)
        shown = b''
        try:
            while piece := os.read(terminal, 4096):
                shown += piece
        except OSError:
            pass  # which is how the end of a terminal looks
        os.close(terminal)
        process.communicate()
        self.assertEqual(process.returncode, 0)
        shown = shown.decode()
        self.assertRegex(shown, r'\[#+\.+\] \d+ of 40, [\d.]+/s, [\d.]+ MB/s, \d+ s left')
        self.assertRegex(shown, r'\[#{30}\] 40 of 40, ')

    def test_bad_options_are_refused(self):
        for option in '--per-host=0', '--retries=-1', '--bad', '--concurrency=x', '--rate=-1':
            process = self.fetch('', option)
            self.assertEqual(process.returncode, 2, process)
            self.assertTrue(process.stderr.startswith('fetch: '), process)


if __name__ == '__main__':
    del sys.argv[1:3]
    unittest.main()
