# SPDX-License-Identifier: GPL-2.0-only
"""Cases, and what they report."""

import sys
import traceback

from . import qtest

EXACT = 'intel-iommu,x-exact=on,aw-bits=48'
MACHINES = {
    # All that the model has
    'exact': f'{EXACT},x-scalable-mode=on,x-nest=on,x-coherent-walk=on,x-ssads=on,'
             'x-pasid-bits=20,x-pri=on,device-iotlb=on',
    # Walks that are not coherent, hence no dirty bits
    'incoherent': f'{EXACT},x-scalable-mode=on,x-nest=on,x-pasid-bits=20,x-pri=on,device-iotlb=on',
    'narrow': f'{EXACT},x-scalable-mode=on,x-nest=on,x-pasid-bits=8',
    'scalable': f'{EXACT},x-scalable-mode=on',
    'first': f'{EXACT},x-scalable-mode=on,x-flts=on,x-coherent-walk=on',
    'legacy': f'{EXACT},device-iotlb=on',
    'rps': f'{EXACT},x-scalable-mode=on,x-pasid-bits=20,x-rps=on',
    'keep': f'{EXACT},x-scalable-mode=on,x-esrtps=off',
    'caching': f'{EXACT},x-scalable-mode=on,x-nest=on,x-coherent-walk=on,caching-mode=on',
    'legacy-caching': f'{EXACT},caching-mode=on',
}
# The same features, where released emulators have them
RELEASED = {
    'scalable': 'intel-iommu,aw-bits=48,scalable-mode=on',
    'first': 'intel-iommu,aw-bits=48,scalable-mode=on,fsts=on',
    'legacy': 'intel-iommu,aw-bits=48',
}

SMMU = '-global arm-smmuv3.x-exact=on'
VIRT = '-machine virt,highmem=off,iommu=smmuv3'
# The board makes an SMMU with both stages; that of 9.1 has stage 1 alone
ARM_MACHINES = {
    'smmu': f'{VIRT} {SMMU} -global arm-smmuv3.x-ssid-bits=20 -global arm-smmuv3.x-httu=2 '
            '-global arm-smmuv3.x-fwb=on',
    'smmu-ats': f'{VIRT} {SMMU} -global arm-smmuv3.x-ssid-bits=20 -global arm-smmuv3.x-httu=2 '
                '-global arm-smmuv3.x-ats=on',
    'smmu-pri': f'{VIRT} {SMMU} -global arm-smmuv3.x-ssid-bits=20 -global arm-smmuv3.x-ats=on '
                '-global arm-smmuv3.x-pri=on',
    'smmu-stall': f'{VIRT} {SMMU} -global arm-smmuv3.x-ssid-bits=20 '
                  '-global arm-smmuv3.x-stall=on',
    'smmu-plain': f'{VIRT} {SMMU}',
    'smmu-narrow': f'{VIRT} {SMMU} -global arm-smmuv3.x-ssid-bits=8 -global arm-smmuv3.x-httu=1',
    'smmu-stage1': f'-machine virt-9.1,highmem=off,iommu=smmuv3 {SMMU}',
}
ARM_RELEASED = {
    'smmu-plain': VIRT,
    'smmu-stage1': '-machine virt-9.1,highmem=off,iommu=smmuv3',
}
# Where a case runs: the emulator of this folder, or a released one, of each architecture
ARM, ARM_BOTH = ('emulator-arm',), ('emulator-arm', 'released-arm')

CASES = []


def case(*, on=('emulator',)):
    """Make a function a case; it is run on these kinds of emulators."""
    def enter(function):
        CASES.append((function, on))
        return function
    return enter


class Run:
    """One case on one kind of emulator: its machines and its checks."""

    def __init__(self, report, kind, name, command, env):
        self.report, self.kind, self.name = report, kind, name
        self.command, self.env, self.machines = command, env, []

    def start(self, machine, *devices):
        """Start a machine of the table."""
        more = [w for d in devices for w in d]
        if self.kind in ARM_BOTH:
            table = ARM_MACHINES if self.kind in ARM else ARM_RELEASED
            started = qtest.Machine(self.command, [*table[machine].split(), *more], self.env,
                                    qtest.VIRT)
        else:
            table = RELEASED if self.kind == 'released' else MACHINES
            started = qtest.Machine(self.command, ['-device', table[machine], *more], self.env)
        self.machines.append(started)
        return started

    def check(self, name, good, info=''):
        """One check."""
        self.report.check(f'{self.name}: {name}', good, info)

    def close(self):
        """End all machines."""
        for machine in self.machines:
            machine.close()


class Report:
    """Counts checks and prints them."""

    def __init__(self, quiet=False):
        self.count, self.quiet, self.failures = [0, 0, 0], quiet, []

    def check(self, name, good, info=''):
        """One check."""
        self.count[0 if good else 1] += 1
        if not good:
            self.failures.append(name)
        if not self.quiet:
            print(f'{"ok" if good else "not ok"} - {name}', flush=True)
            if not good and info != '':
                print(f'# {info}', flush=True)

    def skip(self, name, why):
        """Something that could not be checked."""
        self.count[2] += 1
        if not self.quiet:
            print(f'ok - {name} # SKIP {why}', flush=True)

    def end(self):
        """Print the counts; return the exit status."""
        print('{} passed, {} failed, {} skipped'.format(*self.count))
        return 1 if self.count[1] or not self.count[0] else 0


def label(function):
    """Name of a case: its module and function."""
    return f'{function.__module__.rpartition(".")[2]}/{function.__name__}'


def run_case(report, function, kind, command, env):
    """Run one case; an exception is a failure."""
    name = label(function)
    if kind.startswith('released'):
        name += f' ({kind})'
    run = Run(report, kind, name, command, env)
    before = sum(report.count)
    try:
        function(run)
        if sum(report.count) == before:
            report.check(f'{name}: checks something', False)
    except Exception as err:        # pylint: disable=broad-except
        report.check(f'{name}: runs to its end', False, f'{type(err).__name__}: {err}')
        if not report.quiet:
            traceback.print_exc(file=sys.stdout)
    finally:
        run.close()
