/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMMUv3 model: stream table, context descriptors, and their caches
 *
 * What was fetched stays until a CMD_CFGI names it, valid or not (3.21.3). Of
 * an entry the copy is kept, not what was decoded from it: what it means can
 * depend on other structures.
 */

#include "qemu/osdep.h"
#include "smmu_model.h"

#define STE_WORDS               8
#define CD_WORDS                8
#define STREAM_ENTRY_BYTES      64

/* Level-1 descriptor of the stream table (5.1) */
#define L1STD_L2PTR(d)          ((d) & MAKE_64BIT_MASK(6, 50))

/* Level-1 descriptor of a CD table (5.3) */
#define L1CD_V(d)               ((d) & 1)
#define L1CD_L2PTR(d)           ((d) & MAKE_64BIT_MASK(12, 44))

static uint64_t cache_key(uint32_t sid, uint32_t index)
{
    return (uint64_t)sid << 32 | index;
}

/* Level-1 descriptors of both formats have keys of their own */
static uint64_t l1cd_key(uint32_t sid, uint32_t ssid, unsigned int leaf_bits)
{
    return cache_key(sid, (ssid >> leaf_bits << leaf_bits) | (leaf_bits == 10));
}

static bool cache_find(GHashTable *cache, uint64_t key, uint64_t *words,
                       size_t count)
{
    uint64_t *found = g_hash_table_lookup(cache, &key);

    if (found) {
        memcpy(words, found, count * sizeof(*words));
    }
    return found;
}

static void cache_add(GHashTable *cache, uint64_t key, const uint64_t *words,
                      size_t count)
{
    g_hash_table_replace(cache, g_memdup2(&key, sizeof(key)),
                         g_memdup2(words, count * sizeof(*words)));
}

/* From the cache, or from memory at a physical address */
static bool fetch(GHashTable *cache, uint64_t key, uint64_t addr,
                  uint64_t *words, size_t count)
{
    if (cache_find(cache, key, words, count)) {
        return true;
    }
    if (!smmu_walk_read(addr, words, count)) {
        return false;
    }
    cache_add(cache, key, words, count);
    return true;
}

typedef struct StreamTable {
    uint64_t base;
    unsigned int bits;
    unsigned int split;         /* 0 for a linear table */
} StreamTable;

/* Of other values SPLIT acts as 6 (6.3.25) */
static StreamTable stream_table(const SMMUModel *m)
{
    uint32_t cfg = m->smmu->strtab_base_cfg;
    unsigned int bits = FIELD_EX32(cfg, STRTAB_BASE_CFG, LOG2SIZE);
    unsigned int split = FIELD_EX32(cfg, STRTAB_BASE_CFG, SPLIT), shift;

    if (FIELD_EX32(cfg, STRTAB_BASE_CFG, FMT) == 1) {
        split = split == 8 || split == 10 ? split : 6;
        shift = MAX(6, 3 + (bits > split ? bits - split : 0));
    } else {
        split = 0;
        shift = bits + 6;
    }
    return (StreamTable) {
        .base = m->smmu->strtab_base & MAKE_64BIT_MASK(6, 50) &
                -(1ULL << shift),
        .bits = MIN(bits, SMMU_IDR1_SIDSIZE),
        .split = split,
    };
}

/* Address of an STE by the level-1 descriptor; 0 or the number of an event */
static int two_level_address(SMMUModel *m, const StreamTable *t, uint32_t sid,
                             uint64_t *addr, SMMUFault *fault)
{
    uint32_t l1 = sid >> t->split, l2 = sid & ((1U << t->split) - 1);
    unsigned int span;
    uint64_t desc;

    fault->addr = t->base + l1 * sizeof(desc);
    if (!fetch(m->l1stds, l1, fault->addr, &desc, 1)) {
        return SMMU_EVT_F_STE_FETCH;
    }
    span = extract64(desc, 0, 5);
    /* 12 and more act as 0; Span covers 2^(Span - 1) STEs (5.1) */
    if (!span || span > 11 || span > t->split + 1 || l2 >> (span - 1)) {
        return SMMU_EVT_C_BAD_STREAMID;
    }
    *addr = (L1STD_L2PTR(desc) & -(1ULL << (span - 1 + 6))) +
            (uint64_t)l2 * STREAM_ENTRY_BYTES;
    return 0;
}

static int get_ste(SMMUModel *m, uint32_t sid, uint64_t *ste, SMMUFault *fault)
{
    StreamTable t = stream_table(m);
    uint64_t addr;
    int ret;

    if (cache_find(m->stes, sid, ste, STE_WORDS)) {
        return 0;
    }
    if (sid >> t.bits) {
        return SMMU_EVT_C_BAD_STREAMID;
    }
    addr = t.base + (uint64_t)sid * STREAM_ENTRY_BYTES;
    if (t.split) {
        ret = two_level_address(m, &t, sid, &addr, fault);
        if (ret) {
            return ret;
        }
    }
    fault->addr = addr;
    return fetch(m->stes, sid, addr, ste, STE_WORDS) ? 0 : SMMU_EVT_F_STE_FETCH;
}

/* Which CD a request has; 0 or the number of an event (3.3.2, 5.2) */
static int select_cd(SMMUContext *ctx, const SMMURequest *req, uint32_t *index)
{
    *index = 0;
    if (req->ssid != PCI_NO_PASID) {
        if (!ctx->use_s1 || !ctx->cd_bits || req->ssid >> ctx->cd_bits) {
            return SMMU_EVT_C_BAD_SUBSTREAMID;
        }
        if (!req->ssid && ctx->s1dss == SMMU_S1DSS_SSID0) {
            return SMMU_EVT_F_STREAM_DISABLED;
        }
        *index = req->ssid;
        return 0;
    }
    if (!ctx->use_s1 || !ctx->cd_bits || ctx->s1dss == SMMU_S1DSS_SSID0) {
        return 0;
    }
    if (ctx->s1dss != SMMU_S1DSS_BYPASS) {
        return SMMU_EVT_F_STREAM_DISABLED;
    }
    ctx->use_s1 = false;
    return 0;
}

/* Fetch of a CD or its level-1 descriptor, through stage 2 if there is one */
static int fetch_cd(SMMUModel *m, const SMMUContext *ctx, GHashTable *cache,
                    uint64_t key, uint64_t addr, uint64_t *words, size_t count,
                    SMMUFault *fault)
{
    SMMUPage page;
    int ret;

    if (cache_find(cache, key, words, count)) {
        return 0;
    }
    if (ctx->use_s2) {
        ret = smmu_walk_stage2(m, ctx, addr, SMMU_READ, SMMU_CLASS_CD, &page,
                               fault);
        if (ret) {
            return ret;
        }
        addr = page.base | (addr & MAKE_64BIT_MASK(0, page.shift));
    }
    fault->addr = addr;
    return fetch(cache, key, addr, words, count) ? 0 : SMMU_EVT_F_CD_FETCH;
}

static int get_cd(SMMUModel *m, const SMMUContext *ctx, uint32_t sid,
                  uint32_t index, uint64_t *cd, SMMUFault *fault)
{
    unsigned int leaf_bits = ctx->cd_format == 2 ? 10 : 6;
    bool two_level = ctx->cd_format == 1 || ctx->cd_format == 2;
    uint64_t addr = ctx->cd_table + index * 64ULL, desc;
    int ret;

    if (cache_find(m->cds, cache_key(sid, index), cd, CD_WORDS)) {
        return 0;
    }
    if (two_level) {
        ret = fetch_cd(m, ctx, m->l1cds, l1cd_key(sid, index, leaf_bits),
                       ctx->cd_table + (index >> leaf_bits) * 8ULL, &desc, 1,
                       fault);
        if (ret) {
            return ret;
        }
        addr = L1CD_L2PTR(desc) & -(64ULL << leaf_bits);
        if (!L1CD_V(desc) || addr >> smmu_oas_bits(m)) {
            fault->ssid = index;
            return SMMU_EVT_C_BAD_SUBSTREAMID;
        }
        addr += (index & ((1U << leaf_bits) - 1)) * 64ULL;
    }
    return fetch_cd(m, ctx, m->cds, cache_key(sid, index), addr, cd, CD_WORDS,
                    fault);
}

static int get_stream(SMMUModel *m, const SMMURequest *req, uint64_t *ste,
                      SMMUContext *ctx, SMMUFault *fault)
{
    int ret = get_ste(m, req->sid, ste, fault);

    if (ret) {
        return ret;
    }
    if (!smmu_decode_ste(m, ste, ctx)) {
        return SMMU_EVT_C_BAD_STE;
    }
    return ctx->config < SMMU_CONFIG_BYPASS ? SMMU_SILENT_ABORT : 0;
}

/**
 * smmu_config_stream() - what the STE says about a request
 * @m: model
 * @req: request
 * @ctx: result, without stage 1
 * @fault: what is known of the event
 *
 * Return: 0, the number of an event or SMMU_SILENT_ABORT.
 */
int smmu_config_stream(SMMUModel *m, const SMMURequest *req, SMMUContext *ctx,
                       SMMUFault *fault)
{
    uint64_t ste[STE_WORDS];

    return get_stream(m, req, ste, ctx, fault);
}

/**
 * smmu_config_get() - what STE and CD say about a request
 * @m: model
 * @req: request
 * @ctx: result
 * @fault: what is known of the event
 *
 * Return: 0, the number of an event or SMMU_SILENT_ABORT.
 */
int smmu_config_get(SMMUModel *m, const SMMURequest *req, SMMUContext *ctx,
                    SMMUFault *fault)
{
    uint64_t ste[STE_WORDS], cd[CD_WORDS];
    uint32_t index;
    int ret;

    ret = get_stream(m, req, ste, ctx, fault);
    if (ret) {
        return ret;
    }
    fault->ssid = req->ssid;
    ret = select_cd(ctx, req, &index);
    if (ret || !ctx->use_s1) {
        return ret;
    }
    ret = get_cd(m, ctx, req->sid, index, cd, fault);
    if (ret) {
        return ret;
    }
    return smmu_decode_cd(m, ste, cd, ctx) ? 0 : SMMU_EVT_C_BAD_CD;
}

typedef struct StreamRange {
    uint32_t first;
    uint32_t last;
} StreamRange;

static gboolean of_streams(gpointer key, gpointer value, gpointer opaque)
{
    const StreamRange *range = opaque;
    uint32_t sid = *(uint64_t *)key >> 32;

    return sid >= range->first && sid <= range->last;
}

static gboolean ste_of_streams(gpointer key, gpointer value, gpointer opaque)
{
    const StreamRange *range = opaque;
    uint64_t sid = *(uint64_t *)key;

    return sid >= range->first && sid <= range->last;
}

void smmu_config_drop_all(SMMUModel *m)
{
    g_hash_table_remove_all(m->l1stds);
    g_hash_table_remove_all(m->stes);
    g_hash_table_remove_all(m->l1cds);
    g_hash_table_remove_all(m->cds);
}

static void drop_cds(SMMUModel *m, const StreamRange *range)
{
    g_hash_table_foreach_remove(m->cds, of_streams, (gpointer)range);
    g_hash_table_foreach_remove(m->l1cds, of_streams, (gpointer)range);
}

/**
 * smmu_config_drop_streams() - CMD_CFGI_STE, CMD_CFGI_STE_RANGE (4.3)
 * @m: model
 * @first: first stream ID
 * @last: last stream ID, inclusive
 * @leaf: level-1 descriptors may be kept
 *
 * All that was fetched through the STEs goes as well.
 */
void smmu_config_drop_streams(SMMUModel *m, uint32_t first, uint32_t last,
                              bool leaf)
{
    StreamRange range = { first, last }, l1;
    unsigned int split = stream_table(m).split;

    g_hash_table_foreach_remove(m->stes, ste_of_streams, &range);
    drop_cds(m, &range);
    if (!leaf) {
        l1 = (StreamRange) { first >> split, last >> split };
        g_hash_table_foreach_remove(m->l1stds, ste_of_streams, &l1);
    }
}

/**
 * smmu_config_drop_cds() - CMD_CFGI_CD_ALL (4.3.4)
 * @m: model
 * @sid: stream ID
 */
void smmu_config_drop_cds(SMMUModel *m, uint32_t sid)
{
    StreamRange range = { sid, sid };

    drop_cds(m, &range);
}

/**
 * smmu_config_drop_cd() - CMD_CFGI_CD (4.3.3)
 * @m: model
 * @sid: stream ID
 * @ssid: substream ID, 0 for a single CD
 * @leaf: the level-1 descriptor may be kept
 *
 * The format of the table is unknown here; in both formats the descriptor that
 * leads to this CD goes.
 */
void smmu_config_drop_cd(SMMUModel *m, uint32_t sid, uint32_t ssid, bool leaf)
{
    uint64_t keys[] = { l1cd_key(sid, ssid, 6), l1cd_key(sid, ssid, 10) };
    uint64_t key = cache_key(sid, ssid);

    g_hash_table_remove(m->cds, &key);
    if (!leaf) {
        g_hash_table_remove(m->l1cds, &keys[0]);
        g_hash_table_remove(m->l1cds, &keys[1]);
    }
}

static GHashTable *new_cache(void)
{
    return g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
}

void smmu_config_init(SMMUModel *m)
{
    m->l1stds = new_cache();
    m->stes = new_cache();
    m->l1cds = new_cache();
    m->cds = new_cache();
}
