/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time as the machine's counter tells it, in nanoseconds of virtual time. In an
 * emulator that advances time by one nanosecond an instruction these are
 * instructions; clock_is_exact() says whether that holds.
 */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)

static inline uint64_t clock_now(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high) :: "memory");
	return (uint64_t)high << 32 | low;
}

/*
 * Marks that the profiler looks for, instructions that do nothing: what follows
 * is to be counted, or no longer. Here a long NOP with a displacement of our own.
 */
static inline void clock_mark_on(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 1, 0x50, 0x4f, 0x49" ::: "memory");
}

static inline void clock_mark_off(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 0, 0x50, 0x4f, 0x49" ::: "memory");
}

/* Runs 2 * loops instructions. */
static inline void clock_spin(uint64_t loops)
{
	asm volatile("1: dec %0\n\tjnz 1b" : "+r" (loops) :: "cc", "memory");
}

#elif defined(__aarch64__)

/* Nanoseconds of a tick: 16 at the 62.5 MHz of the emulator's timer. */
static inline uint64_t clock_now(void)
{
	uint64_t ticks, hertz;

	asm volatile("isb\n\tmrs %0, cntvct_el0\n\tmrs %1, cntfrq_el0"
		     : "=r" (ticks), "=r" (hertz) :: "memory");
	return ticks * (1000000000 / hertz);
}

/* A constant for the register that keeps none */
static inline void clock_mark_on(void)
{
	asm volatile("movz xzr, #0x4f01" ::: "memory");
}

static inline void clock_mark_off(void)
{
	asm volatile("movz xzr, #0x4f00" ::: "memory");
}

static inline void clock_spin(uint64_t loops)
{
	asm volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r" (loops) :: "cc", "memory");
}

#else
#error "no counter is known for this architecture"
#endif

/* *ratio: ticks for each instruction of a loop of known length */
bool clock_is_exact(double *ratio);

#endif
