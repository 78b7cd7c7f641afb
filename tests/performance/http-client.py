#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""http-client.py KIND URI CONCURRENCY REQUESTS: gets URI so often, and prints how often in a
second. http has the kinds beside each other."""

import asyncio
import sys
import time


def make_par(reads):
    import gi
    gi.require_version('Par', '1')
    gi.require_version('ParSoup', '1')
    from gi.repository import Par, ParSoup

    session = ParSoup.Session(connections_per_host=CONCURRENCY)

    def run(n_requests):
        requests = Par.Requests(concurrency=CONCURRENCY, keep_completed=reads)
        for _ in range(n_requests):
            session.get(requests, URI)
        requests.do()
        if reads:
            for request in requests:
                assert request.result().props.body.get_data()

    return run


def make_asyncio(open_session, get):
    async def work(session, numbers):
        for _ in numbers:
            assert await get(session)

    async def run_both():
        async with open_session() as session:
            for n_requests in 4 * CONCURRENCY, N_REQUESTS:
                start = time.perf_counter()
                numbers = iter(range(n_requests))
                await asyncio.gather(*(work(session, numbers) for _ in range(CONCURRENCY)))
        return N_REQUESTS / (time.perf_counter() - start)

    return run_both


def make_aiohttp():
    import aiohttp

    async def get(session):
        async with session.get(URI) as response:
            return await response.read()

    return make_asyncio(lambda: aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONCURRENCY)), get)


def make_httpx():
    import httpx

    async def get(client):
        return (await client.get(URI)).content

    return make_asyncio(lambda: httpx.AsyncClient(limits=httpx.Limits(
        max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY), timeout=None), get)


KIND, URI, *numbers = sys.argv[1:]
CONCURRENCY, N_REQUESTS = map(int, numbers)

if KIND == 'aiohttp':
    rate = asyncio.run(make_aiohttp()())
elif KIND == 'httpx':
    rate = asyncio.run(make_httpx()())
else:
    run = make_par(KIND == 'par-reads')
    run(4 * CONCURRENCY)  # what is connected and allocated at first is not counted
    start = time.perf_counter()
    run(N_REQUESTS)
    rate = N_REQUESTS / (time.perf_counter() - start)
print(f'{rate:.0f}')
