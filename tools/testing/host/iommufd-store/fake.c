// SPDX-License-Identifier: GPL-2.0-only
#include "store/account.h"
#include "fake.h"

/*
 * Pins per frame as pin and unpin were called, and as the test believes they
 * should be. Several pages may share a frame, as they may in a process.
 */
static u16 fake_pins[2][FAKE_WINDOW];
static u16 fake_expected[2][FAKE_WINDOW];
unsigned long fake_total_pins;
unsigned long fake_huge_pins;

static u16 *counter(u16 (*table)[FAKE_WINDOW], unsigned long pfn)
{
	if (pfn >= FAKE_HIGH_PFN) {
		require(pfn - FAKE_HIGH_PFN < FAKE_WINDOW);
		return &table[1][pfn - FAKE_HIGH_PFN];
	}
	require(pfn >= FAKE_LOW_PFN && pfn - FAKE_LOW_PFN < FAKE_WINDOW);
	return &table[0][pfn - FAKE_LOW_PFN];
}

static int fake_pin(const struct iommufd_backing *backing, unsigned long first,
		    unsigned int npages, struct page **pages)
{
	struct fake_memory *mem = backing->source;
	unsigned int i;

	/* One lock is held, the one that only those who pin wait for. */
	require(host_locks_held == 1);
	require(npages && first + npages <= mem->npages);
	if (mem->on_pin)
		mem->on_pin(mem->on_pin_data, first, npages);
	if (++mem->nr_pin_calls == mem->fail_at) {
		mem->failed = true;
		return mem->fail_errno;
	}
	for (i = 0; i < npages; i++) {
		unsigned long pfn = mem->pfns[first + i];

		require(!mem->pinned[first + i]);
		mem->pinned[first + i] = 1;
		mem->pinned_pfns[first + i] = pfn;
		++*counter(fake_expected, pfn);
		++*counter(fake_pins, pfn);
		pages[i] = pfn_to_page(pfn);
	}
	mem->nr_pinned += npages;
	fake_total_pins += npages;
	return 0;
}

/* Seldom a huge page cannot be pinned at once, and calls that shall fail never. */
static bool is_huge_now(const struct fake_memory *mem, unsigned long first,
			unsigned int npages)
{
	unsigned int i;

	if (mem->nr_pin_calls % 4 == 3 || mem->nr_pin_calls + 1 == mem->fail_at)
		return false;
	for (i = 1; i < npages; i++)
		if (mem->pfns[first + i] != mem->pfns[first] + i)
			return false;
	return true;
}

static struct page *fake_pin_huge(const struct iommufd_backing *backing,
				  unsigned long first, unsigned int npages)
{
	struct fake_memory *mem = backing->source;
	struct page *pages[512];

	require(npages <= ARRAY_SIZE(pages));
	require(npages && first + npages <= mem->npages);
	if (!is_huge_now(mem, first, npages))
		return NULL;
	require(!fake_pin(backing, first, npages, pages));
	fake_huge_pins++;
	return pages[0];
}

static void fake_unpin(const struct iommufd_backing *backing,
		       unsigned long pfn, unsigned long npages)
{
	require(npages);
	fake_total_pins -= npages;
	for (; npages; npages--, pfn++) {
		require(*counter(fake_pins, pfn));
		--*counter(fake_pins, pfn);
	}
}

const struct iommufd_pin_ops fake_pin_ops = {
	.pin = fake_pin,
	.pin_huge = fake_pin_huge,
	.unpin = fake_unpin,
};

/* From here on the test believes that a page is not pinned any more. */
void fake_expect_unpinned(struct fake_memory *mem, unsigned long page)
{
	require(mem->pinned[page]);
	mem->pinned[page] = 0;
	mem->nr_pinned--;
	--*counter(fake_expected, mem->pinned_pfns[page]);
}

/* Compare what was done to the frame of a page with what the test believes. */
void fake_check_page(struct fake_memory *mem, unsigned long page)
{
	unsigned long pfn = mem->pinned_pfns[page];

	require(!pfn || *counter(fake_pins, pfn) == *counter(fake_expected, pfn));
}

void fake_init(struct fake_memory *mem, unsigned long npages, unsigned long skew)
{
	memset(mem, 0, sizeof(*mem));
	mem->npages = npages;
	mem->skew = skew;
	mem->pfns = calloc(npages, sizeof(*mem->pfns));
	mem->pinned_pfns = calloc(npages, sizeof(*mem->pinned_pfns));
	mem->pinned = calloc(npages, 1);
	if (!mem->pfns || !mem->pinned_pfns || !mem->pinned)
		abort();
}

void fake_destroy(struct fake_memory *mem)
{
	require(!mem->nr_pinned);
	free(mem->pfns);
	free(mem->pinned_pfns);
	free(mem->pinned);
}

/* Leaves the caller its reference to the account */
struct iommufd_store *fake_store(struct fake_memory *mem,
				 struct iommufd_account *account,
				 unsigned int page_offset_bytes)
{
	struct iommufd_backing backing = {
		.ops = &fake_pin_ops,
		.source = mem,
		.start_bytes = 0x7f0000000000UL + (mem->skew << PAGE_SHIFT),
		.writable = true,
	};
	struct iommufd_store *store;

	if (account)
		iommufd_account_get(account);
	store = iommufd_store_create(&backing, account, mem->npages,
				     page_offset_bytes);
	if (IS_ERR(store))
		iommufd_account_put(account);
	return store;
}
