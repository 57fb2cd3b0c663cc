// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_TEST_CMD: which function does which operation, and those operations
 * that need no device.
 */
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/overflow.h>

#include "call.h"
#include "ioas.h"
#include "iommufd_test_ext.h"
#include "map/map.h"
#include "mock/calls.h"
#include "mock/iommu.h"
#include "object.h"
#include "store/store.h"
#include "test_hooks.h"

#define EXT_BIT		BIT(31)

/* An entry that says where, and one that says how many, in bytes */
#define MIN_MEMORY_LIMIT	(sizeof(unsigned long) + sizeof(u32))

static_assert(sizeof(struct iommu_test_cmd) == 72);
static_assert(sizeof(struct iommu_test_ext) == sizeof(struct iommu_test_cmd));
static_assert(offsetof(struct iommu_test_ext, last) ==
	      offsetof(struct iommu_test_cmd, last));

typedef int (*mock_op)(struct iommufd_call *call);

static int op_add_reserved(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	u64 start = arg->add_reserved.start, last;
	struct iommufd_ioas *ioas;
	int err;

	if (!arg->add_reserved.length)
		return -EINVAL;
	if (check_add_overflow(start, arg->add_reserved.length - 1, &last))
		return -EOVERFLOW;

	ioas = iommufd_ioas_get(call->ctx, arg->id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	/* It is never released, so it stays as long as the map */
	err = iommufd_map_reserve(ioas->map, start, last, ioas);
	iommufd_object_put(call->ctx, &ioas->obj);
	return err;
}

/* Limits the batch of a pin, as the store has no other buffers for pages */
static int op_memory_limit(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;

	if (arg->memory_limit.limit < MIN_MEMORY_LIMIT)
		return -EINVAL;
	iommufd_store_limit_batch(arg->memory_limit.limit /
				  sizeof(struct page *));
	return 0;
}

static int op_ioas_stats(struct iommufd_call *call)
{
	struct iommu_test_ext *arg = call->arg;
	struct iommufd_map_stats stats;
	struct iommufd_ioas *ioas;

	ioas = iommufd_ioas_get(call->ctx, arg->id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	iommufd_map_stats(ioas->map, &stats);
	iommufd_object_put(call->ctx, &ioas->obj);

	arg->ioas_stats.out_nr_areas = stats.nr_areas;
	arg->ioas_stats.out_nr_domains = stats.nr_domains;
	arg->ioas_stats.out_mapped_bytes = stats.mapped_bytes;
	arg->ioas_stats.out_pinned_bytes = stats.pinned_bytes;
	return mock_respond(call);
}

static const mock_op ops[] = {
	[IOMMU_TEST_OP_ADD_RESERVED] = op_add_reserved,
	[IOMMU_TEST_OP_MOCK_DOMAIN] = mock_op_domain,
	[IOMMU_TEST_OP_MD_CHECK_MAP] = mock_op_check_map,
	[IOMMU_TEST_OP_MD_CHECK_REFS] = mock_op_check_refs,
	[IOMMU_TEST_OP_CREATE_ACCESS] = mock_op_create_access,
	[IOMMU_TEST_OP_DESTROY_ACCESS_PAGES] = mock_op_destroy_access_pages,
	[IOMMU_TEST_OP_ACCESS_PAGES] = mock_op_access_pages,
	[IOMMU_TEST_OP_ACCESS_RW] = mock_op_access_rw,
	[IOMMU_TEST_OP_ACCESS_REPLACE_IOAS] = mock_op_access_replace,
	[IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE] = mock_op_domain_replace,
	[IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS] = mock_op_domain_flags,
	[IOMMU_TEST_OP_MD_CHECK_IOTLB] = mock_op_check_iotlb,
	[IOMMU_TEST_OP_DEV_CHECK_CACHE] = mock_op_check_dev_cache,
	[IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT] = op_memory_limit,
	[IOMMU_TEST_OP_DIRTY] = mock_op_dirty,
	[IOMMU_TEST_OP_TRIGGER_IOPF] = mock_op_trigger_iopf,
	[IOMMU_TEST_OP_TRIGGER_VEVENT] = mock_op_trigger_vevent,
	[IOMMU_TEST_OP_PASID_ATTACH] = mock_op_pasid_attach,
	[IOMMU_TEST_OP_PASID_REPLACE] = mock_op_pasid_replace,
	[IOMMU_TEST_OP_PASID_DETACH] = mock_op_pasid_detach,
	[IOMMU_TEST_OP_PASID_CHECK_HWPT] = mock_op_pasid_check,
	[IOMMU_TEST_OP_DMABUF_GET] = mock_op_dmabuf_get,
	[IOMMU_TEST_OP_DMABUF_REVOKE] = mock_op_dmabuf_revoke,
};

static const mock_op ext_ops[] = {
	[IOMMU_TEST_EXT_ADD_DEVICE & ~EXT_BIT] = mock_op_add_device,
	[IOMMU_TEST_EXT_PAGE_AT & ~EXT_BIT] = mock_op_page_at,
	[IOMMU_TEST_EXT_TABLE_STATS & ~EXT_BIT] = mock_op_table_stats,
	[IOMMU_TEST_EXT_IOAS_STATS & ~EXT_BIT] = op_ioas_stats,
	[IOMMU_TEST_EXT_DEVICE_STATE & ~EXT_BIT] = mock_op_device_state,
	[IOMMU_TEST_EXT_MAKE_DEVICE & ~EXT_BIT] = mock_op_make_device,
	[IOMMU_TEST_EXT_END_RESET & ~EXT_BIT] = mock_op_end_reset,
	[IOMMU_TEST_EXT_PARTIAL_IOPF & ~EXT_BIT] = mock_op_partial_iopf,
	[IOMMU_TEST_EXT_ANSWERS & ~EXT_BIT] = mock_op_answers,
	[IOMMU_TEST_EXT_SKIP_VEVENTS & ~EXT_BIT] = mock_op_skip_vevents,
};

static mock_op find_op(u32 op)
{
	u32 ext = op & ~EXT_BIT;

	if (op & EXT_BIT)
		return ext < ARRAY_SIZE(ext_ops) ? ext_ops[ext] : NULL;
	return op < ARRAY_SIZE(ops) ? ops[op] : NULL;
}

/**
 * iommufd_ioctl_test() - IOMMU_TEST_CMD
 * @call: the call, with a &struct iommu_test_cmd
 *
 * Context: may sleep and pin memory.
 * Return: 0, or a descriptor from the operation that makes a dma-buf;
 * -EOPNOTSUPP for an unknown operation; the errors of the operation.
 */
int iommufd_ioctl_test(struct iommufd_call *call)
{
	struct iommu_test_cmd *arg = call->arg;
	mock_op op = find_op(arg->op);

	return op ? op(call) : -EOPNOTSUPP;
}

/**
 * iommufd_test_init() - get ready for test calls
 *
 * Context: may sleep.
 * Return: 0, or a negative errno.
 */
int __init iommufd_test_init(void)
{
	int err = mock_iopf_init();

	if (err)
		return err;
	err = mock_iommu_init();
	if (err)
		goto err_iopf;
	err = mock_dmabuf_init();
	if (err)
		goto err_iommu;
	mock_fault_init();
	return 0;

err_iommu:
	mock_iommu_exit();
err_iopf:
	mock_iopf_exit();
	return err;
}

/**
 * iommufd_test_exit() - undo iommufd_test_init()
 *
 * Context: may sleep.
 */
void iommufd_test_exit(void)
{
	mock_fault_exit();
	mock_dmabuf_exit();
	mock_iommu_exit();
	mock_iopf_exit();
}
