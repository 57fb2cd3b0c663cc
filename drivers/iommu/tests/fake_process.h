/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes without threads, for devices that use their page tables. Each has the same
 * few areas of memory, none of which is in its page table at first.
 */
#ifndef __FAKE_PROCESS_H
#define __FAKE_PROCESS_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/types.h>
#include <linux/wait.h>

struct kunit;
struct mm_struct;

/* Time after which an event is considered lost: the test fails instead of hanging */
#define FAKE_FOREVER		(60 * HZ)

/* Addresses of the areas, in bytes; nothing else is mapped */
#define FAKE_READ_WRITE		0x10000000UL
#define FAKE_READ_ONLY		0x10100000UL
#define FAKE_EXECUTABLE		0x10200000UL
#define FAKE_GATED		0x10300000UL
#define FAKE_UNMAPPED		0x10400000UL
#define FAKE_AREA_PAGES		4

/**
 * struct fake_gate - page faults at %FAKE_GATED are noted, and wait if it is closed
 * @open: completed to let them continue
 * @closed: whether they wait
 * @nr: number of them
 * @arrived: woken at each one
 * @flags: FAULT_FLAG_* of the last one
 */
struct fake_gate {
	struct completion open;
	bool closed;
	atomic_t nr;
	wait_queue_head_t arrived;
	unsigned int flags;
};

extern struct fake_gate fake_gate;

void fake_processes_init(struct kunit *test);
void fake_processes_exit(void);
struct mm_struct *fake_process_make(void);
bool fake_process_has(struct mm_struct *mm, unsigned long addr);
void fake_process_drop_lazy(void);
void fake_gate_close(void);
void fake_gate_open(void);

#endif /* __FAKE_PROCESS_H */
