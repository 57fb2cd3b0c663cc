#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What is made of the figures of iommu_bench and of the profiler."""

import io
import json
import re
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path

TOP = Path(__file__).resolve().parents[4]
TOOLS = TOP / 'tools/iommu'
sys.path[:0] = [str(TOOLS), str(TOOLS / 'profile')]
# pylint: disable=wrong-import-position
import bench_report
import profile_report

ROWS = '''fact kernel bench
row iommufd map-4k-2M 2097152 61 300 290 310.5
row type1 map-4k-2M 2097152 61 600 590 600.0
row compat map-4k-2M 2097152 61 310 300 310.0
row iommufd map-4k-4K 4096 301 100 100 100.0
row nonsense
held flat-map-4k-2M 512 4096
held flat-map-4k-4M 1024 8192
'''
FIGURES = {'vtd': {'map-4k-2M': {'mainline-iommufd': 400, 'mainline-type1': 200,
                                 '6.1-type1': 150}}}
SYMBOLS = '''ffffffff81000000 T first
ffffffff81000100 t second
ffffffff81000180 D data
ffffffff81000200 T third
'''
PROFILE = '''marks 10
ffffffff81000000 300
ffffffff810000ff 100
ffffffff81000190 40
400000 60
'''


def peers(goals):
    """Peers with made-up figures and goals."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / 'mainline-7.3.json').write_text(json.dumps(FIGURES))
        (folder / 'goals.json').write_text(json.dumps(goals))
        return bench_report.Peers(folder)


class RowsTest(unittest.TestCase):
    """Reading the program's output."""

    def test_rows(self):
        """Rows by back end, facts, and what is neither left out."""
        rows, facts = bench_report.read_rows(ROWS)
        self.assertEqual(sorted(rows), ['compat', 'iommufd', 'type1'])
        self.assertEqual(rows['iommufd']['map-4k-2M'].median, 300)
        self.assertEqual(rows['iommufd']['map-4k-2M'].pages, 512)
        self.assertEqual(facts, {'kernel': 'bench'})

    def test_no_bytes(self):
        """A call on no memory counts as one page."""
        self.assertEqual(bench_report.Row('iommufd', 'attach', 0, 1, 9).pages, 1)


class TableTest(unittest.TestCase):
    """Ratios and goals."""

    def table(self, goals, machine='vtd'):
        """({row: cells}, missed) with these goals."""
        rows, _ = bench_report.read_rows(ROWS)
        lines, missed = bench_report.table(machine, rows, peers({machine: goals}))
        return {line[0]: line for line in lines}, missed

    def test_ratios(self):
        """To type1 of the run, and to the figures of other kernels."""
        lines, missed = self.table([])
        self.assertEqual(lines['map-4k-2M'],
                         ('map-4k-2M', '300', '0.59', '310', '600', '0.50', '0.75', '1.50',
                          '2.00', '', ''))
        self.assertEqual(lines['map-4k-4K'][4:9], ('', '', '', '', ''))
        self.assertEqual(missed, [])

    def verdict(self, goal, machine='vtd'):
        """Mark of the row of 2M, whose call takes 300, against a goal."""
        lines, missed = self.table([['map-4k-2M', goal]], machine)
        mark = lines['map-4k-2M'][-1]
        self.assertEqual(missed, ['map-4k-2M'] if mark == 'MISSED' else [])
        return mark

    def test_goals(self):
        """Each kind of goal at its edge: 300 a call, 512 pages, mainline 400, type1 600."""
        self.assertEqual(self.verdict({'op': 300}), 'reached')
        self.assertEqual(self.verdict({'op': 299}), 'MISSED')
        self.assertEqual(self.verdict({'page': 0.586}), 'reached')
        self.assertEqual(self.verdict({'page': 0.585}), 'MISSED')
        self.assertEqual(self.verdict({'share': 0.75}), 'reached')
        self.assertEqual(self.verdict({'share': 0.74}), 'MISSED')
        self.assertEqual(self.verdict({'ahead': True}), 'reached')

    def test_ahead(self):
        """Ahead means below the lower of both rivals, and not level with it."""
        judge, row = peers({'vtd': [['*', {'ahead': True}]]}), bench_report.Row
        type1 = row('type1', 'map-4k-2M', 2097152, 1, 300)
        self.assertEqual(judge.limit('vtd', row('iommufd', 'map-4k-2M', 2097152, 1, 1), type1), 299)
        type1 = row('type1', 'map-4k-2M', 2097152, 1, 600)
        self.assertEqual(judge.limit('vtd', row('iommufd', 'map-4k-2M', 2097152, 1, 1), type1), 399)

    def test_first_pattern_counts(self):
        """Later patterns are not looked at."""
        _, missed = self.table([['map-4k-2M', {'op': 1}], ['map-*', {'op': 1000}]])
        self.assertEqual(missed, ['map-4k-2M'])

    def test_memcg(self):
        """The kernel with control groups has the figures of its machine, and no goals."""
        lines, missed = self.table([], 'vtd-memcg')
        self.assertEqual((lines['map-4k-2M'][6], missed), ('0.75', []))

    def test_held(self):
        """What is kept for a page, and a limit by the first pattern."""
        judge = peers({'held': [['flat-map-4k-2M', 7.9], ['flat-*', 8]]})
        lines, missed = bench_report.held_table(bench_report.read_held(ROWS), judge)
        self.assertEqual([line[-1] for line in lines], ['MISSED', 'reached'])
        self.assertEqual(missed, ['held-flat-map-4k-2M'])
        self.assertEqual(lines[0][2], '8.000')


class ReportTest(unittest.TestCase):
    """The report as a whole."""

    def test_text_and_plot(self):
        """A table with aligned columns, and curves of what has two sizes."""
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / 'vtd.rows'
            path.write_text(ROWS)
            out = io.StringIO()
            with redirect_stdout(out):
                missed = bench_report.report(path, peers({'vtd': [['*', {'op': 1}]]}), None)
        self.assertEqual(missed, (['map-4k-2M', 'map-4k-4K'], ['map-4k-2M', 'map-4k-4K']))
        self.assertIn('missed: map-4k-2M map-4k-4K', out.getvalue())
        rows, _ = bench_report.read_rows(ROWS)
        script = bench_report.plot_script('vtd', rows, 'x.svg')
        self.assertIn('4096 100.000\n2097152 0.586\n', script)
        self.assertNotIn('$map_type1_4k', script)

    def test_into(self):
        """The block behind its mark is replaced, and nothing else."""
        text = 'a\n\n.. figures: vtd\n\n::\n\n    old\n\n    old\n\nb\n\n::\n\n    kept\n'
        self.assertEqual(bench_report.put_into(text, 'figures: vtd', 'new  1\n\nmore\n'),
                         'a\n\n.. figures: vtd\n\n::\n\n    new  1\n\n    more\n\nb\n\n::\n\n'
                         '    kept\n')
        self.assertEqual(bench_report.put_into(text, 'figures: amd', 'new'), text)

    def test_strict(self):
        """Missed goals are a failure when asked for, and only then."""
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / 'vtd.rows'
            path.write_text('row iommufd map-4k-4K 4096 301 999999 1 1.0\n')
            command = [str(TOOLS / 'bench_report.py'), str(path)]
            loose = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
            strict = subprocess.run([*command, '--strict'], stdout=subprocess.PIPE, text=True,
                                    check=False)
        self.assertEqual((loose.returncode, strict.returncode), (0, 1))
        self.assertEqual(strict.stdout.splitlines()[-1], '0 passed, 1 failed, 0 skipped')

    def test_data(self):
        """The tree's own figures and goals can be read; goals name rows that exist."""
        data = bench_report.Peers()
        self.assertEqual(data.figure('vtd', 'map-4k-4K', bench_report.MAINLINE), 5744)
        self.assertEqual(data.figure('amd', 'unmap-4k-4K', bench_report.OLD_TYPE1), 2149)
        sources = ''.join(p.read_text() for p in TOOLS.glob('*.c'))
        for pattern, _ in data.goals['vtd']:
            op = re.match(r'[a-z-]+?(?=-4k|-thp|-huge|-\*|\*)', pattern)[0]
            self.assertIn(f'"{op}"', sources)


class ProfileTest(unittest.TestCase):
    """Counts by address become counts by function."""

    def test_fold(self):
        """An address belongs to the last function that begins at or below it."""
        marks, total = profile_report.fold(PROFILE, profile_report.read_symbols(SYMBOLS))
        self.assertEqual(marks, 10)
        self.assertEqual(total, {'first': 400, 'second': 40, '(user space)': 60})

    def test_report(self):
        """For each operation and page, most first, the rest in one line."""
        _, total = profile_report.fold(PROFILE, profile_report.read_symbols(SYMBOLS))
        text = profile_report.report(10, total, 2, 1)
        rows = [line.split() for line in text.splitlines()[1:]]
        self.assertEqual(rows[0][:2], ['50.0', '25.00'])
        self.assertEqual(rows[1][:4], ['40.0', '20.00', '80.0%', 'first'])
        self.assertEqual(rows[2][0], '10.0')

    def test_plugin_compiles(self):
        """The profiler needs nothing but a compiler."""
        with tempfile.TemporaryDirectory() as name:
            subprocess.run(['gcc', '-shared', '-fPIC', '-O2', '-Wall', '-Werror', '-o',
                            f'{name}/profile.so', str(TOOLS / 'profile/profile.c')], check=True)


if __name__ == '__main__':
    unittest.main()
