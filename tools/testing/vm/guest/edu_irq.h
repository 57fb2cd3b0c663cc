/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts of an edu device in the hands of user space: MSIs that signal an eventfd.
 */
#ifndef GUEST_EDU_IRQ_H
#define GUEST_EDU_IRQ_H

#include <linux/vfio.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "edu_user.h"
#include "lib/iommufd.h"

#define EDU_REG_RAISE	0x60
#define EDU_REG_ACK	0x64
#define IRQ_MS		2000
#define NO_IRQ_MS	200

static inline int irq_enable(struct edu *edu, int event)
{
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} arg = {
		.set = {
			.argsz = sizeof(arg), .index = VFIO_PCI_MSI_IRQ_INDEX, .count = 1,
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		},
		.fd = event,
	};

	return iommufd_call(edu->fd, VFIO_DEVICE_SET_IRQS, &arg);
}

static inline int irq_disable(struct edu *edu)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set), .index = VFIO_PCI_MSI_IRQ_INDEX,
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
	};

	return iommufd_call(edu->fd, VFIO_DEVICE_SET_IRQS, &set);
}

static inline bool irq_came(int event, int wait_ms)
{
	struct pollfd poll_event = { .fd = event, .events = POLLIN };
	uint64_t count;

	return poll(&poll_event, 1, wait_ms) == 1 && read(event, &count, 8) == 8;
}

static inline void irq_raise(struct edu *edu)
{
	*(volatile uint32_t *)(edu->regs + EDU_REG_RAISE) = 1;
}

static inline void irq_ack(struct edu *edu)
{
	*(volatile uint32_t *)(edu->regs + EDU_REG_ACK) = 1;
}

static inline bool irq_works(struct edu *edu, int event)
{
	bool came;

	irq_raise(edu);
	came = irq_came(event, IRQ_MS);
	irq_ack(edu);
	return came;
}

#endif
