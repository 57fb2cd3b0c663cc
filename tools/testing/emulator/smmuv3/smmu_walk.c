/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMMUv3 model: walks of translation tables
 *
 * Formats are those of VMSAv8-64 (Arm ARM D8.3) with granules of 4K, 16K and
 * 64K. Walks start at the deepest table that is cached. In nested translation
 * the address of each stage-1 descriptor goes through stage 2 (13.8).
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "system/dma.h"
#include "system/memory.h"
#include "smmu_model.h"

#define DESC_VALID              BIT_ULL(0)
#define DESC_TABLE              BIT_ULL(1)
#define DESC_AF                 BIT_ULL(10)
#define DESC_NG                 BIT_ULL(11)
#define DESC_DBM                BIT_ULL(51)

/* Stage 1 */
#define S1_AP_USER              BIT_ULL(6)
#define S1_AP_READ_ONLY         BIT_ULL(7)
#define S1_PXN                  BIT_ULL(53)
#define S1_UXN                  BIT_ULL(54)
#define TABLE_PXN               BIT_ULL(59)
#define TABLE_UXN               BIT_ULL(60)
#define TABLE_NO_USER           BIT_ULL(61)
#define TABLE_READ_ONLY         BIT_ULL(62)
#define TABLE_LIMITS            MAKE_64BIT_MASK(59, 4)

/* Stage 2 */
#define S2_READ                 BIT_ULL(6)
#define S2_WRITE                BIT_ULL(7)
#define S2_MEMATTR(d)           extract64((d), 2, 4)
#define S2_XN(d)                extract64((d), 53, 2)

/* Software changed a descriptor during the walk: begin again */
#define WALK_AGAIN              (-1)

/**
 * struct Walk - one walk of one stage
 * @m: model
 * @ctx: configuration of the request
 * @tables: tables of the stage
 * @tag: tags of what is cached
 * @addr: input address, of which the tables may see the low bits only
 * @need: rights that are asked for, as in SMMUPage
 * @class: why stage 2 is walked
 * @fault: what is known of the event
 */
typedef struct Walk {
    SMMUModel *m;
    const SMMUContext *ctx;
    const SMMUTables *tables;
    SMMUTag tag;
    uint64_t addr;
    uint8_t need;
    uint8_t class;
    SMMUFault *fault;
} Walk;

/**
 * smmu_walk_read() - read double-words of structures in memory
 * @addr: physical address
 * @words: result
 * @count: how many
 *
 * Each is read in one access (3.21.3).
 */
bool smmu_walk_read(uint64_t addr, uint64_t *words, size_t count)
{
    MemTxResult result;

    for (size_t i = 0; i < count; i++) {
        words[i] = address_space_ldq_le(&address_space_memory, addr + i * 8,
                                        MEMTXATTRS_UNSPECIFIED, &result);
        if (result != MEMTX_OK) {
            return false;
        }
    }
    return true;
}

/* Exchange a descriptor in one atomic access; 0, WALK_AGAIN or an event */
static int exchange(uint64_t addr, uint64_t old, uint64_t new)
{
    hwaddr xlat, len = sizeof(old);
    MemoryRegion *mr;
    uint64_t seen;

    RCU_READ_LOCK_GUARD();
    mr = address_space_translate(&address_space_memory, addr, &xlat, &len, true,
                                 MEMTXATTRS_UNSPECIFIED);
    if (len < sizeof(old) || !memory_region_is_ram(mr) || mr->readonly) {
        return SMMU_EVT_F_WALK_EABT;
    }
    seen = qatomic_cmpxchg((uint64_t *)(memory_region_get_ram_ptr(mr) + xlat),
                           cpu_to_le64(old), cpu_to_le64(new));
    memory_region_set_dirty(mr, xlat, sizeof(old));
    return seen == cpu_to_le64(old) ? 0 : WALK_AGAIN;
}

static unsigned int level_shift(const SMMUTables *t, unsigned int level)
{
    return t->granule + (SMMU_LEVELS - 1 - level) * (t->granule - 3);
}

/* Address of a descriptor's table or page; 64K has 51:48 elsewhere (D8.3) */
static uint64_t output_address(const SMMUTables *t, uint64_t desc,
                               unsigned int shift)
{
    uint64_t addr = desc & MAKE_64BIT_MASK(shift, 48 - shift);

    return t->granule == 16 ? addr | extract64(desc, 12, 4) << 48 : addr;
}

static bool block_permitted(const SMMUTables *t, unsigned int level)
{
    return t->granule == 12 ? level == 1 || level == 2 : level == 2;
}

static bool is_leaf(uint64_t desc, unsigned int level)
{
    return level == SMMU_LEVELS - 1 || !(desc & DESC_TABLE);
}

static bool is_valid(const SMMUTables *t, uint64_t desc, unsigned int level)
{
    if (!(desc & DESC_VALID)) {
        return false;
    }
    if (level == SMMU_LEVELS - 1) {
        return desc & DESC_TABLE;
    }
    return (desc & DESC_TABLE) || block_permitted(t, level);
}

/* The deepest cached table on the way, or the first; returns its level */
static unsigned int first_table(const Walk *w, SMMUTable *table)
{
    unsigned int level;

    for (level = SMMU_LEVELS - 1; level > w->tables->level; level--) {
        if (smmu_tlb_find_table(w->m, &w->tag, w->addr,
                                level_shift(w->tables, level - 1), table)) {
            return level;
        }
    }
    *table = (SMMUTable) { .base = w->tables->base };
    return level;
}

static uint64_t slot_address(const Walk *w, const SMMUTable *table,
                             unsigned int level)
{
    unsigned int shift = level_shift(w->tables, level);
    uint64_t index = (w->addr & MAKE_64BIT_MASK(0, w->tables->bits)) >> shift;

    if (level > w->tables->level) {
        index &= (1ULL << (w->tables->granule - 3)) - 1;
    }
    return table->base + index * 8;
}

/* Physical address of a descriptor. Of an update, stage 2 sees a write */
static int slot_physical(const Walk *w, uint64_t slot, bool update,
                         uint64_t *addr)
{
    SMMUPage page;
    int ret;

    *addr = slot;
    if (w->tag.stage2 || !w->ctx->use_s2) {
        return 0;
    }
    ret = smmu_walk_stage2(w->m, w->ctx, slot, update ? SMMU_WRITE : SMMU_READ,
                           SMMU_CLASS_TT, &page, w->fault);
    if (ret) {
        w->fault->table_write = update;
        return ret;
    }
    *addr = page.base | (slot & MAKE_64BIT_MASK(0, page.shift));
    return 0;
}

/* An external abort has the physical address, and is of the table's stage */
static int external_abort(const Walk *w, uint64_t addr)
{
    w->fault->s2 = w->tag.stage2;
    w->fault->class = w->tag.stage2 ? w->class : SMMU_CLASS_TT;
    w->fault->addr = addr;
    return SMMU_EVT_F_WALK_EABT;
}

/* Other faults of stage 2 have the IPA that was translated */
static int walk_fault(const Walk *w, int number)
{
    w->fault->s2 = w->tag.stage2;
    w->fault->class = w->class;
    w->fault->addr = w->tag.stage2 ? w->addr : 0;
    return number;
}

/* Change a descriptor as AF or dirty state want it; 0, WALK_AGAIN, an event */
static int update(const Walk *w, uint64_t slot, uint64_t *desc, uint64_t want)
{
    uint64_t addr;
    int ret;

    if (want == *desc) {
        return 0;
    }
    ret = slot_physical(w, slot, true, &addr);
    if (ret) {
        return ret;
    }
    ret = exchange(addr, *desc, want);
    if (ret == SMMU_EVT_F_WALK_EABT) {
        return external_abort(w, addr);
    }
    *desc = want;
    return ret;
}

/* From the first table to the leaf; 0 or the number of an event */
static int descend(const Walk *w, SMMUTable *table, unsigned int *level,
                   uint64_t *slot, uint64_t *desc, unsigned int out_bits)
{
    uint64_t addr, next;
    int ret;

    for (*level = first_table(w, table);; (*level)++) {
        *slot = slot_address(w, table, *level);
        ret = slot_physical(w, *slot, false, &addr);
        if (ret) {
            return ret;
        }
        if (!smmu_walk_read(addr, desc, 1)) {
            return external_abort(w, addr);
        }
        if (!is_valid(w->tables, *desc, *level)) {
            return walk_fault(w, SMMU_EVT_F_TRANSLATION);
        }
        if (is_leaf(*desc, *level)) {
            next = output_address(w->tables, *desc,
                                  level_shift(w->tables, *level));
            return next >> out_bits ? walk_fault(w, SMMU_EVT_F_ADDR_SIZE) : 0;
        }
        next = output_address(w->tables, *desc, w->tables->granule);
        if (next >> out_bits) {
            return walk_fault(w, SMMU_EVT_F_ADDR_SIZE);
        }
        table->base = next;
        if (!w->tables->no_hierarchy && !w->tag.stage2) {
            table->limits |= *desc & TABLE_LIMITS;
        }
        smmu_tlb_add_table(w->m, &w->tag, w->addr,
                           level_shift(w->tables, *level), table);
    }
}

/* Rights that a stage-2 leaf gives (D8.4); with XNX fetches differ by mode */
static uint8_t stage2_rights(uint64_t desc)
{
    uint8_t rights = (desc & S2_READ ? SMMU_READ : 0) |
                     (desc & S2_WRITE ? SMMU_WRITE : 0);
    unsigned int xn = S2_XN(desc);
    uint8_t user = rights, priv = rights;

    if ((rights & SMMU_READ) && xn <= 1) {
        user |= SMMU_EXEC;
    }
    if ((rights & SMMU_READ) && (xn == 0 || xn == 3)) {
        priv |= SMMU_EXEC;
    }
    return user | priv << SMMU_PRIV_SHIFT;
}

static bool stage2_device(const SMMUStage2 *s2, uint64_t desc)
{
    return s2->fwb ? extract64(desc, 2, 3) < 4 : S2_MEMATTR(desc) < 4;
}

static void fill_page(const Walk *w, uint64_t desc, unsigned int level,
                      SMMUPage *page)
{
    unsigned int shift = level_shift(w->tables, level);

    *page = (SMMUPage) {
        .base = output_address(w->tables, desc, shift),
        .shift = shift,
        .ipa = w->addr & -(1ULL << shift),
        .leaf_shift = shift,
        .granule = w->tables->granule,
        .level = level,
        .s1 = 0xff,
        .s2 = 0xff,
    };
}

/* Whether a write would pass if the dirty state were set, and hardware may */
static bool writable_clean(bool hd, uint64_t desc, bool clean)
{
    return hd && (desc & DESC_DBM) && clean;
}

/* AF=0: 0 if it can be set or does not matter, else F_ACCESS (3.13) */
static int access_flag(const Walk *w, bool ha, bool affd, uint64_t desc)
{
    return (desc & DESC_AF) || ha || affd ? 0 :
           walk_fault(w, SMMU_EVT_F_ACCESS);
}

static int stage2_once(const Walk *w, SMMUPage *page)
{
    const SMMUStage2 *s2 = &w->ctx->s2;
    SMMUTable table;
    uint64_t slot, desc, want;
    unsigned int level;
    int ret;

    ret = descend(w, &table, &level, &slot, &desc, s2->out_bits);
    if (!ret) {
        ret = access_flag(w, s2->ha, s2->affd, desc);
    }
    if (ret) {
        return ret;
    }
    want = desc | (s2->ha ? DESC_AF : 0);
    if (writable_clean(s2->hd, desc, !(desc & S2_WRITE)) &&
        (w->need & (SMMU_WRITE | SMMU_WRITE << SMMU_PRIV_SHIFT))) {
        want |= S2_WRITE;
    }
    ret = update(w, slot, &desc, want);
    if (ret) {
        return ret;
    }
    fill_page(w, desc, level, page);
    page->s2 = stage2_rights(desc);
    page->s2_clean = writable_clean(s2->hd, desc, !(desc & S2_WRITE));
    page->device = stage2_device(s2, desc);
    smmu_tlb_add(w->m, &w->tag, w->addr, page);
    return 0;
}

/* A write of a clean page has to look at the descriptor again (D8.5.2) */
static bool is_stale(const SMMUPage *page, uint8_t need)
{
    bool write = need & (SMMU_WRITE | SMMU_WRITE << SMMU_PRIV_SHIFT);

    return write && (page->s1_clean || page->s2_clean);
}

/**
 * smmu_walk_stage2() - translate an intermediate address
 * @m: model
 * @ctx: configuration of the request
 * @ipa: address
 * @need: rights as in SMMUPage
 * @class: SMMU_CLASS_*, what the address is of
 * @page: result
 * @fault: what is known of the event
 *
 * Return: 0 or the number of an event.
 */
int smmu_walk_stage2(SMMUModel *m, const SMMUContext *ctx, uint64_t ipa,
                     uint8_t need, uint8_t class, SMMUPage *page,
                     SMMUFault *fault)
{
    Walk w = {
        .m = m, .ctx = ctx, .tables = &ctx->s2.tables, .addr = ipa,
        .tag = { .stage2 = true, .vmid = ctx->vmid },
        .need = need, .class = class, .fault = fault,
    };
    int ret = 0;

    if (ipa >> ctx->s2.tables.bits) {
        return walk_fault(&w, SMMU_EVT_F_TRANSLATION);
    }
    if (!smmu_tlb_find(m, &w.tag, ipa, page) || is_stale(page, need)) {
        do {
            ret = stage2_once(&w, page);
        } while (ret == WALK_AGAIN);
    }
    if (ret) {
        return ret;
    }
    if ((page->s2 & need) != need ||
        (class != SMMU_CLASS_IN && ctx->s2.ptw && page->device)) {
        return walk_fault(&w, SMMU_EVT_F_PERMISSION);
    }
    return 0;
}

/* Rights of users and of privileged requests by a stage-1 leaf (D8.4) */
static uint8_t stage1_rights(const SMMUStage1 *s1, uint64_t desc,
                             uint64_t limits)
{
    bool user = (desc & S1_AP_USER) && !(limits & TABLE_NO_USER);
    bool write = !(desc & S1_AP_READ_ONLY) && !(limits & TABLE_READ_ONLY);
    bool uxn = (desc & S1_UXN) || (limits & TABLE_UXN);
    bool pxn = (desc & S1_PXN) || (limits & TABLE_PXN) || (user && write);
    uint8_t u = 0, p = SMMU_READ | (write ? SMMU_WRITE : 0);

    if (user) {
        u = p;
    }
    if (!uxn && !(s1->wxn && user && write)) {
        u |= SMMU_EXEC;
    }
    if (s1->pan && user) {
        p = 0;
    }
    if (!pxn && !(s1->wxn && write)) {
        p |= SMMU_EXEC;
    }
    return u | p << SMMU_PRIV_SHIFT;
}

/* The same when the dirty state would be set by a write */
static uint8_t stage1_dirty_rights(const SMMUStage1 *s1, uint64_t desc,
                                   uint64_t limits)
{
    return stage1_rights(s1, desc & ~S1_AP_READ_ONLY, limits);
}

static int stage1_once(const Walk *w, SMMUPage *page)
{
    const SMMUStage1 *s1 = &w->ctx->s1;
    SMMUTable table;
    uint64_t slot, desc, want;
    unsigned int level;
    bool clean;
    int ret;

    ret = descend(w, &table, &level, &slot, &desc, s1->out_bits);
    if (!ret) {
        ret = access_flag(w, s1->ha, s1->affd, desc);
    }
    if (ret) {
        return ret;
    }
    want = desc | (s1->ha ? DESC_AF : 0);
    clean = writable_clean(s1->hd, desc, desc & S1_AP_READ_ONLY);
    if (clean && (w->need & (SMMU_WRITE | SMMU_WRITE << SMMU_PRIV_SHIFT)) &&
        (stage1_dirty_rights(s1, desc, table.limits) & w->need) == w->need) {
        want &= ~S1_AP_READ_ONLY;
    }
    ret = update(w, slot, &desc, want);
    if (ret) {
        return ret;
    }
    fill_page(w, desc, level, page);
    page->s1 = stage1_rights(s1, desc, table.limits);
    page->s1_clean = writable_clean(s1->hd, desc, desc & S1_AP_READ_ONLY);
    page->global = !(desc & DESC_NG);
    page->ipa = page->base;
    return 0;
}

/* 2:0 for users, 5:3 for privileged requests */
static uint8_t needed_rights(const SMMURequest *req)
{
    uint8_t need = req->write ? SMMU_WRITE : req->exec ? SMMU_EXEC : SMMU_READ;

    return req->priv ? need << SMMU_PRIV_SHIFT : need;
}

static int stage1_fault(SMMUFault *fault, int number)
{
    *fault = (SMMUFault) { .class = SMMU_CLASS_IN };
    return number;
}

/* Half of the address space by bit 55, and whether its tables reach (3.4.1) */
static int select_half(const SMMUContext *ctx, uint64_t *addr,
                       const SMMUTables **tables, SMMUFault *fault)
{
    bool half = extract64(*addr, 55, 1);
    uint64_t top;

    *tables = &ctx->s1.half[half];
    if (ctx->s1.ignore_top[half]) {
        *addr = sextract64(*addr, 0, 56);
    }
    if ((*tables)->disabled) {
        return stage1_fault(fault, SMMU_EVT_F_TRANSLATION);
    }
    top = *addr >> (*tables)->bits;
    if (top != (half ? UINT64_MAX >> (*tables)->bits : 0)) {
        return stage1_fault(fault, SMMU_EVT_F_TRANSLATION);
    }
    return 0;
}

static Walk stage1_walk(SMMUModel *m, const SMMUContext *ctx,
                        const SMMUTables *tables, const SMMURequest *req,
                        uint64_t addr, SMMUFault *fault)
{
    return (Walk) {
        .m = m, .ctx = ctx, .tables = tables,
        .addr = addr,
        .tag = { .vmid = ctx->vmid, .asid = ctx->asid, .aset = ctx->aset },
        .need = needed_rights(req), .class = SMMU_CLASS_IN, .fault = fault,
    };
}

/**
 * smmu_walk_stage1() - translate by stage 1 alone
 * @m: model
 * @ctx: configuration of the request
 * @req: request
 * @addr: address
 * @page: result, an intermediate address if there is a stage 2
 * @fault: what is known of the event
 *
 * Return: 0 or the number of an event.
 */
int smmu_walk_stage1(SMMUModel *m, const SMMUContext *ctx,
                     const SMMURequest *req, uint64_t addr, SMMUPage *page,
                     SMMUFault *fault)
{
    const SMMUTables *tables;
    Walk w;
    int ret;

    ret = select_half(ctx, &addr, &tables, fault);
    if (ret) {
        return ret;
    }
    w = stage1_walk(m, ctx, tables, req, addr, fault);
    do {
        ret = stage1_once(&w, page);
    } while (ret == WALK_AGAIN);
    if (!ret && (page->s1 & w.need) != w.need) {
        return stage1_fault(fault, SMMU_EVT_F_PERMISSION);
    }
    return ret;
}

/* Without stage 1 the address is that of stage 2, or of memory (3.4) */
static int walk_bypassed(SMMUModel *m, const SMMUContext *ctx,
                         const SMMURequest *req, uint64_t addr, SMMUPage *page,
                         SMMUFault *fault)
{
    if (addr >> smmu_oas_bits(m)) {
        return stage1_fault(fault, SMMU_EVT_F_ADDR_SIZE);
    }
    if (ctx->use_s2) {
        return smmu_walk_stage2(m, ctx, addr, needed_rights(req), SMMU_CLASS_IN,
                                page, fault);
    }
    *page = (SMMUPage) {
        .base = addr & ~0xfffULL, .shift = 12, .s1 = 0xff, .s2 = 0xff,
    };
    return 0;
}

/* One translation of both stages; the smaller page counts (13.8) */
static void combine(SMMUPage *page, const SMMUPage *second, uint64_t ipa)
{
    uint64_t out = second->base | (ipa & MAKE_64BIT_MASK(0, second->shift));

    page->shift = MIN(page->shift, second->shift);
    page->base = out & -(1ULL << page->shift);
    page->ipa = ipa & -(1ULL << page->shift);
    page->s2 = second->s2;
    page->s2_clean = second->s2_clean;
}

static int check_rights(const SMMUPage *page, uint8_t need, uint64_t addr,
                        SMMUFault *fault)
{
    if ((page->s1 & need) != need) {
        return stage1_fault(fault, SMMU_EVT_F_PERMISSION);
    }
    if ((page->s2 & need) != need) {
        *fault = (SMMUFault) {
            .s2 = true, .class = SMMU_CLASS_IN,
            .addr = page->ipa | (addr & MAKE_64BIT_MASK(0, page->shift)),
        };
        return SMMU_EVT_F_PERMISSION;
    }
    return 0;
}

/* A translation that lacks a right of stage 1 is only kept without stage 2 */
static int walk_and_keep(const Walk *w, SMMUPage *page)
{
    SMMUPage second;
    uint64_t ipa;
    int ret;

    do {
        ret = stage1_once(w, page);
    } while (ret == WALK_AGAIN);
    if (ret) {
        return ret;
    }
    if (w->ctx->use_s2) {
        if ((page->s1 & w->need) != w->need) {
            return stage1_fault(w->fault, SMMU_EVT_F_PERMISSION);
        }
        ipa = page->base | (w->addr & MAKE_64BIT_MASK(0, page->shift));
        ret = smmu_walk_stage2(w->m, w->ctx, ipa, w->need, SMMU_CLASS_IN,
                               &second, w->fault);
        if (ret) {
            return ret;
        }
        combine(page, &second, ipa);
    }
    smmu_tlb_add(w->m, &w->tag, w->addr, page);
    return 0;
}

/**
 * smmu_walk() - translate for a request
 * @m: model
 * @ctx: its configuration
 * @req: request
 * @addr: address
 * @page: result
 * @fault: what is known of the event
 *
 * Return: 0 or the number of an event.
 */
int smmu_walk(SMMUModel *m, const SMMUContext *ctx, const SMMURequest *req,
              uint64_t addr, SMMUPage *page, SMMUFault *fault)
{
    const SMMUTables *tables;
    Walk w;
    int ret;

    if (!ctx->use_s1) {
        return walk_bypassed(m, ctx, req, addr, page, fault);
    }
    ret = select_half(ctx, &addr, &tables, fault);
    if (ret) {
        return ret;
    }
    w = stage1_walk(m, ctx, tables, req, addr, fault);
    if (!smmu_tlb_find(m, &w.tag, addr, page) || is_stale(page, w.need)) {
        ret = walk_and_keep(&w, page);
        if (ret) {
            return ret;
        }
    }
    return check_rights(page, w.need, addr, fault);
}
