/* SPDX-License-Identifier: GPL-2.0-only */
/* Declarations shared by the files of the library. */
#ifndef BBUF_INTERNAL_H
#define BBUF_INTERNAL_H

#include <stdbool.h>

#include "bbuf.h"

/* All symbols are hidden except those marked with this, which libbbuf.map lists. */
#define BBUF_API	__attribute__((visibility("default")))

/* Contains a directory for each queue. */
#define BBUF_CLASS	"/sys/class/bbuf"

/*
 * Handle. @options are the current options of the open file: they are set again only if a call
 * needs other ones.
 */
struct bbuf {
	int fd;
	struct bbuf_options options;
};

/*
 * Check that a queue may have this name, as far as paths are concerned. Sets errno to EINVAL if
 * not. The kernel checks the characters.
 */
bool bbuf_name_fits(const char *name);

/* Write or read with the given framing (0 or BBUF_FRAMED) and timeout. */
ssize_t bbuf_write(struct bbuf *queue, __u32 framed, const void *data, size_t len,
		   const struct timespec *timeout);
ssize_t bbuf_read(struct bbuf *queue, __u32 framed, void *buffer, size_t size,
		  const struct timespec *timeout);

#endif /* BBUF_INTERNAL_H */
