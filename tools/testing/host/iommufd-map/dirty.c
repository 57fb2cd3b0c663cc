// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading which pages devices wrote, from the windows of the bitmap down to the
 * entries of a page table: whatever the sizes of the entries, and wherever they
 * lie to windows and slices, nothing that was written is lost.
 */
#include "world.h"

/* There is memory behind a page of the bitmap: its address is that of the page */
#define kmap_local_page(page)	((void *)(page))
#define kunmap_local(addr)	((void)(addr))
#include "../iommu-dirty.c"

#define PG		PAGE_SIZE

/* What is read at a time: no multiple of any entry but the smallest */
#undef SZ_1G
#define SZ_1G		(3 * PG)
#include "map/dirty.c"

/* Two mappings side by side, of a page table whose entries are as large as fits */
#define NR_PAGES	8U
#define NR_ALL		(2 * NR_PAGES)
#define BASE		(64UL * PG)

static struct task_struct task;
static struct iommufd_iova_map *map;
static struct memory mems[2];
static struct fake_domain fake;

/* A bit for an eighth of a page, so that each page has a byte */
static u8 bitmap[PAGE_SIZE];

/**
 * struct entry - of the page table
 * @first: its first page
 * @npages: its length
 * @dirty: a device wrote to it
 */
struct entry {
	unsigned int first, npages;
	bool dirty;
};

static struct entry entries[NR_ALL];
static unsigned int nr_entries;
/* The call of the driver from now; 0 none */
static unsigned int fail_read, write_before;
static unsigned int written;	/* entry that is written then */

static unsigned long iova_of(unsigned int page)
{
	return BASE + page * PG;
}

/* What every driver does */
static int table_read_dirty(struct iommu_domain *domain, unsigned long iova,
			    size_t size, struct iommu_dirty_log *log)
{
	unsigned long last = iova + (size - 1);
	unsigned int i;

	require(size && size <= SZ_1G && !((iova | size) % PG));
	if (fail_read && !--fail_read)
		return -EIO;
	if (write_before && !--write_before)
		entries[written].dirty = true;
	for (i = 0; i < nr_entries; i++) {
		struct entry *entry = &entries[i];
		unsigned long start = iova_of(entry->first);
		size_t bytes = entry->npages * PG;

		if (start > last || start + (bytes - 1) < iova || !entry->dirty)
			continue;
		if (iommu_dirty_report(log, start, bytes))
			entry->dirty = false;
	}
	return 0;
}

static const struct iommu_domain_ops table_ops = {
	.read_dirty = table_read_dirty,
};

static void map_at(struct memory *mem, unsigned int page)
{
	struct iommufd_slice slice = {
		.store = memory_store(mem, PG, true),
		.length_bytes = NR_PAGES * PG,
	};
	unsigned long iova = iova_of(page);

	require(!iommufd_map_insert(map, &slice, 1, &iova, IOMMU_WRITE,
				    IOMMUFD_MAP_FIXED, NULL));
}

static void begin(void)
{
	unsigned int i;

	map = iommufd_map_create();
	fake_domain_init(&fake, PG, false);
	fake.domain.ops = &table_ops;
	require(!iommufd_map_add_domain(map, &fake.domain));
	for (i = 0; i < 2; i++) {
		memory_init(&mems[i], NR_PAGES, 1);
		map_at(&mems[i], i * NR_PAGES);
	}
}

static void end(const char *name)
{
	u64 bytes;
	unsigned int i;

	require(!iommufd_map_remove(map, 0, ULONG_MAX, &bytes));
	iommufd_map_remove_domain(map, &fake.domain);
	iommufd_map_destroy(map);
	fake_domain_destroy(&fake);
	for (i = 0; i < 2; i++)
		memory_destroy(&mems[i]);
	printf("ok %s\n", name);
}

static void make_entries(unsigned int npages)
{
	nr_entries = NR_ALL / npages;
	for (unsigned int i = 0; i < nr_entries; i++)
		entries[i] = (struct entry){ i * npages, npages, false };
}

/* As the call does it, with pages @first to @end, @end exclusive */
static int read_pages(unsigned int first, unsigned int end, unsigned int window)
{
	struct page *pages = (struct page *)bitmap;
	struct iommu_dirty_log log;
	unsigned int from, to;
	int err = 0;

	iommu_dirty_log_init(&log, iova_of(first), iova_of(end) - 1,
			     PAGE_SHIFT - 3, true);
	for (from = first; !err && from < end; from = to) {
		to = min(from + window, end);
		iommu_dirty_log_next(&log, iova_of(from), iova_of(to) - 1,
				     &pages, from);
		err = iommufd_map_read_dirty(map, &fake.domain, log.iova,
					     log.window_last, &log);
	}
	return err;
}

static bool is_reported(unsigned int page)
{
	require(bitmap[page] == 0 || bitmap[page] == 0xff);
	return bitmap[page];
}

/* Of entry @i alone the pages @first to @end are reported, if any */
static void require_only(unsigned int i, unsigned int first, unsigned int end)
{
	const struct entry *entry = &entries[i];
	unsigned int page;

	for (page = 0; page < NR_ALL; page++)
		require(is_reported(page) ==
			(page >= entry->first &&
			 page < entry->first + entry->npages &&
			 page >= first && page < end));
}

static void read_each_entry(unsigned int npages, unsigned int first,
			    unsigned int end, unsigned int window)
{
	unsigned int i;
	bool met;

	make_entries(npages);
	for (i = 0; i < nr_entries; i++) {
		met = i * npages < end && (i + 1) * npages > first;
		memset(bitmap, 0, sizeof(bitmap));
		entries[i].dirty = true;
		require(!read_pages(first, end, window));
		require_only(i, first, end);
		require(entries[i].dirty == !met);
		entries[i].dirty = false;
	}
}

static void every_entry_in_every_window(void)
{
	unsigned int npages, first, last, window;

	begin();
	for (npages = 1; npages <= NR_PAGES; npages *= 2)
		for (first = 0; first < NR_ALL; first++)
			for (last = first; last < NR_ALL; last++)
				for (window = 1; window <= NR_ALL; window++)
					read_each_entry(npages, first, last + 1, window);
	end("entries of every size in every window");
}

/* Is what is clean in the bitmap? */
static bool nothing_is_lost(unsigned int npages)
{
	unsigned int page;

	for (page = 0; page < NR_ALL; page++)
		if (!entries[page / npages].dirty && !is_reported(page))
			return false;
	return true;
}

static void write_all(unsigned int npages)
{
	unsigned int i;

	make_entries(npages);
	for (i = 0; i < nr_entries; i++)
		entries[i].dirty = true;
	memset(bitmap, 0, sizeof(bitmap));
}

/* Whether the driver was called so often */
static bool fails_at(unsigned int npages, unsigned int window, unsigned int nr)
{
	bool failed;
	unsigned int i;

	write_all(npages);
	fail_read = nr;
	failed = read_pages(0, NR_ALL, window) == -EIO;
	fail_read = 0;
	require(nothing_is_lost(npages));
	/* The next one finds all the rest */
	require(!read_pages(0, NR_ALL, window));
	require(nothing_is_lost(npages));
	for (i = 0; i < nr_entries; i++)
		require(!entries[i].dirty);
	return failed;
}

static void failed_reading(void)
{
	unsigned int npages, window, nr;

	begin();
	for (npages = 1; npages <= NR_PAGES; npages *= 2)
		for (window = 1; window <= NR_ALL; window++)
			for (nr = 1; fails_at(npages, window, nr); nr++)
				;
	end("what a failed reading cleared is reported, and the rest by the next");
}

/* Whether the driver was called so often */
static bool written_at(unsigned int npages, unsigned int window, unsigned int nr)
{
	bool in_time = true;
	unsigned int page;

	make_entries(npages);
	for (written = 0; written < nr_entries && in_time; written++) {
		memset(bitmap, 0, sizeof(bitmap));
		write_before = nr;
		require(!read_pages(0, NR_ALL, window));
		in_time = !write_before;
		for (page = written * npages; page < (written + 1) * npages; page++)
			require(!in_time || entries[written].dirty || is_reported(page));
		entries[written].dirty = false;
	}
	write_before = 0;
	return in_time;
}

static void written_meanwhile(void)
{
	unsigned int npages, window, nr;

	begin();
	for (npages = 1; npages <= NR_PAGES; npages *= 2)
		for (window = 1; window <= NR_ALL; window++)
			for (nr = 1; written_at(npages, window, nr); nr++)
				;
	end("what is written meanwhile is reported, all of its entry, or is dirty still");
}

int main(void)
{
	host_current = &task;
	require(!iommufd_map_init());
	every_entry_in_every_window();
	failed_reading();
	written_meanwhile();
	require(!host_slab_objects);
	iommufd_map_exit();
	return 0;
}
