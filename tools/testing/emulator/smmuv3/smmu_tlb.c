/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMMUv3 model: TLBs
 *
 * Translations and the tables that walks came to stay until a CMD_TLBI names
 * them (3.17, 4.4). CMD_TLBI_S2_IPA does not reach translations that combine
 * both stages (4.4.3.1), and nothing is dropped that was not asked for.
 */

#include "qemu/osdep.h"
#include "smmu_model.h"

/* Host memory is no reason to forget, but a guest must not exhaust it */
#define SMMU_TLB_MOST           (1u << 20)

#define ASID_GLOBAL             BIT(16)
#define ASID_GLOBAL_SET         BIT(17)

typedef struct TlbKey {
    bool stage2;
    uint16_t vmid;
    uint32_t asid;              /* ASID_GLOBAL without one */
    unsigned int shift;         /* log2 of what the entry covers */
    uint64_t first;             /* first address that it covers */
} TlbKey;

static guint tlb_hash(gconstpointer v)
{
    const TlbKey *key = v;
    uint64_t mix = key->first ^ key->shift ^ (uint64_t)key->vmid << 45 ^
                   (uint64_t)key->asid << 28 ^ (uint64_t)key->stage2 << 63;

    return (mix * 0x9e3779b97f4a7c15ULL) >> 32;
}

static gboolean tlb_equal(gconstpointer v1, gconstpointer v2)
{
    const TlbKey *a = v1, *b = v2;

    return a->first == b->first && a->shift == b->shift &&
           a->stage2 == b->stage2 && a->vmid == b->vmid && a->asid == b->asid;
}

/* Global entries match those contexts only that have the same ASET (3.17) */
static TlbKey tlb_key(const SMMUTag *tag, bool global, uint64_t addr,
                      unsigned int shift)
{
    uint32_t any = ASID_GLOBAL | (tag->aset ? ASID_GLOBAL_SET : 0);

    return (TlbKey) {
        .stage2 = tag->stage2,
        .vmid = tag->vmid,
        .asid = global ? any : tag->stage2 ? 0 : tag->asid,
        .shift = shift,
        .first = addr & -(1ULL << shift),
    };
}

static void tlb_insert(GHashTable *cache, const TlbKey *key, const void *value,
                       size_t size)
{
    if (g_hash_table_size(cache) >= SMMU_TLB_MOST) {
        g_hash_table_remove_all(cache);
    }
    g_hash_table_replace(cache, g_memdup2(key, sizeof(*key)),
                         g_memdup2(value, size));
}

/**
 * smmu_tlb_find() - look for a translation
 * @m: model
 * @tag: tags of the request
 * @addr: address
 * @page: result, which need not permit what the request wants
 */
bool smmu_tlb_find(SMMUModel *m, const SMMUTag *tag, uint64_t addr,
                   SMMUPage *page)
{
    static const uint8_t shifts[] = { 12, 14, 16, 21, 25, 29, 30 };

    for (int i = 0; i < ARRAY_SIZE(shifts); i++) {
        for (int global = 0; global <= !tag->stage2; global++) {
            TlbKey key = tlb_key(tag, global, addr, shifts[i]);
            SMMUPage *found = g_hash_table_lookup(m->pages, &key);

            if (found) {
                *page = *found;
                return true;
            }
        }
    }
    return false;
}

void smmu_tlb_add(SMMUModel *m, const SMMUTag *tag, uint64_t addr,
                  const SMMUPage *page)
{
    TlbKey key = tlb_key(tag, page->global, addr, page->shift);

    tlb_insert(m->pages, &key, page, sizeof(*page));
}

/**
 * smmu_tlb_find_table() - look for a table that a walk came to
 * @m: model
 * @tag: tags of the walk
 * @addr: address that is walked
 * @shift: log2 of what the table maps
 * @table: result
 */
bool smmu_tlb_find_table(SMMUModel *m, const SMMUTag *tag, uint64_t addr,
                         unsigned int shift, SMMUTable *table)
{
    TlbKey key = tlb_key(tag, false, addr, shift);
    SMMUTable *found = g_hash_table_lookup(m->tables, &key);

    if (found) {
        *table = *found;
    }
    return found;
}

void smmu_tlb_add_table(SMMUModel *m, const SMMUTag *tag, uint64_t addr,
                        unsigned int shift, const SMMUTable *table)
{
    TlbKey key = tlb_key(tag, false, addr, shift);

    tlb_insert(m->tables, &key, table, sizeof(*table));
}

/* Global entries have no ASID; by address all the same they go (4.4.1) */
static bool tags_match(const TlbKey *key, const SMMUTlbInvalidation *inv)
{
    if (!(key->stage2 ? inv->stage2 : inv->stage1) ||
        (inv->vmid >= 0 && key->vmid != inv->vmid)) {
        return false;
    }
    if (inv->asid < 0 || key->stage2) {
        return true;
    }
    return key->asid & ASID_GLOBAL ? inv->by_address : key->asid == inv->asid;
}

static bool in_range(uint64_t first, unsigned int shift,
                     const SMMUTlbInvalidation *inv)
{
    first &= -(1ULL << shift);
    return first <= inv->last && first + ((1ULL << shift) - 1) >= inv->first;
}

/* Of a block that was split by stage 2 each part goes with any address of it */
static gboolean page_named(gpointer k, gpointer v, gpointer opaque)
{
    const SMMUTlbInvalidation *inv = opaque;
    const SMMUPage *page = v;
    const TlbKey *key = k;

    if (!tags_match(key, inv)) {
        return false;
    }
    return !inv->by_address ||
           (in_range(key->first, page->leaf_shift, inv) &&
            (!inv->granule || page->granule == inv->granule) &&
            (!inv->level || page->level == inv->level));
}

static gboolean table_named(gpointer k, gpointer v, gpointer opaque)
{
    const SMMUTlbInvalidation *inv = opaque;
    const TlbKey *key = k;

    return tags_match(key, inv) &&
           (!inv->by_address ||
            (!inv->leaf_only && in_range(key->first, key->shift, inv)));
}

/**
 * smmu_tlb_drop() - drop what a CMD_TLBI names, and nothing else
 * @m: model
 * @inv: what it names
 */
void smmu_tlb_drop(SMMUModel *m, const SMMUTlbInvalidation *inv)
{
    g_hash_table_foreach_remove(m->pages, page_named, (gpointer)inv);
    g_hash_table_foreach_remove(m->tables, table_named, (gpointer)inv);
}

void smmu_tlb_drop_all(SMMUModel *m)
{
    g_hash_table_remove_all(m->pages);
    g_hash_table_remove_all(m->tables);
}

void smmu_tlb_init(SMMUModel *m)
{
    m->pages = g_hash_table_new_full(tlb_hash, tlb_equal, g_free, g_free);
    m->tables = g_hash_table_new_full(tlb_hash, tlb_equal, g_free, g_free);
}
