/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-d model: fault records
 */

#include "qemu/osdep.h"
#include "vtd_model.h"

/* High quadword of a fault recording register (11.4.7.6) */
#define FRCD_T2         BIT_ULL(28)
#define FRCD_PRIV       BIT_ULL(29)
#define FRCD_EXE        BIT_ULL(30)
#define FRCD_PP         BIT_ULL(31)
#define FRCD_AT_SHIFT   60
#define FRCD_T1         BIT_ULL(62)

/* Faults that are found before any entry with an FPD field (7.1.1) */
static bool unqualified(int reason)
{
    switch (reason) {
    case VTD_FR_ROOT_ENTRY_P:
    case VTD_FR_ROOT_TABLE_INV:
    case VTD_FR_CONTEXT_TABLE_INV:
    case VTD_FR_ROOT_ENTRY_RSVD:
    case VTD_FR_RTA_MODE:
    case VTD_FR_RTA_PASID:
    case VTD_FR_RTA_PAGE_REQ:
    case VTD_FR_SRT_ACCESS:
    case VTD_FR_SRT_P:
    case VTD_FR_SRT_RSVD:
    case VTD_FR_SCT_ACCESS:
        return true;
    default:
        return false;
    }
}

/**
 * vtd_fault_recoverable() - whether a translation request survives a fault
 * @reason: reason
 *
 * Such a request is completed without rights, and nothing is recorded (7.1.2).
 */
bool vtd_fault_recoverable(int reason)
{
    switch (reason) {
    case VTD_FR_WRITE:
    case VTD_FR_READ:
    case VTD_FR_SFS_P:
    case VTD_FR_SFS_GPA_ROOT:
    case VTD_FR_SFS_GPA_READ:
    case VTD_FR_SFS_GPA_WRITE:
    case VTD_FR_SSS_P:
    case VTD_FR_SGN_USER:
    case VTD_FR_SGN_WRITE:
    case VTD_FR_SGN_READ:
        return true;
    default:
        return false;
    }
}

static uint64_t request_type(const VTDRequest *req)
{
    if (req->page_request) {
        return FRCD_T2;
    }
    return req->write ? 0 : FRCD_T1;
}

/**
 * vtd_fault_record() - record a fault, unless an entry disables that
 * @m: model
 * @req: request, recorded as it arrived
 * @iova: address
 * @reason: reason
 * @fpd: an entry on the way has FPD set
 */
void vtd_fault_record(VTDModel *m, const VTDRequest *req, uint64_t iova,
                      int reason, bool fpd)
{
    uint64_t hi = req->sid | (uint64_t)reason << 32 | request_type(req) |
                  (uint64_t)req->at << FRCD_AT_SHIFT;

    if (fpd && !unqualified(reason)) {
        return;
    }
    if (req->pasid != PCI_NO_PASID) {
        hi |= FRCD_PP | (uint64_t)(req->pasid & 0xfffff) << 40;
        hi |= req->priv ? FRCD_PRIV : 0;
        hi |= req->exec ? FRCD_EXE : 0;
    }
    vtd_report_frcd_fault(m->iommu, req->sid, hi, iova & ~0xfffULL);
}
