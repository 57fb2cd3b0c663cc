/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-d model: walks of first-stage, second-stage and nested tables
 *
 * Formats and rights are those of 3.6, 3.7 and 9.7 to 9.9. Walks start at the
 * deepest table that the paging-structure caches hold.
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "system/dma.h"
#include "system/memory.h"
#include "vtd_model.h"

#define VTD_LEVEL_SHIFT(level)  (12 + 9 * ((level) - 1))
#define VTD_FS_LEVELS           4

/* Bits of second-stage entries (9.8, 9.9) */
#define SS_R            BIT_ULL(0)
#define SS_W            BIT_ULL(1)
#define SS_PS           BIT_ULL(7)
#define SS_A            BIT_ULL(8)
#define SS_D            BIT_ULL(9)
#define SS_SNP          BIT_ULL(11)
#define SS_IGNORED_HIGH 0xbff0000000000000ULL

/* Bits of first-stage entries (9.7) */
#define FS_P            BIT_ULL(0)
#define FS_RW           BIT_ULL(1)
#define FS_US           BIT_ULL(2)
#define FS_A            BIT_ULL(5)
#define FS_D            BIT_ULL(6)
#define FS_PS           BIT_ULL(7)
#define FS_IGNORED_HIGH 0xfff0000000000000ULL

/* How a second-stage walk ends; the number of the fault depends on its use */
enum {
    SS_OK,
    SS_TOO_LARGE,       /* input above min(MGAW, AGAW) */
    SS_ROOT_ACCESS,
    SS_ACCESS,
    SS_ABSENT,          /* neither R nor W, in an entry or in common */
    SS_RESERVED,
    SS_DENIED,          /* something is permitted, but not this */
    SS_AD_SNOOP,
    SS_AD_UPDATE,
    SS_RESULTS
};

/* For a request's own address in scalable mode; denials of reads */
static const int ss_faults[SS_RESULTS] = {
    [SS_TOO_LARGE] = VTD_FR_SGN_SS_LARGE,
    [SS_ROOT_ACCESS] = VTD_FR_SSS_ROOT_ACCESS,
    [SS_ACCESS] = VTD_FR_SSS_ACCESS,
    [SS_ABSENT] = VTD_FR_SSS_P,
    [SS_RESERVED] = VTD_FR_SSS_RSVD,
    [SS_DENIED] = VTD_FR_SGN_READ,
    [SS_AD_SNOOP] = VTD_FR_SSS_AD_SNOOP,
    [SS_AD_UPDATE] = VTD_FR_SSS_AD_UPDATE,
};

static const int ss_legacy_faults[SS_RESULTS] = {
    [SS_TOO_LARGE] = VTD_FR_ADDR_BEYOND_MGAW,
    [SS_ROOT_ACCESS] = VTD_FR_CONTEXT_ENTRY_INV,
    [SS_ACCESS] = VTD_FR_PAGING_ENTRY_INV,
    [SS_ABSENT] = VTD_FR_READ,
    [SS_RESERVED] = VTD_FR_PAGING_ENTRY_RSVD,
    [SS_DENIED] = VTD_FR_READ,
};

static int ss_fault(const VTDConfig *cfg, int result, bool write)
{
    if (cfg->legacy) {
        return write && (result == SS_DENIED || result == SS_ABSENT) ?
               VTD_FR_WRITE : ss_legacy_faults[result];
    }
    return write && result == SS_DENIED ? VTD_FR_SGN_WRITE : ss_faults[result];
}

/* For the address of a first-stage entry in nested mode */
static int ss_table_fault(int result, bool root, bool update)
{
    switch (result) {
    case SS_TOO_LARGE:
        return VTD_FR_SFS_GPA_LARGE;
    case SS_ABSENT:
    case SS_DENIED:
        return update ? VTD_FR_SFS_GPA_WRITE :
               root ? VTD_FR_SFS_GPA_ROOT : VTD_FR_SFS_GPA_READ;
    default:
        return ss_faults[result];
    }
}

static bool read_entry(hwaddr addr, uint64_t *entry)
{
    if (dma_memory_read(&address_space_memory, addr, entry, sizeof(*entry),
                        MEMTXATTRS_UNSPECIFIED)) {
        return false;
    }
    *entry = le64_to_cpu(*entry);
    return true;
}

/**
 * update_entry() - set bits of an entry in one atomic access
 * @addr: host address of the entry
 * @old: what the walk read there
 * @bits: bits to set
 *
 * Return: 0, -EAGAIN if software changed the entry in the meantime, -EIO if it
 * cannot be written.
 */
static int update_entry(hwaddr addr, uint64_t old, uint64_t bits)
{
    hwaddr xlat, len = sizeof(old);
    uint64_t seen, *host;
    MemoryRegion *mr;

    RCU_READ_LOCK_GUARD();
    mr = address_space_translate(&address_space_memory, addr, &xlat, &len, true,
                                 MEMTXATTRS_UNSPECIFIED);
    if (len < sizeof(old) || !memory_region_is_ram(mr) || mr->readonly) {
        return -EIO;
    }
    host = memory_region_get_ram_ptr(mr) + xlat;
    seen = qatomic_cmpxchg(host, cpu_to_le64(old), cpu_to_le64(old | bits));
    memory_region_set_dirty(mr, xlat, sizeof(old));
    return seen == cpu_to_le64(old) ? 0 : -EAGAIN;
}

static hwaddr entry_address(const VTDModel *m, uint64_t entry)
{
    return entry & VTD_HAW_MASK(m->iommu->aw_bits) & ~0xfffULL;
}

static hwaddr entry_slot(hwaddr table, uint64_t addr, unsigned int level)
{
    return table + ((addr >> VTD_LEVEL_SHIFT(level)) & 0x1ff) * 8;
}

/* Address bits of a leaf below its page size are reserved */
static uint64_t leaf_reserved(unsigned int level)
{
    return (1ULL << VTD_LEVEL_SHIFT(level)) - 1;
}

static uint64_t ss_reserved(const VTDModel *m, uint64_t entry,
                            unsigned int level, bool leaf)
{
    uint64_t mask = vtd_model_haw_reserved(m) & ~SS_IGNORED_HIGH;

    if (!leaf) {
        return mask | SS_SNP | (level >= 4 ? SS_PS : 0);
    }
    if (!(m->iommu->ecap & VTD_ECAP_SC)) {
        mask |= SS_SNP;
    }
    if (level == 2) {
        mask |= leaf_reserved(2) & ~0xfffULL;
        mask |= m->iommu->cap & VTD_CAP_SLLPS_2M ? 0 : SS_PS;
    } else if (level == 3) {
        mask |= leaf_reserved(3) & ~0xfffULL;
        mask |= m->iommu->cap & VTD_CAP_SLLPS_1G ? 0 : SS_PS;
    }
    return mask;
}

static uint64_t fs_reserved(const VTDModel *m, unsigned int level, bool leaf)
{
    uint64_t mask = vtd_model_haw_reserved(m) & ~FS_IGNORED_HIGH;

    if (!leaf) {
        return mask | (level >= 4 ? FS_PS : 0);
    }
    /* Bit 12 of a large page is PAT */
    if (level == 2) {
        mask |= leaf_reserved(2) & ~0x1fffULL;
    } else if (level == 3) {
        mask |= leaf_reserved(3) & ~0x1fffULL;
        mask |= m->iommu->cap & VTD_CAP_FS1GP ? 0 : FS_PS;
    }
    return mask;
}

static bool is_leaf(uint64_t entry, unsigned int level)
{
    return level == 1 || (level <= 3 && (entry & SS_PS));
}

/* The deepest cached table on the way to @addr, else the root; its level */
static unsigned int walk_start(VTDModel *m, const VTDTag *tag, uint64_t addr,
                               unsigned int levels, VTDTable *table)
{
    for (unsigned int level = 1; level < levels; level++) {
        if (vtd_tlb_find_table(m, tag, addr, level, table)) {
            return level;
        }
    }
    return levels;
}

static int ss_update_ad(const VTDConfig *cfg, hwaddr slot, uint64_t entry,
                        uint64_t want)
{
    int ret;

    if ((entry & want) == want) {
        return 0;
    }
    if (!cfg->snooped) {
        return SS_AD_SNOOP;
    }
    ret = update_entry(slot, entry, want);
    return ret == -EIO ? SS_AD_UPDATE : ret;
}

/**
 * ss_walk() - walk second-stage tables
 * @m: model
 * @cfg: configuration
 * @addr: address
 * @write: to be written, else read
 * @page: result
 *
 * Return: SS_*.
 */
static int ss_walk(VTDModel *m, const VTDConfig *cfg, uint64_t addr, bool write,
                   VTDPage *page)
{
    VTDTag tag = { VTD_STAGE_SECOND, cfg->did, VTD_TAG_NO_PASID };
    VTDTable table = { cfg->ss_root, SS_R | SS_W };
    unsigned int bits = MIN(VTD_LEVEL_SHIFT(cfg->ss_levels + 1),
                            VTD_CAP_MGAW_BITS(m->iommu->cap));
    unsigned int level;
    uint64_t entry, rights, want;
    hwaddr slot;
    bool leaf;
    int ret;

    if (addr >> bits) {
        return SS_TOO_LARGE;
    }
    level = walk_start(m, &tag, addr, cfg->ss_levels, &table);
    while (true) {
        slot = entry_slot(table.addr, addr, level);
        if (!read_entry(slot, &entry)) {
            return level == cfg->ss_levels ? SS_ROOT_ACCESS : SS_ACCESS;
        }
        if (!(entry & (SS_R | SS_W))) {
            return SS_ABSENT;
        }
        leaf = is_leaf(entry, level);
        if (entry & ss_reserved(m, entry, level, leaf)) {
            return SS_RESERVED;
        }
        rights = table.rights & entry;
        if (!rights) {
            return SS_ABSENT;
        }
        if (leaf && !(rights & (write ? SS_W : SS_R))) {
            return SS_DENIED;
        }
        want = !cfg->ssade ? 0 : leaf && write ? SS_A | SS_D : SS_A;
        ret = ss_update_ad(cfg, slot, entry, want);
        if (ret == -EAGAIN) {
            continue;
        } else if (ret) {
            return ret;
        }
        if (leaf) {
            break;
        }
        table = (VTDTable) { entry_address(m, entry), rights };
        level--;
        vtd_tlb_add_table(m, &tag, addr, level, &table);
    }
    page->shift = VTD_LEVEL_SHIFT(level);
    page->base = entry_address(m, entry) & ~leaf_reserved(level);
    page->read = rights & SS_R;
    page->write = (rights & SS_W) &&
                  (!cfg->ssade || ((entry | want) & SS_D));
    page->absent = false;
    return SS_OK;
}

/**
 * ss_translate() - translate by the second stage, through the IOTLB
 * @m: model
 * @cfg: configuration
 * @addr: address; in nested mode a guest physical one
 * @write: to be written, else read
 * @page: result
 *
 * Return: SS_*.
 */
static int ss_translate(VTDModel *m, const VTDConfig *cfg, uint64_t addr,
                        bool write, VTDPage *page)
{
    VTDTag tag = { VTD_STAGE_SECOND, cfg->did, VTD_TAG_NO_PASID };
    int ret;

    if (vtd_tlb_find(m, &tag, addr, write, page)) {
        return page->absent ? SS_ABSENT : SS_OK;
    }
    ret = ss_walk(m, cfg, addr, write, page);
    if (ret == SS_ABSENT && vtd_model_caches_absent(m)) {
        VTDPage absent = { .shift = 12, .absent = true };

        vtd_tlb_add(m, &tag, addr, &absent);
    } else if (ret == SS_OK) {
        vtd_tlb_add(m, &tag, addr, page);
    }
    return ret;
}

static hwaddr page_address(const VTDPage *page, uint64_t addr)
{
    return page->base | (addr & ((1ULL << page->shift) - 1));
}

/* Host address of a first-stage entry, to be read or, for A and D, written */
static int fs_entry_host(VTDModel *m, const VTDConfig *cfg, uint64_t slot,
                         bool root, bool update, hwaddr *host)
{
    VTDPage page;
    int ret;

    if (cfg->pgtt != VTD_PGTT_NESTED) {
        *host = slot;
        return 0;
    }
    ret = ss_translate(m, cfg, slot, update, &page);
    if (ret != SS_OK) {
        return ss_table_fault(ret, root, update);
    }
    /* Writing A and D takes R as well as W (3.8.2) */
    if (update && !page.read) {
        return VTD_FR_SFS_GPA_WRITE;
    }
    *host = page_address(&page, slot);
    return 0;
}

/* Set A and D of a first-stage entry; -EAGAIN when it changed, else a fault */
static int fs_update_ad(VTDModel *m, const VTDConfig *cfg, uint64_t slot,
                        bool root, uint64_t entry, uint64_t want)
{
    hwaddr host;
    int ret;

    if ((entry & want) == want) {
        return 0;
    }
    if (!cfg->snooped) {
        return VTD_FR_SFS_AD_SNOOP;
    }
    ret = fs_entry_host(m, cfg, slot, root, true, &host);
    if (ret) {
        return ret;
    }
    ret = update_entry(host, entry, want);
    return ret == -EIO ? VTD_FR_SFS_AD_UPDATE : ret;
}

static bool fs_canonical(uint64_t iova)
{
    return sextract64(iova, 0, VTD_LEVEL_SHIFT(VTD_FS_LEVELS + 1)) == iova;
}

/* Rights are looked at when the leaf is known, as a processor does (3.6.2) */
static int fs_check_rights(const VTDConfig *cfg, const VTDRequest *req,
                           uint64_t rights)
{
    if (!req->priv && !(rights & FS_US)) {
        return VTD_FR_SGN_USER;
    }
    if (req->write && !(rights & FS_RW) && !(req->priv && !cfg->wpe)) {
        return VTD_FR_SGN_WRITE;
    }
    return 0;
}

/**
 * fs_walk() - walk first-stage tables
 * @m: model
 * @cfg: configuration; in nested mode each entry's address goes through the
 *       second stage
 * @req: request
 * @iova: address
 * @page: result, before the second stage
 *
 * Return: 0 or the reason of the fault.
 */
static int fs_walk(VTDModel *m, const VTDConfig *cfg, const VTDRequest *req,
                   uint64_t iova, VTDPage *page)
{
    VTDTag tag = { VTD_STAGE_FIRST, cfg->did, cfg->pasid };
    VTDTable table = { cfg->fs_root, FS_RW | FS_US };
    unsigned int level;
    uint64_t slot, entry, rights, want;
    bool leaf, root;
    hwaddr host;
    int ret;

    if (!fs_canonical(iova)) {
        return VTD_FR_SGN_CANONICAL;
    }
    level = walk_start(m, &tag, iova, VTD_FS_LEVELS, &table);
    while (true) {
        root = level == VTD_FS_LEVELS;
        slot = entry_slot(table.addr, iova, level);
        ret = fs_entry_host(m, cfg, slot, root, false, &host);
        if (ret) {
            return ret;
        }
        if (!read_entry(host, &entry)) {
            return root ? VTD_FR_SFS_ROOT_ACCESS : VTD_FR_SFS_ACCESS;
        }
        if (!(entry & FS_P)) {
            return VTD_FR_SFS_P;
        }
        leaf = is_leaf(entry, level);
        if (entry & fs_reserved(m, level, leaf)) {
            return VTD_FR_SFS_RSVD;
        }
        rights = table.rights & entry;
        if (leaf) {
            ret = fs_check_rights(cfg, req, rights);
            if (ret) {
                return ret;
            }
        }
        want = leaf && req->write ? FS_A | FS_D : FS_A;
        ret = fs_update_ad(m, cfg, slot, root, entry, want);
        if (ret == -EAGAIN) {
            continue;
        } else if (ret) {
            return ret;
        }
        if (leaf) {
            break;
        }
        table = (VTDTable) { entry_address(m, entry), rights };
        level--;
        vtd_tlb_add_table(m, &tag, iova, level, &table);
    }
    page->shift = VTD_LEVEL_SHIFT(level);
    page->base = entry_address(m, entry) & ~leaf_reserved(level);
    page->read = true;
    page->write = ((rights & FS_RW) || (req->priv && !cfg->wpe)) &&
                  ((entry | want) & FS_D);
    page->absent = false;
    return 0;
}

/* Put the second stage behind a result of the first; the smaller page counts */
static int nest(VTDModel *m, const VTDConfig *cfg, const VTDRequest *req,
                uint64_t iova, VTDPage *page)
{
    uint64_t gpa = page_address(page, iova);
    VTDPage second;
    int ret;

    ret = ss_translate(m, cfg, gpa, req->write, &second);
    if (ret != SS_OK) {
        return ss_fault(cfg, ret, req->write);
    }
    page->shift = MIN(page->shift, second.shift);
    page->base = page_address(&second, gpa) & -(1ULL << page->shift);
    page->read = page->read && second.read;
    page->write = page->write && second.write;
    return 0;
}

static int first_stage(VTDModel *m, const VTDConfig *cfg, const VTDRequest *req,
                       uint64_t iova, VTDPage *page)
{
    VTDTag tag = { VTD_STAGE_FIRST, cfg->did, cfg->pasid, req->priv };
    int ret;

    if (vtd_tlb_find(m, &tag, iova, req->write, page)) {
        return 0;
    }
    ret = fs_walk(m, cfg, req, iova, page);
    if (!ret && cfg->pgtt == VTD_PGTT_NESTED) {
        ret = nest(m, cfg, req, iova, page);
    }
    if (!ret) {
        vtd_tlb_add(m, &tag, iova, page);
    }
    return ret;
}

static int pass_through(const VTDModel *m, uint64_t iova, VTDPage *page)
{
    if (iova & vtd_model_haw_reserved(m)) {
        return VTD_FR_SGN_HAW;
    }
    *page = (VTDPage) { iova & ~0xfffULL, 12, true, true, false };
    return 0;
}

/**
 * vtd_walk() - translate an address
 * @m: model
 * @cfg: configuration of the request
 * @req: request
 * @iova: address
 * @page: result, permits what @req wants
 *
 * Return: 0 or the reason of the fault.
 */
int vtd_walk(VTDModel *m, const VTDConfig *cfg, const VTDRequest *req,
             uint64_t iova, VTDPage *page)
{
    hwaddr host;
    int ret;

    switch (cfg->pgtt) {
    case VTD_PGTT_PT:
        ret = pass_through(m, iova, page);
        break;
    case VTD_PGTT_SS:
        ret = ss_translate(m, cfg, iova, req->write, page);
        ret = ret == SS_OK ? 0 : ss_fault(cfg, ret, req->write);
        break;
    default:
        ret = first_stage(m, cfg, req, iova, page);
        break;
    }
    if (ret) {
        return ret;
    }
    host = page_address(page, iova);
    if (host >= VTD_INTERRUPT_ADDR_FIRST && host <= VTD_INTERRUPT_ADDR_LAST) {
        return cfg->legacy ? VTD_FR_INTERRUPT_ADDR : VTD_FR_SGN_INTERRUPT;
    }
    return 0;
}
