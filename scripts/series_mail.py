#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The series as mail: git format-patch into FOLDER/series, with its cover letter.

    series_mail.py --build FOLDER
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from series.grammar import parse_parts

TOP = Path(__file__).resolve().parent.parent
COVER = TOP / 'patches/cover-letter'
PREFIX = 'PATCH 6.1'


def git(tree, *args):
    """Output of git in a tree."""
    return subprocess.run(['git', '-C', str(tree), *args], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


def number_parts(letter, parts):
    """The cover letter with `= TITLE` lines numbered; both must have the same parts."""
    said = re.findall(r'^= (.*)$', letter, re.M)
    titles = [title for title, _ in parts]
    if said != titles:
        sys.exit(f'patches/cover-letter has the parts {said}, patches/series {titles}')
    last = 0
    for title, count in parts:
        first, last = last + 1, last + count
        which = f'patch {first}' if count == 1 else f'patches {first} to {last}'
        letter = letter.replace(f'\n= {title}\n', f'\n{title}, {which}\n', 1)
    return letter


def mail(build):
    """Write the mailable series; its cover letter gets our subject and text."""
    tree, out = build / 'tree', build / 'series'
    shutil.rmtree(out, ignore_errors=True)
    name, address = git(tree, 'log', '-1', '--format=%an%n%ae').split('\n')
    git(tree, '-c', f'user.name={name}', '-c', f'user.email={address}', 'format-patch',
        '-q', '--cover-letter', '-M', f'--subject-prefix={PREFIX}', '--base=base', '-o', str(out), 'base..HEAD')
    parts = parse_parts((TOP / 'patches/series').read_text())
    subject, _, text = number_parts(COVER.read_text(), parts).partition('\n\n')
    cover = next(out.glob('0000-*'))
    letter = cover.read_text().replace('*** SUBJECT HERE ***', subject.strip())
    cover.write_text(letter.replace('*** BLURB HERE ***', text.strip()))
    names = sorted(p.name for p in out.iterdir())
    print(f'{out}: {len(names) - 1} patches and a cover letter')


def main():
    """Write the series."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--build', default=TOP / 'build', type=Path)
    mail(parser.parse_args().build.resolve())


if __name__ == '__main__':
    main()
