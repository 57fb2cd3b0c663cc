# SPDX-License-Identifier: GPL-2.0-only
"""Scenes with an SMMU: tables, a function that does DMA, and what one expects of it."""

from . import devices, smmu
from .scene import Scene, Watch

# Whether a record has the fields of a translation event (7.3.13)
TRANSLATION = (smmu.F_WALK_EABT, smmu.F_TRANSLATION, smmu.F_ADDR_SIZE, smmu.F_ACCESS,
               smmu.F_PERMISSION)


class SmmuScene(Scene):
    """An SMMU and the test device; its stream has no entry yet."""

    def __init__(self, run, machine='smmu', more=(), split=0):     # pylint: disable=W0231
        self.run = run
        self.machine = run.start(machine, devices.TestDevice.ARGS, more)
        self.unit = smmu.Unit(self.machine, split)
        self.device = devices.TestDevice(self.machine)
        self.slot = self.device.slot
        self.watch = Watch(self.machine)
        self.memory = self.unit.memory
        self.unit.enable()

    def expected(self, number, addr, write, ssid, priv, execute):
        """Fields of the event of an access."""
        fields = {'number': number, 'sid': self.slot << 3}
        if ssid is not None:
            # QEMU sends a request without PASID, in two halves when it is refused
            fields['count'] = 1
        if number not in (smmu.F_STREAM_DISABLED, smmu.C_BAD_SUBSTREAMID):
            fields.update(ssv=int(ssid is not None), ssid=ssid or 0)
        if number in TRANSLATION:
            fields.update(addr=addr, rnw=int(not write), pnu=int(priv), ind=int(execute),
                          s2=0, stall=0, **{'class': smmu.CLASS_IN})
        return fields

    def blocked(self, name, addr, reason, write=True, recorded=None, pasid=None, priv=False,
                execute=False, **attributes):
        """An access is refused with an event (None for no event), and no byte is written."""
        attributes = {**attributes, 'pasid': pasid, 'priv': priv, 'execute': execute}
        self.watch.clear()
        self.unit.fault()
        if write:
            refused = self.device.write(addr, self.watch.pattern(),
                                        **attributes) == devices.REFUSED
        else:
            refused = self.device.read(addr, 8, **attributes) is None
        fault, touched = self.unit.fault(), self.watch.touched()
        if reason is None:
            self.run.check(f'{name}: refused without an event', refused and not fault, fault)
        else:
            wanted = {**self.expected(reason, addr, write, pasid, priv, execute),
                      **(recorded or {})}
            good = fault and all(fault[key] == value for key, value in wanted.items())
            self.run.check(f'{name}: event {reason:#04x}', refused and good,
                           f'refused {refused}, event {fault}, wanted {wanted}')
        self.run.check(f'{name}: no byte written', not touched, list(map(hex, touched)))

    def stream(self, *args, **fields):
        """Write the STE of the test device and flush all."""
        addr = self.unit.stream(self.slot, *args, **fields)
        self.unit.flush_all()
        return addr

    def descriptor(self, addr, *tables, **fields):
        """Write a CD."""
        return self.unit.structure(addr, smmu.context_descriptor(*tables, **fields))

    def page_at(self, tables, iova, **options):
        """Map a watched page; (slot, host address)."""
        host = self.page()
        return tables.map(iova, host, **options), host


class Stage1Scene(SmmuScene):
    """Stage 1 with one CD: ASID 7, VMID 0."""

    ASID = 7

    def __init__(self, run, machine='smmu', split=0, entry=None, more=(), **fields):
        super().__init__(run, machine, more, split)
        self.tables = smmu.first_stage(self.memory)
        self.context = self.memory.pages()
        self.fields = {'asid': self.ASID, **fields}
        self.descriptor(self.context, self.tables, **self.fields)
        self.entry = {'context': self.context, **(entry or {})}
        self.stream(smmu.S1, **self.entry)

    def map(self, iova, **options):
        """Map a watched page; (slot, host address)."""
        return self.page_at(self.tables, iova, **options)


class Stage2Scene(SmmuScene):
    """Stage 2 alone: VMID 4."""

    VMID = 4

    def __init__(self, run, machine='smmu', more=(), **entry):
        super().__init__(run, machine, more)
        self.tables = smmu.second_stage(self.memory)
        self.entry = {'tables': self.tables, 'vmid': self.VMID, **entry}
        self.stream(smmu.S2, **self.entry)

    map = Stage1Scene.map


class SmmuNestedScene(SmmuScene):
    """Both stages: VMID 9, ASID 7; no intermediate address is that of a page of the host."""

    VMID, ASID = 9, 7
    GUEST = 0x40_0000_0000

    def __init__(self, run, machine='smmu', entry=None, more=(), **fields):
        super().__init__(run, machine, more)
        self.second = smmu.second_stage(self.memory)
        self.guest, self.next = {}, self.GUEST
        self.first = smmu.first_stage(self.memory, self.guest_page, self.host_of)
        self.context = self.guest_page()
        self.fields = {'asid': self.ASID, **fields}
        self.descriptor(self.host_of(self.context), self.first, **self.fields)
        self.entry = {'context': self.context, 'tables': self.second, 'vmid': self.VMID,
                      **(entry or {})}
        self.stream(smmu.NESTED, **self.entry)

    def guest_page(self):
        """Intermediate address of a new page."""
        ipa, host = self.next, self.memory.pages()
        self.next += 0x3000
        self.guest[ipa] = host
        self.second.map(ipa, host)
        return ipa

    def host_of(self, ipa):
        """Host address of an intermediate address."""
        return self.guest[ipa & ~0xfff] | ipa & 0xfff

    def map(self, iova):
        """Map an address: (slot of stage 1, slot of stage 2, host address)."""
        ipa = self.guest_page()
        host = self.watch.add(self.guest[ipa])
        return self.first.map(iova, ipa), self.second.slot(ipa), host

    def ipa_of(self, host):
        """Intermediate address of a host address."""
        return next(g for g, h in self.guest.items() if h == host & ~0xfff) | host & 0xfff

    def table_slot(self, iova, level):
        """Stage-2 entry of the page that holds the stage-1 table of a level."""
        return self.second.slot(self.ipa_of(self.first.slot(iova, level)) & ~0xfff)


class SubstreamScene(SmmuScene):
    """Stage 1 with a table of CDs; each substream has tables and an ASID of its own."""

    def __init__(self, run, machine='smmu', fmt=smmu.LINEAR, cdmax=5, s1dss=smmu.SSID0, more=(),
                 **entry):
        super().__init__(run, machine, more)
        self.fmt, self.leaf = fmt, {smmu.LINEAR: cdmax, smmu.LEAF_4K: 6, smmu.LEAF_64K: 10}[fmt]
        size = 64 << cdmax if fmt == smmu.LINEAR else 8 << max(cdmax - self.leaf, 0)
        self.table = self.memory.aligned(max(size >> 12, 1))
        self.entry = {'context': self.table, 'fmt': fmt, 'cdmax': cdmax, 's1dss': s1dss, **entry}
        self.stream(smmu.S1, **self.entry)
        self.device.enable_pasid()

    def slot_of(self, ssid):
        """Address of a level-1 descriptor."""
        return self.table + (ssid >> self.leaf) * 8

    def cd_address(self, ssid):
        """Address of a CD; its leaf is made."""
        if self.fmt == smmu.LINEAR:
            return self.table + ssid * 64
        leaf = self.machine.read64(self.slot_of(ssid))
        if not leaf & 1:
            leaf = self.memory.aligned((64 << self.leaf) >> 12) | 1
            self.machine.write64(self.slot_of(ssid), leaf)
        return (leaf & ~1) + (ssid & (1 << self.leaf) - 1) * 64

    def substream(self, ssid, asid, tables=None, **fields):
        """Enter a CD; return its tables."""
        tables = tables or smmu.first_stage(self.memory)
        self.descriptor(self.cd_address(ssid), tables, asid=asid, **fields)
        return tables
