// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOVAs that a fuzzer can guess: the number of a mapping and an offset in it.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/sched.h>

#include "ioas.h"
#include "map/map_private.h"
#include "mock/calls.h"
#include "test_hooks.h"

/**
 * mock_guessed_iova() - turn the number of a mapping into an IOVA
 * @ioas: address space
 * @iova: in: number of the mapping, upwards from 0, in the lower half, offset
 *	  in it in bytes in the upper half; out: the IOVA. The offset may be beyond
 *	  the end of the mapping
 *
 * Context: may sleep.
 * Return: 0; -ENOENT without such a mapping; -EOVERFLOW.
 */
int mock_guessed_iova(struct iommufd_ioas *ioas, u64 *iova)
{
	u32 nth = lower_32_bits(*iova), offset = upper_32_bits(*iova);
	struct iommufd_iova_map *map = ioas->map;
	struct iommufd_area *area;
	int err = -ENOENT;

	mutex_lock(&map->lock);
	area = iommufd_area_at_or_behind(&map->areas, 0);
	while (area && nth--) {
		area = iommufd_area_next(area);
		cond_resched();
	}
	if (area)
		err = check_add_overflow((u64)area->start, (u64)offset, iova) ?
		      -EOVERFLOW : 0;
	mutex_unlock(&map->lock);
	return err;
}
