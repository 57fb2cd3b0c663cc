// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/fdinfo of /dev/iommu: what the context holds, one line per object.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/iommu-viommu.h>
#include <linux/minmax.h>
#include <linux/seq_file.h>

#include "access.h"
#include "device.h"
#include "fault.h"
#include "hwpt.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "map/map.h"
#include "object.h"
#include "viommu.h"

static void show_ioas(struct seq_file *seq, struct iommufd_object *obj)
{
	struct iommufd_ioas *ioas = container_of(obj, struct iommufd_ioas, obj);
	struct iommufd_map_stats stats;

	iommufd_map_stats(ioas->map, &stats);
	seq_printf(seq, " mappings %lu mapped-bytes %llu pinned-bytes %llu kernel-pins %lu domains %lu huge-pages %d",
		   stats.nr_areas, stats.mapped_bytes, stats.pinned_bytes,
		   stats.nr_kernel_pins, stats.nr_domains,
		   iommufd_map_huge_pages(ioas->map));
}

static void show_device(struct seq_file *seq, struct iommufd_object *obj)
{
	struct iommufd_device *idev =
		container_of(obj, struct iommufd_device, obj);
	struct iommufd_attached attached = {};
	unsigned int i;

	seq_printf(seq, " name %s", dev_name(idev->dev));
	if (iommufd_device_is_pasid(idev))
		seq_printf(seq, " pasid %u", idev->group->own.pasid);
	if (iommufd_device_attached(idev, &attached)) {
		seq_puts(seq, " hwpt changing");
		return;
	}
	if (attached.hwpt_id)
		seq_printf(seq, " hwpt %u", attached.hwpt_id);
	if (attached.nr_pasids)
		seq_printf(seq, " pasids %u", attached.nr_pasids);
	for (i = 0; i < min(attached.nr_pasids, IOMMUFD_PASIDS_SHOWN); i++)
		seq_printf(seq, " pasid %u hwpt %u", attached.pasids[i],
			   attached.hwpt_ids[i]);
}

static void show_access(struct seq_file *seq, struct iommufd_object *obj)
{
	struct iommufd_access *access =
		container_of(obj, struct iommufd_access, obj);
	u32 ioas_id = iommufd_access_ioas_id(access);

	if (ioas_id)
		seq_printf(seq, " ioas %u", ioas_id);
}

static void show_hwpt_paging(struct seq_file *seq, struct iommufd_object *obj)
{
	struct iommufd_hwpt_paging *hwpt = to_hwpt_paging(obj);

	seq_printf(seq, " ioas %u groups %u enforces-coherency %d",
		   hwpt->ioas->obj.id, READ_ONCE(hwpt->nr_groups),
		   hwpt->enforces_coherency);
	if (hwpt->automatic)
		seq_puts(seq, " automatic");
	if (hwpt->tracks_dirty)
		seq_puts(seq, " tracks-dirty");
	if (hwpt->noiommu)
		seq_puts(seq, " noiommu");
	if (hwpt->nest_parent)
		seq_puts(seq, " nest-parent");
}

static void show_hwpt_nested(struct seq_file *seq, struct iommufd_object *obj)
{
	struct iommufd_hwpt_nested *hwpt =
		container_of(obj, struct iommufd_hwpt_nested, common.obj);

	seq_printf(seq, " parent %u", hwpt->parent->common.obj.id);
	if (hwpt->viommu)
		seq_printf(seq, " viommu %u", hwpt->viommu->obj.id);
}

static void show_fault(struct seq_file *seq, struct iommufd_object *obj)
{
	struct iommufd_fault *fault =
		container_of(obj, struct iommufd_fault, queue.obj);
	unsigned int nr_waiting, nr_read;

	iommufd_fault_fill(fault, &nr_waiting, &nr_read);
	seq_printf(seq, " waiting %u read %u", nr_waiting, nr_read);
}

static void show_viommu(struct seq_file *seq, struct iommufd_object *obj)
{
	struct iommufd_viommu *viommu =
		container_of(obj, struct iommufd_viommu, obj);

	seq_printf(seq, " parent %u iommu-type %#x",
		   viommu->parent->common.obj.id, viommu->base->type);
}

static void show_vdevice(struct seq_file *seq, struct iommufd_object *obj)
{
	struct iommufd_vdevice *vdev =
		container_of(obj, struct iommufd_vdevice, obj);

	seq_printf(seq, " viommu %u device %u virt-id %#llx",
		   vdev->viommu_id, vdev->dev_id, vdev->virt_id);
}

static void show_veventq(struct seq_file *seq, struct iommufd_object *obj)
{
	struct iommufd_veventq *veventq =
		container_of(obj, struct iommufd_veventq, queue.obj);

	seq_printf(seq, " viommu %u event-type %#x depth %u waiting %u",
		   veventq->viommu->obj.id, veventq->type, veventq->depth,
		   READ_ONCE(veventq->nr_waiting));
}

static void show_hw_queue(struct seq_file *seq, struct iommufd_object *obj)
{
	struct iommufd_hw_queue *queue =
		container_of(obj, struct iommufd_hw_queue, obj);

	seq_printf(seq, " viommu %u queue-type %#x index %u iova %#llx length %#llx",
		   queue->viommu->obj.id, queue->base->type,
		   queue->base->index, queue->base->iova, queue->base->length);
}

static void show_object(struct seq_file *seq, struct iommufd_object *obj)
{
	/* Without the reference for its existence */
	seq_printf(seq, "iommufd-object:\tid %u type %s users %u", obj->id,
		   iommufd_object_name(obj), refcount_read(&obj->users) - 1);
	switch (obj->type) {
	case IOMMUFD_OBJ_IOAS:
		show_ioas(seq, obj);
		break;
	case IOMMUFD_OBJ_DEVICE:
		show_device(seq, obj);
		break;
	case IOMMUFD_OBJ_ACCESS:
		show_access(seq, obj);
		break;
	case IOMMUFD_OBJ_HWPT_PAGING:
		show_hwpt_paging(seq, obj);
		break;
	case IOMMUFD_OBJ_HWPT_NESTED:
		show_hwpt_nested(seq, obj);
		break;
	case IOMMUFD_OBJ_FAULT:
		show_fault(seq, obj);
		break;
	case IOMMUFD_OBJ_VIOMMU:
		show_viommu(seq, obj);
		break;
	case IOMMUFD_OBJ_VDEVICE:
		show_vdevice(seq, obj);
		break;
	case IOMMUFD_OBJ_VEVENTQ:
		show_veventq(seq, obj);
		break;
	case IOMMUFD_OBJ_HW_QUEUE:
		show_hw_queue(seq, obj);
		break;
	default:
		break;
	}
	seq_putc(seq, '\n');
}

/**
 * iommufd_show_fdinfo() - write a context's lines
 * @seq: where to
 * @filp: open /dev/iommu
 *
 * Context: may sleep.
 */
void iommufd_show_fdinfo(struct seq_file *seq, struct file *filp)
{
	struct iommufd_ctx *ctx = filp->private_data;
	struct iommufd_object *obj;
	unsigned long id = 1;

	seq_printf(seq, "iommufd-accounting:\t%s\n",
		   ctx->account_mode == IOMMUFD_ACCOUNT_PROCESS ? "process" :
								  "user");
	if (READ_ONCE(ctx->vfio_ioas_id))
		seq_printf(seq, "iommufd-vfio-ioas:\t%u\n",
			   READ_ONCE(ctx->vfio_ioas_id));
	/* With too little room all of this comes again, with more */
	while (!seq_has_overflowed(seq) &&
	       (obj = iommufd_object_get_next(ctx, &id))) {
		show_object(seq, obj);
		iommufd_object_put(ctx, obj);
		id++;
	}
}
