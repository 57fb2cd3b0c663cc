# SPDX-License-Identifier: GPL-2.0-only
"""The test device itself: script, counters, reset."""

import struct

from emutest import devices, vtd
from emutest.scene import SecondStageScene
from emutest.suite import case

IOVA = 0x12345000


@case()
def script(run):
    """A script runs by itself, entry by entry, and counts what was refused."""
    scene = SecondStageScene(run)
    machine, device = scene.machine, scene.device
    slot, host = scene.map(IOVA)
    _, second = scene.map(IOVA + 0x1000)
    machine.write(device.bar + device.BUFFER, b'first...second..')
    entries = ((IOVA, 8, 0, devices.WRITE), (IOVA + 0x1000, 8 | 8 << 32, 0, devices.WRITE),
               (0x5000, 8, 0, devices.WRITE))
    for number, entry in enumerate(entries):
        machine.write(device.bar + device.SCRIPT + number * 32, struct.pack('<4Q', *entry))
    device.set(devices.PERIOD, 1000)
    device.set(devices.SCRIPT, 3 | 2 << 16)
    run.check('nothing runs before its time', device.get(devices.DONE) == 0
              and device.get(devices.LEFT) == 6)
    machine.step(1000)
    run.check('the first entry', device.get(devices.DONE) == 1
              and machine.read(host, 8) == b'first...')
    machine.step(1000)
    run.check('the second, from its place in the buffer', machine.read(second, 8) == b'second..')
    machine.write64(slot, host | vtd.R)
    scene.unit.flush_all()
    machine.step(10_000)
    run.check('all rounds', device.get(devices.DONE) == 6 and device.get(devices.LEFT) == 0)
    ends = [struct.unpack('<Q', machine.read(device.bar + device.SCRIPT + n * 32 + 24, 8))[0]
            for n in range(3)]
    run.check('how each ended, and how often it was refused',
              [(e >> 8 & 255, e >> 32) for e in ends]
              == [(devices.REFUSED, 1), (devices.OK, 0), (devices.REFUSED, 2)], ends)
    run.check('refused in all', device.get(devices.REFUSALS) == 3)


@case()
def limits(run):
    """Commands that do not exist or do not fit."""
    scene = SecondStageScene(run)
    device = scene.device
    _, host = scene.map(IOVA)
    scene.lands('control', IOVA, host)
    run.check('unknown command', device.run(0) == devices.BAD and device.run(99) == devices.BAD)
    run.check('longer than the buffer', device.run(devices.WRITE, IOVA, 0x2001) == devices.BAD)
    run.check('beyond the buffer', device.run(devices.WRITE, IOVA, 8 | 0x2000 << 32)
              == devices.BAD)
    run.check('across pages that are not mapped',
              device.write(IOVA + 0xff8, b'x' * 16) == devices.REFUSED)
    scene.machine.write32(scene.machine.config(scene.slot, 4), 2)
    run.check('not bus master', device.write(IOVA, b'12345678') != devices.OK)


@case()
def reset(run):
    """A function level reset takes back what software enabled."""
    scene = SecondStageScene(run)
    device, machine = scene.device, scene.machine
    scene.unit.context(scene.slot, dte=True)
    scene.unit.flush_all()
    scene.map(IOVA)
    device.enable_pasid()
    device.enable_ats()
    device.enable_pri()
    device.run(devices.ATS, IOVA)
    run.check('before', device.get(devices.TLB_COUNT) == 1)
    express = machine.read32(machine.config(scene.slot, 0x34)) & 0xff
    while machine.read32(machine.config(scene.slot, express)) & 0xff != 0x10:
        express = machine.read32(machine.config(scene.slot, express)) >> 8 & 0xff
    device.control(express + 8, 1 << 15)
    machine.write32(machine.config(scene.slot, 0x10), device.bar)
    machine.write32(machine.config(scene.slot, 4), 6)
    run.check('ATS, PASID and PRI are off', not device.status(device.ATS_CAP + 6)
              and not device.status(device.PASID_CAP + 6)
              and not device.status(device.PRI_CAP + 4))
    run.check('the device TLB is empty', device.get(devices.TLB_COUNT) == 0)
    run.check('PRI is stopped', device.status(device.PRI_CAP + 6) >> 8 & 1)
