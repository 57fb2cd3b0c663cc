# SPDX-License-Identifier: GPL-2.0-only
"""Stalled transactions: events with STAG, CMD_RESUME, CMD_STALL_TERM (3.12.2, 4.6, 5.5)."""

import struct

from emutest import devices, smmu
from emutest.smmu_scene import SmmuNestedScene, Stage1Scene, Stage2Scene, SubstreamScene
from emutest.suite import ARM, case

IOVA, ABSENT = 0x12345000, 0x22345000
RETRY, ABORT, IGNORE = 1, 2, 0                  # Ac, Ab of CMD_RESUME


class Stalls:
    """Accesses of a scene that stall, and how they end."""

    def __init__(self, run, scene):
        self.run, self.scene, self.device, self.unit = run, scene, scene.device, scene.unit

    def begin(self, name, addr, write=True, number=smmu.F_TRANSLATION, data=b'stalled.',
              recorded=None, **attributes):
        """An access stalls; return the STAG of its event."""
        self.unit.fault()
        device, machine = self.device, self.scene.machine
        waiting = device.get(devices.STALLS)
        if write:
            machine.write(device.bar + device.BUFFER, data)
        status = device.run(devices.WRITE if write else devices.READ, addr, len(data),
                            **attributes)
        event = self.unit.fault()
        pasid = attributes.get('pasid')
        wanted = {'number': number, 'stall': 1, 'sid': self.scene.slot << 3, 'addr': addr,
                  'rnw': int(not write), 'ssv': int(pasid is not None), 'ssid': pasid or 0,
                  'count': 1, **(recorded or {})}
        self.run.check(f'{name}: stalls, with its event', status == devices.STALLED and event
                       and all(event[k] == v for k, v in wanted.items())
                       and device.get(devices.STALLS) == waiting + 1, f'{status}, {event}')
        return event['stag'] if event else 0

    def ended(self, name, status):
        """The access has ended like this, and there is no further event."""
        got, event = self.device.get(devices.CMD), self.unit.fault()
        self.run.check(name, got == status and not self.device.get(devices.STALLS)
                       and not event, f'{got}, {event}')


def scene_with_device(run, cls, **options):
    """A scene whose device can wait."""
    return cls(run, machine='smmu-stall', more=('-global', 'dma-testdev.stall=on'), **options)


@case(on=ARM)
def retry(run):
    """CMD_RESUME, Ac=1: the access is translated anew (4.6.1)."""
    scene = scene_with_device(run, Stage1Scene, stall=True)
    stalls, unit = Stalls(run, scene), scene.unit
    run.check('IDR0.STALL_MODEL', unit.read(smmu.IDR0) >> 24 & 3 == 0)
    stag = stalls.begin('write', IOVA)
    _, host = scene.map(IOVA)
    run.check('nothing is written before', scene.watch.touched() == [])
    unit.nsnh_all()
    unit.cfgi_range(0, 31)
    unit.sync()
    run.check('invalidations do not end it', scene.device.get(devices.CMD) == devices.STALLED
              and scene.watch.touched() == [])
    unit.resume(scene.slot, stag ^ 1, RETRY)
    unit.resume(scene.slot + 1, stag, RETRY)
    run.check('another STAG or stream does not', scene.device.get(devices.CMD)
              == devices.STALLED)
    unit.resume(scene.slot, stag, RETRY)
    stalls.ended('retried', devices.OK)
    run.check('written', scene.machine.read(host, 8) == b'stalled.')
    stag = stalls.begin('read', ABSENT, write=False)
    _, host = scene.map(ABSENT)
    scene.machine.write(host, b'contents')
    unit.resume(scene.slot, stag, RETRY)
    stalls.ended('read retried', devices.OK)
    run.check('read', scene.machine.read(scene.device.bar + scene.device.BUFFER, 8)
              == b'contents')
    stag = stalls.begin('again', 0x5000)
    unit.resume(scene.slot, stag, RETRY)
    event = unit.fault()
    run.check('retried without a mapping: stalls again, with an event', event and event['stall']
              and event['addr'] == 0x5000 and scene.device.get(devices.CMD) == devices.STALLED,
              event)
    unit.resume(scene.slot, event['stag'], ABORT)
    stalls.ended('and is aborted', devices.REFUSED)


@case(on=ARM)
def terminate(run):
    """CMD_RESUME, Ac=0: abort, or read as 0 and write ignored; CMD_STALL_TERM."""
    scene = scene_with_device(run, Stage1Scene, stall=True)
    stalls, unit, device = Stalls(run, scene), scene.unit, scene.device
    unit.resume(scene.slot, stalls.begin('write', IOVA), ABORT)
    stalls.ended('aborted', devices.REFUSED)
    unit.resume(scene.slot, stalls.begin('write', IOVA), IGNORE)
    stalls.ended('ignored', devices.OK)
    scene.machine.fill(device.bar + device.BUFFER, 16, 0xa5)
    unit.resume(scene.slot, stalls.begin('read', IOVA, write=False), IGNORE)
    stalls.ended('reads', devices.OK)
    run.check('as 0', scene.machine.read(device.bar + device.BUFFER, 8) == bytes(8))
    for number in range(3):
        stalls.begin(f'write {number}', IOVA + number * 0x1000)
    unit.stall_term(scene.slot + 1)
    run.check('STALL_TERM of another stream', device.get(devices.STALLS) == 3)
    unit.stall_term(scene.slot)
    stalls.ended('STALL_TERM ends all', devices.REFUSED)
    stags = {stalls.begin(f'STAG {number}', IOVA) for number in range(3)}
    run.check('each has a STAG of its own', len(stags) == 3)
    for stag in sorted(stags):
        unit.resume(scene.slot, stag, ABORT)
    stalls.ended('all three are answered', devices.REFUSED)


@case(on=ARM)
def fault_configuration(run):
    """CD.A, R and S of stage 1, STE.S2S and S2R of stage 2, S1STALLD (5.5)."""
    scene = scene_with_device(run, SubstreamScene)
    stalls, unit, device = Stalls(run, scene), scene.unit, scene.device
    scene.substream(1, 21, stall=True, record=False)
    scene.substream(2, 22, abort=True)
    scene.substream(3, 23, abort=False)
    scene.substream(4, 24, abort=False, record=False)
    unit.flush_all()
    unit.resume(scene.slot, stalls.begin('S=1, R=0', IOVA, pasid=1), ABORT)
    stalls.ended('aborted', devices.REFUSED)
    scene.blocked('S=0, A=1', IOVA, smmu.F_TRANSLATION, pasid=2)
    scene.machine.fill(device.bar + device.BUFFER, 16, 0xa5)
    run.check('S=0, A=0: read', device.read(IOVA, 8, pasid=3) == bytes(8))
    event = unit.fault()
    run.check('S=0, A=0, R=1: recorded, not as a stall', event and not event['stall']
              and event['number'] == smmu.F_TRANSLATION, event)
    run.check('S=0, A=0, R=0: write', device.write(IOVA, b'12345678', pasid=4) == devices.OK
              and not unit.fault())
    scene.stream(smmu.S1, **scene.entry, stalld=True)
    scene.blocked('S1STALLD, S=1', IOVA, smmu.C_BAD_CD, pasid=1)
    scene.blocked('S1STALLD, S=0', IOVA, smmu.F_TRANSLATION, pasid=2)
    second = scene_with_device(run, Stage2Scene, s2s=True, s2r=False)
    stalls = Stalls(run, second)
    stag = stalls.begin('S2S=1', IOVA, recorded={'s2': 1, 'ipa': IOVA})
    _, host = second.map(IOVA)
    second.unit.resume(second.slot, stag, RETRY)
    stalls.ended('S2S=1: retried', devices.OK)
    run.check('S2S=1: written', second.machine.read(host, 8) == b'stalled.')
    nested = scene_with_device(run, SmmuNestedScene, stall=True)
    stalls = Stalls(run, nested)
    _, slot, _ = nested.map(IOVA)
    nested.machine.write64(slot, 0)
    nested.unit.flush_all()
    nested.blocked('S=1, S2S=0: a fault of stage 2 does not stall', IOVA, smmu.F_TRANSLATION,
                   recorded={'s2': 1})
    nested.unit.resume(nested.slot, stalls.begin('S=1, S2S=0: one of stage 1 does', 0x5000), ABORT)
    stalls.ended('and ends', devices.REFUSED)


@case(on=ARM)
def others(run):
    """What never stalls: configuration errors, functions that cannot wait."""
    scene = scene_with_device(run, Stage1Scene, stall=True)
    scene.stream(smmu.S1, **scene.entry, valid=False)
    scene.blocked('STE not valid', IOVA, smmu.C_BAD_STE)
    plain = Stage1Scene(run, machine='smmu-stall', stall=True)
    plain.blocked('a function that cannot wait: Stall=0', IOVA, smmu.F_TRANSLATION)


@case(on=ARM)
def script(run):
    """A script waits for its entry that stalls."""
    scene = scene_with_device(run, Stage1Scene, stall=True)
    machine, device, unit = scene.machine, scene.device, scene.unit
    _, first = scene.map(IOVA)
    for number, addr in enumerate((IOVA, ABSENT, IOVA + 8)):
        machine.write(device.bar + device.SCRIPT + number * 32,
                      struct.pack('<4Q', addr, 8, 0, devices.WRITE))
    machine.write(device.bar + device.BUFFER, b'scripted')
    device.set(devices.PERIOD, 1000)
    device.set(devices.SCRIPT, 3 | 1 << 16)
    machine.step(100_000)
    run.check('stops at the second', device.get(devices.DONE) == 1
              and device.get(devices.LEFT) == 2 and device.get(devices.STALLS) == 1)
    _, second = scene.map(ABSENT)
    unit.resume(scene.slot, unit.fault()['stag'], RETRY)
    machine.step(100_000)
    run.check('goes on', device.get(devices.DONE) == 3 and not device.get(devices.LEFT)
              and machine.read(first, 16) == b'scripted' * 2
              and machine.read(second, 8) == b'scripted')


@case(on=ARM)
def full_queue(run):
    """Stalls are not lost when the event queue is full (7.2.1)."""
    scene = scene_with_device(run, Stage1Scene, stall=True)
    unit, device = scene.unit, scene.device
    unit.fault()
    size = 1 << unit.LOG2
    for _ in range(size + 1):
        device.run(devices.WRITE, IOVA)
    prod = unit.read(smmu.EVENTQ_PROD)
    run.check('all wait', device.get(devices.STALLS) == size + 1)
    run.check('no overflow for a stall', not prod >> 31)
    unit.write(smmu.EVENTQ_CONS, 1, 4)
    run.check('with room the last is recorded', unit.read(smmu.EVENTQ_PROD)
              == (prod + 1) % (2 * size))
    unit.stall_term(scene.slot)
    run.check('all end', not device.get(devices.STALLS))
