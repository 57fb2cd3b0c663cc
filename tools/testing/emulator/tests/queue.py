# SPDX-License-Identifier: GPL-2.0-only
"""The invalidation queue: reserved fields, unknown types, errors and how it goes on (6.5.2)."""

from emutest import vtd
from emutest.scene import Scene, SecondStageScene
from emutest.suite import case

IQE = 1 << 4


def error(unit, *words):
    """Submit a descriptor; IQEI if the queue stopped at it, else None. The queue goes on."""
    size = 32 if unit.wide else 16
    at = unit.tail * size
    if unit.submit(*words):
        return None
    stopped = unit.read(vtd.IQH) == at and unit.read(vtd.FSTS, 4) & IQE
    code = unit.read(vtd.IQERCD) & 15
    # A wait descriptor that does nothing takes its place
    for index in range(size // 8):
        unit.machine.write64(unit.queue + at + index * 8, (5 | 1 << 6) if not index else 0)
    unit.write(vtd.FSTS, IQE, 4)
    gone_on = unit.read(vtd.IQH) == unit.tail * size
    return code if stopped and gone_on else -1


GOOD = {
    'context-cache': (1 | 1 << 4,),
    'IOTLB': (2 | 1 << 4,),
    'device TLB': (3 | 5 << 3 << 32,),
    'wait': (5 | 1 << 6,),
    'PASID-based IOTLB': (6 | 2 << 4,),
    'PASID-cache': (7 | 3 << 4,),
    'PASID-based device TLB': (8 | 5 << 3 << 16,),
    'page group response': (9,),
}
RESERVED = {
    'context-cache': ((6, 12, 50, 63), (0, 63)),
    'IOTLB': ((8, 12, 32, 63), (7, 11)),
    'device TLB': ((4, 8, 12, 21, 48, 63), (1, 11)),
    'wait': ((8, 12, 31), (0, 1)),
    'PASID-based IOTLB': ((6, 12, 52, 63), (7, 11)),
    'PASID-cache': ((6, 12, 52, 63), (0, 63)),
    'PASID-based device TLB': ((12, 52, 63), (1, 10)),
    'page group response': ((5, 8, 52, 63), (0, 12, 63)),
}


@case()
def reserved_fields(run):
    """Each reserved bit stops the queue with code 4."""
    unit = Scene(run).unit
    unit.context(5)
    unit.enable()
    for name, words in GOOD.items():
        run.check(f'{name}: accepted', error(unit, *words) is None)
        words = [*words, 0, 0, 0, 0][:4]
        tries = [(0, bit) for bit in RESERVED[name][0]] + [(1, bit) for bit in RESERVED[name][1]]
        for word, bit in [*tries, (2, 0), (2, 63), (3, 0), (3, 63)]:
            changed = list(words)
            changed[word] |= 1 << bit
            got = error(unit, *changed)
            run.check(f'{name}: bit {bit} of quadword {word} is reserved', got == 4, got)
    run.check('control: the queue still works', error(unit, *GOOD['IOTLB']) is None)


@case()
def types(run):
    """Types and granularities that do not exist."""
    unit = Scene(run).unit
    unit.context(5)
    unit.enable()
    for kind in (0, 0xa, 0xb, 0xf, 1 << 9 | 1, 7 << 9 | 5):
        got = error(unit, kind | 1 << 4)
        run.check(f'type {kind:#x}: code 3', got == 3, got)
    for name, words in (('context-cache, G 0', (1,)), ('IOTLB, G 0', (2,)),
                        ('PASID-based IOTLB, G 0', (6,)), ('PASID-based IOTLB, G 1', (6 | 1 << 4,)),
                        ('PASID-cache, G 2', (7 | 2 << 4,)),
                        ('IOTLB, AM above MAMV', (2 | 3 << 4, 19)),
                        ('wait for nothing', (5,))):
        got = error(unit, *words)
        run.check(f'{name}: code 4', got == 4, got)
    run.check('IOTLB, AM of MAMV', error(unit, 2 | 3 << 4, 18) is None)
    run.check('PASID-based IOTLB, AM 52', error(unit, 6 | 3 << 4, 52) is None)


@case()
def widths(run):
    """Descriptors of 128 bits: not in scalable mode, and not of the new types."""
    scene = Scene(run, mode=vtd.SCALABLE)
    unit = scene.unit
    unit.context(5)
    unit.wide = False
    unit.enable()
    stopped = not unit.submit(*GOOD['IOTLB'])
    run.check('scalable mode: code 5', stopped and unit.read(vtd.IQERCD) & 15 == 5)
    legacy = Scene(run, mode=vtd.LEGACY).unit
    legacy.enable()
    for name in ('context-cache', 'IOTLB', 'wait'):
        run.check(f'legacy mode: {name} accepted', error(legacy, *GOOD[name]) is None)
    for name in ('PASID-based IOTLB', 'PASID-cache', 'PASID-based device TLB',
                 'page group response'):
        got = error(legacy, *GOOD[name])
        run.check(f'legacy mode: {name}: code 3', got == 3, got)
    legacy.write(vtd.IQT, 0x70000)
    run.check('tail outside of the queue: code 1', legacy.read(vtd.IQERCD) & 15 == 1
              and legacy.read(vtd.FSTS, 4) & IQE)
    wide = Scene(run).unit
    wide.enable()
    wide.write(vtd.IQT, 0x10)
    run.check('tail not of 256 bits: code 6', wide.read(vtd.IQERCD) & 15 == 6
              and wide.read(vtd.FSTS, 4) & IQE)


@case()
def waits(run):
    """Wait descriptors: status, interrupt pending, drain of page requests."""
    scene = SecondStageScene(run)
    unit, machine = scene.unit, scene.machine
    status = scene.memory.pages()
    run.check('status write', unit.submit(5 | 1 << 5 | 0x12345678 << 32, status + 8)
              and machine.read32(status + 8) == 0x12345678)
    run.check('IWC and IP, masked', unit.submit(5 | 1 << 4) and unit.read(0x9c, 4) & 1
              and unit.read(0xa0, 4) >> 30 & 1)
    unit.write(0x9c, 1, 4)
    run.check('IWC is cleared, and IP with it', not unit.read(0x9c, 4) & 1
              and not unit.read(0xa0, 4) >> 30 & 1)
    run.check('PD with PDS', unit.submit(5 | 1 << 5 | 1 << 7 | 7 << 32, status)
              and machine.read32(status) == 7)
    plain = Scene(run, 'scalable').unit
    plain.enable()
    got = error(plain, 5 | 1 << 5 | 1 << 7, status)
    run.check('PD without PDS: code 4', got == 4, got)
