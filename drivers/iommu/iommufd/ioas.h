/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IO address spaces.
 */
#ifndef __IOMMUFD_IOAS_H
#define __IOMMUFD_IOAS_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "object.h"

struct iommufd_call;
struct iommufd_ctx;
struct iommufd_iova_map;
struct iommufd_store;

/**
 * struct iommufd_ioas - an IO address space
 * @obj: common head
 * @map: its mappings
 * @lock: protects @hwpts and, for each of them, the way from allocation until it
 *        is filled, @retired, and every new long-lived user
 * @hwpts: page tables that mirror @map. Until one is published its ID finds
 *         nothing, so no device is attached to it, and only the call that makes
 *         it may take it off again
 */
struct iommufd_ioas {
	struct iommufd_object obj;
	struct iommufd_iova_map *map;
	struct mutex lock;
	struct list_head hwpts;
};

struct iommufd_ioas *iommufd_ioas_alloc(struct iommufd_ctx *ctx);
struct iommufd_ioas *iommufd_ioas_get(struct iommufd_ctx *ctx, u32 id);
void iommufd_ioas_destroy(struct iommufd_object *obj);

/**
 * struct iommufd_map_request - what the calls that map memory have in common
 * @flags: mask of IOMMU_IOAS_MAP_*
 * @length: number of bytes
 * @pinned: only if the map has a domain to pin the memory for
 * @iova: where, in the call's argument
 */
struct iommufd_map_request {
	u32 flags;
	u64 length;
	bool pinned;
	__aligned_u64 *iova;
};

struct iommufd_store *iommufd_ioas_user_store(struct iommufd_ctx *ctx,
					      u64 user_va, u64 length,
					      int prot);
int iommufd_ioas_check_map(const struct iommufd_map_request *request);
int iommufd_ioas_map_store(struct iommufd_call *call, struct iommufd_ioas *ioas,
			   struct iommufd_store *store,
			   const struct iommufd_map_request *request);

#endif /* __IOMMUFD_IOAS_H */
