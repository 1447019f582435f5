// SPDX-License-Identifier: GPL-2.0-only
/* Short records with their frames. See frames.h. */
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "frames.h"

/* Bytes that the length of a short record takes in the ring: fewer than a frame. */
#define BBUF_SHORT_PREFIX	1

/**
 * bbuf_frames_put() - copy short records into the ring
 * @frames: records with their frames
 * @size: bytes of @frames; the last record may be cut short
 * @to: part of the ring, at least @size bytes
 * @room: bytes of records that there is room for
 * @batch: amount moved so far; increased by what is copied
 *
 * Stops at a record that is not short, not whole or has no room, and at a bad frame.
 *
 * Return: bytes of the frames whose records were copied, with all padding, even if the last has
 * less of it.
 */
size_t bbuf_frames_put(const struct bbuf_frames *frames, size_t size, u8 *to, size_t room,
		       struct bbuf_batch_count *batch)
{
	const struct bbuf_frame *frame;
	size_t at = 0, len, most;

	while (at + sizeof(*frame) < size) {
		frame = (const void *)&frames->bytes[at];
		len = frame->len;
		most = min3(size - at - sizeof(*frame), room, (size_t)BBUF_SHORT);
		if (frame->reserved || !len || len > most)
			break;
		len = array_index_nospec(len, most + 1);

		*to = len;
		memcpy(to + BBUF_SHORT_PREFIX, frame + 1, len);
		to += BBUF_SHORT_PREFIX + len;
		room -= len;
		at += BBUF_FRAME_SPACE(len);
		bbuf_batch_count_add(batch, len, BBUF_SHORT_PREFIX);
	}
	return at;
}

/**
 * bbuf_frames_get() - copy short records out of the ring
 * @frames: filled with records and their frames
 * @size: bytes of @frames to fill; the padding of the last record may exceed it
 * @from: part of the ring, at least @size bytes, that begins with a record
 * @avail: bytes of records that are there
 * @batch: amount moved so far; increased by what is copied
 *
 * Stops at a record that is not short or doesn't fit.
 *
 * Return: as bbuf_frames_put().
 */
size_t bbuf_frames_get(struct bbuf_frames *frames, size_t size, const u8 *from, size_t avail,
		       struct bbuf_batch_count *batch)
{
	struct bbuf_frame *frame;
	size_t at = 0, len;

	while (avail && at + sizeof(*frame) < size) {
		frame = (void *)&frames->bytes[at];
		len = *from;
		if (len > BBUF_SHORT || at + sizeof(*frame) + len > size)
			break;

		at += BBUF_FRAME_SPACE(len);
		/* Clear the padding, if there is any: it ends here. */
		memset(&frames->bytes[at - BBUF_FRAME_ALIGN], 0, BBUF_FRAME_ALIGN);
		*frame = (struct bbuf_frame) { .len = len };
		memcpy(frame + 1, from + BBUF_SHORT_PREFIX, len);
		from += BBUF_SHORT_PREFIX + len;
		avail -= len;
		bbuf_batch_count_add(batch, len, BBUF_SHORT_PREFIX);
	}
	return at;
}
