# SPDX-License-Identifier: GPL-2.0-only
"""Stream table entries and context descriptors: what is ILLEGAL in them (5.1, 5.2, 5.4, 5.5)."""

from emutest import smmu
from emutest.smmu_scene import SmmuNestedScene, SmmuScene, Stage1Scene, Stage2Scene
from emutest.suite import ARM, case

IOVA = 0x12345000


@case(on=ARM)
def stream_table(run):
    """Stream IDs beyond the table or a span; CR2.RECINVSID (5.1, 6.3.12)."""
    scene = Stage1Scene(run, split=6)
    unit, machine = scene.unit, scene.machine
    _, host = scene.map(IOVA)
    scene.lands('two levels', IOVA, host)
    level1 = unit.first + (scene.slot << 3 >> 6) * 8
    desc = machine.read64(level1)
    # Span 7 has 64 entries; that of the device is number 40
    for span, number in ((0, smmu.C_BAD_STREAMID), (6, smmu.C_BAD_STREAMID),
                         (8, smmu.C_BAD_STREAMID), (12, smmu.C_BAD_STREAMID)):
        machine.write64(level1, desc & ~31 | span)
        unit.flush_all()
        scene.blocked(f'span {span}', IOVA, number)
    machine.write64(level1, 0x3ff_0000_0000 | 7)
    unit.flush_all()
    scene.blocked('table outside of memory', IOVA, smmu.F_STE_FETCH,
                  recorded={'ipa': 0x3ff_0000_0000 + (scene.slot << 3 & 63) * 64})
    machine.write64(level1, desc)
    unit.flush_all()
    scene.lands('mended', IOVA, host)
    unit.write(smmu.CR0, 0, 4)
    unit.write(smmu.STRTAB_BASE, unit.streams)
    unit.write(smmu.STRTAB_CFG, 5, 4)
    unit.write(smmu.CR0, 13, 4)
    unit.flush_all()
    scene.blocked('linear table of 32', IOVA, smmu.C_BAD_STREAMID)
    unit.write(smmu.CR0, 0, 4)
    unit.write(smmu.CR2, 0, 4)
    unit.write(smmu.CR0, 13, 4)
    unit.flush_all()
    scene.blocked('RECINVSID=0', IOVA, None)


@case(on=ARM)
def disabled(run):
    """SMMUEN=0: GBPA decides (6.3.14)."""
    scene = SmmuScene(run)
    page = scene.page()
    scene.unit.write(smmu.CR0, smmu.EVENTQEN | smmu.CMDQEN, 4)
    scene.lands('passes', page, page)
    scene.device.enable_pasid()
    scene.lands('with a substream', page, page, pasid=3)
    scene.blocked('above OAS', 1 << smmu.OAS, None)
    scene.unit.write(smmu.GBPA, 1 << 31 | 1 << 20, 4)
    scene.blocked('GBPA.ABORT', page, None)


def illegal_entries(scene, config, host, cases, number=smmu.C_BAD_STE):
    """Each change of the STE is ILLEGAL, or is not."""
    for name, bad, fields in cases:
        scene.stream(config, **{**scene.entry, **fields})
        if bad:
            scene.blocked(name, IOVA, number)
        else:
            scene.lands(name, IOVA, host)
    scene.stream(config, **scene.entry)
    scene.lands('STE mended', IOVA, host)


@case(on=ARM)
def stage1_entries(run):
    """STE.Config 5."""
    scene = Stage1Scene(run)
    _, host = scene.map(IOVA)
    illegal_entries(scene, smmu.S1, host, (
        ('V=0', True, {'valid': False}),
        ('STRW=1', True, {'word1': 1 << 30}),
        ('STRW=3', True, {'word1': 3 << 30}),
        ('S1STALLD without stalls', True, {'stalld': True}),
        ('S1CDMax above SSIDSIZE', True, {'cdmax': 21}),
        ('S1ContextPtr above OAS', True, {'context': 1 << 44}),
        ('S1Fmt 3 with one CD', False, {'fmt': 3}),
        ('fields of stage 2', False, {'word2': 3 << 46 | 1 << 57 | 63 << 32}),
        ('EATS without ATS', False, {'eats': 2}),
    ))
    plain = Stage1Scene(run, machine='smmu-stage1')
    _, host = plain.map(IOVA)
    plain.lands('no stage 2: control', IOVA, host)
    tables = smmu.second_stage(plain.memory)
    plain.stream(smmu.S2, tables=tables)
    plain.blocked('no stage 2: Config 6', IOVA, smmu.C_BAD_STE)
    plain.stream(smmu.NESTED, context=plain.context, tables=tables)
    plain.blocked('no stage 2: Config 7', IOVA, smmu.C_BAD_STE)


@case(on=ARM)
def stage2_entries(run):
    """STE.Config 6 and 7."""
    scene = Stage2Scene(run)
    _, host = scene.map(IOVA)
    t0sz, sl0, tg = 32, 38, 46
    illegal_entries(scene, smmu.S2, host, (
        ('S2AA64=0', True, {'word2': 1 << 51}),
        ('S2ENDI', True, {'word2': 1 << 52}),
        ('S2S without stalls', True, {'s2s': True}),
        ('S2TG=3', True, {'word2': 3 << tg}),
        ('S2SL0=3', True, {'word2': 2 << sl0}),
        ('S2T0SZ=40', True, {'word2': (24 ^ 40) << t0sz}),
        ('S2T0SZ=19: above IAS', True, {'word2': (24 ^ 19) << t0sz | 3 << sl0}),
        ('S2T0SZ=24 from level 2', True, {'word2': 1 << sl0}),
        ('S2T0SZ=35 from level 1', True, {'word2': (24 ^ 35) << t0sz}),
        ('S2TTB above S2PS', True, {'ps': 0, 'tables': Moved(scene.tables, 1 << 40)}),
        ('S1STALLD, S1CDMax', False, {'stalld': True, 'cdmax': 31}),
        ('STRW', False, {'word1': 1 << 30}),
        ('S2FWB', False, {'word1': 1 << 25}),
        ('S2HA and S2HD', False, {'s2ha': True, 's2hd': True}),
    ))
    nested = SmmuNestedScene(run, machine='smmu-plain')
    _, _, host = nested.map(IOVA)
    illegal_entries(nested, smmu.NESTED, host, (
        ('nested: S2HA without HTTU', True, {'s2ha': True}),
        ('nested: S2HD without HTTU', True, {'s2hd': True}),
        ('nested: S2FWB without FWB', True, {'word1': 1 << 25}),
        ('nested: IPA of CDs above IAS', True, {'context': 1 << 44}),
        ('nested: STRW', False, {'word1': 1 << 30}),
    ))
    flag = Stage2Scene(run, machine='smmu-narrow')
    _, host = flag.map(IOVA)
    illegal_entries(flag, smmu.S2, host, (
        ('HTTU=1: S2HA', False, {'s2ha': True}),
        ('HTTU=1: S2HD', True, {'s2ha': True, 's2hd': True}),
    ))


class Moved:
    """Tables with another address in the entry."""

    def __init__(self, tables, root):
        self.bits, self.level, self.granule, self.root = (tables.bits, tables.level,
                                                          tables.granule, root)


@case(on=ARM)
def descriptors(run):
    """Context descriptors (5.4.2)."""
    scene = Stage1Scene(run)
    unit = scene.unit
    _, host = scene.map(IOVA)
    for name, bad, fields in (
            ('V=0', True, {'valid': False}),
            ('AA64=0', True, {'word0': 1 << 41}),
            ('ENDI', True, {'word0': 1 << 15}),
            ('A=0 with TERM_MODEL', True, {'abort': False}),
            ('S=1 without stalls', True, {'stall': True}),
            ('T0SZ=15', True, {'word0': 20 ^ 15}),
            ('T0SZ=40', True, {'word0': 20 ^ 40}),
            ('TG0=3', True, {'word0': 3 << 6}),
            ('TTB0 above IPS', True, {'ips': 0, 'word1': 1 << 40}),
            ('TTB0 above OAS', True, {'ips': 7, 'word1': 1 << 44}),
            ('IPS=7 acts as OAS', False, {'ips': 7}),
            ('EPD1: TG1=0, T1SZ=0', False, {}),
            ('TG1=0 without EPD1', True, {'word0': 1 << 30 | 25 << 16}),
            ('HA and HD', False, {'ha': True, 'hd': True})):
        scene.descriptor(scene.context, scene.tables, **{**scene.fields, **fields})
        unit.flush_all()
        if bad:
            scene.blocked(name, IOVA, smmu.C_BAD_CD)
        else:
            scene.lands(name, IOVA, host)
    scene.descriptor(scene.context, asid=1, word0=1 << 15 | 63)
    unit.flush_all()
    scene.blocked('both EPD: ENDI and T0SZ are ignored', IOVA, smmu.F_TRANSLATION)
    for machine, fields, bad in (('smmu-plain', {'ha': True}, True),
                                 ('smmu-plain', {'hd': True}, True),
                                 ('smmu-narrow', {'ha': True}, False),
                                 ('smmu-narrow', {'ha': True, 'hd': True}, True)):
        other = Stage1Scene(run, machine=machine, **fields)
        _, host = other.map(IOVA)
        if bad:
            other.blocked(f'{machine}: {fields}', IOVA, smmu.C_BAD_CD)
        else:
            other.lands(f'{machine}: {fields}', IOVA, host)
