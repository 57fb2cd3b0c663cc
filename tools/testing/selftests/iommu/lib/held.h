/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page whose first access, or with data in it, whose first write waits until it is
 * released (userfaultfd). A system call that has its argument there waits before its
 * work, or does all its work and cannot return.
 */
#ifndef TEST_LIB_HELD_H
#define TEST_LIB_HELD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct held_page {
	int uffd;
	bool write_only;
	void *mem;
};

/*
 * With data, the page holds it and only a write waits. Negative errno: -ENODEV without
 * userfaultfd, -EINVAL where it cannot hold writers.
 */
int held_open(struct held_page *held, const void *data, size_t bytes);
/* Somebody waits, by now or after a while. */
bool held_is_wanted(const struct held_page *held);
/* Let them go on; a negative errno if that fails. */
int held_release(struct held_page *held);
/* After held_open(), whether it went well or not */
void held_close(struct held_page *held);

/* A call of /dev/iommu that has done its work and cannot write its answer */
struct held_call {
	struct held_page page;
	pthread_t thread;
	int fd;
	unsigned long number;
	int ret;
};

/*
 * Returns 0 when the call waits. Negative errno: -ENODEV or -EINVAL as held_open(), and
 * then there is nothing to end; -ETIMEDOUT when the call does not come so far.
 */
int held_call_begin(struct held_call *call, int fd, unsigned long number, const void *arg,
		    size_t bytes);
/* The result of the call, and its argument afterwards */
int held_call_end(struct held_call *call, void *arg, size_t bytes);

#endif
