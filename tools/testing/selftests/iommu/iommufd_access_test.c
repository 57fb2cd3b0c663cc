// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel users of the memory of an address space, behind the descriptors of the
 * mock: what they read, write and pin is what is mapped, they let go of it when
 * it is unmapped, and each refusal has its errno.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/process.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define NR_PAGES	64
#define BYTES		(NR_PAGES * PAGE_BYTES)
#define KIB		((long)(BYTES / 1024))
#define HUGE_BYTES	(2ULL << 20)
#define MAX_BYTES	(16ULL << 20)
#define PINS		MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES
#define WRITES		MOCK_FLAGS_ACCESS_WRITE
#define SMALL_LIMIT	16
#define DEFAULT_LIMIT	65536
#define ITEMS		8

/* An address space with a mapping, and two kernel users: one pins, one copies */
FIXTURE(access)
{
	int fd;
	int file;		/* behind the memory, or -1 */
	uint32_t ioas;
	uint32_t hwpt;		/* 0 without a device */
	uint8_t *mem;
	int pinner;
	int copier;
	long pin_kib;		/* pinned when nothing is */
};

FIXTURE_VARIANT(access)
{
	bool file;
	bool device;
	bool small_batches;
};

FIXTURE_VARIANT_ADD(access, memory)
{
	.device = false,
};

FIXTURE_VARIANT_ADD(access, memory_with_device)
{
	.device = true,
};

FIXTURE_VARIANT_ADD(access, memory_in_small_batches)
{
	.small_batches = true,
};

FIXTURE_VARIANT_ADD(access, memfd)
{
	.file = true,
};

FIXTURE_VARIANT_ADD(access, memfd_with_device)
{
	.file = true,
	.device = true,
};

static int map_at(FIXTURE_DATA(access) *self, uint64_t offset, uint64_t bytes, uint64_t iova,
		  uint32_t flags)
{
	flags |= IOMMU_IOAS_MAP_FIXED_IOVA;
	if (self->file >= 0)
		return ioas_map_file(self->fd, self->ioas, self->file, offset, bytes, &iova,
				     flags);
	return ioas_map(self->fd, self->ioas, self->mem + offset, bytes, &iova, flags);
}

static uint8_t *alloc_memory(FIXTURE_DATA(access) *self, bool file)
{
	void *mem;

	if (!file)
		return memory_alloc(BYTES);
	self->file = memfd_alloc(BYTES, 0);
	if (self->file < 0)
		return NULL;
	mem = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, self->file, 0);
	return mem == MAP_FAILED ? NULL : mem;
}

FIXTURE_SETUP(access)
{
	struct mock_ids ids;
	uint64_t i;

	self->file = -1;
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	self->pin_kib = status_kib("VmPin");
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	self->mem = alloc_memory(self, variant->file);
	ASSERT_NE(NULL, self->mem);
	for (i = 0; i < BYTES; i++)
		self->mem[i] = i * 7 + (i >> 12);
	ASSERT_EQ(0, map_at(self, 0, BYTES, IOVA, MAP_RW));
	if (variant->device) {
		ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &ids));
		self->hwpt = ids.hwpt;
	}
	self->pinner = mock_access(self->fd, self->ioas, PINS);
	ASSERT_LE(0, self->pinner);
	self->copier = mock_access(self->fd, self->ioas, 0);
	ASSERT_LE(0, self->copier);
	if (variant->small_batches)
		ASSERT_EQ(0, mock_memory_limit(self->fd, SMALL_LIMIT));
}

FIXTURE_TEARDOWN(access)
{
	if (self->pinner > 0)
		EXPECT_EQ(0, close(self->pinner));
	if (self->copier > 0)
		EXPECT_EQ(0, close(self->copier));
	EXPECT_EQ(0, mock_memory_limit(self->fd, DEFAULT_LIMIT));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(self->pin_kib, status_kib("VmPin"));
	munmap(self->mem, BYTES);
	if (self->file >= 0)
		close(self->file);
}

/* How often pages are pinned that no kernel user has pinned */
static uint32_t base_refs(FIXTURE_DATA(access) *self)
{
	return self->hwpt ? 1 : 0;
}

static int refs_are(FIXTURE_DATA(access) *self, unsigned int page, unsigned int nr, uint32_t refs)
{
	return !mock_check_refs(self->fd, self->mem + page * PAGE_BYTES, nr * PAGE_BYTES, refs);
}

/* Pin pages of the memory and see that they are those */
static int pin(FIXTURE_DATA(access) *self, unsigned int page, unsigned int nr, uint32_t *item)
{
	return mock_access_pin(self->fd, self->pinner, IOVA + page * PAGE_BYTES, nr * PAGE_BYTES,
			       self->mem + page * PAGE_BYTES, WRITES, item);
}

/* Places and sizes around the ends of pages, of batches and of the mapping */
static const struct {
	uint64_t offset;
	uint64_t bytes;
} ranges[] = {
	{ 0, 1 }, { 0, PAGE_BYTES }, { 1, PAGE_BYTES }, { PAGE_BYTES - 1, 1 },
	{ PAGE_BYTES - 1, 2 }, { PAGE_BYTES / 2, PAGE_BYTES / 2 }, { 77, 5000 },
	{ 3 * PAGE_BYTES + 1, 16 * PAGE_BYTES - 1 }, { 15 * PAGE_BYTES, 2 * PAGE_BYTES },
	{ PAGE_BYTES, 17 * PAGE_BYTES }, { 1, BYTES - 2 }, { 0, BYTES }, { BYTES - 1, 1 },
};

static const uint32_t paths[] = { 0, MOCK_ACCESS_RW_SLOW_PATH };

/* Go on in an address space without a page table, with the copier alone */
static void move_to_new_ioas(struct __test_metadata *_metadata, FIXTURE_DATA(access) *self)
{
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, mock_access_replace(self->fd, self->copier, self->ioas));
	ASSERT_EQ(0, close(self->pinner));
	self->pinner = -1;
}

TEST_F(access, reads)
{
	uint8_t *data = malloc(BYTES + 1);
	unsigned int i, path;

	for (path = 0; path < ARRAY_SIZE(paths); path++) {
		for (i = 0; i < ARRAY_SIZE(ranges); i++) {
			memset(data, 0x5a, BYTES + 1);
			EXPECT_EQ(0, mock_access_rw(self->fd, self->copier, IOVA + ranges[i].offset,
						    data, ranges[i].bytes, paths[path]));
			EXPECT_EQ(0, memcmp(data, self->mem + ranges[i].offset, ranges[i].bytes))
				TH_LOG("range %u, path %u", i, path);
			EXPECT_EQ(0x5a, data[ranges[i].bytes]);
		}
	}
	free(data);
}

TEST_F(access, writes)
{
	uint8_t *data = malloc(BYTES), *want = malloc(BYTES);
	unsigned int i, path, k;

	memcpy(want, self->mem, BYTES);
	for (path = 0; path < ARRAY_SIZE(paths); path++) {
		for (i = 0; i < ARRAY_SIZE(ranges); i++) {
			for (k = 0; k < ranges[i].bytes; k++)
				data[k] = k * 3 + i + path;
			memcpy(want + ranges[i].offset, data, ranges[i].bytes);
			EXPECT_EQ(0, mock_access_rw(self->fd, self->copier, IOVA + ranges[i].offset,
						    data, ranges[i].bytes,
						    MOCK_ACCESS_RW_WRITE | paths[path]));
			EXPECT_EQ(0, memcmp(self->mem, want, BYTES))
				TH_LOG("range %u, path %u", i, path);
		}
	}
	free(data);
	free(want);
}

/* Several mappings in a row, whose memory is in another order */
TEST_F(access, copies_across_mappings)
{
	uint8_t data[6 * PAGE_BYTES];
	unsigned int i, path;

	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, map_at(self, (5 - i) * PAGE_BYTES, PAGE_BYTES, IOVA + i * PAGE_BYTES,
				    MAP_RW));
	for (path = 0; path < ARRAY_SIZE(paths); path++) {
		ASSERT_EQ(0, mock_access_rw(self->fd, self->copier, IOVA + 10, data,
					    sizeof(data) - 20, paths[path]));
		EXPECT_EQ(0, memcmp(data, self->mem + 5 * PAGE_BYTES + 10, PAGE_BYTES - 10));
		for (i = 1; i < 5; i++)
			EXPECT_EQ(0, memcmp(data + i * PAGE_BYTES - 10,
					    self->mem + (5 - i) * PAGE_BYTES, PAGE_BYTES));
		EXPECT_EQ(0, memcmp(data + 5 * PAGE_BYTES - 10, self->mem, PAGE_BYTES - 10));
	}
}

/* Mappings need not begin or end with a page, as long as nobody pins. */
TEST_F(access, copies_bytes_of_unaligned_mappings)
{
	unsigned int path;
	uint8_t data[100];

	move_to_new_ioas(_metadata, self);
	ASSERT_EQ(0, map_at(self, 123, 50, 7, MAP_RW));
	ASSERT_EQ(0, map_at(self, 4000, 50, 57, MAP_RW));
	for (path = 0; path < ARRAY_SIZE(paths); path++) {
		ASSERT_EQ(0, mock_access_rw(self->fd, self->copier, 7, data, 100, paths[path]));
		EXPECT_EQ(0, memcmp(data, self->mem + 123, 50));
		EXPECT_EQ(0, memcmp(data + 50, self->mem + 4000, 50));
	}
	EXPECT_EQ(-ENOENT, mock_access_rw(self->fd, self->copier, 6, data, 2, 0));
	EXPECT_EQ(-ENOENT, mock_access_rw(self->fd, self->copier, 7, data, 101, 0));
	/* Who pins cannot come now. */
	EXPECT_EQ(-EADDRINUSE, mock_access(self->fd, self->ioas, PINS));
}

/* Each step mends what the one before was refused for. */
TEST_F(access, rw_order)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_ACCESS_RW, .id = self->fd,
		.access_rw = {
			.iova = ALL_ONES, .length = MAX_BYTES + 1, .uptr = 8,
			.flags = 2 | MOCK_ACCESS_RW_WRITE,
		},
	};

	EXPECT_EQ(-ENOMEM, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_rw.length = 2;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_rw.flags = MOCK_ACCESS_RW_WRITE;
	EXPECT_EQ(-EBADFD, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.id = -1;
	EXPECT_EQ(-EBADFD, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.id = self->copier;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_rw.uptr = (uintptr_t)self->mem;
	cmd.access_rw.length = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_rw.length = 2;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_rw.iova = ALL_ONES - 1;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_rw.iova = IOVA + BYTES - 1;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_rw.iova = IOVA;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	/* A result has to go somewhere. */
	cmd.access_rw.flags = 0;
	cmd.access_rw.uptr = 8;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	/* As much as is allowed is only looked for. */
	cmd.access_rw.length = MAX_BYTES;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
}

/* Permissions are those of the mappings, and all of them are asked first. */
TEST_F(access, permissions)
{
	uint8_t data[2 * PAGE_BYTES], before = self->mem[0];
	const uint64_t both = IOVA + BYTES, second = both + PAGE_BYTES;
	uint32_t item;
	unsigned int path;

	ASSERT_EQ(0, map_at(self, 0, PAGE_BYTES, both, MAP_RW));
	ASSERT_EQ(0, map_at(self, PAGE_BYTES, PAGE_BYTES, second, IOMMU_IOAS_MAP_READABLE));
	memset(data, before + 1, sizeof(data));
	for (path = 0; path < ARRAY_SIZE(paths); path++) {
		EXPECT_EQ(-EPERM, mock_access_rw(self->fd, self->copier, both, data, sizeof(data),
						 MOCK_ACCESS_RW_WRITE | paths[path]));
		EXPECT_EQ(before, self->mem[0]);
		EXPECT_EQ(0, mock_access_rw(self->fd, self->copier, both, data, sizeof(data),
					    paths[path]));
	}
	EXPECT_EQ(-EPERM, mock_access_pin(self->fd, self->pinner, both, sizeof(data), NULL, WRITES,
					  &item));
	EXPECT_EQ(0, mock_access_pin(self->fd, self->pinner, both, sizeof(data), self->mem, 0,
				     &item));
	/* Also where the first of several forbids it */
	ASSERT_EQ(0, map_at(self, 2 * PAGE_BYTES, PAGE_BYTES, second + PAGE_BYTES, MAP_RW));
	EXPECT_EQ(-EPERM, mock_access_rw(self->fd, self->copier, second, data, sizeof(data),
					 MOCK_ACCESS_RW_WRITE));
	EXPECT_EQ(-EPERM, mock_access_pin(self->fd, self->pinner, second, sizeof(data), NULL,
					  WRITES, &item));

	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, second, PAGE_BYTES, NULL));
	ASSERT_EQ(0, map_at(self, PAGE_BYTES, PAGE_BYTES, second, IOMMU_IOAS_MAP_WRITEABLE));
	EXPECT_EQ(-EPERM, mock_access_rw(self->fd, self->copier, both, data, sizeof(data), 0));
	EXPECT_EQ(0, mock_access_rw(self->fd, self->copier, both, data, sizeof(data),
				    MOCK_ACCESS_RW_WRITE));
	EXPECT_EQ(-EPERM, mock_access_pin(self->fd, self->pinner, second, 1, NULL, 0, &item));
	EXPECT_EQ(0, mock_access_pin(self->fd, self->pinner, second, 1, NULL, WRITES, &item));
}

/* Memory that is gone, where nothing keeps it */
TEST_F(access, memory_that_is_gone)
{
	uint8_t *gone = memory_alloc(2 * PAGE_BYTES), byte = 1;
	unsigned int path;
	uint32_t item;

	move_to_new_ioas(_metadata, self);
	self->pinner = mock_access(self->fd, self->ioas, PINS);
	ASSERT_LE(0, self->pinner);
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, gone, 2 * PAGE_BYTES, IOVA));
	ASSERT_EQ(0, munmap(gone + PAGE_BYTES, PAGE_BYTES));
	for (path = 0; path < ARRAY_SIZE(paths); path++) {
		EXPECT_EQ(-EFAULT, mock_access_rw(self->fd, self->copier, IOVA + PAGE_BYTES, &byte,
						  1, paths[path]));
		EXPECT_EQ(-EFAULT, mock_access_rw(self->fd, self->copier, IOVA + PAGE_BYTES, &byte,
						  1, MOCK_ACCESS_RW_WRITE | paths[path]));
	}
	EXPECT_EQ(-EFAULT, mock_access_pin(self->fd, self->pinner, IOVA, 2 * PAGE_BYTES, NULL, 0,
					   &item));
	EXPECT_EQ(0, mock_check_refs(self->fd, gone, PAGE_BYTES, 0));
	EXPECT_EQ(0, mock_access_pin(self->fd, self->pinner, IOVA, PAGE_BYTES, gone, 0, &item));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	munmap(gone, PAGE_BYTES);
}

static int copy_as_another(void *arg)
{
	FIXTURE_DATA(access) *self = arg;
	uint8_t seen[3] = { }, write[3] = { 1, 2, 3 };

	/* What this process has there is another copy of the memory. */
	if (self->file < 0)
		memset(self->mem, 0, BYTES);
	if (mock_access_rw(self->fd, self->copier, IOVA + PAGE_BYTES - 1, seen, 3, 0))
		return 1;
	if (seen[0] != 11 || seen[1] != 12 || seen[2] != 13)
		return 2;
	if (mock_access_rw(self->fd, self->copier, IOVA + PAGE_BYTES - 1, write, 3,
			   MOCK_ACCESS_RW_WRITE))
		return 3;
	return self->file < 0 && self->mem[PAGE_BYTES] ? 4 : 0;
}

/* The memory is that of the process that mapped it, whoever copies. */
TEST_F(access, copies_for_another_process)
{
	uint8_t *at = self->mem + PAGE_BYTES - 1;

	memcpy(at, (uint8_t []){ 11, 12, 13 }, 3);
	EXPECT_EQ(0, in_child(copy_as_another, self));
	EXPECT_EQ(1, at[0]);
	EXPECT_EQ(2, at[1]);
	EXPECT_EQ(3, at[2]);
}

static int map_and_end(void *arg)
{
	FIXTURE_DATA(access) *self = arg;

	return -map_at(self, 0, PAGE_BYTES, IOVA + BYTES, MAP_RW);
}

/* A process that ended takes its memory along, unless something keeps it. */
TEST_F(access, memory_of_a_process_that_ended)
{
	const int want = self->hwpt || self->file >= 0 ? 0 : -EFAULT;
	unsigned int path;
	uint32_t item;
	uint8_t byte;

	EXPECT_EQ(0, in_child(map_and_end, self));
	for (path = 0; path < ARRAY_SIZE(paths); path++)
		EXPECT_EQ(want, mock_access_rw(self->fd, self->copier, IOVA + BYTES, &byte, 1,
					       paths[path]));
	EXPECT_EQ(want, mock_access_pin(self->fd, self->pinner, IOVA + BYTES, PAGE_BYTES, NULL, 0,
					&item));
}

/* Each step mends what the one before was refused for. */
TEST_F(access, pin_order)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_ACCESS_PAGES, .id = self->fd,
		.access_pages = {
			.iova = ALL_ONES, .length = MAX_BYTES + 1, .flags = 2 | WRITES,
			.uptr = (uintptr_t)self->mem,
		},
	};

	EXPECT_EQ(-ENOMEM, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_pages.length = 0;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_pages.flags = WRITES;
	EXPECT_EQ(-EBADFD, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.id = -1;
	EXPECT_EQ(-EBADFD, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.id = self->copier;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.id = self->pinner;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_pages.length = 2 * PAGE_BYTES;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_pages.iova = IOVA + BYTES - PAGE_BYTES;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_pages.iova = IOVA + 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.access_pages.iova = IOVA + PAGE_BYTES;
	EXPECT_EQ(-EBADE, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	EXPECT_TRUE(refs_are(self, 0, NR_PAGES, base_refs(self)));
	cmd.access_pages.uptr += PAGE_BYTES;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_TEST_CMD,
					read_only_copy(&cmd, sizeof(cmd))));
	EXPECT_TRUE(refs_are(self, 0, NR_PAGES, base_refs(self)));
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	EXPECT_TRUE(refs_are(self, 1, 2, 1));

	cmd.op = IOMMU_TEST_OP_DESTROY_ACCESS_PAGES;
	cmd.id = self->fd;
	cmd.destroy_access_pages.access_pages_id = 1000;
	EXPECT_EQ(-EBADFD, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.id = self->copier;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	cmd.id = self->pinner;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
}

/* All that is pinned is pinned once, and free when the last one lets go. */
TEST_F(access, pins)
{
	const uint32_t none = base_refs(self);
	uint32_t whole, part, again, tail;

	ASSERT_EQ(0, pin(self, 4, 8, &part));
	EXPECT_EQ(0, part);
	EXPECT_TRUE(refs_are(self, 0, 4, none));
	EXPECT_TRUE(refs_are(self, 4, 8, 1));
	EXPECT_TRUE(refs_are(self, 12, NR_PAGES - 12, none));
	ASSERT_EQ(0, pin(self, 0, NR_PAGES, &whole));
	EXPECT_EQ(1, whole);
	ASSERT_EQ(0, pin(self, 4, 8, &again));
	EXPECT_EQ(2, again);
	EXPECT_TRUE(refs_are(self, 0, NR_PAGES, 1));
	ASSERT_EQ(0, mock_access_unpin(self->fd, self->pinner, whole));
	EXPECT_EQ(-ENOENT, mock_access_unpin(self->fd, self->pinner, whole));
	EXPECT_TRUE(refs_are(self, 0, 4, none));
	EXPECT_TRUE(refs_are(self, 4, 8, 1));
	ASSERT_EQ(0, mock_access_unpin(self->fd, self->pinner, part));
	EXPECT_TRUE(refs_are(self, 4, 8, 1));
	ASSERT_EQ(0, mock_access_unpin(self->fd, self->pinner, again));
	EXPECT_TRUE(refs_are(self, 0, NR_PAGES, none));

	/* A part of a page is a page, and numbers are not used again. */
	ASSERT_EQ(0, mock_access_pin(self->fd, self->pinner, IOVA, PAGE_BYTES + 1, self->mem, 0,
				     &tail));
	EXPECT_EQ(3, tail);
	EXPECT_TRUE(refs_are(self, 0, 2, 1));
	EXPECT_TRUE(refs_are(self, 2, 1, none));
}

TEST_F(access, pins_across_mappings)
{
	uint32_t item;
	int i;

	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	for (i = 0; i < NR_PAGES; i += 2)
		ASSERT_EQ(0, map_at(self, i * PAGE_BYTES, 2 * PAGE_BYTES, IOVA + i * PAGE_BYTES,
				    MAP_RW));
	ASSERT_EQ(0, pin(self, 1, NR_PAGES - 2, &item));
	EXPECT_TRUE(refs_are(self, 1, NR_PAGES - 2, 1));
	EXPECT_TRUE(refs_are(self, 0, 1, base_refs(self)));
	/* To take one mapping away takes the whole item. */
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, IOVA + 8 * PAGE_BYTES, 2 * PAGE_BYTES, NULL));
	EXPECT_EQ(-ENOENT, mock_access_unpin(self->fd, self->pinner, item));
	EXPECT_TRUE(refs_are(self, 8, 2, 0));
	EXPECT_TRUE(refs_are(self, 0, 8, base_refs(self)));
	EXPECT_TRUE(refs_are(self, 10, NR_PAGES - 10, base_refs(self)));
	EXPECT_EQ(-ENOENT, pin(self, 1, NR_PAGES - 2, &item));
}

TEST_F(access, pins_in_a_huge_page)
{
	uint8_t *mem = memory_alloc_huge(2 * HUGE_BYTES);
	const uint64_t iova = IOVA + 4 * HUGE_BYTES;
	uint32_t item;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, mem, 2 * HUGE_BYTES, iova));
	ASSERT_EQ(0, mock_access_pin(self->fd, self->pinner, iova + HUGE_BYTES - 3 * PAGE_BYTES,
				     8 * PAGE_BYTES, mem + HUGE_BYTES - 3 * PAGE_BYTES, WRITES,
				     &item));
	ASSERT_EQ(0, mock_access_pin(self->fd, self->pinner, iova, 2 * HUGE_BYTES, mem, WRITES,
				     &item));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, iova, 2 * HUGE_BYTES, NULL));
	munmap(mem, 2 * HUGE_BYTES);
}

/* Pins are charged like those of a page table, and pages that both have once. */
TEST_F(access, pins_are_charged)
{
	const long none = self->pin_kib + (self->hwpt ? KIB : 0);
	struct mock_ids ids;
	uint32_t item, other;

	EXPECT_EQ(none, status_kib("VmPin"));
	ASSERT_EQ(0, pin(self, 0, NR_PAGES / 2, &item));
	EXPECT_EQ(self->pin_kib + (self->hwpt ? KIB : KIB / 2), status_kib("VmPin"));
	ASSERT_EQ(0, pin(self, NR_PAGES / 4, NR_PAGES / 2, &other));
	EXPECT_EQ(self->pin_kib + (self->hwpt ? KIB : 3 * KIB / 4), status_kib("VmPin"));
	/* A page table that comes and goes meanwhile */
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &ids));
	EXPECT_EQ(self->pin_kib + KIB, status_kib("VmPin"));
	EXPECT_EQ(0, mock_check_map(self->fd, ids.hwpt, IOVA, BYTES, self->mem));
	EXPECT_TRUE(refs_are(self, 0, NR_PAGES, 1));
	ASSERT_EQ(0, object_destroy(self->fd, ids.stdev));
	EXPECT_EQ(self->pin_kib + (self->hwpt ? KIB : 3 * KIB / 4), status_kib("VmPin"));
	EXPECT_TRUE(refs_are(self, 0, 3 * NR_PAGES / 4, 1));
	EXPECT_TRUE(refs_are(self, 3 * NR_PAGES / 4, NR_PAGES / 4, base_refs(self)));
	ASSERT_EQ(0, mock_access_unpin(self->fd, self->pinner, item));
	ASSERT_EQ(0, mock_access_unpin(self->fd, self->pinner, other));
	EXPECT_EQ(none, status_kib("VmPin"));
	/* Copies leave nothing behind. */
	ASSERT_EQ(0, mock_access_rw(self->fd, self->copier, IOVA, self->mem, 1,
				    MOCK_ACCESS_RW_SLOW_PATH));
	EXPECT_EQ(none, status_kib("VmPin"));
	EXPECT_TRUE(refs_are(self, 0, NR_PAGES, base_refs(self)));
}

/* An unmap asks those who have pinned there, and nobody else. */
TEST_F(access, unmap_asks_for_pins)
{
	const uint64_t other_iova = IOVA + BYTES;
	uint32_t there[ITEMS], elsewhere, second;
	uint64_t bytes;
	int more, i;

	more = mock_access(self->fd, self->ioas, PINS);
	ASSERT_LE(0, more);
	ASSERT_EQ(0, map_at(self, 0, PAGE_BYTES, other_iova, MAP_RW));
	for (i = 0; i < ITEMS; i++)
		ASSERT_EQ(0, pin(self, i, 2 * i + 1, &there[i]));
	ASSERT_EQ(0, mock_access_pin(self->fd, self->pinner, other_iova, PAGE_BYTES, self->mem, 0,
				     &elsewhere));
	ASSERT_EQ(0, mock_access_pin(self->fd, more, IOVA, BYTES, self->mem, 0, &second));
	EXPECT_EQ(0, second);

	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, IOVA, BYTES, &bytes));
	EXPECT_EQ(BYTES, bytes);
	for (i = 0; i < ITEMS; i++)
		EXPECT_EQ(-ENOENT, mock_access_unpin(self->fd, self->pinner, there[i]));
	EXPECT_EQ(-ENOENT, mock_access_unpin(self->fd, more, second));
	EXPECT_TRUE(refs_are(self, 1, NR_PAGES - 1, 0));
	EXPECT_EQ(-ENOENT, pin(self, 0, 1, &second));
	EXPECT_EQ(0, mock_access_unpin(self->fd, self->pinner, elsewhere));
	EXPECT_EQ(0, close(more));
}

/* What is not unmapped stays pinned. */
TEST_F(access, refused_unmap_leaves_pins)
{
	uint32_t item;

	ASSERT_EQ(0, pin(self, 0, 4, &item));
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas, IOVA, BYTES - 1, NULL));
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas, IOVA + BYTES, BYTES, NULL));
	EXPECT_EQ(0, mock_access_unpin(self->fd, self->pinner, item));
}

/* A mapping of the same memory elsewhere has its own pins. */
TEST_F(access, copies_of_a_mapping)
{
	uint64_t copy = IOVA;
	uint32_t item, other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_copy(self->fd, other, &copy, self->ioas, IOVA, BYTES, MAP_FIXED_RW));
	ASSERT_EQ(0, pin(self, 0, 8, &item));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, other, NULL));
	EXPECT_TRUE(refs_are(self, 0, 8, 1));
	ASSERT_EQ(0, ioas_copy(self->fd, other, &copy, self->ioas, IOVA, BYTES, MAP_FIXED_RW));
	ASSERT_EQ(0, mock_access_replace(self->fd, self->copier, other));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_TRUE(refs_are(self, 0, NR_PAGES, 0));
	EXPECT_EQ(-ENOENT, mock_access_unpin(self->fd, self->pinner, item));
	EXPECT_EQ(0, mock_access_rw(self->fd, self->copier, IOVA, self->mem, 1,
				    MOCK_ACCESS_RW_SLOW_PATH));
}

static uint64_t alignment_of(FIXTURE_DATA(access) *self, uint32_t ioas)
{
	struct iommu_iova_range range[4];
	uint64_t alignment = 0;
	uint32_t nr = 4;

	ioas_ranges(self->fd, ioas, range, &nr, &alignment);
	return alignment;
}

TEST_F(access, replace)
{
	const uint64_t narrow = self->hwpt ? MOCK_PAGE_SIZE : 1;
	uint8_t seen = 0, *mem = memory_alloc(PAGE_BYTES);
	uint32_t other, item;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	EXPECT_EQ(1, alignment_of(self, other));
	EXPECT_EQ(PAGE_BYTES, alignment_of(self, self->ioas));
	mem[5] = 0x77;
	ASSERT_EQ(0, ioas_map_fixed(self->fd, other, mem, PAGE_BYTES, IOVA));
	ASSERT_EQ(0, pin(self, 0, 4, &item));
	ASSERT_EQ(0, mock_access_replace(self->fd, self->pinner, other));
	EXPECT_TRUE(refs_are(self, 0, 4, base_refs(self)));
	EXPECT_EQ(-ENOENT, mock_access_unpin(self->fd, self->pinner, item));
	ASSERT_EQ(0, mock_access_rw(self->fd, self->pinner, IOVA + 5, &seen, 1, 0));
	EXPECT_EQ(0x77, seen);
	EXPECT_EQ(0, mock_access_pin(self->fd, self->pinner, IOVA, PAGE_BYTES, mem, 0, &item));
	/* The need for whole pages moved along. */
	EXPECT_EQ(PAGE_BYTES, alignment_of(self, other));
	EXPECT_EQ(narrow, alignment_of(self, self->ioas));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, other));
	/* To where it is already: nothing happens. */
	EXPECT_EQ(0, mock_access_replace(self->fd, self->pinner, other));
	EXPECT_EQ(0, mock_access_unpin(self->fd, self->pinner, item));
	EXPECT_EQ(0, mock_access_rw(self->fd, self->pinner, IOVA + 5, &seen, 1, 0));
	ASSERT_EQ(0, close(self->pinner));
	self->pinner = -1;
	EXPECT_EQ(0, object_destroy(self->fd, other));
	munmap(mem, PAGE_BYTES);
}

/* Each refusal leaves the access and its pins as they were. */
TEST_F(access, replace_refused)
{
	uint32_t other, item;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, other, self->mem, 1, 7));
	ASSERT_EQ(0, pin(self, 0, 4, &item));
	EXPECT_EQ(-EBADFD, mock_access_replace(self->fd, self->fd, other));
	EXPECT_EQ(-EBADFD, mock_access_replace(self->fd, -1, other));
	EXPECT_EQ(-ENOENT, mock_access_replace(self->fd, self->pinner, NO_SUCH_ID));
	EXPECT_EQ(-ENOENT, mock_access_replace(self->fd, self->pinner, 0));
	if (self->hwpt)
		EXPECT_EQ(-ENOENT, mock_access_replace(self->fd, self->pinner, self->hwpt));
	EXPECT_EQ(-EADDRINUSE, mock_access_replace(self->fd, self->pinner, other));
	EXPECT_TRUE(refs_are(self, 0, 4, 1));
	EXPECT_EQ(0, mock_access_unpin(self->fd, self->pinner, item));
	EXPECT_EQ(0, pin(self, 0, 4, &item));
	/* One that only copies takes mappings as they are. */
	EXPECT_EQ(0, mock_access_replace(self->fd, self->copier, other));
	/* And nothing of the attempt is left there. */
	EXPECT_EQ(1, alignment_of(self, other));
	ASSERT_EQ(0, close(self->copier));
	self->copier = -1;
	EXPECT_EQ(0, object_destroy(self->fd, other));
}

TEST_F(access, create_order)
{
	struct rlimit limit;
	uint32_t other;
	int access;

	EXPECT_EQ(-EOPNOTSUPP, mock_access(self->fd, NO_SUCH_ID, 2));
	EXPECT_EQ(-EOPNOTSUPP, mock_access(self->fd, NO_SUCH_ID, 1u << 31 | PINS));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 3;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-ENOMEM, mock_access(self->fd, NO_SUCH_ID, 0));
	limit.rlim_cur = limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-ENOENT, mock_access(self->fd, NO_SUCH_ID, 0));
	EXPECT_EQ(-ENOENT, mock_access(self->fd, 0, PINS));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, other, self->mem, 1, 7));
	EXPECT_EQ(-EADDRINUSE, mock_access(self->fd, other, PINS));
	access = mock_access(self->fd, other, 0);
	ASSERT_LE(0, access);
	EXPECT_EQ(FD_CLOEXEC, fcntl(access, F_GETFD));
	EXPECT_EQ(0, close(access));
	EXPECT_EQ(0, object_destroy(self->fd, other));
}

TEST_F(access, create_without_room_for_the_answer)
{
	const struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_CREATE_ACCESS, .id = self->ioas,
	};
	int before, after;

	before = dup(self->fd);
	ASSERT_EQ(0, close(before));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_TEST_CMD,
					read_only_copy(&cmd, sizeof(cmd))));
	after = dup(self->fd);
	EXPECT_EQ(before, after);
	ASSERT_EQ(0, close(after));
}

/* User space sees the number of an access and cannot destroy it. */
TEST_F(access, belongs_to_its_descriptor)
{
	uint32_t first = self->ioas + 1, id, busy = 0;

	for (id = first; id < first + 16; id++)
		busy += object_destroy(self->fd, id) == -EBUSY;
	/* With a device, it and its page table as well; its stdev is destroyed. */
	EXPECT_LE(2, busy);
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->ioas));
	ASSERT_EQ(0, close(self->pinner));
	self->pinner = -1;
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->ioas));
	ASSERT_EQ(0, close(self->copier));
	self->copier = -1;
	EXPECT_EQ(0, object_destroy(self->fd, self->ioas));
}

/* An access outlives the descriptor it was made with, and then ends all. */
TEST_F(access, outlives_the_context)
{
	uint32_t item;
	int fd = iommufd_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pin(self, 0, 8, &item));
	ASSERT_EQ(0, close(self->fd));
	self->fd = fd;
	EXPECT_TRUE(refs_are(self, 0, 8, 1));
	ASSERT_EQ(0, close(self->copier));
	self->copier = -1;
	EXPECT_TRUE(refs_are(self, 0, 8, 1));
	ASSERT_EQ(0, close(self->pinner));
	self->pinner = -1;
	EXPECT_TRUE(refs_are(self, 0, NR_PAGES, 0));
	EXPECT_EQ(self->pin_kib, status_kib("VmPin"));
}

/* A copy that is shared among processes ends with the last one. */
TEST_F(access, lives_until_the_last_close)
{
	int copy = dup(self->pinner);
	uint32_t item;

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, pin(self, 0, 8, &item));
	ASSERT_EQ(0, close(copy));
	EXPECT_TRUE(refs_are(self, 0, 8, 1));
	EXPECT_EQ(0, mock_access_unpin(self->fd, self->pinner, item));
}

TEST_HARNESS_MAIN
