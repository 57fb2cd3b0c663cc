# SPDX-License-Identifier: GPL-2.0-only
"""One boot: start QEMU, watch the result channel, keep the logs.

The first serial port is the console.  A pci-serial port is the result channel,
which QEMU connects to its standard output; so console noise never mixes with
results.
"""

import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

CONSOLE = {'x86_64': 'ttyS0', 'arm64': 'ttyAMA0'}
# On a loaded host the emulated timer may miss the few ticks in which x86 tests it.
APPEND = {'x86_64': 'no_timer_check', 'arm64': ''}
# The last words of a kernel whose emulated timer stands still, as happens on a loaded
# host: it waits for a tick, with one processor and before any driver was called.
NO_TICK = 'Running RCU-tasks wait API self tests'
# What comes without a tick, too
TICKLESS = 'random: crng init done'
NO_TICK_SECONDS = 30
LOOK_SECONDS = 5
# Sent on the result channel, guest/init.c answers with the stacks of all tasks on the
# console and then with this row.
STACKS_WANTED = b'w'
STACKS_DONE = b'@stacks\n'
STACKS_SECONDS = 20


@dataclass
class Outcome:
    """What one boot left behind."""
    results: str
    console: str
    errors: str
    seconds: float
    timed_out: bool
    status: int


def command_line(machine, case, emulator, kernel, initrd, console):
    """Command line of QEMU for one case."""
    append = [f'console={CONSOLE[machine.arch]}', 'panic=-1', 'oops=panic', 'loglevel=7',
              APPEND[machine.arch], machine.append, case.append, '--', *case.run.split()]
    args = [*emulator.command, *machine.board_args(emulator.version),
            '-accel', case.accel, '-m', case.memory,
            '-smp', str(case.smp or machine.smp), '-nodefaults', '-display', 'none',
            '-no-reboot', '-serial', f'file:{console}',
            '-chardev', 'stdio,id=results,signal=off',
            *machine.iommu_args(emulator.version),
            '-device', 'pci-serial,chardev=results',
            '-kernel', str(kernel), '-initrd', str(initrd), '-append', ' '.join(append)]
    for device in case.devices:
        args += device_args(device)
    return args


def device_args(text):
    """Arguments of a case's `devices` line: a device, or whole arguments."""
    words = text.split()
    if not words[0].startswith('-'):
        return ['-device', text]
    return words


def stands_still(console):
    """Whether the kernel that wrote this waits for its first tick."""
    lines = [row for row in console.splitlines() if row.strip() and TICKLESS not in row]
    return bool(lines) and lines[-1].endswith(NO_TICK)


class Stillness:
    """Tells when a kernel has waited for its first tick for too long."""

    def __init__(self, console, seconds):
        self.console, self.seconds, self.since = Path(console), seconds, None

    def lasts(self):
        """Look at the console."""
        if not stands_still(self.console.read_text(errors='replace')):
            self.since = None
            return False
        self.since = self.since or time.monotonic()
        return time.monotonic() - self.since >= self.seconds


def watch(proc, deadline, sink, stillness):
    """Copy the result channel to sink until it ends; False on timeout."""
    poll = selectors.DefaultSelector()
    poll.register(proc.stdout, selectors.EVENT_READ)
    begun = False
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or (not begun and stillness.lasts()):
            return False
        if not poll.select(left if begun else min(left, LOOK_SECONDS)):
            continue
        begun = True
        data = os.read(proc.stdout.fileno(), 65536)
        if not data:
            return True
        sink(data)


def ask_for_stacks(proc, sink, seconds):
    """Have a machine that did not end print where its tasks are, before it is stopped."""
    deadline, seen = time.monotonic() + seconds, b''
    try:
        os.write(proc.stdin.fileno(), STACKS_WANTED)
    except OSError:
        return
    poll = selectors.DefaultSelector()
    poll.register(proc.stdout, selectors.EVENT_READ)
    while STACKS_DONE not in seen.replace(b'\r', b''):
        if not poll.select(max(0, deadline - time.monotonic())):
            return
        data = os.read(proc.stdout.fileno(), 65536)
        if not data:
            return
        sink(data)
        seen = (seen + data)[-65536:]


def stop(proc):
    """End a QEMU that is still there."""
    if proc.poll() is None:
        proc.send_signal(signal.SIGTERM)
        try:
            proc.wait(5)
        except subprocess.TimeoutExpired:
            proc.kill()
    return proc.wait()


def boot(machine, case, emulator, kernel, initrd, folder, progress=None):
    """Boot one case and return its Outcome; logs stay in folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    console, errors = folder / 'console.log', folder / 'qemu.log'
    args = command_line(machine, case, emulator, kernel, initrd, console)
    (folder / 'command').write_text('\n'.join(args) + '\n')
    console.write_bytes(b'')
    scale = float(os.environ.get('TIMEOUT_SCALE') or 1)
    start, chunks = time.monotonic(), []

    def sink(data):
        chunks.append(data)
        if progress:
            progress(data)

    with errors.open('wb') as err:
        proc = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=err, env=emulator.environment())
        try:
            ended = watch(proc, start + case.timeout * scale, sink,
                          Stillness(console, NO_TICK_SECONDS * scale))
            if not ended and chunks:
                ask_for_stacks(proc, sink, STACKS_SECONDS * scale)
        finally:
            status = stop(proc)
            proc.stdin.close()
            proc.stdout.close()
    results = b''.join(chunks).decode(errors='replace')
    (folder / 'results.log').write_text(results)
    return Outcome(results, console.read_text(errors='replace'),
                   errors.read_text(errors='replace').strip(),
                   time.monotonic() - start, not ended, status)
