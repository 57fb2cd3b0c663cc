// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges that are locked in place for a queue of the hardware.
 *
 * Hardware reads a queue in the memory of a guest by its physical address, behind the
 * back of every domain. So the memory must be contiguous, and the range must lead to
 * the same memory as long as the hardware works. In-kernel users are asked to unpin,
 * but a queue cannot be taken away without its owner.
 *
 * A lock is a pin whose areas count it in @nr_locks, from before the memory is pinned
 * until it is unpinned. Removals and splits refuse such areas before they claim one,
 * and claimed areas cannot be locked, so an area is never both. No task waits for
 * a lock to end, and the end wakes none.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "map/map_private.h"
#include "map/pin.h"
#include "store/account.h"

/* How much memory is looked at before a fatal signal is noticed, in bytes */
#define STEP_BYTES SZ_1G

/**
 * struct iommufd_map_lock - a range that is locked in place
 * @map: the map; a reference
 * @pin: the range
 */
struct iommufd_map_lock {
	struct iommufd_iova_map *map;
	struct iommufd_pin *pin;
};

static void count_lock(struct iommufd_pin *pin)
{
	unsigned int i;

	for (i = 0; i < pin->nr_pieces; i++) {
		pin->pieces[i].area->nr_locks++;
		if (i)
			cond_resched();
	}
}

static void uncount_lock(struct iommufd_pin *pin)
{
	unsigned int i;

	for (i = 0; i < pin->nr_pieces; i++) {
		pin->pieces[i].area->nr_locks--;
		if (i)
			cond_resched();
	}
}

/* Prolong @sum by the memory of a piece, if that begins where @sum ends */
static int add_piece(const struct iommufd_pin *pin,
		     const struct iommufd_pin_piece *piece, struct iommu_run *sum)
{
	unsigned long left = iommufd_pin_bytes(pin, piece), len;
	u64 offset = iommufd_pin_offset(pin, piece);
	struct iommufd_run_iter iter;
	struct iommu_run run;

	for (; left; left -= len, offset += len) {
		if (fatal_signal_pending(current))
			return -EINTR;
		len = min_t(unsigned long, left, STEP_BYTES);
		iommufd_run_iter_init(&iter, piece->area->store, &piece->hold,
				      offset, len);
		iommufd_run_iter_next(&iter, &run, 1);
		if (run.len != len)
			return -EFAULT;
		if (!sum->len)
			sum->phys = run.phys;
		else if (run.phys != sum->phys + sum->len)
			return -EFAULT;
		sum->len += len;
		cond_resched();
	}
	return 0;
}

static int find_memory(const struct iommufd_pin *pin, phys_addr_t *phys)
{
	struct iommu_run sum = {};
	unsigned int i;
	int err;

	for (i = 0; i < pin->nr_pieces; i++) {
		err = add_piece(pin, &pin->pieces[i], &sum);
		if (err)
			return err;
	}
	*phys = sum.phys;
	return 0;
}

static int hold_contiguous(struct iommufd_pin *pin, phys_addr_t *phys)
{
	struct iommufd_refunds refunds = {};
	int err;

	err = iommufd_pin_hold(pin, &refunds);
	if (!err) {
		err = find_memory(pin, phys);
		if (err)
			iommufd_pin_release(pin, &refunds);
	}
	iommufd_refunds_settle(&refunds);
	return err;
}

/* Make a pin whose areas are locked. Nothing is pinned yet */
static struct iommufd_pin *begin_lock(struct iommufd_iova_map *map,
				      unsigned long iova, unsigned long last)
{
	struct iommufd_pin *pin;

	mutex_lock(&map->lock);
	pin = iommufd_pin_prepare(map, iova, last, IOMMU_READ, PIN_RULE_LOCK);
	if (!IS_ERR(pin))
		count_lock(pin);
	mutex_unlock(&map->lock);
	return pin;
}

static void end_lock(struct iommufd_iova_map *map, struct iommufd_pin *pin)
{
	mutex_lock(&map->lock);
	uncount_lock(pin);
	mutex_unlock(&map->lock);
	kvfree(pin);
}

/**
 * iommufd_map_lock_range() - pin contiguous memory, and keep it mapped
 * @map: map that the caller keeps from being destroyed until the unlock
 * @iova: first IOVA of the range in bytes, anywhere in a page
 * @length_bytes: length of the range
 * @phys: set to the physical address of the first byte on success
 *
 * Until iommufd_map_unlock_range() the areas of the range can be neither unmapped nor
 * split.
 *
 * Context: may sleep, as long as page faults of the memory take.
 * Return: the lock; ERR_PTR: -EINVAL for a length of 0, for the memory of a dma-buf,
 * and where IOVA and memory differ in their offset within a page; -EOVERFLOW when the
 * range wraps; -ENOENT when it is not mapped throughout, or is being unmapped; -EPERM
 * when a mapping is not readable; -EFAULT when the memory is not contiguous, or from
 * pinning; -EINTR on a fatal signal; -ENOMEM. On error nothing is pinned.
 */
struct iommufd_map_lock *iommufd_map_lock_range(struct iommufd_iova_map *map,
						unsigned long iova,
						unsigned long length_bytes,
						phys_addr_t *phys)
{
	struct iommufd_map_lock *lock;
	unsigned long last;
	int err;

	if (!length_bytes)
		return ERR_PTR(-EINVAL);
	if (check_add_overflow(iova, length_bytes - 1, &last))
		return ERR_PTR(-EOVERFLOW);
	lock = kmalloc(sizeof(*lock), GFP_KERNEL_ACCOUNT);
	if (!lock)
		return ERR_PTR(-ENOMEM);
	lock->pin = begin_lock(map, iova, last);
	if (IS_ERR(lock->pin)) {
		err = PTR_ERR(lock->pin);
		goto err_free;
	}
	err = hold_contiguous(lock->pin, phys);
	if (err)
		goto err_end;
	lock->map = iommufd_map_get(map);
	return lock;

err_end:
	end_lock(map, lock->pin);
err_free:
	kfree(lock);
	return ERR_PTR(err);
}

/**
 * iommufd_map_unlock_range() - undo iommufd_map_lock_range()
 * @lock: the lock; the hardware does not access its memory any more
 *
 * Context: may sleep.
 */
void iommufd_map_unlock_range(struct iommufd_map_lock *lock)
{
	struct iommufd_refunds refunds = {};

	iommufd_pin_release(lock->pin, &refunds);
	end_lock(lock->map, lock->pin);
	iommufd_refunds_settle(&refunds);
	iommufd_map_put(lock->map);
	kfree(lock);
}
