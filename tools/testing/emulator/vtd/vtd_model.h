/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An exact model of VT-d translation: what caches may hold stays in them until
 * an invalidation names it, and faults have the numbers of the specification.
 *
 * Section numbers are those of the VT-d specification, revision 4.1.
 */

#ifndef HW_I386_VTD_MODEL_H
#define HW_I386_VTD_MODEL_H

#include "hw/i386/intel_iommu.h"
#include "hw/pci/pci_bus.h"
#include "intel_iommu_internal.h"

/* Fault reasons that intel_iommu_internal.h does not have (7.1.3) */
enum {
    VTD_FR_RTA_MODE         = 0x30, /* RTADDR.TTM has no meaning */
    VTD_FR_RTA_PASID        = 0x31, /* request with PASID, legacy mode */
    VTD_FR_RTA_PAGE_REQ     = 0x32, /* page request, legacy mode */
    VTD_FR_SRT_ACCESS       = 0x38,
    VTD_FR_SRT_P            = 0x39,
    VTD_FR_SRT_RSVD         = 0x3a,
    VTD_FR_SCT_ACCESS       = 0x40,
    VTD_FR_SCT_P            = 0x41,
    VTD_FR_SCT_RSVD         = 0x42,
    VTD_FR_SCT_INV          = 0x43,
    VTD_FR_SCT_DTE          = 0x44,
    VTD_FR_SCT_PASIDE       = 0x45,
    VTD_FR_SCT_PASID_LARGE  = 0x46,
    VTD_FR_SCT_PRE          = 0x47,
    VTD_FR_SPD_ACCESS       = 0x50,
    VTD_FR_SPD_P            = 0x51,
    VTD_FR_SPD_RSVD         = 0x52,
    VTD_FR_SPT_ACCESS       = 0x58,
    VTD_FR_SPT_P            = 0x59,
    VTD_FR_SPT_RSVD         = 0x5a,
    VTD_FR_SPT_INV          = 0x5b,
    VTD_FR_SPT_ERE          = 0x5c,
    VTD_FR_SPT_SRE          = 0x5d,
    VTD_FR_SFS_ACCESS       = 0x70,
    VTD_FR_SFS_P            = 0x71,
    VTD_FR_SFS_RSVD         = 0x72,
    VTD_FR_SFS_ROOT_ACCESS  = 0x73,
    VTD_FR_SFS_GPA_LARGE    = 0x74,
    VTD_FR_SFS_GPA_ROOT     = 0x75, /* the second stage denies the root */
    VTD_FR_SFS_GPA_READ     = 0x76, /* the same for a lower table */
    VTD_FR_SFS_GPA_WRITE    = 0x77, /* the same for writing A or D */
    VTD_FR_SSS_ACCESS       = 0x78,
    VTD_FR_SSS_P            = 0x79,
    VTD_FR_SSS_RSVD         = 0x7a,
    VTD_FR_SSS_ROOT_ACCESS  = 0x7b,
    VTD_FR_SSS_AD_SNOOP     = 0x7c,
    VTD_FR_SSS_AD_UPDATE    = 0x7d,
    VTD_FR_SGN_CANONICAL    = 0x80,
    VTD_FR_SGN_USER         = 0x81,
    VTD_FR_SGN_HAW          = 0x83,
    VTD_FR_SGN_SS_LARGE     = 0x84,
    VTD_FR_SGN_WRITE        = 0x85,
    VTD_FR_SGN_READ         = 0x86,
    VTD_FR_SGN_INTERRUPT    = 0x87,
    VTD_FR_SFS_AD_SNOOP     = 0x90,
    VTD_FR_SFS_AD_UPDATE    = 0x91,
};

/* RTADDR.TTM (11.4.5) */
enum {
    VTD_TTM_LEGACY = 0,
    VTD_TTM_SCALABLE = 1,
};

/* PASID entry, PGTT (9.6) */
enum {
    VTD_PGTT_FS = 1,
    VTD_PGTT_SS = 2,
    VTD_PGTT_NESTED = 3,
    VTD_PGTT_PT = 4,
};

/* IQERCD.IQEI (11.4.9.10) */
enum {
    VTD_IQEI_TAIL = 1,
    VTD_IQEI_FETCH = 2,
    VTD_IQEI_TYPE = 3,
    VTD_IQEI_RESERVED = 4,
    VTD_IQEI_WIDTH = 5,
    VTD_IQEI_ALIGNMENT = 6,
};

#define DMAR_IQERCD_REG         0xb0

/* Bits of capabilities that intel_iommu_internal.h does not have */
#define VTD_CAP_MGAW_BITS(cap)  (extract64((cap), 16, 6) + 1)
#define VTD_CAP_SLLPS_2M        (1ULL << 34)
#define VTD_CAP_SLLPS_1G        (1ULL << 35)
#define VTD_ECAP_NEST           (1ULL << 26)
#define VTD_ECAP_NWFS           (1ULL << 33)
#define VTD_ECAP_PSS_SHIFT      35
#define VTD_ECAP_PDS            (1ULL << 42)
#define VTD_ECAP_SSADS          (1ULL << 45)
#define VTD_ECAP_SMPWCS         (1ULL << 48)
#define VTD_ECAP_RPS            (1ULL << 49)

/* PASID of cache tags that have none: second stage, legacy mode */
#define VTD_TAG_NO_PASID        UINT32_MAX

typedef enum VTDAddrType {
    VTD_AT_UNTRANSLATED = 0,
    VTD_AT_TRANSLATION = 1,     /* ATS translation request */
    VTD_AT_TRANSLATED = 2,
} VTDAddrType;

/**
 * struct VTDRequest - a request as it reaches the unit
 * @sid: bus, device, function
 * @pasid: PCI_NO_PASID for a request without PASID
 * @write: memory write
 * @priv: privileged mode requested
 * @exec: execute requested
 * @page_request: PRI page request
 * @at: address type
 */
typedef struct VTDRequest {
    uint16_t sid;
    uint32_t pasid;
    bool write;
    bool priv;
    bool exec;
    bool page_request;
    VTDAddrType at;
} VTDRequest;

/**
 * struct VTDConfig - what root, context and PASID entries say about a request
 * @legacy: from a legacy context entry
 * @pasid: PASID whose entry is used, also for a request without PASID
 * @pgtt: VTD_PGTT_*
 * @did: domain
 * @ss_root: second-stage table, a host address
 * @ss_levels: its levels
 * @fs_root: first-stage table; a guest address in nested mode
 * @ssade: second-stage A and D are written
 * @snooped: walks of paging structures are coherent
 * @wpe: write protection holds for privileged requests
 */
typedef struct VTDConfig {
    bool legacy;
    uint32_t pasid;
    uint8_t pgtt;
    uint16_t did;
    hwaddr ss_root;
    unsigned int ss_levels;
    hwaddr fs_root;
    bool ssade;
    bool snooped;
    bool wpe;
} VTDConfig;

/**
 * struct VTDPage - a translation and what may be done by it without a walk
 * @base: host address of the first byte
 * @shift: log2 of its size
 * @read: may be read
 * @write: may be written; false when a write has a D bit to set first
 * @absent: nothing is mapped, which caching mode lets the IOTLB hold
 */
typedef struct VTDPage {
    hwaddr base;
    unsigned int shift;
    bool read;
    bool write;
    bool absent;
} VTDPage;

typedef enum VTDStage {
    VTD_STAGE_FIRST,        /* also results of both stages: tags are the same */
    VTD_STAGE_SECOND,
} VTDStage;

/**
 * struct VTDTag - what cached paging entries are found and invalidated by
 * @stage: see enum
 * @did: domain
 * @pasid: VTD_TAG_NO_PASID for the second stage
 * @priv: first-stage rights of privileged requests
 *
 * Tags name no device, so that functions share entries (6.2.1).
 */
typedef struct VTDTag {
    VTDStage stage;
    uint16_t did;
    uint32_t pasid;
    bool priv;
} VTDTag;

/**
 * struct VTDTable - a paging table reached during a walk
 * @addr: its address, a guest address when first-stage tables of nested mode
 * @rights: bits that all entries on the way have in common
 */
typedef struct VTDTable {
    hwaddr addr;
    uint64_t rights;
} VTDTable;

/**
 * struct VTDRange - addresses that an invalidation names
 * @first: first byte
 * @last: last byte, inclusive
 * @leaf_only: IH hint, entries of non-leaf tables may be kept
 */
typedef struct VTDRange {
    uint64_t first;
    uint64_t last;
    bool leaf_only;
} VTDRange;

/**
 * struct VTDModel - state of the model
 * @iommu: registers and properties
 * @ttm: RTADDR.TTM at the last SRTP
 * @root: root table at the last SRTP
 * @contexts: context cache, by source-id
 * @pasids: PASID cache, by source-id and PASID
 * @pages: IOTLB
 * @tables: paging-structure caches
 *
 * All is protected by the unit's iommu_lock.
 */
struct VTDModel {
    IntelIOMMUState *iommu;
    unsigned int ttm;
    hwaddr root;
    GHashTable *contexts;
    GHashTable *pasids;
    GHashTable *pages;
    GHashTable *tables;
};

static inline uint64_t vtd_model_haw_reserved(const VTDModel *m)
{
    return ~VTD_HAW_MASK(m->iommu->aw_bits);
}

/* With caching mode what is not present may be cached, too (6.1) */
static inline bool vtd_model_caches_absent(const VTDModel *m)
{
    return m->iommu->cap & VTD_CAP_CM;
}

/* vtd_config.c */
int vtd_config_get(VTDModel *m, const VTDRequest *req, VTDConfig *cfg,
                   bool *fpd);
void vtd_config_drop_contexts(VTDModel *m);
void vtd_config_drop_context_domain(VTDModel *m, uint16_t did);
void vtd_config_drop_context_device(VTDModel *m, uint16_t sid, uint16_t did,
                                    unsigned int function_mask);
void vtd_config_drop_pasids(VTDModel *m);
void vtd_config_drop_pasid_domain(VTDModel *m, uint16_t did);
void vtd_config_drop_pasid(VTDModel *m, uint16_t did, uint32_t pasid);
void vtd_config_init(VTDModel *m);

/* vtd_walk.c */
int vtd_walk(VTDModel *m, const VTDConfig *cfg, const VTDRequest *req,
             uint64_t iova, VTDPage *page);

/* vtd_tlb.c */
bool vtd_tlb_find(VTDModel *m, const VTDTag *tag, uint64_t iova, bool write,
                  VTDPage *page);
void vtd_tlb_add(VTDModel *m, const VTDTag *tag, uint64_t iova,
                 const VTDPage *page);
bool vtd_tlb_find_table(VTDModel *m, const VTDTag *tag, uint64_t iova,
                        unsigned int level, VTDTable *table);
void vtd_tlb_add_table(VTDModel *m, const VTDTag *tag, uint64_t iova,
                       unsigned int level, const VTDTable *table);
void vtd_tlb_drop_all(VTDModel *m);
void vtd_tlb_drop_domain(VTDModel *m, uint16_t did);
void vtd_tlb_drop_domain_range(VTDModel *m, uint16_t did,
                               const VTDRange *range);
void vtd_tlb_drop_pasid(VTDModel *m, uint16_t did, uint32_t pasid);
void vtd_tlb_drop_pasid_range(VTDModel *m, uint16_t did, uint32_t pasid,
                              const VTDRange *range);
void vtd_tlb_drop_for_page_request(VTDModel *m, const VTDConfig *cfg,
                                   uint64_t iova);
void vtd_tlb_init(VTDModel *m);

/* vtd_fault.c */
void vtd_fault_record(VTDModel *m, const VTDRequest *req, uint64_t iova,
                      int reason, bool fpd);
bool vtd_fault_recoverable(int reason);

/* vtd_request.c */
VTDModel *vtd_model_new(IntelIOMMUState *s);
void vtd_model_reset(VTDModel *m);
void vtd_model_set_root(VTDModel *m);
void vtd_model_drop_caches(VTDModel *m);
bool vtd_model_translate(VTDModel *m, const VTDRequest *req, hwaddr addr,
                         IOMMUTLBEntry *entry);
ssize_t vtd_model_ats(VTDModel *m, const VTDRequest *req, hwaddr addr,
                      size_t length, bool no_write, IOMMUTLBEntry *result,
                      size_t result_length, uint32_t *err_count);
MemTxResult vtd_model_dma(VTDModel *m, const VTDRequest *req, hwaddr addr,
                          void *buf, hwaddr len);

/* vtd_prq.c */
int vtd_prq_request(VTDModel *m, VTDAddressSpace *vtd_as,
                    const VTDRequest *req, hwaddr addr, bool lpig,
                    uint16_t prgi, bool is_read);

/* vtd_queue.c */
bool vtd_queue_descriptor(VTDModel *m, const VTDInvDesc *desc, int *iqei);
uint64_t vtd_queue_ccmd(VTDModel *m, uint64_t val);
uint64_t vtd_queue_iotlb(VTDModel *m, uint64_t val);

#endif
