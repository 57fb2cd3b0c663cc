/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an IOVA map acts upon, faked: memory whose pages are numbers, and
 * domains that remember each entry and each stale translation.
 *
 * The fakes know no map. They fail the test as soon as a page is unpinned that
 * a device could still reach, a page table is freed that the hardware could
 * still walk, an entry is mapped twice, or something is unmapped that is not.
 */
#ifndef WORLD_H
#define WORLD_H

#include <host/iommu.h>
#include <host/lock.h>
#include <host/task.h>

#include <linux/iommu-ext.h>

#include "store/account.h"
#include "map/map.h"
#include "store/backing.h"
#include "store/store.h"

#define require(x)	((x) ? (void)0 : (void)host_fail("not true: " #x))

/* Domains keep one entry for this many bytes */
#define GRANULE		512UL
#define PAGE_GRANULES	(PAGE_SIZE / GRANULE)

/**
 * struct memory - pages behind one store
 * @npages: number of pages
 * @first_pfn: page n has the frame @first_pfn + n * @stride
 * @stride: 1 for contiguous memory
 * @nr_pins: how often each page is pinned
 * @is_fixed: its stores need no pins, and can be revoked
 * @fail_pin: the call of pin, from now, that fails; 0 none
 * @fail_errno: its errno
 * @on_pin: called before pages are pinned, without any lock of the fakes
 * @on_unpin: the same before they are unpinned
 */
struct memory {
	unsigned long npages;
	unsigned long first_pfn;
	unsigned long stride;
	u8 *nr_pins;
	bool is_fixed;
	unsigned long fail_pin;
	int fail_errno;
	void (*on_pin)(struct memory *mem);
	void (*on_unpin)(struct memory *mem);
};

void memory_init(struct memory *mem, unsigned long npages, unsigned long stride);
void memory_destroy(struct memory *mem);
unsigned long memory_nr_pinned(const struct memory *mem);
/* How many entries and stale translations of all domains lead to it */
unsigned long memory_nr_ways(const struct memory *mem);
struct iommufd_store *memory_store(struct memory *mem, unsigned long address,
				   bool writable);
/* The store takes over the reference to @account */
struct iommufd_store *memory_store_paid(struct memory *mem,
					unsigned long address, bool writable,
					struct iommufd_account *account);
phys_addr_t memory_phys(const struct memory *mem, u64 offset_bytes);

/* What was done to a domain */
enum event_kind {
	EVENT_MAP,
	EVENT_UNMAP,
	EVENT_READ,
	EVENT_SYNC,
	EVENT_FLUSH_ALL,
	EVENT_FREE_TABLES,
	EVENT_UNPIN,
};

struct event {
	enum event_kind kind;
	struct fake_domain *domain;	/* NULL for EVENT_UNPIN */
	unsigned long iova;		/* EVENT_UNPIN: first page frame */
	unsigned long bytes;
};

#define MAX_EVENTS	65536

/* Since the test last set it to 0 */
extern unsigned int nr_events;
extern struct event events[MAX_EVENTS];
unsigned int count_events(enum event_kind kind, const struct fake_domain *domain);

struct entry;

#define NR_BUCKETS	4096

/**
 * struct fake_domain - page table of a device
 * @domain: for the map
 * @buckets: entries by IOVA
 * @nr_entries: number of those that translate
 * @nr_stale: number of those that the hardware may have kept
 * @fail_map: the call of map, from now, that fails half way; 0 none
 * @on_map: called before entries are made, without any lock of the fakes
 * @on_unmap: the same before they are removed
 * @on_read: the same before dirty entries are read
 * @fail_read: the call of read_dirty, from now, that fails; 0 none
 * @nr_reported: number of dirty entries that were reported
 * @lie: unmaps leave everything, and return so many bytes more or less than asked
 * @lie_last: up to this IOVA, inclusive
 * @shared: several threads work on it, so one may unmap while another flushes
 * @largest_run: longest run seen
 */
struct fake_domain {
	struct iommu_domain domain;
	struct entry *buckets[NR_BUCKETS];
	unsigned long nr_entries;
	unsigned long nr_stale;
	unsigned long fail_map;
	void (*on_map)(struct fake_domain *fake, unsigned long iova);
	void (*on_unmap)(struct fake_domain *fake, unsigned long iova);
	void (*on_read)(struct fake_domain *fake, unsigned long iova);
	unsigned long fail_read;
	unsigned long nr_reported;
	long lie;
	unsigned long lie_last;
	bool shared;
	size_t largest_run;
};

/* @can_flush: it has flush_iotlb_all() */
void fake_domain_init(struct fake_domain *fake, unsigned long page_bytes,
		      bool can_flush);
void fake_domain_destroy(struct fake_domain *fake);
/* Devices write through all entries */
void fake_domain_dirty(struct fake_domain *fake);
/* Physical address behind @iova, or -1 */
phys_addr_t fake_domain_phys(struct fake_domain *fake, unsigned long iova);

#endif /* WORLD_H */
