# SPDX-License-Identifier: GPL-2.0-only
"""Files that call each other in a circle: layers have arrows in one direction only."""

import re
import subprocess

# Pairs of objects that may call each other: {(first, second): reason}, names in order.
ALLOWED = {}


def symbols(path):
    """(functions that an object offers to others, symbols that it wants)."""
    text = subprocess.run(['nm', str(path)], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return (set(re.findall(r'^\w+ T (\S+)$', text, re.M)),
            set(re.findall(r'^ +U (\S+)$', text, re.M)))


def find_circles(out, names):
    """Descriptions of each two objects of @names, below @out, that call each other.

    A table of operations is no call: whoever goes through it need not know whom it calls.
    """
    offered, wanted = {}, {}
    for name in names:
        offered[name], wanted[name] = symbols(out / name)
    found = []
    for first in sorted(names):
        for second in sorted(names):
            down, up = wanted[first] & offered[second], wanted[second] & offered[first]
            if first < second and down and up and (first, second) not in ALLOWED:
                found.append(f'{first} calls {", ".join(sorted(down))}; '
                             f'{second} calls {", ".join(sorted(up))}')
    return found
