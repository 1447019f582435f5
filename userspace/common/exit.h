/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit codes, and the end of a program that has printed its result.
 */
#ifndef BBUF_COMMON_EXIT_H
#define BBUF_COMMON_EXIT_H

#include <stdlib.h>

/* In addition to EXIT_SUCCESS and EXIT_FAILURE. */
#define EXIT_USAGE	2

/* Last line of a --help. */
#define HELP_EXIT	"Exit status: 0 success, 1 failure, 2 wrong usage"

int output_end(void);

#endif /* BBUF_COMMON_EXIT_H */
