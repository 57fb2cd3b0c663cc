#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run the tests of the emulator, and the shared ones on a released emulator, too.

    check.py --emulator FOLDER [--released FOLDER] [--tests "PATTERN ..."]
             [--mutations TOPICS]

With --mutations errors are put into the model one by one, and each has to be found:
all, or those of some topics ("caches queue").
"""

import argparse
import fnmatch
import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'vm')]
# pylint: disable=wrong-import-position
import mutations
from emutest.suite import CASES, Report, label, run_case
from vmtest import emulator

MODULES = ('registers', 'config', 'walks', 'nested', 'legacy', 'caches', 'queue', 'ats',
           'page_requests', 'device', 'shared', 'smmu_shared', 'smmu_config', 'smmu_substreams',
           'smmu_walks', 'smmu_nested', 'smmu_caches', 'smmu_commands', 'smmu_ats',
           'smmu_pri', 'smmu_stalls')


def chosen(patterns):
    """(case, kinds of emulators) that the patterns name, all without."""
    for name in MODULES:
        importlib.import_module(f'tests.{name}')
    for function, kinds in CASES:
        if not patterns or any(fnmatch.fnmatch(label(function), p) for p in patterns):
            yield function, kinds


def commands(folder, released):
    """{kind: (command, environment)} of the emulators that are there."""
    found = {}
    for arch, end in (('x86_64', ''), ('arm64', '-arm')):
        binary = folder / 'out' / emulator.PROGRAM[arch]
        if (folder / 'key').exists() and binary.exists():
            found[f'emulator{end}'] = ((str(binary),), None)
        newer = emulator.from_folder(arch, released) if released and released.is_dir() else None
        if newer and newer.version >= (11, 0):
            found[f'released{end}'] = (newer.command, newer.environment())
    return found


def run_all(report, cases, found, absent):
    """Run cases on each kind of emulator that they are for."""
    for function, kinds in cases:
        for kind in kinds:
            if kind in found:
                run_case(report, function, kind, *found[kind])
            else:
                report.skip(f'{label(function)} ({kind})', absent[kind])


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--emulator', type=Path, required=True)
    parser.add_argument('--released', type=Path)
    parser.add_argument('--tests', default='')
    parser.add_argument('--mutations', default='')
    args = parser.parse_args()
    report, cases = Report(), list(chosen(args.tests.split()))
    found = commands(args.emulator, args.released)
    failed = args.emulator / 'failed'
    why = failed.read_text().strip() if failed.exists() else 'not built'
    absent = {'emulator': f'no emulator: {why}',
              'released': 'no released emulator with the qtest accelerator'}
    run_all(report, cases, found, {**absent, **{f'{k}-arm': v for k, v in absent.items()}})
    if args.mutations and 'emulator' in found:
        topics = MODULES if args.mutations == '1' else args.mutations.split()
        mutations.run_all(report, args.emulator, list(chosen([])), topics)
    elif args.mutations:
        report.skip('mutations', f'no emulator: {why}')
    status = report.end()
    # Where the emulator cannot be had, nothing but skips is no failure
    return 0 if failed.exists() and not report.count[1] else status


if __name__ == '__main__':
    sys.exit(main())
