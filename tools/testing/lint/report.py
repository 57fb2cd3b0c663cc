# SPDX-License-Identifier: GPL-2.0-only
"""Results of the lint checks, as TAP."""

import sys


class Report:
    """Counts results and prints each as it comes."""

    def __init__(self):
        self.count = {'passed': 0, 'failed': 0, 'skipped': 0}

    def result(self, name, problems):
        """One check: passed when it found no problem."""
        state = 'failed' if problems else 'passed'
        self.count[state] += 1
        word = 'not ok' if problems else 'ok'
        print(f'{word} {sum(self.count.values())} - {name}')
        for row in problems:
            print(f'# {row}')
        sys.stdout.flush()

    def skip(self, name, why):
        """One check that could not be made."""
        self.count['skipped'] += 1
        print(f'ok {sum(self.count.values())} - {name} # SKIP {why}', flush=True)

    def end(self):
        """Print the counts; return the exit status."""
        print('{passed} passed, {failed} failed, {skipped} skipped'.format(**self.count))
        return 1 if self.count['failed'] or not self.count['passed'] else 0
