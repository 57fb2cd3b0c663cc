// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs KUnit suites in user space: a case with each of its parameters, and a look at
 * what it left behind.
 */
#include <host/task.h>

#include <kunit/test.h>

#define MAX_SUITES	8

/* In front of each piece that a case has */
struct host_kunit_memory {
	struct host_kunit_memory *next;
	long long data[];
};

static struct kunit_suite *suites[MAX_SUITES];
static unsigned int nr_suites;
static unsigned int nr_results;
static unsigned int nr_failed;

void host_add_suite(struct kunit_suite *suite)
{
	BUG_ON(nr_suites == MAX_SUITES);
	suites[nr_suites++] = suite;
}

/* Zeroed memory that is freed behind the case */
void *host_kunit_alloc(struct kunit *test, size_t n, size_t size)
{
	struct host_kunit_memory *piece = calloc(1, sizeof(*piece) + n * size);

	BUG_ON(!piece);
	piece->next = test->memory;
	test->memory = piece;
	return piece->data;
}

static void free_all(struct kunit *test)
{
	struct host_kunit_memory *piece;

	while ((piece = test->memory)) {
		test->memory = piece->next;
		free(piece);
	}
}

void host_kunit_fail(struct kunit *test, const char *file, int line, const char *what,
		     long long left, long long right, bool fatal)
{
	printf("# %s:%d: not true: %s (%lld, %lld)\n", file, line, what, left, right);
	test->failed = true;
	if (!fatal)
		return;
	printf("not ok %u %s\n", ++nr_results, test->name);
	fflush(stdout);
	abort();
}

static void run_one(const struct kunit_suite *suite, const struct kunit_case *c,
		    const void *param, const char *desc)
{
	struct kunit test = { .param_value = param, .name = c->name };
	long objects = host_slab_objects;

	if (suite->init)
		KUNIT_ASSERT_EQ(&test, 0, suite->init(&test));
	c->run_case(&test);
	if (suite->exit)
		suite->exit(&test);
	free_all(&test);
	KUNIT_EXPECT_EQ(&test, host_slab_objects, objects);
	KUNIT_EXPECT_EQ(&test, host_locks_held, 0);
	printf("%sok %u %s %s%s%s\n", test.failed ? "not " : "", ++nr_results, suite->name,
	       c->name, *desc ? ": " : "", desc);
	nr_failed += test.failed;
}

static void run_case(const struct kunit_suite *suite, const struct kunit_case *c)
{
	char desc[KUNIT_PARAM_DESC_SIZE] = "";
	const void *param;

	if (!c->generate_params) {
		run_one(suite, c, NULL, desc);
		return;
	}
	for (param = c->generate_params(NULL, desc); param;
	     param = c->generate_params(param, desc))
		run_one(suite, c, param, desc);
}

/* Returns the exit status of a program that does nothing else */
int host_run_suites(void)
{
	static struct task_struct task = { .group_leader = &task };
	const struct kunit_case *c;
	unsigned int i;

	host_current = &task;
	for (i = 0; i < nr_suites; i++)
		for (c = suites[i]->test_cases; c->run_case; c++)
			run_case(suites[i], c);
	printf("%u passed, %u failed\n", nr_results - nr_failed, nr_failed);
	return nr_failed || !nr_results;
}
