// SPDX-License-Identifier: GPL-2.0-only
/*
 * An unmodified VMM gives an NVMe disk to its guest. The guest's own driver reads
 * it; the disk is taken from the running VMM and given back to it; the VMM is
 * killed while its guest reads.
 *
 *   vmm_client cdev  HEX	by the device's node and -object iommufd
 *   vmm_client group HEX	by the group, with /dev/iommu in the container's place
 *   vmm_client type1 HEX	by the group and a container of VFIO type1
 *
 * HEX is the SHA-256 of the disk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"
#include "vmm_disk.h"

#define CONTAINER	"/dev/vfio/vfio"

struct door {
	const char *name;
	bool by_node;
	bool by_iommufd;
};

static const struct door doors[] = {
	{ "cdev", .by_node = true, .by_iommufd = true },
	{ "group", .by_iommufd = true },
	{ "type1" },
};

static bool prepare_container(const struct door *door)
{
	bool wanted = door->by_iommufd && !door->by_node;

	if (wanted && !container_is_iommufd() && mount(IOMMUFD, CONTAINER, NULL, MS_BIND, NULL))
		return tap_ok(false, "mount " IOMMUFD " on the container: %s", strerror(errno));
	return tap_ok(door->by_node || container_is_iommufd() == wanted,
		      "the container is %s", wanted ? "an iommufd" : "left alone");
}

static bool start_vmm(const struct door *door)
{
	char device[64];
	const char *const more[] = {
		"-device", device,
		door->by_node ? "-object" : NULL, "iommufd,id=iommufd", NULL,
	};

	snprintf(device, sizeof(device), "vfio-pci,id=disk,host=%s%s", bdf,
		 door->by_node ? ",iommufd=iommufd" : "");
	return disk_vmm_start(more);
}

/* Which nodes the VMM uses is told by its open files, not by its arguments. */
static void check_door(const struct door *door)
{
	char node[PATH_MAX], name[32] = "", group[64];
	int fd;

	cdev_name(bdf, name, sizeof(name));
	snprintf(node, sizeof(node), CDEV_NODES "/%s", name);
	snprintf(group, sizeof(group), "/dev/vfio/%d", pci_group(bdf));
	tap_ok(vmm_holds(&vmm, IOMMUFD) == door->by_iommufd, "the VMM has %s iommufd",
	       door->by_iommufd ? "an" : "no");
	tap_ok(vmm_holds(&vmm, node) == door->by_node, "the VMM has %s node of the device",
	       door->by_node ? "the" : "no");
	tap_ok(vmm_holds(&vmm, group) != door->by_node, "the VMM has %s group",
	       door->by_node ? "no" : "the");
	fd = open(group, O_RDWR | O_CLOEXEC);
	tap_ok(fd < 0 && errno == EBUSY, "nobody else can open the group");
}

static pid_t remove_function(void)
{
	char path[PATH_MAX];
	pid_t pid = fork();

	if (pid)
		return pid;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/remove", bdf);
	_exit(file_write(path, "1") ? 1 : 0);
}

/* The function is removed as if it were pulled: the VMM is asked, and lets go. */
static bool check_unplug(void)
{
	char was[PCI_BDF_LEN];
	pid_t remover = remove_function();
	int status = -1;

	strcpy(was, bdf);
	tap_ok(vmm_wait(&vmm, &vmm.console, "guest: disk gone"),
	       "unplug: the VMM asks its guest, which lets go");
	tap_ok(vmm_wait(&vmm, &vmm.qmp, "\"DEVICE_DELETED\""), "unplug: the VMM lets go");
	waitpid(remover, &status, 0);
	tap_ok(!status, "unplug: the function is removed");
	tap_ok(pci_find(NVME_VENDOR, NVME_DEVICE, was), "unplug: it is not there any more");
	return tap_ok(vmm_runs(&vmm), "unplug: the VMM runs on");
}

static bool check_plug(const struct door *door)
{
	char command[160];

	if (!tap_ok(!file_write("/sys/bus/pci/rescan", "1") && find_disk(),
		    "plug: the function is back"))
		return false;
	snprintf(command, sizeof(command),
		 "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"vfio-pci\",\"id\":\"again\",\"host\":\"%s\"%s}}\n",
		 bdf,
		 door->by_node ? ",\"iommufd\":\"iommufd\"" : "");
	return tap_ok(vmm_command_done(&vmm, command), "plug: the VMM takes it");
}

int main(int argc, char **argv)
{
	const struct door *door = doors, *end = doors + sizeof(doors) / sizeof(doors[0]);

	while (door < end && argc == 3 && strcmp(door->name, argv[1]))
		door++;
	if (argc != 3 || door == end) {
		tap_ok(false, "usage: vmm_client cdev|group|type1 HEX");
		return tap_end();
	}
	if (!tap_ok(find_disk(), "the disk is there") || !prepare_container(door) ||
	    !start_vmm(door))
		return tap_end();
	if (!check_read("start", argv[2]))
		goto out_kill;
	check_door(door);
	check_complaints();
	if (check_unplug() && check_plug(door) && check_read("plug", argv[2])) {
		check_kill();
		return tap_end();
	}

out_kill:
	vmm_kill(&vmm);
	return tap_end();
}
