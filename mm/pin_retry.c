// SPDX-License-Identifier: GPL-2.0-only
/*
 * The number of retries of a long-term pin.
 *
 * Pages that may not be pinned where they are (a movable zone, CMA) are isolated
 * from their LRU list and migrated, and then everything is pinned once more. Some
 * cannot be isolated at that moment: compaction, reclaim or another pin has
 * isolated them and has to put them back first. Some are isolated and cannot be
 * migrated, because they have another reference: of a process that shares them and
 * is just exiting, or of direct I/O. Others never can be, because they were never
 * on a list, like a buffer of CMA that its driver maps to user space, or because
 * they stay isolated or in use. The caller cannot distinguish these cases, so the
 * number of attempts is limited.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "internal.h"

/*
 * Waits of 1, 2, 4 ... 256 ms, and then of 256 ms each, ten seconds in all.
 * Compaction and reclaim isolate 32 pages at a time (COMPACT_CLUSTER_MAX,
 * SWAP_CLUSTER_MAX), and khugepaged and most pins no more than 512. Copying these
 * takes milliseconds. migrate_pages(2) and memory hotplug isolate all pages before
 * they migrate the first, which may be gigabytes and take seconds.
 */
#define LONGEST_WAIT_LG2	8	/* milliseconds */
#define NR_WAITS		(LONGEST_WAIT_LG2 + 1 + 37)

/**
 * retry_longterm_pin() - decide whether pages are pinned once more
 * @nr_retries: how often this has been asked for; 0 at first, counted here
 *
 * For callers of check_and_migrate_movable_pages() that got -EAGAIN. The first
 * retry is immediate, which suffices if all pages were migrated. Each further one
 * waits longer.
 *
 * Context: process context, sleeps; the caller may hold mmap_lock.
 * Return: -EAGAIN to try again; -EBUSY after the last attempt; -EINTR on a fatal
 * signal.
 */
int retry_longterm_pin(unsigned int *nr_retries)
{
	unsigned int nr = (*nr_retries)++;

	if (nr > NR_WAITS)
		return -EBUSY;
	if (nr)
		schedule_timeout_killable(msecs_to_jiffies(1U <<
					min(nr - 1, LONGEST_WAIT_LG2 + 0U)));
	return fatal_signal_pending(current) ? -EINTR : -EAGAIN;
}
