/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An endpoint is one end of a queue as used by one thread: an open file, how to wait, and
 * statistics of the calls.
 */
#ifndef BBUF_TOOLS_ENDPOINT_H
#define BBUF_TOOLS_ENDPOINT_H

#include <argp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/settings.h"

/* How a thread waits for room or data. */
enum endpoint_mode {
	MODE_BLOCK,	/* in read() and write() */
	MODE_NONBLOCK,	/* with O_NONBLOCK, retrying immediately */
	MODE_POLL,	/* with O_NONBLOCK, and poll() after EAGAIN */
	MODE_EPOLL,	/* with O_NONBLOCK, and epoll_wait() after EAGAIN */
	MODE_COUNT
};

/**
 * struct meter - statistics of the calls of an endpoint
 * @bytes: number of bytes moved
 * @items: number of complete items moved
 * @calls: number of read() and write() calls, including those that failed
 * @polls: number of poll() and epoll_wait() calls
 * @eagains: number of calls that failed with EAGAIN
 * @sleeps: number of calls, of either kind, in which the thread yielded its CPU
 * @asleep_ns: duration of those calls in nanoseconds
 * @switches: number of voluntary context switches in all calls, from getrusage()
 * @first_ns: when the first bytes moved: start of the first write, or end of the first read
 * @last_ns: when the last call that moved bytes returned
 */
struct meter {
	uint64_t bytes;
	uint64_t items;
	uint64_t calls;
	uint64_t polls;
	uint64_t eagains;
	uint64_t sleeps;
	uint64_t asleep_ns;
	uint64_t switches;
	uint64_t first_ns;
	uint64_t last_ns;
};

/**
 * struct endpoint - one end of a queue
 * @fd: file descriptor, used by this endpoint only
 * @epfd: epoll instance for MODE_EPOLL, otherwise -1
 * @mode: how to wait
 * @events: events to poll for: POLLIN or POLLOUT
 * @stop: set by another thread, followed by a signal, to end all waiting with EINTR
 * @meter: statistics so far
 */
struct endpoint {
	int fd;
	int epfd;
	enum endpoint_mode mode;
	short events;
	const atomic_bool *stop;
	struct meter meter;
};

const char *endpoint_mode_name(enum endpoint_mode mode);

/* For a struct setting. */
void set_mode(struct argp_state *state, const struct setting *setting, char *arg);

void endpoint_open(struct endpoint *endpoint, const char *path, int flags, enum endpoint_mode mode,
		   const atomic_bool *stop);
void endpoint_close(struct endpoint *endpoint);
ssize_t endpoint_read(struct endpoint *endpoint, void *buf, size_t n);
ssize_t endpoint_write(struct endpoint *endpoint, const void *buf, size_t n);

void meter_add(struct meter *sum, const struct meter *meter);

#endif /* BBUF_TOOLS_ENDPOINT_H */
