#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make tables and plots of what iommu_bench printed.

    bench_report.py [--strict] [--plot FOLDER] [--into TEXT] MACHINE.rows ...

A table has a line for each row of the back end iommufd: instructions of one
call and of each 4K page, the same row of other back ends in the same run, the
ratios to them and to the figures of other kernels in mainline-7.3.json, and
what goals.json wants.  What the kernel holds for a mapping makes a second table.
With --strict a goal that is missed is a failure.  With --into the tables replace
those of a text in reStructuredText, each of which stands as a literal block behind
a line ".. figures: MACHINE" or ".. held: MACHINE".
"""

import argparse
import fnmatch
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = 4096
KINDS = ('4k', 'thp', 'huge')
MAINLINE, MAINLINE_TYPE1, OLD_TYPE1 = 'mainline-iommufd', 'mainline-type1', '6.1-type1'


@dataclass(frozen=True)
class Row:
    """One line of iommu_bench."""
    backend: str
    name: str
    bytes: int
    count: int
    median: int

    @property
    def pages(self):
        """4K pages that one call works on, at least one."""
        return max(1, self.bytes // PAGE)


@dataclass(frozen=True)
class Held:
    """What the kernel holds for one mapping."""
    name: str
    pages: int
    bytes: int


def read_rows(text):
    """({backend: {name: Row}}, {fact: value}) of the program's output."""
    rows, facts = {}, {}
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ['row'] and len(words) == 8:
            row = Row(words[1], words[2], *map(int, words[3:6]))
            rows.setdefault(row.backend, {})[row.name] = row
        elif words[:1] == ['fact'] and len(words) == 3:
            facts[words[1]] = words[2]
    return rows, facts


def read_held(text):
    """[Held] of the program's output."""
    words = [line.split() for line in text.splitlines()]
    return [Held(w[1], int(w[2]), int(w[3])) for w in words if w[:1] == ['held'] and len(w) == 4]


class Peers:
    """Figures of other kernels, and goals."""

    def __init__(self, folder=HERE):
        self.figures = json.loads((folder / 'mainline-7.3.json').read_text())
        self.goals = json.loads((folder / 'goals.json').read_text())

    def figure(self, machine, name, column):
        """Instructions of a call on another kernel, None if not known."""
        return self.figures.get(machine.removesuffix('-memcg'), {}).get(name, {}).get(column)

    def goal(self, machine, name):
        """What a row must reach: the first pattern that fits, or {}."""
        for pattern, goal in self.goals.get(machine, ()):
            if fnmatch.fnmatch(name, pattern):
                return goal
        return {}

    def limit(self, machine, row, type1):
        """Most instructions that a call may take, None without a goal."""
        goal = self.goal(machine, row.name)
        mainline = self.figure(machine, row.name, MAINLINE)
        if 'op' in goal:
            return goal['op']
        if 'page' in goal:
            return goal['page'] * row.pages
        if 'share' in goal and mainline:
            return goal['share'] * mainline
        rivals = [n for n in (mainline, type1 and type1.median) if n]
        if 'ahead' in goal and rivals:
            return min(rivals) - 1
        return None


    def held_limit(self, held):
        """Most bytes that may be held for a mapping, None without a goal."""
        for pattern, goal in self.goals.get('held', ()):
            if fnmatch.fnmatch(held.name, pattern):
                return goal * held.pages
        return None


def ratio(ours, other):
    """Ratio as text, empty when there is nothing to compare with."""
    return f'{ours / other:.2f}' if other else ''


def number(value):
    """Number as text: whole when large, else with two digits; empty for None."""
    if value is None:
        return ''
    return f'{value:.0f}' if value >= 100 else f'{value:.2f}'


HELD_HEAD = ('held for', 'bytes', '/page', '/2M', 'must/page', '')
HEAD = ('row', 'call', 'page', 'compat', 'type1', '/type1', '/7.3', '/7.3t1', '/6.1t1',
        'must/page', '')


def table(machine, rows, peers):
    """(lines of cells, names of the rows that miss their goal)."""
    lines, missed = [], []
    for name, row in rows.get('iommufd', {}).items():
        type1 = rows.get('type1', {}).get(name)
        compat = rows.get('compat', {}).get(name)
        limit = peers.limit(machine, row, type1)
        mark = ''
        if limit is not None:
            mark = 'reached' if row.median <= limit else 'MISSED'
            if row.median > limit:
                missed.append(name)
        lines.append((name, number(row.median), number(row.median / row.pages),
                      number(compat and compat.median), number(type1 and type1.median),
                      ratio(row.median, type1 and type1.median),
                      *(ratio(row.median, peers.figure(machine, name, c))
                        for c in (MAINLINE, MAINLINE_TYPE1, OLD_TYPE1)),
                      number(limit and limit / row.pages), mark))
    return lines, missed


def held_table(found, peers):
    """(lines of cells, names that miss their goal) of what the kernel holds."""
    lines, missed = [], []
    for held in found:
        limit, mark = peers.held_limit(held), ''
        if limit is not None:
            mark = 'reached' if held.bytes <= limit else 'MISSED'
            if held.bytes > limit:
                missed.append(f'held-{held.name}')
        lines.append((held.name, str(held.bytes), f'{held.bytes / held.pages:.3f}',
                      f'{held.bytes / held.pages * 512:.1f}',
                      f'{limit / held.pages:.3f}' if limit is not None else '', mark))
    return lines, missed


def layout(lines):
    """Lines of cells as text, columns as wide as they need."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ''
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:])]
        text += '  '.join([*cells, line[-1]]).rstrip() + '\n'
    return text


def put_into(text, mark, content):
    """The text with the literal block behind a line ".. MARK" replaced, if it has one."""
    lines = text.split('\n')
    if f'.. {mark}' not in lines:
        return text
    first = lines.index(f'.. {mark}') + 1
    while lines[first] != '::':
        first += 1
    end = first + 1
    while end < len(lines) and (not lines[end] or lines[end][0] == ' '):
        end += 1
    block = [f'    {line}'.rstrip() for line in content.rstrip('\n').split('\n')]
    return '\n'.join([*lines[:first + 1], '', *block, '', *lines[end:]])


def series(rows, op, kind):
    """[(bytes, instructions a page)] of an operation, by size."""
    wanted = [r for n, r in rows.items() if n.startswith(f'{op}-{kind}-')]
    return sorted((r.bytes, r.median / r.pages) for r in wanted)


def plot_script(machine, rows, out):
    """Script of gnuplot: cost of a page against size, for each memory and back end."""
    data, curves = '', {'map': [], 'unmap': []}
    for op, plots in curves.items():
        for backend in ('iommufd', 'type1'):
            for kind in KINDS:
                points = series(rows.get(backend, {}), op, kind)
                if len(points) < 2:
                    continue
                block = f'${op}_{backend}_{kind}'
                data += f'{block} << end\n' + ''.join(f'{x} {y:.3f}\n' for x, y in points) + 'end\n'
                style = '' if backend == 'iommufd' else ' dashtype 2'
                plots.append(f'{block} with linespoints linetype {KINDS.index(kind) + 1}{style} '
                             f'title "{backend} {kind}"')
    text = (f'set terminal svg size 1000,480 background "white"\nset output "{out}"\n{data}'
            'set logscale x 2\nset logscale y 10\nset key outside below\nset grid\n'
            'set xlabel "bytes mapped by one call"\nset ylabel "instructions for each 4K page"\n'
            'set xtics ("4K" 4096, "2M" 2097152, "64M" 67108864, "512M" 536870912, '
            '"4G" 4294967296)\n'
            'set multiplot layout 1,2\n')
    for op, plots in curves.items():
        if plots:
            text += f'set title "{op}, {machine}"\nplot ' + ', '.join(plots) + '\n'
    return text + 'unset multiplot\n'


def draw(machine, rows, folder):
    """Write the plot of one machine, where gnuplot is there; return its path."""
    script, image = folder / f'{machine}.gnuplot', folder / f'{machine}.svg'
    text = plot_script(machine, rows, image)
    if 'plot $' not in text:
        return 'none, too few rows'
    script.write_text(text)
    if not shutil.which('gnuplot'):
        return f'{script}, for gnuplot (package gnuplot-nox)'
    subprocess.run(['gnuplot', str(script)], check=True)
    return image


def write_into(path, machine, lines, held):
    """Put the tables of one machine into a text: without columns that are empty."""
    def without_empty(rows):
        kept = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
        return layout([[row[i] for i in kept] for row in rows])

    text = path.read_text()
    if lines:
        text = put_into(text, f'figures: {machine}', without_empty([HEAD, *lines]))
    if held:
        text = put_into(text, f'held: {machine}', without_empty([HELD_HEAD, *held]))
    path.write_text(text)


def report(path, peers, plots, into=None):
    """Print the tables of one machine, draw its plot; return the rows that have a goal
    and those that miss it."""
    machine, text = path.stem, path.read_text()
    rows, facts = read_rows(text)
    lines, missed = table(machine, rows, peers)
    held, too_much = held_table(read_held(text), peers)
    said = ', '.join(f'{k} {v}' for k, v in facts.items())
    print(f'\n{machine}: median instructions ({said})\n')
    print(layout([HEAD, *lines]) if lines else 'no rows')
    if held:
        print(layout([HELD_HEAD, *held]))
    if into:
        write_into(into, machine, lines, held)
    missed += too_much
    if missed:
        print(f'missed: {" ".join(missed)}')
    if plots:
        print(f'plot: {draw(machine, rows, plots)}')
    goals = [row[0] for row in [*lines, *held] if row[-1]]
    return goals, missed


def main():
    """Report on all files; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('files', nargs='+', type=Path)
    parser.add_argument('--strict', action='store_true')
    parser.add_argument('--plot', type=Path, help='folder for plots')
    parser.add_argument('--into', type=Path, help='text whose tables to replace')
    args = parser.parse_args()
    peers, goals, missed = Peers(), [], []
    for path in args.files:
        found = report(path, peers, args.plot, args.into)
        goals += found[0]
        missed += found[1]
    print('call and page: instructions of one call, and for each 4K page of it. /X: ours\n'
          'divided by X: type1 of this run; iommufd of mainline 7.3, type1 of mainline 7.3,\n'
          'type1 of 6.1, measured in emulation. must/page: the goal, for each 4K page.')
    if args.strict:
        print(f'{len(goals) - len(missed)} passed, {len(missed)} failed, 0 skipped')
    return 1 if args.strict and missed else 0


if __name__ == '__main__':
    sys.exit(main())
