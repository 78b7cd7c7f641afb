#!/usr/bin/env -S gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later

import GLib from 'gi://GLib';
import Par from 'gi://Par?version=1';
import ParSoup from 'gi://ParSoup?version=1';
import Soup from 'gi://Soup?version=3.0';
import System from 'system';

const session = new ParSoup.Session();
const settings = {};
const cities = [];
let service = 'https://api.openweathermap.org';

function printRow(city, request) {
    if (request.get_error() !== null) {
        print(city.padEnd(16), request.get_error().message);
        return;
    }

    const {name, main: {temp}, weather: [{description}]} = JSON.parse(request.result().text);
    print(name.padEnd(16), temp.toFixed(1).padStart(8), '°C ', description.padEnd(20),
        String(request.n_attempts).padStart(8));
}

async function printWeather() {
    const requests = new Par.Requests(settings);
    const appid = GLib.getenv('OPENWEATHERMAP_API_KEY') ?? '';

    for (const q of cities) {
        const query = Soup.form_encode_hash({q, units: 'metric', appid});
        session.get(requests, `${service}/data/2.5/weather?${query}`);
    }
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
