/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page store: the physical pages behind a contiguous range of memory that user
 * space owns.
 *
 * A store knows no IOVA and no domain. Page n of a store is the n-th page of
 * its memory, counted from the page that holds its first byte. A user of
 * pages takes a hold on an interval of page numbers; a page is pinned and
 * charged exactly while at least one hold covers it. The store remembers what
 * it pinned, so nothing is ever read back from an IO page table.
 */
#ifndef __IOMMUFD_STORE_H
#define __IOMMUFD_STORE_H

#include <linux/iommu-ext.h>
#include <linux/rbtree.h>
#include <linux/types.h>

struct device;
struct file;
struct iommufd_account;
struct iommufd_refunds;
struct iommufd_store;

/**
 * struct iommufd_hold - keeps an interval of a store pinned
 * @node: place in the store's interval tree; protected by the store's mutex
 * @first: first page number
 * @last: last page number, inclusive
 * @subtree_last: largest @last below @node
 *
 * Embedded in its user, so that releasing it needs no memory.
 */
struct iommufd_hold {
	struct rb_node node;
	unsigned long first;
	unsigned long last;
	unsigned long subtree_last;
};

/**
 * struct iommufd_run_iter - position of a walk over the runs of a store
 * @store: the store
 * @hold: hold that keeps the walked interval pinned
 * @offset_bytes: next byte to be returned, counted from the start of the
 *                store's first page
 * @end_bytes: end of the walk, exclusive
 */
struct iommufd_run_iter {
	struct iommufd_store *store;
	const struct iommufd_hold *hold;
	u64 offset_bytes;
	u64 end_bytes;
};

/**
 * struct iommufd_holder - the owner of a hold, as far as the store knows
 * @owner: what the holder belongs to
 * @where: where in there it is
 * @store: the store, which stays until all holders have been told
 */
struct iommufd_holder {
	void *owner;
	unsigned long where;
	const struct iommufd_store *store;
};

/**
 * struct iommufd_revoke_ops - how holders of memory give it up at once
 * @record: describe the owner of @hold, which may be gone soon: set owner and
 *	    place. The description lasts until it is given to @revoke or @restore.
 *	    Called with the store's mutex held; must not sleep
 * @revoke: see that no device reaches the memory of that hold any more. Called
 *	    without the store's mutex, but possibly with the reservation lock of
 *	    a dma-buf
 * @restore: the memory is back, and devices may reach it again. As @revoke;
 *	     may fail to make it so
 */
struct iommufd_revoke_ops {
	void (*record)(const struct iommufd_hold *hold,
		       struct iommufd_holder *holder);
	void (*revoke)(const struct iommufd_holder *holder);
	void (*restore)(const struct iommufd_holder *holder);
};

/* backing_user.c */
struct iommufd_store *iommufd_store_create_user(struct iommufd_account *account,
						void __user *start,
						size_t length_bytes,
						bool writable);

/* backing_file.c */
struct iommufd_store *iommufd_store_create_file(struct iommufd_account *account,
						struct file *file, u64 start,
						size_t length_bytes,
						bool writable);

/* backing_dmabuf.c */
#ifdef CONFIG_DMA_SHARED_BUFFER
struct iommufd_store *
iommufd_store_create_dmabuf(int fd, struct device *dev,
			    const struct iommufd_revoke_ops *revoke_ops,
			    u64 start, size_t length_bytes, bool writable);
struct iommufd_store *
iommufd_store_create_bar(void __user *addr, struct device *dev,
			 const struct iommufd_revoke_ops *revoke_ops,
			 size_t length_bytes, unsigned long vm_flags);
#else
static inline struct iommufd_store *
iommufd_store_create_dmabuf(int fd, struct device *dev,
			    const struct iommufd_revoke_ops *revoke_ops,
			    u64 start, size_t length_bytes, bool writable)
{
	return NULL;
}

static inline struct iommufd_store *
iommufd_store_create_bar(void __user *addr, struct device *dev,
			 const struct iommufd_revoke_ops *revoke_ops,
			 size_t length_bytes, unsigned long vm_flags)
{
	return NULL;
}
#endif

/* store.c */
struct iommufd_store *iommufd_store_get(struct iommufd_store *store);
void iommufd_store_put(struct iommufd_store *store);
unsigned long iommufd_store_start(const struct iommufd_store *store);
void __user *iommufd_store_own_memory(const struct iommufd_store *store);
unsigned long iommufd_store_npages(const struct iommufd_store *store);
unsigned int iommufd_store_page_offset(const struct iommufd_store *store);
bool iommufd_store_has_pages(const struct iommufd_store *store);
int iommufd_store_prot(const struct iommufd_store *store);
bool iommufd_store_writable(const struct iommufd_store *store);
unsigned long iommufd_store_pinned_pages(const struct iommufd_store *store);

/* hold.c */
int iommufd_store_hold(struct iommufd_store *store, struct iommufd_hold *hold,
		       unsigned long first, unsigned long last);
void iommufd_store_split_hold(struct iommufd_store *store,
			      struct iommufd_hold *hold,
			      struct iommufd_hold *low, unsigned long low_last,
			      struct iommufd_hold *high,
			      unsigned long high_first);

/* release.c */
void iommufd_store_release(struct iommufd_store *store,
			   struct iommufd_hold *hold);
void iommufd_store_release_owing(struct iommufd_store *store,
				 struct iommufd_hold *hold,
				 struct iommufd_refunds *refunds);

/* runs.c */
void iommufd_run_iter_init(struct iommufd_run_iter *iter,
			   struct iommufd_store *store,
			   const struct iommufd_hold *hold, u64 offset_bytes,
			   u64 length_bytes);
unsigned int iommufd_run_iter_next(struct iommufd_run_iter *iter,
				   struct iommu_run *runs,
				   unsigned int max_runs);
bool iommufd_store_single_run(const struct iommufd_store *store,
			      u64 offset_bytes, u64 length_bytes,
			      struct iommu_run *run);

/* copy.c */
int iommufd_store_copy(struct iommufd_store *store, u64 offset_bytes,
		       void *data, size_t len, bool write, bool slow);

/* revoke.c */
bool iommufd_store_is_revoked(const struct iommufd_store *store);
void iommufd_store_revoke(struct iommufd_store *store,
			  const struct iommufd_revoke_ops *ops);
void iommufd_store_restore(struct iommufd_store *store,
			   const struct iommufd_revoke_ops *ops);

/* transfer.c */
bool iommufd_store_transferable(const struct iommufd_store *store);
unsigned long iommufd_store_charge_of(struct iommufd_store *store,
				      const struct iommufd_account *to,
				      bool *shared);
void iommufd_store_change_account(struct iommufd_store *store,
				  struct iommufd_account *to,
				  unsigned long *prepaid);

#endif /* __IOMMUFD_STORE_H */
