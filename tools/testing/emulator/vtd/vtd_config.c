/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-d model: root, context and PASID entries, and their caches
 *
 * The caches hold what was present and valid when it was read (6.2.2), until
 * an invalidation names it. With caching mode they also hold that an entry is
 * not present: of a context as domain 0, of a PASID as any domain.
 */

#include "qemu/osdep.h"
#include "system/dma.h"
#include "vtd_model.h"

/* Scalable context entry (9.4) */
#define CTX_P           BIT_ULL(0)
#define CTX_FPD         BIT_ULL(1)
#define CTX_DTE         BIT_ULL(2)
#define CTX_PASIDE      BIT_ULL(3)
#define CTX_PRE         BIT_ULL(4)
#define CTX_PDTS(e)     extract64((e)->val[0], 9, 3)

/* Legacy context entry (9.3), TT */
enum {
    TT_UNTRANSLATED = 0,
    TT_ATS = 1,
    TT_PASS_THROUGH = 2,
};

/* PASID directory entry and PASID entry (9.5, 9.6) */
#define PDE_P           BIT_ULL(0)
#define PDE_FPD         BIT_ULL(1)
#define PE_P            BIT_ULL(0)
#define PE_FPD          BIT_ULL(1)
#define PE_AW(e)        extract64((e)->val[0], 2, 3)
#define PE_PGTT(e)      extract64((e)->val[0], 6, 3)
#define PE_SSADE        BIT_ULL(9)
#define PE_DID(e)       extract64((e)->val[1], 0, 16)
#define PE_PWSNP        BIT_ULL(23)
#define PE_SRE          BIT_ULL(0)
#define PE_FSPM(e)      extract64((e)->val[2], 2, 2)
#define PE_WPE          BIT_ULL(4)

/* A context entry as it is cached */
typedef struct VTDContext {
    uint16_t sid;
    uint16_t did;               /* legacy mode */
    uint64_t val[4];
} VTDContext;

typedef struct VTDPasidKey {
    uint16_t sid;
    uint32_t pasid;
} VTDPasidKey;

/* A PASID entry as it is cached */
typedef struct VTDPasid {
    uint64_t val[8];
    bool fpd;                   /* of the directory or the entry */
} VTDPasid;

static guint vtd_pasid_hash(gconstpointer v)
{
    const VTDPasidKey *key = v;

    return key->sid * 0x9e3779b1u ^ key->pasid;
}

static gboolean vtd_pasid_equal(gconstpointer v1, gconstpointer v2)
{
    const VTDPasidKey *a = v1, *b = v2;

    return a->sid == b->sid && a->pasid == b->pasid;
}

static bool read_quads(hwaddr addr, uint64_t *val, unsigned int count)
{
    if (dma_memory_read(&address_space_memory, addr, val, count * sizeof(*val),
                        MEMTXATTRS_UNSPECIFIED)) {
        return false;
    }
    for (unsigned int i = 0; i < count; i++) {
        val[i] = le64_to_cpu(val[i]);
    }
    return true;
}

static bool legacy(const VTDModel *m)
{
    return m->ttm == VTD_TTM_LEGACY;
}

/* Address of the context table; 0 or the reason of a fault (9.1, 9.2) */
static int read_root(VTDModel *m, uint16_t sid, hwaddr *table)
{
    uint64_t val[2], reserved = vtd_model_haw_reserved(m) | 0xffe;
    uint64_t half;

    if (!read_quads(m->root + (sid >> 8) * sizeof(val), val, 2)) {
        return legacy(m) ? VTD_FR_ROOT_TABLE_INV : VTD_FR_SRT_ACCESS;
    }
    half = val[!legacy(m) && (sid & 0x80)];
    if (!(half & 1)) {
        return legacy(m) ? VTD_FR_ROOT_ENTRY_P : VTD_FR_SRT_P;
    }
    if ((half & reserved) || (legacy(m) && val[1])) {
        return legacy(m) ? VTD_FR_ROOT_ENTRY_RSVD : VTD_FR_SRT_RSVD;
    }
    *table = half & ~0xfffULL;
    return 0;
}

static unsigned int largest_levels(const VTDModel *m)
{
    return m->iommu->cap & VTD_CAP_SAGAW_48bit ? 4 : 3;
}

static bool levels_supported(const VTDModel *m, unsigned int levels)
{
    return extract64(m->iommu->cap, VTD_CAP_SAGAW_SHIFT, 5) &
           (1u << (levels - 2));
}

static int check_legacy_context(const VTDModel *m, const VTDContext *ctx)
{
    unsigned int tt = extract64(ctx->val[0], 2, 2);
    unsigned int levels = extract64(ctx->val[1], 0, 3) + 2;

    if ((ctx->val[0] & (vtd_model_haw_reserved(m) | 0xff0)) ||
        (ctx->val[1] & 0xffffffffff000080ULL)) {
        return VTD_FR_CONTEXT_ENTRY_RSVD;
    }
    if (!levels_supported(m, levels)) {
        return VTD_FR_CONTEXT_ENTRY_INV;
    }
    switch (tt) {
    case TT_UNTRANSLATED:
        return 0;
    case TT_ATS:
        return m->iommu->ecap & VTD_ECAP_DT ? 0 : VTD_FR_CONTEXT_ENTRY_INV;
    case TT_PASS_THROUGH:
        return m->iommu->ecap & VTD_ECAP_PT && levels == largest_levels(m) ?
               0 : VTD_FR_CONTEXT_ENTRY_INV;
    default:
        return VTD_FR_CONTEXT_ENTRY_INV;
    }
}

static int check_scalable_context(const VTDModel *m, const VTDContext *ctx)
{
    uint64_t ecap = m->iommu->ecap;
    uint64_t reserved = vtd_model_haw_reserved(m) | 0x1e0;

    reserved |= ecap & VTD_ECAP_DT ? 0 : CTX_DTE;
    reserved |= ecap & VTD_ECAP_PASID ? 0 : CTX_PASIDE;
    reserved |= ecap & VTD_ECAP_PRS ? 0 : CTX_PRE;
    if ((ctx->val[0] & reserved) || ctx->val[1] >> 20 || ctx->val[2] ||
        ctx->val[3]) {
        return VTD_FR_SCT_RSVD;
    }
    return 0;
}

static int context_absent(const VTDModel *m)
{
    return legacy(m) ? VTD_FR_CONTEXT_ENTRY_P : VTD_FR_SCT_P;
}

/* Read a context entry; 0 or the reason of a fault */
static int read_context(VTDModel *m, uint16_t sid, VTDContext *ctx, bool *fpd)
{
    unsigned int quads = legacy(m) ? 2 : 4;
    unsigned int index = legacy(m) ? sid & 0xff : sid & 0x7f;
    hwaddr table;
    int ret;

    *ctx = (VTDContext) { .sid = sid };
    ret = read_root(m, sid, &table);
    if (ret) {
        return ret;
    }
    if (!read_quads(table + index * quads * 8, ctx->val, quads)) {
        return legacy(m) ? VTD_FR_CONTEXT_TABLE_INV : VTD_FR_SCT_ACCESS;
    }
    *fpd = ctx->val[0] & CTX_FPD;
    if (!(ctx->val[0] & CTX_P)) {
        return context_absent(m);
    }
    if (legacy(m)) {
        ctx->did = extract64(ctx->val[1], 8, 16);
        return check_legacy_context(m, ctx);
    }
    return check_scalable_context(m, ctx);
}

static int get_context(VTDModel *m, uint16_t sid, VTDContext *ctx, bool *fpd)
{
    VTDContext *found = g_hash_table_lookup(m->contexts, GUINT_TO_POINTER(sid));
    int ret;

    if (found) {
        *ctx = *found;
        *fpd = ctx->val[0] & CTX_FPD;
        return ctx->val[0] & CTX_P ? 0 : context_absent(m);
    }
    ret = read_context(m, sid, ctx, fpd);
    if (!ret || (ret == context_absent(m) && vtd_model_caches_absent(m))) {
        g_hash_table_insert(m->contexts, GUINT_TO_POINTER(sid),
                            g_memdup2(ctx, sizeof(*ctx)));
    }
    return ret;
}

/* Fields that need a capability of the unit, reserved without it (9.6) */
static bool pasid_entry_reserved(const VTDModel *m, const VTDPasid *pe)
{
    uint64_t ecap = m->iommu->ecap, haw = vtd_model_haw_reserved(m);
    unsigned int pgtt = PE_PGTT(pe);
    uint64_t r0 = 0xc20, r1 = 0xfffffffffe7f0000ULL, r2 = 0xfc2;

    r0 |= ecap & VTD_ECAP_SSADS ? 0 : PE_SSADE;
    r0 |= pgtt == VTD_PGTT_SS || pgtt == VTD_PGTT_NESTED ? haw : 0;
    r1 |= ecap & VTD_ECAP_SMPWCS ? 0 : PE_PWSNP;
    r1 |= ecap & VTD_ECAP_SC ? 0 : BIT_ULL(24);
    r2 |= ecap & VTD_ECAP_SRS ? 0 : PE_SRE | PE_WPE;
    r2 |= pgtt == VTD_PGTT_FS ? haw : 0;
    for (unsigned int i = 3; i < ARRAY_SIZE(pe->val); i++) {
        if (pe->val[i]) {
            return true;
        }
    }
    return (pe->val[0] & r0) || (pe->val[1] & r1) || (pe->val[2] & r2);
}

static bool pasid_entry_invalid(const VTDModel *m, const VTDPasid *pe)
{
    uint64_t ecap = m->iommu->ecap;
    unsigned int levels = PE_AW(pe) + 2;
    bool fs = PE_FSPM(pe) == 0;         /* no unit of ours has FS5LP */
    bool ss = levels_supported(m, levels);

    switch (PE_PGTT(pe)) {
    case VTD_PGTT_FS:
        return !(ecap & VTD_ECAP_FLTS) || !fs;
    case VTD_PGTT_SS:
        return !(ecap & VTD_ECAP_SLTS) || !ss;
    case VTD_PGTT_NESTED:
        return !(ecap & VTD_ECAP_NEST) || !fs || !ss;
    case VTD_PGTT_PT:
        return !(ecap & VTD_ECAP_PT) || levels != largest_levels(m);
    default:
        return true;
    }
}

/* Read a PASID entry; 0 or the reason of a fault */
static int read_pasid(VTDModel *m, hwaddr dir, uint32_t pasid, VTDPasid *pe,
                      bool *fpd)
{
    uint64_t pde;

    if (!read_quads(dir + (pasid >> 6) * 8, &pde, 1)) {
        return VTD_FR_SPD_ACCESS;
    }
    *fpd |= !!(pde & PDE_FPD);
    if (!(pde & PDE_P)) {
        return VTD_FR_SPD_P;
    }
    if (pde & (vtd_model_haw_reserved(m) | 0xffc)) {
        return VTD_FR_SPD_RSVD;
    }
    if (!read_quads((pde & ~0xfffULL) + (pasid & 0x3f) * sizeof(pe->val),
                    pe->val, ARRAY_SIZE(pe->val))) {
        return VTD_FR_SPT_ACCESS;
    }
    *fpd |= !!(pe->val[0] & PE_FPD);
    if (!(pe->val[0] & PE_P)) {
        return VTD_FR_SPT_P;
    }
    if (pasid_entry_reserved(m, pe)) {
        return VTD_FR_SPT_RSVD;
    }
    return pasid_entry_invalid(m, pe) ? VTD_FR_SPT_INV : 0;
}

static int get_pasid(VTDModel *m, const VTDContext *ctx, uint32_t pasid,
                     VTDPasid *pe, bool *fpd)
{
    VTDPasidKey key = { ctx->sid, pasid };
    VTDPasid *found = g_hash_table_lookup(m->pasids, &key);
    bool own_fpd = false;
    int ret;

    if (found) {
        *pe = *found;
        *fpd |= pe->fpd;
        return pe->val[0] & PE_P ? 0 : VTD_FR_SPT_P;
    }
    *pe = (VTDPasid) {};
    ret = read_pasid(m, ctx->val[0] & ~0xfffULL, pasid, pe, &own_fpd);
    *fpd |= own_fpd;
    pe->fpd = own_fpd;
    if (!ret || (ret == VTD_FR_SPT_P && vtd_model_caches_absent(m))) {
        g_hash_table_insert(m->pasids, g_memdup2(&key, sizeof(key)),
                            g_memdup2(pe, sizeof(*pe)));
    }
    return ret;
}

static void legacy_config(const VTDContext *ctx, VTDConfig *cfg)
{
    *cfg = (VTDConfig) {
        .legacy = true,
        .pgtt = extract64(ctx->val[0], 2, 2) == TT_PASS_THROUGH ?
                VTD_PGTT_PT : VTD_PGTT_SS,
        .did = ctx->did,
        .ss_root = ctx->val[0] & ~0xfffULL,
        .ss_levels = extract64(ctx->val[1], 0, 3) + 2,
    };
}

static void scalable_config(const VTDModel *m, const VTDPasid *pe,
                            uint32_t pasid, VTDConfig *cfg)
{
    *cfg = (VTDConfig) {
        .pasid = pasid,
        .pgtt = PE_PGTT(pe),
        .did = PE_DID(pe),
        .ss_root = pe->val[0] & ~0xfffULL,
        .ss_levels = PE_AW(pe) + 2,
        .fs_root = pe->val[2] & ~0xfffULL,
        .ssade = pe->val[0] & PE_SSADE,
        .snooped = (m->iommu->ecap & VTD_ECAP_SMPWCS) &&
                   (pe->val[1] & PE_PWSNP),
        .wpe = pe->val[2] & PE_WPE,
    };
}

/* What the context entry says about this kind of request (SCT, 7.1.3) */
static int check_request(const VTDModel *m, const VTDContext *ctx,
                         const VTDRequest *req)
{
    uint64_t lo = ctx->val[0];
    unsigned int pss = extract64(m->iommu->ecap, VTD_ECAP_PSS_SHIFT, 5) + 1;

    if (req->at != VTD_AT_UNTRANSLATED && !(lo & CTX_DTE)) {
        return VTD_FR_SCT_DTE;
    }
    if (req->page_request && !(lo & CTX_PRE)) {
        return VTD_FR_SCT_PRE;
    }
    if (req->pasid == PCI_NO_PASID) {
        return 0;
    }
    if (!(lo & CTX_PASIDE)) {
        return VTD_FR_SCT_PASIDE;
    }
    return req->pasid >> (CTX_PDTS(ctx) + 13) || req->pasid >> pss ?
           VTD_FR_SCT_PASID_LARGE : 0;
}

static int get_scalable(VTDModel *m, const VTDContext *ctx,
                        const VTDRequest *req, VTDConfig *cfg, bool *fpd)
{
    uint32_t pasid = req->pasid;
    VTDPasid pe;
    int ret;

    ret = check_request(m, ctx, req);
    if (ret) {
        return ret;
    }
    if (pasid == PCI_NO_PASID) {
        pasid = m->iommu->ecap & VTD_ECAP_RPS ?
                extract64(ctx->val[1], 0, 20) : 0;
        if (pasid >> (CTX_PDTS(ctx) + 13)) {
            return VTD_FR_SCT_INV;
        }
    }
    if (req->at == VTD_AT_TRANSLATED) {
        *cfg = (VTDConfig) { .pasid = pasid, .pgtt = VTD_PGTT_PT };
        return 0;
    }
    ret = get_pasid(m, ctx, pasid, &pe, fpd);
    if (ret) {
        return ret;
    }
    if (req->exec) {
        return VTD_FR_SPT_ERE;          /* ERE is reserved here */
    }
    if (req->priv && !(pe.val[2] & PE_SRE)) {
        return VTD_FR_SPT_SRE;
    }
    scalable_config(m, &pe, pasid, cfg);
    return 0;
}

static int get_legacy(const VTDContext *ctx, const VTDRequest *req,
                      VTDConfig *cfg)
{
    if (req->at != VTD_AT_UNTRANSLATED &&
        extract64(ctx->val[0], 2, 2) != TT_ATS) {
        return VTD_FR_CONTEXT_ENTRY_TT;
    }
    if (req->at == VTD_AT_TRANSLATED) {
        *cfg = (VTDConfig) { .legacy = true, .pgtt = VTD_PGTT_PT };
        return 0;
    }
    legacy_config(ctx, cfg);
    return 0;
}

/**
 * vtd_config_get() - find what a request is translated with
 * @m: model
 * @req: request
 * @cfg: result
 * @fpd: set if an entry on the way disables the report of faults
 *
 * Return: 0 or the reason of the fault.
 */
int vtd_config_get(VTDModel *m, const VTDRequest *req, VTDConfig *cfg,
                   bool *fpd)
{
    VTDContext ctx;
    int ret;

    *fpd = false;
    if (m->ttm > VTD_TTM_SCALABLE) {
        return VTD_FR_RTA_MODE;
    }
    if (legacy(m) && req->page_request) {
        return VTD_FR_RTA_PAGE_REQ;
    }
    if (legacy(m) && req->pasid != PCI_NO_PASID) {
        return VTD_FR_RTA_PASID;
    }
    ret = get_context(m, req->sid, &ctx, fpd);
    if (ret) {
        return ret;
    }
    return legacy(m) ? get_legacy(&ctx, req, cfg) :
                       get_scalable(m, &ctx, req, cfg, fpd);
}

typedef struct VTDConfigDrop {
    uint16_t sid, sid_mask;
    bool any_did;
    uint16_t did;
    uint32_t pasid;
} VTDConfigDrop;

static gboolean context_in_domain(gpointer k, gpointer v, gpointer opaque)
{
    const VTDConfigDrop *drop = opaque;

    return ((VTDContext *)v)->did == drop->did;
}

static gboolean context_of_device(gpointer k, gpointer v, gpointer opaque)
{
    const VTDConfigDrop *drop = opaque;
    const VTDContext *ctx = v;

    return (ctx->sid & drop->sid_mask) == (drop->sid & drop->sid_mask) &&
           (drop->any_did || ctx->did == drop->did);
}

static gboolean pasid_in_domain(gpointer k, gpointer v, gpointer opaque)
{
    const VTDConfigDrop *drop = opaque;
    const VTDPasid *pe = v;

    return !(pe->val[0] & PE_P) || PE_DID(pe) == drop->did;
}

static gboolean pasid_of_domain(gpointer k, gpointer v, gpointer opaque)
{
    const VTDConfigDrop *drop = opaque;
    const VTDPasidKey *key = k;

    return pasid_in_domain(k, v, opaque) && key->pasid == drop->pasid;
}

/* Context-cache invalidation, global (6.5.2.1) */
void vtd_config_drop_contexts(VTDModel *m)
{
    g_hash_table_remove_all(m->contexts);
}

/**
 * vtd_config_drop_context_domain() - domain-selective
 * @m: model
 * @did: domain
 *
 * Scalable context entries have no domain, so that all go.
 */
void vtd_config_drop_context_domain(VTDModel *m, uint16_t did)
{
    VTDConfigDrop drop = { .did = did };

    if (!legacy(m)) {
        vtd_config_drop_contexts(m);
        return;
    }
    g_hash_table_foreach_remove(m->contexts, context_in_domain, &drop);
}

/**
 * vtd_config_drop_context_device() - device-selective
 * @m: model
 * @sid: source-id
 * @did: domain, matters in legacy mode only
 * @function_mask: FM, how many bits of the function number are ignored
 */
void vtd_config_drop_context_device(VTDModel *m, uint16_t sid, uint16_t did,
                                    unsigned int function_mask)
{
    static const uint16_t ignored[] = { 0, 4, 6, 7 };
    VTDConfigDrop drop = {
        .sid = sid,
        .sid_mask = ~ignored[function_mask & 3],
        .any_did = !legacy(m),
        .did = did,
    };

    g_hash_table_foreach_remove(m->contexts, context_of_device, &drop);
}

/* PASID-cache invalidation, global (6.5.2.2) */
void vtd_config_drop_pasids(VTDModel *m)
{
    g_hash_table_remove_all(m->pasids);
}

/**
 * vtd_config_drop_pasid_domain() - all PASIDs of a domain
 * @m: model
 * @did: domain in the cached entry
 */
void vtd_config_drop_pasid_domain(VTDModel *m, uint16_t did)
{
    VTDConfigDrop drop = { .did = did };

    g_hash_table_foreach_remove(m->pasids, pasid_in_domain, &drop);
}

/**
 * vtd_config_drop_pasid() - one PASID of a domain
 * @m: model
 * @did: domain in the cached entry
 * @pasid: PASID
 */
void vtd_config_drop_pasid(VTDModel *m, uint16_t did, uint32_t pasid)
{
    VTDConfigDrop drop = { .did = did, .pasid = pasid };

    g_hash_table_foreach_remove(m->pasids, pasid_of_domain, &drop);
}

void vtd_config_init(VTDModel *m)
{
    m->contexts = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    m->pasids = g_hash_table_new_full(vtd_pasid_hash, vtd_pasid_equal, g_free,
                                      g_free);
}
