#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""All lint checks, as TAP with a closing count.

usage: lint.py --build FOLDER [CHECK ...]
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import comments
import objects
import rules
import style
from report import Report

TOP = Path(__file__).resolve().parents[3]
CHECKS = ('style', 'rules', 'objects', 'options', 'modules')
SLOW = ('callers',)


def added_files(tree):
    """All files that the series adds to the kernel."""
    return subprocess.run(['git', '-C', str(tree), 'diff', '--name-only', '--diff-filter=A',
                           'base', 'HEAD'], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.split()


def new_files(tree):
    """Files that the series adds to the kernel, text moved there by patches left out."""
    return [name for name in added_files(tree) if (TOP / name).is_file()]


def check_kconfig(report, tree, files):
    """The top Kconfig names each new Kconfig file, and the kernel sources it."""
    listed = set(re.findall(r'^source "(.*)"', (TOP / 'Kconfig').read_text(), re.M))
    new = {name for name in files if Path(name).name.startswith('Kconfig')}
    text = subprocess.run(['git', '-C', str(tree), 'grep', '-h', '^source', '--', '*Kconfig*'],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    sourced = set(re.findall(r'^source "(.*)"', text, re.M))
    report.result('Kconfig files of the series',
                  [f'{n}: not in the top Kconfig' for n in sorted(new - listed)]
                  + [f'{n}: in the top Kconfig, but no file' for n in sorted(listed - new)]
                  + [f'{n}: sourced by no Kconfig file' for n in sorted(new - sourced)])


def check_words(report, tree, files):
    """Words that new files may not hold."""
    problems = []
    for name in files:
        if not name.endswith(('.c', '.h')):
            continue
        for number, row in enumerate((tree / name).read_text().splitlines(), 1):
            if re.search(r'\b__(?:maybe|always)_unused\b|LINUX_VERSION_CODE', row):
                problems.append(f'{name}:{number}: {row.strip()}')
    report.result('no __maybe_unused and no kernel version test', problems)


def main():
    """Run the checks that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--build', default=TOP / 'build', type=Path)
    parser.add_argument('checks', nargs='*', choices=[*CHECKS, *SLOW, []])
    args = parser.parse_args()
    chosen = args.checks or CHECKS
    build, tree = args.build.resolve(), args.build.resolve() / 'tree'
    files, report = new_files(tree), Report()
    if 'style' in chosen:
        style.check_spdx(report, TOP)
        style.check_scripts(report, TOP)
        style.check_patches(report, tree, TOP)
        style.check_files(report, tree, files)
        style.check_guest(report, tree, TOP)
        style.check_maintainers(report, tree, added_files(tree))
        check_kconfig(report, tree, files)
        check_words(report, tree, files)
        comments.check_comments(report, tree, files)
    if 'rules' in chosen:
        rules.check_rules(report, tree, files)
    if 'objects' in chosen:
        objects.check_objects(report, build, tree, files)
    if 'options' in chosen:
        objects.check_options(report, build, tree)
    if 'modules' in chosen:
        objects.check_modules(report, build, tree)
    if 'callers' in chosen:
        objects.check_callers(report, build, tree)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
