// SPDX-License-Identifier: GPL-2.0-only
/* Batches. */
#include <errno.h>
#include <stdlib.h>

#include "batch.h"

static size_t round_up(size_t bytes)
{
	return (bytes + BBUF_FRAME_ALIGN - 1) & ~(size_t)(BBUF_FRAME_ALIGN - 1);
}

static struct bbuf_batch *batch_new(size_t bytes, size_t frame)
{
	struct bbuf_batch *batch;

	if (bytes <= frame) {
		errno = EINVAL;
		return NULL;
	}
	if (bytes > PTRDIFF_MAX - sizeof(*batch) - BBUF_FRAME_ALIGN) {
		errno = ENOMEM;
		return NULL;
	}
	batch = malloc(sizeof(*batch) + round_up(bytes));
	if (!batch)
		return NULL;
	batch->frame = frame;
	batch->size = round_up(bytes);
	bbuf_batch_clear(batch);
	return batch;
}

BBUF_API struct bbuf_batch *bbuf_batch_new(size_t bytes)
{
	return batch_new(bytes, sizeof(struct bbuf_frame));
}

struct bbuf_batch *bbuf_batch_new_leased(size_t bytes)
{
	return batch_new(bytes, sizeof(struct bbuf_lease_frame));
}

BBUF_API void bbuf_batch_free(struct bbuf_batch *batch)
{
	free(batch);
}

BBUF_API void bbuf_batch_clear(struct bbuf_batch *batch)
{
	batch->head = 0;
	batch->tail = 0;
	batch->count = 0;
}

BBUF_API size_t bbuf_batch_count(const struct bbuf_batch *batch)
{
	return batch->count;
}

static size_t count_records(const struct bbuf_batch *batch, size_t from, size_t to)
{
	size_t count = 0;

	while (from < to) {
		from += bbuf_batch_space(batch, bbuf_batch_len(batch, from));
		count++;
	}
	return count;
}

/* Move the records to the start of the memory. Returns the number of free bytes behind them. */
static size_t make_room(struct bbuf_batch *batch)
{
	size_t used = batch->tail - batch->head;

	memmove(batch->memory, batch->memory + batch->head, used);
	batch->head = 0;
	batch->tail = used;
	return batch->size - used;
}

BBUF_API int bbuf_batch_add(struct bbuf_batch *batch, const void *data, size_t len)
{
	if (!len) {
		errno = EINVAL;
		return -1;
	}
	if (len > UINT32_MAX || len > batch->size - batch->frame) {
		errno = EMSGSIZE;
		return -1;
	}
	if (bbuf_batch_append(batch, data, len))
		return 0;
	make_room(batch);
	if (bbuf_batch_append(batch, data, len))
		return 0;
	errno = ENOBUFS;
	return -1;
}

BBUF_API int bbuf_batch_next(struct bbuf_batch *batch, const void **data, size_t *len)
{
	if (!batch->count)
		return 0;
	*len = bbuf_batch_len(batch, batch->head);
	*data = bbuf_batch_remove_first(batch, *len);
	return 1;
}

BBUF_API ssize_t bbuf_batch_put(struct bbuf *queue, struct bbuf_batch *batch,
				const struct timespec *timeout)
{
	ssize_t done = bbuf_write(queue, BBUF_FRAMED, batch->memory + batch->head,
				  batch->tail - batch->head, timeout);
	size_t count = batch->count;

	if (done <= 0)
		return done;
	if ((size_t)done < batch->tail - batch->head)
		count = count_records(batch, batch->head, batch->head + done);
	batch->head += done;
	batch->count -= count;
	return count;
}

BBUF_API ssize_t bbuf_batch_get(struct bbuf *queue, struct bbuf_batch *batch,
				const struct timespec *timeout)
{
	const __u32 framed = batch->frame == sizeof(struct bbuf_lease_frame) ?
			     BBUF_FRAMED | BBUF_LEASE_FRAMED : BBUF_FRAMED;
	size_t count, room = make_room(batch);
	ssize_t done;

	if (room <= batch->frame) {
		errno = ENOBUFS;
		return -1;
	}
	done = bbuf_read(queue, framed, batch->memory + batch->tail, room, timeout);
	if (done <= 0)
		return done;
	count = count_records(batch, batch->tail, batch->tail + done);
	batch->tail += done;
	batch->count += count;
	return count;
}
