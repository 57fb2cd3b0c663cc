# SPDX-License-Identifier: GPL-2.0-only
"""Measuring: boot a machine in which one instruction takes one nanosecond of
virtual time, run iommu_bench in it, and keep the lines of its results.

Only QEMU 7.2 on one processor, with memory copies that count by the word and
not by the byte: figures repeat exactly on any host, and compare with those of
other kernels measured the same way.
"""

import re
import subprocess
import sys
from dataclasses import dataclass, replace

from . import splat, tap
from .boot import boot
from .case import Case
from .machine import MACHINES, Machine

QEMU = '7.2'
PROGRAM = 'iommu_bench'
TIMEOUT = 1800
HUGE_PAGES = 260


@dataclass(frozen=True)
class Lane:
    """What is measured under one name."""
    base: str               # the machine of the tests whose programs serve
    machine: Machine
    config: str = 'bench'
    rows: str = ''          # begins of names of rows, empty for those of all lanes
    memory: str = '3G'


VTD = replace(MACHINES['vtd-sm'],
              iommu=(((7, 2), '-device intel-iommu,intremap=on,x-scalable-mode=on'),))
LANES = {
    'vtd': Lane('vtd-sm', VTD),
    'amd': Lane('amd', MACHINES['amd']),
    'smmuv3': Lane('smmuv3', MACHINES['smmuv3'], 'run'),
    'vtd-memcg': Lane('vtd-sm', VTD, 'bench-memcg'),
    'scale': Lane('vtd-sm', VTD, rows='flat,search,map-in-hole', memory='6G'),
    # Of the kernels that measure, Arm's run kernel is the one with the mock IOMMU.
    'mock': Lane('smmuv3', MACHINES['smmuv3'], 'run', rows='dirty,pasid,own,fault,pipe,viommu'),
}
# Copying with REP MOVSB would count every byte as an instruction.
CPU = {'x86_64': '-cpu max,-erms,-fsrm', 'arm64': '-cpu max'}
KEPT = re.compile(r'^(row|fact|held) ')


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


def lane_config(name, args):
    """Kernel that a lane boots."""
    return args.config or LANES[name].config


def bench_case(name, args, folder):
    """The measurement as a case."""
    lane, words = LANES[name], [PROGRAM]
    arch = lane.machine.arch
    devices = ['edu', '-icount shift=0,sleep=off', CPU[arch]]
    rows = args.rows.replace(' ', ',') or lane.rows
    if args.profile:
        words += ['--profile', args.profile, '--backends', args.backend or 'iommufd']
        devices.append(f'-plugin {folder}/profile.so,out={folder}/{name}.profile')
    else:
        words += ['--rows', rows] if rows else []
        words += ['--backends', args.backend] if args.backend else []
    return Case(base='bench', summary='measurement', run=' '.join(words), machine=lane.base,
                config=lane_config(name, args), qemu=QEMU, timeout=TIMEOUT, memory=lane.memory,
                smp=1, accel='tcg,thread=single', append=f'hugepages={HUGE_PAGES}',
                devices=tuple(devices))


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
    folder = runner.build / 'bench'
    case = bench_case(name, args, folder)
    emulator = runner.emulators.pick(case.arch, QEMU)
    if not emulator:
        return [f'no QEMU {QEMU} for {case.arch}: other versions count differently']
    outcome = boot(LANES[name].machine, case, emulator, runner.kernel(case),
                   runner.guests[case.arch].image(case.run), folder / f'{name}.logs', Progress())
    rows = [r for r in outcome.results.splitlines() if KEPT.match(r)]
    rows = [f'fact kernel {case.config}', f'fact qemu {emulator.label}', *rows]
    (folder / f'{name}.rows').write_text('\n'.join(rows) + '\n')
    print(f'# {name}: {outcome.seconds:.0f} s', file=sys.stderr, flush=True)
    found = problems(outcome)
    if args.profile and not found:
        show_profile(runner, case, folder / f'{name}.profile', rows, args.profile)
    return found


def show_profile(runner, case, profile, rows, wanted):
    """Print the functions that a row's instructions went to."""
    sizes = [int(r.split()[3]) for r in rows if r.split()[:1] == ['row'] and r.split()[2] == wanted]
    symbols = runner.build / f'{case.arch}-{case.config}' / 'System.map'
    print(f'{wanted}, own instructions of each function', flush=True)
    subprocess.run([str(runner.top / 'tools/iommu/profile/profile_report.py'), str(symbols),
                    str(profile), '--pages', str(max([1, *[s // 4096 for s in sizes]]))],
                   check=True)


def build_plugin(runner):
    """Compile the profiler."""
    source = runner.top / 'tools/iommu/profile/profile.c'
    subprocess.run(['gcc', '-shared', '-fPIC', '-O2', '-Wall', '-o',
                    str(runner.build / 'bench/profile.so'), str(source)], check=True)


def kernels(args):
    """Kernels that the lanes need, as ARCH:CONFIG."""
    return sorted({f'{LANES[n].machine.arch}:{lane_config(n, args)}'
                   for n in args.machines.split() if n in LANES})


def run(runner, args):
    """Measure each lane that is asked for; return the exit status."""
    names = args.machines.split()
    if not names or not set(names) <= set(LANES):
        print(f'machines are {" ".join(LANES)}', file=sys.stderr)
        return 2
    runner.build = runner.build.resolve()
    folder = runner.build / 'bench'
    folder.mkdir(parents=True, exist_ok=True)
    if args.profile:
        build_plugin(runner)
    runner.prepare([bench_case(n, args, folder) for n in names])
    status = 0
    for name in names:
        for problem in measure(runner, name, args):
            print(f'bench: {name}: {problem}', file=sys.stderr)
            status = 1
    return status
