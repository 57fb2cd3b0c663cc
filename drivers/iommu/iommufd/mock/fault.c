// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fault points of iommufd as a capability of the fault injection framework:
 * they fail in their turn of /proc/TASK/fail-nth, or as the files in
 * /sys/kernel/debug/fail_iommufd say.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fault-inject.h>

#include "mock/calls.h"
#include "test_hooks.h"

static DECLARE_FAULT_ATTR(fail_iommufd);
static struct dentry *folder;

/**
 * iommufd_should_fail() - ask whether to fail here
 *
 * Context: any.
 * Return: true when the caller must behave as if its next step had failed.
 */
bool iommufd_should_fail(void)
{
	return should_fail(&fail_iommufd, 1);
}

/**
 * mock_fault_init() - make the files that control the fault points
 *
 * Without debugfs the points still take part in fail-nth.
 *
 * Context: may sleep.
 */
void __init mock_fault_init(void)
{
	folder = fault_create_debugfs_attr("fail_iommufd", NULL, &fail_iommufd);
}

/**
 * mock_fault_exit() - undo mock_fault_init()
 *
 * Context: may sleep.
 */
void mock_fault_exit(void)
{
	if (!IS_ERR(folder))
		debugfs_remove_recursive(folder);
}
