#!/usr/bin/env -S gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Par from 'gi://Par?version=1';
import Soup from 'gi://Soup?version=3.0';
import System from 'system';

Gio._promisify(Soup.Session.prototype, 'send_and_read_async', 'send_and_read_finish');

// Par has the bound; that of the session must not be lower.
const session = new Soup.Session({max_conns: 1000, max_conns_per_host: 1000});
const settings = {};
const cities = [];
let service = 'https://api.openweathermap.org';

async function findWeather(city, cancellable) {
    const appid = GLib.getenv('OPENWEATHERMAP_API_KEY') ?? '';
    const query = Soup.form_encode_hash({q: city, units: 'metric', appid});
    const message = Soup.Message.new('GET', `${service}/data/2.5/weather?${query}`);
    const body = await session.send_and_read_async(message, GLib.PRIORITY_DEFAULT, cancellable);

    if (message.get_status() !== Soup.Status.OK) {
        throw new Error(`${city}: The service answered ${message.get_status()} ${
            message.get_reason_phrase()}`);
    }
    return JSON.parse(new TextDecoder().decode(body.get_data()));
}

function printRow(city, request) {
    if (request.exception !== null) {
        print(city.padEnd(16), request.exception.message);
        return;
    }

    const {name, main: {temp}, weather: [{description}]} = request.result();
    print(name.padEnd(16), temp.toFixed(1).padStart(8), '°C ', description.padEnd(20),
        String(request.n_attempts).padStart(8));
}

async function printWeather() {
    const requests = new Par.Requests(settings);

    for (const city of cities)
        requests.add(cancellable => findWeather(city, cancellable));
    const failure = await requests.do_async(null).then(() => null, error => error);

    print('City             Temperature  Conditions           Attempts');
    cities.forEach((city, i) => printRow(city, requests.get_request(i)));
    print(`the run took ${(requests.get_stats().get_elapsed() / 1000).toFixed(1)} ms`);
    if (failure !== null)
        throw failure;
}

const loop = new GLib.MainLoop(null, false);
const args = ARGV.flatMap(arg => arg.match(/^(--\w+)=(.*)$/)?.slice(1) ?? arg);
let status = 0;

for (let arg; (arg = args.shift()) !== undefined;) {
    if (arg === '--service')
        service = args.shift();
    else if (arg.startsWith('--'))  // --concurrency N, --redundancy N, --timeout MS
        settings[arg.slice(2)] = Number(args.shift());
    else
        cities.push(arg);
}
if (cities.length === 0)
    cities.push('San Francisco', 'Oakland', 'Berkeley');

printWeather().catch(error => {
    printerr(`weather: ${error.message}`);
    status = 1;
}).finally(() => loop.quit());
loop.run();
System.exit(status);
