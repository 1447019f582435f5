/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking up programs in PATH.
 */
#ifndef BBUF_PROGRAM_H
#define BBUF_PROGRAM_H

char *program_path(const char *name);

#endif /* BBUF_PROGRAM_H */
