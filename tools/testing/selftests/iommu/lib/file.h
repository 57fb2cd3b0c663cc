/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of one line. Calls return 0 or a negative errno.
 */
#ifndef TEST_LIB_FILE_H
#define TEST_LIB_FILE_H

#include <stddef.h>

/* First line of a file into buf. */
int file_read(const char *path, char *buf, size_t len);
int file_write(const char *path, const char *text);

#endif
