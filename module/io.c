// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving bytes and records between a queue and its users: reads and writes. queue.c decides when
 * they may proceed.
 */
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "io.h"
#include "trace.h"
#include "workqueue.h"

static const struct bbuf_io_opts bbuf_nowait_opts = { .nowait = true, .deadline = BBUF_NEVER };

/**
 * bbuf_waiter_init() - initialize a waiter for a call
 * @waiter: the waiter
 * @opts: whether and how long to wait
 * @len: bytes to transfer
 */
void bbuf_waiter_init(struct bbuf_waiter *waiter, struct bbuf_io_opts opts, size_t len)
{
	INIT_LIST_HEAD(&waiter->node);
	waiter->len = len;
	waiter->left = len;
	waiter->deadline = opts.deadline;
	waiter->nowait = opts.nowait;
	waiter->peeks = false;
	waiter->yields = false;
	waiter->resizes = false;
	waiter->no_bypass = false;
	waiter->result = 0;
}

/* Bytes of user memory that an extent takes; the last record may lack its padding. */
static size_t bbuf_extent_size(const struct bbuf_extent *extent, size_t room)
{
	size_t size = extent->frame_size + extent->len;

	return extent->padding ? min(size + extent->padding, room) : size;
}

static size_t bbuf_extent_copy_frame(const struct bbuf_extent *extent, size_t done, size_t want,
				     struct iov_iter *to)
{
	if (done >= extent->frame_size)
		return 0;
	return copy_to_iter(extent->frame + done, min(extent->frame_size - done, want), to);
}

/*
 * Copy the bytes. The first 4 KiB show that the user memory is present, so that the rest will come:
 * then the waiter of the other side is woken ahead, unless there is just one processor.
 */
static size_t bbuf_extent_copy_bytes(const struct bbuf_extent *extent, size_t at, size_t want,
				     struct iov_iter *iter, struct bbuf_side *ahead)
{
	const struct bbuf_ring *ring = extent->ring;
	size_t off = bbuf_ring_step(ring, extent->off, at), done;

	if (!ahead)
		return bbuf_ring_copy(ring, off, iter, want);
	done = bbuf_ring_copy(ring, off, iter, SZ_4K);
	if (done < SZ_4K)
		return done;
	if (num_online_cpus() > 1)
		bbuf_side_wake_head(ahead, extent->len);
	return done + bbuf_ring_copy(ring, bbuf_ring_step(ring, off, done), iter, want - done);
}

/* Copy the next @want bytes that the user sees: the frame, the bytes, the padding. */
static size_t bbuf_extent_copy(const struct bbuf_extent *extent, size_t done, size_t want,
			       struct iov_iter *iter, struct bbuf_side *ahead)
{
	size_t at, bytes, n = 0;

	if (extent->frame_size)
		n = bbuf_extent_copy_frame(extent, done, want, iter);
	if (done + n < extent->frame_size)
		return n;
	at = min(done + n - extent->frame_size, extent->len);
	bytes = min(extent->len - at, want - n);
	if (bytes) {
		size_t copied = bbuf_extent_copy_bytes(extent, at, bytes, iter, ahead);

		n += copied;
		if (copied < bytes)
			return n;
	}
	return n < want ? n + iov_iter_zero(want - n, iter) : n;
}

/* Copy up to the first page that would fault. */
static size_t bbuf_extent_copy_nofault(const struct bbuf_extent *extent, size_t done, size_t want,
				       struct iov_iter *iter, struct bbuf_side *ahead)
{
	size_t n;

	if (bbuf_iter_allocates(iter))
		return 0;
	pagefault_disable();
	n = bbuf_extent_copy(extent, done, want, iter, ahead);
	pagefault_enable();
	return n;
}

static bool bbuf_all_or_nothing(struct iov_iter *iter, size_t done, size_t want)
{
	if (done == want)
		return true;
	iov_iter_revert(iter, done);
	return false;
}

/* The side to wake ahead: a long copy in one piece leaves its waiter time to wake up. */
static struct bbuf_side *bbuf_side_to_wake_ahead(const struct bbuf_side *side, size_t len)
{
	return len >= BBUF_LONG_COPY && len <= BBUF_LOCKED_BATCH ? side->peer : NULL;
}

/* Get the user memory of an iterator, if it is in one piece, or NULL. */
static void __user *bbuf_iter_user(const struct iov_iter *iter)
{
	if (iter_is_ubuf(iter))
		return iter->ubuf + iter->iov_offset;
	return iter_is_iovec(iter) && iter->nr_segs == 1 ? iter_iov_addr(iter) : NULL;
}

/*
 * Copy less than %BBUF_LONG_COPY bytes without waiting for a page. User memory in one piece does
 * not need the iterator's way, which takes 2 % of a framed record of 4 KiB.
 */
static bool bbuf_try_copy_short(const struct bbuf_ring *ring, size_t off, struct iov_iter *iter,
				size_t len)
{
	void __user *user = bbuf_iter_user(iter);
	bool write = iov_iter_rw(iter) == WRITE;
	size_t done = 0;

	pagefault_disable();
	if (!user)
		done = bbuf_ring_copy(ring, off, iter, len);
	else if (bbuf_ring_copy_user(ring, off, user, len, write))
		done = len;
	pagefault_enable();
	if (user)
		iov_iter_advance(iter, done);
	return bbuf_all_or_nothing(iter, done, len);
}

/* Copy a record without waiting for a page. One longer than a batch is copied in pieces instead. */
static bool bbuf_try_copy(const struct bbuf_side *side, size_t off, struct iov_iter *iter,
			  size_t len)
{
	const struct bbuf_ring *ring = &side->queue->ring;
	struct bbuf_extent extent = { .ring = ring, .off = off, .len = len };
	size_t done;

	if (len > BBUF_LOCKED_BATCH || bbuf_iter_allocates(iter))
		return false;
	if (len < BBUF_LONG_COPY)
		return bbuf_try_copy_short(ring, off, iter, len);
	done = bbuf_extent_copy_nofault(&extent, 0, len, iter, side->peer);
	return bbuf_all_or_nothing(iter, done, len);
}

/* Returns the number of bytes that could not be made present. */
static size_t bbuf_iter_fault_in(struct iov_iter *iter, size_t bytes)
{
	if (iov_iter_rw(iter) == WRITE)
		return fault_in_iov_iter_readable(iter, bytes);
	return fault_in_iov_iter_writeable(iter, bytes);
}

/**
 * bbuf_waiter_fault_in() - fault in the pages that a call that yields has missed
 * @waiter: the call, which is not in the wait list
 * @iter: its user memory
 * @want: bytes of it to make present
 * @least: bytes that must be present for the call to make progress
 *
 * Context: process context; sleeps until the pages are there, which may take any time.
 * Return: bytes that are present; -EFAULT (a bad address), -EINTR (the task is being killed), or
 * -ETIMEDOUT.
 */
ssize_t bbuf_waiter_fault_in(struct bbuf_waiter *waiter, struct iov_iter *iter, size_t want,
			     size_t least)
{
	size_t bytes = min(want, iov_iter_count(iter));
	size_t left = bbuf_iter_fault_in(iter, bytes);

	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;
	if (bytes - left < least)
		return -EFAULT;
	if (!waiter->nowait && bbuf_waiter_is_late(waiter))
		return -ETIMEDOUT;
	return bytes - left;
}

/**
 * bbuf_peek_fault_in() - fault in the pages that a peek has missed
 * @waiter: the call
 * @iter: its user memory, which is truncated to the present part if a part is enough
 * @whole: whether all of it is needed, as for a record
 *
 * Return: 0 or a negative errno, as bbuf_waiter_fault_in().
 */
int bbuf_peek_fault_in(struct bbuf_waiter *waiter, struct iov_iter *iter, bool whole)
{
	size_t want = min(waiter->missing, iov_iter_count(iter));
	ssize_t ret = bbuf_waiter_fault_in(waiter, iter, want, whole ? want : 1);

	if (ret < 0)
		return ret;
	if (ret < want)
		iov_iter_truncate(iter, ret);
	return 0;
}

/**
 * struct bbuf_fault_timer - ends a head waiter whose page does not arrive in time
 * @work: runs at the deadline
 * @side: side that the waiter holds up
 * @waiter: the waiter
 */
struct bbuf_fault_timer {
	struct delayed_work work;
	struct bbuf_side *side;
	struct bbuf_waiter *waiter;
};

static void bbuf_fault_timer_start(struct bbuf_fault_timer *timer)
{
	long timeout = bbuf_waiter_timeout(timer->waiter);

	queue_delayed_work(bbuf_workqueue, &timer->work,
			   min_t(unsigned long, timeout, MAX_JIFFY_OFFSET));
}

static void bbuf_fault_timer_expire(struct work_struct *work)
{
	struct bbuf_fault_timer *timer = container_of(work, struct bbuf_fault_timer, work.work);

	if (bbuf_waiter_is_late(timer->waiter))
		bbuf_side_expire(timer->side, timer->waiter);
	else
		bbuf_fault_timer_start(timer);
}

static size_t bbuf_side_fault_in_time(struct bbuf_side *side, struct bbuf_waiter *waiter,
				      struct iov_iter *iter, size_t bytes)
{
	struct bbuf_fault_timer timer = { .side = side, .waiter = waiter };
	size_t left;

	INIT_DELAYED_WORK_ONSTACK(&timer.work, bbuf_fault_timer_expire);
	bbuf_fault_timer_start(&timer);
	left = bbuf_iter_fault_in(iter, bytes);
	cancel_delayed_work_sync(&timer.work);
	destroy_delayed_work_on_stack(&timer.work);
	return left;
}

static int bbuf_side_yield_lock(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	bbuf_side_unlock_busy(side, waiter);
	return bbuf_side_lock_busy(side, waiter);
}

/*
 * Fault in the pages that are missing for the next bytes. That may take any time, so the lock is
 * dropped. The ring is not touched meanwhile, so that a call that takes too long can be removed
 * from the wait list.
 */
static noinline int bbuf_side_fault_in(struct bbuf_side *side, struct bbuf_waiter *waiter,
				       struct iov_iter *iter, size_t bytes)
{
	size_t left;
	int ret;

	bbuf_side_unlock_busy(side, waiter);
	if (waiter->deadline == BBUF_NEVER)
		left = bbuf_iter_fault_in(iter, bytes);
	else
		left = bbuf_side_fault_in_time(side, waiter, iter, bytes);
	ret = bbuf_side_lock_busy(side, waiter);
	return ret ?: (left == bytes ? -EFAULT : 0);
}

/*
 * Where a copy allocates memory instead of faulting it in (see bbuf_iter_allocates()), it sleeps
 * for that: without the lock, as the head waiter. Returns as bbuf_side_copy(), and advances *done.
 */
static noinline int bbuf_side_copy_unlocked(struct bbuf_side *side, struct bbuf_waiter *waiter,
					    const struct bbuf_extent *extent, size_t *done,
					    size_t want, struct iov_iter *iter)
{
	size_t n;
	int ret;

	bbuf_side_unlock_busy(side, waiter);
	n = bbuf_extent_copy(extent, *done, want, iter, NULL);
	ret = bbuf_side_lock_busy(side, waiter);
	*done += n;
	return ret ?: (n < want ? -EFAULT : 0);
}

/**
 * bbuf_side_copy() - copy a piece of a ring that bbuf_side_enter() has granted
 * @side: the side; its lock is held, and may be dropped in between
 * @waiter: the call
 * @extent: the piece
 * @iter: user memory
 *
 * All copies between a ring and user memory are made under the lock and without a page fault,
 * %BBUF_LOCKED_BATCH bytes at a time. In between, and to fault in a page that is missing, the lock
 * is dropped, and the call owns the side as the head waiter.
 *
 * Return: 0 if all of it was copied. -EFAULT: a bad address; @iter tells how far the copy got.
 * Otherwise nothing must be moved: -EINTR if the task is being killed, BBUF_FAULT for a call that
 * yields, or the result of bbuf_waiter_error().
 */
int bbuf_side_copy(struct bbuf_side *side, struct bbuf_waiter *waiter,
		   const struct bbuf_extent *extent, struct iov_iter *iter)
{
	size_t want = bbuf_extent_size(extent, iov_iter_count(iter)), done = 0, piece, n;
	struct bbuf_side *ahead = NULL;
	unsigned int tries = 0;
	int ret = 0;

	waiter->missing = want;
	/* Leasing makes no room. */
	if (!waiter->peeks && (!side->queue->leases || side == &side->queue->producer))
		ahead = bbuf_side_to_wake_ahead(side, extent->len);
	while (!ret && done < want) {
		/*
		 * A long record is copied in pieces; what fits in a batch, with its frame, is one
		 * piece.
		 */
		piece = want - done;
		if (extent->len > BBUF_LOCKED_BATCH)
			piece = min_t(size_t, piece, BBUF_LOCKED_BATCH);
		if (bbuf_iter_allocates(iter)) {
			ret = bbuf_side_copy_unlocked(side, waiter, extent, &done, piece, iter);
			continue;
		}
		n = bbuf_extent_copy_nofault(extent, done, piece, iter, done ? NULL : ahead);
		done += n;
		if (n < want)
			trace_bbuf_batch(side->queue, "copy", n, 0);
		tries = n ? 0 : tries + 1;
		if (n < piece && waiter->yields)
			ret = BBUF_FAULT;
		else if (n < piece)
			ret = tries > BBUF_FAULT_TRIES ? -EFAULT :
			      bbuf_side_fault_in(side, waiter, iter, piece - n);
		else if (done < want)
			ret = bbuf_side_yield_lock(side, waiter);
		/* No one would learn how far the copy got. */
		if ((!ret || ret == -EFAULT) && done < want && user_backed_iter(iter) &&
		    fatal_signal_pending(current))
			ret = -EINTR;
	}
	return ret;
}

/**
 * bbuf_batch_next_record() - get the extent of the next record to read
 * @q: the queue; the consumers' lock is held
 * @batch: records before it, which are not published yet
 *
 * Return: the extent, without a frame.
 */
struct bbuf_extent bbuf_batch_next_record(const struct bbuf_queue *q,
					  const struct bbuf_batch_count *batch)
{
	const struct bbuf_ring *ring = &q->ring;
	struct bbuf_extent extent = { };
	size_t off, prefix;

	extent.ring = ring;
	off = bbuf_ring_step(ring, q->consumer.off, batch->stored);
	prefix = bbuf_ring_get_length(ring, off, &extent.len);
	extent.off = bbuf_ring_step(ring, off, prefix);
	extent.prefix = prefix;
	return extent;
}

static void bbuf_batch_add_next(const struct bbuf_queue *q, struct bbuf_batch_count *batch)
{
	struct bbuf_extent extent = bbuf_batch_next_record(q, batch);

	bbuf_batch_count_add(batch, extent.len, extent.prefix);
}

/**
 * bbuf_publish_write() - publish a batch that was copied into the ring, and wake readers
 * @q: the queue; the producers' lock is held
 * @batch: the batch
 */
void bbuf_publish_write(struct bbuf_queue *q, const struct bbuf_batch_count *batch)
{
	bbuf_side_advance(&q->producer, batch->bytes, batch->stored, batch->records);
	trace_bbuf_write(q, batch->bytes, batch->records);
}

/**
 * bbuf_publish_read() - publish a batch that was copied out of the ring, and wake writers
 * @q: the queue; the consumers' lock is held
 * @batch: the batch; empty afterwards
 */
void bbuf_publish_read(struct bbuf_queue *q, struct bbuf_batch_count *batch)
{
	bbuf_side_advance(&q->consumer, batch->bytes, batch->stored, batch->records);
	trace_bbuf_read(q, batch->bytes, batch->records);
	if (batch->records > 1)
		trace_bbuf_batch(q, "read", batch->bytes, batch->records);
	*batch = (struct bbuf_batch_count) { };
}

/**
 * bbuf_try_put_record() - copy a record into the ring, if nothing has to be waited for
 * @q: the queue; the producers' lock is held
 * @batch: records before it, which are not published yet; the record is added
 * @from: the record
 * @len: length of the record
 *
 * Return: whether it was copied; otherwise nothing has happened.
 */
bool bbuf_try_put_record(struct bbuf_queue *q, struct bbuf_batch_count *batch,
			 struct iov_iter *from, size_t len)
{
	size_t off = bbuf_ring_step(&q->ring, q->producer.off, batch->stored);
	struct bbuf_extent extent = { .len = len };

	if (bbuf_side_spare(&q->producer) < batch->bytes + len)
		return false;
	if (batch->records && batch->bytes + len > BBUF_LOCKED_BATCH)
		return false;
	extent.prefix = bbuf_ring_put_length(&q->ring, off, len);
	extent.off = bbuf_ring_step(&q->ring, off, extent.prefix);
	if (!bbuf_try_copy(&q->producer, extent.off, from, len))
		return false;
	bbuf_batch_count_add(batch, extent.len, extent.prefix);
	return true;
}

/* Count the oldest records that make up @want bytes, but no more than may be dropped at once. */
static struct bbuf_batch_count bbuf_batch_oldest(const struct bbuf_queue *q, size_t want)
{
	struct bbuf_batch_count batch = { };

	if (q->type == BBUF_STREAM)
		return (struct bbuf_batch_count) { .bytes = want, .stored = want };
	while (batch.bytes < want && batch.records < BBUF_LOCKED_RECORDS)
		bbuf_batch_add_next(q, &batch);
	return batch;
}

/*
 * Drop the oldest bytes or records to make room for @want bytes, at most the capacity. Drops
 * nothing while a reader is copying them: then there is still too little room.
 */
static bool bbuf_drop_oldest(struct bbuf_queue *q, size_t want)
{
	struct bbuf_side *side = &q->consumer;
	struct bbuf_batch_count batch = { };
	size_t room;

	mutex_lock(&side->lock);
	room = bbuf_side_avail(&q->producer);
	if (!side->busy && room < want) {
		batch = bbuf_batch_oldest(q, want - room);
		bbuf_side_advance(side, batch.bytes, batch.stored, batch.records);
		q->dropped_bytes += batch.bytes;
		q->dropped_records += batch.records;
		trace_bbuf_batch(q, "drop", 0, batch.records);
	}
	mutex_unlock(&side->lock);
	return batch.bytes;
}

/*
 * Get the number of @want bytes that may be written now: all that there is room for, or, if the
 * oldest may be dropped, all that the queue can hold. One long record may drop many short ones: the
 * lock is dropped in between. Returns a negative errno if the call was ended meanwhile.
 */
static ssize_t bbuf_make_room(struct bbuf_queue *q, struct bbuf_waiter *waiter, size_t want)
{
	struct bbuf_side *side = &q->producer;
	int ret;

	while (bbuf_side_avail(side) < min(want, side->window) &&
	       (q->policy & BBUF_DROP_OLDEST) && bbuf_drop_oldest(q, min(want, side->window))) {
		if (bbuf_side_avail(side) >= min(want, side->window))
			break;
		ret = bbuf_side_pause(side, waiter) ?: bbuf_side_error(side);
		if (ret)
			return ret;
	}
	return min3(want, side->window, bbuf_side_avail(side));
}

/* Drop the newest instead: a reader is copying the oldest. */
static void bbuf_drop_newest(struct bbuf_queue *q, struct bbuf_waiter *waiter,
			     struct iov_iter *from)
{
	size_t record = q->type == BBUF_RECORD;

	q->dropped_bytes += waiter->left;
	q->dropped_records += record;
	q->dropped_new_bytes += waiter->left;
	q->dropped_new_records += record;
	iov_iter_advance(from, waiter->left);
	waiter->left = 0;
}

/* Queue the next piece of a stream, or all of it. */
static int bbuf_put_piece(struct bbuf_queue *q, struct bbuf_waiter *waiter, struct iov_iter *from)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_extent extent = { .ring = &q->ring };
	size_t before = iov_iter_count(from);
	ssize_t ret;

	ret = bbuf_make_room(q, waiter, waiter->left);
	if (ret < 0)
		return ret;
	extent.len = ret;
	if ((q->policy & BBUF_DROP_OLDEST) && extent.len < min(waiter->left, side->window)) {
		bbuf_drop_newest(q, waiter, from);
		return 0;
	}
	extent.off = side->off;
	ret = bbuf_side_copy(side, waiter, &extent, from);
	if (ret && ret != -EFAULT) {
		iov_iter_revert(from, before - iov_iter_count(from));
		return ret;
	}
	extent.len = before - iov_iter_count(from);
	bbuf_side_advance(side, extent.len, extent.len, 0);
	if (extent.len)
		trace_bbuf_write(q, extent.len, 0);
	waiter->left -= extent.len;
	return ret;
}

/* Tell the file how much room a refused write needs, for poll. */
static int bbuf_write_refused(const struct bbuf_side *side, const struct bbuf_waiter *waiter,
			      struct bbuf_io_opts opts, int ret)
{
	if (ret == -EAGAIN && opts.refused)
		*opts.refused = bbuf_side_need(side, waiter);
	return ret;
}

static ssize_t bbuf_write_stream(struct bbuf_queue *q, struct iov_iter *from,
				 struct bbuf_io_opts opts)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_waiter waiter;
	bool pieces;
	int ret;

	bbuf_waiter_init(&waiter, opts, iov_iter_count(from));
	mutex_lock(&side->lock);
	do {
		ret = bbuf_side_enter(side, &waiter);
		if (ret)
			break;
		pieces = waiter.left > side->window && !waiter.nowait;
		if (pieces)
			bbuf_side_hold(side, &waiter);
		ret = bbuf_put_piece(q, &waiter, from);
		if (pieces && !ret && waiter.left)
			bbuf_side_pause(side, &waiter);
	} while (!ret && waiter.left && !waiter.nowait && !fatal_signal_pending(current));
	ret = bbuf_write_refused(side, &waiter, opts, ret);
	bbuf_side_exit(side, &waiter);

	return waiter.left < waiter.len ? waiter.len - waiter.left : ret;
}

/* Queue one record of @len bytes. */
static int bbuf_put_record(struct bbuf_queue *q, struct iov_iter *from, size_t len,
			   struct bbuf_waiter *waiter)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_extent extent = { .ring = &q->ring, .len = len };
	ssize_t ret;
	size_t prefix;

	do {
		if (len > side->window)
			return bbuf_side_error(side) ?: -EMSGSIZE;
		ret = bbuf_side_enter(side, waiter) ?: bbuf_make_room(q, waiter, len);
		if (ret < 0)
			return ret;
		/* The policy may have been changed from dropping to waiting meanwhile. */
	} while (ret < len && (len > side->window || !(q->policy & BBUF_DROP_OLDEST)));
	if (ret < len) {
		bbuf_drop_newest(q, waiter, from);
		return 0;
	}
	prefix = bbuf_ring_put_length(&q->ring, side->off, len);
	extent.off = bbuf_ring_step(&q->ring, side->off, prefix);
	ret = bbuf_side_copy(side, waiter, &extent, from);
	if (ret)
		return ret;
	bbuf_side_advance(side, len, prefix + len, 1);
	trace_bbuf_write(q, len, 1);
	return 0;
}

/**
 * bbuf_write_record() - write a record
 * @q: the queue, of records
 * @from: memory that begins with the record
 * @len: length of the record
 * @opts: whether and how long to wait
 *
 * Return: 0, or an error as of bbuf_write().
 */
int bbuf_write_record(struct bbuf_queue *q, struct iov_iter *from, size_t len,
		      struct bbuf_io_opts opts)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_waiter waiter;
	int ret;

	bbuf_waiter_init(&waiter, opts, len);
	mutex_lock(&side->lock);
	ret = bbuf_put_record(q, from, len, &waiter);
	ret = bbuf_write_refused(side, &waiter, opts, ret);
	bbuf_side_exit(side, &waiter);
	return ret;
}

/**
 * bbuf_write() - write bytes or a record to a queue
 * @q: the queue
 * @from: bytes for a stream, or one record
 * @opts: whether and how long to wait
 *
 * A blocking write to a stream waits for room for all of it, up to the capacity, and is queued in
 * one piece; a longer one is queued in several, and both without bytes of other writers in between.
 * A non-blocking write of up to PIPE_BUF bytes and the capacity is queued whole, a longer one as
 * far as it fits. A record is queued whole.
 *
 * Context: process context; may sleep for room unless it is non-blocking, and in any case for pages
 * of user memory.
 * Return: bytes taken from @from, 0 only if there were none; or, with nothing queued, -EAGAIN (no
 * room or a writer in front), -ETIMEDOUT, -ERESTARTSYS or -ERESTARTNOHAND (a signal), -EFAULT (a
 * bad address), -EMSGSIZE (a record longer than the capacity), -EPIPE (shut down), -ENODEV
 * (destroyed). An error after some bytes returns their count.
 */
ssize_t bbuf_write(struct bbuf_queue *q, struct iov_iter *from, struct bbuf_io_opts opts)
{
	size_t len = iov_iter_count(from);

	if (!len)
		return 0;
	if (q->type == BBUF_STREAM)
		return bbuf_write_stream(q, from, opts);
	return bbuf_write_record(q, from, len, opts) ?: len;
}

/*
 * The first 4 KiB show that the user memory is present, as in bbuf_extent_copy_bytes(). Copies of
 * more than a batch are made in several pieces, by calls that may wait.
 */
static noinline bool bbuf_try_copy_long(struct bbuf_side *side, size_t off, void __user *buf,
					size_t len, bool write)
{
	const struct bbuf_ring *ring = &side->queue->ring;
	bool done;

	if (len > BBUF_LOCKED_BATCH)
		return false;
	pagefault_disable();
	done = bbuf_ring_copy_user(ring, off, buf, SZ_4K, write);
	if (done && num_online_cpus() > 1)
		bbuf_side_wake_head(side->peer, len);
	done = done && bbuf_ring_copy_user(ring, bbuf_ring_step(ring, off, SZ_4K), buf + SZ_4K,
					   len - SZ_4K, write);
	pagefault_enable();
	return done;
}

static __always_inline bool bbuf_try_copy_user(struct bbuf_side *side,
					       const struct bbuf_ring *ring, size_t off,
					       void __user *buf, size_t len, bool write)
{
	bool done;

	if (unlikely(len >= BBUF_LONG_COPY))
		return bbuf_try_copy_long(side, off, buf, len, write);
	pagefault_disable();
	done = bbuf_ring_copy_user(ring, off, buf, len, write);
	pagefault_enable();
	return done;
}

/*
 * Write at once, if there is room beyond that for the head waiter, and the user memory is present:
 * then one copy under the lock is all, and the call does not join the wait list. Returns false if
 * nothing has happened.
 *
 * A call that is executed again takes the long way, as the deadline that was saved for it must be
 * removed.
 */
static __always_inline bool bbuf_try_write(struct bbuf_file *bf, const char __user *buf, size_t len)
{
	struct bbuf_queue *q = &bf->node->queue;
	struct bbuf_side *side = &q->producer;
	size_t off, prefix = 0, records = 0;
	bool done = false;

	if (bbuf_restart_tagged())
		return false;
	mutex_lock(&side->lock);
	if (unlikely(bbuf_side_spare(side) < len || !len))
		goto out;
	off = side->off;
	if (q->type == BBUF_RECORD) {
		prefix = bbuf_ring_put_length(&q->ring, off, len);
		off = bbuf_ring_step(&q->ring, off, prefix);
		records = 1;
	}
	done = bbuf_try_copy_user(side, &q->ring, off, (void __user *)buf, len, true);
	if (unlikely(!done))
		goto out;
	bbuf_queue_advance(q, side, &q->consumer, len, prefix + len, records);
	trace_bbuf_write(q, len, records);
out:
	mutex_unlock(&side->lock);
	if (done && unlikely(READ_ONCE(bf->refused)))
		bbuf_file_set_refused(bf, 0);
	return done;
}

static noinline ssize_t bbuf_write_call(struct bbuf_file *bf, struct iov_iter *from,
					struct kiocb *iocb)
{
	struct bbuf_call call;

	bbuf_call_begin(&call, bf, BBUF_RESTART_WRITE, iocb);
	return bbuf_call_end(&call, bbuf_write(&bf->node->queue, from, call.opts));
}

/* Out of line, because the kernel may clear variables on the stack. */
static noinline ssize_t bbuf_write_user_slow(struct bbuf_file *bf, const char __user *buf,
					     size_t len)
{
	struct iov_iter from;

	iov_iter_ubuf(&from, ITER_SOURCE, (void __user *)buf, len);
	return bbuf_write_call(bf, &from, NULL);
}

/**
 * bbuf_write_user() - write bytes or a record from user memory to the queue of a file
 * @bf: the file
 * @buf: bytes for a stream, or one record
 * @len: length in bytes
 *
 * Most writes need neither an iterator nor a deadline nor a waiter. These are set up only if the
 * write cannot be served at once.
 *
 * Context: as bbuf_write().
 * Return: as bbuf_write().
 */
ssize_t bbuf_write_user(struct bbuf_file *bf, const char __user *buf, size_t len)
{
	return likely(bbuf_try_write(bf, buf, len)) ? len : bbuf_write_user_slow(bf, buf, len);
}

/**
 * bbuf_write_iov() - write bytes or a record from an iterator to the queue of a file
 * @bf: the file
 * @from: bytes for a stream, or one record
 * @iocb: from the file operation
 *
 * Context: as bbuf_write().
 * Return: as bbuf_write().
 */
ssize_t bbuf_write_iov(struct bbuf_file *bf, struct iov_iter *from, struct kiocb *iocb)
{
	const void __user *buf = bbuf_iter_user(from);
	size_t len = iov_iter_count(from);

	if (buf && bbuf_try_write(bf, buf, len)) {
		iov_iter_advance(from, len);
		return len;
	}
	return bbuf_write_call(bf, from, iocb);
}

/*
 * Move a short message to user memory that is in one piece, and present. Returns false if nothing
 * has happened.
 */
static __always_inline bool bbuf_move_to_user(struct bbuf_queue *q, char __user *buf, size_t off,
					      size_t len, size_t prefix, size_t records)
{
	struct bbuf_side *side = &q->consumer;

	if (unlikely(!bbuf_try_copy_user(side, &q->ring, off, buf, len, false)))
		return false;
	bbuf_queue_advance(q, side, &q->producer, len, prefix + len, records);
	trace_bbuf_read(q, len, records);
	return true;
}

/* The same for a call that may have waited, and may leave what it copies in the queue. */
static __always_inline bool bbuf_get_at_once(struct bbuf_queue *q, const struct bbuf_waiter *waiter,
					     struct iov_iter *to, size_t off, size_t len,
					     size_t prefix, size_t records)
{
	char __user *buf = bbuf_iter_user(to);

	if (!buf || waiter->peeks || !bbuf_move_to_user(q, buf, off, len, prefix, records))
		return false;
	iov_iter_advance(to, len);
	return true;
}

static ssize_t bbuf_get_stream(struct bbuf_queue *q, struct bbuf_waiter *waiter,
			       struct iov_iter *to)
{
	struct bbuf_side *side = &q->consumer;
	size_t before = iov_iter_count(to);
	struct bbuf_extent extent = {
		.ring = &q->ring,
		.off = side->off,
		.len = min(before, bbuf_side_avail(side)),
	};
	size_t done;
	int ret;

	if (!extent.len)
		return 0;
	if (bbuf_get_at_once(q, waiter, to, extent.off, extent.len, 0, 0))
		return extent.len;
	ret = bbuf_side_copy(side, waiter, &extent, to);
	if (ret && ret != -EFAULT)
		return ret;
	done = before - iov_iter_count(to);
	if (done && !waiter->peeks) {
		bbuf_side_advance(side, done, done, 0);
		trace_bbuf_read(q, done, 0);
	}
	return done ?: -EFAULT;
}

/**
 * bbuf_get_record() - copy the next record out of the ring
 * @q: the queue, which bbuf_side_enter() has granted; as for bbuf_side_copy()
 * @waiter: the call
 * @to: where the record goes; unchanged on failure
 * @batch: records before it, which are not published yet; the record is added
 * @extent: the record, from bbuf_batch_next_record(), perhaps with a frame
 *
 * Return: length of the record, or why it can't be delivered: -EMSGSIZE, or as bbuf_side_copy().
 */
ssize_t bbuf_get_record(struct bbuf_queue *q, struct bbuf_waiter *waiter,
			struct iov_iter *to, struct bbuf_batch_count *batch,
			const struct bbuf_extent *extent)
{
	size_t before = iov_iter_count(to);
	int ret;

	if (extent->frame_size + extent->len > before)
		return -EMSGSIZE;
	ret = bbuf_side_copy(&q->consumer, waiter, extent, to);
	if (ret) {
		iov_iter_revert(to, before - iov_iter_count(to));
		return ret;
	}
	bbuf_batch_count_add(batch, extent->len, extent->prefix);
	return extent->len;
}

static ssize_t bbuf_get_one(struct bbuf_queue *q, struct bbuf_waiter *waiter, struct iov_iter *to)
{
	struct bbuf_batch_count batch = { };
	struct bbuf_extent extent;
	ssize_t ret;

	if (!bbuf_side_avail(&q->consumer))
		return 0;
	extent = bbuf_batch_next_record(q, &batch);
	/* A killed task would not learn of the record: below it stays queued. */
	if (extent.len <= iov_iter_count(to) && !fatal_signal_pending(current) &&
	    bbuf_get_at_once(q, waiter, to, extent.off, extent.len, extent.prefix, 1))
		return extent.len;
	ret = bbuf_get_record(q, waiter, to, &batch, &extent);
	if (waiter->peeks || ret < 0)
		return ret;
	if (fatal_signal_pending(current))
		return -EINTR;	/* no one would learn of it: it stays queued */
	bbuf_publish_read(q, &batch);
	return ret;
}

/* Move what a read may take, as soon as it may. The lock is held, and dropped. */
static __always_inline ssize_t
bbuf_read_locked(struct bbuf_queue *q, struct iov_iter *to, struct bbuf_io_opts opts,
		 ssize_t (*get)(struct bbuf_queue *q, struct bbuf_waiter *waiter,
				struct iov_iter *to))
{
	struct bbuf_side *side = &q->consumer;
	struct bbuf_waiter waiter;
	ssize_t ret;

	bbuf_waiter_init(&waiter, opts, iov_iter_count(to));
	ret = waiter.len ? bbuf_side_enter(side, &waiter) : BBUF_EOF;
	if (ret == BBUF_EOF)
		ret = 0;
	else if (!ret)
		ret = get(q, &waiter, to);
	bbuf_side_exit(side, &waiter);
	return ret;
}

/**
 * bbuf_read_with() - wait until a read may proceed, and let it
 * @q: the queue
 * @to: where the data goes
 * @opts: whether and how long to wait
 * @get: function that moves the data, under the consumers' lock
 *
 * Context: as bbuf_read().
 * Return: as bbuf_read(), or what @get returns.
 */
ssize_t bbuf_read_with(struct bbuf_queue *q, struct iov_iter *to, struct bbuf_io_opts opts,
		       ssize_t (*get)(struct bbuf_queue *q, struct bbuf_waiter *waiter,
				      struct iov_iter *to))
{
	mutex_lock(&q->consumer.lock);
	return bbuf_read_locked(q, to, opts, get);
}

static ssize_t bbuf_get(struct bbuf_queue *q, struct bbuf_waiter *waiter, struct iov_iter *to)
{
	if (q->type == BBUF_STREAM)
		return bbuf_get_stream(q, waiter, to);
	return bbuf_get_one(q, waiter, to);
}

/**
 * bbuf_read() - read bytes or a record from a queue
 * @q: the queue
 * @to: where they go
 * @opts: whether and how long to wait
 *
 * Reads what is there, up to what @to holds, as soon as there is enough; from a record queue one
 * record. Bytes that can't be delivered stay queued.
 *
 * Context: process context; may sleep for data unless it is non-blocking, and in any case for pages
 * of user memory.
 * Return: bytes delivered, 0 if none were asked for or at EOF; or, with nothing taken, -EAGAIN
 * (nothing queued or a reader in front), -ETIMEDOUT, -ERESTARTSYS or -ERESTARTNOHAND (a signal),
 * -EFAULT (a bad address), -EMSGSIZE (the record is longer), -ENODEV (destroyed).
 */
ssize_t bbuf_read(struct bbuf_queue *q, struct iov_iter *to, struct bbuf_io_opts opts)
{
	return bbuf_read_with(q, to, opts, bbuf_get);
}

/*
 * Get the number of bytes of a stream that a reader may take at once, or 0. A reader that bypasses
 * gets all that it would get without waiters, or it waits: bytes of a stream may have a structure,
 * and must not be cut where the reserved ones happen to begin.
 */
static __always_inline size_t bbuf_side_spare_bytes(struct bbuf_side *side, size_t room)
{
	size_t len = min(room, bbuf_side_spare(side));

	if (unlikely(side->waiters) && len < min(room, bbuf_side_avail(side)))
		return 0;
	return likely(len >= min(room, side->mark)) ? len : 0;
}

/*
 * The same for the next record: its length, or 0. There must be another one for the head waiter. A
 * record that is being published may be counted already, and will be there at once; only what is
 * there is taken.
 */
static __always_inline size_t bbuf_queue_spare_record(struct bbuf_queue *q, size_t room,
						      size_t *prefix)
{
	struct bbuf_side *side = &q->consumer;
	size_t len;

	if (!bbuf_side_spare(side))
		return 0;
	if (unlikely(side->waiters) &&
	    (u32)READ_ONCE(q->producer.records) - (u32)side->records <= 1)
		return 0;
	*prefix = bbuf_ring_get_length(&q->ring, side->off, &len);
	return likely(len <= room) ? len : 0;
}

/*
 * Read at once, as bbuf_try_write(), but under the lock, which a call keeps that must wait. Returns
 * the number of bytes, or 0: nothing has happened.
 */
static __always_inline size_t bbuf_try_read(struct bbuf_queue *q, char __user *buf, size_t room)
{
	struct bbuf_side *side = &q->consumer;
	size_t len, prefix = 0, records = q->type == BBUF_RECORD;

	len = records ? bbuf_queue_spare_record(q, room, &prefix) :
			bbuf_side_spare_bytes(side, room);
	if (unlikely(!len))
		return 0;
	if (!bbuf_move_to_user(q, buf, bbuf_ring_step(&q->ring, side->off, prefix), len, prefix,
			       records))
		return 0;
	return len;
}

/* The consumers' lock is held, and dropped. */
static __always_inline ssize_t bbuf_read_call(struct bbuf_file *bf, struct iov_iter *to,
					      struct kiocb *iocb)
{
	struct bbuf_call call;

	bbuf_call_begin(&call, bf, BBUF_RESTART_READ, iocb);
	return bbuf_call_end(&call, bbuf_read_locked(&bf->node->queue, to, call.opts, bbuf_get));
}

/* Out of line, as bbuf_write_user_slow(). */
static noinline ssize_t bbuf_read_user_slow(struct bbuf_file *bf, char __user *buf, size_t len)
{
	struct iov_iter to;

	iov_iter_ubuf(&to, ITER_DEST, buf, len);
	return bbuf_read_call(bf, &to, NULL);
}

/**
 * bbuf_read_user() - read bytes or a record from the queue of a file to user memory
 * @bf: the file
 * @buf: where they go
 * @len: bytes that there is room for
 *
 * See bbuf_write_user().
 *
 * Context: as bbuf_read().
 * Return: as bbuf_read().
 */
ssize_t bbuf_read_user(struct bbuf_file *bf, char __user *buf, size_t len)
{
	struct bbuf_queue *q = &bf->node->queue;
	size_t done = 0;

	mutex_lock(&q->consumer.lock);
	if (!bbuf_restart_tagged())
		done = bbuf_try_read(q, buf, len);
	if (unlikely(!done))
		return bbuf_read_user_slow(bf, buf, len);
	mutex_unlock(&q->consumer.lock);
	return done;
}

static noinline ssize_t bbuf_read_iov_slow(struct bbuf_file *bf, struct iov_iter *to,
					   struct kiocb *iocb)
{
	return bbuf_read_call(bf, to, iocb);
}

/**
 * bbuf_read_iov() - read bytes or a record from the queue of a file to an iterator
 * @bf: the file
 * @to: where they go
 * @iocb: from the file operation
 *
 * Context: as bbuf_read().
 * Return: as bbuf_read().
 */
ssize_t bbuf_read_iov(struct bbuf_file *bf, struct iov_iter *to, struct kiocb *iocb)
{
	struct bbuf_queue *q = &bf->node->queue;
	void __user *buf = bbuf_iter_user(to);
	size_t done = 0;

	mutex_lock(&q->consumer.lock);
	if (buf && !bbuf_restart_tagged())
		done = bbuf_try_read(q, buf, iov_iter_count(to));
	if (!done)
		return bbuf_read_iov_slow(bf, to, iocb);
	mutex_unlock(&q->consumer.lock);
	iov_iter_advance(to, done);
	return done;
}

/* Peek without a page fault, or, after the last try, with one. */
static ssize_t bbuf_peek_now(struct bbuf_queue *q, struct bbuf_waiter *waiter, struct iov_iter *to)
{
	struct bbuf_side *side = &q->consumer;
	ssize_t ret;

	mutex_lock(&side->lock);
	ret = bbuf_side_error(side);
	/* A reader may be copying the oldest, and have dropped the lock in between. */
	if (!ret && (side->busy || side->no_bypass || (!bbuf_side_avail(side) && !side->ended)))
		ret = -EAGAIN;
	if (!ret && q->type == BBUF_STREAM)
		ret = bbuf_get_stream(q, waiter, to);
	else if (!ret)
		ret = bbuf_get_one(q, waiter, to);
	bbuf_side_exit(side, waiter);
	return ret;
}

/**
 * bbuf_peek() - copy the oldest bytes or record, and leave them in the queue
 * @q: the queue
 * @to: where they go
 *
 * Return: bytes copied, 0 at EOF; -EAGAIN (nothing queued, or a reader is copying it), -EFAULT,
 * -EMSGSIZE (the record is longer), -ENODEV, -EINTR (the task is being killed).
 */
ssize_t bbuf_peek(struct bbuf_queue *q, struct iov_iter *to)
{
	unsigned int tries = 0;
	struct bbuf_waiter waiter;
	size_t before;
	ssize_t ret;

	bbuf_waiter_init(&waiter, bbuf_nowait_opts, iov_iter_count(to));
	waiter.peeks = true;
	do {
		before = iov_iter_count(to);
		waiter.yields = tries++ < BBUF_FAULT_TRIES;
		ret = bbuf_peek_now(q, &waiter, to);
		if (ret != BBUF_FAULT)
			return ret;
		iov_iter_revert(to, before - iov_iter_count(to));
		ret = bbuf_peek_fault_in(&waiter, to, q->type == BBUF_RECORD);
	} while (!ret);
	return ret;
}

/**
 * bbuf_readable() - get the value of FIONREAD
 * @q: the queue
 *
 * Return: bytes that the next reads can return: for a record queue the length of the next record.
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
