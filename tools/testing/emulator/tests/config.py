# SPDX-License-Identifier: GPL-2.0-only
"""Root, context and PASID entries: what they permit and how they fail (9.1 to 9.6, 7.1.3)."""

from emutest import devices, vtd
from emutest.scene import FirstStageScene, NestedScene, Scene, SecondStageScene
from emutest.suite import case

IOVA = 0x12345000


@case()
def root_entries(run):
    """The halves of a scalable root entry."""
    scene = SecondStageScene(run)
    machine, unit = scene.machine, scene.unit
    _, host = scene.map(IOVA)
    scene.lands('control', IOVA, host)
    scene.refuses('not present', 0x39, unit.root, 0, IOVA, host)
    scene.refuses('reserved bit', 0x3a, unit.root, unit.contexts | 1 | 1 << 5, IOVA, host)
    scene.refuses('context table outside of memory', 0x40, unit.root, 0x3fff_ffff_f001, IOVA,
                  host)
    machine.write64(unit.root + 8, 1 << 5 | 1)
    unit.flush_all()
    scene.lands('the other half does not matter', IOVA, host)


@case()
def root_modes(run):
    """RTADDR.TTM takes effect at SRTP."""
    scene = SecondStageScene(run)
    unit = scene.unit
    _, host = scene.map(IOVA)
    unit.write(vtd.RTADDR, unit.root | 2 << 10)
    scene.lands('RTADDR alone changes nothing', IOVA, host)
    unit.mode = 2
    unit.set_root()
    scene.blocked('reserved mode', IOVA, 0x30)
    unit.mode = 1
    unit.set_root()
    scene.lands('scalable mode again', IOVA, host)


@case()
def upper_half(run):
    """Devices 16 and above use the upper half."""
    machine = run.start('scalable', ('-device', 'dma-testdev,addr=0x11'))
    unit = vtd.Unit(machine)
    device = devices.TestDevice(machine, slot=0x11)
    tables = vtd.second_stage(unit.memory)
    host = unit.memory.pages()
    tables.map(IOVA, host)
    upper = unit.memory.pages()
    machine.write64(unit.root + 8, upper | 1)
    machine.write64(upper + (0x11 * 8 - 0x80) * 32, unit.directory | 1)
    unit.pasid(0, vtd.SS, 4, ss=tables.root)
    unit.enable()
    run.check('upper half is used', device.write(IOVA, b'upperhlf') == devices.OK
              and machine.read(host, 8) == b'upperhlf', unit.fault())
    machine.write64(unit.root + 8, 0)
    unit.flush_all()
    refused, fault = device.write(IOVA, b'12345678'), unit.fault()
    run.check('upper half not present: fault 0x39', refused == devices.REFUSED
              and fault and fault['reason'] == 0x39, fault)


@case()
def context_entries(run):
    """Present, reserved bits, FPD."""
    scene = SecondStageScene(run)
    machine, unit = scene.machine, scene.unit
    _, host = scene.map(IOVA)
    entry = unit.contexts + scene.slot * 8 * 32
    value = machine.read64(entry)
    scene.refuses('not present', 0x41, entry, value & ~1, IOVA, host)
    for bit in (5, 8, 48, 63):
        scene.refuses(f'bit {bit}', 0x42, entry, value | 1 << bit, IOVA, host)
    for bit in (20, 21, 63):
        scene.refuses(f'bit {64 + bit}', 0x42, entry + 8, 1 << bit, IOVA, host)
    for word in (2, 3):
        scene.refuses(f'quadword {word}', 0x42, entry + word * 8, 1, IOVA, host)
    machine.write64(entry + 8, 5)
    unit.flush_all()
    scene.lands('RID_PASID is ignored without RPS', IOVA, host)
    machine.write64(entry + 8, 0)
    scene.refuses('PASID directory outside of memory', 0x50, entry, 0x3fff_ffff_f009, IOVA, host)
    machine.write64(entry, (value | 2) & ~1)
    unit.flush_all()
    run.check('not present, FPD: refused without a record',
              scene.device.write(IOVA, b'12345678') == devices.REFUSED and not unit.fault())


@case()
def context_capabilities(run):
    """Bits of what the unit lacks are reserved."""
    scene = SecondStageScene(run, 'scalable')
    _, host = scene.map(IOVA)
    entry = scene.unit.contexts + scene.slot * 8 * 32
    value = scene.machine.read64(entry)
    scene.lands('control', IOVA, host)
    for bit, name in ((2, 'DTE'), (3, 'PASIDE'), (4, 'PRE')):
        scene.refuses(name, 0x42, entry, value | 1 << bit, IOVA, host)


@case()
def rid_pasid(run):
    """With RPS requests without PASID use RID_PASID."""
    scene = Scene(run, 'rps')
    unit, machine = scene.unit, scene.machine
    tables = vtd.second_stage(scene.memory)
    host = scene.page()
    tables.map(IOVA, host)
    unit.context(scene.slot, qw1=5)
    unit.pasid(5, vtd.SS, 4, ss=tables.root)
    unit.enable()
    scene.lands('entry of RID_PASID', IOVA, host)
    machine.write64(unit.pasids + 5 * 64, 0)
    unit.flush_all()
    scene.blocked('its entry is not present', IOVA, 0x59, recorded={'pp': 0, 'pasid': 0})
    unit.context(scene.slot, qw1=1 << 13)
    unit.flush_all()
    scene.blocked('RID_PASID above PDTS', IOVA, 0x43)


@case()
def directory_entries(run):
    """PASID directory entries."""
    scene = SecondStageScene(run)
    unit = scene.unit
    _, host = scene.map(IOVA)
    scene.refuses('not present', 0x51, unit.directory, 0, IOVA, host)
    for bit in (2, 11, 48, 63):
        scene.refuses(f'bit {bit}', 0x52, unit.directory, unit.pasids | 1 | 1 << bit, IOVA, host)
    scene.refuses('table outside of memory', 0x58, unit.directory, 0x3fff_ffff_f001, IOVA, host)
    scene.machine.write64(unit.directory, 2)
    unit.flush_all()
    run.check('not present, FPD: refused without a record',
              scene.device.write(IOVA, b'12345678') == devices.REFUSED and not unit.fault())


def entry_bits(scene, host, reserved, ignored):
    """Try bits of PASID entry 0."""
    base = scene.unit.pasids
    for bit in reserved:
        slot = base + bit // 64 * 8
        scene.refuses(f'bit {bit} is reserved', 0x5a, slot,
                      scene.machine.read64(slot) | 1 << bit % 64, IOVA, host)
    for bit in ignored:
        slot = base + bit // 64 * 8
        old = scene.machine.read64(slot)
        scene.machine.write64(slot, old | 1 << bit % 64)
        scene.unit.flush_all()
        scene.lands(f'bit {bit} is ignored', IOVA, host)
        scene.machine.write64(slot, old)


ALWAYS = (5, 10, 11, 80, 86, 88, 89, 90, 95, 96, 127, 129, 134, 135, 139, 192, 320, 511)


@case()
def pasid_entries(run):
    """Reserved fields of PASID entries by type, and fields that are not used."""
    scene = SecondStageScene(run)
    _, host = scene.map(IOVA)
    scene.lands('second stage', IOVA, host)
    entry_bits(scene, host, ALWAYS + (48, 63), (133, 176, 191))
    scene = FirstStageScene(run)
    _, host = scene.map(IOVA)
    scene.lands('first stage', IOVA, host)
    entry_bits(scene, host, ALWAYS + (176, 191), (133, 12, 63))
    scene = NestedScene(run)
    host = scene.map(IOVA)[2]
    scene.lands('nested', IOVA, host)
    entry_bits(scene, host, ALWAYS + (48, 63), (133,))
    plain = SecondStageScene(run, 'scalable')
    _, host = plain.map(IOVA)
    plain.lands('unit without the capabilities', IOVA, host)
    entry_bits(plain, host, (9, 87), ())


@case()
def pasid_types(run):
    """Types, widths and modes that are not supported."""
    scene = NestedScene(run)
    unit = scene.unit
    host = scene.map(IOVA)[2]
    scene.lands('control', IOVA, host)
    for kind in (0, 5, 6, 7):
        unit.pasid(0, kind, scene.DID, **scene.entry)
        unit.flush_all()
        scene.blocked(f'type {kind}', IOVA, 0x5b)
    for width in (0, 3, 4, 7):
        unit.pasid(0, vtd.NESTED, scene.DID, **{**scene.entry, 'aw': width})
        unit.flush_all()
        scene.blocked(f'nested, AW {width}', IOVA, 0x5b)
    for mode in (1, 2, 3):
        unit.pasid(0, vtd.NESTED, scene.DID, **scene.entry, qw2=mode << 2)
        unit.flush_all()
        scene.blocked(f'FSPM {mode}: five levels and others', IOVA, 0x5b)
    unit.pasid(0, vtd.NESTED, scene.DID, **scene.entry, present=False)
    unit.flush_all()
    scene.blocked('not present', IOVA, 0x59)
    unit.pasid(0, vtd.NESTED, scene.DID, **scene.entry, present=False, fpd=True)
    unit.flush_all()
    run.check('not present, FPD: refused without a record',
              scene.device.write(IOVA, b'12345678') == devices.REFUSED and not unit.fault())
    unit.pasid(0, vtd.NESTED, scene.DID, **scene.entry)
    unit.flush_all()
    scene.lands('mended', IOVA, host)
    only = SecondStageScene(run, 'scalable')
    for kind in (vtd.FS, vtd.NESTED):
        only.unit.pasid(0, kind, 4, **only.entry)
        only.unit.flush_all()
        only.blocked(f'type {kind} without its capability', IOVA, 0x5b)


@case()
def pass_through(run):
    """PGTT 4."""
    scene = Scene(run)
    unit = scene.unit
    host = scene.page()
    unit.context(scene.slot)
    unit.pasid(0, vtd.PT, 7)
    unit.pasid(5, vtd.PT, 7)
    unit.enable()
    scene.lands('address is that of memory', host + 8, host + 8)
    scene.blocked('above the host width', 1 << 48, 0x83)
    unit.pasid(0, vtd.PT, 7, aw=1)
    unit.flush_all()
    scene.blocked('AW is not the largest', host, 0x5b)
    scene.device.enable_pasid()
    scene.lands('with PASID', host, host, pasid=5)
    scene.blocked('with PASID, interrupt address', 0xfee00000, 0x87, pasid=5)


@case()
def interrupt_range(run):
    """A result in the range of interrupts is a fault."""
    scene = SecondStageScene(run)
    scene.map(IOVA)
    scene.tables.map(0x5000, 0xfee01000)
    scene.blocked('4K page', 0x5000, 0x87)
    scene.tables.map(0x80000000, 0xc0000000, level=3)
    scene.blocked('within a 1G page', 0xbee01000, 0x87)
    scene.device.enable_pasid()
    scene.unit.context(scene.slot)
    scene.unit.pasid(3, vtd.SS, 4, ss=scene.tables.root)
    host = scene.page()
    scene.tables.map(0xfee05000, host)
    scene.unit.flush_all()
    scene.lands('with PASID such an input is translated', 0xfee05000, host, pasid=3)


@case()
def pasids(run):
    """Requests with PASID: enables, table sizes, widths, what is recorded."""
    scene = NestedScene(run)
    unit, device = scene.unit, scene.device
    host = scene.map(IOVA)[2]
    run.check('PASID off in the function', device.write(IOVA, b'12345678', pasid=0)
              == devices.DISABLED)
    device.enable_pasid(1)
    run.check('privileged mode off in the function',
              device.write(IOVA, b'12345678', pasid=0, priv=True) == devices.DISABLED)
    run.check('execute off in the function',
              device.read(IOVA, 8, pasid=0, execute=True) is None and not unit.fault())
    device.enable_pasid()
    scene.lands('PASID 0', IOVA, host, pasid=0)
    tables = vtd.second_stage(scene.memory)
    other = scene.page()
    tables.map(IOVA, other)
    for pasid in (1, 63, 64, 0x1fff):
        unit.pasid(pasid, vtd.SS, 11, ss=tables.root)
        unit.flush_all()
        scene.lands(f'PASID {pasid:#x}', IOVA, other, pasid=pasid)
    scene.lands('no PASID: another table', IOVA, host)
    scene.blocked('PASID without entry', IOVA, 0x59, pasid=2, recorded={'pp': 1, 'pasid': 2})
    scene.blocked('PASID without table', IOVA, 0x51, pasid=0x400,
                  recorded={'pp': 1, 'pasid': 0x400})
    scene.blocked('PASID above PDTS', IOVA, 0x46, pasid=0x2000, recorded={'pp': 1,
                                                                         'pasid': 0x2000})
    scene.blocked('no PASID is recorded without one', 0x99999000, 0x71,
                  recorded={'pp': 0, 'pasid': 0})
    unit.context(scene.slot, paside=False)
    unit.flush_all()
    scene.blocked('PASIDE off', IOVA, 0x45, pasid=1, recorded={'pp': 1, 'pasid': 1})
    scene.lands('PASIDE off, no PASID', IOVA, host)


@case()
def large_pasids(run):
    """PASIDs of 20 bits, and a unit that has 8."""
    scene = Scene(run)
    unit = scene.unit
    directory = scene.memory.pages(32)
    tables = vtd.second_stage(scene.memory)
    host = scene.page()
    tables.map(IOVA, host)
    unit.directory = directory
    unit.context(scene.slot, pdts=7)
    unit.enable()
    scene.device.enable_pasid()
    for pasid in (0xfffff, 0x80000, 0x12345):
        unit.pasid(pasid, vtd.SS, 11, ss=tables.root)
        unit.flush_all()
        scene.lands(f'PASID {pasid:#x}', IOVA, host, pasid=pasid)
    scene.blocked('all 20 bits are recorded', IOVA, 0x59, pasid=0xffffe,
                  recorded={'pp': 1, 'pasid': 0xffffe})
    narrow = Scene(run, 'narrow')
    narrow.unit.context(narrow.slot, pdts=0)
    narrow.unit.enable()
    narrow.device.enable_pasid()
    run.check('PSS of 8 bits', narrow.unit.read(vtd.ECAP) >> 35 & 31 == 7)
    narrow.unit.pasid_table(0xff)
    narrow.blocked('PASID of 8 bits', IOVA, 0x59, pasid=0xff)
    narrow.blocked('PASID of 9 bits', IOVA, 0x46, pasid=0x100)
