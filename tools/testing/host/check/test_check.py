#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of scripts/check.py: what the steps print is what is counted."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

CHECK = Path(__file__).resolve().parents[4] / 'scripts/check.py'
MAKE = '''#!/bin/sh
shift 2
echo "asked for $# words: $*"
case "$1" in
good) echo '2 passed, 0 failed, 1 skipped' ;;
bad) echo '1 passed, 1 failed, 0 skipped'; exit 1 ;;
killed) echo '5 passed, 0 failed, 0 skipped'; exit 3 ;;
none) echo '0 passed, 0 failed, 0 skipped' ;;
silent) ;;
esac
'''


class Steps(unittest.TestCase):
    """Exit status and last line for steps of each kind."""

    def run_steps(self, *steps):
        """(exit status, all lines) of a run."""
        with tempfile.TemporaryDirectory() as folder:
            make = Path(folder) / 'make'
            make.write_text(MAKE)
            make.chmod(0o755)
            path = f'{folder}:{os.environ["PATH"]}'
            done = subprocess.run([CHECK, *steps], env={**os.environ, 'PATH': path},
                                  stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    def test_sum(self):
        """Counts of all steps are added up, and the run passes."""
        status, lines = self.run_steps('good', 'good')
        self.assertEqual((status, lines[-1]), (0, '4 passed, 0 failed, 2 skipped'))

    def test_failed(self):
        """A failed step does not end the run, and fails it."""
        status, lines = self.run_steps('bad', 'good')
        self.assertEqual((status, lines[-1]), (1, '3 passed, 1 failed, 1 skipped'))

    def test_status(self):
        """A step that ends badly after good counts has failed."""
        status, lines = self.run_steps('killed')
        self.assertEqual((status, lines[-1]), (1, '5 passed, 1 failed, 0 skipped'))
        self.assertIn('not ok - killed: exit status 3', lines)

    def test_silent(self):
        """A step without counts has failed, even if it says that all is well."""
        status, lines = self.run_steps('good', 'silent')
        self.assertEqual((status, lines[-1]), (1, '2 passed, 1 failed, 1 skipped'))
        self.assertIn('not ok - silent: exit status 0, no counts', lines)

    def test_nothing(self):
        """A run without any test has failed."""
        self.assertEqual(self.run_steps('none')[0], 1)

    def test_variables(self):
        """Variables stand behind the target, in quotes where they have blanks."""
        lines = self.run_steps("good A=1 B='x y'")[1]
        self.assertIn('asked for 3 words: good A=1 B=x y', lines)


if __name__ == '__main__':
    unittest.main()
