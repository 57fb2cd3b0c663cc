/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-d model: invalidation descriptors and registers
 *
 * Descriptors are those of 6.5.2. Each drops what it names and nothing else.
 */

#include "qemu/osdep.h"
#include "system/memory.h"
#include "trace.h"
#include "vtd_model.h"

#define G_OF(desc)      extract64((desc)->val[0], 4, 2)
#define DID_OF(desc)    extract64((desc)->val[0], 16, 16)
#define PASID_OF(desc)  extract64((desc)->val[0], 32, 20)

/* Range of 2^am pages; the low bits of the address are ignored */
static VTDRange range_of(uint64_t val)
{
    unsigned int am = extract64(val, 0, 6);
    uint64_t last = am >= 52 ? UINT64_MAX : (1ULL << (am + 12)) - 1;

    return (VTDRange) {
        .first = val & ~0xfffULL & ~last,
        .last = (val & ~0xfffULL) | last,
        .leaf_only = val & BIT_ULL(6),
    };
}

/* 6.5.2.1 */
static int context_cache(VTDModel *m, const VTDInvDesc *desc)
{
    switch (G_OF(desc)) {
    case 1:
        vtd_config_drop_contexts(m);
        return 0;
    case 2:
        vtd_config_drop_context_domain(m, DID_OF(desc));
        return 0;
    case 3:
        vtd_config_drop_context_device(m, extract64(desc->val[0], 32, 16),
                                       DID_OF(desc),
                                       extract64(desc->val[0], 48, 2));
        return 0;
    default:
        return VTD_IQEI_RESERVED;
    }
}

/* 6.5.2.3 */
static int iotlb(VTDModel *m, const VTDInvDesc *desc)
{
    VTDRange range = range_of(desc->val[1]);

    switch (G_OF(desc)) {
    case 1:
        vtd_tlb_drop_all(m);
        return 0;
    case 2:
        vtd_tlb_drop_domain(m, DID_OF(desc));
        return 0;
    case 3:
        if (extract64(desc->val[1], 0, 6) > VTD_MAMV) {
            return VTD_IQEI_RESERVED;
        }
        vtd_tlb_drop_domain_range(m, DID_OF(desc), &range);
        return 0;
    default:
        return VTD_IQEI_RESERVED;
    }
}

/* 6.5.2.4 */
static int pasid_iotlb(VTDModel *m, const VTDInvDesc *desc)
{
    VTDRange range = range_of(desc->val[1]);

    switch (G_OF(desc)) {
    case 2:
        vtd_tlb_drop_pasid(m, DID_OF(desc), PASID_OF(desc));
        return 0;
    case 3:
        vtd_tlb_drop_pasid_range(m, DID_OF(desc), PASID_OF(desc), &range);
        return 0;
    default:
        return VTD_IQEI_RESERVED;
    }
}

/* 6.5.2.2 */
static int pasid_cache(VTDModel *m, const VTDInvDesc *desc)
{
    switch (G_OF(desc)) {
    case 0:
        vtd_config_drop_pasid_domain(m, DID_OF(desc));
        return 0;
    case 1:
        vtd_config_drop_pasid(m, DID_OF(desc), PASID_OF(desc));
        return 0;
    case 3:
        vtd_config_drop_pasids(m);
        return 0;
    default:
        return VTD_IQEI_RESERVED;
    }
}

typedef struct VTDFunction {
    uint16_t sid;
    bool any_pasid;
    uint32_t pasid;
    bool size;
    hwaddr addr;
} VTDFunction;

static bool as_matches(const VTDAddressSpace *as, const VTDFunction *f)
{
    return PCI_BUILD_BDF(pci_bus_num(as->bus), as->devfn) == f->sid &&
           (f->any_pasid ? as->pasid != PCI_NO_PASID : as->pasid == f->pasid);
}

static void invalidate_device(gpointer k, gpointer v, gpointer opaque)
{
    const VTDFunction *f = opaque;
    VTDAddressSpace *as = v;

    if (as_matches(as, f)) {
        vtd_invalidate_device_tlb(as, f->size, f->addr);
    }
}

/* 6.5.2.5 */
static int device_tlb(VTDModel *m, const VTDInvDesc *desc)
{
    VTDFunction f = {
        .sid = extract64(desc->val[0], 32, 16),
        .pasid = PCI_NO_PASID,
        .size = desc->val[1] & 1,
        .addr = desc->val[1] & ~0xfffULL,
    };

    g_hash_table_foreach(m->iommu->vtd_address_spaces, invalidate_device, &f);
    return 0;
}

/* 6.5.2.6 */
static int pasid_device_tlb(VTDModel *m, const VTDInvDesc *desc)
{
    VTDFunction f = {
        .sid = extract64(desc->val[0], 16, 16),
        .any_pasid = desc->val[1] & 1,
        .pasid = PASID_OF(desc),
        .size = desc->val[1] & BIT_ULL(11),
        .addr = desc->val[1] & ~0xfffULL,
    };

    g_hash_table_foreach(m->iommu->vtd_address_spaces, invalidate_device, &f);
    return 0;
}

static gboolean find_as(gpointer k, gpointer v, gpointer opaque)
{
    return as_matches(v, opaque);
}

/* 7.6.1: PRGI, response code, whether the group had a PASID */
static int page_group_response(VTDModel *m, const VTDInvDesc *desc)
{
    static const int codes[] = {
        IOMMU_PRI_RESP_SUCCESS, IOMMU_PRI_RESP_INVALID_REQUEST,
    };
    unsigned int code = extract64(desc->val[0], 12, 4);
    VTDFunction f = {
        .sid = extract64(desc->val[0], 16, 16),
        .pasid = desc->val[0] & BIT_ULL(4) ? PASID_OF(desc) : PCI_NO_PASID,
    };
    IOMMUPRIResponse response = {
        .prgi = extract64(desc->val[1], 3, 9),
        .response_code = code < ARRAY_SIZE(codes) ? codes[code] :
                                                    IOMMU_PRI_RESP_FAILURE,
    };
    VTDAddressSpace *as = g_hash_table_find(m->iommu->vtd_address_spaces,
                                            find_as, &f);

    if (as && as->pri_notifier) {
        as->pri_notifier->notify(as->pri_notifier, &response);
    }
    return 0;
}

typedef struct VTDDescriptor {
    const char *name;
    int (*run)(VTDModel *m, const VTDInvDesc *desc);
    uint64_t reserved[2];       /* of quadwords 0 and 1; 2 and 3 are all */
    bool locked;                /* run with the unit's lock held */
    bool wide;                  /* of 256 bits only */
} VTDDescriptor;

static const VTDDescriptor descriptors[] = {
    [VTD_INV_DESC_CC] = {
        .name = "context-cache",
        .run = context_cache,
        .reserved = { 0xfffc00000000f1c0ULL, UINT64_MAX },
        .locked = true,
    },
    [VTD_INV_DESC_IOTLB] = {
        .name = "iotlb",
        .run = iotlb,
        .reserved = { 0xffffffff0000f100ULL, 0xf80 },
        .locked = true,
    },
    [VTD_INV_DESC_DEVICE] = {
        .name = "device",
        .run = device_tlb,
        .reserved = { 0xffff0000ffe0f1f0ULL, 0xffe },
    },
    [VTD_INV_DESC_PIOTLB] = {
        .name = "p-iotlb",
        .run = pasid_iotlb,
        .reserved = { 0xfff000000000f1c0ULL, 0xf80 },
        .locked = true,
        .wide = true,
    },
    [VTD_INV_DESC_PC] = {
        .name = "pasid-cache",
        .run = pasid_cache,
        .reserved = { 0xfff000000000f1c0ULL, UINT64_MAX },
        .locked = true,
        .wide = true,
    },
    [VTD_INV_DESC_DEV_PIOTLB] = {
        .name = "device-piotlb",
        .run = pasid_device_tlb,
        .reserved = { 0xfff000000000f000ULL, 0x7fe },
        .wide = true,
    },
    [VTD_INV_DESC_PGRESP] = {
        .name = "page group response",
        .run = page_group_response,
        /* Bit 2 of quadword 1 was LPIG in revision 3; software still sets it */
        .reserved = { 0xfff00000000001e0ULL, 0xfffffffffffff003ULL },
        .wide = true,
    },
};

static bool reserved_set(const VTDModel *m, const VTDDescriptor *d,
                         const VTDInvDesc *desc)
{
    if ((desc->val[0] & d->reserved[0]) || (desc->val[1] & d->reserved[1])) {
        return true;
    }
    return m->iommu->iq_dw && (desc->val[2] || desc->val[3]);
}

/**
 * vtd_queue_descriptor() - run an invalidation descriptor
 * @m: model
 * @desc: descriptor
 * @iqei: what is wrong with it (11.4.9.10), 0 when nothing
 *
 * Return: false for a type that is left to the caller.
 */
bool vtd_queue_descriptor(VTDModel *m, const VTDInvDesc *desc, int *iqei)
{
    unsigned int type = VTD_INV_DESC_TYPE(desc->val[0]);
    const VTDDescriptor *d;

    *iqei = 0;
    if (m->ttm != VTD_TTM_LEGACY && !m->iommu->iq_dw) {
        *iqei = VTD_IQEI_WIDTH;
        return true;
    }
    if (type == VTD_INV_DESC_WAIT || type == VTD_INV_DESC_IEC) {
        return false;
    }
    if (type >= ARRAY_SIZE(descriptors) || !descriptors[type].run) {
        *iqei = VTD_IQEI_TYPE;
        return true;
    }
    d = &descriptors[type];
    trace_vtd_inv_desc(d->name, desc->val[1], desc->val[0]);
    if (d->wide && !m->iommu->iq_dw) {
        *iqei = VTD_IQEI_TYPE;
    } else if (reserved_set(m, d, desc)) {
        *iqei = VTD_IQEI_RESERVED;
    } else if (d->locked) {
        QEMU_LOCK_GUARD(&m->iommu->iommu_lock);
        *iqei = d->run(m, desc);
    } else {
        *iqei = d->run(m, desc);
    }
    return true;
}

/**
 * vtd_queue_ccmd() - context-cache invalidation by register
 * @m: model
 * @val: CCMD (11.4.6.1)
 *
 * Return: CAIG in place, what was done; 0 when the register is ignored.
 */
uint64_t vtd_queue_ccmd(VTDModel *m, uint64_t val)
{
    uint16_t did = extract64(val, 0, 16);

    if (m->ttm != VTD_TTM_LEGACY) {
        return 0;
    }
    QEMU_LOCK_GUARD(&m->iommu->iommu_lock);
    switch (extract64(val, 61, 2)) {
    case 1:
        vtd_config_drop_contexts(m);
        return 1ULL << 59;
    case 2:
        vtd_config_drop_context_domain(m, did);
        return 2ULL << 59;
    case 3:
        vtd_config_drop_context_device(m, extract64(val, 16, 16), did,
                                       extract64(val, 32, 2));
        return 3ULL << 59;
    default:
        return 0;
    }
}

/**
 * vtd_queue_iotlb() - IOTLB invalidation by register
 * @m: model
 * @val: IOTLB (11.4.6.2)
 *
 * Return: IAIG in place, what was done; 0 when the register is ignored.
 */
uint64_t vtd_queue_iotlb(VTDModel *m, uint64_t val)
{
    uint64_t iva = ldq_le_p(&m->iommu->csr[DMAR_IVA_REG]);
    uint16_t did = extract64(val, 32, 16);
    VTDRange range = range_of(iva);

    if (m->ttm != VTD_TTM_LEGACY) {
        return 0;
    }
    QEMU_LOCK_GUARD(&m->iommu->iommu_lock);
    switch (extract64(val, 60, 2)) {
    case 1:
        vtd_tlb_drop_all(m);
        return 1ULL << 57;
    case 2:
        vtd_tlb_drop_domain(m, did);
        return 2ULL << 57;
    case 3:
        if (extract64(iva, 0, 6) > VTD_MAMV) {
            return 0;
        }
        vtd_tlb_drop_domain_range(m, did, &range);
        return 3ULL << 57;
    default:
        return 0;
    }
}
