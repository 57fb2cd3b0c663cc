// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fake IOMMU, for a core with the attach layer: see fake_ext.h.
 */
#include <linux/err.h>
#include <linux/iommu.h>

#include "fake_ext.h"

/* Cannot fail, unless a test has a driver that breaks this promise */
int fake_attach_blocked(struct iommu_domain *domain, struct device *dev)
{
	struct fake_dev *fdev = to_fake_dev(dev);

	if (fake.blocking_fails) {
		fdev->hw = &fake_nothing;
		return -EIO;
	}
	fdev->deferred = false;
	fdev->hw = domain;
	fdev->known = domain;
	return 0;
}

static const struct iommu_domain_ops blocked_ops = {
	.attach_dev = fake_attach_blocked,
};

struct iommu_domain fake_blocked = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &blocked_ops,
};

struct iommu_domain *fake_alloc_paging(struct device *dev, u32 flags)
{
	struct iommu_domain *domain = fake_domain_alloc(IOMMU_DOMAIN_UNMANAGED);

	if (!domain)
		return ERR_PTR(-ENOMEM);
	domain->type = IOMMU_DOMAIN_UNMANAGED;
	return domain;
}
