/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sorting of arrays whose length user space chose.
 */
#ifndef __IOMMUFD_SORT_H
#define __IOMMUFD_SORT_H

#include <linux/types.h>

/* Words of an element of @array, for iommufd_sort() */
#define IOMMUFD_SORT_WIDTH(array) \
	(sizeof(*(array)) / sizeof(unsigned long))

int iommufd_sort(void *array, size_t nr, size_t width,
		 int (*compare)(const void *a, const void *b));

#endif /* __IOMMUFD_SORT_H */
