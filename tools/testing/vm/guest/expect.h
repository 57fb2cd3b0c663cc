/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results of calls that answer 0, a number, or a negative errno.
 */
#ifndef GUEST_EXPECT_H
#define GUEST_EXPECT_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

/* One result: the call must answer exactly this, a result or a negative errno. */
static inline bool __attribute__((format(printf, 3, 4)))
expect(int want, int got, const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (got == want)
		return tap_ok(true, "%s: %s", text, want < 0 ? strerrorname_np(-want) : "fine");
	return tap_ok(false, "%s: %d (%s) wanted, is %d (%s)", text, want, strerror(-want), got,
		      strerror(-got));
}

/*
 * A part of a program, which ends early when must() fails; the parts after it run
 * all the same. Descriptors below PART_FDS that an ended part has opened are closed,
 * so that it holds no device back from them.
 */
#define PART_FDS	256

struct part {
	jmp_buf end;
	struct part *outer;
	bool open[PART_FDS];
};

static __thread struct part *part_now;

static inline void part_begin(struct part *part)
{
	int fd;

	for (fd = 0; fd < PART_FDS; fd++)
		part->open[fd] = fcntl(fd, F_GETFD) >= 0;
	part->outer = part_now;
	part_now = part;
}

static inline void part_close(const struct part *part)
{
	int fd;

	for (fd = 0; fd < PART_FDS; fd++)
		if (!part->open[fd])
			close(fd);
}

/* Run a call as a part. */
#define PART(call) do {					\
	struct part part_;				\
							\
	part_begin(&part_);				\
	if (!setjmp(part_.end))				\
		call;					\
	else						\
		part_close(&part_);			\
	part_now = part_.outer;				\
} while (0)

/*
 * A descriptor or an id that must be there for this part of the test to go on, or
 * for the whole test where it is in no part.
 */
static inline int must(int fd, const char *what)
{
	if (fd < 0) {
		tap_ok(false, "%s: %s", what, strerror(-fd));
		if (part_now)
			longjmp(part_now->end, 1);
		exit(tap_end());
	}
	return fd;
}

#endif
