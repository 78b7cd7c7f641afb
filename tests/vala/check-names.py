#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-names.py VAPI: fails if a public name of the vapi is not used by a test in this folder."""

import pathlib
import re
import sys

VAPI = pathlib.Path(sys.argv[1])

# Vala calls it by itself.
LEFT_OUT = {'Stats.free'}

tests = '\n'.join(path.read_text() for path in pathlib.Path(__file__).parent.glob('test-*.vala'))
names = []
owner = ''
in_enum = False
for line in VAPI.read_text().splitlines():
    line = line.strip()
    if match := re.match(r'public (?:sealed |abstract )?(class|enum|errordomain) (\w+)', line):
        owner = match[2]
        in_enum = match[1] != 'class'
    elif in_enum and (match := re.match(r'([A-Z_]+)[,;]?$', line)):
        names.append(f'{owner}.{match[1]}')
    elif match := re.match(r'public (?!delegate).*?(?:\w+\.)?@?(\w+) [({]', line):
        names.append(f'{owner}.{match[1]}')

unused = [name for name in names if name not in LEFT_OUT
          and not re.search(rf'\b{name.split(".")[1]}\b', tests)]
for name in unused:
    print(f'{name}: no test in {pathlib.Path(__file__).parent.name}/ uses it')
if len(names) < 120:
    print(f'{VAPI}: only {len(names)} names are in it')
sys.exit(bool(unused) or len(names) < 120)
