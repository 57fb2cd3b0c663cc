// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls of an IOVA map, compared with a model, while allocations, pins
 * and drivers fail now and then.
 *
 *	fuzz SECONDS SEED
 */
#include <time.h>

#include <linux/iommufd.h>

#include "model.h"

#define NR_MEMORIES	12
#define MAX_PAGES	40
#define NR_OWNERS	3

struct fuzz_memory {
	struct memory memory;
	struct iommufd_store *store;
	unsigned long address;
	bool writable;
};

static struct fuzz_memory memories[NR_MEMORIES];
static struct fake_domain fakes[MODEL_DOMAINS];
static struct task_struct task;
static struct iommufd_iova_map *map;
static struct model m;
static u64 state;
static unsigned long nr_ops, nr_failed, nr_injected, nr_mapped;

static u32 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 16;
}

static u32 below(u32 n)
{
	return rnd() % n;
}

static bool one_in(u32 n)
{
	return !below(n);
}

/* Memory */

static void make_memory(struct fuzz_memory *fm)
{
	memory_init(&fm->memory, 1 + below(MAX_PAGES), one_in(2) ? 1 : 3);
	fm->address = one_in(8) ? 0 : (unsigned long)(1 + below(4096)) << 12;
	if (one_in(4))
		fm->address |= below(8) * 512;
	if (one_in(4))
		fm->address &= ~(SIZE_2M - 1);
	fm->writable = !one_in(4);
	fm->store = memory_store(&fm->memory, fm->address, fm->writable);
	require(!IS_ERR(fm->store));
}

static void drop_memory(struct fuzz_memory *fm)
{
	iommufd_store_put(fm->store);
	memory_destroy(&fm->memory);
}

static bool is_used(const struct fuzz_memory *fm)
{
	unsigned int i;

	for (i = 0; i < m.nr_areas; i++)
		if (m.areas[i].memory == fm)
			return true;
	return false;
}

static void op_renew_memory(void)
{
	struct fuzz_memory *fm = &memories[below(NR_MEMORIES)];

	if (is_used(fm))
		return;
	drop_memory(fm);
	make_memory(fm);
}

/* Numbers */

static unsigned long any_alignment(void)
{
	static const unsigned long some[] = { 1, 512, 2048, 4096 };

	return one_in(4) ? some[below(4)] : PAGE_SIZE;
}

/* Three crowded regions: the bottom, the middle, the very top */
static unsigned long any_iova(void)
{
	unsigned long base[] = { 0, 1UL << 40, -(160UL << PAGE_SHIFT) };
	unsigned long iova = base[below(3)] + ((unsigned long)below(160) << 12);

	return iova + (below(4096) & -any_alignment());
}

static struct iommufd_range any_range(u32 max_pages)
{
	struct iommufd_range r = { .start = any_iova() };
	unsigned long length = (unsigned long)(1 + below(max_pages)) << 12;

	if (one_in(8))
		length += below(4096) + 1;
	r.last = r.start + length - 1;
	if (r.last < r.start)
		r.last = ULONG_MAX;
	return r;
}

static const struct model_area *any_area(void)
{
	return m.nr_areas ? &m.areas[below(m.nr_areas)] : NULL;
}

/* Failures */

static unsigned long *injected_into;

static void inject(void)
{
	struct memory *mem;

	host_slab.nr_calls = 0;
	host_slab.fail_at = 0;
	host_slab.failed = false;
	injected_into = NULL;
	switch (below(24)) {
	case 0:
		host_slab.fail_at = 1 + below(6);
		break;
	case 1:
		mem = &memories[below(NR_MEMORIES)].memory;
		mem->fail_pin = 1;
		mem->fail_errno = -EFAULT;
		injected_into = &mem->fail_pin;
		break;
	case 2:
		injected_into = &fakes[below(MODEL_DOMAINS)].fail_map;
		*injected_into = 1 + below(12);
		break;
	}
}

/* Returns whether the failure came true */
static bool stop_injecting(void)
{
	bool failed = host_slab.failed;

	if (injected_into) {
		failed |= !*injected_into;
		*injected_into = 0;
	}
	host_slab.fail_at = 0;
	return failed;
}

/* @err is what a call returned, @expect what it should if nothing failed */
static bool judge(int err, int expect)
{
	nr_failed += !!err;
	if (stop_injecting()) {
		nr_injected++;
		require(err == -ENOMEM || err == -EFAULT);
		return false;
	}
	if (err != expect) {
		fprintf(stderr, "got %d, not %d\n", err, expect);
		abort();
	}
	return !err;
}

/* The in-kernel user */

#define MAX_PINS 24

static struct iommufd_map_user *user;
static struct iommufd_range pins[MAX_PINS];
static unsigned int nr_pins;
static unsigned long nr_pinned, nr_cut;

static void drop_pin(unsigned int i)
{
	struct iommufd_range pin = pins[i];

	pins[i] = pins[--nr_pins];
	iommufd_map_unpin(user, pin.start, pin.last - pin.start + 1);
}

static void unmap_op(void *data, unsigned long iova, unsigned long length_bytes)
{
	unsigned int i = 0;

	require(!host_locks_held && data == &m);
	while (i < nr_pins) {
		if (pins[i].last >= iova &&
		    pins[i].start <= iova + length_bytes - 1)
			drop_pin(i);
		else
			i++;
	}
}

static const struct iommufd_access_ops user_ops = { .unmap = unmap_op };

/* Comparing */

static void check_area(struct fake_domain *fake, const struct model_area *a)
{
	unsigned long at;

	for (at = a->start;; at += GRANULE) {
		require(fake_domain_phys(fake, at) ==
			memory_phys(&a->memory->memory,
				    a->offset + (at - a->start)));
		if (a->last - at < GRANULE)
			break;
	}
}

static void check_domain(struct fake_domain *fake)
{
	unsigned long granules = 0;
	unsigned int i;

	for (i = 0; i < m.nr_areas; i++) {
		check_area(fake, &m.areas[i]);
		granules += (m.areas[i].last - m.areas[i].start) / GRANULE + 1;
	}
	require(fake->nr_entries == granules);
	require(!fake->nr_stale);
}

static const struct model_area *area_at(unsigned long iova);

static void check_pins(const struct fuzz_memory *fm)
{
	u8 held[MAX_PAGES] = {};
	unsigned int i;
	u64 page;

	if (model_nr_domains(&m)) {
		for (i = 0; i < m.nr_areas; i++) {
			const struct model_area *a = &m.areas[i];
			u64 end = a->offset + (a->last - a->start);

			if (a->memory != fm)
				continue;
			for (page = a->offset >> PAGE_SHIFT;
			     page <= end >> PAGE_SHIFT; page++)
				held[page] = 1;
		}
	}
	for (i = 0; i < nr_pins; i++) {
		unsigned long at = pins[i].start;

		for (;;) {
			const struct model_area *a = area_at(at);

			require(a);
			if (a->memory == fm)
				held[(a->offset + (at - a->start)) >> PAGE_SHIFT] = 1;
			if (pins[i].last - at < PAGE_SIZE)
				break;
			at += PAGE_SIZE;
		}
	}
	require(!memcmp(held, fm->memory.nr_pins, fm->memory.npages));
}

static void check_stats(void)
{
	struct iommufd_map_stats stats;
	u64 bytes = 0;
	unsigned int i;

	for (i = 0; i < m.nr_areas; i++)
		bytes += m.areas[i].last - m.areas[i].start + 1;
	iommufd_map_stats(map, &stats);
	require(stats.nr_areas == m.nr_areas);
	require(stats.nr_domains == model_nr_domains(&m));
	require(stats.mapped_bytes == bytes);
	require(stats.pinned_bytes == (model_nr_domains(&m) ? bytes : 0));
}

static void check_all(void)
{
	unsigned int i;

	for (i = 0; i < MODEL_DOMAINS; i++)
		if (m.domains[i].fake)
			check_domain(m.domains[i].fake);
	for (i = 0; i < NR_MEMORIES; i++)
		check_pins(&memories[i]);
}

/* Operations */

static void add_pieces(unsigned long iova, const struct fuzz_memory *const *fms,
		       const struct model_piece *pieces, unsigned int nr,
		       bool writable)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		m.areas[m.nr_areas++] = (struct model_area){
			.start = iova,
			.last = iova + pieces[i].length - 1,
			.memory = (struct fuzz_memory *)fms[i],
			.offset = pieces[i].offset,
			.writable = writable,
		};
		iova += pieces[i].length;
	}
	nr_mapped++;
}

#define MAX_PIECES 8

static void map_pieces(const struct fuzz_memory *const *fms,
		       const struct model_piece *pieces, unsigned int nr)
{
	bool fixed = one_in(2), write = one_in(2), may_write = true;
	unsigned long iova = any_iova(), expect_iova = iova;
	struct iommufd_slice slices[MAX_PIECES];
	int err, expect;
	unsigned int i;

	if (m.nr_areas + nr > MODEL_AREAS)
		return;
	for (i = 0; i < nr; i++) {
		may_write &= fms[i]->writable;
		slices[i].store = iommufd_store_get(fms[i]->store);
		slices[i].offset_bytes = pieces[i].offset;
		slices[i].length_bytes = pieces[i].length;
	}
	expect = model_check_map(&m, fms[0]->address & PAGE_MASK, pieces, nr,
				 fixed, &expect_iova);
	if (!expect && write && !may_write)
		expect = -EPERM;

	inject();
	err = iommufd_map_insert(map, slices, nr, &iova,
				 write ? IOMMU_READ | IOMMU_WRITE : IOMMU_READ,
				 fixed ? IOMMUFD_MAP_FIXED : 0, NULL);
	if (judge(err, expect)) {
		require(iova == expect_iova);
		add_pieces(iova, fms, pieces, nr, write);
	}
	if (err)
		for (i = 0; i < nr; i++)
			iommufd_store_put(slices[i].store);
}

static struct model_piece any_piece(const struct fuzz_memory *fm)
{
	u64 end = (u64)fm->memory.npages << PAGE_SHIFT;
	u64 start = offset_in_page(fm->address);
	struct model_piece piece;

	piece.offset = start;
	if (one_in(3))
		piece.offset += below(end - start) & -any_alignment();
	piece.length = end - piece.offset;
	if (one_in(2))
		piece.length = 1 + below(piece.length);
	if (!one_in(8))
		piece.length = (piece.length + 511) & -512;
	if (!one_in(4))
		piece.length = (piece.length + 4095) & -4096;
	if (piece.offset + piece.length > end)
		piece.length = end - piece.offset;
	return piece;
}

static void op_map(void)
{
	const struct fuzz_memory *fms[MAX_PIECES];
	struct model_piece pieces[MAX_PIECES];
	unsigned int i, nr = one_in(8) ? 1 + below(MAX_PIECES) : 1;

	for (i = 0; i < nr; i++) {
		fms[i] = &memories[below(NR_MEMORIES)];
		pieces[i] = any_piece(fms[i]);
	}
	map_pieces(fms, pieces, nr);
}

static const struct model_area *area_at(unsigned long iova)
{
	unsigned int i;

	for (i = 0; i < m.nr_areas; i++)
		if (iova >= m.areas[i].start && iova <= m.areas[i].last)
			return &m.areas[i];
	return NULL;
}

/* Returns the number of pieces, 0 when the range is not mapped throughout */
static unsigned int expect_slices(struct iommufd_range r,
				  const struct fuzz_memory **fms,
				  struct model_piece *pieces, unsigned int max)
{
	unsigned int nr;

	for (nr = 0; nr < max; nr++) {
		const struct model_area *a = area_at(r.start);

		if (!a)
			return 0;
		fms[nr] = a->memory;
		pieces[nr].offset = a->offset + (r.start - a->start);
		pieces[nr].length = min(a->last, r.last) - r.start + 1;
		if (a->last >= r.last)
			return nr + 1;
		r.start = a->last + 1;
	}
	return nr;
}

static void op_copy(void)
{
	const struct fuzz_memory *fms[64];
	const struct model_area *a = any_area();
	struct model_piece pieces[64];
	struct iommufd_range r = any_range(32);
	struct iommufd_slices slices;
	unsigned int i, expect;
	int err;

	if (a && !one_in(4)) {
		r.start = a->start;
		r.last = a->last;
		if (one_in(3))
			r.start += below(r.last - r.start + 1) & -any_alignment();
		/* Not across the top of the space, to the area at its bottom */
		if (one_in(3) && r.last != ULONG_MAX && area_at(r.last + 1))
			r.last = area_at(r.last + 1)->last;
	}
	if (!r.start && r.last == ULONG_MAX)
		return;
	expect = expect_slices(r, fms, pieces, 64);
	inject();
	err = iommufd_map_slices(map, r.start, r.last - r.start + 1, &slices);
	if (!judge(err, expect ? 0 : -ENOENT))
		return;
	require(slices.nr == expect);
	for (i = 0; i < slices.nr; i++) {
		require(slices.list[i].store == fms[i]->store);
		require(slices.list[i].offset_bytes == pieces[i].offset);
		require(slices.list[i].length_bytes == pieces[i].length);
		iommufd_store_put(slices.list[i].store);
	}
	iommufd_slices_free(&slices);
	if (slices.nr <= MAX_PIECES)
		map_pieces(fms, pieces, slices.nr);
}

static void op_unmap(void)
{
	struct iommufd_range r = any_range(64);
	const struct model_area *a = any_area();
	u64 bytes, expect_bytes;
	int err, expect;

	if (a && !one_in(4)) {
		r.start = a->start;
		r.last = a->last;
	}
	expect = model_check_unmap(&m, r.start, r.last, &expect_bytes);
	host_slab.nr_calls = 0;
	err = iommufd_map_remove(map, r.start, r.last, &bytes);
	require(err == expect && bytes == expect_bytes);
	require(!host_slab.nr_calls);
	if (!err)
		model_unmap(&m, r.start, r.last);
	else
		nr_failed++;
}

static void op_unmap_all(void)
{
	u64 bytes, expect_bytes;

	if (!one_in(8))
		return;
	model_check_unmap(&m, 0, ULONG_MAX, &expect_bytes);
	require(!iommufd_map_remove_all(map, &bytes));
	require(bytes == expect_bytes);
	model_unmap(&m, 0, ULONG_MAX);
}

static void op_join_or_leave(void)
{
	unsigned int i;
	int expect = 0, err;

	if (m.pinner) {
		if (!one_in(4))
			return;
		require(!iommufd_map_remove_user(user, false));
		require(!nr_pins);
		require(iommufd_map_pin(user, 0, 1, NULL, 0) == -ENOENT);
		iommufd_map_user_put(user);
		m.pinner = false;
		return;
	}
	for (i = 0; i < m.nr_areas; i++)
		if ((m.areas[i].start | (m.areas[i].last + 1) |
		     m.areas[i].offset) % PAGE_SIZE)
			expect = -EADDRINUSE;
	inject();
	user = iommufd_map_add_user(map, &user_ops, &m);
	err = PTR_ERR_OR_ZERO(user);
	if (judge(err, expect))
		m.pinner = true;
}

static int check_pin(struct iommufd_range r, bool write)
{
	int err = 0;

	for (;;) {
		const struct model_area *a = area_at(r.start);

		if (!a)
			return -ENOENT;
		if ((a->offset + (r.start - a->start)) % PAGE_SIZE)
			return -EINVAL;
		if (write && !a->writable)
			err = -EPERM;
		if (a->last >= r.last)
			return err;
		r.start = a->last + 1;
	}
}

static void op_pin(void)
{
	struct page *pages[2 * 64 + 2];
	const struct model_area *a = any_area();
	struct iommufd_range r = any_range(8);
	bool write = one_in(4);
	unsigned long at;
	int err;

	if (!m.pinner || nr_pins == MAX_PINS)
		return;
	if (nr_pins && one_in(4)) {
		drop_pin(below(nr_pins));
		return;
	}
	if (a && !one_in(8)) {
		r.start = a->start;
		if (one_in(2))
			r.start += below(a->last - a->start + 1) & PAGE_MASK;
		r.last = a->last;
		if (one_in(4) && r.last != ULONG_MAX && area_at(r.last + 1))
			r.last = area_at(r.last + 1)->last;
	}
	if (r.last - r.start >= ARRAY_SIZE(pages) * PAGE_SIZE)
		return;
	inject();
	err = iommufd_map_pin(user, r.start, r.last - r.start + 1, pages,
			      write ? IOMMUFD_ACCESS_WRITE : 0);
	if (!judge(err, check_pin(r, write)))
		return;
	pins[nr_pins++] = r;
	nr_pinned++;
	for (at = r.start;; at += PAGE_SIZE) {
		a = area_at(at);
		require(page_to_phys(pages[(at - r.start) / PAGE_SIZE]) ==
			memory_phys(&a->memory->memory,
				    a->offset + (at - a->start)));
		if (r.last - at < PAGE_SIZE)
			break;
	}
}

static void op_cut(void)
{
	struct model_area *a = (struct model_area *)any_area();
	unsigned long iova = any_iova();
	int expect = 0, err;

	if (a && !one_in(4)) {
		iova = a->start + below(a->last - a->start + 1);
		if (!one_in(8))
			iova &= PAGE_MASK;
	}
	a = (struct model_area *)area_at(iova);
	if (a && a->start == iova)
		a = NULL;
	if (m.nr_areas == MODEL_AREAS)
		return;
	if (a && (m.huge_pages || iova % model_alignment(&m)))
		expect = -EINVAL;
	inject();
	err = iommufd_map_split(map, iova);
	if (!judge(err, expect) || !a)
		return;
	nr_cut++;
	m.areas[m.nr_areas] = *a;
	m.areas[m.nr_areas].start = iova;
	m.areas[m.nr_areas].offset += iova - a->start;
	m.nr_areas++;
	a->last = iova - 1;
}

static void op_add_domain(void)
{
	static const unsigned long sizes[] = { 512, 2048, 4096, 4096, 8192 };
	unsigned int i = below(MODEL_DOMAINS);
	struct model_domain md = {
		.fake = &fakes[i],
		.page = sizes[below(5)],
		.last = ULONG_MAX,
	};
	int err, expect;

	if (m.domains[i].fake)
		return;
	fake_domain_init(md.fake, md.page, !one_in(4));
	if (one_in(2)) {
		md.start = one_in(2) ? 0 : 16 << PAGE_SHIFT;
		md.last = one_in(2) ? (1UL << 48) - 1 : ULONG_MAX;
		md.fake->domain.geometry.force_aperture = true;
		md.fake->domain.geometry.aperture_start = md.start;
		md.fake->domain.geometry.aperture_end = md.last;
	}
	expect = model_check_domain(&m, &md);
	inject();
	err = iommufd_map_add_domain(map, &md.fake->domain);
	if (judge(err, expect))
		m.domains[i] = md;
	else
		fake_domain_destroy(md.fake);
}

static void op_remove_domain(void)
{
	unsigned int i = below(MODEL_DOMAINS);

	if (!m.domains[i].fake)
		return;
	host_slab.nr_calls = 0;
	iommufd_map_remove_domain(map, &m.domains[i].fake->domain);
	require(!host_slab.nr_calls);
	fake_domain_destroy(m.domains[i].fake);
	m.domains[i].fake = NULL;
}

static void op_reserve(void)
{
	struct iommufd_range r = any_range(8);
	int owner = below(NR_OWNERS), err;

	if (m.nr_reserved == MODEL_RANGES)
		return;
	inject();
	err = iommufd_map_reserve(map, r.start, r.last, &fakes[owner]);
	if (judge(err, model_check_reserve(&m, r.start, r.last)))
		m.reserved[m.nr_reserved++] = (struct model_range){
			r.start, r.last, owner };
}

static void op_unreserve(void)
{
	int owner = below(NR_OWNERS);
	unsigned int i = 0;

	iommufd_map_unreserve(map, &fakes[owner]);
	while (i < m.nr_reserved) {
		if (m.reserved[i].owner == owner)
			m.reserved[i] = m.reserved[--m.nr_reserved];
		else
			i++;
	}
}

static void op_allow(void)
{
	struct iommufd_range ranges[MODEL_RANGES];
	unsigned int i, nr = one_in(2) ? 0 : below(MODEL_RANGES);
	int err;

	for (i = 0; i < nr; i++)
		ranges[i] = any_range(24);
	inject();
	err = iommufd_map_set_allowed(map, ranges, nr);
	if (!judge(err, model_check_allowed(&m, ranges, nr)))
		return;
	m.nr_allowed = nr;
	memcpy(m.allowed, ranges, nr * sizeof(*ranges));
}

static void op_huge_pages(void)
{
	unsigned int i;
	bool on = below(4);
	int expect = 0;

	if (!on && m.huge_pages) {
		for (i = 0; i < m.nr_areas; i++)
			if ((m.areas[i].start | (m.areas[i].last + 1) |
			     m.areas[i].offset) % PAGE_SIZE)
				expect = -EADDRINUSE;
		if (model_nr_domains(&m) && m.nr_areas)
			expect = -EINVAL;
	}
	require(iommufd_map_set_huge_pages(map, on) == expect);
	if (!expect)
		m.huge_pages = on;
	require(iommufd_map_huge_pages(map) == m.huge_pages);
}

/* Every IOVA near an edge is in exactly one kind of range */
static void op_usable(void)
{
	struct iommufd_range ranges[MODEL_RANGES + 2];
	unsigned int nr, i;
	unsigned long alignment, at;

	nr = iommufd_map_usable(map, ranges, ARRAY_SIZE(ranges), &alignment);
	require(nr <= ARRAY_SIZE(ranges) && alignment == model_alignment(&m));
	for (i = 0; i < nr; i++) {
		require(ranges[i].start <= ranges[i].last);
		require(!i || ranges[i].start - 1 > ranges[i - 1].last);
		require(!model_is_reserved(&m, ranges[i].start, ranges[i].last));
		at = ranges[i].start - 1;
		require(!ranges[i].start || model_is_reserved(&m, at, at));
		at = ranges[i].last + 1;
		require(!at || model_is_reserved(&m, at, at));
	}
	at = any_iova();
	for (i = 0; i < nr; i++)
		if (at >= ranges[i].start && at <= ranges[i].last)
			break;
	require((i == nr) == model_is_reserved(&m, at, at));
}

static void (*const ops[])(void) = {
	op_map, op_map, op_map, op_map, op_map, op_map,
	op_copy, op_copy, op_unmap, op_unmap, op_unmap, op_unmap_all,
	op_add_domain, op_remove_domain, op_reserve, op_unreserve,
	op_pin, op_pin, op_pin, op_cut, op_join_or_leave,
	op_allow, op_huge_pages, op_usable, op_renew_memory,
};

static void step(void)
{
	unsigned int i;

	ops[below(ARRAY_SIZE(ops))]();
	nr_ops++;
	nr_events = 0;
	require(!host_locks_held);
	check_stats();
	for (i = 0; i < MODEL_DOMAINS; i++)
		if (m.domains[i].fake)
			require(!m.domains[i].fake->nr_stale);
	if (!(nr_ops % 32))
		check_all();
}

static void begin(void)
{
	unsigned int i;

	memset(&m, 0, sizeof(m));
	m.huge_pages = true;
	map = iommufd_map_create();
	require(!IS_ERR(map));
	for (i = 0; i < NR_MEMORIES; i++)
		make_memory(&memories[i]);
}

static void end(void)
{
	unsigned int i;

	check_all();
	if (m.pinner) {
		require(!iommufd_map_remove_user(user, true));
		iommufd_map_user_put(user);
	}
	for (i = 0; i < MODEL_DOMAINS; i++)
		if (m.domains[i].fake)
			iommufd_map_remove_domain(map, &fakes[i].domain);
	for (i = 0; i < MODEL_DOMAINS; i++)
		fake_domain_destroy(&fakes[i]);
	iommufd_map_destroy(map);
	for (i = 0; i < NR_MEMORIES; i++)
		drop_memory(&memories[i]);
	require(!host_slab_objects);
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 10;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	time_t stop = time(NULL) + seconds;
	unsigned long round;
	unsigned int i;

	host_current = &task;
	require(!iommufd_map_init());
	for (round = 0; time(NULL) < stop; round++) {
		state = (seed + round) * 0x9e3779b97f4a7c15 | 1;
		begin();
		for (i = 0; i < 4000; i++)
			step();
		end();
	}
	printf("%lu calls in %lu rounds from seed %llu: %lu mapped, ", nr_ops,
	       round, (unsigned long long)seed, nr_mapped);
	printf("%lu pinned, %lu split, %lu failed, %lu of them by injection\n",
	       nr_pinned, nr_cut, nr_failed, nr_injected);
	require(nr_pinned && nr_cut);
	iommufd_map_exit();
	return 0;
}
