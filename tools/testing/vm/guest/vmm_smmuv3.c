// SPDX-License-Identifier: GPL-2.0-only
/*
 * An unmodified VMM gives its guest an SMMUv3 whose stage 1 the hardware reads from the
 * guest's memory, and an NVMe disk behind it. The guest reads the disk through its own page
 * tables, by its kernel's driver and by a program of its own; what they do not map, its
 * device does not reach, and the guest is told of it.
 *
 *   vmm_smmuv3 HEX
 *
 * HEX is the SHA-256 of the disk. What the guest does is in vmm/init-arm64.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#include "vmm_disk.h"

/* Not where the host has the disk, so that its stream ID is another, too */
#define GUEST_SLOT	"5"
#define GUEST_DEVFN	(5 << 3)
/* F_TRANSLATION, as the guest's driver prints it */
#define GUEST_EVENT	"0x%08x00000010"
#define OBJECT		"iommufd-object:"
#define LINE_BYTES	256
#define MAX_FDS		256
#define LOG_BYTES	(1u << 18)
#define SYSLOG_ACTION_READ_ALL	3
#define PROGRAM_OK	"guest: ok "
#define PROGRAM_SHA	"guest:   sha256     "
#define PROGRAM_NOT_OK	"guest: not ok "

static bool start_vmm(void)
{
	char device[96];
	const char *const more[] = {
		"-object", "iommufd,id=iommufd",
		"-device", "arm-smmuv3,primary-bus=pcie.0,accel=on",
		"-device", device, NULL,
	};

	snprintf(device, sizeof(device),
		 "vfio-pci,id=disk,host=%s,iommufd=iommufd,bus=pcie.0,addr=" GUEST_SLOT, bdf);
	return disk_vmm_start(more);
}

/* The guest's strict mode is a domain of DMA without a flush queue */
static void check_domain(const char *when)
{
	const char *line = vmm_wait(&vmm, &vmm.console, "guest: domain ");

	tap_ok(line && !strncmp(line + strlen("guest: domain "), "DMA\r", 4),
	       "%s: the guest's kernel translates, and flushes what it unmaps", when);
}

/* The line on an object in an iommufd of the VMM that has both words */
static bool find_object(const char *kind, const char *word, char *line, size_t len)
{
	char path[64];
	bool found = false;
	FILE *file;
	int fd;

	for (fd = 0; fd < MAX_FDS && !found; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", vmm.pid, fd);
		file = fopen(path, "r");
		while (file && !found && fgets(line, len, file))
			found = !strncmp(line, OBJECT, strlen(OBJECT)) &&
				strstr(line, kind) && strstr(line, word);
		if (file)
			fclose(file);
	}
	return found;
}

static bool has_object(const char *kind, const char *word)
{
	char line[LINE_BYTES];

	return find_object(kind, word, line, sizeof(line));
}

/* Is the disk on the nested page table? */
static bool is_on_nested(void)
{
	char line[LINE_BYTES], word[32];
	const char *hwpt;

	if (!find_object(" type device ", bdf, line, sizeof(line)))
		return false;
	hwpt = strstr(line, " hwpt ");
	if (!hwpt)
		return false;
	snprintf(word, sizeof(word), "id %u type", (unsigned int)atoi(hwpt + strlen(" hwpt ")));
	return has_object(" type hwpt-nested ", word);
}

/* Without these the guest's page tables would be nothing but data of the VMM */
static void check_objects(void)
{
	tap_ok(has_object(" type hwpt-paging ", "nest-parent"), "stage 2 is a nesting parent");
	tap_ok(has_object(" type viommu ", ""), "the guest's SMMU is a virtual IOMMU");
	tap_ok(has_object(" type vdevice ", ""), "which has the disk as a virtual device");
	tap_ok(has_object(" type event-queue ", ""), "and a queue for the guest's events");
	tap_ok(is_on_nested(), "the disk is on the guest's own stage 1");
}

/* Results of the program in the guest are ours */
static void check_program(const char *digest)
{
	const char *text = vmm.console.text + vmm.console.seen, *line;
	bool read = false;
	int nr = 0;

	if (!tap_ok(vmm_wait(&vmm, &vmm.console, "guest: program ended"),
		    "the program in the guest ends"))
		return;
	for (line = strstr(text, "guest: "); line; line = strstr(line + 1, "guest: ")) {
		const bool good = !strncmp(line, PROGRAM_OK, strlen(PROGRAM_OK));
		const char *what = strstr(line, " - ");

		if (!strncmp(line, PROGRAM_SHA, strlen(PROGRAM_SHA)))
			read = !strncmp(line + strlen(PROGRAM_SHA), digest, strlen(digest));
		if (!good && strncmp(line, PROGRAM_NOT_OK, strlen(PROGRAM_NOT_OK)))
			continue;
		tap_ok(good, "in the guest: %.*s", what ? (int)strcspn(what + 3, "\r\n") : 0,
		       what ? what + 3 : "");
		nr++;
	}
	tap_ok(nr > 1, "it had results");
	tap_ok(read, "and read what is on the disk");
}

/* The program has seen an event of an SMMU in the log; this one has the disk's stream ID */
static void check_event(void)
{
	char event[32];

	snprintf(event, sizeof(event), GUEST_EVENT, GUEST_DEVFN);
	tap_ok(strstr(vmm.console.text, event),
	       "the guest's log has a translation fault of the guest's stream ID");
}

/* What the guest's device did wrong is the guest's, and not a message for the administrator */
static void check_log(void)
{
	static char text[LOG_BYTES];
	int len = klogctl(SYSLOG_ACTION_READ_ALL, text, sizeof(text) - 1);

	tap_ok(len > 0 && !strstr(text, "event 0x"), "the host's log has no event of the guest's");
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		tap_ok(false, "usage: vmm_smmuv3 HEX");
		return tap_end();
	}
	if (!tap_ok(find_disk(), "the disk is there") || !start_vmm())
		return tap_end();
	check_domain("start");
	if (!check_read("start", argv[1]))
		goto out_kill;
	check_objects();
	check_complaints();
	check_program(argv[1]);
	check_event();
	check_log();
	check_domain("again");
	if (check_read("again", argv[1])) {
		check_kill();
		return tap_end();
	}

out_kill:
	vmm_kill(&vmm);
	return tap_end();
}
