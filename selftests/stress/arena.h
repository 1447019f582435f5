/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for buffers that can be taken away from under a call. The same pages are mapped
 * twice: what a call is given may go and come back at any time, what it wrote there, or is
 * to write, is safe in the other mapping.
 */
#ifndef BBUF_STRESS_ARENA_H
#define BBUF_STRESS_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARENA_SIZE	(256 * 1024)

struct arena {
	int fd;			/* the same memory as a file */
	unsigned char *firm;
	unsigned char *shaky;
};

/* Starts a thread that shakes. */
bool arena_open(struct arena *arena, uint64_t seed);

#endif /* BBUF_STRESS_ARENA_H */
