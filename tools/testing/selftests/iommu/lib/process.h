/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes: what they may, and what they have.
 */
#ifndef TEST_LIB_PROCESS_H
#define TEST_LIB_PROCESS_H

/* KiB of a line such as "VmPin" of /proc/self/status, -1 if there is none */
long status_kib(const char *name);

/* Become a user without any capability; only a child should. */
int drop_privileges(void);
/* What body returns, from 0 to 255, in a process of its own; -ECHILD if it died. */
int in_child(int (*body)(void *arg), void *arg);

#endif
