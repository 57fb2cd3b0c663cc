// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which fault queue a HWPT of any kind has.
 */
#include "fault.h"
#include "hwpt.h"
#include "object.h"

/**
 * iommufd_hwpt_set_fault() - have page requests go to a fault queue
 * @hwpt: page table that is not published
 * @fault: queue, which the caller has a reference to
 *
 * Context: any. iommufd_hwpt_drop_fault() is the counterpart.
 */
void iommufd_hwpt_set_fault(struct iommufd_hwpt_common *hwpt,
			    struct iommufd_fault *fault)
{
	iommufd_object_add_user(&fault->queue.obj);
	hwpt->fault = fault;
}

/**
 * iommufd_hwpt_drop_fault() - undo iommufd_hwpt_set_fault()
 * @hwpt: page table that nothing is attached to; nothing happens without a queue
 *
 * Context: any.
 */
void iommufd_hwpt_drop_fault(struct iommufd_hwpt_common *hwpt)
{
	if (hwpt->fault)
		iommufd_object_drop_user(&hwpt->fault->queue.obj);
}
