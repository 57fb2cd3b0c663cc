# SPDX-License-Identifier: GPL-2.0-only
"""Files that call each other in a circle: layers have arrows in one direction only."""

import graphlib
import re
import subprocess

# Calls that may close a circle: {(caller's object, callee's object): reason}.
ALLOWED = {}


def symbols(path):
    """(functions that an object offers to others, symbols that it wants)."""
    text = subprocess.run(['nm', str(path)], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return (set(re.findall(r'^\w+ T (\S+)$', text, re.M)),
            set(re.findall(r'^ +U (\S+)$', text, re.M)))


def find_circle(out, names):
    """The calls of one circle of objects among @names, below @out; none if there is none.

    A table of operations is no call: whoever goes through it need not know whom it calls.
    """
    offered, wanted = {}, {}
    for name in names:
        offered[name], wanted[name] = symbols(out / name)
    calls = {a: {b for b in names if b != a and wanted[a] & offered[b] and (a, b) not in ALLOWED}
             for a in names}
    try:
        graphlib.TopologicalSorter(calls).prepare()
    except graphlib.CycleError as error:
        circle = error.args[1][::-1]
        return [f'{a} calls {", ".join(sorted(wanted[a] & offered[b]))} of {b}'
                for a, b in zip(circle, circle[1:])]
    return []
