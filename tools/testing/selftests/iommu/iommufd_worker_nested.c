// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps of the random tester on page tables of user space, which are nested in the
 * kernel's, and on what a driver is told of their entries.
 */
#include <errno.h>
#include <string.h>

#include "iommufd_worker.h"
#include "lib/iommufd.h"
#include "lib/mock.h"

#define REQUESTS	5
/* Not what the mock knows: bits it has no name for, and words it does not have */
#define BAD_FLAG	2
#define BAD_WORD	(MOCK_NESTED_DOMAIN_IOTLB_ID_MAX + 1)

static struct nested *some_nested(struct worker *w)
{
	struct nested *nested = &w->nested[worker_below(w, NESTED)];

	return nested->live ? nested : NULL;
}

static void step_nested(struct worker *w)
{
	struct nested *nested = &w->nested[worker_below(w, NESTED)];
	const unsigned int parent = worker_below(w, HWPTS);
	const uint32_t word = worker_random(w);
	const struct iommu_hwpt_selftest data = { .iotlb = word };
	const struct dev *dev = worker_some_dev(w);
	struct hwpt *hwpt = &w->hwpts[parent];
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .pt_id = hwpt->id, .data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data), .data_uptr = (uintptr_t)&data,
	};
	unsigned int i;
	int err;

	if (nested->live || !hwpt->live || !dev || !w->shared->has_nested)
		return;
	arg.dev_id = dev->idev;
	worker_note(w, hwpt->space, "nested page table in %u", hwpt->id);
	err = iommufd_call(w->shared->fd, IOMMU_HWPT_ALLOC, &arg);
	if (!worker_expect(w, err, hwpt->parent ? 0 : -EINVAL, "nested HWPT_ALLOC") || err)
		return;
	worker_note(w, hwpt->space, "is page table %u", arg.out_hwpt_id);
	nested->live = true;
	nested->id = arg.out_hwpt_id;
	nested->parent = parent;
	nested->users = 0;
	for (i = 0; i < MOCK_NESTED_DOMAIN_IOTLB_NUM; i++)
		nested->words[i] = word;
	hwpt->users++;
	w->worked++;
}

static void step_nested_destroy(struct worker *w)
{
	struct nested *nested = some_nested(w);
	int err;

	if (!nested)
		return;
	worker_note(w, w->hwpts[nested->parent].space, "destroy nested page table %u", nested->id);
	err = object_destroy(w->shared->fd, nested->id);
	if (worker_expect(w, err, nested->users ? -EBUSY : 0, "destroy of a nested page table") &&
	    !err) {
		nested->live = false;
		w->hwpts[nested->parent].users--;
	}
	w->worked++;
}

/* What the driver must make of a request */
static int apply(struct nested *nested, const struct iommu_hwpt_invalidate_selftest *request)
{
	if (request->flags & ~IOMMU_TEST_INVALIDATE_FLAG_ALL)
		return -EOPNOTSUPP;
	if (request->iotlb_id > MOCK_NESTED_DOMAIN_IOTLB_ID_MAX)
		return -EINVAL;
	if (request->flags)
		memset(nested->words, 0, sizeof(nested->words));
	else
		nested->words[request->iotlb_id] = 0;
	return 0;
}

static void step_invalidate(struct worker *w)
{
	struct iommu_hwpt_invalidate_selftest requests[REQUESTS];
	const unsigned int nr = worker_below(w, REQUESTS + 1);
	struct nested *nested = some_nested(w);
	struct iommu_hwpt_invalidate arg = {
		.size = sizeof(arg), .data_uptr = (uintptr_t)requests,
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
		.entry_len = sizeof(requests[0]), .entry_num = nr,
	};
	unsigned int done = 0, i;
	int err, wanted = 0;

	for (i = 0; i < REQUESTS; i++) {
		requests[i].flags = worker_chance(w, 10) ? IOMMU_TEST_INVALIDATE_FLAG_ALL :
				    worker_chance(w, 10) ? BAD_FLAG : 0;
		requests[i].iotlb_id = worker_below(w, BAD_WORD + worker_chance(w, 30));
	}
	if (!nested)
		return;
	arg.hwpt_id = nested->id;
	while (done < nr && !wanted) {
		wanted = apply(nested, &requests[done]);
		done += !wanted;
	}
	worker_note(w, w->hwpts[nested->parent].space, "%u requests on nested page table %u", nr,
		    nested->id);
	err = iommufd_call(w->shared->fd, IOMMU_HWPT_INVALIDATE, &arg);
	if (worker_expect(w, err, wanted, "HWPT_INVALIDATE"))
		worker_expect(w, arg.entry_num, done, "requests done");
	w->worked++;
}

static void step_check(struct worker *w)
{
	const struct nested *nested = some_nested(w);
	struct iommu_test_cmd cmd = {};
	unsigned int i;

	if (!nested)
		return;
	for (i = 0; i < MOCK_NESTED_DOMAIN_IOTLB_NUM; i++) {
		cmd.check_iotlb.id = i;
		cmd.check_iotlb.iotlb = nested->words[i];
		worker_note(w, w->hwpts[nested->parent].space, "word %u of %u is %#x", i,
			    nested->id, nested->words[i]);
		if (!worker_expect(w, worker_mock(w, &cmd, IOMMU_TEST_OP_MD_CHECK_IOTLB,
						  nested->id), 0, "MD_CHECK_IOTLB"))
			return;
	}
	w->worked++;
}

const struct step worker_nested_steps[] = {
	{ "nested page table", 4, step_nested },
	{ "destroy nested page table", 2, step_nested_destroy },
	{ "invalidate", 3, step_invalidate },
	{ "check nested page table", 2, step_check },
	{ }
};
