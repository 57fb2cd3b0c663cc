#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the runner of the machine tests makes of results, consoles and case files."""

import contextlib
import gzip
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
from pathlib import Path

VM = Path(__file__).resolve().parents[2] / 'vm'
LIBRARY = VM.parent / 'selftests/iommu/lib'
HOST, SCRIPTS = VM.parent / 'host', VM.parents[2] / 'scripts'
sys.path[:0] = [str(VM), str(SCRIPTS)]
# pylint: disable=wrong-import-position
import unit
from vmtest import (boot, case, coverage, diagnostics, emulator, foreign, hostfiles, initramfs,
                    kunit, machine, runner, splat, tap, vmm)

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

WHY = """[    0.5]     # Subtest: first
[    0.5]     1..1
[    0.5]     # bad: EXPECTATION FAILED at a.c:3
[    0.5]     Expected want == got, but
[    0.5]         want == 1
[    0.5]         got == 2
[    0.5]     not ok 1 - bad
[    0.5] not ok 1 - first
"""
HARNESS = """@begin a_test 100
TAP version 13
#  RUN           f.one ...
# pid 101
#          FAIL  f.one
not ok 1 f.one
#  RUN           f.two ...
# pid 105
#            OK  f.two
ok 2 f.two
1..2
@end 1 a_test
@begin b_test 120
#  RUN           f.one ...
# pid 121
#          FAIL  f.one
not ok 1 f.one
1..1
@end 1 b_test
@done
"""
LEAK = 'unreferenced object 0xffff888003f0a000 (size 64):'
CONSOLE = f"""[    1.0] something
# a_test.c:12:one:Expected -ENOMEM (-12) == call() (0)
# tools/b_test.c:7:one:Expected 1 (1) == 2 (2)
# one: Test terminated by timeout
# one: Test terminated by timeout
{LEAK}
  comm "a_test", pid 107, jiffies 4294 (age 1.0s)
"""
# A machine that prints a result and does not end until somebody asks for stacks.
STUCK = """
import sys, time
console = sys.argv[sys.argv.index('-serial') + 1].partition(':')[2]
print('@begin p 1', flush=True)
if {answers}:
    sys.stdin.read(1)
    open(console, 'w').write('[ 9.0] task:stuck_test      state:D stack:0\\n')
    print('@stacks', flush=True)
time.sleep(1000)
"""
PARTS = """
#include <errno.h>
#include <fcntl.h>
#include "lib/expect.h"
#include "lib/tap.h"
static int kept;
static void first(void)
{
	kept = open("/dev/null", O_RDONLY);
	must(-EBUSY, "first");
	tap_ok(false, "not reached");
}
static void second(int fd)
{
	tap_ok(fcntl(kept, F_GETFD) < 0, "closed");
	tap_ok(fcntl(fd, F_GETFD) >= 0, "still open");
}
int main(void)
{
	int fd = open("/dev/null", O_RDONLY);

	PART(first());
	PART(second(fd));
	must(-EIO, "no part");
	return 77;
}
"""


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

    def test_program_that_begins_before_the_end_of_another_hides_nothing(self):
        report = tap.parse('@begin p\nnot ok 1 - a\nok 2 - b@end 1 p\n@begin q\nok 1 - c\n'
                           '@end 0 q\n@done\n')
        self.assertEqual([r.name for r in report.results if r.state == 'failed'],
                         ['p: a', 'p: end'])
        self.assertIn('q: c', [r.name for r in report.results])

    def test_text_outside_programs_is_no_result(self):
        self.assertEqual(tap.parse('not ok 1 - stray\n@done\n').results, [])


    def test_comments_after_a_failed_result_belong_to_it(self):
        report = self.parse('not ok 1 - a\n# wanted 1\n# is 2\n#  RUN   x ...\nok 2 - b\n# more\n'
                            '1..2\n', 1)
        self.assertEqual([r.note for r in report.results], ['wanted 1\nis 2', ''])


class DiagnosticsTest(unittest.TestCase):
    """Why checks failed, and whose memory was left."""

    def judged(self, console=CONSOLE, timed_out=False):
        """Report of a boot of two programs of the kselftest harness."""
        outcome = boot.Outcome(HARNESS, console, '', 1.0, timed_out, 0)
        return runner.Runner(VM, VM, None).judge(case.Case('x', '', ''), outcome)

    def note(self, name, **words):
        """Note of a result of them."""
        return next(r.note for r in self.judged(**words).results if r.name == name)

    def test_expected_and_actual_values_are_beside_the_result(self):
        self.assertEqual(self.note('a_test: f.one'),
                         'a_test.c:12: Expected -ENOMEM (-12) == call() (0)\n'
                         'Test terminated by timeout')
        self.assertIn('b_test.c:7: Expected 1 (1) == 2 (2)', self.note('b_test: f.one'))

    def test_a_leak_names_its_test(self):
        self.assertEqual(self.note('console'),
                         f'{LEAK}\nallocated by a_test: f.two (a_test, pid 107)')
        self.assertIn('allocated by b_test: f.one (x',
                      self.note('console', console=CONSOLE.replace('"a_test", pid 107',
                                                                   '"x", pid 121')))
        self.assertIn('no test', self.note('console', console=CONSOLE.replace('pid 107', 'pid 7')))

    def test_kunit_too(self):
        report = tap.Report()
        kunit.parse(WHY, ['first'], report)
        self.assertIn('want == 1\ngot == 2', report.results[0].note.replace('    ', ''))

    def test_the_end_of_a_run_repeats_them(self):
        one = runner.Runner(VM, VM, None)
        with unittest.mock.patch.object(one, 'prepare'), \
             unittest.mock.patch.object(one, 'refused', return_value=None), \
             unittest.mock.patch.object(one, 'run_together', return_value=[self.judged()]), \
             contextlib.redirect_stdout(io.StringIO()) as out:
            one.run([case.Case('x', '', '', machine='vtd', config='debug')], 1)
        end = out.getvalue().partition('1..')[2]
        for words in ('failed: x/vtd/debug: a_test: f.one', 'Expected -ENOMEM (-12) == call() (0)',
                      'allocated by a_test: f.two'):
            self.assertIn(words, end)
        self.assertNotIn('b_test: f.two', end)


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

    def test_libraries_of_a_foreign_emulator(self):
        """Its libraries are found without running it, each once, below one folder."""
        linked = {'qemu': ['libb.so.1', 'libc.so.6'], 'libb.so.1': ['libc.so.6', 'libd.so.2'],
                  'libc.so.6': ['ld-linux-aarch64.so.1'], 'libd.so.2': [],
                  'ld-linux-aarch64.so.1': []}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path in ('libb.so.1', 'libc.so.6', 'sub/libd.so.2', 'ld-linux-aarch64.so.1'):
                (folder / path).parent.mkdir(exist_ok=True)
                (folder / path).touch()
            with unittest.mock.patch.object(foreign, 'needed', lambda path: linked[path.name]):
                found = foreign.closure(folder / 'qemu', folder)
                (folder / 'libc.so.6').unlink()
                self.assertRaises(FileNotFoundError, foreign.closure, folder / 'qemu', folder)
        self.assertEqual(found, {'libb.so.1': folder / 'libb.so.1',
                                 'libc.so.6': folder / 'libc.so.6',
                                 'libd.so.2': folder / 'sub/libd.so.2',
                                 'ld-linux-aarch64.so.1': folder / 'ld-linux-aarch64.so.1'})

    def test_needed(self):
        """What readelf says is read, for a file of any architecture."""
        self.assertIn('libc.so.6', foreign.needed(shutil.which('readelf')))

    def test_foreign_emulator(self):
        """It is known by its files; without them the reason is what its download left."""
        with tempfile.TemporaryDirectory() as name:
            known = emulator.Emulators(f'{name}/qemu')
            arch = 'arm64'
            self.assertIsNone(known.vmm(arch, '>=11.0'))
            Path(f'{name}/qemu-arm64.failed').write_text('no apt source\n')
            self.assertIn('no apt source', known.no_vmm(arch, '>=11.0'))
            program = Path(f'{name}/qemu-arm64/usr/bin/qemu-system-aarch64')
            program.parent.mkdir(parents=True)
            program.write_bytes(b'\0QEMU emulator version 11.1.3 (Debian)\0')
            self.assertEqual(known.vmm(arch, '>=11.0').label, '11.1.3')
            self.assertIsNone(known.vmm(arch, '>=12.0'))


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


class StacksTest(unittest.TestCase):
    """A machine that does not end."""

    def stuck(self, answers):
        """Outcome of one, which answers the question for stacks or does not."""
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / 'program'
            program.write_text(STUCK.format(answers=answers))
            fake = emulator.Emulator((sys.executable, str(program)), (11, 0, 0))
            one = case.Case('x', '', 'p', machine='none', config='run', timeout=1)
            with unittest.mock.patch.object(boot, 'STACKS_SECONDS', 1), \
                 unittest.mock.patch.dict(os.environ, TIMEOUT_SCALE='1'):
                return boot.boot(machine.MACHINES['none'], one, fake, 'k', 'i', folder)

    def test_leaves_the_stacks_of_its_tasks(self):
        outcome = self.stuck(True)
        self.assertTrue(outcome.timed_out)
        self.assertEqual(diagnostics.blocked(outcome.console), ['stuck_test'])
        report = runner.Runner(VM, VM, None).judge(case.Case('x', '', ''), outcome)
        self.assertTrue([r for r in report.results if r.name == 'timeout' and
                         'stuck_test' in r.note])

    def test_that_does_not_answer_is_stopped(self):
        self.assertTrue(self.stuck(False).timed_out)


class PartTest(unittest.TestCase):
    """Guest programs after a refusal."""

    def test_the_next_part_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            source, program = Path(folder) / 'p.c', Path(folder) / 'p'
            source.write_text(PARTS)
            flags = [f for f in initramfs.CFLAGS if f != '-static']
            subprocess.run(['gcc', *flags, f'-I{LIBRARY.parent}', '-o',
                            str(program), str(source), str(LIBRARY / 'expect.c'),
                            str(LIBRARY / 'tap.c')], check=True)
            done = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual([row.partition(' - ')[2] for row in done.stdout.splitlines()[:-1]],
                         ['first: Device or resource busy', 'closed', 'still open',
                          'no part: Input/output error'])
        self.assertEqual(done.returncode, 1)

    def test_every_part_of_a_program_that_needs_something_is_one(self):
        for path in sorted((VM / 'guest').glob('*.c')):
            text = path.read_text()
            if 'must(' in text:
                self.assertIn('PART(', text, path.name)


class LimitTest(unittest.TestCase):
    """Tests without a kernel that do not end."""

    HANG = 'check:\n\t@echo begun\n\t@sleep 1000\n'

    def test_a_folder_is_ended(self):
        with tempfile.TemporaryDirectory() as folder, \
             unittest.mock.patch.dict(os.environ, UNIT_SECONDS='1', TIMEOUT_SCALE='1'):
            (Path(folder) / 'Makefile').write_text(self.HANG)
            good, text, seconds = unit.run_folder(Path(folder))
        self.assertFalse(good)
        self.assertLess(seconds, 100)
        self.assertIn('begun', text)
        self.assertIn('more than 1 s', text)

    def test_a_program_is_ended_and_says_where_it_is(self):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / 'p'
            subprocess.run(['gcc', '-g', '-fsanitize=address', '-o', str(program), '-xc', '-'],
                           input='void hang(void) { for (;;) ; } int main(void) { hang(); }',
                           text=True, check=True)
            done = subprocess.run([str(HOST / 'limit'), '2', str(program)], check=False,
                                  env={**os.environ, 'TIMEOUT_SCALE': '1'},
                                  stderr=subprocess.PIPE, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('allowed were 2 s', done.stderr)
        self.assertIn('in hang', done.stderr)

    def test_one_that_ends_keeps_its_status(self):
        for status in (0, 3):
            self.assertEqual(subprocess.run([str(HOST / 'limit'), '60', 'sh', '-c',
                                             f'exit {status}'], check=False).returncode, status)

    def test_every_program_has_a_limit(self):
        start = re.compile(r'^\t@?(?:python3|\$\(OUT\)/|\./|\$\(TOP\)/scripts)', re.M)
        for path in sorted(HOST.glob('*/Makefile')):
            self.assertEqual(start.findall(path.read_text()), [], path)


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
                for name in ('main.c', 'mock/iommu.c', 'tests/object-test.c', 'store.h')]})
        return found.lines

    def test_parts(self):
        self.assertEqual([coverage.place_of(f'/b/drivers/iommu/{name}') for name in (
            'iommufd/map/area.gcda', 'iommu-attach.gcda', 'iopf-pool.gcda', 'iopf.c')],
            ['drivers/iommu/iommufd/map/area.gcda', 'drivers/iommu/iommu-attach.gcda',
             'drivers/iommu/iopf-pool.gcda', 'drivers/iommu/iopf.c'])
        for name in ('iommufd/mock/iommu.c', 'tests/pasid_test.c', 'intel/iommu.c', 'iommu.c',
                     'io-pgtable.c', 'iova.c'):
            self.assertIsNone(coverage.place_of(f'/b/drivers/iommu/{name}'), name)

    def test_only_iommufd_has_a_minimum(self):
        found = coverage.Coverage('.', '.')
        with tempfile.TemporaryDirectory() as folder:
            found.tree = found.objects = Path(folder)
            for name, count in (('iommufd/main.c', 1), ('iommu-pasid.c', 0)):
                (found.tree / 'drivers/iommu' / name).parent.mkdir(parents=True, exist_ok=True)
                (found.tree / 'drivers/iommu' / name).write_text('f();\n')
                found.add_counts({'files': [{'file': f'/t/drivers/iommu/{name}', 'lines': [
                    {'line_number': 1, 'count': count}]}]})
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                self.assertTrue(found.report(90, found.tree / 'uncovered.txt'))
            self.assertEqual((found.tree / 'uncovered.txt').read_text(),
                             'drivers/iommu/iommu-pasid.c:1: f();\n')
            self.assertIn('0.0 %     0/1     iommu-pasid.c  not run: 1', printed.getvalue())
            self.assertIn('100.0 %     1/1     main.c\n', printed.getvalue())
            found.lines['drivers/iommu/iommufd/main.c'][1] = 0
            found.lines['drivers/iommu/iommu-pasid.c'][1] = 1
            with contextlib.redirect_stdout(printed):
                self.assertFalse(found.report(90, found.tree / 'uncovered.txt'))

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
                         'build/tree/s/b_test.c', 'build/tree/s/util.c',
                         'build/tree/s/lib/tap.c'):
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).write_text('+: s/lib/*.c\n*: s/*_test.c + s/*.c\n')
            guest = initramfs.Guest('x86_64', top, top / 'build')
            found, library = guest.programs(), guest.library()
        self.assertEqual({k: [p.name for p in v] for k, v in found.items()},
                         {'a_test': ['a_test.c'], 'b_test': ['b_test.c']})
        self.assertEqual([p.name for p in library], ['tap.c', 'util.c'])

    def test_program_is_made_again_when_its_library_changes(self):
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            (top / 'tools/testing/vm/guest').mkdir(parents=True)
            (top / 'build/tree/lib').mkdir(parents=True)
            (top / 'tools/testing/vm/guest/sources').write_text('+: lib/*.c\n')
            program = top / 'tools/testing/vm/guest/p.c'
            program.write_text('int f(void);\nint main(void) { return f(); }\n')
            guest = initramfs.Guest('x86_64' if os.uname().machine == 'x86_64' else 'arm64',
                                    top, top / 'build')
            guest.install_headers = lambda: None
            source = top / 'build/tree/lib/f.c'
            for number in (3, 4):
                source.write_text(f'int f(void);\nint f(void) {{ return {number}; }}\n')
                status = subprocess.run([guest.build_programs() / 'p'], check=False).returncode
                self.assertEqual(status, number)


class OwnEmulator(unittest.TestCase):
    """Cases on the emulator that is built here."""

    def test_machine_asks_for_it(self):
        """A machine of the emulator makes its cases ask for it; others may not get it."""
        for each in case.read_cases(VM / 'cases'):
            self.assertEqual(each.machine.endswith('-emu'), each.qemu == 'emu', each.name)

    def test_absent(self):
        """Without it the case is skipped, with what the build left as the reason."""
        with tempfile.TemporaryDirectory() as folder:
            found = emulator.Emulators(built=folder)
            self.assertIsNone(found.pick('x86_64', 'emu'))
            self.assertIn('make emulator', found.absent('emu'))
            (Path(folder) / 'failed').write_text('apt has none\n')
            self.assertIn('apt has none', found.absent('emu'))

    def test_unfinished(self):
        """A build without its key is not used."""
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / 'out/qemu-system-x86_64'
            program.parent.mkdir()
            program.write_text('#!/bin/sh\necho QEMU emulator version 10.2.2\n')
            program.chmod(0o755)
            self.assertIsNone(emulator.Emulators(built=folder).pick('x86_64', 'emu'))
            (Path(folder) / 'key').write_text('x')
            found = emulator.Emulators(built=folder).pick('x86_64', 'emu')
            self.assertEqual(found.version, (10, 2, 2))


if __name__ == '__main__':
    unittest.main(verbosity=1)
