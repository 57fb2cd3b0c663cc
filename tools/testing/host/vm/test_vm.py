#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the runner of the machine tests makes of results, consoles and case files."""

import gzip
import sys
import tempfile
import time
import unittest
import unittest.mock
from pathlib import Path

VM = Path(__file__).resolve().parents[2] / 'vm'
sys.path.insert(0, str(VM))
# pylint: disable=wrong-import-position
from vmtest import (boot, case, coverage, emulator, hostfiles, initramfs, kunit, runner, splat,
                    tap, vmm)

SPLATS = (
    '[    1.0] WARNING: CPU: 0 PID: 1 at drivers/iommu/iommu.c:10 f+0x1/0x2',
    '[    1.0] WARNING: possible circular locking dependency detected',
    '[    1.0] BUG: KASAN: use-after-free in f+0x1/0x2',
    '[    1.0] BUG: sleeping function called from invalid context at a.c:1',
    '[    1.0] BUG: unable to handle page fault for address: 0000',
    '[    1.0] UBSAN: shift-out-of-bounds in a.c:1:2',
    '[    1.0] Unable to handle kernel NULL pointer dereference at 0',
    '[    1.0] kernel BUG at mm/gup.c:1!',
    '[    1.0] INFO: task iommu:12 blocked for more than 120 seconds.',
    '[    1.0] rcu: INFO: rcu_sched self-detected stall on CPU',
    '[    1.0] Kernel panic - not syncing: x',
    '[    1.0] refcount_t: underflow; use-after-free.',
    'unreferenced object 0xffff888003f0a000 (size 64):',
    '[    1.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s!',
)
QUIET = (
    '[    1.0] DMAR: [DMA Write NO_PASID] Request device [00:03.0] fault addr 0x1000',
    '[    1.0] arm-smmu-v3 9050000.smmuv3: event 0x10 received:',
    '[    1.0] Linux version 6.1.192 DEBUG',
    '[    1.0] kmemleak: Automatic memory scanning thread started',
)
KTAP = '''[    0.5] TAP version 14
[    0.5] 1..2
[    0.5]     # Subtest: first
[    0.5]     1..2
[    0.5]     ok 1 - good
[    0.5]     not ok 2 - bad
[    0.5] not ok 1 - first
[    0.5]     # Subtest: second
[    0.5]     1..1
[    0.5]     ok 1 - other # SKIP no hardware
[    0.5] ok 2 - second
'''


def states(report):
    """States of a report's results."""
    return [r.state for r in report.results]


class TapTest(unittest.TestCase):
    """Results of guest programs."""

    def parse(self, body, status=0, end='@done\n'):
        """Report of one program's output."""
        return tap.parse(f'@begin p\n{body}@end {status} p\n{end}')

    def test_results_are_counted_one_by_one(self):
        report = self.parse('ok 1 - a\nok 2 - b # SKIP none\nnot ok 3 - c\n1..3\n', 1)
        self.assertEqual(states(report), ['passed', 'skipped', 'failed'])
        self.assertTrue(report.complete)

    def test_lost_result_fails(self):
        self.assertTrue(self.parse('ok 1 - a\n1..2\n').failed())

    def test_silent_program_fails(self):
        self.assertTrue(self.parse('').failed())

    def test_unexplained_exit_status_fails(self):
        self.assertTrue(self.parse('ok 1 - a\n1..1\n', 3).failed())
        self.assertTrue(self.parse('ok 1 - a\n1..1\n', -11).failed())

    def test_skip_of_a_whole_program(self):
        self.assertEqual(states(self.parse('1..0 # SKIP no device\n', 4)), ['skipped'])

    def test_program_that_never_ends_fails(self):
        report = tap.parse('@begin p\nok 1 - a\n')
        self.assertTrue(report.failed())
        self.assertFalse(report.complete)

    def test_text_outside_programs_is_no_result(self):
        self.assertEqual(tap.parse('not ok 1 - stray\n@done\n').results, [])


class SplatTest(unittest.TestCase):
    """Complaints of the kernel."""

    def test_each_complaint_is_found(self):
        for row in SPLATS:
            self.assertEqual(splat.find(row), [row])

    def test_ordinary_lines_are_not(self):
        for row in QUIET:
            self.assertEqual(splat.find(row), [])

    def test_allowed_complaint_is_counted(self):
        rule = ((1, 'at drivers/iommu/iommu.c:10'),)
        self.assertEqual(splat.find(SPLATS[0], rule), [])
        self.assertEqual(len(splat.find(SPLATS[0] + '\n' + SPLATS[0], rule)), 1)
        self.assertEqual(len(splat.find('', rule)), 1)


class KunitTest(unittest.TestCase):
    """KUnit's results on the console."""

    def parse(self, console, suites):
        """Report of a console."""
        report = tap.Report()
        kunit.parse(console, suites, report)
        return report

    def test_tests_are_counted_one_by_one(self):
        report = self.parse(KTAP, ['first', 'second'])
        self.assertEqual(states(report), ['passed', 'failed', 'skipped'])

    def test_suite_that_says_nothing_fails(self):
        self.assertTrue(self.parse(KTAP.replace('not ok', 'ok'), ['first', 'third']).failed())

    def test_no_suite_fails(self):
        self.assertTrue(self.parse('', []).failed())


class CaseTest(unittest.TestCase):
    """Case files."""

    def read(self, text):
        """Cases of a file with this text."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'sample.case'
            path.write_text(text)
            return case.read_case(path)

    def test_a_case_is_multiplied_by_its_machines(self):
        found = self.read('summary = s\non = vtd:run amd:debug\non = vtd:run@7.2\nrun = p\n')
        self.assertEqual([c.name for c in found],
                         ['sample/vtd/run', 'sample/amd/debug', 'sample/vtd/run@7.2'])

    def test_words_for_programs_reach_the_machine(self):
        found = self.read('summary = s\non = vtd:run\nrun = p\ntimeout = 90\n')[0]
        found = runner.with_words(found, {'IOMMUFD_SECONDS': '100', 'HOME': '/', 'IOMMUFD_A': 'b'})
        self.assertEqual((found.append, found.timeout),
                         ('IOMMUFD_SECONDS=100 IOMMUFD_A=b', 190))

    def test_mistakes_are_refused(self):
        for text in ('summary = s\nrun = p\n', 'summary = s\non = moon:run\nrun = p\n',
                     'summary = s\non = vtd:fast\nrun = p\n', 'colour = red\n'):
            with self.assertRaises(case.CaseError):
                self.read(text)

    def test_every_case_in_the_tree_is_good(self):
        self.assertTrue(case.read_cases(VM / 'cases'))

    def test_selection(self):
        self.assertTrue(case.selects('type1', 'type1-dma/vtd/run'))
        self.assertTrue(case.selects('*/vtd/*', 'type1-dma/vtd/run'))
        self.assertFalse(case.selects('amd', 'type1-dma/vtd/run'))

    def test_emulator_versions(self):
        self.assertTrue(emulator.fits((7, 2, 22), '7.2'))
        self.assertFalse(emulator.fits((7, 2, 22), '>=10.0'))
        self.assertTrue(emulator.fits((11, 1, 3), '>=10.0'))


class VmmTest(unittest.TestCase):
    """Emulators as VMMs in the machine."""

    def test_loader_of_an_unpacked_emulator(self):
        found = emulator.Emulator(('/f/ld.so', '--argv0', '/f/qemu-system-x86_64',
                                   '--library-path', '/f/a:/f/b', '/f/qemu-system-x86_64',
                                   '-L', '/f/share'), (11, 1, 3))
        self.assertEqual(vmm.loader_words(found), ['/f/ld.so', '--library-path', '/f/a:/f/b'])
        self.assertEqual(vmm.program(found), '/f/qemu-system-x86_64')

    def test_loader_of_an_installed_emulator(self):
        found = emulator.Emulator(('/usr/bin/qemu-system-x86_64',), (7, 2, 22))
        self.assertEqual(vmm.loader_words(found), ['/lib64/ld-linux-x86-64.so.2'])

    def test_archive_is_found_behind_a_compressed_one(self):
        with tempfile.TemporaryDirectory() as folder:
            first, target = Path(folder) / 'first', Path(folder) / 'target'
            first.write_bytes(b'12345')
            with unittest.mock.patch.object(vmm, 'archive', return_value=b'archive'):
                vmm.add(first, None, None, None, target)
            self.assertEqual(target.read_bytes(), b'12345\0\0\0archive')


class BootTest(unittest.TestCase):
    """Which boots are tried once more."""

    def boots(self, console, timed_out=True):
        """How often a case is booted whose console ends like this."""
        one = case.Case('x', '', '', machine='vtd', config='debug')
        outcome = boot.Outcome('', console, '', 1.0, timed_out, 0)
        tried = runner.Runner(VM, VM, None)
        with unittest.mock.patch.object(runner, 'boot', return_value=outcome) as booted, \
             unittest.mock.patch.object(tried, 'initrd_of'), unittest.mock.patch('builtins.print'):
            tried.boot(one, None)
        return booted.call_count

    def test_a_kernel_without_a_tick_is_booted_again(self):
        still = f'[1.0] first\n[3.1] {boot.NO_TICK}\n'
        self.assertEqual(self.boots(still), runner.MAX_BOOTS)
        self.assertEqual(self.boots(f'{still}[85.6] {boot.TICKLESS}\n'), runner.MAX_BOOTS)

    def test_a_kernel_that_stops_later_is_not(self):
        self.assertEqual(self.boots(f'{boot.NO_TICK}\n[ 3.2] smp: Bringing up'), 1)
        self.assertEqual(self.boots(''), 1)

    def test_one_that_ended_is_not(self):
        self.assertEqual(self.boots(boot.NO_TICK, timed_out=False), 1)

    def test_one_that_stands_still_is_not_waited_for(self):
        with tempfile.NamedTemporaryFile('w', suffix='.log') as console:
            still = boot.Stillness(console.name, 0.2)
            self.assertFalse(still.lasts())
            console.write(f'[3.1] {boot.NO_TICK}\n')
            console.flush()
            self.assertFalse(still.lasts())
            time.sleep(0.3)
            self.assertTrue(still.lasts())
            console.write('[3.2] smp: Bringing up\n')
            console.flush()
            self.assertFalse(still.lasts())


class HostFilesTest(unittest.TestCase):
    """Programs of the host in an initramfs."""

    def test_a_program_brings_its_libraries_and_folders(self):
        entries = gzip.decompress(hostfiles.archive(['/usr/bin/env']))
        for name in (b'usr/bin/env', b'/libc.so.6', b'/ld-linux', b'usr/bin', b'usr'):
            self.assertIn(name + b'\0' if b'ld-' not in name else name, entries)

    def test_what_is_missing_is_named(self):
        self.assertEqual(hostfiles.missing(['/usr/bin/env', '/no/such']), ['/no/such'])


class CoverageTest(unittest.TestCase):
    """Line counts."""

    FILE = '/b/drivers/iommu/iommufd/main.gcda'

    def counted(self, *counts):
        """Coverage after boots that ran the lines 1, 2, ... of a file so many times."""
        found = coverage.Coverage('.', '.')
        for boot in counts:
            lines = [{'line_number': n, 'count': c} for n, c in enumerate(boot, 1)]
            found.add_counts({'files': [
                {'file': f'/t/drivers/iommu/iommufd/{name}', 'lines': lines}
                for name in ('main.c', 'mock_iommu.c', 'tests/object-test.c', 'store.h')]})
        return found.lines

    def test_counts_of_boots_add_up_and_mock_and_tests_do_not_count(self):
        self.assertEqual(self.counted((0, 1, 0), (0, 2, 3)),
                         {'drivers/iommu/iommufd/main.c': {1: 0, 2: 3, 3: 3}})

    def test_files_are_put_together_from_their_lines(self):
        rows = f'# gcda {self.FILE} YWJj\r\n# other\n# gcda {self.FILE} ZA==\n'
        self.assertEqual(coverage.files_of(rows), {self.FILE: b'abcd'})

    def test_boot_without_counts_is_a_problem(self):
        found = coverage.Coverage('.', '.')
        found.add('a', 'ok 1 - b\n')
        self.assertTrue(found.problems)

    def test_ranges(self):
        self.assertEqual(coverage.ranges({5, 3, 4, 9}), '3-5 9')


class GuestTest(unittest.TestCase):
    """Guest programs from the tree."""

    def test_each_program_of_a_glob_is_linked_with_the_library(self):
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            for name in ('tools/testing/vm/guest/sources', 'build/tree/s/a_test.c',
                         'build/tree/s/b_test.c', 'build/tree/s/util.c'):
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).write_text('*: s/*_test.c + s/*.c\n')
            found = initramfs.Guest('x86_64', top, top / 'build').programs()
        self.assertEqual({k: [p.name for p in v] for k, v in found.items()},
                         {'a_test': ['a_test.c', 'util.c'], 'b_test': ['b_test.c', 'util.c']})


if __name__ == '__main__':
    unittest.main(verbosity=1)
