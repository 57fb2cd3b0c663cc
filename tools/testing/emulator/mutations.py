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
    # SMMUv3
    ('substreams are ignored', 'smmu_config.c', '        *index = req->ssid;\n', '',
     'smmu_substreams'),
    ('S1CDMax without effect', 'smmu_config.c',
     '!ctx->cd_bits || req->ssid >> ctx->cd_bits) {', '!ctx->cd_bits) {', 'smmu_substreams'),
    ('substreams where the stream has none', 'smmu_config.c',
     'if (!ctx->use_s1 || !ctx->cd_bits || req->ssid', 'if (!ctx->use_s1 || req->ssid',
     'smmu_substreams'),
    ('substream 0 beside S1DSS 2', 'smmu_config.c',
     '        if (!req->ssid && ctx->s1dss == SMMU_S1DSS_SSID0) {', '        if (0) {',
     'smmu_substreams'),
    ('no substream terminates with S1DSS 1', 'smmu_config.c',
     '    if (ctx->s1dss != SMMU_S1DSS_BYPASS) {', '    if (1) {', 'smmu_substreams'),
    ('no substream has CD 0 with S1DSS 0', 'smmu_config.c',
     '!ctx->cd_bits || ctx->s1dss == SMMU_S1DSS_SSID0) {',
     '!ctx->cd_bits || ctx->s1dss != SMMU_S1DSS_BYPASS) {', 'smmu_substreams'),
    ('64K leaves are 4K leaves', 'smmu_config.c', 'ctx->cd_format == 2 ? 10 : 6;',
     'ctx->cd_format == 2 ? 6 : 6;', 'smmu_substreams'),
    ('level-1 descriptors are always valid', 'smmu_config.c',
     '        if (!L1CD_V(desc) || addr >> smmu_oas_bits(m)) {',
     '        if (addr >> smmu_oas_bits(m)) {', 'smmu_substreams'),
    ('L2Ptr of any size', 'smmu_config.c', '        if (!L1CD_V(desc) || addr >> '
     'smmu_oas_bits(m)) {', '        if (!L1CD_V(desc)) {', 'smmu_substreams'),
    ('CDs not through stage 2', 'smmu_config.c', '    if (ctx->use_s2) {\n        ret = smmu_walk',
     '    if (0) {\n        ret = smmu_walk', 'smmu_substreams'),
    ('SSV in C_BAD_SUBSTREAMID', 'smmu_event.c',
     '        record[0] |= (uint64_t)(fault->ssid & 0xfffff) << 12;',
     '        record[0] |= (uint64_t)(fault->ssid & 0xfffff) << 12 | EVENT_SSV;',
     'smmu_substreams'),
    ('events have no substream', 'smmu_event.c', '    if (req->ssid != PCI_NO_PASID) {',
     '    if (0) {', 'smmu_substreams'),
    ('F_CD_FETCH has its address in E2', 'smmu_event.c',
     '        record[3] = EVENT_FETCH_ADDR(fault->addr);\n        break;\n    case '
     'SMMU_EVT_F_BAD',
     '        record[2] = EVENT_FETCH_ADDR(fault->addr);\n        break;\n    case '
     'SMMU_EVT_F_BAD', 'smmu_substreams'),
    ('R without effect', 'smmu_request.c',
     'fault->s2 ? ctx->s2.record : !ctx->use_s1 || ctx->s1.record;',
     'fault->s2 ? ctx->s2.record : true;', 'smmu_substreams'),
    ('S2R without effect', 'smmu_request.c', 'fault->s2 ? ctx->s2.record :',
     'fault->s2 ? true :', 'smmu_walks'),
    ('CD.R decides for stage 2', 'smmu_request.c', 'fault->s2 ? ctx->s2.record :', '',
     'smmu_nested'),
    ('CDs are not cached', 'smmu_config.c',
     '    if (cache_find(m->cds, cache_key(sid, index), cd, CD_WORDS)) {', '    g_hash_table_'
     'remove_all(m->cds);\n    if (0) {', 'smmu_caches'),
    ('STEs are not cached', 'smmu_config.c',
     '    if (cache_find(m->stes, sid, ste, STE_WORDS)) {',
     '    g_hash_table_remove_all(m->stes);\n    if (0) {', 'smmu_caches'),
    ('CFGI_CD takes all CDs of the stream', 'smmu_config.c',
     '    g_hash_table_remove(m->cds, &key);\n    if (!leaf',
     '    smmu_config_drop_cds(m, sid);\n    if (!leaf && key', 'smmu_caches'),
    ('CFGI_CD takes level-1 descriptors with Leaf=1', 'smmu_config.c',
     '    g_hash_table_remove(m->cds, &key);\n    if (!leaf) {',
     '    g_hash_table_remove(m->cds, &key);\n    if (1) {', 'smmu_caches'),
    ('CFGI_CD leaves level-1 descriptors', 'smmu_config.c',
     '    g_hash_table_remove(m->cds, &key);\n    if (!leaf) {',
     '    g_hash_table_remove(m->cds, &key);\n    if (0) {', 'smmu_caches'),
    ('CFGI_CD_ALL leaves level-1 descriptors', 'smmu_config.c',
     '    g_hash_table_foreach_remove(m->l1cds, of_streams, (gpointer)range);\n', '',
     'smmu_caches'),
    ('CFGI_STE leaves CDs', 'smmu_config.c', '    drop_cds(m, &range);\n    if (!leaf) {',
     '    if (!leaf) {', 'smmu_caches'),
    ('CFGI_STE takes level-1 descriptors with Leaf=1', 'smmu_config.c',
     '    drop_cds(m, &range);\n    if (!leaf) {', '    drop_cds(m, &range);\n    if (1) {',
     'smmu_caches'),
    ('CFGI_STE_RANGE is half as wide', 'smmu_command.c', '(2U << range) - 1;',
     '(1U << range) - 1;', 'smmu_caches'),
    ('CFGI flushes TLBs', 'smmu_command.c',
     '        smmu_config_drop_streams(m, sid, sid, CMD_LEAF(cmd));',
     '        smmu_config_drop_streams(m, sid, sid, CMD_LEAF(cmd));\n        '
     'smmu_tlb_drop_all(m);', 'smmu_caches'),
    ('TLBI flushes configuration', 'smmu_command.c',
     '        smmu_tlb_drop_all(m);\n        return', '        smmu_tlb_drop_all(m);\n        '
     'smmu_config_drop_all(m);\n        return', 'smmu_caches'),
    ('VMID is not matched', 'smmu_tlb.c', '        (inv->vmid >= 0 && key->vmid != inv->vmid)) {',
     '        0) {', 'smmu_caches'),
    ('ASID is not matched', 'smmu_tlb.c', 'inv->by_address : key->asid == inv->asid;',
     'inv->by_address : true;', 'smmu_caches'),
    ('NH_ASID takes global pages', 'smmu_tlb.c',
     'return key->asid & ASID_GLOBAL ? inv->by_address :',
     'return key->asid & ASID_GLOBAL ? true :', 'smmu_caches'),
    ('NH_VA leaves global pages', 'smmu_tlb.c',
     'return key->asid & ASID_GLOBAL ? inv->by_address :',
     'return key->asid & ASID_GLOBAL ? false :', 'smmu_caches'),
    ('S2_IPA takes combined entries', 'smmu_command.c', '.stage1 = all, .stage2 = true,',
     '.stage1 = true, .stage2 = true,', 'smmu_caches'),
    ('S12_VMALL leaves combined entries', 'smmu_command.c', '.stage1 = all, .stage2 = true,',
     '.stage1 = false, .stage2 = true,', 'smmu_caches'),
    ('Leaf without effect', 'smmu_tlb.c', '(!inv->leaf_only && in_range', '(in_range',
     'smmu_caches'),
    ('tables are not cached', 'smmu_tlb.c', '    TlbKey key = tlb_key(tag, false, addr, shift);\n'
     '\n    tlb_insert(m->tables, &key, table, sizeof(*table));', '', 'smmu_caches'),
    ('tables go by VMID only', 'smmu_tlb.c',
     '            (!inv->leaf_only && in_range(key->first, key->shift, inv)));',
     '            false);', 'smmu_caches'),
    ('a part of a block stays', 'smmu_tlb.c', 'in_range(key->first, page->leaf_shift, inv)',
     'in_range(key->first, page->shift, inv)', 'smmu_caches'),
    ('TTL without effect', 'smmu_tlb.c', '(!inv->level || page->level == inv->level)', '1',
     'smmu_caches'),
    ('granule of a range without effect', 'smmu_tlb.c',
     '(!inv->granule || page->granule == inv->granule)', '1', 'smmu_caches'),
    ('NUM is the number of pages', 'smmu_command.c', '(uint64_t)(CMD_NUM(cmd) + 1) << scale',
     '(uint64_t)CMD_NUM(cmd) << scale', 'smmu_caches'),
    ('VMID of stage 1 alone is 0', 'smmu_decode.c', '        ctx->vmid = STE_VMID(ste);',
     '        ctx->vmid = ctx->use_s2 ? STE_VMID(ste) : 0;', 'smmu_caches'),
    ('TG alone is legal', 'smmu_command.c', '    if (!CMD_NUM(cmd) && !scale && !inv->level) {',
     '    if (0) {', 'smmu_commands'),
    ('SSec is legal', 'smmu_command.c', '    if (CMD_SSEC(cmd)) {', '    if (0) {',
     'smmu_commands'),
    ('OVFLG toggles with each lost record', 'smmu_event.c',
     '    if (!((q->prod ^ q->cons) & QUEUE_OVERFLOW)) {', '    if (1) {', 'smmu_commands'),
    ('a full queue is overwritten', 'smmu_event.c', '    if (smmuv3_q_full(q)) {', '    if (0) {',
     'smmu_commands'),
    ('RECINVSID without effect', 'smmu_event.c',
     '        (number == SMMU_EVT_C_BAD_STREAMID &&', '        (0 &&', 'smmu_config'),
    ('Span covers twice as many', 'smmu_config.c', 'l2 >> (span - 1)) {', 'l2 >> span) {',
     'smmu_config'),
    ('S1STALLD is legal', 'smmu_decode.c',
     '        (STE_STALLD(ste) && stall_model(m) != SMMU_STALL_OPTIONAL) ||\n', '',
     'smmu_config'),
    ('S2T0SZ and S2SL0 need not fit', 'smmu_decode.c',
     '    return index_bits <= t->granule - 3 + 4;', '    return true;', 'smmu_config'),
    ('S2T0SZ is not limited by IAS', 'smmu_decode.c', 'MAX(TSZ_LEAST, 64 - smmu_oas_bits(m))',
     'TSZ_LEAST', 'smmu_config'),
    ('HA without HTTU', 'smmu_decode.c', 'return (ha && httu(m) == 0) ||', 'return',
     'smmu_config'),
    ('HD with HTTU 1', 'smmu_decode.c', '(hd && httu(m) < 2);', '(hd && httu(m) < 1);',
     'smmu_config'),
    ('EPD does not spare the fields', 'smmu_decode.c',
     '    if (t->disabled) {\n        return true;\n    }\n', '', 'smmu_config'),
    ('TTB beyond IPS', 'smmu_decode.c', ' ||\n        CDW_TTB(cd, half) >> limit) {', ') {',
     'smmu_config'),
    ('fields of stage 1 count in Config 6', 'smmu_decode.c',
     '        (ctx->use_s1 && stage1_illegal(m, ste)) ||',
     '        stage1_illegal(m, ste) ||', 'smmu_config'),
    ('TBI1 is TBI0', 'smmu_decode.c', '        s1->ignore_top[half] = CDW_TBI(cd, half);',
     '        s1->ignore_top[half] = CDW_TBI(cd, 0);', 'smmu_walks'),
    ('granules of both halves are coded alike', 'smmu_decode.c', 'return half ? upper[tg] :',
     'return 0 ? upper[tg] :', 'smmu_walks'),
    ('upper bits of addresses do not matter', 'smmu_walk.c',
     '    if (top != (half ?', '    if (0 && top != (half ?', 'smmu_walks'),
    ('all requests are privileged', 'smmu_walk.c', 'return req->priv ? need',
     'return 1 ? need', 'smmu_walks'),
    ('APTable without effect', 'smmu_walk.c', '            table->limits |= *desc & TABLE_LIMITS;',
     '', 'smmu_walks'),
    ('HAD without effect', 'smmu_walk.c', '!w->tables->no_hierarchy && !w->tag.stage2',
     '!w->tag.stage2', 'smmu_walks'),
    ('PAN without effect', 'smmu_walk.c', '    if (s1->pan && user) {', '    if (0) {',
     'smmu_walks'),
    ('WXN without effect', 'smmu_walk.c', 's1->wxn && user && write', '0', 'smmu_walks'),
    ('users\' writable pages can be executed', 'smmu_walk.c', ' || (user && write);', ';',
     'smmu_walks'),
    ('no AF by hardware, stage 1', 'smmu_walk.c', 'want = desc | (s1->ha ? DESC_AF : 0);',
     'want = desc;', 'smmu_walks'),
    ('no AF by hardware, stage 2', 'smmu_walk.c', 'want = desc | (s2->ha ? DESC_AF : 0);',
     'want = desc;', 'smmu_walks'),
    ('AFFD without effect', 'smmu_walk.c', '(desc & DESC_AF) || ha || affd ?',
     '(desc & DESC_AF) || ha ?', 'smmu_walks'),
    ('dirty state without DBM', 'smmu_walk.c', 'return hd && (desc & DESC_DBM) && clean;',
     'return hd && clean;', 'smmu_walks'),
    ('dirty state without HD', 'smmu_walk.c', 'return hd && (desc & DESC_DBM) && clean;',
     'return (desc & DESC_DBM) && clean;', 'smmu_walks'),
    ('a read makes stage 1 dirty', 'smmu_walk.c',
     '    if (clean && (w->need & (SMMU_WRITE | SMMU_WRITE << SMMU_PRIV_SHIFT)) &&\n        (',
     '    if (clean && (1 ||\n        (', 'smmu_walks'),
    ('dirty state lifts APTable', 'smmu_walk.c',
     ' &&\n        (stage1_dirty_rights(s1, desc, table.limits) & w->need) == w->need) {', ') {',
     'smmu_walks'),
    ('a cached clean page refuses writes', 'smmu_walk.c',
     'return write && (page->s1_clean || page->s2_clean);', 'return write && 0;', 'smmu_walks'),
    ('more rights need no TLBI', 'smmu_walk.c',
     'return write && (page->s1_clean || page->s2_clean);',
     'return write || (page->s2 & need) != need;', 'smmu_walks'),
    ('descriptors of stage 1 not through stage 2', 'smmu_walk.c',
     '    if (w->tag.stage2 || !w->ctx->use_s2) {\n        return 0;', '    if (1) {\n        return 0;',
     'smmu_nested'),
    ('stage 2 of a table is that of its base', 'smmu_walk.c',
     'ret = smmu_walk_stage2(w->m, w->ctx, slot, update',
     'ret = smmu_walk_stage2(w->m, w->ctx, slot & ~0xffffULL, update', 'smmu_nested'),
    ('larger page of both stages, SMMUv3', 'smmu_walk.c',
     'page->shift = MIN(page->shift, second->shift);',
     'page->shift = MAX(page->shift, second->shift);', 'smmu_nested'),
    ('S2=0 for tables', 'smmu_walk.c',
     '    w->fault->s2 = w->tag.stage2;\n    w->fault->class = w->class;',
     '    w->fault->s2 = w->tag.stage2 && w->class == SMMU_CLASS_IN;\n    w->fault->class = '
     'w->class;', 'smmu_nested'),
    ('an update needs no right to write', 'smmu_walk.c', 'slot, update ? SMMU_WRITE : SMMU_READ,',
     'slot, SMMU_READ,', 'smmu_nested'),
    ('TTRnW of updates', 'smmu_walk.c', '        w->fault->table_write = update;\n', '',
     'smmu_nested'),
    ('S2PTW without effect', 'smmu_walk.c', 'ctx->s2.ptw && page->device', '0', 'smmu_nested'),
    ('ATC_INV of all substreams', 'smmu_ats.c',
     '(ATC_INV_GLOBAL(cmd) || l->ssid == CMD_SSID(cmd));', 'true;', 'smmu_ats'),
    ('Global without effect', 'smmu_ats.c', '(ATC_INV_GLOBAL(cmd) || l->ssid == CMD_SSID(cmd));',
     'l->ssid == CMD_SSID(cmd);', 'smmu_ats'),
    ('ATC_INV of all streams', 'smmu_ats.c',
     '    if (PCI_BUILD_BDF(pci_bus_num(l->bus), l->devfn) != CMD_SID(cmd)) {', '    if (0) {',
     'smmu_ats'),
    ('ATC_INV is not aligned to its size', 'smmu_ats.c',
     'entry.iova = CMD_ADDR(cmd) & ~entry.addr_mask;', 'entry.iova = CMD_ADDR(cmd);',
     'smmu_ats'),
    ('ATC_INV of half the size', 'smmu_ats.c', '(0x1000ULL << size) - 1;',
     '(0x1000ULL << size >> !!size) - 1;', 'smmu_ats'),
    ('EATS without effect', 'smmu_ats.c', '    if (!ctx->eats) {', '    if (0) {', 'smmu_ats'),
    ('no-write requests make pages dirty', 'smmu_ats.c', 'for (int write = !no_write; write >= 0;',
     'for (int write = 1; write >= 0;', 'smmu_ats'),
    ('answers to split ATS are physical', 'smmu_ats.c', '    if (ctx.eats == SMMU_EATS_SPLIT &&',
     '    if (0 &&', 'smmu_ats'),
    ('no stage 2 for translated requests', 'smmu_ats.c',
     '    if (ctx->eats == SMMU_EATS_SPLIT) {', '    if (0) {', 'smmu_ats'),
    ('ATSCHK without effect', 'smmu_ats.c', '    if (!(m->smmu->cr[0] & R_CR0_ATSCHK_MASK)) {',
     '    if (1) {', 'smmu_ats'),
    ('EATS=2 without ATSCHK', 'smmu_decode.c',
     ' ||\n        (eats == 2 && !(m->smmu->cr[0] & R_CR0_ATSCHK_MASK))) {', ') {', 'smmu_ats'),
    ('faults end translation requests', 'smmu_ats.c',
     '        } else if (!smmu_is_translation_fault(ret)) {', '        } else {', 'smmu_ats'),
    ('the queue of page requests takes one too many', 'smmu_pri.c',
     '        if (is_full(m) && !overflowed(m)) {', '        if (0) {', 'smmu_pri'),
    ('requests are queued before an overflow is acknowledged', 'smmu_pri.c',
     '        if (overflowed(m)) {', '        if (is_full(m)) {', 'smmu_pri'),
    ('stop markers are answered, SMMUv3', 'smmu_pri.c', 'last && (is_read || req->write);', 'last;',
     'smmu_pri'),
    ('every page request is answered', 'smmu_pri.c', '    if (wants) {', '    if (1) {',
     'smmu_pri'),
    ('an overflow is answered with Failure', 'smmu_pri.c',
     '            code = IOMMU_PRI_RESP_SUCCESS;', '            ;', 'smmu_pri'),
    ('PRIQEN without effect', 'smmu_pri.c', 'R_CR0_SMMU_ENABLE_MASK | R_CR0_PRIQEN_MASK;',
     'R_CR0_SMMU_ENABLE_MASK;', 'smmu_pri'),
    ('Resp is in bits 12:11', 'smmu_pri.c', 'extract32((cmd)->word[2], 12, 2)',
     'extract32((cmd)->word[2], 11, 2)', 'smmu_pri'),
    ('answers for any substream', 'smmu_pri.c', ' == sid &&\n            l->ssid == ssid) {',
     ' == sid) {', 'smmu_pri'),
    ('PnU is not recorded', 'smmu_event.c', '(req->priv ? EVENT_PNU : 0)', '0',
     'smmu_substreams'),
    ('S2PTW for data', 'smmu_walk.c', 'class != SMMU_CLASS_IN && ctx->s2.ptw', 'ctx->s2.ptw',
     'smmu_nested'),
)


def place(name):
    """(folder here, folder in the source, program, kind) of a file of the models."""
    if name.startswith('smmu_'):
        return 'smmuv3', 'hw/arm', 'qemu-system-aarch64', 'emulator-arm'
    return 'vtd', 'hw/i386', 'qemu-system-x86_64', 'emulator'


def change(path, old, new):
    """Put one error into a file."""
    text = path.read_text()
    if text.count(old) != 1:
        raise ValueError(f'{path.name} has the text {text.count(old)} times')
    path.write_text(text.replace(old, new))


def compile_one(out, program):
    """Compile one emulator; True when that worked."""
    return subprocess.run(['ninja', '-C', str(out), program],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def try_one(out, cases, topic, program, wanted):
    """Checks that fail, of the cases of a topic; it stops at the first that does."""
    report = Report(quiet=True)
    for function, kinds in cases:
        if wanted not in kinds or not function.__module__.endswith(f'.{topic}'):
            continue
        run_case(report, function, wanted, (str(out / program),), None)
        if report.count[1]:
            break
    return report.failures


def try_file(report, out, cases, mutation, path):
    """Put one error into a file, build and run its topic."""
    name, file, old, new, topic = mutation
    _, _, program, kind = place(file)
    try:
        change(path, old, new)
        if compile_one(out, program):
            report.check(f'mutation: {name}', try_one(out, cases, topic, program, kind),
                         'no test found it')
        else:
            report.check(f'mutation: {name}', False, 'does not compile')
    except ValueError as err:
        report.check(f'mutation: {name}', False, err)


def run_all(report, folder, cases, topics):
    """Put each error of the topics into the model, and take it out again."""
    out, programs = folder / 'out', set()
    with open(folder / 'lock', 'w', encoding='utf-8') as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        mark = (folder / 'key').read_text()
        # Until all is as it was, the next build has to look at every file
        (folder / 'key').unlink()
        for mutation in MUTATIONS:
            _, below, program, _ = place(mutation[1])
            path = folder / 'source' / below / mutation[1]
            backup = Path(f'{path}.right')
            if mutation[4] not in topics:
                continue
            programs.add(program)
            shutil.copy2(path, backup)
            try:
                try_file(report, out, cases, mutation, path)
            finally:
                os.replace(backup, path)
                os.utime(path)
        if all(compile_one(out, program) for program in programs):
            (folder / 'key').write_text(mark)
