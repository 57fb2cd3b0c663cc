// SPDX-License-Identifier: GPL-2.0-only
/*
 * In-kernel users of the memory of a map.
 *
 * A user pins ranges of IOVAs, or copies from and to them. A pin consists of
 * a hold of its own for each area that it covers, so it depends on no domain.
 *
 * Pinning and copying happen without the map's lock. An area in which a user pins
 * or copies, or has pins, counts that in @nr_pins and cannot be removed. Otherwise
 * it can be used by all tasks, busy or not.
 *
 *	user			remover of an area
 *	----			------------------
 *	counts itself		claims it: new users are refused
 *	pins, copies		calls the unmap op of all that have pins there,
 *	stops counting itself	again and again, until @nr_pins is 0
 *
 * A task that pins or copies waits for the memory only, and a remover owns no busy
 * area while it waits.
 *
 * Removers, and users that leave, are woken
 *
 * - when an area is counted less (uncount_pieces(), copy_in_area()): all of them,
 *   since it is not known which of them waits for that area;
 * - when there is a new pin that one of them has not asked for (add_pin()): only if
 *   an area of it is claimed or its user leaves, or each pin would wake all tasks;
 * - when a call of a user ends that leaves (end_call()): only a leaving user waits
 *   for that.
 */
#include <linux/err.h>
#include <linux/interval_tree_generic.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "map/map_private.h"
#include "map/pin.h"
#include "store/account.h"
#include "test_hooks.h"

/* Runs that are turned into pages at a time; they stand on the stack */
#define PAGE_RUNS 16

/* How long a task waits for users that were asked to unpin, in jiffies */
#define UNPIN_TIMEOUT (10 * HZ)

/* How long before they are asked again, unless there are new pins */
#define REQUEST_INTERVAL (HZ / 10)

/**
 * struct iommufd_map_user - an in-kernel user of a map
 * @refs: references; each keeps the memory of this struct and of the map
 * @map: the map
 * @ops: what the user offers; without an unmap op it cannot pin
 * @data: for the ops
 * @list: place in the map's list
 * @constraint: what pins need of all areas; in force while it has an unmap op and is
 *		in the map's list
 * @pins: interval tree of &struct iommufd_pin
 * @nr_calls: pins, copies and calls of an op that are on their way
 * @leaving: it gets no new pins
 *
 * @list, @pins, @nr_calls and @leaving change under the map's lock.
 */
struct iommufd_map_user {
	refcount_t refs;
	struct iommufd_iova_map *map;
	const struct iommufd_access_ops *ops;
	void *data;
	struct list_head list;
	struct iommufd_constraint constraint;
	struct rb_root_cached pins;
	unsigned int nr_calls;
	bool leaving;
};

#define pin_start(pin) ((pin)->start)
#define pin_last(pin) ((pin)->last)
INTERVAL_TREE_DEFINE(struct iommufd_pin, node, unsigned long, subtree_last, pin_start,
		     pin_last, static inline, pin_tree);

static int prot_for(unsigned int flags)
{
	return flags & IOMMUFD_ACCESS_WRITE ? IOMMU_WRITE : IOMMU_READ;
}

static int last_of_range(unsigned long iova, unsigned long length_bytes,
			 unsigned long *last)
{
	if (!length_bytes)
		return -EINVAL;
	if (check_add_overflow(iova, length_bytes - 1, last))
		return -EOVERFLOW;
	return 0;
}

/* Pins */

static void count_pieces(struct iommufd_pin *pin)
{
	unsigned int i;

	for (i = 0; i < pin->nr_pieces; i++) {
		pin->pieces[i].area->nr_pins++;
		if (i)
			cond_resched();
	}
}

static void uncount_pieces(struct iommufd_pin *pin, struct iommufd_map_user *user)
{
	unsigned int i;

	for (i = 0; i < pin->nr_pieces; i++) {
		pin->pieces[i].area->nr_pins--;
		if (i)
			cond_resched();
	}
	iommufd_map_wake(user->map);
}

/* Does a task wait that must ask the user for this new pin, too? */
static bool is_late(const struct iommufd_pin *pin, const struct iommufd_map_user *user)
{
	unsigned int i;

	if (user->leaving)
		return true;
	for (i = 0; i < pin->nr_pieces; i++) {
		if (pin->pieces[i].area->remover)
			return true;
		if (i)
			cond_resched();
	}
	return false;
}

static void add_pin(struct iommufd_pin *pin, struct iommufd_map_user *user)
{
	struct iommufd_iova_map *map = user->map;

	pin_tree_insert(pin, &user->pins);
	map->nr_kernel_pins++;
	if (is_late(pin, user)) {
		map->nr_late_pins++;
		iommufd_map_wake(map);
	}
}

/* Make a pin whose areas stay. Nothing is pinned yet */
static struct iommufd_pin *begin_pin(struct iommufd_map_user *user, unsigned long iova,
				     unsigned long last, unsigned int flags)
{
	struct iommufd_iova_map *map = user->map;
	struct iommufd_pin *pin;

	mutex_lock(&map->lock);
	pin = iommufd_pin_prepare(map, iova, last, prot_for(flags),
				  PIN_RULE_PAGES);
	/* The lock may have been dropped */
	if (user->leaving) {
		mutex_unlock(&map->lock);
		if (!IS_ERR(pin))
			kvfree(pin);
		return ERR_PTR(-ENOENT);
	}
	if (!IS_ERR(pin)) {
		count_pieces(pin);
		user->nr_calls++;
	}
	mutex_unlock(&map->lock);
	return pin;
}

static struct page **list_run(const struct iommu_run *run, struct page **pages)
{
	unsigned long pfn = run->phys >> PAGE_SHIFT;
	unsigned long last = (run->phys + run->len - 1) >> PAGE_SHIFT;

	for (; pfn <= last; pfn++)
		*pages++ = pfn_to_page(pfn);
	return pages;
}

static void list_pages(struct iommufd_pin *pin, struct page **pages)
{
	struct iommu_run runs[PAGE_RUNS];
	struct iommufd_run_iter iter;
	struct iommufd_pin_piece *piece;
	unsigned int i, k, nr;

	for (i = 0; i < pin->nr_pieces; i++) {
		piece = &pin->pieces[i];
		iommufd_run_iter_init(&iter, piece->area->store, &piece->hold,
				      iommufd_pin_offset(pin, piece),
				      iommufd_pin_bytes(pin, piece));
		while ((nr = iommufd_run_iter_next(&iter, runs, PAGE_RUNS)))
			for (k = 0; k < nr; k++)
				pages = list_run(&runs[k], pages);
		cond_resched();
	}
}

/* Only iommufd_map_remove_user() waits for that */
static void end_call(struct iommufd_map_user *user)
{
	user->nr_calls--;
	if (user->leaving)
		iommufd_map_wake(user->map);
}

/**
 * iommufd_map_pin() - pin the memory behind a range
 * @user: user that has an unmap op
 * @iova: first IOVA of the range in bytes, at the start of a page of the memory
 * @length_bytes: length of the range; it may end inside of a page
 * @pages: receives each page; NULL when they are not wanted
 * @flags: IOMMUFD_ACCESS_WRITE, or 0 for memory that is only read
 *
 * Context: may sleep, as long as page faults of the memory take.
 * Return: 0; -EINVAL for a length of 0, for a start inside of a page, for the
 * memory of a dma-buf and for what is being unmapped; -EOVERFLOW when the range
 * wraps; -ENOENT when it is not mapped throughout, or the user is leaving;
 * -EPERM when the mapping does not permit it; -EINTR on a fatal signal; -EFAULT
 * or -ENOMEM from pinning. On error nothing is pinned.
 */
int iommufd_map_pin(struct iommufd_map_user *user, unsigned long iova,
		    unsigned long length_bytes, struct page **pages,
		    unsigned int flags)
{
	struct iommufd_iova_map *map = user->map;
	struct iommufd_refunds refunds = {};
	unsigned long last;
	struct iommufd_pin *pin;
	int err;

	err = last_of_range(iova, length_bytes, &last);
	if (err)
		return err;
	pin = begin_pin(user, iova, last, flags);
	if (IS_ERR(pin))
		return PTR_ERR(pin);

	err = iommufd_pin_hold(pin, &refunds);
	if (!err && pages)
		list_pages(pin, pages);

	mutex_lock(&map->lock);
	if (err)
		uncount_pieces(pin, user);
	else
		add_pin(pin, user);
	end_call(user);
	mutex_unlock(&map->lock);
	iommufd_refunds_settle(&refunds);
	if (err)
		kvfree(pin);
	return err;
}

/* The tree is ordered by the pins' starts */
static struct iommufd_pin *first_pin_from(struct iommufd_map_user *user,
					  unsigned long start)
{
	struct rb_node *node = user->pins.rb_root.rb_node;
	struct iommufd_pin *pin, *found = NULL;

	while (node) {
		pin = rb_entry(node, struct iommufd_pin, node);
		if (pin->start >= start) {
			found = pin;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

static struct iommufd_pin *find_pin(struct iommufd_map_user *user, unsigned long start,
				    unsigned long last)
{
	struct iommufd_pin *found = first_pin_from(user, start);

	while (found && found->start == start && found->last != last)
		found = rb_entry_safe(rb_next(&found->node), struct iommufd_pin, node);
	return found && found->start == start ? found : NULL;
}

/**
 * iommufd_map_unpin() - undo one iommufd_map_pin()
 * @user: the user
 * @iova: as it was pinned
 * @length_bytes: as it was pinned
 *
 * Several pins of the same range are alike: one of them is dropped.
 *
 * Context: may sleep.
 */
void iommufd_map_unpin(struct iommufd_map_user *user, unsigned long iova,
		       unsigned long length_bytes)
{
	struct iommufd_iova_map *map = user->map;
	struct iommufd_refunds refunds = {};
	struct iommufd_pin *pin;

	mutex_lock(&map->lock);
	pin = find_pin(user, iova, iova + length_bytes - 1);
	if (WARN_ON_ONCE(!pin)) {
		mutex_unlock(&map->lock);
		return;
	}
	pin_tree_remove(pin, &user->pins);
	map->nr_kernel_pins--;
	user->nr_calls++;
	mutex_unlock(&map->lock);

	iommufd_pin_release(pin, &refunds);

	mutex_lock(&map->lock);
	uncount_pieces(pin, user);
	end_call(user);
	mutex_unlock(&map->lock);
	iommufd_refunds_settle(&refunds);
	kvfree(pin);
}

/* Copies */

static int check_copy(struct iommufd_map_user *user, unsigned long iova,
		      unsigned long last, unsigned int flags)
{
	if (user->leaving)
		return -ENOENT;
	return iommufd_pin_judge(user->map, iova, last, prot_for(flags),
				 PIN_RULE_COPY);
}

static int copy_in_area(struct iommufd_map_user *user,
			struct iommufd_area *area, unsigned long iova,
			void *data, size_t len, unsigned int flags)
{
	struct iommufd_iova_map *map = user->map;
	int err;

	area->nr_pins++;
	mutex_unlock(&map->lock);
	err = iommufd_store_copy(area->store,
				 area->offset_bytes + (iova - area->start),
				 data, len, flags & IOMMUFD_ACCESS_WRITE,
				 flags & IOMMUFD_ACCESS_SLOW);
	mutex_lock(&map->lock);
	area->nr_pins--;
	iommufd_map_wake(map);
	return err;
}

static int copy_range(struct iommufd_map_user *user, unsigned long iova,
		      unsigned long last, void *data, unsigned int flags)
{
	struct iommufd_area *area;
	unsigned long end;
	int err;

	err = check_copy(user, iova, last, flags);
	for (;;) {
		if (err < 0)
			return err;
		area = iommufd_area_at_or_behind(&user->map->areas, iova);
		end = min(area->last, last);
		err = copy_in_area(user, area, iova, data, end - iova + 1,
				   flags);
		if (err || end == last)
			return err;
		data += end - iova + 1;
		iova = end + 1;
		/* There was no lock meanwhile. The rest is judged piece by piece */
		err = check_copy(user, iova, iova, flags);
	}
}

/**
 * iommufd_map_rw() - copy from or to the memory behind a range
 * @user: the user
 * @iova: first IOVA of the range in bytes
 * @data: the other side of the copy
 * @length_bytes: number of bytes
 * @flags: mask of IOMMUFD_ACCESS_*
 *
 * Context: may sleep, as long as page faults of the memory take.
 * Return: 0; -EINVAL for a length of 0 and for the memory of a dma-buf;
 * -EOVERFLOW when the range wraps; -ENOENT when it is not mapped throughout, or
 * the user is leaving; -EPERM when the mapping does not permit it; -EFAULT when
 * there is no memory; -EINTR on a fatal signal; -ENOMEM. A part may have been
 * copied then.
 */
int iommufd_map_rw(struct iommufd_map_user *user, unsigned long iova,
		   void *data, unsigned long length_bytes, unsigned int flags)
{
	struct iommufd_iova_map *map = user->map;
	unsigned long last;
	int err;

	err = last_of_range(iova, length_bytes, &last);
	if (err)
		return err;
	mutex_lock(&map->lock);
	user->nr_calls++;
	err = copy_range(user, iova, last, data, flags);
	end_call(user);
	mutex_unlock(&map->lock);
	return err;
}

/* Asking users to unpin */

static void call_unmap(struct iommufd_map_user *user, unsigned long iova,
		       unsigned long length_bytes)
{
	struct iommufd_iova_map *map = user->map;

	mutex_unlock(&map->lock);
	user->ops->unmap(user->data, iova, length_bytes);
	mutex_lock(&map->lock);
}

/* The first pin that meets an interval and begins at or behind @from */
static struct iommufd_pin *next_pin(struct iommufd_map_user *user, unsigned long start,
				    unsigned long last, unsigned long from)
{
	struct iommufd_pin *pin;

	if (from > start) {
		pin = first_pin_from(user, from);
		return pin && pin->start <= last ? pin : NULL;
	}
	/* Those that begin before the interval are few */
	pin = pin_tree_iter_first(&user->pins, start, last);
	while (pin && pin->start < from)
		pin = pin_tree_iter_next(pin, start, last);
	return pin;
}

/*
 * Ask a user for its pins in an interval, pin by pin: drivers walk over the pages
 * they are asked for, or look for a pin that begins with the interval. Returns
 * whether there was one. The user must stay, as the lock is dropped.
 */
static bool request_from_user(struct iommufd_map_user *user,
			      unsigned long start, unsigned long last)
{
	unsigned long from = 0;
	bool any = false;
	struct iommufd_pin *pin;

	while ((pin = next_pin(user, start, last, from))) {
		any = true;
		from = pin->start + 1;
		call_unmap(user, pin->start, pin->last - pin->start + 1);
		if (!from)
			break;
		cond_resched();
	}
	return any;
}

/**
 * iommufd_users_request_unpin() - ask all users of an area to unpin it
 * @map: the map
 * @area: area that the caller has claimed
 *
 * Context: the map's lock is held; it is dropped and taken again.
 * Return: whether any user had it pinned.
 */
bool iommufd_users_request_unpin(struct iommufd_iova_map *map,
				 const struct iommufd_area *area)
{
	struct iommufd_map_user *user;
	bool any = false;

	lockdep_assert_held(&map->lock);
	list_for_each_entry(user, &map->users, list) {
		if (!pin_tree_iter_first(&user->pins, area->start, area->last))
			continue;
		user->nr_calls++;	/* it stays in the list */
		any |= request_from_user(user, area->start, area->last);
		end_call(user);
	}
	return any;
}

/**
 * iommufd_users_begin_request() - is it time to ask users to unpin
 * @map: the map
 * @request: what the caller knows of those that it asked before
 *
 * Context: the map's lock is held.
 * Return: whether the caller shall ask, and call iommufd_users_end_request().
 */
bool iommufd_users_begin_request(struct iommufd_iova_map *map,
				 struct iommufd_unpin_request *request)
{
	lockdep_assert_held(&map->lock);
	/* Not at each wake: two tasks that ask the same user wake each other */
	if (request->asked && request->nr_late_pins == map->nr_late_pins &&
	    time_before(jiffies, request->asked_at + REQUEST_INTERVAL))
		return false;
	request->nr_late_pins = map->nr_late_pins;
	return true;
}

/**
 * iommufd_users_end_request() - remember that users were asked
 * @request: what the caller knows of them
 * @asked: whether there were any
 *
 * Context: any.
 */
void iommufd_users_end_request(struct iommufd_unpin_request *request, bool asked)
{
	request->asked_at = jiffies;
	if (asked && !request->asked)
		request->deadline = request->asked_at + UNPIN_TIMEOUT;
	request->asked = asked;
}

/**
 * iommufd_users_wait_unpin() - wait for what was asked for, and for what is busy
 * @map: the map
 * @request: what the caller knows of those that it asked
 *
 * Context: the map's lock is held; it may be dropped and taken again.
 * Return: 0 when it is time to look again; -EINTR on a fatal signal; -EDEADLOCK
 * when users have been asked long enough.
 */
int iommufd_users_wait_unpin(struct iommufd_iova_map *map,
			     const struct iommufd_unpin_request *request)
{
	lockdep_assert_held(&map->lock);
	/* It was made while the lock was dropped, and its user was not asked */
	if (request->nr_late_pins != map->nr_late_pins)
		return 0;
	if (!request->asked)
		return iommufd_map_wait(map);
	if (time_after_eq(request->asked_at, request->deadline))
		return -EDEADLOCK;
	return iommufd_map_wait_until(map, request->asked_at + REQUEST_INTERVAL);
}

/* Coming and going */

static void free_user(struct iommufd_map_user *user)
{
	iommufd_map_put(user->map);
	kfree(user);
}

/**
 * iommufd_map_add_user() - become a user of a map
 * @map: the map
 * @ops: what the user offers. With an unmap op all mappings are kept aligned
 *	 to PAGE_SIZE from now on
 * @data: for the ops
 *
 * Context: may sleep.
 * Return: the user, with a reference for iommufd_map_user_put(); ERR_PTR:
 * -EADDRINUSE when a mapping is not aligned, -ENOMEM.
 */
struct iommufd_map_user *iommufd_map_add_user(struct iommufd_iova_map *map,
					      const struct iommufd_access_ops *ops,
					      void *data)
{
	struct iommufd_map_user *user;
	int err = 0;

	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user)
		return ERR_PTR(-ENOMEM);
	refcount_set(&user->refs, 1);
	user->map = iommufd_map_get(map);
	user->ops = ops;
	user->data = data;
	user->pins = RB_ROOT_CACHED;
	iommufd_constraint_of_pages(&user->constraint);

	mutex_lock(&map->lock);
	if (ops->unmap)
		err = iommufd_space_constrain(map, &user->constraint);
	if (!err)
		list_add_tail(&user->list, &map->users);
	mutex_unlock(&map->lock);
	if (err) {
		free_user(user);
		return ERR_PTR(err);
	}
	return user;
}

static void request_all(struct iommufd_map_user *user,
			struct iommufd_unpin_request *request)
{
	if (iommufd_users_begin_request(user->map, request))
		iommufd_users_end_request(request,
					  request_from_user(user, 0, ULONG_MAX));
}

/* As iommufd_users_wait_unpin(), for callers that cannot fail */
static void wait_uninterruptible(struct iommufd_iova_map *map,
				 const struct iommufd_unpin_request *request)
{
	if (request->nr_late_pins != map->nr_late_pins)
		return;
	if (request->asked)
		iommufd_map_wait_uninterruptible_until(map, request->asked_at +
						       REQUEST_INTERVAL);
	else
		iommufd_map_wait_uninterruptible(map);
}

static int wait_until_unused(struct iommufd_map_user *user, bool must)
{
	struct iommufd_iova_map *map = user->map;
	struct iommufd_unpin_request request = {};
	int err = 0;

	for (;;) {
		request_all(user, &request);
		if (RB_EMPTY_ROOT(&user->pins.rb_root) && !user->nr_calls)
			return 0;
		if (must)
			wait_uninterruptible(map, &request);
		else
			err = iommufd_users_wait_unpin(map, &request);
		if (err)
			return err;
	}
}

/**
 * iommufd_map_remove_user() - stop being a user
 * @user: the user
 * @must: wait for as long as it takes
 *
 * Asks for all pins through the unmap op. When this succeeds the user uses the
 * map no more, and all its calls return -ENOENT.
 *
 * Context: may sleep; not from within the unmap op; does not overlap with
 * itself.
 * Return: 0; without @must -EINTR on a fatal signal and -EDEADLOCK when pins
 * stay: then the user can go on.
 */
int iommufd_map_remove_user(struct iommufd_map_user *user, bool must)
{
	struct iommufd_iova_map *map = user->map;
	int err;

	mutex_lock(&map->lock);
	user->leaving = true;
	err = wait_until_unused(user, must);
	if (err) {
		user->leaving = false;
	} else {
		list_del(&user->list);
		if (user->ops->unmap)
			iommufd_space_unconstrain(map, &user->constraint);
	}
	mutex_unlock(&map->lock);
	return err;
}

/**
 * iommufd_map_user_get() - take another reference
 * @user: the user
 *
 * Context: any.
 * Return: @user.
 */
struct iommufd_map_user *iommufd_map_user_get(struct iommufd_map_user *user)
{
	refcount_inc(&user->refs);
	return user;
}

/**
 * iommufd_map_user_put() - drop a reference
 * @user: user that has left when this is the last one
 *
 * Context: may sleep.
 */
void iommufd_map_user_put(struct iommufd_map_user *user)
{
	if (refcount_dec_and_test(&user->refs))
		free_user(user);
}
