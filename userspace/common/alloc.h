/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocation of memory. Running out of it ends the program.
 */
#ifndef BBUF_COMMON_ALLOC_H
#define BBUF_COMMON_ALLOC_H

#include <stdarg.h>
#include <stddef.h>

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *mem, size_t n, size_t size);

/* Like asprintf() and vasprintf(), but return the text. */
__attribute__((format(printf, 1, 2)))
char *xasprintf(const char *fmt, ...);
__attribute__((format(printf, 1, 0)))
char *xvasprintf(const char *fmt, va_list args);

#endif /* BBUF_COMMON_ALLOC_H */
