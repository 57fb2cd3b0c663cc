/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-d model: DMA and translation requests
 */

#include "qemu/osdep.h"
#include "system/dma.h"
#include "system/memory.h"
#include "vtd_model.h"

VTDModel *vtd_model_new(IntelIOMMUState *s)
{
    VTDModel *m = g_new0(VTDModel, 1);

    m->iommu = s;
    vtd_config_init(m);
    vtd_tlb_init(m);
    return m;
}

void vtd_model_reset(VTDModel *m)
{
    m->ttm = VTD_TTM_LEGACY;
    m->root = 0;
    vtd_model_drop_caches(m);
}

/* SRTP: take over what RTADDR says (11.4.4.1) */
void vtd_model_set_root(VTDModel *m)
{
    uint64_t val = ldq_le_p(&m->iommu->csr[DMAR_RTADDR_REG]);

    m->ttm = extract64(val, 10, 2);
    m->root = val & VTD_HAW_MASK(m->iommu->aw_bits) & ~0xfffULL;
}

void vtd_model_drop_caches(VTDModel *m)
{
    qemu_mutex_lock(&m->iommu->iommu_lock);
    vtd_config_drop_contexts(m);
    vtd_config_drop_pasids(m);
    vtd_tlb_drop_all(m);
    qemu_mutex_unlock(&m->iommu->iommu_lock);
}

/* Translate and say how it ended; 0 or the reason of the fault */
static int translate(VTDModel *m, const VTDRequest *req, hwaddr addr,
                     VTDPage *page, bool *fpd)
{
    VTDConfig cfg;
    int ret;

    QEMU_LOCK_GUARD(&m->iommu->iommu_lock);
    ret = vtd_config_get(m, req, &cfg, fpd);
    return ret ? ret : vtd_walk(m, &cfg, req, addr, page);
}

/* A large page beside interrupt addresses is handed out in small pieces */
static void fill_entry(IOMMUTLBEntry *entry, const VTDPage *page, hwaddr addr)
{
    hwaddr mask = (1ULL << page->shift) - 1;
    hwaddr base = page->base;

    if (base <= VTD_INTERRUPT_ADDR_LAST &&
        base + mask >= VTD_INTERRUPT_ADDR_FIRST) {
        base = (base | (addr & mask)) & ~0xfffULL;
        mask = 0xfff;
    }
    entry->iova = addr & ~mask;
    entry->translated_addr = base;
    entry->addr_mask = mask;
}

/**
 * vtd_model_translate() - translate for one access
 * @m: model
 * @req: request
 * @addr: address
 * @entry: result, permits what @req wants and no more
 *
 * A fault is recorded.
 *
 * Return: whether the access may proceed.
 */
bool vtd_model_translate(VTDModel *m, const VTDRequest *req, hwaddr addr,
                         IOMMUTLBEntry *entry)
{
    VTDPage page;
    bool fpd;
    int ret;

    ret = translate(m, req, addr, &page, &fpd);
    if (ret) {
        vtd_fault_record(m, req, addr, ret, fpd);
        entry->iova = addr & ~0xfffULL;
        entry->translated_addr = 0;
        entry->addr_mask = 0xfff;
        entry->perm = IOMMU_NONE;
        return false;
    }
    fill_entry(entry, &page, addr);
    entry->perm = req->write ? IOMMU_WO : IOMMU_RO;
    return true;
}

/* One address of a translation request; false when it fails as a whole */
static bool ats_one(VTDModel *m, const VTDRequest *req, hwaddr addr,
                    bool no_write, IOMMUTLBEntry *entry)
{
    VTDRequest want = *req;
    VTDPage page;
    bool fpd, failed = true;
    int ret;

    entry->iova = addr & ~0xfffULL;
    entry->translated_addr = 0;
    entry->addr_mask = 0xfff;
    entry->perm = IOMMU_NONE;
    /* The write comes first: its walk sets D, and the read finds that page */
    for (int write = !no_write; write >= 0; write--) {
        want.write = write;
        ret = translate(m, &want, addr, &page, &fpd);
        if (!ret) {
            fill_entry(entry, &page, addr);
            entry->perm |= write ? IOMMU_WO : IOMMU_RO;
            failed = false;
        } else if (!vtd_fault_recoverable(ret)) {
            vtd_fault_record(m, req, addr, ret, fpd);
            return false;
        } else {
            failed = false;
        }
    }
    return !failed;
}

/**
 * vtd_model_ats() - answer a translation request
 * @m: model
 * @req: request, its at is VTD_AT_TRANSLATION
 * @addr: first address
 * @length: bytes
 * @no_write: NW, the device will not write
 * @result: answers
 * @result_length: how many fit
 * @err_count: answers with fewer rights than asked for
 *
 * Return: number of answers, -EPERM for Unsupported Request, -ENOMEM when
 * more answers are needed.
 */
ssize_t vtd_model_ats(VTDModel *m, const VTDRequest *req, hwaddr addr,
                      size_t length, bool no_write, IOMMUTLBEntry *result,
                      size_t result_length, uint32_t *err_count)
{
    IOMMUAccessFlags wanted = no_write ? IOMMU_RO : IOMMU_RW;
    hwaddr last = addr + (length - 1);
    size_t n;

    *err_count = 0;
    if (!m->iommu->dmar_enabled) {
        return -EPERM;
    }
    for (n = 0; n < result_length; n++) {
        result[n] = (IOMMUTLBEntry) {
            .target_as = &address_space_memory,
            .pasid = req->pasid,
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
 * vtd_model_dma() - a memory request with PASID, or a translated one
 * @m: model
 * @req: request
 * @addr: first address
 * @buf: data
 * @len: bytes
 *
 * Return: MEMTX_OK, or what the completer answers.
 */
MemTxResult vtd_model_dma(VTDModel *m, const VTDRequest *req, hwaddr addr,
                          void *buf, hwaddr len)
{
    IOMMUTLBEntry entry;
    MemTxResult ret;
    hwaddr part;

    if (!m->iommu->dmar_enabled) {
        return MEMTX_ACCESS_ERROR;
    }
    while (len) {
        if (!vtd_model_translate(m, req, addr, &entry)) {
            return MEMTX_ACCESS_ERROR;
        }
        part = MIN(len, entry.addr_mask - (addr & entry.addr_mask) + 1);
        ret = address_space_rw(&address_space_memory,
                               entry.translated_addr |
                               (addr & entry.addr_mask),
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
