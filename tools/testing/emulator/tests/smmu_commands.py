# SPDX-License-Identifier: GPL-2.0-only
"""Commands that are legal, and those that are CERROR_ILL (4, 7.1); the event queue (7.2, 7.4)."""

from emutest import smmu
from emutest.smmu_scene import SmmuScene, Stage1Scene
from emutest.suite import ARM, case


@case(on=ARM)
def legality(run):
    """CERROR_ILL stops the queue until it is acknowledged."""
    scene = SmmuScene(run)
    unit = scene.unit
    legal = {'PREFETCH_CONFIG': (0x01, 0), 'CFGI_STE': (0x03, 1), 'CFGI_ALL': (0x04, 31),
             'CFGI_CD': (0x05, 1), 'CFGI_CD_ALL': (0x06, 0), 'TLBI_NH_ALL': (0x10, 0),
             'TLBI_NH_ASID': (0x11, 0), 'TLBI_NH_VA': (0x12, 1), 'TLBI_NH_VAA': (0x13, 1),
             'TLBI_S12_VMALL': (0x28, 0), 'TLBI_S2_IPA': (0x2a, 1), 'TLBI_NSNH_ALL': (0x30, 0),
             'SYNC': (0x46, 0), 'SYNC with interrupt': (0x46 | 1 << 12, 0),
             'range, TTL': (0x12, 1 << 10 | 3 << 8), 'range, NUM': (0x12 | 1 << 12, 1 << 10),
             'range, SCALE': (0x12 | 1 << 20, 1 << 10)}
    for name, (lo, hi) in legal.items():
        run.check(f'{name} is legal', unit.submit(lo, hi))
    illegal = {'opcode 0': (0x00, 0), 'opcode 0x0f': (0x0f, 0), 'EL2_ALL without Hyp': (0x20, 0),
               'EL2_ASID without Hyp': (0x21, 0), 'EL2_VA without Hyp': (0x22, 0),
               'EL3_ALL': (0x18, 0), 'opcode 0x50': (0x50, 0), 'ATC_INV without ATS': (0x40, 0),
               'PRI_RESP without PRI': (0x41, 0), 'RESUME without stalls': (0x44, 0),
               'STALL_TERM without stalls': (0x45, 0), 'SYNC, CS=3': (0x46 | 3 << 12, 0),
               'CFGI_STE, SSec': (0x03 | 1 << 10, 1), 'CFGI_CD, SSec': (0x05 | 1 << 10, 1),
               'range, TG alone': (0x12, 1 << 10), 'range of IPAs, TG alone': (0x2a, 1 << 10),
               'range, 16K and TTL 1': (0x12, 2 << 10 | 1 << 8)}
    for name, (lo, hi) in illegal.items():
        run.check(f'{name}: CERROR_ILL', not unit.submit(lo, hi) and unit.cerror == 1)
    run.check('the queue goes on', unit.sync())


@case(on=ARM)
def one_stage(run):
    """Commands of stage 2 without one (4.4)."""
    scene = SmmuScene(run, machine='smmu-stage1')
    unit = scene.unit
    run.check('S12_VMALL: CERROR_ILL', not unit.s12_vmall(0))
    run.check('S2_IPA: CERROR_ILL', not unit.s2_ipa(0, 0x1000))
    run.check('NH_ALL is legal', unit.nh_all())


@case(on=ARM)
def overflow(run):
    """A full queue keeps what it has, and OVFLG tells that records were lost (7.4)."""
    scene = Stage1Scene(run)
    unit = scene.unit
    unit.fault()
    size, start = 1 << unit.LOG2, unit.seen
    for number in range(size):
        scene.device.read(0x5000 + number * 0x1000, 4)
    prod = unit.read(smmu.EVENTQ_PROD)
    run.check('full, nothing lost', prod == (start + size) % (2 * size))
    scene.device.read(0x3000, 4)
    run.check('lost: OVFLG', unit.read(smmu.EVENTQ_PROD) == prod | 1 << 31)
    scene.device.read(0x3000, 4)
    run.check('OVFLG does not change again', unit.read(smmu.EVENTQ_PROD) == prod | 1 << 31)
    entry = unit.events + (start + size - 1) % size * 32
    last = unit.decode([scene.machine.read64(entry + n * 8) for n in range(4)])
    run.check('the last record is that before', last['addr'] == 0x5000 + (size - 1) * 0x1000,
              last)
    unit.write(smmu.EVENTQ_CONS, start + 1 | 1 << 31, 4)
    scene.device.read(0x3000, 4)
    run.check('acknowledged: records again', unit.read(smmu.EVENTQ_PROD)
              == (prod + 1) % (2 * size) | 1 << 31)
    run.check('no global error', not (unit.read(smmu.GERROR) ^ unit.read(smmu.GERRORN)) & 4)
