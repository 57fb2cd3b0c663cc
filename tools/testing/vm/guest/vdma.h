/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of VFIO that their drivers make of software, by their folders in sysfs, and
 * the sample driver among them that reaches its user's memory. All calls return 0 or a
 * negative errno; those that make a descriptor or find a number return that.
 */
#ifndef GUEST_VDMA_H
#define GUEST_VDMA_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/vfio_cdev.h"

#define VDMA			"/sys/bus/platform/devices/vdma"
#define VDMA_MODULE		"/lib/vdma.ko"
#define VDMA_BUFFER_BYTES	256

/* What that driver knows */
enum vdma_op { PIN, UNPIN, FILL, LOAD, STORE, ASKED };

struct vdma_command {
	uint64_t iova;
	uint32_t count;
	uint32_t op;
};

static inline int module_load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", 0))
		err = -errno;
	close(fd);
	return err;
}

/* Number of the device's group. */
static inline int soft_group(const char *device)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/iommu_group", device);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -errno;
	link[len] = '\0';
	return atoi(strrchr(link, '/') + 1);
}

static inline int soft_node_open(const char *device)
{
	char path[PATH_MAX], node[64];
	struct dirent *entry;
	int fd = -ENODEV;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/vfio-dev", device);
	dir = opendir(path);
	while (dir && fd == -ENODEV && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(node, sizeof(node), CDEV_NODES "/%.31s", entry->d_name);
		fd = open(node, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	if (dir)
		closedir(dir);
	return fd;
}

static inline int vdma(int fd, enum vdma_op op, uint64_t iova, uint32_t count)
{
	struct vdma_command command = { iova, count, op };

	return write(fd, &command, sizeof(command)) == sizeof(command) ? 0 : -errno;
}

/* Does what the device copied last begin with this? */
static inline bool buffer_is(int fd, const void *data, size_t bytes)
{
	uint8_t buffer[VDMA_BUFFER_BYTES];

	return pread(fd, buffer, sizeof(buffer), 0) == sizeof(buffer) &&
	       !memcmp(buffer, data, bytes);
}

/* Where callers of the driver wait: "unmap", "close" or "none". */
static inline int vdma_hold(const char *where)
{
	return file_write(VDMA "/hold", where);
}

/* A number that the driver shows. */
static inline int vdma_shows(const char *file)
{
	char path[PATH_MAX], text[32];
	int err;

	snprintf(path, sizeof(path), VDMA "/%s", file);
	err = file_read(path, text, sizeof(text));
	return err ? err : atoi(text);
}

#endif
