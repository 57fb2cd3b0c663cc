#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What make series-check counts as built, with builders that only pretend."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

SCRIPTS = Path(__file__).resolve().parents[4] / 'scripts'
sys.path.insert(0, str(SCRIPTS))
# pylint: disable=wrong-import-position
import series_check
from series_check import Check, Programs, StepKernel, added_sources, named_sources


class FakeKernel(StepKernel):
    """A kernel whose make compiles the files that it is told."""

    def __init__(self, out, compiles, said='', status=0):
        super().__init__('x86_64', out, out)
        self.compiles, self.said, self.status = compiles, said, status

    def seed(self, wanted):
        """No configuration."""

    def run(self, *args):
        """Leave objects like a build does."""
        for name in self.compiles:
            path = self.out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('object')
        return self.status, self.said


class FakePrograms(Programs):
    """Programs without the kernel's headers."""

    def headers(self):
        """A folder that needs not exist."""
        return self.build / 'headers'


class CheckTest(unittest.TestCase):
    """Each test has a tree of a few commits."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)
        self.tree = self.dir / 'tree'
        self.git('init', '-q', str(self.tree), tree=False)
        self.git('config', 'user.name', 'Some Body')
        self.git('config', 'user.email', 'some@localhost')
        self.commit('Makefile')

    def git(self, *args, tree=True):
        """Run git."""
        where = ['-C', str(self.tree)] if tree else []
        return subprocess.run(['git', *where, *args], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def commit(self, *names, text='text\n'):
        """Make a commit of some files."""
        for name in names:
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git('add', '.')
        self.git('commit', '-q', '-m', 'drv: commit')
        return self.git('rev-parse', 'HEAD')

    def check(self, commit, *kernels, complete=True, fresh=True):
        """(problems, remarks) of a commit with some kernels."""
        builders = {f'k{n}': k for n, k in enumerate(kernels)}
        builders['programs'] = FakePrograms(self.tree, self.dir)
        check = Check(self.tree, builders, None, complete)
        check.fresh = fresh
        return check.commit(commit)

    def kernel(self, *compiles, **said):
        """A kernel with a folder of its own."""
        return FakeKernel(self.dir / f'out-{len(list(self.dir.iterdir()))}', compiles, **said)

    def test_sources_that_a_commit_adds(self):
        self.commit('drv/old.c')
        commit = self.commit('drv/old.c', 'drv/new.c', 'drv/new.h', 'doc.rst', text='more\n')
        self.assertEqual(added_sources(self.tree, commit), ['drv/new.c'])

    def test_one_of_the_kernels_is_enough(self):
        commit = self.commit('drv/a.c', 'drv/b.c')
        problems, remarks = self.check(commit, self.kernel('drv/a.o'), self.kernel('drv/b.o'))
        self.assertEqual(problems, [])
        self.assertIn('2 of 2 .c files built', remarks)

    def test_a_file_that_no_kernel_builds_is_an_error(self):
        commit = self.commit('drv/a.c', 'drv/b.c')
        problems, _ = self.check(commit, self.kernel('drv/a.o'), self.kernel('drv/a.o'))
        self.assertEqual(problems, ['drv/b.c: no configuration builds it'])

    def test_without_all_architectures_it_is_a_remark(self):
        commit = self.commit('drv/a.c')
        problems, remarks = self.check(commit, self.kernel(), complete=False)
        self.assertEqual(problems, [])
        self.assertIn('drv/a.c: perhaps another architecture builds it', remarks)

    def test_an_object_of_an_earlier_build_does_not_count(self):
        commit = self.commit('drv/a.c')
        kernel = self.kernel('drv/a.o')
        kernel.run()
        kernel.compiles = ()
        problems, _ = self.check(commit, kernel)
        self.assertEqual(problems, ['drv/a.c: no configuration builds it'])

    def test_a_warning_is_a_problem_though_the_build_ends_well(self):
        commit = self.commit('drv/a.c')
        said = 'drv/a.c:3:7: warning: unused variable'
        problems, _ = self.check(commit, self.kernel('drv/a.o', said=f'CC a.o\n{said}\n'))
        self.assertEqual(problems, [f'k0: {said}'])

    def test_a_build_that_fails_is_a_problem(self):
        commit = self.commit('drv/a.c')
        problems, _ = self.check(commit, self.kernel('drv/a.o', said='no rule\n', status=2))
        self.assertEqual(problems, ['k0: no rule'])

    def test_documents_need_a_kernel_only_at_the_beginning(self):
        commit = self.commit('Documentation/a.rst', 'tools/b.txt')
        broken = self.kernel(said='broken\n', status=2)
        self.assertEqual(self.check(commit, broken, fresh=False)[0], [])
        check = Check(self.tree, {'k0': broken, 'programs': FakePrograms(self.tree, self.dir)},
                      None, True)
        self.assertEqual([check.commit(commit)[0] for _ in range(2)], [['k0: broken'], []])

    def test_modules_are_built_for_commits_of_their_folder(self):
        modules = self.kernel(said='undefined\n', status=2)
        check = Check(self.tree, {'programs': FakePrograms(self.tree, self.dir)}, modules, True)
        for name, wrong in (('drivers/iommu/iommufd/a.h', ['modules: undefined']),
                            ('drivers/iommu/a.h', [])):
            self.assertEqual(check.commit(self.commit(name))[0], wrong)

    def test_a_program_is_built_by_its_own_make(self):
        commit = self.commit('prog/a.c', 'prog/b.c')
        for command, wrong in (('echo gcc -o x {source}/a.c b.c', []),
                               ('echo gcc -o x a.c', ['prog/b.c: no configuration builds it']),
                               ('echo a.c b.c; false', ['programs: a.c b.c'] + [
                                   f'prog/{n}.c: no configuration builds it' for n in 'ab'])):
            with mock.patch.object(series_check, 'PROGRAMS', {'prog/': command}):
                problems = [p for p in self.check(commit)[0] if not p.startswith('programs: +')]
                self.assertEqual(problems, wrong)

    def test_a_name_within_another_is_not_meant(self):
        self.assertEqual(named_sources(['p/a.c', 'p/b.c'], 'gcc x_a.c ../q/b.c -o a.cc'), {'p/b.c'})


if __name__ == '__main__':
    unittest.main(verbosity=1)
