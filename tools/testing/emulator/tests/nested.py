# SPDX-License-Identifier: GPL-2.0-only
"""Both stages: each table address and each result goes through the second (3.8)."""

from emutest import vtd
from emutest.scene import NestedScene
from emutest.suite import case

IOVA, OTHER = 0x12345000, 0x7f0000401000
FS_AD, SS_AD = vtd.FS_A | vtd.FS_D, vtd.SS_A | vtd.SS_D


@case()
def both_stages(run):
    """Data goes where both stages say, and bits are set in both."""
    scene = NestedScene(run)
    machine = scene.machine
    first, second, host = scene.map(IOVA)
    _, _, other = scene.map(OTHER)
    scene.lands('writes', IOVA, host)
    run.check('A and D in both leaves', machine.read64(first) & FS_AD == FS_AD
              and machine.read64(second) & SS_AD == SS_AD)
    scene.reads('reads', OTHER + 0x10, other + 0x10)
    run.check('a read sets A alone', machine.read64(scene.first.slot(OTHER)) & FS_AD == vtd.FS_A)
    for level in (1, 2, 3, 4):
        table = machine.read64(scene.table_slot(OTHER, level))
        run.check(f'second stage of the level {level} table has A and D: it was written to',
                  table & SS_AD == SS_AD)
    scene.lands('writes behind a cached read', OTHER, other)
    run.check('D in the first stage', machine.read64(scene.first.slot(OTHER)) & FS_AD == FS_AD)


@case()
def first_stage_refuses(run):
    """Faults of the first stage keep their numbers."""
    scene = NestedScene(run)
    first, _, host = scene.map(IOVA)
    leaf = scene.machine.read64(first)
    scene.blocked('no entry', 0x99999000, 0x71)
    scene.blocked('not canonical', 1 << 50, 0x80)
    scene.refuses('leaf empty', 0x71, first, 0, IOVA, host)
    scene.refuses('leaf for reads only', 0x85, first, leaf & ~vtd.RW, IOVA, host)
    scene.refuses('leaf for supervisors', 0x81, first, leaf & ~vtd.US, IOVA, host)
    scene.refuses('leaf reserved', 0x72, first, leaf | 1 << 50, IOVA, host)
    scene.refuses('guest address above 48 bits is reserved', 0x72, first, leaf | 1 << 48, IOVA,
                  host)


@case()
def second_stage_refuses_data(run):
    """Faults of the second stage for the address that the first gives."""
    scene = NestedScene(run)
    machine = scene.machine
    first, second, host = scene.map(IOVA)
    leaf = machine.read64(second)
    scene.refuses('no entry', 0x79, second, 0, IOVA, host)
    scene.refuses('for reads only', 0x85, second, leaf & ~vtd.W, IOVA, host)
    scene.refuses('for writes only', 0x86, second, leaf & ~vtd.R, IOVA, host, write=False)
    scene.refuses('reserved', 0x7a, second, leaf | 1 << 50, IOVA, host)
    machine.write64(second, leaf & ~vtd.W)
    scene.unit.flush_all()
    scene.reads('for reads only: reads', IOVA, host)
    scene.blocked('for reads only, read is cached: a write', IOVA, 0x85)
    machine.write64(second, leaf)
    machine.write64(first, machine.read64(first) & ~vtd.RW)
    scene.unit.flush_all()
    scene.reads('first stage for reads only: reads', IOVA, host)
    scene.blocked('first stage for reads only, read is cached: a write', IOVA, 0x85)


@case()
def second_stage_refuses_tables(run):
    """Faults of the second stage for the tables of the first."""
    scene = NestedScene(run)
    machine = scene.machine
    _, _, host = scene.map(OTHER)
    for level, read in ((4, 0x75), (3, 0x76), (2, 0x76), (1, 0x76)):
        slot = scene.table_slot(OTHER, level)
        leaf = machine.read64(slot)
        # Which of the two it is when nothing is permitted is not settled
        scene.refuses(f'level {level} table has no entry', (read, 0x79), slot, 0, OTHER, host)
        scene.refuses(f'level {level} table for writes only', read, slot, leaf & ~vtd.R, OTHER,
                      host)
        entry = scene.first.slot(OTHER, level)
        machine.write64(entry, machine.read64(entry) & ~FS_AD)
        scene.refuses(f'level {level} table for reads only, A or D is due', 0x77, slot,
                      leaf & ~vtd.W, OTHER, host)
    for level in (1, 2, 3, 4):
        slot = scene.table_slot(OTHER, level)
        machine.write64(slot, machine.read64(slot) & ~vtd.W)
    scene.unit.flush_all()
    scene.lands('tables for reads only, A and D are there', OTHER, host)


@case()
def guest_width(run):
    """A guest address beyond the second stage: 0x74 for a table, 0x84 for data."""
    scene = NestedScene(run)
    narrow = vtd.second_stage(scene.memory, 3)
    low = {}

    def allocate():
        gpa = 0x10_0000 + 0x2000 * len(low)
        low[gpa] = scene.memory.pages()
        narrow.map(gpa, low[gpa])
        return gpa

    first = vtd.first_stage(scene.memory, allocate, lambda a: low[a & ~0xfff] | a & 0xfff)
    gpa = allocate()
    first.map(IOVA, gpa)
    host = scene.watch.add(low[gpa])
    scene.unit.pasid(0, vtd.NESTED, 12, ss=narrow.root, fs=first.root, aw=1, pwsnp=True,
                     ssade=True)
    scene.unit.flush_all()
    scene.lands('three levels of second stage', IOVA, host)
    leaf, table = first.slot(IOVA), first.slot(IOVA, 2)
    scene.refuses('data above 39 bits', 0x84, leaf, 1 << 40 | 7, IOVA, host)
    scene.refuses('table above 39 bits', 0x74, table, 1 << 40 | 7, IOVA, host)
    scene.unit.pasid(0, vtd.NESTED, 12, ss=narrow.root, fs=1 << 40, aw=1, pwsnp=True, ssade=True)
    scene.unit.flush_all()
    scene.blocked('root above 39 bits', IOVA, 0x74)


@case()
def sizes(run):
    """Large pages in either stage; the smaller one counts."""
    scene = NestedScene(run)
    machine, unit = scene.machine, scene.unit
    pages = [scene.page() for _ in range(3)]
    order = (2, 0, 1)
    for number, index in enumerate(order):
        scene.second.map(0x50_0000_0000 + number * 0x1000, pages[index])
    scene.first.map(0x40000000, 0x50_0000_0000, level=2)
    for number, index in enumerate(order):
        scene.lands(f'2M over 4K pages, page {number}', 0x40000000 + number * 0x1000,
                    pages[index])
    scene.second.map(0x50_4000_0000, 0x8000000, level=2)
    scene.first.map(0x60000000, 0x50_4000_3000)
    scene.watch.add(0x8003000)
    scene.lands('4K over a 2M page', 0x60000010, 0x8003010)
    scene.second.map(0x51_0000_0000, 0, level=3)
    scene.first.map(0x80000000, 0x51_0000_0000, level=3)
    scene.lands('1G over 1G', 0x88003010, 0x8003010)
    slot = scene.first.map(0xc0000000, 0x51_0800_0000, level=2)
    scene.lands('2M over 1G', 0xc0003010, 0x8003010)
    machine.write64(slot, 0)
    unit.pasid_iotlb(scene.DID, 0, 0xc0000000, am=9, leaf=True)
    scene.blocked('2M over 1G, taken away and flushed as 2M', 0xc0003010, 0x71)


@case()
def not_snooped(run):
    """Without coherent walks neither stage may have a bit to set."""
    scene = NestedScene(run, pwsnp=False)
    scene.map(IOVA)
    # The second stage's A comes first, for the root table
    scene.blocked('A of the second stage is due', IOVA, 0x7c)
    plain = NestedScene(run, pwsnp=False, ssade=False)
    _, second, host = plain.map(IOVA)
    machine = plain.machine
    plain.blocked('A of the first stage is due', IOVA, 0x90)
    for level in (1, 2, 3, 4):
        entry = plain.first.slot(IOVA, level)
        machine.write64(entry, machine.read64(entry) | (FS_AD if level == 1 else vtd.FS_A))
    plain.unit.flush_all()
    plain.lands('all bits are there', IOVA, host)
    run.check('and the second stage has none', not machine.read64(second) & SS_AD)
