/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the SMMUv3 driver take from the kernel beside the common shim.
 */
#ifndef __HOST_SMMUV3_STUB_H
#define __HOST_SMMUV3_STUB_H

#include <host/lock.h>
#include <host/slab.h>
#include <host/task.h>

#include <kunit/test.h>

#include <linux/list.h>
#include <linux/rbtree.h>

typedef u64 __le64;
typedef u32 ioasid_t;
typedef s64 ktime_t;

#define cpu_to_le64(x)		((__le64)(x))
#define le64_to_cpu(x)		((u64)(x))
#define GENMASK_ULL(h, l)	GENMASK(h, l)
#define FIELD_PREP(mask, x)	((u64)(x) << __builtin_ctzll(mask) & (mask))
#define FIELD_GET(mask, x)	(((u64)(x) & (mask)) >> __builtin_ctzll(mask))
#define DMA_BIT_MASK(n)		(BIT_ULL(n) - 1)

#define DECLARE_BITMAP(name, n)	unsigned long name[BITS_TO_LONGS(n)]
#define set_bit(nr, bits)	((void)test_and_set_bit(nr, bits))

#define dma_wmb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define wmb()			__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define synchronize_rcu()	((void)0)
#define __iomem
#define ____cacheline_aligned_in_smp
#define SMP_CACHE_BYTES		64
#define MAX_ORDER		11
#define GFP_KERNEL_ACCOUNT	(GFP_KERNEL | __GFP_ACCOUNT)

#define EXPORT_SYMBOL_IF_KUNIT(x)	struct host_unused
#define MODULE_IMPORT_NS(ns)		struct host_unused
#define MODULE_LICENSE(text)		struct host_unused

#define KUNIT_EXPECT_GE(test, a, b)	HOST_KUNIT_COMPARE(test, a, >=, b, false)
#define KUNIT_EXPECT_GT(test, a, b)	HOST_KUNIT_COMPARE(test, a, >, b, false)
#define KUNIT_ASSERT_LT(test, a, b)	HOST_KUNIT_COMPARE(test, a, <, b, true)
#define KUNIT_EXPECT_TRUE_MSG(test, x, ...) do {			\
	if (!(x)) {							\
		printf("# " __VA_ARGS__);				\
		putchar('\n');						\
		KUNIT_EXPECT_TRUE(test, false);				\
	}								\
} while (0)
#define KUNIT_EXPECT_EQ_MSG(test, a, b, ...)	\
	KUNIT_EXPECT_TRUE_MSG(test, (a) == (b), __VA_ARGS__)
#define KUNIT_FAIL(test, ...)		KUNIT_EXPECT_TRUE_MSG(test, false, __VA_ARGS__)

/* A table of few numbers; a new entry may need memory */
struct xarray {
	void *entry[2048];
};

void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
#define xa_load(xa, index)	((xa)->entry[index])
#define xa_erase(xa, index)	xa_store(xa, index, NULL, 0)
#define xa_err(entry)		((entry) == (void *)-ENOMEM ? -ENOMEM : 0)

/* Devices */
struct iommu_fwspec {
	u32 flags;
};

struct device {
	struct iommu_fwspec *fwspec;
	void *priv;
};

struct pci_dev {
	struct device dev;
	bool ats_enabled;
};

#define to_pci_dev(d)		container_of(d, struct pci_dev, dev)
#define dev_iommu_priv_get(d)	((d)->priv)
#define dev_iommu_fwspec_get(d)	((d)->fwspec)
#define dev_err(d, ...)		((void)(d), (void)snprintf(NULL, 0, __VA_ARGS__))
#define dev_err_ratelimited	dev_err

int pci_enable_ats(struct pci_dev *pdev, int stu);
void pci_disable_ats(struct pci_dev *pdev);

#define root_device_register(name)	((struct device *)calloc(1, sizeof(struct device)))
#define root_device_unregister(dev)	free(dev)
#define dma_coerce_mask_and_coherent(dev, mask)	0
void *dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t *dma, gfp_t gfp);
void dma_free_coherent(struct device *dev, size_t size, void *cpu, dma_addr_t dma);

/* Domains */
#define IOMMU_DOMAIN_BLOCKED	0u
#define IOMMU_DOMAIN_IDENTITY	4u
#define IOMMU_DOMAIN_UNMANAGED	1u
#define IOMMU_DOMAIN_SVA	BIT(17)
#define IOMMU_PASID_INVALID	(-1U)

struct iommu_ops {
	int unused;
};

struct iommu_domain;

struct iommu_domain_ops {
	int (*device_fits)(struct iommu_domain *domain, struct device *dev, ioasid_t pasid);
	int (*set_dev_pasid)(struct iommu_domain *domain, struct device *dev, ioasid_t pasid,
			     struct iommu_domain *old);
	void (*free)(struct iommu_domain *domain);
};

struct iommu_domain {
	unsigned int type;
	unsigned long pgsize_bitmap;
	const struct iommu_domain_ops *ops;
	const struct iommu_ops *owner;
};

enum iommu_dev_features {
	IOMMU_DEV_FEAT_SVA,
	IOMMU_DEV_FEAT_IOPF,
};

/* Processes */
struct mmu_notifier;

struct mmu_notifier_ops {
	void (*invalidate_range)(struct mmu_notifier *notifier, struct mm_struct *mm,
				 unsigned long start, unsigned long end);
	void (*release)(struct mmu_notifier *notifier, struct mm_struct *mm);
	void (*free_notifier)(struct mmu_notifier *notifier);
};

struct mmu_notifier {
	const struct mmu_notifier_ops *ops;
	struct mm_struct *mm;
	struct list_head entry;
};

int mmu_notifier_register(struct mmu_notifier *notifier, struct mm_struct *mm);
void mmu_notifier_put(struct mmu_notifier *notifier);
#define mmu_notifier_synchronize()	((void)0)

/* What the CPUs say of their page tables: 48 bits of both kinds of addresses */
#define SYS_ID_AA64MMFR0_EL1		5ull
#define ID_AA64MMFR0_EL1_PARANGE_SHIFT	0
#define read_sanitised_ftr_reg(reg)	(reg)
#define cpuid_feature_extract_unsigned_field(reg, shift)	((unsigned int)((reg) >> (shift) & 15))
#define vabits_actual			48
#define mair_el1			0xf0440c0400ffull
#define read_sysreg(reg)		(reg)
#define virt_to_phys(p)			((phys_addr_t)(unsigned long)(p))

/* Registers of a queue, and the task that reads it */
#define USEC_PER_SEC			1000000L
u32 readl(u32 *reg);
/* Called whenever the driver looks how far the reader of events has got */
void host_looks(void);
#define smp_load_acquire(p)	({ host_looks(); *(p); })
/* Looks a few times */
#define read_poll_timeout(op, val, cond, us, timeout_us, before, args...) ({	\
	int host_polls = 1000;							\
	while ((val) = op(args), !(cond) && --host_polls)			\
		;								\
	(void)(us), (void)(timeout_us), (void)(before);				\
	host_polls ? 0 : -ETIMEDOUT;						\
})

struct iommu_device {
	int unused;
};

#endif /* __HOST_SMMUV3_STUB_H */
