// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches. A batch holds records with their frames, in the format of framed reads and writes
 * (see struct bbuf_frame), between two offsets of its memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/*
 * All offsets are multiples of BBUF_FRAME_ALIGN. A record returned by bbuf_batch_next() lies
 * before @head; it is not overwritten until a record is appended.
 */
struct bbuf_batch {
	size_t size;
	size_t head;
	size_t tail;
	size_t count;
	unsigned char memory[] __attribute__((aligned(BBUF_FRAME_ALIGN)));
};

static size_t round_up(size_t bytes)
{
	return (bytes + BBUF_FRAME_ALIGN - 1) & ~(size_t)(BBUF_FRAME_ALIGN - 1);
}

BBUF_API struct bbuf_batch *bbuf_batch_new(size_t bytes)
{
	struct bbuf_batch *batch;

	if (bytes <= sizeof(struct bbuf_frame)) {
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
	batch->size = round_up(bytes);
	bbuf_batch_clear(batch);
	return batch;
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

/* Length of the record whose frame is at @offset. */
static size_t record_len(const struct bbuf_batch *batch, size_t offset)
{
	struct bbuf_frame frame;

	memcpy(&frame, batch->memory + offset, sizeof(frame));
	return frame.len;
}

static size_t count_records(const struct bbuf_batch *batch, size_t from, size_t to)
{
	size_t count = 0;

	while (from < to) {
		from += BBUF_FRAME_SPACE(record_len(batch, from));
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
	struct bbuf_frame frame = { .len = (__u32)len };
	size_t space = BBUF_FRAME_SPACE(len);
	unsigned char *end;

	if (!len) {
		errno = EINVAL;
		return -1;
	}
	if (len > UINT32_MAX || len > batch->size - sizeof(frame)) {
		errno = EMSGSIZE;
		return -1;
	}
	if (space > batch->size - batch->tail && space > make_room(batch)) {
		errno = ENOBUFS;
		return -1;
	}
	end = batch->memory + batch->tail;
	memset(end + space - BBUF_FRAME_ALIGN, 0, BBUF_FRAME_ALIGN);
	memcpy(end, &frame, sizeof(frame));
	memcpy(end + sizeof(frame), data, len);
	batch->tail += space;
	batch->count++;
	return 0;
}

BBUF_API int bbuf_batch_next(struct bbuf_batch *batch, const void **data, size_t *len)
{
	if (!batch->count)
		return 0;
	*data = batch->memory + batch->head + sizeof(struct bbuf_frame);
	*len = record_len(batch, batch->head);
	batch->head += BBUF_FRAME_SPACE(*len);
	batch->count--;
	return 1;
}

BBUF_API ssize_t bbuf_batch_put(struct bbuf *queue, struct bbuf_batch *batch,
				const struct timespec *timeout)
{
	ssize_t done = bbuf_write(queue, BBUF_FRAMED, batch->memory + batch->head,
				  batch->tail - batch->head, timeout);
	size_t count;

	if (done <= 0)
		return done;
	count = count_records(batch, batch->head, batch->head + done);
	batch->head += done;
	batch->count -= count;
	return count;
}

BBUF_API ssize_t bbuf_batch_get(struct bbuf *queue, struct bbuf_batch *batch,
				const struct timespec *timeout)
{
	size_t count, room = make_room(batch);
	ssize_t done;

	if (room <= sizeof(struct bbuf_frame)) {
		errno = ENOBUFS;
		return -1;
	}
	done = bbuf_read(queue, BBUF_FRAMED, batch->memory + batch->tail, room, timeout);
	if (done <= 0)
		return done;
	count = count_records(batch, batch->tail, batch->tail + done);
	batch->tail += done;
	batch->count += count;
	return count;
}
