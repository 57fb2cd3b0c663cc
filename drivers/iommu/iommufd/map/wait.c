// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for other tasks that change a map, and waking those that wait. A map has
 * one queue of waiting tasks; Documentation/driver-api/iommufd/iova_map.rst lists
 * what each waits for, and which change wakes it.
 */
#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "map/map_private.h"

#ifdef CONFIG_LOCKDEP
static struct lock_class_key busy_key;
struct lockdep_map iommufd_busy_dep_map =
	STATIC_LOCKDEP_MAP_INIT("iommufd_busy", &busy_key);
#endif

/* Tell lockdep that no lock of the caller may be needed to end its wait */
static void begin_wait(struct iommufd_iova_map *map)
{
	map->nr_waiters++;
	mutex_unlock(&map->lock);
	iommufd_begin_work();
	iommufd_end_work();
}

static void end_wait(struct iommufd_iova_map *map)
{
	mutex_lock(&map->lock);
	map->nr_waiters--;
}

static bool has_changed(const struct iommufd_iova_map *map, unsigned long since)
{
	/* Pairs with WRITE_ONCE() in iommufd_map_wake_all() */
	return READ_ONCE(map->changes) != since;
}

/**
 * iommufd_map_wait() - wait for a change that a waiter may need
 * @map: the map
 *
 * The caller looks again at what it is waiting for.
 *
 * Context: the map's lock is held; it is dropped and taken again.
 * Return: 0, or -EINTR on a fatal signal.
 */
int iommufd_map_wait(struct iommufd_iova_map *map)
{
	unsigned long since = map->changes;
	int err;

	begin_wait(map);
	err = wait_event_killable(map->waiters, has_changed(map, since));
	end_wait(map);
	return err ? -EINTR : 0;
}

/**
 * iommufd_map_wait_until() - the same, but not for ever
 * @map: the map
 * @until: when to return at the latest, in jiffies
 *
 * Context: the map's lock is held; it is dropped and taken again.
 * Return: 0, or -EINTR on a fatal signal.
 */
int iommufd_map_wait_until(struct iommufd_iova_map *map, unsigned long until)
{
	unsigned long since = map->changes;
	long left = until - jiffies;

	if (left <= 0)
		return fatal_signal_pending(current) ? -EINTR : 0;
	begin_wait(map);
	left = wait_event_killable_timeout(map->waiters,
					   has_changed(map, since), left);
	end_wait(map);
	return left < 0 ? -EINTR : 0;
}

/**
 * iommufd_map_wait_uninterruptible_until() - the same for callers that cannot fail
 * @map: the map
 * @until: when to return at the latest, in jiffies
 *
 * Context: the map's lock is held; it is dropped and taken again.
 */
void iommufd_map_wait_uninterruptible_until(struct iommufd_iova_map *map,
					    unsigned long until)
{
	unsigned long since = map->changes;
	long left = until - jiffies;

	if (left <= 0)
		return;
	begin_wait(map);
	wait_event_timeout(map->waiters, has_changed(map, since), left);
	end_wait(map);
}

/**
 * iommufd_map_wait_uninterruptible() - the same for as long as it takes
 * @map: the map
 *
 * Context: the map's lock is held; it is dropped and taken again.
 */
void iommufd_map_wait_uninterruptible(struct iommufd_iova_map *map)
{
	unsigned long since = map->changes;

	begin_wait(map);
	wait_event(map->waiters, has_changed(map, since));
	end_wait(map);
}

/**
 * iommufd_map_wake_all() - wake all waiters of a map to look again
 * @map: the map
 *
 * Context: the map's lock is held.
 */
void iommufd_map_wake_all(struct iommufd_iova_map *map)
{
	lockdep_assert_held(&map->lock);
	WRITE_ONCE(map->changes, map->changes + 1);
	wake_up_all(&map->waiters);
}
