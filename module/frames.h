/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Short records with their frames, many at once.
 *
 * Copied directly between the ring and the user, each frame and each record is a copy of its own,
 * which for short ones is mostly overhead. So these go through memory on the stack: one copy for
 * all between there and the user, one memcpy() for each between there and the ring. Like the ring,
 * this knows no lock, no position and no task.
 */
#ifndef BBUF_FRAMES_H
#define BBUF_FRAMES_H

#include <linux/types.h>

#include "ring.h"
#include "uapi/linux/bbuf.h"

/* Maximum length of a short record, whose length takes one byte in the ring. */
#define BBUF_SHORT		(BBUF_LENGTH_MORE - 1)

/* Bytes of frames, records and padding that are moved at once. */
#define BBUF_FRAMES_SIZE	512

/**
 * struct bbuf_frames - records with their frames, as in user memory
 * @bytes: frames, records and padding
 */
struct bbuf_frames {
	u8 bytes[BBUF_FRAMES_SIZE] __aligned(BBUF_FRAME_ALIGN);
};

size_t bbuf_frames_put(const struct bbuf_frames *frames, size_t size, u8 *to, size_t room,
		       struct bbuf_batch_count *batch);
size_t bbuf_frames_get(struct bbuf_frames *frames, size_t size, const u8 *from, size_t avail,
		       struct bbuf_batch_count *batch);

#endif /* BBUF_FRAMES_H */
