# SPDX-License-Identifier: GPL-2.0-only
"""Both stages: each descriptor of stage 1 and each result goes through stage 2 (8.2, 13.8)."""

from emutest import smmu
from emutest.smmu_scene import SmmuNestedScene
from emutest.suite import ARM, case

IOVA = 0x12345000


@case(on=ARM)
def stage1_refuses(run):
    """Faults of stage 1 have S2=0."""
    scene = SmmuNestedScene(run)
    first, _, host = scene.map(IOVA)
    leaf = scene.machine.read64(first)
    scene.lands('writes', IOVA + 0x40, host + 0x40)
    scene.reads('reads', IOVA, host)
    scene.blocked('no descriptor', 0x99999000, smmu.F_TRANSLATION)
    for name, value, number in (('not valid', 0, smmu.F_TRANSLATION),
                                ('without AF', leaf & ~smmu.AF, smmu.F_ACCESS),
                                ('read-only', leaf | smmu.READ_ONLY, smmu.F_PERMISSION),
                                ('IPA above IPS', leaf | 1 << 45, smmu.F_ADDR_SIZE)):
        scene.refuses(name, number, first, value, IOVA, host)


@case(on=ARM)
def stage2_refuses(run):
    """Faults of stage 2: CLASS and IPA say for what it was walked."""
    scene = SmmuNestedScene(run)
    machine = scene.machine
    first, second, host = scene.map(IOVA)
    ipa = machine.read64(first) & 0xffff_ffff_f000
    leaf = machine.read64(second)
    data = {'s2': 1, 'class': smmu.CLASS_IN, 'ipa': ipa, 'ttrnw': 0}
    for name, value, number in (('not valid', 0, smmu.F_TRANSLATION),
                                ('without AF', leaf & ~smmu.AF, smmu.F_ACCESS),
                                ('for reads only', leaf & ~smmu.S2_W, smmu.F_PERMISSION),
                                ('above OAS', leaf | 1 << 45, smmu.F_ADDR_SIZE)):
        scene.refuses(f'data: {name}', number, second, value, IOVA, host, recorded=data)
    scene.refuses('data: IPA beyond S2T0SZ', smmu.F_TRANSLATION, first,
                  1 << 41 | machine.read64(first) & ~0xffff_ffff_f000, IOVA, host,
                  recorded={**data, 'ipa': 1 << 41})
    for level in (0, 1, 2, 3):
        slot = scene.table_slot(IOVA, level)
        desc = scene.ipa_of(scene.first.slot(IOVA, level)) & ~0xfff
        leaf = machine.read64(slot)
        table = {'s2': 1, 'class': smmu.CLASS_TT, 'ipa': desc}
        scene.refuses(f'level {level} table: not valid', smmu.F_TRANSLATION, slot, 0, IOVA, host,
                      recorded=table)
        scene.refuses(f'level {level} table: for writes only', smmu.F_PERMISSION, slot,
                      leaf & ~smmu.S2_R, IOVA, host, recorded={**table, 'ttrnw': 1})
        scene.refuses(f'level {level} table: without AF', smmu.F_ACCESS, slot, leaf & ~smmu.AF,
                      IOVA, host, recorded=table)
        physical = 0x3ff_0000_0000
        scene.refuses(f'level {level} table: outside of memory', smmu.F_WALK_EABT, slot,
                      leaf & ~0xffff_ffff_f000 | physical, IOVA, host,
                      recorded={'s2': 0, 'class': smmu.CLASS_TT,
                                'ipa': physical | scene.first.slot(IOVA, level) & 0xfff})
    scene.stream(smmu.NESTED, **{**scene.entry, 's2r': False})
    machine.write64(second, 0)
    scene.unit.flush_all()
    scene.blocked('S2R=0 and R=1: a fault of stage 2 is not recorded', IOVA, None)
    scene.blocked('S2R=0 and R=1: one of stage 1 is', 0x5000, smmu.F_TRANSLATION)


@case(on=ARM)
def scattered_tables(run):
    """A table of stage 1 that is larger than a page of stage 2 may lie anywhere."""
    scene = SmmuNestedScene(run)
    for granule in (14, 16):
        parts = 1 << granule - 12

        def allocate(parts=parts):
            base = -(-scene.next >> 16) << 16
            scene.next = base + 0x20000
            # The pages of the host are in reverse order, and apart
            for number in reversed(range(parts)):
                scene.guest[base + number * 0x1000] = scene.memory.pages()
                scene.memory.pages()
                scene.second.map(base + number * 0x1000, scene.guest[base + number * 0x1000])
            return base

        tables = smmu.first_stage(scene.memory, allocate, scene.host_of, granule=granule, bits=40)
        scene.descriptor(scene.host_of(scene.context), tables, asid=granule)
        data = allocate()
        for number in range(parts):
            scene.watch.add(scene.guest[data + number * 0x1000])
        tables.map(0xff_1234_0000, data)
        scene.unit.flush_all()
        for number in range(parts):
            scene.lands(f'granule 2^{granule}, page {number}', 0xff_1234_0008 + number * 0x1000,
                        scene.guest[data + number * 0x1000] + 8)


@case(on=ARM)
def sizes(run):
    """Blocks in either stage; the smaller one counts."""
    scene = SmmuNestedScene(run)
    pages = [scene.page() for _ in range(3)]
    order = (2, 0, 1)
    for number, index in enumerate(order):
        scene.second.map(0x50_0000_0000 + number * 0x1000, pages[index])
    scene.first.map(0x40000000, 0x50_0000_0000, level=2)
    for number, index in enumerate(order):
        scene.lands(f'2M over 4K pages, page {number}', 0x40000000 + number * 0x1000,
                    pages[index])
    scene.second.map(0x50_4000_0000, 0x48000000, level=2)
    scene.first.map(0x60000000, 0x50_4000_3000)
    scene.watch.add(0x48003000)
    scene.lands('4K over a 2M block', 0x60000010, 0x48003010)
    scene.second.map(0x60_0000_0000, 0x40000000, level=1)
    scene.first.map(0x80000000, 0x60_0000_0000, level=1)
    scene.lands('1G over 1G', 0x88003010, 0x48003010)


@case(on=ARM)
def updates(run):
    """An update of a stage-1 descriptor is a write through stage 2 (3.13.4, 3.13.5)."""
    scene = SmmuNestedScene(run, ha=True, hd=True, entry={'s2ha': True, 's2hd': True})
    machine = scene.machine
    first, second, host = scene.map(IOVA)

    def clean():
        machine.write64(first, machine.read64(first) & ~smmu.AF | smmu.DBM | smmu.READ_ONLY)
        for slot in (second, scene.table_slot(IOVA, 3), scene.second.slot(scene.context)):
            machine.write64(slot, machine.read64(slot) & ~(smmu.AF | smmu.S2_W) | smmu.DBM)
        scene.unit.flush_all()

    def written(slot):
        return bool(machine.read64(slot) & smmu.S2_W)

    clean()
    scene.reads('read', IOVA, host)
    run.check('a read makes no page dirty', not written(second)
              and machine.read64(first) & smmu.READ_ONLY)
    run.check('but sets AF in both stages', machine.read64(first) & smmu.AF
              and machine.read64(second) & smmu.AF)
    run.check('and writes the table: its page is dirty', written(scene.table_slot(IOVA, 3)))
    cd_leaf = machine.read64(scene.second.slot(scene.context))
    run.check('a fetch of a CD sets AF and does not make its page dirty',
              cd_leaf & smmu.AF and not cd_leaf & smmu.S2_W)
    scene.lands('write', IOVA, host)
    run.check('a write makes both dirty', written(second)
              and not machine.read64(first) & smmu.READ_ONLY)
    # Stage 2 refuses the update
    clean()
    table = scene.table_slot(IOVA, 3)
    machine.write64(table, machine.read64(table) & ~(smmu.DBM | smmu.S2_W) | smmu.AF)
    scene.unit.flush_all()
    desc = scene.ipa_of(scene.first.slot(IOVA)) & ~0xfff
    scene.blocked('table for reads only, AF is due', IOVA, smmu.F_PERMISSION, write=False,
                  recorded={'s2': 1, 'class': smmu.CLASS_TT, 'ipa': desc, 'ttrnw': 0})
    machine.write64(first, machine.read64(first) | smmu.AF)
    scene.unit.flush_all()
    scene.reads('table for reads only, nothing is due', IOVA, host)
    scene.blocked('table for reads only, dirty state is due', IOVA, smmu.F_PERMISSION,
                  recorded={'s2': 1, 'class': smmu.CLASS_TT, 'ipa': desc, 'ttrnw': 0})


@case(on=ARM)
def device_memory(run):
    """S2PTW: no tables of stage 1 in Device memory (5.2)."""
    scene = SmmuNestedScene(run, entry={'ptw': True})
    machine = scene.machine
    _, second, host = scene.map(IOVA)
    slot = scene.table_slot(IOVA, 2)
    leaf = machine.read64(slot)
    scene.refuses('table', smmu.F_PERMISSION, slot, leaf & ~smmu.S2_NORMAL, IOVA, host,
                  recorded={'s2': 1, 'class': smmu.CLASS_TT})
    machine.write64(second, machine.read64(second) & ~smmu.S2_NORMAL)
    scene.unit.flush_all()
    scene.lands('data', IOVA, host)
    scene.stream(smmu.NESTED, **{**scene.entry, 'ptw': False})
    machine.write64(slot, leaf & ~smmu.S2_NORMAL)
    scene.unit.flush_all()
    scene.lands('S2PTW=0', IOVA, host)
