// SPDX-License-Identifier: GPL-2.0-only
/*
 * Management of a queue, rather than its use: open and close, shutdown and reopening, flush,
 * settings, information.
 *
 * All of this takes both sides' locks, see queue.c.
 */
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "io.h"
#include "lease.h"
#include "manage.h"
#include "queue.h"
#include "token.h"
#include "trace.h"

/* Set the state, and what follows from it. Both sides' locks are held. */
static void bbuf_queue_set_state(struct bbuf_queue *q, u32 state)
{
	lockdep_assert_held(&q->producer.lock);
	lockdep_assert_held(&q->consumer.lock);

	WRITE_ONCE(q->state, state);
	/* Release: a task that sees the shutdown sees the final position, and the state. */
	smp_store_release(&q->producer.ended, state);
	bbuf_queue_update_eof(q);
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

/*
 * Check that no side is copying, or, for a flush, that no reader is; or that the queue was
 * destroyed. Bytes that a producer is copying are not queued yet.
 */
static bool bbuf_queue_is_idle(const struct bbuf_queue *q, bool flush)
{
	if (READ_ONCE(q->state) & BBUF_DESTROYED)
		return true;
	return !READ_ONCE(q->consumer.busy) && (flush || !READ_ONCE(q->producer.busy));
}

/* Take both locks while no side is copying; on failure none is held. */
static int bbuf_queue_lock_idle(struct bbuf_queue *q, bool flush, bool nowait)
{
	int ret;

	for (;;) {
		bbuf_queue_lock(q);
		ret = q->state & BBUF_DESTROYED ? -ENODEV : 0;
		if (!ret && bbuf_queue_is_idle(q, flush))
			return 0;
		bbuf_queue_unlock(q);
		if (!ret && nowait)
			ret = -EAGAIN;
		if (!ret)
			ret = wait_event_interruptible(q->idle, bbuf_queue_is_idle(q, flush));
		if (ret)
			return ret;
	}
}

/* Wake all waiters and pollers that may proceed. */
static void bbuf_queue_notify(struct bbuf_queue *q)
{
	bbuf_side_notify(&q->producer, SIZE_MAX, SIZE_MAX);
	bbuf_side_notify(&q->consumer, SIZE_MAX, SIZE_MAX);
	bbuf_queue_wake_drainers(q);
	wake_up(&q->idle);
	if (q->leases)
		bbuf_leases_wake_full(q);
}

/**
 * struct bbuf_end_list - waiters to end at a shutdown or destruction
 * @writers: producers that joined the wait list before this many had, or 0
 * @readers: the same for consumers
 * @error: error of the writers, and of readers if the queue was destroyed
 */
struct bbuf_end_list {
	u64 writers;
	u64 readers;
	int error;
};

/* Select the current waiters. Both sides' locks are held. */
static struct bbuf_end_list bbuf_queue_select_waiters(const struct bbuf_queue *q)
{
	const struct bbuf_side *side = &q->consumer;
	bool destroyed = q->state & BBUF_DESTROYED;
	bool eof = destroyed || (side->ended && !bbuf_side_avail(side));

	return (struct bbuf_end_list) {
		.writers = q->producer.joined,
		.readers = eof ? side->joined : 0,
		.error = destroyed ? -ENODEV : -EPIPE,
	};
}

/* Drop the locks between two batches of waiters that are ended. */
static void bbuf_queue_yield_locks(struct bbuf_queue *q)
{
	bbuf_queue_unlock(q);
	cond_resched();
	bbuf_queue_lock(q);
}

/*
 * The waiters learn of the shutdown even if the queue is reopened before they wake up. Readers of
 * what is still queued get that first, and no EOF if the queue was reopened by then. Both sides'
 * locks are held, and dropped.
 */
static void bbuf_queue_unlock_and_end(struct bbuf_queue *q)
{
	const struct bbuf_end_list end_list = bbuf_queue_select_waiters(q);
	int end = end_list.error == -ENODEV ? -ENODEV : BBUF_EOF;

	while (bbuf_side_end_waiters(&q->producer, end_list.error, end_list.writers))
		bbuf_queue_yield_locks(q);
	bbuf_queue_yield_locks(q);
	while (bbuf_side_end_waiters(&q->consumer, end, end_list.readers))
		bbuf_queue_yield_locks(q);
	bbuf_queue_unlock(q);
	bbuf_queue_notify(q);
}

/* Add to the state, or remove from it, and wake waiters and pollers. */
static int bbuf_queue_change_state(struct bbuf_queue *q, u32 set, u32 clear)
{
	bbuf_queue_lock(q);
	if (q->state & BBUF_DESTROYED) {
		bbuf_queue_unlock(q);
		return -ENODEV;
	}
	bbuf_queue_set_state(q, (q->state | set) & ~clear);
	if (set) {
		bbuf_queue_unlock_and_end(q);
		return 0;
	}
	bbuf_queue_unlock(q);
	bbuf_queue_notify(q);
	return 0;
}

/**
 * bbuf_queue_shutdown() - refuse further writes; report EOF once the queue is empty
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
 * bbuf_queue_reopen() - take back a shutdown, and EOF after the last writer has closed
 * @q: the queue
 *
 * Return: 0, also if it was not shut down, or -ENODEV.
 */
int bbuf_queue_reopen(struct bbuf_queue *q)
{
	return bbuf_queue_change_state(q, 0, BBUF_SHUT | BBUF_LEFT);
}

/**
 * bbuf_queue_destroy() - fail all current and future calls with -ENODEV
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
 * @mode: mode of the file: FMODE_READ, FMODE_WRITE
 *
 * A writer clears BBUF_LEFT, which the last writer has left behind.
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
 * @mode: mode that it was opened with
 */
void bbuf_queue_release(struct bbuf_queue *q, fmode_t mode)
{
	bool left = false;

	bbuf_queue_lock(q);
	q->consumer.files -= !!(mode & FMODE_READ);
	if (mode & FMODE_WRITE)
		left = !--q->producer.files && (q->policy & BBUF_EOF_ON_CLOSE);
	if (!left) {
		bbuf_queue_unlock(q);
		return;
	}
	bbuf_queue_set_state(q, q->state | BBUF_LEFT);
	bbuf_queue_unlock_and_end(q);
}

/* Bytes of the ring that are in use. Both sides' locks are held. */
static size_t bbuf_queue_stored(const struct bbuf_queue *q)
{
	size_t from = q->consumer.off, to = q->producer.off;

	if (!bbuf_queue_in_ring(q))
		return 0;
	return to > from ? to - from : q->ring.size - from + to;
}

/* Discard all that is in the ring, in one step. Both sides' locks are held. */
static void bbuf_queue_flush_ring(struct bbuf_queue *q)
{
	struct bbuf_side *side = &q->consumer;
	size_t bytes = bbuf_side_avail(side);
	u64 records = q->producer.records - side->records;

	q->flushed_bytes += bytes;
	q->flushed_records += records;
	bbuf_side_advance(side, bytes, bbuf_queue_stored(q), records);
	trace_bbuf_batch(q, "flush", 0, !!bytes);
}

/*
 * Discard what is in the ring, and as many requeued items as there are now, a batch at a time. Both
 * sides' locks are held, and dropped.
 */
static int bbuf_queue_flush_leases(struct bbuf_queue *q, bool nowait)
{
	size_t left = q->leases->requeued_count;
	struct bbuf_lease_changes changes = { };
	LIST_HEAD(items);
	int ret = 0;

	bbuf_leases_flush_ring(q, bbuf_queue_stored(q), &changes);
	for (;;) {
		left -= bbuf_leases_flush(q, left, &items, &changes);
		left = min(left, q->leases->requeued_count);
		bbuf_queue_unlock(q);
		bbuf_leases_free(&items);
		bbuf_leases_notify(q, &changes);
		if (!left)
			return 0;
		INIT_LIST_HEAD(&items);
		changes = (struct bbuf_lease_changes) { };
		ret = bbuf_queue_lock_idle(q, true, nowait);
		if (ret)	/* A restarted call would discard later writes. */
			return ret == -ERESTARTSYS ? -EINTR : ret;
	}
}

/**
 * bbuf_queue_flush() - discard what is queued
 * @q: the queue
 * @nowait: don't wait until a reader's copy is complete
 *
 * Return: 0, -EAGAIN (@nowait), -ENODEV, or -ERESTARTSYS for a signal; also -EINTR or -EAGAIN if
 * only some of the requeued items were discarded.
 */
int bbuf_queue_flush(struct bbuf_queue *q, bool nowait)
{
	int ret;

	ret = bbuf_queue_lock_idle(q, true, nowait);
	if (ret)
		return ret;
	if (q->leases)
		return bbuf_queue_flush_leases(q, nowait);
	bbuf_queue_flush_ring(q);
	bbuf_queue_unlock(q);
	return 0;
}

/* A change of the capacity, at the head of both wait lists. */
struct bbuf_resize {
	struct bbuf_waiter writer;
	struct bbuf_waiter reader;
};

static void bbuf_resize_begin(struct bbuf_queue *q, struct bbuf_resize *resize)
{
	const struct bbuf_io_opts blocking_opts = { .deadline = BBUF_NEVER };

	bbuf_waiter_init(&resize->writer, blocking_opts, 1);
	bbuf_waiter_init(&resize->reader, blocking_opts, 1);
	resize->writer.resizes = true;
	resize->reader.resizes = true;
	bbuf_side_hold_busy(&q->producer, &resize->writer);
	bbuf_side_hold_busy(&q->consumer, &resize->reader);
}

/* Returns whether this call has owned both sides throughout: the queue was not destroyed. */
static bool bbuf_resize_clear_busy(struct bbuf_queue *q, struct bbuf_resize *resize)
{
	bbuf_side_end_busy(&q->producer, &resize->writer);
	bbuf_side_end_busy(&q->consumer, &resize->reader);
	return !resize->writer.result && !resize->reader.result;
}

/* Both sides' locks are held, and dropped. */
static void bbuf_resize_end(struct bbuf_queue *q, struct bbuf_resize *resize)
{
	/* First the producers: while one of them waits, readers take less than their mark. */
	bbuf_side_exit(&q->producer, &resize->writer);
	bbuf_side_exit(&q->consumer, &resize->reader);
}

/*
 * Copy what is queued into another ring. Meanwhile neither side moves, and no lock is held: calls
 * wait behind this one, or fail with EAGAIN. False if the queue was destroyed. Both sides' locks
 * are held before and afterwards.
 */
static bool bbuf_resize_copy(struct bbuf_queue *q, struct bbuf_ring *fresh,
			     struct bbuf_resize *resize)
{
	size_t stored = bbuf_queue_stored(q), off = q->consumer.off, done, n;

	bbuf_resize_begin(q, resize);
	bbuf_queue_unlock(q);
	for (done = 0; done < stored; done += n) {
		n = min_t(size_t, stored - done, BBUF_LOCKED_BATCH);
		bbuf_ring_read(&q->ring, bbuf_ring_step(&q->ring, off, done),
			       fresh->data + done, n);
		cond_resched();
	}
	bbuf_queue_lock(q);
	return bbuf_resize_clear_busy(q, resize);
}

/* Replace the ring with the copy; @fresh has the memory of the old one afterwards. */
static void bbuf_queue_set_ring(struct bbuf_queue *q, struct bbuf_ring *fresh)
{
	size_t stored = bbuf_queue_stored(q);

	q->consumer.off = 0;
	q->producer.off = bbuf_ring_step(fresh, 0, stored);
	bbuf_ring_swap(&q->ring, fresh);
}

/* Get the marks that @set asks for with @capacity, or that follow from it. */
static int bbuf_queue_check_marks(const struct bbuf_queue *q, const struct bbuf_set *set,
				  size_t capacity, size_t *read_mark, size_t *write_mark)
{
	size_t most;

	*read_mark = min(q->consumer.mark, capacity);
	if (set->fields & BBUF_SET_READ_MARK)
		*read_mark = min_t(u64, set->read_mark, SIZE_MAX);
	if (!*read_mark || *read_mark > capacity || (q->type == BBUF_RECORD && *read_mark != 1))
		return -EINVAL;

	/* Whenever there is too little room for writers, there must be enough data for readers. */
	most = capacity - (*read_mark - 1);
	*write_mark = q->write_mark;
	if (set->fields & BBUF_SET_WRITE_MARK)
		*write_mark = min_t(u64, set->write_mark ?: U64_MAX, SIZE_MAX);
	else if (set->fields & BBUF_SET_CAPACITY)
		*write_mark = min(*write_mark, most);
	return *write_mark > most ? -EINVAL : 0;
}

/* Check the new settings against the queue's state. Both sides' locks are held. */
static int bbuf_queue_check(const struct bbuf_queue *q, const struct bbuf_set *set,
			    size_t *capacity, size_t *read_mark, size_t *write_mark)
{
	int ret;

	*capacity = q->producer.window;
	if (set->fields & BBUF_SET_CAPACITY)
		*capacity = set->capacity;
	ret = bbuf_queue_check_marks(q, set, *capacity, read_mark, write_mark);
	if (ret)
		return ret;
	return q->producer.window - bbuf_side_avail(&q->producer) > *capacity ? -EBUSY : 0;
}

static void bbuf_queue_apply(struct bbuf_queue *q, const struct bbuf_set *set, size_t capacity,
			     size_t read_mark, size_t write_mark)
{
	WRITE_ONCE(q->policy, (q->policy & ~set->policy_mask) | set->policy);
	if (!(q->policy & BBUF_EOF_ON_CLOSE))
		bbuf_queue_set_state(q, q->state & ~BBUF_LEFT);
	bbuf_queue_set_limits(q, capacity, read_mark, write_mark);
	if (q->leases)
		bbuf_leases_set(q, set);
}

/* Both sides' locks are held, and dropped. */
static int bbuf_queue_resize(struct bbuf_queue *q, const struct bbuf_set *set,
			     struct bbuf_ring *fresh)
{
	size_t capacity, read_mark, write_mark;
	struct bbuf_resize resize;
	bool whole;
	int ret;

	ret = bbuf_queue_check(q, set, &capacity, &read_mark, &write_mark);
	if (ret) {
		bbuf_queue_unlock(q);
		return ret;
	}
	whole = bbuf_resize_copy(q, fresh, &resize);
	/* Leases may have been settled meanwhile, but nothing was queued. */
	if (whole) {
		bbuf_queue_set_ring(q, fresh);
		bbuf_queue_apply(q, set, capacity, read_mark, write_mark);
	}
	bbuf_resize_end(q, &resize);
	return whole ? 0 : -ENODEV;
}

/* Both sides' locks are held, and dropped. */
static int bbuf_queue_set_rest(struct bbuf_queue *q, const struct bbuf_set *set)
{
	size_t capacity, read_mark, write_mark;
	int ret;

	ret = bbuf_queue_check(q, set, &capacity, &read_mark, &write_mark);
	if (!ret)
		bbuf_queue_apply(q, set, capacity, read_mark, write_mark);
	bbuf_queue_unlock(q);
	return ret;
}

static int bbuf_queue_set_locked(struct bbuf_queue *q, const struct bbuf_set *set,
				 struct bbuf_ring *fresh, bool nowait)
{
	bool resize = set->fields & BBUF_SET_CAPACITY;
	int ret = resize ? bbuf_ring_alloc(fresh) : 0;

	if (ret)
		return ret;
	ret = bbuf_queue_lock_idle(q, false, nowait);
	if (ret)
		return ret;
	if (resize)
		ret = bbuf_queue_resize(q, set, fresh);
	else
		ret = bbuf_queue_set_rest(q, set);
	bbuf_queue_notify(q);
	return ret;
}

/**
 * bbuf_queue_set() - change the settings of a queue, while it is in use
 * @q: the queue
 * @set: settings to change; its fields and policies are valid, its capacity within the limits
 * @nowait: don't wait until a copy, or another change, is complete
 *
 * A new capacity takes new memory, charged to the caller, and what is queued is copied there;
 * meanwhile no one reads or writes. Either all settings are changed or none.
 *
 * Return: 0, -EINVAL (marks of 0, beyond the capacity, or that exclude each other), -EBUSY (more is
 * queued or leased than the capacity), -ENOMEM, -EAGAIN (@nowait), -ENODEV, or -ERESTARTSYS for a
 * signal.
 */
int bbuf_queue_set(struct bbuf_queue *q, const struct bbuf_set *set, bool nowait)
{
	struct bbuf_ring fresh;
	int ret;

	bbuf_ring_init(&fresh, bbuf_queue_ring_size(q, set->capacity));
	if (nowait)
		ret = mutex_trylock(&q->set_lock) ? 0 : -EAGAIN;
	else
		ret = mutex_lock_interruptible(&q->set_lock) ? -ERESTARTSYS : 0;
	if (ret)
		return ret;
	ret = bbuf_queue_set_locked(q, set, &fresh, nowait);
	mutex_unlock(&q->set_lock);
	bbuf_ring_uninit(&fresh);
	return ret;
}

static void bbuf_side_info(const struct bbuf_side *side, struct bbuf_side_info *info)
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
 * bbuf_queue_info() - report the settings, the contents and the totals of a queue
 * @q: the queue
 * @info: filled in, but for the name
 */
void bbuf_queue_info(struct bbuf_queue *q, struct bbuf_info *info)
{
	bbuf_queue_lock(q);
	info->type = q->type;
	info->policy = q->policy;
	info->state = q->state;
	info->capacity = q->producer.window;
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
	/*
	 * Writes that were dropped as the newest were accepted as well; no one read what was
	 * discarded.
	 */
	info->in.bytes += q->dropped_new_bytes;
	info->in.records += q->dropped_new_records;
	info->out.bytes -= q->dropped_bytes - q->dropped_new_bytes + q->flushed_bytes;
	info->out.records -= q->dropped_records - q->dropped_new_records + q->flushed_records;
	if (q->leases)
		bbuf_leases_info(q, info);
	bbuf_queue_unlock(q);
}
