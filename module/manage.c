// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done to a queue rather than with it: opening and closing, ending it and
 * beginning anew, emptying it, changing what it is, telling what it is.
 *
 * All of this takes both sides' locks, see queue.c.
 */
#include <linux/minmax.h>
#include <linux/wait.h>

#include "lease.h"
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
	bbuf_queue_update_end(q);
}

/*
 * Those who wait are told that it is the end, even if it is taken back before they
 * wake up. Readers of what is still queued get that first, and see no end if it has
 * been taken back by then.
 */
static void bbuf_queue_end_calls(struct bbuf_queue *q)
{
	if (q->state & BBUF_DESTROYED) {
		bbuf_side_end_calls(&q->producer, -ENODEV, 0);
		bbuf_side_end_calls(&q->consumer, -ENODEV, 0);
		return;
	}
	bbuf_side_end_calls(&q->producer, -EPIPE, 0);
	if (q->consumer.ended && !bbuf_side_avail(&q->consumer))
		bbuf_side_end_calls(&q->consumer, BBUF_THE_END, 0);
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

/* Nobody copies; or it doesn't matter any more. */
static bool bbuf_queue_idle(const struct bbuf_queue *q)
{
	return (!READ_ONCE(q->producer.busy) && !READ_ONCE(q->consumer.busy)) ||
	       (READ_ONCE(q->state) & BBUF_DESTROYED);
}

/* Take both locks at a moment when nobody copies; on failure none is held. */
static int bbuf_queue_lock_idle(struct bbuf_queue *q, bool nowait)
{
	int ret;

	for (;;) {
		bbuf_queue_lock(q);
		ret = q->state & BBUF_DESTROYED ? -ENODEV : 0;
		if (!ret && bbuf_queue_idle(q))
			return 0;
		bbuf_queue_unlock(q);
		if (!ret && nowait)
			ret = -EAGAIN;
		if (!ret)
			ret = wait_event_interruptible(q->idle, bbuf_queue_idle(q));
		if (ret)
			return ret;
	}
}

static void bbuf_queue_notify(struct bbuf_queue *q)
{
	bbuf_side_notify(&q->producer);
	bbuf_side_notify(&q->consumer);
	bbuf_queue_drained(q);
	wake_up(&q->idle);
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
	if (!ret && set)
		bbuf_queue_end_calls(q);
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
	if (left) {
		bbuf_queue_set_state(q, q->state | BBUF_LEFT);
		bbuf_queue_end_calls(q);
	}
	bbuf_queue_unlock(q);
	if (left)
		bbuf_queue_notify(q);
}

/* Bytes of the ring that what is queued in it takes. Both sides' locks are held. */
static size_t bbuf_queue_stored(const struct bbuf_queue *q)
{
	size_t from = q->consumer.off, to = q->producer.off;

	if (!bbuf_queue_in_ring(q))
		return 0;
	return to > from ? to - from : q->ring.size - from + to;
}

/**
 * bbuf_queue_flush() - discard what is queued
 * @q: the queue
 * @nowait: don't wait until somebody's copy is complete
 *
 * Return: 0, -EAGAIN (@nowait), -ENODEV, or -ERESTARTSYS for a signal.
 */
int bbuf_queue_flush(struct bbuf_queue *q, bool nowait)
{
	struct bbuf_side *side = &q->consumer;
	size_t bytes;
	int ret;

	ret = bbuf_queue_lock_idle(q, nowait);
	if (ret)
		return ret;
	bytes = bbuf_side_avail(side);
	q->flushed_bytes += bytes;
	if (q->leases)
		bbuf_leases_flush(q, bbuf_queue_stored(q));
	else
		bbuf_side_moved(side, bytes, bbuf_queue_stored(q),
				q->producer.records - side->records);
	bbuf_queue_unlock(q);
	if (q->leases) {
		bbuf_leases_tell_gone(q);
		bbuf_leases_tell_back(q);
	}
	return 0;
}

/* Put what is queued into another ring; @fresh has the old one's memory then. */
static void bbuf_queue_set_ring(struct bbuf_queue *q, struct bbuf_ring *fresh)
{
	size_t stored = bbuf_queue_stored(q);

	bbuf_ring_read(&q->ring, q->consumer.off, fresh->data, stored);
	q->consumer.off = 0;
	q->producer.off = bbuf_ring_step(fresh, 0, stored);
	bbuf_ring_swap(&q->ring, fresh);
}

/* The marks that @set asks for, with @capacity, or that follow from it. */
static int bbuf_queue_marks(const struct bbuf_queue *q, const struct bbuf_set *set,
			    size_t capacity, size_t *read_mark, size_t *write_mark)
{
	size_t most;

	*read_mark = min(q->consumer.mark, capacity);
	if (set->fields & BBUF_SET_READ_MARK)
		*read_mark = min_t(u64, set->read_mark, SIZE_MAX);
	if (!*read_mark || *read_mark > capacity || (q->type == BBUF_RECORD && *read_mark != 1))
		return -EINVAL;

	/* Whenever there is too little room for writers there is enough for readers. */
	most = capacity - (*read_mark - 1);
	*write_mark = q->write_mark;
	if (set->fields & BBUF_SET_WRITE_MARK)
		*write_mark = min_t(u64, set->write_mark ?: U64_MAX, SIZE_MAX);
	else if (set->fields & BBUF_SET_CAPACITY)
		*write_mark = min(*write_mark, most);
	return *write_mark > most ? -EINVAL : 0;
}

static int bbuf_queue_apply(struct bbuf_queue *q, const struct bbuf_set *set,
			    struct bbuf_ring *fresh)
{
	size_t capacity = q->producer.span;
	size_t read_mark, write_mark;
	int ret;

	if (set->fields & BBUF_SET_CAPACITY)
		capacity = set->capacity;
	ret = bbuf_queue_marks(q, set, capacity, &read_mark, &write_mark);
	if (ret)
		return ret;
	if (q->producer.span - bbuf_side_avail(&q->producer) > capacity)
		return -EBUSY;

	if (set->fields & BBUF_SET_CAPACITY)
		bbuf_queue_set_ring(q, fresh);
	WRITE_ONCE(q->policy, (q->policy & ~set->policy_mask) | set->policy);
	if (!(q->policy & BBUF_EOF_ON_CLOSE))
		bbuf_queue_set_state(q, q->state & ~BBUF_LEFT);
	bbuf_queue_set_limits(q, capacity, read_mark, write_mark);
	if (q->leases)
		bbuf_leases_set(q, set);
	if (q->type == BBUF_RECORD)
		bbuf_side_end_calls(&q->producer, -EMSGSIZE, capacity);
	return 0;
}

/* With memory if the ring that it replaces has any, which is to be seen with the locks. */
static int bbuf_queue_set_locked(struct bbuf_queue *q, const struct bbuf_set *set,
				 struct bbuf_ring *fresh, bool nowait)
{
	int ret;

	for (;;) {
		bool resize = set->fields & BBUF_SET_CAPACITY;

		if (resize && READ_ONCE(q->ring.data)) {
			ret = bbuf_ring_alloc(fresh);
			if (ret)
				return ret;
		}
		ret = bbuf_queue_lock_idle(q, nowait);
		if (ret)
			return ret;
		if (!resize || fresh->data || !READ_ONCE(q->ring.data))
			break;
		bbuf_queue_unlock(q);
	}
	ret = bbuf_queue_apply(q, set, fresh);
	bbuf_queue_unlock(q);
	bbuf_queue_notify(q);
	return ret;
}

/**
 * bbuf_queue_set() - change what a queue is, while it is in use
 * @q: the queue
 * @set: what is to change; its fields and policies are known ones, its capacity no
 *       more than the limits
 * @nowait: don't wait until somebody's copy, or change, is complete
 *
 * A new capacity takes new memory, charged to the caller, and moves what is queued
 * there. All or nothing happens.
 *
 * Return: 0, -EINVAL (marks of 0, beyond the capacity, or that exclude each other),
 * -EBUSY (more is queued or leased than the capacity), -ENOMEM, -EAGAIN (@nowait), -ENODEV, or
 * -ERESTARTSYS for a signal.
 */
int bbuf_queue_set(struct bbuf_queue *q, const struct bbuf_set *set, bool nowait)
{
	struct bbuf_ring fresh;
	int ret;

	bbuf_ring_init(&fresh, bbuf_queue_ring_size(q, set->capacity));
	if (nowait)
		ret = mutex_trylock(&q->setting) ? 0 : -EAGAIN;
	else
		ret = mutex_lock_interruptible(&q->setting) ? -ERESTARTSYS : 0;
	if (ret)
		return ret;
	ret = bbuf_queue_set_locked(q, set, &fresh, nowait);
	mutex_unlock(&q->setting);
	bbuf_ring_uninit(&fresh);
	return ret;
}

static void bbuf_side_info(struct bbuf_side *side, struct bbuf_side_info *info)
{
	info->bytes = side->bytes;
	info->records = side->records;
	info->files = side->files;
	info->waiters = side->waiters;
	info->blocked = side->blocked;
	info->blocked_ns = side->blocked_ns;
	info->wakeups = side->wakeups;
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
	info->state = q->state;
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
	if (q->leases)
		bbuf_leases_info(q, info);
	bbuf_queue_unlock(q);
}
