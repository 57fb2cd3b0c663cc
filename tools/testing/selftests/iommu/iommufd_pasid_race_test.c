// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs and page faults: attachments that change, requests, readers, answers, queues
 * and devices that come and go, all at once. Every request of a device that stays is
 * answered once, whatever happened to it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "iommufd_race.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

#define NR_TABLES	3
#define NR_PASIDS	4
#define OWN_PASID	9	/* of the thread that makes queues */
#define NR_RECORDS	8
#define NOWHERE		((void *)PAGE_BYTES)

struct faults {
	struct mock_ids ids;
	uint32_t fault;
	int queue;
	uint32_t tables[NR_TABLES];	/* with the queue, but for the last one */
	atomic_uint nr_requests;
};

static int table_alloc(int fd, uint32_t dev, uint32_t ioas, uint32_t fault, uint32_t *hwpt)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .dev_id = dev, .pt_id = ioas, .fault_id = fault,
		.flags = IOMMU_HWPT_ALLOC_PASID | (fault ? IOMMU_HWPT_FAULT_ID_VALID : 0),
	};
	int err = iommufd_call(fd, IOMMU_HWPT_ALLOC, &arg);

	*hwpt = arg.out_hwpt_id;
	return err;
}

FIXTURE(pasid_race)
{
	struct race race;
	struct faults faults;
};

FIXTURE_SETUP(pasid_race)
{
	struct faults *f = &self->faults;
	int fd = iommufd_open();
	unsigned int i;

	ASSERT_LE(0, fd);
	if (!mock_present(fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	self->race.fd = fd;
	self->race.more = f;
	ASSERT_EQ(0, ioas_alloc(fd, &self->race.ioas));
	ASSERT_EQ(0, mock_domain(fd, self->race.ioas, MOCK_FLAGS_DEVICE_PASID, &f->ids));
	f->queue = fault_queue_alloc(fd, &f->fault);
	ASSERT_LE(0, f->queue);
	for (i = 0; i < NR_TABLES; i++)
		ASSERT_EQ(0, table_alloc(fd, f->ids.dev, self->race.ioas,
					 i < NR_TABLES - 1 ? f->fault : 0, &f->tables[i]));
	f->ids.hwpt = f->tables[0];
	ASSERT_EQ(0, mock_replace(fd, f->ids.stdev, &f->ids.hwpt));
}

FIXTURE_TEARDOWN(pasid_race)
{
	if (self->faults.queue >= 0)
		EXPECT_EQ(0, close(self->faults.queue));
	EXPECT_EQ(0, close(self->race.fd));
}

static int step_pasid(struct race *race, unsigned int turn)
{
	struct faults *f = race->more;
	uint32_t pasid = 1 + turn % NR_PASIDS, pt_id = f->tables[turn / 3 % NR_TABLES];

	switch (turn / 2 % 4) {
	case 0:
		return mock_pasid_detach(race->fd, f->ids.stdev, pasid);
	case 1:
		return mock_pasid_replace(race->fd, f->ids.stdev, pasid, &pt_id);
	default:
		return mock_pasid_attach(race->fd, f->ids.stdev, pasid, &pt_id);
	}
}

static int step_own(struct race *race, unsigned int turn)
{
	struct faults *f = race->more;
	uint32_t pt_id = f->tables[turn % NR_TABLES];

	return mock_replace(race->fd, f->ids.stdev, &pt_id);
}

/* Whole groups, all of a number of their own */
static int step_request(struct race *race, unsigned int turn)
{
	struct faults *f = race->more;
	uint32_t pasid = turn % (NR_PASIDS + 2);
	int err;

	/* Of the queue, too, that another thread closes */
	if (pasid > NR_PASIDS)
		pasid = OWN_PASID;
	err = mock_page_request(race->fd, f->ids.dev, pasid, turn, turn);
	if (!err)
		atomic_fetch_add(&f->nr_requests, 1);
	return err;
}

static int read_and_answer(int queue, unsigned int turn)
{
	struct iommu_hwpt_pgfault records[NR_RECORDS] = {};
	struct iommu_hwpt_page_response answer;
	ssize_t len = read(queue, records, (1 + turn % NR_RECORDS) * sizeof(records[0]));
	ssize_t i;

	if (len < 0)
		return -errno;
	for (i = 0; i < len / (ssize_t)sizeof(records[0]); i++) {
		answer.cookie = records[i].cookie;
		answer.code = turn % 2;
		/* One that has ended meanwhile is -EINVAL */
		if (write(queue, &answer, sizeof(answer)) < 0 && errno != EINVAL)
			return -errno;
	}
	return 0;
}

static int step_read(struct race *race, unsigned int turn)
{
	return read_and_answer(((struct faults *)race->more)->queue, turn);
}

/* Groups are put back all the time */
static int step_read_nowhere(struct race *race, unsigned int turn)
{
	struct faults *f = race->more;

	if (read(f->queue, NOWHERE, sizeof(struct iommu_hwpt_pgfault)) < 0 && errno != EFAULT)
		return -errno;
	return 0;
}

/* A queue of its own from beginning to end, closed at another point each time */
static int step_queue(struct race *race, unsigned int turn)
{
	struct faults *f = race->more;
	uint32_t fault, hwpt, pt_id;
	int queue, err;

	queue = fault_queue_alloc(race->fd, &fault);
	if (queue < 0)
		return queue;
	err = table_alloc(race->fd, f->ids.dev, race->ioas, fault, &hwpt);
	if (err)
		goto out_close;
	pt_id = hwpt;
	err = mock_pasid_attach(race->fd, f->ids.stdev, OWN_PASID, &pt_id);
	if (!err && !mock_page_request(race->fd, f->ids.dev, OWN_PASID, turn, 0))
		atomic_fetch_add(&f->nr_requests, 1);
	if (turn % 3 == 0)
		read_and_answer(queue, 0);
	if (turn % 3 != 1) {
		close(queue);
		queue = -1;
	}
	if (!mock_page_request(race->fd, f->ids.dev, OWN_PASID, turn, 0))
		atomic_fetch_add(&f->nr_requests, 1);
	if (!err)
		err = mock_pasid_detach(race->fd, f->ids.stdev, OWN_PASID);
	if (!err)
		err = object_destroy(race->fd, hwpt);
out_close:
	if (queue >= 0)
		close(queue);
	return err ? err : object_destroy(race->fd, fault);
}

/* A second device of the group, which leaves with requests open */
static int step_device(struct race *race, unsigned int turn)
{
	struct faults *f = race->more;
	struct mock_ids ids;
	int err;

	err = mock_add_device_flags(race->fd, f->ids.stdev, f->tables[turn % NR_TABLES],
				    MOCK_FLAGS_DEVICE_PASID, &ids);
	if (err)
		return err;
	mock_page_request(race->fd, ids.dev, 0, turn, 0);
	mock_page_request(race->fd, ids.dev, 1, turn, 0);
	return object_destroy(race->fd, ids.stdev);
}

/* Detach all, and count */
static void expect_all_answered(struct __test_metadata *_metadata, struct race *race)
{
	struct faults *f = race->more;
	uint32_t pasid, last = f->tables[NR_TABLES - 1];
	struct iommu_test_ext got;
	unsigned int i;

	for (pasid = 1; pasid <= NR_PASIDS; pasid++)
		ASSERT_EQ(0, mock_pasid_detach(race->fd, f->ids.stdev, pasid));
	ASSERT_EQ(0, mock_pasid_detach(race->fd, f->ids.stdev, OWN_PASID));
	ASSERT_EQ(0, mock_replace(race->fd, f->ids.stdev, &last));
	ASSERT_EQ(0, mock_answers(race->fd, f->ids.stdev, &got));
	EXPECT_EQ(f->nr_requests, got.answers.out_nr_success + got.answers.out_nr_invalid);
	EXPECT_EQ(0, got.answers.out_nr_other);
	ASSERT_EQ(0, object_destroy(race->fd, f->ids.stdev));
	for (i = 0; i < NR_TABLES; i++)
		EXPECT_EQ(0, object_destroy(race->fd, f->tables[i]));
	EXPECT_EQ(0, close(f->queue));
	f->queue = -1;
	EXPECT_EQ(0, object_destroy(race->fd, f->fault));
}

TEST_F(pasid_race, attachments)
{
	static const step_fn steps[] = { step_pasid, step_own, step_pasid, step_device };

	CHECK_RACE_OF(&self->race, steps);
	expect_all_answered(_metadata, &self->race);
}

TEST_F(pasid_race, readers)
{
	static const step_fn steps[] = {
		step_request, step_request, step_read, step_read, step_read_nowhere,
	};

	CHECK_RACE_OF(&self->race, steps);
	EXPECT_LT(0, self->faults.nr_requests);
	expect_all_answered(_metadata, &self->race);
}

TEST_F(pasid_race, ends_of_attachments)
{
	static const step_fn steps[] = {
		step_request, step_own, step_pasid, step_read, step_request, step_read_nowhere,
	};

	CHECK_RACE_OF(&self->race, steps);
	expect_all_answered(_metadata, &self->race);
}

TEST_F(pasid_race, everything)
{
	static const step_fn steps[] = {
		step_request, step_own, step_pasid, step_read, step_queue, step_device,
		step_read_nowhere, step_request,
	};

	CHECK_RACE_OF(&self->race, steps);
	expect_all_answered(_metadata, &self->race);
}

TEST_HARNESS_MAIN
