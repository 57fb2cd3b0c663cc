# SPDX-License-Identifier: GPL-2.0-only
"""Scenes: a unit, tables and a function that does DMA, and what one expects of it."""

from . import devices, vtd

UNTOUCHED = 0xee


class Watch:
    """Pages of memory that a test looks at, each filled before a try."""

    def __init__(self, machine):
        self.machine, self.pages, self.number = machine, [], 0

    def add(self, page):
        """Watch a page."""
        self.pages.append(page)
        self.machine.fill(page, 0x1000, UNTOUCHED)
        return page

    def clear(self):
        """Fill what was written."""
        for page in self.pages:
            self.machine.fill(page, 0x1000, UNTOUCHED)

    def touched(self):
        """Pages that something was written to."""
        return [p for p in self.pages
                if self.machine.read(p, 0x1000) != bytes([UNTOUCHED]) * 0x1000]

    def pattern(self):
        """Eight bytes that no page has."""
        self.number += 1
        return b'try%04d.' % self.number


class Scene:
    """A unit of the model and its test device."""

    def __init__(self, run, machine='exact', mode=vtd.SCALABLE, more=()):
        self.run = run
        self.machine = run.start(machine, devices.TestDevice.ARGS, more)
        self.unit = vtd.Unit(self.machine, mode)
        self.device = devices.TestDevice(self.machine)
        self.slot = self.device.slot
        self.watch = Watch(self.machine)
        self.memory = self.unit.memory

    def page(self):
        """A watched page."""
        return self.watch.add(self.memory.pages())

    def lands(self, name, addr, host, **attributes):
        """A write arrives at a host address, and nowhere else; a read fetches it."""
        self.watch.clear()
        data = self.watch.pattern()
        status = self.device.write(addr, data, **attributes)
        got, fault = self.machine.read(host, 8), self.unit.fault()
        touched = [p for p in self.watch.touched() if p != host & ~0xfff]
        self.run.check(name, status == devices.OK and got == data and not fault and not touched,
                       f'status {status}, {got}, fault {fault}, also {list(map(hex, touched))}')

    def reads(self, name, addr, host, **attributes):
        """A read fetches what lies at a host address."""
        data = self.watch.pattern()
        self.machine.write(host, data)
        got, fault = self.device.read(addr, 8, **attributes), self.unit.fault()
        self.run.check(name, got == data and not fault, f'{got}, fault {fault}')

    def blocked(self, name, addr, reason, write=True, recorded=None, **attributes):
        """An access is refused with a fault, and no byte is written."""
        self.watch.clear()
        self.unit.fault()
        if write:
            refused = self.device.write(addr, self.watch.pattern(),
                                        **attributes) == devices.REFUSED
        else:
            refused = self.device.read(addr, 8, **attributes) is None
        fault, touched = self.unit.fault(), self.watch.touched()
        wanted = {'addr': addr & ~0xfff, 'sid': self.slot << 3, 'type': 0 if write else 2,
                  'at': 0, **(recorded or {})}
        reasons = reason if isinstance(reason, tuple) else (reason,)
        good = fault and fault['reason'] in reasons and \
            all(fault[key] == value for key, value in wanted.items())
        self.run.check(f'{name}: fault {" or ".join(map(hex, reasons))}', refused and good,
                       f'refused {refused}, fault {fault}, wanted {wanted}')
        self.run.check(f'{name}: no byte written', not touched, list(map(hex, touched)))

    def refuses(self, name, reason, slot, value, addr, host, flush=None, **attributes):
        """With an entry changed an access faults; with it mended it works again."""
        flush = flush or self.unit.flush_all
        old = self.machine.read64(slot)
        self.machine.write64(slot, value)
        flush()
        self.blocked(name, addr, reason, **attributes)
        self.machine.write64(slot, old)
        flush()
        if attributes.get('write', True):
            self.lands(f'{name}: mended', addr, host)
        else:
            self.reads(f'{name}: mended', addr, host)


class SecondStageScene(Scene):
    """Requests without PASID go through the second stage, of domain 4."""

    DID = 4

    def __init__(self, run, machine='exact', more=(), **entry):
        super().__init__(run, machine, more=more)
        self.tables = vtd.second_stage(self.memory)
        self.entry = {'ss': self.tables.root, **entry}
        self.unit.context(self.slot, paside=False)
        self.unit.pasid(0, vtd.SS, self.DID, **self.entry)
        self.unit.enable()

    def map(self, iova, **options):
        """Map a watched page; return (slot, host address)."""
        host = self.page()
        return self.tables.map(iova, host, **options), host


class FirstStageScene(Scene):
    """Requests without PASID go through the first stage, of domain 5."""

    DID = 5

    def __init__(self, run, machine='exact', **entry):
        super().__init__(run, machine)
        self.tables = vtd.first_stage(self.memory)
        self.entry = {'fs': self.tables.root, 'pwsnp': True, **entry}
        self.unit.context(self.slot, paside=machine == 'exact')
        self.unit.pasid(0, vtd.FS, self.DID, **self.entry)
        self.unit.enable()

    map = SecondStageScene.map


class NestedScene(Scene):
    """Requests without PASID go through both stages, of domain 9.

    Each guest page lies somewhere else in host memory; no guest address is a host address
    that anything is at.
    """

    DID = 9
    GUEST = 0x40_0000_0000

    def __init__(self, run, machine='exact', **entry):
        super().__init__(run, machine)
        self.second = vtd.second_stage(self.memory)
        self.guest, self.next = {}, self.GUEST
        self.first = vtd.first_stage(self.memory, self.guest_page, self.host_of)
        self.entry = {'ss': self.second.root, 'fs': self.first.root, 'pwsnp': True,
                      'ssade': machine == 'exact', **entry}
        self.unit.context(self.slot, paside=True)
        self.unit.pasid(0, vtd.NESTED, self.DID, **self.entry)
        self.unit.enable()

    def guest_page(self):
        """Guest address of a new page."""
        gpa, host = self.next, self.memory.pages()
        self.next += 0x3000
        self.guest[gpa] = host
        self.second.map(gpa, host)
        return gpa

    def host_of(self, gpa):
        """Host address of a guest address."""
        return self.guest[gpa & ~0xfff] | gpa & 0xfff

    def map(self, iova):
        """Map an address to a watched guest page: (first slot, second slot, host address)."""
        gpa = self.guest_page()
        host = self.watch.add(self.guest[gpa])
        return self.first.map(iova, gpa), self.second.slot(gpa), host

    def table_slot(self, iova, level):
        """Second-stage entry of the page that holds the first-stage table of a level."""
        host = self.first.slot(iova, level) & ~0xfff
        gpa = next(g for g, h in self.guest.items() if h == host)
        return self.second.slot(gpa)
