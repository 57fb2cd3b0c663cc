// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures mapping memory for a PCI function through /dev/iommu and through
 * VFIO's containers:
 *
 *   iommu_bench [--rows PATTERN,...] [--backends NAME,...] [--profile ROW] [--inexact]
 *
 * A pattern is the begin of a row's name, such as map-4k or map-4k-2M. The lines of
 * the results are described in samples.h; checks are TAP. With --inexact it does
 * not matter whether the clock counts instructions.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"

/* QEMU's edu device and others that are of no class */
#define CLASS_OTHER	0x00ff00
#define NAME_LEN	64

static const struct row_set *const all_sets[] = {
	map_sets, attach_sets, scale_sets, dirty_sets, pasid_sets,
	viommu_sets, NULL
};
static int nr_checks, nr_failures;

static void __attribute__((format(printf, 2, 3)))
check(bool good, const char *fmt, ...)
{
	va_list args;

	printf("%sok %d - ", good ? "" : "not ", ++nr_checks);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	nr_failures += !good;
}

/* What to measure: patterns parted by commas, NULL for all */
struct choice {
	const char *rows, *backends;
	bool inexact;
};

/* Does the name begin with one of the patterns? */
static bool matches(const char *patterns, const char *name)
{
	char word[NAME_LEN];
	size_t len;

	for (;; patterns += len + 1) {
		len = strcspn(patterns, ",");
		snprintf(word, sizeof(word), "%.*s", (int)len, patterns);
		if (len && !strncmp(name, word, strlen(word)))
			return true;
		if (!patterns[len])
			return false;
	}
}

/* Name of the row of an operation, given with its length */
static void row_name(const struct row_set *set, const char *op, int op_len, char *name)
{
	char size[16];

	size_name(set->each ? set->each : set->bytes, size, sizeof(size));
	if (set->bytes)
		snprintf(name, NAME_LEN, "%.*s-%s-%s", op_len, op, memory_names[set->kind], size);
	else
		snprintf(name, NAME_LEN, "%.*s", op_len, op);
}

static bool wanted(const struct row_set *set, const struct choice *choice)
{
	const char *op = set->rows;
	char name[NAME_LEN];
	size_t len;

	if (!choice->rows)
		return !set->extra;
	for (;; op += len + 1) {
		len = strcspn(op, " ");
		row_name(set, op, len, name);
		if (matches(choice->rows, name))
			return true;
		if (!op[len])
			return false;
	}
}

static void run_on(struct bench *bench, const struct row_set *set, const struct backend_ops *ops)
{
	int err;

	bench->backend = (struct backend){ .ops = ops };
	err = ops->open(&bench->backend, bench->bdf);
	if (!err) {
		err = set->run(bench, set);
		ops->close(&bench->backend);
	}
	check(!err, "%s, %llu KiB, on %s (%s)", set->rows, (unsigned long long)set->bytes >> 10,
	      ops->name, strerror(-err));
}

static void run_set(struct bench *bench, const struct row_set *set, const struct choice *choice)
{
	const struct backend_ops *const *ops;

	for (ops = set->backends; *ops; ops++)
		if (!choice->backends || matches(choice->backends, (*ops)->name))
			run_on(bench, set, *ops);
}

/* As much as the wanted set that needs most */
static uint64_t memory_needed(unsigned int kind, const struct choice *choice)
{
	const struct row_set *const *sets, *set;
	uint64_t need = 0;

	for (sets = all_sets; *sets; sets++)
		for (set = *sets; set->rows; set++)
			if (set->kind == kind && wanted(set, choice) && set->bytes > need)
				need = set->bytes;
	return (need + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

static bool make_memory(struct bench *bench, unsigned int kind, uint64_t bytes)
{
	int err;

	err = memory_alloc(&bench->memory[kind], kind, bytes);
	check(!err, "%llu MiB of memory lie as %s should (%s)", (unsigned long long)bytes >> 20,
	      memory_names[kind], strerror(-err));
	return !err;
}

/* Kind by kind, so that they need not be there at the same time */
static void run_kind(struct bench *bench, unsigned int kind, const struct choice *choice)
{
	uint64_t bytes = memory_needed(kind, choice);
	const struct row_set *const *sets, *set;

	if (bytes && !make_memory(bench, kind, bytes))
		return;
	for (sets = all_sets; *sets; sets++)
		for (set = *sets; set->rows; set++)
			if (set->kind == kind && wanted(set, choice))
				run_set(bench, set, choice);
	if (bytes)
		memory_free(&bench->memory[kind]);
}

static struct choice read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rows", required_argument, NULL, 'r' },
		{ "backends", required_argument, NULL, 'b' },
		{ "profile", required_argument, NULL, 'p' },
		{ "inexact", no_argument, NULL, 'i' },
		{ }
	};
	struct choice choice = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			choice.rows = optarg;
			break;
		case 'b':
			choice.backends = optarg;
			break;
		case 'p':
			choice.rows = optarg;
			samples_profiled = optarg;
			break;
		case 'i':
			choice.inexact = true;
			break;
		default:
			fprintf(stderr, "what can be asked for stands at the top of %s\n", __FILE__);
			exit(2);
		}
	}
	return choice;
}

int main(int argc, char **argv)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct choice choice = read_options(argc, argv);
	struct bench bench = { 0 };
	char bdf[PCI_BDF_LEN];
	unsigned int kind;
	double ratio;
	bool exact;
	int err;

	exact = clock_is_exact(&ratio);
	if (!choice.inexact)
		check(exact, "ticks are instructions");
	printf("fact ticks-per-instruction %.4f\n", ratio);
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	err = pci_find_class(CLASS_OTHER, bdf);
	check(!err, "a function to map for (%s)", strerror(-err));
	bench.bdf = bdf;
	for (kind = 0; kind <= NR_MEMORY_KINDS && !err; kind++)
		run_kind(&bench, kind, &choice);
	printf("1..%d\n", nr_checks);
	return nr_failures ? 1 : 0;
}
