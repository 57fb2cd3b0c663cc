/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMMUv3 model: ATS: translation requests, translated requests, invalidations
 * of what devices cache (3.9)
 */

#include "qemu/osdep.h"
#include "system/memory.h"
#include "smmu_model.h"

#define ATC_INV_GLOBAL(cmd)     extract32((cmd)->word[0], 9, 1)
#define ATC_INV_SIZE(cmd)       extract32((cmd)->word[2], 0, 6)
#define ATC_INV_SIZE_ALL        52

/**
 * struct SMMUListener - what a function hears of one of its substreams
 * @bus: bus of the function
 * @devfn: device and function number
 * @ssid: substream, or PCI_NO_PASID
 * @notifier: told of invalidations
 */
struct SMMUListener {
    PCIBus *bus;
    int devfn;
    uint32_t ssid;
    IOMMUNotifier *notifier;
    QLIST_ENTRY(SMMUListener) next;
};

void smmu_ats_listen(SMMUModel *m, PCIBus *bus, int devfn, uint32_t ssid,
                     IOMMUNotifier *notifier)
{
    SMMUListener *l = g_new0(SMMUListener, 1);

    l->bus = bus;
    l->devfn = devfn;
    l->ssid = ssid;
    l->notifier = notifier;
    QLIST_INSERT_HEAD(&m->listeners, l, next);
}

void smmu_ats_forget(SMMUModel *m, const IOMMUNotifier *notifier)
{
    SMMUListener *l, *next;

    QLIST_FOREACH_SAFE(l, &m->listeners, next, next) {
        if (l->notifier == notifier) {
            QLIST_REMOVE(l, next);
            g_free(l);
        }
    }
}

/* Global goes with a substream only, and is for all of them (4.5.1) */
static bool is_addressed(const SMMUListener *l, const Cmd *cmd)
{
    if (PCI_BUILD_BDF(pci_bus_num(l->bus), l->devfn) != CMD_SID(cmd)) {
        return false;
    }
    if (!CMD_SSV(cmd)) {
        return l->ssid == PCI_NO_PASID;
    }
    return l->ssid != PCI_NO_PASID &&
           (ATC_INV_GLOBAL(cmd) || l->ssid == CMD_SSID(cmd));
}

/**
 * smmu_ats_invalidate() - CMD_ATC_INV
 * @m: model
 * @cmd: command
 *
 * Functions answer at once, so that the next CMD_SYNC finds it completed.
 */
SMMUCmdError smmu_ats_invalidate(SMMUModel *m, const Cmd *cmd)
{
    unsigned int size = ATC_INV_SIZE(cmd);
    IOMMUTLBEntry entry = { .target_as = &address_space_memory };
    SMMUListener *l, *next;

    if (!FIELD_EX32(m->smmu->idr[0], IDR0, ATS) || size > ATC_INV_SIZE_ALL) {
        return SMMU_CERROR_ILL;
    }
    if (!smmu_enabled(m->smmu)) {
        return SMMU_CERROR_NONE;
    }
    entry.addr_mask = size == ATC_INV_SIZE_ALL ? UINT64_MAX :
                      (0x1000ULL << size) - 1;
    entry.iova = CMD_ADDR(cmd) & ~entry.addr_mask;
    QLIST_FOREACH_SAFE(l, &m->listeners, next, next) {
        if (is_addressed(l, cmd)) {
            l->notifier->notify(l->notifier, &entry);
        }
    }
    return SMMU_CERROR_NONE;
}

/* Configuration of a translation request; false if it fails as a whole */
static bool ats_configured(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                           SMMUContext *ctx)
{
    SMMUFault fault = {};

    if (!smmu_enabled(m->smmu) || smmu_config_stream(m, req, ctx, &fault)) {
        return false;
    }
    if (!ctx->eats) {
        smmu_event_record(m, req, addr, SMMU_EVT_F_BAD_ATS_TREQ, &fault);
        return false;
    }
    return true;
}

/* One access that the device might do; 0 or the number of an event */
static int ats_walk(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                    SMMUPage *page)
{
    SMMUFault fault = {};
    SMMUContext ctx;
    int ret;

    ret = smmu_config_get(m, req, &ctx, &fault);
    if (ret) {
        return ret;
    }
    if (ctx.eats == SMMU_EATS_SPLIT && ctx.use_s1) {
        return smmu_walk_stage1(m, &ctx, req, addr, page, &fault);
    }
    return smmu_walk(m, &ctx, req, addr, page, &fault);
}

/*
 * What stage 1 or 2 refuse is answered with fewer rights and not recorded; all
 * else is answered with Completer Abort (3.9.1). The write comes first: it sets
 * the dirty state, and the read finds that page.
 */
static bool ats_one(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                    bool no_write, IOMMUTLBEntry *entry)
{
    SMMURequest want = *req;
    SMMUPage page;
    int ret;

    entry->iova = addr & ~0xfffULL;
    entry->addr_mask = 0xfff;
    for (int write = !no_write; write >= 0; write--) {
        want.write = write;
        want.exec = req->exec && !write;
        ret = ats_walk(m, &want, addr, &page);
        if (!ret) {
            entry->addr_mask = MAKE_64BIT_MASK(0, page.shift);
            entry->iova = addr & ~entry->addr_mask;
            entry->translated_addr = page.base;
            entry->perm |= write ? IOMMU_WO : IOMMU_RO;
        } else if (!smmu_is_translation_fault(ret)) {
            return false;
        }
    }
    return true;
}

/**
 * smmu_ats_translate() - answer a translation request
 * @m: model
 * @req: request
 * @addr: first address
 * @length: bytes
 * @no_write: NW, the device will not write
 * @result: answers
 * @result_length: how many fit
 * @err_count: answers with fewer rights than asked for
 *
 * Return: number of answers, -EPERM for Unsupported Request and Completer
 * Abort, -ENOMEM when more answers are needed.
 */
ssize_t smmu_ats_translate(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                           size_t length, bool no_write, IOMMUTLBEntry *result,
                           size_t result_length, uint32_t *err_count)
{
    IOMMUAccessFlags wanted = no_write ? IOMMU_RO : IOMMU_RW;
    uint64_t last = addr + (length - 1);
    SMMUContext ctx;

    *err_count = 0;
    QEMU_LOCK_GUARD(&m->lock);
    if (!ats_configured(m, req, addr, &ctx)) {
        return -EPERM;
    }
    for (size_t n = 0; n < result_length; n++) {
        result[n] = (IOMMUTLBEntry) {
            .target_as = &address_space_memory, .pasid = req->ssid,
        };
        if (!ats_one(m, req, addr, no_write, &result[n])) {
            return -EPERM;
        }
        *err_count += (result[n].perm & wanted) != wanted;
        if (last - result[n].iova <= result[n].addr_mask) {
            return n + 1;
        }
        addr = result[n].iova + result[n].addr_mask + 1;
    }
    return -ENOMEM;
}

/**
 * smmu_ats_translated() - what becomes of a translated request (3.9.2)
 * @m: model
 * @req: request
 * @addr: address from an answer
 * @ctx: configuration, if it was looked at
 * @page: result
 * @fault: what is known of the event
 *
 * Return: 0, the number of an event or SMMU_SILENT_ABORT.
 */
int smmu_ats_translated(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                        SMMUContext *ctx, SMMUPage *page, SMMUFault *fault)
{
    int ret;

    *page = (SMMUPage) { .base = addr & ~0xfffULL, .shift = 12 };
    if (!(m->smmu->cr[0] & R_CR0_ATSCHK_MASK)) {
        return 0;
    }
    ret = smmu_config_stream(m, req, ctx, fault);
    if (ret) {
        return ret;
    }
    if (ctx->eats == SMMU_EATS_SPLIT) {
        return smmu_walk_stage2(m, ctx, addr,
                                req->write ? SMMU_WRITE : SMMU_READ,
                                SMMU_CLASS_IN, page, fault);
    }
    return ctx->eats ? 0 : SMMU_EVT_F_TRANS_FORBIDDEN;
}
