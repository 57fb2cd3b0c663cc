# SPDX-License-Identifier: GPL-2.0-only
"""SMMUv3 by hand: registers, structures and commands, as Arm IHI 0070 (G.b) describes them."""

from .vtd import Memory

BASE = 0x09050000
IDR0, IDR1, IDR3, IDR5, CR0, CR0ACK, CR2 = 0x00, 0x04, 0x0c, 0x14, 0x20, 0x24, 0x2c
GBPA, GERROR, GERRORN, STRTAB_BASE, STRTAB_CFG = 0x44, 0x60, 0x64, 0x80, 0x88
CMDQ_BASE, CMDQ_PROD, CMDQ_CONS, EVENTQ_BASE = 0x90, 0x98, 0x9c, 0xa0
EVENTQ_PROD, EVENTQ_CONS = 0x100a8, 0x100ac
SMMUEN, EVENTQEN, CMDQEN, ATSCHK = 1, 4, 8, 16
RECINVSID = 2

ABORT, BYPASS, S1, S2, NESTED = 0, 4, 5, 6, 7       # STE.Config
TERMINATE, PASS, SSID0 = 0, 1, 2                    # STE.S1DSS
LINEAR, LEAF_4K, LEAF_64K = 0, 1, 2                 # STE.S1Fmt

(F_UUT, C_BAD_STREAMID, F_STE_FETCH, C_BAD_STE, F_BAD_ATS_TREQ, F_STREAM_DISABLED,
 F_TRANSL_FORBIDDEN, C_BAD_SUBSTREAMID, F_CD_FETCH, C_BAD_CD, F_WALK_EABT) = range(1, 12)
F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION = range(0x10, 0x14)
CLASS_CD, CLASS_TT, CLASS_IN = range(3)

# Descriptors (Arm ARM D8.3)
AF, NG, DBM = 1 << 10, 1 << 11, 1 << 51
USER, READ_ONLY, PXN, UXN = 1 << 6, 1 << 7, 1 << 53, 1 << 54
S2_R, S2_W, S2_NORMAL = 1 << 6, 1 << 7, 0xf << 2
LEAF_S1 = AF | NG | USER | 3 << 8
LEAF_S2 = AF | S2_R | S2_W | S2_NORMAL | 3 << 8
APTABLE_RO, APTABLE_NO_USER = 1 << 62, 1 << 61
OAS = 44


class Tables:
    """Translation tables of one granule, built where `place` says an address lies."""

    def __init__(self, memory, leaf, bits=44, granule=12, allocate=None, place=lambda addr: addr,
                 level=None, root_pages=1):
        self.machine, self.leaf, self.place = memory.machine, leaf, place
        self.granule, self.bits = granule, bits
        self.pages = 1 << granule - 12
        self.allocate = allocate or (lambda: memory.aligned(self.pages))
        self.level = 3 - (bits - 1 - granule) // (granule - 3) if level is None else level
        self.root = self.allocate() if root_pages == 1 else \
            memory.aligned(root_pages * self.pages)

    def shift(self, level):
        """log2 of what an entry of a level covers."""
        return self.granule + (3 - level) * (self.granule - 3)

    def _index(self, addr, level):
        index = (addr & (1 << self.bits) - 1) >> self.shift(level)
        return index if level == self.level else index & (1 << self.granule - 3) - 1

    def slot(self, addr, level=3):
        """Host address of an entry; tables on the way to it are made."""
        table = self.root
        for above in range(self.level, level):
            entry = self.place(table + self._index(addr, above) * 8)
            value = self.machine.read64(entry)
            if not value & 1:
                value = self.allocate() | 3
                self.machine.write64(entry, value)
            table = value & 0xffff_ffff_f000
        return self.place(table + self._index(addr, level) * 8)

    def map(self, addr, target, level=3, bits=None):
        """Enter a leaf; return its host address."""
        slot = self.slot(addr, level)
        self.machine.write64(slot, target | (self.leaf if bits is None else bits)
                             | (3 if level == 3 else 1))
        return slot


class Pages(Memory):
    """Memory of the board."""

    def __init__(self, machine):
        super().__init__(machine, 0x41000000)

    def aligned(self, count):
        """Pages whose address is a multiple of their size."""
        size = count * 0x1000
        self.next = (self.next + size - 1) & -size
        return self.pages(count)


def first_stage(memory, allocate=None, place=lambda addr: addr, **options):
    """Empty tables of stage 1; in nested mode they lie where `place` says."""
    return Tables(memory, LEAF_S1, allocate=allocate, place=place, **options)


def second_stage(memory, **options):
    """Empty tables of stage 2, for 40 bits: level 1, two tables in one."""
    return Tables(memory, LEAF_S2, **{'bits': 40, 'level': 1, 'root_pages': 2, **options})


TG0 = {12: 0, 16: 1, 14: 2}
TG1 = {12: 2, 14: 1, 16: 3}


def context_descriptor(low=None, high=None, *, asid=0, aset=True, ips=4, ha=False, hd=False,
                       affd=False, stall=False, record=True, abort=True, valid=True, word0=0,
                       word1=0):
    """Eight double-words of a CD (5.4); `low` and `high` are tables."""
    half0 = 1 << 14 if low is None else 64 - low.bits | TG0[low.granule] << 6
    half1 = 1 << 14 if high is None else 64 - high.bits | TG1[high.granule] << 6
    flags = (ips << 32 | affd << 35 | 1 << 41 | hd << 42 | ha << 43 | stall << 44 | record << 45
             | abort << 46 | aset << 47 | asid << 48)
    return [(half0 | half1 << 16 | valid << 31 | flags) ^ word0, (low.root if low else 0) | word1,
            high.root if high else 0, 0, 0, 0, 0, 0]


def stream_entry(config, *, context=0, fmt=LINEAR, cdmax=0, s1dss=0, tables=None, vmid=0, ps=4,
                 eats=0, stalld=False, s2ha=False, s2hd=False, affd=False, s2s=False, s2r=True,
                 ptw=False, valid=True, word0=0, word1=0, word2=0):
    """Eight double-words of an STE (5.2); `tables` are those of stage 2."""
    words = [valid | config << 1 | fmt << 4 | context | cdmax << 59,
             s1dss | stalld << 27 | eats << 28 | 1 << 44, vmid, 0, 0, 0, 0, 0]
    if tables:
        sl0 = (2 if tables.granule == 12 else 3) - tables.level
        words[2] |= (64 - tables.bits << 32 | sl0 << 38 | TG0[tables.granule] << 46 | ps << 48
                     | 1 << 51 | affd << 53 | ptw << 54 | s2hd << 55 | s2ha << 56 | s2s << 57
                     | s2r << 58)
        words[3] = tables.root
    return [words[0] ^ word0, words[1] ^ word1, words[2] ^ word2, *words[3:]]


class Unit:
    """One SMMU with a stream table for bus 0, a command queue and an event queue."""

    LOG2 = 7                            # entries of the queues

    def __init__(self, machine, split=0):
        self.machine, self.memory = machine, Pages(machine)
        self.commands = self.memory.aligned(1)
        self.events = self.memory.aligned(1)
        self.tail = self.seen = 0
        self.split = split
        self.streams = self.memory.aligned(4)
        self.write(CMDQ_BASE, self.commands | self.LOG2)
        self.write(EVENTQ_BASE, self.events | self.LOG2)
        if split:
            self.first = self.memory.pages()
            for index in range(256 >> split):
                machine.write64(self.first + index * 8, self.streams + (index << split) * 64
                                | split + 1)
            self.write(STRTAB_BASE, self.first)
            self.write(STRTAB_CFG, 8 | split << 6 | 1 << 16, 4)
        else:
            self.write(STRTAB_BASE, self.streams)
            self.write(STRTAB_CFG, 8, 4)

    def read(self, register, size=4):
        """Read a register."""
        return (self.machine.read64 if size == 8 else self.machine.read32)(BASE + register)

    def write(self, register, value, size=8):
        """Write a register."""
        (self.machine.write64 if size == 8 else self.machine.write32)(BASE + register, value)

    def enable(self, flags=SMMUEN | EVENTQEN | CMDQEN, cr2=RECINVSID):
        """Queues and translation on."""
        self.write(CR2, cr2, 4)
        self.write(CR0, flags, 4)

    def structure(self, addr, words):
        """Write a structure, its first word last."""
        for index in reversed(range(len(words))):
            self.machine.write64(addr + index * 8, words[index])
        return addr

    def stream(self, slot, *args, **fields):
        """STE of a slot on bus 0; return its address."""
        return self.structure(self.streams + (slot << 3) * 64, stream_entry(*args, **fields))

    # Commands (chapter 4)

    def submit(self, lo, hi=0):
        """Run one command; True when it was legal. An illegal one is replaced by CMD_SYNC."""
        mask = (1 << self.LOG2) - 1
        entry = self.commands + (self.tail & mask) * 16
        self.machine.write64(entry, lo)
        self.machine.write64(entry + 8, hi)
        self.tail = self.tail + 1 & (mask << 1 | 1)
        self.write(CMDQ_PROD, self.tail, 4)
        good = not (self.read(GERROR) ^ self.read(GERRORN)) & 1
        if not good:
            self.cerror = self.read(CMDQ_CONS) >> 24 & 0x7f
            self.machine.write64(entry, 0x46)
            self.machine.write64(entry + 8, 0)
            self.write(GERRORN, self.read(GERRORN) ^ 1, 4)
        return good and self.read(CMDQ_CONS) & (mask << 1 | 1) == self.tail

    def cfgi_ste(self, slot, leaf=True):
        """CMD_CFGI_STE."""
        return self.submit(0x03 | slot << 35, leaf)

    def cfgi_range(self, slot, size):
        """CMD_CFGI_STE_RANGE; 31 is CMD_CFGI_ALL."""
        return self.submit(0x04 | slot << 35, size)

    def cfgi_cd(self, slot, ssid=0, leaf=True):
        """CMD_CFGI_CD."""
        return self.submit(0x05 | ssid << 12 | slot << 35, leaf)

    def cfgi_cd_all(self, slot):
        """CMD_CFGI_CD_ALL."""
        return self.submit(0x06 | slot << 35)

    def nh_all(self, vmid=0):
        """CMD_TLBI_NH_ALL."""
        return self.submit(0x10 | vmid << 32)

    def nh_asid(self, asid, vmid=0):
        """CMD_TLBI_NH_ASID."""
        return self.submit(0x11 | vmid << 32 | asid << 48)

    @staticmethod
    def _range(addr, leaf, num, scale, tg, ttl):
        return num << 12 | scale << 20, addr | leaf | ttl << 8 | tg << 10

    def nh_va(self, asid, addr, vmid=0, leaf=True, num=0, scale=0, tg=0, ttl=0):
        """CMD_TLBI_NH_VA."""
        lo, hi = self._range(addr, leaf, num, scale, tg, ttl)
        return self.submit(0x12 | lo | vmid << 32 | asid << 48, hi)

    def nh_vaa(self, addr, vmid=0, leaf=True, num=0, scale=0, tg=0, ttl=0):
        """CMD_TLBI_NH_VAA."""
        lo, hi = self._range(addr, leaf, num, scale, tg, ttl)
        return self.submit(0x13 | lo | vmid << 32, hi)

    def s12_vmall(self, vmid):
        """CMD_TLBI_S12_VMALL."""
        return self.submit(0x28 | vmid << 32)

    def s2_ipa(self, vmid, addr, leaf=True, num=0, scale=0, tg=0, ttl=0):
        """CMD_TLBI_S2_IPA."""
        lo, hi = self._range(addr, leaf, num, scale, tg, ttl)
        return self.submit(0x2a | lo | vmid << 32, hi)

    def nsnh_all(self):
        """CMD_TLBI_NSNH_ALL."""
        return self.submit(0x30)

    def atc_inv(self, slot, addr, size=0, ssid=None, everywhere=False):
        """CMD_ATC_INV; `everywhere` is Global."""
        return self.submit(0x40 | everywhere << 9 | (ssid is not None) << 11 | (ssid or 0) << 12
                           | slot << 35, addr | size)

    def pri_resp(self, slot, index, code, ssid=None):
        """CMD_PRI_RESP."""
        return self.submit(0x41 | (ssid is not None) << 11 | (ssid or 0) << 12 | slot << 35,
                           index | code << 12)

    def resume(self, slot, stag, action):
        """CMD_RESUME; `action` has Ac in bit 0 and Ab in bit 1."""
        return self.submit(0x44 | action << 12 | slot << 35, stag)

    def stall_term(self, slot):
        """CMD_STALL_TERM."""
        return self.submit(0x45 | slot << 35)

    def sync(self, signal=0):
        """CMD_SYNC."""
        return self.submit(0x46 | signal << 12)

    def flush_all(self):
        """Everything that the unit caches."""
        self.cfgi_range(0, 31)
        self.nsnh_all()
        self.sync()

    # Events (7.3)

    def fault(self):
        """The oldest event as a dictionary, None without; all are taken from the queue."""
        prod = self.read(EVENTQ_PROD)
        first = None
        if prod != self.seen:
            entry = self.events + (self.seen & (1 << self.LOG2) - 1) * 32
            first = self.decode([self.machine.read64(entry + n * 8) for n in range(4)])
            first['count'] = prod - self.seen & (2 << self.LOG2) - 1
        self.seen = prod
        self.write(EVENTQ_CONS, prod, 4)
        return first

    @staticmethod
    def decode(words):
        """Fields of an event record."""
        return {'number': words[0] & 0xff, 'sid': words[0] >> 32, 'ssv': words[0] >> 11 & 1,
                'ssid': words[0] >> 12 & 0xfffff, 'stag': words[1] & 0xffff,
                'stall': words[1] >> 31 & 1, 'pnu': words[1] >> 33 & 1, 'ind': words[1] >> 34 & 1,
                'rnw': words[1] >> 35 & 1, 's2': words[1] >> 39 & 1, 'class': words[1] >> 40 & 3,
                'ttrnw': words[1] >> 44 & 1, 'addr': words[2], 'ipa': words[3]}
