# SPDX-License-Identifier: GPL-2.0-only
"""The main job: read a disk from user space through an emulated IOMMU.

What the guest program prints goes to the terminal as it comes.  It must print
`sha256 HEX` of what it read; the host compares, looks on the console for the
IOMMU's report of the stray access, and prints the verdict.
"""

import os
import re
import sys

from . import disk, splat, tap
from .boot import boot
from .case import Case, read_case
from .machine import MACHINES, Unavailable

CONFIG = 'run'
STOCK = '7.2'
IMAGE_MIB = 64
COMMAND = 'nvme_read --bdf auto --sha256'
# Cases in which the disk belongs to the guest of a VMM, by IOMMU
NESTED = {'smmuv3': 'vmm-smmuv3-accel.case'}
CONTROL = re.compile(rb'^(?:@|1\.\.\d|TAP version)')

# What each IOMMU driver prints of an access that it blocked.
FAULT = re.compile(r'(DMAR: \[DMA.*fault addr.*|AMD-Vi: Event logged \[IO_PAGE_FAULT.*|'
                   r'arm-smmu-v3 \S+: event 0x\w\w received.*|'
                   r'virtio_iommu \S+: \w+ fault from EP.*)')


class Terminal:
    """Shows the guest's output without the lines meant for the runner."""

    def __init__(self):
        self.rest = b''

    def __call__(self, data):
        *lines, self.rest = re.split(rb'(?<=[\r\n])', self.rest + data)
        for line in lines:
            if not CONTROL.match(line):
                sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def job_case(machine, image):
    """The main job as a case."""
    return Case(base='run', summary='main job', run=COMMAND, machine=machine, config=CONFIG,
                qemu=STOCK, timeout=600, memory='1G',
                devices=(f'-drive if=none,id=disk,format=raw,readonly=on,file={image}',
                         'nvme,serial=disk,drive=disk',
                         'edu,dma_mask=0xffffffffffffffff'))


def fault_row(console, machine, emulator):
    """The IOMMU's own report of the stray access, where the emulator makes one."""
    found = FAULT.search(console)
    if found:
        return ('fault', True, found[1].strip())
    if machine == 'amd' and emulator.version < (11, 0):
        return ('fault', True, f'QEMU {emulator.label} reports no AMD-Vi event to Linux')
    return ('fault', False, 'the IOMMU reported none')


def verdict(outcome, want):
    """[(what, good, detail)] of a run."""
    report = tap.parse(outcome.results)
    got = re.findall(r'sha256\W+([0-9a-f]{64})', outcome.results, re.I)
    failed = [r for r in report.results if r.state == 'failed']
    complaints = splat.find(outcome.console)
    ended = 'timeout' if outcome.timed_out else outcome.errors or 'no end'
    return [
        ('SHA-256', set(got) == {want}, f'host {want}'),
        ('guest', report.complete and not failed,
         'ended well' if report.complete else ended),
        ('kernel', not complaints, complaints[0] if complaints else 'no complaint'),
    ]


def show(runner, case, emulator, initrd, want):
    """Boot, with the output on the terminal, and print the verdict; return the exit status."""
    outcome = boot(MACHINES[case.machine], case, emulator, runner.kernel(case), initrd,
                   runner.folder(case), Terminal())
    rows = verdict(outcome, want)
    rows.append(fault_row(outcome.console, case.machine, emulator))
    print()
    for what, good, detail in rows:
        print(f'{"ok" if good else "FAILED":6} {what:8} {detail}')
    print(f'       {"time":8} {outcome.seconds:.1f} s from power on to power off')
    good = all(row[1] for row in rows)
    if not good:
        print(f'logs: {runner.folder(case)}')
    return 0 if good else 1


def run(runner, machine, image):
    """Run the main job; return the exit status."""
    if machine not in MACHINES or not MACHINES[machine].translates:
        print(f'IOMMU={machine}: one of vtd, vtd-sm, amd, smmuv3')
        return 2
    image = os.path.abspath(image) if image else str(
        disk.generate(runner.build / f'disk-{IMAGE_MIB}M.img', IMAGE_MIB))
    case = job_case(machine, image)
    runner.prepare([case])
    emulator = (runner.emulators.pick(case.arch, STOCK)
                or runner.emulators.pick(case.arch, 'any'))
    if not emulator:
        print(f'no QEMU for {case.arch}')
        return 2
    print(f'{image} through {machine}, QEMU {emulator.label}', flush=True)
    return show(runner, case, emulator, runner.guests[case.arch].image(case.run),
                disk.sha256(image))


def run_nested(runner, machine, image, cases):
    """Run the main job in the guest of a VMM, as the test does; return the exit status."""
    if machine not in NESTED:
        print(f'NESTED=1 IOMMU={machine}: one of {" ".join(NESTED)}')
        return 2
    case = read_case(cases / NESTED[machine])[0]
    image = os.path.abspath(image) if image else str(
        disk.generate(runner.build / f'disk-{case.disk_mib}M.img', case.disk_mib))
    case = runner.with_disk(case, image)
    runner.prepare([case])
    emulator = runner.emulators.pick(case.arch, case.qemu)
    if not emulator:
        print(runner.emulators.absent(case.qemu))
        return 2
    try:
        initrd = runner.initrd_of(case)
    except Unavailable as err:
        print(err)
        return 2
    print(f'{image} through stage 1 of a guest and {machine}, QEMU {emulator.label}', flush=True)
    return show(runner, case, emulator, initrd, disk.sha256(image))
