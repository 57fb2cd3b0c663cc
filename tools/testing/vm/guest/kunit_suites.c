// SPDX-License-Identifier: GPL-2.0-only
/*
 * Name the KUnit suites that the kernel holds; what they found is on the console.
 */
#include <dirent.h>
#include <stdio.h>

#include "lib/tap.h"

#define KUNIT_FOLDER	"/sys/kernel/debug/kunit"

int main(void)
{
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	dir = opendir(KUNIT_FOLDER);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		printf("# suite %s\n", entry->d_name);
		count++;
	}
	if (dir)
		closedir(dir);
	tap_ok(count > 0, "%d suites", count);
	return tap_end();
}
