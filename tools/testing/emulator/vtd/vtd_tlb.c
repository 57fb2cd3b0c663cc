/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-d model: IOTLB and paging-structure caches
 *
 * Entries stay until an invalidation names them (6.5.2.3, 6.5.2.4). Nothing is
 * dropped that was not asked for: a flush that is missing or too narrow shows
 * as a translation that is out of date.
 */

#include "qemu/osdep.h"
#include "vtd_model.h"

/* Host memory is no reason to forget, but a guest must not exhaust it */
#define VTD_TLB_MOST            (1u << 20)

#define VTD_LEVEL_SHIFT(level)  (12 + 9 * ((level) - 1))

typedef struct VTDTlbKey {
    VTDTag tag;
    unsigned int shift;         /* log2 of what one entry covers */
    uint64_t first;             /* first address that it covers */
} VTDTlbKey;

static guint vtd_tlb_hash(gconstpointer v)
{
    const VTDTlbKey *key = v;
    uint64_t mix = key->first ^ key->shift ^ (uint64_t)key->tag.did << 40 ^
                   (uint64_t)key->tag.pasid << 24 ^
                   (uint64_t)key->tag.stage << 63 ^ key->tag.priv;

    return (mix * 0x9e3779b97f4a7c15ULL) >> 32;
}

static gboolean vtd_tlb_equal(gconstpointer v1, gconstpointer v2)
{
    const VTDTlbKey *a = v1, *b = v2;

    return a->first == b->first && a->shift == b->shift &&
           a->tag.stage == b->tag.stage && a->tag.did == b->tag.did &&
           a->tag.pasid == b->tag.pasid && a->tag.priv == b->tag.priv;
}

static VTDTlbKey vtd_tlb_key(const VTDTag *tag, uint64_t iova,
                             unsigned int shift)
{
    return (VTDTlbKey) { *tag, shift, iova & -(1ULL << shift) };
}

static void vtd_tlb_insert(GHashTable *table, const VTDTlbKey *key,
                           const void *value, size_t size)
{
    if (g_hash_table_size(table) >= VTD_TLB_MOST) {
        g_hash_table_remove_all(table);
    }
    g_hash_table_replace(table, g_memdup2(key, sizeof(*key)),
                         g_memdup2(value, size));
}

/**
 * vtd_tlb_find() - look for a translation in the IOTLB
 * @m: model
 * @tag: tags of the request
 * @iova: address
 * @write: the request writes
 * @page: result
 *
 * An entry that lacks the right is passed over: hardware walks again before it
 * reports a fault, and the first write has a D bit to set.
 */
bool vtd_tlb_find(VTDModel *m, const VTDTag *tag, uint64_t iova, bool write,
                  VTDPage *page)
{
    for (unsigned int level = 1; level <= 3; level++) {
        VTDTlbKey key = vtd_tlb_key(tag, iova, VTD_LEVEL_SHIFT(level));
        VTDPage *found = g_hash_table_lookup(m->pages, &key);

        if (found && (found->absent || (write ? found->write : found->read))) {
            *page = *found;
            return true;
        }
    }
    return false;
}

void vtd_tlb_add(VTDModel *m, const VTDTag *tag, uint64_t iova,
                 const VTDPage *page)
{
    VTDTlbKey key = vtd_tlb_key(tag, iova, page->shift);

    vtd_tlb_insert(m->pages, &key, page, sizeof(*page));
}

/**
 * vtd_tlb_find_table() - look for a table in the paging-structure caches
 * @m: model
 * @tag: tags of the walk
 * @iova: address that is walked
 * @level: level of the table, 1 has 4K entries
 * @table: result
 */
bool vtd_tlb_find_table(VTDModel *m, const VTDTag *tag, uint64_t iova,
                        unsigned int level, VTDTable *table)
{
    VTDTlbKey key = vtd_tlb_key(tag, iova, VTD_LEVEL_SHIFT(level + 1));
    VTDTable *found = g_hash_table_lookup(m->tables, &key);

    if (found) {
        *table = *found;
    }
    return found;
}

void vtd_tlb_add_table(VTDModel *m, const VTDTag *tag, uint64_t iova,
                       unsigned int level, const VTDTable *table)
{
    VTDTlbKey key = vtd_tlb_key(tag, iova, VTD_LEVEL_SHIFT(level + 1));

    vtd_tlb_insert(m->tables, &key, table, sizeof(*table));
}

/* What an invalidation asks for; PASID and range only where they matter */
typedef struct VTDTlbDrop {
    uint16_t did;
    uint32_t pasid;
    const VTDRange *range;
} VTDTlbDrop;

static bool vtd_tlb_covered(const VTDTlbKey *key, const VTDRange *range)
{
    /* The range has to cover a large page, or the page stays (6.5.2.3, AM) */
    return key->first >= range->first &&
           key->first + ((1ULL << key->shift) - 1) <= range->last;
}

static bool vtd_tlb_touched(const VTDTlbKey *key, const VTDRange *range)
{
    return key->first <= range->last &&
           key->first + ((1ULL << key->shift) - 1) >= range->first;
}

static gboolean vtd_tlb_in_domain(gpointer k, gpointer v, gpointer opaque)
{
    const VTDTlbKey *key = k;
    const VTDTlbDrop *drop = opaque;

    return key->tag.did == drop->did;
}

static gboolean vtd_tlb_page_in_domain(gpointer k, gpointer v, gpointer opaque)
{
    const VTDTlbKey *key = k;
    const VTDTlbDrop *drop = opaque;

    /* The address is one of the second stage: results of the first go all */
    return key->tag.did == drop->did &&
           (key->tag.stage == VTD_STAGE_FIRST ||
            vtd_tlb_covered(key, drop->range));
}

static gboolean vtd_tlb_table_in_domain(gpointer k, gpointer v, gpointer opaque)
{
    const VTDTlbKey *key = k;
    const VTDTlbDrop *drop = opaque;

    return key->tag.did == drop->did &&
           (key->tag.stage == VTD_STAGE_FIRST ||
            (!drop->range->leaf_only && vtd_tlb_touched(key, drop->range)));
}

static gboolean vtd_tlb_in_pasid(gpointer k, gpointer v, gpointer opaque)
{
    const VTDTlbKey *key = k;
    const VTDTlbDrop *drop = opaque;

    return key->tag.stage == VTD_STAGE_FIRST && key->tag.did == drop->did &&
           key->tag.pasid == drop->pasid;
}

static gboolean vtd_tlb_page_in_pasid(gpointer k, gpointer v, gpointer opaque)
{
    const VTDTlbDrop *drop = opaque;

    return vtd_tlb_in_pasid(k, v, opaque) && vtd_tlb_covered(k, drop->range);
}

static gboolean vtd_tlb_table_in_pasid(gpointer k, gpointer v, gpointer opaque)
{
    const VTDTlbDrop *drop = opaque;

    return vtd_tlb_in_pasid(k, v, opaque) && !drop->range->leaf_only &&
           vtd_tlb_touched(k, drop->range);
}

void vtd_tlb_drop_all(VTDModel *m)
{
    g_hash_table_remove_all(m->pages);
    g_hash_table_remove_all(m->tables);
}

/**
 * vtd_tlb_drop_domain() - IOTLB invalidation, domain-selective
 * @m: model
 * @did: domain
 */
void vtd_tlb_drop_domain(VTDModel *m, uint16_t did)
{
    VTDTlbDrop drop = { .did = did };

    g_hash_table_foreach_remove(m->pages, vtd_tlb_in_domain, &drop);
    g_hash_table_foreach_remove(m->tables, vtd_tlb_in_domain, &drop);
}

/**
 * vtd_tlb_drop_domain_range() - IOTLB invalidation, page-selective in a domain
 * @m: model
 * @did: domain
 * @range: addresses of the second stage
 */
void vtd_tlb_drop_domain_range(VTDModel *m, uint16_t did, const VTDRange *range)
{
    VTDTlbDrop drop = { .did = did, .range = range };

    g_hash_table_foreach_remove(m->pages, vtd_tlb_page_in_domain, &drop);
    g_hash_table_foreach_remove(m->tables, vtd_tlb_table_in_domain, &drop);
}

/**
 * vtd_tlb_drop_pasid() - PASID-based IOTLB invalidation, all of a PASID
 * @m: model
 * @did: domain
 * @pasid: PASID
 *
 * The second stage stays.
 */
void vtd_tlb_drop_pasid(VTDModel *m, uint16_t did, uint32_t pasid)
{
    VTDTlbDrop drop = { .did = did, .pasid = pasid };

    g_hash_table_foreach_remove(m->pages, vtd_tlb_in_pasid, &drop);
    g_hash_table_foreach_remove(m->tables, vtd_tlb_in_pasid, &drop);
}

/**
 * vtd_tlb_drop_pasid_range() - PASID-based IOTLB invalidation, page-selective
 * @m: model
 * @did: domain
 * @pasid: PASID
 * @range: addresses of the first stage
 */
void vtd_tlb_drop_pasid_range(VTDModel *m, uint16_t did, uint32_t pasid,
                              const VTDRange *range)
{
    VTDTlbDrop drop = { .did = did, .pasid = pasid, .range = range };

    g_hash_table_foreach_remove(m->pages, vtd_tlb_page_in_pasid, &drop);
    g_hash_table_foreach_remove(m->tables, vtd_tlb_table_in_pasid, &drop);
}

/**
 * vtd_tlb_drop_for_page_request() - what a page request invalidates by itself
 * @m: model
 * @cfg: configuration of the request
 * @iova: address of the page
 *
 * The page that the device asks for is walked anew (7.4).
 */
void vtd_tlb_drop_for_page_request(VTDModel *m, const VTDConfig *cfg,
                                   uint64_t iova)
{
    bool second = cfg->pgtt == VTD_PGTT_SS;
    VTDTag tag = {
        .stage = second ? VTD_STAGE_SECOND : VTD_STAGE_FIRST,
        .did = cfg->did,
        .pasid = second ? VTD_TAG_NO_PASID : cfg->pasid,
    };

    for (int priv = 0; priv <= 1; priv++) {
        tag.priv = priv;
        for (unsigned int level = 1; level <= 3; level++) {
            VTDTlbKey key = vtd_tlb_key(&tag, iova, VTD_LEVEL_SHIFT(level));

            g_hash_table_remove(m->pages, &key);
        }
    }
}

void vtd_tlb_init(VTDModel *m)
{
    m->pages = g_hash_table_new_full(vtd_tlb_hash, vtd_tlb_equal, g_free,
                                     g_free);
    m->tables = g_hash_table_new_full(vtd_tlb_hash, vtd_tlb_equal, g_free,
                                      g_free);
}
