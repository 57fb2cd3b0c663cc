// SPDX-License-Identifier: GPL-2.0-only
/*
 * The node of a VFIO device under many hands at once: files that bind it and
 * close, its group, attach and detach on one file, and a driver that comes and
 * goes. No call may answer what it could not answer alone, nobody shares the
 * device, and in the end everything is free again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"

#define ROUND_MS	2000
/* On a slow machine: until each thing happened this often, or it never will. */
#define ENOUGH		3
#define NEVER_MS	40000
#define BINDERS		3
#define KILLS		12
#define IOVA_DATA	0x40000000ULL

static char bdf[PCI_BDF_LEN];
static int iommufd, stop;
static int users, shared, odd_errno;
static long binds, groups, attaches, leaves, refusals;

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void count(long *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* Having the device: from the success of bind or open until before the close */
static void enter(void)
{
	if (__atomic_add_fetch(&users, 1, __ATOMIC_SEQ_CST) != 1)
		__atomic_store_n(&shared, 1, __ATOMIC_RELAXED);
}

static void leave(void)
{
	__atomic_sub_fetch(&users, 1, __ATOMIC_SEQ_CST);
}

/* Let the others get on with it. */
static void step_back(void)
{
	const struct timespec pause = { .tv_nsec = 300000 };

	nanosleep(&pause, NULL);
}

static void refused(int err, const int *allowed)
{
	count(&refusals);
	step_back();
	for (; *allowed; allowed++)
		if (err == -*allowed)
			return;
	__atomic_store_n(&odd_errno, err, __ATOMIC_RELAXED);
}

/* Open, bind, attach, close, again and again */
static void *binder(void *ioas)
{
	static const int open_errnos[] = { ENODEV, ENOENT, ENXIO, 0 };
	static const int bind_errnos[] = { EINVAL, EBUSY, ENODEV, 0 };
	int fd, id;

	while (!stopped()) {
		fd = cdev_open(bdf);
		if (fd < 0) {
			refused(fd, open_errnos);
			continue;
		}
		id = cdev_bind(fd, iommufd);
		if (id < 0) {
			refused(id, bind_errnos);
		} else {
			enter();
			count(&binds);
			if (cdev_attach(fd, *(int *)ioas) < 0)
				__atomic_store_n(&odd_errno, -EPROTO, __ATOMIC_RELAXED);
			leave();
		}
		close(fd);
		step_back();
	}
	return NULL;
}

static void *group_opener(void *path)
{
	static const int errnos[] = { EBUSY, ENODEV, ENOENT, ENXIO, 0 };
	int fd;

	while (!stopped()) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			refused(-errno, errnos);
			continue;
		}
		enter();
		count(&groups);
		leave();
		close(fd);
		step_back();
	}
	return NULL;
}

static void *driver_leaver(void *unused)
{
	(void)unused;
	while (!stopped()) {
		pci_bind(bdf, "");
		pci_bind(bdf, "vfio-pci");
		count(&leaves);
	}
	return NULL;
}

struct shared_file {
	int fd;
	int ioas[2];
};

static void *attacher(void *arg)
{
	static const int errnos[] = { 0 };
	struct shared_file *file = arg;
	int i, err;

	for (i = 0; !stopped(); i++) {
		err = i % 5 ? cdev_attach(file->fd, file->ioas[i & 1]) : cdev_detach(file->fd);
		if (err < 0)
			refused(err, errnos);
		count(&attaches);
	}
	return NULL;
}

static void *mapper(void *arg)
{
	struct shared_file *file = arg;
	uint8_t *mem = page_alloc(16);
	struct iommu_ioas_unmap unmap = { .size = sizeof(unmap) };
	int i;

	for (i = 0; !stopped(); i++) {
		ioas_map_fixed(iommufd, file->ioas[i & 1], mem, 16 * PAGE_BYTES, IOVA_DATA);
		unmap.ioas_id = file->ioas[i & 1];
		unmap.iova = IOVA_DATA;
		unmap.length = 16 * PAGE_BYTES;
		iommufd_call(iommufd, IOMMU_IOAS_UNMAP, &unmap);
	}
	munmap(mem, 16 * PAGE_BYTES);
	return NULL;
}

static bool enough(long *const *counters)
{
	for (; *counters; counters++)
		if (__atomic_load_n(*counters, __ATOMIC_RELAXED) < ENOUGH)
			return false;
	return true;
}

static void let_run(pthread_t *threads, int nr, long *const *counters)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	long begin = now_ms(), spent;

	do {
		nanosleep(&pause, NULL);
		spent = now_ms() - begin;
	} while (spent < ROUND_MS || (spent < NEVER_MS && !enough(counters)));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	while (nr--)
		pthread_join(threads[nr], NULL);
	__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
}

static void verdict(const char *what)
{
	tap_ok(!odd_errno, "%s: no odd answer (%s)", what, strerror(-odd_errno));
	tap_ok(!shared, "%s: nobody shared the device", what);
	odd_errno = 0;
	shared = 0;
}

static void race_open(int ioas, bool with_driver)
{
	const char *what = with_driver ? "open, bind, removal" : "open, bind, group";
	long *const counters[] = { &binds, &refusals, with_driver ? &leaves : &groups, NULL };
	pthread_t threads[BINDERS + 2];
	char group[64];
	int i, nr = 0;

	binds = 0;
	groups = 0;
	leaves = 0;
	refusals = 0;
	snprintf(group, sizeof(group), "/dev/vfio/%d", pci_group(bdf));
	for (i = 0; i < BINDERS; i++)
		pthread_create(&threads[nr++], NULL, binder, &ioas);
	pthread_create(&threads[nr++], NULL, group_opener, group);
	if (with_driver)
		pthread_create(&threads[nr++], NULL, driver_leaver, NULL);
	let_run(threads, nr, counters);
	verdict(what);
	tap_ok(enough(counters), "%s: %ld bound, %ld refused, group open %ld, driver left %ld times",
	       what, binds, refusals, groups, leaves);
}

static void race_attach(struct shared_file *file)
{
	long *const counters[] = { &attaches, NULL };
	pthread_t threads[4];
	int nr = 0;

	file->fd = cdev_open(bdf);
	if (!tap_ok(cdev_bind(file->fd, iommufd) > 0, "bind a file for all"))
		return;
	attaches = 0;
	pthread_create(&threads[nr++], NULL, attacher, file);
	pthread_create(&threads[nr++], NULL, attacher, file);
	pthread_create(&threads[nr++], NULL, mapper, file);
	pthread_create(&threads[nr++], NULL, mapper, file);
	let_run(threads, nr, counters);
	verdict("attach, detach, map");
	tap_ok(enough(counters), "attach, detach, map: %ld times", attaches);
	close(file->fd);
}

/* Threads of one process, all at work on the device, killed at any moment */
static void race_kill(struct shared_file *file)
{
	pthread_t thread;
	int i, fd, good = 0, status;
	pid_t pid;

	fflush(stdout);
	for (i = 0; i < KILLS; i++) {
		const struct timespec life = { .tv_nsec = 5000000 + 17000000L * i };

		pid = fork();
		if (!pid) {
			iommufd = iommufd_open();
			file->ioas[0] = ioas_new(iommufd);
			file->ioas[1] = ioas_new(iommufd);
			file->fd = cdev_open(bdf);
			cdev_bind(file->fd, iommufd);
			pthread_create(&thread, NULL, attacher, file);
			mapper(file);
			_exit(0);
		}
		nanosleep(&life, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		fd = cdev_open(bdf);
		good += cdev_bind(fd, iommufd) > 0;
		close(fd);
	}
	tap_ok(good == KILLS, "killed at work: the device is free again, %d of %d", good, KILLS);
}

int main(void)
{
	struct shared_file file;
	int fd;

	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		return tap_end();
	tap_ok(!pci_bind(bdf, "vfio-pci"), "vfio-pci takes it");
	iommufd = iommufd_open();
	file.ioas[0] = ioas_new(iommufd);
	file.ioas[1] = ioas_new(iommufd);
	if (!tap_ok(file.ioas[1] > 0, "two address spaces"))
		return tap_end();

	race_open(file.ioas[0], false);
	race_open(file.ioas[0], true);
	pci_bind(bdf, "vfio-pci");
	race_attach(&file);
	race_kill(&file);

	tap_ok(!object_destroy(iommufd, file.ioas[0]) && !object_destroy(iommufd, file.ioas[1]),
	       "the address spaces are free");
	fd = cdev_open(bdf);
	tap_ok(cdev_bind(fd, iommufd) > 0, "and the device is");
	close(fd);
	close(iommufd);
	tap_ok(!pci_bind(bdf, ""), "vfio-pci gives it back");
	return tap_end();
}
