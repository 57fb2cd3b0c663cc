# SPDX-License-Identifier: GPL-2.0-only
"""A machine that runs no program: its memory, ports and clock are ours."""

import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

COMMON = ('-accel', 'qtest', '-m', '512M', '-nodefaults', '-display', 'none', '-vga', 'none')
FIRMWARE = ('-L', '/usr/share/qemu', '-L', '/usr/share/seabios')


@dataclass(frozen=True)
class Board:
    """What differs between boards."""
    args: tuple
    ecam: int
    bars: int               # where BARs may lie
    ports: bool             # the window of the configuration space is enabled by ports


Q35 = Board(('-machine', 'q35'), 0xb0000000, 0xe0000000, True)
VIRT = Board((), 0x3f000000, 0x10000000, False)


class MachineGone(Exception):
    """The emulator ended or does not answer."""


class Machine:
    """One emulator, driven over its qtest socket."""

    def __init__(self, command, args, env=None, board=Q35):
        self.board = board
        self.folder = tempfile.TemporaryDirectory(prefix='emutest-')
        self.log = open(Path(self.folder.name) / 'log', 'w+', encoding='utf-8')
        self.process = self.stream = None
        path = str(Path(self.folder.name) / 'qtest')
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen(1)
            server.settimeout(30)
            self.process = subprocess.Popen([*command, *COMMON, *board.args, '-qtest',
                                             f'unix:{path}', *FIRMWARE, *args], env=env,
                                            stdout=self.log, stderr=self.log)
            try:
                self.socket = server.accept()[0]
            except socket.timeout as err:
                self.close()
                raise MachineGone(self.messages()) from err
        self.socket.settimeout(60)
        self.stream = self.socket.makefile('rw')
        if board.ports:
            self.outl(0xcf8, 0x80000060)
            self.outl(0xcfc, board.ecam | 1)

    def messages(self):
        """What the emulator printed."""
        self.log.seek(0)
        return self.log.read().strip()

    def close(self):
        """End the emulator."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def command(self, *words):
        """Send one command; return the words of the answer."""
        try:
            self.stream.write(' '.join(map(str, words)) + '\n')
            self.stream.flush()
            while True:
                row = self.stream.readline()
                if not row.startswith('IRQ'):
                    break
        except OSError as err:
            raise MachineGone(f'{words}: {err}; {self.messages()}') from err
        if not row.startswith('OK'):
            raise MachineGone(f'{words}: {row.strip() or "no answer"}; {self.messages()}')
        return row.split()[1:]

    def read32(self, addr):
        """Read 4 bytes."""
        return int(self.command('readl', hex(addr))[0], 0)

    def write32(self, addr, value):
        """Write 4 bytes."""
        self.command('writel', hex(addr), hex(value))

    def read64(self, addr):
        """Read 8 bytes."""
        return int(self.command('readq', hex(addr))[0], 0)

    def write64(self, addr, value):
        """Write 8 bytes."""
        self.command('writeq', hex(addr), hex(value))

    def read(self, addr, size):
        """Read bytes."""
        return bytes.fromhex(self.command('read', hex(addr), hex(size))[0][2:])

    def write(self, addr, data):
        """Write bytes."""
        self.command('write', hex(addr), hex(len(data)), '0x' + data.hex())

    def fill(self, addr, size, value=0):
        """Fill memory with one byte."""
        self.command('memset', hex(addr), hex(size), hex(value))

    def outl(self, port, value):
        """Write a port."""
        self.command('outl', hex(port), hex(value))

    def step(self, nanoseconds):
        """Let time pass."""
        self.command('clock_step', nanoseconds)

    def config(self, slot, offset):
        """Address of a function's configuration space: slot on bus 0."""
        return self.board.ecam | slot << 15 | offset
