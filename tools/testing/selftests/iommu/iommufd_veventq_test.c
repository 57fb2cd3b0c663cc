// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of the events of a virtual IOMMU, on the mock IOMMU, which reports them in an
 * interrupt: order and numbers, lost ones, short and bad buffers, and lifetimes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/held.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/viommu.h"

#define VIRT_ID		0x99u
#define DEPTH		3
#define MAX_DEPTH	524288u

struct record {
	struct iommufd_vevent_header header;
	struct iommu_viommu_event_selftest event;
};

#define HEADER		sizeof(struct iommufd_vevent_header)
#define RECORD		sizeof(struct record)

/* A device on a page table of a virtual IOMMU, where it has a name, and a queue */
FIXTURE(veventq)
{
	int fd;
	uint32_t ioas;
	struct mock_ids ids;
	uint32_t parent;
	uint32_t viommu;
	uint32_t vdevice;
	uint32_t hwpt;
	uint32_t id;
	int queue;
};

static int attach(FIXTURE_DATA(veventq) *self, uint32_t pt_id)
{
	return mock_replace(self->fd, self->ids.stdev, &pt_id);
}

FIXTURE_SETUP(veventq)
{
	self->queue = -1;
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &self->ids));
	ASSERT_EQ(0, nest_parent_alloc(self->fd, self->ids.dev, self->ioas, &self->parent));
	ASSERT_EQ(0, viommu_alloc(self->fd, self->ids.dev, self->parent, &self->viommu));
	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID,
				   &self->vdevice));
	ASSERT_EQ(0, mock_nested_alloc(self->fd, self->ids.dev, self->viommu, 0, 0, &self->hwpt));
	ASSERT_EQ(0, attach(self, self->hwpt));
	self->queue = veventq_alloc(self->fd, self->viommu, DEPTH, &self->id);
	ASSERT_LE(0, self->queue);
}

FIXTURE_TEARDOWN(veventq)
{
	if (self->queue >= 0)
		EXPECT_EQ(0, close(self->queue));
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

static int trigger(FIXTURE_DATA(veventq) *self)
{
	return mock_trigger_vevent(self->fd, self->ids.dev);
}

static void trigger_some(struct __test_metadata *_metadata, FIXTURE_DATA(veventq) *self,
			 unsigned int nr)
{
	while (nr--)
		EXPECT_EQ(0, trigger(self));
}

static ssize_t result(ssize_t ret)
{
	return ret < 0 ? -errno : ret;
}

static bool is_readable(int queue)
{
	struct pollfd pfd = { .fd = queue, .events = POLLIN | POLLOUT };

	return poll(&pfd, 1, 0) == 1 && pfd.revents == POLLIN;
}

static void expect_event(struct __test_metadata *_metadata, int queue, uint32_t sequence)
{
	struct record record = { .header.flags = ~0 };

	EXPECT_TRUE(is_readable(queue));
	EXPECT_EQ(RECORD, result(read(queue, &record, sizeof(record))));
	EXPECT_EQ(0, record.header.flags);
	EXPECT_EQ(sequence, record.header.sequence);
	EXPECT_EQ(VIRT_ID, record.event.virt_id);
}

static void expect_lost(struct __test_metadata *_metadata, int queue, uint32_t sequence)
{
	struct record record = {};

	EXPECT_TRUE(is_readable(queue));
	EXPECT_EQ(HEADER, result(read(queue, &record, sizeof(record))));
	EXPECT_EQ(IOMMU_VEVENTQ_FLAG_LOST_EVENTS, record.header.flags);
	EXPECT_EQ(sequence, record.header.sequence);
}

static void expect_empty(struct __test_metadata *_metadata, int queue)
{
	struct record record;

	EXPECT_FALSE(is_readable(queue));
	EXPECT_EQ(0, result(read(queue, &record, sizeof(record))));
}

/* covers: IOMMU_VEVENTQ_ALLOC EOPNOTSUPP EINVAL ENOENT EEXIST */
TEST_F(veventq, order_of_checks)
{
	struct iommu_veventq_alloc arg = {
		.size = sizeof(arg), .flags = 1, .type = IOMMU_VEVENTQ_TYPE_DEFAULT,
		.viommu_id = NO_SUCH_ID,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.flags = 0;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.type = IOMMU_VEVENTQ_TYPE_SELFTEST;
	arg.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.__reserved = 0;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.veventq_depth = MAX_DEPTH + 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.veventq_depth = MAX_DEPTH;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.viommu_id = self->parent;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.viommu_id = self->viommu;
	EXPECT_EQ(-EEXIST, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.type = IOMMU_VEVENTQ_TYPE_SELFTEST + 1;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg)) {
		TH_LOG("there are no such events");
	}
	EXPECT_EQ(0, close(self->queue));
	self->queue = -1;
	EXPECT_EQ(0, object_destroy(self->fd, self->id));
	arg.type = IOMMU_VEVENTQ_TYPE_SELFTEST;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	EXPECT_EQ(0, close(arg.out_veventq_fd));
}

/* The reserved word came later */
TEST_F(veventq, sizes_of_the_call)
{
	struct iommu_veventq_alloc arg = {
		.size = offsetof(struct iommu_veventq_alloc, __reserved) - 1,
		.type = IOMMU_VEVENTQ_TYPE_SELFTEST, .viommu_id = self->viommu,
		.veventq_depth = 1, .__reserved = 1,
	};

	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.size++;
	EXPECT_EQ(-EEXIST, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.viommu_id = self->viommu;
	EXPECT_EQ(0, close(self->queue));
	self->queue = -1;
	EXPECT_EQ(0, object_destroy(self->fd, self->id));
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	EXPECT_EQ(FD_CLOEXEC, fcntl(arg.out_veventq_fd, F_GETFD));
	EXPECT_EQ(O_RDONLY, fcntl(arg.out_veventq_fd, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(0, close(arg.out_veventq_fd));
}

TEST_F(veventq, nothing_is_left_of_a_call_that_fails)
{
	struct iommu_veventq_alloc arg = {
		.size = sizeof(arg), .type = IOMMU_VEVENTQ_TYPE_SELFTEST,
		.viommu_id = self->viommu, .veventq_depth = 1,
	};
	struct rlimit limit, low;
	uint32_t id;
	int next;

	EXPECT_EQ(0, close(self->queue));
	EXPECT_EQ(0, object_destroy(self->fd, self->id));
	self->queue = -1;
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	low = limit;
	next = dup(self->fd);
	low.rlim_cur = next;
	ASSERT_EQ(0, close(next));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	EXPECT_EQ(-EMFILE, veventq_alloc(self->fd, self->viommu, 1, &id));
	EXPECT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));

	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_VEVENTQ_ALLOC,
					read_only_copy(&arg, sizeof(arg))));
	EXPECT_EQ(next, dup(self->fd)) {
		TH_LOG("a descriptor is left");
	}
	EXPECT_EQ(0, close(next));
	EXPECT_EQ(-EOPNOTSUPP, trigger(self));
	self->queue = veventq_alloc(self->fd, self->viommu, 1, &id);
	EXPECT_LE(0, self->queue) {
		TH_LOG("the place of the queue is taken");
	}
}

TEST_F(veventq, order_and_numbers)
{
	struct record records[2];

	expect_empty(_metadata, self->queue);
	trigger_some(_metadata, self, 2);
	expect_event(_metadata, self->queue, 0);
	trigger_some(_metadata, self, 2);
	EXPECT_EQ(3, object_stat(self->fd, self->id, "waiting"));
	EXPECT_EQ(DEPTH, object_stat(self->fd, self->id, "depth"));
	memset(records, 0xff, sizeof(records));
	EXPECT_EQ(sizeof(records), result(read(self->queue, records, sizeof(records))));
	EXPECT_EQ(1, records[0].header.sequence);
	EXPECT_EQ(VIRT_ID, records[0].event.virt_id);
	EXPECT_EQ(0, records[1].header.flags);
	EXPECT_EQ(2, records[1].header.sequence);
	EXPECT_EQ(VIRT_ID, records[1].event.virt_id);
	expect_event(_metadata, self->queue, 3);
	expect_empty(_metadata, self->queue);
}

/* Whole events, and a buffer that cannot hold any is an error even without one */
TEST_F(veventq, short_reads)
{
	uint8_t buf[2 * RECORD];

	EXPECT_EQ(-EINVAL, result(read(self->queue, buf, HEADER - 1)));
	EXPECT_EQ(-EINVAL, result(read(self->queue, buf, 0)));
	EXPECT_EQ(0, result(read(self->queue, buf, HEADER)));
	trigger_some(_metadata, self, 2);
	EXPECT_EQ(-EINVAL, result(read(self->queue, buf, HEADER)));
	EXPECT_EQ(-EINVAL, result(read(self->queue, buf, RECORD - 1)));
	EXPECT_EQ(RECORD, result(read(self->queue, buf, 2 * RECORD - 1)));
	expect_event(_metadata, self->queue, 1);
	EXPECT_EQ(-EBADF, result(write(self->queue, buf, RECORD)));
	EXPECT_EQ(-ESPIPE, result(lseek(self->queue, 0, SEEK_SET)));
	EXPECT_EQ(-ESPIPE, result(pread(self->queue, buf, RECORD, 0)));
}

/* One that could not be copied is where it was */
TEST_F(veventq, bad_buffers)
{
	uint8_t *hole = before_hole("", 1);
	struct record records[3] = {};

	ASSERT_NE(NULL, hole);
	trigger_some(_metadata, self, 3);
	EXPECT_EQ(-EFAULT, result(read(self->queue, (void *)PAGE_BYTES, RECORD)));
	EXPECT_EQ(-EFAULT, result(read(self->queue, hole + 1 - HEADER, RECORD))) {
		TH_LOG("the header fits, the event does not");
	}
	EXPECT_EQ(RECORD, result(read(self->queue, hole + 1 - RECORD - HEADER, 3 * RECORD)));
	EXPECT_EQ(2 * RECORD, result(read(self->queue, records, sizeof(records))));
	EXPECT_EQ(1, records[0].header.sequence);
	EXPECT_EQ(2, records[1].header.sequence);
}

TEST_F(veventq, lost_at_the_end)
{
	unsigned int i;

	trigger_some(_metadata, self, DEPTH + 4);
	EXPECT_EQ(DEPTH, object_stat(self->fd, self->id, "waiting"));
	for (i = 0; i < DEPTH; i++)
		expect_event(_metadata, self->queue, i);
	expect_lost(_metadata, self->queue, DEPTH + 3);
	expect_empty(_metadata, self->queue);
	trigger_some(_metadata, self, 1);
	expect_event(_metadata, self->queue, DEPTH + 4);
	expect_empty(_metadata, self->queue);
}

/* A later event replaces the mark: its number says the same */
TEST_F(veventq, lost_in_the_middle)
{
	trigger_some(_metadata, self, DEPTH + 2);
	expect_event(_metadata, self->queue, 0);
	trigger_some(_metadata, self, 1);
	expect_event(_metadata, self->queue, 1);
	expect_event(_metadata, self->queue, 2);
	expect_event(_metadata, self->queue, DEPTH + 2);
	expect_empty(_metadata, self->queue);
}

/* The mark is read with a header's room, and put back if that cannot be written */
TEST_F(veventq, lost_and_bad_buffers)
{
	struct record records[DEPTH];
	struct iommufd_vevent_header header = {};

	trigger_some(_metadata, self, DEPTH + 1);
	EXPECT_EQ(sizeof(records), result(read(self->queue, records, sizeof(records))));
	EXPECT_EQ(-EFAULT, result(read(self->queue, (void *)PAGE_BYTES, HEADER)));
	EXPECT_TRUE(is_readable(self->queue));
	EXPECT_EQ(HEADER, result(read(self->queue, &header, HEADER)));
	EXPECT_EQ(IOMMU_VEVENTQ_FLAG_LOST_EVENTS, header.flags);
	EXPECT_EQ(DEPTH, header.sequence);
	expect_empty(_metadata, self->queue);
}

/* Numbers have 31 bits, for the mark, too */
TEST_F(veventq, numbers_begin_again)
{
	trigger_some(_metadata, self, 1);
	ASSERT_EQ(0, mock_skip_vevents(self->fd, self->id, INT32_MAX - 1));
	trigger_some(_metadata, self, 2);
	expect_event(_metadata, self->queue, 0);
	expect_event(_metadata, self->queue, INT32_MAX);
	expect_event(_metadata, self->queue, 0);
	ASSERT_EQ(0, mock_skip_vevents(self->fd, self->id, INT32_MAX - 1));
	trigger_some(_metadata, self, DEPTH + 1);
	expect_event(_metadata, self->queue, INT32_MAX);
	expect_event(_metadata, self->queue, 0);
	expect_event(_metadata, self->queue, 1);
	expect_lost(_metadata, self->queue, 2);
	ASSERT_EQ(0, mock_skip_vevents(self->fd, self->id, INT32_MAX - 2));
	trigger_some(_metadata, self, DEPTH + 1);
	expect_event(_metadata, self->queue, 0);
	expect_event(_metadata, self->queue, 1);
	expect_event(_metadata, self->queue, 2);
	expect_lost(_metadata, self->queue, 3);
}

TEST_F(veventq, which_devices_have_events)
{
	uint32_t id;

	EXPECT_EQ(-ENOENT, mock_trigger_vevent(self->fd, NO_SUCH_ID));
	EXPECT_EQ(0, attach(self, self->parent));
	EXPECT_EQ(-ENOENT, trigger(self)) {
		TH_LOG("it is on a page table of no virtual IOMMU");
	}
	EXPECT_EQ(0, attach(self, self->hwpt));
	EXPECT_EQ(0, object_destroy(self->fd, self->vdevice));
	EXPECT_EQ(-ENOENT, trigger(self));
	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, 0, &id));
	EXPECT_EQ(-ENOENT, trigger(self));
	EXPECT_EQ(0, object_destroy(self->fd, id));
	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->ids.dev, VIRT_ID, &id));
	EXPECT_EQ(0, trigger(self));
	expect_event(_metadata, self->queue, 0);
	EXPECT_EQ(0, close(self->queue));
	EXPECT_EQ(-EOPNOTSUPP, trigger(self));
	self->queue = -1;
}

/* covers: IOMMU_DESTROY EBUSY */
TEST_F(veventq, file_keeps_the_queue)
{
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->id));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->viommu));
	trigger_some(_metadata, self, DEPTH + 1);
	EXPECT_EQ(0, close(self->queue));
	self->queue = -1;
	EXPECT_EQ(0, object_stat(self->fd, self->id, "waiting"));
	EXPECT_EQ(0, object_destroy(self->fd, self->id));
}

/* The context may be closed first; what happened can still be read */
TEST_F(veventq, file_outlives_the_context)
{
	trigger_some(_metadata, self, 1);
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	expect_event(_metadata, self->queue, 0);
	expect_empty(_metadata, self->queue);
}

struct reader {
	int queue;
	void *buf;
	ssize_t ret;
};

static void *read_one(void *arg)
{
	struct reader *reader = arg;

	reader->ret = result(read(reader->queue, reader->buf, RECORD));
	return NULL;
}

/* A reader whose memory is slow delays neither events nor other readers nor ends */
TEST_F(veventq, slow_reader)
{
	struct held_page held;
	struct reader reader = { .queue = self->queue };
	struct record *record;
	pthread_t thread;

	trigger_some(_metadata, self, 1);
	if (held_open(&held, NULL, 0) == -ENODEV) {
		held_close(&held);
		SKIP(return, "a kernel without userfaultfd");
	}
	reader.buf = record = held.mem;
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, &reader));
	EXPECT_TRUE(held_is_wanted(&held));
	trigger_some(_metadata, self, DEPTH);
	expect_event(_metadata, self->queue, 1);
	expect_event(_metadata, self->queue, 2);
	expect_lost(_metadata, self->queue, DEPTH);
	EXPECT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(0, held_release(&held));
	EXPECT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(RECORD, reader.ret);
	EXPECT_EQ(0, record->header.sequence);
	EXPECT_EQ(VIRT_ID, record->event.virt_id);
	held_close(&held);
}

TEST_HARNESS_MAIN
