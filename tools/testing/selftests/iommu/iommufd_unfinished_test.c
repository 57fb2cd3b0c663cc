// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapping that is still being made, in the way of other calls. It is of so much
 * memory that was never touched that somebody else finds it unfinished.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define BYTES		(16ULL << 20)
#define LAST_IOVA	(IOVA + BYTES - PAGE_BYTES)
#define MAX_TRIES	50

/* A device, and a thread that maps memory at IOVA */
FIXTURE(unfinished)
{
	int fd;
	int access;
	uint32_t ioas;
	struct mock_ids ids;
	uint8_t *mem;
	atomic_int done;
	int result;
};

FIXTURE_SETUP(unfinished)
{
	struct iommu_vfio_ioas which = { .size = sizeof(which), .op = IOMMU_VFIO_IOAS_SET };

	self->fd = mock_space(&self->ioas, &self->ids);
	if (self->fd == -ENOTTY)
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	ASSERT_LE(0, self->fd);
	self->access = mock_access(self->fd, self->ioas,
				   MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	ASSERT_LE(0, self->access);
	which.ioas_id = self->ioas;
	ASSERT_EQ(0, iommufd_call(self->fd, IOMMU_VFIO_IOAS, &which));
}

FIXTURE_TEARDOWN(unfinished)
{
	EXPECT_EQ(0, close(self->access));
	EXPECT_EQ(0, close(self->fd));
}

static void *map_in_thread(void *arg)
{
	FIXTURE_DATA(unfinished) *self = arg;

	self->result = ioas_map_fixed(self->fd, self->ioas, self->mem, BYTES, IOVA);
	self->done = 1;
	return NULL;
}

/*
 * Make a call again and again while the thread maps, until it gives this result.
 * Returns whether it did before the thread was through.
 */
static bool seen_once(FIXTURE_DATA(unfinished) *self, int (*call)(FIXTURE_DATA(unfinished) *self),
		      int result)
{
	pthread_t thread;
	bool seen = false;

	self->done = 0;
	self->mem = memory_alloc(BYTES);
	if (!self->mem || pthread_create(&thread, NULL, map_in_thread, self))
		return false;
	while (!seen && !self->done)
		seen = call(self) == result;
	pthread_join(thread, NULL);
	return seen;
}

static void expect_seen(struct __test_metadata *_metadata, FIXTURE_DATA(unfinished) *self,
			int (*call)(FIXTURE_DATA(unfinished) *self), int result)
{
	bool seen = false;
	int i;

	for (i = 0; i < MAX_TRIES && !seen; i++) {
		seen = seen_once(self, call, result);
		/* Whatever was refused, the mapping itself ended well. */
		ASSERT_NE(NULL, self->mem);
		EXPECT_EQ(0, self->result);
		if (seen)
			EXPECT_EQ(0, mock_check_map(self->fd, self->ids.hwpt, LAST_IOVA, PAGE_BYTES,
						    self->mem + BYTES - PAGE_BYTES));
		ASSERT_EQ(0, ioas_unmap_all(self->fd, self->ioas, NULL));
		munmap(self->mem, BYTES);
	}
	EXPECT_TRUE(seen);
}

static int unmap(FIXTURE_DATA(unfinished) *self)
{
	return ioas_unmap(self->fd, self->ioas, IOVA, BYTES, NULL);
}

static int unmap_all(FIXTURE_DATA(unfinished) *self)
{
	return ioas_unmap_all(self->fd, self->ioas, NULL);
}

/* covers: IOMMU_IOAS_UNMAP EBUSY */
TEST_F(unfinished, unmap)
{
	expect_seen(_metadata, self, unmap, -EBUSY);
	expect_seen(_metadata, self, unmap_all, -EBUSY);
}

static int change(FIXTURE_DATA(unfinished) *self)
{
	return change_process(self->fd);
}

/* covers: IOMMU_IOAS_CHANGE_PROCESS EBUSY */
TEST_F(unfinished, change_process)
{
	expect_seen(_metadata, self, change, -EBUSY);
}

static int container_unmap(FIXTURE_DATA(unfinished) *self)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg), .iova = IOVA, .size = BYTES,
	};

	return iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg);
}

TEST_F(unfinished, container_unmap)
{
	expect_seen(_metadata, self, container_unmap, -EBUSY);
}

static int container_cut(FIXTURE_DATA(unfinished) *self)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg), .iova = IOVA + PAGE_BYTES, .size = PAGE_BYTES,
	};

	/* Only what is unfinished: a cut would succeed later. */
	if (container_unmap(self) != -EBUSY)
		return 0;
	return iommufd_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg);
}

TEST_F(unfinished, container_cut)
{
	ASSERT_EQ(0, option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas, 0));
	expect_seen(_metadata, self, container_cut, -EBUSY);
}

/* The place is taken before there is anything in it. */
static int copy_from(FIXTURE_DATA(unfinished) *self)
{
	uint64_t to = IOVA;
	int err;

	/* Onto itself: -EEXIST if it is finished */
	if (unmap(self) != -EBUSY)
		return 0;
	err = ioas_copy(self->fd, self->ioas, &to, self->ioas, IOVA, PAGE_BYTES, MAP_FIXED_RW);
	return err;
}

TEST_F(unfinished, copy_from)
{
	expect_seen(_metadata, self, copy_from, -ENOENT);
}

static int map_onto(FIXTURE_DATA(unfinished) *self)
{
	if (unmap(self) != -EBUSY)
		return 0;
	return ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES, IOVA + PAGE_BYTES);
}

TEST_F(unfinished, map_onto)
{
	expect_seen(_metadata, self, map_onto, -EEXIST);
}

static int pin_it(FIXTURE_DATA(unfinished) *self)
{
	uint32_t item;

	if (unmap(self) != -EBUSY)
		return 0;
	return mock_access_pin(self->fd, self->access, IOVA, PAGE_BYTES, NULL, 0, &item);
}

static int read_it(FIXTURE_DATA(unfinished) *self)
{
	uint8_t byte;

	if (unmap(self) != -EBUSY)
		return 0;
	return mock_access_rw(self->fd, self->access, IOVA, &byte, 1, 0);
}

TEST_F(unfinished, kernel_users)
{
	expect_seen(_metadata, self, pin_it, -ENOENT);
	expect_seen(_metadata, self, read_it, -ENOENT);
}

/* Beside it the space can be used. */
static int use_the_rest(FIXTURE_DATA(unfinished) *self)
{
	if (unmap(self) != -EBUSY)
		return 0;
	if (ioas_map_fixed(self->fd, self->ioas, self->mem, PAGE_BYTES, IOVA + BYTES))
		return 0;
	if (ioas_unmap(self->fd, self->ioas, IOVA + BYTES, PAGE_BYTES, NULL))
		return 0;
	return unmap(self);
}

TEST_F(unfinished, use_the_rest)
{
	expect_seen(_metadata, self, use_the_rest, -EBUSY);
}

/* Kill a process while it maps; returns whether it was killed there. */
static bool killed_in_time(FIXTURE_DATA(unfinished) *self)
{
	int status, err;
	pid_t pid;

	pid = fork();
	if (!pid) {
		self->mem = memory_alloc(BYTES);
		_exit(-ioas_map_fixed(self->fd, self->ioas, self->mem, BYTES, IOVA));
	}
	if (pid < 0)
		return false;
	do
		err = unmap(self);
	while (err == -ENOENT && !waitpid(pid, &status, WNOHANG));
	if (err != -EBUSY)
		return false;
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return false;
	/* If it was through before it died, the mapping stayed. */
	return unmap(self) == -ENOENT;
}

/* Who maps can be killed while it does, and leaves nothing. */
TEST_F(unfinished, killed)
{
	bool killed = false;
	int i;

	for (i = 0; i < MAX_TRIES && !killed; i++)
		killed = killed_in_time(self);
	EXPECT_TRUE(killed);
	EXPECT_EQ(0, object_stat(self->fd, self->ioas, "mappings"));
	EXPECT_EQ(0, object_stat(self->fd, self->ioas, "pinned-bytes"));
}

TEST_HARNESS_MAIN
