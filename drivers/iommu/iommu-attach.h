/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The attach layer, as the rest of the IOMMU core sees it.
 *
 * Every change of &struct iommu_group.domain goes through here, and
 * everything here runs under &struct iommu_group.mutex unless it says
 * otherwise.
 */
#ifndef __IOMMU_ATTACH_H
#define __IOMMU_ATTACH_H

#include <linux/ioasid.h>
#include <linux/iommu.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct device;
struct group_device;
struct iommu_attach_handle;
struct iommu_domain;
struct iommu_fault_page_request;
struct iommu_group;
struct iopf_group;
struct mm_struct;
struct msi_desc;

/* drivers/iommu/iommu-domain.c */
void iommu_group_err(struct iommu_group *group, const char *what);
unsigned int iommu_group_errs(void);
bool iommu_device_usable(struct device *dev);
bool iommu_device_follows_group(const struct group_device *member);
bool iommu_device_pasids_follow(const struct group_device *member);
void iommu_domain_add_point(struct iommu_domain *domain);
void iommu_domain_remove_point(struct iommu_domain *domain);
void iommu_domain_keep_forever(struct iommu_domain *domain);
void iommu_domains_lock(struct iommu_domain *a, struct iommu_domain *b);
void iommu_domains_unlock(struct iommu_domain *a, struct iommu_domain *b);

/* drivers/iommu/iommu-handle.c */
int iommu_handle_begin(struct iommu_group *group,
		       struct iommu_attach_handle __rcu **slot,
		       struct iommu_attach_handle *handle,
		       struct iommu_domain *domain,
		       struct iommu_attach_handle **old);
struct iommu_attach_handle *
iommu_handle_end(struct iommu_group *group,
		 struct iommu_attach_handle __rcu **slot,
		 struct iommu_attach_handle *handle, struct iommu_domain *domain,
		 struct iommu_attach_handle *old, int err);
struct iommu_attach_handle *
iommu_handle_clear(struct iommu_group *group,
		   struct iommu_attach_handle __rcu **slot);
void iommu_handle_abandon(struct iommu_group *group,
			  struct iommu_attach_handle *handle);
void iommu_handle_finish(struct iommu_group *group,
			 struct iommu_attach_handle *handle);
struct iommu_attach_handle *
iommu_handle_find(struct iommu_group *group,
		  const struct iommu_fault_page_request *req);
int iommu_device_join_faults(struct iommu_group *group, struct device *dev);
void iommu_device_leave_faults(struct iommu_group *group, struct device *dev);
void iommu_device_quiet_faults(struct iommu_group *group, struct device *dev,
			       bool quiet);

/* drivers/iommu/iommu-pasid.c */
void iommu_group_init_pasids(struct iommu_group *group);
bool iommu_group_has_pasids(struct iommu_group *group);
void iommu_group_drop_pasids(struct iommu_group *group);
void iommu_group_free_pasids(struct iommu_group *group);
void iommu_device_block_pasids(struct iommu_group *group, struct device *dev);
void iommu_device_restore_pasids(struct iommu_group *group, struct device *dev);
int iommu_device_takes_pasids(struct iommu_group *group, struct device *dev);
int iommu_device_join_pasids(struct iommu_group *group, struct device *dev);
bool iommu_group_pasids_heed_resets(struct iommu_group *group);
int iommu_group_begin_driver_pasid(struct iommu_group *group);
void iommu_group_cancel_driver_pasid(struct iommu_group *group);
int iommu_group_add_driver_pasid(struct iommu_group *group, ioasid_t pasid,
				 struct iommu_attach_handle *handle);
void iommu_group_detach_pasid(struct iommu_group *group,
			      struct iommu_domain *domain, ioasid_t pasid);
void iommu_group_remove_driver_pasid(struct iommu_group *group, ioasid_t pasid);

/* drivers/iommu/iommu-attach.c */
extern spinlock_t iommu_resets_lock;
int __iommu_attach_device(struct iommu_domain *domain, struct device *dev);
int iommu_group_set_domain(struct iommu_group *group,
			   struct iommu_domain *new);
int iommu_group_may_replace(struct iommu_group *group, struct iommu_domain *new);
int iommu_group_replace_domain(struct iommu_group *group,
			       struct iommu_domain *new);
void iommu_group_set_core_domain(struct iommu_group *group);
int iommu_group_recover(struct iommu_group *group);
int iommu_group_may_block(struct iommu_group *group);
void iommu_group_record_domain(struct iommu_group *group,
			       struct iommu_domain *domain);
int iommu_group_attach_new_device(struct iommu_group *group, struct device *dev);
void iommu_group_release_device(struct device *dev);
void iommu_resets_wake(void);
int iommu_group_wait_at_rest(struct iommu_group *group);
int iommu_device_wait_at_rest(struct iommu_group *group, struct device *dev);
int iommu_group_lock_at_rest(struct iommu_group *group);
void iommu_device_heed_resets(struct iommu_group *group,
			      struct group_device *member);

/* drivers/iommu/iommu-reset.c */
void iommu_device_forget_group(struct device *dev);

/* drivers/iommu/iommu-device.c */
struct iommu_domain *iommu_domain_take_new(struct iommu_domain *domain,
					   const struct iommu_ops *ops,
					   unsigned int type);
struct iommu_domain *iommu_device_alloc_blocking(struct device *dev);
bool iommu_devices_share_id(struct device *dev, struct device *other);
bool iommu_device_shares_id(struct iommu_group *group, struct device *dev);
bool iommu_device_has_pasid_entries(struct device *dev);
bool iommu_device_has_feature(struct device *dev, enum iommu_dev_features feat);
struct iommu_domain *iommu_device_alloc_sva(struct device *dev,
					    struct mm_struct *mm);

/* drivers/iommu/dma-iommu.c */
int iommu_dma_map_msi(struct iommu_domain *domain, struct msi_desc *desc,
		      phys_addr_t msi_addr);

/* drivers/iommu/iopf.c */
void iopf_group_queue_work(struct iopf_group *group);

/* drivers/iommu/iommu.c */
bool iommu_is_attach_deferred(struct device *dev);
int iommu_group_device_count(struct iommu_group *group);

#endif /* __IOMMU_ATTACH_H */
