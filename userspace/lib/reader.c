// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers. A reader fetches with one system call as many records as are queued and fit into its
 * batch, and returns them one by one.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "batch.h"

/* @leases: whether the queue leases its records */
struct bbuf_reader {
	struct bbuf *queue;
	struct bbuf_batch *batch;
	bool leases;
};

BBUF_API struct bbuf_reader *bbuf_reader_new(struct bbuf *queue, size_t bytes)
{
	struct bbuf_reader *reader;
	struct bbuf_info info;

	if (bbuf_get_info(queue, &info))
		return NULL;
	if (info.type != BBUF_RECORD) {
		errno = EINVAL;
		return NULL;
	}
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return NULL;
	reader->queue = queue;
	reader->leases = info.policy & BBUF_LEASE;
	reader->batch = reader->leases ? bbuf_batch_new_leased(bytes) : bbuf_batch_new(bytes);
	if (!reader->batch) {
		free(reader);
		return NULL;
	}
	return reader;
}

BBUF_API void bbuf_reader_free(struct bbuf_reader *reader)
{
	if (!reader)
		return;
	bbuf_batch_free(reader->batch);
	free(reader);
}

BBUF_API size_t bbuf_reader_count(const struct bbuf_reader *reader)
{
	return reader->batch->count;
}

/* Fill in the description of the first record, of @len bytes. */
static BBUF_RARE void describe_first(const struct bbuf_batch *batch, size_t len,
				     struct bbuf_lease *lease)
{
	*lease = (struct bbuf_lease){ .len = len };
	bbuf_batch_first_lease(batch, lease);
}

/*
 * If the next record is longer than the memory for it, fill in its length: 0 if another process has
 * taken all records meanwhile. errno is preserved.
 */
static BBUF_RARE void describe_refused(const struct bbuf_reader *reader, struct bbuf_lease *lease)
{
	int error = errno, len;

	if (!lease || error != EMSGSIZE)
		return;
	if (ioctl(reader->queue->fd, FIONREAD, &len))
		len = 0;
	*lease = (struct bbuf_lease){ .len = len };
	errno = error;
}

BBUF_API ssize_t bbuf_reader_next(struct bbuf_reader *reader, const void **data,
				  const struct timespec *timeout, struct bbuf_lease *lease)
{
	struct bbuf_batch *batch = reader->batch;
	ssize_t ret;
	size_t len;

	if (!batch->count) {
		ret = bbuf_batch_get(reader->queue, batch, timeout);
		if (ret < 0)
			describe_refused(reader, lease);
		if (ret <= 0)
			return ret;
	}
	len = bbuf_batch_len(batch, batch->head);
	if (lease)
		describe_first(batch, len, lease);
	*data = bbuf_batch_remove_first(batch, len);
	return len;
}

/* Read a record that does not fit into the batch, which is empty. */
static ssize_t get_directly(struct bbuf_reader *reader, void *buffer, size_t size,
			    const struct timespec *timeout, struct bbuf_lease *lease)
{
	ssize_t n;

	if (reader->leases)
		return bbuf_lease(reader->queue, buffer, size, timeout, lease);
	n = bbuf_read(reader->queue, 0, buffer, size, timeout);
	if (lease && n >= 0)
		*lease = (struct bbuf_lease){ .len = n };
	else if (n < 0)
		describe_refused(reader, lease);
	return n;
}

/* Report that the first record, of @len bytes, is longer than the caller's buffer. */
static BBUF_RARE ssize_t refuse_first(size_t len, struct bbuf_lease *lease)
{
	if (lease)
		*lease = (struct bbuf_lease){ .len = len };
	errno = EMSGSIZE;
	return -1;
}

/* Fetch records, then get the first one. */
static BBUF_RARE ssize_t fetch_and_get(struct bbuf_reader *reader, void *buffer, size_t size,
				       const struct timespec *timeout, struct bbuf_lease *lease)
{
	struct bbuf_deadline deadline = { .timeout = timeout };
	ssize_t count;

	bbuf_deadline_next(&deadline);
	count = bbuf_batch_get(reader->queue, reader->batch, deadline.timeout);
	if (count > 0)
		return bbuf_reader_get(reader, buffer, size, timeout, lease);
	if (!count || errno != EMSGSIZE || bbuf_deadline_next(&deadline))
		return count;
	return get_directly(reader, buffer, size, deadline.timeout, lease);
}

BBUF_API ssize_t bbuf_reader_get(struct bbuf_reader *reader, void *buffer, size_t size,
				 const struct timespec *timeout, struct bbuf_lease *lease)
{
	struct bbuf_batch *batch = reader->batch;
	size_t len;

	if (!batch->count)
		return fetch_and_get(reader, buffer, size, timeout, lease);
	len = bbuf_batch_len(batch, batch->head);
	if (len > size)
		return refuse_first(len, lease);
	if (lease)
		describe_first(batch, len, lease);
	memcpy(buffer, bbuf_batch_remove_first(batch, len), len);
	return len;
}
