# SPDX-License-Identifier: GPL-2.0-only
"""What a released SMMUv3 does as well: the same cases run on one, and must agree.

Only edu is used, whose DMA says nothing about its end. Left out is where the released one
errs: it calls no access unprivileged, translates by stage 2 the base of stage-1 tables only,
reports a stage-2 fault of such a table with S2=0, fetches from tables beyond the output size, and
looks for the second of concatenated tables at another place.
"""

from emutest import devices, smmu
from emutest.scene import Watch
from emutest.suite import ARM, ARM_BOTH, case

SOURCE, IOVA, OTHER = 0x7000, 0x12345000, 0x3f00401000
ASID, VMID = 7, 4


class Bench:
    """Edu, whose buffer is filled through the tables."""

    def __init__(self, run, machine='smmu-plain', split=0):
        self.run, self.exact = run, run.kind in ARM
        self.machine = run.start(machine, devices.Edu.ARGS)
        self.edu = devices.Edu(self.machine)
        self.unit = smmu.Unit(self.machine, split)
        self.memory, self.watch = self.unit.memory, Watch(self.machine)
        self.context = self.memory.pages()
        self.unit.enable()

    def stream(self, *args, **fields):
        """Enter edu's STE."""
        addr = self.unit.stream(self.edu.slot, *args, **fields)
        self.unit.flush_all()
        return addr

    def stage1(self, tables, **fields):
        """Stage 1 alone."""
        self.unit.structure(self.context, smmu.context_descriptor(tables, asid=ASID, **fields))
        return self.stream(smmu.S1, context=self.context)

    def source(self, tables):
        """Map the page that edu's buffer is filled from."""
        self.from_page = self.memory.aligned(tables.pages)
        tables.map(SOURCE & -(1 << tables.granule), self.from_page)
        self.from_page |= SOURCE & (1 << tables.granule) - 1

    def page(self, tables, iova, **options):
        """Map a page whose first 4K are watched; (slot, host address)."""
        host = self.watch.add(self.memory.aligned(tables.pages))
        return tables.map(iova, host, **options), host

    def load(self):
        """Put a pattern into edu's buffer."""
        data = self.watch.pattern()
        self.machine.write(self.from_page, data)
        self.edu.fetch(SOURCE, 8)
        return data

    def lands(self, name, addr, host):
        """A write arrives, and nowhere else."""
        self.watch.clear()
        data = self.load()
        self.edu.store(addr, 8)
        got, fault = self.machine.read(host, 8), self.unit.fault()
        touched = [p for p in self.watch.touched() if p != host & ~0xfff]
        self.run.check(name, got == data and not fault and not touched, f'{got}, {fault}')

    def blocked(self, name, addr, number, write=True, **fields):
        """An access makes an event, and a write writes nothing."""
        self.watch.clear()
        self.load()
        self.unit.fault()
        (self.edu.store if write else self.edu.fetch)(addr, 8)
        fault, touched = self.unit.fault(), self.watch.touched()
        wanted = {'number': number, 'sid': self.edu.slot << 3, **fields}
        if number >= smmu.F_WALK_EABT:
            wanted.update(addr=addr, rnw=int(not write))
        self.run.check(f'{name}: event {number:#04x}, no byte written', fault and not touched and
                       all(fault[k] == v for k, v in wanted.items()), f'{fault}, {wanted}')

    def refuses(self, name, slot, value, addr, host, number, **fields):
        """With an entry changed a write faults; with it mended it works again."""
        old = self.machine.read64(slot)
        self.machine.write64(slot, value)
        self.unit.flush_all()
        self.blocked(name, addr, number, **fields)
        self.machine.write64(slot, old)
        self.unit.flush_all()
        self.lands(f'{name}: mended', addr, host)


def caches(bench, tables, addr, flush, other):
    """Without a flush the old page is used; another flush keeps it."""
    slot, old = bench.page(tables, addr)
    new = bench.watch.add(bench.memory.aligned(tables.pages))
    bench.lands('before the change', addr, old)
    bench.machine.write64(slot, new | tables.leaf | 3)
    bench.lands('changed, no flush', addr, old)
    other()
    bench.lands('changed, another flush', addr, old)
    flush()
    bench.lands('changed and flushed', addr, new)


def walks(bench, tables, stage, sizes):
    """Pages, blocks and faults of one stage."""
    slot, host = bench.page(tables, IOVA & -(1 << tables.granule))
    iova = IOVA & -(1 << tables.granule)
    bench.lands('maps', iova + 0x128, host + 0x128)
    other = OTHER & -(1 << tables.granule)
    bench.lands('maps another', other, bench.page(tables, other)[1])
    where = {'s2': stage - 1, 'class': smmu.CLASS_IN}
    bench.blocked('no descriptor', 0x9999_0000, smmu.F_TRANSLATION, **where)
    leaf = bench.machine.read64(slot)
    bench.refuses('leaf not valid', slot, leaf & ~1, iova, host, smmu.F_TRANSLATION, **where)
    bench.refuses('leaf has the code of a block', slot, leaf & ~2, iova, host,
                  smmu.F_TRANSLATION, **where)
    bench.refuses('leaf without AF', slot, leaf & ~smmu.AF, iova, host, smmu.F_ACCESS, **where)
    read_only = leaf | smmu.READ_ONLY if stage == 1 else leaf & ~smmu.S2_W
    bench.refuses('leaf for reads only', slot, read_only, iova, host, smmu.F_PERMISSION, **where)
    bench.refuses('leaf beyond the output size', slot, leaf | 1 << 45, iova, host,
                  smmu.F_ADDR_SIZE, **where)
    bench.refuses('table not valid', tables.slot(iova, 2), 0, iova, host, smmu.F_TRANSLATION,
                  **where)
    if bench.exact:
        bench.refuses('table beyond the output size', tables.slot(iova, 2), 1 << 45 | 3, iova,
                      host, smmu.F_ADDR_SIZE, **where)
    bench.refuses('table outside of memory', tables.slot(iova, 2), 0x3ff_0000_0003, iova, host,
                  smmu.F_WALK_EABT, s2=stage - 1)
    for level, addr, base, at in sizes:
        bench.watch.add(at)
        tables.map(addr, base, level=level)
        bench.lands(f'block at level {level}', addr + (at - base) + 0x10, at + 0x10)


@case(on=ARM_BOTH)
def stage1(run):
    """Stage 1 with 4K."""
    bench = Bench(run)
    tables, unit = smmu.first_stage(bench.memory), bench.unit
    bench.source(tables)
    bench.stage1(tables)
    walks(bench, tables, 1, ((2, 0x4000_0000, 0x4800_0000, 0x4800_3000),
                             (1, 0x8000_0000, 0x4000_0000, 0x4900_3000)))
    bench.blocked('above T0SZ', 1 << 44, smmu.F_TRANSLATION, s2=0)
    bench.blocked('upper half, EPD1', 0xffff_ffff_0000_0000, smmu.F_TRANSLATION, s2=0)
    caches(bench, tables, 0x5000, lambda: unit.nh_va(ASID, 0x5000),
           lambda: unit.nh_va(ASID, 0x3000))
    caches(bench, tables, 0x9000, lambda: unit.nh_asid(ASID), lambda: unit.nh_asid(ASID + 1))
    caches(bench, tables, 0xb000, lambda: unit.nh_vaa(0xb000), lambda: unit.nh_vaa(0xd000))
    caches(bench, tables, 0x11000, lambda: unit.nh_va(ASID, 0x10000, num=3, tg=1),
           lambda: unit.nh_va(ASID, 0x12000, num=1, tg=1))


@case(on=ARM_BOTH)
def granules(run):
    """Stage 1 with 16K and 64K."""
    for granule, block in ((14, 25), (16, 29)):
        bench = Bench(run)
        tables = smmu.first_stage(bench.memory, granule=granule, bits=40)
        bench.source(tables)
        bench.stage1(tables)
        page = 0x4a00_3000
        walks(bench, tables, 1, ((2, 5 << block, page & -(1 << block), page),))


@case(on=ARM_BOTH)
def stage2(run):
    """Stage 2 alone, with concatenated tables at level 1."""
    bench = Bench(run)
    tables, unit = smmu.second_stage(bench.memory), bench.unit
    bench.source(tables)
    bench.stream(smmu.S2, tables=tables, vmid=VMID)
    walks(bench, tables, 2, ((2, 0x4000_0000, 0x4800_0000, 0x4800_3000),
                             (1, 0x8000_0000, 0x4000_0000, 0x4900_3000)))
    if bench.exact:
        _, high = bench.page(tables, 0xff_0000_0000)
        bench.lands('second of two tables', 0xff_0000_0000, high)
    bench.blocked('above S2T0SZ', 1 << 40, smmu.F_TRANSLATION, s2=1)
    caches(bench, tables, 0x5000, lambda: unit.s2_ipa(VMID, 0x5000),
           lambda: unit.s2_ipa(VMID + 1, 0x5000))
    caches(bench, tables, 0x9000, lambda: unit.s12_vmall(VMID), lambda: unit.s12_vmall(VMID + 1))


@case(on=ARM_BOTH)
def streams(run):
    """Stream table, bypass, abort, and configuration caches."""
    bench = Bench(run)
    tables, unit, machine = smmu.first_stage(bench.memory), bench.unit, bench.machine
    bench.source(tables)
    _, host = bench.page(tables, IOVA)
    entry = bench.stage1(tables)
    bench.lands('control', IOVA, host)
    for name, slot, value, number in (
            ('STE not valid', entry, 0, smmu.C_BAD_STE),
            ('CD not valid', bench.context, machine.read64(bench.context) & ~(1 << 31),
             smmu.C_BAD_CD),
            ('CD with T0SZ 40', bench.context, machine.read64(bench.context) & ~0x3f | 40,
             smmu.C_BAD_CD),
            ('CD with reserved TG0', bench.context, machine.read64(bench.context) | 3 << 6,
             smmu.C_BAD_CD),
            ('CD for AArch32', bench.context, machine.read64(bench.context) & ~(1 << 41),
             smmu.C_BAD_CD)):
        # Edu's buffer is filled while the entry is right
        bench.watch.clear()
        bench.load()
        old = machine.read64(slot)
        machine.write64(slot, value)
        bench.edu.store(IOVA, 8)
        run.check(f'{name}, no flush: the copy is used', not unit.fault()
                  and bench.watch.touched() == [host])
        unit.cfgi_ste(bench.edu.slot)
        bench.watch.clear()
        bench.edu.store(IOVA, 8)
        fault = unit.fault()
        run.check(f'{name}, flushed: event {number:#04x}', fault and fault['number'] == number
                  and fault['sid'] == bench.edu.slot << 3 and not bench.watch.touched(), fault)
        machine.write64(slot, old)
        unit.flush_all()
        bench.lands(f'{name}: mended', IOVA, host)
    bench.watch.clear()
    data = bench.load()
    bench.stream(smmu.BYPASS)
    bench.edu.store(host, 8)
    run.check('bypass', machine.read(host, 8) == data and not unit.fault())
    bench.stream(smmu.ABORT)
    bench.watch.clear()
    bench.edu.store(host, 8)
    run.check('abort has no event', not unit.fault() and not bench.watch.touched())
