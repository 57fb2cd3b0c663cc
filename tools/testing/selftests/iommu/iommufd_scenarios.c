// SPDX-License-Identifier: GPL-2.0-only
/* What each scenario needs, what it does, and the list of all: see the header. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "iommufd_scenarios.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/vfio_dev.h"

#define HUGE_BYTES	(2ULL << 20)
#define BASE		((uint64_t)MOCK_APERTURE_START)
#define DIRTY		UINT64_C(0x249249249249)	/* every third page */
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

uint8_t *scenario_memory;
static uint8_t *huge;
static int memfd = -1;

/* Pieces of stages */

static int map_memory(struct stage *s, uint32_t ioas, uint64_t iova)
{
	return ioas_map_fixed(s->fd, ioas, scenario_memory, SCENARIO_BYTES, iova);
}

static int new_device(struct stage *s, uint32_t pt_id)
{
	return mock_domain(s->fd, pt_id, 0, &s->ids);
}

static int move_device(struct stage *s, uint32_t pt_id)
{
	return mock_replace(s->fd, s->ids.stdev, &pt_id);
}

static int new_hwpt(struct stage *s, uint32_t ioas, uint32_t flags, uint32_t *id)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = flags, .dev_id = s->ids.dev, .pt_id = ioas,
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

static int new_nested(struct stage *s, uint32_t parent, uint32_t *id)
{
	return mock_hwpt_alloc(s->fd, s->ids.dev, parent, 0, MOCK_IOMMUPT_DEFAULT, id);
}

static int map_file(struct stage *s, int file)
{
	return ioas_map_file_fixed(s->fd, s->ioas, file, 0, SCENARIO_BYTES, BASE);
}

static int set_container(struct stage *s, uint16_t op)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg), .op = op,
		.ioas_id = op == IOMMU_VFIO_IOAS_SET ? s->ioas : 0,
	};

	return iommufd_call(s->fd, IOMMU_VFIO_IOAS, &arg);
}

static int set_container_type(struct stage *s, unsigned long type)
{
	return ioctl(s->fd, VFIO_SET_IOMMU, type) ? -errno : 0;
}

static int map_in_container(struct stage *s)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)scenario_memory, .iova = BASE, .size = SCENARIO_BYTES,
	};

	return iommufd_call(s->fd, VFIO_IOMMU_MAP_DMA, &arg);
}

static int unmap_in_container(struct stage *s, uint64_t iova, uint64_t bytes)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg), .iova = iova, .size = bytes,
	};

	return iommufd_call(s->fd, VFIO_IOMMU_UNMAP_DMA, &arg);
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

static int with_group(struct stage *s)
{
	struct mock_ids other;
	int err = with_device_and_memory(s);

	return err ? err : mock_add_device(s->fd, s->ids.stdev, s->ioas, &other);
}

static int with_parent(struct stage *s)
{
	int err = with_device_and_memory(s);

	return err ? err : new_hwpt(s, s->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, &s->parent);
}

static int with_nested(struct stage *s)
{
	int err = with_parent(s);

	return err ? err : new_nested(s, s->parent, &s->nested);
}

static int with_nested_attached(struct stage *s)
{
	int err = with_nested(s);

	return err ? err : move_device(s, s->nested);
}

/* One more, on a parent of the other address space */
static int with_foreign_nested(struct stage *s)
{
	int err = with_nested_attached(s);

	if (!err)
		err = new_hwpt(s, s->other, IOMMU_HWPT_ALLOC_NEST_PARENT, &s->parent);
	return err ? err : new_nested(s, s->parent, &s->foreign);
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

static int with_dirty_pages(struct stage *s)
{
	const uint64_t bits = DIRTY;
	int err = with_dirty_hwpt(s);
	long nr;

	if (!err)
		err = track(s, true);
	if (err)
		return err;
	nr = mock_dirty(s->fd, s->hwpt, BASE, SCENARIO_BYTES, PAGE_BYTES, &bits);
	return nr < 0 ? nr : 0;
}

static int with_file(struct stage *s)
{
	int err = with_device(s);

	return err ? err : map_file(s, memfd);
}

static int with_dmabuf(struct stage *s)
{
	int err = with_device(s);

	if (!err)
		s->dmabuf = mock_dmabuf(s->fd, SCENARIO_BYTES);
	return err ? err : s->dmabuf < 0 ? s->dmabuf : 0;
}

static int with_dmabuf_mapped(struct stage *s)
{
	int err = with_dmabuf(s);

	return err ? err : map_file(s, s->dmabuf);
}

static int new_access(struct stage *s, uint32_t ioas)
{
	return mock_access(s->fd, ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
}

static int with_access(struct stage *s)
{
	int err = with_memory(s);

	if (!err)
		err = map_memory(s, s->other, BASE);
	if (!err)
		s->access = new_access(s, s->ioas);
	return err ? err : s->access < 0 ? s->access : 0;
}

static int pin_item(struct stage *s)
{
	return mock_access_pin(s->fd, s->access, BASE, SCENARIO_BYTES, scenario_memory,
			       MOCK_FLAGS_ACCESS_WRITE, &s->item);
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
	int err = with_device(s);

	return err ? err : set_container(s, IOMMU_VFIO_IOAS_SET);
}

static int with_container_memory(struct stage *s)
{
	int err = with_container(s);

	return err ? err : map_in_container(s);
}

/* Its mappings can be cut. */
static int with_old_container(struct stage *s)
{
	int err = with_container(s);

	if (!err)
		err = set_container_type(s, VFIO_TYPE1_IOMMU);
	return err ? err : map_in_container(s);
}

/* Calls */

static int run_open(struct stage *s)
{
	int fd = iommufd_open();

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

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

	return ioas_map(s->fd, s->ioas, scenario_memory, SCENARIO_BYTES, &iova, MAP_RW);
}

static int run_copy(struct stage *s)
{
	uint64_t iova = BASE;

	return ioas_copy(s->fd, s->other, &iova, s->ioas, BASE, SCENARIO_BYTES, MAP_FIXED_RW);
}

/* Pins, where the source is not pinned */
static int run_copy_pins(struct stage *s)
{
	uint64_t iova = BASE + HUGE_BYTES;

	return ioas_copy(s->fd, s->ioas, &iova, s->other, BASE + HUGE_BYTES, SCENARIO_BYTES,
			 MAP_FIXED_RW);
}

static int run_copy_part(struct stage *s)
{
	uint64_t iova = BASE + HUGE_BYTES;

	return ioas_copy(s->fd, s->ioas, &iova, s->ioas, BASE + PAGE_BYTES, 3 * PAGE_BYTES,
			 MAP_FIXED_RW);
}

static int run_unmap(struct stage *s)
{
	return ioas_unmap(s->fd, s->ioas, BASE, SCENARIO_BYTES, NULL);
}

static int run_unmap_all(struct stage *s)
{
	return ioas_unmap_all(s->fd, s->ioas, NULL);
}

static int run_reserve(struct stage *s)
{
	return mock_reserve(s->fd, s->ioas, BASE + HUGE_BYTES, PAGE_BYTES);
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
	return object_destroy(s->fd, s->ids.stdev);
}

static int run_join_group(struct stage *s)
{
	struct mock_ids other;

	return mock_add_device(s->fd, s->ids.stdev, s->ioas, &other);
}

static int run_new_device_nested(struct stage *s)
{
	return new_device(s, s->nested);
}

static int run_replace_nested(struct stage *s)
{
	return move_device(s, s->nested);
}

static int run_replace_foreign(struct stage *s)
{
	return move_device(s, s->foreign);
}

static int run_replace_paging(struct stage *s)
{
	return move_device(s, s->ioas);
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

static int run_hwpt_kind(struct stage *s)
{
	uint32_t id;

	return mock_hwpt_alloc(s->fd, s->ids.dev, s->other, 0, MOCK_IOMMUPT_HUGE, &id);
}

static int run_hwpt_nested(struct stage *s)
{
	uint32_t id;

	return new_nested(s, s->parent, &id);
}

static int run_destroy_nested(struct stage *s)
{
	return object_destroy(s->fd, s->nested);
}

static int run_invalidate(struct stage *s)
{
	const struct iommu_hwpt_invalidate_selftest requests[] = {
		{ .iotlb_id = 0 }, { .iotlb_id = 1 }, { .flags = IOMMU_TEST_INVALIDATE_FLAG_ALL },
	};
	struct iommu_hwpt_invalidate arg = {
		.size = sizeof(arg), .hwpt_id = s->nested, .data_uptr = (uintptr_t)requests,
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
		.entry_len = sizeof(requests[0]), .entry_num = ARRAY_SIZE(requests),
	};
	int err = iommufd_call(s->fd, IOMMU_HWPT_INVALIDATE, &arg);

	if (!err && arg.entry_num != ARRAY_SIZE(requests))
		return -EILSEQ;
	/* More may have been done than could be told, never less */
	return err ? err : mock_check_iotlb(s->fd, s->nested, 3, 0);
}

static int run_destroy_hwpt(struct stage *s)
{
	return object_destroy(s->fd, s->hwpt);
}

static int run_hw_info(struct stage *s)
{
	struct iommu_test_hw_info data;
	struct iommu_hw_info arg = {
		.size = sizeof(arg), .dev_id = s->ids.dev, .data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	return iommufd_call(s->fd, IOMMU_GET_HW_INFO, &arg);
}

static int run_track(struct stage *s)
{
	return track(s, true);
}

static int run_untrack(struct stage *s)
{
	return track(s, false);
}

/* No failure may lose a bit: whatever was reported, a later reading has the rest. */
static int run_read_dirty(struct stage *s)
{
	static uint64_t bits;
	struct iommu_hwpt_get_dirty_bitmap arg = {
		.size = sizeof(arg), .hwpt_id = s->hwpt, .iova = BASE, .length = SCENARIO_BYTES,
		.page_size = PAGE_BYTES, .data = (uintptr_t)&bits,
	};
	int err;

	bits = 0;
	err = iommufd_call(s->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &arg);
	if (!err && bits != DIRTY)
		return -EILSEQ;
	return err;
}

static int run_map_file(struct stage *s)
{
	return map_file(s, memfd);
}

static int run_map_dmabuf(struct stage *s)
{
	return map_file(s, s->dmabuf);
}

static int run_revoke(struct stage *s)
{
	return mock_dmabuf_revoke(s->fd, s->dmabuf, 1);
}

static int run_change_process(struct stage *s)
{
	return change_process(s->fd);
}

static int run_access(struct stage *s)
{
	int access = new_access(s, s->other);

	if (access < 0)
		return access;
	close(access);
	return 0;
}

static int run_access_move(struct stage *s)
{
	return mock_access_replace(s->fd, s->access, s->other);
}

static int run_unpin(struct stage *s)
{
	return mock_access_unpin(s->fd, s->access, s->item);
}

static int access_rw(struct stage *s, uint32_t flags)
{
	uint8_t data[PAGE_BYTES + 100] = {};

	return mock_access_rw(s->fd, s->access, BASE + 10, data, sizeof(data), flags);
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
	int fd = mock_dmabuf(s->fd, 65536);

	if (fd < 0)
		return fd;
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

static int run_container_set(struct stage *s)
{
	return set_container(s, IOMMU_VFIO_IOAS_SET);
}

static int run_container_get(struct stage *s)
{
	return set_container(s, IOMMU_VFIO_IOAS_GET);
}

static int run_container_clear(struct stage *s)
{
	return set_container(s, IOMMU_VFIO_IOAS_CLEAR);
}

static int run_container_type(struct stage *s)
{
	return set_container_type(s, VFIO_TYPE1_IOMMU);
}

static int run_container_extension(struct stage *s)
{
	return ioctl(s->fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU) < 0 ? -errno : 0;
}

static int run_container_map(struct stage *s)
{
	return map_in_container(s);
}

static int run_container_unmap(struct stage *s)
{
	return unmap_in_container(s, BASE, SCENARIO_BYTES);
}

static int run_container_cut(struct stage *s)
{
	return unmap_in_container(s, BASE + PAGE_BYTES, PAGE_BYTES);
}

static int run_container_info(struct stage *s)
{
	struct {
		struct vfio_iommu_type1_info info;
		uint8_t chain[512];
	} arg = { .info.argsz = sizeof(arg) };

	return iommufd_call(s->fd, VFIO_IOMMU_GET_INFO, &arg);
}

const struct scenario scenarios[] = {
	{ "open", with_nothing, run_open, NO_CHANGE },
	{ "IOAS_ALLOC", with_nothing, run_ioas_alloc },
	{ "IOAS_MAP without a device", with_spaces, run_map },
	{ "IOAS_MAP", with_device, run_map },
	{ "IOAS_MAP of a large page", with_device, run_map_huge },
	{ "IOAS_MAP at any place", with_device_and_memory, run_map_anywhere },
	{ "IOAS_MAP below a nested HWPT", with_nested_attached, run_map_huge },
	{ "IOAS_COPY without a device", with_memory, run_copy },
	{ "IOAS_COPY of what is pinned", with_device_and_memory, run_copy },
	{ "IOAS_COPY of what is not pinned", with_device_and_memory, run_copy_pins },
	{ "IOAS_COPY of a part", with_device_and_memory, run_copy_part },
	{ "IOAS_UNMAP without a device", with_memory, run_unmap, MAY_BE_DONE },
	{ "IOAS_UNMAP", with_device_and_memory, run_unmap, MAY_BE_DONE },
	{ "IOAS_UNMAP of all", with_device_and_memory, run_unmap_all, MAY_BE_DONE },
	{ "IOAS_UNMAP of what an access has pinned", with_item, run_unmap, MAY_BE_DONE },
	{ "ALLOW_IOVAS", with_spaces, run_allow, NO_CHANGE },
	{ "IOVA_RANGES", with_device, run_ranges, NO_CHANGE },
	{ "a reservation", with_memory, run_reserve, NO_CHANGE },
	{ "OPTION HUGE_PAGES", with_memory, run_huge_pages_off },
	{ "OPTION RLIMIT_MODE", with_nothing, run_process_mode },
	{ "DESTROY of an IOAS", with_memory, run_destroy_space },
	{ "a new device", with_memory, run_new_device },
	{ "a new device with a nested HWPT", with_nested, run_new_device_nested },
	{ "a new device in a group", with_device_and_memory, run_join_group },
	{ "DESTROY of a device", with_device_and_memory, run_destroy_device },
	{ "DESTROY of a device with a nested HWPT", with_nested_attached, run_destroy_device },
	{ "replace by another IOAS", with_device_and_memory, run_replace, MAY_BE_DONE },
	{ "replace of a group by another IOAS", with_group, run_replace, MAY_BE_DONE },
	{ "replace inside an IOAS", with_two_hwpts, run_replace_inside, MAY_BE_DONE },
	{ "replace by a nested HWPT", with_nested, run_replace_nested, MAY_BE_DONE },
	{ "replace of a nested HWPT by its IOAS", with_nested_attached, run_replace_paging,
	  MAY_BE_DONE },
	{ "replace of a nested HWPT by another IOAS", with_nested_attached, run_replace,
	  MAY_BE_DONE },
	{ "replace of a nested HWPT by a foreign one", with_foreign_nested, run_replace_foreign,
	  MAY_BE_DONE },
	{ "HWPT_ALLOC", with_device_and_memory, run_hwpt },
	{ "HWPT_ALLOC with dirty tracking", with_device_and_memory, run_hwpt_dirty },
	{ "HWPT_ALLOC of a parent", with_device_and_memory, run_hwpt_parent },
	{ "HWPT_ALLOC with a blob", with_device_and_memory, run_hwpt_kind },
	{ "HWPT_ALLOC of a nested one", with_parent, run_hwpt_nested },
	{ "HWPT_INVALIDATE", with_nested, run_invalidate, NO_CHANGE },
	{ "DESTROY of a HWPT", with_two_hwpts, run_destroy_hwpt },
	{ "DESTROY of a nested HWPT", with_nested, run_destroy_nested },
	{ "GET_HW_INFO", with_device, run_hw_info, NO_CHANGE },
	{ "SET_DIRTY_TRACKING", with_dirty_hwpt, run_track, NO_CHANGE },
	{ "SET_DIRTY_TRACKING off", with_dirty_pages, run_untrack, NO_CHANGE },
	{ "GET_DIRTY_BITMAP", with_dirty_pages, run_read_dirty, NO_CHANGE },
	{ "IOAS_MAP_FILE without a device", with_spaces, run_map_file },
	{ "IOAS_MAP_FILE", with_device, run_map_file },
	{ "IOAS_MAP_FILE of a dma-buf", with_dmabuf, run_map_dmabuf },
	{ "IOAS_CHANGE_PROCESS", with_file, run_change_process, NO_CHANGE },
	{ "a new access", with_memory, run_access, NO_CHANGE },
	{ "pin through an access", with_access, pin_item },
	{ "unpin through an access", with_item, run_unpin },
	{ "read through an access", with_access, run_access_read, NO_CHANGE },
	{ "write through an access", with_access, run_access_write, NO_CHANGE },
	{ "another IOAS for an access", with_item, run_access_move },
	{ "a new dma-buf", with_nothing, run_dmabuf, NO_CHANGE },
	{ "a dma-buf is revoked", with_dmabuf_mapped, run_revoke },
	{ "VFIO attach", with_vfio_bound, run_vfio_attach },
	{ "VFIO replace", with_vfio_attached, run_vfio_replace },
	{ "VFIO detach", with_vfio_attached, run_vfio_detach },
	{ "HWPT_ALLOC for a VFIO device", with_vfio_bound, run_vfio_hwpt },
	{ "VFIO_IOAS SET", with_spaces, run_container_set },
	{ "VFIO_IOAS GET", with_container, run_container_get, NO_CHANGE },
	{ "VFIO_IOAS CLEAR", with_container, run_container_clear },
	{ "VFIO_SET_IOMMU", with_container, run_container_type },
	{ "VFIO_CHECK_EXTENSION", with_container, run_container_extension, NO_CHANGE },
	{ "VFIO_IOMMU_GET_INFO", with_container, run_container_info, NO_CHANGE },
	{ "VFIO_IOMMU_MAP_DMA", with_container, run_container_map },
	{ "VFIO_IOMMU_UNMAP_DMA", with_container_memory, run_container_unmap, MAY_BE_DONE },
	{ "VFIO_IOMMU_UNMAP_DMA of a part", with_old_container, run_container_cut,
	  MAY_BE_DONE | MAY_BE_CUT },
};

const unsigned int nr_scenarios = ARRAY_SIZE(scenarios);

bool scenarios_init(void)
{
	scenario_memory = memory_alloc(SCENARIO_BYTES);
	huge = memory_alloc_huge(HUGE_BYTES);
	memfd = memfd_alloc(SCENARIO_BYTES, 0);
	if (!scenario_memory || !huge || memfd < 0)
		return false;
	memset(scenario_memory, 1, SCENARIO_BYTES);
	return fallocate(memfd, 0, 0, SCENARIO_BYTES) == 0;
}
