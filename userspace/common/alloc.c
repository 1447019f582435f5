// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocation. See alloc.h.
 */
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"

void *xcalloc(size_t n, size_t size)
{
	void *mem = calloc(n, size);

	if (!mem)
		err(EXIT_FAILURE, "%zu bytes of memory", n * size);
	return mem;
}

void *xrealloc(void *mem, size_t n, size_t size)
{
	mem = reallocarray(mem, n, size);
	if (!mem)
		err(EXIT_FAILURE, "memory for %zu entries", n);
	return mem;
}

char *xvasprintf(const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		err(EXIT_FAILURE, "memory for a text");
	return text;
}

char *xasprintf(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = xvasprintf(fmt, args);
	va_end(args);
	return text;
}
