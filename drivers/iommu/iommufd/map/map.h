/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOVA map: maps IOVAs of an IO address space to bytes of stores.
 *
 * A map holds areas (mapped intervals), reserved and allowed intervals, and
 * the domains that mirror its areas. It knows domains and stores and knows no
 * struct page. All intervals have inclusive ends.
 */
#ifndef __IOMMUFD_IOVA_MAP_H
#define __IOMMUFD_IOVA_MAP_H

#include <linux/mm.h>
#include <linux/types.h>

struct iommu_dirty_log;
struct iommu_domain;
struct iommu_run;
struct iommufd_access_ops;
struct iommufd_iova_map;
struct iommufd_map_lock;
struct iommufd_map_user;
struct iommufd_revoke_ops;
struct iommufd_store;
struct page;
struct seq_file;

/**
 * struct iommufd_range - interval of IOVAs
 * @start: first IOVA in bytes
 * @last: last IOVA in bytes, inclusive
 */
struct iommufd_range {
	unsigned long start;
	unsigned long last;
};

/**
 * struct iommufd_map_stats - what a map holds, for fdinfo
 * @nr_areas: number of areas
 * @nr_domains: number of domains that mirror the map
 * @mapped_bytes: sum of the lengths of all areas
 * @pinned_bytes: how much of that is pinned for the map's domains
 * @nr_kernel_pins: number of ranges that in-kernel users have pinned
 */
struct iommufd_map_stats {
	unsigned long nr_areas;
	unsigned long nr_domains;
	u64 mapped_bytes;
	u64 pinned_bytes;
	unsigned long nr_kernel_pins;
};

int iommufd_map_init(void);
void iommufd_map_exit(void);

struct iommufd_iova_map *iommufd_map_create(void);
void iommufd_map_destroy(struct iommufd_iova_map *map);

/*
 * One piece of memory to be mapped; several of them are mapped by one call
 * one behind the other (IOAS_COPY of a source that spans several areas).
 */
struct iommufd_slice {
	struct iommufd_store *store;	/* a reference that map_insert() consumes on success */
	u64 offset_bytes;		/* from the start of the store's first page */
	unsigned long length_bytes;
};

/**
 * struct iommufd_slices - the memory behind a range
 * @list: the slices in ascending order: @single or an array
 * @nr: number of them
 * @single: room for one slice, which nearly always is enough
 */
struct iommufd_slices {
	struct iommufd_slice *list;
	unsigned int nr;
	struct iommufd_slice single;
};

/* Frees the array; the references to stores are the caller's */
static inline void iommufd_slices_free(struct iommufd_slices *slices)
{
	if (slices->list != &slices->single)
		kvfree(slices->list);
}

#define IOMMUFD_MAP_FIXED	BIT(0)	/* *iova is given */
#define IOMMUFD_MAP_PINNED	BIT(1)	/* fail without a domain to pin it for */

int iommufd_map_insert(struct iommufd_iova_map *map,
		       struct iommufd_slice *slices, unsigned int nr_slices,
		       unsigned long *iova, int prot, unsigned int flags,
		       u64 *seq);
void iommufd_map_undo(struct iommufd_iova_map *map, unsigned long iova,
		      unsigned long last, u64 seq);
int iommufd_map_remove(struct iommufd_iova_map *map, unsigned long iova,
		       unsigned long last, u64 *unmapped_bytes);
int iommufd_map_split(struct iommufd_iova_map *map, unsigned long iova);
int iommufd_map_remove_all(struct iommufd_iova_map *map, u64 *unmapped_bytes);
int iommufd_map_slices(struct iommufd_iova_map *map, unsigned long iova,
		       unsigned long length_bytes,
		       struct iommufd_slices *slices);

int iommufd_map_stores(struct iommufd_iova_map *map,
		       struct iommufd_store **stores, unsigned long room,
		       unsigned long *nr_stores);
int iommufd_map_locate(struct iommufd_iova_map *map, unsigned long iova,
		       unsigned long length_bytes, bool pinned,
		       struct iommu_run *run);

/* For stores whose memory can be revoked and is held by areas only */
extern const struct iommufd_revoke_ops iommufd_map_revoke_ops;

int iommufd_map_add_domain(struct iommufd_iova_map *map,
			   struct iommu_domain *domain);
void iommufd_map_remove_domain(struct iommufd_iova_map *map,
			       struct iommu_domain *domain);
bool iommufd_map_enforce_coherency(struct iommufd_iova_map *map,
				   struct iommu_domain *domain);

/* In-kernel users of the memory: map/user.c */
struct iommufd_map_user *iommufd_map_add_user(struct iommufd_iova_map *map,
					      const struct iommufd_access_ops *ops,
					      void *data);
int iommufd_map_remove_user(struct iommufd_map_user *user, bool must);
struct iommufd_map_user *iommufd_map_user_get(struct iommufd_map_user *user);
void iommufd_map_user_put(struct iommufd_map_user *user);
int iommufd_map_pin(struct iommufd_map_user *user, unsigned long iova,
		    unsigned long length_bytes, struct page **pages,
		    unsigned int flags);
void iommufd_map_unpin(struct iommufd_map_user *user, unsigned long iova,
		       unsigned long length_bytes);
int iommufd_map_rw(struct iommufd_map_user *user, unsigned long iova,
		   void *data, unsigned long length_bytes, unsigned int flags);

/* Ranges that are locked in place for hardware: map/lock.c */
struct iommufd_map_lock *iommufd_map_lock_range(struct iommufd_iova_map *map,
						unsigned long iova,
						unsigned long length_bytes,
						phys_addr_t *phys);
void iommufd_map_unlock_range(struct iommufd_map_lock *lock);

int iommufd_map_read_dirty(struct iommufd_iova_map *map,
			   struct iommu_domain *domain, unsigned long start,
			   unsigned long last, struct iommu_dirty_log *log);

int iommufd_map_reserve(struct iommufd_iova_map *map, unsigned long start,
			unsigned long last, void *owner);
void iommufd_map_unreserve(struct iommufd_iova_map *map, void *owner);
int iommufd_map_set_allowed(struct iommufd_iova_map *map,
			    const struct iommufd_range *ranges,
			    unsigned int nr_ranges);
unsigned int iommufd_map_usable(struct iommufd_iova_map *map,
				struct iommufd_range *ranges,
				unsigned int max_ranges,
				unsigned long *alignment);
int iommufd_map_set_huge_pages(struct iommufd_iova_map *map, bool on);
bool iommufd_map_huge_pages(struct iommufd_iova_map *map);
bool iommufd_map_has_domains(struct iommufd_iova_map *map);
void iommufd_map_stats(struct iommufd_iova_map *map,
		       struct iommufd_map_stats *stats);

#endif /* __IOMMUFD_IOVA_MAP_H */
