// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who pays for pinned memory: what counts against RLIMIT_MEMLOCK in each mode,
 * what VmPin and VmLck show, and that all of it comes back, after an unmap, a
 * close, and a call that failed half way.
 */
#define _GNU_SOURCE
#include <errno.h>
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
#define PROBE_IOVA	(4 * IOVA)
#define NR_PAGES	64
#define BYTES		(NR_PAGES * PAGE_BYTES)
#define KIB		((long)(BYTES / 1024))
#define HUGE_BYTES	(2ULL << 20)
#define MOST_BYTES	(64ULL << 20)
#define PINS		MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES
#define SMALL_LIMIT	16
#define DEFAULT_LIMIT	65536

/*
 * An address space without a device, and one with a device in which to look how
 * much of the limit is left. The limit is BYTES, for who has one.
 */
FIXTURE(account)
{
	int fd;
	int spare;		/* a context of its own, in the same mode */
	int file;		/* what is mapped, or -1 for memory */
	uint32_t ioas;
	uint32_t probe;
	struct mock_ids ids;	/* in probe */
	uint8_t *mem;
	bool limited;
	bool locks;		/* what is pinned shows as locked */
	long pin_kib;
	long lock_kib;
};

FIXTURE_VARIANT(account)
{
	int per_process;
	bool capable;
	bool file;
};

FIXTURE_VARIANT_ADD(account, per_user)
{
	.per_process = 0,
};

FIXTURE_VARIANT_ADD(account, per_process)
{
	.per_process = 1,
};

FIXTURE_VARIANT_ADD(account, per_user_memfd)
{
	.per_process = 0,
	.file = true,
};

FIXTURE_VARIANT_ADD(account, per_process_memfd)
{
	.per_process = 1,
	.file = true,
};

FIXTURE_VARIANT_ADD(account, per_user_capable)
{
	.per_process = 0,
	.capable = true,
};

FIXTURE_VARIANT_ADD(account, per_process_capable)
{
	.per_process = 1,
	.capable = true,
};

static int set_limit(uint64_t bytes)
{
	const struct rlimit limit = { bytes, MOST_BYTES };

	return setrlimit(RLIMIT_MEMLOCK, &limit) ? -errno : 0;
}

FIXTURE_SETUP(account)
{
	self->file = -1;
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	self->spare = iommufd_open();
	ASSERT_LE(0, self->spare);
	ASSERT_EQ(0, option_set(self->fd, IOMMU_OPTION_RLIMIT_MODE, 0, variant->per_process));
	ASSERT_EQ(0, option_set(self->spare, IOMMU_OPTION_RLIMIT_MODE, 0, variant->per_process));
	self->limited = !variant->capable;
	self->locks = self->limited && variant->per_process;
	ASSERT_EQ(0, set_limit(BYTES));
	if (self->limited)
		ASSERT_EQ(0, drop_privileges());
	if (variant->file)
		self->file = memfd_alloc(2 * BYTES, 0);
	self->mem = memory_alloc(2 * BYTES);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, ioas_alloc(self->spare, &self->probe));
	ASSERT_EQ(0, mock_domain(self->spare, self->probe, 0, &self->ids));
	self->pin_kib = status_kib("VmPin");
	self->lock_kib = status_kib("VmLck");
	ASSERT_LE(0, self->pin_kib);
}

static int map_at(FIXTURE_DATA(account) *self, int fd, uint32_t ioas, uint64_t offset,
		  uint64_t bytes, uint64_t iova)
{
	if (self->file >= 0)
		return ioas_map_file_fixed(fd, ioas, self->file, offset, bytes, iova);
	return ioas_map_fixed(fd, ioas, self->mem + offset, bytes, iova);
}

static int map(FIXTURE_DATA(account) *self, uint64_t offset, uint64_t bytes, uint64_t iova)
{
	return map_at(self, self->fd, self->ioas, offset, bytes, iova);
}

/*
 * What is wrong if so much is charged now: the counters of the process, and that
 * exactly the rest of the limit can be had. NULL if nothing is.
 */
static const char *wrong(FIXTURE_DATA(account) *self, uint64_t charged)
{
	const uint64_t left = BYTES - charged;
	const long kib = charged / 1024;

	if (status_kib("VmPin") - self->pin_kib != kib)
		return "VmPin";
	if (status_kib("VmLck") - self->lock_kib != (self->locks ? kib : 0))
		return "VmLck";
	if (!self->limited)
		return NULL;
	if (map_at(self, self->spare, self->probe, 0, left + PAGE_BYTES, PROBE_IOVA) != -ENOMEM)
		return "more is left";
	if (left && map_at(self, self->spare, self->probe, 0, left, PROBE_IOVA))
		return "less is left";
	if (ioas_unmap_all(self->spare, self->probe, NULL))
		return "unmap of the probe";
	if (status_kib("VmPin") - self->pin_kib != kib)
		return "VmPin after the probe";
	return NULL;
}

static void expect_charged(struct __test_metadata *_metadata, FIXTURE_DATA(account) *self,
			   uint64_t charged, int line)
{
	const char *what = wrong(self, charged);

	EXPECT_EQ(NULL, what) TH_LOG("line %d, with %llu bytes charged: %s", line,
				     (unsigned long long)charged, what);
}

FIXTURE_TEARDOWN(account)
{
	/* Whatever the test did: with its context its charges go. */
	EXPECT_EQ(0, close(self->fd));
	expect_charged(_metadata, self, 0, __LINE__);
	EXPECT_EQ(0, mock_memory_limit(self->spare, DEFAULT_LIMIT));
	EXPECT_EQ(0, close(self->spare));
	munmap(self->mem, 2 * BYTES);
	if (self->file >= 0)
		close(self->file);
}

static int attach(FIXTURE_DATA(account) *self, struct mock_ids *ids)
{
	return mock_domain(self->fd, self->ioas, 0, ids);
}

TEST_F(account, nothing_before_a_device)
{
	struct mock_ids ids;

	ASSERT_EQ(0, map(self, 0, 2 * BYTES, IOVA));
	expect_charged(_metadata, self, 0, __LINE__);
	/* What could be mapped may still be too much to attach. */
	EXPECT_EQ(self->limited ? -ENOMEM : 0, attach(self, &ids));
	if (!self->limited)
		return;
	expect_charged(_metadata, self, 0, __LINE__);
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, map(self, 0, BYTES, IOVA));
	ASSERT_EQ(0, attach(self, &ids));
	expect_charged(_metadata, self, BYTES, __LINE__);
	ASSERT_EQ(0, object_destroy(self->fd, ids.stdev));
	expect_charged(_metadata, self, 0, __LINE__);
}

TEST_F(account, map_and_unmap)
{
	struct mock_ids ids;

	ASSERT_EQ(0, attach(self, &ids));
	if (self->limited) {
		EXPECT_EQ(-ENOMEM, map(self, 0, BYTES + PAGE_BYTES, IOVA));
		expect_charged(_metadata, self, 0, __LINE__);
	}
	ASSERT_EQ(0, map(self, 0, BYTES / 2, IOVA));
	expect_charged(_metadata, self, BYTES / 2, __LINE__);
	/* The same memory once more is charged once more. */
	ASSERT_EQ(0, map(self, 0, BYTES / 4, IOVA + BYTES));
	expect_charged(_metadata, self, 3 * BYTES / 4, __LINE__);
	/* Of a part of a page all of it */
	ASSERT_EQ(0, map(self, 0, MOCK_PAGE_SIZE, IOVA + 2 * BYTES));
	expect_charged(_metadata, self, 3 * BYTES / 4 + PAGE_BYTES, __LINE__);
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, IOVA, BYTES / 2, NULL));
	expect_charged(_metadata, self, BYTES / 4 + PAGE_BYTES, __LINE__);
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	expect_charged(_metadata, self, 0, __LINE__);
}

/* Page tables and copies share what is pinned. */
TEST_F(account, charged_once)
{
	struct mock_ids first, second;
	uint64_t copy = IOVA + BYTES;
	uint32_t other, hwpt;

	ASSERT_EQ(0, map(self, 0, BYTES, IOVA));
	ASSERT_EQ(0, attach(self, &first));
	ASSERT_EQ(0, hwpt_alloc(self->fd, first.dev, self->ioas, &hwpt));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, &copy, self->ioas, IOVA, BYTES,
			       MAP_FIXED_RW));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	copy = IOVA;
	ASSERT_EQ(0, ioas_copy(self->fd, other, &copy, self->ioas, IOVA, BYTES, MAP_FIXED_RW));
	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &second));
	expect_charged(_metadata, self, BYTES, __LINE__);
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	expect_charged(_metadata, self, BYTES, __LINE__);
	ASSERT_EQ(0, object_destroy(self->fd, second.stdev));
	expect_charged(_metadata, self, 0, __LINE__);
}

/* A slice is pinned by itself. */
TEST_F(account, slices)
{
	struct mock_ids ids;
	uint64_t copy = IOVA;
	uint32_t other;

	ASSERT_EQ(0, map(self, 0, 2 * BYTES, IOVA));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &ids));
	ASSERT_EQ(0, ioas_copy(self->fd, other, &copy, self->ioas, IOVA + PAGE_BYTES, BYTES / 2,
			       MAP_FIXED_RW));
	expect_charged(_metadata, self, BYTES / 2, __LINE__);
	copy += BYTES;
	/* One that reaches into what is pinned pays for the rest. */
	ASSERT_EQ(0, ioas_copy(self->fd, other, &copy, self->ioas, IOVA + BYTES / 4, BYTES / 2,
			       MAP_FIXED_RW));
	expect_charged(_metadata, self, 3 * BYTES / 4 - PAGE_BYTES, __LINE__);
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, ioas_unmap(self->fd, other, IOVA, BYTES / 2, NULL));
	expect_charged(_metadata, self, BYTES / 2, __LINE__);
}

/* A call that gives up half way, after several charges, returns them all. */
TEST_F(account, failures)
{
	uint8_t *mem = memory_alloc(BYTES);
	struct mock_ids ids;
	uint32_t hwpt;

	ASSERT_EQ(0, mock_memory_limit(self->spare, SMALL_LIMIT));
	ASSERT_EQ(0, attach(self, &ids));
	ASSERT_EQ(0, munmap(mem + BYTES - PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(-EFAULT, ioas_map_fixed(self->fd, self->ioas, mem, BYTES, IOVA));
	expect_charged(_metadata, self, 0, __LINE__);
	if (self->file >= 0) {
		EXPECT_EQ(-EINVAL, map(self, 2 * BYTES - 8 * PAGE_BYTES, 9 * PAGE_BYTES, IOVA));
		expect_charged(_metadata, self, 0, __LINE__);
	}
	ASSERT_EQ(0, map(self, 0, BYTES / 2, IOVA));
	EXPECT_EQ(-EEXIST, map(self, 0, BYTES / 2, IOVA));
	EXPECT_EQ(-EINVAL, map(self, 0, BYTES / 2, 0));
	expect_charged(_metadata, self, BYTES / 2, __LINE__);
	/* The first of two mappings is pinned, the second fails. */
	ASSERT_EQ(0, object_destroy(self->fd, ids.stdev));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, mem + BYTES / 2, BYTES / 2,
				    IOVA + BYTES));
	EXPECT_EQ(-EFAULT, attach(self, &ids));
	expect_charged(_metadata, self, 0, __LINE__);
	EXPECT_EQ(-ENOENT, hwpt_alloc(self->fd, NO_SUCH_ID, self->ioas, &hwpt));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	munmap(mem, BYTES - PAGE_BYTES);
}

/* covers: IOMMU_IOAS_MAP ENOMEM */
TEST_F(account, table_and_replace_over_the_limit)
{
	struct mock_ids ids;
	uint32_t large, pt_id;

	ASSERT_EQ(0, attach(self, &ids));
	ASSERT_EQ(0, map(self, 0, PAGE_BYTES, IOVA));
	ASSERT_EQ(0, ioas_alloc(self->fd, &large));
	ASSERT_EQ(0, map_at(self, self->fd, large, 0, BYTES, IOVA));
	pt_id = large;
	if (!self->limited) {
		EXPECT_EQ(0, mock_replace(self->fd, ids.stdev, &pt_id));
		expect_charged(_metadata, self, BYTES, __LINE__);
		return;
	}
	EXPECT_EQ(-ENOMEM, mock_replace(self->fd, ids.stdev, &pt_id));
	expect_charged(_metadata, self, PAGE_BYTES, __LINE__);
	EXPECT_EQ(-ENOMEM, mock_hwpt_filled(self->fd, &ids, large));
	EXPECT_EQ(-ENOMEM, map(self, 0, BYTES, IOVA + BYTES));
	expect_charged(_metadata, self, PAGE_BYTES, __LINE__);
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, ids.stdev));
	/* With room for both it works, and then the first is free again. */
	ASSERT_EQ(0, set_limit(BYTES + PAGE_BYTES));
	pt_id = large;
	ASSERT_EQ(0, mock_replace(self->fd, ids.stdev, &pt_id));
	ASSERT_EQ(0, set_limit(BYTES));
	expect_charged(_metadata, self, BYTES, __LINE__);
}

TEST_F(account, kernel_users)
{
	const uint64_t over = BYTES + PAGE_BYTES;
	uint32_t item, more;
	uint8_t byte = 0;
	int access;

	ASSERT_EQ(0, map(self, 0, 2 * BYTES, IOVA));
	access = mock_access(self->fd, self->ioas, PINS);
	ASSERT_LE(0, access);
	expect_charged(_metadata, self, 0, __LINE__);
	if (self->limited) {
		EXPECT_EQ(-ENOMEM, mock_access_pin(self->fd, access, IOVA, over, NULL, 0, &item));
		expect_charged(_metadata, self, 0, __LINE__);
	}
	ASSERT_EQ(0, mock_access_pin(self->fd, access, IOVA, BYTES / 2, NULL, 0, &item));
	expect_charged(_metadata, self, BYTES / 2, __LINE__);
	/* An overlap is charged once, and stays as long as one of both does. */
	ASSERT_EQ(0, mock_access_pin(self->fd, access, IOVA + BYTES / 4, BYTES / 2, NULL, 0,
				     &more));
	expect_charged(_metadata, self, 3 * BYTES / 4, __LINE__);
	ASSERT_EQ(0, mock_access_unpin(self->fd, access, item));
	expect_charged(_metadata, self, BYTES / 2, __LINE__);
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	expect_charged(_metadata, self, 0, __LINE__);

	/* Copies hold pages while they last; what is the caller's own they need not. */
	ASSERT_EQ(0, map(self, 0, BYTES, IOVA));
	ASSERT_EQ(0, set_limit(0));
	EXPECT_EQ(self->limited ? -ENOMEM : 0,
		  mock_access_rw(self->fd, access, IOVA, &byte, 1, MOCK_ACCESS_RW_SLOW_PATH));
	EXPECT_EQ(self->limited && self->file >= 0 ? -ENOMEM : 0,
		  mock_access_rw(self->fd, access, IOVA, &byte, 1, 0));
	ASSERT_EQ(0, set_limit(BYTES));
	EXPECT_EQ(0, mock_access_rw(self->fd, access, IOVA, &byte, 1, MOCK_ACCESS_RW_SLOW_PATH));
	expect_charged(_metadata, self, 0, __LINE__);

	/* Closing it unpins. */
	ASSERT_EQ(0, mock_access_pin(self->fd, access, IOVA, BYTES, NULL, 0, &item));
	expect_charged(_metadata, self, BYTES, __LINE__);
	ASSERT_EQ(0, close(access));
	expect_charged(_metadata, self, 0, __LINE__);
}

/* Memory that the process locked itself is of the same purse in process mode. */
TEST_F(account, beside_mlock)
{
	struct mock_ids ids;
	uint8_t *mem = memory_alloc(BYTES / 2);

	ASSERT_EQ(0, attach(self, &ids));
	ASSERT_EQ(0, mlock(mem, BYTES / 2));
	EXPECT_EQ(self->lock_kib + KIB / 2, status_kib("VmLck"));
	EXPECT_EQ(self->locks ? -ENOMEM : 0, map(self, 0, BYTES, IOVA));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, map(self, 0, BYTES / 2, IOVA));
	EXPECT_EQ(self->lock_kib + (self->locks ? KIB : KIB / 2), status_kib("VmLck"));
	ASSERT_EQ(0, munlock(mem, BYTES / 2));
	expect_charged(_metadata, self, BYTES / 2, __LINE__);
	munmap(mem, BYTES / 2);
}

/* A limit that sinks below what is pinned takes nothing away. */
TEST_F(account, limit_sinks)
{
	struct mock_ids ids;

	ASSERT_EQ(0, attach(self, &ids));
	ASSERT_EQ(0, map(self, 0, BYTES, IOVA));
	ASSERT_EQ(0, set_limit(PAGE_BYTES));
	EXPECT_EQ(self->limited ? -ENOMEM : 0, map(self, 0, PAGE_BYTES, IOVA + BYTES));
	if (self->file < 0)
		EXPECT_EQ(0, mock_check_refs(self->fd, self->mem + PAGE_BYTES, BYTES - PAGE_BYTES,
					     1));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, map(self, 0, PAGE_BYTES, IOVA));
	ASSERT_EQ(0, set_limit(BYTES));
	expect_charged(_metadata, self, PAGE_BYTES, __LINE__);
}

/* No memory of this machine's users is behind a dma-buf of the mock. */
TEST_F(account, dmabufs_are_free)
{
	struct mock_ids ids;
	int buf;

	ASSERT_EQ(0, attach(self, &ids));
	ASSERT_EQ(0, set_limit(0));
	buf = mock_dmabuf(self->fd, 4 * PAGE_BYTES);
	ASSERT_LE(0, buf);
	EXPECT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, buf, 0, 4 * PAGE_BYTES, IOVA));
	ASSERT_EQ(0, set_limit(BYTES));
	expect_charged(_metadata, self, 0, __LINE__);
	EXPECT_EQ(0, close(buf));
}

TEST_F(account, huge_pages_by_their_size)
{
	uint8_t *mem = memory_alloc_huge(2 * HUGE_BYTES);
	struct mock_ids ids;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, attach(self, &ids));
	ASSERT_EQ(0, set_limit(HUGE_BYTES));
	EXPECT_EQ(self->limited ? -ENOMEM : 0,
		  ioas_map_fixed(self->fd, self->ioas, mem, HUGE_BYTES + PAGE_BYTES, IOVA));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, ioas_map_fixed(self->fd, self->ioas, mem + PAGE_BYTES, HUGE_BYTES, IOVA));
	EXPECT_EQ(self->pin_kib + (long)(HUGE_BYTES / 1024), status_kib("VmPin"));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, set_limit(BYTES));
	expect_charged(_metadata, self, 0, __LINE__);
	munmap(mem, 2 * HUGE_BYTES);
}

static int map_half_and_end(void *arg)
{
	FIXTURE_DATA(account) *self = arg;

	if (map(self, 0, BYTES / 2, IOVA))
		return 1;
	return status_kib("VmPin") == KIB / 2 ? 0 : 2;
}

/* What a process pinned counts for its user after its end, until it is unmapped. */
TEST_F(account, process_that_ended)
{
	struct mock_ids ids;

	ASSERT_EQ(0, attach(self, &ids));
	ASSERT_EQ(0, in_child(map_half_and_end, self));
	EXPECT_EQ(self->pin_kib, status_kib("VmPin"));
	if (self->limited) {
		EXPECT_EQ(self->locks ? 0 : -ENOMEM, map(self, 0, BYTES, IOVA + BYTES));
		if (!self->locks)
			EXPECT_EQ(0, map(self, 0, BYTES / 2, IOVA + BYTES));
	}
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	expect_charged(_metadata, self, 0, __LINE__);
}

/* Closing ends everything at once; the teardown looks at what is left. */
TEST_F(account, close_of_all)
{
	struct mock_ids ids, more;
	uint32_t other, item;
	int access;

	ASSERT_EQ(0, map(self, 0, BYTES / 4, IOVA));
	ASSERT_EQ(0, attach(self, &ids));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, map_at(self, self->fd, other, 0, BYTES / 4, IOVA));
	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &more));
	access = mock_access(self->fd, other, PINS);
	ASSERT_LE(0, access);
	ASSERT_EQ(0, map_at(self, self->fd, other, 0, BYTES / 4, IOVA + BYTES));
	ASSERT_EQ(0, mock_access_pin(self->fd, access, IOVA + BYTES, PAGE_BYTES, NULL, 0, &item));
	expect_charged(_metadata, self, 3 * BYTES / 4, __LINE__);
	ASSERT_EQ(0, close(access));
}

TEST_HARNESS_MAIN
