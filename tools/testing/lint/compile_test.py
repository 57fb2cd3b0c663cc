#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compile everything that leans on the IOMMU core, as modules.

    compile_test.py --arch x86_64 --out build/x86_64-compile-test

The configuration is allmodconfig, which turns COMPILE_TEST on, without what
only costs time. Built are the objects of drivers/iommu, drivers/vfio and
drivers/vhost, the other callers of the IOMMU core as far as the architecture
has them, and our modules up to modpost. Modpost sees no kernel image, so of the
symbols that it misses only those count that one of the modules has to provide.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent.parent
sys.path.insert(0, str(TOP / 'scripts'))

import kernel  # noqa: E402  pylint: disable=wrong-import-position

OFF = '''
    KASAN UBSAN KCOV GCOV_KERNEL GCC_PLUGINS DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT
    DEBUG_INFO_DWARF4 DEBUG_INFO_DWARF5 DEBUG_INFO_BTF MODVERSIONS MODULE_SIG
    MODULE_COMPRESS_GZIP FTRACE PROVE_LOCKING DEBUG_OBJECTS WERROR RUST
'''.split()
ON = 'DEBUG_INFO_NONE COMPILE_TEST'.split()
MODULES = 'IOMMUFD VFIO VFIO_PCI VFIO_MDEV VHOST_VDPA'.split()

FOLDERS = ('drivers/iommu/', 'drivers/vfio/', 'drivers/vhost/')
CALLS = r'iommu_domain_alloc\(|iommu_(at|de)tach_(group|device)\(|iommu_group_claim_dma_owner\('
# What callers of another architecture look like to make, and what modpost says
NO_RULE = re.compile(r'No rule to make target')
COMPLAINT = re.compile(r'(ERROR|WARNING): modpost: (.*)')
OURS = re.compile(r'"(iommufd|vfio|vfio_pci_core)_\w+" .*undefined')
NAMESPACE = re.compile(r'namespace')


def callers(tree):
    """Objects outside of our folders whose source calls the IOMMU core."""
    found = subprocess.run(['git', '-C', str(tree), 'grep', '-lE', CALLS, '--', 'drivers/*.c',
                            'samples/*.c'], stdout=subprocess.PIPE, check=True, text=True)
    return [n[:-2] + '.o' for n in found.stdout.split() if not n.startswith(FOLDERS)]


class CompileTest(kernel.Kernel):
    """One architecture's build."""

    def configure(self):
        """allmodconfig, less what is off."""
        self.out.mkdir(parents=True, exist_ok=True)
        seed = self.out / '.config-seed'
        text = ''.join(f'# CONFIG_{n} is not set\n' for n in OFF)
        text += ''.join(f'CONFIG_{n}=y\n' for n in ON)
        text += ''.join(f'CONFIG_{n}=m\n' for n in MODULES)
        if not seed.exists() or seed.read_text() != text or self.stale():
            seed.write_text(text)
            self.make(f'KCONFIG_ALLCONFIG={seed}', 'allmodconfig', quiet=True)
        got = kernel.read_config(self.out / '.config')
        wrong = [n for n in MODULES if got.get(n) != 'm'] + [n for n in ON if got.get(n) != 'y']
        if wrong:
            sys.exit(f'compile test {self.arch}: cannot configure {" ".join(wrong)}')
        return got

    def stale(self):
        """A Kconfig file changed since the configuration was made."""
        config = self.out / '.config'
        return not config.exists() or any(
            (self.tree / n).stat().st_mtime > config.stat().st_mtime
            for n in kernel.kconfig_files(self.tree))

    def selected(self, objects):
        """Those objects whose folder's Makefile the configuration reaches."""
        return [n for n in objects if self.dry_run(n)]

    def dry_run(self, name):
        """make knows how to build the object and its folder would."""
        makefile = self.tree / Path(name).parent / 'Makefile'
        return makefile.exists() and Path(name).name in makefile.read_text()

    def run(self):
        """Build; return the complaints."""
        self.configure()
        done = subprocess.run(
            self.make_command(f'-j{kernel.os.environ.get("JOBS") or kernel.os.cpu_count()}', '-k',
                              *FOLDERS, *self.selected(callers(self.tree))),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        errors = [r for r in done.stderr.splitlines()
                  if re.search(r'\b(error|warning|Error \d)\b', r, re.I)]
        return errors + self.modpost()

    def modpost(self):
        """Complaints of modpost about our modules."""
        kos = sorted(str(p.relative_to(self.out)).replace('.mod', '.ko')
                     for folder in ('drivers/iommu/iommufd', 'drivers/vfio', 'drivers/vhost')
                     for p in (self.out / folder).rglob('*.mod'))
        if not kos:
            return ['compile test: no module was built']
        done = subprocess.run(self.make_command('KBUILD_MODPOST_WARN=1', *kos),
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              check=False)
        rows = [m[2] for m in map(COMPLAINT.search, done.stderr.splitlines()) if m]
        return [r for r in rows if OURS.search(r) or NAMESPACE.search(r)]


def main():
    """Compile for one architecture; the exit status says whether it is clean."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--arch', choices=sorted(kernel.IMAGE), default='x86_64')
    parser.add_argument('--tree', default=TOP / 'build/tree')
    parser.add_argument('--out', required=True)
    args = parser.parse_args()
    complaints = CompileTest(args.arch, 'run', args.tree, args.out).run()
    print('\n'.join(complaints))
    sys.exit(f'compile test {args.arch}: {len(complaints)} complaints' if complaints else 0)


if __name__ == '__main__':
    main()
