// SPDX-License-Identifier: GPL-2.0-only
/*
 * The KUnit suite of the page store, in user space.
 */
#include <kunit/test.h>

int main(void)
{
	return host_run_suites();
}
