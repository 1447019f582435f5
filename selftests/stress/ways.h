/* SPDX-License-Identifier: GPL-2.0-only */
/* The ways there are to move bytes into a queue and out of it. */
#ifndef BBUF_STRESS_WAYS_H
#define BBUF_STRESS_WAYS_H

#include <stdbool.h>
#include <sys/types.h>

#include "random.h"

/**
 * struct transfer - one call's worth
 * @fd: of the queue
 * @buf: what to write, or where to read to
 * @n: bytes
 * @unit: where it is cut in parts, they are multiples of this
 * @file: the memory of @buf as a file
 * @at: where in @file @buf is
 * @pipe: an empty pipe of the caller's, that can take @n bytes
 */
struct transfer {
	int fd;
	unsigned char *buf;
	size_t n;
	size_t unit;
	int file;
	off_t at;
	int pipe[2];
};

/**
 * struct way - one of them
 * @name: of the system call
 * @move: makes it: bytes moved, or -errno
 * @nowait: it never waits
 * @firm: not from memory, or into memory, that may be taken away meanwhile
 * @loose: the kernel may make several writes of it
 * @stream: for streams only, as it would cut records
 */
struct way {
	const char *name;
	ssize_t (*move)(const struct transfer *t, struct random *r);
	bool nowait;
	bool firm;
	bool loose;
	bool stream;
};

const struct way *way_to_write(struct random *r, bool stream);
const struct way *way_to_read(struct random *r);

#endif /* BBUF_STRESS_WAYS_H */
