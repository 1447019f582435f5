/* SPDX-License-Identifier: GPL-2.0-only */
/* Declarations shared by the files of the library. */
#ifndef BBUF_INTERNAL_H
#define BBUF_INTERNAL_H

#include <stdbool.h>

#include "bbuf.h"

/* All symbols are hidden except those marked with this, which libbbuf.map lists. */
#define BBUF_API	__attribute__((visibility("default")))

/* For functions that would otherwise be inlined, at the cost of a common case that is short. */
#define BBUF_RARE	__attribute__((noinline, cold))

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

/* Timeout in nanoseconds, or UINT64_MAX, more than 500 years, if it is larger. */
bool bbuf_timeout_valid(const struct timespec *t);
__u64 bbuf_timeout_ns(const struct timespec *t);

__u64 bbuf_clock_ns(clockid_t clock);

/**
 * struct bbuf_deadline - one timeout for several calls
 * @timeout: timeout for the next call; initialize it with that of the caller
 * @left: time left, if @timeout points to it
 * @end: end of the timeout in nanoseconds of CLOCK_MONOTONIC, or 0 before the first call
 */
struct bbuf_deadline {
	const struct timespec *timeout;
	struct timespec left;
	__u64 end;
};

/*
 * Set @deadline->timeout to the time left, before each call. If none is left, return -1 with
 * ETIMEDOUT; but the first call is always made.
 */
int bbuf_deadline_next(struct bbuf_deadline *deadline);

#endif /* BBUF_INTERNAL_H */
