/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In-kernel users of an address space.
 */
#ifndef __IOMMUFD_ACCESS_H
#define __IOMMUFD_ACCESS_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include "object.h"

struct iommufd_access_ops;
struct iommufd_ctx;
struct iommufd_ioas;
struct iommufd_map_user;

/**
 * struct iommufd_access - a driver that uses memory of an address space
 * @obj: common head; the driver is a user of it
 * @ctx: context; holds a reference
 * @ops: what the driver offers
 * @data: for the ops
 * @lock: protects the fields below
 * @changing: a task attaches, replaces or detaches, and only it may change the
 *	      two below
 * @ioas: address space it is attached to; holds a user. NULL: none
 * @user: its user of the address space's map; a reference
 */
struct iommufd_access {
	struct iommufd_object obj;
	struct iommufd_ctx *ctx;
	const struct iommufd_access_ops *ops;
	void *data;
	spinlock_t lock; /* fields below */
	bool changing;
	struct iommufd_ioas *ioas;
	struct iommufd_map_user *user;
};

void iommufd_access_object_destroy(struct iommufd_object *obj);
u32 iommufd_access_ioas_id(struct iommufd_access *access);

#endif /* __IOMMUFD_ACCESS_H */
