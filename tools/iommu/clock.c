// SPDX-License-Identifier: GPL-2.0-only
#include "clock.h"

#define LOOPS		4000000
#define TRIES		3
#define SLACK		0.005

/* The best of some tries, as interrupts of the timer only ever add. */
bool clock_is_exact(double *ratio)
{
	uint64_t best = UINT64_MAX, start, took;
	int i;

	for (i = 0; i < TRIES; i++) {
		start = clock_now();
		clock_spin(LOOPS);
		took = clock_now() - start;
		if (took < best)
			best = took;
	}
	*ratio = best / (2.0 * LOOPS);
	return *ratio > 1 - SLACK && *ratio < 1 + SLACK;
}
