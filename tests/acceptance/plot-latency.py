#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plots what copies and hedges do to latencies, and what they cost.

Usage: plot-latency.py PROGRAM FILE [--real] [--seed=NUMBER]

PROGRAM is tests/acceptance/latency of a build, which measures; FILE is the SVG that is written. By
default it measures under the test clock, so that the same seed gives the same plot; with --real in
real time, which takes a minute.
"""

import csv
import math
import string
import subprocess
import sys

NAMES = {
    'none': 'one call each',
    'copies': 'copies, redundancy 2',
    'hedges-95': 'hedges, percentile 95',
    'hedges-90': 'hedges, percentile 90',
}

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 60, 470, 50, 340
BARS_LEFT, BARS_RIGHT = 540, 700
TICKS_X = (50, 75, 90, 95, 99, 99.9)
TICKS_Y = (20, 50, 100, 200, 500, 1000)

HEAD = string.Template('''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height"
     width="$width" height="$height" role="img" aria-labelledby="title description">
<title id="title">Latency percentiles and extra load</title>
<desc id="description">$description</desc>
<style>
  text { font: 13px sans-serif; fill: #2e3436; }
  .head { font-weight: bold; }
  .end { text-anchor: end; }
  .middle { text-anchor: middle; }
  .grid { stroke: #888a85; stroke-width: 0.5; stroke-opacity: 0.5; }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
  .none { stroke: #c64600; } .none.bar { fill: #c64600; }
  .copies { stroke: #1c71d8; } .copies.bar { fill: #1c71d8; }
  .hedges-95 { stroke: #2d7d3a; stroke-dasharray: 7 3; } .hedges-95.bar { fill: #2d7d3a; }
  .hedges-90 { stroke: #813d9c; stroke-dasharray: 2 3; } .hedges-90.bar { fill: #813d9c; }
  .bar { stroke: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #eeeeec; }
    .none { stroke: #ffa348; } .none.bar { fill: #ffa348; }
    .copies { stroke: #99c1f1; } .copies.bar { fill: #99c1f1; }
    .hedges-95 { stroke: #8ff0a4; } .hedges-95.bar { fill: #8ff0a4; }
    .hedges-90 { stroke: #dc8add; } .hedges-90.bar { fill: #dc8add; }
  }
</style>
''')


def measure(program, options):
    """Returns the percentiles, and of each setting its extra load and its latencies."""
    output = subprocess.run([program, *options], check=True, capture_output=True, text=True).stdout
    rows = list(csv.reader(output.splitlines()))
    percentiles = [float(cell) for cell in rows[0][2:]]
    return percentiles, {row[0]: (float(row[1]), [float(cell) for cell in row[2:]])
                         for row in rows[1:]}


def get_x(percentile):
    """The nearer to 100, the wider apart: each nine takes as much room."""
    nines = -math.log10(1 - percentile / 100)
    least, most = (-math.log10(1 - end / 100) for end in (TICKS_X[0], TICKS_X[-1]))
    return LEFT + (RIGHT - LEFT) * (nines - least) / (most - least)


def get_y(msec):
    least, most = math.log(TICKS_Y[0]), math.log(TICKS_Y[-1])
    return BOTTOM - (BOTTOM - TOP) * (math.log(msec) - least) / (most - least)


def draw_axes():
    yield f'<text class="head" x="{LEFT}" y="24">latency in milliseconds</text>'
    for msec in TICKS_Y:
        y = get_y(msec)
        yield f'<path class="grid" d="M{LEFT} {y:.0f}H{RIGHT}"/>'
        yield f'<text class="end" x="{LEFT - 8}" y="{y + 4:.0f}">{msec}</text>'
    for percentile in TICKS_X:
        x = get_x(percentile)
        yield f'<path class="grid" d="M{x:.0f} {TOP}V{BOTTOM}"/>'
        yield f'<text class="middle" x="{x:.0f}" y="{BOTTOM + 18}">{percentile:g}</text>'
    yield (f'<text class="middle" x="{(LEFT + RIGHT) / 2:.0f}" y="{BOTTOM + 38}">'
           'percent of the requests that were not slower</text>')


def draw_ends(ends):
    """Writes the last latencies beside their lines, and below one another where they are near."""
    lowest = TOP - 14
    for msec in sorted(ends, reverse=True):
        lowest = max(get_y(msec) + 4, lowest + 14)
        yield f'<text x="{RIGHT + 6}" y="{lowest:.0f}">{msec:.0f}</text>'


def draw_lines(percentiles, settings):
    for name, (_, latencies) in settings.items():
        points = ' '.join(f'{get_x(percentile):.1f},{get_y(msec):.1f}'
                          for percentile, msec in zip(percentiles, latencies))
        yield f'<polyline class="line {name}" points="{points}"/>'
    yield from draw_ends(latencies[-1] for _, latencies in settings.values())
    for i, name in enumerate(settings):
        y = BOTTOM - 66 + 18 * i
        yield f'<path class="line {name}" d="M{LEFT + 210} {y - 4}h36"/>'
        yield f'<text x="{LEFT + 254}" y="{y}">{NAMES[name]}</text>'


def draw_bars(settings):
    yield f'<text class="head" x="{BARS_LEFT}" y="24">extra load in percent</text>'
    step = (BARS_RIGHT - BARS_LEFT) / len(settings)
    for i, (name, (extra, _)) in enumerate(settings.items()):
        height = (BOTTOM - TOP) * extra
        middle = BARS_LEFT + step * (i + 0.5)
        yield (f'<rect class="bar {name}" x="{middle - 14:.0f}" y="{BOTTOM - height:.1f}" width="28"'
               f' height="{height:.1f}"/>')
        yield (f'<text class="middle" x="{middle:.0f}" y="{BOTTOM - height - 6:.0f}">'
               f'{100 * extra:.3g}</text>')
        yield (f'<text class="middle" x="{middle:.0f}" y="{BOTTOM + 18}">'
               f'{name.removeprefix("hedges-")}</text>')
    yield f'<path class="grid" d="M{BARS_LEFT} {BOTTOM}H{BARS_RIGHT}"/>'
    yield f'<text class="middle" x="{BARS_RIGHT - step:.0f}" y="{BOTTOM + 38}">hedges</text>'


def describe(percentiles, settings):
    """The figures in words, for who does not see the plot."""
    at = percentiles.index(99)
    return ' '.join(f'{NAMES[name]}: {latencies[0]:.0f} ms at 50 percent, {latencies[at]:.0f} at 99, '
                    f'{latencies[-1]:.0f} at 99.9, {100 * extra:.3g} percent more calls.'
                    for name, (extra, latencies) in settings.items())


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    percentiles, settings = measure(sys.argv[1], sys.argv[3:])
    description = describe(percentiles, settings)
    lines = [*draw_axes(), *draw_lines(percentiles, settings), *draw_bars(settings)]
    with open(sys.argv[2], 'w', encoding='utf-8') as file:
        file.write(HEAD.substitute(width=WIDTH, height=HEIGHT, description=description))
        file.write('\n'.join(lines) + '\n</svg>\n')
    print(description)


if __name__ == '__main__':
    main()
