# SPDX-License-Identifier: GPL-2.0-only
"""Substreams: tables of CDs, requests without a substream, events (3.3.2, 5.2, 5.3, 7.3)."""

from emutest import devices, smmu
from emutest.smmu_scene import SmmuNestedScene, Stage1Scene, SubstreamScene
from emutest.suite import ARM, case

IOVA = 0x12345000


def enter(scene, ssid, asid, **fields):
    """A substream whose tables map one page; (slot, host address)."""
    return scene.page_at(scene.substream(ssid, asid, **fields), IOVA)


def tables_of(run, fmt, cdmax, ssids):
    """Each substream has the tables of its CD, and there are no others."""
    scene = SubstreamScene(run, fmt=fmt, cdmax=cdmax)
    hosts = {ssid: enter(scene, ssid, 20 + n)[1] for n, ssid in enumerate(ssids)}
    scene.unit.flush_all()
    for ssid, host in hosts.items():
        scene.lands(f'S1Fmt {fmt}: substream {ssid}', IOVA, host, pasid=ssid)
        scene.reads(f'S1Fmt {fmt}: substream {ssid} reads', IOVA + 0x20, host + 0x20, pasid=ssid)
    if cdmax < 20:
        scene.blocked(f'S1Fmt {fmt}: substream beyond S1CDMax', IOVA, smmu.C_BAD_SUBSTREAMID,
                      pasid=1 << cdmax, recorded={'ssid': 1 << cdmax, 'ssv': 0})
    return scene, hosts


@case(on=ARM)
def linear(run):
    """A linear table (5.2, S1Fmt 0)."""
    scene, _ = tables_of(run, smmu.LINEAR, 5, (1, 2, 31))
    scene.blocked('CD not valid', IOVA, smmu.C_BAD_CD, pasid=7)
    small, _ = tables_of(run, smmu.LINEAR, 1, (1,))
    small.blocked('no substream, CD 0 not valid', IOVA, smmu.C_BAD_CD)


@case(on=ARM)
def two_levels(run):
    """Two levels with leaves of 4K and 64K (5.3)."""
    for fmt, cdmax, ssids, absent in ((smmu.LEAF_4K, 12, (1, 63, 64, 4095), 200),
                                      (smmu.LEAF_64K, 20, (1, 1023, 1024, 0xfffff >> 1), 2100),
                                      (smmu.LEAF_4K, 3, (1, 7), None),
                                      (smmu.LEAF_64K, 8, (1, 255), None)):
        scene, hosts = tables_of(run, fmt, cdmax, ssids)
        ssid = ssids[1]
        if absent:
            scene.blocked(f'S1Fmt {fmt}: level-1 descriptor not valid', IOVA,
                          smmu.C_BAD_SUBSTREAMID, pasid=absent,
                          recorded={'ssid': absent, 'ssv': 0})
        slot = scene.slot_of(ssid)
        desc = scene.machine.read64(slot)
        scene.machine.write64(slot, 1 << 45 | 1)
        scene.unit.flush_all()
        scene.blocked(f'S1Fmt {fmt}: leaf beyond OAS', IOVA, smmu.C_BAD_SUBSTREAMID, pasid=ssid,
                      recorded={'ssid': ssid})
        outside = 0x3ff_0000_0000
        scene.machine.write64(slot, outside | 1)
        scene.unit.flush_all()
        index = ssid & (1 << scene.leaf) - 1
        scene.blocked(f'S1Fmt {fmt}: leaf outside of memory', IOVA, smmu.F_CD_FETCH, pasid=ssid,
                      recorded={'ipa': outside + index * 64})
        scene.machine.write64(slot, desc)
        scene.unit.flush_all()
        scene.lands(f'S1Fmt {fmt}: mended', IOVA, hosts[ssid], pasid=ssid)


@case(on=ARM)
def without_substream(run):
    """S1DSS: terminate, bypass, CD 0 (5.2)."""
    for s1dss in range(4):
        scene = SubstreamScene(run, s1dss=s1dss)
        _, zero = enter(scene, 0, 20)
        _, one = enter(scene, 1, 21)
        direct = scene.page()
        scene.unit.flush_all()
        scene.lands(f'S1DSS {s1dss}: substream 1', IOVA, one, pasid=1)
        if s1dss == smmu.SSID0:
            scene.lands('S1DSS 2: no substream has CD 0', IOVA, zero)
            scene.blocked('S1DSS 2: substream 0', IOVA, smmu.F_STREAM_DISABLED, pasid=0)
            scene.blocked('S1DSS 2: event without SSV', 0x5000, smmu.F_TRANSLATION)
            continue
        scene.lands(f'S1DSS {s1dss}: substream 0 has CD 0', IOVA, zero, pasid=0)
        if s1dss == smmu.PASS:
            scene.lands('S1DSS 1: no substream passes stage 1', direct + 8, direct + 8)
            scene.blocked('S1DSS 1: address above IAS', 1 << smmu.OAS, smmu.F_ADDR_SIZE)
        else:
            scene.blocked(f'S1DSS {s1dss}: no substream', IOVA, smmu.F_STREAM_DISABLED)
    # No CD is looked at where stage 1 is bypassed
    scene = SubstreamScene(run, s1dss=smmu.PASS)
    direct = scene.page()
    scene.lands('S1DSS 1: CD 0 is not valid', direct, direct)


@case(on=ARM)
def no_substreams(run):
    """A substream where the stream has none (3.3.2)."""
    scene = Stage1Scene(run)
    _, host = scene.map(IOVA)
    scene.device.enable_pasid()
    scene.lands('control', IOVA, host)
    for ssid in (0, 1, 0xfffff):
        scene.blocked(f'S1CDMax 0: substream {ssid}', IOVA, smmu.C_BAD_SUBSTREAMID, pasid=ssid,
                      recorded={'ssid': ssid, 'ssv': 0})
    scene.stream(smmu.BYPASS)
    scene.blocked('bypass: substream 1', IOVA, smmu.C_BAD_SUBSTREAMID, pasid=1,
                  recorded={'ssid': 1})
    tables = smmu.second_stage(scene.memory)
    scene.stream(smmu.S2, tables=tables, vmid=3)
    scene.blocked('stage 2 alone: substream 1', IOVA, smmu.C_BAD_SUBSTREAMID, pasid=1,
                  recorded={'ssid': 1})
    scene.stream(smmu.ABORT)
    scene.blocked('abort: substream 1', IOVA, None, pasid=1)


@case(on=ARM)
def width(run):
    """IDR1.SSIDSIZE limits S1CDMax; without substreams it is ignored (5.2)."""
    scene = SubstreamScene(run, machine='smmu-narrow', cdmax=8)
    _, host = enter(scene, 255, 20)
    run.check('IDR1.SSIDSIZE', scene.unit.read(smmu.IDR1) >> 6 & 31 == 8)
    run.check('IDR0.CD2L', scene.unit.read(smmu.IDR0) >> 19 & 1)
    scene.unit.flush_all()
    scene.lands('substream 255', IOVA, host, pasid=255)
    scene.blocked('substream 256', IOVA, smmu.C_BAD_SUBSTREAMID, pasid=256,
                  recorded={'ssid': 256})
    scene.stream(smmu.S1, **{**scene.entry, 'cdmax': 9})
    scene.blocked('S1CDMax 9', IOVA, smmu.C_BAD_STE, pasid=255)
    plain = Stage1Scene(run, machine='smmu-plain', entry={'cdmax': 9, 's1dss': smmu.TERMINATE})
    _, host = plain.map(IOVA)
    run.check('no substreams: IDR1.SSIDSIZE', not plain.unit.read(smmu.IDR1) >> 6 & 31)
    plain.lands('no substreams: S1CDMax and S1DSS are ignored', IOVA, host)
    plain.device.enable_pasid()
    plain.blocked('no substreams: substream 1', IOVA, smmu.C_BAD_SUBSTREAMID, pasid=1,
                  recorded={'ssid': 1})


@case(on=ARM)
def events(run):
    """SSV, SSID, PnU and InD of translation events (7.3)."""
    scene = SubstreamScene(run)
    enter(scene, 5, 20)
    scene.unit.flush_all()
    scene.blocked('write', 0x5000, smmu.F_TRANSLATION, pasid=5)
    scene.blocked('read', 0x5008, smmu.F_TRANSLATION, pasid=5, write=False)
    scene.blocked('privileged', 0x5000, smmu.F_TRANSLATION, pasid=5, priv=True)
    scene.blocked('instruction', 0x5000, smmu.F_TRANSLATION, pasid=5, write=False, execute=True)
    slot, _ = enter(scene, 6, 21)
    scene.machine.write64(slot, scene.machine.read64(slot) | smmu.READ_ONLY)
    scene.unit.flush_all()
    scene.blocked('permission', IOVA + 0x18, smmu.F_PERMISSION, pasid=6)
    enter(scene, 7, 22, record=False)
    scene.unit.flush_all()
    scene.blocked('R=0: not recorded', 0x5000, None, pasid=7)
    scene.device.enable_pasid(0)
    run.check('PASID off in the function', scene.device.write(IOVA, b'12345678', pasid=5)
              == devices.DISABLED)


@case(on=ARM)
def nested(run):
    """CDs and their level-1 descriptors go through stage 2 (5.4.1)."""
    scene = SmmuNestedScene(run)
    machine = scene.machine
    level1 = scene.guest_page()
    leaf = scene.guest_page()
    machine.write64(scene.host_of(level1), leaf | 1)
    scene.descriptor(scene.host_of(leaf) + 3 * 64, scene.first, asid=30)
    scene.descriptor(scene.host_of(leaf), scene.first, asid=31)
    scene.stream(smmu.NESTED, **{**scene.entry, 'context': level1, 'fmt': smmu.LEAF_4K,
                                 'cdmax': 6, 's1dss': smmu.SSID0})
    scene.device.enable_pasid()
    _, _, host = scene.map(IOVA)
    scene.lands('substream 3', IOVA, host, pasid=3)
    scene.lands('no substream', IOVA, host)
    for name, ipa in (('level-1 descriptor', level1), ('CD', leaf + 3 * 64)):
        slot = scene.second.slot(ipa)
        for what, number, change in (
                ('not mapped', smmu.F_TRANSLATION, lambda v: 0),
                ('for writes only', smmu.F_PERMISSION, lambda v: v & ~smmu.S2_R),
                ('without AF', smmu.F_ACCESS, lambda v: v & ~smmu.AF)):
            old = machine.read64(slot)
            machine.write64(slot, change(old))
            scene.unit.flush_all()
            scene.blocked(f'{name} {what}', IOVA, number, pasid=3,
                          recorded={'s2': 1, 'class': smmu.CLASS_CD, 'ipa': ipa & ~0xfff})
            machine.write64(slot, old)
            scene.unit.flush_all()
        scene.lands(f'{name}: mended', IOVA, host, pasid=3)
    outside = 0x3ff_0000_0000
    slot = scene.second.slot(leaf)
    machine.write64(slot, outside | smmu.LEAF_S2 | 3)
    scene.unit.flush_all()
    scene.blocked('CD outside of memory: the address is physical', IOVA, smmu.F_CD_FETCH, pasid=3,
                  recorded={'ipa': outside + 3 * 64})
    bypass = SmmuNestedScene(run, entry={'cdmax': 3, 's1dss': smmu.PASS})
    ipa = bypass.guest_page()
    page = bypass.watch.add(bypass.host_of(ipa))
    bypass.unit.flush_all()
    bypass.lands('S1DSS 1: no substream has stage 2 alone', ipa + 8, page + 8)
    bypass.blocked('S1DSS 1: stage 2 refuses', 0x5000, smmu.F_TRANSLATION,
                   recorded={'s2': 1, 'class': smmu.CLASS_IN, 'ipa': 0x5000})
