// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

#define NOBODY		65534

long status_kib(const char *name)
{
	char line[128];
	long value = -1;
	FILE *file;

	file = fopen("/proc/self/status", "r");
	while (file && value < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			value = strtol(line + strlen(name) + 1, NULL, 10);
	if (file)
		fclose(file);
	return value;
}

int drop_privileges(void)
{
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return -errno;
	/* Keep /proc/self ours to read. */
	return prctl(PR_SET_DUMPABLE, 1) ? -errno : 0;
}

int in_child(int (*body)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(body(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}
