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
#define PASID		3
#define NR_REQUESTS	7
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

static int new_queue(struct stage *s)
{
	s->queue = fault_queue_alloc(s->fd, &s->fault);
	return s->queue < 0 ? s->queue : 0;
}

/* With flags beside that for the queue */
static int new_hwpt_with_queue(struct stage *s, uint32_t ioas, uint32_t flags, uint32_t *id)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = flags | IOMMU_HWPT_FAULT_ID_VALID,
		.dev_id = s->ids.dev, .pt_id = ioas, .fault_id = s->fault,
	};
	int err = iommufd_call(s->fd, IOMMU_HWPT_ALLOC, &arg);

	*id = arg.out_hwpt_id;
	return err;
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

static int attach_pasid(struct stage *s, uint32_t pt_id)
{
	return mock_pasid_attach(s->fd, s->ids.stdev, PASID, &pt_id);
}

/* Two page tables for PASIDs, of two address spaces, and a device on a third one */
static int with_pasids(struct stage *s)
{
	uint32_t own;
	int err = with_memory(s);

	if (!err)
		err = mock_domain(s->fd, s->ioas, MOCK_FLAGS_DEVICE_PASID, &s->ids);
	if (!err)
		err = new_hwpt(s, s->ioas, IOMMU_HWPT_ALLOC_PASID, &own);
	if (!err)
		err = move_device(s, own);
	if (!err)
		err = new_hwpt(s, s->ioas, IOMMU_HWPT_ALLOC_PASID, &s->hwpt);
	return err ? err : new_hwpt(s, s->other, IOMMU_HWPT_ALLOC_PASID, &s->foreign);
}

static int with_pasid_attached(struct stage *s)
{
	int err = with_pasids(s);

	return err ? err : attach_pasid(s, s->hwpt);
}

static int with_queue(struct stage *s)
{
	int err = with_device_and_memory(s);

	return err ? err : new_queue(s);
}

static int with_queue_and_parent(struct stage *s)
{
	int err = with_parent(s);

	return err ? err : new_queue(s);
}

/* Two page tables with a queue */
static int with_queue_tables(struct stage *s)
{
	int err = with_queue(s);

	if (!err)
		err = new_hwpt_with_queue(s, s->ioas, 0, &s->hwpt);
	return err ? err : new_hwpt_with_queue(s, s->other, 0, &s->foreign);
}

static int with_queue_attached(struct stage *s)
{
	int err = with_queue_tables(s);

	return err ? err : move_device(s, s->hwpt);
}

/* The same for PASIDs */
static int with_pasid_and_queue(struct stage *s)
{
	int err = with_pasids(s);

	if (!err)
		err = new_queue(s);
	if (!err)
		err = new_hwpt_with_queue(s, s->ioas, IOMMU_HWPT_ALLOC_PASID, &s->hwpt);
	if (!err)
		err = new_hwpt_with_queue(s, s->other, IOMMU_HWPT_ALLOC_PASID, &s->foreign);
	return err;
}

static int with_pasid_attached_and_queue(struct stage *s)
{
	int err = with_pasid_and_queue(s);

	return err ? err : attach_pasid(s, s->hwpt);
}

/* A group of so many requests */
static int with_requests(struct stage *s)
{
	int err = with_queue_attached(s), i;

	for (i = 1; !err && i < NR_REQUESTS; i++)
		err = mock_partial_request(s->fd, s->ids.dev, 0, 1, BASE);
	return err ? err : mock_page_request(s->fd, s->ids.dev, 0, 1, BASE);
}

static int read_requests(struct stage *s)
{
	struct iommu_hwpt_pgfault records[NR_REQUESTS] = {};
	ssize_t len = read(s->queue, records, sizeof(records));

	if (len < 0)
		return -errno;
	s->cookie = records[0].cookie;
	return len == sizeof(records) ? 0 : -EILSEQ;
}

static int with_requests_read(struct stage *s)
{
	int err = with_requests(s);

	return err ? err : read_requests(s);
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

static uint32_t id_at(const struct stage *s, size_t offset)
{
	return *(const uint32_t *)((const char *)s + offset);
}

/* The object that the row names */
static uint32_t on(const struct stage *s, const struct scenario *c)
{
	return id_at(s, c->on);
}

static int run_open(struct stage *s, const struct scenario *c)
{
	int fd = iommufd_open();

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int run_ioas_alloc(struct stage *s, const struct scenario *c)
{
	uint32_t id;

	return ioas_alloc(s->fd, &id);
}

static int run_destroy(struct stage *s, const struct scenario *c)
{
	return object_destroy(s->fd, on(s, c));
}

static int run_map(struct stage *s, const struct scenario *c)
{
	return map_memory(s, on(s, c), c->iova);
}

static int run_map_huge(struct stage *s, const struct scenario *c)
{
	return ioas_map_fixed(s->fd, on(s, c), huge, HUGE_BYTES, c->iova);
}

static int run_map_anywhere(struct stage *s, const struct scenario *c)
{
	uint64_t iova = 0;

	return ioas_map(s->fd, on(s, c), scenario_memory, SCENARIO_BYTES, &iova, MAP_RW);
}

static int run_copy(struct stage *s, const struct scenario *c)
{
	uint64_t iova = c->iova;

	return ioas_copy(s->fd, on(s, c), &iova, id_at(s, c->from), c->source, c->bytes,
			 MAP_FIXED_RW);
}

static int run_unmap(struct stage *s, const struct scenario *c)
{
	return ioas_unmap(s->fd, on(s, c), c->iova, c->bytes, NULL);
}

static int run_reserve(struct stage *s, const struct scenario *c)
{
	return mock_reserve(s->fd, on(s, c), c->iova, c->bytes);
}

static int run_allow(struct stage *s, const struct scenario *c)
{
	const struct iommu_iova_range ranges[] = {
		{ BASE, BASE + HUGE_BYTES - 1 }, { BASE + 2 * HUGE_BYTES, BASE + 3 * HUGE_BYTES },
	};

	return ioas_allow(s->fd, on(s, c), ranges, 2);
}

static int run_ranges(struct stage *s, const struct scenario *c)
{
	struct iommu_iova_range ranges[8];
	uint32_t nr = 8;

	return ioas_ranges(s->fd, on(s, c), ranges, &nr, NULL);
}

static int run_option(struct stage *s, const struct scenario *c)
{
	return option_set(s->fd, c->option, on(s, c), c->value);
}

static int run_new_device(struct stage *s, const struct scenario *c)
{
	return new_device(s, on(s, c));
}

static int run_join_group(struct stage *s, const struct scenario *c)
{
	struct mock_ids other;

	return mock_add_device(s->fd, s->ids.stdev, on(s, c), &other);
}

static int run_replace(struct stage *s, const struct scenario *c)
{
	return move_device(s, on(s, c));
}

/* With flags */
static int run_hwpt(struct stage *s, const struct scenario *c)
{
	uint32_t id;

	return new_hwpt(s, on(s, c), c->value, &id);
}

/* Of a kind, from a driver's blob */
static int run_hwpt_kind(struct stage *s, const struct scenario *c)
{
	uint32_t id;

	return mock_hwpt_alloc(s->fd, s->ids.dev, on(s, c), 0, c->value, &id);
}

static int run_pasid_attach(struct stage *s, const struct scenario *c)
{
	return attach_pasid(s, on(s, c));
}

static int run_pasid_replace(struct stage *s, const struct scenario *c)
{
	uint32_t pt_id = on(s, c);

	return mock_pasid_replace(s->fd, s->ids.stdev, PASID, &pt_id);
}

static int run_pasid_detach(struct stage *s, const struct scenario *c)
{
	return mock_pasid_detach(s->fd, s->ids.stdev, PASID);
}

/* Its descriptor is closed, the object stays. */
static int run_queue(struct stage *s, const struct scenario *c)
{
	int err = new_queue(s);

	if (!err)
		close(s->queue);
	s->queue = -1;
	return err;
}

static int run_hwpt_with_queue(struct stage *s, const struct scenario *c)
{
	uint32_t id;

	return new_hwpt_with_queue(s, on(s, c), 0, &id);
}

static int run_nested_with_queue(struct stage *s, const struct scenario *c)
{
	uint32_t id;

	return mock_nested_alloc(s->fd, s->ids.dev, on(s, c), IOMMU_HWPT_FAULT_ID_VALID, s->fault,
				 &id);
}

/* What a read could not return is read by the next one. */
static int run_read_requests(struct stage *s, const struct scenario *c)
{
	return read_requests(s);
}

static int run_answer(struct stage *s, const struct scenario *c)
{
	const struct iommu_hwpt_page_response answer = { .cookie = s->cookie };

	return write(s->queue, &answer, sizeof(answer)) == sizeof(answer) ? 0 : -errno;
}

static int run_invalidate(struct stage *s, const struct scenario *c)
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

static int run_hw_info(struct stage *s, const struct scenario *c)
{
	struct iommu_test_hw_info data;
	struct iommu_hw_info arg = {
		.size = sizeof(arg), .dev_id = s->ids.dev, .data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	return iommufd_call(s->fd, IOMMU_GET_HW_INFO, &arg);
}

static int run_track(struct stage *s, const struct scenario *c)
{
	return track(s, c->value);
}

/* No failure may lose a bit: whatever was reported, a later reading has the rest. */
static int run_read_dirty(struct stage *s, const struct scenario *c)
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

static int run_map_file(struct stage *s, const struct scenario *c)
{
	return map_file(s, memfd);
}

static int run_map_dmabuf(struct stage *s, const struct scenario *c)
{
	return map_file(s, s->dmabuf);
}

static int run_revoke(struct stage *s, const struct scenario *c)
{
	return mock_dmabuf_revoke(s->fd, s->dmabuf, 1);
}

static int run_change_process(struct stage *s, const struct scenario *c)
{
	return change_process(s->fd);
}

static int run_access(struct stage *s, const struct scenario *c)
{
	int access = new_access(s, on(s, c));

	if (access < 0)
		return access;
	close(access);
	return 0;
}

static int run_access_move(struct stage *s, const struct scenario *c)
{
	return mock_access_replace(s->fd, s->access, on(s, c));
}

static int run_pin(struct stage *s, const struct scenario *c)
{
	return pin_item(s);
}

static int run_unpin(struct stage *s, const struct scenario *c)
{
	return mock_access_unpin(s->fd, s->access, s->item);
}

static int run_access_rw(struct stage *s, const struct scenario *c)
{
	uint8_t data[PAGE_BYTES + 100] = {};

	return mock_access_rw(s->fd, s->access, BASE + 10, data, sizeof(data), c->value);
}

static int run_dmabuf(struct stage *s, const struct scenario *c)
{
	int fd = mock_dmabuf(s->fd, 65536);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int run_vfio_attach(struct stage *s, const struct scenario *c)
{
	return vfio_dev_attach(&s->vfio, on(s, c), NULL);
}

static int run_vfio_detach(struct stage *s, const struct scenario *c)
{
	return vfio_dev_detach(&s->vfio);
}

static int run_vfio_hwpt(struct stage *s, const struct scenario *c)
{
	uint32_t id;

	return hwpt_alloc(s->fd, s->vfio.dev_id, on(s, c), &id);
}

static int run_container(struct stage *s, const struct scenario *c)
{
	return set_container(s, c->value);
}

static int run_container_type(struct stage *s, const struct scenario *c)
{
	return set_container_type(s, c->value);
}

static int run_container_extension(struct stage *s, const struct scenario *c)
{
	return ioctl(s->fd, VFIO_CHECK_EXTENSION, c->value) < 0 ? -errno : 0;
}

static int run_container_map(struct stage *s, const struct scenario *c)
{
	return map_in_container(s);
}

static int run_container_unmap(struct stage *s, const struct scenario *c)
{
	return unmap_in_container(s, c->iova, c->bytes);
}

static int run_container_info(struct stage *s, const struct scenario *c)
{
	struct {
		struct vfio_iommu_type1_info info;
		uint8_t chain[512];
	} arg = { .info.argsz = sizeof(arg) };

	return iommufd_call(s->fd, VFIO_IOMMU_GET_INFO, &arg);
}

#define ON(member)	.on = offsetof(struct stage, member)
#define FROM(member)	.from = offsetof(struct stage, member)

const struct scenario scenarios[] = {
	{ "open", with_nothing, run_open, NO_CHANGE },
	{ "IOAS_ALLOC", with_nothing, run_ioas_alloc },
	{ "IOAS_MAP without a device", with_spaces, run_map, ON(ioas), .iova = BASE },
	{ "IOAS_MAP", with_device, run_map, ON(ioas), .iova = BASE },
	{ "IOAS_MAP of a large page", with_device, run_map_huge, ON(ioas),
	  .iova = BASE + HUGE_BYTES },
	{ "IOAS_MAP at any place", with_device_and_memory, run_map_anywhere, ON(ioas) },
	{ "IOAS_MAP below a nested HWPT", with_nested_attached, run_map_huge, ON(ioas),
	  .iova = BASE + HUGE_BYTES },
	{ "IOAS_COPY without a device", with_memory, run_copy, ON(other), FROM(ioas),
	  .iova = BASE, .source = BASE, .bytes = SCENARIO_BYTES },
	{ "IOAS_COPY of what is pinned", with_device_and_memory, run_copy, ON(other), FROM(ioas),
	  .iova = BASE, .source = BASE, .bytes = SCENARIO_BYTES },
	{ "IOAS_COPY of what is not pinned", with_device_and_memory, run_copy, ON(ioas),
	  FROM(other), .iova = BASE + HUGE_BYTES, .source = BASE + HUGE_BYTES,
	  .bytes = SCENARIO_BYTES },
	{ "IOAS_COPY of a part", with_device_and_memory, run_copy, ON(ioas), FROM(ioas),
	  .iova = BASE + HUGE_BYTES, .source = BASE + PAGE_BYTES, .bytes = 3 * PAGE_BYTES },
	{ "IOAS_UNMAP without a device", with_memory, run_unmap, MAY_BE_DONE, ON(ioas),
	  .iova = BASE, .bytes = SCENARIO_BYTES },
	{ "IOAS_UNMAP", with_device_and_memory, run_unmap, MAY_BE_DONE, ON(ioas),
	  .iova = BASE, .bytes = SCENARIO_BYTES },
	{ "IOAS_UNMAP of all", with_device_and_memory, run_unmap, MAY_BE_DONE, ON(ioas),
	  .bytes = ALL_ONES },
	{ "IOAS_UNMAP of what an access has pinned", with_item, run_unmap, MAY_BE_DONE, ON(ioas),
	  .iova = BASE, .bytes = SCENARIO_BYTES },
	{ "ALLOW_IOVAS", with_spaces, run_allow, NO_CHANGE, ON(ioas) },
	{ "IOVA_RANGES", with_device, run_ranges, NO_CHANGE, ON(ioas) },
	{ "a reservation", with_memory, run_reserve, NO_CHANGE, ON(ioas),
	  .iova = BASE + HUGE_BYTES, .bytes = PAGE_BYTES },
	{ "OPTION HUGE_PAGES", with_memory, run_option, ON(ioas),
	  .option = IOMMU_OPTION_HUGE_PAGES, .value = 0 },
	{ "OPTION RLIMIT_MODE", with_nothing, run_option, ON(nothing),
	  .option = IOMMU_OPTION_RLIMIT_MODE, .value = 1 },
	{ "DESTROY of an IOAS", with_memory, run_destroy, ON(ioas) },
	{ "a new device", with_memory, run_new_device, ON(ioas) },
	{ "a new device with a nested HWPT", with_nested, run_new_device, ON(nested) },
	{ "a new device in a group", with_device_and_memory, run_join_group, ON(ioas) },
	{ "DESTROY of a device", with_device_and_memory, run_destroy, ON(ids.stdev) },
	{ "DESTROY of a device with a nested HWPT", with_nested_attached, run_destroy,
	  ON(ids.stdev) },
	{ "replace by another IOAS", with_device_and_memory, run_replace, MAY_BE_DONE, ON(other) },
	{ "replace of a group by another IOAS", with_group, run_replace, MAY_BE_DONE, ON(other) },
	{ "replace inside an IOAS", with_two_hwpts, run_replace, MAY_BE_DONE, ON(hwpt) },
	{ "replace by a nested HWPT", with_nested, run_replace, MAY_BE_DONE, ON(nested) },
	{ "replace of a nested HWPT by its IOAS", with_nested_attached, run_replace,
	  MAY_BE_DONE, ON(ioas) },
	{ "replace of a nested HWPT by another IOAS", with_nested_attached, run_replace,
	  MAY_BE_DONE, ON(other) },
	{ "replace of a nested HWPT by a foreign one", with_foreign_nested, run_replace,
	  MAY_BE_DONE, ON(foreign) },
	{ "HWPT_ALLOC", with_device_and_memory, run_hwpt, ON(other) },
	{ "HWPT_ALLOC with dirty tracking", with_device_and_memory, run_hwpt, ON(other),
	  .value = IOMMU_HWPT_ALLOC_DIRTY_TRACKING },
	{ "HWPT_ALLOC of a parent", with_device_and_memory, run_hwpt, ON(other),
	  .value = IOMMU_HWPT_ALLOC_NEST_PARENT },
	{ "HWPT_ALLOC with a blob", with_device_and_memory, run_hwpt_kind, ON(other),
	  .value = MOCK_IOMMUPT_HUGE },
	{ "HWPT_ALLOC of a nested one", with_parent, run_hwpt_kind, ON(parent),
	  .value = MOCK_IOMMUPT_DEFAULT },
	{ "HWPT_ALLOC for PASIDs", with_device_and_memory, run_hwpt, ON(other),
	  .value = IOMMU_HWPT_ALLOC_PASID },
	{ "attach of a PASID", with_pasids, run_pasid_attach, ON(hwpt) },
	{ "replace of a PASID", with_pasid_attached, run_pasid_replace, MAY_BE_DONE, ON(foreign) },
	{ "detach of a PASID", with_pasid_attached, run_pasid_detach },
	{ "DESTROY of a device with a PASID attached", with_pasid_attached, run_destroy,
	  ON(ids.stdev) },
	{ "FAULT_QUEUE_ALLOC", with_nothing, run_queue },
	{ "HWPT_ALLOC with a fault queue", with_queue, run_hwpt_with_queue, ON(other) },
	{ "HWPT_ALLOC of a nested one with a fault queue", with_queue_and_parent,
	  run_nested_with_queue, ON(parent) },
	{ "replace by a HWPT with a fault queue", with_queue_tables, run_replace, MAY_BE_DONE,
	  ON(hwpt) },
	{ "replace of a HWPT with a fault queue", with_requests_read, run_replace, MAY_BE_DONE,
	  ON(foreign) },
	{ "attach of a PASID with a fault queue", with_pasid_and_queue, run_pasid_attach,
	  ON(hwpt) },
	{ "replace of a PASID with a fault queue", with_pasid_attached_and_queue,
	  run_pasid_replace, MAY_BE_DONE, ON(foreign) },
	{ "read of a fault queue", with_requests, run_read_requests, NO_CHANGE },
	{ "answer to page faults", with_requests_read, run_answer, NO_CHANGE },
	{ "HWPT_INVALIDATE", with_nested, run_invalidate, NO_CHANGE },
	{ "DESTROY of a HWPT", with_two_hwpts, run_destroy, ON(hwpt) },
	{ "DESTROY of a nested HWPT", with_nested, run_destroy, ON(nested) },
	{ "GET_HW_INFO", with_device, run_hw_info, NO_CHANGE },
	{ "SET_DIRTY_TRACKING", with_dirty_hwpt, run_track, NO_CHANGE, .value = true },
	{ "SET_DIRTY_TRACKING off", with_dirty_pages, run_track, NO_CHANGE, .value = false },
	{ "GET_DIRTY_BITMAP", with_dirty_pages, run_read_dirty, NO_CHANGE },
	{ "IOAS_MAP_FILE without a device", with_spaces, run_map_file },
	{ "IOAS_MAP_FILE", with_device, run_map_file },
	{ "IOAS_MAP_FILE of a dma-buf", with_dmabuf, run_map_dmabuf },
	{ "IOAS_CHANGE_PROCESS", with_file, run_change_process, NO_CHANGE },
	{ "a new access", with_memory, run_access, NO_CHANGE, ON(other) },
	{ "pin through an access", with_access, run_pin },
	{ "unpin through an access", with_item, run_unpin },
	{ "read through an access", with_access, run_access_rw, NO_CHANGE },
	{ "write through an access", with_access, run_access_rw, NO_CHANGE,
	  .value = MOCK_ACCESS_RW_WRITE | MOCK_ACCESS_RW_SLOW_PATH },
	{ "another IOAS for an access", with_item, run_access_move, ON(other) },
	{ "a new dma-buf", with_nothing, run_dmabuf, NO_CHANGE },
	{ "a dma-buf is revoked", with_dmabuf_mapped, run_revoke },
	{ "VFIO attach", with_vfio_bound, run_vfio_attach, ON(ioas) },
	{ "VFIO replace", with_vfio_attached, run_vfio_attach, ON(other) },
	{ "VFIO detach", with_vfio_attached, run_vfio_detach },
	{ "HWPT_ALLOC for a VFIO device", with_vfio_bound, run_vfio_hwpt, ON(other) },
	{ "VFIO_IOAS SET", with_spaces, run_container, .value = IOMMU_VFIO_IOAS_SET },
	{ "VFIO_IOAS GET", with_container, run_container, NO_CHANGE,
	  .value = IOMMU_VFIO_IOAS_GET },
	{ "VFIO_IOAS CLEAR", with_container, run_container, .value = IOMMU_VFIO_IOAS_CLEAR },
	{ "VFIO_SET_IOMMU", with_container, run_container_type, .value = VFIO_TYPE1_IOMMU },
	{ "VFIO_CHECK_EXTENSION", with_container, run_container_extension, NO_CHANGE,
	  .value = VFIO_DMA_CC_IOMMU },
	{ "VFIO_IOMMU_GET_INFO", with_container, run_container_info, NO_CHANGE },
	{ "VFIO_IOMMU_MAP_DMA", with_container, run_container_map },
	{ "VFIO_IOMMU_UNMAP_DMA", with_container_memory, run_container_unmap, MAY_BE_DONE,
	  .iova = BASE, .bytes = SCENARIO_BYTES },
	{ "VFIO_IOMMU_UNMAP_DMA of a part", with_old_container, run_container_unmap,
	  MAY_BE_DONE | MAY_BE_CUT, .iova = BASE + PAGE_BYTES, .bytes = PAGE_BYTES },
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
