/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results of calls that answer 0, a number, or a negative errno.
 */
#ifndef GUEST_EXPECT_H
#define GUEST_EXPECT_H

#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* One result: the call must answer exactly this, a result or a negative errno. */
static inline bool __attribute__((format(printf, 3, 4)))
expect(int want, int got, const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (got == want)
		return tap_ok(true, "%s: %s", text, want < 0 ? strerrorname_np(-want) : "fine");
	return tap_ok(false, "%s: %d (%s) wanted, is %d (%s)", text, want, strerror(-want), got,
		      strerror(-got));
}

/* A descriptor or an id that must be there for the test to go on. */
static inline int must(int fd, const char *what)
{
	if (fd < 0) {
		tap_ok(false, "%s: %s", what, strerror(-fd));
		exit(tap_end());
	}
	return fd;
}

#endif
