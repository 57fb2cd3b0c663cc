/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the IOVA map share. map.c describes the protocol between tasks
 * that change a map.
 */
#ifndef __IOMMUFD_IOVA_MAP_PRIVATE_H
#define __IOMMUFD_IOVA_MAP_PRIVATE_H

#include <linux/limits.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "map/area.h"
#include "map/map.h"

/**
 * struct iommufd_constraint - what every area of a map must meet
 * @list: place in the list of &struct iommufd_space
 * @bounds: where areas may be
 * @alignment: what their start, length and memory must be multiples of, in bytes,
 *	       a power of two
 *
 * Embedded in what requires it: a domain, an in-kernel user that pins, a map whose
 * domains must not use huge pages.
 */
struct iommufd_constraint {
	struct list_head list;
	struct iommufd_range bounds;
	unsigned long alignment;
};

/* Areas consist of whole pages, which may be anywhere */
static inline void
iommufd_constraint_of_pages(struct iommufd_constraint *constraint)
{
	constraint->bounds.start = 0;
	constraint->bounds.last = ULONG_MAX;
	constraint->alignment = PAGE_SIZE;
}

/**
 * struct iommufd_space - which IOVAs of a map may be used
 * @constraints: list of &struct iommufd_constraint, all of which areas meet
 * @bounds: what is inside of the bounds of all of them
 * @alignment: the largest alignment of them, 1 without any
 * @reserved: interval tree of &struct reservation; they may meet each other
 * @reservations: list of the same
 * @allowed: sorted intervals that do not meet each other; NULL: all IOVAs
 * @nr_allowed: number of them
 */
struct iommufd_space {
	struct list_head constraints;
	struct iommufd_range bounds;
	unsigned long alignment;
	struct rb_root_cached reserved;
	struct list_head reservations;
	struct iommufd_range *allowed;
	unsigned int nr_allowed;
};

/**
 * struct iommufd_iova_map - IOVA map
 * @refs: references of the owner, of in-kernel users, of locks of ranges, and of each
 *	  task that revokes memory of the map
 * @lock: protects all fields below and the fields of areas and domains that say so.
 *	  Taken for looking things up and marking them, never while memory is
 *	  pinned or a domain changes. No lock nests inside, except for those of
 *	  a driver that makes an empty domain enforce coherency
 * @areas: tree of &struct iommufd_area
 * @space: which IOVAs may be used
 * @domains: list of &struct map_domain
 * @waiters: tasks that wait for other tasks, as iova_map.rst lists
 * @users: in-kernel users
 * @changes: how often something changed that waiters may need
 * @nr_waiters: number of waiters
 * @seq: counts maps and drains of domains
 * @nr_areas: number of areas, those being made included
 * @nr_domains: length of @domains
 * @mapped_bytes: length of all finished mappings
 * @pinned_bytes: length of the mappings whose memory is pinned
 * @nr_kernel_pins: ranges that the users in @users have pinned
 * @nr_late_pins: how often a user pinned something that another task already
 *		  waits for
 * @whole_pages: constraint of @space while @huge_pages is not set
 * @huge_pages: domains may use pages larger than PAGE_SIZE
 */
struct iommufd_iova_map {
	refcount_t refs;
	struct mutex lock; /* everything below; see above */
	struct rb_root areas;
	struct iommufd_space space;
	struct list_head domains;
	struct list_head users;
	wait_queue_head_t waiters;
	unsigned long changes;
	unsigned int nr_waiters;
	u64 seq;
	unsigned long nr_areas;
	unsigned long nr_domains;
	u64 mapped_bytes;
	u64 pinned_bytes;
	unsigned long nr_kernel_pins;
	unsigned long nr_late_pins;
	struct iommufd_constraint whole_pages;
	bool huge_pages;
};

/* map.c */
struct iommufd_iova_map *iommufd_map_get(struct iommufd_iova_map *map);
void iommufd_map_put(struct iommufd_iova_map *map);
void iommufd_map_erase(struct iommufd_iova_map *map,
		       struct iommufd_area *chain);

/* wait.c */
int iommufd_map_wait(struct iommufd_iova_map *map);
int iommufd_map_wait_until(struct iommufd_iova_map *map, unsigned long until);
void iommufd_map_wait_uninterruptible_until(struct iommufd_iova_map *map,
					    unsigned long until);
void iommufd_map_wait_uninterruptible(struct iommufd_iova_map *map);
void iommufd_map_wake_all(struct iommufd_iova_map *map);

/**
 * iommufd_map_wake() - say that something changed that waiters may need
 * @map: the map
 *
 * Every change of what Documentation/driver-api/iommufd/iova_map.rst lists must be
 * followed by this.
 *
 * Context: the map's lock is held.
 */
static inline void iommufd_map_wake(struct iommufd_iova_map *map)
{
	lockdep_assert_held(&map->lock);
	if (map->nr_waiters)
		iommufd_map_wake_all(map);
}

#ifdef CONFIG_LOCKDEP
extern struct lockdep_map iommufd_busy_dep_map;
#endif

/**
 * iommufd_begin_work() - work on areas that are busy, without the map's lock
 *
 * Until iommufd_end_work() the caller must not sleep on memory of user space, on
 * the mmap_lock of a process, or on pinning by another task: the task that holds
 * what it would wait for may itself wait for the areas. Lockdep knows the work as a
 * lock, which every task that waits for areas takes.
 *
 * Context: the map's lock is not held.
 */
static inline void iommufd_begin_work(void)
{
	lock_map_acquire(&iommufd_busy_dep_map);
}

/**
 * iommufd_end_work() - undo iommufd_begin_work()
 *
 * Context: the map's lock is not held.
 */
static inline void iommufd_end_work(void)
{
	lock_map_release(&iommufd_busy_dep_map);
}

/* The same for callers that hold the map's lock before and after the work */
static inline void iommufd_map_begin_work(struct iommufd_iova_map *map)
{
	mutex_unlock(&map->lock);
	iommufd_begin_work();
}

static inline void iommufd_map_end_work(struct iommufd_iova_map *map)
{
	iommufd_end_work();
	mutex_lock(&map->lock);
}

/* space.c */
void iommufd_space_init(struct iommufd_space *space);
void iommufd_space_destroy(struct iommufd_space *space);
bool iommufd_space_is_reserved(const struct iommufd_space *space,
			       unsigned long start, unsigned long last);
int iommufd_space_constrain(struct iommufd_iova_map *map,
			    struct iommufd_constraint *constraint);
void iommufd_space_unconstrain(struct iommufd_iova_map *map,
			       struct iommufd_constraint *constraint);
int iommufd_space_place(struct iommufd_iova_map *map,
			const struct iommufd_slice *slice,
			unsigned long length_bytes, unsigned long *iova);

struct members;

/* write.c */
int iommufd_area_write(const struct iommufd_iova_map *map,
		       struct iommu_domain *domain, struct iommufd_area *area);
void iommufd_chain_unmap(struct iommu_domain *domain, const struct members *m,
			 struct iommufd_area *chain);

/* domain.c */
int iommufd_domains_fill(struct iommufd_iova_map *map,
			 struct iommufd_area *chain);
void iommufd_domains_unfill(struct iommufd_iova_map *map,
			    struct iommufd_area *chain);
int iommufd_domains_refill(struct iommufd_iova_map *map,
			   struct iommufd_area *area);
bool iommufd_domains_may_split(const struct iommufd_iova_map *map,
			       const struct iommufd_area *area);
void iommufd_domains_split(struct iommufd_iova_map *map,
			   const struct iommufd_area *area);

/**
 * struct iommufd_unpin_request - a task that waits until in-kernel users unpin
 * @asked: users had pins when they were asked last
 * @nr_late_pins: what the map counted before that
 * @asked_at: when that was, in jiffies
 * @deadline: when the task gives up, in jiffies; valid while @asked
 *
 * Starts as zeros.
 */
struct iommufd_unpin_request {
	bool asked;
	unsigned long nr_late_pins;
	unsigned long asked_at;
	unsigned long deadline;
};

/* user.c */
bool iommufd_users_request_unpin(struct iommufd_iova_map *map,
				 const struct iommufd_area *area);
bool iommufd_users_begin_request(struct iommufd_iova_map *map,
				 struct iommufd_unpin_request *request);
void iommufd_users_end_request(struct iommufd_unpin_request *request, bool asked);
int iommufd_users_wait_unpin(struct iommufd_iova_map *map,
			     const struct iommufd_unpin_request *request);

#endif /* __IOMMUFD_IOVA_MAP_PRIVATE_H */
