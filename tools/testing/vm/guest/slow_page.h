/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page of memory whose first access waits until the program lets it go on, a
 * long-term pin included: userfaultfd does not stop those, they fail. The page is of
 * a file that this program serves (FUSE) and is alone in its file system, so no name
 * is ever looked up.
 *
 * Whoever waits holds mmap_lock: until slow_page_release() the program must not
 * change its mappings, and a new thread's stack is one.
 */
#ifndef GUEST_SLOW_PAGE_H
#define GUEST_SLOW_PAGE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lib/memory.h"

#define SLOW_PAGE_FILE		"/tmp/slow_page"
/* For an access that will not come; much more than one takes in a slow machine */
#define SLOW_PAGE_SECONDS	60

struct slow_page {
	uint8_t *mem;
	int fuse;
	pthread_t server;
	sem_t wanted, released;
	union {
		struct fuse_in_header head;
		uint8_t bytes[FUSE_MIN_READ_BUFFER];
	} request;
};

/* The one answer to a request; the kernel no longer wants it if this fails. */
static inline void slow_page_answer(struct slow_page *page, int err, void *data, size_t bytes)
{
	struct fuse_out_header head = {
		.len = sizeof(head) + bytes, .error = err, .unique = page->request.head.unique,
	};
	struct iovec parts[] = {
		{ &head, sizeof(head) },
		{ data, bytes },
	};

	if (writev(page->fuse, parts, 2) < 0 && errno != ENOENT && errno != EINVAL)
		perror("slow page");
}

static inline void slow_page_serve_one(struct slow_page *page)
{
	static uint8_t zeros[PAGE_BYTES];
	struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = PAGE_BYTES,
	};
	struct fuse_open_out opened = { .fh = 0 };
	struct fuse_attr_out attr = {
		.attr = {
			.ino = FUSE_ROOT_ID, .size = PAGE_BYTES, .mode = S_IFREG | 0600,
			.nlink = 1, .blksize = PAGE_BYTES,
		},
	};

	switch (page->request.head.opcode) {
	case FUSE_INIT:
		slow_page_answer(page, 0, &init, sizeof(init));
		break;
	case FUSE_GETATTR:
		slow_page_answer(page, 0, &attr, sizeof(attr));
		break;
	case FUSE_READ:
		sem_post(&page->wanted);
		sem_wait(&page->released);
		slow_page_answer(page, 0, zeros, sizeof(zeros));
		break;
	case FUSE_OPEN:
		slow_page_answer(page, 0, &opened, sizeof(opened));
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		slow_page_answer(page, 0, NULL, 0);
		break;
	default:
		slow_page_answer(page, -EOPNOTSUPP, NULL, 0);
	}
}

static inline void *slow_page_serve(void *arg)
{
	struct slow_page *page = arg;

	/* ENODEV: it is mounted no more */
	for (;;)
		if (read(page->fuse, &page->request, sizeof(page->request)) > 0)
			slow_page_serve_one(page);
		else if (errno == ENODEV)
			return NULL;
}

static inline int slow_page_mount(struct slow_page *page)
{
	char options[64];
	int fd = open(SLOW_PAGE_FILE, O_RDONLY | O_CREAT, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100600,user_id=0,group_id=0",
		 page->fuse);
	if (mount("slow_page", SLOW_PAGE_FILE, "fuse", MS_NOSUID | MS_NODEV, options))
		return -errno;
	return -pthread_create(&page->server, NULL, slow_page_serve, page);
}

/* Private memory, as that of any other program; 0 or a negative errno. */
static inline int slow_page_open(struct slow_page *page)
{
	struct stat stat;
	int fd, err;

	sem_init(&page->wanted, 0, 0);
	sem_init(&page->released, 0, 0);
	page->fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (page->fuse < 0)
		return -errno;
	err = slow_page_mount(page);
	if (err)
		return err;
	fd = open(SLOW_PAGE_FILE, O_RDONLY);
	/* The kernel asks for the size now, before it is told of an access */
	if (fd < 0 || fstat(fd, &stat))
		return -errno;
	page->mem = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	err = page->mem == MAP_FAILED ? -errno : 0;
	close(fd);
	return err;
}

/* Wait until somebody waits for the page. */
static inline bool slow_page_is_wanted(struct slow_page *page)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += SLOW_PAGE_SECONDS;
	return !sem_clockwait(&page->wanted, CLOCK_MONOTONIC, &until);
}

static inline void slow_page_release(struct slow_page *page)
{
	sem_post(&page->released);
}

static inline void slow_page_close(struct slow_page *page)
{
	munmap(page->mem, PAGE_BYTES);
	if (umount(SLOW_PAGE_FILE))
		perror("slow page");
	else
		pthread_join(page->server, NULL);
	close(page->fuse);
	unlink(SLOW_PAGE_FILE);
}

#endif
