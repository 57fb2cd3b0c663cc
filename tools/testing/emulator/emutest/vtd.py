# SPDX-License-Identifier: GPL-2.0-only
"""VT-d by hand: registers, tables and descriptors, as the specification describes them."""

BASE = 0xfed90000
CAP, ECAP, GCMD, GSTS, RTADDR, CCMD = 0x08, 0x10, 0x18, 0x1c, 0x20, 0x28
FSTS, FECTL, IQH, IQT, IQA, IQERCD = 0x34, 0x38, 0x80, 0x88, 0x90, 0xb0
PQH, PQT, PQA, PRS, PECTL = 0xc0, 0xc8, 0xd0, 0xdc, 0xe0
IVA, IOTLB = 0xf0, 0xf8
FRCD = 0x220
TE, SRTP, QIE = 1 << 31, 1 << 30, 1 << 26

LEGACY, SCALABLE = 0, 1
FS, SS, NESTED, PT = 1, 2, 3, 4
ADDR = 0x000ffffffffff000

R, W = 1, 2                             # second-stage entries
SS_A, SS_D = 1 << 8, 1 << 9
P, RW, US, FS_A, FS_D = 1, 2, 4, 0x20, 0x40     # first-stage entries
PS = 0x80


class Memory:
    """Hands out pages of the machine's memory, all zero."""

    def __init__(self, machine, start=0x1000000):
        self.machine, self.next = machine, start

    def pages(self, count=1):
        """Address of `count` pages."""
        addr = self.next
        self.next += count * 0x1000
        self.machine.fill(addr, count * 0x1000)
        return addr


class Tables:
    """Paging tables of up to four levels, built where `place` says an address lies."""

    def __init__(self, memory, leaf, branch, levels=4, allocate=None, place=lambda addr: addr):
        self.machine, self.levels = memory.machine, levels
        self.leaf, self.branch, self.place = leaf, branch, place
        self.allocate = allocate or memory.pages
        self.root = self.allocate()

    def slot(self, addr, level=1):
        """Host address of an entry; tables on the way to it are made."""
        table = self.root
        for above in range(self.levels, level, -1):
            entry = self.place(table) + (addr >> 12 + 9 * (above - 1) & 511) * 8
            value = self.machine.read64(entry)
            if not value & ADDR:
                value = self.allocate() | self.branch
                self.machine.write64(entry, value)
            table = value & ADDR
        return self.place(table) + (addr >> 12 + 9 * (level - 1) & 511) * 8

    def map(self, addr, target, level=1, bits=None):
        """Enter a leaf; return its host address."""
        slot = self.slot(addr, level)
        value = target | (self.leaf if bits is None else bits) | (PS if level > 1 else 0)
        self.machine.write64(slot, value)
        return slot


def second_stage(memory, levels=4):
    """Empty second-stage tables."""
    return Tables(memory, R | W, R | W, levels)


def first_stage(memory, allocate=None, place=lambda addr: addr):
    """Empty first-stage tables; in nested mode they lie where `place` says."""
    return Tables(memory, P | RW | US, P | RW | US, 4, allocate, place)


class Unit:
    """One remapping unit with its root, context and PASID tables."""

    def __init__(self, machine, mode=SCALABLE):
        self.machine, self.mode = machine, mode
        self.memory = Memory(machine)
        self.root = self.memory.pages()
        self.contexts = self.memory.pages(2)
        self.directory = self.memory.pages()
        self.pasids = self.memory.pages()
        self.queue, self.tail = self.memory.pages(2), 0
        self.wide = mode == SCALABLE
        machine.write64(self.root, self.contexts | 1)
        machine.write64(self.directory, self.pasids | 1)

    def read(self, register, size=8):
        """Read a register."""
        return (self.machine.read64 if size == 8 else self.machine.read32)(BASE + register)

    def write(self, register, value, size=8):
        """Write a register."""
        (self.machine.write64 if size == 8 else self.machine.write32)(BASE + register, value)

    # Entries; each returns the address of what it wrote

    def context(self, slot, *, paside=True, dte=False, pre=False, pdts=0, fpd=False, present=True,
                qw0=0, qw1=0, qw2=0):
        """Scalable context entry of a slot on bus 0."""
        addr = self.contexts + slot * 8 * 32
        self.machine.write64(addr + 8, qw1)
        self.machine.write64(addr + 16, qw2)
        self.machine.write64(addr, self.directory | pdts << 9 | pre << 4 | paside << 3 | dte << 2
                             | fpd << 1 | present | qw0)
        return addr

    def legacy_context(self, slot, table, did, *, kind=0, aw=2, fpd=False, present=True, lo=0,
                       hi=0):
        """Legacy context entry of a slot on bus 0."""
        addr = self.contexts + slot * 8 * 16
        self.machine.write64(addr + 8, did << 8 | aw | hi)
        self.machine.write64(addr, table | kind << 2 | fpd << 1 | present | lo)
        return addr

    def pasid(self, pasid, kind, did, *, ss=0, fs=0, aw=2, ssade=False, pwsnp=False, sre=False,
              wpe=False, fpd=False, present=True, qw0=0, qw1=0, qw2=0, qw3=0):
        """PASID entry; PASIDs below 64 have their table, others get one each."""
        addr = self.pasid_table(pasid) + (pasid & 63) * 64
        words = [ss | ssade << 9 | kind << 6 | aw << 2 | fpd << 1 | present | qw0,
                 did | pwsnp << 23 | qw1, fs | wpe << 4 | sre | qw2, qw3, 0, 0, 0, 0]
        for index in reversed(range(8)):
            self.machine.write64(addr + index * 8, words[index])
        return addr

    def pasid_table(self, pasid):
        """Table that has a PASID's entry."""
        entry = self.directory + (pasid >> 6) * 8
        value = self.machine.read64(entry)
        if not value & ADDR:
            value = self.memory.pages() | 1
            self.machine.write64(entry, value)
        return value & ADDR

    # Commands

    def set_root(self):
        """SRTP."""
        self.write(RTADDR, self.root | self.mode << 10)
        self.write(GCMD, self.read(GSTS, 4) & ~SRTP | SRTP, 4)

    def enable(self):
        """Root table, queue, translation on."""
        self.set_root()
        self.write(IQA, self.queue | self.wide << 11)
        self.write(GCMD, QIE, 4)
        self.write(GCMD, QIE | TE, 4)

    def submit(self, *words):
        """Run one descriptor; True when the queue went on."""
        size = 32 if self.wide else 16
        words = [*words, 0, 0, 0, 0][:size // 8]
        for index, word in enumerate(words):
            self.machine.write64(self.queue + self.tail * size + index * 8, word)
        self.tail = (self.tail + 1) % (0x1000 // size)
        self.write(IQT, self.tail * size)
        return self.read(IQH) == self.tail * size

    def context_cache(self, kind=1, did=0, slot=0, mask=0):
        """Context-cache: 1 all, 2 domain, 3 device."""
        return self.submit(1 | kind << 4 | did << 16 | (slot << 3) << 32 | mask << 48)

    def iotlb(self, kind=1, did=0, addr=0, am=0, leaf=False):
        """IOTLB: 1 all, 2 domain, 3 pages."""
        return self.submit(2 | kind << 4 | did << 16, addr | leaf << 6 | am)

    def pasid_iotlb(self, did, pasid, addr=None, am=0, leaf=False):
        """IOTLB of a PASID, all or pages."""
        if addr is None:
            return self.submit(6 | 2 << 4 | did << 16 | pasid << 32)
        return self.submit(6 | 3 << 4 | did << 16 | pasid << 32, addr | leaf << 6 | am)

    def pasid_cache(self, kind=3, did=0, pasid=0):
        """PASID cache: 0 domain, 1 PASID, 3 all."""
        return self.submit(7 | kind << 4 | did << 16 | pasid << 32)

    def device_tlb(self, slot, addr, size=False):
        """Device TLB of requests without PASID."""
        return self.submit(3 | (slot << 3) << 32, addr | size)

    def pasid_device_tlb(self, slot, pasid, addr, size=False, everywhere=False):
        """Device TLB of a PASID, or of all."""
        return self.submit(8 | (slot << 3) << 16 | pasid << 32, addr | size << 11 | everywhere)

    def respond(self, slot, group, code=0, pasid=None):
        """Page group response."""
        present = pasid is not None
        return self.submit(9 | present << 4 | code << 12 | (slot << 3) << 16
                           | (pasid or 0) << 32, group << 3)

    def flush_all(self):
        """Everything that the unit caches."""
        self.context_cache()
        if self.wide:
            self.pasid_cache()
        self.iotlb()

    def fault(self):
        """The recorded fault as a dictionary, None without; it is cleared."""
        lo, hi = self.read(FRCD), self.read(FRCD + 8)
        self.write(FRCD + 8, 1 << 63)
        self.write(FSTS, 1, 4)
        if not hi >> 63:
            return None
        return {'reason': hi >> 32 & 0xff, 'addr': lo, 'sid': hi & 0xffff,
                'type': hi >> 61 & 2 | hi >> 28 & 1, 'at': hi >> 60 & 3, 'pp': hi >> 31 & 1,
                'exe': hi >> 30 & 1, 'priv': hi >> 29 & 1, 'pasid': hi >> 40 & 0xfffff}
