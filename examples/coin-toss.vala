/* SPDX-License-Identifier: LGPL-2.1-or-later */

int main () {
    var requests = new Par.Requests ();
    uint n_heads = 0, n_tails = 0;

    for (uint i = 0; i < 10; i++) {
        requests.add_thread ((attempt) => {
            attempt.return_string (Random.boolean () ? "heads" : "tails");
        });
    }

    try {
        requests.do ();
    } catch (Error error) {
        printerr ("coin-toss: %s\n", error.message);
        return 1;
    }

    for (uint i = 0; i < 10; i++) {
        if (requests.get_request (i).get_value ().get_string () == "heads") {
            n_heads++;
        } else {
            n_tails++;
        }
    }
    print ("%u heads, %u tails\n", n_heads, n_tails);

    return 0;
}
