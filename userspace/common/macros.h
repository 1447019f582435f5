/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Macros that any file may need.
 */
#ifndef BBUF_COMMON_MACROS_H
#define BBUF_COMMON_MACROS_H

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))

#endif /* BBUF_COMMON_MACROS_H */
