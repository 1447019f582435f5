/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BBUF_SELFTEST_RING_H
#define BBUF_SELFTEST_RING_H

#include <linux/io_uring.h>

#include "common.h"

#define RING_ENTRIES	16

/* A ring of io_uring without a library: the few loads and stores that it takes. */
struct ring {
	int fd;
	struct io_uring_params params;
	unsigned char *queues;
	size_t size;
	struct io_uring_sqe *sqes;
};

/* Returns 0 or -errno. */
int ring_open(struct ring *ring);
void ring_close(struct ring *ring);

/* To read or write n bytes, named by their address. */
struct io_uring_sqe request(int opcode, int fd, void *buf, size_t n);
/* One more request to be submitted, named by user_data. */
void ring_add(struct ring *ring, struct io_uring_sqe request);
/* So many of them: how many the kernel took. */
int ring_enter(struct ring *ring, unsigned int count);
/* Both with one: 1 if the kernel took it. */
int ring_submit(struct ring *ring, struct io_uring_sqe request);

/* Takes a completion if there is one; also gives the kernel occasion to make some. */
bool ring_peek(struct ring *ring, struct io_uring_cqe *completion);
/* The result of the next completion, or -ETIME. */
int ring_wait(struct ring *ring);
/* The same of the request with that buffer, whatever completes before. */
int ring_wait_for(struct ring *ring, const void *buf);
/* There is none, and none comes. */
bool ring_idle(struct ring *ring);

#endif /* BBUF_SELFTEST_RING_H */
