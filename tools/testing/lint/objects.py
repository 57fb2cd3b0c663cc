# SPDX-License-Identifier: GPL-2.0-only
"""sparse and W=1 on our objects, and what the options build."""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / 'scripts'))
# pylint: disable=wrong-import-position
from kernel import Kernel, read_config, read_fragments

ARM_ONLY = ('drivers/iommu/arm/',)


def objects_of(files, arch, out):
    """Objects of new .c files that this architecture's configuration builds."""
    names = []
    for name in files:
        if not name.endswith('.c') or not name.startswith(('drivers/', 'mm/', 'virt/', 'lib/')):
            continue
        arm = name.startswith(ARM_ONLY)
        if arm == (arch == 'arm64'):
            names.append(name[:-2] + '.o')
    return [n for n in names if built_here(n, out)]


def built_here(name, out):
    """Does the configuration build this object?  Its folder's build says so."""
    return (out / name).exists()


class LintKernel(Kernel):
    """A kernel whose objects are built for their warnings only."""

    def run_make(self, *args):
        """Run the kernel's make; return (status, output)."""
        self.out.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(self.make_command(*args), env=self.environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors='replace', check=False)
        return done.returncode, done.stdout

    def build_folders(self, files):
        """Build the folders that hold new files."""
        folders = sorted({str(Path(f).parent) + '/' for f in files
                          if f.endswith('.c') and f.startswith('drivers/')})
        folders = [f for f in folders if self.arch == 'arm64' or not f.startswith(ARM_ONLY)]
        return self.run_make('-j2', '-k', *folders)


def warnings(text, files):
    """Lines of a compiler's output that are about our files."""
    found = []
    for row in text.splitlines():
        hit = re.match(r'(?:\S*/)?((?:drivers|include|mm|virt|lib)/[^:]+):\d+', row)
        if hit and hit[1] in files and re.search(r'\b(?:warning|error):', row):
            found.append(re.sub(r'^\S*/(?=(?:drivers|include|mm|virt|lib)/)', '', row))
    return sorted(set(found))


def check_objects(report, build, tree, files):
    """Every new C file compiles without a message of gcc W=1 or sparse."""
    covered = set()
    for arch in ('x86_64', 'arm64'):
        kernel = LintKernel(arch, 'debug', tree, build / f'lint-{arch}')
        kernel.configure()
        mine = [f for f in files if arch == 'arm64' or not f.startswith(ARM_ONLY)]
        status, text = kernel.build_folders(mine)
        objects = objects_of(files, arch, kernel.out)
        covered.update(objects)
        for name in objects:
            (kernel.out / name).unlink(missing_ok=True)
        if objects and not status:
            status, text = kernel.run_make('-j2', '-k', 'C=2', 'W=1', *objects)
        problems = warnings(text, set(files))
        if status:
            problems += [f'make: exit status {status}', *text.splitlines()[-15:]]
        report.result(f'sparse and W=1 on {len(objects)} objects, {arch}', problems)
    wanted = {f[:-2] + '.o' for f in files if f.endswith('.c') and f.startswith(
        ('drivers/', 'mm/', 'virt/'))}
    report.result('every new C file is built by some configuration',
                  [f'{n}: never built' for n in sorted(wanted - covered)])


def new_options(tree):
    """{option: is it tristate} that the series adds to Kconfig files."""
    diff = subprocess.run(['git', '-C', str(tree), 'diff', '-U0', 'base', 'HEAD', '--',
                           '*Kconfig*'], stdout=subprocess.PIPE, text=True, check=True).stdout
    text = '\n'.join(r[1:] for r in diff.splitlines() if r.startswith('+'))
    parts = re.split(r'^\s*(?:menu)?config\s+(\w+)\s*$', text, flags=re.M)
    return {name: bool(re.search(r'^\s*(?:def_)?tristate\b', body, re.M))
            for name, body in zip(parts[1::2], parts[2::2])}


def option_problems(kernel, wanted, option, value):
    """Problems of building our folders with an option at a value."""
    kernel.seed({**wanted, option: value})
    got = read_config(kernel.out / '.config').get(option, 'n')
    if got != value:
        return [f'{option}={value} wanted, is {got}']
    status, text = kernel.run_make('-j2', 'drivers/iommu/', 'drivers/vfio/')
    return text.splitlines()[-10:] if status else []


def check_options(report, build, tree):
    """Each new option builds at every value; all off leaves type1 alone."""
    kernel = LintKernel('x86_64', 'debug', tree, build / 'lint-options')
    kernel.out.mkdir(parents=True, exist_ok=True)
    wanted, options = read_fragments(kernel.fragments), new_options(tree)
    for option, tristate in options.items():
        for value in ('y', 'm', 'n') if tristate else ('y', 'n'):
            report.result(f'{option}={value} builds',
                          option_problems(kernel, wanted, option, value))
    off = {**wanted, **{o: 'n' for o in options if o not in ('VFIO_GROUP', 'VFIO_CONTAINER')}}
    kernel.seed(off)
    status, text = kernel.run_make('-j2', 'drivers/iommu/', 'drivers/vfio/')
    problems = text.splitlines()[-10:] if status else foreign_symbols(kernel.out)
    report.result('all new options off: type1 builds and calls nothing of ours', problems)


def foreign_symbols(out):
    """Symbols of iommufd that type1 or the VFIO core want when it is off."""
    objects = [p for p in (out / 'drivers/vfio').glob('*.o') if not p.name.endswith('.mod.o')]
    text = subprocess.run(['nm', '-u', *map(str, objects)], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    if not (out / 'drivers/vfio/vfio_iommu_type1.o').exists():
        return ['vfio_iommu_type1.o was not built']
    return [r.strip() for r in text.splitlines() if 'iommufd' in r]
