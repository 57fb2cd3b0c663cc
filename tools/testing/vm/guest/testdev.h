/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emulator's test device (tools/testing/emulator/README.md): DMA with and without PASID,
 * translation requests, and a device TLB that holds until it is invalidated.
 */
#ifndef GUEST_TESTDEV_H
#define GUEST_TESTDEV_H

#include <stdbool.h>
#include <stdint.h>

#define TESTDEV_VENDOR		"0x1234"
#define TESTDEV_DEVICE		"0x11e9"
#define TESTDEV_BUFFER		0x2000
#define TESTDEV_BUFFER_BYTES	0x2000

enum testdev_register {
	TESTDEV_ADDR		= 0x00,
	TESTDEV_LENGTH		= 0x08,
	TESTDEV_ATTRIBUTES	= 0x10,
	TESTDEV_GROUP		= 0x18,
	TESTDEV_COMMAND		= 0x20,
	TESTDEV_CLEAR		= 0x38,
	TESTDEV_HOST		= 0x40,
	TESTDEV_MASK		= 0x48,
	TESTDEV_RIGHTS		= 0x50,
	TESTDEV_INVALIDATIONS	= 0x58,
	TESTDEV_TLB_COUNT	= 0x88,
	TESTDEV_REFUSED		= 0x90,
};

enum testdev_command {
	TESTDEV_READ		= 1,
	TESTDEV_WRITE		= 2,
	TESTDEV_ATS		= 3,
	TESTDEV_TLB_READ	= 5,
	TESTDEV_TLB_WRITE	= 6,
};

enum testdev_end {
	TESTDEV_OK,
	TESTDEV_BAD,
	TESTDEV_IS_REFUSED,
	TESTDEV_TLB_MISS,
	TESTDEV_NO_RIGHTS,
	TESTDEV_DISABLED,
};

#define TESTDEV_NO_PASID	0
#define TESTDEV_PASID(pasid)	((pasid) | 1ULL << 31)
#define TESTDEV_MAY_READ	1
#define TESTDEV_MAY_WRITE	2

static inline uint64_t testdev_get(volatile uint8_t *regs, enum testdev_register reg)
{
	return *(volatile uint64_t *)(regs + reg);
}

static inline void testdev_set(volatile uint8_t *regs, enum testdev_register reg, uint64_t value)
{
	*(volatile uint64_t *)(regs + reg) = value;
}

/* Run a command to its end */
static inline enum testdev_end testdev_run(volatile uint8_t *regs, enum testdev_command command,
					   uint64_t addr, uint32_t bytes, uint64_t attributes)
{
	testdev_set(regs, TESTDEV_ADDR, addr);
	testdev_set(regs, TESTDEV_LENGTH, bytes);
	testdev_set(regs, TESTDEV_ATTRIBUTES, attributes);
	testdev_set(regs, TESTDEV_COMMAND, command);
	return testdev_get(regs, TESTDEV_COMMAND);
}

/* Eight bytes at the begin of the device's buffer */
static inline void testdev_fill(volatile uint8_t *regs, uint64_t value)
{
	*(volatile uint64_t *)(regs + TESTDEV_BUFFER) = value;
}

#endif
