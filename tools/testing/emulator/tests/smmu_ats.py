# SPDX-License-Identifier: GPL-2.0-only
"""ATS: translation requests, translated requests, CMD_ATC_INV (3.9, 4.5.1, 5.2)."""

from emutest import devices, smmu
from emutest.smmu_scene import SmmuNestedScene, Stage1Scene, SubstreamScene
from emutest.suite import ARM, case

IOVA, NEXT = 0x12345000, 0x12346000
NOTHING = {'expected': (0, 0xfff, 0), 'status': devices.NO_RIGHTS}


class Ats:
    """A scene with ATS on in the function and, with EATS, in its stream."""

    def __init__(self, run, scene):
        self.run, self.scene, self.device = run, scene, scene.device
        self.device.enable_pasid()
        self.device.enable_ats()

    def completes(self, name, addr, expected, command=devices.ATS, status=devices.OK,
                  **attributes):
        """A translation request is answered like this, and nothing is recorded."""
        got = self.device.run(command, addr, **attributes)
        completion, fault = self.device.completion(), self.scene.unit.fault()
        self.run.check(name, got == status and completion == expected and not fault,
                       f'status {got}, {tuple(map(hex, completion))}, event {fault}')

    def fails(self, name, addr, number=None, **attributes):
        """A translation request fails as a whole; with an event or without."""
        self.scene.unit.fault()
        got, fault = self.device.run(devices.ATS, addr, **attributes), self.scene.unit.fault()
        good = fault and fault['number'] == number and fault['sid'] == self.scene.slot << 3 \
            and fault['ssv'] == ('pasid' in attributes) if number else not fault
        self.run.check(f'{name}: {"no event" if number is None else f"event {number:#04x}"}',
                       got == devices.REFUSED and good, f'status {got}, event {fault}')


@case(on=ARM)
def completions(run):
    """Address, size and rights; the dirty state is set when writing is permitted (3.13.7)."""
    scene = SmmuNestedScene(run, machine='smmu-ats', ha=True, hd=True,
                            entry={'eats': 1, 's2ha': True, 's2hd': True})
    ats, machine = Ats(run, scene), scene.machine
    first, second, host = scene.map(IOVA)
    ats.completes('request', IOVA, (host, 0xfff, 3))
    scene.device.enable_ats(False)
    run.check('ATS off in the function', scene.device.run(devices.ATS, IOVA) == devices.DISABLED)
    scene.device.enable_ats()
    one, two = machine.read64(first), machine.read64(second)
    machine.write64(first, one | smmu.DBM | smmu.READ_ONLY)
    machine.write64(second, (two | smmu.DBM) & ~smmu.S2_W)
    scene.unit.flush_all()
    ats.completes('NW=1', IOVA, (host, 0xfff, 1), devices.ATS_NO_WRITE)
    run.check('NW=1 makes nothing dirty', machine.read64(first) & smmu.READ_ONLY
              and not machine.read64(second) & smmu.S2_W)
    ats.completes('NW=0', IOVA, (host, 0xfff, 3))
    run.check('NW=0 makes both dirty', not machine.read64(first) & smmu.READ_ONLY
              and machine.read64(second) & smmu.S2_W)
    for name, slot, value, rights in (('stage 1 read-only', first, one | smmu.READ_ONLY, 1),
                                      ('stage 2 for reads only', second, two & ~smmu.S2_W, 1),
                                      ('stage 2 for writes only', second, two & ~smmu.S2_R, 2)):
        machine.write64(first, one)
        machine.write64(second, two)
        machine.write64(slot, value)
        scene.unit.flush_all()
        ats.completes(name, IOVA, (host, 0xfff, rights))
    scene.second.map(0x50_4000_0000, 0x48000000, level=2)
    scene.first.map(0x40000000, 0x50_4000_0000, level=2)
    ats.completes('2M', 0x40003000, (0x48000000, 0x1fffff, 3))


@case(on=ARM)
def refused(run):
    """Translation faults have no rights and no event; configuration errors end the request."""
    scene = SmmuNestedScene(run, machine='smmu-ats', entry={'eats': 1})
    ats, machine, unit = Ats(run, scene), scene.machine, scene.unit
    first, second, host = scene.map(IOVA)
    ats.completes('control', IOVA, (host, 0xfff, 3))
    ats.completes('stage 1 not mapped', 0x99999000, **NOTHING)
    for name, slot, change in (('stage 2 not mapped', second, lambda v: 0),
                               ('stage 1 without AF', first, lambda v: v & ~smmu.AF),
                               ('not for users', first, lambda v: v & ~smmu.USER),
                               ('table not mapped by stage 2', scene.table_slot(IOVA, 2),
                                lambda v: 0)):
        old = machine.read64(slot)
        machine.write64(slot, change(old))
        unit.flush_all()
        ats.completes(name, IOVA, **NOTHING)
        machine.write64(slot, old)
        unit.flush_all()
    ats.fails('substream where there is none', IOVA, pasid=3)
    scene.stream(smmu.NESTED, **scene.entry, valid=False)
    ats.fails('STE not valid', IOVA)
    scene.stream(smmu.NESTED, **{**scene.entry, 'eats': 0})
    ats.fails('EATS=0', IOVA, smmu.F_BAD_ATS_TREQ)
    scene.stream(smmu.BYPASS, eats=1)
    ats.fails('bypass', IOVA, smmu.F_BAD_ATS_TREQ)
    scene.stream(smmu.ABORT)
    ats.fails('abort', IOVA)
    scene.stream(smmu.NESTED, **scene.entry)
    unit.write(smmu.CR0, smmu.EVENTQEN | smmu.CMDQEN, 4)
    ats.fails('SMMUEN=0', IOVA)


@case(on=ARM)
def translated(run):
    """ATSCHK and EATS decide on translated requests (3.9.2)."""
    scene = Stage1Scene(run, machine='smmu-ats', entry={'eats': 1})
    Ats(run, scene)
    unit = scene.unit
    _, host = scene.map(IOVA)
    raw = {'command': devices.RAW_WRITE}
    scene.lands('ATSCHK=0', host, host, **raw)
    scene.stream(smmu.S1, **{**scene.entry, 'eats': 0})
    scene.lands('ATSCHK=0, EATS=0', host, host, **raw)
    unit.write(smmu.CR0, smmu.ATSCHK | smmu.SMMUEN | smmu.EVENTQEN | smmu.CMDQEN, 4)
    unit.flush_all()
    scene.blocked('ATSCHK=1, EATS=0', host, smmu.F_TRANSL_FORBIDDEN, **raw,
                  recorded={'ssv': 0, 'ssid': 0, 'addr': host, 'rnw': 0})
    scene.stream(smmu.S1, **scene.entry)
    scene.lands('ATSCHK=1, EATS=1', host, host, **raw)
    scene.stream(smmu.S1, **scene.entry, valid=False)
    scene.blocked('ATSCHK=1, STE not valid', host, smmu.C_BAD_STE, **raw)


@case(on=ARM)
def split(run):
    """EATS=2: answers are those of stage 1, and stage 2 is applied later (3.9.1)."""
    scene = SmmuNestedScene(run, machine='smmu-ats', entry={'eats': 2})
    ats, unit = Ats(run, scene), scene.unit
    first, second, host = scene.map(IOVA)
    ipa = scene.machine.read64(first) & 0xffff_ffff_f000
    ats.fails('ATSCHK=0: acts as 0', IOVA, smmu.F_BAD_ATS_TREQ)
    unit.write(smmu.CR0, smmu.ATSCHK | smmu.SMMUEN | smmu.EVENTQEN | smmu.CMDQEN, 4)
    unit.flush_all()
    ats.completes('request', IOVA, (ipa, 0xfff, 3))
    scene.lands('by the device TLB', IOVA, host, command=devices.TLB_WRITE)
    scene.machine.write64(second, 0)
    unit.flush_all()
    scene.blocked('stage 2 refuses', ipa, smmu.F_TRANSLATION, command=devices.RAW_WRITE,
                  recorded={'s2': 1, 'class': smmu.CLASS_IN, 'ipa': ipa})
    scene.stream(smmu.S2, tables=scene.second, vmid=scene.VMID, eats=2)
    scene.blocked('EATS=2 without both stages', IOVA, smmu.C_BAD_STE)


@case(on=ARM)
def invalidations(run):
    """CMD_ATC_INV: stream, substream, size, Global (4.5.1)."""
    scene = SubstreamScene(run, machine='smmu-ats', eats=1)
    ats, unit, device = Ats(run, scene), scene.unit, scene.device
    slot = scene.slot
    for ssid, asid in ((0, 20), (5, 25), (6, 26)):
        tables = scene.substream(ssid, asid)
        for addr in (IOVA, NEXT):
            scene.page_at(tables, addr)
    unit.flush_all()
    everything = [(p, a) for p in (None, 5, 6) for a in (IOVA, NEXT)]

    def left():
        return [(p, a) for p, a in everything
                if device.run(devices.TLB_READ, a, pasid=p) != devices.MISS]

    def without(*gone):
        return [e for e in everything if e not in gone]

    size_all = 52
    for name, done, wanted in (
            ('nothing', lambda: True, everything),
            ('TLBI', unit.nsnh_all, everything),
            ('page of substream 5', lambda: unit.atc_inv(slot, IOVA, ssid=5),
             without((5, IOVA))),
            ('two pages of substream 5', lambda: unit.atc_inv(slot, 0x12344000, 2, ssid=5),
             without((5, IOVA), (5, NEXT))),
            ('address is aligned to the size', lambda: unit.atc_inv(slot, 0x12347000, 2, ssid=5),
             without((5, IOVA), (5, NEXT))),
            ('two pages behind', lambda: unit.atc_inv(slot, 0x12348000, 1, ssid=5), everything),
            ('all of substream 6', lambda: unit.atc_inv(slot, 0, size_all, ssid=6),
             without((6, IOVA), (6, NEXT))),
            ('another stream', lambda: unit.atc_inv(slot + 1, 0, size_all, ssid=6), everything),
            ('Global', lambda: unit.atc_inv(slot, IOVA, ssid=6, everywhere=True),
             without((5, IOVA), (6, IOVA)))):
        device.run(devices.TLB_FLUSH)
        for ssid, addr in everything:
            device.run(devices.ATS, addr, pasid=ssid)
        before, legal = left(), done()
        unit.sync()
        after = left()
        run.check(f'{name}: drops what it names', before == everything and legal
                  and after == wanted, f'{before}, {legal}, {after}')
    device.run(devices.TLB_FLUSH)
    ats.completes('no substream', IOVA, (device.get(devices.XLAT), 0xfff, 3)
                  if device.run(devices.ATS, IOVA) == devices.OK else None)
    unit.atc_inv(slot, IOVA)
    run.check('SSV=0 drops entries without a substream',
              device.run(devices.TLB_READ, IOVA) == devices.MISS)
    run.check('Size 53 is illegal', not unit.atc_inv(slot, 0, 53))
