# SPDX-License-Identifier: GPL-2.0-only
"""What stays cached without an invalidation, and that each drops what it names alone (6.2, 6.5)."""

from emutest import devices, vtd
from emutest.scene import FirstStageScene, NestedScene, Scene, SecondStageScene
from emutest.suite import case

IOVA, NEXT, FAR = 0x12345000, 0x12346000, 0x7f0000401000


class Stale:
    """Looks whether a flush reaches cached entries: does DMA still go to the old place?"""

    def __init__(self, run, scene):
        self.run, self.scene = run, scene

    def hits(self, addr, host, **attributes):
        """Whether a write to the address arrives at a host address."""
        scene = self.scene
        scene.watch.clear()
        data = scene.watch.pattern()
        scene.device.write(addr, data, **attributes)
        scene.unit.fault()
        return scene.machine.read(host, 8) == data

    def try_flush(self, name, reaches, flush, change, addr, old, new, **attributes):
        """Cache, change with `change(target)`, flush; then the entry is old or new."""
        scene = self.scene
        change(old)
        scene.unit.flush_all()
        cached = self.hits(addr, old, **attributes)
        change(new)
        kept = self.hits(addr, old, **attributes)
        done = flush()
        after_old = self.hits(addr, old, **attributes)
        after_new = self.hits(addr, new, **attributes)
        good = cached and kept and done is not False and \
            (after_new and not after_old if reaches else after_old and not after_new)
        self.run.check(f'{name}: {"drops" if reaches else "keeps"} the entry', good,
                       f'cached {cached}, kept {kept}, flush {done}, then old {after_old}, '
                       f'new {after_new}')


@case()
def second_stage_pages(run):
    """IOTLB entries of the second stage."""
    scene = SecondStageScene(run)
    unit, stale, did = scene.unit, Stale(run, scene), scene.DID
    slot, old = scene.map(IOVA)
    new = scene.page()

    def change(host):
        scene.machine.write64(slot, host | vtd.R | vtd.W)

    for name, reaches, flush in (
            ('nothing', False, lambda: None),
            ('context-cache flush', False, unit.context_cache),
            ('PASID-cache flush', False, unit.pasid_cache),
            ('flush of all', True, unit.iotlb),
            ('flush of the domain', True, lambda: unit.iotlb(2, did)),
            ('flush of another domain', False, lambda: unit.iotlb(2, did + 1)),
            ('flush of the page', True, lambda: unit.iotlb(3, did, IOVA)),
            ('flush of the page, leaves only', True, lambda: unit.iotlb(3, did, IOVA, leaf=True)),
            ('flush of the page in another domain', False, lambda: unit.iotlb(3, did + 1, IOVA)),
            ('flush of the page before', False, lambda: unit.iotlb(3, did, IOVA - 0x1000)),
            ('flush of the page behind', False, lambda: unit.iotlb(3, did, IOVA + 0x1000)),
            ('flush of two pages', True, lambda: unit.iotlb(3, did, IOVA - 0x1000, am=1)),
            ('flush of two pages from an odd one', True, lambda: unit.iotlb(3, did, IOVA, am=1)),
            ('flush of four pages from the last', True,
             lambda: unit.iotlb(3, did, IOVA + 0x2000, am=2)),
            ('flush of the next two pages', False,
             lambda: unit.iotlb(3, did, IOVA + 0x1000, am=1)),
            ('flush of 2^18 pages', True, lambda: unit.iotlb(3, did, 0, am=18)),
            ('flush of a PASID', False, lambda: unit.pasid_iotlb(did, 0)),
            ('flush of a page of a PASID', False, lambda: unit.pasid_iotlb(did, 0, IOVA)),
    ):
        stale.try_flush(name, reaches, flush, change, IOVA, old, new)


def pasid_flushes(unit, did, pasid):
    """Flushes that first-stage and nested entries are tried with."""
    return (
        ('nothing', False, lambda: None),
        ('context-cache flush', False, unit.context_cache),
        ('PASID-cache flush', False, unit.pasid_cache),
        ('flush of all', True, unit.iotlb),
        ('flush of the domain', True, lambda: unit.iotlb(2, did)),
        ('flush of another domain', False, lambda: unit.iotlb(2, did + 1)),
        ('flush of any page of the domain', True, lambda: unit.iotlb(3, did, FAR)),
        ('flush of a page of another domain', False, lambda: unit.iotlb(3, did + 1, IOVA)),
        ('flush of the PASID', True, lambda: unit.pasid_iotlb(did, pasid)),
        ('flush of another PASID', False, lambda: unit.pasid_iotlb(did, pasid + 1)),
        ('flush of the PASID in another domain', False, lambda: unit.pasid_iotlb(did + 1, pasid)),
        ('flush of the page', True, lambda: unit.pasid_iotlb(did, pasid, IOVA)),
        ('flush of the page, leaves only', True,
         lambda: unit.pasid_iotlb(did, pasid, IOVA, leaf=True)),
        ('flush of the page of another PASID', False,
         lambda: unit.pasid_iotlb(did, pasid + 1, IOVA)),
        ('flush of the page in another domain', False,
         lambda: unit.pasid_iotlb(did + 1, pasid, IOVA)),
        ('flush of the page before', False,
         lambda: unit.pasid_iotlb(did, pasid, IOVA - 0x1000)),
        ('flush of the page behind', False,
         lambda: unit.pasid_iotlb(did, pasid, IOVA + 0x1000)),
        ('flush of two pages', True, lambda: unit.pasid_iotlb(did, pasid, IOVA, am=1)),
        ('flush of 2^52 pages', True, lambda: unit.pasid_iotlb(did, pasid, 0, am=52)),
    )


@case()
def first_stage_pages(run):
    """IOTLB entries of the first stage."""
    scene = FirstStageScene(run)
    stale, did = Stale(run, scene), scene.DID
    slot, old = scene.map(IOVA)
    new = scene.page()
    scene.unit.pasid(5, vtd.FS, did, **scene.entry)
    scene.device.enable_pasid()

    def change(host):
        scene.machine.write64(slot, host | vtd.P | vtd.RW | vtd.US)

    for pasid, attributes in ((0, {}), (5, {'pasid': 5})):
        for name, reaches, flush in pasid_flushes(scene.unit, did, pasid):
            stale.try_flush(f'PASID {pasid}: {name}', reaches, flush, change, IOVA, old, new,
                            **attributes)


@case()
def nested_pages(run):
    """IOTLB entries of both stages, when either changes."""
    scene = NestedScene(run)
    unit, stale, did = scene.unit, Stale(run, scene), scene.DID
    first, second, old = scene.map(IOVA)
    _, _, new = scene.map(NEXT)
    gpa = {host: g for g, host in scene.guest.items()}

    def change_first(host):
        scene.machine.write64(first, gpa[host] | vtd.P | vtd.RW | vtd.US)

    def change_second(host):
        scene.machine.write64(second, host | vtd.R | vtd.W)

    for name, reaches, flush in pasid_flushes(unit, did, 0):
        stale.try_flush(f'first stage: {name}', reaches, flush, change_first, IOVA, old, new)
    change_first(old)
    for name, reaches, flush in (
            ('nothing', False, lambda: None),
            ('flush of the domain', True, lambda: unit.iotlb(2, did)),
            ('flush of another domain', False, lambda: unit.iotlb(2, did + 1)),
            ('flush of the guest page', True, lambda: unit.iotlb(3, did, gpa[old])),
            ('flush of the guest page in another domain', False,
             lambda: unit.iotlb(3, did + 1, gpa[old])),
            # The result goes, the second-stage entry that it is made from anew stays
            ('flush of another guest page', False, lambda: unit.iotlb(3, did, gpa[old] + 0x1000)),
            ('flush of the PASID', False, lambda: unit.pasid_iotlb(did, 0)),
    ):
        stale.try_flush(f'second stage: {name}', reaches, flush, change_second, IOVA, old, new)


@case()
def large_pages(run):
    """A range that does not cover a large page leaves it."""
    scene = SecondStageScene(run)
    unit, stale, did = scene.unit, Stale(run, scene), scene.DID
    slot = scene.tables.slot(0x40000000, 2)
    old, new = scene.watch.add(0x8003000), scene.watch.add(0x8203000)

    def change(host):
        scene.machine.write64(slot, host - 0x3000 | vtd.R | vtd.W | vtd.PS)

    for name, reaches, flush in (
            ('flush of one of its pages', False, lambda: unit.iotlb(3, did, 0x40003000)),
            ('flush of half of it', False, lambda: unit.iotlb(3, did, 0x40000000, am=8)),
            ('flush of all of it', True, lambda: unit.iotlb(3, did, 0x40000000, am=9)),
            ('flush of the next', False, lambda: unit.iotlb(3, did, 0x40200000, am=9)),
    ):
        stale.try_flush(name, reaches, flush, change, 0x40003000, old, new)


@case()
def table_caches(run):
    """Paging-structure caches: a table that was replaced."""
    scene = SecondStageScene(run)
    unit, stale, did = scene.unit, Stale(run, scene), scene.DID
    _, old = scene.map(IOVA)
    new = scene.page()
    above = scene.tables.slot(IOVA, 2)
    tables = {old: scene.machine.read64(above), new: scene.memory.pages() | vtd.R | vtd.W}
    scene.machine.write64((tables[new] & ~0xfff) + (IOVA >> 12 & 511) * 8, new | vtd.R | vtd.W)

    def change(host):
        scene.machine.write64(above, tables[host])

    for name, reaches, flush in (
            ('second stage: flush of the page', True, lambda: unit.iotlb(3, did, IOVA)),
            ('second stage: flush of the page, leaves only', False,
             lambda: unit.iotlb(3, did, IOVA, leaf=True)),
            ('second stage: flush of the domain', True, lambda: unit.iotlb(2, did)),
    ):
        stale.try_flush(name, reaches, flush, change, IOVA, old, new)

    scene = FirstStageScene(run)
    unit, stale, did = scene.unit, Stale(run, scene), scene.DID
    _, old = scene.map(IOVA)
    new = scene.page()
    above = scene.tables.slot(IOVA, 2)
    rights = vtd.P | vtd.RW | vtd.US
    tables = {old: scene.machine.read64(above), new: scene.memory.pages() | rights}
    scene.machine.write64((tables[new] & ~0xfff) + (IOVA >> 12 & 511) * 8, new | rights)
    for name, reaches, flush in (
            ('first stage: flush of the page', True, lambda: unit.pasid_iotlb(did, 0, IOVA)),
            ('first stage: flush of the page, leaves only', False,
             lambda: unit.pasid_iotlb(did, 0, IOVA, leaf=True)),
            ('first stage: flush of the PASID', True, lambda: unit.pasid_iotlb(did, 0)),
            ('first stage: flush of a page of the domain, leaves only', True,
             lambda: unit.iotlb(3, did, FAR, leaf=True)),
    ):
        stale.try_flush(name, reaches, flush, change, IOVA, old, new)


@case()
def shared_by_domain(run):
    """Entries of the second stage belong to a domain, not to a PASID or function."""
    scene = SecondStageScene(run)
    unit = scene.unit
    slot, old = scene.map(IOVA)
    unit.context(scene.slot)
    unit.pasid(5, vtd.SS, scene.DID, **scene.entry)
    unit.pasid(6, vtd.SS, scene.DID + 1, **scene.entry)
    scene.device.enable_pasid()
    unit.flush_all()
    scene.lands('PASID 0 fills the cache', IOVA, old)
    new = scene.page()
    scene.machine.write64(slot, new | vtd.R | vtd.W)
    scene.lands('PASID 5 of the same domain finds it', IOVA, old, pasid=5)
    scene.lands('PASID 6 of another domain does not', IOVA, new, pasid=6)


def two_tables(scene, kind=vtd.SS):
    """Tables that map IOVA to different pages."""
    pages, roots = [], []
    for _ in range(2):
        tables = vtd.second_stage(scene.memory) if kind == vtd.SS else \
            vtd.first_stage(scene.memory)
        pages.append(scene.page())
        tables.map(IOVA, pages[-1])
        roots.append(tables.root)
    return pages, roots


@case()
def pasid_cache(run):
    """PASID-cache entries, by domain and PASID of what is cached."""
    scene = Scene(run)
    unit, stale = scene.unit, Stale(run, scene)
    (old, new), roots = two_tables(scene)
    unit.context(scene.slot)
    unit.enable()
    scene.device.enable_pasid()

    # Another domain for each table, so that the IOTLB has no part in it
    def change(host):
        unit.pasid(5, vtd.SS, 20 + (host == new), ss=roots[host == new])

    for name, reaches, flush in (
            ('nothing', False, lambda: None),
            ('context-cache flush', False, unit.context_cache),
            ('IOTLB flush', False, unit.iotlb),
            ('flush of all', True, unit.pasid_cache),
            ('flush of the domain', True, lambda: unit.pasid_cache(0, 20)),
            ('flush of the new domain', False, lambda: unit.pasid_cache(0, 21)),
            ('flush of the PASID', True, lambda: unit.pasid_cache(1, 20, 5)),
            ('flush of the PASID in the new domain', False, lambda: unit.pasid_cache(1, 21, 5)),
            ('flush of another PASID', False, lambda: unit.pasid_cache(1, 20, 6)),
    ):
        stale.try_flush(name, reaches, flush, change, IOVA, old, new, pasid=5)
    unit.pasid(7, vtd.SS, 22, ss=roots[0], present=False)
    unit.flush_all()
    scene.blocked('an entry that is not present', IOVA, 0x59, pasid=7)
    unit.pasid(7, vtd.SS, 22, ss=roots[0])
    scene.lands('is not cached', IOVA, old, pasid=7)


@case()
def context_cache(run):
    """Context-cache entries, by source-id."""
    scene = Scene(run)
    unit, stale = scene.unit, Stale(run, scene)
    (old, new), roots = two_tables(scene)
    directories = []
    for index in range(2):
        unit.directory, unit.pasids = scene.memory.pages(), scene.memory.pages()
        scene.machine.write64(unit.directory, unit.pasids | 1)
        unit.pasid(0, vtd.SS, 20 + index, ss=roots[index])
        directories.append(unit.directory)
    unit.enable()

    def change(host):
        unit.directory = directories[host == new]
        unit.context(scene.slot)

    def flush(then=lambda: None, **options):
        def both():
            good = unit.context_cache(**options)
            then()
            return good and unit.pasid_cache()
        return both

    for name, reaches, work in (
            ('nothing', False, lambda: None),
            ('PASID-cache flush', False, unit.pasid_cache),
            ('IOTLB flush', False, unit.iotlb),
            ('flush of all', True, flush()),
            ('flush of the device', True, flush(kind=3, slot=scene.slot)),
            ('flush of the device with another domain', True,
             flush(kind=3, slot=scene.slot, did=99)),
            ('flush of another device', False, flush(kind=3, slot=scene.slot + 1)),
            ('flush without the PASID cache', False,
             lambda: unit.context_cache(3, slot=scene.slot)),
    ):
        stale.try_flush(name, reaches, work, change, IOVA, old, new)
    for mask, function, reaches in ((0, 0, True), (0, 4, False), (1, 4, True), (1, 2, False),
                                    (2, 2, True), (2, 1, False), (3, 7, True)):
        stale.try_flush(
            f'FM {mask}, function {function}', reaches,
            lambda m=mask, f=function: unit.submit(1 | 3 << 4 | (scene.slot << 3 | f) << 32
                                                   | m << 48) and unit.pasid_cache(),
            change, IOVA, old, new)


@case()
def root_pointer(run):
    """SRTP drops all caches with ESRTPS, and none without."""
    for machine, reaches in (('exact', True), ('keep', False)):
        scene = SecondStageScene(run, machine)
        stale = Stale(run, scene)
        slot, old = scene.map(IOVA)
        new = scene.page()
        run.check(f'{machine}: ESRTPS', scene.unit.read(vtd.CAP) >> 63 == reaches)
        stale.try_flush(f'{machine}: SRTP', reaches, scene.unit.set_root,
                        lambda host, s=slot, c=scene: c.machine.write64(s, host | 3), IOVA, old,
                        new)

        def cycle(unit=scene.unit):
            unit.write(vtd.GCMD, vtd.QIE, 4)
            unit.write(vtd.GCMD, vtd.QIE | vtd.TE, 4)

        stale.try_flush(f'{machine}: translation off and on', True, cycle,
                        lambda host, s=slot, c=scene: c.machine.write64(s, host | 3), IOVA, old,
                        new)


@case()
def caching_mode(run):
    """With caching mode the unit holds that something is not present."""
    scene = SecondStageScene(run, 'caching')
    unit, machine = scene.unit, scene.machine
    slot, host = scene.map(IOVA)
    leaf = machine.read64(slot)
    for name, flush in (('page flush', lambda: unit.iotlb(3, scene.DID, IOVA)),
                        ('domain flush', lambda: unit.iotlb(2, scene.DID))):
        machine.write64(slot, 0)
        unit.flush_all()
        scene.blocked(f'{name}: not mapped', IOVA, 0x79)
        machine.write64(slot, leaf)
        scene.blocked(f'{name}: mapped, no flush', IOVA, 0x79)
        unit.iotlb(2, scene.DID + 1)
        scene.blocked(f'{name}: mapped, another domain flushed', IOVA, 0x79)
        flush()
        scene.lands(f'{name}: mapped and flushed', IOVA, host)
    unit.pasid(0, vtd.SS, scene.DID, **scene.entry, present=False)
    unit.flush_all()
    scene.blocked('PASID entry not present', IOVA, 0x59)
    unit.pasid(0, vtd.SS, scene.DID, **scene.entry)
    scene.blocked('PASID entry present, no flush', IOVA, 0x59)
    unit.pasid_cache(1, scene.DID, 1)
    scene.blocked('PASID entry present, another PASID flushed', IOVA, 0x59)
    unit.pasid_cache(1, scene.DID, 0)
    scene.lands('PASID entry present and flushed', IOVA, host)
    unit.context(scene.slot, paside=False, present=False)
    unit.flush_all()
    scene.blocked('context entry not present', IOVA, 0x41)
    unit.context(scene.slot, paside=False)
    scene.blocked('context entry present, no flush', IOVA, 0x41)
    unit.context_cache(3, slot=scene.slot)
    scene.lands('context entry present and flushed', IOVA, host)
    fresh = FirstStageScene(run, 'caching')
    slot, host = fresh.map(IOVA)
    leaf = fresh.machine.read64(slot)
    fresh.machine.write64(slot, 0)
    fresh.blocked('first stage, not mapped', IOVA, 0x71)
    fresh.machine.write64(slot, leaf)
    fresh.lands('first stage, mapped: no flush is needed', IOVA, host)


@case()
def no_caching_mode(run):
    """Without it the unit looks again at what was not present."""
    scene = SecondStageScene(run)
    slot, host = scene.map(IOVA)
    leaf = scene.machine.read64(slot)
    for write in (True, False):
        scene.machine.write64(slot, 0)
        scene.unit.flush_all()
        scene.blocked(f'not mapped, write {write}', IOVA, 0x79, write=write)
        scene.machine.write64(slot, leaf)
        scene.lands(f'mapped, no flush, write {write}', IOVA, host)


@case()
def legacy_caching_mode(run):
    """In legacy mode a context entry that is not present belongs to domain 0."""
    scene = Scene(run, 'legacy-caching', vtd.LEGACY)
    unit = scene.unit
    (host, _), roots = two_tables(scene)
    unit.legacy_context(scene.slot, roots[0], 4, present=False)
    unit.enable()
    scene.blocked('not present', IOVA, 0x02)
    unit.legacy_context(scene.slot, roots[0], 4)
    unit.context_cache(3, 4, scene.slot)
    scene.blocked('present, flushed as the new domain', IOVA, 0x02)
    unit.context_cache(3, 0, scene.slot)
    scene.lands('present, flushed as domain 0', IOVA, host)


@case()
def legacy_caches(run):
    """The same in legacy mode, by queue and by register."""
    scene = Scene(run, 'legacy', vtd.LEGACY)
    unit, stale = scene.unit, Stale(run, scene)
    (old, new), roots = two_tables(scene)
    unit.enable()

    def change(host):
        unit.legacy_context(scene.slot, roots[host == new], 20 + (host == new))

    for name, reaches, flush in (
            ('IOTLB flush', False, unit.iotlb),
            ('flush of all contexts', True, unit.context_cache),
            ('flush of the domain', True, lambda: unit.context_cache(2, 20)),
            ('flush of the new domain', False, lambda: unit.context_cache(2, 21)),
            ('flush of the device in its domain', True,
             lambda: unit.context_cache(3, 20, scene.slot)),
            ('flush of the device in the new domain', False,
             lambda: unit.context_cache(3, 21, scene.slot)),
            ('flush of another device', False, lambda: unit.context_cache(3, 20, 6)),
    ):
        stale.try_flush(name, reaches, flush, change, IOVA, old, new)
    unit.write(vtd.GCMD, vtd.TE, 4)
    if unit.read(vtd.GSTS, 4) & vtd.QIE:
        unit.submit(5 | 1 << 5, scene.memory.pages())
        unit.write(vtd.GCMD, vtd.TE, 4)
    run.check('queue is off', not unit.read(vtd.GSTS, 4) & vtd.QIE)

    def ccmd(kind, did=0, sid=0):
        unit.write(vtd.CCMD, 1 << 63 | kind << 61 | sid << 16 | did)
        return unit.read(vtd.CCMD) >> 59 & 3 == kind

    def iotlb(kind, did=0, addr=0):
        unit.write(vtd.IVA, addr)
        unit.write(vtd.IOTLB, 1 << 63 | kind << 60 | did << 32)
        return unit.read(vtd.IOTLB) >> 57 & 3 == kind

    def flush_all():
        ccmd(1)
        iotlb(1)

    unit.flush_all = flush_all
    sid = scene.slot << 3
    for name, reaches, flush in (
            ('register, all contexts', True, lambda: ccmd(1)),
            ('register, the domain', True, lambda: ccmd(2, 20)),
            ('register, another domain', False, lambda: ccmd(2, 21)),
            ('register, the device', True, lambda: ccmd(3, 20, sid)),
            ('register, another device', False, lambda: ccmd(3, 20, sid + 8)),
    ):
        stale.try_flush(name, reaches, flush, change, IOVA, old, new)
    unit.legacy_context(scene.slot, roots[0], 20)
    flush_all()
    tables = roots[0]
    for _ in range(3):
        index = IOVA >> {0: 39, 1: 30, 2: 21}[_] & 511
        tables = scene.machine.read64(tables + index * 8) & vtd.ADDR
    slot = tables + (IOVA >> 12 & 511) * 8
    for name, reaches, flush in (
            ('register, IOTLB', True, lambda: iotlb(1)),
            ('register, IOTLB of the domain', True, lambda: iotlb(2, 20)),
            ('register, IOTLB of another domain', False, lambda: iotlb(2, 21)),
            ('register, IOTLB of the page', True, lambda: iotlb(3, 20, IOVA)),
            ('register, IOTLB of the next page', False, lambda: iotlb(3, 20, NEXT)),
    ):
        stale.try_flush(name, reaches, flush,
                        lambda host: scene.machine.write64(slot, host | vtd.R | vtd.W), IOVA,
                        old, new)
    run.check('control: the device is not disabled',
              scene.device.write(IOVA, b'12345678') == devices.OK)
