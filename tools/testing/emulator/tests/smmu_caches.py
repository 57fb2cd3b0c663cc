# SPDX-License-Identifier: GPL-2.0-only
"""What stays cached, and that each command drops what it names alone (3.21.3, 4.3, 4.4)."""

from emutest import smmu
from emutest.smmu_scene import SmmuNestedScene, Stage1Scene, Stage2Scene, SubstreamScene
from emutest.suite import ARM, case
from tests.caches import Stale

IOVA, OTHER = 0x12345000, 0x3f000401000


def leaf_writer(scene, slot):
    """A function that lets a leaf point to a page."""
    bits = scene.machine.read64(slot) & ~0xffff_ffff_f000

    def change(host):
        scene.machine.write64(slot, host | bits)
    return change


def try_all(stale, change, addr, old, new, flushes, **attributes):
    """Try each of (name, whether it reaches, flush)."""
    for name, reaches, flush in flushes:
        stale.try_flush(name, reaches, flush, change, addr, old, new, **attributes)


CONFIGURATION = (
    ('CFGI_STE', lambda unit, slot: unit.cfgi_ste(slot, leaf=False)),
    ('CFGI_ALL', lambda unit, slot: unit.cfgi_range(0, 31)),
    ('CFGI_CD_ALL', lambda unit, slot: unit.cfgi_cd_all(slot)),
)


def stage1_flushes(unit, asid, vmid, addr):
    """TLBI commands and whether they reach a page of stage 1."""
    return (
        ('nothing', False, lambda: None),
        ('SYNC', False, unit.sync),
        *((name, False, lambda f=f: f(unit, 5)) for name, f in CONFIGURATION),
        ('NSNH_ALL', True, unit.nsnh_all),
        ('NH_ALL', True, lambda: unit.nh_all(vmid)),
        ('NH_ALL of another VMID', False, lambda: unit.nh_all(vmid + 1)),
        ('S12_VMALL', True, lambda: unit.s12_vmall(vmid)),
        ('S12_VMALL of another VMID', False, lambda: unit.s12_vmall(vmid + 1)),
        ('S2_IPA of all', False, lambda: unit.s2_ipa(vmid, 0, num=31, scale=20, tg=1)),
        ('NH_ASID of another ASID', False, lambda: unit.nh_asid(asid + 1, vmid)),
        ('NH_ASID in another VMID', False, lambda: unit.nh_asid(asid, vmid + 1)),
        ('NH_VA', True, lambda: unit.nh_va(asid, addr, vmid)),
        ('NH_VA with tables', True, lambda: unit.nh_va(asid, addr, vmid, leaf=False)),
        ('NH_VA in another VMID', False, lambda: unit.nh_va(asid, addr, vmid + 1)),
        ('NH_VA of the page before', False, lambda: unit.nh_va(asid, addr - 0x1000, vmid)),
        ('NH_VA of the page behind', False, lambda: unit.nh_va(asid, addr + 0x1000, vmid)),
        ('NH_VAA', True, lambda: unit.nh_vaa(addr, vmid)),
        ('NH_VAA in another VMID', False, lambda: unit.nh_vaa(addr, vmid + 1)),
        ('NH_VAA of the page behind', False, lambda: unit.nh_vaa(addr + 0x1000, vmid)),
        ('range of two pages', True,
         lambda: unit.nh_va(asid, addr - 0x1000, vmid, num=1, tg=1)),
        ('range that ends before', False,
         lambda: unit.nh_va(asid, addr - 0x2000, vmid, num=1, tg=1)),
        ('range that begins behind', False,
         lambda: unit.nh_va(asid, addr + 0x1000, vmid, num=1, tg=1)),
        ('range of 2^20 * 32 pages', True,
         lambda: unit.nh_vaa(0, vmid, num=31, scale=20, tg=1)),
        ('range of another granule', False,
         lambda: unit.nh_va(asid, addr - 0x5000, vmid, num=1, tg=3)),
        ('range with TTL 3', True, lambda: unit.nh_va(asid, addr, vmid, tg=1, ttl=3)),
    )


@case(on=ARM)
def stage1_pages(run):
    """Pages of stage 1 have VMID and ASID."""
    scene = Stage1Scene(run, entry={'vmid': 4})
    unit, asid, stale = scene.unit, scene.ASID, Stale(run, scene)
    slot, old = scene.map(IOVA)
    new, change = scene.page(), leaf_writer(scene, slot)
    try_all(stale, change, IOVA, old, new, (
        *stage1_flushes(unit, asid, 4, IOVA),
        ('NH_ASID', True, lambda: unit.nh_asid(asid, 4)),
        ('NH_VA of another ASID', False, lambda: unit.nh_va(asid + 1, IOVA, 4)),
        ('range with TTL 2', False,
         lambda: unit.nh_va(asid, IOVA & -(1 << 21), 4, tg=1, ttl=2, num=1, scale=9)),
    ))


@case(on=ARM)
def global_pages(run):
    """A page without nG is that of all ASIDs: NH_ASID leaves it, NH_VA of any ASID takes it."""
    scene = Stage1Scene(run)
    unit, asid, stale = scene.unit, scene.ASID, Stale(run, scene)
    slot, old = scene.map(IOVA)
    scene.machine.write64(slot, scene.machine.read64(slot) & ~smmu.NG)
    new, change = scene.page(), leaf_writer(scene, slot)
    try_all(stale, change, IOVA, old, new, (
        *stage1_flushes(unit, asid, 0, IOVA),
        ('NH_ASID', False, lambda: unit.nh_asid(asid)),
        ('NH_VA of another ASID', True, lambda: unit.nh_va(asid + 1, IOVA)),
    ))


@case(on=ARM)
def stage2_pages(run):
    """Pages of stage 2 have a VMID."""
    scene = Stage2Scene(run)
    unit, vmid, stale = scene.unit, scene.VMID, Stale(run, scene)
    slot, old = scene.map(IOVA)
    new, change = scene.page(), leaf_writer(scene, slot)
    try_all(stale, change, IOVA, old, new, (
        ('nothing', False, lambda: None),
        *((name, False, lambda f=f: f(unit, 5)) for name, f in CONFIGURATION),
        ('NSNH_ALL', True, unit.nsnh_all),
        ('NH_ALL', False, lambda: unit.nh_all(vmid)),
        ('NH_VAA', False, lambda: unit.nh_vaa(IOVA, vmid)),
        ('S12_VMALL', True, lambda: unit.s12_vmall(vmid)),
        ('S12_VMALL of another VMID', False, lambda: unit.s12_vmall(vmid + 1)),
        ('S2_IPA', True, lambda: unit.s2_ipa(vmid, IOVA)),
        ('S2_IPA of another VMID', False, lambda: unit.s2_ipa(vmid + 1, IOVA)),
        ('S2_IPA of the page behind', False, lambda: unit.s2_ipa(vmid, IOVA + 0x1000)),
        ('range', True, lambda: unit.s2_ipa(vmid, IOVA - 0x1000, num=1, tg=1)),
        ('range that ends before', False,
         lambda: unit.s2_ipa(vmid, IOVA - 0x2000, num=1, tg=1)),
    ))


@case(on=ARM)
def nested_pages(run):
    """Entries of both stages are not reached by S2_IPA (4.4.3.1)."""
    scene = SmmuNestedScene(run)
    unit, asid, vmid, stale = scene.unit, scene.ASID, scene.VMID, Stale(run, scene)
    first, second, old = scene.map(IOVA)
    ipa = scene.machine.read64(first) & 0xffff_ffff_f000
    new, change = scene.page(), leaf_writer(scene, second)

    def both(*flushes):
        for flush in flushes:
            flush()

    try_all(stale, change, IOVA, old, new, (
        ('S2_IPA', False, lambda: unit.s2_ipa(vmid, ipa)),
        ('NH_ALL', False, lambda: unit.nh_all(vmid)),
        ('S2_IPA and NH_ALL', True, lambda: both(lambda: unit.s2_ipa(vmid, ipa),
                                                 lambda: unit.nh_all(vmid))),
        ('S2_IPA of another page and NH_ALL', False,
         lambda: both(lambda: unit.s2_ipa(vmid, ipa + 0x1000), lambda: unit.nh_all(vmid))),
        ('S2_IPA and NH_VAA', True, lambda: both(lambda: unit.s2_ipa(vmid, ipa),
                                                 lambda: unit.nh_vaa(IOVA, vmid))),
        ('S2_IPA and NH_ASID', True, lambda: both(lambda: unit.s2_ipa(vmid, ipa),
                                                  lambda: unit.nh_asid(asid, vmid))),
        ('S12_VMALL', True, lambda: unit.s12_vmall(vmid)),
        ('S12_VMALL of another VMID', False, lambda: unit.s12_vmall(vmid + 1)),
    ))
    # Stage 1 changes: its page goes by address
    change(old)
    target = scene.guest_page()
    host = scene.watch.add(scene.host_of(target))
    bits = scene.machine.read64(first) & ~0xffff_ffff_f000
    try_all(stale, lambda h: scene.machine.write64(first, (ipa if h == old else target) | bits),
            IOVA, old, host, (('stage 1: nothing', False, lambda: None),
                              ('stage 1: NH_VA', True, lambda: unit.nh_va(asid, IOVA, vmid)),
                              ('stage 1: S2_IPA', False, lambda: unit.s2_ipa(vmid, target)),
                              ('stage 1: NH_ASID', True, lambda: unit.nh_asid(asid, vmid))))


@case(on=ARM)
def split_blocks(run):
    """A block of stage 1 over pages of stage 2 goes with any of its addresses."""
    scene = SmmuNestedScene(run)
    unit, stale = scene.unit, Stale(run, scene)
    pages = [scene.page() for _ in range(4)]
    base, second = 0x50_0000_0000, 0x51_0000_0000
    for number in range(2):
        scene.second.map(base + number * 0x1000, pages[number])
        scene.second.map(second + number * 0x1000, pages[2 + number])
    slot = scene.first.map(0x4000_0000, base, level=2)
    bits = scene.machine.read64(slot) & ~0xffff_ffff_f000

    def change(host):
        scene.machine.write64(slot, (base if host in pages[:2] else second) | bits)

    try_all(stale, change, 0x4000_1000, pages[1], pages[3], (
        ('NH_VA of the first page', True,
         lambda: unit.nh_va(scene.ASID, 0x4000_0000, scene.VMID)),
        ('NH_VA behind the block', False,
         lambda: unit.nh_va(scene.ASID, 0x4020_0000, scene.VMID)),
    ))


@case(on=ARM)
def tables(run):
    """Tables that walks came to stay with Leaf=1, and go without (4.4)."""
    scene = Stage1Scene(run, entry={'vmid': 4})
    unit, asid, stale = scene.unit, scene.ASID, Stale(run, scene)
    _, old = scene.map(IOVA)
    other = smmu.first_stage(scene.memory)
    _, new = scene.page_at(other, IOVA)
    for level in (0, 1, 2):
        slot = scene.tables.slot(IOVA, level)
        values = {old: scene.machine.read64(slot),
                  new: scene.machine.read64(other.slot(IOVA, level))}
        try_all(stale, lambda host, slot=slot, values=values:
                scene.machine.write64(slot, values[host]), IOVA, old, new, (
                    (f'level {level}: NH_VA, leaf', False, lambda: unit.nh_va(asid, IOVA, 4)),
                    (f'level {level}: NH_VA', True,
                     lambda: unit.nh_va(asid, IOVA, 4, leaf=False)),
                    (f'level {level}: NH_VA of another ASID', False,
                     lambda: unit.nh_va(asid + 1, IOVA, 4, leaf=False)),
                    (f'level {level}: NH_ASID', True, lambda: unit.nh_asid(asid, 4)),
                    (f'level {level}: NH_VAA, leaf', False, lambda: unit.nh_vaa(IOVA, 4)),
                ))
        scene.machine.write64(slot, values[old])


@case(on=ARM)
def substream_pages(run):
    """Substreams of one ASID share entries; those of another have their own (3.17)."""
    scene = SubstreamScene(run)
    unit, stale = scene.unit, Stale(run, scene)
    shared = scene.substream(1, 20)
    scene.substream(2, 20, tables=shared)
    scene.substream(3, 21, tables=shared)
    slot, old = scene.page_at(shared, IOVA)
    new, change = scene.page(), leaf_writer(scene, slot)
    try_all(stale, change, IOVA, old, new, (
        ('substream 1: NH_ASID', True, lambda: unit.nh_asid(20)),
        ('substream 1: NH_ASID of substream 3', False, lambda: unit.nh_asid(21)),
        ('substream 1: NH_VA of substream 3', False, lambda: unit.nh_va(21, IOVA)),
        ('substream 1: CFGI_CD', False, lambda: unit.cfgi_cd(scene.slot, 1)),
    ), pasid=1)
    change(old)
    unit.flush_all()
    stale.hits(IOVA, old, pasid=1)
    change(new)
    run.check('the other substream of the ASID finds the entry', stale.hits(IOVA, old, pasid=2))
    run.check('one of another ASID does not', stale.hits(IOVA, new, pasid=3))


@case(on=ARM)
def descriptors(run):
    """CDs stay until CFGI_CD of their stream and substream, CFGI_CD_ALL or CFGI_STE."""
    for fmt in (smmu.LINEAR, smmu.LEAF_4K, smmu.LEAF_64K):
        scene = SubstreamScene(run, fmt=fmt, cdmax=12 if fmt else 5)
        unit, stale, slot = scene.unit, Stale(run, scene), scene.slot
        tables_by_host = {}
        for _ in range(2):
            page = smmu.first_stage(scene.memory)
            tables_by_host[scene.page_at(page, IOVA)[1]] = page
        old, new = tables_by_host
        # Another ASID, so that no TLB hides the CD
        asids = {old: 30, new: 31}

        def change(host, scene=scene, by_host=tables_by_host, asids=asids):
            scene.substream(3, asids[host], tables=by_host[host])

        def pair(first, second):
            first()
            second()

        try_all(stale, change, IOVA, old, new, (
            (f'S1Fmt {fmt}: nothing', False, lambda: None),
            (f'S1Fmt {fmt}: NSNH_ALL', False, unit.nsnh_all),
            (f'S1Fmt {fmt}: NH_ASID', False, lambda: unit.nh_asid(30)),
            (f'S1Fmt {fmt}: CFGI_CD', True, lambda: unit.cfgi_cd(slot, 3)),
            (f'S1Fmt {fmt}: CFGI_CD, not leaf', True, lambda: unit.cfgi_cd(slot, 3, False)),
            (f'S1Fmt {fmt}: CFGI_CD of another substream', False, lambda: unit.cfgi_cd(slot, 4)),
            (f'S1Fmt {fmt}: CFGI_CD of another stream', False, lambda: unit.cfgi_cd(slot + 1, 3)),
            (f'S1Fmt {fmt}: CFGI_CD_ALL', True, lambda: unit.cfgi_cd_all(slot)),
            (f'S1Fmt {fmt}: CFGI_CD_ALL of another stream', False,
             lambda: unit.cfgi_cd_all(slot + 1)),
            (f'S1Fmt {fmt}: CFGI_STE', True, lambda: unit.cfgi_ste(slot)),
            (f'S1Fmt {fmt}: CFGI_STE of another stream', False, lambda: unit.cfgi_ste(slot + 1)),
            (f'S1Fmt {fmt}: CFGI_STE_RANGE', True, lambda: unit.cfgi_range(slot & ~1, 3)),
            (f'S1Fmt {fmt}: CFGI_STE_RANGE beside', False,
             lambda: unit.cfgi_range(slot ^ 1, 2)),
            (f'S1Fmt {fmt}: CFGI_ALL', True, lambda: unit.cfgi_range(0, 31)),
        ), pasid=3)


@case(on=ARM)
def level1_descriptors(run):
    """Level-1 descriptors stay with Leaf=1 (4.3.3)."""
    for fmt in (smmu.LEAF_4K, smmu.LEAF_64K):
        scene = SubstreamScene(run, fmt=fmt, cdmax=12)
        unit, stale, slot = scene.unit, Stale(run, scene), scene.slot
        hosts, leaves = [], []
        for asid in (30, 31):
            scene.machine.write64(scene.slot_of(3), 0)
            hosts.append(scene.page_at(scene.substream(3, asid), IOVA)[1])
            leaves.append(scene.machine.read64(scene.slot_of(3)))
        old, new = hosts

        def change(host, scene=scene, old=old, leaves=leaves):
            scene.machine.write64(scene.slot_of(3), leaves[0 if host == old else 1])

        try_all(stale, change, IOVA, old, new, (
            (f'S1Fmt {fmt}: CFGI_CD, leaf', False, lambda: unit.cfgi_cd(slot, 3)),
            (f'S1Fmt {fmt}: CFGI_CD, leaf, of another substream', False,
             lambda: unit.cfgi_cd(slot, 5)),
            (f'S1Fmt {fmt}: CFGI_CD', True, lambda: unit.cfgi_cd(slot, 3, False)),
            (f'S1Fmt {fmt}: CFGI_CD of another leaf', False,
             lambda: unit.cfgi_cd(slot, 3000, False)),
            (f'S1Fmt {fmt}: CFGI_CD_ALL', True, lambda: unit.cfgi_cd_all(slot)),
        ), pasid=3)


@case(on=ARM)
def streams(run):
    """STEs stay until CFGI_STE, a range or all; level-1 descriptors with Leaf=1 as well."""
    scene = Stage1Scene(run, split=6)
    unit, stale, slot = scene.unit, Stale(run, scene), scene.slot
    _, old = scene.map(IOVA)
    other = smmu.first_stage(scene.memory)
    _, new = scene.page_at(other, IOVA)
    second = scene.descriptor(scene.memory.pages(), other, asid=8)

    def change(host):
        unit.stream(slot, smmu.S1, context=scene.context if host == old else second)

    try_all(stale, change, IOVA, old, new, (
        ('STE: nothing', False, lambda: None),
        ('STE: NSNH_ALL', False, unit.nsnh_all),
        ('STE: CFGI_CD', False, lambda: unit.cfgi_cd(slot)),
        ('STE: CFGI_CD_ALL', False, lambda: unit.cfgi_cd_all(slot)),
        ('STE: CFGI_STE', True, lambda: unit.cfgi_ste(slot)),
        ('STE: CFGI_STE of another stream', False, lambda: unit.cfgi_ste(slot + 1)),
    ))
    change(old)
    copy = scene.memory.aligned(4)
    level1 = unit.first + (slot << 3 >> 6) * 8
    table = scene.machine.read64(level1)
    index = slot << 3 & 63
    unit.structure(copy + index * 64, smmu.stream_entry(smmu.S1, context=second))
    try_all(stale, lambda host: scene.machine.write64(level1, table if host == old else copy | 7),
            IOVA, old, new, (
                ('level-1 descriptor: CFGI_STE, leaf', False, lambda: unit.cfgi_ste(slot)),
                ('level-1 descriptor: CFGI_STE', True, lambda: unit.cfgi_ste(slot, leaf=False)),
                ('level-1 descriptor: CFGI_STE of another table', False,
                 lambda: unit.cfgi_ste(31, leaf=False)),
                ('level-1 descriptor: CFGI_ALL', True, lambda: unit.cfgi_range(0, 31)),
            ))
