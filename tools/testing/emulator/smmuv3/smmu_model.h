/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An exact model of SMMUv3 translation: what caches may hold stays in them
 * until a command names it, and events are those of the architecture.
 *
 * Section numbers are those of the SMMU architecture, Arm IHI 0070 issue G.b.
 */

#ifndef HW_ARM_SMMU_MODEL_H
#define HW_ARM_SMMU_MODEL_H

#include "hw/arm/smmuv3.h"
#include "hw/pci/pci_bus.h"
#include "smmuv3-internal.h"

/* Terminated without an event: STE.Config or GBPA says so */
#define SMMU_SILENT_ABORT       0x100

/* STE.Config (5.2) */
enum {
    SMMU_CONFIG_BYPASS = 4,
    SMMU_CONFIG_S1 = 5,
    SMMU_CONFIG_S2 = 6,
    SMMU_CONFIG_NESTED = 7,
};

/* STE.S1DSS (5.2) */
enum {
    SMMU_S1DSS_TERMINATE = 0,
    SMMU_S1DSS_BYPASS = 1,
    SMMU_S1DSS_SSID0 = 2,
};

/* STE.EATS (5.2) */
enum {
    SMMU_EATS_FULL = 1,
    SMMU_EATS_SPLIT = 2,
};

/* IDR0.STALL_MODEL (6.3.1) */
enum {
    SMMU_STALL_OPTIONAL = 0,
    SMMU_STALL_NONE = 1,
    SMMU_STALL_FORCED = 2,
};

#define SMMU_LEVELS             4

/**
 * struct SMMURequest - a request as it reaches the unit
 * @sid: stream ID
 * @ssid: substream ID, PCI_NO_PASID for a request without
 * @write: it writes
 * @priv: privileged
 * @exec: instruction fetch, of reads only
 * @client: can wait for the end of a stall; NULL for one that cannot
 * @translated: its address is from the answer to a translation request
 */
typedef struct SMMURequest {
    uint32_t sid;
    uint32_t ssid;
    bool write;
    bool priv;
    bool exec;
    const PCIRequestClient *client;
    bool translated;
} SMMURequest;

/**
 * struct SMMUFault - the fields of an event that depend on what went wrong
 * @s2: found by stage 2
 * @class: SMMU_CLASS_*
 * @stall: the transaction waits
 * @stag: names it
 * @table_write: an update of a stage-1 descriptor was refused by stage 2
 * @addr: IPA, or address of the fetch that was aborted
 * @ssid: substream whose level-1 descriptor is not valid
 */
typedef struct SMMUFault {
    bool s2;
    uint8_t class;
    bool stall;
    uint16_t stag;
    bool table_write;
    uint64_t addr;
    uint32_t ssid;
} SMMUFault;

/**
 * struct SMMUTables - one set of translation tables
 * @disabled: EPD
 * @base: first table
 * @granule: log2 of the page size
 * @bits: width of input addresses
 * @level: level of the first table
 * @no_hierarchy: HAD, table descriptors limit no rights
 */
typedef struct SMMUTables {
    bool disabled;
    uint64_t base;
    unsigned int granule;
    unsigned int bits;
    unsigned int level;
    bool no_hierarchy;
} SMMUTables;

/**
 * struct SMMUStage2 - stage 2 of an STE
 * @tables: tables
 * @out_bits: width of output addresses
 * @affd: AF=0 does not fault
 * @ha: AF is set by hardware
 * @hd: dirty state as well
 * @ptw: tables of stage 1 must not lie in Device memory
 * @fwb: attributes have the encoding of S2FWB
 * @stall: S2S
 * @record: S2R
 */
typedef struct SMMUStage2 {
    SMMUTables tables;
    unsigned int out_bits;
    bool affd;
    bool ha;
    bool hd;
    bool ptw;
    bool fwb;
    bool stall;
    bool record;
} SMMUStage2;

/**
 * struct SMMUStage1 - stage 1 of a CD
 * @half: tables, for each value of bit 55 of an address
 * @ignore_top: TBI, for each half
 * @out_bits: width of output addresses
 * @affd: AF=0 does not fault
 * @ha: AF is set by hardware
 * @hd: dirty state as well
 * @wxn: what can be written cannot be executed
 * @pan: privileged requests may not use pages of users
 * @stall: S
 * @record: R
 * @abort: A
 */
typedef struct SMMUStage1 {
    SMMUTables half[2];
    bool ignore_top[2];
    unsigned int out_bits;
    bool affd;
    bool ha;
    bool hd;
    bool wxn;
    bool pan;
    bool stall;
    bool record;
    bool abort;
} SMMUStage1;

/**
 * struct SMMUContext - what STE and CD say about a request
 * @config: STE.Config
 * @use_s1: there is a stage 1, and S1DSS does not bypass it
 * @use_s2: there is a stage 2
 * @vmid: S2VMID
 * @asid: CD.ASID
 * @aset: CD.ASET
 * @eats: STE.EATS, 0 where it acts as 0
 * @cd_table: S1ContextPtr
 * @cd_format: S1Fmt
 * @cd_bits: S1CDMax
 * @s1dss: S1DSS
 * @s1: valid if @use_s1
 * @s2: valid if @use_s2
 */
typedef struct SMMUContext {
    uint8_t config;
    bool use_s1;
    bool use_s2;
    uint16_t vmid;
    uint16_t asid;
    bool aset;
    uint8_t eats;
    uint64_t cd_table;
    uint8_t cd_format;
    uint8_t cd_bits;
    uint8_t s1dss;
    SMMUStage1 s1;
    SMMUStage2 s2;
} SMMUContext;

/* Rights; those of users and of privileged requests can differ in stage 1 */
enum {
    SMMU_READ = 1,
    SMMU_WRITE = 2,
    SMMU_EXEC = 4,
    SMMU_PRIV_SHIFT = 3,
};

/**
 * struct SMMUPage - a translation, as a TLB holds it
 * @base: output address of the first byte
 * @shift: log2 of its size
 * @ipa: intermediate address of the first byte
 * @leaf_shift: log2 of what the leaf descriptor of the input stage maps
 * @granule: log2 of the granule of the input stage
 * @level: level of that descriptor
 * @s1: rights of stage 1, users in 2:0, privileged in 5:3
 * @s2: rights of stage 2
 * @s1_clean: a write has the dirty state of stage 1 to set
 * @s2_clean: the same of stage 2
 * @device: stage 2 says Device memory
 * @global: for all ASIDs
 */
typedef struct SMMUPage {
    uint64_t base;
    unsigned int shift;
    uint64_t ipa;
    unsigned int leaf_shift;
    unsigned int granule;
    unsigned int level;
    uint8_t s1;
    uint8_t s2;
    bool s1_clean;
    bool s2_clean;
    bool device;
    bool global;
} SMMUPage;

/**
 * struct SMMUTable - a table that a walk came to
 * @base: address, an IPA in stage 1 of nested translation
 * @limits: APTable, UXNTable and PXNTable of the descriptors on the way
 */
typedef struct SMMUTable {
    uint64_t base;
    uint64_t limits;
} SMMUTable;

/**
 * struct SMMUTag - what entries of TLBs are found by, apart from the address
 * @stage2: from IPAs; else from addresses of stage 1, whether nested or not
 * @vmid: VMID
 * @asid: ASID, not with @stage2
 * @aset: limits global entries to contexts of the same kind
 *
 * Stage-1 entries are tagged alike whether there is a stage 2 or not (3.17).
 */
typedef struct SMMUTag {
    bool stage2;
    uint16_t vmid;
    uint16_t asid;
    bool aset;
} SMMUTag;

/**
 * struct SMMUTlbInvalidation - what a TLBI names
 * @stage1: entries of stage 1, and combined ones
 * @stage2: entries of stage 2
 * @vmid: VMID, -1 for all
 * @asid: ASID, -1 for all
 * @by_address: the range counts
 * @first: first address
 * @last: last address, inclusive
 * @granule: log2 of the granule that entries must have, 0 for any
 * @level: level that leaf entries must have, 0 for any
 * @leaf_only: tables may be kept
 */
typedef struct SMMUTlbInvalidation {
    bool stage1;
    bool stage2;
    int vmid;
    int asid;
    bool by_address;
    uint64_t first;
    uint64_t last;
    unsigned int granule;
    unsigned int level;
    bool leaf_only;
} SMMUTlbInvalidation;

typedef struct SMMUListener SMMUListener;
typedef struct SMMUStall SMMUStall;
typedef struct SMMUPriListener SMMUPriListener;

/**
 * struct SMMUModel - state of the model
 * @smmu: registers, queues and properties
 * @lock: protects the caches
 * @l1stds: level-1 descriptors of the stream table, by their index
 * @stes: STEs, by stream
 * @l1cds: level-1 descriptors of CD tables, by stream and index
 * @cds: CDs, by stream and substream
 * @pages: translations
 * @tables: tables that walks came to
 * @listeners: functions with substreams that want to hear of invalidations
 * @stalls: transactions that wait
 * @last_stag: STAG of the last of them
 * @pri_listeners: the same of answers to page requests
 * @priq: page request queue
 * @priq_irq_address: PRIQ_IRQ_CFG0
 * @priq_irq: PRIQ_IRQ_CFG1 and 2; without MSIs nothing depends on these
 */
struct SMMUModel {
    SMMUv3State *smmu;
    QemuMutex lock;
    GHashTable *l1stds;
    GHashTable *stes;
    GHashTable *l1cds;
    GHashTable *cds;
    GHashTable *pages;
    GHashTable *tables;
    QLIST_HEAD(, SMMUListener) listeners;
    QTAILQ_HEAD(, SMMUStall) stalls;
    uint16_t last_stag;
    QLIST_HEAD(, SMMUPriListener) pri_listeners;
    SMMUQueue priq;
    uint64_t priq_irq_address;
    uint32_t priq_irq[2];
};

static inline unsigned int smmu_oas_bits(const SMMUModel *m)
{
    return oas2bits(FIELD_EX32(m->smmu->idr[5], IDR5, OAS));
}

static inline unsigned int smmu_ssid_size(const SMMUModel *m)
{
    return FIELD_EX32(m->smmu->idr[1], IDR1, SSIDSIZE);
}

/* smmu_config.c */
int smmu_config_get(SMMUModel *m, const SMMURequest *req, SMMUContext *ctx,
                    SMMUFault *fault);
int smmu_config_stream(SMMUModel *m, const SMMURequest *req, SMMUContext *ctx,
                       SMMUFault *fault);
void smmu_config_drop_all(SMMUModel *m);
void smmu_config_drop_streams(SMMUModel *m, uint32_t first, uint32_t last,
                              bool leaf);
void smmu_config_drop_cds(SMMUModel *m, uint32_t sid);
void smmu_config_drop_cd(SMMUModel *m, uint32_t sid, uint32_t ssid, bool leaf);
void smmu_config_init(SMMUModel *m);

/* smmu_decode.c */
bool smmu_decode_ste(const SMMUModel *m, const uint64_t *ste, SMMUContext *ctx);
bool smmu_decode_cd(const SMMUModel *m, const uint64_t *ste, const uint64_t *cd,
                    SMMUContext *ctx);

/* smmu_walk.c */
int smmu_walk(SMMUModel *m, const SMMUContext *ctx, const SMMURequest *req,
              uint64_t addr, SMMUPage *page, SMMUFault *fault);
int smmu_walk_stage1(SMMUModel *m, const SMMUContext *ctx,
                     const SMMURequest *req, uint64_t addr, SMMUPage *page,
                     SMMUFault *fault);
int smmu_walk_stage2(SMMUModel *m, const SMMUContext *ctx, uint64_t ipa,
                     uint8_t need, uint8_t class, SMMUPage *page,
                     SMMUFault *fault);
bool smmu_walk_read(uint64_t addr, uint64_t *words, size_t count);

/* smmu_tlb.c */
bool smmu_tlb_find(SMMUModel *m, const SMMUTag *tag, uint64_t addr,
                   SMMUPage *page);
void smmu_tlb_add(SMMUModel *m, const SMMUTag *tag, uint64_t addr,
                  const SMMUPage *page);
bool smmu_tlb_find_table(SMMUModel *m, const SMMUTag *tag, uint64_t addr,
                         unsigned int shift, SMMUTable *table);
void smmu_tlb_add_table(SMMUModel *m, const SMMUTag *tag, uint64_t addr,
                        unsigned int shift, const SMMUTable *table);
void smmu_tlb_drop(SMMUModel *m, const SMMUTlbInvalidation *inv);
void smmu_tlb_drop_all(SMMUModel *m);
void smmu_tlb_init(SMMUModel *m);

/* smmu_event.c */
bool smmu_event_record(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                       int number, const SMMUFault *fault);

/* smmu_command.c */
SMMUCmdError smmu_command(SMMUModel *m, const Cmd *cmd);

/* smmu_ats.c */
void smmu_ats_listen(SMMUModel *m, PCIBus *bus, int devfn, uint32_t ssid,
                     IOMMUNotifier *notifier);
void smmu_ats_forget(SMMUModel *m, const IOMMUNotifier *notifier);
SMMUCmdError smmu_ats_invalidate(SMMUModel *m, const Cmd *cmd);
ssize_t smmu_ats_translate(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                           size_t length, bool no_write, IOMMUTLBEntry *result,
                           size_t result_length, uint32_t *err_count);
int smmu_ats_translated(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                        SMMUContext *ctx, SMMUPage *page, SMMUFault *fault);

/* smmu_pri.c */
void smmu_pri_listen(SMMUModel *m, PCIBus *bus, int devfn, uint32_t ssid,
                     IOMMUPRINotifier *notifier);
void smmu_pri_forget(SMMUModel *m, PCIBus *bus, int devfn, uint32_t ssid);
SMMUCmdError smmu_pri_respond(SMMUModel *m, const Cmd *cmd);
int smmu_pri_request(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                     bool last, uint16_t index, bool is_read);
void smmu_pri_reset(SMMUModel *m);
bool smmu_pri_read(SMMUModel *m, uint64_t offset, uint64_t *value,
                   unsigned int size);
bool smmu_pri_write(SMMUModel *m, uint64_t offset, uint64_t value,
                    unsigned int size);

/* smmu_stall.c */
void smmu_stall_add(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                    void *buf, hwaddr len, int number, const SMMUFault *fault);
void smmu_stall_resume(SMMUModel *m, const Cmd *cmd);
void smmu_stall_terminate(SMMUModel *m, uint32_t sid);
void smmu_stall_reset(SMMUModel *m);
void smmu_stall_evaluate(SMMUModel *m);

/* smmu_request.c */
bool smmu_is_translation_fault(int number);
SMMUModel *smmu_model_new(SMMUv3State *s);
void smmu_model_reset(SMMUModel *m);
bool smmu_request_translate(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                            IOMMUTLBEntry *entry);
MemTxResult smmu_request_dma(SMMUModel *m, const SMMURequest *req,
                             uint64_t addr, void *buf, hwaddr len);

#endif
