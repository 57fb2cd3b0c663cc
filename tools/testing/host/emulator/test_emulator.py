#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the build of the emulator depends on, and that its tests and errors fit its files."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

EMULATOR = Path(__file__).resolve().parents[2] / 'emulator'
sys.path[:0] = [str(EMULATOR), str(EMULATOR.parent / 'vm')]
# pylint: disable=wrong-import-position
import build
import check
import mutations


class Patches(unittest.TestCase):
    """The patches of QEMU."""

    def test_all_listed(self):
        """Each patch is in the series, once."""
        files = sorted(p.name for p in (EMULATOR / 'patches').glob('*.patch'))
        self.assertEqual(sorted(p.name for p in build.patches()), files)

    def test_heads(self):
        """Each says where it comes from, what it does, and why."""
        for patch in build.patches():
            head = patch.read_text().split('\n---\n')[0]
            self.assertRegex(head, r'^From: .* <.*>\nSubject: \[PATCH\] [\w/]+: \w.*\n\n\w',
                             patch.name)

    def test_headers_are_stripped(self):
        """No patch and no file of ours needs the kernel headers that are taken out."""
        texts = [p.read_text() for p in build.patches()]
        texts += [p.read_text() for p, _ in build.own_files()]
        for text in texts:
            self.assertNotRegex(text, r'(?m)^[+]?#include [<"]linux/(?:iommufd|vfio)\.h')


class Source(unittest.TestCase):
    """Where the source comes from."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.place = Path(self.folder.name)

    def test_absent(self):
        """A source that is not there is no error, and leaves its reason."""
        empty = self.place / 'empty'
        empty.mkdir()
        env = {**os.environ, 'QEMU_SRC': str(empty)}
        done = subprocess.run([str(EMULATOR / 'build.py'), str(self.place / 'out')], env=env,
                              stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertIn('no emulator', done.stdout)
        self.assertIn('does not exist', (self.place / 'out/failed').read_text())

    def test_other_content(self):
        """A file with the right name and other content is refused."""
        for name in build.pinned():
            (self.place / name).write_text('something else')
        with self.assertRaisesRegex(build.SourceError, 'not the file'):
            build.check_source(self.place)

    def test_key(self):
        """The key changes with each file."""
        keys = {build.key()}
        for path in [*build.patches(), *(p for p, _ in build.own_files())]:
            read = Path.read_bytes
            with unittest.mock.patch.object(
                    Path, 'read_bytes',
                    lambda p, path=path, read=read: read(p) + (b'x' if p == path else b'')):
                keys.add(build.key())
        self.assertEqual(len(keys), 1 + len(build.patches()) + len(list(build.own_files())))


class Tests(unittest.TestCase):
    """The tests and the errors that they find."""

    def test_topics(self):
        """Each topic is a file, and each file a topic that has cases."""
        files = {p.stem for p in (EMULATOR / 'tests').glob('*.py')} - {'__init__'}
        self.assertEqual(set(check.MODULES), files)
        found = {f.__module__.rpartition('.')[2] for f, _ in check.chosen([])}
        self.assertEqual(found, files)

    def test_mutations(self):
        """Each error changes one place, and names a topic."""
        names = [m[0] for m in mutations.MUTATIONS]
        self.assertEqual(len(names), len(set(names)))
        for name, file, old, new, topic in mutations.MUTATIONS:
            text = (EMULATOR / mutations.place(file)[0] / file).read_text()
            self.assertEqual(text.count(old), 1, name)
            self.assertNotEqual(old, new, name)
            self.assertIn(topic, check.MODULES, name)

    def test_files_have_mutations(self):
        """Each file of the model has errors put into it."""
        files = {p.name for f in ('vtd', 'smmuv3') for p in (EMULATOR / f).glob('*.c')}
        self.assertEqual({m[1] for m in mutations.MUTATIONS}, files)

    def test_absent_is_skipped(self):
        """Without the emulator each case is skipped with the reason, and that is no failure."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / 'failed').write_text('apt has none\n')
            done = subprocess.run([str(EMULATOR / 'check.py'), '--emulator', folder,
                                   '--mutations', '1'], stdout=subprocess.PIPE, text=True,
                                  check=False)
        rows = done.stdout.split('\n')
        self.assertEqual(done.returncode, 0)
        self.assertRegex(rows[-2], r'^0 passed, 0 failed, [1-9]\d+ skipped$')
        self.assertTrue(all(re.search('# SKIP no (emulator: apt has none|released)', r)
                            for r in rows[:-2]))


if __name__ == '__main__':
    unittest.main()
