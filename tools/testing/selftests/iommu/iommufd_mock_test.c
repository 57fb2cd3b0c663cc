// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock IOMMU itself: devices come and go, and what its test call says about
 * page tables and pins is so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define MEM_PAGES	4
#define MEM_BYTES	(MEM_PAGES * PAGE_BYTES)

/* An address space with a device; four pages are mapped */
FIXTURE(mock)
{
	int fd;
	uint32_t ioas;
	struct mock_ids ids;
	uint8_t *mem;
};

FIXTURE_SETUP(mock)
{
	self->fd = mock_space(&self->ioas, &self->ids);
	if (self->fd == -ENOTTY)
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_LE(0, self->fd);
	self->mem = memory_alloc(MEM_BYTES);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, MEM_BYTES, IOVA));
}

FIXTURE_TEARDOWN(mock)
{
	if (self->mem)
		munmap(self->mem, MEM_BYTES);
	EXPECT_EQ(0, close(self->fd));
}

TEST_F(mock, map_is_seen)
{
	struct iommu_test_ext stats;

	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, IOVA, MEM_BYTES, self->mem));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, self->ids.hwpt, IOVA, MEM_BYTES - PAGE_BYTES,
					  self->mem + PAGE_BYTES));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, self->ids.hwpt, IOVA + 1, MEM_BYTES,
					  self->mem));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, self->ids.hwpt, IOVA, ALL_ONES << 11,
					  self->mem));
	EXPECT_EQ(-ENOENT, mock_check_map(self->fd, self->ioas, IOVA, MEM_BYTES, self->mem));
	EXPECT_EQ(-EFAULT, mock_check_map(self->fd, self->ids.hwpt, IOVA, PAGE_BYTES, NULL));

	ASSERT_EQ(0, mock_table_stats(self->fd, self->ids.hwpt, &stats));
	EXPECT_EQ(MEM_BYTES, stats.table_stats.out_mapped_bytes);
	EXPECT_EQ(MEM_BYTES / PAGE_BYTES, stats.table_stats.out_nr_pages);
	EXPECT_EQ(0, stats.table_stats.out_nr_huge);
	ASSERT_EQ(0, mock_ioas_stats(self->fd, self->ioas, &stats));
	EXPECT_EQ(1, stats.ioas_stats.out_nr_domains);
	EXPECT_EQ(MEM_BYTES, stats.ioas_stats.out_pinned_bytes);
}

TEST_F(mock, unmap_is_seen)
{
	struct iommu_test_ext page;

	ASSERT_EQ(0, mock_page_at(self->fd, self->ids.hwpt, IOVA + 2049, &page));
	EXPECT_EQ(IOVA, page.page_at.out_page_iova);
	EXPECT_EQ(PAGE_BYTES, page.page_at.out_page_size);
	EXPECT_EQ(3, page.page_at.out_prot);
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(-ENOENT, mock_page_at(self->fd, self->ids.hwpt, IOVA, &page));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, self->ids.hwpt, IOVA, MEM_BYTES, self->mem));
}

TEST_F(mock, pins_are_counted)
{
	uint64_t copy = IOVA + MEM_BYTES;

	EXPECT_EQ(0, mock_check_refs(self->fd, self->mem, MEM_BYTES, 1));
	EXPECT_EQ(-EIO, mock_check_refs(self->fd, self->mem, MEM_BYTES, 0));
	/* A copy shares the pins */
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, &copy, self->ioas, IOVA, MEM_BYTES,
			       MAP_FIXED_RW));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->mem, MEM_BYTES, 1));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES,
				    IOVA + 2 * MEM_BYTES));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->mem, PAGE_BYTES, 2));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->mem + PAGE_BYTES, PAGE_BYTES, 1));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->mem, MEM_BYTES, 0));
	EXPECT_EQ(-EINVAL, mock_check_refs(self->fd, self->mem + 1, PAGE_BYTES, 0));
	EXPECT_EQ(-EINVAL, mock_check_refs(self->fd, self->mem, PAGE_BYTES - 1, 0));
	EXPECT_EQ(-EFAULT, mock_check_refs(self->fd, NULL, PAGE_BYTES, 0));
}

TEST_F(mock, wrong_ids)
{
	struct mock_ids ids;

	EXPECT_EQ(-ENOENT, mock_domain(self->fd, 0, 0, &ids));
	EXPECT_EQ(-ENOENT, mock_domain(self->fd, NO_SUCH_ID, 0, &ids));
	EXPECT_EQ(-EINVAL, mock_domain(self->fd, self->ids.stdev, 0, &ids));
	EXPECT_EQ(-EINVAL, mock_domain(self->fd, self->ids.dev, 0, &ids));
	/* Flags come first */
	EXPECT_EQ(-EINVAL, mock_domain(self->fd, NO_SUCH_ID, 2, &ids));
	EXPECT_EQ(-EINVAL, mock_domain(self->fd, self->ioas, 8, &ids));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->ids.dev));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->ids.hwpt));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->ioas));
}

TEST_F(mock, destroy_unbinds)
{
	ASSERT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, self->ids.dev));
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, self->ids.hwpt));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->mem, MEM_BYTES, 0));
	EXPECT_EQ(0, object_destroy(self->fd, self->ioas));
}

TEST_F(mock, second_device_shares_the_page_table)
{
	struct mock_ids other;

	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, MOCK_FLAGS_DEVICE_PASID, &other));
	EXPECT_EQ(self->ids.hwpt, other.hwpt);
	EXPECT_NE(self->ids.dev, other.dev);
	ASSERT_EQ(0, object_destroy(self->fd, other.stdev));
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, IOVA, MEM_BYTES, self->mem));
}

TEST_F(mock, replace_moves_the_device)
{
	uint32_t ioas, pt_id;

	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas));
	pt_id = ioas;
	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &pt_id));
	EXPECT_NE(self->ids.hwpt, pt_id);
	EXPECT_EQ(-ENOENT, mock_check_map(self->fd, self->ids.hwpt, IOVA, MEM_BYTES, self->mem));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, pt_id, IOVA, MEM_BYTES, self->mem));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->mem, MEM_BYTES, 0));
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, self->ids.stdev));

	pt_id = NO_SUCH_ID;
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, self->ids.stdev, &pt_id));
	pt_id = self->ids.dev;
	EXPECT_EQ(-EINVAL, mock_replace(self->fd, self->ids.stdev, &pt_id));
	pt_id = self->ioas;
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, self->ids.dev, &pt_id));
	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &pt_id));
	EXPECT_EQ(0, mock_check_map(self->fd, pt_id, IOVA, MEM_BYTES, self->mem));
}

TEST_F(mock, group_of_two_moves_together)
{
	struct mock_ids other, third;
	uint32_t ioas, pt_id;

	ASSERT_EQ(0, mock_add_device(self->fd, self->ids.stdev, self->ioas, &other));
	EXPECT_EQ(self->ids.hwpt, other.hwpt);
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, other.stdev));

	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas));
	EXPECT_EQ(-EINVAL, mock_add_device(self->fd, self->ids.stdev, ioas, &third));
	pt_id = ioas;
	ASSERT_EQ(0, mock_replace(self->fd, other.stdev, &pt_id));
	/* The first one's old page table is gone, so it moved as well */
	EXPECT_EQ(-ENOENT, mock_check_map(self->fd, self->ids.hwpt, IOVA, MEM_BYTES, self->mem));
	ASSERT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, other.stdev));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, pt_id));
	ASSERT_EQ(0, object_destroy(self->fd, other.stdev));
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, pt_id));
}

TEST_F(mock, reserved_addresses)
{
	uint64_t iova = IOVA + MEM_BYTES;

	EXPECT_EQ(-EINVAL, mock_reserve(self->fd, NO_SUCH_ID, IOVA, 0));
	EXPECT_EQ(-EOVERFLOW, mock_reserve(self->fd, NO_SUCH_ID, ALL_ONES, 2));
	EXPECT_EQ(-ENOENT, mock_reserve(self->fd, NO_SUCH_ID, ALL_ONES, 1));
	EXPECT_EQ(-EADDRINUSE, mock_reserve(self->fd, self->ioas, iova - 1, 1));
	ASSERT_EQ(0, mock_reserve(self->fd, self->ioas, iova, PAGE_BYTES));
	EXPECT_EQ(-EINVAL, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES, iova));
	EXPECT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES,
				    iova + PAGE_BYTES));
}

TEST_F(mock, aperture_bounds_maps)
{
	struct mock_ids ids;
	uint32_t ioas;

	EXPECT_EQ(-EINVAL, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES,
					  IOVA - PAGE_BYTES));
	EXPECT_EQ(-EINVAL, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES,
					  MOCK_APERTURE_LAST + 1ULL));
	EXPECT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES,
				    MOCK_APERTURE_LAST + 1ULL - PAGE_BYTES));

	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, ioas, self->mem, PAGE_BYTES, 0));
	EXPECT_EQ(-EADDRINUSE, mock_domain(self->fd, ioas, 0, &ids));
}

/* Pages where addresses and memory allow it, halves where not */
TEST_F(mock, half_pages)
{
	uint64_t iova = IOVA + MEM_BYTES + MOCK_PAGE_SIZE, at;
	uint8_t *half = self->mem + MOCK_PAGE_SIZE;
	struct iommu_test_ext page;

	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, half, 2 * PAGE_BYTES, iova));
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, iova, 2 * PAGE_BYTES, half));
	for (at = iova; at < iova + 2 * PAGE_BYTES; at += page.page_at.out_page_size) {
		ASSERT_EQ(0, mock_page_at(self->fd, self->ids.hwpt, at, &page));
		EXPECT_EQ(at, page.page_at.out_page_iova);
		EXPECT_EQ(at % PAGE_BYTES || at > iova + PAGE_BYTES ? MOCK_PAGE_SIZE : PAGE_BYTES,
			  page.page_at.out_page_size);
	}
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, iova, 2 * PAGE_BYTES, NULL));
	EXPECT_EQ(-ENOENT, mock_page_at(self->fd, self->ids.hwpt, iova, &page));

	/* Half a page off its memory: no page has both halves in one */
	iova -= MOCK_PAGE_SIZE;
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, half, 2 * PAGE_BYTES, iova));
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, iova, 2 * PAGE_BYTES, half));
	for (at = iova; at < iova + 2 * PAGE_BYTES; at += MOCK_PAGE_SIZE) {
		ASSERT_EQ(0, mock_page_at(self->fd, self->ids.hwpt, at, &page));
		EXPECT_EQ(at, page.page_at.out_page_iova);
		EXPECT_EQ(MOCK_PAGE_SIZE, page.page_at.out_page_size);
	}
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, iova, 2 * PAGE_BYTES, NULL));
}

/* So with huge pages off, where each page is mapped by itself */
TEST_F(mock, pages_with_huge_pages_off)
{
	struct iommu_test_ext stats;

	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, 0));
	EXPECT_EQ(-EINVAL, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES,
					  IOVA + MOCK_PAGE_SIZE));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, MEM_BYTES, IOVA));
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, IOVA, MEM_BYTES, self->mem));
	ASSERT_EQ(0, mock_table_stats(self->fd, self->ids.hwpt, &stats));
	EXPECT_EQ(MEM_PAGES, stats.table_stats.out_nr_pages);
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, IOVA, MEM_BYTES, NULL));
}

/* Four words, which nothing but a virtual IOMMU ever changes */
TEST_F(mock, cache_of_a_device)
{
	struct mock_ids other;
	uint32_t word;

	for (word = 0; word < MOCK_DEV_CACHE_NUM; word++) {
		EXPECT_EQ(0, mock_check_dev_cache(self->fd, self->ids.dev, word,
						  IOMMU_TEST_DEV_CACHE_DEFAULT));
		EXPECT_EQ(-EINVAL, mock_check_dev_cache(self->fd, self->ids.dev, word, 0));
	}
	EXPECT_EQ(-EINVAL, mock_check_dev_cache(self->fd, self->ids.dev, MOCK_DEV_CACHE_ID_MAX + 1,
						IOMMU_TEST_DEV_CACHE_DEFAULT));
	EXPECT_EQ(-EINVAL, mock_check_dev_cache(self->fd, self->ids.dev, UINT32_MAX,
						IOMMU_TEST_DEV_CACHE_DEFAULT));
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, MOCK_FLAGS_DEVICE_PASID, &other));
	EXPECT_EQ(0, mock_check_dev_cache(self->fd, other.dev, 3, IOMMU_TEST_DEV_CACHE_DEFAULT));
	ASSERT_EQ(0, object_destroy(self->fd, other.stdev));
	/* The device, not what stands for it elsewhere */
	EXPECT_EQ(-ENOENT, mock_check_dev_cache(self->fd, other.dev, 0,
						IOMMU_TEST_DEV_CACHE_DEFAULT));
	EXPECT_EQ(-ENOENT, mock_check_dev_cache(self->fd, self->ids.stdev, 0,
						IOMMU_TEST_DEV_CACHE_DEFAULT));
	EXPECT_EQ(-ENOENT, mock_check_dev_cache(self->fd, self->ids.hwpt, 9, 0));
	EXPECT_EQ(-ENOENT, mock_check_dev_cache(self->fd, NO_SUCH_ID, 0, 0));
}

TEST_F(mock, results_that_cannot_be_written)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN, .id = self->ioas,
	};
	uint32_t before, after;

	ASSERT_EQ(0, ioas_alloc(self->fd, &before));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_TEST_CMD,
					read_only_copy(&cmd, sizeof(cmd))));
	/* Nothing of the device is left: not even a user of the page table */
	ASSERT_EQ(0, ioas_alloc(self->fd, &after));
	ASSERT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(0, object_destroy(self->fd, self->ioas));
}

TEST_F(mock, access_pins_and_lets_go)
{
	uint32_t item, other;
	int access;

	EXPECT_EQ(-EOPNOTSUPP, mock_access(self->fd, NO_SUCH_ID, 2));
	EXPECT_EQ(-ENOENT, mock_access(self->fd, NO_SUCH_ID, 0));
	access = mock_access(self->fd, self->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	ASSERT_LE(0, access);
	ASSERT_EQ(0, mock_access_pin(self->fd, access, IOVA, MEM_BYTES, self->mem,
				     MOCK_FLAGS_ACCESS_WRITE, &item));
	EXPECT_EQ(0, item);
	ASSERT_EQ(0, mock_access_pin(self->fd, access, IOVA + PAGE_BYTES, PAGE_BYTES, NULL, 0,
				     &other));
	EXPECT_EQ(1, other);
	EXPECT_EQ(-EBADE, mock_access_pin(self->fd, access, IOVA, PAGE_BYTES,
					  self->mem + PAGE_BYTES, 0, &other));
	EXPECT_EQ(-EOPNOTSUPP, mock_access_pin(self->fd, -1, IOVA, PAGE_BYTES, NULL, 2, &other));
	EXPECT_EQ(-ENOMEM, mock_access_pin(self->fd, -1, IOVA, (16 << 20) + 1, NULL, 2, &other));
	EXPECT_EQ(-EBADFD, mock_access_pin(self->fd, self->fd, IOVA, PAGE_BYTES, NULL, 0, &other));
	EXPECT_EQ(-EINVAL, mock_access_pin(self->fd, access, IOVA, 0, NULL, 0, &other));
	EXPECT_EQ(-EOVERFLOW, mock_access_pin(self->fd, access, -PAGE_BYTES, 2 * PAGE_BYTES, NULL,
					      0, &other));
	EXPECT_EQ(-ENOENT, mock_access_pin(self->fd, access, IOVA, MEM_BYTES + PAGE_BYTES, NULL, 0,
					   &other));
	EXPECT_EQ(2, object_stat(self->fd, self->ioas, "kernel-pins"));
	EXPECT_EQ(0, mock_access_unpin(self->fd, access, 1));
	EXPECT_EQ(1, object_stat(self->fd, self->ioas, "kernel-pins"));
	EXPECT_EQ(-ENOENT, mock_access_unpin(self->fd, access, 1));
	/* The unmap asks for the rest */
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(-ENOENT, mock_access_unpin(self->fd, access, item));
	EXPECT_EQ(0, object_stat(self->fd, self->ioas, "kernel-pins"));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->mem, MEM_BYTES, 0));
	EXPECT_EQ(0, close(access));
}

TEST_F(mock, access_dies_with_its_descriptor)
{
	uint32_t item, ioas;
	int access;

	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas));
	access = mock_access(self->fd, self->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	ASSERT_LE(0, access);
	ASSERT_EQ(0, mock_access_pin(self->fd, access, IOVA, MEM_BYTES, self->mem, 0, &item));
	ASSERT_EQ(0, mock_access_replace(self->fd, access, ioas));
	EXPECT_EQ(-ENOENT, mock_access_unpin(self->fd, access, item));
	EXPECT_EQ(-ENOENT, mock_access_replace(self->fd, access, NO_SUCH_ID));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, ioas));
	ASSERT_EQ(0, close(access));
	EXPECT_EQ(0, object_destroy(self->fd, ioas));
}

TEST_F(mock, access_reads_and_writes)
{
	uint8_t data[5000];
	uint32_t item;
	int access;

	access = mock_access(self->fd, self->ioas, 0);
	ASSERT_LE(0, access);
	EXPECT_EQ(-EOPNOTSUPP, mock_access_pin(self->fd, access, IOVA, PAGE_BYTES, NULL, 0, &item));
	memset(data, 0x5a, sizeof(data));
	ASSERT_EQ(0, mock_access_rw(self->fd, access, IOVA + 77, data, sizeof(data),
				    MOCK_ACCESS_RW_WRITE));
	EXPECT_EQ(0, memcmp(self->mem + 77, data, sizeof(data)));
	EXPECT_EQ(0, self->mem[76]);
	EXPECT_EQ(0, self->mem[77 + sizeof(data)]);
	self->mem[100] = 1;
	ASSERT_EQ(0, mock_access_rw(self->fd, access, IOVA + 77, data, sizeof(data),
				    MOCK_ACCESS_RW_SLOW_PATH));
	EXPECT_EQ(1, data[23]);
	EXPECT_EQ(-EFAULT, mock_access_rw(self->fd, access, IOVA, NULL, 1, 0));
	EXPECT_EQ(-EINVAL, mock_access_rw(self->fd, access, IOVA, data, 0, 0));
	EXPECT_EQ(-ENOENT, mock_access_rw(self->fd, access, IOVA + MEM_BYTES, data, 1, 0));
	EXPECT_EQ(0, close(access));
}

TEST_F(mock, dmabuf_is_mapped_and_revoked)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg), .flags = MAP_FIXED_RW, .ioas_id = self->ioas,
		.length = 2 * PAGE_BYTES, .iova = IOVA + MEM_BYTES,
	};
	void *mem;

	EXPECT_EQ(-EINVAL, mock_dmabuf(self->fd, 0));
	EXPECT_EQ(-EINVAL, mock_dmabuf(self->fd, 512 * PAGE_BYTES + 1));
	EXPECT_EQ(-EBADF, mock_dmabuf_revoke(self->fd, -1, 1));
	EXPECT_EQ(-EINVAL, mock_dmabuf_revoke(self->fd, self->fd, 1));
	arg.fd = mock_dmabuf(self->fd, 2 * PAGE_BYTES);
	ASSERT_LE(0, arg.fd);
	mem = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, arg.fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &arg));
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, arg.iova, arg.length, mem));
	ASSERT_EQ(0, mock_dmabuf_revoke(self->fd, arg.fd, 1));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, self->ids.hwpt, arg.iova, arg.length, mem));
	arg.iova += arg.length;
	EXPECT_EQ(-ENODEV, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &arg));
	ASSERT_EQ(0, mock_dmabuf_revoke(self->fd, arg.fd, 0));
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &arg));
	EXPECT_EQ(0, munmap(mem, 2 * PAGE_BYTES));
	EXPECT_EQ(0, close(arg.fd));
}

TEST_F(mock, small_batches_map_the_same)
{
	uint64_t bytes = 64 * PAGE_BYTES;
	void *mem = memory_alloc(bytes);

	ASSERT_NE(NULL, mem);
	EXPECT_EQ(-EINVAL, mock_memory_limit(self->fd, 11));
	ASSERT_EQ(0, mock_memory_limit(self->fd, 12));
	EXPECT_EQ(0, ioas_map_fixed(self->fd, self->ioas, mem, bytes, IOVA + MEM_BYTES));
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, IOVA + MEM_BYTES, bytes, mem));
	EXPECT_EQ(0, mock_check_refs(self->fd, mem, bytes, 1));
	ASSERT_EQ(0, mock_memory_limit(self->fd, 65536));
	EXPECT_EQ(0, munmap(mem, bytes));
}

TEST_F(mock, dirty_needs_tracking)
{
	uint64_t bits = 1;

	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, NO_SUCH_ID, IOVA, MEM_BYTES, 0, &bits));
	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, NO_SUCH_ID, IOVA, 0, PAGE_BYTES, &bits));
	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, NO_SUCH_ID, IOVA, MEM_BYTES, PAGE_BYTES, NULL));
	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, NO_SUCH_ID, IOVA + 1, MEM_BYTES, PAGE_BYTES,
				      &bits));
	EXPECT_EQ(-EOVERFLOW, mock_dirty(self->fd, NO_SUCH_ID, 0, (1ULL << 27) + 1, 1, &bits));
	EXPECT_EQ(-ENOENT, mock_dirty(self->fd, NO_SUCH_ID, IOVA, MEM_BYTES, PAGE_BYTES, &bits));
	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, self->ids.hwpt, IOVA, MEM_BYTES, PAGE_BYTES,
				      &bits));
}

static uint64_t nth(uint32_t mapping, uint32_t offset)
{
	return (uint64_t)offset << 32 | mapping;
}

TEST_F(mock, mappings_by_number)
{
	uint64_t copy = IOVA + 2 * MEM_BYTES;
	uint32_t item;
	uint8_t byte;
	int access;

	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES,
				    IOVA + MEM_BYTES));
	EXPECT_EQ(-ENOENT, ioas_copy(self->fd, self->ioas, &copy, self->ioas, nth(2, 0),
				     PAGE_BYTES, MAP_FIXED_RW | MOCK_FLAGS_ACCESS_SYZ));
	EXPECT_EQ(-ENOENT, ioas_copy(self->fd, NO_SUCH_ID, &copy, self->ioas, nth(0, 0),
				     PAGE_BYTES, MAP_FIXED_RW | MOCK_FLAGS_ACCESS_SYZ));
	EXPECT_EQ(-EOPNOTSUPP, ioas_copy(self->fd, self->ioas, &copy, self->ioas, nth(0, 0),
					 PAGE_BYTES, MAP_FIXED_RW | MOCK_FLAGS_ACCESS_SYZ << 1));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, &copy, self->ioas, nth(0, PAGE_BYTES),
			       PAGE_BYTES, MAP_FIXED_RW | MOCK_FLAGS_ACCESS_SYZ));
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, copy, PAGE_BYTES,
				    self->mem + PAGE_BYTES));

	access = mock_access(self->fd, self->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	ASSERT_LE(0, access);
	EXPECT_EQ(0, mock_access_pin(self->fd, access, nth(2, 0), PAGE_BYTES,
				     self->mem + PAGE_BYTES, MOCK_FLAGS_ACCESS_SYZ, &item));
	EXPECT_EQ(-ENOENT, mock_access_pin(self->fd, access, nth(3, 0), PAGE_BYTES, NULL,
					   MOCK_FLAGS_ACCESS_SYZ, &item));
	self->mem[PAGE_BYTES + 5] = 7;
	EXPECT_EQ(0, mock_access_rw(self->fd, access, nth(2, 5), &byte, 1, MOCK_FLAGS_ACCESS_SYZ));
	EXPECT_EQ(7, byte);
	EXPECT_EQ(-ENOENT, mock_access_rw(self->fd, access, nth(3, 0), &byte, 1,
					  MOCK_FLAGS_ACCESS_SYZ));
	ASSERT_EQ(0, close(access));
}

TEST_F(mock, pasids_of_a_device)
{
	struct iommu_hw_info arg = { .size = sizeof(arg), .dev_id = self->ids.dev };
	struct mock_ids other;

	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
	EXPECT_EQ(0, arg.out_max_pasid_log2);
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, MOCK_FLAGS_DEVICE_PASID, &other));
	arg.dev_id = other.dev;
	arg.data_len = 0;
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
	EXPECT_EQ(MOCK_PASID_WIDTH, arg.out_max_pasid_log2);
}

#define FAULTS "/sys/kernel/debug/fail_iommufd/"

static int arm_faults(const char *probability)
{
	if (file_write(FAULTS "verbose", "0") || file_write(FAULTS "task-filter", "Y") ||
	    file_write("/proc/self/make-it-fail", *probability == '0' ? "0" : "1"))
		return -1;
	return file_write(FAULTS "probability", probability);
}

/* Let one fault point fail, behind nr_passed others. */
static int fail_behind(unsigned int nr_passed)
{
	char space[16];

	snprintf(space, sizeof(space), "%u", nr_passed + 1);
	return file_write(FAULTS "times", "1") ?: file_write(FAULTS "space", space);
}

TEST_F(mock, faults_have_their_errnos)
{
	/* The object, the room for pages, the charge, the pages, what is pinned */
	static const int map_errnos[] = { -ENOENT, -ENOMEM, -ENOMEM, -EFAULT, -EINVAL };
	uint64_t bytes = 64 * PAGE_BYTES, iova = IOVA + MEM_BYTES;
	uint8_t *mem = memory_alloc(bytes), byte;
	struct mock_ids other;
	unsigned int i;
	int access;

	ASSERT_NE(NULL, mem);
	access = mock_access(self->fd, self->ioas, 0);
	ASSERT_LE(0, access);
	if (arm_faults("100"))
		SKIP(return, "no fault injection in this kernel");
	for (i = 0; i < ARRAY_SIZE(map_errnos); i++) {
		EXPECT_EQ(0, fail_behind(i));
		EXPECT_EQ(map_errnos[i], ioas_map_fixed(self->fd, self->ioas, mem, bytes, iova));
		EXPECT_EQ(0, mock_check_refs(self->fd, mem, bytes, 0));
	}
	EXPECT_EQ(0, fail_behind(1000));
	EXPECT_EQ(0, ioas_map_fixed(self->fd, self->ioas, mem, bytes, iova));
	EXPECT_EQ(0, fail_behind(0));
	EXPECT_EQ(-EINVAL, mock_access_rw(self->fd, access, iova, &byte, 1, 0));
	/* Behind the object: the device's reserved regions */
	EXPECT_EQ(0, fail_behind(1));
	EXPECT_EQ(-EINVAL, mock_domain(self->fd, self->ids.hwpt, 0, &other));
	ASSERT_EQ(0, arm_faults("0"));
	EXPECT_EQ(0, mock_check_refs(self->fd, mem, bytes, 1));
	ASSERT_EQ(0, close(access));
	EXPECT_EQ(0, munmap(mem, bytes));
}

TEST_F(mock, unknown_operations)
{
	struct iommu_test_cmd cmd = { .size = sizeof(cmd) };
	static const uint32_t unknown[] = { 0, 24, 0x7fffffff, 0x80000000, 0x80000100, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		cmd.op = unknown[i];
		EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	}
	cmd.size = 67;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_TEST_CMD, NULL));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, 0x3b96, NULL));
	cmd.size = sizeof(cmd);
	EXPECT_EQ(-ENOTTY, iommufd_call(self->fd, 0x3b96, &cmd));
	EXPECT_EQ(-ENOTTY, iommufd_call(self->fd, 0x3ba1, NULL));
}

TEST_HARNESS_MAIN
