// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs on the mock IOMMU: what they are made on, which page tables and devices
 * they have, what invalidations by the guest's IDs do, and the memory that they show.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/held.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/viommu.h"

#define NR_WORDS	MOCK_DEV_CACHE_NUM
#define WORD		((uint32_t)IOMMU_TEST_DEV_CACHE_DEFAULT)
#define VIRT_ID		0x77u
#define TAG		0x5eedu
#define REGION		(2 * PAGE_BYTES)

/* Two devices, a page table to nest in, a virtual IOMMU on it */
FIXTURE(viommu)
{
	int fd;
	uint32_t ioas;
	struct mock_ids ids;
	struct mock_ids other;
	uint32_t parent;
	uint32_t viommu;
};

FIXTURE_SETUP(viommu)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, MOCK_FLAGS_DEVICE_PASID, &self->ids));
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &self->other));
	ASSERT_EQ(0, nest_parent_alloc(self->fd, self->ids.dev, self->ioas, &self->parent));
	ASSERT_EQ(0, viommu_alloc(self->fd, self->ids.dev, self->parent, &self->viommu));
}

FIXTURE_TEARDOWN(viommu)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

static int nested_alloc(FIXTURE_DATA(viommu) *self, uint32_t pt_id, uint32_t *hwpt)
{
	return mock_nested_alloc(self->fd, self->ids.dev, pt_id, 0, 0, hwpt);
}

static int replace(FIXTURE_DATA(viommu) *self, const struct mock_ids *ids, uint32_t pt_id)
{
	return mock_replace(self->fd, ids->stdev, &pt_id);
}

/* Bit n is set when word n of a device's cache is still there; -1 when one is neither */
static int cached(FIXTURE_DATA(viommu) *self, uint32_t dev)
{
	unsigned int i;
	int mask = 0;

	for (i = 0; i < NR_WORDS; i++) {
		if (!mock_check_dev_cache(self->fd, dev, i, WORD))
			mask |= 1 << i;
		else if (mock_check_dev_cache(self->fd, dev, i, 0))
			return -1;
	}
	return mask;
}

/* covers: IOMMU_VIOMMU_ALLOC EOPNOTSUPP ENOENT EINVAL */
TEST_F(viommu, order_of_checks)
{
	struct iommu_viommu_alloc arg = {
		.size = sizeof(arg), .flags = 1, .type = IOMMU_VIOMMU_TYPE_DEFAULT,
		.dev_id = NO_SUCH_ID, .hwpt_id = NO_SUCH_ID, .__reserved = 1,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.flags = 0;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.type = IOMMU_VIOMMU_TYPE_SELFTEST + 1;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.dev_id = self->parent;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.dev_id = self->ids.dev;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.type = IOMMU_VIOMMU_TYPE_SELFTEST;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.hwpt_id = self->ioas;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.hwpt_id = self->ids.hwpt;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg)) {
		TH_LOG("nothing can be nested in that page table");
	}
	arg.hwpt_id = self->parent;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg)) {
		TH_LOG("the reserved field is not looked at");
	}
	EXPECT_EQ(0, object_destroy(self->fd, arg.out_viommu_id));
}

/* covers: IOMMU_VIOMMU_ALLOC EINVAL EFAULT */
TEST_F(viommu, sizes_of_the_data)
{
	struct iommu_viommu_selftest data = { .in_data = TAG };
	struct iommu_viommu_alloc arg = {
		.size = sizeof(arg), .type = IOMMU_VIOMMU_TYPE_SELFTEST,
		.dev_id = self->ids.dev, .hwpt_id = self->parent,
		.data_uptr = (uintptr_t)&data,
	};
	const size_t first = offsetof(struct iommu_viommu_selftest, out_mmap_offset);

	arg.data_len = first - 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.data_len = sizeof(data) + 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.data_len = UINT32_MAX;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	EXPECT_EQ(0, data.out_data);

	arg.data_len = first;
	data.out_mmap_offset = 1;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	EXPECT_EQ(TAG, data.out_data);
	EXPECT_EQ(1, data.out_mmap_offset) {
		TH_LOG("more was written than there is");
	}
	EXPECT_EQ(0, object_destroy(self->fd, arg.out_viommu_id));

	arg.data_len = sizeof(data);
	arg.data_uptr = PAGE_BYTES;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.data_uptr = (uintptr_t)read_only_copy(&data, sizeof(data));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	EXPECT_EQ(0, object_destroy(self->fd, self->viommu));
	EXPECT_EQ(0, object_destroy(self->fd, self->parent)) {
		TH_LOG("a call that failed has left something behind");
	}
}

/* A device of another IOMMU: of a driver without virtual ones */
TEST_F(viommu, no_such_type)
{
	struct mock_ids late;
	uint32_t viommu, parent;

	ASSERT_EQ(0, mock_make_device(self->fd, self->ioas, MOCK_EXT_DEVICE_LATE, &late));
	EXPECT_EQ(-EOPNOTSUPP, viommu_alloc(self->fd, late.dev, self->parent, &viommu));
	EXPECT_EQ(-EOPNOTSUPP, nest_parent_alloc(self->fd, late.dev, self->ioas, &parent));
}

/* covers: IOMMU_DESTROY EBUSY ENOENT */
TEST_F(viommu, what_is_made_on_it_keeps_it)
{
	uint32_t hwpt, vdevice;

	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->parent));
	ASSERT_EQ(0, nested_alloc(self, self->viommu, &hwpt));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->viommu));
	EXPECT_EQ(0, object_destroy(self->fd, hwpt));

	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID, &vdevice));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->viommu));
	EXPECT_EQ(0, object_destroy(self->fd, vdevice));

	EXPECT_EQ(0, object_destroy(self->fd, self->viommu));
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, self->viommu));
	EXPECT_EQ(0, object_destroy(self->fd, self->parent));
}

/* The device that it was made with may go */
TEST_F(viommu, outlives_the_device)
{
	uint32_t hwpt;

	EXPECT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(0, mock_nested_alloc(self->fd, self->other.dev, self->viommu, 0, 0, &hwpt));
}

/* covers: IOMMU_HWPT_ALLOC EOPNOTSUPP EINVAL ENOENT */
TEST_F(viommu, nested_tables)
{
	const struct iommu_hwpt_selftest data = { .iotlb = WORD };
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .dev_id = self->ids.dev, .pt_id = self->viommu,
	};
	struct mock_ids snooping;

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg)) {
		TH_LOG("without a description");
	}
	arg.data_uptr = (uintptr_t)&data;
	arg.data_len = sizeof(data);
	arg.data_type = IOMMU_HWPT_DATA_SELFTEST + 1;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_type = IOMMU_HWPT_DATA_SELFTEST;
	arg.flags = IOMMU_HWPT_ALLOC_NEST_PARENT;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.flags = 0;
	arg.dev_id = NO_SUCH_ID;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	ASSERT_EQ(0, mock_snooping_device(self->fd, self->ioas, &snooping));
	arg.dev_id = snooping.dev;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg)) {
		TH_LOG("the device is behind another IOMMU");
	}
	arg.dev_id = self->ids.dev;
	arg.data_len = sizeof(data) + 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_len = sizeof(data);
	arg.flags = IOMMU_HWPT_ALLOC_PASID;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(self->parent, object_stat(self->fd, arg.out_hwpt_id, "parent"));
	EXPECT_EQ(self->viommu, object_stat(self->fd, arg.out_hwpt_id, "viommu"));
}

TEST_F(viommu, attach_needs_the_name)
{
	uint32_t hwpt, plain, vdevice, viommu;

	ASSERT_EQ(0, nested_alloc(self, self->viommu, &hwpt));
	ASSERT_EQ(0, nested_alloc(self, self->parent, &plain));
	EXPECT_EQ(-ENOENT, replace(self, &self->ids, hwpt));
	EXPECT_EQ(0, replace(self, &self->ids, plain)) {
		TH_LOG("one that is not of a virtual IOMMU needs none");
	}
	ASSERT_EQ(0, viommu_alloc(self->fd, self->ids.dev, self->parent, &viommu));
	ASSERT_EQ(0, vdevice_alloc(self->fd, viommu, self->ids.dev, VIRT_ID, &vdevice));
	EXPECT_EQ(-ENOENT, replace(self, &self->ids, hwpt)) {
		TH_LOG("the name is one on another virtual IOMMU");
	}
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, self->ids.stdev));
	EXPECT_EQ(0, object_destroy(self->fd, vdevice));
	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID, &vdevice));
	EXPECT_EQ(0, replace(self, &self->ids, hwpt));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, hwpt));
	EXPECT_EQ(0, object_destroy(self->fd, vdevice)) {
		TH_LOG("the attachment does not keep the name");
	}
	EXPECT_EQ(0, replace(self, &self->ids, self->parent));
	EXPECT_EQ(0, object_destroy(self->fd, hwpt));
}

/* PASIDs of a device are behind the same virtual IOMMU */
TEST_F(viommu, attach_of_a_pasid)
{
	uint32_t hwpt, own, vdevice, pt;

	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, self->ids.dev, self->ioas, IOMMU_HWPT_ALLOC_PASID,
				     MOCK_IOMMUPT_DEFAULT, &own));
	ASSERT_EQ(0, replace(self, &self->ids, own));
	ASSERT_EQ(0, mock_nested_alloc(self->fd, self->ids.dev, self->viommu,
				       IOMMU_HWPT_ALLOC_PASID, 0, &hwpt));
	pt = hwpt;
	EXPECT_EQ(-ENOENT, mock_pasid_attach(self->fd, self->ids.stdev, 5, &pt));
	EXPECT_EQ(0, mock_pasid_check(self->fd, self->ids.stdev, 5, 0));
	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID, &vdevice));
	EXPECT_EQ(0, mock_pasid_attach(self->fd, self->ids.stdev, 5, &pt));
	EXPECT_EQ(0, mock_pasid_check(self->fd, self->ids.stdev, 5, hwpt));
}

/* A replace that fails has to go back, also when the name is gone meanwhile */
TEST_F(viommu, way_back_without_the_name)
{
	uint32_t own, first, second, vdevice, pt;

	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, self->ids.dev, self->ioas, IOMMU_HWPT_ALLOC_PASID,
				     MOCK_IOMMUPT_DEFAULT, &own));
	ASSERT_EQ(0, replace(self, &self->ids, own));
	ASSERT_EQ(0, mock_nested_alloc(self->fd, self->ids.dev, self->viommu,
				       IOMMU_HWPT_ALLOC_PASID, 0, &first));
	ASSERT_EQ(0, mock_nested_alloc(self->fd, self->ids.dev, self->viommu,
				       IOMMU_HWPT_ALLOC_PASID, 0, &second));
	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID, &vdevice));
	pt = first;
	ASSERT_EQ(0, mock_pasid_attach(self->fd, self->ids.stdev, IOMMU_TEST_PASID_RESERVED,
				       &pt));
	EXPECT_EQ(0, object_destroy(self->fd, vdevice));
	pt = second;
	EXPECT_EQ(-ENOENT, mock_pasid_replace(self->fd, self->ids.stdev,
					      IOMMU_TEST_PASID_RESERVED, &pt));
	pt = own;
	EXPECT_EQ(-ENOMEM, mock_pasid_replace(self->fd, self->ids.stdev,
					      IOMMU_TEST_PASID_RESERVED, &pt));
	EXPECT_EQ(0, mock_pasid_check(self->fd, self->ids.stdev, IOMMU_TEST_PASID_RESERVED,
				      first));
	EXPECT_EQ(0, mock_pasid_detach(self->fd, self->ids.stdev, IOMMU_TEST_PASID_RESERVED));
	EXPECT_EQ(0, object_destroy(self->fd, first));
}

/* covers: IOMMU_VDEVICE_ALLOC ENOENT EINVAL EEXIST */
TEST_F(viommu, names_of_devices)
{
	struct mock_ids snooping;
	uint32_t vdevice, id, viommu;

	EXPECT_EQ(-ENOENT, vdevice_alloc(self->fd, NO_SUCH_ID, self->ids.dev, VIRT_ID, &id));
	EXPECT_EQ(-ENOENT, vdevice_alloc(self->fd, self->parent, self->ids.dev, VIRT_ID, &id));
	EXPECT_EQ(-ENOENT, vdevice_alloc(self->fd, self->viommu, NO_SUCH_ID, VIRT_ID, &id));
	EXPECT_EQ(-ENOENT, vdevice_alloc(self->fd, self->viommu, self->ids.stdev, VIRT_ID, &id));
	ASSERT_EQ(0, mock_snooping_device(self->fd, self->ioas, &snooping));
	EXPECT_EQ(-EINVAL, vdevice_alloc(self->fd, self->viommu, snooping.dev, VIRT_ID, &id)) {
		TH_LOG("the device is behind another IOMMU");
	}
	ASSERT_EQ(0, viommu_alloc(self->fd, snooping.dev, self->parent, &viommu));
	ASSERT_EQ(0, vdevice_alloc(self->fd, viommu, snooping.dev, VIRT_ID, &id));
	EXPECT_EQ(-EINVAL, vdevice_alloc(self->fd, self->viommu, snooping.dev, VIRT_ID, &id)) {
		TH_LOG("it has a name, but that is not the first reason");
	}

	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID, &vdevice));
	EXPECT_EQ(-EEXIST, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID + 1, &id));
	EXPECT_EQ(-EEXIST, vdevice_alloc(self->fd, self->viommu, self->other.dev, VIRT_ID, &id));
	ASSERT_EQ(0, viommu_alloc(self->fd, self->ids.dev, self->parent, &viommu));
	EXPECT_EQ(-EEXIST, vdevice_alloc(self->fd, viommu, self->ids.dev, VIRT_ID + 1, &id)) {
		TH_LOG("a device has one name over all virtual IOMMUs");
	}
	EXPECT_EQ(0, vdevice_alloc(self->fd, viommu, self->other.dev, VIRT_ID, &id)) {
		TH_LOG("a name is one on one virtual IOMMU");
	}
	EXPECT_EQ(VIRT_ID, object_stat(self->fd, vdevice, "virt-id"));
	EXPECT_EQ(self->ids.dev, object_stat(self->fd, vdevice, "device"));
	EXPECT_EQ(0, object_destroy(self->fd, vdevice));
	EXPECT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, UINT64_MAX, &vdevice));
	EXPECT_EQ(0, object_destroy(self->fd, vdevice));
	EXPECT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, 0, &vdevice));
}

/* The argument cannot be written: nothing is left, so the same call works at once */
TEST_F(viommu, answers_that_cannot_be_written)
{
	struct iommu_vdevice_alloc name = {
		.size = sizeof(name), .viommu_id = self->viommu, .dev_id = self->ids.dev,
		.virt_id = VIRT_ID,
	};
	struct iommu_viommu_alloc arg = {
		.size = sizeof(arg), .type = IOMMU_VIOMMU_TYPE_SELFTEST,
		.dev_id = self->ids.dev, .hwpt_id = self->parent,
	};

	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_VDEVICE_ALLOC,
					read_only_copy(&name, sizeof(name))));
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_VDEVICE_ALLOC, &name));
	EXPECT_EQ(0, object_destroy(self->fd, name.out_vdevice_id));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_VIOMMU_ALLOC,
					read_only_copy(&arg, sizeof(arg))));
	EXPECT_EQ(0, object_destroy(self->fd, self->viommu));
	EXPECT_EQ(0, object_destroy(self->fd, self->parent));
}

/* covers: IOMMU_DESTROY ENOENT */
TEST_F(viommu, unbind_takes_the_name_along)
{
	uint32_t vdevice, again, next;

	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->other.dev, VIRT_ID, &vdevice));
	EXPECT_EQ(0, object_destroy(self->fd, self->other.stdev));
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, vdevice));
	EXPECT_EQ(-1, object_stat(self->fd, vdevice, "virt-id"));
	EXPECT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID, &again)) {
		TH_LOG("the guest's ID is free");
	}
	EXPECT_NE(vdevice, again) {
		TH_LOG("the number of the object is not");
	}
	EXPECT_EQ(0, object_destroy(self->fd, again));
	EXPECT_EQ(0, object_destroy(self->fd, self->viommu));
	/* The smallest free numbers are given first */
	do {
		ASSERT_EQ(0, ioas_alloc(self->fd, &next));
		EXPECT_NE(vdevice, next);
	} while (next < vdevice);
}

/* The name exists while its number is written: the unbind neither waits nor leaves it */
TEST_F(viommu, unbind_while_the_answer_is_written)
{
	struct iommu_vdevice_alloc arg = {
		.size = sizeof(arg), .viommu_id = self->viommu, .dev_id = self->other.dev,
		.virt_id = VIRT_ID,
	};
	struct held_call call;
	uint32_t id;
	int err;

	err = held_call_begin(&call, self->fd, IOMMU_VDEVICE_ALLOC, &arg, sizeof(arg));
	if (err == -ENODEV || err == -EINVAL)
		SKIP(return, "userfaultfd cannot hold writers");
	ASSERT_EQ(0, err);
	EXPECT_EQ(-EEXIST, vdevice_alloc(self->fd, self->viommu, self->other.dev, VIRT_ID + 1,
					 &id)) {
		TH_LOG("the name is not there yet");
	}
	EXPECT_EQ(0, object_destroy(self->fd, self->other.stdev));
	EXPECT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID, &id));
	EXPECT_EQ(-ENOENT, held_call_end(&call, &arg, sizeof(arg)));
	EXPECT_EQ(0, object_destroy(self->fd, id));
	EXPECT_EQ(0, object_destroy(self->fd, self->viommu));
}

/* The device that a virtual IOMMU is made with can be unbound before its number is known */
TEST_F(viommu, unbind_while_it_is_made)
{
	struct iommu_viommu_alloc arg = {
		.size = sizeof(arg), .type = IOMMU_VIOMMU_TYPE_SELFTEST,
		.dev_id = self->other.dev, .hwpt_id = self->parent,
	};
	struct held_call call;
	int err;

	ASSERT_EQ(0, object_destroy(self->fd, self->viommu));
	err = held_call_begin(&call, self->fd, IOMMU_VIOMMU_ALLOC, &arg, sizeof(arg));
	if (err == -ENODEV || err == -EINVAL)
		SKIP(return, "userfaultfd cannot hold writers");
	ASSERT_EQ(0, err);
	EXPECT_EQ(0, object_destroy(self->fd, self->other.stdev));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->parent));
	ASSERT_EQ(0, held_call_end(&call, &arg, sizeof(arg)));
	EXPECT_EQ(0, object_destroy(self->fd, arg.out_viommu_id));
	EXPECT_EQ(0, object_destroy(self->fd, self->parent));
}

/* Requests by the guest's ID */

static int invalidate(FIXTURE_DATA(viommu) *self, const void *requests, uint32_t entry_len,
		      uint32_t *nr)
{
	return viommu_invalidate(self->fd, self->viommu, requests, entry_len, nr);
}

/* covers: IOMMU_HWPT_INVALIDATE EINVAL EOPNOTSUPP ENOENT */
TEST_F(viommu, invalidate_what_is_refused)
{
	struct iommu_viommu_invalidate_selftest request = { .vdev_id = VIRT_ID };
	struct iommu_hwpt_invalidate arg = {
		.size = sizeof(arg), .hwpt_id = self->viommu,
		.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST,
	};
	uint32_t vdevice, nr = 1;

	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg)) {
		TH_LOG("no requests ask whether the format is known");
	}
	arg.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST_INVALID;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(-EINVAL, invalidate(self, &request, sizeof(request), &nr)) {
		TH_LOG("no device has the ID");
	}
	EXPECT_EQ(0, nr);
	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID, &vdevice));
	nr = 1;
	request.cache_id = MOCK_DEV_CACHE_ID_MAX + 1;
	EXPECT_EQ(-EINVAL, invalidate(self, &request, sizeof(request), &nr));
	nr = 1;
	request.cache_id = 0;
	request.flags = IOMMU_TEST_INVALIDATE_FLAG_ALL << 1;
	EXPECT_EQ(-EOPNOTSUPP, invalidate(self, &request, sizeof(request), &nr));
	EXPECT_EQ(0, nr);
	nr = 1;
	EXPECT_EQ(-EINVAL, viommu_invalidate(self->fd, self->parent, &request, sizeof(request),
					     &nr));
	nr = 1;
	EXPECT_EQ(-EINVAL, viommu_invalidate(self->fd, vdevice, &request, sizeof(request), &nr));
	nr = 1;
	EXPECT_EQ(-ENOENT, viommu_invalidate(self->fd, NO_SUCH_ID, &request, sizeof(request),
					     &nr));
	EXPECT_EQ(0, nr);
	EXPECT_EQ(0xf, cached(self, self->ids.dev));
}

TEST_F(viommu, invalidate_the_named_device)
{
	struct iommu_viommu_invalidate_selftest requests[] = {
		{ .vdev_id = VIRT_ID, .cache_id = 1 },
		{ .vdev_id = VIRT_ID, .cache_id = 3 },
		{ .vdev_id = VIRT_ID + 2, .cache_id = 0 },
		{ .vdev_id = VIRT_ID, .cache_id = 0 },
	};
	struct iommu_viommu_invalidate_selftest all = {
		.vdev_id = VIRT_ID + 1, .flags = IOMMU_TEST_INVALIDATE_FLAG_ALL,
	};
	uint32_t vdevice, other, nr = 4;

	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID, &vdevice));
	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->other.dev, VIRT_ID + 1, &other));
	EXPECT_EQ(-EINVAL, invalidate(self, requests, sizeof(requests[0]), &nr)) {
		TH_LOG("the third one names no device");
	}
	EXPECT_EQ(2, nr);
	EXPECT_EQ(0x5, cached(self, self->ids.dev));
	EXPECT_EQ(0xf, cached(self, self->other.dev));
	nr = 1;
	EXPECT_EQ(0, invalidate(self, &all, sizeof(all), &nr));
	EXPECT_EQ(1, nr);
	EXPECT_EQ(0, cached(self, self->other.dev));
	EXPECT_EQ(0x5, cached(self, self->ids.dev));

	EXPECT_EQ(0, object_destroy(self->fd, vdevice));
	nr = 1;
	EXPECT_EQ(-EINVAL, invalidate(self, requests, sizeof(requests[0]), &nr)) {
		TH_LOG("the name is gone");
	}
}

/* Requests may be of an older or a newer layout */
TEST_F(viommu, invalidate_other_lengths)
{
	struct {
		struct iommu_viommu_invalidate_selftest known;
		uint32_t more;
	} longer[2] = {
		{ .known = { .vdev_id = VIRT_ID, .cache_id = 1 } },
		{ .known = { .vdev_id = VIRT_ID, .cache_id = 2 }, .more = 1 },
	};
	uint32_t shorter[2][2] = { { 0, VIRT_ID }, { 0, VIRT_ID + 1 } };
	uint32_t vdevice, nr = 2;
	void *end;

	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID, &vdevice));
	EXPECT_EQ(-E2BIG, invalidate(self, longer, sizeof(longer[0]), &nr));
	EXPECT_EQ(1, nr);
	EXPECT_EQ(0xd, cached(self, self->ids.dev));
	nr = 2;
	EXPECT_EQ(-EINVAL, invalidate(self, shorter, sizeof(shorter[0]), &nr)) {
		TH_LOG("the second one names no device");
	}
	EXPECT_EQ(1, nr);
	EXPECT_EQ(0xc, cached(self, self->ids.dev)) {
		TH_LOG("what a request does not have is 0");
	}
	end = before_hole(&longer[0].known, sizeof(longer[0].known));
	ASSERT_NE(NULL, end);
	nr = 2;
	EXPECT_EQ(-EFAULT, invalidate(self, end, sizeof(longer[0].known), &nr));
	EXPECT_EQ(1, nr);
}

/* Memory that is shown */

static void *map_region(FIXTURE_DATA(viommu) *self, uint64_t offset, size_t len, int prot,
			int flags)
{
	void *mem = mmap(NULL, len, prot, flags, self->fd, offset);

	return mem == MAP_FAILED ? NULL : mem;
}

static uint32_t with_region(struct __test_metadata *_metadata, FIXTURE_DATA(viommu) *self,
			    struct iommu_viommu_selftest *data)
{
	uint32_t viommu;

	data->in_data = TAG;
	ASSERT_EQ(0, viommu_alloc_data(self->fd, self->ids.dev, self->parent, data, &viommu));
	EXPECT_EQ(TAG, data->out_data);
	ASSERT_EQ(REGION, data->out_mmap_length);
	return viommu;
}

TEST_F(viommu, map_a_region)
{
	struct iommu_viommu_selftest data, other;
	uint32_t viommu = with_region(_metadata, self, &data);
	uint32_t *mem, *again;

	with_region(_metadata, self, &other);
	EXPECT_NE(data.out_mmap_offset, other.out_mmap_offset);
	mem = map_region(self, data.out_mmap_offset, REGION, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(TAG, *mem);
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, viommu));
	*mem = ~TAG;
	again = map_region(self, data.out_mmap_offset, REGION, PROT_READ, MAP_SHARED);
	ASSERT_NE(NULL, again);
	EXPECT_EQ(~TAG, *again);
	EXPECT_EQ(0, munmap(mem, REGION));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, viommu));
	EXPECT_EQ(0, munmap(again, REGION));
	EXPECT_EQ(0, object_destroy(self->fd, viommu));
	EXPECT_EQ(NULL, map_region(self, data.out_mmap_offset, REGION, PROT_READ, MAP_SHARED));
	EXPECT_EQ(ENXIO, errno);
}

TEST_F(viommu, map_what_is_not_a_region)
{
	struct iommu_viommu_selftest data;

	with_region(_metadata, self, &data);
	EXPECT_EQ(NULL, map_region(self, data.out_mmap_offset, REGION, PROT_READ, MAP_PRIVATE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, map_region(self, data.out_mmap_offset, REGION, PROT_READ | PROT_EXEC,
				   MAP_SHARED));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(NULL, map_region(self, data.out_mmap_offset, PAGE_BYTES, PROT_READ, MAP_SHARED));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(NULL, map_region(self, data.out_mmap_offset, REGION + PAGE_BYTES, PROT_READ,
				   MAP_SHARED));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(NULL, map_region(self, data.out_mmap_offset + PAGE_BYTES, PAGE_BYTES, PROT_READ,
				   MAP_SHARED));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(NULL, map_region(self, 0, REGION, PROT_READ, MAP_SHARED));
	EXPECT_EQ(ENXIO, errno);
}

/* A mapping is a whole one for as long as it is there, and code in it is not run */
TEST_F(viommu, keep_a_mapping_whole)
{
	struct iommu_viommu_selftest data;
	uint32_t viommu = with_region(_metadata, self, &data);
	uint32_t *mem, *moved;

	mem = map_region(self, data.out_mmap_offset, REGION, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(-1, munmap(mem, PAGE_BYTES));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, mprotect(mem, PAGE_BYTES, PROT_READ));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, mprotect(mem, REGION, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, madvise(mem, REGION, MADV_DOFORK));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mremap(mem, REGION, PAGE_BYTES, 0));
	EXPECT_EQ(MAP_FAILED, mremap(mem, REGION, 2 * REGION, MREMAP_MAYMOVE));
	moved = mremap(mem, REGION, REGION, MREMAP_MAYMOVE | MREMAP_FIXED, mem + (1 << 20));
	ASSERT_NE(MAP_FAILED, moved);
	EXPECT_EQ(TAG, *moved);
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, viommu));
	EXPECT_EQ(0, munmap(moved, REGION));
	EXPECT_EQ(0, object_destroy(self->fd, viommu));
}

/* The child has no part in it, so it keeps nothing when the parent has unmapped it */
TEST_F(viommu, fork_leaves_a_mapping_out)
{
	struct iommu_viommu_selftest data;
	uint32_t viommu = with_region(_metadata, self, &data);
	int status, ready[2], go[2];
	uint32_t *mem;
	char byte;
	pid_t pid;

	mem = map_region(self, data.out_mmap_offset, REGION, PROT_READ, MAP_SHARED);
	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* -ENOMEM: nothing is mapped there */
		status = madvise(mem, REGION, MADV_NORMAL) == -1 && errno == ENOMEM;
		if (write(ready[1], "", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(2);
		_exit(!status);
	}
	EXPECT_EQ(1, read(ready[0], &byte, 1));
	EXPECT_EQ(0, munmap(mem, REGION));
	EXPECT_EQ(0, object_destroy(self->fd, viommu));
	EXPECT_EQ(1, write(go[1], "", 1));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* The mapping keeps the context when its descriptor is closed */
TEST_F(viommu, close_before_the_mapping)
{
	struct iommu_viommu_selftest data;
	uint32_t *mem;

	with_region(_metadata, self, &data);
	mem = map_region(self, data.out_mmap_offset, REGION, PROT_READ, MAP_SHARED);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(TAG, *mem);
	EXPECT_EQ(0, munmap(mem, REGION));
}

TEST_HARNESS_MAIN
