// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues in memory of a guest that hardware reads, on the mock IOMMU: which memory they
 * may be in, that it stays mapped, and their order.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/held.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/viommu.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define HUGE_BYTES	((size_t)2 << 20)

/* A device, a virtual IOMMU, and memory that is contiguous at IOVA */
FIXTURE(hw_queue)
{
	int fd;
	uint32_t ioas;
	struct mock_ids ids;
	uint32_t parent;
	uint32_t viommu;
	uint8_t *huge;
};

static int map(FIXTURE_DATA(hw_queue) *self, const void *mem, uint64_t bytes, uint64_t iova)
{
	return ioas_map_fixed(self->fd, self->ioas, mem, bytes, iova);
}

FIXTURE_SETUP(hw_queue)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &self->ids));
	ASSERT_EQ(0, nest_parent_alloc(self->fd, self->ids.dev, self->ioas, &self->parent));
	ASSERT_EQ(0, viommu_alloc(self->fd, self->ids.dev, self->parent, &self->viommu));
	self->huge = memory_alloc_huge(HUGE_BYTES);
	ASSERT_NE(NULL, self->huge);
	memset(self->huge, 1, HUGE_BYTES);
	ASSERT_EQ(0, map(self, self->huge, HUGE_BYTES, IOVA));
}

FIXTURE_TEARDOWN(hw_queue)
{
	if (self->huge)
		munmap(self->huge, HUGE_BYTES);
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

static int alloc(FIXTURE_DATA(hw_queue) *self, uint32_t index, uint64_t iova, uint64_t length,
		 uint32_t *queue)
{
	return hw_queue_alloc(self->fd, self->viommu, index, iova, length, queue);
}

static int unmap(FIXTURE_DATA(hw_queue) *self, uint64_t iova, uint64_t bytes)
{
	return ioas_unmap(self->fd, self->ioas, iova, bytes, NULL);
}

/* covers: IOMMU_HW_QUEUE_ALLOC EOPNOTSUPP EINVAL EOVERFLOW ENOENT */
TEST_F(hw_queue, order_of_checks)
{
	struct iommu_hw_queue_alloc arg = {
		.size = sizeof(arg), .flags = 1, .type = IOMMU_HW_QUEUE_TYPE_DEFAULT,
		.viommu_id = NO_SUCH_ID, .nesting_parent_iova = UINT64_MAX,
		.index = IOMMU_TEST_HW_QUEUE_MAX,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.flags = 0;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.type = IOMMU_HW_QUEUE_TYPE_SELFTEST + 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg)) {
		TH_LOG("the length is 0");
	}
	arg.length = 1;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.nesting_parent_iova = IOVA + HUGE_BYTES;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.viommu_id = self->parent;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.viommu_id = self->viommu;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg)) {
		TH_LOG("there are no such queues");
	}
	arg.type = IOMMU_HW_QUEUE_TYPE_SELFTEST;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg)) {
		TH_LOG("nothing is mapped there");
	}
	arg.nesting_parent_iova = IOVA;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg)) {
		TH_LOG("there is no such index");
	}
	arg.index = 0;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_HW_QUEUE_ALLOC,
					read_only_copy(&arg, sizeof(arg))));
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	EXPECT_EQ(0, object_stat(self->fd, arg.out_hw_queue_id, "index"));
	EXPECT_EQ(IOVA, object_stat(self->fd, arg.out_hw_queue_id, "iova"));
}

/* The rules of the mock; covers: IOMMU_DESTROY EBUSY */
TEST_F(hw_queue, order_of_queues)
{
	uint32_t first, second, id;

	EXPECT_EQ(-EIO, alloc(self, 1, IOVA, PAGE_BYTES, &id));
	ASSERT_EQ(0, alloc(self, 0, IOVA, PAGE_BYTES, &first));
	EXPECT_EQ(-EEXIST, alloc(self, 0, IOVA, PAGE_BYTES, &id));
	ASSERT_EQ(0, alloc(self, 1, IOVA + PAGE_BYTES, PAGE_BYTES, &second));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, first));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->viommu));
	EXPECT_EQ(0, object_destroy(self->fd, second));
	EXPECT_EQ(0, object_destroy(self->fd, first));
	EXPECT_EQ(-EIO, alloc(self, 1, IOVA, PAGE_BYTES, &id));
	ASSERT_EQ(0, alloc(self, 0, IOVA, PAGE_BYTES, &first));
	ASSERT_EQ(0, alloc(self, 1, IOVA, PAGE_BYTES, &second)) {
		TH_LOG("the close has to find the order");
	}
}

/* covers: IOMMU_IOAS_UNMAP EBUSY */
TEST_F(hw_queue, memory_stays_mapped)
{
	uint64_t behind = IOVA + HUGE_BYTES, unmapped = 1;
	void *page = page_alloc(1);
	uint32_t queue;

	ASSERT_NE(NULL, page);
	ASSERT_EQ(0, map(self, page, PAGE_BYTES, behind));
	ASSERT_EQ(0, alloc(self, 0, IOVA + 3 * PAGE_BYTES + 16, 2 * PAGE_BYTES, &queue));
	EXPECT_EQ(-EBUSY, unmap(self, IOVA, HUGE_BYTES));
	EXPECT_EQ(-EBUSY, ioas_unmap_all(self->fd, self->ioas, &unmapped));
	EXPECT_EQ(-EBUSY, unmap(self, IOVA, HUGE_BYTES + PAGE_BYTES));
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, behind, PAGE_BYTES, page)) {
		TH_LOG("a part was unmapped");
	}
	EXPECT_EQ(0, unmap(self, behind, PAGE_BYTES));
	EXPECT_EQ(0, object_destroy(self->fd, queue));
	EXPECT_EQ(0, unmap(self, IOVA, HUGE_BYTES));
	EXPECT_EQ(0, mock_check_refs(self->fd, page, PAGE_BYTES, 0));
}

/* covers: IOMMU_HW_QUEUE_ALLOC EPERM EINVAL EFAULT */
TEST_F(hw_queue, memory_that_will_not_do)
{
	uint64_t at = IOVA + HUGE_BYTES, iova;
	uint8_t *pages = page_alloc(2), *scattered;
	uint32_t queue;
	int dmabuf;

	ASSERT_NE(NULL, pages);
	iova = at;
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, pages, PAGE_BYTES, &iova,
			      IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_FIXED_IOVA));
	EXPECT_EQ(-EPERM, alloc(self, 0, at, PAGE_BYTES, &queue));
	EXPECT_EQ(0, unmap(self, at, PAGE_BYTES));

	dmabuf = mock_dmabuf(self->fd, PAGE_BYTES);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, dmabuf, 0, PAGE_BYTES, at));
	EXPECT_EQ(-EINVAL, alloc(self, 0, at, PAGE_BYTES, &queue));
	EXPECT_EQ(0, unmap(self, at, PAGE_BYTES));
	EXPECT_EQ(0, close(dmabuf));

	/* Half a page of the CPU is one of the mock's */
	ASSERT_EQ(0, map(self, pages + MOCK_PAGE_SIZE, MOCK_PAGE_SIZE, at));
	EXPECT_EQ(-EINVAL, alloc(self, 0, at, 16, &queue));
	EXPECT_EQ(0, unmap(self, at, MOCK_PAGE_SIZE));
	ASSERT_EQ(0, map(self, pages + MOCK_PAGE_SIZE, MOCK_PAGE_SIZE, at + MOCK_PAGE_SIZE));
	EXPECT_EQ(0, alloc(self, 0, at + MOCK_PAGE_SIZE, 16, &queue));
	EXPECT_EQ(0, object_destroy(self->fd, queue));
	EXPECT_EQ(0, unmap(self, at + MOCK_PAGE_SIZE, MOCK_PAGE_SIZE));

	/* The same page twice is not contiguous, whatever the others are */
	scattered = self->huge + PAGE_BYTES;
	ASSERT_EQ(0, map(self, scattered, PAGE_BYTES, at));
	ASSERT_EQ(0, map(self, scattered, PAGE_BYTES, at + PAGE_BYTES));
	EXPECT_EQ(-EFAULT, alloc(self, 0, at, 2 * PAGE_BYTES, &queue));
	EXPECT_EQ(-EFAULT, alloc(self, 0, at, PAGE_BYTES + 1, &queue));
	EXPECT_EQ(0, alloc(self, 0, at, PAGE_BYTES, &queue));
	EXPECT_EQ(0, object_destroy(self->fd, queue));
	EXPECT_EQ(0, unmap(self, at + PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(-ENOENT, alloc(self, 0, at, 2 * PAGE_BYTES, &queue)) {
		TH_LOG("the second page is not mapped");
	}
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL)) {
		TH_LOG("a call that failed has left a lock");
	}
	EXPECT_EQ(0, mock_check_refs(self->fd, pages, 2 * PAGE_BYTES, 0));
}

/* Contiguous memory that several mappings make up */
TEST_F(hw_queue, over_two_mappings)
{
	uint64_t at = IOVA + 2 * HUGE_BYTES;
	uint32_t queue;

	ASSERT_EQ(0, map(self, self->huge, 2 * PAGE_BYTES, at));
	ASSERT_EQ(0, map(self, self->huge + 2 * PAGE_BYTES, PAGE_BYTES, at + 2 * PAGE_BYTES));
	ASSERT_EQ(0, alloc(self, 0, at + PAGE_BYTES + 256, 2 * PAGE_BYTES - 256, &queue));
	EXPECT_EQ(-EBUSY, unmap(self, at, 2 * PAGE_BYTES));
	EXPECT_EQ(-EBUSY, unmap(self, at + 2 * PAGE_BYTES, PAGE_BYTES));
	EXPECT_EQ(0, object_destroy(self->fd, queue));
	EXPECT_EQ(0, unmap(self, at, 3 * PAGE_BYTES));
}

/* The memory moves to another process and stays where it is */
TEST_F(hw_queue, change_of_the_process)
{
	uint64_t iova = IOVA + 2 * HUGE_BYTES;
	int memfd = memfd_alloc(PAGE_BYTES, 0);
	uint32_t queue;

	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, unmap(self, IOVA, HUGE_BYTES));
	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, memfd, 0, PAGE_BYTES, iova));
	ASSERT_EQ(0, alloc(self, 0, iova, PAGE_BYTES, &queue));
	EXPECT_EQ(0, change_process(self->fd));
	EXPECT_EQ(-EBUSY, unmap(self, iova, PAGE_BYTES));
	EXPECT_EQ(0, object_destroy(self->fd, queue));
	EXPECT_EQ(0, unmap(self, iova, PAGE_BYTES));
	EXPECT_EQ(0, close(memfd));
}

/* Hardware uses the queue while its number is written: unbind does not wait, unmap fails */
TEST_F(hw_queue, while_the_answer_is_written)
{
	struct iommu_hw_queue_alloc arg = {
		.size = sizeof(arg), .viommu_id = self->viommu,
		.type = IOMMU_HW_QUEUE_TYPE_SELFTEST, .nesting_parent_iova = IOVA,
		.length = PAGE_BYTES,
	};
	struct held_call call;
	uint32_t id;
	int err;

	err = held_call_begin(&call, self->fd, IOMMU_HW_QUEUE_ALLOC, &arg, sizeof(arg));
	if (err == -ENODEV || err == -EINVAL)
		SKIP(return, "userfaultfd cannot hold writers");
	ASSERT_EQ(0, err);
	EXPECT_EQ(-EEXIST, alloc(self, 0, IOVA + PAGE_BYTES, PAGE_BYTES, &id));
	EXPECT_EQ(-EIO, alloc(self, 1, IOVA + PAGE_BYTES, PAGE_BYTES, &id)) {
		TH_LOG("the queue cannot be found yet, so no other may depend on it");
	}
	EXPECT_EQ(-EBUSY, unmap(self, IOVA, HUGE_BYTES));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->viommu));
	EXPECT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	ASSERT_EQ(0, held_call_end(&call, &arg, sizeof(arg)));
	EXPECT_EQ(0, object_destroy(self->fd, arg.out_hw_queue_id));
	EXPECT_EQ(0, object_destroy(self->fd, self->viommu));
	EXPECT_EQ(0, unmap(self, IOVA, HUGE_BYTES));
}

TEST_HARNESS_MAIN
