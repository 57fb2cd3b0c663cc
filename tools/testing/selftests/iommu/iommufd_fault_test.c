// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault queues: page requests of the mock device are read, answered, and end with what
 * they were made under. No end waits for a reader.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/held.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

#define RECORD		sizeof(struct iommu_hwpt_pgfault)
#define ANSWER		sizeof(struct iommu_hwpt_page_response)
#define PASID		7
#define ADDR		0x12345000ULL
#define ROOM		MOCK_EXT_NR_REQUESTS
#define NOWHERE		((void *)PAGE_BYTES)
#define SUCCESS		IOMMUFD_PAGE_RESP_SUCCESS
#define INVALID		IOMMUFD_PAGE_RESP_INVALID

/* A device on a page table with a queue, and another page table with another queue */
FIXTURE(fault)
{
	int fd;
	uint32_t ioas;
	struct mock_ids ids;
	uint32_t fault;
	int queue;
	uint32_t hwpt;
	uint32_t other_fault;
	int other_queue;
	uint32_t other_hwpt;
	uint32_t plain;
};

static int table_with_queue(int fd, uint32_t dev, uint32_t pt_id, uint32_t flags, uint32_t fault,
			    uint32_t *hwpt)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .dev_id = dev, .pt_id = pt_id,
		.flags = flags | IOMMU_HWPT_FAULT_ID_VALID, .fault_id = fault,
	};
	int err = iommufd_call(fd, IOMMU_HWPT_ALLOC, &arg);

	*hwpt = arg.out_hwpt_id;
	return err;
}

static int replace(FIXTURE_DATA(fault) *self, uint32_t pt_id)
{
	return mock_replace(self->fd, self->ids.stdev, &pt_id);
}

FIXTURE_SETUP(fault)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	if (!mock_present(self->fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, MOCK_FLAGS_DEVICE_PASID, &self->ids));
	self->queue = fault_queue_alloc(self->fd, &self->fault);
	ASSERT_LE(0, self->queue);
	self->other_queue = fault_queue_alloc(self->fd, &self->other_fault);
	ASSERT_LE(0, self->other_queue);
	ASSERT_EQ(0, table_with_queue(self->fd, self->ids.dev, self->ioas, IOMMU_HWPT_ALLOC_PASID,
				      self->fault, &self->hwpt));
	ASSERT_EQ(0, table_with_queue(self->fd, self->ids.dev, self->ioas, IOMMU_HWPT_ALLOC_PASID,
				      self->other_fault, &self->other_hwpt));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->ids.dev, self->ioas, &self->plain));
	ASSERT_EQ(0, replace(self, self->hwpt));
}

FIXTURE_TEARDOWN(fault)
{
	if (self->queue >= 0)
		EXPECT_EQ(0, close(self->queue));
	if (self->other_queue >= 0)
		EXPECT_EQ(0, close(self->other_queue));
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

/* Requests of the device */

static int request(FIXTURE_DATA(fault) *self, uint32_t pasid, uint32_t grpid)
{
	return mock_page_request(self->fd, self->ids.dev, pasid, grpid, ADDR + grpid);
}

static int partial(FIXTURE_DATA(fault) *self, uint32_t pasid, uint32_t grpid)
{
	return mock_partial_request(self->fd, self->ids.dev, pasid, grpid, ADDR + grpid);
}

static ssize_t result(ssize_t ret)
{
	return ret < 0 ? -errno : ret;
}

static ssize_t read_faults(int queue, void *buf, size_t nr)
{
	return result(read(queue, buf, nr * RECORD));
}

static ssize_t answer(int queue, uint32_t cookie, uint32_t code)
{
	struct iommu_hwpt_page_response response = { .cookie = cookie, .code = code };

	return result(write(queue, &response, sizeof(response)));
}

/* How many were answered with success and as invalid since the device was made */
static void expect_answers(struct __test_metadata *_metadata, FIXTURE_DATA(fault) *self,
			   unsigned int nr_success, unsigned int nr_invalid)
{
	struct iommu_test_ext got;

	ASSERT_EQ(0, mock_answers(self->fd, self->ids.stdev, &got));
	EXPECT_EQ(nr_success, got.answers.out_nr_success);
	EXPECT_EQ(nr_invalid, got.answers.out_nr_invalid);
	EXPECT_EQ(0, got.answers.out_nr_other);
}

static int events(int queue)
{
	struct pollfd pfd = { .fd = queue, .events = POLLIN | POLLOUT };

	return poll(&pfd, 1, 0) == 1 ? pfd.revents : 0;
}

/* The next group of a queue has one request, with this number */
static uint32_t expect_group(struct __test_metadata *_metadata, int queue, uint32_t grpid)
{
	struct iommu_hwpt_pgfault record = {};

	EXPECT_EQ(RECORD, read_faults(queue, &record, 1));
	EXPECT_EQ(grpid, record.grpid);
	return record.cookie;
}

/* covers: IOMMU_FAULT_QUEUE_ALLOC EOPNOTSUPP */
TEST_F(fault, sizes_and_flags_of_the_call)
{
	struct {
		struct iommu_fault_alloc arg;
		uint64_t tail;
	} longer = { .arg.size = sizeof(longer) };
	struct iommu_fault_alloc arg = { .size = sizeof(arg) - 1 };

	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_FAULT_QUEUE_ALLOC, &arg));
	arg.size = sizeof(arg);
	arg.flags = 1;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_FAULT_QUEUE_ALLOC, &arg));
	longer.tail = 1;
	EXPECT_EQ(-E2BIG, iommufd_call(self->fd, IOMMU_FAULT_QUEUE_ALLOC, &longer));
	longer.tail = 0;
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_FAULT_QUEUE_ALLOC, &longer));
	EXPECT_EQ(FD_CLOEXEC, fcntl(longer.arg.out_fault_fd, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(longer.arg.out_fault_fd, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, longer.arg.out_fault_id));
	EXPECT_EQ(0, close(longer.arg.out_fault_fd));
	EXPECT_EQ(0, object_destroy(self->fd, longer.arg.out_fault_id));
	EXPECT_EQ(-ENOENT, object_destroy(self->fd, longer.arg.out_fault_id));
}

/* covers: IOMMU_FAULT_QUEUE_ALLOC EMFILE */
TEST_F(fault, no_descriptor_is_left)
{
	struct rlimit limit, low;
	uint32_t id;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	low = limit;
	low.rlim_cur = dup(self->fd);
	ASSERT_EQ(0, close(low.rlim_cur));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	EXPECT_EQ(-EMFILE, fault_queue_alloc(self->fd, &id));
	EXPECT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
}

/* The descriptor exists by then; nothing of it may be left */
TEST_F(fault, answer_cannot_be_written)
{
	struct iommu_fault_alloc arg = { .size = sizeof(arg) };
	int next = dup(self->fd);

	ASSERT_EQ(0, close(next));
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_FAULT_QUEUE_ALLOC,
					read_only_copy(&arg, sizeof(arg))));
	EXPECT_EQ(next, dup(self->fd));
	ASSERT_EQ(0, close(next));
}

/* covers: IOMMU_HWPT_ALLOC ENOENT EOPNOTSUPP */
TEST_F(fault, page_tables_with_a_queue)
{
	uint32_t hwpt, parent;

	EXPECT_EQ(-ENOENT, table_with_queue(self->fd, self->ids.dev, self->ioas, 0, 0, &hwpt));
	EXPECT_EQ(-ENOENT, table_with_queue(self->fd, self->ids.dev, self->ioas, 0, self->ioas,
					    &hwpt));
	EXPECT_EQ(-EOPNOTSUPP, table_with_queue(self->fd, self->ids.dev, self->ioas,
						IOMMU_HWPT_ALLOC_NEST_PARENT, self->fault, &hwpt));
	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, self->ids.dev, self->ioas,
				     IOMMU_HWPT_ALLOC_NEST_PARENT, MOCK_IOMMUPT_DEFAULT, &parent));
	EXPECT_EQ(-ENOENT, mock_nested_alloc(self->fd, self->ids.dev, parent,
					     IOMMU_HWPT_FAULT_ID_VALID, NO_SUCH_ID, &hwpt));
	EXPECT_EQ(0, object_destroy(self->fd, parent));
	/* The page table is its user, as is the descriptor */
	EXPECT_EQ(0, close(self->other_queue));
	self->other_queue = -1;
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->other_fault));
	EXPECT_EQ(0, object_destroy(self->fd, self->other_hwpt));
	EXPECT_EQ(0, object_destroy(self->fd, self->other_fault));
	/* Without the flag the number is not looked at */
	EXPECT_EQ(0, hwpt_alloc(self->fd, self->ids.dev, self->ioas, &hwpt));
}

TEST_F(fault, record)
{
	struct iommu_hwpt_pgfault record, zero = {};

	ASSERT_EQ(0, mock_replace(self->fd, self->ids.stdev, &self->hwpt));
	memset(&record, 0xff, sizeof(record));
	ASSERT_EQ(0, request(self, 0, 9));
	EXPECT_EQ(1, object_stat(self->fd, self->fault, "waiting"));
	ASSERT_EQ(RECORD, read_faults(self->queue, &record, 1));
	EXPECT_EQ(0, object_stat(self->fd, self->fault, "waiting"));
	EXPECT_EQ(1, object_stat(self->fd, self->fault, "read"));
	EXPECT_EQ(IOMMU_PGFAULT_FLAGS_LAST_PAGE, record.flags);
	EXPECT_EQ(self->ids.dev, record.dev_id);
	EXPECT_EQ(9, record.grpid);
	EXPECT_EQ(IOMMU_PGFAULT_PERM_READ | IOMMU_PGFAULT_PERM_WRITE, record.perm);
	EXPECT_EQ(ADDR + 9, record.addr);
	EXPECT_NE(0, record.cookie);
	EXPECT_EQ(ANSWER, answer(self->queue, record.cookie, SUCCESS));
	EXPECT_EQ(0, object_stat(self->fd, self->fault, "read"));
	expect_answers(_metadata, self, 1, 0);
	record.flags = 0;
	record.dev_id = 0;
	record.grpid = 0;
	record.perm = 0;
	record.addr = 0;
	record.cookie = 0;
	EXPECT_EQ(0, memcmp(&record, &zero, sizeof(record)));
}

TEST_F(fault, record_with_pasid)
{
	struct iommu_hwpt_pgfault record;
	struct iommu_test_ext got;
	uint32_t pt_id = self->other_hwpt;

	/* Not attached: no queue gets it */
	ASSERT_EQ(0, request(self, PASID, 1));
	expect_answers(_metadata, self, 0, 1);
	ASSERT_EQ(0, mock_pasid_attach(self->fd, self->ids.stdev, PASID, &pt_id));
	ASSERT_EQ(0, request(self, PASID, 2));
	ASSERT_EQ(0, request(self, 0, 2));
	ASSERT_EQ(RECORD, read_faults(self->other_queue, &record, 1));
	EXPECT_EQ(IOMMU_PGFAULT_FLAGS_LAST_PAGE | IOMMU_PGFAULT_FLAGS_PASID_VALID, record.flags);
	EXPECT_EQ(PASID, record.pasid);
	EXPECT_EQ(ANSWER, answer(self->other_queue, record.cookie, INVALID));
	ASSERT_EQ(0, mock_answers(self->fd, self->ids.stdev, &got));
	EXPECT_EQ(PASID, got.answers.out_last_pasid);
	EXPECT_EQ(2, got.answers.out_last_grpid);
	ASSERT_EQ(RECORD, read_faults(self->queue, &record, 1));
	EXPECT_EQ(0, record.pasid);
	/* Of one queue only */
	EXPECT_EQ(-EINVAL, answer(self->other_queue, record.cookie, INVALID));
	EXPECT_EQ(ANSWER, answer(self->queue, record.cookie, SUCCESS));
	expect_answers(_metadata, self, 1, 2);
	/* A replace of the PASID ends its requests, and not those without */
	ASSERT_EQ(0, request(self, PASID, 3));
	ASSERT_EQ(0, request(self, 0, 4));
	pt_id = self->hwpt;
	ASSERT_EQ(0, mock_pasid_replace(self->fd, self->ids.stdev, PASID, &pt_id));
	EXPECT_EQ(0, read_faults(self->other_queue, &record, 1));
	expect_answers(_metadata, self, 1, 3);
	ASSERT_EQ(0, request(self, PASID, 5));
	ASSERT_EQ(0, mock_pasid_detach(self->fd, self->ids.stdev, PASID));
	expect_answers(_metadata, self, 1, 4);
	expect_group(_metadata, self->queue, 4);
}

TEST_F(fault, rules_of_read)
{
	struct iommu_hwpt_pgfault record[4];

	EXPECT_EQ(0, read_faults(self->queue, record, 4));
	EXPECT_EQ(0, result(read(self->queue, record, 0)));
	EXPECT_EQ(-ESPIPE, result(read(self->queue, record, RECORD - 1)));
	EXPECT_EQ(-ESPIPE, result(read(self->queue, record, RECORD + 8)));
	EXPECT_EQ(-ESPIPE, result(pread(self->queue, record, RECORD, 0)));
	EXPECT_EQ(-ESPIPE, result(lseek(self->queue, 0, SEEK_SET)));
	ASSERT_EQ(0, fcntl(self->queue, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(0, read_faults(self->queue, record, 4));
	EXPECT_EQ(POLLOUT, events(self->queue));
	ASSERT_EQ(0, request(self, 0, 1));
	EXPECT_EQ(POLLIN | POLLOUT, events(self->queue));
	EXPECT_EQ(0, result(read(self->queue, record, 0)));
	expect_group(_metadata, self->queue, 1);
	EXPECT_EQ(POLLOUT, events(self->queue));
}

/* A read returns whole groups, as many as there is room for */
TEST_F(fault, groups_of_several_requests)
{
	struct iommu_hwpt_pgfault record[8] = {};
	unsigned int i;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, partial(self, 0, 1));
	EXPECT_EQ(POLLOUT, events(self->queue));
	ASSERT_EQ(0, partial(self, 0, 2));
	ASSERT_EQ(0, request(self, 0, 2));
	ASSERT_EQ(0, request(self, 0, 1));
	/* Group 2 is complete first */
	EXPECT_EQ(-EINVAL, read_faults(self->queue, record, 1));
	EXPECT_EQ(2 * RECORD, read_faults(self->queue, record, 7));
	EXPECT_EQ(2, record[0].grpid);
	EXPECT_EQ(0, record[0].flags);
	EXPECT_EQ(IOMMU_PGFAULT_FLAGS_LAST_PAGE, record[1].flags);
	EXPECT_EQ(record[0].cookie, record[1].cookie);
	EXPECT_EQ(ANSWER, answer(self->queue, record[0].cookie, SUCCESS));
	expect_answers(_metadata, self, 1, 0);
	EXPECT_EQ(-EINVAL, read_faults(self->queue, record, 5));
	EXPECT_EQ(6 * RECORD, read_faults(self->queue, record, 8));
	for (i = 0; i < 6; i++) {
		EXPECT_EQ(1, record[i].grpid);
		EXPECT_EQ(record[0].cookie, record[i].cookie);
	}
	EXPECT_EQ(ANSWER, answer(self->queue, record[0].cookie, INVALID));
	expect_answers(_metadata, self, 1, 1);
	/* All that there are */
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, request(self, 0, i));
	EXPECT_EQ(8 * RECORD, read_faults(self->queue, record, 8));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i, record[i].grpid);
	EXPECT_NE(record[0].cookie, record[1].cookie);
}

/* What cannot be copied out is not lost, nor does it change places */
TEST_F(fault, bad_buffers_lose_nothing)
{
	uint8_t *mem = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iommu_hwpt_pgfault *edge;
	uint32_t first;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, mprotect(mem + PAGE_BYTES, PAGE_BYTES, PROT_READ));
	edge = (void *)(mem + PAGE_BYTES - RECORD);
	ASSERT_EQ(0, request(self, 0, 1));
	ASSERT_EQ(0, partial(self, 0, 2));
	ASSERT_EQ(0, request(self, 0, 2));
	ASSERT_EQ(0, request(self, 0, 3));
	EXPECT_EQ(-EFAULT, read_faults(self->queue, NOWHERE, 10));
	EXPECT_EQ(-EFAULT, read_faults(self->queue, mem + PAGE_BYTES, 10));
	EXPECT_EQ(POLLIN | POLLOUT, events(self->queue));
	/* The first group fits */
	EXPECT_EQ(RECORD, read_faults(self->queue, edge, 10));
	EXPECT_EQ(1, edge->grpid);
	first = edge->cookie;
	/* Half of the second one does */
	EXPECT_EQ(-EFAULT, read_faults(self->queue, edge, 10));
	EXPECT_EQ(-EINVAL, answer(self->queue, edge->cookie, SUCCESS));
	edge = (void *)(mem + PAGE_BYTES - 3 * RECORD);
	EXPECT_EQ(3 * RECORD, read_faults(self->queue, edge, 3));
	EXPECT_EQ(2, edge[0].grpid);
	EXPECT_EQ(2, edge[1].grpid);
	EXPECT_EQ(3, edge[2].grpid);
	EXPECT_EQ(ANSWER, answer(self->queue, first, SUCCESS));
	EXPECT_EQ(ANSWER, answer(self->queue, edge[0].cookie, SUCCESS));
	EXPECT_EQ(ANSWER, answer(self->queue, edge[2].cookie, SUCCESS));
	expect_answers(_metadata, self, 3, 0);
	munmap(mem, 2 * PAGE_BYTES);
}

TEST_F(fault, rules_of_write)
{
	struct iommu_hwpt_page_response two[3] = {};
	uint32_t first, second;

	EXPECT_EQ(0, result(write(self->queue, two, 0)));
	EXPECT_EQ(-ESPIPE, result(write(self->queue, two, ANSWER - 1)));
	EXPECT_EQ(-ESPIPE, result(write(self->queue, two, ANSWER + 4)));
	EXPECT_EQ(-EINVAL, answer(self->queue, 0, SUCCESS));
	EXPECT_EQ(-EINVAL, answer(self->queue, 1, SUCCESS));
	ASSERT_EQ(0, request(self, 0, 1));
	ASSERT_EQ(0, request(self, 0, 2));
	/* Not read yet */
	EXPECT_EQ(-EINVAL, answer(self->queue, 1, SUCCESS));
	first = expect_group(_metadata, self->queue, 1);
	second = expect_group(_metadata, self->queue, 2);
	/* The kernel's own third code is not for user space */
	EXPECT_EQ(-EINVAL, answer(self->queue, first, 2));
	EXPECT_EQ(-EINVAL, answer(self->queue, first, UINT32_MAX));
	EXPECT_EQ(-EFAULT, result(write(self->queue, NOWHERE, ANSWER)));
	expect_answers(_metadata, self, 0, 0);
	/* Out of order, and with one in the middle that fails */
	two[0].cookie = second;
	two[1].cookie = second;
	two[2].cookie = first;
	EXPECT_EQ(ANSWER, result(write(self->queue, two, sizeof(two))));
	expect_answers(_metadata, self, 1, 0);
	EXPECT_EQ(ANSWER, answer(self->queue, first, INVALID));
	EXPECT_EQ(-EINVAL, answer(self->queue, first, INVALID));
	expect_answers(_metadata, self, 1, 1);
	/* Half of what is written can be read */
	ASSERT_EQ(0, request(self, 0, 3));
	two[0].cookie = expect_group(_metadata, self->queue, 3);
	EXPECT_NE(first, two[0].cookie);
	EXPECT_EQ(ANSWER, result(write(self->queue, before_hole(two, ANSWER), 2 * ANSWER)));
	expect_answers(_metadata, self, 2, 1);
}

TEST_F(fault, replace_ends_requests)
{
	struct iommu_hwpt_pgfault record;
	uint32_t cookie;

	ASSERT_EQ(0, request(self, 0, 1));
	ASSERT_EQ(0, request(self, 0, 2));
	ASSERT_EQ(0, partial(self, 0, 3));
	cookie = expect_group(_metadata, self->queue, 1);
	ASSERT_EQ(0, replace(self, self->other_hwpt));
	expect_answers(_metadata, self, 0, 2);
	EXPECT_EQ(-EINVAL, answer(self->queue, cookie, SUCCESS));
	EXPECT_EQ(0, read_faults(self->queue, &record, 1));
	EXPECT_EQ(POLLOUT, events(self->queue));
	ASSERT_EQ(0, request(self, 0, 4));
	EXPECT_EQ(0, read_faults(self->queue, &record, 1));
	cookie = expect_group(_metadata, self->other_queue, 4);
	/* To where it is: nothing ends */
	ASSERT_EQ(0, replace(self, self->other_hwpt));
	EXPECT_EQ(ANSWER, answer(self->other_queue, cookie, SUCCESS));
	ASSERT_EQ(0, request(self, 0, 5));
	ASSERT_EQ(0, replace(self, self->plain));
	expect_answers(_metadata, self, 1, 3);
	ASSERT_EQ(0, request(self, 0, 6));
	expect_answers(_metadata, self, 1, 4);
}

/* A replace that fails is none: what was asked for is still to be answered */
TEST_F(fault, failing_replace_keeps_requests)
{
	uint32_t pt_id = self->hwpt, cookie;

	ASSERT_EQ(0, mock_pasid_attach(self->fd, self->ids.stdev, IOMMU_TEST_PASID_RESERVED,
				       &pt_id));
	ASSERT_EQ(0, request(self, IOMMU_TEST_PASID_RESERVED, 1));
	pt_id = self->other_hwpt;
	EXPECT_EQ(-ENOMEM, mock_pasid_replace(self->fd, self->ids.stdev,
					      IOMMU_TEST_PASID_RESERVED, &pt_id));
	ASSERT_EQ(0, request(self, IOMMU_TEST_PASID_RESERVED, 2));
	cookie = expect_group(_metadata, self->queue, 1);
	EXPECT_EQ(ANSWER, answer(self->queue, cookie, SUCCESS));
	cookie = expect_group(_metadata, self->queue, 2);
	EXPECT_EQ(ANSWER, answer(self->queue, cookie, SUCCESS));
	EXPECT_EQ(POLLOUT, events(self->other_queue));
	expect_answers(_metadata, self, 2, 0);
}

TEST_F(fault, close_answers_all_and_refuses_the_rest)
{
	ASSERT_EQ(0, request(self, 0, 1));
	ASSERT_EQ(0, request(self, 0, 2));
	expect_group(_metadata, self->queue, 1);
	ASSERT_EQ(0, close(self->queue));
	self->queue = -1;
	expect_answers(_metadata, self, 0, 2);
	ASSERT_EQ(0, request(self, 0, 3));
	expect_answers(_metadata, self, 0, 3);
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->fault));
	ASSERT_EQ(0, replace(self, self->other_hwpt));
	ASSERT_EQ(0, object_destroy(self->fd, self->hwpt));
	EXPECT_EQ(0, object_destroy(self->fd, self->fault));
}

/* The queue's file keeps the context, as it keeps the queue */
TEST_F(fault, context_is_closed_first)
{
	uint32_t cookie;

	ASSERT_EQ(0, request(self, 0, 1));
	ASSERT_EQ(0, request(self, 0, 2));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	cookie = expect_group(_metadata, self->queue, 1);
	EXPECT_EQ(ANSWER, answer(self->queue, cookie, SUCCESS));
	EXPECT_EQ(POLLIN | POLLOUT, events(self->queue));
}

TEST_F(fault, device_is_destroyed)
{
	struct iommu_hwpt_pgfault record;
	uint32_t cookie;

	ASSERT_EQ(0, request(self, 0, 1));
	ASSERT_EQ(0, request(self, 0, 2));
	cookie = expect_group(_metadata, self->queue, 1);
	ASSERT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(-EINVAL, answer(self->queue, cookie, SUCCESS));
	EXPECT_EQ(0, read_faults(self->queue, &record, 1));
	EXPECT_EQ(-ENOENT, mock_page_request(self->fd, self->ids.dev, 0, 1, ADDR));
}

/* The group stays attached, but its requests could be taken for those of another device */
TEST_F(fault, one_device_of_a_group_leaves)
{
	struct iommu_hwpt_pgfault record[4];
	struct mock_ids ids;

	ASSERT_EQ(0, mock_add_device_flags(self->fd, self->ids.stdev, self->hwpt,
					   MOCK_FLAGS_DEVICE_PASID, &ids));
	ASSERT_EQ(0, mock_page_request(self->fd, ids.dev, 0, 1, ADDR));
	ASSERT_EQ(0, request(self, 0, 2));
	ASSERT_EQ(0, mock_page_request(self->fd, ids.dev, 0, 3, ADDR));
	ASSERT_EQ(2 * RECORD, read_faults(self->queue, record, 2));
	EXPECT_EQ(ids.dev, record[0].dev_id);
	EXPECT_EQ(self->ids.dev, record[1].dev_id);
	ASSERT_EQ(0, object_destroy(self->fd, ids.stdev));
	EXPECT_EQ(0, read_faults(self->queue, record + 2, 2));
	EXPECT_EQ(-EINVAL, answer(self->queue, record[0].cookie, SUCCESS));
	EXPECT_EQ(ANSWER, answer(self->queue, record[1].cookie, SUCCESS));
	expect_answers(_metadata, self, 1, 0);
}

TEST_F(fault, nested_page_table)
{
	uint32_t parent, nested, cookie;

	ASSERT_EQ(0, mock_hwpt_alloc(self->fd, self->ids.dev, self->ioas,
				     IOMMU_HWPT_ALLOC_NEST_PARENT, MOCK_IOMMUPT_DEFAULT, &parent));
	ASSERT_EQ(0, mock_nested_alloc(self->fd, self->ids.dev, parent, IOMMU_HWPT_FAULT_ID_VALID,
				       self->other_fault, &nested));
	ASSERT_EQ(0, replace(self, nested));
	ASSERT_EQ(0, request(self, 0, 1));
	cookie = expect_group(_metadata, self->other_queue, 1);
	EXPECT_EQ(ANSWER, answer(self->other_queue, cookie, SUCCESS));
	ASSERT_EQ(0, request(self, 0, 2));
	ASSERT_EQ(0, replace(self, self->hwpt));
	EXPECT_EQ(0, object_destroy(self->fd, nested));
	EXPECT_EQ(0, object_destroy(self->fd, parent));
	expect_answers(_metadata, self, 1, 1);
}

/* No request is answered twice, or never, when a device makes more than it may */
TEST_F(fault, flood)
{
	struct iommu_hwpt_pgfault record[2 * ROOM];
	unsigned int i;

	for (i = 0; i < 2 * ROOM; i++)
		ASSERT_EQ(0, request(self, 0, i));
	expect_answers(_metadata, self, 0, ROOM);
	ASSERT_EQ(ROOM * RECORD, read_faults(self->queue, record, 2 * ROOM));
	for (i = 0; i < ROOM; i++) {
		EXPECT_EQ(i, record[i].grpid);
		EXPECT_EQ(ANSWER, answer(self->queue, record[i].cookie, SUCCESS));
	}
	expect_answers(_metadata, self, ROOM, ROOM);
	ASSERT_EQ(0, request(self, 0, 1));
	expect_group(_metadata, self->queue, 1);
}

TEST_F(fault, driver_without_page_requests)
{
	struct mock_ids ids;
	uint32_t pt_id;

	ASSERT_EQ(0, mock_make_device(self->fd, self->ioas, MOCK_EXT_DEVICE_LATE, &ids));
	ASSERT_EQ(0, table_with_queue(self->fd, ids.dev, self->ioas, 0, self->fault, &pt_id));
	EXPECT_EQ(-EOPNOTSUPP, mock_replace(self->fd, ids.stdev, &pt_id));
	EXPECT_EQ(0, object_destroy(self->fd, pt_id));
	EXPECT_EQ(-ENOENT, mock_page_request(self->fd, NO_SUCH_ID, 0, 1, ADDR));
	/* Answered by the driver */
	EXPECT_EQ(0, mock_page_request(self->fd, ids.dev, 0, 1, ADDR));
}

/* Readers that sleep on memory */

struct reader {
	int queue;
	void *buf;
	ssize_t ret;
};

static void *run_reader(void *arg)
{
	struct reader *reader = arg;

	reader->ret = read_faults(reader->queue, reader->buf, 1);
	return NULL;
}

static void start_held_reader(struct __test_metadata *_metadata, FIXTURE_DATA(fault) *self,
			      struct held_page *held, struct reader *reader, pthread_t *thread)
{
	int err = held_open(held, NULL, 0);

	if (err == -ENODEV)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, err);
	reader->queue = self->queue;
	reader->buf = held->mem;
	ASSERT_EQ(0, pthread_create(thread, NULL, run_reader, reader));
	ASSERT_TRUE(held_is_wanted(held));
}

static void end_held_reader(struct __test_metadata *_metadata, struct held_page *held,
			    pthread_t thread)
{
	ASSERT_EQ(0, held_release(held));
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

/* The device's next request, a replace, and the other queue do not wait for a reader */
TEST_F(fault, nothing_waits_for_a_reader)
{
	struct reader reader;
	struct held_page held;
	pthread_t thread;

	ASSERT_EQ(0, request(self, 0, 1));
	start_held_reader(_metadata, self, &held, &reader, &thread);
	ASSERT_EQ(0, request(self, 0, 2));
	EXPECT_EQ(POLLIN | POLLOUT, events(self->queue));
	expect_group(_metadata, self->queue, 2);
	ASSERT_EQ(0, replace(self, self->other_hwpt));
	expect_answers(_metadata, self, 0, 2);
	end_held_reader(_metadata, &held, thread);
	/* It was read, and has been answered */
	EXPECT_EQ(RECORD, reader.ret);
	EXPECT_EQ(-EINVAL, answer(self->queue, ((struct iommu_hwpt_pgfault *)held.mem)->cookie,
				  SUCCESS));
	held_close(&held);
}

/* An answer that guesses the number comes before the number is known */
TEST_F(fault, answered_while_it_is_read)
{
	struct reader reader;
	struct held_page held;
	pthread_t thread;
	uint32_t cookie;

	ASSERT_EQ(0, request(self, 0, 1));
	cookie = expect_group(_metadata, self->queue, 1);
	ASSERT_EQ(0, request(self, 0, 2));
	start_held_reader(_metadata, self, &held, &reader, &thread);
	EXPECT_EQ(ANSWER, answer(self->queue, cookie + 1, SUCCESS));
	end_held_reader(_metadata, &held, thread);
	EXPECT_EQ(RECORD, reader.ret);
	EXPECT_EQ(-EINVAL, answer(self->queue, cookie + 1, SUCCESS));
	expect_answers(_metadata, self, 1, 0);
	held_close(&held);
}

/* The buffer goes away while the reader waits for it */
TEST_F(fault, reader_fails_late)
{
	struct reader reader;
	struct held_page held;
	pthread_t thread;

	ASSERT_EQ(0, request(self, 0, 1));
	ASSERT_EQ(0, request(self, 0, 2));
	start_held_reader(_metadata, self, &held, &reader, &thread);
	ASSERT_EQ(0, request(self, 0, 3));
	ASSERT_EQ(0, mprotect(held.mem, PAGE_BYTES, PROT_READ));
	end_held_reader(_metadata, &held, thread);
	EXPECT_EQ(-EFAULT, reader.ret);
	expect_group(_metadata, self->queue, 1);
	expect_group(_metadata, self->queue, 2);
	expect_group(_metadata, self->queue, 3);
	held_close(&held);
}

/* The same, and the request has ended meanwhile: it does not come back */
TEST_F(fault, reader_fails_after_the_end)
{
	struct iommu_hwpt_pgfault record;
	struct reader reader;
	struct held_page held;
	pthread_t thread;

	ASSERT_EQ(0, request(self, 0, 1));
	start_held_reader(_metadata, self, &held, &reader, &thread);
	ASSERT_EQ(0, replace(self, self->other_hwpt));
	expect_answers(_metadata, self, 0, 1);
	ASSERT_EQ(0, mprotect(held.mem, PAGE_BYTES, PROT_READ));
	end_held_reader(_metadata, &held, thread);
	EXPECT_EQ(-EFAULT, reader.ret);
	EXPECT_EQ(0, read_faults(self->queue, &record, 1));
	expect_answers(_metadata, self, 0, 1);
	held_close(&held);
}

struct teller {
	struct held_page held;
	int pipe;
};

static void *tell_when_it_sleeps(void *data)
{
	struct teller *teller = data;

	if (held_is_wanted(&teller->held) && write(teller->pipe, "y", 1) != 1)
		_exit(1);
	return NULL;
}

static void read_until_killed(FIXTURE_DATA(fault) *self, int pipe)
{
	struct teller teller = { .pipe = pipe };
	pthread_t thread;

	if (held_open(&teller.held, NULL, 0) ||
	    pthread_create(&thread, NULL, tell_when_it_sleeps, &teller)) {
		if (write(pipe, "n", 1) != 1)
			_exit(1);
		_exit(0);
	}
	read_faults(self->queue, teller.held.mem, 1);
	_exit(0);
}

/* Everything closes with the process, in whatever order */
TEST_F(fault, reader_is_killed)
{
	int pipes[2], status;
	pid_t child;
	char byte;

	ASSERT_EQ(0, request(self, 0, 1));
	ASSERT_EQ(0, pipe(pipes));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		read_until_killed(self, pipes[1]);
	ASSERT_EQ(0, close(pipes[1]));
	ASSERT_EQ(1, read(pipes[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	if (byte == 'n')
		SKIP(return, "no userfaultfd");
	EXPECT_TRUE(WIFSIGNALED(status));
	expect_group(_metadata, self->queue, 1);
	close(pipes[0]);
}

/* The child of a fork keeps the queue open */
TEST_F(fault, open_in_a_child)
{
	int pipes[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(pipes));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(pipes[1]);
		/* Until the parent closes its end */
		_exit(read(pipes[0], &byte, 1) ? 1 : 0);
	}
	close(pipes[0]);
	ASSERT_EQ(0, close(self->queue));
	self->queue = -1;
	ASSERT_EQ(0, request(self, 0, 1));
	expect_answers(_metadata, self, 0, 0);
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->fault));
	close(pipes[1]);
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	expect_answers(_metadata, self, 0, 1);
}

/* So does a descriptor on its way to another process */
TEST_F(fault, passed_to_another_process)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *head;
	int pair[2], got;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		SKIP(return, "no sockets");
	head = CMSG_FIRSTHDR(&msg);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &self->queue, sizeof(int));
	ASSERT_EQ(1, sendmsg(pair[0], &msg, 0));
	ASSERT_EQ(0, close(self->queue));
	ASSERT_EQ(0, request(self, 0, 1));
	expect_answers(_metadata, self, 0, 0);
	msg.msg_controllen = sizeof(control);
	ASSERT_EQ(1, recvmsg(pair[1], &msg, 0));
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	self->queue = got;
	EXPECT_EQ(ANSWER, answer(got, expect_group(_metadata, got, 1), SUCCESS));
	expect_answers(_metadata, self, 1, 0);
	close(pair[0]);
	close(pair[1]);
}

TEST_HARNESS_MAIN
