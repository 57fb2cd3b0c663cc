#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The series as mail: git format-patch into FOLDER/series, with its cover letter.

    series_mail.py --build FOLDER
"""

import argparse
import shutil
import subprocess
from pathlib import Path

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


def main():
    """Write the series."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--build', default=TOP / 'build', type=Path)
    mail(parser.parse_args().build.resolve())


if __name__ == '__main__':
    main()
