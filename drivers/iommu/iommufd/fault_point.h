/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Places where tests can make iommufd fail that allocations do not reach.
 */
#ifndef __IOMMUFD_FAULT_POINT_H
#define __IOMMUFD_FAULT_POINT_H

#include <linux/types.h>

#if defined(CONFIG_IOMMUFD_TEST) && defined(CONFIG_FAULT_INJECTION)

bool iommufd_fault_point(void);

#else

static inline bool iommufd_fault_point(void)
{
	return false;
}

#endif

#endif /* __IOMMUFD_FAULT_POINT_H */
