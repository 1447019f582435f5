// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many records in one call, each with a frame before it, and padding behind it.
 *
 * Copied directly between the ring and the user, each frame and each record is a copy of its own,
 * which for short ones is mostly overhead. So short records go through memory on the stack: one
 * copy for all between there and the user, one memcpy() for each between there and the ring. Longer
 * records are moved one at a time, as io.c moves them.
 */
#include <linux/align.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "compat.h"
#include "framed.h"
#include "io.h"
#include "trace.h"

/* Maximum length of a short record, whose length takes one byte in the ring. */
#define BBUF_SHORT		(BBUF_LENGTH_MORE - 1)

/* Bytes that the length of a short record takes in the ring: fewer than a frame. */
#define BBUF_SHORT_PREFIX	1

/* Bytes of frames, records and padding that are moved at once. */
#define BBUF_FRAMES_SIZE	512

/* Maximum number of frames at once: each has a record of at least one byte. */
#define BBUF_FRAMES_MAX	(BBUF_FRAMES_SIZE / BBUF_FRAME_SPACE(1))

/* Maximum number of times that frames are copied for nothing, under the lock. */
#define BBUF_FRAMES_MAX_MISSES	8

/**
 * struct bbuf_frames - records with their frames, as in user memory
 * @bytes: frames, records and padding
 */
struct bbuf_frames {
	u8 bytes[BBUF_FRAMES_SIZE] __aligned(BBUF_FRAME_ALIGN);
};

static bool bbuf_frame_is_valid(const struct bbuf_frame *frame, size_t most)
{
	return !frame->reserved && frame->len && frame->len <= most;
}

static struct bbuf_frame bbuf_frame_of(size_t len)
{
	return (struct bbuf_frame) { .len = len };
}

/**
 * bbuf_frame_size() - get the size of the frames that a read puts before records
 * @opts: options of the read
 *
 * Return: bytes, 0 if there are no frames.
 */
size_t bbuf_frame_size(struct bbuf_io_opts opts)
{
	if (!opts.framed)
		return 0;
	return opts.lease_framed ? sizeof(struct bbuf_lease_frame) : sizeof(struct bbuf_frame);
}

/* Bytes between a record and the next frame. */
static size_t bbuf_frame_padding(size_t frame_size, size_t len)
{
	return ALIGN(frame_size + len, BBUF_FRAME_ALIGN) - frame_size - len;
}

static void bbuf_extent_add_header(struct bbuf_extent *extent, const void *frame, size_t size)
{
	extent->frame = frame;
	extent->frame_size = size;
	extent->padding = bbuf_frame_padding(size, extent->len);
}

/**
 * bbuf_extent_add_frame() - put a frame before a record that is about to be copied
 * @extent: the record
 * @frame: memory for the frame; must stay until the copy
 */
void bbuf_extent_add_frame(struct bbuf_extent *extent, struct bbuf_frame *frame)
{
	*frame = bbuf_frame_of(extent->len);
	bbuf_extent_add_header(extent, frame, sizeof(*frame));
}

/**
 * bbuf_extent_add_lease_frame() - put a frame before a record that is about to be leased
 * @extent: the record
 * @frame: memory for the frame; its id and its number of deliveries are set; must stay until the
 *         copy
 */
void bbuf_extent_add_lease_frame(struct bbuf_extent *extent, struct bbuf_lease_frame *frame)
{
	frame->len = extent->len;
	bbuf_extent_add_header(extent, frame, sizeof(*frame));
}

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
static size_t bbuf_frames_put(const struct bbuf_frames *frames, size_t size, u8 *to,
			      size_t room, struct bbuf_batch_count *batch)
{
	const struct bbuf_frame *frame;
	size_t at = 0, len, most;

	while (at + sizeof(*frame) < size) {
		frame = (const void *)&frames->bytes[at];
		len = frame->len;
		most = min3(size - at - sizeof(*frame), room, (size_t)BBUF_SHORT);
		if (!bbuf_frame_is_valid(frame, most))
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
static size_t bbuf_frames_get(struct bbuf_frames *frames, size_t size, const u8 *from,
			      size_t avail, struct bbuf_batch_count *batch)
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
		*frame = bbuf_frame_of(len);
		memcpy(frame + 1, from + BBUF_SHORT_PREFIX, len);
		from += BBUF_SHORT_PREFIX + len;
		avail -= len;
		bbuf_batch_count_add(batch, len, BBUF_SHORT_PREFIX);
	}
	return at;
}

/* Get the next frame, and check it. */
static int bbuf_next_frame(struct iov_iter *from, struct bbuf_frame *frame)
{
	if (copy_from_iter(frame, sizeof(*frame), from) != sizeof(*frame))
		return iov_iter_count(from) ? -EFAULT : -EINVAL;
	return bbuf_frame_is_valid(frame, iov_iter_count(from)) ? 0 : -EINVAL;
}

/* Skip the padding of a record, which the last one may lack. */
static void bbuf_skip_padding(struct iov_iter *from, const struct bbuf_frame *frame)
{
	size_t pad = bbuf_frame_padding(sizeof(*frame), frame->len);

	iov_iter_advance(from, min(pad, iov_iter_count(from)));
}

/* Bytes of frames to move at once, so that neither the ring wraps nor the iterator ends. */
static size_t bbuf_frames_room(const struct bbuf_ring *ring, size_t off,
			       const struct iov_iter *iter)
{
	return min3((size_t)BBUF_FRAMES_SIZE, iov_iter_count(iter), ring->size - off);
}

/* Check whether the next frames could exceed what one lock may be held for. */
static bool bbuf_batch_is_full(const struct bbuf_batch_count *batch)
{
	return batch->bytes + BBUF_FRAMES_SIZE > BBUF_LOCKED_BATCH ||
	       batch->records + BBUF_FRAMES_MAX > BBUF_LOCKED_RECORDS;
}

/* Queue the next short records with their frames, without a page fault. */
static bool bbuf_try_put_frames(struct bbuf_queue *q, struct bbuf_batch_count *batch,
				struct iov_iter *from, struct bbuf_frames *frames)
{
	struct bbuf_side *side = &q->producer;
	size_t off = bbuf_ring_step(&q->ring, side->off, batch->stored);
	size_t size = bbuf_frames_room(&q->ring, off, from);
	size_t spare = bbuf_side_spare(side);
	size_t done;

	if (spare <= batch->bytes)
		return false;
	pagefault_disable();
	size = copy_from_iter(frames->bytes, size, from);
	pagefault_enable();
	done = bbuf_frames_put(frames, size, q->ring.data + off, spare - batch->bytes, batch);
	if (done < size)
		iov_iter_revert(from, size - done);
	else
		iov_iter_advance(from, min(done - size, iov_iter_count(from)));
	return done;
}

/* Queue the next record with its frame, likewise. Returns its length, or 0. */
static size_t bbuf_try_put_frame(struct bbuf_queue *q, struct bbuf_batch_count *batch,
				 struct iov_iter *from)
{
	size_t before = iov_iter_count(from);
	struct bbuf_frame frame;
	int ret;

	pagefault_disable();
	ret = bbuf_next_frame(from, &frame);
	pagefault_enable();
	if (!ret && bbuf_try_put_record(q, batch, from, frame.len)) {
		bbuf_skip_padding(from, &frame);
		return frame.len;
	}
	iov_iter_revert(from, before - iov_iter_count(from));
	return 0;
}

/* Queue a batch of records as far as none of them has to wait; perhaps none. */
static noinline void bbuf_try_write_batch(struct bbuf_queue *q, struct iov_iter *from)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_batch_count batch = { };
	struct bbuf_frames frames;
	unsigned int misses = 0;
	size_t len = 0;

	mutex_lock(&side->lock);
	while (!bbuf_batch_is_full(&batch)) {
		/* A long record is probably followed by another. */
		if (len <= BBUF_SHORT && misses < BBUF_FRAMES_MAX_MISSES) {
			if (bbuf_try_put_frames(q, &batch, from, &frames))
				continue;
			misses++;
		}
		len = bbuf_try_put_frame(q, &batch, from);
		if (!len)
			break;
	}
	trace_bbuf_batch(q, "write", batch.bytes, batch.records);
	if (batch.records)
		bbuf_publish_write(q, &batch);
	mutex_unlock(&side->lock);
}

/**
 * bbuf_write_framed() - write records with their frames
 * @q: the queue, of records
 * @from: the records
 * @opts: whether and how long to wait
 *
 * Each record is queued as bbuf_write() would; many short ones at once as long as none of them has
 * to wait.
 *
 * Context: as bbuf_write().
 * Return: as bbuf_write(); -EINVAL also for a bad frame. An error after some records returns the
 * bytes of these.
 */
ssize_t bbuf_write_framed(struct bbuf_queue *q, struct iov_iter *from, struct bbuf_io_opts opts)
{
	size_t len = iov_iter_count(from), left;
	struct bbuf_frame frame;
	ssize_t done = 0;
	int ret = 0;

	while (iov_iter_count(from) && !(done && bbuf_signal_is_pending())) {
		cond_resched();
		left = iov_iter_count(from);
		bbuf_try_write_batch(q, from);
		if (iov_iter_count(from) == left) {
			ret = bbuf_next_frame(from, &frame);
			if (!ret)
				ret = bbuf_write_record(q, from, frame.len, opts);
			if (ret)
				break;
			bbuf_skip_padding(from, &frame);
		}
		done = len - iov_iter_count(from);
	}
	return done ?: ret;
}

/* Read the next short records with their frames, without a page fault. */
static bool bbuf_try_get_frames(struct bbuf_queue *q, struct bbuf_batch_count *batch,
				struct iov_iter *to, struct bbuf_frames *frames)
{
	struct bbuf_side *side = &q->consumer;
	size_t off = bbuf_ring_step(&q->ring, side->off, batch->stored);
	size_t size = bbuf_frames_room(&q->ring, off, to);
	struct bbuf_batch_count more = *batch;
	size_t want, done;

	if (bbuf_iter_allocates(to))
		return false;
	want = bbuf_frames_get(frames, size, q->ring.data + off,
			       bbuf_side_avail(side) - batch->bytes, &more);
	if (!want)
		return false;
	want = min(want, iov_iter_count(to));
	pagefault_disable();
	done = copy_to_iter(frames->bytes, want, to);
	pagefault_enable();
	if (done < want) {
		iov_iter_revert(to, done);
		return false;
	}
	*batch = more;
	return true;
}

/*
 * Read the next record of a batch. The records in @batch are not published yet: if the call dropped
 * the lock and were ended, another reader would read them again. So it yields while there are any.
 */
static ssize_t bbuf_get_next(struct bbuf_queue *q, struct bbuf_waiter *waiter, struct iov_iter *to,
			     struct bbuf_batch_count *batch)
{
	struct bbuf_extent extent = bbuf_batch_next_record(q, batch);
	struct bbuf_frame frame;
	ssize_t len;

	bbuf_extent_add_frame(&extent, &frame);
	if (batch->records &&
	    (bbuf_iter_allocates(to) || batch->bytes + extent.len > BBUF_LOCKED_BATCH))
		return BBUF_FAULT;
	waiter->yields = batch->records;
	len = bbuf_get_record(q, waiter, to, batch, &extent);
	waiter->yields = false;
	return len;
}

/*
 * Read as many records as there are and fit. Between batches the head waiter keeps other readers
 * off, without the lock.
 */
static ssize_t bbuf_get_batch(struct bbuf_queue *q, struct bbuf_waiter *waiter,
			      struct iov_iter *to)
{
	struct bbuf_side *side = &q->consumer;
	size_t before = iov_iter_count(to), done;
	struct bbuf_batch_count batch = { };
	struct bbuf_frames frames;
	ssize_t len = 0;

	while (batch.bytes < bbuf_side_avail(side)) {
		if (len > BBUF_SHORT || !bbuf_try_get_frames(q, &batch, to, &frames))
			len = bbuf_get_next(q, waiter, to, &batch);
		if (len < 0 && len != BBUF_FAULT)
			break;
		if (bbuf_batch_is_full(&batch) || len == BBUF_FAULT) {
			bbuf_publish_read(q, &batch);
			if (bbuf_side_pause(side, waiter))
				break;
		}
		if (bbuf_signal_is_pending())
			break;
	}
	done = before - iov_iter_count(to);
	if (batch.bytes) {
		if (fatal_signal_pending(current))
			return -EINTR;	/* no one would learn of them: they stay */
		bbuf_publish_read(q, &batch);
	}
	return done ?: (waiter->result ?: len);
}

/**
 * bbuf_read_framed() - read records with frames
 * @q: the queue, of records
 * @to: where they go
 * @opts: whether and how long to wait
 *
 * Reads as many records as there are and fit, as soon as there is one.
 *
 * Context: as bbuf_read().
 * Return: as bbuf_read(), with the frames and the padding.
 */
ssize_t bbuf_read_framed(struct bbuf_queue *q, struct iov_iter *to, struct bbuf_io_opts opts)
{
	return bbuf_read_with(q, to, opts, bbuf_get_batch);
}
