#!/usr/bin/env -S gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later

import GLib from 'gi://GLib';
import Par from 'gi://Par?version=1';

async function tossCoins() {
    const requests = new Par.Requests();

    for (let i = 0; i < 10; i++)
        requests.add(() => Math.random() < 0.5 ? 'heads' : 'tails');
    await requests.do_async(null);

    const tosses = [...requests].map(request => request.result());
    const count = side => tosses.filter(toss => toss === side).length;
    print(`${count('heads')} heads, ${count('tails')} tails`);
}

const loop = new GLib.MainLoop(null, false);

tossCoins().catch(logError).finally(() => loop.quit());
loop.run();
