# SPDX-License-Identifier: GPL-2.0-only
"""Measuring: boot a machine in which one instruction takes one nanosecond of
virtual time, run iommu_bench in it, and keep the lines of its results.

Only QEMU 7.2 on one processor, with memory copies that count by the word and
not by the byte: figures repeat exactly on any host, and compare with those of
other kernels measured the same way.
"""

import os
import re
import sys
from dataclasses import replace

from . import splat, tap
from .boot import boot
from .case import Case
from .machine import MACHINES as MACHINES_OF_TESTS

QEMU = '7.2'
PROGRAM = 'iommu_bench'
TIMEOUT = 1200
HUGE_PAGES = 260

# Name of what is measured: machine, arguments of QEMU that differ from the tests'.
MACHINES = {
    'vtd': replace(MACHINES_OF_TESTS['vtd-sm'],
                   iommu=(((7, 2), '-device intel-iommu,intremap=on,x-scalable-mode=on'),)),
    'amd': MACHINES_OF_TESTS['amd'],
    'smmuv3': MACHINES_OF_TESTS['smmuv3'],
}
# Copying with REP MOVSB would count every byte as an instruction.
CPU = {'x86_64': '-cpu max,-erms,-fsrm', 'arm64': '-cpu max'}
KEPT = re.compile(r'^(row|fact) ')


class Progress:
    """Shows on standard error which row is done."""

    def __init__(self):
        self.rest = ''

    def __call__(self, data):
        *lines, self.rest = (self.rest + data.decode(errors='replace')).split('\n')
        for line in lines:
            words = line.split()
            if words[:1] == ['row']:
                print(f'# {words[1]} {words[2]}', file=sys.stderr, flush=True)
            elif line.startswith('not ok'):
                print(f'# {line}', file=sys.stderr, flush=True)


def bench_case(name, args):
    """The measurement as a case."""
    words = [PROGRAM]
    if args.profile:
        words += ['--profile', args.profile]
    elif args.rows:
        words += ['--rows', args.rows.replace(' ', ',')]
    arch = MACHINES[name].arch
    return Case(base='bench', summary='measurement', run=' '.join(words), machine=MACHINE_OF[name],
                config=args.config, qemu=QEMU, timeout=TIMEOUT, memory='3G', smp=1,
                accel='tcg,thread=single', append=f'hugepages={HUGE_PAGES}',
                devices=('edu', '-icount shift=0,sleep=off', CPU[arch]))


# Of the tests' machines the one whose kernel and programs serve
MACHINE_OF = {'vtd': 'vtd-sm', 'amd': 'amd', 'smmuv3': 'smmuv3'}


def problems(outcome):
    """What went wrong in a run, a line each."""
    report = tap.parse(outcome.results)
    found = [r.name for r in report.results if r.state == 'failed']
    found += splat.find(outcome.console)
    if outcome.timed_out:
        found.append(f'no end after {outcome.seconds:.0f} s')
    elif outcome.errors:
        found.append(outcome.errors)
    elif not report.complete:
        found.append('the machine stopped before the end')
    return found


def measure(runner, name, args):
    """Boot one machine; write its rows; return what went wrong."""
    case = bench_case(name, args)
    emulator = runner.emulators.pick(case.arch, QEMU)
    if not emulator:
        return [f'no QEMU {QEMU} for {case.arch}: other versions count differently']
    folder = runner.build / 'bench'
    outcome = boot(MACHINES[name], case, emulator, runner.kernel(case),
                   runner.initrd[case.arch], folder / f'{name}.logs', Progress())
    rows = [r for r in outcome.results.splitlines() if KEPT.match(r)]
    rows.insert(0, f'fact qemu {emulator.label}')
    rows.insert(0, f'fact kernel {case.config}')
    (folder / f'{name}.rows').write_text('\n'.join(rows) + '\n')
    print(f'# {name}: {len(rows)} lines in {outcome.seconds:.0f} s', file=sys.stderr, flush=True)
    return problems(outcome)


def run(runner, args):
    """Measure each machine that is asked for; return the exit status."""
    names = args.machines.split()
    unknown = [n for n in names if n not in MACHINES]
    if unknown or not names:
        print(f'machines are {" ".join(MACHINES)}', file=sys.stderr)
        return 2
    os.makedirs(runner.build / 'bench', exist_ok=True)
    runner.prepare([bench_case(n, args) for n in names])
    status = 0
    for name in names:
        for problem in measure(runner, name, args):
            print(f'bench: {name}: {problem}', file=sys.stderr)
            status = 1
    return status
