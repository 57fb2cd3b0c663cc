#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Configure and build one kernel from the built tree.

    kernel.py --arch x86_64 --config run [--target TARGET] [--only-config]

The configuration is allnoconfig plus the fragments base, ARCH, CONFIG and, if
there is one, ARCH-CONFIG; a configuration that is another one with more has those
of that one before.  What a fragment asks for and the result lacks is an error,
unless `pending` lists it.
"""

import argparse
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
FRAGMENTS = TOP / 'tools/testing/vm/configs'
KARCH = {'x86_64': 'x86_64', 'arm64': 'arm64'}
CROSS = {'x86_64': '', 'arm64': 'aarch64-linux-gnu-'}
IMAGE = {'x86_64': 'arch/x86/boot/bzImage', 'arm64': 'arch/arm64/boot/Image'}
# Configurations that are another one with more
BASED_ON = {'coverage': 'debug'}
# Objects of the debug kernel without KASAN: what the checkers themselves run at each
# allocation and each lock, where it took most of the time and never found anything
UNCHECKED = ('unwind_frame', 'stacktrace', 'extable', 'lockdep', 'kmemleak')
# New objects of the IOMMU core, whose lines the kernel for coverage counts. Their Makefile
# is 6.1's, and does not ask for it; that of iommufd does.
COUNTED = ('iommu-*.c', 'iopf*.c')


class Kernel:
    """One kernel: its architecture, configuration and build folder."""

    def __init__(self, arch, config, tree, out, extra=()):
        self.arch, self.config = arch, config
        self.tree, self.out = Path(tree).resolve(), Path(out).resolve()
        self.checks = 'debug' in (config, BASED_ON.get(config))
        self.fragments = [*fragments(arch, config), *map(Path, extra)]
        self.verbose = os.environ.get('V') == '1'

    def make_command(self, *args):
        """Command line of the kernel's make."""
        cross = CROSS[self.arch]
        if self.arch == 'x86_64' and os.uname().machine != 'x86_64':
            cross = 'x86_64-linux-gnu-'
        if self.arch == 'arm64' and os.uname().machine == 'aarch64':
            cross = ''
        compiler = f'{cross}gcc'
        if shutil.which('ccache'):
            compiler = 'ccache ' + compiler
        return ['make', '-C', str(self.tree), f'O={self.out}', f'ARCH={KARCH[self.arch]}',
                f'CROSS_COMPILE={cross}', f'CC={compiler}', f'NM={nm(cross)}', 'LOCALVERSION=',
                'KBUILD_BUILD_TIMESTAMP=2024-01-01', 'KBUILD_BUILD_USER=iommufd',
                'KBUILD_BUILD_HOST=build', 'KBUILD_BUILD_VERSION=1',
                *(f'KASAN_SANITIZE_{n}.o=n' for n in UNCHECKED if self.checks),
                *(f'GCOV_PROFILE_{n}.o=y' for n in counted() if self.config == 'coverage'),
                *([] if self.verbose else ['-s']), *args]

    @staticmethod
    def environment():
        """Environment of the kernel's make: ours without what means something to it."""
        env = {k: v for k, v in os.environ.items()
               if k not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'O', 'V', 'ARCH', 'CONFIG')}
        env.update(CCACHE_BASEDIR=str(TOP), CCACHE_NOHASHDIR='1',
                   CCACHE_SLOPPINESS='time_macros', KCONFIG_NOTIMESTAMP='1')
        return env

    def make(self, *args, quiet=False):
        """Run the kernel's make; leave on failure."""
        sink = subprocess.DEVNULL if quiet and not self.verbose else None
        done = subprocess.run(self.make_command(*args), env=self.environment(), stdout=sink,
                              check=False)
        if done.returncode:
            sys.exit(f'kernel {self.arch} {self.config}: make {" ".join(args)} failed')

    def stamp(self):
        """Digest of all that the configuration depends on."""
        digest = hashlib.sha256()
        for path in [*self.fragments, FRAGMENTS / 'pending', Path(__file__)]:
            digest.update(path.read_bytes())
        for path in kconfig_files(self.tree):
            digest.update((self.tree / path).read_bytes())
        return digest.hexdigest()

    def configure(self):
        """Make .config; do nothing when nothing changed that it depends on."""
        mark, stamp = self.out / '.config-stamp', self.stamp()
        if (self.out / '.config').exists() and mark.exists() and mark.read_text() == stamp:
            return
        self.out.mkdir(parents=True, exist_ok=True)
        mark.unlink(missing_ok=True)
        wanted = read_fragments(self.fragments)
        self.seed(wanted)
        self.complain(wanted, read_config(self.out / '.config'))
        mark.write_text(stamp)

    def seed(self, wanted):
        """Make .config from allnoconfig and the wanted values."""
        seed = self.out / '.config-seed'
        seed.write_text(''.join(config_line(k, v) for k, v in wanted.items()))
        self.make(f'KCONFIG_ALLCONFIG={seed}', 'allnoconfig', quiet=True)

    def complain(self, wanted, got):
        """Leave when the configuration lacks what a fragment asks for."""
        absent = set(read_pending()) - known_symbols(self.tree)
        wrong = [f'{k}={v} wanted, is {got.get(k, "n")}' for k, v in wanted.items()
                 if got.get(k, 'n') != v and k not in absent]
        if wrong:
            sys.exit(f'configuration {self.arch} {self.config}:\n  ' + '\n  '.join(wrong))

    def image(self):
        """Path of the kernel image."""
        return self.out / IMAGE[self.arch]

    def build(self, target):
        """Build the image and modules, or another target of the kernel's make."""
        jobs = f'-j{os.environ.get("JOBS") or os.cpu_count()}'
        self.make(jobs, *(target.split() or [self.image().name, 'modules']))


def fragments(arch, config):
    """Paths of the fragments of a configuration, the later ones winning."""
    names = ['base', arch]
    for name in filter(None, (BASED_ON.get(config), config)):
        names += [name, f'{arch}-{name}']
    return [p for p in (FRAGMENTS / f'{n}.config' for n in names) if p.exists()]


@functools.cache
def nm(cross):
    """Command that lists symbols.

    It names gcc's plugin, for without a name nm loads all that are installed, and LLVM's
    takes longer to load than an object to be compiled by ccache.
    """
    done = subprocess.run([f'{cross}gcc', '-print-file-name=liblto_plugin.so'],
                          stdout=subprocess.PIPE, text=True, check=False)
    plugin = done.stdout.strip()
    return f'{cross}nm --plugin {plugin}' if os.path.isabs(plugin) else f'{cross}nm'


def counted():
    """Names of the objects whose lines are counted."""
    folder = TOP / 'drivers/iommu'
    return sorted({p.stem for pattern in COUNTED for p in folder.glob(pattern)})


def kconfig_files(tree):
    """Kconfig files of the tree, by its git index."""
    out = subprocess.run(['git', '-C', str(tree), 'ls-files', '-z', '--', '*Kconfig*'],
                         stdout=subprocess.PIPE, check=True).stdout.decode()
    return sorted(n for n in out.split('\0') if n and (tree / n).is_file())


def known_symbols(tree):
    """Names of all options that the tree's Kconfig files define."""
    names = set()
    for path in kconfig_files(tree):
        text = (tree / path).read_text(errors='replace')
        names.update(re.findall(r'^\s*(?:menu)?config\s+(\w+)', text, re.M))
    return names


def read_config(path):
    """{option: value} of a .config or fragment; `is not set` is n."""
    found = {}
    for row in Path(path).read_text().splitlines():
        off = re.fullmatch(r'# CONFIG_(\w+) is not set', row)
        on = re.fullmatch(r'CONFIG_(\w+)=(.*)', row)
        if off:
            found[off[1]] = 'n'
        elif on:
            found[on[1]] = on[2]
    return found


def read_fragments(paths):
    """Fragments merged, the later ones winning."""
    merged = {}
    for path in paths:
        merged.update(read_config(path))
    return merged


def config_line(name, value):
    """One line of a .config."""
    return f'# CONFIG_{name} is not set\n' if value == 'n' else f'CONFIG_{name}={value}\n'


def read_pending():
    """Options that may be absent for now."""
    rows = (FRAGMENTS / 'pending').read_text().splitlines()
    return [r.strip() for r in rows if r.strip() and not r.startswith('#')]


def main():
    """Configure and build one kernel."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--arch', choices=sorted(IMAGE), required=True)
    parser.add_argument('--config', choices=('run', 'debug', 'coverage', 'bench', 'bench-memcg'),
                        required=True)
    parser.add_argument('--tree', default=TOP / 'build/tree')
    parser.add_argument('--out', required=True)
    parser.add_argument('--target', default='')
    parser.add_argument('--only-config', action='store_true')
    parser.add_argument('--print-image', action='store_true')
    args = parser.parse_args()
    kernel = Kernel(args.arch, args.config, args.tree, args.out)
    if args.print_image:
        print(kernel.image())
        return
    kernel.configure()
    if not args.only_config:
        kernel.build(args.target)


if __name__ == '__main__':
    main()
