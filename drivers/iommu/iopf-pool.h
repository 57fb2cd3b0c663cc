/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page requests of one device that wait for an answer. Private to the core.
 */
#ifndef __IOPF_POOL_H
#define __IOPF_POOL_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/iommu-faults.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/types.h>

struct device;
struct iommu_attach_handle;
struct iommu_fault_page_request;
struct iommu_group;
struct iopf_queue;

/* Page request group indexes are 9 bits wide (PCIe 6.0, 10.4.1) */
#define IOPF_NR_GROUP_INDEXES	512
/* Most requests that a pool has room for; bounds its memory */
#define IOPF_POOL_MAX		4096

/* Attachments of which more share a count are held to one share together */
#define IOPF_SHARES_LOG2	6

/**
 * struct iopf_entry - room for a page request, and for the group that it begins
 * @fault: the request
 * @group: the group, if the request is its first one
 * @free: entry of &struct iopf_pool.free
 * @kept: the hardware keeps the access until the request is answered
 */
struct iopf_entry {
	struct iopf_fault fault;
	struct iopf_group group;
	struct llist_node free;
	bool kept;
};

/**
 * struct iopf_pool - all the requests that a device may have outstanding
 * @dev: device
 * @members: its group, for as long as the device reports requests
 * @queue: hardware that reports them
 * @queue_entry: entry of &struct iopf_queue.pools
 * @users: one until the pool is closed, and one for each group
 * @answers: read by answers, written to change @era and @closed, and to discard
 * @closed: the device has left its IOMMU: answers do not reach it
 * @era: number of resets; the device has forgotten groups of earlier ones
 * @quiet: the device is being reset: its requests are dropped
 * @keeps: &struct iommu_ops_ext.keeps_requests: neither a reset nor its end makes the
 *         hardware forget them
 * @free: entries that are not in use; only the task that reports takes from it
 * @nr_free: number of them
 * @nr_entries: number of @entries
 * @held: entries in use by attachments, found by a hash of their handle
 * @partial: entries with a group whose last request has not come; the task that
 *           reports adds to it
 * @refused: for each group index, attachment that had no room for a request of such a
 *           group: the last one is to be answered as invalid. Of several attachments
 *           the latest counts. Set by the task that reports
 * @entries: the room
 */
struct iopf_pool {
	struct device *dev;
	struct iommu_group *members;
	struct iopf_queue *queue;
	struct list_head queue_entry;
	refcount_t users;
	struct rw_semaphore answers;
	bool closed;
	unsigned int era;
	bool quiet;
	bool keeps;
	struct llist_head free;
	atomic_t nr_free;
	unsigned int nr_entries;
	atomic_t held[1 << IOPF_SHARES_LOG2];
	DECLARE_BITMAP(partial, IOPF_POOL_MAX);
	const struct iommu_attach_handle *refused[IOPF_NR_GROUP_INDEXES];
	struct iopf_entry entries[];
};

/* drivers/iommu/iopf-pool.c */
struct iopf_pool *iopf_pool_alloc(struct device *dev, unsigned int nr_requests);
struct iopf_pool *iopf_pool_get(struct device *dev);
void iopf_pool_put(struct iopf_pool *pool);
void iopf_pool_close(struct iopf_pool *pool);
void iopf_pool_discard(struct iopf_pool *pool,
		       const struct iommu_attach_handle *handle);
void iopf_pool_lost(struct iopf_pool *pool);
void iopf_pool_forget(struct iopf_pool *pool);
struct iopf_group *iopf_pool_add(struct iopf_pool *pool,
				 struct iommu_attach_handle *handle,
				 const struct iommu_fault_page_request *req);
void iopf_group_drop(struct iopf_group *group);
void iopf_respond(struct device *dev, const struct iommu_fault_page_request *req,
		  enum iommu_page_response_code code);
void iopf_wait_answered(struct iommu_attach_handle *handle);
void iopf_work_begin(void);
void iopf_work_end(void);

#endif /* __IOPF_POOL_H */
