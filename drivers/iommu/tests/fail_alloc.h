/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations each of whose allocations is made to fail, with the kernel's fault injection.
 *
 * An operation is done again and again. The first time its first allocation fails, the
 * second time its second one, until one time none is left to fail. Then the same with all
 * allocations from the n-th on: an xarray asks twice for the memory of a node, kvmalloc()
 * in two ways; and what undoes a failed operation must not need memory.
 */
#ifndef __FAIL_ALLOC_H
#define __FAIL_ALLOC_H

#include <linux/types.h>

struct kunit;

/**
 * struct fail_alloc_ops - an operation that allocates
 * @go: do it; when it fails nothing of it is left
 * @undo: undo it
 * @is_idle: whether nothing of it is left, as the fake driver and the core see it
 * @is_done: whether all of it is done, when it has said so
 * @err: what it may return without memory, beside -ENOMEM; or 0
 * @places: places at which it has to fail, at the least
 */
struct fail_alloc_ops {
	int (*go)(void);
	void (*undo)(void);
	bool (*is_idle)(void);
	bool (*is_done)(void);
	int err;
	unsigned int places;
};

int fail_alloc_once(int (*go)(void), unsigned int nth);
void fail_alloc_sweep(struct kunit *test, const struct fail_alloc_ops *op);

#endif /* __FAIL_ALLOC_H */
