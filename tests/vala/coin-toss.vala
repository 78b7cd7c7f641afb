/* SPDX-License-Identifier: LGPL-2.1-or-later */

using GLib;
using Par;

const uint N_TOSSES = 10;

async bool toss_coins (Requests requests) throws Error {
    for (uint i = 0; i < N_TOSSES; i++) {
        requests.add_thread ((attempt) => {
            attempt.return_string (Random.boolean () ? "heads" : "tails");
        });
    }

    return yield requests.do_async (null);
}

int main () {
    var loop = new MainLoop ();
    var requests = new Requests ();
    uint n_heads = 0, n_tails = 0;

    requests.concurrency = 3;
    toss_coins.begin (requests, (object, result) => {
        try {
            toss_coins.end (result);
        } catch (Error error) {
            printerr ("coin-toss: %s\n", error.message);
        }
        loop.quit ();
    });
    loop.run ();

    for (uint i = 0; i < requests.get_n_items (); i++) {
        unowned Value? side = ((Request) requests.get_item (i)).get_value ();

        if (side != null && side.get_string () == "heads") {
            n_heads++;
        } else if (side != null && side.get_string () == "tails") {
            n_tails++;
        }
    }
    print ("%u heads, %u tails\n", n_heads, n_tails);

    return n_heads + n_tails == N_TOSSES ? 0 : 1;
}
