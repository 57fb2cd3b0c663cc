#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Add up by function what the profiler counted by address.

    profile_report.py SYSTEM_MAP PROFILE [--pages N] [--top N]

Prints instructions of each operation, and of each of its N pages, for the
functions that took most.  A function's own instructions count, not those of
functions that it calls.
"""

import argparse
import bisect
import collections
import sys
from pathlib import Path

KERNEL = 1 << 63


def read_symbols(text):
    """([address], [name]) of the functions in a System.map, by address."""
    rows = [line.split() for line in text.splitlines()]
    found = sorted((int(r[0], 16), r[2]) for r in rows if len(r) == 3 and r[1] in 'tTwW')
    return [a for a, _ in found], [n for _, n in found]


def fold(profile, symbols):
    """(operations, {function: instructions}) of the profiler's output."""
    addresses, names = symbols
    marks, total = 0, collections.Counter()
    for line in profile.splitlines():
        first, count = line.split()
        if first == 'marks':
            marks = int(count)
            continue
        address = int(first, 16)
        at = bisect.bisect_right(addresses, address) - 1
        name = names[at] if address >= KERNEL and at >= 0 else '(user space)'
        total[name] += int(count)
    return marks, total


def report(marks, total, pages, top):
    """The table as text."""
    marks = max(marks, 1)
    whole = sum(total.values())
    text = f'{"call":>12} {"page":>10}  share  function ({marks} operations)\n'
    rows = [('all', whole), *total.most_common(top)]
    rest = whole - sum(count for _, count in rows[1:])
    for name, count in [*rows, (f'{max(0, len(total) - top)} others', rest)]:
        text += (f'{count / marks:12.1f} {count / marks / pages:10.2f} '
                 f'{100 * count / max(whole, 1):5.1f}%  {name}\n')
    return text


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('symbols', type=Path)
    parser.add_argument('profile', type=Path)
    parser.add_argument('--pages', type=int, default=1)
    parser.add_argument('--top', type=int, default=25)
    args = parser.parse_args()
    marks, total = fold(args.profile.read_text(), read_symbols(args.symbols.read_text()))
    print(report(marks, total, args.pages, args.top), end='')
    return 0 if marks else 1


if __name__ == '__main__':
    sys.exit(main())
