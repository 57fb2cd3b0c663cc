/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMMUv3 model: memory requests
 */

#include "qemu/osdep.h"
#include "system/dma.h"
#include "system/memory.h"
#include "smmu_model.h"

/* What software has to expect; more may wait here */
#define STALL_MAX               1024

SMMUModel *smmu_model_new(SMMUv3State *s)
{
    SMMUModel *m = g_new0(SMMUModel, 1);

    m->smmu = s;
    qemu_mutex_init(&m->lock);
    smmu_config_init(m);
    smmu_tlb_init(m);
    QLIST_INIT(&m->listeners);
    QTAILQ_INIT(&m->stalls);
    QLIST_INIT(&m->pri_listeners);
    return m;
}

/* Identification registers as the properties have them, and empty caches */
void smmu_model_reset(SMMUModel *m)
{
    SMMUv3State *s = m->smmu;
    bool stage1 = FIELD_EX32(s->idr[0], IDR0, S1P);

    s->idr[0] = FIELD_DP32(s->idr[0], IDR0, CD2L, stage1 && s->ssid_bits);
    s->idr[0] = FIELD_DP32(s->idr[0], IDR0, HTTU, s->httu);
    s->idr[0] = FIELD_DP32(s->idr[0], IDR0, ATS, s->ats);
    s->idr[0] = FIELD_DP32(s->idr[0], IDR0, PRI, s->pri);
    s->idr[1] = FIELD_DP32(s->idr[1], IDR1, PRIQS, s->pri ? SMMU_EVENTQS : 0);
    /* Answers of the unit carry the substream (8.2) */
    s->idr[3] = FIELD_DP32(s->idr[3], IDR3, PPS, s->pri);
    if (s->stall) {
        s->idr[0] = FIELD_DP32(s->idr[0], IDR0, STALL_MODEL,
                               SMMU_STALL_OPTIONAL);
        s->idr[0] = FIELD_DP32(s->idr[0], IDR0, TERM_MODEL, 0);
        s->idr[5] = FIELD_DP32(s->idr[5], IDR5, STALL_MAX, STALL_MAX);
    }
    s->idr[1] = FIELD_DP32(s->idr[1], IDR1, SSIDSIZE,
                           stage1 ? s->ssid_bits : 0);
    s->idr[3] = FIELD_DP32(s->idr[3], IDR3, FWB, s->fwb);
    smmu_pri_reset(m);
    smmu_stall_reset(m);
    smmu_config_drop_all(m);
    smmu_tlb_drop_all(m);
}

/* Without SMMUEN GBPA decides, and nothing above OAS passes (6.3.9.6) */
static int disabled(SMMUModel *m, uint64_t addr, SMMUPage *page)
{
    if (FIELD_EX32(m->smmu->gbpa, GBPA, ABORT) || addr >> smmu_oas_bits(m)) {
        return SMMU_SILENT_ABORT;
    }
    *page = (SMMUPage) { .base = addr & ~0xfffULL, .shift = 12 };
    return 0;
}

/* Faults of these are recorded as CD or STE want it; all others are (5.5) */
bool smmu_is_translation_fault(int number)
{
    switch (number) {
    case SMMU_EVT_F_TRANSLATION:
    case SMMU_EVT_F_ADDR_SIZE:
    case SMMU_EVT_F_ACCESS:
    case SMMU_EVT_F_PERMISSION:
        return true;
    default:
        return false;
    }
}

/* Where stage 1 is bypassed nothing says that its fault is not recorded */
static bool is_recorded(const SMMUContext *ctx, int number,
                        const SMMUFault *fault)
{
    if (!smmu_is_translation_fault(number)) {
        return number != SMMU_SILENT_ABORT;
    }
    return fault->s2 ? ctx->s2.record : !ctx->use_s1 || ctx->s1.record;
}

static int translate(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                     SMMUContext *ctx, SMMUPage *page, SMMUFault *fault)
{
    int ret;

    QEMU_LOCK_GUARD(&m->lock);
    if (!smmu_enabled(m->smmu)) {
        return disabled(m, addr, page);
    }
    if (req->translated) {
        return smmu_ats_translated(m, req, addr, ctx, page, fault);
    }
    ret = smmu_config_get(m, req, ctx, fault);
    return ret ? ret : smmu_walk(m, ctx, req, addr, page, fault);
}

/* What the access gets that could not be translated */
typedef enum Outcome {
    OUTCOME_PASS,
    OUTCOME_ABORT,
    OUTCOME_IGNORE,             /* reads as 0, write ignored */
    OUTCOME_STALL,
} Outcome;

/* S before A; a stall or RAZ/WI is for translation faults alone (5.5) */
static Outcome outcome_of(const SMMUContext *ctx, const SMMURequest *req,
                          int number, const SMMUFault *fault)
{
    if (!smmu_is_translation_fault(number) || (!fault->s2 && !ctx->use_s1)) {
        return OUTCOME_ABORT;
    }
    if (req->client && (fault->s2 ? ctx->s2.stall : ctx->s1.stall)) {
        return OUTCOME_STALL;
    }
    return fault->s2 || ctx->s1.abort ? OUTCOME_ABORT : OUTCOME_IGNORE;
}

/**
 * smmu_request_translate() - translate for one access
 * @m: model
 * @req: request
 * @addr: address
 * @entry: result, permits what @req wants and no more
 *
 * What the fault configuration says is recorded.
 *
 * Return: whether the access may proceed.
 */
bool smmu_request_translate(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                            IOMMUTLBEntry *entry)
{
    SMMUContext ctx = {};
    SMMUFault fault = {};
    SMMUPage page;
    int ret;

    ret = translate(m, req, addr, &ctx, &page, &fault);
    if (ret) {
        if (is_recorded(&ctx, ret, &fault)) {
            smmu_event_record(m, req, addr, ret, &fault);
        }
        entry->iova = addr & ~0xfffULL;
        entry->translated_addr = 0;
        entry->addr_mask = 0xfff;
        entry->perm = IOMMU_NONE;
        return false;
    }
    entry->addr_mask = MAKE_64BIT_MASK(0, page.shift);
    entry->iova = addr & ~entry->addr_mask;
    entry->translated_addr = page.base;
    entry->perm = req->write ? IOMMU_WO : IOMMU_RO;
    return true;
}

static MemTxResult ignored(const SMMURequest *req, void *buf, hwaddr len)
{
    if (!req->write) {
        memset(buf, 0, len);
    }
    return MEMTX_OK;
}

/* Translate one page of a transaction, whose rest waits if it stalls */
static Outcome dma_page(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                        void *buf, hwaddr len, SMMUPage *page)
{
    SMMUContext ctx = {};
    SMMUFault fault = {};
    Outcome outcome;
    int ret;

    ret = translate(m, req, addr, &ctx, page, &fault);
    if (!ret) {
        return OUTCOME_PASS;
    }
    outcome = outcome_of(&ctx, req, ret, &fault);
    if (outcome == OUTCOME_STALL) {
        smmu_stall_add(m, req, addr, buf, len, ret, &fault);
    } else if (is_recorded(&ctx, ret, &fault)) {
        smmu_event_record(m, req, addr, ret, &fault);
    }
    return outcome;
}

/**
 * smmu_request_dma() - a memory request with a substream, or a translated one
 * @m: model
 * @req: request
 * @addr: first address
 * @buf: data
 * @len: bytes
 *
 * Return: MEMTX_OK, what the completer answers, or PCI_REQUEST_STALLED if the
 * client will hear of the end.
 */
MemTxResult smmu_request_dma(SMMUModel *m, const SMMURequest *req,
                             uint64_t addr, void *buf, hwaddr len)
{
    SMMUPage page;
    MemTxResult ret;
    hwaddr part;

    while (len) {
        switch (dma_page(m, req, addr, buf, len, &page)) {
        case OUTCOME_PASS:
            break;
        case OUTCOME_IGNORE:
            return ignored(req, buf, len);
        case OUTCOME_STALL:
            return PCI_REQUEST_STALLED;
        default:
            return MEMTX_ACCESS_ERROR;
        }
        part = MIN(len, (1ULL << page.shift) -
                        (addr & MAKE_64BIT_MASK(0, page.shift)));
        ret = address_space_rw(&address_space_memory, page.base |
                               (addr & MAKE_64BIT_MASK(0, page.shift)),
                               MEMTXATTRS_UNSPECIFIED, buf, part, req->write);
        if (ret) {
            return ret;
        }
        addr += part;
        buf = (uint8_t *)buf + part;
        len -= part;
    }
    return MEMTX_OK;
}
