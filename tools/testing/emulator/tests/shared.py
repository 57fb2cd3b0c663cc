# SPDX-License-Identifier: GPL-2.0-only
"""What released emulators do as well: the same cases run on one, and must agree.

Only edu is used, whose DMA says nothing about its end. Released emulators have legacy fault
numbers for the second stage in scalable mode, so that both numbers are given there.
"""

from emutest import devices, vtd
from emutest.scene import Watch
from emutest.suite import case

BOTH = ('emulator', 'released')
SOURCE, IOVA, OTHER = 0x7000, 0x12345000, 0x7f0000401000


class Bench:
    """Tables of one kind, and edu, whose buffer is filled through them."""

    def __init__(self, run, machine, mode):
        self.run, self.mode = run, mode
        self.machine = run.start(machine, devices.Edu.ARGS)
        self.edu = devices.Edu(self.machine)
        self.unit = vtd.Unit(self.machine, mode)
        self.watch = Watch(self.machine)
        self.first = machine == 'first'
        self.tables = (vtd.first_stage if self.first else vtd.second_stage)(self.unit.memory)
        self.source = self.unit.memory.pages()
        self.tables.map(SOURCE, self.source)
        self.attach()
        self.unit.enable()

    def attach(self, **options):
        """Enter the tables for edu."""
        if self.mode == vtd.LEGACY:
            self.unit.legacy_context(self.edu.slot, self.tables.root, 4, **options)
            return
        self.unit.context(self.edu.slot, paside=False)
        if self.first:
            self.unit.pasid(0, vtd.FS, 4, fs=self.tables.root, pwsnp=self.run.kind == 'emulator',
                            **options)
        else:
            self.unit.pasid(0, vtd.SS, 4, ss=self.tables.root, **options)

    def map(self, iova, **options):
        """Map a watched page; (slot, host address)."""
        host = self.watch.add(self.unit.memory.pages())
        return self.tables.map(iova, host, **options), host

    def load(self):
        """Put a pattern into edu's buffer."""
        data = self.watch.pattern()
        self.machine.write(self.source, data)
        self.edu.fetch(SOURCE, 8)
        return data

    def flush(self):
        """Flush what both kinds of emulators have flushes for."""
        self.unit.context_cache()
        if self.mode != vtd.LEGACY:
            self.unit.pasid_cache()
        self.unit.iotlb()

    def lands(self, name, addr, host):
        """A write arrives, and nowhere else."""
        self.watch.clear()
        data = self.load()
        self.edu.store(addr, 8)
        got, fault = self.machine.read(host, 8), self.unit.fault()
        touched = [p for p in self.watch.touched() if p != host & ~0xfff]
        self.run.check(name, got == data and not fault and not touched, f'{got}, {fault}')

    def blocked(self, name, addr, *reasons):
        """A write faults, and writes nothing."""
        self.watch.clear()
        self.load()
        self.unit.fault()
        self.edu.store(addr, 8)
        fault, touched = self.unit.fault(), self.watch.touched()
        self.run.check(f'{name}: fault {" or ".join(map(hex, reasons))}, no byte written',
                       fault and fault['reason'] in reasons and fault['addr'] == addr & ~0xfff
                       and fault['type'] == 0 and not touched, f'{fault}, {touched}')

    def refuses(self, name, slot, value, addr, host, *reasons):
        """With an entry changed a write faults; with it mended it works again."""
        old = self.machine.read64(slot)
        self.machine.write64(slot, value)
        self.flush()
        self.blocked(name, addr, *reasons)
        self.machine.write64(slot, old)
        self.flush()
        self.lands(f'{name}: mended', addr, host)


def sizes(bench):
    """Pages of 2M and 1G."""
    bench.watch.add(0x8003000)
    bench.tables.map(0x40000000, 0x8000000, level=2)
    bench.lands('2M page', 0x40003010, 0x8003010)
    bench.tables.map(0x80000000, 0, level=3)
    bench.lands('1G page', 0x88003010, 0x8003010)


def caches(bench, addr, flush, other):
    """Without a flush the old page is used; another flush keeps it."""
    slot, old = bench.map(addr)
    new = bench.watch.add(bench.unit.memory.pages())
    bench.lands('before the change', addr, old)
    bits = bench.machine.read64(slot) & 0xfff
    bench.machine.write64(slot, new | bits)
    bench.lands('changed, no flush', addr, old)
    other()
    bench.lands('changed, another flush', addr, old)
    flush()
    bench.lands('changed and flushed', addr, new)


def second(run, machine, mode, numbers):
    """Second stage, with the numbers of its faults."""
    bench = Bench(run, machine, mode)
    unit, tables = bench.unit, bench.tables
    slot, host = bench.map(IOVA)
    _, other = bench.map(OTHER)
    bench.lands('maps', IOVA, host)
    bench.lands('maps another, at an offset', OTHER + 0x128, other + 0x128)
    bench.blocked('no entry', 0x99999000, *numbers['absent'])
    bench.refuses('empty leaf', slot, 0, IOVA, host, *numbers['absent'])
    bench.refuses('leaf for reads only', slot, host | vtd.R, IOVA, host, *numbers['write'])
    bench.refuses('reserved bit', slot, host | 3 | 1 << 50, IOVA, host, *numbers['reserved'])
    for level in (2, 3, 4):
        bench.refuses(f'level {level} empty', tables.slot(IOVA, level), 0, IOVA, host,
                      *numbers['absent'])
    bench.refuses('table outside of memory', tables.slot(IOVA, 2), 0x3fff_ffff_f003, IOVA, host,
                  *numbers['access'])
    bench.blocked('above 48 bits', 1 << 48, *numbers['large'])
    sizes(bench)
    caches(bench, 0x5000, lambda: unit.iotlb(2, 4), lambda: unit.iotlb(2, 5))
    caches(bench, 0x9000, lambda: unit.iotlb(3, 4, 0x9000), lambda: unit.iotlb(3, 4, 0xb000))


@case(on=BOTH)
def legacy(run):
    """Second stage in legacy mode."""
    second(run, 'legacy', vtd.LEGACY, {'absent': (5,), 'write': (5,), 'reserved': (0xc,),
                                       'access': (7,), 'large': (4,)})


@case(on=BOTH)
def legacy_entries(run):
    """Root and context entries in legacy mode."""
    bench = Bench(run, 'legacy', vtd.LEGACY)
    unit = bench.unit
    _, host = bench.map(IOVA)
    entry = unit.contexts + bench.edu.slot * 8 * 16
    lo, hi = bench.machine.read64(entry), bench.machine.read64(entry + 8)
    bench.lands('control', IOVA, host)

    def broken(name, slot, value, reason):
        # Edu's buffer is filled while the entry is right
        bench.watch.clear()
        bench.load()
        old = bench.machine.read64(slot)
        bench.machine.write64(slot, value)
        bench.flush()
        unit.fault()
        bench.edu.store(IOVA, 8)
        fault, touched = unit.fault(), bench.watch.touched()
        run.check(f'{name}: fault {reason:#x}', fault and fault['reason'] == reason
                  and not touched, fault)
        bench.machine.write64(slot, old)
        bench.flush()
        bench.lands(f'{name}: mended', IOVA, host)

    broken('root not present', unit.root, 0, 0x01)
    broken('root reserved', unit.root, unit.contexts | 1 | 1 << 4, 0x0a)
    broken('context not present', entry, lo & ~1, 0x02)
    broken('context reserved', entry, lo | 1 << 4, 0x0b)
    broken('TT 3', entry, lo | 3 << 2, 0x03)
    broken('AW 3', entry + 8, hi & ~7 | 3, 0x03)


@case(on=BOTH)
def scalable(run):
    """Second stage in scalable mode."""
    second(run, 'scalable', vtd.SCALABLE, {'absent': (0x79, 5), 'write': (0x85, 5),
                                           'reserved': (0x7a, 0xc), 'access': (0x78, 7),
                                           'large': (0x84, 4)})


@case(on=BOTH)
def first(run):
    """First stage."""
    bench = Bench(run, 'first', vtd.SCALABLE)
    unit, tables, machine = bench.unit, bench.tables, bench.machine
    slot, host = bench.map(IOVA)
    _, upper = bench.map(0xffff_8000_0000_1000)
    bench.lands('maps', IOVA, host)
    bench.lands('maps the upper half', 0xffff_8000_0000_1000, upper)
    bench.blocked('no entry', 0x99999000, 0x71)
    bench.blocked('not canonical', 1 << 47, 0x80)
    leaf = machine.read64(slot) & ~vtd.FS_D
    bench.refuses('leaf not present', slot, leaf & ~vtd.P, IOVA, host, 0x71)
    bench.refuses('leaf for reads only', slot, leaf & ~vtd.RW, IOVA, host, 0x85)
    bench.refuses('leaf for supervisors', slot, leaf & ~vtd.US, IOVA, host, 0x81)
    bench.refuses('leaf reserved', slot, leaf | 1 << 50, IOVA, host, 0x72)
    for level in (2, 3, 4):
        if level < 4:   # edu's buffer is filled through the same top entry
            bench.refuses(f'level {level} not present', tables.slot(IOVA, level), 0, IOVA, host,
                          0x71)
    bench.refuses('table outside of memory', tables.slot(IOVA, 2), 0x3fff_ffff_f007, IOVA, host,
                  0x70)
    fresh, page = bench.map(OTHER)
    bench.lands('a write first', OTHER, page)
    run.check('sets A and D', machine.read64(fresh) & (vtd.FS_A | vtd.FS_D)
              == vtd.FS_A | vtd.FS_D)
    sizes(bench)
    caches(bench, 0x5000, lambda: unit.pasid_iotlb(4, 0), lambda: unit.pasid_iotlb(5, 0))
    caches(bench, 0x9000, lambda: unit.pasid_iotlb(4, 0, 0x9000),
           lambda: unit.pasid_iotlb(4, 0, 0xb000))
