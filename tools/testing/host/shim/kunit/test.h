/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KUnit suites in user space: what the kernel's <kunit/test.h> offers, as far as
 * the suites of iommufd use it.
 *
 * An expectation that is not met fails the case, which goes on; an assertion that is
 * not met ends the program. Every suite that is linked registers itself, and
 * host_run_suites() runs them.
 */
#ifndef __HOST_KUNIT_TEST_H
#define __HOST_KUNIT_TEST_H

#include <host/slab.h>

#define KUNIT_PARAM_DESC_SIZE	128

struct host_kunit_memory;

/**
 * struct kunit - a case that runs
 * @priv: the suite's
 * @param_value: the parameter that it runs with
 * @name: what it is called
 * @failed: an expectation was not met
 * @memory: what ends with it
 */
struct kunit {
	void *priv;
	const void *param_value;
	const char *name;
	bool failed;
	struct host_kunit_memory *memory;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
	const void *(*generate_params)(const void *prev, char *desc);
};

struct kunit_suite {
	const char name[256];
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

void host_add_suite(struct kunit_suite *suite);
int host_run_suites(void);
void *host_kunit_alloc(struct kunit *test, size_t n, size_t size);
void host_kunit_fail(struct kunit *test, const char *file, int line, const char *what,
		     long long left, long long right, bool fatal);

#define KUNIT_CASE(fn)			{ .run_case = fn, .name = #fn }
#define KUNIT_CASE_PARAM(fn, gen)	{ .run_case = fn, .name = #fn, .generate_params = gen }

#define KUNIT_ARRAY_PARAM(name, array, get_desc)			\
static const void *name##_gen_params(const void *prev, char *desc)	\
{									\
	const __typeof__((array)[0]) *host_next = prev;			\
									\
	host_next = prev ? host_next + 1 : (array);			\
	if (host_next == (array) + ARRAY_SIZE(array))			\
		return NULL;						\
	get_desc(host_next, desc);					\
	return host_next;						\
}

#define kunit_test_suite(suite)						\
static void __attribute__((constructor)) host_add_this_suite(void)	\
{									\
	host_add_suite(&(suite));					\
}

#define kunit_kzalloc(test, size, gfp)		host_kunit_alloc(test, 1, size)
#define kunit_kcalloc(test, n, size, gfp)	host_kunit_alloc(test, n, size)
#define kunit_skip(test, why)			host_fail("skipped: " why)

#define HOST_KUNIT_COMPARE(test, a, op, b, fatal) do {			\
	__typeof__(a) host_left = (a);					\
	__typeof__(b) host_right = (b);					\
	if (!(host_left op host_right))					\
		host_kunit_fail(test, __FILE__, __LINE__, #a " " #op " " #b, \
				(long long)host_left, (long long)host_right, fatal); \
} while (0)

#define HOST_KUNIT_STRING(test, a, b, fatal) do {			\
	const char *host_a = (a), *host_b = (b);			\
	if (strcmp(host_a, host_b)) {					\
		printf("# \"%s\", \"%s\"\n", host_a, host_b);		\
		host_kunit_fail(test, __FILE__, __LINE__, #a " is " #b, 0, 0, fatal); \
	}								\
} while (0)

#define KUNIT_EXPECT_EQ(test, a, b)	HOST_KUNIT_COMPARE(test, a, ==, b, false)
#define KUNIT_ASSERT_EQ(test, a, b)	HOST_KUNIT_COMPARE(test, a, ==, b, true)
#define KUNIT_EXPECT_LE(test, a, b)	HOST_KUNIT_COMPARE(test, a, <=, b, false)
#define KUNIT_EXPECT_TRUE(test, x)	HOST_KUNIT_COMPARE(test, !!(x), ==, true, false)
#define KUNIT_ASSERT_TRUE(test, x)	HOST_KUNIT_COMPARE(test, !!(x), ==, true, true)
#define KUNIT_EXPECT_FALSE(test, x)	HOST_KUNIT_COMPARE(test, !!(x), ==, false, false)
#define KUNIT_ASSERT_FALSE(test, x)	HOST_KUNIT_COMPARE(test, !!(x), ==, false, true)
#define KUNIT_ASSERT_NOT_NULL(test, x)	HOST_KUNIT_COMPARE(test, (x) != NULL, ==, true, true)
#define KUNIT_EXPECT_STREQ(test, a, b)	HOST_KUNIT_STRING(test, a, b, false)

#endif /* __HOST_KUNIT_TEST_H */
