// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files for results. See file.h.
 */
#include <string.h>

#include "file.h"

/* Whether the file is standard output. It may be NULL, for none. */
bool file_is_stdout(const char *file)
{
	return file && !strcmp(file, FILE_STDOUT);
}

/* Open it for writing. Returns NULL and sets errno if that fails. */
FILE *file_open(const char *file)
{
	return file_is_stdout(file) ? stdout : fopen(file, "we");
}
