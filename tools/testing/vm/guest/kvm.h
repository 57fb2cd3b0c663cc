/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual machines of KVM in which nothing runs, and the files of VFIO that they are
 * told of. Calls return 0 or a negative errno.
 */
#ifndef GUEST_KVM_H
#define GUEST_KVM_H

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/iommufd.h"
#include "lib/vfio_cdev.h"

struct machine {
	int kvm, vm, vfio;
};

static inline bool machine_open(struct machine *m)
{
	struct kvm_create_device create = { .type = KVM_DEV_TYPE_VFIO };

	m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	m->vm = ioctl(m->kvm, KVM_CREATE_VM, 0);
	if (m->vm < 0 || ioctl(m->vm, KVM_CREATE_DEVICE, &create))
		return false;
	m->vfio = create.fd;
	return true;
}

static inline void machine_close(struct machine *m)
{
	close(m->vfio);
	close(m->vm);
	close(m->kvm);
}

static inline int attr(const struct machine *m, unsigned long nr, uint32_t group, uint64_t what,
		const int32_t *fd)
{
	struct kvm_device_attr arg = { .group = group, .attr = what, .addr = (uintptr_t)fd };

	return iommufd_call(m->vfio, nr, &arg);
}

static inline int file_add(const struct machine *m, int32_t fd)
{
	return attr(m, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_ADD, &fd);
}

static inline int file_del(const struct machine *m, int32_t fd)
{
	return attr(m, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_DEL, &fd);
}

#endif
