/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_H
#define FUZZ_H

#include <host/base.h>

/* How often what was tested: a count of 0 means that a test tests nothing. */
struct fuzz_events {
	unsigned long worlds;
	unsigned long holds;
	unsigned long releases;
	unsigned long releases_while_pinning;
	unsigned long walks;
	unsigned long single_runs;
	unsigned long rollbacks;
	unsigned long failed_allocs;
	unsigned long failed_pins;
	unsigned long over_limit;
	unsigned long signals;
	unsigned long huge_pins;
};

extern struct fuzz_events fuzz_events;

void fuzz_one(const u8 *data, size_t size);

#endif /* FUZZ_H */
