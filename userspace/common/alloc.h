/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocation of memory. Running out of it ends the program.
 */
#ifndef BBUF_COMMON_ALLOC_H
#define BBUF_COMMON_ALLOC_H

#include <stddef.h>

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *mem, size_t n, size_t size);

#endif /* BBUF_COMMON_ALLOC_H */
