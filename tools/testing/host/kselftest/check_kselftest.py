#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Build and start the self tests as the kernel's Makefile does, and count them.

usage: check_kselftest.py TREE OUT VM

Every program must build without a warning, start, and end well or say why it
was skipped: where this runs there need not be a /dev/iommu.  Every program must
also stand in a machine case, where there is one.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

TARGET = 'iommu'
PROGRAM = re.compile(r'(\w+_(?:test|random|fail_nth))\.c')


def programs(tree):
    """Names of the test programs, by the names of their files."""
    names = (p.name for p in (tree / 'tools/testing/selftests' / TARGET).glob('*.c'))
    return sorted(found[1] for found in map(PROGRAM.fullmatch, names) if found)


def kernel_make(tree, out, *args):
    """Run the kernel's make; return (exit status, what it printed)."""
    env = {k: v for k, v in os.environ.items()
           if k not in ('MAKEFLAGS', 'MAKELEVEL', 'MFLAGS', 'O', 'V', 'ARCH', 'CONFIG')}
    done = subprocess.run(['make', '-s', '-C', str(tree), f'O={out}', *args], env=env,
                          check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace')
    return done.returncode, done.stdout


def results(text):
    """{program: result line} of the runner's own results."""
    found = re.findall(rf'^((?:not )?ok \d+ selftests: {TARGET}: (\w+).*)', text, re.M)
    return {name: row for row, name in found}


def without_case(names, cases):
    """Programs that no machine case runs."""
    runs = ' '.join(row for path in sorted(cases.glob('*.case'))
                    for row in path.read_text().splitlines() if row.startswith('run'))
    words = set(runs.split())
    return [n for n in names if n not in words]


def problems(tree, out, vm):
    """All that is wrong."""
    names = programs(tree)
    yield from ([] if names else ['no test program'])
    yield from (f'{n}: no machine case runs it' for n in without_case(names, vm / 'cases'))
    status, text = kernel_make(tree, out, 'allnoconfig')
    if status:
        yield 'allnoconfig: ' + text
        return
    for name in names:
        (out / 'kselftest' / TARGET / name).unlink(missing_ok=True)
    status, text = kernel_make(tree, out, 'kselftest', f'TARGETS={TARGET}')
    if status:
        yield f'exit status {status}\n{text}'
    yield from (f'compiler: {row}' for row in text.splitlines() if 'warning:' in row)
    seen = results(text)
    yield from (f'{n}: was not run' for n in names if n not in seen)
    yield from (row for row in seen.values() if row.startswith('not ok') and '# SKIP' not in row)


def main():
    """Print what is wrong; return the exit status."""
    found = list(problems(*map(Path, sys.argv[1:4])))
    print('\n'.join(found) or 'every program was built and run')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
