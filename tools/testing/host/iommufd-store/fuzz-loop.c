// SPDX-License-Identifier: GPL-2.0-only
/*
 * Feed the fuzzer with random input for a number of seconds.
 * usage: fuzz [SECONDS [SEED]]
 *
 * A failure names the seed that repeats it at once.
 */
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_BYTES	3000

static unsigned long seed;

static void on_abort(int sig)
{
	fprintf(stderr, "repeat with: fuzz 1 %lu\n", seed);
}

static void on_alarm(int sig)
{
	abort();
}

static void fill(u8 *data, size_t size, unsigned long state)
{
	size_t i;

	for (i = 0; i < size; i++) {
		state = state * 6364136223846793005UL + 1442695040888963407UL;
		data[i] = state >> 56;
	}
}

static bool report(void)
{
	static const char * const names[] = {
		"worlds", "holds", "releases", "releases while pinning", "walks",
		"single runs", "rollbacks", "failed allocations", "failed pins", "over limit",
		"signals", "huge pages at once"
	};
	const unsigned long *n = (const unsigned long *)&fuzz_events;
	bool complete = true;
	unsigned int i;

	_Static_assert(sizeof(fuzz_events) / sizeof(long) == ARRAY_SIZE(names), "");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		printf("# %-24s %lu\n", names[i], n[i]);
		complete &= n[i] != 0;
	}
	return complete;
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atol(argv[1]) : 60);
	static u8 data[INPUT_BYTES];
	bool complete;

	seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	signal(SIGABRT, on_abort);
	/* A loop without end is a failure, too. */
	alarm(4 * (end - time(NULL)) + 120);
	signal(SIGALRM, on_alarm);
	do {
		fill(data, sizeof(data), seed * 0x9e3779b97f4a7c15UL);
		fuzz_one(data, 100 + seed * 37 % (sizeof(data) - 100));
		seed++;
	} while (time(NULL) < end);
	complete = report();
	printf("%s 1 iommufd-store fuzz: every kind of event was seen\n",
	       complete ? "ok" : "not ok");
	return !complete;
}
