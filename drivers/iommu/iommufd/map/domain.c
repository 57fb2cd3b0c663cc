// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains that mirror an IOVA map.
 *
 * Which areas a domain has follows from its cursor; nothing is stored for a pair of
 * an area and a domain; see members.h. While a task has set the busy bit of an
 * area, no domain gets or loses the area, and a domain that has it cannot go away.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "map/map_private.h"
#include "map/members.h"
#include "store/account.h"

/* Areas that a drain takes out of a domain with one flush */
#define DRAIN_BATCH 256

/**
 * enum map_domain_state - how much of a map a domain has
 * @DOMAIN_FILLING: the areas below the cursor
 * @DOMAIN_LIVE: all areas
 * @DOMAIN_DRAINING: the areas from the cursor to the limit that are older than
 *		     the drain
 */
enum map_domain_state {
	DOMAIN_FILLING,
	DOMAIN_LIVE,
	DOMAIN_DRAINING,
};

/**
 * struct map_domain - a domain that mirrors a map
 * @list: place in the map's list
 * @domain: the domain
 * @constraint: the IOVAs it can translate, and its smallest page
 * @state: how much of the map it has
 * @cursor: first IOVA that filling or draining has not passed yet
 * @limit: draining: last IOVA at which an area of it may start, inclusive
 * @seq: draining: areas with a lower number were there before
 *
 * All of it but the first three change under the map's lock.
 */
struct map_domain {
	struct list_head list;
	struct iommu_domain *domain;
	struct iommufd_constraint constraint;
	enum map_domain_state state;
	unsigned long cursor;
	unsigned long limit;
	u64 seq;
};

static struct members members_of(const struct map_domain *md)
{
	struct members m = { .last = ULONG_MAX, .before_seq = U64_MAX };

	if (md->state == DOMAIN_DRAINING) {
		m.first = md->cursor;
		m.last = md->limit;
		m.before_seq = md->seq;
	} else if (md->state == DOMAIN_FILLING) {
		m.last = md->cursor - 1;
		/* Nothing is below 0 */
		if (!md->cursor)
			m.before_seq = 0;
	}
	return m;
}

static noinline struct iommufd_area *next_member(const struct members *m,
						 struct iommufd_area *chain)
{
	do {
		chain = iommufd_area_next_in_chain(chain);
	} while (chain && !has_area(m, chain));
	return chain;
}

/* Nearly all domains have all areas */
static inline struct iommufd_area *first_member(const struct members *m,
						struct iommufd_area *chain)
{
	if (!chain || likely(has_area(m, chain)))
		return chain;
	return next_member(m, chain);
}

/* next_domain(), if @md or one behind it is the next one */
static noinline struct map_domain *skip_domains(struct iommufd_iova_map *map,
						struct map_domain *md,
						struct iommufd_area *chain,
						struct members *m)
{
	list_for_each_entry_from(md, &map->domains, list) {
		*m = members_of(md);
		if (md->state == DOMAIN_LIVE || first_member(m, chain))
			return md;
	}
	return NULL;
}

/*
 * Step to the next domain that has an area of @chain, and learn which ones.
 * @md has one and so is still in the list, or is NULL to begin with.
 */
static struct map_domain *next_domain(struct iommufd_iova_map *map,
				      struct map_domain *md,
				      struct iommufd_area *chain,
				      struct members *m)
{
	lockdep_assert_held(&map->lock);
	md = list_prepare_entry(md, &map->domains, list);
	md = list_next_entry(md, list);
	if (&md->list == &map->domains)
		return NULL;
	*m = members_of(md);
	/* Nearly all are live, and have every area */
	if (likely(md->state == DOMAIN_LIVE))
		return md;
	return skip_domains(map, md, chain, m);
}

static int fill_area(const struct iommufd_iova_map *map,
		     struct iommu_domain *domain, struct iommufd_area *area)
{
	int err;

	/*
	 * The hold came first, so a task that revokes or restores the memory from
	 * here on waits until the area is not busy and changes it again. If other
	 * domains have the area, @absent is right for them and for this one.
	 */
	if (!area->nr_domains)
		area->absent = iommufd_store_is_revoked(area->store);
	if (!area->absent) {
		err = iommufd_area_write(map, domain, area);
		if (err)
			return err;
	}
	area->nr_domains++;
	return 0;
}

/* Many areas, all domains */

/* Take areas out of the domains up to and without @end */
static void unfill_until(struct iommufd_iova_map *map,
			 struct iommufd_area *chain, struct map_domain *end)
{
	struct map_domain *md;
	struct members m;

	lockdep_assert_held(&map->lock);
	for (md = next_domain(map, NULL, chain, &m); md && md != end;
	     md = next_domain(map, md, chain, &m)) {
		iommufd_map_begin_work(map);
		iommufd_chain_unmap(md->domain, &m, chain);
		iommufd_map_end_work(map);
	}
}

/**
 * iommufd_domains_unfill() - take areas out of all domains that have them
 * @map: the map
 * @chain: areas in ascending order, busy
 *
 * Context: the map's lock is held; it is dropped and taken again.
 */
void iommufd_domains_unfill(struct iommufd_iova_map *map,
			    struct iommufd_area *chain)
{
	unfill_until(map, chain, NULL);
}

/**
 * iommufd_domains_refill() - write an area to the domains that should have it
 * @map: the map
 * @area: busy, held, absent; alone in its chain
 *
 * On error the area is absent still.
 *
 * Context: the map's lock is held; it is dropped and taken again. Sleeps.
 * Return: 0; -ENOMEM or another error of the driver.
 */
int iommufd_domains_refill(struct iommufd_iova_map *map,
			   struct iommufd_area *area)
{
	struct map_domain *md;
	struct members m;
	int err;

	lockdep_assert_held(&map->lock);
	area->absent = false;
	for (md = next_domain(map, NULL, area, &m); md;
	     md = next_domain(map, md, area, &m)) {
		iommufd_map_begin_work(map);
		err = iommufd_area_write(map, md->domain, area);
		iommufd_map_end_work(map);
		if (err) {
			unfill_until(map, area, md);
			area->absent = true;
			return err;
		}
	}
	return 0;
}

static int fill_chain(struct iommufd_iova_map *map, struct map_domain *md,
		      const struct members *m, struct iommufd_area *chain)
{
	struct iommufd_area **end = &chain, *area, *rest;
	int err;

	while ((area = first_member(m, *end))) {
		err = fill_area(map, md->domain, area);
		if (err)
			goto err_unmap;
		end = &area->next;
		if (!*end)
			break;
		cond_resched();
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			goto err_unmap;
		}
	}
	return 0;

err_unmap:
	/* What was written is the chain up to @end */
	rest = *end;
	*end = NULL;
	iommufd_chain_unmap(md->domain, m, chain);
	*end = rest;
	return err;
}

/**
 * iommufd_domains_fill() - write new areas to all domains that must have them
 * @map: the map
 * @chain: areas in ascending order, busy, held, in no domain
 *
 * On error they are in no domain again.
 *
 * Context: the map's lock is held; it is dropped and taken again. Sleeps.
 * Return: 0; -EINTR on a fatal signal; -ENOMEM or another error of the driver.
 */
int iommufd_domains_fill(struct iommufd_iova_map *map,
			 struct iommufd_area *chain)
{
	struct map_domain *md;
	struct members m;
	int err;

	lockdep_assert_held(&map->lock);
	for (md = next_domain(map, NULL, chain, &m); md;
	     md = next_domain(map, md, chain, &m)) {
		iommufd_map_begin_work(map);
		err = fill_chain(map, md, &m, chain);
		iommufd_map_end_work(map);
		if (err) {
			unfill_until(map, chain, md);
			return err;
		}
	}
	return 0;
}

/* One domain, all areas */

/* Areas that are passed are below the cursor; returns false behind the last */
static bool pass(struct map_domain *md, const struct iommufd_area *area)
{
	md->cursor = area->last + 1;
	return md->cursor;
}

/*
 * Must the attach write an area? The map call of a reserved area will find it below
 * the cursor, and write it. An area that lies across the cursor begins below it, so
 * its map call has written it.
 */
static bool is_to_be_filled(const struct map_domain *md,
			    const struct iommufd_area *area)
{
	return area->phase != AREA_RESERVED && area->start >= md->cursor;
}

/*
 * Without the map's lock. On error the area is held as before, unless the driver failed
 * to unmap what it had mapped: then it stays held for good.
 */
static int hold_and_fill(struct iommufd_iova_map *map,
			 struct iommu_domain *domain,
			 struct iommufd_area *area,
			 struct iommufd_refunds *refunds)
{
	bool was_held = area->held;
	int err;

	/*
	 * This may wait for page faults, so it is not within iommufd_begin_work():
	 * no domain has the area yet, and memory that can be revoked is never
	 * pinned, so every task that waits for the area can be killed.
	 */
	if (!was_held) {
		err = iommufd_area_hold(area);
		if (err)
			return err;
	}
	iommufd_begin_work();
	err = fill_area(map, domain, area);
	if (err && !was_held)
		iommufd_area_release(area, refunds);
	iommufd_end_work();
	return err;
}

static int fill_next(struct iommufd_iova_map *map, struct map_domain *md,
		     struct iommufd_area *area, struct iommufd_refunds *refunds)
{
	bool was_held = area->held;
	int err;

	/* Areas that appear below it without the lock are written by their map call */
	md->cursor = area->start;
	area->busy = true;
	mutex_unlock(&map->lock);
	err = hold_and_fill(map, md->domain, area, refunds);
	mutex_lock(&map->lock);
	/* Also what a driver that failed keeps pinned for good */
	if (!was_held && area->held)
		map->pinned_bytes += iommufd_area_bytes(area);
	area->busy = false;
	iommufd_map_wake(map);
	return err;
}

/* Wakes iommufd_map_split(), see iommufd_domains_may_split() */
static void end_filling(struct iommufd_iova_map *map, struct map_domain *md,
			enum map_domain_state state)
{
	md->state = state;
	iommufd_map_wake(map);
}

/* On error the domain has the areas below the cursor */
static int fill_domain(struct iommufd_iova_map *map, struct map_domain *md,
		       struct iommufd_refunds *refunds)
{
	struct iommufd_area *area;
	int err;

	while ((area = iommufd_area_at_or_behind(&map->areas, md->cursor))) {
		if (is_to_be_filled(md, area)) {
			if (area->busy || area->remover) {
				err = iommufd_map_wait(map);
				if (err)
					return err;
				continue;
			}
			err = fill_next(map, md, area, refunds);
			if (err)
				return err;
		}
		if (!pass(md, area))
			break;
		/* Areas that are pinned already are written without sleeping */
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	end_filling(map, md, DOMAIN_LIVE);
	return 0;
}

/* The lowest area from @area on that is to be drained, or NULL */
static struct iommufd_area *next_to_drain(const struct members *m,
					  struct iommufd_area *area)
{
	for (; area && area->start <= m->last; area = iommufd_area_next(area)) {
		if (area->phase != AREA_RESERVED && has_area(m, area))
			return area;
		cond_resched();
	}
	return NULL;
}

/* Wait until the first area to be drained is not busy; NULL: there is none */
static struct iommufd_area *first_to_drain(struct iommufd_iova_map *map,
					   const struct map_domain *md)
{
	struct iommufd_area *area;
	struct members m;

	for (;;) {
		/* A split may have moved the limit while this was waiting */
		m = members_of(md);
		area = iommufd_area_at_or_behind(&map->areas, md->cursor);
		area = next_to_drain(&m, area);
		if (!area || !area->busy)
			return area;
		iommufd_map_wait_uninterruptible(map);
	}
}

/*
 * Memory that can be revoked is drained alone: its revocation must not wait for
 * what unpinning pages waits for.
 */
static bool drains_alone(const struct iommufd_area *area)
{
	return !iommufd_store_has_pages(area->store);
}

/*
 * Set the busy bit of the next areas to be drained, up to one that would have to be
 * waited for. Returns NULL when there are none left.
 */
static struct iommufd_area *claim_for_drain(struct iommufd_iova_map *map,
					    const struct map_domain *md)
{
	struct iommufd_area *chain = first_to_drain(map, md);
	struct iommufd_area *area = chain, *last = NULL;
	struct members m = members_of(md);
	unsigned int room = DRAIN_BATCH;

	while (area) {
		area->busy = true;
		area->next = NULL;
		if (last)
			last->next = area;
		last = area;
		if (!--room || drains_alone(chain))
			break;
		cond_resched();
		area = next_to_drain(&m, iommufd_area_next(area));
		if (area && (area->busy || drains_alone(area)))
			break;
	}
	return chain;
}

/* Split a chain into areas that some domain still has, and the others */
static void split_by_domains(struct iommufd_area *chain,
			     struct iommufd_area **used,
			     struct iommufd_area **unused)
{
	struct iommufd_area *next;

	for (; chain; chain = next) {
		next = iommufd_area_next_in_chain(chain);
		if (chain->nr_domains) {
			*used = chain;
			used = &chain->next;
		} else {
			*unused = chain;
			unused = &chain->next;
		}
	}
	*used = NULL;
	*unused = NULL;
}

/* Areas that a domain does not have any more; returns false behind the last */
static bool pass_drained(struct map_domain *md,
			 const struct iommufd_area *chain)
{
	while (chain->next)
		chain = iommufd_area_next_in_chain(chain);
	if (pass(md, chain))
		return true;
	/* The cursor is at the start again, but the domain has nothing */
	md->cursor = ULONG_MAX;
	md->limit = 0;
	return false;
}

static void end_busy(struct iommufd_iova_map *map, struct iommufd_area *chain)
{
	struct iommufd_area *next;

	if (!chain)
		return;
	for (; chain; chain = next) {
		next = iommufd_area_next_in_chain(chain);
		chain->busy = false;
	}
	iommufd_map_wake(map);
}

/* Unpin what no domain has any more */
static void unpin_drained(struct iommufd_iova_map *map,
			  struct iommufd_area *chain,
			  struct iommufd_refunds *refunds)
{
	struct iommufd_area *area;
	u64 released = 0;

	if (!chain)
		return;
	iommufd_map_begin_work(map);
	for (area = chain; area; area = iommufd_area_next_in_chain(area)) {
		iommufd_area_release(area, refunds);
		if (!area->held)
			released += iommufd_area_bytes(area);
	}
	iommufd_map_end_work(map);
	map->pinned_bytes -= released;
	end_busy(map, chain);
}

/*
 * Returns whether there may be more behind. To unpin may take as long as user
 * space keeps a page locked (a page of FUSE): no other domain has the areas that
 * are busy meanwhile, so every task that waits for them can be killed.
 */
static bool drain_chain(struct iommufd_iova_map *map, struct map_domain *md,
			struct iommufd_area *chain,
			struct iommufd_refunds *refunds)
{
	struct iommufd_area *area, *used, *unused;
	struct members m = members_of(md);
	bool more;

	iommufd_map_begin_work(map);
	iommufd_chain_unmap(md->domain, &m, chain);
	for (area = chain; area; area = area->next)
		area->nr_domains--;
	cond_resched();
	iommufd_map_end_work(map);

	more = pass_drained(md, chain);
	split_by_domains(chain, &used, &unused);
	end_busy(map, used);
	unpin_drained(map, unused, refunds);
	return more;
}

/* Return charges without the map's lock, while the caller is busy with no area */
static void return_charges(struct iommufd_iova_map *map,
			   struct iommufd_refunds *refunds)
{
	if (!iommufd_refunds_pending(refunds))
		return;
	mutex_unlock(&map->lock);
	iommufd_refunds_settle(refunds);
	mutex_lock(&map->lock);
}

/* Take the areas that start at or below @limit out of a domain */
static void drain_domain(struct iommufd_iova_map *map, struct map_domain *md,
			 unsigned long limit, struct iommufd_refunds *refunds)
{
	struct iommufd_area *chain;
	bool more = true;

	lockdep_assert_held(&map->lock);
	md->cursor = 0;
	md->limit = limit;
	md->seq = ++map->seq;
	end_filling(map, md, DOMAIN_DRAINING);
	while (more && (chain = claim_for_drain(map, md))) {
		more = drain_chain(map, md, chain, refunds);
		/* Before the next area is waited for */
		return_charges(map, refunds);
	}
}

/* Splitting areas */

/* The cursor of a fill is within the area, which the area's map call has written */
static bool lies_across_cursor(const struct map_domain *md,
			       const struct iommufd_area *area)
{
	return md->state == DOMAIN_FILLING && md->cursor > area->start &&
	       md->cursor <= area->last;
}

/**
 * iommufd_domains_may_split() - can an area be split now
 * @map: the map
 * @area: area that the caller has claimed
 *
 * Context: the map's lock is held.
 * Return: false while a domain is being filled and cannot pass @area, which is
 * the last of the space, in advance.
 */
bool iommufd_domains_may_split(const struct iommufd_iova_map *map,
			       const struct iommufd_area *area)
{
	const struct map_domain *md;

	if (area->last != ULONG_MAX)
		return true;
	list_for_each_entry(md, &map->domains, list)
		if (lies_across_cursor(md, area))
			return false;
	return true;
}

/**
 * iommufd_domains_split() - see that domains which have an area have its parts
 * @map: the map
 * @area: area that will be replaced by several with the same number; busy, and
 *	  iommufd_domains_may_split() agreed
 *
 * Which areas a domain has is judged by their start, and the parts start later.
 *
 * Context: the map's lock is held.
 */
void iommufd_domains_split(struct iommufd_iova_map *map,
			   const struct iommufd_area *area)
{
	struct map_domain *md;
	struct members m;

	lockdep_assert_held(&map->lock);
	list_for_each_entry(md, &map->domains, list) {
		m = members_of(md);
		if (lies_across_cursor(md, area))
			md->cursor = area->last + 1;
		else if (md->state == DOMAIN_DRAINING && has_area(&m, area))
			md->limit = max(md->limit, area->last);
	}
}

/* Coming and going */

static int describe_constraint(const struct iommu_domain *domain,
			       struct iommufd_constraint *constraint)
{
	if (!domain->pgsize_bitmap)
		return -EINVAL;
	constraint->alignment = BIT(__ffs(domain->pgsize_bitmap));
	if (constraint->alignment > PAGE_SIZE)
		return -EINVAL;

	constraint->bounds.start = 0;
	constraint->bounds.last = ULONG_MAX;
	if (domain->geometry.force_aperture) {
		constraint->bounds.start = domain->geometry.aperture_start;
		constraint->bounds.last = min_t(u64, domain->geometry.aperture_end,
						ULONG_MAX);
	}
	return 0;
}

static int register_domain(struct iommufd_iova_map *map, struct map_domain *md)
{
	int err = iommufd_space_constrain(map, &md->constraint);

	if (err)
		return err;
	list_add_tail(&md->list, &map->domains);
	map->nr_domains++;
	return 0;
}

static void unregister_domain(struct iommufd_iova_map *map, struct map_domain *md)
{
	list_del(&md->list);
	map->nr_domains--;
	iommufd_space_unconstrain(map, &md->constraint);
}

/**
 * iommufd_map_add_domain() - let a domain mirror a map
 * @map: the map
 * @domain: paging domain that is empty and complete. The caller still owns it, but
 *	    must not change what it maps until iommufd_map_remove_domain()
 *
 * When this returns the domain has all mappings. Other tasks can map and unmap
 * meanwhile, except for the area that is being written to the domain.
 *
 * Context: may sleep and pin memory.
 * Return: 0; -EINVAL when the domain's pages are larger than the CPU's;
 * -EADDRINUSE when a mapping or an allowed interval is where the domain does
 * not translate, or a mapping is not aligned to the domain's pages; -EINTR on a
 * fatal signal; -EFAULT or -ENOMEM from pinning; -ENOMEM; the driver's error.
 */
int iommufd_map_add_domain(struct iommufd_iova_map *map,
			   struct iommu_domain *domain)
{
	struct iommufd_refunds refunds = {};
	struct map_domain *md;
	int err;

	md = kzalloc(sizeof(*md), GFP_KERNEL_ACCOUNT);
	if (!md)
		return -ENOMEM;
	md->domain = domain;
	md->state = DOMAIN_FILLING;
	err = describe_constraint(domain, &md->constraint);
	if (err)
		goto err_free;

	mutex_lock(&map->lock);
	err = register_domain(map, md);
	if (err)
		goto err_unlock;
	err = fill_domain(map, md, &refunds);
	if (err)
		goto err_drain;
	mutex_unlock(&map->lock);
	return 0;

err_drain:
	if (md->cursor)
		drain_domain(map, md, md->cursor - 1, &refunds);
	unregister_domain(map, md);
err_unlock:
	mutex_unlock(&map->lock);
	iommufd_refunds_settle(&refunds);
err_free:
	kfree(md);
	return err;
}

/**
 * iommufd_map_remove_domain() - end what iommufd_map_add_domain() began
 * @map: the map
 * @domain: domain that mirrors it
 *
 * When this returns the domain is empty, and memory that no other domain has is
 * not pinned. Cannot fail and needs no memory.
 *
 * Context: may sleep, until no other task works on areas of the domain.
 */
void iommufd_map_remove_domain(struct iommufd_iova_map *map,
			       struct iommu_domain *domain)
{
	struct iommufd_refunds refunds = {};
	struct map_domain *md;

	mutex_lock(&map->lock);
	list_for_each_entry(md, &map->domains, list)
		if (md->domain == domain && md->state == DOMAIN_LIVE)
			goto found;
	mutex_unlock(&map->lock);
	WARN_ON_ONCE(1);
	return;

found:
	drain_domain(map, md, ULONG_MAX, &refunds);
	unregister_domain(map, md);
	mutex_unlock(&map->lock);
	iommufd_refunds_settle(&refunds);
	kfree(md);
}

/**
 * iommufd_map_enforce_coherency() - let all DMA through a domain snoop
 * @map: the map
 * @domain: domain that mirrors it, and has enforce_cache_coherency()
 *
 * Existing entries may not be changed. So it is done to a domain without mappings,
 * including those that are being made or removed; the lock excludes new ones.
 *
 * Context: takes the map's lock.
 * Return: whether it does; false when something is mapped, or the driver cannot.
 */
bool iommufd_map_enforce_coherency(struct iommufd_iova_map *map,
				   struct iommu_domain *domain)
{
	bool enforces = false;

	mutex_lock(&map->lock);
	if (!map->nr_areas)
		enforces = domain->ops->enforce_cache_coherency(domain);
	mutex_unlock(&map->lock);
	return enforces;
}
