# SPDX-License-Identifier: GPL-2.0-only
"""Finding the emulators: the system's QEMU, a newer one unpacked under build/, and our own."""

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import foreign

PROGRAM = {'x86_64': 'qemu-system-x86_64', 'arm64': 'qemu-system-aarch64'}
LOADER = {'x86_64': 'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
          'aarch64': 'lib/aarch64-linux-gnu/ld-linux-aarch64.so.1'}


@dataclass(frozen=True)
class Emulator:
    """One QEMU for one architecture."""
    command: tuple
    version: tuple
    env: tuple = ()

    @property
    def label(self):
        """Version as text."""
        return '.'.join(map(str, self.version))

    def environment(self):
        """Environment to start it in."""
        return {**os.environ, **dict(self.env)}


def query_version(command, env=()):
    """Version of a QEMU, None when it does not run."""
    try:
        text = subprocess.run([*command, '--version'], env={**os.environ, **dict(env)},
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r'version (\d+)\.(\d+)\.(\d+)', text)
    return tuple(map(int, found.groups())) if found else None


def from_system(arch):
    """The QEMU in PATH, or the one that QEMU= names."""
    command = (os.environ.get('QEMU') or shutil.which(PROGRAM[arch]) or PROGRAM[arch],)
    version = query_version(command)
    return Emulator(command, version) if version else None


def from_folder(arch, folder):
    """A QEMU unpacked under a folder, run with the libraries unpacked beside it."""
    binary = folder / 'usr/bin' / PROGRAM[arch]
    loader = next((p for p in (folder / 'usr' / LOADER[platform.machine()],
                               folder / LOADER[platform.machine()]) if p.exists()), None)
    if not binary.exists() or not loader:
        return None
    multi = platform.machine() + '-linux-gnu'
    libs = [folder / 'usr/lib' / multi, folder / 'lib' / multi]
    libs += [p.parent for p in (folder / 'usr/lib' / multi).glob('*/*.so*') if p.is_file()]
    path = ':'.join(dict.fromkeys(str(p) for p in libs if p.is_dir()))
    env = (('QEMU_MODULE_DIR', str(folder / 'usr/lib' / multi / 'qemu')),)
    start = (str(loader), '--argv0', str(binary), '--library-path', path, str(binary))
    version = query_version(start, env)
    if not version:
        return None
    firmware = [('-L', str(folder / p)) for p in ('usr/share/qemu', 'usr/share/seabios',
                                                  'usr/lib/ipxe/qemu')]
    return Emulator(start + tuple(w for pair in firmware for w in pair), version, env)


def from_build(arch, folder):
    """The emulator of tools/testing/emulator, built under a folder."""
    command = (str(folder / 'out' / PROGRAM[arch]),)
    version = query_version(command) if (folder / 'key').exists() else None
    if not version:
        return None
    firmware = tuple(w for p in ('/usr/share/qemu', '/usr/share/seabios', '/usr/lib/ipxe/qemu')
                     for w in ('-L', p))
    return Emulator(command + firmware, version)


class Emulators:
    """All emulators at hand, by architecture."""

    def __init__(self, folder='', built=''):
        self.found, self.built, self.folder = {}, {}, Path(built)
        self.unpacked = folder
        for arch in PROGRAM:
            if built:
                self.built[arch] = from_build(arch, Path(built))
            both = [from_system(arch)]
            if folder and not os.environ.get('QEMU'):
                both.append(from_folder(arch, Path(folder)))
            self.found[arch] = sorted((e for e in both if e), key=lambda e: e.version)

    def pick(self, arch, wanted):
        """Newest emulator that a case's `qemu` asks for, or None.

        wanted: any, a version prefix such as 7.2, >=MAJOR.MINOR, or emu for our own.
        """
        if wanted == 'emu':
            return self.built.get(arch)
        for emulator in reversed(self.found[arch]):
            if fits(emulator.version, wanted):
                return emulator
        return None

    def vmm(self, arch, wanted):
        """Emulator that runs in a machine, for what a case's `vmm` asks for, or None."""
        if os.uname().machine == arch:
            return self.pick(arch, wanted)
        found = foreign.find(arch, f'{self.unpacked}-{arch}')
        return found if found and fits(found.version, wanted) else None

    def no_vmm(self, arch, wanted):
        """Why there is no emulator to be the VMM."""
        failed = Path(f'{self.unpacked}-{arch}.failed')
        why = f': {failed.read_text().strip()}' if failed.exists() else ''
        return f'no QEMU {wanted} here that runs in the machine, to be the VMM{why}'

    def absent(self, wanted):
        """Why there is no such emulator."""
        if wanted != 'emu':
            return f'no QEMU {wanted} here'
        failed = self.folder / 'failed'
        return f'no emulator: {failed.read_text().strip()}' if failed.exists() else \
            'no emulator: make emulator builds it'


def fits(version, wanted):
    """Does a version satisfy a case's `qemu`?"""
    if wanted == 'any':
        return True
    numbers = tuple(int(n) for n in re.findall(r'\d+', wanted))
    if wanted.startswith('>='):
        return version >= numbers
    return version[:len(numbers)] == numbers
