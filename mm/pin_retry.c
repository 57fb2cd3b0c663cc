// SPDX-License-Identifier: GPL-2.0-only
/*
 * How often a long-term pin is tried again.
 *
 * Pages that may not be pinned where they are (a movable zone, CMA) are taken
 * from their LRU list and moved, and then everything is pinned once more.  Some
 * cannot be taken at that moment: whoever else isolated them, compaction,
 * reclaim or another pin, has to put them back first.  Some are taken and cannot
 * be moved, because somebody else has a reference to them: a process that shares
 * them and is just ending, or direct I/O.  Others never can be, because they were
 * never on a list, like a buffer of CMA that its driver maps to user space, or
 * because somebody keeps them isolated, or in use.  From here they all look the
 * same, so only the number of attempts ends it.
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
 * SWAP_CLUSTER_MAX), and khugepaged and most pins no more than 512.  To copy so
 * much takes milliseconds.  migrate_pages(2) and memory hotplug isolate all that
 * they will move before they move any of it, which may be gigabytes and takes
 * seconds.
 */
#define LONGEST_WAIT_LG2	8	/* milliseconds */
#define NR_WAITS		(LONGEST_WAIT_LG2 + 1 + 37)

/**
 * retry_longterm_pin() - decide whether pages are pinned once more
 * @nr_retries: how often this has been asked for; 0 at first, counted here
 *
 * For callers of check_and_migrate_movable_pages() that were told -EAGAIN.  The
 * first retry comes at once, since that is what pages that were moved need.
 * Those behind it wait longer each time.
 *
 * Context: process context, sleeps; the caller may hold mmap_lock.
 * Return: -EAGAIN to try again; -EBUSY when that is in vain; -EINTR on a fatal
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
