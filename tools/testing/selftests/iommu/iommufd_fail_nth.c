// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call of /dev/iommu with its first, second, third ... chance to fail taken:
 * allocations of all kinds, copies from and to the caller, and what the mock IOMMU
 * can fail. After each failure the descriptor must look as before, the call must
 * work when made again, and after the close nothing may be pinned or charged.
 * What leaks otherwise, kmemleak finds. IOMMUFD_SCENARIO=text selects.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest.h"
#include "iommufd_scenarios.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/mock.h"
#include "lib/process.h"
#include "lib/vfio_dev.h"

#define DEBUGFS		"/sys/kernel/debug"
#define MAX_NTH		1000
#define SNAPSHOT_BYTES	8192
#define MAX_ID		24

static int nth_file = -1;

/* The injector */

static int write_knob(const char *folder, const char *knob, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", folder, knob);
	return file_write(path, value);
}

/* Let allocations fail that may sleep, of one page too, and say nothing of it. */
static bool open_injector(void)
{
	static const char *const kinds[] = {
		"failslab", "fail_page_alloc", "fail_usercopy", "fail_iommufd",
	};
	char path[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		write_knob(kinds[i], "verbose", "0");
	if (write_knob("failslab", "ignore-gfp-wait", "N"))
		return false;
	write_knob("fail_page_alloc", "ignore-gfp-wait", "N");
	write_knob("fail_page_alloc", "ignore-gfp-highmem", "N");
	write_knob("fail_page_alloc", "min-order", "0");
	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth", syscall(SYS_gettid));
	nth_file = open(path, O_RDWR | O_CLOEXEC);
	return nth_file >= 0;
}

static void arm(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(nth_file, text, len, 0) != len)
		abort();
}

/* Was the fault injected? One that hits the question itself was not. */
static bool disarm(void)
{
	char text[16] = {};
	const bool answered = pread(nth_file, text, sizeof(text) - 1, 0) > 0;

	while (pwrite(nth_file, "0", 1, 0) != 1)
		;
	return answered && !strtoul(text, NULL, 0);
}

/* What page tables hold, as text; IDs are small and used again. */
static size_t describe_tables(int fd, char *text, size_t room)
{
	struct iommu_test_ext stats;
	size_t len = 0;
	uint32_t id;

	for (id = 1; id <= MAX_ID && len < room; id++)
		if (!mock_table_stats(fd, id, &stats))
			len += snprintf(text + len, room - len, "table %u: %llu pages, %llu bytes\n",
					id, (unsigned long long)stats.table_stats.out_nr_pages,
					(unsigned long long)stats.table_stats.out_mapped_bytes);
	return len;
}

/* What a descriptor holds, as text */
static void take_snapshot(int fd, char *text)
{
	size_t len = describe_tables(fd, text, SNAPSHOT_BYTES / 2);
	char path[64];
	ssize_t more;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		ksft_exit_fail_msg("%s: %s\n", path, strerror(errno));
	more = read(info, text + len, SNAPSHOT_BYTES - 1 - len);
	text[len + (more > 0 ? more : 0)] = '\0';
	close(info);
}

/* One scenario */

static bool begin(struct stage *s)
{
	memset(s, 0, sizeof(*s));
	s->access = -1;
	s->dmabuf = -1;
	s->queue = -1;
	s->vfio.fd = -1;
	s->fd = iommufd_open();
	return s->fd >= 0;
}

static void end(struct stage *s)
{
	if (s->access >= 0)
		close(s->access);
	if (s->dmabuf >= 0)
		close(s->dmabuf);
	if (s->queue >= 0)
		close(s->queue);
	vfio_dev_close(&s->vfio);
	close(s->fd);
}

/* Is nothing pinned and charged any more? */
static bool is_clean(void)
{
	int fd = iommufd_open(), err;

	err = mock_check_refs(fd, scenario_memory, SCENARIO_BYTES, 0);
	close(fd);
	return status_kib("VmPin") == 0 && !err;
}

/* A container has no device when its address space cannot be found. */
static bool may_fail_with(int err)
{
	switch (-err) {
	case ENOMEM:
	case EFAULT:
	case EINVAL:
	case ENOENT:
	case ENODEV:
		return true;
	default:
		return false;
	}
}

static bool may_change(const struct scenario *scenario, int err)
{
	if (!err || (err == -EFAULT && scenario->flags & MAY_BE_DONE))
		return true;
	return scenario->flags & MAY_BE_CUT;
}

/* 1: the call met a fault; 0: it did not; negative: something is wrong, see reason */
static int try_once(const struct scenario *scenario, struct stage *s, unsigned int nth,
		    const char **reason)
{
	static char before[SNAPSHOT_BYTES], after[SNAPSHOT_BYTES];
	bool injected, changed;
	int err;

	take_snapshot(s->fd, before);
	arm(nth);
	err = scenario->run(s, scenario);
	injected = disarm();
	take_snapshot(s->fd, after);
	changed = strcmp(before, after);

	*reason = "failed without a fault";
	if (err && !injected)
		return err;
	*reason = "an errno that no fault explains";
	if (err && !may_fail_with(err))
		return err;
	*reason = "said it worked, but did not";
	if (!err && !changed && !(scenario->flags & NO_CHANGE))
		return -1;
	*reason = "failed, but changed what the descriptor holds";
	if (changed && !may_change(scenario, err)) {
		ksft_print_msg("before:\n%safter:\n%s", before, after);
		return -1;
	}
	*reason = "did not work when called again";
	if (err && !(err == -EFAULT && scenario->flags & MAY_BE_DONE && changed))
		err = scenario->run(s, scenario);
	else
		err = 0;
	return err ? err : injected;
}

static void run_scenario(const struct scenario *scenario)
{
	const char *reason = "";
	unsigned int nth;
	int result = 1;
	struct stage s;

	for (nth = 1; result > 0 && nth <= MAX_NTH; nth += result > 0) {
		if (!begin(&s))
			ksft_exit_fail_msg("/dev/iommu: %s\n", strerror(errno));
		result = scenario->set_up(&s);
		if (result) {
			end(&s);
			reason = "cannot be set up";
			break;
		}
		result = try_once(scenario, &s, nth, &reason);
		end(&s);
		if (result >= 0 && !is_clean()) {
			reason = "left memory pinned or charged";
			result = -1;
		}
	}
	if (!result)
		ksft_test_result_pass("%s: %u faults\n", scenario->name, nth - 1);
	else
		ksft_test_result_fail("%s: at fault %u: %s (%d)\n", scenario->name, nth,
				      result > 0 ? "never ended" : reason, result);
}

/* IOMMUFD_SCENARIO=text runs only those whose names contain it. */
static bool is_wanted(const struct scenario *scenario)
{
	const char *wanted = getenv("IOMMUFD_SCENARIO");

	return !wanted || strstr(scenario->name, wanted);
}

static unsigned int count_wanted(const struct scenario *list, unsigned int nr)
{
	unsigned int i, wanted = 0;

	for (i = 0; i < nr; i++)
		wanted += is_wanted(&list[i]);
	return wanted;
}

static void run_wanted(const struct scenario *list, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (is_wanted(&list[i]))
			run_scenario(&list[i]);
}

int main(void)
{
	ksft_print_header();
	if (!open_injector())
		ksft_exit_skip("no fail-nth or no failslab in this kernel\n");
	if (!scenarios_init())
		ksft_exit_fail_msg("no memory\n");
	ksft_set_plan(count_wanted(scenarios, nr_scenarios) +
		      count_wanted(viommu_scenarios, nr_viommu_scenarios));
	run_wanted(scenarios, nr_scenarios);
	run_wanted(viommu_scenarios, nr_viommu_scenarios);
	if (ksft_get_fail_cnt())
		ksft_exit_fail();
	ksft_exit_pass();
}
