// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stateful random tester: threads drive /dev/iommu against a model of what must
 * be mapped where, and compare both through the mock IOMMU, which knows what its
 * page tables hold. Other threads disturb the objects of yet another descriptor and close
 * it at random; there only impossible errnos count as wrong.
 *
 *   IOMMUFD_SEED=n     repeat a run: each thread makes the same steps again
 *   IOMMUFD_SECONDS=n  how long, 60 by default
 *
 * A run has rounds. Each ends with a close of the descriptor at a random moment,
 * with all that is there, after which no memory may be pinned.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"
#include "iommufd_worker.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/process.h"
#include "lib/viommu.h"

#define SECONDS		60
#define ROUND_STEPS	600
#define VERIFY_PERCENT	4
#define MAX_STEPS	80
#define CHAOS_IDS	14
#define CHAOS_THREADS	2

struct runner {
	struct worker worker;
	const struct step *steps[MAX_STEPS];
	unsigned long worked[MAX_STEPS];
	unsigned int nr_steps, weights;
	pthread_t thread;
};

struct chaos {
	struct worker worker;		/* its numbers only */
	atomic_int *fd;
	pthread_t thread;
	unsigned long calls;
};

static struct shared shared;
static struct runner runners[WORKERS];
static struct chaos chaos[CHAOS_THREADS];
static pthread_barrier_t barrier;
static atomic_bool over;
static unsigned int round_nr;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static void add_steps(struct runner *runner, const struct step *step)
{
	for (; step->name; step++) {
		runner->steps[runner->nr_steps++] = step;
		runner->weights += step->weight;
	}
}

static void make_step(struct runner *runner)
{
	struct worker *w = &runner->worker;
	unsigned int at = worker_below(w, runner->weights), i;
	const unsigned long before = w->worked;

	for (i = 0; at >= runner->steps[i]->weight; i++)
		at -= runner->steps[i]->weight;
	runner->steps[i]->run(w);
	runner->worked[i] += w->worked - before;
	w->steps++;
}

/* How many steps a round has is drawn, so that it ends anywhere. */
static void run_round(struct runner *runner)
{
	struct worker *w = &runner->worker;
	unsigned int left = 1 + worker_below(w, ROUND_STEPS);

	worker_begin(w, round_nr);
	while (left-- && !shared.stop) {
		make_step(runner);
		if (worker_chance(w, VERIFY_PERCENT) && !shared.stop)
			worker_verify(w);
	}
}

static void *run_worker(void *data)
{
	struct runner *runner = data;

	for (;;) {
		pthread_barrier_wait(&barrier);
		if (over)
			return NULL;
		run_round(runner);
		pthread_barrier_wait(&barrier);
	}
}

/* Errnos of calls that meet what others do to the same objects, or bad objects */
static bool may_happen(int err)
{
	static const int good[] = { 0, ENOENT, EEXIST, EBUSY, EINVAL, EADDRINUSE, EBADF, ENOSPC,
				    EOPNOTSUPP, ENODEV, EPERM, ENOTTY, EMSGSIZE, EAGAIN };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		if (err == -good[i])
			return true;
	return false;
}

static int chaos_map(struct worker *w, int fd, uint32_t id)
{
	uint64_t iova = MOCK_APERTURE_START + worker_below(w, 64) * 16 * PAGE_BYTES;
	const uint64_t bytes = (1 + worker_below(w, 32)) * PAGE_BYTES;
	const uint32_t flags = worker_chance(w, 70) ? MAP_FIXED_RW : MAP_RW;

	return ioas_map(fd, id, w->arenas[worker_below(w, ARENAS)].mem, bytes, &iova, flags);
}

static int chaos_copy(struct worker *w, int fd, uint32_t id)
{
	const uint64_t src = MOCK_APERTURE_START + worker_below(w, 64) * 16 * PAGE_BYTES;
	uint64_t dst = MOCK_APERTURE_START + (64 + worker_below(w, 64)) * 16 * PAGE_BYTES;

	return ioas_copy(fd, 1 + worker_below(w, CHAOS_IDS), &dst, id, src, PAGE_BYTES,
			 MAP_FIXED_RW);
}

static int chaos_mock(struct worker *w, int fd, uint32_t id)
{
	const uint32_t target = 1 + worker_below(w, CHAOS_IDS);
	struct iommu_test_cmd cmd = { .size = sizeof(cmd), .id = id };

	if (worker_chance(w, 50)) {
		cmd.op = IOMMU_TEST_OP_MOCK_DOMAIN;
	} else {
		cmd.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE;
		cmd.mock_domain_replace.pt_id = target;
	}
	return iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
}

static int chaos_container(struct worker *w, int fd, uint32_t id)
{
	const uint64_t iova = MOCK_APERTURE_START + worker_below(w, 64) * 16 * PAGE_BYTES;
	const uint64_t bytes = (1 + worker_below(w, 32)) * PAGE_BYTES;
	struct iommu_vfio_ioas set = {
		.size = sizeof(set), .op = worker_below(w, 3), .ioas_id = id,
	};
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = VFIO_DMA_MAP_FLAG_READ, .iova = iova,
		.size = bytes, .vaddr = (uintptr_t)w->arenas[worker_below(w, ARENAS)].mem,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = 4 * bytes,
	};

	switch (worker_below(w, 4)) {
	case 0:
		return iommufd_call(fd, IOMMU_VFIO_IOAS, &set);
	case 1:
		return ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) ? -errno : 0;
	case 2:
		return iommufd_call(fd, VFIO_IOMMU_MAP_DMA, &map);
	default:
		return iommufd_call(fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
	}
}

static int chaos_nested(struct worker *w, int fd, uint32_t id)
{
	const struct iommu_hwpt_invalidate_selftest request = {
		.flags = IOMMU_TEST_INVALIDATE_FLAG_ALL,
	};
	struct iommu_hwpt_invalidate arg = {
		.size = sizeof(arg), .hwpt_id = id, .data_uptr = (uintptr_t)&request,
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
		.entry_len = sizeof(request), .entry_num = 1,
	};
	const uint32_t dev = 1 + worker_below(w, CHAOS_IDS);
	uint32_t hwpt;

	switch (worker_below(w, 3)) {
	case 0:
		return iommufd_call(fd, IOMMU_HWPT_INVALIDATE, &arg);
	case 1:
		return mock_hwpt_alloc(fd, dev, id, IOMMU_HWPT_ALLOC_NEST_PARENT,
				       MOCK_IOMMUPT_DEFAULT, &hwpt);
	default:
		return mock_hwpt_alloc(fd, dev, id, 0, MOCK_IOMMUPT_DEFAULT, &hwpt);
	}
}

/* Its file is closed at once, or else would keep the context. */
static int chaos_queue(int fd)
{
	uint32_t id;
	int queue = fault_queue_alloc(fd, &id);

	if (queue < 0)
		return queue;
	close(queue);
	return 0;
}

static int chaos_pasid(struct worker *w, int fd, uint32_t id)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .dev_id = 1 + worker_below(w, CHAOS_IDS), .pt_id = id,
		.flags = IOMMU_HWPT_ALLOC_PASID | IOMMU_HWPT_FAULT_ID_VALID,
		.fault_id = 1 + worker_below(w, CHAOS_IDS),
	};
	uint32_t pt_id = 1 + worker_below(w, CHAOS_IDS), pasid = 1 + worker_below(w, 3);
	struct mock_ids ids;

	switch (worker_below(w, 8)) {
	case 0:
		return mock_domain(fd, id, MOCK_FLAGS_DEVICE_PASID, &ids);
	case 1:
		return iommufd_call(fd, IOMMU_HWPT_ALLOC, &arg);
	case 2:
	case 3:
		return mock_pasid_attach(fd, id, pasid, &pt_id);
	case 4:
		return mock_pasid_replace(fd, id, pasid, &pt_id);
	case 5:
		return mock_pasid_detach(fd, id, pasid);
	case 6:
		return mock_page_request(fd, id, worker_below(w, 4), 1, 0);
	default:
		return chaos_queue(fd);
	}
}

static int chaos_viommu(struct worker *w, int fd, uint32_t id)
{
	const struct iommu_viommu_invalidate_selftest request = {
		.vdev_id = worker_below(w, 3),
	};
	const uint32_t dev = 1 + worker_below(w, CHAOS_IDS);
	uint32_t other, nr = 1;
	int file, err;

	switch (worker_below(w, 8)) {
	case 0:
		return viommu_alloc(fd, dev, id, &other);
	case 1:
		return vdevice_alloc(fd, id, dev, worker_below(w, 3), &other);
	case 2:
		return mock_nested_alloc(fd, dev, id, 0, 0, &other);
	case 3:
		return viommu_invalidate(fd, id, &request, sizeof(request), &nr);
	case 4:
		return mock_trigger_vevent(fd, dev);
	case 5:
		err = hw_queue_alloc(fd, id, worker_below(w, 2), MOCK_APERTURE_START +
				     worker_below(w, 64) * 16 * PAGE_BYTES, PAGE_BYTES, &other);
		/* The queue before it is not there */
		return err == -EIO ? 0 : err;
	case 6:
		return nest_parent_alloc(fd, dev, id, &other);
	default:
		/* Its file is closed at once, as in chaos_queue() */
		file = veventq_alloc(fd, id, 1 + worker_below(w, 3), &other);
		return file < 0 ? file : close(file);
	}
}

static int chaos_call(struct worker *w, int fd)
{
	const uint32_t id = 1 + worker_below(w, CHAOS_IDS);
	uint32_t other;

	switch (worker_below(w, 22)) {
	case 0:
	case 1:
		return ioas_alloc(fd, &other);
	case 2:
		return object_destroy(fd, id);
	case 3:
		return ioas_unmap(fd, id, MOCK_APERTURE_START,
				  (1 + worker_below(w, 128)) * 16 * PAGE_BYTES, NULL);
	case 4:
		return hwpt_alloc(fd, 1 + worker_below(w, CHAOS_IDS), id, &other);
	case 5:
	case 6:
		return chaos_mock(w, fd, id);
	case 7:
		return chaos_copy(w, fd, id);
	case 8:
	case 9:
		return chaos_nested(w, fd, id);
	case 10:
		return chaos_container(w, fd, id);
	case 11:
		return change_process(fd);
	case 12:
	case 13:
	case 14:
		return chaos_pasid(w, fd, id);
	case 15:
	case 16:
	case 17:
	case 18:
		return chaos_viommu(w, fd, id);
	default:
		return chaos_map(w, fd, id);
	}
}

static void *run_chaos(void *data)
{
	struct chaos *chaos = data;
	struct worker *w = &chaos->worker;
	int err, fd;

	while (!over && !shared.stop) {
		err = chaos_call(w, atomic_load(chaos->fd));
		if (!may_happen(err)) {
			worker_note(w, -1, "a call on objects that others change");
			worker_expect(w, err, 0, "errno");
		}
		chaos->calls++;
		if (worker_chance(w, 1)) {
			fd = iommufd_open();
			fd = atomic_exchange(chaos->fd, fd);
			close(fd);
		}
	}
	return NULL;
}

/* A new descriptor with the address space of all workers and its device */
static int open_shared(void)
{
	struct iommu_test_cmd cmd = { .size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN };
	struct iommu_vfio_ioas set = { .size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET };
	int err;

	shared.files_only = shared.has_file && round_nr % 4 == 3;
	shared.fd = iommufd_open();
	if (shared.fd < 0)
		return shared.fd;
	err = ioas_alloc(shared.fd, &shared.ioas);
	if (err)
		return err;
	cmd.id = shared.ioas;
	set.ioas_id = shared.ioas;
	err = shared.has_mock ? iommufd_call(shared.fd, IOMMU_TEST_CMD, &cmd) : 0;
	if (err)
		return err;
	shared.stdev = cmd.mock_domain.out_stdev_id;
	shared.hwpt = cmd.mock_domain.out_hwpt_id;
	err = option_set(shared.fd, IOMMU_OPTION_HUGE_PAGES, shared.ioas, 0);
	shared.has_container = !err && !iommufd_call(shared.fd, IOMMU_VFIO_IOAS, &set);
	return err;
}

static void close_shared(void)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		worker_forget(&runners[i].worker);
	close(shared.fd);
	shared.fd = iommufd_open();
	for (i = 0; i < WORKERS && !shared.failed; i++)
		worker_unpinned(&runners[i].worker);
	close(shared.fd);
}

/* Can page tables of this kind be made? */
static bool has_hwpt_flag(int fd, uint32_t flag)
{
	struct iommu_test_cmd cmd = { .size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN };
	struct iommu_hwpt_alloc arg = { .size = sizeof(arg), .flags = flag };
	int err = ioas_alloc(fd, &cmd.id);

	if (!err)
		err = iommufd_call(fd, IOMMU_TEST_CMD, &cmd);
	arg.dev_id = cmd.mock_domain.out_idev_id;
	arg.pt_id = cmd.id;
	return !err && !iommufd_call(fd, IOMMU_HWPT_ALLOC, &arg);
}

/* Which parts of the interface does this kernel have? */
static void find_features(int fd)
{
	struct iommu_test_cmd cmd = { .size = sizeof(cmd), .op = IOMMU_TEST_OP_CREATE_ACCESS };
	uint32_t word[2] = {};

	shared.has_mock = iommufd_call(fd, IOMMU_TEST_CMD, word) != -ENOTTY;
	shared.has_file = iommufd_call(fd, IOMMU_IOAS_MAP_FILE, word) != -ENOTTY;
	shared.has_dirty = has_hwpt_flag(fd, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	shared.has_parent = has_hwpt_flag(fd, IOMMU_HWPT_ALLOC_NEST_PARENT);
	shared.has_nested = shared.has_parent &&
			    iommufd_call(fd, IOMMU_HWPT_INVALIDATE, word) != -ENOTTY;
	shared.has_access = iommufd_call(fd, IOMMU_TEST_CMD, &cmd) == -ENOENT;
	shared.has_pasids = has_hwpt_flag(fd, IOMMU_HWPT_ALLOC_PASID);
	ksft_print_msg("mock device: %d, map by file: %d, dirty bits: %d, parents: %d, nested: %d, accesses: %d, PASIDs: %d\n",
		       shared.has_mock, shared.has_file, shared.has_dirty, shared.has_parent,
		       shared.has_nested, shared.has_access, shared.has_pasids);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static int start(atomic_int *chaos_fd)
{
	unsigned int i;
	int err;

	pthread_barrier_init(&barrier, NULL, WORKERS + 1);
	for (i = 0; i < WORKERS; i++) {
		err = worker_init(&runners[i].worker, &shared, i);
		if (err)
			return err;
		add_steps(&runners[i], worker_map_steps);
		if (shared.has_mock)
			add_steps(&runners[i], worker_dev_steps);
		if (shared.has_nested)
			add_steps(&runners[i], worker_nested_steps);
		if (shared.has_pasids)
			add_steps(&runners[i], worker_pasid_steps);
		if (shared.has_nested && shared.has_file)
			add_steps(&runners[i], worker_viommu_steps);
		pthread_create(&runners[i].thread, NULL, run_worker, &runners[i]);
	}
	for (i = 0; i < CHAOS_THREADS; i++) {
		err = worker_init(&chaos[i].worker, &shared, WORKERS + i);
		if (err)
			return err;
		chaos[i].fd = chaos_fd;
		pthread_create(&chaos[i].thread, NULL, run_chaos, &chaos[i]);
	}
	return 0;
}

static void print_counts(void)
{
	unsigned long worked;
	unsigned int i, j;

	for (i = 0; i < runners[0].nr_steps; i++) {
		for (worked = 0, j = 0; j < WORKERS; j++)
			worked += runners[j].worked[i];
		ksft_print_msg("%8lu  %s\n", worked, runners[0].steps[i]->name);
	}
}

static void finish(void)
{
	unsigned long steps = 0, calls = 0;
	unsigned int i;

	over = true;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < WORKERS; i++) {
		pthread_join(runners[i].thread, NULL);
		steps += runners[i].worker.steps;
	}
	for (i = 0; i < CHAOS_THREADS; i++) {
		pthread_join(chaos[i].thread, NULL);
		calls += chaos[i].calls;
	}
	print_counts();
	ksft_print_msg("%lu steps in %u rounds, %lu calls beside them\n", steps, round_nr, calls);
}

int main(void)
{
	const uint64_t end = now_ms() + number_from("IOMMUFD_SECONDS", SECONDS) * 1000;
	atomic_int chaos_fd;
	int err;

	ksft_print_header();
	ksft_set_plan(2);
	if (getrandom(&shared.seed, sizeof(shared.seed), 0) < 0)
		shared.seed = now_ms();
	shared.seed = number_from("IOMMUFD_SEED", shared.seed);
	ksft_print_msg("IOMMUFD_SEED=%llu\n", (unsigned long long)shared.seed);
	chaos_fd = iommufd_open();
	if (chaos_fd < 0)
		ksft_exit_fail_msg("/dev/iommu: %s\n", strerror(-chaos_fd));
	find_features(chaos_fd);
	err = start(&chaos_fd);
	while (!err && !shared.stop && now_ms() < end) {
		err = open_shared();
		if (err)
			break;
		round_nr++;
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		close_shared();
	}
	if (err)
		ksft_exit_fail_msg("set-up: %s\n", strerror(-err));
	finish();
	close(chaos_fd);
	ksft_test_result(!shared.failed, "the kernel and the model agree\n");
	ksft_test_result(status_kib("VmPin") <= 0, "nothing is pinned in the end\n");
	if (shared.failed || status_kib("VmPin") > 0)
		ksft_exit_fail();
	ksft_exit_pass();
}
