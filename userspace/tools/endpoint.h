/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An endpoint is one end of a queue in the hands of one thread: an open file, the way
 * it waits, and a meter that counts what its calls met.
 */
#ifndef BBUF_TOOLS_ENDPOINT_H
#define BBUF_TOOLS_ENDPOINT_H

#include <argp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How a thread waits for room or data. */
enum endpoint_mode {
	MODE_BLOCK,	/* in read() and write() */
	MODE_NONBLOCK,	/* O_NONBLOCK, trying again and again */
	MODE_POLL,	/* O_NONBLOCK, and poll() after EAGAIN */
	MODE_EPOLL,	/* O_NONBLOCK, and epoll_wait() after EAGAIN */
	MODE_COUNT
};

/**
 * struct meter - what the calls of an endpoint met
 * @bytes: bytes moved
 * @items: numbered items moved whole
 * @calls: read() and write() calls, those that failed included
 * @polls: poll() and epoll_wait() calls
 * @eagains: calls that moved nothing: EAGAIN
 * @sleeps: calls, of either sort, in which the thread gave up its CPU
 * @asleep_ns: time spent in those calls
 * @switches: voluntary context switches in all calls, as getrusage() counts them
 * @first_ns: when the first bytes moved: a writer began to write them, a reader had them
 * @last_ns: when the last bytes had been moved
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
 * @fd: the open file; only this endpoint uses it
 * @epfd: the epoll instance of MODE_EPOLL, otherwise -1
 * @mode: how to wait
 * @events: what to poll for: POLLIN or POLLOUT
 * @stop: set from outside, followed by a signal, to end all waiting with EINTR
 * @meter: what happened so far
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
enum endpoint_mode arg_mode(struct argp_state *state, const char *arg);

void endpoint_open(struct endpoint *endpoint, const char *path, int flags, enum endpoint_mode mode,
		   const atomic_bool *stop);
void endpoint_close(struct endpoint *endpoint);
ssize_t endpoint_read(struct endpoint *endpoint, void *buf, size_t n);
ssize_t endpoint_write(struct endpoint *endpoint, const void *buf, size_t n);

void meter_add(struct meter *sum, const struct meter *meter);

#endif /* BBUF_TOOLS_ENDPOINT_H */
