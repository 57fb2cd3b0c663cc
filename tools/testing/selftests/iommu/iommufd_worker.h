/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One thread of the random tester: objects of its own on a descriptor that all
 * threads share, a model of what they must hold, and steps that change both.
 *
 * A worker draws all its decisions from one stream of numbers, and no result of
 * its calls depends on other workers: it has address spaces, memory and devices
 * of its own, and in the one address space that all share a range of its own.
 * So a seed makes the same steps again however the threads interleave.
 */
#ifndef IOMMUFD_WORKER_H
#define IOMMUFD_WORKER_H

#include <stdatomic.h>

#include "../../../../drivers/iommu/iommufd/iommufd_test_ext.h"
#include "iommufd_model.h"
#include "lib/mock.h"

#define WORKERS		4
#define SPACES		3	/* the last one is the shared one */
#define SHARED		(SPACES - 1)
#define HWPTS		3
#define NESTED		2
#define DEVS		3
#define ACCESSES	2
#define PINS		4
#define ARENAS		3
#define HISTORY		4096
#define NOTE_BYTES	128

#define MOCK_PAGE	((uint64_t)MOCK_PAGE_SIZE)
/* IOVAs that fixed mappings of one worker use, in all its spaces */
#define WINDOW_BYTES	(48ULL << 20)
/* IOVAs whose dirty bits the model knows: those where mappings can be */
#define DIRTY_BYTES	((WORKERS + 1) * WINDOW_BYTES)

struct shared {
	int fd;
	uint32_t ioas;		/* address space of all workers */
	uint32_t stdev;		/* its device, which keeps the page table there */
	uint32_t hwpt;
	uint64_t seed;
	bool has_mock, has_file, has_dirty, has_parent, has_nested, has_access;
	bool has_container, has_pasids;
	bool files_only;	/* in this round, so that all charges can move */
	atomic_bool stop;
	atomic_bool failed;
};

struct arena {
	uint8_t *mem;
	uint64_t bytes;
	int file;		/* -1 for anonymous memory */
	bool small;		/* no large pages: pins can be counted */
};

struct space {
	bool live;
	bool huge;		/* the HUGE_PAGES option */
	uint32_t ioas;
	uint32_t auto_hwpt;	/* made by an attach, while auto_users */
	unsigned int auto_users;
	struct model_space model;
};

struct hwpt {
	bool live, dirty, tracking, parent;
	uint32_t id;
	unsigned int space;
	unsigned int users;	/* devices, and nested ones */
	uint8_t *bits;		/* one byte for each mock page */
};

struct nested {
	bool live;
	uint32_t id;
	unsigned int parent;	/* a hwpt, which lives as long */
	unsigned int users;
	uint32_t words[MOCK_NESTED_DOMAIN_IOTLB_NUM];
};

struct dev {
	bool live, no_dirty;
	uint32_t stdev, idev;
	unsigned int space;
	int hwpt;		/* -1: the automatic one of the space */
	int nested;		/* -1: attached to hwpt itself */
};

struct pin {
	bool live;
	uint32_t id;
	uint64_t iova, bytes;
};

struct access {
	bool live, pins_pages;
	int fd;
	unsigned int space;
	struct pin pins[PINS];
};

#define QUEUES		2
/* The first ones have the queues, the last one is not for PASIDs */
#define PASID_TABLES	4
/* The requester ID, and PASIDs from 1 on */
#define POINTS		4
/* Page requests without an answer, far fewer than a device may have */
#define MAX_WAITING	8

/* A group of page requests */
struct waiting {
	unsigned int point, nr;
	int queue;
	uint32_t id, cookie;
	bool read;
};

/* A device with PASIDs, in an address space of its own */
struct pasids {
	bool live;
	uint32_t ioas, stdev, dev;
	uint32_t fault[QUEUES], tables[PASID_TABLES];
	int queue[QUEUES];		/* -1: closed */
	int at[POINTS];			/* page table; -1: not attached */
	struct waiting groups[MAX_WAITING];	/* in the order in which they came */
	unsigned int nr_groups;
	uint32_t last_group;
	unsigned int nr_success, nr_invalid;	/* answers that the device got */
};

#define VIOMMUS		2
#define VDEVS		2
#define HW_QUEUES	IOMMU_TEST_HW_QUEUE_MAX
#define MAX_EVENTS	3
/* Pages that queues can be in; the last one is the memory of the one before */
#define LAST_PAGE	3u
#define ON_PARENT	(-1)
#define NO_NAME		(-2)

struct event {
	uint32_t sequence;
	uint32_t name;
};

struct hw_queue {
	uint32_t id;		/* 0: there is none */
	unsigned int first, last;
};

struct viommu {
	bool live;
	uint32_t id, tag;
	uint64_t offset;
	uint32_t *region;	/* NULL: not mapped */
	uint32_t hwpt;		/* 0: none is nested on it */
	uint32_t eventq;	/* 0: there is none */
	int file;		/* -1: closed */
	uint32_t depth, sequence;
	unsigned int nr_events;
	struct event events[MAX_EVENTS];
	bool lost;
	struct hw_queue queues[HW_QUEUES];
};

/* Behind a virtual IOMMU */
struct vdev {
	uint32_t stdev, dev, vdevice;
	int at;			/* the page table of a virtual IOMMU, or ON_PARENT */
	int named_on;		/* a virtual IOMMU, or NO_NAME */
	uint64_t name;
	uint32_t words;		/* of its cache that are still there */
};

/* Virtual IOMMUs and their devices, on an address space of their own */
struct virt {
	bool live;
	uint32_t ioas, parent;
	int file;
	bool mapped[LAST_PAGE + 1];
	struct viommu viommus[VIOMMUS];
	struct vdev devs[VDEVS];
};

struct note {
	int space;		/* -1: of no space */
	char text[NOTE_BYTES];
};

struct worker {
	struct shared *shared;
	unsigned int index;
	unsigned int round;
	uint64_t random;
	uint64_t steps;
	uint64_t first, last;	/* window of fixed mappings */
	uint32_t next_store;
	struct arena arenas[ARENAS];
	struct space spaces[SPACES];
	struct hwpt hwpts[HWPTS];
	struct nested nested[NESTED];
	struct dev devs[DEVS];
	struct access accesses[ACCESSES];
	struct pasids pasids;
	struct virt virt;
	unsigned int notes;
	struct note history[HISTORY];
	unsigned long worked;	/* calls that were answered with success */
};

struct step {
	const char *name;
	unsigned int weight;
	void (*run)(struct worker *w);
};

extern const struct step worker_map_steps[], worker_dev_steps[], worker_nested_steps[];
extern const struct step worker_pasid_steps[], worker_viommu_steps[];

/* Numbers */
uint64_t worker_random(struct worker *w);
uint64_t worker_below(struct worker *w, uint64_t end);
bool worker_chance(struct worker *w, unsigned int percent);

/*
 * Write down what is about to be done, in which space, and compare how it ended.
 * A difference ends the run and prints the seed and what led to it.
 */
void __attribute__((format(printf, 3, 4)))
worker_note(struct worker *w, int space, const char *fmt, ...);
bool worker_expect(struct worker *w, long long got, long long wanted, const char *what);

/* Calls */
int worker_mock(struct worker *w, struct iommu_test_cmd *cmd, uint32_t op, uint32_t id);

/* Set-up */
int worker_init(struct worker *w, struct shared *shared, unsigned int index);
void worker_begin(struct worker *w, unsigned int round);
void worker_forget(struct worker *w);
void worker_forget_pasids(struct worker *w);
void worker_forget_viommus(struct worker *w);

/* What the model says */
bool space_has_hwpt(const struct worker *w, unsigned int space);
uint64_t space_alignment(const struct worker *w, unsigned int space);
/* A space that lives, chosen at random; -1 if none does */
int worker_any_space(struct worker *w);
/* A device that lives, NULL if none does */
struct dev *worker_some_dev(struct worker *w);
/* Pins and dirty bits of memory that is unmapped are gone. */
void worker_drop_range(struct worker *w, unsigned int space, uint64_t iova, uint64_t last);

/* Compare the kernel with the model, all page tables and some pages' pins. */
void worker_verify(struct worker *w);
/* Is nothing of the arenas pinned? */
bool worker_unpinned(struct worker *w);

#endif
