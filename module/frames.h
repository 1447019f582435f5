/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Short records with their frames, many at once.
 *
 * Straight between the ring and the user, each frame and each record are a copy of their
 * own, and those of short ones are mostly overhead. So these go by way of memory on the
 * stack: between there and the user all by one copy, between there and the ring each by a
 * memcpy(). As the ring, this knows no lock, no position and no task.
 */
#ifndef BBUF_FRAMES_H
#define BBUF_FRAMES_H

#include <linux/types.h>

#include "ring.h"
#include "uapi/linux/bbuf.h"

/* A record is short if it has up to so many bytes: its length takes one byte in the ring. */
#define BBUF_SHORT		(BBUF_LENGTH_MORE - 1)

/* Bytes of frames, records and padding that are moved at once. */
#define BBUF_FRAMES_SIZE	512

/**
 * struct bbuf_frames - records with their frames, as the user has them
 * @bytes: of them
 */
struct bbuf_frames {
	u8 bytes[BBUF_FRAMES_SIZE] __aligned(BBUF_FRAME_ALIGN);
};

size_t bbuf_frames_put(const struct bbuf_frames *frames, size_t size, u8 *to, size_t room,
		       struct bbuf_batch_count *batch);
size_t bbuf_frames_get(struct bbuf_frames *frames, size_t size, const u8 *from, size_t avail,
		       struct bbuf_batch_count *batch);

#endif /* BBUF_FRAMES_H */
