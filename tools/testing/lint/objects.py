# SPDX-License-Identifier: GPL-2.0-only
"""sparse and W=1 on our objects, whom they call, and what the options build."""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / 'scripts'))
# pylint: disable=wrong-import-position
import circles
from kernel import Kernel, known_symbols, read_config, read_fragments, read_pending

# Of the configurations here only that of arm64 has KVM.
ARM_ONLY = ('drivers/iommu/arm/', 'drivers/vfio/kvm.c')


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
        """Build the driver folders that hold new files, and other new files alone."""
        folders = sorted({str(Path(f).parent) + '/' for f in files
                          if f.endswith('.c') and f.startswith('drivers/')})
        # A folder brings those below it; naming both would build them twice at once.
        folders = [f for f in folders
                   if not any(f != g and f.startswith(g) for g in folders)]
        # Elsewhere our files are few in folders that are large.
        single = [f[:-2] + '.o' for f in files
                  if f.endswith('.c') and f.startswith(('mm/', 'virt/', 'lib/'))]
        return self.run_make('-j2', '-k', *folders, *single)


def warnings(text, files):
    """Lines of a compiler's output that are about our files."""
    found = []
    for row in text.splitlines():
        hit = re.match(r'(?:\S*/)?((?:drivers|include|mm|virt|lib)/[^:]+):\d+', row)
        if hit and hit[1] in files and re.search(r'\b(?:warning|error):', row):
            found.append(re.sub(r'^\S*/(?=(?:drivers|include|mm|virt|lib)/)', '', row))
    return sorted(set(found))


def check_objects(report, build, tree, files):
    """Every new C file compiles without a message of gcc W=1 or sparse; they do not call
    each other in a circle.
    """
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
        if not status:
            report.result(f'no circle of calls among {len(objects)} objects, {arch}',
                          circles.find_circle(kernel.out, objects))
    wanted = {f[:-2] + '.o' for f in files if f.endswith('.c') and f.startswith(
        ('drivers/', 'mm/', 'virt/'))}
    report.result('every new C file is built by some configuration',
                  [f'{n}: never built' for n in sorted(wanted - covered)])


def new_options(tree):
    """{option: is it tristate} that the series adds to Kconfig files and users can set.

    Without samples: they are user-space programs, built with the guest programs.
    """
    diff = subprocess.run(['git', '-C', str(tree), 'diff', '-U0', 'base', 'HEAD', '--',
                           '*Kconfig*', ':!samples'], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    text = '\n'.join(r[1:] for r in diff.splitlines() if r.startswith('+'))
    parts = re.split(r'^\s*(?:menu)?config\s+(\w+)\s*$', text, flags=re.M)
    return {name: bool(re.search(r'^\s*tristate\b', body, re.M))
            for name, body in zip(parts[1::2], parts[2::2])
            if re.search(r'^\s*(?:bool|tristate|prompt)\s+"', body, re.M)}


def option_problems(kernel, wanted, option, value):
    """Problems of building our folders with an option at a value."""
    kernel.seed({**wanted, option: value})
    got = read_config(kernel.out / '.config').get(option, 'n')
    if got != value:
        return [f'{option}={value} wanted, is {got}']
    status, text = kernel.run_make('-j2', 'drivers/iommu/', 'drivers/vfio/')
    return text.splitlines()[-10:] if status else []


def check_options(report, build, tree):
    """Each new option builds at every other value than the debug kernel's; all off leaves
    type1 alone.
    """
    kernel = LintKernel('x86_64', 'debug', tree, build / 'lint-options')
    kernel.out.mkdir(parents=True, exist_ok=True)
    wanted, options = read_fragments(kernel.fragments), new_options(tree)
    for option, tristate in options.items():
        for value in ('y', 'm', 'n') if tristate else ('y', 'n'):
            # Built by check_objects(), and by the debug kernel itself
            if wanted.get(option) == value:
                continue
            report.result(f'{option}={value} builds',
                          option_problems(kernel, wanted, option, value))
    arrived = sorted(set(read_pending()) & known_symbols(tree))
    report.result('options still pending do not exist',
                  [f'{name}: exists; take it off configs/pending' for name in arrived])
    off = {**wanted, **{o: 'n' for o in options}, 'VFIO_GROUP': 'y', 'VFIO_CONTAINER': 'y',
           'VFIO_IOMMU_TYPE1': 'y'}
    kernel.seed(off)
    status, text = kernel.run_make('-j2', 'drivers/iommu/', 'drivers/vfio/')
    problems = text.splitlines()[-10:] if status else foreign_symbols(kernel.out)
    report.result('all new options off: type1 builds and calls nothing of ours', problems)


def foreign_symbols(out):
    """Symbols of iommufd that VFIO wants when iommufd is off."""
    members = subprocess.run(['ar', 't', 'drivers/vfio/built-in.a'], cwd=out, stdout=subprocess.PIPE,
                             text=True, check=True).stdout.split()
    if 'drivers/vfio/vfio_iommu_type1.o' not in members:
        return ['vfio_iommu_type1.o was not built']
    text = subprocess.run(['nm', '-u', *members], cwd=out, stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return re.findall(r'U (\w*iommufd\w*)', text)



# The code that becomes modules, and the folders that hold it.
MODULES = ('IOMMUFD', 'VFIO', 'VFIO_PCI')
MODULE_FOLDERS = ('drivers/iommu/', 'drivers/vfio/', 'virt/lib/')


def check_modules(report, build, tree):
    """IOMMUFD and VFIO as modules: modpost finds every symbol and namespace."""
    exports = build / 'x86_64-debug/Module.symvers'
    if not exports.exists():
        report.skip('modpost of iommufd and VFIO', 'needs the x86-64 debug kernel')
        return
    kernel = LintKernel('x86_64', 'debug', tree, build / 'lint-options')
    kernel.out.mkdir(parents=True, exist_ok=True)
    kernel.seed({**read_fragments(kernel.fragments), **{name: 'm' for name in MODULES}})
    status, text = kernel.run_make('-j2', 'modules_prepare', *MODULE_FOLDERS)
    report.result('iommufd and VFIO build as modules', text.splitlines()[-10:] if status else [])
    report.result('modpost of iommufd and VFIO', modpost(kernel.out, exports))


def modpost(out, exports):
    """What modpost says of the modules under some folders."""
    objects = []
    for folder in MODULE_FOLDERS:
        order = out / folder / 'modules.order'
        if order.exists():
            objects += [f'{row[:-3]}.o' for row in order.read_text().split()]
    if not any('iommufd' in name for name in objects):
        return ['no iommufd module was built']
    own = exported(out, objects)
    rows = [r for r in exports.read_text().splitlines() if r.split('\t')[1] not in own]
    (out / 'lint.symvers').write_text('\n'.join(rows) + '\n')
    (out / 'lint.order').write_text('\n'.join(objects) + '\n')
    done = subprocess.run(['scripts/mod/modpost', '-i', 'lint.symvers',
                           '-o', 'lint-out.symvers', '-T', 'lint.order'], cwd=out,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    rows = [r for r in done.stdout.splitlines() if 'MODULE_DESCRIPTION' not in r]
    return rows + ([f'exit status {done.returncode}'] if done.returncode and not rows else [])


def exported(out, objects):
    """Symbols that the modules themselves export."""
    text = subprocess.run(['nm', *objects], cwd=out, stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return set(re.findall(r' __ksymtab_(\w+)$', text, re.M))


# Callers of what the series changes, by the architecture whose allmodconfig has them.
CALLERS = {
    'x86_64': ('drivers/iommu/', 'drivers/vfio/', 'drivers/vhost/', 'drivers/dma/idxd/',
               'drivers/infiniband/hw/usnic/', 'drivers/misc/uacce/', 'drivers/thunderbolt/nhi.o',
               'drivers/pci/controller/vmd.o'),
    'arm64': ('drivers/iommu/', 'drivers/vfio/', 'drivers/vhost/', 'drivers/gpu/host1x/',
              'drivers/gpu/drm/tegra/', 'drivers/gpu/drm/msm/msm_iommu.o',
              'drivers/media/platform/nvidia/tegra-vde/', 'drivers/media/platform/qcom/venus/',
              'drivers/net/wireless/ath/ath10k/', 'drivers/net/wireless/ath/ath11k/',
              'drivers/remoteproc/', 'drivers/soc/fsl/qbman/'),
}
# What makes allmodconfig slow and tells nothing here.
UNWANTED = ('KASAN', 'KCSAN', 'KCOV', 'GCC_PLUGINS', 'WERROR', 'UBSAN', 'DEBUG_INFO_DWARF5',
            'DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT', 'FTRACE', 'MODULE_SIG', 'LTO_CLANG')


def check_callers(report, build, tree):
    """allmodconfig (COMPILE_TEST) builds all callers of the changed interfaces."""
    changed = subprocess.run(['git', '-C', str(tree), 'diff', '--name-only', 'base', 'HEAD'],
                             stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    for arch, folders in CALLERS.items():
        kernel = LintKernel(arch, 'debug', tree, build / f'lint-allmod-{arch}')
        kernel.out.mkdir(parents=True, exist_ok=True)
        seed = kernel.out / '.config-seed'
        seed.write_text(''.join(f'# CONFIG_{name} is not set\n' for name in UNWANTED)
                        + 'CONFIG_COMPILE_TEST=y\nCONFIG_DEBUG_INFO_NONE=y\n')
        status, text = kernel.run_make(f'KCONFIG_ALLCONFIG={seed}', 'allmodconfig')
        if not status:
            status, text = kernel.run_make('-j2', '-k', *folders)
        problems = warnings(text, set(changed))
        if status:
            problems += [r for r in text.splitlines() if ' error: ' in r or '***' in r]
        report.result(f'COMPILE_TEST builds of {len(folders)} callers, {arch}', problems)
