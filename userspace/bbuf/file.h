/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files for results: --json and --csv. Without an argument they are written to standard output.
 */
#ifndef BBUF_FILE_H
#define BBUF_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "common/settings.h"

/* Name that means standard output. */
#define FILE_STDOUT	"-"

#define FILE_SETTING(long_name, letter, file, help)	\
	{ .name = (long_name), .key = (letter), .arg = "FILE", .omitted = FILE_STDOUT, \
	  .doc = (help), .text = (file) }

bool file_is_stdout(const char *file);
FILE *file_open(const char *file);

#endif /* BBUF_FILE_H */
