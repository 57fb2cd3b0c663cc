// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expect.h"
#include "tap.h"

__thread struct part *part_now;

bool expect(int want, int got, const char *fmt, ...)
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

void part_begin(struct part *part)
{
	int fd;

	for (fd = 0; fd < PART_FDS; fd++)
		part->open[fd] = fcntl(fd, F_GETFD) >= 0;
	part->outer = part_now;
	part_now = part;
}

void part_close(const struct part *part)
{
	int fd;

	for (fd = 0; fd < PART_FDS; fd++)
		if (!part->open[fd])
			close(fd);
}

int must(int fd, const char *what)
{
	if (fd < 0) {
		tap_ok(false, "%s: %s", what, strerror(-fd));
		if (part_now)
			longjmp(part_now->end, 1);
		exit(tap_end());
	}
	return fd;
}
