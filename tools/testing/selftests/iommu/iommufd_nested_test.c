// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page tables and their invalidation, on the mock IOMMU: four words stand
 * for what the hardware caches, and an invalidation sets them to 0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define NR_WORDS	MOCK_NESTED_DOMAIN_IOTLB_NUM
#define WORD		((uint32_t)IOMMU_TEST_IOTLB_DEFAULT)
#define MAX_REQUESTS	524288u

/* A device, a page table to nest in, and one that is nested in it */
FIXTURE(nested)
{
	int fd;
	uint32_t ioas;
	uint32_t parent;
	uint32_t hwpt;
	struct mock_ids ids;
	uint8_t *mem;
};

/* The arguments of one HWPT_ALLOC, good unless a test changes them */
static struct iommu_hwpt_alloc nested_arg(FIXTURE_DATA(nested) *self,
					  const struct iommu_hwpt_selftest *data)
{
	return (struct iommu_hwpt_alloc){
		.size = sizeof(struct iommu_hwpt_alloc), .dev_id = self->ids.dev,
		.pt_id = self->parent, .data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(*data), .data_uptr = (uintptr_t)data,
	};
}

static int alloc_nested(FIXTURE_DATA(nested) *self, uint32_t *hwpt)
{
	const struct iommu_hwpt_selftest data = { .iotlb = WORD };
	struct iommu_hwpt_alloc arg = nested_arg(self, &data);
	int err = iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg);

	*hwpt = arg.out_hwpt_id;
	return err;
}

static int alloc_parent(FIXTURE_DATA(nested) *self, uint32_t ioas, uint32_t flags, uint32_t *hwpt)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = IOMMU_HWPT_ALLOC_NEST_PARENT | flags,
		.dev_id = self->ids.dev, .pt_id = ioas,
	};
	int err = iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg);

	*hwpt = arg.out_hwpt_id;
	return err;
}

static int replace(FIXTURE_DATA(nested) *self, uint32_t pt_id)
{
	return mock_replace(self->fd, self->ids.stdev, &pt_id);
}

FIXTURE_SETUP(nested)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	if (mock_domain(self->fd, self->ioas, 0, &self->ids) == -ENOTTY)
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	self->mem = memory_alloc(PAGE_BYTES);
	ASSERT_NE(NULL, self->mem);
	ASSERT_EQ(0, alloc_parent(self, self->ioas, 0, &self->parent));
	ASSERT_EQ(0, alloc_nested(self, &self->hwpt));
}

FIXTURE_TEARDOWN(nested)
{
	if (self->mem)
		munmap(self->mem, PAGE_BYTES);
	EXPECT_EQ(0, close(self->fd));
}

/* Bit n is set when word n is still cached; -1 when a word is neither */
static int cached(FIXTURE_DATA(nested) *self)
{
	unsigned int i;
	int mask = 0;

	for (i = 0; i < NR_WORDS; i++) {
		if (!mock_check_iotlb(self->fd, self->hwpt, i, WORD))
			mask |= 1 << i;
		else if (mock_check_iotlb(self->fd, self->hwpt, i, 0))
			return -1;
	}
	return mask;
}

/* covers: IOMMU_HWPT_ALLOC EOPNOTSUPP EINVAL ENOENT EFAULT */
TEST_F(nested, alloc_order)
{
	const struct iommu_hwpt_selftest data = { .iotlb = WORD };
	struct iommu_hwpt_alloc arg = nested_arg(self, &data);

	arg.__reserved = 1;
	arg.data_len = 0;
	arg.dev_id = NO_SUCH_ID;
	arg.pt_id = self->hwpt;
	arg.flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.__reserved = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_len = 1;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.dev_id = self->ids.dev;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg)) {
		TH_LOG("nothing can be nested in a nested page table");
	}
	arg.pt_id = self->ids.hwpt;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.flags = IOMMU_HWPT_ALLOC_NEST_PARENT;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.flags = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg)) {
		TH_LOG("the parent was made for an attach");
	}
	arg.pt_id = self->parent;
	arg.data_type = 0x7fff;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_type = IOMMU_HWPT_DATA_SELFTEST;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_len = sizeof(data) + 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_len = sizeof(data);
	arg.data_uptr = 0;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_uptr = (uintptr_t)&data;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(0, object_destroy(self->fd, arg.out_hwpt_id));
}

TEST_F(nested, blob_is_needed)
{
	uint32_t id;

	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->fd, self->ids.dev, self->parent, &id));
}

/* The first version of the blob ends behind its first field */
TEST_F(nested, blob_of_the_first_version)
{
	const struct iommu_hwpt_selftest data = { .iotlb = WORD, .pagetable_type = 0xbad };
	struct iommu_hwpt_alloc arg = nested_arg(self, &data);

	arg.data_len = 4;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(0, mock_check_iotlb(self->fd, arg.out_hwpt_id, 3, WORD));
	arg.data_len = 3;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
}

TEST_F(nested, parent_that_is_not_one)
{
	const struct iommu_hwpt_selftest data = { .iotlb = WORD };
	struct iommu_hwpt_alloc arg = nested_arg(self, &data);

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->ids.dev, self->ioas, &arg.pt_id));
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
}

/* An ID that cannot be told is not used up, nor does it hold the parent */
TEST_F(nested, unwritable_result)
{
	const struct iommu_hwpt_selftest data = { .iotlb = WORD };
	struct iommu_hwpt_alloc arg = nested_arg(self, &data);
	struct iommu_hwpt_alloc *copy = read_only_copy(&arg, sizeof(arg));

	ASSERT_NE(NULL, copy);
	EXPECT_EQ(0, object_destroy(self->fd, self->hwpt));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, copy));
	EXPECT_EQ(0, object_destroy(self->fd, self->parent));
}

TEST_F(nested, lifetimes)
{
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->parent));
	EXPECT_EQ(1, object_stat(self->fd, self->parent, "users"));
	EXPECT_EQ(self->parent, object_stat(self->fd, self->hwpt, "parent"));
	ASSERT_EQ(0, replace(self, self->hwpt));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->hwpt));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->parent));
	ASSERT_EQ(0, replace(self, self->ioas));
	EXPECT_EQ(0, object_destroy(self->fd, self->hwpt));
	EXPECT_EQ(0, object_destroy(self->fd, self->parent));
}

/* What is mapped and reserved is so in the parent's address space */
TEST_F(nested, device_goes_through_the_parent)
{
	struct mock_ids second;

	ASSERT_EQ(0, replace(self, self->hwpt));
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, self->ids.stdev));
	EXPECT_EQ(self->hwpt, object_stat(self->fd, self->ids.dev, "hwpt"));
	EXPECT_EQ(1, object_stat(self->fd, self->parent, "groups"));
	/* The automatic one went with the replace */
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, self->ids.hwpt));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES, IOVA));
	EXPECT_EQ(0, mock_check_map(self->fd, self->parent, IOVA, PAGE_BYTES, self->mem));
	EXPECT_EQ(-ENOENT, mock_check_map(self->fd, self->hwpt, IOVA, PAGE_BYTES, self->mem));

	/* Another device attaches straight to the nested one, and goes */
	ASSERT_EQ(0, mock_domain(self->fd, self->hwpt, 0, &second));
	EXPECT_EQ(self->hwpt, second.hwpt);
	EXPECT_EQ(2, object_stat(self->fd, self->parent, "groups"));
	EXPECT_EQ(0, object_destroy(self->fd, second.stdev));
	EXPECT_EQ(1, object_stat(self->fd, self->parent, "groups"));
	EXPECT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(0, object_destroy(self->fd, self->hwpt));
}

/* All ways between the kinds, in one address space and to another */
TEST_F(nested, replace_between_kinds)
{
	uint32_t other_ioas, other_parent, other, sibling, parent = self->parent;
	struct iommu_iova_range range[4];
	uint32_t nr = 4;

	ASSERT_EQ(0, alloc_nested(self, &sibling));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other_ioas));
	ASSERT_EQ(0, alloc_parent(self, other_ioas, 0, &other_parent));
	self->parent = other_parent;
	ASSERT_EQ(0, alloc_nested(self, &other));
	self->parent = parent;
	ASSERT_EQ(0, mock_reserve(self->fd, self->ioas, IOVA, PAGE_BYTES));

	ASSERT_EQ(0, replace(self, self->hwpt));
	ASSERT_EQ(0, replace(self, self->hwpt));
	ASSERT_EQ(0, replace(self, sibling));
	ASSERT_EQ(0, replace(self, parent));
	EXPECT_EQ(1, object_stat(self->fd, parent, "groups"));
	ASSERT_EQ(0, replace(self, sibling));
	ASSERT_EQ(0, replace(self, other));
	EXPECT_EQ(0, object_stat(self->fd, parent, "groups"));
	EXPECT_EQ(1, object_stat(self->fd, other_parent, "groups"));
	ASSERT_EQ(0, replace(self, self->hwpt));
	EXPECT_EQ(1, object_stat(self->fd, parent, "groups"));
	EXPECT_EQ(0, object_stat(self->fd, other_parent, "groups"));
	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas, range, &nr, NULL));
	ASSERT_EQ(1, nr);
	EXPECT_EQ(IOVA + PAGE_BYTES, range[0].start);
}

/* A refused replace leaves the device on its nested page table */
TEST_F(nested, refused_replace)
{
	uint32_t ioas, parent;

	ASSERT_EQ(0, replace(self, self->hwpt));
	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, ioas, self->mem, PAGE_BYTES, 0));
	EXPECT_EQ(-EADDRINUSE, replace(self, ioas));
	EXPECT_EQ(-EADDRINUSE, alloc_parent(self, ioas, 0, &parent));
	EXPECT_EQ(-EINVAL, replace(self, self->ids.dev));
	EXPECT_EQ(-ENOENT, replace(self, NO_SUCH_ID));
	EXPECT_EQ(self->hwpt, object_stat(self->fd, self->ids.dev, "hwpt"));
	EXPECT_EQ(1, object_stat(self->fd, self->parent, "groups"));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->hwpt));
}

/* The other devices of a group have no choice */
TEST_F(nested, group_of_two)
{
	struct mock_ids second;

	ASSERT_EQ(0, replace(self, self->hwpt));
	EXPECT_EQ(-EINVAL, mock_add_device(self->fd, self->ids.stdev, self->ioas, &second));
	EXPECT_EQ(-EINVAL, mock_add_device(self->fd, self->ids.stdev, self->parent, &second));
	ASSERT_EQ(0, mock_add_device(self->fd, self->ids.stdev, self->hwpt, &second));
	EXPECT_EQ(1, object_stat(self->fd, self->parent, "groups"));
	ASSERT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, second.stdev));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->hwpt));
	ASSERT_EQ(0, object_destroy(self->fd, second.stdev));
	EXPECT_EQ(0, object_destroy(self->fd, self->hwpt));
}

/* Tracking is a matter of the parent, and of each device that is attached */
TEST_F(nested, dirty_tracking_of_the_parent)
{
	const struct iommu_hwpt_selftest data = { .iotlb = WORD };
	struct iommu_hwpt_alloc arg = nested_arg(self, &data);
	struct mock_ids plain;

	ASSERT_EQ(0, alloc_parent(self, self->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &arg.pt_id));
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(-EINVAL, mock_domain(self->fd, arg.out_hwpt_id, MOCK_FLAGS_DEVICE_NO_DIRTY,
				       &plain));
	ASSERT_EQ(0, mock_domain(self->fd, self->hwpt, MOCK_FLAGS_DEVICE_NO_DIRTY, &plain));
	EXPECT_EQ(-EINVAL, mock_replace(self->fd, plain.stdev, &arg.out_hwpt_id));
}

/* A call that is right unless a test changes it */
static struct iommu_hwpt_invalidate request_arg(FIXTURE_DATA(nested) *self,
						const struct iommu_hwpt_invalidate_selftest *req,
						uint32_t nr)
{
	return (struct iommu_hwpt_invalidate){
		.size = sizeof(struct iommu_hwpt_invalidate), .hwpt_id = self->hwpt,
		.data_uptr = (uintptr_t)req, .data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
		.entry_len = sizeof(*req), .entry_num = nr,
	};
}

TEST_F(nested, invalidate_each_and_all)
{
	struct iommu_hwpt_invalidate_selftest req[2] = { { .iotlb_id = 1 }, { .iotlb_id = 3 } };
	struct iommu_hwpt_invalidate arg = request_arg(self, req, 2);

	ASSERT_EQ(0xf, cached(self));
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(2, arg.entry_num);
	EXPECT_EQ(0x5, cached(self));
	req[0].flags = IOMMU_TEST_INVALIDATE_FLAG_ALL;
	arg.entry_num = 1;
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(1, arg.entry_num);
	EXPECT_EQ(0, cached(self));
}

/* covers: IOMMU_HWPT_INVALIDATE EOPNOTSUPP EINVAL ENOENT */
TEST_F(nested, invalidate_order)
{
	const struct iommu_hwpt_invalidate_selftest req[1] = {};
	struct iommu_hwpt_invalidate arg = request_arg(self, NULL, MAX_REQUESTS + 1);
	const struct iommu_hwpt_invalidate good = request_arg(self, req, 1);

	arg.__reserved = 1;
	arg.hwpt_id = NO_SUCH_ID;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(0, arg.entry_num);
	arg.__reserved = 0;
	arg.entry_num = 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(0, arg.entry_num);
	arg = good;
	arg.hwpt_id = NO_SUCH_ID;
	arg.entry_len = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	arg.entry_num = 1;
	arg.entry_len = PAGE_BYTES + 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	arg.entry_len = sizeof(req[0]);
	arg.entry_num = MAX_REQUESTS + 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	arg.entry_num = 1;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(0, arg.entry_num);
	arg = good;
	arg.hwpt_id = self->parent;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(0, arg.entry_num);
	EXPECT_EQ(0xf, cached(self));
}

/* The driver's own rules come last, entry by entry */
TEST_F(nested, invalidate_rules_of_the_driver)
{
	struct iommu_hwpt_invalidate_selftest req[2] = { { .iotlb_id = 2 } };
	const struct iommu_hwpt_invalidate good = request_arg(self, req, 2);
	struct iommu_hwpt_invalidate arg = good;

	arg.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(0, arg.entry_num);
	arg = good;
	arg.entry_len = sizeof(req[0]) + 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	arg = good;
	arg.entry_len = sizeof(req[0]) - 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(0, arg.entry_num);
	EXPECT_EQ(0xf, cached(self));

	req[1].flags = 1u << 31;
	arg = good;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(1, arg.entry_num);
	EXPECT_EQ(0xb, cached(self));

	req[0].iotlb_id = 0;
	req[1].flags = 0;
	req[1].iotlb_id = MOCK_NESTED_DOMAIN_IOTLB_ID_MAX + 1;
	arg = good;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(1, arg.entry_num);
	EXPECT_EQ(0xa, cached(self));
}

/* The second entry lies where nothing can be read */
TEST_F(nested, invalidate_array_that_ends_early)
{
	const struct iommu_hwpt_invalidate_selftest req = { .iotlb_id = 1 };
	struct iommu_hwpt_invalidate arg = request_arg(self, before_hole(&req, sizeof(req)), 2);

	ASSERT_NE(0, arg.data_uptr);
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(1, arg.entry_num);
	EXPECT_EQ(0xd, cached(self));
}

/* covers: IOMMU_HWPT_INVALIDATE EFAULT */
TEST_F(nested, invalidate_count_that_cannot_be_told)
{
	const struct iommu_hwpt_invalidate_selftest req = { .iotlb_id = 1 };
	struct iommu_hwpt_invalidate arg = request_arg(self, &req, 1);
	struct iommu_hwpt_invalidate *copy = read_only_copy(&arg, sizeof(arg));

	ASSERT_NE(NULL, copy);
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, copy));
}

/* No entries ask whether the format is known, and the rest is not looked at */
TEST_F(nested, invalidate_as_a_question)
{
	struct iommu_hwpt_invalidate arg = request_arg(self, NULL, 0);

	arg.entry_len = 0;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(0, arg.entry_num);
	arg.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(0xf, cached(self));
}

TEST_F(nested, mock_words_have_bounds)
{
	EXPECT_EQ(-EINVAL, mock_check_iotlb(self->fd, self->hwpt, NR_WORDS, WORD));
	EXPECT_EQ(-EINVAL, mock_check_iotlb(self->fd, self->hwpt, 0, WORD + 1));
	EXPECT_EQ(-ENOENT, mock_check_iotlb(self->fd, self->parent, 0, WORD));
	EXPECT_EQ(-ENOENT, mock_check_iotlb(self->fd, NO_SUCH_ID, 0, WORD));
}

TEST_HARNESS_MAIN
