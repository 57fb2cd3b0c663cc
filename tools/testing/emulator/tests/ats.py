# SPDX-License-Identifier: GPL-2.0-only
"""ATS: completions, recoverable faults, translated requests, the device TLB (4.1, 7.1.2)."""

from emutest import devices, vtd
from emutest.scene import NestedScene, SecondStageScene
from emutest.suite import case

IOVA, OTHER = 0x12345000, 0x7f0000401000


class AtsScene(NestedScene):
    """Nested translation; ATS is on in the function and in the context entry."""

    def __init__(self, run, **entry):
        super().__init__(run, **entry)
        self.unit.context(self.slot, dte=True)
        self.unit.flush_all()
        self.device.enable_pasid()
        self.device.enable_ats()

    def completes(self, name, addr, expected, command=devices.ATS, status=devices.OK,
                  **attributes):
        """A translation request is completed like this, and nothing is recorded."""
        got = self.device.run(command, addr, **attributes)
        completion, fault = self.device.completion(), self.unit.fault()
        self.run.check(name, got == status and completion == expected and not fault,
                       f'status {got}, {tuple(map(hex, completion))}, fault {fault}')

    def fails(self, name, addr, reason, **attributes):
        """A translation request fails as a whole, and that is recorded."""
        self.unit.fault()
        got, fault = self.device.run(devices.ATS, addr, **attributes), self.unit.fault()
        self.run.check(f'{name}: fault {reason:#x}', got == devices.REFUSED and fault
                       and fault['reason'] == reason and fault['at'] == 1, fault)


@case()
def completions(run):
    """Host address, size and rights; D is set when writing is permitted."""
    scene = AtsScene(run)
    machine, unit = scene.machine, scene.unit
    first, second, host = scene.map(IOVA)
    scene.device.enable_ats(False)
    run.check('ATS off in the function', scene.device.run(devices.ATS, IOVA) == devices.DISABLED)
    scene.device.enable_ats()
    scene.completes('no-write request', IOVA, (host, 0xfff, 1), devices.ATS_NO_WRITE)
    run.check('it sets no D', not machine.read64(first) & vtd.FS_D
              and not machine.read64(second) & vtd.SS_D)
    scene.completes('request', IOVA, (host, 0xfff, 3))
    run.check('it sets D in both stages', machine.read64(first) & vtd.FS_D
              and machine.read64(second) & vtd.SS_D)
    leaf = machine.read64(second)
    machine.write64(second, leaf & ~vtd.W)
    unit.flush_all()
    scene.completes('second stage for reads only', IOVA, (host, 0xfff, 1))
    machine.write64(second, leaf & ~vtd.R)
    unit.flush_all()
    scene.completes('second stage for writes only', IOVA, (host, 0xfff, 2))
    machine.write64(second, leaf)
    machine.write64(first, machine.read64(first) & ~vtd.RW)
    unit.flush_all()
    scene.completes('first stage for reads only', IOVA, (host, 0xfff, 1))
    unit.pasid(5, vtd.NESTED, scene.DID, **scene.entry)
    scene.completes('with PASID', IOVA, (host, 0xfff, 1), pasid=5)
    scene.second.map(0x50_4000_0000, 0x8000000, level=2)
    scene.first.map(0x40000000, 0x50_4000_0000, level=2)
    scene.completes('2M page', 0x40003000, (0x8000000, 0x1fffff, 3))


@case()
def recoverable(run):
    """Not present and not permitted: completed without rights, and not recorded."""
    scene = AtsScene(run)
    machine, unit = scene.machine, scene.unit
    first, second, host = scene.map(IOVA)
    nothing = {'expected': (0, 0xfff, 0), 'status': devices.NO_RIGHTS}
    scene.completes('control', IOVA, (host, 0xfff, 3))
    scene.completes('first stage not present', 0x99999000, **nothing)
    leaf = machine.read64(first)
    machine.write64(first, leaf & ~vtd.US)
    unit.flush_all()
    scene.completes('page of supervisors', IOVA, **nothing)
    machine.write64(first, leaf)
    leaf = machine.read64(second)
    machine.write64(second, 0)
    unit.flush_all()
    scene.completes('second stage not present', IOVA, **nothing)
    machine.write64(second, leaf)
    table = scene.table_slot(IOVA, 1)
    old = machine.read64(table)
    machine.write64(table, 0)
    unit.flush_all()
    scene.completes('second stage not present for a table', IOVA, **nothing)
    machine.write64(table, old)
    machine.write64(first, machine.read64(first) | 1 << 50)
    unit.flush_all()
    scene.fails('reserved bit', IOVA, 0x72)
    scene.fails('PASID entry not present', IOVA, 0x59, pasid=7)
    scene.fails('privileged without SRE', IOVA, 0x5d, pasid=0, priv=True)
    scene.unit.context(scene.slot, dte=False)
    unit.flush_all()
    scene.fails('DTE off', IOVA, 0x44)


@case()
def translated(run):
    """Translated requests skip the walk, but need DTE."""
    scene = AtsScene(run)
    unit, device = scene.unit, scene.device
    host = scene.map(IOVA)[2]
    scene.lands('host address', host, host, command=devices.RAW_WRITE)
    device.enable_ats(False)
    run.check('ATS off in the function', device.write(host, b'12345678',
                                                      command=devices.RAW_WRITE)
              == devices.DISABLED)
    device.enable_ats()
    unit.context(scene.slot, dte=False)
    unit.flush_all()
    scene.blocked('DTE off', host, 0x44, command=devices.RAW_WRITE, recorded={'at': 2})


@case()
def device_tlb(run):
    """The device TLB holds until it is invalidated: exactly what is named, and nothing else."""
    scene = AtsScene(run)
    unit, device, slot = scene.unit, scene.device, scene.slot
    host = scene.map(IOVA)[2]
    other = scene.map(IOVA + 0x1000)[2]
    unit.pasid(5, vtd.NESTED, scene.DID, **scene.entry)
    unit.pasid(6, vtd.NESTED, scene.DID, **scene.entry)

    def fill():
        device.run(devices.TLB_FLUSH)
        for pasid in (None, 5, 6):
            device.run(devices.ATS, IOVA, pasid=pasid)
            device.run(devices.ATS, IOVA + 0x1000, pasid=pasid)

    def held():
        return [(pasid, page) for pasid in (None, 5, 6) for page in (0, 1)
                if device.write(IOVA + page * 0x1000, b'deviceTL', command=devices.TLB_WRITE,
                                pasid=pasid) == devices.OK]

    everything = [(pasid, page) for pasid in (None, 5, 6) for page in (0, 1)]
    for name, flush, gone in (
            ('nothing', lambda: None, []),
            ('IOTLB', unit.iotlb, []),
            ('a page', lambda: unit.device_tlb(slot, IOVA), [(None, 0)]),
            ('a page of another function', lambda: unit.device_tlb(slot + 1, IOVA), []),
            ('8K up to the first page', lambda: unit.device_tlb(slot, IOVA - 0x1000, True),
             [(None, 0)]),
            ('8K from the second page', lambda: unit.device_tlb(slot, IOVA + 0x1000, True),
             [(None, 1)]),
            ('16K around both', lambda: unit.device_tlb(slot, IOVA, True),
             [(None, 0), (None, 1)]),
            ('all', lambda: unit.device_tlb(slot, 0x7fff_ffff_ffff_f000, True),
             [(None, 0), (None, 1)]),
            ('a page of PASID 5', lambda: unit.pasid_device_tlb(slot, 5, IOVA), [(5, 0)]),
            ('all of PASID 5',
             lambda: unit.pasid_device_tlb(slot, 5, 0x7fff_ffff_ffff_f000, True),
             [(5, 0), (5, 1)]),
            ('a page of all PASIDs',
             lambda: unit.pasid_device_tlb(slot, 0, IOVA + 0x1000, everywhere=True),
             [(5, 1), (6, 1)]),
    ):
        fill()
        before = held()
        flush()
        after = held()
        run.check(f'{name}: drops {gone}', before == everything
                  and after == [e for e in everything if e not in gone], (before, after))
    fill()
    device.set(devices.CLEAR, 1)
    unit.pasid_device_tlb(slot, 5, IOVA & ~0x1fffff | 0xff000, True)
    run.check('what arrives: address, mask, PASID',
              (device.get(devices.INV_COUNT), device.get(devices.INV_ADDR),
               device.get(devices.INV_MASK), device.get(devices.INV_PASID))
              == (1, IOVA & ~0x1fffff, 0x1fffff, 5),
              [hex(device.get(r)) for r in (devices.INV_ADDR, devices.INV_MASK)])
    fill()
    device.enable_ats(False)
    device.enable_ats()
    run.check('ATS off empties it', held() == [])
    run.check('control: hosts differ', host != other)


@case()
def stale_device_tlb(run):
    """A write by a held translation sets no D: the flush of D needs the device TLB, too."""
    scene = SecondStageScene(run, ssade=True, pwsnp=True)
    unit, device, machine = scene.unit, scene.device, scene.machine
    unit.context(scene.slot, dte=True)
    unit.flush_all()
    device.enable_ats()
    slot, host = scene.map(IOVA)
    device.run(devices.ATS, IOVA)
    scene.lands('by the device TLB', IOVA, host, command=devices.TLB_WRITE)
    run.check('D is set', machine.read64(slot) & vtd.SS_D)
    machine.write64(slot, machine.read64(slot) & ~vtd.SS_D)
    unit.iotlb(3, scene.DID, IOVA, leaf=True)
    scene.lands('D cleared, IOTLB flushed: the device still writes', IOVA, host,
                command=devices.TLB_WRITE)
    run.check('and D stays clear', not machine.read64(slot) & vtd.SS_D)
    unit.device_tlb(scene.slot, IOVA)
    run.check('device TLB flushed: it has to ask', device.write(IOVA, b'12345678',
                                                                command=devices.TLB_WRITE)
              == devices.MISS)
    device.run(devices.ATS, IOVA)
    run.check('and that sets D', machine.read64(slot) & vtd.SS_D)
