// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "held.h"
#include "iommufd.h"
#include "memory.h"

/* Far more than a call takes that nothing holds up, on a slow machine */
#define PATIENCE_MS	60000

static struct uffdio_range range_of(const struct held_page *held)
{
	return (struct uffdio_range){ (uintptr_t)held->mem, PAGE_BYTES };
}

static int held_register(struct held_page *held)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = held->write_only ? UFFD_FEATURE_PAGEFAULT_FLAG_WP : 0,
	};
	struct uffdio_register reg = {
		.range = range_of(held),
		.mode = held->write_only ? UFFDIO_REGISTER_MODE_WP : UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_writeprotect protect = {
		.range = range_of(held), .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	if (ioctl(held->uffd, UFFDIO_API, &api) || ioctl(held->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	if (held->write_only && ioctl(held->uffd, UFFDIO_WRITEPROTECT, &protect))
		return -errno;
	return 0;
}

int held_open(struct held_page *held, const void *data, size_t bytes)
{
	*held = (struct held_page){ .write_only = data };
	held->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (held->uffd < 0)
		return -ENODEV;
	held->mem = memory_alloc(PAGE_BYTES);
	if (!held->mem)
		return -ENOMEM;
	if (data)
		memcpy(held->mem, data, bytes);
	return held_register(held);
}

bool held_is_wanted(const struct held_page *held)
{
	struct pollfd pfd = { .fd = held->uffd, .events = POLLIN };
	struct uffd_msg msg;

	return poll(&pfd, 1, PATIENCE_MS) == 1 &&
	       read(held->uffd, &msg, sizeof(msg)) == sizeof(msg);
}

int held_release(struct held_page *held)
{
	struct uffdio_writeprotect writable = { .range = range_of(held) };
	struct uffdio_zeropage zero = { .range = range_of(held) };
	int ret;

	if (held->write_only)
		ret = ioctl(held->uffd, UFFDIO_WRITEPROTECT, &writable);
	else
		ret = ioctl(held->uffd, UFFDIO_ZEROPAGE, &zero);
	return ret ? -errno : 0;
}

void held_close(struct held_page *held)
{
	if (held->uffd >= 0)
		close(held->uffd);
	if (held->mem)
		munmap(held->mem, PAGE_BYTES);
}

static void *make_call(void *data)
{
	struct held_call *call = data;

	call->ret = iommufd_call(call->fd, call->number, call->page.mem);
	return NULL;
}

int held_call_begin(struct held_call *call, int fd, unsigned long number, const void *arg,
		    size_t bytes)
{
	int err = held_open(&call->page, arg, bytes);

	call->fd = fd;
	call->number = number;
	if (!err)
		err = -pthread_create(&call->thread, NULL, make_call, call);
	if (err) {
		held_close(&call->page);
		return err;
	}
	return held_is_wanted(&call->page) ? 0 : -ETIMEDOUT;
}

int held_call_end(struct held_call *call, void *arg, size_t bytes)
{
	int err = held_release(&call->page);

	if (err)
		return err;
	pthread_join(call->thread, NULL);
	memcpy(arg, call->page.mem, bytes);
	held_close(&call->page);
	return call->ret;
}
