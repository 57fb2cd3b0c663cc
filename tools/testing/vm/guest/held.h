/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page that can be read, and that whoever writes to it waits for, until it is
 * let go. A system call that has its argument there does all its work, and cannot
 * return.
 */
#ifndef GUEST_HELD_H
#define GUEST_HELD_H

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "page.h"

#define HELD_PATIENCE_MS	60000

struct held_page {
	int uffd;
	void *mem;
};

static inline int held_protect(const struct held_page *held, bool on)
{
	struct uffdio_writeprotect protect = {
		.range = { (uintptr_t)held->mem, PAGE_BYTES },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(held->uffd, UFFDIO_WRITEPROTECT, &protect) ? -errno : 0;
}

/* With data in it. Negative errno where the kernel cannot hold writers. */
static inline int held_open(struct held_page *held, const void *data, size_t bytes)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };

	held->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (held->uffd < 0)
		return -errno;
	held->mem = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	memcpy(held->mem, data, bytes);
	reg.range.start = (uintptr_t)held->mem;
	reg.range.len = PAGE_BYTES;
	if (ioctl(held->uffd, UFFDIO_API, &api) || ioctl(held->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return held_protect(held, true);
}

/* Somebody waits. */
static inline bool held_is_wanted(const struct held_page *held)
{
	struct pollfd pfd = { .fd = held->uffd, .events = POLLIN };
	struct uffd_msg msg;

	return poll(&pfd, 1, HELD_PATIENCE_MS) == 1 &&
	       read(held->uffd, &msg, sizeof(msg)) == sizeof(msg);
}

static inline void held_close(struct held_page *held)
{
	close(held->uffd);
	if (held->mem)
		munmap(held->mem, PAGE_BYTES);
}

#endif
