/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Batches, as the files of the library see them. The functions for a single record are inline:
 * writers and readers exist to make a record cheap.
 */
#ifndef BBUF_BATCH_H
#define BBUF_BATCH_H

#include <string.h>

#include "internal.h"

/**
 * struct bbuf_batch - records with their frames, in the format of framed reads and writes
 * @frame: size of a frame in bytes: that of struct bbuf_frame or, for records that are leased to
 *         a reader, of struct bbuf_lease_frame, both of which begin with the length
 * @size: size of @memory in bytes
 * @head: offset of the first record in bytes
 * @tail: offset behind the last record in bytes
 * @count: number of records
 * @memory: the records
 *
 * All offsets are multiples of BBUF_FRAME_ALIGN. A record that was removed lies before @head; it
 * is not overwritten until a record is appended.
 */
struct bbuf_batch {
	size_t frame;
	size_t size;
	size_t head;
	size_t tail;
	size_t count;
	unsigned char memory[] __attribute__((aligned(BBUF_FRAME_ALIGN)));
};

/*
 * Allocate a batch for records with leases: bbuf_batch_get() fills it. It must not be put, since
 * writes have no such frames.
 */
struct bbuf_batch *bbuf_batch_new_leased(size_t bytes);

/* Bytes that a record of @len bytes takes with its frame. */
static inline size_t bbuf_batch_space(const struct bbuf_batch *batch, size_t len)
{
	return (batch->frame + len + BBUF_FRAME_ALIGN - 1) & ~(size_t)(BBUF_FRAME_ALIGN - 1);
}

/* Length of the record whose frame is at @offset. */
static inline size_t bbuf_batch_len(const struct bbuf_batch *batch, size_t offset)
{
	__u32 len;

	memcpy(&len, batch->memory + offset, sizeof(len));
	return len;
}

/*
 * Append a record, of 1 byte to as many as fit into an empty batch, if it fits behind the others
 * without moving them.
 */
static inline bool bbuf_batch_append(struct bbuf_batch *batch, const void *data, size_t len)
{
	const struct bbuf_frame frame = { .len = (__u32)len };
	size_t space = bbuf_batch_space(batch, len);
	unsigned char *end = batch->memory + batch->tail;

	if (space > batch->size - batch->tail)
		return false;
	memset(end + space - BBUF_FRAME_ALIGN, 0, BBUF_FRAME_ALIGN);
	memcpy(end, &frame, sizeof(frame));
	batch->tail += space;
	batch->count++;
	memcpy(end + sizeof(frame), data, len);
	return true;
}

/* Remove the last record, of @len bytes. */
static inline void bbuf_batch_remove_last(struct bbuf_batch *batch, size_t len)
{
	batch->tail -= bbuf_batch_space(batch, len);
	batch->count--;
}

/* Get the lease of the first record, or 0 if it has none. */
static inline void bbuf_batch_first_lease(const struct bbuf_batch *batch, struct bbuf_lease *lease)
{
	struct bbuf_lease_frame frame = { };

	memcpy(&frame, batch->memory + batch->head, batch->frame);
	lease->lease = frame.lease;
	lease->deliveries = batch->frame == sizeof(frame) ? frame.deliveries : 0;
}

/* Remove the first record, of @len bytes. Returns its address. */
static inline const void *bbuf_batch_remove_first(struct bbuf_batch *batch, size_t len)
{
	const void *data = batch->memory + batch->head + batch->frame;

	batch->head += bbuf_batch_space(batch, len);
	batch->count--;
	return data;
}

#endif /* BBUF_BATCH_H */
