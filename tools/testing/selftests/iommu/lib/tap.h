/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results of a guest program, as TAP on standard output.
 */
#ifndef TEST_LIB_TAP_H
#define TEST_LIB_TAP_H

#include <stdbool.h>

/* One result; returns the condition. */
bool __attribute__((format(printf, 2, 3)))
tap_ok(bool good, const char *fmt, ...);

/* A result that could not be had, and why. */
void tap_skip(const char *what, const char *why);

/* Print the plan; returns the exit status of the program. */
int tap_end(void);

#endif
