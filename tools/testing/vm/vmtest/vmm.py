# SPDX-License-Identifier: GPL-2.0-only
"""A VMM for the test machine: a QEMU with all that it needs, and a guest for it.

The machine's own initramfs is followed by an archive with /vmm: the emulator, the
libraries and firmware that it loads, and as its guest's the kernel that the
machine runs, and an initramfs with busybox, the NVMe driver and vmm/init-ARCH.
"""

import gzip
import re
import shutil
import stat
import subprocess
from pathlib import Path

from .foreign import Foreign
from .initramfs import cpio

FIRMWARE = ('bios-256k.bin', 'kvmvapic.bin', 'linuxboot_dma.bin')
SYSTEM_MODULES = '/usr/lib/x86_64-linux-gnu/qemu'
MODULES = ('nvme-core', 'nvme')
TOOLS = ('sh', 'mount', 'insmod', 'sleep', 'cat', 'sha256sum', 'blockdev', 'poweroff',
         'dmesg', 'readlink', 'sed')
FILE, FOLDER, LINK = stat.S_IFREG | 0o755, stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777


def libraries(emulator):
    """(loader, other libraries) that the emulator's program is linked with."""
    listing = subprocess.run([*loader_words(emulator), '--list', str(program(emulator))],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
    paths = re.findall(r'^\s*(\S+) => (\S+) \(', listing, re.M)
    loader = Path(loader_words(emulator)[0])
    return loader, {name: path for name, path in paths if '/' not in name}


def program(emulator):
    """Path of the emulator's program."""
    return next(w for w in emulator.command if Path(w).name.startswith('qemu-system'))


def loader_words(emulator):
    """The dynamic loader, and its options that say where libraries are."""
    command = list(emulator.command)
    if '--library-path' not in command:
        return ['/lib64/ld-linux-x86-64.so.2']
    at = command.index('--library-path')
    return [command[0], *command[at:at + 2]]


def firmware(emulator):
    """{name: path} of firmware, from the folders that the emulator searches."""
    folders = subprocess.run([*emulator.command, '-L', 'help'], stdout=subprocess.PIPE, text=True,
                             env=emulator.environment(), check=True).stdout.split()
    found = {}
    for name in FIRMWARE:
        found[name] = next(p for p in (Path(f) / name for f in folders) if p.exists())
    return found


def accelerators(emulator):
    """{name: path} of the emulator's modules without which it does not emulate."""
    folder = dict(emulator.env).get('QEMU_MODULE_DIR', SYSTEM_MODULES)
    return {path.name: path for path in Path(folder).glob('accel-tcg-*.so')}


def modules(kernel_folder):
    """{name: path} of the modules that the VMM's guest loads."""
    built = {p.stem: p for p in Path(kernel_folder).glob('drivers/nvme/**/*.ko')}
    return {f'{name}.ko': built[name] for name in MODULES}


def files(emulator):
    """{name in /vmm: path} of an emulator of this host and all that it loads."""
    loader, others = libraries(emulator)
    found = {'qemu': program(emulator), 'ld.so': loader}
    found.update({f'lib/{name}': path for name, path in others.items()})
    found.update({f'share/{name}': path for name, path in firmware(emulator).items()})
    found.update({f'modules/{name}': path for name, path in accelerators(emulator).items()})
    return found


def guest_image(init, kernel_folder, busybox, programs):
    """Initramfs of the VMM's guest."""
    entries = [(name, FOLDER, b'') for name in ('bin', 'dev', 'proc', 'sys', 'tmp')]
    entries.append(('init', FILE, init.read_bytes()))
    entries.append(('bin/busybox', FILE, Path(busybox).read_bytes()))
    entries += [(f'bin/{tool}', LINK, b'busybox') for tool in TOOLS]
    entries += [(f'bin/{path.name}', FILE, path.read_bytes()) for path in programs]
    entries += [(name, FILE, path.read_bytes()) for name, path in modules(kernel_folder).items()]
    return gzip.compress(cpio(entries), 6, mtime=0)


def archive(emulator, init, kernel, programs=()):
    """Archive with /vmm for a machine."""
    foreign = isinstance(emulator, Foreign)
    wanted = {'kernel': kernel, **(emulator.files() if foreign else files(emulator))}
    busybox = emulator.busybox if foreign else shutil.which('busybox')
    entries = [(name, FOLDER, b'') for name in ('vmm', 'vmm/lib', 'vmm/share', 'vmm/modules')]
    entries += [(f'vmm/{name}', FILE, Path(path).read_bytes()) for name, path in wanted.items()]
    entries.append(('vmm/initrd', FILE,
                    guest_image(init, kernel.parents[3], busybox, programs)))
    return cpio(entries)


def add(initrd, emulator, init, kernel, target, programs=()):
    """Write the initramfs followed by the archive; return its path."""
    first = Path(initrd).read_bytes()
    target.write_bytes(first + b'\0' * (-len(first) % 4)
                       + archive(emulator, init, kernel, programs))
    return target
