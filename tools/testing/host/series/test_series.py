#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make tree, make fold and make new-patch on a kernel of three files."""

import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[4] / 'scripts'
MAIN = SCRIPTS / 'series/main.py'
sys.path.insert(0, str(SCRIPTS))
# pylint: disable=wrong-import-position
from patch_list import count
from series.grammar import parse_parts
from series_mail import COVER, number_parts
MAKEFILE = '# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\nEXTRAVERSION =\nNAME = Tiny\n'
SOURCE = ''.join(f'line {n}\n' for n in range(1, 31))
KERNEL_MAINTAINERS = ('Text.\n\nMaintainers List\n----------------\n\n'
                      'ALPHA\nM:\tA <a@localhost>\nF:\talpha/\n\n'
                      'ZETA\nM:\tZ <z@localhost>\nF:\tzeta/\n\n'
                      'THE REST\nM:\tL <l@localhost>\nF:\t*\n')
PATCH = '''From: Some Body <some@localhost>
Subject: [PATCH] drv: {what}

Because.

Signed-off-by: Some Body <some@localhost>
---

diff --git a/drivers/drv/a.c b/drivers/drv/a.c
--- a/drivers/drv/a.c
+++ b/drivers/drv/a.c
@@ -{at},3 +{at},3 @@
 line {before}
-line {old}
+line {old} {what}
 line {after}
'''
FILES = '''From: Some Body <some@localhost>
Subject: [PATCH] drv: add files

Text.
---
drivers/drv/new.c
MAINTAINERS
'''
NEW_EDITED = '''diff --git a/drivers/drv/new.c b/drivers/drv/new.c
--- a/drivers/drv/new.c
+++ b/drivers/drv/new.c
@@ -1 +1 @@
-new
+edited by a patch
'''


def patch(what, line):
    """A patch that changes one line of the source."""
    return PATCH.format(what=what, at=line - 1, before=line - 1, old=line, after=line + 1)


class SeriesTest(unittest.TestCase):
    """Each test has a repository and a source of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)
        self.repo, self.tree = self.dir / 'repo', self.dir / 'tree'
        self.source = self.make_source()
        self.write('patches/series', 'one.patch\nnew.files\ntwo.patch\n')
        self.write('patches/one.patch', patch('one', 5))
        self.write('patches/two.patch', patch('two', 20))
        self.write('patches/new.files', FILES)
        self.write('drivers/drv/new.c', 'new\n')
        self.write('MAINTAINERS', 'MIDDLE\nM:\tM <m@localhost>\nF:\tdrivers/drv/\n')
        for args in (('init', '-q'), ('config', 'user.name', 'Some Body'),
                     ('config', 'user.email', 'some@localhost')):
            subprocess.run(['git', '-C', str(self.repo), *args], check=True)

    def make_source(self):
        """A tarball of a tiny kernel."""
        top = self.dir / 'linux-6.1'
        (top / 'drivers/drv').mkdir(parents=True)
        (top / 'Makefile').write_text(MAKEFILE)
        (top / 'MAINTAINERS').write_text(KERNEL_MAINTAINERS)
        (top / 'drivers/drv/a.c').write_text(SOURCE)
        (top / 'drivers/drv/b.c').write_text(SOURCE)
        (top / '.gitignore').write_text('/*\n*.o\n')
        path = self.dir / 'linux.tar.xz'
        with tarfile.open(path, 'w:xz') as tar:
            tar.add(top, 'linux-6.1')
        return path

    def write(self, name, text):
        """Write a file of the repository."""
        path = self.repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name):
        """Read a file of the repository."""
        return (self.repo / name).read_text()

    def run_main(self, *args, good=True):
        """Run the tool; return what it printed."""
        env = {k: v for k, v in os.environ.items() if not k.startswith('GIT_')}
        done = subprocess.run([sys.executable, str(MAIN), '--top', str(self.repo),
                               '--tree', str(self.tree), '--pristine', str(self.dir / 'base.git'),
                               '--src', str(self.source), *args], env=env, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode == 0, good, done.stdout)
        return done.stdout

    def subjects(self):
        """Subjects of the tree's commits, the first first."""
        out = subprocess.run(['git', '-C', str(self.tree), 'log', '--reverse', '--format=%s'],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
        return out.splitlines()

    def edit(self, name, old, new):
        """Edit a file in the built tree."""
        path = self.tree / name
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1))

    def test_tree_has_a_commit_for_each_entry(self):
        self.run_main('tree')
        self.assertEqual(self.subjects(),
                         ['Linux 6.1.y, pristine', 'drv: one', 'drv: add files', 'drv: two'])
        self.assertEqual((self.tree / 'drivers/drv/new.c').read_text(), 'new\n')
        text = (self.tree / 'MAINTAINERS').read_text()
        self.assertLess(text.index('ALPHA'), text.index('MIDDLE'))
        self.assertLess(text.index('MIDDLE'), text.index('ZETA'))

    def test_second_run_touches_only_what_changed(self):
        self.run_main('tree')
        stamps = {n: (self.tree / n).stat().st_mtime_ns
                  for n in ('drivers/drv/a.c', 'drivers/drv/b.c', 'drivers/drv/new.c')}
        self.write('drivers/drv/new.c', 'newer\n')
        self.run_main('tree')
        for name, stamp in stamps.items():
            same = (self.tree / name).stat().st_mtime_ns == stamp
            self.assertEqual(same, not name.endswith('new.c'), name)

    def test_a_makefile_grows_with_the_files(self):
        self.write('patches/series', 'one.patch\nnew.files\ntwo.patch drivers/drv/later.c\n')
        self.write('patches/new.files', FILES + 'drivers/drv/new/\n')
        self.write('drivers/drv/later.c', 'later\n')
        self.write('drivers/drv/new/Makefile', 'obj-y += a.o ../later.o\n')
        self.write('drivers/drv/new/a.c', 'a\n')
        self.run_main('tree')
        first = subprocess.run(['git', '-C', str(self.tree), 'show', 'HEAD^:drivers/drv/new/Makefile'],
                               stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertEqual(first, 'obj-y += a.o\n')
        self.assertEqual((self.tree / 'drivers/drv/new/Makefile').read_text(),
                         'obj-y += a.o ../later.o\n')

    def test_a_last_text_that_differs_is_refused(self):
        self.write('patches/two.patch', patch('two', 20) + NEW_EDITED)
        self.assertIn('differs from the repository in:\n  drivers/drv/new.c',
                      self.run_main('tree', good=False))

    def test_unnamed_file_is_refused_by_name(self):
        self.write('drivers/drv/lost.c', 'lost\n')
        self.assertIn('drivers/drv/lost.c', self.run_main('tree', good=False))

    def test_file_named_twice_is_refused(self):
        self.write('patches/series', 'one.patch drivers/drv/new.c\nnew.files\ntwo.patch\n')
        self.assertIn('named by', self.run_main('tree', good=False))

    def test_fuzz_is_refused(self):
        self.write('patches/two.patch', patch('two', 20).replace(' line 19\n', ' line 19x\n'))
        self.assertIn('does not apply', self.run_main('tree', good=False))

    def test_wrong_kernel_version_is_refused(self):
        makefile = self.dir / 'linux-6.1/Makefile'
        makefile.write_text(MAKEFILE.replace('PATCHLEVEL = 1', 'PATCHLEVEL = 2'))
        with tarfile.open(self.source, 'w:xz') as tar:
            tar.add(self.dir / 'linux-6.1', 'linux-6.1')
        self.assertIn('6.2.7', self.run_main('tree', good=False))

    def test_fold_into_the_earlier_of_two_patches(self):
        self.run_main('tree')
        self.edit('drivers/drv/a.c', 'line 8\n', 'line 8 edited\n')
        self.assertIn('say PATCH=', self.run_main('fold', good=False))
        self.run_main('fold', '--patch', 'one')
        self.assertIn('+line 8 edited', self.read('patches/one.patch'))
        self.assertNotIn('edited', self.read('patches/two.patch'))
        self.run_main('tree')
        self.assertIn('line 8 edited', (self.tree / 'drivers/drv/a.c').read_text())
        self.assertIn('line 20 two', (self.tree / 'drivers/drv/a.c').read_text())

    def test_fold_refuses_lines_of_a_later_patch(self):
        self.run_main('tree')
        self.edit('drivers/drv/a.c', 'line 20 two', 'line 20 three')
        self.assertIn('fold it there', self.run_main('fold', '--patch', 'one', good=False))
        self.run_main('fold', '--patch', 'two')
        self.assertIn('+line 20 three', self.read('patches/two.patch'))

    def test_fold_copies_new_files_back(self):
        self.run_main('tree')
        self.edit('drivers/drv/new.c', 'new', 'edited')
        self.run_main('fold')
        self.assertEqual(self.read('drivers/drv/new.c'), 'edited\n')

    def test_fold_refuses_edits_on_both_sides(self):
        self.run_main('tree')
        self.edit('drivers/drv/new.c', 'new', 'edited')
        self.write('drivers/drv/new.c', 'other\n')
        self.assertIn('edited in the tree and in the repository',
                      self.run_main('fold', good=False))

    def test_new_patch_takes_edits_and_new_files(self):
        self.run_main('tree')
        self.edit('drivers/drv/b.c', 'line 3\n', 'line 3 edited\n')
        (self.tree / 'drivers/drv/more.c').write_text('more\n')
        self.run_main('new-patch', '--name', 'three', '--subject', 'drv: three')
        self.assertIn('three.patch drivers/drv/more.c', self.read('patches/series'))
        self.assertEqual(self.read('drivers/drv/more.c'), 'more\n')
        self.assertIn('+line 3 edited', self.read('patches/three.patch'))
        self.assertEqual(self.subjects()[-1], 'drv: three')

    def test_new_files_are_seen_though_the_source_hides_them(self):
        self.run_main('tree')
        (self.tree / 'drivers/drv/more.c').write_text('more\n')
        (self.tree / 'drivers/drv/more.o').write_text('object\n')
        said = self.run_main('fold', good=False)
        self.assertIn('drivers/drv/more.c', said)
        self.assertNotIn('more.o', said)
        self.assertEqual(self.read('drivers/drv/more.c'), 'more\n')
        self.assertFalse((self.repo / 'drivers/drv/more.o').exists())

    def test_forced_tree_drops_new_files_too(self):
        self.run_main('tree')
        (self.tree / 'drivers/drv/more.c').write_text('more\n')
        (self.tree / 'drivers/drv/more.o').write_text('object\n')
        self.write('drivers/drv/new.c', 'newer\n')
        self.run_main('tree', '--force')
        self.assertFalse((self.tree / 'drivers/drv/more.c').exists())
        self.assertTrue((self.tree / 'drivers/drv/more.o').exists())

    def test_tree_keeps_edits_and_refuses_to_overwrite_them(self):
        self.run_main('tree')
        self.edit('drivers/drv/b.c', 'line 3\n', 'line 3 edited\n')
        self.write('drivers/drv/new.c', 'newer\n')
        self.assertIn('not folded', self.run_main('tree'))
        self.edit('drivers/drv/new.c', 'newer', 'edited')
        self.write('drivers/drv/new.c', 'newest\n')
        self.assertIn('drivers/drv/new.c', self.run_main('tree', good=False))
        self.run_main('tree', '--force')
        self.assertEqual((self.tree / 'drivers/drv/b.c').read_text(), SOURCE)

    def test_lines_of_existing_files_are_counted(self):
        diff = (b'diff --git a/x.c b/x.c\n--- a/x.c\n+++ b/x.c\n@@ -1,3 +1,2 @@ f()\n one\n'
                b'--- a/two\n-three\n+++ b/two\n@@ -9 +8,2 @@\n nine\n+ten\n'
                b'diff --git a/new.c b/new.c\n--- /dev/null\n+++ b/new.c\n@@ -0,0 +1 @@\n+one\n')
        self.assertEqual(count(diff), {'x.c': [2, 2]})

    def test_cover_letter_numbers_the_parts_of_the_series(self):
        parts = parse_parts('# x\n\n#: Low\na.patch f.c\n g.c\n# more\nb.files\n\n#: High\nc.patch\n')
        self.assertEqual(parts, [('Low', 2), ('High', 1)])
        self.assertEqual(number_parts('Title\n\n= Low\nText.\n\n= High\n', parts),
                         'Title\n\nLow, patches 1 to 2\nText.\n\nHigh, patch 3\n')
        for letter in ('= High\n\n= Low\n', '= Low\n', '= Low\n= High\n= Other\n'):
            with self.assertRaises(SystemExit):
                number_parts(letter, parts)

    def test_our_cover_letter_has_the_parts_of_our_series(self):
        text = number_parts(COVER.read_text(), parse_parts((COVER.parent / 'series').read_text()))
        self.assertNotRegex(text, '(?m)^= ')


if __name__ == '__main__':
    unittest.main(verbosity=1)
