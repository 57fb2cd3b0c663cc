// SPDX-License-Identifier: GPL-2.0-only
/*
 * The KUnit suites of the SMMUv3, in user space.
 */
#include <kunit/test.h>

int main(void)
{
	return host_run_suites();
}
