#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Cases that share a boot: which do, and whose each row is that the boot leaves behind."""

import contextlib
import io
import sys
import unittest
import unittest.mock
from dataclasses import replace
from pathlib import Path

VM = Path(__file__).resolve().parents[2] / 'vm'
sys.path[:0] = [str(VM)]
# pylint: disable=wrong-import-position
from vmtest import boot, runner, together
from vmtest.case import Case

RESULTS = '''@begin a_test 101
ok 1 - one
@end 0 a_test
@begin b_test 110
ok 1 - two
@end 0 b_test
@begin c_test 120
ok 1 - three
@end 0 c_test
'''
CONSOLE = '''[    0.1] WARNING: in the boot
[    9.1] @begin a_test 101
[    9.2] WARNING: in a
[   10.0] @begin b_test 110
# text without an end[   11.0] @begin c_test 120
[   11.2] WARNING: in c
[   12.0] @leaks
'''
LEAK = '''unreferenced object 0xffff88800000000{n} (size 64):
  comm "{comm}", pid {pid}, jiffies 1
'''


def case(name, run='p', **words):
    """A case on one machine."""
    return Case(name, '', run, machine='none', config='debug', **words)


def outcome(results, console='', **words):
    """What a boot left behind that powered off by itself."""
    return replace(boot.Outcome(results, console, '', 1.0, False, 0), **words)


class GroupTest(unittest.TestCase):
    """Which cases share a boot."""

    def sizes(self, cases):
        """How many cases each boot has."""
        return sorted(len(g) for g in together.groups(cases))

    def test_cases_of_one_machine_share_it(self):
        self.assertEqual(self.sizes([case('a'), case('b', 'q ; r')]), [2])

    def test_another_machine_or_command_line_is_another_boot(self):
        for words in ({'memory': '4G'}, {'append': 'x=1'}, {'devices': ('edu',)}, {'smp': 1},
                      {'qemu': '7.2'}, {'modules': ('m.ko',)}):
            self.assertEqual(self.sizes([case('a'), case('b', **words)]), [1, 1], words)

    def test_some_cases_boot_alone(self):
        for words in ({'kind': 'kunit'}, {'vmm': 'any'}, {'host': ('/bin/x',)}, {'alone': 'why'},
                      {'splats': ((1, 'x'),)}, {'traced': ((1, 'x'),)}):
            self.assertEqual(self.sizes([case('a', **words), case('b', **words)]), [1, 1], words)

    def test_many_are_divided_evenly(self):
        many = [case(str(n)) for n in range(together.MAX_CASES + 1)]
        size = (together.MAX_CASES + 2) // 2
        self.assertEqual(self.sizes(many), [len(many) - size, size])
        self.assertEqual({c for g in together.groups(many) for c in g}, set(many))

    def test_a_shared_boot_runs_all_and_has_the_time_of_all(self):
        one = together.joined([case('a', 'p', timeout=10), case('b', 'q ; r', timeout=20)])
        self.assertEqual((one.run, one.timeout), ('p ; q ; r', 30))


class PartTest(unittest.TestCase):
    """What a shared boot leaves behind, by case."""

    CASES = (case('a', 'a_test ; b_test x;y'), case('b', 'c_test'))

    def parts(self, *args, **words):
        """Outcomes of the cases."""
        return together.parted(self.CASES, outcome(*args, **words))

    def test_results_and_complaints(self):
        first, second = self.parts(RESULTS + '@done\n', CONSOLE)
        self.assertIn('ok 1 - two', first.results)
        self.assertNotIn('three', first.results)
        self.assertTrue(first.results.endswith('@done\n'))
        self.assertEqual(second.results, RESULTS[RESULTS.index('@begin c'):] + '@done\n')
        self.assertIn('in the boot', first.console)
        self.assertIn('in a', first.console)
        self.assertNotIn('in c', first.console)
        self.assertIn('in c', second.console)

    def test_a_leak_belongs_to_the_process_that_allocated(self):
        rows = [LEAK.format(n=n, comm=comm, pid=pid) for n, (comm, pid) in enumerate((
            ('a_test', 103), ('b_test', 110), ('c_test', 121), ('swapper', 1)))]
        first, second = self.parts(RESULTS + '@done\n', CONSOLE + ''.join(rows))
        self.assertEqual([n for n in range(4) if rows[n] in first.console], [0, 1])
        self.assertEqual([n for n in range(4) if rows[n] in second.console], [2, 3])

    def test_a_boot_that_ends_early_is_the_fault_of_the_last_that_began(self):
        begun = RESULTS[:RESULTS.index('@end 0 b_test')]
        first, second = self.parts(begun, CONSOLE[:CONSOLE.index('# text')], timed_out=True)
        self.assertIsNone(second)
        self.assertTrue(first.timed_out)
        self.assertNotIn('@done', first.results)
        first, second = self.parts(RESULTS, CONSOLE, timed_out=True, errors='x')
        self.assertFalse(first.timed_out)
        self.assertTrue(first.results.endswith('@done\n'))
        self.assertTrue(second.timed_out)

    def test_a_machine_without_any_result_fails_the_first(self):
        first, second = self.parts('', '[ 1.0] Kernel panic', status=1)
        self.assertEqual((first.status, first.console), (1, '[ 1.0] Kernel panic'))
        self.assertIsNone(second)

    def test_a_row_that_is_lost_is_no_other_case(self):
        for text in (RESULTS.replace('@begin b', 'text@begin b'),
                     RESULTS.replace('@begin c', 'text@begin c'),
                     RESULTS.replace('ok 1 - one', '@begin x 1')):
            with self.assertRaises(ValueError):
                self.parts(text + '@done\n', CONSOLE)
        # One more at the end is what the runner adds
        self.parts(RESULTS + '@begin gcov_dump 130\n@end 0 gcov_dump\n@done\n', CONSOLE)

    def test_one_case_alone_is_left_as_it_is(self):
        whole = outcome('x', CONSOLE)
        self.assertEqual(together.parted(self.CASES[:1], whole), [whole])


class RunnerTest(unittest.TestCase):
    """How the runner uses it."""

    def run_cases(self, *outcomes):
        """(runs of each boot, what is printed) of two cases whose boots end like this."""
        one = runner.Runner(VM, VM, unittest.mock.Mock())
        with unittest.mock.patch.object(one, 'prepare'), \
             unittest.mock.patch.object(one, 'refused', return_value=None), \
             unittest.mock.patch.object(one, 'boot', side_effect=outcomes) as booted, \
             contextlib.redirect_stdout(io.StringIO()) as out:
            one.run([case('a', 'a_test ; b_test'), case('b', 'c_test')], 1)
        return [call.args[0].run for call in booted.call_args_list], out.getvalue()

    def test_each_result_has_the_name_of_its_case(self):
        booted, text = self.run_cases(outcome(RESULTS + '@done\n'))
        self.assertEqual(booted, ['a_test ; b_test ; c_test'])
        for words in ('a/none/debug: a_test: one', 'a/none/debug: b_test: two',
                      'b/none/debug: c_test: three', '3 passed, 0 failed'):
            self.assertIn(words, text)

    def test_a_case_that_was_not_reached_is_booted_alone(self):
        end = RESULTS.index('@begin c')
        booted, text = self.run_cases(outcome(RESULTS[:end]), outcome(RESULTS[end:] + '@done\n'))
        self.assertEqual(booted, ['a_test ; b_test ; c_test', 'c_test'])
        self.assertIn('not ok 3 - a/none/debug: end', text)
        self.assertIn('b/none/debug: c_test: three', text)
        self.assertIn('3 passed, 1 failed', text)


if __name__ == '__main__':
    unittest.main()
