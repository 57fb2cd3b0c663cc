// SPDX-License-Identifier: GPL-2.0-only
/* Scenarios of virtual IOMMUs: see the header. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/iommufd.h>
#include <unistd.h>

#include "iommufd_scenarios.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/viommu.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define VIRT_ID		0x1234
#define DEPTH		4

static int with_parent(struct stage *s)
{
	int err = ioas_alloc(s->fd, &s->ioas);

	if (!err)
		err = mock_domain(s->fd, s->ioas, 0, &s->ids);
	if (!err)
		err = ioas_map_fixed(s->fd, s->ioas, scenario_memory, SCENARIO_BYTES, IOVA);
	return err ? err : nest_parent_alloc(s->fd, s->ids.dev, s->ioas, &s->parent);
}

static int with_viommu(struct stage *s)
{
	int err = with_parent(s);

	return err ? err : viommu_alloc(s->fd, s->ids.dev, s->parent, &s->viommu);
}

static int with_vdevice(struct stage *s)
{
	int err = with_viommu(s);

	return err ? err : vdevice_alloc(s->fd, s->viommu, s->ids.dev, VIRT_ID, &s->vdevice);
}

static int with_nested(struct stage *s)
{
	int err = with_vdevice(s);

	return err ? err : mock_nested_alloc(s->fd, s->ids.dev, s->viommu, 0, 0, &s->nested);
}

static int with_queue(struct stage *s)
{
	int err = with_nested(s);

	if (!err)
		err = mock_replace(s->fd, s->ids.stdev, &(uint32_t){ s->nested });
	if (!err)
		s->queue = veventq_alloc(s->fd, s->viommu, DEPTH, &s->fault);
	return s->queue < 0 ? s->queue : err;
}

static int with_event(struct stage *s)
{
	int err = with_queue(s);

	return err ? err : mock_trigger_vevent(s->fd, s->ids.dev);
}

static int with_hw_queue(struct stage *s)
{
	int err = with_viommu(s);

	return err ? err : hw_queue_alloc(s->fd, s->viommu, 0, IOVA, PAGE_BYTES, &s->item);
}

static int run_viommu(struct stage *s, const struct scenario *c)
{
	struct iommu_viommu_selftest data = { .in_data = 1 };
	uint32_t id;

	return viommu_alloc_data(s->fd, s->ids.dev, s->parent, &data, &id);
}

static int run_vdevice(struct stage *s, const struct scenario *c)
{
	uint32_t id;

	return vdevice_alloc(s->fd, s->viommu, s->ids.dev, UINT64_MAX, &id);
}

static int run_nested(struct stage *s, const struct scenario *c)
{
	uint32_t id;

	return mock_nested_alloc(s->fd, s->ids.dev, s->viommu, 0, 0, &id);
}

static int run_invalidate(struct stage *s, const struct scenario *c)
{
	const struct iommu_viommu_invalidate_selftest request = { .vdev_id = VIRT_ID };

	return viommu_invalidate(s->fd, s->viommu, &request, sizeof(request), &(uint32_t){ 1 });
}

static int run_attach(struct stage *s, const struct scenario *c)
{
	return mock_replace(s->fd, s->ids.stdev, &(uint32_t){ s->nested });
}

static int run_queue(struct stage *s, const struct scenario *c)
{
	uint32_t id;

	s->queue = veventq_alloc(s->fd, s->viommu, DEPTH, &id);
	return s->queue < 0 ? s->queue : 0;
}

static int run_trigger(struct stage *s, const struct scenario *c)
{
	return mock_trigger_vevent(s->fd, s->ids.dev);
}

static int run_read(struct stage *s, const struct scenario *c)
{
	uint8_t buf[64];

	return read(s->queue, buf, sizeof(buf)) < 0 ? -errno : 0;
}

static int run_hw_queue(struct stage *s, const struct scenario *c)
{
	uint32_t id;

	return hw_queue_alloc(s->fd, s->viommu, 0, IOVA + 100, 300, &id);
}

static int run_destroy(struct stage *s, const struct scenario *c)
{
	return object_destroy(s->fd, *(uint32_t *)((uint8_t *)s + c->on));
}

#define ON(member)	.on = offsetof(struct stage, member)

const struct scenario viommu_scenarios[] = {
	{ "VIOMMU_ALLOC", with_parent, run_viommu },
	{ "VDEVICE_ALLOC", with_viommu, run_vdevice },
	{ "HWPT_ALLOC on a vIOMMU", with_viommu, run_nested },
	{ "HWPT_INVALIDATE of a vIOMMU", with_vdevice, run_invalidate, NO_CHANGE },
	{ "replace by a HWPT of a vIOMMU", with_nested, run_attach, MAY_BE_DONE },
	{ "VEVENTQ_ALLOC", with_viommu, run_queue },
	{ "an event of a vIOMMU", with_queue, run_trigger },
	{ "read of a queue of events", with_event, run_read },
	{ "HW_QUEUE_ALLOC", with_viommu, run_hw_queue },
	{ "DESTROY of a vIOMMU", with_viommu, run_destroy, ON(viommu) },
	{ "DESTROY of a vDEVICE", with_vdevice, run_destroy, ON(vdevice) },
	{ "DESTROY of a hardware queue", with_hw_queue, run_destroy, ON(item) },
	{ "DESTROY of a device with a vDEVICE", with_vdevice, run_destroy, ON(ids.stdev) },
};

const unsigned int nr_viommu_scenarios = sizeof(viommu_scenarios) / sizeof(viommu_scenarios[0]);
