/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel files in user space: atomics, reference counts and locks that work
 * between threads and know whether the caller holds them.
 *
 * Locks are as large as the kernel's, so that sizes of structures can be tested.
 */
#ifndef __HOST_LOCK_H
#define __HOST_LOCK_H

#include <sched.h>

#include <host/base.h>

typedef struct { int counter; } atomic_t;
typedef struct { long counter; } atomic_long_t;
typedef struct { s64 counter; } atomic64_t;

#define ATOMIC_INIT(v)		{ (v) }

#define HOST_ATOMIC(name, type)						\
static inline type name##_read(const name##_t *a)			\
{ return __atomic_load_n(&a->counter, __ATOMIC_SEQ_CST); }		\
static inline void name##_set(name##_t *a, type v)			\
{ __atomic_store_n(&a->counter, v, __ATOMIC_SEQ_CST); }			\
static inline void name##_add(type v, name##_t *a)			\
{ __atomic_add_fetch(&a->counter, v, __ATOMIC_SEQ_CST); }		\
static inline void name##_sub(type v, name##_t *a)			\
{ __atomic_sub_fetch(&a->counter, v, __ATOMIC_SEQ_CST); }		\
static inline void name##_inc(name##_t *a) { name##_add(1, a); }	\
static inline void name##_dec(name##_t *a) { name##_sub(1, a); }	\
static inline type name##_inc_return(name##_t *a)			\
{ return __atomic_add_fetch(&a->counter, 1, __ATOMIC_SEQ_CST); }	\
static inline bool name##_dec_and_test(name##_t *a)			\
{ return !__atomic_sub_fetch(&a->counter, 1, __ATOMIC_SEQ_CST); }	\
static inline bool name##_try_cmpxchg(name##_t *a, type *old, type v)	\
{ return __atomic_compare_exchange_n(&a->counter, old, v, false,	\
				     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); }

HOST_ATOMIC(atomic, int)
HOST_ATOMIC(atomic_long, long)
HOST_ATOMIC(atomic64, s64)

static inline int atomic_xchg(atomic_t *a, int v)
{
	return __atomic_exchange_n(&a->counter, v, __ATOMIC_SEQ_CST);
}

static inline long atomic_long_xchg(atomic_long_t *a, long v)
{
	return __atomic_exchange_n(&a->counter, v, __ATOMIC_SEQ_CST);
}

typedef struct { atomic_t refs; } refcount_t;

#define REFCOUNT_INIT(n)	{ { (n) } }

static inline void refcount_set(refcount_t *r, int n)
{
	atomic_set(&r->refs, n);
}

static inline unsigned int refcount_read(const refcount_t *r)
{
	return atomic_read(&r->refs);
}

static inline void refcount_inc(refcount_t *r)
{
	WARN_ON(atomic_inc_return(&r->refs) < 2);
}

static inline bool refcount_inc_not_zero(refcount_t *r)
{
	int old = atomic_read(&r->refs);

	do {
		if (!old)
			return false;
	} while (!atomic_try_cmpxchg(&r->refs, &old, old + 1));
	return true;
}

static inline bool refcount_dec_and_test(refcount_t *r)
{
	WARN_ON(atomic_read(&r->refs) < 1);
	return atomic_dec_and_test(&r->refs);
}

static inline void refcount_dec(refcount_t *r)
{
	WARN_ON(refcount_dec_and_test(r));
}

/* Number of locks that the thread holds. */
extern __thread int host_locks_held;
/* Address that names the thread. */
#define host_self()		((void *)&host_locks_held)

struct host_lock {
	void *owner;
};

void host_lock(struct host_lock *lock);
bool host_trylock(struct host_lock *lock);
void host_unlock(struct host_lock *lock);

static inline bool host_is_locked(const struct host_lock *lock)
{
	return __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == host_self();
}

typedef struct spinlock {
	struct host_lock lock;
} spinlock_t;

#define DEFINE_SPINLOCK(x)	spinlock_t x = {}
#define spin_lock_init(l)	memset(l, 0, sizeof(*(l)))
#define spin_lock(l)		host_lock(&(l)->lock)
#define spin_unlock(l)		host_unlock(&(l)->lock)
#define spin_lock_irqsave(l, f)	((f) = 0, host_lock(&(l)->lock))
#define spin_unlock_irqrestore(l, f) ((void)(f), host_unlock(&(l)->lock))

struct mutex {
	struct host_lock lock;
	char pad[24];
};

#define DEFINE_MUTEX(x)		struct mutex x = {}
#define mutex_init(m)		memset(m, 0, sizeof(*(m)))
#define mutex_destroy(m)	WARN_ON((m)->lock.owner)
#define mutex_lock(m)		host_lock(&(m)->lock)
#define mutex_lock_nested(m, s)	host_lock(&(m)->lock)
#define mutex_trylock(m)	host_trylock(&(m)->lock)
#define mutex_unlock(m)		host_unlock(&(m)->lock)
#define mutex_is_locked(m)	(!!(m)->lock.owner)

/* Readers exclude each other, too: more than a kernel file may rely on. */
struct rw_semaphore {
	struct host_lock lock;
	char pad[32];
};

#define DECLARE_RWSEM(x)	struct rw_semaphore x = {}
#define init_rwsem(s)		memset(s, 0, sizeof(*(s)))
#define down_read(s)		host_lock(&(s)->lock)
#define up_read(s)		host_unlock(&(s)->lock)
#define down_write(s)		host_lock(&(s)->lock)
#define up_write(s)		host_unlock(&(s)->lock)
#define downgrade_write(s)	WARN_ON(!host_is_locked(&(s)->lock))

int host_lock_killable(struct host_lock *lock);
#define mutex_lock_killable(m)	host_lock_killable(&(m)->lock)
#define mutex_lock_interruptible(m) host_lock_killable(&(m)->lock)
#define down_read_killable(s)	host_lock_killable(&(s)->lock)
#define down_write_killable(s)	host_lock_killable(&(s)->lock)

#define lockdep_assert_held(l)		WARN_ON(!host_is_locked(&(l)->lock))
#define lockdep_assert_held_read(l)	lockdep_assert_held(l)
#define lockdep_assert_held_write(l)	lockdep_assert_held(l)
#define lockdep_is_held(l)		host_is_locked(&(l)->lock)
#define might_sleep()			do { } while (0)
#define might_sleep_if(x)		((void)(x))

/*
 * The only dependency map is that of work during which nobody may sleep on what
 * others hold for long: the fakes test host_works for that.
 */
extern __thread int host_works;
#define lock_map_acquire(map)		(WARN_ON(host_works), host_works++)
#define lock_map_release(map)		(host_works--)

/* Those who wait look at their condition over and over. */
typedef struct {
	int unused;
} wait_queue_head_t;

/* What wait_event_killable() watches instead of signals, if anything. */
extern __thread const bool *host_killed;

#define init_waitqueue_head(q)		do { } while (0)
#define wake_up_all(q)			do { } while (0)
/* Number of waits that all threads have begun */
extern unsigned long host_waits;
#define host_wait_begins()	__atomic_add_fetch(&host_waits, 1, __ATOMIC_SEQ_CST)

#define wait_event(q, condition) do {					\
	host_wait_begins();						\
	while (!(condition))						\
		sched_yield();						\
} while (0)
#define wait_event_killable(q, condition) ({				\
	int host_wait = (host_wait_begins(), 0);			\
	while (!host_wait && !(condition)) {				\
		if (host_killed && READ_ONCE(*host_killed))		\
			host_wait = -512;				\
		else							\
			sched_yield();					\
	}								\
	host_wait;							\
})

#define wait_event_timeout(q, condition, timeout) do {			\
	u64 host_until = host_jiffies() + (timeout);			\
	host_wait_begins();						\
	while (!(condition) && host_jiffies() < host_until)		\
		sched_yield();						\
} while (0)

#define HZ			100
/* How much faster than the clock time goes by */
extern unsigned int host_speed;
u64 host_jiffies(void);
#define jiffies			((unsigned long)host_jiffies())
#define time_after(a, b)	((long)((b) - (a)) < 0)
#define time_before(a, b)	time_after(b, a)
#define time_after_eq(a, b)	((long)((a) - (b)) >= 0)
/* Returns 0 when the time is over, else 1 */
#define wait_event_killable_timeout(q, condition, timeout) ({		\
	u64 host_until = host_jiffies() + (timeout);			\
	long host_left = (host_wait_begins(), 1);			\
	while (host_left > 0 && !(condition)) {				\
		if (host_killed && READ_ONCE(*host_killed))		\
			host_left = -512;				\
		else if (host_jiffies() >= host_until)			\
			host_left = 0;					\
		else							\
			sched_yield();					\
	}								\
	host_left;							\
})

#endif /* __HOST_LOCK_H */
