// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>

#include "world.h"

/* Protects everything here; a map's lock may be held or not. */
static pthread_mutex_t world_lock = PTHREAD_MUTEX_INITIALIZER;

unsigned int nr_events;
struct event events[MAX_EVENTS];

static void record(enum event_kind kind, struct fake_domain *domain,
		   unsigned long iova, unsigned long bytes)
{
	if (nr_events < MAX_EVENTS)
		events[nr_events++] = (struct event){ kind, domain, iova, bytes };
}

unsigned int count_events(enum event_kind kind, const struct fake_domain *domain)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr_events; i++)
		n += events[i].kind == kind && events[i].domain == domain;
	return n;
}

/* How many entries and stale translations lead to each page frame. */
#define NR_FRAMES	(1UL << 22)

static u32 nr_ways[NR_FRAMES];
static unsigned long next_pfn = 1;

/* Memory */

static unsigned long pfn_of(const struct memory *mem, unsigned long page)
{
	return mem->first_pfn + page * mem->stride;
}

static int memory_pin(const struct iommufd_backing *backing, unsigned long first,
		      unsigned int npages, struct page **pages)
{
	struct memory *mem = backing->source;
	unsigned int i;

	/* As a page fault it may wait for whatever user space likes */
	require(!host_works);
	if (mem->on_pin)
		mem->on_pin(mem);
	require(first + npages <= mem->npages);
	if (mem->fail_pin && !--mem->fail_pin)
		return mem->fail_errno;
	pthread_mutex_lock(&world_lock);
	for (i = 0; i < npages; i++) {
		mem->nr_pins[first + i]++;
		pages[i] = pfn_to_page(pfn_of(mem, first + i));
	}
	pthread_mutex_unlock(&world_lock);
	return 0;
}

static void memory_unpin(const struct iommufd_backing *backing,
			 unsigned long pfn, unsigned long npages)
{
	struct memory *mem = backing->source;
	unsigned long page;

	if (mem->on_unpin && npages)
		mem->on_unpin(mem);
	pthread_mutex_lock(&world_lock);
	record(EVENT_UNPIN, NULL, pfn, npages << PAGE_SHIFT);
	for (; npages; npages--, pfn++) {
		page = (pfn - mem->first_pfn) / mem->stride;
		require(mem->nr_pins[page]--);
		/* Another store may have it; else no device may reach it */
		require(mem->nr_pins[page] || !nr_ways[pfn]);
	}
	pthread_mutex_unlock(&world_lock);
}

static const struct iommufd_pin_ops memory_ops = {
	.pin = memory_pin,
	.unpin = memory_unpin,
};

static void fixed_put(struct iommufd_backing *backing)
{
	free(backing->fixed);
}

static const struct iommufd_pin_ops fixed_ops = {
	.put = fixed_put,
};

void memory_init(struct memory *mem, unsigned long npages, unsigned long stride)
{
	memset(mem, 0, sizeof(*mem));
	mem->npages = npages;
	mem->stride = stride;
	mem->nr_pins = calloc(npages, 1);
	if (next_pfn + npages * stride >= NR_FRAMES)
		next_pfn = 1;
	mem->first_pfn = next_pfn;
	next_pfn += npages * stride;
}

void memory_destroy(struct memory *mem)
{
	require(!memory_nr_pinned(mem));
	free(mem->nr_pins);
}

unsigned long memory_nr_pinned(const struct memory *mem)
{
	unsigned long i, n = 0;

	for (i = 0; i < mem->npages; i++)
		n += mem->nr_pins[i];
	return n;
}

unsigned long memory_nr_ways(const struct memory *mem)
{
	unsigned long i, n = 0;

	pthread_mutex_lock(&world_lock);
	for (i = 0; i < mem->npages; i++)
		n += nr_ways[pfn_of(mem, i)];
	pthread_mutex_unlock(&world_lock);
	return n;
}

struct iommufd_store *memory_store_paid(struct memory *mem,
					unsigned long address, bool writable,
					struct iommufd_account *account)
{
	struct iommufd_backing backing = {
		.ops = &memory_ops,
		.source = mem,
		.start_bytes = address & PAGE_MASK,
		.writable = writable,
	};

	if (mem->is_fixed) {
		require(mem->stride == 1);
		backing.ops = &fixed_ops;
		backing.fixed = calloc(1, sizeof(*backing.fixed));
		backing.fixed->phys = PFN_PHYS(mem->first_pfn);
	}
	return iommufd_store_create(&backing, account, mem->npages,
				    offset_in_page(address));
}

struct iommufd_store *memory_store(struct memory *mem, unsigned long address,
				   bool writable)
{
	return memory_store_paid(mem, address, writable, NULL);
}

/*
 * There is nothing behind pages that could be copied: look whether the memory
 * can be had.
 */
int iommufd_store_copy(struct iommufd_store *store, u64 offset_bytes,
		       void *data, size_t len, bool write, bool slow)
{
	struct iommufd_hold hold;
	int err;

	require(!host_locks_held);
	require(!write || iommufd_store_writable(store));
	err = iommufd_store_hold(store, &hold, offset_bytes >> PAGE_SHIFT,
				 (offset_bytes + len - 1) >> PAGE_SHIFT);
	if (!err)
		iommufd_store_release(store, &hold);
	return err;
}

phys_addr_t memory_phys(const struct memory *mem, u64 offset_bytes)
{
	return PFN_PHYS(pfn_of(mem, offset_bytes >> PAGE_SHIFT)) +
	       offset_in_page(offset_bytes);
}

/* Domains */

struct entry {
	struct entry *next;
	unsigned long iova;
	phys_addr_t phys;
	bool stale;
	bool dirty;
};

static struct entry **bucket_of(struct fake_domain *fake, unsigned long iova)
{
	unsigned long n = iova / GRANULE;

	return &fake->buckets[(n ^ n >> 12) % NR_BUCKETS];
}

static struct entry **find(struct fake_domain *fake, unsigned long iova,
			   bool stale)
{
	struct entry **link = bucket_of(fake, iova);

	while (*link && ((*link)->iova != iova || (*link)->stale != stale))
		link = &(*link)->next;
	return link;
}

static struct fake_domain *to_fake(struct iommu_domain *domain)
{
	return container_of(domain, struct fake_domain, domain);
}

static void add_entry(struct fake_domain *fake, unsigned long iova,
		      phys_addr_t phys)
{
	struct entry *entry = malloc(sizeof(*entry));
	struct entry **link;

	require(!*find(fake, iova, false));
	/* It must have been flushed before it is given to somebody else */
	require(!*find(fake, iova, true));
	link = bucket_of(fake, iova);
	*entry = (struct entry){ *link, iova, phys, false, false };
	*link = entry;
	fake->nr_entries++;
	nr_ways[phys >> PAGE_SHIFT]++;
}

static void forget_stale(struct fake_domain *fake, unsigned long iova)
{
	struct entry **link = find(fake, iova, true);
	struct entry *entry = *link;

	if (!entry)
		return;
	*link = entry->next;
	fake->nr_stale--;
	nr_ways[entry->phys >> PAGE_SHIFT]--;
	free(entry);
}

static void forget_all_stale(struct fake_domain *fake)
{
	unsigned int i;

	for (i = 0; i < NR_BUCKETS; i++) {
		struct entry **link = &fake->buckets[i];

		while (*link) {
			struct entry *entry = *link;

			if (!entry->stale) {
				link = &entry->next;
				continue;
			}
			*link = entry->next;
			nr_ways[entry->phys >> PAGE_SHIFT]--;
			free(entry);
		}
	}
	fake->nr_stale = 0;
}

int iommu_domain_map_runs(struct iommu_domain *domain, unsigned long iova,
			  const struct iommu_run *runs, unsigned int nr_runs,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct fake_domain *fake = to_fake(domain);
	unsigned long mask = (1UL << __ffs(domain->pgsize_bitmap)) - 1;
	bool fail = false;
	unsigned int i;
	size_t at;

	require(!host_locks_held);
	if (fake->on_map)
		fake->on_map(fake, iova);
	pthread_mutex_lock(&world_lock);
	if (fake->fail_map && !--fake->fail_map)
		fail = true;
	*mapped = 0;
	for (i = 0; i < nr_runs && !(fail && i >= nr_runs / 2); i++) {
		require(runs[i].len);
		require(!((iova | runs[i].phys | runs[i].len) & mask));
		for (at = 0; at < runs[i].len; at += GRANULE)
			add_entry(fake, iova + *mapped + at, runs[i].phys + at);
		*mapped += runs[i].len;
		fake->largest_run = max(fake->largest_run, runs[i].len);
	}
	record(EVENT_MAP, fake, iova, *mapped);
	pthread_mutex_unlock(&world_lock);
	return fail ? -ENOMEM : 0;
}

/* A page table that an unmap left empty */
struct table {
	struct list_head list;
	struct fake_domain *fake;
};

size_t iommu_domain_unmap_range(struct iommu_domain *domain, unsigned long iova,
				size_t size, struct iommu_iotlb_gather *gather)
{
	struct fake_domain *fake = to_fake(domain);
	struct table *table = malloc(sizeof(*table));
	size_t at;

	require(!host_locks_held);
	if (fake->on_unmap)
		fake->on_unmap(fake, iova);
	pthread_mutex_lock(&world_lock);
	record(EVENT_UNMAP, fake, iova, size);
	if (fake->lie && iova <= fake->lie_last) {
		pthread_mutex_unlock(&world_lock);
		free(table);
		return fake->lie < 0 && size <= -fake->lie ? 0 : size + fake->lie;
	}
	for (at = 0; at < size; at += GRANULE) {
		struct entry *entry = *find(fake, iova + at, false);

		require(entry);
		entry->stale = true;
		fake->nr_entries--;
		fake->nr_stale++;
	}
	gather->start = min(gather->start, iova);
	gather->end = max(gather->end, iova + size - 1);
	table->fake = fake;
	list_add_tail(&table->list, &gather->freelist);
	pthread_mutex_unlock(&world_lock);
	return size;
}

static void free_tables(struct list_head *list, bool flushed_all)
{
	struct table *table, *tmp;

	list_for_each_entry_safe(table, tmp, list, list) {
		require(!flushed_all || table->fake->shared ||
			!table->fake->nr_stale);
		record(EVENT_FREE_TABLES, table->fake, 0, 0);
		list_del(&table->list);
		free(table);
	}
}

void put_pages_list(struct list_head *pages)
{
	pthread_mutex_lock(&world_lock);
	free_tables(pages, true);
	pthread_mutex_unlock(&world_lock);
}

void iommu_domain_sync(struct iommu_domain *domain,
		       struct iommu_iotlb_gather *gather)
{
	struct fake_domain *fake = to_fake(domain);
	unsigned long iova = gather->start;

	require(!gather->queued);
	require(gather->start <= gather->end || fake->lie);
	if (gather->start > gather->end)
		return;
	pthread_mutex_lock(&world_lock);
	record(EVENT_SYNC, fake, iova, gather->end - iova + 1);
	for (;; iova += GRANULE) {
		forget_stale(fake, iova);
		if (gather->end - iova < GRANULE)
			break;
	}
	free_tables(&gather->freelist, false);
	pthread_mutex_unlock(&world_lock);
}

size_t iommu_domain_unmap(struct iommu_domain *domain, unsigned long iova,
			  size_t size)
{
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	size = iommu_domain_unmap_range(domain, iova, size, &gather);
	iommu_domain_sync(domain, &gather);
	return size;
}

static void fake_flush_all(struct iommu_domain *domain)
{
	struct fake_domain *fake = to_fake(domain);

	pthread_mutex_lock(&world_lock);
	record(EVENT_FLUSH_ALL, fake, 0, 0);
	forget_all_stale(fake);
	pthread_mutex_unlock(&world_lock);
}

void fake_domain_dirty(struct fake_domain *fake)
{
	struct entry *entry;
	unsigned int i;

	for (i = 0; i < NR_BUCKETS; i++)
		for (entry = fake->buckets[i]; entry; entry = entry->next)
			entry->dirty = !entry->stale;
}

/* As drivers do it whose entries there would go on without */
static bool fake_enforce(struct iommu_domain *domain)
{
	struct fake_domain *fake = container_of(domain, struct fake_domain,
						domain);

	require(!fake->nr_entries);
	return true;
}

/* Fails before it has done anything */
static int fake_read_dirty(struct iommu_domain *domain, unsigned long iova,
			   size_t size, struct iommu_dirty_log *log)
{
	struct fake_domain *fake = to_fake(domain);
	struct entry *entry;
	size_t at;

	require(!host_locks_held);
	if (fake->on_read)
		fake->on_read(fake, iova);
	if (fake->fail_read && !--fake->fail_read)
		return -EIO;
	pthread_mutex_lock(&world_lock);
	record(EVENT_READ, fake, iova, size);
	for (at = 0; at < size; at += GRANULE) {
		entry = *find(fake, iova + at, false);
		require(entry);
		fake->nr_reported += entry->dirty;
		if (log->clear)
			entry->dirty = false;
	}
	pthread_mutex_unlock(&world_lock);
	return 0;
}

void iommu_domain_flush_all(struct iommu_domain *domain)
{
	domain->ops->flush_iotlb_all(domain);
}

int iommu_domain_read_dirty(struct iommu_domain *domain, unsigned long iova,
			    size_t size, struct iommu_dirty_log *log)
{
	return domain->ops->read_dirty(domain, iova, size, log);
}

static const struct iommu_domain_ops flushing_ops = {
	.flush_iotlb_all = fake_flush_all,
	.enforce_cache_coherency = fake_enforce,
	.read_dirty = fake_read_dirty,
};

static const struct iommu_domain_ops plain_ops = {
	.enforce_cache_coherency = fake_enforce,
	.read_dirty = fake_read_dirty,
};

void fake_domain_init(struct fake_domain *fake, unsigned long page_bytes,
		      bool can_flush)
{
	memset(fake, 0, sizeof(*fake));
	fake->domain.ops = can_flush ? &flushing_ops : &plain_ops;
	fake->domain.pgsize_bitmap = page_bytes | SIZE_2M;
}

void fake_domain_destroy(struct fake_domain *fake)
{
	require(!fake->nr_entries && !fake->nr_stale);
}

phys_addr_t fake_domain_phys(struct fake_domain *fake, unsigned long iova)
{
	struct entry *entry = *find(fake, iova & -GRANULE, false);

	return entry ? entry->phys + iova % GRANULE : -1;
}
