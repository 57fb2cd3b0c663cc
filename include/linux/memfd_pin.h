/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinning of the pages of a memfd by their place in the file.
 */
#ifndef __LINUX_MEMFD_PIN_H
#define __LINUX_MEMFD_PIN_H

#include <linux/errno.h>
#include <linux/types.h>

struct file;
struct page;

#ifdef CONFIG_MEMFD_CREATE
bool memfd_can_pin(struct file *file);
int memfd_pin_pages(struct file *file, pgoff_t first, unsigned int npages,
		    bool write, struct page **pages);
#else
static inline bool memfd_can_pin(struct file *file)
{
	return false;
}

static inline int memfd_pin_pages(struct file *file, pgoff_t first,
				  unsigned int npages, bool write,
				  struct page **pages)
{
	return -EINVAL;
}
#endif

#endif /* __LINUX_MEMFD_PIN_H */
