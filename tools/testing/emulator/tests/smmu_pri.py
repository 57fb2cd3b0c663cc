# SPDX-License-Identifier: GPL-2.0-only
"""Page requests: queue entries, answers, overflow (4.5.2, 8)."""

from emutest import devices, smmu
from emutest.smmu_scene import SubstreamScene
from emutest.suite import ARM, case

PRIQ_BASE, PRIQ_PROD, PRIQ_CONS, PRIQEN = 0xc0, 0x100c8, 0x100cc, 2
ALL_ON = PRIQEN | smmu.SMMUEN | smmu.EVENTQEN | smmu.CMDQEN
FAILURE, INVALID, SUCCESS = 0, 1, 2             # CMD_PRI_RESP
ON_THE_BUS = {FAILURE: 0xf, INVALID: 1, SUCCESS: 0}
PAGE = 0x7f00_1234_5000


class Pri(SubstreamScene):
    """PRI is on in the function and in the unit; the queue has four entries."""

    def __init__(self, run):
        super().__init__(run, machine='smmu-pri')
        self.queue, self.cons = self.memory.pages(), 0
        self.unit.write(PRIQ_BASE, self.queue | 2)
        self.unit.write(smmu.CR0, ALL_ON, 4)
        self.device.enable_pri()

    def taken(self):
        """Take the entries of the queue."""
        prod, entries = self.unit.read(PRIQ_PROD), []
        while (prod ^ self.cons) & 7:
            at = self.queue + (self.cons & 3) * 16
            entries.append((self.machine.read64(at), self.machine.read64(at + 8)))
            self.cons = self.cons + 1 & 7
        self.unit.write(PRIQ_CONS, self.cons | prod & 1 << 31, 4)
        return entries

    def answered(self):
        """Number of answers, and the last: (index, code, PASID)."""
        last = self.device.get(devices.RESP)
        return self.device.get(devices.RESP_COUNT), (last & 0x1ff, last >> 16 & 0xf, last >> 32)


@case(on=ARM)
def entries(run):
    """Fields of an entry (8.1)."""
    scene = Pri(run)
    sid = scene.slot << 3
    for name, options, flags in (
            ('read', {}, 1 << 60 | 1 << 62),
            ('write', {'read': False, 'write': True}, 1 << 61 | 1 << 62),
            ('not the last', {'last': False}, 1 << 60),
            ('with a substream', {'pasid': 0x54321}, 1 << 60 | 1 << 62 | 1 << 63 | 0x54321 << 32),
            ('privileged', {'pasid': 1, 'priv': True},
             1 << 58 | 1 << 60 | 1 << 62 | 1 << 63 | 1 << 32),
            ('execute', {'pasid': 1, 'execute': True},
             1 << 59 | 1 << 60 | 1 << 62 | 1 << 63 | 1 << 32),
            ('stop marker', {'pasid': 1, 'read': False}, 1 << 62 | 1 << 63 | 1 << 32)):
        status = scene.device.request_page(PAGE, 0x155, **options)
        got = scene.taken()
        run.check(name, status == devices.OK and got == [(sid | flags, PAGE | 0x155)],
                  f'{status}, {[tuple(map(hex, e)) for e in got]}')
    run.check('nothing was answered by the unit', not scene.answered()[0])


@case(on=ARM)
def answers(run):
    """CMD_PRI_RESP (4.5.2)."""
    scene = Pri(run)
    unit, device, slot = scene.unit, scene.device, scene.slot
    count = 0
    for pasid in (None, 9, None):
        for code, wire in ON_THE_BUS.items():
            device.request_page(PAGE, 0x20 + code, pasid=pasid)
            scene.taken()
            legal = unit.pri_resp(slot, 0x20 + code, code, ssid=pasid)
            count += 1
            want = devices.NO_PASID if pasid is None else pasid
            run.check(f'substream {pasid}, code {code}', legal
                      and scene.answered() == (count, (0x20 + code, wire, want)),
                      scene.answered())
    unit.pri_resp(slot + 1, 1, SUCCESS)
    run.check('another stream hears nothing', scene.answered()[0] == count)
    run.check('Resp 3 is illegal', not unit.pri_resp(slot, 1, 3))


@case(on=ARM)
def by_the_unit(run):
    """What cannot be queued is answered by the unit (8.2)."""
    scene = Pri(run)
    unit, device = scene.unit, scene.device
    for number in range(4):
        device.request_page(PAGE, number, pasid=9)
    run.check('four fit', not unit.read(PRIQ_PROD) >> 31 and not scene.answered()[0])
    device.request_page(PAGE, 4, pasid=9, last=False)
    run.check('overflow: OVFLG; not the last: no answer', unit.read(PRIQ_PROD) >> 31
              and not scene.answered()[0])
    device.request_page(PAGE, 5, pasid=9)
    run.check('the last: Success', scene.answered() == (1, (5, 0, 9)), scene.answered())
    device.request_page(PAGE, 6, pasid=9, read=False)
    run.check('a stop marker: no answer', scene.answered()[0] == 1)
    unit.write(PRIQ_CONS, 2, 4)
    device.request_page(PAGE, 7, pasid=9)
    run.check('room, not acknowledged: Success', scene.answered() == (2, (7, 0, 9)))
    scene.cons = 2
    run.check('the others are there', [e[1] & 0x1ff for e in scene.taken()] == [2, 3])
    device.request_page(PAGE, 8, pasid=9)
    run.check('acknowledged: queued', [e[1] & 0x1ff for e in scene.taken()] == [8]
              and scene.answered()[0] == 2)
    for name, flags in (('PRIQEN=0', ALL_ON & ~PRIQEN), ('SMMUEN=0', ALL_ON & ~smmu.SMMUEN)):
        unit.write(smmu.CR0, flags, 4)
        count = scene.answered()[0]
        device.request_page(PAGE, 9, pasid=9)
        run.check(f'{name}: Failure', scene.answered() == (count + 1, (9, 0xf, 9)),
                  scene.answered())
