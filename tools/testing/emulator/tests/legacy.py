# SPDX-License-Identifier: GPL-2.0-only
"""Legacy mode: entries, rights, and the numbers of its faults (9.1, 9.3, 7.1.3)."""

from emutest import devices, vtd
from emutest.scene import Scene
from emutest.suite import case

IOVA = 0x12345000


class LegacyScene(Scene):
    """A legacy context entry with a second stage, of domain 4."""

    DID = 4

    def __init__(self, run, machine='legacy'):
        super().__init__(run, machine, vtd.LEGACY)
        self.tables = vtd.second_stage(self.memory)
        self.entry = self.unit.legacy_context(self.slot, self.tables.root, self.DID)
        self.unit.enable()

    def map(self, iova):
        """Map a watched page; return (slot, host address)."""
        host = self.page()
        return self.tables.map(iova, host), host


@case()
def entries(run):
    """Root and context entries."""
    scene = LegacyScene(run)
    unit, machine = scene.unit, scene.machine
    _, host = scene.map(IOVA)
    lo, hi = machine.read64(scene.entry), machine.read64(scene.entry + 8)
    scene.lands('control', IOVA, host)
    root = unit.root
    scene.refuses('root not present', 0x01, root, 0, IOVA, host)
    scene.refuses('root reserved', 0x0a, root, unit.contexts | 1 | 1 << 4, IOVA, host)
    scene.refuses('root, upper half reserved', 0x0a, root + 8, 1, IOVA, host)
    scene.refuses('context table outside of memory', 0x09, root, 0x3fff_ffff_f001, IOVA, host)
    scene.refuses('context not present', 0x02, scene.entry, lo & ~1, IOVA, host)
    for bit in (4, 11, 48, 63):
        scene.refuses(f'context bit {bit}', 0x0b, scene.entry, lo | 1 << bit, IOVA, host)
    for bit in (7, 24, 63):
        scene.refuses(f'context bit {64 + bit}', 0x0b, scene.entry + 8, hi | 1 << bit, IOVA, host)
    scene.refuses('TT 3', 0x03, scene.entry, lo | 3 << 2, IOVA, host)
    for width in (0, 3, 4, 7):
        scene.refuses(f'AW {width}', 0x03, scene.entry + 8, hi & ~7 | width, IOVA, host)
    machine.write64(scene.entry, lo | 2 << 2)
    unit.flush_all()
    scene.lands('pass-through', host, host)
    scene.refuses('pass-through, AW not the largest', 0x03, scene.entry + 8, hi & ~7 | 1, host,
                  host)
    machine.write64(scene.entry, 3 & ~1 | lo & ~1)
    unit.flush_all()
    run.check('not present, FPD: refused without a record',
              scene.device.write(IOVA, b'12345678') == devices.REFUSED and not unit.fault())


@case()
def faults(run):
    """Second-stage faults have their legacy numbers."""
    scene = LegacyScene(run)
    machine, tables = scene.machine, scene.tables
    slot, host = scene.map(IOVA)
    scene.lands('control', IOVA, host)
    scene.blocked('no entry', 0x99999000, 0x05)
    scene.blocked('no entry, read', 0x99999000, 0x06, write=False)
    scene.refuses('for reads only', 0x05, slot, host | vtd.R, IOVA, host)
    scene.refuses('for writes only', 0x06, slot, host | vtd.W, IOVA, host, write=False)
    scene.refuses('reserved', 0x0c, slot, host | 3 | 1 << 50, IOVA, host)
    above = tables.slot(IOVA, 2)
    scene.refuses('table outside of memory', 0x07, above, 0x3fff_ffff_f003, IOVA, host)
    scene.blocked('above 48 bits', 1 << 48, 0x04)
    tables.map(0x5000, 0xfee01000)
    scene.blocked('interrupt range', 0x5000, 0x0e)
    machine.write64(scene.entry, 0x3fff_ffff_f001)
    scene.unit.flush_all()
    scene.blocked('root table outside of memory', IOVA, 0x03)


@case()
def requests(run):
    """Requests with PASID, and translation requests, by the type of the entry."""
    scene = LegacyScene(run)
    device, unit = scene.device, scene.unit
    _, host = scene.map(IOVA)
    device.enable_pasid()
    device.enable_ats()
    scene.blocked('request with PASID', IOVA, 0x31, pasid=1, recorded={'pp': 1, 'pasid': 1})
    run.check('translation request, TT 0: refused', device.run(devices.ATS, IOVA)
              == devices.REFUSED)
    fault = unit.fault()
    run.check('translation request, TT 0: fault 0xd', fault and fault['reason'] == 0x0d
              and fault['at'] == 1, fault)
    unit.legacy_context(scene.slot, scene.tables.root, scene.DID, kind=1)
    unit.flush_all()
    run.check('translation request, TT 1', device.run(devices.ATS, IOVA) == devices.OK
              and device.completion() == (host, 0xfff, 3), device.completion())
    scene.lands('by the device TLB', IOVA, host, command=devices.TLB_WRITE)


@case()
def shadow(run):
    """Without DT in the unit TT 1 is invalid."""
    scene = LegacyScene(run, 'scalable')
    _, host = scene.map(IOVA)
    scene.lands('a scalable unit in legacy mode', IOVA, host)
    lo = scene.machine.read64(scene.entry)
    scene.refuses('TT 1', 0x03, scene.entry, lo | 1 << 2, IOVA, host)
