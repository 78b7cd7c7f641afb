/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ParSoup from Vala, against the server that misbehaves. Its names are written out: Par and libsoup
 * have a Request and a Session too. */

using GLib;
using Par;

string uri;

void methods_add_requests () {
    var requests = new Requests ();
    var session = new ParSoup.Session ();

    try {
        assert_cmpint ((int) session.get (requests, uri + "/echo"), EQ, 0);
        assert_cmpint ((int) session.head (requests, uri + "/echo"), EQ, 1);
        assert_cmpint ((int) session.post (requests, uri + "/echo", "text/plain",
                                           new Bytes ("a body".data)), EQ, 2);
        requests.do ();
    } catch (Error error) {
        assert_not_reached ();
    }

    var response = (ParSoup.Response) requests.get_request (2).get_value ().get_object ();
    assert_cmpuint (response.status, EQ, 200);
    assert_true (response.text.has_suffix ("a body"));
    assert_cmpstr (response.headers.get_one ("Content-Type"), EQ, "text/plain");
    assert_null (response.stream);
}

void settings_are_properties () {
    try {
        var request = new ParSoup.Request ("PUT", uri + "/status?status=404+Not+Found") {
            body = new Bytes ("{}".data), content_type = "application/json", accept_status = "404",
            max_body_size = 1000, follow_redirects = false, cross_origins = true, label = "put"
        };
        request.headers.append ("X-One", "1");
        request.set_replicas ({ uri });
        assert_cmpstr (request.get_replicas ()[0], EQ, uri);

        var requests = new Requests ();
        var session = new ParSoup.Session () { user_agent = "Test/1" };
        assert_true (session.limiter.per_key);
        session.send (requests, request);
        assert_true (requests.limiter == session.limiter);
        requests.do ();
        var response = (ParSoup.Response) request.get_value ().get_object ();
        assert_cmpuint (response.get_status (), EQ, 404);
    } catch (Error error) {
        assert_not_reached ();
    }
}

async void fail (Requests requests) {
    try {
        yield requests.do_async (null);
        assert_not_reached ();
    } catch (RequestsError error) {
        assert_true (error is RequestsError.FAILED);
    } catch (Error error) {
        assert_not_reached ();
    }
}

void errors_are_caught () {
    var requests = new Requests ();
    var session = new ParSoup.Session.for_session (new Soup.Session ());
    var loop = new MainLoop ();

    try {
        session.get (requests, "nowhere");
        assert_not_reached ();
    } catch (Error error) {
        assert_true (error is UriError);
    }

    try {
        session.get (requests, uri + "/redirect?to=http://example.org/");
    } catch (Error error) {
        assert_not_reached ();
    }
    fail.begin (requests, (object, result) => {
        fail.end (result);
        loop.quit ();
    });
    loop.run ();
    assert_true (requests.get_request (0).get_error () is ParSoup.Error.REDIRECTED);
}

void streams_are_read () {
    try {
        var requests = new Requests ();
        var request = new ParSoup.Request ("GET", uri + "/chunks") { streaming = true };
        requests.add (request);
        requests.do ();
        var stream = ((ParSoup.Response) request.get_value ().get_object ()).stream;
        var text = new DataInputStream (stream).read_line ();
        assert_cmpstr (text, EQ, "the beginning");
        stream.close ();
    } catch (Error error) {
        assert_not_reached ();
    }
}

int main (string[] args) {
    Test.init (ref args);

    try {
        var server = new Subprocess (SubprocessFlags.STDIN_PIPE | SubprocessFlags.STDOUT_PIPE,
                                     args[1]);
        uri = new DataInputStream (server.get_stdout_pipe ()).read_line ();

        Test.add_func ("/par-soup/vala/methods-add-requests", methods_add_requests);
        Test.add_func ("/par-soup/vala/settings-are-properties", settings_are_properties);
        Test.add_func ("/par-soup/vala/errors-are-caught", errors_are_caught);
        Test.add_func ("/par-soup/vala/streams-are-read", streams_are_read);
        return Test.run ();
    } catch (Error error) {
        printerr ("%s\n", error.message);
        return 1;
    }
}
