// SPDX-License-Identifier: LGPL-2.1-or-later

// ParSoup from JavaScript, against the server that misbehaves.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Par from 'gi://Par?version=1';
import ParSoup from 'gi://ParSoup?version=1';
import Soup from 'gi://Soup?version=3.0';

import {complains, equal, matches, ok, OUT_OF_RANGE, rejects, run, test, throws}
    from './harness.js';

const server = Gio.Subprocess.new([ARGV[0], '--all-hosts'],
    Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE);
const output = new Gio.DataInputStream({base_stream: server.get_stdout_pipe()});
const [URI] = output.read_line_utf8(null);
const ELSEWHERE = URI.replace('127.0.0.1', '127.0.0.2');

function send(requests, session, path, settings = {}) {
    const request = new ParSoup.Request({uri: URI + path, ...settings});

    session.send(requests, request);
    return request;
}

test('a response tells everything', async () => {
    const requests = new Par.Requests();
    const session = new ParSoup.Session();
    const index = session.get(requests, `${URI}/status?status=201+Made&body=caf%C3%A9`);

    await requests.do_async(null);
    const response = requests.get_request(index).result();
    ok(response instanceof ParSoup.Response, 'the result is a response');
    equal(response.status, 201);
    equal(response.reason, 'Made');
    equal(response.headers.get_one('Content-Type'), 'text/plain');
    equal(response.body.get_size(), 5);
    equal(response.text, 'café');
    equal(response.stream, null);
    equal(response.uri, `${URI}/status?status=201+Made&body=caf%C3%A9`);
    equal(response.replica, 0);
    equal(response.http_version, Soup.HTTPVersion.HTTP_1_1);
    ok(response.elapsed > 0, 'it took some time');
});

test('methods add requests', async () => {
    const requests = new Par.Requests();
    const session = new ParSoup.Session();

    equal(session.get(requests, `${URI}/echo`), 0);
    equal(session.head(requests, `${URI}/echo`), 1);
    equal(session.post(requests, `${URI}/echo`, 'text/plain', new GLib.Bytes('a body')), 2);
    await requests.do_async(null);
    const [get, head, post] = [...requests].map(request => request.result().text);
    ok(get.startsWith('GET /echo'), get);
    equal(head, '');
    ok(post.startsWith('POST /echo') && post.endsWith('a body'), post);
});

test('settings are properties', () => {
    const settings = {
        content_type: 'application/json', accept_status: '200-299,404', max_body_size: 1000,
        follow_redirects: false, cross_origins: true, streaming: true, idempotent: true,
        replicas: [URI, ELSEWHERE], session: new ParSoup.Session({connections_per_host: 3}),
    };
    const request = new ParSoup.Request({method: 'POST', uri: URI, ...settings});

    for (const [name, value] of Object.entries(settings))
        equal(request[name], value, name);
    equal(request.session.connections_per_host, 3);
    equal(request.method, 'POST');
    equal(request.key, URI.slice('http://'.length));
    complains('GLib-GObject', OUT_OF_RANGE, '*connections-per-host*',
        () => new ParSoup.Session({connections_per_host: -1}));
});

test('add() takes a request', async () => {
    const requests = new Par.Requests();
    const request = ParSoup.Request.new('GET', `${URI}/echo`);

    request.get_headers().append('X-One', '1');
    requests.add(request);
    await requests.do_async(null);
    ok(request.result().text.includes('X-One: 1\r\n'), 'the header was sent');
});

test('errors have a domain and a code', async () => {
    const requests = new Par.Requests();
    const session = new ParSoup.Session();
    const rows = [
        ['/status?status=404+Not+Found', {}, ParSoup.Error, 404],
        ['/close-between-chunks', {}, Gio.IOErrorEnum, Gio.IOErrorEnum.PARTIAL_INPUT],
        ['/endless-body', {max_body_size: 1000}, ParSoup.Error, ParSoup.Error.TOO_LARGE],
        [`/redirect?to=${ELSEWHERE}/ok`, {}, ParSoup.Error, ParSoup.Error.REDIRECTED],
    ];
    const sent = rows.map(([path, settings]) => send(requests, session, path, settings));

    await rejects(requests.do_async(null));
    for (const [i, [path, , domain, code]] of rows.entries()) {
        const error = throws(() => sent[i].result());

        matches(error, domain, code, path);
        ok(error.message.startsWith(`GET ${URI}`), error.message);
    }
});

test('a wrong URI is refused', () => {
    const requests = new Par.Requests();
    const session = new ParSoup.Session();

    throws(() => ParSoup.Request.new('GET', 'nowhere'));
    throws(() => session.get(requests, 'ftp://example.org/'));
    equal(requests.n_requests, 0);
});

test('copies ask different replicas', async () => {
    const requests = new Par.Requests();
    const session = new ParSoup.Session();

    for (let i = 0; i < 10; i++) {
        const request = ParSoup.Request.new('GET', 'http://service/ok');

        request.set_replicas([URI, ELSEWHERE]);
        session.send(requests, request);
    }
    await requests.do_async(null);
    const replicas = [...requests].map(request => request.result().replica);
    equal(replicas.filter(replica => replica === 0).length, 5);
});

test('a stream is read after the run', async () => {
    const requests = new Par.Requests();
    const request = send(requests, new ParSoup.Session(), '/chunks', {streaming: true});

    await requests.do_async(null);
    const stream = request.result().stream;
    const text = await new Promise(resolve => {
        const all = Gio.MemoryOutputStream.new_resizable();

        all.splice_async(stream, Gio.OutputStreamSpliceFlags.CLOSE_SOURCE |
            Gio.OutputStreamSpliceFlags.CLOSE_TARGET, GLib.PRIORITY_DEFAULT, null,
        (_all, result) => {
            all.splice_finish(result);
            resolve(new TextDecoder().decode(all.steal_as_bytes().toArray()));
        });
    });
    equal(text, 'the beginning');
});

test('results come as they are ready', async () => {
    const requests = new Par.Requests();
    const session = new ParSoup.Session();
    const slow = send(requests, session, '/slow?ms=300');
    const fast = send(requests, session, '/ok');
    const seen = [];

    for await (const request of requests)
        seen.push(request);
    equal(seen, [fast, slow]);
});

test('cancelling ends a run', async () => {
    const requests = new Par.Requests();
    const cancellable = new Gio.Cancellable();
    const request = send(requests, new ParSoup.Session(), '/never');

    requests.connect('started', () => cancellable.cancel());
    matches(await rejects(requests.do_async(cancellable)), Gio.IOErrorEnum,
        Gio.IOErrorEnum.CANCELLED);
    equal(request.state, Par.RequestState.CANCELLED);
});

test('many requests go by threads, and nothing of the program does', async () => {
    const requests = new Par.Requests({concurrency: 50});
    const session = new ParSoup.Session();
    let nCompleted = 0;

    requests.connect('completed', () => nCompleted++);
    for (let i = 0; i < 300; i++) {
        const request = send(requests, session, i % 3 === 0 ? '/chunks' : '/ok');

        request.label = `request ${i}`;
        request.extra = {number: i};
    }
    await requests.do_async(null);
    equal(nCompleted, 300);
    for (const [i, request] of [...requests].entries()) {
        equal(request.extra.number, i);
        equal(request.result().text, i % 3 === 0 ? 'the beginning' : '{"answer": 42}');
    }
});

test('a session of the program keeps its handlers', async () => {
    const requests = new Par.Requests();
    const own = new Soup.Session({user_agent: 'Mine/1', max_conns_per_host: 4});
    const session = ParSoup.Session.new_for_session(own);
    let nQueued = 0;

    own.connect('request-queued', () => nQueued++);
    equal(session.session, own);
    equal(session.connections_per_host, 4);
    equal(session.limiter.concurrency, 4);
    for (let i = 0; i < 20; i++)
        send(requests, session, '/echo');
    await requests.do_async(null);
    equal(nQueued, 20);
    ok([...requests].every(request => request.result().text.includes('Mine/1')), 'it was sent');
});

run();
