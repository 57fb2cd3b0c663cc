#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The series as mail, and a build after each of its patches.

    series_mail.py --build FOLDER mail              format-patch into FOLDER/series
    series_mail.py --build FOLDER check ARCH        build after every commit
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from kernel import Kernel, read_fragments

TOP = Path(__file__).resolve().parent.parent
COVER = TOP / 'patches/cover-letter'
PREFIX = 'PATCH 6.1'


def git(tree, *args):
    """Output of git in a tree."""
    return subprocess.run(['git', '-C', str(tree), *args], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


def mail(build):
    """Write the mailable series; its cover letter gets our subject and text."""
    tree, out = build / 'tree', build / 'series'
    shutil.rmtree(out, ignore_errors=True)
    name, address = git(tree, 'log', '-1', '--format=%an%n%ae').split('\n')
    git(tree, '-c', f'user.name={name}', '-c', f'user.email={address}', 'format-patch',
        '-q', '--cover-letter', '-M', f'--subject-prefix={PREFIX}', '--base=base', '-o', str(out), 'base..HEAD')
    subject, _, text = COVER.read_text().partition('\n\n')
    cover = next(out.glob('0000-*'))
    letter = cover.read_text().replace('*** SUBJECT HERE ***', subject.strip())
    cover.write_text(letter.replace('*** BLURB HERE ***', text.strip()))
    names = sorted(p.name for p in out.iterdir())
    print(f'{out}: {len(names) - 1} patches and a cover letter')


class StepKernel(Kernel):
    """A kernel that is built at each commit; options may not exist yet."""

    def build_step(self):
        """Configure and build; return (status, output)."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.seed(read_fragments(self.fragments))
        done = subprocess.run(self.make_command('-j2', 'vmlinux'), env=self.environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors='replace', check=False)
        return done.returncode, done.stdout


def new_warnings(text):
    """Warnings of the compiler in a build's output."""
    return [row for row in text.splitlines() if re.search(r':\d+:\d+: (?:warning|error):', row)]


def check(build, arch):
    """Build after every commit; return the exit status."""
    tree, steps = build / 'tree', build / 'series-tree'
    commits = git(tree, 'rev-list', '--reverse', 'base..HEAD').split()
    if not steps.exists():
        git(tree, 'worktree', 'prune')
        git(tree, 'worktree', 'add', '-q', '--detach', str(steps), 'base')
    kernel = StepKernel(arch, 'run', steps, build / f'series-{arch}')
    failed = 0
    for number, commit in enumerate(commits, 1):
        git(steps, 'checkout', '-q', '--detach', '-f', commit)
        start = time.monotonic()
        status, text = kernel.build_step()
        problems = new_warnings(text) or (text.splitlines()[-10:] if status else [])
        failed += bool(problems)
        print(f'{"not ok" if problems else "ok"} {number} - '
              f'{git(steps, "log", "-1", "--format=%s")} ({time.monotonic() - start:.0f} s)')
        for row in problems:
            print(f'# {row}')
        sys.stdout.flush()
    print(f'{len(commits) - failed} passed, {failed} failed, 0 skipped')
    return 1 if failed else 0


def main():
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--build', default=TOP / 'build', type=Path)
    parser.add_argument('command', choices=('mail', 'check'))
    parser.add_argument('arch', nargs='?', default='x86_64')
    args = parser.parse_args()
    if args.command == 'mail':
        mail(args.build.resolve())
        return 0
    return check(args.build.resolve(), args.arch)


if __name__ == '__main__':
    sys.exit(main())
