// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writers. A writer collects records in a batch, and sends them with one system call. A record that
 * was put is either in the batch or in the queue. A put that fails does not put its record.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "batch.h"

#define NS_PER_MS	1000000ULL
#define NEVER		UINT64_MAX

/*
 * @limit is the length in bytes of the longest record that is collected. @delay is in nanoseconds,
 * or NEVER; @since is the time, of a clock that costs less than the exact one, at which the oldest
 * record was put, or at which it was last tried to send it.
 */
struct bbuf_writer {
	struct bbuf *queue;
	struct bbuf_batch *batch;
	size_t limit;
	__u64 delay;
	__u64 since;
};

/* Time of the last clock tick: the delay need not be more exact, and the exact clock costs more. */
static __u64 tick_ns(void)
{
	return bbuf_clock_ns(CLOCK_MONOTONIC_COARSE);
}

BBUF_API struct bbuf_writer *bbuf_writer_new(struct bbuf *queue, size_t bytes,
					     const struct timespec *delay)
{
	struct bbuf_writer *writer;
	struct bbuf_info info;

	if (bbuf_get_info(queue, &info))
		return NULL;
	if (info.type != BBUF_RECORD || (delay && !bbuf_timeout_valid(delay))) {
		errno = EINVAL;
		return NULL;
	}
	writer = calloc(1, sizeof(*writer));
	if (!writer)
		return NULL;
	writer->batch = bbuf_batch_new(bytes);
	if (!writer->batch) {
		free(writer);
		return NULL;
	}
	writer->queue = queue;
	writer->limit = bytes - sizeof(struct bbuf_frame);
	/* A record that the queue can never take would keep those behind it in the batch. */
	if (writer->limit > info.capacity)
		writer->limit = info.capacity;
	writer->delay = delay ? bbuf_timeout_ns(delay) : NEVER;
	return writer;
}

BBUF_API void bbuf_writer_free(struct bbuf_writer *writer)
{
	if (!writer)
		return;
	bbuf_batch_free(writer->batch);
	free(writer);
}

BBUF_API size_t bbuf_writer_count(const struct bbuf_writer *writer)
{
	return bbuf_batch_count(writer->batch);
}

BBUF_API int bbuf_writer_take(struct bbuf_writer *writer, const void **data, size_t *len)
{
	return bbuf_batch_next(writer->batch, data, len);
}

/* Send records, at least one. After that, or if it fails, the delay starts again. */
static int send_some(struct bbuf_writer *writer, struct bbuf_deadline *deadline)
{
	ssize_t sent;

	if (bbuf_deadline_next(deadline))
		return -1;
	sent = bbuf_batch_put(writer->queue, writer->batch, deadline->timeout);
	if (writer->delay != NEVER)
		writer->since = tick_ns();
	return sent < 0 ? -1 : 0;
}

static int send_all(struct bbuf_writer *writer, struct bbuf_deadline *deadline)
{
	while (bbuf_batch_count(writer->batch))
		if (send_some(writer, deadline))
			return -1;
	return 0;
}

BBUF_API int bbuf_writer_flush(struct bbuf_writer *writer, const struct timespec *timeout)
{
	struct bbuf_deadline deadline = { .timeout = timeout };

	return send_all(writer, &deadline);
}

/* Send a record by itself, after the collected ones. */
static ssize_t put_directly(struct bbuf_writer *writer, const void *data, size_t len,
			    const struct timespec *timeout)
{
	struct bbuf_deadline deadline = { .timeout = timeout };

	if (send_all(writer, &deadline) || bbuf_deadline_next(&deadline))
		return -1;
	return bbuf_write(writer->queue, 0, data, len, deadline.timeout);
}

/* Move records, or send them, until one more fits, and add it. */
static int add(struct bbuf_writer *writer, const void *data, size_t len,
	       const struct timespec *timeout)
{
	struct bbuf_deadline deadline = { .timeout = timeout };

	while (bbuf_batch_add(writer->batch, data, len))
		if (send_some(writer, &deadline))
			return -1;
	return 0;
}

/* Whether the same call may succeed later. */
static bool is_temporary(int error)
{
	return error == EAGAIN || error == ETIMEDOUT || error == EINTR;
}

/*
 * Send the records if the oldest has waited for long enough. A record that stays is sent later; but
 * if none can be sent any more, the caller keeps the last one, and gets the error.
 */
static ssize_t send_if_due(struct bbuf_writer *writer, size_t len, const struct timespec *timeout)
{
	__u64 now = tick_ns();

	if (bbuf_batch_count(writer->batch) == 1)
		writer->since = now;
	if (now - writer->since < writer->delay)
		return len;
	if (!bbuf_writer_flush(writer, timeout) || is_temporary(errno))
		return len;
	bbuf_batch_remove_last(writer->batch, len);
	return -1;
}

static BBUF_RARE ssize_t put(struct bbuf_writer *writer, const void *data, size_t len,
			     const struct timespec *timeout)
{
	if (!len)
		return 0;
	if (len > writer->limit)
		return put_directly(writer, data, len, timeout);
	if (add(writer, data, len, timeout))
		return -1;
	return writer->delay == NEVER ? (ssize_t)len : send_if_due(writer, len, timeout);
}

BBUF_API ssize_t bbuf_writer_put(struct bbuf_writer *writer, const void *data, size_t len,
				 const struct timespec *timeout)
{
	if (!len || len > writer->limit || writer->delay != NEVER ||
	    !bbuf_batch_append(writer->batch, data, len))
		return put(writer, data, len, timeout);
	return len;
}

BBUF_API int bbuf_writer_timeout(const struct bbuf_writer *writer)
{
	__u64 waited, ms;

	if (!bbuf_batch_count(writer->batch) || !writer->delay || writer->delay == NEVER)
		return -1;
	waited = tick_ns() - writer->since;
	if (waited >= writer->delay)
		return 0;
	ms = (writer->delay - waited - 1) / NS_PER_MS + 1;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}
