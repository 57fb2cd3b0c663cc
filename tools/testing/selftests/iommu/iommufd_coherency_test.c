// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two IOMMUs, of which one can make all DMA snoop, on the mock. What is told to KVM
 * about a device is what its IOMMU can do: so each page table that such a device
 * gets makes its DMA snoop, from the first entry on, or it does not get it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define MEM_BYTES	(4 * PAGE_BYTES)
#define PROT_SNOOP	4u
#define NR_ROUNDS	400

/* An address space without devices */
FIXTURE(coherency)
{
	int fd;
	uint32_t ioas;
	uint8_t *mem;
};

FIXTURE_SETUP(coherency)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	self->mem = memory_alloc(MEM_BYTES);
	ASSERT_NE(NULL, self->mem);
}

FIXTURE_TEARDOWN(coherency)
{
	if (self->mem)
		munmap(self->mem, MEM_BYTES);
	EXPECT_EQ(0, close(self->fd));
}

static int coherent(FIXTURE_DATA(coherency) *self, uint32_t hwpt)
{
	return object_stat(self->fd, hwpt, "enforces-coherency");
}

static int map(FIXTURE_DATA(coherency) *self)
{
	return ioas_map_fixed(self->fd, self->ioas, self->mem, MEM_BYTES, IOVA);
}

/* 1 or 0: whether the page at IOVA makes DMA snoop; negative errno without one */
static int snoops(FIXTURE_DATA(coherency) *self, uint32_t hwpt)
{
	struct iommu_test_ext page;
	int err = mock_page_at(self->fd, hwpt, IOVA, &page);

	return err ? err : !!(page.page_at.out_prot & PROT_SNOOP);
}

static int replace(FIXTURE_DATA(coherency) *self, const struct mock_ids *ids, uint32_t pt_id)
{
	return mock_replace(self->fd, ids->stdev, &pt_id);
}

/* What a container that stands for the address space says, if it may be left alone */
static int container_says(FIXTURE_DATA(coherency) *self)
{
	struct iommu_vfio_ioas set = {
		.size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET, .ioas_id = self->ioas,
	};
	int err = iommufd_call(self->fd, IOMMU_VFIO_IOAS, &set);

	return err ? err : ioctl(self->fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU);
}

TEST_F(coherency, devices_of_the_abi_do_not)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, .id = self->ioas,
		.mock_domain_flags.dev_flags = MOCK_EXT_DEVICE_SNOOP,
	};
	struct mock_ids ids;

	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_TEST_CMD, &cmd));
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &ids));
	EXPECT_EQ(0, coherent(self, ids.hwpt));
	EXPECT_EQ(0, container_says(self));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(0, snoops(self, ids.hwpt));
}

TEST_F(coherency, new_page_table)
{
	struct mock_ids ids;

	ASSERT_EQ(0, map(self));
	ASSERT_EQ(0, mock_snooping_device(self->fd, self->ioas, &ids));
	EXPECT_EQ(1, coherent(self, ids.hwpt));
	EXPECT_EQ(1, container_says(self));
	EXPECT_EQ(1, snoops(self, ids.hwpt));
}

/* What is there is not good enough, filled or not: it gets another. */
TEST_F(coherency, automatic_page_table_of_the_other_iommu)
{
	struct mock_ids plain, ids, second, again;

	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &plain));
	ASSERT_EQ(0, mock_snooping_device(self->fd, self->ioas, &ids));
	EXPECT_NE(plain.hwpt, ids.hwpt);
	EXPECT_EQ(0, coherent(self, plain.hwpt));
	EXPECT_EQ(1, coherent(self, ids.hwpt));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(0, snoops(self, plain.hwpt));
	EXPECT_EQ(1, snoops(self, ids.hwpt));

	/* Those that come find the one that fits, whichever was made first */
	ASSERT_EQ(0, mock_snooping_device(self->fd, self->ioas, &second));
	EXPECT_EQ(ids.hwpt, second.hwpt);
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &again));
	EXPECT_EQ(plain.hwpt, again.hwpt);
	EXPECT_EQ(0, container_says(self));
}

TEST_F(coherency, automatic_page_table_in_the_other_order)
{
	struct mock_ids plain, ids;

	ASSERT_EQ(0, mock_snooping_device(self->fd, self->ioas, &ids));
	ASSERT_EQ(0, map(self));
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &plain));
	EXPECT_NE(plain.hwpt, ids.hwpt);
	EXPECT_EQ(0, coherent(self, plain.hwpt));
	EXPECT_EQ(0, snoops(self, plain.hwpt));
	EXPECT_EQ(1, snoops(self, ids.hwpt));
}

TEST_F(coherency, automatic_page_table_by_replace)
{
	struct mock_ids plain, ids;
	uint32_t other, pt_id;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, map(self));
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &plain));
	ASSERT_EQ(0, mock_snooping_device(self->fd, other, &ids));
	pt_id = self->ioas;
	ASSERT_EQ(0, mock_replace(self->fd, ids.stdev, &pt_id));
	EXPECT_NE(plain.hwpt, pt_id);
	EXPECT_EQ(1, coherent(self, pt_id));
	EXPECT_EQ(1, snoops(self, pt_id));
}

/* A page table that nobody uses yet and nothing is mapped in becomes good enough. */
TEST_F(coherency, empty_page_table_is_upgraded)
{
	struct mock_ids plain, ids, late;
	uint32_t other, hwpt;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &plain));
	ASSERT_EQ(0, hwpt_alloc(self->fd, plain.dev, self->ioas, &hwpt));
	EXPECT_EQ(0, coherent(self, hwpt));
	ASSERT_EQ(0, mock_snooping_device(self->fd, hwpt, &ids));
	EXPECT_EQ(hwpt, ids.hwpt);
	EXPECT_EQ(1, coherent(self, hwpt));
	EXPECT_EQ(1, container_says(self));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(1, snoops(self, hwpt));
	/* And is not good for the device any more that it was made for */
	EXPECT_EQ(-EINVAL, replace(self, &plain, hwpt));
	EXPECT_EQ(-EINVAL, mock_domain(self->fd, hwpt, 0, &late));
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state(self->fd, plain.stdev));
}

TEST_F(coherency, empty_page_table_is_upgraded_by_replace)
{
	struct mock_ids plain, ids;
	uint32_t other, hwpt;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &plain));
	ASSERT_EQ(0, hwpt_alloc(self->fd, plain.dev, self->ioas, &hwpt));
	ASSERT_EQ(0, mock_snooping_device(self->fd, other, &ids));
	ASSERT_EQ(0, replace(self, &ids, hwpt));
	EXPECT_EQ(1, coherent(self, hwpt));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(1, snoops(self, hwpt));
}

/* One that has entries does not: old ones would go on without. */
TEST_F(coherency, filled_page_table_is_refused)
{
	struct mock_ids plain, ids, refused;
	uint32_t other, hwpt;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, map(self));
	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &plain));
	ASSERT_EQ(0, hwpt_alloc(self->fd, plain.dev, self->ioas, &hwpt));
	EXPECT_EQ(-EINVAL, mock_snooping_device(self->fd, hwpt, &refused));
	ASSERT_EQ(0, mock_snooping_device(self->fd, other, &ids));
	EXPECT_EQ(-EINVAL, replace(self, &ids, hwpt));
	EXPECT_EQ(0, coherent(self, hwpt));
	EXPECT_EQ(0, snoops(self, hwpt));
	/* It is as it was for the device that it was made for */
	EXPECT_EQ(0, replace(self, &plain, hwpt));

	/* Emptied it takes the other one, once this one has left */
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(-EINVAL, replace(self, &ids, hwpt));
	EXPECT_EQ(0, object_destroy(self->fd, plain.stdev));
	EXPECT_EQ(0, replace(self, &ids, hwpt));
	EXPECT_EQ(1, coherent(self, hwpt));
}

/* The same where the driver would do it: it is not even asked. */
TEST_F(coherency, filled_page_table_is_not_upgraded)
{
	struct mock_ids plain, ids, refused;
	uint32_t other, hwpt;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, map(self));
	ASSERT_EQ(0, mock_make_device(self->fd, other, MOCK_EXT_DEVICE_TRUSTING, &plain));
	ASSERT_EQ(0, hwpt_alloc(self->fd, plain.dev, self->ioas, &hwpt));
	EXPECT_EQ(-EINVAL, mock_snooping_device(self->fd, hwpt, &refused));
	ASSERT_EQ(0, mock_snooping_device(self->fd, other, &ids));
	EXPECT_EQ(-EINVAL, replace(self, &ids, hwpt));
	EXPECT_EQ(0, coherent(self, hwpt));
	EXPECT_EQ(MOCK_STATE_TRANSLATED,
		  mock_device_state_on(self->fd, ids.stdev, ids.hwpt));
	EXPECT_EQ(0, object_stat(self->fd, hwpt, "groups"));

	/* Entries that are made now are like those that were there. */
	EXPECT_EQ(0, snoops(self, hwpt));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(0, snoops(self, hwpt));
	EXPECT_EQ(0, replace(self, &plain, hwpt));

	/* The driver does say yes, even with a device that cannot. */
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, replace(self, &ids, hwpt));
	EXPECT_EQ(1, coherent(self, hwpt));
}

/* An attach that is refused for another reason does not upgrade. */
TEST_F(coherency, refused_attach_changes_nothing)
{
	struct mock_ids plain, ids;
	uint32_t other, hwpt;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &plain));
	ASSERT_EQ(0, hwpt_alloc(self->fd, plain.dev, self->ioas, &hwpt));
	ASSERT_EQ(0, replace(self, &plain, hwpt));
	EXPECT_EQ(-EINVAL, mock_snooping_device(self->fd, hwpt, &ids));
	EXPECT_EQ(0, coherent(self, hwpt));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(0, snoops(self, hwpt));
}

/* As when it is another driver's. */
TEST_F(coherency, page_table_of_another_driver_is_not_upgraded)
{
	struct mock_ids late, ids, refused;
	uint32_t other, hwpt;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_make_device(self->fd, other, MOCK_EXT_DEVICE_LATE, &late));
	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, late.dev, self->ioas, 0, MOCK_IOMMUPT_DEFAULT,
				     &hwpt));
	EXPECT_EQ(-EINVAL, mock_snooping_device(self->fd, hwpt, &refused));
	EXPECT_EQ(0, coherent(self, hwpt));
	ASSERT_EQ(0, mock_snooping_device(self->fd, other, &ids));
	EXPECT_EQ(-EINVAL, replace(self, &ids, hwpt));
	EXPECT_EQ(0, coherent(self, hwpt));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(0, snoops(self, hwpt));
	EXPECT_EQ(0, replace(self, &late, hwpt));
}

static int nested_alloc(FIXTURE_DATA(coherency) *self, uint32_t dev, uint32_t parent,
			uint32_t *hwpt)
{
	return mock_hwpt_alloc(self->fd, dev, parent, 0, MOCK_IOMMUPT_DEFAULT, hwpt);
}

TEST_F(coherency, nested_page_table)
{
	struct mock_ids plain, ids;
	uint32_t other, parent, nested;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &plain));
	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, plain.dev, self->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT,
				     MOCK_IOMMUPT_DEFAULT, &parent));
	ASSERT_EQ(0, mock_snooping_device(self->fd, other, &ids));
	ASSERT_EQ(0, nested_alloc(self, ids.dev, parent, &nested));
	EXPECT_EQ(0, coherent(self, parent));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(-EINVAL, replace(self, &ids, nested));
	EXPECT_EQ(0, coherent(self, parent));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, replace(self, &ids, nested));
	EXPECT_EQ(1, coherent(self, parent));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(1, snoops(self, parent));
	EXPECT_EQ(-EINVAL, replace(self, &plain, nested));
}

/* All of a group go through one page table. */
TEST_F(coherency, another_device_of_the_group)
{
	struct mock_ids plain, first, second;
	uint32_t other, hwpt;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_snooping_device(self->fd, self->ioas, &first));
	EXPECT_EQ(0, mock_add_device_flags(self->fd, first.stdev, self->ioas,
					   MOCK_EXT_DEVICE_SNOOP, &second));
	EXPECT_EQ(-EINVAL, mock_add_device(self->fd, first.stdev, self->ioas, &second));

	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &plain));
	EXPECT_EQ(-EINVAL, mock_add_device_flags(self->fd, plain.stdev, other,
						 MOCK_EXT_DEVICE_SNOOP, &second));
	EXPECT_EQ(0, coherent(self, plain.hwpt));
	ASSERT_EQ(0, hwpt_alloc(self->fd, plain.dev, other, &hwpt));
	EXPECT_EQ(0, replace(self, &first, hwpt));
	EXPECT_EQ(1, coherent(self, hwpt));
}

/*
 * A group with a device that can and one that cannot: what the one needs all get,
 * whichever is asked to move.
 */
TEST_F(coherency, devices_of_a_group_differ)
{
	struct mock_ids plain, ids;
	uint32_t other, empty, filled, snooping;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_make_device(self->fd, other, MOCK_EXT_DEVICE_TRUSTING, &plain));
	EXPECT_EQ(0, coherent(self, plain.hwpt));
	ASSERT_EQ(0, mock_add_device_flags(self->fd, plain.stdev, other, MOCK_EXT_DEVICE_SNOOP,
					   &ids));
	EXPECT_EQ(plain.hwpt, ids.hwpt);
	EXPECT_EQ(1, coherent(self, plain.hwpt));

	ASSERT_EQ(0, hwpt_alloc(self->fd, plain.dev, self->ioas, &empty));
	EXPECT_EQ(0, coherent(self, empty));
	ASSERT_EQ(0, replace(self, &plain, empty));
	EXPECT_EQ(1, coherent(self, empty));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(1, snoops(self, empty));

	ASSERT_EQ(0, hwpt_alloc(self->fd, plain.dev, self->ioas, &filled));
	EXPECT_EQ(-EINVAL, replace(self, &plain, filled));
	EXPECT_EQ(-EINVAL, replace(self, &ids, filled));
	EXPECT_EQ(0, coherent(self, filled));
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state_on(self->fd, plain.stdev, empty));
	EXPECT_EQ(MOCK_STATE_TRANSLATED, mock_device_state_on(self->fd, ids.stdev, empty));

	/* One that makes DMA snoop from the beginning is not for the other. */
	ASSERT_EQ(0, hwpt_alloc(self->fd, ids.dev, self->ioas, &snooping));
	EXPECT_EQ(1, coherent(self, snooping));
	EXPECT_EQ(-EINVAL, replace(self, &ids, snooping));

	/* Nobody is left who needs it */
	ASSERT_EQ(0, object_destroy(self->fd, ids.stdev));
	EXPECT_EQ(0, replace(self, &plain, filled));
	EXPECT_EQ(0, coherent(self, filled));
	EXPECT_EQ(0, snoops(self, filled));
}

/* A page table that is finished late does so after the attach, before the first entry. */
TEST_F(coherency, finished_late)
{
	struct mock_ids ids;

	ASSERT_EQ(0, map(self));
	ASSERT_EQ(0, mock_make_device(self->fd, self->ioas,
				      MOCK_EXT_DEVICE_LATE | MOCK_EXT_DEVICE_SNOOP, &ids));
	EXPECT_EQ(1, coherent(self, ids.hwpt));
	EXPECT_EQ(1, snoops(self, ids.hwpt));
}

TEST_F(coherency, finished_late_for_a_group)
{
	const uint32_t flags = MOCK_EXT_DEVICE_LATE | MOCK_EXT_DEVICE_TRUSTING;
	struct mock_ids plain, ids;
	uint32_t other, hwpt;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_make_device(self->fd, other, flags, &plain));
	ASSERT_EQ(0, mock_add_device_flags(self->fd, plain.stdev, other,
					   flags | MOCK_EXT_DEVICE_SNOOP, &ids));
	ASSERT_EQ(0, map(self));
	ASSERT_EQ(0, hwpt_alloc(self->fd, plain.dev, self->ioas, &hwpt));
	EXPECT_EQ(0, coherent(self, hwpt));
	ASSERT_EQ(0, replace(self, &plain, hwpt));
	EXPECT_EQ(1, coherent(self, hwpt));
	EXPECT_EQ(1, snoops(self, hwpt));
}

struct mapper {
	int fd;
	uint32_t ioas;
	uint8_t *mem;
	atomic_int stop;
	atomic_uint mapped;
};

static void *map_and_unmap(void *arg)
{
	struct mapper *m = arg;

	while (!atomic_load(&m->stop)) {
		if (!ioas_map_fixed(m->fd, m->ioas, m->mem, PAGE_BYTES, IOVA))
			atomic_fetch_add(&m->mapped, 1);
		ioas_unmap(m->fd, m->ioas, IOVA, PAGE_BYTES, NULL);
	}
	return NULL;
}

/*
 * Whether anything is mapped is decided while others map: each attach is refused, or
 * no entry is without.
 */
TEST_F(coherency, upgrade_while_others_map)
{
	struct mapper m = { .fd = self->fd, .ioas = self->ioas, .mem = self->mem };
	unsigned int upgraded = 0, refused = 0, round;
	struct mock_ids plain, ids;
	pthread_t thread;
	uint32_t other, hwpt;
	int err, snooping;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &plain));
	ASSERT_EQ(0, mock_snooping_device(self->fd, other, &ids));
	ASSERT_EQ(0, pthread_create(&thread, NULL, map_and_unmap, &m));
	for (round = 0; round < NR_ROUNDS; round++) {
		ASSERT_EQ(0, hwpt_alloc(self->fd, plain.dev, self->ioas, &hwpt));
		err = replace(self, &ids, hwpt);
		ASSERT_TRUE(!err || err == -EINVAL);
		ASSERT_EQ(!err, coherent(self, hwpt));
		upgraded += !err;
		refused += !!err;
		snooping = snoops(self, hwpt);
		if (snooping >= 0)
			ASSERT_EQ(!err, snooping);
		ASSERT_EQ(0, replace(self, &ids, other));
		ASSERT_EQ(0, object_destroy(self->fd, hwpt));
	}
	atomic_store(&m.stop, 1);
	pthread_join(thread, NULL);
	TH_LOG("%u upgraded, %u refused, %u mapped", upgraded, refused, atomic_load(&m.mapped));
	EXPECT_NE(0, upgraded);
	EXPECT_NE(0, atomic_load(&m.mapped));
}

TEST_HARNESS_MAIN
