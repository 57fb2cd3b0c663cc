// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the caller that takes its time. Page faults are held by userfaultfd:
 * nobody but the caller waits for them. Arguments are absurdly long: the caller
 * can be killed in the middle, and every byte counts all the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/held.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/process.h"
#include "lib/vfio_dev.h"

#define BASE		((uint64_t)MOCK_APERTURE_START)
/* Far more than a call takes that nothing holds up, on a slow machine */
#define PATIENCE_S	20
#define WORD		((uint32_t)IOMMU_TEST_IOTLB_DEFAULT)

/* A call in a thread of its own */
struct call {
	pthread_t thread;
	int fd;
	unsigned long number;
	void *arg;
	atomic_int err;
	atomic_int tid;
};

static void *make_call(void *data)
{
	struct call *call = data;

	atomic_store(&call->tid, syscall(SYS_gettid));
	call->err = iommufd_call(call->fd, call->number, call->arg);
	return NULL;
}

static int call_start(struct call *call, int fd, unsigned long number, void *arg)
{
	call->fd = fd;
	call->number = number;
	call->arg = arg;
	call->err = -EINPROGRESS;
	atomic_store(&call->tid, 0);
	return -pthread_create(&call->thread, NULL, make_call, call);
}

/* Whether the call waits by now for what no signal but a fatal one ends */
static int call_waits(struct call *call)
{
	char path[64], line[256];
	int i, waits = 0;
	FILE *file;

	for (i = 0; i < PATIENCE_S * 100 && !waits; i++) {
		usleep(10000);
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&call->tid));
		file = fopen(path, "r");
		if (!file)
			continue;
		waits = fgets(line, sizeof(line), file) && strstr(line, ") D ");
		fclose(file);
	}
	return waits;
}

/* Whether the call has returned, at the latest after our patience */
static int call_returned(struct call *call)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	return !pthread_timedjoin_np(call->thread, NULL, &until);
}

static int call_join(struct call *call)
{
	pthread_join(call->thread, NULL);
	return call->err;
}

/* Two devices of the mock, each in a space of its own */
FIXTURE(stall)
{
	int fd;
	uint32_t ioas;
	uint32_t other;
	struct mock_ids ids;
	struct mock_ids bystander;
	struct held_page held;
	struct call call;
	struct call unbind;
	struct iommu_destroy destroy;
};

FIXTURE_SETUP(stall)
{
	self->held.uffd = -1;
	self->fd = mock_space(&self->ioas, &self->ids);
	if (self->fd == -ENOTTY)
		SKIP(return, "no mock: the kernel lacks CONFIG_IOMMUFD_TEST");
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other));
	ASSERT_EQ(0, mock_domain(self->fd, self->other, 0, &self->bystander));
}

FIXTURE_TEARDOWN(stall)
{
	if (self->held.uffd >= 0)
		held_close(&self->held);
	EXPECT_EQ(0, close(self->fd));
}

#define HOLD(data, bytes)								\
	do {										\
		int _err = held_open(&self->held, data, bytes);				\
											\
		if (_err == -ENODEV || (_err == -EINVAL && self->held.write_only))	\
			SKIP(return, "no userfaultfd, or not for writes");		\
		ASSERT_EQ(0, _err);							\
	} while (0)

/* The device goes while the call waits for its caller's memory. */
#define CHECK_UNBIND()									\
	do {										\
		ASSERT_TRUE(held_is_wanted(&self->held));				\
		self->destroy.size = sizeof(self->destroy);				\
		self->destroy.id = self->ids.stdev;					\
		ASSERT_EQ(0, call_start(&self->unbind, self->fd, IOMMU_DESTROY,		\
					&self->destroy));				\
		if (call_returned(&self->unbind)) {					\
			EXPECT_EQ(0, self->unbind.err);					\
			EXPECT_EQ(-EINPROGRESS, self->call.err);			\
			held_release(&self->held);					\
		} else {								\
			EXPECT_TRUE(0) TH_LOG("the device waits for the memory");	\
			held_release(&self->held);					\
			call_join(&self->unbind);					\
		}									\
	} while (0)

TEST_F_TIMEOUT(stall, hw_info, 120)
{
	struct iommu_test_hw_info *info;
	struct iommu_hw_info arg;

	HOLD(NULL, 0);
	info = self->held.mem;
	arg = (struct iommu_hw_info){
		.size = sizeof(arg), .dev_id = self->ids.dev, .data_len = sizeof(*info),
		.data_uptr = (uintptr_t)info,
	};
	ASSERT_EQ(0, call_start(&self->call, self->fd, IOMMU_GET_HW_INFO, &arg));
	CHECK_UNBIND();
	EXPECT_EQ(0, call_join(&self->call));
	EXPECT_EQ(IOMMU_HW_INFO_SELFTEST_REGVAL, info->test_reg);
}

/* Nobody knows yet whether the device is there. */
TEST_F_TIMEOUT(stall, blob, 120)
{
	struct iommu_hwpt_alloc arg;

	HOLD(NULL, 0);
	arg = (struct iommu_hwpt_alloc){
		.size = sizeof(arg), .dev_id = self->ids.dev, .pt_id = self->ioas,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(struct iommu_hwpt_selftest),
		.data_uptr = (uintptr_t)self->held.mem,
	};
	ASSERT_EQ(0, call_start(&self->call, self->fd, IOMMU_HWPT_ALLOC, &arg));
	CHECK_UNBIND();
	EXPECT_EQ(-ENOENT, call_join(&self->call));
}

static struct iommu_hwpt_alloc hwpt_arg(uint32_t dev, uint32_t pt_id, uint32_t flags)
{
	return (struct iommu_hwpt_alloc){
		.size = sizeof(struct iommu_hwpt_alloc), .dev_id = dev, .pt_id = pt_id,
		.flags = flags,
	};
}

/* Nor does its address space hold up anybody. */
TEST_F_TIMEOUT(stall, answer, 120)
{
	struct iommu_hwpt_alloc arg = hwpt_arg(self->ids.dev, self->ioas, 0);
	uint8_t *mem = memory_alloc(PAGE_BYTES);
	struct mock_ids more;

	ASSERT_NE(NULL, mem);
	HOLD(&arg, sizeof(arg));
	ASSERT_EQ(0, call_start(&self->call, self->fd, IOMMU_HWPT_ALLOC, self->held.mem));
	CHECK_UNBIND();
	ASSERT_EQ(0, call_join(&self->call));
	arg = *(struct iommu_hwpt_alloc *)self->held.mem;
	/* It is like any other: follows the address space, and keeps it. */
	ASSERT_EQ(0, ioas_map_fixed(self->fd, self->ioas, mem, PAGE_BYTES, BASE));
	EXPECT_EQ(0, mock_check_map(self->fd, arg.out_hwpt_id, BASE, PAGE_BYTES, mem));
	EXPECT_EQ(-EBUSY, object_destroy(self->fd, self->ioas));
	EXPECT_EQ(0, mock_domain(self->fd, arg.out_hwpt_id, 0, &more));
	EXPECT_EQ(0, object_destroy(self->fd, more.stdev));
	EXPECT_EQ(0, object_destroy(self->fd, arg.out_hwpt_id));
	EXPECT_EQ(0, object_destroy(self->fd, self->ioas));
}

TEST_F_TIMEOUT(stall, answer_nested, 120)
{
	struct iommu_hwpt_alloc arg = hwpt_arg(self->ids.dev, self->other,
					       IOMMU_HWPT_ALLOC_NEST_PARENT);
	const struct iommu_hwpt_selftest data = { .iotlb = WORD };

	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg = hwpt_arg(self->ids.dev, arg.out_hwpt_id, 0);
	arg.data_type = IOMMU_HWPT_DATA_SELFTEST;
	arg.data_len = sizeof(data);
	arg.data_uptr = (uintptr_t)&data;
	HOLD(&arg, sizeof(arg));
	ASSERT_EQ(0, call_start(&self->call, self->fd, IOMMU_HWPT_ALLOC, self->held.mem));
	CHECK_UNBIND();
	ASSERT_EQ(0, call_join(&self->call));
	arg = *(struct iommu_hwpt_alloc *)self->held.mem;
	EXPECT_EQ(0, mock_check_iotlb(self->fd, arg.out_hwpt_id, 0, WORD));
	EXPECT_EQ(0, object_destroy(self->fd, arg.out_hwpt_id));
	EXPECT_EQ(0, object_destroy(self->fd, arg.pt_id));
}

/*
 * A map call that cannot say where it mapped takes its mapping back, and not what
 * has been mapped there in the meantime.
 */
TEST_F_TIMEOUT(stall, map_is_undone, 120)
{
	uint8_t *mem = memory_alloc(2 * PAGE_BYTES);
	struct iommu_ioas_map arg = {
		.size = sizeof(arg), .flags = MAP_FIXED_RW, .ioas_id = self->ioas,
		.user_va = (uintptr_t)mem, .length = PAGE_BYTES, .iova = BASE,
	};
	int turn;

	ASSERT_NE(NULL, mem);
	for (turn = 0; turn < 2; turn++) {
		HOLD(&arg, sizeof(arg));
		ASSERT_EQ(0, call_start(&self->call, self->fd, IOMMU_IOAS_MAP,
					self->held.mem));
		ASSERT_TRUE(held_is_wanted(&self->held));
		EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, BASE, PAGE_BYTES, mem));
		if (turn) {
			EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, BASE, PAGE_BYTES, NULL));
			EXPECT_EQ(0, ioas_map_fixed(self->fd, self->ioas, mem + PAGE_BYTES,
						    PAGE_BYTES, BASE));
		}
		ASSERT_EQ(0, mprotect(self->held.mem, PAGE_BYTES, PROT_READ));
		held_release(&self->held);
		EXPECT_EQ(-EFAULT, call_join(&self->call));
		held_close(&self->held);
		self->held.uffd = -1;
		EXPECT_EQ(turn, object_stat(self->fd, self->ioas, "mappings"));
	}
	EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, BASE, PAGE_BYTES,
				    mem + PAGE_BYTES));
}

/* An unmap waits for a copy from that memory, and for nothing else. */
TEST_F_TIMEOUT(stall, copy_is_waited_for, 120)
{
	uint64_t word = 1;
	struct iommu_test_cmd copy = {
		.size = sizeof(copy), .op = IOMMU_TEST_OP_ACCESS_RW,
		.access_rw = { .iova = BASE, .length = sizeof(word), .uptr = (uintptr_t)&word },
	};
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .iova = BASE, .length = PAGE_BYTES,
	};
	struct call *unmapping = &self->unbind;
	uint32_t ioas;
	int access;

	HOLD(NULL, 0);
	/* Without a device: nothing is pinned */
	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas));
	ASSERT_EQ(0, ioas_map_fixed(self->fd, ioas, self->held.mem, PAGE_BYTES, BASE));
	access = mock_access(self->fd, ioas, 0);
	ASSERT_LE(0, access);
	copy.id = access;
	unmap.ioas_id = ioas;
	ASSERT_EQ(0, call_start(&self->call, self->fd, IOMMU_TEST_CMD, &copy));
	ASSERT_TRUE(held_is_wanted(&self->held));
	ASSERT_EQ(0, call_start(unmapping, self->fd, IOMMU_IOAS_UNMAP, &unmap));
	EXPECT_TRUE(call_waits(unmapping));
	EXPECT_EQ(-EINPROGRESS, self->call.err);
	held_release(&self->held);
	EXPECT_EQ(0, call_join(&self->call));
	EXPECT_EQ(0, word);
	/* If not, it ends with the process */
	EXPECT_TRUE(call_returned(unmapping)) TH_LOG("the unmap was not woken");
	EXPECT_EQ(0, unmapping->err);
	EXPECT_EQ(0, close(access));
}

/*
 * Long-term pins do not wait for userfaultfd, they fail. But so much memory that
 * has no pages yet takes long enough to find out who waits for it.
 */
#define MANY_BYTES	(256ULL << 20)

struct big {
	uint8_t *mem;
	uint32_t ioas;
	long pin_kib;	/* pinned before */
};

/* A space with much memory, in which there is no device */
static int big_open(struct big *big, int fd)
{
	int err = ioas_alloc(fd, &big->ioas);

	big->mem = memory_alloc(MANY_BYTES);
	if (!big->mem)
		return -ENOMEM;
	big->pin_kib = status_kib("VmPin");
	return err ? err : ioas_map_fixed(fd, big->ioas, big->mem, MANY_BYTES, BASE);
}

static int big_is_being_pinned(struct big *big)
{
	int i;

	for (i = 0; i < PATIENCE_S * 1000 && status_kib("VmPin") == big->pin_kib; i++)
		usleep(1000);
	return status_kib("VmPin") > big->pin_kib;
}

static int big_close(struct big *big, int fd)
{
	munmap(big->mem, MANY_BYTES);
	return object_destroy(fd, big->ioas);
}

TEST_F_TIMEOUT(stall, pins, 180)
{
	struct iommu_hwpt_alloc arg;
	struct big big;

	ASSERT_EQ(0, big_open(&big, self->fd));
	arg = hwpt_arg(self->ids.dev, big.ioas, 0);
	ASSERT_EQ(0, call_start(&self->call, self->fd, IOMMU_HWPT_ALLOC, &arg));
	ASSERT_TRUE(big_is_being_pinned(&big));
	EXPECT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(-EINPROGRESS, self->call.err) TH_LOG("the device waited for the memory");
	ASSERT_EQ(0, call_join(&self->call));
	EXPECT_EQ(0, mock_check_map(self->fd, arg.out_hwpt_id, BASE, MANY_BYTES, big.mem));
	EXPECT_EQ(0, object_destroy(self->fd, arg.out_hwpt_id));
	EXPECT_EQ(0, big_close(&big, self->fd));
}

/* One pins with the lock of the space, another waits for the lock. */
TEST_F_TIMEOUT(stall, queue, 180)
{
	struct iommu_hwpt_alloc first, second;
	struct call queued = { };
	struct big big;

	ASSERT_EQ(0, big_open(&big, self->fd));
	first = hwpt_arg(self->bystander.dev, big.ioas, 0);
	second = hwpt_arg(self->ids.dev, big.ioas, 0);
	ASSERT_EQ(0, call_start(&self->call, self->fd, IOMMU_HWPT_ALLOC, &first));
	ASSERT_TRUE(big_is_being_pinned(&big));
	ASSERT_EQ(0, call_start(&queued, self->fd, IOMMU_HWPT_ALLOC, &second));
	ASSERT_TRUE(call_waits(&queued));
	EXPECT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(-EINPROGRESS, self->call.err) TH_LOG("the device waited for the memory");
	EXPECT_EQ(0, call_join(&self->call));
	EXPECT_EQ(-ENOENT, call_join(&queued));
	EXPECT_EQ(0, object_destroy(self->fd, first.out_hwpt_id));
	EXPECT_EQ(0, big_close(&big, self->fd));
}

/* An answer that cannot be told after all leaves nothing behind. */
TEST_F(stall, answer_without_a_place)
{
	const struct iommu_hwpt_selftest data = { .iotlb = WORD };
	struct iommu_hwpt_alloc arg = hwpt_arg(self->ids.dev, self->ioas,
					       IOMMU_HWPT_ALLOC_NEST_PARENT);
	uint32_t parent;

	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC,
					read_only_copy(&arg, sizeof(arg))));
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	parent = arg.out_hwpt_id;
	arg = hwpt_arg(self->ids.dev, parent, 0);
	arg.data_type = IOMMU_HWPT_DATA_SELFTEST;
	arg.data_len = sizeof(data);
	arg.data_uptr = (uintptr_t)&data;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_HWPT_ALLOC,
					read_only_copy(&arg, sizeof(arg))));
	EXPECT_EQ(0, object_destroy(self->fd, parent));
	EXPECT_EQ(0, object_destroy(self->fd, self->ids.stdev));
	EXPECT_EQ(0, object_destroy(self->fd, self->ioas));
}

/* Long arguments */

#define LONG_BYTES	(1ULL << 30)
#define BODY_BYTES	(16ULL << 20)

/*
 * An argument of 1 GiB in three parts: a page that begins it, a file that is
 * mapped again and again, and a file of one page. The files have no pages before
 * somebody looks, so the number of their blocks tells how far a call has come.
 */
struct long_arg {
	uint8_t *start;
	int body;
	int end;
};

static int map_part(uint8_t *at, uint64_t bytes, int file)
{
	return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) ==
	       MAP_FAILED ? -errno : 0;
}

static int long_arg_open(struct long_arg *arg)
{
	uint64_t at, bytes;
	int err = 0;

	arg->body = memfd_alloc(BODY_BYTES, 0);
	arg->end = memfd_alloc(PAGE_BYTES, 0);
	arg->start = memory_alloc(LONG_BYTES);
	if (arg->body < 0 || arg->end < 0 || !arg->start)
		return -ENOMEM;
	for (at = PAGE_BYTES; !err && at < LONG_BYTES - PAGE_BYTES; at += bytes) {
		bytes = LONG_BYTES - PAGE_BYTES - at;
		if (bytes > BODY_BYTES)
			bytes = BODY_BYTES;
		err = map_part(arg->start + at, bytes, arg->body);
	}
	return err ? err : map_part(arg->start + LONG_BYTES - PAGE_BYTES, PAGE_BYTES, arg->end);
}

static void long_arg_close(struct long_arg *arg)
{
	munmap(arg->start, LONG_BYTES);
	close(arg->body);
	close(arg->end);
}

static long blocks(int file)
{
	struct stat stat;

	return fstat(file, &stat) ? -1 : stat.st_blocks;
}

FIXTURE(endless)
{
	int fd;
	uint32_t ioas;
	struct mock_ids ids;
	struct long_arg arg;
};

FIXTURE_SETUP(endless)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, long_arg_open(&self->arg));
}

FIXTURE_TEARDOWN(endless)
{
	long_arg_close(&self->arg);
	EXPECT_EQ(0, close(self->fd));
}

/* Kill a process in the middle of a call; how far did the call come? */
static int kill_in_call(struct long_arg *arg, int fd, unsigned long number, void *call_arg)
{
	int status, i;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(iommufd_call(fd, number, call_arg) ? 1 : 0);
	for (i = 0; i < PATIENCE_S * 1000 && blocks(arg->body) <= 0; i++)
		usleep(1000);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return -ECHILD;
	if (blocks(arg->body) <= 0)
		return -ETIME;
	return blocks(arg->end) ? -E2BIG : 0;
}

TEST_F_TIMEOUT(endless, killed_while_zeroes_are_counted, 180)
{
	*(struct iommu_destroy *)self->arg.start = (struct iommu_destroy){
		.size = LONG_BYTES, .id = NO_SUCH_ID,
	};
	EXPECT_EQ(0, kill_in_call(&self->arg, self->fd, IOMMU_DESTROY, self->arg.start));
}

TEST_F_TIMEOUT(endless, killed_while_zeroes_are_written, 180)
{
	struct iommu_hw_info arg = {
		.size = sizeof(arg), .data_len = LONG_BYTES,
		.data_uptr = (uintptr_t)self->arg.start,
	};

	if (!mock_present(self->fd))
		SKIP(return, "no mock: the kernel lacks CONFIG_IOMMUFD_TEST");
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &self->ids));
	arg.dev_id = self->ids.dev;
	EXPECT_EQ(0, kill_in_call(&self->arg, self->fd, IOMMU_GET_HW_INFO, &arg));
}

TEST_F_TIMEOUT(endless, killed_while_a_device_is_bound, 180)
{
	struct vfio_dev dev;
	int err = vfio_dev_open(&dev);

	if (err == -ENODEV || err == -ENOENT)
		SKIP(return, "no device with a VFIO node: edu, or IOMMUFD_TEST_BDF");
	ASSERT_EQ(0, err);
	*(struct vfio_device_bind_iommufd *)self->arg.start = (struct vfio_device_bind_iommufd){
		.argsz = LONG_BYTES, .iommufd = self->fd,
	};
	EXPECT_EQ(0, kill_in_call(&self->arg, dev.fd, VFIO_DEVICE_BIND_IOMMUFD,
				  self->arg.start));
	vfio_dev_close(&dev);
}

/* Each step of the kernel is as good as one look at all. */

#define LONG_PAGES	6

static int destroy_long(int fd, uint8_t *start, uint32_t bytes)
{
	*(struct iommu_destroy *)start = (struct iommu_destroy){
		.size = bytes, .id = NO_SUCH_ID,
	};
	return iommufd_call(fd, IOMMU_DESTROY, start);
}

TEST_F(endless, every_byte_counts)
{
	const uint64_t last = LONG_PAGES * PAGE_BYTES - 1;
	const uint64_t places[] = {
		sizeof(struct iommu_destroy), PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1,
		2 * PAGE_BYTES - 1, 3 * PAGE_BYTES + 8, last - 8, last,
	};
	unsigned int i, skew;
	uint8_t *mem, *start;

	mem = memory_alloc((LONG_PAGES + 1) * PAGE_BYTES);
	ASSERT_NE(NULL, mem);
	for (skew = 0; skew < 24; skew += 4) {
		start = mem + skew;
		memset(mem, 0, (LONG_PAGES + 1) * PAGE_BYTES);
		EXPECT_EQ(-ENOENT, destroy_long(self->fd, start, last + 1));
		for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			start[places[i]] = 1;
			EXPECT_EQ(-E2BIG, destroy_long(self->fd, start, last + 1));
			/* What does not belong to it does not matter. */
			EXPECT_EQ(-ENOENT, destroy_long(self->fd, start, places[i]));
			start[places[i]] = 0;
		}
	}
}

TEST_F(endless, holes)
{
	const uint64_t bytes = LONG_PAGES * PAGE_BYTES;
	uint8_t *mem = memory_alloc(bytes);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, mprotect(mem + 3 * PAGE_BYTES, PAGE_BYTES, PROT_NONE));
	EXPECT_EQ(-EFAULT, destroy_long(self->fd, mem, bytes));
	EXPECT_EQ(-ENOENT, destroy_long(self->fd, mem, 3 * PAGE_BYTES));
	EXPECT_EQ(-EFAULT, destroy_long(self->fd, mem, 3 * PAGE_BYTES + 1));
	mem[4 * PAGE_BYTES] = 1;
	EXPECT_EQ(-EFAULT, destroy_long(self->fd, mem, bytes));
	mem[3 * PAGE_BYTES - 1] = 1;
	EXPECT_EQ(-E2BIG, destroy_long(self->fd, mem, bytes));
}

static int is_filled(const uint8_t *mem, uint64_t bytes, uint8_t byte)
{
	uint64_t i;

	for (i = 0; i < bytes; i++)
		if (mem[i] != byte)
			return 0;
	return 1;
}

/* covers: IOMMU_GET_HW_INFO EFAULT */
TEST_F(endless, every_byte_is_cleared)
{
	const uint64_t bytes = LONG_PAGES * PAGE_BYTES, room = sizeof(struct iommu_test_hw_info);
	struct iommu_hw_info arg = { .size = sizeof(arg) };
	unsigned int skew;
	uint8_t *mem;

	if (!mock_present(self->fd))
		SKIP(return, "no mock: the kernel lacks CONFIG_IOMMUFD_TEST");
	ASSERT_EQ(0, mock_domain(self->fd, self->ioas, 0, &self->ids));
	arg.dev_id = self->ids.dev;
	mem = memory_alloc(bytes);
	ASSERT_NE(NULL, mem);
	for (skew = 1; skew < 16; skew++) {
		memset(mem, 0xaa, bytes);
		arg.data_uptr = (uintptr_t)mem + skew;
		arg.data_len = bytes - 2 * skew;
		ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
		EXPECT_EQ(room, arg.data_len);
		EXPECT_TRUE(is_filled(mem, skew, 0xaa));
		EXPECT_TRUE(is_filled(mem + skew + room, bytes - 2 * skew - room, 0));
		EXPECT_TRUE(is_filled(mem + bytes - skew, skew, 0xaa));
	}
	ASSERT_EQ(0, mprotect(mem + 3 * PAGE_BYTES, PAGE_BYTES, PROT_READ));
	arg.data_uptr = (uintptr_t)mem;
	arg.data_len = bytes;
	EXPECT_EQ(-EFAULT, iommufd_call(self->fd, IOMMU_GET_HW_INFO, &arg));
	EXPECT_EQ(bytes, arg.data_len);
}

TEST_HARNESS_MAIN
