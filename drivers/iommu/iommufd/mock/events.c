// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of the test call on events of virtual IOMMUs. Events are reported by
 * an interrupt handler, as those of hardware may be.
 */
#include <linux/container_of.h>
#include <linux/err.h>
#include <linux/iommu-viommu.h>
#include <linux/irq_work.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "call.h"
#include "device.h"
#include "iommufd_test_ext.h"
#include "mock/calls.h"
#include "mock/iommu.h"
#include "object.h"
#include "viommu.h"

/**
 * struct event - an event on its way
 * @work: runs in an interrupt
 * @mdev: device, which stays bound meanwhile
 * @err: result
 */
struct event {
	struct irq_work work;
	struct mock_dev *mdev;
	int err;
};

static int report(struct mock_dev *mdev)
{
	struct iommu_viommu_event_selftest data = {};
	struct iommu_vdevice *vdev;
	int err = -ENOENT;

	rcu_read_lock();
	vdev = iommu_vdevice_of(&mdev->dev);
	/* What it is attached to may go at once, and is compared alone */
	if (vdev && vdev->virt_id && READ_ONCE(mdev->viommu) == vdev->viommu) {
		data.virt_id = vdev->virt_id;
		err = iommu_viommu_report(vdev->viommu,
					  IOMMU_VEVENTQ_TYPE_SELFTEST, &data,
					  sizeof(data));
	}
	rcu_read_unlock();
	return err;
}

static void report_in_interrupt(struct irq_work *work)
{
	struct event *event = container_of(work, struct event, work);

	event->err = report(event->mdev);
}

/**
 * mock_op_trigger_vevent() - TRIGGER_VEVENT: have a device cause an event
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -ENOENT, also when the device is not attached to a page table of the virtual
 * IOMMU that it has a name on, or the name is 0; -EOPNOTSUPP without a queue.
 */
int mock_op_trigger_vevent(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	struct iommufd_device *idev;
	struct event event = { .err = -ENOENT };

	idev = iommufd_device_get(call->ctx, arg->trigger_vevent.dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	event.mdev = mock_dev_of(idev->dev);
	if (event.mdev) {
		init_irq_work(&event.work, report_in_interrupt);
		irq_work_queue(&event.work);
		irq_work_sync(&event.work);
	}
	iommufd_object_put(call->ctx, &idev->obj);
	return event.err;
}

/**
 * mock_op_skip_vevents() - SKIP_VEVENTS: bring the number of the next event near its end
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0; -ENOENT.
 */
int mock_op_skip_vevents(struct iommufd_call *call)
{
	struct iommu_test_ext *arg = call->arg;
	struct iommufd_veventq *veventq;
	struct iommufd_object *obj;

	obj = iommufd_object_get(call->ctx, arg->id, IOMMUFD_OBJ_VEVENTQ);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	veventq = container_of(obj, struct iommufd_veventq, queue.obj);
	spin_lock_irq(&veventq->queue.lock);
	veventq->next_sequence += arg->skip_vevents.nr;
	spin_unlock_irq(&veventq->queue.lock);
	iommufd_object_put(call->ctx, obj);
	return 0;
}
