# SPDX-License-Identifier: GPL-2.0-only
"""Walks of one stage: rights, halves, access flag and dirty state (3.4, 3.13, Arm ARM D8)."""

from emutest import smmu
from emutest.smmu_scene import Stage1Scene, Stage2Scene, SubstreamScene
from emutest.suite import ARM, case

IOVA, UPPER = 0x12345000, 0xffff_ff00_1234_5000


@case(on=ARM)
def halves(run):
    """Bit 55 chooses the tables; bits above them must be like it (3.4.1)."""
    scene = Stage1Scene(run)
    high = smmu.first_stage(scene.memory, bits=42, granule=14)
    scene.descriptor(scene.context, scene.tables, high, **scene.fields)
    scene.unit.flush_all()
    _, low_host = scene.map(IOVA)
    host = scene.watch.add(scene.memory.aligned(4))
    high.map(UPPER & ~0x3fff, host)
    scene.lands('lower half', IOVA, low_host)
    scene.lands('upper half', UPPER & ~0x3fff | 8, host + 8)
    scene.blocked('between the halves', 1 << 44, smmu.F_TRANSLATION)
    scene.blocked('below the upper half', 0xffff_f800_0000_0000, smmu.F_TRANSLATION)
    scene.blocked('top byte', IOVA | 0xab << 56, smmu.F_TRANSLATION)
    scene.descriptor(scene.context, scene.tables, high, **scene.fields, word0=1 << 38)
    scene.unit.flush_all()
    scene.lands('TBI0: top byte', IOVA | 0xab << 56, low_host)
    scene.blocked('TBI0: the event has it', 0x5000 | 0xab << 56, smmu.F_TRANSLATION)
    scene.blocked('TBI0 is not TBI1', UPPER & ~(0x7f << 56), smmu.F_TRANSLATION)


@case(on=ARM)
def stage1_rights(run):
    """Users, privileged requests, instruction fetches (D8.4)."""
    scene = SubstreamScene(run)
    tables = scene.substream(1, 20)
    slot, host = scene.page_at(tables, IOVA)
    leaf = scene.machine.read64(slot)
    table = tables.slot(IOVA, 2)
    above = scene.machine.read64(table)
    user, priv = {'pasid': 1}, {'pasid': 1, 'priv': True}
    fetch, priv_fetch = ({**who, 'execute': True} for who in (user, priv))

    def permitted(name, value, upper, allowed):
        scene.machine.write64(slot, value)
        scene.machine.write64(table, upper)
        for letter, who, write in (('r', user, False), ('w', user, True), ('R', priv, False),
                                   ('W', priv, True), ('x', fetch, False),
                                   ('X', priv_fetch, False)):
            scene.unit.flush_all()
            if letter not in allowed:
                scene.blocked(f'{name}: {letter}', IOVA, smmu.F_PERMISSION, write=write, **who)
            elif write:
                scene.lands(f'{name}: {letter}', IOVA, host, **who)
            else:
                scene.reads(f'{name}: {letter}', IOVA, host, **who)

    permitted('all', leaf, above, 'rwRWx')
    permitted('read-only', leaf | smmu.READ_ONLY, above, 'rRxX')
    permitted('privileged', leaf & ~smmu.USER, above, 'RWxX')
    permitted('privileged, read-only', leaf & ~smmu.USER | smmu.READ_ONLY, above, 'RxX')
    permitted('UXN', leaf | smmu.UXN | smmu.READ_ONLY, above, 'rRX')
    permitted('PXN', leaf | smmu.PXN | smmu.READ_ONLY, above, 'rRx')
    permitted('APTable: read-only', leaf, above | smmu.APTABLE_RO, 'rRxX')
    permitted('APTable: not for users', leaf, above | smmu.APTABLE_NO_USER, 'RWxX')
    permitted('UXNTable', leaf, above | 1 << 60, 'rwRW')
    permitted('PXNTable', leaf | smmu.READ_ONLY, above | 1 << 59, 'rRx')
    scene.substream(1, 20, tables=tables, word0=1 << 40)
    permitted('PAN', leaf, above, 'rwx')
    scene.substream(1, 20, tables=tables, word0=1 << 36)
    permitted('WXN', leaf, above, 'rwRW')
    scene.substream(1, 20, tables=tables, word1=2)
    permitted('HAD0: table limits nothing', leaf, above | smmu.APTABLE_RO, 'rwRWx')


@case(on=ARM)
def stage2_rights(run):
    """Stage 2 has a bit for reads and one for writes."""
    scene = Stage2Scene(run)
    slot, host = scene.map(IOVA)
    leaf = scene.machine.read64(slot)
    where = {'s2': 1, 'class': smmu.CLASS_IN, 'ipa': IOVA}
    scene.machine.write64(slot, leaf & ~smmu.S2_W)
    scene.unit.flush_all()
    scene.reads('for reads only', IOVA, host)
    scene.blocked('for reads only: write', IOVA, smmu.F_PERMISSION, recorded=where)
    scene.machine.write64(slot, leaf & ~smmu.S2_R)
    scene.unit.flush_all()
    scene.lands('for writes only', IOVA, host)
    scene.blocked('for writes only: read', IOVA, smmu.F_PERMISSION, write=False, recorded=where)
    scene.machine.write64(slot, leaf)
    scene.blocked('more rights, not flushed', IOVA, smmu.F_PERMISSION, write=False, recorded=where)
    scene.unit.s2_ipa(scene.VMID, IOVA)
    scene.reads('more rights, flushed', IOVA, host)
    scene.stream(smmu.S2, **{**scene.entry, 's2r': False})
    scene.blocked('S2R=0: not recorded', 0x5000, None)
    scene.stream(smmu.S2, **scene.entry)
    scene.blocked('S2R=1: recorded', 0x5000, smmu.F_TRANSLATION, recorded={**where, 'ipa': 0x5000})


def flags_of(scene, slot):
    """Whether a descriptor has AF and permits writes."""
    value = scene.machine.read64(slot)
    write = value & smmu.S2_W if isinstance(scene, Stage2Scene) else not value & smmu.READ_ONLY
    return bool(value & smmu.AF), bool(write)


def stage_flags(run, scene, fault, mode):
    """Access flag and dirty state of one stage; `mode(ha, hd, affd)` sets the fields."""
    machine, unit = scene.machine, scene.unit
    slot, host = scene.map(IOVA)
    leaf = machine.read64(slot)
    clean = (leaf & ~smmu.S2_W if isinstance(scene, Stage2Scene) else leaf | smmu.READ_ONLY) \
        | smmu.DBM

    def start(value, **fields):
        machine.write64(slot, value)
        mode(**fields)
        unit.flush_all()

    start(leaf & ~smmu.AF)
    scene.blocked('off: AF=0', IOVA, smmu.F_ACCESS, recorded=fault)
    start(leaf & ~smmu.AF, affd=True)
    scene.lands('AFFD: AF=0', IOVA, host)
    run.check('AFFD: AF stays 0', flags_of(scene, slot) == (False, True))
    start(clean)
    scene.blocked('off: writable-clean', IOVA, smmu.F_PERMISSION, recorded=fault)
    start(leaf & ~smmu.AF, ha=True)
    scene.reads('HA: AF=0', IOVA, host)
    run.check('HA: AF is set', flags_of(scene, slot)[0])
    start(clean, ha=True)
    scene.blocked('HA alone: writable-clean', IOVA, smmu.F_PERMISSION, recorded=fault)
    start(clean & ~smmu.AF, ha=True, hd=True)
    scene.reads('HD: read', IOVA, host)
    run.check('HD: a read sets AF alone', flags_of(scene, slot) == (True, False))
    scene.lands('HD: write behind a cached read', IOVA, host)
    run.check('HD: dirty', flags_of(scene, slot) == (True, True)
              and machine.read64(slot) & smmu.DBM)
    machine.write64(slot, clean)
    scene.lands('HD: cached dirty', IOVA, host)
    run.check('HD: what is cached dirty does not set it again',
              flags_of(scene, slot) == (True, False))
    unit.flush_all()
    scene.lands('HD: flushed', IOVA, host)
    run.check('HD: dirty again', flags_of(scene, slot) == (True, True))
    start(clean & ~smmu.DBM, ha=True, hd=True)
    scene.blocked('HD: without DBM', IOVA, smmu.F_PERMISSION, recorded=fault)
    run.check('HD: without DBM nothing changes', flags_of(scene, slot) == (True, False))
    # Software makes it dirty: no TLBI is needed with HD
    start(clean, ha=True, hd=True)
    scene.reads('HD: cached clean', IOVA, host)
    machine.write64(slot, leaf)
    scene.lands('HD: software made it dirty', IOVA, host)


@case(on=ARM)
def stage1_flags(run):
    """CD.HA and CD.HD (3.13.2, 3.13.3)."""
    scene = Stage1Scene(run)

    def mode(**fields):
        scene.descriptor(scene.context, scene.tables, **scene.fields, **fields)
    stage_flags(run, scene, {'s2': 0}, mode)
    # APTable limits dirty state as well
    slot, host = scene.map(0x5000)
    table = scene.tables.slot(0x5000, 2)
    scene.machine.write64(slot, scene.machine.read64(slot) | smmu.DBM | smmu.READ_ONLY)
    scene.machine.write64(table, scene.machine.read64(table) | smmu.APTABLE_RO)
    mode(ha=True, hd=True)
    scene.unit.flush_all()
    scene.blocked('APTable: writable-clean', 0x5000, smmu.F_PERMISSION)
    run.check('APTable: stays clean', scene.machine.read64(slot) & smmu.READ_ONLY)
    scene.reads('APTable: reads', 0x5000, host)


@case(on=ARM)
def stage2_flags(run):
    """STE.S2HA and STE.S2HD."""
    scene = Stage2Scene(run)

    def mode(ha=False, hd=False, affd=False):
        scene.unit.stream(scene.slot, smmu.S2, **scene.entry, s2ha=ha, s2hd=hd, affd=affd)
    stage_flags(run, scene, {'s2': 1, 'ipa': IOVA}, mode)
