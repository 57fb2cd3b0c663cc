/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Membership: which areas of a map a domain has.
 */
#ifndef __IOMMUFD_MAP_MEMBERS_H
#define __IOMMUFD_MAP_MEMBERS_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "map/area.h"

/**
 * struct members - which areas a domain has, by the time of members_of()
 * @first: lowest IOVA at which they start
 * @last: highest one, inclusive; below @first when there are none
 * @before_seq: their numbers are lower
 */
struct members {
	unsigned long first;
	unsigned long last;
	u64 before_seq;
};

static inline bool has_area(const struct members *m,
			    const struct iommufd_area *area)
{
	return area->start >= m->first && area->start <= m->last &&
	       area->seq < m->before_seq;
}

static inline bool is_present(const struct members *m,
			      const struct iommufd_area *area)
{
	return !area->absent && has_area(m, area);
}

#endif /* __IOMMUFD_MAP_MEMBERS_H */
