/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an xarray holds.
 */
#ifndef _IOMMU_XARRAY_H
#define _IOMMU_XARRAY_H

#include <linux/rcupdate.h>
#include <linux/xarray.h>

/**
 * iommu_xa_is_empty() - tell whether an xarray has no entry, reserved ones included
 * @xa: the xarray, whose entries the caller or its lock keeps from changing
 *
 * An insertion that needed several nodes and got memory for some of them fails and leaves
 * these behind. xa_empty() then returns false although there is no entry.
 *
 * Context: any.
 * Return: whether it has none.
 */
static inline bool iommu_xa_is_empty(struct xarray *xa)
{
	XA_STATE(xas, xa, 0);
	bool empty;

	rcu_read_lock();
	empty = !xas_find(&xas, ULONG_MAX);
	rcu_read_unlock();
	return empty;
}

#endif /* _IOMMU_XARRAY_H */
