/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test call: one function for each operation, all of the same shape. They
 * take the call, whose argument is a struct iommu_test_cmd, and return what the
 * call returns.
 */
#ifndef __MOCK_CALLS_H
#define __MOCK_CALLS_H

#include <linux/types.h>

#include "call.h"
#include "iommufd_test.h"

struct iommufd_ctx;
struct iommufd_hwpt_paging;
struct iommufd_ioas;
struct mock_domain;
struct page;

#ifdef CONFIG_IOMMUFD_TEST

/**
 * mock_respond() - copy the argument of a test call out
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0, or -EFAULT.
 */
static inline int mock_respond(struct iommufd_call *call)
{
	return iommufd_call_respond(call, sizeof(struct iommu_test_cmd));
}

/* device.c */
int mock_op_domain(struct iommufd_call *call);
int mock_op_domain_flags(struct iommufd_call *call);
int mock_op_domain_replace(struct iommufd_call *call);
int mock_op_add_device(struct iommufd_call *call);
int mock_op_device_state(struct iommufd_call *call);
int mock_op_make_device(struct iommufd_call *call);
int mock_op_end_reset(struct iommufd_call *call);

/* events.c */
int mock_op_trigger_vevent(struct iommufd_call *call);
int mock_op_skip_vevents(struct iommufd_call *call);

/* pasid.c */
int mock_op_pasid_attach(struct iommufd_call *call);
int mock_op_pasid_replace(struct iommufd_call *call);
int mock_op_pasid_detach(struct iommufd_call *call);
int mock_op_pasid_check(struct iommufd_call *call);

/* requests.c */
int mock_op_trigger_iopf(struct iommufd_call *call);
int mock_op_partial_iopf(struct iommufd_call *call);
int mock_op_answers(struct iommufd_call *call);

/* iopf.c */
int mock_iopf_init(void);
void mock_iopf_exit(void);

/* check.c */
struct iommufd_hwpt_paging *mock_hwpt_get(struct iommufd_ctx *ctx, u32 id,
					  struct mock_domain **paging);
int mock_user_page(u64 uptr, struct page **page);
int mock_op_check_map(struct iommufd_call *call);
int mock_op_check_refs(struct iommufd_call *call);
int mock_op_check_iotlb(struct iommufd_call *call);
int mock_op_check_dev_cache(struct iommufd_call *call);
int mock_op_dirty(struct iommufd_call *call);
int mock_op_page_at(struct iommufd_call *call);
int mock_op_table_stats(struct iommufd_call *call);

/* access.c */
int mock_op_create_access(struct iommufd_call *call);
int mock_op_destroy_access_pages(struct iommufd_call *call);
int mock_op_access_pages(struct iommufd_call *call);
int mock_op_access_rw(struct iommufd_call *call);
int mock_op_access_replace(struct iommufd_call *call);

/* dmabuf.c */
int mock_dmabuf_init(void);
void mock_dmabuf_exit(void);
int mock_op_dmabuf_get(struct iommufd_call *call);
int mock_op_dmabuf_revoke(struct iommufd_call *call);

#endif /* CONFIG_IOMMUFD_TEST */

#if defined(CONFIG_IOMMUFD_TEST) && defined(CONFIG_FAULT_INJECTION)

/* fault.c */
void mock_fault_init(void);
void mock_fault_exit(void);

#else

static inline void mock_fault_init(void)
{
}

static inline void mock_fault_exit(void)
{
}

#endif /* CONFIG_IOMMUFD_TEST && CONFIG_FAULT_INJECTION */
#endif /* __MOCK_CALLS_H */
