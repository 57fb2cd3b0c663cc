/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMMUv3 model: page requests and their queue (chapter 8)
 */

#include "qemu/osdep.h"
#include "system/dma.h"
#include "smmu_model.h"

/* Registers (6.3.32 and following); page 1 is page 0 for the unit */
#define PRIQ_BASE               0xc0
#define PRIQ_PROD               0xc8
#define PRIQ_CONS               0xcc
#define PRIQ_IRQ_CFG0           0xd0
#define PRIQ_IRQ_CFG1           0xd8
#define PRIQ_IRQ_CFG2           0xdc

#define PRIQ_LOG2_MOST          19
#define PRIQ_ENTRY_BYTES        16
#define PRIQ_OVERFLOW           BIT(31)

/* Entry (8.1) */
#define PRI_SSID_SHIFT          32
#define PRI_PRIV                BIT_ULL(58)
#define PRI_EXEC                BIT_ULL(59)
#define PRI_READ                BIT_ULL(60)
#define PRI_WRITE               BIT_ULL(61)
#define PRI_LAST                BIT_ULL(62)
#define PRI_SSV                 BIT_ULL(63)

/* CMD_PRI_RESP (4.5.2) */
#define RESP_INDEX(cmd)         extract32((cmd)->word[2], 0, 9)
#define RESP_CODE(cmd)          extract32((cmd)->word[2], 12, 2)

/**
 * struct SMMUPriListener - what a function hears of one of its substreams
 * @bus: bus of the function
 * @devfn: device and function number
 * @ssid: substream, or PCI_NO_PASID
 * @notifier: told of answers
 */
struct SMMUPriListener {
    PCIBus *bus;
    int devfn;
    uint32_t ssid;
    IOMMUPRINotifier *notifier;
    QLIST_ENTRY(SMMUPriListener) next;
};

void smmu_pri_listen(SMMUModel *m, PCIBus *bus, int devfn, uint32_t ssid,
                     IOMMUPRINotifier *notifier)
{
    SMMUPriListener *l = g_new0(SMMUPriListener, 1);

    l->bus = bus;
    l->devfn = devfn;
    l->ssid = ssid;
    l->notifier = notifier;
    QLIST_INSERT_HEAD(&m->pri_listeners, l, next);
}

void smmu_pri_forget(SMMUModel *m, PCIBus *bus, int devfn, uint32_t ssid)
{
    SMMUPriListener *l, *next;

    QLIST_FOREACH_SAFE(l, &m->pri_listeners, next, next) {
        if (l->bus == bus && l->devfn == devfn && l->ssid == ssid) {
            QLIST_REMOVE(l, next);
            g_free(l);
        }
    }
}

/* The function hears it as an answer for the substream, or without one */
static void answer(SMMUModel *m, uint32_t sid, uint32_t ssid, uint16_t index,
                   int code)
{
    IOMMUPRIResponse response = { .prgi = index, .response_code = code };
    SMMUPriListener *l;

    QLIST_FOREACH(l, &m->pri_listeners, next) {
        if (PCI_BUILD_BDF(pci_bus_num(l->bus), l->devfn) == sid &&
            l->ssid == ssid) {
            l->notifier->notify(l->notifier, &response);
            return;
        }
    }
}

/**
 * smmu_pri_respond() - CMD_PRI_RESP
 * @m: model
 * @cmd: command
 */
SMMUCmdError smmu_pri_respond(SMMUModel *m, const Cmd *cmd)
{
    static const int codes[] = {
        IOMMU_PRI_RESP_FAILURE, IOMMU_PRI_RESP_INVALID_REQUEST,
        IOMMU_PRI_RESP_SUCCESS,
    };

    if (!FIELD_EX32(m->smmu->idr[0], IDR0, PRI) ||
        RESP_CODE(cmd) >= ARRAY_SIZE(codes)) {
        return SMMU_CERROR_ILL;
    }
    if (smmu_enabled(m->smmu)) {
        answer(m, CMD_SID(cmd), CMD_SSV(cmd) ? CMD_SSID(cmd) : PCI_NO_PASID,
               RESP_INDEX(cmd), codes[RESP_CODE(cmd)]);
    }
    return SMMU_CERROR_NONE;
}

static uint32_t wrap_mask(const SMMUModel *m)
{
    return (2U << m->priq.log2size) - 1;
}

static bool is_full(const SMMUModel *m)
{
    return ((m->priq.prod ^ m->priq.cons) & wrap_mask(m)) ==
           1U << m->priq.log2size;
}

/* Until software acknowledges an overflow nothing is queued (8.2) */
static bool overflowed(const SMMUModel *m)
{
    return (m->priq.prod ^ m->priq.cons) & PRIQ_OVERFLOW;
}

static bool append(SMMUModel *m, const uint64_t *entry)
{
    SMMUQueue *q = &m->priq;
    uint64_t words[] = { cpu_to_le64(entry[0]), cpu_to_le64(entry[1]) };
    uint64_t addr = Q_BASE(q) + Q_PROD(q) * PRIQ_ENTRY_BYTES;

    if (dma_memory_write(&address_space_memory, addr, words, sizeof(words),
                         MEMTXATTRS_UNSPECIFIED) != MEMTX_OK) {
        smmuv3_trigger_irq(m->smmu, SMMU_IRQ_GERROR,
                           R_GERROR_PRIQ_ABT_ERR_MASK);
        return false;
    }
    q->prod = (q->prod & PRIQ_OVERFLOW) | ((q->prod + 1) & wrap_mask(m));
    smmuv3_trigger_irq(m->smmu, SMMU_IRQ_PRIQ, 0);
    return true;
}

static bool is_enabled(const SMMUModel *m)
{
    uint32_t both = R_CR0_SMMU_ENABLE_MASK | R_CR0_PRIQEN_MASK;

    return (m->smmu->cr[0] & both) == both;
}

/**
 * smmu_pri_request() - take a page request
 * @m: model
 * @req: request; its write is the W of the message
 * @addr: address of the page
 * @last: last of its group
 * @index: index of the group
 * @is_read: R of the message
 *
 * Groups whose last request is not queued are answered by the unit: Success
 * after an overflow, so that the function tries again, else Failure (8.2). A
 * stop marker wants no answer.
 *
 * Return: 0 when queued or answered, -EPERM without page requests.
 */
int smmu_pri_request(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                     bool last, uint16_t index, bool is_read)
{
    bool ssv = req->ssid != PCI_NO_PASID;
    bool wants = last && (is_read || req->write);
    uint64_t entry[] = {
        req->sid | (ssv ? PRI_SSV | (uint64_t)req->ssid << PRI_SSID_SHIFT : 0) |
        (ssv && req->priv ? PRI_PRIV : 0) | (ssv && req->exec ? PRI_EXEC : 0) |
        (is_read ? PRI_READ : 0) | (req->write ? PRI_WRITE : 0) |
        (last ? PRI_LAST : 0),
        (addr & ~0xfffULL) | index,
    };
    int code = IOMMU_PRI_RESP_FAILURE;

    if (!FIELD_EX32(m->smmu->idr[0], IDR0, PRI)) {
        return -EPERM;
    }
    if (is_enabled(m)) {
        if (is_full(m) && !overflowed(m)) {
            m->priq.prod ^= PRIQ_OVERFLOW;
        }
        if (overflowed(m)) {
            code = IOMMU_PRI_RESP_SUCCESS;
        } else if (append(m, entry)) {
            return 0;
        }
    }
    if (wants) {
        answer(m, req->sid, req->ssid, index, code);
    }
    return 0;
}

void smmu_pri_reset(SMMUModel *m)
{
    memset(&m->priq, 0, sizeof(m->priq));
    m->priq.log2size = PRIQ_LOG2_MOST;
}

/* A register of the queue; false if it is none. Halves are accessed alone */
static bool pri_register(SMMUModel *m, uint64_t offset, uint64_t **wide,
                         uint32_t **narrow)
{
    *wide = NULL;
    *narrow = NULL;
    switch (offset) {
    case PRIQ_BASE:
    case PRIQ_BASE + 4:
        *wide = &m->priq.base;
        return true;
    case PRIQ_PROD:
        *narrow = &m->priq.prod;
        return true;
    case PRIQ_CONS:
        *narrow = &m->priq.cons;
        return true;
    case PRIQ_IRQ_CFG0:
    case PRIQ_IRQ_CFG0 + 4:
        *wide = &m->priq_irq_address;
        return true;
    case PRIQ_IRQ_CFG1:
        *narrow = &m->priq_irq[0];
        return true;
    case PRIQ_IRQ_CFG2:
        *narrow = &m->priq_irq[1];
        return true;
    default:
        return false;
    }
}

/**
 * smmu_pri_read() - read a register of the page request queue
 * @m: model
 * @offset: offset in page 0
 * @value: result
 * @size: 4 or 8
 *
 * Return: false if it is no such register.
 */
bool smmu_pri_read(SMMUModel *m, uint64_t offset, uint64_t *value,
                   unsigned int size)
{
    uint64_t *wide;
    uint32_t *narrow;

    if (!FIELD_EX32(m->smmu->idr[0], IDR0, PRI) ||
        !pri_register(m, offset, &wide, &narrow)) {
        return false;
    }
    *value = narrow ? *narrow : extract64(*wide, (offset & 4) * 8, size * 8);
    return true;
}

/**
 * smmu_pri_write() - write a register of the page request queue
 * @m: model
 * @offset: offset in page 0
 * @value: value
 * @size: 4 or 8
 *
 * Return: false if it is no such register.
 */
bool smmu_pri_write(SMMUModel *m, uint64_t offset, uint64_t value,
                    unsigned int size)
{
    uint64_t *wide;
    uint32_t *narrow;

    if (!FIELD_EX32(m->smmu->idr[0], IDR0, PRI) ||
        !pri_register(m, offset, &wide, &narrow)) {
        return false;
    }
    if (narrow) {
        *narrow = value;
    } else {
        *wide = deposit64(*wide, (offset & 4) * 8, size * 8, value);
    }
    m->priq.log2size = MIN(extract64(m->priq.base, 0, 5), PRIQ_LOG2_MOST);
    return true;
}
