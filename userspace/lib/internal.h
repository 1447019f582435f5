/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the library share. */
#ifndef BBUF_INTERNAL_H
#define BBUF_INTERNAL_H

#include <stdbool.h>

#include "bbuf.h"

/* Everything is hidden but what says so, and stands in libbbuf.map. */
#define BBUF_API	__attribute__((visibility("default")))

/* A folder for each queue. */
#define BBUF_CLASS	"/sys/class/bbuf"

/*
 * A handle. The options are those that the open file has now, so that it is asked
 * for others only when a call needs them.
 */
struct bbuf {
	int fd;
	struct bbuf_options options;
};

/* Can a queue have this name, as far as a path is concerned? Sets errno if not. */
bool bbuf_name_fits(const char *name);

/* A write and a read with the given frames (0 or BBUF_FRAMED) and time to wait. */
ssize_t bbuf_write(struct bbuf *queue, __u32 framed, const void *data, size_t len,
		   const struct timespec *timeout);
ssize_t bbuf_read(struct bbuf *queue, __u32 framed, void *buffer, size_t size,
		  const struct timespec *timeout);

#endif /* BBUF_INTERNAL_H */
