/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel files in user space: processes, users, limits and struct page.
 */
#ifndef __HOST_TASK_H
#define __HOST_TASK_H

#include <host/lock.h>
#include <host/slab.h>

#define RLIMIT_MEMLOCK		8
#define CAP_IPC_LOCK		14

struct mm_struct {
	int users;
	void *pgd;
	struct rw_semaphore mmap_lock;
	unsigned long locked_vm;
	atomic64_t pinned_vm;
};

struct user_struct {
	int users;
	atomic_long_t locked_vm;
};

struct user_namespace {
	int unused;
};

/**
 * struct task_struct - a process
 * @users: references
 * @group_leader: the process's first thread
 * @mm: its address space
 * @user: its user
 * @memlock_bytes: its RLIMIT_MEMLOCK
 * @may_lock: it has CAP_IPC_LOCK
 * @dying: a fatal signal is pending
 */
struct task_struct {
	int users;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	struct user_struct *user;
	unsigned long memlock_bytes;
	bool may_lock;
	bool dying;
};

extern __thread struct task_struct *host_current;
extern struct user_namespace init_user_ns;

#define current				host_current
#define current_user()			(current->user)
#define fatal_signal_pending(t)		((t)->dying)
#define ns_capable_noaudit(ns, cap)	(current->may_lock)
#define capable(cap)			(current->may_lock)
/* How often the thread let others run */
extern __thread unsigned long host_resched;
#define cond_resched()			((void)host_resched++)

static inline void mmgrab(struct mm_struct *mm)
{
	__atomic_add_fetch(&mm->users, 1, __ATOMIC_RELAXED);
}

static inline void mmdrop(struct mm_struct *mm)
{
	__atomic_sub_fetch(&mm->users, 1, __ATOMIC_RELAXED);
}

static inline struct user_struct *get_uid(struct user_struct *user)
{
	__atomic_add_fetch(&user->users, 1, __ATOMIC_RELAXED);
	return user;
}

static inline void free_uid(struct user_struct *user)
{
	__atomic_sub_fetch(&user->users, 1, __ATOMIC_RELAXED);
}

static inline struct task_struct *get_task_struct(struct task_struct *task)
{
	__atomic_add_fetch(&task->users, 1, __ATOMIC_RELAXED);
	return task;
}

static inline void put_task_struct(struct task_struct *task)
{
	__atomic_sub_fetch(&task->users, 1, __ATOMIC_RELAXED);
}

static inline unsigned long task_rlimit(const struct task_struct *task,
					unsigned int limit)
{
	return task->memlock_bytes;
}

#define mmap_write_lock(mm)		(WARN_ON(host_works), \
					 down_write(&(mm)->mmap_lock))
#define mmap_write_lock_killable(mm)	(WARN_ON(host_works), \
					 down_write_killable(&(mm)->mmap_lock))
#define mmap_write_unlock(mm)		up_write(&(mm)->mmap_lock)

int __account_locked_vm(struct mm_struct *mm, unsigned long npages, bool inc,
			struct task_struct *task, bool bypass_rlim);

/*
 * There is no memory behind a struct page, only a number in its address; what
 * alloc_page() makes is a struct page alone.
 */
struct page {
	union {
		char opaque[64];
		struct {
			struct list_head lru;
			int refs;
		};
	};
};

#define HOST_PAGE_BASE		0x100000000000000UL

static inline struct page *pfn_to_page(unsigned long pfn)
{
	return (struct page *)(HOST_PAGE_BASE + pfn * sizeof(struct page));
}

static inline unsigned long page_to_pfn(const struct page *page)
{
	return ((unsigned long)page - HOST_PAGE_BASE) / sizeof(struct page);
}

static inline struct page *alloc_page(gfp_t gfp)
{
	struct page *page = kzalloc(sizeof(*page), gfp);

	if (page)
		page->refs = 1;
	return page;
}

static inline int page_count(const struct page *page)
{
	return page->refs;
}

static inline void get_page(struct page *page)
{
	page->refs++;
}

static inline void put_page(struct page *page)
{
	if (!--page->refs)
		kfree(page);
}

#define __free_page(page)	put_page(page)

#define nth_page(page, n)	pfn_to_page(page_to_pfn(page) + (n))
#define page_to_phys(page)	PFN_PHYS(page_to_pfn(page))

#endif /* __HOST_TASK_H */
