// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM makes of a device whose DMA can, or cannot, get around the CPU caches:
 * whether the guest's wbinvd is worth something. It tells nobody, so that a probe
 * counts its decisions. The answer must be there before any attach, and stay, by each
 * door; the register of the IOMMU says what it is.
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

#include "edu.h"
#include "kvm.h"
#include "lib/expect.h"
#include "lib/file.h"
#include "lib/iommufd.h"
#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_cdev.h"
#include "lib/vfio_group.h"
#include "vdma.h"

#define TRACING		"/sys/kernel/tracing"
#define PROBES		"p:iommufd/begin kvm_arch_register_noncoherent_dma\n" \
			"p:iommufd/end kvm_arch_unregister_noncoherent_dma\n"
#define VTD_ECAP	"/sys/class/iommu/dmar0/intel-iommu/ecap"
#define ECAP_SC		0x80ULL

/* One door to a device */
struct door {
	const char *name;
	const char *container;	/* what the group is given, or NULL for the node */
	bool type1;
};

static const struct door doors[] = {
	{ .name = "node" },
	{ .name = "group, type1", .container = "/dev/vfio/vfio", .type1 = true },
	{ .name = "group, iommufd", .container = "/dev/iommu" },
};

static char bdf[PCI_BDF_LEN];

static unsigned long long number_in(const char *path, const char *format)
{
	unsigned long long value = 0;
	FILE *file = fopen(path, "r");

	if (file && fscanf(file, format, &value) != 1)
		value = 0;
	if (file)
		fclose(file);
	return value;
}

/* AMD-Vi always can. */
static bool iommu_can_snoop(void)
{
	return access(VTD_ECAP, R_OK) || number_in(VTD_ECAP, "%llx") & ECAP_SC;
}

/* How many machines KVM has with DMA that gets around the caches */
static int noncoherent(void)
{
	char line[256], name[64];
	unsigned long hits;
	int count = 0;
	FILE *file;

	file = fopen(TRACING "/kprobe_profile", "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %63s %lu", name, &hits) != 2)
			continue;
		if (!strcmp(name, "begin"))
			count += hits;
		else if (!strcmp(name, "end"))
			count -= hits;
	}
	if (file)
		fclose(file);
	return file ? count : -ENOENT;
}

static bool probe(void)
{
	int fd;

	mount("tracefs", TRACING, "tracefs", 0, NULL);
	fd = open(TRACING "/kprobe_events", O_WRONLY | O_APPEND);
	if (fd < 0 || write(fd, PROBES, sizeof(PROBES) - 1) != sizeof(PROBES) - 1)
		return false;
	close(fd);
	return !file_write(TRACING "/events/iommufd/enable", "1") && !noncoherent();
}

/* KVM asks anew, of all files, whenever it is given one or one is taken away. */
static void ask_again(const struct machine *m, int other, int want, const char *text)
{
	if (other < 0 || file_add(m, other) || file_del(m, other)) {
		tap_ok(false, "%s: KVM takes another file", text);
		return;
	}
	expect(want, noncoherent(), "%s", text);
}

static void say(char *text, const char *name, const struct door *door, const char *when)
{
	snprintf(text, 128, "%s, %s: %s", name, door->name, when);
}

static void use_node(const struct machine *m, const char *name, const char *device,
		     const struct door *door, int fd, int want)
{
	int iommufd = must(iommufd_open(), "/dev/iommu"), ioas = ioas_new(iommufd);
	int other = soft_node_open(device);
	char text[128];

	tap_ok(cdev_bind(fd, iommufd) > 0, "%s, %s: bind", name, door->name);
	say(text, name, door, "bound");
	ask_again(m, other, want, text);
	tap_ok(cdev_attach(fd, ioas) > 0, "%s, %s: attach", name, door->name);
	say(text, name, door, "attached");
	ask_again(m, other, want, text);
	expect(0, cdev_detach(fd), "%s, %s: detach", name, door->name);
	say(text, name, door, "detached");
	ask_again(m, other, want, text);
	close(other);
	close(iommufd);
}

static void use_group(const struct machine *m, const char *name, const char *device,
		      const struct door *door, int group, int want)
{
	int container = must(open(door->container, O_RDWR | O_CLOEXEC), door->container);
	int other = soft_node_open(device), fd, ioas;
	char text[128];

	if (!door->type1) {
		struct iommu_vfio_ioas set = { .size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET };

		ioas = ioas_new(container);
		set.ioas_id = ioas;
		expect(0, iommufd_call(container, IOMMU_VFIO_IOAS, &set),
		       "%s, %s: an address space",
		       name, door->name);
	}
	expect(0, group_set(group, container), "%s, %s: SET_CONTAINER", name, door->name);
	say(text, name, door, "has a container");
	ask_again(m, other, want, text);
	expect(0, container_value(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
	       "%s, %s: SET_IOMMU", name, door->name);
	say(text, name, door, "has an IOMMU");
	ask_again(m, other, want, text);
	fd = must(group_device(group, strrchr(device, '/') + 1), "the device of the group");
	say(text, name, door, "open");
	ask_again(m, other, want, text);
	expect(0, file_del(m, group), "%s, %s: only the file of the device", name, door->name);
	expect(0, file_add(m, fd), "%s, %s: is known", name, door->name);
	expect(want, noncoherent(), "%s, %s: the device's file says the same", name, door->name);
	expect(0, file_del(m, fd), "%s, %s: taken away", name, door->name);
	expect(0, file_add(m, group), "%s, %s: and back", name, door->name);
	close(fd);
	close(container);
	close(other);
}

static void test_door(const char *name, const char *device, const struct door *door, int want)
{
	int fd = door->container ? group_open(soft_group(device)) : soft_node_open(device);
	struct machine m;

	must(fd, door->name);
	if (!tap_ok(machine_open(&m), "%s, %s: a machine", name, door->name))
		return;
	expect(0, noncoherent(), "%s, %s: a machine without devices", name, door->name);
	expect(0, file_add(&m, fd), "%s, %s: KVM is told", name, door->name);
	expect(want, noncoherent(), "%s, %s: not used yet", name, door->name);
	if (door->container)
		use_group(&m, name, device, door, fd, want);
	else
		use_node(&m, name, device, door, fd, want);
	expect(0, file_del(&m, fd), "%s, %s: KVM forgets it", name, door->name);
	expect(0, noncoherent(), "%s, %s: and that it was there", name, door->name);
	machine_close(&m);
	close(fd);
}

static void test_device(const char *name, const char *device, int want)
{
	const struct door *door;

	for (door = doors; door < doors + sizeof(doors) / sizeof(*doors); door++)
		test_door(name, device, door, want);
}

int main(void)
{
	char device[PATH_MAX];

	if (!tap_ok(!pci_find(EDU_VENDOR, EDU_DEVICE, bdf) && !pci_bind(bdf, "vfio-pci"),
		    "vfio-pci has the test device") ||
	    !tap_ok(probe(), "a probe counts what KVM decides"))
		return tap_end();
	snprintf(device, sizeof(device), PCI_DEVICES "/%s", bdf);
	printf("# the IOMMU can%s make all DMA snoop\n", iommu_can_snoop() ? "" : "not");
	PART(test_device("edu", device, iommu_can_snoop() ? 0 : 1));
	if (tap_ok(!module_load(VDMA_MODULE), "a device without DMA of its own"))
		PART(test_device("vdma", VDMA, 0));
	return tap_end();
}
