#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run the steps of `make check` or `make check-long` and add up what they count.

usage: check.py STEP ...      (a step is a target of the Makefile, with variables
                               behind it: "series-check ARCH=arm64")

Each step prints `N passed, N failed, N skipped`; so does this, at the end. A step
that prints no counts has failed.
"""

import re
import shlex
import subprocess
import sys
import time

COUNTS = re.compile(r'(\d+) passed, (\d+) failed, (\d+) skipped')


def run_step(step):
    """Run one step with its output passed on; return its counts."""
    print(f'# {step}', flush=True)
    start, counts = time.monotonic(), None
    proc = subprocess.Popen(['make', '--no-print-directory', '-s', *shlex.split(step)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, errors='replace')
    for row in proc.stdout:
        found = COUNTS.fullmatch(row.strip())
        if found:
            counts = [int(n) for n in found.groups()]
        else:
            print(row, end='', flush=True)
    status = proc.wait()
    if (status and not (counts and counts[1])) or not counts:
        print(f'not ok - {step}: exit status {status}' + ('' if counts else ', no counts'))
        counts = [*(counts or [0, 0, 0])]
        counts[1] = 1
    minutes, seconds = divmod(int(time.monotonic() - start), 60)
    print(f'# {step}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped, '
          f'{minutes} min {seconds} s', flush=True)
    return counts


def main():
    """Run all steps, the failed ones too."""
    totals = [sum(column) for column in zip(*[run_step(s) for s in sys.argv[1:]])]
    print('{} passed, {} failed, {} skipped'.format(*totals))
    return 1 if totals[1] or not totals[0] else 0


if __name__ == '__main__':
    sys.exit(main())
