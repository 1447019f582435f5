/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving bytes and records between a queue and its users.
 */
#ifndef BBUF_IO_H
#define BBUF_IO_H

#include <linux/err.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "queue.h"

/* What is shorter is copied before anybody could wake up. */
#define BBUF_LONG_COPY		SZ_16K

/**
 * struct bbuf_io_opts - how a file, or one call, wants to move bytes
 * @nowait: never sleep for the other side
 * @framed: records with their frames
 * @lease_framed: with those that tell of their leases
 * @deadline: nanoseconds of CLOCK_MONOTONIC at which to give up, or BBUF_NEVER
 * @refused: where a write that must not wait, and finds too little room, tells how much it
 *           needs; or NULL
 */
struct bbuf_io_opts {
	bool nowait;
	bool framed;
	bool lease_framed;
	u64 deadline;
	size_t *refused;
};

/**
 * struct bbuf_extent - what a call copies: a part of a ring, and perhaps a frame
 * @ring: where it is, or goes
 * @off: where in the ring it begins
 * @len: how many bytes
 * @prefix: of a record, bytes of the ring before it that hold its length
 * @frame: what the user has before it
 * @frame_size: bytes of @frame; 0 without one, and then there is no padding either
 */
struct bbuf_extent {
	const struct bbuf_ring *ring;
	size_t off;
	size_t len;
	size_t prefix;
	const void *frame;
	size_t frame_size;
};

/* Returned by bbuf_side_copy() to a call that yields: a page of its memory is missing. */
#define BBUF_FAULT	(-MAX_ERRNO)

/* How often a call comes again for that, before it no longer yields. */
#define BBUF_FAULT_TRIES	64

/*
 * Is there a signal, for which a call ends that has moved something? A prefix is an answer,
 * too. Other work of the task, such as io_uring has all the time, can wait for the rest.
 */
static inline bool bbuf_signal_is_pending(void)
{
	return task_sigpending(current);
}

void bbuf_side_unlock_busy(struct bbuf_side *side, struct bbuf_waiter *waiter);
int bbuf_side_lock_busy(struct bbuf_side *side, struct bbuf_waiter *waiter);
int bbuf_side_copy(struct bbuf_side *side, struct bbuf_waiter *waiter,
		   const struct bbuf_extent *extent, struct iov_iter *iter);
ssize_t bbuf_waiter_fault_in(struct bbuf_waiter *waiter, struct iov_iter *iter, size_t want,
			     size_t least);
int bbuf_peek_fault_in(struct bbuf_waiter *waiter, struct iov_iter *iter, bool whole);
void bbuf_waiter_init(struct bbuf_waiter *waiter, struct bbuf_io_opts opts, size_t len);
size_t bbuf_write_fast(struct bbuf_queue *q, struct iov_iter *from);
size_t bbuf_read_fast(struct bbuf_queue *q, struct iov_iter *to);
ssize_t bbuf_write(struct bbuf_queue *q, struct iov_iter *from, struct bbuf_io_opts opts);
ssize_t bbuf_read(struct bbuf_queue *q, struct iov_iter *to, struct bbuf_io_opts opts);
ssize_t bbuf_peek(struct bbuf_queue *q, struct iov_iter *to);
size_t bbuf_readable(struct bbuf_queue *q);

#endif /* BBUF_IO_H */
