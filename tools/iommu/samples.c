// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples.h"

const char *samples_profiled;

void size_name(uint64_t bytes, char *buf, unsigned int len)
{
	if (bytes && !(bytes & ((1 << 30) - 1)))
		snprintf(buf, len, "%" PRIu64 "G", bytes >> 30);
	else if (bytes && !(bytes & ((1 << 20) - 1)))
		snprintf(buf, len, "%" PRIu64 "M", bytes >> 20);
	else
		snprintf(buf, len, "%" PRIu64 "K", bytes >> 10);
}

void samples_init(struct samples *s, const char *op, const char *memory, uint64_t bytes,
		  unsigned int max)
{
	char size[16];

	*s = (struct samples){ .bytes = bytes, .max = max };
	size_name(bytes, size, sizeof(size));
	if (memory)
		snprintf(s->name, sizeof(s->name), "%s-%s-%s", op, memory, size);
	else
		snprintf(s->name, sizeof(s->name), "%s", op);
	s->marked = samples_profiled && !strcmp(samples_profiled, s->name);
	s->cost = calloc(max, sizeof(*s->cost));
	if (!s->cost) {
		perror("samples");
		exit(1);
	}
	/* A page touched for the first time would count as part of an operation */
	memset(s->cost, 0xff, max * sizeof(*s->cost));
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void samples_report(struct samples *s, const char *backend)
{
	double sum = 0;
	unsigned int i;

	if (s->count) {
		qsort(s->cost, s->count, sizeof(*s->cost), compare);
		for (i = 0; i < s->count; i++)
			sum += s->cost[i];
		printf("row %s %s %" PRIu64 " %u %" PRIu64 " %" PRIu64 " %.1f\n", backend, s->name,
		       s->bytes, s->count, s->cost[s->count / 2], s->cost[0], sum / s->count);
		fflush(stdout);
	}
	samples_free(s);
}

void samples_free(struct samples *s)
{
	free(s->cost);
	s->cost = NULL;
	s->count = 0;
	s->max = 0;
}
