// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that map, unmap, copy, ask and destroy the same objects at once, with
 * and without a device, and processes that die in the middle of a call. The
 * results of single calls are left open; what must hold is that every errno is
 * one the call may give, that nothing hangs, that all is as it should be
 * afterwards, and that the kernel has nothing to complain of.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "iommufd_race.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/process.h"
#include "lib/vfio_dev.h"

#define BASE		0x10000000ULL
#define MAX_ID		12
#define BIG_BYTES	(96ULL << 20)
#define NR_KILLS	12

static int step_map(struct race *race, unsigned int turn)
{
	return ioas_map_fixed(race->fd, race->ioas, race->mem, PAGE_BYTES * (1 + turn % 3),
			      BASE + turn % 8 * PAGE_BYTES);
}

static int step_unmap(struct race *race, unsigned int turn)
{
	return ioas_unmap(race->fd, race->ioas, BASE + turn % 8 * PAGE_BYTES,
			  PAGE_BYTES * (1 + turn % 4), NULL);
}

static int step_unmap_all(struct race *race, unsigned int turn)
{
	sched_yield();
	return ioas_unmap_all(race->fd, race->ioas, NULL);
}

static int step_copy(struct race *race, unsigned int turn)
{
	uint64_t iova = BASE + (turn * 5 % 16) * PAGE_BYTES;

	return ioas_copy(race->fd, race->ioas, &iova, race->ioas, BASE + turn % 8 * PAGE_BYTES,
			 PAGE_BYTES, MAP_FIXED_RW);
}

static int step_ask(struct race *race, unsigned int turn)
{
	struct iommu_iova_range range[8];
	uint32_t nr = 8;

	object_stat(race->fd, race->ioas, "mappings");
	return ioas_ranges(race->fd, race->ioas, range, &nr, NULL);
}

static int step_allow(struct race *race, unsigned int turn)
{
	const struct iommu_iova_range range = { 0, BASE * 2 + turn % 16 };

	return ioas_allow(race->fd, race->ioas, turn % 2 ? &range : NULL, turn % 2);
}

static int step_alloc(struct race *race, unsigned int turn)
{
	uint32_t id;
	int err = ioas_alloc(race->fd, &id);

	/* A number in the range that the others guess, or none at all */
	if (!err && id > MAX_ID)
		object_destroy(race->fd, id);
	return err;
}

static int step_destroy_any(struct race *race, unsigned int turn)
{
	return object_destroy(race->fd, 1 + turn % MAX_ID);
}

static int step_map_any(struct race *race, unsigned int turn)
{
	return ioas_map_fixed(race->fd, 1 + turn % MAX_ID, race->mem, PAGE_BYTES,
			      BASE + turn % 32 * PAGE_BYTES);
}

static int step_copy_any(struct race *race, unsigned int turn)
{
	uint64_t iova = 2 * BASE + turn % 32 * PAGE_BYTES;

	return ioas_copy(race->fd, 1 + turn % MAX_ID, &iova, 1 + turn * 7 % MAX_ID,
			 BASE + turn % 32 * PAGE_BYTES, PAGE_BYTES, MAP_FIXED_RW);
}

static int step_unmap_any(struct race *race, unsigned int turn)
{
	return ioas_unmap_all(race->fd, 1 + turn % MAX_ID, NULL);
}

static int step_option_any(struct race *race, unsigned int turn)
{
	return option_set(race->fd, IOMMU_OPTION_HUGE_PAGES, 1 + turn % MAX_ID, turn / 3 % 2);
}

/* Close the descriptor under the calls of the others, and open another. */
static int step_reopen(struct race *race, unsigned int turn)
{
	int old = atomic_load(&race->fd), fresh = iommufd_open();

	if (fresh < 0)
		return fresh;
	atomic_store(&race->fd, fresh);
	nap_us(200);
	return close(old) ? -errno : 0;
}

static int step_map_again(struct race *race, unsigned int turn)
{
	int fd = atomic_load(&race->fd);
	uint32_t id;
	int err;

	err = ioas_alloc(fd, &id);
	return err ? err : ioas_map_fixed(fd, id, race->mem, PAGE_BYTES, BASE);
}

static int step_attach(struct race *race, unsigned int turn)
{
	return vfio_dev_attach(race->dev, race->ioas, NULL);
}

static int step_attach_any(struct race *race, unsigned int turn)
{
	return vfio_dev_attach(race->dev, 1 + turn % MAX_ID, NULL);
}

static int step_detach(struct race *race, unsigned int turn)
{
	nap_us(300);
	return vfio_dev_detach(race->dev);
}

static int step_table(struct race *race, unsigned int turn)
{
	uint32_t hwpt;
	int err;

	err = hwpt_alloc(race->fd, race->dev->dev_id, race->ioas, &hwpt);
	if (err)
		return err;
	vfio_dev_attach(race->dev, hwpt, NULL);
	err = object_destroy(race->fd, hwpt);
	if (!err)
		return 0;
	/* It is in use: make way. */
	vfio_dev_detach(race->dev);
	return object_destroy(race->fd, hwpt);
}

FIXTURE(race)
{
	struct race race;
	struct vfio_dev dev;
};

FIXTURE_SETUP(race)
{
	int fd = iommufd_open();

	ASSERT_LE(0, fd);
	atomic_store(&self->race.fd, fd);
	self->race.mem = memory_alloc(8 * PAGE_BYTES);
	ASSERT_NE(NULL, self->race.mem);
	self->dev.fd = -1;
	self->race.dev = &self->dev;
	ASSERT_EQ(0, ioas_alloc(fd, &self->race.ioas));
}

FIXTURE_TEARDOWN(race)
{
	vfio_dev_close(&self->dev);
	EXPECT_EQ(0, close(self->race.fd));
}

#define CHECK_RACE(steps)	CHECK_RACE_OF(&self->race, steps)

TEST_F(race, map_unmap)
{
	static const step_fn steps[] = { step_map, step_unmap, step_map, step_unmap_all };
	uint64_t bytes;

	CHECK_RACE(steps);
	EXPECT_EQ(0, ioas_unmap_all(self->race.fd, self->race.ioas, &bytes));
	EXPECT_EQ(0, object_stat(self->race.fd, self->race.ioas, "mapped-bytes"));
	EXPECT_EQ(0, object_destroy(self->race.fd, self->race.ioas));
}

TEST_F(race, copy_unmap)
{
	static const step_fn steps[] = { step_map, step_copy, step_unmap_all, step_copy };

	CHECK_RACE(steps);
	EXPECT_EQ(0, ioas_unmap_all(self->race.fd, self->race.ioas, NULL));
	EXPECT_EQ(0, object_stat(self->race.fd, self->race.ioas, "mappings"));
}

TEST_F(race, map_ask_allow)
{
	static const step_fn steps[] = { step_map, step_ask, step_allow, step_unmap_all };

	CHECK_RACE(steps);
}

TEST_F(race, destroy_any)
{
	static const step_fn steps[] = {
		step_alloc, step_destroy_any, step_map_any, step_destroy_any, step_unmap_any,
		step_copy_any, step_option_any,
	};
	uint32_t id;
	int err;

	CHECK_RACE(steps);
	/* None is stuck. */
	for (id = 1; id <= MAX_ID; id++) {
		err = object_destroy(self->race.fd, id);
		EXPECT_TRUE(!err || err == -ENOENT) TH_LOG("id %u: %d", id, err);
	}
}

TEST_F(race, close)
{
	static const step_fn steps[] = { step_map_again, step_reopen, step_map_again };

	CHECK_RACE(steps);
}

static int bind_device(struct race *race)
{
	int err = vfio_dev_open(race->dev);

	return err ? err : vfio_dev_bind(race->dev, race->fd);
}

#define NEED_DEVICE()								\
	do {									\
		int _err = bind_device(&self->race);				\
										\
		if (_err == -ENODEV || _err == -ENOENT)				\
			SKIP(return, "no device with a VFIO node: edu, or IOMMUFD_TEST_BDF"); \
		ASSERT_EQ(0, _err);						\
	} while (0)

TEST_F(race, attached_map_unmap)
{
	static const step_fn steps[] = { step_map, step_unmap, step_copy, step_unmap_all };
	const long before = status_kib("VmPin");

	NEED_DEVICE();
	ASSERT_EQ(0, vfio_dev_attach(&self->dev, self->race.ioas, NULL));
	CHECK_RACE(steps);
	EXPECT_EQ(0, ioas_unmap_all(self->race.fd, self->race.ioas, NULL));
	EXPECT_EQ(0, object_stat(self->race.fd, self->race.ioas, "pinned-bytes"));
	EXPECT_EQ(before, status_kib("VmPin"));
}

TEST_F(race, attach_detach_map)
{
	static const step_fn steps[] = { step_attach, step_detach, step_map, step_unmap_all };
	const long before = status_kib("VmPin");

	NEED_DEVICE();
	CHECK_RACE(steps);
	EXPECT_EQ(0, vfio_dev_detach(&self->dev));
	EXPECT_EQ(before, status_kib("VmPin"));
	EXPECT_EQ(0, object_destroy(self->race.fd, self->race.ioas));
}

TEST_F(race, tables)
{
	static const step_fn steps[] = { step_table, step_map, step_attach, step_unmap_all,
					 step_ask, step_table };
	const long before = status_kib("VmPin");

	NEED_DEVICE();
	CHECK_RACE(steps);
	EXPECT_EQ(0, vfio_dev_detach(&self->dev));
	EXPECT_EQ(0, ioas_unmap_all(self->race.fd, self->race.ioas, NULL));
	EXPECT_EQ(before, status_kib("VmPin"));
}

TEST_F(race, attach_any)
{
	static const step_fn steps[] = {
		step_attach_any, step_alloc, step_destroy_any, step_map_any, step_detach,
	};

	NEED_DEVICE();
	CHECK_RACE(steps);
	EXPECT_EQ(0, vfio_dev_detach(&self->dev));
}

/* A child that maps and unmaps a lot until it is killed */
static void map_for_ever(struct race *race, uint8_t *mem)
{
	for (;;) {
		ioas_map_fixed(race->fd, race->ioas, mem, BIG_BYTES, 4 * BASE);
		ioas_unmap_all(race->fd, race->ioas, NULL);
	}
}

static int kill_after(struct race *race, unsigned int us, uint64_t *died_ms)
{
	uint64_t start;
	uint8_t *mem;
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		mem = memory_alloc(BIG_BYTES);
		if (mem)
			map_for_ever(race, mem);
		_exit(1);
	}
	nap_us(us % 1000000);
	kill(pid, SIGKILL);
	start = now_ms();
	if (waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	*died_ms = now_ms() - start;
	return WIFSIGNALED(status) ? 0 : -ECHILD;
}

/* With a device attached the memory is pinned; that is what takes long. */
TEST_F_TIMEOUT(race, killed_in_a_map, 120)
{
	uint64_t died_ms = 0, slowest_ms = 0, bytes;
	int i;

	NEED_DEVICE();
	ASSERT_EQ(0, vfio_dev_attach(&self->dev, self->race.ioas, NULL));
	for (i = 0; i < NR_KILLS; i++) {
		ASSERT_EQ(0, kill_after(&self->race, 5000 + i * 17000, &died_ms));
		if (died_ms > slowest_ms)
			slowest_ms = died_ms;
		/* The space is ours and whole. */
		EXPECT_EQ(0, ioas_unmap_all(self->race.fd, self->race.ioas, &bytes));
		EXPECT_EQ(0, object_stat(self->race.fd, self->race.ioas, "pinned-bytes"));
		ASSERT_EQ(0, ioas_map_fixed(self->race.fd, self->race.ioas, self->race.mem,
					    PAGE_BYTES, 4 * BASE));
		ASSERT_EQ(0, ioas_unmap_all(self->race.fd, self->race.ioas, NULL));
	}
	EXPECT_GT(5000, slowest_ms) TH_LOG("slowest death: %llu ms",
					   (unsigned long long)slowest_ms);
}

/* The last descriptor goes with the process, in the middle of a call. */
TEST_F(race, killed_with_everything)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < NR_KILLS; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			struct race own = { .mem = self->race.mem };

			own.fd = iommufd_open();
			if (ioas_alloc(own.fd, &own.ioas))
				_exit(1);
			for (;;) {
				step_map(&own, rand());
				step_copy(&own, rand());
				step_unmap(&own, rand());
			}
		}
		nap_us(3000 + i * 5000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
	}
}

TEST_HARNESS_MAIN
