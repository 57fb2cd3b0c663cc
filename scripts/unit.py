#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run `make check` in every folder of tools/testing/host, each a result."""

import os
import subprocess
import sys
import time
from pathlib import Path

HOST = Path(__file__).resolve().parent.parent / 'tools/testing/host'


def run_folder(folder):
    """Run one folder's tests; return whether they passed and what they printed."""
    env = {k: v for k, v in os.environ.items()
           if k not in ('MAKEFLAGS', 'MAKELEVEL', 'MFLAGS', 'O', 'V', 'ARCH', 'CONFIG')}
    done = subprocess.run(['make', '-s', '-C', str(folder), 'check'], env=env, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace')
    return done.returncode == 0, done.stdout


def main():
    """Run all folders; print TAP and a closing count."""
    passed = failed = 0
    for makefile in sorted(HOST.glob('*/Makefile')):
        start = time.monotonic()
        good, text = run_folder(makefile.parent)
        passed, failed = passed + good, failed + (not good)
        word = 'ok' if good else 'not ok'
        print(f'{word} {passed + failed} - host/{makefile.parent.name} '
              f'({time.monotonic() - start:.0f} s)', flush=True)
        if not good or os.environ.get('V') == '1':
            print(''.join(f'# {row}\n' for row in text.splitlines()), end='', flush=True)
    print(f'{passed} passed, {failed} failed, 0 skipped')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
