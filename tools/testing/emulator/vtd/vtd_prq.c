/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-d model: page requests
 */

#include "qemu/osdep.h"
#include "system/dma.h"
#include "vtd_model.h"

static uint64_t prq_register(const VTDModel *m, unsigned int offset)
{
    return ldq_le_p(&m->iommu->csr[offset]);
}

static uint32_t prq_status(const VTDModel *m)
{
    return ldl_le_p(&m->iommu->csr[DMAR_PRS_REG]);
}

static void prq_raise(VTDModel *m, uint32_t bit)
{
    uint32_t old = prq_status(m);

    stl_le_p(&m->iommu->csr[DMAR_PRS_REG], old | bit);
    vtd_generate_page_request_event(m->iommu, old);
}

static uint64_t prq_bytes(const VTDModel *m)
{
    return (1ULL << ((prq_register(m, DMAR_PQA_REG) & VTD_PQA_SIZE) + 7)) *
           VTD_PQA_ENTRY_SIZE;
}

/*
 * The unit answers a group by itself when its last request cannot be queued
 * (7.4, 7.5). A stop marker wants no answer.
 */
static void prq_answer(VTDAddressSpace *vtd_as, bool last, uint16_t prgi,
                       int code)
{
    IOMMUPRIResponse response = { .prgi = prgi, .response_code = code };

    if (last && vtd_as->pri_notifier) {
        vtd_as->pri_notifier->notify(vtd_as->pri_notifier, &response);
    }
}

/* Context and PASID entry of a page request; false when it is blocked */
static bool prq_permitted(VTDModel *m, const VTDRequest *req, hwaddr addr)
{
    VTDConfig cfg;
    bool fpd;
    int ret;

    WITH_QEMU_LOCK_GUARD(&m->iommu->iommu_lock) {
        ret = vtd_config_get(m, req, &cfg, &fpd);
        if (!ret) {
            vtd_tlb_drop_for_page_request(m, &cfg, addr);
        }
    }
    if (ret) {
        vtd_fault_record(m, req, addr, ret, fpd);
    }
    return !ret;
}

static bool prq_write(VTDModel *m, const VTDRequest *req, hwaddr addr,
                      bool lpig, uint16_t prgi, bool is_read, uint64_t tail)
{
    bool pp = req->pasid != PCI_NO_PASID;
    uint64_t desc[4] = {
        cpu_to_le64(VTD_PRD_TYPE | VTD_PRD_PP(pp) |
                    VTD_PRD_RID((uint64_t)req->sid) |
                    VTD_PRD_PASID(pp ? (uint64_t)req->pasid : 0) |
                    VTD_PRD_EXR((uint64_t)req->exec) |
                    VTD_PRD_PMR((uint64_t)req->priv)),
        cpu_to_le64(VTD_PRD_RDR((uint64_t)is_read) |
                    VTD_PRD_WRR((uint64_t)req->write) |
                    VTD_PRD_LPIG((uint64_t)lpig) |
                    VTD_PRD_PRGI((uint64_t)prgi) | VTD_PRD_ADDR(addr)),
    };
    hwaddr queue = prq_register(m, DMAR_PQA_REG) & VTD_PQA_ADDR;

    return dma_memory_write(&address_space_memory, queue + tail, desc,
                            sizeof(desc), MEMTXATTRS_UNSPECIFIED) == MEMTX_OK;
}

/**
 * vtd_prq_request() - take a page request
 * @m: model
 * @vtd_as: function and PASID, gets the answer
 * @req: request; its write is the W of the message
 * @addr: address of the page
 * @lpig: last of its group
 * @prgi: index of the group
 * @is_read: R of the message
 *
 * Return: 0 when queued or answered by the unit, -EPERM without page requests.
 */
int vtd_prq_request(VTDModel *m, VTDAddressSpace *vtd_as,
                    const VTDRequest *req, hwaddr addr, bool lpig,
                    uint16_t prgi, bool is_read)
{
    bool last = lpig && (is_read || req->write);
    uint64_t tail, next;

    if (!(m->iommu->ecap & VTD_ECAP_PRS)) {
        return -EPERM;
    }
    if (!prq_permitted(m, req, addr)) {
        prq_answer(vtd_as, last, prgi, IOMMU_PRI_RESP_FAILURE);
        return 0;
    }
    tail = prq_register(m, DMAR_PQT_REG);
    next = (tail + VTD_PQA_ENTRY_SIZE) % prq_bytes(m);
    if (next == prq_register(m, DMAR_PQH_REG) &&
        !(prq_status(m) & VTD_PR_STATUS_PRO)) {
        prq_raise(m, VTD_PR_STATUS_PRO);
    }
    if (prq_status(m) & VTD_PR_STATUS_PRO) {
        prq_answer(vtd_as, last, prgi, IOMMU_PRI_RESP_SUCCESS);
        return 0;
    }
    if (!prq_write(m, req, addr, lpig, prgi, is_read, tail)) {
        return -EIO;
    }
    stq_le_p(&m->iommu->csr[DMAR_PQT_REG], next);
    prq_raise(m, VTD_PR_STATUS_PPR);
    return 0;
}
