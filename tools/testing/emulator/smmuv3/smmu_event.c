/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMMUv3 model: event records and their queue (7.2, 7.3)
 */

#include "qemu/osdep.h"
#include "system/dma.h"
#include "smmu_model.h"

#define EVENT_WORDS             4
#define EVENT_SSV               BIT_ULL(11)
#define EVENT_STALL             BIT_ULL(31)
#define EVENT_PNU               BIT_ULL(33)
#define EVENT_IND               BIT_ULL(34)
#define EVENT_RNW               BIT_ULL(35)
#define EVENT_S2                BIT_ULL(39)
#define EVENT_CLASS_SHIFT       40
#define EVENT_TTRNW             BIT_ULL(44)
#define EVENT_IPA(addr)         ((addr) & MAKE_64BIT_MASK(12, 44))
#define EVENT_FETCH_ADDR(addr)  ((addr) & MAKE_64BIT_MASK(3, 53))

#define QUEUE_OVERFLOW          BIT(31)

/* What lost records is told once, until software acknowledges that (7.4) */
static void overflow(SMMUQueue *q)
{
    if (!((q->prod ^ q->cons) & QUEUE_OVERFLOW)) {
        q->prod ^= QUEUE_OVERFLOW;
    }
}

static bool append(SMMUModel *m, const uint64_t *record)
{
    SMMUQueue *q = &m->smmu->eventq;
    uint64_t words[EVENT_WORDS];

    for (int i = 0; i < EVENT_WORDS; i++) {
        words[i] = cpu_to_le64(record[i]);
    }
    if (smmuv3_q_full(q)) {
        return false;
    }
    if (dma_memory_write(&address_space_memory, Q_PROD_ENTRY(q), words,
                         sizeof(words), MEMTXATTRS_UNSPECIFIED) != MEMTX_OK) {
        smmuv3_trigger_irq(m->smmu, SMMU_IRQ_GERROR,
                           R_GERROR_EVENTQ_ABT_ERR_MASK);
        return true;
    }
    q->prod = (q->prod & QUEUE_OVERFLOW) |
              ((q->prod + 1) & WRAP_INDEX_MASK(q));
    smmuv3_trigger_irq(m->smmu, SMMU_IRQ_EVTQ, 0);
    return true;
}

/* RnW, InD and PnU are those of the request, also for a walk (7.3) */
static uint64_t access_bits(const SMMURequest *req)
{
    return (req->write ? 0 : EVENT_RNW) | (req->priv ? EVENT_PNU : 0) |
           (req->exec && !req->write ? EVENT_IND : 0);
}

static void walk_fields(uint64_t *record, const SMMURequest *req, int number,
                        const SMMUFault *fault)
{
    if (fault->stall) {
        record[1] |= EVENT_STALL | fault->stag;
    }
    record[1] |= access_bits(req) | (fault->s2 ? EVENT_S2 : 0) |
                 (uint64_t)fault->class << EVENT_CLASS_SHIFT;
    if (number == SMMU_EVT_F_WALK_EABT) {
        record[3] = EVENT_FETCH_ADDR(fault->addr);
        return;
    }
    record[3] = fault->s2 ? EVENT_IPA(fault->addr) : 0;
    if (number == SMMU_EVT_F_PERMISSION && fault->class == SMMU_CLASS_TT &&
        !fault->table_write) {
        record[1] |= EVENT_TTRNW;
    }
}

static void substream_fields(uint64_t *record, const SMMURequest *req)
{
    if (req->ssid != PCI_NO_PASID) {
        record[0] |= EVENT_SSV | (uint64_t)(req->ssid & 0xfffff) << 12;
    }
}

/**
 * smmu_event_record() - record an event, if its queue is enabled
 * @m: model
 * @req: request that it is about
 * @addr: its address
 * @number: event
 * @fault: fields that depend on what went wrong
 *
 * Events of stalls are not lost when the queue is full or disabled (7.2.1).
 *
 * Return: false if a stall has to be recorded later.
 */
bool smmu_event_record(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                       int number, const SMMUFault *fault)
{
    uint64_t record[EVENT_WORDS] = { number | (uint64_t)req->sid << 32 };

    if (!smmuv3_eventq_enabled(m->smmu) ||
        (number == SMMU_EVT_C_BAD_STREAMID &&
         !(m->smmu->cr[2] & R_CR2_RECINVSID_MASK))) {
        return !fault->stall;
    }
    switch (number) {
    case SMMU_EVT_F_STREAM_DISABLED:
        break;
    case SMMU_EVT_C_BAD_SUBSTREAMID:
        /* It is always valid, and there is no SSV (7.3.9) */
        record[0] |= (uint64_t)(fault->ssid & 0xfffff) << 12;
        break;
    case SMMU_EVT_F_STE_FETCH:
    case SMMU_EVT_F_CD_FETCH:
        substream_fields(record, req);
        record[3] = EVENT_FETCH_ADDR(fault->addr);
        break;
    case SMMU_EVT_F_BAD_ATS_TREQ:
        substream_fields(record, req);
        record[2] = addr;
        break;
    case SMMU_EVT_F_TRANS_FORBIDDEN:
        record[1] = access_bits(req) & EVENT_RNW;
        record[2] = addr;
        break;
    case SMMU_EVT_F_WALK_EABT:
    case SMMU_EVT_F_TRANSLATION:
    case SMMU_EVT_F_ADDR_SIZE:
    case SMMU_EVT_F_ACCESS:
    case SMMU_EVT_F_PERMISSION:
        substream_fields(record, req);
        walk_fields(record, req, number, fault);
        record[2] = addr;
        break;
    default:
        substream_fields(record, req);
        break;
    }
    if (append(m, record)) {
        return true;
    }
    if (!fault->stall) {
        overflow(&m->smmu->eventq);
    }
    return !fault->stall;
}
