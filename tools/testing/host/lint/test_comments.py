#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The rules for comments report what they forbid and nothing else."""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

LINT = Path(__file__).resolve().parents[2] / 'lint'
sys.path.insert(0, str(LINT))
# pylint: disable=wrong-import-position
import comments
import lint

KERNEL_DOC = '''/**
 * f() - do it
 * @one: first, which
 *       goes on%s
 * @flags_that_have_a_long_name: second, which
 *    goes on
 * @drawn: third
 *
 *	    * a list in it
 *
 * Return: 0.
 */
'''

# what is wrong: (text, line)
BAD = {
    'person': (
        ('/* Nobody waits here */', 1),
        ('int a;\n/*\n * A lock for\n * anybody.\n */', 4),
        ('f(); /* woken by whoever unmaps */', 1),
        ('/* The task who waits */', 1),
        ('/* Someone holds it */', 1),
        ('/*\n * The pages are let\n * go.\n */', 2),
        ('/* What stands behind it */', 1),
        ('// the owner and his domain', 1)),
    'spaces': (
        ('/* One.  Two */', 1),
        ('/*\n * One f().  @two is next.\n */', 2),
        ('/* One?   Two */', 1)),
    'full stop': (
        ('/* One line. */', 1),
        ('int a; /* behind code. */', 1),
        (KERNEL_DOC % '.', 4)),
    'continued': (
        (KERNEL_DOC.replace(' *       goes', ' *	goes') % '', 4),
        (KERNEL_DOC.replace(' *    goes', ' *     goes') % '', 6)),
    'cookie': (
        ('int f(void *cookie);', 1),
        ('/* A cookie for later */', 1),
        ('u64 fault_cookie;', 1)),
}

GOOD = (
    '/* The task that waits; no one of them is whole */',
    '/* bodywho who_waits() letting golden */',
    '/*\n * One. Two.\n *\n *   a   b   c\n */',
    '/* One line, and so on ... */',
    'char *s = "Nobody.  /* who */";',
    KERNEL_DOC % '',
    'ret = iommu_get_msi_cookie(domain, base);',
    'domain->iova_cookie = NULL;',
)


class CommentsTest(unittest.TestCase):
    """Each rule alone, and the check that lint runs."""

    def test_bad(self):
        for what, samples in BAD.items():
            for text, line in samples:
                found = comments.problems_of(text)
                self.assertEqual([number for number, _ in found], [line], f'{what}: {text}')

    def test_kinds(self):
        kinds = {'person': 'for a task', 'spaces': 'more than one space',
                 'full stop': 'full stop', 'continued': 'continued', 'cookie': 'of the ABI'}
        for what, samples in BAD.items():
            for text, _ in samples:
                self.assertIn(kinds[what], comments.problems_of(text)[0][1], text)

    def test_good(self):
        for text in GOOD:
            self.assertEqual(comments.problems_of(text), [], text)

    def test_field_of_the_abi(self):
        self.assertEqual(comments.problems_of('__u32 cookie;', comments.COOKIE_ABI[0]), [])

    def test_files(self):
        """Files of the kernel are looked at, and programs are not."""
        with tempfile.TemporaryDirectory() as folder:
            names = ['drivers/a.c', 'include/b.h', 'tools/c.c', 'Documentation/d.rst']
            for name in names:
                path = Path(folder) / name
                path.parent.mkdir(exist_ok=True)
                path.write_text('\n/* Nobody */\n')
            report = mock.Mock()
            comments.check_comments(report, Path(folder), names)
        problems = report.result.call_args[0][1]
        self.assertEqual([row.rsplit(':', 1)[0] for row in problems],
                         ['drivers/a.c:2', 'include/b.h:2'])

    def test_style_runs_it(self):
        with mock.patch.multiple(lint, new_files=mock.DEFAULT, added_files=mock.DEFAULT,
                                 style=mock.DEFAULT, check_kconfig=mock.DEFAULT,
                                 check_words=mock.DEFAULT, Report=mock.DEFAULT,
                                 comments=mock.DEFAULT) as mocks, \
                mock.patch.object(sys, 'argv', ['lint.py', 'style']):
            lint.main()
        mocks['comments'].check_comments.assert_called_once()


if __name__ == '__main__':
    unittest.main(verbosity=1)
