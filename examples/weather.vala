/* SPDX-License-Identifier: LGPL-2.1-or-later */

int concurrency;
int redundancy = 1;
int timeout;
string service;

void print_row (string city, Par.Request request) {
    try {
        if (request.get_error () != null) {
            throw request.get_error ().copy ();
        }
        var response = (ParSoup.Response) request.get_value ().get_object ();
        var weather = Json.from_string (response.text).get_object ();
        stdout.printf ("%-16s %8.1f °C  %-20s %8u\n", weather.get_string_member ("name"),
            weather.get_object_member ("main").get_double_member ("temp"),
            weather.get_array_member ("weather").get_object_element (0)
                .get_string_member ("description"), request.n_attempts);
    } catch (Error error) {
        stdout.printf ("%-16s %s\n", city, error.message);
    }
}

void print_weather (string[] cities) throws Error {
    var session = new ParSoup.Session ();
    var requests = new Par.Requests () {
        concurrency = concurrency, redundancy = redundancy, timeout = timeout
    };

    foreach (var city in cities) {
        var query = Soup.Form.encode ("q", city, "units", "metric", "appid",
                                      Environment.get_variable ("OPENWEATHERMAP_API_KEY") ?? "");
        session.get (requests, @"$service/data/2.5/weather?$query");
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

    service = "https://api.openweathermap.org";
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
