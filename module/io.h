/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving bytes and records between a queue and its users.
 */
#ifndef BBUF_IO_H
#define BBUF_IO_H

#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "queue.h"

/* So much is copied with a side's lock, and published or leased at once. */
#define BBUF_LOCKED_BATCH	SZ_64K
#define BBUF_LOCKED_RECORDS	1024

/* What is shorter is copied before anybody could wake up. */
#define BBUF_LONG_COPY		SZ_16K

/**
 * struct bbuf_manner - how a file, or one call, wants to move bytes
 * @nowait: never sleep for the other side
 * @framed: records with their frames
 * @lease_framed: with those that tell of their leases
 * @deadline: nanoseconds of CLOCK_MONOTONIC at which to give up, or BBUF_NEVER
 */
struct bbuf_manner {
	bool nowait;
	bool framed;
	bool lease_framed;
	u64 deadline;
};

/*
 * Is there a signal, for which a call ends that has moved something? A prefix is an answer,
 * too. Other work of the task, such as io_uring has all the time, can wait for the rest.
 */
static inline bool bbuf_signalled(void)
{
	return task_sigpending(current);
}

void bbuf_call_init(struct bbuf_call *call, struct bbuf_manner how, size_t len);
size_t bbuf_write_at_once(struct bbuf_queue *q, struct iov_iter *from);
size_t bbuf_read_at_once(struct bbuf_queue *q, struct iov_iter *to);
ssize_t bbuf_write(struct bbuf_queue *q, struct iov_iter *from, struct bbuf_manner how);
ssize_t bbuf_read(struct bbuf_queue *q, struct iov_iter *to, struct bbuf_manner how);
ssize_t bbuf_peek(struct bbuf_queue *q, struct iov_iter *to);
size_t bbuf_readable(struct bbuf_queue *q);

#endif /* BBUF_IO_H */
