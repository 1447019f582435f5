// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a program. See exit.h.
 */
#include <err.h>
#include <stdio.h>

#include "exit.h"

/* Flush standard output. Returns an exit code, after printing a message if that fails. */
int output_end(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_SUCCESS;
	warn("standard output");
	return EXIT_FAILURE;
}
