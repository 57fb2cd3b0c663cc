// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for the SMMU: aligned to its size, and its address is that of the CPU. And
 * xarrays.
 */
#include "stub.h"

void *dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t *dma, gfp_t gfp)
{
	size_t bytes = roundup_pow_of_two(size < PAGE_SIZE ? PAGE_SIZE : size);
	void *cpu;

	if (host_slab.fail_at && ++host_slab.nr_calls == host_slab.fail_at) {
		host_slab.failed = true;
		return NULL;
	}
	cpu = aligned_alloc(bytes, bytes);
	BUG_ON(!cpu);
	memset(cpu, 0, bytes);
	*dma = (unsigned long)cpu;
	__atomic_add_fetch(&host_slab_objects, 1, __ATOMIC_RELAXED);
	return cpu;
}

void dma_free_coherent(struct device *dev, size_t size, void *cpu, dma_addr_t dma)
{
	BUG_ON(dma != (unsigned long)cpu);
	free(cpu);
	__atomic_sub_fetch(&host_slab_objects, 1, __ATOMIC_RELAXED);
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	void *old = xa->entry[index], *node;

	BUG_ON(index >= ARRAY_SIZE(xa->entry));
	if (entry && !old) {
		node = kmalloc(1, gfp);
		if (!node)
			return (void *)-ENOMEM;
		kfree(node);
	}
	xa->entry[index] = entry;
	return old;
}
