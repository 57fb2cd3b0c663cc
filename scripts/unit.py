#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run `make check` in every folder of tools/testing/host, each a result.

A folder that takes longer than UNIT_SECONDS, times TIMEOUT_SCALE, is ended and has
failed. Single programs have shorter limits (tools/testing/host/limit).
"""

import concurrent.futures
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HOST = Path(__file__).resolve().parent.parent / 'tools/testing/host'
UNIT_SECONDS = 1800


def limit():
    """Seconds that a folder may take."""
    return (float(os.environ.get('UNIT_SECONDS') or UNIT_SECONDS)
            * float(os.environ.get('TIMEOUT_SCALE') or 1))


def end_all(proc):
    """End a make and all that it started; return what they printed."""
    for number in (signal.SIGABRT, signal.SIGKILL):
        os.killpg(proc.pid, number)
        try:
            return proc.communicate(timeout=5)[0]
        except subprocess.TimeoutExpired:
            pass
    return ''


def run_folder(folder):
    """Run one folder's tests; return (passed, what they printed, seconds)."""
    start = time.monotonic()
    env = {k: v for k, v in os.environ.items()
           if k not in ('MAKEFLAGS', 'MAKELEVEL', 'MFLAGS', 'O', 'V', 'ARCH', 'CONFIG')}
    with subprocess.Popen(['make', '-s', '-C', str(folder), 'check'], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace', start_new_session=True) as proc:
        try:
            text = proc.communicate(timeout=limit())[0]
        except subprocess.TimeoutExpired:
            text = f'{end_all(proc)}\nended: it took more than {limit():g} s\n'
    return proc.returncode == 0, text, time.monotonic() - start


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
