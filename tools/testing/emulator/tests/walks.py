# SPDX-License-Identifier: GPL-2.0-only
"""First and second stage, each alone: formats, rights, sizes, A and D (3.6, 3.7, 9.7 to 9.9)."""

from emutest import vtd
from emutest.scene import FirstStageScene, SecondStageScene
from emutest.suite import case

IOVA, OTHER = 0x12345000, 0x7f0000401000


@case()
def second_stage_rights(run):
    """R and W in each level, and what is reserved."""
    scene = SecondStageScene(run)
    machine, tables = scene.machine, scene.tables
    slot, host = scene.map(IOVA)
    other_slot, other = scene.map(OTHER)
    scene.lands('maps a page', IOVA, host)
    scene.lands('maps another page, at an offset', OTHER + 0x128, other + 0x128)
    scene.reads('reads', IOVA, host)
    scene.blocked('no entry', 0x99999000, 0x79)
    scene.blocked('no entry, read', 0x99999000, 0x79, write=False)
    scene.refuses('empty leaf', 0x79, slot, 0, IOVA, host)
    scene.refuses('leaf without R and W', 0x79, slot, host, IOVA, host)
    scene.refuses('leaf for reads only', 0x85, slot, host | vtd.R, IOVA, host)
    scene.refuses('leaf for writes only', 0x86, slot, host | vtd.W, IOVA, host, write=False)
    for level in (2, 3, 4):
        above = tables.slot(OTHER, level)
        value = machine.read64(above)
        scene.refuses(f'level {level} empty', 0x79, above, 0, OTHER, other)
        scene.refuses(f'level {level} for reads only', 0x85, above, value & ~vtd.W, OTHER, other)
        scene.refuses(f'level {level} for writes only', 0x86, above, value & ~vtd.R, OTHER, other,
                      write=False)
    machine.write64(tables.slot(OTHER, 2), machine.read64(tables.slot(OTHER, 2)) & ~vtd.W)
    scene.refuses('nothing in common', 0x79, other_slot, other | vtd.W, OTHER, other, write=False)


@case()
def second_stage_reserved(run):
    """Reserved and ignored bits of second-stage entries."""
    scene = SecondStageScene(run)
    machine, tables = scene.machine, scene.tables
    slot, host = scene.map(IOVA)
    leaf = machine.read64(slot)
    for bit in (48, 51, 62, 11):
        scene.refuses(f'leaf bit {bit}', 0x7a, slot, leaf | 1 << bit, IOVA, host)
    for level in (2, 3, 4):
        above = tables.slot(IOVA, level)
        scene.refuses(f'level {level}, bit 50', 0x7a, above, machine.read64(above) | 1 << 50,
                      IOVA, host)
        scene.refuses(f'level {level}, bit 11', 0x7a, above, machine.read64(above) | 1 << 11,
                      IOVA, host)
    above = tables.slot(IOVA, 4)
    scene.refuses('PS in level 4', 0x7a, above, machine.read64(above) | vtd.PS, IOVA, host)
    for bit in (2, 3, 5, 6, 7, 8, 9, 10, 52, 61, 63):
        machine.write64(slot, leaf | 1 << bit)
        scene.unit.flush_all()
        scene.lands(f'leaf bit {bit} is ignored', IOVA, host)
    large = tables.slot(0x40000000, 2)
    machine.write64(large, 0x1a00000 | vtd.R | vtd.W | vtd.PS | 1 << 13)
    scene.blocked('low address bits of a large page', 0x40000000, 0x7a)


@case()
def second_stage_sizes(run):
    """Large pages, widths, and addresses beyond them."""
    scene = SecondStageScene(run)
    machine, tables, unit = scene.machine, scene.tables, scene.unit
    scene.watch.add(0x8003000)
    tables.map(0x40000000, 0x8000000, level=2)
    scene.lands('2M page', 0x40003010, 0x8003010)
    tables.map(0x80000000, 0, level=3)
    scene.lands('1G page', 0x88003010, 0x8003010)
    scene.blocked('above 48 bits', 1 << 48, 0x84)
    narrow = vtd.second_stage(scene.memory, 3)
    host = scene.page()
    narrow.map(0x5000, host)
    unit.pasid(0, vtd.SS, 6, ss=narrow.root, aw=1)
    unit.flush_all()
    scene.lands('three levels', 0x5008, host + 8)
    scene.blocked('above 39 bits', 1 << 39, 0x84)
    machine.write64(narrow.root, 0x3fff_ffff_f003)
    unit.flush_all()
    scene.blocked('table outside of memory', 0x5000, 0x78)
    unit.pasid(0, vtd.SS, 6, ss=0x3fff_ffff_f000, aw=1)
    unit.flush_all()
    scene.blocked('root table outside of memory', 0x5000, 0x7b)


@case()
def second_stage_dirty(run):
    """A and D of the second stage."""
    scene = SecondStageScene(run, ssade=True, pwsnp=True)
    machine, unit, ad = scene.machine, scene.unit, vtd.SS_A | vtd.SS_D
    slot, host = scene.map(IOVA)
    scene.reads('reads', IOVA, host)
    run.check('a read sets A alone', machine.read64(slot) & ad == vtd.SS_A)
    run.check('A in all levels', all(machine.read64(scene.tables.slot(IOVA, n)) & ad == vtd.SS_A
                                     for n in (2, 3, 4)))
    scene.lands('writes behind a cached read', IOVA, host)
    run.check('the write sets D', machine.read64(slot) & ad == ad)
    machine.write64(slot, machine.read64(slot) & ~ad)
    scene.lands('writes with the cached entry', IOVA, host)
    run.check('D stays clear until a flush', not machine.read64(slot) & ad)
    unit.iotlb(3, scene.DID, IOVA, leaf=True)
    scene.lands('writes after the flush', IOVA, host)
    run.check('then D is set again', machine.read64(slot) & ad == ad)
    machine.write64(slot, host | vtd.R)
    unit.flush_all()
    scene.blocked('no right', IOVA, 0x85)
    run.check('a refused write sets no D', not machine.read64(slot) & vtd.SS_D)
    unit.pasid(0, vtd.SS, scene.DID, ss=scene.tables.root, ssade=False, pwsnp=True)
    machine.write64(slot, host | vtd.R | vtd.W)
    unit.flush_all()
    scene.lands('SSADE off: writes', IOVA, host)
    run.check('SSADE off: no A, no D', not machine.read64(slot) & ad)
    unit.pasid(0, vtd.SS, scene.DID, ss=scene.tables.root, ssade=True, pwsnp=True)
    unit.pasid_cache()
    scene.lands('SSADE on, entries of before: writes', IOVA, host)
    run.check('SSADE on, entries of before: no D', not machine.read64(slot) & ad)
    unit.iotlb(2, scene.DID)
    scene.lands('SSADE on, flushed: writes', IOVA, host)
    run.check('SSADE on, flushed: D', machine.read64(slot) & ad == ad)


@case()
def second_stage_dirty_unsnooped(run):
    """A and D need coherent walks."""
    scene = SecondStageScene(run, ssade=True, pwsnp=False)
    machine, unit, ad = scene.machine, scene.unit, vtd.SS_A | vtd.SS_D
    slot, host = scene.map(IOVA)
    scene.blocked('PWSNP off, A is due', IOVA, 0x7c)
    run.check('nothing was written', not machine.read64(slot) & ad)
    for level in (1, 2, 3, 4):
        entry = scene.tables.slot(IOVA, level)
        machine.write64(entry, machine.read64(entry) | vtd.SS_A)
    unit.flush_all()
    scene.reads('PWSNP off, A is there: reads', IOVA, host)
    scene.blocked('PWSNP off, D is due', IOVA, 0x7c)
    machine.write64(slot, machine.read64(slot) | vtd.SS_D)
    unit.flush_all()
    scene.lands('PWSNP off, A and D are there', IOVA, host)


@case()
def first_stage_rights(run):
    """P, R/W and U/S in each level, and canonical addresses."""
    scene = FirstStageScene(run)
    machine, tables = scene.machine, scene.tables
    _, host = scene.map(IOVA)
    top, upper = scene.map(0xffff_8000_0000_1000)
    scene.lands('maps a page', IOVA, host)
    scene.lands('maps a page of the upper half', 0xffff_8000_0000_1000, upper)
    scene.reads('reads', IOVA, host)
    scene.blocked('no entry', 0x99999000, 0x71)
    scene.blocked('not canonical', 1 << 47, 0x80)
    scene.blocked('not canonical, high', 1 << 63, 0x80)
    for level in (1, 2, 3, 4):
        entry = tables.slot(IOVA, level)
        value = machine.read64(entry)
        scene.refuses(f'level {level} not present', 0x71, entry, value & ~vtd.P, IOVA, host)
        scene.refuses(f'level {level} for reads only', 0x85, entry, value & ~vtd.RW, IOVA, host)
        scene.refuses(f'level {level} for supervisors', 0x81, entry, value & ~vtd.US, IOVA, host)
        scene.refuses(f'level {level} for supervisors, read', 0x81, entry, value & ~vtd.US, IOVA,
                      host, write=False)
        machine.write64(entry, value & ~vtd.RW)
        scene.unit.flush_all()
        scene.reads(f'level {level} for reads only: reads', IOVA, host)
        machine.write64(entry, value)
        scene.unit.flush_all()
    scene.refuses('upper half not present', 0x71, top, 0, 0xffff_8000_0000_1000, upper)
    machine.write64(tables.slot(OTHER, 2), scene.memory.pages() | vtd.P | vtd.RW)
    scene.blocked('absence counts before privilege', OTHER, 0x71)
    run.check('and upper levels have A by then', machine.read64(tables.slot(OTHER, 2)) & vtd.FS_A)


@case()
def first_stage_reserved(run):
    """Reserved and ignored bits of first-stage entries."""
    scene = FirstStageScene(run)
    machine, tables = scene.machine, scene.tables
    slot, host = scene.map(IOVA)
    leaf = machine.read64(slot)
    for bit in (48, 51):
        scene.refuses(f'leaf bit {bit}', 0x72, slot, leaf | 1 << bit, IOVA, host)
    above = tables.slot(IOVA, 4)
    scene.refuses('PS in level 4', 0x72, above, machine.read64(above) | vtd.PS, IOVA, host)
    scene.refuses('reserved counts only if present', 0x71, slot, 1 << 50, IOVA, host)
    for bit in (3, 4, 7, 8, 9, 10, 11, 52, 62, 63):
        machine.write64(slot, leaf | 1 << bit)
        scene.unit.flush_all()
        scene.lands(f'leaf bit {bit} is ignored', IOVA, host)
    large = tables.slot(0x40000000, 2)
    value = 0x8000000 | vtd.P | vtd.RW | vtd.US | vtd.PS
    machine.write64(large, value | 1 << 13)
    scene.blocked('low address bits of a large page', 0x40000000, 0x72)
    machine.write64(large, value | 1 << 12)
    scene.unit.flush_all()
    scene.watch.add(0x8003000)
    scene.lands('2M page, bit 12 is PAT', 0x40003000, 0x8003000)
    tables.map(0x80000000, 0, level=3)
    scene.lands('1G page', 0x88003010, 0x8003010)
    machine.write64(tables.root, 0x3fff_ffff_f007)
    scene.unit.flush_all()
    scene.blocked('table outside of memory', IOVA, 0x70)
    scene.unit.pasid(0, vtd.FS, scene.DID, fs=0x3fff_ffff_f000, pwsnp=True)
    scene.unit.flush_all()
    scene.blocked('root table outside of memory', IOVA, 0x73)


@case()
def first_stage_dirty(run):
    """A and D of the first stage are always written."""
    scene = FirstStageScene(run)
    machine, ad = scene.machine, vtd.FS_A | vtd.FS_D
    slot, host = scene.map(IOVA)
    scene.reads('reads', IOVA, host)
    run.check('a read sets A alone', machine.read64(slot) & ad == vtd.FS_A)
    run.check('A in all levels', all(machine.read64(scene.tables.slot(IOVA, n)) & ad == vtd.FS_A
                                     for n in (2, 3, 4)))
    scene.lands('writes behind a cached read', IOVA, host)
    run.check('the write sets D', machine.read64(slot) & ad == ad)
    machine.write64(slot, machine.read64(slot) & ~vtd.FS_D)
    scene.unit.flush_all()
    scene.lands('A is there: writes', IOVA, host)
    run.check('A is there: D is set', machine.read64(slot) & ad == ad)
    machine.write64(slot, host | vtd.P | vtd.US)
    scene.unit.flush_all()
    scene.blocked('no right', IOVA, 0x85)
    run.check('a refused write sets neither A nor D', not machine.read64(slot) & ad)


@case()
def first_stage_dirty_unsnooped(run):
    """Without coherent walks the bits have to be there already."""
    scene = FirstStageScene(run, 'incoherent', pwsnp=False)
    machine = scene.machine
    slot, host = scene.map(IOVA)
    scene.blocked('A is due', IOVA, 0x90)
    run.check('nothing was written', not machine.read64(slot) & vtd.FS_A)
    for level in (1, 2, 3, 4):
        entry = scene.tables.slot(IOVA, level)
        machine.write64(entry, machine.read64(entry) | vtd.FS_A)
    scene.unit.flush_all()
    scene.reads('A is there: reads', IOVA, host)
    scene.blocked('D is due', IOVA, 0x90)
    machine.write64(slot, machine.read64(slot) | vtd.FS_D)
    scene.unit.flush_all()
    scene.lands('A and D are there', IOVA, host)
    coherent = FirstStageScene(run, pwsnp=False)
    coherent.map(IOVA)
    coherent.blocked('coherent unit, PWSNP off', IOVA, 0x90)


ROM, ROM_BYTES = 0xfffc0000, 0x40000


def rom_entry(machine, wanted, clear):
    """(page, index) of a quadword of the firmware with these bits set, and these clear."""
    data = machine.read(ROM, ROM_BYTES)
    for offset in range(0, ROM_BYTES, 8):
        value = int.from_bytes(data[offset:offset + 8], 'little')
        if value & wanted == wanted and not value & clear:
            return ROM + (offset & ~0xfff), offset >> 3 & 511
    raise LookupError('the firmware has no such quadword')


@case()
def update_fails(run):
    """A or D is due in an entry that cannot be written."""
    for name, kind, due, there, rights, reason in (
            ('first stage', FirstStageScene, vtd.FS_A, vtd.FS_A, vtd.P | vtd.RW | vtd.US, 0x91),
            ('second stage', SecondStageScene, vtd.SS_A, vtd.SS_A, vtd.R | vtd.W, 0x7d)):
        scene = kind(run, pwsnp=True, **({'ssade': True} if kind is SecondStageScene else {}))
        scene.map(IOVA)
        above = scene.tables.slot(IOVA, 2)
        reserved = 0x400f << 48 | 1 << 11
        page, index = rom_entry(scene.machine, rights, reserved | due)
        scene.machine.write64(above, page | rights)
        scene.blocked(f'{name}: table in ROM', IOVA & ~0x1fffff | index << 12, reason,
                      write=False)
        page, index = rom_entry(scene.machine, rights | there, reserved)
        scene.machine.write64(above, page | rights)
        scene.unit.flush_all()
        scene.device.read(IOVA & ~0x1fffff | index << 12, 8)
        run.check(f'{name}: table in ROM, the bit is there: no fault', not scene.unit.fault())


@case()
def privileged(run):
    """Privileged requests: SRE, WPE and supervisor pages."""
    scene = FirstStageScene(run)
    machine, unit, device = scene.machine, scene.unit, scene.device
    slot, host = scene.map(IOVA)
    device.enable_pasid()
    unit.pasid(5, vtd.FS, scene.DID, fs=scene.tables.root, pwsnp=True)
    scene.lands('user request', IOVA, host, pasid=5)
    scene.blocked('SRE off', IOVA, 0x5d, pasid=5, priv=True,
                  recorded={'pp': 1, 'pasid': 5, 'priv': 1})
    unit.pasid(5, vtd.FS, scene.DID, fs=scene.tables.root, pwsnp=True, sre=True)
    unit.flush_all()
    scene.lands('SRE on', IOVA, host, pasid=5, priv=True)
    machine.write64(slot, host | vtd.P | vtd.RW)
    unit.flush_all()
    scene.lands('supervisor page', IOVA, host, pasid=5, priv=True)
    scene.blocked('its cached entry serves no user', IOVA, 0x81, pasid=5,
                  recorded={'pp': 1, 'pasid': 5, 'priv': 0})
    machine.write64(slot, host | vtd.P | vtd.US)
    unit.flush_all()
    scene.lands('WPE off: writes where R/W is clear', IOVA, host, pasid=5, priv=True)
    scene.blocked('a user does not', IOVA, 0x85, pasid=5)
    unit.pasid(5, vtd.FS, scene.DID, fs=scene.tables.root, pwsnp=True, sre=True, wpe=True)
    unit.flush_all()
    scene.blocked('WPE on', IOVA, 0x85, pasid=5, priv=True, recorded={'priv': 1})
    scene.reads('WPE on: reads', IOVA, host, pasid=5, priv=True)
    scene.blocked('execute request', IOVA, 0x5c, write=False, pasid=5, execute=True,
                  recorded={'exe': 1})
