// SPDX-License-Identifier: GPL-2.0-only
/*
 * The KUnit suite of the IOVA map, in user space.
 */
#include <kunit/test.h>

#include "map/map.h"
#include "store/store.h"

/* In-kernel users have a suite of their own, which copies real memory */
int iommufd_store_copy(struct iommufd_store *store, u64 offset_bytes,
		       void *data, size_t len, bool write, bool slow)
{
	host_fail("there is nothing to be copied");
}

int main(void)
{
	int status;

	WARN_ON(iommufd_map_init());
	status = host_run_suites();
	iommufd_map_exit();
	return status;
}
