# SPDX-License-Identifier: GPL-2.0-only
"""Reading the TAP of guest programs, and counting."""

import re
from dataclasses import dataclass, field

RESULT = re.compile(r'(not )?ok\b\s*(\d+)?\s*(?:-\s*)?(.*)')
PLAN = re.compile(r'1\.\.(\d+)(?:\s*#\s*SKIP\S*\s*(.*))?', re.I)
BEGIN = re.compile(r'@begin (\S+)(?: \d+)?')
END = re.compile(r'@end (-?\d+) (.*)')
KSFT_SKIP = 4
# The kselftest harness's own progress, beside results and diagnostics
PROGRESS = re.compile(r'# +(?:RUN|OK|FAIL|PASSED|FAILED|Totals|pid|Starting|SKIP)\b.*')
MAX_NOTE = 20


@dataclass
class Result:
    """One line of the report."""
    name: str
    state: str              # passed, failed or skipped
    note: str = ''


@dataclass
class Report:
    """Results of one boot."""
    results: list = field(default_factory=list)
    complete: bool = False

    def add(self, name, state, note=''):
        """Append one result."""
        self.results.append(Result(name, state, note))

    def failed(self):
        """Did anything fail?"""
        return any(r.state == 'failed' for r in self.results)


def one_result(row):
    """Result of a TAP line, None for any other line."""
    found = RESULT.fullmatch(row)
    if not found:
        return None
    text, _, directive = found[3].partition('#')
    text, directive = text.strip() or f'test {found[2] or ""}'.strip(), directive.strip()
    if directive.upper().startswith(('SKIP', 'TODO')):
        return Result(text, 'skipped', directive[4:].strip() or 'no reason given')
    return Result(text, 'failed' if found[1] else 'passed')


class Program:
    """What one guest program said between its @begin and @end lines."""

    def __init__(self, name):
        self.name, self.results, self.plan, self.skip = name, [], None, None

    def line(self, row):
        """Take one line of output."""
        result = one_result(row)
        plan = PLAN.fullmatch(row)
        if result:
            self.results.append(result)
        elif row.startswith('#'):
            self.diagnostic(row)
        elif plan:
            self.plan, self.skip = int(plan[1]), plan[2]

    def diagnostic(self, row):
        """Take a comment, which belongs to the result before it."""
        if not self.results or self.results[-1].state != 'failed' or PROGRESS.fullmatch(row):
            return
        rows = [*self.results[-1].note.splitlines(), row.lstrip('# ')]
        self.results[-1].note = '\n'.join(rows[:MAX_NOTE])

    def finish(self, status, report):
        """Add the results, and what the exit status and the plan say."""
        if status == KSFT_SKIP and not self.results:
            report.add(self.name, 'skipped', self.skip or 'the program skipped itself')
            return
        for result in self.results:
            report.add(f'{self.name}: {result.name}', result.state, result.note)
        bad = any(r.state == 'failed' for r in self.results)
        if self.plan is not None and self.plan != len(self.results):
            report.add(f'{self.name}: plan', 'failed',
                       f'{self.plan} planned, {len(self.results)} seen')
        elif not self.results:
            report.add(self.name, 'failed', f'no result, exit status {status}')
        elif status not in (0, KSFT_SKIP) and not bad:
            report.add(f'{self.name}: exit status', 'failed', str(status))


def end_early(program, report):
    """Add the results of a program whose end was not seen, and that; None is ignored."""
    if program:
        program.finish(-1, report)
        report.add(f'{program.name}: end', 'failed', 'the program did not end')


def parse(text):
    """Report of the result channel of one boot."""
    report, program = Report(), None
    for row in text.replace('\r', '').splitlines():
        begin, end = BEGIN.fullmatch(row), END.fullmatch(row)
        if begin:
            end_early(program, report)
            program = Program(begin[1])
        elif end and program:
            program.finish(int(end[1]), report)
            program = None
        elif row == '@done':
            report.complete = True
        elif program:
            program.line(row)
    end_early(program, report)
    return report
