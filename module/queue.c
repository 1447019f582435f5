// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bounded buffer: who may go, who waits, who is woken.
 *
 * A queue has two sides, producers and consumers, that mirror each other. Each
 * side has a position, the bytes it has moved since the queue was made. Consumers
 * may go on to where the producers are; producers to the capacity beyond where
 * the consumers are. So one side's progress is the other's chance, and everything
 * below is written once, for "the side" and "its peer".
 *
 * Locks
 *
 *   side->lock       Mutex. Held to move @pos and @off and to join or leave the
 *                    line. Copies are made under it with page faults disabled,
 *                    so that it is never held while anybody sleeps: not for room,
 *                    not for data, not for a page of user memory. A call that may
 *                    not wait can take it. The two sides' mutexes are never held
 *                    together: no reader waits for a writer's copy.
 *   side->line_lock  Spinlock, inside either side's mutex. The line of waiters
 *                    changes under both locks of the side; so the side reads it
 *                    under the mutex, and whoever calls the front under the
 *                    spinlock. @wanted is written under the spinlock, @closed
 *                    under the mutex, both are read without.
 *   q->drain_lock    Spinlock, inside the consumers' mutex: those in fsync.
 *   side->poll.lock  Of the wait queue; inside a mutex, not inside a spinlock.
 *
 * The line
 *
 *   Who can't go on joins the line and sleeps there. Only its front may go, and
 *   only the front is ever called: by the peer that made what it needs, or by the
 *   one before it when that leaves. It stays in front until it is served or gives
 *   up (a signal), so that order is kept; and one event wakes one.
 *
 *   A call that doesn't wait never joins to sleep. It may go past those who do,
 *   but past each of them only once; then that one is firm, and as long as it is
 *   in front the side is closed: calls that don't wait get EAGAIN and poll reports
 *   the side as not ready. Neither kind can starve the other.
 *
 *   Who must sleep in the middle of its work, because it writes more than the
 *   capacity or because a page of its memory is missing, goes to the front of the
 *   line and is firm at once. Being there it owns the side without any lock: all
 *   others queue up behind it, or get EAGAIN.
 *
 * Why no wakeup is lost
 *
 *   Who waits says so first and looks afterwards; who moves goes first and looks
 *   for waiters afterwards. A full barrier stands between the two steps of each,
 *   so at least one of them sees the other:
 *
 *     A  the mover: @pos is published; smp_mb(); then it reads @wanted, @closed,
 *        the poll queue, @fasync and @drains.        bbuf_side_notify(), moved()
 *     B  who waits: @wanted is set (or @closed cleared, the poll queue or @drains
 *        joined); smp_mb(); then it reads @pos.      wait(), exit(), poll(), ...
 *
 *   The front, once called, is awake until it has looked again under the mutex;
 *   @wanted is 0 meanwhile. Whoever leaves the line, whatever the reason, does B
 *   for the next one: a call that reached somebody who gave up is passed on.
 *
 *   The bytes themselves are ordered by a second pair:
 *
 *     C  copy, then store-release of @pos.           bbuf_side_move()
 *     D  load-acquire of the peer's @pos, then copy. bbuf_side_avail()
 */
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "bbuf.h"

/**
 * struct bbuf_waiter - a call that has its place in the line of a side
 * @node: in bbuf_side.line; empty while the call needs no place
 * @called: completed when @need may be there
 * @need: bytes of room or data without which there is no going on
 * @firm: nobody goes past it: somebody did, or it is at work
 *
 * Lives on its task's stack; changed under both locks of the side.
 */
struct bbuf_waiter {
	struct list_head node;
	struct completion called;
	size_t need;
	bool firm;
};

/**
 * struct bbuf_drainer - a call that waits until a position has been read
 * @node: in bbuf_queue.drains
 * @target: position that the consumers must reach
 * @reached: completed when they have
 */
struct bbuf_drainer {
	struct list_head node;
	unsigned long target;
	struct completion reached;
};

/*
 * How far the side may go: bytes of room for producers, of data for consumers.
 *
 * Without the lock the answer may be old. The own position is read first: the
 * peer can only have gone on since, so the difference is never negative.
 */
static size_t bbuf_side_avail(const struct bbuf_side *side)
{
	/* Acquire: before the peer's. */
	unsigned long pos = smp_load_acquire(&side->pos);

	/* D: what lies before the peer's position was copied before; see C. */
	return smp_load_acquire(&side->peer->pos) + side->span - pos;
}

/* Would a call that doesn't wait find something to do? This is what poll reports. */
static bool bbuf_side_ready(const struct bbuf_side *side)
{
	return !READ_ONCE(side->closed) && bbuf_side_avail(side) >= side->mark;
}

static struct bbuf_waiter *bbuf_side_front(struct bbuf_side *side)
{
	return list_first_entry_or_null(&side->line, struct bbuf_waiter, node);
}

/* Wake the front of the line if it sleeps and has what it needs. */
static void bbuf_side_call(struct bbuf_side *side)
{
	size_t wanted = READ_ONCE(side->wanted);

	if (!wanted || bbuf_side_avail(side) < wanted)
		return;

	spin_lock(&side->line_lock);
	if (side->wanted && bbuf_side_avail(side) >= side->wanted) {
		WRITE_ONCE(side->wanted, 0);
		complete(&bbuf_side_front(side)->called);
	}
	spin_unlock(&side->line_lock);
}

/* Tell those who don't wait in line: poll, epoll, io_uring, SIGIO. */
static void bbuf_side_announce(struct bbuf_side *side)
{
	/* After the full barrier of the caller, A or B. */
	bool polled = waitqueue_active(&side->poll);

	if (!polled && !READ_ONCE(side->fasync))
		return;
	if (!bbuf_side_ready(side))
		return;
	if (polled)
		wake_up_interruptible_poll(&side->poll, side->events);
	kill_fasync(&side->fasync, SIGIO, side->band);
}

/* The peer has moved: whom of this side does it concern? */
static void bbuf_side_notify(struct bbuf_side *side)
{
	smp_mb();	/* A: position, then waiters; see B */
	bbuf_side_call(side);
	bbuf_side_announce(side);
}

/* Take a place in the line, the last or, for who is at work, the first. */
static void bbuf_side_join(struct bbuf_side *side, struct bbuf_waiter *w, size_t need)
{
	lockdep_assert_held(&side->lock);

	init_completion(&w->called);
	w->need = need;
	spin_lock(&side->line_lock);
	if (w->firm) {
		list_add(&w->node, &side->line);
		WRITE_ONCE(side->wanted, 0);
	} else {
		list_add_tail(&w->node, &side->line);
	}
	spin_unlock(&side->line_lock);
}

/* Own the side without its lock, until bbuf_side_exit(). */
static void bbuf_side_hold(struct bbuf_side *side, struct bbuf_waiter *w)
{
	lockdep_assert_held(&side->lock);

	w->firm = true;
	if (list_empty(&w->node))
		bbuf_side_join(side, w, 1);
	WRITE_ONCE(side->closed, true);
}

/* Go past those in line, without waiting; the first of them won't be passed again. */
static int bbuf_side_pass(struct bbuf_side *side, size_t need)
{
	struct bbuf_waiter *front = bbuf_side_front(side);

	lockdep_assert_held(&side->lock);

	if (side->closed || bbuf_side_avail(side) < need)
		return -EAGAIN;
	if (front) {
		front->firm = true;
		WRITE_ONCE(side->closed, true);
	}
	return 0;
}

/* Sleep in line, with the lock dropped, until in front and @need bytes are there. */
static int bbuf_side_wait(struct bbuf_side *side, struct bbuf_waiter *w, size_t need)
{
	int ret = 0;

	lockdep_assert_held(&side->lock);

	while (!ret && (bbuf_side_front(side) != w || bbuf_side_avail(side) < need)) {
		reinit_completion(&w->called);
		spin_lock(&side->line_lock);
		w->need = need;
		if (bbuf_side_front(side) == w)
			WRITE_ONCE(side->wanted, need);
		spin_unlock(&side->line_lock);

		smp_mb();	/* B: wanted, then position; see A */
		bbuf_side_call(side);

		mutex_unlock(&side->lock);
		ret = wait_for_completion_interruptible(&w->called);
		mutex_lock(&side->lock);
	}
	return ret;
}

/*
 * Come to where @need bytes may be moved. The lock is held before and after, also
 * on failure, and dropped for any sleep.
 */
static int bbuf_side_enter(struct bbuf_side *side, struct bbuf_waiter *w, size_t need, bool nowait)
{
	if (nowait)
		return bbuf_side_pass(side, need);
	if (list_empty(&w->node)) {
		if (list_empty(&side->line) && bbuf_side_avail(side) >= need)
			return 0;
		bbuf_side_join(side, w, need);
	}
	return bbuf_side_wait(side, w, need);
}

/* Leave the line; true if that opens the side again to those who don't wait. */
static bool bbuf_side_leave(struct bbuf_side *side, struct bbuf_waiter *w)
{
	bool was_front = bbuf_side_front(side) == w;
	bool was_closed = side->closed;
	struct bbuf_waiter *next;

	lockdep_assert_held(&side->lock);

	spin_lock(&side->line_lock);
	list_del(&w->node);
	next = bbuf_side_front(side);
	if (was_front) {
		WRITE_ONCE(side->wanted, next ? next->need : 0);
		WRITE_ONCE(side->closed, next && next->firm);
	}
	spin_unlock(&side->line_lock);
	return was_closed && !side->closed;
}

/* Be done: drop the lock and hand on what is left to whoever comes next. */
static void bbuf_side_exit(struct bbuf_side *side, struct bbuf_waiter *w)
{
	bool queued = !list_empty(&w->node);
	bool reopened = queued && bbuf_side_leave(side, w);

	mutex_unlock(&side->lock);
	if (!queued)
		return;
	smp_mb();	/* B: wanted and closed, then position; see A */
	bbuf_side_call(side);
	if (reopened)
		bbuf_side_announce(side);
}

/* Complete those in fsync whose bytes have all been read. */
static void bbuf_queue_drained(struct bbuf_queue *q)
{
	struct bbuf_drainer *d, *next;
	unsigned long pos;

	if (list_empty(&q->drains))
		return;

	spin_lock(&q->drain_lock);
	/* Acquire: readers are done with what fsync reports as read. */
	pos = smp_load_acquire(&q->consumer.pos);
	list_for_each_entry_safe(d, next, &q->drains, node) {
		if ((long)(pos - d->target) >= 0) {
			list_del_init(&d->node);
			complete(&d->reached);
		}
	}
	spin_unlock(&q->drain_lock);
}

/* Publish that @n bytes have been copied, and tell whom it concerns. */
static void bbuf_side_moved(struct bbuf_queue *q, struct bbuf_side *side, size_t n)
{
	lockdep_assert_held(&side->lock);

	if (!n)
		return;
	side->off = bbuf_ring_step(&q->ring, side->off, n);
	/* C: the copy was made before; see D. */
	smp_store_release(&side->pos, side->pos + n);

	bbuf_side_notify(side->peer);
	if (side == &q->consumer)
		bbuf_queue_drained(q);
}

/*
 * Copy @n bytes, which bbuf_side_enter() found to be there, and publish them.
 *
 * Mostly the user's pages are present, and the copy is made under the lock. If
 * one is not, getting it may take as long as whoever provides it likes: so the
 * rest is copied without the lock, from a place in line that keeps all others
 * off. The same for a waiter that is firm already: it has that place.
 *
 * Returns how many bytes went; fewer than @n if the memory behind @iter is bad.
 */
static size_t bbuf_side_move(struct bbuf_queue *q, struct bbuf_side *side,
			     struct bbuf_waiter *w, struct iov_iter *iter, size_t n)
{
	size_t moved = 0;
	size_t more;

	if (!w->firm) {
		pagefault_disable();
		moved = bbuf_ring_copy(&q->ring, side->off, iter, n);
		pagefault_enable();
		bbuf_side_moved(q, side, moved);
		if (moved == n || !user_backed_iter(iter))
			return moved;
		bbuf_side_hold(side, w);
	}

	mutex_unlock(&side->lock);
	more = bbuf_ring_copy(&q->ring, side->off, iter, n - moved);
	mutex_lock(&side->lock);
	bbuf_side_moved(q, side, more);
	return moved + more;
}

/* Without how much room may a write of @len bytes, @left of them to go, not go on? */
static size_t bbuf_write_need(const struct bbuf_queue *q, size_t len, size_t left, bool nowait)
{
	size_t capacity = q->ring.size;

	if (nowait)
		return len <= min_t(size_t, capacity, PIPE_BUF) ? len : 1;
	if (len <= capacity)
		return len;
	/* In pieces, and neither side wakes the other for each byte. */
	return min(left, max_t(size_t, capacity / 2, 1));
}

/**
 * bbuf_queue_write() - put bytes into a queue
 * @q: the queue
 * @from: the bytes; moves on by as many as were queued
 * @nowait: never sleep for room: all or nothing up to PIPE_BUF bytes and the
 *          capacity, as much as fits beyond
 *
 * A write of up to the capacity waits for room for all of it and goes in whole,
 * a larger one in pieces, both with no other writer's bytes in between. The first
 * write gives the queue its memory, charged to the caller's memory cgroup.
 *
 * Context: process context; may sleep for room unless @nowait, and in any case
 * for the queue's own memory and for pages of the caller's.
 * Return: bytes queued, 0 only if there were none to queue; or, with nothing
 * queued, -EAGAIN (@nowait, and no room or a writer in front), -ERESTARTSYS (a
 * signal), -EFAULT (a bad address), -ENOMEM (no memory for the queue). An error
 * after some bytes gives their count.
 */
ssize_t bbuf_queue_write(struct bbuf_queue *q, struct iov_iter *from, bool nowait)
{
	struct bbuf_side *side = &q->producer;
	struct bbuf_waiter w = { .node = LIST_HEAD_INIT(w.node) };
	const size_t len = iov_iter_count(from);
	const bool pieces = len > q->ring.size && !nowait;
	size_t left = len;
	int ret;

	if (!len)
		return 0;
	ret = bbuf_ring_alloc(&q->ring);
	if (ret)
		return ret;

	mutex_lock(&side->lock);
	do {
		size_t n, moved;

		ret = bbuf_side_enter(side, &w, bbuf_write_need(q, len, left, nowait), nowait);
		if (ret)
			break;
		if (pieces)
			bbuf_side_hold(side, &w);
		n = min(left, bbuf_side_avail(side));
		moved = bbuf_side_move(q, side, &w, from, n);
		left -= moved;
		if (moved < n)
			ret = -EFAULT;
	} while (!ret && left && pieces && !fatal_signal_pending(current));
	bbuf_side_exit(side, &w);

	return left < len ? len - left : ret;
}

/**
 * bbuf_queue_read() - take bytes out of a queue
 * @q: the queue
 * @to: where they go; moves on by as many as were taken
 * @nowait: never sleep for data
 *
 * Takes what is there, up to what @to holds, as soon as there is any. What can't
 * be delivered stays queued.
 *
 * Context: process context; may sleep for data unless @nowait, and in any case
 * for pages of the caller's memory.
 * Return: bytes taken, 0 only if none were asked for; or, with nothing taken,
 * -EAGAIN (@nowait, and nothing queued or a reader in front), -ERESTARTSYS (a
 * signal), -EFAULT (a bad address).
 */
ssize_t bbuf_queue_read(struct bbuf_queue *q, struct iov_iter *to, bool nowait)
{
	struct bbuf_side *side = &q->consumer;
	struct bbuf_waiter w = { .node = LIST_HEAD_INIT(w.node) };
	size_t moved = 0;
	int ret;

	if (!iov_iter_count(to))
		return 0;

	mutex_lock(&side->lock);
	ret = bbuf_side_enter(side, &w, 1, nowait);
	if (!ret) {
		moved = bbuf_side_move(q, side, &w, to,
				       min(iov_iter_count(to), bbuf_side_avail(side)));
		if (!moved)
			ret = -EFAULT;
	}
	bbuf_side_exit(side, &w);

	return moved ?: ret;
}

/**
 * bbuf_queue_used() - how many bytes are queued
 * @q: the queue
 *
 * Return: what reads could take now, no more than the capacity; old as soon as it
 * is returned, if others use the queue.
 */
size_t bbuf_queue_used(const struct bbuf_queue *q)
{
	return min(bbuf_side_avail(&q->consumer), q->ring.size);
}

/**
 * bbuf_queue_drain() - wait until all that is queued now has been read
 * @q: the queue
 *
 * What is queued later doesn't prolong it.
 *
 * Context: process context; sleeps.
 * Return: 0, or -ERESTARTSYS for a signal.
 */
int bbuf_queue_drain(struct bbuf_queue *q)
{
	struct bbuf_drainer d;
	int ret;

	d.target = READ_ONCE(q->producer.pos);
	init_completion(&d.reached);
	spin_lock(&q->drain_lock);
	list_add_tail(&d.node, &q->drains);
	spin_unlock(&q->drain_lock);

	smp_mb();	/* B: drains, then position; see A */
	bbuf_queue_drained(q);
	ret = wait_for_completion_interruptible(&d.reached);

	spin_lock(&q->drain_lock);
	list_del(&d.node);
	spin_unlock(&q->drain_lock);
	return ret;
}

/**
 * bbuf_queue_poll() - what a file may do without waiting
 * @q: the queue
 * @file: an open file of it
 * @wait: where to be told of changes, as poll gives it
 *
 * Return: the events of the sides that @file is open for and that are ready.
 */
__poll_t bbuf_queue_poll(struct bbuf_queue *q, struct file *file, poll_table *wait)
{
	__poll_t events = 0;

	if (file->f_mode & FMODE_READ)
		poll_wait(file, &q->consumer.poll, wait);
	if (file->f_mode & FMODE_WRITE)
		poll_wait(file, &q->producer.poll, wait);

	smp_mb();	/* B: poll queue, then position and closed; see A */
	if ((file->f_mode & FMODE_READ) && bbuf_side_ready(&q->consumer))
		events |= q->consumer.events;
	if ((file->f_mode & FMODE_WRITE) && bbuf_side_ready(&q->producer))
		events |= q->producer.events;
	return events;
}

/**
 * bbuf_queue_fasync() - start or stop SIGIO for a file
 * @q: the queue
 * @fd: as the file operation has it
 * @file: an open file of it
 * @on: start, or stop
 *
 * Return: 0 or a negative errno.
 */
int bbuf_queue_fasync(struct bbuf_queue *q, int fd, struct file *file, int on)
{
	int ret = 0;

	if (file->f_mode & FMODE_READ)
		ret = fasync_helper(fd, file, on, &q->consumer.fasync);
	if (ret >= 0 && (file->f_mode & FMODE_WRITE)) {
		ret = fasync_helper(fd, file, on, &q->producer.fasync);
		if (ret < 0 && (file->f_mode & FMODE_READ))
			fasync_helper(-1, file, 0, &q->consumer.fasync);
	}
	smp_mb();	/* B: fasync, then the position that the caller reads next; see A */
	return min(ret, 0);
}

static void bbuf_side_init(struct bbuf_side *side, struct bbuf_side *peer)
{
	spin_lock_init(&side->line_lock);
	INIT_LIST_HEAD(&side->line);
	init_waitqueue_head(&side->poll);
	side->peer = peer;
}

/**
 * bbuf_queue_init() - make an empty queue
 * @q: zeroed memory for it
 * @capacity: bytes it can hold, 1 to %BBUF_CAPACITY_CEILING
 *
 * Its buffer comes with the first write.
 */
void bbuf_queue_init(struct bbuf_queue *q, size_t capacity)
{
	bbuf_ring_init(&q->ring, capacity);
	spin_lock_init(&q->drain_lock);
	INIT_LIST_HEAD(&q->drains);

	bbuf_side_init(&q->producer, &q->consumer);
	mutex_init(&q->producer.lock);
	q->producer.span = capacity;
	q->producer.mark = min_t(size_t, capacity, PIPE_BUF);
	q->producer.events = EPOLLOUT | EPOLLWRNORM;
	q->producer.band = POLL_OUT;

	bbuf_side_init(&q->consumer, &q->producer);
	mutex_init(&q->consumer.lock);
	q->consumer.mark = 1;
	q->consumer.events = EPOLLIN | EPOLLRDNORM;
	q->consumer.band = POLL_IN;
}

/**
 * bbuf_queue_uninit() - free what belongs to a queue, and what is queued
 * @q: the queue; nobody uses it any more
 */
void bbuf_queue_uninit(struct bbuf_queue *q)
{
	mutex_destroy(&q->consumer.lock);
	mutex_destroy(&q->producer.lock);
	bbuf_ring_uninit(&q->ring);
}
