# SPDX-License-Identifier: GPL-2.0-only
"""The emulated machines: one entry per IOMMU, spelled for each QEMU version."""

from dataclasses import dataclass


class Unavailable(Exception):
    """This machine cannot be had with this emulator; the message says why."""


@dataclass(frozen=True)
class Machine:
    """A machine description.

    iommu maps the lowest QEMU major version to the arguments that create the
    IOMMU from that version on; older versions cannot emulate the machine.
    """
    arch: str
    board: str
    iommu: tuple
    append: str = ''
    smp: int = 2
    translates: bool = True
    qemu: str = ''

    def iommu_args(self, version):
        """Arguments of the newest spelling that an emulator version knows."""
        known = [args for lowest, args in self.iommu if version >= lowest]
        if not known:
            need = min(lowest for lowest, _ in self.iommu)
            raise Unavailable('needs QEMU %d.%d' % need)
        return known[-1].split()

    def board_args(self, version):
        """Board, processor and memory arguments."""
        board = self.board
        if self.arch == 'arm64' and version < (9, 0):
            board = board.replace(',its=on', '')
        return ['-M', board, '-cpu', 'max']


X86 = 'q35,kernel-irqchip=split'
VIRT = 'virt,gic-version=3,its=on'
OLD, V10, V11 = (7, 2), (10, 0), (11, 0)
EXACT = '-device intel-iommu,intremap=on,aw-bits=48,x-exact=on'
SMMU_EXACT = ' '.join(f'-global arm-smmuv3.x-{p}' for p in (
    'exact=on', 'ssid-bits=20', 'httu=2', 'fwb=on', 'ats=on', 'pri=on'))

MACHINES = {
    'none': Machine('x86_64', X86, ((OLD, ''),), translates=False),
    'none-arm': Machine('arm64', VIRT, ((OLD, ''),), translates=False),
    'vtd': Machine('x86_64', X86, ((OLD, '-device intel-iommu,intremap=on,aw-bits=48'),),
                   'intel_iommu=on,sm_off'),
    # An IOMMU that can make all DMA snoop; the others of Intel here cannot.
    'vtd-snoop': Machine('x86_64', X86,
                         ((OLD, '-device intel-iommu,intremap=on,aw-bits=48,snoop-control=on'),),
                         'intel_iommu=on,sm_off'),
    'vtd-sm': Machine('x86_64', X86,
                      ((OLD, '-device intel-iommu,intremap=on,aw-bits=48,x-scalable-mode=on'),
                       (V11, '-device intel-iommu,intremap=on,aw-bits=48,scalable-mode=on')),
                      'intel_iommu=on,sm_on'),
    # Functions may cache translations.
    'vtd-ats': Machine('x86_64', X86,
                       ((OLD, '-device intel-iommu,intremap=on,aw-bits=48,device-iotlb=on'),),
                       'intel_iommu=on,sm_off'),
    'vtd-sm-ats': Machine('x86_64', X86,
                          ((OLD, '-device intel-iommu,intremap=on,aw-bits=48,device-iotlb=on,'
                            'x-scalable-mode=on'),
                           (V11, '-device intel-iommu,intremap=on,aw-bits=48,device-iotlb=on,'
                            'scalable-mode=on')),
                          'intel_iommu=on,sm_on'),
    'vtd-fs': Machine('x86_64', X86,
                      ((V11, '-device intel-iommu,intremap=on,aw-bits=48,scalable-mode=on,fsts=on'),),
                      'intel_iommu=on,sm_on'),
    # The exact model of VT-d (tools/testing/emulator), whose caches hold until they are flushed.
    'vtd-emu': Machine('x86_64', X86, ((OLD, f'{EXACT},device-iotlb=on'),),
                       'intel_iommu=on,sm_off', qemu='emu'),
    'vtd-sm-emu': Machine('x86_64', X86,
                          ((OLD, f'{EXACT},device-iotlb=on,x-scalable-mode=on,x-esrtps=off'),),
                          'intel_iommu=on,sm_on', qemu='emu'),
    'vtd-fs-emu': Machine('x86_64', X86, ((OLD, f'{EXACT},x-scalable-mode=on,x-flts=on'),),
                          'intel_iommu=on,sm_on', qemu='emu'),
    'vtd-cm-emu': Machine('x86_64', X86, ((OLD, f'{EXACT},x-scalable-mode=on,caching-mode=on'),),
                          'intel_iommu=on,sm_on', qemu='emu'),
    'vtd-all-emu': Machine('x86_64', X86,
                           ((OLD, f'{EXACT},device-iotlb=on,x-scalable-mode=on,x-nest=on,'
                             'x-coherent-walk=on,x-ssads=on,x-pasid-bits=20,x-pri=on'),),
                           'intel_iommu=on,sm_on', qemu='emu'),
    # 7.2 translates only for functions on bus 0 and shows Linux no events.  10.0
    # breaks interrupt remapping without KVM, so it is not offered here.
    'amd': Machine('x86_64', X86, ((OLD, '-device amd-iommu,intremap=on'),
                                   (V11, '-device amd-iommu,intremap=on,dma-remap=on'))),
    # The one driver here that the attach layer serialises and that blocks with an empty table.
    # No interrupt remapping comes with it.  There can be one of them in a machine.  Its tables
    # are unfinished before the first attach, and a reset does not block.
    'virtio': Machine('x86_64', X86, ((OLD, '-device virtio-iommu-pci'),),
                      'iommufd.allow_unsafe_interrupts=1 vfio_iommu_type1.allow_unsafe_interrupts=1'),
    # 7.2 has stage 1 only; from 9.2 on the board makes the SMMU nested.
    'smmuv3': Machine('arm64', VIRT + ',iommu=smmuv3', ((OLD, ''),)),
    # The exact model of SMMUv3, with both stages, dirty state and substreams.  6.1 takes ATS of
    # a device from ACPI only, so that it stays off here.
    'smmuv3-emu': Machine('arm64', VIRT + ',iommu=smmuv3', ((OLD, SMMU_EXACT),), qemu='emu'),
    # The kernel runs as a hypervisor, for the sake of /dev/kvm.
    'smmuv3-kvm': Machine('arm64', VIRT + ',iommu=smmuv3,virtualization=on', ((OLD, ''),)),
}
