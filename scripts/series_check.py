#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A build after each commit of the series, which proves what the commit adds.

    series_check.py --build FOLDER [--entries "PATTERN ..."] ARCH ...

The kernel is built for each architecture at every commit that changes something
a kernel is made of; commits of the folder of iommufd also as modules.  Nothing may
warn, and each .c file that a commit adds has to be built by then: its object, which
is removed before, is there afterwards; a program has a make of its own, which names
its sources.  Which architecture builds a file does not matter, so only with all of
them a file that none builds is an error.
"""

import argparse
import fnmatch
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from kernel import IMAGE, Kernel, read_config, read_fragments

TOP = Path(__file__).resolve().parent.parent
# The folder that is a module, and what makes it and those who use it modules
MODULE = 'drivers/iommu/iommufd/'
AS_MODULES = {name: 'm' for name in ('IOMMUFD', 'VFIO', 'VFIO_PCI', 'VFIO_IOMMU_TYPE1')}
AS_MODULES['KUNIT'] = 'n'
# No kernel is made of these
NOT_KERNEL = ('Documentation/', 'tools/', 'MAINTAINERS')
# Programs, by folder: what builds them, with what is there and where the result goes
PROGRAMS = {
    'tools/testing/selftests/iommu/':
        'make -C {source} OUTPUT={out} CC=gcc ARCH=x86_64 '
        'KHDR_INCLUDES=-isystem\\ {headers}',
    'tools/iommu/profile/':
        'gcc -shared -fPIC -Wall -o {out}/profile.so {source}/profile.c',
    'tools/iommu/':
        'make -B -C {source} HEADERS={headers} && mv {source}/iommu_bench {out}',
}
# Files that no build of the kernel's tree has, each with its reason
NOT_BUILT = {}


def git(tree, *args):
    """Output of git in a tree."""
    return subprocess.run(['git', '-C', str(tree), *args], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


def changed(tree, commit, *options):
    """Files that a commit changes."""
    return git(tree, 'diff-tree', '-r', '--no-commit-id', '--name-only', '--no-renames', *options,
               commit).splitlines()


def added_sources(tree, commit):
    """The .c files that a commit adds."""
    return [n for n in changed(tree, commit, '--diff-filter=A') if n.endswith('.c')]


def program_folder(name):
    """Folder of PROGRAMS that a file belongs to, or None."""
    return next((f for f in PROGRAMS if name.startswith(f)), None)


def named_sources(names, text):
    """Those of some files that the commands of a make name."""
    words = {Path(w).name for w in re.findall(r'[\w./-]+\.c\b', text)}
    return {n for n in names if Path(n).name in words}


def new_warnings(text):
    """Warnings of the compiler in a build's output."""
    return [row for row in text.splitlines() if re.search(r':\d+:\d+: (?:warning|error):', row)]


def problems_of(status, text):
    """What is wrong with a build: its warnings, or the end of what it said."""
    return new_warnings(text) or (text.splitlines()[-10:] if status else [])


class StepKernel(Kernel):
    """A kernel that is built at each commit; options may not exist yet."""

    def __init__(self, arch, tree, out, extra=None):
        super().__init__(arch, 'series', tree, out)
        self.wanted = {**read_fragments(self.fragments), **(extra or {})}

    def run(self, *args):
        """Run the kernel's make; return (status, output)."""
        done = subprocess.run(self.make_command(*args), env=self.environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors='replace', check=False)
        return done.returncode, done.stdout

    def build_step(self, sources):
        """Configure and build; return (problems, those of the sources that were built)."""
        self.out.mkdir(parents=True, exist_ok=True)
        objects = {n: self.out / (n[:-len('.c')] + '.o') for n in sources}
        for path in objects.values():
            path.unlink(missing_ok=True)
        self.seed(self.wanted)
        problems = problems_of(*self.run('-j2', 'vmlinux', 'modules'))
        return problems, {n for n, path in objects.items() if path.exists()}

    def lacking(self):
        """What the configuration asks for and the last kernel does not have."""
        got = read_config(self.out / '.config')
        return [f'{self.arch}: {k}={v} wanted, is {got.get(k, "n")}'
                for k, v in self.wanted.items() if got.get(k, 'n') != v]


class Programs:
    """Programs of user space, built for this machine."""

    def __init__(self, tree, build):
        self.tree, self.build = tree, build

    def build_step(self, sources):
        """Build the folders of some sources; return (problems, those that were built)."""
        problems, built = [], set()
        folders = {program_folder(n) for n in sources} - {None}
        headers = self.headers() if folders else None
        for folder in sorted(folders):
            out = self.build / 'series-programs'
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir(parents=True)
            command = PROGRAMS[folder].format(source=self.tree / folder, out=out, headers=headers)
            done = subprocess.run(['sh', '-xc', command], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, env=Kernel.environment(), text=True,
                                  check=False)
            problems += problems_of(done.returncode, done.stdout)
            if not done.returncode:
                built |= named_sources([n for n in sources if program_folder(n) == folder],
                                       done.stdout)
        return problems, built

    def headers(self):
        """Install the headers for programs; return their folder."""
        out = self.build / 'series-headers'
        subprocess.run(['make', '-s', '-C', str(self.tree), f'O={out}', 'ARCH=x86', 'headers'],
                       env=Kernel.environment(), stdout=subprocess.DEVNULL, check=True)
        return out / 'usr/include'


class Check:
    """The builds of one commit after the other."""

    def __init__(self, steps, builders, modules, complete):
        self.steps, self.builders, self.modules = steps, builders, modules
        self.complete = complete
        self.fresh = True

    def needed(self, files):
        """{name: builder} for a commit that changes some files."""
        names = [n for n in self.builders if n != 'programs']
        if not self.fresh and all(f.startswith(NOT_KERNEL) for f in files):
            names = []
        found = {n: self.builders[n] for n in names}
        found['programs'] = self.builders['programs']
        if self.modules and any(f.startswith(MODULE) and not f.startswith(MODULE + 'tests/')
                                for f in files):
            found['modules'] = self.modules
        return found

    def commit(self, commit):
        """Build at one commit; return (problems, remarks)."""
        git(self.steps, 'checkout', '-q', '--detach', '-f', commit)
        sources = added_sources(self.steps, commit)
        problems, built, remarks = [], set(), []
        for name, builder in self.needed(changed(self.steps, commit)).items():
            start = time.monotonic()
            wrong, done = builder.build_step(sources)
            problems += [f'{name}: {row}' for row in wrong]
            built |= done
            if name != 'programs' or done:
                remarks.append(f'{name} {time.monotonic() - start:.0f} s')
        self.fresh = False
        missing = [n for n in sources if n not in built and n not in NOT_BUILT]
        rows = [f'{n}: no configuration builds it' for n in missing]
        remarks.append(f'{len(built)} of {len(sources)} .c files built')
        if self.complete:
            return problems + rows, remarks
        return problems, remarks + [f'{n}: perhaps another architecture builds it'
                                    for n in missing]


def entries_of(tree):
    """[(name of the entry, commit)] of the built tree."""
    rows = json.loads((tree / '.git/series-state.json').read_text())
    return [(r['name'], r['commit']) for r in rows]


def series_tree(tree, steps):
    """A work tree to check commits out in."""
    if not steps.exists():
        git(tree, 'worktree', 'prune')
        git(tree, 'worktree', 'add', '-q', '--detach', str(steps), 'base')
    return steps


def report(number, name, subject, problems, remarks):
    """Print the result of one commit."""
    print(f'{"not ok" if problems else "ok"} {number} - {name}: {subject} '
          f'({", ".join(remarks)})')
    for row in problems:
        print(f'# {row}')
    sys.stdout.flush()


def main():
    """Check the commits; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--build', default=TOP / 'build', type=Path)
    parser.add_argument('--entries', default='', help='only entries that match one of the patterns')
    parser.add_argument('archs', nargs='+', choices=sorted(IMAGE))
    args = parser.parse_args()
    build = args.build.resolve()
    steps = series_tree(build / 'tree', build / 'series-tree')
    kernels = {a: StepKernel(a, steps, build / f'series-{a}') for a in args.archs}
    modules = StepKernel('x86_64', steps, build / 'series-modules', AS_MODULES)
    check = Check(steps, {**kernels, 'programs': Programs(steps, build)},
                  modules if 'x86_64' in kernels else None, set(args.archs) == set(IMAGE))
    entries = entries_of(build / 'tree')
    passed = failed = 0
    for number, (name, commit) in enumerate(entries, 1):
        if args.entries and not any(fnmatch.fnmatchcase(name, p) for p in args.entries.split()):
            continue
        problems, remarks = check.commit(commit)
        if number == len(entries):
            problems += [row for k in kernels.values() for row in k.lacking()]
        report(number, name, git(steps, 'log', '-1', '--format=%s'), problems, remarks)
        passed, failed = passed + (not problems), failed + bool(problems)
    print(f'{passed} passed, {failed} failed, 0 skipped')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
