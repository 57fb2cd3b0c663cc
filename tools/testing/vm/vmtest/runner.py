# SPDX-License-Identifier: GPL-2.0-only
"""Running cases and reporting them as TAP."""

import concurrent.futures
import os
import re
import shutil
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from . import coverage, diagnostics, disk, hostfiles, kunit, splat, tap, together, vmm
from .boot import boot, stands_still
from .initramfs import Guest, modules_archive
from .machine import MACHINES, Unavailable

IMAGE = {'x86_64': 'arch/x86/boot/bzImage', 'arm64': 'arch/arm64/boot/Image'}
VMM_INIT = 'tools/testing/vm/vmm/init-'
# Guest programs for the VMM's guest, too
VMM_PROGRAMS = {'x86_64': (), 'arm64': ('nvme_read',)}
DEBUG_SLOWER = 3
DEBUG_MEMORY = '2G'
COVERAGE_SECONDS = 60
FOR_PROGRAMS = 'IOMMUFD_'
LENGTH = 'IOMMUFD_SECONDS'
# How often a machine is booted whose timer stands still
MAX_BOOTS = 3


def with_words(case, words):
    """The case with what the environment has for guest programs, and the time to do it."""
    words = {k: v for k, v in words.items() if k.startswith(FOR_PROGRAMS)}
    return replace(case, timeout=case.timeout + int(words.get(LENGTH) or 0),
                   append=' '.join([case.append, *(f'{k}={v}' for k, v in words.items())]).strip())


class Runner:
    """Runs cases with the kernels and programs under a build folder."""

    def __init__(self, top, build, emulators):
        self.top, self.build, self.emulators = Path(top), Path(build), emulators
        self.guests = {}
        self.pinned = set()
        self.with_vmm = set()
        self.coverage = None
        self.count = {'passed': 0, 'failed': 0, 'skipped': 0}
        self.number = 0
        self.wrong = []
        self.lock = threading.Lock()

    def kernel(self, case):
        """Kernel image of a case."""
        return self.built(case) / IMAGE[case.arch]

    def built(self, case):
        """Folder of the kernel that a case runs on."""
        return self.build / f'{case.arch}-{"coverage" if self.coverage else case.config}'

    def prepare(self, cases):
        """Build the programs of each architecture that the cases need."""
        for case in cases:
            if case.arch not in self.guests:
                self.guests[case.arch] = Guest(case.arch, self.top, self.build)
                self.guests[case.arch].image(case.run)

    def folder(self, case):
        """Folder of a case's logs."""
        return self.build / 'logs' / case.name

    def with_disk(self, case, image=None):
        """The case with {disk} and {sha256} filled in, where it names them."""
        if not any('{disk}' in d for d in case.devices):
            return case
        with self.lock:
            image = image or disk.generate(self.build / f'disk-{case.disk_mib}M.img',
                                           case.disk_mib)
        return replace(case, run=case.run.replace('{sha256}', disk.sha256(image)),
                       devices=tuple(d.replace('{disk}', str(image)) for d in case.devices))

    def judge(self, case, outcome):
        """Report of one boot: guest results, splats, how it ended."""
        report = tap.parse(outcome.results)
        if case.kind == 'kunit':
            report.results.clear()
            kunit.parse(outcome.console, kunit.suites_of(outcome.results), report)
        diagnostics.explain(report, outcome.console)
        owners = diagnostics.leaks(outcome.console, outcome.results)
        for line in splat.find(outcome.console, case.splats):
            report.add('console', 'failed', '\n'.join(filter(None, [line.strip(),
                                                                    owners.get(line)])))
        for count, pattern in case.traced:
            seen = len(re.findall(pattern, outcome.errors))
            report.add(f'trace of the emulator: {pattern}',
                       'passed' if seen >= count else 'failed', f'{seen} times, not {count}')
        if outcome.timed_out:
            tasks = ' '.join(diagnostics.blocked(outcome.console)) or 'none'
            report.add('timeout', 'failed', f'{outcome.seconds:.0f} s; blocked tasks: {tasks}')
        elif outcome.status:
            report.add('emulator', 'failed', f'exit status {outcome.status}: {outcome.errors}')
        elif not report.complete:
            report.add('end', 'failed', 'the machine stopped before the tests ended')
        return report

    def initrd_with_vmm(self, case):
        """Initramfs with the VMM that a case asks for."""
        emulator = self.emulators.vmm(case.arch, case.vmm)
        if not emulator:
            raise Unavailable(self.emulators.no_vmm(case.arch, case.vmm))
        target = self.build / f'vmm-{case.arch}-{emulator.label}.initrd'
        guest = self.guests[case.arch]
        with self.lock:
            if target not in self.with_vmm:
                image = guest.image()
                vmm.add(image, emulator, self.top / f'{VMM_INIT}{case.arch}', self.kernel(case),
                        target, [guest.bindir / name for name in VMM_PROGRAMS[case.arch]])
                self.with_vmm.add(target)
        return target

    def more_files(self, case):
        """Archive with kernel modules in /lib and programs of the host that a case names."""
        missing = hostfiles.missing(case.host)
        if missing:
            raise Unavailable(f'no {missing[0]} here')
        if case.host and os.uname().machine != case.arch:
            raise Unavailable('programs of this host do not run in the machine')
        built = self.built(case)
        files = modules_archive([built / name for name in case.modules]) if case.modules else b''
        return files + (hostfiles.archive(case.host) if case.host else b'')

    def initrd_of(self, case):
        """Initramfs of a case: with its VMM, or with the modules and programs that it names."""
        if case.vmm:
            return self.initrd_with_vmm(case)
        programs, more = self.guests[case.arch].image(case.run), self.more_files(case)
        if not more:
            return programs
        self.folder(case).mkdir(parents=True, exist_ok=True)
        image = self.folder(case) / 'initramfs.gz'
        image.write_bytes(programs.read_bytes() + more)
        return image

    def boot(self, case, emulator):
        """Boot a case, and again if no tick of its timer came; return the Outcome."""
        args = (MACHINES[case.machine], case, emulator, self.kernel(case), self.initrd_of(case),
                self.folder(case))
        for _ in range(MAX_BOOTS - 1):
            outcome = boot(*args)
            if not outcome.timed_out or not stands_still(outcome.console):
                return outcome
            with self.lock:
                print(f'# {case.name}: booted again, no tick after {outcome.seconds:.0f} s')
        return boot(*args)

    def refused(self, case):
        """Report of a case that cannot be booted here, or None."""
        report = tap.Report()
        emulator = self.emulators.pick(case.arch, case.qemu)
        if not emulator:
            report.add('emulator', 'skipped', self.emulators.absent(case.qemu))
        elif (case.qemu == 'any' and
              (case.base, case.machine, case.config, emulator.version[:2]) in self.pinned):
            report.add('emulator', 'skipped', f'only QEMU {emulator.label} here, which '
                       'a case of its own covers')
        elif not self.kernel(case).exists():
            report.add('kernel', 'failed', f'not built: {self.kernel(case)}')
        else:
            return None
        return report

    def prepared(self, case):
        """The case as it is booted, with its disk, on its kernel."""
        if case.config == 'debug':
            case = replace(case, timeout=case.timeout * DEBUG_SLOWER,
                           memory=DEBUG_MEMORY if case.memory == '1G' else case.memory)
        case = with_words(case, os.environ)
        if self.coverage:
            case = replace(case, run=f'{case.run} ; {coverage.PROGRAM}',
                           timeout=case.timeout + COVERAGE_SECONDS)
        return self.with_disk(case)

    def run_together(self, cases):
        """Boot one machine for some cases; return their Reports, None of one to boot again."""
        case = self.prepared(together.joined(cases))
        shutil.rmtree(self.folder(case), ignore_errors=True)
        try:
            outcome = self.boot(case, self.emulators.pick(case.arch, case.qemu))
        except Unavailable as err:
            report = tap.Report()
            report.add('emulator', 'skipped', str(err))
            return [report] * len(cases)
        if self.coverage:
            with self.lock:
                self.coverage.add(case.name, outcome.results)
        return [part and self.judge(one, part)
                for one, part in zip(cases, together.parted(cases, outcome))]

    def show(self, case, report):
        """Print the results of a case and count them."""
        for result in report.results:
            self.number += 1
            self.count[result.state] += 1
            word = 'not ok' if result.state == 'failed' else 'ok'
            note = f' # SKIP {result.note}' if result.state == 'skipped' else ''
            print(f'{word} {self.number} - {case.name}: {result.name}{note}')
            if result.state == 'failed':
                rows = [f'# {row}' for row in result.note.splitlines()]
                print(*rows, sep='\n', end='\n' if rows else '')
                self.wrong.append((f'{case.name}: {result.name}', rows))

    def show_boot(self, cases, reports, seconds):
        """Print the results of one boot, drop its logs if they are good; return the cases
        that it did not come to."""
        again = [c for c, report in zip(cases, reports) if not report]
        done = [(c, report) for c, report in zip(cases, reports) if report]
        with self.lock:
            for case, report in done:
                self.show(case, report)
            print(f'# {" ".join(c.name for c in cases)}: {seconds:.0f} s')
            if again:
                print(f'# that ended with {done[-1][0].name}; each alone: '
                      + ' '.join(c.name for c in again))
            if any(report.failed() for _, report in done):
                print(f'# logs: {self.folder(cases[0])}')
            elif not os.environ.get('KEEP'):
                shutil.rmtree(self.folder(cases[0]), ignore_errors=True)
            sys.stdout.flush()
        return again

    def show_wrong(self):
        """Print all that failed once more, with what was expected and seen."""
        for name, rows in self.wrong:
            print(f'# failed: {name}', *(f'#    {row[1:]}' for row in rows), sep='\n')

    def guarded(self, cases):
        """Boot some cases and show their results, an error of the harness as a failure of
        the first; return those to boot again."""
        start = time.monotonic()
        try:
            reports = self.run_together(cases)
        except Exception as err:        # pylint: disable=broad-except
            report = tap.Report()
            report.add('harness', 'failed', f'{type(err).__name__}: {err}')
            reports = [report, *[None] * (len(cases) - 1)]
        return self.show_boot(cases, reports, time.monotonic() - start)

    def run_groups(self, groups, jobs):
        """Boot groups of cases, each case that a boot did not come to once more alone."""
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            waiting = [pool.submit(self.guarded, group) for group in groups]
            again = [[case] for done in concurrent.futures.as_completed(waiting)
                     for case in done.result()]
        if again:
            self.run_groups(again, jobs)

    def run(self, cases, jobs):
        """Run all cases; return the exit status."""
        print('TAP version 13')
        self.prepare(cases)
        self.pinned = {(c.base, c.machine, c.config, tuple(map(int, c.qemu.split('.'))))
                       for c in cases if c.qemu[0].isdigit()}
        refused = {c: self.refused(c) for c in cases}
        for case, report in refused.items():
            if report:
                self.show(case, report)
        self.run_groups(together.groups([c for c in cases if not refused[c]]), jobs)
        print(f'1..{self.number}')
        self.show_wrong()
        print('{passed} passed, {failed} failed, {skipped} skipped'.format(**self.count))
        return 1 if self.count['failed'] or not self.count['passed'] else 0
