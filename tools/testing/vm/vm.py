#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run test cases in emulated machines.

    vm.py list  [--tests PATTERN]      name the cases
    vm.py check [--tests PATTERN]      run them
    vm.py coverage [--tests PATTERN] [--wanted PERCENT]    run them for line coverage
    vm.py kernels [--tests PATTERN]    name the kernels they need, as ARCH:CONFIG
    vm.py run [--iommu MACHINE] [--disk FILE] [--nested]    the main job
    vm.py bench [--machines WORDS] [--rows PATTERN,...] [--profile ROW]    measure
    vm.py bench-kernels [--machines WORDS]    name the kernels that this needs
    vm.py image --arch ARCH            build the initramfs and print its path
"""

import argparse
import os
import sys
from pathlib import Path

from vmtest import bench, job
from vmtest.case import CaseError, read_cases
from vmtest.coverage import Coverage
from vmtest.emulator import Emulators
from vmtest.initramfs import Guest
from vmtest.runner import Runner

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[2]


def parse_args():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('command', choices=('list', 'check', 'coverage', 'kernels', 'run', 'bench',
                                            'bench-kernels', 'image'))
    parser.add_argument('--tests', default='', help='words: globs or parts of case names')
    parser.add_argument('--build', default=TOP / 'build')
    parser.add_argument('--jobs', type=int, default=int(os.environ.get('JOBS') or 0))
    parser.add_argument('--arch', default='x86_64')
    parser.add_argument('--qemu', default='', help='folder of an unpacked QEMU')
    parser.add_argument('--emulator', default='', help='folder of the built emulator')
    parser.add_argument('--iommu', default='vtd')
    parser.add_argument('--disk', default='')
    parser.add_argument('--nested', action='store_true', help='from a guest with stage 1')
    parser.add_argument('--machines', default='vtd', help='words of ' + ' '.join(bench.LANES))
    parser.add_argument('--rows', default='', help='begins of names of rows, parted by commas')
    parser.add_argument('--profile', default='', help='row to count by function')
    parser.add_argument('--backend', default='', help='measure just this one')
    parser.add_argument('--config', default='', help='measure another kernel')
    parser.add_argument('--wanted', type=float, default=90, help='coverage in percent')
    return parser.parse_args()


def run_coverage(runner, cases, jobs, wanted):
    """Run the cases of the debug kernel and say which lines they reached."""
    cases = [c for c in cases if (c.arch, c.config) == ('x86_64', 'debug')]
    runner.coverage = Coverage(runner.build / 'tree', runner.build / 'x86_64-coverage')
    status = runner.run(cases, jobs)
    good = runner.coverage.report(wanted, runner.build / 'coverage/uncovered.txt')
    return status or not good


def main():
    """Run one command; return the exit status."""
    args = parse_args()
    if args.command == 'image':
        print(Guest(args.arch, TOP, args.build).image())
        return 0
    if args.command == 'bench-kernels':
        print(*bench.kernels(args))
        return 0
    runner = Runner(TOP, args.build, Emulators(args.qemu, args.emulator))
    if args.command == 'run':
        if args.nested:
            return job.run_nested(runner, args.iommu, args.disk, HERE / 'cases')
        return job.run(runner, args.iommu, args.disk)
    if args.command == 'bench':
        return bench.run(runner, args)
    cases = read_cases(HERE / 'cases', args.tests)
    if args.command == 'list':
        for case in cases:
            print(f'{case.name}: {case.summary}')
        return 0
    if args.command == 'kernels':
        print(*sorted({f'{c.arch}:{c.config}' for c in cases}))
        return 0
    if not cases:
        print(f'no case matches {args.tests}')
        return 1
    jobs = args.jobs or os.cpu_count()
    if args.command == 'coverage':
        return run_coverage(runner, cases, jobs, args.wanted)
    return runner.run(cases, jobs)


if __name__ == '__main__':
    try:
        sys.exit(main())
    except CaseError as err:
        sys.exit(f'vm: {err}')
