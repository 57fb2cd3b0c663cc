# SPDX-License-Identifier: GPL-2.0-only
"""Page requests: descriptors, groups and answers, overflow, blocked requests (7.4 to 7.6)."""

from emutest import devices, vtd
from emutest.scene import NestedScene
from emutest.suite import case

IOVA = 0x12345000
PPR, PRO = 1, 2
SUCCESS, INVALID, FAILURE = 0, 1, 15


class PriScene(NestedScene):
    """Nested translation, page requests are on."""

    def __init__(self, run, **entry):
        super().__init__(run, **entry)
        self.unit.context(self.slot, dte=True, pre=True)
        self.unit.pasid(5, vtd.NESTED, self.DID, **self.entry)
        self.unit.flush_all()
        self.queue = self.memory.pages()
        self.unit.write(vtd.PQA, self.queue)
        self.device.enable_pasid()
        self.device.enable_ats()
        self.device.enable_pri()

    def descriptors(self):
        """Queued descriptors as dictionaries; the queue is empty then."""
        found, head, tail = [], self.unit.read(vtd.PQH), self.unit.read(vtd.PQT)
        while head != tail:
            lo, hi, two, three = (self.machine.read64(self.queue + head + 8 * n)
                                  for n in range(4))
            found.append({'type': lo & 0xff, 'pp': lo >> 8 & 1, 'rid': lo >> 16 & 0xffff,
                          'pasid': lo >> 32 & 0xfffff, 'exec': lo >> 52 & 1,
                          'priv': lo >> 53 & 1, 'read': hi & 1, 'write': hi >> 1 & 1,
                          'last': hi >> 2 & 1, 'group': hi >> 3 & 511, 'addr': hi & ~0xfff,
                          'rest': (lo & 0xffc0_0000_0000_fe00, two, three)})
            head = (head + 32) % 0x1000
        self.unit.write(vtd.PQH, head)
        return found

    def answer(self):
        """(answers since the last call, group, code, PASID) of the last answer."""
        count, last = self.device.get(devices.RESP_COUNT), self.device.get(devices.RESP)
        self.device.set(devices.CLEAR, 1)
        return count, last & 511, last >> 16 & 15, last >> 32


@case()
def descriptors(run):
    """What a descriptor says, with and without PASID."""
    scene = PriScene(run)
    device, unit = scene.device, scene.unit
    device.enable_pri(False)
    run.check('PRI off in the function', device.request_page(IOVA, 1) == devices.DISABLED)
    device.enable_pri()
    run.check('stopped is off', not device.status(device.PRI_CAP + 6) >> 8 & 1)
    base = {'type': 1, 'pp': 1, 'rid': scene.slot << 3, 'pasid': 5, 'exec': 0, 'priv': 0,
            'read': 1, 'write': 0, 'last': 1, 'group': 0x1a, 'addr': IOVA, 'rest': (0, 0, 0)}
    for name, arguments, changed in (
            ('read', {}, {}),
            ('write', {'read': False, 'write': True}, {'read': 0, 'write': 1}),
            ('not the last', {'last': False}, {'last': 0}),
            ('largest group', {'group': 511}, {'group': 511}),
            ('upper half', {'addr': 0xffff_8000_0000_1000}, {'addr': 0xffff_8000_0000_1000}),
            ('without PASID', {'pasid': None}, {'pp': 0, 'pasid': 0}),
            ('stop marker', {'read': False}, {'read': 0}),
    ):
        arguments = {'addr': IOVA, 'group': 0x1a, 'pasid': 5, **arguments}
        run.check(f'{name}: sent', device.request_page(**arguments) == devices.OK)
        run.check(f'{name}: pending', unit.read(vtd.PRS, 4) == PPR)
        unit.write(vtd.PRS, PPR, 4)
        got = scene.descriptors()
        run.check(f'{name}: queued', got == [{**base, **changed}], got)
    run.check('no answer by the unit', scene.answer()[0] == 0)
    unit.write(vtd.PECTL, 1 << 31, 4)
    device.request_page(IOVA, 1, pasid=5)
    run.check('event is pending while masked', unit.read(vtd.PECTL, 4) >> 30 == 3)
    unit.write(vtd.PECTL, 0, 4)
    run.check('and raised when not', unit.read(vtd.PECTL, 4) >> 30 == 0)


@case()
def answers(run):
    """Answers reach the function that asked, with index, code and PASID."""
    scene = PriScene(run)
    device, unit = scene.device, scene.unit
    status = device.PRI_CAP + 6
    for pasid in (5, None):
        for code in (SUCCESS, INVALID, FAILURE):
            device.request_page(IOVA, 0x21 + code, pasid=pasid)
            unit.respond(scene.slot, 0x21 + code, code, pasid)
            got = scene.answer()
            run.check(f'PASID {pasid}, code {code}', got
                      == (1, 0x21 + code, code, devices.NO_PASID if pasid is None else pasid), got)
    run.check('response failure is noted', device.status(status) & 1)
    run.check('nothing unexpected so far', not device.status(status) & 2)
    unit.respond(scene.slot + 1, 3, SUCCESS, 5)
    unit.respond(scene.slot, 3, SUCCESS, 6)
    run.check('other functions and PASIDs get theirs', scene.answer()[0] == 0)
    unit.respond(scene.slot, 3, SUCCESS, 5)
    run.check('an answer for no group is noted', device.status(status) & 2)
    device.control(status, 3)
    run.check('both notes are cleared by writing', not device.status(status) & 3)
    device.request_page(IOVA, 4, pasid=5)
    device.enable_pri(False)
    run.check('not stopped while a group is open', not device.status(status) >> 8 & 1)
    unit.respond(scene.slot, 4, SUCCESS, 5)
    run.check('stopped when it was answered', device.status(status) >> 8 & 1)


@case()
def overflow(run):
    """A full queue: PRO, answers by the unit, nothing more until PRO is cleared."""
    scene = PriScene(run)
    device, unit = scene.device, scene.unit
    for number in range(127):
        device.request_page(IOVA, number, last=False, pasid=5)
    run.check('127 requests fit', unit.read(vtd.PQT) == 127 * 32
              and unit.read(vtd.PRS, 4) == PPR)
    device.request_page(IOVA, 200, last=False, pasid=5)
    run.check('the next sets PRO', unit.read(vtd.PRS, 4) == PPR | PRO
              and unit.read(vtd.PQT) == 127 * 32)
    run.check('not the last of its group: no answer', scene.answer()[0] == 0)
    device.request_page(IOVA, 201, pasid=5)
    got = scene.answer()
    run.check('the last of its group: success', got == (1, 201, 0, 5), got)
    unit.write(vtd.PQH, 127 * 32)
    device.request_page(IOVA, 202, pasid=5)
    run.check('room, but PRO is set: answered, not queued', unit.read(vtd.PQT) == 127 * 32
              and scene.answer()[:2] == (1, 202))
    device.request_page(IOVA, 203, read=False, pasid=5)
    run.check('a stop marker is not answered', scene.answer()[0] == 0)
    unit.write(vtd.PRS, PRO, 4)
    device.request_page(IOVA, 204, pasid=5)
    run.check('PRO cleared: queued, at the wrap', unit.read(vtd.PQT) == 0
              and scene.descriptors()[0]['group'] == 204)


@case()
def blocked(run):
    """Requests that no entry permits: recorded, answered by the unit, not queued."""
    scene = PriScene(run)
    device, unit = scene.device, scene.unit

    def refused(name, reason, pasid=5, **arguments):
        unit.fault()
        device.set(devices.CLEAR, 1)
        device.request_page(IOVA, 7, pasid=pasid, **arguments)
        fault, got = unit.fault(), scene.answer()
        run.check(f'{name}: fault {reason:#x}', fault and fault['reason'] == reason
                  and fault['type'] == 1 and fault['addr'] == IOVA, fault)
        run.check(f'{name}: answered once, not queued', got[:2] == (1, 7)
                  and not scene.descriptors(), got)

    device.request_page(IOVA, 7, pasid=5)
    run.check('control', len(scene.descriptors()) == 1 and not unit.fault())
    refused('PASID entry not present', 0x59, pasid=6)
    unit.context(scene.slot, dte=True, pre=False)
    unit.flush_all()
    refused('PRE off', 0x47)
    unit.context(scene.slot, dte=True, pre=True, paside=False)
    unit.flush_all()
    refused('PASIDE off', 0x45)
    unit.context(scene.slot, dte=True, pre=True, present=False)
    unit.flush_all()
    refused('context entry not present', 0x41)
    device.set(devices.CLEAR, 1)
    device.request_page(IOVA, 7, last=False, pasid=5)
    run.check('not the last of its group: no answer', scene.answer()[0] == 0)


@case()
def walks_again(run):
    """A page request drops what is cached for that page, and nothing else."""
    scene = PriScene(run)
    device, machine = scene.device, scene.machine
    first, _, host = scene.map(IOVA)
    near, _, beside = scene.map(IOVA + 0x1000)
    other = scene.map(IOVA + 0x2000)[2]
    gpa = {h: g for g, h in scene.guest.items()}
    scene.lands('fills the cache', IOVA, host, pasid=5)
    scene.lands('fills the cache beside it', IOVA + 0x1000, beside, pasid=5)
    for slot in (first, near):
        machine.write64(slot, gpa[other] | vtd.P | vtd.RW | vtd.US)
    scene.lands('cached', IOVA, host, pasid=5)
    device.request_page(IOVA, 9, pasid=5)
    scene.lands('asked for', IOVA, other, pasid=5)
    scene.lands('beside it', IOVA + 0x1000, beside, pasid=5)
