// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done to a queue rather than with it: opening and closing, ending it and
 * beginning anew, emptying it, changing what it is, telling what it is.
 *
 * All of this takes both sides' locks, see queue.c.
 */
#include <linux/minmax.h>
#include <linux/wait.h>

#include "queue.h"
#include "trace.h"

/* The end of a round has come, or is taken back. Both sides' locks are held. */
static void bbuf_queue_set_state(struct bbuf_queue *q, u32 state)
{
	lockdep_assert_held(&q->producer.lock);
	lockdep_assert_held(&q->consumer.lock);

	WRITE_ONCE(q->state, state);
	/* Release: who sees the end sees the last position, and the state. */
	smp_store_release(&q->producer.ended, state);
	/* Release: the same. */
	smp_store_release(&q->consumer.ended, state);
}

static void bbuf_queue_lock(struct bbuf_queue *q)
{
	mutex_lock(&q->producer.lock);
	mutex_lock(&q->consumer.lock);
}

static void bbuf_queue_unlock(struct bbuf_queue *q)
{
	mutex_unlock(&q->consumer.lock);
	mutex_unlock(&q->producer.lock);
}

/* The same at a moment when nobody copies, or -ERESTARTSYS and no lock. */
static int bbuf_queue_lock_idle(struct bbuf_queue *q)
{
	int ret;

	for (;;) {
		bbuf_queue_lock(q);
		if (!q->producer.busy && !q->consumer.busy)
			return 0;
		bbuf_queue_unlock(q);
		ret = wait_event_interruptible(q->idle, !READ_ONCE(q->producer.busy) &&
					       !READ_ONCE(q->consumer.busy));
		if (ret)
			return ret;
	}
}

static void bbuf_queue_notify(struct bbuf_queue *q)
{
	bbuf_side_notify(&q->producer);
	bbuf_side_notify(&q->consumer);
	bbuf_queue_drained(q);
}

/* Add to the state, or take from it, and tell everybody. */
static int bbuf_queue_change_state(struct bbuf_queue *q, u32 set, u32 clear)
{
	int ret = 0;

	bbuf_queue_lock(q);
	if (q->state & BBUF_DESTROYED)
		ret = -ENODEV;
	else
		bbuf_queue_set_state(q, (q->state | set) & ~clear);
	bbuf_queue_unlock(q);
	bbuf_queue_notify(q);
	return ret;
}

/**
 * bbuf_queue_shutdown() - no more is to come
 * @q: the queue
 *
 * Return: 0, also if it was shut down already, or -ENODEV.
 */
int bbuf_queue_shutdown(struct bbuf_queue *q)
{
	int ret = bbuf_queue_change_state(q, BBUF_SHUT, 0);

	if (!ret)
		trace_bbuf_shutdown(q);
	return ret;
}

/**
 * bbuf_queue_reopen() - take the end back: a new round
 * @q: the queue
 *
 * Return: 0, also if it was not shut down, or -ENODEV.
 */
int bbuf_queue_reopen(struct bbuf_queue *q)
{
	return bbuf_queue_change_state(q, 0, BBUF_SHUT | BBUF_LEFT);
}

/**
 * bbuf_queue_destroy() - nothing works any more, and nobody waits
 * @q: the queue
 *
 * Its memory stays until bbuf_queue_uninit().
 */
void bbuf_queue_destroy(struct bbuf_queue *q)
{
	bbuf_queue_change_state(q, BBUF_DESTROYED, 0);
}

/**
 * bbuf_queue_open() - count a file that is opened
 * @q: the queue
 * @mode: of the file: FMODE_READ, FMODE_WRITE
 *
 * A writer ends the end that the last one left behind.
 *
 * Return: 0, or -ENODEV.
 */
int bbuf_queue_open(struct bbuf_queue *q, fmode_t mode)
{
	int ret = 0;

	bbuf_queue_lock(q);
	if (q->state & BBUF_DESTROYED) {
		ret = -ENODEV;
	} else {
		q->consumer.files += !!(mode & FMODE_READ);
		q->producer.files += !!(mode & FMODE_WRITE);
		if ((mode & FMODE_WRITE) && (q->state & BBUF_LEFT))
			bbuf_queue_set_state(q, q->state & ~BBUF_LEFT);
	}
	bbuf_queue_unlock(q);
	return ret;
}

/**
 * bbuf_queue_release() - count a file that is closed
 * @q: the queue
 * @mode: as it was opened
 */
void bbuf_queue_release(struct bbuf_queue *q, fmode_t mode)
{
	bool left = false;

	bbuf_queue_lock(q);
	q->consumer.files -= !!(mode & FMODE_READ);
	if (mode & FMODE_WRITE)
		left = !--q->producer.files && (q->policy & BBUF_EOF_ON_CLOSE);
	if (left)
		bbuf_queue_set_state(q, q->state | BBUF_LEFT);
	bbuf_queue_unlock(q);
	if (left)
		bbuf_queue_notify(q);
}

/* Bytes of the ring that what is queued takes. Both sides' locks are held. */
static size_t bbuf_queue_stored(const struct bbuf_queue *q)
{
	size_t from = q->consumer.off, to = q->producer.off;

	if (!bbuf_side_avail(&q->consumer))
		return 0;
	return to > from ? to - from : q->ring.size - from + to;
}

/**
 * bbuf_queue_flush() - discard what is queued
 * @q: the queue
 *
 * Return: 0, -ENODEV, or -ERESTARTSYS for a signal.
 */
int bbuf_queue_flush(struct bbuf_queue *q)
{
	struct bbuf_side *side = &q->consumer;
	size_t bytes;
	int ret;

	ret = bbuf_queue_lock_idle(q);
	if (ret)
		return ret;
	ret = bbuf_side_error(side);
	if (!ret) {
		bytes = bbuf_side_avail(side);
		q->flushed_bytes += bytes;
		bbuf_side_moved(side, bytes, bbuf_queue_stored(q),
				q->producer.records - side->records);
	}
	bbuf_queue_unlock(q);
	return ret;
}

/* Put what is queued into another ring; @fresh has the old one's memory then. */
static void bbuf_queue_set_ring(struct bbuf_queue *q, struct bbuf_ring *fresh)
{
	size_t stored = bbuf_queue_stored(q);

	bbuf_ring_transfer(&q->ring, q->consumer.off, stored, fresh);
	q->consumer.off = 0;
	q->producer.off = bbuf_ring_step(fresh, 0, stored);
	bbuf_ring_swap(&q->ring, fresh);
}

static int bbuf_queue_apply(struct bbuf_queue *q, const struct bbuf_set *set,
			    struct bbuf_ring *fresh)
{
	size_t capacity = q->producer.span;
	size_t read_mark = q->consumer.mark, write_mark = q->producer.mark;

	if (q->state & BBUF_DESTROYED)
		return -ENODEV;
	if (set->fields & BBUF_SET_CAPACITY) {
		capacity = set->capacity;
		if (bbuf_side_avail(&q->consumer) > capacity)
			return -EBUSY;
		read_mark = min(read_mark, capacity);
		write_mark = min(write_mark, capacity);
	}
	if (set->fields & BBUF_SET_READ_MARK)
		read_mark = set->read_mark;
	if (set->fields & BBUF_SET_WRITE_MARK)
		write_mark = set->write_mark;
	if (!read_mark || read_mark > capacity || !write_mark || write_mark > capacity)
		return -EINVAL;
	if (q->type == BBUF_RECORD && read_mark != 1)
		return -EINVAL;

	if (set->fields & BBUF_SET_CAPACITY)
		bbuf_queue_set_ring(q, fresh);
	if (set->fields & BBUF_SET_POLICY)
		WRITE_ONCE(q->policy, set->policy);
	bbuf_queue_set_limits(q, capacity, read_mark, write_mark);
	return 0;
}

/**
 * bbuf_queue_set() - change what a queue is, while it is in use
 * @q: the queue
 * @set: what is to change; its fields and policy are known ones, its capacity no
 *       more than the limits
 *
 * A new capacity takes new memory, charged to the caller, and moves what is queued
 * there. All or nothing happens.
 *
 * Return: 0, -EINVAL (a mark of 0 or beyond the capacity), -EBUSY (more is queued
 * than the capacity), -ENOMEM, -ENODEV, or -ERESTARTSYS for a signal.
 */
int bbuf_queue_set(struct bbuf_queue *q, const struct bbuf_set *set)
{
	struct bbuf_ring fresh = { };
	int ret = 0;

	if (set->fields & BBUF_SET_CAPACITY) {
		bbuf_ring_init(&fresh, bbuf_queue_ring_size(q, set->capacity));
		ret = bbuf_ring_alloc(&fresh);
	}
	if (!ret)
		ret = bbuf_queue_lock_idle(q);
	if (!ret) {
		ret = bbuf_queue_apply(q, set, &fresh);
		bbuf_queue_unlock(q);
		bbuf_queue_notify(q);
	}
	bbuf_ring_uninit(&fresh);
	return ret;
}

static void bbuf_side_info(struct bbuf_side *side, struct bbuf_side_info *info)
{
	info->bytes = side->pos;
	info->records = side->records;
	info->files = side->files;
	info->waiters = side->waiters;
	info->blocked = side->blocked;
	info->blocked_ns = side->blocked_ns;
	info->wakeups = READ_ONCE(side->wakeups);
}

/**
 * bbuf_queue_info() - what a queue is and has done
 * @q: the queue
 * @info: where to say so; its name is not touched
 */
void bbuf_queue_info(struct bbuf_queue *q, struct bbuf_info *info)
{
	bbuf_queue_lock(q);
	info->type = q->type;
	info->policy = q->policy;
	info->state = q->state & (BBUF_SHUT | BBUF_DESTROYED);
	if (q->state & BBUF_LEFT)
		info->state |= BBUF_SHUT;
	info->capacity = q->producer.span;
	info->read_mark = q->consumer.mark;
	info->write_mark = q->producer.mark;
	info->bytes = q->producer.pos - q->consumer.pos;
	info->records = q->producer.records - q->consumer.records;
	info->peak = q->peak;
	info->dropped_bytes = q->dropped_bytes;
	info->dropped_records = q->dropped_records;
	info->flushed_bytes = q->flushed_bytes;
	bbuf_side_info(&q->producer, &info->in);
	bbuf_side_info(&q->consumer, &info->out);
	bbuf_queue_unlock(q);
}
