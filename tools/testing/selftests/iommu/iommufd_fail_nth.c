// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call of /dev/iommu with its first, second, third ... chance to fail taken:
 * allocations of all kinds, copies from and to the caller, and what the mock IOMMU
 * can fail. After each failure the descriptor must look as before, the call must
 * work when made again, and after the close nothing may be pinned or charged.
 * What leaks otherwise, kmemleak finds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../../../drivers/iommu/iommufd/iommufd_test.h"
#include "../kselftest.h"
#include "iommufd_util.h"

#define DEBUGFS		"/sys/kernel/debug"
#define MAX_NTH		1000
#define MEM_BYTES	(48 * PAGE_BYTES)
#define HUGE_BYTES	(2ULL << 20)
#define BASE		((uint64_t)MOCK_APERTURE_START)
#define SNAPSHOT_BYTES	4096

/* What one try of a scenario works on */
struct stage {
	int fd;
	uint32_t ioas, other;	/* address spaces */
	uint32_t hwpt;
	uint32_t stdev, idev;	/* mock device */
	int access;
	uint32_t item;
	struct vfio_dev vfio;
};

enum {
	/* The call may have done its work when it could not write its answer. */
	MAY_BE_DONE = 1,
	/* The call changes nothing that the lines of the descriptor show. */
	NO_CHANGE = 2,
};

struct scenario {
	const char *name;
	int (*set_up)(struct stage *stage);
	int (*run)(struct stage *stage);
	unsigned int flags;
};

static uint8_t *mem, *huge;
static int memfd = -1, nth_file = -1;

/* The injector */

static int write_knob(const char *folder, const char *knob, const char *value)
{
	char path[128];
	int fd, err;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", folder, knob);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return err;
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

/* What a descriptor holds, as text */
static void take_snapshot(int fd, char *text)
{
	char path[64];
	ssize_t len;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	len = info < 0 ? 0 : read(info, text, SNAPSHOT_BYTES - 1);
	text[len > 0 ? len : 0] = '\0';
	if (info >= 0)
		close(info);
}

/* Pieces of stages */

static int mock_call(int fd, uint32_t op, uint32_t id, struct iommu_test_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	cmd->op = op;
	cmd->id = id;
	return iommufd_call(fd, IOMMU_TEST_CMD, cmd);
}

static int map_memory(struct stage *s, uint32_t ioas, uint64_t iova)
{
	return ioas_map_fixed(s->fd, ioas, mem, MEM_BYTES, iova);
}

static int new_device(struct stage *s, uint32_t pt_id)
{
	struct iommu_test_cmd cmd = {};
	int err = mock_call(s->fd, IOMMU_TEST_OP_MOCK_DOMAIN, pt_id, &cmd);

	s->stdev = cmd.mock_domain.out_stdev_id;
	s->idev = cmd.mock_domain.out_idev_id;
	return err;
}

static int move_device(struct stage *s, uint32_t pt_id)
{
	struct iommu_test_cmd cmd = { .mock_domain_replace.pt_id = pt_id };

	return mock_call(s->fd, IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, s->stdev, &cmd);
}

static int new_hwpt(struct stage *s, uint32_t ioas, uint32_t flags, uint32_t *id)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = flags, .dev_id = s->idev, .pt_id = ioas,
	};
	int err = iommufd_call(s->fd, IOMMU_HWPT_ALLOC, &arg);

	*id = arg.out_hwpt_id;
	return err;
}

static int track(struct stage *s, bool on)
{
	struct iommu_hwpt_set_dirty_tracking arg = {
		.size = sizeof(arg), .hwpt_id = s->hwpt,
		.flags = on ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0,
	};

	return iommufd_call(s->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &arg);
}

static int map_file(struct stage *s)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg), .flags = MAP_FIXED_RW, .ioas_id = s->ioas, .fd = memfd,
		.length = MEM_BYTES, .iova = BASE,
	};

	return iommufd_call(s->fd, IOMMU_IOAS_MAP_FILE, &arg);
}

/* Set-ups */

static int with_nothing(struct stage *s)
{
	return 0;
}

static int with_spaces(struct stage *s)
{
	int err = ioas_alloc(s->fd, &s->ioas);

	return err ? err : ioas_alloc(s->fd, &s->other);
}

static int with_memory(struct stage *s)
{
	int err = with_spaces(s);

	return err ? err : map_memory(s, s->ioas, BASE);
}

static int with_device(struct stage *s)
{
	int err = with_spaces(s);

	return err ? err : new_device(s, s->ioas);
}

static int with_device_and_memory(struct stage *s)
{
	int err = with_device(s);

	if (!err)
		err = map_memory(s, s->ioas, BASE);
	return err ? err : map_memory(s, s->other, BASE + HUGE_BYTES);
}

static int with_parent(struct stage *s)
{
	int err = with_device_and_memory(s);

	return err ? err : new_hwpt(s, s->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, &s->hwpt);
}

static int with_two_hwpts(struct stage *s)
{
	int err = with_device_and_memory(s);

	return err ? err : new_hwpt(s, s->ioas, 0, &s->hwpt);
}

static int with_dirty_hwpt(struct stage *s)
{
	int err = with_device_and_memory(s);

	return err ? err : new_hwpt(s, s->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &s->hwpt);
}

/* Every third page is dirty. */
static int with_dirty_pages(struct stage *s)
{
	uint64_t bits = 0x249249249249;
	struct iommu_test_cmd cmd = {
		.dirty.iova = BASE, .dirty.length = MEM_BYTES, .dirty.page_size = PAGE_BYTES,
		.dirty.uptr = (uintptr_t)&bits,
	};
	int err = with_dirty_hwpt(s);

	if (!err)
		err = track(s, true);
	return err ? err : mock_call(s->fd, IOMMU_TEST_OP_DIRTY, s->hwpt, &cmd);
}

static int with_file(struct stage *s)
{
	int err = with_device(s);

	return err ? err : map_file(s);
}

static int with_access(struct stage *s)
{
	struct iommu_test_cmd cmd = {
		.create_access.flags = MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES,
	};
	int err = with_memory(s);

	if (!err)
		err = map_memory(s, s->other, BASE);
	if (!err)
		err = mock_call(s->fd, IOMMU_TEST_OP_CREATE_ACCESS, s->ioas, &cmd);
	if (!err)
		s->access = cmd.create_access.out_access_fd;
	return err;
}

static int pin_item(struct stage *s)
{
	struct iommu_test_cmd cmd = {
		.access_pages.iova = BASE, .access_pages.length = MEM_BYTES,
		.access_pages.uptr = (uintptr_t)mem,
		.access_pages.flags = MOCK_FLAGS_ACCESS_WRITE,
	};

	return mock_call(s->fd, IOMMU_TEST_OP_ACCESS_PAGES, s->access, &cmd);
}

static int with_item(struct stage *s)
{
	int err = with_access(s);

	return err ? err : pin_item(s);
}

/* A bind powers the device up through ACPI, whose interpreter does not bear failures. */
static int with_vfio_bound(struct stage *s)
{
	int err = vfio_dev_open(&s->vfio);

	if (!err)
		err = with_spaces(s);
	if (!err)
		err = vfio_dev_bind(&s->vfio, s->fd);
	if (!err)
		err = map_memory(s, s->ioas, BASE);
	return err ? err : map_memory(s, s->other, BASE + HUGE_BYTES);
}

static int with_vfio_attached(struct stage *s)
{
	int err = with_vfio_bound(s);

	return err ? err : vfio_dev_attach(&s->vfio, s->ioas, NULL);
}

static int with_container(struct stage *s)
{
	struct iommu_vfio_ioas arg = { .size = sizeof(arg), .op = IOMMU_VFIO_IOAS_SET };
	int err = with_device(s);

	arg.ioas_id = s->ioas;
	return err ? err : iommufd_call(s->fd, IOMMU_VFIO_IOAS, &arg);
}

/* Calls */

static int run_ioas_alloc(struct stage *s)
{
	uint32_t id;

	return ioas_alloc(s->fd, &id);
}

static int run_map(struct stage *s)
{
	return map_memory(s, s->ioas, BASE);
}

static int run_map_huge(struct stage *s)
{
	return ioas_map_fixed(s->fd, s->ioas, huge, HUGE_BYTES, BASE + HUGE_BYTES);
}

static int run_map_anywhere(struct stage *s)
{
	uint64_t iova = 0;

	return ioas_map(s->fd, s->ioas, mem, MEM_BYTES, &iova, MAP_RW);
}

static int run_copy(struct stage *s)
{
	uint64_t iova = BASE;

	return ioas_copy(s->fd, s->other, &iova, s->ioas, BASE, MEM_BYTES, MAP_FIXED_RW);
}

static int run_copy_part(struct stage *s)
{
	uint64_t iova = BASE + HUGE_BYTES;

	return ioas_copy(s->fd, s->ioas, &iova, s->ioas, BASE + PAGE_BYTES, 3 * PAGE_BYTES,
			 MAP_FIXED_RW);
}

static int run_unmap(struct stage *s)
{
	return ioas_unmap(s->fd, s->ioas, BASE, MEM_BYTES, NULL);
}

static int run_allow(struct stage *s)
{
	const struct iommu_iova_range ranges[] = {
		{ BASE, BASE + HUGE_BYTES - 1 }, { BASE + 2 * HUGE_BYTES, BASE + 3 * HUGE_BYTES },
	};

	return ioas_allow(s->fd, s->ioas, ranges, 2);
}

static int run_ranges(struct stage *s)
{
	struct iommu_iova_range ranges[8];
	uint32_t nr = 8;

	return ioas_ranges(s->fd, s->ioas, ranges, &nr, NULL);
}

static int run_huge_pages_off(struct stage *s)
{
	return option_set(s->fd, IOMMU_OPTION_HUGE_PAGES, s->ioas, 0);
}

static int run_process_mode(struct stage *s)
{
	return option_set(s->fd, IOMMU_OPTION_RLIMIT_MODE, 0, 1);
}

static int run_destroy_space(struct stage *s)
{
	return object_destroy(s->fd, s->ioas);
}

static int run_new_device(struct stage *s)
{
	return new_device(s, s->ioas);
}

static int run_destroy_device(struct stage *s)
{
	return object_destroy(s->fd, s->stdev);
}

static int run_replace(struct stage *s)
{
	return move_device(s, s->other);
}

static int run_replace_inside(struct stage *s)
{
	return move_device(s, s->hwpt);
}

static int run_hwpt(struct stage *s)
{
	uint32_t id;

	return new_hwpt(s, s->other, 0, &id);
}

static int run_hwpt_dirty(struct stage *s)
{
	uint32_t id;

	return new_hwpt(s, s->other, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &id);
}

static int run_hwpt_parent(struct stage *s)
{
	uint32_t id;

	return new_hwpt(s, s->other, IOMMU_HWPT_ALLOC_NEST_PARENT, &id);
}

static int run_hwpt_nested(struct stage *s)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOMMU_TEST_IOTLB_DEFAULT };
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .dev_id = s->idev, .pt_id = s->hwpt,
		.data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	return iommufd_call(s->fd, IOMMU_HWPT_ALLOC, &arg);
}

static int run_destroy_hwpt(struct stage *s)
{
	return object_destroy(s->fd, s->hwpt);
}

static int run_hw_info(struct stage *s)
{
	struct iommu_test_hw_info data;
	struct iommu_hw_info arg = {
		.size = sizeof(arg), .dev_id = s->idev, .data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	return iommufd_call(s->fd, IOMMU_GET_HW_INFO, &arg);
}

static int run_track(struct stage *s)
{
	return track(s, true);
}

/* No failure may lose a bit: whatever was reported, a later reading has the rest. */
static int run_read_dirty(struct stage *s)
{
	static uint64_t bits;
	struct iommu_hwpt_get_dirty_bitmap arg = {
		.size = sizeof(arg), .hwpt_id = s->hwpt, .iova = BASE, .length = MEM_BYTES,
		.page_size = PAGE_BYTES, .data = (uintptr_t)&bits,
	};
	int err;

	bits = 0;
	err = iommufd_call(s->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &arg);
	if (!err && bits != 0x249249249249)
		return -EILSEQ;
	return err;
}

static int run_map_file(struct stage *s)
{
	return map_file(s);
}

static int run_change_process(struct stage *s)
{
	struct iommu_ioas_change_process arg = { .size = sizeof(arg) };

	return iommufd_call(s->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg);
}

static int run_access(struct stage *s)
{
	struct iommu_test_cmd cmd = {
		.create_access.flags = MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES,
	};
	int err = mock_call(s->fd, IOMMU_TEST_OP_CREATE_ACCESS, s->other, &cmd);

	if (!err)
		close(cmd.create_access.out_access_fd);
	return err;
}

static int run_access_move(struct stage *s)
{
	struct iommu_test_cmd cmd = { .access_replace_ioas.ioas_id = s->other };

	return mock_call(s->fd, IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, s->access, &cmd);
}

static int access_rw(struct stage *s, uint32_t flags)
{
	uint8_t data[PAGE_BYTES + 100] = {};
	struct iommu_test_cmd cmd = {
		.access_rw.iova = BASE + 10, .access_rw.length = sizeof(data),
		.access_rw.uptr = (uintptr_t)data, .access_rw.flags = flags,
	};

	return mock_call(s->fd, IOMMU_TEST_OP_ACCESS_RW, s->access, &cmd);
}

static int run_access_read(struct stage *s)
{
	return access_rw(s, 0);
}

static int run_access_write(struct stage *s)
{
	return access_rw(s, MOCK_ACCESS_RW_WRITE | MOCK_ACCESS_RW_SLOW_PATH);
}

static int run_dmabuf(struct stage *s)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_DMABUF_GET, .dmabuf_get.length = 65536,
		.dmabuf_get.open_flags = O_RDWR | O_CLOEXEC,
	};
	int fd = ioctl(s->fd, IOMMU_TEST_CMD, &cmd);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int run_vfio_attach(struct stage *s)
{
	return vfio_dev_attach(&s->vfio, s->ioas, NULL);
}

static int run_vfio_replace(struct stage *s)
{
	return vfio_dev_attach(&s->vfio, s->other, NULL);
}

static int run_vfio_detach(struct stage *s)
{
	return vfio_dev_detach(&s->vfio);
}

static int run_vfio_hwpt(struct stage *s)
{
	uint32_t id;

	return hwpt_alloc(s->fd, s->vfio.dev_id, s->other, &id);
}

static int run_container_map(struct stage *s)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)mem, .iova = BASE, .size = MEM_BYTES,
	};

	return iommufd_call(s->fd, VFIO_IOMMU_MAP_DMA, &arg);
}

static int run_container_info(struct stage *s)
{
	struct {
		struct vfio_iommu_type1_info info;
		uint8_t chain[512];
	} arg = { .info.argsz = sizeof(arg) };

	return iommufd_call(s->fd, VFIO_IOMMU_GET_INFO, &arg);
}

static const struct scenario scenarios[] = {
	{ "IOAS_ALLOC", with_nothing, run_ioas_alloc },
	{ "IOAS_MAP without a device", with_spaces, run_map },
	{ "IOAS_MAP", with_device, run_map },
	{ "IOAS_MAP of a large page", with_device, run_map_huge },
	{ "IOAS_MAP at any place", with_device_and_memory, run_map_anywhere },
	{ "IOAS_COPY without a device", with_memory, run_copy },
	{ "IOAS_COPY of a part", with_device_and_memory, run_copy_part },
	{ "IOAS_UNMAP without a device", with_memory, run_unmap, MAY_BE_DONE },
	{ "IOAS_UNMAP", with_device_and_memory, run_unmap, MAY_BE_DONE },
	{ "ALLOW_IOVAS", with_spaces, run_allow, NO_CHANGE },
	{ "IOVA_RANGES", with_device, run_ranges, NO_CHANGE },
	{ "OPTION HUGE_PAGES", with_memory, run_huge_pages_off },
	{ "OPTION RLIMIT_MODE", with_nothing, run_process_mode },
	{ "DESTROY of an IOAS", with_memory, run_destroy_space },
	{ "a new device", with_memory, run_new_device },
	{ "DESTROY of a device", with_device_and_memory, run_destroy_device },
	{ "replace by another IOAS", with_device_and_memory, run_replace,
	  MAY_BE_DONE },
	{ "replace inside an IOAS", with_two_hwpts, run_replace_inside, MAY_BE_DONE },
	{ "HWPT_ALLOC", with_device_and_memory, run_hwpt },
	{ "HWPT_ALLOC with dirty tracking", with_device_and_memory, run_hwpt_dirty },
	{ "HWPT_ALLOC of a parent", with_device_and_memory, run_hwpt_parent },
	{ "HWPT_ALLOC of a nested one", with_parent, run_hwpt_nested },
	{ "DESTROY of a HWPT", with_two_hwpts, run_destroy_hwpt },
	{ "GET_HW_INFO", with_device, run_hw_info, NO_CHANGE },
	{ "SET_DIRTY_TRACKING", with_dirty_hwpt, run_track, NO_CHANGE },
	{ "GET_DIRTY_BITMAP", with_dirty_pages, run_read_dirty, NO_CHANGE },
	{ "IOAS_MAP_FILE", with_device, run_map_file },
	{ "IOAS_CHANGE_PROCESS", with_file, run_change_process, NO_CHANGE },
	{ "a new access", with_memory, run_access, NO_CHANGE },
	{ "pin through an access", with_access, pin_item, NO_CHANGE },
	{ "read through an access", with_access, run_access_read, NO_CHANGE },
	{ "write through an access", with_access, run_access_write, NO_CHANGE },
	{ "another IOAS for an access", with_item, run_access_move },
	{ "a new dma-buf", with_nothing, run_dmabuf, NO_CHANGE },
	{ "VFIO attach", with_vfio_bound, run_vfio_attach },
	{ "VFIO replace", with_vfio_attached, run_vfio_replace },
	{ "VFIO detach", with_vfio_attached, run_vfio_detach },
	{ "HWPT_ALLOC for a VFIO device", with_vfio_bound, run_vfio_hwpt },
	{ "VFIO_IOMMU_MAP_DMA", with_container, run_container_map },
	{ "VFIO_IOMMU_GET_INFO", with_container, run_container_info, NO_CHANGE },
};

/* One scenario */

/* Parts that this kernel or machine does not have */
static bool is_absent(int err)
{
	return err == -ENOTTY || err == -EOPNOTSUPP || err == -ENODEV;
}

static bool begin(struct stage *s)
{
	memset(s, 0, sizeof(*s));
	s->access = -1;
	s->vfio.fd = -1;
	s->fd = iommufd_open();
	return s->fd >= 0;
}

static void end(struct stage *s)
{
	if (s->access >= 0)
		close(s->access);
	vfio_dev_close(&s->vfio);
	close(s->fd);
}

/* Is nothing pinned and charged any more? VmPin where there is no mock device */
static bool is_clean(void)
{
	struct iommu_test_cmd cmd = {
		.check_refs.length = MEM_BYTES, .check_refs.uptr = (uintptr_t)mem,
	};
	int fd = iommufd_open(), err;

	err = mock_call(fd, IOMMU_TEST_OP_MD_CHECK_REFS, 0, &cmd);
	close(fd);
	return status_kib("VmPin") == 0 && err != -EIO;
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

/* 1: the call met a fault; 0: it did not; negative: something is wrong, see reason */
static int try_once(const struct scenario *scenario, struct stage *s, unsigned int nth,
		    const char **reason)
{
	static char before[SNAPSHOT_BYTES], after[SNAPSHOT_BYTES];
	bool injected, changed;
	int err;

	take_snapshot(s->fd, before);
	arm(nth);
	err = scenario->run(s);
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
	if (err && changed && !(err == -EFAULT && scenario->flags & MAY_BE_DONE)) {
		ksft_print_msg("before:\n%safter:\n%s", before, after);
		return -1;
	}
	*reason = "did not work when called again";
	if (err && !changed)
		err = scenario->run(s);
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
	if (nth == 1 && is_absent(result))
		ksft_test_result_skip("%s: %s: %s\n", scenario->name, reason, strerror(-result));
	else if (!result)
		ksft_test_result_pass("%s: %u faults\n", scenario->name, nth - 1);
	else
		ksft_test_result_fail("%s: at fault %u: %s (%d)\n", scenario->name, nth,
				      result > 0 ? "never ended" : reason, result);
}

static bool get_memory(void)
{
	mem = memory_alloc(MEM_BYTES);
	huge = memory_alloc_huge(HUGE_BYTES);
	memfd = memfd_create("fail_nth", MFD_CLOEXEC);
	if (!mem || !huge || memfd < 0 || ftruncate(memfd, MEM_BYTES))
		return false;
	memset(mem, 1, MEM_BYTES);
	return fallocate(memfd, 0, 0, MEM_BYTES) == 0;
}

int main(void)
{
	unsigned int i;

	ksft_print_header();
	if (!open_injector())
		ksft_exit_skip("no fail-nth or no failslab in this kernel\n");
	if (!get_memory())
		ksft_exit_fail_msg("no memory\n");
	ksft_set_plan(ARRAY_SIZE(scenarios));
	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		run_scenario(&scenarios[i]);
	if (ksft_get_fail_cnt())
		ksft_exit_fail();
	ksft_exit_pass();
}
