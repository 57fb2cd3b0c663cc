# SPDX-License-Identifier: GPL-2.0-only
"""Errors that are put into the model, one at a time: the tests have to find each."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from emutest.suite import Report, run_case

# (name, file, text, replacement, topics of which one has to fail)
MUTATIONS = (
    ('table addresses of the first stage not through the second', 'vtd_walk.c',
     '    if (cfg->pgtt != VTD_PGTT_NESTED) {\n        *host = slot;',
     '    if (1) {\n        *host = slot;', 'nested'),
    ('result of the first stage not through the second', 'vtd_walk.c',
     '    if (!ret && cfg->pgtt == VTD_PGTT_NESTED) {', '    if (0) {', 'nested'),
    ('larger page of both stages', 'vtd_walk.c',
     'page->shift = MIN(page->shift, second.shift);',
     'page->shift = MAX(page->shift, second.shift);', 'nested'),
    ('rights of the second stage not in the result', 'vtd_walk.c',
     '    page->write = page->write && second.write;', '', 'nested'),
    ('A and D of the first stage need no right to write', 'vtd_walk.c',
     'ret = fs_entry_host(m, cfg, slot, root, true, &host);',
     'ret = fs_entry_host(m, cfg, slot, root, false, &host);', 'nested'),
    ('no A and D in the second stage', 'vtd_walk.c',
     'want = !cfg->ssade ? 0 :', 'want = 1 ? 0 :', 'walks'),
    ('A and D in the second stage without SSADE', 'vtd_walk.c',
     'want = !cfg->ssade ? 0 :', 'want = 0 ? 0 :', 'walks'),
    ('D on reads', 'vtd_walk.c',
     'want = leaf && req->write ? FS_A | FS_D : FS_A;', 'want = leaf ? FS_A | FS_D : FS_A;',
     'walks'),
    ('no D when A is there', 'vtd_walk.c',
     '    if ((entry & want) == want) {\n        return 0;\n    }\n    if (!cfg->snooped) {\n'
     '        return VTD_FR',
     '    if (entry & want) {\n        return 0;\n    }\n    if (!cfg->snooped) {\n'
     '        return VTD_FR', 'walks'),
    ('a cached read serves writes, first stage', 'vtd_walk.c',
     '                  ((entry | want) & FS_D);', '                  true;', 'walks'),
    ('a cached read serves writes, second stage', 'vtd_walk.c',
     '(!cfg->ssade || ((entry | want) & SS_D));', 'true;', 'walks'),
    ('a cached entry serves what it does not permit', 'vtd_tlb.c',
     'if (found && (found->absent || (write ? found->write : found->read))) {',
     'if (found) {', 'walks'),
    ('updates without coherent walks, first stage', 'vtd_walk.c',
     '    if (!cfg->snooped) {\n        return VTD_FR_SFS_AD_SNOOP;\n    }\n', '', 'walks'),
    ('updates without coherent walks, second stage', 'vtd_walk.c',
     '    if (!cfg->snooped) {\n        return SS_AD_SNOOP;\n    }\n', '', 'walks'),
    ('PWSNP does not matter', 'vtd_config.c',
     '                   (pe->val[1] & PE_PWSNP),', '                   true,', 'walks'),
    ('rights of the leaf only, first stage', 'vtd_walk.c',
     '        rights = table.rights & entry;\n        if (leaf) {',
     '        rights = entry;\n        if (leaf) {', 'walks'),
    ('rights of the leaf only, second stage', 'vtd_walk.c',
     '        rights = table.rights & entry;\n        if (!rights) {',
     '        rights = entry;\n        if (!rights) {', 'walks'),
    ('no canonical check', 'vtd_walk.c', '    if (!fs_canonical(iova)) {', '    if (0) {',
     'walks'),
    ('updates of what is read-only', 'vtd_walk.c',
     'if (len < sizeof(old) || !memory_region_is_ram(mr) || mr->readonly) {',
     'if (len < sizeof(old) || !memory_region_is_ram(mr)) {', 'walks'),
    ('supervisor pages for users', 'vtd_walk.c', '    if (!req->priv && !(rights & FS_US)) {',
     '    if (0) {', 'walks'),
    ('WPE without effect', 'vtd_walk.c',
     '!(rights & FS_RW) && !(req->priv && !cfg->wpe)) {', '!(rights & FS_RW) && !req->priv) {',
     'walks'),
    ('privileged and user entries are shared', 'vtd_walk.c',
     'VTDTag tag = { VTD_STAGE_FIRST, cfg->did, cfg->pasid, req->priv };',
     'VTDTag tag = { VTD_STAGE_FIRST, cfg->did, cfg->pasid };', 'walks'),
    ('SRE without effect', 'vtd_config.c', '    if (req->priv && !(pe.val[2] & PE_SRE)) {',
     '    if (0) {', 'walks'),
    ('no reserved bits, second stage', 'vtd_walk.c',
     '        if (entry & ss_reserved(m, entry, level, leaf)) {', '        if (0) {', 'walks'),
    ('no reserved bits, first stage', 'vtd_walk.c',
     '        if (entry & fs_reserved(m, level, leaf)) {', '        if (0) {', 'walks'),
    ('no limit of the second stage', 'vtd_walk.c', '    if (addr >> bits) {', '    if (0) {',
     'walks'),
    ('domain flush takes all domains', 'vtd_tlb.c',
     '    const VTDTlbDrop *drop = opaque;\n\n    return key->tag.did == drop->did;\n',
     '    return key != NULL;\n', 'caches'),
    ('page flush takes the whole second stage', 'vtd_tlb.c',
     '            vtd_tlb_covered(key, drop->range));\n}', '            true);\n}', 'caches'),
    ('page flush leaves results of both stages', 'vtd_tlb.c',
     '           (key->tag.stage == VTD_STAGE_FIRST ||\n            vtd_tlb_covered',
     '           (false ||\n            vtd_tlb_covered', 'caches'),
    ('page flush of a PASID takes all', 'vtd_tlb.c',
     'vtd_tlb_in_pasid(k, v, opaque) && vtd_tlb_covered(k, drop->range);',
     'vtd_tlb_in_pasid(k, v, opaque) && drop;', 'caches'),
    ('flush of a PASID takes its domain', 'vtd_tlb.c',
     'key->tag.did == drop->did &&\n           key->tag.pasid == drop->pasid;',
     'key->tag.did == drop->did;', 'caches'),
    ('flush of a PASID takes the second stage', 'vtd_tlb.c',
     '    return key->tag.stage == VTD_STAGE_FIRST && key->tag.did == drop->did &&\n'
     '           key->tag.pasid == drop->pasid;',
     '    return key->tag.did == drop->did && (key->tag.pasid == drop->pasid ||\n'
     '           key->tag.stage == VTD_STAGE_SECOND);', 'caches'),
    ('a range that touches a large page takes it', 'vtd_tlb.c',
     '    return key->first >= range->first &&\n'
     '           key->first + ((1ULL << key->shift) - 1) <= range->last;',
     '    return key->first <= range->last &&\n'
     '           key->first + ((1ULL << key->shift) - 1) >= range->first;', 'caches'),
    ('IH without effect, second stage', 'vtd_tlb.c',
     '(!drop->range->leaf_only && vtd_tlb_touched(key, drop->range))',
     '(vtd_tlb_touched(key, drop->range))', 'caches'),
    ('IH without effect, first stage', 'vtd_tlb.c',
     '    return vtd_tlb_in_pasid(k, v, opaque) && !drop->range->leaf_only &&',
     '    return vtd_tlb_in_pasid(k, v, opaque) &&', 'caches'),
    ('structure caches are never flushed by page', 'vtd_tlb.c',
     '    g_hash_table_foreach_remove(m->tables, vtd_tlb_table_in_domain, &drop);\n', '',
     'caches'),
    ('structure caches hold nothing', 'vtd_tlb.c',
     '    vtd_tlb_insert(m->tables, &key, table, sizeof(*table));', '', 'caches'),
    ('context flush takes PASID entries', 'vtd_config.c',
     '    g_hash_table_remove_all(m->contexts);\n}',
     '    g_hash_table_remove_all(m->contexts);\n    g_hash_table_remove_all(m->pasids);\n}',
     'caches'),
    ('context cache holds nothing', 'vtd_config.c', '    if (found) {\n        *ctx = *found;',
     '    if (0) {\n        *ctx = *found;', 'caches'),
    ('PASID cache holds nothing', 'vtd_config.c', '    if (found) {\n        *pe = *found;',
     '    if (0) {\n        *pe = *found;', 'caches'),
    ('PASID flush of any domain', 'vtd_config.c',
     '    return pasid_in_domain(k, v, opaque) && key->pasid == drop->pasid;',
     '    return key->pasid == drop->pasid;', 'caches'),
    ('FM without effect', 'vtd_config.c', '.sid_mask = ~ignored[function_mask & 3],',
     '.sid_mask = ~ignored[function_mask & 0],', 'caches'),
    ('low bits of the address count with AM', 'vtd_queue.c',
     '        .first = val & ~0xfffULL & ~last,', '        .first = val & ~0xfffULL,', 'caches'),
    ('absent pages are not held with caching mode', 'vtd_walk.c',
     '    if (ret == SS_ABSENT && vtd_model_caches_absent(m)) {', '    if (0) {', 'caches'),
    ('absent pages are held without caching mode', 'vtd_walk.c',
     '    if (ret == SS_ABSENT && vtd_model_caches_absent(m)) {', '    if (ret == SS_ABSENT) {',
     'caches'),
    ('absent context entries belong to any domain', 'vtd_config.c',
     '           (drop->any_did || ctx->did == drop->did);',
     '           (drop->any_did || ctx->did == drop->did || !(ctx->val[0] & CTX_P));', 'caches'),
    ('PASIDE without effect', 'vtd_config.c', '    if (!(lo & CTX_PASIDE)) {', '    if (0) {',
     'config'),
    ('PDTS without effect', 'vtd_config.c', 'return req->pasid >> (CTX_PDTS(ctx) + 13) ||',
     'return', 'config'),
    ('PSS without effect', 'vtd_config.c', '|| req->pasid >> pss ?', '?', 'config'),
    ('DTE without effect', 'vtd_config.c',
     '    if (req->at != VTD_AT_UNTRANSLATED && !(lo & CTX_DTE)) {', '    if (0) {', 'ats'),
    ('PRE without effect', 'vtd_config.c', '    if (req->page_request && !(lo & CTX_PRE)) {',
     '    if (0) {', 'page_requests'),
    ('five levels pass', 'vtd_config.c', 'bool fs = PE_FSPM(pe) == 0;', 'bool fs = true || pe;',
     'config'),
    ('reserved fields of PASID entries pass', 'vtd_config.c',
     '    if (pasid_entry_reserved(m, pe)) {', '    if (0) {', 'config'),
    ('FPD of the directory is forgotten', 'vtd_config.c', '    *fpd |= !!(pde & PDE_FPD);\n', '',
     'registers'),
    ('FPD is not cached', 'vtd_config.c', '    pe->fpd = own_fpd;\n', '', 'registers'),
    ('RID_PASID without RPS', 'vtd_config.c', 'pasid = m->iommu->ecap & VTD_ECAP_RPS ?',
     'pasid = 1 ?', 'config'),
    ('RTADDR takes effect at once', 'vtd_config.c', '    if (m->ttm > VTD_TTM_SCALABLE) {',
     '    if (extract64(ldq_le_p(&m->iommu->csr[DMAR_RTADDR_REG]), 10, 2) > 1) {', 'config'),
    ('PASID of 16 bits in records', 'vtd_fault.c', '(req->pasid & 0xfffff)',
     '(req->pasid & 0xffff)', 'config'),
    ('translated requests are walked in legacy mode', 'vtd_config.c',
     '    if (req->at == VTD_AT_TRANSLATED) {\n        *cfg = (VTDConfig) { .legacy = true',
     '    if (0) {\n        *cfg = (VTDConfig) { .legacy = true', 'legacy'),
    ('legacy numbers in scalable mode', 'vtd_walk.c',
     '    if (cfg->legacy) {\n        return write',
     '    if (1) {\n        return write', 'walks'),
    ('requests with PASID in legacy mode', 'vtd_config.c',
     '    if (legacy(m) && req->pasid != PCI_NO_PASID) {', '    if (0) {', 'legacy'),
    ('TT without effect', 'vtd_config.c',
     '        extract64(ctx->val[0], 2, 2) != TT_ATS) {', '        0) {', 'legacy'),
    ('AT is not recorded', 'vtd_fault.c', '(uint64_t)req->at << FRCD_AT_SHIFT', '0', 'ats'),
    ('recoverable faults are recorded', 'vtd_fault.c', '    case VTD_FR_SSS_P:\n', '', 'ats'),
    ('no-write requests set D', 'vtd_request.c', 'for (int write = !no_write; write >= 0;',
     'for (int write = 1; write >= 0;', 'ats'),
    ('the queue takes the last slot', 'vtd_prq.c',
     '    if (next == prq_register(m, DMAR_PQH_REG) &&', '    if (0 &&', 'page_requests'),
    ('requests are queued while PRO is set', 'vtd_prq.c',
     '    if (prq_status(m) & VTD_PR_STATUS_PRO) {\n        prq_answer', '    if (next == '
     'prq_register(m, DMAR_PQH_REG)) {\n        prq_answer', 'page_requests'),
    ('stop markers are answered', 'vtd_prq.c', 'lpig && (is_read || req->write);', 'lpig;',
     'page_requests'),
    ('every request is answered', 'vtd_prq.c', '    if (last && vtd_as->pri_notifier) {',
     '    if (vtd_as->pri_notifier) {', 'page_requests'),
    ('page requests drop nothing', 'vtd_prq.c',
     '            vtd_tlb_drop_for_page_request(m, &cfg, addr);', '            ;',
     'page_requests'),
    ('no reserved fields in descriptors', 'vtd_queue.c', '} else if (reserved_set(m, d, desc)) {',
     '} else if (0) {', 'queue'),
    ('128-bit descriptors in scalable mode', 'vtd_queue.c',
     '    if (m->ttm != VTD_TTM_LEGACY && !m->iommu->iq_dw) {', '    if (0) {', 'queue'),
    ('device TLB flush of all PASIDs', 'vtd_queue.c', 'as->pasid == f->pasid);', 'true);', 'ats'),
)


def change(path, old, new):
    """Put one error into a file."""
    text = path.read_text()
    if text.count(old) != 1:
        raise ValueError(f'{path.name} has the text {text.count(old)} times')
    path.write_text(text.replace(old, new))


def compile_one(out):
    """Compile the x86 emulator; True when that worked."""
    return subprocess.run(['ninja', '-C', str(out), 'qemu-system-x86_64'],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def try_one(out, cases, topic):
    """Checks that fail, of the cases of a topic; it stops at the first that does."""
    report = Report(quiet=True)
    for function, kinds in cases:
        if 'emulator' not in kinds or not function.__module__.endswith(f'.{topic}'):
            continue
        run_case(report, function, 'emulator', (str(out / 'qemu-system-x86_64'),), None)
        if report.count[1]:
            break
    return report.failures


def try_file(report, out, cases, mutation, path):
    """Put one error into a file, build and run its topic."""
    name, _, old, new, topic = mutation
    try:
        change(path, old, new)
        if compile_one(out):
            report.check(f'mutation: {name}', try_one(out, cases, topic), 'no test found it')
        else:
            report.check(f'mutation: {name}', False, 'does not compile')
    except ValueError as err:
        report.check(f'mutation: {name}', False, err)


def run_all(report, folder, cases, topics):
    """Put each error of the topics into the model, and take it out again."""
    out, source = folder / 'out', folder / 'source/hw/i386'
    with open(folder / 'lock', 'w', encoding='utf-8') as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        mark = (folder / 'key').read_text()
        # Until all is as it was, the next build has to look at every file
        (folder / 'key').unlink()
        for mutation in MUTATIONS:
            path = source / mutation[1]
            backup = Path(f'{path}.right')
            if mutation[4] not in topics:
                continue
            shutil.copy2(path, backup)
            try:
                try_file(report, out, cases, mutation, path)
            finally:
                os.replace(backup, path)
                os.utime(path)
        if compile_one(out):
            (folder / 'key').write_text(mark)
