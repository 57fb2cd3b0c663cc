/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The costs of one operation, repeated, and the line that tells them:
 *
 *   row BACKEND NAME BYTES COUNT MEDIAN MIN MEAN
 */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

#define ROW_NAME_LEN	48

struct samples {
	char name[ROW_NAME_LEN];	/* "map-4k-2M" */
	uint64_t bytes;			/* that one operation works on */
	uint64_t start;
	uint64_t *cost;
	unsigned int count, max;
	bool marked;			/* the profiler counts this operation */
};

/* Row that the profiler is to see, NULL for none: set it before the first row. */
extern const char *samples_profiled;

/* Make room for max samples of "OP-MEMORY-SIZE"; memory may be NULL. */
void samples_init(struct samples *s, const char *op, const char *memory, uint64_t bytes,
		  unsigned int max);
/* Print the line and free the samples. */
void samples_report(struct samples *s, const char *backend);
void samples_free(struct samples *s);

/* "4K", "2M", "1G" */
void size_name(uint64_t bytes, char *buf, unsigned int len);

static inline void samples_begin(struct samples *s)
{
	if (s->marked)
		clock_mark_on();
	s->start = clock_now();
}

static inline void samples_end(struct samples *s)
{
	uint64_t end = clock_now();

	if (s->marked)
		clock_mark_off();
	if (s->count < s->max)
		s->cost[s->count++] = end - s->start;
}

#endif
