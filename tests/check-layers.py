#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fails if a file of par/ includes anything but lower layers, if an umbrella header lacks a public
one, if a public header includes a private one, or if a file has no test. The files of par/soup/
include no more of Par than par.h."""

import os
import pathlib
import re
import sys

LAYERS = [  # lowest first; the files of one layer do not know each other
    ['version'],
    ['enums', 'enum-types', 'requests-error'],
    ['base/clock', 'base/counts', 'base/debug', 'base/notifier', 'base/trace', 'engine/host',
     'policy/backoff', 'policy/bucket', 'policy/budget', 'policy/flight', 'policy/latency',
     'policy/tickets'],
    ['attempt', 'policy/limit', 'policy/window'],
    ['hedge', 'limiter', 'retry'],
    ['engine/alarms', 'engine/dispatcher', 'engine/owner', 'engine/run'],
    ['engine/record'],
    ['engine/loop-dispatcher', 'engine/mailbox', 'engine/queue', 'engine/thread-dispatcher'],
    ['engine/scheduler'],
    ['engine/engine'],
    ['request'],
    ['argument', 'publisher', 'stats', 'task-request'],
    ['driver'],
    ['requests'],
    ['soup/soup-enum-types', 'soup/soup-error'],
    ['soup/soup-bridge', 'soup/soup-call', 'soup/soup-debug', 'soup/soup-dechunker',
     'soup/soup-sockets', 'soup/soup-text', 'soup/soup-uri', 'soup/soup-verdict'],
    ['soup/soup-body', 'soup/soup-lane', 'soup/soup-response', 'soup/soup-target'],
    ['soup/soup-exchange', 'soup/soup-pool'],
    ['soup/soup-job'],
    ['soup/soup-request'],
    ['soup/soup-session'],
]

# So that there is no header to be found here.
GENERATED = ['version', 'enum-types', 'soup/soup-enum-types']

UMBRELLAS = {'par.h': '', 'soup/par-soup.h': 'soup/'}  # and what their headers begin with

TESTED_BY = {  # files without a test of their own name
    'driver': 'owner',
    'base/clock': 'engine',  # which puts in another clock, and all others use this one
    'base/trace': 'engine',  # which calls it; what it does only sysprof can see
    'engine/alarms': 'engine',  # whose timeouts they are
    'engine/mailbox': 'publisher',  # which tells what is in it
    'engine/scheduler': 'engine',  # which only adds the waiting to it
    'engine/dispatcher': 'thread-dispatcher',  # one of those that share it
    'task-request': 'thread-dispatcher',
    'soup/soup-body': 'soup-job',  # which has servers that send bad ones
    'soup/soup-call': 'soup-target',
    'soup/soup-exchange': 'soup-job',
    'soup/soup-request': 'soup-session',
    'soup/soup-error': 'soup-session',
    'soup/soup-response': 'soup-session',
}

root = pathlib.Path(sys.argv[1])
folder = root / 'par'
tests = root / 'tests'
rank = {noun: level for level, nouns in enumerate(LAYERS) for noun in nouns}
complaints = []


def is_private(name):
    return name.endswith('-private.h')


def get_noun(name):
    """The noun of a file below par/: 'engine/run' for 'engine/par-run-private.h'."""
    return re.sub(r'(^|/)par-(.+?)(-private)?\.(c|h|h\.in)$', r'\1\2', name)


def find_includes(path):
    """The files below par/ that a file of it includes, with the line numbers."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*(?:<par/|")(.*?)[>"]', line)
        if not found or not re.search(r'(^|/)par-[^/]*\.h$', found[1]):
            continue
        # An include by quotes is looked for beside the file first.
        beside = (path.parent / found[1]).resolve()
        if '"' in line and beside.is_file():
            yield number, str(beside.relative_to(folder.resolve()))
        else:
            yield number, found[1]


def check_includes(path, name):
    noun = get_noun(name)
    if noun not in rank:
        complaints.append(f'{name}: in no layer')
        return
    for number, included in find_includes(path):
        other = get_noun(included)
        if other not in rank:
            complaints.append(f'{name}:{number}: {included} is in no layer')
        elif other != noun and rank[other] >= rank[noun]:
            complaints.append(f'{name}:{number}: {other} is not below {noun}')
        if name.startswith('soup/') and not other.startswith('soup/'):
            complaints.append(f'{name}:{number}: {included} is not par.h')
        if name.endswith('.h') and not is_private(name) and is_private(included):
            complaints.append(f'{name}:{number}: a public header includes {included}')


def check_umbrella(umbrella, prefix, names):
    included = {other for _, other in find_includes(folder / umbrella)}
    public = {name for name in names if name.endswith('.h') and not is_private(name)
              and os.path.dirname(name) == os.path.dirname(prefix)}
    generated = {noun for noun in GENERATED if os.path.dirname(noun) == os.path.dirname(prefix)}
    public = public - {umbrella} | {f'{prefix}par-{noun[len(prefix):]}.h' for noun in generated}
    complaints.extend(f'{umbrella}: {name} is missing' for name in sorted(public - included))
    complaints.extend(f'{umbrella}: {name} is no public header'
                      for name in sorted(included - public))


def check_test(name):
    noun = get_noun(name)
    own = tests / f'test-{pathlib.PurePath(noun).name}.c'
    covering = TESTED_BY.get(noun)
    if covering is None and not own.is_file():
        complaints.append(f'{name}: {own.name} is missing')
    elif covering is not None and own.is_file():
        complaints.append(f'{name}: has {own.name}, and need not be in TESTED_BY')
    elif covering is not None and not (tests / f'test-{covering}.c').is_file():
        complaints.append(f'{name}: test-{covering}.c, in TESTED_BY, is missing')


paths = [path for pattern in ('*.c', '*.h', '*.h.in') for path in sorted(folder.rglob(pattern))]
names = [str(path.relative_to(folder)) for path in paths]

for path, name in zip(paths, names):
    if name not in UMBRELLAS:
        check_includes(path, name)
    if name.endswith('.c'):
        check_test(name)
for umbrella, prefix in UMBRELLAS.items():
    check_umbrella(umbrella, prefix, names)

nouns = {get_noun(name) for name in names} | set(GENERATED)
complaints.extend(f'{noun}: in a layer, but there is no such file'
                  for noun in rank if noun not in nouns)

print(*complaints, sep='\n')
sys.exit(bool(complaints))
