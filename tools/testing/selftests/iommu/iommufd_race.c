// SPDX-License-Identifier: GPL-2.0-only
/* Threads against each other: see the header. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "iommufd_race.h"

#define RACE_MS		1500

struct worker {
	pthread_t thread;
	struct race *race;
	step_fn step;
};

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

void nap_us(unsigned int us)
{
	const struct timespec pause = { .tv_nsec = us * 1000L };

	nanosleep(&pause, NULL);
}

/* Errnos of a race that lost, of any call; all others are wrong. */
static int may_happen(int err)
{
	switch (-err) {
	case 0:
	case ENOENT:
	case EEXIST:
	case EBUSY:
	case EINVAL:
	case EADDRINUSE:
	case EBADF:
		return 1;
	default:
		return 0;
	}
}

static void *work(void *data)
{
	struct worker *worker = data;
	struct race *race = worker->race;
	unsigned int turn;
	int none = 0, err;

	for (turn = 0; !atomic_load(&race->stop); turn++) {
		err = worker->step(race, turn);
		if (!err)
			atomic_fetch_add(&race->good, 1);
		else if (!may_happen(err))
			atomic_compare_exchange_strong(&race->wrong, &none, err);
	}
	return NULL;
}

int run_race(struct race *race, const step_fn *steps, unsigned int nr)
{
	const uint64_t end = now_ms() + RACE_MS;
	struct worker workers[8];
	unsigned int i;

	atomic_store(&race->stop, 0);
	for (i = 0; i < nr; i++) {
		workers[i].race = race;
		workers[i].step = steps[i];
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return -EAGAIN;
	}
	while (now_ms() < end)
		nap_us(10000);
	atomic_store(&race->stop, 1);
	for (i = 0; i < nr; i++)
		pthread_join(workers[i].thread, NULL);
	return 0;
}
