// SPDX-License-Identifier: GPL-2.0-only
/*
 * What kernel files need of the kernel when they run in user space.
 */
#include <host/lock.h>
#include <time.h>
#include <host/slab.h>
#include <host/task.h>

__thread int host_locks_held;
__thread int host_works;
__thread unsigned long host_resched;
unsigned int host_speed = 1;
unsigned long host_waits;
__thread const bool *host_killed;
__thread struct host_slab host_slab;
__thread struct task_struct *host_current;
struct user_namespace init_user_ns;
long host_slab_bytes;
long host_slab_objects;

bool host_trylock(struct host_lock *lock)
{
	void *nobody = NULL;

	if (!__atomic_compare_exchange_n(&lock->owner, &nobody, host_self(),
					 false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	host_locks_held++;
	return true;
}

void host_lock(struct host_lock *lock)
{
	WARN_ON(host_is_locked(lock));
	while (!host_trylock(lock))
		sched_yield();
}

int host_lock_killable(struct host_lock *lock)
{
	if (host_current && host_current->dying)
		return -EINTR;
	host_lock(lock);
	return 0;
}

void host_unlock(struct host_lock *lock)
{
	WARN_ON(!host_is_locked(lock));
	host_locks_held--;
	__atomic_store_n(&lock->owner, NULL, __ATOMIC_RELEASE);
}

/* Each piece has its size, rounded up as a slab would, in front of it. */
#define HEADER_BYTES	16

static size_t slab_bytes(size_t size)
{
	static const size_t sizes[] = {
		8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (size <= sizes[i])
			return sizes[i];
	return PAGE_ALIGN(size);
}

void *host_alloc(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;
	char *p;

	host_slab.nr_calls++;
	if (host_slab.fail_at == host_slab.nr_calls) {
		host_slab.failed = true;
		return NULL;
	}
	if (__builtin_mul_overflow(n, size, &bytes) || bytes > INT_MAX)
		return NULL;
	p = malloc(bytes + HEADER_BYTES);
	if (!p)
		abort();
	memset(p + HEADER_BYTES, gfp & __GFP_ZERO ? 0 : 0xa5, bytes);
	*(size_t *)p = slab_bytes(bytes);
	__atomic_add_fetch(&host_slab_bytes, *(size_t *)p, __ATOMIC_RELAXED);
	__atomic_add_fetch(&host_slab_objects, 1, __ATOMIC_RELAXED);
	return p + HEADER_BYTES;
}

void kfree(const void *p)
{
	char *start;

	if (!p)
		return;
	start = (char *)p - HEADER_BYTES;
	__atomic_sub_fetch(&host_slab_bytes, *(size_t *)start, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&host_slab_objects, 1, __ATOMIC_RELAXED);
	free(start);
}

struct kmem_cache *host_cache_create(size_t size)
{
	struct kmem_cache *cache = malloc(sizeof(*cache));

	if (!cache)
		abort();
	cache->size = size;
	return cache;
}

int __account_locked_vm(struct mm_struct *mm, unsigned long npages, bool inc,
			struct task_struct *task, bool bypass_rlim)
{
	lockdep_assert_held_write(&mm->mmap_lock);
	if (!inc) {
		WARN_ON(npages > mm->locked_vm);
		mm->locked_vm -= npages;
		return 0;
	}
	if (!bypass_rlim &&
	    mm->locked_vm + npages > task->memlock_bytes >> PAGE_SHIFT)
		return -ENOMEM;
	mm->locked_vm += npages;
	return 0;
}

/* Time, in 1/HZ seconds */

u64 host_jiffies(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec * 1000000000ULL + now.tv_nsec) /
	       (1000000000 / HZ) * host_speed;
}
