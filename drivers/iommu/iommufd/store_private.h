/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the page store share.
 */
#ifndef __IOMMUFD_STORE_PRIVATE_H
#define __IOMMUFD_STORE_PRIVATE_H

#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "chunk.h"
#include "pin.h"
#include "store.h"

#define IOMMUFD_STORE_INLINE_CHUNKS	2UL

/**
 * struct iommufd_store - page store
 * @users: references; zero frees the store, which nobody holds then
 * @page_offset_bytes: offset of the first byte in page 0
 * @backing: where the pages come from
 * @account: who pays, a reference; NULL for memory that is not charged.
 *	     Changes only under both mutexes.
 * @npages: number of pages
 * @skew: pages of chunk 0 that lie before page 0
 * @fill_mutex: serializes those who pin
 * @mutex: protects the fields below
 * @npinned: number of pages that are pinned and charged
 * @holds: interval tree of &struct iommufd_hold
 * @leaves: directory of tables of chunks.  Points to @leaf when one table is
 *	    enough.  It and the tables are made by the first hold that needs them
 *	    and live until the store dies.
 * @leaf: the only table of chunks; points to @chunks when these are enough
 * @chunks: chunks of a store with few pages
 */
struct iommufd_store {
	refcount_t users;
	unsigned int page_offset_bytes;
	struct iommufd_backing backing;
	struct iommufd_account *account;
	unsigned long npages;
	unsigned long skew;
	struct mutex fill_mutex; /* pinning; outside @mutex */
	struct mutex mutex; /* all below */
	unsigned long npinned;
	struct rb_root_cached holds;
	struct iommufd_chunk **leaves;
	struct iommufd_chunk *leaf;
	struct iommufd_chunk chunks[IOMMUFD_STORE_INLINE_CHUNKS];
};

#endif /* __IOMMUFD_STORE_PRIVATE_H */
