/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Membership: which areas of a map a domain has.
 *
 * Domains are filled and drained upwards, so an interval of IOVAs and a sequence
 * number say it of all areas at once. A bit for each pair of an area and a domain
 * would take memory whenever a domain comes, and an unmap would have to look at all
 * domains of each area.
 */
#ifndef __IOMMUFD_MAP_MEMBERS_H
#define __IOMMUFD_MAP_MEMBERS_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "map/area.h"

/**
 * struct members - which areas a domain has, by the time of members_of()
 * @first: lowest IOVA at which they start
 * @last: highest one, inclusive
 * @before_seq: their numbers are lower; 0: there are none
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
