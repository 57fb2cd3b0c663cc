/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that make calls on the same objects at once, for a while. What a single call
 * answers is left open, as long as it is one of the errnos of a call that lost a race.
 */
#ifndef IOMMUFD_RACE_H
#define IOMMUFD_RACE_H

#include <stdatomic.h>
#include <stdint.h>

struct vfio_dev;

/* What the threads share */
struct race {
	atomic_int stop;
	atomic_int fd;
	uint32_t ioas;
	uint8_t *mem;
	struct vfio_dev *dev;
	void *more;		/* what the test has beside that */
	atomic_int wrong;	/* first errno that the call may not give */
	atomic_ulong good;	/* calls that did their work */
};

/* One call of a thread, or a few; 0 or a negative errno. */
typedef int (*step_fn)(struct race *race, unsigned int turn);

uint64_t now_ms(void);
void nap_us(unsigned int us);

/* Run the steps against each other; returns 0 when all threads could begin. */
int run_race(struct race *race, const step_fn *steps, unsigned int nr);

#define CHECK_RACE_OF(race, steps)						\
	do {									\
		ASSERT_EQ(0, run_race(race, steps,				\
				      sizeof(steps) / sizeof((steps)[0])));	\
		EXPECT_EQ(0, (race)->wrong);					\
		EXPECT_LT(0, (race)->good);					\
	} while (0)

#endif
