// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving bytes and records between a queue and its users: what a read and a write
 * are. When they may go on is queue.c's to say.
 */
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "compat.h"
#include "frames.h"
#include "io.h"
#include "trace.h"

static const struct bbuf_manner bbuf_at_once = { .nowait = true };

/**
 * bbuf_call_init() - begin a call
 * @call: the call
 * @how: whether and how long to wait
 * @len: bytes that it wants to move
 */
void bbuf_call_init(struct bbuf_call *call, struct bbuf_manner how, size_t len)
{
	INIT_LIST_HEAD(&call->node);
	call->len = len;
	call->left = len;
	call->deadline = how.deadline;
	call->nowait = how.nowait;
	call->peeks = false;
	call->faults = false;
	call->firm = false;
	call->over = 0;
}

/**
 * struct bbuf_span - a part of the ring that a call moves
 * @off: where it begins
 * @len: how many bytes
 * @head: of a record, bytes of the ring before it that hold its length
 * @framed: the user has a frame before it
 */
struct bbuf_span {
	size_t off;
	size_t len;
	size_t head;
	bool framed;
};

/* How many bytes it is for a user who has @room: the last frame may lack its padding. */
static size_t bbuf_span_size(const struct bbuf_span *span, size_t room)
{
	return span->framed ? min(BBUF_FRAME_SPACE(span->len), room) : span->len;
}

/*
 * The first bytes tell whether the memory is there, and so the rest will come. Then who
 * waits for that on the other side is called; but not if there is just one processor.
 */
static size_t bbuf_side_copy_ahead(const struct bbuf_side *side, size_t off,
				   struct iov_iter *iter, size_t len)
{
	const struct bbuf_ring *ring = &side->queue->ring;
	size_t done = bbuf_ring_copy(ring, off, iter, SZ_4K);

	if (done < SZ_4K)
		return done;
	if (num_online_cpus() > 1)
		bbuf_side_call_ahead(side->peer, len);
	return done + bbuf_ring_copy(ring, bbuf_ring_step(ring, off, done), iter, len - done);
}

static size_t bbuf_side_copy_bytes(const struct bbuf_side *side, size_t off,
				   struct iov_iter *iter, size_t len, bool moves)
{
	if (moves && len >= BBUF_LONG_COPY && len <= BBUF_LOCKED_BATCH)
		return bbuf_side_copy_ahead(side, off, iter, len);
	return bbuf_ring_copy(&side->queue->ring, off, iter, len);
}

/* A record with its frame, to where it is read. */
static size_t bbuf_span_copy_framed(const struct bbuf_side *side, const struct bbuf_span *span,
				    struct iov_iter *to, bool moves)
{
	size_t size = bbuf_span_size(span, iov_iter_count(to));
	struct bbuf_frame frame = { .len = span->len };
	size_t done;

	done = copy_to_iter(&frame, sizeof(frame), to);
	if (done == sizeof(frame))
		done += bbuf_side_copy_bytes(side, span->off, to, span->len, moves);
	if (done == sizeof(frame) + span->len)
		done += iov_iter_zero(size - done, to);
	return done;
}

/* With the lock, those bytes are moved if they all arrive: the other side may be told. */
static size_t bbuf_span_copy(const struct bbuf_side *side, const struct bbuf_span *span,
			     struct iov_iter *iter, bool moves)
{
	if (span->framed)
		return bbuf_span_copy_framed(side, span, iter, moves);
	return bbuf_side_copy_bytes(side, span->off, iter, span->len, moves);
}

static inline bool bbuf_all_or_nothing(struct iov_iter *iter, size_t done, size_t want)
{
	if (likely(done == want))
		return true;
	iov_iter_revert(iter, done);
	return false;
}

/* Without a page fault. */
static bool bbuf_span_copy_now(const struct bbuf_side *side, const struct bbuf_span *span,
			       struct iov_iter *iter, bool moves)
{
	size_t want = bbuf_span_size(span, iov_iter_count(iter)), done;

	if (bbuf_iter_allocates(iter))
		return false;
	pagefault_disable();
	done = bbuf_span_copy(side, span, iter, moves);
	pagefault_enable();
	return bbuf_all_or_nothing(iter, done, want);
}

/* What is very long is not copied twice with the lock held. */
static noinline bool bbuf_try_copy_long(const struct bbuf_side *side, size_t off,
					struct iov_iter *iter, size_t len)
{
	const struct bbuf_span span = { .off = off, .len = len };

	return len <= BBUF_LOCKED_BATCH && bbuf_span_copy_now(side, &span, iter, true);
}

/* The same for most calls. */
static inline bool bbuf_try_copy(const struct bbuf_side *side, size_t off, struct iov_iter *iter,
				 size_t len)
{
	size_t done;

	if (unlikely(len >= BBUF_LONG_COPY))
		return bbuf_try_copy_long(side, off, iter, len);
	if (bbuf_iter_allocates(iter))
		return false;
	pagefault_disable();
	done = bbuf_ring_copy(&side->queue->ring, off, iter, len);
	pagefault_enable();
	return bbuf_all_or_nothing(iter, done, len);
}

/*
 * Nobody else needs the lock of a firm call, but to be told that: it is not held long then.
 * Once a page was missing the next one probably is, too.
 */
static bool bbuf_call_copies_now(const struct bbuf_call *call, size_t len)
{
	return !call->faults && (!call->firm || len <= BBUF_LOCKED_BATCH);
}

/*
 * Copy a part of the ring that bbuf_side_enter() found to be there.
 *
 * Mostly the user's pages are present, and the copy is made under the lock. If
 * one is not, getting it may take as long as whoever provides it likes: so the
 * copy is made anew without the lock, from a place in line that keeps all others
 * off.
 *
 * Returns whether all of it went; how far it came is @iter's to tell. It came
 * nowhere if the caller is being killed: nobody would know, so the queue is to stay
 * as it was.
 */
static bool bbuf_side_copy(struct bbuf_side *side, struct bbuf_call *call,
			   const struct bbuf_span *span, struct iov_iter *iter)
{
	size_t want = bbuf_span_size(span, iov_iter_count(iter));
	size_t done;

	if (bbuf_call_copies_now(call, span->len)) {
		if (bbuf_span_copy_now(side, span, iter, !call->peeks))
			return true;
		call->faults = true;
	}

	bbuf_side_hold(side, call);
	bbuf_side_set_busy(side, true);
	mutex_unlock(&side->lock);
	done = bbuf_span_copy(side, span, iter, false);
	cond_resched();
	mutex_lock(&side->lock);
	bbuf_side_set_busy(side, false);
	if (done < want && fatal_signal_pending(current))
		iov_iter_revert(iter, done);
	return done == want;
}

/* Others may have the lock, but not the side: the call is in front of the line. */
static void bbuf_side_pause(struct bbuf_side *side, struct bbuf_call *call)
{
	bbuf_side_hold(side, call);
	mutex_unlock(&side->lock);
	cond_resched();
	mutex_lock(&side->lock);
}

/* The record that follows, and where it is in the ring. */
static struct bbuf_span bbuf_haul_next(const struct bbuf_queue *q, const struct bbuf_haul *haul)
{
	const struct bbuf_ring *ring = &q->ring;
	struct bbuf_span span = { };
	size_t off, head;

	off = bbuf_ring_step(ring, q->consumer.off, haul->stored);
	head = bbuf_ring_get_length(ring, off, &span.len);
	span.off = bbuf_ring_step(ring, off, head);
	span.head = head;
	return span;
}

/* Is it so much that others should see it? */
static bool bbuf_haul_full(const struct bbuf_haul *haul)
{
	return haul->bytes >= BBUF_LOCKED_BATCH || haul->records >= BBUF_LOCKED_RECORDS;
}

static void bbuf_haul_record(const struct bbuf_queue *q, struct bbuf_haul *haul)
{
	struct bbuf_span span = bbuf_haul_next(q, haul);

	bbuf_haul_add(haul, span.len, span.head);
}

static void bbuf_publish_write(struct bbuf_queue *q, const struct bbuf_haul *haul)
{
	bbuf_side_moved(&q->producer, haul->bytes, haul->stored, haul->records);
	trace_bbuf_write(q, haul->bytes, haul->records);
}

static void bbuf_publish_read(struct bbuf_queue *q, struct bbuf_haul *haul)
{
	bbuf_side_moved(&q->consumer, haul->bytes, haul->stored, haul->records);
	trace_bbuf_read(q, haul->bytes, haul->records);
	*haul = (struct bbuf_haul) { };
}

/*
 * Most calls find all that they need, beyond what those in line do, and their memory
 * present: they are over in one copy under the lock, and need no place in line. False if it
 * is not that easy, and then nothing has happened.
 */
static inline bool bbuf_try_stream(struct bbuf_side *side, struct iov_iter *iter, size_t len)
{
	if (!bbuf_try_copy(side, side->off, iter, len))
		return false;
	bbuf_side_moved(side, len, len, 0);
	return true;
}

/* The same for a record, behind those that are in @haul already, and not published yet. */
static bool bbuf_try_put_record(struct bbuf_queue *q, struct bbuf_haul *haul,
				struct iov_iter *from, size_t len)
{
	size_t off = bbuf_ring_step(&q->ring, q->producer.off, haul->stored);
	struct bbuf_span span = { .len = len };

	if (bbuf_side_spare(&q->producer) < haul->bytes + len)
		return false;
	span.head = bbuf_ring_put_length(&q->ring, off, len);
	span.off = bbuf_ring_step(&q->ring, off, span.head);
	if (!bbuf_try_copy(&q->producer, span.off, from, len))
		return false;
	bbuf_haul_add(haul, span.len, span.head);
	return true;
}

/*
 * Is there a record, and one for each reader in line? What is just being published may be
 * counted already, and is there at once; taken is only what is there.
 */
static bool bbuf_spare_records(const struct bbuf_queue *q)
{
	const struct bbuf_side *side = &q->consumer;

	return bbuf_side_spare(side) &&
	       (!side->waiters ||
		(u32)READ_ONCE(q->producer.records) - (u32)side->records > side->waiters);
}

static bool bbuf_try_get_record(struct bbuf_queue *q, struct bbuf_haul *haul, struct iov_iter *to)
{
	size_t room = iov_iter_count(to);
	struct bbuf_span span;

	if (!bbuf_spare_records(q))
		return false;
	span = bbuf_haul_next(q, haul);
	if (span.len > room || !bbuf_try_copy(&q->consumer, span.off, to, span.len))
		return false;
	bbuf_haul_add(haul, span.len, span.head);
	return true;
}

/*
 * Lose the oldest of what is queued until there is room for @want bytes, no more than
 * the capacity; or nothing, if a reader has the oldest in hand.
 */
static void bbuf_drop(struct bbuf_queue *q, size_t want)
{
	struct bbuf_side *side = &q->consumer;
	struct bbuf_haul haul = { };
	size_t room;

	mutex_lock(&side->lock);
	room = bbuf_side_avail(&q->producer);
	if (!side->busy && room < want) {
		if (q->type == BBUF_STREAM)
			haul = (struct bbuf_haul) { .bytes = want - room, .stored = want - room };
		while (room + haul.bytes < want)
			bbuf_haul_record(q, &haul);
		bbuf_side_moved(side, haul.bytes, haul.stored, haul.records);
		q->dropped_bytes += haul.bytes;
		q->dropped_records += haul.records;
	}
	mutex_unlock(&side->lock);
}

/*
 * How many of @want bytes may be written now? All there is room for; where the
 * oldest may be dropped, all that the queue can hold.
 */
static size_t bbuf_make_room(struct bbuf_queue *q, size_t want)
{
	want = min(want, q->producer.span);
	if (bbuf_side_avail(&q->producer) < want && (q->policy & BBUF_DROP_OLDEST))
		bbuf_drop(q, want);
	return min(want, bbuf_side_avail(&q->producer));
}

/* The newest is lost instead: a reader has the oldest in hand. */
static void bbuf_drop_new(struct bbuf_queue *q, struct bbuf_call *call, struct iov_iter *from)
{
	q->dropped_bytes += call->left;
	q->dropped_records += q->type == BBUF_RECORD;
	iov_iter_advance(from, call->left);
	call->left = 0;
}

/* Queue the next piece of a stream, or all of it. */
static int bbuf_put_piece(struct bbuf_queue *q, struct bbuf_call *call, struct iov_iter *from)
{
	struct bbuf_side *side = &q->producer;
	size_t before = iov_iter_count(from);
	struct bbuf_span span = { .off = side->off };
	bool whole;
	int ret;

	span.len = bbuf_make_room(q, call->left);
	if ((q->policy & BBUF_DROP_OLDEST) && span.len < min(call->left, side->span)) {
		bbuf_drop_new(q, call, from);
		return 0;
	}
	whole = bbuf_side_copy(side, call, &span, from);
	ret = bbuf_call_error(side, call);
	if (ret)
		return ret;
	span.len = before - iov_iter_count(from);
	bbuf_side_moved(side, span.len, span.len, 0);
	if (span.len)
		trace_bbuf_write(q, span.len, 0);
	call->left -= span.len;
	return whole ? 0 : -EFAULT;
}

static ssize_t bbuf_write_stream(struct bbuf_queue *q, struct iov_iter *from,
				 struct bbuf_manner how)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_call call;
	bool pieces;
	int ret;

	bbuf_call_init(&call, how, iov_iter_count(from));
	mutex_lock(&side->lock);
	do {
		ret = bbuf_side_enter(side, &call);
		if (ret)
			break;
		pieces = call.left > side->span && !call.nowait;
		if (pieces)
			bbuf_side_hold(side, &call);
		ret = bbuf_put_piece(q, &call, from);
		if (pieces && !ret && call.left)
			bbuf_side_pause(side, &call);
	} while (!ret && call.left && !call.nowait && !fatal_signal_pending(current));
	bbuf_side_exit(side, &call);

	return call.left < call.len ? call.len - call.left : ret;
}

/* Queue one record of @len bytes. */
static int bbuf_put_record(struct bbuf_queue *q, struct iov_iter *from, size_t len,
			   struct bbuf_call *call)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_span span = { .len = len };
	size_t head;
	int ret;

	if (len > side->span)
		return bbuf_side_error(side) ?: -EMSGSIZE;
	ret = bbuf_side_enter(side, call);
	if (ret)
		return ret;
	if (bbuf_make_room(q, len) < len) {
		bbuf_drop_new(q, call, from);
		return 0;
	}
	head = bbuf_ring_put_length(&q->ring, side->off, len);
	span.off = bbuf_ring_step(&q->ring, side->off, head);
	if (!bbuf_side_copy(side, call, &span, from))
		return -EFAULT;
	ret = bbuf_call_error(side, call);
	if (ret)
		return ret;
	bbuf_side_moved(side, len, head + len, 1);
	trace_bbuf_write(q, len, 1);
	return 0;
}

static int bbuf_write_record(struct bbuf_queue *q, struct iov_iter *from, size_t len,
			     struct bbuf_manner how)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_call call;
	int ret;

	bbuf_call_init(&call, how, len);
	mutex_lock(&side->lock);
	ret = bbuf_put_record(q, from, len, &call);
	bbuf_side_exit(side, &call);
	return ret;
}

/* The next frame, and whether there is one. */
static int bbuf_next_frame(struct iov_iter *from, struct bbuf_frame *frame)
{
	if (copy_from_iter(frame, sizeof(*frame), from) != sizeof(*frame))
		return iov_iter_count(from) ? -EFAULT : -EINVAL;
	if (frame->reserved || !frame->len || frame->len > iov_iter_count(from))
		return -EINVAL;
	return 0;
}

/* What follows a record: its padding, which the last one may lack. */
static void bbuf_skip_padding(struct iov_iter *from, const struct bbuf_frame *frame)
{
	size_t pad = BBUF_FRAME_SPACE(frame->len) - sizeof(*frame) - frame->len;

	iov_iter_advance(from, min(pad, iov_iter_count(from)));
}

/* How many bytes of frames can go at once, from or to where the ring does not wrap? */
static size_t bbuf_frames_room(const struct bbuf_ring *ring, size_t off,
			       const struct iov_iter *iter)
{
	return min3((size_t)BBUF_FRAMES_SIZE, iov_iter_count(iter), ring->size - off);
}

/* The next records with their frames, as many as are short, without a page fault. */
static bool bbuf_try_put_frames(struct bbuf_queue *q, struct bbuf_haul *haul,
				struct iov_iter *from, struct bbuf_frames *frames)
{
	struct bbuf_side *side = &q->producer;
	size_t off = bbuf_ring_step(&q->ring, side->off, haul->stored);
	size_t size = bbuf_frames_room(&q->ring, off, from);
	size_t spare = bbuf_side_spare(side);
	size_t done;

	if (spare <= haul->bytes)
		return false;
	pagefault_disable();
	size = copy_from_iter(frames->bytes, size, from);
	pagefault_enable();
	done = bbuf_frames_put(frames, size, q->ring.data + off, spare - haul->bytes, haul);
	if (done < size)
		iov_iter_revert(from, size - done);
	else
		iov_iter_advance(from, min(done - size, iov_iter_count(from)));
	return done;
}

/* The next record with its frame, likewise. Returns its length, or 0. */
static size_t bbuf_try_put_frame(struct bbuf_queue *q, struct bbuf_haul *haul,
				 struct iov_iter *from)
{
	size_t before = iov_iter_count(from);
	struct bbuf_frame frame;
	int ret;

	pagefault_disable();
	ret = bbuf_next_frame(from, &frame);
	pagefault_enable();
	if (!ret && bbuf_try_put_record(q, haul, from, frame.len)) {
		bbuf_skip_padding(from, &frame);
		return frame.len;
	}
	iov_iter_revert(from, before - iov_iter_count(from));
	return 0;
}

/* As many records as go without further ado, at once; or none. */
static noinline void bbuf_try_write_batch(struct bbuf_queue *q, struct iov_iter *from)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_haul haul = { };
	struct bbuf_frames frames;
	size_t len = 0;

	mutex_lock(&side->lock);
	while (!bbuf_haul_full(&haul)) {
		/* After a long record probably comes another. */
		if (len <= BBUF_SHORT && bbuf_try_put_frames(q, &haul, from, &frames))
			continue;
		len = bbuf_try_put_frame(q, &haul, from);
		if (!len)
			break;
	}
	if (haul.records)
		bbuf_publish_write(q, &haul);
	mutex_unlock(&side->lock);
}

static ssize_t bbuf_write_framed(struct bbuf_queue *q, struct iov_iter *from,
				 struct bbuf_manner how)
{
	size_t len = iov_iter_count(from), left;
	struct bbuf_frame frame;
	ssize_t done = 0;
	int ret = 0;

	while (iov_iter_count(from) && !(done && bbuf_signalled())) {
		cond_resched();
		left = iov_iter_count(from);
		bbuf_try_write_batch(q, from);
		if (iov_iter_count(from) == left) {
			ret = bbuf_next_frame(from, &frame);
			if (!ret)
				ret = bbuf_write_record(q, from, frame.len, how);
			if (ret)
				break;
			bbuf_skip_padding(from, &frame);
		}
		done = len - iov_iter_count(from);
	}
	return done ?: ret;
}

/* Being busy, nobody changes the size meanwhile. */
static int bbuf_make_ring(struct bbuf_queue *q, struct bbuf_call *call)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_ring fresh;
	int ret;

	bbuf_ring_init(&fresh, q->ring.size);
	bbuf_side_hold(side, call);
	bbuf_side_set_busy(side, true);
	mutex_unlock(&side->lock);
	ret = bbuf_ring_alloc(&fresh);
	mutex_lock(&side->lock);
	bbuf_side_set_busy(side, false);
	if (!ret)
		bbuf_ring_swap(&q->ring, &fresh);
	return ret;
}

/*
 * The queue gets its memory with the first write. If many come at once, one makes it: all
 * together they would take it many times over. It may take long, and is made from a place
 * in line, so that the others wait for it, or don't, as for any writer.
 */
static noinline int bbuf_alloc(struct bbuf_queue *q, struct bbuf_manner how)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_call call;
	int ret;

	bbuf_call_init(&call, how, 1);
	mutex_lock(&side->lock);
	ret = bbuf_side_enter(side, &call);
	if (!ret && !q->ring.data)
		ret = bbuf_make_ring(q, &call) ?: bbuf_call_error(side, &call);
	bbuf_side_exit(side, &call);
	return ret;
}

/**
 * bbuf_write() - put bytes or records into a queue
 * @q: the queue
 * @from: the bytes: for a stream, one record, or records with their frames
 * @how: whether and how long to wait, and whether there are frames
 *
 * A write to a stream of up to the capacity waits for room for all of it and goes
 * in whole, a larger one in pieces, both with no other writer's bytes in between;
 * one that doesn't wait goes in whole up to PIPE_BUF bytes and the capacity, and as
 * much as fits of it beyond. A record goes in whole. The first write gives the queue
 * its memory, charged to the caller's memory cgroup.
 *
 * Context: process context; may sleep for room unless it may not wait, and in any
 * case for the queue's own memory and for pages of the caller's.
 * Return: bytes taken from @from, 0 only if there were none; or, with nothing
 * queued, -EAGAIN (no room or a writer in front), -ETIMEDOUT, -ERESTARTSYS or -EINTR
 * (a signal), -EFAULT (a bad address), -EMSGSIZE (a record longer than the capacity),
 * -EINVAL (a bad frame), -EPIPE (shut down), -ENODEV (destroyed), -ENOMEM (no memory
 * for the queue). An error after some of it gives the count.
 */
ssize_t bbuf_write(struct bbuf_queue *q, struct iov_iter *from, struct bbuf_manner how)
{
	size_t len = iov_iter_count(from);
	int ret;

	if (!len)
		return 0;
	ret = READ_ONCE(q->ring.data) ? 0 : bbuf_alloc(q, how);
	if (ret)
		return ret;
	if (q->type == BBUF_STREAM)
		return bbuf_write_stream(q, from, how);
	if (how.framed)
		return bbuf_write_framed(q, from, how);
	return bbuf_write_record(q, from, len, how) ?: len;
}

static size_t bbuf_write_record_at_once(struct bbuf_queue *q, struct iov_iter *from, size_t len)
{
	struct bbuf_haul haul = { };

	mutex_lock(&q->producer.lock);
	if (bbuf_try_put_record(q, &haul, from, len))
		bbuf_publish_write(q, &haul);
	mutex_unlock(&q->producer.lock);
	return haul.bytes;
}

/**
 * bbuf_write_at_once() - put bytes or a record into a queue that has room to spare
 * @q: the queue
 * @from: the bytes: for a stream, or one record
 *
 * What most writes come to, whether they may wait or not. Not for records with frames.
 *
 * Context: as bbuf_write(), but sleeps for the side's lock at most.
 * Return: bytes taken from @from, or 0: nothing has happened, bbuf_write() is to do it.
 */
size_t bbuf_write_at_once(struct bbuf_queue *q, struct iov_iter *from)
{
	struct bbuf_side *side = &q->producer;
	size_t len = iov_iter_count(from);

	if (!len || !READ_ONCE(q->ring.data))
		return 0;
	if (q->type == BBUF_RECORD)
		return bbuf_write_record_at_once(q, from, len);
	mutex_lock(&side->lock);
	if (likely(bbuf_side_spare(side) >= len) && bbuf_try_stream(side, from, len))
		trace_bbuf_write(q, len, 0);
	else
		len = 0;
	mutex_unlock(&side->lock);
	return len;
}

static ssize_t bbuf_get_stream(struct bbuf_queue *q, struct bbuf_call *call, struct iov_iter *to)
{
	struct bbuf_side *side = &q->consumer;
	size_t before = iov_iter_count(to);
	struct bbuf_span span = {
		.off = side->off,
		.len = min(before, bbuf_side_avail(side)),
	};
	size_t done;

	if (!span.len)
		return 0;
	bbuf_side_copy(side, call, &span, to);
	done = before - iov_iter_count(to);
	if (done && !call->peeks) {
		bbuf_side_moved(side, done, done, 0);
		trace_bbuf_read(q, done, 0);
	}
	return done ?: -EFAULT;
}

/* Copy the record that follows: its length, or why it can't be delivered. */
static ssize_t bbuf_get_record(struct bbuf_queue *q, struct bbuf_call *call, struct iov_iter *to,
			       struct bbuf_haul *haul, bool framed)
{
	struct bbuf_span span = bbuf_haul_next(q, haul);
	size_t before = iov_iter_count(to);

	span.framed = framed;
	if (span.len + (framed ? sizeof(struct bbuf_frame) : 0) > before)
		return -EMSGSIZE;
	if (!bbuf_side_copy(&q->consumer, call, &span, to)) {
		iov_iter_revert(to, before - iov_iter_count(to));
		return -EFAULT;
	}
	bbuf_haul_add(haul, span.len, span.head);
	return span.len;
}

static ssize_t bbuf_get_one(struct bbuf_queue *q, struct bbuf_call *call, struct iov_iter *to)
{
	struct bbuf_haul haul = { };
	ssize_t ret;

	if (!bbuf_side_avail(&q->consumer))
		return 0;
	ret = bbuf_get_record(q, call, to, &haul, false);
	if (call->peeks || ret < 0)
		return ret;
	if (fatal_signal_pending(current))
		return -EINTR;	/* nobody would know: it stays */
	bbuf_publish_read(q, &haul);
	return ret;
}

/* The next records with their frames, as many as are short, without a page fault. */
static bool bbuf_try_get_frames(struct bbuf_queue *q, struct bbuf_haul *haul, struct iov_iter *to,
				struct bbuf_frames *frames)
{
	struct bbuf_side *side = &q->consumer;
	size_t off = bbuf_ring_step(&q->ring, side->off, haul->stored);
	size_t size = bbuf_frames_room(&q->ring, off, to);
	struct bbuf_haul more = *haul;
	size_t want, done;

	if (bbuf_iter_allocates(to))
		return false;
	want = bbuf_frames_get(frames, size, q->ring.data + off,
			       bbuf_side_avail(side) - haul->bytes, &more);
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
	*haul = more;
	return true;
}

/*
 * As many records as there are and fit: a long batch keeps the others off from a place
 * in line, not by the lock.
 */
static noinline ssize_t bbuf_get_batch(struct bbuf_queue *q, struct bbuf_call *call,
				       struct iov_iter *to)
{
	struct bbuf_side *side = &q->consumer;
	size_t before = iov_iter_count(to), done;
	struct bbuf_haul haul = { };
	struct bbuf_frames frames;
	ssize_t len = 0;

	while (haul.bytes < bbuf_side_avail(side)) {
		if (len > BBUF_SHORT || !bbuf_try_get_frames(q, &haul, to, &frames))
			len = bbuf_get_record(q, call, to, &haul, true);
		if (len < 0)
			break;
		if (bbuf_haul_full(&haul)) {
			bbuf_publish_read(q, &haul);
			bbuf_side_pause(side, call);
		}
		if (call->over || bbuf_signalled())
			break;
	}
	done = before - iov_iter_count(to);
	if (haul.bytes) {
		if (fatal_signal_pending(current))
			return -EINTR;	/* nobody would know: they stay */
		bbuf_publish_read(q, &haul);
	}
	return done ?: len;
}

/**
 * bbuf_read() - take bytes or records out of a queue
 * @q: the queue
 * @to: where they go
 * @how: whether and how long to wait, and whether to have frames
 *
 * Takes what is there, up to what @to holds, as soon as there is enough; of a record
 * queue one record, or, with frames, as many as fit. What can't be delivered stays
 * queued.
 *
 * Context: process context; may sleep for data unless it may not wait, and in any
 * case for pages of the caller's memory.
 * Return: bytes delivered, 0 if none were asked for or the end has come; or, with
 * nothing taken, -EAGAIN (nothing queued or a reader in front), -ETIMEDOUT,
 * -ERESTARTSYS or -EINTR (a signal), -EFAULT (a bad address), -EMSGSIZE (the record is
 * longer), -ENODEV (destroyed).
 */
ssize_t bbuf_read(struct bbuf_queue *q, struct iov_iter *to, struct bbuf_manner how)
{
	struct bbuf_side *side = &q->consumer;
	struct bbuf_call call;
	ssize_t ret;

	if (!iov_iter_count(to))
		return 0;
	bbuf_call_init(&call, how, iov_iter_count(to));
	mutex_lock(&side->lock);
	ret = bbuf_side_enter(side, &call);
	if (ret == BBUF_THE_END)
		ret = 0;
	else if (!ret && q->type == BBUF_STREAM)
		ret = bbuf_get_stream(q, &call, to);
	else if (!ret)
		ret = how.framed ? bbuf_get_batch(q, &call, to) : bbuf_get_one(q, &call, to);
	bbuf_side_exit(side, &call);
	return ret;
}

static size_t bbuf_read_record_at_once(struct bbuf_queue *q, struct iov_iter *to)
{
	struct bbuf_haul haul = { };
	size_t len = 0;

	mutex_lock(&q->consumer.lock);
	if (bbuf_try_get_record(q, &haul, to)) {
		len = haul.bytes;
		bbuf_publish_read(q, &haul);
	}
	mutex_unlock(&q->consumer.lock);
	return len;
}

/*
 * A reader gets all that it would get if nobody were in line, or waits: what is in a stream
 * may have a form, and is not cut where the line happens to want it.
 */
static size_t bbuf_spare_bytes(const struct bbuf_side *side, size_t room)
{
	size_t len = min(room, bbuf_side_spare(side));

	if (unlikely(side->waiters) && len < min(room, bbuf_side_avail(side)))
		return 0;
	return len;
}

/**
 * bbuf_read_at_once() - take bytes or a record of which there are some to spare
 * @q: the queue
 * @to: where they go
 *
 * What most reads come to. See bbuf_write_at_once().
 *
 * Context: as bbuf_read(), but sleeps for the side's lock at most.
 * Return: bytes delivered, or 0: nothing has happened, bbuf_read() is to do it.
 */
size_t bbuf_read_at_once(struct bbuf_queue *q, struct iov_iter *to)
{
	struct bbuf_side *side = &q->consumer;
	size_t room = iov_iter_count(to), len;

	if (!room)
		return 0;
	if (q->type == BBUF_RECORD)
		return bbuf_read_record_at_once(q, to);
	mutex_lock(&side->lock);
	len = bbuf_spare_bytes(side, room);
	if (likely(len && len >= min(room, side->mark)) && bbuf_try_stream(side, to, len))
		trace_bbuf_read(q, len, 0);
	else
		len = 0;
	mutex_unlock(&side->lock);
	return len;
}

/**
 * bbuf_peek() - copy what is queued first, and leave it there
 * @q: the queue
 * @to: where it goes
 *
 * Return: bytes copied, 0 at the end; -EAGAIN (nothing queued, or a reader has it in
 * hand), -EFAULT, -EMSGSIZE (the record is longer), -ENODEV.
 */
ssize_t bbuf_peek(struct bbuf_queue *q, struct iov_iter *to)
{
	struct bbuf_side *side = &q->consumer;
	struct bbuf_call call;
	ssize_t ret;

	bbuf_call_init(&call, bbuf_at_once, iov_iter_count(to));
	call.peeks = true;
	mutex_lock(&side->lock);
	ret = bbuf_side_error(side);
	/* A reader may have some of it in hand, and let others have the lock in between. */
	if (!ret && (side->busy || side->closed || (!bbuf_side_avail(side) && !side->ended)))
		ret = -EAGAIN;
	if (!ret && q->type == BBUF_STREAM)
		ret = bbuf_get_stream(q, &call, to);
	else if (!ret)
		ret = bbuf_get_one(q, &call, to);
	bbuf_side_exit(side, &call);
	return ret;
}

/**
 * bbuf_readable() - what FIONREAD tells
 * @q: the queue
 *
 * Return: bytes that the next reads can return: of a record queue the length of
 * the next record.
 */
size_t bbuf_readable(struct bbuf_queue *q)
{
	struct bbuf_side *side = &q->consumer;
	size_t len;

	mutex_lock(&side->lock);
	len = bbuf_side_avail(side);
	if (len && q->type == BBUF_RECORD)
		bbuf_ring_get_length(&q->ring, side->off, &len);
	mutex_unlock(&side->lock);
	return len;
}
