/* SPDX-License-Identifier: LGPL-2.1-or-later */

int concurrency;
int redundancy;
int timeout;
string service;
Soup.Session session;

async void find_weather (string city, Par.Attempt attempt) {
    var query = Soup.Form.encode ("q", city, "units", "metric", "appid",
                                  Environment.get_variable ("OPENWEATHERMAP_API_KEY") ?? "");
    var message = new Soup.Message ("GET", @"$service/data/2.5/weather?$query");
    var parser = new Json.Parser ();

    try {
        var body = yield session.send_async (message, Priority.DEFAULT, attempt.get_cancellable ());
        if (message.status_code != Soup.Status.OK) {
            throw new IOError.FAILED (@"$city: The service answered $(message.status_code) "
                                      + message.reason_phrase);
        }
        yield parser.load_from_stream_async (body, attempt.get_cancellable ());
        var root = parser.get_root ().get_object ();
        attempt.return_variant (new Variant ("(sds)", root.get_string_member ("name"),
            root.get_object_member ("main").get_double_member ("temp"),
            root.get_array_member ("weather").get_object_element (0)
                .get_string_member ("description")));
    } catch (Error error) {
        attempt.return_error (error);
    }
}

void print_row (string city, Par.Request request) {
    string name, conditions;
    double temperature;

    if (request.get_error () != null) {
        stdout.printf ("%-16s %s\n", city, request.get_error ().message);
        return;
    }

    request.get_value ().dup_variant ().get ("(sds)", out name, out temperature, out conditions);
    stdout.printf ("%-16s %8.1f °C  %-20s %8u\n", name, temperature, conditions, request.n_attempts);
}

void print_weather (string[] cities) throws Error {
    var requests = new Par.Requests () {
        concurrency = concurrency, redundancy = redundancy, timeout = timeout
    };

    foreach (var city in cities) {
        requests.add_async ((attempt) => find_weather.begin (city, attempt));
    }
    try {
        requests.do ();
    } finally {
        stdout.printf ("City             Temperature  Conditions           Attempts\n");
        for (uint i = 0; i < cities.length; i++) {
            print_row (cities[i], requests.get_request (i));
        }
        stdout.printf ("the run took %.1f ms\n", requests.get_stats ().get_elapsed () / 1000.0);
    }
}

const OptionEntry[] OPTIONS = {
    { "concurrency", 0, 0, OptionArg.INT, ref concurrency, "Calls at once; 0: all", "N" },
    { "redundancy", 0, 0, OptionArg.INT, ref redundancy, "Calls for each city", "N" },
    { "timeout", 0, 0, OptionArg.INT, ref timeout, "Most time to take; 0: any", "MS" },
    { "service", 0, 0, OptionArg.STRING, ref service, "Where to ask", "URI" },
    { null }
};

int main (string[] args) {
    var context = new OptionContext ("[CITY...]");
    string[] cities = { "San Francisco", "Oakland", "Berkeley" };

    redundancy = 1;
    service = "https://api.openweathermap.org";
    /* Par has the bound; that of the session must not be lower. */
    session = (Soup.Session) Object.new (typeof (Soup.Session), "max-conns", 1000,
                                         "max-conns-per-host", 1000);
    context.add_main_entries (OPTIONS, null);
    try {
        context.parse (ref args);
        print_weather (args.length > 1 ? args[1:args.length] : cities);
    } catch (Error error) {
        printerr ("weather: %s\n", error.message);
        return 1;
    }

    return 0;
}
