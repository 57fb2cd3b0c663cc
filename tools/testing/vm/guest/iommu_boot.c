// SPDX-License-Identifier: GPL-2.0-only
/*
 * Did the kernel find the IOMMU of this machine?
 *
 * usage: iommu_boot vtd|amd|smmuv3|virtio|none
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>

#include "edu.h"
#include "lib/file.h"
#include "lib/pci.h"
#include "lib/tap.h"

#define KLOG_READ_ALL	3
#define LOG_BYTES	(1 << 20)

struct expectation {
	const char *machine;
	const char *instance;	/* how names in /sys/class/iommu begin */
	const char *log;	/* what the driver says */
};

static const struct expectation expectations[] = {
	{ "vtd", "dmar", "DMAR: Intel(R) Virtualization Technology for Directed I/O" },
	{ "amd", "ivhd", "AMD-Vi: Found IOMMU" },
	{ "smmuv3", "smmu3", "arm-smmu-v3" },
	{ "virtio", "0000:", "virtio_iommu virtio0: page mask" },
	{ "none", "", "" },
};

static char kernel_log[LOG_BYTES + 1];

static const struct expectation *expected(const char *machine)
{
	size_t i;

	for (i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++)
		if (!strcmp(expectations[i].machine, machine))
			return &expectations[i];
	return NULL;
}

/* Entries of a folder whose name begins with a prefix. */
static int count_entries(const char *path, const char *prefix)
{
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.' &&
			 !strncmp(entry->d_name, prefix, strlen(prefix));
	if (dir)
		closedir(dir);
	return count;
}

static void check_present(const struct expectation *want, const char *bdf)
{
	char type[32], path[PATH_MAX];
	int group = pci_group_made(bdf);

	tap_ok(count_entries("/sys/class/iommu", want->instance) > 0, "an IOMMU named %s*",
	       want->instance);
	tap_ok(strstr(kernel_log, want->log), "the log says \"%s\"", want->log);
	tap_ok(count_entries("/sys/kernel/iommu_groups", "") > 0, "there are groups");
	tap_ok(group >= 0, "the test device has a group");
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/type", group);
	file_read(path, type, sizeof(type));
	tap_ok(!strncmp(type, "DMA", 3), "its default domain translates (%s)", type);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/devices", group);
	tap_ok(count_entries(path, "") == 1, "it is alone in its group");
}

static void check_absent(const char *bdf)
{
	/* The mock of test kernels is one for mock devices only */
	tap_ok(count_entries("/sys/class/iommu", "") ==
	       count_entries("/sys/class/iommu", "iommufd_mock"), "no IOMMU");
	tap_ok(!count_entries("/sys/kernel/iommu_groups", ""), "no group");
	tap_ok(pci_group_made(bdf) < 0, "the test device has no group");
}

int main(int argc, char **argv)
{
	const struct expectation *want = argc == 2 ? expected(argv[1]) : NULL;
	char bdf[PCI_BDF_LEN];

	if (!want) {
		fprintf(stderr, "usage: iommu_boot vtd|amd|smmuv3|virtio|none\n");
		return 2;
	}
	klogctl(KLOG_READ_ALL, kernel_log, LOG_BYTES);
	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		return tap_end();
	if (*want->instance)
		check_present(want, bdf);
	else
		check_absent(bdf);
	return tap_end();
}
