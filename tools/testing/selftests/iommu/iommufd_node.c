// SPDX-License-Identifier: GPL-2.0-only
/*
 * Without the node there is nothing to test, unless whoever runs the tests knows
 * better.  The environment decides before main() of any harness starts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../kselftest.h"

static void __attribute__((constructor)) skip_without_node(void)
{
	if (!access("/dev/iommu", F_OK) || getenv("IOMMUFD_TEST_NO_SKIP"))
		return;
	puts("TAP version 13\n1..0 # SKIP no /dev/iommu: a kernel without CONFIG_IOMMUFD");
	exit(KSFT_SKIP);
}
