// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of devices, shared as a dma-buf.
 *
 * Only exporters that are registered here can say where the memory is, and
 * promise that it stays there until it is revoked.
 */
#include <linux/dma-buf.h>
#include <linux/export.h>
#include <linux/iommufd.h>
#include <linux/mutex.h>

/* Kinds of dma-bufs, of which a kernel has few */
#define MAX_EXPORTERS	8

static DEFINE_MUTEX(exporters_lock); /* @exporters; nothing nests inside */
static const struct iommufd_dmabuf_exporter *exporters[MAX_EXPORTERS];

/**
 * iommufd_register_exporter() - let user space map a kind of dma-bufs
 * @exporter: its operations; valid until iommufd_unregister_exporter(), and
 *	      as long as one of its dma-bufs lives
 *
 * Context: may sleep.
 * Return: 0, or -ENOSPC when there are too many kinds.
 */
int iommufd_register_exporter(const struct iommufd_dmabuf_exporter *exporter)
{
	unsigned int i;
	int err = -ENOSPC;

	mutex_lock(&exporters_lock);
	for (i = 0; i < MAX_EXPORTERS && err; i++) {
		if (exporters[i])
			continue;
		exporters[i] = exporter;
		err = 0;
	}
	mutex_unlock(&exporters_lock);
	return err;
}
EXPORT_SYMBOL_NS_GPL(iommufd_register_exporter, IOMMUFD);

/**
 * iommufd_unregister_exporter() - undo iommufd_register_exporter()
 * @exporter: what was registered
 *
 * Dma-bufs that are mapped stay mapped, and can still be revoked.
 *
 * Context: may sleep.
 */
void iommufd_unregister_exporter(const struct iommufd_dmabuf_exporter *exporter)
{
	unsigned int i;

	mutex_lock(&exporters_lock);
	for (i = 0; i < MAX_EXPORTERS; i++)
		if (exporters[i] == exporter)
			exporters[i] = NULL;
	mutex_unlock(&exporters_lock);
}
EXPORT_SYMBOL_NS_GPL(iommufd_unregister_exporter, IOMMUFD);
