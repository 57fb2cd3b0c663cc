# SPDX-License-Identifier: GPL-2.0-only
"""Capabilities by property, combinations that are refused, fault recording (11.4, 7.1)."""

import subprocess

from emutest import devices, vtd
from emutest.qtest import COMMON, FIRMWARE
from emutest.scene import SecondStageScene
from emutest.suite import EXACT, case

BITS = {'C': 0, 'QI': 1, 'DT': 2, 'PT': 6, 'NEST': 26, 'PRS': 29, 'SRS': 31, 'NWFS': 33,
        'PASID': 40, 'PDS': 42, 'SMTS': 43, 'SSADS': 45, 'SSTS': 46, 'FSTS': 47, 'SMPWCS': 48,
        'RPS': 49}


@case()
def capabilities(run):
    """What each machine offers."""
    for machine, on in (
            ('exact', 'QI DT PT NEST PRS SRS NWFS PASID PDS SMTS SSADS SSTS FSTS SMPWCS'),
            ('incoherent', 'QI DT PT NEST PRS SRS NWFS PASID PDS SMTS SSTS FSTS'),
            ('scalable', 'QI PT SRS SMTS SSTS'),
            ('legacy', 'QI DT PT NWFS'),
            ('rps', 'QI PT SRS PASID SMTS SSTS RPS')):
        started = run.start(machine)
        ecap = started.read64(vtd.BASE + vtd.ECAP)
        got = [name for name, bit in BITS.items() if ecap >> bit & 1]
        run.check(f'{machine}: {on}', got == on.split(), ' '.join(got))
    exact = run.start('exact')
    run.check('PASIDs of 20 bits', exact.read64(vtd.BASE + vtd.ECAP) >> 35 & 31 == 19)


@case()
def combinations(run):
    """Properties that do not go together are errors."""
    scalable = f'{EXACT},x-scalable-mode=on'
    for bad in ('intel-iommu,x-nest=on,x-scalable-mode=on', f'{EXACT},x-nest=on',
                f'{scalable},x-ssads=on', f'{scalable},x-pri=on', f'{scalable},x-pasid-bits=21',
                f'{scalable},x-pri=on,x-pasid-bits=20', f'{scalable},x-pasid-mode=on',
                f'{EXACT},x-scalable-mode=on,x-nest=on,aw-bits=39'):
        done = subprocess.run([*run.command, *COMMON, *FIRMWARE, '-device', bad], env=run.env,
                              timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        run.check(f'refused: {bad}', done.returncode == 1
                  and any(w in done.stdout for w in ('x-exact', 'x-nest', 'x-ssads', 'x-pri',
                                                     'only scalable mode')), done.stdout)


@case()
def recording(run):
    """One record: a second fault of the same function is folded, PPF follows F."""
    scene = SecondStageScene(run)
    unit, device = scene.unit, scene.device
    run.check('no fault at first', not unit.read(vtd.FSTS, 4) & 3)
    device.write(0x5000, b'12345678')
    run.check('PPF and IP', unit.read(vtd.FSTS, 4) & 3 == 2
              and unit.read(vtd.FECTL, 4) >> 30 == 3)
    device.write(0x6000, b'12345678')
    run.check('the first stays', unit.read(vtd.FRCD) == 0x5000)
    got = unit.fault()
    run.check('record', got == {'reason': 0x79, 'addr': 0x5000, 'sid': scene.slot << 3,
                                'type': 0, 'at': 0, 'pp': 0, 'exe': 0, 'priv': 0, 'pasid': 0},
              got)
    run.check('F cleared, PPF cleared', not unit.read(vtd.FSTS, 4) & 2)
    device.read(0x7000, 8)
    run.check('a read', unit.fault()['type'] == 2)


@case()
def overflow(run):
    """A fault of another function while the record is taken sets PFO, and is lost."""
    scene = SecondStageScene(run, 'exact', more=('-device', 'dma-testdev,addr=6'))
    unit = scene.unit
    other = devices.TestDevice(scene.machine, slot=6, bar=0xe0200000)
    unit.context(6, paside=False)
    scene.device.write(0x5000, b'12345678')
    other.write(0x6000, b'12345678')
    run.check('PFO', unit.read(vtd.FSTS, 4) & 3 == 3)
    run.check('the first stays', unit.read(vtd.FRCD) == 0x5000)
    unit.write(vtd.FRCD + 8, 1 << 63)
    other.write(0x7000, b'12345678')
    run.check('nothing is recorded while PFO is set', not unit.read(vtd.FRCD + 8) >> 63)
    unit.write(vtd.FSTS, 1, 4)
    other.write(0x8000, b'12345678')
    got = unit.fault()
    run.check('PFO cleared: recorded again', got and got['addr'] == 0x8000
              and got['sid'] == 6 << 3, got)


@case()
def fault_disable(run):
    """FPD in context, directory and PASID entry."""
    scene = SecondStageScene(run)
    unit, device, machine = scene.unit, scene.device, scene.machine
    for name, addr in (('context entry', unit.contexts + scene.slot * 8 * 32),
                       ('directory entry', unit.directory), ('PASID entry', unit.pasids)):
        old = machine.read64(addr)
        machine.write64(addr, old | 2)
        unit.flush_all()
        device.write(0x5000, b'12345678')
        run.check(f'{name}: no record', unit.fault() is None)
        device.write(0x5000, b'12345678')
        run.check(f'{name}: no record from the caches', unit.fault() is None)
        machine.write64(addr, old)
        unit.flush_all()
        device.write(0x5000, b'12345678')
        run.check(f'{name}: control', unit.fault() is not None)
    machine.write64(unit.contexts + scene.slot * 8 * 32, 2)
    machine.write64(unit.root, unit.contexts)
    unit.flush_all()
    device.write(0x5000, b'12345678')
    run.check('FPD does not hide a root entry', unit.fault() is not None)
