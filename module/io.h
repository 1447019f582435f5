/* SPDX-License-Identifier: GPL-2.0-only */
/* Moving bytes and records between a queue and its users. */
#ifndef BBUF_IO_H
#define BBUF_IO_H

#include <linux/err.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "open_file.h"
#include "queue.h"

/* A shorter copy is done before a task could wake up. */
#define BBUF_LONG_COPY		SZ_16K

/**
 * struct bbuf_extent - a piece of a ring to copy, and perhaps a frame before it (see framed.c)
 * @ring: the ring
 * @off: offset in the ring at which it begins
 * @len: length in bytes
 * @prefix: for a record, bytes of the ring before it that hold its length
 * @frame: frame that user memory has before the bytes
 * @frame_size: bytes of @frame; 0 without one
 * @padding: zero bytes that user memory has after the bytes, as far as there is room for them
 */
struct bbuf_extent {
	const struct bbuf_ring *ring;
	size_t off;
	size_t len;
	size_t prefix;
	const void *frame;
	size_t frame_size;
	size_t padding;
};

/* Returned by bbuf_side_copy() to a call that yields: a page of its memory is missing. */
#define BBUF_FAULT	(-MAX_ERRNO)

/* Tries of such a call, before it no longer yields. */
#define BBUF_FAULT_TRIES	64

/*
 * Check for a signal that ends a call which has moved something, as a partial result is a result.
 * Other work of the task, which io_uring has all the time, can wait for the rest.
 */
static inline bool bbuf_signal_is_pending(void)
{
	return task_sigpending(current);
}

int bbuf_side_copy(struct bbuf_side *side, struct bbuf_waiter *waiter,
		   const struct bbuf_extent *extent, struct iov_iter *iter);
ssize_t bbuf_waiter_fault_in(struct bbuf_waiter *waiter, struct iov_iter *iter, size_t want,
			     size_t least);
int bbuf_peek_fault_in(struct bbuf_waiter *waiter, struct iov_iter *iter, bool whole);
void bbuf_waiter_init(struct bbuf_waiter *waiter, struct bbuf_io_opts opts, size_t len);
ssize_t bbuf_write_user(struct bbuf_file *bf, const char __user *buf, size_t len);
ssize_t bbuf_read_user(struct bbuf_file *bf, char __user *buf, size_t len);
ssize_t bbuf_write_iov(struct bbuf_file *bf, struct iov_iter *from, struct kiocb *iocb);
ssize_t bbuf_read_iov(struct bbuf_file *bf, struct iov_iter *to, struct kiocb *iocb);
ssize_t bbuf_write(struct bbuf_queue *q, struct iov_iter *from, struct bbuf_io_opts opts);
ssize_t bbuf_read(struct bbuf_queue *q, struct iov_iter *to, struct bbuf_io_opts opts);
ssize_t bbuf_peek(struct bbuf_queue *q, struct iov_iter *to);
size_t bbuf_readable(struct bbuf_queue *q);

/* For framed.c. */
ssize_t bbuf_read_with(struct bbuf_queue *q, struct iov_iter *to, struct bbuf_io_opts opts,
		       ssize_t (*get)(struct bbuf_queue *q, struct bbuf_waiter *waiter,
				      struct iov_iter *to));
struct bbuf_extent bbuf_batch_next_record(const struct bbuf_queue *q,
					  const struct bbuf_batch_count *batch);
void bbuf_publish_write(struct bbuf_queue *q, const struct bbuf_batch_count *batch);
void bbuf_publish_read(struct bbuf_queue *q, struct bbuf_batch_count *batch);
bool bbuf_try_put_record(struct bbuf_queue *q, struct bbuf_batch_count *batch,
			 struct iov_iter *from, size_t len);
int bbuf_write_record(struct bbuf_queue *q, struct iov_iter *from, size_t len,
		      struct bbuf_io_opts opts);
ssize_t bbuf_get_record(struct bbuf_queue *q, struct bbuf_waiter *waiter,
			struct iov_iter *to, struct bbuf_batch_count *batch,
			const struct bbuf_extent *extent);

#endif /* BBUF_IO_H */
