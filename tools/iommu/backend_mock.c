// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/iommu with devices of the mock IOMMU, which the rows make themselves: see rows_*.c.
 * Needs a kernel with CONFIG_IOMMUFD_TEST.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "backend.h"

static int open_mock(struct backend *backend, const char *bdf)
{
	backend->dev.fd = -1;
	backend->dev.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	return backend->dev.iommufd < 0 ? -errno : backend_ioas_alloc(backend, &backend->ioas_id);
}

static void close_mock(struct backend *backend)
{
	close(backend->dev.iommufd);
}

const struct backend_ops backend_mock = {
	.name = "mock",
	.open = open_mock,
	.close = close_mock,
};
