/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel files in user space: types, arithmetic, errors, assertions.
 *
 * A WARN aborts: nothing a test does may reach one.
 */
#ifndef __HOST_BASE_H
#define __HOST_BASE_H

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s32 __s32;
typedef s64 __s64;
typedef u64 phys_addr_t;
typedef u64 dma_addr_t;
typedef unsigned int gfp_t;

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#define __user
#define __init
#define __must_check
#define __force
#define __packed		__attribute__((packed))
#define noinline		__attribute__((noinline))
#define fallthrough		__attribute__((fallthrough))
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define barrier()		__asm__ __volatile__("" ::: "memory")
#define EXPORT_SYMBOL(x)	struct host_unused
#define EXPORT_SYMBOL_GPL(x)	struct host_unused
#define EXPORT_SYMBOL_NS_GPL(x, ns) struct host_unused
/* 1 where the option is defined as 1, else 0 */
#define HOST_ONE_1		0,
#define HOST_SECOND(a, b, ...)	b
#define HOST_IS_ONE_(x)		HOST_SECOND(x 1, 0)
#define HOST_IS_ONE(x)		HOST_IS_ONE_(HOST_ONE_##x)
#define IS_ENABLED(x)		HOST_IS_ONE(x)

#define THIS_MODULE		NULL
#define __module_get(module)	((void)(module))

#define set_bit_le(nr, addr)	((void)__atomic_fetch_or((u8 *)(addr) + (nr) / 8, \
							 1 << (nr) % 8,	\
							 __ATOMIC_SEQ_CST))
#define BITS_TO_LONGS(n)	(((n) + 63) / 64)

static inline bool test_bit(unsigned long nr, const unsigned long *bits)
{
	return bits[nr / 64] >> nr % 64 & 1;
}

static inline bool test_and_set_bit(unsigned long nr, unsigned long *bits)
{
	return __atomic_fetch_or(&bits[nr / 64], 1UL << nr % 64, __ATOMIC_SEQ_CST) >>
	       nr % 64 & 1;
}

static inline bool test_and_clear_bit(unsigned long nr, unsigned long *bits)
{
	return __atomic_fetch_and(&bits[nr / 64], ~(1UL << nr % 64), __ATOMIC_SEQ_CST) >>
	       nr % 64 & 1;
}

static inline int bitmap_weight(const unsigned long *bits, unsigned long nr)
{
	unsigned long i, weight = 0;

	for (i = 0; i < nr; i++)
		weight += test_bit(i, bits);
	return weight;
}

#define strscpy(dst, src, size)	snprintf(dst, size, "%s", src)
#define static_assert		_Static_assert
#define BUILD_BUG_ON(x)		_Static_assert(!(x), #x)

#define host_fail(what) ({						\
	fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what);	\
	abort();							\
})
#define BUG_ON(x)		((x) ? host_fail("BUG: " #x) : (void)0)
#define BUG()			host_fail("BUG")
#define WARN_ON(x) ({							\
	bool host_warn = !!(x);						\
	if (host_warn)							\
		host_fail("WARN: " #x);					\
	host_warn;							\
})
#define WARN_ON_ONCE(x)		WARN_ON(x)
#define WARN(x, ...)		WARN_ON(x)
#define WARN_ONCE(x, ...)	WARN_ON(x)
#define pr_warn(...)		fprintf(stderr, __VA_ARGS__)
#define pr_err(...)		fprintf(stderr, __VA_ARGS__)
#define pr_warn_ratelimited(...)	pr_warn(__VA_ARGS__)
#define pr_err_ratelimited(...)	pr_err(__VA_ARGS__)

#define container_of(ptr, type, member)					\
	((type *)((char *)(ptr) - offsetof(type, member)))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

#define min(a, b) ({							\
	__auto_type host_a = (a);					\
	__auto_type host_b = (b);					\
	_Static_assert(__builtin_types_compatible_p(__typeof__(host_a),	\
				__typeof__(host_b)), "min of two types"); \
	host_a < host_b ? host_a : host_b;				\
})
#define max(a, b) ({							\
	__auto_type host_a = (a);					\
	__auto_type host_b = (b);					\
	_Static_assert(__builtin_types_compatible_p(__typeof__(host_a),	\
				__typeof__(host_b)), "max of two types"); \
	host_a > host_b ? host_a : host_b;				\
})
#define min_t(t, a, b) ({						\
	t host_ta = (a), host_tb = (b);					\
	host_ta < host_tb ? host_ta : host_tb;				\
})
#define max_t(t, a, b) ({						\
	t host_ta = (a), host_tb = (b);					\
	host_ta > host_tb ? host_ta : host_tb;				\
})
#define min3(a, b, c)		min_t(__typeof__(a), min(a, b), c)
#define max3(a, b, c)		max_t(__typeof__(a), max(a, b), c)
#define clamp(v, lo, hi)	min_t(__typeof__(v), max(v, lo), hi)
#define swap(a, b) do {							\
	__typeof__(a) host_s = (a);					\
	(a) = (b);							\
	(b) = host_s;							\
} while (0)

#define BITS_PER_LONG		64
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK(h, l)		((~0UL << (l)) & (~0UL >> (63 - (h))))
#define U32_MAX			UINT32_MAX
#define U64_MAX			UINT64_MAX
#define SIZE_2M			0x200000UL
#define SZ_4K			0x1000
#define SZ_16K			0x4000
#define SZ_64K			0x10000
#define SZ_1M			0x100000
#define SZ_2M			0x200000
#define SZ_512M			0x20000000
#define SZ_1G			0x40000000
#define ALIGN(x, a)		(((x) + (__typeof__(x))(a) - 1) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a)	((x) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a)	(((x) & ((__typeof__(x))(a) - 1)) == 0)
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define check_add_overflow(a, b, r) __builtin_add_overflow(a, b, r)
#define check_sub_overflow(a, b, r) __builtin_sub_overflow(a, b, r)
#define check_mul_overflow(a, b, r) __builtin_mul_overflow(a, b, r)
#define __ffs(x)		((unsigned long)__builtin_ctzl(x))
#define __fls(x)		((unsigned long)(63 - __builtin_clzl(x)))
#define fls64(x)		((x) ? 64 - __builtin_clzll(x) : 0)
#define ilog2(x)		(63 - __builtin_clzll(x))
#define is_power_of_2(x)	((x) && !((x) & ((x) - 1)))
#define roundup_pow_of_two(x)	((x) < 2 ? 1UL : 1UL << (64 - __builtin_clzl((x) - 1)))
#define hweight_long(x)		__builtin_popcountl(x)

#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x)		ALIGN(x, PAGE_SIZE)
#define PAGE_ALIGNED(x)		IS_ALIGNED((unsigned long)(x), PAGE_SIZE)
#define offset_in_page(p)	((unsigned long)(p) & ~PAGE_MASK)
#define PMD_SIZE		SIZE_2M
#define PFN_PHYS(x)		((phys_addr_t)(x) << PAGE_SHIFT)
#define PHYS_PFN(x)		((unsigned long)((x) >> PAGE_SHIFT))

#define MAX_ERRNO		4095
#define IS_ERR_VALUE(x)		((unsigned long)(x) >= (unsigned long)-MAX_ERRNO)
#define ERR_PTR(e)		((void *)(long)(e))
#define PTR_ERR(p)		((long)(p))
#define IS_ERR(p)		IS_ERR_VALUE(p)
#define IS_ERR_OR_NULL(p)	(!(p) || IS_ERR(p))
#define ERR_CAST(p)		((void *)(p))
#define PTR_ERR_OR_ZERO(p)	(IS_ERR(p) ? PTR_ERR(p) : 0)

#endif /* __HOST_BASE_H */
