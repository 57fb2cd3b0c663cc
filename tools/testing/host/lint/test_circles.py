#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Files that call each other in a circle are found; calls one way and tables are not."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

LINT = Path(__file__).resolve().parents[2] / 'lint'
sys.path.insert(0, str(LINT))
# pylint: disable=wrong-import-position
import circles


class CirclesTest(unittest.TestCase):
    """Each test compiles a few files."""

    def found(self, **sources):
        """The calls of a circle of files, given as name=text, in the order of their names."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            for name, text in sources.items():
                (out / f'{name}.c').write_text(text)
                subprocess.run(['cc', '-c', f'{name}.c'], cwd=out, check=True)
            return sorted(circles.find_circle(out, [f'{name}.o' for name in sources]))

    def test_two_files(self):
        self.assertEqual(self.found(a='void g(void); void f(void) { g(); }',
                                    b='void f(void); void g(void) { f(); }'),
                         ['a.o calls g of b.o', 'b.o calls f of a.o'])

    def test_three_files(self):
        self.assertEqual(self.found(a='void g(void); void f(void) { g(); }',
                                    b='void h(void); void g(void) { h(); }',
                                    c='void f(void); void h(void) { f(); }',
                                    d='void f(void); void i(void) { f(); }'),
                         ['a.o calls g of b.o', 'b.o calls h of c.o', 'c.o calls f of a.o'])

    def test_one_direction(self):
        self.assertFalse(self.found(a='void g(void); void f(void) { g(); }',
                                    b='void g(void) {}'))

    def test_own_function_of_the_same_name(self):
        self.assertFalse(self.found(a='void g(void); void f(void) { g(); }',
                                    b='static void f(void) {} void g(void) { f(); }'))

    def test_table(self):
        self.assertFalse(self.found(
            a='void g(void); static void f(void) {} void (*const ops[])(void) = { f };'
              'void h(void) { g(); }',
            b='extern void (*const ops[])(void); void g(void) { ops[0](); }'))


if __name__ == '__main__':
    unittest.main()
