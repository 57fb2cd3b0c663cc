// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces with a device: what is pinned and charged and when, memory
 * that cannot be pinned, large pages, reserved addresses, and the errnos of
 * the calls that take the ID of a device or of a page table.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/process.h"
#include "lib/vfio_dev.h"

#define BASE		0x10000000ULL
#define NR_PAGES	64
#define BYTES		(NR_PAGES * PAGE_BYTES)
#define KIB		((long)(BYTES / 1024))
#define HUGE_BYTES	(2ULL << 20)
#define LIMIT_BYTES	(512UL << 10)
#define UNKNOWN_FLAG	(1u << 31)
#define IOVA_MSI_X86	0xfee00000ULL
#define MAX_RANGES	32

FIXTURE(device)
{
	int fd;
	struct vfio_dev dev;
	uint32_t ioas;
	uint8_t *mem;
	int per_process;
	long pin_kib;	/* pinned before the test */
};

FIXTURE_VARIANT(device)
{
	int per_process;
};

FIXTURE_VARIANT_ADD(device, per_user)
{
	.per_process = 0,
};

FIXTURE_VARIANT_ADD(device, per_process)
{
	.per_process = 1,
};

FIXTURE_SETUP(device)
{
	int err;

	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, option_set(self->fd, IOMMU_OPTION_RLIMIT_MODE, 0, variant->per_process));
	self->per_process = variant->per_process;
	err = vfio_dev_open(&self->dev);
	if (err == -ENODEV || err == -ENOENT)
		SKIP(return, "no device with a VFIO node: edu, or IOMMUFD_TEST_BDF");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, vfio_dev_bind(&self->dev, self->fd));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	self->mem = memory_alloc(BYTES);
	ASSERT_NE(NULL, self->mem);
	self->pin_kib = status_kib("VmPin");
	ASSERT_LE(0, self->pin_kib);
}

FIXTURE_TEARDOWN(device)
{
	vfio_dev_close(&self->dev);
	EXPECT_EQ(0, close(self->fd));
}

static long pinned_kib(FIXTURE_DATA(device) *self)
{
	return status_kib("VmPin") - self->pin_kib;
}

static int map_at(FIXTURE_DATA(device) *self, const void *mem, uint64_t bytes, uint64_t iova)
{
	return ioas_map_fixed(self->fd, self->ioas, mem, bytes, iova);
}

static int attach(FIXTURE_DATA(device) *self)
{
	return vfio_dev_attach(&self->dev, self->ioas, NULL);
}

/* Make a table and have it filled: when it is made, or when it gets its shape. */
static int fill_own_table(FIXTURE_DATA(device) *self)
{
	uint32_t hwpt;
	int err;

	err = hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, &hwpt);
	if (err)
		return err;
	if (vfio_dev_fills_tables_late(&self->dev))
		err = vfio_dev_attach(&self->dev, hwpt, NULL);
	object_destroy(self->fd, hwpt);
	return err;
}

static int is_empty(FIXTURE_DATA(device) *self)
{
	uint64_t bytes = 1;

	return !ioas_unmap_all(self->fd, self->ioas, &bytes) && !bytes;
}

TEST_F(device, pins_from_attach_to_detach)
{
	ASSERT_EQ(0, map_at(self, self->mem, BYTES, BASE));
	EXPECT_EQ(0, pinned_kib(self));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(KIB, pinned_kib(self));
	EXPECT_EQ(BYTES, object_stat(self->fd, self->ioas, "pinned-bytes"));
	ASSERT_EQ(0, vfio_dev_detach(&self->dev));
	EXPECT_EQ(0, pinned_kib(self));
	EXPECT_EQ(0, object_stat(self->fd, self->ioas, "pinned-bytes"));
}

TEST_F(device, pins_from_map_to_unmap)
{
	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, map_at(self, self->mem, BYTES, BASE));
	EXPECT_EQ(KIB, pinned_kib(self));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, BASE, BYTES, NULL));
	EXPECT_EQ(0, pinned_kib(self));
}

TEST_F(device, locked_memory_shows_in_process_mode)
{
	const long locked = status_kib("VmLck");

	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, map_at(self, self->mem, BYTES, BASE));
	/* Root's memory is not limited, so neither mode counts it as locked ... */
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(locked, status_kib("VmLck"));
}

/* Two tables of a space need the memory once, and so do two mappings of it. */
TEST_F(device, pins_once)
{
	uint64_t iova = 2 * BASE;
	uint32_t hwpt;

	ASSERT_EQ(0, map_at(self, self->mem, BYTES, BASE));
	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, &hwpt));
	EXPECT_EQ(KIB, pinned_kib(self));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, &iova, self->ioas, BASE, BYTES,
			       MAP_FIXED_RW));
	EXPECT_EQ(KIB, pinned_kib(self));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, BASE, BYTES, NULL));
	EXPECT_EQ(KIB, pinned_kib(self));
	/* The table that the user made is full, once it has a shape. */
	if (vfio_dev_fills_tables_late(&self->dev))
		ASSERT_EQ(0, vfio_dev_attach(&self->dev, hwpt, NULL));
	ASSERT_EQ(0, vfio_dev_detach(&self->dev));
	/* It is not attached, and full all the same. */
	EXPECT_EQ(KIB, pinned_kib(self));
	ASSERT_EQ(0, object_destroy(self->fd, hwpt));
	EXPECT_EQ(0, pinned_kib(self));
}

TEST_F(device, pins_of_a_slice)
{
	uint64_t iova = BASE;
	uint32_t other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, other, self->mem, BYTES, BASE));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, &iova, other, BASE + 8 * PAGE_BYTES,
			       4 * PAGE_BYTES, MAP_FIXED_RW));
	ASSERT_EQ(0, attach(self));
	/* At least what is mapped, at most what it was cut from */
	EXPECT_LE(16, pinned_kib(self));
	EXPECT_GE(KIB, pinned_kib(self));
	ASSERT_EQ(0, object_destroy(self->fd, other));
	EXPECT_LE(16, pinned_kib(self));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, pinned_kib(self));
}

TEST_F(device, replace_moves_the_pins)
{
	uint8_t *more = memory_alloc(2 * BYTES);
	uint32_t other;

	ASSERT_NE(NULL, more);
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, map_at(self, self->mem, BYTES, BASE));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, other, more, 2 * BYTES, BASE));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(KIB, pinned_kib(self));
	ASSERT_EQ(0, vfio_dev_attach(&self->dev, other, NULL));
	EXPECT_EQ(2 * KIB, pinned_kib(self));
	EXPECT_EQ(0, object_destroy(self->fd, self->ioas));
}

TEST_F(device, unpinned_at_close)
{
	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, map_at(self, self->mem, BYTES, BASE));
	/* The device keeps the context of a closed descriptor. */
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(KIB, pinned_kib(self));
	vfio_dev_close(&self->dev);
	EXPECT_EQ(0, pinned_kib(self));
	self->fd = iommufd_open();
}

/* covers: IOMMU_IOAS_MAP EFAULT */
TEST_F(device, memory_that_cannot_be_pinned)
{
	uint8_t *mem = memory_alloc(BYTES);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, mprotect(mem + BYTES - PAGE_BYTES, PAGE_BYTES, PROT_NONE));
	EXPECT_EQ(-EFAULT, map_at(self, mem, BYTES, BASE));
	EXPECT_EQ(0, pinned_kib(self));
	ASSERT_EQ(0, munmap(mem + 5 * PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(-EFAULT, map_at(self, mem, 10 * PAGE_BYTES, BASE));
	EXPECT_EQ(-EFAULT, map_at(self, mem + 5 * PAGE_BYTES, PAGE_BYTES, BASE));
	EXPECT_EQ(-EFAULT, map_at(self, NULL, PAGE_BYTES, BASE));
	EXPECT_EQ(-EFAULT, map_at(self, (void *)(1ULL << 63), PAGE_BYTES, BASE));
	EXPECT_EQ(0, pinned_kib(self));
	EXPECT_TRUE(is_empty(self));
	EXPECT_EQ(0, map_at(self, mem, 5 * PAGE_BYTES, BASE));
}

TEST_F(device, memory_that_cannot_be_written)
{
	uint8_t *mem = read_only_copy("text", 5);
	uint64_t iova = BASE;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(-EFAULT, map_at(self, mem, PAGE_BYTES, BASE));
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas, mem, PAGE_BYTES, &iova,
			      IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA));
	EXPECT_EQ(0, memcmp(mem, "text", 5));
}

/* What could be mapped without a device may still fail the attach. */
/* covers: IOMMU_HWPT_ALLOC EFAULT */
TEST_F(device, attach_to_a_space_that_cannot_be_pinned)
{
	uint8_t *mem = memory_alloc(PAGE_BYTES);

	ASSERT_EQ(0, map_at(self, self->mem, BYTES, BASE));
	ASSERT_EQ(0, map_at(self, mem, PAGE_BYTES, 2 * BASE));
	ASSERT_EQ(0, munmap(mem, PAGE_BYTES));
	EXPECT_EQ(-EFAULT, attach(self));
	EXPECT_EQ(-EFAULT, fill_own_table(self));
	EXPECT_EQ(0, pinned_kib(self));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, 2 * BASE, PAGE_BYTES, NULL));
	EXPECT_EQ(0, attach(self));
	EXPECT_EQ(KIB, pinned_kib(self));
}

/* Memory of a process that has ended cannot be pinned any more. */
TEST_F(device, memory_of_another_process)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(-map_at(self, self->mem, BYTES, BASE));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_EQ(-EFAULT, attach(self));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, attach(self));

	/* What it pinned while it lived stays. */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(-map_at(self, self->mem, BYTES, BASE));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_EQ(0, pinned_kib(self));
	EXPECT_EQ(BYTES, object_stat(self->fd, self->ioas, "pinned-bytes"));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
}

/*
 * What an unprivileged child does under a limit; exits with the number of the
 * first step that went wrong, 0 for none.
 *
 * covers: IOMMU_IOAS_MAP ENOMEM
 */
static int within_limit(void *arg)
{
	FIXTURE_DATA(device) *self = arg;
	const struct rlimit limit = { LIMIT_BYTES, LIMIT_BYTES };
	uint8_t *mem = memory_alloc(2 * LIMIT_BYTES);

	if (!mem || setrlimit(RLIMIT_MEMLOCK, &limit) || drop_privileges())
		return 1;
	if (map_at(self, mem, LIMIT_BYTES + PAGE_BYTES, BASE) != -ENOMEM)
		return 2;
	if (status_kib("VmPin") != 0 || status_kib("VmLck") != 0)
		return 3;
	if (map_at(self, mem, LIMIT_BYTES, BASE))
		return 4;
	if (status_kib("VmPin") != (long)LIMIT_BYTES / 1024)
		return 5;
	if (status_kib("VmLck") != (self->per_process ? (long)LIMIT_BYTES / 1024 : 0))
		return 6;
	if (map_at(self, mem + LIMIT_BYTES, PAGE_BYTES, 2 * BASE) != -ENOMEM)
		return 7;
	if (ioas_unmap(self->fd, self->ioas, BASE, LIMIT_BYTES, NULL))
		return 8;
	if (status_kib("VmPin") != 0 || status_kib("VmLck") != 0)
		return 9;
	/* All of the limit is there again. */
	if (map_at(self, mem, LIMIT_BYTES, BASE))
		return 10;
	return ioas_unmap_all(self->fd, self->ioas, NULL) ? 11 : 0;
}

TEST_F(device, limit)
{
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(0, in_child(within_limit, self));
}

/* Two processes of a user share his limit; in process mode each has its own. */
static int second_of_user(void *arg)
{
	FIXTURE_DATA(device) *self = arg;
	uint8_t *mem = memory_alloc(LIMIT_BYTES);
	int status, want = self->per_process ? 0 : -ENOMEM;
	const struct rlimit limit = { LIMIT_BYTES, LIMIT_BYTES };
	pid_t pid;

	if (!mem || setrlimit(RLIMIT_MEMLOCK, &limit) || drop_privileges())
		return 1;
	if (map_at(self, mem, LIMIT_BYTES, BASE))
		return 2;
	pid = fork();
	if (!pid)
		_exit(map_at(self, mem, PAGE_BYTES, 2 * BASE) == want ? 0 : 1);
	if (waitpid(pid, &status, 0) != pid)
		return 3;
	return status ? 4 : 0;
}

TEST_F(device, limit_of_two_processes)
{
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(0, in_child(second_of_user, self));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	/* What they pinned is given back to the user whoever unmaps it. */
	EXPECT_EQ(0, in_child(within_limit, self));
}

/* A process that ends takes nothing of the user's limit with it. */
static int leave_it_mapped(void *arg)
{
	FIXTURE_DATA(device) *self = arg;
	const struct rlimit limit = { LIMIT_BYTES, LIMIT_BYTES };
	uint8_t *mem = memory_alloc(LIMIT_BYTES);

	if (!mem || setrlimit(RLIMIT_MEMLOCK, &limit) || drop_privileges())
		return 1;
	return map_at(self, mem, LIMIT_BYTES, BASE) ? 2 : 0;
}

TEST_F(device, limit_after_close)
{
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(0, in_child(leave_it_mapped, self));
	EXPECT_EQ(0, vfio_dev_detach(&self->dev));
	EXPECT_EQ(0, object_destroy(self->fd, self->ioas));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(0, in_child(within_limit, self));
}

/* Root has no limit. */
TEST_F(device, limit_of_root)
{
	const struct rlimit limit = { PAGE_BYTES, PAGE_BYTES };

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(0, map_at(self, self->mem, BYTES, BASE));
	EXPECT_EQ(KIB, pinned_kib(self));
}

TEST_F(device, huge_pages)
{
	uint8_t *mem = memory_alloc_huge(2 * HUGE_BYTES);
	uint64_t value = 0;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, map_at(self, mem, 2 * HUGE_BYTES, 4 * HUGE_BYTES));
	ASSERT_EQ(0, map_at(self, mem, HUGE_BYTES, 8 * HUGE_BYTES + PAGE_BYTES));
	ASSERT_EQ(0, map_at(self, mem + PAGE_BYTES, HUGE_BYTES, 16 * HUGE_BYTES));
	/* With a domain and memory in it the option is fixed. */
	EXPECT_EQ(-EINVAL, option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, 0));
	EXPECT_EQ(0, option_get(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, &value));
	EXPECT_EQ(1, value);
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, pinned_kib(self));

	EXPECT_EQ(0, option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, 0));
	ASSERT_EQ(0, map_at(self, mem, 2 * HUGE_BYTES, 4 * HUGE_BYTES));
	EXPECT_EQ((long)(2 * HUGE_BYTES / 1024), pinned_kib(self));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, pinned_kib(self));
}

/* A large page that breaks up under a mapping, and goes in part */
TEST_F(device, huge_page_in_pieces)
{
	uint8_t *mem = memory_alloc_huge(HUGE_BYTES);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, map_at(self, mem, HUGE_BYTES, 4 * HUGE_BYTES));
	ASSERT_EQ(0, munmap(mem + 3 * PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ((long)(HUGE_BYTES / 1024), pinned_kib(self));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, pinned_kib(self));
	EXPECT_EQ(1, mem[0]);
	EXPECT_EQ(1, mem[HUGE_BYTES - 1]);
}

TEST_F(device, alignment_while_attached)
{
	struct iommu_iova_range range[MAX_RANGES];
	uint64_t alignment = 0;
	uint32_t nr = MAX_RANGES;

	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas, range, &nr, &alignment));
	EXPECT_EQ(PAGE_BYTES, alignment);
	EXPECT_EQ(-EINVAL, map_at(self, self->mem, 1, BASE));
	EXPECT_EQ(-EINVAL, map_at(self, self->mem, PAGE_BYTES, BASE + 1));
	EXPECT_EQ(-EINVAL, map_at(self, self->mem + 1, PAGE_BYTES, BASE));
	ASSERT_EQ(0, vfio_dev_detach(&self->dev));
	ASSERT_EQ(0, map_at(self, self->mem, 1, BASE));
	EXPECT_EQ(-EADDRINUSE, attach(self));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, attach(self));
}

static int usable(const struct iommu_iova_range *range, uint32_t nr, uint64_t iova)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (range[i].start <= iova && iova <= range[i].last)
			return 1;
	return 0;
}

#ifdef __x86_64__
/* The range that interrupts are written to is nobody's memory. */
/* covers: IOMMU_IOAS_ALLOW_IOVAS EADDRINUSE */
TEST_F(device, reserved_addresses)
{
	static const struct iommu_iova_range around = { IOVA_MSI_X86 - PAGE_BYTES,
							IOVA_MSI_X86 + PAGE_BYTES };
	static const struct iommu_iova_range below = { 0x40000, 0x40fff };
	struct iommu_iova_range range[MAX_RANGES];
	uint32_t nr = MAX_RANGES, hwpt;
	uint64_t iova = 0;

	ASSERT_EQ(0, map_at(self, self->mem, PAGE_BYTES, IOVA_MSI_X86));
	EXPECT_EQ(-EADDRINUSE, attach(self));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas, &around, 1));
	EXPECT_EQ(-EADDRINUSE, attach(self));
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas, &below, 1));
	ASSERT_EQ(0, attach(self));

	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas, range, &nr, NULL));
	EXPECT_FALSE(usable(range, nr, IOVA_MSI_X86));
	EXPECT_FALSE(usable(range, nr, IOVA_MSI_X86 + 0xfffff));
	EXPECT_TRUE(usable(range, nr, IOVA_MSI_X86 + 0x100000));
	EXPECT_EQ(-EINVAL, map_at(self, self->mem, PAGE_BYTES, IOVA_MSI_X86));
	EXPECT_EQ(-EINVAL, map_at(self, self->mem, 2 * PAGE_BYTES, IOVA_MSI_X86 - PAGE_BYTES));
	EXPECT_EQ(0, map_at(self, self->mem, PAGE_BYTES, IOVA_MSI_X86 - PAGE_BYTES));
	EXPECT_EQ(-EADDRINUSE, ioas_allow(self->fd, self->ioas, &around, 1));
	/* The old list stays. */
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas, self->mem, PAGE_BYTES, &iova, MAP_RW));
	EXPECT_EQ(0x40000, iova);

	/* With the device its reservation goes. */
	ASSERT_EQ(0, vfio_dev_detach(&self->dev));
	EXPECT_EQ(0, map_at(self, self->mem, PAGE_BYTES, IOVA_MSI_X86));
	/* A table alone knows no device's regions, only its own width. */
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, &hwpt));
	EXPECT_EQ(-EADDRINUSE, vfio_dev_attach(&self->dev, hwpt, NULL));
}
#endif

/* covers: IOMMU_HWPT_ALLOC EADDRINUSE */
TEST_F(device, beyond_the_width_of_the_table)
{
	struct iommu_iova_range range[MAX_RANGES];
	uint32_t nr = MAX_RANGES;

	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas, range, &nr, NULL));
	if (usable(range, nr, ALL_ONES))
		SKIP(return, "this IOMMU's tables grow to 64 bits");
	EXPECT_FALSE(usable(range, nr, 1ULL << 62));
	ASSERT_EQ(0, vfio_dev_detach(&self->dev));

	ASSERT_EQ(0, map_at(self, self->mem, PAGE_BYTES, 1ULL << 62));
	EXPECT_EQ(-EADDRINUSE, attach(self));
	EXPECT_EQ(-EADDRINUSE, fill_own_table(self));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(-EINVAL, map_at(self, self->mem, PAGE_BYTES, 1ULL << 62));
}

TEST_F(device, copy_while_attached)
{
	uint64_t iova = BASE;
	uint32_t other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, other, self->mem, 2 * PAGE_BYTES, BASE));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(-EINVAL, ioas_copy(self->fd, self->ioas, &iova, other, BASE, 1, MAP_FIXED_RW));
	EXPECT_EQ(-EINVAL, ioas_copy(self->fd, self->ioas, &iova, other, BASE + 1, PAGE_BYTES,
				     MAP_FIXED_RW));
	iova = BASE + 8;
	EXPECT_EQ(-EINVAL, ioas_copy(self->fd, self->ioas, &iova, other, BASE, PAGE_BYTES,
				     MAP_FIXED_RW));
	iova = BASE;
	EXPECT_EQ(0, ioas_copy(self->fd, self->ioas, &iova, other, BASE, PAGE_BYTES,
			       MAP_FIXED_RW));
	EXPECT_LE(4, pinned_kib(self));
}

/* covers: IOMMU_DESTROY EBUSY */
TEST_F(device, wrong_kinds)
{
	const uint32_t dev = self->dev.dev_id;
	uint64_t iova = 0, value;
	uint32_t nr = 0, hwpt, kinds[2];
	int i;

	ASSERT_EQ(0, hwpt_alloc(self->fd, dev, self->ioas, &hwpt));
	kinds[0] = dev;
	kinds[1] = hwpt;
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-ENOENT, ioas_map(self->fd, kinds[i], self->mem, PAGE_BYTES, &iova,
					    MAP_RW));
		EXPECT_EQ(-ENOENT, ioas_unmap_all(self->fd, kinds[i], NULL));
		EXPECT_EQ(-ENOENT, ioas_allow(self->fd, kinds[i], NULL, 0));
		EXPECT_EQ(-ENOENT, ioas_ranges(self->fd, kinds[i], NULL, &nr, NULL));
		EXPECT_EQ(-ENOENT, ioas_copy(self->fd, kinds[i], &iova, self->ioas, BASE,
					     PAGE_BYTES, MAP_RW));
		EXPECT_EQ(-ENOENT, ioas_copy(self->fd, self->ioas, &iova, kinds[i], BASE,
					     PAGE_BYTES, MAP_RW));
		EXPECT_EQ(-ENOENT, option_get(self->fd, IOMMU_OPTION_HUGE_PAGES, kinds[i],
					      &value));
	}
	EXPECT_EQ(-ENOENT, hwpt_alloc(self->fd, hwpt, self->ioas, &nr));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, dev));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->ioas));
	EXPECT_EQ(0, object_destroy(self->fd, hwpt));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, dev));
	EXPECT_EQ(0, object_destroy(self->fd, self->ioas));
	vfio_dev_close(&self->dev);
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, dev));
}

/* covers: IOMMU_HWPT_ALLOC EOPNOTSUPP EINVAL ENOENT */
TEST_F(device, hwpt_alloc_order)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = UNKNOWN_FLAG, .dev_id = NO_SUCH_ID,
		.pt_id = NO_SUCH_ID, .__reserved = 1, .data_len = 8, .__reserved2 = 1,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.__reserved = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_len = 0;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.dev_id = self->dev.dev_id;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.pt_id = self->dev.dev_id;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.pt_id = self->ioas;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.flags = IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_NEST_PARENT;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.flags = 0;
	arg.data_type = 0x7fff;
	arg.data_len = 8;
	arg.data_uptr = (uintptr_t)self->mem;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_type = IOMMU_HWPT_DATA_NONE;
	arg.data_len = 0;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(0, object_destroy(self->fd, arg.out_hwpt_id));
}

/* A table that the kernel made for an attach belongs to it. */
TEST_F(device, automatic_tables)
{
	uint32_t hwpt, again, own;

	ASSERT_EQ(0, vfio_dev_attach(&self->dev, self->ioas, &hwpt));
	EXPECT_NE(self->ioas, hwpt);
	ASSERT_EQ(0, vfio_dev_attach(&self->dev, self->ioas, &again));
	EXPECT_EQ(hwpt, again);
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, hwpt));
	/* Without nesting there is no talk of whether it could be a parent */
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->fd, self->dev.dev_id, hwpt, &own));
	/* One that the user made is not chosen for him. */
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, &own));
	ASSERT_EQ(0, vfio_dev_attach(&self->dev, own, &again));
	EXPECT_EQ(own, again);
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, hwpt));
	ASSERT_EQ(0, vfio_dev_attach(&self->dev, self->ioas, &again));
	EXPECT_NE(own, again);
	EXPECT_EQ(0, object_destroy(self->fd, own));
	ASSERT_EQ(0, vfio_dev_detach(&self->dev));
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, again));
}

TEST_F(device, unwritable_result_of_hwpt_alloc)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .dev_id = self->dev.dev_id, .pt_id = self->ioas,
	};

	ASSERT_EQ(0, map_at(self, self->mem, BYTES, BASE));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC,
					read_only_copy(&arg, sizeof(arg))));
	EXPECT_EQ(0, pinned_kib(self));
	EXPECT_EQ(0, object_destroy(self->fd, self->ioas));
}

/* covers: IOMMU_GET_HW_INFO EOPNOTSUPP ENOENT EFAULT */
TEST_F(device, hw_info)
{
	uint8_t blob[64];
	struct iommu_hw_info arg = {
		.size = sizeof(arg), .flags = UNKNOWN_FLAG, .dev_id = self->ioas,
		.data_len = sizeof(blob), .data_uptr = 8,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
	arg.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE;
	arg.in_data_type = 0x7fff;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
	arg.dev_id = self->dev.dev_id;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
	arg.in_data_type = IOMMU_HW_INFO_TYPE_DEFAULT;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));

	memset(blob, 0xff, sizeof(blob));
	arg.flags = 0;
	arg.data_uptr = (uintptr_t)blob;
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
	EXPECT_EQ(0, arg.flags);
	EXPECT_GE(sizeof(blob), arg.data_len);
	if (arg.out_data_type == IOMMU_HW_INFO_TYPE_NONE)
		EXPECT_EQ(0, arg.data_len);
	/* The rest of the buffer is zero. */
	if (arg.data_len < sizeof(blob))
		EXPECT_EQ(0, blob[arg.data_len]);
	EXPECT_EQ(0, blob[sizeof(blob) - 1]);
	EXPECT_EQ(0, arg.out_capabilities & ~0xfULL);
	/* edu has neither. */
	EXPECT_TRUE(arg.out_capabilities & IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED);
	EXPECT_EQ(0, arg.out_max_pasid_log2);
}

TEST_HARNESS_MAIN
