// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vfio/vfio of a kernel whose containers are iommufds: who may open it, how
 * it counts memory, and that a group and a node of a device take it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu.h"
#include "lib/expect.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"

#define NODE		"/dev/vfio/vfio"
#define MISC_MAJOR	10
#define VFIO_MINOR	196
#define IOVA_DATA	0x40000000ULL
#define NR_PAGES	16
#define KIB		(NR_PAGES * PAGE_BYTES / 1024)
#define NOBODY		65534

static char bdf[PCI_BDF_LEN];
static int number;

static int node_open(void)
{
	int fd = open(NODE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Whether memory counts for the process (1) or for the user (0). */
static int rlimit_mode(int fd)
{
	struct iommu_option arg = {
		.size = sizeof(arg), .op = IOMMU_OPTION_OP_GET,
		.option_id = IOMMU_OPTION_RLIMIT_MODE,
	};
	int err = iommufd_call(fd, IOMMU_OPTION, &arg);

	return err ? err : (int)arg.val64;
}

static void test_node(void)
{
	int fd = must(node_open(), "open " NODE), iommufd = must(iommufd_open(), "open /dev/iommu");
	struct stat st;

	if (tap_ok(!stat(NODE, &st), "status of " NODE)) {
		tap_ok(S_ISCHR(st.st_mode) && (st.st_mode & 07777) == 0666,
		       "a device for everybody: %o", st.st_mode);
		tap_ok(st.st_rdev == makedev(MISC_MAJOR, VFIO_MINOR), "with the number of VFIO");
	}
	tap_ok(ioas_new(fd) > 0, "it has the calls of iommufd");
	expect(VFIO_API_VERSION, container_value(fd, VFIO_GET_API_VERSION, 0), "GET_API_VERSION");
	expect(1, container_value(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU),
	       "CHECK_EXTENSION of type1");
	expect(1, rlimit_mode(fd), "memory counts for the process");
	expect(0, rlimit_mode(iommufd), "on /dev/iommu it counts for the user");
	close(fd);
	close(iommufd);
}

/* Kibibytes of locked memory of this process. */
static int locked_kib(void)
{
	char row[128];
	int kib = -ENOENT;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(row, sizeof(row), file))
		if (sscanf(row, "VmLck: %d", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

/*
 * The part of somebody without capabilities who was given a group that has the
 * container: the exit status is the number of the first step that went wrong.
 */
static int nobody(int container)
{
	const struct rlimit limit = { NR_PAGES * PAGE_BYTES, NR_PAGES * PAGE_BYTES };
	void *mem = page_alloc(NR_PAGES + 1);

	/* What is locked counts as well */
	if (!mem || munlock(mem, (NR_PAGES + 1) * PAGE_BYTES) ||
	    setrlimit(RLIMIT_MEMLOCK, &limit) ||
	    setgid(NOBODY) || setuid(NOBODY))
		return 1;
	if (iommufd_open() != -EACCES)
		return 2;
	if (node_open() < 0)
		return 3;
	if (container_map(container, mem, NR_PAGES * PAGE_BYTES, IOVA_DATA, MAP_READ_WRITE))
		return 4;
	if (locked_kib() != KIB)
		return 5;
	if (container_map(container, mem + NR_PAGES * PAGE_BYTES, PAGE_BYTES, 2 * IOVA_DATA,
			  MAP_READ_WRITE) != -ENOMEM)
		return 6;
	if (container_unmap(container, IOVA_DATA, NR_PAGES * PAGE_BYTES) != NR_PAGES * PAGE_BYTES)
		return 7;
	return locked_kib() ? 8 : 0;
}

static void test_nobody(void)
{
	int container = must(node_open(), "open " NODE), status;
	int group = must(group_open(number), "open the group"), device;
	pid_t pid;

	expect(0, group_set(group, container), "SET_CONTAINER");
	expect(0, container_value(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "SET_IOMMU");
	device = must(group_device(group, bdf), "GET_DEVICE_FD");
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(nobody(container));
	waitpid(pid, &status, 0);
	tap_ok(WIFEXITED(status) && !WEXITSTATUS(status),
	       "somebody without rights has the node and a limit of his own: step %d",
	       WEXITSTATUS(status));
	close(device);
	close(group);
	close(container);
}

static void test_cdev(void)
{
	int container = must(node_open(), "open " NODE), fd = must(cdev_open(bdf), "open the device");
	int ioas;

	tap_ok(cdev_bind(fd, container) > 0, "BIND of the device's node to the container");
	ioas = must(ioas_new(container), "an address space");
	tap_ok(cdev_attach(fd, ioas) > 0, "ATTACH");
	close(fd);
	close(container);
}

int main(void)
{
	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf), "the test device is there"))
		return tap_end();
	expect(0, pci_bind(bdf, "vfio-pci"), "vfio-pci takes it");
	number = must(pci_group(bdf), "its group");
	PART(test_node());
	PART(test_nobody());
	PART(test_cdev());
	expect(0, pci_bind(bdf, ""), "vfio-pci gives it back");
	return tap_end();
}
