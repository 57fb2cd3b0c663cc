/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Selftest objects: mock devices that a context binds for itself.
 */
#ifndef __MOCK_SELFTEST_H
#define __MOCK_SELFTEST_H

#include <linux/types.h>

#include "object.h"

struct iommufd_ctx;
struct iommufd_device;
struct mock_dev;

/**
 * struct mock_selftest - a mock device with its attachments
 * @obj: common head
 * @mdev: the device
 * @idev: its binding
 * @ctx: context it is bound to, which owns it
 */
struct mock_selftest {
	struct iommufd_object obj;
	struct mock_dev *mdev;
	struct iommufd_device *idev;
	struct iommufd_ctx *ctx;
};

struct mock_selftest *mock_selftest_get(struct iommufd_ctx *ctx, u32 id);

#endif /* __MOCK_SELFTEST_H */
