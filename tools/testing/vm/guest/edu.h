/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's teaching device as a source of DMA: it copies up to a page between its
 * own buffer and any bus address. One byte short of a page is the most: a full
 * page ends some versions of the emulator.
 */
#ifndef GUEST_EDU_H
#define GUEST_EDU_H

#include <errno.h>
#include <stdint.h>
#include <time.h>

#define EDU_VENDOR		"0x1234"
#define EDU_DEVICE		"0x11e8"
#define EDU_BUFFER		0x40000u
#define EDU_MAX_BYTES		4095u

#define EDU_REG_SOURCE		0x80
#define EDU_REG_TARGET		0x88
#define EDU_REG_COUNT		0x90
#define EDU_REG_COMMAND		0x98
#define EDU_START		1u
#define EDU_TO_MEMORY		2u

/* A transfer takes a tenth of a second of virtual time; machines may be slow. */
#define EDU_POLL_NS		2000000L
#define EDU_POLLS		5000

static inline void edu_write64(volatile uint8_t *regs, unsigned int reg, uint64_t value)
{
	*(volatile uint64_t *)(regs + reg) = value;
}

static inline uint64_t edu_read64(volatile uint8_t *regs, unsigned int reg)
{
	return *(volatile uint64_t *)(regs + reg);
}

/* Run one transfer to its end; 0 or -ETIMEDOUT. It ends well even if blocked. */
static inline int edu_transfer(volatile uint8_t *regs, uint64_t source, uint64_t target,
			       uint32_t bytes, uint32_t direction)
{
	const struct timespec pause = { .tv_nsec = EDU_POLL_NS };
	int i;

	edu_write64(regs, EDU_REG_SOURCE, source);
	edu_write64(regs, EDU_REG_TARGET, target);
	edu_write64(regs, EDU_REG_COUNT, bytes);
	edu_write64(regs, EDU_REG_COMMAND, EDU_START | direction);
	for (i = 0; i < EDU_POLLS; i++) {
		if (!(edu_read64(regs, EDU_REG_COMMAND) & EDU_START))
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

/* Memory at bus address iova into the device's buffer. */
static inline int edu_load(volatile uint8_t *regs, uint64_t iova, uint32_t bytes)
{
	return edu_transfer(regs, iova, EDU_BUFFER, bytes, 0);
}

/* The device's buffer into memory at bus address iova. */
static inline int edu_store(volatile uint8_t *regs, uint64_t iova, uint32_t bytes)
{
	return edu_transfer(regs, EDU_BUFFER, iova, bytes, EDU_TO_MEMORY);
}

#endif
