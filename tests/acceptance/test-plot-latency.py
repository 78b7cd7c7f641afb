#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plot of the manual: what it shows is what was measured, and the same each time.

Usage: test-plot-latency.py SCRIPT PROGRAM
"""

import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

SVG = '{http://www.w3.org/2000/svg}'


def plot(folder, name, seed):
    file = pathlib.Path(folder, name)
    subprocess.run([sys.argv[1], sys.argv[2], file, f'--seed={seed}'], check=True,
                   stdout=subprocess.DEVNULL)
    return file.read_text(encoding='utf-8')


def get_heights(root):
    return {rect.get('class').split()[1]: float(rect.get('height')) for rect in root.iter(f'{SVG}rect')}


def get_lines(root):
    return {line.get('class').split()[1]:
            [float(point.split(',')[1]) for point in line.get('points').split()]
            for line in root.iter(f'{SVG}polyline')}


with tempfile.TemporaryDirectory() as folder:
    text = plot(folder, 'one.svg', 1)
    assert plot(folder, 'again.svg', 1) == text, 'the same seed gives another plot'
    assert plot(folder, 'other.svg', 2) != text, 'another seed gives the same plot'

root = ElementTree.fromstring(text)
bars = get_heights(root)
lines = get_lines(root)
assert list(lines) == list(bars) == ['none', 'copies', 'hedges-95', 'hedges-90']
# Of a bar for 100 percent.
assert bars['none'] == 0
assert bars['copies'] > 200
assert 0 < bars['hedges-95'] < bars['hedges-90'] <= bars['copies'] / 10
for name, heights in lines.items():
    assert heights == sorted(heights, reverse=True), f'{name} falls'
# Higher is less.
assert lines['copies'][-1] > lines['none'][-1]
assert lines['hedges-90'][-1] > lines['hedges-95'][-1] > lines['none'][-1]
