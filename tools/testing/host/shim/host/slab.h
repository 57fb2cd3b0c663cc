/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel files in user space: memory that can run out on demand and is counted
 * as the kernel's slabs would.
 */
#ifndef __HOST_SLAB_H
#define __HOST_SLAB_H

#include <host/base.h>

#define GFP_KERNEL		1u
#define GFP_ATOMIC		2u
#define GFP_NOWAIT		4u
#define __GFP_ACCOUNT		8u
#define __GFP_NOWARN		16u
#define __GFP_ZERO		32u
#define __GFP_NORETRY		64u
#define GFP_KERNEL_ACCOUNT	(GFP_KERNEL | __GFP_ACCOUNT)

#define gfpflags_allow_blocking(gfp)	(!!((gfp) & GFP_KERNEL))

#define ARCH_KMALLOC_MINALIGN	8

/**
 * struct host_slab - state of the allocator, per thread
 * @nr_calls: allocations since the test last cleared this
 * @fail_at: fail the allocation when @nr_calls reaches this; 0 never
 * @failed: an allocation was made to fail since the test last cleared this
 */
struct host_slab {
	unsigned long nr_calls;
	unsigned long fail_at;
	bool failed;
};

extern __thread struct host_slab host_slab;
/* What is allocated now, in bytes with slab slack, and its pieces. */
extern long host_slab_bytes;
extern long host_slab_objects;

void *host_alloc(size_t n, size_t size, gfp_t gfp);
void kfree(const void *p);

#define kmalloc(size, gfp)		host_alloc(1, size, gfp)
#define kzalloc(size, gfp)		host_alloc(1, size, (gfp) | __GFP_ZERO)
#define kmalloc_array(n, size, gfp)	host_alloc(n, size, gfp)
#define kcalloc(n, size, gfp)		host_alloc(n, size, (gfp) | __GFP_ZERO)
#define kvmalloc(size, gfp)		host_alloc(1, size, gfp)
#define kvzalloc(size, gfp)		host_alloc(1, size, (gfp) | __GFP_ZERO)
#define kvmalloc_array(n, size, gfp)	host_alloc(n, size, gfp)
#define kvcalloc(n, size, gfp)		host_alloc(n, size, (gfp) | __GFP_ZERO)
#define kvfree(p)			kfree(p)
#define vfree(p)			kfree(p)

#define struct_size(p, member, n)					\
	(sizeof(*(p)) + (n) * sizeof((p)->member[0]))

struct kmem_cache {
	size_t size;
};

struct kmem_cache *host_cache_create(size_t size);
#define kmem_cache_create(name, size, align, flags, ctor) host_cache_create(size)
#define KMEM_CACHE(type, flags)		host_cache_create(sizeof(struct type))
#define kmem_cache_alloc(c, gfp)	host_alloc(1, (c)->size, gfp)
#define kmem_cache_zalloc(c, gfp)	host_alloc(1, (c)->size, (gfp) | __GFP_ZERO)
#define kmem_cache_free(c, p)		kfree(p)
#define kmem_cache_destroy(c)		free(c)
#define SLAB_ACCOUNT			0

#endif /* __HOST_SLAB_H */
