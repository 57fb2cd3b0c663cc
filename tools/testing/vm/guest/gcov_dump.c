// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print the kernel's line counts, each file of /sys/kernel/debug/gcov as lines
 * "# gcda PATH BASE64", for the host to read off the result channel.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/tap.h"

#define GCOV_FOLDER	"/sys/kernel/debug/gcov"
/* A multiple of three, so that only the last line of a file is padded. */
#define LINE_BYTES	1536

static int dumped;

static void print_base64(const unsigned char *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned int word;
	size_t i;

	for (i = 0; i < len; i += 3) {
		word = data[i] << 16;
		word |= i + 1 < len ? data[i + 1] << 8 : 0;
		word |= i + 2 < len ? data[i + 2] : 0;
		putchar(digits[word >> 18]);
		putchar(digits[word >> 12 & 63]);
		putchar(i + 1 < len ? digits[word >> 6 & 63] : '=');
		putchar(i + 2 < len ? digits[word & 63] : '=');
	}
}

/* Read up to len bytes, less only at the end of the file. */
static ssize_t read_full(int fd, unsigned char *buf, size_t len)
{
	size_t have = 0;
	ssize_t got;

	do {
		got = read(fd, buf + have, len - have);
		if (got < 0)
			return got;
		have += got;
	} while (got && have < len);
	return have;
}

static int dump(const char *path, const struct stat *st, int type, struct FTW *where)
{
	const size_t len = strlen(path);
	unsigned char buf[LINE_BYTES];
	ssize_t got;
	int fd;

	if (type != FTW_F || len < 5 || strcmp(path + len - 5, ".gcda"))
		return 0;
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	while ((got = read_full(fd, buf, sizeof(buf))) > 0) {
		printf("# gcda %s ", path + strlen(GCOV_FOLDER));
		print_base64(buf, got);
		putchar('\n');
	}
	close(fd);
	dumped += !got;
	return 0;
}

int main(void)
{
	nftw(GCOV_FOLDER, dump, 16, FTW_PHYS);
	tap_ok(dumped > 0, "%d files of line counts", dumped);
	return tap_end();
}
