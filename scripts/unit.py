#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run `make check` in every folder of tools/testing/host, each a result."""

import concurrent.futures
import os
import subprocess
import sys
import time
from pathlib import Path

HOST = Path(__file__).resolve().parent.parent / 'tools/testing/host'


def run_folder(folder):
    """Run one folder's tests; return (passed, what they printed, seconds)."""
    start = time.monotonic()
    env = {k: v for k, v in os.environ.items()
           if k not in ('MAKEFLAGS', 'MAKELEVEL', 'MFLAGS', 'O', 'V', 'ARCH', 'CONFIG')}
    done = subprocess.run(['make', '-s', '-C', str(folder), 'check'], env=env, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace')
    return done.returncode == 0, done.stdout, time.monotonic() - start


def main():
    """Run all folders, as many at a time as there are processors; print TAP."""
    folders = [p.parent for p in sorted(HOST.glob('*/Makefile'))]
    passed = failed = 0
    jobs = int(os.environ.get('JOBS') or os.cpu_count())
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for folder, (good, text, seconds) in zip(folders, pool.map(run_folder, folders)):
            passed, failed = passed + good, failed + (not good)
            word = 'ok' if good else 'not ok'
            print(f'{word} {passed + failed} - host/{folder.name} ({seconds:.0f} s)', flush=True)
            if not good or os.environ.get('V') == '1':
                print(''.join(f'# {row}\n' for row in text.splitlines()), end='', flush=True)
    print(f'{passed} passed, {failed} failed, 0 skipped')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
