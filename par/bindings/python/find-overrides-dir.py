# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the folder below the prefix, its argument, where PyGObject finds overrides."""

import os
import pathlib
import sys

import gi.overrides

prefix = pathlib.Path(sys.argv[1])
# PyGObject looks in gi/overrides below every folder in which Python looks for modules. The first is
# that where PyGObject itself is.
folders = [pathlib.Path(gi.overrides.__file__).parents[2], *map(pathlib.Path, sys.path)]
for folder in folders:
    if prefix in folder.parents and folder.name in ('dist-packages', 'site-packages'):
        break
else:
    # Not without PYTHONPATH.
    folder = prefix / 'lib' / 'python3' / 'site-packages'
print(os.path.join(folder, 'gi', 'overrides'))
