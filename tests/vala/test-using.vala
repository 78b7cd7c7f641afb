/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "using Par" beside others makes no name ambiguous, its own or theirs. */

using GLib;
using Par;
using Soup;

int main () {
    Requests requests = new Requests ();
    RequestFunc function = (attempt) => {
        Attempt same = attempt;
        same.return_int64 (MAJOR_VERSION);
    };
    RequestsPullFunc pull = () => false;
    Cancellable cancellable = new Cancellable ();
    Session session = new Session ();
    Message message = new Message ("GET", "http://127.0.0.1/");

    requests.set_source ((owned) pull);
    requests.add (new Request.async ((owned) function));
    try {
        requests.do (cancellable);
    } catch (RequestsError.FAILED error) {
        return 1;
    } catch (Error error) {
        return 1;
    }

    Stats stats = requests.get_stats ();
    Request request = requests.get_request (0);
    RequestState state = request.state;
    CancelReason reason = request.cancel_reason;
    AttemptKind kind = AttemptKind.FIRST;

    assert (stats.get_n_succeeded () == 1);
    assert (request.get_value ().get_int64 () == Soup.MAJOR_VERSION);
    assert (state == RequestState.SUCCEEDED && reason == CancelReason.NONE && kind == 0);
    assert (session.user_agent == null && message.method == "GET");

    return 0;
}
