# SPDX-License-Identifier: GPL-2.0-only
"""Functions that do DMA: edu, which every QEMU has, and the test device."""

OK, BAD, REFUSED, MISS, NO_RIGHTS, DISABLED, STALLED = range(7)
(ADDR, LEN, ATTR, GROUP, CMD, SCRIPT, PERIOD, CLEAR, XLAT, XMASK, XPERM, INV_COUNT, INV_ADDR,
 INV_MASK, INV_PASID, RESP_COUNT, RESP, TLB_COUNT, REFUSALS, DONE, LEFT,
 STALLS) = range(22)
(READ, WRITE, ATS, ATS_NO_WRITE, TLB_READ, TLB_WRITE, PAGE_REQUEST, TLB_FLUSH, RAW_READ,
 RAW_WRITE) = range(1, 11)
NO_PASID = 0xffffffff


class Edu:
    """The edu device. It does not say how its DMA ended."""

    SLOT = 4
    ARGS = ('-device', 'edu,addr=4,dma_mask=0xffffffffffffffff')

    def __init__(self, machine):
        self.machine, self.slot, self.bar = machine, self.SLOT, machine.board.bars
        machine.write32(machine.config(self.SLOT, 0x10), self.bar)
        machine.write32(machine.config(self.SLOT, 4), 6)

    def transfer(self, source, target, size, to_memory):
        """Run one transfer."""
        self.machine.write64(self.bar + 0x80, source)
        self.machine.write64(self.bar + 0x88, target)
        self.machine.write64(self.bar + 0x90, size)
        self.machine.write64(self.bar + 0x98, 3 if to_memory else 1)
        self.machine.step(200_000_000)

    def fetch(self, addr, size):
        """Memory to buffer."""
        self.transfer(addr, 0x40000, size, False)

    def store(self, addr, size):
        """Buffer to memory."""
        self.transfer(0x40000, addr, size, True)


class TestDevice:
    """The test device."""

    SLOT = 5
    BUFFER, SCRIPT = 0x2000, 0x1000
    ATS_CAP, PASID_CAP, PRI_CAP = 0x100, 0x110, 0x120
    ARGS = ('-device', 'dma-testdev,addr=5')

    def __init__(self, machine, slot=SLOT, bar=None):
        self.machine, self.slot = machine, slot
        self.bar = bar or machine.board.bars + 0x100000
        machine.write32(machine.config(slot, 0x10), self.bar)
        machine.write32(machine.config(slot, 4), 6)

    def get(self, register):
        """Read a register."""
        return self.machine.read64(self.bar + register * 8)

    def set(self, register, value):
        """Write a register."""
        self.machine.write64(self.bar + register * 8, value)

    def enable_pasid(self, bits=7):
        """PASID control: enable, execute, privileged."""
        self.control(self.PASID_CAP + 6, bits)

    def enable_ats(self, on=True):
        """ATS control."""
        self.control(self.ATS_CAP + 6, on << 15)

    def enable_pri(self, on=True):
        """PRI control."""
        self.control(self.PRI_CAP + 4, int(on))

    def control(self, offset, value):
        """Write a 16-bit register of the configuration space."""
        self.machine.command('writew', hex(self.machine.config(self.slot, offset)), hex(value))

    def status(self, offset):
        """Read a 16-bit register of the configuration space."""
        return int(self.machine.command('readw',
                                        hex(self.machine.config(self.slot, offset)))[0], 0)

    @staticmethod
    def attributes(pasid, priv, execute):
        """Value of the attribute register."""
        return (0 if pasid is None else pasid | 1 << 31) | priv << 32 | execute << 33

    def run(self, command, addr=0, size=8, pasid=None, priv=False, execute=False):
        """Run a command; return how it ended."""
        self.set(ADDR, addr)
        self.set(LEN, size)
        self.set(ATTR, self.attributes(pasid, priv, execute))
        self.set(CMD, command)
        return self.get(CMD)

    def write(self, addr, data, command=WRITE, **attributes):
        """Write bytes; return how it ended."""
        self.machine.write(self.bar + self.BUFFER, data)
        return self.run(command, addr, len(data), **attributes)

    def read(self, addr, size, command=READ, **attributes):
        """Read bytes; return them, None when refused."""
        self.machine.fill(self.bar + self.BUFFER, size, 0xa5)
        if self.run(command, addr, size, **attributes) != OK:
            return None
        return self.machine.read(self.bar + self.BUFFER, size)

    def request_page(self, addr, group, read=True, write=False, last=True, **attributes):
        """Send a page request."""
        self.set(GROUP, group | read << 16 | write << 17 | last << 18)
        return self.run(PAGE_REQUEST, addr, **attributes)

    def completion(self):
        """The last ATS completion: host address, mask, rights."""
        return self.get(XLAT), self.get(XMASK), self.get(XPERM)
