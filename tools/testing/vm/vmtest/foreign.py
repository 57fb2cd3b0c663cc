# SPDX-License-Identifier: GPL-2.0-only
"""A QEMU for machines of another architecture, unpacked: this host cannot run it.

Nothing can be asked of it, so its version and its libraries are read from its files.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROGRAM = {'arm64': 'usr/bin/qemu-system-aarch64'}
LIBRARIES = {'arm64': 'usr/lib/aarch64-linux-gnu'}
FIRMWARE = {'arm64': ('usr/share/qemu-efi-aarch64/QEMU_EFI.fd',)}
BUSYBOX = 'usr/bin/busybox'
VERSION = re.compile(rb'QEMU emulator version (\d+)\.(\d+)\.(\d+)')
NEEDED = re.compile(r'\(NEEDED\).*\[(.+)\]')
LOADER = 'ld-linux-'


@dataclass(frozen=True)
class Foreign:
    """One unpacked QEMU for one architecture."""
    arch: str
    folder: Path
    version: tuple

    @property
    def label(self):
        """Version as text."""
        return '.'.join(map(str, self.version))

    @property
    def program(self):
        """Path of the program."""
        return self.folder / PROGRAM[self.arch]

    @property
    def busybox(self):
        """Path of a static busybox."""
        return self.folder / BUSYBOX

    def files(self):
        """{name in /vmm: path} of the emulator and all that it loads."""
        found = closure(self.program, self.folder / LIBRARIES[self.arch])
        loader = next(name for name in found if name.startswith(LOADER))
        files = {'qemu': self.program, 'ld.so': found.pop(loader)}
        files.update({f'lib/{name}': path for name, path in found.items()})
        files.update({f'share/{Path(name).name}': self.folder / name
                      for name in FIRMWARE[self.arch]})
        return files


def needed(path):
    """Names of the libraries that a program or a library is linked with."""
    listing = subprocess.run(['readelf', '-d', str(path)], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, check=True,
                             env={'LC_ALL': 'C', 'PATH': '/usr/bin:/bin'}).stdout
    return NEEDED.findall(listing)


def closure(program, folder):
    """{name: path} of all libraries that a program needs, those in a folder or below it."""
    at_hand = {}
    for path in sorted(folder.rglob('*.so*'), key=lambda p: -len(p.parts)):
        at_hand[path.name] = path
    found, left = {}, list(needed(program))
    while left:
        name = left.pop()
        if name in found:
            continue
        if name not in at_hand:
            raise FileNotFoundError(f'{program}: no {name} below {folder}')
        found[name] = at_hand[name]
        left += needed(at_hand[name])
    return found


def find(arch, folder):
    """The QEMU that is unpacked in a folder, or None."""
    program = Path(folder) / PROGRAM.get(arch, 'none')
    if not program.exists():
        return None
    version = VERSION.search(program.read_bytes())
    return Foreign(arch, Path(folder), tuple(map(int, version.groups()))) if version else None
