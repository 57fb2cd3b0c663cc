// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_IOAS_MAP_FILE and IOMMU_IOAS_CHANGE_PROCESS: the order of the errnos,
 * memfds of each size of pages, what is pinned and who pays for it, files that keep
 * the context, and dma-bufs of the mock, which are revoked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/process.h"
#include "lib/vfio_dev.h"

#define BASE		0x10000000ULL
#define NR_PAGES	64
#define BYTES		(NR_PAGES * PAGE_BYTES)
#define KIB		((long)(BYTES / 1024))
#define HUGE_BYTES	(2ULL << 20)
#define UNKNOWN_FLAG	(1u << 31)
#define SHMEM_HUGE	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"
#define NR_HUGE		"/proc/sys/vm/nr_hugepages"

/* What the calls say, without a device */

FIXTURE(call)
{
	int fd;
	int file;
	uint32_t ioas;
};

FIXTURE_SETUP(call)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	self->file = memfd_alloc(BYTES, 0);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
}

FIXTURE_TEARDOWN(call)
{
	close(self->file);
	EXPECT_EQ(0, close(self->fd));
}

/* Each step repairs what the step before was refused for. */
/* covers: IOMMU_IOAS_MAP_FILE EOPNOTSUPP EOVERFLOW EINVAL ENOENT EBADF */
TEST_F(call, map_file_order)
{
	struct iommu_ioas_map_file cmd = {
		.size = sizeof(cmd), .flags = UNKNOWN_FLAG, .ioas_id = NO_SUCH_ID,
		.fd = -1, .start = ALL_ONES, .length = ALL_ONES, .iova = 1,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &cmd));
	cmd.flags = IOMMU_IOAS_MAP_FIXED_IOVA;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &cmd));
	cmd.length = 0;
	cmd.iova = ALL_ONES;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &cmd));
	cmd.iova = ALL_ONES - 7;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &cmd));
	cmd.flags = MAP_FIXED_RW;
	EXPECT_EQ(-ENOENT, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &cmd));
	cmd.ioas_id = self->ioas;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &cmd));
	cmd.length = PAGE_BYTES;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &cmd));
	cmd.start = 0;
	EXPECT_EQ(-EBADF, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &cmd));
	cmd.fd = self->file;
	EXPECT_EQ(-EOVERFLOW, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &cmd));
	cmd.iova = BASE;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &cmd));
	EXPECT_EQ(-EEXIST, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &cmd));
}

/* covers: IOMMU_IOAS_CHANGE_PROCESS EOPNOTSUPP */
TEST_F(call, sizes)
{
	struct {
		struct iommu_ioas_map_file cmd;
		uint64_t more;
	} arg = { .cmd = {
		.size = sizeof(arg), .flags = MAP_RW, .ioas_id = self->ioas,
		.fd = self->file, .length = PAGE_BYTES,
	} };
	struct {
		struct iommu_ioas_change_process cmd;
		uint64_t more;
	} change = { .cmd.size = sizeof(change) };

	arg.more = 1;
	EXPECT_EQ(-E2BIG, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &arg));
	arg.more = 0;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &arg));
	EXPECT_NE(0, arg.cmd.iova);
	arg.cmd.size = sizeof(arg.cmd) - 1;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE, &arg));

	change.more = 1;
	EXPECT_EQ(-E2BIG, iommufd_call(self->fd, IOMMU_IOAS_CHANGE_PROCESS, &change));
	change.more = 0;
	EXPECT_EQ(0, iommufd_call(self->fd, IOMMU_IOAS_CHANGE_PROCESS, &change));
	change.cmd.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->fd, IOMMU_IOAS_CHANGE_PROCESS, &change));
	change.cmd.size = 4;
	EXPECT_EQ(-EINVAL, iommufd_call(self->fd, IOMMU_IOAS_CHANGE_PROCESS, &change));
}

/* An answer that cannot be written back leaves no mapping. */
TEST_F(call, unwritable_answer)
{
	const struct iommu_ioas_map_file cmd = {
		.size = sizeof(cmd), .flags = MAP_RW, .ioas_id = self->ioas,
		.fd = self->file, .length = PAGE_BYTES,
	};
	uint64_t bytes = 1;

	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_IOAS_MAP_FILE,
					read_only_copy(&cmd, sizeof(cmd))));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, &bytes));
	EXPECT_EQ(0, bytes);
}

/* What the file is shows only when it is pinned. */
TEST_F(call, any_file_without_domain)
{
	int null = open("/dev/null", O_RDWR);
	uint64_t bytes = 0;

	ASSERT_LE(0, null);
	EXPECT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, null, 0, PAGE_BYTES, BASE));
	EXPECT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, self->file, 16 * BYTES, PAGE_BYTES,
					 BASE + PAGE_BYTES));
	close(null);
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, &bytes));
	EXPECT_EQ(2 * PAGE_BYTES, bytes);
}

/* Where a mapping goes follows from the place in the file. */
TEST_F(call, placement)
{
	uint64_t iova = 0;

	EXPECT_EQ(0, ioas_map_file(self->fd, self->ioas, self->file, 0x123, 0x10, &iova, MAP_RW));
	EXPECT_EQ(0x123, iova % PAGE_BYTES);
	iova = 0;
	EXPECT_EQ(0, ioas_map_file(self->fd, self->ioas, self->file, 4 * PAGE_BYTES,
				   4 * PAGE_BYTES, &iova, MAP_RW));
	EXPECT_EQ(0, iova % (4 * PAGE_BYTES));
}

/* What is pinned, with a device: a VFIO one, or the mock's */

FIXTURE(file)
{
	int fd;
	struct vfio_dev dev;
	uint32_t dev_id;
	uint32_t ioas;
	uint32_t hwpt;
	int file;
	int per_process;
	long pin_kib;	/* pinned before the test */
};

FIXTURE_VARIANT(file)
{
	int mock;
	int per_process;
};

FIXTURE_VARIANT_ADD(file, vfio_per_user)
{
	.mock = 0,
	.per_process = 0,
};

FIXTURE_VARIANT_ADD(file, vfio_per_process)
{
	.mock = 0,
	.per_process = 1,
};

FIXTURE_VARIANT_ADD(file, mock_per_user)
{
	.mock = 1,
	.per_process = 0,
};

FIXTURE_VARIANT_ADD(file, mock_per_process)
{
	.mock = 1,
	.per_process = 1,
};

FIXTURE_SETUP(file)
{
	int err;

	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, option_set(self->fd, IOMMU_OPTION_RLIMIT_MODE, 0, variant->per_process));
	self->per_process = variant->per_process;
	self->dev.fd = -1;
	self->file = -1;
	if (variant->mock) {
		if (!mock_present(self->fd))
			SKIP(return, "no mock: the kernel lacks CONFIG_IOMMUFD_TEST");
	} else {
		err = vfio_dev_open(&self->dev);
		if (err == -ENODEV || err == -ENOENT)
			SKIP(return, "no device with a VFIO node: edu, or IOMMUFD_TEST_BDF");
		ASSERT_EQ(0, err);
		ASSERT_EQ(0, vfio_dev_bind(&self->dev, self->fd));
	}
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	self->file = memfd_alloc(BYTES, 0);
	ASSERT_LE(0, self->file);
	self->pin_kib = status_kib("VmPin");
	ASSERT_LE(0, self->pin_kib);
}

FIXTURE_TEARDOWN(file)
{
	if (self->dev.fd >= 0)
		vfio_dev_close(&self->dev);
	if (self->file >= 0)
		close(self->file);
	EXPECT_EQ(0, close(self->fd));
}

static int attach(FIXTURE_DATA(file) *self)
{
	struct mock_ids ids;
	int err;

	self->dev_id = self->dev.dev_id;
	if (self->dev.fd >= 0)
		return vfio_dev_attach(&self->dev, self->ioas, &self->hwpt);
	err = mock_domain(self->fd, self->ioas, 0, &ids);
	self->hwpt = ids.hwpt;
	self->dev_id = ids.dev;
	return err;
}

static long pinned_kib(FIXTURE_DATA(file) *self)
{
	return status_kib("VmPin") - self->pin_kib;
}

TEST_F(file, pins_and_counts_like_memory)
{
	uint64_t iova = 2 * BASE;

	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	EXPECT_EQ(0, pinned_kib(self));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(KIB, pinned_kib(self));
	EXPECT_EQ(BYTES, object_stat(self->fd, self->ioas, "pinned-bytes"));
	/* A copy shares the pins, a second map of the file has its own. */
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, &iova, self->ioas, BASE, BYTES,
			       MAP_FIXED_RW));
	EXPECT_EQ(KIB, pinned_kib(self));
	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, self->file, 0, BYTES, 3 * BASE));
	EXPECT_EQ(2 * KIB, pinned_kib(self));
	/* The mapping keeps the file. */
	ASSERT_EQ(0, close(self->file));
	self->file = -1;
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, BASE, BYTES, NULL));
	EXPECT_EQ(2 * KIB, pinned_kib(self));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, pinned_kib(self));
}

TEST_F(file, too_short)
{
	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, self->file, 0, BYTES + PAGE_BYTES,
					 BASE));
	EXPECT_EQ(-EINVAL, attach(self));
	EXPECT_EQ(0, pinned_kib(self));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(-EINVAL, ioas_map_file_fixed(self->fd, self->ioas, self->file, 0,
					       BYTES + PAGE_BYTES, BASE));
	EXPECT_EQ(0, pinned_kib(self));
	EXPECT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, self->file, PAGE_BYTES,
					 BYTES - PAGE_BYTES, BASE));
	EXPECT_EQ(KIB - 4, pinned_kib(self));
}

TEST_F(file, not_a_memfd)
{
	int null = open("/dev/null", O_RDWR);

	ASSERT_LE(0, null);
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(-EINVAL, ioas_map_file_fixed(self->fd, self->ioas, null, 0, PAGE_BYTES, BASE));
	EXPECT_EQ(-EINVAL, ioas_map_file_fixed(self->fd, self->ioas, self->fd, 0, PAGE_BYTES,
					       BASE));
	close(null);
}

/* Files that keep the context which they are mapped in */

/* Send a file to the other end of a pair, where it stays in the queue. */
static int send_file(int end, int file)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { };
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = control.room, .msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &file, sizeof(int));
	return sendmsg(end, &msg, 0) == 1 ? 0 : -errno;
}

/* Map a file where nothing is pinned. */
static int map_elsewhere(FIXTURE_DATA(file) *self, int file)
{
	uint32_t ioas;
	int err = ioas_alloc(self->fd, &ioas);

	return err ? err : ioas_map_file_fixed(self->fd, ioas, file, 0, PAGE_BYTES, BASE);
}

/* Close all that leads to the context, and open another for what follows. */
static int start_again(FIXTURE_DATA(file) *self)
{
	vfio_dev_close(&self->dev);
	if (close(self->fd))
		return -errno;
	self->fd = iommufd_open();
	return self->fd < 0 ? self->fd : 0;
}

/* Pins that only the end of the context undoes */
static int pin_for_good(FIXTURE_DATA(file) *self)
{
	uint32_t hwpt;
	int err = attach(self);

	if (!err)
		err = ioas_map_file_fixed(self->fd, self->ioas, self->file, 0, BYTES, BASE);
	if (!err)
		err = hwpt_alloc(self->fd, self->dev_id, self->ioas, &hwpt);
	return err ? err : pinned_kib(self) != KIB;
}

TEST_F(file, context_that_maps_itself)
{
	ASSERT_EQ(0, pin_for_good(self));
	ASSERT_EQ(0, map_elsewhere(self, self->fd));
	ASSERT_EQ(0, start_again(self));
	EXPECT_EQ(0, pinned_kib(self));
}

TEST_F(file, context_that_maps_a_socket_which_carries_it)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		SKIP(return, "no sockets: the kernel lacks CONFIG_UNIX");
	ASSERT_EQ(0, pin_for_good(self));
	ASSERT_EQ(0, send_file(ends[0], self->fd));
	ASSERT_EQ(0, map_elsewhere(self, ends[1]));
	close(ends[0]);
	close(ends[1]);
	ASSERT_EQ(0, start_again(self));
	EXPECT_EQ(0, pinned_kib(self));
}

/* It can be bound again only when the file that bound it is gone. */
TEST_F(file, context_that_maps_a_device_bound_to_it)
{
	if (self->dev.fd < 0)
		SKIP(return, "for devices of VFIO");
	ASSERT_EQ(0, pin_for_good(self));
	ASSERT_EQ(0, map_elsewhere(self, self->dev.fd));
	ASSERT_EQ(0, start_again(self));
	EXPECT_EQ(0, pinned_kib(self));
	ASSERT_EQ(0, vfio_dev_open(&self->dev));
	EXPECT_EQ(0, vfio_dev_bind(&self->dev, self->fd));
}

TEST_F(file, context_that_maps_its_own_access)
{
	int access;

	if (self->dev.fd >= 0)
		SKIP(return, "for the mock");
	ASSERT_EQ(0, pin_for_good(self));
	access = mock_access(self->fd, self->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	ASSERT_LE(0, access);
	ASSERT_EQ(0, map_elsewhere(self, access));
	close(access);
	ASSERT_EQ(0, start_again(self));
	EXPECT_EQ(0, pinned_kib(self));
}

TEST_F(file, sealed)
{
	uint64_t iova = BASE;

	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	EXPECT_EQ(-1, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EBUSY, errno);
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(-EINVAL, ioas_map_file_fixed(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	EXPECT_EQ(0, ioas_map_file(self->fd, self->ioas, self->file, 0, BYTES, &iova,
				   IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA));
}

/* Map a whole file by one call and by its pages in a process. */
static int contents(FIXTURE_DATA(file) *self, int file, uint64_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	int err;

	if (mem == MAP_FAILED)
		return -errno;
	err = ioas_map_file_fixed(self->fd, self->ioas, file, 0, bytes, 2 * BASE);
	if (!err && self->dev.fd < 0)
		err = mock_check_map(self->fd, self->hwpt, 2 * BASE, bytes, mem);
	if (!err && pinned_kib(self) != (long)(bytes / 1024))
		err = -ERANGE;
	munmap(mem, bytes);
	return err;
}

TEST_F(file, small_pages)
{
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(0, contents(self, self->file, BYTES));
}

TEST_F(file, transparent_huge_pages)
{
	int file;

	if (file_write(SHMEM_HUGE, "force"))
		SKIP(return, "no huge pages in shared memory");
	file = memfd_alloc(3 * HUGE_BYTES, 0);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(0, contents(self, file, 3 * HUGE_BYTES));
	file_write(SHMEM_HUGE, "never");
	close(file);
}

TEST_F(file, hugetlb)
{
	int file;

	file_write(NR_HUGE, "8");
	file = memfd_alloc(2 * HUGE_BYTES, MFD_HUGETLB);
	if (file < 0)
		SKIP(return, "no memfd of huge pages");
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(0, contents(self, file, 2 * HUGE_BYTES));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(-EINVAL, ioas_map_file_fixed(self->fd, self->ioas, file, HUGE_BYTES,
					       HUGE_BYTES + PAGE_BYTES, BASE));
	EXPECT_EQ(0, pinned_kib(self));
	close(file);
	EXPECT_EQ(0, file_write(NR_HUGE, "0"));
}

/* A page of the file system may reach beyond the end of the file; that is no memory. */
TEST_F(file, end_inside_a_huge_page)
{
	int file;

	file_write(NR_HUGE, "8");
	file = memfd_alloc(0, MFD_HUGETLB);
	if (file < 0 || fallocate(file, 0, 0, 3 * PAGE_BYTES))
		SKIP(return, "no memfd of huge pages");
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(-EINVAL, ioas_map_file_fixed(self->fd, self->ioas, file, 0, HUGE_BYTES,
					       2 * BASE));
	EXPECT_EQ(-EINVAL, ioas_map_file_fixed(self->fd, self->ioas, file, 0,
					       4 * PAGE_BYTES, 2 * BASE));
	EXPECT_EQ(0, pinned_kib(self));
	EXPECT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, file, 0, 3 * PAGE_BYTES,
					 2 * BASE));
	EXPECT_EQ(12, pinned_kib(self));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	close(file);
	EXPECT_EQ(0, file_write(NR_HUGE, "0"));
}

/* Who pays */

/* Take over all that the tests map; returns the number of the step that failed. */
static int take_over(void *arg)
{
	FIXTURE_DATA(file) *self = arg;
	const long before = status_kib("VmPin");

	if (change_process(self->fd))
		return 1;
	if (status_kib("VmPin") - before != KIB)
		return 2;
	/* Once more is nothing new. */
	if (change_process(self->fd))
		return 3;
	return status_kib("VmPin") - before == KIB ? 0 : 4;
}

TEST_F(file, change_process)
{
	uint64_t iova = BASE;
	uint32_t other;

	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	/* The same store in another space, and pages that nobody pins. */
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_copy(self->fd, other, &iova, self->ioas, BASE, BYTES, MAP_FIXED_RW));
	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, other, self->file, 0, BYTES, 2 * BASE));
	EXPECT_EQ(KIB, pinned_kib(self));

	EXPECT_EQ(0, in_child(take_over, self));
	/* The heir is dead and still pays; back to us. */
	EXPECT_EQ(0, pinned_kib(self));
	EXPECT_EQ(0, change_process(self->fd));
	EXPECT_EQ(KIB, pinned_kib(self));
	EXPECT_EQ(0, in_child(take_over, self));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, pinned_kib(self));
}

/* covers: IOMMU_IOAS_CHANGE_PROCESS ENOMEM */
static int too_poor(void *arg)
{
	FIXTURE_DATA(file) *self = arg;
	const struct rlimit poor = { BYTES - PAGE_BYTES, BYTES };
	const struct rlimit rich = { BYTES, BYTES };
	const long locked = self->per_process ? KIB : 0;

	if (setrlimit(RLIMIT_MEMLOCK, &poor) || drop_privileges())
		return 1;
	if (change_process(self->fd) != -ENOMEM)
		return 2;
	if (status_kib("VmPin") || status_kib("VmLck"))
		return 3;
	if (setrlimit(RLIMIT_MEMLOCK, &rich))
		return 4;
	if (change_process(self->fd))
		return 5;
	if (status_kib("VmPin") != KIB || status_kib("VmLck") != locked)
		return 6;
	/* Nothing is left for more. */
	if (ioas_map_file_fixed(self->fd, self->ioas, self->file, 0, PAGE_BYTES,
				2 * BASE) != -ENOMEM)
		return 7;
	/* One of the same user takes over without paying twice. */
	if (in_child(take_over, self))
		return 8;
	return status_kib("VmPin") || status_kib("VmLck") ? 9 : 0;
}

TEST_F(file, change_to_a_process_with_limits)
{
	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	EXPECT_EQ(0, in_child(too_poor, self));
	EXPECT_EQ(0, pinned_kib(self));
}

/* covers: IOMMU_IOAS_CHANGE_PROCESS EINVAL */
static int cannot_take_over(void *arg)
{
	FIXTURE_DATA(file) *self = arg;
	const long before = status_kib("VmPin");

	if (change_process(self->fd) != -EINVAL)
		return 1;
	return status_kib("VmPin") == before ? 0 : 2;
}

/* Memory of a process in any space stops the whole call. */
TEST_F(file, change_process_with_other_memory)
{
	uint8_t *mem = memory_alloc(PAGE_BYTES);
	uint32_t other;

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, other, mem, PAGE_BYTES, BASE));
	EXPECT_EQ(0, in_child(cannot_take_over, self));
	EXPECT_EQ(KIB, pinned_kib(self));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, other, NULL));
	EXPECT_EQ(0, in_child(take_over, self));
	EXPECT_EQ(0, pinned_kib(self));
}

/* dma-bufs of the mock */

FIXTURE(dmabuf)
{
	int fd;
	int buf;
	uint32_t ioas;
	struct mock_ids ids;
	void *mem;
};

FIXTURE_SETUP(dmabuf)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	self->buf = -1;
	self->mem = MAP_FAILED;
	if (!mock_present(self->fd))
		SKIP(return, "no mock: the kernel lacks CONFIG_IOMMUFD_TEST");
	self->buf = mock_dmabuf(self->fd, BYTES);
	ASSERT_LE(0, self->buf);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &self->ids));
	self->mem = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, self->buf, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(dmabuf)
{
	if (self->mem != MAP_FAILED)
		munmap(self->mem, BYTES);
	if (self->buf >= 0)
		close(self->buf);
	EXPECT_EQ(0, close(self->fd));
}

static int map_buf(FIXTURE_DATA(dmabuf) *self, uint64_t iova)
{
	return ioas_map_file_fixed(self->fd, self->ioas, self->buf, 0, BYTES, iova);
}

static int is_there(FIXTURE_DATA(dmabuf) *self, uint32_t hwpt, uint64_t iova)
{
	return !mock_check_map(self->fd, hwpt, iova, BYTES, self->mem);
}

TEST_F(dmabuf, map)
{
	const long pin_kib = status_kib("VmPin");
	uint64_t iova = 2 * BASE;

	EXPECT_EQ(-EINVAL, ioas_map_file_fixed(self->fd, self->ioas, self->buf, PAGE_BYTES, BYTES,
					       BASE));
	EXPECT_EQ(0, map_buf(self, BASE));
	EXPECT_EQ(0, ioas_copy(self->fd, self->ioas, &iova, self->ioas, BASE, BYTES,
			       MAP_FIXED_RW));
	EXPECT_EQ(1, is_there(self, self->ids.hwpt, BASE));
	EXPECT_EQ(1, is_there(self, self->ids.hwpt, 2 * BASE));
	EXPECT_EQ(pin_kib, status_kib("VmPin"));
	EXPECT_EQ(-EINVAL, change_process(self->fd));
	/* The mapping keeps it, whichever goes first. */
	EXPECT_EQ(0, close(self->buf));
	self->buf = -1;
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, BASE, BYTES, NULL));
}

/* covers: IOMMU_IOAS_MAP_FILE ENODEV */
TEST_F(dmabuf, revoke)
{
	struct mock_ids ids;
	uint32_t other;
	uint64_t iova = BASE;

	ASSERT_EQ(0, map_buf(self, BASE));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_copy(self->fd, other, &iova, self->ioas, BASE, BYTES, MAP_FIXED_RW));
	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &ids));
	EXPECT_EQ(1, is_there(self, self->ids.hwpt, BASE));
	EXPECT_EQ(1, is_there(self, ids.hwpt, BASE));

	/* To tell that it is there is no news. */
	EXPECT_EQ(0, mock_dmabuf_revoke(self->fd, self->buf, 0));
	EXPECT_EQ(1, is_there(self, ids.hwpt, BASE));

	EXPECT_EQ(0, mock_dmabuf_revoke(self->fd, self->buf, 1));
	EXPECT_EQ(0, is_there(self, self->ids.hwpt, BASE));
	EXPECT_EQ(0, is_there(self, ids.hwpt, BASE));
	EXPECT_EQ(-ENODEV, map_buf(self, 2 * BASE));
	iova = 3 * BASE;
	EXPECT_EQ(0, ioas_copy(self->fd, other, &iova, self->ioas, BASE, BYTES, MAP_FIXED_RW));
	EXPECT_EQ(0, is_there(self, ids.hwpt, 3 * BASE));

	EXPECT_EQ(0, mock_dmabuf_revoke(self->fd, self->buf, 0));
	EXPECT_EQ(0, is_there(self, self->ids.hwpt, BASE));
	EXPECT_EQ(0, map_buf(self, 2 * BASE));
	EXPECT_EQ(1, is_there(self, self->ids.hwpt, 2 * BASE));
	/* A domain that comes now has the new mapping only. */
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &ids));
	EXPECT_EQ(0, is_there(self, ids.hwpt, BASE));
	EXPECT_EQ(1, is_there(self, ids.hwpt, 2 * BASE));

	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, BASE, BYTES, NULL));
	EXPECT_EQ(0, map_buf(self, BASE));
	EXPECT_EQ(1, is_there(self, ids.hwpt, BASE));
}

TEST_F(dmabuf, revoked_before_the_domain)
{
	struct mock_ids ids;
	uint32_t other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map_file_fixed(self->fd, other, self->buf, 0, BYTES, BASE));
	EXPECT_EQ(0, mock_dmabuf_revoke(self->fd, self->buf, 1));
	EXPECT_EQ(0, mock_dmabuf_revoke(self->fd, self->buf, 0));
	ASSERT_EQ(0, mock_domain(self->fd, other, 0, &ids));
	EXPECT_EQ(0, is_there(self, ids.hwpt, BASE));
}

TEST_F(dmabuf, no_pages_for_the_kernel)
{
	uint32_t item;
	uint8_t byte;
	int access;

	access = mock_access(self->fd, self->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	ASSERT_LE(0, access);
	ASSERT_EQ(0, map_buf(self, BASE));
	EXPECT_EQ(-EINVAL, mock_access_pin(self->fd, access, BASE, PAGE_BYTES, NULL, 0, &item));
	EXPECT_EQ(-EINVAL, mock_access_rw(self->fd, access, BASE, &byte, 1, 0));
	EXPECT_EQ(0, close(access));
}

TEST_HARNESS_MAIN
