/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results of calls that answer 0, a number, or a negative errno.
 */
#ifndef TEST_LIB_EXPECT_H
#define TEST_LIB_EXPECT_H

#include <setjmp.h>
#include <stdbool.h>

/* One result: the call must answer exactly this, a result or a negative errno. */
bool __attribute__((format(printf, 3, 4)))
expect(int want, int got, const char *fmt, ...);

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

extern __thread struct part *part_now;

void part_begin(struct part *part);

void part_close(const struct part *part);

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
int must(int fd, const char *what);

#endif
