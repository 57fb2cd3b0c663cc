// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_IOAS_MAP_FILE and IOMMU_IOAS_CHANGE_PROCESS: the order of the errnos,
 * memfds of each size of pages, what is pinned and who pays for it, and dma-bufs
 * of the mock, which are revoked.
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
#include <sys/wait.h>
#include <unistd.h>

#include "../../../../drivers/iommu/iommufd/iommufd_test.h"
#include "../kselftest_harness.h"
#include "iommufd_util.h"

#define BASE		0x10000000ULL
#define NR_PAGES	64
#define BYTES		(NR_PAGES * PAGE_BYTES)
#define KIB		((long)(BYTES / 1024))
#define HUGE_BYTES	(2ULL << 20)
#define UNKNOWN_FLAG	(1u << 31)
#define SHMEM_HUGE	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"
#define NR_HUGE		"/proc/sys/vm/nr_hugepages"

static int map_file(int fd, uint32_t ioas, int file, uint64_t start, uint64_t bytes,
		    uint64_t *iova, uint32_t flags)
{
	struct iommu_ioas_map_file cmd = {
		.size = sizeof(cmd), .flags = flags, .ioas_id = ioas, .fd = file,
		.start = start, .length = bytes, .iova = *iova,
	};
	int err = iommufd_call(fd, IOMMU_IOAS_MAP_FILE, &cmd);

	if (!err)
		*iova = cmd.iova;
	return err;
}

static int map_file_at(int fd, uint32_t ioas, int file, uint64_t start, uint64_t bytes,
		       uint64_t iova)
{
	return map_file(fd, ioas, file, start, bytes, &iova, MAP_FIXED_RW);
}

static int change_process(int fd)
{
	struct iommu_ioas_change_process cmd = { .size = sizeof(cmd) };

	return iommufd_call(fd, IOMMU_IOAS_CHANGE_PROCESS, &cmd);
}

static int new_memfd(uint64_t bytes, unsigned int flags)
{
	int file = memfd_create("test", flags | MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (file >= 0 && ftruncate(file, bytes)) {
		close(file);
		return -1;
	}
	return file;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

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
	self->file = new_memfd(BYTES, 0);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
}

FIXTURE_TEARDOWN(call)
{
	close(self->file);
	EXPECT_EQ(0, close(self->fd));
}

/* Each step repairs what the step before was refused for. */
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
	EXPECT_EQ(0, map_file_at(self->fd, self->ioas, null, 0, PAGE_BYTES, BASE));
	EXPECT_EQ(0, map_file_at(self->fd, self->ioas, self->file, 16 * BYTES, PAGE_BYTES,
				 BASE + PAGE_BYTES));
	close(null);
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, &bytes));
	EXPECT_EQ(2 * PAGE_BYTES, bytes);
}

/* Where a mapping goes follows from the place in the file. */
TEST_F(call, placement)
{
	uint64_t iova = 0;

	EXPECT_EQ(0, map_file(self->fd, self->ioas, self->file, 0x123, 0x10, &iova, MAP_RW));
	EXPECT_EQ(0x123, iova % PAGE_BYTES);
	iova = 0;
	EXPECT_EQ(0, map_file(self->fd, self->ioas, self->file, 4 * PAGE_BYTES,
			      4 * PAGE_BYTES, &iova, MAP_RW));
	EXPECT_EQ(0, iova % (4 * PAGE_BYTES));
}

/* What is pinned, with a device: a VFIO one, or the mock's */

FIXTURE(file)
{
	int fd;
	struct vfio_dev dev;
	uint32_t ioas;
	uint32_t mock, hwpt;
	int file;
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

static int mock_call(int fd, uint32_t op, uint32_t id, struct iommu_test_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	cmd->op = op;
	cmd->id = id;
	return iommufd_call(fd, IOMMU_TEST_CMD, cmd);
}

static int attach_mock(int fd, uint32_t pt_id, uint32_t *mock, uint32_t *hwpt)
{
	struct iommu_test_cmd cmd = {};
	int err = mock_call(fd, IOMMU_TEST_OP_MOCK_DOMAIN, pt_id, &cmd);

	*mock = cmd.mock_domain.out_stdev_id;
	*hwpt = cmd.mock_domain.out_hwpt_id;
	return err;
}

/* Whether the mock's page table leads from iova to the pages at mem. */
static int check_map(int fd, uint32_t hwpt, uint64_t iova, const void *mem, uint64_t bytes)
{
	struct iommu_test_cmd cmd = { .check_map = {
		.iova = iova, .length = bytes, .uptr = (uintptr_t)mem,
	} };

	return mock_call(fd, IOMMU_TEST_OP_MD_CHECK_MAP, hwpt, &cmd);
}

static int has_mock(int fd)
{
	struct iommu_test_cmd cmd = { .size = sizeof(cmd), .op = UINT32_MAX };

	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd) == -EOPNOTSUPP;
}

FIXTURE_SETUP(file)
{
	int err;

	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, option_set(self->fd, IOMMU_OPTION_RLIMIT_MODE, 0, variant->per_process));
	self->dev.fd = -1;
	self->file = -1;
	if (variant->mock) {
		if (!has_mock(self->fd))
			SKIP(return, "no mock: the kernel lacks CONFIG_IOMMUFD_TEST");
	} else {
		err = vfio_dev_open(&self->dev);
		if (err == -ENODEV || err == -ENOENT)
			SKIP(return, "no device with a VFIO node: edu, or IOMMUFD_TEST_BDF");
		ASSERT_EQ(0, err);
		ASSERT_EQ(0, vfio_dev_bind(&self->dev, self->fd));
	}
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	self->file = new_memfd(BYTES, 0);
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
	if (self->dev.fd >= 0)
		return vfio_dev_attach(&self->dev, self->ioas, &self->hwpt);
	return attach_mock(self->fd, self->ioas, &self->mock, &self->hwpt);
}

static long pinned_kib(FIXTURE_DATA(file) *self)
{
	return status_kib("VmPin") - self->pin_kib;
}

TEST_F(file, pins_and_counts_like_memory)
{
	uint64_t iova = 2 * BASE;

	ASSERT_EQ(0, map_file_at(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	EXPECT_EQ(0, pinned_kib(self));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(KIB, pinned_kib(self));
	EXPECT_EQ(BYTES, object_stat(self->fd, self->ioas, "pinned-bytes"));
	/* A copy shares the pins, a second map of the file has its own. */
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, &iova, self->ioas, BASE, BYTES,
			       MAP_FIXED_RW));
	EXPECT_EQ(KIB, pinned_kib(self));
	ASSERT_EQ(0, map_file_at(self->fd, self->ioas, self->file, 0, BYTES, 3 * BASE));
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
	ASSERT_EQ(0, map_file_at(self->fd, self->ioas, self->file, 0, BYTES + PAGE_BYTES,
				 BASE));
	EXPECT_EQ(-EINVAL, attach(self));
	EXPECT_EQ(0, pinned_kib(self));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(-EINVAL, map_file_at(self->fd, self->ioas, self->file, 0,
				       BYTES + PAGE_BYTES, BASE));
	EXPECT_EQ(0, pinned_kib(self));
	EXPECT_EQ(0, map_file_at(self->fd, self->ioas, self->file, PAGE_BYTES,
				 BYTES - PAGE_BYTES, BASE));
	EXPECT_EQ(KIB - 4, pinned_kib(self));
}

TEST_F(file, not_a_memfd)
{
	int null = open("/dev/null", O_RDWR);

	ASSERT_LE(0, null);
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(-EINVAL, map_file_at(self->fd, self->ioas, null, 0, PAGE_BYTES, BASE));
	EXPECT_EQ(-EINVAL, map_file_at(self->fd, self->ioas, self->fd, 0, PAGE_BYTES, BASE));
	close(null);
}

TEST_F(file, sealed)
{
	uint64_t iova = BASE;

	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, map_file_at(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	EXPECT_EQ(-1, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EBUSY, errno);
	ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_EQ(0, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(-EINVAL, map_file_at(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	EXPECT_EQ(0, map_file(self->fd, self->ioas, self->file, 0, BYTES, &iova,
			      IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA));
}

/* Map a whole file by one call and by its pages in a process. */
static int contents(FIXTURE_DATA(file) *self, int file, uint64_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	int err;

	if (mem == MAP_FAILED)
		return -errno;
	err = map_file_at(self->fd, self->ioas, file, 0, bytes, 2 * BASE);
	if (!err && self->dev.fd < 0)
		err = check_map(self->fd, self->hwpt, 2 * BASE, mem, bytes);
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

	if (write_text(SHMEM_HUGE, "force"))
		SKIP(return, "no huge pages in shared memory");
	file = new_memfd(3 * HUGE_BYTES, 0);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(0, contents(self, file, 3 * HUGE_BYTES));
	write_text(SHMEM_HUGE, "never");
	close(file);
}

TEST_F(file, hugetlb)
{
	int file;

	write_text(NR_HUGE, "8");
	file = new_memfd(2 * HUGE_BYTES, MFD_HUGETLB);
	if (file < 0)
		SKIP(return, "no memfd of huge pages");
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(0, contents(self, file, 2 * HUGE_BYTES));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(-EINVAL, map_file_at(self->fd, self->ioas, file, HUGE_BYTES,
				       HUGE_BYTES + PAGE_BYTES, BASE));
	EXPECT_EQ(0, pinned_kib(self));
	close(file);
	EXPECT_EQ(0, write_text(NR_HUGE, "0"));
}

/* Who pays */

/* Run a part of a test as another process; returns 0 or the line that failed. */
static int in_child(FIXTURE_DATA(file) *self, int (*part)(FIXTURE_DATA(file) *self, int arg),
		    int arg)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(part(self, arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int take_over(FIXTURE_DATA(file) *self, int want_kib)
{
	const long before = status_kib("VmPin");

	if (change_process(self->fd))
		return 1;
	if (status_kib("VmPin") - before != want_kib)
		return 2;
	/* Once more is nothing new. */
	if (change_process(self->fd))
		return 3;
	return status_kib("VmPin") - before == want_kib ? 0 : 4;
}

TEST_F(file, change_process)
{
	uint64_t iova = BASE;
	uint32_t other;

	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, map_file_at(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	/* The same store in another space, and pages that nobody pins. */
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_copy(self->fd, other, &iova, self->ioas, BASE, BYTES, MAP_FIXED_RW));
	ASSERT_EQ(0, map_file_at(self->fd, other, self->file, 0, BYTES, 2 * BASE));
	EXPECT_EQ(KIB, pinned_kib(self));

	EXPECT_EQ(0, in_child(self, take_over, KIB));
	/* The heir is dead and still pays; back to us. */
	EXPECT_EQ(0, pinned_kib(self));
	EXPECT_EQ(0, change_process(self->fd));
	EXPECT_EQ(KIB, pinned_kib(self));
	EXPECT_EQ(0, in_child(self, take_over, KIB));
	EXPECT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(0, pinned_kib(self));
}

static int too_poor(FIXTURE_DATA(file) *self, int per_process)
{
	const struct rlimit poor = { BYTES - PAGE_BYTES, BYTES };
	const struct rlimit rich = { BYTES, BYTES };
	long locked = per_process ? KIB : 0;

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
	if (map_file_at(self->fd, self->ioas, self->file, 0, PAGE_BYTES, 2 * BASE) != -ENOMEM)
		return 7;
	/* One of the same user takes over without paying twice. */
	if (in_child(self, take_over, KIB))
		return 8;
	return status_kib("VmPin") || status_kib("VmLck") ? 9 : 0;
}

TEST_F(file, change_to_a_process_with_limits)
{
	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, map_file_at(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	EXPECT_EQ(0, in_child(self, too_poor, variant->per_process));
	EXPECT_EQ(0, pinned_kib(self));
}

static int cannot_take_over(FIXTURE_DATA(file) *self, int arg)
{
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
	ASSERT_EQ(0, map_file_at(self->fd, self->ioas, self->file, 0, BYTES, BASE));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, other, mem, PAGE_BYTES, BASE));
	EXPECT_EQ(0, in_child(self, cannot_take_over, 0));
	EXPECT_EQ(KIB, pinned_kib(self));
	ASSERT_EQ(0, ioas_unmap_all(self->fd, other, NULL));
	EXPECT_EQ(0, in_child(self, take_over, KIB));
	EXPECT_EQ(0, pinned_kib(self));
}

/* dma-bufs of the mock */

FIXTURE(dmabuf)
{
	int fd;
	int buf;
	uint32_t ioas, mock, hwpt;
	void *mem;
};

static int get_dmabuf(int fd, uint32_t bytes)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_DMABUF_GET,
		.dmabuf_get = { .length = bytes, .open_flags = O_RDWR | O_CLOEXEC },
	};

	/* The descriptor is the result */
	return ioctl(fd, IOMMU_TEST_CMD, &cmd);
}

static int set_revoked(int fd, int buf, int revoked)
{
	struct iommu_test_cmd cmd = { .dmabuf_revoke = { buf, revoked } };

	return mock_call(fd, IOMMU_TEST_OP_DMABUF_REVOKE, 0, &cmd);
}

FIXTURE_SETUP(dmabuf)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	self->buf = -1;
	self->mem = MAP_FAILED;
	if (!has_mock(self->fd))
		SKIP(return, "no mock: the kernel lacks CONFIG_IOMMUFD_TEST");
	self->buf = get_dmabuf(self->fd, BYTES);
	if (self->buf < 0 && errno == EOPNOTSUPP)
		SKIP(return, "this mock makes no dma-bufs");
	ASSERT_LE(0, self->buf);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, attach_mock(self->fd, self->ioas, &self->mock, &self->hwpt));
	self->mem = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, self->buf, 0);
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
	return map_file_at(self->fd, self->ioas, self->buf, 0, BYTES, iova);
}

/* 1: the mock's table has something there; it leads to the dma-buf if that can tell */
static int is_there(FIXTURE_DATA(dmabuf) *self, uint32_t hwpt, uint64_t iova)
{
	if (self->mem == MAP_FAILED)
		return -ENODEV;
	return !check_map(self->fd, hwpt, iova, self->mem, BYTES);
}

TEST_F(dmabuf, map)
{
	const long pin_kib = status_kib("VmPin");
	uint64_t iova = 2 * BASE;

	EXPECT_EQ(-EINVAL, map_file_at(self->fd, self->ioas, self->buf, PAGE_BYTES, BYTES, BASE));
	EXPECT_EQ(0, map_buf(self, BASE));
	EXPECT_EQ(0, ioas_copy(self->fd, self->ioas, &iova, self->ioas, BASE, BYTES,
			       MAP_FIXED_RW));
	if (self->mem != MAP_FAILED) {
		EXPECT_EQ(1, is_there(self, self->hwpt, BASE));
		EXPECT_EQ(1, is_there(self, self->hwpt, 2 * BASE));
	}
	EXPECT_EQ(pin_kib, status_kib("VmPin"));
	EXPECT_EQ(-EINVAL, change_process(self->fd));
	/* The mapping keeps it, whichever goes first. */
	EXPECT_EQ(0, close(self->buf));
	self->buf = -1;
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, BASE, BYTES, NULL));
}

TEST_F(dmabuf, revoke)
{
	uint32_t other, mock, hwpt;
	uint64_t iova = BASE;

	if (self->mem == MAP_FAILED)
		SKIP(return, "the mock's dma-bufs cannot be mapped by a process");
	ASSERT_EQ(0, map_buf(self, BASE));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_copy(self->fd, other, &iova, self->ioas, BASE, BYTES, MAP_FIXED_RW));
	ASSERT_EQ(0, attach_mock(self->fd, other, &mock, &hwpt));
	EXPECT_EQ(1, is_there(self, self->hwpt, BASE));
	EXPECT_EQ(1, is_there(self, hwpt, BASE));

	/* To tell that it is there is no news. */
	EXPECT_EQ(0, set_revoked(self->fd, self->buf, 0));
	EXPECT_EQ(1, is_there(self, hwpt, BASE));

	EXPECT_EQ(0, set_revoked(self->fd, self->buf, 1));
	EXPECT_EQ(0, is_there(self, self->hwpt, BASE));
	EXPECT_EQ(0, is_there(self, hwpt, BASE));
	EXPECT_EQ(-ENODEV, map_buf(self, 2 * BASE));
	iova = 3 * BASE;
	EXPECT_EQ(0, ioas_copy(self->fd, other, &iova, self->ioas, BASE, BYTES, MAP_FIXED_RW));
	EXPECT_EQ(0, is_there(self, hwpt, 3 * BASE));

	EXPECT_EQ(0, set_revoked(self->fd, self->buf, 0));
	EXPECT_EQ(0, is_there(self, self->hwpt, BASE));
	EXPECT_EQ(0, map_buf(self, 2 * BASE));
	EXPECT_EQ(1, is_there(self, self->hwpt, 2 * BASE));
	/* A domain that comes now has the new mapping only. */
	ASSERT_EQ(0, attach_mock(self->fd, self->ioas, &mock, &hwpt));
	EXPECT_EQ(0, is_there(self, hwpt, BASE));
	EXPECT_EQ(1, is_there(self, hwpt, 2 * BASE));

	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, BASE, BYTES, NULL));
	EXPECT_EQ(0, map_buf(self, BASE));
	EXPECT_EQ(1, is_there(self, hwpt, BASE));
}

TEST_F(dmabuf, revoked_before_the_domain)
{
	uint32_t other, mock, hwpt;

	if (self->mem == MAP_FAILED)
		SKIP(return, "the mock's dma-bufs cannot be mapped by a process");
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, map_file_at(self->fd, other, self->buf, 0, BYTES, BASE));
	EXPECT_EQ(0, set_revoked(self->fd, self->buf, 1));
	EXPECT_EQ(0, set_revoked(self->fd, self->buf, 0));
	ASSERT_EQ(0, attach_mock(self->fd, other, &mock, &hwpt));
	EXPECT_EQ(0, is_there(self, hwpt, BASE));
}

TEST_F(dmabuf, no_pages_for_the_kernel)
{
	struct iommu_test_cmd cmd = { .create_access.flags =
				      MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES };
	struct iommu_test_cmd pin = { .access_pages = { .iova = BASE, .length = PAGE_BYTES } };
	uint8_t byte;
	struct iommu_test_cmd rw = { .access_rw = { .iova = BASE, .length = 1,
						    .uptr = (uintptr_t)&byte } };

	if (mock_call(self->fd, IOMMU_TEST_OP_CREATE_ACCESS, self->ioas, &cmd))
		SKIP(return, "the mock has no accesses");
	ASSERT_EQ(0, map_buf(self, BASE));
	EXPECT_EQ(-EINVAL, mock_call(self->fd, IOMMU_TEST_OP_ACCESS_PAGES,
				     cmd.create_access.out_access_fd, &pin));
	EXPECT_EQ(-EINVAL, mock_call(self->fd, IOMMU_TEST_OP_ACCESS_RW,
				     cmd.create_access.out_access_fd, &rw));
	close(cmd.create_access.out_access_fd);
}

TEST_HARNESS_MAIN
