#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""ParSoup from Python, against the server that misbehaves."""

import gc
import os
import subprocess
import sys
import threading

import gi

gi.require_version('ParSoup', '1')
gi.require_version('Soup', '3.0')
from gi.repository import Gio, GLib, ParSoup, Soup

from support import Par, TestCase, main

SERVER = sys.argv.pop(1)


class SoupTest(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = subprocess.Popen([SERVER, '--all-hosts'], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        cls.uri = cls.server.stdout.readline().strip()
        cls.elsewhere = cls.uri.replace('127.0.0.1', '127.0.0.2')

    @classmethod
    def tearDownClass(cls):
        cls.server.communicate()

    def setUp(self):
        super().setUp()
        self.session = ParSoup.Session()
        self.requests = Par.Requests()

    def send(self, path, method='GET', **settings):
        request = ParSoup.Request(method=method, uri=self.uri + path, **settings)
        index = self.session.send(self.requests, request)
        return self.requests.get_request(index)

    def test_responses_tell_everything(self):
        index = self.session.get(self.requests, self.uri + '/status?status=201+Made&body=caf%C3%A9')
        self.requests.do()
        response = self.requests.get_request(index).result()
        self.assertIsInstance(response, ParSoup.Response)
        self.assertEqual(response.props.status, 201)
        self.assertEqual(response.props.reason, 'Made')
        self.assertEqual(response.props.headers.get_one('content-type'), 'text/plain')
        self.assertEqual(response.props.body.get_data(), 'café'.encode())
        self.assertEqual(response.props.text, 'café')
        self.assertIsNone(response.props.stream)
        self.assertTrue(response.props.uri.startswith(self.uri + '/status'))
        self.assertEqual(response.props.replica, 0)
        self.assertEqual(response.props.http_version, Soup.HTTPVersion.HTTP_1_1)
        self.assertGreater(response.props.elapsed, 0)

    def test_methods_add_requests(self):
        body = GLib.Bytes.new(b'a body')
        uri = self.uri + '/echo'
        self.assertEqual(self.session.get(self.requests, uri), 0)
        self.assertEqual(self.session.head(self.requests, uri), 1)
        self.assertEqual(self.session.post(self.requests, uri, 'text/plain', body), 2)
        self.requests.do()
        get, head, post = (request.result().props.text for request in self.requests)
        self.assertTrue(get.startswith('GET /echo'))
        self.assertEqual(head, '')
        self.assertTrue(post.startswith('POST /echo') and post.endswith('a body'))

    def test_add_takes_a_request(self):
        request = ParSoup.Request.new('GET', self.uri + '/ok')
        self.assertEqual(self.requests.add(request), 0)
        self.requests.do()
        self.assertEqual(request.result().props.text, '{"answer": 42}')

    def test_settings_are_properties(self):
        settings = {
            'body': GLib.Bytes.new(b'{}'), 'content_type': 'application/json',
            'replicas': [self.uri, self.elsewhere], 'accept_status': '200-299,404',
            'max_body_size': 1000, 'follow_redirects': False, 'cross_origins': True,
            'streaming': True, 'session': self.session, 'idempotent': True,
        }
        request = ParSoup.Request(method='POST', uri=self.uri + '/echo', **settings)
        for name, value in settings.items():
            self.assertEqual(request.get_property(name.replace('_', '-')), value, name)
        self.assertEqual(request.props.method, 'POST')
        self.assertEqual(request.props.key, self.uri.removeprefix('http://'))

    def test_headers_are_sent(self):
        request = ParSoup.Request.new('GET', self.uri + '/echo')
        request.get_headers().append('X-One', '1')
        self.session.set_user_agent('Test/1')
        self.session.send(self.requests, request)
        self.requests.do()
        text = request.result().props.text
        self.assertIn('X-One: 1\r\n', text)
        self.assertIn('User-Agent: Test/1\r\n', text)

    def test_errors_have_a_domain_and_a_code(self):
        not_found = self.send('/status?status=404+Not+Found')
        cut = self.send('/close-between-chunks')
        large = self.send('/endless-body', max_body_size=1000)
        crossing = self.send(f'/redirect?to={self.elsewhere}/ok')
        with self.assertRaises(GLib.Error):
            self.requests.do()

        for request, domain, code in [
                (not_found, ParSoup.error_quark(), 404),
                (cut, Gio.io_error_quark(), Gio.IOErrorEnum.PARTIAL_INPUT),
                (large, ParSoup.error_quark(), ParSoup.Error.TOO_LARGE),
                (crossing, ParSoup.error_quark(), ParSoup.Error.REDIRECTED)]:
            with self.assertRaises(GLib.Error) as caught:
                request.result()
            self.assertTrue(caught.exception.matches(domain, code), caught.exception)
            self.assertIn(f'GET {self.uri}', caught.exception.message)

    def test_wrong_uris_are_refused(self):
        with self.assertRaises(GLib.Error):
            ParSoup.Request.new('GET', 'nowhere')
        with self.assertRaises(GLib.Error):
            self.session.get(self.requests, 'ftp://example.org/')
        self.assertEqual(len(self.requests), 0)

    def test_copies_ask_different_replicas(self):
        for _ in range(10):
            request = ParSoup.Request.new('GET', 'http://service/ok')
            request.set_replicas([self.uri, self.elsewhere])
            self.session.send(self.requests, request)
        self.requests.do()
        replicas = [request.result().props.replica for request in self.requests]
        self.assertEqual(sorted(replicas), [0] * 5 + [1] * 5)

    def test_streams_are_read_after_the_run(self):
        request = self.send('/chunks', streaming=True)
        self.requests.do()
        stream = request.result().get_stream()
        text = b''
        while piece := stream.read_bytes(4).get_data():
            text += piece
        self.assertEqual(text, b'the beginning')
        stream.close()

    def test_results_come_as_they_are_ready(self):
        slow = self.send('/slow?ms=300')
        fast = self.send('/ok')
        self.assertEqual(list(self.requests.as_completed()), [fast, slow])

    def test_cancelling_ends_a_request(self):
        request = self.send('/never')
        self.requests.props.timeout = 50
        with self.assertRaises(GLib.Error) as caught:
            self.requests.do()
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT))
        self.assertEqual(request.props.state, Par.RequestState.CANCELLED)

    def test_failures_are_tried_again_unless_they_are_for_good(self):
        retry = Par.Retry(max_retries=2, initial_delay=1)
        self.requests.props.retry = retry
        busy = self.send('/status?status=503+Busy')
        missing = self.send('/status?status=404+Not+Found')
        later = self.send('/status?status=503+Busy&retry-after=3600', label='later')
        self.requests.props.request_timeout = 5000
        with self.assertRaises(GLib.Error):
            self.requests.do()
        self.assertEqual(busy.props.n_attempts, 3)
        self.assertEqual(missing.props.n_attempts, 1)
        self.assertEqual(later.props.n_attempts, 1)
        self.assertIn('3600 s', later.get_error().message)

    def test_session_of_the_program_is_used_in_its_thread(self):
        threads = set()
        session = Soup.Session(user_agent='Mine/1', max_conns_per_host=4)
        for signal in 'request-queued', 'request-unqueued':
            session.connect(signal, lambda *_: threads.add(threading.get_ident()))
        self.session = ParSoup.Session.new_for_session(session)
        self.assertEqual(self.session.props.session, session)
        self.assertEqual(self.session.props.connections_per_host, 4)
        self.assertEqual(self.session.props.limiter.props.concurrency, 4)
        sent = [self.send('/echo') for _ in range(20)]
        self.requests.do()
        self.assertEqual(threads, {threading.get_ident()})
        self.assertTrue(all('Mine/1' in request.result().props.text for request in sent))

    def test_nothing_is_left_open(self):
        def count():
            return len(os.listdir('/proc/self/fd'))

        counts = []
        for _ in range(3):
            for _ in range(30):
                self.send('/ok')
            self.requests.do()
            self.requests, self.session = Par.Requests(), ParSoup.Session()
            gc.collect()
            counts.append(count())
        self.assertEqual(counts[1:], counts[:1] * 2)


if __name__ == '__main__':
    main()
