// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints the process that runs each test, so that what the kernel says of a
 * process later, such as whose memory was not freed, can be traced to its test.
 * Tests of the harness run in children of the program.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pid_t program;

static void print_child(void)
{
	if (getppid() == program)
		dprintf(STDOUT_FILENO, "# pid %d\n", getpid());
}

static void __attribute__((constructor)) watch_children(void)
{
	program = getpid();
	pthread_atfork(NULL, NULL, print_child);
}
